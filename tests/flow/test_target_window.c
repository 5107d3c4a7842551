/* SPDX-License-Identifier: MIT */
/*
 * Command numbers at the target: order, window, holes, immediate commands, tags in use.
 */
#include "flow/target_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void commands_are_executed_in_the_order_of_their_numbers(void **state)
{
	static const int order[] = { 2, 0, 4, 1, 3 };
	struct rig r;
	struct iscsip_pdu h[5];

	(void)state;
	rig_init(&r);
	r.manual = true;
	rig_open(&r, "", 1);
	for (int i = 0; i < 5; i++)
		h[i] = rig_read(&r, 0, 512);
	for (int i = 0; i < 5; i++)
		peer_send(&r.peer[0], &h[order[i]], NULL, 0);
	assert_int_equal(r.cmd_count, 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(r.cmds[i]->tag, h[i].itt);
	rig_close(&r);
}

static void what_lies_outside_the_window_or_comes_twice_is_ignored_in_silence(void **state)
{
	struct rig r;
	struct iscsip_session_stats st;
	struct iscsip_pdu h;
	static const uint8_t data[512] = { 0 };

	(void)state;
	rig_init(&r);
	r.cfg.limits.max_tasks = 4;
	r.manual = true;
	rig_open(&r, "", 1);
	h = rig_write(&r, 0, 512);
	h.scsi_command.cmdsn -= 1;
	peer_send(&r.peer[0], &h, data, 512); /* before the window: its data passes by */
	h.scsi_command.cmdsn += 5;
	peer_send(&r.peer[0], &h, data, 512); /* behind it */
	h.scsi_command.cmdsn += 0x7fffffff;
	peer_send(&r.peer[0], &h, NULL, 0);
	assert_int_equal(r.places, 0);
	h.scsi_command.cmdsn = r.cmdsn - 1 + 3; /* the last number of the window */
	peer_send(&r.peer[0], &h, data, 512);
	assert_int_equal(r.places, 1);
	h.itt = r.itt++;
	peer_send(&r.peer[0], &h, data, 512); /* the same number again, with another tag */
	assert_int_equal(r.places, 1);
	assert_int_equal(r.execs, 0);
	iscsip_session_get_stats(r.s, &st);
	assert_int_equal(st.ignored, 4);
	rig_quiet(&r);
	/* the hole is filled: all follow */
	for (int i = 0; i < 3; i++) {
		h = rig_read(&r, 0, 512);
		h.scsi_command.cmdsn--;
		peer_send(&r.peer[0], &h, NULL, 0);
	}
	assert_int_equal(r.execs, 4);
	rig_close(&r);
}

static void the_window_closes_with_the_last_slot_and_opens_with_the_response(void **state)
{
	struct rig r;
	struct iscsip_pdu h, ping;
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	r.cfg.limits.max_tasks = 3;
	r.later = true;
	rig_open(&r, "", 1);
	for (int i = 0; i < 3; i++) {
		h = rig_read(&r, 0, 512);
		peer_send(&r.peer[0], &h, NULL, 0);
	}
	ping = (struct iscsip_pdu){ .opcode = ISCSIP_OP_NOP_OUT, .immediate = true, .final = true, .itt = r.itt++ };
	ping.nop_out.cmdsn = r.cmdsn;
	ping.nop_out.ttt = ISCSIP_TAG_NONE;
	peer_send(&r.peer[0], &ping, NULL, 0);
	got = rig_expect(&r, ISCSIP_OP_NOP_IN);
	assert_int_equal(got.h.nop_in.expcmdsn, r.cmdsn);
	assert_int_equal(got.h.nop_in.maxcmdsn, r.cmdsn - 1);
	h = rig_read(&r, 0, 512);
	peer_send(&r.peer[0], &h, NULL, 0);
	assert_int_equal(r.execs, 3);
	r.cmdsn--;
	rig_run(&r);
	for (uint32_t i = 1; i <= 3; i++) {
		got = rig_expect(&r, ISCSIP_OP_DATA_IN);
		assert_int_equal(got.h.data_in.maxcmdsn, r.cmdsn + i - 1);
	}
	rig_quiet(&r);
	rig_close(&r);
}

static void maxcmdsn_never_goes_back(void **state)
{
	struct rig r;
	struct iscsip_pdu h;
	struct peer_pdu got;
	uint32_t max;
	bool first = true;

	(void)state;
	rig_init(&r);
	r.cfg.limits.max_tasks = 4;
	r.later = true;
	rig_open(&r, "", 1);
	max = r.cmdsn + 3;
	for (int round = 0; round < 40; round++) {
		for (int i = 0; i < 1 + round % 4; i++) {
			h = rig_read(&r, 0, 512);
			peer_send(&r.peer[0], &h, NULL, 0);
		}
		rig_run(&r);
		while (peer_recv(&r.peer[0], &got)) {
			assert_true((int32_t)(got.h.reply.maxcmdsn - max) >= 0 || first);
			first = false;
			max = got.h.reply.maxcmdsn;
			assert_true(max - got.h.reply.expcmdsn + 1 <= 4);
		}
	}
	assert_int_equal(max, r.cmdsn + 3);
	rig_close(&r);
}

static void a_window_that_opens_without_a_response_is_told_by_a_nop_in(void **state)
{
	struct rig r;
	struct iscsip_pdu h, tmf;
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	r.cfg.limits.max_tasks = 1;
	r.manual = true;
	rig_open(&r, "", 1);
	h = rig_read(&r, 0, 512);
	peer_send(&r.peer[0], &h, NULL, 0);
	tmf = (struct iscsip_pdu){ .opcode = ISCSIP_OP_TASK_REQUEST, .immediate = true, .final = true, .itt = r.itt++ };
	tmf.task_request.function = ISCSIP_TMF_ABORT_TASK;
	tmf.task_request.cmdsn = r.cmdsn;
	tmf.task_request.ref_task_tag = h.itt;
	tmf.task_request.ref_cmdsn = h.scsi_command.cmdsn;
	peer_send(&r.peer[0], &tmf, NULL, 0);
	got = rig_expect(&r, ISCSIP_OP_TASK_RESPONSE);
	assert_int_equal(got.h.task_response.response, ISCSIP_TMF_COMPLETE);
	assert_int_equal(got.h.task_response.maxcmdsn, r.cmdsn - 1); /* the device server has the slot still */
	rig_quiet(&r);
	assert_int_equal(rig_good(r.cmds[0], 0, 0), ISCSIP_OK);
	got = rig_expect(&r, ISCSIP_OP_NOP_IN);
	assert_int_equal(got.h.itt, ISCSIP_TAG_NONE);
	assert_int_equal(got.h.nop_in.ttt, ISCSIP_TAG_NONE);
	assert_int_equal(got.h.nop_in.maxcmdsn, r.cmdsn);
	rig_quiet(&r);
	r.cmd_count = 0;
	r.manual = false;
	rig_alive(&r);
	rig_close(&r);
}

static void immediate_commands_have_slots_of_their_own_and_are_refused_beyond(void **state)
{
	struct rig r;
	struct iscsip_pdu h;
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	r.cfg.limits.max_tasks = 2;
	r.manual = true;
	rig_open(&r, "", 1);
	for (int i = 0; i < 2; i++) {
		h = rig_read(&r, 0, 512);
		peer_send(&r.peer[0], &h, NULL, 0);
	}
	for (int i = 0; i < 2; i++) { /* an immediate command finds its slot, the second does not */
		h = rig_read(&r, 0, 512);
		h.immediate = true;
		h.scsi_command.cmdsn = --r.cmdsn;
		peer_send(&r.peer[0], &h, NULL, 0);
	}
	assert_int_equal(r.execs, 3);
	got = rig_expect(&r, ISCSIP_OP_REJECT);
	assert_int_equal(got.h.reject.reason, ISCSIP_REJECT_IMMEDIATE);
	assert_int_equal(got.h.data_len, 48);
	assert_int_equal((uint32_t)got.data[16] << 24 | (uint32_t)got.data[17] << 16 | (uint32_t)got.data[18] << 8 | got.data[19],
			 h.itt);
	/* task management has another */
	h = (struct iscsip_pdu){ .opcode = ISCSIP_OP_TASK_REQUEST, .immediate = true, .final = true, .itt = r.itt++ };
	h.task_request.function = ISCSIP_TMF_CLEAR_ACA;
	h.task_request.cmdsn = r.cmdsn;
	h.task_request.ref_task_tag = ISCSIP_TAG_NONE;
	peer_send(&r.peer[0], &h, NULL, 0);
	(void)rig_expect(&r, ISCSIP_OP_TASK_RESPONSE);
	rig_close(&r);
}

/* What MaxCmdSN has promised is nobody else's, even while it is not used. */
static void an_immediate_command_takes_no_place_that_was_promised(void **state)
{
	struct rig r;
	struct iscsip_pdu h;

	(void)state;
	rig_init(&r);
	r.cfg.limits.max_tasks = 2;
	r.manual = true;
	rig_open(&r, "", 1);
	for (int i = 0; i < 2; i++) {
		h = rig_read(&r, 0, 512);
		h.immediate = true;
		h.scsi_command.cmdsn = --r.cmdsn;
		peer_send(&r.peer[0], &h, NULL, 0);
	}
	assert_int_equal(rig_expect(&r, ISCSIP_OP_REJECT).h.reject.reason, ISCSIP_REJECT_IMMEDIATE);
	assert_int_equal(r.execs, 1);
	for (int i = 0; i < 2; i++) {
		h = rig_read(&r, 0, 512);
		peer_send(&r.peer[0], &h, NULL, 0);
	}
	rig_quiet(&r);
	assert_int_equal(r.execs, 3);
	rig_close(&r);
}

static void pings_wait_for_their_answer_to_leave_instead_of_being_refused(void **state)
{
	struct rig r;
	struct iscsip_pdu h;
	struct peer_pdu got;
	uint32_t first;

	(void)state;
	rig_init(&r);
	r.cfg.limits.max_tasks = 1;
	rig_open(&r, "", 1);
	first = r.itt;
	for (int i = 0; i < 100; i++) { /* without reading one answer */
		h = (struct iscsip_pdu){ .opcode = ISCSIP_OP_NOP_OUT, .immediate = true, .final = true, .itt = r.itt++ };
		h.nop_out.cmdsn = r.cmdsn;
		h.nop_out.ttt = ISCSIP_TAG_NONE;
		peer_send(&r.peer[0], &h, "ping", 4);
	}
	assert_false(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_RX);
	for (uint32_t i = 0; i < 100; i++) {
		got = rig_expect(&r, ISCSIP_OP_NOP_IN);
		assert_int_equal(got.h.itt, first + i);
		assert_int_equal(got.h.nop_in.statsn, r.cfg.initial_statsn + 1 + i);
	}
	rig_alive(&r);
	rig_close(&r);
}

static void a_tag_in_use_is_refused_and_its_number_stays_open(void **state)
{
	struct rig r;
	struct iscsip_pdu h, second;
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	r.manual = true;
	rig_open(&r, "", 1);
	h = rig_read(&r, 0, 512);
	peer_send(&r.peer[0], &h, NULL, 0);
	peer_send(&r.peer[0], &h, NULL, 0); /* a retry of what has been delivered (4.2.2.1) */
	rig_quiet(&r);
	second = rig_read(&r, 0, 512);
	second.itt = h.itt;
	peer_send(&r.peer[0], &second, NULL, 0);
	got = rig_expect(&r, ISCSIP_OP_REJECT);
	assert_int_equal(got.h.reject.reason, ISCSIP_REJECT_IN_PROGRESS);
	assert_int_equal(got.h.reject.expcmdsn, second.scsi_command.cmdsn);
	assert_int_equal(r.execs, 1);
	/* the hole is plugged with another tag (7.3) */
	second.itt = r.itt++;
	peer_send(&r.peer[0], &second, NULL, 0);
	assert_int_equal(r.execs, 2);
	rig_close(&r);
}

static void a_promised_slot_that_the_transport_still_holds_is_waited_for(void **state)
{
	struct rig r;
	struct iscsip_pdu h[3];
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	r.cfg.flags = ISCSIP_CFG_TX_HOLD;
	r.cfg.limits.max_tasks = 2;
	rig_open(&r, "", 1);
	r.peer[0].keep = true;
	for (int i = 0; i < 2; i++) {
		h[i] = rig_read(&r, 0, 512);
		peer_send(&r.peer[0], &h[i], NULL, 0);
	}
	for (int i = 0; i < 2; i++) {
		got = rig_expect(&r, ISCSIP_OP_DATA_IN);
		assert_true(got.h.data_in.has_status);
	}
	assert_int_equal(got.h.data_in.maxcmdsn, r.cmdsn + 1);
	assert_int_equal(r.frees, 0);
	/* the initiator has all it needs to send more, even with the first tag again */
	h[2] = rig_read(&r, 1, 512);
	h[2].itt = h[0].itt;
	peer_send(&r.peer[0], &h[2], NULL, 0);
	assert_int_equal(r.execs, 2);
	assert_false(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_RX);
	peer_release(&r.peer[0], 48 + 512 - 1);
	assert_int_equal(r.frees, 0);
	assert_int_equal(r.execs, 2);
	peer_release(&r.peer[0], 1);
	assert_int_equal(r.frees, 1);
	assert_int_equal(r.execs, 3);
	r.peer[0].keep = false;
	peer_release(&r.peer[0], r.peer[0].kept);
	got = rig_expect(&r, ISCSIP_OP_DATA_IN);
	assert_memory_equal(got.data, r.disk + 512, 512);
	rig_alive(&r);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_are_executed_in_the_order_of_their_numbers),
		cmocka_unit_test(what_lies_outside_the_window_or_comes_twice_is_ignored_in_silence),
		cmocka_unit_test(the_window_closes_with_the_last_slot_and_opens_with_the_response),
		cmocka_unit_test(maxcmdsn_never_goes_back),
		cmocka_unit_test(a_window_that_opens_without_a_response_is_told_by_a_nop_in),
		cmocka_unit_test(immediate_commands_have_slots_of_their_own_and_are_refused_beyond),
		cmocka_unit_test(an_immediate_command_takes_no_place_that_was_promised),
		cmocka_unit_test(pings_wait_for_their_answer_to_leave_instead_of_being_refused),
		cmocka_unit_test(a_tag_in_use_is_refused_and_its_number_stays_open),
		cmocka_unit_test(a_promised_slot_that_the_transport_still_holds_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
