/* SPDX-License-Identifier: MIT */
/*
 * The initiator role against targets that lie: wrong lengths, opcodes, tags, offsets, numbers and storms. Each attack ends
 * in what the protocol says (mostly a closed connection), writes no byte outside the task's memory (guards around it, and the
 * sanitizers), gives every task back once, and leaves the session fit for a new login and a read.
 */
#include "flow/ini_rig.h"

#include <stdlib.h>

#include "base/bytes.h"

#define GUARD 64u
#define ROOM 4096u

static struct ini_rig R;
static uint8_t area[GUARD + ROOM + GUARD], junk[70000];
static struct it_task K;

static void plain(struct it_task *k)
{
	it_read(k, NULL, 0);
	k->t.in_vec = NULL;
}

static uint32_t submit_command(struct it_task *k)
{
	it_submit(&R, k);
	it_take(&R, ISCSIP_OP_SCSI_COMMAND);
	return R.got.h.itt;
}

static void guards_hold(void)
{
	uint32_t i;

	for (i = 0; i < GUARD; i++)
		assert_true(area[i] == 0xa7 && area[GUARD + ROOM + i] == 0xa7);
}

static void configure(void)
{
	it_init(&R);
	R.offer.immediate_data = false;
	R.offer.initial_r2t = true;
	R.offer.max_burst_length = R.offer.first_burst_length = 2048;
	R.offer.max_outstanding_r2t = 2;
	R.offer.max_recv_data_segment_length = 8192;
}

static void begin(void)
{
	configure();
	it_open(&R);
	it_login(&R);
	memset(area, 0xa7, sizeof area);
	memset(junk, 0x6b, sizeof junk);
}

/* A read of ROOM bytes is under way. */
static uint32_t begin_read(void)
{
	begin();
	it_read(&K, area + GUARD, ROOM);
	return submit_command(&K);
}

static uint32_t begin_write(void)
{
	begin();
	it_write(&K, junk, ROOM);
	return submit_command(&K);
}

/* The attack is over: everything comes back, and a new connection of the same session reads. */
static void recover(void)
{
	uint32_t itt;
	struct iscsip_pdu p;
	int i;

	guards_hold();
	it_close(&R);
	for (i = 0; i < R.done_count; i++)
		assert_true(R.done[i] != &K.t || it_is_done(&R, &K));
	guards_hold();
	free(R.conn_mem);
	free(R.login_mem);
	R.conn_mem = R.login_mem = NULL;
	R.logins = 0;
	R.out_len = 0;
	R.done_count = 0;
	R.err = 0;
	R.hdigest = R.ddigest = false;
	R.on_async = NULL;
	R.on_task = NULL;
	it_open(&R);
	it_login(&R);
	it_read(&K, area + GUARD, ROOM);
	itt = submit_command(&K);
	p = it_pdu_data_in(itt, 0, 0, true);
	p.data_in.has_status = true;
	it_give(&R, &p, junk, ROOM);
	assert_true(it_is_done(&R, &K));
	assert_int_equal(K.t.result.err, ISCSIP_OK);
	assert_int_equal(K.t.result.in_len, ROOM);
	guards_hold();
	it_end(&R);
}

static void broken(int code, unsigned rule)
{
	it_expect_broken(&R, code, rule);
	assert_false(it_is_done(&R, &K));
	recover();
}

/* Raw: a header with any lengths, and whatever follows it. */
static void give_raw(struct iscsip_pdu *p, uint8_t ahs, uint32_t data_len, uint32_t follow)
{
	uint8_t bhs[ISCSIP_BHS_LEN];

	p->reply.statsn = R.statsn;
	p->reply.expcmdsn = R.expcmdsn;
	p->reply.maxcmdsn = R.expcmdsn + R.window - 1u;
	p->ahs_words = ahs;
	p->data_len = data_len;
	assert_int_equal(iscsip_pdu_encode(bhs, p), ISCSIP_OK);
	it_feed(&R, bhs, sizeof bhs);
	it_feed(&R, junk, follow);
}

/* --- 2, 3, 4: lengths --- */

static void data_lengths_are_taken_up_to_the_limit_and_not_beyond(void **state)
{
	static const uint32_t lens[] = { 0, 1, 2, 3, 4, 5, 4095, 4096 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof lens / sizeof *lens; i++) {
		uint32_t itt = begin_read();
		struct iscsip_pdu p = it_pdu_data_in(itt, 0, 0, true);

		p.data_in.has_status = true;
		it_give(&R, &p, junk, lens[i]);
		assert_true(it_is_done(&R, &K));
		assert_int_equal(K.t.result.in_len, lens[i]);
		assert_int_equal(K.t.result.in_residual, ROOM - lens[i]);
		recover();
	}
	for (i = 0; i < 3; i++) {
		static const uint32_t over[] = { 8193, 0x10000, 0xffffff };
		uint32_t itt = begin_read();
		struct iscsip_pdu p = it_pdu_data_in(itt, 0, 0, true);

		give_raw(&p, 0, over[i], 1000);
		broken(ISCSIP_EPROTO, ISCSIP_RULE_DATA_LIMIT);
	}
}

static void additional_headers_belong_to_no_response(void **state)
{
	static const uint8_t opcodes[] = { ISCSIP_OP_NOP_IN, ISCSIP_OP_SCSI_RESPONSE, ISCSIP_OP_DATA_IN, ISCSIP_OP_R2T,
					   ISCSIP_OP_ASYNC, ISCSIP_OP_REJECT, ISCSIP_OP_TEXT_RESPONSE };
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof opcodes; i++)
		for (j = 0; j < 3; j++) {
			static const uint8_t words[] = { 1, 64, 255 };
			uint32_t itt = begin_read();
			struct iscsip_pdu p = it_pdu(opcodes[i], itt);

			give_raw(&p, words[j], opcodes[i] == ISCSIP_OP_REJECT ? 48 : 0, 1100);
			broken(ISCSIP_EPROTO, words[j] * 4u > R.cfg.limits.ahs_max ? ISCSIP_RULE_AHS_LIMIT : ISCSIP_RULE_AHS);
		}
}

static void data_where_none_belongs_and_none_where_it_does(void **state)
{
	uint32_t itt;
	struct iscsip_pdu p;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		static const uint8_t bare[] = { ISCSIP_OP_R2T, ISCSIP_OP_TASK_RESPONSE, ISCSIP_OP_LOGOUT_RESPONSE };

		itt = begin_read();
		p = it_pdu(bare[i], itt);
		p.r2t.desired_len = 1;
		give_raw(&p, 0, 4, 4);
		broken(ISCSIP_EPROTO, ISCSIP_RULE_DATA);
	}
	begin_read();
	p = it_pdu(ISCSIP_OP_REJECT, ISCSIP_TAG_NONE);
	give_raw(&p, 0, 0, 0);
	broken(ISCSIP_EPROTO, ISCSIP_RULE_REJECT_DATA);
	begin_read();
	p = it_pdu(ISCSIP_OP_REJECT, ISCSIP_TAG_NONE);
	give_raw(&p, 0, 47, 48);
	broken(ISCSIP_EPROTO, ISCSIP_RULE_REJECT_DATA);
	begin_read();
	p = it_pdu(ISCSIP_OP_ASYNC, ISCSIP_TAG_NONE);
	give_raw(&p, 0, 0, 0);
	broken(ISCSIP_EPROTO, ISCSIP_RULE_ASYNC_DATA);
	itt = begin_read();
	p = it_pdu_response(itt, 2);
	give_raw(&p, 0, 0, 0);
	broken(ISCSIP_EPROTO, ISCSIP_RULE_SENSE);
}

