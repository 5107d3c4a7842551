/* SPDX-License-Identifier: MIT */
/*
 * Task management at the target: which tasks a request affects, what it waits for, and what it answers.
 */
#include "flow/target_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct iscsip_pdu tmf_of(struct rig *r, uint8_t function)
{
	struct iscsip_pdu h = { .opcode = ISCSIP_OP_TASK_REQUEST, .immediate = true, .final = true, .itt = r->itt++ };

	h.task_request.function = function;
	h.task_request.cmdsn = r->cmdsn;
	h.task_request.ref_task_tag = ISCSIP_TAG_NONE;
	return h;
}

static uint8_t ask(struct rig *r, const struct iscsip_pdu *h)
{
	struct peer_pdu got;

	peer_send(&r->peer[0], h, NULL, 0);
	got = rig_expect(r, ISCSIP_OP_TASK_RESPONSE);
	assert_int_equal(got.h.itt, h->itt);
	return got.h.task_response.response;
}

static uint8_t abort_one(struct rig *r, uint32_t itt, uint32_t cmdsn)
{
	struct iscsip_pdu h = tmf_of(r, ISCSIP_TMF_ABORT_TASK);

	h.task_request.ref_task_tag = itt;
	h.task_request.ref_cmdsn = cmdsn;
	return ask(r, &h);
}

static void an_aborted_task_is_not_answered_and_the_device_server_gives_it_back_later(void **state)
{
	struct rig r;
	struct iscsip_pdu h;

	(void)state;
	rig_init(&r);
	r.manual = true;
	rig_open(&r, "", 1);
	h = rig_read(&r, 0, 512);
	peer_send(&r.peer[0], &h, NULL, 0);
	assert_int_equal(abort_one(&r, h.itt, h.scsi_command.cmdsn), ISCSIP_TMF_COMPLETE);
	assert_string_equal(r.log, "eat");
	assert_int_equal(iscsip_cmd_send_data(r.cmds[0], &(struct iscsip_vec){ r.disk, 512 }, 1, 512, true), ISCSIP_ECLOSED);
	assert_int_equal(iscsip_cmd_request_data(r.cmds[0], 0, 1), ISCSIP_ECLOSED);
	assert_int_equal(abort_one(&r, h.itt, h.scsi_command.cmdsn), ISCSIP_TMF_NO_TASK);
	assert_int_equal(rig_good(r.cmds[0], 512, 0), ISCSIP_OK);
	assert_string_equal(r.log, "eatf");
	rig_quiet(&r);
	r.cmd_count = 0;
	r.manual = false;
	rig_alive(&r);
	rig_close(&r);
}

static void a_task_that_is_given_back_within_its_abort_was_aborted_all_the_same(void **state)
{
	struct rig r;
	struct iscsip_pdu h, t;

	(void)state;
	rig_init(&r);
	r.tmf_response = ISCSIP_TMF_NO_TASK; /* what a device server says that has the command no more */
	rig_open(&r, RIG_PAIRS("InitialR2T=Yes\0ImmediateData=No"));
	h = rig_write(&r, 0, 4096);
	peer_send(&r.peer[0], &h, NULL, 0);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_R2T).h.itt, h.itt);
	assert_int_equal(abort_one(&r, h.itt, h.scsi_command.cmdsn), ISCSIP_TMF_COMPLETE);
	assert_int_equal(r.aborts, 1);
	rig_quiet(&r);
	/* also while its R2T is on its way: the command is the device server's no more */
	h = rig_write(&r, 0, 4096);
	peer_send(&r.peer[0], &h, NULL, 0);
	assert_int_equal(abort_one(&r, h.itt, h.scsi_command.cmdsn), ISCSIP_TMF_COMPLETE);
	/* and the device server may have to wait for something all the same */
	r.hold_tmf = true;
	h = rig_write(&r, 0, 4096);
	peer_send(&r.peer[0], &h, NULL, 0);
	(void)rig_expect(&r, ISCSIP_OP_R2T);
	t = tmf_of(&r, ISCSIP_TMF_ABORT_TASK);
	t.task_request.ref_task_tag = h.itt;
	t.task_request.ref_cmdsn = h.scsi_command.cmdsn;
	peer_send(&r.peer[0], &t, NULL, 0);
	rig_quiet(&r);
	assert_int_equal(iscsip_tmf_complete(r.tmf, ISCSIP_TMF_COMPLETE), ISCSIP_OK);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_TASK_RESPONSE).h.task_response.response, ISCSIP_TMF_COMPLETE);
	rig_alive(&r);
	rig_close(&r);
}

