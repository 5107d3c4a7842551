/* SPDX-License-Identifier: MIT */
/*
 * SCSI Responses: how a command ends that does not end with its last Data-In, whether the device server says so or this
 * layer does (RFC 7143 11.4). It owns the sense data of the conditions of 11.4.7.2.
 *
 * A response waits until its data-in is out, and until nothing more of its data-out can come (11.4.2). A command that the
 * transport has failed is taken from the device server by `abort`; what that answers is not sent.
 */
#include "target/target.h"
#include "wire/store.h"

#define STATUS_CHECK 0x02u
#define SENSE_LEN 18u

/* Fixed format, current, ABORTED COMMAND, with the additional sense code and qualifier of the condition (SPC-4 4.5.3). */
#define SENSE(asc, ascq) SENSE_KEY(0x0b, asc, ascq)
#define SENSE_KEY(key, asc, ascq) { 0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, asc, ascq, 0, 0, 0, 0 }
static const uint8_t failure_sense[TGT_FAIL_COUNT][SENSE_LEN] = {
	[TGT_FAIL_UNSOLICITED] = SENSE(0x0c, 0x0c),
	[TGT_FAIL_AMOUNT] = SENSE(0x0c, 0x0d),
	[TGT_FAIL_CRC] = SENSE(0x47, 0x05),
	[TGT_FAIL_SNACK] = SENSE(0x11, 0x13),
};

/* CHECK CONDITION never comes without sense data (11.4.7): for device servers that give none, INTERNAL TARGET FAILURE. */
static const uint8_t missing_sense[SENSE_LEN] = SENSE_KEY(0x04, 0x44, 0x00);

/* --- deciding --- */

bool iscsip__target_may_respond(const struct tgt_task *t)
{
	if (t->in_left || !(t->flags & (TGT_COMPLETE | TGT_FAILED)))
		return false;
	if ((t->flags & (TGT_TURN | TGT_OVER | TGT_RX)) != TGT_TURN)
		return false;
	return !(t->cmd.flags & ISCSIP_CMD_OUT) || !tgt_out_pending(t);
}

void iscsip__target_respond(struct tgt_task *t)
{
	if (t->c && iscsip__target_may_respond(t))
		iscsip__conn_queue(t->c, &t->item, CONN_Q_ANSWER);
}

/* No more data-out is asked for. */
static void stop_asking(struct tgt_task *t)
{
	t->flags &= ~(uint32_t)TGT_REQUEST;
	if (!(t->cmd.flags & ISCSIP_CMD_OUT))
		return;
	t->out.ask = t->out.ask_end;
	if (t->flags & TGT_TAG_WAIT)
		iscsip__target_r2t_unwait(t);
	if (conn_queued(&t->out.r2t_item))
		iscsip__conn_unqueue(t->c, &t->out.r2t_item);
}

static int complete_aborted(struct tgt_task *t)
{
	t->flags &= ~(uint32_t)TGT_DEVICE;
	(void)iscsip__target_task_put(t);
	return ISCSIP_OK;
}

int iscsip__target_complete(struct iscsip_cmd *cmd, const struct iscsip_cmd_status *st)
{
	struct tgt_task *t = tgt_task_of(cmd);

	if ((t->flags & (TGT_DEVICE | TGT_COMPLETE)) != TGT_DEVICE)
		return ISCSIP_ESTATE;
	t->ses->with_device--;
	if (t->flags & (TGT_ABORTED | TGT_FAILED))
		return complete_aborted(t);
	t->flags ^= TGT_DEVICE | TGT_COMPLETE;
	t->status = *st;
	if (st->status == STATUS_CHECK && st->sense_len == 0) {
		t->status.sense = missing_sense;
		t->status.sense_len = SENSE_LEN;
	}
	if (t->cmd.flags & ISCSIP_CMD_OUT)
		stop_asking(t);
	if (t->in_left == 0) /* else the status goes with the data, or behind it */
		iscsip__target_respond(t);
	return ISCSIP_OK;
}

