/* SPDX-License-Identifier: MIT */
/*
 * What RFC 7143 demands of an initiator that meets a target which breaks rules or makes use of rarely used ones: numbers (4.2.2,
 * 7.9), consistency of a task's PDUs (4.2.5.3, 11.8), formats (7.7), the Login Phase (4.2.4), Rejects, NOP and logout. Each
 * test is named in docs/conformance.tsv.
 */
#include "flow/ini_rig.h"

#include <stdlib.h>

static struct ini_rig R;
static uint8_t out[65536], in[65536];

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

/* A PDU with numbers of its own choice. */
static void give_raw(struct iscsip_pdu p, uint32_t statsn, const void *data, uint32_t len)
{
	static uint8_t buf[70000];

	p.reply.statsn = statsn;
	p.reply.expcmdsn = R.expcmdsn;
	p.reply.maxcmdsn = R.expcmdsn + R.window - 1u;
	it_feed(&R, buf, it_encode(&R, buf, &p, data, len, 0));
}

static void begin_solicited(void)
{
	it_init(&R);
	R.offer.immediate_data = false;
	R.offer.initial_r2t = true;
	R.offer.max_burst_length = R.offer.first_burst_length = 4096;
	R.offer.max_outstanding_r2t = 2;
	it_open(&R);
	it_login(&R);
	assert_int_equal(iscsip_session_params(R.s)->max_burst_length, 4096);
}

/* --- numbers --- */

static void requests_are_numbered_from_the_login_on_and_immediate_ones_use_no_number(void **state)
{
	static const bool immediate[] = { false, true, true, false, true, false, false };
	uint32_t next = 0xfffffffeu;
	struct it_task k[7];
	size_t i;

	(void)state;
	it_init(&R);
	R.cfg.initial_cmdsn = next;
	it_open(&R);
	it_take(&R, ISCSIP_OP_LOGIN_REQUEST);
	assert_int_equal(R.got.h.request.cmdsn, next);
	assert_true(R.got.h.immediate);
	assert_int_equal(R.got.h.login_request.tsih, 0);
	it_end(&R);
	it_init(&R);
	R.cfg.initial_cmdsn = next;
	it_open(&R);
	it_login(&R);
	for (i = 0; i < 7; i++) {
		plain(&k[i]);
		k[i].t.immediate = immediate[i];
		(void)submit_command(&k[i]);
		assert_int_equal(R.got.h.immediate, immediate[i]);
		assert_int_equal(R.got.h.request.cmdsn, next);
		next += !immediate[i];
		assert_int_equal(iscsip_initiator_ping(R.c, in, 0, in, R.now), ISCSIP_OK);
		it_take(&R, ISCSIP_OP_NOP_OUT);
		assert_true(R.got.h.immediate);
		assert_int_equal(R.got.h.request.cmdsn, next);
		{
			struct iscsip_pdu p = it_pdu(ISCSIP_OP_NOP_IN, R.got.h.itt);

			p.nop_in.ttt = ISCSIP_TAG_NONE;
			it_give(&R, &p, NULL, 0);
		}
	}
	assert_int_equal(next, 2);
	it_end(&R);
}

static void a_status_number_left_out_ends_the_connection_and_one_that_came_is_dropped(void **state)
{
	struct it_task k;
	uint32_t itt;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		static const uint32_t gaps[] = { 1, 0x7ffffffe };

		it_begin(&R);
		plain(&k);
		itt = submit_command(&k);
		give_raw(it_pdu_response(itt, 0), R.statsn - 1u, NULL, 0);
		give_raw(it_pdu_response(itt, 0), R.statsn - 90u, NULL, 0);
		assert_int_equal(R.err, 0);
		assert_false(it_is_done(&R, &k));
		give_raw(it_pdu_response(itt, 0), R.statsn + gaps[i], NULL, 0);
		it_expect_broken(&R, ISCSIP_EPROTO, ISCSIP_RULE_STATSN);
		assert_false(it_is_done(&R, &k));
		it_close(&R);
		assert_int_equal(R.state, ISCSIP_SESSION_FAILED);
		it_end(&R);
	}
}

