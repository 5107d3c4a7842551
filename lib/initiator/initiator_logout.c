/* SPDX-License-Identifier: MIT */
/*
 * Logout (RFC 7143 11.14, 11.15). Owns the request and what closes with its answer.
 *
 * After the request nothing more goes out on the connection, nor with reason 0 on any of the session: what still stands in
 * the queues is dropped when it comes to its turn (initiator_conn.c), and its tasks end with the connection. A target that
 * does not answer within config's logout_timeout_ms loses the connection all the same.
 *
 * A logout waits for nothing, least of all for an answer that may not come: a target that asked for it (11.9.1, event 1) gets
 * it at once. Immediate delivery is for when no other immediate request is out, since the target needs to take one only
 * (4.2.2.1); beside another one it takes a number, and only where the window is closed, too, a Reject is risked.
 */
#include "initiator/initiator.h"

static void ini_logout_holds(struct ini_conn *ic)
{
	if (ic->c->state == ISCSIP_CONN_FULL_FEATURE)
		ic->c->state = ISCSIP_CONN_LOGOUT;
	if (ic->c->cfg->logout_timeout_ms)
		ic->c->close_by = ic->c->now + ic->c->cfg->logout_timeout_ms;
}

/* What is logged out: all connections, or the one with the CID. */
static bool ini_logout_means(const struct ini_conn *ic, const struct iscsip_conn *c)
{
	return ic->logout_reason == ISCSIP_LOGOUT_SESSION || c->cid == ic->logout_cid;
}

static struct iscsip_conn *ini_conn_at(const struct ini_session *s, unsigned i)
{
	return s->base.conns[i] && !conn_over(s->base.conns[i]) ? s->base.conns[i] : NULL;
}

int iscsip_initiator_logout(struct iscsip_conn *c, uint8_t reason, uint16_t cid, iscsip_time now)
{
	struct ini_conn *ic = ini_conn_of(c);
	unsigned i;
	int err;

	if (!ini_usable(ic))
		return ISCSIP_ESTATE;
	if (reason > ISCSIP_LOGOUT_RECOVERY ||
	    (reason != ISCSIP_LOGOUT_SESSION && c->phase == ISCSIP_PHASE_DISCOVERY) ||
	    (reason == ISCSIP_LOGOUT_RECOVERY && ic->s->base.params.error_recovery_level < 2))
		return ISCSIP_EINVAL;
	err = iscsip__initiator_request(ic, &ic->logout, INI_LOGOUT, NULL, now);
	if (err)
		return ISCSIP_ESTATE;
	ic->logout_reason = reason;
	ic->logout_cid = cid;
	c->now = now;
	if (reason == ISCSIP_LOGOUT_SESSION)
		ic->s->logging_out = true;
	for (i = 0; i < c->cfg->limits.max_conns; i++) {
		struct iscsip_conn *other = ini_conn_at(ic->s, i);

		if (other && ini_logout_means(ic, other)) {
			other->now = now;
			ini_logout_holds(ini_conn_of(other));
		}
	}
	return ISCSIP_OK;
}

/* Its answers to pings are not sent any more; input that was held because of them would hold the answer, too. */
static void ini_logout_last(struct ini_conn *ic)
{
	ic->logout_made = true;
	ic->pong_count = 0;
	iscsip__initiator_pong_unhold(ic);
}

enum conn_made iscsip__initiator_make_logout(struct ini_conn *ic)
{
	struct tx_unit *u = iscsip__conn_unit(ic->c);
	struct iscsip_pdu pdu = { 0 };
	unsigned i;

	pdu.opcode = ISCSIP_OP_LOGOUT_REQUEST;
	pdu.immediate = !(ic->ping.asked || ic->text.asked) || !iscsip__initiator_window_open(ic->s);
	pdu.final = true;
	pdu.itt = ic->logout.itt;
	pdu.logout_request.reason = ic->logout_reason;
	pdu.logout_request.cid = ic->logout_reason == ISCSIP_LOGOUT_SESSION ? 0 : ic->logout_cid;
	iscsip__initiator_stamp(ic, &pdu);
	ic->s->cmdsn += !pdu.immediate;
	for (i = 0; i < ic->c->cfg->limits.max_conns; i++) {
		struct iscsip_conn *other = ini_conn_at(ic->s, i);

		if (other && ini_logout_means(ic, other))
			ini_logout_last(ini_conn_of(other));
	}
	iscsip__conn_seal(ic->c, u, &pdu, false);
	iscsip__initiator_requested(ic, &ic->logout);
	return CONN_MADE_LAST;
}

void iscsip__initiator_logout_ended(struct ini_conn *ic, int err, const struct iscsip_logout_response *r)
{
	if (!ic->logout.busy)
		return;
	iscsip__initiator_answered(ic, &ic->logout);
	iscsip__initiator_heard(ic, &ic->logout);
	if (ic->s->ops->logout_done)
		ic->s->ops->logout_done(ic->s->base.user, ic->c, err, r ? r->response : 0, r ? r->time2wait : 0,
					r ? r->time2retain : 0);
}

/* Whatever the answer is, a connection that was to be logged out sends nothing more: it closes. */
int iscsip__initiator_logout_response(struct ini_conn *ic)
{
	const struct iscsip_pdu *pdu = &ic->c->pdu;
	bool known;
	const struct conn_item *item = iscsip__initiator_find(ic->s, pdu->itt, &known);
	unsigned i;

	if (item != &ic->logout.item || !ic->logout.asked)
		return ini_broken(ic, item ? ISCSIP_RULE_TASK_KIND : ISCSIP_RULE_TASK_TAG, pdu->itt);
	if (pdu->logout_response.response == ISCSIP_LOGOUT_CLOSED)
		ic->s->logged_out = ic->logout_reason == ISCSIP_LOGOUT_SESSION || ic->s->base.conn_count == 1;
	iscsip__initiator_logout_ended(ic, ISCSIP_OK, &pdu->logout_response);
	for (i = 0; i < ic->c->cfg->limits.max_conns; i++) {
		struct iscsip_conn *other = ini_conn_at(ic->s, i);

		if (other && ini_conn_of(other)->logout_made)
			iscsip__conn_closing(other);
	}
	return ISCSIP_OK;
}
