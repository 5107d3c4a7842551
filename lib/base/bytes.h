/* SPDX-License-Identifier: MIT */
/*
 * Big-endian loads and stores. The only place where bytes of the wire become numbers; all else
 * goes through the codec tables that expand to these. Every function reads or writes exactly the
 * width in its name, at any alignment; the caller has checked that the bytes are there.
 */
#ifndef ISCSIP_BASE_BYTES_H
#define ISCSIP_BASE_BYTES_H

#include <stdint.h>
#include <string.h>

#if defined(__GNUC__) && defined(__BYTE_ORDER__)
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ISCSIP__BE16(v) __builtin_bswap16(v)
#define ISCSIP__BE32(v) __builtin_bswap32(v)
#define ISCSIP__BE64(v) __builtin_bswap64(v)
#else
#define ISCSIP__BE16(v) (v)
#define ISCSIP__BE32(v) (v)
#define ISCSIP__BE64(v) (v)
#endif

static inline uint16_t load_be16(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof v);
	return ISCSIP__BE16(v);
}

static inline uint32_t load_be32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return ISCSIP__BE32(v);
}

static inline uint64_t load_be64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return ISCSIP__BE64(v);
}

static inline void store_be16(void *p, uint16_t v)
{
	v = ISCSIP__BE16(v);
	memcpy(p, &v, sizeof v);
}

static inline void store_be32(void *p, uint32_t v)
{
	v = ISCSIP__BE32(v);
	memcpy(p, &v, sizeof v);
}

static inline void store_be64(void *p, uint64_t v)
{
	v = ISCSIP__BE64(v);
	memcpy(p, &v, sizeof v);
}
#else
#error "lib/base/bytes.h needs the byte-order macros of gcc or clang"
#endif

static inline uint32_t load_be24(const void *p)
{
	const uint8_t *b = p;

	return (uint32_t)b[0] << 16 | (uint32_t)b[1] << 8 | b[2];
}

static inline void store_be24(void *p, uint32_t v)
{
	uint8_t *b = p;

	b[0] = (uint8_t)(v >> 16);
	b[1] = (uint8_t)(v >> 8);
	b[2] = (uint8_t)v;
}

/* CRC32C stands on the wire least significant byte first (RFC 7143 13.1). */
static inline void store_le32(void *p, uint32_t v)
{
	uint8_t *b = p;

	b[0] = (uint8_t)v;
	b[1] = (uint8_t)(v >> 8);
	b[2] = (uint8_t)(v >> 16);
	b[3] = (uint8_t)(v >> 24);
}

static inline uint32_t load_le32(const void *p)
{
	const uint8_t *b = p;

	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

#endif
