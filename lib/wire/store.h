/* SPDX-License-Identifier: MIT */
/*
 * The field table as code that stores: store_<header>() lays a header's own fields over 48 bytes that are 0, store_every() those
 * of all headers. encode.c chooses by the opcode; who makes one kind of header by the million calls its function, and what
 * is constant there costs nothing. Each answers the bits that did not fit their field, 0 where all is well.
 */
#ifndef ISCSIP_WIRE_STORE_H
#define ISCSIP_WIRE_STORE_H

#include "base/bytes.h"
#include "iscsiproto/pdu.h"

/* One store a width; `from` is the member. Fields below 8 bits share their byte, which was 0 before. */
#define STORE_BITS(from, byte, bit, width) \
	(surplus |= (uint32_t)(from) >> (width), \
	 bhs[byte] = (uint8_t)(bhs[byte] | (uint32_t)(from) << (8 - (bit) - (width))))
#define STORE_1(from, byte, bit) STORE_BITS(from, byte, bit, 1)
#define STORE_2(from, byte, bit) STORE_BITS(from, byte, bit, 2)
#define STORE_3(from, byte, bit) STORE_BITS(from, byte, bit, 3)
#define STORE_4(from, byte, bit) STORE_BITS(from, byte, bit, 4)
#define STORE_6(from, byte, bit) STORE_BITS(from, byte, bit, 6)
#define STORE_7(from, byte, bit) STORE_BITS(from, byte, bit, 7)
#define STORE_8(from, byte, bit) (bhs[byte] = (from))
#define STORE_16(from, byte, bit) store_be16(bhs + (byte), (from))
#define STORE_24(from, byte, bit) (surplus |= (from) >> 24, store_be24(bhs + (byte), (from)))
#define STORE_32(from, byte, bit) store_be32(bhs + (byte), (from))
#define STORE_48(from, byte, bit) memcpy(bhs + (byte), (from), 6)
#define STORE_64(from, byte, bit) store_be64(bhs + (byte), (from))
#define STORE_128(from, byte, bit) memcpy(bhs + (byte), (from), 16)

static inline uint32_t store_every(uint8_t *restrict bhs, const struct iscsip_pdu *restrict in)
{
	uint32_t surplus = 0;

#define EVERY(member, byte, bit, width, kind) STORE_##width(in->member, byte, bit);
#include "wire/pdu_fields.def"
	return surplus;
}

#define PDU(op, pdu) \
	static inline uint32_t store_##pdu(uint8_t *restrict bhs, const struct iscsip_pdu *restrict in) \
	{ \
		uint32_t surplus = 0; \

#define COMMON(pdu, member, byte, bit, width, kind) STORE_##width(in->member, byte, bit);
#define FIELD(pdu, member, byte, bit, width, kind) STORE_##width(in->pdu.member, byte, bit);
#define FIXED(pdu, member, byte, bit, width, value) STORE_##width(value, byte, bit);
#define END(pdu) \
		return surplus; \
	}
#include "wire/pdu_fields.def"

#endif
