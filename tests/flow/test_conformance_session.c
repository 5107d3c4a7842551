/* SPDX-License-Identifier: MIT */
/*
 * What RFC 7143 demands of a target beside commands: the phases of a connection (4.2.4), discovery sessions (4.3, 7.4.3), NOP
 * (11.18, 11.19), Asynchronous Messages (11.9), one exchange of text after another (11.10, 11.11). Each test is named in
 * docs/conformance.tsv.
 */
#include "flow/target_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct rig R;

static void send(struct iscsip_pdu *h)
{
	peer_send(&R.peer[0], h, NULL, 0);
}

static void begin(const char *pairs, size_t len)
{
	rig_init(&R);
	rig_open(&R, pairs, len);
}

/* --- phases --- */

static void before_a_login_request_any_other_pdu_ends_the_connection(void **state)
{
	static const uint8_t opcodes[] = { ISCSIP_OP_NOP_OUT, ISCSIP_OP_SCSI_COMMAND, ISCSIP_OP_TASK_REQUEST,
					   ISCSIP_OP_TEXT_REQUEST, ISCSIP_OP_DATA_OUT, ISCSIP_OP_LOGOUT_REQUEST,
					   ISCSIP_OP_LOGIN_RESPONSE, ISCSIP_OP_NOP_IN };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof opcodes; i++) {
		struct iscsip_pdu h;

		rig_init(&R);
		rig_connect(&R, 0);
		h = rig_request(&R, opcodes[i]);
		send(&h);
		rig_quiet(&R);
		assert_int_equal(R.peer[0].err, ISCSIP_EPROTO);
		assert_int_equal(iscsip_conn_want(R.conn[0]), ISCSIP_WANT_CLOSE);
		assert_false(R.asked_session);
		rig_close(&R);
	}
}

static void within_a_login_any_other_pdu_is_refused_as_invalid_and_ends_the_connection(void **state)
{
	struct iscsip_pdu h = { .opcode = ISCSIP_OP_LOGIN_REQUEST, .immediate = true };
	static const char names[] = "InitiatorName=iqn.2001-04.test:peer\0TargetName=iqn.2001-04.test:disk";
	struct peer_pdu got;

	(void)state;
	rig_init(&R);
	rig_connect(&R, 0);
	h.login_request.csg = ISCSIP_STAGE_OPERATIONAL;
	peer_send(&R.peer[0], &h, names, sizeof names);
	got = rig_expect(&R, ISCSIP_OP_LOGIN_RESPONSE);
	assert_int_equal(got.h.login_response.status_class, 0);
	h = rig_request(&R, ISCSIP_OP_NOP_OUT);
	h.nop_out.ttt = ISCSIP_TAG_NONE;
	send(&h);
	got = rig_expect(&R, ISCSIP_OP_LOGIN_RESPONSE);
	assert_int_equal(got.h.login_response.status_class, 2);
	assert_int_equal(got.h.login_response.status_detail, 0x0b);
	rig_quiet(&R);
	assert_int_equal(iscsip_conn_want(R.conn[0]), ISCSIP_WANT_CLOSE);
	rig_close(&R);
}

static void a_second_login_on_a_connection_is_refused(void **state)
{
	struct peer_pdu got;

	(void)state;
	begin("", 1);
	assert_true(rig_login(&R, 0, "", 1, &got));
	assert_int_equal(got.h.opcode, ISCSIP_OP_REJECT);
	assert_int_equal(got.h.reject.reason, ISCSIP_REJECT_PROTOCOL);
	assert_int_equal(R.logins_done, 1);
	rig_alive(&R);
	rig_close(&R);
}

/* --- discovery --- */