/* --- 5: opcodes --- */

static bool is_response(unsigned op)
{
	return op == ISCSIP_OP_NOP_IN || op == ISCSIP_OP_SCSI_RESPONSE || op == ISCSIP_OP_TASK_RESPONSE ||
	       op == ISCSIP_OP_TEXT_RESPONSE || op == ISCSIP_OP_DATA_IN || op == ISCSIP_OP_LOGOUT_RESPONSE ||
	       op == ISCSIP_OP_R2T || op == ISCSIP_OP_ASYNC || op == ISCSIP_OP_REJECT || op == ISCSIP_OP_LOGIN_RESPONSE;
}

static void every_foreign_opcode_ends_the_connection(void **state)
{
	unsigned op, immediate;

	(void)state;
	for (op = 0; op < 64; op++)
		for (immediate = 0; immediate < 2; immediate++) {
			uint8_t bhs[ISCSIP_BHS_LEN] = { 0 };

			if (is_response(op) && op != ISCSIP_OP_LOGIN_RESPONSE)
				continue;
			begin_read();
			bhs[0] = (uint8_t)(op | immediate << 6);
			it_feed(&R, bhs, sizeof bhs);
			assert_int_equal(iscsip_conn_error(R.c)->opcode, op);
			assert_int_equal(iscsip_conn_error(R.c)->code, ISCSIP_EPROTO);
			broken(ISCSIP_EPROTO, op == ISCSIP_OP_LOGIN_RESPONSE ? ISCSIP_RULE_PHASE :
				iscsip_pdu_carries((uint8_t)op) ? ISCSIP_RULE_SENDER : ISCSIP_RULE_OPCODE);
		}
}

static void nothing_but_a_login_response_is_taken_in_login(void **state)
{
	unsigned op, stage;

	(void)state;
	K.t.user = NULL;
	for (op = 0; op < 64; op++)
		for (stage = 0; stage < 2; stage++) {
			uint8_t bhs[ISCSIP_BHS_LEN] = { 0 };

			if (op == ISCSIP_OP_LOGIN_RESPONSE)
				continue;
			configure();
			memset(area, 0xa7, sizeof area);
			it_open(&R);
			if (stage) /* the request is out, or not even that */
				it_take(&R, ISCSIP_OP_LOGIN_REQUEST);
			bhs[0] = (uint8_t)op;
			it_feed(&R, bhs, sizeof bhs);
			assert_int_equal(R.logins, 1);
			assert_true(R.login_err < ISCSIP_FATAL);
			assert_int_equal(R.login_status, 0);
			assert_true(iscsip_conn_want(R.c) & ISCSIP_WANT_CLOSE);
			recover();
		}
}

static void a_discovery_session_takes_no_scsi(void **state)
{
	static const uint8_t ops[] = { ISCSIP_OP_SCSI_RESPONSE, ISCSIP_OP_DATA_IN, ISCSIP_OP_R2T, ISCSIP_OP_TASK_RESPONSE };
	struct it_task k;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof ops; i++) {
		uint8_t bhs[ISCSIP_BHS_LEN] = { 0 };

		configure();
		R.discovery = true;
		it_open(&R);
		it_login(&R);
		plain(&k);
		assert_int_equal(iscsip_initiator_submit(R.s, &k.t, R.now), ISCSIP_ESTATE);
		assert_int_equal(iscsip_initiator_tmf(R.s, ISCSIP_TMF_TARGET_COLD_RESET, 0, NULL, &R, R.now), ISCSIP_ESTATE);
		assert_int_equal(iscsip_initiator_ping(R.c, NULL, 0, NULL, R.now), ISCSIP_ESTATE);
		bhs[0] = ops[i];
		it_feed(&R, bhs, sizeof bhs);
		it_expect_broken(&R, ISCSIP_EPROTO, ISCSIP_RULE_PHASE);
		it_end(&R);
	}
}

/* --- 6: digests --- */

static void a_wrong_header_digest_ends_the_connection_whatever_follows(void **state)
{
	uint8_t buf[256];
	struct iscsip_pdu p;
	uint32_t itt, byte;

	(void)state;
	for (byte = 0; byte < 52; byte++) {
		configure();
		memset(area, 0xa7, sizeof area);
		R.offer.header_digest.item[0] = ISCSIP_DIGEST_CRC32C;
		it_open(&R);
		it_login(&R);
		it_read(&K, area + GUARD, ROOM);
		itt = submit_command(&K);
		p = it_pdu_data_in(itt, 0, 0, true);
		p.data_in.has_status = true;
		p.data_in.statsn = R.statsn;
		it_encode(&R, buf, &p, junk, 64, 0);
		buf[byte] ^= 0x10; /* the length too */
		it_feed(&R, buf, 52 + 64);
		it_feed(&R, junk, 2000);
		if (iscsip_conn_error(R.c)->code == ISCSIP_EDIGEST)
			broken(ISCSIP_EDIGEST, ISCSIP_RULE_HEADER_DIGEST);
		else
			broken(ISCSIP_EPROTO, ISCSIP_RULE_AHS_LIMIT);
	}
}

/* --- 23: tags, kinds, offsets --- */

static void answers_for_tags_never_given_out_end_the_connection(void **state)
{
	static const uint8_t ops[] = { ISCSIP_OP_SCSI_RESPONSE, ISCSIP_OP_DATA_IN, ISCSIP_OP_R2T, ISCSIP_OP_TASK_RESPONSE,
				       ISCSIP_OP_TEXT_RESPONSE, ISCSIP_OP_LOGOUT_RESPONSE, ISCSIP_OP_NOP_IN };
	static const uint32_t tags[] = { 0x00000009u, 0x00007fffu, 0xfffffffeu };
	size_t i, j;
	uint32_t len;

	(void)state;
	for (i = 0; i < sizeof ops; i++)
		for (j = 0; j < 3; j++)
			for (len = 0; len < 9; len += 8) {
				struct iscsip_pdu p = it_pdu(ops[i], tags[j]);

				begin_read();
				if (ops[i] == ISCSIP_OP_R2T)
					p.r2t.desired_len = 1;
				if (ops[i] == ISCSIP_OP_NOP_IN)
					p.nop_in.ttt = ISCSIP_TAG_NONE;
				if (ops[i] == ISCSIP_OP_R2T || ops[i] == ISCSIP_OP_TASK_RESPONSE || ops[i] == ISCSIP_OP_LOGOUT_RESPONSE)
					it_give(&R, &p, NULL, 0);
				else
					it_give(&R, &p, junk, len);
				broken(ISCSIP_EPROTO, ISCSIP_RULE_TASK_TAG);
			}
}

