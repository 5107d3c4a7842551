/* SPDX-License-Identifier: MIT */
/*
 * Task management (RFC 7143 4.2.3, 11.5, 11.6; RFC 7144 6). It owns the stages of a request, which is a task like any other:
 *
 *   COMMANDS   all commands before it have to be there (4.2.3.3 b); a target reset plugs the numbers instead
 *   TAGS       its tasks are aborted; the initiator still answers their R2Ts (4.2.3.3 a). FastAbort: it does not (4.2.3.4), and is
 *              told of those on its other connections (target_async.c)
 *   DEVICE     the device server has the request; for functions that affect only this session it may have no part in it
 *   FENCE      responses on other connections of the session have to be acknowledged first (4.2.2.3.3)
 *   ANSWERED   the response is queued, behind every response that was queued before
 *
 * No stage waits for the device server to give back an aborted task: that one's answer goes nowhere. Whatever a stage
 * waits for is looked at again at the end of each entry into the role, while a request is under way (`tmfs`).
 *
 * ABORT TASK goes by the tag (11.6.1): a task that is there is aborted; a number of the window that has not come yet is
 * plugged, and that is success too; everything else does not exist.
 */
#include "target/target.h"

static bool is_lun_scoped(uint8_t function)
{
	return function == ISCSIP_TMF_ABORT_TASK_SET || function == ISCSIP_TMF_CLEAR_TASK_SET ||
	       function == ISCSIP_TMF_LOGICAL_UNIT_RESET;
}

static bool is_target_scoped(uint8_t function)
{
	return function == ISCSIP_TMF_TARGET_WARM_RESET || function == ISCSIP_TMF_TARGET_COLD_RESET ||
	       function == ISCSIP_TMF_I_T_NEXUS_RESET;
}

static bool ends_session(uint8_t function)
{
	return function == ISCSIP_TMF_TARGET_COLD_RESET || function == ISCSIP_TMF_I_T_NEXUS_RESET;
}

/* What this layer can do without a device server that knows of task management. */
static bool is_own(uint8_t function)
{
	return function == ISCSIP_TMF_ABORT_TASK || function == ISCSIP_TMF_ABORT_TASK_SET ||
	       function == ISCSIP_TMF_QUERY_TASK || function == ISCSIP_TMF_QUERY_TASK_SET ||
	       function == ISCSIP_TMF_I_T_NEXUS_RESET;
}

/* --- answering --- */

static bool owes_acknowledgment(const struct tgt_task *t, const struct iscsip_conn *c)
{
	return c != t->c && c->state == ISCSIP_CONN_FULL_FEATURE && serial_lt(c->expstatsn, tgt_conn_of(c)->fence);
}

static bool acknowledged_elsewhere(const struct tgt_task *t)
{
	const struct tgt_session *s = t->ses;
	unsigned i;

	for (i = 0; s->s.conn_count > 1 && i < s->s.cfg->limits.max_conns; i++)
		if (s->s.conns[i] && owes_acknowledgment(t, s->s.conns[i]))
			return false;
	return true;
}

static void tmf_answer(struct tgt_task *t)
{
	t->tmf.stage = TGT_TMF_ANSWERED;
	t->ses->tmfs--;
	iscsip__conn_queue(t->c, &t->item, CONN_Q_ANSWER);
}

static void fence_check(struct tgt_task *t)
{
	if (acknowledged_elsewhere(t))
		tmf_answer(t);
}

/* A time begins; calls from outside the connection's doors do not tell it. */
static void stage_begin(struct tgt_task *t, enum tgt_tmf_stage stage)
{
	t->tmf.stage = (uint8_t)stage;
	t->tmf.since = t->c->door.shut ? t->c->now : ISCSIP_TIME_NEVER;
}

/* The connections that close with its response close, too, where the transport does not take that. */
static void session_ends(struct tgt_session *s)
{
	unsigned i;

	for (i = 0; i < s->s.cfg->limits.max_conns; i++)
		if (s->s.conns[i] && !conn_over(s->s.conns[i]))
			iscsip__conn_end_within(s->s.conns[i], s->s.cfg->logout_timeout_ms);
}

