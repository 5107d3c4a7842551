/* SPDX-License-Identifier: MIT */
/*
 * The frame header: every field at the place that the figure gives it (statements A01 to A13, A15, A16), the round trip,
 * the rules that need nothing but the header, and headers as words. The vector below was laid out by hand from the figure.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <iscsiproto/frame.h>

static const uint8_t WIRE[68] = {
	'S', 'T', 'P', '1',                             /* 0 Frame Sync Number */
	0x01, 0x02, 0x03, 0x04,                         /* 4 Sequence Number */
	'C', 'M', 'D', 'S',                             /* 8 Type */
	'X', 'F', 'E', 'R',                             /* 12 Event */
	0x21,                                           /* 16 Lun */
	0x02,                                           /* 17 Status */
	0x00, 0x0d,                                     /* 18 Flags: READ, SENSE, FINAL */
	0x31, 0x32, 0x33, 0x34,                         /* 20 Originator Exchange ID */
	0x41, 0x42, 0x43, 0x44,                         /* 24 Responder Exchange ID */
	0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, /* 28 Originator Buffer */
	0x59, 0x5a, 0x5b, 0x5c, 0x5d, 0x5e, 0x5f, 0x60,
	0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, /* 44 Responder Buffer */
	0x79, 0x7a, 0x7b, 0x7c, 0x7d, 0x7e, 0x7f, 0x80,
	0x91, 0x92, 0x93, 0x94,                         /* 60 Transfer Length */
	'S', 'T', 'P', '1',                             /* 64 Frame Sync Number */
};

static struct iscsip_frame decoded(void)
{
	struct iscsip_frame f;

	memset(&f, 0xee, sizeof f);
	assert_int_equal(iscsip_frame_decode(&f, WIRE, sizeof WIRE), ISCSIP_OK);
	return f;
}

/* Which bytes of the header a change of one member touches. */
#define TOUCHES(member, from, bytes) \
	do { \
		struct iscsip_frame changed = decoded(); \
		uint8_t wire[68]; \
		memset(&changed.member, 0xcc, sizeof changed.member); \
		assert_int_equal(iscsip_frame_encode(wire, sizeof wire, &changed), ISCSIP_OK); \
		for (size_t i = 0; i < sizeof wire; i++) \
			assert_int_equal(wire[i], i - (from) < (bytes) ? 0xcc : WIRE[i]); \
	} while (0)

static void a01_the_header_starts_with_the_frame_sync_number(void **state)
{
	(void)state;
	assert_int_equal(decoded().sync, 0x53545031);
	TOUCHES(sync, 0u, 4u);
}

static void a02_the_sequence_number_stands_at_4(void **state)
{
	(void)state;
	assert_int_equal(decoded().sequence, 0x01020304);
	TOUCHES(sequence, 4u, 4u);
}

static void a03_the_type_stands_at_8(void **state)
{
	(void)state;
	assert_int_equal(decoded().type, 0x434d4453);
	TOUCHES(type, 8u, 4u);
}

static void a04_the_event_stands_at_12(void **state)
{
	(void)state;
	assert_int_equal(decoded().event, ISCSIP_FRAME_XFER);
	TOUCHES(event, 12u, 4u);
}

static void a05_the_lun_stands_at_16(void **state)
{
	(void)state;
	assert_int_equal(decoded().lun, 0x21);
	TOUCHES(lun, 16u, 1u);
}

static void a06_the_status_stands_at_17(void **state)
{
	(void)state;
	assert_int_equal(decoded().status, 0x02);
	TOUCHES(status, 17u, 1u);
}

static void a07_the_flags_stand_at_18(void **state)
{
	(void)state;
	assert_int_equal(decoded().flags, ISCSIP_FRAME_READ | ISCSIP_FRAME_SENSE | ISCSIP_FRAME_FINAL);
	TOUCHES(flags, 18u, 2u);
}

static void a08_the_originator_exchange_id_stands_at_20(void **state)
{
	(void)state;
	assert_int_equal(decoded().originator_id, 0x31323334);
	TOUCHES(originator_id, 20u, 4u);
}

