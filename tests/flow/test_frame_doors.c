/* SPDX-License-Identifier: MIT */
/*
 * Bytes in and out of a frame connection: streams cut anywhere, all doors, the order and the listing of what is sent,
 * buffers that the transport holds on to, deadlines, the orderly close, and what is known of exchanges when it is over.
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

static uint8_t buffer[3][8192];

/* One of each exchange, in bursts; checks the result. */
static void all_exchanges(struct frame_rig *r)
{
	static struct iscsip_frame_exchange x[4];
	struct iscsip_vec vec[4];

	memset(buffer, 0, sizeof buffer);
	frame_rig_pattern(buffer[0], 4096, 77);
	frame_rig_write(r, &x[0], &vec[0], buffer[0], 100, 8);
	frame_rig_read(r, &x[1], &vec[1], buffer[1], 200, 8);
	frame_rig_test_unit_ready(r, &x[2]);
	memset(&x[3], 0, sizeof x[3]);
	x[3].lun = 9; /* CHECK CONDITION with sense */
	assert_int_equal(iscsip_frame_submit(r->i, &x[3], r->now), ISCSIP_OK);
	frame_rig_run(r);
	assert_int_equal(r->done, 4);
	for (int i = 0; i < 4; i++)
		assert_int_equal(x[i].result.err, ISCSIP_OK);
	assert_int_equal(x[3].result.sense[12], 0x25);
	assert_memory_equal(r->medium + 100 * RIG_BLOCK, buffer[0], 4096);
	assert_memory_equal(r->medium + 200 * RIG_BLOCK, buffer[1], 4096);
	assert_int_equal(iscsip_frame_conn_open(r->t), 0);
}

static void streams_cut_into_pieces_of_any_size_give_the_same_bytes_through_every_door(void **state)
{
	static const size_t chunks[] = { 1, 2, 3, 67, 68, 69, 99, 100, 101, 511, 512, 1000, 0 };
	struct frame_rig_bytes want[2] = { { 0 } };

	(void)state;
	for (unsigned n = 0; n < 13 * 3; n++) {
		struct frame_rig *r = frame_rig_new();

		r->chunk = chunks[n % 13];
		r->push = n / 13 == 1;
		r->stage = n / 13 == 2;
		r->tcfg.limits.max_burst = 1500;
		r->icfg.limits.max_burst = 1000;
		frame_rig_open(r);
		all_exchanges(r);
		if (n == 0) {
			for (int d = 0; d < 2; d++) {
				want[d] = r->record[d];
				r->record[d].p = NULL;
			}
		} else {
			/* interleaving depends on when answers are asked for; sizes do not */
			assert_int_equal(r->record[0].len, want[0].len);
			assert_int_equal(r->record[1].len, want[1].len);
		}
		frame_rig_free(r);
	}
	free(want[0].p);
	free(want[1].p);
}

/* The whole of each direction once in two parts, for every place of the cut. */
static void a_stream_may_be_cut_at_every_byte(void **state)
{
	(void)state;
	for (int doors = 0; doors < 3; doors++)
		for (size_t cut = 1; cut < 3 * 68 + 1024; cut++) {
			struct frame_rig *r = frame_rig_new();
			static struct iscsip_frame_exchange x;
			struct iscsip_vec vec;

			r->quiet = true;
			r->push = doors == 1;
			r->stage = doors == 2;
			frame_rig_open(r);
			frame_rig_pattern(buffer[0], 1024, (uint32_t)cut);
			frame_rig_write(r, &x, &vec, buffer[0], 50, 2);
			for (int dir = 0; r->done == 0; dir = !dir) {
				frame_rig_collect(r, dir);
				if (r->wire[dir].len > cut) {
					r->chunk = cut;
					frame_rig_deliver(r, dir);
					r->chunk = 0;
				}
				while (frame_rig_deliver(r, dir))
					;
			}
			assert_int_equal(x.result.err, ISCSIP_OK);
			assert_memory_equal(r->medium + 50 * RIG_BLOCK, buffer[0], 1024);
			frame_rig_free(r);
		}
}

static void data_goes_straight_to_its_place_and_the_next_header_with_it(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_vec vec, list[8], stage = { buffer[2], 100 };

	frame_rig_open(r);
	frame_rig_write(r, &x, &vec, buffer[0], 60, 2);
	frame_rig_collect(r, TO_TARGET);
	frame_rig_deliver(r, TO_TARGET);
	frame_rig_collect(r, TO_INITIATOR);
	frame_rig_deliver(r, TO_INITIATOR);
	frame_rig_collect(r, TO_TARGET);
	frame_rig_deliver(r, TO_TARGET); /* the header of XFER, and nothing more */
	assert_int_equal(iscsip_frame_conn_rx_next(r->t, &stage, list, 8), 3);
	assert_ptr_equal(list[0].base, r->medium + 60 * RIG_BLOCK); /* in the two pieces that the device server named */
	assert_int_equal(list[0].len, 100);
	assert_ptr_equal(list[1].base, r->medium + 60 * RIG_BLOCK + 100);
	assert_int_equal(list[1].len, 924);
	assert_ptr_equal(list[2].base, buffer[2]);
	assert_int_equal(iscsip_frame_conn_rx_next(r->t, NULL, list, 8), 3);
	assert_int_equal(list[2].len, 68);
	assert_int_equal(iscsip_frame_conn_rx_next(r->t, NULL, list, 1), ISCSIP_EINVAL);
	frame_rig_run(r);
	assert_int_equal(r->done, 1);
}

