/* SPDX-License-Identifier: MIT */
/*
 * The target's side of a connection: its memory, the table that the connection room calls, dispatch by opcode, and when
 * input is held.
 *
 * A PDU comes in two steps, which are one where it has neither data nor additional headers:
 *
 *     arrive     the header is in: a task, the place of the data
 *     complete   all of it is in, its data digest held or did not (c->data_bad)
 *
 * Input is held, so that not one more byte is taken, for four reasons (enum tgt_hold). With HOLD_PLACE and HOLD_SLOT the
 * PDU stands between its steps, in c->pdu; the others begin behind a PDU. Every reason but the first ends by what
 * this side sends, so a peer that does not read hears nothing new, and that is all it gets: nothing is stored for it.
 *
 * Invariant: while a PDU is looked at there is a free Reject (HOLD_REJECT otherwise).
 */
#include "target/target.h"

/* --- memory --- */

static struct tgt_conn *conn_carve_role(struct iscsip_conn *c, struct arena *a, const struct iscsip_config *cfg)
{
	size_t hdr = BHS_LEN + (size_t)cfg->limits.ahs_max;
	uint8_t *rejects = arena_take(a, TGT_REJECTS * hdr, 1);
	void *reader = arena_take(a, ISCSIP_TEXT_READER_BUF(cfg->limits.text_max), 1);
	char *text = arena_take(a, cfg->limits.text_max, 1);
	uint8_t *ping = arena_take(a, cfg->limits.ping_max, 1);
	struct tgt_conn *tc;
	unsigned i;

	if (!c || !ping || !text || !reader || !rejects)
		return NULL;
	tc = tgt_conn_of(c);
	tc->c = c;
	for (i = 0; i < TGT_REJECTS; i++)
		tc->reject[i].hdr = rejects + i * hdr;
	tc->ping = ping;
	tc->ping_ttt = ISCSIP_TAG_NONE;
	tc->text.reader_buf = reader;
	tc->text.out.buf = text;
	tc->text.out.cap = cfg->limits.text_max;
	tc->reject_item.kind = TGT_ITEM_REJECT;
	tc->window_item.kind = TGT_ITEM_WINDOW;
	tc->ping_item.kind = TGT_ITEM_PING;
	tc->async_item.kind = TGT_ITEM_ASYNC;
	tc->notice_item.kind = TGT_ITEM_NOTICE;
	tc->notice_by = ISCSIP_TIME_NEVER;
	return tc;
}

static struct iscsip_conn *conn_carve_all(struct arena *a, const struct iscsip_config *cfg)
{
	struct iscsip_conn *c = iscsip__conn_carve(a, cfg, sizeof(struct tgt_conn));

	return conn_carve_role(c, a, cfg) ? c : NULL;
}

size_t iscsip_target_conn_size(const struct iscsip_config *cfg)
{
	struct arena a;

	arena_count(&a);
	(void)conn_carve_all(&a, cfg);
	return arena_size(&a);
}

static const struct conn_role *target_role(void);

int iscsip_target_conn_init(struct iscsip_conn **out, void *mem, size_t len, void *login, size_t login_len,
			    const struct iscsip_config *cfg, const struct iscsip_target_ops *ops, void *user,
			    iscsip_time now)
{
	struct iscsip_conn *c;
	struct arena a;

	if (!out || !mem || !login || ((uintptr_t)mem | (uintptr_t)login) & (ARENA_ALIGN - 1))
		return ISCSIP_EINVAL;
	if (iscsip_config_check(cfg) || !ops || ops->struct_size < sizeof *ops || !ops->identify || !ops->session)
		return ISCSIP_EINVAL;
	arena_open(&a, mem, len);
	c = conn_carve_all(&a, cfg);
	if (!c)
		return ISCSIP_ENOSPC;
	iscsip__conn_init(c, target_role(), cfg, user, now);
	c->statsn = cfg->initial_statsn;
	tgt_conn_of(c)->ops = ops;
	*out = c;
	return iscsip__target_login_open(c, login, login_len);
}

/* --- holding input --- */

void iscsip__target_hold(struct iscsip_conn *c, enum tgt_hold why)
{
	struct tgt_conn *tc = tgt_conn_of(c);

	tc->hold |= (uint8_t)why;
	iscsip__conn_hold(c);
}

/* Input goes on, beginning with what is left of the PDU that stood between its steps. */
static void input_resume(struct iscsip_conn *c, void (*first)(struct iscsip_conn *c))
{
	bool inside;

	if (conn_over(c))
		return;
	inside = iscsip__conn_outside_begin(c);
	if (first)
		first(c);
	if (!tgt_conn_of(c)->hold && !conn_over(c))
		(void)iscsip__conn_resume(c);
	iscsip__conn_outside_end(c, inside);
}

