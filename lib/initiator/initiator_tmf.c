/* SPDX-License-Identifier: MIT */
/*
 * Task management (RFC 7143 4.2.3, 11.5, 11.6): what the host asks for, and ABORT TASK for single tasks that the host gives up,
 * whose time is over, or whose data was damaged. Owns the one request that is on the wire, the host's request that waits for it,
 * and the list of tasks that wait to be aborted.
 *
 * One request at a time, marked for immediate delivery: a target has to take one of these a connection at any time
 * (4.2.2.1). The host's goes before aborts. Affected tasks go on as before until the answer is in: their data is sent and their
 * responses count (4.2.3.3 a, b); with FastAbort their data stops when the request goes out (4.2.3.4 a): each of them is marked, so
 * that an R2T which crosses the request is not answered either, until an answer other than success lets them go on. The answer
 * concludes them (c). Which these are is told by the order of issue: tasks that were issued after the request are not.
 *
 * Each request has a time, from its sending: nop_timeout_ms for an abort, request_timeout_ms for one of the host, which a target
 * may need for a reset. What waits behind it, the time limits of tasks above all, so waits no longer. When the time passes, or
 * the target refuses an abort, only the end of the connection makes sure that a task's memory is no longer the target's business.
 */
#include "initiator/initiator.h"

static bool ini_tmf_of_unit(uint8_t function)
{
	return function == ISCSIP_TMF_ABORT_TASK_SET || function == ISCSIP_TMF_CLEAR_TASK_SET ||
	       function == ISCSIP_TMF_LOGICAL_UNIT_RESET;
}

static bool ini_tmf_of_all(uint8_t function)
{
	return function == ISCSIP_TMF_TARGET_WARM_RESET || function == ISCSIP_TMF_TARGET_COLD_RESET ||
	       function == ISCSIP_TMF_I_T_NEXUS_RESET;
}

/* Whether the request on the wire affects a task (4.2.3.2). */
static bool ini_tmf_affects(const struct ini_session *s, struct iscsip_task *t)
{
	const struct ini_task *p = ini_priv(t);

	if (p->stage != INI_ISSUED || !serial_lt(p->order, s->tmf_order))
		return false;
	if (ini_tmf_of_unit(s->tmf_function))
		return t->lun == s->tmf_lun;
	return ini_tmf_of_all(s->tmf_function);
}

/* --- sending --- */

static struct ini_conn *ini_tmf_way(const struct ini_session *s, struct iscsip_task *ref)
{
	unsigned i;

	if (ref)
		return ini_priv(ref)->ic;
	for (i = 0; i < s->base.cfg->limits.max_conns; i++)
		if (s->base.conns[i] && ini_usable(ini_conn_of(s->base.conns[i])))
			return ini_conn_of(s->base.conns[i]);
	return NULL;
}

/* Puts a request on the wire. False: there is no connection for it. */
static bool ini_tmf_start(struct ini_session *s, uint8_t function, uint64_t lun, struct iscsip_task *ref, void *cookie,
			  iscsip_time now)
{
	struct ini_conn *ic = ini_tmf_way(s, ref);

	if (!ic || !ini_usable(ic))
		return false;
	/* all of it, before the host is woken for it: it may look, or ask for more */
	s->tmf_conn = ic;
	s->tmf_function = function;
	s->tmf_lun = lun;
	s->tmf_ref = ref;
	if (iscsip__initiator_request(ic, &s->tmf, INI_TMF, cookie, now))
		return false;
	s->base.stats.tmfs++;
	return true;
}

static void ini_tmf_tell(struct ini_session *s, void *cookie, int err, uint8_t response)
{
	if (s->ops->tmf_done)
		s->ops->tmf_done(s->base.user, cookie, err, response);
}

static struct iscsip_task *ini_tmf_next_abort(const struct ini_session *s)
{
	struct iscsip_task *t = s->lists[INI_ABORTING].first;

