/* SPDX-License-Identifier: MIT */
/*
 * CRC32C: every routine that this build has and this CPU runs, against the definition of RFC 7143 13.1 taken
 * bit by bit; the examples of the RFC; the constants of the fast routines from their definition.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crc32c/crc32c.h"

#define LENGTHS 4200u
#define BIG 200000u

typedef uint32_t routine(uint32_t crc, const void *p, size_t n);

/* Features of this CPU. On ARM the test knows no more than the compiler, or what it is told by the build. */
#ifndef TEST_CPU_FEATURES
#define TEST_CPU_FEATURES 0u
#endif

static uint8_t bytes[BIG + 64];
static uint32_t prefix[LENGTHS + 1]; /* prefix[n]: the CRC of the first n bytes, by definition */
static routine *routines[16];
static unsigned routine_count;

/*
 * The definition, bit by bit, in the reflected form: each byte enters by its least significant bit, generator
 * and register stand with x^31 at the least significant bit. That this is the RFC's order of bits is what its
 * examples show.
 */
static uint32_t by_definition(uint32_t crc, const uint8_t *p, size_t n)
{
	crc = ~crc;
	for (; n > 0; n--, p++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			uint32_t out = (crc ^ (uint32_t)*p >> bit) & 1u;

			crc = crc >> 1 ^ (out ? 0x82f63b78u : 0u);
		}
	}
	return ~crc;
}

static void add_routine(routine *r)
{
	for (unsigned i = 0; i < routine_count; i++)
		if (routines[i] == r)
			return;
	routines[routine_count++] = r;
}

/* Asks for every combination of what the CPU has: that brings up every routine that it can run. */
static int find_routines(void **state)
{
	uint32_t have = iscsip_cpu_features() | TEST_CPU_FEATURES, seed = 1;

	(void)state;
	for (uint32_t bits = 0; bits < 0x40; bits++)
		add_routine(iscsip_crc32c_choose_for(bits & have));
	add_routine(iscsip_crc32c_choose());
	add_routine(iscsip_crc32c);
	for (unsigned i = 0; i < sizeof bytes; i++) {
		seed = seed * 1664525u + 1013904223u;
		bytes[i] = (uint8_t)(seed >> 24);
	}
	for (unsigned n = 0; n < LENGTHS; n++)
		prefix[n + 1] = by_definition(prefix[n], bytes + n, 1);
	for (unsigned i = 0; i < routine_count; i++)
		print_message("# routine %s\n", iscsip_crc32c_name(routines[i]));
	return 0;
}

/* --- RFC 7143 A.4 ------------------------------------------------------------------------------------ */

/* The RFC prints a CRC as its bytes stand on the wire: the least significant one first. */
static void expect_example(const void *p, size_t n, uint8_t b0, uint8_t b1, uint8_t b2, uint8_t b3)
{
	uint32_t want = (uint32_t)b0 | (uint32_t)b1 << 8 | (uint32_t)b2 << 16 | (uint32_t)b3 << 24;

	for (unsigned i = 0; i < routine_count; i++)
		assert_int_equal(routines[i](0, p, n), want);
	assert_int_equal(by_definition(0, p, n), want);
}

static void the_examples_of_the_rfc_come_out(void **state)
{
	static const uint8_t read_pdu[48] = {
		0x01, 0xc0, 0, 0,    0, 0, 0, 0,    0,    0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0,
		0,    0,    0, 0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0,    0,
	};
	uint8_t b[32];

	(void)state;
	memset(b, 0, sizeof b);
	expect_example(b, sizeof b, 0xaa, 0x36, 0x91, 0x8a);
	memset(b, 0xff, sizeof b);
	expect_example(b, sizeof b, 0x43, 0xab, 0xa8, 0x62);
	for (uint8_t i = 0; i < sizeof b; i++)
		b[i] = i;
	expect_example(b, sizeof b, 0x4e, 0x79, 0xdd, 0x46);
	for (uint8_t i = 0; i < sizeof b; i++)
		b[i] = (uint8_t)(31 - i);
	expect_example(b, sizeof b, 0x5c, 0xdb, 0x3f, 0x11);
	expect_example(read_pdu, sizeof read_pdu, 0x56, 0x3a, 0x96, 0xd9);
	expect_example("123456789", 9, 0x83, 0x92, 0x06, 0xe3); /* the check value of the catalogues */
}

static void nothing_has_the_crc_zero_and_changes_none(void **state)
{
	(void)state;
	for (unsigned i = 0; i < routine_count; i++) {
		assert_int_equal(routines[i](0, NULL, 0), 0);
		assert_int_equal(routines[i](0x12345678, bytes, 0), 0x12345678);
	}
}

