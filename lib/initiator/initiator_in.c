/* SPDX-License-Identifier: MIT */
/*
 * What ends a task or brings its data: Data-In and SCSI Response (RFC 7143 11.4, 11.7). Owns the placement of data-in, the
 * order of its numbers and offsets, sense data, and the result of a task.
 *
 * Data-In is placed as its header is in: the tag table checks offset and length against the task's room and
 * names the place. Until the data is complete the task holds a reference, so that nothing gives its memory back under
 * it.
 *
 * Answers for tags that were given out once and are no longer are dropped: they are late answers for tasks that task management
 * has ended (4.2.3.3, 4.2.3.4), which lose nothing. A tag that was never given out breaks the protocol. A DataSN that is left
 * out does too: on one stream of bytes that were good nothing can be lost. One that comes twice is dropped (7.9).
 *
 * Where all comes in order, what is there ends at the offset that comes next. Where the target may choose the order (13.18,
 * 13.19), ranges keep score of it (task/ranges.h), which 4.2.5.2 advises against for the sake of data that comes again: that is
 * let pass and written again, but it is no substitute for data that did not come. A task with more ranges than there is room
 * for is aborted, and one that ends with GOOD and a gap has broken the protocol; what is behind the first gap is never counted.
 *
 * A Data-In sequence longer than MaxBurstLength is taken: 11.7.1 forbids it to the target, but asks nothing of the receiver,
 * and targets in use send whole transfers without an F bit between.
 */
#include "base/bytes.h"
#include "initiator/initiator.h"

#define SENSE_LENGTH_LEN 2u

/* The task of an answer. *out NULL with ISCSIP_OK: drop it. */
static int ini_answered_task(struct ini_conn *ic, struct iscsip_task **out)
{
	uint32_t itt = ic->c->pdu.itt;
	bool known;
	struct conn_item *item = iscsip__initiator_find(ic->s, itt, &known);

	*out = NULL;
	if (!item) {
		if (!known)
			return ini_broken(ic, ISCSIP_RULE_TASK_TAG, itt);
		ic->s->base.stats.ignored++;
		return ISCSIP_OK;
	}
	*out = ini_issued_task(ic, item);
	return *out ? ISCSIP_OK : ini_broken(ic, ISCSIP_RULE_TASK_KIND, itt);
}

static void ini_rx_hold_task(struct ini_conn *ic, struct iscsip_task *t)
{
	ic->rx_task = t;
	ic->rx_pos = 0;
	ini_priv(t)->refs++;
}

/* --- Data-In --- */

static int ini_in_order(struct ini_conn *ic, struct ini_task *p)
{
	const struct iscsip_params *k = &ic->s->base.params;
	uint32_t off = ic->c->pdu.data_in.buffer_offset, end = off + ic->c->pdu.data_len;

	if (k->data_pdu_in_order && (k->data_sequence_in_order || p->in_sequence) && off != p->in_next)
		return ini_broken(ic, ISCSIP_RULE_IN_ORDER, off);
	if (k->data_sequence_in_order && off < p->in_floor)
		return ini_broken(ic, ISCSIP_RULE_IN_ORDER, off);
	if (!p->in_sequence || end > p->in_next)
		p->in_next = end;
	p->in_sequence = true;
	return ISCSIP_OK;
}

/* Checks a Data-In that brings something and finds its place. *drop: let it pass. */
static int ini_in_place(struct ini_conn *ic, struct iscsip_task *t, struct iscsip_ddp_hit *hit, bool *drop)
{
	const struct iscsip_pdu *pdu = &ic->c->pdu;
	struct iscsip_ddp_query q = { .tag = ini_swap(pdu->itt), .off = pdu->data_in.buffer_offset,
				      .len = pdu->data_len };
	struct ini_task *p = ini_priv(t);

	*drop = true;
	if (!t->in_vec)
		return ini_broken(ic, ISCSIP_RULE_TASK_KIND, pdu->itt);
	if (ini_data_lost(p) || serial_lt(pdu->data_in.datasn, p->datasn)) {
		ic->s->base.stats.ignored++;
		return ISCSIP_OK;
	}
	if (pdu->data_in.datasn != p->datasn)
		return ini_broken(ic, ISCSIP_RULE_DATASN, pdu->data_in.datasn);
	if (pdu->data_in.has_status && t->out_vec)
		return ini_broken(ic, ISCSIP_RULE_IN_BIDI, pdu->itt);
	p->datasn++;
	if (pdu->data_len == 0)
		return ISCSIP_OK;
	if (iscsip_ddp_place(ic->s->tags, &q, hit))
		return ini_broken(ic, ISCSIP_RULE_IN_RANGE, q.off);
	*drop = false;
	return ini_in_order(ic, p);
}

