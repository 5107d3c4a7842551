/* SPDX-License-Identifier: MIT */
/*
 * The initiator role as a session: the command window, sequence numbers around their wrap, logins that go otherwise, what
 * happens to tasks when a connection ends, memory that the transport still reads, and the whole of it over every cut of
 * the stream and every door.
 */
#include "flow/ini_rig.h"

#include <stdlib.h>

#include "base/bytes.h"

static struct ini_rig R;

static void give_response(uint32_t itt)
{
	struct iscsip_pdu p = it_pdu_response(itt, 0);

	it_give(&R, &p, NULL, 0);
}

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

/* --- window --- */

static void tasks_beyond_the_window_wait_and_go_in_order_when_it_opens(void **state)
{
	struct it_task k[8];
	uint32_t itt[8];
	int i;

	(void)state;
	it_init(&R);
	R.window = 3;
	it_open(&R);
	it_login(&R);
	for (i = 0; i < 8; i++) {
		plain(&k[i]);
		k[i].t.cdb[15] = (uint8_t)i;
		it_submit(&R, &k[i]);
	}
	for (i = 0; i < 3; i++) {
		it_take(&R, ISCSIP_OP_SCSI_COMMAND);
		assert_int_equal(R.got.h.scsi_command.cdb[15], i);
		itt[i] = R.got.h.itt;
	}
	it_quiet(&R);
	assert_false(iscsip_conn_want(R.c) & ISCSIP_WANT_TX);
	/* a response that does not move the window opens nothing, one that does opens as much as it says */
	R.window = 0;
	give_response(itt[0]);
	it_quiet(&R);
	R.window = 2;
	give_response(itt[1]);
	for (i = 3; i < 5; i++) {
		it_take(&R, ISCSIP_OP_SCSI_COMMAND);
		assert_int_equal(R.got.h.scsi_command.cdb[15], i);
	}
	it_quiet(&R);
	it_close(&R);
	assert_int_equal(R.done_count, 8);
	for (i = 0; i < 8; i++)
		assert_int_equal(k[i].t.result.issued, i < 5);
	for (i = 2; i < 8; i++)
		assert_int_equal(k[i].t.result.err, ISCSIP_ECLOSED);
	it_end(&R);
}

static void immediate_commands_pass_a_closed_window_and_use_no_number(void **state)
{
	struct it_task waiting, now;

	(void)state;
	it_init(&R);
	R.window = 0;
	it_open(&R);
	it_login(&R);
	plain(&waiting);
	it_submit(&R, &waiting);
	it_quiet(&R);
	plain(&now);
	now.t.immediate = true;
	assert_true(submit_command(&now) != ISCSIP_TAG_NONE);
	assert_true(R.got.h.immediate);
	assert_int_equal(R.got.h.request.cmdsn, R.cfg.initial_cmdsn);
	it_end(&R);
}

static void the_window_moves_by_serial_arithmetic_alone(void **state)
{
	/* what a PDU says, relative to the first CmdSN, and how many commands may go then */
	static const struct { uint32_t exp, max, room; } told[] = {
		{ 0, 0xfffffffeu, 0 },  /* MaxCmdSN below ExpCmdSN - 1: both ignored */
		{ 0, 0, 1 },
		{ 0, 0xffffffffu, 0 },  /* closed again: ignored, it never shrinks, but one is used up */
		{ 5, 2, 0 },            /* not to be believed */
		{ 0, 2, 2 },
		{ 0x80000001u, 0x80000002u, 0 }, /* half a circle ahead: neither before nor behind */
		{ 0, 3, 1 },
	};
	struct it_task k[8];
	size_t i;
	int n = 0;

	(void)state;
	it_init(&R);
	R.cfg.initial_cmdsn = 0xfffffffeu;
	R.window = 0;
	it_open(&R);
	it_login(&R);
	for (i = 0; i < 8; i++) {
		plain(&k[i]);
		it_submit(&R, &k[i]);
	}
	for (i = 0; i < sizeof told / sizeof *told; i++) {
		struct iscsip_pdu p = it_pdu(ISCSIP_OP_NOP_IN, ISCSIP_TAG_NONE);
		uint8_t buf[64];
		uint32_t j;

		p.nop_in.ttt = ISCSIP_TAG_NONE;
		p.nop_in.statsn = R.statsn;
		p.nop_in.expcmdsn = R.cfg.initial_cmdsn + told[i].exp;
		p.nop_in.maxcmdsn = R.cfg.initial_cmdsn + told[i].max;
		it_feed(&R, buf, it_encode(&R, buf, &p, NULL, 0, 0));
		for (j = 0; j < told[i].room; j++, n++)
			it_take(&R, ISCSIP_OP_SCSI_COMMAND);
		it_quiet(&R);
	}
	assert_int_equal(n, 4);
	it_end(&R);
}