static void a_response_that_is_not_made_yet_is_taken_back(void **state)
{
	struct rig r;
	struct iscsip_pdu h, t;
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	rig_open(&r, "", 1);
	h = rig_read(&r, 0, 100000);
	peer_send(&r.peer[0], &h, NULL, 0); /* completed by the device server, nothing sent */
	t = tmf_of(&r, ISCSIP_TMF_ABORT_TASK);
	t.task_request.ref_task_tag = h.itt;
	t.task_request.ref_cmdsn = h.scsi_command.cmdsn;
	peer_send(&r.peer[0], &t, NULL, 0);
	got = rig_expect(&r, ISCSIP_OP_TASK_RESPONSE);
	assert_int_equal(got.h.task_response.response, ISCSIP_TMF_COMPLETE);
	rig_quiet(&r);
	assert_string_equal(r.log, "ef");
	rig_alive(&r);
	rig_close(&r);
}

static void abort_task_goes_by_tag_and_number(void **state)
{
	struct rig r;
	struct iscsip_pdu h, t;
	struct iscsip_session_stats st;

	(void)state;
	rig_init(&r);
	r.cfg.limits.max_tasks = 8;
	r.manual = true;
	rig_open(&r, "", 1);
	/* never sent, but its number is in the window and before the request's: plugged (11.6.1 b) */
	h = rig_read(&r, 0, 512);
	assert_int_equal(abort_one(&r, h.itt, h.scsi_command.cmdsn), ISCSIP_TMF_COMPLETE);
	peer_send(&r.peer[0], &h, NULL, 0);
	assert_int_equal(r.execs, 0);
	iscsip_session_get_stats(r.s, &st);
	assert_int_equal(st.ignored, 1);
	/* the same number is behind the window now (11.6.1 c) */
	assert_int_equal(abort_one(&r, h.itt, h.scsi_command.cmdsn), ISCSIP_TMF_NO_TASK);
	/* not before the request's own number, or far away */
	assert_int_equal(abort_one(&r, 1, r.cmdsn), ISCSIP_TMF_NO_TASK);
	assert_int_equal(abort_one(&r, 1, r.cmdsn + 1000), ISCSIP_TMF_NO_TASK);
	/* a number that waits behind a hole: the parked command is gone, the number counts */
	(void)rig_read(&r, 0, 512);
	h = rig_read(&r, 0, 512);
	peer_send(&r.peer[0], &h, NULL, 0);
	assert_int_equal(abort_one(&r, h.itt, h.scsi_command.cmdsn), ISCSIP_TMF_COMPLETE);
	h = rig_read(&r, 0, 512);
	h.scsi_command.cmdsn -= 2; /* the hole */
	peer_send(&r.peer[0], &h, NULL, 0);
	assert_int_equal(r.execs, 1);
	r.cmdsn--;
	/* another logical unit's task */
	t = tmf_of(&r, ISCSIP_TMF_ABORT_TASK);
	t.lun = 1ull << 48;
	t.task_request.ref_task_tag = h.itt;
	t.task_request.ref_cmdsn = h.scsi_command.cmdsn;
	assert_int_equal(ask(&r, &t), ISCSIP_TMF_NO_TASK);
	/* itself, and another request */
	t = tmf_of(&r, ISCSIP_TMF_ABORT_TASK);
	t.task_request.ref_task_tag = t.itt;
	assert_int_equal(ask(&r, &t), ISCSIP_TMF_REJECTED);
	rig_close(&r);
}