static void a_discovery_session_takes_send_targets_and_a_logout_of_the_session_alone(void **state)
{
	static const uint8_t opcodes[] = { ISCSIP_OP_NOP_OUT, ISCSIP_OP_SCSI_COMMAND, ISCSIP_OP_TASK_REQUEST,
					   ISCSIP_OP_DATA_OUT, ISCSIP_OP_SNACK };
	struct iscsip_pdu h;
	struct peer_pdu got;
	size_t i;

	(void)state;
	rig_init(&R);
	R.cfg.nop_interval_ms = 100;
	rig_open(&R, RIG_PAIRS("SessionType=Discovery\0ErrorRecoveryLevel=2"));
	assert_int_equal(R.params.error_recovery_level, 0);
	for (i = 0; i < sizeof opcodes; i++) {
		h = rig_request(&R, opcodes[i]);
		R.cmdsn--;
		send(&h);
		assert_int_equal(rig_expect(&R, ISCSIP_OP_REJECT).h.reject.reason, ISCSIP_REJECT_PROTOCOL);
	}
	assert_int_equal(R.execs, 0);
	h = rig_request(&R, ISCSIP_OP_LOGOUT_REQUEST);
	R.cmdsn--;
	h.logout_request.reason = ISCSIP_LOGOUT_CONNECTION;
	send(&h);
	assert_int_equal(rig_expect(&R, ISCSIP_OP_REJECT).h.reject.reason, ISCSIP_REJECT_PROTOCOL);
	h = rig_request(&R, ISCSIP_OP_TEXT_REQUEST);
	h.text_request.ttt = ISCSIP_TAG_NONE;
	peer_send(&R.peer[0], &h, "SendTargets=All", 16);
	got = rig_expect(&R, ISCSIP_OP_TEXT_RESPONSE);
	assert_true(got.h.data_len > 0);
	/* of its own accord it sends nothing, however long it is idle */
	R.peer[0].now += 100000;
	assert_int_equal(iscsip_conn_tick(R.conn[0], R.peer[0].now), ISCSIP_OK);
	rig_quiet(&R);
	h = rig_request(&R, ISCSIP_OP_LOGOUT_REQUEST);
	send(&h);
	assert_int_equal(rig_expect(&R, ISCSIP_OP_LOGOUT_RESPONSE).h.logout_response.response, 0);
	assert_int_equal(iscsip_conn_want(R.conn[0]), ISCSIP_WANT_CLOSE);
	rig_close(&R);
}

/* --- NOP --- */

static void pings_are_echoed_up_to_what_the_initiator_takes_and_others_are_not_answered(void **state)
{
	static uint8_t data[3000];
	struct iscsip_pdu h;
	struct peer_pdu got;
	uint32_t statsn;

	(void)state;
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * 5);
	rig_init(&R);
	R.lend = true;
	rig_open(&R, RIG_PAIRS("MaxRecvDataSegmentLength=1024"));
	statsn = R.cfg.initial_statsn + 1u;
	for (uint32_t len = 0; len <= 3000; len += 750) {
		uint32_t back = len < 1024 ? len : 1024;

		h = rig_request(&R, ISCSIP_OP_NOP_OUT);
		h.nop_out.ttt = ISCSIP_TAG_NONE;
		h.lun = 2ull << 48;
		peer_send(&R.peer[0], &h, data, len);
		got = rig_expect(&R, ISCSIP_OP_NOP_IN);
		assert_int_equal(got.h.itt, h.itt);
		assert_int_equal(got.h.nop_in.ttt, ISCSIP_TAG_NONE);
		assert_int_equal(got.h.reply.statsn, statsn++);
		assert_int_equal(got.h.data_len, back);
		if (back)
			assert_memory_equal(got.data, data, back);
		assert_int_equal(got.h.reply.expcmdsn, R.cmdsn);
	}
	/* no tag: it tells of ExpStatSN, and nobody answers */
	h = rig_request(&R, ISCSIP_OP_NOP_OUT);
	R.cmdsn--;
	h.immediate = true;
	h.itt = ISCSIP_TAG_NONE;
	h.nop_out.ttt = ISCSIP_TAG_NONE;
	send(&h);
	rig_quiet(&R);
	rig_close(&R);
}

