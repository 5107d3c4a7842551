/* SPDX-License-Identifier: MIT */
/*
 * Sessions and connections of a target: beginnings, ends, replacements, pings, asynchronous messages.
 */
#include "flow/target_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct iscsip_pdu logout_of(struct rig *r, uint8_t reason, uint16_t cid)
{
	struct iscsip_pdu h = rig_request(r, ISCSIP_OP_LOGOUT_REQUEST);

	h.logout_request.reason = reason;
	h.logout_request.cid = cid;
	return h;
}

/* Joins connection i to the session. */
static void join(struct rig *r, int i)
{
	struct peer_pdu got;

	rig_connect(r, i);
	assert_true(rig_login(r, i, "", 1, &got));
	assert_int_equal(got.h.login_response.status_class, 0);
	assert_true(got.h.login_response.transit);
	assert_int_equal(got.h.login_response.expcmdsn, r->cmdsn);
}

static void a_login_states_numbers_handle_and_parameters(void **state)
{
	struct rig r;
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	rig_connect(&r, 0);
	assert_int_equal(iscsip_conn_state(r.conn[0]), ISCSIP_CONN_LOGIN);
	assert_null(iscsip_conn_session(r.conn[0]));
	assert_true(rig_login(&r, 0, RIG_PAIRS("HeaderDigest=CRC32C,None\0InitialR2T=No\0MaxBurstLength=99328\0FirstBurstLength=4096"),
			      &got));
	assert_int_equal(got.h.opcode, ISCSIP_OP_LOGIN_RESPONSE);
	assert_int_equal(got.h.login_response.tsih, 7);
	assert_int_equal(got.h.login_response.statsn, r.cfg.initial_statsn);
	assert_int_equal(got.h.login_response.expcmdsn, r.cmdsn);
	assert_int_equal(got.h.login_response.maxcmdsn, r.cmdsn + r.cfg.limits.max_tasks - 1);
	assert_int_equal(r.state, ISCSIP_SESSION_LOGGED_IN);
	assert_int_equal(r.logins_done, 1);
	assert_int_equal(r.login_status, 0);
	assert_ptr_equal(iscsip_conn_session(r.conn[0]), r.s);
	assert_int_equal(iscsip_session_tsih(r.s), 7);
	assert_int_equal(iscsip_session_params(r.s)->header_digest, ISCSIP_DIGEST_CRC32C);
	assert_int_equal(iscsip_session_params(r.s)->max_burst_length, 99328);
	assert_false(iscsip_session_params(r.s)->initial_r2t);
	assert_ptr_equal(iscsip_session_user(r.s), &r);
	r.peer[0].header_digest = true;
	rig_alive(&r);
	rig_close(&r);
}

static void the_hosts_answers_may_come_late(void **state)
{
	struct rig r;
	struct peer_pdu got;
	struct iscsip_login_terms terms = { .portal_group_tag = 1 };

	(void)state;
	rig_init(&r);
	r.grant_later = r.session_later = true;
	rig_connect(&r, 0);
	assert_int_equal(iscsip_login_grant(r.conn[0], &terms), ISCSIP_ESTATE);
	assert_false(rig_login(&r, 0, "", 1, &got));
	assert_string_equal(r.info.target_name, "iqn.2001-04.test:disk");
	assert_false(r.asked_session);
	assert_int_equal(iscsip_login_accept(r.conn[0], NULL, 7), ISCSIP_ESTATE);
	assert_int_equal(iscsip_login_grant(r.conn[0], &terms), ISCSIP_OK);
	assert_true(r.asked_session);
	assert_false(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_TX);
	assert_int_equal(iscsip_login_refuse(r.conn[0], ISCSIP_LOGIN_OUT_OF_RESOURCES, NULL), ISCSIP_OK);
	assert_true(peer_recv(&r.peer[0], &got));
	assert_int_equal(got.h.login_response.status_class, 3);
	assert_int_equal(got.h.login_response.status_detail, 2);
	assert_int_equal(iscsip_conn_want(r.conn[0]), ISCSIP_WANT_CLOSE);
	assert_int_equal(r.login_status, ISCSIP_LOGIN_OUT_OF_RESOURCES);
	assert_int_equal(r.logins_done, 1);
	rig_close(&r);
}

