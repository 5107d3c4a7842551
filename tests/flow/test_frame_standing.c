/* SPDX-License-Identifier: MIT */
/*
 * The standing grant (docs/frame-protocol.md 5.8): the first bytes of a write follow its NEWC without SNDD. Both roles against
 * each other, and each against a peer that breaks the rules of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flow/frame_rig.h"

#define GRANT 1024u

static uint8_t buffer[4][8192];

static int begin(void **state)
{
	struct frame_rig *r = frame_rig_new();

	r->icfg.standing_grant = r->tcfg.standing_grant = GRANT;
	for (unsigned i = 0; i < 4; i++)
		frame_rig_pattern(buffer[i], sizeof buffer[i], 77 + i);
	*state = r;
	return 0;
}

static int finish(void **state)
{
	frame_rig_free(*state);
	return 0;
}

static void deliver_all(struct frame_rig *r)
{
	while (frame_rig_deliver(r, TO_TARGET))
		;
}

/* --- the exchange --- */

static void a_write_within_the_grant_is_newc_xfer_and_cmpt(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_frame f[2];
	struct iscsip_vec vec;
	static const uint8_t zero[16];

	frame_rig_open(r);
	frame_rig_write(r, &x, &vec, buffer[0], 5, 1);
	frame_rig_collect(r, TO_TARGET);
	assert_string_equal(r->script, ">NEWC >XFER+512");
	assert_int_equal(frame_rig_frames(r, TO_TARGET, f, 2), 2);
	assert_int_equal(f[1].responder_id, 0);
	assert_memory_equal(f[1].responder_buffer, zero, sizeof zero);
	assert_memory_equal(f[1].originator_buffer, f[0].originator_buffer, 16);
	assert_int_equal(f[1].originator_id, f[0].originator_id);
	assert_int_equal(f[1].flags, ISCSIP_FRAME_WRITE | ISCSIP_FRAME_FINAL);
	frame_rig_run(r);
	assert_string_equal(r->script, ">NEWC >XFER+512 <CMPT");
	assert_string_equal(r->log, "place exec free");
	assert_int_equal(frame_rig_last(r, TO_INITIATOR).transfer_length, 512);
	assert_int_equal(x.result.err, ISCSIP_OK);
	assert_int_equal(x.result.status, 0);
	assert_int_equal(x.result.moved, 512);
	assert_memory_equal(r->medium + 5 * RIG_BLOCK, buffer[0], 512);
}

static void the_device_server_hears_of_a_write_when_its_first_data_is_in(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_vec vec;

	frame_rig_open(r);
	frame_rig_write(r, &x, &vec, buffer[0], 5, 2);
	frame_rig_collect(r, TO_TARGET);
	r->chunk = 1;
	for (unsigned i = 0; i < 2 * 68 + 1024; i++) {
		assert_string_equal(r->log, i < 68 ? "" : "place");
		assert_true(frame_rig_deliver(r, TO_TARGET));
	}
	assert_string_equal(r->log, "place exec");
	assert_memory_equal(r->medium + 5 * RIG_BLOCK, buffer[0], 1024);
}

static void a_longer_write_is_granted_its_rest(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_frame f[4];
	struct iscsip_vec vec;

	r->tcfg.limits.max_burst = 1536;
	frame_rig_open(r);
	frame_rig_write(r, &x, &vec, buffer[0], 9, 8);
	frame_rig_run(r);
	assert_string_equal(r->script, ">NEWC >XFER+1024 <SNDD+1536 >XFER+1536 <SNDD+1536 >XFER+1536 <CMPT");
	assert_int_equal(frame_rig_frames(r, TO_TARGET, f, 4), 4);
	assert_int_equal(f[1].flags, ISCSIP_FRAME_WRITE);
	assert_int_equal(f[3].flags, ISCSIP_FRAME_WRITE | ISCSIP_FRAME_FINAL);
	assert_int_equal(x.result.moved, 4096);
	assert_memory_equal(r->medium + 9 * RIG_BLOCK, buffer[0], 4096);
}

static void an_exchange_that_is_used_again_forgets_the_handle_of_its_last_grant(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_vec vec;

	frame_rig_open(r);
	frame_rig_write(r, &x, &vec, buffer[0], 9, 8);
	frame_rig_run(r);
	assert_int_equal(iscsip_frame_submit(r->i, &x, r->now), ISCSIP_OK);
	frame_rig_run(r);
	assert_int_equal(r->done, 2);
	assert_int_equal(iscsip_frame_conn_error(r->t)->code, ISCSIP_OK);
}

