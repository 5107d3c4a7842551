/* SPDX-License-Identifier: MIT */
/*
 * Sessions of a target: memory, states, and the end.
 *
 *   FREE --accept--> ACTIVE --login done--> LOGGED_IN --last connection gone, or ended--> FAILED --idle--> FREE
 *
 * At recovery level 0 a session without a connection has no way back: its tasks are aborted at once. It is FREE, and
 * its memory the host's again, when no connection is in it and no task is left: none with the device server, none whose
 * units a connection still holds.
 *
 * The role is entered by the connection room (a PDU, a unit to make or gone, the end) and by the host (cmd.h, target.h). What
 * may free things that a caller further up still looks at is put off to the outermost leave: requests that wait for
 * a slot, task management that waits for something, the window, and the end.
 */
#include "target/target.h"

/* --- memory --- */

static const struct session_role *session_role(void);

static uint32_t park_count(const struct iscsip_config *cfg)
{
	uint32_t n = 1;

	while (n < cfg->limits.max_tasks)
		n *= 2;
	return n;
}

/* An AHS of ahs_max bytes has four of its own (11.2.2.3). */
static uint16_t cdb_stride(const struct iscsip_config *cfg)
{
	uint32_t ext = cfg->limits.ahs_max < 4u ? 0u : cfg->limits.ahs_max - 4u;

	if (ext == 0)
		return 0;
	return (uint16_t)(16u + (ext < 244u ? ext : 244u));
}

/* Ranges are needed only where a peer may choose the order of PDUs (13.18). */
static size_t ranges_count(const struct iscsip_config *cfg)
{
	return cfg->offer->data_pdu_in_order ? 0 : (size_t)cfg->limits.max_r2ts + iscsip__target_task_total(cfg);
}

static bool session_carve_tables(struct tgt_session *s, struct tgt_session *t, struct arena *a,
				 const struct iscsip_config *cfg)
{
	size_t tasks = iscsip__target_task_total(cfg), ranges = ranges_count(cfg);

	/* what a login touches stands together in front: an idle session keeps one page */
	t->buckets = arena_take_array(a, iscsip__target_task_buckets(cfg), sizeof *t->buckets, _Alignof(uint16_t));
	t->park = arena_take_array(a, park_count(cfg), sizeof *t->park, _Alignof(uint16_t));
	t->ddp = arena_take(a, iscsip_ddp_size(cfg->limits.max_r2ts), ISCSIP_DDP_ALIGN);
	t->tasks = arena_take_array(a, tasks, sizeof *t->tasks, _Alignof(struct tgt_task));
	t->seqs = arena_take_array(a, cfg->limits.max_r2ts, sizeof *t->seqs, _Alignof(struct tgt_seq));
	t->seq_ranges = arena_take_array(a, ranges, sizeof *t->seq_ranges, _Alignof(struct task_ranges));
	t->cdb_stride = cdb_stride(cfg);
	t->cdbs = arena_take_array(a, tasks, t->cdb_stride, 1);
	if (ranges == 0)
		t->seq_ranges = NULL;
	return s && t->cdbs;
}

struct tgt_session *iscsip__target_session_carve(struct arena *a, const struct iscsip_config *cfg)
{
	struct tgt_session *s = arena_take(a, sizeof *s, _Alignof(struct tgt_session)), found;
	bool ok;

	if (s)
		memset(s, 0, sizeof *s);
	memset(&found, 0, sizeof found);
	ok = iscsip__session_carve(s ? &s->s : NULL, a, cfg);
	if (!session_carve_tables(s, &found, a, cfg) || !ok)
		return NULL;
	s->tasks = found.tasks;
	s->seqs = found.seqs;
	s->ddp = found.ddp;
	s->seq_ranges = found.seq_ranges;
	s->buckets = found.buckets;
	s->park = found.park;
	s->park_mask = (uint16_t)(park_count(cfg) - 1u);
	s->cdb_stride = found.cdb_stride;
	s->cdbs = found.cdbs;
	return s;
}

