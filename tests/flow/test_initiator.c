/* SPDX-License-Identifier: MIT */
/*
 * The initiator role against a target that behaves: login, commands with data in every direction and of every kind of
 * sequence, numbers, logout.
 */
#include "flow/ini_rig.h"

#include <stdlib.h>

#include "base/bytes.h"

static struct ini_rig R;

static uint8_t byte_of(uint32_t i)
{
	return (uint8_t)(i * 7u + (i >> 8) * 13u + (i >> 16));
}

static uint8_t *pattern(uint32_t len)
{
	uint8_t *p = malloc(len ? len : 1);
	uint32_t i;

	for (i = 0; i < len; i++)
		p[i] = byte_of(i);
	return p;
}

static void expect_pattern(const uint8_t *p, uint32_t off, uint32_t len)
{
	uint32_t i;

	for (i = 0; i < len; i++)
		if (p[i] != byte_of(off + i))
			fail_msg("byte %u is wrong", (unsigned)(off + i));
}

/* Sends [from, to) of the pattern as Data-In PDUs of `piece` bytes; the last with F, and with S if asked. */
static void give_data_in(uint32_t itt, uint32_t *datasn, uint32_t from, uint32_t to, uint32_t piece, bool status)
{
	uint8_t *data = pattern(to);

	while (from < to) {
		uint32_t n = to - from < piece ? to - from : piece;
		struct iscsip_pdu p = it_pdu_data_in(itt, (*datasn)++, from, from + n == to);

		p.data_in.has_status = status && from + n == to;
		it_give(&R, &p, data + from, n);
		from += n;
	}
	free(data);
}

static void give_response(uint32_t itt, uint32_t expdatasn)
{
	struct iscsip_pdu p = it_pdu_response(itt, 0);

	p.scsi_response.expdatasn = expdatasn;
	it_give(&R, &p, NULL, 0);
}

static void logs_in_and_out(void **state)
{
	struct iscsip_pdu p;

	(void)state;
	it_begin(&R);
	assert_int_equal(R.state, ISCSIP_SESSION_LOGGED_IN);
	assert_int_equal(iscsip_conn_state(R.c), ISCSIP_CONN_FULL_FEATURE);
	assert_ptr_equal(iscsip_conn_session(R.c), R.s);
	it_quiet(&R);
	assert_int_equal(iscsip_initiator_logout(R.c, ISCSIP_LOGOUT_SESSION, 0, R.now), ISCSIP_OK);
	assert_int_equal(iscsip_conn_state(R.c), ISCSIP_CONN_LOGOUT);
	it_take(&R, ISCSIP_OP_LOGOUT_REQUEST);
	assert_int_equal(R.got.h.logout_request.reason, ISCSIP_LOGOUT_SESSION);
	p = it_pdu(ISCSIP_OP_LOGOUT_RESPONSE, R.got.h.itt);
	it_give(&R, &p, NULL, 0);
	assert_int_equal(R.logouts, 1);
	assert_int_equal(R.logout_err, ISCSIP_OK);
	assert_int_equal(iscsip_conn_want(R.c), ISCSIP_WANT_CLOSE);
	it_close(&R);
	assert_int_equal(R.state, ISCSIP_SESSION_FREE);
	it_end(&R);
}

static void reads_into_the_tasks_memory_with_status_in_the_last_data_in(void **state)
{
	uint8_t in[10000];
	struct it_task k;
	uint32_t sn = 0;

	(void)state;
	it_begin(&R);
	memset(in, 0xee, sizeof in);
	it_read(&k, in, sizeof in);
	it_submit(&R, &k);
	it_take(&R, ISCSIP_OP_SCSI_COMMAND);
	assert_true(R.got.h.scsi_command.read && !R.got.h.scsi_command.write && R.got.h.final);
	assert_int_equal(R.got.h.scsi_command.edtl, sizeof in);
	assert_int_equal(R.got.h.scsi_command.attr, ISCSIP_ATTR_SIMPLE);
	assert_int_equal(R.got.h.scsi_command.cdb[0], 0x28);
	give_data_in(R.got.h.itt, &sn, 0, sizeof in, 4096, true);
	assert_true(it_is_done(&R, &k));
	assert_int_equal(k.t.result.err, ISCSIP_OK);
	assert_int_equal(k.t.result.in_len, sizeof in);
	assert_int_equal(k.t.result.in_residual, 0);
	assert_true(k.t.result.issued);
	expect_pattern(in, 0, sizeof in);
	it_end(&R);
}

