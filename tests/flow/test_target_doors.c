/* SPDX-License-Identifier: MIT */
/*
 * The doors of a target's connections: what they count, how much room they want, that none opens from inside a callback, and
 * how often a host is told that there is something to do.
 */
#include "flow/target_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- room --- */

/* What a list of `pieces` brings out of a connection, byte by byte the same as one call of the copying door. */
static void lists_bring_all(int pieces)
{
	struct iscsip_vec vec[64];
	uint8_t got[20000];
	struct iscsip_pdu h;
	struct rig r;
	size_t n = 0;
	int cnt;

	rig_init(&r);
	rig_open(&r, RIG_PAIRS("DataDigest=CRC32C\0HeaderDigest=CRC32C\0MaxRecvDataSegmentLength=4096"));
	r.later = true;
	h = rig_read(&r, 0, 16381);
	peer_send(&r.peer[0], &h, NULL, 0);
	h = rig_request(&r, ISCSIP_OP_SCSI_COMMAND); /* an unknown command: sense data between header and payload */
	h.scsi_command.cdb[0] = 0xff;
	peer_send(&r.peer[0], &h, NULL, 0);
	rig_run(&r);
	while ((cnt = iscsip_conn_tx_next(r.conn[0], vec, pieces, 0)) > 0) {
		assert_true(cnt <= pieces);
		/* an odd part of the list, since transports take what they like */
		memcpy(got + n, vec[0].base, vec[0].len);
		n += vec[0].len;
		assert_int_equal(iscsip_conn_tx_done(r.conn[0], vec[0].len, 0), ISCSIP_OK);
	}
	assert_int_equal(cnt, 0);
	assert_int_equal(n, 4 * (48 + 4 + 4096 + 4) + 48 + 4 + 20 + 4);
	assert_memory_equal(got + 76 + 52, r.disk, 4096); /* the answer goes first */
	rig_close(&r);
}

static void the_smallest_list_brings_everything(void **state)
{
	static const int pieces[] = { 4, 5, 6, 7, 16, 64 };
	struct iscsip_vec vec[4];
	struct rig r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof pieces / sizeof *pieces; i++)
		lists_bring_all(pieces[i]);
	rig_init(&r);
	rig_open(&r, "", 1);
	assert_int_equal(iscsip_conn_tx_next(r.conn[0], vec, 3, 0), ISCSIP_EINVAL);
	rig_close(&r);
}

/* --- counters --- */

static void bytes_that_a_held_connection_gives_back_count_once(void **state)
{
	struct iscsip_conn_stats before, after;
	struct iscsip_vec vec[4], stage;
	uint8_t bytes[4 * 48 + 512];
	struct iscsip_pdu h;
	ptrdiff_t left;
	struct rig r;
	size_t n = 0;
	int cnt, i;

	(void)state;
	rig_init(&r);
	r.place_later = true;
	rig_open(&r, "", 1);
	iscsip_conn_get_stats(r.conn[0], &before);
	for (i = 0; i < 2; i++) {
		h = rig_write(&r, 0, 512);
		h.final = true;
		h.data_len = 512;
		assert_int_equal(iscsip_pdu_encode(bytes + n, &h), ISCSIP_OK);
		n += 48;
		if (i == 0)
			n += 512;
	}
	memset(bytes + 48, 1, 512);
	stage.base = malloc(n);
	stage.len = n;
	cnt = iscsip_conn_rx_next(r.conn[0], &stage, vec, 4);
	assert_int_equal(cnt, 1);
	memcpy(vec[0].base, bytes, n);
	left = iscsip_conn_rx_done(r.conn[0], n, 0);
	assert_int_equal(left, n - 48); /* it waits for a buffer */
	iscsip_conn_get_stats(r.conn[0], &after);
	assert_int_equal(after.rx_bytes - before.rx_bytes, 48);
	assert_int_equal(iscsip_conn_rx_push(r.conn[0], bytes + 48, n - 48, 0), 0);
	r.vec[0].base = r.disk;
	r.vec[0].len = 512;
	assert_int_equal(iscsip_cmd_set_buffer(r.placing, r.vec, 1), ISCSIP_OK);
	assert_int_equal(iscsip_conn_rx_push(r.conn[0], bytes + 48, n - 48, 0), n - 48);
	iscsip_conn_get_stats(r.conn[0], &after);
	assert_int_equal(after.rx_bytes - before.rx_bytes, n);
	free(stage.base);
	rig_close(&r);
}

