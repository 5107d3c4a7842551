/* SPDX-License-Identifier: MIT */
/*
 * Additional header segments: bytes written by hand from RFC 7143 11.2.2, what is made of them, what is refused, and the
 * writer. The bytes stand at the end of an allocation of their own, so that a sanitizer sees a step beyond.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <iscsiproto/pdu.h>

/* An extended CDB of 20 bytes (4 spill over), and a bidirectional read length of 0x00012000. */
#define CDB_20 0x00, 0x05, 0x01, 0x00, 0xe1, 0xe2, 0xe3, 0xe4
#define BIDI_12000 0x00, 0x05, 0x02, 0x00, 0x00, 0x01, 0x20, 0x00

static struct iscsip_pdu command(uint32_t len, bool read, bool write)
{
	struct iscsip_pdu pdu = { .opcode = ISCSIP_OP_SCSI_COMMAND, .final = true, .itt = 1 };

	pdu.ahs_words = (uint8_t)(len / 4);
	pdu.scsi_command.read = read;
	pdu.scsi_command.write = write;
	return pdu;
}

/* Reads additional headers from a copy that ends where its memory ends. */
static int read_copy(struct iscsip_ahs_fields *f, const uint8_t *bytes, uint32_t len, bool bidi, struct iscsip_error *why)
{
	struct iscsip_pdu pdu = command(len, true, bidi);
	uint8_t *copy = malloc(len ? len : 1);
	int err;

	memcpy(copy, bytes, len);
	err = iscsip_ahs_read(f, &pdu, copy, why);
	if (err == ISCSIP_OK && f->cdb) /* hold it against memory that lives on */
		f->cdb = bytes + (f->cdb - copy);
	free(copy);
	return err;
}

static void assert_refused(const uint8_t *bytes, uint32_t len, bool bidi, unsigned rule, uint32_t at)
{
	struct iscsip_ahs_fields f;
	struct iscsip_error why;

	assert_int_equal(read_copy(&f, bytes, len, bidi, &why), ISCSIP_EPROTO);
	assert_int_equal(why.code, ISCSIP_EPROTO);
	assert_int_equal(why.opcode, ISCSIP_OP_SCSI_COMMAND);
	assert_int_equal(why.rule, rule);
	assert_int_equal(why.arg, at);
	assert_true(why.reject_reason != 0);
}

static void a_command_without_additional_headers_has_none(void **state)
{
	struct iscsip_pdu pdu = command(0, true, false);
	struct iscsip_ahs_fields f;
	struct iscsip_error why;

	(void)state;
	memset(&f, 0xff, sizeof f);
	assert_int_equal(iscsip_ahs_read(&f, &pdu, NULL, &why), ISCSIP_OK);
	assert_null(f.cdb);
	assert_int_equal(f.cdb_len, 0);
	assert_false(f.has_bidi_read);
	assert_int_equal(f.bidi_read_len, 0);
}

static void an_extended_cdb_is_found_without_its_reserved_byte_and_padding(void **state)
{
	static const uint8_t BYTES[] = { CDB_20 };
	static const uint8_t ODD[] = { 0x00, 0x02, 0x01, 0xff, 0xe1, 0x00, 0x00, 0x00 }; /* a CDB of 17 */
	struct iscsip_ahs_fields f;
	struct iscsip_error why;

	(void)state;
	assert_int_equal(read_copy(&f, BYTES, sizeof BYTES, false, &why), ISCSIP_OK);
	assert_ptr_equal(f.cdb, BYTES + 4);
	assert_int_equal(f.cdb_len, 4);
	assert_int_equal(read_copy(&f, ODD, sizeof ODD, false, &why), ISCSIP_OK);
	assert_ptr_equal(f.cdb, ODD + 4);
	assert_int_equal(f.cdb_len, 1);
}

static void a_cdb_of_260_bytes_is_the_longest(void **state)
{
	uint8_t bytes[252] = { 0x00, 0xf5, 0x01, 0x00 }; /* 260 - 15 = 245 */
	struct iscsip_ahs_fields f;
	struct iscsip_error why;

	(void)state;
	assert_int_equal(read_copy(&f, bytes, 248, false, &why), ISCSIP_OK);
	assert_int_equal(f.cdb_len, 244);
	bytes[1] = 0xf6;
	assert_refused(bytes, 252, false, ISCSIP_RULE_AHS_CDB, 48);
}