static void the_list_to_send_stays_the_same_until_bytes_are_done_and_names_the_hosts_memory(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x[3];
	struct iscsip_vec vec[3], a[64], b[64];
	int n;

	frame_rig_open(r);
	for (int i = 0; i < 3; i++)
		frame_rig_read(r, &x[i], &vec[i], buffer[i], (uint32_t)i * 8, 8);
	frame_rig_collect(r, TO_TARGET);
	while (frame_rig_deliver(r, TO_TARGET))
		;
	n = iscsip_frame_conn_tx_next(r->t, a, 64, r->now);
	assert_int_equal(n, 6); /* one list for three answers: header, data, header, data ... */
	assert_int_equal(iscsip_frame_conn_tx_next(r->t, b, 64, r->now), 6);
	assert_memory_equal(a, b, sizeof a[0] * 6);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(a[2 * i].len, 68);
		assert_ptr_equal(a[2 * i + 1].base, r->medium + i * 4096);
		assert_int_equal(a[2 * i + 1].len, 4096);
	}
	assert_int_equal(iscsip_frame_conn_tx_done(r->t, 3 * (68 + 4096) + 1, r->now), ISCSIP_EINVAL);
	assert_int_equal(iscsip_frame_conn_tx_done(r->t, 0, r->now), ISCSIP_OK);
	assert_int_equal(iscsip_frame_conn_tx_next(r->t, b, 4, r->now), ISCSIP_EINVAL);
	assert_int_equal(iscsip_frame_conn_tx_next(r->t, b, 5, r->now), 2);
	assert_int_equal(iscsip_frame_conn_tx_next(r->t, b, 64, r->now), 6);
	frame_rig_run(r);
	assert_int_equal(r->done, 3);
}

static void with_tx_hold_memory_is_the_transports_until_it_is_released(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_vec vec, list[8];
	struct iscsip_frame f;

	r->tcfg.flags = r->icfg.flags = ISCSIP_FRAME_CFG_TX_HOLD;
	frame_rig_open(r);
	assert_int_equal(iscsip_frame_conn_tx_release(r->i, 1), ISCSIP_EINVAL);
	frame_rig_read(r, &x, &vec, buffer[0], 0, 8);
	frame_rig_run(r);
	assert_int_equal(r->done, 0); /* the data is in, but the transport may still read NEWC */
	assert_memory_equal(buffer[0], r->medium, 4096);
	assert_int_equal(iscsip_frame_conn_tx_release(r->i, 67), ISCSIP_OK);
	assert_int_equal(r->done, 0);
	assert_int_equal(iscsip_frame_conn_tx_release(r->i, 1), ISCSIP_OK);
	assert_int_equal(r->done, 1);
	assert_string_equal(r->log, "exec");
	/* the peer may use an ID again as soon as it has the answer */
	f = frame_rig_newc(x.id, 0x00, 0, 0);
	frame_rig_put(r, TO_TARGET, &f, NULL);
	assert_true(frame_rig_deliver(r, TO_TARGET));
	assert_int_equal(r->err[TO_TARGET], 0);
	assert_int_equal(iscsip_frame_conn_tx_next(r->t, list, 8, r->now), 1);
	assert_int_equal(iscsip_frame_conn_tx_release(r->t, 68 + 4096), ISCSIP_OK);
	assert_string_equal(r->log, "exec exec free");
	assert_int_equal(iscsip_frame_conn_tx_done(r->t, 68, r->now), ISCSIP_OK);
	assert_int_equal(iscsip_frame_conn_tx_release(r->t, 69), ISCSIP_EINVAL);
	assert_int_equal(iscsip_frame_conn_tx_release(r->t, 68), ISCSIP_OK);
	assert_string_equal(r->log, "exec exec free free");
}

static void a_ring_that_the_host_holds_wants_no_sending_until_it_is_released(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x[3];
	struct iscsip_vec list[8];

	r->icfg.flags = ISCSIP_FRAME_CFG_TX_HOLD;
	r->icfg.limits.max_tx_frames = 2;
	frame_rig_open(r);
	for (int i = 0; i < 3; i++)
		frame_rig_test_unit_ready(r, &x[i]);
	assert_int_equal(iscsip_frame_conn_tx_next(r->i, list, 8, r->now), 1);
	assert_int_equal(list[0].len, 2 * 68); /* headers in a row are one piece */
	assert_int_equal(iscsip_frame_conn_want(r->i), ISCSIP_WANT_RX | ISCSIP_WANT_TX);
	assert_int_equal(iscsip_frame_conn_tx_done(r->i, 2 * 68, r->now), ISCSIP_OK);
	assert_int_equal(iscsip_frame_conn_want(r->i), ISCSIP_WANT_RX);
	assert_int_equal(iscsip_frame_conn_tx_release(r->i, 68), ISCSIP_OK);
	assert_int_equal(iscsip_frame_conn_want(r->i), ISCSIP_WANT_RX | ISCSIP_WANT_TX);
}

static void an_exchange_that_has_ended_is_never_too_late(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x, y;
	struct iscsip_vec vec[2];

	for (int write = 0; write < 2; write++) {
		struct frame_rig *n = write ? frame_rig_new() : r;

		n->icfg.flags = ISCSIP_FRAME_CFG_TX_HOLD;
		frame_rig_open(n);
		if (write)
			frame_rig_write(n, &x, &vec[0], buffer[0], 0, 8);
		else
			frame_rig_read(n, &x, &vec[0], buffer[0], 0, 8);
		frame_rig_run(n);
		assert_int_equal(n->done, 0); /* the answer is in; the host holds what was sent */
		n->now += 2 * n->icfg.exchange_timeout_ms;
		assert_int_equal(iscsip_frame_conn_tick(n->i, n->now), ISCSIP_OK);
		/* one beside it still has its limit, from its own submit */
		n->manner.never = true;
		frame_rig_read(n, &y, &vec[1], buffer[1], 0, 8);
		frame_rig_run(n);
		assert_int_equal(iscsip_frame_conn_deadline(n->i), n->now + n->icfg.exchange_timeout_ms);
		n->now += n->icfg.exchange_timeout_ms;
		assert_int_equal(iscsip_frame_conn_tick(n->i, n->now), ISCSIP_ETIMEDOUT);
		assert_int_equal(iscsip_frame_conn_error(n->i)->arg, y.id);
		iscsip_frame_conn_closed(n->i, n->now);
		assert_int_equal(x.result.err, ISCSIP_OK);
		if (write)
			frame_rig_free(n);
	}
}

static void without_tx_hold_there_is_nothing_to_release(void **state)
{
	struct frame_rig *r = *state;

	frame_rig_open(r);
	assert_int_equal(iscsip_frame_conn_tx_release(r->i, 1), ISCSIP_ESTATE);
}

static struct frame_rig *inside;
static int answers[10];

