/* SPDX-License-Identifier: MIT */
/*
 * Loading and storing headers. The oracle is tests/vectors/headers.def, written by hand from the figures of the RFC; what
 * the codec says of itself (round trips, stability) is asked beyond that, over every opcode and over random bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <iscsiproto/pdu.h>

#include "wire/wire.h"

struct header_vector {
	const char *name;
	uint8_t bytes[ISCSIP_BHS_LEN];
	struct iscsip_pdu pdu;
};

static const struct header_vector VECTORS[] = {
#include "vectors/headers.def"
};
#define VECTOR_COUNT (sizeof VECTORS / sizeof *VECTORS)

/* The opcodes of RFC 7143 11.2.1.2, written out once more. */
static const uint8_t OPCODES[] = { 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x10, 0x20,
				   0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x31, 0x32, 0x3f };

static bool assigned(uint8_t opcode)
{
	return memchr(OPCODES, opcode, sizeof OPCODES) != NULL;
}

static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint8_t random_byte(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint8_t)(random_state >> 32);
}

static void random_bytes(uint8_t *p, size_t n)
{
	while (n-- > 0)
		*p++ = random_byte();
}

static void there_is_a_vector_for_each_of_the_18_opcodes(void **state)
{
	(void)state;
	assert_int_equal(sizeof OPCODES, 18);
	for (size_t o = 0; o < sizeof OPCODES; o++) {
		size_t found = 0;

		for (size_t i = 0; i < VECTOR_COUNT; i++)
			found += VECTORS[i].pdu.opcode == OPCODES[o];
		assert_true(found > 0);
	}
}

static void headers_decode_to_what_the_figures_say(void **state)
{
	(void)state;
	for (size_t i = 0; i < VECTOR_COUNT; i++) {
		struct iscsip_pdu pdu;

		memset(&pdu, 0xa5, sizeof pdu);
		if (iscsip_pdu_decode(&pdu, VECTORS[i].bytes) != ISCSIP_OK ||
		    memcmp(&pdu, &VECTORS[i].pdu, sizeof pdu) != 0)
			fail_msg("%s", VECTORS[i].name);
	}
}

static void headers_encode_to_the_bytes_of_the_figures(void **state)
{
	(void)state;
	for (size_t i = 0; i < VECTOR_COUNT; i++) {
		uint8_t bytes[ISCSIP_BHS_LEN];

		memset(bytes, 0xa5, sizeof bytes);
		assert_int_equal(iscsip_pdu_encode(bytes, &VECTORS[i].pdu), ISCSIP_OK);
		for (unsigned at = 0; at < sizeof bytes; at++)
			if (bytes[at] != VECTORS[i].bytes[at])
				fail_msg("%s: byte %u is %02x, not %02x", VECTORS[i].name, at, bytes[at],
					 VECTORS[i].bytes[at]);
	}
}

static void headers_decode_and_encode_at_every_alignment_without_touching_their_neighbours(void **state)
{
	uint8_t room[ISCSIP_BHS_LEN + 32];
	const struct header_vector *v = &VECTORS[1];

	(void)state;
	for (size_t at = 1; at <= 16; at++) {
		struct iscsip_pdu pdu;

		memset(room, 0xee, sizeof room);
		assert_int_equal(iscsip_pdu_encode(room + at, &v->pdu), ISCSIP_OK);
		assert_memory_equal(room + at, v->bytes, ISCSIP_BHS_LEN);
		assert_int_equal(room[at - 1], 0xee);
		assert_int_equal(room[at + ISCSIP_BHS_LEN], 0xee);
		assert_int_equal(iscsip_pdu_decode(&pdu, room + at), ISCSIP_OK);
		assert_memory_equal(&pdu, &v->pdu, sizeof pdu);
	}
}

