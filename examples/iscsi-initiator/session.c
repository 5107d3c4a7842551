/* SPDX-License-Identifier: MIT */
/*
 * A session as a link (host/link.h): connecting, logging in, following redirections, submitting, logging out. When the
 * connection is lost all tasks come back with an error; the link is opened anew with the same ISID, which reinstates the
 * session at the target (RFC 7143 6.3.5), and not before the target wants that (7.5): note_peace().
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
	r->status = t->result.status;
	r->sense_len = t->result.sense_len;
	r->in_got = t->result.in_len;
	r->out_left = r->out_len - t->result.out_len;
	r->out_sent = t->result.out_sent;
	r->beyond = (t->result.in_overflow ? t->result.in_residual : 0) + (t->result.out_overflow ? t->result.out_residual : 0);
	r->done(r);
}

/* Sends a logout of the session, once. */
static bool log_out(struct client *c)
{
	if (!c->logging_out && iscsip_initiator_logout(c->conn, ISCSIP_LOGOUT_SESSION, 0, c->link.loop.now) == ISCSIP_OK)
		c->logging_out = true;
	return c->logging_out;
}

/* The target's last words on when it may be asked again. */
static void keep_peace(struct client *c, uint32_t seconds)
{
	c->peace_told = true;
	c->peace_s = seconds;
}

static void on_async(void *user, struct iscsip_conn *conn, const struct iscsip_async_message *a)
{
	struct client *c = user;

	(void)conn;
	tell("%s: asynchronous message %u", c->url.host, a->event);
	if (a->event == ISCSIP_ASYNC_LOGOUT && !log_out(c))
		tell("%s: no logout is possible now", c->url.host); /* then the target ends the connection */
	if (a->event == ISCSIP_ASYNC_DROP_CONNECTION || a->event == ISCSIP_ASYNC_DROP_SESSION)
		keep_peace(c, a->param[1]);
}