/* What MaxCmdSN has promised stays promised (RFC 7143 4.2.2.1), also while nobody uses it. */
static void a_window_that_shrinks_is_not_believed(void **state)
{
	struct iscsip_pdu p;
	struct it_task k[4];

	(void)state;
	it_init(&R);
	R.window = 0;
	it_open(&R);
	it_login(&R);
	for (uint32_t room = 3; room <= 3; room--) {
		uint8_t buf[64];

		p = it_pdu(ISCSIP_OP_NOP_IN, ISCSIP_TAG_NONE);
		p.nop_in.ttt = ISCSIP_TAG_NONE;
		p.nop_in.statsn = R.statsn;
		p.nop_in.expcmdsn = R.cfg.initial_cmdsn;
		p.nop_in.maxcmdsn = R.cfg.initial_cmdsn + room - 1u;
		it_feed(&R, buf, it_encode(&R, buf, &p, NULL, 0, 0));
	}
	for (int i = 0; i < 4; i++) {
		plain(&k[i]);
		it_submit(&R, &k[i]);
		if (i < 3)
			it_take(&R, ISCSIP_OP_SCSI_COMMAND);
		else
			it_quiet(&R);
	}
	it_end(&R);
}

static void no_more_tasks_are_taken_than_the_limit_says(void **state)
{
	struct it_task k[9];
	int i;

	(void)state;
	it_begin(&R);
	for (i = 0; i < 9; i++)
		plain(&k[i]);
	for (i = 0; i < 8; i++)
		it_submit(&R, &k[i]);
	assert_int_equal(iscsip_initiator_submit(R.s, &k[8].t, R.now), ISCSIP_EAGAIN);
	it_take(&R, ISCSIP_OP_SCSI_COMMAND);
	give_response(R.got.h.itt);
	it_submit(&R, &k[8]);
	it_end(&R);
}

static void resubmit(struct ini_rig *r, struct iscsip_task *t)
{
	if (r->done_count < 50)
		assert_int_equal(iscsip_initiator_submit(r->s, t, r->now), ISCSIP_OK);
}

/* 50 commands from inside task_done, over the wraps of CmdSN, StatSN and the generation bits' low end. */
static void numbers_go_on_around_their_wraps(void **state)
{
	struct it_task k;
	int i;

	(void)state;
	it_init(&R);
	R.cfg.initial_cmdsn = 0xfffffff0u;
	R.statsn = 0xffffffe0u;
	R.on_task = resubmit;
	R.window = 1;
	it_open(&R);
	it_login(&R);
	plain(&k);
	it_submit(&R, &k);
	for (i = 0; i < 50; i++) {
		it_take(&R, ISCSIP_OP_SCSI_COMMAND);
		it_quiet(&R);
		give_response(R.got.h.itt);
		assert_int_equal(R.done_count, i + 1);
		assert_int_equal(k.t.result.err, ISCSIP_OK);
	}
	it_quiet(&R);
	it_end(&R);
}

/* --- login --- */

static void give_login(uint16_t status, uint8_t csg, const char *text, uint32_t len)
{
	struct iscsip_pdu p = it_pdu(ISCSIP_OP_LOGIN_RESPONSE, R.got.h.itt);

	p.final = false;
	p.login_response.csg = csg;
	memcpy(p.login_response.isid, R.got.h.login_request.isid, sizeof p.login_response.isid);
	p.login_response.status_class = (uint8_t)(status >> 8);
	p.login_response.status_detail = (uint8_t)status;
	it_give(&R, &p, text, len);
}

