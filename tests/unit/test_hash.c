/* SPDX-License-Identifier: MIT */
/*
 * The hashes of CHAP: the examples of their standards, lengths around every block border against OpenSSL's
 * digests (tests/vectors/hash.def), input cut at every byte, and the helpers for secrets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <iscsiproto/base.h>

#include "hash/hash.h"

#define MESSAGE_MAX 5000u

static const int ALGS[] = {ISCSIP_HASH_MD5, ISCSIP_HASH_SHA1, ISCSIP_HASH_SHA256, ISCSIP_HASH_SHA3_256};

static uint8_t message[MESSAGE_MAX];

static int fill_message(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < MESSAGE_MAX; i++)
		message[i] = (uint8_t)((i * i >> 3) ^ i * 29);
	return 0;
}

static void digest(int alg, const void *p, size_t n, uint8_t out[ISCSIP__HASH_MAX])
{
	struct iscsip__hash_ctx ctx;

	assert_int_equal(iscsip__hash_init(&ctx, alg), ISCSIP_OK);
	iscsip__hash_update(&ctx, p, n);
	assert_int_equal(iscsip__hash_final(&ctx, out), iscsip__hash_size(alg));
}

static void expect(int alg, const uint8_t *got, const char *hex)
{
	char text[2 * ISCSIP__HASH_MAX + 1] = "";

	for (size_t i = 0; i < iscsip__hash_size(alg); i++)
		snprintf(text + 2 * i, 3, "%02x", got[i]);
	assert_string_equal(text, hex);
}

static void expect_of(int alg, const char *text, const char *hex)
{
	uint8_t out[ISCSIP__HASH_MAX];

	if (iscsip__hash_size(alg) == 0)
		return; /* built without it */
	digest(alg, text, strlen(text), out);
	expect(alg, out, hex);
}