static void what_carries_no_data_to_the_target_is_as_ever(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x[2];
	struct iscsip_vec vec;

	frame_rig_open(r);
	frame_rig_test_unit_ready(r, &x[0]);
	frame_rig_run(r);
	frame_rig_read(r, &x[1], &vec, buffer[0], 3, 4);
	frame_rig_run(r);
	assert_string_equal(r->script, ">NEWC <CMPT >NEWC <XFER+2048");
}

static void a_write_that_fails_counts_what_came_by_the_standing_grant(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_vec vec;

	r->manner.status = 2;
	frame_rig_open(r);
	frame_rig_write(r, &x, &vec, buffer[0], 9, 8);
	frame_rig_run(r);
	assert_string_equal(r->script, ">NEWC >XFER+1024 <CMPT");
	assert_int_equal(x.result.status, 2);
	assert_int_equal(x.result.moved, 1024);
	assert_int_equal(x.result.residual, 3072);
}

/* Reads the record of what the initiator sent: behind each NEWC of a write stands its XFER. */
static void expect_pairs(const struct frame_rig *r, int frames)
{
	static struct iscsip_frame f[64];
	int cnt = frame_rig_frames(r, TO_TARGET, f, 64);

	assert_int_equal(cnt, frames);
	for (int i = 0; i < cnt; i++) {
		if (f[i].event != ISCSIP_FRAME_NEWC || !(f[i].flags & ISCSIP_FRAME_WRITE))
			continue;
		assert_int_equal(f[i + 1].event, ISCSIP_FRAME_XFER);
		assert_int_equal(f[i + 1].originator_id, f[i].originator_id);
		assert_int_equal(f[i + 1].responder_id, 0);
	}
}

static void nothing_comes_between_a_newc_and_its_data(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 24; n++) {
		void *fresh;
		struct frame_rig *r;
		static struct iscsip_frame_exchange x[5];
		struct iscsip_vec vec[5];

		begin(&fresh);
		r = fresh;
		r->chunk = (const size_t[]){ 1, 68, 69, 700, 3000, 0 }[n % 6];
		r->push = n / 6 == 1;
		r->stage = n / 6 == 2;
		r->icfg.limits.max_tx_frames = n / 6 == 3 ? 2 : 64;
		frame_rig_open(r);
		for (unsigned i = 0; i < 4; i++)
			frame_rig_write(r, &x[i], &vec[i], buffer[i], 20 + 16 * i, (uint16_t)(1 + 5 * i));
		frame_rig_read(r, &x[4], &vec[4], buffer[0] + 4096, 100, 8);
		frame_rig_run(r);
		assert_int_equal(r->done, 5);
		expect_pairs(r, 2 + 3 * 3 + 1);
		for (unsigned i = 0; i < 4; i++) {
			assert_int_equal(x[i].result.status, 0);
			assert_memory_equal(r->medium + (20 + 16 * i) * RIG_BLOCK, buffer[i], (1 + 5 * i) * RIG_BLOCK);
		}
		frame_rig_free(r);
	}
}

/* --- memory that comes later, or not at all --- */

static void memory_that_is_named_later_holds_the_connection(void **state)
{
	(void)state;
	for (int doors = 0; doors < 3; doors++) {
		void *fresh;
		struct frame_rig *r;
		static struct iscsip_frame_exchange x[2];
		struct iscsip_vec vec[2];
		size_t waiting;

		begin(&fresh);
		r = fresh;
		r->push = doors == 1;
		r->stage = doors == 2;
		r->manner.place_later = true;
		r->tcfg.exchange_timeout_ms = 500;
		frame_rig_open(r);
		frame_rig_write(r, &x[0], &vec[0], buffer[0], 5, 2);
		frame_rig_test_unit_ready(r, &x[1]);
		while (frame_rig_collect(r, TO_TARGET))
			;
		deliver_all(r);
		waiting = r->wire[TO_TARGET].len;
		assert_true(waiting >= 68 + 1024);
		assert_string_equal(r->log, "place");
		assert_int_equal(iscsip_frame_conn_want(r->t), 0);
		assert_true(iscsip_frame_conn_deadline(r->t) == ISCSIP_TIME_NEVER); /* the host's time, not the peer's */
		r->wakes = 0;
		frame_rig_place(r->ops_open);
		assert_int_equal(r->wakes, 1);
		assert_string_equal(r->log, "place");
		r->now = 7000;
		frame_rig_collect(r, TO_INITIATOR);
		assert_true(iscsip_frame_conn_want(r->t) & ISCSIP_WANT_RX);
		assert_true(iscsip_frame_conn_deadline(r->t) == 7500);
		frame_rig_run(r);
		assert_int_equal(strncmp(r->log, "place exec", 10), 0);
		assert_int_equal(r->done, 2);
		assert_int_equal(iscsip_frame_conn_open(r->t), 0);
		assert_memory_equal(r->medium + 5 * RIG_BLOCK, buffer[0], 1024);
		frame_rig_free(r);
	}
}

