/* SPDX-License-Identifier: MIT */
/*
 * The exchanges of the figures and what the decisions add to them, both roles against each other (statements A14, A17 to
 * A31, A33): which frames go, in which order, what the device server is told and when, and what the initiator learns.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flow/frame_rig.h"

static int begin(void **state)
{
	*state = frame_rig_new();
	return 0;
}

static int finish(void **state)
{
	frame_rig_free(*state);
	return 0;
}

static uint8_t buffer[RIG_BLOCKS * RIG_BLOCK];

/* --- the figures --- */

static void a17_a18_a19_a20_a21_a_read_is_newc_then_xfer_with_status_and_data_and_no_cmpt(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_frame f[2];
	struct iscsip_vec vec;

	frame_rig_open(r);
	frame_rig_read(r, &x, &vec, buffer, 3, 4);
	assert_true(frame_rig_collect(r, TO_TARGET));
	assert_int_equal(frame_rig_frames(r, TO_TARGET, f, 2), 1);
	assert_int_equal(f[0].event, ISCSIP_FRAME_NEWC);
	assert_int_equal(f[0].originator_buffer[0], 0x28);
	assert_int_equal(f[0].transfer_length, 2048);
	assert_string_equal(r->log, "");
	frame_rig_deliver(r, TO_TARGET);
	assert_string_equal(r->log, "exec"); /* the target prepares the data */
	frame_rig_run(r);
	assert_string_equal(r->script, ">NEWC <XFER+2048");
	assert_int_equal(frame_rig_frames(r, TO_INITIATOR, f, 2), 1);
	assert_int_equal(f[0].status, 0);
	assert_int_equal(f[0].flags, ISCSIP_FRAME_READ | ISCSIP_FRAME_FINAL);
	assert_memory_equal(r->record[TO_INITIATOR].p + 68, r->medium + 3 * RIG_BLOCK, 2048);
	assert_int_equal(r->record[TO_INITIATOR].len, 68 + 2048);
	assert_int_equal(r->done, 1);
	assert_int_equal(x.result.err, ISCSIP_OK);
	assert_int_equal(x.result.status, 0);
	assert_int_equal(x.result.moved, 2048);
	assert_int_equal(x.result.residual, 0);
	assert_memory_equal(buffer, r->medium + 3 * RIG_BLOCK, 2048);
	assert_string_equal(r->log, "exec free");
}

static void a21_a_read_completes_with_its_last_byte_and_not_before(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_vec vec;

	frame_rig_open(r);
	frame_rig_read(r, &x, &vec, buffer, 0, 1);
	frame_rig_collect(r, TO_TARGET);
	frame_rig_deliver(r, TO_TARGET);
	frame_rig_collect(r, TO_INITIATOR);
	r->chunk = 1;
	for (int i = 0; i < 68 + 512; i++) {
		assert_int_equal(r->done, 0);
		assert_true(frame_rig_deliver(r, TO_INITIATOR));
	}
	assert_int_equal(r->done, 1);
}

static void a22_to_a29_a_write_is_newc_sndd_xfer_data_and_cmpt(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_frame f[2], g[2];
	struct iscsip_vec vec;

	frame_rig_open(r);
	frame_rig_pattern(buffer, 2048, 99);
	frame_rig_write(r, &x, &vec, buffer, 5, 4);
	frame_rig_collect(r, TO_TARGET);
	frame_rig_deliver(r, TO_TARGET);
	assert_string_equal(r->log, "place exec"); /* A23: buffers before SNDD */
	assert_string_equal(r->script, ">NEWC");
	frame_rig_collect(r, TO_INITIATOR);
	assert_string_equal(r->script, ">NEWC <SNDD+2048");
	frame_rig_deliver(r, TO_INITIATOR);
	assert_int_equal(r->done, 0);
	frame_rig_collect(r, TO_TARGET);
	assert_string_equal(r->script, ">NEWC <SNDD+2048 >XFER+2048");
	while (frame_rig_deliver(r, TO_TARGET))
		assert_int_equal(r->done, 0);
	assert_string_equal(r->log, "place exec data");
	assert_memory_equal(r->medium + 5 * RIG_BLOCK, buffer, 2048);
	assert_int_equal(r->done, 0);
	frame_rig_run(r);
	assert_string_equal(r->script, ">NEWC <SNDD+2048 >XFER+2048 <CMPT");
	assert_int_equal(r->done, 1);
	assert_int_equal(x.result.err, ISCSIP_OK);
	assert_int_equal(x.result.moved, 2048);
	assert_int_equal(x.result.residual, 0);
	assert_string_equal(r->log, "place exec data free");
	assert_int_equal(frame_rig_frames(r, TO_TARGET, f, 2), 2);
	assert_int_equal(frame_rig_frames(r, TO_INITIATOR, g, 2), 2);
	assert_int_equal(f[1].flags, ISCSIP_FRAME_WRITE | ISCSIP_FRAME_FINAL);
	assert_int_equal(g[1].flags, ISCSIP_FRAME_WRITE);
	assert_int_equal(g[1].transfer_length, 2048);
	assert_memory_equal(r->record[TO_TARGET].p + 2 * 68, buffer, 2048);
	assert_int_equal(r->record[TO_TARGET].len, 2 * 68 + 2048);
}

