/* SPDX-License-Identifier: MIT */
/*
 * What RFC 7143 demands of a target's task management (4.2.3, 7.11, 11.5, 11.6), and of the answers of tasks that end without
 * one: logout, lost connections. Each test is named in docs/conformance.tsv.
 */
#include "flow/target_rig.h"

#include <iscsiproto/registry.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct rig R;
static uint8_t data[65536];

static void begin(const char *pairs, size_t len)
{
	rig_init(&R);
	R.cfg.limits.max_conns = 2;
	R.offer.max_connections = 2;
	rig_open(&R, pairs, len);
	R.manual = true;
}

static struct iscsip_pdu tmf(uint8_t function, uint32_t ref_tag, uint32_t ref_cmdsn)
{
	struct iscsip_pdu h = rig_request(&R, ISCSIP_OP_TASK_REQUEST);

	R.cmdsn--;
	h.immediate = true;
	h.task_request.function = function;
	h.task_request.ref_task_tag = ref_tag;
	h.task_request.ref_cmdsn = ref_cmdsn;
	return h;
}

static void send(struct iscsip_pdu *h)
{
	peer_send(&R.peer[0], h, NULL, 0);
}

/* Sends a function and returns its response, which has to be the only answer. */
static uint8_t function(uint8_t function, uint32_t ref_tag, uint32_t ref_cmdsn)
{
	struct iscsip_pdu h = tmf(function, ref_tag, ref_cmdsn);
	struct peer_pdu got;

	send(&h);
	got = rig_expect(&R, ISCSIP_OP_TASK_RESPONSE);
	assert_int_equal(got.h.itt, h.itt);
	assert_int_equal(got.h.data_len, 0);
	assert_int_equal(got.h.ahs_words, 0);
	rig_quiet(&R);
	return got.h.task_response.response;
}

/* A write whose one R2T is out: its transfer tag. */
static uint32_t solicited(struct iscsip_pdu *h, uint32_t len)
{
	struct peer_pdu got;

	*h = rig_write(&R, 8, len);
	send(h);
	assert_int_equal(iscsip_cmd_request_data(R.cmds[R.cmd_count - 1], 0, len), ISCSIP_OK);
	got = rig_expect(&R, ISCSIP_OP_R2T);
	assert_int_equal(got.h.itt, h->itt);
	return got.h.r2t.ttt;
}

static void data_out(const struct iscsip_pdu *cmd, uint32_t ttt, uint32_t sn, uint32_t off, uint32_t len, bool final)
{
	struct iscsip_pdu d = rig_data_out(cmd, ttt, sn, off, final);

	peer_send(&R.peer[0], &d, data, len);
}

#define NO_UNSOLICITED "InitialR2T=Yes\0ImmediateData=No"

static void an_abort_of_many_waits_for_commands_and_transfer_tags_and_then_for_the_device_server(void **state)
{
	static const uint8_t functions[] = { ISCSIP_TMF_ABORT_TASK_SET, ISCSIP_TMF_CLEAR_TASK_SET,
					     ISCSIP_TMF_LOGICAL_UNIT_RESET };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof functions; i++) {
		struct iscsip_pdu w, late, other, h;
		struct peer_pdu got;
		uint32_t ttt;

		begin(RIG_PAIRS(NO_UNSOLICITED));
		R.hold_tmf = true;
		ttt = solicited(&w, 8192);
		other = rig_read(&R, 0, 512);
		other.lun = 1ull << 48;
		send(&other);
		late = rig_read(&R, 0, 512); /* numbered before the request, sent after it */
		h = tmf(functions[i], ISCSIP_TAG_NONE, 0);
		send(&h);
		rig_quiet(&R);
		assert_null(R.tmf);
		send(&late);
		rig_quiet(&R);
		assert_null(R.tmf);
		/* the transfer tag is still good, and its data is taken to the end */
		data_out(&w, ttt, 0, 0, 4096, false);
		rig_quiet(&R);
		assert_null(R.tmf);
		data_out(&w, ttt, 1, 4096, 4096, true);
		rig_quiet(&R);
		assert_non_null(R.tmf);
		assert_int_equal(R.tmf->function, functions[i]);
		assert_int_equal(iscsip_tmf_complete(R.tmf, ISCSIP_TMF_COMPLETE), ISCSIP_OK);
		got = rig_expect(&R, ISCSIP_OP_TASK_RESPONSE);
		assert_int_equal(got.h.itt, h.itt);
		assert_int_equal(got.h.task_response.response, ISCSIP_TMF_COMPLETE);
		/* whatever the device server says of the affected tasks now, nobody hears of it; the other unit's task lives */
		assert_int_equal(R.aborts, 2);
		assert_int_equal(R.cmd_count, 3);
		assert_int_equal(rig_good(R.cmds[0], 0, 0), ISCSIP_OK);
		assert_int_equal(rig_good(R.cmds[2], 0, 0), ISCSIP_OK);
		rig_quiet(&R);
		assert_int_equal(rig_good(R.cmds[1], 0, 0), ISCSIP_OK);
		got = rig_expect(&R, ISCSIP_OP_SCSI_RESPONSE);
		assert_int_equal(got.h.itt, other.itt);
		rig_close(&R);
	}
}

