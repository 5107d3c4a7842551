/* SPDX-License-Identifier: MIT */
/*
 * Initiator against target over a pipe that loses nothing: every combination of the keys that shape data transfer, commands of
 * every shape, device servers that are slow, piecemeal and out of order, numbers at their wrap, limits at their smallest.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "flow/pair_rig.h"

static struct pair P;
static char what_failed[300];

static void fail_here(const char *file, int line, const char *what)
{
	snprintf(what_failed, sizeof what_failed, "%s:%d: %s", file, line, what);
	fail_msg("%s", what_failed);
}

/* Each side minds every reserved bit of the other. */
static void begin(void)
{
	pair_init(&P, fail_here);
	P.icfg.flags |= ISCSIP_CFG_CHECK_RESERVED;
	P.tcfg.flags |= ISCSIP_CFG_CHECK_RESERVED;
}

static void log_in(void)
{
	pair_open(&P);
	assert_true(pair_run(&P));
	if (!P.logged_in)
		fail_msg("login ended with %d, status %04x", P.login_err, P.login_status);
	assert_int_equal(iscsip_session_state(P.ts), ISCSIP_SESSION_LOGGED_IN);
}

static void log_out(void)
{
	assert_int_equal(iscsip_initiator_logout(P.ic, ISCSIP_LOGOUT_SESSION, 0, P.now), ISCSIP_OK);
	assert_true(pair_run(&P));
	assert_int_equal(P.logouts, 1);
	assert_int_equal(iscsip_session_state(P.is), ISCSIP_SESSION_FREE);
	pair_close(&P);
	assert_int_equal(P.frees, P.execs);
}

static uint32_t some_length(void)
{
	static const uint32_t edges[] = { 0, 1, 3, 4, 511, 512, 513, 1023, 1024, 1025, 2048, 4095, 4096, 4097, 8192, 12345, PAIR_SLOT };

	return pair_random(&P, 3) ? edges[pair_random(&P, sizeof edges / sizeof *edges)] : pair_random(&P, PAIR_SLOT + 1);
}

/* A random command in slot i; a third have residuals. */
static bool start_some(int i)
{
	uint32_t in = some_length(), out = some_length(), brings = in, takes = out;
	unsigned kind = pair_random(&P, 8);

	if (pair_random(&P, 3) == 0) {
		brings = some_length();
		takes = some_length();
	}
	if (kind < 4)
		return pair_start(&P, i, in, brings, 0, 0, false);
	if (kind < 7)
		return pair_start(&P, i, 0, 0, out, takes, false);
	return pair_start(&P, i, in, brings, out, takes, false);
}

static void work(int rounds)
{
	int i, started = 0, before = P.done;

	while (rounds--) {
		for (i = 0; i < PAIR_TASKS; i++)
			started += start_some(i);
		if (pair_random(&P, 2))
			assert_true(pair_run(&P));
		else
			(void)pair_turn(&P);
	}
	assert_true(pair_run(&P));
	if (iscsip_conn_error(P.ic)->code)
		fail_msg("the initiator gave up: %d, rule %u", iscsip_conn_error(P.ic)->code, iscsip_conn_error(P.ic)->rule);
	assert_int_equal(P.done - before, started);
	assert_int_equal(P.good, P.done);
	assert_true(started > 0);
}

static void every_combination_of_keys_moves_the_same_data(void **state)
{
	static const uint32_t first[] = { 512, 2048 }, burst[] = { 512, 4096 }, mrdsl[] = { 512, 1024, 8192 };
	unsigned flags, f, b, mi, mt, r2t;

	(void)state;
	for (flags = 0; flags < 64; flags++)
		for (f = 0; f < 2; f++)
			for (b = 0; b < 2; b++)
				for (mi = 0; mi < 3; mi++)
					for (mt = 0; mt < 3; mt++) {
						begin();
						P.seed = flags * 1000 + f * 100 + b * 10 + mi * 3 + mt;
						P.later = P.shuffle = P.pieces = pair_random(&P, 2);
						P.step = pair_random(&P, 2) ? 0 : PAIR_RANDOM;
						P.doors = (int)pair_random(&P, 3);
						r2t = pair_random(&P, 2) ? 1 : 4;
						P.ioffer.initial_r2t = P.toffer.initial_r2t = flags & 1;
						P.ioffer.immediate_data = flags & 2;
						P.ioffer.data_pdu_in_order = P.toffer.data_pdu_in_order = !(flags & 4);
						P.ioffer.data_sequence_in_order = P.toffer.data_sequence_in_order = !(flags & 8);
						P.ioffer.header_digest.item[0] = flags & 16 ? 1 : 0;
						P.ioffer.data_digest.item[0] = flags & 32 ? 1 : 0;
						P.ioffer.max_burst_length = burst[b];
						P.ioffer.first_burst_length = first[f] < burst[b] ? first[f] : burst[b];
						P.ioffer.max_recv_data_segment_length = mrdsl[mi];
						P.toffer.max_recv_data_segment_length = mrdsl[mt];
						P.ioffer.max_outstanding_r2t = r2t;
						log_in();
						work(2);
						log_out();
					}
}

