/* SPDX-License-Identifier: MIT */
/*
 * What the device server says to a task of StpT, and the frames that come of it: SNDD for data asked for, XFER for data
 * given, CMPT or the last XFER for the status. The commands of cmd.h end here (iscsip__frame_port).
 *
 * A read whose status is known when its last bytes are put into a frame ends with that XFER (S0 Fig. 3A); where the device
 * server tells the status only after that, or gave no data at all, with CMPT. A write ends with CMPT, and never while the
 * initiator owes granted data: one that is completed early takes that data first, so that no XFER arrives for an exchange
 * that is over.
 *
 * Invariants: at most one grant is open, from the making of its SNDD to the last byte; `asked` > moved exactly while data()
 * is due; a task in COMPLETE has neither data() nor sent() due, only its answer and then free().
 */
#include "base/bytes.h"
#include "frame/frame_target.h"

#define SAM_TASK_ABORTED 0x40u
#define SENSE_FIXED 0x70u
#define SENSE_DESCRIPTOR 0x72u
#define SENSE_RESPONSE_CODES 0x7fu

/* --- sense data: 16 bytes in fixed format (SPC-4 4.5.3) --- */

static void frame_sense_make(uint8_t sense[16], uint8_t code, uint8_t key, uint8_t asc, uint8_t ascq)
{
	memset(sense, 0, 16);
	sense[0] = code;
	sense[2] = key;
	sense[7] = 10;
	sense[12] = asc;
	sense[13] = ascq;
}

/* One sense data descriptor (SPC-4 4.5.2), as far as the fixed format has a place for it. */
static void frame_sense_descriptor(uint8_t sense[16], const uint8_t *d, size_t len)
{
	if (d[0] == 0 && len >= 12 && load_be32(d + 4) == 0) {
		sense[0] |= d[2] & 0x80;
		memcpy(sense + 3, d + 8, 4);
	} else if (d[0] == 1 && len >= 12) {
		memcpy(sense + 8, d + 8, 4);
	} else if (d[0] == 3 && len >= 4) {
		sense[14] = d[3];
	} else if (d[0] == 5 && len >= 4) {
		sense[2] |= d[3] & 0x20; /* ILI */
	}
}

static void frame_sense_convert(uint8_t sense[16], const uint8_t *p, size_t n)
{
	size_t at = 8;

	frame_sense_make(sense, (uint8_t)(SENSE_FIXED | (p[0] & 1)), p[1] & 0x0f, p[2], p[3]);
	while (n - at >= 2 && n - at >= p[at + 1] + (size_t)2) {
		frame_sense_descriptor(sense, p + at, p[at + 1] + (size_t)2);
		at += p[at + 1] + (size_t)2;
	}
}

/* False where the bytes are no sense data that a frame could carry. */
static bool frame_sense_take(uint8_t sense[16], const uint8_t *p, size_t n)
{
	if (n < 8)
		return false;
	switch (p[0] & SENSE_RESPONSE_CODES & ~1u) {
	case SENSE_FIXED:
		memset(sense, 0, 16);
		memcpy(sense, p, n < 16 ? n : 16);
		return true;
	case SENSE_DESCRIPTOR:
		frame_sense_convert(sense, p, n);
		return true;
	default:
		return false;
	}
}

/* --- what the device server says --- */

static int frame_task_check(const struct frame_task *k)
{
	if (k->state != FRAME_T_EXEC)
		return ISCSIP_ESTATE;
	return k->cmd.flags & ISCSIP_CMD_ABORTED ? ISCSIP_ECLOSED : ISCSIP_OK;
}

static int frame_set_buffer(struct iscsip_cmd *cmd, const struct iscsip_vec *vec, int cnt)
{
	struct frame_task *k = frame_task_of(cmd);

	if (!(cmd->flags & ISCSIP_CMD_OUT) || k->out_vec || k->dropped || k->state > FRAME_T_EXEC)
		return ISCSIP_ESTATE;
	if (cnt < 1 || vec_total(vec, cnt) < cmd->out_len)
		return ISCSIP_EINVAL;
	k->out_vec = vec;
	k->out_cnt = cnt;
	if (k->state == FRAME_T_PLACING && !k->placing)
		iscsip__frame_placed(k);
	return ISCSIP_OK;
}

static int frame_request_data(struct iscsip_cmd *cmd, uint32_t off, uint32_t len)
{
	struct frame_task *k = frame_task_of(cmd);
	int err = frame_task_check(k);

	if (err)
		return err;
	if (!k->out_vec)
		return ISCSIP_ESTATE;
	if (len == 0 || off > cmd->out_len || len > cmd->out_len - off)
		return ISCSIP_EINVAL;
	if (k->asked > k->moved)
		return ISCSIP_EAGAIN;
	if (off + len <= k->moved)
		return ISCSIP_DONE;
	k->asked = off + len;
	iscsip__frame_queue(&k->owner->c, &k->item, FRAME_Q_CONTROL);
	return ISCSIP_OK;
}