static void a_redirection_is_told_with_its_address(void **state)
{
	static const struct { const char *text, *address; uint16_t status; } cases[] = {
		{ "TargetAddress=10.1.2.3:3261,7", "10.1.2.3:3261,7", ISCSIP_LOGIN_MOVED_TEMPORARILY },
		{ "TargetAddress=[fe80::1]:3260", "[fe80::1]:3260", ISCSIP_LOGIN_MOVED_PERMANENTLY },
		{ "TargetAddress=a.example", "a.example", ISCSIP_LOGIN_MOVED_TEMPORARILY },
	};
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		it_init(&R);
		it_open(&R);
		it_take(&R, ISCSIP_OP_LOGIN_REQUEST);
		give_login(cases[i].status, ISCSIP_STAGE_OPERATIONAL, cases[i].text, (uint32_t)strlen(cases[i].text) + 1);
		assert_int_equal(R.logins, 1);
		assert_int_equal(R.login_status, cases[i].status);
		assert_int_equal(R.login_err, ISCSIP_ELOGIN);
		assert_string_equal(R.redirect, cases[i].address);
		assert_true(iscsip_conn_want(R.c) & ISCSIP_WANT_CLOSE);
		assert_int_equal(R.states, 0);
		it_end(&R);
	}
}

static void a_redirection_without_a_good_address_is_no_redirection(void **state)
{
	static const char *const texts[] = { "", "TargetAddress=", "TargetAddress=[::1", "TargetName=iqn.2026-01.x:y" };
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		it_init(&R);
		it_open(&R);
		it_take(&R, ISCSIP_OP_LOGIN_REQUEST);
		give_login(ISCSIP_LOGIN_MOVED_TEMPORARILY, ISCSIP_STAGE_OPERATIONAL, texts[i],
			   *texts[i] ? (uint32_t)strlen(texts[i]) + 1 : 0);
		assert_int_equal(R.logins, 1);
		assert_true(R.login_err < 0);
		assert_true(R.login_err != ISCSIP_ELOGIN || R.redirect[0] == 0);
		it_end(&R);
	}
}

static void a_refusal_is_told_with_its_status(void **state)
{
	(void)state;
	it_init(&R);
	it_open(&R);
	it_take(&R, ISCSIP_OP_LOGIN_REQUEST);
	give_login(ISCSIP_LOGIN_AUTHORIZATION_FAILED, ISCSIP_STAGE_OPERATIONAL, NULL, 0);
	assert_int_equal(R.login_status, ISCSIP_LOGIN_AUTHORIZATION_FAILED);
	assert_int_equal(R.login_err, ISCSIP_ELOGIN);
	assert_int_equal(iscsip_conn_error(R.c)->code, ISCSIP_ELOGIN);
	it_end(&R);
	assert_int_equal(R.logins, 1);
}

/* The first response may have any number (RFC 7143 4.2.2.2), the next one has the next. */
static void a_login_response_that_leaves_a_number_out_ends_the_login(void **state)
{
	uint32_t gap;

	(void)state;
	for (gap = 0; gap < 2; gap++) {
		it_init(&R);
		it_open(&R);
		it_take(&R, ISCSIP_OP_LOGIN_REQUEST);
		give_login(ISCSIP_LOGIN_SUCCESS, R.got.h.login_request.csg, "TargetPortalGroupTag=1", 23);
		it_take(&R, ISCSIP_OP_LOGIN_REQUEST);
		R.statsn += gap;
		give_login(ISCSIP_LOGIN_SUCCESS, R.got.h.login_request.csg, NULL, 0);
		assert_int_equal(iscsip_conn_error(R.c)->rule == ISCSIP_RULE_LOGIN_STATSN, gap);
		it_end(&R);
	}
}

static void a_login_that_takes_too_long_is_given_up(void **state)
{
	(void)state;
	it_init(&R);
	R.cfg.nop_interval_ms = 1; /* nobody is pinged in a login */
	it_open(&R);
	it_take(&R, ISCSIP_OP_LOGIN_REQUEST);
	assert_int_equal(iscsip_conn_deadline(R.c), R.now + R.cfg.login_timeout_ms);
	R.now += R.cfg.login_timeout_ms - 1;
	assert_int_equal(iscsip_conn_tick(R.c, R.now), ISCSIP_OK);
	R.now++;
	assert_int_equal(iscsip_conn_tick(R.c, R.now), ISCSIP_ETIMEDOUT);
	assert_true(iscsip_conn_want(R.c) & ISCSIP_WANT_CLOSE);
	it_close(&R);
	assert_int_equal(R.logins, 1);
	assert_int_equal(R.login_err, ISCSIP_ETIMEDOUT);
	it_end(&R);
}

static void a_connection_lost_in_login_ends_the_login_and_nothing_else(void **state)
{
	(void)state;
	it_init(&R);
	it_open(&R);
	it_close(&R);
	assert_int_equal(R.logins, 1);
	assert_int_equal(R.login_err, ISCSIP_ECLOSED);
	assert_int_equal(R.states, 0);
	it_end(&R);
	assert_int_equal(R.logins, 1);
}