static void bits_that_are_reserved_or_fixed_do_not_change_what_a_header_decodes_to(void **state)
{
	(void)state;
	for (size_t i = 0; i < VECTOR_COUNT; i++) {
		const struct header_vector *v = &VECTORS[i];
		unsigned ignored = 0;

		for (unsigned bit = 0; bit < ISCSIP_BHS_LEN * 8; bit++) {
			uint8_t flipped[ISCSIP_BHS_LEN];
			struct iscsip_error why;
			struct iscsip_pdu pdu;
			bool strict;

			memcpy(flipped, v->bytes, sizeof flipped);
			flipped[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
			if (bit >= 2 && bit < 8)
				continue; /* another opcode */
			(void)iscsip_pdu_decode(&pdu, flipped);
			strict = iscsip_pdu_check_reserved(flipped, &why) == ISCSIP_OK;
			/* a bit counts, or the strict check minds it: never both, never neither */
			assert_true((memcmp(&pdu, &v->pdu, sizeof pdu) != 0) == strict);
			if (!strict) {
				assert_int_equal(why.arg, bit / 8);
				assert_int_equal(why.code, ISCSIP_EPROTO);
				assert_int_equal(why.opcode, v->pdu.opcode);
				ignored++;
			}
		}
		assert_true(ignored > 0); /* bit 0 of byte 0 is reserved in all of them */
	}
}

/* Bits that no field of a figure names, counted by hand in the figures of RFC 7143 and RFC 7144. */
static void as_many_bits_are_reserved_or_fixed_as_the_figures_leave_free(void **state)
{
	static const struct {
		uint8_t opcode;
		unsigned bits;
	} FREE[] = {
		{ 0x00, 1 + 8 + 16 + 128 },            /* byte 0, byte 1 with its fixed F, bytes 2-3, bytes 32-47 */
		{ 0x01, 1 + 2 + 4 + 8 },               /* bits 3-4 of byte 1, half of byte 2, byte 3 */
		{ 0x02, 1 + 1 + 16 + 64 },             /* F, bytes 2-3, bytes 40-47 */
		{ 0x03, 1 + 1 + 2 + 16 + 128 },        /* I, bits 2-3 of byte 1, bytes 22-23, bytes 32-47 */
		{ 0x04, 1 + 6 + 16 + 128 },            /* byte 1, bytes 2-3, bytes 32-47 */
		{ 0x05, 2 + 7 + 16 + 32 + 32 + 32 },   /* byte 1, bytes 2-3, 24-27, 32-35, 44-47 */
		{ 0x06, 1 + 1 + 16 + 64 + 16 + 128 },  /* F, bytes 2-3, 8-15, 22-23, 32-47 */
		{ 0x10, 2 + 1 + 3 + 16 + 32 + 64 },    /* F, bits 1-3, bytes 2-3, 24-27, 32-39 */
		{ 0x20, 2 + 8 + 16 + 96 },             /* byte 1, bytes 2-3, 36-47 */
		{ 0x21, 2 + 1 + 2 + 1 + 48 },          /* F, bits 1-2, bit 7, bytes 10-15 */
		{ 0x22, 2 + 8 + 8 + 64 + 32 + 96 },    /* byte 1, byte 3, 8-15, 20-23, 36-47 */
		{ 0x23, 2 + 2 + 32 + 16 + 64 },        /* bits 2-3, bytes 20-23, 38-39, 40-47 */
		{ 0x24, 2 + 6 + 16 + 96 },             /* byte 1, bytes 2-3, 36-47 */
		{ 0x25, 2 + 3 + 8 },                   /* bits 2-4, byte 2 */
		{ 0x26, 2 + 8 + 8 + 64 + 32 + 32 + 32 }, /* byte 1, byte 3, 8-15, 20-23, 36-39, 44-47 */
		{ 0x31, 2 + 8 + 16 },                  /* byte 1, bytes 2-3 */
		{ 0x32, 2 + 8 + 16 + 32 + 32 + 32 },   /* byte 1, bytes 2-3, ITT, 20-23, 44-47 */
		{ 0x3f, 2 + 8 + 8 + 64 + 32 + 32 + 64 }, /* byte 1, byte 3, 8-15, ITT, 20-23, 40-47 */
	};

	(void)state;
	for (size_t i = 0; i < sizeof FREE / sizeof *FREE; i++) {
		unsigned named = 0;

		for (unsigned f = 0; f < iscsip__wire_field_count; f++)
			if (wire_field_of(&iscsip__wire_fields[f], FREE[i].opcode) && !iscsip__wire_fields[f].fixed)
				named += iscsip__wire_fields[f].width;
		if (named + FREE[i].bits != ISCSIP_BHS_LEN * 8)
			fail_msg("opcode %02x: %u bits named, %u expected", FREE[i].opcode, named,
				 ISCSIP_BHS_LEN * 8 - FREE[i].bits);
	}
}

static void fields_of_one_header_do_not_overlap(void **state)
{
	(void)state;
	for (size_t o = 0; o < sizeof OPCODES; o++) {
		bool taken[ISCSIP_BHS_LEN * 8] = { false };

		for (unsigned f = 0; f < iscsip__wire_field_count; f++) {
			const struct wire_field *w = &iscsip__wire_fields[f];

			for (unsigned b = 0; wire_field_of(w, OPCODES[o]) && b < w->width; b++) {
				unsigned at = w->byte * 8u + w->bit + b;

				assert_true(at < ISCSIP_BHS_LEN * 8);
				assert_false(taken[at]);
				taken[at] = true;
			}
		}
	}
}

static void encoded_headers_have_no_reserved_bit_and_every_fixed_one(void **state)
{
	(void)state;
	for (int i = 0; i < 20000; i++) {
		uint8_t bytes[ISCSIP_BHS_LEN];
		struct iscsip_error why;
		struct iscsip_pdu pdu;

		random_bytes(bytes, sizeof bytes);
		bytes[0] = (uint8_t)((bytes[0] & 0xc0) | OPCODES[random_byte() % sizeof OPCODES]);
		assert_int_equal(iscsip_pdu_decode(&pdu, bytes), ISCSIP_OK);
		assert_int_equal(iscsip_pdu_encode(bytes, &pdu), ISCSIP_OK);
		assert_int_equal(iscsip_pdu_check_reserved(bytes, &why), ISCSIP_OK);
	}
}

static void any_bytes_decode_and_what_they_encode_to_decodes_the_same(void **state)
{
	(void)state;
	for (int i = 0; i < 50000; i++) {
		uint8_t bytes[ISCSIP_BHS_LEN], again[ISCSIP_BHS_LEN], third[ISCSIP_BHS_LEN];
		struct iscsip_pdu pdu, same;

		random_bytes(bytes, sizeof bytes);
		if (iscsip_pdu_decode(&pdu, bytes) != ISCSIP_OK) {
			assert_false(assigned(bytes[0] & 0x3f));
			assert_int_equal(iscsip_pdu_encode(again, &pdu), ISCSIP_EINVAL);
			continue;
		}
		assert_true(assigned(bytes[0] & 0x3f));
		assert_int_equal(iscsip_pdu_encode(again, &pdu), ISCSIP_OK);
		assert_int_equal(iscsip_pdu_decode(&same, again), ISCSIP_OK);
		assert_memory_equal(&same, &pdu, sizeof pdu);
		assert_int_equal(iscsip_pdu_encode(third, &same), ISCSIP_OK);
		assert_memory_equal(third, again, sizeof third);
	}
}

static void every_opcode_with_every_flag_byte_decodes_or_is_told_as_unknown(void **state)
{
	(void)state;
	for (unsigned first = 0; first < 256; first++) {
		for (unsigned second = 0; second < 256; second++) {
			uint8_t bytes[ISCSIP_BHS_LEN] = { (uint8_t)first, (uint8_t)second, 0, 0, 2, 0, 1, 0 };
			uint8_t opcode = first & 0x3f;
			struct iscsip_pdu pdu;

			assert_int_equal(iscsip_pdu_decode(&pdu, bytes), assigned(opcode) ? ISCSIP_OK : ISCSIP_EPROTO);
			assert_int_equal(pdu.opcode, opcode);
			assert_int_equal(pdu.ahs_words, 2);
			assert_int_equal(pdu.data_len, 256);
		}
	}
}

static void an_unknown_opcode_is_read_by_the_template_of_all_headers(void **state)
{
	static const uint8_t BYTES[ISCSIP_BHS_LEN] = { 0x5c, 0x80, 0xff, 0xff, 0x01, 0x00, 0x02, 0x03, 1, 2, 3, 4,
						       5,    6,	   7,	 8,    9,    10,   11,	 12,   0xff };
	struct iscsip_pdu pdu;

	(void)state;
	assert_int_equal(iscsip_pdu_decode(&pdu, BYTES), ISCSIP_EPROTO);
	assert_int_equal(pdu.opcode, 0x1c);
	assert_true(pdu.immediate);
	assert_true(pdu.final);
	assert_int_equal(pdu.ahs_words, 1);
	assert_int_equal(pdu.data_len, 0x203);
	assert_true(pdu.lun == 0x0102030405060708);
	assert_int_equal(pdu.itt, 0x090a0b0c);
	assert_int_equal(pdu.nop_out.ttt, 0);
}

static void a_value_too_large_for_its_field_is_not_cut_off_but_refused(void **state)
{
	uint8_t bytes[ISCSIP_BHS_LEN];
	struct iscsip_pdu pdu = { .opcode = ISCSIP_OP_SCSI_COMMAND };

	(void)state;
	pdu.data_len = 0xffffff;
	pdu.scsi_command.attr = 7;
	pdu.scsi_command.pri = 15;
	assert_int_equal(iscsip_pdu_encode(bytes, &pdu), ISCSIP_OK);
	pdu.data_len = 0x1000000;
	assert_int_equal(iscsip_pdu_encode(bytes, &pdu), ISCSIP_EINVAL);
	pdu.data_len = 0;
	pdu.scsi_command.attr = 8;
	assert_int_equal(iscsip_pdu_encode(bytes, &pdu), ISCSIP_EINVAL);
	pdu.scsi_command.attr = 0;
	pdu.scsi_command.pri = 16;
	assert_int_equal(iscsip_pdu_encode(bytes, &pdu), ISCSIP_EINVAL);

	memset(&pdu, 0, sizeof pdu);
	pdu.opcode = ISCSIP_OP_LOGIN_REQUEST;
	pdu.login_request.csg = 4;
	assert_int_equal(iscsip_pdu_encode(bytes, &pdu), ISCSIP_EINVAL);
	memset(&pdu, 0, sizeof pdu);
	pdu.opcode = ISCSIP_OP_TASK_REQUEST;
	pdu.task_request.function = 128;
	assert_int_equal(iscsip_pdu_encode(bytes, &pdu), ISCSIP_EINVAL);
	memset(&pdu, 0, sizeof pdu);
	pdu.opcode = ISCSIP_OP_SNACK;
	pdu.snack.snack_type = 16;
	assert_int_equal(iscsip_pdu_encode(bytes, &pdu), ISCSIP_EINVAL);
}

static void an_opcode_that_is_not_assigned_is_not_encoded(void **state)
{
	(void)state;
	for (unsigned opcode = 0; opcode < 256; opcode++) {
		struct iscsip_pdu pdu = { .opcode = (uint8_t)opcode };
		uint8_t bytes[ISCSIP_BHS_LEN];

		assert_int_equal(iscsip_pdu_encode(bytes, &pdu), assigned(pdu.opcode) ? ISCSIP_OK : ISCSIP_EINVAL);
	}
}

static void numbers_are_read_through_the_common_views_whichever_pdu_it_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < VECTOR_COUNT; i++) {
		const uint8_t *b = VECTORS[i].bytes;
		unsigned carries = iscsip_pdu_carries(b[0] & 0x3f);
		struct iscsip_pdu pdu;
		uint32_t at24 = (uint32_t)b[24] << 24 | (uint32_t)b[25] << 16 | (uint32_t)b[26] << 8 | b[27];
		uint32_t at28 = (uint32_t)b[28] << 24 | (uint32_t)b[29] << 16 | (uint32_t)b[30] << 8 | b[31];
		uint32_t at32 = (uint32_t)b[32] << 24 | (uint32_t)b[33] << 16 | (uint32_t)b[34] << 8 | b[35];

		assert_int_equal(iscsip_pdu_decode(&pdu, b), ISCSIP_OK);
		if (b[0] & 0x20) {
			assert_int_equal(pdu.reply.statsn, at24);
			assert_int_equal(pdu.reply.expcmdsn, at28);
			assert_int_equal(pdu.reply.maxcmdsn, at32);
			assert_int_equal(carries & 7, ISCSIP_CARRIES_STATSN);
			continue;
		}
		assert_int_equal(pdu.request.expstatsn, at28);
		assert_true(carries & ISCSIP_CARRIES_EXPSTATSN);
		assert_int_equal(!(carries & ISCSIP_CARRIES_CMDSN), pdu.opcode == 0x05 || pdu.opcode == 0x10);
		if (carries & ISCSIP_CARRIES_CMDSN)
			assert_int_equal(pdu.request.cmdsn, at24);
	}
}

