/* SPDX-License-Identifier: MIT */
/*
 * FastAbort at the target (RFC 7143 4.2.3.4, 4.2.3.5, 11.9.1 event 5): the initiator of tasks that others abort is told, one
 * message a logical unit and connection, and the tasks keep their places until it has acknowledged that.
 */
#include "flow/target_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define FAST "InitialR2T=Yes\0ImmediateData=No\0TaskReporting=FastAbort"
#define LUN_1 (1ull << 48)

static struct rig R;
static uint8_t data[8192];

static void begin(const char *pairs, size_t len)
{
	rig_init(&R);
	R.cfg.limits.max_conns = 2;
	R.offer.max_connections = 2;
	R.cfg.initial_statsn = 0x10; /* no task's number may be taken for that of a message */
	rig_open(&R, pairs, len);
	R.manual = true;
	memset(data, 0xee, sizeof data);
	memset(R.disk, 0x11, 65536);
}

/* A write on a connection, whose R2T is out: its transfer tag. */
static uint32_t open_write(int conn, struct iscsip_pdu *h, uint64_t lun)
{
	struct peer_pdu got;

	*h = rig_write(&R, 8, sizeof data);
	h->lun = lun;
	peer_send(&R.peer[conn], h, NULL, 0);
	assert_int_equal(iscsip_cmd_request_data(R.cmds[R.cmd_count - 1], 0, sizeof data), ISCSIP_OK);
	assert_true(peer_recv(&R.peer[conn], &got));
	assert_int_equal(got.h.opcode, ISCSIP_OP_R2T);
	assert_int_equal(got.h.itt, h->itt);
	return got.h.r2t.ttt;
}

static void data_out(const struct iscsip_pdu *cmd, uint32_t ttt, uint32_t sn, uint32_t off, uint32_t len, bool final)
{
	struct iscsip_pdu d = rig_data_out(cmd, ttt, sn, off, final);

	peer_send(&R.peer[0], &d, data, len);
}

/* The next PDU is the message for this unit: its StatSN. */
static uint32_t told(int conn, uint64_t lun)
{
	struct peer_pdu got;

	assert_true(peer_recv(&R.peer[conn], &got));
	assert_int_equal(got.h.opcode, ISCSIP_OP_ASYNC);
	assert_int_equal(got.h.async.event, ISCSIP_ASYNC_TASK_TERMINATION);
	assert_true(got.h.lun == lun);
	assert_int_equal(got.h.itt, ISCSIP_TAG_NONE);
	assert_int_equal(got.h.data_len, 0);
	return got.h.reply.statsn;
}

static void acknowledge(int conn, uint64_t lun, uint32_t expstatsn)
{
	struct iscsip_pdu ack = { .opcode = ISCSIP_OP_NOP_OUT, .immediate = true, .final = true, .itt = ISCSIP_TAG_NONE,
				  .lun = lun };

	ack.nop_out.ttt = ISCSIP_TAG_NONE;
	ack.request.cmdsn = R.cmdsn;
	ack.request.expstatsn = expstatsn;
	peer_send(&R.peer[conn], &ack, NULL, 0);
}

/* Commands that may be sent now, as a ping's answer tells. */
static uint32_t room(void)
{
	struct iscsip_pdu ping = { .opcode = ISCSIP_OP_NOP_OUT, .immediate = true, .final = true, .itt = R.itt++ };
	struct iscsip_reply now;

	ping.nop_out.ttt = ISCSIP_TAG_NONE;
	ping.request.cmdsn = R.cmdsn;
	peer_send(&R.peer[0], &ping, NULL, 0);
	now = rig_expect(&R, ISCSIP_OP_NOP_IN).h.reply;
	return now.maxcmdsn - now.expcmdsn + 1u;
}

/* What another nexus' reset does: every command is aborted, and the device server gives them back. */
static void reset_by_another(int n)
{
	for (int i = 0; i < n; i++)
		assert_int_equal(iscsip_cmd_abort(R.cmds[i]), ISCSIP_OK);
	for (int i = 0; i < n; i++)
		if (R.cmds[i])
			(void)rig_good(R.cmds[i], 0, 0);
}

static void nothing_landed(void)
{
	for (int i = 0; i < 65536; i++)
		assert_int_equal(R.disk[i], 0x11);
}