static void a14_a30_headers_and_data_fill_the_stream_and_xfer_stands_before_data_both_ways(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x[2];
	struct iscsip_frame f[8];
	struct iscsip_vec vec[2];
	uint32_t data[2] = { 0, 0 };

	frame_rig_open(r);
	frame_rig_write(r, &x[0], &vec[0], buffer, 5, 4);
	frame_rig_run(r);
	frame_rig_read(r, &x[1], &vec[1], buffer, 5, 3);
	frame_rig_run(r);
	for (int dir = 0; dir < 2; dir++) {
		int n = frame_rig_frames(r, dir, f, 8);

		for (int i = 0; i < n; i++) {
			assert_int_equal(f[i].type, ISCSIP_FRAME_CMDS); /* A15 */
			assert_int_equal(f[i].sequence, i);
			if (f[i].event == ISCSIP_FRAME_XFER)
				data[dir] += f[i].transfer_length;
		}
		assert_int_equal(r->record[dir].len, (size_t)n * 68 + data[dir]);
	}
	assert_int_equal(data[TO_TARGET], 2048);
	assert_int_equal(data[TO_INITIATOR], 1536);
}

/* --- identifiers and buffers --- */

static void every_frame_of_an_exchange_repeats_its_identifiers_lun_and_cdb(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_frame f[4], g[4];
	struct iscsip_vec vec;
	int nf, ng;

	r->tcfg.limits.max_burst = 1024;
	frame_rig_open(r);
	frame_rig_write(r, &x, &vec, buffer, 5, 4);
	frame_rig_run(r);
	nf = frame_rig_frames(r, TO_TARGET, f, 4);
	ng = frame_rig_frames(r, TO_INITIATOR, g, 4);
	assert_int_equal(nf, 3);
	assert_int_equal(ng, 3);
	assert_int_equal(f[0].responder_id, 0);
	assert_int_not_equal(f[0].originator_id, 0);
	assert_int_not_equal(g[0].responder_id, 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(f[i].originator_id, f[0].originator_id);
		assert_int_equal(g[i].originator_id, f[0].originator_id);
		assert_int_equal(g[i].responder_id, g[0].responder_id);
		assert_int_equal(i ? f[i].responder_id : g[0].responder_id, g[0].responder_id);
		assert_memory_equal(f[i].originator_buffer, x.cdb, 16);
		assert_memory_equal(g[i].originator_buffer, x.cdb, 16);
	}
	for (int i = 0; i < 2; i++) {
		static const uint8_t none[16];

		assert_memory_not_equal(g[i].responder_buffer, none, 16); /* the grant's handle */
		assert_memory_equal(f[i + 1].responder_buffer, g[i].responder_buffer, 16);
	}
	assert_memory_not_equal(g[0].responder_buffer, g[1].responder_buffer, 16);
}

static void an_exchange_id_is_not_used_again_by_the_next_exchange_in_its_slot(void **state)
{
	struct frame_rig *r = *state;
	struct iscsip_frame f[6], g[6];
	static struct iscsip_frame_exchange x;

	r->icfg.limits.max_exchanges = r->tcfg.limits.max_exchanges = 1;
	frame_rig_open(r);
	for (int i = 0; i < 6; i++) {
		frame_rig_test_unit_ready(r, &x);
		frame_rig_run(r);
	}
	assert_int_equal(frame_rig_frames(r, TO_TARGET, f, 6), 6);
	assert_int_equal(frame_rig_frames(r, TO_INITIATOR, g, 6), 6);
	for (int i = 0; i < 6; i++)
		for (int j = 0; j < i; j++) {
			assert_int_not_equal(f[i].originator_id, f[j].originator_id);
			assert_int_not_equal(g[i].responder_id, g[j].responder_id);
		}
	assert_int_equal(r->done, 6);
}

/* --- decisions --- */

static void a_command_without_data_is_newc_and_cmpt(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;

	frame_rig_open(r);
	frame_rig_test_unit_ready(r, &x);
	frame_rig_run(r);
	assert_string_equal(r->script, ">NEWC <CMPT");
	assert_int_equal(frame_rig_last(r, TO_TARGET).flags, 0);
	assert_int_equal(frame_rig_last(r, TO_INITIATOR).flags, 0);
	assert_int_equal(x.result.err, ISCSIP_OK);
	assert_int_equal(x.result.status, 0);
	assert_string_equal(r->log, "exec free");
}

static const uint8_t medium_error[18] = { 0xf0, 0, 3, 0, 0, 0x12, 0x34, 10, 1, 2, 3, 4, 0x11, 0x04, 7, 0x80, 0, 9 };

static void a_failed_read_is_cmpt_with_status_and_sense_and_no_xfer(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_vec vec;

	r->manner.status = 2;
	r->manner.sense = medium_error;
	r->manner.sense_len = sizeof medium_error;
	frame_rig_open(r);
	frame_rig_read(r, &x, &vec, buffer, 0, 4);
	frame_rig_run(r);
	assert_string_equal(r->script, ">NEWC <CMPT");
	assert_int_equal(frame_rig_last(r, TO_INITIATOR).transfer_length, 0);
	assert_int_equal(frame_rig_last(r, TO_INITIATOR).flags, ISCSIP_FRAME_READ | ISCSIP_FRAME_SENSE);
	assert_memory_equal(frame_rig_last(r, TO_INITIATOR).responder_buffer, medium_error, 16);
	assert_int_equal(x.result.err, ISCSIP_OK);
	assert_int_equal(x.result.status, 2);
	assert_int_equal(x.result.sense_len, 16);
	assert_memory_equal(x.result.sense, medium_error, 16);
	assert_int_equal(x.result.residual, 2048);
}