	/* one whose connection logs out ends with it, and holds up no other */
	while (t && (ini_priv(t)->stage != INI_ISSUED || !ini_usable(ini_priv(t)->ic)))
		t = ini_priv(t)->after;
	return t;
}

/* The next request, if none is on the wire. */
static void ini_tmf_next(struct ini_session *s, iscsip_time now)
{
	struct iscsip_task *t;

	while (s->host_waits && !s->tmf.busy) {
		bool needs_task = s->host_function == ISCSIP_TMF_ABORT_TASK || s->host_function == ISCSIP_TMF_QUERY_TASK;

		s->host_waits = false;
		s->tmf_of_host = true;
		if (needs_task && !s->host_ref)
			ini_tmf_tell(s, s->host_cookie, ISCSIP_OK, ISCSIP_TMF_NO_TASK);
		else if (!ini_tmf_start(s, s->host_function, s->host_lun, s->host_ref, s->host_cookie, now))
			ini_tmf_tell(s, s->host_cookie, ISCSIP_ECLOSED, 0);
	}
	if (s->tmf.busy || (t = ini_tmf_next_abort(s)) == NULL)
		return;
	s->tmf_of_host = false;
	/* its connection is usable, and a tag is kept for it: it can not fail */
	(void)ini_tmf_start(s, ISCSIP_TMF_ABORT_TASK, t->lun, t, NULL, now);
}

iscsip_time iscsip__initiator_tmf_due(const struct ini_session *s)
{
	const struct iscsip_conn *c = s->tmf.busy ? s->tmf_conn->c : NULL;

	if (!c || conn_over(c))
		return ISCSIP_TIME_NEVER;
	return iscsip__conn_due(c, &s->tmf.sent, s->tmf_of_host ? conn_request_ms(c) : c->cfg->nop_timeout_ms);
}

/* With FastAbort the data of affected tasks stops here (4.2.3.4 a). */
static void ini_tmf_stop_data(struct ini_session *s)
{
	unsigned i;

	for (i = 0; i < INI_LISTS; i++) {
		struct iscsip_task *t;

		for (t = s->lists[i].first; t; t = ini_priv(t)->after)
			if (ini_tmf_affects(s, t))
				iscsip__initiator_out_pause(t);
	}
}

/* The request has not ended them: what was stopped for it goes on, or they would wait for data, and their host for them. */
static void ini_tmf_go_on(struct ini_session *s)
{
	unsigned i;

	for (i = 0; i < INI_LISTS; i++) {
		struct iscsip_task *t;

		for (t = s->lists[i].first; t; t = ini_priv(t)->after)
			if (ini_priv(t)->stopped && ini_priv(t)->stage == INI_ISSUED)
				iscsip__initiator_out_go_on(t);
	}
}

enum conn_made iscsip__initiator_make_tmf(struct ini_conn *ic)
{
	struct ini_session *s = ic->s;
	struct tx_unit *u = iscsip__conn_unit(ic->c);
	struct iscsip_pdu pdu = { 0 };
	struct iscsip_task_request *r = &pdu.task_request;

	pdu.opcode = ISCSIP_OP_TASK_REQUEST;
	pdu.immediate = pdu.final = true;
	pdu.lun = s->tmf_lun;
	pdu.itt = s->tmf.itt;
	r->function = s->tmf_function;
	r->ref_task_tag = ISCSIP_TAG_NONE;
	iscsip__initiator_stamp(ic, &pdu);
	if (s->tmf_ref) {
		/* 11.5.5: of an immediate task it is the request's own */
		r->ref_task_tag = ini_priv(s->tmf_ref)->itt;
		r->ref_cmdsn = s->tmf_ref->immediate ? r->cmdsn : ini_priv(s->tmf_ref)->cmdsn;
	} else if (s->tmf_function == ISCSIP_TMF_ABORT_TASK || s->tmf_function == ISCSIP_TMF_QUERY_TASK) {
		/* the task has ended while the request waited for its turn */
		iscsip__initiator_tmf_ended(s, ISCSIP_OK, ISCSIP_TMF_NO_TASK);
		return conn_queued(&s->tmf.item) ? CONN_MADE_MORE : CONN_MADE_NONE;
	}
	s->tmf_order = s->order++;
	if (s->base.params.task_reporting == ISCSIP_TASK_REPORTING_FAST_ABORT)
		ini_tmf_stop_data(s);
	iscsip__conn_seal(ic->c, u, &pdu, false);
	iscsip__initiator_requested(ic, &s->tmf);
	return CONN_MADE_LAST;
}