static void md5_gives_the_digests_of_rfc_1321(void **state)
{
	static const char *const suite[][2] = {
		{"", "d41d8cd98f00b204e9800998ecf8427e"},
		{"a", "0cc175b9c0f1b6a831c399e269772661"},
		{"abc", "900150983cd24fb0d6963f7d28e17f72"},
		{"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
		{"abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"},
		{"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
		 "d174ab98d277d9f5a5611c2c9f419d9f"},
		{"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
		 "57edf4a22be3c955ac49da2e2107b67a"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof suite / sizeof *suite; i++)
		expect_of(ISCSIP_HASH_MD5, suite[i][0], suite[i][1]);
}

static void the_shas_give_the_digests_of_the_standards_examples(void **state)
{
	static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";

	(void)state;
	expect_of(ISCSIP_HASH_SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d");
	expect_of(ISCSIP_HASH_SHA1, two_blocks, "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
	expect_of(ISCSIP_HASH_SHA256, "abc",
		  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	expect_of(ISCSIP_HASH_SHA256, two_blocks,
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	expect_of(ISCSIP_HASH_SHA3_256, "",
		  "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a");
	expect_of(ISCSIP_HASH_SHA3_256, "abc",
		  "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532");
	expect_of(ISCSIP_HASH_SHA3_256, two_blocks,
		  "41c0dba2a9d6240849100376a8235e2c82e1b9998a999e21db32dd97496d3376");
}

static void sha3_takes_the_1600_bit_example_of_the_standard(void **state)
{
	uint8_t in[200], out[ISCSIP__HASH_MAX];

	(void)state;
	memset(in, 0xa3, sizeof in);
	digest(ISCSIP_HASH_SHA3_256, in, sizeof in, out);
	expect(ISCSIP_HASH_SHA3_256, out, "79f38adec5c20307a98ef76e8324afbfd46cfd81b22e3973c65fa1bd9de31787");
}

static void a_million_letters_hash_to_the_standards_digest(void **state)
{
	static const struct {
		int alg;
		const char *hex;
	} want[] = {
		{ISCSIP_HASH_MD5, "7707d6ae4e027c70eea2a935c2296f21"},
		{ISCSIP_HASH_SHA1, "34aa973cd4c4daa4f61eeb2bdbad27316534016f"},
		{ISCSIP_HASH_SHA256, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
		{ISCSIP_HASH_SHA3_256, "5c8875ae474a3634ba4fd55ec85bffd661f32aca75c6d699d0cdcb6c115891c1"},
	};
	uint8_t letters[1000], out[ISCSIP__HASH_MAX];

	(void)state;
	memset(letters, 'a', sizeof letters);
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		struct iscsip__hash_ctx ctx;

		if (iscsip__hash_init(&ctx, want[i].alg) != ISCSIP_OK)
			continue;
		for (int part = 0; part < 1000; part++)
			iscsip__hash_update(&ctx, letters, sizeof letters);
		iscsip__hash_final(&ctx, out);
		expect(want[i].alg, out, want[i].hex);
	}
}

static void lengths_around_the_block_borders_agree_with_openssl(void **state)
{
	static const struct {
		int alg;
		size_t len;
		const char *hex;
	} vectors[] = {
#define HASH_VECTOR(alg, len, hex) {alg, len, hex},
#define HASH_CHAIN(alg, hex)
#include "vectors/hash.def"
#undef HASH_VECTOR
#undef HASH_CHAIN
	};
	uint8_t out[ISCSIP__HASH_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		if (iscsip__hash_size(vectors[i].alg) == 0)
			continue;
		digest(vectors[i].alg, message, vectors[i].len, out);
		expect(vectors[i].alg, out, vectors[i].hex);
	}
}

static void every_length_up_to_600_bytes_agrees_with_openssl(void **state)
{
	static const struct {
		int alg;
		const char *hex;
	} chains[] = {
#define HASH_VECTOR(alg, len, hex)
#define HASH_CHAIN(alg, hex) {alg, hex},
#include "vectors/hash.def"
#undef HASH_VECTOR
#undef HASH_CHAIN
	};
	uint8_t out[ISCSIP__HASH_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
		struct iscsip__hash_ctx ctx;

		if (iscsip__hash_init(&ctx, chains[i].alg) != ISCSIP_OK)
			continue;
		for (size_t len = 0; len <= 600; len++) {
			digest(chains[i].alg, message, len, out);
			iscsip__hash_update(&ctx, out, iscsip__hash_size(chains[i].alg));
		}
		iscsip__hash_final(&ctx, out);
		expect(chains[i].alg, out, chains[i].hex);
	}
}

static void input_cut_at_every_byte_gives_the_same_digest(void **state)
{
	const size_t len = 300; /* two rates of SHA-3 and more, four blocks of the others and more */
	uint8_t whole[ISCSIP__HASH_MAX], cut[ISCSIP__HASH_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof ALGS / sizeof *ALGS; i++) {
		size_t size = iscsip__hash_size(ALGS[i]);
		struct iscsip__hash_ctx ctx;

		if (size == 0)
			continue;
		digest(ALGS[i], message, len, whole);
		for (size_t at = 0; at <= len; at++) {
			iscsip__hash_init(&ctx, ALGS[i]);
			iscsip__hash_update(&ctx, message, at);
			iscsip__hash_update(&ctx, NULL, 0);
			iscsip__hash_update(&ctx, message + at, len - at);
			iscsip__hash_final(&ctx, cut);
			assert_memory_equal(cut, whole, size);
		}
		iscsip__hash_init(&ctx, ALGS[i]);
		for (size_t at = 0; at < len; at++)
			iscsip__hash_update(&ctx, message + at, 1);
		iscsip__hash_final(&ctx, cut);
		assert_memory_equal(cut, whole, size);
	}
}

static void unknown_algorithms_have_no_size_and_do_not_begin(void **state)
{
	static const int unknown[] = {-1, 0, 4, 9, 255, 0x105, INT32_MAX, INT32_MIN};
	struct iscsip__hash_ctx ctx;

	(void)state;
	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
		assert_int_equal(iscsip__hash_size(unknown[i]), 0);
		assert_int_equal(iscsip__hash_init(&ctx, unknown[i]), ISCSIP_EINVAL);
	}
}

static void the_build_has_the_algorithms_that_its_switches_leave(void **state)
{
	(void)state;
#ifdef ISCSIP_NO_MD5
	assert_int_equal(iscsip__hash_size(ISCSIP_HASH_MD5), 0);
#else
	assert_int_equal(iscsip__hash_size(ISCSIP_HASH_MD5), 16);
#endif
#ifdef ISCSIP_NO_SHA1
	assert_int_equal(iscsip__hash_size(ISCSIP_HASH_SHA1), 0);
#else
	assert_int_equal(iscsip__hash_size(ISCSIP_HASH_SHA1), 20);
#endif
	assert_int_equal(iscsip__hash_size(ISCSIP_HASH_SHA256), 32);
	assert_int_equal(iscsip__hash_size(ISCSIP_HASH_SHA3_256), 32);
}

static void a_finished_hash_leaves_nothing_of_the_secret_behind(void **state)
{
	static const uint8_t zeros[sizeof(struct iscsip__hash_ctx)];
	uint8_t out[ISCSIP__HASH_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof ALGS / sizeof *ALGS; i++) {
		struct iscsip__hash_ctx ctx;

		if (iscsip__hash_init(&ctx, ALGS[i]) != ISCSIP_OK)
			continue;
		iscsip__hash_update(&ctx, message, 100);
		iscsip__hash_final(&ctx, out);
		assert_memory_equal(&ctx, zeros, sizeof ctx);
	}
}

static void the_digest_is_written_to_its_own_bytes_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof ALGS / sizeof *ALGS; i++) {
		uint8_t out[ISCSIP__HASH_MAX + 8];
		size_t size = iscsip__hash_size(ALGS[i]);

		if (size == 0)
			continue;
		memset(out, 0x5a, sizeof out);
		digest(ALGS[i], message, 10, out);
		for (size_t at = size; at < sizeof out; at++)
			assert_int_equal(out[at], 0x5a);
	}
}

static void equality_sees_a_difference_in_every_bit_of_every_byte(void **state)
{
	uint8_t a[40], b[40];

	(void)state;
	memset(a, 0x3c, sizeof a);
	memset(b, 0x3c, sizeof b);
	assert_true(iscsip__equal_ct(a, b, sizeof a));
	assert_true(iscsip__equal_ct(NULL, NULL, 0));
	for (size_t bit = 0; bit < 8 * sizeof a; bit++) {
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(iscsip__equal_ct(a, b, sizeof a));
		assert_true(iscsip__equal_ct(a, b, bit / 8));
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void wiping_clears_the_given_bytes_and_no_others(void **state)
{
	uint8_t a[32];

	(void)state;
	memset(a, 0xff, sizeof a);
	iscsip__wipe(a + 5, 20);
	for (size_t i = 0; i < sizeof a; i++)
		assert_int_equal(a[i], i >= 5 && i < 25 ? 0 : 0xff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(md5_gives_the_digests_of_rfc_1321),
		cmocka_unit_test(the_shas_give_the_digests_of_the_standards_examples),
		cmocka_unit_test(sha3_takes_the_1600_bit_example_of_the_standard),
		cmocka_unit_test(a_million_letters_hash_to_the_standards_digest),
		cmocka_unit_test(lengths_around_the_block_borders_agree_with_openssl),
		cmocka_unit_test(every_length_up_to_600_bytes_agrees_with_openssl),
		cmocka_unit_test(input_cut_at_every_byte_gives_the_same_digest),
		cmocka_unit_test(unknown_algorithms_have_no_size_and_do_not_begin),
		cmocka_unit_test(the_build_has_the_algorithms_that_its_switches_leave),
		cmocka_unit_test(a_finished_hash_leaves_nothing_of_the_secret_behind),
		cmocka_unit_test(the_digest_is_written_to_its_own_bytes_only),
		cmocka_unit_test(equality_sees_a_difference_in_every_bit_of_every_byte),
		cmocka_unit_test(wiping_clears_the_given_bytes_and_no_others),
	};

	return cmocka_run_group_tests(tests, fill_message, NULL);
}
