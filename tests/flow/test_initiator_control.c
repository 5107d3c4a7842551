/* SPDX-License-Identifier: MIT */
/*
 * What the initiator role does beside commands: task management and aborts, time limits, pings both ways, text, events, Rejects,
 * and data whose digest is wrong.
 */
#include "flow/ini_rig.h"

#include <stdlib.h>

#include "base/bytes.h"

static struct ini_rig R;

static void plain(struct it_task *k)
{
	it_read(k, NULL, 0);
	k->t.in_vec = NULL;
	k->t.cdb[0] = 0;
}

static uint32_t submit_command(struct it_task *k)
{
	it_submit(&R, k);
	it_take(&R, ISCSIP_OP_SCSI_COMMAND);
	return R.got.h.itt;
}

static void give_response(uint32_t itt)
{
	struct iscsip_pdu p = it_pdu_response(itt, 0);

	it_give(&R, &p, NULL, 0);
}

static void give_tmf_response(uint32_t itt, uint8_t response)
{
	struct iscsip_pdu p = it_pdu(ISCSIP_OP_TASK_RESPONSE, itt);

	p.task_response.response = response;
	it_give(&R, &p, NULL, 0);
}

/* --- aborting one task --- */

static void an_abort_gives_the_task_back_when_it_was_answered(void **state)
{
	struct it_task k, other;
	uint32_t itt;

	(void)state;
	it_begin(&R);
	plain(&k);
	plain(&other);
	k.t.lun = 0x0005000000000000u;
	itt = submit_command(&k);
	submit_command(&other);
	assert_int_equal(iscsip_initiator_abort(R.s, &k.t, R.now), ISCSIP_OK);
	assert_int_equal(iscsip_initiator_abort(R.s, &k.t, R.now), ISCSIP_OK); /* once is enough */
	it_take(&R, ISCSIP_OP_TASK_REQUEST);
	assert_true(R.got.h.immediate);
	assert_int_equal(R.got.h.task_request.function, ISCSIP_TMF_ABORT_TASK);
	assert_int_equal(R.got.h.task_request.ref_task_tag, itt);
	assert_int_equal(R.got.h.task_request.ref_cmdsn, R.cfg.initial_cmdsn);
	assert_true(R.got.h.lun == k.t.lun);
	it_quiet(&R);
	assert_false(it_is_done(&R, &k));
	give_tmf_response(R.got.h.itt, ISCSIP_TMF_COMPLETE);
	assert_true(it_is_done(&R, &k));
	assert_int_equal(k.t.result.err, ISCSIP_EHOST);
	assert_false(it_is_done(&R, &other));
	assert_int_equal(iscsip_initiator_abort(R.s, &k.t, R.now), ISCSIP_ENOENT);
	/* a late response finds nobody, and does no harm */
	give_response(itt);
	assert_int_equal(R.err, 0);
	it_end(&R);
}

