/* SPDX-License-Identifier: MIT */
/*
 * Asynchronous Messages (RFC 7143 11.9), one at a time on a connection. It owns what they entail at this side: a time limit
 * for the logout that was asked for, and closing what was said to be dropped once that was said.
 *
 * Notices are messages of this role itself: with FastAbort, one for each logical unit with tasks on the connection that
 * others have aborted (4.2.3.4 d, 4.2.3.5). The tasks are their queue: TGT_TELL until the message is made, TGT_NOTICE until
 * the initiator has acknowledged it by a NOP-Out for that unit. A task keeps its place for so long, though the device server
 * has it back, which narrows the command window of an initiator that does not acknowledge; after logout_timeout_ms its
 * connection is dropped.
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

/* What is to be closed once it was told is closed, too, where it can not be told. */
static void async_limit(struct iscsip_conn *c, const struct iscsip_async_message *a)
{
	struct tgt_session *s = tgt_session_of(c);
	uint32_t wait = c->cfg->logout_timeout_ms;
	unsigned i;

	if (a->event == ISCSIP_ASYNC_LOGOUT)
		iscsip__conn_end_within(c, wait + 1000u * a->param[2]);
	for (i = 0; i < s->s.cfg->limits.max_conns; i++) {
		struct iscsip_conn *other = s->s.conns[i];

		if (other && (a->event == ISCSIP_ASYNC_DROP_SESSION ||
			      (a->event == ISCSIP_ASYNC_DROP_CONNECTION && other->cid == a->param[0])))
			iscsip__conn_end_within(other, wait);
	}
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
	async_limit(c, a);
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
		iscsip__conn_end_within(c, 1000u * a->param[2]);
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

/* --- notices --- */

static bool notice_is_of(const struct tgt_task *t, const struct iscsip_conn *c, uint32_t flag)
{
	return t->ses && t->c == c && t->flags & flag;
}

static struct tgt_task *notice_next(const struct iscsip_conn *c, uint32_t flag)
{
	struct tgt_session *s = tgt_session_of(c);
	unsigned i;

	for (i = 0; i < s->fresh; i++)
		if (notice_is_of(&s->tasks[i], c, flag))
			return &s->tasks[i];
	return NULL;
}

/* All of the unit's tasks are told by one message. */
static void notice_told(const struct iscsip_conn *c, uint64_t lun, uint32_t statsn)
{
	struct tgt_session *s = tgt_session_of(c);
	unsigned i;

	for (i = 0; i < s->fresh; i++) {
		struct tgt_task *t = &s->tasks[i];

		if (!notice_is_of(t, c, TGT_TELL) || t->cmd.lun != lun)
			continue;
		t->flags &= ~(uint32_t)TGT_TELL;
		t->datasn = statsn;
	}
}

enum conn_made iscsip__target_notice_make(struct iscsip_conn *c)
{
	const struct tgt_task *t = notice_next(c, TGT_TELL);
	struct tgt_conn *tc = tgt_conn_of(c);
	struct iscsip_pdu pdu;

	if (!t)
		return CONN_MADE_NONE;
	memset(&pdu, 0, sizeof pdu);
	pdu.opcode = ISCSIP_OP_ASYNC;
	pdu.final = true;
	pdu.itt = ISCSIP_TAG_NONE;
	pdu.lun = t->cmd.lun;
	pdu.async.event = ISCSIP_ASYNC_TASK_TERMINATION;
	tgt_stamp(c, tgt_session_of(c), &pdu.reply, true);
	notice_told(c, pdu.lun, pdu.reply.statsn);
	iscsip__conn_seal(c, iscsip__conn_unit(c), &pdu, false);
	if (c->cfg->logout_timeout_ms && tc->notice_by == ISCSIP_TIME_NEVER)
		tc->notice_by = c->now + c->cfg->logout_timeout_ms;
	return notice_next(c, TGT_TELL) ? CONN_MADE_MORE : CONN_MADE_LAST;
}

void iscsip__target_notice_acked(struct iscsip_conn *c)
{
	struct tgt_session *s = tgt_session_of(c);
	struct tgt_conn *tc = tgt_conn_of(c);
	unsigned i;

	if (tc->notice_by == ISCSIP_TIME_NEVER && !notice_next(c, TGT_NOTICE))
		return;
	for (i = 0; i < s->fresh; i++) {
		struct tgt_task *t = &s->tasks[i];

		if (notice_is_of(t, c, TGT_NOTICE) && !(t->flags & TGT_TELL) && t->cmd.lun == c->pdu.lun &&
		    serial_lt(t->datasn, c->expstatsn))
			iscsip__target_abort(t, false);
	}
	if (!notice_next(c, TGT_NOTICE))
		tc->notice_by = ISCSIP_TIME_NEVER;
}