/* --- from inside callbacks --- */

static int insides;

static void every_door_is_shut(struct rig *r)
{
	struct iscsip_transport none = { 0 };
	struct iscsip_conn *c = r->conn[0];
	struct iscsip_vec vec[8];
	uint8_t byte = 0;
	int state;

	if (!c || !r->s)
		return;
	insides++;
	state = iscsip_conn_state(c);
	assert_int_equal(iscsip_conn_rx_next(c, NULL, vec, 8), ISCSIP_ESTATE);
	assert_int_equal(iscsip_conn_rx_done(c, 0, 0), ISCSIP_ESTATE);
	assert_int_equal(iscsip_conn_rx_push(c, &byte, 1, 0), ISCSIP_ESTATE);
	assert_int_equal(iscsip_conn_tx_next(c, vec, 8, 0), ISCSIP_ESTATE);
	assert_int_equal(iscsip_conn_tx_done(c, 0, 0), ISCSIP_ESTATE);
	assert_int_equal(iscsip_conn_tx_release(c, 0), ISCSIP_ESTATE);
	assert_int_equal(iscsip_conn_tx_pull(c, &byte, 1, 0), ISCSIP_ESTATE);
	assert_int_equal(iscsip_conn_tick(c, 0), ISCSIP_ESTATE);
	assert_int_equal(iscsip_conn_run(c, &none, 0), ISCSIP_ESTATE);
	assert_int_equal(iscsip_session_tick(r->s, 0), ISCSIP_ESTATE);
	assert_int_equal(iscsip_conn_closed(c, 0), ISCSIP_ESTATE);
	assert_int_equal(iscsip_conn_state(c), state);
}

static void no_door_opens_from_inside_a_callback(void **state)
{
	static const char *const text[] = { "SendTargets=", "X-org.test.echo=1" };
	struct iscsip_pdu h, d;
	struct peer_pdu got;
	uint8_t data[512] = { 1 };
	struct rig r;
	int i;

	(void)state;
	insides = 0;
	rig_init(&r);
	r.lend = true;
	r.inside = every_door_is_shut;
	rig_open(&r, RIG_PAIRS("InitialR2T=Yes\0ImmediateData=No"));
	rig_alive(&r); /* exec, sent, free */
	h = rig_write(&r, 0, 512);
	peer_send(&r.peer[0], &h, NULL, 0);
	got = rig_expect(&r, ISCSIP_OP_R2T);
	d = rig_data_out(&h, got.h.r2t.ttt, 0, 0, true);
	peer_send(&r.peer[0], &d, data, sizeof data); /* place, data */
	rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE);
	h = rig_request(&r, ISCSIP_OP_NOP_OUT);
	peer_send(&r.peer[0], &h, data, 100); /* lend, take_back */
	rig_expect(&r, ISCSIP_OP_NOP_IN);
	for (i = 0; i < 2; i++) { /* targets, text */
		h = rig_request(&r, ISCSIP_OP_TEXT_REQUEST);
		h.text_request.ttt = ISCSIP_TAG_NONE;
		peer_send(&r.peer[0], &h, text[i], strlen(text[i]) + 1);
		rig_expect(&r, ISCSIP_OP_TEXT_RESPONSE);
	}
	h = rig_request(&r, ISCSIP_OP_TASK_REQUEST);
	h.task_request.function = ISCSIP_TMF_LOGICAL_UNIT_RESET;
	h.task_request.ref_task_tag = ISCSIP_TAG_NONE;
	peer_send(&r.peer[0], &h, NULL, 0);
	rig_expect(&r, ISCSIP_OP_TASK_RESPONSE);
	r.wakes = 0;
	r.later = true;
	h = rig_read(&r, 0, 512);
	peer_send(&r.peer[0], &h, NULL, 0);
	rig_run(&r); /* a late answer: wake */
	assert_int_equal(r.wakes, 1);
	rig_expect(&r, ISCSIP_OP_DATA_IN);
	h = rig_request(&r, ISCSIP_OP_LOGOUT_REQUEST);
	peer_send(&r.peer[0], &h, NULL, 0);
	rig_expect(&r, ISCSIP_OP_LOGOUT_RESPONSE);
	assert_true(insides > 15);
	rig_close(&r);
}

