/* SPDX-License-Identifier: MIT */
/*
 * Requests that break the rules, attack groups 7, 14 and 18 to 22: numbers, tags, pings, task management, SNACK, logout, logins.
 */
#include "flow/target_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- 18: numbers --- */

static void a_hole_that_stays_costs_no_more_than_the_window(void **state)
{
	struct rig r;
	struct iscsip_pdu h;
	uint32_t hole;

	(void)state;
	rig_init(&r);
	r.cfg.limits.max_tasks = 8;
	r.manual = true;
	rig_open(&r, "", 1);
	hole = r.cmdsn++;
	for (uint32_t i = 0; i < 100000; i++) { /* every number of the window and many outside, with fresh tags */
		h = rig_read(&r, 0, 512);
		h.scsi_command.cmdsn = hole + 1 + i % 50;
		peer_send(&r.peer[0], &h, NULL, 0);
	}
	assert_int_equal(r.execs, 0);
	rig_quiet(&r);
	h.itt = r.itt++;
	h.scsi_command.cmdsn = hole;
	peer_send(&r.peer[0], &h, NULL, 0);
	assert_int_equal(r.execs, 8);
	rig_close(&r);
}

static void acknowledgments_from_nowhere_change_nothing(void **state)
{
	static const uint32_t wrong[] = { 0, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff0 };
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_open(&r, "", 1);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct iscsip_pdu h = rig_read(&r, 0, 512);

		h.scsi_command.expstatsn = wrong[i];
		peer_send(&r.peer[0], &h, NULL, 0);
		assert_int_equal(rig_expect(&r, ISCSIP_OP_DATA_IN).h.data_in.statsn, r.cfg.initial_statsn + 1 + (uint32_t)i);
	}
	rig_close(&r);
}

static void numbers_pass_two_to_the_thirty_second(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	r.cmdsn = 0xffffffe0u;
	rig_open(&r, "", 1);
	for (int i = 0; i < 100; i++)
		rig_alive(&r);
	assert_int_equal(r.cmdsn, 0x44);
	rig_close(&r);
}

/* --- 19: tags and pings --- */

static void pings_at_the_limit_of_data_and_storms_of_silent_ones_are_harmless(void **state)
{
	struct rig r;
	struct iscsip_pdu h;
	size_t big = 262144;
	uint8_t *data = calloc(1, big);

	(void)state;
	rig_init(&r);
	r.offer.max_recv_data_segment_length = (uint32_t)big;
	rig_open(&r, RIG_PAIRS("MaxRecvDataSegmentLength=262144"));
	h = rig_request(&r, ISCSIP_OP_NOP_OUT);
	h.nop_out.ttt = ISCSIP_TAG_NONE;
	peer_send(&r.peer[0], &h, data, big);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_NOP_IN).h.data_len, r.cfg.limits.ping_max);
	h.immediate = true;
	h.itt = ISCSIP_TAG_NONE;
	for (int i = 0; i < 10000; i++)
		peer_send(&r.peer[0], &h, data, (size_t)i % 64);
	rig_quiet(&r);
	h.immediate = false; /* it has to be */
	peer_send(&r.peer[0], &h, NULL, 0);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_REJECT).h.reject.reason, ISCSIP_REJECT_PROTOCOL);
	assert_true(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_CLOSE);
	rig_close(&r);
	free(data);
}

static void two_pings_with_data_at_once_share_no_bytes(void **state)
{
	struct rig r;
	struct iscsip_pdu h[2], first;
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	rig_open(&r, "", 1);
	first = rig_read(&r, 0, 512);
	for (int i = 0; i < 2; i++) { /* both wait for their turn */
		h[i] = rig_request(&r, ISCSIP_OP_NOP_OUT);
		h[i].nop_out.ttt = ISCSIP_TAG_NONE;
		peer_send(&r.peer[0], &h[i], i ? "second" : "first", 6);
	}
	peer_send(&r.peer[0], &first, NULL, 0);
	got = rig_expect(&r, ISCSIP_OP_NOP_IN);
	assert_memory_equal(got.data, "first", 6);
	got = rig_expect(&r, ISCSIP_OP_NOP_IN);
	assert_int_equal(got.h.data_len, 0); /* the connection's bytes were in use */
	(void)rig_expect(&r, ISCSIP_OP_DATA_IN);
	rig_close(&r);
}

