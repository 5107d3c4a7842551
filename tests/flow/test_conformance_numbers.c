/* SPDX-License-Identifier: MIT */
/*
 * What RFC 7143 demands of a target's numbers: CmdSN, the window, StatSN, immediate delivery (4.2.2), and of the answer to a
 * window that opens (11.4.11). Each test is named in docs/conformance.tsv.
 */
#include "flow/target_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct rig R;

/* An immediate ping: what it answers tells the numbers of now. */
static struct iscsip_reply numbers(void)
{
	struct iscsip_pdu h = { .opcode = ISCSIP_OP_NOP_OUT, .immediate = true, .final = true, .itt = R.itt++ };
	struct peer_pdu got;

	h.nop_out.ttt = ISCSIP_TAG_NONE;
	h.request.cmdsn = R.cmdsn;
	peer_send(&R.peer[0], &h, NULL, 0);
	got = rig_expect(&R, ISCSIP_OP_NOP_IN);
	assert_int_equal(got.h.itt, h.itt);
	return got.h.reply;
}

static void window(uint16_t tasks)
{
	rig_init(&R);
	R.cfg.limits.max_tasks = tasks;
	rig_open(&R, "", 1);
}

static void commands_run_in_the_order_of_their_numbers_and_a_gap_is_not_acknowledged(void **state)
{
	uint32_t base, round;

	(void)state;
	window(16);
	R.later = true;
	/* the numbers pass 2^32 in the third round */
	for (round = 0, base = R.cmdsn; round < 6; round++, base += 3) {
		struct iscsip_pdu h[3];
		int i;

		for (i = 0; i < 3; i++)
			h[i] = rig_read(&R, (uint32_t)i, 512);
		R.cmd_count = 0;
		peer_send(&R.peer[0], &h[2], NULL, 0);
		assert_int_equal(numbers().expcmdsn, base);
		peer_send(&R.peer[0], &h[1], NULL, 0);
		assert_int_equal(numbers().expcmdsn, base);
		assert_int_equal(R.cmd_count, 0);
		peer_send(&R.peer[0], &h[0], NULL, 0);
		assert_int_equal(R.cmd_count, 3);
		for (i = 0; i < 3; i++)
			assert_int_equal(R.cmds[i]->tag, h[i].itt);
		rig_run(&R);
		for (i = 0; i < 3; i++)
			assert_int_equal(rig_expect(&R, ISCSIP_OP_DATA_IN).h.data_in.expcmdsn, base + 3);
	}
	rig_close(&R);
}

static void an_answer_is_never_ahead_of_the_acknowledgment_of_its_command(void **state)
{
	int i;

	(void)state;
	window(4);
	for (i = 0; i < 20; i++) {
		struct iscsip_pdu h = i % 2 ? rig_read(&R, 0, 512) : rig_write(&R, 0, 0);
		struct peer_pdu got;

		peer_send(&R.peer[0], &h, NULL, 0);
		assert_true(peer_recv(&R.peer[0], &got));
		assert_int_equal(got.h.itt, h.itt);
		assert_int_equal(got.h.reply.expcmdsn, h.request.cmdsn + 1u);
		assert_true(got.h.reply.maxcmdsn - got.h.reply.expcmdsn + 1u <= 4);
	}
	rig_close(&R);
}

static void statuses_are_numbered_one_by_one_on_their_connection(void **state)
{
	uint32_t last;
	int i;

	(void)state;
	window(8);
	last = numbers().statsn;
	for (i = 0; i < 12; i++) {
		struct iscsip_pdu h = rig_read(&R, 0, 512);
		struct peer_pdu got;

		h.scsi_command.cdb[0] = i % 3 ? 0x28 : 0x99;
		peer_send(&R.peer[0], &h, NULL, 0);
		assert_true(peer_recv(&R.peer[0], &got));
		assert_int_equal(got.h.reply.statsn, ++last);
		assert_int_equal(numbers().statsn, ++last);
	}
	rig_close(&R);
}

