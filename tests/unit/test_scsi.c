/* SPDX-License-Identifier: MIT */
/*
 * The facts of SCSI: sense data in both formats and of any content, forms of LUNs, CDBs, names of ports and units. The vectors
 * are written from the figures of SPC-4 and SAM-5, not from the code.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <iscsiproto/scsi.h>

static void fixed_sense_stands_as_spc4_draws_it(void **state)
{
	struct iscsip_sense s = { .key = 5, .asc = 0x2400, .sks_valid = true, .sks = { 0x40 | 0x08 | 5, 0x01, 0x02 } };
	static const uint8_t want[18] = { 0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x24, 0, 0, 0xcd, 0x01, 0x02 };
	uint8_t b[ISCSIP_SENSE_MAX];

	(void)state;
	assert_int_equal(iscsip_sense_encode(&s, false, b, sizeof b), 18);
	assert_memory_equal(b, want, 18);
}

static void descriptor_sense_stands_as_spc4_draws_it(void **state)
{
	struct iscsip_sense s = { .key = 0xe, .asc = 0x1d00, .info_valid = true, .info = 0x123456789abcu };
	static const uint8_t want[20] = { 0x72, 0x0e, 0x1d, 0, 0, 0, 0, 12, 0, 10, 0x80, 0, 0, 0, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc };
	uint8_t b[ISCSIP_SENSE_MAX];

	(void)state;
	assert_int_equal(iscsip_sense_encode(&s, true, b, sizeof b), 20);
	assert_memory_equal(b, want, 20);
}

static void information_beyond_32_bits_is_not_valid_in_fixed_format(void **state)
{
	struct iscsip_sense s = { .key = 3, .asc = 0x1100, .info_valid = true, .info = 0x100000000u }, back;
	uint8_t b[ISCSIP_SENSE_MAX];
	size_t n = iscsip_sense_encode(&s, false, b, sizeof b);

	(void)state;
	assert_int_equal(b[0], 0x70);
	assert_int_equal(iscsip_sense_decode(b, n, &back), ISCSIP_OK);
	assert_false(back.info_valid);
}

static void every_sense_comes_back_from_both_formats(void **state)
{
	unsigned bits;

	(void)state;
	for (bits = 0; bits < 128; bits++) {
		struct iscsip_sense s, back;
		uint8_t b[ISCSIP_SENSE_MAX];
		size_t n;

		memset(&s, 0, sizeof s);
		s.key = (uint8_t)(bits & 15);
		s.asc = 0x4477;
		s.deferred = bits >> 3 & 1;
		s.info_valid = bits >> 4 & 1;
		s.info = s.info_valid ? 0x89abcdefu : 0;
		s.csi_valid = bits >> 5 & 1;
		s.csi = s.csi_valid ? 77 : 0;
		s.sks_valid = bits >> 6 & 1;
		s.bits = bits & 1 ? 0xe0 : 0;
		if (s.sks_valid)
			memcpy(s.sks, "\x4f\x00\x09", 3);
		n = iscsip_sense_encode(&s, bits & 2, b, sizeof b);
		assert_true(n <= sizeof b);
		assert_int_equal(iscsip_sense_decode(b, n, &back), ISCSIP_OK);
		assert_int_equal(back.key, s.key);
		assert_int_equal(back.asc, s.asc);
		assert_int_equal(back.deferred, s.deferred);
		assert_int_equal(back.info_valid, s.info_valid);
		assert_true(back.info == s.info);
		assert_int_equal(back.csi_valid, s.csi_valid);
		assert_true(back.csi == s.csi);
		assert_int_equal(back.sks_valid, s.sks_valid);
		assert_memory_equal(back.sks, s.sks, 3);
		assert_int_equal(back.bits, s.bits);
	}
}

/* Exactly as many bytes as are there, so that the sanitizer sees one that is read too much. */
static int decode_exactly(const uint8_t *p, size_t n, struct iscsip_sense *s)
{
	uint8_t *copy = malloc(n ? n : 1);
	int rc;

	memcpy(copy, p, n);
	rc = iscsip_sense_decode(copy, n, s);
	free(copy);
	return rc;
}