static void logical_unit_numbers_of_every_form_reach_the_device_server(void **state)
{
	static const uint64_t luns[] = { 0, 1ull << 48, 0x4001ull << 48, 0x8000000000000000ull, 0xc101000000000000ull,
					 0xffffffffffffffffull };
	struct rig r;

	(void)state;
	rig_init(&r);
	r.manual = true;
	rig_open(&r, "", 1);
	for (size_t i = 0; i < sizeof luns / sizeof *luns; i++) {
		struct iscsip_pdu h = rig_read(&r, 0, 512);

		h.lun = luns[i];
		peer_send(&r.peer[0], &h, NULL, 0);
		assert_true(r.cmds[i]->lun == luns[i]);
	}
	rig_close(&r);
}

static void colliding_tags_are_kept_apart(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	r.cfg.limits.max_tasks = 512;
	r.manual = true;
	rig_open(&r, "", 1);
	for (uint32_t i = 0; i < RIG_CMDS; i++) {
		struct iscsip_pdu h = rig_read(&r, i, 512);

		h.itt = i << 24 | i >> 8;
		peer_send(&r.peer[0], &h, NULL, 0);
	}
	assert_int_equal(r.cmd_count, RIG_CMDS);
	for (uint32_t i = 0; i < RIG_CMDS; i++) {
		uint32_t k = (i * 37 + 11) % RIG_CMDS;
		struct peer_pdu got;

		assert_int_equal(rig_good(r.cmds[k], 0, 0), ISCSIP_OK);
		got = rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE);
		assert_int_equal(got.h.itt, k << 24 | k >> 8);
	}
	rig_close(&r);
}

/* --- 20: task management, from every state of a task --- */

static void a_task_may_be_aborted_twice_and_in_every_state(void **state)
{
	(void)state;
	for (int at = 0; at < 5; at++) {
		struct rig r;
		struct iscsip_pdu h, t;
		struct peer_pdu got;
		static const uint8_t data[512] = { 0 };
		int answers = 0;

		rig_init(&r);
		r.manual = true;
		rig_open(&r, RIG_PAIRS("InitialR2T=No\0FirstBurstLength=1024"));
		h = rig_write(&r, 0, 4096);
		h.final = at != 1;
		if (at == 0)
			h.scsi_command.cmdsn++; /* parked */
		peer_send(&r.peer[0], &h, data, at == 2 ? 512 : 0);
		if (at == 3 || at == 4)
			assert_int_equal(iscsip_cmd_request_data(r.cmds[0], 0, 4096), ISCSIP_OK);
		if (at == 4)
			(void)rig_expect(&r, ISCSIP_OP_R2T);
		t = (struct iscsip_pdu){ .opcode = ISCSIP_OP_TASK_REQUEST, .immediate = true, .final = true };
		t.task_request.function = ISCSIP_TMF_ABORT_TASK;
		t.task_request.cmdsn = h.scsi_command.cmdsn + 1;
		t.task_request.ref_task_tag = h.itt;
		t.task_request.ref_cmdsn = h.scsi_command.cmdsn;
		for (int i = 0; i < 2; i++) {
			t.itt = r.itt++;
			peer_send(&r.peer[0], &t, NULL, 0);
		}
		while (peer_recv(&r.peer[0], &got)) {
			assert_int_equal(got.h.opcode, ISCSIP_OP_TASK_RESPONSE);
			assert_int_equal(got.h.task_response.response, answers++ ? ISCSIP_TMF_NO_TASK : ISCSIP_TMF_COMPLETE);
		}
		assert_int_equal(answers, 2);
		if (r.cmd_count)
			assert_int_equal(rig_good(r.cmds[0], 0, 0), ISCSIP_OK);
		assert_int_equal(r.frees, 1);
		r.cmd_count = 0;
		rig_close(&r);
	}
}

/* --- 21: SNACK at recovery level 0 --- */