static void a_short_read_is_a_shorter_xfer_with_final(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_vec vec;

	r->manner.shorter = 700;
	frame_rig_open(r);
	frame_rig_read(r, &x, &vec, buffer, 0, 4);
	frame_rig_run(r);
	assert_string_equal(r->script, ">NEWC <XFER+1348");
	assert_int_equal(frame_rig_last(r, TO_INITIATOR).flags, ISCSIP_FRAME_READ | ISCSIP_FRAME_FINAL);
	assert_int_equal(x.result.moved, 1348);
	assert_int_equal(x.result.residual, 700);
}

static void a_read_that_fails_after_its_data_tells_status_and_sense_in_the_last_xfer(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_vec vec;

	r->manner.status = 2;
	r->manner.give = 1000;
	r->manner.sense = medium_error;
	r->manner.sense_len = sizeof medium_error;
	frame_rig_open(r);
	frame_rig_read(r, &x, &vec, buffer, 0, 4);
	frame_rig_run(r);
	assert_string_equal(r->script, ">NEWC <XFER+1000");
	assert_int_equal(frame_rig_last(r, TO_INITIATOR).flags, ISCSIP_FRAME_READ | ISCSIP_FRAME_SENSE | ISCSIP_FRAME_FINAL);
	assert_int_equal(x.result.status, 2);
	assert_memory_equal(x.result.sense, medium_error, 16);
	assert_int_equal(x.result.moved, 1000);
}

static void a_status_that_comes_after_the_data_went_is_told_by_cmpt_with_the_bytes_moved(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_vec vec;

	r->manner.status_late = true;
	r->manner.piece = 1000;
	frame_rig_open(r);
	frame_rig_read(r, &x, &vec, buffer, 0, 4);
	frame_rig_run(r);
	assert_string_equal(r->script, ">NEWC <XFER+1000 <XFER+1000 <XFER+48 <CMPT");
	assert_int_equal(frame_rig_last(r, TO_INITIATOR).transfer_length, 2048);
	assert_string_equal(r->log, "exec sent sent sent free");
	assert_int_equal(x.result.moved, 2048);
	assert_memory_equal(buffer, r->medium, 2048);
}

static void pieces_of_a_read_go_one_after_the_other_and_the_last_is_final(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_frame f[3];
	struct iscsip_vec vec;

	r->manner.piece = 800;
	frame_rig_open(r);
	frame_rig_read(r, &x, &vec, buffer, 0, 4);
	frame_rig_run(r);
	assert_string_equal(r->script, ">NEWC <XFER+800 <XFER+800 <XFER+448");
	assert_int_equal(frame_rig_frames(r, TO_INITIATOR, f, 3), 3);
	assert_int_equal(f[0].flags, ISCSIP_FRAME_READ);
	assert_int_equal(f[1].flags, ISCSIP_FRAME_READ);
	assert_int_equal(f[2].flags, ISCSIP_FRAME_READ | ISCSIP_FRAME_FINAL);
	assert_memory_equal(buffer, r->medium, 2048);
	assert_string_equal(r->log, "exec sent sent free");
}

static void bursts_cut_reads_into_xfers_and_writes_into_rounds(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_vec vec;

	r->tcfg.limits.max_burst = 700;
	r->icfg.limits.max_burst = 400;
	frame_rig_open(r);
	frame_rig_read(r, &x, &vec, buffer, 7, 4);
	frame_rig_run(r);
	assert_string_equal(r->script, ">NEWC <XFER+700 <XFER+700 <XFER+648");
	assert_memory_equal(buffer, r->medium + 7 * RIG_BLOCK, 2048);
	r->script[0] = 0;
	frame_rig_pattern(buffer, 2048, 5);
	frame_rig_write(r, &x, &vec, buffer, 9, 4);
	frame_rig_run(r);
	assert_string_equal(r->script, ">NEWC <SNDD+700 >XFER+400 >XFER+300 <SNDD+700 >XFER+400 >XFER+300 "
				       "<SNDD+648 >XFER+400 >XFER+248 <CMPT");
	assert_memory_equal(r->medium + 9 * RIG_BLOCK, buffer, 2048);
	assert_string_equal(r->log, "exec free place exec data free");
}

static void the_device_server_may_ask_for_the_data_bit_by_bit(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_vec vec;

	r->manner.ask = 900;
	frame_rig_open(r);
	frame_rig_pattern(buffer, 2048, 6);
	frame_rig_write(r, &x, &vec, buffer, 9, 4);
	frame_rig_run(r);
	assert_string_equal(r->script, ">NEWC <SNDD+900 >XFER+900 <SNDD+900 >XFER+900 <SNDD+248 >XFER+248 <CMPT");
	assert_string_equal(r->log, "place exec data data data free");
	assert_memory_equal(r->medium + 9 * RIG_BLOCK, buffer, 2048);
}