/* --- wake --- */

static void with_two_connections(struct rig *r)
{
	struct peer_pdu got;

	rig_init(r);
	r->cfg.limits.max_conns = 2;
	r->offer.max_connections = 2;
	rig_open(r, RIG_PAIRS("MaxConnections=2"));
	rig_connect(r, 1);
	assert_true(rig_login(r, 1, "", 1, &got));
	assert_int_equal(got.h.login_response.status_class, 0);
	assert_true(iscsip_conn_want(r->conn[0]) & ISCSIP_WANT_RX);
	r->wakes = 0;
}

/* Each way in which one event ends another connection: its host hears of it once. */
enum ending { END_SESSION, END_LOGOUT, END_FORMAT, END_DROP, END_COUNT };

static void end_other(struct rig *r, enum ending how)
{
	struct iscsip_async_message drop = { .event = ISCSIP_ASYNC_DROP_CONNECTION, .param = { 1, 0, 0 } };
	struct iscsip_pdu h = rig_request(r, ISCSIP_OP_LOGOUT_REQUEST);

	switch (how) {
	case END_SESSION:
		iscsip_target_session_end(r->s, 0);
		return;
	case END_LOGOUT:
		h.logout_request.reason = ISCSIP_LOGOUT_CONNECTION;
		h.logout_request.cid = 1;
		peer_send(&r->peer[0], &h, NULL, 0);
		return;
	case END_FORMAT:
		h.opcode = ISCSIP_OP_SCSI_COMMAND;
		h.scsi_command.read = true;
		h.scsi_command.edtl = 10;
		h.final = false; /* a format error (RFC 7143 11.3.1) */
		peer_send(&r->peer[0], &h, NULL, 0);
		return;
	case END_DROP:
		assert_int_equal(iscsip_target_async(r->conn[0], &drop), ISCSIP_OK);
		r->wakes = 0;
		rig_expect(r, ISCSIP_OP_ASYNC);
		return;
	default:
		fail();
	}
}

static void a_connection_that_others_end_wakes_its_host_once(void **state)
{
	int how;

	(void)state;
	for (how = END_SESSION; how < END_COUNT; how++) {
		struct rig r;

		with_two_connections(&r);
		end_other(&r, (enum ending)how);
		assert_ptr_equal(r.woken, r.conn[1]);
		/* the session's end is told for both, all else for the one */
		assert_int_equal(r.wakes, how == END_SESSION ? 2 : 1);
		assert_true(iscsip_conn_want(r.conn[1]) & ISCSIP_WANT_CLOSE);
		rig_close(&r);
	}
}

static void a_connection_that_is_replaced_wakes_its_host_once(void **state)
{
	struct iscsip_pdu h = { .opcode = ISCSIP_OP_LOGIN_REQUEST, .immediate = true };
	static const char text[] = "InitiatorName=iqn.2001-04.test:peer\0TargetName=iqn.2001-04.test:disk";
	struct peer_pdu got;
	struct rig r;

	(void)state;
	with_two_connections(&r);
	rig_connect(&r, 2);
	h.login_request.transit = true;
	h.login_request.csg = ISCSIP_STAGE_OPERATIONAL;
	h.login_request.nsg = ISCSIP_STAGE_FULL_FEATURE;
	h.login_request.cid = 1;
	h.login_request.tsih = iscsip_session_tsih(r.s);
	h.login_request.cmdsn = r.cmdsn;
	peer_send(&r.peer[2], &h, text, sizeof text);
	assert_int_equal(r.wakes, 1);
	assert_ptr_equal(r.woken, r.conn[1]);
	assert_true(peer_recv(&r.peer[2], &got));
	assert_int_equal(got.h.login_response.status_class, 0);
	rig_close(&r);
}

/* --- a wake that was told does not swallow the next: any door makes the host hear again --- */

enum door_kind { DOOR_RX_NEXT, DOOR_RX_DONE, DOOR_RX_PUSH, DOOR_TX_NEXT, DOOR_TX_DONE, DOOR_TX_PULL, DOOR_TICK, DOOR_COUNT };

