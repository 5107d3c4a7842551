/* SPDX-License-Identifier: MIT */
/*
 * Tasks from submitting to giving back. Owns the lists of tasks, the line for the command window, and the one place where a
 * task goes back to the host.
 *
 * A task ends in two steps. First it is OVER: its tag is released, so nothing that still comes finds it, and it leaves
 * every queue. Then, when no unit in the send ring reads its memory and no data is coming in for it, it is given back;
 * mostly at once, but with ISCSIP_CFG_TX_HOLD, or a response that was faster than the send call, later.
 *
 * Invariants: each task under way stands in exactly one of the session's lists, and `tasks` is their number; the list of those
 * with a time limit is sorted; a QUEUED or ISSUED task has a connection.
 */
#include "initiator/initiator.h"

/* --- lists --- */

/* Behind `at`, NULL: at the front. */
static void ini_list_put(struct ini_line *l, struct iscsip_task *t, struct iscsip_task *at)
{
	struct ini_task *p = ini_priv(t);

	p->before = at;
	p->after = at ? ini_priv(at)->after : l->first;
	if (p->after)
		ini_priv(p->after)->before = t;
	else
		l->last = t;
	if (at)
		ini_priv(at)->after = t;
	else
		l->first = t;
}

static void ini_list_take(struct ini_session *s, struct iscsip_task *t)
{
	struct ini_task *p = ini_priv(t);
	struct ini_line *l = &s->lists[p->list];

	if (p->before)
		ini_priv(p->before)->after = p->after;
	else
		l->first = p->after;
	if (p->after)
		ini_priv(p->after)->before = p->before;
	else
		l->last = p->before;
}

/* Sorted from the end: with the same limit for all, as hosts have it, there is nothing to pass. */
static void ini_list_begin(struct ini_session *s, struct iscsip_task *t, iscsip_time now)
{
	struct ini_task *p = ini_priv(t);
	struct iscsip_task *at;

	p->list = t->timeout_ms ? INI_TIMED : INI_UNTIMED;
	p->deadline = t->timeout_ms ? now + t->timeout_ms : ISCSIP_TIME_NEVER;
	for (at = s->lists[p->list].last; at && ini_priv(at)->deadline > p->deadline; at = ini_priv(at)->before)
		;
	ini_list_put(&s->lists[p->list], t, at);
}

/* To the end of a list without time limits. */
static void ini_list_move(struct ini_session *s, struct iscsip_task *t, enum ini_list list)
{
	ini_list_take(s, t);
	ini_priv(t)->list = (uint8_t)list;
	ini_priv(t)->deadline = ISCSIP_TIME_NEVER;
	ini_list_put(&s->lists[list], t, s->lists[list].last);
}

void iscsip__initiator_list_aborting(struct ini_session *s, struct iscsip_task *t)
{
	ini_list_move(s, t, INI_ABORTING);
}

/* --- submitting --- */

static bool ini_holds(const struct iscsip_vec *vec, int cnt, uint32_t len)
{
	const struct iscsip_vec_cursor at = { vec, vec ? cnt : 0, 0 };

	return cursor_holds(&at, len);
}

/* The connection for the next command: in turn, where there are several. */
static struct ini_conn *ini_pick(struct ini_session *s)
{
	unsigned i, n = s->base.cfg->limits.max_conns, slot = s->turn;

	for (i = 0; i < n; i++, slot++) {
		struct iscsip_conn *c;

		slot = slot >= n ? 0 : slot;
		c = s->base.conns[slot];
		if (c && ini_usable(ini_conn_of(c))) {
			s->turn = (uint16_t)(slot + 1u >= n ? 0 : slot + 1u);
			return ini_conn_of(c);
		}
	}
	return NULL;
}

bool iscsip__initiator_window_open(const struct ini_session *s)
{
	uint32_t room = s->maxcmdsn - s->cmdsn + 1u;

	return room < 0x80000000u && room > s->unnumbered;
}

/* The connection that may take this command now, or NULL: it has to wait. */
static struct ini_conn *ini_way(struct ini_session *s, const struct iscsip_task *t)
{
	return t->immediate || iscsip__initiator_window_open(s) ? ini_pick(s) : NULL;
}

static void ini_enqueue(struct ini_session *s, struct iscsip_task *t, struct ini_conn *ic)
{
	struct ini_task *p = ini_priv(t);

	p->ic = ic;
	p->stage = INI_QUEUED;
	s->unnumbered = (uint16_t)(s->unnumbered + !t->immediate);
	iscsip__conn_queue(ic->c, &p->item, t->immediate ? CONN_Q_URGENT : CONN_Q_ANSWER);
}

void iscsip__initiator_pump(struct ini_session *s)
{
	struct iscsip_task *t;
	struct ini_conn *ic;

	while ((t = s->waiting.first) != NULL && (ic = ini_way(s, t)) != NULL) {
		iscsip__initiator_line_drop(&s->waiting, t);
		ini_enqueue(s, t, ic);
	}
}

/* To the line. Immediate tasks need a connection only: those that need the window, too, stand behind them. */
static void ini_wait(struct ini_session *s, struct iscsip_task *t)
{
	struct iscsip_task *at = t->immediate ? s->waiting.first : NULL;

	while (at && at->immediate)
		at = ini_priv(at)->line_after;
	iscsip__initiator_line_put(&s->waiting, t, at);
}

/* An offer that leaves the order of data-out open leaves that of data-in open, too. */
static void ini_ranges_clear(struct ini_session *s, uint32_t index)
{
	task_ranges_clear(&s->in_ranges[index]);
	if (s->out_ranges)
		task_ranges_clear(&s->out_ranges[index]);
}

