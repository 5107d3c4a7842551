/* SPDX-License-Identifier: MIT */
/*
 * Who ends what a target waits for. Each state of a connection, and each thing that an initiator can leave undone, has an
 * end, whether the transport takes what is to be sent or not; docs/security.md has the same as a table. What waits for the
 * host alone has none, and costs no peer its connection.
 */
#include "flow/target_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define START 100000u /* a clock that did not begin with the connection */

static struct rig R;

/* --- a host that looks at its deadlines --- */

static iscsip_time deadline(void)
{
	iscsip_time first = R.s ? iscsip_session_deadline(R.s) : ISCSIP_TIME_NEVER;
	int i;

	for (i = 0; i < 2; i++)
		if (R.conn[i] && iscsip_conn_deadline(R.conn[i]) < first)
			first = iscsip_conn_deadline(R.conn[i]);
	return first;
}

static void at(iscsip_time now)
{
	R.peer[0].now = R.peer[1].now = now;
}

static void moment(bool sends)
{
	struct iscsip_vec vec[16];
	struct peer_pdu got;
	int i;

	if (R.s && R.peer[0].now >= iscsip_session_deadline(R.s))
		(void)iscsip_session_tick(R.s, R.peer[0].now);
	for (i = 0; i < 2; i++) {
		if (!R.conn[i])
			continue;
		if (R.peer[0].now >= iscsip_conn_deadline(R.conn[i]))
			(void)iscsip_conn_tick(R.conn[i], R.peer[0].now);
		while (sends && peer_recv(&R.peer[i], &got))
			;
		if (!sends && iscsip_conn_want(R.conn[i]) & ISCSIP_WANT_TX) /* a transport that is full is offered, and takes nothing */
			(void)iscsip_conn_tx_next(R.conn[i], vec, 16, R.peer[0].now);
	}
}

static bool to_be_closed(int i)
{
	return !R.conn[i] || iscsip_conn_want(R.conn[i]) & ISCSIP_WANT_CLOSE;
}

/* Time passes, deadline by deadline, until the connections `from` up to 1 are to be closed. How long it took. */
static iscsip_time time_to_the_end(int from, bool sends)
{
	iscsip_time begin = R.peer[0].now;
	int i;

	moment(sends);
	for (i = 0; i < 100 && !(to_be_closed(from) && to_be_closed(1)); i++) {
		iscsip_time next = deadline();

		if (next == ISCSIP_TIME_NEVER)
			fail_msg("nothing is due any more after %u ms", (unsigned)(R.peer[0].now - begin));
		at(R.peer[0].now < next ? next : R.peer[0].now + 1);
		moment(sends);
	}
	assert_true(to_be_closed(from) && to_be_closed(1));
	return R.peer[0].now - begin;
}

/* --- what may be owed --- */

static void begin(void)
{
	rig_init(&R);
	R.cfg.limits.max_conns = 2;
	R.offer.max_connections = 2;
	R.cfg.login_timeout_ms = 15000;
	R.cfg.logout_timeout_ms = 3000;
	R.cfg.request_timeout_ms = 7000;
}

static void enter(const char *pairs, size_t len)
{
	struct peer_pdu got;

	rig_connect(&R, 0);
	at(START);
	assert_true(rig_login(&R, 0, pairs, len, &got));
	assert_int_equal(got.h.login_response.status_class, 0);
}

static void log_in(void)
{
	begin();
	enter(RIG_PAIRS("MaxConnections=2\0InitialR2T=Yes\0ImmediateData=No"));
}

static void join(void)
{
	struct peer_pdu got;

	rig_connect(&R, 1);
	R.peer[1].now = R.peer[0].now;
	assert_true(rig_login(&R, 1, "", 1, &got));
	assert_int_equal(got.h.login_response.status_class, 0);
}

static void send_request(int i, struct iscsip_pdu h)
{
	peer_send(&R.peer[i], &h, NULL, 0);
}

/* A transport that is full: of two answers made nothing is taken. */
static void fill(int i)
{
	struct iscsip_vec vec[6];

	send_request(i, rig_read(&R, 0, 65536));
	assert_true(iscsip_conn_tx_next(R.conn[i], vec, 6, R.peer[0].now) > 0);
}

static void owe_login(void)
{
	begin();
	rig_connect(&R, 0);
}

static void owe_rest_of_login(void)
{
	static const uint8_t half[20] = { 0x43 };

	owe_login();
	peer_send_raw(&R.peer[0], half, sizeof half);
}