static void writes_with_immediate_data_alone(void **state)
{
	uint8_t *out = pattern(5000);
	struct it_task k;

	(void)state;
	it_begin(&R);
	it_write(&k, out, 5000);
	it_submit(&R, &k);
	it_take(&R, ISCSIP_OP_SCSI_COMMAND);
	assert_true(R.got.h.scsi_command.write && R.got.h.final);
	assert_int_equal(R.got.h.data_len, 5000);
	expect_pattern(R.got.data, 0, 5000);
	give_response(R.got.h.itt, 0);
	assert_true(it_is_done(&R, &k));
	assert_int_equal(k.t.result.err, ISCSIP_OK);
	it_end(&R);
	free(out);
}

/* Takes one sequence of Data-Out from off on, up to its F; returns where it ends. */
static uint32_t take_sequence(uint32_t itt, uint32_t ttt, uint32_t off, uint32_t piece)
{
	uint32_t datasn = 0;
	bool final;

	do {
		it_take(&R, ISCSIP_OP_DATA_OUT);
		assert_int_equal(R.got.h.itt, itt);
		assert_int_equal(R.got.h.data_out.ttt, ttt);
		assert_int_equal(R.got.h.data_out.datasn, datasn++);
		assert_int_equal(R.got.h.data_out.buffer_offset, off);
		assert_true(R.got.h.data_len <= piece && R.got.h.data_len > 0);
		expect_pattern(R.got.data, off, R.got.h.data_len);
		off += R.got.h.data_len;
		final = R.got.h.final;
	} while (!final);
	return off;
}

struct write_case {
	bool initial_r2t, immediate;
	uint32_t first, burst, mrdsl, len;
};

/* One write through all its data, as the parameters allow it; the target asks for the rest burst by burst. */
static void one_write(const struct write_case *w)
{
	uint8_t *out = pattern(w->len);
	uint32_t itt, at, immediate, unasked, r2tsn = 0;
	struct it_task k;

	R.offer.initial_r2t = R.target_offer.initial_r2t = w->initial_r2t;
	R.offer.immediate_data = R.target_offer.immediate_data = w->immediate;
	R.offer.max_burst_length = R.target_offer.max_burst_length = w->burst;
	R.offer.first_burst_length = R.target_offer.first_burst_length = w->first < w->burst ? w->first : w->burst;
	R.target_offer.max_recv_data_segment_length = w->mrdsl;
	it_open(&R);
	it_login(&R);
	it_write(&k, out, w->len);
	it_submit(&R, &k);
	it_take(&R, ISCSIP_OP_SCSI_COMMAND);
	itt = R.got.h.itt;
	unasked = w->len < R.offer.first_burst_length ? w->len : R.offer.first_burst_length;
	immediate = !w->immediate ? 0 : unasked < w->mrdsl ? unasked : w->mrdsl;
	if (w->initial_r2t)
		unasked = immediate;
	assert_int_equal(R.got.h.data_len, immediate);
	assert_int_equal(R.got.h.final, unasked == immediate);
	at = immediate;
	if (unasked > immediate)
		at = take_sequence(itt, ISCSIP_TAG_NONE, at, w->mrdsl);
	assert_int_equal(at, unasked);
	while (at < w->len) {
		uint32_t n = w->len - at < w->burst ? w->len - at : w->burst;
		struct iscsip_pdu p = it_pdu_r2t(itt, 0x7000 + r2tsn, r2tsn, at, n);

		it_quiet(&R);
		it_give(&R, &p, NULL, 0);
		assert_int_equal(take_sequence(itt, 0x7000 + r2tsn, at, w->mrdsl), at + n);
		at += n;
		r2tsn++;
	}
	it_quiet(&R);
	give_response(itt, 0);
	assert_true(it_is_done(&R, &k));
	assert_int_equal(k.t.result.err, ISCSIP_OK);
	assert_int_equal(k.t.result.out_residual, 0);
	it_end(&R);
	free(out);
}