static void try_all_doors(struct frame_rig *r, struct iscsip_frame_exchange *x)
{
	struct iscsip_transport none = { 0 };
	struct iscsip_vec vec[8];
	uint8_t b[1];

	(void)x;
	answers[0] = iscsip_frame_conn_rx_next(r->i, NULL, vec, 8);
	answers[1] = (int)iscsip_frame_conn_rx_done(r->i, 0, r->now);
	answers[2] = (int)iscsip_frame_conn_rx_push(r->i, b, 1, r->now);
	answers[3] = iscsip_frame_conn_tx_next(r->i, vec, 8, r->now);
	answers[4] = (int)iscsip_frame_conn_tx_pull(r->i, b, 1, r->now);
	answers[5] = iscsip_frame_conn_tick(r->i, r->now);
	answers[6] = iscsip_frame_conn_closed(r->i, r->now);
	answers[7] = iscsip_frame_conn_tx_done(r->i, 0, r->now);
	answers[8] = iscsip_frame_conn_tx_release(r->i, 0);
	answers[9] = iscsip_frame_conn_run(r->i, &none, r->now);
	inside = r;
}

static void the_doors_are_shut_inside_callbacks(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;

	frame_rig_open(r);
	r->on_done = try_all_doors;
	frame_rig_test_unit_ready(r, &x);
	frame_rig_run(r);
	assert_ptr_equal(inside, r);
	for (int i = 0; i < 10; i++)
		assert_int_equal(answers[i], ISCSIP_ESTATE);
	assert_int_equal(iscsip_frame_conn_error(r->i)->code, ISCSIP_OK);
	assert_int_equal(iscsip_frame_conn_want(r->i), ISCSIP_WANT_RX);
}

static void the_host_is_woken_once_when_an_answer_comes_from_outside_the_doors(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x[2];

	r->manner.hold = true;
	frame_rig_open(r);
	frame_rig_test_unit_ready(r, &x[0]);
	assert_int_equal(r->wakes, 1); /* submit is outside, too */
	frame_rig_test_unit_ready(r, &x[1]);
	assert_int_equal(r->wakes, 1);
	frame_rig_run(r);
	r->wakes = 0;
	assert_int_equal(iscsip_frame_conn_want(r->t), ISCSIP_WANT_RX);
	frame_rig_go(frame_rig_find(r, x[0].id));
	frame_rig_go(frame_rig_find(r, x[1].id));
	assert_int_equal(r->wakes, 1);
	assert_int_equal(iscsip_frame_conn_want(r->t), ISCSIP_WANT_RX | ISCSIP_WANT_TX);
	frame_rig_run(r);
	assert_int_equal(r->done, 2);
}

/* The list of what to receive is a door, too: the host believes that it has seen everything. */
static void the_host_is_woken_again_after_any_door(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x[3];
	struct iscsip_vec list[8];

	frame_rig_open(r);
	frame_rig_test_unit_ready(r, &x[0]);
	assert_int_equal(r->wakes, 1);
	assert_true(iscsip_frame_conn_rx_next(r->i, NULL, list, 8) > 0);
	frame_rig_test_unit_ready(r, &x[1]);
	assert_int_equal(r->wakes, 2);
	assert_int_equal(iscsip_frame_conn_tick(r->i, r->now), ISCSIP_OK);
	frame_rig_test_unit_ready(r, &x[2]);
	assert_int_equal(r->wakes, 3);
	frame_rig_run(r);
	assert_int_equal(r->done, 3);
}

static void what_happens_inside_the_doors_wakes_nobody(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_vec vec;

	frame_rig_open(r);
	frame_rig_write(r, &x, &vec, buffer[0], 0, 8); /* the device server answers at once */
	assert_int_equal(r->wakes, 1);
	frame_rig_run(r);
	assert_int_equal(r->done, 1);
	assert_int_equal(r->wakes, 1);
}

static void no_more_frames_are_made_than_the_list_has_room_for(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x[8];
	struct iscsip_frame_stats st;
	struct iscsip_vec list[6];

	frame_rig_open(r);
	for (int i = 0; i < 8; i++)
		frame_rig_test_unit_ready(r, &x[i]);
	assert_true(iscsip_frame_conn_tx_next(r->i, list, 6, r->now) > 0);
	iscsip_frame_conn_stats(r->i, &st);
	assert_int_equal(st.tx_frames, 3); /* each may have two pieces */
	frame_rig_run(r);
	assert_int_equal(r->done, 8);
}

/* What is made cannot be overtaken any more: long data is made into frames as it goes out. */
static void no_more_than_four_mebibytes_of_a_long_read_are_made_ahead(void **state)
{
	enum { PIECES = 1024, LEN = PIECES * 8192 };
	struct frame_rig *r = *state;
	static struct iscsip_vec room[PIECES], given[PIECES], list[PIECES];
	static struct iscsip_frame_exchange x, y;
	struct iscsip_frame_stats st;

	for (int i = 0; i < PIECES; i++) {
		room[i] = (struct iscsip_vec){ buffer[0], sizeof buffer[0] };
		given[i] = (struct iscsip_vec){ buffer[1], sizeof buffer[1] };
	}
	r->manner.hold = true;
	frame_rig_open(r);
	x = (struct iscsip_frame_exchange){ .in_vec = room, .in_cnt = PIECES, .in_len = LEN, .cdb = { 0x28 } };
	assert_int_equal(iscsip_frame_submit(r->i, &x, r->now), ISCSIP_OK);
	frame_rig_test_unit_ready(r, &y);
	frame_rig_run(r);
	assert_int_equal(iscsip_cmd_send_data(frame_rig_find(r, x.id)->cmd, given, PIECES, LEN, true), ISCSIP_OK);
	frame_rig_complete(frame_rig_find(r, x.id), 0);
	assert_true(iscsip_frame_conn_tx_next(r->t, list, PIECES, r->now) > 0);
	iscsip_frame_conn_stats(r->t, &st);
	assert_int_equal(st.tx_frames, 4); /* bursts of 1 MiB */
	r->script[0] = 0;
	frame_rig_complete(frame_rig_find(r, y.id), 0);
	frame_rig_run(r);
	assert_string_equal(r->script, "<CMPT <XFER+1048576 <XFER+1048576 <XFER+1048576 <XFER+1048576");
	assert_int_equal(r->done, 2);
	assert_int_equal(x.result.moved, LEN);
}