static void a_refusal_says_why_and_where_else(void **state)
{
	static const uint16_t statuses[] = { 0x0101, 0x0102, 0x0202, 0x0203, 0x0204, 0x0301 };
	struct peer_pdu got;

	(void)state;
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
		struct rig r;

		rig_init(&r);
		r.refuse = statuses[i];
		rig_connect(&r, 0);
		assert_true(rig_login(&r, 0, "", 1, &got));
		assert_int_equal(got.h.login_response.status_class << 8 | got.h.login_response.status_detail, statuses[i]);
		if (statuses[i] >> 8 == 1)
			assert_memory_equal(got.data, "TargetAddress=127.0.0.2:3260", 29);
		assert_int_equal(iscsip_conn_want(r.conn[0]), ISCSIP_WANT_CLOSE);
		assert_int_equal(r.login_status, statuses[i]);
		assert_string_equal(iscsip_conn_login_reason(r.conn[0]), "the host refused");
		assert_false(r.asked_session);
		rig_close(&r);
	}
}

static void what_was_wrong_in_a_login_is_told_in_words(void **state)
{
	struct peer_pdu got;
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_connect(&r, 0);
	assert_string_equal(iscsip_conn_login_reason(r.conn[0]), "");
	assert_true(rig_login(&r, 0, RIG_PAIRS("MaxBurstLength=512\0MaxBurstLength=512"), &got));
	assert_int_equal(r.login_status, ISCSIP_LOGIN_INITIATOR_ERROR);
	assert_string_equal(iscsip_conn_login_reason(r.conn[0]), "a key came twice");
	rig_close(&r);
	rig_init(&r);
	rig_open(&r, "", 1);
	assert_string_equal(iscsip_conn_login_reason(r.conn[0]), "");
	rig_close(&r);
}

static void a_login_that_does_not_end_is_given_up(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	r.cfg.nop_interval_ms = 1; /* nobody is pinged in a login */
	rig_connect(&r, 0);
	assert_int_equal(iscsip_conn_deadline(r.conn[0]), r.cfg.login_timeout_ms);
	assert_int_equal(iscsip_conn_tick(r.conn[0], 2), ISCSIP_OK);
	assert_false(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_TX);
	assert_int_equal(iscsip_conn_tick(r.conn[0], r.cfg.login_timeout_ms), ISCSIP_ETIMEDOUT);
	assert_int_equal(iscsip_conn_error(r.conn[0])->opcode, 0xff);
	assert_true(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_CLOSE);
	rig_close(&r);
}

static void too_little_memory_is_told_at_every_size(void **state)
{
	struct rig r;
	struct iscsip_session *s;
	static const struct iscsip_device_ops none;
	static const struct iscsip_target_ops no_ops;
	size_t size;

	(void)state;
	rig_init(&r);
	size = iscsip_target_session_size(&r.cfg);
	rig_connect(&r, 0); /* makes the session's memory */
	assert_int_equal(iscsip_target_session_init(&s, r.session_mem, size, &r.cfg, &no_ops, &none, NULL, NULL, NULL), ISCSIP_EINVAL);
	assert_int_equal(iscsip_target_session_init(&s, (char *)r.session_mem + 1, size, &r.cfg, &no_ops, &none, NULL, NULL, NULL),
			 ISCSIP_EINVAL);
	rig_close(&r);
}

static void a_lost_connection_ends_the_session_when_the_device_server_has_given_all_back(void **state)
{
	struct rig r;
	struct iscsip_pdu h;

	(void)state;
	rig_init(&r);
	r.manual = true;
	rig_open(&r, "", 1);
	for (int i = 0; i < 3; i++) {
		h = rig_read(&r, 0, 512);
		if (i == 2)
			h.scsi_command.cmdsn++; /* one that waits behind a hole */
		peer_send(&r.peer[0], &h, NULL, 0);
	}
	rig_drop(&r, 0);
	assert_int_equal(r.state, ISCSIP_SESSION_FAILED);
	assert_int_equal(r.why, ISCSIP_ECLOSED);
	assert_false(r.freed);
	assert_int_equal(r.aborts, 2);
	assert_false(iscsip_target_session_idle(r.s));
	assert_int_equal(rig_good(r.cmds[0], 0, 0), ISCSIP_OK);
	assert_false(r.freed);
	assert_int_equal(rig_good(r.cmds[1], 0, 0), ISCSIP_OK);
	assert_true(r.freed);
	r.cmd_count = 0;
	rig_close(&r);
}