static void data_with_its_own_digest_leaves_the_residue_of_the_rfc(void **state)
{
	uint8_t b[100];

	/* RFC 7143 13.1: the remainder 0x1c2d19ed. Reflected and complemented, as our register stands. */
	(void)state;
	memcpy(b, bytes, 96);
	for (unsigned i = 0; i < routine_count; i++) {
		uint32_t crc = routines[i](0, b, 96), back = 0, residue;

		for (unsigned j = 0; j < 4; j++)
			b[96 + j] = (uint8_t)(crc >> 8 * j);
		residue = ~routines[i](0, b, 100);
		for (unsigned bit = 0; bit < 32; bit++)
			back |= (residue >> bit & 1u) << (31 - bit);
		assert_int_equal(back, 0x1c2d19ed);
	}
}

/* --- against the definition --------------------------------------------------------------------------- */

static void every_length_to_4200_bytes_agrees_with_the_definition(void **state)
{
	(void)state;
	for (unsigned i = 0; i < routine_count; i++)
		for (size_t n = 0; n <= LENGTHS; n++)
			assert_int_equal(routines[i](0, bytes, n), prefix[n]);
}

static void every_alignment_agrees_with_the_definition(void **state)
{
	static const size_t lengths[] = {1,   7,   48,   63,   159,  160,  255, 256,
					 511, 700, 2559, 2560, 3000, 4095, 4096};

	(void)state;
	for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
		for (size_t shift = 0; shift < 64; shift++) {
			/* At the end of its block, so that a sanitizer sees a byte read too far. */
			size_t n = lengths[l];
			uint8_t *at = malloc(n + shift);

			assert_non_null(at);
			memcpy(at + shift, bytes, n);
			for (unsigned i = 0; i < routine_count; i++)
				assert_int_equal(routines[i](0, at + shift, n), prefix[n]);
			free(at);
		}
	}
}

static void long_runs_agree_with_the_definition(void **state)
{
	/* Around the longest round of three streams (6,144 bytes) and of the mixed form (18,952, and up to 320
	   for single registers), and several rounds of both. */
	static const size_t lengths[] = {6119,  6143,  6144,  6145,   6303,  6304,  12288,
					 18951, 18952, 18953, 19200,  19279, 19280, 19281,
					 20000, 65536, 65537, 131072, BIG};

	(void)state;
	for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
		uint32_t want = by_definition(7, bytes, lengths[l]);

		for (unsigned i = 0; i < routine_count; i++)
			assert_int_equal(routines[i](7, bytes, lengths[l]), want);
	}
}

static void pieces_cut_at_random_chain_to_the_crc_of_the_whole(void **state)
{
	uint32_t seed = 99;

	(void)state;
	for (unsigned i = 0; i < routine_count; i++) {
		for (unsigned round = 0; round < 300; round++) {
			uint32_t crc = 0;
			size_t at = 0;

			while (at < LENGTHS) {
				size_t n, most = LENGTHS - at;

				seed = seed * 1664525u + 1013904223u;
				n = seed >> 16;
				n = round % 3 == 0 ? n % 9 : round % 3 == 1 ? n % 200 : n % 3000;
				n = n < most ? n : most;
				crc = routines[i](crc, bytes + at, n);
				at += n;
				assert_int_equal(crc, prefix[at]);
			}
		}
	}
}

static void any_register_to_start_from_gives_what_the_definition_gives(void **state)
{
	static const uint32_t starts[] = {1, 0x80000000, 0xffffffff, 0xdeadbeef};
	static const size_t lengths[] = {3, 48, 200, 300, 2700};

	(void)state;
	for (unsigned i = 0; i < routine_count; i++)
		for (size_t s = 0; s < 4; s++)
			for (size_t l = 0; l < 5; l++)
				assert_int_equal(routines[i](starts[s], bytes, lengths[l]),
						 by_definition(starts[s], bytes, lengths[l]));
}

/* --- the rest ----------------------------------------------------------------------------------------- */

#ifdef ISCSIP__CRC32C_SHIFT
static void every_constant_is_the_power_of_x_that_it_says(void **state)
{
	uint32_t power = 0x80000000; /* x^0 */

	(void)state;
	for (unsigned n = 0, m = 1; m < ISCSIP__CRC32C_SHIFT; n++) {
		if (n == 64 * m - 33)
			assert_int_equal(iscsip__crc32c_shift[m++], power);
		power = power >> 1 ^ (power & 1u ? 0x82f63b78u : 0u);
	}
}
#endif