/* The peer has sent what it was granted; that nobody reads it is the host's doing. */
static void while_memory_is_waited_for_no_granted_data_is_overdue(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x[2];
	struct iscsip_vec vec[2];

	r->tcfg.exchange_timeout_ms = 500;
	r->now = 1000;
	frame_rig_open(r);
	frame_rig_write(r, &x[0], &vec[0], buffer[0], 5, 8);
	frame_rig_collect(r, TO_TARGET);
	deliver_all(r);
	frame_rig_collect(r, TO_INITIATOR);
	r->manner.place_later = true;
	frame_rig_write(r, &x[1], &vec[1], buffer[1], 50, 2);
	frame_rig_run(r);
	assert_string_equal(r->script, ">NEWC >XFER+1024 <SNDD+3072 >NEWC >XFER+1024 >XFER+3072");
	assert_int_equal(iscsip_frame_conn_tick(r->t, 1500), ISCSIP_OK);
	assert_true(iscsip_frame_conn_deadline(r->t) == ISCSIP_TIME_NEVER);
	r->now = 7000;
	frame_rig_place(r->ops_open);
	frame_rig_collect(r, TO_INITIATOR);
	assert_int_equal(iscsip_frame_conn_tick(r->t, 7499), ISCSIP_OK);
	assert_true(iscsip_frame_conn_deadline(r->t) == 7500);
	frame_rig_run(r);
	assert_int_equal(r->done, 2);
	assert_memory_equal(r->medium + 5 * RIG_BLOCK, buffer[0], 4096);
	assert_memory_equal(r->medium + 50 * RIG_BLOCK, buffer[1], 1024);
}

/* The time of each exchange begins anew, also that of one whose data does not come. */
static void after_memory_was_named_granted_data_is_due_again(void **state)
{
	struct frame_rig *r = *state;
	struct iscsip_frame first = frame_rig_newc(7, 0x2a, 5, 8), second = frame_rig_newc(8, 0x2a, 50, 2), f = first;

	r->tcfg.exchange_timeout_ms = 500;
	r->now = 1000;
	frame_rig_open_target(r);
	frame_rig_put(r, TO_TARGET, &first, NULL);
	f.event = ISCSIP_FRAME_XFER;
	f.transfer_length = GRANT;
	frame_rig_put(r, TO_TARGET, &f, buffer[0]);
	deliver_all(r);
	frame_rig_collect(r, TO_INITIATOR);
	r->manner.place_later = true;
	frame_rig_put(r, TO_TARGET, &second, NULL);
	f = second;
	f.event = ISCSIP_FRAME_XFER;
	f.flags |= ISCSIP_FRAME_FINAL;
	frame_rig_put(r, TO_TARGET, &f, buffer[1]);
	deliver_all(r);
	r->now = 7000;
	frame_rig_place(r->ops_open);
	frame_rig_collect(r, TO_INITIATOR);
	deliver_all(r);
	frame_rig_collect(r, TO_INITIATOR);
	assert_int_equal(iscsip_frame_conn_open(r->t), 1); /* the second is answered */
	assert_int_equal(iscsip_frame_conn_tick(r->t, 7499), ISCSIP_OK);
	assert_int_equal(iscsip_frame_conn_tick(r->t, 7500), ISCSIP_ETIMEDOUT);
	assert_int_equal(iscsip_frame_conn_error(r->t)->arg, 7);
}