static void only_one_login_at_a_time_begins_a_session(void **state)
{
	uint64_t mem[2048];
	struct iscsip_conn *c;

	(void)state;
	it_init(&R);
	R.cfg.limits.max_conns = 2;
	it_open(&R);
	assert_int_equal(iscsip_initiator_conn_init(&c, mem, sizeof mem, mem, sizeof mem, R.s, 2, NULL, R.now), ISCSIP_ESTATE);
	it_login(&R);
	assert_int_equal(iscsip_initiator_conn_init(&c, mem, 64, mem, sizeof mem, R.s, 2, NULL, R.now), ISCSIP_ENOSPC);
	assert_int_equal(iscsip_initiator_conn_init(&c, (uint8_t *)mem + 1, sizeof mem - 8, mem, sizeof mem, R.s, 2, NULL, R.now),
			 ISCSIP_EINVAL);
	it_end(&R);
	it_init(&R);
	it_open(&R);
	assert_int_equal(iscsip_initiator_conn_init(&c, mem, sizeof mem, mem, sizeof mem, R.s, 2, NULL, R.now), ISCSIP_EAGAIN);
	it_end(&R);
}

static void a_failed_session_begins_anew_with_a_new_connection(void **state)
{
	struct it_task k;

	(void)state;
	it_begin(&R);
	plain(&k);
	submit_command(&k);
	it_close(&R);
	assert_int_equal(R.state, ISCSIP_SESSION_FAILED);
	assert_int_equal(k.t.result.err, ISCSIP_ECLOSED);
	assert_true(k.t.result.issued);
	assert_int_equal(iscsip_initiator_submit(R.s, &k.t, R.now), ISCSIP_ESTATE);
	free(R.conn_mem);
	R.logins = 0;
	R.out_len = 0;
	R.done_count = 0;
	it_open(&R);
	it_login(&R);
	give_response(submit_command(&k));
	assert_true(it_is_done(&R, &k));
	assert_int_equal(k.t.result.err, ISCSIP_OK);
	it_end(&R);
}

static void a_configuration_that_can_not_work_is_refused(void **state)
{
	struct iscsip_config cfg;
	struct iscsip_host host;

	(void)state;
	it_init(&R);
	cfg = R.cfg;
	cfg.login_max_pdus = 6;
	cfg.login_text_max = 8192; /* what RFC 7143 6.1 has everyone take */
	assert_int_equal(iscsip_config_check(&cfg), ISCSIP_OK);
	assert_int_equal(iscsip_config_check(NULL), ISCSIP_EINVAL);
#define REFUSED(change) \
	do { \
		cfg = R.cfg; \
		host = *R.cfg.host; \
		cfg.host = &host; \
		assert_int_equal(iscsip_config_check(&cfg), ISCSIP_OK); \
		change; \
		assert_int_equal(iscsip_config_check(&cfg), ISCSIP_EINVAL); \
	} while (0)
	REFUSED(cfg.struct_size = 0);
	REFUSED(cfg.login_max_pdus = 5);
	REFUSED(cfg.login_text_max = 8191);
	REFUSED(cfg.limits.ahs_max = 2);
	REFUSED(cfg.limits.max_tasks = 0);
	REFUSED(cfg.limits.max_conns = 0);
	REFUSED(cfg.host = NULL);
	REFUSED(cfg.offer = NULL);
	REFUSED(host.struct_size = 0);
	REFUSED(host.random = NULL);
#undef REFUSED
	it_begin(&R);
	it_end(&R);
}

static void sizes_are_what_init_takes_and_no_byte_less(void **state)
{
	struct iscsip_initiator_identity id = { "iqn.2026-01.test:t", { 0 } };
	struct iscsip_initiator_ops ops = { .struct_size = sizeof ops };
	size_t len;
	void *mem;

	(void)state;
	it_init(&R);
	len = iscsip_initiator_session_size(&R.cfg);
	mem = malloc(len);
	assert_int_equal(iscsip_initiator_session_init(&R.s, mem, len, &R.cfg, &id, &ops, NULL), ISCSIP_EINVAL);
	ops.login_done = (void (*)(void *, struct iscsip_conn *, int, uint16_t, const struct iscsip_login_info *))(uintptr_t)1;
	assert_int_equal(iscsip_initiator_session_init(&R.s, mem, len - 8, &R.cfg, &id, &ops, NULL), ISCSIP_ENOSPC);
	assert_int_equal(iscsip_initiator_session_init(&R.s, mem, len, &R.cfg, &id, &ops, NULL), ISCSIP_OK);
	assert_int_equal(iscsip_session_state(R.s), ISCSIP_SESSION_FREE);
	assert_int_equal(iscsip_initiator_session_fini(R.s), ISCSIP_OK);
	free(mem);
}

