/* SPDX-License-Identifier: MIT */
/*
 * Data-out: where Data-Out PDUs go, what is wrong with them, and when the host has what it asked for.
 *
 * The bytes of a command come in up to three ways: immediate data and one unsolicited sequence, together the first
 * `promised` bytes, and solicited sequences, one for each R2T (target_r2t.c). A sequence ends with the F bit, never by its
 * length alone. The host asks for ranges (iscsip_cmd_request_data()); bytes that came unasked serve it once, everything
 * else is solicited.
 *
 * Faults at recovery level 0, in the order of severity:
 *   - a tag that is nobody's, or another's: Reject (11.17.1 note 2); tags of commands that are gone: silence
 *   - outside what was asked for, or not in order: Reject, and the command ends with CHECK CONDITION
 *   - a gap in DataSN, a data digest: the data is lost; CHECK CONDITION, protocol service CRC error (7.8, 7.9)
 *   - more or less than agreed: CHECK CONDITION (11.4.7.2)
 * A command that ends so still waits for the F bits that are due (11.4.2); its data passes by.
 *
 * Invariant: data lands only in the buffer of a command that is neither over nor failed, inside the range of its tag or
 * below `promised`, and no byte of a sequence lands twice.
 */
#include "target/target.h"

static bool in_order(const struct tgt_task *t)
{
	return t->ses->s.params.data_pdu_in_order || !t->ses->seq_ranges;
}

struct task_ranges *iscsip__target_task_ranges(const struct tgt_task *t)
{
	struct tgt_session *s = t->ses;

	return s->seq_ranges ? &s->seq_ranges[s->s.cfg->limits.max_r2ts + t->index] : NULL;
}

struct iscsip_vec_cursor iscsip__target_out_at(const struct tgt_task *t, uint32_t off)
{
	return cursor_make(t->out.vec, t->out.cnt, off);
}

static bool takes_data(const struct tgt_task *t)
{
	return t->flags & TGT_BUFFER && !(t->flags & (TGT_OVER | TGT_FAILED));
}

/* --- headers --- */

/* The data of this PDU goes to `at`, or passes by. */
static int out_expect(struct iscsip_conn *c, struct tgt_task *t, uint16_t seq, const struct iscsip_vec_cursor *at)
{
	struct tgt_conn *tc = tgt_conn_of(c);

	tc->rx_task = t;
	tc->rx_seq = seq;
	t->flags |= TGT_RX;
	if (c->pdu.data_len == 0)
		return ISCSIP_OK;
	if (at && takes_data(t))
		iscsip__conn_expect_place(c, at);
	else
		iscsip__conn_expect_sink(c, NULL);
	return ISCSIP_OK;
}

static int out_ignore(struct iscsip_conn *c, struct tgt_session *s)
{
	s->s.stats.ignored++;
	return iscsip__target_skip(c);
}

static int out_reject(struct iscsip_conn *c)
{
	(void)iscsip__target_reject(c, ISCSIP_REJECT_FIELD, NULL);
	return iscsip__target_skip(c);
}

/* The PDU breaks what holds for its command: refused, the command ends, but its F bit still counts. */
static int out_break(struct iscsip_conn *c, struct tgt_task *t, uint16_t seq)
{
	(void)iscsip__target_reject(c, ISCSIP_REJECT_FIELD, NULL);
	iscsip__target_fail(t, TGT_FAIL_AMOUNT);
	return out_expect(c, t, seq, NULL);
}

/* Whether the PDU is the next one of its sequence, or in some order one of it. */
static bool offset_fits(const struct iscsip_pdu *pdu, bool ordered, uint32_t next, struct task_ranges *ranges)
{
	uint32_t off = pdu->data_out.buffer_offset;

	if (pdu->data_len == 0)
		return true;
	return ordered ? off == next : iscsip__task_ranges_add(ranges, off, off + pdu->data_len);
}

