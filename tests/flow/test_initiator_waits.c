/* SPDX-License-Identifier: MIT */
/*
 * Who ends what the initiator waits for: every request has a time that runs from its sending, every place that becomes free
 * is given to who waits for it, and nothing owed is without a deadline.
 */
#include "flow/ini_rig.h"

#define MINUTES 600000u

static struct ini_rig R, R2;

static void plain(struct it_task *k)
{
	it_read(k, NULL, 0);
	k->t.in_vec = NULL;
	k->t.cdb[0] = 0;
}

static uint32_t issue(struct it_task *k)
{
	it_submit(&R, k);
	it_take(&R, ISCSIP_OP_SCSI_COMMAND);
	return R.got.h.itt;
}

static void give_response(struct ini_rig *r, uint32_t itt)
{
	struct iscsip_pdu p = it_pdu_response(itt, 0);

	it_give(r, &p, NULL, 0);
}

static iscsip_time deadline(void)
{
	iscsip_time a = iscsip_session_deadline(R.s), b = iscsip_conn_deadline(R.c);

	return a < b ? a : b;
}

/* One moment of a host that looks at its deadlines alone; `sends`: and whose transport takes what there is. */
static void moment(bool sends)
{
	if (R.now >= iscsip_session_deadline(R.s))
		(void)iscsip_session_tick(R.s, R.now);
	if (R.now >= iscsip_conn_deadline(R.c))
		(void)iscsip_conn_tick(R.c, R.now);
	if (sends)
		it_drain(&R);
}

/* Time passes up to the end of the connection, deadline by deadline. How long it took. */
static iscsip_time time_to_the_end(bool sends)
{
	iscsip_time from = R.now;
	int i;

	moment(sends);
	for (i = 0; i < 100 && iscsip_conn_error(R.c)->code == ISCSIP_OK; i++) {
		if (deadline() == ISCSIP_TIME_NEVER)
			fail_msg("nothing is due any more after %u ms", (unsigned)(R.now - from));
		R.now = R.now < deadline() ? deadline() : R.now + 1;
		moment(sends);
	}
	assert_int_equal(iscsip_conn_error(R.c)->code, ISCSIP_ETIMEDOUT);
	return R.now - from;
}

static void begin(void)
{
	it_init(&R);
	R.cfg.nop_timeout_ms = 1000;
	R.cfg.request_timeout_ms = 7000;
	R.cfg.logout_timeout_ms = 3000;
	it_open(&R);
	it_login(&R);
}

/* --- task management --- */

static const uint8_t FUNCTIONS[] = { ISCSIP_TMF_ABORT_TASK_SET, ISCSIP_TMF_CLEAR_ACA, ISCSIP_TMF_CLEAR_TASK_SET,
				     ISCSIP_TMF_LOGICAL_UNIT_RESET, ISCSIP_TMF_TARGET_WARM_RESET, ISCSIP_TMF_TARGET_COLD_RESET };

static void a_request_of_the_host_has_its_time(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof FUNCTIONS; i++) {
		begin();
		assert_int_equal(iscsip_initiator_tmf(R.s, FUNCTIONS[i], 0, NULL, &R, R.now), ISCSIP_OK);
		it_take(&R, ISCSIP_OP_TASK_REQUEST);
		assert_int_equal(time_to_the_end(true), R.cfg.request_timeout_ms);
		assert_int_equal(deadline(), R.now + R.cfg.logout_timeout_ms); /* nothing is due but the closing */
		it_close(&R);
		assert_int_equal(R.tmfs, 1);
		assert_int_equal(R.tmf_err, ISCSIP_ETIMEDOUT);
		it_end(&R);
	}
}