void iscsip__target_fail(struct tgt_task *t, enum tgt_failure why)
{
	struct tgt_session *s = t->ses;

	if (t->flags & (TGT_OVER | TGT_FAILED | TGT_COMPLETE))
		return;
	t->flags |= TGT_FAILED;
	memset(&t->status, 0, sizeof t->status);
	t->status.status = STATUS_CHECK;
	t->status.sense = failure_sense[why];
	t->status.sense_len = SENSE_LEN;
	stop_asking(t);
	/* data-in that is not made yet is not sent any more */
	t->in_left = 0;
	if (t->c)
		iscsip__conn_unqueue(t->c, &t->item);
	if (t->flags & TGT_DEVICE) {
		t->cmd.flags |= ISCSIP_CMD_ABORTED;
		tgt_pin(t); /* whose data it is that failed goes on with the task */
		if (s->dev->abort)
			s->dev->abort(s->dev_user, &t->cmd);
		(void)tgt_unpin(t);
	}
	iscsip__target_respond(t);
}

/* --- making --- */

static void residuals_fill(const struct tgt_task *t, struct iscsip_scsi_response *r)
{
	/* with neither R nor W the CDB alone says which way: a write of nothing is no success without an overflow (11.4.5.1) */
	bool out = t->cmd.flags & ISCSIP_CMD_OUT || (!(t->cmd.flags & ISCSIP_CMD_IN) && t->status.out_total);
	struct tgt_residual first = out ? tgt_residual_of(t->cmd.out_len, t->status.out_total) :
					  tgt_residual_of(t->cmd.in_len, t->status.in_total);

	r->overflow = first.over;
	r->underflow = first.under;
	r->residual = first.count;
	if (t->flags & TGT_BIDI) {
		struct tgt_residual in = tgt_residual_of(t->cmd.in_len, t->status.in_total);

		r->bidi_overflow = in.over;
		r->bidi_underflow = in.under;
		r->bidi_residual = in.count;
	}
}

/* SenseLength, then the sense data where the host has it; cut at what the initiator takes. */
static void sense_fill(const struct iscsip_conn *c, const struct tgt_task *t, struct tx_unit *u, struct iscsip_pdu *pdu)
{
	uint32_t len = t->status.sense_len;

	if (len == 0)
		return;
	if (len > c->tx_limit - 2u)
		len = c->tx_limit - 2u;
	u->mid[0] = (uint8_t)(len >> 8);
	u->mid[1] = (uint8_t)len;
	u->mid_len = 2;
	tx_payload_flat(u, t->status.sense, len);
	pdu->data_len = 2u + len;
}

enum conn_made iscsip__target_response_make(struct iscsip_conn *c, struct tgt_task *t)
{
	struct iscsip_pdu pdu = { .opcode = ISCSIP_OP_SCSI_RESPONSE, .itt = t->cmd.tag };
	struct tx_unit *u;

	if (!iscsip__target_may_respond(t))
		return CONN_MADE_NONE;
	u = iscsip__conn_unit(c);
	pdu.scsi_response.response = t->status.response;
	if (t->status.response == ISCSIP_RESPONSE_COMPLETED) {
		pdu.scsi_response.status = t->status.status;
		pdu.scsi_response.expdatasn = t->in_pdus;
		residuals_fill(t, &pdu.scsi_response);
		sense_fill(c, t, u, &pdu);
	}
	u->owner = t;
	u->note = TGT_ITEM_TASK;
	t->tx_units++;
	iscsip__target_task_sealed(t);
	tgt_stamp(c, t->ses, &pdu.reply, true);
	memset(u->head, 0, BHS_LEN);
	(void)store_scsi_response(u->head, &pdu);
	(void)store_every(u->head, &pdu);
	iscsip__conn_sealed(c, u, true);
	return CONN_MADE_LAST;
}
