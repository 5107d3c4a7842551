/* SPDX-License-Identifier: MIT */
/*
 * Which headers are legal. What is expected stands here once more, from the RFC and not from the library's tables: which
 * opcode may be received by whom in which phase, and for each rule a header that breaks it, the byte at fault and the Reject
 * reason, next to one that just does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <iscsiproto/pdu.h>

#define I 0x40u
#define NONE 0xffffffffu

static const char INITIATOR_OPCODES[] = { 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x10 };
static const char TARGET_OPCODES[] = { 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x31, 0x32, 0x3f };

static bool among(const char *list, size_t n, unsigned opcode)
{
	return memchr(list, (int)opcode, n) != NULL;
}

/* The answer of the RFC to who may receive what, and when. */
static unsigned expected_by_opcode(unsigned opcode, enum iscsip_role receiver, enum iscsip_phase phase)
{
	bool initiators = among(INITIATOR_OPCODES, sizeof INITIATOR_OPCODES, opcode);
	bool targets = among(TARGET_OPCODES, sizeof TARGET_OPCODES, opcode);
	bool login = opcode == 0x03 || opcode == 0x23;

	if (!initiators && !targets)
		return ISCSIP_RULE_OPCODE;
	if (initiators != (receiver == ISCSIP_TARGET))
		return ISCSIP_RULE_SENDER;
	if (login != (phase == ISCSIP_PHASE_LOGIN))
		return ISCSIP_RULE_PHASE;
	if (phase != ISCSIP_PHASE_DISCOVERY)
		return ISCSIP_RULE_NONE;
	if (receiver == ISCSIP_TARGET) /* 4.3 */
		return opcode == 0x04 || opcode == 0x06 ? ISCSIP_RULE_NONE : ISCSIP_RULE_PHASE;
	/* 7.4.3, and what an initiator without tasks can make nothing of */
	return opcode == 0x21 || opcode == 0x22 || opcode == 0x25 || opcode == 0x31 ? ISCSIP_RULE_PHASE : ISCSIP_RULE_NONE;
}

/* Runs a header through decode and check; answers the rule and fills in why. */
static unsigned rule_of(const uint8_t *bhs, enum iscsip_role receiver, enum iscsip_phase phase, struct iscsip_error *why)
{
	struct iscsip_pdu pdu;
	int err;

	memset(why, 0x5a, sizeof *why);
	(void)iscsip_pdu_decode(&pdu, bhs);
	err = iscsip_pdu_check(&pdu, bhs, receiver, phase, why);
	if (err == ISCSIP_OK) {
		assert_int_equal(why->rule, 0x5a5a);
		return ISCSIP_RULE_NONE;
	}
	assert_int_equal(err, ISCSIP_EPROTO);
	assert_int_equal(why->code, ISCSIP_EPROTO);
	assert_int_equal(why->opcode, bhs[0] & 0x3f);
	assert_true(why->rule != ISCSIP_RULE_NONE);
	assert_true(why->arg < ISCSIP_BHS_LEN);
	return why->rule;
}

static void every_opcode_is_taken_from_its_sender_in_its_phase_and_refused_otherwise(void **state)
{
	(void)state;
	for (unsigned first = 0; first < 256; first++)
		for (unsigned role = 0; role < 2; role++)
			for (unsigned phase = 0; phase < 3; phase++) {
				/* a header that is legal for most: F, a tag, a transfer tag, 48 bytes of data where it may */
				uint8_t bhs[ISCSIP_BHS_LEN] = { (uint8_t)first, 0x80, [19] = 1 };
				unsigned opcode = first & 0x3f, rule, expected;
				struct iscsip_error why;

				expected = expected_by_opcode(opcode, (enum iscsip_role)role, (enum iscsip_phase)phase);
				if (opcode == 0x3f || opcode == 0x32)
					bhs[7] = 48;
				if (opcode == 0x20 || opcode == 0x10)
					memset(bhs + 20, 0xff, 4);
				if (opcode == 0x31)
					bhs[47] = 1;
				if (opcode == 0x03 || opcode == 0x23)
					bhs[1] = 0x81;
				rule = rule_of(bhs, (enum iscsip_role)role, (enum iscsip_phase)phase, &why);
				if (rule != expected)
					fail_msg("byte 0 %02x role %u phase %u: rule %u, not %u", first, role, phase, rule,
						 expected);
				if (rule != ISCSIP_RULE_NONE)
					assert_int_equal(why.arg, 0);
			}
}

static void every_opcode_with_every_flag_byte_is_judged_without_reading_beyond(void **state)
{
	unsigned legal = 0, refused = 0;

	(void)state;
	for (unsigned first = 0; first < 256; first++)
		for (unsigned second = 0; second < 256; second++)
			for (unsigned role = 0; role < 2; role++)
				for (unsigned phase = 0; phase < 3; phase++) {
					uint8_t bhs[ISCSIP_BHS_LEN] = { (uint8_t)first, (uint8_t)second, [19] = 1 };
					struct iscsip_error why;

					if (rule_of(bhs, (enum iscsip_role)role, (enum iscsip_phase)phase, &why))
						refused++;
					else
						legal++;
				}
	assert_true(legal > 0 && refused > legal);
}

/*
 * A header by its bytes: byte 0, byte 1, AHS words, data length, ITT, then pairs of (byte, value of 4 bytes or, for the
 * bytes 2, 3, 36, of one).
 */
