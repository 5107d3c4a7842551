/* SPDX-License-Identifier: MIT */
/*
 * What the target tells the device server of where data may lie (ISCSIP_CMD_ASIDE), and what becomes of transfers that others
 * wait for (iscsip_cmd_hurry()).
 */
#include "flow/target_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint8_t pattern[65536];

/* --- aside --- */

static void data_under_a_digest_lies_aside_both_ways(void **state)
{
	struct rig r;
	struct iscsip_pdu h;

	(void)state;
	rig_init(&r);
	r.manual = true;
	rig_open(&r, RIG_PAIRS("DataDigest=CRC32C"));
	h = rig_write(&r, 0, 512);
	peer_send(&r.peer[0], &h, pattern, 512);
	assert_true(r.place_flags & ISCSIP_CMD_ASIDE);
	assert_true(r.cmds[0]->flags & ISCSIP_CMD_ASIDE);
	h = rig_read(&r, 0, 512);
	peer_send(&r.peer[0], &h, NULL, 0);
	assert_true(r.cmds[1]->flags & ISCSIP_CMD_ASIDE);
	rig_close(&r);
}

static void a_command_before_its_turn_lies_aside_until_then(void **state)
{
	struct rig r;
	struct iscsip_pdu first, second;

	(void)state;
	rig_init(&r);
	r.manual = true;
	rig_open(&r, "", 1);
	first = rig_write(&r, 0, 512);
	second = rig_write(&r, 0, 1024);
	peer_send(&r.peer[0], &second, pattern, 512);
	assert_true(r.place_flags & ISCSIP_CMD_ASIDE);
	assert_int_equal(r.place_unasked, 512);
	peer_send(&r.peer[0], &first, NULL, 0);
	assert_false(r.place_flags & ISCSIP_CMD_ASIDE);
	assert_int_equal(r.place_unasked, 0);
	assert_int_equal(r.cmd_count, 2);
	assert_false(r.cmds[0]->flags & ISCSIP_CMD_ASIDE);
	assert_false(r.cmds[1]->flags & ISCSIP_CMD_ASIDE);
	rig_close(&r);
}

static void what_comes_unasked_is_told(void **state)
{
	struct rig r;
	struct iscsip_pdu h;

	(void)state;
	rig_init(&r);
	r.manual = true;
	rig_open(&r, RIG_PAIRS("InitialR2T=No\0FirstBurstLength=4096"));
	h = rig_write(&r, 0, 8192);
	h.final = false;
	peer_send(&r.peer[0], &h, pattern, 512);
	assert_int_equal(r.place_unasked, 4096);
	assert_false(r.place_flags & ISCSIP_CMD_ASIDE);
	rig_close(&r);
}

/* --- hurry --- */

static void tick(struct rig *r, iscsip_time now, int want)
{
	assert_int_equal(iscsip_conn_tick(r->conn[0], now), want);
	r->peer[0].now = now;
}

static bool closes(const struct rig *r)
{
	return iscsip_conn_want(r->conn[0]) & ISCSIP_WANT_CLOSE;
}

/* A write whose R2T is out; nobody answers it. */
static struct iscsip_pdu unanswered(struct rig *r, struct peer_pdu *r2t)
{
	struct iscsip_pdu h;

	rig_init(r);
	r->manual = true;
	rig_open(r, "", 1);
	h = rig_write(r, 0, 4096);
	peer_send(&r->peer[0], &h, NULL, 0);
	assert_int_equal(iscsip_cmd_request_data(r->cmds[0], 0, 4096), ISCSIP_OK);
	*r2t = rig_expect(r, ISCSIP_OP_R2T);
	return h;
}

static void a_transfer_that_stands_still_ends_its_connection_when_others_wait(void **state)
{
	struct peer_pdu r2t;
	struct rig r;
	int wakes;

	(void)state;
	(void)unanswered(&r, &r2t);
	tick(&r, 1000000, ISCSIP_OK); /* nobody waits: it may take for ever */
	assert_int_equal(iscsip_conn_deadline(r.conn[0]), ISCSIP_TIME_NEVER);
	wakes = r.wakes;
	iscsip_cmd_hurry(r.cmds[0]);
	assert_true(r.wakes > wakes);
	assert_true(iscsip_conn_deadline(r.conn[0]) <= 1000000); /* to be looked at, by what time it is now */
	tick(&r, 2000000, ISCSIP_OK);
	assert_int_equal(iscsip_conn_deadline(r.conn[0]), 2000000 + r.cfg.hurry_ms);
	iscsip_cmd_hurry(r.cmds[0]); /* said once */
	tick(&r, 2000000 + r.cfg.hurry_ms - 1, ISCSIP_OK);
	assert_false(closes(&r));
	tick(&r, 2000000 + r.cfg.hurry_ms, ISCSIP_ETIMEDOUT);
	assert_true(closes(&r));
	rig_drop(&r, 0);
	assert_int_equal(r.aborts, 1);
	rig_close(&r);
}

static void one_that_moves_has_four_times_that(void **state)
{
	struct peer_pdu r2t;
	struct iscsip_pdu h, d;
	iscsip_time now;
	struct rig r;
	uint32_t i;

	(void)state;
	h = unanswered(&r, &r2t);
	iscsip_cmd_hurry(r.cmds[0]);
	tick(&r, 1000, ISCSIP_OK);
	for (now = 1000, i = 0; i < 5; i++) {
		now += 3000;
		tick(&r, now, ISCSIP_OK);
		d = rig_data_out(&h, r2t.h.r2t.ttt, i, i * 4, false);
		peer_send(&r.peer[0], &d, pattern, 4);
		assert_false(closes(&r));
	}
	tick(&r, 1000 + 4 * r.cfg.hurry_ms - 1, ISCSIP_OK);
	tick(&r, 1000 + 4 * r.cfg.hurry_ms, ISCSIP_ETIMEDOUT);
	rig_drop(&r, 0);
	rig_close(&r);
}