int iscsip__initiator_data_in_header(struct ini_conn *ic)
{
	struct iscsip_ddp_hit hit;
	struct iscsip_task *t;
	bool drop = true;
	int err = ini_answered_task(ic, &t);

	if (!err && t)
		err = ini_in_place(ic, t, &hit, &drop);
	if (err)
		return err;
	if (t)
		ini_rx_hold_task(ic, t);
	ic->rx_drop = drop;
	if (drop)
		iscsip__conn_expect_sink(ic->c, NULL);
	else
		iscsip__conn_expect_place(ic->c, &hit.at);
	return ISCSIP_OK;
}

/* A range is over: nothing below its end may come again, where sequences come in order. */
static void ini_in_sequence_ends(struct ini_task *p)
{
	p->in_sequence = false;
	if (p->in_next > p->in_floor)
		p->in_floor = p->in_next;
}

/* --- the result --- */

/* Residuals of the direction that O, U and the count speak of: data-out where there is any (RFC 7143 11.4.5). */
static void ini_result_flags(struct iscsip_task *t, bool overflow, bool underflow, uint32_t residual)
{
	if (t->out_vec) {
		t->result.out_overflow = overflow;
		t->result.out_residual = overflow || underflow ? residual : 0;
	} else if (overflow) {
		t->result.in_overflow = true;
		t->result.in_residual = residual;
	}
}

static int ini_underflow_fits(struct ini_conn *ic, uint32_t residual, uint32_t len)
{
	return residual <= len ? ISCSIP_OK : ini_broken(ic, ISCSIP_RULE_RESIDUAL_LEN, residual);
}

static void ini_complete(struct ini_conn *ic, struct iscsip_task *t)
{
	const struct ini_task *p = ini_priv(t);

	/* an abort that the answer has overtaken does not matter, lost data or a rejected command does */
	iscsip__initiator_over(ic->s, t, ini_data_lost(p) || p->why == ISCSIP_EPROTO ? p->why : ISCSIP_OK);
}

/* GOOD says that the data is there: then it has no gap, though it may be short. */
static int ini_in_whole(struct ini_conn *ic, struct iscsip_task *t)
{
	const struct task_ranges *r = ini_in_ranges(ic->s, ini_priv(t));

	if (!r || t->result.status || ini_data_lost(ini_priv(t)) || !task_ranges_have_gap(r))
		return ISCSIP_OK;
	return ini_broken(ic, ISCSIP_RULE_IN_GAP, task_ranges_first_gap(r));
}

static int ini_in_status(struct ini_conn *ic, struct iscsip_task *t)
{
	const struct iscsip_data_in *d = &ic->c->pdu.data_in;
	int err = d->underflow ? ini_underflow_fits(ic, d->residual, t->in_len) : ISCSIP_OK;

	t->result.status = d->status;
	if (!err)
		err = ini_in_whole(ic, t);
	if (err)
		return err;
	ini_result_flags(t, d->overflow, d->underflow, d->residual);
	ini_complete(ic, t);
	return ISCSIP_OK;
}

static void ini_in_count(struct ini_conn *ic, struct iscsip_task *t)
{
	const struct iscsip_pdu *pdu = &ic->c->pdu;
	struct task_ranges *r = ini_in_ranges(ic->s, ini_priv(t));
	uint32_t off = pdu->data_in.buffer_offset;

	t->result.in_len += pdu->data_len;
	ic->s->base.stats.in_bytes += pdu->data_len;
	if (r && pdu->data_len && !iscsip__task_ranges_merge(r, off, off + pdu->data_len))
		iscsip__initiator_abort(ic->s, t, ISCSIP_ENOSPC, ic->c->now);
}

static int ini_in_landed(struct ini_conn *ic, struct iscsip_task *t)
{
	struct iscsip_pdu *pdu = &ic->c->pdu;
	struct ini_task *p = ini_priv(t);

	if (p->stage == INI_OVER)
		return ISCSIP_OK;
	if (ic->c->data_bad) {
		/* data with a wrong digest is no data: the command ends with an error (RFC 7143 7.8 b) */
		iscsip__initiator_abort(ic->s, t, ISCSIP_EDIGEST, ic->c->now);
		return ISCSIP_OK;
	}
	if (!ic->rx_drop)
		ini_in_count(ic, t);
	if (pdu->final)
		ini_in_sequence_ends(p);
	return pdu->data_in.has_status ? ini_in_status(ic, t) : ISCSIP_OK;
}

int iscsip__initiator_data_in(struct ini_conn *ic)
{
	struct iscsip_task *t = ic->rx_task;
	struct iscsip_ddp_hit hit;
	int err;

	if (ic->c->pdu.data_len) {
		if (!t)
			return ISCSIP_OK;
		ic->rx_task = NULL;
		err = ini_in_landed(ic, t);
		iscsip__initiator_unref(ic->s, t);
		return err;
	}
	err = ini_answered_task(ic, &t);
	if (!err && t)
		err = ini_in_place(ic, t, &hit, &ic->rx_drop);
	return err || !t ? err : ini_in_landed(ic, t);
}