struct header {
	unsigned opcode, flags, ahs, data;
	uint32_t itt;
	struct {
		unsigned byte;
		uint32_t value;
	} at[3];
};

static void write_header(uint8_t bhs[ISCSIP_BHS_LEN], const struct header *h)
{
	memset(bhs, 0, ISCSIP_BHS_LEN);
	bhs[0] = (uint8_t)h->opcode;
	bhs[1] = (uint8_t)h->flags;
	bhs[4] = (uint8_t)h->ahs;
	for (unsigned i = 0; i < 3; i++)
		bhs[5 + i] = (uint8_t)(h->data >> (16 - 8 * i));
	for (unsigned i = 0; i < 4; i++)
		bhs[16 + i] = (uint8_t)(h->itt >> (24 - 8 * i));
	for (unsigned p = 0; p < 3; p++) {
		unsigned byte = h->at[p].byte, width = byte == 2 || byte == 3 || byte == 36 ? 1 : 4;

		for (unsigned i = 0; byte > 0 && i < width; i++)
			bhs[byte + i] = (uint8_t)(h->at[p].value >> (8 * (width - 1 - i)));
	}
}

struct breach_case {
	unsigned rule, byte, reason; /* reason 0: only an initiator can be told */
	bool format;
	enum iscsip_phase phase;
	struct header bad, good;     /* good.opcode 0xff: none stands next to it */
};

#define N ISCSIP_PHASE_NORMAL
#define D ISCSIP_PHASE_DISCOVERY
#define L ISCSIP_PHASE_LOGIN