/* --- the answer --- */

static void ini_tmf_conclude(struct ini_session *s)
{
	struct iscsip_task *t;
	unsigned i;

	/* a callback may change the lists: begin anew after each */
	for (i = 0; i < INI_LISTS; i++) {
		t = s->lists[i].first;
		while (t) {
			if (!ini_tmf_affects(s, t)) {
				t = ini_priv(t)->after;
				continue;
			}
			iscsip__initiator_over(s, t, ini_priv(t)->why ? ini_priv(t)->why : ISCSIP_EHOST);
			t = s->lists[i].first;
		}
	}
}

void iscsip__initiator_tmf_ended(struct ini_session *s, int err, uint8_t response)
{
	struct ini_conn *ic = s->tmf_conn;
	struct iscsip_task *ref = s->tmf_ref;
	bool done = err == ISCSIP_OK && (response == ISCSIP_TMF_COMPLETE || response == ISCSIP_TMF_NO_TASK);

	if (!s->tmf.busy)
		return;
	iscsip__conn_unqueue(ic->c, &s->tmf.item);
	s->tmf_ref = NULL;
	if (s->tmf_function == ISCSIP_TMF_ABORT_TASK) {
		if (done && ref)
			iscsip__initiator_over(s, ref, ini_priv(ref)->why ? ini_priv(ref)->why : ISCSIP_EHOST);
		else if (ref && !s->tmf_of_host)
			(void)iscsip__conn_fail(ic->c, ini_priv(ref)->why, 0, response);
	} else if (err == ISCSIP_OK && response == ISCSIP_TMF_COMPLETE) {
		ini_tmf_conclude(s);
	}
	ini_tmf_go_on(s);
	/* only now is the request's place free: what a callback above has asked for waits for its turn */
	iscsip__initiator_answered(ic, &s->tmf);
	s->tmf_conn = NULL;
	if (s->tmf_of_host)
		ini_tmf_tell(s, s->tmf.cookie, err, response);
	ini_tmf_next(s, ic->c->now);
}

int iscsip__initiator_tmf_response(struct ini_conn *ic)
{
	struct ini_session *s = ic->s;
	const struct iscsip_pdu *pdu = &ic->c->pdu;
	bool known;
	const struct conn_item *item = iscsip__initiator_find(s, pdu->itt, &known);

	if (!item && known) {
		s->base.stats.ignored++;
		return ISCSIP_OK;
	}
	if (item != &s->tmf.item || s->tmf_conn != ic || conn_queued(item))
		return ini_broken(ic, item ? ISCSIP_RULE_TASK_KIND : ISCSIP_RULE_TASK_TAG, pdu->itt);
	iscsip__initiator_tmf_ended(s, ISCSIP_OK, pdu->task_response.response);
	return ic->c->error.code;
}

void iscsip__initiator_tmf_forget(struct ini_session *s, struct iscsip_task *t)
{
	if (s->tmf_ref == t)
		s->tmf_ref = NULL;
	if (s->host_ref == t)
		s->host_ref = NULL;
}

void iscsip__initiator_tmf_lost(struct ini_session *s, const struct ini_conn *ic, int err)
{
	if (s->tmf.busy && s->tmf_conn == ic) {
		s->tmf_function = 0; /* its tasks are given back with the connection */
		iscsip__initiator_tmf_ended(s, err, 0);
	}
}

