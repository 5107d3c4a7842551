/* SPDX-License-Identifier: MIT */
/*
 * Bytes at the target: streams cut anywhere, lengths at their limits, digests, additional headers, opcodes. Attack groups 1
 * to 6. After each attack that leaves a connection, it still works; after each that does not, a new one does.
 */
#include "flow/target_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- 1: the same session, its bytes cut in every way --- */

struct transcript {
	uint8_t *bytes;
	size_t len;
};

static void transcribe(struct rig *r, struct transcript *t)
{
	struct peer_pdu got;

	while (peer_recv(&r->peer[0], &got)) {
		struct iscsip_pdu_lengths len = iscsip_pdu_measure(&got.h, r->peer[0].header_digest, r->peer[0].data_digest);

		assert_true(got.header_digest_ok && got.data_digest_ok);
		assert_true(t->len + len.total <= PEER_BUF);
		memcpy(t->bytes + t->len, got.bhs, len.total);
		t->len += len.total;
	}
}

/* Every kind of PDU that an initiator sends, once at least. */
static void play(struct rig *r, struct transcript *t)
{
	static uint8_t data[5003];
	struct iscsip_pdu h, w, d;
	struct peer_pdu got;
	uint8_t ahs[64];
	int n;

	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * 11);
	h = rig_read(r, 0, 1000);
	peer_send(&r->peer[0], &h, NULL, 0);
	transcribe(r, t);
	w = rig_write(r, 9, 5003);
	w.final = false;
	peer_send(&r->peer[0], &w, data, 101);
	d = (struct iscsip_pdu){ .opcode = ISCSIP_OP_DATA_OUT, .itt = w.itt, .final = false };
	d.data_out.ttt = ISCSIP_TAG_NONE;
	d.data_out.buffer_offset = 101;
	peer_send(&r->peer[0], &d, data + 101, 302);
	d.data_out.datasn = 1;
	d.data_out.buffer_offset = 403;
	d.final = true;
	peer_send(&r->peer[0], &d, data + 403, 621);
	got = rig_expect(r, ISCSIP_OP_R2T);
	d.data_out.ttt = got.h.r2t.ttt;
	d.data_out.datasn = 0;
	d.data_out.buffer_offset = 1024;
	peer_send(&r->peer[0], &d, data + 1024, 5003 - 1024);
	transcribe(r, t);
	assert_memory_equal(r->disk + 9 * 512, data, sizeof data);
	h = rig_request(r, ISCSIP_OP_SCSI_COMMAND);
	n = iscsip_ahs_put_cdb(ahs, sizeof ahs, data, 33);
	peer_send_ahs(&r->peer[0], &h, ahs, (size_t)n, NULL, 0);
	h = rig_request(r, ISCSIP_OP_NOP_OUT);
	h.nop_out.ttt = ISCSIP_TAG_NONE;
	peer_send(&r->peer[0], &h, data, 77);
	transcribe(r, t);
	h = rig_request(r, ISCSIP_OP_TASK_REQUEST);
	h.task_request.function = ISCSIP_TMF_LOGICAL_UNIT_RESET;
	h.task_request.ref_task_tag = ISCSIP_TAG_NONE;
	peer_send(&r->peer[0], &h, NULL, 0);
	h = rig_request(r, ISCSIP_OP_TEXT_REQUEST);
	h.text_request.ttt = ISCSIP_TAG_NONE;
	peer_send(&r->peer[0], &h, "SendTargets=", 13);
	transcribe(r, t);
	h = (struct iscsip_pdu){ .opcode = ISCSIP_OP_SNACK, .itt = ISCSIP_TAG_NONE };
	h.snack.snack_type = ISCSIP_SNACK_STATUS;
	h.snack.ttt = ISCSIP_TAG_NONE;
	peer_send(&r->peer[0], &h, NULL, 0);
	transcribe(r, t);
	h = rig_request(r, ISCSIP_OP_LOGOUT_REQUEST);
	peer_send(&r->peer[0], &h, NULL, 0);
	transcribe(r, t);
}

struct cutting {
	size_t chunk, stage, pull;
	bool in_place;
	int pieces;
	bool digests;
};