static void a_session_ended_by_the_host_aborts_all_and_tells_when_it_is_free(void **state)
{
	struct rig r;
	struct iscsip_pdu h;

	(void)state;
	rig_init(&r);
	r.manual = true;
	rig_open(&r, "", 1);
	h = rig_read(&r, 0, 512);
	peer_send(&r.peer[0], &h, NULL, 0);
	iscsip_target_session_end(r.s, 5);
	assert_int_equal(r.state, ISCSIP_SESSION_FAILED);
	assert_int_equal(r.why, ISCSIP_EHOST);
	assert_null(iscsip_conn_session(r.conn[0]));
	assert_true(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_CLOSE);
	assert_int_equal(r.aborts, 1);
	assert_int_equal(rig_good(r.cmds[0], 0, 0), ISCSIP_OK);
	assert_true(r.freed);
	r.cmd_count = 0;
	rig_quiet(&r);
	rig_close(&r);
}

static void units_on_their_way_keep_an_ended_session_until_the_connection_is_closed(void **state)
{
	struct rig r;
	struct iscsip_pdu h;
	uint8_t some[100];

	(void)state;
	rig_init(&r);
	rig_open(&r, "", 1);
	h = rig_read(&r, 0, 4096);
	peer_send(&r.peer[0], &h, NULL, 0);
	assert_int_equal(iscsip_conn_tx_pull(r.conn[0], some, sizeof some, 0), sizeof some);
	iscsip_target_session_end(r.s, 5);
	assert_false(r.freed); /* the rest of the Data-In refers to the command's memory */
	assert_int_equal(r.frees, 0);
	rig_drop(&r, 0);
	assert_int_equal(r.frees, 1);
	assert_true(r.freed);
	rig_close(&r);
}

static void data_arriving_keeps_its_command_through_the_end_of_the_session(void **state)
{
	struct rig r;
	struct iscsip_pdu h;
	uint8_t bhs[48];
	static const uint8_t data[1000] = { 1 };

	(void)state;
	rig_init(&r);
	rig_open(&r, "", 1);
	h = rig_write(&r, 0, 1000);
	h.data_len = 1000;
	assert_int_equal(iscsip_pdu_encode(bhs, &h), ISCSIP_OK);
	peer_send_raw(&r.peer[0], bhs, 48);
	peer_send_raw(&r.peer[0], data, 500);
	iscsip_target_session_end(r.s, 5);
	assert_int_equal(r.frees, 0); /* a read into its memory may be under way */
	assert_false(r.freed);
	rig_drop(&r, 0);
	assert_int_equal(r.frees, 1);
	assert_true(r.freed);
	rig_close(&r);
}

static void logging_out_the_session_ends_its_tasks_without_an_answer(void **state)
{
	struct rig r;
	struct iscsip_pdu h;
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	r.manual = true;
	rig_open(&r, "", 1);
	h = rig_read(&r, 0, 512);
	peer_send(&r.peer[0], &h, NULL, 0);
	h = logout_of(&r, ISCSIP_LOGOUT_SESSION, 0);
	peer_send(&r.peer[0], &h, NULL, 0);
	assert_int_equal(iscsip_conn_state(r.conn[0]), ISCSIP_CONN_LOGOUT);
	assert_int_equal(r.aborts, 1);
	assert_int_equal(r.logouts, 1);
	assert_false(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_RX); /* nothing more is read */
	got = rig_expect(&r, ISCSIP_OP_LOGOUT_RESPONSE);
	assert_int_equal(got.h.logout_response.response, ISCSIP_LOGOUT_CLOSED);
	rig_quiet(&r);
	assert_int_equal(rig_good(r.cmds[0], 0, 0), ISCSIP_OK);
	r.cmd_count = 0;
	rig_drop(&r, 0);
	assert_true(r.freed);
	assert_int_equal(r.why, 0);
	rig_close(&r);
}

static void a_logout_names_a_connection_that_is_there_or_is_told_so(void **state)
{
	struct rig r;
	struct iscsip_pdu h;

	(void)state;
	rig_init(&r);
	rig_open(&r, "", 1);
	h = logout_of(&r, ISCSIP_LOGOUT_CONNECTION, 99);
	peer_send(&r.peer[0], &h, NULL, 0);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_LOGOUT_RESPONSE).h.logout_response.response, ISCSIP_LOGOUT_NO_CID);
	h = logout_of(&r, ISCSIP_LOGOUT_RECOVERY, 0);
	peer_send(&r.peer[0], &h, NULL, 0);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_LOGOUT_RESPONSE).h.logout_response.response, ISCSIP_LOGOUT_NO_RECOVERY);
	h = logout_of(&r, ISCSIP_LOGOUT_RECOVERY, 99);
	peer_send(&r.peer[0], &h, NULL, 0);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_LOGOUT_RESPONSE).h.logout_response.response, ISCSIP_LOGOUT_NO_CID);
	rig_alive(&r);
	h = logout_of(&r, ISCSIP_LOGOUT_CONNECTION, 0);
	peer_send(&r.peer[0], &h, NULL, 0);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_LOGOUT_RESPONSE).h.logout_response.response, ISCSIP_LOGOUT_CLOSED);
	assert_int_equal(iscsip_conn_want(r.conn[0]), ISCSIP_WANT_CLOSE);
	rig_close(&r);
}