static void a_request_beyond_what_came_asks_for_all_up_to_its_end(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_vec vec;
	struct frame_rig_op *op;

	r->manner.hold = r->manner.never = true;
	frame_rig_open(r);
	frame_rig_write(r, &x, &vec, buffer, 9, 4);
	frame_rig_run(r);
	op = frame_rig_find(r, x.id);
	assert_int_equal(iscsip_cmd_request_data(op->cmd, 1024, 0), ISCSIP_EINVAL);
	assert_int_equal(iscsip_cmd_request_data(op->cmd, 1024, 1025), ISCSIP_EINVAL);
	assert_int_equal(iscsip_cmd_request_data(op->cmd, 0xffffffffu, 2), ISCSIP_EINVAL);
	assert_int_equal(iscsip_cmd_request_data(op->cmd, 1024, 512), ISCSIP_OK);
	assert_int_equal(iscsip_cmd_request_data(op->cmd, 0, 512), ISCSIP_EAGAIN);
	op->done = op->len;
	frame_rig_run(r);
	assert_string_equal(r->script, ">NEWC <SNDD+1536 >XFER+1536");
	assert_string_equal(r->log, "place exec data");
	assert_int_equal(iscsip_cmd_request_data(op->cmd, 0, 1536), ISCSIP_DONE);
	frame_rig_complete(op, 0);
	frame_rig_run(r);
	assert_int_equal(x.result.moved, 1536);
	assert_int_equal(x.result.residual, 512);
}

static void a_write_that_ends_early_is_answered_with_what_was_moved(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_vec vec;

	r->manner.status = 2;
	r->manner.ask = 500;
	r->manner.give = 1000;
	r->manner.sense = medium_error;
	r->manner.sense_len = sizeof medium_error;
	frame_rig_open(r);
	frame_rig_write(r, &x, &vec, buffer, 9, 4);
	frame_rig_run(r);
	assert_string_equal(r->script, ">NEWC <SNDD+500 >XFER+500 <SNDD+500 >XFER+500 <CMPT");
	assert_int_equal(frame_rig_last(r, TO_INITIATOR).transfer_length, 1000);
	assert_int_equal(frame_rig_last(r, TO_TARGET).flags, ISCSIP_FRAME_WRITE); /* never FINAL: 1048 bytes stay */
	assert_int_equal(x.result.status, 2);
	assert_int_equal(x.result.residual, 1048);
}

static void a_write_refused_at_once_moves_no_data(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_vec vec;

	r->manner.status = 0x18; /* RESERVATION CONFLICT */
	frame_rig_open(r);
	frame_rig_write(r, &x, &vec, buffer, 9, 4);
	frame_rig_run(r);
	assert_string_equal(r->script, ">NEWC <CMPT");
	assert_int_equal(x.result.status, 0x18);
	assert_int_equal(x.result.sense_len, 0);
	assert_string_equal(r->log, "place exec free");
}

static void a_write_completed_while_data_is_due_is_answered_when_it_has_come(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_vec vec;

	r->manner.never = true;
	r->tcfg.limits.max_burst = 1024;
	frame_rig_open(r);
	frame_rig_write(r, &x, &vec, buffer, 9, 4);
	frame_rig_collect(r, TO_TARGET);
	frame_rig_deliver(r, TO_TARGET);
	frame_rig_collect(r, TO_INITIATOR);
	assert_string_equal(r->script, ">NEWC <SNDD+1024");
	frame_rig_complete(frame_rig_find(r, x.id), 0x08);
	frame_rig_collect(r, TO_INITIATOR);
	assert_string_equal(r->script, ">NEWC <SNDD+1024");
	frame_rig_run(r);
	assert_string_equal(r->script, ">NEWC <SNDD+1024 >XFER+1024 <CMPT");
	assert_int_equal(x.result.status, 0x08);
	assert_int_equal(x.result.moved, 1024);
	assert_string_equal(r->log, "place exec free"); /* no data(): nobody waits for it */
}

static void memory_that_comes_late_holds_back_only_its_own_command(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x, y;
	struct iscsip_vec vec;

	r->manner.place_later = true;
	frame_rig_open(r);
	frame_rig_pattern(buffer, 1024, 31);
	frame_rig_write(r, &x, &vec, buffer, 9, 2);
	frame_rig_test_unit_ready(r, &y);
	frame_rig_run(r);
	assert_string_equal(r->script, ">NEWC >NEWC <CMPT");
	assert_string_equal(r->log, "place exec free");
	frame_rig_place(frame_rig_find(r, x.id));
	frame_rig_run(r);
	assert_string_equal(r->script, ">NEWC >NEWC <CMPT <SNDD+1024 >XFER+1024 <CMPT");
	assert_memory_equal(r->medium + 9 * RIG_BLOCK, buffer, 1024);
	assert_int_equal(r->done, 2);
	assert_true(r->wakes > 0);
}

static void exchanges_complete_in_any_order(void **state)
{
	static const int order[] = { 3, 0, 7, 1, 6, 2, 5, 4 };
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x[8];
	struct iscsip_vec vec[8];

	r->manner.hold = true;
	frame_rig_open(r);
	for (int i = 0; i < 8; i++)
		frame_rig_read(r, &x[i], &vec[i], buffer + 4096 * i, (uint32_t)i * 8, 8);
	frame_rig_run(r);
	assert_int_equal(iscsip_frame_conn_open(r->i), 8);
	for (int i = 0; i < 8; i++) {
		frame_rig_go(frame_rig_find(r, x[order[i]].id));
		frame_rig_run(r);
		assert_ptr_equal(r->last_done, &x[order[i]]);
		assert_int_equal(r->done, i + 1);
	}
	for (int i = 0; i < 8; i++)
		assert_memory_equal(buffer + 4096 * i, r->medium + 4096 * i, 4096);
	assert_int_equal(iscsip_frame_conn_open(r->i), 0);
	assert_int_equal(iscsip_frame_conn_open(r->t), 0);
}