static void answers_of_the_wrong_kind_end_the_connection(void **state)
{
	struct iscsip_pdu p;
	struct it_task k;
	uint32_t read_itt, itt;
	uint8_t data[8] = { 0 };
	int i;

	(void)state;
	for (i = 0; i < 9; i++) {
		read_itt = begin_read();
		switch (i) {
		case 0: /* R2T for a read */
			p = it_pdu_r2t(read_itt, 1, 0, 0, 1);
			break;
		case 1:
			p = it_pdu(ISCSIP_OP_TASK_RESPONSE, read_itt);
			break;
		case 2:
			p = it_pdu(ISCSIP_OP_TEXT_RESPONSE, read_itt);
			p.text_response.ttt = ISCSIP_TAG_NONE;
			break;
		case 3:
			p = it_pdu(ISCSIP_OP_LOGOUT_RESPONSE, read_itt);
			break;
		case 4:
			p = it_pdu(ISCSIP_OP_NOP_IN, read_itt);
			p.nop_in.ttt = ISCSIP_TAG_NONE;
			break;
		case 5: /* SCSI Response for a ping */
			assert_int_equal(iscsip_initiator_ping(R.c, data, 8, data, R.now), ISCSIP_OK);
			it_take(&R, ISCSIP_OP_NOP_OUT);
			p = it_pdu_response(R.got.h.itt, 0);
			break;
		case 6: /* Data-In for a request of task management */
			assert_int_equal(iscsip_initiator_tmf(R.s, ISCSIP_TMF_CLEAR_ACA, 0, NULL, &R, R.now), ISCSIP_OK);
			it_take(&R, ISCSIP_OP_TASK_REQUEST);
			p = it_pdu_data_in(R.got.h.itt, 0, 0, true);
			break;
		case 7: /* Data-In for a command without data-in */
			plain(&k);
			itt = submit_command(&k);
			p = it_pdu_data_in(itt, 0, 0, true);
			break;
		default: /* a task that was not sent yet */
			plain(&k);
			it_submit(&R, &k);
			p = it_pdu_response((read_itt & 0xffffu) + 1u, 0);
			break;
		}
		it_give(&R, &p, i == 6 || i == 7 ? junk : NULL, i == 6 || i == 7 ? 8 : 0);
		broken(ISCSIP_EPROTO, ISCSIP_RULE_TASK_KIND);
	}
}

static void what_comes_after_the_end_of_a_task_is_dropped(void **state)
{
	uint32_t itt = begin_read();
	struct iscsip_pdu p = it_pdu_response(itt, 0);
	struct iscsip_session_stats st;
	int i;

	(void)state;
	it_give(&R, &p, NULL, 0);
	assert_true(it_is_done(&R, &K));
	for (i = 0; i < 3; i++) {
		p = it_pdu_response(itt, 2);
		it_give(&R, &p, "\0\2ab", 4);
		p = it_pdu_data_in(itt, 0, 0, true);
		it_give(&R, &p, junk, ROOM);
		p = it_pdu_r2t(itt, 1, 0, 0, 512);
		it_give(&R, &p, NULL, 0);
	}
	assert_true(it_is_done(&R, &K));
	assert_int_equal(K.t.result.status, 0);
	assert_int_equal(area[GUARD], 0xa7);
	iscsip_session_get_stats(R.s, &st);
	assert_int_equal(st.ignored, 9);
	assert_int_equal(R.err, 0);
	it_quiet(&R);
	recover();
}

/* The tag's place is used again by another task: the old tag does not reach it. */
static void an_old_tag_does_not_reach_the_new_task(void **state)
{
	uint32_t old = begin_read(), itt;
	struct iscsip_pdu p = it_pdu_response(old, 0);

	(void)state;
	it_give(&R, &p, NULL, 0);
	R.done_count = 0;
	it_read(&K, area + GUARD, ROOM);
	itt = submit_command(&K);
	assert_true(itt != old && (itt & 0xffffu) == (old & 0xffffu));
	p = it_pdu_data_in(old, 0, 0, true);
	p.data_in.has_status = true;
	it_give(&R, &p, junk, ROOM);
	assert_false(it_is_done(&R, &K));
	assert_int_equal(area[GUARD], 0xa7);
	assert_int_equal(R.err, 0);
	recover();
}

static void data_in_outside_the_room_is_not_placed(void **state)
{
	static const struct { uint32_t off, len; unsigned rule; } cases[] = {
		{ 0, ROOM + 1, ISCSIP_RULE_IN_RANGE },
		{ 1, ROOM, ISCSIP_RULE_IN_RANGE },
		{ ROOM, 1, ISCSIP_RULE_IN_RANGE },
		{ ROOM - 1, 2, ISCSIP_RULE_IN_RANGE },
		{ 0x7fffffffu, 1, ISCSIP_RULE_IN_RANGE },
		{ 0xffffffffu, 1, ISCSIP_RULE_IN_RANGE },
		{ 0xffffffffu, 2, ISCSIP_RULE_RANGE },
		{ 0xfffff000u, 0x1001, ISCSIP_RULE_RANGE },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint32_t itt = begin_read();
		struct iscsip_pdu p = it_pdu_data_in(itt, 0, cases[i].off, true);

		it_give(&R, &p, junk, cases[i].len);
		assert_int_equal(area[GUARD], 0xa7);
		broken(ISCSIP_EPROTO, cases[i].rule);
	}
}

static void data_in_out_of_order_ends_the_connection(void **state)
{
	static const struct { uint32_t off1; bool final1; uint32_t off2; } cases[] = {
		{ 0, false, 1024 },   /* a gap within a sequence */
		{ 0, false, 511 },    /* overlap within a sequence */
		{ 0, false, 0 },
		{ 512, true, 0 },     /* a sequence behind the one before it */
		{ 512, true, 1023 },  /* overlap of sequences */
		{ 0, true, 1024 },    /* a gap between sequences */
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint32_t itt = begin_read();
		struct iscsip_pdu p = it_pdu_data_in(itt, 0, cases[i].off1, cases[i].final1);

		it_give(&R, &p, junk, 512);
		p = it_pdu_data_in(itt, 1, cases[i].off2, false);
		it_give(&R, &p, junk, 512);
		broken(ISCSIP_EPROTO, ISCSIP_RULE_IN_ORDER);
	}
}

/* A read of ROOM bytes is under way, whose data may come in any order. */
static uint32_t begin_read_any_order(void)
{
	configure();
	R.offer.data_pdu_in_order = R.target_offer.data_pdu_in_order = false;
	R.offer.data_sequence_in_order = R.target_offer.data_sequence_in_order = false;
	it_open(&R);
	it_login(&R);
	memset(area, 0xa7, sizeof area);
	memset(junk, 0x6b, sizeof junk);
	it_read(&K, area + GUARD, ROOM);
	return submit_command(&K);
}