static const struct breach_case CASES[] = {
	/* additional headers and data where none belong: 11.2.1.5, 11.2.1.6, 11.5.2, 11.14.2, 11.16, 11.6.2, 11.8.1, 11.15.2 */
	{ ISCSIP_RULE_AHS, 4, 4, true, N,
	  { 0x00 | I, 0x80, 1, 0, NONE, { { 20, NONE } } },
	  { 0x00 | I, 0x80, 0, 0, NONE, { { 20, NONE } } } },
	{ ISCSIP_RULE_AHS, 4, 4, true, N,
	  { 0x02, 0x81, 1, 0, 1, { { 0 } } },
	  { 0x02, 0x81, 0, 0, 1, { { 0 } } } },
	{ ISCSIP_RULE_AHS, 4, 4, true, N,
	  { 0x04, 0x80, 255, 0, 1, { { 0 } } },
	  { 0x04, 0x80, 0, 0, 1, { { 0 } } } },
	{ ISCSIP_RULE_AHS, 4, 4, true, N,
	  { 0x05, 0x80, 1, 4, 1, { { 0 } } },
	  { 0x05, 0x80, 0, 4, 1, { { 0 } } } },
	{ ISCSIP_RULE_AHS, 4, 0, true, N,
	  { 0x25, 0x80, 1, 4, 1, { { 0 } } },
	  { 0x25, 0x80, 0, 4, 1, { { 0 } } } },
	{ ISCSIP_RULE_AHS, 4, 0, true, N,
	  { 0x21, 0x80, 2, 0, 1, { { 0 } } },
	  { 0x21, 0x80, 0, 0, 1, { { 0 } } } },
	{ ISCSIP_RULE_AHS, 4, 0, true, L,
	  { 0x03 | I, 0x81, 1, 0, 1, { { 0 } } },
	  { 0x03 | I, 0x81, 0, 0, 1, { { 0 } } } },
	{ ISCSIP_RULE_DATA, 5, 4, true, N,
	  { 0x02, 0x81, 0, 1, 1, { { 0 } } },
	  { 0x02, 0x81, 0, 0, 1, { { 0 } } } },
	{ ISCSIP_RULE_DATA, 5, 4, true, N,
	  { 0x06, 0x81, 0, 1, 1, { { 0 } } },
	  { 0x06, 0x81, 0, 0, 1, { { 0 } } } },
	{ ISCSIP_RULE_DATA, 5, 4, true, N,
	  { 0x10, 0x80, 0, 4, 1, { { 20, NONE } } },
	  { 0x10, 0x80, 0, 0, 1, { { 20, NONE } } } },
	{ ISCSIP_RULE_DATA, 5, 0, true, N,
	  { 0x22, 0x80, 0, 1, 1, { { 0 } } },
	  { 0x22, 0x80, 0, 0, 1, { { 0 } } } },
	{ ISCSIP_RULE_DATA, 5, 0, true, N,
	  { 0x26, 0x80, 0, 0xffffff, 1, { { 0 } } },
	  { 0x26, 0x80, 0, 0, 1, { { 0 } } } },
	{ ISCSIP_RULE_DATA, 5, 0, true, N,
	  { 0x31, 0x80, 0, 4, 1, { { 44, 512 } } },
	  { 0x31, 0x80, 0, 0, 1, { { 44, 512 } } } },
	/* the reserved task tag: 11.2.1.8 */
	{ ISCSIP_RULE_ITT, 16, 9, true, N,
	  { 0x01, 0x80, 0, 0, NONE, { { 0 } } },
	  { 0x01, 0x80, 0, 0, NONE - 1, { { 0 } } } },
	{ ISCSIP_RULE_ITT, 16, 9, true, N,
	  { 0x02, 0x81, 0, 0, NONE, { { 0 } } },
	  { 0x02, 0x81, 0, 0, 0, { { 0 } } } },
	{ ISCSIP_RULE_ITT, 16, 9, true, N,
	  { 0x04, 0x80, 0, 0, NONE, { { 0 } } },
	  { 0x04, 0x80, 0, 0, 0, { { 0 } } } },
	{ ISCSIP_RULE_ITT, 16, 9, true, N,
	  { 0x05, 0x80, 0, 0, NONE, { { 0 } } },
	  { 0x05, 0x80, 0, 0, 0, { { 0 } } } },
	{ ISCSIP_RULE_ITT, 16, 9, true, N,
	  { 0x06, 0x80, 0, 0, NONE, { { 0 } } },
	  { 0x06, 0x80, 0, 0, 0, { { 0 } } } },
	{ ISCSIP_RULE_ITT, 16, 0, true, L,
	  { 0x03 | I, 0x81, 0, 0, NONE, { { 0 } } },
	  { 0x03 | I, 0x81, 0, 0, 0, { { 0 } } } },
	{ ISCSIP_RULE_ITT, 16, 0, true, N,
	  { 0x21, 0x80, 0, 0, NONE, { { 0 } } },
	  { 0x21, 0x80, 0, 0, 0, { { 0 } } } },
	{ ISCSIP_RULE_ITT, 16, 0, true, N,
	  { 0x25, 0x80, 0, 0, NONE, { { 0 } } },
	  { 0x25, 0x80, 0, 0, 0, { { 0 } } } },
	{ ISCSIP_RULE_ITT, 16, 0, true, N,
	  { 0x31, 0x80, 0, 0, NONE, { { 44, 1 } } },
	  { 0x31, 0x80, 0, 0, 0, { { 44, 1 } } } },
	/* SCSI Command: 11.3.1, 11.3.4 */
	{ ISCSIP_RULE_CMD_FLAGS, 1, 9, true, N,
	  { 0x01, 0x40, 0, 0, 1, { { 20, 512 } } },
	  { 0x01, 0xc0, 0, 0, 1, { { 20, 512 } } } },
	{ ISCSIP_RULE_CMD_DIRECTION, 1, 9, true, N,
	  { 0x01, 0x80, 0, 0, 1, { { 20, 1 } } },
	  { 0x01, 0x80, 0, 0, 1, { { 20, 0 } } } },
	{ ISCSIP_RULE_CMD_ATTR, 1, 4, false, N,
	  { 0x01, 0x85, 0, 0, 1, { { 0 } } },
	  { 0x01, 0x84, 0, 0, 1, { { 0 } } } },
	{ ISCSIP_RULE_CMD_BIDI, 4, 9, true, N,
	  { 0x01, 0xe0, 0, 0, 1, { { 20, 512 } } },
	  { 0x01, 0xe0, 2, 0, 1, { { 20, 512 } } } },
	{ ISCSIP_RULE_CMD_DATA, 5, 9, true, N,
	  { 0x01, 0xc0, 0, 1, 1, { { 20, 512 } } },
	  { 0x01, 0xa0, 0, 1, 1, { { 20, 512 } } } },
	{ ISCSIP_RULE_CMD_DATA_LEN, 5, 9, true, N,
	  { 0x01, 0xa0, 0, 513, 1, { { 20, 512 } } },
	  { 0x01, 0xa0, 0, 512, 1, { { 20, 512 } } } },
	{ ISCSIP_RULE_CMD_FINAL, 1, 9, true, N,
	  { 0x01, 0x20, 0, 512, 1, { { 20, 512 } } },
	  { 0x01, 0x20, 0, 511, 1, { { 20, 512 } } } },
	{ ISCSIP_RULE_CMD_FINAL, 1, 9, true, N,
	  { 0x01, 0x20, 0, 0, 1, { { 20, 0 } } },
	  { 0x01, 0x20, 0, 0, 1, { { 20, 1 } } } },
	/* task management: 11.5.1 */
	{ ISCSIP_RULE_TASK_REASSIGN, 0, 4, true, N,
	  { 0x02, 0x88, 0, 0, 1, { { 0 } } },
	  { 0x02 | I, 0x88, 0, 0, 1, { { 0 } } } },
	/* login: 11.12.2, 11.12.3, 6.3; a target in login answers with a status, so there is no reason */
	{ ISCSIP_RULE_LOGIN_CONTINUE, 1, 0, true, L,
	  { 0x03 | I, 0xc1, 0, 0, 1, { { 0 } } },
	  { 0x03 | I, 0x41, 0, 0, 1, { { 0 } } } },
	{ ISCSIP_RULE_LOGIN_STAGE, 1, 0, false, L,
	  { 0x03 | I, 0x08, 0, 0, 1, { { 0 } } },
	  { 0x03 | I, 0x04, 0, 0, 1, { { 0 } } } },
	{ ISCSIP_RULE_LOGIN_STAGE, 1, 0, false, L,
	  { 0x03 | I, 0x0c, 0, 0, 1, { { 0 } } },
	  { 0x03 | I, 0x00, 0, 0, 1, { { 0 } } } },
	{ ISCSIP_RULE_LOGIN_STAGE, 1, 0, false, L,
	  { 0x03 | I, 0x82, 0, 0, 1, { { 0 } } },
	  { 0x03 | I, 0x02, 0, 0, 1, { { 0 } } } },
	{ ISCSIP_RULE_LOGIN_NEXT, 1, 0, false, L,
	  { 0x03 | I, 0x84, 0, 0, 1, { { 0 } } },
	  { 0x03 | I, 0x87, 0, 0, 1, { { 0 } } } },
	{ ISCSIP_RULE_LOGIN_NEXT, 1, 0, false, L,
	  { 0x03 | I, 0x85, 0, 0, 1, { { 0 } } },
	  { 0x03 | I, 0x05, 0, 0, 1, { { 0 } } } },
	{ ISCSIP_RULE_LOGIN_CONTINUE, 1, 0, true, L,
	  { 0x23, 0xc1, 0, 0, 1, { { 0 } } },
	  { 0x23, 0xc1, 0, 0, 1, { { 36, 2 } } } },
	{ ISCSIP_RULE_LOGIN_STAGE, 1, 0, false, L,
	  { 0x23, 0x08, 0, 0, 1, { { 0 } } },
	  { 0x23, 0x08, 0, 0, 1, { { 36, 3 } } } },
	{ ISCSIP_RULE_LOGIN_NEXT, 1, 0, false, L,
	  { 0x23, 0x80, 0, 0, 1, { { 0 } } },
	  { 0x23, 0x81, 0, 0, 1, { { 0 } } } },
	/* text: 11.10.2, 11.11.1, 11.11.2 */
	{ ISCSIP_RULE_TEXT_CONTINUE, 1, 4, true, N,
	  { 0x04, 0xc0, 0, 4, 1, { { 20, NONE } } },
	  { 0x04, 0x40, 0, 4, 1, { { 20, NONE } } } },
	{ ISCSIP_RULE_TEXT_CONTINUE, 1, 0, true, N,
	  { 0x24, 0xc0, 0, 4, 1, { { 20, NONE } } },
	  { 0x24, 0x80, 0, 4, 1, { { 20, NONE } } } },
	{ ISCSIP_RULE_TEXT_TTT, 20, 0, true, N,
	  { 0x24, 0x40, 0, 4, 1, { { 20, NONE } } },
	  { 0x24, 0x40, 0, 4, 1, { { 20, 7 } } } },
	{ ISCSIP_RULE_TEXT_TTT, 20, 0, true, D,
	  { 0x24, 0x00, 0, 4, 1, { { 20, NONE } } },
	  { 0x24, 0x00, 0, 4, 1, { { 20, 0 } } } },
	/* offset and length: 11.7.6 */
	{ ISCSIP_RULE_RANGE, 40, 9, true, N,
	  { 0x05, 0x80, 0, 513, 1, { { 40, 0xfffffe00 } } },
	  { 0x05, 0x80, 0, 512, 1, { { 40, 0xfffffe00 } } } },
	{ ISCSIP_RULE_RANGE, 40, 0, true, N,
	  { 0x25, 0x80, 0, 2, 1, { { 40, NONE } } },
	  { 0x25, 0x80, 0, 1, 1, { { 40, NONE } } } },
	{ ISCSIP_RULE_RANGE, 40, 0, true, N,
	  { 0x31, 0x80, 0, 0, 1, { { 40, 2 }, { 44, NONE } } },
	  { 0x31, 0x80, 0, 0, 1, { { 40, 1 }, { 44, NONE } } } },
	/* logout: 11.14.1, 4.3 */
	{ ISCSIP_RULE_LOGOUT_REASON, 1, 4, false, N,
	  { 0x06, 0x83, 0, 0, 1, { { 0 } } },
	  { 0x06, 0x82, 0, 0, 1, { { 0 } } } },
	{ ISCSIP_RULE_LOGOUT_REASON, 1, 4, false, N,
	  { 0x06, 0xff, 0, 0, 1, { { 0 } } },
	  { 0x06, 0x80, 0, 0, 1, { { 0 } } } },
	{ ISCSIP_RULE_LOGOUT_DISCOVERY, 1, 4, false, D,
	  { 0x06, 0x81, 0, 0, 1, { { 0 } } },
	  { 0x06, 0x80, 0, 0, 1, { { 0 } } } },
	/* SNACK: 11.16.1, 11.16.4 to 11.16.7 */
	{ ISCSIP_RULE_SNACK_TYPE, 1, 4, false, N,
	  { 0x10, 0x84, 0, 0, 1, { { 20, NONE } } },
	  { 0x10, 0x80, 0, 0, 1, { { 20, NONE } } } },
	{ ISCSIP_RULE_SNACK_ITT, 16, 9, true, N,
	  { 0x10, 0x80, 0, 0, NONE, { { 20, NONE } } },
	  { 0x10, 0x81, 0, 0, NONE, { { 20, NONE } } } },
	{ ISCSIP_RULE_SNACK_ITT, 16, 9, true, N,
	  { 0x10, 0x81, 0, 0, 5, { { 20, NONE } } },
	  { 0x10, 0x80, 0, 0, 5, { { 20, NONE } } } },
	{ ISCSIP_RULE_SNACK_ITT, 16, 9, true, N,
	  { 0x10, 0x82, 0, 0, 5, { { 20, 9 } } },
	  { 0x10, 0x82, 0, 0, NONE, { { 20, 9 } } } },
	{ ISCSIP_RULE_SNACK_ITT, 16, 9, true, N,
	  { 0x10, 0x83, 0, 0, NONE, { { 20, 9 } } },
	  { 0x10, 0x83, 0, 0, 5, { { 20, 9 } } } },
	{ ISCSIP_RULE_SNACK_TTT, 20, 9, true, N,
	  { 0x10, 0x80, 0, 0, 5, { { 20, 1 } } },
	  { 0x10, 0x80, 0, 0, 5, { { 20, NONE }, { 40, 3 }, { 44, 2 } } } },
	{ ISCSIP_RULE_SNACK_TTT, 20, 9, true, N,
	  { 0x10, 0x81, 0, 0, NONE, { { 20, 1 } } },
	  { 0x10, 0x81, 0, 0, NONE, { { 20, NONE } } } },
	{ ISCSIP_RULE_SNACK_TTT, 20, 9, true, N,
	  { 0x10, 0x83, 0, 0, 5, { { 20, 0 } } },
	  { 0x10, 0x83, 0, 0, 5, { { 20, 1 } } } },
	{ ISCSIP_RULE_SNACK_TTT, 20, 9, true, N,
	  { 0x10, 0x83, 0, 0, 5, { { 20, NONE } } },
	  { 0x10, 0x83, 0, 0, 5, { { 20, NONE - 1 } } } },
	{ ISCSIP_RULE_SNACK_RUN, 40, 9, true, N,
	  { 0x10, 0x83, 0, 0, 5, { { 20, 1 }, { 40, 1 } } },
	  { 0x10, 0x83, 0, 0, 5, { { 20, 1 } } } },
	{ ISCSIP_RULE_SNACK_RUN, 40, 9, true, N,
	  { 0x10, 0x83, 0, 0, 5, { { 20, 1 }, { 44, 1 } } },
	  { 0x10, 0x83, 0, 0, 5, { { 20, 1 } } } },
	{ ISCSIP_RULE_SNACK_ACK, 44, 8, true, N,
	  { 0x10, 0x82, 0, 0, NONE, { { 20, 1 }, { 44, 1 } } },
	  { 0x10, 0x82, 0, 0, NONE, { { 20, 1 }, { 40, 7 } } } },
	/* NOP: 11.18.1, 11.19, 7.7 */
	{ ISCSIP_RULE_NOP_OUT_IMMEDIATE, 0, 4, true, N,
	  { 0x00, 0x80, 0, 0, NONE, { { 20, 3 } } },
	  { 0x00 | I, 0x80, 0, 0, NONE, { { 20, 3 } } } },
	{ ISCSIP_RULE_NOP_IN_TAGS, 20, 0, true, N,
	  { 0x20, 0x80, 0, 0, 1, { { 20, 3 } } },
	  { 0x20, 0x80, 0, 9, 1, { { 20, NONE } } } },
	{ ISCSIP_RULE_NOP_IN_DATA, 5, 0, true, N,
	  { 0x20, 0x80, 0, 1, NONE, { { 20, 3 } } },
	  { 0x20, 0x80, 0, 0, NONE, { { 20, 3 } } } },
	/* SCSI Response: 11.4.1, 11.4.7, 7.7; flags of a failure are ignored (11.4.3) */
	{ ISCSIP_RULE_RESIDUAL, 1, 0, true, N,
	  { 0x21, 0x86, 0, 0, 1, { { 0 } } },
	  { 0x21, 0x86, 0, 0, 1, { { 2, 1 } } } },
	{ ISCSIP_RULE_BIDI_RESIDUAL, 1, 0, true, N,
	  { 0x21, 0x98, 0, 0, 1, { { 0 } } },
	  { 0x21, 0x8a, 0, 0, 1, { { 0 } } } },
	{ ISCSIP_RULE_SENSE, 5, 0, true, N,
	  { 0x21, 0x80, 0, 0, 1, { { 3, 2 } } },
	  { 0x21, 0x80, 0, 20, 1, { { 3, 2 } } } },
	{ ISCSIP_RULE_SENSE, 5, 0, true, N,
	  { 0x21, 0x80, 0, 1, 1, { { 3, 2 } } },
	  { 0x21, 0x80, 0, 0, 1, { { 3, 8 } } } },
	/* Data-In: 11.7.3 */
	{ ISCSIP_RULE_DATA_IN_FINAL, 1, 0, true, N,
	  { 0x25, 0x01, 0, 4, 1, { { 0 } } },
	  { 0x25, 0x81, 0, 4, 1, { { 0 } } } },
	{ ISCSIP_RULE_RESIDUAL, 1, 0, true, N,
	  { 0x25, 0x87, 0, 4, 1, { { 0 } } },
	  { 0x25, 0x86, 0, 4, 1, { { 0 } } } },
	{ ISCSIP_RULE_DATA_IN_STATUS, 3, 0, true, N,
	  { 0x25, 0x81, 0, 4, 1, { { 3, 2 } } },
	  { 0x25, 0x81, 0, 4, 1, { { 3, 4 } } } },
	{ ISCSIP_RULE_DATA_IN_STATUS, 3, 0, true, N,
	  { 0x25, 0x81, 0, 4, 1, { { 3, 0x28 } } },
	  { 0x25, 0x80, 0, 4, 1, { { 3, 0x28 } } } },
	{ ISCSIP_RULE_DATA_IN_STATUS, 3, 0, true, N,
	  { 0x25, 0x81, 0, 4, 1, { { 3, 8 } } },
	  { 0x25, 0x81, 0, 4, 1, { { 3, 0x14 } } } },
	/* R2T: 11.8.4, 11.8.5 */
	{ ISCSIP_RULE_R2T_TTT, 20, 0, true, N,
	  { 0x31, 0x80, 0, 0, 1, { { 20, NONE }, { 44, 1 } } },
	  { 0x31, 0x80, 0, 0, 1, { { 20, 0 }, { 44, 1 } } } },
	{ ISCSIP_RULE_R2T_LEN, 44, 0, true, N,
	  { 0x31, 0x80, 0, 0, 1, { { 44, 0 } } },
	  { 0x31, 0x80, 0, 0, 1, { { 44, 1 } } } },
	/* Async and Reject: 11.9.1, 11.17.4 */
	{ ISCSIP_RULE_ASYNC_DATA, 5, 0, true, N,
	  { 0x32, 0x80, 0, 0, NONE, { { 36, 0 } } },
	  { 0x32, 0x80, 0, 0, NONE, { { 36, 1 } } } },
	{ ISCSIP_RULE_REJECT_DATA, 5, 0, true, N,
	  { 0x3f, 0x80, 0, 0, NONE, { { 2, 4 } } },
	  { 0x3f, 0x80, 0, 48, NONE, { { 2, 4 } } } },
	{ ISCSIP_RULE_REJECT_DATA, 5, 0, true, N,
	  { 0x3f, 0x80, 0, 47, NONE, { { 2, 4 } } },
	  { 0x3f, 0x80, 0, 60, NONE, { { 2, 4 } } } },
};
#define CASE_COUNT (sizeof CASES / sizeof *CASES)