static void a_data_number_left_out_ends_the_connection_and_one_that_came_is_dropped(void **state)
{
	struct iscsip_pdu p;
	struct it_task k;
	uint32_t itt;

	(void)state;
	it_begin(&R);
	it_read(&k, in, 4096);
	itt = submit_command(&k);
	memset(out, 1, sizeof out);
	p = it_pdu_data_in(itt, 0, 0, false);
	it_give(&R, &p, out, 512);
	memset(out, 2, sizeof out);
	p = it_pdu_data_in(itt, 0, 0, false);
	it_give(&R, &p, out, 512);
	assert_int_equal(R.err, 0);
	assert_int_equal(in[0], 1);
	p = it_pdu_data_in(itt, 2, 512, true);
	it_give(&R, &p, out, 512);
	it_expect_broken(&R, ISCSIP_EPROTO, ISCSIP_RULE_DATASN);
	it_end(&R);
	/* R2Ts likewise: the one that comes twice is answered once */
	begin_solicited();
	it_write(&k, out, 8192);
	itt = submit_command(&k);
	p = it_pdu_r2t(itt, 5, 0, 0, 4096);
	it_give(&R, &p, NULL, 0);
	it_give(&R, &p, NULL, 0);
	it_take(&R, ISCSIP_OP_DATA_OUT);
	assert_int_equal(R.got.h.data_len, 4096);
	assert_true(R.got.h.final);
	it_quiet(&R);
	p = it_pdu_r2t(itt, 6, 2, 4096, 4096);
	it_give(&R, &p, NULL, 0);
	it_expect_broken(&R, ISCSIP_EPROTO, ISCSIP_RULE_DATASN);
	it_end(&R);
}

/* --- a task's PDUs --- */

static void an_r2t_that_does_not_fit_its_task_ends_the_connection(void **state)
{
	int n;

	(void)state;
	for (n = 0; n < 10; n++) {
		static const unsigned rules[] = { ISCSIP_RULE_TASK_LUN, ISCSIP_RULE_TASK_TAG, ISCSIP_RULE_R2T_RANGE,
						  ISCSIP_RULE_R2T_BURST, ISCSIP_RULE_R2T_ORDER, ISCSIP_RULE_R2T_COUNT,
						  ISCSIP_RULE_TASK_KIND, ISCSIP_RULE_R2T_TTT, ISCSIP_RULE_R2T_LEN,
						  ISCSIP_RULE_R2T_RANGE };
		struct it_task k, other;
		struct iscsip_pdu p, first, second;
		uint32_t itt, read;

		begin_solicited();
		it_write(&k, out, 10000);
		itt = submit_command(&k);
		plain(&other);
		read = submit_command(&other);
		p = it_pdu_r2t(itt, 5, 0, 0, 4096);
		if (n == 0)
			p.lun = 1ull << 48;
		if (n == 1)
			p.itt = 0x7777u;
		if (n == 2)
			p.r2t.buffer_offset = 10001;
		if (n == 3)
			p.r2t.desired_len = 4097;
		if (n == 4)
			p.r2t.buffer_offset = 512;
		if (n == 5) {
			R.step = 0;
			first = it_pdu_r2t(itt, 1, 0, 0, 512);
			second = it_pdu_r2t(itt, 2, 1, 512, 512);
			it_give(&R, &first, NULL, 0);
			it_give(&R, &second, NULL, 0);
			p = it_pdu_r2t(itt, 3, 2, 1024, 512);
		}
		if (n == 6)
			p.itt = read;
		if (n == 7)
			p.r2t.ttt = ISCSIP_TAG_NONE;
		if (n == 8)
			p.r2t.desired_len = 0;
		if (n == 9) {
			p.r2t.buffer_offset = 9000;
			p.r2t.desired_len = 1001;
		}
		it_give(&R, &p, NULL, 0);
		it_expect_broken(&R, ISCSIP_EPROTO, rules[n]);
		it_end(&R);
	}
}

