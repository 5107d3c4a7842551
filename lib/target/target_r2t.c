/* SPDX-License-Identifier: MIT */
/*
 * Asking for data-out. It owns the sequences that are outstanding: for each an entry of the tag table, whose tag is the
 * R2T's Target Transfer Tag, and a `struct tgt_seq` of the same index.
 *
 * A task asks for its range piece by piece, each of up to MaxBurstLength (11.8.4), with as many outstanding as
 * MaxOutstandingR2T lets it (13.17). Where the session's tags are all in use it waits in a queue, first come first
 * served; each tag that is released wakes the first.
 *
 * Invariants: `r2ts` is the length of a task's list, oldest first; a task is in the queue for tags (TGT_TAG_WAIT) or its
 * r2t_item is queued, or neither, never both.
 */
#include "target/target.h"

/* --- the queue for tags --- */

static void tag_wait(struct tgt_task *t)
{
	struct tgt_session *s = t->ses;

	t->flags |= TGT_TAG_WAIT;
	t->out.tag_next = 0;
	if (s->tag_last)
		s->tasks[s->tag_last - 1].out.tag_next = (uint16_t)(t->index + 1u);
	else
		s->tag_first = (uint16_t)(t->index + 1u);
	s->tag_last = (uint16_t)(t->index + 1u);
}

void iscsip__target_r2t_unwait(struct tgt_task *t)
{
	struct tgt_session *s = t->ses;
	uint16_t *at = &s->tag_first, before = 0;

	if (!(t->flags & TGT_TAG_WAIT))
		return;
	t->flags &= ~(uint32_t)TGT_TAG_WAIT;
	while (*at != t->index + 1u) {
		before = *at;
		at = &s->tasks[*at - 1].out.tag_next;
	}
	*at = t->out.tag_next;
	if (s->tag_last == t->index + 1u)
		s->tag_last = before;
}

static void tag_wake(struct tgt_session *s)
{
	struct tgt_task *t;

	if (!s->tag_first)
		return;
	t = &s->tasks[s->tag_first - 1];
	iscsip__target_r2t_unwait(t);
	iscsip__target_r2t_queue(t);
}

/* --- asking --- */

static bool may_ask(const struct tgt_task *t)
{
	return t->c && t->out.ask != t->out.ask_end && t->out.r2ts < t->ses->s.params.max_outstanding_r2t;
}

void iscsip__target_r2t_queue(struct tgt_task *t)
{
	if (!may_ask(t) || t->flags & (TGT_TAG_WAIT | TGT_OVER | TGT_FAILED | TGT_COMPLETE))
		return;
	t->out.r2t_item.kind = TGT_ITEM_R2T;
	iscsip__conn_queue(t->c, &t->out.r2t_item, CONN_Q_ANSWER);
}

static void seq_begin(struct tgt_task *t, uint32_t ttt, uint32_t index, uint32_t len)
{
	struct tgt_session *s = t->ses;
	struct tgt_seq *seq = &s->seqs[index];
	uint16_t *at = &t->out.seqs;

	seq->tag = ttt;
	seq->len = len;
	seq->got = seq->datasn = 0;
	seq->next_off = t->out.ask;
	seq->next = 0;
	if (s->seq_ranges)
		task_ranges_clear(&s->seq_ranges[index]);
	while (*at)
		at = &s->seqs[*at - 1].next;
	*at = (uint16_t)(index + 1u);
	t->out.r2ts++;
	t->out.ask += len;
}

static bool seq_bind(struct iscsip_conn *c, struct tgt_task *t, uint32_t len, uint32_t *ttt)
{
	struct iscsip_ddp_region r = { .owner = t, .lun = t->cmd.lun, .at = iscsip__target_out_at(t, t->out.ask),
				       .off = t->out.ask, .len = len, .itt = t->cmd.tag };
	struct iscsip_ddp_query q = { .conn = tgt_conn_of(c)->slot };
	struct iscsip_ddp_hit hit;

	if (iscsip_ddp_bind(t->ses->ddp, &r, q.conn, ttt))
		return false;
	q.tag = *ttt;
	(void)iscsip_ddp_find(t->ses->ddp, &q, &hit);
	seq_begin(t, *ttt, hit.index, len);
	return true;
}

enum conn_made iscsip__target_r2t_make(struct iscsip_conn *c, struct tgt_task *t)
{
	uint32_t left = t->out.ask_end - t->out.ask, burst = t->ses->s.params.max_burst_length;
	struct iscsip_pdu pdu;

	memset(&pdu, 0, sizeof pdu);
	pdu.opcode = ISCSIP_OP_R2T;
	pdu.final = true;
	pdu.lun = t->cmd.lun;
	pdu.itt = t->cmd.tag;
	pdu.r2t.buffer_offset = t->out.ask;
	pdu.r2t.desired_len = left < burst ? left : burst;
	if (!seq_bind(c, t, pdu.r2t.desired_len, &pdu.r2t.ttt)) {
		tag_wait(t);
		return CONN_MADE_NONE;
	}
	pdu.r2t.r2tsn = t->datasn++;
	tgt_stamp(c, t->ses, &pdu.reply, false);
	iscsip__conn_seal(c, iscsip__conn_unit(c), &pdu, false);
	return may_ask(t) ? CONN_MADE_MORE : CONN_MADE_LAST;
}

/* --- letting go --- */

bool iscsip__target_r2t_has(const struct tgt_task *t, uint16_t index, uint32_t ttt)
{
	uint16_t at = t->out.seqs;

	while (at && at != index + 1u)
		at = t->ses->seqs[at - 1].next;
	return at && t->ses->seqs[index].tag == ttt;
}

void iscsip__target_r2t_release(struct tgt_task *t, uint16_t index)
{
	struct tgt_session *s = t->ses;
	uint16_t *at = &t->out.seqs;

	while (*at != index + 1u)
		at = &s->seqs[*at - 1].next;
	*at = s->seqs[index].next;
	if (--t->out.r2ts == 0)
		t->flags &= ~(uint32_t)TGT_DRAIN;
	(void)iscsip_ddp_release(s->ddp, s->seqs[index].tag);
	iscsip__target_r2t_queue(t);
	tag_wake(s);
}

void iscsip__target_r2t_release_all(struct tgt_task *t)
{
	while (t->out.seqs)
		iscsip__target_r2t_release(t, (uint16_t)(t->out.seqs - 1u));
}