static void a_response_that_was_given_before_goes_before_the_answer_to_an_abort(void **state)
{
	struct iscsip_pdu a, b, h;

	(void)state;
	begin("", 1);
	a = rig_read(&R, 0, 512);
	b = rig_read(&R, 0, 512);
	send(&a);
	send(&b);
	assert_int_equal(rig_good(R.cmds[0], 0, 0), ISCSIP_OK);
	h = tmf(ISCSIP_TMF_ABORT_TASK_SET, ISCSIP_TAG_NONE, 0);
	/* the answer to a is not out yet: it is overtaken by the abort and must then stay away, or else go first */
	send(&h);
	{
		struct peer_pdu got;
		bool told = false;

		while (peer_recv(&R.peer[0], &got)) {
			assert_false(told);
			if (got.h.opcode == ISCSIP_OP_TASK_RESPONSE)
				told = true;
			else
				assert_int_equal(got.h.itt, a.itt);
		}
		assert_true(told);
	}
	/* a response that comes after it goes after it */
	a = rig_read(&R, 0, 512);
	send(&a);
	assert_int_equal(rig_good(R.cmds[R.cmd_count - 1], 0, 0), ISCSIP_OK);
	assert_int_equal(rig_expect(&R, ISCSIP_OP_SCSI_RESPONSE).h.itt, a.itt);
	rig_close(&R);
}

static void with_fast_abort_no_data_is_waited_for_and_late_data_passes_in_silence(void **state)
{
	struct iscsip_pdu w, late, h;
	struct peer_pdu got;
	uint32_t ttt;

	(void)state;
	begin(RIG_PAIRS(NO_UNSOLICITED "\0TaskReporting=FastAbort"));
	assert_int_equal(R.params.task_reporting, ISCSIP_TASK_REPORTING_FAST_ABORT);
	ttt = solicited(&w, 8192);
	late = rig_read(&R, 0, 512);
	h = tmf(ISCSIP_TMF_ABORT_TASK_SET, ISCSIP_TAG_NONE, 0);
	R.hold_tmf = true;
	send(&h);
	/* but commands before it are, and the device server */
	assert_null(R.tmf);
	rig_quiet(&R);
	send(&late);
	assert_non_null(R.tmf);
	rig_quiet(&R);
	assert_int_equal(iscsip_tmf_complete(R.tmf, ISCSIP_TMF_COMPLETE), ISCSIP_OK);
	got = rig_expect(&R, ISCSIP_OP_TASK_RESPONSE);
	assert_int_equal(got.h.itt, h.itt);
	memset(data, 0xee, sizeof data);
	memset(R.disk + 8 * 512, 0x11, 8192);
	data_out(&w, ttt, 0, 0, 4096, false);
	data_out(&w, ttt, 1, 4096, 4096, true);
	rig_quiet(&R);
	for (int i = 0; i < 8192; i++)
		assert_int_equal(R.disk[8 * 512 + i], 0x11);
	R.manual = false;
	rig_alive(&R);
	rig_close(&R);
}

