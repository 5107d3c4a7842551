/* SPDX-License-Identifier: MIT */
/*
 * The session of an initiator: its memory, its states, the command window, the tags, and what is due when.
 *
 * States (enum iscsip_session_state, RFC 7143 8.3.1): FREE until a connection is in full feature phase, then LOGGED_IN until
 * the last one is gone: FREE again after a logout, else FAILED. From FREE and FAILED a new connection begins anew.
 *
 * Window (4.2.2.1): a command may be numbered while cmdsn <= maxcmdsn. Tasks beyond wait in the session's line, where they
 * cost nothing; the line moves when a PDU raises maxcmdsn.
 *
 * Time: the list of tasks with a limit is sorted, so the next one due is its first (initiator_task.c).
 */
#include "initiator/initiator.h"

/* --- memory --- */

static uint32_t ini_tag_count(const struct iscsip_config *cfg)
{
	return cfg->limits.max_tasks + cfg->limits.max_conns * INI_CONN_TAGS + 1u;
}

/* Ranges are needed only where the target may choose the order (13.18, 13.19); of a task those of its tag's index. */
static size_t ini_ranges_count(const struct iscsip_config *cfg)
{
	return cfg->offer->data_pdu_in_order && cfg->offer->data_sequence_in_order ? 0 : ini_tag_count(cfg);
}

static size_t ini_out_ranges_count(const struct iscsip_config *cfg)
{
	return cfg->offer->data_sequence_in_order ? 0 : ini_tag_count(cfg);
}

/* What a target may ask for at once: what the offer promises it, for each task. */
static uint32_t ini_r2t_count(const struct iscsip_config *cfg)
{
	return cfg->limits.max_tasks * cfg->offer->max_outstanding_r2t;
}

static struct ini_session *ini_session_carve(struct arena *a, const struct iscsip_config *cfg)
{
	struct ini_session *s = arena_take(a, sizeof *s, _Alignof(struct ini_session));
	size_t tag_len = iscsip_ddp_size(ini_tag_count(cfg));
	void *tags = arena_take(a, tag_len, ISCSIP_DDP_ALIGN);
	struct ini_r2t *r2ts = arena_take_array(a, ini_r2t_count(cfg), sizeof *r2ts, _Alignof(struct ini_r2t));
	struct task_ranges *ranges = arena_take_array(a, ini_ranges_count(cfg) + ini_out_ranges_count(cfg), sizeof *ranges,
						      _Alignof(struct task_ranges));
	static const struct iscsip_ddp_layout layout = ISCSIP_DDP_LAYOUT_TASKS;

	if (s && ranges)
		memset(s, 0, sizeof *s);
	if (!iscsip__session_carve(ranges ? &s->base : NULL, a, cfg) || !ranges)
		return NULL;
	s->r2ts = r2ts;
	s->r2t_count = ini_r2t_count(cfg);
	s->in_ranges = ini_ranges_count(cfg) ? ranges : NULL;
	s->out_ranges = ini_out_ranges_count(cfg) ? ranges + ini_ranges_count(cfg) : NULL;
	return iscsip_ddp_init(&s->tags, tags, tag_len, ini_tag_count(cfg), &layout) ? NULL : s;
}

size_t iscsip_initiator_session_size(const struct iscsip_config *cfg)
{
	struct arena a;

	arena_count(&a);
	(void)ini_session_carve(&a, cfg);
	return arena_size(&a);
}

static iscsip_time ini_session_deadline(const struct iscsip_session *base)
{
	const struct ini_session *s = ini_of(base);
	iscsip_time t = iscsip__initiator_tmf_due(s);

	if (s->lists[INI_TIMED].first && ini_priv(s->lists[INI_TIMED].first)->deadline < t)
		t = ini_priv(s->lists[INI_TIMED].first)->deadline;
	return t;
}

/* A task whose time is over is aborted; one that was not issued is given back at once. */
static int ini_session_tick(struct iscsip_session *base, iscsip_time now)
{
	struct ini_session *s = ini_of(base);
	struct iscsip_task *t;

	if (s->inside)
		return ISCSIP_ESTATE;
	s->inside++;
	if (now >= iscsip__initiator_tmf_due(s)) {
		s->tmf_conn->c->now = now; /* its closing has a time, too */
		(void)iscsip__conn_fail(s->tmf_conn->c, ISCSIP_ETIMEDOUT, 0, s->tmf.itt);
	}
	while ((t = s->lists[INI_TIMED].first) != NULL && now >= ini_priv(t)->deadline)
		iscsip__initiator_abort(s, t, ISCSIP_ETIMEDOUT, now);
	s->inside--;
	return ISCSIP_OK;
}