static ptrdiff_t take_wire(void *user, void *p, size_t n)
{
	struct frame_rig *r = user;
	struct frame_rig_bytes *b = &r->wire[TO_TARGET];

	n = n < b->len ? n : b->len;
	if (n == 0)
		return ISCSIP_EAGAIN;
	memcpy(p, b->p, n);
	b->len -= n;
	memmove(b->p, b->p + n, b->len);
	return (ptrdiff_t)n;
}

static ptrdiff_t put_wire(void *user, const struct iscsip_vec *vec, int cnt)
{
	(void)cnt;
	frame_rig_put_bytes(user, TO_INITIATOR, vec[0].base, vec[0].len);
	return (ptrdiff_t)vec[0].len;
}

static void run_goes_on_reading_once_the_memory_is_named(void **state)
{
	struct frame_rig *r = *state;
	const struct iscsip_transport t = { r, take_wire, put_wire };
	static struct iscsip_frame_exchange x;
	struct iscsip_vec vec;

	r->manner.place_later = true;
	frame_rig_open(r);
	frame_rig_write(r, &x, &vec, buffer[0], 5, 2);
	frame_rig_collect(r, TO_TARGET);
	assert_int_equal(iscsip_frame_conn_run(r->t, &t, r->now), ISCSIP_OK);
	assert_string_equal(r->log, "place");
	frame_rig_place(r->ops_open);
	assert_int_equal(iscsip_frame_conn_run(r->t, &t, r->now), ISCSIP_OK);
	assert_string_equal(r->log, "place exec free");
	assert_string_equal(r->script, ">NEWC >XFER+1024 <CMPT");
}

static void data_without_memory_is_dropped_and_memory_cannot_follow(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	uint8_t before[sizeof r->medium];
	struct iscsip_vec vec;

	r->manner.place_never = true;
	r->manner.hold = true;
	memcpy(before, r->medium, sizeof before);
	frame_rig_open(r);
	frame_rig_write(r, &x, &vec, buffer[0], 5, 8);
	frame_rig_run(r);
	assert_string_equal(r->log, "place exec");
	frame_rig_place(r->ops_open);
	assert_string_equal(r->log, "place exec place-refused");
	assert_int_equal(iscsip_cmd_request_data(r->ops_open->cmd, 0, 512), ISCSIP_ESTATE);
	frame_rig_complete(r->ops_open, 2);
	frame_rig_run(r);
	assert_int_equal(x.result.status, 2);
	assert_int_equal(x.result.moved, 1024);
	assert_memory_equal(r->medium, before, sizeof before);
}

/* --- refusals --- */

static void a_refused_write_is_answered_when_its_data_has_passed_by(void **state)
{
	(void)state;
	for (int doors = 0; doors < 3; doors++) {
		void *fresh;
		struct frame_rig *r;
		static struct iscsip_frame_exchange x[3];
		uint8_t before[sizeof r->medium];
		struct iscsip_vec vec;

		begin(&fresh);
		r = fresh;
		r->push = doors == 1;
		r->stage = doors == 2;
		r->manner.hold = true;
		r->tcfg.limits.max_exchanges = 1;
		memcpy(before, r->medium, sizeof before);
		frame_rig_open(r);
		frame_rig_test_unit_ready(r, &x[0]);
		frame_rig_write(r, &x[1], &vec, buffer[0], 5, 8);
		while (frame_rig_collect(r, TO_TARGET))
			;
		r->chunk = 1;
		while (r->wire[TO_TARGET].len) {
			assert_int_equal(r->wire[TO_INITIATOR].len, 0);
			assert_true(frame_rig_deliver(r, TO_TARGET));
		}
		r->chunk = 0;
		frame_rig_run(r);
		assert_string_equal(r->script, ">NEWC >NEWC >XFER+1024 <CMPT");
		assert_true(x[1].result.refused);
		assert_int_equal(x[1].result.status, 0x28);
		assert_int_equal(x[1].result.moved, 0);
		assert_int_equal(x[1].result.residual, 4096);
		assert_int_equal(frame_rig_last(r, TO_INITIATOR).transfer_length, 0);
		assert_memory_equal(r->medium, before, sizeof before);
		frame_rig_go(r->ops_open);
		frame_rig_run(r);
		frame_rig_test_unit_ready(r, &x[2]);
		frame_rig_run(r);
		assert_string_equal(r->log, "exec free exec"); /* the connection goes on */
		frame_rig_free(r);
	}
}