static void cut_sense_is_read_as_far_as_it_goes(void **state)
{
	struct iscsip_sense s = { .key = 6, .asc = 0x2900, .info_valid = true, .info = 1, .csi_valid = true, .csi = 2 }, back;
	uint8_t b[ISCSIP_SENSE_MAX];
	size_t n, len;
	int descriptor;

	(void)state;
	for (descriptor = 0; descriptor < 2; descriptor++) {
		len = iscsip_sense_encode(&s, descriptor, b, sizeof b);
		assert_int_equal(decode_exactly(b, 0, &back), ISCSIP_EINVAL);
		for (n = 1; n <= len; n++)
			assert_int_equal(decode_exactly(b, n, &back), ISCSIP_OK);
		assert_int_equal(decode_exactly(b, 3, &back), ISCSIP_OK);
		assert_int_equal(back.asc, 0);
		assert_int_equal(back.key, 6);
	}
}

static void lying_lengths_in_sense_are_not_followed(void **state)
{
	static const uint8_t fixed[] = { 0xf0, 0, 3, 0, 0, 0, 9, 255, 0, 0, 0, 0, 0x11, 0 };
	static const uint8_t list[] = { 0x72, 3, 0x11, 0, 0, 0, 0, 255, 0, 200, 0x80, 0, 1, 2, 3 };
	static const uint8_t zero[] = { 0x72, 3, 0x11, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0 };
	struct iscsip_sense s;

	(void)state;
	assert_int_equal(decode_exactly(fixed, sizeof fixed, &s), ISCSIP_OK);
	assert_int_equal(s.asc, 0x1100);
	assert_true(s.info == 9);
	assert_int_equal(decode_exactly(list, sizeof list, &s), ISCSIP_OK);
	assert_false(s.info_valid);
	assert_int_equal(decode_exactly(zero, sizeof zero, &s), ISCSIP_OK);
	assert_int_equal(decode_exactly((const uint8_t *)"\x00\x00", 2, &s), ISCSIP_EINVAL);
	assert_int_equal(decode_exactly((const uint8_t *)"\x7f\x00", 2, &s), ISCSIP_EINVAL);
}

static void sense_becomes_one_line(void **state)
{
	struct iscsip_sense s = { .key = 5, .asc = 0x2400, .sks_valid = true, .sks = { 0x4b, 0, 1 } };
	char line[120], small[8];
	int n = iscsip_sense_format(&s, line, sizeof line);

	(void)state;
	assert_string_equal(line, "illegal request: invalid field in cdb, cdb byte 0x1 bit 3");
	assert_int_equal(n, strlen(line));
	assert_int_equal(iscsip_sense_format(&s, small, sizeof small), n);
	assert_string_equal(small, "illegal");
	s.asc = 0xbeef;
	s.sks_valid = false;
	s.info_valid = true;
	s.info = 0x10;
	iscsip_sense_format(&s, line, sizeof line);
	assert_string_equal(line, "illegal request: code 0xbeef, information 0x10");
}

static void every_form_of_a_lun_leads_to_its_number(void **state)
{
	(void)state;
	assert_int_equal(iscsip_lun_decode(0), 0);
	assert_int_equal(iscsip_lun_decode(0x0007000000000000u), 7);
	assert_int_equal(iscsip_lun_decode(0x4007000000000000u), 7);
	assert_int_equal(iscsip_lun_decode(0x7fff000000000000u), 0x3fff);
	assert_int_equal(iscsip_lun_decode(0xd200000700000000u), 7);
	assert_int_equal(iscsip_lun_decode(0xc101000000000000u), ISCSIP_LUN_REPORT_LUNS);
	assert_int_equal(iscsip_lun_decode(0x0107000000000000u), ISCSIP_LUN_NONE); /* bus 1 */
	assert_int_equal(iscsip_lun_decode(0x0007000100000000u), ISCSIP_LUN_NONE); /* a second level */
	assert_int_equal(iscsip_lun_decode(0x8007000000000000u), ISCSIP_LUN_NONE); /* logical unit addressing */
	assert_int_equal(iscsip_lun_decode(0xc102000000000000u), ISCSIP_LUN_NONE);
	assert_int_equal(iscsip_lun_decode(UINT64_MAX), ISCSIP_LUN_NONE);
}

