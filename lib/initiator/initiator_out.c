/* SPDX-License-Identifier: MIT */
/*
 * Data-out: what follows a command unasked, and what R2Ts ask for (RFC 7143 11.7, 11.8). Owns a connection's line of
 * unsolicited data, and the pool of R2Ts.
 *
 * A sequence is a range of a task's data; its PDUs are made one at a time, as the transport takes them. Unsolicited data has
 * to go in the order of the commands (4.2.5.2), so it is one stream of the connection: the first task of the line sends
 * until its sequence ends. R2Ts of a task are answered one after the other in the order of arrival (11.8), but those of
 * different tasks, and the unsolicited stream, take turns. A task's R2Ts wait until its unsolicited data is out.
 *
 * A task that is stopped stands in no queue and no line, and whatever would bring it there looks at its mark first. Where it may
 * go on after all, its unsolicited data takes the place in the line that its command has among the others.
 *
 * What is remembered of an R2T was promised at login: MaxOutstandingR2T for each task. The pool has a place for each.
 */
#include "base/bytes.h"
#include "initiator/initiator.h"

#define DATA_OUT_OFFSET_AT 40u

/* --- the pool --- */

static struct ini_r2t *ini_r2t_take(struct ini_session *s)
{
	struct ini_r2t *r = s->r2t_free;

	if (r) {
		s->r2t_free = r->next;
		return r;
	}
	return s->r2t_fresh < s->r2t_count ? &s->r2ts[s->r2t_fresh++] : NULL;
}

static void ini_r2t_done(struct ini_session *s, struct ini_task *p)
{
	struct ini_r2t *r = p->r2t_first;

	p->r2t_first = r->next;
	if (!r->next)
		p->r2t_last = NULL;
	p->r2ts--;
	r->next = s->r2t_free;
	s->r2t_free = r;
}

void iscsip__initiator_out_stop(struct ini_session *s, struct iscsip_task *t)
{
	struct ini_task *p = ini_priv(t);

	while (p->r2t_first)
		ini_r2t_done(s, p);
	if (p->stage != INI_ISSUED)
		return;
	if (p->in_line)
		iscsip__initiator_line_drop(&p->ic->unsolicited, t);
	p->unsolicited = 0;
	iscsip__conn_unqueue(p->ic->c, &p->item);
}

void iscsip__initiator_out_pause(struct iscsip_task *t)
{
	struct ini_task *p = ini_priv(t);

	p->stopped = true;
	if (p->in_line)
		iscsip__initiator_line_drop(&p->ic->unsolicited, t);
	iscsip__conn_unqueue(p->ic->c, &p->item);
}

/* What the task has to send, if it has and may, gets its turn. */
static void ini_out_turn(struct iscsip_task *t)
{
	struct ini_task *p = ini_priv(t);
	struct iscsip_task *at = p->ic->unsolicited.first;

	if (p->stopped || (!p->unsolicited && !p->r2t_first))
		return;
	if (!p->unsolicited) {
		iscsip__conn_queue(p->ic->c, &p->item, CONN_Q_DATA);
		return;
	}
	if (p->in_line)
		return;
	while (at && serial_lt(ini_priv(at)->order, p->order))
		at = ini_priv(at)->line_after;
	iscsip__initiator_line_put(&p->ic->unsolicited, t, at);
	iscsip__conn_queue(p->ic->c, &p->ic->unsolicited_item, CONN_Q_DATA);
}

void iscsip__initiator_out_go_on(struct iscsip_task *t)
{
	ini_priv(t)->stopped = false;
	ini_out_turn(t);
}

/* --- counting --- */

/* Bytes that were asked for twice are sent twice and count once: a sum would hide those that were never asked for. */
void iscsip__initiator_out_note(struct ini_conn *ic, struct iscsip_task *t, uint32_t off, uint32_t len)
{
	struct task_ranges *r = ini_out_ranges(ic->s, ini_priv(t));

	if (r && len && !iscsip__task_ranges_merge(r, off, off + len))
		iscsip__initiator_abort(ic->s, t, ISCSIP_ENOSPC, ic->c->now);
}

void iscsip__initiator_out_lose(struct iscsip_task *t, const uint8_t *bhs)
{
	bool follows = (bhs[0] & 0x3fu) == ISCSIP_OP_DATA_OUT;

	ini_priv(t)->out_lost = ini_least(ini_priv(t)->out_lost, follows ? load_be32(bhs + DATA_OUT_OFFSET_AT) : 0);
}

/* --- R2T --- */

/* What is wrong with an R2T for this task, or 0. */
static int ini_r2t_fault(struct ini_conn *ic, const struct iscsip_task *t, const struct ini_task *p)
{
	const struct iscsip_pdu *pdu = &ic->c->pdu;
	const struct iscsip_r2t *r = &pdu->r2t;
	const struct iscsip_params *k = &ic->s->base.params;

	if (pdu->lun != t->lun && !(ic->c->cfg->flags & ISCSIP_CFG_ANY_LUN))
		return ini_broken(ic, ISCSIP_RULE_TASK_LUN, pdu->itt);
	if (r->r2tsn != p->datasn)
		return ini_broken(ic, ISCSIP_RULE_DATASN, r->r2tsn);
	if (r->buffer_offset > t->out_len || r->desired_len > t->out_len - r->buffer_offset)
		return ini_broken(ic, ISCSIP_RULE_R2T_RANGE, r->buffer_offset);
	if (r->desired_len > k->max_burst_length)
		return ini_broken(ic, ISCSIP_RULE_R2T_BURST, r->desired_len);
	if (p->r2ts >= k->max_outstanding_r2t)
		return ini_broken(ic, ISCSIP_RULE_R2T_COUNT, pdu->itt);
	if (k->data_sequence_in_order && r->buffer_offset != p->r2t_next)
		return ini_broken(ic, ISCSIP_RULE_R2T_ORDER, r->buffer_offset);
	return ISCSIP_OK;
}