static void a_ping_of_the_target_has_no_data_no_task_tag_and_a_transfer_tag(void **state)
{
	struct iscsip_pdu h;
	struct peer_pdu got;

	(void)state;
	rig_init(&R);
	R.cfg.nop_interval_ms = 1000;
	R.cfg.nop_timeout_ms = 300;
	rig_open(&R, "", 1);
	for (int i = 0; i < 3; i++) {
		R.peer[0].now += 1000;
		assert_int_equal(iscsip_conn_tick(R.conn[0], R.peer[0].now), ISCSIP_OK);
		got = rig_expect(&R, ISCSIP_OP_NOP_IN);
		assert_int_equal(got.h.itt, ISCSIP_TAG_NONE);
		assert_int_not_equal(got.h.nop_in.ttt, ISCSIP_TAG_NONE);
		assert_int_equal(got.h.data_len, 0);
		assert_true(got.h.lun == 0);
		/* StatSN is the next one, and not used up (11.19.2) */
		assert_int_equal(got.h.reply.statsn, R.cfg.initial_statsn + 1u);
		h = (struct iscsip_pdu){ .opcode = ISCSIP_OP_NOP_OUT, .immediate = true, .final = true, .itt = ISCSIP_TAG_NONE };
		h.nop_out.ttt = got.h.nop_in.ttt;
		h.request.cmdsn = R.cmdsn;
		send(&h);
		/* an answer is not answered */
		rig_quiet(&R);
	}
	R.peer[0].now += 1000;
	assert_int_equal(iscsip_conn_tick(R.conn[0], R.peer[0].now), ISCSIP_OK);
	(void)rig_expect(&R, ISCSIP_OP_NOP_IN);
	R.peer[0].now += 300;
	assert_int_equal(iscsip_conn_tick(R.conn[0], R.peer[0].now), ISCSIP_ETIMEDOUT);
	rig_close(&R);
}

/* --- Asynchronous Messages --- */

static void an_async_message_goes_where_it_was_asked_for_and_only_in_sessions_that_know_it(void **state)
{
	static const uint8_t sense[18] = { 0x70, 0, 6, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x3f, 0x0e };
	struct iscsip_async_message a = { .event = ISCSIP_ASYNC_SCSI, .lun = 7ull << 48, .data = sense, .len = 18 };
	struct peer_pdu got;
	int fast;

	(void)state;
	for (fast = 0; fast < 2; fast++) {
		if (fast)
			begin(RIG_PAIRS("TaskReporting=FastAbort"));
		else
			begin(RIG_PAIRS("TaskReporting=RFC3720"));
		a.event = ISCSIP_ASYNC_SCSI;
		a.len = 18;
		assert_int_equal(iscsip_target_async(R.conn[0], &a), ISCSIP_OK);
		got = rig_expect(&R, ISCSIP_OP_ASYNC);
		assert_int_equal(got.h.itt, ISCSIP_TAG_NONE);
		assert_true(got.h.lun == a.lun);
		assert_int_equal(got.h.data_len, 20);
		assert_memory_equal(got.data + 2, sense, 18);
		assert_int_equal(got.h.reply.statsn, R.cfg.initial_statsn + 1u);
		a.event = ISCSIP_ASYNC_TASK_TERMINATION;
		a.len = 0;
		assert_int_equal(iscsip_target_async(R.conn[0], &a), fast ? ISCSIP_OK : ISCSIP_EINVAL);
		if (fast)
			assert_true(rig_expect(&R, ISCSIP_OP_ASYNC).h.lun == a.lun);
		rig_quiet(&R);
		rig_close(&R);
	}
}

static void a_connection_that_was_asked_to_log_out_has_parameter_3_seconds_for_it(void **state)
{
	struct iscsip_async_message a = { .event = ISCSIP_ASYNC_LOGOUT, .param = { 0, 0, 10 } };
	struct iscsip_pdu h;
	struct peer_pdu got;
	int obeys;

	(void)state;
	for (obeys = 0; obeys < 2; obeys++) {
		begin("", 1);
		assert_int_equal(iscsip_target_async(R.conn[0], &a), ISCSIP_OK);
		got = rig_expect(&R, ISCSIP_OP_ASYNC);
		assert_int_equal(got.h.async.event, ISCSIP_ASYNC_LOGOUT);
		assert_int_equal(got.h.async.param3, 10);
		R.peer[0].now += 9999;
		assert_int_equal(iscsip_conn_tick(R.conn[0], R.peer[0].now), ISCSIP_OK);
		assert_false(iscsip_conn_want(R.conn[0]) & ISCSIP_WANT_CLOSE);
		if (obeys) {
			h = rig_request(&R, ISCSIP_OP_LOGOUT_REQUEST);
			send(&h);
			assert_int_equal(rig_expect(&R, ISCSIP_OP_LOGOUT_RESPONSE).h.logout_response.response, 0);
		} else {
			R.peer[0].now += 1;
			assert_int_equal(iscsip_conn_tick(R.conn[0], R.peer[0].now), ISCSIP_ETIMEDOUT);
		}
		assert_true(iscsip_conn_want(R.conn[0]) & ISCSIP_WANT_CLOSE);
		rig_close(&R);
	}
}