static void concurrent_reads_share_the_connection_burst_by_burst(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x[2];
	struct iscsip_frame f[8];
	struct iscsip_vec vec[2];

	r->tcfg.limits.max_burst = 512;
	frame_rig_open(r);
	frame_rig_read(r, &x[0], &vec[0], buffer, 0, 3);
	frame_rig_read(r, &x[1], &vec[1], buffer + 4096, 8, 2);
	frame_rig_collect(r, TO_TARGET);
	while (frame_rig_deliver(r, TO_TARGET))
		;
	frame_rig_run(r);
	assert_int_equal(frame_rig_frames(r, TO_INITIATOR, f, 8), 5);
	for (int i = 0; i < 4; i++)
		assert_int_equal(f[i].originator_id, x[i % 2].id);
	assert_int_equal(f[4].originator_id, x[0].id);
	assert_memory_equal(buffer, r->medium, 1536);
	assert_memory_equal(buffer + 4096, r->medium + 4096, 1024);
}

static void a_command_beyond_the_limit_is_answered_task_set_full_and_no_exchange_is_opened(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x[3];
	struct iscsip_frame_stats st;

	r->manner.hold = true;
	r->tcfg.limits.max_exchanges = 2;
	frame_rig_open(r);
	for (int i = 0; i < 3; i++)
		frame_rig_test_unit_ready(r, &x[i]);
	frame_rig_run(r);
	assert_int_equal(r->done, 1);
	assert_ptr_equal(r->last_done, &x[2]);
	assert_int_equal(x[2].result.err, ISCSIP_OK);
	assert_int_equal(x[2].result.status, 0x28);
	assert_true(x[2].result.refused);
	assert_int_equal(frame_rig_last(r, TO_INITIATOR).responder_id, 0);
	assert_string_equal(r->log, "exec exec");
	iscsip_frame_conn_stats(r->t, &st);
	assert_true(st.refused == 1 && st.exchanges == 2);
	frame_rig_go(frame_rig_find(r, x[0].id));
	frame_rig_run(r);
	frame_rig_test_unit_ready(r, &x[2]); /* there is room again */
	frame_rig_run(r);
	frame_rig_go(frame_rig_find(r, x[2].id));
	frame_rig_run(r);
	assert_int_equal(x[2].result.status, 0);
	assert_false(x[2].result.refused);
}

static void an_initiator_opens_no_more_exchanges_than_its_limit(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x[3];

	memset(x, 0, sizeof x);
	r->icfg.limits.max_exchanges = 2;
	frame_rig_open(r);
	frame_rig_test_unit_ready(r, &x[0]);
	frame_rig_test_unit_ready(r, &x[1]);
	assert_int_equal(iscsip_frame_submit(r->i, &x[2], r->now), ISCSIP_EAGAIN);
	frame_rig_run(r);
	assert_int_equal(iscsip_frame_submit(r->i, &x[2], r->now), ISCSIP_OK);
	frame_rig_run(r);
	assert_int_equal(r->done, 3);
}

static void submit_again(struct frame_rig *r, struct iscsip_frame_exchange *x)
{
	if (r->done < 100)
		assert_int_equal(iscsip_frame_submit(r->i, x, r->now), ISCSIP_OK);
}

static void an_exchange_may_be_submitted_again_from_done(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;

	r->quiet = true;
	r->icfg.limits.max_exchanges = 1;
	frame_rig_open(r);
	r->on_done = submit_again;
	frame_rig_test_unit_ready(r, &x);
	frame_rig_run(r);
	assert_int_equal(r->done, 100);
	assert_int_equal(frame_rig_frames(r, TO_TARGET, NULL, 0), 100);
}

static void an_exchange_that_makes_no_sense_is_not_taken(void **state)
{
	struct frame_rig *r = *state;
	struct iscsip_vec vec = { buffer, 512 };
	struct iscsip_frame_exchange x = { .in_vec = &vec, .in_cnt = 1, .in_len = 513 };

	frame_rig_open(r);
	assert_int_equal(iscsip_frame_submit(r->i, &x, r->now), ISCSIP_EINVAL);
	x = (struct iscsip_frame_exchange){ .out_vec = &vec, .out_cnt = 1, .out_len = 513 };
	assert_int_equal(iscsip_frame_submit(r->i, &x, r->now), ISCSIP_EINVAL);
	x = (struct iscsip_frame_exchange){ .in_vec = &vec, .in_cnt = 1, .in_len = 1, .out_vec = &vec, .out_cnt = 1, .out_len = 1 };
	assert_int_equal(iscsip_frame_submit(r->i, &x, r->now), ISCSIP_EINVAL);
	x = (struct iscsip_frame_exchange){ 0 };
	assert_int_equal(iscsip_frame_submit(r->t, &x, r->now), ISCSIP_ESTATE);
	assert_int_equal(iscsip_frame_conn_open(r->i), 0);
}

static void a_lun_that_is_not_there_is_the_device_servers_to_refuse(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_vec vec = { buffer, 512 };

	frame_rig_open(r);
	for (unsigned lun = 1; lun < 256; lun += 127) {
		memset(&x, 0, sizeof x);
		x.lun = (uint8_t)lun;
		frame_rig_cdb10(x.cdb, 0x28, 0, 1);
		x.in_vec = &vec;
		x.in_cnt = 1;
		x.in_len = 512;
		assert_int_equal(iscsip_frame_submit(r->i, &x, r->now), ISCSIP_OK);
		frame_rig_run(r);
		assert_int_equal(x.result.err, ISCSIP_OK);
		assert_int_equal(x.result.status, 2);
		assert_int_equal(x.result.sense[12], 0x25);
		assert_int_equal(frame_rig_last(r, TO_INITIATOR).lun, lun);
	}
}

