/* SPDX-License-Identifier: MIT */
/*
 * What the result of an exchange counts when its transport ends: bytes that it took, whatever was made of them, and a NEWC with
 * its last byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "flow/frame_rig.h"

#define LEN 4096u

static uint8_t data[LEN];

static struct frame_rig *begin(uint32_t burst)
{
	struct frame_rig *r = frame_rig_new();

	r->icfg.limits.max_burst = burst;
	frame_rig_open_initiator(r);
	return r;
}

/* The transport takes n bytes of what there is. */
static void take(struct frame_rig *r, size_t n)
{
	struct iscsip_vec vec[16];

	assert_true(iscsip_frame_conn_tx_next(r->i, vec, 16, r->now) >= 0);
	assert_int_equal(iscsip_frame_conn_tx_done(r->i, n, r->now), ISCSIP_OK);
}

static void give(struct frame_rig *r, const struct iscsip_frame_exchange *x, uint32_t event, uint32_t len)
{
	struct iscsip_frame f = frame_rig_newc(x->id, 0x2a, 0, LEN / RIG_BLOCK);

	f.flags = ISCSIP_FRAME_WRITE;
	f.event = event;
	f.responder_id = 7;
	f.transfer_length = len;
	frame_rig_put(r, TO_INITIATOR, &f, NULL);
	while (frame_rig_deliver(r, TO_INITIATOR))
		;
	assert_int_equal(iscsip_frame_conn_error(r->i)->code, ISCSIP_OK);
}

static void a_command_is_issued_with_its_last_byte(void **state)
{
	static const struct {
		size_t sent;
		uint8_t stage;
	} cases[] = { { 0, ISCSIP_FRAME_UNSENT }, { ISCSIP_FRAME_LEN - 1, ISCSIP_FRAME_UNSENT },
		      { ISCSIP_FRAME_LEN, ISCSIP_FRAME_ISSUED } };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct frame_rig *r = begin(LEN);
		struct iscsip_frame_exchange x;

		frame_rig_test_unit_ready(r, &x);
		take(r, cases[i].sent);
		iscsip_frame_conn_closed(r->i, r->now);
		assert_int_equal(x.result.err, ISCSIP_ECLOSED);
		assert_int_equal(x.result.stage, cases[i].stage);
		frame_rig_free(r);
	}
}

/* Four XFERs answer one grant; the completion comes before the transport has told what it took of them. */
static void data_counts_as_far_as_the_transport_took_it(void **state)
{
	static const struct {
		size_t sent;
		uint32_t moved;
	} cases[] = { { 0, 0 }, { 68 + 1023, 0 }, { 68 + 1024, 1024 }, { 4 * (68 + 1024) - 1, 3072 }, { 4 * (68 + 1024), LEN } };

	(void)state;
	for (int completed = 0; completed < 2; completed++)
		for (unsigned i = 0; i < 5; i++) {
			struct frame_rig *r = begin(1024);
			struct iscsip_frame_exchange x;
			struct iscsip_vec vec, list[16];

			frame_rig_write(r, &x, &vec, data, 0, LEN / RIG_BLOCK);
			take(r, ISCSIP_FRAME_LEN);
			give(r, &x, ISCSIP_FRAME_SNDD, LEN);
			assert_true(iscsip_frame_conn_tx_next(r->i, list, 16, r->now) > 0);
			if (completed)
				give(r, &x, ISCSIP_FRAME_CMPT, LEN);
			take(r, cases[i].sent);
			iscsip_frame_conn_closed(r->i, r->now);
			assert_int_equal(r->done, 1);
			assert_int_equal(x.result.err, completed ? ISCSIP_OK : ISCSIP_ECLOSED);
			assert_int_equal(x.result.moved, cases[i].moved);
			assert_int_equal(x.result.residual, LEN - cases[i].moved);
			frame_rig_free(r);
		}
}

/* What went by a standing grant before a refusal was dropped, and is not dropped a second time. */
static void data_of_a_refused_write_counts_as_none(void **state)
{
	struct frame_rig *r = frame_rig_new();
	struct iscsip_frame_exchange x;
	struct iscsip_frame f;
	struct iscsip_vec vec, list[16];

	(void)state;
	r->icfg.standing_grant = 1024;
	frame_rig_open_initiator(r);
	frame_rig_write(r, &x, &vec, data, 0, LEN / RIG_BLOCK);
	assert_true(iscsip_frame_conn_tx_next(r->i, list, 16, r->now) > 0);
	assert_int_equal(iscsip_frame_conn_tx_done(r->i, 100, r->now), ISCSIP_OK);
	f = frame_rig_newc(x.id, 0x2a, 0, LEN / RIG_BLOCK);
	f.flags = ISCSIP_FRAME_WRITE;
	f.event = ISCSIP_FRAME_CMPT;
	f.status = 0x28;
	f.transfer_length = 0;
	frame_rig_put(r, TO_INITIATOR, &f, NULL);
	while (frame_rig_deliver(r, TO_INITIATOR))
		;
	assert_int_equal(iscsip_frame_conn_error(r->i)->code, ISCSIP_OK);
	iscsip_frame_conn_closed(r->i, r->now);
	assert_true(x.result.refused);
	assert_int_equal(x.result.moved, 0);
	assert_int_equal(x.result.residual, LEN);
	frame_rig_free(r);
}

static void a_write_that_ends_early_with_good_leaves_a_residual(void **state)
{
	struct frame_rig *r = begin(LEN);
	struct iscsip_frame_exchange x;
	struct iscsip_vec vec;

	(void)state;
	frame_rig_write(r, &x, &vec, data, 0, LEN / RIG_BLOCK);
	take(r, ISCSIP_FRAME_LEN);
	give(r, &x, ISCSIP_FRAME_CMPT, 0);
	assert_int_equal(x.result.err, ISCSIP_OK);
	assert_int_equal(x.result.status, 0);
	assert_int_equal(x.result.moved, 0);
	assert_int_equal(x.result.residual, LEN);
	frame_rig_free(r);
}

static void an_exchange_that_is_under_way_is_not_submitted_again(void **state)
{
	struct frame_rig *r = begin(LEN);
	struct iscsip_frame_exchange x;

	(void)state;
	frame_rig_test_unit_ready(r, &x);
	assert_int_equal(iscsip_frame_submit(r->i, &x, r->now), ISCSIP_EINVAL); /* waits to be sent */
	take(r, ISCSIP_FRAME_LEN);
	assert_int_equal(iscsip_frame_submit(r->i, &x, r->now), ISCSIP_EINVAL); /* is open */
	assert_int_equal(iscsip_frame_conn_open(r->i), 1);
	iscsip_frame_conn_closed(r->i, r->now);
	assert_int_equal(r->done, 1);
	frame_rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_is_issued_with_its_last_byte),
		cmocka_unit_test(data_counts_as_far_as_the_transport_took_it),
		cmocka_unit_test(data_of_a_refused_write_counts_as_none),
		cmocka_unit_test(a_write_that_ends_early_with_good_leaves_a_residual),
		cmocka_unit_test(an_exchange_that_is_under_way_is_not_submitted_again),
	};

	return cmocka_run_group_tests_name("frame counts", tests, NULL, NULL);
}