static void abort_task_tells_a_task_that_was_never_seen_from_one_that_is_over(void **state)
{
	struct iscsip_pdu a, missing, next;

	(void)state;
	begin("", 1);
	a = rig_read(&R, 0, 512);
	send(&a);
	assert_int_equal(rig_good(R.cmds[0], 0, 0), ISCSIP_OK);
	(void)rig_expect(&R, ISCSIP_OP_SCSI_RESPONSE);
	assert_int_equal(function(ISCSIP_TMF_ABORT_TASK, a.itt, a.request.cmdsn), ISCSIP_TMF_NO_TASK);
	/* a number that did not come counts as received: what follows it runs, and the command itself never will */
	missing = rig_read(&R, 0, 512);
	next = rig_read(&R, 0, 512);
	send(&next);
	assert_int_equal(R.cmd_count, 1);
	assert_int_equal(function(ISCSIP_TMF_ABORT_TASK, missing.itt, missing.request.cmdsn), ISCSIP_TMF_COMPLETE);
	assert_int_equal(R.cmd_count, 2);
	assert_int_equal(R.cmds[1]->tag, next.itt);
	send(&missing);
	rig_quiet(&R);
	assert_int_equal(R.cmd_count, 2);
	/* one that runs is aborted, and its late answer goes nowhere */
	assert_int_equal(function(ISCSIP_TMF_ABORT_TASK, next.itt, next.request.cmdsn), ISCSIP_TMF_COMPLETE);
	assert_int_equal(R.aborts, 1);
	assert_int_equal(rig_good(R.cmds[1], 0, 0), ISCSIP_OK);
	rig_quiet(&R);
	/* another unit's task is none of this request's (4.2.5.3) */
	a = rig_read(&R, 0, 512);
	a.lun = 1ull << 48;
	send(&a);
	assert_int_equal(function(ISCSIP_TMF_ABORT_TASK, a.itt, a.request.cmdsn), ISCSIP_TMF_NO_TASK);
	assert_int_equal(R.aborts, 1);
	rig_close(&R);
}

static void task_management_is_not_aborted_and_reassignment_is_not_offered(void **state)
{
	struct iscsip_pdu reset, a;

	(void)state;
	begin("", 1);
	R.hold_tmf = true;
	reset = tmf(ISCSIP_TMF_LOGICAL_UNIT_RESET, ISCSIP_TAG_NONE, 0);
	reset.immediate = false;
	R.cmdsn++;
	send(&reset);
	assert_non_null(R.tmf);
	assert_int_equal(function(ISCSIP_TMF_ABORT_TASK, reset.itt, reset.request.cmdsn), ISCSIP_TMF_REJECTED);
	assert_int_equal(iscsip_tmf_complete(R.tmf, ISCSIP_TMF_COMPLETE), ISCSIP_OK);
	assert_int_equal(rig_expect(&R, ISCSIP_OP_TASK_RESPONSE).h.itt, reset.itt);
	R.hold_tmf = false;
	a = rig_read(&R, 0, 512);
	send(&a);
	assert_int_equal(function(ISCSIP_TMF_TASK_REASSIGN, a.itt, 0), ISCSIP_TMF_NO_FAILOVER);
	rig_close(&R);
}

static void the_device_server_decides_and_its_response_is_told_as_it_is(void **state)
{
	static const uint8_t responses[] = { ISCSIP_TMF_COMPLETE, ISCSIP_TMF_NO_LUN, ISCSIP_TMF_NOT_SUPPORTED,
					     ISCSIP_TMF_NOT_AUTHORIZED, ISCSIP_TMF_REJECTED };
	static const uint8_t functions[] = { ISCSIP_TMF_ABORT_TASK_SET, ISCSIP_TMF_CLEAR_ACA, ISCSIP_TMF_CLEAR_TASK_SET,
					     ISCSIP_TMF_LOGICAL_UNIT_RESET, ISCSIP_TMF_TARGET_WARM_RESET };
	size_t f, n;

	(void)state;
	begin("", 1);
	for (f = 0; f < sizeof functions; f++)
		for (n = 0; n < sizeof responses; n++) {
			R.tmf_response = responses[n];
			R.tmf = NULL;
			assert_int_equal(function(functions[f], ISCSIP_TAG_NONE, 0), responses[n]);
			assert_non_null(R.tmf);
		}
	R.manual = false;
	R.cmd_count = 0;
	rig_alive(&R);
	rig_close(&R);
}