static void owe_refused_login(void)
{
	struct iscsip_pdu h = { .opcode = ISCSIP_OP_LOGIN_REQUEST, .immediate = true };

	owe_login();
	h.login_request.csg = 3;
	send_request(0, h);
}

static void owe_answer_of_the_host(void)
{
	struct iscsip_pdu h = { .opcode = ISCSIP_OP_LOGIN_REQUEST, .immediate = true };
	static const char text[] = "InitiatorName=iqn.2001-04.test:peer\0TargetName=iqn.2001-04.test:disk";

	owe_login();
	R.grant_later = true;
	h.login_request.csg = ISCSIP_STAGE_OPERATIONAL;
	peer_send(&R.peer[0], &h, text, sizeof text);
}

static void owe_logout(void)
{
	struct iscsip_pdu h;

	log_in();
	fill(0);
	h = rig_request(&R, ISCSIP_OP_LOGOUT_REQUEST);
	send_request(0, h);
}

static void owe_logout_of_connection(void)
{
	struct iscsip_pdu h;

	log_in();
	fill(0);
	h = rig_request(&R, ISCSIP_OP_LOGOUT_REQUEST);
	h.logout_request.reason = ISCSIP_LOGOUT_CONNECTION;
	send_request(0, h);
}

/* The logout is out of order: it has its turn by what comes on another connection, whose clock alone is known. */
static void owe_logout_late(void)
{
	struct iscsip_pdu first, h;

	log_in();
	join();
	first = rig_read(&R, 0, 512);
	h = rig_request(&R, ISCSIP_OP_LOGOUT_REQUEST);
	send_request(0, h);
	at(START + 60000);
	send_request(1, first);
}

static void task_request(uint8_t function)
{
	struct iscsip_pdu h = rig_request(&R, ISCSIP_OP_TASK_REQUEST);

	h.task_request.function = function;
	h.task_request.ref_task_tag = ISCSIP_TAG_NONE;
	send_request(0, h);
}

static void owe_cold_reset(void)
{
	log_in();
	join();
	fill(0);
	task_request(ISCSIP_TMF_TARGET_COLD_RESET);
}

static void owe_nexus_reset(void)
{
	begin();
	R.offer.iscsi_protocol_level = 2;
	enter(RIG_PAIRS("iSCSIProtocolLevel=2"));
	fill(0);
	task_request(ISCSIP_TMF_I_T_NEXUS_RESET);
}

static void tell(uint8_t event)
{
	struct iscsip_async_message a = { .event = event, .param = { 0, 0, 1 } };

	log_in();
	fill(0);
	at(START + 60000); /* the host's word comes long after the last byte */
	assert_int_equal(iscsip_target_async(R.conn[0], &a), ISCSIP_OK);
}

static void owe_asked_logout(void)
{
	tell(ISCSIP_ASYNC_LOGOUT);
}

static void owe_drop_of_connection(void)
{
	tell(ISCSIP_ASYNC_DROP_CONNECTION);
}

static void owe_drop_of_session(void)
{
	tell(ISCSIP_ASYNC_DROP_SESSION);
}

static void owe_data_out(void)
{
	struct iscsip_pdu h;

	log_in();
	h = rig_write(&R, 0, 512);
	send_request(0, h);
	rig_expect(&R, ISCSIP_OP_R2T);
	task_request(ISCSIP_TMF_LOGICAL_UNIT_RESET);
}

/* The wait is the first connection's; the second one ends. */
static void owe_acknowledgment(void)
{
	struct peer_pdu got;

	log_in();
	join();
	send_request(1, rig_read(&R, 0, 512));
	assert_true(peer_recv(&R.peer[1], &got));
	task_request(ISCSIP_TMF_LOGICAL_UNIT_RESET);
	assert_int_equal(iscsip_conn_state(R.conn[1]), ISCSIP_CONN_FULL_FEATURE);
}

static void owe_format_error(void)
{
	struct iscsip_pdu h;

	log_in();
	fill(0);
	h = rig_read(&R, 0, 10);
	h.final = false;
	send_request(0, h);
}

static void owe_life(void)
{
	begin();
	R.cfg.nop_interval_ms = 2000;
	R.cfg.nop_timeout_ms = 1000;
	enter("", 1);
}

static void owe_reading(void)
{
	owe_life();
	fill(0);
}

static void owe_reading_while_held(void)
{
	static const uint8_t bad[48] = { 0x1f, 0x80 };
	int i;

	owe_life();
	for (i = 0; i < 3; i++)
		peer_send_raw(&R.peer[0], bad, sizeof bad);
	assert_false(iscsip_conn_want(R.conn[0]) & ISCSIP_WANT_RX);
}