static void functions_that_nobody_can_do_are_said_to_be_so(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_open(&r, RIG_PAIRS("iSCSIProtocolLevel=1"));
	for (unsigned f = 0; f < 128; f++) {
		struct iscsip_pdu h = tmf_of(&r, (uint8_t)f);
		uint8_t response = ask(&r, &h);

		if (f == ISCSIP_TMF_TASK_REASSIGN)
			assert_int_equal(response, ISCSIP_TMF_NO_FAILOVER);
		else if (f == 0 || f > 8)
			assert_int_equal(response, ISCSIP_TMF_NOT_SUPPORTED);
		else if (f == ISCSIP_TMF_ABORT_TASK)
			assert_int_equal(response, ISCSIP_TMF_NO_TASK);
		else
			assert_int_equal(response, ISCSIP_TMF_COMPLETE);
		if (f == ISCSIP_TMF_TARGET_COLD_RESET)
			break;
	}
	assert_true(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_CLOSE); /* a cold reset ends all sessions */
	rig_drop(&r, 0);
	assert_true(r.freed);
	rig_close(&r);
	rig_init(&r);
	rig_open(&r, RIG_PAIRS("iSCSIProtocolLevel=1"));
	for (unsigned f = 8; f < 128; f++) {
		struct iscsip_pdu h = tmf_of(&r, (uint8_t)f);

		assert_int_equal(ask(&r, &h), f == 8 ? ISCSIP_TMF_NO_FAILOVER : ISCSIP_TMF_NOT_SUPPORTED);
	}
	rig_alive(&r);
	rig_close(&r);
}

static void queries_and_nexus_reset_come_with_protocol_level_2(void **state)
{
	struct rig r;
	struct iscsip_pdu h, t;

	(void)state;
	rig_init(&r);
	r.manual = true;
	rig_open(&r, RIG_PAIRS("iSCSIProtocolLevel=2"));
	h = rig_read(&r, 0, 512);
	peer_send(&r.peer[0], &h, NULL, 0);
	t = tmf_of(&r, ISCSIP_TMF_QUERY_TASK);
	t.task_request.ref_task_tag = h.itt;
	t.task_request.ref_cmdsn = h.scsi_command.cmdsn;
	r.hold_tmf = true;
	peer_send(&r.peer[0], &t, NULL, 0);
	assert_ptr_equal(r.tmf->ref, r.cmds[0]);
	/* the task ends before the answer: nobody looks at it any more */
	assert_int_equal(rig_good(r.cmds[0], 0, 0), ISCSIP_OK);
	(void)rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE);
	assert_null(r.tmf->ref);
	assert_int_equal(iscsip_tmf_complete(r.tmf, ISCSIP_TMF_SUCCEEDED), ISCSIP_OK);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_TASK_RESPONSE).h.task_response.response, ISCSIP_TMF_SUCCEEDED);
	r.hold_tmf = false;
	r.cmd_count = 0;
	t = tmf_of(&r, ISCSIP_TMF_QUERY_TASK);
	t.task_request.ref_task_tag = h.itt;
	t.task_request.ref_cmdsn = h.scsi_command.cmdsn;
	assert_int_equal(ask(&r, &t), ISCSIP_TMF_COMPLETE);
	t = tmf_of(&r, ISCSIP_TMF_I_T_NEXUS_RESET);
	assert_int_equal(ask(&r, &t), ISCSIP_TMF_COMPLETE);
	assert_true(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_CLOSE);
	rig_close(&r);
}

/* Three commands on LUN 0, one on LUN 1; which of them the request aborted, as bits. */
static unsigned affected(uint8_t function, uint64_t lun, int before)
{
	struct rig r;
	struct iscsip_pdu h[4], t;
	unsigned bits = 0;

	rig_init(&r);
	r.manual = true;
	rig_open(&r, "", 1);
	t = tmf_of(&r, function);
	for (int i = 0; i < 4; i++) {
		h[i] = rig_read(&r, 0, 512);
		h[i].lun = i == 3 ? 1ull << 48 : 0;
		peer_send(&r.peer[0], &h[i], NULL, 0);
	}
	t.lun = lun;
	t.task_request.cmdsn = h[0].scsi_command.cmdsn + (uint32_t)before;
	assert_int_equal(ask(&r, &t), ISCSIP_TMF_COMPLETE);
	for (int i = 0; i < 4; i++)
		bits |= r.cmds[i]->flags & ISCSIP_CMD_ABORTED ? 1u << i : 0;
	rig_close(&r);
	return bits;
}