static void tasks_that_others_abort_are_told_once_a_unit_and_keep_their_places_until_that_is_acknowledged(void **state)
{
	struct iscsip_pdu w, a, b;
	uint32_t ttt, first, second;

	(void)state;
	begin(RIG_PAIRS(FAST));
	ttt = open_write(0, &w, 0);
	a = rig_read(&R, 0, 512);
	peer_send(&R.peer[0], &a, NULL, 0);
	b = rig_read(&R, 0, 512);
	b.lun = LUN_1;
	peer_send(&R.peer[0], &b, NULL, 0);
	rig_quiet(&R);
	reset_by_another(3);
	assert_int_equal(R.aborts, 3);
	first = told(0, 0);
	second = told(0, LUN_1);
	assert_int_equal(second, first + 1u);
	rig_quiet(&R);
	/* the tasks are over for the device server, but their places are not given up; their data goes nowhere */
	assert_int_equal(R.frees, 3);
	assert_int_equal(room(), R.cfg.limits.max_tasks - 3);
	data_out(&w, ttt, 0, 0, 2048, false);
	data_out(&w, ttt, 1, 512, 2048, false); /* also where it goes wrong: nobody minds */
	rig_quiet(&R);
	/* an acknowledgment of another unit, or of what came before, is none */
	acknowledge(0, 0, first);
	acknowledge(0, 2ull << 48, second + 1u);
	rig_quiet(&R);
	assert_int_equal(room(), R.cfg.limits.max_tasks - 3);
	acknowledge(0, LUN_1, second + 1u);
	assert_int_equal(room(), R.cfg.limits.max_tasks - 2);
	acknowledge(0, 0, second + 1u);
	assert_int_equal(room(), R.cfg.limits.max_tasks);
	/* what was on its way all the same passes in silence */
	data_out(&w, ttt, 1, 4096, 4096, true);
	rig_quiet(&R);
	nothing_landed();
	acknowledge(0, 0, second + 1u);
	rig_quiet(&R);
	R.manual = false;
	rig_alive(&R);
	rig_close(&R);
}

static void a_task_aborted_after_the_message_needs_one_of_its_own(void **state)
{
	struct iscsip_pdu a;
	uint32_t first, second;

	(void)state;
	begin(RIG_PAIRS(FAST));
	a = rig_read(&R, 0, 512);
	peer_send(&R.peer[0], &a, NULL, 0);
	reset_by_another(1);
	first = told(0, 0);
	a = rig_read(&R, 0, 512);
	peer_send(&R.peer[0], &a, NULL, 0);
	assert_int_equal(room(), R.cfg.limits.max_tasks - 2);
	/* the first is acknowledged before the second message is made */
	assert_int_equal(iscsip_cmd_abort(R.cmds[1]), ISCSIP_OK);
	acknowledge(0, 0, first + 1u);
	second = told(0, 0);
	assert_int_equal(room(), R.cfg.limits.max_tasks - 1);
	acknowledge(0, 0, second + 1u);
	/* the device server still has this one */
	assert_int_equal(room(), R.cfg.limits.max_tasks - 1);
	assert_int_equal(R.frees, 1);
	assert_int_equal(rig_good(R.cmds[1], 0, 0), ISCSIP_OK);
	assert_int_equal(R.frees, 2);
	assert_int_equal(room(), R.cfg.limits.max_tasks);
	rig_quiet(&R);
	rig_close(&R);
}

static void data_that_is_whole_before_the_acknowledgment_passes_too(void **state)
{
	struct iscsip_pdu w;
	uint32_t ttt, sn;

	(void)state;
	begin(RIG_PAIRS(FAST));
	ttt = open_write(0, &w, 0);
	reset_by_another(1);
	data_out(&w, ttt, 0, 0, sizeof data, true);
	sn = told(0, 0);
	acknowledge(0, 0, sn + 1u);
	assert_int_equal(R.frees, 1);
	assert_int_equal(room(), R.cfg.limits.max_tasks);
	rig_quiet(&R);
	nothing_landed();
	rig_close(&R);
}

static void other_sessions_are_told_nothing(void **state)
{
	static const char *const reports[] = { "TaskReporting=RFC3720", "TaskReporting=ResponseFence" };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct iscsip_pdu a;

		begin(reports[i], strlen(reports[i]) + 1);
		a = rig_read(&R, 0, 512);
		peer_send(&R.peer[0], &a, NULL, 0);
		reset_by_another(1);
		rig_quiet(&R);
		assert_int_equal(R.frees, 1);
		rig_close(&R);
	}
}