static void record(const struct cutting *c, struct transcript *t)
{
	struct rig r;
	struct peer_pdu got;
	char keys[] = "HeaderDigest=CRC32C\0DataDigest=CRC32C\0InitialR2T=No\0FirstBurstLength=1024\0MaxRecvDataSegmentLength=517";
	size_t skip = c->digests ? 0 : 38;

	t->len = 0;
	rig_init(&r);
	rig_connect(&r, 0);
	r.peer[0].chunk = c->chunk;
	r.peer[0].stage = c->stage;
	r.peer[0].in_place = c->in_place;
	r.peer[0].pieces = c->pieces;
	r.peer[0].pull = c->pull;
	assert_true(rig_login(&r, 0, keys + skip, sizeof keys - skip, &got));
	assert_int_equal(iscsip_conn_state(r.conn[0]), ISCSIP_CONN_FULL_FEATURE);
	r.peer[0].header_digest = r.peer[0].data_digest = c->digests;
	play(&r, t);
	assert_true(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_CLOSE);
	rig_close(&r);
}

static void compare(const struct cutting *c, const struct transcript *whole, struct transcript *t)
{
	record(c, t);
	assert_int_equal(t->len, whole->len);
	assert_memory_equal(t->bytes, whole->bytes, whole->len);
}

static void how_the_stream_is_cut_changes_nothing(void **state)
{
	struct transcript whole = { malloc(PEER_BUF), 0 }, t = { malloc(PEER_BUF), 0 };

	(void)state;
	for (int digests = 0; digests < 2; digests++) {
		struct cutting c = { .digests = digests };

		record(&c, &whole);
		assert_true(whole.len > 1600);
		for (c.chunk = 1; c.chunk < 120; c.chunk += 1 + c.chunk / 10)
			compare(&c, &whole, &t);
		c.chunk = 0;
		for (c.pull = 1; c.pull < 300; c.pull += 1 + c.pull / 3)
			compare(&c, &whole, &t);
		c.pull = 0;
		c.in_place = true;
		for (c.pieces = 2; c.pieces < 6; c.pieces += 3)
			for (c.stage = 0; c.stage < 200; c.stage += 1 + c.stage / 2)
				for (c.chunk = 1; c.chunk < 2000; c.chunk += 1 + c.chunk)
					compare(&c, &whole, &t);
	}
	free(whole.bytes);
	free(t.bytes);
}

/* --- 2 and 3: lengths --- */

static void data_up_to_the_limit_is_taken_and_one_byte_more_ends_the_connection(void **state)
{
	static uint8_t data[8193];

	(void)state;
	for (uint32_t len = 8191; len <= 8193; len++) {
		struct rig r;
		struct iscsip_pdu h;

		rig_init(&r);
		r.offer.max_recv_data_segment_length = 8192;
		rig_open(&r, RIG_PAIRS("ImmediateData=Yes\0FirstBurstLength=65536"));
		h = rig_write(&r, 0, len);
		peer_send(&r.peer[0], &h, data, len);
		if (len <= 8192) {
			assert_int_equal(rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE).h.scsi_response.status, 0);
			rig_alive(&r);
		} else {
			assert_int_equal(rig_expect(&r, ISCSIP_OP_REJECT).h.reject.reason, ISCSIP_REJECT_PROTOCOL);
			assert_true(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_CLOSE);
			assert_int_equal(iscsip_conn_error(r.conn[0])->rule, ISCSIP_RULE_DATA_LIMIT);
			assert_int_equal(r.places, 0);
		}
		rig_close(&r);
	}
}

static void a_length_of_16_mib_is_not_waited_for(void **state)
{
	struct rig r;
	struct iscsip_pdu h;
	uint8_t bhs[48];

	(void)state;
	rig_init(&r);
	rig_open(&r, "", 1);
	h = rig_write(&r, 0, 0xffffffff);
	h.data_len = 0xffffff;
	assert_int_equal(iscsip_pdu_encode(bhs, &h), ISCSIP_OK);
	peer_send_raw(&r.peer[0], bhs, 48);
	(void)rig_expect(&r, ISCSIP_OP_REJECT);
	assert_true(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_CLOSE);
	rig_close(&r);
}

