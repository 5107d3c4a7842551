/* SPDX-License-Identifier: MIT */
/*
 * CRC32C with the instructions of ARMv8 (CRC32CX and its smaller kin; PMULL for the joins), in the forms of
 * sse42.c: one stream, and three streams that hide the latency of two to three cycles.
 *
 * The instructions are written as assembler that names its extension itself, because the compilers do not
 * agree on how a function asks for them; so the file is built with any -march. A program cannot ask an ARM
 * CPU what it has: the host tells iscsip_crc32c_choose_for().
 */
#include "crc32c/crc32c.h"

#ifdef ISCSIP__CRC32C_ARM64

#define CRC_ARM_THREE_FROM 192u

static inline uint32_t crc_arm64(uint32_t c, uint64_t v)
{
	__asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(c) : "r"(v));
	return c;
}

static inline uint32_t crc_arm8(uint32_t c, uint8_t v)
{
	__asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(c) : "r"((uint32_t)v));
	return c;
}

/* The low 64 bits of the carry-less product; a CRC times a constant has no more. */
static inline uint64_t crc_arm_times(uint32_t a, uint32_t b)
{
	uint64_t r;

	__asm__(".arch_extension aes\n\t"
		"fmov d30, %1\n\tfmov d31, %2\n\tpmull v30.1q, v30.1d, v31.1d\n\tfmov %0, d30"
		: "=r"(r)
		: "r"((uint64_t)a), "r"((uint64_t)b)
		: "v30", "v31");
	return r;
}

static uint32_t crc_arm_one_stream(uint32_t c, const uint8_t *p, size_t n)
{
	for (; n >= 8; n -= 8, p += 8)
		c = crc_arm64(c, crc_load64(p));
	while (n-- > 0)
		c = crc_arm8(c, *p++);
	return c;
}

uint32_t iscsip__crc32c_armv8(uint32_t crc, const void *p, size_t n)
{
	return ~crc_arm_one_stream(~crc, p, n);
}

uint32_t iscsip__crc32c_armv8x3(uint32_t crc, const void *p, size_t n)
{
	const uint32_t *k = iscsip__crc32c_shift;
	const uint8_t *at = p;

	crc = ~crc;
	while (n >= CRC_ARM_THREE_FROM) {
		size_t words = n / 24 < CRC_PART_MAX ? n / 24 : CRC_PART_MAX, part = 8 * words;
		uint32_t x = crc, y = 0, z = 0;

		for (const uint8_t *end = at + part; at < end; at += 8) {
			x = crc_arm64(x, crc_load64(at));
			y = crc_arm64(y, crc_load64(at + part));
			z = crc_arm64(z, crc_load64(at + 2 * part));
		}
		crc = crc_arm64(0, crc_arm_times(x, k[2 * words]) ^ crc_arm_times(y, k[words])) ^ z;
		at += 2 * part;
		n -= 3 * part;
	}
	return ~crc_arm_one_stream(crc, at, n);
}

#else
typedef int iscsip__crc32c_armv8_is_left_out; /* ISO C wants a declaration in every file */
#endif