static int frame_send_data(struct iscsip_cmd *cmd, const struct iscsip_vec *vec, int cnt, uint32_t len, bool last)
{
	struct frame_task *k = frame_task_of(cmd);
	int err = frame_task_check(k);

	if (err)
		return err;
	if (!(cmd->flags & ISCSIP_CMD_IN) || k->piece_last)
		return ISCSIP_ESTATE;
	if (k->piece_open)
		return ISCSIP_EAGAIN;
	if (vec_total(vec, cnt) < len)
		return ISCSIP_EINVAL;
	k->piece = cursor_make(vec, cnt, 0);
	k->piece_left = len < cmd->in_len - k->moved ? len : cmd->in_len - k->moved;
	k->piece_open = true;
	k->piece_last = last;
	iscsip__frame_queue(&k->owner->c, &k->item, FRAME_Q_DATA);
	return ISCSIP_OK;
}

/* The status that goes out; sense data only with CHECK CONDITION. */
static void frame_keep_answer(struct frame_task *k, const struct iscsip_cmd_status *st)
{
	k->status = st->status;
	if (k->cmd.flags & ISCSIP_CMD_ABORTED) {
		k->status = SAM_TASK_ABORTED;
	} else if (st->response) {
		k->status = SAM_CHECK_CONDITION;
		frame_sense_make(k->sense, SENSE_FIXED, 0x04, 0x44, 0x00); /* INTERNAL TARGET FAILURE */
		k->has_sense = true;
	} else if (st->status == SAM_CHECK_CONDITION && st->sense) {
		k->has_sense = frame_sense_take(k->sense, st->sense, st->sense_len);
	}
}

static int frame_complete(struct iscsip_cmd *cmd, const struct iscsip_cmd_status *st)
{
	struct frame_task *k = frame_task_of(cmd);
	struct iscsip_frame_conn *c = &k->owner->c;

	if (k->state != FRAME_T_EXEC)
		return ISCSIP_ESTATE;
	frame_keep_answer(k, st);
	k->state = FRAME_T_COMPLETE;
	k->asked = 0;
	if (c->state == FRAME_CLOSED)
		iscsip__frame_task_free(k);
	else if (!k->granted && !k->piece_left)
		iscsip__frame_queue(c, &k->item, FRAME_Q_CONTROL);
	return ISCSIP_OK;
}

/* From now on it ends with TASK ABORTED; of data given nothing more is put into frames. */
static int frame_abort(struct iscsip_cmd *cmd)
{
	struct frame_task *k = frame_task_of(cmd);
	struct frame_target *t = k->owner;

	if (frame_task_check(k))
		return ISCSIP_ESTATE;
	cmd->flags |= ISCSIP_CMD_ABORTED;
	k->piece_left = 0;
	k->asked = 0;
	if (t->ops->abort)
		t->ops->abort(t->ops_user, cmd);
	return ISCSIP_OK;
}

const struct iscsip_cmd_port iscsip__frame_port = {
	.set_buffer = frame_set_buffer,
	.request_data = frame_request_data,
	.send_data = frame_send_data,
	.complete = frame_complete,
	.abort = frame_abort,
};

/* --- frames --- */

static void frame_answer(struct iscsip_frame *f, const struct frame_task *k, uint32_t event)
{
	memset(f, 0, sizeof *f);
	f->event = event;
	f->lun = frame_task_lun(k);
	f->flags = frame_task_flags(k);
	f->originator_id = k->cmd.tag;
	f->responder_id = frame_task_id(k);
	memcpy(f->originator_buffer, k->cdb, sizeof k->cdb);
}

static void frame_put_status(struct iscsip_frame *f, const struct frame_task *k)
{
	f->status = k->status;
	if (!k->has_sense)
		return;
	f->flags |= ISCSIP_FRAME_SENSE;
	memcpy(f->responder_buffer, k->sense, sizeof k->sense);
}

static void frame_seal_answer(struct frame_task *k, struct iscsip_frame *f)
{
	struct iscsip_frame_conn *c = &k->owner->c;
	struct tx_unit *u = iscsip__tx_slot(&c->tx);

	u->owner = k;
	if (f->event == ISCSIP_FRAME_XFER) {
		u->payload = k->piece;
		u->payload_len = f->transfer_length;
	}
	k->in_flight++;
	iscsip__frame_seal(c, u, f);
}

static enum frame_made frame_make_xfer(struct frame_task *k)
{
	struct iscsip_frame_conn *c = &k->owner->c;
	uint32_t len = k->piece_left < c->cfg->limits.max_burst ? k->piece_left : c->cfg->limits.max_burst;
	struct iscsip_frame f;

