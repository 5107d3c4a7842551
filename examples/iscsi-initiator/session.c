/* SPDX-License-Identifier: MIT */
/*
 * A session as a link (host/link.h): connecting, logging in, following redirections, submitting, logging out. When the
 * connection is lost all tasks come back with an error; the link is opened anew with the same ISID, which reinstates the
 * session at the target (RFC 7143 6.3.5).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/offer.h"
#include "iscsi-initiator/initiator.h"

#define MAX_REDIRECTS 8
#define LOGOUT_MS 2000u

static struct client *client_of(struct link *l)
{
	return (struct client *)(void *)l;
}

/* --- what the library tells --- */

static void on_login(void *user, struct iscsip_conn *conn, int err, uint16_t status, const struct iscsip_login_info *info)
{
	struct client *c = user;

	(void)conn;
	c->login_ended = true;
	c->login_err = err;
	c->login_status = status;
	if (status >> 8 == 1)
		c->redirect = info->redirect;
}

static void on_chap(void *user, struct iscsip_conn *conn, const struct iscsip_login_info *info,
		    const struct iscsip_chap_ask *ask)
{
	struct client *c = user;

	/* asked for, so taken; a discovery session has no target whose name could be claimed */
	(void)secrets_answer(c->auth, conn, ask, info->target_name[0] ? info->target_name : NULL);
}

static void on_task(void *user, struct iscsip_task *t)
{
	struct request *r = t->user;

	(void)user;
	r->err = t->result.err;
	if (!r->err && (t->result.response || t->result.reject_reason))
		r->err = ISCSIP_EPROTO;
	r->issued = t->result.issued;
	r->status = t->result.status;
	r->sense_len = t->result.sense_len;
	r->in_got = t->result.in_len;
	r->out_left = t->result.out_residual;
	r->done(r);
}

static void on_async(void *user, struct iscsip_conn *conn, const struct iscsip_async_message *a)
{
	struct client *c = user;

	tell("%s: asynchronous message %u", c->url.host, a->event);
	if (a->event == ISCSIP_ASYNC_LOGOUT)
		(void)iscsip_initiator_logout(conn, ISCSIP_LOGOUT_SESSION, 0, c->link.loop.now);
}

static void on_logout(void *user, struct iscsip_conn *conn, int err, uint8_t response, uint16_t time2wait,
		      uint16_t time2retain)
{
	struct client *c = user;

	(void)conn;
	(void)err;
	(void)response;
	(void)time2wait;
	(void)time2retain;
	c->logged_out = true;
}

static const struct iscsip_initiator_ops ops = {
	.struct_size = sizeof(struct iscsip_initiator_ops),
	.login_done = on_login,
	.chap_ask = on_chap,
	.task_done = on_task,
	.tmf_done = on_tmf,
	.ping_done = on_ping,
	.text = on_text,
	.logout_done = on_logout,
	.async = on_async,
};

static void on_trace(void *user, struct iscsip_conn *conn, enum iscsip_trace_event event, const void *p, size_t len)
{
	struct client *c = user;
	bool header = event == ISCSIP_TRACE_RX_HEADER || event == ISCSIP_TRACE_TX_HEADER;

	if (header) {
		const struct iscsip_session *s = iscsip_conn_session(conn);
		unsigned opcode = ((const uint8_t *)p)[0] & 0x3fu;
		bool login = opcode == ISCSIP_OP_LOGIN_REQUEST || opcode == ISCSIP_OP_LOGIN_RESPONSE;

		c->digests = 0;
		if (s && !login)
			c->digests = (uint8_t)((iscsip_session_params(s)->header_digest ? 1u : 0u) |
					       (iscsip_session_params(s)->data_digest ? 2u : 0u));
	}
	if (header && verbosity > 1) {
		struct iscsip_pdu pdu;
		char text[256];

		(void)iscsip_pdu_decode(&pdu, p);
		iscsip_pdu_format(&pdu, text, sizeof text);
		fprintf(stderr, "%s %s\n", event == ISCSIP_TRACE_TX_HEADER ? "->" : "<-", text);
	}
	pcap_iscsi(&c->flow, event, p, len, (c->digests & 1u) != 0, (c->digests & 2u) != 0);
}

static void on_wake(void *user, struct iscsip_conn *conn)
{
	struct client *c = user;

	(void)conn;
	wire_dirty(&c->wire);
}

/* --- opening --- */