static void data_on_pdus_that_have_none_is_a_format_error(void **state)
{
	static const uint8_t ops[] = { ISCSIP_OP_TASK_REQUEST, ISCSIP_OP_LOGOUT_REQUEST, ISCSIP_OP_SNACK };

	(void)state;
	for (size_t i = 0; i < sizeof ops; i++) {
		struct rig r;
		struct iscsip_pdu h;

		rig_init(&r);
		rig_open(&r, "", 1);
		h = rig_request(&r, ops[i]);
		peer_send(&r.peer[0], &h, "data", 4);
		assert_int_equal(rig_expect(&r, ISCSIP_OP_REJECT).h.reject.reason, ISCSIP_REJECT_PROTOCOL);
		assert_true(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_CLOSE);
		assert_int_equal(iscsip_conn_error(r.conn[0])->rule, ISCSIP_RULE_DATA);
		rig_drop(&r, 0);
		assert_true(r.freed);
		rig_close(&r);
	}
}

/* --- 4: additional headers --- */

static void broken_additional_headers_are_refused_and_returned_whole(void **state)
{
	static const struct {
		uint8_t ahs[24];
		uint8_t words;
		bool bidi, fatal;
	} rows[] = {
		{ { 0, 0, 1, 0 }, 1, false, true },                                  /* length 0 */
		{ { 0xff, 0xff, 1, 0 }, 1, false, true },                            /* past the end */
		{ { 0, 6, 1, 0, 1, 2, 3, 4, 5 }, 2, false, true },                   /* a word too long for its room */
		{ { 0, 5, 0x3f, 0, 1, 2, 3, 4 }, 2, false, false },                  /* unknown type */
		{ { 0, 5, 1, 0, 1, 2, 3, 4, 0, 5, 1, 0, 1, 2, 3, 4 }, 4, false, true }, /* two CDBs */
		{ { 0, 5, 2, 0, 1, 2, 3, 4 }, 2, false, true },                      /* a read length, but no read and write */
		{ { 0, 5, 1, 0, 1, 2, 3, 4 }, 2, true, true },                       /* read and write, but no read length */
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig r;
		struct iscsip_pdu h;
		struct peer_pdu got;

		rig_init(&r);
		rig_open(&r, RIG_PAIRS("HeaderDigest=CRC32C"));
		h = rig_read(&r, 0, 512);
		h.scsi_command.write = rows[i].bidi;
		peer_send_ahs(&r.peer[0], &h, rows[i].ahs, 4u * rows[i].words, NULL, 0);
		got = rig_expect(&r, ISCSIP_OP_REJECT);
		assert_int_equal(got.h.data_len, 48 + 4 * rows[i].words);
		assert_memory_equal(got.data + 48, rows[i].ahs, 4u * rows[i].words);
		assert_int_equal(r.execs, 0);
		if (rows[i].fatal) {
			assert_true(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_CLOSE);
		} else {
			r.cmdsn--;
			rig_alive(&r);
		}
		rig_close(&r);
	}
}

static void additional_headers_beyond_the_limit_or_on_other_pdus_end_the_connection(void **state)
{
	struct rig r;
	struct iscsip_pdu h;
	static const uint8_t ahs[1020] = { 0, 5, 1 };

	(void)state;
	rig_init(&r);
	rig_open(&r, "", 1);
	h = rig_read(&r, 0, 512);
	peer_send_ahs(&r.peer[0], &h, ahs, r.cfg.limits.ahs_max + 4, NULL, 0);
	assert_int_equal(iscsip_conn_error(r.conn[0])->rule, ISCSIP_RULE_AHS_LIMIT);
	rig_close(&r);
	rig_init(&r);
	rig_open(&r, "", 1);
	h = rig_request(&r, ISCSIP_OP_NOP_OUT);
	peer_send_ahs(&r.peer[0], &h, ahs, 8, "ping", 4);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_REJECT).h.data_len, 56);
	assert_int_equal(iscsip_conn_error(r.conn[0])->rule, ISCSIP_RULE_AHS);
	rig_close(&r);
}

/* --- 5: opcodes --- */

static void every_opcode_gets_an_answer_or_silence_and_never_more(void **state)
{
	(void)state;
	for (unsigned phase = 0; phase < 3; phase++)
		for (unsigned byte = 0; byte < 256; byte++) {
			struct rig r;
			struct peer_pdu got;
			uint8_t bhs[48] = { 0 };
			int n = 0;

			rig_init(&r);
			if (phase == 0)
				rig_connect(&r, 0);
			else if (phase == 1)
				rig_open(&r, "", 1);
			else
				rig_open(&r, RIG_PAIRS("SessionType=Discovery"));
			bhs[0] = (uint8_t)byte;
			bhs[19] = 9; /* ITT */
			bhs[24] = (uint8_t)(r.cmdsn >> 24);
			bhs[25] = (uint8_t)(r.cmdsn >> 16);
			bhs[26] = (uint8_t)(r.cmdsn >> 8);
			bhs[27] = (uint8_t)r.cmdsn;
			peer_send_raw(&r.peer[0], bhs, 48);
			while (peer_recv(&r.peer[0], &got))
				n++;
			assert_true(n <= 1);
			if (phase == 0)
				assert_true(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_CLOSE || (byte & 0x3f) == ISCSIP_OP_LOGIN_REQUEST);
			rig_close(&r);
		}
}

