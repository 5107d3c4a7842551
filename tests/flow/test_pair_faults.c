/* SPDX-License-Identifier: MIT */
/*
 * Initiator against target over a pipe that breaks behind every byte, or spoils one, in either direction: every task and
 * every command comes back once, what is told to have gone well has gone well, and both ends can begin anew.
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

static void fail_here(const char *file, int line, const char *what)
{
	static char text[300];

	snprintf(text, sizeof text, "%s:%d: %s", file, line, what);
	fail_msg("%s", text);
}

/* A write with data of every kind, a read of several PDUs, a bidirectional command, an abort and a ping. */
static void work(void)
{
	uint8_t byte = 1;

	(void)pair_start(&P, 0, 0, 0, 1700, 1700, false);
	(void)pair_start(&P, 1, 1300, 1300, 0, 0, false);
	(void)pair_start(&P, 2, 300, 200, 200, 300, false);
	(void)pair_run(&P);
	if (iscsip_conn_state(P.ic) != ISCSIP_CONN_FULL_FEATURE)
		return;
	(void)iscsip_initiator_ping(P.ic, &byte, 1, NULL, P.now);
	(void)pair_start(&P, 3, 0, 0, 900, 900, true);
	(void)pair_turn(&P);
	if (P.tasks[3].busy)
		(void)iscsip_initiator_abort(P.is, &P.tasks[3].t, P.now);
	(void)pair_run(&P);
	if (iscsip_conn_state(P.ic) == ISCSIP_CONN_FULL_FEATURE)
		(void)iscsip_initiator_logout(P.ic, ISCSIP_LOGOUT_SESSION, 0, P.now);
	(void)pair_run(&P);
}

static void begin(bool digests)
{
	pair_init(&P, fail_here);
	P.ioffer.initial_r2t = P.toffer.initial_r2t = false;
	P.ioffer.first_burst_length = 700;
	P.ioffer.max_burst_length = 700;
	P.ioffer.max_recv_data_segment_length = P.toffer.max_recv_data_segment_length = 512;
	P.ioffer.header_digest.item[0] = P.ioffer.data_digest.item[0] = digests;
	pair_open(&P);
}

/* The transport is gone: both sides end; then a new connection does all of the work. */
static void begin_anew(void)
{
	struct pair_task *k = P.tasks;
	int i, done;

	pair_break(&P);
	for (i = 0; i < PAIR_TASKS; i++)
		assert_false(k[i].busy);
	assert_true(!P.ts || P.tfree || P.later);
	pair_close(&P);
	P.up.cut = P.up.flip = P.down.cut = P.down.flip = UINT64_MAX;
	P.later = false;
	done = P.done;
	pair_open(&P);
	assert_true(pair_run(&P));
	assert_true(P.logged_in);
	P.good = done;
	work();
	assert_int_equal(P.done, done + 4);
	assert_true(P.good >= done + 3);
	pair_close(&P);
}

static void count_bytes(uint64_t *up, uint64_t *down, bool digests)
{
	begin(digests);
	(void)pair_run(&P);
	work();
	assert_int_equal(P.done, 4);
	assert_true(P.good >= 3);
	*up = P.up.moved;
	*down = P.down.moved;
	pair_close(&P);
}

static void a_pipe_that_breaks_behind_any_byte_loses_no_task(void **state)
{
	uint64_t len[2], cut;
	int dir;

	(void)state;
	count_bytes(&len[0], &len[1], false);
	for (dir = 0; dir < 2; dir++)
		for (cut = 0; cut <= len[dir]; cut++) {
			begin(false);
			P.later = cut & 1;
			*(dir ? &P.down.cut : &P.up.cut) = cut;
			(void)pair_run(&P);
			if (P.logged_in)
				work();
			if (cut % 16 == 0) {
				begin_anew();
				continue;
			}
			pair_break(&P);
			pair_close(&P);
		}
}

/* Login has no digests, so only bytes behind it are spoiled. What ends with GOOD has moved the right data: i_task() looks. */
static void a_spoiled_byte_is_never_taken_for_good_data(void **state)
{
	uint64_t len[2], from[2], at;
	int dir, wrong = 0;

	(void)state;
	count_bytes(&len[0], &len[1], true);
	begin(true);
	(void)pair_run(&P);
	from[0] = P.up.moved;
	from[1] = P.down.moved;
	pair_close(&P);
	for (dir = 0; dir < 2; dir++)
		for (at = from[dir]; at < len[dir]; at++) {
			begin(true);
			P.later = at & 1;
			*(dir ? &P.down.flip : &P.up.flip) = at;
			(void)pair_run(&P);
			assert_true(P.logged_in);
			work();
			wrong += P.good < 3;
			/* a time limit ends what the other side gave up without a word */
			P.now += 100000;
			(void)iscsip_session_tick(P.is, P.now);
			(void)iscsip_conn_tick(P.ic, P.now);
			(void)pair_run(&P);
			if (at % 16 == 0) {
				begin_anew();
				continue;
			}
			pair_break(&P);
			pair_close(&P);
		}
	assert_true(wrong > 1000);
}

/* Without digests a wrong byte may go anywhere; nothing may come of it but wrong data. */
static void a_spoiled_byte_without_digests_harms_no_memory(void **state)
{
	uint64_t len[2], at;
	int dir;

	(void)state;
	count_bytes(&len[0], &len[1], false);
	for (dir = 0; dir < 2; dir++)
		for (at = 0; at < len[dir]; at++) {
			begin(false);
			P.trust = false;
			P.stray = true;
			*(dir ? &P.down.flip : &P.up.flip) = at;
			(void)pair_run(&P);
			if (P.logged_in)
				work();
			pair_break(&P);
			pair_close(&P);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pipe_that_breaks_behind_any_byte_loses_no_task),
		cmocka_unit_test(a_spoiled_byte_is_never_taken_for_good_data),
		cmocka_unit_test(a_spoiled_byte_without_digests_harms_no_memory),
	};

	return cmocka_run_group_tests_name("pair with a faulty pipe", tests, NULL, NULL);
}