static void only_responses_that_are_counted_use_up_a_statsn(void **state)
{
	struct iscsip_pdu pdu = { .opcode = ISCSIP_OP_R2T };

	(void)state;
	assert_false(iscsip_pdu_uses_statsn(&pdu));
	for (size_t o = 0; o < sizeof OPCODES; o++) {
		pdu.opcode = OPCODES[o];
		pdu.itt = ISCSIP_TAG_NONE;
		memset(&pdu.data_in, 0, sizeof pdu.data_in);
		if (pdu.opcode < 0x20 || pdu.opcode == 0x20 || pdu.opcode == 0x25 || pdu.opcode == 0x31)
			assert_false(iscsip_pdu_uses_statsn(&pdu));
		else
			assert_true(iscsip_pdu_uses_statsn(&pdu));
	}
	pdu.opcode = ISCSIP_OP_NOP_IN;
	pdu.itt = 5;
	assert_true(iscsip_pdu_uses_statsn(&pdu));
	pdu.opcode = ISCSIP_OP_DATA_IN;
	pdu.data_in.has_status = true;
	assert_true(iscsip_pdu_uses_statsn(&pdu));
	for (size_t o = 0; o < sizeof OPCODES; o++) /* what depends on the PDU is not said of the opcode */
		assert_int_equal((iscsip_pdu_carries(OPCODES[o]) & ISCSIP_USES_STATSN) != 0,
				 OPCODES[o] > 0x20 && OPCODES[o] != 0x25 && OPCODES[o] != 0x31);
	assert_int_equal(iscsip_pdu_carries(0x1c), 0);
	assert_int_equal(iscsip_pdu_carries(0x40), 0);
	assert_int_equal(iscsip_pdu_carries(0xff), 0);
}