static void a_connection_or_session_that_is_said_to_be_dropped_closes_behind_the_message(void **state)
{
	struct iscsip_async_message a = { .event = ISCSIP_ASYNC_DROP_SESSION, .param = { 0, 2, 20 } };
	struct peer_pdu got;
	int session;

	(void)state;
	for (session = 0; session < 2; session++) {
		rig_init(&R);
		R.cfg.limits.max_conns = 2;
		R.offer.max_connections = 2;
		rig_open(&R, RIG_PAIRS("MaxConnections=2"));
		rig_connect(&R, 1);
		assert_true(rig_login(&R, 1, "", 1, &got));
		a.event = session ? ISCSIP_ASYNC_DROP_SESSION : ISCSIP_ASYNC_DROP_CONNECTION;
		a.param[0] = session ? 0 : 1;
		assert_int_equal(iscsip_target_async(R.conn[0], &a), ISCSIP_OK);
		assert_int_equal(rig_expect(&R, ISCSIP_OP_ASYNC).h.async.event, a.event);
		assert_true(iscsip_conn_want(R.conn[1]) & ISCSIP_WANT_CLOSE);
		assert_int_equal((iscsip_conn_want(R.conn[0]) & ISCSIP_WANT_CLOSE) != 0, session);
		rig_close(&R);
	}
}

/* --- logout --- */

static void a_recovery_logout_is_answered_as_not_supported_at_level_0(void **state)
{
	struct iscsip_pdu h;

	(void)state;
	begin("", 1);
	h = rig_request(&R, ISCSIP_OP_LOGOUT_REQUEST);
	h.logout_request.reason = ISCSIP_LOGOUT_RECOVERY;
	send(&h);
	assert_int_equal(rig_expect(&R, ISCSIP_OP_LOGOUT_RESPONSE).h.logout_response.response, ISCSIP_LOGOUT_NO_RECOVERY);
	h = rig_request(&R, ISCSIP_OP_LOGOUT_REQUEST);
	h.logout_request.reason = ISCSIP_LOGOUT_CONNECTION;
	h.logout_request.cid = 99;
	send(&h);
	assert_int_equal(rig_expect(&R, ISCSIP_OP_LOGOUT_RESPONSE).h.logout_response.response, ISCSIP_LOGOUT_NO_CID);
	rig_alive(&R);
	rig_close(&R);
}

/* --- login --- */

static void a_login_names_its_session_in_the_final_response_and_numbers_it_from_its_first_request(void **state)
{
	struct peer_pdu got;
	struct iscsip_pdu h;

	(void)state;
	rig_init(&R);
	R.cmdsn = 0x1234;
	rig_connect(&R, 0);
	assert_true(rig_login(&R, 0, "", 1, &got));
	assert_true(got.h.login_response.transit);
	assert_int_equal(got.h.login_response.tsih, 7);
	assert_int_equal(iscsip_session_tsih(R.s), 7);
	assert_int_equal(got.h.login_response.version_max, 0);
	assert_int_equal(got.h.login_response.version_active, 0);
	assert_int_equal(got.h.login_response.statsn, R.cfg.initial_statsn);
	assert_int_equal(got.h.login_response.expcmdsn, 0x1234);
	h = rig_read(&R, 0, 512);
	assert_int_equal(h.request.cmdsn, 0x1234);
	send(&h);
	assert_int_equal(rig_expect(&R, ISCSIP_OP_DATA_IN).h.reply.expcmdsn, 0x1235);
	rig_close(&R);
}

static void a_refused_or_redirected_login_closes_the_connection(void **state)
{
	static const uint16_t statuses[] = { 0x0101, 0x0102, 0x0202, 0x0203, 0x0301 };
	struct peer_pdu got;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof statuses / sizeof *statuses; i++) {
		rig_init(&R);
		R.refuse = statuses[i];
		rig_connect(&R, 0);
		assert_true(rig_login(&R, 0, "", 1, &got));
		assert_int_equal(got.h.login_response.status_class << 8 | got.h.login_response.status_detail, statuses[i]);
		assert_false(got.h.login_response.transit);
		if (statuses[i] >> 8 == 1)
			assert_memory_equal(got.data, "TargetAddress=127.0.0.2:3260", 29);
		assert_int_equal(iscsip_conn_want(R.conn[0]), ISCSIP_WANT_CLOSE);
		assert_int_equal(R.login_status, statuses[i]);
		assert_null(R.s);
		rig_close(&R);
	}
}