/* A piece of which nothing is to be sent, and the status right behind it: the exchange is in line already. */
static void an_exchange_that_is_in_line_does_not_queue_again(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x[3];
	struct iscsip_vec vec[3], piece = { buffer[2], 512 };

	r->manner.hold = true;
	frame_rig_open(r);
	for (int i = 0; i < 3; i++)
		frame_rig_read(r, &x[i], &vec[i], buffer[i], (uint32_t)i, 1);
	frame_rig_run(r);
	assert_int_equal(iscsip_cmd_send_data(frame_rig_find(r, x[0].id)->cmd, &piece, 1, 0, true), ISCSIP_OK);
	assert_int_equal(iscsip_cmd_send_data(frame_rig_find(r, x[1].id)->cmd, &piece, 1, 512, true), ISCSIP_OK);
	assert_int_equal(iscsip_cmd_send_data(frame_rig_find(r, x[2].id)->cmd, &piece, 1, 512, true), ISCSIP_OK);
	for (int i = 0; i < 3; i++)
		frame_rig_complete(frame_rig_find(r, x[i].id), 0);
	r->script[0] = 0;
	frame_rig_run(r);
	assert_string_equal(r->script, "<CMPT <XFER+512 <XFER+512");
	assert_int_equal(r->done, 3);
	assert_int_equal(x[0].result.residual, 512);
}

static void control_frames_go_before_data(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x[2];
	struct iscsip_vec vec;
	uint8_t out[68];

	r->tcfg.limits.max_tx_frames = 2;
	r->tcfg.limits.max_burst = 512;
	frame_rig_open(r);
	frame_rig_read(r, &x[0], &vec, buffer[0], 0, 8);
	frame_rig_collect(r, TO_TARGET);
	while (frame_rig_deliver(r, TO_TARGET))
		;
	r->script[0] = 0;
	assert_int_equal(iscsip_frame_conn_tx_pull(r->t, out, 68, r->now), 68);
	frame_rig_put_bytes(r, TO_INITIATOR, out, 68);
	assert_string_equal(r->script, "<XFER+512 <XFER+512"); /* two are made: they stay first */
	frame_rig_test_unit_ready(r, &x[1]);
	frame_rig_run(r);
	assert_string_equal(r->script, "<XFER+512 <XFER+512 >NEWC <CMPT <XFER+512 <XFER+512 <XFER+512 <XFER+512 <XFER+512 "
				       "<XFER+512");
	assert_int_equal(r->done, 2);
}

struct told {
	struct frame_rig *r;
	struct frame_rig_bytes bytes[2];
	int ends[2];
};

static void tell(void *user, struct iscsip_frame_conn *c, enum iscsip_trace_event event, const void *p, size_t len)
{
	struct told *t = user;
	int d = event >= ISCSIP_TRACE_TX_HEADER;
	struct frame_rig_bytes *b = &t->bytes[d];

	assert_ptr_equal(c, t->r->t);
	if (event == ISCSIP_TRACE_RX_END || event == ISCSIP_TRACE_TX_END) {
		t->ends[d]++;
		return;
	}
	b->p = realloc(b->p, b->len + len);
	memcpy(b->p + b->len, p, len);
	b->len += len;
}

static void the_trace_tells_headers_and_data_of_both_directions(void **state)
{
	struct frame_rig *r = *state;
	struct told t = { .r = r };

	r->thost = (struct iscsip_frame_host){ sizeof r->thost, &t, tell, NULL };
	r->tcfg.host = &r->thost;
	r->stage = true;
	r->chunk = 77;
	frame_rig_open(r);
	all_exchanges(r);
	for (int d = 0; d < 2; d++) {
		assert_int_equal(t.bytes[d].len, r->record[d].len);
		assert_memory_equal(t.bytes[d].p, r->record[d].p, t.bytes[d].len);
		assert_int_equal(t.ends[d], frame_rig_frames(r, d, NULL, 0));
		free(t.bytes[d].p);
	}
}

static void a_header_that_is_refused_is_traced_whole(void **state)
{
	struct frame_rig *r = *state;
	struct told t = { .r = r };
	struct iscsip_frame f = frame_rig_newc(1, 0, 0, 0);

	r->thost = (struct iscsip_frame_host){ sizeof r->thost, &t, tell, NULL };
	r->tcfg.host = &r->thost;
	frame_rig_open_target(r);
	f.sequence = 9;
	frame_rig_put(r, TO_TARGET, &f, NULL);
	frame_rig_deliver(r, TO_TARGET);
	assert_int_equal(iscsip_frame_conn_error(r->t)->rule, ISCSIP_FRAME_RULE_SEQUENCE);
	assert_int_equal(t.bytes[0].len, 68);
	assert_int_equal(t.ends[0], 1);
	free(t.bytes[0].p);
}

static void the_counters_count_bytes_frames_and_data_through_every_door(void **state)
{
	(void)state;
	for (int push = 0; push < 2; push++) {
		struct frame_rig *r = frame_rig_new();
		struct iscsip_frame_stats t, i;

		r->push = push;
		r->chunk = 1000;
		frame_rig_open(r);
		all_exchanges(r);
		iscsip_frame_conn_stats(r->t, &t);
		iscsip_frame_conn_stats(r->i, &i);
		assert_true(t.rx_bytes == r->record[TO_TARGET].len && t.tx_bytes == r->record[TO_INITIATOR].len);
		assert_true(i.tx_bytes == t.rx_bytes && i.rx_bytes == t.tx_bytes);
		assert_true(t.rx_frames == 5 && t.tx_frames == 5 && i.tx_frames == 5 && i.rx_frames == 5);
		assert_true(t.exchanges == 4 && i.exchanges == 4);
		assert_true(t.in_bytes == 4096 && t.out_bytes == 4096 && i.in_bytes == 4096 && i.out_bytes == 4096);
		frame_rig_free(r);
	}
}

static void the_counters_add_up_over_many_transfers(void **state)
{
	struct frame_rig *r = *state;
	struct iscsip_frame_stats t, i;

	r->tcfg.limits.max_burst = 1000;
	r->icfg.limits.max_burst = 300;
	frame_rig_open(r);
	all_exchanges(r);
	iscsip_frame_conn_stats(r->t, &t);
	iscsip_frame_conn_stats(r->i, &i);
	assert_true(t.in_bytes == 4096 && t.out_bytes == 4096 && i.in_bytes == 4096 && i.out_bytes == 4096);
	assert_true(i.rx_frames == t.tx_frames && t.rx_frames == i.tx_frames && i.tx_frames > 5 + 12);
}