	frame_answer(&f, k, ISCSIP_FRAME_XFER);
	f.transfer_length = len;
	if (k->state == FRAME_T_COMPLETE && len == k->piece_left) {
		f.flags |= ISCSIP_FRAME_FINAL;
		frame_put_status(&f, k);
		iscsip__frame_answered(k);
	}
	frame_seal_answer(k, &f);
	cursor_advance(&k->piece, len);
	k->piece_left -= len;
	k->moved += len;
	c->stats.in_bytes += len;
	return k->piece_left ? FRAME_MADE_MORE : FRAME_MADE_LAST;
}

static void frame_make_cmpt(struct frame_task *k)
{
	struct iscsip_frame f;

	frame_answer(&f, k, ISCSIP_FRAME_CMPT);
	frame_put_status(&f, k);
	f.transfer_length = k->moved;
	iscsip__frame_answered(k);
	frame_seal_answer(k, &f);
}

/* There is one tag for each task, and the buffer was found long enough when it was named: binding cannot fail. */
static void frame_make_sndd(struct frame_task *k)
{
	struct iscsip_frame_conn *c = &k->owner->c;
	uint32_t left = k->asked - k->moved;
	uint32_t len = left < c->cfg->limits.max_burst ? left : c->cfg->limits.max_burst;
	const struct iscsip_ddp_region r = {
		.owner = k,
		.lun = k->cmd.lun,
		.at = { k->out_vec, k->out_cnt, k->moved },
		.off = k->moved,
		.len = len,
		.itt = k->cmd.tag,
	};
	struct iscsip_frame f;

	if (iscsip_ddp_bind(k->owner->ddp, &r, 0, &k->tag)) {
		(void)iscsip__frame_fail(c, ISCSIP_EHOST, ISCSIP_FRAME_RULE_NONE, 0);
		return;
	}
	k->granted = true;
	k->grant = len;
	k->grant_off = k->moved;
	k->due = frame_after(c, c->cfg->exchange_timeout_ms);
	iscsip__frame_due(c, k->due);
	frame_answer(&f, k, ISCSIP_FRAME_SNDD);
	iscsip__frame_handle(f.responder_buffer, k);
	f.transfer_length = len;
	frame_seal_answer(k, &f);
}

void iscsip__frame_granted(struct frame_task *k)
{
	struct frame_target *t = k->owner;

	k->granted = false;
	k->due = ISCSIP_TIME_NEVER;
	if (k->state == FRAME_T_COMPLETE || k->asked > k->moved) {
		iscsip__frame_queue(&t->c, &k->item, FRAME_Q_CONTROL);
	} else if (k->asked && t->ops->data) {
		t->ops->data(t->ops_user, &k->cmd);
	}
}

/* The piece is in nobody's hands any more: tell it, unless free() will. */
static void frame_piece_free(struct frame_task *k)
{
	struct frame_target *t = k->owner;

	k->piece_open = false;
	if (k->state == FRAME_T_EXEC && t->c.state != FRAME_CLOSED && t->ops->sent)
		t->ops->sent(t->ops_user, &k->cmd);
}

enum frame_made iscsip__frame_target_make(struct iscsip_frame_conn *c, struct iscsip_frame_item *item)
{
	struct frame_task *k = (struct frame_task *)(void *)((uint8_t *)item - offsetof(struct frame_task, item));

	(void)c;
	if (k->piece_left)
		return frame_make_xfer(k);
	if (k->state == FRAME_T_COMPLETE && !k->granted)
		frame_make_cmpt(k);
	else if (k->state == FRAME_T_EXEC && k->asked > k->moved && !k->granted)
		frame_make_sndd(k);
	else if (k->state == FRAME_T_EXEC && k->piece_open && k->in_flight == 0)
		frame_piece_free(k);
	return FRAME_MADE_LAST;
}

void iscsip__frame_target_gone(struct iscsip_frame_conn *c, struct tx_unit *u)
{
	struct frame_task *k = u->owner;

	(void)c;
	k->in_flight--;
	if (k->in_flight)
		return;
	if (k->piece_open && !k->piece_left)
		frame_piece_free(k);
	if (k->state == FRAME_T_ANSWERED)
		iscsip__frame_task_free(k);
}

/* A task that the device server still has is freed when it completes it; nobody will hear the status. */
void iscsip__frame_lost(struct frame_task *k)
{
	struct frame_target *t = k->owner;

	if (k->state != FRAME_T_EXEC) {
		iscsip__frame_task_free(k);
		return;
	}
	if (k->cmd.flags & ISCSIP_CMD_ABORTED)
		return;
	k->cmd.flags |= ISCSIP_CMD_ABORTED;
	if (t->ops->abort)
		t->ops->abort(t->ops_user, &k->cmd);
}