static void answer_r2ts(bool with_lun)
{
	uint32_t itt, off = 0, sn = 0, i;
	struct iscsip_pdu p;
	struct it_task k;

	for (i = 0; i < sizeof out; i++)
		out[i] = (uint8_t)(i * 3 + i / 256);
	it_init(&R);
	R.offer.immediate_data = false;
	R.offer.initial_r2t = true;
	R.target_offer.max_recv_data_segment_length = 1027; /* no multiple of words */
	if (!with_lun)
		R.cfg.flags |= ISCSIP_CFG_ANY_LUN;
	it_open(&R);
	it_login(&R);
	it_write(&k, out, 20000);
	k.t.lun = 3ull << 48;
	itt = submit_command(&k);
	while (off < 20000) {
		uint32_t len = sn % 2 ? 700 : 3001, at = off, datasn = 0;

		len = len < 20000 - off ? len : 20000 - off;
		p = it_pdu_r2t(itt, 0x100 + sn, sn, off, len);
		p.lun = with_lun ? k.t.lun : 0;
		it_give(&R, &p, NULL, 0);
		do {
			it_take(&R, ISCSIP_OP_DATA_OUT);
			assert_int_equal(R.got.h.itt, itt);
			assert_true(R.got.h.lun == k.t.lun);
			assert_int_equal(R.got.h.data_out.ttt, 0x100 + sn);
			assert_int_equal(R.got.h.data_out.datasn, datasn++);
			assert_int_equal(R.got.h.data_out.buffer_offset, at);
			assert_true(R.got.h.data_len <= 1027);
			assert_memory_equal(R.got.data, out + at, R.got.h.data_len);
			at += R.got.h.data_len;
			assert_true(at <= off + len);
			assert_int_equal(R.got.h.final, at == off + len);
			if (!R.got.h.final)
				assert_int_equal(R.got.h.data_len % 4, 0);
		} while (at < off + len);
		it_quiet(&R);
		off += len;
		sn++;
	}
	it_end(&R);
}

static void r2ts_are_answered_with_exactly_what_they_ask_for(void **state)
{
	(void)state;
	answer_r2ts(true);
}

static void an_r2t_without_a_lun_is_answered_with_the_commands_where_the_host_is_lenient(void **state)
{
	(void)state;
	answer_r2ts(false);
}

static void the_a_bit_of_a_data_in_is_ignored_at_level_0(void **state)
{
	struct iscsip_pdu p;
	struct it_task k;
	uint32_t itt;

	(void)state;
	it_begin(&R);
	it_read(&k, in, 512);
	itt = submit_command(&k);
	p = it_pdu_data_in(itt, 0, 0, true);
	p.data_in.ack = true;
	p.data_in.ttt = 77;
	p.data_in.has_status = true;
	it_give(&R, &p, out, 512);
	assert_true(it_is_done(&R, &k));
	assert_int_equal(k.t.result.err, ISCSIP_OK);
	it_quiet(&R);
	it_end(&R);
}

static void status_of_a_bidirectional_command_does_not_come_in_a_data_in(void **state)
{
	struct iscsip_pdu p;
	struct it_task k;

	(void)state;
	it_begin(&R);
	it_read(&k, in, 512);
	k.out.base = out;
	k.out.len = k.t.out_len = 64;
	k.t.out_vec = &k.out;
	k.t.out_cnt = 1;
	p = it_pdu_data_in(submit_command(&k), 0, 0, true);
	p.data_in.has_status = true;
	it_give(&R, &p, out, 512);
	it_expect_broken(&R, ISCSIP_EPROTO, ISCSIP_RULE_IN_BIDI);
	it_end(&R);
}