static void sync_and_first_sequence_are_the_configurations_and_the_sequence_wraps(void **state)
{
	struct frame_rig *r = *state;
	struct iscsip_frame f[5];

	r->tcfg.sync = r->icfg.sync = 0x00ff00ff;
	r->tcfg.first_sequence = r->icfg.first_sequence = 0xfffffffe;
	frame_rig_open(r);
	all_exchanges(r);
	for (int d = 0; d < 2; d++) {
		assert_int_equal(frame_rig_frames(r, d, f, 5), 5);
		for (uint32_t i = 0; i < 5; i++) {
			assert_int_equal(f[i].sync, 0x00ff00ff);
			assert_int_equal(f[i].sync_end, 0x00ff00ff);
			assert_true(f[i].sequence == 0xfffffffeu + i);
		}
	}
}

/* --- the convenience door --- */

static ptrdiff_t take_wire(void *user, void *p, size_t len)
{
	struct frame_rig *r = user;
	struct frame_rig_bytes *w = &r->wire[TO_TARGET];
	size_t n = len < w->len ? len : w->len;

	if (n == 0)
		return r->err[0] ? 0 : ISCSIP_EAGAIN;
	n = n > 50 ? 50 : n;
	memcpy(p, w->p, n);
	memmove(w->p, w->p + n, w->len - n);
	w->len -= n;
	return (ptrdiff_t)n;
}

static ptrdiff_t put_wire(void *user, const struct iscsip_vec *vec, int cnt)
{
	struct frame_rig *r = user;
	size_t n = vec[0].len > 60 ? 60 : vec[0].len;

	assert_true(cnt > 0);
	frame_rig_put_bytes(r, TO_INITIATOR, vec[0].base, n);
	return (ptrdiff_t)n;
}

static void run_serves_a_target_over_the_hosts_recv_and_send(void **state)
{
	struct frame_rig *r = *state;
	const struct iscsip_transport t = { r, take_wire, put_wire };
	static struct iscsip_frame_exchange x[2];
	struct iscsip_vec vec[2];

	frame_rig_open(r);
	frame_rig_write(r, &x[0], &vec[0], buffer[0], 60, 8);
	frame_rig_read(r, &x[1], &vec[1], buffer[1], 70, 8);
	for (int i = 0; i < 10; i++) {
		frame_rig_collect(r, TO_TARGET);
		assert_int_equal(iscsip_frame_conn_run(r->t, &t, r->now), ISCSIP_OK);
		while (frame_rig_deliver(r, TO_INITIATOR))
			;
	}
	assert_int_equal(r->done, 2);
	assert_memory_equal(r->medium + 60 * RIG_BLOCK, buffer[0], 4096);
	assert_memory_equal(r->medium + 70 * RIG_BLOCK, buffer[1], 4096);
	r->err[0] = 1; /* the stream ends */
	assert_int_equal(iscsip_frame_conn_run(r->t, &t, r->now), ISCSIP_ECLOSED);
}

static void run_ends_with_the_error_that_broke_the_connection(void **state)
{
	struct frame_rig *r = *state;
	const struct iscsip_transport t = { r, take_wire, put_wire };
	struct iscsip_frame f = frame_rig_newc(1, 0, 0, 0);

	frame_rig_open_target(r);
	f.sequence = 5;
	frame_rig_put(r, TO_TARGET, &f, NULL);
	assert_int_equal(iscsip_frame_conn_run(r->t, &t, r->now), ISCSIP_EPROTO);
	assert_int_equal(iscsip_frame_conn_run(r->t, &t, r->now), ISCSIP_ECLOSED);
	assert_int_equal(iscsip_frame_conn_error(r->t)->rule, ISCSIP_FRAME_RULE_SEQUENCE);
}

/* --- time --- */

static void an_exchange_that_is_not_answered_in_time_fails_the_initiators_connection(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x[2];

	r->manner.hold = true;
	r->icfg.exchange_timeout_ms = 5000;
	frame_rig_open(r);
	assert_true(iscsip_frame_conn_deadline(r->i) == ISCSIP_TIME_NEVER);
	frame_rig_test_unit_ready(r, &x[0]); /* due at 6000 */
	memset(&x[1], 0, sizeof x[1]);
	x[1].timeout_ms = 3000; /* due at 4000 */
	assert_int_equal(iscsip_frame_submit(r->i, &x[1], r->now), ISCSIP_OK);
	frame_rig_run(r);
	assert_true(iscsip_frame_conn_deadline(r->i) == 4000);
	r->now = 3999;
	assert_int_equal(iscsip_frame_conn_tick(r->i, r->now), ISCSIP_OK);
	frame_rig_go(frame_rig_find(r, x[1].id));
	frame_rig_run(r);
	assert_int_equal(r->done, 1);
	r->now = 4000; /* the one that was due is gone: the next one counts */
	assert_int_equal(iscsip_frame_conn_tick(r->i, r->now), ISCSIP_OK);
	assert_true(iscsip_frame_conn_deadline(r->i) == 6000);
	r->now = 6000;
	assert_int_equal(iscsip_frame_conn_tick(r->i, r->now), ISCSIP_ETIMEDOUT);
	assert_int_equal(iscsip_frame_conn_error(r->i)->rule, ISCSIP_FRAME_RULE_EXCHANGE_DUE);
	assert_int_equal(iscsip_frame_conn_error(r->i)->arg, x[0].id);
	assert_int_equal(iscsip_frame_conn_want(r->i), ISCSIP_WANT_CLOSE);
	assert_true(iscsip_frame_conn_deadline(r->i) == ISCSIP_TIME_NEVER);
	assert_int_equal(r->done, 1); /* the transport may still write into its memory */
	iscsip_frame_conn_closed(r->i, r->now);
	assert_int_equal(r->done, 2);
	assert_int_equal(x[0].result.err, ISCSIP_ETIMEDOUT);
	assert_int_equal(x[0].result.stage, ISCSIP_FRAME_ISSUED);
}

