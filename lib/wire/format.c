/* SPDX-License-Identifier: MIT */
/*
 * A header as one line for a person. Each row of the field table prints its member's name and its value the way its kind
 * says; a loop walks the rows, since a line for a log may take its time and code for each row would not be small. Nothing of
 * the library refers to this file but the host's own log.
 *
 *	SCSI Command ahs_words=0 data_len=0 final read attr=1 pri=0 lun=0x0001000000000000 itt=0x00000005 ...
 */
#include "base/line.h"
#include "wire/wire.h"

#include <string.h>

static void line_name(struct iscsip__line *l, const char *name)
{
	iscsip__line_char(l, ' ');
	iscsip__line_text(l, name);
	iscsip__line_char(l, '=');
}

static void line_number(struct iscsip__line *l, const char *name, uint64_t v)
{
	line_name(l, name);
	iscsip__line_decimal(l, v);
}

static void line_hex_number(struct iscsip__line *l, const char *name, uint64_t v, int digits)
{
	line_name(l, name);
	iscsip__line_text(l, "0x");
	iscsip__line_hex(l, v, digits);
}

static void line_bytes(struct iscsip__line *l, const char *name, const uint8_t *p, unsigned n)
{
	unsigned i;

	line_name(l, name);
	for (i = 0; i < n; i++) {
		if (i > 0)
			iscsip__line_char(l, ' ');
		iscsip__line_hex(l, p[i], 2);
	}
}

static void line_flag(struct iscsip__line *l, const char *name, bool set)
{
	if (!set)
		return;
	iscsip__line_char(l, ' ');
	iscsip__line_text(l, name);
}

static void line_code(struct iscsip__line *l, const char *name, uint8_t code, const char *words)
{
	line_number(l, name, code);
	iscsip__line_text(l, " (");
	iscsip__line_text(l, words);
	iscsip__line_char(l, ')');
}

/* How a person reads a field: the kinds of pdu_fields.def. */
enum print_kind {
	PRINT_FLAG,
	PRINT_NUM,
	PRINT_SN = PRINT_NUM,
	PRINT_HEX,
	PRINT_TAG = PRINT_HEX,
	PRINT_LUN = PRINT_HEX,
	PRINT_BYTES,
	PRINT_OPCODE,
	PRINT_REJECT_REASON, /* from here on: codes, in the order of WORDS */
	PRINT_STAGE,
	PRINT_ASYNC_EVENT,
	PRINT_TMF_FUNCTION,
	PRINT_TMF_RESPONSE,
	PRINT_LOGOUT_REASON,
	PRINT_LOGOUT_RESPONSE,
	PRINT_SNACK_TYPE,
	PRINT_SERVICE_RESPONSE
};

static const char *(*const WORDS[])(uint8_t code) = {
	iscsip_reject_reason_name,  iscsip_login_stage_name,   iscsip_async_event_name,
	iscsip_tmf_function_name,   iscsip_tmf_response_name,  iscsip_logout_reason_name,
	iscsip_logout_response_name, iscsip_snack_type_name,   iscsip_service_response_name,
};

/* A row of the field table as the printer needs it. */
struct print_row {
	uint8_t opcode; /* or WIRE_EVERY_OPCODE */
	uint8_t kind;
	uint8_t width; /* bits on the wire */
	uint8_t at;    /* offset in struct iscsip_pdu */
	const char *name;
};

enum {
#define PDU(op, pdu) PRINT_OPCODE_##pdu = ISCSIP_OP_##op,
#include "wire/pdu_fields.def"
};

static const struct print_row PRINT_ROWS[] = {
#define EVERY(member, byte, bit, width, kind) \
	{ WIRE_EVERY_OPCODE, PRINT_##kind, width, offsetof(struct iscsip_pdu, member), #member },
#define COMMON(pdu, member, byte, bit, width, kind) \
	{ PRINT_OPCODE_##pdu, PRINT_##kind, width, offsetof(struct iscsip_pdu, member), #member },
#define FIELD(pdu, member, byte, bit, width, kind) \
	{ PRINT_OPCODE_##pdu, PRINT_##kind, width, offsetof(struct iscsip_pdu, pdu.member), #member },
#include "wire/pdu_fields.def"
};

static const struct print_row UNKNOWN_ROWS[] = {
	{ 0, PRINT_NUM, 6, offsetof(struct iscsip_pdu, opcode), "opcode" },
	{ 0, PRINT_LUN, 64, offsetof(struct iscsip_pdu, lun), "lun" },
	{ 0, PRINT_TAG, 32, offsetof(struct iscsip_pdu, itt), "itt" },
};

/* The member that a row means, by the width of its type. */
static uint64_t member_value(const struct iscsip_pdu *pdu, const struct print_row *row)
{
	const char *p = (const char *)pdu + row->at;
	uint64_t v64;
	uint32_t v32;
	uint16_t v16;

	if (row->width <= 8)
		return row->width == 1 ? *(const bool *)p : *(const uint8_t *)p;
	if (row->width == 16)
		return memcpy(&v16, p, sizeof v16), v16;
	if (row->width == 64)
		return memcpy(&v64, p, sizeof v64), v64;
	return memcpy(&v32, p, sizeof v32), v32;
}

static void line_row(struct iscsip__line *l, const struct iscsip_pdu *pdu, const struct print_row *row)
{
	uint64_t v;

	if (row->kind == PRINT_BYTES) {
		line_bytes(l, row->name, (const uint8_t *)pdu + row->at, row->width / 8u);
		return;
	}
	v = member_value(pdu, row);
	if (row->kind == PRINT_FLAG)
		line_flag(l, row->name, v != 0);
	else if (row->kind == PRINT_NUM)
		line_number(l, row->name, v);
	else if (row->kind == PRINT_HEX)
		line_hex_number(l, row->name, v, row->width / 4);
	else if (row->kind == PRINT_OPCODE)
		iscsip__line_text(l, iscsip_opcode_name((uint8_t)v));
	else
		line_code(l, row->name, (uint8_t)v, WORDS[row->kind - PRINT_REJECT_REASON]((uint8_t)v));
}

int iscsip_pdu_format(const struct iscsip_pdu *pdu, char *dst, size_t cap)
{
	struct iscsip__line l = { dst, cap, 0 };
	bool known = iscsip_pdu_carries(pdu->opcode) != 0;
	size_t i;

	for (i = 0; i < sizeof PRINT_ROWS / sizeof *PRINT_ROWS; i++)
		if (PRINT_ROWS[i].opcode == pdu->opcode || PRINT_ROWS[i].opcode == WIRE_EVERY_OPCODE)
			line_row(&l, pdu, &PRINT_ROWS[i]);
	for (i = 0; !known && i < sizeof UNKNOWN_ROWS / sizeof *UNKNOWN_ROWS; i++)
		line_row(&l, pdu, &UNKNOWN_ROWS[i]);
	return iscsip__line_end(&l);
}
