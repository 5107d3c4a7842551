/* SPDX-License-Identifier: MIT */
/*
 * What the public headers promise a target's host about structs of other sizes and about time: what is filled in, who ends a
 * logout that cannot be answered, who ends the sessions of other initiators.
 */
#include "flow/target_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct rig R;

static void statistics_fill_as_much_as_the_host_has_room_for(void **state)
{
	struct {
		uint64_t rx_bytes, tx_bytes;
		uint8_t behind[64];
	} small;
	struct iscsip_session_stats now;
	struct {
		struct iscsip_session_stats known;
		uint8_t later[32];
	} large;

	(void)state;
	rig_init(&R);
	rig_open(&R, "", 1);
	rig_alive(&R);
	memset(&small, 0xa5, sizeof small);
	iscsip_conn_get_stats(R.conn[0], (struct iscsip_conn_stats *)(void *)&small, offsetof(struct iscsip_conn_stats, rx_pdus));
	assert_true(small.rx_bytes > 0 && small.tx_bytes > 0);
	assert_int_equal(small.behind[0], 0xa5);
	memset(&large, 0xa5, sizeof large);
	iscsip_session_get_stats(R.s, &large.known, sizeof large);
	iscsip_session_get_stats(R.s, &now, sizeof now);
	assert_memory_equal(&large.known, &now, sizeof now);
	assert_int_equal(large.later[0] | large.later[31], 0);
	rig_close(&R);
}

static void an_offer_is_filled_as_far_as_the_host_knows_it(void **state)
{
	union {
		struct iscsip_offer whole;
		uint8_t bytes[sizeof(struct iscsip_offer)];
	} o;
	size_t known = offsetof(struct iscsip_offer, max_connections);

	(void)state;
	memset(o.bytes, 0xa5, sizeof o);
	iscsip_offer_init_target(&o.whole, known);
	assert_int_equal(o.whole.struct_size, known);
	assert_true(o.whole.immediate_data);
	for (size_t i = known; i < sizeof o; i++)
		assert_int_equal(o.bytes[i], 0xa5);
	/* and what is too short to be read is refused */
	assert_int_equal(iscsip_offer_check(&o.whole, NULL), ISCSIP_EINVAL);
}

/* The peer's window is shut: Data-In is on its way and does not get on, so the Logout Response cannot be made. */
static void a_logout_whose_response_cannot_be_made_ends_within_its_time(void **state)
{
	struct iscsip_vec vec[64];
	struct iscsip_pdu h;
	iscsip_time due;

	(void)state;
	rig_init(&R);
	R.cfg.limits.max_tx_pdus = 2;
	R.cfg.logout_timeout_ms = 1000;
	rig_connect(&R, 0);
	{
		struct peer_pdu got;

		assert_true(rig_login(&R, 0, "", 1, &got));
	}
	h = rig_read(&R, 0, 65536);
	peer_send(&R.peer[0], &h, NULL, 0);
	assert_true(iscsip_conn_tx_next(R.conn[0], vec, 64, 1) > 0);
	h = rig_request(&R, ISCSIP_OP_LOGOUT_REQUEST);
	h.logout_request.reason = ISCSIP_LOGOUT_SESSION;
	peer_send(&R.peer[0], &h, NULL, 0);
	assert_int_equal(iscsip_conn_state(R.conn[0]), ISCSIP_CONN_LOGOUT);
	due = iscsip_conn_deadline(R.conn[0]);
	assert_true(due <= 1000 + 10);
	assert_false(iscsip_conn_want(R.conn[0]) & ISCSIP_WANT_CLOSE);
	(void)iscsip_conn_tick(R.conn[0], due);
	assert_int_equal(iscsip_conn_error(R.conn[0])->code, ISCSIP_ETIMEDOUT);
	/* what is on its way has the same time once more, then the transport is to be closed whatever it holds */
	(void)iscsip_conn_tick(R.conn[0], iscsip_conn_deadline(R.conn[0]));
	assert_true(iscsip_conn_want(R.conn[0]) & ISCSIP_WANT_CLOSE);
	rig_close(&R);
}

static void a_cold_reset_is_told_to_the_host_when_it_is_answered(void **state)
{
	struct iscsip_pdu h;
	struct peer_pdu got;

	(void)state;
	rig_init(&R);
	rig_open(&R, "", 1);
	h = rig_request(&R, ISCSIP_OP_TASK_REQUEST);
	h.immediate = true;
	h.task_request.function = ISCSIP_TMF_TARGET_WARM_RESET;
	h.task_request.ref_task_tag = ISCSIP_TAG_NONE;
	peer_send(&R.peer[0], &h, NULL, 0);
	got = rig_expect(&R, ISCSIP_OP_TASK_RESPONSE);
	assert_int_equal(R.cold_resets, 0);
	h.itt++;
	h.request.cmdsn = R.cmdsn;
	h.request.expstatsn = got.h.reply.statsn + 1u;
	h.task_request.function = ISCSIP_TMF_TARGET_COLD_RESET;
	peer_send(&R.peer[0], &h, NULL, 0);
	got = rig_expect(&R, ISCSIP_OP_TASK_RESPONSE);
	assert_int_equal(got.h.task_response.response, ISCSIP_TMF_COMPLETE);
	assert_int_equal(R.cold_resets, 1);
	assert_true(iscsip_conn_want(R.conn[0]) & ISCSIP_WANT_CLOSE);
	rig_close(&R);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statistics_fill_as_much_as_the_host_has_room_for),
		cmocka_unit_test(an_offer_is_filled_as_far_as_the_host_knows_it),
		cmocka_unit_test(a_logout_whose_response_cannot_be_made_ends_within_its_time),
		cmocka_unit_test(a_cold_reset_is_told_to_the_host_when_it_is_answered),
	};

	return cmocka_run_group_tests_name("target contract", tests, NULL, NULL);
}