static bool ini_submittable(const struct iscsip_task *t)
{
	if (t->attr > ISCSIP_ATTR_ACA || t->ext_cdb_len > ISCSIP_CDB_MAX - 16u || (t->ext_cdb_len && !t->ext_cdb))
		return false;
	return ini_holds(t->in_vec, t->in_cnt, t->in_len) && ini_holds(t->out_vec, t->out_cnt, t->out_len);
}

int iscsip_initiator_submit(struct iscsip_session *base, struct iscsip_task *t, iscsip_time now)
{
	struct ini_session *s = ini_of(base);
	struct ini_task *p = ini_priv(t);
	const struct iscsip_vec_cursor at = { t->in_vec, t->in_vec ? t->in_cnt : 0, 0 };
	struct ini_conn *ic;

	if (base->state != ISCSIP_SESSION_LOGGED_IN || s->logging_out || !s->ops->task_done ||
	    base->params.session_type == ISCSIP_SESSION_DISCOVERY)
		return ISCSIP_ESTATE;
	if (!ini_submittable(t))
		return ISCSIP_EINVAL;
	if (s->tasks >= base->cfg->limits.max_tasks)
		return ISCSIP_EAGAIN;
	memset(p, 0, sizeof *p);
	memset(&t->result, 0, sizeof t->result);
	p->item.kind = INI_TASK;
	if (iscsip__initiator_tag(s, &p->item, &at, t->in_len, &p->itt))
		return ISCSIP_EAGAIN;
	if (s->in_ranges)
		ini_ranges_clear(s, p->itt & 0xffffu);
	p->out_lost = UINT32_MAX;
	p->out_at.vec = t->out_vec;
	p->out_at.cnt = t->out_vec ? t->out_cnt : 0;
	s->tasks++;
	ini_list_begin(s, t, now);
	ic = !t->immediate && s->waiting.first ? NULL : ini_way(s, t);
	if (ic)
		ini_enqueue(s, t, ic);
	else
		ini_wait(s, t);
	return ISCSIP_OK;
}

/* --- ending --- */

/*
 * What was taken of the data-out, now that it is known which PDUs have left: what was sent, as over() has found it, less what
 * was lost and what the target says that it left. A target that says nothing has not taken more for that.
 */
static void ini_settle_out(struct iscsip_task *t)
{
	struct iscsip_result *r = &t->result;
	uint32_t told = r->out_overflow ? 0 : r->out_residual;

	r->out_sent = ini_least(r->out_len, ini_priv(t)->out_lost);
	r->out_len = ini_least(r->out_sent, t->out_len - told);
	if (!r->out_overflow)
		r->out_residual = t->out_len - r->out_len;
}

static void ini_give_back(struct ini_session *s, struct iscsip_task *t)
{
	if (t->out_len)
		ini_settle_out(t);
	ini_list_take(s, t);
	s->tasks--;
	if (t->result.err != ISCSIP_OK)
		s->base.stats.aborted++;
	s->ops->task_done(s->base.user, t);
}

void iscsip__initiator_over(struct ini_session *s, struct iscsip_task *t, int err)
{
	struct ini_task *p = ini_priv(t);
	bool freed = p->stage == INI_QUEUED && !t->immediate;
	const struct task_ranges *ranges;

	if (p->stage == INI_OVER)
		return;
	if (p->stage == INI_WAITING)
		iscsip__initiator_line_drop(&s->waiting, t);
	if (freed)
		s->unnumbered--;
	t->result.issued = p->stage == INI_ISSUED;
	t->result.err = err;
	ranges = ini_in_ranges(s, p);
	if (ranges)
		t->result.in_len = task_ranges_first_gap(ranges);
	if (!t->result.in_overflow)
		t->result.in_residual = t->in_len - t->result.in_len;
	ranges = ini_out_ranges(s, p);
	t->result.out_len = ranges ? task_ranges_first_gap(ranges) : p->out_pos;
	iscsip__initiator_out_stop(s, t);
	p->stage = INI_OVER;
	if (p->ic)
		iscsip__conn_unqueue(p->ic->c, &p->item);
	(void)iscsip_ddp_release(s->tags, ini_swap(p->itt));
	iscsip__initiator_tmf_forget(s, t);
	/* its place in the window is the next one's, before a callback takes it */
	if (freed)
		iscsip__initiator_pump(s);
	if (p->refs == 0)
		ini_give_back(s, t);
	else
		ini_list_move(s, t, INI_UNTIMED); /* its time does not matter any more */
}

void iscsip__initiator_unref(struct ini_session *s, struct iscsip_task *t)
{
	struct ini_task *p = ini_priv(t);

	p->refs--;
	if (p->refs == 0 && p->stage == INI_OVER)
		ini_give_back(s, t);
}

/* A host's callback may change the lists in any way, so each step begins anew; every step takes one task out. */
static struct iscsip_task *ini_next_of(const struct ini_session *s, const struct ini_conn *ic, bool all)
{
	unsigned i;

	for (i = 0; i < INI_LISTS; i++) {
		struct iscsip_task *t;

		for (t = s->lists[i].first; t; t = ini_priv(t)->after)
			if (ini_priv(t)->stage != INI_OVER && (all || ini_priv(t)->ic == ic))
				return t;
	}
	return NULL;
}

void iscsip__initiator_drop_tasks(struct ini_session *s, const struct ini_conn *ic, bool all, int err)
{
	struct iscsip_task *t;

	while ((t = ini_next_of(s, ic, all)) != NULL)
		iscsip__initiator_over(s, t, ini_priv(t)->why ? ini_priv(t)->why : err);
}