static void what_is_owed_has_an_end(void **state)
{
	static const struct {
		void (*owe)(void);
		int first; /* of the connections that end */
		iscsip_time within;
	} table[] = {
		{ owe_login, 0, 15000 + 3000 },
		{ owe_rest_of_login, 0, 15000 + 3000 },
		{ owe_refused_login, 0, 15000 + 3000 },
		{ owe_answer_of_the_host, 0, 15000 + 3000 },
		{ owe_logout, 0, 3000 + 3000 },
		{ owe_logout_of_connection, 0, 3000 + 3000 },
		{ owe_logout_late, 0, 3000 + 3000 },
		{ owe_cold_reset, 0, 3000 + 3000 },
		{ owe_nexus_reset, 0, 3000 + 3000 },
		{ owe_asked_logout, 0, 1000 + 3000 + 3000 },
		{ owe_drop_of_connection, 0, 3000 + 3000 },
		{ owe_drop_of_session, 0, 3000 + 3000 },
		{ owe_data_out, 0, 3000 + 3000 },
		{ owe_acknowledgment, 1, 3000 + 3000 },
		{ owe_format_error, 0, 3000 },
		{ owe_life, 0, 2000 + 7000 + 3000 },
		{ owe_reading, 0, 2000 + 7000 + 3000 },
		{ owe_reading_while_held, 0, 7000 + 7000 + 3000 },
	};
	size_t i;
	int sends;

	(void)state;
	for (i = 0; i < sizeof table / sizeof *table; i++)
		for (sends = 0; sends < 2; sends++) {
			iscsip_time took;

			table[i].owe();
			took = time_to_the_end(table[i].first, sends);
			if (took > table[i].within + 10)
				fail_msg("debt %zu, %s: took %u ms", i, sends ? "sending" : "stuck", (unsigned)took);
			rig_close(&R);
		}
}

/* --- and not before --- */

static void a_time_that_begins_outside_the_doors_begins_with_the_next(void **state)
{
	const struct iscsip_async_message a = { .event = ISCSIP_ASYNC_DROP_CONNECTION };

	(void)state;
	log_in();
	assert_int_equal(iscsip_conn_deadline(R.conn[0]), ISCSIP_TIME_NEVER);
	at(START + 1000000);
	assert_int_equal(iscsip_target_async(R.conn[0], &a), ISCSIP_OK);
	assert_true(iscsip_conn_deadline(R.conn[0]) <= START); /* a door is to be passed */
	assert_int_equal(iscsip_conn_tick(R.conn[0], START + 1000000), ISCSIP_OK);
	assert_int_equal(iscsip_conn_deadline(R.conn[0]), START + 1000000 + 3000);
	rig_expect(&R, ISCSIP_OP_ASYNC);
	rig_close(&R);
	/* the end of the session, too, leaves the time to send what is on its way */
	log_in();
	fill(0);
	iscsip_target_session_end(R.s, START + 1000000);
	assert_int_equal(iscsip_conn_tick(R.conn[0], START + 1000000), ISCSIP_OK);
	assert_false(iscsip_conn_want(R.conn[0]) & ISCSIP_WANT_CLOSE);
	assert_int_equal(iscsip_conn_tick(R.conn[0], START + 1000000 + 3000), ISCSIP_OK);
	assert_true(iscsip_conn_want(R.conn[0]) & ISCSIP_WANT_CLOSE);
	rig_close(&R);
}

static void a_connection_that_closes_is_due_once_and_not_before(void **state)
{
	struct iscsip_pdu h;

	(void)state;
	log_in();
	fill(0);
	h = rig_request(&R, ISCSIP_OP_LOGOUT_REQUEST);
	send_request(0, h);
	assert_int_equal(iscsip_conn_state(R.conn[0]), ISCSIP_CONN_LOGOUT);
	assert_int_equal(iscsip_conn_deadline(R.conn[0]), START + 3000);
	assert_int_equal(iscsip_conn_tick(R.conn[0], START + 2999), ISCSIP_OK);
	assert_int_equal(iscsip_conn_tick(R.conn[0], START + 3000), ISCSIP_ETIMEDOUT);
	assert_int_equal(iscsip_conn_deadline(R.conn[0]), START + 3000 + 3000);
	rig_close(&R);
}