static void a_cdb_below_17_bytes_is_refused(void **state)
{
	static const uint8_t SIXTEEN[] = { 0x00, 0x01, 0x01, 0x00 };
	static const uint8_t EMPTY[] = { 0x00, 0x00, 0x01, 0x00 };

	(void)state;
	assert_refused(SIXTEEN, sizeof SIXTEEN, false, ISCSIP_RULE_AHS_CDB, 48);
	assert_refused(EMPTY, sizeof EMPTY, false, ISCSIP_RULE_AHS_CDB, 48);
}

static void several_additional_headers_are_read_in_either_order(void **state)
{
	static const uint8_t FIRST[] = { CDB_20, BIDI_12000 };
	static const uint8_t LAST[] = { BIDI_12000, CDB_20 };
	struct iscsip_ahs_fields f;
	struct iscsip_error why;

	(void)state;
	assert_int_equal(read_copy(&f, FIRST, sizeof FIRST, true, &why), ISCSIP_OK);
	assert_ptr_equal(f.cdb, FIRST + 4);
	assert_true(f.has_bidi_read);
	assert_int_equal(f.bidi_read_len, 0x12000);
	assert_int_equal(read_copy(&f, LAST, sizeof LAST, true, &why), ISCSIP_OK);
	assert_ptr_equal(f.cdb, LAST + 12);
	assert_int_equal(f.cdb_len, 4);
	assert_int_equal(f.bidi_read_len, 0x12000);
}

static void the_reserved_bits_of_the_type_byte_are_ignored(void **state)
{
	static const uint8_t BYTES[] = { 0x00, 0x05, 0xc2, 0xff, 0x00, 0x00, 0x00, 0x07 };
	struct iscsip_ahs_fields f;
	struct iscsip_error why;

	(void)state;
	assert_int_equal(read_copy(&f, BYTES, sizeof BYTES, true, &why), ISCSIP_OK);
	assert_int_equal(f.bidi_read_len, 7);
}

static void a_bidirectional_read_length_belongs_to_a_bidirectional_command_and_only_there(void **state)
{
	static const uint8_t BIDI[] = { BIDI_12000 };
	static const uint8_t CDB[] = { CDB_20 };
	struct iscsip_pdu pdu = command(sizeof BIDI, false, true);
	struct iscsip_ahs_fields f;
	struct iscsip_error why;

	(void)state;
	assert_refused(BIDI, sizeof BIDI, false, ISCSIP_RULE_AHS_DIRECTION, 1);
	assert_refused(CDB, sizeof CDB, true, ISCSIP_RULE_AHS_DIRECTION, 1);
	assert_int_equal(iscsip_ahs_read(&f, &pdu, BIDI, &why), ISCSIP_EPROTO);
	assert_int_equal(why.rule, ISCSIP_RULE_AHS_DIRECTION);
}

static void a_bidirectional_read_length_has_five_bytes(void **state)
{
	static const uint8_t SHORT[] = { 0x00, 0x04, 0x02, 0x00, 0x00, 0x01, 0x20, 0x00 };
	static const uint8_t LONG[] = { 0x00, 0x06, 0x02, 0x00, 0x00, 0x01, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00 };

	(void)state;
	assert_refused(SHORT, sizeof SHORT, true, ISCSIP_RULE_AHS_BIDI, 48);
	assert_refused(LONG, sizeof LONG, true, ISCSIP_RULE_AHS_BIDI, 48);
}

static void a_type_twice_is_refused_where_it_comes_again(void **state)
{
	static const uint8_t CDBS[] = { CDB_20, CDB_20 };
	static const uint8_t BIDIS[] = { BIDI_12000, CDB_20, BIDI_12000 };

	(void)state;
	assert_refused(CDBS, sizeof CDBS, false, ISCSIP_RULE_AHS_TWICE, 56);
	assert_refused(BIDIS, sizeof BIDIS, true, ISCSIP_RULE_AHS_TWICE, 64);
}

static void every_reserved_type_is_refused(void **state)
{
	(void)state;
	for (unsigned type = 0; type < 64; type++) {
		uint8_t bytes[] = { CDB_20, 0x00, 0x05, (uint8_t)type, 0x00, 0x00, 0x00, 0x00, 0x00 };

		if (type != ISCSIP_AHS_CDB && type != ISCSIP_AHS_BIDI_READ)
			assert_refused(bytes, sizeof bytes, false, ISCSIP_RULE_AHS_TYPE, 56);
	}
}