static void time_of_the_device_server_does_not_count(void **state)
{
	struct peer_pdu r2t;
	struct iscsip_pdu h, d;
	struct rig r;

	(void)state;
	h = unanswered(&r, &r2t);
	iscsip_cmd_hurry(r.cmds[0]);
	tick(&r, 1000, ISCSIP_OK);
	d = rig_data_out(&h, r2t.h.r2t.ttt, 0, 0, true);
	peer_send(&r.peer[0], &d, pattern, 4096);
	assert_int_equal(iscsip_conn_deadline(r.conn[0]), ISCSIP_TIME_NEVER);
	tick(&r, 10000000, ISCSIP_OK);
	assert_int_equal(rig_good(r.cmds[0], 0, 4096), ISCSIP_OK);
	(void)rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE);
	assert_int_equal(iscsip_conn_deadline(r.conn[0]), ISCSIP_TIME_NEVER);
	rig_close(&r);
}

static void data_that_nobody_takes_ends_its_connection(void **state)
{
	struct iscsip_vec v = { pattern, 4096 };
	struct iscsip_pdu h;
	struct rig r;

	(void)state;
	rig_init(&r);
	r.manual = true;
	rig_open(&r, "", 1);
	h = rig_read(&r, 0, 4096);
	peer_send(&r.peer[0], &h, NULL, 0);
	assert_int_equal(iscsip_cmd_send_data(r.cmds[0], &v, 1, 4096, true), ISCSIP_OK);
	assert_int_equal(rig_good(r.cmds[0], 4096, 0), ISCSIP_OK); /* completed, and its memory still in use */
	iscsip_cmd_hurry(r.cmds[0]);
	tick(&r, 1000, ISCSIP_OK);
	tick(&r, 1000 + r.cfg.hurry_ms, ISCSIP_ETIMEDOUT);
	assert_true(closes(&r));
	rig_drop(&r, 0);
	assert_int_equal(r.frees, 1);
	rig_close(&r);
}

static void a_hole_before_it_counts_as_a_transfer(void **state)
{
	struct iscsip_pdu first, second;
	struct rig r;

	(void)state;
	rig_init(&r);
	r.place_later = true;
	rig_open(&r, "", 1);
	first = rig_write(&r, 0, 512);
	second = rig_write(&r, 0, 512);
	peer_send(&r.peer[0], &second, NULL, 0);
	(void)first;
	assert_non_null(r.placing);
	assert_int_equal(iscsip_cmd_set_buffer(r.placing, &(struct iscsip_vec){ pattern, 512 }, 1), ISCSIP_OK);
	iscsip_cmd_hurry(r.placing);
	tick(&r, 1000, ISCSIP_OK);
	tick(&r, 1000 + r.cfg.hurry_ms, ISCSIP_ETIMEDOUT);
	rig_drop(&r, 0);
	rig_close(&r);
}

static void an_aborted_one_has_the_time_once(void **state)
{
	struct peer_pdu r2t;
	struct iscsip_pdu h, d;
	iscsip_time now;
	uint8_t bhs[48];
	struct rig r;

	(void)state;
	h = unanswered(&r, &r2t);
	d = rig_data_out(&h, r2t.h.r2t.ttt, 0, 0, true);
	d.data_len = 4096;
	assert_int_equal(iscsip_pdu_encode(bhs, &d), ISCSIP_OK);
	peer_send_raw(&r.peer[0], bhs, 48);
	peer_send_raw(&r.peer[0], pattern, 100);
	assert_int_equal(iscsip_cmd_abort(r.cmds[0]), ISCSIP_OK);
	assert_int_equal(rig_good(r.cmds[0], 0, 0), ISCSIP_OK);
	assert_int_equal(r.frees, 0); /* the rest of the PDU lands there */
	iscsip_cmd_hurry(r.cmds[0]);
	tick(&r, 1000, ISCSIP_OK);
	for (now = 1000; now + 500 < 1000 + r.cfg.hurry_ms; now += 500) {
		tick(&r, now, ISCSIP_OK);
		peer_send_raw(&r.peer[0], pattern, 1);
	}
	tick(&r, 1000 + r.cfg.hurry_ms, ISCSIP_ETIMEDOUT);
	rig_drop(&r, 0);
	assert_int_equal(r.frees, 1);
	rig_close(&r);
}

static void without_a_limit_nothing_hurries(void **state)
{
	struct peer_pdu r2t;
	struct rig r;

	(void)state;
	(void)unanswered(&r, &r2t);
	r.cfg.hurry_ms = 0;
	iscsip_cmd_hurry(r.cmds[0]);
	tick(&r, 1u << 30, ISCSIP_OK);
	assert_int_equal(iscsip_conn_deadline(r.conn[0]), ISCSIP_TIME_NEVER);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_under_a_digest_lies_aside_both_ways),
		cmocka_unit_test(a_command_before_its_turn_lies_aside_until_then),
		cmocka_unit_test(what_comes_unasked_is_told),
		cmocka_unit_test(a_transfer_that_stands_still_ends_its_connection_when_others_wait),
		cmocka_unit_test(one_that_moves_has_four_times_that),
		cmocka_unit_test(time_of_the_device_server_does_not_count),
		cmocka_unit_test(data_that_nobody_takes_ends_its_connection),
		cmocka_unit_test(a_hole_before_it_counts_as_a_transfer),
		cmocka_unit_test(an_aborted_one_has_the_time_once),
		cmocka_unit_test(without_a_limit_nothing_hurries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