static void a_lun_comes_back_from_its_shortest_form(void **state)
{
	static const uint32_t numbers[] = { 0, 1, 255, 256, 16383, 16384, 0xffffff, ISCSIP_LUN_REPORT_LUNS };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		assert_int_equal(iscsip_lun_decode(iscsip_lun_encode(numbers[i])), numbers[i]);
	assert_true(iscsip_lun_encode(255) == 0x00ff000000000000u);
	assert_true(iscsip_lun_encode(256) == 0x4100000000000000u);
}

static void cdb_lengths_follow_the_group_code(void **state)
{
	uint8_t variable[8] = { 0x7f, 0, 0, 0, 0, 0, 0, 24 };
	uint8_t op;

	(void)state;
	op = 0x12;
	assert_int_equal(iscsip_cdb_length(&op, 1), 6);
	op = 0x28;
	assert_int_equal(iscsip_cdb_length(&op, 1), 10);
	op = 0x5e;
	assert_int_equal(iscsip_cdb_length(&op, 1), 10);
	op = 0x88;
	assert_int_equal(iscsip_cdb_length(&op, 1), 16);
	op = 0xa0;
	assert_int_equal(iscsip_cdb_length(&op, 1), 12);
	op = 0xc5;
	assert_int_equal(iscsip_cdb_length(&op, 1), 0);
	assert_int_equal(iscsip_cdb_length(variable, 8), 32);
	assert_int_equal(iscsip_cdb_length(variable, 7), 0);
	assert_int_equal(iscsip_cdb_length(&op, 0), 0);
}

static void block_commands_take_the_long_form_when_they_must(void **state)
{
	static const uint8_t short_form[10] = { 0x2a, 0x08, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0 };
	static const uint8_t long_form[16] = { 0x88, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0 };
	uint8_t cdb[16];

	(void)state;
	assert_int_equal(iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, 0xffffffffu, 0xffff, ISCSIP_CDB_FUA), 10);
	assert_memory_equal(cdb, short_form, 10);
	assert_int_equal(iscsip_cdb_rw(cdb, ISCSIP_CDB_READ, 0x100000000u, 1, 0), 16);
	assert_memory_equal(cdb, long_form, 16);
	assert_int_equal(iscsip_cdb_rw(cdb, ISCSIP_CDB_READ, 0, 65536, 0), 16);
}

static void an_initiator_port_has_a_transport_id(void **state)
{
	static const uint8_t isid[6] = { 0x40, 0x00, 0x01, 0x37, 0x00, 0xab };
	static const char text[] = "iqn.1994-05.com.example:h,i,0x4000013700ab";
	uint8_t id[ISCSIP_TRANSPORT_ID_MAX];
	char longest[300];
	size_t n;

	(void)state;
	n = iscsip_transport_id_iscsi(id, sizeof id, "iqn.1994-05.com.example:h", isid);
	assert_int_equal(n, 4 + 44);
	assert_int_equal(id[0], 0x45);
	assert_int_equal(id[2] << 8 | id[3], 44);
	assert_string_equal((const char *)id + 4, text);
	assert_int_equal(iscsip_transport_id_length(id, n), n);
	assert_int_equal(iscsip_transport_id_length(id, n - 1), 0);
	assert_int_equal(iscsip_transport_id_iscsi(id, n - 1, "iqn.1994-05.com.example:h", isid), 0);
	assert_int_equal(iscsip_transport_id_iscsi(id, sizeof id, "", isid), 0);
	assert_int_equal(iscsip_transport_id_iscsi(id, sizeof id, "iqn.a", NULL), 24);
	memset(longest, 'a', sizeof longest);
	longest[223] = 0;
	assert_int_equal(iscsip_transport_id_iscsi(id, sizeof id, longest, isid), 248);
	longest[223] = 'a';
	longest[224] = 0;
	assert_int_equal(iscsip_transport_id_iscsi(id, sizeof id, longest, isid), 0);
}