static void a_length_that_runs_past_the_total_is_refused_before_anything_is_read_there(void **state)
{
	static const uint8_t HUGE_LEN[] = { CDB_20, 0xff, 0xff, 0x01, 0x00 };
	static const uint8_t BY_ONE[] = { 0x00, 0x06, 0x01, 0x00, 0xe1, 0xe2, 0xe3, 0xe4 };

	(void)state;
	assert_refused(HUGE_LEN, sizeof HUGE_LEN, false, ISCSIP_RULE_AHS_LEN, 56);
	assert_refused(BY_ONE, sizeof BY_ONE, false, ISCSIP_RULE_AHS_LEN, 48);
}

static void a_walk_shows_headers_of_any_type_and_counts_those_that_come_twice(void **state)
{
	static const uint8_t BYTES[] = { 0x00, 0x00, 0x3f, 0x99,                         /* nothing but a type */
					 0x00, 0x01, 0x00, 0x98,                         /* reserved type 0 */
					 0x00, 0x03, 0x3f, 0x97, 0x11, 0x12, 0x00, 0x00, /* type 63 again */
					 CDB_20 };
	struct iscsip_ahs_walk walk;
	struct iscsip_ahs ahs;

	(void)state;
	iscsip_ahs_begin(&walk, BYTES, sizeof BYTES);
	assert_int_equal(iscsip_ahs_next(&walk, &ahs), 1);
	assert_int_equal(ahs.type, 63);
	assert_int_equal(ahs.len, 0);
	assert_int_equal(ahs.offset, 48);
	assert_false(ahs.twice);
	assert_int_equal(iscsip_ahs_next(&walk, &ahs), 1);
	assert_int_equal(ahs.type, 0);
	assert_int_equal(ahs.data[0], 0x98);
	assert_int_equal(ahs.offset, 52);
	assert_int_equal(iscsip_ahs_next(&walk, &ahs), 1);
	assert_int_equal(ahs.type, 63);
	assert_true(ahs.twice);
	assert_int_equal(ahs.len, 3);
	assert_int_equal(ahs.data[1], 0x11);
	assert_int_equal(iscsip_ahs_next(&walk, &ahs), 1);
	assert_int_equal(ahs.type, ISCSIP_AHS_CDB);
	assert_int_equal(ahs.offset, 64);
	assert_false(ahs.twice);
	assert_int_equal(iscsip_ahs_next(&walk, &ahs), ISCSIP_OK);
	assert_int_equal(iscsip_ahs_next(&walk, &ahs), ISCSIP_OK);
}

static void a_walk_over_any_bytes_stays_inside_and_ends(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		uint32_t len = (uint32_t)(round % 256) * 4, at = 0, steps = 0;
		uint8_t *bytes = malloc(len ? len : 1);
		struct iscsip_ahs_walk walk;
		struct iscsip_ahs ahs;
		int got;

		for (uint32_t i = 0; i < len; i++) {
			seed = seed * 1664525u + 1013904223u;
			/* mostly short lengths, so that walks get far */
			bytes[i] = i % 4 == 0 && seed >> 28 ? 0 : (uint8_t)(seed >> 24 & (i % 4 == 1 ? 0x1f : 0xff));
		}
		iscsip_ahs_begin(&walk, bytes, len);
		while ((got = iscsip_ahs_next(&walk, &ahs)) == 1) {
			assert_int_equal(ahs.offset, ISCSIP_BHS_LEN + at);
			at += (3u + ahs.len + 3u) / 4u * 4u;
			assert_true(at <= len);
			assert_true(++steps <= len / 4);
			if (ahs.len > 0)
				assert_int_equal(ahs.data[ahs.len - 1], bytes[ahs.offset - 48 + 2 + ahs.len]);
		}
		assert_true(got == ISCSIP_EPROTO || at == len);
		assert_int_equal(iscsip_ahs_next(&walk, &ahs), ISCSIP_OK);
		free(bytes);
	}
}