static void slow_device_servers_in_any_order_change_nothing(void **state)
{
	uint32_t seed;

	(void)state;
	for (seed = 1; seed < 60; seed++) {
		begin();
		P.seed = seed;
		P.later = P.shuffle = P.pieces = true;
		P.step = PAIR_RANDOM;
		P.doors = (int)seed % 3;
		P.ioffer.max_burst_length = P.ioffer.first_burst_length = 2048;
		P.ioffer.initial_r2t = P.toffer.initial_r2t = seed & 1;
		P.icfg.flags = seed & 2 ? ISCSIP_CFG_TX_HOLD : 0;
		P.tcfg.flags = seed & 4 ? ISCSIP_CFG_TX_HOLD : 0;
		P.ioffer.data_digest.item[0] = seed & 8 ? 1 : 0;
		log_in();
		work(12);
		log_out();
	}
}

static void one_byte_at_a_time_is_enough(void **state)
{
	(void)state;
	for (int doors = 0; doors < 3; doors++) {
		begin();
		P.step = 1;
		P.doors = doors;
		P.ioffer.header_digest.item[0] = P.ioffer.data_digest.item[0] = ISCSIP_DIGEST_CRC32C;
		P.ioffer.max_burst_length = P.ioffer.first_burst_length = 1024;
		log_in();
		work(1);
		log_out();
	}
}

static void numbers_go_around_their_wraps_on_both_sides(void **state)
{
	static const uint32_t from[] = { 0xfffffff0u, 0x7ffffff0u, 0, 0xffffffffu };
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		begin();
		P.seed = (uint32_t)i;
		P.icfg.initial_cmdsn = from[i];
		P.tcfg.initial_statsn = from[3 - i];
		P.later = P.shuffle = true;
		log_in();
		work(10);
		log_out();
	}
}

static void the_smallest_limits_do(void **state)
{
	uint32_t seed;

	(void)state;
	for (seed = 0; seed < 20; seed++) {
		begin();
		P.seed = seed;
		P.icfg.limits.max_tasks = seed & 1 ? 1 : PAIR_TASKS;
		P.icfg.limits.max_tx_pdus = 2;
		P.icfg.limits.ahs_max = 0;
		P.icfg.limits.text_max = 64;
		P.tcfg.limits.max_tasks = 1;
		P.tcfg.limits.max_r2ts = 1;
		P.tcfg.limits.max_tx_pdus = 2;
		P.tcfg.limits.ahs_max = 8; /* a bidirectional command needs that much */
		P.ioffer.max_outstanding_r2t = 1 + (seed & 3);
		P.ioffer.max_burst_length = P.ioffer.first_burst_length = 512;
		P.ioffer.max_recv_data_segment_length = P.toffer.max_recv_data_segment_length = 512;
		P.later = P.shuffle = P.pieces = seed & 2;
		P.step = seed & 4 ? PAIR_RANDOM : 0;
		log_in();
		work(6);
		log_out();
	}
}

static void immediate_commands_pass_the_others(void **state)
{
	int i;

	(void)state;
	begin();
	P.later = true;
	P.tcfg.limits.max_tasks = 2;
	log_in();
	for (i = 0; i < 6; i++)
		assert_true(pair_start(&P, i, 4096, 4096, 0, 0, false));
	assert_true(pair_start(&P, 6, 512, 512, 0, 0, true));
	assert_true(pair_run(&P));
	assert_int_equal(P.done, 7);
	assert_int_equal(P.good, 7);
	log_out();
}