/* --- SCSI Response --- */

/* SenseLength, sense data, and response data that nobody reads. */
static int ini_sense_sink(struct iscsip_conn *c, const uint8_t *p, size_t n)
{
	struct ini_conn *ic = ini_conn_of(c);
	struct iscsip_task *t = ic->rx_task;
	uint32_t cap;

	for (; n && ic->rx_pos < SENSE_LENGTH_LEN; n--, ic->rx_pos++)
		ic->sense_len = (uint16_t)(ic->sense_len << 8 | *p++);
	if (!t || !n)
		return ISCSIP_OK;
	cap = t->sense && t->sense_cap < ic->sense_len ? t->sense_cap : t->sense ? ic->sense_len : 0;
	if (ic->rx_pos - SENSE_LENGTH_LEN < cap) {
		uint32_t at = ic->rx_pos - SENSE_LENGTH_LEN;
		uint32_t room = cap - at;

		memcpy((uint8_t *)t->sense + at, p, n < room ? n : room);
	}
	ic->rx_pos += (uint32_t)n;
	return ISCSIP_OK;
}

int iscsip__initiator_response_header(struct ini_conn *ic)
{
	struct iscsip_task *t;
	int err = ini_answered_task(ic, &t);

	if (err)
		return err;
	ic->sense_len = 0;
	ic->rx_pos = 0;
	if (t)
		ini_rx_hold_task(ic, t);
	iscsip__conn_expect_sink(ic->c, t ? ini_sense_sink : NULL);
	return ISCSIP_OK;
}

static int ini_sense(struct ini_conn *ic, struct iscsip_task *t)
{
	uint32_t len = ic->c->pdu.data_len;

	if (len < SENSE_LENGTH_LEN)
		return len ? ini_broken(ic, ISCSIP_RULE_SENSE_LEN, len) : ISCSIP_OK;
	if (ic->sense_len > len - SENSE_LENGTH_LEN)
		return ini_broken(ic, ISCSIP_RULE_SENSE_LEN, ic->sense_len);
	if (t->sense)
		t->result.sense_len = ic->sense_len < t->sense_cap ? ic->sense_len : t->sense_cap;
	return ISCSIP_OK;
}

static int ini_response_counts(struct ini_conn *ic, struct iscsip_task *t)
{
	const struct iscsip_scsi_response *r = &ic->c->pdu.scsi_response;
	struct ini_task *p = ini_priv(t);

	/* 11.4.8 counts Data-In alone, and for bidirectional commands 4.2.2.4 numbers R2Ts with them; writes have no Data-In */
	if (t->in_vec && !ini_data_lost(p) && serial_lt(p->datasn, r->expdatasn))
		return ini_broken(ic, ISCSIP_RULE_EXPDATASN, r->expdatasn);
	if (r->bidi_underflow && t->out_vec && t->in_vec && r->bidi_residual > t->in_len)
		return ini_broken(ic, ISCSIP_RULE_RESIDUAL_LEN, r->bidi_residual);
	return r->underflow ? ini_underflow_fits(ic, r->residual, t->out_vec ? t->out_len : t->in_len) : ISCSIP_OK;
}

static int ini_respond(struct ini_conn *ic, struct iscsip_task *t)
{
	const struct iscsip_scsi_response *r = &ic->c->pdu.scsi_response;
	int err;

	if (ini_priv(t)->stage == INI_OVER)
		return ISCSIP_OK;
	err = ini_sense(ic, t);
	t->result.response = r->response;
	if (!err && r->response == ISCSIP_RESPONSE_COMPLETED)
		err = ini_response_counts(ic, t);
	if (err)
		return err;
	if (r->response == ISCSIP_RESPONSE_COMPLETED) {
		t->result.status = r->status;
		if (ic->s->base.params.iscsi_protocol_level >= 2) /* RFC 7144 5.2.1 */
			t->result.status_qualifier = r->status_qualifier;
		ini_result_flags(t, r->overflow, r->underflow, r->residual);
		if (t->out_vec && t->in_vec && r->bidi_overflow) {
			t->result.in_overflow = true;
			t->result.in_residual = r->bidi_residual;
		}
		err = ini_in_whole(ic, t);
		if (err)
			return err;
	}
	ini_complete(ic, t);
	return ISCSIP_OK;
}

int iscsip__initiator_response(struct ini_conn *ic)
{
	struct iscsip_task *t = ic->rx_task;
	int err;

	if (ic->c->pdu.data_len) {
		if (!t)
			return ISCSIP_OK;
		ic->rx_task = NULL;
		err = ini_respond(ic, t);
		iscsip__initiator_unref(ic->s, t);
		return err;
	}
	err = ini_answered_task(ic, &t);
	return err || !t ? err : ini_respond(ic, t);
}