static int ini_r2t_add(struct ini_conn *ic, struct iscsip_task *t)
{
	struct ini_task *p = ini_priv(t);
	const struct iscsip_r2t *in = &ic->c->pdu.r2t;
	struct ini_r2t *r = ini_r2t_take(ic->s);

	if (!r)
		return ini_broken(ic, ISCSIP_RULE_R2T_COUNT, ic->c->pdu.itt);
	r->next = NULL;
	r->ttt = in->ttt;
	r->off = in->buffer_offset;
	r->len = in->desired_len;
	r->sent = r->datasn = 0;
	if (p->r2t_last)
		p->r2t_last->next = r;
	else
		p->r2t_first = r;
	p->r2t_last = r;
	p->r2ts++;
	p->datasn++;
	p->r2t_next = r->off + r->len;
	ini_out_turn(t);
	return ISCSIP_OK;
}

int iscsip__initiator_r2t(struct ini_conn *ic)
{
	struct iscsip_pdu *pdu = &ic->c->pdu;
	bool known;
	struct conn_item *item = iscsip__initiator_find(ic->s, pdu->itt, &known);
	struct iscsip_task *t;
	struct ini_task *p;
	int err;

	if (!item && known) {
		ic->s->base.stats.ignored++;
		return ISCSIP_OK;
	}
	if (!item)
		return ini_broken(ic, ISCSIP_RULE_TASK_TAG, pdu->itt);
	t = ini_issued_task(ic, item);
	if (!t || !t->out_vec)
		return ini_broken(ic, ISCSIP_RULE_TASK_KIND, pdu->itt);
	p = ini_priv(t);
	if (serial_lt(pdu->r2t.r2tsn, p->datasn)) {
		/* one that came twice is dropped (RFC 7143 7.9) */
		ic->s->base.stats.ignored++;
		return ISCSIP_OK;
	}
	err = ini_r2t_fault(ic, t, p);
	return err ? err : ini_r2t_add(ic, t);
}

/* --- Data-Out --- */

/* The next `len` bytes from `off` on. The cursor goes on from where it stands, or anew from the beginning. */
static void ini_out_payload(struct tx_unit *u, const struct iscsip_task *t, struct ini_task *p, uint32_t off, uint32_t len)
{
	if (off != p->out_pos) {
		if (off > p->out_pos)
			cursor_advance(&p->out_at, off - p->out_pos);
		else
			p->out_at = cursor_make(t->out_vec, t->out_cnt, off);
	}
	u->payload = p->out_at;
	u->payload_len = len;
	cursor_advance(&p->out_at, len);
	p->out_pos = off + len;
}

/* Bytes of the next PDU of a sequence of which `left` remain: whole words but at its end (11.7.7). */
static uint32_t ini_out_piece(const struct ini_conn *ic, uint32_t left)
{
	return left <= ic->c->tx_limit ? left : ic->c->tx_limit & ~3u;
}

static void ini_out_make(struct ini_conn *ic, struct iscsip_task *t, uint32_t off, uint32_t len, uint32_t ttt,
			 uint32_t datasn, bool final)
{
	struct ini_task *p = ini_priv(t);
	struct tx_unit *u = iscsip__conn_unit(ic->c);
	struct iscsip_pdu pdu = { 0 };

	pdu.opcode = ISCSIP_OP_DATA_OUT;
	pdu.final = final;
	pdu.data_len = len;
	pdu.lun = ttt == ISCSIP_TAG_NONE ? 0 : t->lun;
	pdu.itt = p->itt;
	pdu.data_out.ttt = ttt;
	pdu.data_out.expstatsn = ic->c->statsn;
	pdu.data_out.datasn = datasn;
	pdu.data_out.buffer_offset = off;
	ini_out_payload(u, t, p, off, len);
	u->owner = &p->item;
	p->refs++;
	ini_out_count(ic, t, off, len);
	iscsip__conn_seal(ic->c, u, &pdu, false);
}

enum conn_made iscsip__initiator_make_data(struct ini_conn *ic, struct iscsip_task *t)
{
	struct ini_task *p = ini_priv(t);
	struct ini_r2t *r = p->r2t_first;
	uint32_t len;

	if (!r)
		return CONN_MADE_NONE;
	len = ini_out_piece(ic, r->len - r->sent);
	ini_out_make(ic, t, r->off + r->sent, len, r->ttt, r->datasn++, len == r->len - r->sent);
	r->sent += len;
	if (r->sent == r->len)
		ini_r2t_done(ic->s, p);
	return p->r2t_first ? CONN_MADE_MORE : CONN_MADE_LAST;
}

enum conn_made iscsip__initiator_make_unsolicited(struct ini_conn *ic)
{
	struct iscsip_task *t = ic->unsolicited.first;
	struct ini_task *p;
	uint32_t len;

	if (!t)
		return CONN_MADE_NONE;
	p = ini_priv(t);
	len = ini_out_piece(ic, p->unsolicited);
	p->unsolicited -= len;
	ini_out_make(ic, t, p->out_pos, len, ISCSIP_TAG_NONE, p->out_datasn++, p->unsolicited == 0);
	if (p->unsolicited == 0) {
		iscsip__initiator_line_drop(&ic->unsolicited, t);
		ini_out_turn(t);
	}
	return ic->unsolicited.first ? CONN_MADE_MORE : CONN_MADE_LAST;
}