static void writes_as_every_combination_of_parameters_allows(void **state)
{
	static const uint32_t sizes[] = { 512, 1024, 3000, 8192 };
	static const uint32_t lens[] = { 1, 511, 512, 513, 4096, 20001 };
	size_t f, b, m, l;
	int flags;

	(void)state;
	for (flags = 0; flags < 4; flags++)
		for (f = 0; f < 4; f++)
			for (b = 0; b < 4; b++)
				for (m = 0; m < 4; m += 3)
					for (l = 0; l < 6; l++) {
						struct write_case w = { flags & 1, flags & 2, sizes[f], sizes[b], sizes[m],
									lens[l] };

						it_init(&R);
						one_write(&w);
					}
}

static uint32_t submit_command(struct it_task *k)
{
	it_submit(&R, k);
	it_take(&R, ISCSIP_OP_SCSI_COMMAND);
	return R.got.h.itt;
}

static void r2ts_of_a_task_are_answered_in_the_order_in_which_they_came(void **state)
{
	uint8_t *out = pattern(4096);
	struct it_task k;
	uint32_t itt, i;

	(void)state;
	it_init(&R);
	R.offer.immediate_data = false;
	R.offer.initial_r2t = true;
	R.offer.data_sequence_in_order = R.target_offer.data_sequence_in_order = false;
	R.target_offer.max_recv_data_segment_length = 512;
	it_open(&R);
	it_login(&R);
	assert_int_equal(iscsip_session_params(R.s)->max_outstanding_r2t, 8);
	it_write(&k, out, 4096);
	itt = submit_command(&k);
	assert_int_equal(R.got.h.data_len, 0);
	assert_true(R.got.h.final);
	for (i = 0; i < 4; i++) {
		struct iscsip_pdu p = it_pdu_r2t(itt, 9 - i, i, (3 - i) * 1024, 1024);

		it_give(&R, &p, NULL, 0);
	}
	for (i = 0; i < 4; i++)
		assert_int_equal(take_sequence(itt, 9 - i, (3 - i) * 1024, 512), (4 - i) * 1024);
	give_response(itt, 0);
	assert_true(it_is_done(&R, &k));
	it_end(&R);
	free(out);
}

static void data_of_two_tasks_takes_turns(void **state)
{
	uint8_t *out = pattern(4096);
	struct it_task k[2];
	uint32_t itt[2], seen[2] = { 0, 0 };
	int i;

	(void)state;
	it_init(&R);
	R.offer.immediate_data = false;
	R.offer.initial_r2t = true;
	R.target_offer.max_recv_data_segment_length = 1024;
	it_open(&R);
	it_login(&R);
	for (i = 0; i < 2; i++) {
		it_write(&k[i], out, 4096);
		itt[i] = submit_command(&k[i]);
	}
	for (i = 0; i < 2; i++) {
		struct iscsip_pdu p = it_pdu_r2t(itt[i], 1, 0, 0, 4096);

		it_give(&R, &p, NULL, 0);
	}
	for (i = 0; i < 8; i++) {
		it_take(&R, ISCSIP_OP_DATA_OUT);
		assert_int_equal(R.got.h.itt, itt[i % 2]);
		assert_int_equal(R.got.h.data_out.buffer_offset, seen[i % 2]);
		seen[i % 2] += R.got.h.data_len;
	}
	it_end(&R);
	free(out);
}

static void unsolicited_data_goes_in_the_order_of_the_commands(void **state)
{
	uint8_t *out = pattern(3000);
	struct it_task k[3];
	uint32_t itt[3];
	int i;

	(void)state;
	it_init(&R);
	R.offer.immediate_data = R.offer.initial_r2t = R.target_offer.initial_r2t = false;
	R.target_offer.max_recv_data_segment_length = 1024;
	it_open(&R);
	it_login(&R);
	for (i = 0; i < 3; i++) {
		it_write(&k[i], out, 3000);
		it_submit(&R, &k[i]);
	}
	/* all commands go first: an R2T or a read behind them need not wait for the data */
	for (i = 0; i < 3; i++) {
		it_take(&R, ISCSIP_OP_SCSI_COMMAND);
		assert_false(R.got.h.final);
		itt[i] = R.got.h.itt;
	}
	for (i = 0; i < 3; i++)
		assert_int_equal(take_sequence(itt[i], ISCSIP_TAG_NONE, 0, 1024), 3000);
	it_quiet(&R);
	it_end(&R);
	free(out);
}