static void a_target_gives_granted_data_a_time_and_its_own_storage_none(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x[2];
	struct iscsip_vec vec;

	r->manner.hold = true;
	r->tcfg.exchange_timeout_ms = 5000;
	frame_rig_open(r);
	frame_rig_write(r, &x[0], &vec, buffer[0], 0, 8);
	frame_rig_test_unit_ready(r, &x[1]);
	frame_rig_collect(r, TO_TARGET);
	while (frame_rig_deliver(r, TO_TARGET))
		;
	r->now = 90000; /* the device server is slow: nobody's fault */
	assert_true(iscsip_frame_conn_deadline(r->t) == ISCSIP_TIME_NEVER);
	assert_int_equal(iscsip_frame_conn_tick(r->t, r->now), ISCSIP_OK);
	frame_rig_go(frame_rig_find(r, x[0].id));
	frame_rig_collect(r, TO_INITIATOR); /* SNDD */
	assert_true(iscsip_frame_conn_deadline(r->t) == 95000);
	r->now = 94999;
	assert_int_equal(iscsip_frame_conn_tick(r->t, r->now), ISCSIP_OK);
	r->now = 95000;
	assert_int_equal(iscsip_frame_conn_tick(r->t, r->now), ISCSIP_ETIMEDOUT);
	assert_int_equal(iscsip_frame_conn_error(r->t)->rule, ISCSIP_FRAME_RULE_EXCHANGE_DUE);
	assert_int_equal(iscsip_frame_conn_error(r->t)->arg, x[0].id);
}

static void a_peer_that_takes_nothing_is_given_up_by_the_target(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_vec vec, list[8];

	r->tcfg.exchange_timeout_ms = 5000;
	frame_rig_open(r);
	frame_rig_read(r, &x, &vec, buffer[0], 0, 8);
	frame_rig_collect(r, TO_TARGET);
	frame_rig_deliver(r, TO_TARGET);
	assert_true(iscsip_frame_conn_tx_next(r->t, list, 8, r->now) > 0);
	r->now = 5999;
	assert_int_equal(iscsip_frame_conn_tx_done(r->t, 1, r->now), ISCSIP_OK); /* a byte is a byte */
	assert_true(iscsip_frame_conn_deadline(r->t) == 10999);
	r->now = 10999;
	assert_int_equal(iscsip_frame_conn_tick(r->t, r->now), ISCSIP_ETIMEDOUT);
	assert_int_equal(iscsip_frame_conn_error(r->t)->rule, ISCSIP_FRAME_RULE_STALLED);
}

static void an_initiators_own_time_is_all_that_bounds_its_sending(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_vec list[8];

	r->icfg.exchange_timeout_ms = 5000;
	frame_rig_open(r);
	memset(&x, 0, sizeof x);
	x.timeout_ms = 60000;
	assert_int_equal(iscsip_frame_submit(r->i, &x, r->now), ISCSIP_OK);
	assert_int_equal(iscsip_frame_conn_tx_next(r->i, list, 8, r->now), 1); /* and the transport takes nothing */
	assert_true(iscsip_frame_conn_deadline(r->i) == 61000);
	r->now = 60999;
	assert_int_equal(iscsip_frame_conn_tick(r->i, r->now), ISCSIP_OK);
	r->now = 61000;
	assert_int_equal(iscsip_frame_conn_tick(r->i, r->now), ISCSIP_ETIMEDOUT);
	assert_int_equal(iscsip_frame_conn_error(r->i)->rule, ISCSIP_FRAME_RULE_EXCHANGE_DUE);
	iscsip_frame_conn_closed(r->i, r->now);
	assert_int_equal(x.result.stage, ISCSIP_FRAME_UNSENT);
}

static void an_answer_that_comes_late_from_storage_has_its_time_from_when_it_goes_out(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	struct iscsip_vec list[8];

	r->manner.hold = true;
	r->tcfg.exchange_timeout_ms = 5000;
	frame_rig_open(r);
	frame_rig_test_unit_ready(r, &x);
	frame_rig_run(r);
	r->now = 60000; /* no door was passed since 1000 */
	frame_rig_go(frame_rig_find(r, x.id));
	assert_int_equal(iscsip_frame_conn_tick(r->t, r->now), ISCSIP_OK);
	assert_int_equal(iscsip_frame_conn_tx_next(r->t, list, 8, r->now), 1);
	assert_true(iscsip_frame_conn_deadline(r->t) == 65000);
	frame_rig_run(r);
	assert_int_equal(r->done, 1);
}

static void a_connection_that_is_idle_for_too_long_fails(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;
	uint8_t half[30] = { 'S' };

	r->manner.hold = true;
	r->tcfg.idle_timeout_ms = 10000;
	frame_rig_open(r);
	assert_true(iscsip_frame_conn_deadline(r->t) == 11000);
	r->now = 5000;
	frame_rig_test_unit_ready(r, &x);
	frame_rig_run(r);
	assert_true(iscsip_frame_conn_deadline(r->t) == ISCSIP_TIME_NEVER); /* not idle */
	r->now = 50000;
	frame_rig_go(frame_rig_find(r, x.id));
	frame_rig_run(r);
	assert_true(iscsip_frame_conn_deadline(r->t) == 60000);
	r->now = 59000;
	frame_rig_put_bytes(r, TO_TARGET, half, sizeof half); /* bytes alone do not keep it alive */
	frame_rig_deliver(r, TO_TARGET);
	assert_int_equal(iscsip_frame_conn_tick(r->t, r->now), ISCSIP_OK);
	r->now = 60000;
	assert_int_equal(iscsip_frame_conn_tick(r->t, r->now), ISCSIP_ETIMEDOUT);
	assert_int_equal(iscsip_frame_conn_error(r->t)->rule, ISCSIP_FRAME_RULE_IDLE);
}

/* --- the end --- */