static void a09_the_responder_exchange_id_stands_at_24(void **state)
{
	(void)state;
	assert_int_equal(decoded().responder_id, 0x41424344);
	TOUCHES(responder_id, 24u, 4u);
}

static void a10_the_originator_buffer_has_16_bytes_at_28(void **state)
{
	(void)state;
	assert_memory_equal(decoded().originator_buffer, WIRE + 28, 16);
	TOUCHES(originator_buffer, 28u, 16u);
}

static void a11_the_responder_buffer_has_16_bytes_at_44(void **state)
{
	(void)state;
	assert_memory_equal(decoded().responder_buffer, WIRE + 44, 16);
	TOUCHES(responder_buffer, 44u, 16u);
}

static void a12_the_transfer_length_stands_at_60(void **state)
{
	(void)state;
	assert_true(decoded().transfer_length == 0x91929394u);
	TOUCHES(transfer_length, 60u, 4u);
}

static void a13_the_frame_sync_number_stands_again_at_64(void **state)
{
	(void)state;
	assert_int_equal(decoded().sync_end, 0x53545031);
	TOUCHES(sync_end, 64u, 4u);
	assert_int_equal(ISCSIP_FRAME_LEN, 68);
}

static void a15_a16_the_codes_are_their_four_characters_in_text_order(void **state)
{
	static const struct { uint32_t code; const char *text; } codes[] = {
		{ ISCSIP_FRAME_CMDS, "CMDS" }, { ISCSIP_FRAME_NEWC, "NEWC" }, { ISCSIP_FRAME_XFER, "XFER" },
		{ ISCSIP_FRAME_SNDD, "SNDD" }, { ISCSIP_FRAME_CMPT, "CMPT" }, { ISCSIP_FRAME_SYNC, "STP1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
		struct iscsip_frame f = decoded();
		uint8_t wire[68];

		f.event = codes[i].code;
		assert_int_equal(iscsip_frame_encode(wire, sizeof wire, &f), ISCSIP_OK);
		assert_memory_equal(wire + 12, codes[i].text, 4);
	}
}

static void any_68_bytes_come_back_from_a_round_trip_at_every_alignment(void **state)
{
	uint8_t in[68 + 8], out[68 + 8];
	uint32_t seed = 7;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		size_t at = (size_t)round % 8;
		struct iscsip_frame f;

		for (size_t i = 0; i < sizeof in; i++) {
			seed = seed * 1664525u + 1013904223u;
			in[i] = (uint8_t)(seed >> 24);
		}
		memset(out, 0, sizeof out);
		assert_int_equal(iscsip_frame_decode(&f, in + at, 68), ISCSIP_OK);
		assert_int_equal(iscsip_frame_encode(out + at, 68, &f), ISCSIP_OK);
		assert_memory_equal(in + at, out + at, 68);
	}
}

static void a_header_that_is_cut_or_has_no_room_is_left_alone(void **state)
{
	struct iscsip_frame f = decoded(), untouched;
	uint8_t wire[68], before[68];

	(void)state;
	memset(&untouched, 0x5a, sizeof untouched);
	memset(before, 0x5a, sizeof before);
	for (size_t n = 0; n < 68; n++) {
		struct iscsip_frame g;

		memset(&g, 0x5a, sizeof g);
		memset(wire, 0x5a, sizeof wire);
		assert_int_equal(iscsip_frame_decode(&g, WIRE, n), ISCSIP_ENOSPC);
		assert_memory_equal(&g, &untouched, sizeof g);
		assert_int_equal(iscsip_frame_encode(wire, n, &f), ISCSIP_ENOSPC);
		assert_memory_equal(wire, before, sizeof wire);
	}
}

/* --- rules --- */

static struct iscsip_frame frame(uint32_t event, uint16_t flags, uint32_t length)
{
	struct iscsip_frame f;