static void an_abort_of_an_immediate_task_refers_to_its_own_number(void **state)
{
	struct it_task k, next;

	(void)state;
	it_begin(&R);
	plain(&k);
	plain(&next);
	k.t.immediate = true;
	submit_command(&k);
	submit_command(&next);
	assert_int_equal(iscsip_initiator_abort(R.s, &k.t, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_TASK_REQUEST);
	assert_int_equal(R.got.h.task_request.ref_cmdsn, R.got.h.task_request.cmdsn);
	it_end(&R);
}

static void a_response_that_is_faster_than_the_abort_counts(void **state)
{
	struct it_task k;
	uint32_t itt;

	(void)state;
	it_begin(&R);
	plain(&k);
	itt = submit_command(&k);
	assert_int_equal(iscsip_initiator_abort(R.s, &k.t, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_TASK_REQUEST);
	give_response(itt);
	assert_true(it_is_done(&R, &k));
	assert_int_equal(k.t.result.err, ISCSIP_OK);
	give_tmf_response(R.got.h.itt, ISCSIP_TMF_NO_TASK);
	assert_int_equal(R.err, 0);
	assert_int_equal(R.tmfs, 0);
	it_end(&R);
}

static void a_task_that_ends_before_its_abort_is_sent_needs_none(void **state)
{
	struct it_task k;
	uint32_t itt;

	(void)state;
	it_begin(&R);
	plain(&k);
	itt = submit_command(&k);
	assert_int_equal(iscsip_initiator_abort(R.s, &k.t, R.now), ISCSIP_OK);
	give_response(itt);
	assert_int_equal(k.t.result.err, ISCSIP_OK);
	it_quiet(&R);
	it_end(&R);
}

static void a_task_that_was_not_sent_comes_back_at_once(void **state)
{
	struct it_task k[2];

	(void)state;
	it_init(&R);
	R.window = 1;
	it_open(&R);
	it_login(&R);
	plain(&k[0]);
	plain(&k[1]);
	it_submit(&R, &k[0]); /* in the connection's queue */
	it_submit(&R, &k[1]); /* in the session's line */
	assert_int_equal(iscsip_initiator_abort(R.s, &k[0].t, R.now), ISCSIP_OK);
	assert_int_equal(iscsip_initiator_abort(R.s, &k[1].t, R.now), ISCSIP_OK);
	assert_int_equal(R.done_count, 2);
	assert_int_equal(k[0].t.result.err, ISCSIP_EHOST);
	assert_false(k[0].t.result.issued);
	it_quiet(&R);
	/* the window that they would have used is free again */
	it_submit(&R, &k[0]);
	it_take(&R, ISCSIP_OP_SCSI_COMMAND);
	assert_int_equal(R.got.h.request.cmdsn, R.cfg.initial_cmdsn);
	it_end(&R);
}

static void aborts_go_one_after_the_other(void **state)
{
	struct it_task k[4];
	uint32_t itt[4];
	int i;

	(void)state;
	it_begin(&R);
	for (i = 0; i < 4; i++) {
		plain(&k[i]);
		itt[i] = submit_command(&k[i]);
	}
	for (i = 0; i < 4; i++)
		assert_int_equal(iscsip_initiator_abort(R.s, &k[i].t, R.now), ISCSIP_OK);
	give_response(itt[2]); /* needs no abort any more */
	for (i = 0; i < 4; i++) {
		if (i == 2)
			continue;
		it_take(&R, ISCSIP_OP_TASK_REQUEST);
		assert_int_equal(R.got.h.task_request.ref_task_tag, itt[i]);
		it_quiet(&R);
		give_tmf_response(R.got.h.itt, i == 1 ? ISCSIP_TMF_NO_TASK : ISCSIP_TMF_COMPLETE);
		assert_true(it_is_done(&R, &k[i]));
	}
	it_quiet(&R);
	it_end(&R);
}

static void a_refused_abort_costs_the_connection(void **state)
{
	static const uint8_t refusals[] = { 2, 5, 6, 255 };
	struct it_task k;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof refusals; i++) {
		it_begin(&R);
		plain(&k);
		submit_command(&k);
		assert_int_equal(iscsip_initiator_abort(R.s, &k.t, R.now), ISCSIP_OK);
		it_take(&R, ISCSIP_OP_TASK_REQUEST);
		give_tmf_response(R.got.h.itt, refusals[i]);
		assert_false(it_is_done(&R, &k));
		it_expect_broken(&R, ISCSIP_EHOST, 0);
		it_close(&R);
		assert_true(it_is_done(&R, &k));
		assert_int_equal(k.t.result.err, ISCSIP_EHOST);
		it_end(&R);
	}
}

/* --- time limits --- */

static void a_task_whose_time_is_over_is_aborted(void **state)
{
	struct it_task slow, quick, never;

	(void)state;
	it_begin(&R);
	plain(&slow);
	plain(&quick);
	plain(&never);
	slow.t.timeout_ms = 5000;
	quick.t.timeout_ms = 1000;
	assert_true(iscsip_session_deadline(R.s) == ISCSIP_TIME_NEVER);
	submit_command(&never);
	submit_command(&slow);
	submit_command(&quick);
	assert_true(iscsip_session_deadline(R.s) == R.now + 1000);
	R.now += 999;
	assert_int_equal(iscsip_session_tick(R.s, R.now), ISCSIP_OK);
	it_quiet(&R);
	R.now += 1;
	assert_int_equal(iscsip_session_tick(R.s, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_TASK_REQUEST);
	assert_int_equal(R.got.h.task_request.function, ISCSIP_TMF_ABORT_TASK);
	give_tmf_response(R.got.h.itt, ISCSIP_TMF_COMPLETE);
	assert_true(it_is_done(&R, &quick));
	assert_int_equal(quick.t.result.err, ISCSIP_ETIMEDOUT);
	assert_false(it_is_done(&R, &slow));
	assert_true(iscsip_session_deadline(R.s) == 1000 + 5000);
	it_end(&R);
}

static void a_waiting_task_whose_time_is_over_comes_back_at_once(void **state)
{
	struct it_task k;

	(void)state;
	it_init(&R);
	R.window = 0;
	it_open(&R);
	it_login(&R);
	plain(&k);
	k.t.timeout_ms = 10;
	it_submit(&R, &k);
	R.now += 1000000;
	assert_int_equal(iscsip_session_tick(R.s, R.now), ISCSIP_OK);
	assert_true(it_is_done(&R, &k));
	assert_int_equal(k.t.result.err, ISCSIP_ETIMEDOUT);
	assert_false(k.t.result.issued);
	it_end(&R);
}

static void an_abort_without_an_answer_costs_the_connection(void **state)
{
	struct it_task k;
	int wakes;

	(void)state;
	it_begin(&R);
	plain(&k);
	k.t.timeout_ms = 10;
	submit_command(&k);
	R.now += 10;
	assert_int_equal(iscsip_session_tick(R.s, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_TASK_REQUEST);
	assert_true(iscsip_session_deadline(R.s) == R.now + R.cfg.nop_timeout_ms);
	R.now += R.cfg.nop_timeout_ms;
	wakes = R.wakes;
	assert_int_equal(iscsip_session_tick(R.s, R.now), ISCSIP_OK);
	assert_int_equal(R.wakes, wakes + 1);
	it_expect_broken(&R, ISCSIP_ETIMEDOUT, 0);
	it_close(&R);
	assert_int_equal(k.t.result.err, ISCSIP_ETIMEDOUT);
	assert_int_equal(R.state, ISCSIP_SESSION_FAILED);
	assert_int_equal(R.why.code, ISCSIP_ETIMEDOUT);
	it_end(&R);
}

/* --- task management of the host --- */

struct affected {
	uint8_t function;
	bool lun0, lun1; /* whether tasks of these are concluded */
};

static void tasks_are_concluded_as_the_function_affects_them(void **state)
{
	static const struct affected cases[] = {
		{ ISCSIP_TMF_ABORT_TASK_SET, true, false },    { ISCSIP_TMF_CLEAR_ACA, false, false },
		{ ISCSIP_TMF_CLEAR_TASK_SET, true, false },    { ISCSIP_TMF_LOGICAL_UNIT_RESET, true, false },
		{ ISCSIP_TMF_TARGET_WARM_RESET, true, true },  { ISCSIP_TMF_TARGET_COLD_RESET, true, true },
		{ ISCSIP_TMF_I_T_NEXUS_RESET, true, true },    { ISCSIP_TMF_QUERY_TASK_SET, false, false },
		{ ISCSIP_TMF_QUERY_ASYNCHRONOUS_EVENT, false, false },
	};
	size_t i;
	int fails;

	(void)state;
	for (fails = 0; fails < 2; fails++)
		for (i = 0; i < sizeof cases / sizeof *cases; i++) {
			struct it_task before[4], after;
			uint32_t itt, tmf;
			int j;

			it_init(&R);
			R.offer.iscsi_protocol_level = R.target_offer.iscsi_protocol_level = 2;
			it_open(&R);
			it_login(&R);
			for (j = 0; j < 4; j++) {
				plain(&before[j]);
				before[j].t.lun = j & 1 ? 0x0001000000000000u : 0;
				itt = submit_command(&before[j]);
			}
			assert_int_equal(iscsip_initiator_tmf(R.s, cases[i].function, cases[i].lun1 ? 77 : 0, NULL, &R, R.now),
					 ISCSIP_OK);
			assert_int_equal(iscsip_initiator_tmf(R.s, cases[i].function, 0, NULL, &R, R.now), ISCSIP_EAGAIN);
			it_take(&R, ISCSIP_OP_TASK_REQUEST);
			assert_true(R.got.h.lun == 0);
			tmf = R.got.h.itt;
			assert_int_equal(R.got.h.task_request.function, cases[i].function);
			assert_int_equal(R.got.h.task_request.ref_task_tag, ISCSIP_TAG_NONE);
			/* issued behind the request: not affected; responses that come before the answer count */
			plain(&after);
			submit_command(&after);
			give_response(itt);
			assert_int_equal(before[3].t.result.err, ISCSIP_OK);
			give_tmf_response(tmf, fails ? ISCSIP_TMF_REJECTED : ISCSIP_TMF_COMPLETE);
			assert_int_equal(R.tmfs, 1);
			assert_int_equal(R.tmf_err, ISCSIP_OK);
			assert_int_equal(R.tmf_response, fails ? ISCSIP_TMF_REJECTED : ISCSIP_TMF_COMPLETE);
			for (j = 0; j < 3; j++) {
				bool over = !fails && (j & 1 ? cases[i].lun1 : cases[i].lun0);

				assert_int_equal(it_is_done(&R, &before[j]), over);
				if (over)
					assert_int_equal(before[j].t.result.err, ISCSIP_EHOST);
			}
			assert_false(it_is_done(&R, &after));
			assert_int_equal(R.err, 0);
			it_end(&R);
		}
}

static void functions_are_refused_that_do_not_fit(void **state)
{
	struct it_task k, stranger;
	uint8_t f;

	(void)state;
	it_begin(&R);
	plain(&k);
	plain(&stranger);
	submit_command(&k);
	assert_int_equal(iscsip_initiator_tmf(R.s, 0, 0, NULL, &R, R.now), ISCSIP_EINVAL);
	assert_int_equal(iscsip_initiator_tmf(R.s, ISCSIP_TMF_TASK_REASSIGN, 0, &k.t, &R, R.now), ISCSIP_EINVAL);
	assert_int_equal(iscsip_initiator_tmf(R.s, ISCSIP_TMF_ABORT_TASK, 0, NULL, &R, R.now), ISCSIP_EINVAL);
	assert_int_equal(iscsip_initiator_tmf(R.s, ISCSIP_TMF_ABORT_TASK, 0, &stranger.t, &R, R.now), ISCSIP_EINVAL);
	assert_int_equal(iscsip_initiator_tmf(R.s, ISCSIP_TMF_ABORT_TASK_SET, 0, &k.t, &R, R.now), ISCSIP_EINVAL);
	for (f = ISCSIP_TMF_QUERY_TASK; f < 20; f++) /* level 2 was not agreed on */
		assert_int_equal(iscsip_initiator_tmf(R.s, f, 0, f == ISCSIP_TMF_QUERY_TASK ? &k.t : NULL, &R, R.now),
				 ISCSIP_EINVAL);
	it_quiet(&R);
	it_end(&R);
}

static void the_hosts_request_goes_before_aborts_that_wait(void **state)
{
	struct it_task k[2];
	uint32_t itt[2];
	int i;

	(void)state;
	it_begin(&R);
	for (i = 0; i < 2; i++) {
		plain(&k[i]);
		itt[i] = submit_command(&k[i]);
	}
	for (i = 0; i < 2; i++)
		assert_int_equal(iscsip_initiator_abort(R.s, &k[i].t, R.now), ISCSIP_OK);
	assert_int_equal(iscsip_initiator_tmf(R.s, ISCSIP_TMF_CLEAR_ACA, 0, NULL, &R, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_TASK_REQUEST);
	assert_int_equal(R.got.h.task_request.ref_task_tag, itt[0]);
	it_quiet(&R);
	give_tmf_response(R.got.h.itt, ISCSIP_TMF_COMPLETE);
	it_take(&R, ISCSIP_OP_TASK_REQUEST);
	assert_int_equal(R.got.h.task_request.function, ISCSIP_TMF_CLEAR_ACA);
	give_tmf_response(R.got.h.itt, ISCSIP_TMF_COMPLETE);
	assert_int_equal(R.tmfs, 1);
	it_take(&R, ISCSIP_OP_TASK_REQUEST);
	assert_int_equal(R.got.h.task_request.ref_task_tag, itt[1]);
	it_end(&R);
	assert_int_equal(R.tmfs, 1);
}

static void requests_about_tasks_that_no_target_knows_are_answered_here(void **state)
{
	struct it_task k[2];
	uint32_t itt;

	(void)state;
	it_init(&R);
	R.window = 0;
	R.offer.iscsi_protocol_level = R.target_offer.iscsi_protocol_level = 2;
	it_open(&R);
	it_login(&R);
	plain(&k[0]);
	plain(&k[1]);
	it_submit(&R, &k[0]);
	it_submit(&R, &k[1]);
	assert_int_equal(iscsip_initiator_tmf(R.s, ISCSIP_TMF_QUERY_TASK, 0, &k[0].t, &R, R.now), ISCSIP_OK);
	assert_int_equal(R.tmfs, 1);
	assert_int_equal(R.tmf_response, ISCSIP_TMF_NO_TASK);
	assert_int_equal(iscsip_initiator_tmf(R.s, ISCSIP_TMF_ABORT_TASK, 0, &k[0].t, &R, R.now), ISCSIP_OK);
	assert_int_equal(R.tmfs, 2);
	assert_int_equal(R.tmf_response, ISCSIP_TMF_COMPLETE);
	assert_true(it_is_done(&R, &k[0]));
	assert_int_equal(k[0].t.result.err, ISCSIP_EHOST);
	it_quiet(&R);
	/* one that ends while the question waits to be sent */
	R.window = 2;
	k[0].t.immediate = true;
	it_submit(&R, &k[0]);
	it_take(&R, ISCSIP_OP_SCSI_COMMAND);
	itt = R.got.h.itt;
	assert_int_equal(iscsip_initiator_tmf(R.s, ISCSIP_TMF_QUERY_TASK, 0, &k[0].t, &R, R.now), ISCSIP_OK);
	give_response(itt);
	it_take(&R, ISCSIP_OP_SCSI_COMMAND); /* of the other task: the response has opened the window */
	it_quiet(&R);
	assert_int_equal(R.tmfs, 3);
	assert_int_equal(R.tmf_response, ISCSIP_TMF_NO_TASK);
	it_end(&R);
}

/* While an abort is on the wire the host's request waits; its task ends meanwhile. */
static void a_waiting_request_whose_task_has_ended_is_answered_in_its_turn(void **state)
{
	struct it_task k[2];
	uint32_t itt[2], tmf;
	int i;

	(void)state;
	it_begin(&R);
	for (i = 0; i < 2; i++) {
		plain(&k[i]);
		itt[i] = submit_command(&k[i]);
	}
	assert_int_equal(iscsip_initiator_abort(R.s, &k[0].t, R.now), ISCSIP_OK);
	assert_int_equal(iscsip_initiator_tmf(R.s, ISCSIP_TMF_ABORT_TASK, 0, &k[1].t, &R, R.now), ISCSIP_OK);
	assert_int_equal(iscsip_initiator_tmf(R.s, ISCSIP_TMF_CLEAR_ACA, 0, NULL, &R, R.now), ISCSIP_EAGAIN);
	it_take(&R, ISCSIP_OP_TASK_REQUEST);
	tmf = R.got.h.itt;
	give_response(itt[1]);
	assert_int_equal(R.tmfs, 0);
	give_tmf_response(tmf, ISCSIP_TMF_COMPLETE);
	assert_int_equal(R.tmfs, 1);
	assert_int_equal(R.tmf_response, ISCSIP_TMF_NO_TASK);
	it_quiet(&R);
	/* a late answer to the first is dropped (4.2.3.3 c) */
	give_tmf_response(tmf, ISCSIP_TMF_COMPLETE);
	assert_int_equal(R.tmfs, 1);
	assert_int_equal(R.err, 0);
	it_end(&R);
}

static void a_lost_connection_ends_the_request_with_its_reason(void **state)
{
	(void)state;
	it_begin(&R);
	assert_int_equal(iscsip_initiator_tmf(R.s, ISCSIP_TMF_TARGET_COLD_RESET, 0, NULL, &R, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_TASK_REQUEST);
	it_close(&R);
	assert_int_equal(R.tmfs, 1);
	assert_int_equal(R.tmf_err, ISCSIP_ECLOSED);
	it_end(&R);
}

/* FastAbort: the data of affected tasks stops with the request (4.2.3.4 a); else it goes on (4.2.3.3 a). */
static void data_of_affected_tasks_goes_on_but_with_fast_abort(void **state)
{
	uint8_t out[4096];
	int fast;

	(void)state;
	memset(out, 9, sizeof out);
	for (fast = 0; fast < 2; fast++) {
		struct iscsip_pdu p;
		struct it_task k;
		uint32_t itt;
		int i;

		it_init(&R);
		R.offer.immediate_data = false;
		R.offer.initial_r2t = true;
		if (fast) {
			R.offer.task_reporting.count = 3;
			R.offer.task_reporting.item[0] = ISCSIP_TASK_REPORTING_FAST_ABORT;
			R.offer.task_reporting.item[1] = ISCSIP_TASK_REPORTING_RESPONSE_FENCE;
			R.offer.task_reporting.item[2] = ISCSIP_TASK_REPORTING_RFC3720;
		}
		R.target_offer.max_recv_data_segment_length = 1024;
		it_open(&R);
		it_login(&R);
		assert_int_equal(iscsip_session_params(R.s)->task_reporting == ISCSIP_TASK_REPORTING_FAST_ABORT, fast);
		it_write(&k, out, sizeof out);
		itt = submit_command(&k);
		p = it_pdu_r2t(itt, 1, 0, 0, 4096);
		it_give(&R, &p, NULL, 0);
		assert_int_equal(iscsip_initiator_tmf(R.s, ISCSIP_TMF_ABORT_TASK_SET, 0, NULL, &R, R.now), ISCSIP_OK);
		it_take(&R, ISCSIP_OP_TASK_REQUEST);
		itt = R.got.h.itt;
		for (i = 0; i < 4 && !fast; i++)
			it_take(&R, ISCSIP_OP_DATA_OUT);
		it_quiet(&R);
		give_tmf_response(itt, ISCSIP_TMF_COMPLETE);
		assert_true(it_is_done(&R, &k));
		it_end(&R);
	}
}

/* --- pings --- */

static void a_ping_comes_back_with_what_it_carried(void **state)
{
	uint8_t data[300];
	struct iscsip_pdu p;
	uint32_t i;

	(void)state;
	for (i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)i;
	it_begin(&R);
	for (i = 0; i <= 300; i += 60) {
		assert_int_equal(iscsip_initiator_ping(R.c, data, i, data, R.now), ISCSIP_OK);
		assert_int_equal(iscsip_initiator_ping(R.c, data, i, data, R.now), ISCSIP_EAGAIN);
		it_take(&R, ISCSIP_OP_NOP_OUT);
		assert_true(R.got.h.immediate);
		assert_int_equal(R.got.h.data_len, i);
		assert_int_equal(R.got.h.nop_out.ttt, ISCSIP_TAG_NONE);
		R.pings = 0;
		p = it_pdu(ISCSIP_OP_NOP_IN, R.got.h.itt);
		p.nop_in.ttt = ISCSIP_TAG_NONE;
		it_give(&R, &p, data, i);
		assert_int_equal(R.pings, 1);
		assert_int_equal(R.ping_err, ISCSIP_OK);
		assert_int_equal(R.ping_len, i);
	}
	/* another byte in it */
	assert_int_equal(iscsip_initiator_ping(R.c, data, 100, data, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_NOP_OUT);
	R.got.data[99] ^= 1;
	p = it_pdu(ISCSIP_OP_NOP_IN, R.got.h.itt);
	p.nop_in.ttt = ISCSIP_TAG_NONE;
	it_give(&R, &p, R.got.data, 100);
	assert_int_equal(R.ping_err, ISCSIP_EPROTO);
	assert_int_equal(iscsip_initiator_ping(R.c, data, R.target_offer.max_recv_data_segment_length + 1u, data, R.now),
			 ISCSIP_EINVAL);
	it_end(&R);
}

static void silence_is_looked_into_and_then_given_up(void **state)
{
	struct iscsip_pdu p;

	(void)state;
	it_init(&R);
	R.cfg.nop_interval_ms = 1000;
	R.cfg.nop_timeout_ms = 300;
	it_open(&R);
	it_login(&R);
	R.now += 1000;
	assert_true(iscsip_conn_deadline(R.c) == R.now);
	assert_int_equal(iscsip_conn_tick(R.c, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_NOP_OUT);
	p = it_pdu(ISCSIP_OP_NOP_IN, R.got.h.itt);
	p.nop_in.ttt = ISCSIP_TAG_NONE;
	it_give(&R, &p, NULL, 0);
	assert_int_equal(R.pings, 0); /* it was not the host's */
	R.now += 1000;
	assert_int_equal(iscsip_conn_tick(R.c, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_NOP_OUT);
	R.now += 299;
	assert_int_equal(iscsip_conn_tick(R.c, R.now), ISCSIP_OK);
	R.now += 1;
	assert_int_equal(iscsip_conn_tick(R.c, R.now), ISCSIP_ETIMEDOUT);
	it_end(&R);
}

/* A target has to take one immediate request beside task management at a time (4.2.2.1): the others wait for its answer. */
static void one_immediate_request_is_out_at_a_time(void **state)
{
	struct iscsip_pdu p;
	uint8_t data[8] = { 0 };

	(void)state;
	it_begin(&R);
	assert_int_equal(iscsip_initiator_ping(R.c, data, 8, data, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_NOP_OUT);
	p = it_pdu(ISCSIP_OP_NOP_IN, R.got.h.itt);
	p.nop_in.ttt = ISCSIP_TAG_NONE;
	assert_int_equal(iscsip_initiator_text(R.c, "X-a=1", 6, &R, R.now), ISCSIP_OK);
	assert_int_equal(iscsip_initiator_tmf(R.s, ISCSIP_TMF_CLEAR_ACA, 0, NULL, &R, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_TASK_REQUEST);
	it_quiet(&R);
	it_give(&R, &p, data, 8);
	assert_int_equal(R.pings, 1);
	it_take(&R, ISCSIP_OP_TEXT_REQUEST);
	p = it_pdu(ISCSIP_OP_TEXT_RESPONSE, R.got.h.itt);
	p.final = false;
	p.text_response.ttt = 5;
	assert_int_equal(iscsip_initiator_ping(R.c, data, 8, data, R.now), ISCSIP_OK);
	it_quiet(&R);
	it_give(&R, &p, NULL, 0);
	it_take(&R, ISCSIP_OP_NOP_OUT);
	it_quiet(&R);
	it_end(&R);
}

/* The logout of a connection that is not there: the one that it went out on stays, and what waited for its answer goes on. */
static void a_ping_waits_for_the_answer_to_a_logout_of_another_connection(void **state)
{
	struct iscsip_pdu p, text = it_pdu(ISCSIP_OP_TEXT_RESPONSE, 0);
	struct it_task k;

	(void)state;
	it_begin(&R);
	assert_int_equal(iscsip_initiator_text(R.c, "X-a=1", 6, &R, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_TEXT_REQUEST);
	text.itt = R.got.h.itt;
	text.final = true;
	text.text_response.ttt = ISCSIP_TAG_NONE;
	assert_int_equal(iscsip_initiator_logout(R.c, ISCSIP_LOGOUT_CONNECTION, 77, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_LOGOUT_REQUEST);
	assert_false(R.got.h.immediate);
	it_give(&R, &text, NULL, 0);
	assert_int_equal(R.text_ends, 1);
	p = it_pdu(ISCSIP_OP_LOGOUT_RESPONSE, R.got.h.itt);
	p.logout_response.response = ISCSIP_LOGOUT_NO_CID;
	assert_int_equal(iscsip_initiator_ping(R.c, NULL, 0, NULL, R.now), ISCSIP_OK);
	it_quiet(&R);
	it_give(&R, &p, NULL, 0);
	assert_int_equal(R.logout_response, ISCSIP_LOGOUT_NO_CID);
	it_take(&R, ISCSIP_OP_NOP_OUT);
	plain(&k);
	submit_command(&k);
	assert_int_equal(R.got.h.request.cmdsn, R.cfg.initial_cmdsn + 1u);
	it_close(&R);
	it_end(&R);
}

/* --- text --- */

static void give_text(uint32_t itt, const char *text, uint32_t len, bool final, bool cont, uint32_t ttt)
{
	struct iscsip_pdu p = it_pdu(ISCSIP_OP_TEXT_RESPONSE, itt);

	p.final = final;
	p.text_response.cont = cont;
	p.text_response.ttt = ttt;
	p.lun = ttt == ISCSIP_TAG_NONE ? 0 : 0x0007000000000000u;
	it_give(&R, &p, text, len);
}

static void a_long_list_comes_in_as_many_answers_as_it_takes(void **state)
{
	char all[60000];
	size_t len = 0, at = 0;
	uint32_t itt, turn = 0, names = 0;

	(void)state;
	it_init(&R);
	R.discovery = true;
	it_open(&R);
	it_login(&R);
	while (len < sizeof all - 100) {
		len += (size_t)snprintf(all + len, sizeof all - len, "TargetName=iqn.2026-01.test:%u", names) + 1;
		len += (size_t)snprintf(all + len, sizeof all - len, "TargetAddress=10.0.0.1:3260,%u", names++ & 7) + 1;
	}
	assert_int_equal(iscsip_initiator_text(R.c, "SendTargets=All", 16, &R, R.now), ISCSIP_OK);
	assert_int_equal(iscsip_initiator_text(R.c, "SendTargets=All", 16, &R, R.now), ISCSIP_EAGAIN);
	it_take(&R, ISCSIP_OP_TEXT_REQUEST);
	itt = R.got.h.itt;
	assert_true(R.got.h.final && R.got.h.immediate);
	assert_int_equal(R.got.h.text_request.ttt, ISCSIP_TAG_NONE);
	while (at < len) {
		uint32_t n = (uint32_t)(len - at < 509 ? len - at : 509);
		bool last = at + n == len;

		give_text(itt, all + at, n, last, !last, last ? ISCSIP_TAG_NONE : 1000 + turn);
		at += n;
		if (last)
			break;
		it_take(&R, ISCSIP_OP_TEXT_REQUEST);
		assert_int_equal(R.got.h.itt, itt);
		assert_int_equal(R.got.h.text_request.ttt, 1000 + turn);
		assert_true(R.got.h.lun == 0x0007000000000000u);
		assert_int_equal(R.got.h.data_len, 0);
		assert_true(R.got.h.final);
		turn++;
	}
	assert_int_equal(R.text_ends, 1);
	assert_int_equal(R.text_err, ISCSIP_OK);
	assert_int_equal(R.text_pairs, 2 * names);
	assert_string_equal(R.text[2], "TargetName=iqn.2026-01.test:1");
	assert_string_equal(R.text[3], "TargetAddress=10.0.0.1:3260,1");
	it_end(&R);
}

static void a_long_request_goes_out_in_pieces(void **state)
{
	char text[2000], back[2000];
	uint32_t itt, at = 0;

	(void)state;
	memset(text, 'x', sizeof text);
	memcpy(text, "X-org.test.long=", 16);
	text[255] = 0;
	memcpy(text + 256, "X-org.test.b=", 13);
	text[sizeof text - 1] = 0;
	it_init(&R);
	R.target_offer.max_recv_data_segment_length = 512;
	it_open(&R);
	it_login(&R);
	assert_int_equal(iscsip_initiator_text(R.c, text, sizeof text, &R, R.now), ISCSIP_OK);
	for (itt = 0; at < sizeof text; ) {
		bool last;

		it_take(&R, ISCSIP_OP_TEXT_REQUEST);
		it_quiet(&R);
		memcpy(back + at, R.got.data, R.got.h.data_len);
		assert_int_equal(R.got.h.text_request.ttt, at ? 5 : ISCSIP_TAG_NONE);
		at += R.got.h.data_len;
		last = at == sizeof text;
		itt = R.got.h.itt;
		assert_int_equal(R.got.h.final, last);
		assert_int_equal(R.got.h.text_request.cont, !last);
		if (!last)
			give_text(itt, NULL, 0, false, false, 5);
	}
	assert_memory_equal(back, text, sizeof text);
	give_text(itt, "X-org.test.long=NotUnderstood", 30, true, false, ISCSIP_TAG_NONE);
	assert_int_equal(R.text_ends, 1);
	assert_int_equal(R.text_err, ISCSIP_OK);
	it_end(&R);
}

static void a_new_data_segment_length_holds_when_it_may(void **state)
{
	uint8_t in[9000], out[9000];
	struct iscsip_pdu p;
	struct it_task k;
	uint32_t itt;

	(void)state;
	memset(out, 3, sizeof out);
	it_init(&R);
	R.offer.max_recv_data_segment_length = 4096;
	it_open(&R);
	it_login(&R);
	/* larger: from the request on */
	assert_int_equal(iscsip_initiator_text(R.c, "MaxRecvDataSegmentLength=9000", 30, &R, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_TEXT_REQUEST);
	itt = R.got.h.itt;
	it_read(&k, in, sizeof in);
	p = it_pdu_data_in(submit_command(&k), 0, 0, true);
	p.data_in.has_status = true;
	it_give(&R, &p, out, sizeof out);
	assert_int_equal(k.t.result.err, ISCSIP_OK);
	/* the target declares its own in the answer */
	give_text(itt, "MaxRecvDataSegmentLength=512", 29, true, false, ISCSIP_TAG_NONE);
	assert_int_equal(R.text_ends, 1);
	assert_string_equal(R.text[0], "MaxRecvDataSegmentLength=512");
	R.done_count = 0;
	it_write(&k, out, 600);
	submit_command(&k);
	assert_int_equal(R.got.h.data_len, 512);
	it_take(&R, ISCSIP_OP_DATA_OUT);
	give_response(R.got.h.itt);
	R.done_count = 0;
	/* smaller: from the answer on */
	assert_int_equal(iscsip_initiator_text(R.c, "MaxRecvDataSegmentLength=600", 29, &R, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_TEXT_REQUEST);
	itt = R.got.h.itt;
	it_read(&k, in, sizeof in);
	p = it_pdu_data_in(submit_command(&k), 0, 0, true);
	p.data_in.has_status = true;
	it_give(&R, &p, out, sizeof out);
	assert_int_equal(k.t.result.err, ISCSIP_OK);
	give_text(itt, NULL, 0, true, false, ISCSIP_TAG_NONE);
	R.done_count = 0;
	p = it_pdu_data_in(submit_command(&k), 0, 0, true);
	it_give(&R, &p, out, 601);
	it_expect_broken(&R, ISCSIP_EPROTO, ISCSIP_RULE_DATA_LIMIT);
	it_end(&R);
}

static void text_requests_are_checked(void **state)
{
	static const struct { const char *text; size_t len; int err; } cases[] = {
		{ "SendTargets=All", 15, ISCSIP_EINVAL },
		{ "SendTargets", 12, ISCSIP_EINVAL },
		{ "=x", 3, ISCSIP_EINVAL },
		{ "X-a=1\0=", 8, ISCSIP_EINVAL },
		{ "X-a=1\0", 7, ISCSIP_EINVAL },
		{ "HeaderDigest=None", 18, ISCSIP_EINVAL },
		{ "MaxRecvDataSegmentLength=511", 29, ISCSIP_EINVAL },
		{ "MaxRecvDataSegmentLength=big", 29, ISCSIP_EINVAL },
		{ "", 0, ISCSIP_OK },
	};
	size_t i;

	(void)state;
	it_begin(&R);
	for (i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(iscsip_initiator_text(R.c, cases[i].text, cases[i].len, &R, R.now), cases[i].err);
	it_end(&R);
}

/* --- events --- */

static void give_async(uint8_t event, uint16_t p1, uint16_t p2, uint16_t p3, uint64_t lun)
{
	struct iscsip_pdu p = it_pdu(ISCSIP_OP_ASYNC, ISCSIP_TAG_NONE);

	p.async.event = event;
	p.async.param1 = p1;
	p.async.param2 = p2;
	p.async.param3 = p3;
	p.lun = lun;
	it_give(&R, &p, event == ISCSIP_ASYNC_SCSI ? "\0\1x" : NULL, event == ISCSIP_ASYNC_SCSI ? 3 : 0);
}

static void every_event_is_told(void **state)
{
	unsigned event;

	(void)state;
	for (event = 0; event < 256; event++) {
		bool drops = event == ISCSIP_ASYNC_DROP_SESSION;

		it_begin(&R);
		give_async((uint8_t)event, 0xffff, 0xfffe, 0xfffd, 0x0001000000000000u);
		assert_int_equal(R.asyncs, 1);
		assert_int_equal(R.async.event, event);
		assert_int_equal(R.async.param[0], 0xffff);
		assert_int_equal(R.async.param[1], 0xfffe);
		assert_int_equal(R.async.param[2], 0xfffd);
		assert_int_equal((iscsip_conn_want(R.c) & ISCSIP_WANT_CLOSE) != 0, drops);
		it_end(&R);
	}
}

/* Sense data of an event: what SenseLength says has to be there; no data at all is the codec's to refuse. */
static void sense_data_of_an_event_that_lies_about_its_length_ends_the_connection(void **state)
{
	static const struct { uint16_t sense; uint32_t len; bool good; } rows[] = {
		{ 18, 20, true }, { 18, 24, true }, { 0, 2, true }, { 19, 20, false }, { 1, 2, false }, { 0xffff, 300, false },
		{ 700, 702, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct iscsip_pdu p = it_pdu(ISCSIP_OP_ASYNC, ISCSIP_TAG_NONE);
		uint8_t sense[800];

		it_begin(&R);
		memset(sense, 0x72, sizeof sense);
		sense[0] = (uint8_t)(rows[i].sense >> 8);
		sense[1] = (uint8_t)rows[i].sense;
		it_give(&R, &p, sense, rows[i].len);
		if (rows[i].good) {
			assert_int_equal(R.asyncs, 1);
			assert_int_equal(R.async.len, rows[i].sense < 510 ? rows[i].sense : 510);
		} else {
			assert_int_equal(R.asyncs, 0);
			it_expect_broken(&R, ISCSIP_EPROTO, ISCSIP_RULE_SENSE_LEN);
		}
		it_end(&R);
	}
}

/* The same for a logout. */
static void an_answer_to_a_logout_that_is_not_sent_ends_the_connection(void **state)
{
	uint32_t itt = 0;

	(void)state;
	for (int guess = 0; guess < 2; guess++) {
		it_begin(&R);
		assert_int_equal(iscsip_initiator_logout(R.c, ISCSIP_LOGOUT_SESSION, 0, R.now), ISCSIP_OK);
		if (guess) {
			struct iscsip_pdu p = it_pdu(ISCSIP_OP_LOGOUT_RESPONSE, itt);

			it_give(&R, &p, NULL, 0);
			it_expect_broken(&R, ISCSIP_EPROTO, ISCSIP_RULE_TASK_KIND);
		} else {
			it_take(&R, ISCSIP_OP_LOGOUT_REQUEST);
			itt = R.got.h.itt;
		}
		it_end(&R);
	}
}

/* An answer to task management that is not sent yet, as one that guesses its tag would give it. */
static void an_answer_before_the_request_is_sent_ends_the_connection(void **state)
{
	uint32_t itt = 0;

	(void)state;
	for (int guess = 0; guess < 2; guess++) {
		it_begin(&R);
		assert_int_equal(iscsip_initiator_tmf(R.s, ISCSIP_TMF_LOGICAL_UNIT_RESET, 0, NULL, &R, R.now), ISCSIP_OK);
		if (guess) {
			struct iscsip_pdu p = it_pdu(ISCSIP_OP_TASK_RESPONSE, itt);

			it_give(&R, &p, NULL, 0);
			it_expect_broken(&R, ISCSIP_EPROTO, ISCSIP_RULE_TASK_KIND);
		} else {
			it_take(&R, ISCSIP_OP_TASK_REQUEST);
			itt = R.got.h.itt;
			give_tmf_response(itt, ISCSIP_TMF_COMPLETE);
		}
		it_end(&R);
	}
}

static void a_connection_that_is_dropped_closes_and_no_other(void **state)
{
	struct it_task k;

	(void)state;
	it_begin(&R);
	plain(&k);
	submit_command(&k);
	give_async(ISCSIP_ASYNC_DROP_CONNECTION, 2, 0, 0, 0);
	assert_true(iscsip_conn_want(R.c) & ISCSIP_WANT_RX);
	give_async(ISCSIP_ASYNC_DROP_CONNECTION, 1, 3, 4, 0);
	it_expect_broken(&R, ISCSIP_ECLOSED, 0);
	it_close(&R);
	assert_int_equal(k.t.result.err, ISCSIP_ECLOSED);
	it_end(&R);
}

static void begin_text(struct ini_rig *r)
{
	assert_int_equal(iscsip_initiator_text(r->c, "X-a=1", 6, r, r->now), ISCSIP_OK);
}

static void begin_logout(struct ini_rig *r)
{
	assert_int_equal(iscsip_initiator_logout(r->c, ISCSIP_LOGOUT_CONNECTION, 1, r->now), ISCSIP_OK);
}

/*
 * "As early as possible but no later than Parameter3 seconds" (11.9.1): the answer to another request may never come. Beside
 * an immediate one a logout has a number, and where the window has none it is the second immediate one.
 */
static void a_logout_that_the_target_asks_for_waits_for_no_answer(void **state)
{
	enum { NOTHING, PING, KEEPALIVE, TEXT, LAST } out;

	(void)state;
	for (int full = 0; full < 2; full++) {
		for (out = NOTHING; out < LAST; out++) {
			struct it_task k;

			it_init(&R);
			R.cfg.nop_interval_ms = 1000;
			R.window = 1;
			it_open(&R);
			it_login(&R);
			R.on_async = begin_logout;
			plain(&k);
			if (full)
				submit_command(&k);
			if (out == PING) {
				assert_int_equal(iscsip_initiator_ping(R.c, NULL, 0, NULL, R.now), ISCSIP_OK);
			} else if (out == TEXT) {
				begin_text(&R);
			} else if (out == KEEPALIVE) {
				R.now += 1000;
				assert_int_equal(iscsip_conn_tick(R.c, R.now), ISCSIP_OK);
			}
			if (out != NOTHING)
				it_take(&R, out == TEXT ? ISCSIP_OP_TEXT_REQUEST : ISCSIP_OP_NOP_OUT);
			R.window = !full;
			give_async(ISCSIP_ASYNC_LOGOUT, 0, 0, 3, 0);
			it_take(&R, ISCSIP_OP_LOGOUT_REQUEST);
			assert_int_equal(R.got.h.immediate, out == NOTHING || full);
			assert_int_equal(R.got.h.request.cmdsn, R.cfg.initial_cmdsn + (unsigned)full);
			it_quiet(&R);
			it_close(&R);
			it_end(&R);
		}
	}
}

/* Input is held while all places for answers to pings are taken; after the logout request none of these goes out. */
static void a_logout_before_answers_to_pings_hears_its_own(void **state)
{
	struct iscsip_pdu p;
	int i;

	(void)state;
	it_begin(&R);
	begin_logout(&R);
	for (i = 0; i < 8; i++) {
		p = it_pdu(ISCSIP_OP_NOP_IN, ISCSIP_TAG_NONE);
		p.nop_in.ttt = 77;
		it_give(&R, &p, NULL, 0);
	}
	assert_false(iscsip_conn_want(R.c) & ISCSIP_WANT_RX);
	it_take(&R, ISCSIP_OP_LOGOUT_REQUEST);
	it_quiet(&R);
	p = it_pdu(ISCSIP_OP_LOGOUT_RESPONSE, R.got.h.itt);
	it_give(&R, &p, NULL, 0);
	assert_int_equal(R.logouts, 1);
	assert_int_equal(R.logout_err, ISCSIP_OK);
	assert_true(iscsip_conn_want(R.c) & ISCSIP_WANT_CLOSE);
	it_end(&R);
}

static void a_wish_to_negotiate_is_met_at_once(void **state)
{
	(void)state;
	it_begin(&R);
	give_async(ISCSIP_ASYNC_NEGOTIATE, 0, 0, 3, 0);
	it_take(&R, ISCSIP_OP_TEXT_REQUEST);
	assert_int_equal(R.got.h.data_len, 0);
	assert_true(R.got.h.final);
	/* while it is under way one is enough */
	give_async(ISCSIP_ASYNC_NEGOTIATE, 0, 0, 3, 0);
	it_quiet(&R);
	give_text(R.got.h.itt, "MaxRecvDataSegmentLength=1024", 30, true, false, ISCSIP_TAG_NONE);
	assert_int_equal(R.text_ends, 0);
	/* the host may do it itself */
	R.on_async = begin_text;
	give_async(ISCSIP_ASYNC_NEGOTIATE, 0, 0, 3, 0);
	it_take(&R, ISCSIP_OP_TEXT_REQUEST);
	assert_int_equal(R.got.h.data_len, 6);
	give_text(R.got.h.itt, NULL, 0, true, false, ISCSIP_TAG_NONE);
	/* or log out */
	R.on_async = begin_logout;
	give_async(ISCSIP_ASYNC_NEGOTIATE, 0, 0, 3, 0);
	it_take(&R, ISCSIP_OP_LOGOUT_REQUEST);
	it_quiet(&R);
	it_end(&R);
}

static void terminated_tasks_are_given_back_and_acknowledged(void **state)
{
	uint8_t out[4096];
	struct iscsip_pdu p;
	struct it_task k, other;
	uint32_t itt;

	(void)state;
	memset(out, 9, sizeof out);
	it_init(&R);
	R.offer.immediate_data = false;
	R.offer.initial_r2t = true;
	R.offer.task_reporting.count = 3;
	R.offer.task_reporting.item[0] = ISCSIP_TASK_REPORTING_FAST_ABORT;
	R.offer.task_reporting.item[1] = ISCSIP_TASK_REPORTING_RESPONSE_FENCE;
	R.offer.task_reporting.item[2] = ISCSIP_TASK_REPORTING_RFC3720;
	it_open(&R);
	it_login(&R);
	it_write(&k, out, sizeof out);
	plain(&other);
	k.t.lun = 0x0002000000000000u;
	itt = submit_command(&k);
	submit_command(&other);
	p = it_pdu_r2t(itt, 1, 0, 0, 4096);
	p.lun = k.t.lun;
	it_give(&R, &p, NULL, 0);
	give_async(ISCSIP_ASYNC_TASK_TERMINATION, 0, 0, 0, k.t.lun);
	assert_true(it_is_done(&R, &k));
	assert_int_equal(k.t.result.err, ISCSIP_EHOST);
	assert_false(it_is_done(&R, &other));
	it_take(&R, ISCSIP_OP_NOP_OUT);
	assert_int_equal(R.got.h.itt, ISCSIP_TAG_NONE);
	assert_int_equal(R.got.h.nop_out.ttt, ISCSIP_TAG_NONE);
	assert_true(R.got.h.lun == k.t.lun);
	it_quiet(&R);
	it_end(&R);
}

/* --- Reject --- */

static void give_reject(const struct iscsip_pdu *bad, uint8_t reason)
{
	struct iscsip_pdu p = it_pdu(ISCSIP_OP_REJECT, ISCSIP_TAG_NONE);
	uint8_t bhs[ISCSIP_BHS_LEN];

	p.reject.reason = reason;
	assert_int_equal(iscsip_pdu_encode(bhs, bad), ISCSIP_OK);
	it_give(&R, &p, bhs, sizeof bhs);
}

static void a_rejected_command_leaves_no_gap(void **state)
{
	struct it_task k;
	struct iscsip_pdu bad;

	(void)state;
	it_begin(&R);
	plain(&k);
	submit_command(&k);
	bad = R.got.h;
	give_reject(&bad, ISCSIP_REJECT_FIELD);
	it_take(&R, ISCSIP_OP_TASK_REQUEST);
	assert_int_equal(R.got.h.task_request.function, ISCSIP_TMF_ABORT_TASK);
	assert_int_equal(R.got.h.task_request.ref_cmdsn, bad.request.cmdsn);
	assert_false(it_is_done(&R, &k));
	give_tmf_response(R.got.h.itt, ISCSIP_TMF_COMPLETE);
	assert_true(it_is_done(&R, &k));
	assert_int_equal(k.t.result.err, ISCSIP_EPROTO);
	assert_int_equal(k.t.result.reject_reason, ISCSIP_REJECT_FIELD);
	it_end(&R);
}

/* A Reject of what was not sent yet, as one that guesses a tag would give it, rejects nothing. */
static void what_is_not_sent_is_not_rejected(void **state)
{
	struct iscsip_pdu bad = { .opcode = ISCSIP_OP_TASK_REQUEST, .immediate = true, .final = true };

	(void)state;
	for (int guess = 0; guess < 2; guess++) {
		it_begin(&R);
		assert_int_equal(iscsip_initiator_tmf(R.s, ISCSIP_TMF_LOGICAL_UNIT_RESET, 0, NULL, &R, R.now), ISCSIP_OK);
		if (guess) {
			give_reject(&bad, ISCSIP_REJECT_FIELD);
			assert_int_equal(R.tmfs, 0);
		}
		it_take(&R, ISCSIP_OP_TASK_REQUEST);
		bad = R.got.h;
		give_tmf_response(bad.itt, ISCSIP_TMF_COMPLETE);
		assert_int_equal(R.tmfs, 1);
		assert_int_equal(R.tmf_err, ISCSIP_OK);
		it_end(&R);
	}
}

static void a_rejected_immediate_command_comes_back_at_once(void **state)
{
	struct it_task k;
	struct iscsip_pdu bad;

	(void)state;
	it_begin(&R);
	plain(&k);
	k.t.immediate = true;
	submit_command(&k);
	bad = R.got.h;
	give_reject(&bad, ISCSIP_REJECT_IMMEDIATE);
	assert_true(it_is_done(&R, &k));
	assert_int_equal(k.t.result.err, ISCSIP_EPROTO);
	assert_int_equal(k.t.result.reject_reason, ISCSIP_REJECT_IMMEDIATE);
	it_quiet(&R);
	it_end(&R);
}

static void a_rejected_data_out_waits_for_its_response(void **state)
{
	uint8_t out[1024];
	struct iscsip_pdu p;
	struct it_task k;
	uint32_t itt;

	(void)state;
	memset(out, 1, sizeof out);
	it_init(&R);
	R.offer.immediate_data = false;
	R.offer.initial_r2t = true;
	it_open(&R);
	it_login(&R);
	it_write(&k, out, sizeof out);
	itt = submit_command(&k);
	p = it_pdu_r2t(itt, 1, 0, 0, 1024);
	it_give(&R, &p, NULL, 0);
	it_take(&R, ISCSIP_OP_DATA_OUT);
	p = R.got.h;
	give_reject(&p, ISCSIP_REJECT_DATA_DIGEST);
	assert_false(it_is_done(&R, &k));
	p = it_pdu_response(itt, 2);
	it_give(&R, &p, "\0\3abc", 5);
	assert_true(it_is_done(&R, &k));
	assert_int_equal(k.t.result.err, ISCSIP_OK);
	assert_int_equal(k.t.result.reject_reason, ISCSIP_REJECT_DATA_DIGEST);
	assert_int_equal(k.t.result.status, 2);
	it_end(&R);
}

static void rejected_requests_end_with_an_error(void **state)
{
	struct iscsip_pdu bad;
	uint8_t data[4];

	(void)state;
	it_begin(&R);
	assert_int_equal(iscsip_initiator_tmf(R.s, ISCSIP_TMF_LOGICAL_UNIT_RESET, 0, NULL, &R, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_TASK_REQUEST);
	bad = R.got.h;
	give_reject(&bad, ISCSIP_REJECT_IMMEDIATE);
	assert_int_equal(R.tmfs, 1);
	assert_int_equal(R.tmf_err, ISCSIP_EAGAIN);
	assert_int_equal(iscsip_initiator_ping(R.c, data, 0, data, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_NOP_OUT);
	bad = R.got.h;
	give_reject(&bad, ISCSIP_REJECT_NOT_SUPPORTED);
	assert_int_equal(R.pings, 1);
	assert_int_equal(R.ping_err, ISCSIP_EPROTO);
	assert_int_equal(iscsip_initiator_text(R.c, "X-a=1", 6, &R, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_TEXT_REQUEST);
	bad = R.got.h;
	give_reject(&bad, ISCSIP_REJECT_LONG_OP);
	assert_int_equal(R.text_ends, 1);
	assert_int_equal(R.text_err, ISCSIP_EPROTO);
	assert_int_equal(iscsip_initiator_logout(R.c, ISCSIP_LOGOUT_SESSION, 0, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_LOGOUT_REQUEST);
	bad = R.got.h;
	give_reject(&bad, ISCSIP_REJECT_PROTOCOL);
	assert_int_equal(R.logouts, 1);
	assert_int_equal(R.logout_err, ISCSIP_EPROTO);
	assert_true(iscsip_conn_want(R.c) & ISCSIP_WANT_CLOSE);
	it_end(&R);
	assert_int_equal(R.tmfs + R.pings + R.text_ends + R.logouts, 4);
}

/* --- digests --- */

static void give_spoiled(const struct iscsip_pdu *h, const void *data, uint32_t len, int spoil)
{
	static uint8_t buf[8192];
	struct iscsip_pdu p = *h;

	p.reply.statsn = R.statsn;
	p.reply.expcmdsn = R.expcmdsn;
	p.reply.maxcmdsn = R.expcmdsn + R.window - 1u;
	it_feed(&R, buf, it_encode(&R, buf, &p, data, len, spoil));
}

static void begin_with_digests(void)
{
	it_init(&R);
	R.offer.header_digest.item[0] = R.offer.data_digest.item[0] = ISCSIP_DIGEST_CRC32C;
	it_open(&R);
	it_login(&R);
	assert_true(R.hdigest && R.ddigest);
}

static void damaged_data_in_costs_its_command_alone(void **state)
{
	uint8_t in[2048], data[1024];
	struct iscsip_pdu p;
	struct it_task k, other;
	uint32_t itt, other_itt;

	(void)state;
	memset(data, 4, sizeof data);
	begin_with_digests();
	it_read(&k, in, sizeof in);
	plain(&other);
	itt = submit_command(&k);
	other_itt = submit_command(&other);
	p = it_pdu_data_in(itt, 0, 0, false);
	give_spoiled(&p, data, 1024, 2);
	it_take(&R, ISCSIP_OP_TASK_REQUEST);
	assert_int_equal(R.got.h.task_request.ref_task_tag, itt);
	/* what still comes for it passes by */
	p = it_pdu_data_in(itt, 1, 1024, true);
	it_give(&R, &p, data, 1024);
	give_tmf_response(R.got.h.itt, ISCSIP_TMF_COMPLETE);
	assert_true(it_is_done(&R, &k));
	assert_int_equal(k.t.result.err, ISCSIP_EDIGEST);
	assert_int_equal(k.t.result.in_len, 0);
	give_response(other_itt);
	assert_int_equal(other.t.result.err, ISCSIP_OK);
	it_end(&R);
}

static void damaged_data_stays_damaged_when_the_status_comes_first(void **state)
{
	uint8_t in[2048], data[1024];
	struct iscsip_pdu p;
	struct it_task k;
	uint32_t itt;

	(void)state;
	memset(data, 4, sizeof data);
	begin_with_digests();
	it_read(&k, in, sizeof in);
	itt = submit_command(&k);
	p = it_pdu_data_in(itt, 0, 0, false);
	give_spoiled(&p, data, 1024, 2);
	p = it_pdu_data_in(itt, 1, 1024, true);
	p.data_in.has_status = true;
	it_give(&R, &p, data, 1024);
	assert_true(it_is_done(&R, &k));
	assert_int_equal(k.t.result.err, ISCSIP_EDIGEST);
	it_end(&R);
}

static void damage_that_takes_a_status_number_costs_the_connection(void **state)
{
	uint8_t in[1024], data[1024];
	struct iscsip_pdu p;
	struct it_task k;
	int i;

	(void)state;
	memset(data, 4, sizeof data);
	for (i = 0; i < 4; i++) {
		uint32_t itt;

		begin_with_digests();
		it_read(&k, in, sizeof in);
		itt = submit_command(&k);
		if (i == 0) {
			p = it_pdu_data_in(itt, 0, 0, true);
			p.data_in.has_status = true;
			give_spoiled(&p, data, 1024, 2);
		} else if (i == 1) {
			p = it_pdu_response(itt, 2);
			give_spoiled(&p, "\0\2ab", 4, 2);
		} else if (i == 2) {
			p = it_pdu(ISCSIP_OP_ASYNC, ISCSIP_TAG_NONE);
			give_spoiled(&p, "\0\2ab", 4, 2);
		} else {
			p = it_pdu_response(itt, 0);
			give_spoiled(&p, NULL, 0, 1);
		}
		it_expect_broken(&R, ISCSIP_EDIGEST, i == 3 ? ISCSIP_RULE_HEADER_DIGEST : 0);
		assert_false(it_is_done(&R, &k));
		it_close(&R);
		assert_int_equal(k.t.result.err, ISCSIP_EDIGEST);
		assert_int_equal(R.asyncs, 0);
		it_end(&R);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_abort_gives_the_task_back_when_it_was_answered),
		cmocka_unit_test(an_abort_of_an_immediate_task_refers_to_its_own_number),
		cmocka_unit_test(a_response_that_is_faster_than_the_abort_counts),
		cmocka_unit_test(a_task_that_ends_before_its_abort_is_sent_needs_none),
		cmocka_unit_test(a_task_that_was_not_sent_comes_back_at_once),
		cmocka_unit_test(aborts_go_one_after_the_other),
		cmocka_unit_test(a_refused_abort_costs_the_connection),
		cmocka_unit_test(a_task_whose_time_is_over_is_aborted),
		cmocka_unit_test(a_waiting_task_whose_time_is_over_comes_back_at_once),
		cmocka_unit_test(an_abort_without_an_answer_costs_the_connection),
		cmocka_unit_test(tasks_are_concluded_as_the_function_affects_them),
		cmocka_unit_test(functions_are_refused_that_do_not_fit),
		cmocka_unit_test(the_hosts_request_goes_before_aborts_that_wait),
		cmocka_unit_test(requests_about_tasks_that_no_target_knows_are_answered_here),
		cmocka_unit_test(a_waiting_request_whose_task_has_ended_is_answered_in_its_turn),
		cmocka_unit_test(a_lost_connection_ends_the_request_with_its_reason),
		cmocka_unit_test(data_of_affected_tasks_goes_on_but_with_fast_abort),
		cmocka_unit_test(a_ping_comes_back_with_what_it_carried),
		cmocka_unit_test(silence_is_looked_into_and_then_given_up),
		cmocka_unit_test(one_immediate_request_is_out_at_a_time),
		cmocka_unit_test(a_ping_waits_for_the_answer_to_a_logout_of_another_connection),
		cmocka_unit_test(a_long_list_comes_in_as_many_answers_as_it_takes),
		cmocka_unit_test(a_long_request_goes_out_in_pieces),
		cmocka_unit_test(a_new_data_segment_length_holds_when_it_may),
		cmocka_unit_test(text_requests_are_checked),
		cmocka_unit_test(every_event_is_told),
		cmocka_unit_test(sense_data_of_an_event_that_lies_about_its_length_ends_the_connection),
		cmocka_unit_test(an_answer_before_the_request_is_sent_ends_the_connection),
		cmocka_unit_test(an_answer_to_a_logout_that_is_not_sent_ends_the_connection),
		cmocka_unit_test(a_connection_that_is_dropped_closes_and_no_other),
		cmocka_unit_test(a_logout_that_the_target_asks_for_waits_for_no_answer),
		cmocka_unit_test(a_logout_before_answers_to_pings_hears_its_own),
		cmocka_unit_test(a_wish_to_negotiate_is_met_at_once),
		cmocka_unit_test(terminated_tasks_are_given_back_and_acknowledged),
		cmocka_unit_test(a_rejected_command_leaves_no_gap),
		cmocka_unit_test(what_is_not_sent_is_not_rejected),
		cmocka_unit_test(a_rejected_immediate_command_comes_back_at_once),
		cmocka_unit_test(a_rejected_data_out_waits_for_its_response),
		cmocka_unit_test(rejected_requests_end_with_an_error),
		cmocka_unit_test(damaged_data_in_costs_its_command_alone),
		cmocka_unit_test(damaged_data_stays_damaged_when_the_status_comes_first),
		cmocka_unit_test(damage_that_takes_a_status_number_costs_the_connection),
	};

	return cmocka_run_group_tests_name("initiator control", tests, NULL, NULL);
}
