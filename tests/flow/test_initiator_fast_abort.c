/* SPDX-License-Identifier: MIT */
/*
 * FastAbort at the initiator (RFC 7143 4.2.3.4): no data for an affected task goes out once the request did, wherever it may
 * come from; and what the events and the logout of one connection mean to the other.
 */
#include "flow/ini_rig.h"

#define LEN 8192u
#define LUN_1 (1ull << 48)

static struct ini_rig R, R2;
static struct it_task K, L;
static uint8_t out[LEN];

static void configure(bool unsolicited)
{
	it_init(&R);
	R.offer.task_reporting.count = 3;
	R.offer.task_reporting.item[0] = ISCSIP_TASK_REPORTING_FAST_ABORT;
	R.offer.task_reporting.item[1] = ISCSIP_TASK_REPORTING_RESPONSE_FENCE;
	R.offer.task_reporting.item[2] = ISCSIP_TASK_REPORTING_RFC3720;
	R.offer.immediate_data = R.target_offer.immediate_data = false;
	R.offer.initial_r2t = R.target_offer.initial_r2t = !unsolicited;
	R.offer.first_burst_length = 4096;
	R.target_offer.max_recv_data_segment_length = 1024;
	R.offer.max_outstanding_r2t = R.target_offer.max_outstanding_r2t = 2;
	R.cfg.limits.max_tx_pdus = 2; /* little is made before the request is asked for */
}

static void begin(bool unsolicited)
{
	configure(unsolicited);
	it_open(&R);
	it_login(&R);
	assert_int_equal(iscsip_session_params(R.s)->task_reporting, ISCSIP_TASK_REPORTING_FAST_ABORT);
	it_write(&K, out, LEN);
	it_write(&L, out, LEN);
}

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

/* The tag of the request. */
static uint32_t request(uint8_t function, uint64_t lun)
{
	assert_int_equal(iscsip_initiator_tmf(R.s, function, lun, NULL, &R, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_TASK_REQUEST);
	return R.got.h.itt;
}

static void answer(uint32_t itt, uint8_t response)
{
	struct iscsip_pdu p = it_pdu(ISCSIP_OP_TASK_RESPONSE, itt);

	p.task_response.response = response;
	it_give(&R, &p, NULL, 0);
}

static void ask(uint32_t itt, uint64_t lun, uint32_t r2tsn, uint32_t off, uint32_t len)
{
	struct iscsip_pdu p = it_pdu_r2t(itt, 70 + r2tsn, r2tsn, off, len);

	p.lun = lun;
	it_give(&R, &p, NULL, 0);
	assert_int_equal(iscsip_conn_error(R.c)->code, ISCSIP_OK);
}

static void sends(uint32_t off, uint32_t len)
{
	it_take(&R, ISCSIP_OP_DATA_OUT);
	assert_int_equal(R.got.h.data_out.buffer_offset, off);
	assert_int_equal(R.got.h.data_len, len);
}

static const uint8_t OF_MANY[] = { ISCSIP_TMF_ABORT_TASK_SET, ISCSIP_TMF_CLEAR_TASK_SET, ISCSIP_TMF_LOGICAL_UNIT_RESET,
				   ISCSIP_TMF_TARGET_WARM_RESET, ISCSIP_TMF_TARGET_COLD_RESET };

static void an_r2t_that_crosses_the_request_is_not_answered(void **state)
{
	uint32_t itt, tmf;
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof OF_MANY; i++) {
		begin(false);
		itt = issue(&K);
		ask(itt, 0, 0, 0, 1024); /* heard, and not answered yet */
		tmf = request(OF_MANY[i], 0);
		it_quiet(&R);
		ask(itt, 0, 1, 1024, 1024);
		it_quiet(&R);
		answer(tmf, ISCSIP_TMF_COMPLETE);
		assert_true(it_is_done(&R, &K));
		assert_int_equal(K.t.result.err, ISCSIP_EHOST);
		assert_int_equal(K.t.result.out_len, 0);
		it_quiet(&R);
		it_end(&R);
	}
}

