/* SPDX-License-Identifier: MIT */
/*
 * The frame header as bytes and as fields, and the rules that need nothing but the header (docs/frame-protocol.md).
 * Owns no state. The layout stands in frame_fields.def, what an event may say in frame_events.def; this file expands both.
 *
 * Invariant: encode writes each of the 68 bytes exactly once, so no byte of the caller's memory leaks onto the wire;
 * the static assertion below holds the table to that.
 */
#include "base/bytes.h"
#include "frame/frame.h"

#define FRAME_NUM(member, offset, bits, name) +(bits) / 8
#define FRAME_RAW(member, offset, bytes, name) +(bytes)
_Static_assert(0
#include "frame/frame_fields.def"
		       == ISCSIP_FRAME_LEN,
	       "the fields fill the header");
#undef FRAME_NUM
#undef FRAME_RAW

static inline uint8_t load_be8(const uint8_t *p)
{
	return *p;
}

static inline void store_be8(uint8_t *p, uint8_t v)
{
	*p = v;
}

int iscsip_frame_decode(struct iscsip_frame *out, const uint8_t *p, size_t n)
{
	if (n < ISCSIP_FRAME_LEN)
		return ISCSIP_ENOSPC;
#define FRAME_NUM(member, offset, bits, name) out->member = load_be##bits(p + (offset));
#define FRAME_RAW(member, offset, bytes, name) memcpy(out->member, p + (offset), bytes);
#include "frame/frame_fields.def"
#undef FRAME_NUM
#undef FRAME_RAW
	return ISCSIP_OK;
}

int iscsip_frame_encode(uint8_t *dst, size_t cap, const struct iscsip_frame *in)
{
	if (cap < ISCSIP_FRAME_LEN)
		return ISCSIP_ENOSPC;
#define FRAME_NUM(member, offset, bits, name) store_be##bits(dst + (offset), in->member);
#define FRAME_RAW(member, offset, bytes, name) memcpy(dst + (offset), in->member, bytes);
#include "frame/frame_fields.def"
#undef FRAME_NUM
#undef FRAME_RAW
	return ISCSIP_OK;
}

/* --- rules --- */

#define FRAME_KNOWN (FRAME_DIRECTION | ISCSIP_FRAME_SENSE | ISCSIP_FRAME_FINAL)

enum frame_say {
	FRAME_STATUS = 1u << 0,
	FRAME_STATUS_FINAL = 1u << 1,
	FRAME_RID_ZERO = 1u << 2,
	FRAME_RID_SET = 1u << 3,
	FRAME_HANDLE = 1u << 4,
	FRAME_LEN_SET = 1u << 5,
	FRAME_LEN_DIR = 1u << 6,
	FRAME_LEN_ANY = 1u << 7,
	FRAME_RID_REFUSED = 1u << 8
};

enum frame_kind { FRAME_KIND_NEWC, FRAME_KIND_SNDD, FRAME_KIND_XFER, FRAME_KIND_CMPT, FRAME_KIND_STANDING, FRAME_KINDS };

struct frame_event_rules {
	uint16_t must, may; /* flags */
	uint16_t say;       /* 0: this side has no such event */
};

