/* SPDX-License-Identifier: MIT */
/*
 * Clients: transport connections from accept to close, and what the library tells of them. Logins stand in login.c.
 *
 * A client stands in the door (host/door.h) until its login to a target is complete, and leaves it before its socket is closed
 * at the latest: one that was refused holds a socket, too, until its peer has read why, and a discovery session of nobody who
 * has proved a name holds one for as long as it likes. Then it stands in another, fair one, so that no address has all of
 * what there is: connections, sessions, descriptors.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iscsi-target/target.h"

#define LOGOUT_SECONDS 1u
#define STALL_MS 30000u

static void say_why(const struct client *c)
{
	const struct iscsip_error *e = iscsip_conn_error(c->conn);
	char text[256];

	if (verbosity == 0 || e->code == ISCSIP_OK || e->code == ISCSIP_ECLOSED)
		return;
	iscsip_error_format(e, text, sizeof text);
	tell("%s: %s", c->peer_name, text);
}

static void client_closing(struct wire *w)
{
	struct client *c = (struct client *)(void *)w;

	door_leave(&server.door, &c->place);
	door_leave(&server.present, &c->present);
}

void client_freed(struct wire *w)
{
	struct client *c = (struct client *)(void *)w;

	/* A loop has it in its list still: it comes here again from there. */
	c->forgotten = atomic_load(&c->post.queued);
	if (c->forgotten)
		return;
	if (c->conn)
		say_why(c);
	atomic_fetch_sub(&server.clients, 1);
	pcap_flow_close(&c->pcap);
	if (c->login)
		blocks_give(&server.login_blocks, c->login);
	blocks_give(&server.client_blocks, c);
}

/* What a session waits for: answers to the R2Ts of commands that a reset has aborted. */
static void session_look(struct wire *w)
{
	struct iscsip_session *s = iscsip_conn_session(((struct client *)(void *)w)->conn);
	iscsip_time due = s ? iscsip_session_deadline(s) : ISCSIP_TIME_NEVER;

	if (due != w->session_deadline)
		wire_due(w, due);
}

static void session_due(struct wire *w)
{
	struct iscsip_session *s = iscsip_conn_session(((struct client *)(void *)w)->conn);

	if (s)
		(void)iscsip_session_tick(s, w->loop->now); /* an error is the session's: its connections then want to be closed */
	w->session_deadline = ISCSIP_TIME_NEVER;
	session_look(w);
	wire_dirty(w);
}

static int client_init(struct client *c, struct loop *l, int fd)
{
	int err;

	c->login = blocks_take(&server.login_blocks);
	if (!c->login)
		return -1;
	net_name(fd, true, c->peer_name);
	pcap_flow_open(&c->pcap, server.pcap, fd, false);
	err = iscsip_target_conn_init(&c->conn, c->mem, server.conn_size, c->login, server.login_size, &server.config,
				      &target_ops, c, l->now);
	if (err) {
		complain("%s: %s", c->peer_name, iscsip_strerror(err));
		return -1;
	}
	c->wire.who = c->peer_name;
	c->wire.stall_ms = STALL_MS;
	c->wire.closing = client_closing;
	c->wire.freed = client_freed;
	c->wire.session_due = session_due;
	c->wire.served = session_look;
	return wire_open(&c->wire, l, fd, &wire_iscsi, c->conn);
}

void client_accept(struct loop *l, int fd, const struct sockaddr_storage *from)
{
	socklen_t len = sizeof *from;
	struct client *c;

	if (atomic_load(&server.closing) || !access_by_address(&server.access, from)) {
		close(fd);
		return;
	}
	c = blocks_take(&server.client_blocks);
	if (!c) {
		close(fd);
		return;
	}
	memset(c, 0, sizeof *c);
	c->peer = *from;
	if (getsockname(fd, (void *)&c->local, &len))
		c->local.ss_family = AF_UNSPEC; /* gone already: nothing will be told of it */
	atomic_fetch_add(&server.clients, 1);
	if (!door_enter(&server.door, &c->place, fd, from) || client_init(c, l, fd)) {
		door_leave(&server.door, &c->place);
		close(fd);
		client_freed(&c->wire);
		return;
	}
	tell("%s: connected", c->peer_name);
}

void clients_log_out(struct loop *l)
{
	const struct iscsip_async_message ask = { .event = ISCSIP_ASYNC_LOGOUT, .param = { 0, 0, LOGOUT_SECONDS } };
	struct wire *w, *next;

	for (w = l->wires; w; w = next) {
		struct client *c = (struct client *)(void *)w;

		next = w->next;
		if (iscsip_target_async(c->conn, &ask) == ISCSIP_OK)
			wire_dirty(w);
		else
			wire_close(w);
	}
}

void wake_client(void *user, struct iscsip_conn *conn)
{
	struct client *c = iscsip_conn_user(conn);

	(void)user;
	wire_dirty(&c->wire);
}

/* --- traces --- */

static void print_pdu(const struct client *c, bool sent, const uint8_t *header)
{
	struct iscsip_pdu pdu;
	char text[256];

	(void)iscsip_pdu_decode(&pdu, header); /* what is wrong with it is for the connection to say: it is shown as it came */
	iscsip_pdu_format(&pdu, text, sizeof text);
	show("%s %s %s", c->peer_name, sent ? "<-" : "->", text);
}

/* Digests are in force for all PDUs but those of the login. */
static void note_digests(struct client *c, const uint8_t *header)
{
	unsigned opcode = header[0] & 0x3fu;
	const struct iscsip_session *s = iscsip_conn_session(c->conn);

	c->digests = 0;
	if (!s || opcode == ISCSIP_OP_LOGIN_REQUEST || opcode == ISCSIP_OP_LOGIN_RESPONSE)
		return;
	c->digests = (uint8_t)((iscsip_session_params(s)->header_digest ? 1u : 0u) |
			       (iscsip_session_params(s)->data_digest ? 2u : 0u));
}

void trace_pdu(void *user, struct iscsip_conn *conn, enum iscsip_trace_event event, const void *p, size_t len)
{
	struct client *c = iscsip_conn_user(conn);
	bool header = event == ISCSIP_TRACE_RX_HEADER || event == ISCSIP_TRACE_TX_HEADER;

	(void)user;
	if (header && verbosity > 1)
		print_pdu(c, event == ISCSIP_TRACE_TX_HEADER, p);
	if (!server.pcap)
		return;
	if (header)
		note_digests(c, p);
	pcap_iscsi(&c->pcap, event, p, len, (c->digests & 1u) != 0, (c->digests & 2u) != 0);
}