static void two_connections(struct rig *r)
{
	rig_init(r);
	r->cfg.limits.max_conns = 4;
	r->offer.max_connections = 4;
	rig_open(r, RIG_PAIRS("MaxConnections=2"));
	join(r, 1);
}

static void connections_share_one_command_order_and_answer_on_their_own(void **state)
{
	struct rig r;
	struct iscsip_pdu h[4];
	struct peer_pdu got;

	(void)state;
	two_connections(&r);
	for (int i = 0; i < 4; i++)
		h[i] = rig_read(&r, (uint32_t)i, 512);
	peer_send(&r.peer[1], &h[1], NULL, 0);
	peer_send(&r.peer[1], &h[3], NULL, 0);
	assert_int_equal(r.execs, 0);
	peer_send(&r.peer[0], &h[0], NULL, 0);
	assert_int_equal(r.execs, 2);
	peer_send(&r.peer[0], &h[2], NULL, 0);
	assert_int_equal(r.execs, 4);
	for (int i = 0; i < 4; i++) {
		assert_true(peer_recv(&r.peer[i & 1], &got));
		assert_int_equal(got.h.itt, h[i].itt);
		assert_memory_equal(got.data, r.disk + i * 512, 512);
	}
	rig_close(&r);
}

static void more_connections_than_agreed_are_refused(void **state)
{
	struct rig r;
	struct peer_pdu got;

	(void)state;
	two_connections(&r);
	rig_connect(&r, 2);
	r.session_later = true;
	(void)rig_login(&r, 2, "", 1, &got);
	assert_int_equal(iscsip_login_accept(r.conn[2], r.s, 0), ISCSIP_EAGAIN);
	assert_int_equal(iscsip_login_refuse(r.conn[2], ISCSIP_LOGIN_TOO_MANY_CONNECTIONS, NULL), ISCSIP_OK);
	assert_true(peer_recv(&r.peer[2], &got));
	assert_int_equal(got.h.login_response.status_detail, 6);
	rig_alive(&r);
	rig_close(&r);
}

/* A host that mixes up its sessions is told so, and the connection can still be refused. */
static void a_login_joins_the_session_that_it_names_alone(void **state)
{
	struct iscsip_pdu h = { .opcode = ISCSIP_OP_LOGIN_REQUEST, .immediate = true };
	static const char text[] = "InitiatorName=iqn.2001-04.test:peer\0TargetName=iqn.2001-04.test:disk";
	static const char other[] = "InitiatorName=iqn.2001-04.test:peer\0TargetName=iqn.2001-04.test:tape";
	struct rig r;
	struct peer_pdu got;

	(void)state;
	/* another handle, ISID, target; and all that is right */
	for (int wrong = 0; wrong < 4; wrong++) {
		rig_init(&r);
		r.cfg.limits.max_conns = 2;
		r.offer.max_connections = 2;
		rig_open(&r, RIG_PAIRS("MaxConnections=2"));
		rig_connect(&r, 1);
		r.session_later = true;
		h.login_request.csg = 1;
		h.login_request.nsg = 3;
		h.login_request.transit = true;
		h.login_request.cid = 7;
		h.login_request.tsih = (uint16_t)(iscsip_session_tsih(r.s) + (wrong == 0));
		h.login_request.cmdsn = r.cmdsn;
		memcpy(h.login_request.isid, r.info.isid, sizeof r.info.isid);
		h.login_request.isid[5] ^= wrong == 1;
		r.asked_session = false;
		peer_send(&r.peer[1], &h, wrong == 2 ? other : text, sizeof text);
		assert_true(r.asked_session);
		assert_int_equal(iscsip_login_accept(r.conn[1], r.s, 0), wrong == 3 ? ISCSIP_OK : ISCSIP_ESTATE);
		if (wrong < 3)
			assert_int_equal(iscsip_login_refuse(r.conn[1], ISCSIP_LOGIN_SESSION_DOES_NOT_EXIST, NULL), ISCSIP_OK);
		assert_true(peer_recv(&r.peer[1], &got));
		assert_int_equal(got.h.login_response.status_class, wrong == 3 ? 0 : 2);
		assert_int_equal(got.h.login_response.status_detail, wrong == 3 ? 0 : 0x0a);
		rig_alive(&r);
		rig_close(&r);
	}
}