static enum iscsip_role receiver_of(unsigned opcode)
{
	return opcode & 0x20 ? ISCSIP_INITIATOR : ISCSIP_TARGET;
}

static void a_header_that_breaks_a_rule_is_told_with_its_byte_and_the_reason_for_a_reject(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASE_COUNT; i++) {
		const struct breach_case *c = &CASES[i];
		struct iscsip_error why;
		uint8_t bhs[ISCSIP_BHS_LEN];
		unsigned rule;

		write_header(bhs, &c->bad);
		rule = rule_of(bhs, receiver_of(c->bad.opcode), c->phase, &why);
		if (rule != c->rule || why.arg != c->byte || why.reject_reason != c->reason)
			fail_msg("case %zu: rule %u byte %u reason %u", i, rule, why.arg, why.reject_reason);
	}
}

static void the_header_next_to_it_that_keeps_the_rule_is_legal(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASE_COUNT; i++) {
		const struct breach_case *c = &CASES[i];
		struct iscsip_error why;
		uint8_t bhs[ISCSIP_BHS_LEN];
		unsigned rule;

		write_header(bhs, &c->good);
		rule = rule_of(bhs, receiver_of(c->good.opcode), c->phase, &why);
		if (rule != ISCSIP_RULE_NONE)
			fail_msg("case %zu: rule %u at %u", i, rule, why.arg);
	}
}