static void snacks_are_refused_and_data_snacks_end_their_command(void **state)
{
	struct rig r;
	struct iscsip_pdu h, s;
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	r.later = true;
	rig_open(&r, "", 1);
	s = (struct iscsip_pdu){ .opcode = ISCSIP_OP_SNACK, .itt = ISCSIP_TAG_NONE };
	s.snack.ttt = ISCSIP_TAG_NONE;
	s.snack.snack_type = ISCSIP_SNACK_STATUS;
	s.snack.begrun = 0xffffffff;
	s.snack.runlen = 0xffffffff;
	for (int i = 0; i < 100; i++) {
		peer_send(&r.peer[0], &s, NULL, 0);
		assert_int_equal(rig_expect(&r, ISCSIP_OP_REJECT).h.reject.reason, ISCSIP_REJECT_SNACK);
	}
	s.snack.snack_type = ISCSIP_SNACK_DATA_ACK;
	s.snack.runlen = 0;
	s.snack.ttt = 5;
	peer_send(&r.peer[0], &s, NULL, 0);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_REJECT).h.reject.reason, ISCSIP_REJECT_DATA_ACK);
	for (int kind = 0; kind < 2; kind++) {
		h = rig_read(&r, 0, 512);
		peer_send(&r.peer[0], &h, NULL, 0);
		s.itt = h.itt;
		s.snack.snack_type = kind ? ISCSIP_SNACK_R_DATA : ISCSIP_SNACK_DATA_R2T;
		s.snack.ttt = kind ? 7 : ISCSIP_TAG_NONE;
		s.snack.begrun = s.snack.runlen = 0;
		peer_send(&r.peer[0], &s, NULL, 0);
		assert_int_equal(rig_expect(&r, ISCSIP_OP_REJECT).h.reject.reason, ISCSIP_REJECT_SNACK);
		got = rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE);
		assert_int_equal(got.h.scsi_response.status, 2);
		assert_int_equal(got.data[2 + 12], 0x11);
		assert_int_equal(got.data[2 + 13], 0x13);
		rig_run(&r);
	}
	s.itt = 0x777; /* nobody's */
	peer_send(&r.peer[0], &s, NULL, 0);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_REJECT).h.reject.reason, ISCSIP_REJECT_SNACK);
	r.later = false;
	rig_alive(&r);
	rig_close(&r);
}

/* --- 22: logout --- */

static void nothing_is_read_after_a_logout(void **state)
{
	struct rig r;
	struct iscsip_pdu h;

	(void)state;
	rig_init(&r);
	rig_open(&r, "", 1);
	h = rig_request(&r, ISCSIP_OP_LOGOUT_REQUEST);
	peer_send(&r.peer[0], &h, NULL, 0);
	for (int i = 0; i < 10; i++) {
		h = rig_read(&r, 0, 512);
		peer_send(&r.peer[0], &h, NULL, 0);
	}
	(void)rig_expect(&r, ISCSIP_OP_LOGOUT_RESPONSE);
	rig_quiet(&r);
	assert_int_equal(r.execs, 0);
	assert_true(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_CLOSE);
	rig_close(&r);
}

static void reserved_logout_reasons_are_refused(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_open(&r, "", 1);
	for (unsigned reason = 3; reason < 128; reason++) {
		struct iscsip_pdu h = rig_request(&r, ISCSIP_OP_LOGOUT_REQUEST);

		h.logout_request.reason = (uint8_t)reason;
		r.cmdsn--;
		peer_send(&r.peer[0], &h, NULL, 0);
		assert_int_equal(rig_expect(&r, ISCSIP_OP_REJECT).h.reject.reason, ISCSIP_REJECT_PROTOCOL);
	}
	assert_int_equal(r.logouts, 0);
	rig_alive(&r);
	rig_close(&r);
}

/* --- 7 and 14: logins --- */

static void a_second_login_request_before_the_answer_is_refused(void **state)
{
	struct rig r;
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	r.grant_later = true;
	rig_connect(&r, 0);
	assert_false(rig_login(&r, 0, "", 1, &got));
	assert_true(rig_login(&r, 0, "", 1, &got));
	assert_int_equal(got.h.login_response.status_class, 2);
	assert_true(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_CLOSE);
	rig_close(&r);
}

