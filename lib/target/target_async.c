/* SPDX-License-Identifier: MIT */
/*
 * Asynchronous Messages (RFC 7143 11.9), one at a time on a connection. It owns what they entail at this side: a time limit
 * for the logout that was asked for, and closing what was said to be dropped once that was said.
 */
#include "base/bytes.h"
#include "target/target.h"

#define VENDOR_FIRST ISCSIP_ASYNC_VENDOR

static uint32_t async_data_len(const struct iscsip_async_message *a)
{
	/* SenseLength stands before data of any kind (11.9.4) */
	return a->len ? 2u + a->len : 0;
}

static bool async_is_valid(const struct iscsip_conn *c, const struct iscsip_async_message *a)
{
	const struct iscsip_params *p = &c->session->params;

	if (a->len > UINT16_MAX || async_data_len(a) > c->tx_limit || (a->len && !a->data))
		return false;
	if (p->session_type == ISCSIP_SESSION_DISCOVERY)
		return false;
	if (a->event == ISCSIP_ASYNC_SCSI)
		return a->len != 0;
	if (a->event == ISCSIP_ASYNC_TASK_TERMINATION)
		return p->task_reporting == ISCSIP_TASK_REPORTING_FAST_ABORT;
	return a->event <= ISCSIP_ASYNC_TASK_TERMINATION || a->event >= VENDOR_FIRST;
}

int iscsip_target_async(struct iscsip_conn *c, const struct iscsip_async_message *a)
{
	struct tgt_conn *tc = tgt_conn_of(c);

	if (c->state != ISCSIP_CONN_FULL_FEATURE || !c->session)
		return ISCSIP_ESTATE;
	if (!async_is_valid(c, a))
		return ISCSIP_EINVAL;
	if (tc->async_used)
		return ISCSIP_EAGAIN;
	tc->async = *a;
	tc->async_used = true;
	iscsip__conn_queue(c, &tc->async_item, CONN_Q_ANSWER);
	return ISCSIP_OK;
}

static void async_data(const struct iscsip_async_message *a, struct tx_unit *u)
{
	if (a->len == 0)
		return;
	store_be16(u->mid, (uint16_t)(a->event == ISCSIP_ASYNC_SCSI ? a->len : 0));
	u->mid_len = 2;
	tx_payload_flat(u, a->data, a->len);
}

enum conn_made iscsip__target_async_make(struct iscsip_conn *c)
{
	struct tgt_conn *tc = tgt_conn_of(c);
	const struct iscsip_async_message *a = &tc->async;
	struct tx_unit *u = iscsip__conn_unit(c);
	struct iscsip_pdu pdu;

	memset(&pdu, 0, sizeof pdu);
	pdu.opcode = ISCSIP_OP_ASYNC;
	pdu.final = true;
	pdu.itt = ISCSIP_TAG_NONE;
	pdu.lun = a->lun;
	pdu.async.event = a->event;
	pdu.async.vcode = a->vcode;
	pdu.async.param1 = a->param[0];
	pdu.async.param2 = a->param[1];
	pdu.async.param3 = a->param[2];
	pdu.data_len = async_data_len(a);
	async_data(a, u);
	u->owner = tc;
	u->note = TGT_ITEM_ASYNC;
	tgt_stamp(c, tgt_session_of(c), &pdu.reply, true);
	iscsip__conn_seal(c, u, &pdu, true);
	if (a->event == ISCSIP_ASYNC_LOGOUT)
		tc->logout_by = c->now + 1000u * (iscsip_time)a->param[2];
	return CONN_MADE_LAST;
}

void iscsip__target_async_gone(struct iscsip_conn *c)
{
	struct tgt_session *s = tgt_session_of(c);
	struct tgt_conn *tc = tgt_conn_of(c);
	struct iscsip_conn *dropped;

	tc->async_used = false;
	if (!s || c->state == ISCSIP_CONN_CLOSED)
		return;
	tgt_enter(s);
	if (tc->async.event == ISCSIP_ASYNC_DROP_SESSION) {
		iscsip__target_close_all(s);
	} else if (tc->async.event == ISCSIP_ASYNC_DROP_CONNECTION) {
		dropped = iscsip__session_find_cid(&s->s, tc->async.param[0]);
		if (dropped)
			(void)iscsip__conn_fail(dropped, ISCSIP_EHOST, 0, 0);
	}
	tgt_leave(s);
}
