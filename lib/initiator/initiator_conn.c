/* SPDX-License-Identifier: MIT */
/*
 * A connection of an initiator: its memory, the role's table, who gets which PDU, the numbers that PDUs carry, and the end.
 *
 * Everything of a PDU is looked at when it is complete, so the order of events is the order of PDUs; a header is looked at
 * before only to find the place of its data. First come the numbers: a PDU with a status number that was passed already is
 * dropped (RFC 7143 7.9), one that leaves a number out ends the connection, as recovery level 0 has no way to ask for it
 * (7.1.4, 7.8 c). Then ExpCmdSN and MaxCmdSN, then what the PDU is about.
 *
 * A wrong data digest: a Data-In without status costs its task alone (7.8 b, initiator_in.c); any other PDU is lost with its
 * status number, and the connection with it. PDUs that break the table of headers end it too (7.7).
 */
#include "initiator/initiator.h"

/* --- memory --- */

static struct iscsip_conn *ini_conn_carve(struct arena *a, const struct iscsip_config *cfg)
{
	struct iscsip_conn *c = iscsip__conn_carve(a, cfg, sizeof(struct ini_conn));
	char *buf = arena_take(a, ISCSIP_TEXT_READER_BUF(cfg->limits.text_max), 1);

	if (!c || !buf)
		return NULL;
	ini_conn_of(c)->text_buf = buf;
	return c;
}

size_t iscsip_initiator_conn_size(const struct iscsip_config *cfg)
{
	struct arena a;

	arena_count(&a);
	(void)ini_conn_carve(&a, cfg);
	return arena_size(&a);
}

int iscsip_initiator_conn_init(struct iscsip_conn **out, void *mem, size_t len, void *login, size_t login_len,
			       struct iscsip_session *base, uint16_t cid, void *user, iscsip_time now)
{
	struct ini_session *s = ini_of(base);
	struct iscsip_conn *c;
	struct ini_conn *ic;
	struct arena a;
	int err;

	if (!mem || (uintptr_t)mem % ARENA_ALIGN != 0 || !login || (uintptr_t)login % ARENA_ALIGN != 0)
		return ISCSIP_EINVAL;
	if (base->conn_count + s->opening >= base->cfg->limits.max_conns)
		return ISCSIP_EAGAIN;
	/* a connection is reinstated only after it was cleaned up (RFC 7143 6.3.4) */
	if (iscsip__session_find_cid(base, cid))
		return ISCSIP_EINVAL;
	if (s->logging_out && base->conn_count)
		return ISCSIP_ESTATE;
	/* and a session begins anew only when all of the old one was given back: its parameters tell what has come of that */
	if ((base->conn_count == 0 && s->opening) || s->ending)
		return ISCSIP_ESTATE;
	arena_open(&a, mem, len);
	c = ini_conn_carve(&a, base->cfg);
	if (!c)
		return ISCSIP_ENOSPC;
	if (base->conn_count == 0)
		iscsip__initiator_session_begin(s);
	iscsip__conn_init(c, &iscsip__initiator_role, base->cfg, user, now);
	c->cid = cid;
	ic = ini_conn_of(c);
	ic->c = c;
	ic->s = s;
	ic->unsolicited_item.kind = INI_UNSOLICITED;
	ic->pong_item.kind = INI_PONG;
	err = iscsip__initiator_login_open(ic, login, login_len);
	if (err)
		return err;
	s->opening++;
	s->made++;
	*out = c;
	iscsip__conn_login_turn(c);
	return ISCSIP_OK;
}

/* --- numbers --- */

void iscsip__initiator_stamp(struct ini_conn *ic, struct iscsip_pdu *pdu)
{
	pdu->request.cmdsn = ic->s->cmdsn;
	pdu->request.expstatsn = ic->c->statsn;
}

enum ini_numbers { INI_UNNUMBERED, INI_NEXT, INI_AGAIN, INI_GAP };

static enum ini_numbers ini_numbers_of(const struct iscsip_conn *c)
{
	uint32_t statsn = c->pdu.reply.statsn;