static void give_data(uint32_t itt, uint32_t datasn, uint32_t off, uint32_t len)
{
	struct iscsip_pdu p = it_pdu_data_in(itt, datasn, off, true);

	it_give(&R, &p, junk, len);
}

/* Where any order was agreed on, bytes may come again; they are no substitute for others that do not come. */
static void bytes_that_come_twice_do_not_hide_those_that_are_missing(void **state)
{
	static const struct {
		uint32_t off[4];
		uint32_t len;     /* of each of the four */
		uint32_t there;   /* from the beginning on */
		bool gap;
	} cases[] = {
		{ { 0, 0, 0, 0 }, 1024, 1024, false },
		{ { 0, 1024, 0, 1024 }, 1024, 2048, false },
		{ { 0, 2048, 1024, 1024 }, 1024, 3072, false },
		{ { 3072, 1024, 0, 2048 }, 1024, 4096, false },
		{ { 0, 2048, 2048, 0 }, 1024, 1024, true },
		{ { 3072, 3072, 3072, 3072 }, 1024, 0, true },
		{ { 1024, 2048, 1024, 3072 }, 1024, 0, true },
		{ { 0, 512, 3073, 3073 }, 1023, 1535, true },
		{ { 1, 2, 3, 4 }, 1024, 0, true },
	};
	size_t i;
	int how;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		/* the status: GOOD with the last data, GOOD after it, BUSY */
		for (how = 0; how < 3; how++) {
			uint32_t itt = begin_read_any_order(), n;
			struct iscsip_pdu p = it_pdu_data_in(itt, 3, cases[i].off[3], true);

			for (n = 0; n < 3; n++)
				give_data(itt, n, cases[i].off[n], cases[i].len);
			p.data_in.has_status = how == 0;
			it_give(&R, &p, junk, cases[i].len);
			if (how) {
				p = it_pdu_response(itt, how == 1 ? 0 : 8);
				p.scsi_response.expdatasn = 4;
				it_give(&R, &p, NULL, 0);
			}
			if (cases[i].gap && how < 2) {
				assert_int_equal(iscsip_conn_error(R.c)->arg, cases[i].there);
				broken(ISCSIP_EPROTO, ISCSIP_RULE_IN_GAP);
				continue;
			}
			assert_true(it_is_done(&R, &K));
			assert_int_equal(K.t.result.err, ISCSIP_OK);
			assert_int_equal(K.t.result.in_len, cases[i].there);
			assert_int_equal(K.t.result.in_residual, ROOM - cases[i].there);
			recover();
		}
	}
}

/* Every other one of 66 pieces makes 33 ranges, one too many: the task is aborted, whatever the target says of it. */
static void data_in_more_pieces_than_can_be_known_ends_its_task_alone(void **state)
{
	int how;

	(void)state;
	/* its end: an answer to the abort, the status before that, the same of one that the host aborts; and pieces that fit */
	for (how = 0; how < 4; how++) {
		uint32_t itt = begin_read_any_order(), n, pieces = how == 3 ? 32 : 33;
		struct iscsip_pdu p;

		if (how == 2)
			assert_int_equal(iscsip_initiator_abort(R.s, &K.t, R.now), ISCSIP_OK);
		for (n = 0; n < pieces; n++)
			give_data(itt, n, n * 80, 40);
		if (how == 3) {
			it_quiet(&R);
			for (n = 0; n < 32; n++)
				give_data(itt, 32 + n, n * 80 + 40, 40);
		} else {
			it_take(&R, ISCSIP_OP_TASK_REQUEST);
			assert_int_equal(R.got.h.task_request.function, ISCSIP_TMF_ABORT_TASK);
			assert_int_equal(R.got.h.task_request.ref_task_tag, itt);
			give_data(itt, 33, 40, 40); /* passes by */
			assert_int_equal(area[GUARD + 40], 0xa7);
		}
		if (how == 0) {
			p = it_pdu(ISCSIP_OP_TASK_RESPONSE, R.got.h.itt);
			p.task_response.response = ISCSIP_TMF_COMPLETE;
		} else {
			p = it_pdu_response(itt, 0);
			p.scsi_response.expdatasn = how == 3 ? 64 : 34;
		}
		it_give(&R, &p, NULL, 0);
		assert_true(it_is_done(&R, &K));
		assert_int_equal(K.t.result.err, how == 3 ? ISCSIP_OK : ISCSIP_ENOSPC);
		assert_int_equal(K.t.result.in_len, how == 3 ? 2560 : 40);
		assert_int_equal(iscsip_conn_error(R.c)->code, ISCSIP_OK);
		recover();
	}
}

/* What one task's tag has had is not another one's. */
static void a_task_begins_with_no_data_whatever_its_tag_had_before(void **state)
{
	uint32_t itt = begin_read_any_order(), n;

	(void)state;
	for (n = 0; n < 40; n++) {
		struct iscsip_pdu p = it_pdu_data_in(itt, 0, 0, true);

		p.data_in.has_status = true;
		it_give(&R, &p, junk, n % 2 ? 512 : ROOM);
		assert_true(it_is_done(&R, &K));
		assert_int_equal(K.t.result.in_len, n % 2 ? 512 : ROOM);
		R.done_count = 0;
		it_read(&K, area + GUARD, ROOM);
		itt = submit_command(&K);
	}
	it_close(&R);
	it_end(&R);
}

static void data_numbers_may_repeat_but_not_skip(void **state)
{
	uint32_t itt = begin_read();
	struct iscsip_pdu p = it_pdu_data_in(itt, 0, 0, false);

	(void)state;
	it_give(&R, &p, junk, 512);
	memset(junk, 0x11, 512);
	p = it_pdu_data_in(itt, 0, 0, false); /* again, with other bytes: dropped (7.9) */
	it_give(&R, &p, junk, 512);
	assert_int_equal(area[GUARD], 0x6b);
	p = it_pdu_data_in(itt, 0xffffffffu, 512, false);
	it_give(&R, &p, junk, 512);
	assert_int_equal(area[GUARD + 512], 0xa7);
	p = it_pdu_data_in(itt, 2, 512, false);
	it_give(&R, &p, junk, 512);
	broken(ISCSIP_EPROTO, ISCSIP_RULE_DATASN);
	itt = begin_read();
	p = it_pdu_data_in(itt, 0x80000000u, 0, true);
	it_give(&R, &p, junk, 512);
	broken(ISCSIP_EPROTO, ISCSIP_RULE_DATASN);
}