/* A header of this opcode that is legal in its phase. */
static void legal_header(uint8_t bhs[ISCSIP_BHS_LEN], unsigned opcode)
{
	struct header h = { opcode, 0x80, 0, 0, 1, { { 0 } } };

	if (opcode == 0x03 || opcode == 0x23)
		h.flags = 0x81;
	if (opcode == 0x01) /* a write of which as much may be immediate as one likes */
		h = (struct header){ opcode, 0xa0, 0, 0, 1, { { 20, NONE } } };
	if (opcode == 0x20 || opcode == 0x10 || opcode == 0x24)
		h.at[0].byte = 20, h.at[0].value = NONE;
	if (opcode == 0x31)
		h.at[0].byte = 44, h.at[0].value = 1;
	if (opcode == 0x3f || opcode == 0x32)
		h.data = 48, h.itt = NONE;
	write_header(bhs, &h);
}

static enum iscsip_phase phase_of(unsigned opcode)
{
	return opcode == 0x03 || opcode == 0x23 ? L : N;
}

static void only_pdus_whose_figure_has_a_segment_or_no_task_tag_may_do_so(void **state)
{
	/* figures without a data segment: 11.5, 11.14, 11.16, 11.6, 11.15, 11.8 */
	static const char BARE[] = { 0x02, 0x06, 0x10, 0x22, 0x26, 0x31 };
	/* "Initiator Task Tag or 0xffffffff", or 0xffffffff: 11.18, 11.16, 11.19, 11.9, 11.17 */
	static const char TAGLESS[] = { 0x00, 0x10, 0x20, 0x32, 0x3f };

	(void)state;
	for (unsigned opcode = 0; opcode < 64; opcode++) {
		uint8_t bhs[ISCSIP_BHS_LEN];
		struct iscsip_error why;

		if (!among(INITIATOR_OPCODES, sizeof INITIATOR_OPCODES, opcode) &&
		    !among(TARGET_OPCODES, sizeof TARGET_OPCODES, opcode))
			continue;
		legal_header(bhs, opcode);
		assert_int_equal(rule_of(bhs, receiver_of(opcode), phase_of(opcode), &why), ISCSIP_RULE_NONE);
		bhs[4] = 1;
		assert_int_equal(rule_of(bhs, receiver_of(opcode), phase_of(opcode), &why),
				 opcode == 0x01 ? ISCSIP_RULE_NONE : ISCSIP_RULE_AHS);
		legal_header(bhs, opcode);
		bhs[5] = bhs[6] = bhs[7] = 0xff;
		assert_int_equal(rule_of(bhs, receiver_of(opcode), phase_of(opcode), &why),
				 among(BARE, sizeof BARE, opcode) ? ISCSIP_RULE_DATA : ISCSIP_RULE_NONE);
		legal_header(bhs, opcode);
		if (opcode == 0x00)
			bhs[0] |= I;
		if (opcode == 0x10)
			bhs[1] = 0x81; /* Status SNACK */
		memset(bhs + 16, 0xff, 4);
		assert_int_equal(rule_of(bhs, receiver_of(opcode), phase_of(opcode), &why),
				 among(TAGLESS, sizeof TAGLESS, opcode) ? ISCSIP_RULE_NONE : ISCSIP_RULE_ITT);
	}
}

