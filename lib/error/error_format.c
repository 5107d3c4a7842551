/* SPDX-License-Identifier: MIT */
/*
 * An error as one line. The engine carries an error as a value (struct iscsip_error) and never makes text; what stands here
 * is the edge where a host that wants a line for its log asks for one. It owns nothing: the words of rules, opcodes and
 * reasons are the wire room's. Nothing else of the library refers to this file, so a firmware that keeps numbers does not
 * link it, nor the tables of names.
 */
#include <iscsiproto/base.h>
#include <iscsiproto/pdu.h>

#include "base/line.h"

/* A number and, in brackets, the name that goes with it. */
static void error_named(struct iscsip__line *l, const char *label, uint32_t v, const char *name)
{
	iscsip__line_text(l, label);
	iscsip__line_hex(l, v, 0);
	iscsip__line_text(l, " (");
	iscsip__line_text(l, name);
	iscsip__line_char(l, ')');
}

int iscsip_error_format(const struct iscsip_error *e, char *dst, size_t cap)
{
	struct iscsip__line l = { dst, cap, 0 };

	iscsip__line_text(&l, iscsip_strerror(e->code));
	if (e->rule) {
		iscsip__line_text(&l, ": ");
		iscsip__line_text(&l, iscsip_rule_text(e->rule));
	}
	if (e->opcode != 0xff)
		error_named(&l, ", opcode 0x", e->opcode, iscsip_opcode_name(e->opcode));
	if (e->rule || e->arg) {
		iscsip__line_text(&l, ", at 0x");
		iscsip__line_hex(&l, e->arg, 0);
	}
	if (e->reject_reason)
		error_named(&l, ", reject reason 0x", e->reject_reason, iscsip_reject_reason_name(e->reject_reason));
	return iscsip__line_end(&l);
}