static void refusals_without_a_free_frame_hold_the_connection(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x[9];
	struct iscsip_vec vec[9];

	r->manner.hold = true;
	r->tcfg.limits.max_exchanges = 1;
	r->tcfg.limits.max_tx_frames = 2;
	frame_rig_open(r);
	for (unsigned i = 0; i < 9; i++)
		frame_rig_write(r, &x[i], &vec[i], buffer[0], 5, 1);
	while (frame_rig_collect(r, TO_TARGET))
		;
	deliver_all(r);
	assert_int_equal(r->wire[TO_TARGET].len, (9 - 4) * (2 * 68 + 512)); /* one executes, two answers are made, one waits */
	assert_int_equal(iscsip_frame_conn_want(r->t), ISCSIP_WANT_TX);
	frame_rig_run(r);
	assert_int_equal(r->done, 8);
	for (unsigned i = 1; i < 9; i++)
		assert_int_equal(x[i].result.status, 0x28);
	assert_string_equal(r->log, "place exec");
}

static void a_target_that_closes_answers_busy_behind_the_data(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x[2];
	struct iscsip_vec vec;

	r->manner.hold = true;
	frame_rig_open(r);
	frame_rig_test_unit_ready(r, &x[0]);
	frame_rig_run(r);
	assert_int_equal(iscsip_frame_conn_close(r->t, r->now), ISCSIP_OK);
	frame_rig_write(r, &x[1], &vec, buffer[0], 5, 2);
	frame_rig_run(r);
	assert_string_equal(r->script, ">NEWC >NEWC >XFER+1024 <CMPT");
	assert_int_equal(x[1].result.status, 0x08);
	assert_true(x[1].result.refused);
}

/* Though its last exchange ends before the data of the refused one is in: what was met is answered. */
static void a_target_that_closes_waits_for_the_data_of_what_it_refuses(void **state)
{
	(void)state;
	for (int sent = 0; sent < 2; sent++) { /* of the XFER: nothing, or all but a byte */
		void *fresh;
		struct frame_rig *r;
		static struct iscsip_frame_exchange x[2];
		struct iscsip_vec vec;

		begin(&fresh);
		r = fresh;
		r->manner.hold = true;
		frame_rig_open(r);
		frame_rig_test_unit_ready(r, &x[0]);
		frame_rig_run(r);
		assert_int_equal(iscsip_frame_conn_close(r->t, r->now), ISCSIP_OK);
		frame_rig_write(r, &x[1], &vec, buffer[0], 5, 2);
		frame_rig_collect(r, TO_TARGET);
		r->chunk = sent ? 68 + 68 + 1023 : 68;
		frame_rig_deliver(r, TO_TARGET);
		r->chunk = 0;
		frame_rig_go(r->ops_open);
		while (frame_rig_collect(r, TO_INITIATOR))
			;
		assert_int_equal(iscsip_frame_conn_open(r->t), 0);
		assert_int_equal(iscsip_frame_conn_want(r->t), ISCSIP_WANT_RX);
		assert_true(iscsip_frame_conn_deadline(r->t) != ISCSIP_TIME_NEVER);
		frame_rig_run(r);
		assert_true(x[1].result.refused);
		assert_int_equal(x[1].result.status, 0x08);
		assert_int_equal(iscsip_frame_conn_want(r->t), ISCSIP_WANT_CLOSE);
		frame_rig_free(r);
	}
}

/* --- time, end, configuration --- */

static void data_that_does_not_follow_fails_the_connection_in_time(void **state)
{
	struct frame_rig *r = *state;
	struct iscsip_frame f = frame_rig_newc(7, 0x2a, 5, 2);

	r->tcfg.exchange_timeout_ms = 700;
	frame_rig_open_target(r);
	frame_rig_put(r, TO_TARGET, &f, NULL);
	deliver_all(r);
	assert_true(iscsip_frame_conn_deadline(r->t) == 1700);
	assert_int_equal(iscsip_frame_conn_tick(r->t, 1699), ISCSIP_OK);
	assert_int_equal(iscsip_frame_conn_tick(r->t, 1700), ISCSIP_ETIMEDOUT);
	assert_int_equal(iscsip_frame_conn_error(r->t)->rule, ISCSIP_FRAME_RULE_EXCHANGE_DUE);
	assert_int_equal(iscsip_frame_conn_error(r->t)->arg, 7);
	iscsip_frame_conn_closed(r->t, 1700);
	assert_string_equal(r->log, "place free");
	assert_int_equal(iscsip_frame_conn_open(r->t), 0);
}