void iscsip__target_unhold(struct iscsip_conn *c, enum tgt_hold why)
{
	struct tgt_conn *tc = tgt_conn_of(c);

	if (!(tc->hold & why))
		return;
	tc->hold &= (uint8_t)~why;
	if (!tc->hold)
		input_resume(c, NULL);
}

/* --- dispatch --- */

typedef int pdu_step(struct iscsip_conn *c);

int iscsip__target_skip(struct iscsip_conn *c)
{
	tgt_conn_of(c)->rx_skip = true;
	if (c->pdu.data_len)
		iscsip__conn_expect_sink(c, NULL);
	return ISCSIP_OK;
}

int iscsip__target_refuse(struct iscsip_conn *c, const struct iscsip_error *why)
{
	(void)iscsip__target_skip(c);
	return iscsip_rule_is_format_error(why->rule) ? iscsip__target_format_error(c, why->rule, why->arg) : ISCSIP_OK;
}

static struct tgt_task *ignored(struct iscsip_conn *c)
{
	tgt_session_of(c)->s.stats.ignored++;
	(void)iscsip__target_skip(c);
	return NULL;
}

static struct tgt_task *rejected(struct iscsip_conn *c, uint8_t reason)
{
	(void)iscsip__target_reject(c, reason, NULL);
	(void)iscsip__target_skip(c);
	return NULL;
}

int iscsip__target_defer(struct iscsip_conn *c)
{
	tgt_put_off(tgt_session_of(c));
	iscsip__target_hold(c, TGT_HOLD_SLOT);
	return ISCSIP_OK;
}

static struct tgt_task *begin_immediate(struct iscsip_conn *c, enum tgt_kind kind)
{
	struct tgt_task *t;

	if (tgt_task_find(tgt_session_of(c), c->pdu.itt))
		return rejected(c, ISCSIP_REJECT_IN_PROGRESS);
	switch (iscsip__target_task_immediate(c, kind, &t)) {
	case TGT_SLOT_OK:
		return t;
	case TGT_SLOT_LATER:
		(void)iscsip__target_defer(c);
		return NULL;
	default:
		return rejected(c, ISCSIP_REJECT_IMMEDIATE);
	}
}

struct tgt_task *iscsip__target_begin(struct iscsip_conn *c, enum tgt_kind kind)
{
	struct tgt_session *s = tgt_session_of(c);
	uint32_t cmdsn = c->pdu.request.cmdsn;
	const struct tgt_task *live;
	struct tgt_task *t;

	if (c->pdu.immediate)
		return begin_immediate(c, kind);
	if (!tgt_window_takes(s, cmdsn))
		return ignored(c);
	live = tgt_task_find(s, c->pdu.itt);
	if (live)
		return live->cmdsn == cmdsn && live->kind == kind ? ignored(c) : rejected(c, ISCSIP_REJECT_IN_PROGRESS);
	t = iscsip__target_task_new(c, kind);
	if (!t)
		(void)iscsip__target_defer(c);
	return t;
}

/* Nothing of it can be asked for at recovery level 0; Data SNACKs name a command, which ends (7.8 a.1). */
static int snack_arrive(struct iscsip_conn *c)
{
	struct tgt_task *t;

	if (c->pdu.snack.snack_type == ISCSIP_SNACK_DATA_ACK)
		return rejected(c, ISCSIP_REJECT_DATA_ACK), ISCSIP_OK;
	(void)rejected(c, ISCSIP_REJECT_SNACK);
	if (c->pdu.snack.snack_type == ISCSIP_SNACK_STATUS)
		return ISCSIP_OK;
	t = tgt_task_find(tgt_session_of(c), c->pdu.itt);
	if (t && t->kind == TGT_COMMAND && t->c == c)
		iscsip__target_fail(t, TGT_FAIL_SNACK);
	return ISCSIP_OK;
}

static int nothing_left(struct iscsip_conn *c)
{
	(void)c;
	return ISCSIP_OK;
}

/* A request without data is complete with its header. */
static int task_complete(struct iscsip_conn *c)
{
	struct tgt_conn *tc = tgt_conn_of(c);
	struct tgt_task *t = tc->rx_task;

	tc->rx_task = NULL;
	iscsip__target_window_admit(t);
	return ISCSIP_OK;
}

static pdu_step *const arrive_steps[] = {
	[ISCSIP_OP_NOP_OUT] = iscsip__target_nop_arrive,
	[ISCSIP_OP_SCSI_COMMAND] = iscsip__target_cmd_arrive,
	[ISCSIP_OP_TASK_REQUEST] = iscsip__target_tmf_arrive,
	[ISCSIP_OP_TEXT_REQUEST] = iscsip__target_text_arrive,
	[ISCSIP_OP_DATA_OUT] = iscsip__target_out_header,
	[ISCSIP_OP_LOGOUT_REQUEST] = iscsip__target_logout_arrive,
	[ISCSIP_OP_SNACK] = snack_arrive,
};