static void an_r2t_waits_for_the_unsolicited_data_of_its_task(void **state)
{
	uint8_t *out = pattern(3000);
	struct iscsip_pdu p;
	struct it_task k;
	uint32_t itt;

	(void)state;
	it_init(&R);
	R.offer.immediate_data = R.offer.initial_r2t = R.target_offer.initial_r2t = false;
	R.offer.first_burst_length = 1024;
	R.target_offer.max_recv_data_segment_length = 512;
	R.cfg.limits.max_tx_pdus = 2;
	R.step = 48;
	it_open(&R);
	it_login(&R);
	it_write(&k, out, 3000);
	it_submit(&R, &k);
	/* the command alone is out */
	assert_int_equal(iscsip_conn_tx_pull(R.c, R.out, 48, R.now), 48);
	R.out_len = 48;
	itt = load_be32(R.out + 16);
	p = it_pdu_r2t(itt, 5, 0, 1024, 1976);
	R.expcmdsn++;
	it_give(&R, &p, NULL, 0);
	R.expcmdsn--;
	it_take(&R, ISCSIP_OP_SCSI_COMMAND);
	assert_int_equal(take_sequence(itt, ISCSIP_TAG_NONE, 0, 512), 1024);
	assert_int_equal(take_sequence(itt, 5, 1024, 512), 3000);
	it_end(&R);
	free(out);
}

/* Pad bytes should be 0 and may be anything (RFC 7143 11.2.3); the data digest is over them as they came (11.2.4). */
static void pad_bytes_may_be_anything_and_land_nowhere(void **state)
{
	uint8_t in[16];
	int digests;

	(void)state;
	for (digests = 0; digests < 2; digests++)
		for (uint32_t len = 1; len <= 8; len++) {
			struct iscsip_pdu p;
			struct it_task k;

			it_init(&R);
			R.offer.header_digest.item[0] = R.offer.data_digest.item[0] = (uint8_t)digests;
			it_open(&R);
			it_login(&R);
			R.pad = 0xee;
			memset(in, 0x11, sizeof in);
			it_read(&k, in, len);
			p = it_pdu_data_in(submit_command(&k), 0, 0, true);
			p.data_in.has_status = true;
			it_give(&R, &p, "abcdefgh", len);
			assert_true(it_is_done(&R, &k));
			assert_int_equal(k.t.result.err, ISCSIP_OK);
			assert_memory_equal(in, "abcdefgh", len);
			for (uint32_t i = len; i < sizeof in; i++)
				assert_int_equal(in[i], 0x11);
			it_end(&R);
		}
}

static void a_bidirectional_command_with_a_long_cdb_carries_both_headers(void **state)
{
	static const int cdb_lens[] = { 0, 1, 2, 3, 4, 16, 244 };
	uint8_t in[100], ext[244], *out = pattern(100);
	size_t i;
	int digests;

	(void)state;
	for (i = 0; i < sizeof ext; i++)
		ext[i] = (uint8_t)(i + 1);
	for (digests = 0; digests < 2; digests++)
		for (i = 0; i < sizeof cdb_lens / sizeof *cdb_lens; i++) {
			struct iscsip_ahs_fields f;
			struct iscsip_error why;
			struct iscsip_pdu p;
			struct it_task k;
			uint32_t itt, sn = 1;

			it_init(&R);
			R.offer.header_digest.item[0] = R.offer.data_digest.item[0] = (uint8_t)digests;
			it_open(&R);
			it_login(&R);
			assert_int_equal(R.hdigest, digests);
			it_read(&k, in, sizeof in);
			k.out.base = out;
			k.out.len = 100;
			k.t.out_vec = &k.out;
			k.t.out_cnt = 1;
			k.t.out_len = 100;
			k.t.ext_cdb = ext;
			k.t.ext_cdb_len = (uint16_t)cdb_lens[i];
			itt = submit_command(&k);
			assert_int_equal(iscsip_ahs_read(&f, &R.got.h, R.got.ahs, &why), ISCSIP_OK);
			assert_true(f.has_bidi_read);
			assert_int_equal(f.bidi_read_len, 100);
			assert_int_equal(f.cdb_len, cdb_lens[i]);
			if (f.cdb_len)
				assert_memory_equal(f.cdb, ext, f.cdb_len);
			assert_int_equal(R.got.h.scsi_command.edtl, 100);
			assert_int_equal(R.got.h.data_len, 100);
			p = it_pdu_data_in(itt, 0, 0, true);
			it_give(&R, &p, out, 60);
			p = it_pdu_response(itt, 0);
			p.scsi_response.expdatasn = sn;
			p.scsi_response.bidi_underflow = true;
			p.scsi_response.bidi_residual = 40;
			p.scsi_response.underflow = true;
			p.scsi_response.residual = 7;
			it_give(&R, &p, NULL, 0);
			assert_true(it_is_done(&R, &k));
			assert_int_equal(k.t.result.in_len, 60);
			assert_int_equal(k.t.result.in_residual, 40);
			assert_int_equal(k.t.result.out_residual, 7);
			assert_memory_equal(in, out, 60);
			it_end(&R);
		}
	free(out);
}