static void data_that_came_has_no_time_left_to_keep(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_vec vec;

	r->manner.hold = true;
	r->tcfg.exchange_timeout_ms = 700;
	r->icfg.exchange_timeout_ms = 0;
	frame_rig_open(r);
	frame_rig_write(r, &x, &vec, buffer[0], 5, 2);
	frame_rig_run(r);
	assert_string_equal(r->log, "place exec");
	assert_int_equal(iscsip_frame_conn_tick(r->t, 90000), ISCSIP_OK);
	assert_true(iscsip_frame_conn_deadline(r->t) == ISCSIP_TIME_NEVER);
}

static void the_grant_is_at_most_what_one_transfer_may_have(void **state)
{
	struct iscsip_frame_config cfg;

	(void)state;
	iscsip_frame_config_init(&cfg, sizeof cfg);
	assert_int_equal(cfg.standing_grant, 0);
	cfg.limits.max_burst = 4096;
	cfg.limits.max_rx_transfer = 8192;
	cfg.standing_grant = 4096;
	assert_int_equal(iscsip_frame_config_check(&cfg), ISCSIP_OK);
	cfg.standing_grant = 4097;
	assert_int_equal(iscsip_frame_config_check(&cfg), ISCSIP_EINVAL);
	cfg.limits.max_burst = 8192;
	cfg.limits.max_rx_transfer = 4096;
	assert_int_equal(iscsip_frame_config_check(&cfg), ISCSIP_EINVAL);
}

/* --- a hostile initiator --- */

/* What stands behind a NEWC of two blocks, exchange 7. */
static struct iscsip_frame good_xfer(void)
{
	struct iscsip_frame f = frame_rig_newc(7, 0x2a, 100, 2);

	f.event = ISCSIP_FRAME_XFER;
	f.flags = ISCSIP_FRAME_WRITE | ISCSIP_FRAME_FINAL;
	return f;
}

/* A target in which NEWC arrived: to be executed, or to be refused. */
static struct frame_rig *attacked(bool refused)
{
	struct iscsip_frame newc = frame_rig_newc(7, 0x2a, 100, 2), first = frame_rig_newc(3, 0, 0, 0);
	void *fresh;
	struct frame_rig *r;

	begin(&fresh);
	r = fresh;
	r->manner.hold = true;
	r->tcfg.limits.max_exchanges = refused ? 1 : 8;
	frame_rig_open_target(r);
	frame_rig_put(r, TO_TARGET, &first, NULL);
	frame_rig_put(r, TO_TARGET, &newc, NULL);
	deliver_all(r);
	return r;
}

static void expect_refused(const struct iscsip_frame *f, unsigned rule, uint32_t at)
{
	for (int refused = 0; refused < 2; refused++) {
		struct frame_rig *r = attacked(refused);
		uint8_t before[sizeof r->medium];

		memcpy(before, r->medium, sizeof before);
		frame_rig_put(r, TO_TARGET, f, buffer[0]);
		deliver_all(r);
		assert_int_equal(r->err[TO_TARGET], ISCSIP_EPROTO);
		assert_int_equal(iscsip_frame_conn_error(r->t)->rule, rule);
		assert_int_equal(iscsip_frame_conn_error(r->t)->arg, at);
		assert_memory_equal(r->medium, before, sizeof before);
		frame_rig_free(r);
	}
}