size_t iscsip_target_session_size(const struct iscsip_config *cfg)
{
	struct arena a;

	arena_count(&a);
	(void)iscsip__target_session_carve(&a, cfg);
	return arena_size(&a);
}

int iscsip_target_session_init(struct iscsip_session **out, void *mem, size_t len, const struct iscsip_config *cfg,
			       const struct iscsip_target_ops *ops, const struct iscsip_device_ops *dev, void *dev_user,
			       void *nexus, void *user)
{
	struct tgt_session *s;
	struct arena a;

	if (!out || !mem || (uintptr_t)mem & (ARENA_ALIGN - 1) || iscsip_config_check(cfg))
		return ISCSIP_EINVAL;
	if (!ops || ops->struct_size < sizeof *ops || !dev || dev->struct_size < sizeof *dev || !dev->exec)
		return ISCSIP_EINVAL;
	arena_open(&a, mem, len);
	s = iscsip__target_session_carve(&a, cfg);
	if (!s)
		return ISCSIP_ENOSPC;
	s->s.ops = session_role();
	s->s.user = user;
	s->ops = ops;
	s->dev = dev;
	s->dev_user = dev_user;
	s->nexus = nexus;
	memset(s->park, 0, park_count(cfg) * sizeof *s->park);
	iscsip__target_tasks_init(s);
	(void)iscsip_ddp_init(&s->ddp, s->ddp, iscsip_ddp_size(cfg->limits.max_r2ts), cfg->limits.max_r2ts, NULL);
	*out = &s->s;
	return ISCSIP_OK;
}

/* --- states --- */

void iscsip__target_state(struct tgt_session *s, uint8_t state, const struct iscsip_error *why)
{
	if (s->s.state == state)
		return;
	s->s.state = state;
	if (s->ops->state)
		s->ops->state(s->s.user, &s->s, state, why);
}

/* The last word: the host may free the session in it. */
static void tell_free(struct tgt_session *s)
{
	if (s->busy || s->live || s->s.conn_count || s->told_free)
		return;
	s->told_free = true;
	s->s.state = ISCSIP_SESSION_FREE;
	if (s->ops->state)
		s->ops->state(s->s.user, &s->s, ISCSIP_SESSION_FREE, s->why.code ? &s->why : NULL);
}

static void put_off_place(struct iscsip_conn *c)
{
	struct tgt_conn *tc = tgt_conn_of(c);

	tc->place_lost = false;
	tgt_session_of(c)->deferred--;
	if (c->pdu.data_len)
		iscsip__conn_expect_sink(c, NULL);
	iscsip__target_place_known(c);
}

static void put_off(struct tgt_session *s)
{
	unsigned i;

	for (i = 0; s->deferred && i < s->s.cfg->limits.max_conns; i++) {
		struct iscsip_conn *c = s->s.conns[i];

		if (c && tgt_conn_of(c)->place_lost)
			put_off_place(c);
		else if (c && tgt_conn_of(c)->hold & TGT_HOLD_SLOT)
			iscsip__target_retry(c);
	}
}

/* What was put off. It may bring more of its kind. */
static void work_off(struct tgt_session *s)
{
	if (s->tmfs)
		iscsip__target_tmf_recheck(s);
	/* a slot that is reaped may be waited for, and what waited may end tasks that it looks at; each round takes a PDU in */
	do {
		if (s->reap)
			iscsip__target_task_reap(s);
		if (s->deferred)
			put_off(s);
	} while (s->reap);
	if (s->tell_window && !s->ended)
		iscsip__target_window_tell(s);
	s->later = s->tmfs || s->deferred || s->tell_window || s->ended;
}

void iscsip__target_leave(struct tgt_session *s)
{
	if (s->busy == 1)
		work_off(s);
	s->busy--;
	if (s->ended)
		tell_free(s);
}

/* --- the end --- */

static bool is_any(const struct tgt_task *t, const void *arg)
{
	(void)t;
	(void)arg;
	return true;
}

void iscsip__target_close_all(struct tgt_session *s)
{
	unsigned i;

	s->closing = true;
	iscsip__target_abort_all(s, is_any, NULL, false);
	for (i = 0; i < s->s.cfg->limits.max_conns; i++) {
		struct iscsip_conn *c = s->s.conns[i];

		if (c)
			iscsip__conn_closing(c);
	}
}