static void flags_that_contradict_each_other_end_the_connection(void **state)
{
	struct iscsip_pdu p;
	uint32_t itt;

	(void)state;
	itt = begin_read();
	p = it_pdu_data_in(itt, 0, 0, false);
	p.data_in.has_status = true; /* S without F */
	it_give(&R, &p, junk, 8);
	broken(ISCSIP_EPROTO, ISCSIP_RULE_DATA_IN_FINAL);
	itt = begin_read();
	p = it_pdu_data_in(itt, 0, 0, true);
	p.data_in.has_status = p.data_in.overflow = p.data_in.underflow = true;
	it_give(&R, &p, junk, 8);
	broken(ISCSIP_EPROTO, ISCSIP_RULE_RESIDUAL);
	itt = begin_read();
	p = it_pdu_data_in(itt, 0, 0, true);
	p.data_in.has_status = true;
	p.data_in.status = 2;
	it_give(&R, &p, junk, 8);
	broken(ISCSIP_EPROTO, ISCSIP_RULE_DATA_IN_STATUS);
	itt = begin_read();
	p = it_pdu_response(itt, 0);
	p.scsi_response.overflow = p.scsi_response.underflow = true;
	it_give(&R, &p, NULL, 0);
	broken(ISCSIP_EPROTO, ISCSIP_RULE_RESIDUAL);
	itt = begin_read();
	p = it_pdu_response(itt, 0);
	p.scsi_response.bidi_overflow = p.scsi_response.bidi_underflow = true;
	it_give(&R, &p, NULL, 0);
	broken(ISCSIP_EPROTO, ISCSIP_RULE_BIDI_RESIDUAL);
	itt = begin_read();
	p = it_pdu_response(itt, 0);
	p.scsi_response.underflow = true;
	p.scsi_response.residual = ROOM + 1;
	it_give(&R, &p, NULL, 0);
	broken(ISCSIP_EPROTO, ISCSIP_RULE_RESIDUAL_LEN);
	itt = begin_read();
	p = it_pdu_data_in(itt, 0, 0, true);
	p.data_in.has_status = p.data_in.underflow = true;
	p.data_in.residual = 0xffffffffu;
	it_give(&R, &p, junk, 8);
	broken(ISCSIP_EPROTO, ISCSIP_RULE_RESIDUAL_LEN);
	itt = begin_read();
	p = it_pdu_response(itt, 0);
	p.scsi_response.expdatasn = 1; /* a Data-In that never came */
	it_give(&R, &p, NULL, 0);
	broken(ISCSIP_EPROTO, ISCSIP_RULE_EXPDATASN);
}

static void the_acknowledge_bit_is_ignored_at_level_0_and_so_are_bidi_flags_of_a_read(void **state)
{
	uint32_t itt = begin_read();
	struct iscsip_pdu p = it_pdu_data_in(itt, 0, 0, true);

	(void)state;
	p.data_in.ack = true;
	p.data_in.ttt = 5;
	it_give(&R, &p, junk, ROOM);
	p = it_pdu_response(itt, 0);
	p.scsi_response.expdatasn = 1;
	p.scsi_response.bidi_overflow = true;
	p.scsi_response.bidi_residual = 0xffffffffu;
	it_give(&R, &p, NULL, 0);
	assert_true(it_is_done(&R, &K));
	assert_false(K.t.result.in_overflow);
	assert_int_equal(K.t.result.in_len, ROOM);
	it_quiet(&R);
	recover();
}

static void status_of_a_bidirectional_command_comes_in_a_response(void **state)
{
	struct iscsip_pdu p;
	uint32_t itt;

	(void)state;
	begin();
	it_read(&K, area + GUARD, ROOM);
	K.out.base = junk;
	K.out.len = K.t.out_len = 8;
	K.t.out_vec = &K.out;
	K.t.out_cnt = 1;
	itt = submit_command(&K);
	p = it_pdu_data_in(itt, 0, 0, true);
	p.data_in.has_status = true;
	it_give(&R, &p, junk, 8);
	broken(ISCSIP_EPROTO, ISCSIP_RULE_IN_BIDI);
}

/* --- 24: R2T --- */

static void r2ts_outside_what_was_agreed_end_the_connection(void **state)
{
	static const struct { uint32_t sn, off, len; uint64_t lun; unsigned rule; } cases[] = {
		{ 0, 0, 0, 0, ISCSIP_RULE_R2T_LEN },
		{ 0, 0, 2049, 0, ISCSIP_RULE_R2T_BURST },
		{ 0, ROOM - 1, 2, 0, ISCSIP_RULE_R2T_RANGE },
		{ 0, ROOM, 1, 0, ISCSIP_RULE_R2T_RANGE },
		{ 0, ROOM + 1, 1, 0, ISCSIP_RULE_R2T_RANGE },
		{ 0, 0, 0xffffffffu, 0, ISCSIP_RULE_R2T_RANGE },
		{ 0, 0xffffffffu, 1, 0, ISCSIP_RULE_R2T_RANGE },
		{ 0, 0xffffffffu, 2, 0, ISCSIP_RULE_RANGE },
		{ 1, 0, 512, 0, ISCSIP_RULE_DATASN },
		{ 0, 512, 512, 0, ISCSIP_RULE_R2T_ORDER },
		{ 0, 0, 512, 0x0001000000000000u, ISCSIP_RULE_TASK_LUN },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint32_t itt = begin_write();
		struct iscsip_pdu p = it_pdu_r2t(itt, 1, cases[i].sn, cases[i].off, cases[i].len);

		p.lun = cases[i].lun;
		it_give(&R, &p, NULL, 0);
		broken(ISCSIP_EPROTO, cases[i].rule);
	}
}

static void more_r2ts_than_agreed_end_the_connection(void **state)
{
	uint32_t itt = begin_write(), i;
	struct iscsip_pdu p;

	(void)state;
	for (i = 0; i < 2; i++) {
		p = it_pdu_r2t(itt, i, i, i * 512, 512);
		it_give(&R, &p, NULL, 0);
	}
	assert_int_equal(R.err, 0);
	p = it_pdu_r2t(itt, 2, 2, 1024, 512);
	it_give(&R, &p, NULL, 0);
	broken(ISCSIP_EPROTO, ISCSIP_RULE_R2T_COUNT);
}

/* As many tasks as there are, each with all R2Ts that it may have, again and again: the pool holds. */
static void every_task_may_have_all_its_r2ts_at_once(void **state)
{
	struct it_task k[8];
	uint32_t itt[8], round, i, j;

	(void)state;
	begin();
	for (round = 0; round < 3; round++) {
		R.done_count = 0;
		for (i = 0; i < 8; i++) {
			it_write(&k[i], junk, ROOM);
			itt[i] = submit_command(&k[i]);
		}
		for (i = 0; i < 16; i++) {
			struct iscsip_pdu p = it_pdu_r2t(itt[i / 2], i, i & 1, (i & 1) * 2048, 2048);

			it_give(&R, &p, NULL, 0);
		}
		for (j = 0; j < 16; j++) {
			it_take(&R, ISCSIP_OP_DATA_OUT);
			assert_true(R.got.h.final);
		}
		it_quiet(&R);
		for (i = 0; i < 8; i++) {
			struct iscsip_pdu p = it_pdu_response(itt[i], 0);

			it_give(&R, &p, NULL, 0);
			assert_true(it_is_done(&R, &k[i]));
		}
	}
	recover();
}