static void a_connection_with_the_same_cid_replaces_the_old_one(void **state)
{
	struct rig r;
	struct iscsip_pdu h;
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	r.manual = true;
	rig_open(&r, "", 1);
	h = rig_read(&r, 0, 512);
	peer_send(&r.peer[0], &h, NULL, 0);
	/* connection 1 comes with CID 0; MaxConnections is 1 */
	rig_connect(&r, 1);
	h = (struct iscsip_pdu){ .opcode = ISCSIP_OP_LOGIN_REQUEST, .immediate = true, .itt = r.itt++ };
	h.login_request.transit = true;
	h.login_request.csg = ISCSIP_STAGE_OPERATIONAL;
	h.login_request.nsg = ISCSIP_STAGE_FULL_FEATURE;
	h.login_request.tsih = 7;
	h.login_request.cmdsn = r.cmdsn;
	peer_send(&r.peer[1], &h, RIG_PAIRS("InitiatorName=iqn.2001-04.test:peer\0TargetName=iqn.2001-04.test:disk"));
	assert_true(peer_recv(&r.peer[1], &got));
	assert_int_equal(got.h.login_response.status_class, 0);
	assert_true(got.h.login_response.transit);
	assert_int_equal(r.aborts, 1);
	assert_true(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_CLOSE);
	assert_null(iscsip_conn_session(r.conn[0]));
	rig_drop(&r, 0);
	assert_int_equal(r.state, ISCSIP_SESSION_LOGGED_IN);
	assert_int_equal(rig_good(r.cmds[0], 0, 0), ISCSIP_OK);
	r.cmd_count = 0;
	r.manual = false;
	h = rig_read(&r, 5, 512);
	peer_send(&r.peer[1], &h, NULL, 0);
	assert_true(peer_recv(&r.peer[1], &got));
	assert_int_equal(got.h.opcode, ISCSIP_OP_DATA_IN);
	rig_close(&r);
}

static void one_connection_of_two_may_go_and_its_holes_can_be_filled(void **state)
{
	struct rig r;
	struct iscsip_pdu h[3];
	struct peer_pdu got;

	(void)state;
	two_connections(&r);
	r.later = true;
	for (int i = 0; i < 3; i++)
		h[i] = rig_read(&r, (uint32_t)i, 512);
	peer_send(&r.peer[1], &h[0], NULL, 0);
	peer_send(&r.peer[1], &h[2], NULL, 0); /* waits for h[1], and dies with its connection */
	rig_drop(&r, 1);
	assert_int_equal(r.state, ISCSIP_SESSION_LOGGED_IN);
	assert_int_equal(r.aborts, 1);
	rig_run(&r);
	peer_send(&r.peer[0], &h[1], NULL, 0);
	assert_int_equal(r.execs, 2);
	h[2].itt = r.itt++;
	peer_send(&r.peer[0], &h[2], NULL, 0);
	assert_int_equal(r.execs, 3);
	rig_run(&r);
	assert_true(peer_recv(&r.peer[0], &got));
	assert_int_equal(got.h.itt, h[1].itt);
	rig_close(&r);
}

static void logging_out_another_connection_closes_it(void **state)
{
	struct rig r;
	struct iscsip_pdu h;

	(void)state;
	two_connections(&r);
	h = logout_of(&r, ISCSIP_LOGOUT_CONNECTION, 1);
	peer_send(&r.peer[0], &h, NULL, 0);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_LOGOUT_RESPONSE).h.logout_response.response, ISCSIP_LOGOUT_CLOSED);
	assert_true(iscsip_conn_want(r.conn[1]) & ISCSIP_WANT_CLOSE);
	rig_drop(&r, 1);
	rig_alive(&r);
	rig_close(&r);
}

static void logging_out_the_session_closes_all_connections(void **state)
{
	struct rig r;
	struct iscsip_pdu h;

	(void)state;
	two_connections(&r);
	h = logout_of(&r, ISCSIP_LOGOUT_SESSION, 0);
	peer_send(&r.peer[0], &h, NULL, 0);
	(void)rig_expect(&r, ISCSIP_OP_LOGOUT_RESPONSE);
	assert_true(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_CLOSE);
	assert_true(iscsip_conn_want(r.conn[1]) & ISCSIP_WANT_CLOSE);
	rig_drop(&r, 0);
	rig_drop(&r, 1);
	assert_true(r.freed);
	rig_close(&r);
}