/* The command is out, and the first piece of its data made, when the request is asked for. How much data went before it. */
static uint32_t interrupt(uint32_t *itt, uint32_t *tmf)
{
	uint32_t off = 0;

	it_submit(&R, &K);
	assert_int_equal(iscsip_conn_tx_pull(R.c, R.out, 48, R.now), 48);
	R.out_len = 48;
	assert_int_equal(iscsip_initiator_tmf(R.s, ISCSIP_TMF_LOGICAL_UNIT_RESET, 0, NULL, &R, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_SCSI_COMMAND);
	*itt = R.got.h.itt;
	for (; (R.out[0] & 0x3f) == ISCSIP_OP_DATA_OUT; off += 1024)
		sends(off, 1024);
	assert_true(off < 4096);
	it_take(&R, ISCSIP_OP_TASK_REQUEST);
	*tmf = R.got.h.itt;
	it_quiet(&R);
	return off;
}

static void unsolicited_data_stops_with_the_request(void **state)
{
	uint32_t itt, tmf;

	(void)state;
	begin(true);
	interrupt(&itt, &tmf);
	ask(itt, 0, 0, 4096, 1024);
	it_quiet(&R);
	answer(tmf, ISCSIP_TMF_COMPLETE);
	assert_true(it_is_done(&R, &K));
	it_quiet(&R);
	it_end(&R);
}

/* A target that refuses waits for the data of commands that it goes on with. */
static void after_a_refusal_the_data_goes_on(void **state)
{
	uint32_t a, b, tmf;

	(void)state;
	begin(false);
	a = issue(&K);
	b = issue(&L);
	ask(a, 0, 0, 0, 512);
	tmf = request(ISCSIP_TMF_LOGICAL_UNIT_RESET, 0);
	ask(b, 0, 0, 0, 256);
	ask(a, 0, 1, 512, 512);
	it_quiet(&R);
	answer(tmf, ISCSIP_TMF_NOT_SUPPORTED);
	assert_int_equal(R.tmf_response, ISCSIP_TMF_NOT_SUPPORTED);
	assert_false(it_is_done(&R, &K) || it_is_done(&R, &L));
	it_drain(&R);
	assert_int_equal(R.out_len, 3 * 48 + 2 * 512 + 256);
	it_end(&R);
}

static void after_a_refusal_unsolicited_data_goes_on_in_the_order_of_the_commands(void **state)
{
	uint32_t a, b, tmf, off;

	(void)state;
	begin(true);
	off = interrupt(&a, &tmf);
	it_submit(&R, &L); /* not affected: it comes after the request; its data waits in the ring and in the line */
	assert_int_equal(iscsip_conn_tx_pull(R.c, R.out, 48, R.now), 48);
	R.out_len = 48;
	answer(tmf, ISCSIP_TMF_NOT_SUPPORTED);
	R.statsn--; /* what was made before the answer does not know of it */
	it_take(&R, ISCSIP_OP_SCSI_COMMAND);
	b = R.got.h.itt;
	sends(0, 1024);
	assert_int_equal(R.got.h.itt, b);
	R.statsn++;
	for (; off < 4096; off += 1024) {
		sends(off, 1024);
		assert_int_equal(R.got.h.itt, a);
	}
	assert_true(R.got.h.final);
	sends(1024, 1024);
	assert_int_equal(R.got.h.itt, b);
	it_end(&R);
}

static void tasks_that_are_not_affected_go_on(void **state)
{
	uint32_t a, b;

	(void)state;
	begin(false);
	K.t.lun = LUN_1;
	a = issue(&K);
	(void)request(ISCSIP_TMF_ABORT_TASK_SET, 0);
	b = issue(&L);
	ask(a, LUN_1, 0, 0, 512);
	sends(0, 512);
	ask(b, 0, 0, 0, 512);
	sends(0, 512);
	it_end(&R);
}

/* 4.2.3.4 is of functions that abort many: for one task data goes on as before (11.5.1). */
static void an_abort_of_one_task_stops_no_data(void **state)
{
	uint32_t itt;

	(void)state;
	begin(false);
	itt = issue(&K);
	assert_int_equal(iscsip_initiator_abort(R.s, &K.t, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_TASK_REQUEST);
	ask(itt, 0, 0, 0, 512);
	sends(0, 512);
	it_end(&R);
}

static void after_a_logout_request_no_r2t_is_answered(void **state)
{
	uint32_t itt;

	(void)state;
	begin(false);
	itt = issue(&K);
	assert_int_equal(iscsip_initiator_logout(R.c, ISCSIP_LOGOUT_SESSION, 0, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_LOGOUT_REQUEST);
	ask(itt, 0, 0, 0, 512);
	it_quiet(&R);
	it_end(&R);
}

/* --- one of two connections --- */

/* A task on each of two connections. */
static void begin_two(void)
{
	configure(false);
	R.cfg.limits.max_conns = 2;
	R.offer.max_connections = R.target_offer.max_connections = 2;
	it_open(&R);
	it_login(&R);
	it_join(&R2, &R);
	plain(&K);
	plain(&L);
	it_submit(&R, &K);
	it_take(&R, ISCSIP_OP_SCSI_COMMAND);
	it_submit(&R, &L);
	it_take(&R2, ISCSIP_OP_SCSI_COMMAND);
}

static void end_two(void)
{
	it_end(&R2);
	it_end(&R);
}

static void a_termination_is_of_the_tasks_of_its_connection(void **state)
{
	struct iscsip_pdu p = it_pdu(ISCSIP_OP_ASYNC, ISCSIP_TAG_NONE);

	(void)state;
	begin_two();
	p.async.event = ISCSIP_ASYNC_TASK_TERMINATION;
	it_give(&R2, &p, NULL, 0);
	assert_true(it_is_done(&R, &L));
	assert_false(it_is_done(&R, &K));
	it_take(&R2, ISCSIP_OP_NOP_OUT);
	it_quiet(&R);
	it_give(&R, &p, NULL, 0);
	assert_true(it_is_done(&R, &K));
	it_take(&R, ISCSIP_OP_NOP_OUT);
	end_two();
}

static void a_logout_of_one_connection_leaves_the_other_as_it_is(void **state)
{
	struct iscsip_pdu p;

	(void)state;
	begin_two();
	assert_int_equal(iscsip_initiator_logout(R2.c, ISCSIP_LOGOUT_CONNECTION, 2, R.now), ISCSIP_OK);
	assert_int_equal(iscsip_conn_state(R.c), ISCSIP_CONN_FULL_FEATURE);
	assert_int_equal(iscsip_conn_state(R2.c), ISCSIP_CONN_LOGOUT);
	it_take(&R2, ISCSIP_OP_LOGOUT_REQUEST);
	p = it_pdu(ISCSIP_OP_LOGOUT_RESPONSE, R2.got.h.itt);
	it_give(&R2, &p, NULL, 0);
	assert_true(iscsip_conn_want(R2.c) & ISCSIP_WANT_CLOSE);
	it_close(&R2);
	assert_true(it_is_done(&R, &L));
	assert_int_equal(L.t.result.err, ISCSIP_ECLOSED);
	assert_false(it_is_done(&R, &K));
	assert_int_equal(iscsip_conn_state(R.c), ISCSIP_CONN_FULL_FEATURE);
	assert_int_equal(iscsip_session_state(R.s), ISCSIP_SESSION_LOGGED_IN);
	it_submit(&R, &L);
	it_take(&R, ISCSIP_OP_SCSI_COMMAND);
	it_close(&R);
	/* what was logged out was a connection: the session is lost with its last one */
	assert_int_equal(R.state, ISCSIP_SESSION_FAILED);
	end_two();
}

static void a_logout_of_the_session_ends_both(void **state)
{
	struct iscsip_pdu p;

	(void)state;
	begin_two();
	assert_int_equal(iscsip_initiator_logout(R.c, ISCSIP_LOGOUT_SESSION, 0, R.now), ISCSIP_OK);
	assert_int_equal(iscsip_conn_state(R2.c), ISCSIP_CONN_LOGOUT);
	it_take(&R, ISCSIP_OP_LOGOUT_REQUEST);
	p = it_pdu(ISCSIP_OP_LOGOUT_RESPONSE, R.got.h.itt);
	it_give(&R, &p, NULL, 0);
	assert_true(iscsip_conn_want(R.c) & ISCSIP_WANT_CLOSE);
	assert_true(iscsip_conn_want(R2.c) & ISCSIP_WANT_CLOSE);
	it_close(&R2);
	it_close(&R);
	assert_int_equal(R.state, ISCSIP_SESSION_FREE);
	end_two();
}

static void the_hosts_own_abort_that_is_refused_costs_nothing(void **state)
{
	struct iscsip_pdu p;
	uint32_t itt;

	(void)state;
	begin(false);
	plain(&K);
	itt = issue(&K);
	assert_int_equal(iscsip_initiator_tmf(R.s, ISCSIP_TMF_ABORT_TASK, 0, &K.t, &R, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_TASK_REQUEST);
	answer(R.got.h.itt, ISCSIP_TMF_REJECTED);
	assert_int_equal(R.tmf_response, ISCSIP_TMF_REJECTED);
	assert_int_equal(iscsip_conn_state(R.c), ISCSIP_CONN_FULL_FEATURE);
	assert_false(it_is_done(&R, &K));
	p = it_pdu_response(itt, 0);
	it_give(&R, &p, NULL, 0);
	assert_true(it_is_done(&R, &K));
	assert_int_equal(K.t.result.err, ISCSIP_OK);
	it_end(&R);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_r2t_that_crosses_the_request_is_not_answered),
		cmocka_unit_test(unsolicited_data_stops_with_the_request),
		cmocka_unit_test(after_a_refusal_the_data_goes_on),
		cmocka_unit_test(after_a_refusal_unsolicited_data_goes_on_in_the_order_of_the_commands),
		cmocka_unit_test(tasks_that_are_not_affected_go_on),
		cmocka_unit_test(an_abort_of_one_task_stops_no_data),
		cmocka_unit_test(after_a_logout_request_no_r2t_is_answered),
		cmocka_unit_test(a_termination_is_of_the_tasks_of_its_connection),
		cmocka_unit_test(a_logout_of_one_connection_leaves_the_other_as_it_is),
		cmocka_unit_test(a_logout_of_the_session_ends_both),
		cmocka_unit_test(the_hosts_own_abort_that_is_refused_costs_nothing),
	};

	return cmocka_run_group_tests_name("initiator fast abort", tests, NULL, NULL);
}