static void an_r2t_that_comes_twice_is_answered_once(void **state)
{
	uint32_t itt = begin_write();
	struct iscsip_pdu p = it_pdu_r2t(itt, 1, 0, 0, 512);

	(void)state;
	it_give(&R, &p, NULL, 0);
	it_give(&R, &p, NULL, 0);
	it_take(&R, ISCSIP_OP_DATA_OUT);
	it_quiet(&R);
	recover();
}

/* A response while data is still asked for: nothing more is sent of it. */
static void a_response_ends_the_data_of_its_task(void **state)
{
	uint32_t itt = begin_write();
	struct iscsip_pdu p = it_pdu_r2t(itt, 1, 0, 0, 2048);

	(void)state;
	it_give(&R, &p, NULL, 0);
	p = it_pdu_response(itt, 0);
	it_give(&R, &p, NULL, 0);
	assert_true(it_is_done(&R, &K));
	it_quiet(&R);
	recover();
}

/* --- 25: sense --- */

static void sense_lengths_that_lie_end_the_connection(void **state)
{
	static const struct { uint16_t sense; uint32_t len; bool good; } cases[] = {
		{ 0, 2, true }, { 1, 3, true }, { 3, 5, true }, { 0, 8, true }, { 18, 20, true }, { 300, 302, true },
		{ 1, 2, false }, { 19, 20, false }, { 0xffff, 20, false }, { 0xffff, 8192, false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint32_t itt = begin_read();
		struct iscsip_pdu p = it_pdu_response(itt, 2);

		store_be16(junk, cases[i].sense);
		it_give(&R, &p, junk, cases[i].len);
		if (!cases[i].good) {
			broken(ISCSIP_EPROTO, ISCSIP_RULE_SENSE_LEN);
			continue;
		}
		assert_true(it_is_done(&R, &K));
		assert_int_equal(K.t.result.sense_len, cases[i].sense < 252 ? cases[i].sense : 252);
		recover();
	}
	/* one byte, which is not even a length; with GOOD, so the table of headers has nothing against it */
	{
		uint32_t itt = begin_read();
		struct iscsip_pdu p = it_pdu_response(itt, 0);

		it_give(&R, &p, junk, 1);
		broken(ISCSIP_EPROTO, ISCSIP_RULE_SENSE_LEN);
	}
}

/* --- 26: numbers --- */

static void a_status_number_left_out_ends_the_connection(void **state)
{
	static const uint32_t ahead[] = { 1, 2, 0x7fffffffu, 0x80000000u };
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		uint32_t itt = begin_read();
		struct iscsip_pdu p = it_pdu_response(itt, 0);

		R.statsn += ahead[i];
		it_give(&R, &p, NULL, 0);
		broken(ISCSIP_EPROTO, ISCSIP_RULE_STATSN);
		itt = begin_read();
		p = it_pdu_response(itt, 2);
		R.statsn += ahead[i];
		it_give(&R, &p, "\0\2ab", 4);
		assert_int_equal(K.sense[0], 0);
		broken(ISCSIP_EPROTO, ISCSIP_RULE_STATSN);
	}
}

static void a_status_number_that_was_passed_is_dropped(void **state)
{
	uint32_t itt = begin_read();
	struct iscsip_pdu p = it_pdu_response(itt, 2);

	(void)state;
	R.statsn -= 1;
	it_give(&R, &p, "\0\2ab", 4);
	assert_false(it_is_done(&R, &K));
	assert_int_equal(K.sense[0], 0);
	R.statsn -= 0x1000;
	p = it_pdu(ISCSIP_OP_ASYNC, ISCSIP_TAG_NONE);
	p.async.event = ISCSIP_ASYNC_DROP_SESSION;
	it_give(&R, &p, NULL, 0);
	assert_int_equal(R.asyncs, 0);
	assert_true(iscsip_conn_want(R.c) & ISCSIP_WANT_RX);
	R.statsn += 0x1000 - 1;
	p = it_pdu_response(itt, 0);
	it_give(&R, &p, NULL, 0);
	assert_true(it_is_done(&R, &K));
	recover();
}

/* A closed window for ever: nothing spins, nothing is sent, the time limit still works. */
static void a_window_that_never_opens_costs_nothing(void **state)
{
	struct it_task k[8];
	int i;

	(void)state;
	configure();
	R.window = 0;
	it_open(&R);
	it_login(&R);
	for (i = 0; i < 8; i++) {
		plain(&k[i]);
		k[i].t.timeout_ms = 100;
		it_submit(&R, &k[i]);
	}
	for (i = 0; i < 1000; i++) {
		struct iscsip_pdu p = it_pdu(ISCSIP_OP_NOP_IN, ISCSIP_TAG_NONE);

		p.nop_in.ttt = ISCSIP_TAG_NONE;
		it_give(&R, &p, NULL, 0);
		assert_int_equal(iscsip_conn_want(R.c), ISCSIP_WANT_RX);
	}
	R.now += 100;
	assert_int_equal(iscsip_session_tick(R.s, R.now), ISCSIP_OK);
	assert_int_equal(R.done_count, 8);
	R.window = 8;
	it_end(&R);
}

/* --- 27: events and Rejects --- */

static void storms_of_events_and_rejects_grow_nothing(void **state)
{
	struct iscsip_pdu bad = it_pdu(ISCSIP_OP_SCSI_COMMAND, 0x00050005u), p;
	uint8_t bhs[100];
	int i;

	(void)state;
	begin_read();
	memset(bhs, 0xff, sizeof bhs);
	for (i = 0; i < 2000; i++) {
		p = it_pdu(ISCSIP_OP_ASYNC, ISCSIP_TAG_NONE);
		p.async.event = i & 1 ? ISCSIP_ASYNC_NEGOTIATE : 17;
		it_give(&R, &p, junk, (uint32_t)i % 700);
		p = it_pdu(ISCSIP_OP_REJECT, ISCSIP_TAG_NONE);
		p.reject.reason = (uint8_t)i;
		if (i & 2)
			(void)iscsip_pdu_encode(bhs, &bad);
		else
			memset(bhs, i & 0xff, 48);
		it_give(&R, &p, bhs, 48 + (uint32_t)i % 50);
	}
	assert_int_equal(R.asyncs, 2000);
	it_take(&R, ISCSIP_OP_TEXT_REQUEST); /* one answer to a thousand wishes */
	it_quiet(&R);
	assert_false(it_is_done(&R, &K));
	recover();
}