/* The response follows all that was sent on any connection until now; pings fetch the acknowledgments. */
static void fence_raise(struct tgt_task *t, uint8_t response)
{
	struct tgt_session *s = t->ses;
	unsigned i;

	t->tmf.response = response;
	stage_begin(t, TGT_TMF_FENCE);
	if (ends_session(t->tmf.tmf.function) && response == ISCSIP_TMF_COMPLETE)
		session_ends(s);
	for (i = 0; s->s.conn_count > 1 && i < s->s.cfg->limits.max_conns; i++) {
		struct iscsip_conn *c = s->s.conns[i];

		if (!c || c == t->c || c->state != ISCSIP_CONN_FULL_FEATURE)
			continue;
		tgt_conn_of(c)->fence = c->statsn;
		if (c->expstatsn != c->statsn)
			iscsip__target_ping(c);
	}
	fence_check(t);
}

static void to_device(struct tgt_task *t, uint8_t own_response)
{
	struct tgt_session *s = t->ses;

	if (!s->dev->tmf) {
		fence_raise(t, own_response);
		return;
	}
	t->tmf.stage = TGT_TMF_DEVICE;
	t->flags |= TGT_DEVICE;
	s->with_device++;
	s->dev->tmf(s->dev_user, &t->tmf.tmf);
}

int iscsip__target_tmf_complete(struct iscsip_tmf *tmf, uint8_t response)
{
	struct tgt_task *t = (struct tgt_task *)(void *)((uint8_t *)tmf - offsetof(struct tgt_task, tmf));
	struct tgt_session *s = t->ses;

	if (!(t->flags & TGT_DEVICE))
		return ISCSIP_ESTATE;
	tgt_enter(s);
	t->flags &= ~(uint32_t)TGT_DEVICE;
	s->with_device--;
	if (tmf->function == ISCSIP_TMF_TARGET_COLD_RESET && response == ISCSIP_TMF_COMPLETE && s->ops->cold_reset) {
		tgt_pin(t);
		s->ops->cold_reset(s->s.user, &s->s);
		(void)tgt_unpin(t);
	}
	/* it is asked after the abort: one that gave the command back at once does not find it, but the initiator has its answer */
	if (tmf->function == ISCSIP_TMF_ABORT_TASK && response == ISCSIP_TMF_NO_TASK)
		response = ISCSIP_TMF_COMPLETE;
	if (t->flags & TGT_ABORTED)
		(void)iscsip__target_task_put(t);
	else
		fence_raise(t, response);
	tgt_leave(s);
	return ISCSIP_OK;
}

/* --- one task --- */

static void ref_hold(struct tgt_task *t, struct tgt_task *ref)
{
	t->tmf.tmf.ref = &ref->cmd;
	ref->tmf_refs++;
}

static void ref_drop(struct tgt_task *t)
{
	if (t->tmf.tmf.ref)
		tgt_task_of(t->tmf.tmf.ref)->tmf_refs--;
	t->tmf.tmf.ref = NULL;
}

void iscsip__target_tmf_forget(struct tgt_task *ref)
{
	struct tgt_session *s = ref->ses;
	unsigned i;

	for (i = 0; i < s->fresh; i++)
		if (s->tasks[i].ses && s->tasks[i].kind == TGT_TMF && s->tasks[i].tmf.tmf.ref == &ref->cmd)
			s->tasks[i].tmf.tmf.ref = NULL;
	ref->tmf_refs = 0;
}

/* Its number may still be on the way: then it counts as received, and never will be (11.6.1 b). */
static bool plug_missing(struct tgt_task *t)
{
	uint32_t ref = t->tmf.ref_cmdsn;

	return serial_lt(ref, t->cmdsn) && iscsip__target_window_plug(t->ses, ref);
}

