/* SPDX-License-Identifier: MIT */
/*
 * CRC32C with VPCLMULQDQ on 512-bit registers: four registers of four 128-bit lanes stand for the message so
 * far. Folding moves each lane over the next 256 bytes (two products) and adds these (one three-way
 * exclusive or); the CRC of the whole stays what it was. shift.c derives the constants.
 *
 * The multiplier is the bottleneck, and the CRC instruction of SSE4.2 runs on another port. A long run is
 * therefore cut into a front for the registers and three parts behind it for three CRC streams (sse42.c),
 * which run in the same loop:
 *
 *     | 256 bytes | steps * 256 bytes | lanes * 64 bytes |  w words  |  w words  |  w words  |  w = 3 * steps
 *       loaded      folded by 256, and beside each step 3 words of each of the streams
 *                                       folded by 64
 *
 * Nine CRC instructions beside eight products suit both kinds of multiplier that there are: one product a
 * cycle (Intel), one every other cycle (AMD Zen 4, where streams bring 20 % and more). Joining costs some
 * nanoseconds, so a run below CRC_MIXED_FROM bytes does without streams, and one below CRC_WIDE_FROM
 * without registers.
 *
 * The functions are compiled for their instructions by attribute; choose.c sees to it that the CPU has them
 * and that the operating system keeps the registers.
 */
#include "crc32c/crc32c.h"

#ifdef ISCSIP__CRC32C_X86_64

#include <immintrin.h>

#define CRC_AVX512 __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,vpclmulqdq,pclmul,sse4.2")))
#define CRC_LANES 64u                                                /* bytes of a register */
#define CRC_BLOCK (4 * CRC_LANES)                                    /* bytes of all four */
#define CRC_WORDS 3u                                                 /* of each stream in a step */
#define CRC_STEP (CRC_BLOCK + 24 * CRC_WORDS)                        /* bytes of a step in all */
#define CRC_STEPS_MAX ((ISCSIP__CRC32C_SHIFT - 1) / (3 * CRC_WORDS)) /* the front moves over three parts */
#define CRC_WIDE_FROM CRC_BLOCK
#define CRC_MIXED_FROM 2560u

/* Four registers, in the order of the message. */
struct crc_wide {
	__m512i a, b, c, d;
};

static inline long long crc_constant(size_t words)
{
	return iscsip__crc32c_shift[words];
}

/* What moves every lane over `words` words: for its first half and its second one. */
CRC_AVX512 static inline __m512i crc_distance(size_t words)
{
	return _mm512_broadcast_i32x4(_mm_set_epi64x(crc_constant(words), crc_constant(words + 1)));
}

CRC_AVX512 static inline __m512i crc_load(const uint8_t *p)
{
	return _mm512_loadu_si512((const void *)p);
}

/* v moved by distance k, plus next. */
CRC_AVX512 static inline __m512i crc_fold(__m512i v, __m512i k, __m512i next)
{
	return _mm512_ternarylogic_epi64(_mm512_clmulepi64_epi128(v, k, 0x00),
					 _mm512_clmulepi64_epi128(v, k, 0x11), next, 0x96);
}

CRC_AVX512 static inline struct crc_wide crc_first_block(uint32_t crc, const uint8_t *p)
{
	struct crc_wide v = {crc_load(p), crc_load(p + CRC_LANES), crc_load(p + 2 * CRC_LANES),
			     crc_load(p + 3 * CRC_LANES)};

	v.a = _mm512_xor_si512(v.a, _mm512_castsi128_si512(_mm_cvtsi32_si128((int)crc)));
	return v;
}

/* The CRC of four lanes: three are moved over those behind them, then 128 bits are taken as a message. */
CRC_AVX512 static inline uint32_t crc_reduce(__m512i v)
{
	const __m512i k = _mm512_set_epi64(0, 0, crc_constant(2), crc_constant(3), crc_constant(4),
					   crc_constant(5), crc_constant(6), crc_constant(7));
	__m512i three =
		_mm512_xor_si512(_mm512_clmulepi64_epi128(v, k, 0x00), _mm512_clmulepi64_epi128(v, k, 0x11));
	__m512i four = _mm512_mask_blend_epi64(0xc0, three, v);
	__m256i two = _mm256_xor_si256(_mm512_castsi512_si256(four), _mm512_extracti64x4_epi64(four, 1));
	__m128i one = _mm_xor_si128(_mm256_castsi256_si128(two), _mm256_extracti128_si256(two, 1));
	uint64_t crc = _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(one));

	return (uint32_t)_mm_crc32_u64(crc, (uint64_t)_mm_extract_epi64(one, 1));
}