static void an_orderly_close_waits_for_open_exchanges_and_opens_no_more(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x, y;

	r->manner.hold = true;
	frame_rig_open(r);
	frame_rig_test_unit_ready(r, &x);
	frame_rig_run(r);
	assert_int_equal(iscsip_frame_conn_close(r->i, r->now), ISCSIP_OK);
	assert_int_equal(iscsip_frame_conn_close(r->i, r->now), ISCSIP_OK); /* once is enough */
	memset(&y, 0, sizeof y);
	assert_int_equal(iscsip_frame_submit(r->i, &y, r->now), ISCSIP_ESTATE);
	assert_int_equal(iscsip_frame_conn_want(r->i), ISCSIP_WANT_RX);
	frame_rig_go(frame_rig_find(r, x.id));
	frame_rig_run(r);
	assert_int_equal(x.result.err, ISCSIP_OK);
	assert_int_equal(iscsip_frame_conn_want(r->i), ISCSIP_WANT_CLOSE);
	assert_int_equal(iscsip_frame_conn_error(r->i)->code, ISCSIP_OK);
	iscsip_frame_conn_closed(r->i, r->now);
	iscsip_frame_conn_closed(r->t, r->now);
	assert_int_equal(iscsip_frame_conn_error(r->t)->code, ISCSIP_ECLOSED);
	assert_int_equal(iscsip_frame_conn_error(r->t)->rule, ISCSIP_FRAME_RULE_NONE);
	assert_int_equal(r->done, 1);
}

static void a_target_that_closes_answers_busy_and_finishes_what_is_open(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x, y;

	r->manner.hold = true;
	frame_rig_open(r);
	frame_rig_test_unit_ready(r, &x);
	frame_rig_run(r);
	assert_int_equal(iscsip_frame_conn_close(r->t, r->now), ISCSIP_OK);
	frame_rig_test_unit_ready(r, &y);
	frame_rig_run(r);
	assert_int_equal(y.result.status, 0x08);
	assert_true(y.result.refused);
	assert_int_equal(iscsip_frame_conn_want(r->t), ISCSIP_WANT_RX);
	frame_rig_go(frame_rig_find(r, x.id));
	assert_int_equal(iscsip_frame_conn_want(r->t), ISCSIP_WANT_RX | ISCSIP_WANT_TX);
	frame_rig_run(r);
	assert_int_equal(iscsip_frame_conn_want(r->t), ISCSIP_WANT_CLOSE);
	assert_int_equal(x.result.status, 0);
}

static void a_target_that_closes_tells_busy_before_it_is_gone(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;

	frame_rig_open(r);
	frame_rig_test_unit_ready(r, &x);
	frame_rig_collect(r, TO_TARGET); /* on the way when the target begins to close */
	assert_int_equal(iscsip_frame_conn_close(r->t, r->now), ISCSIP_OK);
	assert_int_equal(iscsip_frame_conn_want(r->t), ISCSIP_WANT_CLOSE);
	assert_int_equal(iscsip_frame_conn_rx_push(r->t, r->wire[TO_TARGET].p, 68, r->now), 68);
	r->wire[TO_TARGET].len = 0;
	assert_int_equal(iscsip_frame_conn_want(r->t), ISCSIP_WANT_RX | ISCSIP_WANT_TX);
	frame_rig_run(r);
	assert_int_equal(x.result.status, 0x08);
	assert_int_equal(iscsip_frame_conn_want(r->t), ISCSIP_WANT_CLOSE);
}

static void a_close_that_does_not_come_to_its_end_is_cut_short(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x;

	r->manner.hold = true;
	r->icfg.close_timeout_ms = 2000;
	frame_rig_open(r);
	frame_rig_test_unit_ready(r, &x);
	frame_rig_run(r);
	iscsip_frame_conn_close(r->i, r->now);
	assert_true(iscsip_frame_conn_deadline(r->i) == 3000);
	r->now = 3000;
	assert_int_equal(iscsip_frame_conn_tick(r->i, r->now), ISCSIP_ETIMEDOUT);
	iscsip_frame_conn_closed(r->i, r->now);
	assert_int_equal(x.result.err, ISCSIP_ETIMEDOUT);
}