/* --- what the device server sees and may do --- */

static void the_device_server_sees_lun_cdb_lengths_tag_and_nexus(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_vec vec = { buffer, 4096 };
	const struct iscsip_cmd *cmd;

	r->manner.hold = true;
	frame_rig_open(r);
	memset(&x, 0, sizeof x);
	frame_rig_cdb10(x.cdb, 0x2a, 0, 8);
	x.cdb[15] = 0x77;
	x.lun = 0xfe;
	x.out_vec = &vec;
	x.out_cnt = 1;
	x.out_len = 4096;
	assert_int_equal(iscsip_frame_submit(r->i, &x, r->now), ISCSIP_OK);
	frame_rig_run(r);
	cmd = frame_rig_find(r, x.id)->cmd;
	assert_true(cmd->lun == 0x00fe000000000000u);
	assert_int_equal(cmd->cdb_len, 16);
	assert_memory_equal(cmd->cdb, x.cdb, 16);
	assert_int_equal(cmd->flags, ISCSIP_CMD_OUT);
	assert_int_equal(cmd->out_len, 4096);
	assert_int_equal(cmd->in_len, 0);
	assert_int_equal(cmd->attr, ISCSIP_ATTR_SIMPLE);
	assert_ptr_equal(cmd->nexus, r);
	frame_rig_go(frame_rig_find(r, x.id));
	frame_rig_run(r);
}

static void calls_that_do_not_fit_the_command_are_refused(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x, y;
	struct iscsip_vec vec[2], small = { buffer, 100 }, fit = { buffer, 2048 };
	struct frame_rig_op *rd, *wr;

	r->manner.hold = r->manner.place_later = r->manner.never = true;
	frame_rig_open(r);
	frame_rig_read(r, &x, &vec[0], buffer, 0, 4);
	frame_rig_write(r, &y, &vec[1], buffer, 0, 4);
	frame_rig_run(r);
	rd = frame_rig_find(r, x.id);
	wr = frame_rig_find(r, y.id);
	assert_int_equal(iscsip_cmd_set_buffer(rd->cmd, &fit, 1), ISCSIP_ESTATE);
	assert_int_equal(iscsip_cmd_request_data(rd->cmd, 0, 1), ISCSIP_ESTATE);
	assert_int_equal(iscsip_cmd_send_data(rd->cmd, &small, 1, 101, true), ISCSIP_EINVAL);
	assert_int_equal(iscsip_cmd_request_data(wr->cmd, 0, 1), ISCSIP_ESTATE); /* before exec */
	assert_int_equal(iscsip_cmd_complete(wr->cmd, &(struct iscsip_cmd_status){ 0 }), ISCSIP_ESTATE);
	assert_int_equal(iscsip_cmd_abort(wr->cmd), ISCSIP_ESTATE);
	assert_int_equal(iscsip_cmd_set_buffer(wr->cmd, &small, 1), ISCSIP_EINVAL);
	assert_string_equal(r->log, "exec place");
	assert_int_equal(iscsip_cmd_set_buffer(wr->cmd, &fit, 1), ISCSIP_OK);
	assert_string_equal(r->log, "exec place exec");
	assert_int_equal(iscsip_cmd_set_buffer(wr->cmd, &fit, 1), ISCSIP_ESTATE);
	assert_int_equal(iscsip_cmd_send_data(wr->cmd, &fit, 1, 10, true), ISCSIP_ESTATE);
	rd->done = rd->len;
	assert_int_equal(iscsip_cmd_send_data(rd->cmd, &small, 1, 50, false), ISCSIP_OK);
	assert_int_equal(iscsip_cmd_send_data(rd->cmd, &small, 1, 50, false), ISCSIP_EAGAIN);
	frame_rig_run(r);
	assert_int_equal(iscsip_cmd_send_data(rd->cmd, &small, 1, 50, true), ISCSIP_OK);
	frame_rig_run(r);
	assert_int_equal(iscsip_cmd_send_data(rd->cmd, &small, 1, 50, true), ISCSIP_ESTATE);
	frame_rig_complete(rd, 0);
	assert_int_equal(iscsip_cmd_complete(rd->cmd, &(struct iscsip_cmd_status){ 0 }), ISCSIP_ESTATE);
	assert_int_equal(iscsip_cmd_abort(rd->cmd), ISCSIP_ESTATE);
	frame_rig_complete(wr, 0);
	frame_rig_run(r);
	assert_int_equal(x.result.moved, 100);
	assert_int_equal(r->done, 2);
}

static void data_beyond_what_the_initiator_has_room_for_is_cut_off(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_vec vec = { buffer, 600 };

	r->manner.piece = 400;
	frame_rig_open(r);
	memset(buffer, 0xbb, 1024);
	memset(&x, 0, sizeof x);
	frame_rig_cdb10(x.cdb, 0x28, 0, 4); /* 2048 bytes */
	x.in_vec = &vec;
	x.in_cnt = 1;
	x.in_len = 600;
	assert_int_equal(iscsip_frame_submit(r->i, &x, r->now), ISCSIP_OK);
	frame_rig_run(r);
	assert_int_equal(r->done, 1);
	assert_int_equal(x.result.moved, 600);
	assert_memory_equal(buffer, r->medium, 600);
	assert_int_equal(buffer[600], 0xbb);
	/* each piece came back, also those of which nothing was sent */
	assert_string_equal(r->log, "exec sent sent sent sent sent free");
}