static void a_cold_reset_is_answered_and_then_every_connection_of_the_session_closes(void **state)
{
	struct iscsip_pdu a, h, ack = { .opcode = ISCSIP_OP_NOP_OUT, .immediate = true, .final = true, .itt = ISCSIP_TAG_NONE };
	struct peer_pdu got;

	(void)state;
	begin(RIG_PAIRS("MaxConnections=2"));
	rig_connect(&R, 1);
	assert_true(rig_login(&R, 1, "", 1, &got));
	assert_int_equal(got.h.login_response.status_class, 0);
	ack.nop_out.ttt = ISCSIP_TAG_NONE;
	ack.request.cmdsn = R.cmdsn;
	ack.request.expstatsn = got.h.reply.statsn + 1u;
	peer_send(&R.peer[1], &ack, NULL, 0);
	a = rig_read(&R, 0, 512);
	send(&a);
	h = tmf(ISCSIP_TMF_TARGET_COLD_RESET, ISCSIP_TAG_NONE, 0);
	send(&h);
	got = rig_expect(&R, ISCSIP_OP_TASK_RESPONSE);
	assert_int_equal(got.h.task_response.response, ISCSIP_TMF_COMPLETE);
	rig_quiet(&R);
	assert_int_equal(R.aborts, 1);
	assert_int_equal(iscsip_conn_want(R.conn[0]), ISCSIP_WANT_CLOSE);
	assert_int_equal(iscsip_conn_want(R.conn[1]), ISCSIP_WANT_CLOSE);
	assert_int_equal(rig_good(R.cmds[0], 0, 0), ISCSIP_OK);
	rig_close(&R);
}

/* --- and the sessions of others (RFC 7143 11.5.1) --- */

static struct rig OTHER;
static struct iscsip_registry *sessions;

static void reset_others(struct rig *r, struct iscsip_session *s)
{
	(void)r;
	iscsip_registry_reset(sessions, s, 77);
}

static void enroll(struct rig *r, const char *target)
{
	uint16_t tsih;

	(void)strcpy(r->info.target_name, target);
	assert_int_equal(iscsip_registry_add(sessions, r->s, &r->info, &tsih), ISCSIP_OK);
}

static void a_cold_reset_ends_the_other_sessions_of_the_target(void **state)
{
	static const uint8_t functions[] = { ISCSIP_TMF_TARGET_COLD_RESET, ISCSIP_TMF_TARGET_WARM_RESET,
					     ISCSIP_TMF_LOGICAL_UNIT_RESET };
	void *mem = malloc(iscsip_registry_size(3));
	struct iscsip_pdu h;
	size_t i;
	int same;

	(void)state;
	for (i = 0; i < sizeof functions; i++)
		for (same = 0; same < 2; same++) {
			bool ends = functions[i] == ISCSIP_TMF_TARGET_COLD_RESET;

			assert_int_equal(iscsip_registry_init(&sessions, mem, iscsip_registry_size(3), 3, 1), ISCSIP_OK);
			begin("", 1);
			rig_init(&OTHER);
			rig_open(&OTHER, "", 1);
			R.on_cold_reset = reset_others;
			enroll(&OTHER, same ? "iqn.2001-04.test:disk" : "iqn.2001-04.test:tape");
			enroll(&R, "iqn.2001-04.test:disk");
			h = tmf(functions[i], ISCSIP_TAG_NONE, 0);
			send(&h);
			/* it has happened though the answer may never be taken */
			assert_int_equal(R.cold_resets, ends);
			assert_int_equal(OTHER.freed, ends && same);
			assert_int_equal((iscsip_conn_want(OTHER.conn[0]) & ISCSIP_WANT_CLOSE) != 0, ends && same);
			assert_false(R.freed);
			rig_expect(&R, ISCSIP_OP_TASK_RESPONSE);
			assert_int_equal((iscsip_conn_want(R.conn[0]) & ISCSIP_WANT_CLOSE) != 0, ends);
			rig_close(&R);
			rig_close(&OTHER);
		}
	/* a reset that the device server refuses ends nothing */
	begin("", 1);
	R.tmf_response = ISCSIP_TMF_REJECTED;
	h = tmf(ISCSIP_TMF_TARGET_COLD_RESET, ISCSIP_TAG_NONE, 0);
	send(&h);
	rig_expect(&R, ISCSIP_OP_TASK_RESPONSE);
	assert_int_equal(R.cold_resets, 0);
	R.manual = false;
	rig_alive(&R);
	rig_close(&R);
	free(mem);
}

/* The host may go as far as ending the session that the reset came by, or have a connection that is gone by then. */
static void end_own(struct rig *r, struct iscsip_session *s)
{
	(void)r;
	iscsip_target_session_end(s, 5);
}