static void data_that_comes_or_is_asked_for_again_is_taken_and_sent_again(void **state)
{
	struct iscsip_pdu p;
	struct it_task k;
	uint32_t itt, i;

	(void)state;
	/* where no order was agreed on, a range that comes again is written again, and what is there is not told by a count */
	it_init(&R);
	R.offer.data_pdu_in_order = R.target_offer.data_pdu_in_order = false;
	R.offer.data_sequence_in_order = R.target_offer.data_sequence_in_order = false;
	R.offer.immediate_data = false;
	R.offer.initial_r2t = true;
	it_open(&R);
	it_login(&R);
	it_read(&k, in, 1024);
	itt = submit_command(&k);
	for (i = 0; i < 3; i++) {
		memset(out, (int)i, 512);
		p = it_pdu_data_in(itt, i, 512, i == 2);
		it_give(&R, &p, out, 512);
		assert_int_equal(in[512], i);
	}
	p = it_pdu_data_in(itt, 3, 0, true);
	it_give(&R, &p, out, 512);
	p = it_pdu_response(itt, 0);
	p.scsi_response.expdatasn = 4;
	it_give(&R, &p, NULL, 0);
	assert_true(it_is_done(&R, &k));
	assert_int_equal(k.t.result.in_len, 1024);
	R.done_count = 0;
	/* and a range that is asked for again is sent again */
	it_write(&k, out, 1024);
	itt = submit_command(&k);
	for (i = 0; i < 3; i++) {
		p = it_pdu_r2t(itt, i, i, 512, 512);
		it_give(&R, &p, NULL, 0);
		it_take(&R, ISCSIP_OP_DATA_OUT);
		assert_int_equal(R.got.h.data_out.buffer_offset, 512);
		assert_int_equal(R.got.h.data_len, 512);
	}
	it_end(&R);
}

/* --- phases, formats, Rejects --- */

static void any_pdu_but_a_login_response_ends_a_login(void **state)
{
	static const uint8_t opcodes[] = { ISCSIP_OP_NOP_IN, ISCSIP_OP_SCSI_RESPONSE, ISCSIP_OP_ASYNC, ISCSIP_OP_REJECT,
					   ISCSIP_OP_TEXT_RESPONSE, ISCSIP_OP_LOGIN_REQUEST };
	uint8_t bhs[48] = { ISCSIP_OP_LOGIN_REQUEST };
	size_t i;
	int later;

	(void)state;
	for (later = 0; later < 2; later++)
		for (i = 0; i < sizeof opcodes; i++) {
			struct iscsip_pdu p;
			uint32_t itt;

			it_init(&R);
			it_open(&R);
			it_take(&R, ISCSIP_OP_LOGIN_REQUEST);
			itt = R.got.h.itt;
			if (later) { /* in the middle of it */
				p = it_pdu(ISCSIP_OP_LOGIN_RESPONSE, itt);
				p.final = false;
				p.login_response.csg = R.got.h.login_request.csg;
				memcpy(p.login_response.isid, R.got.h.login_request.isid, 6);
				it_give(&R, &p, NULL, 0);
				it_take(&R, ISCSIP_OP_LOGIN_REQUEST);
			}
			p = it_pdu(opcodes[i], opcodes[i] == ISCSIP_OP_TEXT_RESPONSE ? itt : ISCSIP_TAG_NONE);
			if (opcodes[i] == ISCSIP_OP_NOP_IN)
				p.nop_in.ttt = ISCSIP_TAG_NONE;
			/* also the one that used to reset a negotiation (11.17.1) */
			if (opcodes[i] == ISCSIP_OP_REJECT)
				p.reject.reason = ISCSIP_REJECT_NEGOTIATION_RESET;
			it_give(&R, &p, bhs, opcodes[i] == ISCSIP_OP_REJECT ? 48 : 0);
			assert_int_equal(iscsip_conn_error(R.c)->code, ISCSIP_EPROTO);
			it_quiet(&R);
			assert_int_equal(iscsip_conn_want(R.c), ISCSIP_WANT_CLOSE);
			it_close(&R);
			assert_int_equal(R.logins, 1);
			assert_int_equal(R.login_err, ISCSIP_EPROTO);
			it_end(&R);
		}
}