void client_init(struct client *c)
{
	c->link.ops = &iscsi_link;
	c->services.struct_size = sizeof c->services;
	c->services.user = c;
	c->services.random = random_bytes;
	c->services.crc32c = iscsip_crc32c_choose();
	c->services.wake = on_wake;
	if (c->pcap || verbosity > 1)
		c->services.trace = on_trace;
	c->config.host = &c->services;
	c->config.offer = &c->offer;
	c->config.login_timeout_ms = c->link.timeout_ms;
	c->config.nop_interval_ms = c->link.timeout_ms / 2;
	c->config.nop_timeout_ms = c->link.timeout_ms / 2;
	c->config.limits.max_tasks = 256;
	c->config.limits.max_tx_pdus = 128;
	offer_must_fit(&c->offer, "");
	if (iscsip_config_check(&c->config))
		usage_error("the values set do not fit each other");
	c->conn_size = iscsip_initiator_conn_size(&c->config);
	c->session_size = iscsip_initiator_session_size(&c->config);
	c->login_size = iscsip_login_size(&c->config);
	c->conn_mem = need(c->conn_size);
	c->session_mem = need(c->session_size);
	c->login_mem = need(c->login_size);
	c->isid[0] = 0x80; /* T = 2: random (RFC 7143 11.12.5) */
	random_bytes(NULL, c->isid + 1, 3);
	memcpy(c->host, c->url.host, sizeof c->host);
	memcpy(c->port, c->url.port, sizeof c->port);
	if (loop_init(&c->link.loop))
		die("event loop: %s", strerror(errno));
}

static void say_error(struct client *c, const struct iscsip_error *e)
{
	const char *reason = iscsip_conn_login_reason(c->conn);
	char text[256];

	iscsip_error_format(e, text, sizeof text);
	snprintf(c->link.why, sizeof c->link.why, "%s%s%s", text, reason[0] ? ": " : "", reason);
}

static void wire_freed(struct wire *w)
{
	struct client *c = (struct client *)(void *)((char *)w - offsetof(struct client, wire));
	const struct iscsip_error *e = iscsip_conn_error(c->conn);

	c->wire_gone = true;
	pcap_flow_close(&c->flow);
	if (c->logged_out)
		return;
	if (e->code == ISCSIP_ECLOSED)
		snprintf(c->link.why, sizeof c->link.why, "%s:%s closed the connection", c->host, c->port);
	else
		say_error(c, e);
}

static void session_due(struct wire *w)
{
	struct client *c = (struct client *)(void *)((char *)w - offsetof(struct client, wire));

	(void)iscsip_session_tick(c->session, c->link.loop.now);
	w->session_deadline = iscsip_session_deadline(c->session);
	wire_dirty(w);
}

static int make_session(struct client *c)
{
	struct iscsip_initiator_identity id = { .target_name = c->url.target[0] ? c->url.target : NULL };

	memcpy(id.isid, c->isid, sizeof id.isid);
	return iscsip_initiator_session_init(&c->session, c->session_mem, c->session_size, &c->config, &id, &ops, c);
}

/* One attempt at one address. 0, or -1 with why. */
static int attempt(struct client *c)
{
	const char *why;
	int err, fd = net_connect(c->host, c->port, (int)c->link.timeout_ms, &why);

	if (fd < 0) {
		snprintf(c->link.why, sizeof c->link.why, "cannot connect to %s:%s: %s", c->host, c->port, why);
		return -1;
	}
	c->link.loop.now = loop_clock();
	c->login_ended = c->wire_gone = c->logged_out = false;
	c->link.why[0] = '\0';
	err = make_session(c);
	if (!err)
		err = iscsip_initiator_conn_init(&c->conn, c->conn_mem, c->conn_size, c->login_mem, c->login_size, c->session,
						 1, c, c->link.loop.now);
	if (err)
		die("%s", iscsip_strerror(err));
	memset(&c->wire, 0, sizeof c->wire);
	c->wire.freed = wire_freed;
	c->wire.asks = true;
	c->wire.session_due = session_due;
	pcap_flow_open(&c->flow, c->pcap, fd, true);
	if (wire_open(&c->wire, &c->link.loop, fd, &wire_iscsi, c->conn))
		die("epoll: %s", strerror(errno));
	wire_dirty(&c->wire);
	while (!c->login_ended && !c->wire_gone)
		loop_round(&c->link.loop, 1000);
	return c->login_ended && c->login_err == ISCSIP_OK && c->login_status == ISCSIP_LOGIN_SUCCESS ? 0 : -1;
}