static void in_and_out_share_their_numbers_in_a_bidirectional_command(void **state)
{
	uint8_t in[1024], *out = pattern(2048);
	struct iscsip_pdu p;
	struct it_task k;
	uint32_t itt;

	(void)state;
	it_init(&R);
	R.offer.immediate_data = false;
	R.offer.initial_r2t = true;
	it_open(&R);
	it_login(&R);
	it_read(&k, in, sizeof in);
	k.out.base = out;
	k.out.len = k.t.out_len = 2048;
	k.t.out_vec = &k.out;
	k.t.out_cnt = 1;
	itt = submit_command(&k);
	p = it_pdu_r2t(itt, 1, 0, 0, 1024);
	it_give(&R, &p, NULL, 0);
	p = it_pdu_data_in(itt, 1, 0, false);
	it_give(&R, &p, out, 512);
	p = it_pdu_r2t(itt, 2, 2, 1024, 1024);
	it_give(&R, &p, NULL, 0);
	p = it_pdu_data_in(itt, 3, 512, true);
	it_give(&R, &p, out + 512, 512);
	assert_int_equal(take_sequence(itt, 1, 0, 65536), 1024);
	assert_int_equal(take_sequence(itt, 2, 1024, 65536), 2048);
	give_response(itt, 4);
	assert_true(it_is_done(&R, &k));
	assert_int_equal(k.t.result.err, ISCSIP_OK);
	expect_pattern(in, 0, 1024);
	it_end(&R);
	free(out);
}

static void short_reads_are_counted_by_what_landed(void **state)
{
	uint8_t in[1000];
	struct iscsip_pdu p;
	struct it_task k;
	uint32_t itt, sn = 0;

	(void)state;
	it_begin(&R);
	it_read(&k, in, sizeof in);
	itt = submit_command(&k);
	give_data_in(itt, &sn, 0, 300, 300, false);
	/* the target claims that 600 bytes are missing; 700 are */
	p = it_pdu_response(itt, 0);
	p.scsi_response.expdatasn = 1;
	p.scsi_response.underflow = true;
	p.scsi_response.residual = 600;
	it_give(&R, &p, NULL, 0);
	assert_true(it_is_done(&R, &k));
	assert_int_equal(k.t.result.in_len, 300);
	assert_int_equal(k.t.result.in_residual, 700);
	assert_false(k.t.result.in_overflow);
	/* and of an overflow only the target can know */
	it_read(&k, in, sizeof in);
	itt = submit_command(&k);
	sn = 0;
	R.done_count = 0;
	give_data_in(itt, &sn, 0, 1000, 1000, false);
	p = it_pdu_response(itt, 0);
	p.scsi_response.expdatasn = 1;
	p.scsi_response.overflow = true;
	p.scsi_response.residual = 24;
	it_give(&R, &p, NULL, 0);
	assert_true(it_is_done(&R, &k));
	assert_true(k.t.result.in_overflow);
	assert_int_equal(k.t.result.in_residual, 24);
	it_end(&R);
}

static void sense_data_is_cut_to_the_tasks_room(void **state)
{
	static const uint16_t caps[] = { 0, 1, 17, 18, 19, 252 };
	uint8_t data[2 + 18 + 5];
	size_t i;

	(void)state;
	memset(data, 0, sizeof data);
	data[1] = 18;
	for (i = 0; i < 18; i++)
		data[2 + i] = (uint8_t)(0x70 + i);
	memset(data + 20, 0xdd, 5); /* response data, which nobody reads */
	it_begin(&R);
	for (i = 0; i < sizeof caps / sizeof *caps; i++) {
		struct it_task k;
		struct iscsip_pdu p;

		it_read(&k, NULL, 0);
		k.t.in_vec = NULL;
		k.t.sense_cap = caps[i];
		memset(k.sense, 0xcc, sizeof k.sense);
		if (caps[i] == 0)
			k.t.sense = NULL;
		p = it_pdu_response(submit_command(&k), 2);
		it_give(&R, &p, data, sizeof data);
		R.done_count = 0;
		assert_int_equal(k.t.result.err, ISCSIP_OK);
		assert_int_equal(k.t.result.status, 2);
		assert_int_equal(k.t.result.sense_len, caps[i] < 18 ? caps[i] : 18);
		assert_memory_equal(k.sense, data + 2, k.t.result.sense_len);
		assert_int_equal(k.sense[k.t.result.sense_len], 0xcc);
	}
	it_end(&R);
}