/* --- 6: digests --- */

/* Reserved bits are ignored (RFC 7143 11), but where a test rig wants them checked. */
static void reserved_bits_are_ignored_unless_they_are_to_be_checked(void **state)
{
	(void)state;
	for (int strict = 0; strict < 2; strict++) {
		struct iscsip_pdu h = { .opcode = ISCSIP_OP_NOP_OUT, .immediate = true, .final = true, .itt = 0x123 };
		uint8_t bhs[ISCSIP_BHS_LEN];
		struct rig r;

		rig_init(&r);
		if (strict)
			r.cfg.flags |= ISCSIP_CFG_CHECK_RESERVED;
		rig_open(&r, "", 1);
		h.nop_out.ttt = ISCSIP_TAG_NONE;
		h.request.cmdsn = r.cmdsn;
		assert_int_equal(iscsip_pdu_encode(bhs, &h), ISCSIP_OK);
		bhs[33] = 1;
		peer_send_bhs(&r.peer[0], bhs, NULL, NULL);
		if (strict) {
			assert_int_equal(iscsip_conn_error(r.conn[0])->rule, ISCSIP_RULE_RESERVED);
			assert_int_equal(iscsip_conn_error(r.conn[0])->arg, 33);
			assert_int_equal(rig_expect(&r, ISCSIP_OP_REJECT).h.reject.reason, ISCSIP_REJECT_PROTOCOL);
			assert_true(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_CLOSE);
		} else {
			assert_int_equal(rig_expect(&r, ISCSIP_OP_NOP_IN).h.itt, 0x123);
		}
		rig_close(&r);
	}
}

static void a_wrong_header_digest_ends_the_connection(void **state)
{
	struct rig r;
	struct iscsip_pdu h;
	struct iscsip_conn_stats st;

	(void)state;
	rig_init(&r);
	rig_open(&r, RIG_PAIRS("HeaderDigest=CRC32C"));
	h = rig_read(&r, 0, 512);
	r.peer[0].spoil_header_digest = true;
	peer_send(&r.peer[0], &h, NULL, 0);
	assert_true(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_CLOSE);
	assert_int_equal(iscsip_conn_error(r.conn[0])->code, ISCSIP_EDIGEST);
	iscsip_conn_get_stats(r.conn[0], &st);
	assert_int_equal(st.digest_errors, 1);
	assert_int_equal(r.execs, 0);
	rig_close(&r);
}

static void a_command_with_a_wrong_data_digest_is_discarded_and_may_come_again(void **state)
{
	static const uint8_t data[512] = { 7 };
	struct rig r;
	struct iscsip_pdu h;
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	rig_open(&r, RIG_PAIRS("DataDigest=CRC32C"));
	r.peer[0].pad = 0xff;
	h = rig_write(&r, 0, 512);
	r.peer[0].spoil_data_digest = true;
	peer_send(&r.peer[0], &h, data, 512);
	got = rig_expect(&r, ISCSIP_OP_REJECT);
	assert_int_equal(got.h.reject.reason, ISCSIP_REJECT_DATA_DIGEST);
	assert_int_equal(got.h.reject.expcmdsn, h.scsi_command.cmdsn);
	assert_string_equal(r.log, "pf");
	peer_send(&r.peer[0], &h, data, 512);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE).h.scsi_response.status, 0);
	assert_string_equal(r.log, "pfpef");
	rig_alive(&r);
	rig_close(&r);
}