static void a_logout_that_was_asked_for_and_came_has_its_own_time(void **state)
{
	const struct iscsip_async_message a = { .event = ISCSIP_ASYNC_LOGOUT, .param = { 0, 0, 3 } };
	struct iscsip_pdu h;

	(void)state;
	log_in();
	assert_int_equal(iscsip_target_async(R.conn[0], &a), ISCSIP_OK);
	rig_expect(&R, ISCSIP_OP_ASYNC);
	fill(0);
	at(START + 2900);
	h = rig_request(&R, ISCSIP_OP_LOGOUT_REQUEST);
	send_request(0, h);
	assert_int_equal(iscsip_conn_tick(R.conn[0], START + 3000), ISCSIP_OK);
	while (iscsip_conn_state(R.conn[0]) == ISCSIP_CONN_LOGOUT) {
		struct peer_pdu got;

		assert_true(peer_recv(&R.peer[0], &got));
	}
	assert_int_equal(iscsip_conn_error(R.conn[0])->code, ISCSIP_OK);
	rig_close(&R);
}

static void an_answer_to_transfer_tags_has_its_time_from_when_it_is_waited_for(void **state)
{
	struct iscsip_pdu w, missing, h;

	(void)state;
	log_in();
	w = rig_write(&R, 0, 512);
	send_request(0, w);
	rig_expect(&R, ISCSIP_OP_R2T);
	missing = rig_read(&R, 0, 512);
	h = (struct iscsip_pdu){ .opcode = ISCSIP_OP_TASK_REQUEST, .immediate = true, .final = true, .itt = R.itt++ };
	h.task_request.function = ISCSIP_TMF_LOGICAL_UNIT_RESET;
	h.task_request.ref_task_tag = ISCSIP_TAG_NONE;
	h.task_request.cmdsn = R.cmdsn;
	send_request(0, h); /* a command before it is still to come */
	assert_int_equal(iscsip_session_deadline(R.s), ISCSIP_TIME_NEVER);
	at(START + 10000);
	send_request(0, missing);
	assert_int_equal(iscsip_session_deadline(R.s), START + 10000 + 3000);
	assert_int_equal(iscsip_session_tick(R.s, START + 10000 + 2999), ISCSIP_OK);
	assert_int_equal(iscsip_conn_error(R.conn[0])->code, ISCSIP_OK);
	rig_close(&R);
}

/* --- whose silence it is --- */

static void who_is_not_read_is_not_silent(void **state)
{
	struct iscsip_vec vec = { NULL, 512 };
	struct peer_pdu got;
	struct iscsip_pdu pong;

	(void)state;
	owe_life();
	R.place_later = true;
	send_request(0, rig_write(&R, 0, 512));
	assert_false(iscsip_conn_want(R.conn[0]) & ISCSIP_WANT_RX);
	/* a minute until the host has a buffer: it asks nobody, and ends nothing */
	for (iscsip_time t = START; t < START + 60000; t += 500) {
		at(t);
		moment(true);
		assert_int_equal(iscsip_conn_error(R.conn[0])->code, ISCSIP_OK);
	}
	vec.base = R.disk;
	assert_int_equal(iscsip_cmd_set_buffer(R.placing, &vec, 1), ISCSIP_OK);
	moment(true);
	assert_int_equal(iscsip_conn_error(R.conn[0])->code, ISCSIP_OK);
	assert_int_equal(iscsip_conn_deadline(R.conn[0]), R.peer[0].now + 2000);
	/* from there on silence is silence again, and an answer life */
	at(R.peer[0].now + 2000);
	assert_int_equal(iscsip_conn_tick(R.conn[0], R.peer[0].now), ISCSIP_OK);
	do
		assert_true(peer_recv(&R.peer[0], &got));
	while (got.h.opcode != ISCSIP_OP_NOP_IN);
	pong = (struct iscsip_pdu){ .opcode = ISCSIP_OP_NOP_OUT, .immediate = true, .final = true, .itt = ISCSIP_TAG_NONE };
	pong.nop_out.ttt = got.h.nop_in.ttt;
	pong.nop_out.cmdsn = R.cmdsn;
	send_request(0, pong);
	assert_int_equal(iscsip_conn_deadline(R.conn[0]), R.peer[0].now + 2000);
	rig_close(&R);
}