static void a_failure_of_the_target_is_told_as_such(void **state)
{
	struct iscsip_pdu p;
	struct it_task k;

	(void)state;
	it_begin(&R);
	it_read(&k, NULL, 0);
	k.t.in_vec = NULL;
	p = it_pdu_response(submit_command(&k), 0x55);
	p.scsi_response.response = ISCSIP_RESPONSE_FAILURE;
	p.scsi_response.expdatasn = 99;
	p.scsi_response.underflow = p.scsi_response.overflow = true;
	it_give(&R, &p, NULL, 0);
	assert_true(it_is_done(&R, &k));
	assert_int_equal(k.t.result.err, ISCSIP_OK);
	assert_int_equal(k.t.result.response, ISCSIP_RESPONSE_FAILURE);
	assert_int_equal(k.t.result.status, 0);
	it_end(&R);
}

static void data_in_lands_in_scattered_memory_in_any_order_where_that_was_agreed(void **state)
{
	/* PDUs of 100 bytes, by number; F behind every fifth: sequences and PDUs in no order */
	static const int order[] = { 13, 10, 14, 11, 12, 4, 3, 2, 1, 0, 5, 9, 6, 8, 7 };
	uint8_t *data = pattern(1500), in[1500];
	struct iscsip_vec vec[7];
	struct it_task k;
	uint32_t itt;
	size_t at = 0, i;
	int n;

	(void)state;
	it_init(&R);
	R.offer.data_pdu_in_order = R.target_offer.data_pdu_in_order = false;
	R.offer.data_sequence_in_order = R.target_offer.data_sequence_in_order = false;
	it_open(&R);
	it_login(&R);
	assert_false(iscsip_session_params(R.s)->data_pdu_in_order);
	it_read(&k, in, sizeof in);
	for (i = 0; i < 7; i++) {
		vec[i].base = in + at;
		vec[i].len = i == 3 ? 0 : i == 6 ? sizeof in - at : 37 + i * 11;
		at += vec[i].len;
	}
	k.t.in_vec = vec;
	k.t.in_cnt = 7;
	memset(in, 0, sizeof in);
	itt = submit_command(&k);
	for (n = 0; n < 15; n++) {
		struct iscsip_pdu p = it_pdu_data_in(itt, (uint32_t)n, (uint32_t)order[n] * 100, n % 5 == 4);

		it_give(&R, &p, data + order[n] * 100, 100);
	}
	give_response(itt, 15);
	assert_true(it_is_done(&R, &k));
	assert_int_equal(k.t.result.in_len, sizeof in);
	expect_pattern(in, 0, sizeof in);
	it_end(&R);
	free(data);
}

/* Where any order was agreed bytes may come twice; a task never has more than its room. */
static void data_in_that_comes_twice_is_not_counted_beyond_the_room(void **state)
{
	uint8_t in[100];
	struct it_task k;
	uint32_t itt;

	(void)state;
	it_init(&R);
	R.offer.data_pdu_in_order = R.target_offer.data_pdu_in_order = false;
	R.offer.data_sequence_in_order = R.target_offer.data_sequence_in_order = false;
	it_open(&R);
	it_login(&R);
	it_read(&k, in, sizeof in);
	itt = submit_command(&k);
	for (uint32_t n = 0; n < 3; n++) {
		struct iscsip_pdu p = it_pdu_data_in(itt, n, 0, true);
		uint8_t *data = pattern(100);

		it_give(&R, &p, data, 100);
		free(data);
	}
	give_response(itt, 3);
	assert_true(it_is_done(&R, &k));
	assert_int_equal(k.t.result.in_len, sizeof in);
	assert_int_equal(k.t.result.in_residual, 0);
	it_end(&R);
}

