/* SPDX-License-Identifier: MIT */
/*
 * Inside the CRC32C room: the routines that this build has. Each has the contract of iscsip_crc32c()
 * (iscsiproto/crc32c.h): finished CRC in, finished CRC out. Which CPU a routine needs stands in the table of
 * choose.c.
 */
#ifndef ISCSIP_CRC32C_CRC32C_H
#define ISCSIP_CRC32C_CRC32C_H

#include <iscsiproto/crc32c.h>
#include <string.h>

#if !defined(ISCSIP_CRC32C_SMALL) && defined(__GNUC__)
#if defined(__x86_64__)
#define ISCSIP__CRC32C_X86_64 1
#elif defined(__i386__)
#define ISCSIP__CRC32C_I386 1
#elif defined(__aarch64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ISCSIP__CRC32C_ARM64 1
#endif
#endif

#ifdef ISCSIP_CRC32C_SMALL
/* 16 entries of table, four bits a step. */
uint32_t iscsip__crc32c_nibble(uint32_t crc, const void *p, size_t n);
#else
/* 8 KiB of table, eight bytes a step. */
uint32_t iscsip__crc32c_slice8(uint32_t crc, const void *p, size_t n);
#endif

#if defined(ISCSIP__CRC32C_X86_64) || defined(ISCSIP__CRC32C_I386)
uint32_t iscsip__crc32c_sse42(uint32_t crc, const void *p, size_t n);
#endif
#ifdef ISCSIP__CRC32C_X86_64
uint32_t iscsip__crc32c_sse42x3(uint32_t crc, const void *p, size_t n);
uint32_t iscsip__crc32c_avx512(uint32_t crc, const void *p, size_t n);
#endif
#ifdef ISCSIP__CRC32C_ARM64
uint32_t iscsip__crc32c_armv8(uint32_t crc, const void *p, size_t n);
uint32_t iscsip__crc32c_armv8x3(uint32_t crc, const void *p, size_t n);
#endif

#if defined(ISCSIP__CRC32C_X86_64) || defined(ISCSIP__CRC32C_ARM64)

/* Constants that join streams, for distances of up to 513 words; shift.c derives them. */
#define ISCSIP__CRC32C_SHIFT 514
extern const uint32_t iscsip__crc32c_shift[ISCSIP__CRC32C_SHIFT];

/* The longest part, in words, of a run that is cut into three: the first moves over two. */
#define CRC_PART_MAX ((size_t)(ISCSIP__CRC32C_SHIFT - 2) / 2)

/* Eight bytes of the message; these CPUs are little-endian, as the message is. */
static inline uint64_t crc_load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return v;
}
#endif

#endif