/* --- logout --- */

static void after_a_logout_request_nothing_more_is_sent(void **state)
{
	uint8_t out[4096];
	struct iscsip_pdu p;
	struct it_task k, waiting;
	uint32_t itt;

	(void)state;
	memset(out, 1, sizeof out);
	it_init(&R);
	R.offer.immediate_data = false;
	R.offer.initial_r2t = true;
	R.window = 1;
	it_open(&R);
	it_login(&R);
	it_write(&k, out, sizeof out);
	plain(&waiting);
	itt = submit_command(&k);
	it_submit(&R, &waiting);
	assert_int_equal(iscsip_initiator_logout(R.c, ISCSIP_LOGOUT_SESSION, 0, R.now), ISCSIP_OK);
	assert_int_equal(iscsip_initiator_logout(R.c, ISCSIP_LOGOUT_SESSION, 0, R.now), ISCSIP_ESTATE);
	it_take(&R, ISCSIP_OP_LOGOUT_REQUEST);
	p = it_pdu_r2t(itt, 1, 0, 0, 4096);
	it_give(&R, &p, NULL, 0);
	p = it_pdu(ISCSIP_OP_NOP_IN, ISCSIP_TAG_NONE);
	p.nop_in.ttt = 77;
	it_give(&R, &p, NULL, 0);
	it_quiet(&R);
	assert_int_equal(iscsip_initiator_submit(R.s, &k.t, R.now), ISCSIP_ESTATE);
	assert_int_equal(iscsip_initiator_ping(R.c, NULL, 0, NULL, R.now), ISCSIP_ESTATE);
	/* it was not answered: the connection is given up */
	R.now += R.cfg.logout_timeout_ms;
	assert_int_equal(iscsip_conn_tick(R.c, R.now), ISCSIP_ETIMEDOUT);
	it_close(&R);
	assert_int_equal(R.logouts, 1);
	assert_int_equal(R.logout_err, ISCSIP_ETIMEDOUT);
	assert_int_equal(R.done_count, 2);
	assert_false(waiting.t.result.issued);
	it_end(&R);
}