static pdu_step *const complete_steps[] = {
	[ISCSIP_OP_NOP_OUT] = iscsip__target_nop_complete,
	[ISCSIP_OP_SCSI_COMMAND] = iscsip__target_cmd_complete,
	[ISCSIP_OP_TASK_REQUEST] = task_complete,
	[ISCSIP_OP_TEXT_REQUEST] = iscsip__target_text_complete,
	[ISCSIP_OP_DATA_OUT] = iscsip__target_out_pdu,
	[ISCSIP_OP_LOGOUT_REQUEST] = task_complete,
	[ISCSIP_OP_SNACK] = nothing_left,
};

static int pdu_arrive(struct iscsip_conn *c)
{
	struct tgt_conn *tc = tgt_conn_of(c);

	tc->rx_skip = false;
	tc->rx_task = NULL;
	if (c->pdu.opcode >= sizeof arrive_steps / sizeof *arrive_steps || !arrive_steps[c->pdu.opcode])
		return iscsip__target_skip(c);
	return arrive_steps[c->pdu.opcode](c);
}

static int pdu_complete(struct iscsip_conn *c)
{
	const struct tgt_conn *tc = tgt_conn_of(c);

	return tc->rx_skip ? ISCSIP_OK : complete_steps[c->pdu.opcode](c);
}

/* What the initiator has of our statuses; never back, never beyond what was sent (4.2.2.2). */
static void acknowledge(struct iscsip_conn *c)
{
	uint32_t sn = c->pdu.request.expstatsn;

	if (serial_within(sn, c->expstatsn, c->statsn))
		c->expstatsn = sn;
}

/* --- the role --- */

static int role_header(struct iscsip_conn *c, const uint8_t *ahs, uint32_t ahs_len)
{
	struct tgt_session *s = tgt_session_of(c);
	struct tgt_conn *tc = tgt_conn_of(c);
	int err;

	if (!s)
		return ISCSIP_ECLOSED;
	tc->ahs_len = (uint16_t)ahs_len;
	if (ahs_len)
		memcpy(iscsip__target_reject_spare(c), ahs - BHS_LEN, BHS_LEN + ahs_len);
	tgt_enter(s);
	acknowledge(c);
	err = pdu_arrive(c);
	tgt_leave(s);
	return err;
}

/* The session is gone from under the connection: what was arriving is let go. */
static int pdu_orphaned(struct tgt_conn *tc)
{
	struct tgt_task *t = tc->rx_task;
	struct tgt_session *s;

	tc->rx_task = NULL;
	if (t && t->flags & TGT_RX) {
		s = t->ses;
		tgt_enter(s);
		t->flags &= ~(uint32_t)TGT_RX;
		(void)iscsip__target_task_put(t);
		tgt_leave(s);
	}
	return ISCSIP_ECLOSED;
}

static int role_pdu(struct iscsip_conn *c)
{
	struct tgt_session *s = tgt_session_of(c);
	struct tgt_conn *tc = tgt_conn_of(c);
	int err = ISCSIP_OK;

	if (!s || conn_over(c))
		return pdu_orphaned(tc);
	tgt_enter(s);
	if (!c->pdu.data_len && !c->pdu.ahs_words) {
		tc->ahs_len = 0;
		acknowledge(c);
		err = pdu_arrive(c);
	}
	if (!err && !(tc->hold & (TGT_HOLD_PLACE | TGT_HOLD_SLOT)))
		err = pdu_complete(c);
	tgt_leave(s);
	return err;
}

/* The second step of a PDU whose first was put off. */
static void pdu_goes_on(struct iscsip_conn *c)
{
	if (!(tgt_conn_of(c)->hold & (TGT_HOLD_PLACE | TGT_HOLD_SLOT)) && c->pdu.data_len == 0)
		(void)pdu_complete(c);
}

static void pdu_again(struct iscsip_conn *c)
{
	(void)pdu_arrive(c);
	pdu_goes_on(c);
}

void iscsip__target_retry(struct iscsip_conn *c)
{
	tgt_session_of(c)->deferred--;
	tgt_conn_of(c)->hold &= (uint8_t)~TGT_HOLD_SLOT;
	input_resume(c, pdu_again);
}

void iscsip__target_place_known(struct iscsip_conn *c)
{
	tgt_conn_of(c)->hold &= (uint8_t)~TGT_HOLD_PLACE;
	input_resume(c, pdu_goes_on);
}

