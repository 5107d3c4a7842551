/* SPDX-License-Identifier: MIT */
/*
 * Errors as words. The engine carries an error as a value (struct iscsip_error) and never makes text; what stands here is
 * the edge where a host that wants a line for its log asks for one. It owns one table, code to words, expanded from the
 * list below; the words of rules, opcodes and reasons are the wire room's. Nothing else of the library refers to this
 * file, so a firmware that keeps numbers does not link it.
 */
#include <iscsiproto/base.h>
#include <iscsiproto/pdu.h>

#include "base/line.h"

/* One row for each code of enum iscsip_err: the code, its name, words for a person. */
#define ERRORS(X) \
	X(ISCSIP_OK, "done") \
	X(ISCSIP_DONE, "done, and no callback will follow") \
	X(ISCSIP_EINVAL, "an argument is out of its range") \
	X(ISCSIP_ESTATE, "not allowed in this state") \
	X(ISCSIP_ENOSPC, "the memory given is too small") \
	X(ISCSIP_EAGAIN, "not now: a limit is reached or an answer is due") \
	X(ISCSIP_ENOENT, "no such key, tag, task or session") \
	X(ISCSIP_EBUSY, "still in use") \
	X(ISCSIP_FATAL, "the connection is over") \
	X(ISCSIP_EPROTO, "the peer broke the protocol") \
	X(ISCSIP_EDIGEST, "a digest did not match") \
	X(ISCSIP_ETIMEDOUT, "the peer did not answer in time") \
	X(ISCSIP_EAUTH, "authentication failed") \
	X(ISCSIP_ECLOSED, "the connection is closed") \
	X(ISCSIP_EHOST, "ended by the host") \
	X(ISCSIP_ELOGIN, "the login was refused")

const char *iscsip_strerror(int err)
{
	switch (err) {
#define X(code, words) \
	case code: \
		return words;
	ERRORS(X)
#undef X
	default:
		return err > 0 ? "done" : "an unknown error";
	}
}

bool iscsip_err_is_fatal(int err)
{
	return err <= ISCSIP_FATAL;
}

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