	memset(&f, 0, sizeof f);
	f.sync = f.sync_end = 0x01020304;
	f.sequence = 9;
	f.type = ISCSIP_FRAME_CMDS;
	f.event = event;
	f.flags = flags;
	f.originator_id = 1;
	f.responder_id = event == ISCSIP_FRAME_NEWC ? 0 : 2;
	f.transfer_length = length;
	return f;
}

static int check_from(const struct iscsip_frame *f, enum iscsip_frame_role from, uint32_t *at)
{
	const struct iscsip_frame_expect expect = { .sync = 0x01020304, .sequence = 9, .from = from, .any_flags = false };

	return iscsip_frame_check(f, &expect, at);
}

#define I ISCSIP_FRAME_INITIATOR
#define T ISCSIP_FRAME_TARGET
#define R ISCSIP_FRAME_READ
#define W ISCSIP_FRAME_WRITE
#define S ISCSIP_FRAME_SENSE
#define F ISCSIP_FRAME_FINAL

/* Every combination of event, sender and the four flags, with and without a length: the legal ones are listed. */
static void of_all_events_senders_flags_and_lengths_only_the_listed_ones_pass(void **state)
{
	static const uint32_t events[] = { ISCSIP_FRAME_NEWC, ISCSIP_FRAME_XFER, ISCSIP_FRAME_SNDD, ISCSIP_FRAME_CMPT };
	static const struct { int event, from; unsigned flags; bool zero, nonzero; } legal[] = {
		{ 0, I, 0, true, false },      { 0, I, R, false, true },     { 0, I, W, false, true },
		{ 1, I, W, false, true },      { 1, I, W | F, false, true },
		{ 1, T, R, false, true },      { 1, T, R | F, false, true }, { 1, T, R | F | S, false, true },
		{ 2, T, W, false, true },
		{ 3, T, 0, true, false },      { 3, T, R, true, true },      { 3, T, W, true, true },
		{ 3, T, S, true, false },      { 3, T, R | S, true, true },  { 3, T, W | S, true, true },
	};
	int passed = 0;

	(void)state;
	for (unsigned n = 0; n < 4 * 2 * 16 * 2; n++) {
		int event = (int)(n & 3), from = (int)(n >> 2 & 1);
		unsigned flags = n >> 3 & 15;
		bool length = n >> 7 & 1, expected = false;
		struct iscsip_frame f = frame(events[event], (uint16_t)flags, length ? 512 : 0);

		if (flags & S)
			f.status = 2;
		for (size_t i = 0; i < sizeof legal / sizeof legal[0]; i++)
			if (legal[i].event == event && legal[i].from == from && legal[i].flags == flags)
				expected = length ? legal[i].nonzero : legal[i].zero;
		assert_int_equal(check_from(&f, from ? T : I, NULL) == 0, expected);
		passed += expected;
	}
	assert_int_equal(passed, 19);
}

static void expect_fault(struct iscsip_frame f, enum iscsip_frame_role from, int rule, uint32_t at)
{
	uint32_t where = 999;

	assert_int_equal(check_from(&f, from, &where), rule);
	assert_int_equal(where, at);
}

