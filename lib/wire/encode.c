/* SPDX-License-Identifier: MIT */
/*
 * From struct iscsip_pdu to 48 bytes: decode.c the other way round, expanded from the same table. It owns nothing.
 *
 * The header is zeroed first and fields are laid over it, so what is reserved goes out as 0 (RFC 7143 11: a sender MUST)
 * and no byte of the caller's memory can leak. Values too large for their field are not cut off in silence: their
 * surplus bits are gathered on the way and make the call fail at the end, which costs no branch in between.
 */
#include "wire/wire.h"

#include "base/bytes.h"

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

int iscsip_pdu_encode(uint8_t bhs[restrict ISCSIP_BHS_LEN], const struct iscsip_pdu *restrict in)
{
	uint32_t surplus = 0;

	memset(bhs, 0, ISCSIP_BHS_LEN);
	switch (in->opcode) {
#define PDU(op, pdu) case ISCSIP_OP_##op:
#define COMMON(pdu, member, byte, bit, width, kind) STORE_##width(in->member, byte, bit);
#define FIELD(pdu, member, byte, bit, width, kind) STORE_##width(in->pdu.member, byte, bit);
#define FIXED(pdu, member, byte, bit, width, value) STORE_##width(value, byte, bit);
#define END(pdu) break;
#define EVERY(member, byte, bit, width, kind)
#include "wire/pdu_fields.def"
	default:
		return ISCSIP_EINVAL;
	}
#define EVERY(member, byte, bit, width, kind) STORE_##width(in->member, byte, bit);
#include "wire/pdu_fields.def"
	return surplus ? ISCSIP_EINVAL : ISCSIP_OK;
}