static void pings_text_and_task_management_go_on_beside_data(void **state)
{
	static const char send[] = "SendTargets=";
	uint8_t ping[400];
	uint32_t seed;

	(void)state;
	memset(ping, 0x35, sizeof ping);
	for (seed = 0; seed < 20; seed++) {
		int i;

		begin();
		P.seed = seed;
		P.step = PAIR_RANDOM;
		P.later = P.shuffle = true;
		P.ioffer.max_recv_data_segment_length = P.toffer.max_recv_data_segment_length = 512;
		P.tcfg.nop_interval_ms = 10;
		log_in();
		for (i = 0; i < 8; i++)
			(void)start_some(i);
		(void)pair_turn(&P);
		assert_int_equal(iscsip_initiator_ping(P.ic, ping, sizeof ping, NULL, P.now), ISCSIP_OK);
		assert_int_equal(iscsip_initiator_text(P.ic, send, sizeof send, NULL, P.now), ISCSIP_OK);
		assert_int_equal(iscsip_initiator_tmf(P.is, seed & 1 ? ISCSIP_TMF_LOGICAL_UNIT_RESET : ISCSIP_TMF_ABORT_TASK_SET,
						      0, NULL, NULL, P.now), ISCSIP_OK);
		assert_true(pair_run(&P));
		assert_int_equal(P.pings, 1);
		assert_int_equal(P.ping_err, ISCSIP_OK);
		assert_int_equal(P.texts, 1);
		assert_int_equal(P.text_err, ISCSIP_OK);
		assert_int_equal(P.tmfs, 1);
		assert_int_equal(P.tmf_err, ISCSIP_OK);
		assert_int_equal(P.tmf_response, ISCSIP_TMF_COMPLETE);
		for (i = 0; i < 8; i++)
			assert_false(P.tasks[i].busy);
		/* the target looks into the silence, and is answered */
		P.now += 10;
		assert_int_equal(iscsip_conn_tick(P.tc, P.now), ISCSIP_OK);
		assert_true(pair_run(&P));
		P.good = P.done;
		work(2);
		log_out();
	}
}

static void aborts_meet_commands_at_every_stage(void **state)
{
	uint32_t seed;

	(void)state;
	for (seed = 0; seed < 200; seed++) {
		int i, turns;

		begin();
		P.seed = seed;
		P.step = PAIR_RANDOM;
		P.later = P.shuffle = P.pieces = true;
		P.ioffer.max_burst_length = P.ioffer.first_burst_length = 1024;
		P.ioffer.initial_r2t = P.toffer.initial_r2t = seed & 1;
		log_in();
		for (i = 0; i < PAIR_TASKS; i++)
			(void)start_some(i);
		for (turns = (int)pair_random(&P, 60); turns; turns--)
			(void)pair_turn(&P);
		for (i = 0; i < PAIR_TASKS; i++)
			if (P.tasks[i].busy && pair_random(&P, 2))
				assert_int_equal(iscsip_initiator_abort(P.is, &P.tasks[i].t, P.now), ISCSIP_OK);
		assert_true(pair_run(&P));
		for (i = 0; i < PAIR_TASKS; i++)
			assert_false(P.tasks[i].busy);
		assert_int_equal(iscsip_conn_error(P.ic)->code, ISCSIP_OK);
		P.good = P.done;
		work(2);
		log_out();
	}
}

static void discovery_lists_what_the_target_has(void **state)
{
	static const char send[] = "SendTargets=All";

	(void)state;
	begin();
	P.discovery = true;
	P.ioffer.max_recv_data_segment_length = 512;
	log_in();
	assert_int_equal(iscsip_initiator_text(P.ic, send, sizeof send, NULL, P.now), ISCSIP_OK);
	assert_true(pair_run(&P));
	assert_int_equal(P.texts, 1);
	assert_int_equal(P.text_err, ISCSIP_OK);
	assert_int_equal(P.text_pairs, 6);
	assert_string_equal(P.text[0], "TargetName=iqn.2026-01.test:a");
	assert_string_equal(P.text[1], "TargetAddress=192.0.2.1:3260,1");
	assert_string_equal(P.text[4], "TargetName=iqn.2026-01.test:c");
	log_out();
}

static void events_of_the_target_arrive(void **state)
{
	struct iscsip_async_message m;
	unsigned event;

	(void)state;
	for (event = 0; event < 5; event++) {
		begin();
		log_in();
		memset(&m, 0, sizeof m);
		m.event = (uint8_t)event;
		m.data = event ? NULL : "sense data";
		m.len = event ? 0 : 10;
		m.param[2] = 5;
		assert_true(pair_start(&P, 0, 512, 512, 0, 0, false));
		assert_int_equal(iscsip_target_async(P.tc, &m), ISCSIP_OK);
		assert_true(pair_run(&P));
		assert_int_equal(P.asyncs, 1);
		assert_false(P.tasks[0].busy);
		pair_close(&P);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_combination_of_keys_moves_the_same_data),
		cmocka_unit_test(slow_device_servers_in_any_order_change_nothing),
		cmocka_unit_test(one_byte_at_a_time_is_enough),
		cmocka_unit_test(numbers_go_around_their_wraps_on_both_sides),
		cmocka_unit_test(the_smallest_limits_do),
		cmocka_unit_test(immediate_commands_pass_the_others),
		cmocka_unit_test(pings_text_and_task_management_go_on_beside_data),
		cmocka_unit_test(aborts_meet_commands_at_every_stage),
		cmocka_unit_test(discovery_lists_what_the_target_has),
		cmocka_unit_test(events_of_the_target_arrive),
	};

	return cmocka_run_group_tests_name("pair", tests, NULL, NULL);
}
