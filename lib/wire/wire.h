/* SPDX-License-Identifier: MIT */
/*
 * The wire room's private part: the field table as data, for those that cannot expand it (the check of reserved bits,
 * the fuzzers' mutator, the tests). Decoding and encoding do not use it.
 */
#ifndef ISCSIP_WIRE_WIRE_H
#define ISCSIP_WIRE_WIRE_H

#include "iscsiproto/pdu.h"

#define WIRE_EVERY_OPCODE 0xffu

/* One row of pdu_fields.def. */
struct wire_field {
	uint8_t opcode; /* or WIRE_EVERY_OPCODE */
	uint8_t byte;   /* where it begins */
	uint8_t bit;    /* the same within the byte, 0 the most significant */
	uint8_t width;  /* bits */
	bool fixed;     /* all of its bits are 1 by the RFC */
};

/* All rows, those of one opcode in a run. */
extern const struct wire_field iscsip__wire_fields[];
extern const unsigned iscsip__wire_field_count;

static inline bool wire_field_of(const struct wire_field *f, uint8_t opcode)
{
	return f->opcode == opcode || f->opcode == WIRE_EVERY_OPCODE;
}

/* Fills in `why` for a rule that `pdu` breaks at byte `arg`; with the Reject reason where a Reject is the answer. */
void iscsip__wire_tell(struct iscsip_error *why, const struct iscsip_pdu *pdu, uint16_t rule, uint32_t arg, bool reject);

#endif
