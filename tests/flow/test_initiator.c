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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logs_in_and_out),
		cmocka_unit_test(reads_into_the_tasks_memory_with_status_in_the_last_data_in),
		cmocka_unit_test(writes_with_immediate_data_alone),
		cmocka_unit_test(writes_as_every_combination_of_parameters_allows),
	};

	return cmocka_run_group_tests_name("initiator", tests, NULL, NULL);
}