static void a_function_affects_its_scope_and_nothing_else(void **state)
{
	(void)state;
	assert_int_equal(affected(ISCSIP_TMF_ABORT_TASK_SET, 0, 4), 7);
	assert_int_equal(affected(ISCSIP_TMF_ABORT_TASK_SET, 0, 2), 3); /* what came before it */
	assert_int_equal(affected(ISCSIP_TMF_ABORT_TASK_SET, 1ull << 48, 4), 8);
	assert_int_equal(affected(ISCSIP_TMF_CLEAR_TASK_SET, 0, 4), 7);
	assert_int_equal(affected(ISCSIP_TMF_LOGICAL_UNIT_RESET, 0, 1), 7); /* whatever its number */
	assert_int_equal(affected(ISCSIP_TMF_TARGET_WARM_RESET, 0, 0), 15);
	assert_int_equal(affected(ISCSIP_TMF_CLEAR_ACA, 0, 4), 0);
}

static void a_task_set_is_aborted_when_all_its_commands_are_there(void **state)
{
	struct rig r;
	struct iscsip_pdu h[3], t;

	(void)state;
	rig_init(&r);
	r.manual = true;
	rig_open(&r, "", 1);
	for (int i = 0; i < 3; i++)
		h[i] = rig_read(&r, 0, 512);
	t = tmf_of(&r, ISCSIP_TMF_ABORT_TASK_SET);
	peer_send(&r.peer[0], &h[0], NULL, 0);
	peer_send(&r.peer[0], &h[2], NULL, 0);
	peer_send(&r.peer[0], &t, NULL, 0);
	rig_quiet(&r);
	assert_int_equal(r.aborts, 0);
	peer_send(&r.peer[0], &h[1], NULL, 0);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_TASK_RESPONSE).h.task_response.response, ISCSIP_TMF_COMPLETE);
	assert_int_equal(r.aborts, 3);
	rig_quiet(&r);
	rig_close(&r);
}

static void a_number_from_the_future_is_not_waited_for(void **state)
{
	struct rig r;
	struct iscsip_pdu t;

	(void)state;
	rig_init(&r);
	rig_open(&r, "", 1);
	t = tmf_of(&r, ISCSIP_TMF_ABORT_TASK_SET);
	t.task_request.cmdsn += 1000;
	assert_int_equal(ask(&r, &t), ISCSIP_TMF_REJECTED);
	rig_alive(&r);
	rig_close(&r);
}

static void a_target_reset_plugs_the_numbers_that_have_not_come(void **state)
{
	struct rig r;
	struct iscsip_pdu h[3], t;
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	r.manual = true;
	rig_open(&r, "", 1);
	for (int i = 0; i < 3; i++)
		h[i] = rig_read(&r, 0, 512);
	t = tmf_of(&r, ISCSIP_TMF_TARGET_WARM_RESET);
	peer_send(&r.peer[0], &h[0], NULL, 0);
	peer_send(&r.peer[0], &h[2], NULL, 0);
	peer_send(&r.peer[0], &t, NULL, 0);
	got = rig_expect(&r, ISCSIP_OP_TASK_RESPONSE);
	assert_int_equal(got.h.task_response.response, ISCSIP_TMF_COMPLETE);
	assert_int_equal(got.h.task_response.expcmdsn, r.cmdsn);
	assert_int_equal(r.execs, 1);
	assert_int_equal(r.aborts, 1);
	peer_send(&r.peer[0], &h[1], NULL, 0); /* too late */
	assert_int_equal(r.execs, 1);
	assert_int_equal(rig_good(r.cmds[0], 0, 0), ISCSIP_OK);
	r.cmd_count = 0;
	r.manual = false;
	rig_alive(&r);
	rig_close(&r);
}

static struct iscsip_pdu open_r2t(struct rig *r, struct iscsip_pdu *h)
{
	struct iscsip_pdu d = { .opcode = ISCSIP_OP_DATA_OUT, .final = true };
	struct peer_pdu got;

	*h = rig_write(r, 0, 2048);
	peer_send(&r->peer[0], h, NULL, 0);
	got = rig_expect(r, ISCSIP_OP_R2T);
	d.itt = h->itt;
	d.data_out.ttt = got.h.r2t.ttt;
	return d;
}