static void logout_reasons_are_those_of_the_session(void **state)
{
	struct iscsip_pdu p;

	(void)state;
	it_begin(&R);
	assert_int_equal(iscsip_initiator_logout(R.c, 3, 0, R.now), ISCSIP_EINVAL);
	assert_int_equal(iscsip_initiator_logout(R.c, ISCSIP_LOGOUT_RECOVERY, 1, R.now), ISCSIP_EINVAL);
	assert_int_equal(iscsip_initiator_logout(R.c, ISCSIP_LOGOUT_CONNECTION, 1, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_LOGOUT_REQUEST);
	assert_int_equal(R.got.h.logout_request.reason, ISCSIP_LOGOUT_CONNECTION);
	assert_int_equal(R.got.h.logout_request.cid, 1);
	p = it_pdu(ISCSIP_OP_LOGOUT_RESPONSE, R.got.h.itt);
	p.logout_response.response = ISCSIP_LOGOUT_FAILED;
	it_give(&R, &p, NULL, 0);
	assert_int_equal(R.logout_response, ISCSIP_LOGOUT_FAILED);
	assert_true(iscsip_conn_want(R.c) & ISCSIP_WANT_CLOSE);
	it_close(&R);
	assert_int_equal(R.state, ISCSIP_SESSION_FAILED);
	it_end(&R);
}

/* --- memory that is still read --- */

static void a_task_comes_back_only_when_the_transport_lets_its_memory_go(void **state)
{
	uint8_t out[600];
	struct iscsip_vec vec[16];
	struct it_task k;
	size_t n = 0;
	int cnt, i;

	(void)state;
	memset(out, 7, sizeof out);
	it_init(&R);
	it_open(&R);
	it_login(&R);
	it_write(&k, out, sizeof out);
	it_submit(&R, &k);
	/* listed, but not yet taken by the transport: the response is faster */
	cnt = iscsip_conn_tx_next(R.c, vec, 16, R.now);
	for (i = 0; i < cnt; i++)
		n += vec[i].len;
	assert_int_equal(n, 648);
	R.expcmdsn++;
	give_response(load_be32((uint8_t *)vec[0].base + 16));
	assert_false(it_is_done(&R, &k));
	assert_int_equal(iscsip_conn_tx_done(R.c, 647, R.now), ISCSIP_OK);
	assert_false(it_is_done(&R, &k));
	assert_int_equal(iscsip_conn_tx_done(R.c, 1, R.now), ISCSIP_OK);
	assert_true(it_is_done(&R, &k));
	assert_int_equal(k.t.result.err, ISCSIP_OK);
	it_end(&R);
}

static void held_units_hold_their_tasks_and_pings_until_they_are_released(void **state)
{
	uint8_t out[600], echo[20];
	struct iscsip_pdu p;
	struct it_task k;
	uint32_t itt;

	(void)state;
	memset(out, 7, sizeof out);
	memset(echo, 8, sizeof echo);
	it_init(&R);
	R.cfg.flags = ISCSIP_CFG_TX_HOLD;
	R.doors = IT_PLACE;
	it_open(&R);
	it_login(&R);
	R.keep = true;
	it_write(&k, out, sizeof out);
	k.t.timeout_ms = 10;
	itt = submit_command(&k);
	assert_int_equal(iscsip_initiator_ping(R.c, echo, sizeof echo, echo, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_NOP_OUT);
	p = it_pdu(ISCSIP_OP_NOP_IN, R.got.h.itt);
	p.nop_in.ttt = ISCSIP_TAG_NONE;
	give_response(itt);
	it_give(&R, &p, echo, sizeof echo);
	assert_false(it_is_done(&R, &k));
	assert_int_equal(R.pings, 0);
	/* its time limit does not matter any more */
	assert_true(iscsip_session_deadline(R.s) == ISCSIP_TIME_NEVER);
	assert_int_equal(iscsip_session_tick(R.s, R.now + 100000), ISCSIP_OK);
	assert_int_equal(iscsip_initiator_ping(R.c, echo, sizeof echo, echo, R.now), ISCSIP_EAGAIN);
	assert_int_equal(iscsip_conn_tx_release(R.c, 648), ISCSIP_OK);
	assert_true(it_is_done(&R, &k));
	assert_int_equal(R.pings, 0);
	assert_int_equal(iscsip_conn_tx_release(R.c, 68), ISCSIP_OK);
	assert_int_equal(R.pings, 1);
	assert_int_equal(R.ping_err, ISCSIP_OK);
	assert_int_equal(R.ping_len, sizeof echo);
	it_end(&R);
}

static void a_ring_that_the_host_holds_wants_no_sending_until_it_is_released(void **state)
{
	struct iscsip_vec vec[16];
	struct it_task k[5];
	unsigned i;

	(void)state;
	it_init(&R);
	R.cfg.flags = ISCSIP_CFG_TX_HOLD;
	R.cfg.limits.max_tx_pdus = 4;
	it_open(&R);
	it_login(&R);
	R.keep = true;
	for (i = 0; i < 5; i++) {
		it_write(&k[i], NULL, 0);
		it_submit(&R, &k[i]);
	}
	assert_int_equal(iscsip_conn_tx_next(R.c, vec, 16, R.now), 4);
	assert_int_equal(iscsip_conn_want(R.c), ISCSIP_WANT_RX | ISCSIP_WANT_TX);
	assert_int_equal(iscsip_conn_tx_done(R.c, 4 * 48, R.now), ISCSIP_OK);
	assert_int_equal(iscsip_conn_want(R.c), ISCSIP_WANT_RX);
	assert_int_equal(iscsip_conn_tx_release(R.c, 48), ISCSIP_OK);
	assert_int_equal(iscsip_conn_want(R.c), ISCSIP_WANT_RX | ISCSIP_WANT_TX);
	it_end(&R);
}

static void a_lost_connection_lets_everything_in_the_ring_go(void **state)
{
	uint8_t out[600];
	struct iscsip_vec vec[16];
	struct it_task k[2];
	int i;

	(void)state;
	memset(out, 7, sizeof out);
	for (i = 0; i < 2; i++) {
		it_init(&R);
		R.cfg.flags = i ? ISCSIP_CFG_TX_HOLD : 0;
		it_open(&R);
		it_login(&R);
		it_write(&k[0], out, sizeof out);
		it_write(&k[1], out, sizeof out);
		it_submit(&R, &k[0]);
		it_submit(&R, &k[1]);
		assert_true(iscsip_conn_tx_next(R.c, vec, 16, R.now) > 0);
		it_close(&R);
		assert_true(it_is_done(&R, &k[0]));
		assert_true(it_is_done(&R, &k[1]));
		assert_true(k[0].t.result.issued);
		it_end(&R);
	}
}

/* --- everything, over every cut --- */

/* One of each exchange; both digests on and off. */
static void whole_session(size_t step, enum it_doors doors, bool digests, unsigned tx_pdus, bool small)
{
	static const char send[] = "SendTargets=\0X-org.test.a=1";
	uint8_t out[3000], in[3000], echo[50];
	struct iscsip_pdu p;
	struct it_task k;
	uint32_t itt, i, at;

	for (i = 0; i < sizeof out; i++)
		out[i] = (uint8_t)(i * 31u + i / 256u);
	it_init(&R);
	R.step = step;
	R.doors = doors;
	R.cfg.limits.max_tx_pdus = (uint16_t)tx_pdus;
	if (small)
		R.cfg.limits.max_tasks = 1;
	R.offer.header_digest.item[0] = R.offer.data_digest.item[0] = digests;
	R.offer.initial_r2t = R.target_offer.initial_r2t = false;
	R.offer.first_burst_length = 1024;
	R.target_offer.max_recv_data_segment_length = 512;
	it_open(&R);
	it_login(&R);
	/* a write: 512 immediate, 512 unsolicited, the rest in two R2Ts */
	it_write(&k, out, sizeof out);
	itt = submit_command(&k);
	assert_memory_equal(R.got.data, out, 512);
	it_take(&R, ISCSIP_OP_DATA_OUT);
	assert_memory_equal(R.got.data, out + 512, 512);
	for (i = 0; i < 2; i++) {
		p = it_pdu_r2t(itt, i, i, 1024 + 988 * i, 988);
		it_give(&R, &p, NULL, 0);
	}
	for (at = 1024; at < sizeof out; at += R.got.h.data_len) {
		it_take(&R, ISCSIP_OP_DATA_OUT);
		assert_memory_equal(R.got.data, out + at, R.got.h.data_len);
	}
	give_response(itt);
	assert_true(it_is_done(&R, &k));
	/* a read of odd pieces */
	it_read(&k, in, sizeof in);
	R.done_count = 0;
	itt = submit_command(&k);
	for (i = 0, at = 0; at < sizeof in; i++) {
		uint32_t n = 501 + i < sizeof in - at ? 501 + i : (uint32_t)sizeof in - at;

		p = it_pdu_data_in(itt, i, at, at + n == sizeof in);
		it_give(&R, &p, out + at, n);
		at += n;
	}
	p = it_pdu_response(itt, 2);
	p.scsi_response.expdatasn = i;
	it_give(&R, &p, "\0\5sense", 7);
	assert_true(it_is_done(&R, &k));
	assert_memory_equal(in, out, sizeof in);
	assert_int_equal(k.t.result.sense_len, 5);
	assert_memory_equal(k.sense, "sense", 5);
	/* a ping each way, text, task management, an event */
	memset(echo, 0x42, sizeof echo);
	assert_int_equal(iscsip_initiator_ping(R.c, echo, sizeof echo, echo, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_NOP_OUT);
	p = it_pdu(ISCSIP_OP_NOP_IN, R.got.h.itt);
	p.nop_in.ttt = ISCSIP_TAG_NONE;
	it_give(&R, &p, echo, 33);
	assert_int_equal(R.pings, 1);
	assert_int_equal(R.ping_err, ISCSIP_OK);
	assert_int_equal(R.ping_len, 33);
	p = it_pdu(ISCSIP_OP_NOP_IN, ISCSIP_TAG_NONE);
	p.nop_in.ttt = 0x1111;
	p.lun = 0x0003000000000000u;
	it_give(&R, &p, NULL, 0);
	it_take(&R, ISCSIP_OP_NOP_OUT);
	assert_int_equal(R.got.h.nop_out.ttt, 0x1111);
	assert_int_equal(R.got.h.itt, ISCSIP_TAG_NONE);
	assert_true(R.got.h.lun == 0x0003000000000000u);
	assert_int_equal(iscsip_initiator_text(R.c, send, sizeof send, &R, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_TEXT_REQUEST);
	assert_memory_equal(R.got.data, send, sizeof send);
	p = it_pdu(ISCSIP_OP_TEXT_RESPONSE, R.got.h.itt);
	p.text_response.ttt = ISCSIP_TAG_NONE;
	it_give(&R, &p, "TargetName=iqn.2026-01.x:y\0X-org.test.a=2", 42);
	assert_int_equal(R.text_ends, 1);
	assert_int_equal(R.text_err, ISCSIP_OK);
	assert_string_equal(R.text[0], "TargetName=iqn.2026-01.x:y");
	assert_string_equal(R.text[1], "X-org.test.a=2");
	assert_int_equal(iscsip_initiator_tmf(R.s, ISCSIP_TMF_LOGICAL_UNIT_RESET, 0, NULL, &R, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_TASK_REQUEST);
	p = it_pdu(ISCSIP_OP_TASK_RESPONSE, R.got.h.itt);
	it_give(&R, &p, NULL, 0);
	assert_int_equal(R.tmfs, 1);
	p = it_pdu(ISCSIP_OP_ASYNC, ISCSIP_TAG_NONE);
	p.async.event = ISCSIP_ASYNC_SCSI;
	it_give(&R, &p, "\0\4aaaabb", 8);
	assert_int_equal(R.asyncs, 1);
	assert_int_equal(R.async.len, 4);
	assert_memory_equal(R.async_data, "aaaa", 4);
	assert_int_equal(iscsip_initiator_logout(R.c, ISCSIP_LOGOUT_SESSION, 0, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_LOGOUT_REQUEST);
	p = it_pdu(ISCSIP_OP_LOGOUT_RESPONSE, R.got.h.itt);
	it_give(&R, &p, NULL, 0);
	assert_int_equal(R.err, 0);
	it_close(&R);
	assert_int_equal(R.state, ISCSIP_SESSION_FREE);
	it_end(&R);
}

static void a_session_is_the_same_over_every_cut_and_every_door(void **state)
{
	static const size_t steps[] = { 0, 1, 2, 3, 4, 5, 7, 47, 48, 49, 51, 52, 53, 100, 511, 1000 };
	size_t i;
	int doors, digests;

	(void)state;
	for (digests = 0; digests < 2; digests++)
		for (doors = IT_PUSH; doors <= IT_STAGE; doors++)
			for (i = 0; i < sizeof steps / sizeof *steps; i++)
				whole_session(steps[i], (enum it_doors)doors, digests, 2 + (unsigned)i, i & 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tasks_beyond_the_window_wait_and_go_in_order_when_it_opens),
		cmocka_unit_test(immediate_commands_pass_a_closed_window_and_use_no_number),
		cmocka_unit_test(the_window_moves_by_serial_arithmetic_alone),
		cmocka_unit_test(a_window_that_shrinks_is_not_believed),
		cmocka_unit_test(no_more_tasks_are_taken_than_the_limit_says),
		cmocka_unit_test(numbers_go_on_around_their_wraps),
		cmocka_unit_test(a_redirection_is_told_with_its_address),
		cmocka_unit_test(a_redirection_without_a_good_address_is_no_redirection),
		cmocka_unit_test(a_refusal_is_told_with_its_status),
		cmocka_unit_test(a_login_response_that_leaves_a_number_out_ends_the_login),
		cmocka_unit_test(a_login_that_takes_too_long_is_given_up),
		cmocka_unit_test(a_connection_lost_in_login_ends_the_login_and_nothing_else),
		cmocka_unit_test(only_one_login_at_a_time_begins_a_session),
		cmocka_unit_test(a_failed_session_begins_anew_with_a_new_connection),
		cmocka_unit_test(a_configuration_that_can_not_work_is_refused),
		cmocka_unit_test(sizes_are_what_init_takes_and_no_byte_less),
		cmocka_unit_test(after_a_logout_request_nothing_more_is_sent),
		cmocka_unit_test(logout_reasons_are_those_of_the_session),
		cmocka_unit_test(a_task_comes_back_only_when_the_transport_lets_its_memory_go),
		cmocka_unit_test(held_units_hold_their_tasks_and_pings_until_they_are_released),
		cmocka_unit_test(a_ring_that_the_host_holds_wants_no_sending_until_it_is_released),
		cmocka_unit_test(a_lost_connection_lets_everything_in_the_ring_go),
		cmocka_unit_test(a_session_is_the_same_over_every_cut_and_every_door),
	};

	return cmocka_run_group_tests_name("initiator session", tests, NULL, NULL);
}