static void the_hosts_own_abort_has_its_time(void **state)
{
	struct it_task a;

	(void)state;
	begin();
	plain(&a);
	issue(&a);
	assert_int_equal(iscsip_initiator_tmf(R.s, ISCSIP_TMF_ABORT_TASK, 0, &a.t, &R, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_TASK_REQUEST);
	assert_int_equal(time_to_the_end(true), R.cfg.request_timeout_ms);
	it_end(&R);
}

static void a_time_limit_of_a_task_holds_though_a_request_has_no_answer(void **state)
{
	struct it_task a;

	(void)state;
	begin();
	plain(&a);
	a.t.timeout_ms = 100;
	issue(&a);
	assert_int_equal(iscsip_initiator_tmf(R.s, ISCSIP_TMF_CLEAR_ACA, 0, NULL, &R, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_TASK_REQUEST);
	assert_int_equal(time_to_the_end(true), R.cfg.request_timeout_ms);
	it_close(&R);
	assert_int_equal(a.t.result.err, ISCSIP_ETIMEDOUT);
	it_end(&R);
}

static void an_abort_that_waits_behind_a_request_goes_out_when_that_is_answered(void **state)
{
	struct iscsip_pdu p;
	struct it_task a;

	(void)state;
	begin();
	plain(&a);
	issue(&a);
	assert_int_equal(iscsip_initiator_tmf(R.s, ISCSIP_TMF_CLEAR_ACA, 0, NULL, &R, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_TASK_REQUEST);
	p = it_pdu(ISCSIP_OP_TASK_RESPONSE, R.got.h.itt);
	assert_int_equal(iscsip_initiator_abort(R.s, &a.t, R.now), ISCSIP_OK);
	it_quiet(&R);
	R.now += 5000;
	it_give(&R, &p, NULL, 0);
	it_take(&R, ISCSIP_OP_TASK_REQUEST);
	assert_int_equal(time_to_the_end(true), R.cfg.nop_timeout_ms);
	it_end(&R);
}

static void without_a_time_of_its_own_a_request_has_that_of_pings(void **state)
{
	(void)state;
	it_init(&R);
	R.cfg.request_timeout_ms = 0;
	it_open(&R);
	it_login(&R);
	assert_int_equal(iscsip_initiator_tmf(R.s, ISCSIP_TMF_CLEAR_ACA, 0, NULL, &R, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_TASK_REQUEST);
	assert_int_equal(time_to_the_end(true), R.cfg.nop_timeout_ms);
	it_end(&R);
}

/* --- from the sending --- */

static void the_time_of_an_answer_runs_from_the_sending(void **state)
{
	struct it_task a;

	(void)state;
	begin();
	plain(&a);
	issue(&a);
	assert_int_equal(iscsip_initiator_abort(R.s, &a.t, R.now), ISCSIP_OK);
	R.now += 6900; /* the transport takes nothing */
	moment(false);
	assert_int_equal(iscsip_conn_error(R.c)->code, ISCSIP_OK);
	it_take(&R, ISCSIP_OP_TASK_REQUEST);
	assert_int_equal(time_to_the_end(true), R.cfg.nop_timeout_ms);
	it_end(&R);
}

/* The last byte of the request counts, with ISCSIP_CFG_TX_HOLD too, where the unit is released at some other time. */
static void a_request_is_sent_with_its_last_byte(void **state)
{
	struct iscsip_vec vec[16];

	(void)state;
	it_init(&R);
	R.cfg.flags |= ISCSIP_CFG_TX_HOLD;
	R.cfg.nop_timeout_ms = 1000;
	R.cfg.request_timeout_ms = 7000;
	it_open(&R);
	it_login(&R);
	assert_int_equal(iscsip_initiator_tmf(R.s, ISCSIP_TMF_CLEAR_ACA, 0, NULL, &R, R.now), ISCSIP_OK);
	assert_int_equal(iscsip_conn_tx_next(R.c, vec, 16, R.now), 1);
	R.now += 1000;
	assert_int_equal(iscsip_conn_tx_done(R.c, 47, R.now), ISCSIP_OK);
	R.now += 1000;
	assert_int_equal(iscsip_conn_tx_done(R.c, 1, R.now), ISCSIP_OK);
	assert_int_equal(iscsip_session_deadline(R.s), R.now + 7000);
	R.now += 1000;
	assert_int_equal(iscsip_conn_tx_release(R.c, 48), ISCSIP_OK);
	assert_int_equal(iscsip_session_deadline(R.s), R.now + 6000);
	it_end(&R);
}

static void a_transport_that_takes_nothing_is_not_waited_for_without_end(void **state)
{
	struct it_task a;

	(void)state;
	begin();
	plain(&a);
	issue(&a);
	assert_int_equal(iscsip_initiator_abort(R.s, &a.t, R.now), ISCSIP_OK);
	assert_int_equal(time_to_the_end(false), R.cfg.request_timeout_ms);
	it_end(&R);
}

/* --- pings and text --- */

static const char TEXT[] = "X-test.a=1";

static void ask_text(void)
{
	assert_int_equal(iscsip_initiator_text(R.c, TEXT, sizeof TEXT, &R, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_TEXT_REQUEST);
}

static void a_text_request_has_its_time_with_every_answer_anew(void **state)
{
	struct iscsip_pdu p;

	(void)state;
	begin();
	ask_text();
	R.now += 6000;
	p = it_pdu(ISCSIP_OP_TEXT_RESPONSE, R.got.h.itt);
	p.final = false;
	p.text_response.ttt = 5;
	it_give(&R, &p, "X-test.a=1", 11);
	it_take(&R, ISCSIP_OP_TEXT_REQUEST);
	assert_int_equal(time_to_the_end(true), R.cfg.request_timeout_ms);
	it_close(&R);
	assert_int_equal(R.text_err, ISCSIP_ETIMEDOUT);
	it_end(&R);
}

static void a_ping_of_the_host_has_its_time(void **state)
{
	(void)state;
	begin();
	assert_int_equal(iscsip_initiator_ping(R.c, NULL, 0, NULL, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_NOP_OUT);
	assert_int_equal(time_to_the_end(true), R.cfg.request_timeout_ms);
	it_close(&R);
	assert_int_equal(R.ping_err, ISCSIP_ETIMEDOUT);
	it_end(&R);
}

static void a_logout_of_another_connection_has_its_time(void **state)
{
	(void)state;
	begin();
	assert_int_equal(iscsip_initiator_logout(R.c, ISCSIP_LOGOUT_CONNECTION, 77, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_LOGOUT_REQUEST);
	assert_int_equal(time_to_the_end(true), R.cfg.logout_timeout_ms);
	it_end(&R);
}

static void silence(void)
{
	it_init(&R);
	R.cfg.nop_interval_ms = 1000;
	R.cfg.nop_timeout_ms = 500;
	R.cfg.request_timeout_ms = 7000;
	it_open(&R);
	it_login(&R);
}

static void silence_sends_the_ping_that_waits_for_its_turn(void **state)
{
	struct iscsip_pdu p;
	uint32_t itt;

	(void)state;
	silence();
	ask_text();
	assert_int_equal(iscsip_initiator_ping(R.c, NULL, 0, NULL, R.now), ISCSIP_OK);
	it_quiet(&R);
	R.now += 1000;
	moment(true);
	it_take(&R, ISCSIP_OP_NOP_OUT);
	itt = R.got.h.itt;
	R.now += 499;
	moment(true);
	assert_int_equal(iscsip_conn_error(R.c)->code, ISCSIP_OK);
	p = it_pdu(ISCSIP_OP_NOP_IN, itt);
	p.nop_in.ttt = ISCSIP_TAG_NONE;
	it_give(&R, &p, NULL, 0);
	assert_int_equal(R.pings, 1);
	assert_int_equal(iscsip_conn_deadline(R.c), R.now + 1000);
	it_end(&R);
}

static void a_ping_that_was_not_sent_costs_no_connection(void **state)
{
	(void)state;
	silence();
	R.now += 1000;
	moment(false); /* the ping is queued, and the transport takes nothing for a while */
	R.now += 6000;
	moment(false);
	assert_int_equal(iscsip_conn_error(R.c)->code, ISCSIP_OK);
	it_take(&R, ISCSIP_OP_NOP_OUT);
	R.now += 499;
	moment(true);
	assert_int_equal(iscsip_conn_error(R.c)->code, ISCSIP_OK);
	assert_int_equal(time_to_the_end(true), 1);
	it_end(&R);
}

static void a_ping_that_can_not_be_sent_is_not_waited_for_without_end(void **state)
{
	iscsip_time t;

	(void)state;
	silence();
	t = time_to_the_end(false);
	assert_int_equal(t, 1000 + 7000);
	it_end(&R);
}

/* With ISCSIP_CFG_TX_HOLD: the last ping's memory is still read, so there can be no other. */
static void a_ping_that_the_transport_still_holds_is_no_ping_of_now(void **state)
{
	struct iscsip_pdu p;

	(void)state;
	it_init(&R);
	R.cfg.nop_interval_ms = 20000; /* longer than a request may stand */
	R.cfg.nop_timeout_ms = 500;
	R.cfg.request_timeout_ms = 7000;
	R.cfg.flags |= ISCSIP_CFG_TX_HOLD;
	it_open(&R);
	it_login(&R);
	R.keep = true;
	assert_int_equal(iscsip_initiator_ping(R.c, NULL, 0, NULL, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_NOP_OUT);
	p = it_pdu(ISCSIP_OP_NOP_IN, R.got.h.itt);
	p.nop_in.ttt = ISCSIP_TAG_NONE;
	it_give(&R, &p, NULL, 0);
	R.now += 20000;
	moment(true);
	it_quiet(&R);
	R.now += 501;
	moment(true);
	assert_int_equal(iscsip_conn_error(R.c)->code, ISCSIP_OK);
	assert_true(time_to_the_end(true) <= 7000);
	it_end(&R);
}

static void bytes_that_come_are_life_though_the_answer_stands_behind_them(void **state)
{
	static uint8_t in[8000], buf[9000];
	struct it_task a;
	struct iscsip_pdu p;
	size_t n, at;
	uint32_t itt;

	(void)state;
	silence();
	it_read(&a, in, sizeof in);
	itt = issue(&a);
	p = it_pdu_data_in(itt, 0, 0, true);
	p.data_in.has_status = true;
	p.reply.statsn = R.statsn;
	p.reply.expcmdsn = R.expcmdsn;
	p.reply.maxcmdsn = R.expcmdsn + 7;
	n = it_encode(&R, buf, &p, in, sizeof in, 0);
	R.now += 1000;
	moment(true);
	it_take(&R, ISCSIP_OP_NOP_OUT);
	for (at = 0; at < n; at += 100) {
		size_t m = n - at < 100 ? n - at : 100;

		R.now += 499;
		assert_int_equal(it_feed(&R, buf + at, m), m);
		moment(true);
		assert_int_equal(iscsip_conn_error(R.c)->code, ISCSIP_OK);
	}
	assert_true(it_is_done(&R, &a));
	it_end(&R);
}

static void silence_in_the_middle_of_a_pdu_is_silence(void **state)
{
	uint8_t byte = ISCSIP_OP_SCSI_RESPONSE;

	(void)state;
	silence();
	R.now += 1000;
	moment(true);
	it_take(&R, ISCSIP_OP_NOP_OUT);
	R.now += 400;
	assert_int_equal(it_feed(&R, &byte, 1), 1);
	assert_int_equal(time_to_the_end(true), 500);
	it_end(&R);
}

static void a_discovery_session_is_not_asked_and_does_not_spin(void **state)
{
	(void)state;
	it_init(&R);
	R.cfg.nop_interval_ms = 1000;
	R.discovery = true;
	it_open(&R);
	it_login(&R);
	R.now += MINUTES;
	moment(true);
	it_quiet(&R);
	assert_true(deadline() > R.now);
	it_end(&R);
}

/* --- a place that becomes free is given to who waits --- */

static void begin_narrow(void)
{
	it_init(&R);
	R.window = 1;
	it_open(&R);
	it_login(&R);
}

static void a_queued_task_given_back_leaves_the_window_to_the_next(void **state)
{
	struct it_task a, b, c;
	int by_time;

	(void)state;
	for (by_time = 0; by_time < 2; by_time++) {
		begin_narrow();
		plain(&a);
		a.t.timeout_ms = by_time ? 10 : 0;
		plain(&b);
		plain(&c);
		c.t.cdb[1] = 1;
		it_submit(&R, &a);
		it_submit(&R, &b);
		it_submit(&R, &c);
		if (by_time) {
			R.now += 10;
			moment(false);
		} else {
			assert_int_equal(iscsip_initiator_abort(R.s, &a.t, R.now), ISCSIP_OK);
		}
		assert_true(it_is_done(&R, &a));
		it_take(&R, ISCSIP_OP_SCSI_COMMAND);
		give_response(&R, R.got.h.itt);
		assert_true(it_is_done(&R, &b));
		it_take(&R, ISCSIP_OP_SCSI_COMMAND);
		assert_int_equal(R.got.h.scsi_command.cdb[1], 1);
		it_end(&R);
	}
}

/* It took no place in the window, so it leaves none. */
static void an_immediate_task_given_back_leaves_the_window_as_it_is(void **state)
{
	struct it_task a, b, c;

	(void)state;
	begin_narrow();
	plain(&a);
	a.t.immediate = true;
	plain(&b);
	plain(&c);
	it_submit(&R, &a);
	assert_int_equal(iscsip_initiator_abort(R.s, &a.t, R.now), ISCSIP_OK);
	it_submit(&R, &b);
	it_submit(&R, &c);
	it_take(&R, ISCSIP_OP_SCSI_COMMAND);
	it_quiet(&R);
	it_end(&R);
}

static void begin_two(uint32_t window)
{
	it_init(&R);
	R.window = window;
	R.cfg.limits.max_conns = 2;
	R.offer.max_connections = R.target_offer.max_connections = 2;
	it_open(&R);
	it_login(&R);
	it_join(&R2, &R);
}

static void end_two(void)
{
	it_end(&R2);
	it_end(&R);
}

static void a_lost_connection_leaves_its_place_in_the_window_to_the_next(void **state)
{
	struct it_task a, b;

	(void)state;
	begin_two(1);
	plain(&a);
	plain(&b);
	it_submit(&R, &a); /* in the first connection's queue */
	it_submit(&R, &b); /* waits for the window */
	it_close(&R);
	assert_true(it_is_done(&R, &a));
	it_take(&R2, ISCSIP_OP_SCSI_COMMAND);
	end_two();
}

/* An immediate task needs no window: only a connection. */
static void a_new_connection_takes_the_immediate_task_before_those_that_wait_for_the_window(void **state)
{
	struct it_task a, b, c;

	(void)state;
	begin_two(1);
	it_close(&R2);
	plain(&a);
	plain(&b);
	plain(&c);
	c.t.immediate = true;
	issue(&a);
	it_submit(&R, &b);
	assert_int_equal(iscsip_initiator_logout(R.c, ISCSIP_LOGOUT_CONNECTION, 1, R.now), ISCSIP_OK);
	it_submit(&R, &c);
	it_end(&R2);
	it_join(&R2, &R);
	it_take(&R2, ISCSIP_OP_SCSI_COMMAND);
	assert_true(R2.got.h.immediate);
	end_two();
}

static void an_abort_on_a_connection_that_logs_out_holds_up_no_other(void **state)
{
	struct it_task a, b;

	(void)state;
	begin_two(8);
	plain(&a);
	plain(&b);
	it_submit(&R, &a);
	it_take(&R, ISCSIP_OP_SCSI_COMMAND);
	it_submit(&R, &b);
	it_take(&R2, ISCSIP_OP_SCSI_COMMAND);
	assert_int_equal(iscsip_initiator_logout(R.c, ISCSIP_LOGOUT_CONNECTION, 1, R.now), ISCSIP_OK);
	assert_int_equal(iscsip_initiator_abort(R.s, &a.t, R.now), ISCSIP_OK);
	assert_int_equal(iscsip_initiator_abort(R.s, &b.t, R.now), ISCSIP_OK);
	it_take(&R2, ISCSIP_OP_TASK_REQUEST);
	end_two();
}

/* --- input that is held --- */

static void fast_abort(void)
{
	it_init(&R);
	R.offer.task_reporting.count = 3;
	R.offer.task_reporting.item[0] = ISCSIP_TASK_REPORTING_FAST_ABORT;
	R.offer.task_reporting.item[1] = ISCSIP_TASK_REPORTING_RESPONSE_FENCE;
	R.offer.task_reporting.item[2] = ISCSIP_TASK_REPORTING_RFC3720;
}

static void terminate(struct ini_rig *r, uint64_t lun)
{
	struct iscsip_pdu p = it_pdu(ISCSIP_OP_ASYNC, ISCSIP_TAG_NONE);

	p.async.event = ISCSIP_ASYNC_TASK_TERMINATION;
	p.lun = lun;
	it_give(r, &p, NULL, 0);
}

static void events_after_a_logout_request_do_not_hold_its_answer(void **state)
{
	struct iscsip_pdu p;
	uint64_t i;

	(void)state;
	fast_abort();
	it_open(&R);
	it_login(&R);
	assert_int_equal(iscsip_initiator_logout(R.c, ISCSIP_LOGOUT_SESSION, 0, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_LOGOUT_REQUEST);
	for (i = 0; i < 20; i++)
		terminate(&R, i << 48);
	it_quiet(&R);
	p = it_pdu(ISCSIP_OP_LOGOUT_RESPONSE, R.got.h.itt);
	it_give(&R, &p, NULL, 0);
	assert_int_equal(R.logouts, 1);
	assert_true(iscsip_conn_want(R.c) & ISCSIP_WANT_CLOSE);
	it_end(&R);
}

/* The request of one connection ends what the others have to say, and what was held because of that. */
static void a_logout_lets_the_input_of_every_connection_go_on(void **state)
{
	struct iscsip_pdu p;
	int i, wakes;

	(void)state;
	begin_two(8);
	for (i = 0; i < 8; i++) {
		p = it_pdu(ISCSIP_OP_NOP_IN, ISCSIP_TAG_NONE);
		p.nop_in.ttt = (uint32_t)i;
		it_give(&R2, &p, NULL, 0);
	}
	assert_false(iscsip_conn_want(R2.c) & ISCSIP_WANT_RX);
	assert_int_equal(iscsip_initiator_logout(R.c, ISCSIP_LOGOUT_SESSION, 0, R.now), ISCSIP_OK);
	wakes = R.wakes;
	it_take(&R, ISCSIP_OP_LOGOUT_REQUEST);
	assert_true(iscsip_conn_want(R2.c) & ISCSIP_WANT_RX);
	assert_true(R.wakes > wakes); /* nobody looks at the second connection by itself */
	end_two();
}

/* --- every state in which something is owed ends by itself --- */

static void owe_login(void)
{
	it_init(&R);
	it_open(&R);
}

static void owe_request(void)
{
	begin();
	assert_int_equal(iscsip_initiator_tmf(R.s, ISCSIP_TMF_CLEAR_ACA, 0, NULL, &R, R.now), ISCSIP_OK);
}

static struct it_task owed;

static void owe_abort(void)
{
	begin();
	plain(&owed);
	issue(&owed);
	assert_int_equal(iscsip_initiator_abort(R.s, &owed.t, R.now), ISCSIP_OK);
}

static void owe_abort_behind_request(void)
{
	begin();
	plain(&owed);
	issue(&owed);
	assert_int_equal(iscsip_initiator_tmf(R.s, ISCSIP_TMF_ABORT_TASK_SET, 0, NULL, &R, R.now), ISCSIP_OK);
	assert_int_equal(iscsip_initiator_abort(R.s, &owed.t, R.now), ISCSIP_OK);
}

static void owe_request_behind_abort(void)
{
	owe_abort();
	assert_int_equal(iscsip_initiator_tmf(R.s, ISCSIP_TMF_CLEAR_ACA, 0, NULL, &R, R.now), ISCSIP_OK);
}

static void owe_task_with_a_limit(void)
{
	begin();
	plain(&owed);
	owed.t.timeout_ms = 500;
	issue(&owed);
}

static void owe_ping(void)
{
	begin();
	assert_int_equal(iscsip_initiator_ping(R.c, NULL, 0, NULL, R.now), ISCSIP_OK);
}

static void owe_text(void)
{
	begin();
	assert_int_equal(iscsip_initiator_text(R.c, TEXT, sizeof TEXT, &R, R.now), ISCSIP_OK);
}

static void owe_ping_behind_text(void)
{
	owe_text();
	assert_int_equal(iscsip_initiator_ping(R.c, NULL, 0, NULL, R.now), ISCSIP_OK);
}

static void owe_text_behind_ping(void)
{
	owe_ping();
	assert_int_equal(iscsip_initiator_text(R.c, TEXT, sizeof TEXT, &R, R.now), ISCSIP_OK);
}

static void owe_rest_of_text(void)
{
	struct iscsip_pdu p;

	begin();
	ask_text();
	p = it_pdu(ISCSIP_OP_TEXT_RESPONSE, R.got.h.itt);
	p.final = false;
	p.text_response.ttt = 5;
	it_give(&R, &p, TEXT, sizeof TEXT);
}

static void owe_negotiation(void)
{
	struct iscsip_pdu p = it_pdu(ISCSIP_OP_ASYNC, ISCSIP_TAG_NONE);

	begin();
	p.async.event = ISCSIP_ASYNC_NEGOTIATE;
	p.async.param3 = 5;
	it_give(&R, &p, NULL, 0);
}

static void owe_logout(void)
{
	begin();
	assert_int_equal(iscsip_initiator_logout(R.c, ISCSIP_LOGOUT_SESSION, 0, R.now), ISCSIP_OK);
}

static void owe_logout_of_another(void)
{
	begin();
	assert_int_equal(iscsip_initiator_logout(R.c, ISCSIP_LOGOUT_CONNECTION, 77, R.now), ISCSIP_OK);
}

static void owe_abort_in_logout(void)
{
	owe_abort();
	assert_int_equal(iscsip_initiator_logout(R.c, ISCSIP_LOGOUT_SESSION, 0, R.now), ISCSIP_OK);
}

static void owe_life(void)
{
	silence();
}

static void owe_life_while_held(void)
{
	struct iscsip_pdu p = it_pdu(ISCSIP_OP_NOP_IN, ISCSIP_TAG_NONE);
	int i;

	silence();
	for (i = 0; i < 8; i++) {
		p.nop_in.ttt = (uint32_t)i;
		it_give(&R, &p, NULL, 0);
	}
}

/* The target is silent, and the transport takes everything, or nothing. */
static void whatever_is_owed_has_an_end(void **state)
{
	static void (*const owe[])(void) = {
		owe_login, owe_request, owe_abort, owe_abort_behind_request, owe_request_behind_abort, owe_task_with_a_limit,
		owe_ping, owe_text, owe_ping_behind_text, owe_text_behind_ping, owe_rest_of_text, owe_negotiation, owe_logout,
		owe_logout_of_another, owe_abort_in_logout, owe_life, owe_life_while_held,
	};
	unsigned i;
	int sends;

	(void)state;
	for (i = 0; i < sizeof owe / sizeof owe[0]; i++)
		for (sends = 0; sends < 2; sends++) {
			memset(&owed, 0, sizeof owed);
			owe[i]();
			assert_true(time_to_the_end(sends) <= 15000);
			assert_true(iscsip_conn_want(R.c) & ISCSIP_WANT_CLOSE);
			assert_true(deadline() > R.now); /* nothing is due any more but the closing */
			it_end(&R);
		}
}

/* --- wake-ups --- */

static int door;

/* Passes one door that moves nothing. */
static void pass_door(struct ini_rig *r)
{
	struct iscsip_vec vec[16];
	uint8_t byte = 0;

	switch (door) {
	case 0:
		assert_true(iscsip_conn_rx_next(r->c, NULL, vec, 16) > 0);
		break;
	case 1:
		assert_int_equal(iscsip_conn_rx_done(r->c, 0, r->now), 0);
		break;
	case 2:
		assert_int_equal(iscsip_conn_rx_push(r->c, &byte, 0, r->now), 0);
		break;
	case 3:
		assert_int_equal(iscsip_conn_tx_next(r->c, vec, 16, r->now), 0);
		break;
	case 4:
		assert_int_equal(iscsip_conn_tx_done(r->c, 0, r->now), ISCSIP_OK);
		break;
	case 5:
		assert_int_equal(iscsip_conn_tx_pull(r->c, &byte, 1, r->now), 0);
		break;
	default:
		assert_int_equal(iscsip_conn_tick(r->c, r->now), ISCSIP_OK);
		break;
	}
}

#define DOORS 7

/* Something was queued that says nothing in the end: a ping that waits for its turn, an abort that the response has overtaken. */
static void a_wake_comes_again_after_any_door(void **state)
{
	struct it_task a, b;
	uint32_t itt;
	int before;

	(void)state;
	for (door = 0; door < DOORS; door++) {
		begin();
		R.doors = IT_PLACE;
		plain(&a);
		plain(&b);
		itt = issue(&a);
		ask_text();
		before = R.wakes;
		assert_int_equal(iscsip_initiator_abort(R.s, &a.t, R.now), ISCSIP_OK);
		assert_int_equal(R.wakes, ++before);
		give_response(&R, itt);
		assert_true(it_is_done(&R, &a));
		assert_int_equal(iscsip_initiator_ping(R.c, NULL, 0, NULL, R.now), ISCSIP_OK);
		assert_int_equal(R.wakes, ++before);
		it_quiet(&R);
		pass_door(&R);
		it_submit(&R, &b);
		assert_true(iscsip_conn_want(R.c) & ISCSIP_WANT_TX);
		assert_int_equal(R.wakes, ++before);
		it_end(&R);
	}
}

static void a_wake_is_told_once_until_a_door_is_passed(void **state)
{
	struct it_task a, b;
	int before;

	(void)state;
	begin();
	plain(&a);
	plain(&b);
	before = R.wakes;
	it_submit(&R, &a);
	it_submit(&R, &b);
	assert_int_equal(R.wakes, before + 1);
	it_end(&R);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_of_the_host_has_its_time),
		cmocka_unit_test(the_hosts_own_abort_has_its_time),
		cmocka_unit_test(a_time_limit_of_a_task_holds_though_a_request_has_no_answer),
		cmocka_unit_test(an_abort_that_waits_behind_a_request_goes_out_when_that_is_answered),
		cmocka_unit_test(without_a_time_of_its_own_a_request_has_that_of_pings),
		cmocka_unit_test(the_time_of_an_answer_runs_from_the_sending),
		cmocka_unit_test(a_request_is_sent_with_its_last_byte),
		cmocka_unit_test(a_transport_that_takes_nothing_is_not_waited_for_without_end),
		cmocka_unit_test(a_text_request_has_its_time_with_every_answer_anew),
		cmocka_unit_test(a_ping_of_the_host_has_its_time),
		cmocka_unit_test(a_logout_of_another_connection_has_its_time),
		cmocka_unit_test(silence_sends_the_ping_that_waits_for_its_turn),
		cmocka_unit_test(a_ping_that_was_not_sent_costs_no_connection),
		cmocka_unit_test(a_ping_that_can_not_be_sent_is_not_waited_for_without_end),
		cmocka_unit_test(a_ping_that_the_transport_still_holds_is_no_ping_of_now),
		cmocka_unit_test(bytes_that_come_are_life_though_the_answer_stands_behind_them),
		cmocka_unit_test(silence_in_the_middle_of_a_pdu_is_silence),
		cmocka_unit_test(a_discovery_session_is_not_asked_and_does_not_spin),
		cmocka_unit_test(a_queued_task_given_back_leaves_the_window_to_the_next),
		cmocka_unit_test(an_immediate_task_given_back_leaves_the_window_as_it_is),
		cmocka_unit_test(a_lost_connection_leaves_its_place_in_the_window_to_the_next),
		cmocka_unit_test(a_new_connection_takes_the_immediate_task_before_those_that_wait_for_the_window),
		cmocka_unit_test(an_abort_on_a_connection_that_logs_out_holds_up_no_other),
		cmocka_unit_test(events_after_a_logout_request_do_not_hold_its_answer),
		cmocka_unit_test(a_logout_lets_the_input_of_every_connection_go_on),
		cmocka_unit_test(whatever_is_owed_has_an_end),
		cmocka_unit_test(a_wake_comes_again_after_any_door),
		cmocka_unit_test(a_wake_is_told_once_until_a_door_is_passed),
	};

	return cmocka_run_group_tests_name("initiator waits", tests, NULL, NULL);
}