static void copying_copies_and_gives_the_crc_of_what_was_copied(void **state)
{
	static const size_t lengths[] = {0, 1, 8191, 8192, 8193, 20000, BIG};
	uint8_t *to = malloc(BIG + 2);

	(void)state;
	assert_non_null(to);
	for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
		size_t n = lengths[l];
		uint32_t want = by_definition(5, bytes, n);

		for (unsigned i = 0; i <= routine_count; i++) {
			routine *r = i < routine_count ? routines[i] : NULL;

			memset(to, 0xee, n + 2);
			assert_int_equal(iscsip_crc32c_copy_by(r, 5, to + 1, bytes, n), want);
			assert_memory_equal(to + 1, bytes, n);
			assert_int_equal(to[0], 0xee);
			assert_int_equal(to[n + 1], 0xee);
		}
		memset(to, 0, n + 2);
		assert_int_equal(iscsip_crc32c_copy(5, to, bytes, n), want);
		assert_memory_equal(to, bytes, n);
	}
	free(to);
}

static uint32_t hosts_own(uint32_t crc, const void *p, size_t n)
{
	return by_definition(crc, p, n);
}

static void every_routine_has_a_name_and_the_hosts_own_is_told_apart(void **state)
{
	(void)state;
	for (unsigned i = 0; i < routine_count; i++) {
		assert_string_not_equal(iscsip_crc32c_name(routines[i]), "host");
		for (unsigned j = 0; j < i; j++)
			if (routines[i] != iscsip_crc32c && routines[j] != iscsip_crc32c)
				assert_string_not_equal(iscsip_crc32c_name(routines[i]),
							iscsip_crc32c_name(routines[j]));
	}
	assert_string_equal(iscsip_crc32c_name(hosts_own), "host");
}

static void no_feature_chooses_the_portable_routine_and_more_never_a_lesser_one(void **state)
{
	static const struct {
		uint32_t features;
		const char *name;
	} choices[] = {
#ifdef ISCSIP_CRC32C_SMALL
		{0, "nibble"},
		{0xffffffff, "nibble"},
#else
		{0, "slice8"},
		{ISCSIP_CPU_PCLMUL, "slice8"},
#endif
#ifdef ISCSIP__CRC32C_X86_64
		{ISCSIP_CPU_SSE42, "sse42"},
		{ISCSIP_CPU_SSE42 | ISCSIP_CPU_PCLMUL, "sse42x3"},
		{ISCSIP_CPU_SSE42 | ISCSIP_CPU_PCLMUL | ISCSIP_CPU_AVX512, "sse42x3"},
		{ISCSIP_CPU_SSE42 | ISCSIP_CPU_PCLMUL | ISCSIP_CPU_VPCLMUL, "sse42x3"},
		{ISCSIP_CPU_AVX512 | ISCSIP_CPU_VPCLMUL, "slice8"},
		{0xffffffff, "avx512"},
#endif
#ifdef ISCSIP__CRC32C_ARM64
		{ISCSIP_CPU_ARM_CRC32, "armv8"},
		{ISCSIP_CPU_ARM_CRC32 | ISCSIP_CPU_ARM_PMULL, "armv8x3"},
#endif
	};

	(void)state;
	for (size_t i = 0; i < sizeof choices / sizeof *choices; i++)
		assert_string_equal(iscsip_crc32c_name(iscsip_crc32c_choose_for(choices[i].features)),
				    choices[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_examples_of_the_rfc_come_out),
		cmocka_unit_test(nothing_has_the_crc_zero_and_changes_none),
		cmocka_unit_test(data_with_its_own_digest_leaves_the_residue_of_the_rfc),
		cmocka_unit_test(every_length_to_4200_bytes_agrees_with_the_definition),
		cmocka_unit_test(every_alignment_agrees_with_the_definition),
		cmocka_unit_test(long_runs_agree_with_the_definition),
		cmocka_unit_test(pieces_cut_at_random_chain_to_the_crc_of_the_whole),
		cmocka_unit_test(any_register_to_start_from_gives_what_the_definition_gives),
#ifdef ISCSIP__CRC32C_SHIFT
		cmocka_unit_test(every_constant_is_the_power_of_x_that_it_says),
#endif
		cmocka_unit_test(copying_copies_and_gives_the_crc_of_what_was_copied),
		cmocka_unit_test(every_routine_has_a_name_and_the_hosts_own_is_told_apart),
		cmocka_unit_test(no_feature_chooses_the_portable_routine_and_more_never_a_lesser_one),
	};

	return cmocka_run_group_tests(tests, find_routines, NULL);
}