static void on_logout(void *user, struct iscsip_conn *conn, int err, uint8_t response, uint16_t time2wait,
		      uint16_t time2retain)
{
	struct client *c = user;

	(void)conn;
	(void)time2retain;
	c->logged_out = true;
	if (err)
		return;
	/* RFC 7143 11.15.3: the field means nothing after a success at recovery level 0, nor for a connection that is unknown */
	if (response == ISCSIP_LOGOUT_CLOSED)
		keep_peace(c, 0);
	else if (response != ISCSIP_LOGOUT_NO_CID)
		keep_peace(c, time2wait);
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
	memcpy(c->home, c->url.host, sizeof c->home);
	memcpy(c->home_port, c->url.port, sizeof c->home_port);
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

/* RFC 7143 7.5: what the target said last, or what was agreed for a connection that ends without a word. */
static void note_peace(struct client *c)
{
	uint32_t seconds = c->peace_told ? c->peace_s : iscsip_session_params(c->session)->default_time2wait;

	if (c->full_feature)
		c->link.not_before = c->link.loop.now + (iscsip_time)seconds * 1000u;
}

static void wire_freed(struct wire *w)
{
	struct client *c = (struct client *)(void *)((char *)w - offsetof(struct client, wire));
	const struct iscsip_error *e = iscsip_conn_error(c->conn);

	c->wire_gone = true;
	pcap_flow_close(&c->flow);
	note_peace(c);
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

/* A connection to where it is now, with a login under way. False with why. */
static bool connect_now(struct client *c, int *fd)
{
	const char *why;

	*fd = net_connect(c->host, c->port, (int)c->link.connect_ms, &why);
	if (*fd < 0)
		snprintf(c->link.why, sizeof c->link.why, "cannot connect to %s:%s: %s", c->host, c->port, why);
	return *fd >= 0;
}

static void begin_login(struct client *c, int fd)
{
	int err;

	c->link.loop.now = loop_clock();
	c->login_ended = c->wire_gone = c->full_feature = c->logging_out = c->logged_out = c->peace_told = false;
	c->login_err = ISCSIP_OK;
	c->login_status = ISCSIP_LOGIN_SUCCESS;
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
}

static void gone(struct client *c)
{
	if (!c->wire_gone)
		wire_close(&c->wire);
	wire_free_dead(&c->link.loop);
	if (iscsip_initiator_session_fini(c->session))
		die("a connection is still in the session");
	c->session = NULL;
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

/*
 * Whether a login that failed may do better later: the target's own trouble (class 3), too many connections, or a connection that
 * ended without a word. Where we were logged in before, a target that is not there may be one that is being started.
 */
static bool passes_by(const struct client *c)
{
	int err = c->login_err ? c->login_err : iscsip_conn_error(c->conn)->code;

	if (c->login_status == ISCSIP_LOGIN_SUCCESS)
		return err == ISCSIP_ECLOSED || err == ISCSIP_ETIMEDOUT || err == ISCSIP_OK;
	return c->login_status >> 8 == 3 || c->login_status == ISCSIP_LOGIN_TOO_MANY_CONNECTIONS ||
	       (c->login_status == ISCSIP_LOGIN_NOT_FOUND && c->link.was_open);
}

/* How an attempt at one address ended: open, refused, or to be tried later; or a redirection (c->login_status). */
static enum link_opened attempt(struct client *c)
{
	enum link_opened how;
	int fd;

	if (!connect_now(c, &fd))
		return errno == ENOENT ? LINK_REFUSED : LINK_LATER;
	begin_login(c, fd);
	while (!c->login_ended && !c->wire_gone)
		loop_round(&c->link.loop, 1000);
	if (c->login_ended && c->login_err == ISCSIP_OK && c->login_status == ISCSIP_LOGIN_SUCCESS) {
		c->full_feature = true;
		c->wire.session_deadline = iscsip_session_deadline(c->session);
		return LINK_OPEN;
	}
	if (!c->wire_gone)
		wire_close(&c->wire);
	wire_free_dead(&c->link.loop);
	how = passes_by(c) ? LINK_LATER : LINK_REFUSED;
	say_refusal(c);
	gone(c);
	return how;
}

/*
 * Follows a redirection. One that is permanent (0102) says where the next login begins too, if all before it were: what a node
 * says of itself holds for those that were sent to it for a while (0101) only as long as they are.
 */
static void follow(struct client *c, bool *for_good)
{
	*for_good &= c->login_status == ISCSIP_LOGIN_MOVED_PERMANENTLY;
	snprintf(c->host, sizeof c->host, "%s", c->redirect.host);
	snprintf(c->port, sizeof c->port, "%u", c->redirect.port);
	if (*for_good) {
		memcpy(c->home, c->host, sizeof c->home);
		memcpy(c->home_port, c->port, sizeof c->home_port);
	}
	tell("redirected to %s:%s", c->host, c->port);
}

static enum link_opened open_link(struct link *l)
{
	struct client *c = client_of(l);
	bool for_good = true;

	memcpy(c->host, c->home, sizeof c->host);
	memcpy(c->port, c->home_port, sizeof c->port);
	for (int i = 0; i < MAX_REDIRECTS; i++) {
		enum link_opened how;

		c->login_status = ISCSIP_LOGIN_SUCCESS;
		how = attempt(c);
		if (how == LINK_OPEN || c->login_status >> 8 != 1)
			return how;
		follow(c, &for_good);
	}
	snprintf(l->why, sizeof l->why, "redirected %d times, given up at %s:%s", MAX_REDIRECTS, c->host, c->port);
	return LINK_LATER; /* nodes that hand a target over to each other may agree in a while */
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
	if (!c->wire_gone && log_out(c)) {
		wire_dirty(&c->wire);
		while (!c->logged_out && !c->wire_gone && loop_clock() < until)
			loop_round(&l->loop, 100);
	}
	gone(c);
}

const struct link_ops iscsi_link = {
	.priv_size = sizeof(struct iscsip_task) + sizeof(struct iscsip_vec),
	.open = open_link,
	.submit = submit,
	.close = close_link,
};

/* Whether the session is as good as gone. */
static bool is_lost(const struct client *c)
{
	return c->wire_gone || iscsip_conn_error(c->conn)->code || c->logging_out;
}

/* True where it was answered; else why is told to the link. */
static bool wait_for_answer(struct client *c, int (*ask)(struct client *c), const char *what)
{
	iscsip_time until = loop_clock() + c->link.timeout_ms;
	bool asked = false;

	c->answered = false;
	while (!c->answered && !is_lost(c)) {
		int err = asked ? 0 : ask(c);

		asked |= err == 0;
		if (err && err != ISCSIP_EAGAIN && !is_lost(c))
			die("%s: %s", what, iscsip_strerror(err));
		wire_dirty(&c->wire);
		loop_round(&c->link.loop, asked ? 200 : 20);
		if (loop_clock() >= until && !c->answered) {
			snprintf(c->link.why, sizeof c->link.why, "%s: no answer within %u s", what, c->link.timeout_ms / 1000);
			return false;
		}
	}
	return c->answered && !(c->answer_err && is_lost(c));
}

/* The reason follows the bytes that ended the connection. */
static void let_it_end(struct client *c)
{
	iscsip_time until = loop_clock() + LOGOUT_MS;

	while (!c->wire_gone && is_lost(c) && loop_clock() < until)
		loop_round(&c->link.loop, 100);
}

bool client_ask(struct client *c, int (*ask)(struct client *c), const char *what, bool lost_is_answer)
{
	iscsip_time until = loop_clock() + c->link.timeout_ms;

	for (;;) {
		if (wait_for_answer(c, ask, what)) {
			if (c->answer_err != ISCSIP_EAGAIN || loop_clock() >= until)
				break;
			link_pause(&c->link); /* the target had no room for it (Reject reason 6) */
			continue;
		}
		let_it_end(c);
		if (lost_is_answer && c->wire_gone)
			return false;
		link_reopen(&c->link);
		until = loop_clock() + c->link.timeout_ms;
	}
	if (c->answer_err)
		die("%s: %s", what, iscsip_strerror(c->answer_err));
	link_progress(&c->link);
	return true;
}