static bool is_of_conn(const struct tgt_task *t, const void *c)
{
	return t->c == c;
}

static void put_off_nothing(struct tgt_session *s, struct tgt_conn *tc)
{
	if (tc->hold & TGT_HOLD_SLOT)
		s->deferred--;
	if (tc->place_lost)
		s->deferred--;
	tc->place_lost = false;
	tc->hold = TGT_HOLD_END;
}

void iscsip__target_detach(struct tgt_session *s, struct iscsip_conn *c)
{
	struct tgt_conn *tc = tgt_conn_of(c);
	unsigned i, q;

	iscsip__target_abort_all(s, is_of_conn, c, false);
	put_off_nothing(s, tc);
	iscsip__target_text_reset(c);
	for (i = 0; i < s->fresh; i++)
		if (s->tasks[i].ses && s->tasks[i].c == c)
			s->tasks[i].c = NULL;
	for (q = 0; q < CONN_Q_COUNT; q++)
		while (c->queue[q])
			iscsip__conn_unqueue(c, c->queue[q]);
	tc->own_tmf = tc->own_other = NULL;
	iscsip__session_leave(&s->s, c);
}

void iscsip__target_session_over(struct tgt_session *s, const struct iscsip_error *why)
{
	if (s->ended)
		return;
	s->ended = s->later = true;
	if (!s->clean && why)
		s->why = *why;
	if (s->s.state != ISCSIP_SESSION_FREE)
		iscsip__target_state(s, ISCSIP_SESSION_FAILED, s->why.code ? &s->why : NULL);
}

static void conn_end(struct tgt_session *s, struct iscsip_conn *c)
{
	iscsip__target_detach(s, c);
	(void)iscsip__conn_fail(c, ISCSIP_ECLOSED, 0, 0);
}

void iscsip_target_session_end(struct iscsip_session *session, iscsip_time now)
{
	struct tgt_session *s = (struct tgt_session *)session;
	const struct iscsip_error why = { .code = ISCSIP_EHOST, .opcode = 0xff };
	unsigned i;

	tgt_enter(s);
	s->now = now;
	for (i = 0; i < s->s.cfg->limits.max_conns; i++) {
		/* the item of a PDU that is being made has to stay: the connections only fail, and end when they are closed */
		if (s->s.conns[i] && s->making)
			(void)iscsip__conn_fail(s->s.conns[i], ISCSIP_EHOST, 0, 0);
		else if (s->s.conns[i])
			conn_end(s, s->s.conns[i]);
	}
	if (!s->making)
		iscsip__target_session_over(s, &why);
	tgt_leave(s);
}

bool iscsip_target_session_idle(const struct iscsip_session *session)
{
	return ((const struct tgt_session *)session)->with_device == 0;
}

int iscsip__target_format_error(struct iscsip_conn *c, uint16_t rule, uint32_t arg)
{
	struct tgt_session *s = tgt_session_of(c);
	unsigned i;

	for (i = 0; i < s->s.cfg->limits.max_conns; i++) {
		struct iscsip_conn *other = s->s.conns[i];

		if (other && other != c)
			(void)iscsip__conn_fail(other, ISCSIP_EPROTO, rule, arg);
	}
	return iscsip__conn_fail(c, ISCSIP_EPROTO, rule, arg);
}

/* --- time --- */

static iscsip_time session_deadline(const struct iscsip_session *s)
{
	return iscsip__target_tmf_deadline((const struct tgt_session *)s);
}

static int session_tick(struct iscsip_session *session, iscsip_time now)
{
	struct tgt_session *s = (struct tgt_session *)session;

	if (s->busy || s->told_free)
		return ISCSIP_ESTATE;
	tgt_enter(s);
	s->now = now;
	iscsip__target_tmf_tick(s);
	tgt_leave(s);
	return ISCSIP_OK;
}

static const struct session_role *session_role(void)
{
	static const struct session_role role = { session_deadline, session_tick };

	return &role;
}