static int unsolicited(struct iscsip_conn *c)
{
	const struct iscsip_data_out *d = &c->pdu.data_out;
	struct tgt_session *s = tgt_session_of(c);
	struct tgt_task *t = tgt_task_find(s, c->pdu.itt);
	struct iscsip_vec_cursor at;

	if (!t || t->kind != TGT_COMMAND || t->c != c || t->flags & TGT_OVER)
		return out_ignore(c, s);
	if (!(t->flags & TGT_UNSOLICITED)) {
		iscsip__target_fail(t, TGT_FAIL_UNSOLICITED);
		return out_ignore(c, s);
	}
	if (t->flags & TGT_FAILED)
		return out_expect(c, t, 0, NULL);
	if (d->datasn != t->out.unsol_sn) {
		iscsip__target_fail(t, TGT_FAIL_CRC);
		return out_expect(c, t, 0, NULL);
	}
	t->out.unsol_sn++;
	if (c->pdu.data_len && (d->buffer_offset > t->out.promised || c->pdu.data_len > t->out.promised - d->buffer_offset)) {
		iscsip__target_fail(t, TGT_FAIL_UNSOLICITED);
		return out_expect(c, t, 0, NULL);
	}
	if (!offset_fits(&c->pdu, in_order(t), t->out.have, iscsip__target_task_ranges(t)))
		return out_break(c, t, 0);
	at = t->flags & TGT_BUFFER ? iscsip__target_out_at(t, d->buffer_offset) : (struct iscsip_vec_cursor){ NULL, 0, 0 };
	if (!(t->flags & TGT_BUFFER))
		t->flags |= TGT_DROPPED;
	return out_expect(c, t, 0, &at);
}

/* A transfer tag that leads nowhere, or elsewhere. */
static int tag_refused(struct iscsip_conn *c, const struct iscsip_ddp_hit *hit)
{
	struct tgt_session *s = tgt_session_of(c);

	if ((hit->fault == ISCSIP_DDP_FAULT_FREE || hit->fault == ISCSIP_DDP_FAULT_STALE) &&
	    !tgt_task_find(s, c->pdu.itt))
		return out_ignore(c, s);
	return out_reject(c);
}

/* Both tags say whose data it is; that the LUN is right, too (11.7.4), may be left out for initiators that do not set it. */
static uint32_t task_checks(const struct iscsip_conn *c)
{
	return ISCSIP_DDP_CHECK_TASK | (c->cfg->flags & ISCSIP_CFG_ANY_LUN ? ISCSIP_DDP_ANY_LUN : 0u);
}

static int solicited(struct iscsip_conn *c)
{
	const struct iscsip_data_out *d = &c->pdu.data_out;
	struct tgt_session *s = tgt_session_of(c);
	struct iscsip_ddp_query q = { c->pdu.lun, d->ttt, tgt_conn_of(c)->slot, c->pdu.itt, d->buffer_offset,
				      c->pdu.data_len, task_checks(c) };
	struct iscsip_ddp_hit hit;
	struct task_ranges *ranges;
	struct tgt_task *t;
	struct tgt_seq *seq;
	uint16_t at;

	(void)(c->pdu.data_len ? iscsip_ddp_place(s->ddp, &q, &hit) : iscsip_ddp_find(s->ddp, &q, &hit));
	if (hit.fault && hit.fault < ISCSIP_DDP_FAULT_BELOW)
		return tag_refused(c, &hit);
	t = hit.owner;
	at = (uint16_t)(hit.index + 1u);
	seq = &s->seqs[hit.index];
	ranges = s->seq_ranges ? &s->seq_ranges[hit.index] : NULL;
	if (t->flags & (TGT_ABORTED | TGT_FAILED))
		return out_expect(c, t, at, NULL);
	if (d->datasn != seq->datasn++) {
		iscsip__target_fail(t, TGT_FAIL_CRC);
		return out_expect(c, t, at, NULL);
	}
	if (hit.fault || !offset_fits(&c->pdu, in_order(t), seq->next_off, ranges))
		return out_break(c, t, at);
	return out_expect(c, t, at, &hit.at);
}

int iscsip__target_out_header(struct iscsip_conn *c)
{
	return c->pdu.data_out.ttt == ISCSIP_TAG_NONE ? unsolicited(c) : solicited(c);
}

/* --- the data is in --- */

static void unsolicited_in(struct tgt_task *t, const struct iscsip_pdu *pdu)
{
	t->out.have += pdu->data_len;
	if (!pdu->final)
		return;
	t->flags &= ~(uint32_t)TGT_UNSOLICITED;
	/* some of it was sent, so it has to be all that was agreed (4.2.5.2, 11.4.7.2) */
	if (!(t->flags & TGT_FAILED) && t->out.have != t->out.promised)
		iscsip__target_fail(t, TGT_FAIL_AMOUNT);
}

