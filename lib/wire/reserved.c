/* SPDX-License-Identifier: MIT */
/*
 * Reserved and fixed bits. A sender MUST send the former as 0 and the latter as they are; a receiver MUST ignore the
 * former (RFC 7143 11) and gains nothing from the latter, so this check is for test rigs and never on the hot path.
 * It therefore walks the field table as data, which it owns, instead of expanding it into code: every bit that a row of
 * the opcode names is defined, all others are reserved.
 */
#include "wire/wire.h"

#include <string.h>

/* The opcode of each union member, so that a row can find its own. */
enum {
#define PDU(op, pdu) WIRE_OPCODE_##pdu = ISCSIP_OP_##op,
#include "wire/pdu_fields.def"
};

const struct wire_field iscsip__wire_fields[] = {
#define EVERY(member, byte, bit, width, kind) { WIRE_EVERY_OPCODE, byte, bit, width, false },
#define COMMON(pdu, member, byte, bit, width, kind) { WIRE_OPCODE_##pdu, byte, bit, width, false },
#define FIELD(pdu, member, byte, bit, width, kind) { WIRE_OPCODE_##pdu, byte, bit, width, false },
#define FIXED(pdu, member, byte, bit, width, value) { WIRE_OPCODE_##pdu, byte, bit, width, true },
#include "wire/pdu_fields.def"
};
const unsigned iscsip__wire_field_count = sizeof iscsip__wire_fields / sizeof *iscsip__wire_fields;

/* What the bits of a header are: one mask a byte each. */
struct bit_masks {
	uint8_t defined[ISCSIP_BHS_LEN];
	uint8_t fixed[ISCSIP_BHS_LEN];
};

static void add_field(struct bit_masks *m, const struct wire_field *f)
{
	unsigned byte, end = f->byte + (f->bit + f->width + 7u) / 8u;
	unsigned bits = f->width >= 8 ? 0xffu : ((1u << f->width) - 1u) << (8u - f->bit - f->width);

	for (byte = f->byte; byte < end; byte++) {
		m->defined[byte] = (uint8_t)(m->defined[byte] | bits);
		m->fixed[byte] = (uint8_t)(m->fixed[byte] | (f->fixed ? bits : 0u));
	}
}

static int tell_at(struct iscsip_error *why, const uint8_t *bhs, uint16_t rule, uint32_t byte)
{
	why->code = ISCSIP_EPROTO;
	why->opcode = bhs[0] & 0x3f;
	why->rule = rule;
	why->arg = byte;
	why->reject_reason = why->opcode < ISCSIP_OP_NOP_IN ? ISCSIP_REJECT_PROTOCOL : 0;
	return ISCSIP_EPROTO;
}

int iscsip_pdu_check_reserved(const uint8_t bhs[ISCSIP_BHS_LEN], struct iscsip_error *why)
{
	uint8_t opcode = bhs[0] & 0x3f;
	struct bit_masks m;
	unsigned i;

	if (iscsip_pdu_carries(opcode) == 0)
		return ISCSIP_OK;
	memset(&m, 0, sizeof m);
	for (i = 0; i < iscsip__wire_field_count; i++)
		if (wire_field_of(&iscsip__wire_fields[i], opcode))
			add_field(&m, &iscsip__wire_fields[i]);
	for (i = 0; i < ISCSIP_BHS_LEN; i++) {
		if (bhs[i] & ~m.defined[i])
			return tell_at(why, bhs, ISCSIP_RULE_RESERVED, i);
		if ((bhs[i] & m.fixed[i]) != m.fixed[i])
			return tell_at(why, bhs, ISCSIP_RULE_FIXED, i);
	}
	return ISCSIP_OK;
}