static void bytes_of_one_long_pdu_are_life(void **state)
{
	static uint8_t data[65536];
	struct iscsip_pdu h;
	uint8_t bhs[48];
	size_t n;

	(void)state;
	begin();
	R.cfg.nop_interval_ms = 2000;
	R.cfg.nop_timeout_ms = 1000;
	enter(RIG_PAIRS("ImmediateData=Yes"));
	h = rig_write(&R, 0, sizeof data);
	h.data_len = sizeof data;
	assert_int_equal(iscsip_pdu_encode(bhs, &h), ISCSIP_OK);
	at(START + 2000);
	assert_int_equal(iscsip_conn_tick(R.conn[0], START + 2000), ISCSIP_OK);
	rig_expect(&R, ISCSIP_OP_NOP_IN); /* its answer stands behind the data */
	peer_send_raw(&R.peer[0], bhs, sizeof bhs);
	for (n = 0; n < sizeof data; n += 1024) {
		at(R.peer[0].now + 900);
		moment(true);
		peer_send_raw(&R.peer[0], data + n, 1024);
		assert_int_equal(iscsip_conn_error(R.conn[0])->code, ISCSIP_OK);
	}
	rig_expect(&R, ISCSIP_OP_SCSI_RESPONSE);
	rig_close(&R);
}

static void a_ping_that_stands_behind_other_data_has_its_time_from_its_sending(void **state)
{
	struct iscsip_vec vec[6];
	int cnt;

	(void)state;
	owe_life();
	fill(0);
	at(START + 2000);
	assert_int_equal(iscsip_conn_tick(R.conn[0], START + 2000), ISCSIP_OK);
	/* a slow reader, not a dead one: something goes every two seconds */
	for (iscsip_time t = START + 2000; t < START + 20000; t += 2000) {
		cnt = iscsip_conn_tx_next(R.conn[0], vec, 6, t);
		assert_true(cnt > 0);
		assert_int_equal(iscsip_conn_tx_done(R.conn[0], 1, t), ISCSIP_OK);
		assert_int_equal(iscsip_conn_tick(R.conn[0], t + 1900), ISCSIP_OK);
	}
	rig_close(&R);
}

static void two_reasons_to_ping_make_one_ping_at_a_time(void **state)
{
	struct iscsip_pdu pong = { .opcode = ISCSIP_OP_NOP_OUT, .immediate = true, .final = true, .itt = ISCSIP_TAG_NONE };
	struct peer_pdu got;
	uint32_t statsn;

	(void)state;
	begin();
	R.cfg.nop_interval_ms = 2000;
	R.cfg.nop_timeout_ms = 1000;
	enter(RIG_PAIRS("MaxConnections=2"));
	join();
	at(START + 2000);
	assert_int_equal(iscsip_conn_tick(R.conn[1], START + 2000), ISCSIP_OK);
	assert_true(peer_recv(&R.peer[1], &got)); /* the ping of silence */
	assert_int_equal(got.h.opcode, ISCSIP_OP_NOP_IN);
	pong.nop_out.ttt = got.h.nop_in.ttt;
	pong.nop_out.cmdsn = R.cmdsn + 2;
	pong.nop_out.expstatsn = got.h.nop_in.statsn;
	send_request(1, rig_read(&R, 0, 512));
	assert_true(peer_recv(&R.peer[1], &got));
	assert_true(got.h.data_in.has_status);
	statsn = got.h.data_in.statsn;
	task_request(ISCSIP_TMF_LOGICAL_UNIT_RESET); /* wants that status to be acknowledged */
	assert_false(peer_recv(&R.peer[1], &got));
	assert_false(peer_recv(&R.peer[0], &got));
	send_request(1, pong); /* answers the first, and acknowledges nothing of what came after it */
	assert_true(peer_recv(&R.peer[1], &got));
	assert_int_equal(got.h.opcode, ISCSIP_OP_NOP_IN);
	assert_false(peer_recv(&R.peer[0], &got));
	pong.nop_out.ttt = got.h.nop_in.ttt;
	pong.nop_out.expstatsn = statsn + 1;
	send_request(1, pong);
	assert_false(peer_recv(&R.peer[1], &got));
	rig_expect(&R, ISCSIP_OP_TASK_RESPONSE);
	rig_close(&R);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_owed_has_an_end),
		cmocka_unit_test(a_time_that_begins_outside_the_doors_begins_with_the_next),
		cmocka_unit_test(a_connection_that_closes_is_due_once_and_not_before),
		cmocka_unit_test(a_logout_that_was_asked_for_and_came_has_its_own_time),
		cmocka_unit_test(an_answer_to_transfer_tags_has_its_time_from_when_it_is_waited_for),
		cmocka_unit_test(who_is_not_read_is_not_silent),
		cmocka_unit_test(bytes_of_one_long_pdu_are_life),
		cmocka_unit_test(a_ping_that_stands_behind_other_data_has_its_time_from_its_sending),
		cmocka_unit_test(two_reasons_to_ping_make_one_ping_at_a_time),
	};

	return cmocka_run_group_tests_name("target deadlines", tests, NULL, NULL);
}
