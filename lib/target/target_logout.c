/* SPDX-License-Identifier: MIT */
/*
 * Logout (RFC 7143 11.14, 11.15). It owns the order of closing: tasks end without an answer, the response is sent,
 * and only then the connection closes; those that it closes beside itself close at once.
 *
 * From the logout's turn on nothing is read on its connection: an initiator must not send there any more (11.14). Recovery
 * logout is for recovery level 2, which this side does not offer: response 2.
 */
#include "target/target.h"

int iscsip__target_logout_arrive(struct iscsip_conn *c)
{
	struct tgt_task *t = iscsip__target_begin(c, TGT_LOGOUT);

	if (!t)
		return ISCSIP_OK;
	memset(&t->logout, 0, sizeof t->logout);
	t->logout.reason = c->pdu.logout_request.reason;
	t->logout.cid = c->pdu.logout_request.cid;
	tgt_conn_of(c)->rx_task = t;
	return ISCSIP_OK;
}

struct logout_scope {
	const struct tgt_task *logout;
	const struct iscsip_conn *c; /* NULL: all connections */
};

static bool is_in_scope(const struct tgt_task *t, const void *arg)
{
	const struct logout_scope *scope = arg;

	return t != scope->logout && (!scope->c || t->c == scope->c);
}

static void tasks_end(struct tgt_task *t, const struct iscsip_conn *c)
{
	const struct logout_scope scope = { t, c };

	iscsip__target_abort_all(t->ses, is_in_scope, &scope, false);
}

/* The connection of the logout itself closes when its response is made, and does not wait for ever for a transport to take it. */
static void close_own(struct iscsip_conn *c)
{
	c->state = ISCSIP_CONN_LOGOUT;
	iscsip__conn_end_within(c, c->cfg->logout_timeout_ms);
	iscsip__target_hold(c, TGT_HOLD_END);
}

static void close_other(struct tgt_session *s, struct iscsip_conn *c)
{
	iscsip__target_detach(s, c);
	iscsip__conn_closing(c);
}

static void close_session(struct tgt_task *t)
{
	struct tgt_session *s = t->ses;
	unsigned i;

	s->clean = s->closing = true;
	tasks_end(t, NULL);
	if (t->flags & TGT_OVER)
		return;
	for (i = 0; i < s->s.cfg->limits.max_conns; i++)
		if (s->s.conns[i] && s->s.conns[i] != t->c)
			close_other(s, s->s.conns[i]);
	close_own(t->c);
}

static uint8_t close_connection(struct tgt_task *t)
{
	struct tgt_session *s = t->ses;
	struct iscsip_conn *c = iscsip__session_find_cid(&s->s, t->logout.cid);

	if (!c)
		return ISCSIP_LOGOUT_NO_CID;
	if (c != t->c) {
		close_other(s, c);
		return ISCSIP_LOGOUT_CLOSED;
	}
	s->clean = s->s.conn_count == 1;
	tasks_end(t, c);
	if (!(t->flags & TGT_OVER))
		close_own(c);
	return ISCSIP_LOGOUT_CLOSED;
}

static void logout_act(struct tgt_task *t)
{
	struct tgt_session *s = t->ses;

	if (t->logout.reason == ISCSIP_LOGOUT_SESSION)
		close_session(t);
	else if (t->logout.reason == ISCSIP_LOGOUT_CONNECTION)
		t->logout.response = close_connection(t);
	else
		t->logout.response = iscsip__session_find_cid(&s->s, t->logout.cid) ? ISCSIP_LOGOUT_NO_RECOVERY :
										   ISCSIP_LOGOUT_NO_CID;
}

void iscsip__target_logout_run(struct tgt_task *t)
{
	struct tgt_session *s = t->ses;
	struct iscsip_conn *c = t->c;

	tgt_pin(t);
	if (s->ops->logout)
		s->ops->logout(c->user, c, t->logout.reason, t->logout.cid);
	if (!(t->flags & TGT_OVER))
		logout_act(t);
	if (tgt_unpin(t))
		iscsip__conn_queue(c, &t->item, CONN_Q_ANSWER);
}

enum conn_made iscsip__target_logout_make(struct iscsip_conn *c, struct tgt_task *t)
{
	struct tx_unit *u = iscsip__conn_unit(c);
	struct tgt_session *s = t->ses;
	struct iscsip_pdu pdu;

	memset(&pdu, 0, sizeof pdu);
	pdu.opcode = ISCSIP_OP_LOGOUT_RESPONSE;
	pdu.final = true;
	pdu.itt = t->cmd.tag;
	pdu.logout_response.response = t->logout.response;
	if (t->logout.response != ISCSIP_LOGOUT_NO_CID) {
		pdu.logout_response.time2wait = (uint16_t)s->s.params.default_time2wait;
		pdu.logout_response.time2retain = (uint16_t)s->s.params.default_time2retain;
	}
	u->owner = t;
	u->note = TGT_ITEM_TASK;
	t->tx_units++;
	iscsip__target_task_sealed(t);
	tgt_stamp(c, s, &pdu.reply, true);
	iscsip__conn_seal(c, u, &pdu, false);
	if (c->state == ISCSIP_CONN_LOGOUT)
		iscsip__conn_closing(c);
	return CONN_MADE_LAST;
}