static void the_answers_to_r2ts_are_waited_for_and_their_data_is_dropped(void **state)
{
	struct rig r;
	struct iscsip_pdu h, d, t;
	uint8_t data[2048], before[2048];

	(void)state;
	memset(data, 0xee, sizeof data);
	rig_init(&r);
	rig_open(&r, "", 1);
	memcpy(before, r.disk, sizeof before);
	d = open_r2t(&r, &h);
	t = tmf_of(&r, ISCSIP_TMF_LOGICAL_UNIT_RESET);
	peer_send(&r.peer[0], &t, NULL, 0);
	rig_quiet(&r);
	d.final = false;
	peer_send(&r.peer[0], &d, data, 1024);
	rig_quiet(&r);
	/* nobody minds any more where it goes */
	d.data_out.datasn = 1;
	d.data_out.buffer_offset = 512;
	peer_send(&r.peer[0], &d, data, 1024);
	rig_quiet(&r);
	d.final = true;
	d.data_out.datasn = 2;
	d.data_out.buffer_offset = 1024;
	peer_send(&r.peer[0], &d, data, 1024);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_TASK_RESPONSE).h.task_response.response, ISCSIP_TMF_COMPLETE);
	assert_memory_equal(r.disk, before, sizeof before);
	rig_quiet(&r);
	assert_int_equal(r.execs, r.frees);
	rig_alive(&r);
	rig_close(&r);
}

static void fast_abort_waits_for_no_r2t(void **state)
{
	struct rig r;
	struct iscsip_pdu h, d, t;
	uint8_t data[2048] = { 0 };

	(void)state;
	rig_init(&r);
	rig_open(&r, RIG_PAIRS("TaskReporting=FastAbort,ResponseFence,RFC3720"));
	assert_int_equal(r.params.task_reporting, ISCSIP_TASK_REPORTING_FAST_ABORT);
	d = open_r2t(&r, &h);
	t = tmf_of(&r, ISCSIP_TMF_LOGICAL_UNIT_RESET);
	assert_int_equal(ask(&r, &t), ISCSIP_TMF_COMPLETE);
	peer_send(&r.peer[0], &d, data, sizeof data); /* one that was on its way */
	rig_quiet(&r);
	rig_alive(&r);
	rig_close(&r);
}

/* RFC 7143 4.2.3.3 a: the second one waits for the same answers, and does not take them from the first. */
static void a_second_reset_waits_for_the_same_transfer_tags(void **state)
{
	static const uint8_t second[] = { ISCSIP_TMF_LOGICAL_UNIT_RESET, ISCSIP_TMF_ABORT_TASK_SET, ISCSIP_TMF_CLEAR_TASK_SET,
					  ISCSIP_TMF_TARGET_WARM_RESET };
	static const uint8_t data[512] = { 1 };

	(void)state;
	for (size_t i = 0; i < sizeof second; i++) {
		struct iscsip_pdu w, d, t[2];
		struct peer_pdu got;
		struct rig r;

		rig_init(&r);
		rig_open(&r, RIG_PAIRS("InitialR2T=Yes\0ImmediateData=No"));
		w = rig_write(&r, 0, 512);
		peer_send(&r.peer[0], &w, NULL, 0);
		got = rig_expect(&r, ISCSIP_OP_R2T);
		d = rig_data_out(&w, got.h.r2t.ttt, 0, 0, true);
		t[0] = tmf_of(&r, ISCSIP_TMF_LOGICAL_UNIT_RESET);
		t[1] = rig_request(&r, ISCSIP_OP_TASK_REQUEST); /* the place for immediate ones is taken */
		t[1].task_request.function = second[i];
		t[1].task_request.ref_task_tag = ISCSIP_TAG_NONE;
		peer_send(&r.peer[0], &t[0], NULL, 0);
		peer_send(&r.peer[0], &t[1], NULL, 0);
		rig_quiet(&r);
		peer_send(&r.peer[0], &d, data, sizeof data);
		for (int n = 0; n < 2; n++) {
			got = rig_expect(&r, ISCSIP_OP_TASK_RESPONSE);
			assert_int_equal(got.h.itt, t[n].itt);
			assert_int_equal(got.h.task_response.response, ISCSIP_TMF_COMPLETE);
		}
		rig_alive(&r);
		rig_close(&r);
	}
}

/*
 * A reset meets a second connection in its login: it is no part of the session yet, and joins it. Where all connections of
 * the session close (a cold reset; or a logout, last of the rows), it finds none to join.
 */