static void transport_ids_that_lie_are_refused(void **state)
{
	uint8_t id[64];
	size_t n = iscsip_transport_id_iscsi(id, sizeof id, "iqn.1994-05.com.example:h", (const uint8_t *)"abcdef");

	(void)state;
	id[n - 1] = 'x'; /* no NUL at the end */
	assert_int_equal(iscsip_transport_id_length(id, n), 0);
	id[n - 1] = 0;
	id[3]++;         /* not a multiple of 4 */
	assert_int_equal(iscsip_transport_id_length(id, sizeof id), 0);
	id[3]--;
	id[0] = 0x85;    /* a format that is not defined */
	assert_int_equal(iscsip_transport_id_length(id, n), 0);
	id[0] = 0x00;    /* of another protocol all have 24 bytes */
	assert_int_equal(iscsip_transport_id_length(id, n), 24);
	assert_int_equal(iscsip_transport_id_length(id, 23), 0);
}

static void designators_are_put_and_found_again(void **state)
{
	static const uint8_t naa[8] = { 0x31, 2, 3, 4, 5, 6, 7, 8 };
	struct iscsip_designator d = { ISCSIP_ASSOC_LUN, ISCSIP_DESIGNATOR_NAA, 1, 0xff, naa, 8 }, got;
	struct iscsip_designator name = { ISCSIP_ASSOC_PORT, ISCSIP_DESIGNATOR_NAME, 3, 5, (const uint8_t *)"iqn.x,t,0x1", 11 };
	uint8_t page[64] = { 0, 0x83 };
	size_t n = 4, pos = 0, cut;

	(void)state;
	n += iscsip_designator_put(page + n, sizeof page - n, &d);
	assert_int_equal(n, 16);
	n += iscsip_designator_put(page + n, sizeof page - n, &name);
	assert_int_equal(n, 32);
	page[3] = (uint8_t)(n - 4);
	assert_true(iscsip_designator_next(page, n, &pos, &got));
	assert_int_equal(got.type, ISCSIP_DESIGNATOR_NAA);
	assert_int_equal(got.protocol, 0xff);
	assert_memory_equal(got.value, naa, 8);
	assert_true(iscsip_designator_next(page, n, &pos, &got));
	assert_int_equal(got.association, ISCSIP_ASSOC_PORT);
	assert_int_equal(got.protocol, 5);
	assert_string_equal((const char *)got.value, "iqn.x,t,0x1");
	assert_false(iscsip_designator_next(page, n, &pos, &got));
	assert_int_equal(iscsip_designator_put(page, 11, &d), 0);
	for (cut = 0; cut < n; cut++) {
		uint8_t *copy = malloc(cut ? cut : 1);

		memcpy(copy, page, cut);
		for (pos = 0; iscsip_designator_next(copy, cut, &pos, &got);)
			assert_true(pos <= cut);
		free(copy);
	}
}

static void codes_have_words(void **state)
{
	(void)state;
	assert_string_equal(iscsip_scsi_status_text(0x18), "RESERVATION CONFLICT");
	assert_string_equal(iscsip_scsi_status_text(0x99), "an unknown status");
	assert_string_equal(iscsip_sense_key_text(6), "unit attention");
	assert_string_equal(iscsip_asc_text(0x2907), "I_T nexus loss occurred");
	assert_null(iscsip_asc_text(0xffff));
	assert_string_equal(iscsip_opcode_text(0x89), "COMPARE AND WRITE");
	assert_null(iscsip_opcode_text(0xc0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fixed_sense_stands_as_spc4_draws_it),
		cmocka_unit_test(descriptor_sense_stands_as_spc4_draws_it),
		cmocka_unit_test(information_beyond_32_bits_is_not_valid_in_fixed_format),
		cmocka_unit_test(every_sense_comes_back_from_both_formats),
		cmocka_unit_test(cut_sense_is_read_as_far_as_it_goes),
		cmocka_unit_test(lying_lengths_in_sense_are_not_followed),
		cmocka_unit_test(sense_becomes_one_line),
		cmocka_unit_test(every_form_of_a_lun_leads_to_its_number),
		cmocka_unit_test(a_lun_comes_back_from_its_shortest_form),
		cmocka_unit_test(cdb_lengths_follow_the_group_code),
		cmocka_unit_test(block_commands_take_the_long_form_when_they_must),
		cmocka_unit_test(an_initiator_port_has_a_transport_id),
		cmocka_unit_test(transport_ids_that_lie_are_refused),
		cmocka_unit_test(designators_are_put_and_found_again),
		cmocka_unit_test(codes_have_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