static void an_aborted_command_ends_with_task_aborted(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x, y;
	struct iscsip_vec vec;
	struct frame_rig_op *op;

	r->manner.never = true;
	frame_rig_open(r);
	frame_rig_write(r, &x, &vec, buffer, 0, 4);
	frame_rig_test_unit_ready(r, &y);
	frame_rig_collect(r, TO_TARGET);
	frame_rig_deliver(r, TO_TARGET);
	frame_rig_collect(r, TO_INITIATOR); /* a grant is out */
	op = frame_rig_find(r, x.id);
	assert_int_equal(iscsip_cmd_abort(op->cmd), ISCSIP_OK);
	assert_int_equal(iscsip_cmd_abort(op->cmd), ISCSIP_ESTATE);
	assert_int_equal(iscsip_cmd_request_data(op->cmd, 0, 1), ISCSIP_ECLOSED);
	assert_true(op->cmd->flags & ISCSIP_CMD_ABORTED);
	frame_rig_run(r);
	assert_int_equal(r->done, 0);
	frame_rig_complete(op, 0);
	frame_rig_complete(frame_rig_find(r, y.id), 0);
	frame_rig_run(r);
	assert_int_equal(x.result.status, 0x40);
	assert_int_equal(x.result.moved, 2048);
	assert_int_equal(y.result.status, 0);
	assert_non_null(strstr(r->log, "abort"));
	assert_null(strstr(r->log, "data"));
}

static void an_aborted_read_sends_no_more_data_and_counts_what_it_sent(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_vec vec, piece = { r->medium, 2048 };
	struct frame_rig_op *op;

	r->manner.hold = r->manner.never = true;
	r->tcfg.limits.max_burst = 512;
	r->tcfg.limits.max_tx_frames = 2;
	frame_rig_open(r);
	frame_rig_read(r, &x, &vec, buffer, 0, 4);
	frame_rig_run(r);
	op = frame_rig_find(r, x.id);
	op->done = op->len; /* the device server itself gives nothing */
	assert_int_equal(iscsip_cmd_send_data(op->cmd, &piece, 1, 2048, true), ISCSIP_OK);
	frame_rig_collect(r, TO_INITIATOR); /* all that there are units for */
	assert_string_equal(r->script, ">NEWC <XFER+512 <XFER+512");
	assert_int_equal(iscsip_cmd_abort(op->cmd), ISCSIP_OK);
	frame_rig_run(r);
	assert_string_equal(r->script, ">NEWC <XFER+512 <XFER+512");
	assert_string_equal(r->log, "exec abort sent"); /* the memory of the piece is back */
	frame_rig_complete(op, 0);
	frame_rig_run(r);
	assert_string_equal(r->script, ">NEWC <XFER+512 <XFER+512 <CMPT");
	assert_int_equal(x.result.status, 0x40);
	assert_int_equal(x.result.moved, 1024);
}

static void a_target_failure_is_told_as_internal_target_failure(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;

	r->manner.response = 1;
	frame_rig_open(r);
	frame_rig_test_unit_ready(r, &x);
	frame_rig_run(r);
	assert_int_equal(x.result.status, 2);
	assert_int_equal(x.result.sense[0], 0x70);
	assert_int_equal(x.result.sense[2], 4);
	assert_int_equal(x.result.sense[12], 0x44);
	assert_int_equal(x.result.sense[13], 0);
}

static void sense_in_descriptor_format_is_told_in_fixed_format(void **state)
{
	static const uint8_t descriptor[] = {
		0x73, 0x03, 0x11, 0x04, 0, 0, 0, 40,
		0x00, 0x0a, 0x80, 0, 0, 0, 0, 0, 0x01, 0x02, 0x03, 0x04, /* information */
		0x01, 0x0a, 0, 0, 0, 0, 0, 0, 0x05, 0x06, 0x07, 0x08,    /* command specific */
		0x03, 0x02, 0, 0x99,                                     /* field replaceable unit */
		0x05, 0x02, 0, 0x20,                                     /* ILI */
		0x02, 0x06, 0, 0xff, 0xff, 0xff, 0xff, 0,                /* sense key specific: no place for it */
	};
	static const uint8_t fixed[16] = { 0xf1, 0, 0x23, 1, 2, 3, 4, 10, 5, 6, 7, 8, 0x11, 0x04, 0x99, 0 };
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	uint8_t plain[sizeof descriptor];

	r->manner.status = 2;
	r->manner.sense = descriptor;
	r->manner.sense_len = sizeof descriptor;
	frame_rig_open(r);
	frame_rig_test_unit_ready(r, &x);
	frame_rig_run(r);
	assert_int_equal(x.result.sense_len, 16);
	assert_memory_equal(x.result.sense, fixed, 16);
	memcpy(plain, descriptor, sizeof plain);
	plain[39] = 0; /* without ILI: no other descriptor sets it */
	r->manner.sense = plain;
	frame_rig_test_unit_ready(r, &x);
	frame_rig_run(r);
	assert_int_equal(x.result.sense[2], 3);
	/* information of more than 32 bits has no place, and half of it would be another block's number (SPC-4 4.5.2.2) */
	for (int n = 12; n < 16; n++) {
		memcpy(plain, descriptor, sizeof plain);
		plain[n] = 1;
		frame_rig_test_unit_ready(r, &x);
		frame_rig_run(r);
		assert_int_equal(x.result.sense[0], 0x71);
		assert_memory_equal(x.result.sense + 3, "\0\0\0", 4);
		assert_memory_equal(x.result.sense + 8, fixed + 8, 4);
	}
	/* cut anywhere, it never tells more than was there */
	for (uint16_t n = 8; n < sizeof descriptor; n++) {
		uint8_t *exact = malloc(n);

		memcpy(exact, descriptor, n);
		r->manner.sense = exact;
		r->manner.sense_len = n;
		frame_rig_test_unit_ready(r, &x);
		frame_rig_run(r);
		assert_int_equal(x.result.sense_len, 16);
		assert_int_equal(x.result.sense[0], n < 20 ? 0x71 : 0xf1);
		assert_int_equal(x.result.sense[8], n < 32 ? 0 : 5);
		free(exact);
	}
}

