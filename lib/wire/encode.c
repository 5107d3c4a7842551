/* SPDX-License-Identifier: MIT */
/*
 * From struct iscsip_pdu to 48 bytes: decode.c the other way round, expanded from the same table. It owns nothing.
 *
 * The header is zeroed first and fields are laid over it, so what is reserved goes out as 0 (RFC 7143 11: a sender MUST)
 * and no byte of the caller's memory can leak. Values too large for their field are not cut off in silence: their
 * surplus bits are gathered on the way and make the call fail at the end, which costs no branch in between.
 */
#include "wire/store.h"
#include "wire/wire.h"

int iscsip_pdu_encode(uint8_t bhs[restrict ISCSIP_BHS_LEN], const struct iscsip_pdu *restrict in)
{
	uint32_t surplus = 0;

	memset(bhs, 0, ISCSIP_BHS_LEN);
	switch (in->opcode) {
#define PDU(op, pdu) \
	case ISCSIP_OP_##op: \
		surplus = store_##pdu(bhs, in); \
		break;
#include "wire/pdu_fields.def"
	default:
		return ISCSIP_EINVAL;
	}
	surplus |= store_every(bhs, in);
	return surplus ? ISCSIP_EINVAL : ISCSIP_OK;
}