static void pass(struct rig *r, enum door_kind door)
{
	struct iscsip_vec vec[8];
	uint8_t buf[1];

	switch (door) {
	case DOOR_RX_NEXT:
		assert_true(iscsip_conn_rx_next(r->conn[0], NULL, vec, 8) > 0);
		return;
	case DOOR_RX_DONE:
		assert_int_equal(iscsip_conn_rx_done(r->conn[0], 0, 0), 0);
		return;
	case DOOR_RX_PUSH:
		assert_int_equal(iscsip_conn_rx_push(r->conn[0], buf, 0, 0), 0);
		return;
	case DOOR_TX_NEXT:
		assert_true(iscsip_conn_tx_next(r->conn[0], vec, 8, 0) >= 0);
		return;
	case DOOR_TX_DONE:
		assert_int_equal(iscsip_conn_tx_done(r->conn[0], 0, 0), ISCSIP_OK);
		return;
	case DOOR_TX_PULL:
		assert_int_equal(iscsip_conn_tx_pull(r->conn[0], buf, 1, 0), 1);
		return;
	default:
		assert_int_equal(iscsip_conn_tick(r->conn[0], 0), ISCSIP_OK);
	}
}

static void a_late_answer_is_told_after_any_door(void **state)
{
	int door;

	(void)state;
	for (door = 0; door < DOOR_COUNT; door++) {
		struct iscsip_cmd *second;
		struct iscsip_pdu h;
		struct rig r;

		rig_init(&r);
		r.manual = true;
		rig_open(&r, "", 1);
		h = rig_read(&r, 0, 512);
		peer_send(&r.peer[0], &h, NULL, 0);
		h = rig_read(&r, 0, 512);
		peer_send(&r.peer[0], &h, NULL, 0);
		assert_int_equal(r.cmd_count, 2);
		second = r.cmds[1];
		r.wakes = 0;
		assert_int_equal(rig_good(r.cmds[0], 0, 0), ISCSIP_OK);
		assert_int_equal(r.wakes, 1);
		pass(&r, (enum door_kind)door);
		assert_int_equal(rig_good(second, 0, 0), ISCSIP_OK);
		assert_int_equal(r.wakes, 2);
		rig_close(&r);
	}
}

/* Two writes and one tag: the second R2T can be made only when the first is answered. */
static void a_request_for_data_without_a_tag_swallows_no_wake(void **state)
{
	struct iscsip_pdu w[2], h;
	struct iscsip_vec vec[8];
	struct rig r;
	int i;

	(void)state;
	rig_init(&r);
	r.manual = true;
	r.cfg.limits.max_r2ts = 1;
	rig_open(&r, RIG_PAIRS("InitialR2T=Yes\0ImmediateData=No"));
	for (i = 0; i < 2; i++) {
		w[i] = rig_write(&r, 0, 512);
		peer_send(&r.peer[0], &w[i], NULL, 0);
	}
	h = rig_request(&r, ISCSIP_OP_SCSI_COMMAND);
	peer_send(&r.peer[0], &h, NULL, 0);
	assert_int_equal(iscsip_cmd_request_data(r.cmds[0], 0, 512), ISCSIP_OK);
	rig_expect(&r, ISCSIP_OP_R2T);
	r.wakes = 0;
	assert_int_equal(iscsip_cmd_request_data(r.cmds[1], 0, 512), ISCSIP_OK);
	assert_int_equal(r.wakes, 1);
	assert_int_equal(iscsip_conn_tx_next(r.conn[0], vec, 8, 0), 0); /* no tag: nothing can be made */
	assert_int_equal(rig_good(r.cmds[2], 0, 0), ISCSIP_OK);
	assert_int_equal(r.wakes, 2);
	rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_smallest_list_brings_everything),
		cmocka_unit_test(bytes_that_a_held_connection_gives_back_count_once),
		cmocka_unit_test(no_door_opens_from_inside_a_callback),
		cmocka_unit_test(a_connection_that_others_end_wakes_its_host_once),
		cmocka_unit_test(a_connection_that_is_replaced_wakes_its_host_once),
		cmocka_unit_test(a_late_answer_is_told_after_any_door),
		cmocka_unit_test(a_request_for_data_without_a_tag_swallows_no_wake),
	};

	return cmocka_run_group_tests_name("target doors", tests, NULL, NULL);
}