static void every_rule_that_a_header_can_break_has_a_case(void **state)
{
	(void)state;
	for (unsigned rule = ISCSIP_RULE_AHS; rule <= ISCSIP_RULE_REJECT_DATA; rule++) {
		size_t found = 0;

		for (size_t i = 0; i < CASE_COUNT; i++)
			found += CASES[i].rule == rule;
		if (found == 0)
			fail_msg("rule %u", rule);
	}
}

static void contents_are_format_errors_and_reserved_codes_protocol_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASE_COUNT; i++)
		if (iscsip_rule_is_format_error((uint16_t)CASES[i].rule) != CASES[i].format)
			fail_msg("rule %u", CASES[i].rule);
	assert_false(iscsip_rule_is_format_error(ISCSIP_RULE_NONE));
	assert_false(iscsip_rule_is_format_error(ISCSIP_RULE_OPCODE));
	assert_false(iscsip_rule_is_format_error(ISCSIP_RULE_SENDER));
	assert_false(iscsip_rule_is_format_error(ISCSIP_RULE_PHASE));
	assert_false(iscsip_rule_is_format_error(ISCSIP_RULE_AHS_TYPE));
	assert_true(iscsip_rule_is_format_error(ISCSIP_RULE_AHS_LEN));
	assert_true(iscsip_rule_is_format_error(ISCSIP_RULE_AHS_TWICE));
	assert_true(iscsip_rule_is_format_error(ISCSIP_RULE_AHS_CDB));
	assert_true(iscsip_rule_is_format_error(ISCSIP_RULE_AHS_BIDI));
	assert_true(iscsip_rule_is_format_error(ISCSIP_RULE_AHS_DIRECTION));
	assert_true(iscsip_rule_is_format_error(ISCSIP_RULE_RESERVED));
	assert_true(iscsip_rule_is_format_error(ISCSIP_RULE_FIXED));
	assert_false(iscsip_rule_is_format_error(ISCSIP_RULE_AHS_LIMIT));
	assert_false(iscsip_rule_is_format_error(ISCSIP_RULE_DATA_LIMIT));
	assert_false(iscsip_rule_is_format_error(ISCSIP_RULE_HEADER_DIGEST));
	for (unsigned rule = ISCSIP_RULE_HEADER_DIGEST + 1; rule <= 0xffff; rule++)
		assert_false(iscsip_rule_is_format_error((uint16_t)rule));
}