static void a_cold_reset_may_end_its_own_session_and_outlive_its_connection(void **state)
{
	struct iscsip_pdu h;
	int late;

	(void)state;
	for (late = 0; late < 2; late++) {
		begin("", 1);
		R.hold_tmf = late;
		R.on_cold_reset = late ? NULL : end_own;
		h = tmf(ISCSIP_TMF_TARGET_COLD_RESET, ISCSIP_TAG_NONE, 0);
		send(&h);
		if (late) {
			rig_drop(&R, 0);
			assert_int_equal(iscsip_tmf_complete(R.tmf, ISCSIP_TMF_COMPLETE), ISCSIP_OK);
		}
		assert_int_equal(R.cold_resets, 1);
		assert_true(R.freed);
		rig_close(&R);
	}
}

static void an_answer_to_an_abort_waits_for_acknowledgment_on_the_other_connections(void **state)
{
	struct iscsip_pdu a, h, ack = { .opcode = ISCSIP_OP_NOP_OUT, .immediate = true, .final = true, .itt = ISCSIP_TAG_NONE };
	struct peer_pdu got, ping;

	(void)state;
	begin(RIG_PAIRS("MaxConnections=2\0TaskReporting=ResponseFence"));
	rig_connect(&R, 1);
	assert_true(rig_login(&R, 1, "", 1, &got));
	assert_int_equal(got.h.login_response.status_class, 0);
	/* a response on the second connection that nobody has acknowledged */
	a = rig_read(&R, 0, 512);
	a.request.expstatsn = got.h.reply.statsn + 1u;
	peer_send(&R.peer[1], &a, NULL, 0);
	assert_int_equal(rig_good(R.cmds[0], 0, 0), ISCSIP_OK);
	assert_true(peer_recv(&R.peer[1], &got));
	assert_int_equal(got.h.opcode, ISCSIP_OP_SCSI_RESPONSE);
	h = tmf(ISCSIP_TMF_ABORT_TASK_SET, ISCSIP_TAG_NONE, 0);
	send(&h);
	rig_quiet(&R);
	/* it is asked for, and when it is in, the answer goes */
	assert_true(peer_recv(&R.peer[1], &ping));
	assert_int_equal(ping.h.opcode, ISCSIP_OP_NOP_IN);
	assert_int_not_equal(ping.h.nop_in.ttt, ISCSIP_TAG_NONE);
	rig_quiet(&R);
	ack.nop_out.ttt = ping.h.nop_in.ttt;
	ack.request.cmdsn = R.cmdsn;
	ack.request.expstatsn = got.h.reply.statsn + 1u;
	peer_send(&R.peer[1], &ack, NULL, 0);
	assert_int_equal(rig_expect(&R, ISCSIP_OP_TASK_RESPONSE).h.itt, h.itt);
	rig_close(&R);
}

static void every_answer_goes_over_the_connection_of_its_request(void **state)
{
	struct peer_pdu got;
	struct iscsip_pdu h;
	uint32_t ttt;
	int n;

	(void)state;
	begin(RIG_PAIRS("MaxConnections=2\0" NO_UNSOLICITED));
	R.manual = false;
	rig_connect(&R, 1);
	assert_true(rig_login(&R, 1, "", 1, &got));
	assert_int_equal(got.h.login_response.status_class, 0);
	for (n = 0; n < 6; n++) {
		int at = n % 2;

		h = n < 4 ? rig_read(&R, 0, 4096) : rig_write(&R, 0, 4096);
		peer_send(&R.peer[at], &h, NULL, 0);
		assert_false(peer_recv(&R.peer[!at], &got));
		assert_true(peer_recv(&R.peer[at], &got));
		assert_int_equal(got.h.itt, h.itt);
		if (n < 4) {
			assert_int_equal(got.h.opcode, ISCSIP_OP_DATA_IN);
			assert_true(got.h.data_in.has_status);
			continue;
		}
		assert_int_equal(got.h.opcode, ISCSIP_OP_R2T);
		ttt = got.h.r2t.ttt;
		h = (struct iscsip_pdu){ .opcode = ISCSIP_OP_DATA_OUT, .itt = h.itt, .final = true };
		h.data_out.ttt = ttt;
		peer_send(&R.peer[at], &h, data, 4096);
		assert_false(peer_recv(&R.peer[!at], &got));
		assert_true(peer_recv(&R.peer[at], &got));
		assert_int_equal(got.h.opcode, ISCSIP_OP_SCSI_RESPONSE);
		assert_int_equal(got.h.itt, h.itt);
	}
	rig_close(&R);
}