static void every_open_exchange_is_given_back_once_with_what_is_known_of_it(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x[5];
	struct iscsip_vec vec[5], list[16];
	int n;

	r->manner.status_late = r->manner.hold = true;
	r->tcfg.limits.max_burst = 1024;
	frame_rig_open(r);
	frame_rig_read(r, &x[0], &vec[0], buffer[0], 0, 8);
	frame_rig_write(r, &x[1], &vec[1], buffer[1], 16, 8);
	frame_rig_test_unit_ready(r, &x[2]);
	frame_rig_run(r);
	frame_rig_go(frame_rig_find(r, x[0].id));
	frame_rig_go(frame_rig_find(r, x[1].id));
	frame_rig_collect(r, TO_INITIATOR);
	while (frame_rig_deliver(r, TO_INITIATOR))
		;
	frame_rig_test_unit_ready(r, &x[3]);
	frame_rig_test_unit_ready(r, &x[4]);
	n = iscsip_frame_conn_tx_next(r->i, list, 16, r->now);
	assert_int_equal(n, 2); /* two NEWC and an XFER in one piece, its data */
	assert_int_equal(iscsip_frame_conn_tx_done(r->i, 68 + 67, r->now), ISCSIP_OK);
	iscsip_frame_conn_closed(r->i, r->now);
	assert_int_equal(r->done, 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(x[i].result.err, ISCSIP_ECLOSED);
	assert_int_equal(x[0].result.stage, ISCSIP_FRAME_ANSWERED);
	assert_int_equal(x[0].result.moved, 4096);
	assert_int_equal(x[1].result.stage, ISCSIP_FRAME_ANSWERED);
	assert_int_equal(x[1].result.moved, 0); /* its XFER is made, and the transport has taken none of it */
	assert_int_equal(x[2].result.stage, ISCSIP_FRAME_ISSUED);
	assert_int_equal(x[3].result.stage, ISCSIP_FRAME_ISSUED);
	assert_int_equal(x[4].result.stage, ISCSIP_FRAME_UNSENT); /* a byte of its NEWC is missing */
	iscsip_frame_conn_closed(r->i, r->now);
	assert_int_equal(r->done, 5);
	assert_int_equal(iscsip_frame_submit(r->i, &x[0], r->now), ISCSIP_ECLOSED);
}

static void a_target_aborts_what_the_device_server_has_and_frees_it_when_completed(void **state)
{
	struct frame_rig *r = *state;
	static struct iscsip_frame_exchange x[4];
	struct iscsip_vec vec[4];

	r->manner.hold = r->manner.place_later = true;
	frame_rig_open(r);
	frame_rig_read(r, &x[0], &vec[0], buffer[0], 0, 8);
	frame_rig_write(r, &x[1], &vec[1], buffer[1], 16, 8);
	frame_rig_write(r, &x[2], &vec[2], buffer[2], 32, 8);
	frame_rig_test_unit_ready(r, &x[3]);
	frame_rig_run(r);
	frame_rig_place(frame_rig_find(r, x[2].id));
	frame_rig_go(frame_rig_find(r, x[2].id));
	frame_rig_complete(frame_rig_find(r, x[3].id), 0); /* answer not fetched */
	frame_rig_collect(r, TO_INITIATOR);
	assert_string_equal(r->log, "exec place place exec exec free");
	r->log[0] = 0;
	iscsip_frame_conn_closed(r->t, r->now);
	assert_string_equal(r->log, "abort free abort"); /* x[1] never reached exec */
	assert_int_equal(iscsip_frame_conn_open(r->t), 2);
	assert_int_equal(iscsip_cmd_send_data(frame_rig_find(r, x[0].id)->cmd, &vec[0], 1, 10, true), ISCSIP_ECLOSED);
	frame_rig_complete(frame_rig_find(r, x[0].id), 0);
	frame_rig_complete(frame_rig_find(r, x[2].id), 0);
	assert_string_equal(r->log, "abort free abort free free");
	assert_int_equal(iscsip_frame_conn_open(r->t), 0);
}

static void a_stream_that_ends_inside_a_frame_or_its_data_is_told_so(void **state)
{
	(void)state;
	for (size_t cut = 0; cut <= 68 + 512; cut++) {
		struct frame_rig *r = frame_rig_new();
		static struct iscsip_frame_exchange x;
		struct iscsip_vec vec;
		size_t want = cut < 68 ? (cut ? 68 - cut : 0) : 68 + 512 - cut;

		frame_rig_open(r);
		frame_rig_read(r, &x, &vec, buffer[0], 0, 1);
		frame_rig_collect(r, TO_TARGET);
		frame_rig_deliver(r, TO_TARGET);
		frame_rig_collect(r, TO_INITIATOR);
		r->wire[TO_INITIATOR].len = cut;
		while (frame_rig_deliver(r, TO_INITIATOR))
			;
		iscsip_frame_conn_closed(r->i, r->now);
		assert_int_equal(iscsip_frame_conn_error(r->i)->code, ISCSIP_ECLOSED);
		assert_int_equal(iscsip_frame_conn_error(r->i)->rule, want ? ISCSIP_FRAME_RULE_CUT : ISCSIP_FRAME_RULE_NONE);
		assert_int_equal(iscsip_frame_conn_error(r->i)->arg, want);
		assert_int_equal(r->done, 1);
		assert_int_equal(x.result.err, cut == 68 + 512 ? ISCSIP_OK : ISCSIP_ECLOSED);
		frame_rig_free(r);
	}
}

static void what_had_no_completion_can_be_repeated_on_a_new_connection(void **state)
{
	struct frame_rig *r = *state, *again = frame_rig_new();
	static struct iscsip_frame_exchange x;
	struct iscsip_vec vec;

	r->manner.hold = true;
	frame_rig_open(r);
	frame_rig_pattern(buffer[0], 4096, 3);
	frame_rig_write(r, &x, &vec, buffer[0], 0, 8);
	frame_rig_run(r);
	iscsip_frame_conn_closed(r->i, r->now);
	assert_int_equal(x.result.err, ISCSIP_ECLOSED);
	frame_rig_open(again);
	assert_int_equal(iscsip_frame_submit(again->i, &x, again->now), ISCSIP_OK);
	frame_rig_run(again);
	assert_int_equal(x.result.err, ISCSIP_OK);
	assert_memory_equal(again->medium, buffer[0], 4096);
	frame_rig_free(again);
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_cut_into_pieces_of_any_size_give_the_same_bytes_through_every_door),
		cmocka_unit_test(a_stream_may_be_cut_at_every_byte),
		T(data_goes_straight_to_its_place_and_the_next_header_with_it),
		T(the_list_to_send_stays_the_same_until_bytes_are_done_and_names_the_hosts_memory),
		T(with_tx_hold_memory_is_the_transports_until_it_is_released),
		T(a_ring_that_the_host_holds_wants_no_sending_until_it_is_released),
		T(an_exchange_that_has_ended_is_never_too_late),
		T(without_tx_hold_there_is_nothing_to_release),
		T(the_doors_are_shut_inside_callbacks),
		T(the_host_is_woken_once_when_an_answer_comes_from_outside_the_doors),
		T(the_host_is_woken_again_after_any_door),
		T(what_happens_inside_the_doors_wakes_nobody),
		T(no_more_frames_are_made_than_the_list_has_room_for),
		T(no_more_than_four_mebibytes_of_a_long_read_are_made_ahead),
		T(an_exchange_that_is_in_line_does_not_queue_again),
		T(control_frames_go_before_data),
		T(the_trace_tells_headers_and_data_of_both_directions),
		T(a_header_that_is_refused_is_traced_whole),
		cmocka_unit_test(the_counters_count_bytes_frames_and_data_through_every_door),
		T(the_counters_add_up_over_many_transfers),
		T(sync_and_first_sequence_are_the_configurations_and_the_sequence_wraps),
		T(run_serves_a_target_over_the_hosts_recv_and_send),
		T(run_ends_with_the_error_that_broke_the_connection),
		T(an_exchange_that_is_not_answered_in_time_fails_the_initiators_connection),
		T(a_target_gives_granted_data_a_time_and_its_own_storage_none),
		T(a_peer_that_takes_nothing_is_given_up_by_the_target),
		T(an_initiators_own_time_is_all_that_bounds_its_sending),
		T(an_answer_that_comes_late_from_storage_has_its_time_from_when_it_goes_out),
		T(a_connection_that_is_idle_for_too_long_fails),
		T(an_orderly_close_waits_for_open_exchanges_and_opens_no_more),
		T(a_target_that_closes_answers_busy_and_finishes_what_is_open),
		T(a_target_that_closes_tells_busy_before_it_is_gone),
		T(a_close_that_does_not_come_to_its_end_is_cut_short),
		T(every_open_exchange_is_given_back_once_with_what_is_known_of_it),
		T(a_target_aborts_what_the_device_server_has_and_frees_it_when_completed),
		cmocka_unit_test(a_stream_that_ends_inside_a_frame_or_its_data_is_told_so),
		T(what_had_no_completion_can_be_repeated_on_a_new_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