static void empty_data_in_pdus_are_taken(void **state)
{
	uint8_t in[512];
	struct iscsip_pdu p;
	struct it_task k;
	uint32_t itt, sn = 1;

	(void)state;
	it_begin(&R);
	it_read(&k, in, sizeof in);
	itt = submit_command(&k);
	p = it_pdu_data_in(itt, 0, 0, false);
	it_give(&R, &p, NULL, 0);
	give_data_in(itt, &sn, 0, 512, 512, false);
	p = it_pdu_data_in(itt, 2, 512, true);
	p.data_in.has_status = true;
	it_give(&R, &p, NULL, 0);
	assert_true(it_is_done(&R, &k));
	assert_int_equal(k.t.result.in_len, 512);
	it_end(&R);
}

static void zero_length_transfers_have_their_direction(void **state)
{
	struct it_task k;
	uint8_t byte;

	(void)state;
	it_begin(&R);
	it_read(&k, &byte, 0);
	give_response(submit_command(&k), 0);
	assert_true(R.got.h.scsi_command.read);
	assert_true(it_is_done(&R, &k));
	R.done_count = 0;
	it_write(&k, &byte, 0);
	give_response(submit_command(&k), 0);
	assert_true(R.got.h.scsi_command.write && R.got.h.final);
	assert_true(it_is_done(&R, &k));
	it_end(&R);
}

static void submitting_checks_what_it_is_given(void **state)
{
	uint8_t buf[64];
	struct it_task k;

	(void)state;
	it_begin(&R);
	it_read(&k, buf, sizeof buf);
	k.t.in_len = 65;
	assert_int_equal(iscsip_initiator_submit(R.s, &k.t, R.now), ISCSIP_EINVAL);
	k.t.in_len = 64;
	k.t.attr = 5;
	assert_int_equal(iscsip_initiator_submit(R.s, &k.t, R.now), ISCSIP_EINVAL);
	k.t.attr = 0;
	k.t.ext_cdb = buf;
	k.t.ext_cdb_len = 245;
	assert_int_equal(iscsip_initiator_submit(R.s, &k.t, R.now), ISCSIP_EINVAL);
	k.t.ext_cdb_len = 1;
	k.t.ext_cdb = NULL;
	assert_int_equal(iscsip_initiator_submit(R.s, &k.t, R.now), ISCSIP_EINVAL);
	k.t.ext_cdb_len = 0;
	k.t.out_len = 1;
	assert_int_equal(iscsip_initiator_submit(R.s, &k.t, R.now), ISCSIP_EINVAL);
	k.t.out_len = 0;
	it_submit(&R, &k);
	it_end(&R);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logs_in_and_out),
		cmocka_unit_test(reads_into_the_tasks_memory_with_status_in_the_last_data_in),
		cmocka_unit_test(writes_with_immediate_data_alone),
		cmocka_unit_test(writes_as_every_combination_of_parameters_allows),
		cmocka_unit_test(r2ts_of_a_task_are_answered_in_the_order_in_which_they_came),
		cmocka_unit_test(data_of_two_tasks_takes_turns),
		cmocka_unit_test(unsolicited_data_goes_in_the_order_of_the_commands),
		cmocka_unit_test(an_r2t_waits_for_the_unsolicited_data_of_its_task),
		cmocka_unit_test(pad_bytes_may_be_anything_and_land_nowhere),
		cmocka_unit_test(a_bidirectional_command_with_a_long_cdb_carries_both_headers),
		cmocka_unit_test(in_and_out_share_their_numbers_in_a_bidirectional_command),
		cmocka_unit_test(short_reads_are_counted_by_what_landed),
		cmocka_unit_test(sense_data_is_cut_to_the_tasks_room),
		cmocka_unit_test(a_failure_of_the_target_is_told_as_such),
		cmocka_unit_test(data_in_lands_in_scattered_memory_in_any_order_where_that_was_agreed),
		cmocka_unit_test(data_in_that_comes_twice_is_not_counted_beyond_the_room),
		cmocka_unit_test(empty_data_in_pdus_are_taken),
		cmocka_unit_test(zero_length_transfers_have_their_direction),
		cmocka_unit_test(submitting_checks_what_it_is_given),
	};

	return cmocka_run_group_tests_name("initiator", tests, NULL, NULL);
}
