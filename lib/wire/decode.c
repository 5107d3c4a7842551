/* SPDX-License-Identifier: MIT */
/*
 * From 48 bytes to struct iscsip_pdu. The function below is the field table written out: one case an opcode, one load a
 * field, no loop, no table at run time, no branch but the one on the opcode. It owns nothing and judges nothing: any
 * 48 bytes decode, and what they mean for the session is check.c's question.
 *
 * The struct is zeroed first, so that what does not belong to the opcode reads as 0 and two equal headers make structs
 * that compare equal byte for byte.
 */
#include "wire/wire.h"

#include "base/bytes.h"

/* One load a width; `to` is the member. Widths of 1 are flags, those below 8 lie within one byte. */
#define LOAD_BITS(to, byte, bit, width) ((to) = (uint8_t)(bhs[byte] >> (8 - (bit) - (width)) & ((1u << (width)) - 1u)))
#define LOAD_1(to, byte, bit) ((to) = (bhs[byte] >> (7 - (bit)) & 1u) != 0)
#define LOAD_2(to, byte, bit) LOAD_BITS(to, byte, bit, 2)
#define LOAD_3(to, byte, bit) LOAD_BITS(to, byte, bit, 3)
#define LOAD_4(to, byte, bit) LOAD_BITS(to, byte, bit, 4)
#define LOAD_6(to, byte, bit) LOAD_BITS(to, byte, bit, 6)
#define LOAD_7(to, byte, bit) LOAD_BITS(to, byte, bit, 7)
#define LOAD_8(to, byte, bit) ((to) = bhs[byte])
#define LOAD_16(to, byte, bit) ((to) = load_be16(bhs + (byte)))
#define LOAD_24(to, byte, bit) ((to) = load_be24(bhs + (byte)))
#define LOAD_32(to, byte, bit) ((to) = load_be32(bhs + (byte)))
#define LOAD_48(to, byte, bit) memcpy((to), bhs + (byte), 6)
#define LOAD_64(to, byte, bit) ((to) = load_be64(bhs + (byte)))
#define LOAD_128(to, byte, bit) memcpy((to), bhs + (byte), 16)

/* The template of RFC 7143 11.2.1, for an opcode that nobody knows. */
static int load_template(struct iscsip_pdu *restrict out, const uint8_t *restrict bhs)
{
	LOAD_1(out->immediate, 0, 1);
	LOAD_1(out->final, 1, 0);
	LOAD_64(out->lun, 8, 0);
	LOAD_32(out->itt, 16, 0);
	return ISCSIP_EPROTO;
}

int iscsip_pdu_decode(struct iscsip_pdu *restrict out, const uint8_t bhs[restrict ISCSIP_BHS_LEN])
{
	memset(out, 0, sizeof *out);
	switch (bhs[0] & 0x3f) {
#define PDU(op, pdu) case ISCSIP_OP_##op:
#define COMMON(pdu, member, byte, bit, width, kind) LOAD_##width(out->member, byte, bit);
#define FIELD(pdu, member, byte, bit, width, kind) LOAD_##width(out->pdu.member, byte, bit);
#define FIXED(pdu, member, byte, bit, width, value) out->member = (value);
#define END(pdu) break;
#define EVERY(member, byte, bit, width, kind)
#include "wire/pdu_fields.def"
	default:
#define EVERY(member, byte, bit, width, kind) LOAD_##width(out->member, byte, bit);
#include "wire/pdu_fields.def"
		return load_template(out, bhs);
	}
#define EVERY(member, byte, bit, width, kind) LOAD_##width(out->member, byte, bit);
#include "wire/pdu_fields.def"
	return ISCSIP_OK;
}