static void task_management_waits_for_acknowledgments_on_other_connections(void **state)
{
	struct rig r;
	struct iscsip_pdu h, t, pong;
	struct peer_pdu got;

	(void)state;
	two_connections(&r);
	h = rig_read(&r, 0, 512);
	peer_send(&r.peer[1], &h, NULL, 0);
	assert_true(peer_recv(&r.peer[1], &got)); /* a status that is not acknowledged */
	t = (struct iscsip_pdu){ .opcode = ISCSIP_OP_TASK_REQUEST, .immediate = true, .final = true, .itt = r.itt++ };
	t.task_request.function = ISCSIP_TMF_ABORT_TASK_SET;
	t.task_request.cmdsn = r.cmdsn;
	t.task_request.ref_task_tag = ISCSIP_TAG_NONE;
	peer_send(&r.peer[0], &t, NULL, 0);
	rig_quiet(&r);
	assert_true(peer_recv(&r.peer[1], &got)); /* it is asked for */
	assert_int_equal(got.h.opcode, ISCSIP_OP_NOP_IN);
	assert_int_not_equal(got.h.nop_in.ttt, ISCSIP_TAG_NONE);
	pong = (struct iscsip_pdu){ .opcode = ISCSIP_OP_NOP_OUT, .immediate = true, .final = true, .itt = ISCSIP_TAG_NONE };
	pong.nop_out.cmdsn = r.cmdsn;
	pong.nop_out.ttt = got.h.nop_in.ttt;
	pong.nop_out.expstatsn = got.h.nop_in.statsn - 1;
	peer_send(&r.peer[1], &pong, NULL, 0);
	rig_quiet(&r);
	pong.nop_out.expstatsn = got.h.nop_in.statsn;
	pong.nop_out.ttt = ISCSIP_TAG_NONE;
	peer_send(&r.peer[1], &pong, NULL, 0);
	(void)rig_expect(&r, ISCSIP_OP_TASK_RESPONSE);
	rig_close(&r);
}

/* --- NOP --- */

static struct iscsip_pdu ping_of(struct rig *r)
{
	struct iscsip_pdu h = { .opcode = ISCSIP_OP_NOP_OUT, .immediate = true, .final = true, .itt = r->itt++ };

	h.nop_out.cmdsn = r->cmdsn;
	h.nop_out.ttt = ISCSIP_TAG_NONE;
	return h;
}

static void pings_are_echoed_as_far_as_there_is_room(void **state)
{
	static uint8_t data[9000];

	(void)state;
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * 5);
	for (int lend = 0; lend < 2; lend++) {
		struct rig r;
		static const size_t lens[] = { 0, 1, 511, 512, 513, 1024, 1025, 9000 };

		rig_init(&r);
		r.lend = lend;
		rig_open(&r, RIG_PAIRS("MaxRecvDataSegmentLength=1024\0DataDigest=CRC32C"));
		for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
			struct iscsip_pdu h = ping_of(&r);
			size_t room = lend ? 1024 : r.cfg.limits.ping_max, want = lens[i] < room ? lens[i] : room;
			struct peer_pdu got;

			peer_send(&r.peer[0], &h, data, lens[i]);
			got = rig_expect(&r, ISCSIP_OP_NOP_IN);
			assert_int_equal(got.h.itt, h.itt);
			assert_int_equal(got.h.nop_in.ttt, ISCSIP_TAG_NONE);
			assert_int_equal(got.h.data_len, want);
			assert_memory_equal(got.data, data, want);
		}
		assert_int_equal(r.lends, lend ? 7 : 0);
		assert_int_equal(r.lends, r.take_backs);
		rig_close(&r);
	}
}

static void a_numbered_ping_waits_for_its_turn(void **state)
{
	struct rig r;
	struct iscsip_pdu h, read;

	(void)state;
	rig_init(&r);
	rig_open(&r, "", 1);
	read = rig_read(&r, 0, 512);
	h = rig_request(&r, ISCSIP_OP_NOP_OUT);
	h.nop_out.ttt = ISCSIP_TAG_NONE;
	peer_send(&r.peer[0], &h, "abc", 3);
	rig_quiet(&r);
	peer_send(&r.peer[0], &read, NULL, 0);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_NOP_IN).h.data_len, 3);
	(void)rig_expect(&r, ISCSIP_OP_DATA_IN);
	rig_close(&r);
}

