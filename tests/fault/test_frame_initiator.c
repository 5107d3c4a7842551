/* SPDX-License-Identifier: MIT */
/*
 * A hostile target against StpI: what it may not say ends the connection with the rule and the byte of the header, every
 * open exchange is given back once, and nothing outside the buffers of the exchanges is written or sent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flow/frame_rig.h"

static uint8_t junk[65536];

/* Three exchanges are open: a read and a write of 2048 bytes, and one without data. */
static struct scene {
	struct frame_rig *r;
	struct iscsip_frame_exchange rd, wr, none;
	struct iscsip_vec rvec[2], wvec;
	uint8_t in[100 + 2048 + 100], out[2048];
} scene;

static int setup(void **state)
{
	struct scene *s = &scene;

	memset(s, 0, sizeof *s);
	memset(s->in, 0xcc, sizeof s->in);
	frame_rig_pattern(s->out, sizeof s->out, 8);
	frame_rig_pattern(junk, sizeof junk, 9);
	s->r = frame_rig_new();
	s->r->icfg.limits.max_rx_transfer = 2000;
	frame_rig_open_initiator(s->r);
	s->rvec[0] = (struct iscsip_vec){ s->in + 100, 1000 };
	s->rvec[1] = (struct iscsip_vec){ s->in + 1100, 1048 };
	s->rd.in_vec = s->rvec;
	s->rd.in_cnt = 2;
	s->rd.in_len = 2048;
	frame_rig_cdb10(s->rd.cdb, 0x28, 0, 4);
	if (iscsip_frame_submit(s->r->i, &s->rd, s->r->now))
		return -1;
	frame_rig_write(s->r, &s->wr, &s->wvec, s->out, 0, 4);
	frame_rig_test_unit_ready(s->r, &s->none);
	frame_rig_collect(s->r, TO_TARGET);
	*state = s;
	return 0;
}

/* The bytes around the buffer are what they were; each exchange came back once. */
static int teardown(void **state)
{
	struct scene *s = *state;

	iscsip_frame_conn_closed(s->r->i, s->r->now);
	if (s->r->done != 3)
		return -1;
	for (size_t i = 0; i < 100; i++)
		if (s->in[i] != 0xcc || s->in[2148 + i] != 0xcc)
			return -1;
	frame_rig_free(s->r);
	return 0;
}

static struct iscsip_frame from_target(const struct iscsip_frame_exchange *x, uint32_t event, uint16_t flags, uint32_t length)
{
	struct iscsip_frame f;

	memset(&f, 0, sizeof f);
	f.event = event;
	f.flags = flags;
	f.originator_id = x->id;
	f.responder_id = 0x4242;
	memcpy(f.originator_buffer, x->cdb, 16);
	f.transfer_length = length;
	return f;
}

static void deliver(struct scene *s, const struct iscsip_frame *f, const void *payload)
{
	frame_rig_put(s->r, TO_INITIATOR, f, payload);
	while (frame_rig_deliver(s->r, TO_INITIATOR))
		;
}

static void expect_broken(struct scene *s, const struct iscsip_frame *f, int rule, uint32_t at)
{
	const struct iscsip_error *e;
	int done = s->r->done;

	deliver(s, f, f->event == ISCSIP_FRAME_XFER && f->transfer_length <= sizeof junk ? junk : NULL);
	e = iscsip_frame_conn_error(s->r->i);
	assert_int_equal(e->code, ISCSIP_EPROTO);
	assert_int_equal(e->rule, rule);
	assert_int_equal(e->arg, at);
	assert_int_equal(iscsip_frame_conn_want(s->r->i), ISCSIP_WANT_CLOSE);
	assert_int_equal(iscsip_frame_submit(s->r->i, &s->rd, 0), ISCSIP_EPROTO);
	assert_int_equal(s->r->done, done);
	iscsip_frame_conn_closed(s->r->i, s->r->now);
	assert_int_equal(s->rd.result.err, ISCSIP_EPROTO);
	assert_int_equal(s->wr.result.err, ISCSIP_EPROTO);
}

#define R ISCSIP_FRAME_READ
#define W ISCSIP_FRAME_WRITE

