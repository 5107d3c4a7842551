/* SPDX-License-Identifier: MIT */
/*
 * A hostile initiator against StpT: each way in which a stream can be wrong ends the connection with the rule that was
 * broken and the byte of the header, or the command with the right status; nothing outside the named memory is written;
 * and another connection on the same disk goes on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flow/frame_rig.h"

static uint8_t data[65536];

/* A target of which the device server has a write of 4 blocks open, granted in bursts of 1024: exchange 7. */
struct scene {
	struct frame_rig *r;
	struct iscsip_frame sndd;
	uint8_t before[RIG_BLOCKS * RIG_BLOCK];
};

static struct frame_rig *fresh(void)
{
	struct frame_rig *r = frame_rig_new();

	r->tcfg.limits.max_burst = 1024;
	r->tcfg.limits.max_rx_transfer = 2000;
	frame_rig_open_target(r);
	return r;
}

static void exchange(struct frame_rig *r, const struct iscsip_frame *f, const void *payload)
{
	frame_rig_put(r, TO_TARGET, f, payload);
	while (frame_rig_deliver(r, TO_TARGET))
		;
	frame_rig_collect(r, TO_INITIATOR);
}

static int setup(void **state)
{
	struct scene *s = malloc(sizeof *s);
	struct iscsip_frame newc = frame_rig_newc(7, 0x2a, 100, 4);

	s->r = fresh();
	exchange(s->r, &newc, NULL);
	s->sndd = frame_rig_last(s->r, TO_INITIATOR);
	if (s->sndd.event != ISCSIP_FRAME_SNDD || s->sndd.transfer_length != 1024)
		return -1;
	memcpy(s->before, s->r->medium, sizeof s->before);
	frame_rig_pattern(data, sizeof data, 4711);
	*state = s;
	return 0;
}

/* Whatever happened, only the granted bytes may be another than before, and the device server lost nothing. */
static int teardown(void **state)
{
	struct scene *s = *state;
	size_t from = 100 * RIG_BLOCK, to = from + 1024;

	if (memcmp(s->before, s->r->medium, from) || memcmp(s->before + to, s->r->medium + to, sizeof s->before - to))
		return -1;
	frame_rig_free(s->r);
	free(s);
	return 0;
}

/* The XFER that is due. */
static struct iscsip_frame xfer(const struct scene *s)
{
	struct iscsip_frame f = s->sndd;

	f.event = ISCSIP_FRAME_XFER;
	f.sequence = 1;
	f.flags = ISCSIP_FRAME_WRITE;
	f.transfer_length = 512;
	return f;
}

static void expect_broken(struct scene *s, const struct iscsip_frame *f, int rule, uint32_t at)
{
	const struct iscsip_error *e;

	exchange(s->r, f, f->transfer_length <= sizeof data ? data : NULL);
	e = iscsip_frame_conn_error(s->r->t);
	assert_int_equal(e->code, ISCSIP_EPROTO);
	assert_int_equal(e->rule, rule);
	assert_int_equal(e->arg, at);
	assert_int_equal(s->r->err[TO_TARGET], ISCSIP_EPROTO);
	assert_int_equal(iscsip_frame_conn_want(s->r->t), ISCSIP_WANT_CLOSE);
	assert_int_equal(iscsip_frame_conn_rx_push(s->r->t, data, 1, 0), ISCSIP_EPROTO);
	assert_int_equal(iscsip_frame_conn_tx_pull(s->r->t, data, 1, 0), ISCSIP_EPROTO);
	assert_memory_equal(s->before, s->r->medium, sizeof s->before);
	iscsip_frame_conn_closed(s->r->t, 0);
	assert_non_null(strstr(s->r->log, "abort"));
}