static void a_reset_while_another_connection_logs_in_leaves_both_well(void **state)
{
	static const uint8_t functions[] = { ISCSIP_TMF_LOGICAL_UNIT_RESET, ISCSIP_TMF_TARGET_WARM_RESET,
					     ISCSIP_TMF_TARGET_COLD_RESET, 0 };

	(void)state;
	for (size_t i = 0; i < sizeof functions; i++) {
		struct rig r;
		struct iscsip_pdu h, t;
		struct peer_pdu got;

		rig_init(&r);
		r.cfg.limits.max_conns = 2;
		r.offer.max_connections = 2;
		rig_open(&r, RIG_PAIRS("MaxConnections=2"));
		rig_connect(&r, 1);
		r.session_later = true;
		(void)rig_login(&r, 1, "", 1, &got);
		if (functions[i]) {
			t = tmf_of(&r, functions[i]);
			assert_int_equal(ask(&r, &t), ISCSIP_TMF_COMPLETE);
		} else {
			t = rig_request(&r, ISCSIP_OP_LOGOUT_REQUEST);
			peer_send(&r.peer[0], &t, NULL, 0);
			(void)rig_expect(&r, ISCSIP_OP_LOGOUT_RESPONSE);
		}
		if (functions[i] == ISCSIP_TMF_TARGET_COLD_RESET || !functions[i]) {
			assert_int_equal(iscsip_login_accept(r.conn[1], r.s, 0), ISCSIP_ESTATE);
			assert_int_equal(iscsip_login_refuse(r.conn[1], ISCSIP_LOGIN_SESSION_DOES_NOT_EXIST, NULL), ISCSIP_OK);
			assert_true(peer_recv(&r.peer[1], &got));
			assert_int_equal(got.h.login_response.status_class, 2);
		} else {
			assert_int_equal(iscsip_login_accept(r.conn[1], r.s, 0), ISCSIP_OK);
			assert_true(peer_recv(&r.peer[1], &got));
			assert_int_equal(got.h.login_response.status_class, 0);
			h = rig_read(&r, 0, 512);
			peer_send(&r.peer[1], &h, NULL, 0);
			assert_true(peer_recv(&r.peer[1], &got));
			assert_int_equal(got.h.opcode, ISCSIP_OP_DATA_IN);
			rig_alive(&r);
		}
		rig_close(&r);
	}
}

static void an_r2t_that_is_never_answered_costs_the_connection(void **state)
{
	struct rig r;
	struct iscsip_pdu h, t;

	(void)state;
	rig_init(&r);
	rig_open(&r, "", 1);
	(void)open_r2t(&r, &h);
	t = tmf_of(&r, ISCSIP_TMF_ABORT_TASK_SET);
	r.peer[0].now = 100;
	peer_send(&r.peer[0], &t, NULL, 0);
	assert_int_equal(iscsip_session_deadline(r.s), 100 + r.cfg.logout_timeout_ms);
	assert_int_equal(iscsip_session_tick(r.s, 100 + r.cfg.logout_timeout_ms - 1), ISCSIP_OK);
	assert_false(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_CLOSE);
	assert_int_equal(iscsip_session_tick(r.s, 100 + r.cfg.logout_timeout_ms), ISCSIP_OK);
	assert_true(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_CLOSE);
	assert_int_equal(iscsip_conn_error(r.conn[0])->code, ISCSIP_ETIMEDOUT);
	rig_close(&r);
}

static void an_r2t_that_is_never_answered_is_given_up_where_the_host_is_lenient(void **state)
{
	struct rig r;
	struct iscsip_pdu h, t, d;

	(void)state;
	rig_init(&r);
	r.cfg.flags |= ISCSIP_CFG_OPEN_R2TS;
	rig_open(&r, "", 1);
	d = open_r2t(&r, &h);
	t = tmf_of(&r, ISCSIP_TMF_LOGICAL_UNIT_RESET);
	r.peer[0].now = 100;
	peer_send(&r.peer[0], &t, NULL, 0);
	assert_int_equal(iscsip_session_tick(r.s, 100 + r.cfg.logout_timeout_ms - 1), ISCSIP_OK);
	rig_quiet(&r);
	assert_int_equal(iscsip_session_tick(r.s, 100 + r.cfg.logout_timeout_ms), ISCSIP_OK);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_TASK_RESPONSE).h.task_response.response, ISCSIP_TMF_COMPLETE);
	assert_int_equal(iscsip_session_deadline(r.s), ISCSIP_TIME_NEVER);
	/* what comes after all goes nowhere */
	peer_send(&r.peer[0], &d, r.disk, 512);
	rig_quiet(&r);
	rig_alive(&r);
	rig_close(&r);
}