static const struct session_role ini_session_role = { ini_session_deadline, ini_session_tick };

void iscsip__initiator_session_begin(struct ini_session *s)
{
	const struct iscsip_config *cfg = s->base.cfg;

	s->base.tsih = 0;
	s->cmdsn = s->expcmdsn = cfg->initial_cmdsn;
	s->maxcmdsn = s->cmdsn - 1u;
	s->logging_out = s->logged_out = false;
	iscsip_params_init(&s->base.params);
}

int iscsip_initiator_session_init(struct iscsip_session **out, void *mem, size_t len, const struct iscsip_config *cfg,
				  const struct iscsip_initiator_identity *id, const struct iscsip_initiator_ops *ops, void *user)
{
	struct ini_session *s;
	struct arena a;

	if (!mem || (uintptr_t)mem % ARENA_ALIGN != 0 || iscsip_config_check(cfg) || !cfg->node_name || !id ||
	    !ops || ops->struct_size < sizeof *ops || !ops->login_done)
		return ISCSIP_EINVAL;
	arena_open(&a, mem, len);
	s = ini_session_carve(&a, cfg);
	if (!s)
		return ISCSIP_ENOSPC;
	s->base.ops = &ini_session_role;
	s->base.user = user;
	s->ops = ops;
	s->target_name = id->target_name;
	memcpy(s->base.isid, id->isid, sizeof s->base.isid);
	iscsip__initiator_session_begin(s);
	*out = &s->base;
	return ISCSIP_OK;
}

int iscsip_initiator_session_fini(struct iscsip_session *base)
{
	struct ini_session *s = ini_of(base);

	/* with the last connection all tasks were given back, so there is nothing to do but to say whether that is over */
	return s->made || s->inside ? ISCSIP_EBUSY : ISCSIP_OK;
}

/* --- window --- */

void iscsip__initiator_window(struct ini_session *s, uint32_t expcmdsn, uint32_t maxcmdsn)
{
	if (serial_lt(maxcmdsn, expcmdsn - 1u))
		return;
	if (serial_lt(s->expcmdsn, expcmdsn))
		s->expcmdsn = expcmdsn;
	if (!serial_lt(s->maxcmdsn, maxcmdsn))
		return;
	s->maxcmdsn = maxcmdsn;
	if (s->waiting.first)
		iscsip__initiator_pump(s);
}

/* --- tags --- */

int iscsip__initiator_tag(struct ini_session *s, struct conn_item *owner, const struct iscsip_vec_cursor *at,
			  uint32_t len, uint32_t *itt)
{
	struct iscsip_ddp_region r = { .owner = owner, .len = len };
	int err;

	if (at)
		r.at = *at;
	err = iscsip_ddp_bind(s->tags, &r, 0, itt);
	if (err)
		return err;
	if (*itt >> 16 > s->tag_top)
		s->tag_top = *itt >> 16;
	*itt = ini_swap(*itt);
	return ISCSIP_OK;
}

struct conn_item *iscsip__initiator_find(const struct ini_session *s, uint32_t itt, bool *known)
{
	struct iscsip_ddp_query q = { .tag = ini_swap(itt) };
	struct iscsip_ddp_hit hit;

	*known = (itt & 0xffffu) <= s->tag_top;
	return iscsip_ddp_find(s->tags, &q, &hit) == ISCSIP_OK ? hit.owner : NULL;
}

static struct conn_sent *ini_sent_of(struct ini_conn *ic, struct ini_request *r)
{
	return r == &ic->ping ? &ic->c->ping : &r->sent;
}

int iscsip__initiator_request(struct ini_conn *ic, struct ini_request *r, enum ini_kind kind, void *cookie, iscsip_time now)
{
	int err = iscsip__initiator_tag(ic->s, &r->item, NULL, 0, &r->itt);

	if (err)
		return err;
	r->item.kind = (uint8_t)kind;
	r->cookie = cookie;
	r->busy = true;
	r->ended = false;
	iscsip__conn_ask(ic->c, ini_sent_of(ic, r), now);
	iscsip__conn_queue(ic->c, &r->item, CONN_Q_URGENT);
	return ISCSIP_OK;
}