static void a_first_pdu_that_is_no_login_gets_no_answer_but_the_end(void **state)
{
	static const uint8_t ops[] = { ISCSIP_OP_NOP_OUT, ISCSIP_OP_SCSI_COMMAND, ISCSIP_OP_TEXT_REQUEST, ISCSIP_OP_NOP_IN, 0x1c };

	(void)state;
	for (size_t i = 0; i < sizeof ops; i++) {
		struct rig r;
		uint8_t bhs[48] = { 0 };

		rig_init(&r);
		rig_connect(&r, 0);
		bhs[0] = ops[i];
		bhs[1] = 0x80;
		peer_send_raw(&r.peer[0], bhs, 48);
		rig_quiet(&r);
		assert_true(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_CLOSE);
		assert_null(r.s);
		rig_close(&r);
	}
}

static void an_unknown_session_handle_is_refused(void **state)
{
	struct rig r;
	struct iscsip_pdu h = { .opcode = ISCSIP_OP_LOGIN_REQUEST, .immediate = true, .itt = 1 };
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	r.refuse = ISCSIP_LOGIN_SESSION_DOES_NOT_EXIST;
	rig_connect(&r, 0);
	h.login_request.transit = true;
	h.login_request.csg = 1;
	h.login_request.nsg = 3;
	h.login_request.tsih = 99;
	peer_send(&r.peer[0], &h, RIG_PAIRS("InitiatorName=iqn.2001-04.test:peer\0TargetName=iqn.2001-04.test:disk"));
	assert_true(peer_recv(&r.peer[0], &got));
	assert_int_equal(got.h.login_response.status_class << 8 | got.h.login_response.status_detail, 0x020a);
	rig_close(&r);
}

static void ten_thousand_half_open_logins_cost_what_the_sizes_say(void **state)
{
	enum { N = 10000 };
	struct rig r;
	size_t conn_size, login_size, at;
	uint8_t *mem;
	struct iscsip_conn **conns = calloc(N, sizeof(struct iscsip_conn *));
	static const struct iscsip_target_ops *ops;
	uint8_t byte = 0x43;

	(void)state;
	rig_init(&r);
	r.cfg.limits.max_tx_pdus = 2;
	r.cfg.limits.text_max = 64;
	r.cfg.limits.ping_max = 0;
	r.cfg.limits.ahs_max = 0;
	rig_connect(&r, 0);
	ops = rig_ops();
	conn_size = iscsip_target_conn_size(&r.cfg);
	login_size = iscsip_login_size(&r.cfg);
	at = conn_size + login_size;
	mem = malloc(N * at);
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(iscsip_target_conn_init(&conns[i], mem + i * at, conn_size, mem + i * at + conn_size, login_size, &r.cfg,
							 ops, &r, 0), ISCSIP_OK);
		assert_int_equal(iscsip_conn_rx_push(conns[i], &byte, 1, 0), 1);
	}
	assert_true(conn_size < 4096);
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(iscsip_conn_tick(conns[i], r.cfg.login_timeout_ms), ISCSIP_ETIMEDOUT);
		iscsip_conn_closed(conns[i], r.cfg.login_timeout_ms);
	}
	free(mem);
	free(conns);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hole_that_stays_costs_no_more_than_the_window),
		cmocka_unit_test(acknowledgments_from_nowhere_change_nothing),
		cmocka_unit_test(numbers_pass_two_to_the_thirty_second),
		cmocka_unit_test(pings_at_the_limit_of_data_and_storms_of_silent_ones_are_harmless),
		cmocka_unit_test(two_pings_with_data_at_once_share_no_bytes),
		cmocka_unit_test(logical_unit_numbers_of_every_form_reach_the_device_server),
		cmocka_unit_test(colliding_tags_are_kept_apart),
		cmocka_unit_test(a_task_may_be_aborted_twice_and_in_every_state),
		cmocka_unit_test(snacks_are_refused_and_data_snacks_end_their_command),
		cmocka_unit_test(nothing_is_read_after_a_logout),
		cmocka_unit_test(reserved_logout_reasons_are_refused),
		cmocka_unit_test(a_second_login_request_before_the_answer_is_refused),
		cmocka_unit_test(a_first_pdu_that_is_no_login_gets_no_answer_but_the_end),
		cmocka_unit_test(an_unknown_session_handle_is_refused),
		cmocka_unit_test(ten_thousand_half_open_logins_cost_what_the_sizes_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