static void the_response_follows_those_that_were_queued_before(void **state)
{
	struct rig r;
	struct iscsip_pdu h[2], t;
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	r.later = true;
	rig_open(&r, "", 1);
	for (int i = 0; i < 2; i++) {
		h[i] = rig_request(&r, ISCSIP_OP_SCSI_COMMAND);
		h[i].lun = (uint64_t)i << 48;
		peer_send(&r.peer[0], &h[i], NULL, 0);
	}
	rig_run(&r); /* both are completed, neither is sent */
	t = tmf_of(&r, ISCSIP_TMF_ABORT_TASK_SET);
	peer_send(&r.peer[0], &t, NULL, 0);
	got = rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE); /* the other logical unit's */
	assert_int_equal(got.h.itt, h[1].itt);
	(void)rig_expect(&r, ISCSIP_OP_TASK_RESPONSE);
	rig_quiet(&r);
	rig_close(&r);
}

static void a_connection_may_die_while_the_device_server_has_the_request(void **state)
{
	struct rig r;
	struct iscsip_pdu t;

	(void)state;
	rig_init(&r);
	r.hold_tmf = true;
	rig_open(&r, "", 1);
	t = tmf_of(&r, ISCSIP_TMF_LOGICAL_UNIT_RESET);
	peer_send(&r.peer[0], &t, NULL, 0);
	rig_drop(&r, 0);
	assert_false(r.freed);
	assert_int_equal(iscsip_tmf_complete(r.tmf, ISCSIP_TMF_COMPLETE), ISCSIP_OK);
	assert_true(r.freed);
	rig_close(&r);
}

static void the_device_server_may_abort_a_command_itself(void **state)
{
	struct rig r;
	struct iscsip_pdu h;

	(void)state;
	rig_init(&r);
	r.manual = true;
	rig_open(&r, "", 1);
	h = rig_read(&r, 0, 512);
	peer_send(&r.peer[0], &h, NULL, 0);
	assert_int_equal(iscsip_cmd_abort(r.cmds[0]), ISCSIP_OK);
	assert_int_equal(iscsip_cmd_abort(r.cmds[0]), ISCSIP_ESTATE);
	assert_string_equal(r.log, "ea");
	assert_int_equal(rig_good(r.cmds[0], 0, 0), ISCSIP_OK);
	assert_string_equal(r.log, "eaf");
	rig_quiet(&r);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_aborted_task_is_not_answered_and_the_device_server_gives_it_back_later),
		cmocka_unit_test(a_task_that_is_given_back_within_its_abort_was_aborted_all_the_same),
		cmocka_unit_test(a_response_that_is_not_made_yet_is_taken_back),
		cmocka_unit_test(abort_task_goes_by_tag_and_number),
		cmocka_unit_test(functions_that_nobody_can_do_are_said_to_be_so),
		cmocka_unit_test(queries_and_nexus_reset_come_with_protocol_level_2),
		cmocka_unit_test(a_function_affects_its_scope_and_nothing_else),
		cmocka_unit_test(a_task_set_is_aborted_when_all_its_commands_are_there),
		cmocka_unit_test(a_number_from_the_future_is_not_waited_for),
		cmocka_unit_test(a_target_reset_plugs_the_numbers_that_have_not_come),
		cmocka_unit_test(the_answers_to_r2ts_are_waited_for_and_their_data_is_dropped),
		cmocka_unit_test(fast_abort_waits_for_no_r2t),
		cmocka_unit_test(a_second_reset_waits_for_the_same_transfer_tags),
		cmocka_unit_test(a_reset_while_another_connection_logs_in_leaves_both_well),
		cmocka_unit_test(an_r2t_that_is_never_answered_costs_the_connection),
		cmocka_unit_test(an_r2t_that_is_never_answered_is_given_up_where_the_host_is_lenient),
		cmocka_unit_test(the_response_follows_those_that_were_queued_before),
		cmocka_unit_test(a_connection_may_die_while_the_device_server_has_the_request),
		cmocka_unit_test(the_device_server_may_abort_a_command_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