	if (!iscsip_pdu_uses_statsn(&c->pdu))
		return INI_UNNUMBERED;
	if (statsn == c->statsn)
		return INI_NEXT;
	return serial_lt(statsn, c->statsn) ? INI_AGAIN : INI_GAP;
}

/* --- dispatch --- */

static int ini_header(struct iscsip_conn *c, const uint8_t *ahs, uint32_t ahs_len)
{
	struct ini_conn *ic = ini_conn_of(c);

	(void)ahs;
	(void)ahs_len;
	if (ini_numbers_of(c) > INI_NEXT) {
		iscsip__conn_expect_sink(c, NULL);
		return ISCSIP_OK;
	}
	switch (c->pdu.opcode) {
	case ISCSIP_OP_DATA_IN:
		return iscsip__initiator_data_in_header(ic);
	case ISCSIP_OP_SCSI_RESPONSE:
		return iscsip__initiator_response_header(ic);
	case ISCSIP_OP_NOP_IN:
		return iscsip__initiator_nop_in_header(ic);
	case ISCSIP_OP_TEXT_RESPONSE:
		return iscsip__initiator_text_header(ic);
	case ISCSIP_OP_ASYNC:
	case ISCSIP_OP_REJECT:
		return iscsip__initiator_scratch_header(ic);
	default:
		iscsip__conn_expect_sink(c, NULL);
		return ISCSIP_OK;
	}
}

static int ini_dispatch(struct ini_conn *ic)
{
	switch (ic->c->pdu.opcode) {
	case ISCSIP_OP_DATA_IN:
		return iscsip__initiator_data_in(ic);
	case ISCSIP_OP_SCSI_RESPONSE:
		return iscsip__initiator_response(ic);
	case ISCSIP_OP_R2T:
		return iscsip__initiator_r2t(ic);
	case ISCSIP_OP_NOP_IN:
		return iscsip__initiator_nop_in(ic);
	case ISCSIP_OP_TASK_RESPONSE:
		return iscsip__initiator_tmf_response(ic);
	case ISCSIP_OP_TEXT_RESPONSE:
		return iscsip__initiator_text_response(ic);
	case ISCSIP_OP_LOGOUT_RESPONSE:
		return iscsip__initiator_logout_response(ic);
	case ISCSIP_OP_ASYNC:
		return iscsip__initiator_async(ic);
	case ISCSIP_OP_REJECT:
		return iscsip__initiator_reject(ic);
	default:
		return ISCSIP_OK;
	}
}

/* The task that data came in for is let go. */
static void ini_rx_let_go(struct ini_conn *ic)
{
	struct iscsip_task *t = ic->rx_task;

	ic->rx_task = NULL;
	if (t)
		iscsip__initiator_unref(ic->s, t);
}

static int ini_pdu(struct iscsip_conn *c)
{
	struct ini_conn *ic = ini_conn_of(c);
	enum ini_numbers numbers;

	if (c->data_bad && (c->pdu.opcode != ISCSIP_OP_DATA_IN || c->pdu.data_in.has_status)) {
		ini_rx_let_go(ic);
		return iscsip__conn_fail(c, ISCSIP_EDIGEST, 0, c->pdu.itt);
	}
	numbers = ini_numbers_of(c);
	if (numbers > INI_NEXT) {
		ic->s->base.stats.ignored++;
		return numbers == INI_AGAIN ? ISCSIP_OK : ini_broken(ic, ISCSIP_RULE_STATSN, c->pdu.reply.statsn);
	}
	if (numbers == INI_NEXT)
		c->statsn++;
	iscsip__initiator_window(ic->s, c->pdu.reply.expcmdsn, c->pdu.reply.maxcmdsn);
	return ini_dispatch(ic);
}

static int ini_refused(struct iscsip_conn *c, const uint8_t *bhs, const struct iscsip_error *why)
{
	(void)c;
	(void)bhs;
	(void)why;
	return ISCSIP_EPROTO;
}

/* --- sending --- */

static enum conn_made ini_make(struct iscsip_conn *c, struct conn_item *item)
{
	struct ini_conn *ic = ini_conn_of(c);