#define BROKEN(name, change, rule, at) \
	static void name(void **state) \
	{ \
		struct iscsip_frame f = good_xfer(); \
		(void)state; \
		change; \
		expect_refused(&f, ISCSIP_FRAME_RULE_##rule, at); \
	}

BROKEN(another_command_in_its_place_ends_the_connection, f = frame_rig_newc(8, 0x2a, 100, 2), ORDER, 12)
BROKEN(a_command_without_data_in_its_place_ends_the_connection, f = frame_rig_newc(8, 0, 0, 0), ORDER, 12)
BROKEN(an_event_of_the_target_in_its_place_ends_the_connection, f.event = ISCSIP_FRAME_SNDD, SENDER, 12)
BROKEN(a_responder_id_ends_the_connection, f.responder_id = 0x10001, RESPONDER_ID, 24)
BROKEN(a_handle_ends_the_connection, f.responder_buffer[15] = 1, RESPONDER_BUFFER, 44)
BROKEN(less_than_the_grant_ends_the_connection, f.transfer_length = 1023, GRANT, 60)
BROKEN(more_than_the_grant_ends_the_connection, f.transfer_length = 1025, GRANT, 60)
BROKEN(no_data_ends_the_connection, f.transfer_length = 0, LENGTH, 60)
BROKEN(a_missing_final_ends_the_connection, f.flags = ISCSIP_FRAME_WRITE, FINAL, 18)
BROKEN(another_exchange_ends_the_connection, f.originator_id = 3, ORIGINATOR_ID, 20)
BROKEN(another_lun_ends_the_connection, f.lun = 1, LUN, 16)
BROKEN(another_cdb_ends_the_connection, f.originator_buffer[9] ^= 1, ORIGINATOR_BUFFER, 28)
BROKEN(a_read_ends_the_connection, f.flags = ISCSIP_FRAME_READ, DATA_DIRECTION, 18)

static void a_good_one_passes_where_the_broken_ones_do_not(void **state)
{
	(void)state;
	for (int refused = 0; refused < 2; refused++) {
		struct iscsip_frame f = good_xfer();
		struct frame_rig *r = attacked(refused);

		frame_rig_put(r, TO_TARGET, &f, buffer[0]);
		deliver_all(r);
		assert_int_equal(r->err[TO_TARGET], ISCSIP_OK);
		assert_int_equal(memcmp(r->medium + 100 * RIG_BLOCK, buffer[0], 1024) == 0, !refused);
		frame_rig_free(r);
	}
}

static void final_before_the_end_ends_the_connection(void **state)
{
	struct frame_rig *r = *state;
	struct iscsip_frame newc = frame_rig_newc(7, 0x2a, 100, 4), f = newc;

	f.event = ISCSIP_FRAME_XFER;
	f.flags = ISCSIP_FRAME_WRITE | ISCSIP_FRAME_FINAL;
	f.transfer_length = GRANT;
	frame_rig_open_target(r);
	frame_rig_put(r, TO_TARGET, &newc, NULL);
	frame_rig_put(r, TO_TARGET, &f, buffer[0]);
	deliver_all(r);
	assert_int_equal(iscsip_frame_conn_error(r->t)->rule, ISCSIP_FRAME_RULE_FINAL);
}

static void without_an_agreement_data_behind_a_newc_ends_the_connection(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_vec vec;

	r->tcfg.standing_grant = 0;
	frame_rig_open(r);
	frame_rig_write(r, &x, &vec, buffer[0], 5, 1);
	frame_rig_collect(r, TO_TARGET);
	deliver_all(r);
	assert_int_equal(iscsip_frame_conn_error(r->t)->rule, ISCSIP_FRAME_RULE_RESPONDER_ID);
}

static void a_flipped_bit_anywhere_in_its_header_ends_the_connection(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 68 * 8; bit++) {
		struct frame_rig *r = attacked(bit % 2);
		struct iscsip_frame f = good_xfer();
		uint8_t hdr[68], before[sizeof r->medium];

		memcpy(before, r->medium, sizeof before);
		f.sync = f.sync_end = ISCSIP_FRAME_SYNC;
		f.type = ISCSIP_FRAME_CMDS;
		f.sequence = 2;
		iscsip_frame_encode(hdr, sizeof hdr, &f);
		hdr[bit / 8] ^= (uint8_t)(1u << bit % 8);
		frame_rig_put_bytes(r, TO_TARGET, hdr, sizeof hdr);
		frame_rig_put_bytes(r, TO_TARGET, buffer[0], 1024);
		deliver_all(r);
		assert_int_equal(iscsip_frame_conn_error(r->t)->code, ISCSIP_EPROTO);
		assert_memory_equal(r->medium, before, sizeof before);
		frame_rig_free(r);
	}
}

/* --- a hostile target --- */

/* The rule that an initiator names, whose NEWC of four blocks and its XFER are out, when it hears this. */
static unsigned rule_of_answer(uint32_t event, uint32_t responder_id, uint8_t status, uint32_t transfer_length)
{
	static struct iscsip_frame_exchange x;
	struct iscsip_vec vec;
	struct iscsip_frame f;
	struct frame_rig *r;
	void *fresh;
	unsigned rule;

	begin(&fresh);
	r = fresh;
	frame_rig_open_initiator(r);
	frame_rig_write(r, &x, &vec, buffer[0], 5, 4);
	frame_rig_collect(r, TO_TARGET);
	f = frame_rig_newc(x.id, 0x2a, 5, 4);
	f.event = event;
	f.responder_id = responder_id;
	f.status = status;
	f.transfer_length = transfer_length;
	frame_rig_put(r, TO_INITIATOR, &f, NULL);
	while (frame_rig_deliver(r, TO_INITIATOR))
		;
	rule = iscsip_frame_conn_error(r->i)->rule;
	frame_rig_free(r);
	return rule;
}