/* Every opcode and every tag in the header of a Reject, while one of everything is under way. */
static void rejects_of_foreign_headers_harm_nobody(void **state)
{
	uint32_t itt, tags[4];
	uint8_t data[4];
	unsigned op, t;

	(void)state;
	itt = begin_read();
	assert_int_equal(iscsip_initiator_ping(R.c, data, 4, data, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_NOP_OUT);
	tags[0] = itt;
	tags[1] = R.got.h.itt;
	tags[2] = itt ^ 0x10u;
	tags[3] = ISCSIP_TAG_NONE;
	for (op = 0; op < 64; op++)
		for (t = 0; t < 4; t++) {
			struct iscsip_pdu p = it_pdu(ISCSIP_OP_REJECT, ISCSIP_TAG_NONE);
			uint8_t bhs[48] = { 0 };

			if ((t == 0 && op == ISCSIP_OP_SCSI_COMMAND) || (t == 1 && op == ISCSIP_OP_NOP_OUT))
				continue;
			bhs[0] = (uint8_t)op;
			store_be32(bhs + 16, tags[t]);
			it_give(&R, &p, bhs, 48);
		}
	assert_false(it_is_done(&R, &K));
	assert_int_equal(R.pings, 0);
	assert_int_equal(R.err, 0);
	recover();
}

/* --- 28: pings --- */

static void a_storm_of_pings_stops_itself(void **state)
{
	struct iscsip_pdu p = it_pdu(ISCSIP_OP_NOP_IN, ISCSIP_TAG_NONE);
	static uint8_t storm[100 * 48];
	size_t n = 0, took, sum = 0;
	uint32_t i, answered = 0;

	(void)state;
	begin_read();
	for (i = 0; i < 100; i++) {
		p.nop_in.ttt = i;
		p.lun = i;
		p.nop_in.statsn = R.statsn;
		p.nop_in.expcmdsn = R.expcmdsn;
		p.nop_in.maxcmdsn = R.expcmdsn + 7;
		n += it_encode(&R, storm + n, &p, NULL, 0, 0);
	}
	/* what it can not remember it does not take */
	took = it_feed(&R, storm, n);
	assert_true(took < 10 * 48);
	assert_false(iscsip_conn_want(R.c) & ISCSIP_WANT_RX);
	assert_int_equal(it_feed(&R, storm + took, n - took), 0);
	sum = took;
	while (answered < 100) {
		it_take(&R, ISCSIP_OP_NOP_OUT);
		assert_int_equal(R.got.h.nop_out.ttt, answered);
		assert_true(R.got.h.lun == answered);
		answered++;
		sum += it_feed(&R, storm + sum, n - sum);
	}
	assert_int_equal(sum, n);
	it_quiet(&R);
	recover();
}

static void pings_with_data_or_two_tags_break_the_protocol(void **state)
{
	struct iscsip_pdu p;
	uint8_t data[16] = { 0 };

	(void)state;
	begin_read();
	p = it_pdu(ISCSIP_OP_NOP_IN, ISCSIP_TAG_NONE);
	p.nop_in.ttt = 1;
	it_give(&R, &p, junk, 4);
	broken(ISCSIP_EPROTO, ISCSIP_RULE_NOP_IN_DATA);
	begin_read();
	assert_int_equal(iscsip_initiator_ping(R.c, data, 16, data, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_NOP_OUT);
	p = it_pdu(ISCSIP_OP_NOP_IN, R.got.h.itt);
	p.nop_in.ttt = 1;
	it_give(&R, &p, NULL, 0);
	broken(ISCSIP_EPROTO, ISCSIP_RULE_NOP_IN_TAGS);
	begin_read();
	assert_int_equal(iscsip_initiator_ping(R.c, data, 16, data, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_NOP_OUT);
	p = it_pdu(ISCSIP_OP_NOP_IN, R.got.h.itt);
	p.nop_in.ttt = ISCSIP_TAG_NONE;
	it_give(&R, &p, junk, 17);
	broken(ISCSIP_EPROTO, ISCSIP_RULE_PING_DATA);
}

/* --- text --- */

static void text_that_is_none_ends_the_request_and_not_the_session(void **state)
{
	static const struct { const char *text; uint32_t len; int err; } cases[] = {
		{ "novalue", 8, ISCSIP_EPROTO },
		{ "=x", 3, ISCSIP_EPROTO },
		{ "X-a=unended", 11, ISCSIP_EPROTO },
		{ "\0\0", 2, ISCSIP_EPROTO },
		{ NULL, 65600, ISCSIP_ENOSPC },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct iscsip_pdu p;

		configure();
		R.offer.max_recv_data_segment_length = 70000;
		it_open(&R);
		it_login(&R);
		assert_int_equal(iscsip_initiator_text(R.c, "SendTargets=All", 16, &R, R.now), ISCSIP_OK);
		it_take(&R, ISCSIP_OP_TEXT_REQUEST);
		memset(junk, 'x', sizeof junk);
		memcpy(junk, "X-long=", 7);
		p = it_pdu(ISCSIP_OP_TEXT_RESPONSE, R.got.h.itt);
		p.text_response.ttt = ISCSIP_TAG_NONE;
		it_give(&R, &p, cases[i].text ? (const void *)cases[i].text : junk, cases[i].len);
		assert_int_equal(R.text_ends, 1);
		assert_int_equal(R.text_err, cases[i].err);
		assert_int_equal(R.err, 0);
		memset(area, 0xa7, sizeof area);
		recover();
	}
}

static void answers_without_end_that_bring_nothing_are_given_up(void **state)
{
	uint32_t itt, i = 0;

	(void)state;
	begin_read();
	assert_int_equal(iscsip_initiator_text(R.c, "SendTargets=", 13, &R, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_TEXT_REQUEST);
	itt = R.got.h.itt;
	while (R.text_ends == 0) {
		struct iscsip_pdu p = it_pdu(ISCSIP_OP_TEXT_RESPONSE, itt);

		assert_true(i < 1000);
		p.final = false;
		p.text_response.ttt = i++;
		it_give(&R, &p, NULL, 0);
		if (R.text_ends == 0)
			it_take(&R, ISCSIP_OP_TEXT_REQUEST);
	}
	assert_int_equal(i, R.cfg.login_max_pdus + 1);
	assert_int_equal(R.text_err, ISCSIP_EPROTO);
	it_quiet(&R);
	recover();
}

static void a_final_answer_to_half_a_request_ends_the_connection(void **state)
{
	static const char text[] = "X-org.test.a=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	static char twelve[12 * sizeof text];
	struct iscsip_pdu p;
	int i;

	(void)state;
	for (i = 0; i < 12; i++)
		memcpy(twelve + (size_t)i * sizeof text, text, sizeof text);
	configure();
	memset(area, 0xa7, sizeof area);
	R.target_offer.max_recv_data_segment_length = 512;
	it_open(&R);
	it_login(&R);
	it_read(&K, area + GUARD, ROOM);
	submit_command(&K);
	assert_int_equal(iscsip_initiator_text(R.c, twelve, sizeof twelve, &R, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_TEXT_REQUEST);
	assert_false(R.got.h.final);
	p = it_pdu(ISCSIP_OP_TEXT_RESPONSE, R.got.h.itt);
	p.text_response.ttt = ISCSIP_TAG_NONE;
	it_give(&R, &p, NULL, 0);
	broken(ISCSIP_EPROTO, ISCSIP_RULE_TEXT_FINAL);
}

/* --- 1: cuts; random bytes --- */

static void a_connection_cut_anywhere_gives_every_task_back(void **state)
{
	uint8_t stream[2000];
	size_t n, cut;

	(void)state;
	for (cut = 0; cut < 700; cut += cut < 160 ? 1 : 7) {
		uint32_t itt = begin_read();
		struct iscsip_pdu p = it_pdu_data_in(itt, 0, 0, false);

		p.data_in.expcmdsn = R.expcmdsn;
		p.data_in.maxcmdsn = R.expcmdsn + 7;
		n = it_encode(&R, stream, &p, junk, 513, 0);
		p = it_pdu_response(itt, 2);
		p.scsi_response.statsn = R.statsn;
		p.scsi_response.expdatasn = 1;
		n += it_encode(&R, stream + n, &p, "\0\7sssssss", 9, 0);
		it_feed(&R, stream, cut < n ? cut : n);
		it_close(&R);
		assert_true(it_is_done(&R, &K));
		assert_int_equal(K.t.result.err, cut < n ? ISCSIP_ECLOSED : ISCSIP_OK);
		assert_int_equal(K.t.result.in_len, cut >= 48 + 516 ? 513 : 0);
		guards_hold();
		it_end(&R);
	}
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* Headers with good opcodes and wild fields, over a busy session. */
static void wild_headers_never_reach_foreign_memory(void **state)
{
	static const uint8_t ops[] = { ISCSIP_OP_NOP_IN, ISCSIP_OP_SCSI_RESPONSE, ISCSIP_OP_TASK_RESPONSE, ISCSIP_OP_TEXT_RESPONSE,
				       ISCSIP_OP_DATA_IN, ISCSIP_OP_R2T, ISCSIP_OP_ASYNC, ISCSIP_OP_REJECT };
	uint32_t seed = 1, round;

	(void)state;
	for (round = 0; round < 3000; round++) {
		uint32_t itt = begin_read(), steps = 20;
		struct it_task w;

		it_write(&w, junk, ROOM);
		(void)submit_command(&w);
		while (steps-- && iscsip_conn_want(R.c) & ISCSIP_WANT_RX) {
			uint8_t bhs[48] = { 0 };
			uint32_t len = next_random(&seed) % 4 ? next_random(&seed) % 600 : 0, i;

			bhs[0] = ops[next_random(&seed) % sizeof ops];
			bhs[1] = (uint8_t)(0x80 | (next_random(&seed) & 0x7f));
			if (bhs[0] == ISCSIP_OP_R2T || bhs[0] == ISCSIP_OP_TASK_RESPONSE)
				len = 0;
			if (bhs[0] == ISCSIP_OP_REJECT)
				len += 48;
			store_be24(bhs + 5, len);
			store_be32(bhs + 16, next_random(&seed) % 3 ? itt : itt + 1u);
			store_be32(bhs + 20, next_random(&seed) % 3 ? ISCSIP_TAG_NONE : next_random(&seed));
			store_be32(bhs + 24, R.statsn);
			store_be32(bhs + 28, R.expcmdsn);
			store_be32(bhs + 32, R.expcmdsn + 7);
			for (i = 36; i < 48; i += 4)
				store_be32(bhs + i, next_random(&seed) % 2 ? 0 : next_random(&seed) % 5000);
			it_feed(&R, bhs, 48);
			it_feed(&R, junk, iscsip_pad4(len));
			R.statsn += bhs[0] != ISCSIP_OP_R2T && (bhs[0] != ISCSIP_OP_DATA_IN || bhs[1] & 1);
			it_drain(&R);
			R.out_len = 0;
		}
		guards_hold();
		it_close(&R);
		assert_true(it_is_done(&R, &K) && it_is_done(&R, &w));
		it_end(&R);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_lengths_are_taken_up_to_the_limit_and_not_beyond),
		cmocka_unit_test(additional_headers_belong_to_no_response),
		cmocka_unit_test(data_where_none_belongs_and_none_where_it_does),
		cmocka_unit_test(every_foreign_opcode_ends_the_connection),
		cmocka_unit_test(nothing_but_a_login_response_is_taken_in_login),
		cmocka_unit_test(a_discovery_session_takes_no_scsi),
		cmocka_unit_test(a_wrong_header_digest_ends_the_connection_whatever_follows),
		cmocka_unit_test(answers_for_tags_never_given_out_end_the_connection),
		cmocka_unit_test(answers_of_the_wrong_kind_end_the_connection),
		cmocka_unit_test(what_comes_after_the_end_of_a_task_is_dropped),
		cmocka_unit_test(an_old_tag_does_not_reach_the_new_task),
		cmocka_unit_test(data_in_outside_the_room_is_not_placed),
		cmocka_unit_test(data_in_out_of_order_ends_the_connection),
		cmocka_unit_test(bytes_that_come_twice_do_not_hide_those_that_are_missing),
		cmocka_unit_test(data_in_more_pieces_than_can_be_known_ends_its_task_alone),
		cmocka_unit_test(a_task_begins_with_no_data_whatever_its_tag_had_before),
		cmocka_unit_test(data_numbers_may_repeat_but_not_skip),
		cmocka_unit_test(flags_that_contradict_each_other_end_the_connection),
		cmocka_unit_test(the_acknowledge_bit_is_ignored_at_level_0_and_so_are_bidi_flags_of_a_read),
		cmocka_unit_test(status_of_a_bidirectional_command_comes_in_a_response),
		cmocka_unit_test(r2ts_outside_what_was_agreed_end_the_connection),
		cmocka_unit_test(more_r2ts_than_agreed_end_the_connection),
		cmocka_unit_test(every_task_may_have_all_its_r2ts_at_once),
		cmocka_unit_test(an_r2t_that_comes_twice_is_answered_once),
		cmocka_unit_test(a_response_ends_the_data_of_its_task),
		cmocka_unit_test(sense_lengths_that_lie_end_the_connection),
		cmocka_unit_test(a_status_number_left_out_ends_the_connection),
		cmocka_unit_test(a_status_number_that_was_passed_is_dropped),
		cmocka_unit_test(a_window_that_never_opens_costs_nothing),
		cmocka_unit_test(storms_of_events_and_rejects_grow_nothing),
		cmocka_unit_test(rejects_of_foreign_headers_harm_nobody),
		cmocka_unit_test(a_storm_of_pings_stops_itself),
		cmocka_unit_test(pings_with_data_or_two_tags_break_the_protocol),
		cmocka_unit_test(text_that_is_none_ends_the_request_and_not_the_session),
		cmocka_unit_test(answers_without_end_that_bring_nothing_are_given_up),
		cmocka_unit_test(a_final_answer_to_half_a_request_ends_the_connection),
		cmocka_unit_test(a_connection_cut_anywhere_gives_every_task_back),
		cmocka_unit_test(wild_headers_never_reach_foreign_memory),
	};

	return cmocka_run_group_tests_name("initiator, hostile targets", tests, NULL, NULL);
}
