/* SPDX-License-Identifier: MIT */
/*
 * Data-in: the stream of a read. It owns the walk over the pieces that the host gives, and cuts them into Data-In PDUs of
 * up to the initiator's MaxRecvDataSegmentLength and sequences of up to MaxBurstLength (RFC 7143 11.7.1). Nothing is copied:
 * a PDU's payload is a cursor into the host's memory.
 *
 * A PDU is made when the transport has room for it. If the command is complete by then, and may tell so there, the status goes
 * with the last one (11.7.3); otherwise a SCSI Response follows.
 *
 * Invariants: offsets ascend without a gap; in_off + in_left <= in_len; while PIECE is set the host's vector is in use,
 * until the last unit that refers to it is gone.
 */
#include "target/target.h"
#include "wire/store.h"

/* --- giving --- */

/* False where nothing of it is to be sent. */
static bool piece_take(struct tgt_task *t, const struct iscsip_vec_cursor *at, uint32_t len, bool last)
{
	uint32_t room = t->cmd.in_len - t->in_off;

	if (len > room) {
		len = room;
		last = true;
	}
	t->flags |= (last ? TGT_LAST : 0u) | (len ? TGT_PIECE : 0u);
	t->in_at = *at;
	t->in_left = len;
	return len > 0;
}

/* Why nothing is taken now. */
static int refusal(const struct tgt_task *t)
{
	if (t->flags & (TGT_ABORTED | TGT_FAILED))
		return ISCSIP_ECLOSED;
	if (!(t->flags & TGT_DEVICE) || t->flags & (TGT_LAST | TGT_COMPLETE))
		return ISCSIP_ESTATE;
	return ISCSIP_EAGAIN;
}

int iscsip__target_in_send(struct iscsip_cmd *cmd, const struct iscsip_vec *vec, int cnt, uint32_t len, bool last)
{
	struct tgt_task *t = tgt_task_of(cmd);
	struct tgt_session *s = t->ses;
	struct iscsip_vec_cursor at = { vec, cnt, 0 };

	if ((t->flags & (TGT_DEVICE | TGT_ABORTED | TGT_FAILED | TGT_LAST | TGT_COMPLETE | TGT_PIECE)) != TGT_DEVICE)
		return refusal(t);
	if (!cursor_holds(&at, len))
		return ISCSIP_EINVAL;
	tgt_enter(s);
	if (piece_take(t, &at, len, last))
		iscsip__conn_queue(t->c, &t->item, CONN_Q_DATA);
	else if (s->dev->sent)
		s->dev->sent(s->dev_user, cmd); /* it is done at once */
	tgt_leave(s);
	return ISCSIP_OK;
}

/* --- making --- */

/* GOOD, CONDITION MET, INTERMEDIATE, INTERMEDIATE-CONDITION MET, and nothing to say with it (11.7.3). */
static bool status_may_ride(const struct tgt_task *t)
{
	return (t->flags & (TGT_COMPLETE | TGT_BIDI | TGT_FAILED)) == TGT_COMPLETE && (t->status.status & ~0x14u) == 0 &&
	       t->status.response == 0 && t->status.sense_len == 0;
}

static void status_ride(struct tgt_task *t, struct iscsip_data_in *d)
{
	struct tgt_residual r = tgt_residual_of(t->cmd.in_len, t->status.in_total);

	iscsip__target_task_sealed(t);
	d->has_status = true;
	d->status = t->status.status;
	d->overflow = r.over;
	d->underflow = r.under;
	d->residual = r.count;
}

/* How much goes into the next PDU; whole words but at the end of a sequence (11.7.7). */
static uint32_t segment_len(const struct iscsip_conn *c, const struct tgt_task *t, bool *ends)
{
	uint32_t burst = t->ses->s.params.max_burst_length - t->in_burst;
	uint32_t len = t->in_left < burst ? t->in_left : burst;

	if (len > c->tx_limit) {
		*ends = false;
		return c->tx_limit & ~3u;
	}
	*ends = true;
	return len;
}

/* The payload, and what of the piece is left after it. */
static void segment_take(struct tgt_task *t, struct tx_unit *u, uint32_t len, bool ends)
{
	u->payload = t->in_at;
	u->payload_len = len;
	u->owner = t;
	u->note = TGT_ITEM_TASK;
	t->tx_units++;
	t->in_left -= len;
	t->in_off += len;
	t->in_pdus++;
	t->in_burst = ends ? 0 : t->in_burst + len;
	if (t->in_left)
		(void)cursor_advance(&t->in_at, len);
}

static enum conn_made data_in_make(struct iscsip_conn *c, struct tgt_task *t)
{
	struct iscsip_pdu pdu = { .opcode = ISCSIP_OP_DATA_IN, .itt = t->cmd.tag };
	struct tgt_session *s = t->ses;
	struct tx_unit *u = iscsip__conn_unit(c);
	bool ends;

	pdu.data_len = segment_len(c, t, &ends);
	pdu.final = ends;
	pdu.data_in.ttt = ISCSIP_TAG_NONE;
	pdu.data_in.datasn = t->datasn++;
	pdu.data_in.buffer_offset = t->in_off;
	segment_take(t, u, pdu.data_len, ends);
	s->s.stats.in_bytes += pdu.data_len;
	if (t->in_left == 0 && status_may_ride(t))
		status_ride(t, &pdu.data_in);
	tgt_stamp(c, s, &pdu.reply, pdu.data_in.has_status);
	if (!pdu.data_in.has_status)
		pdu.data_in.statsn = 0;
	memset(u->head, 0, BHS_LEN);
	(void)store_data_in(u->head, &pdu);
	(void)store_every(u->head, &pdu);
	iscsip__conn_sealed(c, u, false);
	if (t->in_left)
		return CONN_MADE_MORE;
	/* a status that could not ride goes next, from the same queue, unless it waits for data-out */
	return !(t->flags & TGT_SEALED) && iscsip__target_may_respond(t) ? CONN_MADE_MORE : CONN_MADE_LAST;
}

enum conn_made iscsip__target_in_make(struct iscsip_conn *c, struct tgt_task *t)
{
	return t->in_left ? data_in_make(c, t) : iscsip__target_response_make(c, t);
}

/* --- gone --- */

void iscsip__target_in_gone(struct tgt_task *t)
{
	struct tgt_session *s = t->ses;

	if (t->in_left || t->tx_units)
		return;
	t->flags &= ~(uint32_t)TGT_PIECE;
	if (t->flags & TGT_HURRY)
		iscsip__target_hurry_pause(t);
	if (!(t->flags & (TGT_COMPLETE | TGT_FAILED)) && s->dev->sent)
		s->dev->sent(s->dev_user, &t->cmd);
}