static void every_response_of_a_login_has_the_same_version_and_no_tsih_but_the_last(void **state)
{
	static const char names[] = "InitiatorName=iqn.2001-04.test:peer\0TargetName=iqn.2001-04.test:disk";
	struct iscsip_pdu h = { .opcode = ISCSIP_OP_LOGIN_REQUEST, .immediate = true, .itt = 5 };
	struct peer_pdu got;
	int i;

	(void)state;
	rig_init(&R);
	rig_connect(&R, 0);
	h.login_request.csg = ISCSIP_STAGE_OPERATIONAL;
	h.login_request.version_max = 3;
	h.login_request.cmdsn = R.cmdsn;
	h.login_request.cid = 4;
	for (i = 0; i < 4; i++) {
		h.login_request.transit = i == 3;
		h.login_request.nsg = i == 3 ? 3 : 0;
		peer_send(&R.peer[0], &h, names, i ? 0 : sizeof names);
		got = rig_expect(&R, ISCSIP_OP_LOGIN_RESPONSE);
		assert_int_equal(got.h.login_response.status_class, 0);
		assert_int_equal(got.h.login_response.version_max, 0);
		assert_int_equal(got.h.login_response.version_active, 0);
		assert_int_equal(got.h.login_response.statsn, R.cfg.initial_statsn + (uint32_t)i);
		/* T comes only where it was asked for, and the TSIH with it alone */
		assert_int_equal(got.h.login_response.transit, i == 3);
		assert_int_equal(got.h.login_response.tsih, i == 3 ? 7 : 0);
	}
	assert_int_equal(iscsip_conn_cid(R.conn[0]), 4);
	rig_close(&R);
}

/* RFC 7143 11.12.6: what names the session is all of it, and a TSIH alone is none of it. */
static void a_connection_joins_only_the_session_that_its_login_names(void **state)
{
	int wrong;

	(void)state;
	for (wrong = 0; wrong < 3; wrong++) {
		struct iscsip_pdu h = { .opcode = ISCSIP_OP_LOGIN_REQUEST, .immediate = true };
		struct iscsip_login_terms terms = { .portal_group_tag = wrong == 1 ? 2 : 1 };
		static const char text[] = "InitiatorName=iqn.2001-04.test:peer\0TargetName=iqn.2001-04.test:disk";

		rig_init(&R);
		R.cfg.limits.max_conns = 2;
		R.offer.max_connections = 2;
		rig_open(&R, RIG_PAIRS("MaxConnections=2"));
		rig_connect(&R, 1);
		R.grant_later = R.session_later = true;
		h.login_request.transit = true;
		h.login_request.csg = ISCSIP_STAGE_OPERATIONAL;
		h.login_request.nsg = ISCSIP_STAGE_FULL_FEATURE;
		h.login_request.cid = 1;
		h.login_request.tsih = iscsip_session_tsih(R.s);
		h.login_request.isid[5] = wrong == 2;
		h.login_request.cmdsn = R.cmdsn;
		peer_send(&R.peer[1], &h, text, sizeof text);
		terms.session = R.s;
		R.asked_session = false;
		assert_int_equal(iscsip_login_grant(R.conn[1], &terms), ISCSIP_OK);
		assert_true(R.asked_session);
		assert_int_equal(iscsip_login_accept(R.conn[1], R.s, 0), wrong ? ISCSIP_ESTATE : ISCSIP_OK);
		if (wrong)
			assert_int_equal(iscsip_login_refuse(R.conn[1], ISCSIP_LOGIN_SESSION_DOES_NOT_EXIST, NULL), ISCSIP_OK);
		rig_close(&R);
	}
}

