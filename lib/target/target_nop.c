/* SPDX-License-Identifier: MIT */
/*
 * NOP in both directions (RFC 7143 11.18, 11.19): the echo of the initiator's pings, the target's own, and the NOP-In that
 * tells of a window.
 *
 * Ping data is kept in memory that the host lends, or in the connection's own ping_max bytes, which serve one ping at
 * a time; what does not fit is cut off, as is what the initiator would not take. A ping that finds the connection's bytes
 * in use is answered without data.
 */
#include "target/target.h"

/* --- the initiator's --- */

/* What of the data passes by finds room in the connection's own bytes. */
static int ping_in(struct iscsip_conn *c, const uint8_t *p, size_t n)
{
	struct tgt_conn *tc = tgt_conn_of(c);
	struct tgt_nop *nop = &tc->rx_task->nop;
	size_t room = c->cfg->limits.ping_max - nop->len;

	n = n < room ? n : room;
	if (n)
		memcpy(nop->data + nop->len, p, n);
	nop->len += (uint32_t)n;
	return ISCSIP_OK;
}

static void ping_place(struct iscsip_conn *c, struct tgt_task *t)
{
	const struct iscsip_host *host = c->cfg->host;
	struct tgt_conn *tc = tgt_conn_of(c);
	struct iscsip_vec_cursor at;

	if (host->lend && (t->nop.data = host->lend(host->user, c->pdu.data_len)) != NULL) {
		t->nop.len = t->nop.lent = c->pdu.data_len;
		tc->ping_vec.base = t->nop.data;
		tc->ping_vec.len = t->nop.len;
		at = cursor_make(&tc->ping_vec, 1, 0);
		iscsip__conn_expect_place(c, &at);
	} else if (!tc->ping_task) {
		tc->ping_task = t;
		t->nop.data = tc->ping;
		iscsip__conn_expect_sink(c, ping_in);
	} else {
		iscsip__conn_expect_sink(c, NULL);
	}
}

static void ping_answered(struct iscsip_conn *c)
{
	struct tgt_conn *tc = tgt_conn_of(c);

	tc->ping_ttt = ISCSIP_TAG_NONE;
	if (tc->ping_again)
		iscsip__target_ping(c);
}

/* An answer to a ping of ours, or an acknowledgment; the connection room has seen by now that the peer is alive. */
static int pong(struct iscsip_conn *c)
{
	struct tgt_conn *tc = tgt_conn_of(c);

	if (c->pdu.nop_out.ttt == ISCSIP_TAG_NONE) {
		iscsip__target_notice_acked(c);
	} else {
		if (c->pdu.nop_out.ttt != tc->ping_ttt)
			(void)iscsip__target_reject(c, ISCSIP_REJECT_FIELD, NULL);
		else
			ping_answered(c);
	}
	return iscsip__target_skip(c);
}

int iscsip__target_nop_arrive(struct iscsip_conn *c)
{
	struct tgt_task *t;

	if (c->pdu.itt == ISCSIP_TAG_NONE)
		return pong(c);
	t = iscsip__target_begin(c, TGT_NOP);
	if (!t)
		return ISCSIP_OK;
	memset(&t->nop, 0, sizeof t->nop);
	t->flags |= TGT_RX;
	tgt_conn_of(c)->rx_task = t;
	if (c->pdu.data_len)
		ping_place(c, t);
	return ISCSIP_OK;
}

int iscsip__target_nop_complete(struct iscsip_conn *c)
{
	struct tgt_conn *tc = tgt_conn_of(c);
	struct tgt_task *t = tc->rx_task;

	tc->rx_task = NULL;
	t->flags &= ~(uint32_t)TGT_RX;
	if (c->data_bad && !(t->flags & TGT_OVER)) {
		(void)iscsip__target_reject(c, ISCSIP_REJECT_DATA_DIGEST, NULL);
		iscsip__target_abort(t, false);
	} else if (t->flags & TGT_OVER) {
		(void)iscsip__target_task_put(t);
	} else {
		iscsip__target_window_admit(t);
	}
	return ISCSIP_OK;
}

enum conn_made iscsip__target_nop_make(struct iscsip_conn *c, struct tgt_task *t)
{
	struct tx_unit *u = iscsip__conn_unit(c);
	struct iscsip_pdu pdu;

	memset(&pdu, 0, sizeof pdu);
	pdu.opcode = ISCSIP_OP_NOP_IN;
	pdu.final = true;
	pdu.itt = t->cmd.tag;
	pdu.nop_in.ttt = ISCSIP_TAG_NONE;
	pdu.data_len = t->nop.len < c->tx_limit ? t->nop.len : c->tx_limit;
	if (pdu.data_len)
		tx_payload_flat(u, t->nop.data, pdu.data_len);
	u->owner = t;
	u->note = TGT_ITEM_TASK;
	t->tx_units++;
	iscsip__target_task_sealed(t);
	tgt_stamp(c, t->ses, &pdu.reply, true);
	iscsip__conn_seal(c, u, &pdu, false);
	return CONN_MADE_LAST;
}

void iscsip__target_nop_free(struct tgt_task *t)
{
	const struct iscsip_host *host = t->ses->s.cfg->host;
	struct tgt_conn *tc = t->c ? tgt_conn_of(t->c) : NULL;

	if (t->nop.lent && host->take_back)
		host->take_back(host->user, t->nop.data, t->nop.lent);
	if (tc && tc->ping_task == t)
		tc->ping_task = NULL;
}

/* --- the target's --- */

/* One at a time: the answer to an older one would be to no ping of ours, and refused. */
void iscsip__target_ping(struct iscsip_conn *c)
{
	struct tgt_conn *tc = tgt_conn_of(c);

	if (tc->ping_ttt != ISCSIP_TAG_NONE) {
		tc->ping_again = !conn_queued(&tc->ping_item);
		return;
	}
	tc->ping_again = false;
	if (++tc->next_ttt == ISCSIP_TAG_NONE)
		tc->next_ttt = 0;
	tc->ping_ttt = tc->next_ttt;
	iscsip__conn_ask(c, &c->ping, c->now);
	iscsip__conn_queue(c, &tc->ping_item, CONN_Q_URGENT);
}

enum conn_made iscsip__target_ping_make(struct iscsip_conn *c, bool ping)
{
	struct iscsip_pdu pdu;

	memset(&pdu, 0, sizeof pdu);
	pdu.opcode = ISCSIP_OP_NOP_IN;
	pdu.final = true;
	pdu.itt = ISCSIP_TAG_NONE;
	pdu.nop_in.ttt = ping ? tgt_conn_of(c)->ping_ttt : ISCSIP_TAG_NONE;
	tgt_stamp(c, tgt_session_of(c), &pdu.reply, false);
	iscsip__conn_seal(c, iscsip__conn_unit(c), &pdu, false);
	if (ping)
		iscsip__conn_made(c, &c->ping);
	return CONN_MADE_LAST;
}