/* The task is aborted; the request may be over by then, too. */
static void abort_task(struct tgt_task *t, struct tgt_task *ref)
{
	struct tgt_session *s = t->ses;
	bool parked, device;
	uint32_t cmdsn;

	if (!ref) {
		bool plugged = plug_missing(t);

		if (!(t->flags & TGT_OVER))
			fence_raise(t, plugged ? ISCSIP_TMF_COMPLETE : ISCSIP_TMF_NO_TASK);
		return;
	}
	parked = ref->flags & TGT_PARKED;
	device = ref->flags & TGT_DEVICE && ref->kind == TGT_COMMAND;
	cmdsn = ref->cmdsn;
	if (device)
		ref_hold(t, ref);
	iscsip__target_abort(ref, false);
	if (parked)
		(void)iscsip__target_window_plug(s, cmdsn);
	if (t->flags & TGT_OVER)
		return;
	if (device)
		to_device(t, ISCSIP_TMF_COMPLETE);
	else
		fence_raise(t, ISCSIP_TMF_COMPLETE);
}

static void query_task(struct tgt_task *t, struct tgt_task *ref)
{
	bool here = ref && ref->kind == TGT_COMMAND;

	if (!here || !(ref->flags & TGT_DEVICE)) {
		fence_raise(t, here ? ISCSIP_TMF_SUCCEEDED : ISCSIP_TMF_COMPLETE);
		return;
	}
	ref_hold(t, ref);
	to_device(t, ISCSIP_TMF_SUCCEEDED);
}

static void one_task(struct tgt_task *t)
{
	struct tgt_task *ref = tgt_task_find(t->ses, t->tmf.ref_tag);

	/* another logical unit's task is not this request's (4.2.5.3) */
	if (ref && ref->kind == TGT_COMMAND && ref->cmd.lun != t->cmd.lun)
		ref = NULL;
	if (ref && (ref->kind == TGT_TMF || ref->kind == TGT_LOGOUT))
		fence_raise(t, ISCSIP_TMF_REJECTED);
	else if (t->tmf.tmf.function == ISCSIP_TMF_ABORT_TASK)
		abort_task(t, ref);
	else
		query_task(t, ref);
}

/* --- many tasks --- */

/* Whether a request affects a task (4.2.3.2). Resets do so whatever its number; the others act on what came before. */
static bool affects(const struct tgt_task *ref, const void *arg)
{
	const struct tgt_task *t = arg;
	uint8_t function = t->tmf.tmf.function;

	if (ref == t || ref->kind != TGT_COMMAND)
		return false;
	if (is_target_scoped(function))
		return true;
	if (ref->cmd.lun != t->cmd.lun)
		return false;
	return function == ISCSIP_TMF_LOGICAL_UNIT_RESET || serial_lt(ref->cmdsn, t->cmdsn) ||
	       (ref->flags & TGT_IMMEDIATE && ref->cmdsn == t->cmdsn);
}

static bool commands_are_here(const struct tgt_task *t)
{
	return !(t->flags & TGT_IMMEDIATE) || serial_le(t->cmdsn, t->ses->expcmdsn);
}

static bool tags_are_answered(const struct tgt_task *t)
{
	const struct tgt_session *s = t->ses;
	unsigned i;

	for (i = 0; i < s->fresh; i++)
		if (s->tasks[i].ses && s->tasks[i].flags & TGT_DRAIN && affects(&s->tasks[i], t))
			return false;
	return true;
}

static bool is_parked_and_affected(const struct tgt_task *ref, const void *t)
{
	return ref->flags & TGT_PARKED && affects(ref, t);
}

/* Numbers of a target reset's tasks need not come any more; those that wait for their turn end here. */
static void plug_all(struct tgt_task *t)
{
	iscsip__target_abort_all(t->ses, is_parked_and_affected, t, false);
	iscsip__target_window_plug_below(t->ses, t->cmdsn);
}

static bool affects_here(const struct tgt_task *ref, const void *t)
{
	return ref->c == ((const struct tgt_task *)t)->c && affects(ref, t);
}

/*
 * With FastAbort the initiator sends nothing more for R2Ts of the request's own connection (4.2.3.4 a); on other connections
 * it is told to stop by an Asynchronous Message (d 2).
 */
static void abort_many(struct tgt_task *t)
{
	struct tgt_session *s = t->ses;
	unsigned i;

	if (s->s.params.task_reporting != ISCSIP_TASK_REPORTING_FAST_ABORT) {
		iscsip__target_abort_all(s, affects, t, true);
		return;
	}
	iscsip__target_abort_all(s, affects_here, t, false);
	for (i = 0; i < s->fresh; i++)
		if (s->tasks[i].ses && affects(&s->tasks[i], t) && !(s->tasks[i].flags & TGT_OVER))
			iscsip__target_abort_told(&s->tasks[i]);
}

