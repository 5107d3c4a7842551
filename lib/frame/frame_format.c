/* SPDX-License-Identifier: MIT */
/*
 * Headers and errors as words, for logs. Nothing else of the library refers to this file, so a firmware that keeps numbers
 * does not link it. Owns two constant tables, the names of flags and of rules.
 */
#include "base/line.h"
#include "frame/frame.h"

static void frame_put_number(struct iscsip__line *l, const char *label, uint32_t v)
{
	iscsip__line_text(l, label);
	iscsip__line_decimal(l, v);
}

static void frame_put_hex(struct iscsip__line *l, const char *label, uint32_t v, int digits)
{
	iscsip__line_text(l, label);
	iscsip__line_hex(l, v, digits);
}

static void frame_put_bytes(struct iscsip__line *l, const char *label, const uint8_t buf[16])
{
	iscsip__line_text(l, label);
	for (int i = 0; i < 16; i++)
		iscsip__line_hex(l, buf[i], 2);
}

/* A four-character code; what is no printable character becomes a full stop. */
static void frame_put_code(struct iscsip__line *l, uint32_t code)
{
	for (int shift = 24; shift >= 0; shift -= 8) {
		char ch = (char)(code >> shift & 0xff);

		iscsip__line_char(l, ch > ' ' && ch <= '~' ? ch : '.');
	}
}

static void frame_put_flags(struct iscsip__line *l, uint16_t flags)
{
	static const char *const names[] = { " READ", " WRITE", " SENSE", " FINAL" };

	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
		if (flags >> i & 1)
			iscsip__line_text(l, names[i]);
	if (flags >> 4)
		frame_put_hex(l, " flags 0x", flags, 4);
}

int iscsip_frame_format(const struct iscsip_frame *f, char *dst, size_t cap)
{
	struct iscsip__line l = { dst, cap, 0 };

	frame_put_number(&l, "#", f->sequence);
	iscsip__line_char(&l, ' ');
	frame_put_code(&l, f->type);
	iscsip__line_char(&l, ' ');
	frame_put_code(&l, f->event);
	frame_put_number(&l, " lun ", f->lun);
	if (f->status)
		frame_put_hex(&l, " status 0x", f->status, 2);
	frame_put_flags(&l, f->flags);
	frame_put_hex(&l, " exchange ", f->originator_id, 8);
	frame_put_hex(&l, "/", f->responder_id, 8);
	frame_put_number(&l, " length ", f->transfer_length);
	if (f->event == ISCSIP_FRAME_NEWC)
		frame_put_bytes(&l, " cdb ", f->originator_buffer);
	if (f->flags & ISCSIP_FRAME_SENSE)
		frame_put_bytes(&l, " sense ", f->responder_buffer);
	return iscsip__line_end(&l);
}

const char *iscsip_frame_rule_text(unsigned rule)
{
	static const char *const texts[] = {
#define FRAME_RULE(name, field, words) [ISCSIP_FRAME_RULE_##name] = words,
#include "frame/frame_rules.def"
#undef FRAME_RULE
	};

	return rule < sizeof texts / sizeof texts[0] ? texts[rule] : "an unknown rule";
}

int iscsip_frame_error_format(const struct iscsip_error *e, char *dst, size_t cap)
{
	struct iscsip__line l = { dst, cap, 0 };

	iscsip__line_text(&l, iscsip_strerror(e->code));
	if (!e->rule)
		return iscsip__line_end(&l);
	iscsip__line_text(&l, ": ");
	iscsip__line_text(&l, iscsip_frame_rule_text(e->rule));
	if (e->code == ISCSIP_EPROTO)
		frame_put_number(&l, " (header byte ", e->arg);
	else if (e->rule == ISCSIP_FRAME_RULE_EXCHANGE_DUE)
		frame_put_hex(&l, " (exchange ", e->arg, 8);
	else if (e->rule == ISCSIP_FRAME_RULE_CUT)
		frame_put_number(&l, " (bytes missing: ", e->arg);
	else
		return iscsip__line_end(&l);
	iscsip__line_char(&l, ')');
	return iscsip__line_end(&l);
}