static void an_initiator_that_acknowledges_nothing_loses_its_connection(void **state)
{
	struct iscsip_pdu a;

	(void)state;
	for (int answered = 0; answered < 2; answered++) {
		uint32_t sn;

		begin(RIG_PAIRS(FAST));
		a = rig_read(&R, 0, 512);
		R.peer[0].now = 100;
		peer_send(&R.peer[0], &a, NULL, 0);
		reset_by_another(1);
		sn = told(0, 0);
		assert_int_equal(iscsip_conn_deadline(R.conn[0]), 100 + R.cfg.logout_timeout_ms);
		if (answered)
			acknowledge(0, 0, sn + 1u);
		(void)iscsip_conn_tick(R.conn[0], 100 + R.cfg.logout_timeout_ms - 1);
		assert_int_equal(iscsip_conn_error(R.conn[0])->code, ISCSIP_OK);
		(void)iscsip_conn_tick(R.conn[0], 100 + R.cfg.logout_timeout_ms);
		assert_int_equal(iscsip_conn_error(R.conn[0])->code, answered ? ISCSIP_OK : ISCSIP_ETIMEDOUT);
		rig_close(&R);
		assert_int_equal(R.frees, 1);
	}
}

static void a_session_that_ends_waits_for_no_acknowledgment(void **state)
{
	(void)state;
	for (int how = 0; how < 3; how++) {
		struct iscsip_pdu w;

		begin(RIG_PAIRS(FAST));
		(void)open_write(0, &w, 0);
		reset_by_another(1);
		if (how == 1)
			(void)told(0, 0);
		if (how == 2) {
			struct iscsip_pdu h = rig_request(&R, ISCSIP_OP_LOGOUT_REQUEST);

			(void)told(0, 0);
			h.immediate = true;
			peer_send(&R.peer[0], &h, NULL, 0);
			(void)rig_expect(&R, ISCSIP_OP_LOGOUT_RESPONSE);
		}
		rig_drop(&R, 0);
		assert_int_equal(R.frees, 1);
		assert_true(R.freed);
		rig_close(&R);
	}
}

/* Its own functions, too, for what the session has on its other connections (d 2); and then their answers are not waited for. */
static void other_connections_of_the_session_are_told_by_its_own_reset(void **state)
{
	struct iscsip_pdu here, there, h;
	struct peer_pdu got;
	uint32_t sn;

	(void)state;
	begin(RIG_PAIRS("MaxConnections=2\0" FAST));
	rig_connect(&R, 1);
	assert_true(rig_login(&R, 1, "", 1, &got));
	(void)open_write(0, &here, 0);
	(void)open_write(1, &there, 0);
	h = rig_request(&R, ISCSIP_OP_TASK_REQUEST);
	h.task_request.function = ISCSIP_TMF_LOGICAL_UNIT_RESET;
	h.task_request.ref_task_tag = ISCSIP_TAG_NONE;
	peer_send(&R.peer[0], &h, NULL, 0);
	assert_int_equal(R.aborts, 2);
	for (int i = 0; i < 2; i++)
		assert_int_equal(rig_good(R.cmds[i], 0, 0), ISCSIP_OK);
	/* its R2T is unanswered; the response waits for the fence alone, which asks by a ping and the acknowledgment lowers */
	assert_true(peer_recv(&R.peer[1], &got));
	assert_int_equal(got.h.opcode, ISCSIP_OP_NOP_IN);
	sn = told(1, 0);
	assert_int_equal(R.frees, 2);
	rig_quiet(&R);
	acknowledge(1, 0, sn + 1u);
	got = rig_expect(&R, ISCSIP_OP_TASK_RESPONSE);
	assert_int_equal(got.h.itt, h.itt);
	assert_int_equal(got.h.task_response.response, ISCSIP_TMF_COMPLETE);
	rig_close(&R);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tasks_that_others_abort_are_told_once_a_unit_and_keep_their_places_until_that_is_acknowledged),
		cmocka_unit_test(a_task_aborted_after_the_message_needs_one_of_its_own),
		cmocka_unit_test(data_that_is_whole_before_the_acknowledgment_passes_too),
		cmocka_unit_test(other_sessions_are_told_nothing),
		cmocka_unit_test(an_initiator_that_acknowledges_nothing_loses_its_connection),
		cmocka_unit_test(a_session_that_ends_waits_for_no_acknowledgment),
		cmocka_unit_test(other_connections_of_the_session_are_told_by_its_own_reset),
	};

	return cmocka_run_group_tests_name("target, FastAbort", tests, NULL, NULL);
}