static void a_level_that_is_not_built_is_neither_offered_nor_taken(void **state)
{
	struct iscsip_login_terms terms = { .portal_group_tag = 1 };
	struct iscsip_offer high;
	struct peer_pdu got;

	(void)state;
	rig_init(&R);
	R.offer.error_recovery_level = 1;
	assert_int_equal(iscsip_config_check(&R.cfg), ISCSIP_EINVAL);
	R.offer.error_recovery_level = 0;
	assert_int_equal(iscsip_config_check(&R.cfg), ISCSIP_OK);
	R.grant_later = true;
	rig_connect(&R, 0);
	assert_false(rig_login(&R, 0, RIG_PAIRS("ErrorRecoveryLevel=2"), &got));
	high = R.offer;
	high.error_recovery_level = 1;
	terms.offer = &high;
	assert_int_equal(iscsip_login_grant(R.conn[0], &terms), ISCSIP_EINVAL);
	terms.offer = NULL;
	assert_int_equal(iscsip_login_grant(R.conn[0], &terms), ISCSIP_OK);
	got = rig_expect(&R, ISCSIP_OP_LOGIN_RESPONSE);
	assert_int_equal(got.h.login_response.status_class, 0);
	assert_int_equal(R.params.error_recovery_level, 0);
	rig_close(&R);
}

/* --- text --- */

static void text_responses_fit_the_initiator_and_name_a_tag_while_there_is_more(void **state)
{
	struct iscsip_pdu h;
	struct peer_pdu got;
	int responses = 0;

	(void)state;
	rig_init(&R);
	R.cfg.limits.text_max = 4096;
	R.target_count = 60;
	rig_open(&R, RIG_PAIRS("SessionType=Discovery\0MaxRecvDataSegmentLength=512"));
	h = rig_request(&R, ISCSIP_OP_TEXT_REQUEST);
	h.text_request.ttt = ISCSIP_TAG_NONE;
	peer_send(&R.peer[0], &h, "SendTargets=All", 16);
	for (;; responses++) {
		got = rig_expect(&R, ISCSIP_OP_TEXT_RESPONSE);
		assert_int_equal(got.h.itt, h.itt);
		assert_true(got.h.data_len > 0 && got.h.data_len <= 512);
		assert_true(got.h.lun == 0);
		assert_false(got.h.final && got.h.text_response.cont);
		assert_int_equal(got.h.final, got.h.text_response.ttt == ISCSIP_TAG_NONE);
		if (got.h.final)
			break;
		h.request.cmdsn = R.cmdsn++;
		h.text_request.ttt = got.h.text_response.ttt;
		h.lun = got.h.lun;
		send(&h);
	}
	assert_true(responses > 4);
	rig_close(&R);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_a_login_request_any_other_pdu_ends_the_connection),
		cmocka_unit_test(within_a_login_any_other_pdu_is_refused_as_invalid_and_ends_the_connection),
		cmocka_unit_test(a_second_login_on_a_connection_is_refused),
		cmocka_unit_test(a_discovery_session_takes_send_targets_and_a_logout_of_the_session_alone),
		cmocka_unit_test(pings_are_echoed_up_to_what_the_initiator_takes_and_others_are_not_answered),
		cmocka_unit_test(a_ping_of_the_target_has_no_data_no_task_tag_and_a_transfer_tag),
		cmocka_unit_test(an_async_message_goes_where_it_was_asked_for_and_only_in_sessions_that_know_it),
		cmocka_unit_test(a_connection_that_was_asked_to_log_out_has_parameter_3_seconds_for_it),
		cmocka_unit_test(a_connection_or_session_that_is_said_to_be_dropped_closes_behind_the_message),
		cmocka_unit_test(a_recovery_logout_is_answered_as_not_supported_at_level_0),
		cmocka_unit_test(a_login_names_its_session_in_the_final_response_and_numbers_it_from_its_first_request),
		cmocka_unit_test(a_refused_or_redirected_login_closes_the_connection),
		cmocka_unit_test(every_response_of_a_login_has_the_same_version_and_no_tsih_but_the_last),
		cmocka_unit_test(a_connection_joins_only_the_session_that_its_login_names),
		cmocka_unit_test(a_level_that_is_not_built_is_neither_offered_nor_taken),
		cmocka_unit_test(text_responses_fit_the_initiator_and_name_a_tag_while_there_is_more),
	};

	return cmocka_run_group_tests_name("conformance: session", tests, NULL, NULL);
}