static void solicited_in(struct tgt_task *t, uint16_t index, const struct iscsip_pdu *pdu)
{
	struct tgt_seq *seq = &t->ses->seqs[index];

	seq->got += pdu->data_len;
	seq->next_off += pdu->data_len;
	if (!pdu->final)
		return;
	if (!(t->flags & (TGT_FAILED | TGT_ABORTED)) && seq->got != seq->len)
		iscsip__target_fail(t, TGT_FAIL_AMOUNT);
	iscsip__target_r2t_release(t, index);
}

int iscsip__target_out_pdu(struct iscsip_conn *c)
{
	struct tgt_conn *tc = tgt_conn_of(c);
	struct tgt_task *t = tc->rx_task;

	tc->rx_task = NULL;
	t->flags &= ~(uint32_t)TGT_RX;
	t->ses->s.stats.out_bytes += c->pdu.data_len;
	if (c->data_bad) {
		(void)iscsip__target_reject(c, ISCSIP_REJECT_DATA_DIGEST, NULL);
		iscsip__target_fail(t, TGT_FAIL_CRC);
	}
	/* a tag may have been let go while its data came (the task was aborted) */
	if (tc->rx_seq == 0 && t->flags & TGT_UNSOLICITED)
		unsolicited_in(t, &c->pdu);
	else if (tc->rx_seq && t->out.r2ts && iscsip__target_r2t_has(t, (uint16_t)(tc->rx_seq - 1u), c->pdu.data_out.ttt))
		solicited_in(t, (uint16_t)(tc->rx_seq - 1u), &c->pdu);
	iscsip__target_out_progress(t);
	return ISCSIP_OK;
}

/* --- what the host asked for --- */

/* Whether everything of the open request is there. */
static bool satisfied(const struct tgt_task *t)
{
	if (t->out.ask != t->out.ask_end || t->out.r2ts)
		return false;
	return !(t->flags & TGT_UNSOLICITED) || t->out.need == 0 || (in_order(t) && t->out.have >= t->out.need);
}

void iscsip__target_out_progress(struct tgt_task *t)
{
	struct tgt_session *s = t->ses;

	if (t->flags & TGT_ABORTED) {
		(void)iscsip__target_task_put(t);
	} else if (t->flags & TGT_REQUEST && satisfied(t)) {
		t->flags &= ~(uint32_t)TGT_REQUEST;
		if (t->flags & TGT_HURRY)
			iscsip__target_hurry_pause(t);
		if (s->dev->data)
			s->dev->data(s->dev_user, &t->cmd);
	} else {
		iscsip__target_respond(t);
	}
}

/* Splits a request into what comes unasked and what has to be solicited. */
static void ask(struct tgt_task *t, uint32_t off, uint32_t end)
{
	uint32_t unasked = t->flags & TGT_UNSOLICITED ? t->out.promised : t->out.have;

	t->out.need = 0;
	t->out.ask = off;
	t->out.ask_end = end;
	if (off < t->out.fresh || off >= unasked)
		return;
	t->out.need = end < unasked ? end : unasked;
	t->out.fresh = t->out.need;
	t->out.ask = t->out.need;
}

/* Why nothing can be asked for now. */
static int request_refusal(const struct tgt_task *t)
{
	if (t->flags & (TGT_ABORTED | TGT_FAILED))
		return ISCSIP_ECLOSED;
	return t->flags & TGT_REQUEST ? ISCSIP_EAGAIN : ISCSIP_ESTATE;
}

int iscsip__target_out_request(struct iscsip_cmd *cmd, uint32_t off, uint32_t len)
{
	const uint32_t good = TGT_DEVICE | TGT_BUFFER;
	struct tgt_task *t = tgt_task_of(cmd);

	if ((t->flags & (good | TGT_ABORTED | TGT_FAILED | TGT_COMPLETE | TGT_REQUEST)) != good)
		return request_refusal(t);
	if (len == 0 || off > cmd->out_len || len > cmd->out_len - off)
		return ISCSIP_EINVAL;
	ask(t, off, off + len);
	if (satisfied(t))
		return ISCSIP_DONE;
	t->flags |= TGT_REQUEST;
	iscsip__target_r2t_queue(t);
	return ISCSIP_OK;
}