static void a_pdu_that_is_not_well_formed_ends_the_connection_and_its_tasks(void **state)
{
	int n;

	(void)state;
	for (n = 0; n < 6; n++) {
		struct iscsip_pdu p;
		struct it_task k;
		uint32_t itt;

		it_begin(&R);
		it_read(&k, in, 512);
		itt = submit_command(&k);
		p = it_pdu_response(itt, 2); /* 0: CHECK CONDITION without sense data */
		if (n == 1) {
			p = it_pdu_data_in(itt, 0, 0, false); /* S without F */
			p.data_in.has_status = true;
		}
		if (n == 2)
			p = it_pdu(ISCSIP_OP_LOGIN_RESPONSE, itt);
		if (n == 3)
			p = it_pdu(0x3e, itt);
		if (n == 4) {
			p = it_pdu_data_in(itt, 0, 0, true); /* an error in a Data-In */
			p.data_in.has_status = true;
			p.data_in.status = 2;
		}
		if (n == 5) {
			p = it_pdu_response(itt, 0);
			p.scsi_response.overflow = p.scsi_response.underflow = true;
		}
		if (n == 3) {
			uint8_t bhs[48] = { 0x3e, 0x80 };

			it_feed(&R, bhs, sizeof bhs);
		} else {
			it_give(&R, &p, NULL, 0);
		}
		assert_int_equal(iscsip_conn_error(R.c)->code, ISCSIP_EPROTO);
		assert_false(iscsip_conn_want(R.c) & ISCSIP_WANT_RX);
		it_close(&R);
		assert_true(it_is_done(&R, &k));
		assert_int_not_equal(k.t.result.err, ISCSIP_OK);
		assert_int_equal(R.state, ISCSIP_SESSION_FAILED);
		it_end(&R);
	}
}