/* The CRC of the registers and of the lanes that follow at p. */
CRC_AVX512 static inline uint32_t crc_finish(struct crc_wide v, const uint8_t *p, size_t lanes)
{
	const __m512i by_two = crc_distance(2 * CRC_LANES / 8), by_one = crc_distance(CRC_LANES / 8);
	__m512i one = crc_fold(crc_fold(v.a, by_two, v.c), by_one, crc_fold(v.b, by_two, v.d));

	for (; lanes > 0; lanes--, p += CRC_LANES)
		one = crc_fold(one, by_one, crc_load(p));
	return crc_reduce(one);
}

/* n bytes without streams; n is a multiple of CRC_LANES, CRC_WIDE_FROM or more. */
CRC_AVX512 static uint32_t crc_of_wide(uint32_t crc, const uint8_t *p, size_t n)
{
	const __m512i k = crc_distance(CRC_BLOCK / 8);
	struct crc_wide v = crc_first_block(crc, p);

	for (p += CRC_BLOCK, n -= CRC_BLOCK; n >= CRC_BLOCK; p += CRC_BLOCK, n -= CRC_BLOCK) {
		v.a = crc_fold(v.a, k, crc_load(p));
		v.b = crc_fold(v.b, k, crc_load(p + CRC_LANES));
		v.c = crc_fold(v.c, k, crc_load(p + 2 * CRC_LANES));
		v.d = crc_fold(v.d, k, crc_load(p + 3 * CRC_LANES));
	}
	return crc_finish(v, p, n / CRC_LANES);
}

struct crc_streams {
	uint64_t x, y, z;
};

/* A word for each stream; their parts lie `part` bytes apart. */
CRC_AVX512 static inline struct crc_streams crc_feed(struct crc_streams t, const uint8_t *p, size_t part)
{
	t.x = _mm_crc32_u64(t.x, crc_load64(p));
	t.y = _mm_crc32_u64(t.y, crc_load64(p + part));
	t.z = _mm_crc32_u64(t.z, crc_load64(p + 2 * part));
	return t;
}

/* A CRC register moved over `words` words, before the division by the generator. */
CRC_AVX512 static inline __m128i crc_moved(uint64_t crc, size_t words)
{
	return _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)crc), _mm_cvtsi64_si128(crc_constant(words)),
				    0);
}

/* CRC_BLOCK + steps * CRC_STEP + lanes * CRC_LANES bytes. In the loop the two kinds of work alternate. */
CRC_AVX512 static uint32_t crc_of_mixed(uint32_t crc, const uint8_t *p, size_t steps, size_t lanes)
{
	const __m512i k = crc_distance(CRC_BLOCK / 8);
	const size_t words = CRC_WORDS * steps, part = 8 * words;
	const uint8_t *s = p + CRC_BLOCK * (steps + 1) + CRC_LANES * lanes;
	struct crc_wide v = crc_first_block(crc, p);
	struct crc_streams t = {0, 0, 0};
	__m128i sum;

	p += CRC_BLOCK;
	for (; steps > 0; steps--, p += CRC_BLOCK, s += 8 * CRC_WORDS) {
		v.a = crc_fold(v.a, k, crc_load(p));
		t = crc_feed(t, s, part);
		v.b = crc_fold(v.b, k, crc_load(p + CRC_LANES));
		t = crc_feed(t, s + 8, part);
		v.c = crc_fold(v.c, k, crc_load(p + 2 * CRC_LANES));
		t = crc_feed(t, s + 16, part);
		v.d = crc_fold(v.d, k, crc_load(p + 3 * CRC_LANES));
	}
	sum = _mm_xor_si128(crc_moved(t.x, 2 * words), crc_moved(t.y, words));
	sum = _mm_xor_si128(sum, crc_moved(crc_finish(v, p, lanes), 3 * words));
	return (uint32_t)(_mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(sum)) ^ t.z);
}

CRC_AVX512 uint32_t iscsip__crc32c_avx512(uint32_t crc, const void *p, size_t n)
{
	const uint8_t *at = p;
	size_t size;

	if (n < CRC_WIDE_FROM) /* most often a header: straight on, before any register is saved */
		return iscsip__crc32c_sse42x3(crc, p, n);
	crc = ~crc;
	for (; n >= CRC_MIXED_FROM; at += size, n -= size) {
		size_t steps = (n - CRC_BLOCK) / CRC_STEP, lanes = (n - CRC_BLOCK) % CRC_STEP / CRC_LANES;

		if (steps > CRC_STEPS_MAX)
			steps = CRC_STEPS_MAX;
		crc = crc_of_mixed(crc, at, steps, lanes);
		size = CRC_BLOCK + steps * CRC_STEP + lanes * CRC_LANES;
	}
	if (n >= CRC_WIDE_FROM) {
		size = n - n % CRC_LANES;
		crc = crc_of_wide(crc, at, size);
		at += size;
		n -= size;
	}
	return iscsip__crc32c_sse42x3(~crc, at, n);
}

#else
typedef int iscsip__crc32c_avx512_is_left_out; /* ISO C wants a declaration in every file */
#endif