static void an_unknown_opcode_is_rejected_as_not_supported_and_a_foreign_one_as_a_protocol_error(void **state)
{
	uint8_t bhs[ISCSIP_BHS_LEN] = { 0x07, 0x80 };
	struct iscsip_error why;

	(void)state;
	assert_int_equal(rule_of(bhs, ISCSIP_TARGET, N, &why), ISCSIP_RULE_OPCODE);
	assert_int_equal(why.reject_reason, ISCSIP_REJECT_NOT_SUPPORTED);
	bhs[0] = 0x1e; /* a vendor's */
	assert_int_equal(rule_of(bhs, ISCSIP_TARGET, N, &why), ISCSIP_RULE_OPCODE);
	assert_int_equal(why.reject_reason, ISCSIP_REJECT_NOT_SUPPORTED);
	bhs[0] = 0x25;
	assert_int_equal(rule_of(bhs, ISCSIP_TARGET, N, &why), ISCSIP_RULE_SENDER);
	assert_int_equal(why.reject_reason, ISCSIP_REJECT_PROTOCOL);
	bhs[0] = 0x01;
	assert_int_equal(rule_of(bhs, ISCSIP_INITIATOR, N, &why), ISCSIP_RULE_SENDER);
	assert_int_equal(why.reject_reason, 0); /* an initiator has no Reject to send */
	bhs[0] = 0x07;
	assert_int_equal(rule_of(bhs, ISCSIP_TARGET, L, &why), ISCSIP_RULE_OPCODE);
	assert_int_equal(why.reject_reason, 0); /* before the end of the login it is a login status */
}