static int role_refused(struct iscsip_conn *c, const uint8_t *bhs, const struct iscsip_error *why)
{
	struct tgt_session *s = tgt_session_of(c);
	int err = ISCSIP_OK;

	if (!s)
		return ISCSIP_ECLOSED;
	tgt_enter(s);
	tgt_conn_of(c)->ahs_len = (uint16_t)(4u * c->pdu.ahs_words);
	(void)iscsip__target_reject(c, why->reject_reason, bhs);
	if (iscsip_rule_is_format_error(why->rule))
		err = iscsip__target_format_error(c, why->rule, why->arg);
	tgt_leave(s);
	return err;
}

static enum conn_made task_make(struct iscsip_conn *c, struct tgt_task *t)
{
	return iscsip__target_kinds[t->kind].make(c, t);
}

static enum conn_made item_make(struct iscsip_conn *c, struct conn_item *item)
{
	switch (item->kind) {
	case TGT_ITEM_R2T:
		return iscsip__target_r2t_make(c, tgt_task_of_r2t(item));
	case TGT_ITEM_REJECT:
		return iscsip__target_reject_make(c);
	case TGT_ITEM_ASYNC:
		return iscsip__target_async_make(c);
	case TGT_ITEM_NOTICE:
		return iscsip__target_notice_make(c);
	default:
		return iscsip__target_ping_make(c, item->kind == TGT_ITEM_PING);
	}
}

static enum conn_made role_make(struct iscsip_conn *c, struct conn_item *item)
{
	struct tgt_session *s = tgt_session_of(c);
	enum conn_made made;

	if (!s)
		return CONN_MADE_NONE;
	tgt_enter(s);
	s->making = true;
	made = item->kind == TGT_ITEM_TASK ? task_make(c, tgt_task_of_item(item)) : item_make(c, item);
	s->making = false;
	tgt_leave(s);
	return made;
}

static void task_gone(struct tgt_task *t)
{
	struct tgt_session *s = t->ses;

	tgt_enter(s);
	t->tx_units--;
	if (iscsip__target_kinds[t->kind].sent)
		iscsip__target_kinds[t->kind].sent(t);
	if ((t->flags & (TGT_PIECE | TGT_OVER)) == TGT_PIECE)
		iscsip__target_in_gone(t);
	else
		(void)iscsip__target_task_put(t);
	tgt_leave(s);
}

static void role_gone(struct iscsip_conn *c, struct tx_unit *u)
{
	switch (u->note) {
	case TGT_ITEM_TASK:
		task_gone(u->owner);
		return;
	case TGT_ITEM_REJECT:
		iscsip__target_reject_gone(c, u);
		return;
	default:
		iscsip__target_async_gone(c);
	}
}

static iscsip_time role_deadline(const struct iscsip_conn *c)
{
	iscsip_time notice = tgt_conn_of(c)->notice_by, hurry = iscsip__target_hurry_due(c);

	return hurry < notice ? hurry : notice;
}

/*
 * The initiator leaves a notice unacknowledged (11.9.1, event 5), or keeps others waiting; in that case bytes that it does not
 * take are not waited for either.
 */
static int role_tick(struct iscsip_conn *c)
{
	bool others = iscsip__target_hurry_over(c);
	int err;

	if (!others && c->now < tgt_conn_of(c)->notice_by)
		return ISCSIP_OK;
	tgt_conn_of(c)->notice_by = ISCSIP_TIME_NEVER;
	err = iscsip__conn_fail(c, ISCSIP_ETIMEDOUT, 0, 0);
	if (others)
		c->close_by = c->now;
	return err;
}

static void role_closed(struct iscsip_conn *c)
{
	struct tgt_conn *tc = tgt_conn_of(c);
	struct tgt_session *s;

	tc->hold |= TGT_HOLD_END;
	(void)pdu_orphaned(tc);
	s = tgt_session_of(c); /* what was arriving is freed, and in that the host may have ended the session */
	if (!s)
		return;
	tgt_enter(s);
	iscsip__target_detach(s, c);
	if (s->s.conn_count == 0)
		iscsip__target_session_over(s, &c->error);
	tgt_leave(s);
}

static const struct conn_role *target_role(void)
{
	static const struct conn_role role = {
		.role = ISCSIP_TARGET,
		.header = role_header,
		.pdu = role_pdu,
		.refused = role_refused,
		.make = role_make,
		.gone = role_gone,
		.ping = iscsip__target_ping,
		.deadline = role_deadline,
		.tick = role_tick,
		.login_stamp = iscsip__target_login_stamp,
		.login_ask = iscsip__target_login_ask,
		.login_ended = iscsip__target_login_ended,
		.closed = role_closed,
	};

	return &role;
}