static void silence_is_broken_by_a_ping_and_its_answer_keeps_the_connection(void **state)
{
	struct rig r;
	struct iscsip_pdu pong;
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	r.cfg.nop_interval_ms = 1000;
	r.cfg.nop_timeout_ms = 300;
	rig_open(&r, "", 1);
	assert_int_equal(iscsip_conn_deadline(r.conn[0]), 1000);
	assert_int_equal(iscsip_conn_tick(r.conn[0], 999), ISCSIP_OK);
	rig_quiet(&r);
	assert_int_equal(iscsip_conn_tick(r.conn[0], 1000), ISCSIP_OK);
	got = rig_expect(&r, ISCSIP_OP_NOP_IN);
	assert_int_equal(got.h.itt, ISCSIP_TAG_NONE);
	assert_int_not_equal(got.h.nop_in.ttt, ISCSIP_TAG_NONE);
	pong = ping_of(&r);
	pong.itt = ISCSIP_TAG_NONE;
	pong.nop_out.ttt = got.h.nop_in.ttt;
	r.peer[0].now = 1200;
	peer_send(&r.peer[0], &pong, NULL, 0);
	rig_quiet(&r);
	assert_int_equal(iscsip_conn_deadline(r.conn[0]), 2200);
	/* an answer to nothing */
	peer_send(&r.peer[0], &pong, NULL, 0);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_REJECT).h.reject.reason, ISCSIP_REJECT_FIELD);
	/* no answer */
	assert_int_equal(iscsip_conn_tick(r.conn[0], 2200), ISCSIP_OK);
	(void)rig_expect(&r, ISCSIP_OP_NOP_IN);
	assert_int_equal(iscsip_conn_tick(r.conn[0], 2500), ISCSIP_ETIMEDOUT);
	assert_true(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_CLOSE);
	rig_close(&r);
}

/* --- asynchronous messages --- */

static void asynchronous_messages_carry_what_they_should(void **state)
{
	static const uint8_t sense[18] = { 0x70, 0, 6, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x29 };
	struct iscsip_async_message a = { .event = ISCSIP_ASYNC_SCSI, .lun = 5ull << 48, .data = sense, .len = 18 };
	struct rig r;
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	rig_connect(&r, 0);
	assert_int_equal(iscsip_target_async(r.conn[0], &a), ISCSIP_ESTATE);
	assert_true(rig_login(&r, 0, "", 1, &got));
	assert_int_equal(iscsip_target_async(r.conn[0], &a), ISCSIP_OK);
	assert_int_equal(iscsip_target_async(r.conn[0], &a), ISCSIP_EAGAIN);
	got = rig_expect(&r, ISCSIP_OP_ASYNC);
	assert_int_equal(got.h.async.event, ISCSIP_ASYNC_SCSI);
	assert_int_equal(got.h.lun, 5ull << 48);
	assert_int_equal(got.h.data_len, 20);
	assert_int_equal(got.data[1], 18);
	assert_memory_equal(got.data + 2, sense, 18);
	assert_int_equal(got.h.async.statsn, r.cfg.initial_statsn + 1);
	a.len = 0;
	assert_int_equal(iscsip_target_async(r.conn[0], &a), ISCSIP_EINVAL);
	a.event = ISCSIP_ASYNC_TASK_TERMINATION;
	assert_int_equal(iscsip_target_async(r.conn[0], &a), ISCSIP_EINVAL);
	a.event = 6;
	assert_int_equal(iscsip_target_async(r.conn[0], &a), ISCSIP_EINVAL);
	a = (struct iscsip_async_message){ .event = 255, .vcode = 3, .param = { 1, 2, 3 }, .data = "xyz", .len = 3 };
	assert_int_equal(iscsip_target_async(r.conn[0], &a), ISCSIP_OK);
	got = rig_expect(&r, ISCSIP_OP_ASYNC);
	assert_int_equal(got.h.async.vcode, 3);
	assert_int_equal(got.h.async.param2, 2);
	assert_int_equal(got.h.data_len, 5);
	assert_memory_equal(got.data, "\0\0xyz", 5);
	rig_alive(&r);
	rig_close(&r);
}