#define FAULT(event, flags, length, from, change, rule, at) \
	do { \
		struct iscsip_frame f = frame(ISCSIP_FRAME_##event, flags, length); \
		uint32_t fine = 999; \
		assert_int_equal(check_from(&f, from, &fine), 0); \
		assert_int_equal(fine, 0); \
		change; \
		expect_fault(f, from, ISCSIP_FRAME_RULE_##rule, at); \
	} while (0)

static void each_rule_names_the_field_that_breaks_it(void **state)
{
	(void)state;
	FAULT(NEWC, R, 1, I, f.sync ^= 1, SYNC, 0);
	FAULT(NEWC, R, 1, I, f.sync_end ^= 0x80000000u, SYNC_END, 64);
	FAULT(NEWC, R, 1, I, f.sequence = 10, SEQUENCE, 4);
	FAULT(NEWC, R, 1, I, f.sequence = 8, SEQUENCE, 4);
	FAULT(NEWC, R, 1, I, f.type = ISCSIP_FRAME_NEWC, TYPE, 8);
	FAULT(NEWC, R, 1, I, f.event = 0x4e455758, EVENT, 12);
	FAULT(NEWC, R, 1, I, f.event = ISCSIP_FRAME_CMPT, SENDER, 12);
	FAULT(CMPT, R, 1, T, f.event = ISCSIP_FRAME_NEWC, SENDER, 12);
	FAULT(NEWC, R, 1, I, f.flags |= 0x0010, FLAGS, 18);
	FAULT(NEWC, R, 1, I, f.flags |= 0x8000, FLAGS, 18);
	FAULT(NEWC, R, 1, I, f.flags |= F, FLAGS, 18);
	FAULT(SNDD, W, 1, T, f.flags |= F, FLAGS, 18);
	FAULT(XFER, W, 1, I, f.flags |= S, FLAGS, 18);
	FAULT(NEWC, R, 1, I, f.flags |= W, DATA_DIRECTION, 18);
	FAULT(XFER, R, 1, T, f.flags = W, DATA_DIRECTION, 18);
	FAULT(XFER, W, 1, I, f.flags = 0, DATA_DIRECTION, 18);
	FAULT(NEWC, R, 1, I, f.status = 1, STATUS, 17);
	FAULT(SNDD, W, 1, T, f.status = 2, STATUS, 17);
	FAULT(XFER, W, 1, I, f.status = 2, STATUS, 17);
	FAULT(XFER, R, 1, T, f.status = 2, STATUS, 17);
	FAULT(XFER, R | F, 1, T, f.flags |= S, SENSE, 18);
	FAULT(CMPT, 0, 0, T, (f.flags = S, f.status = 8), SENSE, 18);
	FAULT(NEWC, R, 1, I, f.originator_id = 0, ORIGINATOR_ID, 20);
	FAULT(CMPT, R, 1, T, f.originator_id = 0, ORIGINATOR_ID, 20);
	FAULT(NEWC, R, 1, I, f.responder_id = 1, RESPONDER_ID, 24);
	FAULT(XFER, W, 1, I, f.responder_id = 0, RESPONDER_ID, 24);
	FAULT(SNDD, W, 1, T, f.responder_id = 0, RESPONDER_ID, 24);
	FAULT(NEWC, R, 1, I, f.responder_buffer[0] = 1, RESPONDER_BUFFER, 44);
	FAULT(CMPT, R, 1, T, f.responder_buffer[15] = 1, RESPONDER_BUFFER, 44);
	FAULT(XFER, R | F, 1, T, f.responder_buffer[7] = 1, RESPONDER_BUFFER, 44);
	FAULT(NEWC, R, 1, I, f.transfer_length = 0, LENGTH, 60);
	FAULT(NEWC, 0, 0, I, f.transfer_length = 1, LENGTH, 60);
	FAULT(XFER, W, 1, I, f.transfer_length = 0, LENGTH, 60);
	FAULT(XFER, R, 1, T, f.transfer_length = 0, LENGTH, 60);
	FAULT(SNDD, W, 1, T, f.transfer_length = 0, LENGTH, 60);
	FAULT(CMPT, 0, 0, T, f.transfer_length = 512, LENGTH, 60);
}

static void data_of_the_standing_grant_names_no_sndd(void **state)
{
	struct iscsip_frame_expect expect = { .sync = 0x01020304, .sequence = 9, .from = I, .standing = true };
	struct iscsip_frame f = frame(ISCSIP_FRAME_XFER, W | F, 512), newc = frame(ISCSIP_FRAME_NEWC, W, 512);
	uint32_t at;

	(void)state;
	assert_int_equal(iscsip_frame_check(&f, &expect, &at), ISCSIP_FRAME_RULE_RESPONDER_ID);
	assert_int_equal(at, 24);
	f.responder_id = 0;
	assert_int_equal(iscsip_frame_check(&f, &expect, &at), ISCSIP_FRAME_RULE_NONE);
	f.responder_buffer[3] = 1;
	assert_int_equal(iscsip_frame_check(&f, &expect, &at), ISCSIP_FRAME_RULE_RESPONDER_BUFFER);
	assert_int_equal(at, 44);
	/* which frame is due is for the exchange to say */
	assert_int_equal(iscsip_frame_check(&newc, &expect, &at), ISCSIP_FRAME_RULE_NONE);
	/* a target has no such frame */
	f = frame(ISCSIP_FRAME_XFER, R, 512);
	expect.from = T;
	expect.standing = false;
	assert_int_equal(iscsip_frame_check(&f, &expect, &at), ISCSIP_FRAME_RULE_NONE);
}

static void a_status_may_stand_in_the_final_xfer_of_a_read_and_in_cmpt(void **state)
{
	struct iscsip_frame f = frame(ISCSIP_FRAME_XFER, R | F, 512), g = frame(ISCSIP_FRAME_CMPT, W, 512);

	(void)state;
	f.status = 0x02;
	g.status = 0x28;
	assert_int_equal(check_from(&f, T, NULL), 0);
	assert_int_equal(check_from(&g, T, NULL), 0);
}

static void a_completion_without_a_responder_id_can_only_be_a_refusal(void **state)
{
	(void)state;
	for (unsigned status = 0; status < 256; status++) {
		struct iscsip_frame f = frame(ISCSIP_FRAME_CMPT, W, 0);
		uint32_t at = 999;

		f.status = (uint8_t)status;
		assert_int_equal(check_from(&f, T, NULL), 0);
		f.responder_id = 0;
		if (status == 0x08 || status == 0x28) {
			assert_int_equal(check_from(&f, T, &at), 0);
			continue;
		}
		assert_int_equal(check_from(&f, T, &at), ISCSIP_FRAME_RULE_RESPONDER_ID);
		assert_int_equal(at, 24);
	}
}

static void reserved_flags_pass_only_where_the_configuration_says_so(void **state)
{
	struct iscsip_frame_expect expect = { .sync = 0x01020304, .sequence = 9, .from = I, .any_flags = true };

	(void)state;
	for (unsigned bit = 4; bit < 16; bit++) {
		struct iscsip_frame f = frame(ISCSIP_FRAME_NEWC, (uint16_t)(R | 1u << bit), 512);

		expect.any_flags = true;
		assert_int_equal(iscsip_frame_check(&f, &expect, NULL), 0);
		expect.any_flags = false;
		assert_int_equal(iscsip_frame_check(&f, &expect, NULL), ISCSIP_FRAME_RULE_FLAGS);
	}
	/* flags that are known stay bound to their event */
	expect.any_flags = true;
	assert_int_equal(iscsip_frame_check(&(struct iscsip_frame){ .sync = 0x01020304, .sync_end = 0x01020304, .sequence = 9,
		.type = ISCSIP_FRAME_CMDS, .event = ISCSIP_FRAME_NEWC, .flags = R | F, .originator_id = 1,
		.transfer_length = 1 }, &expect, NULL), ISCSIP_FRAME_RULE_FLAGS);
}

/* --- words --- */

static void a_header_is_one_line_that_names_what_it_says(void **state)
{
	struct iscsip_frame f = frame(ISCSIP_FRAME_NEWC, R, 4096);
	char text[256];
	int n;

	(void)state;
	f.originator_buffer[0] = 0x28;
	n = iscsip_frame_format(&f, text, sizeof text);
	assert_string_equal(text, "#9 CMDS NEWC lun 0 READ exchange 00000001/00000000 length 4096 "
				  "cdb 28000000000000000000000000000000");
	assert_int_equal(n, strlen(text));
	f = decoded();
	iscsip_frame_format(&f, text, sizeof text);
	assert_string_equal(text, "#16909060 CMDS XFER lun 33 status 0x02 READ SENSE FINAL exchange 31323334/41424344 "
				  "length 2442302356 sense 7172737475767778797a7b7c7d7e7f80");
	f.type = 0x00414203;
	f.event = 0xff202041;
	f.flags = 0x8000;
	iscsip_frame_format(&f, text, sizeof text);
	assert_non_null(strstr(text, " .AB. ...A lun 33 status 0x02 flags 0x8000 "));
}

static void a_line_cut_short_tells_its_whole_length(void **state)
{
	const struct iscsip_frame f = decoded();
	char whole[256], cut[256];
	int n = iscsip_frame_format(&f, whole, sizeof whole);

	(void)state;
	for (size_t cap = 0; cap <= (size_t)n + 1; cap++) {
		memset(cut, '#', sizeof cut);
		assert_int_equal(iscsip_frame_format(&f, cut, cap), n);
		assert_int_equal(cut[cap], '#');
		if (cap) {
			assert_int_equal(strlen(cut), cap - 1);
			assert_memory_equal(cut, whole, cap - 1);
		}
	}
}

static void every_rule_has_words_of_its_own_and_an_error_names_the_byte(void **state)
{
	struct iscsip_error e = { .code = ISCSIP_EPROTO, .opcode = 0xff, .rule = ISCSIP_FRAME_RULE_SEQUENCE, .arg = 4 };
	char text[128];

	(void)state;
	for (unsigned a = 0; a <= ISCSIP_FRAME_RULE_STALLED; a++) {
		assert_string_not_equal(iscsip_frame_rule_text(a), "an unknown rule");
		for (unsigned b = 0; b < a; b++)
			assert_string_not_equal(iscsip_frame_rule_text(a), iscsip_frame_rule_text(b));
	}
	assert_string_equal(iscsip_frame_rule_text(ISCSIP_FRAME_RULE_STALLED + 1), "an unknown rule");
	iscsip_frame_error_format(&e, text, sizeof text);
	assert_string_equal(text, "the peer broke the protocol: the sequence number has a gap or repeats (header byte 4)");
	e = (struct iscsip_error){ .code = ISCSIP_ETIMEDOUT, .opcode = 0xff, .rule = ISCSIP_FRAME_RULE_EXCHANGE_DUE, .arg = 0x10002 };
	iscsip_frame_error_format(&e, text, sizeof text);
	assert_string_equal(text, "the peer did not answer in time: an exchange took too long (exchange 00010002)");
	e = (struct iscsip_error){ .code = ISCSIP_ECLOSED, .opcode = 0xff, .rule = ISCSIP_FRAME_RULE_CUT, .arg = 17 };
	iscsip_frame_error_format(&e, text, sizeof text);
	assert_string_equal(text, "the connection is closed: the stream ended inside a frame (bytes missing: 17)");
	e = (struct iscsip_error){ .code = ISCSIP_ECLOSED, .opcode = 0xff };
	iscsip_frame_error_format(&e, text, sizeof text);
	assert_string_equal(text, "the connection is closed");
}

/* --- configuration and memory --- */

/* A host that was compiled with another version's headers: its struct is shorter or longer. */
static void a_configuration_is_filled_in_as_far_as_the_hosts_struct_goes(void **state)
{
	struct {
		struct iscsip_frame_config cfg;
		uint8_t beyond[64];
	} room;
	uint8_t *bytes = (uint8_t *)&room;

	(void)state;
	for (size_t size = sizeof(size_t); size < sizeof room; size++) {
		memset(&room, 0x5a, sizeof room);
		iscsip_frame_config_init(&room.cfg, size);
		assert_int_equal(room.cfg.struct_size, size);
		for (size_t i = size; i < sizeof room; i++)
			assert_int_equal(bytes[i], 0x5a);
		for (size_t i = sizeof room.cfg; i < size; i++)
			assert_int_equal(bytes[i], 0);
		assert_int_equal(iscsip_frame_config_check(&room.cfg), size < sizeof room.cfg ? ISCSIP_EINVAL : ISCSIP_OK);
	}
}

static void a_configuration_out_of_its_ranges_is_refused(void **state)
{
	struct iscsip_frame_config cfg;
	struct iscsip_frame_host host = { .struct_size = sizeof host };

	(void)state;
#define BAD(change) \
	do { \
		iscsip_frame_config_init(&cfg, sizeof cfg); \
		assert_int_equal(iscsip_frame_config_check(&cfg), ISCSIP_OK); \
		change; \
		assert_int_equal(iscsip_frame_config_check(&cfg), ISCSIP_EINVAL); \
	} while (0)
	BAD(cfg.limits.max_exchanges = 0);
	BAD(cfg.limits.max_exchanges = 4097);
	BAD(cfg.limits.max_tx_frames = 1);
	BAD(cfg.limits.max_tx_frames = 1025);
	BAD(cfg.limits.max_burst = 0);
	BAD(cfg.limits.max_burst = 0x80000001u);
	BAD(cfg.limits.max_rx_transfer = 0);
	BAD(cfg.struct_size = 8);
	BAD((host.struct_size = 1, cfg.host = &host));
#undef BAD
}

static void a_configuration_at_the_ends_of_its_ranges_is_taken(void **state)
{
	struct iscsip_frame_config cfg;

	(void)state;
#define GOOD(change) \
	do { \
		iscsip_frame_config_init(&cfg, sizeof cfg); \
		change; \
		assert_int_equal(iscsip_frame_config_check(&cfg), ISCSIP_OK); \
	} while (0)
	GOOD(cfg.limits.max_exchanges = 1);
	GOOD(cfg.limits.max_exchanges = 4096);
	GOOD(cfg.limits.max_tx_frames = 2);
	GOOD(cfg.limits.max_tx_frames = 1024);
	GOOD(cfg.limits.max_burst = 1);
	GOOD(cfg.limits.max_burst = 0x80000000u);
	GOOD(cfg.limits.max_rx_transfer = 1);
#undef GOOD
}

static void nop_exec(void *user, struct iscsip_cmd *cmd)
{
	(void)user;
	(void)cmd;
}

static void nop_done(void *user, struct iscsip_frame_exchange *x)
{
	(void)user;
	(void)x;
}

static void a_connection_fits_into_exactly_the_size_that_is_told(void **state)
{
	static const uint16_t exchanges[] = { 1, 2, 3, 64, 1000, 4096 };
	const struct iscsip_device_ops ops = { .struct_size = sizeof ops, .exec = nop_exec };
	const struct iscsip_frame_initiator_ops iops = { sizeof iops, nop_done };

	(void)state;
	for (size_t i = 0; i < sizeof exchanges / sizeof exchanges[0]; i++) {
		struct iscsip_frame_config cfg;
		struct iscsip_frame_conn *c;
		size_t tlen, ilen;
		uint8_t *mem;

		iscsip_frame_config_init(&cfg, sizeof cfg);
		cfg.limits.max_exchanges = exchanges[i];
		tlen = iscsip_frame_target_size(&cfg);
		ilen = iscsip_frame_initiator_size(&cfg);
		mem = malloc(tlen + ilen); /* the sanitizer build finds a byte too many */
		assert_int_equal(iscsip_frame_target_init(&c, mem, tlen - 8, &cfg, &ops, NULL, NULL, 0), ISCSIP_ENOSPC);
		assert_int_equal(iscsip_frame_target_init(&c, mem, tlen, &cfg, &ops, NULL, NULL, 0), ISCSIP_OK);
		assert_int_equal(iscsip_frame_initiator_init(&c, mem, ilen - 8, &cfg, &iops, NULL, 0), ISCSIP_ENOSPC);
		assert_int_equal(iscsip_frame_initiator_init(&c, mem, ilen, &cfg, &iops, NULL, 0), ISCSIP_OK);
		assert_int_equal(iscsip_frame_initiator_init(&c, mem + 4, ilen, &cfg, &iops, NULL, 0), ISCSIP_EINVAL);
		free(mem);
	}
}

static void a_connection_is_not_made_of_tables_or_memory_that_are_no_good(void **state)
{
	static uint64_t mem[8192];
	struct iscsip_device_ops ops = { .struct_size = sizeof ops, .exec = nop_exec };
	struct iscsip_frame_initiator_ops iops = { sizeof iops, nop_done };
	struct iscsip_frame_config cfg;
	struct iscsip_frame_conn *c;

	(void)state;
	iscsip_frame_config_init(&cfg, sizeof cfg);
#define REFUSED(change, back) \
	do { \
		change; \
		assert_int_equal(iscsip_frame_target_init(&c, mem, sizeof mem, &cfg, &ops, NULL, NULL, 0), ISCSIP_EINVAL); \
		assert_int_equal(iscsip_frame_initiator_init(&c, mem, sizeof mem, &cfg, &iops, NULL, 0), ISCSIP_EINVAL); \
		back; \
		assert_int_equal(iscsip_frame_target_init(&c, mem, sizeof mem, &cfg, &ops, NULL, NULL, 0), ISCSIP_OK); \
		assert_int_equal(iscsip_frame_initiator_init(&c, mem, sizeof mem, &cfg, &iops, NULL, 0), ISCSIP_OK); \
	} while (0)
	REFUSED(cfg.limits.max_burst = 0, cfg.limits.max_burst = 512);
	REFUSED((ops.struct_size--, iops.struct_size--), (ops.struct_size = sizeof ops, iops.struct_size = sizeof iops));
	REFUSED((ops.exec = NULL, iops.done = NULL), (ops.exec = nop_exec, iops.done = nop_done));
#undef REFUSED
	assert_int_equal(iscsip_frame_target_init(&c, NULL, sizeof mem, &cfg, &ops, NULL, NULL, 0), ISCSIP_EINVAL);
	assert_int_equal(iscsip_frame_initiator_init(&c, NULL, sizeof mem, &cfg, &iops, NULL, 0), ISCSIP_EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a01_the_header_starts_with_the_frame_sync_number),
		cmocka_unit_test(a02_the_sequence_number_stands_at_4),
		cmocka_unit_test(a03_the_type_stands_at_8),
		cmocka_unit_test(a04_the_event_stands_at_12),
		cmocka_unit_test(a05_the_lun_stands_at_16),
		cmocka_unit_test(a06_the_status_stands_at_17),
		cmocka_unit_test(a07_the_flags_stand_at_18),
		cmocka_unit_test(a08_the_originator_exchange_id_stands_at_20),
		cmocka_unit_test(a09_the_responder_exchange_id_stands_at_24),
		cmocka_unit_test(a10_the_originator_buffer_has_16_bytes_at_28),
		cmocka_unit_test(a11_the_responder_buffer_has_16_bytes_at_44),
		cmocka_unit_test(a12_the_transfer_length_stands_at_60),
		cmocka_unit_test(a13_the_frame_sync_number_stands_again_at_64),
		cmocka_unit_test(a15_a16_the_codes_are_their_four_characters_in_text_order),
		cmocka_unit_test(any_68_bytes_come_back_from_a_round_trip_at_every_alignment),
		cmocka_unit_test(a_header_that_is_cut_or_has_no_room_is_left_alone),
		cmocka_unit_test(of_all_events_senders_flags_and_lengths_only_the_listed_ones_pass),
		cmocka_unit_test(each_rule_names_the_field_that_breaks_it),
		cmocka_unit_test(data_of_the_standing_grant_names_no_sndd),
		cmocka_unit_test(a_status_may_stand_in_the_final_xfer_of_a_read_and_in_cmpt),
		cmocka_unit_test(a_completion_without_a_responder_id_can_only_be_a_refusal),
		cmocka_unit_test(reserved_flags_pass_only_where_the_configuration_says_so),
		cmocka_unit_test(a_header_is_one_line_that_names_what_it_says),
		cmocka_unit_test(a_line_cut_short_tells_its_whole_length),
		cmocka_unit_test(every_rule_has_words_of_its_own_and_an_error_names_the_byte),
		cmocka_unit_test(a_configuration_is_filled_in_as_far_as_the_hosts_struct_goes),
		cmocka_unit_test(a_configuration_out_of_its_ranges_is_refused),
		cmocka_unit_test(a_configuration_at_the_ends_of_its_ranges_is_taken),
		cmocka_unit_test(a_connection_is_not_made_of_tables_or_memory_that_are_no_good),
		cmocka_unit_test(a_connection_fits_into_exactly_the_size_that_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
