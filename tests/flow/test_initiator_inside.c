/* SPDX-License-Identifier: MIT */
/*
 * The library's calls from inside its own callbacks: doors stay shut, memory is not given back before the last callback has
 * returned, and what may be asked for is done.
 */
#include "flow/ini_rig.h"

#include <stdlib.h>

static struct ini_rig R;
static struct it_task A, B, C;
static int seen;

static void plain(struct it_task *k)
{
	it_read(k, NULL, 0);
	k->t.in_vec = NULL;
	k->t.cdb[0] = 0;
}

/* --- what every callback refuses --- */

static void doors_are_shut(struct ini_rig *r)
{
	struct iscsip_vec vec[8];
	uint8_t byte = 0;
	int state = iscsip_conn_state(r->c);

	seen++;
	assert_int_equal(iscsip_initiator_session_fini(r->s), ISCSIP_EBUSY);
	iscsip_conn_closed(r->c, r->now);
	assert_int_equal(iscsip_conn_state(r->c), state);
	if (state == ISCSIP_CONN_CLOSED)
		return;
	assert_int_equal(iscsip_conn_rx_next(r->c, NULL, vec, 8), ISCSIP_ESTATE);
	assert_int_equal(iscsip_conn_rx_done(r->c, 0, r->now), ISCSIP_ESTATE);
	assert_int_equal(iscsip_conn_rx_push(r->c, &byte, 1, r->now), ISCSIP_ESTATE);
	assert_int_equal(iscsip_conn_tx_next(r->c, vec, 8, r->now), ISCSIP_ESTATE);
	assert_int_equal(iscsip_conn_tx_done(r->c, 0, r->now), ISCSIP_ESTATE);
	assert_int_equal(iscsip_conn_tx_release(r->c, 0), ISCSIP_ESTATE);
	assert_int_equal(iscsip_conn_tx_pull(r->c, &byte, 1, r->now), ISCSIP_ESTATE);
	assert_int_equal(iscsip_conn_tick(r->c, r->now), ISCSIP_ESTATE);
	if (iscsip_conn_session(r->c))
		assert_int_equal(iscsip_session_tick(r->s, r->now), ISCSIP_ESTATE);
}

/* --- what every callback may ask for --- */

static void ask_for_everything(struct ini_rig *r)
{
	static const char text[] = "X-test.a=1";

	seen++;
	if (!it_is_done(r, &C))
		(void)iscsip_initiator_abort(r->s, &C.t, r->now);
	if (seen == 1) {
		plain(&C);
		(void)iscsip_initiator_submit(r->s, &C.t, r->now);
	}
	(void)iscsip_initiator_tmf(r->s, ISCSIP_TMF_CLEAR_ACA, 0, NULL, r, r->now);
	(void)iscsip_initiator_ping(r->c, NULL, 0, NULL, r->now);
	(void)iscsip_initiator_text(r->c, text, sizeof text, r, r->now);
}

/* A session in which every callback comes, `inside` in each. Returns how many there were. */
static int every_callback(void (*inside)(struct ini_rig *r))
{
	static const char text[] = "X-test.a=1";
	struct iscsip_pdu p;

	seen = 0;
	memset(&C, 0, sizeof C);
	it_init(&R);
	R.inside = inside;
	it_open(&R);
	it_login(&R);
	plain(&A);
	it_submit(&R, &A);
	plain(&B);
	it_submit(&R, &B);
	it_drain(&R);
	R.out_len = 0;
	assert_true(iscsip_initiator_ping(R.c, NULL, 0, NULL, R.now) <= 0);
	assert_true(iscsip_initiator_text(R.c, text, sizeof text, &R, R.now) <= 0);
	assert_true(iscsip_initiator_tmf(R.s, ISCSIP_TMF_LOGICAL_UNIT_RESET, 0, NULL, &R, R.now) <= 0);
	p = it_pdu(ISCSIP_OP_ASYNC, ISCSIP_TAG_NONE);
	p.async.event = ISCSIP_ASYNC_LOGOUT;
	it_give(&R, &p, NULL, 0);
	it_drain(&R);
	assert_int_equal(iscsip_initiator_logout(R.c, ISCSIP_LOGOUT_SESSION, 0, R.now), ISCSIP_OK);
	it_drain(&R);
	it_close(&R);
	R.inside = NULL;
	assert_true(it_is_done(&R, &A) && it_is_done(&R, &B));
	it_end(&R);
	return seen;
}

static void doors_are_shut_inside_every_callback(void **state)
{
	(void)state;
	/* state and login, the message, logout, task management, ping, text, two tasks, state */
	assert_int_equal(every_callback(doors_are_shut), 10);
}

static void every_callback_may_ask_for_everything(void **state)
{
	(void)state;
	assert_true(every_callback(ask_for_everything) >= 10);
}

/* --- the session's own calls --- */

static void close_and_take_back(struct ini_rig *r, struct iscsip_task *t)
{
	(void)t;
	r->on_task = NULL;
	it_close(r);
	assert_int_equal(iscsip_initiator_session_fini(r->s), ISCSIP_EBUSY);
	assert_int_equal(iscsip_session_tick(r->s, r->now), ISCSIP_ESTATE);
}

