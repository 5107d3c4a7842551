/* SPDX-License-Identifier: MIT */
/*
 * Which routine for which CPU, and the public functions of crc32c.h.
 *
 * crc_routines lists what this build has, the best first, with the features that each needs; the last one
 * needs none. iscsip_crc32c_choose() asks it at run time. iscsip_crc32c() is fixed at compile time, by what
 * the compiler's options promise.
 *
 * The CPU is asked with CPUID and XGETBV directly: what compilers offer for it (__builtin_cpu_supports)
 * keeps a writable variable of the compiler's own library. A register set counts only where the operating
 * system keeps it over a context switch: OSXSAVE is set, and XCR0 names the registers.
 */
#include "crc32c/crc32c.h"

#if defined(ISCSIP__CRC32C_X86_64) || defined(ISCSIP__CRC32C_I386)
#include <cpuid.h>
#endif

#define CRC_NEEDS_X3 (ISCSIP_CPU_SSE42 | ISCSIP_CPU_PCLMUL)
#define CRC_NEEDS_AVX512 (CRC_NEEDS_X3 | ISCSIP_CPU_AVX512 | ISCSIP_CPU_VPCLMUL)
#define CRC_NEEDS_ARMV8X3 (ISCSIP_CPU_ARM_CRC32 | ISCSIP_CPU_ARM_PMULL)

struct crc_routine {
	uint32_t (*run)(uint32_t crc, const void *p, size_t n);
	const char *name;
	uint32_t needs;
};

static const struct crc_routine crc_routines[] = {
#ifdef ISCSIP__CRC32C_X86_64
	{iscsip__crc32c_avx512, "avx512", CRC_NEEDS_AVX512},
	{iscsip__crc32c_sse42x3, "sse42x3", CRC_NEEDS_X3},
#endif
#if defined(ISCSIP__CRC32C_X86_64) || defined(ISCSIP__CRC32C_I386)
	{iscsip__crc32c_sse42, "sse42", ISCSIP_CPU_SSE42},
#endif
#ifdef ISCSIP__CRC32C_ARM64
	{iscsip__crc32c_armv8x3, "armv8x3", CRC_NEEDS_ARMV8X3},
	{iscsip__crc32c_armv8, "armv8", ISCSIP_CPU_ARM_CRC32},
#endif
#ifdef ISCSIP_CRC32C_SMALL
	{iscsip__crc32c_nibble, "nibble", 0},
#else
	{iscsip__crc32c_slice8, "slice8", 0},
#endif
};

#define CRC_ROUTINES (sizeof crc_routines / sizeof *crc_routines)

/* The best routine for what the compiler was told that every CPU of this build has, and its needs. */
#if defined(ISCSIP__CRC32C_X86_64) && defined(__SSE4_2__) && defined(__PCLMUL__)
#define CRC_DEFAULT iscsip__crc32c_sse42x3
#define CRC_PROMISED CRC_NEEDS_X3
#elif (defined(ISCSIP__CRC32C_X86_64) || defined(ISCSIP__CRC32C_I386)) && defined(__SSE4_2__)
#define CRC_DEFAULT iscsip__crc32c_sse42
#define CRC_PROMISED ISCSIP_CPU_SSE42
#elif defined(ISCSIP__CRC32C_ARM64) && defined(__ARM_FEATURE_CRC32) && \
	(defined(__ARM_FEATURE_CRYPTO) || defined(__ARM_FEATURE_AES))
#define CRC_DEFAULT iscsip__crc32c_armv8x3
#define CRC_PROMISED CRC_NEEDS_ARMV8X3
#elif defined(ISCSIP__CRC32C_ARM64) && defined(__ARM_FEATURE_CRC32)
#define CRC_DEFAULT iscsip__crc32c_armv8
#define CRC_PROMISED ISCSIP_CPU_ARM_CRC32
#elif defined(ISCSIP_CRC32C_SMALL)
#define CRC_DEFAULT iscsip__crc32c_nibble
#define CRC_PROMISED 0u
#else
#define CRC_DEFAULT iscsip__crc32c_slice8
#define CRC_PROMISED 0u
#endif

#if defined(ISCSIP__CRC32C_X86_64) || defined(ISCSIP__CRC32C_I386)

/* Registers that the operating system keeps: XCR0, or 0 where it keeps none by XSAVE. */
static uint32_t crc_kept_registers(uint32_t ecx_of_leaf_1)
{
	uint32_t lo, hi;

	if ((ecx_of_leaf_1 & bit_OSXSAVE) == 0)
		return 0;
	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return lo;
}

uint32_t iscsip_cpu_features(void)
{
	const uint32_t avx512_state = 0xe6; /* SSE, AVX, and the three parts of AVX-512 */
	const uint32_t avx512 = bit_AVX512F | bit_AVX512DQ | bit_AVX512BW | bit_AVX512VL;
	uint32_t a, b, c, d, kept, found = CRC_PROMISED;

	if (!__get_cpuid(1, &a, &b, &c, &d))
		return found;
	found |= (c & bit_SSE4_2) != 0 ? ISCSIP_CPU_SSE42 : 0;
	found |= (c & bit_PCLMUL) != 0 ? ISCSIP_CPU_PCLMUL : 0;
	kept = crc_kept_registers(c);
	if ((kept & avx512_state) != avx512_state || !__get_cpuid_count(7, 0, &a, &b, &c, &d))
		return found;
	found |= (b & avx512) == avx512 ? ISCSIP_CPU_AVX512 : 0;
	found |= (c & bit_VPCLMULQDQ) != 0 ? ISCSIP_CPU_VPCLMUL : 0;
	return found;
}

#else

uint32_t iscsip_cpu_features(void)
{
	return CRC_PROMISED;
}

#endif

uint32_t iscsip_crc32c(uint32_t crc, const void *p, size_t n)
{
	return CRC_DEFAULT(crc, p, n);
}

uint32_t (*iscsip_crc32c_choose_for(uint32_t features))(uint32_t, const void *, size_t)
{
	const struct crc_routine *r = crc_routines;

	while ((r->needs & ~features) != 0)
		r++;
	return r->run;
}

uint32_t (*iscsip_crc32c_choose(void))(uint32_t, const void *, size_t)
{
	return iscsip_crc32c_choose_for(iscsip_cpu_features());
}

const char *iscsip_crc32c_name(uint32_t (*routine)(uint32_t, const void *, size_t))
{
	for (size_t i = 0; i < CRC_ROUTINES; i++)
		if (crc_routines[i].run == routine)
			return crc_routines[i].name;
	return routine == iscsip_crc32c ? iscsip_crc32c_name(CRC_DEFAULT) : "host";
}

uint32_t iscsip_crc32c_copy_by(uint32_t (*routine)(uint32_t, const void *, size_t), uint32_t crc, void *dst,
			       const void *src, size_t n)
{
	const size_t piece_max = 8192; /* both ends of it stay in a first-level cache of 32 KiB */
	const uint8_t *from = src;
	uint8_t *to = dst;

	if (!routine)
		routine = iscsip_crc32c;
	while (n > 0) {
		size_t piece = n < piece_max ? n : piece_max;

		memcpy(to, from, piece);
		crc = routine(crc, to, piece);
		from += piece;
		to += piece;
		n -= piece;
	}
	return crc;
}

uint32_t iscsip_crc32c_copy(uint32_t crc, void *dst, const void *src, size_t n)
{
	return iscsip_crc32c_copy_by(NULL, crc, dst, src, n);
}