void iscsip__initiator_requested(struct ini_conn *ic, struct ini_request *r)
{
	r->asked = true;
	iscsip__conn_made(ic->c, ini_sent_of(ic, r));
}

void iscsip__initiator_answered(struct ini_conn *ic, struct ini_request *r)
{
	/* its tag was bound when it became busy, so it can be released */
	if (r->busy)
		(void)iscsip_ddp_release(ic->s->tags, ini_swap(r->itt));
	iscsip__conn_heard(ic->c, ini_sent_of(ic, r));
	r->busy = false;
}

static bool ini_is_asking(const struct ini_conn *ic)
{
	return (ic->ping.asked && ic->ping_of_host) || ic->text.asked || ic->logout.asked;
}

bool iscsip__initiator_may_ask(struct ini_conn *ic, enum ini_kind kind)
{
	if (!ini_is_asking(ic) || (kind == INI_PING && !ic->ping_parks))
		return true;
	ic->parked = (uint8_t)(ic->parked | 1u << kind);
	return false;
}

void iscsip__initiator_heard(struct ini_conn *ic, struct ini_request *r)
{
	struct ini_request *all[] = { &ic->text, &ic->ping };
	unsigned i;

	r->asked = false;
	ic->parked = (uint8_t)(ic->parked & ~(1u << r->item.kind));
	if (!ic->parked || ini_is_asking(ic))
		return;
	for (i = 0; i < 2; i++) {
		if (!(ic->parked & 1u << all[i]->item.kind) || !all[i]->busy)
			continue;
		iscsip__conn_ask(ic->c, ini_sent_of(ic, all[i]), ic->c->now);
		iscsip__conn_queue(ic->c, &all[i]->item, CONN_Q_URGENT);
	}
	ic->parked = 0;
}

/* What is parked waits for one that has its time. */
static iscsip_time ini_request_due(const struct ini_conn *ic, const struct ini_request *r, const struct conn_sent *sent,
				   uint32_t ms)
{
	if (!r->busy || ic->parked & 1u << r->item.kind)
		return ISCSIP_TIME_NEVER;
	return iscsip__conn_due(ic->c, sent, ms);
}

iscsip_time iscsip__initiator_requests_due(const struct iscsip_conn *c)
{
	const struct ini_conn *ic = ini_conn_of(c);
	iscsip_time t = ini_request_due(ic, &ic->text, &ic->text.sent, conn_request_ms(c)), other;

	if (conn_over(c))
		return ISCSIP_TIME_NEVER;
	other = ini_request_due(ic, &ic->ping, &c->ping, conn_request_ms(c));
	t = ic->ping_of_host && other < t ? other : t;
	/* the logout of another connection; that of this one has its limit in close_by */
	other = ini_request_due(ic, &ic->logout, &ic->logout.sent, c->cfg->logout_timeout_ms);
	return ini_usable(ic) && other < t ? other : t;
}

int iscsip__initiator_requests_late(struct iscsip_conn *c)
{
	return iscsip__conn_fail(c, ISCSIP_ETIMEDOUT, 0, 0);
}

/* --- lines --- */

void iscsip__initiator_line_put(struct ini_line *l, struct iscsip_task *t, struct iscsip_task *at)
{
	struct ini_task *p = ini_priv(t);

	p->line_before = at ? ini_priv(at)->line_before : l->last;
	p->line_after = at;
	p->in_line = true;
	if (p->line_before)
		ini_priv(p->line_before)->line_after = t;
	else
		l->first = t;
	if (at)
		ini_priv(at)->line_before = t;
	else
		l->last = t;
}

void iscsip__initiator_line_add(struct ini_line *l, struct iscsip_task *t)
{
	iscsip__initiator_line_put(l, t, NULL);
}

void iscsip__initiator_line_drop(struct ini_line *l, struct iscsip_task *t)
{
	struct ini_task *p = ini_priv(t);

	if (p->line_before)
		ini_priv(p->line_before)->line_after = p->line_after;
	else
		l->first = p->line_after;
	if (p->line_after)
		ini_priv(p->line_after)->line_before = p->line_before;
	else
		l->last = p->line_before;
	p->line_before = p->line_after = NULL;
	p->in_line = false;
}