static void the_parts_of_a_pdu_lie_where_padding_and_digests_put_them(void **state)
{
	struct iscsip_pdu pdu = { .opcode = ISCSIP_OP_SCSI_COMMAND, .ahs_words = 3, .data_len = 5 };
	struct iscsip_pdu_lengths len = iscsip_pdu_measure(&pdu, true, true);

	(void)state;
	assert_int_equal(len.ahs, 12);
	assert_int_equal(len.header, 64);
	assert_int_equal(len.pad, 3);
	assert_int_equal(len.data_digest, 4);
	assert_int_equal(len.total, 64 + 5 + 3 + 4);
	len = iscsip_pdu_measure(&pdu, false, false);
	assert_int_equal(len.header, 60);
	assert_int_equal(len.total, 68);
	pdu.data_len = 0; /* a zero-length data segment has no digest (11.2.3) */
	len = iscsip_pdu_measure(&pdu, false, true);
	assert_int_equal(len.data_digest, 0);
	assert_int_equal(len.total, 60);
	pdu.data_len = ISCSIP_DATA_LEN_MAX;
	pdu.ahs_words = 255;
	len = iscsip_pdu_measure(&pdu, true, true);
	assert_int_equal(len.pad, 1);
	assert_int_equal(len.total, 48 + 1020 + 4 + 0x1000000 + 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_is_a_vector_for_each_of_the_18_opcodes),
		cmocka_unit_test(headers_decode_to_what_the_figures_say),
		cmocka_unit_test(headers_encode_to_the_bytes_of_the_figures),
		cmocka_unit_test(headers_decode_and_encode_at_every_alignment_without_touching_their_neighbours),
		cmocka_unit_test(bits_that_are_reserved_or_fixed_do_not_change_what_a_header_decodes_to),
		cmocka_unit_test(as_many_bits_are_reserved_or_fixed_as_the_figures_leave_free),
		cmocka_unit_test(fields_of_one_header_do_not_overlap),
		cmocka_unit_test(encoded_headers_have_no_reserved_bit_and_every_fixed_one),
		cmocka_unit_test(any_bytes_decode_and_what_they_encode_to_decodes_the_same),
		cmocka_unit_test(every_opcode_with_every_flag_byte_decodes_or_is_told_as_unknown),
		cmocka_unit_test(an_unknown_opcode_is_read_by_the_template_of_all_headers),
		cmocka_unit_test(a_value_too_large_for_its_field_is_not_cut_off_but_refused),
		cmocka_unit_test(an_opcode_that_is_not_assigned_is_not_encoded),
		cmocka_unit_test(numbers_are_read_through_the_common_views_whichever_pdu_it_is),
		cmocka_unit_test(only_responses_that_are_counted_use_up_a_statsn),
		cmocka_unit_test(the_parts_of_a_pdu_lie_where_padding_and_digests_put_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