static void outside_of_the_window_and_twice_inside_of_it_there_is_silence(void **state)
{
	struct iscsip_pdu h[4], extra, ahead;
	struct iscsip_reply n;
	int i;

	(void)state;
	window(4);
	R.manual = true;
	n = numbers();
	assert_int_equal(n.maxcmdsn, n.expcmdsn + 3);
	for (i = 0; i < 4; i++) {
		h[i] = rig_read(&R, 0, 512);
		peer_send(&R.peer[0], &h[i], NULL, 0);
		/* each command that runs takes one of the promised numbers, and never one more */
		n = numbers();
		assert_int_equal(n.expcmdsn, h[i].request.cmdsn + 1u);
		assert_int_equal(n.maxcmdsn, h[0].request.cmdsn + 3u);
	}
	assert_int_equal(n.maxcmdsn, n.expcmdsn - 1u);
	extra = rig_read(&R, 0, 512);
	peer_send(&R.peer[0], &extra, NULL, 0);
	extra.request.cmdsn += 0x7ffffff0u;
	peer_send(&R.peer[0], &extra, NULL, 0);
	for (i = 0; i < 4; i++) {
		extra.itt++;
		extra.request.cmdsn = h[i].request.cmdsn;
		peer_send(&R.peer[0], &extra, NULL, 0);
	}
	rig_quiet(&R);
	assert_int_equal(R.execs, 4);
	for (i = 0; i < 4; i++)
		assert_int_equal(rig_good(R.cmds[i], 0, 0), ISCSIP_OK);
	R.cmd_count = 0;
	for (i = 0; i < 4; i++) {
		n = rig_expect(&R, ISCSIP_OP_SCSI_RESPONSE).h.reply;
		assert_true(n.maxcmdsn - n.expcmdsn + 1u <= 4);
	}
	/* a number that waits for its turn is taken once too */
	R.cmdsn = n.expcmdsn;
	extra = rig_read(&R, 0, 512);
	ahead = rig_read(&R, 0, 512);
	peer_send(&R.peer[0], &ahead, NULL, 0);
	ahead.itt++;
	peer_send(&R.peer[0], &ahead, NULL, 0);
	peer_send(&R.peer[0], &extra, NULL, 0);
	assert_int_equal(R.cmd_count, 2);
	assert_int_equal(R.cmds[1]->tag, ahead.itt - 1u);
	rig_quiet(&R);
	rig_close(&R);
}

static void a_task_that_runs_is_known_by_its_tag_whatever_number_comes_with_it(void **state)
{
	struct iscsip_pdu h, again;
	struct peer_pdu got;

	(void)state;
	window(8);
	R.manual = true;
	h = rig_read(&R, 0, 512);
	peer_send(&R.peer[0], &h, NULL, 0);
	/* sent again as it was: it runs already */
	peer_send(&R.peer[0], &h, NULL, 0);
	rig_quiet(&R);
	/* the tag with another number: refused, and the number counts as not received (7.3) */
	again = h;
	again.request.cmdsn++;
	peer_send(&R.peer[0], &again, NULL, 0);
	got = rig_expect(&R, ISCSIP_OP_REJECT);
	assert_int_equal(got.h.reject.reason, ISCSIP_REJECT_IN_PROGRESS);
	assert_int_equal(numbers().expcmdsn, h.request.cmdsn + 1u);
	assert_int_equal(R.execs, 1);
	/* the task itself still ends with its own response */
	assert_int_equal(rig_good(R.cmds[0], 0, 0), ISCSIP_OK);
	assert_int_equal(rig_expect(&R, ISCSIP_OP_SCSI_RESPONSE).h.itt, h.itt);
	rig_close(&R);
}