static void a_logout_that_was_asked_for_has_to_come_in_time(void **state)
{
	const struct iscsip_async_message a = { .event = ISCSIP_ASYNC_LOGOUT, .param = { 0, 0, 3 } };
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_open(&r, "", 1);
	r.peer[0].now = 500;
	assert_int_equal(iscsip_target_async(r.conn[0], &a), ISCSIP_OK);
	(void)rig_expect(&r, ISCSIP_OP_ASYNC);
	assert_int_equal(iscsip_conn_deadline(r.conn[0]), 3500);
	assert_int_equal(iscsip_conn_tick(r.conn[0], 3499), ISCSIP_OK);
	assert_int_equal(iscsip_conn_tick(r.conn[0], 3500), ISCSIP_ETIMEDOUT);
	rig_close(&r);
}

static void dropping_is_announced_and_then_done(void **state)
{
	struct iscsip_async_message a = { .event = ISCSIP_ASYNC_DROP_CONNECTION, .param = { 0, 2, 0 } };
	struct rig r;

	(void)state;
	for (int session = 0; session < 2; session++) {
		rig_init(&r);
		rig_open(&r, "", 1);
		if (session)
			a.event = ISCSIP_ASYNC_DROP_SESSION;
		assert_int_equal(iscsip_target_async(r.conn[0], &a), ISCSIP_OK);
		assert_false(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_CLOSE);
		(void)rig_expect(&r, ISCSIP_OP_ASYNC);
		assert_true(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_CLOSE);
		rig_close(&r);
	}
}

static void discovery_sessions_take_text_and_logout_only(void **state)
{
	const struct iscsip_async_message a = { .event = ISCSIP_ASYNC_LOGOUT };
	struct rig r;
	struct iscsip_pdu h;

	(void)state;
	rig_init(&r);
	rig_open(&r, RIG_PAIRS("SessionType=Discovery"));
	assert_int_equal(iscsip_target_async(r.conn[0], &a), ISCSIP_EINVAL);
	h = rig_read(&r, 0, 512);
	r.cmdsn--;
	peer_send(&r.peer[0], &h, NULL, 0);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_REJECT).h.reject.reason, ISCSIP_REJECT_PROTOCOL);
	assert_int_equal(r.execs, 0);
	h = rig_request(&r, ISCSIP_OP_LOGOUT_REQUEST);
	peer_send(&r.peer[0], &h, NULL, 0);
	(void)rig_expect(&r, ISCSIP_OP_LOGOUT_RESPONSE);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_login_states_numbers_handle_and_parameters),
		cmocka_unit_test(the_hosts_answers_may_come_late),
		cmocka_unit_test(a_refusal_says_why_and_where_else),
		cmocka_unit_test(what_was_wrong_in_a_login_is_told_in_words),
		cmocka_unit_test(a_login_that_does_not_end_is_given_up),
		cmocka_unit_test(too_little_memory_is_told_at_every_size),
		cmocka_unit_test(a_lost_connection_ends_the_session_when_the_device_server_has_given_all_back),
		cmocka_unit_test(a_session_ended_by_the_host_aborts_all_and_tells_when_it_is_free),
		cmocka_unit_test(units_on_their_way_keep_an_ended_session_until_the_connection_is_closed),
		cmocka_unit_test(data_arriving_keeps_its_command_through_the_end_of_the_session),
		cmocka_unit_test(logging_out_the_session_ends_its_tasks_without_an_answer),
		cmocka_unit_test(a_logout_names_a_connection_that_is_there_or_is_told_so),
		cmocka_unit_test(connections_share_one_command_order_and_answer_on_their_own),
		cmocka_unit_test(more_connections_than_agreed_are_refused),
		cmocka_unit_test(a_login_joins_the_session_that_it_names_alone),
		cmocka_unit_test(a_connection_with_the_same_cid_replaces_the_old_one),
		cmocka_unit_test(one_connection_of_two_may_go_and_its_holes_can_be_filled),
		cmocka_unit_test(logging_out_another_connection_closes_it),
		cmocka_unit_test(logging_out_the_session_closes_all_connections),
		cmocka_unit_test(task_management_waits_for_acknowledgments_on_other_connections),
		cmocka_unit_test(pings_are_echoed_as_far_as_there_is_room),
		cmocka_unit_test(a_numbered_ping_waits_for_its_turn),
		cmocka_unit_test(silence_is_broken_by_a_ping_and_its_answer_keeps_the_connection),
		cmocka_unit_test(asynchronous_messages_carry_what_they_should),
		cmocka_unit_test(a_logout_that_was_asked_for_has_to_come_in_time),
		cmocka_unit_test(dropping_is_announced_and_then_done),
		cmocka_unit_test(discovery_sessions_take_text_and_logout_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