static void logout_ends_every_command_whether_its_turn_had_come_or_not(void **state)
{
	static const uint8_t reasons[] = { ISCSIP_LOGOUT_SESSION, ISCSIP_LOGOUT_CONNECTION };
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct iscsip_pdu a, parked, h;
		struct peer_pdu got;

		begin("", 1);
		a = rig_read(&R, 0, 512);
		send(&a);
		R.cmdsn++;
		parked = rig_read(&R, 0, 512);
		send(&parked);
		assert_int_equal(R.cmd_count, 1);
		h = rig_request(&R, ISCSIP_OP_LOGOUT_REQUEST);
		h.immediate = true;
		h.logout_request.reason = reasons[i];
		send(&h);
		assert_int_equal(R.aborts, 1);
		assert_int_equal(rig_good(R.cmds[0], 0, 0), ISCSIP_OK);
		got = rig_expect(&R, ISCSIP_OP_LOGOUT_RESPONSE);
		assert_int_equal(got.h.logout_response.response, ISCSIP_LOGOUT_CLOSED);
		assert_int_equal(got.h.itt, h.itt);
		assert_int_equal(got.h.data_len, 0);
		assert_int_equal(got.h.ahs_words, 0);
		rig_quiet(&R);
		assert_int_equal(iscsip_conn_want(R.conn[0]), ISCSIP_WANT_CLOSE);
		assert_int_equal(R.execs, 1);
		rig_close(&R);
	}
}

static void a_lost_connection_takes_its_commands_with_it_immediate_ones_too(void **state)
{
	struct iscsip_pdu a, b;

	(void)state;
	begin("", 1);
	a = rig_read(&R, 0, 512);
	send(&a);
	b = rig_read(&R, 0, 512);
	R.cmdsn--;
	b.immediate = true;
	send(&b);
	assert_int_equal(R.cmd_count, 2);
	rig_drop(&R, 0);
	assert_int_equal(R.aborts, 2);
	assert_int_equal(R.state, ISCSIP_SESSION_FAILED);
	assert_false(R.freed);
	assert_int_equal(rig_good(R.cmds[0], 0, 0), ISCSIP_OK);
	assert_int_equal(rig_good(R.cmds[1], 0, 0), ISCSIP_OK);
	assert_true(R.freed);
	rig_close(&R);
}

static void a_connection_lost_while_transfer_tags_are_waited_for_frees_the_session(void **state)
{
	struct iscsip_pdu w, h;

	(void)state;
	begin(RIG_PAIRS(NO_UNSOLICITED));
	(void)solicited(&w, 8192);
	h = tmf(ISCSIP_TMF_ABORT_TASK_SET, ISCSIP_TAG_NONE, 0);
	send(&h);
	rig_quiet(&R);
	assert_int_equal(rig_good(R.cmds[0], 0, 0), ISCSIP_OK);
	rig_drop(&R, 0);
	assert_true(R.freed);
	rig_close(&R);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_abort_of_many_waits_for_commands_and_transfer_tags_and_then_for_the_device_server),
		cmocka_unit_test(a_response_that_was_given_before_goes_before_the_answer_to_an_abort),
		cmocka_unit_test(with_fast_abort_no_data_is_waited_for_and_late_data_passes_in_silence),
		cmocka_unit_test(abort_task_tells_a_task_that_was_never_seen_from_one_that_is_over),
		cmocka_unit_test(task_management_is_not_aborted_and_reassignment_is_not_offered),
		cmocka_unit_test(the_device_server_decides_and_its_response_is_told_as_it_is),
		cmocka_unit_test(a_cold_reset_is_answered_and_then_every_connection_of_the_session_closes),
		cmocka_unit_test(a_cold_reset_ends_the_other_sessions_of_the_target),
		cmocka_unit_test(a_cold_reset_may_end_its_own_session_and_outlive_its_connection),
		cmocka_unit_test(an_answer_to_an_abort_waits_for_acknowledgment_on_the_other_connections),
		cmocka_unit_test(every_answer_goes_over_the_connection_of_its_request),
		cmocka_unit_test(logout_ends_every_command_whether_its_turn_had_come_or_not),
		cmocka_unit_test(a_lost_connection_takes_its_commands_with_it_immediate_ones_too),
		cmocka_unit_test(a_connection_lost_while_transfer_tags_are_waited_for_frees_the_session),
	};

	return cmocka_run_group_tests_name("conformance: abort", tests, NULL, NULL);
}