/* 0: abort, 1: task management of a task that was not sent, 2: the time limit. */
static void a_call_of_the_session_keeps_its_memory(void **state)
{
	int how;

	(void)state;
	for (how = 0; how < 3; how++) {
		it_begin(&R);
		plain(&A);
		A.t.timeout_ms = 10;
		plain(&B);
		B.t.timeout_ms = 10;
		it_submit(&R, &A);
		it_submit(&R, &B);
		R.on_task = close_and_take_back;
		R.now += 10;
		if (how == 0)
			assert_int_equal(iscsip_initiator_abort(R.s, &A.t, R.now), ISCSIP_OK);
		else if (how == 1)
			assert_int_equal(iscsip_initiator_tmf(R.s, ISCSIP_TMF_ABORT_TASK, 0, &A.t, &R, R.now), ISCSIP_OK);
		else
			assert_int_equal(iscsip_session_tick(R.s, R.now), ISCSIP_OK);
		assert_true(it_is_done(&R, &A) && it_is_done(&R, &B));
		it_end(&R);
	}
}

static void nested_tick(struct ini_rig *r)
{
	assert_int_equal(iscsip_session_tick(r->s, r->now), ISCSIP_ESTATE);
}

static void a_tick_inside_a_tick_is_refused(void **state)
{
	(void)state;
	it_begin(&R);
	plain(&A);
	A.t.timeout_ms = 10;
	it_submit(&R, &A);
	R.now += 10;
	R.inside = nested_tick;
	assert_int_equal(iscsip_session_tick(R.s, R.now), ISCSIP_OK);
	assert_true(it_is_done(&R, &A));
	R.inside = NULL;
	it_end(&R);
}

/* --- the end --- */

static void a_session_whose_login_failed_is_kept_until_its_connection_is_closed(void **state)
{
	(void)state;
	it_init(&R);
	R.inside = doors_are_shut;
	it_open(&R);
	R.now += R.cfg.login_timeout_ms;
	(void)iscsip_conn_tick(R.c, R.now);
	assert_int_equal(iscsip_initiator_session_fini(R.s), ISCSIP_EBUSY);
	it_close(&R);
	assert_int_equal(R.logins, 1);
	R.inside = NULL;
	assert_int_equal(iscsip_initiator_session_fini(R.s), ISCSIP_OK);
	it_end(&R);
}

static void *other_conn, *other_login;
static int anew;

static void begin_anew(struct ini_rig *r)
{
	size_t len = iscsip_initiator_conn_size(&r->cfg), login_len = iscsip_login_size(&r->cfg);
	struct iscsip_conn *c;

	anew = iscsip_initiator_conn_init(&c, other_conn, len, other_login, login_len, r->s, 1, r, r->now);
	if (anew == ISCSIP_OK)
		r->c = c;
}

static void begin_anew_from_a_task(struct ini_rig *r, struct iscsip_task *t)
{
	(void)t;
	begin_anew(r);
	assert_int_equal(anew, ISCSIP_ESTATE);
}

static void begin_anew_from_the_end(struct ini_rig *r)
{
	if (r->state == ISCSIP_SESSION_FAILED && anew != ISCSIP_OK)
		begin_anew(r);
}

/* What came of a task's data is told by the parameters that it came under. */
static void a_session_begins_anew_when_all_of_it_was_given_back(void **state)
{
	static uint8_t in[4096];
	struct iscsip_pdu p;
	void *old;

	(void)state;
	it_init(&R);
	R.offer.data_pdu_in_order = R.target_offer.data_pdu_in_order = false;
	it_open(&R);
	it_login(&R);
	other_conn = malloc(iscsip_initiator_conn_size(&R.cfg));
	other_login = malloc(iscsip_login_size(&R.cfg));
	anew = ISCSIP_ESTATE;
	plain(&A);
	it_submit(&R, &A);
	it_take(&R, ISCSIP_OP_SCSI_COMMAND);
	it_read(&B, in, sizeof in);
	it_submit(&R, &B);
	it_take(&R, ISCSIP_OP_SCSI_COMMAND);
	p = it_pdu_data_in(R.got.h.itt, 0, 1024, false);
	it_give(&R, &p, in, 512);
	R.on_task = begin_anew_from_a_task;
	R.inside = begin_anew_from_the_end;
	old = R.c;
	iscsip_conn_closed(R.c, R.now);
	assert_ptr_not_equal(R.c, old);
	assert_int_equal(anew, ISCSIP_OK);
	assert_int_equal(B.t.result.in_len, 0); /* nothing before the gap */
	R.on_task = NULL;
	R.inside = NULL;
	it_end(&R);
	free(other_conn);
	free(other_login);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(doors_are_shut_inside_every_callback),
		cmocka_unit_test(every_callback_may_ask_for_everything),
		cmocka_unit_test(a_call_of_the_session_keeps_its_memory),
		cmocka_unit_test(a_tick_inside_a_tick_is_refused),
		cmocka_unit_test(a_session_whose_login_failed_is_kept_until_its_connection_is_closed),
		cmocka_unit_test(a_session_begins_anew_when_all_of_it_was_given_back),
	};

	return cmocka_run_group_tests_name("initiator inside", tests, NULL, NULL);
}