#define BROKEN(name, change, rule, at) \
	static void name(void **state) \
	{ \
		struct scene *s = *state; \
		struct iscsip_frame f = xfer(s); \
		change; \
		expect_broken(s, &f, ISCSIP_FRAME_RULE_##rule, at); \
	}

BROKEN(a_wrong_sync_in_front_ends_the_connection, f.sync = 0x53545032, SYNC, 0)
BROKEN(a_wrong_sync_behind_ends_the_connection, f.sync_end = 0, SYNC_END, 64)
BROKEN(a_sync_that_only_agrees_with_itself_ends_the_connection, f.sync = f.sync_end = 0x12345678, SYNC, 0)
BROKEN(a_gap_in_the_sequence_ends_the_connection, f.sequence = 2, SEQUENCE, 4)
BROKEN(a_sequence_far_away_ends_the_connection, f.sequence = 0x80000001, SEQUENCE, 4)
BROKEN(an_unknown_type_ends_the_connection, f.type = 0x434d4454, TYPE, 8)
BROKEN(an_unknown_event_ends_the_connection, f.event = 0x58464553, EVENT, 12)
BROKEN(sndd_from_an_initiator_ends_the_connection, f.event = ISCSIP_FRAME_SNDD, SENDER, 12)
BROKEN(cmpt_from_an_initiator_ends_the_connection, f.event = ISCSIP_FRAME_CMPT, SENDER, 12)
BROKEN(a_reserved_flag_ends_the_connection, f.flags |= 0x0100, FLAGS, 18)
BROKEN(sense_from_an_initiator_ends_the_connection, f.flags |= ISCSIP_FRAME_SENSE, FLAGS, 18)
BROKEN(xfer_of_the_other_direction_ends_the_connection, f.flags = ISCSIP_FRAME_READ, DATA_DIRECTION, 18)
BROKEN(a_status_from_an_initiator_ends_the_connection, f.status = 2, STATUS, 17)
BROKEN(final_before_the_end_ends_the_connection, f.flags |= ISCSIP_FRAME_FINAL, FINAL, 18)
BROKEN(another_lun_ends_the_connection, f.lun = 1, LUN, 16)
BROKEN(another_originator_id_ends_the_connection, f.originator_id = 8, ORIGINATOR_ID, 20)
BROKEN(no_originator_id_ends_the_connection, f.originator_id = 0, ORIGINATOR_ID, 20)
BROKEN(no_responder_id_ends_the_connection, f.responder_id = 0, RESPONDER_ID, 24)
BROKEN(an_unknown_responder_id_ends_the_connection, f.responder_id += 1, RESPONDER_ID, 24)
BROKEN(a_responder_id_of_another_generation_ends_the_connection, f.responder_id += 0x10000, RESPONDER_ID, 24)
BROKEN(a_responder_id_far_outside_ends_the_connection, f.responder_id = 0xffffffff, RESPONDER_ID, 24)
BROKEN(a_changed_cdb_ends_the_connection, f.originator_buffer[15] ^= 1, ORIGINATOR_BUFFER, 28)
BROKEN(a_changed_tag_ends_the_connection, f.responder_buffer[3] ^= 1, RESPONDER_BUFFER, 44)
BROKEN(a_changed_end_of_the_handle_ends_the_connection, f.responder_buffer[15] ^= 1, RESPONDER_BUFFER, 44)
BROKEN(data_beyond_the_grant_ends_the_connection, f.transfer_length = 1025, GRANT, 60)
BROKEN(four_gibibytes_of_data_end_the_connection, f.transfer_length = 0xffffffff, GRANT, 60)
BROKEN(no_data_ends_the_connection, f.transfer_length = 0, LENGTH, 60)
BROKEN(a_new_command_with_an_id_in_use_ends_the_connection, (f = frame_rig_newc(7, 0, 0, 0), f.sequence = 1), ORIGINATOR_ID, 20)
BROKEN(a_new_command_without_an_id_ends_the_connection, (f = frame_rig_newc(0, 0, 0, 0), f.sequence = 1), ORIGINATOR_ID, 20)
BROKEN(a_new_command_with_a_responder_id_ends_the_connection,
       (f = frame_rig_newc(8, 0, 0, 0), f.sequence = 1, f.responder_id = s->sndd.responder_id), RESPONDER_ID, 24)
BROKEN(a_new_command_both_ways_ends_the_connection,
       (f = frame_rig_newc(8, 0x28, 0, 1), f.sequence = 1, f.flags |= ISCSIP_FRAME_WRITE), DATA_DIRECTION, 18)
BROKEN(a_length_without_a_direction_ends_the_connection,
       (f = frame_rig_newc(8, 0x28, 0, 1), f.sequence = 1, f.flags = 0), LENGTH, 60)

static void a_repeated_sequence_number_ends_the_connection(void **state)
{
	struct scene *s = *state;
	struct iscsip_frame f = xfer(s);

	exchange(s->r, &f, data);
	memcpy(s->before, s->r->medium, sizeof s->before);
	f = frame_rig_newc(9, 0, 0, 0);
	f.sequence = 1;
	expect_broken(s, &f, ISCSIP_FRAME_RULE_SEQUENCE, 4);
}

static void data_above_the_limit_of_one_transfer_ends_the_connection(void **state)
{
	struct frame_rig *r = frame_rig_new();
	struct iscsip_frame f = frame_rig_newc(7, 0x2a, 0, 8);

	(void)state;
	r->tcfg.limits.max_rx_transfer = 2000;
	frame_rig_open_target(r);
	exchange(r, &f, NULL);
	f = frame_rig_last(r, TO_INITIATOR);
	assert_int_equal(f.transfer_length, 4096);
	f.event = ISCSIP_FRAME_XFER;
	f.sequence = 1;
	f.transfer_length = 2001;
	exchange(r, &f, data);
	assert_int_equal(iscsip_frame_conn_error(r->t)->rule, ISCSIP_FRAME_RULE_BURST);
	frame_rig_free(r);
}

static void more_data_after_the_grant_is_used_up_ends_the_connection(void **state)
{
	struct scene *s = *state;
	struct iscsip_frame f = xfer(s);

	s->r->manner.never = true;
	s->r->ops_open->done = s->r->ops_open->len; /* asks for no more: the second half is never granted */
	iscsip_cmd_abort(s->r->ops_open->cmd);
	f.transfer_length = 1024;
	exchange(s->r, &f, data);
	assert_int_equal(iscsip_frame_conn_error(s->r->t)->code, ISCSIP_OK);
	memcpy(s->before, s->r->medium, sizeof s->before);
	f.sequence = 2;
	f.flags |= ISCSIP_FRAME_FINAL;
	expect_broken(s, &f, ISCSIP_FRAME_RULE_ORDER, 12);
}

static void the_last_data_without_final_ends_the_connection(void **state)
{
	struct scene *s = *state;
	struct iscsip_frame f = xfer(s);

	f.transfer_length = 1024;
	exchange(s->r, &f, data);
	memcpy(s->before, s->r->medium, sizeof s->before);
	f = frame_rig_last(s->r, TO_INITIATOR);
	assert_int_equal(f.event, ISCSIP_FRAME_SNDD);
	f.event = ISCSIP_FRAME_XFER;
	f.sequence = 2;
	expect_broken(s, &f, ISCSIP_FRAME_RULE_FINAL, 18);
}

/* The handle of the first grant, when the second is due. */
static void the_handle_of_a_grant_that_is_used_up_ends_the_connection(void **state)
{
	struct scene *s = *state;
	struct iscsip_frame f = xfer(s);

	f.transfer_length = 1024;
	exchange(s->r, &f, data);
	memcpy(s->before, s->r->medium, sizeof s->before);
	assert_int_equal(frame_rig_last(s->r, TO_INITIATOR).event, ISCSIP_FRAME_SNDD);
	f.sequence = 2;
	f.flags |= ISCSIP_FRAME_FINAL;
	expect_broken(s, &f, ISCSIP_FRAME_RULE_RESPONDER_BUFFER, 44);
}

/* What arrived of the data may be there, not a byte more; the device server is told of no data, and gets its command back. */
static void a_write_may_be_cut_at_every_byte(void **state)
{
	(void)state;
	for (size_t cut = 0; cut < 68 + 1024; cut++) {
		size_t landed = cut < 68 ? 0 : cut - 68, from = 100 * RIG_BLOCK;
		void *scene = NULL;
		struct scene *s;
		struct iscsip_frame f;

		assert_int_equal(setup(&scene), 0);
		s = scene;
		f = xfer(s);
		f.transfer_length = 1024;
		s->r->log[0] = 0;
		frame_rig_put(s->r, TO_TARGET, &f, data);
		s->r->wire[TO_TARGET].len = cut;
		while (frame_rig_deliver(s->r, TO_TARGET))
			;
		iscsip_frame_conn_closed(s->r->t, 0);
		assert_int_equal(iscsip_frame_conn_error(s->r->t)->code, ISCSIP_ECLOSED);
		assert_int_equal(iscsip_frame_conn_error(s->r->t)->rule, cut ? ISCSIP_FRAME_RULE_CUT : ISCSIP_FRAME_RULE_NONE);
		assert_int_equal(iscsip_frame_conn_error(s->r->t)->arg, cut == 0 ? 0 : cut < 68 ? 68 - cut : 68 + 1024 - cut);
		assert_memory_equal(s->r->medium + from, data, landed);
		assert_memory_equal(s->r->medium + from + landed, s->before + from + landed, 1024 - landed);
		assert_string_equal(s->r->log, "abort");
		frame_rig_complete(s->r->ops_open, 0);
		assert_string_equal(s->r->log, "abort free");
		assert_int_equal(iscsip_frame_conn_open(s->r->t), 0);
		assert_int_equal(teardown(&scene), 0);
	}
}

static void data_for_an_exchange_that_is_over_ends_the_connection(void **state)
{
	struct scene *s = *state;
	struct iscsip_frame f;

	for (uint32_t i = 0; i < 2; i++) {
		f = frame_rig_last(s->r, TO_INITIATOR);
		f.event = ISCSIP_FRAME_XFER;
		f.sequence = 1 + i;
		f.flags = (uint16_t)(ISCSIP_FRAME_WRITE | (i ? ISCSIP_FRAME_FINAL : 0));
		exchange(s->r, &f, data);
	}
	assert_int_equal(frame_rig_last(s->r, TO_INITIATOR).event, ISCSIP_FRAME_CMPT);
	memcpy(s->before, s->r->medium, sizeof s->before);
	f.sequence = 3;
	exchange(s->r, &f, data);
	assert_int_equal(iscsip_frame_conn_error(s->r->t)->rule, ISCSIP_FRAME_RULE_RESPONDER_ID);
	assert_memory_equal(s->before, s->r->medium, sizeof s->before);
}

/* The ID that the slot of an exchange which is over will have next, and one of a slot that was never used. */
static void data_for_an_exchange_to_come_ends_the_connection(void **state)
{
	for (uint32_t ahead = 0x10000; ahead; ahead = ahead == 1 ? 0 : 1) {
		struct scene *s = *state;
		struct iscsip_frame f;

		for (uint32_t i = 0; i < 2; i++) {
			f = frame_rig_last(s->r, TO_INITIATOR);
			f.event = ISCSIP_FRAME_XFER;
			f.sequence = 1 + i;
			f.flags = (uint16_t)(ISCSIP_FRAME_WRITE | (i ? ISCSIP_FRAME_FINAL : 0));
			exchange(s->r, &f, data);
		}
		assert_int_equal(iscsip_frame_conn_open(s->r->t), 0);
		memcpy(s->before, s->r->medium, sizeof s->before);
		f.sequence = 3;
		f.responder_id += ahead;
		exchange(s->r, &f, data);
		assert_int_equal(iscsip_frame_conn_error(s->r->t)->rule, ISCSIP_FRAME_RULE_RESPONDER_ID);
		assert_memory_equal(s->before, s->r->medium, sizeof s->before);
		frame_rig_free(s->r);
		free(s);
		assert_int_equal(setup(state), 0);
	}
}

static void xfer_for_a_read_ends_the_connection(void **state)
{
	struct frame_rig *r = fresh();
	struct iscsip_frame f = frame_rig_newc(3, 0x28, 0, 4), g;

	(void)state;
	r->manner.hold = true;
	exchange(r, &f, NULL);
	g = frame_rig_newc(3, 0x28, 0, 4);
	g.sequence = 1;
	g.event = ISCSIP_FRAME_XFER;
	g.responder_id = 1;
	g.flags = ISCSIP_FRAME_WRITE;
	g.transfer_length = 512;
	exchange(r, &g, data);
	assert_int_equal(iscsip_frame_conn_error(r->t)->rule, ISCSIP_FRAME_RULE_DATA_DIRECTION);
	frame_rig_free(r);
}

static void xfer_before_the_grant_ends_the_connection(void **state)
{
	struct frame_rig *r = fresh();
	struct iscsip_frame f = frame_rig_newc(3, 0x2a, 0, 4);

	(void)state;
	r->manner.hold = true;
	exchange(r, &f, NULL);
	f.sequence = 1;
	f.event = ISCSIP_FRAME_XFER;
	f.responder_id = 1; /* a good guess */
	f.transfer_length = 512;
	exchange(r, &f, data);
	assert_int_equal(iscsip_frame_conn_error(r->t)->rule, ISCSIP_FRAME_RULE_ORDER);
	frame_rig_free(r);
}

static void a_huge_expectation_costs_nothing_until_the_device_server_wants_it(void **state)
{
	struct frame_rig *r = fresh();
	struct iscsip_frame f = frame_rig_newc(3, 0x28, 0, 1), g = frame_rig_newc(4, 0x2a, 0, 1);

	(void)state;
	r->manner.place_later = true;
	f.transfer_length = g.transfer_length = 0xffffffff;
	exchange(r, &f, NULL);
	exchange(r, &g, NULL);
	assert_int_equal(frame_rig_last(r, TO_INITIATOR).transfer_length, 512);
	assert_int_equal(frame_rig_last(r, TO_INITIATOR).flags, ISCSIP_FRAME_READ | ISCSIP_FRAME_FINAL);
	assert_int_equal(iscsip_frame_conn_error(r->t)->code, ISCSIP_OK);
	frame_rig_free(r);
}

static void ten_thousand_commands_without_reading_hold_the_connection_and_nothing_grows(void **state)
{
	struct frame_rig *r = frame_rig_new(), *other = fresh();
	struct iscsip_frame f;
	struct iscsip_frame_stats st;
	uint32_t sent = 0;
	bool moved;
	int answered = 0, refused = 0, cnt;
	static struct iscsip_frame seen[10000];

	(void)state;
	r->tcfg.limits.max_exchanges = 8;
	r->tcfg.limits.max_tx_frames = 16;
	r->stage = true;
	r->quiet = true;
	frame_rig_open_target(r);
	r->manner.hold = true;
	for (uint32_t i = 0; i < 10000; i++) {
		f = frame_rig_newc(i + 1, 0x00, 0, 0);
		f.sequence = i;
		f.sync = f.sync_end = ISCSIP_FRAME_SYNC;
		frame_rig_put(r, TO_TARGET, &f, NULL);
	}
	while (frame_rig_deliver(r, TO_TARGET))
		sent++;
	iscsip_frame_conn_stats(r->t, &st);
	assert_true(st.rx_frames == 8 + 16 + 1); /* tasks, units, and one that waits */
	assert_int_equal(iscsip_frame_conn_want(r->t), ISCSIP_WANT_TX);
	/* another connection notices nothing */
	f = frame_rig_newc(1, 0x28, 0, 1);
	exchange(other, &f, NULL);
	assert_int_equal(frame_rig_last(other, TO_INITIATOR).event, ISCSIP_FRAME_XFER);
	frame_rig_free(other);
	/* as soon as the answers are taken, all of it is worked off */
	do {
		moved = frame_rig_collect(r, TO_INITIATOR);
		moved = frame_rig_deliver(r, TO_TARGET) || moved;
	} while (moved);
	while (r->ops_open) {
		frame_rig_go(r->ops_open);
		frame_rig_collect(r, TO_INITIATOR);
	}
	cnt = frame_rig_frames(r, TO_INITIATOR, seen, 10000);
	assert_int_equal(cnt, 10000);
	for (int i = 0; i < cnt; i++) {
		assert_int_equal(seen[i].sequence, i);
		answered += seen[i].status == 0;
		refused += seen[i].status == 0x28 && seen[i].responder_id == 0;
	}
	assert_int_equal(answered, 8);
	assert_int_equal(refused, 9992);
	frame_rig_free(r);
}

static void a_held_connection_that_is_never_read_is_given_up(void **state)
{
	struct frame_rig *r = frame_rig_new();

	(void)state;
	r->tcfg.limits.max_exchanges = 1;
	r->tcfg.limits.max_tx_frames = 2;
	r->tcfg.exchange_timeout_ms = 700;
	r->manner.hold = true;
	frame_rig_open_target(r);
	for (uint32_t i = 0; i < 10; i++) {
		struct iscsip_frame f = frame_rig_newc(i + 1, 0, 0, 0);

		frame_rig_put(r, TO_TARGET, &f, NULL);
	}
	while (frame_rig_deliver(r, TO_TARGET))
		;
	assert_true(iscsip_frame_conn_deadline(r->t) == 1700);
	assert_int_equal(iscsip_frame_conn_tick(r->t, 1700), ISCSIP_ETIMEDOUT);
	frame_rig_free(r);
}

static void colliding_ids_are_told_apart(void **state)
{
	struct frame_rig *r = frame_rig_new();

	(void)state;
	r->tcfg.limits.max_exchanges = 256;
	r->tcfg.limits.max_tx_frames = 512;
	r->quiet = true;
	r->manner.hold = true;
	frame_rig_open_target(r);
	for (uint32_t i = 0; i < 256; i++) {
		struct iscsip_frame f = frame_rig_newc((i + 1) << 16, 0, 0, 0);

		frame_rig_put(r, TO_TARGET, &f, NULL);
	}
	while (frame_rig_deliver(r, TO_TARGET))
		;
	assert_int_equal(iscsip_frame_conn_open(r->t), 256);
	for (uint32_t i = 0; i < 256; i += 2)
		frame_rig_go(frame_rig_find(r, (i + 1) << 16));
	while (frame_rig_collect(r, TO_INITIATOR))
		;
	for (uint32_t i = 0; i < 256; i += 2) { /* those may be used again, the others not */
		struct iscsip_frame f = frame_rig_newc((i + 1) << 16, 0, 0, 0);

		frame_rig_put(r, TO_TARGET, &f, NULL);
	}
	while (frame_rig_deliver(r, TO_TARGET))
		;
	assert_int_equal(iscsip_frame_conn_open(r->t), 256);
	assert_int_equal(iscsip_frame_conn_error(r->t)->code, ISCSIP_OK);
	frame_rig_free(r);
}

/* One wrong bit in the header of an XFER, 512 bytes of data behind it. */
static void a_flipped_bit_anywhere_never_writes_outside_the_grant(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 68 * 8; bit++) {
		void *scene = NULL;
		struct scene *s;
		struct iscsip_frame f;
		uint8_t hdr[68];
		bool fits;

		assert_int_equal(setup(&scene), 0);
		s = scene;
		f = xfer(s);
		iscsip_frame_encode(hdr, sizeof hdr, &f);
		hdr[bit / 8] ^= (uint8_t)(1u << bit % 8);
		frame_rig_put_bytes(s->r, TO_TARGET, hdr, sizeof hdr);
		iscsip_frame_decode(&f, hdr, sizeof hdr);
		/* another length within the grant is another good header: what is missing of its data is waited for */
		fits = bit / 8 >= 60 && bit / 8 < 64 && f.transfer_length > 0 && f.transfer_length <= 1024;
		frame_rig_put_bytes(s->r, TO_TARGET, data, fits && f.transfer_length < 512 ? f.transfer_length : 512);
		while (frame_rig_deliver(s->r, TO_TARGET))
			;
		assert_int_equal(iscsip_frame_conn_error(s->r->t)->code, fits ? ISCSIP_OK : ISCSIP_EPROTO);
		assert_int_equal(memcmp(s->before, s->r->medium, sizeof s->before) != 0, fits);
		assert_int_equal(teardown(&scene), 0);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_wrong_sync_in_front_ends_the_connection),
		T(a_wrong_sync_behind_ends_the_connection),
		T(a_sync_that_only_agrees_with_itself_ends_the_connection),
		T(a_gap_in_the_sequence_ends_the_connection),
		T(a_sequence_far_away_ends_the_connection),
		T(an_unknown_type_ends_the_connection),
		T(an_unknown_event_ends_the_connection),
		T(sndd_from_an_initiator_ends_the_connection),
		T(cmpt_from_an_initiator_ends_the_connection),
		T(a_reserved_flag_ends_the_connection),
		T(sense_from_an_initiator_ends_the_connection),
		T(xfer_of_the_other_direction_ends_the_connection),
		T(a_status_from_an_initiator_ends_the_connection),
		T(final_before_the_end_ends_the_connection),
		T(another_lun_ends_the_connection),
		T(another_originator_id_ends_the_connection),
		T(no_originator_id_ends_the_connection),
		T(no_responder_id_ends_the_connection),
		T(an_unknown_responder_id_ends_the_connection),
		T(a_responder_id_of_another_generation_ends_the_connection),
		T(a_responder_id_far_outside_ends_the_connection),
		T(a_changed_cdb_ends_the_connection),
		T(a_changed_tag_ends_the_connection),
		T(a_changed_end_of_the_handle_ends_the_connection),
		T(data_beyond_the_grant_ends_the_connection),
		T(four_gibibytes_of_data_end_the_connection),
		T(no_data_ends_the_connection),
		T(a_new_command_with_an_id_in_use_ends_the_connection),
		T(a_new_command_without_an_id_ends_the_connection),
		T(a_new_command_with_a_responder_id_ends_the_connection),
		T(a_new_command_both_ways_ends_the_connection),
		T(a_length_without_a_direction_ends_the_connection),
		T(a_repeated_sequence_number_ends_the_connection),
		cmocka_unit_test(data_above_the_limit_of_one_transfer_ends_the_connection),
		T(more_data_after_the_grant_is_used_up_ends_the_connection),
		T(the_last_data_without_final_ends_the_connection),
		T(the_handle_of_a_grant_that_is_used_up_ends_the_connection),
		cmocka_unit_test(a_write_may_be_cut_at_every_byte),
		T(data_for_an_exchange_that_is_over_ends_the_connection),
		T(data_for_an_exchange_to_come_ends_the_connection),
		cmocka_unit_test(xfer_for_a_read_ends_the_connection),
		cmocka_unit_test(xfer_before_the_grant_ends_the_connection),
		cmocka_unit_test(a_huge_expectation_costs_nothing_until_the_device_server_wants_it),
		cmocka_unit_test(ten_thousand_commands_without_reading_hold_the_connection_and_nothing_grows),
		cmocka_unit_test(a_held_connection_that_is_never_read_is_given_up),
		cmocka_unit_test(colliding_ids_are_told_apart),
		cmocka_unit_test(a_flipped_bit_anywhere_never_writes_outside_the_grant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