static void sense_data_of_no_known_format_is_left_out(void **state)
{
	static const uint8_t odd[] = { 0x7f, 0, 5, 0, 0, 0, 0, 0 };
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;

	r->manner.status = 2;
	r->manner.sense = odd;
	r->manner.sense_len = sizeof odd;
	frame_rig_open(r);
	frame_rig_test_unit_ready(r, &x);
	frame_rig_run(r);
	assert_int_equal(x.result.status, 2);
	assert_int_equal(x.result.sense_len, 0);
	r->manner.sense = medium_error;
	r->manner.sense_len = 7;
	frame_rig_test_unit_ready(r, &x);
	frame_rig_run(r);
	assert_int_equal(x.result.sense_len, 0);
}

static void sense_data_beside_another_status_is_left_out(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;

	r->manner.status = 0x18; /* RESERVATION CONFLICT */
	r->manner.sense = medium_error;
	r->manner.sense_len = sizeof medium_error;
	frame_rig_open(r);
	frame_rig_test_unit_ready(r, &x);
	frame_rig_run(r);
	assert_int_equal(x.result.err, ISCSIP_OK);
	assert_int_equal(x.result.status, 0x18);
	assert_int_equal(x.result.sense_len, 0);
	assert_int_equal(frame_rig_last(r, TO_INITIATOR).flags, 0);
}

static void a31_a33_one_object_serves_either_role_and_says_which_frames_it_sends(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_vec vec;

	frame_rig_open(r);
	frame_rig_write(r, &x, &vec, buffer, 0, 1);
	frame_rig_run(r);
	assert_ptr_equal(iscsip_frame_conn_user(r->t), r);
	assert_ptr_equal(iscsip_frame_conn_user(r->i), r);
	for (const char *p = r->script; p; p = strchr(p, ' ')) {
		p += *p == ' ';
		assert_true(p[0] == '>' ? !strncmp(p + 1, "NEWC", 4) || !strncmp(p + 1, "XFER", 4)
					: !strncmp(p + 1, "SNDD", 4) || !strncmp(p + 1, "CMPT", 4));
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a17_a18_a19_a20_a21_a_read_is_newc_then_xfer_with_status_and_data_and_no_cmpt),
		T(a21_a_read_completes_with_its_last_byte_and_not_before),
		T(a22_to_a29_a_write_is_newc_sndd_xfer_data_and_cmpt),
		T(a14_a30_headers_and_data_fill_the_stream_and_xfer_stands_before_data_both_ways),
		T(every_frame_of_an_exchange_repeats_its_identifiers_lun_and_cdb),
		T(an_exchange_id_is_not_used_again_by_the_next_exchange_in_its_slot),
		T(a_command_without_data_is_newc_and_cmpt),
		T(a_failed_read_is_cmpt_with_status_and_sense_and_no_xfer),
		T(a_short_read_is_a_shorter_xfer_with_final),
		T(a_read_that_fails_after_its_data_tells_status_and_sense_in_the_last_xfer),
		T(a_status_that_comes_after_the_data_went_is_told_by_cmpt_with_the_bytes_moved),
		T(pieces_of_a_read_go_one_after_the_other_and_the_last_is_final),
		T(bursts_cut_reads_into_xfers_and_writes_into_rounds),
		T(the_device_server_may_ask_for_the_data_bit_by_bit),
		T(a_request_beyond_what_came_asks_for_all_up_to_its_end),
		T(a_write_that_ends_early_is_answered_with_what_was_moved),
		T(a_write_refused_at_once_moves_no_data),
		T(a_write_completed_while_data_is_due_is_answered_when_it_has_come),
		T(memory_that_comes_late_holds_back_only_its_own_command),
		T(exchanges_complete_in_any_order),
		T(concurrent_reads_share_the_connection_burst_by_burst),
		T(a_command_beyond_the_limit_is_answered_task_set_full_and_no_exchange_is_opened),
		T(an_initiator_opens_no_more_exchanges_than_its_limit),
		T(an_exchange_may_be_submitted_again_from_done),
		T(an_exchange_that_makes_no_sense_is_not_taken),
		T(a_lun_that_is_not_there_is_the_device_servers_to_refuse),
		T(the_device_server_sees_lun_cdb_lengths_tag_and_nexus),
		T(calls_that_do_not_fit_the_command_are_refused),
		T(data_beyond_what_the_initiator_has_room_for_is_cut_off),
		T(an_aborted_command_ends_with_task_aborted),
		T(an_aborted_read_sends_no_more_data_and_counts_what_it_sent),
		T(a_target_failure_is_told_as_internal_target_failure),
		T(sense_in_descriptor_format_is_told_in_fixed_format),
		T(sense_data_of_no_known_format_is_left_out),
		T(sense_data_beside_another_status_is_left_out),
		T(a31_a33_one_object_serves_either_role_and_says_which_frames_it_sends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