static void gone(struct client *c)
{
	if (!c->wire_gone)
		wire_close(&c->wire);
	wire_free_dead(&c->link.loop);
	if (iscsip_initiator_session_fini(c->session))
		die("a connection is still in the session");
}

static void say_refusal(struct client *c)
{
	if (c->login_ended && c->login_status != ISCSIP_LOGIN_SUCCESS)
		snprintf(c->link.why, sizeof c->link.why, "login at %s:%s refused: %s (status %04x)", c->host, c->port,
			 iscsip_login_status_name((uint8_t)(c->login_status >> 8), (uint8_t)c->login_status), c->login_status);
	else if (c->login_ended && c->link.why[0] == '\0')
		snprintf(c->link.why, sizeof c->link.why, "login at %s:%s failed: %s", c->host, c->port,
			 iscsip_strerror(c->login_err));
}

static int open_link(struct link *l)
{
	struct client *c = client_of(l);
	int i;

	for (i = 0; i < MAX_REDIRECTS; i++) {
		if (attempt(c) == 0) {
			c->wire.session_deadline = iscsip_session_deadline(c->session);
			return 0;
		}
		if (!c->login_ended && c->link.why[0] && !c->session)
			return -1;
		if (c->session)
			gone(c);
		say_refusal(c);
		c->session = NULL;
		if (!c->login_ended || c->login_status >> 8 != 1)
			return -1;
		snprintf(c->host, sizeof c->host, "%s", c->redirect.host);
		snprintf(c->port, sizeof c->port, "%u", c->redirect.port);
		tell("redirected to %s:%s", c->host, c->port);
	}
	snprintf(c->link.why, sizeof c->link.why, "redirected %d times, given up at %s:%s", MAX_REDIRECTS, c->host, c->port);
	return -1;
}

static int submit(struct link *l, struct request *r)
{
	struct client *c = client_of(l);
	struct iscsip_task *t = (struct iscsip_task *)(void *)r->priv;
	struct iscsip_vec *vec = (struct iscsip_vec *)(void *)(r->priv + sizeof *t);
	int err;

	memset(t, 0, sizeof *t);
	vec->base = r->data;
	vec->len = r->in_len ? r->in_len : r->out_len;
	t->user = r;
	t->lun = r->lun;
	t->attr = ISCSIP_ATTR_SIMPLE;
	memcpy(t->cdb, r->cdb, sizeof t->cdb);
	t->in_vec = r->in_len ? vec : NULL;
	t->in_cnt = r->in_len ? 1 : 0;
	t->in_len = r->in_len;
	t->out_vec = r->out_len ? vec : NULL;
	t->out_cnt = r->out_len ? 1 : 0;
	t->out_len = r->out_len;
	t->sense = r->sense;
	t->sense_cap = sizeof r->sense;
	t->timeout_ms = l->timeout_ms;
	r->err = 0;
	if (c->wire_gone)
		return ISCSIP_ECLOSED;
	err = iscsip_initiator_submit(c->session, t, l->loop.now);
	if (err)
		return err;
	c->wire.session_deadline = 0;
	wire_dirty(&c->wire);
	return 0;
}

static void close_link(struct link *l)
{
	struct client *c = client_of(l);
	iscsip_time until = loop_clock() + LOGOUT_MS;

	if (!c->session)
		return;
	if (!c->wire_gone && iscsip_initiator_logout(c->conn, ISCSIP_LOGOUT_SESSION, 0, l->loop.now) == ISCSIP_OK) {
		wire_dirty(&c->wire);
		while (!c->logged_out && !c->wire_gone && loop_clock() < until)
			loop_round(&l->loop, 100);
	}
	gone(c);
	c->session = NULL;
}

const struct link_ops iscsi_link = {
	.priv_size = sizeof(struct iscsip_task) + sizeof(struct iscsip_vec),
	.open = open_link,
	.submit = submit,
	.close = close_link,
};

void client_wait(struct client *c, const bool *flag, const char *what)
{
	iscsip_time until = loop_clock() + c->link.timeout_ms;

	while (!*flag) {
		if (c->wire_gone)
			die("%s: %s", what, c->link.why);
		if (loop_clock() >= until)
			die("%s: no answer within %u s", what, c->link.timeout_ms / 1000);
		loop_round(&c->link.loop, 200);
	}
}