/* What RFC 7143 has a receiver ignore, and what it gives an answer of its own. */
static void headers_that_a_receiver_has_to_stand_are_legal(void **state)
{
	static const struct header STOOD[] = {
		{ 0x00 | I, 0x00, 0, 0, 1, { { 20, NONE } } },  /* F where the figure has a fixed 1 */
		{ 0x00, 0x7f, 0, 0, 1, { { 20, NONE } } },      /* reserved bits */
		{ 0x80 | 0x01, 0x98, 0, 0, 1, { { 0 } } },      /* the reserved bit of byte 0, bits 3-4 of byte 1 */
		{ 0x06, 0x01, 0, 0, 1, { { 0 } } },             /* Logout without F */
		{ 0x02, 0x80, 0, 0, 1, { { 0 } } },             /* function 0, answered by 11.6.1 */
		{ 0x02, 0xff, 0, 0, 1, { { 0 } } },             /* function 127 */
		{ 0x02, 0x85, 0, 0, 1, { { 20, 7 } } },         /* referenced tag with LOGICAL UNIT RESET */
		{ 0x05 | I, 0x80, 0, 0, 1, { { 0 } } },         /* I on a PDU that has none; no data (11.7.7) */
		{ 0x05, 0x80, 0, 0, 1, { { 40, NONE } } },      /* no data at the end of all offsets */
		{ 0x25, 0x80, 0, 0, 1, { { 40, 7 } } },         /* no data anywhere */
		{ 0x00, 0x80, 0, 0, 1, { { 20, 5 } } },         /* an answer that is a ping as well (11.18.1) */
		{ 0x04, 0x80, 0, 0, 1, { { 20, NONE } } },      /* an empty Text Request (11.9.1, event 4) */
		{ 0x21, 0x9e, 0, 0, 1, { { 2, 0x44 }, { 3, 2 } } }, /* a failure: flags and status do not count */
		{ 0x21, 0x80, 0, 2, 1, { { 3, 2 } } },          /* CHECK CONDITION with a SenseLength alone */
		{ 0x21, 0x84, 0, 0, 1, { { 44, 1 } } },         /* O, U, o, u one at a time */
		{ 0x21, 0x82, 0, 0, 1, { { 44, 1 } } },
		{ 0x21, 0x90, 0, 0, 1, { { 40, 1 } } },
		{ 0x21, 0x88, 0, 0, 1, { { 40, 1 } } },
		{ 0x25, 0x85, 0, 4, 1, { { 44, 1 } } },
		{ 0x25, 0x83, 0, 4, 1, { { 44, 1 } } },
		{ 0x24, 0x80, 0, 0, 1, { { 20, 5 } } },         /* transfer tag with F (11.10.4) */
		{ 0x25, 0x06, 0, 4, 1, { { 3, 2 } } },          /* O, U and status without S */
		{ 0x32, 0x80, 0, 0, 5, { { 36, 6 } } },         /* an unassigned event, an ITT that is not the fixed one */
		{ 0x32, 0x80, 0, 2, NONE, { { 36, 0 } } },      /* a SCSI event with a SenseLength alone */
		{ 0x32, 0x80, 0, 0, NONE, { { 36, 255 } } },    /* a vendor's event without data */
		{ 0x3f, 0x80, 0, 48, 5, { { 2, 0xff } } },      /* an unassigned reason */
		{ 0x22, 0x80, 0, 0, 1, { { 2, 99 } } },         /* an unassigned task management response */
	};

	(void)state;
	for (size_t i = 0; i < sizeof STOOD / sizeof *STOOD; i++) {
		struct iscsip_error why;
		uint8_t bhs[ISCSIP_BHS_LEN];

		write_header(bhs, &STOOD[i]);
		if (rule_of(bhs, receiver_of(STOOD[i].opcode & 0x3f), N, &why) != ISCSIP_RULE_NONE)
			fail_msg("header %zu: rule %u", i, why.rule);
	}
}

static void the_strict_check_names_the_byte_and_tells_reserved_bits_from_fixed_ones(void **state)
{
	uint8_t bhs[ISCSIP_BHS_LEN] = { 0x06, 0x80 };
	struct iscsip_error why;

	(void)state;
	assert_int_equal(iscsip_pdu_check_reserved(bhs, &why), ISCSIP_OK);
	bhs[47] = 1;
	assert_int_equal(iscsip_pdu_check_reserved(bhs, &why), ISCSIP_EPROTO);
	assert_int_equal(why.rule, ISCSIP_RULE_RESERVED);
	assert_int_equal(why.arg, 47);
	assert_int_equal(why.reject_reason, ISCSIP_REJECT_PROTOCOL);
	bhs[1] = 0;
	assert_int_equal(iscsip_pdu_check_reserved(bhs, &why), ISCSIP_EPROTO);
	assert_int_equal(why.rule, ISCSIP_RULE_FIXED);
	assert_int_equal(why.arg, 1);
	memset(bhs, 0, sizeof bhs);
	bhs[0] = 0x32;
	bhs[1] = 0x80;
	assert_int_equal(iscsip_pdu_check_reserved(bhs, &why), ISCSIP_EPROTO); /* ITT of Async */
	assert_int_equal(why.rule, ISCSIP_RULE_FIXED);
	assert_int_equal(why.arg, 16);
	assert_int_equal(why.reject_reason, 0);
	memset(bhs, 0xff, sizeof bhs);
	bhs[0] = 0x1c; /* unknown: nothing to hold it against */
	assert_int_equal(iscsip_pdu_check_reserved(bhs, &why), ISCSIP_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_opcode_is_taken_from_its_sender_in_its_phase_and_refused_otherwise),
		cmocka_unit_test(every_opcode_with_every_flag_byte_is_judged_without_reading_beyond),
		cmocka_unit_test(a_header_that_breaks_a_rule_is_told_with_its_byte_and_the_reason_for_a_reject),
		cmocka_unit_test(the_header_next_to_it_that_keeps_the_rule_is_legal),
		cmocka_unit_test(only_pdus_whose_figure_has_a_segment_or_no_task_tag_may_do_so),
		cmocka_unit_test(every_rule_that_a_header_can_break_has_a_case),
		cmocka_unit_test(contents_are_format_errors_and_reserved_codes_protocol_errors),
		cmocka_unit_test(an_unknown_opcode_is_rejected_as_not_supported_and_a_foreign_one_as_a_protocol_error),
		cmocka_unit_test(headers_that_a_receiver_has_to_stand_are_legal),
		cmocka_unit_test(the_strict_check_names_the_byte_and_tells_reserved_bits_from_fixed_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