/* --- what the host and the time limits ask for --- */

void iscsip__initiator_abort(struct ini_session *s, struct iscsip_task *t, int why, iscsip_time now)
{
	struct ini_task *p = ini_priv(t);

	if (p->stage == INI_OVER)
		return;
	if (p->stage != INI_ISSUED) {
		iscsip__initiator_over(s, t, why);
		return;
	}
	if (p->why && why != ISCSIP_EDIGEST && why != ISCSIP_ENOSPC)
		return;
	if (!p->why)
		iscsip__initiator_list_aborting(s, t);
	p->why = (int16_t)why;
	ini_tmf_next(s, now);
}

/* Whether a task is the library's: its tag is bound to it. */
static bool ini_holds_task(const struct ini_session *s, struct iscsip_task *t)
{
	bool known;

	return iscsip__initiator_find(s, ini_priv(t)->itt, &known) == &ini_priv(t)->item;
}

int iscsip_initiator_abort(struct iscsip_session *base, struct iscsip_task *t, iscsip_time now)
{
	struct ini_session *s = ini_of(base);

	if (!ini_holds_task(s, t))
		return ISCSIP_ENOENT;
	s->inside++;
	iscsip__initiator_abort(s, t, ISCSIP_EHOST, now);
	s->inside--;
	return ISCSIP_OK;
}

static bool ini_tmf_allowed(const struct ini_session *s, uint8_t function, const struct iscsip_task *ref)
{
	bool needs_task = function == ISCSIP_TMF_ABORT_TASK || function == ISCSIP_TMF_QUERY_TASK;

	if (function < ISCSIP_TMF_ABORT_TASK || function > ISCSIP_TMF_QUERY_ASYNCHRONOUS_EVENT ||
	    function == ISCSIP_TMF_TASK_REASSIGN || needs_task != (ref != NULL))
		return false;
	return function < ISCSIP_TMF_QUERY_TASK || s->base.params.iscsi_protocol_level >= 2;
}

/* A task that was not issued: no target knows of it. */
static void ini_tmf_local(struct ini_session *s, uint8_t function, struct iscsip_task *ref, void *cookie)
{
	s->inside++;
	if (function == ISCSIP_TMF_ABORT_TASK)
		iscsip__initiator_over(s, ref, ISCSIP_EHOST);
	ini_tmf_tell(s, cookie, ISCSIP_OK, function == ISCSIP_TMF_ABORT_TASK ? ISCSIP_TMF_COMPLETE : ISCSIP_TMF_NO_TASK);
	s->inside--;
}

int iscsip_initiator_tmf(struct iscsip_session *base, uint8_t function, uint64_t lun, struct iscsip_task *ref,
			 void *cookie, iscsip_time now)
{
	struct ini_session *s = ini_of(base);

	if (base->state != ISCSIP_SESSION_LOGGED_IN || s->logging_out || base->params.session_type == ISCSIP_SESSION_DISCOVERY)
		return ISCSIP_ESTATE;
	if (!ini_tmf_allowed(s, function, ref) || (ref && !ini_holds_task(s, ref)))
		return ISCSIP_EINVAL;
	if (s->host_waits || (s->tmf.busy && s->tmf_of_host))
		return ISCSIP_EAGAIN;
	if (ref && ini_priv(ref)->stage != INI_ISSUED) {
		ini_tmf_local(s, function, ref, cookie);
		return ISCSIP_OK;
	}
	s->host_waits = true;
	s->host_function = function;
	s->host_lun = ref ? ref->lun : ini_tmf_of_all(function) ? 0 : lun; /* reserved there (11.5.3) */
	s->host_ref = ref;
	s->host_cookie = cookie;
	s->inside++;
	ini_tmf_next(s, now);
	s->inside--;
	return ISCSIP_OK;
}