static void written_headers_are_the_bytes_of_the_rfc_and_nothing_beyond(void **state)
{
	static const uint8_t CDB_BYTES[] = { CDB_20 };
	static const uint8_t BIDI_BYTES[] = { BIDI_12000 };
	static const uint8_t ODD_BYTES[] = { 0x00, 0x03, 0x2a, 0x00, 0x71, 0x72, 0x00, 0x00 };
	static const uint8_t ODD_DATA[] = { 0x71, 0x72 };
	uint8_t cdb[20] = { 0x7f, [16] = 0xe1, 0xe2, 0xe3, 0xe4 }, out[16];

	(void)state;
	memset(out, 0xee, sizeof out);
	assert_int_equal(iscsip_ahs_put_cdb(out, sizeof out, cdb, sizeof cdb), 8);
	assert_memory_equal(out, CDB_BYTES, 8);
	assert_int_equal(out[8], 0xee);
	assert_int_equal(iscsip_ahs_put_bidi_read(out, 8, 0x12000), 8);
	assert_memory_equal(out, BIDI_BYTES, 8);
	memset(out, 0xee, sizeof out);
	assert_int_equal(iscsip_ahs_put(out, sizeof out, 0x2a, ODD_DATA, 2), 8);
	assert_memory_equal(out, ODD_BYTES, 8);
	assert_int_equal(out[8], 0xee);
	assert_int_equal(iscsip_ahs_put(out, sizeof out, 1, NULL, 0), 4);
}

static void a_header_that_does_not_fit_or_that_no_length_field_can_tell_is_not_written(void **state)
{
	static uint8_t data[1017], out[2048];
	uint8_t cdb[261] = { 0x7f };

	(void)state;
	assert_int_equal(iscsip_ahs_put_bidi_read(out, 7, 1), ISCSIP_ENOSPC);
	assert_int_equal(iscsip_ahs_put_cdb(out, 7, cdb, 17), ISCSIP_ENOSPC);
	assert_int_equal(iscsip_ahs_put_cdb(out, sizeof out, cdb, 16), ISCSIP_EINVAL);
	assert_int_equal(iscsip_ahs_put_cdb(out, sizeof out, cdb, 261), ISCSIP_EINVAL);
	assert_int_equal(iscsip_ahs_put_cdb(out, sizeof out, cdb, 260), 248);
	assert_int_equal(iscsip_ahs_put(out, sizeof out, 64, data, 4), ISCSIP_EINVAL);
	assert_int_equal(iscsip_ahs_put(out, sizeof out, 63, data, 1017), ISCSIP_EINVAL);
	assert_int_equal(iscsip_ahs_put(out, sizeof out, 63, data, 1016), 1020);
	assert_int_equal(out[0] << 8 | out[1], 1017);
	assert_int_equal(out[2], 63);
}

static void what_is_written_is_read_back_for_every_cdb_length(void **state)
{
	uint8_t cdb[260], out[260];

	(void)state;
	for (unsigned i = 0; i < sizeof cdb; i++)
		cdb[i] = (uint8_t)(i * 7 + 1);
	for (unsigned len = 17; len <= 260; len++) {
		int size = iscsip_ahs_put_cdb(out, sizeof out, cdb, len);
		struct iscsip_ahs_fields f;
		struct iscsip_error why;

		assert_true(size > 0 && size % 4 == 0);
		assert_int_equal(read_copy(&f, out, (uint32_t)size, false, &why), ISCSIP_OK);
		assert_int_equal(f.cdb_len, len - 16);
		assert_memory_equal(f.cdb, cdb + 16, len - 16);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_without_additional_headers_has_none),
		cmocka_unit_test(an_extended_cdb_is_found_without_its_reserved_byte_and_padding),
		cmocka_unit_test(a_cdb_of_260_bytes_is_the_longest),
		cmocka_unit_test(a_cdb_below_17_bytes_is_refused),
		cmocka_unit_test(several_additional_headers_are_read_in_either_order),
		cmocka_unit_test(the_reserved_bits_of_the_type_byte_are_ignored),
		cmocka_unit_test(a_bidirectional_read_length_belongs_to_a_bidirectional_command_and_only_there),
		cmocka_unit_test(a_bidirectional_read_length_has_five_bytes),
		cmocka_unit_test(a_type_twice_is_refused_where_it_comes_again),
		cmocka_unit_test(every_reserved_type_is_refused),
		cmocka_unit_test(a_length_that_runs_past_the_total_is_refused_before_anything_is_read_there),
		cmocka_unit_test(a_walk_shows_headers_of_any_type_and_counts_those_that_come_twice),
		cmocka_unit_test(a_walk_over_any_bytes_stays_inside_and_ends),
		cmocka_unit_test(written_headers_are_the_bytes_of_the_rfc_and_nothing_beyond),
		cmocka_unit_test(a_header_that_does_not_fit_or_that_no_length_field_can_tell_is_not_written),
		cmocka_unit_test(what_is_written_is_read_back_for_every_cdb_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