static void a_completion_that_forgets_the_standing_grant_ends_the_connection(void **state)
{
	(void)state;
	assert_int_equal(rule_of_answer(ISCSIP_FRAME_CMPT, 9, 0, 0), ISCSIP_FRAME_RULE_MOVED);
	assert_int_equal(rule_of_answer(ISCSIP_FRAME_CMPT, 9, 0, GRANT), ISCSIP_FRAME_RULE_NONE);
}

static void a_refusal_that_counts_data_ends_the_connection(void **state)
{
	(void)state;
	assert_int_equal(rule_of_answer(ISCSIP_FRAME_CMPT, 0, 0x28, GRANT), ISCSIP_FRAME_RULE_MOVED);
}

static void a_grant_beyond_the_rest_ends_the_connection(void **state)
{
	(void)state;
	assert_int_equal(rule_of_answer(ISCSIP_FRAME_SNDD, 9, 0, 2048 - GRANT + 1), ISCSIP_FRAME_RULE_EXPECTATION);
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_write_within_the_grant_is_newc_xfer_and_cmpt),
		T(the_device_server_hears_of_a_write_when_its_first_data_is_in),
		T(a_longer_write_is_granted_its_rest),
		T(an_exchange_that_is_used_again_forgets_the_handle_of_its_last_grant),
		T(what_carries_no_data_to_the_target_is_as_ever),
		T(a_write_that_fails_counts_what_came_by_the_standing_grant),
		cmocka_unit_test(nothing_comes_between_a_newc_and_its_data),
		cmocka_unit_test(memory_that_is_named_later_holds_the_connection),
		T(while_memory_is_waited_for_no_granted_data_is_overdue),
		T(after_memory_was_named_granted_data_is_due_again),
		T(run_goes_on_reading_once_the_memory_is_named),
		T(data_without_memory_is_dropped_and_memory_cannot_follow),
		cmocka_unit_test(a_refused_write_is_answered_when_its_data_has_passed_by),
		T(refusals_without_a_free_frame_hold_the_connection),
		T(a_target_that_closes_answers_busy_behind_the_data),
		cmocka_unit_test(a_target_that_closes_waits_for_the_data_of_what_it_refuses),
		T(data_that_does_not_follow_fails_the_connection_in_time),
		T(data_that_came_has_no_time_left_to_keep),
		cmocka_unit_test(the_grant_is_at_most_what_one_transfer_may_have),
		cmocka_unit_test(another_command_in_its_place_ends_the_connection),
		cmocka_unit_test(a_command_without_data_in_its_place_ends_the_connection),
		cmocka_unit_test(an_event_of_the_target_in_its_place_ends_the_connection),
		cmocka_unit_test(a_responder_id_ends_the_connection),
		cmocka_unit_test(a_handle_ends_the_connection),
		cmocka_unit_test(less_than_the_grant_ends_the_connection),
		cmocka_unit_test(more_than_the_grant_ends_the_connection),
		cmocka_unit_test(no_data_ends_the_connection),
		cmocka_unit_test(a_missing_final_ends_the_connection),
		cmocka_unit_test(another_exchange_ends_the_connection),
		cmocka_unit_test(another_lun_ends_the_connection),
		cmocka_unit_test(another_cdb_ends_the_connection),
		cmocka_unit_test(a_read_ends_the_connection),
		cmocka_unit_test(a_good_one_passes_where_the_broken_ones_do_not),
		T(final_before_the_end_ends_the_connection),
		T(without_an_agreement_data_behind_a_newc_ends_the_connection),
		cmocka_unit_test(a_flipped_bit_anywhere_in_its_header_ends_the_connection),
		cmocka_unit_test(a_completion_that_forgets_the_standing_grant_ends_the_connection),
		cmocka_unit_test(a_refusal_that_counts_data_ends_the_connection),
		cmocka_unit_test(a_grant_beyond_the_rest_ends_the_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