static void data_with_a_wrong_digest_ends_its_command_when_all_of_it_has_come(void **state)
{
	static const uint8_t data[1024] = { 7 };
	struct rig r;
	struct iscsip_pdu h, d;
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	rig_open(&r, RIG_PAIRS("DataDigest=CRC32C"));
	h = rig_write(&r, 0, 1024);
	peer_send(&r.peer[0], &h, NULL, 0);
	got = rig_expect(&r, ISCSIP_OP_R2T);
	d = (struct iscsip_pdu){ .opcode = ISCSIP_OP_DATA_OUT, .itt = h.itt };
	d.data_out.ttt = got.h.r2t.ttt;
	r.peer[0].spoil_data_digest = true;
	peer_send(&r.peer[0], &d, data, 512);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_REJECT).h.reject.reason, ISCSIP_REJECT_DATA_DIGEST);
	rig_quiet(&r);
	d.final = true;
	d.data_out.datasn = 1;
	d.data_out.buffer_offset = 512;
	peer_send(&r.peer[0], &d, data, 512);
	got = rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE);
	assert_int_equal(got.h.scsi_response.status, 2);
	assert_int_equal(got.data[2 + 2], 0x0b);
	assert_int_equal(got.data[2 + 12], 0x47);
	assert_int_equal(got.data[2 + 13], 0x05);
	assert_string_equal(r.log, "peaf");
	rig_alive(&r);
	rig_close(&r);
}

static void text_and_pings_with_a_wrong_digest_are_rejected(void **state)
{
	struct rig r;
	struct iscsip_pdu h;

	(void)state;
	rig_init(&r);
	r.lend = true;
	rig_open(&r, RIG_PAIRS("DataDigest=CRC32C"));
	h = rig_request(&r, ISCSIP_OP_NOP_OUT);
	h.nop_out.ttt = ISCSIP_TAG_NONE;
	r.peer[0].spoil_data_digest = true;
	peer_send(&r.peer[0], &h, "ping", 4);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_REJECT).h.reject.reason, ISCSIP_REJECT_DATA_DIGEST);
	peer_send(&r.peer[0], &h, "ping", 4);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_NOP_IN).h.data_len, 4);
	h = rig_request(&r, ISCSIP_OP_TEXT_REQUEST);
	h.text_request.ttt = ISCSIP_TAG_NONE;
	r.peer[0].spoil_data_digest = true;
	peer_send(&r.peer[0], &h, "MaxRecvDataSegmentLength=512", 29);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_REJECT).h.reject.reason, ISCSIP_REJECT_DATA_DIGEST);
	peer_send(&r.peer[0], &h, "SendTargets=", 13);
	(void)rig_expect(&r, ISCSIP_OP_TEXT_RESPONSE);
	rig_alive(&r);
	rig_close(&r);
}

/* --- rejects are bounded --- */

static void a_storm_of_rubbish_waits_for_its_rejects_to_be_read(void **state)
{
	struct rig r;
	uint8_t bhs[48] = { 0x1c };
	int n = 0;
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	rig_open(&r, "", 1);
	for (int i = 0; i < 1000; i++)
		peer_send_raw(&r.peer[0], bhs, 48);
	assert_false(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_RX);
	assert_true(r.peer[0].in_len > 990 * 48);
	while (peer_recv(&r.peer[0], &got)) {
		assert_int_equal(got.h.opcode, ISCSIP_OP_REJECT);
		assert_int_equal(got.h.reject.reason, ISCSIP_REJECT_NOT_SUPPORTED);
		assert_int_equal(got.data[0], 0x1c);
		n++;
	}
	assert_int_equal(n, 1000);
	rig_alive(&r);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(how_the_stream_is_cut_changes_nothing),
		cmocka_unit_test(data_up_to_the_limit_is_taken_and_one_byte_more_ends_the_connection),
		cmocka_unit_test(a_length_of_16_mib_is_not_waited_for),
		cmocka_unit_test(data_on_pdus_that_have_none_is_a_format_error),
		cmocka_unit_test(broken_additional_headers_are_refused_and_returned_whole),
		cmocka_unit_test(additional_headers_beyond_the_limit_or_on_other_pdus_end_the_connection),
		cmocka_unit_test(every_opcode_gets_an_answer_or_silence_and_never_more),
		cmocka_unit_test(reserved_bits_are_ignored_unless_they_are_to_be_checked),
		cmocka_unit_test(a_wrong_header_digest_ends_the_connection),
		cmocka_unit_test(a_command_with_a_wrong_data_digest_is_discarded_and_may_come_again),
		cmocka_unit_test(data_with_a_wrong_digest_ends_its_command_when_all_of_it_has_come),
		cmocka_unit_test(text_and_pings_with_a_wrong_digest_are_rejected),
		cmocka_unit_test(a_storm_of_rubbish_waits_for_its_rejects_to_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
