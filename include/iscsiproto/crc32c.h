/* SPDX-License-Identifier: MIT */
/**
 * @file crc32c.h
 * @brief The checksum of iSCSI's header and data digests, by the fastest routine that the CPU has.
 *
 * CRC32C (RFC 7143 13.1): generator 0x11EDC6F41, bits reflected, initial value and final complement
 * 0xffffffff. A finished CRC of nothing is 0, and a finished CRC is what every function here takes and
 * returns, so pieces chain:
 * @code
 * uint32_t (*crc32c)(uint32_t, const void *, size_t) = iscsip_crc32c_choose();  // once, at start
 * uint32_t crc = crc32c(0, header, 48);
 * crc = crc32c(crc, ahs, ahs_len);       // the CRC of both
 * @endcode
 * On the wire a digest stands least significant byte first (RFC 7143 A.4: 32 zero bytes give aa 36 91 8a).
 *
 * The library keeps no writable global, so it cannot remember what the CPU is: the host asks once with
 * iscsip_crc32c_choose() and hands the answer on in its config. Asking executes CPUID, which a hypervisor
 * intercepts: it costs microseconds and is not for each packet.
 *
 * A build with ISCSIP_CRC32C_SMALL holds one routine with 64 bytes of table, for firmware.
 */
#ifndef ISCSIPROTO_CRC32C_H
#define ISCSIPROTO_CRC32C_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ISCSIP_CPU_SSE42 0x01u     /**< x86: the CRC32 instruction of SSE4.2. */
#define ISCSIP_CPU_PCLMUL 0x02u    /**< x86: PCLMULQDQ, carry-less multiplication. */
#define ISCSIP_CPU_AVX512 0x04u    /**< x86: AVX-512 F, DQ, BW and VL, kept by the system. */
#define ISCSIP_CPU_VPCLMUL 0x08u   /**< x86: VPCLMULQDQ, carry-less multiplication on wide registers. */
#define ISCSIP_CPU_ARM_CRC32 0x10u /**< ARMv8: the CRC32C instructions (Linux: HWCAP_CRC32). */
#define ISCSIP_CPU_ARM_PMULL 0x20u /**< ARMv8: PMULL on 64-bit polynomials (Linux: HWCAP_PMULL). */

/**
 * @brief CRC32C of @p n bytes, by a routine that runs on every CPU that this build may run on.
 *
 * That is the portable one, or a faster one where the compiler's options (-msse4.2, -march=armv8-a+crc)
 * promise the instructions. iscsip_crc32c_choose() finds better.
 * @param[in] crc the finished CRC of the bytes before, 0 at the beginning.
 * @param[in] p first byte, at any alignment; may be NULL where @p n is 0.
 * @param[in] n bytes.
 * @return The finished CRC of all bytes so far.
 */
ISCSIP_API uint32_t iscsip_crc32c(uint32_t crc, const void *p, size_t n);

/**
 * @brief What this CPU offers, as far as a program may ask without its operating system.
 *
 * On x86 by CPUID and XGETBV. On ARM a program cannot ask: the answer is what the compiler's options
 * promise; a host that knows more (getauxval(AT_HWCAP), an ID register) adds its own bits and calls
 * iscsip_crc32c_choose_for().
 * @return ISCSIP_CPU_ bits.
 */
ISCSIP_API uint32_t iscsip_cpu_features(void);

/**
 * @brief The fastest routine for this CPU: iscsip_crc32c_choose_for() of iscsip_cpu_features().
 *
 * Call it once and keep the answer (`crc32c` of the host's config); it costs microseconds on a virtual
 * machine.
 * @return A function with the contract of iscsip_crc32c(), never NULL; valid for ever, and in all threads.
 */
ISCSIP_API uint32_t (*iscsip_crc32c_choose(void))(uint32_t crc, const void *p, size_t n);

/**
 * @brief The fastest routine of this build for a CPU with the given features.
 * @param[in] features ISCSIP_CPU_ bits; unknown ones are ignored. The caller answers for their truth: a
 * routine that the CPU does not have ends in an illegal instruction.
 * @return A function with the contract of iscsip_crc32c(), never NULL.
 */
ISCSIP_API uint32_t (*iscsip_crc32c_choose_for(uint32_t features))(uint32_t crc, const void *p, size_t n);

/**
 * @brief The name of a routine, for logs and benchmarks.
 * @param[in] routine what iscsip_crc32c_choose() answered, or any other function.
 * @return "slice8", "nibble", "sse42", "sse42x3", "avx512", "armv8", "armv8x3", or "host" for a function that
 * is not of this library; a constant string.
 */
ISCSIP_API const char *iscsip_crc32c_name(uint32_t (*routine)(uint32_t crc, const void *p, size_t n));

/**
 * @brief Copies @p n bytes and checksums them on the way, each while it is in the nearest cache.
 *
 * The same as memcpy() and then @p routine, but for large @p n memory is read once.
 * @param[in] routine with the contract of iscsip_crc32c(); NULL stands for iscsip_crc32c().
 * @param[in] crc the finished CRC of the bytes before, 0 at the beginning.
 * @param[out] dst where the bytes go; must not overlap @p src.
 * @param[in] src the bytes. Where another writes to them meanwhile, the CRC is still that of the bytes
 * at @p dst.
 * @param[in] n bytes.
 * @return The finished CRC of all bytes so far.
 */
ISCSIP_API uint32_t iscsip_crc32c_copy_by(uint32_t (*routine)(uint32_t crc, const void *p, size_t n),
					  uint32_t crc, void *dst, const void *src, size_t n);

/** @brief iscsip_crc32c_copy_by() with iscsip_crc32c(). @param[in] crc as there. @param[out] dst as there.
 * @param[in] src as there. @param[in] n as there. @return As there. */
ISCSIP_API uint32_t iscsip_crc32c_copy(uint32_t crc, void *dst, const void *src, size_t n);

#ifdef __cplusplus
}
#endif
#endif