static void many_step(struct tgt_task *t)
{
	if (t->tmf.stage == TGT_TMF_COMMANDS) {
		if (is_target_scoped(t->tmf.tmf.function))
			plug_all(t);
		else if (!commands_are_here(t))
			return;
		if (!(t->flags & TGT_OVER))
			abort_many(t);
		if (!(t->flags & TGT_OVER))
			stage_begin(t, TGT_TMF_TAGS);
	}
	if (t->tmf.stage == TGT_TMF_TAGS && !(t->flags & TGT_OVER) && tags_are_answered(t))
		to_device(t, ISCSIP_TMF_COMPLETE);
}

/* --- functions --- */

static bool is_known(const struct tgt_session *s, uint8_t function)
{
	if (function < ISCSIP_TMF_ABORT_TASK || function > ISCSIP_TMF_QUERY_ASYNCHRONOUS_EVENT)
		return false;
	if (function >= ISCSIP_TMF_QUERY_TASK && s->s.params.iscsi_protocol_level < 2)
		return false;
	return s->dev->tmf || is_own(function);
}

static uint8_t query_set(const struct tgt_task *t)
{
	const struct tgt_session *s = t->ses;
	unsigned i;

	for (i = 0; i < s->fresh; i++)
		if (s->tasks[i].ses && s->tasks[i].kind == TGT_COMMAND && !(s->tasks[i].flags & TGT_OVER) &&
		    s->tasks[i].cmd.lun == t->cmd.lun)
			return ISCSIP_TMF_SUCCEEDED;
	return ISCSIP_TMF_COMPLETE;
}

static void tmf_begin(struct tgt_task *t)
{
	struct tgt_session *s = t->ses;
	uint8_t function = t->tmf.tmf.function;

	if (function == ISCSIP_TMF_TASK_REASSIGN)
		fence_raise(t, ISCSIP_TMF_NO_FAILOVER);
	else if (!is_known(s, function))
		fence_raise(t, ISCSIP_TMF_NOT_SUPPORTED);
	else if (serial_lt(s->maxcmdsn + 1u, t->cmdsn))
		fence_raise(t, ISCSIP_TMF_REJECTED); /* a number that could not be given yet: it would wait for ever */
	else if (function == ISCSIP_TMF_ABORT_TASK || function == ISCSIP_TMF_QUERY_TASK)
		one_task(t);
	else if (is_lun_scoped(function) || is_target_scoped(function))
		many_step(t);
	else
		to_device(t, query_set(t));
}

void iscsip__target_tmf_run(struct tgt_task *t)
{
	t->ses->s.stats.tmfs++;
	t->ses->tmfs++;
	t->ses->later = true;
	tgt_pin(t);
	tmf_begin(t);
	(void)tgt_unpin(t);
}

void iscsip__target_tmf_recheck(struct tgt_session *s)
{
	unsigned i;

	for (i = 0; s->tmfs && i < s->fresh; i++) {
		struct tgt_task *t = &s->tasks[i];

		if (!t->ses || t->kind != TGT_TMF || t->flags & (TGT_OVER | TGT_PARKED | TGT_DEVICE) || !(t->flags & TGT_TURN))
			continue;
		tgt_pin(t);
		if (t->tmf.stage == TGT_TMF_FENCE)
			fence_check(t);
		else if (t->tmf.stage < TGT_TMF_DEVICE)
			many_step(t);
		(void)tgt_unpin(t);
	}
}

void iscsip__target_tmf_free(struct tgt_task *t)
{
	ref_drop(t);
	if (t->flags & TGT_TURN && t->tmf.stage != TGT_TMF_ANSWERED)
		t->ses->tmfs--;
}

/* --- PDUs --- */

int iscsip__target_tmf_arrive(struct iscsip_conn *c)
{
	const struct iscsip_task_request *r = &c->pdu.task_request;
	struct tgt_task *t = iscsip__target_begin(c, TGT_TMF);

	if (!t)
		return ISCSIP_OK;
	memset(&t->tmf, 0, sizeof t->tmf);
	t->tmf.tmf.port = iscsip__target_port();
	t->tmf.tmf.nexus = t->ses->nexus;
	t->tmf.tmf.lun = c->pdu.lun;
	t->tmf.tmf.function = r->function;
	t->tmf.ref_tag = r->ref_task_tag;
	t->tmf.ref_cmdsn = r->ref_cmdsn;
	tgt_conn_of(c)->rx_task = t;
	return ISCSIP_OK;
}