static const struct frame_event_rules frame_events[2][FRAME_KINDS] = {
#define READ ISCSIP_FRAME_READ
#define WRITE ISCSIP_FRAME_WRITE
#define SENSE ISCSIP_FRAME_SENSE
#define FINAL ISCSIP_FRAME_FINAL
#define STATUS FRAME_STATUS
#define STATUS_FINAL FRAME_STATUS_FINAL
#define RID_ZERO FRAME_RID_ZERO
#define RID_SET FRAME_RID_SET
#define HANDLE FRAME_HANDLE
#define LEN_SET FRAME_LEN_SET
#define LEN_DIR FRAME_LEN_DIR
#define LEN_ANY FRAME_LEN_ANY
#define RID_REFUSED FRAME_RID_REFUSED
#define FRAME_EVENT(event, from, must, may, say) \
	[ISCSIP_FRAME_##from][FRAME_KIND_##event] = { must, (must) | (may), say },
#include "frame/frame_events.def"
#undef FRAME_EVENT
#undef READ
#undef WRITE
#undef SENSE
#undef FINAL
#undef STATUS
#undef STATUS_FINAL
#undef RID_ZERO
#undef RID_SET
#undef HANDLE
#undef LEN_SET
#undef LEN_DIR
#undef LEN_ANY
#undef RID_REFUSED
};

/* FRAME_KINDS: there is no such event. */
static enum frame_kind frame_kind_of(uint32_t event, bool standing)
{
	switch (event) {
	case ISCSIP_FRAME_NEWC:
		return FRAME_KIND_NEWC;
	case ISCSIP_FRAME_SNDD:
		return FRAME_KIND_SNDD;
	case ISCSIP_FRAME_XFER:
		return standing ? FRAME_KIND_STANDING : FRAME_KIND_XFER;
	case ISCSIP_FRAME_CMPT:
		return FRAME_KIND_CMPT;
	default:
		return FRAME_KINDS;
	}
}

static bool frame_is_zero(const uint8_t buf[16])
{
	return (load_be64(buf) | load_be64(buf + 8)) == 0;
}

static int frame_check_flags(const struct iscsip_frame *f, const struct frame_event_rules *r, bool any)
{
	uint16_t flags = any ? f->flags & FRAME_KNOWN : f->flags;

	if (flags & ~(r->may | FRAME_DIRECTION))
		return ISCSIP_FRAME_RULE_FLAGS;
	flags &= FRAME_DIRECTION;
	if ((flags & ~r->may) || (r->must & ~flags) || flags == FRAME_DIRECTION)
		return ISCSIP_FRAME_RULE_DATA_DIRECTION;
	return ISCSIP_FRAME_RULE_NONE;
}

static int frame_check_status(const struct iscsip_frame *f, const struct frame_event_rules *r)
{
	bool may = (r->say & FRAME_STATUS) || ((r->say & FRAME_STATUS_FINAL) && (f->flags & ISCSIP_FRAME_FINAL));

	if (!f->status && !(f->flags & ISCSIP_FRAME_SENSE))
		return ISCSIP_FRAME_RULE_NONE;
	if (f->status && !may)
		return ISCSIP_FRAME_RULE_STATUS;
	if ((f->flags & ISCSIP_FRAME_SENSE) && f->status != SAM_CHECK_CONDITION)
		return ISCSIP_FRAME_RULE_SENSE;
	return ISCSIP_FRAME_RULE_NONE;
}

/* An exchange that was not opened can only have been refused: no other status may look as if it had been executed. */
static bool frame_wrong_responder(const struct iscsip_frame *f, const struct frame_event_rules *r)
{
	if (f->responder_id)
		return (r->say & FRAME_RID_ZERO) != 0;
	if (r->say & FRAME_RID_REFUSED)
		return f->status != SAM_BUSY && f->status != SAM_TASK_SET_FULL;
	return (r->say & FRAME_RID_SET) != 0;
}

static int frame_check_handles(const struct iscsip_frame *f, const struct frame_event_rules *r)
{
	if (f->originator_id == 0)
		return ISCSIP_FRAME_RULE_ORIGINATOR_ID;
	if (frame_wrong_responder(f, r))
		return ISCSIP_FRAME_RULE_RESPONDER_ID;
	if (!(r->say & FRAME_HANDLE) && !(f->flags & ISCSIP_FRAME_SENSE) && !frame_is_zero(f->responder_buffer))
		return ISCSIP_FRAME_RULE_RESPONDER_BUFFER;
	return ISCSIP_FRAME_RULE_NONE;
}

static int frame_check_length(const struct iscsip_frame *f, const struct frame_event_rules *r)
{
	bool data = (f->flags & FRAME_DIRECTION) != 0;
	bool wrong;

	if (r->say & FRAME_LEN_SET)
		wrong = f->transfer_length == 0;
	else if (r->say & FRAME_LEN_DIR)
		wrong = (f->transfer_length != 0) != data;
	else
		wrong = f->transfer_length != 0 && !data;
	return wrong ? ISCSIP_FRAME_RULE_LENGTH : ISCSIP_FRAME_RULE_NONE;
}

/* What makes it a frame of this connection at all. */
static int frame_check_envelope(const struct iscsip_frame *f, const struct iscsip_frame_expect *expect)
{
	if (f->sync != expect->sync)
		return ISCSIP_FRAME_RULE_SYNC;
	if (f->sync_end != expect->sync)
		return ISCSIP_FRAME_RULE_SYNC_END;
	if (f->sequence != expect->sequence)
		return ISCSIP_FRAME_RULE_SEQUENCE;
	return f->type != ISCSIP_FRAME_CMDS ? ISCSIP_FRAME_RULE_TYPE : ISCSIP_FRAME_RULE_NONE;
}

static int frame_check_all(const struct iscsip_frame *f, const struct iscsip_frame_expect *expect)
{
	const struct frame_event_rules *r;
	enum frame_kind kind;
	int rule = frame_check_envelope(f, expect);

	if (rule)
		return rule;
	kind = frame_kind_of(f->event, expect->standing);
	if (kind == FRAME_KINDS)
		return ISCSIP_FRAME_RULE_EVENT;
	r = &frame_events[expect->from == ISCSIP_FRAME_TARGET][kind];
	if (!r->say)
		return ISCSIP_FRAME_RULE_SENDER;
	rule = frame_check_flags(f, r, expect->any_flags);
	if (!rule)
		rule = frame_check_status(f, r);
	if (!rule)
		rule = frame_check_handles(f, r);
	return rule ? rule : frame_check_length(f, r);
}

uint32_t iscsip__frame_rule_at(unsigned rule)
{
	static const uint8_t at[] = {
#define FRAME_RULE(name, field, words) [ISCSIP_FRAME_RULE_##name] = FRAME_AT_##field,
#include "frame/frame_rules.def"
#undef FRAME_RULE
	};

	return at[rule];
}

int iscsip_frame_check(const struct iscsip_frame *f, const struct iscsip_frame_expect *expect, uint32_t *at)
{
	int rule = frame_check_all(f, expect);

	if (at)
		*at = iscsip__frame_rule_at((unsigned)rule);
	return rule;
}