#define BROKEN(name, x, event, flags, length, change, rule, at) \
	static void name(void **state) \
	{ \
		struct scene *s = *state; \
		struct iscsip_frame f = from_target(&s->x, ISCSIP_FRAME_##event, flags, length); \
		change; \
		expect_broken(s, &f, ISCSIP_FRAME_RULE_##rule, at); \
	}

BROKEN(a_wrong_sync_in_front_ends_the_connection, rd, XFER, R, 512, (f.sync = 1, f.sync_end = ISCSIP_FRAME_SYNC), SYNC, 0)
BROKEN(a_wrong_sync_behind_ends_the_connection, rd, XFER, R, 512, (f.sync = ISCSIP_FRAME_SYNC, f.sync_end = 1), SYNC_END, 64)
BROKEN(a_gap_in_the_sequence_ends_the_connection, rd, XFER, R, 512, f.sequence = 1, SEQUENCE, 4)
BROKEN(an_unknown_type_ends_the_connection, rd, XFER, R, 512, f.type = 1, TYPE, 8)
BROKEN(an_unknown_event_ends_the_connection, rd, CMPT, R, 0, f.event = 1, EVENT, 12)
BROKEN(newc_from_a_target_ends_the_connection, none, NEWC, 0, 0, f.responder_id = 0, SENDER, 12)
BROKEN(a_reserved_flag_ends_the_connection, rd, XFER, R | 0x4000, 512, , FLAGS, 18)
BROKEN(final_in_cmpt_ends_the_connection, rd, CMPT, R | ISCSIP_FRAME_FINAL, 0, , FLAGS, 18)
BROKEN(a_grant_for_a_read_ends_the_connection, rd, SNDD, W, 512, , DATA_DIRECTION, 18)
BROKEN(data_for_a_write_ends_the_connection, wr, XFER, R, 512, , DATA_DIRECTION, 18)
BROKEN(data_for_a_command_without_data_ends_the_connection, none, XFER, R, 512, , DATA_DIRECTION, 18)
BROKEN(a_completion_of_another_direction_ends_the_connection, rd, CMPT, W, 0, , DATA_DIRECTION, 18)
BROKEN(a_status_before_the_last_xfer_ends_the_connection, rd, XFER, R, 512, f.status = 2, STATUS, 17)
BROKEN(sense_without_check_condition_ends_the_connection, rd, CMPT, R | ISCSIP_FRAME_SENSE, 0, f.status = 8, SENSE, 18)
BROKEN(another_lun_ends_the_connection, rd, XFER, R, 512, f.lun = 1, LUN, 16)
BROKEN(an_unknown_exchange_ends_the_connection, rd, XFER, R, 512, f.originator_id = 60, ORIGINATOR_ID, 20)
BROKEN(an_exchange_far_outside_ends_the_connection, rd, XFER, R, 512, f.originator_id = 0xffffffff, ORIGINATOR_ID, 20)
BROKEN(an_exchange_of_another_generation_ends_the_connection, rd, XFER, R, 512, f.originator_id += 0x10000, ORIGINATOR_ID, 20)
BROKEN(data_without_a_responder_id_ends_the_connection, rd, XFER, R, 512, f.responder_id = 0, RESPONDER_ID, 24)
BROKEN(a_changed_cdb_ends_the_connection, rd, XFER, R, 512, f.originator_buffer[0] ^= 1, ORIGINATOR_BUFFER, 28)
BROKEN(an_unexpected_responder_buffer_ends_the_connection, rd, XFER, R, 512, f.responder_buffer[0] = 1, RESPONDER_BUFFER, 44)
BROKEN(empty_data_ends_the_connection, rd, XFER, R, 0, , LENGTH, 60)
BROKEN(an_empty_grant_ends_the_connection, wr, SNDD, W, 0, , LENGTH, 60)
BROKEN(data_beyond_the_expectation_ends_the_connection, rd, XFER, R, 2049, , EXPECTATION, 60)
BROKEN(four_gibibytes_of_data_end_the_connection, rd, XFER, R, 0xffffffff, , EXPECTATION, 60)
BROKEN(a_grant_beyond_the_expectation_ends_the_connection, wr, SNDD, W, 2049, , EXPECTATION, 60)
BROKEN(data_above_the_limit_of_one_transfer_ends_the_connection, rd, XFER, R, 2001, , BURST, 60)
BROKEN(a_grant_above_the_limit_of_one_transfer_ends_the_connection, wr, SNDD, W, 2001, , BURST, 60)
BROKEN(a_completion_that_counts_too_much_ends_the_connection, rd, CMPT, R, 1, , MOVED, 60)
BROKEN(a_refusal_that_counts_data_ends_the_connection, wr, CMPT, W, 512, (f.responder_id = 0, f.status = 8), MOVED, 60)
BROKEN(a_success_without_a_responder_id_ends_the_connection, wr, CMPT, W, 0, f.responder_id = 0, RESPONDER_ID, 24)
BROKEN(a_grant_for_a_command_without_data_ends_the_connection, none, SNDD, W, 512, , DATA_DIRECTION, 18)

static void data_that_adds_up_beyond_the_expectation_ends_the_connection(void **state)
{
	struct scene *s = *state;
	struct iscsip_frame f = from_target(&s->rd, ISCSIP_FRAME_XFER, R, 2000);

	deliver(s, &f, junk);
	assert_int_equal(iscsip_frame_conn_error(s->r->i)->code, ISCSIP_OK);
	f.transfer_length = 49;
	f.sequence = 0;
	expect_broken(s, &f, ISCSIP_FRAME_RULE_EXPECTATION, 60);
	assert_memory_equal(s->in + 100, junk, 2000);
	assert_int_equal(s->in[2100], 0xcc);
	assert_int_equal(s->rd.result.moved, 2000);
}

static void a_repeated_sequence_number_ends_the_connection(void **state)
{
	struct scene *s = *state;
	struct iscsip_frame f = from_target(&s->rd, ISCSIP_FRAME_XFER, R, 512);

	deliver(s, &f, junk);
	deliver(s, &f, junk);
	assert_int_equal(iscsip_frame_conn_error(s->r->i)->code, ISCSIP_OK);
	f.sequence = 1;
	expect_broken(s, &f, ISCSIP_FRAME_RULE_SEQUENCE, 4);
	assert_int_equal(s->rd.result.moved, 1024);
}

static void a_responder_id_that_changes_ends_the_connection(void **state)
{
	struct scene *s = *state;
	struct iscsip_frame f = from_target(&s->rd, ISCSIP_FRAME_XFER, R, 512);

	deliver(s, &f, junk);
	f.responder_id++;
	f.sequence = 0;
	expect_broken(s, &f, ISCSIP_FRAME_RULE_RESPONDER_ID, 24);
}

static void a_refusal_of_an_exchange_that_was_opened_ends_the_connection(void **state)
{
	struct scene *s = *state;
	struct iscsip_frame f = from_target(&s->rd, ISCSIP_FRAME_XFER, R, 512);

	deliver(s, &f, junk);
	f = from_target(&s->rd, ISCSIP_FRAME_CMPT, R, 512);
	f.status = 8;
	f.responder_id = 0;
	expect_broken(s, &f, ISCSIP_FRAME_RULE_RESPONDER_ID, 24);
}

static void a_second_grant_before_the_first_is_used_up_ends_the_connection(void **state)
{
	struct scene *s = *state;
	struct iscsip_frame f = from_target(&s->wr, ISCSIP_FRAME_SNDD, W, 512);

	deliver(s, &f, NULL);
	expect_broken(s, &f, ISCSIP_FRAME_RULE_ORDER, 12);
	assert_int_equal(s->wr.result.moved, 0);
}

static void a_completion_while_a_grant_is_open_ends_the_connection(void **state)
{
	struct scene *s = *state;
	struct iscsip_frame f = from_target(&s->wr, ISCSIP_FRAME_SNDD, W, 512);

	deliver(s, &f, NULL);
	f = from_target(&s->wr, ISCSIP_FRAME_CMPT, W, 0);
	expect_broken(s, &f, ISCSIP_FRAME_RULE_ORDER, 12);
}

static void a_completion_that_counts_less_than_was_sent_ends_the_connection(void **state)
{
	struct scene *s = *state;
	struct iscsip_frame f = from_target(&s->wr, ISCSIP_FRAME_SNDD, W, 512);

	deliver(s, &f, NULL);
	frame_rig_collect(s->r, TO_TARGET);
	assert_int_equal(frame_rig_last(s->r, TO_TARGET).event, ISCSIP_FRAME_XFER);
	f = from_target(&s->wr, ISCSIP_FRAME_CMPT, W, 511);
	expect_broken(s, &f, ISCSIP_FRAME_RULE_MOVED, 60);
}

/* The first completion ends the exchange; its slot may serve another one by then. */
static void a_second_completion_ends_the_connection_and_not_another_exchange(void **state)
{
	struct scene *s = *state;
	struct iscsip_frame f = from_target(&s->none, ISCSIP_FRAME_CMPT, 0, 0);
	static struct iscsip_frame_exchange again;

	deliver(s, &f, NULL);
	assert_int_equal(s->r->done, 1);
	assert_int_equal(s->none.result.err, ISCSIP_OK);
	frame_rig_test_unit_ready(s->r, &again); /* in the slot that became free */
	frame_rig_collect(s->r, TO_TARGET);
	f.sequence = 0;
	expect_broken(s, &f, ISCSIP_FRAME_RULE_ORIGINATOR_ID, 20);
	assert_int_equal(again.result.err, ISCSIP_EPROTO);
	s->r->done--; /* four were submitted */
}

static void an_answer_to_a_command_that_was_not_sent_ends_the_connection(void **state)
{
	struct scene *s = *state;
	static struct iscsip_frame_exchange early;
	struct iscsip_frame f;

	frame_rig_test_unit_ready(s->r, &early); /* its NEWC is not made yet, but its ID can be guessed */
	f = from_target(&early, ISCSIP_FRAME_CMPT, 0, 0);
	expect_broken(s, &f, ISCSIP_FRAME_RULE_ORIGINATOR_ID, 20);
	assert_int_equal(early.result.stage, ISCSIP_FRAME_UNSENT);
	s->r->done--;
}

static void one_flipped_bit_anywhere_ends_the_connection_or_stays_inside_the_buffer(void **state)
{
	struct scene *s = *state;
	int survived = 0;

	teardown(state);
	for (unsigned bit = 0; bit < 68 * 8; bit++) {
		struct iscsip_frame f;
		uint8_t hdr[68];

		assert_int_equal(setup(state), 0);
		f = from_target(&s->rd, ISCSIP_FRAME_XFER, R | ISCSIP_FRAME_FINAL, 512);
		f.sync = f.sync_end = ISCSIP_FRAME_SYNC;
		f.type = ISCSIP_FRAME_CMDS;
		iscsip_frame_encode(hdr, sizeof hdr, &f);
		hdr[bit / 8] ^= (uint8_t)(1u << bit % 8);
		frame_rig_put_bytes(s->r, TO_INITIATOR, hdr, sizeof hdr);
		frame_rig_put_bytes(s->r, TO_INITIATOR, junk, 512);
		while (frame_rig_deliver(s->r, TO_INITIATOR))
			;
		survived += iscsip_frame_conn_error(s->r->i)->code == ISCSIP_OK;
		for (size_t i = 100 + 512; i < sizeof s->in; i++)
			assert_int_equal(s->in[i], 0xcc);
		assert_int_equal(teardown(state), 0);
	}
	/* what a target might as well have meant: any status (8 bits), not FINAL yet (1), any responder ID but 0 (32), and
	   lengths from 513 to 2000 (10) */
	assert_int_equal(survived, 8 + 1 + 32 + 10);
	assert_int_equal(setup(state), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_wrong_sync_in_front_ends_the_connection),
		T(a_wrong_sync_behind_ends_the_connection),
		T(a_gap_in_the_sequence_ends_the_connection),
		T(an_unknown_type_ends_the_connection),
		T(an_unknown_event_ends_the_connection),
		T(newc_from_a_target_ends_the_connection),
		T(a_reserved_flag_ends_the_connection),
		T(final_in_cmpt_ends_the_connection),
		T(a_grant_for_a_read_ends_the_connection),
		T(data_for_a_write_ends_the_connection),
		T(data_for_a_command_without_data_ends_the_connection),
		T(a_completion_of_another_direction_ends_the_connection),
		T(a_status_before_the_last_xfer_ends_the_connection),
		T(sense_without_check_condition_ends_the_connection),
		T(another_lun_ends_the_connection),
		T(an_unknown_exchange_ends_the_connection),
		T(an_exchange_far_outside_ends_the_connection),
		T(an_exchange_of_another_generation_ends_the_connection),
		T(data_without_a_responder_id_ends_the_connection),
		T(a_changed_cdb_ends_the_connection),
		T(an_unexpected_responder_buffer_ends_the_connection),
		T(empty_data_ends_the_connection),
		T(an_empty_grant_ends_the_connection),
		T(data_beyond_the_expectation_ends_the_connection),
		T(four_gibibytes_of_data_end_the_connection),
		T(a_grant_beyond_the_expectation_ends_the_connection),
		T(data_above_the_limit_of_one_transfer_ends_the_connection),
		T(a_grant_above_the_limit_of_one_transfer_ends_the_connection),
		T(a_completion_that_counts_too_much_ends_the_connection),
		T(a_refusal_that_counts_data_ends_the_connection),
		T(a_success_without_a_responder_id_ends_the_connection),
		T(a_grant_for_a_command_without_data_ends_the_connection),
		T(data_that_adds_up_beyond_the_expectation_ends_the_connection),
		T(a_repeated_sequence_number_ends_the_connection),
		T(a_responder_id_that_changes_ends_the_connection),
		T(a_refusal_of_an_exchange_that_was_opened_ends_the_connection),
		T(a_second_grant_before_the_first_is_used_up_ends_the_connection),
		T(a_completion_while_a_grant_is_open_ends_the_connection),
		T(a_completion_that_counts_less_than_was_sent_ends_the_connection),
		T(a_second_completion_ends_the_connection_and_not_another_exchange),
		T(an_answer_to_a_command_that_was_not_sent_ends_the_connection),
		T(one_flipped_bit_anywhere_ends_the_connection_or_stays_inside_the_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
