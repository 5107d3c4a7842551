/* SPDX-License-Identifier: MIT */
/*
 * CRC32C with the instruction of SSE4.2, which takes 8 bytes (4 on 32-bit x86) every cycle but answers after
 * three. One stream therefore uses a third of it; three streams side by side use all of it.
 *
 * sse42x3 cuts a run into three equal parts, runs them as three streams, the second and third from a register
 * of 0, and joins: the first has to be moved over the two parts behind it, the second over one (shift.c).
 * The parts are as long as the run allows, up to CRC_PART_MAX words, so what is left is shorter than three
 * words or another round. A join costs about as much as five words of one stream: below CRC_THREE_FROM
 * bytes one stream is as fast.
 *
 * No alignment is needed or made: unaligned loads cost less than getting there. The functions are
 * compiled for their instructions by attribute, whatever the build's options are.
 */
#include "crc32c/crc32c.h"

#if defined(ISCSIP__CRC32C_X86_64) || defined(ISCSIP__CRC32C_I386)

#include <immintrin.h>

#define CRC_SSE42 __attribute__((target("sse4.2")))
#define CRC_SSE42_CLMUL __attribute__((target("sse4.2,pclmul")))
#define CRC_THREE_FROM 160u

static inline uint32_t crc_load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

/* The last 0 to 7 bytes. */
CRC_SSE42 static inline uint32_t crc_tail(uint32_t c, const uint8_t *p, size_t n)
{
	if (n & 4) {
		c = _mm_crc32_u32(c, crc_load32(p));
		p += 4;
	}
	if (n & 2) {
		c = _mm_crc32_u16(c, (uint16_t)(p[0] | p[1] << 8));
		p += 2;
	}
	return n & 1 ? _mm_crc32_u8(c, *p) : c;
}

#ifdef ISCSIP__CRC32C_I386

CRC_SSE42 uint32_t iscsip__crc32c_sse42(uint32_t crc, const void *p, size_t n)
{
	const uint8_t *at = p;

	crc = ~crc;
	for (; n >= 8; n -= 8, at += 8)
		crc = _mm_crc32_u32(_mm_crc32_u32(crc, crc_load32(at)), crc_load32(at + 4));
	return ~crc_tail(crc, at, n);
}

#else

CRC_SSE42 static inline uint32_t crc_one_stream(uint32_t c, const uint8_t *p, size_t n)
{
	uint64_t x = c;

	for (; n >= 8; n -= 8, p += 8)
		x = _mm_crc32_u64(x, crc_load64(p));
	return crc_tail((uint32_t)x, p, n);
}

CRC_SSE42 uint32_t iscsip__crc32c_sse42(uint32_t crc, const void *p, size_t n)
{
	return ~crc_one_stream(~crc, p, n);
}

/* A register times a constant of shift.c. */
CRC_SSE42_CLMUL static inline __m128i crc_times(uint64_t c, uint32_t constant)
{
	return _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)c), _mm_cvtsi32_si128((int)constant), 0);
}

/* One register for three streams of `words` words each. */
CRC_SSE42_CLMUL static inline uint32_t crc_join(uint64_t x, uint64_t y, uint64_t z, size_t words)
{
	const uint32_t *k = iscsip__crc32c_shift;
	__m128i sum = _mm_xor_si128(crc_times(x, k[2 * words]), crc_times(y, k[words]));

	return (uint32_t)(_mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(sum)) ^ z);
}

CRC_SSE42_CLMUL uint32_t iscsip__crc32c_sse42x3(uint32_t crc, const void *p, size_t n)
{
	const uint8_t *at = p;

	crc = ~crc;
	while (n >= CRC_THREE_FROM) {
		size_t words = n / 24 < CRC_PART_MAX ? n / 24 : CRC_PART_MAX, part = 8 * words;
		uint64_t x = crc, y = 0, z = 0;

		for (const uint8_t *end = at + part; at < end; at += 8) {
			x = _mm_crc32_u64(x, crc_load64(at));
			y = _mm_crc32_u64(y, crc_load64(at + part));
			z = _mm_crc32_u64(z, crc_load64(at + 2 * part));
		}
		crc = crc_join(x, y, z, words);
		at += 2 * part;
		n -= 3 * part;
	}
	return ~crc_one_stream(crc, at, n);
}

#endif
#else
typedef int iscsip__crc32c_sse42_is_left_out; /* ISO C wants a declaration in every file */
#endif