static void a_late_answer_to_task_management_is_dropped(void **state)
{
	struct it_task k, m;
	struct iscsip_pdu p;
	uint32_t itt;

	(void)state;
	it_begin(&R);
	plain(&k);
	itt = submit_command(&k);
	assert_int_equal(iscsip_initiator_tmf(R.s, ISCSIP_TMF_ABORT_TASK_SET, 0, NULL, &R, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_TASK_REQUEST);
	p = it_pdu(ISCSIP_OP_TASK_RESPONSE, R.got.h.itt);
	it_give(&R, &p, NULL, 0);
	assert_true(it_is_done(&R, &k));
	assert_int_equal(R.tmfs, 1);
	/* once more, and the response of a task that was concluded: neither is told to anybody */
	it_give(&R, &p, NULL, 0);
	p = it_pdu_response(itt, 0);
	it_give(&R, &p, NULL, 0);
	assert_int_equal(R.tmfs, 1);
	assert_int_equal(R.done_count, 1);
	assert_int_equal(R.err, 0);
	plain(&m);
	p = it_pdu_response(submit_command(&m), 0);
	it_give(&R, &p, NULL, 0);
	assert_true(it_is_done(&R, &m));
	it_end(&R);
}

static void a_nop_in_is_answered_only_if_it_asks(void **state)
{
	struct iscsip_pdu p;
	uint32_t i;

	(void)state;
	it_begin(&R);
	for (i = 0; i < 3; i++) {
		p = it_pdu(ISCSIP_OP_NOP_IN, ISCSIP_TAG_NONE);
		p.nop_in.ttt = ISCSIP_TAG_NONE;
		it_give(&R, &p, NULL, 0);
		it_quiet(&R);
		p.nop_in.ttt = 40 + i;
		p.lun = (uint64_t)i << 48;
		it_give(&R, &p, NULL, 0);
		it_take(&R, ISCSIP_OP_NOP_OUT);
		assert_int_equal(R.got.h.itt, ISCSIP_TAG_NONE);
		assert_int_equal(R.got.h.nop_out.ttt, 40 + i);
		assert_true(R.got.h.lun == p.lun);
		assert_true(R.got.h.immediate);
		assert_int_equal(R.got.h.data_len, 0);
		it_quiet(&R);
	}
	it_end(&R);
}

static void task_tags_are_unique_while_their_task_lives_and_never_the_reserved_one(void **state)
{
	struct it_task k[8];
	uint32_t tags[8];
	int round, i, j;

	(void)state;
	it_begin(&R);
	for (round = 0; round < 100; round++) {
		R.done_count = 0;
		for (i = 0; i < 8; i++) {
			plain(&k[i]);
			tags[i] = submit_command(&k[i]);
			assert_int_not_equal(tags[i], ISCSIP_TAG_NONE);
			for (j = 0; j < i; j++)
				assert_int_not_equal(tags[i], tags[j]);
		}
		for (i = 0; i < 8; i++) {
			struct iscsip_pdu p = it_pdu_response(tags[i], 0);

			it_give(&R, &p, NULL, 0);
		}
		assert_int_equal(R.done_count, 8);
	}
	it_end(&R);
}

static void a_residual_count_without_a_flag_is_ignored(void **state)
{
	struct iscsip_pdu p;
	struct it_task k;

	(void)state;
	it_begin(&R);
	it_write(&k, out, 512);
	p = it_pdu_response(submit_command(&k), 0);
	p.scsi_response.residual = 100;
	p.scsi_response.bidi_residual = 100;
	it_give(&R, &p, NULL, 0);
	assert_true(it_is_done(&R, &k));
	assert_int_equal(k.t.result.out_residual, 0);
	assert_false(k.t.result.out_overflow);
	assert_int_equal(k.t.result.in_residual, 0);
	R.done_count = 0;
	it_write(&k, out, 512);
	p = it_pdu_response(submit_command(&k), 0);
	p.scsi_response.underflow = true;
	p.scsi_response.residual = 100;
	it_give(&R, &p, NULL, 0);
	assert_int_equal(k.t.result.out_residual, 100);
	it_end(&R);
}

static void requests_of_one_exchange_of_text_are_alike_and_a_final_answers_tag_is_ignored(void **state)
{
	static char text[1400];
	struct iscsip_pdu p;
	uint32_t itt, n, sent = 0;

	(void)state;
	memset(text, 'x', sizeof text);
	memcpy(text, "X-org.test.a=", 13);
	text[sizeof text - 1] = 0;
	it_init(&R);
	R.target_offer.max_recv_data_segment_length = 512;
	it_open(&R);
	it_login(&R);
	assert_int_equal(iscsip_initiator_text(R.c, text, sizeof text, &R, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_TEXT_REQUEST);
	itt = R.got.h.itt;
	for (n = 0;; n++) {
		sent += R.got.h.data_len;
		assert_true(R.got.h.data_len <= 512);
		assert_int_equal(R.got.h.itt, itt);
		assert_true(R.got.h.immediate);
		assert_int_equal(R.got.h.final, sent == sizeof text);
		assert_int_equal(R.got.h.text_request.cont, sent != sizeof text);
		assert_int_equal(R.got.h.text_request.ttt, n ? 30 + n : ISCSIP_TAG_NONE);
		assert_true(R.got.h.lun == (n ? (uint64_t)n << 48 : 0));
		/* one at a time */
		assert_int_equal(iscsip_initiator_text(R.c, text, sizeof text, &R, R.now), ISCSIP_EAGAIN);
		it_quiet(&R);
		p = it_pdu(ISCSIP_OP_TEXT_RESPONSE, itt);
		p.final = sent == sizeof text;
		p.text_response.ttt = 31 + n;
		p.lun = (uint64_t)(n + 1) << 48;
		it_give(&R, &p, NULL, 0);
		if (sent == sizeof text)
			break;
		it_take(&R, ISCSIP_OP_TEXT_REQUEST);
	}
	assert_int_equal(n, 2);
	assert_int_equal(R.text_ends, 1);
	assert_int_equal(R.text_err, ISCSIP_OK);
	it_quiet(&R);
	it_end(&R);
}

static void every_request_of_a_login_has_the_same_identity_and_version_0(void **state)
{
	struct iscsip_pdu first, p;
	int i;

	(void)state;
	it_init(&R);
	it_open(&R);
	it_take(&R, ISCSIP_OP_LOGIN_REQUEST);
	first = R.got.h;
	assert_int_equal(first.login_request.version_max, 0);
	assert_int_equal(first.login_request.version_min, 0);
	assert_int_equal(first.login_request.tsih, 0);
	assert_int_equal(first.login_request.cid, 1);
	assert_memory_equal(first.login_request.isid, "\x40\1\2\3\4\5", 6);
	for (i = 0; i < 5; i++) {
		p = it_pdu(ISCSIP_OP_LOGIN_RESPONSE, first.itt);
		p.final = false;
		p.login_response.csg = first.login_request.csg;
		memcpy(p.login_response.isid, first.login_request.isid, 6);
		it_give(&R, &p, NULL, 0);
		it_take(&R, ISCSIP_OP_LOGIN_REQUEST);
		assert_int_equal(R.got.h.itt, first.itt);
		assert_int_equal(R.got.h.login_request.version_max, 0);
		assert_int_equal(R.got.h.login_request.version_min, 0);
		assert_int_equal(R.got.h.login_request.tsih, 0);
		assert_int_equal(R.got.h.login_request.cid, 1);
		assert_int_equal(R.got.h.login_request.cmdsn, first.login_request.cmdsn);
		assert_memory_equal(R.got.h.login_request.isid, first.login_request.isid, 6);
	}
	it_end(&R);
}

static void a_session_that_failed_comes_again_with_its_isid_and_without_a_handle(void **state)
{
	struct it_task k;

	(void)state;
	it_begin(&R);
	plain(&k);
	(void)submit_command(&k);
	it_close(&R);
	assert_int_equal(R.state, ISCSIP_SESSION_FAILED);
	free(R.conn_mem);
	R.logins = 0;
	R.out_len = 0;
	it_open(&R);
	it_take(&R, ISCSIP_OP_LOGIN_REQUEST);
	assert_memory_equal(R.got.h.login_request.isid, "\x40\1\2\3\4\5", 6);
	assert_int_equal(R.got.h.login_request.tsih, 0);
	it_end(&R);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_numbered_from_the_login_on_and_immediate_ones_use_no_number),
		cmocka_unit_test(a_status_number_left_out_ends_the_connection_and_one_that_came_is_dropped),
		cmocka_unit_test(a_data_number_left_out_ends_the_connection_and_one_that_came_is_dropped),
		cmocka_unit_test(an_r2t_that_does_not_fit_its_task_ends_the_connection),
		cmocka_unit_test(r2ts_are_answered_with_exactly_what_they_ask_for),
		cmocka_unit_test(an_r2t_without_a_lun_is_answered_with_the_commands_where_the_host_is_lenient),
		cmocka_unit_test(the_a_bit_of_a_data_in_is_ignored_at_level_0),
		cmocka_unit_test(status_of_a_bidirectional_command_does_not_come_in_a_data_in),
		cmocka_unit_test(data_that_comes_or_is_asked_for_again_is_taken_and_sent_again),
		cmocka_unit_test(any_pdu_but_a_login_response_ends_a_login),
		cmocka_unit_test(a_pdu_that_is_not_well_formed_ends_the_connection_and_its_tasks),
		cmocka_unit_test(a_late_answer_to_task_management_is_dropped),
		cmocka_unit_test(a_nop_in_is_answered_only_if_it_asks),
		cmocka_unit_test(a_residual_count_without_a_flag_is_ignored),
		cmocka_unit_test(requests_of_one_exchange_of_text_are_alike_and_a_final_answers_tag_is_ignored),
		cmocka_unit_test(every_request_of_a_login_has_the_same_identity_and_version_0),
		cmocka_unit_test(a_session_that_failed_comes_again_with_its_isid_and_without_a_handle),
		cmocka_unit_test(task_tags_are_unique_while_their_task_lives_and_never_the_reserved_one),
	};

	return cmocka_run_group_tests_name("conformance: initiator", tests, NULL, NULL);
}
