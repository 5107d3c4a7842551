/* SPDX-License-Identifier: MIT */
/*
 * The frame header on any bytes. Input: headers, one after the other; what is left over at the end is a cut one.
 *
 * What must hold: a header decodes to fields that encode to the same bytes; one that is cut is refused and nothing is touched;
 * the check answers a rule that exists, names a byte of the header exactly where it refuses, and what passes is safe to act on
 * (one direction at most, data announced exactly where there is any); its line has the length that was said for any room.
 */
#include <stdlib.h>
#include <string.h>

#include <iscsiproto/frame.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void line_is_bounded(const struct iscsip_frame *f)
{
	char text[512], cut[512];
	int len = iscsip_frame_format(f, text, sizeof text);

	must(len > 0 && (size_t)len < sizeof text && strlen(text) == (size_t)len);
	for (size_t cap = 0; cap < 100; cap += 7) {
		memset(cut, '#', sizeof cut);
		must(iscsip_frame_format(f, cut, cap) == len);
		must(cut[cap] == '#');
		must(cap == 0 || memcmp(cut, text, strlen(cut)) == 0);
	}
}

static void passed_is_safe(const struct iscsip_frame *f, enum iscsip_frame_role from)
{
	unsigned ways = f->flags & (ISCSIP_FRAME_READ | ISCSIP_FRAME_WRITE);
	bool carries = f->event == ISCSIP_FRAME_XFER;

	must(f->sync == f->sync_end && f->type == ISCSIP_FRAME_CMDS && f->originator_id != 0);
	must(ways != (ISCSIP_FRAME_READ | ISCSIP_FRAME_WRITE));
	must(ways || f->transfer_length == 0);
	must(!carries || (f->transfer_length && ways == (from == ISCSIP_FRAME_TARGET ? ISCSIP_FRAME_READ : ISCSIP_FRAME_WRITE)));
	must(f->event != ISCSIP_FRAME_NEWC || (from == ISCSIP_FRAME_INITIATOR && f->responder_id == 0));
	must(!(f->flags & ISCSIP_FRAME_SENSE) || f->status == 2);
	must(f->event != ISCSIP_FRAME_CMPT || f->responder_id || f->status == 0x08 || f->status == 0x28);
}

static void check(const struct iscsip_frame *f)
{
	for (unsigned n = 0; n < 16; n++) {
		const struct iscsip_frame_expect expect = {
			.sync = n & 1 ? f->sync : ISCSIP_FRAME_SYNC,
			.sequence = f->sequence,
			.from = n & 2 ? ISCSIP_FRAME_TARGET : ISCSIP_FRAME_INITIATOR,
			.any_flags = (n & 4) != 0,
			.standing = (n & 8) != 0,
		};
		uint32_t at = 0xdead;
		int rule = iscsip_frame_check(f, &expect, &at);

		must(rule >= 0 && rule <= ISCSIP_FRAME_RULE_LENGTH);
		must(at < ISCSIP_FRAME_LEN && (rule || at == 0));
		must(iscsip_frame_check(f, &expect, NULL) == rule);
		if (!rule)
			passed_is_safe(f, expect.from);
		if (!rule && f->event == ISCSIP_FRAME_XFER && expect.from == ISCSIP_FRAME_INITIATOR)
			must((f->responder_id == 0) == expect.standing);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct iscsip_frame f, untouched;
	uint8_t *again = malloc(ISCSIP_FRAME_LEN); /* exactly: the sanitizer finds a byte too many */
	uint8_t *header;

	for (; size >= ISCSIP_FRAME_LEN; data += ISCSIP_FRAME_LEN, size -= ISCSIP_FRAME_LEN) {
		must(iscsip_frame_decode(&f, data, size) == ISCSIP_OK);
		must(iscsip_frame_encode(again, ISCSIP_FRAME_LEN, &f) == ISCSIP_OK);
		must(memcmp(again, data, ISCSIP_FRAME_LEN) == 0);
		check(&f);
		line_is_bounded(&f);
	}
	header = malloc(size + 1);
	memcpy(header, data, size);
	memset(&f, 0x77, sizeof f);
	memset(&untouched, 0x77, sizeof untouched);
	must(iscsip_frame_decode(&f, header, size) == ISCSIP_ENOSPC);
	must(memcmp(&f, &untouched, sizeof f) == 0);
	free(header);
	free(again);
	return 0;
}