static void a_full_window_takes_one_immediate_tmf_and_one_other_immediate_request(void **state)
{
	struct iscsip_pdu h, cmd, tmf;
	struct iscsip_reply before, after;

	(void)state;
	window(1);
	R.manual = R.hold_tmf = true;
	h = rig_read(&R, 0, 512);
	peer_send(&R.peer[0], &h, NULL, 0);
	before = numbers();
	assert_int_equal(before.maxcmdsn, before.expcmdsn - 1u);
	cmd = rig_read(&R, 0, 512);
	R.cmdsn--;
	cmd.immediate = true;
	peer_send(&R.peer[0], &cmd, NULL, 0);
	assert_int_equal(R.execs, 2);
	assert_int_equal(R.cmds[1]->tag, cmd.itt);
	assert_true(R.cmds[1]->flags & ISCSIP_CMD_IMMEDIATE);
	tmf = rig_request(&R, ISCSIP_OP_TASK_REQUEST);
	R.cmdsn--;
	tmf.immediate = true;
	tmf.task_request.function = ISCSIP_TMF_LOGICAL_UNIT_RESET;
	tmf.task_request.ref_task_tag = ISCSIP_TAG_NONE;
	tmf.lun = 1ull << 48;
	peer_send(&R.peer[0], &tmf, NULL, 0);
	assert_non_null(R.tmf);
	rig_quiet(&R);
	assert_int_equal(rig_good(R.cmds[1], 0, 0), ISCSIP_OK);
	after = rig_expect(&R, ISCSIP_OP_SCSI_RESPONSE).h.reply;
	/* neither has moved the number, nor the window */
	assert_int_equal(after.expcmdsn, before.expcmdsn);
	assert_int_equal(after.maxcmdsn, before.maxcmdsn);
	assert_int_equal(iscsip_tmf_complete(R.tmf, ISCSIP_TMF_COMPLETE), ISCSIP_OK);
	assert_int_equal(rig_expect(&R, ISCSIP_OP_TASK_RESPONSE).h.itt, tmf.itt);
	/* one immediate request too many is refused by name, not dropped */
	R.cmds[1] = NULL;
	peer_send(&R.peer[0], &cmd, NULL, 0);
	cmd.itt = R.itt++;
	peer_send(&R.peer[0], &cmd, NULL, 0);
	assert_int_equal(rig_expect(&R, ISCSIP_OP_REJECT).h.reject.reason, ISCSIP_REJECT_IMMEDIATE);
	rig_close(&R);
}

static void a_window_that_opens_with_nothing_to_say_is_told_by_a_nop_in(void **state)
{
	struct iscsip_pdu h;
	struct iscsip_reply before;
	struct peer_pdu got;

	(void)state;
	window(1);
	R.manual = true;
	h = rig_read(&R, 0, 512);
	peer_send(&R.peer[0], &h, NULL, 0);
	before = numbers();
	/* the device server drops the command: no response will tell of its slot */
	assert_int_equal(iscsip_cmd_abort(R.cmds[0]), ISCSIP_OK);
	assert_int_equal(rig_good(R.cmds[0], 0, 0), ISCSIP_OK);
	got = rig_expect(&R, ISCSIP_OP_NOP_IN);
	assert_int_equal(got.h.nop_in.maxcmdsn, before.maxcmdsn + 1u);
	assert_int_equal(got.h.itt, ISCSIP_TAG_NONE);
	assert_int_equal(got.h.nop_in.ttt, ISCSIP_TAG_NONE);
	assert_int_equal(got.h.data_len, 0);
	rig_quiet(&R);
	rig_close(&R);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_run_in_the_order_of_their_numbers_and_a_gap_is_not_acknowledged),
		cmocka_unit_test(an_answer_is_never_ahead_of_the_acknowledgment_of_its_command),
		cmocka_unit_test(statuses_are_numbered_one_by_one_on_their_connection),
		cmocka_unit_test(outside_of_the_window_and_twice_inside_of_it_there_is_silence),
		cmocka_unit_test(a_task_that_runs_is_known_by_its_tag_whatever_number_comes_with_it),
		cmocka_unit_test(a_full_window_takes_one_immediate_tmf_and_one_other_immediate_request),
		cmocka_unit_test(a_window_that_opens_with_nothing_to_say_is_told_by_a_nop_in),
	};

	return cmocka_run_group_tests_name("conformance: numbers", tests, NULL, NULL);
}