enum conn_made iscsip__target_tmf_make(struct iscsip_conn *c, struct tgt_task *t)
{
	struct tx_unit *u = iscsip__conn_unit(c);
	struct tgt_session *s = t->ses;
	struct iscsip_pdu pdu;

	memset(&pdu, 0, sizeof pdu);
	pdu.opcode = ISCSIP_OP_TASK_RESPONSE;
	pdu.final = true;
	pdu.itt = t->cmd.tag;
	pdu.task_response.response = t->tmf.response;
	u->owner = t;
	u->note = TGT_ITEM_TASK;
	t->tx_units++;
	iscsip__target_task_sealed(t);
	tgt_stamp(c, s, &pdu.reply, true);
	iscsip__conn_seal(c, u, &pdu, false);
	if (ends_session(t->tmf.tmf.function) && t->tmf.response == ISCSIP_TMF_COMPLETE)
		iscsip__target_close_all(s);
	return CONN_MADE_LAST;
}

/* --- time --- */

/*
 * How long the initiator may leave R2Ts of aborted tasks unanswered before that costs its connection, or them (11.5.1), and how
 * long what was sent on its other connections without an acknowledgment.
 */
static iscsip_time tmf_due(const struct tgt_task *t)
{
	uint32_t wait = t->ses->s.cfg->logout_timeout_ms;

	if (t->kind != TGT_TMF || t->flags & TGT_OVER || !(t->flags & TGT_TURN) || wait == 0)
		return ISCSIP_TIME_NEVER;
	if (t->tmf.stage != TGT_TMF_TAGS && t->tmf.stage != TGT_TMF_FENCE)
		return ISCSIP_TIME_NEVER;
	return t->tmf.since == ISCSIP_TIME_NEVER ? 0 : t->tmf.since + wait;
}

iscsip_time iscsip__target_tmf_deadline(const struct tgt_session *s)
{
	iscsip_time first = ISCSIP_TIME_NEVER;
	unsigned i;

	for (i = 0; s->tmfs && i < s->fresh; i++)
		if (s->tasks[i].ses && tmf_due(&s->tasks[i]) < first)
			first = tmf_due(&s->tasks[i]);
	return first;
}

static void drop_debtors(struct tgt_session *s, const struct tgt_task *t)
{
	unsigned i;

	for (i = 0; i < s->fresh; i++) {
		struct tgt_task *ref = &s->tasks[i];

		if (!ref->ses || !(ref->flags & TGT_DRAIN) || !ref->c || !affects(ref, t))
			continue;
		if (s->s.cfg->flags & ISCSIP_CFG_OPEN_R2TS)
			iscsip__target_abort(ref, false);
		else
			(void)iscsip__conn_fail(ref->c, ISCSIP_ETIMEDOUT, 0, 0);
	}
}

static void drop_silent(struct tgt_session *s, const struct tgt_task *t)
{
	unsigned i;

	for (i = 0; i < s->s.cfg->limits.max_conns; i++)
		if (s->s.conns[i] && owes_acknowledgment(t, s->s.conns[i]))
			(void)iscsip__conn_fail(s->s.conns[i], ISCSIP_ETIMEDOUT, 0, 0);
}

static void tmf_late(struct tgt_session *s, struct tgt_task *t)
{
	if (t->tmf.since == ISCSIP_TIME_NEVER)
		t->tmf.since = s->now;
	else if (t->tmf.stage == TGT_TMF_TAGS)
		drop_debtors(s, t);
	else
		drop_silent(s, t);
}

void iscsip__target_tmf_tick(struct tgt_session *s)
{
	unsigned i;

	for (i = 0; s->tmfs && i < s->fresh; i++)
		if (s->tasks[i].ses && tmf_due(&s->tasks[i]) <= s->now)
			tmf_late(s, &s->tasks[i]);
}