	/* after a logout request nothing may follow (RFC 7143 11.14) */
	if (ic->logout_made)
		return CONN_MADE_NONE;
	switch (item->kind) {
	case INI_TASK:
		return ini_priv(ini_task_of(item))->stage == INI_QUEUED ? iscsip__initiator_make_command(ic, ini_task_of(item)) :
									  iscsip__initiator_make_data(ic, ini_task_of(item));
	case INI_UNSOLICITED:
		return iscsip__initiator_make_unsolicited(ic);
	case INI_TMF:
		return iscsip__initiator_make_tmf(ic);
	case INI_PING:
		return iscsip__initiator_make_ping(ic);
	case INI_PONG:
		return iscsip__initiator_make_pong(ic);
	case INI_TEXT:
		return iscsip__initiator_make_text(ic);
	case INI_LOGOUT:
		return iscsip__initiator_make_logout(ic);
	default:
		return CONN_MADE_NONE;
	}
}

/* The transport has ended. */
static void ini_dropped(const struct tx_unit *u)
{
	if (u->cut)
		iscsip__initiator_out_lose(ini_task_of(u->owner), u->head);
}

static void ini_gone(struct iscsip_conn *c, struct tx_unit *u)
{
	struct ini_conn *ic = ini_conn_of(c);
	struct conn_item *item = u->owner;

	switch (item->kind) {
	case INI_TASK:
		if (c->state == ISCSIP_CONN_CLOSED)
			ini_dropped(u);
		iscsip__initiator_unref(ic->s, ini_task_of(item));
		return;
	case INI_PING:
		ic->ping.refs--;
		if (ic->ping.ended)
			iscsip__initiator_ping_ended(ic, ISCSIP_OK);
		return;
	case INI_TEXT:
		ic->text.refs--;
		if (ic->text.ended)
			iscsip__initiator_text_ended(ic, ISCSIP_OK);
		return;
	default:
		return;
	}
}

/* --- the end --- */

/* Requests end first, then tasks, then the session's state is told. */
static void ini_leave(struct ini_conn *ic)
{
	struct iscsip_conn *c = ic->c;
	struct ini_session *s = ic->s;
	int err = c->error.code;
	bool last;

	iscsip__session_leave(&s->base, c);
	last = s->ending = s->base.conn_count == 0;
	/* from here on nothing is taken any more, whatever a callback asks for */
	if (last)
		s->base.state = s->logged_out ? ISCSIP_SESSION_FREE : ISCSIP_SESSION_FAILED;
	ini_rx_let_go(ic);
	iscsip__initiator_tmf_lost(s, ic, err);
	iscsip__initiator_ping_ended(ic, err);
	iscsip__initiator_text_ended(ic, err);
	iscsip__initiator_logout_ended(ic, err, NULL);
	/* at recovery level 0 what waits for a connection has none to wait for */
	iscsip__initiator_drop_tasks(s, ic, last, err);
	s->ending = false;
	if (last && s->ops->state)
		s->ops->state(s->base.user, &s->base, s->base.state, err == ISCSIP_ECLOSED && s->logged_out ? NULL : &c->error);
}

/* All units are gone already. The session's memory is not asked back before the last callback has returned. */
static void ini_closed(struct iscsip_conn *c)
{
	struct ini_conn *ic = ini_conn_of(c);

	if (c->login && !ic->login_told)
		iscsip__initiator_login_lost(ic);
	if (ic->in_session)
		ini_leave(ic);
	ic->s->made--;
}

const struct conn_role iscsip__initiator_role = {
	.role = ISCSIP_INITIATOR,
	.header = ini_header,
	.pdu = ini_pdu,
	.refused = ini_refused,
	.make = ini_make,
	.gone = ini_gone,
	.ping = iscsip__initiator_keepalive,
	.deadline = iscsip__initiator_requests_due,
	.tick = iscsip__initiator_requests_late,
	.login_stamp = iscsip__initiator_login_stamp,
	.login_got = iscsip__initiator_login_got,
	.login_ask = iscsip__initiator_login_ask,
	.login_ended = iscsip__initiator_login_ended,
	.closed = ini_closed,
};
