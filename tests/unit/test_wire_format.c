/* SPDX-License-Identifier: MIT */
/*
 * Headers and codes as words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <iscsiproto/cmd.h>
#include <iscsiproto/pdu.h>

struct header_vector {
	const char *name;
	uint8_t bytes[ISCSIP_BHS_LEN];
	struct iscsip_pdu pdu;
};

static const struct header_vector VECTORS[] = {
#include "vectors/headers.def"
};
#define VECTOR_COUNT (sizeof VECTORS / sizeof *VECTORS)

static void assert_line(const struct iscsip_pdu *pdu, const char *expected)
{
	char line[512];
	int len = iscsip_pdu_format(pdu, line, sizeof line);

	assert_string_equal(line, expected);
	assert_int_equal(len, strlen(expected));
}

static void a_header_is_one_line_with_all_its_fields(void **state)
{
	struct iscsip_pdu pdu;

	(void)state;
	memset(&pdu, 0, sizeof pdu);
	pdu.opcode = ISCSIP_OP_SCSI_COMMAND;
	pdu.final = true;
	pdu.lun = 0x0001000000000000;
	pdu.itt = 0x2a;
	pdu.scsi_command.read = true;
	pdu.scsi_command.attr = 1;
	pdu.scsi_command.edtl = 4294967295u;
	pdu.scsi_command.cmdsn = 7;
	pdu.scsi_command.expstatsn = 10;
	pdu.scsi_command.cdb[0] = 0x28;
	pdu.scsi_command.cdb[15] = 0xff;
	assert_line(&pdu, "SCSI Command ahs_words=0 data_len=0 final read attr=1 pri=0 lun=0x0001000000000000 "
			  "itt=0x0000002a edtl=4294967295 cmdsn=7 expstatsn=10 "
			  "cdb=28 00 00 00 00 00 00 00 00 00 00 00 00 00 00 ff");
	memset(&pdu, 0, sizeof pdu);
	pdu.opcode = ISCSIP_OP_REJECT;
	pdu.final = true;
	pdu.data_len = 48;
	pdu.itt = ISCSIP_TAG_NONE;
	pdu.reject.reason = ISCSIP_REJECT_PROTOCOL;
	assert_line(&pdu, "Reject ahs_words=0 data_len=48 reason=4 (protocol error) statsn=0 expcmdsn=0 maxcmdsn=0 datasn=0");
	memset(&pdu, 0, sizeof pdu);
	pdu.opcode = ISCSIP_OP_LOGIN_REQUEST;
	pdu.login_request.transit = true;
	pdu.login_request.csg = 1;
	pdu.login_request.nsg = 3;
	pdu.login_request.isid[0] = 0x80;
	pdu.login_request.cid = 65535;
	assert_line(&pdu, "Login Request ahs_words=0 data_len=0 transit csg=1 (LoginOperationalNegotiation) "
			  "nsg=3 (FullFeaturePhase) version_max=0 version_min=0 isid=80 00 00 00 00 00 tsih=0 "
			  "itt=0x00000000 cid=65535 cmdsn=0 expstatsn=0");
}

static void an_unknown_opcode_is_told_with_its_number(void **state)
{
	struct iscsip_pdu pdu = { .opcode = 0x2f, .data_len = 3, .itt = 9 };

	(void)state;
	assert_line(&pdu, "unknown ahs_words=0 data_len=3 opcode=47 lun=0x0000000000000000 itt=0x00000009");
}

static void a_line_cut_short_says_its_whole_length_and_ends_with_a_nul(void **state)
{
	char whole[512], line[512];
	int len = iscsip_pdu_format(&VECTORS[0].pdu, whole, sizeof whole);

	(void)state;
	for (size_t cap = 0; cap <= (size_t)len + 1; cap++) {
		memset(line, '#', sizeof line);
		assert_int_equal(iscsip_pdu_format(&VECTORS[0].pdu, line, cap), len);
		assert_int_equal(line[cap], '#');
		if (cap == 0)
			continue;
		assert_int_equal(line[cap - 1], 0);
		assert_memory_equal(line, whole, cap - 1);
	}
	assert_int_equal(iscsip_pdu_format(&VECTORS[0].pdu, NULL, 0), len);
}

static void every_header_fits_512_bytes_and_any_two_that_differ_print_differently(void **state)
{
	(void)state;
	for (size_t i = 0; i < VECTOR_COUNT; i++) {
		char line[512], other[512];

		assert_true(iscsip_pdu_format(&VECTORS[i].pdu, line, sizeof line) < 512);
		assert_int_equal(strncmp(line, iscsip_opcode_name(VECTORS[i].pdu.opcode),
					 strlen(iscsip_opcode_name(VECTORS[i].pdu.opcode))), 0);
		assert_null(strchr(line, '\n'));
		for (unsigned bit = 8; bit < ISCSIP_BHS_LEN * 8; bit++) {
			uint8_t flipped[ISCSIP_BHS_LEN];
			struct iscsip_pdu pdu;

			memcpy(flipped, VECTORS[i].bytes, sizeof flipped);
			flipped[bit / 8] ^= (uint8_t)(1u << bit % 8);
			(void)iscsip_pdu_decode(&pdu, flipped);
			(void)iscsip_pdu_format(&pdu, other, sizeof other);
			assert_int_equal(strcmp(line, other) == 0, memcmp(&pdu, &VECTORS[i].pdu, sizeof pdu) == 0);
		}
	}
}

static void the_longest_header_fits_512_bytes(void **state)
{
	uint8_t bytes[ISCSIP_BHS_LEN];
	struct iscsip_pdu pdu;

	(void)state;
	for (unsigned opcode = 0; opcode < 64; opcode++) {
		memset(bytes, 0xff, sizeof bytes);
		bytes[0] = (uint8_t)(0xc0 | opcode);
		(void)iscsip_pdu_decode(&pdu, bytes);
		assert_true(iscsip_pdu_format(&pdu, NULL, 0) < 512);
	}
}

/* Words of every code from 0 to 255: how many differ from those of 255, the last of what nobody assigned. */
static unsigned named(const char *(*name)(uint8_t), const char *nobody)
{
	unsigned n = 0;

	for (unsigned code = 0; code < 256; code++) {
		const char *text = name((uint8_t)code);

		assert_non_null(text);
		assert_true(text[0] != 0);
		n += strcmp(text, nobody) != 0;
	}
	return n;
}

static void every_code_that_the_rfc_assigns_has_words_and_no_other(void **state)
{
	(void)state;
	assert_int_equal(named(iscsip_opcode_name, "unknown"), 18 + 6); /* six are the vendor's */
	assert_int_equal(named(iscsip_reject_reason_name, "unknown"), 11);
	assert_int_equal(named(iscsip_login_stage_name, "reserved"), 3);
	assert_int_equal(named(iscsip_async_event_name, "unknown"), 6 + 8);
	assert_int_equal(named(iscsip_tmf_function_name, "unknown"), 12);
	assert_int_equal(named(iscsip_tmf_response_name, "unknown"), 9);
	assert_int_equal(named(iscsip_logout_reason_name, "reserved"), 3);
	assert_int_equal(named(iscsip_logout_response_name, "unknown"), 4);
	assert_int_equal(named(iscsip_snack_type_name, "reserved"), 4);
	assert_int_equal(named(iscsip_service_response_name, "reserved"), 2 + 128);
}

static void codes_have_the_words_of_the_rfc(void **state)
{
	(void)state;
	assert_string_equal(iscsip_opcode_name(0x31), "Ready To Transfer");
	assert_string_equal(iscsip_opcode_name(0x1d), "vendor-specific");
	assert_string_equal(iscsip_reject_reason_name(0x0c), "waiting for logout");
	assert_string_equal(iscsip_async_event_name(5), "task termination");
	assert_string_equal(iscsip_async_event_name(248), "vendor-specific");
	assert_string_equal(iscsip_tmf_function_name(11), "I_T NEXUS RESET");
	assert_string_equal(iscsip_tmf_response_name(255), "function rejected");
	assert_string_equal(iscsip_snack_type_name(3), "R-Data");
}

static void a_login_status_has_words_of_its_own_or_those_of_its_class(void **state)
{
	(void)state;
	assert_string_equal(iscsip_login_status_name(0, 0), "success");
	assert_string_equal(iscsip_login_status_name(2, 1), "authentication failure");
	assert_string_equal(iscsip_login_status_name(2, 0x0b), "invalid request during login");
	assert_string_equal(iscsip_login_status_name(3, 2), "out of resources");
	assert_string_equal(iscsip_login_status_name(1, 9), "redirection");
	assert_string_equal(iscsip_login_status_name(2, 0x7f), "initiator error");
	assert_string_equal(iscsip_login_status_name(9, 0), "unknown");
}

/*
 * Every rule that the public headers name, read from there: one that is added without words fails here, and (names.c) does not
 * compile without a warning. Words without a rule fail as well.
 */
static unsigned rules_of_the_header(const char *path, bool named[65536])
{
	FILE *f = fopen(path, "r");
	unsigned n = 0;
	char line[400];

	assert_non_null(f);
	while (fgets(line, sizeof line, f)) {
		unsigned value;

		if (sscanf(line, "\tISCSIP_RULE_%*[A-Z0-9_] = %u", &value) != 1)
			continue;
		assert_in_range(value, 0, 65535);
		assert_false(named[value]);
		named[value] = true;
		n++;
	}
	fclose(f);
	return n;
}

static void every_rule_has_words_that_name_their_source(void **state)
{
	static bool named[65536];
	unsigned with_source = 0, rules;

	(void)state;
	rules = rules_of_the_header("include/iscsiproto/pdu.h", named);
	assert_in_range(rules, ISCSIP_RULE_HEADER_DIGEST + 19, 1000);
	assert_true(named[0]);
	for (uint32_t rule = 1; rule < 65536; rule++) {
		const char *text = iscsip_rule_text((uint16_t)rule);

		if (named[rule] == (strcmp(text, "unknown rule") == 0))
			fail_msg("rule %u: %s", rule, text);
		if (!named[rule])
			continue;
		with_source += strstr(text, "(RFC 7143 ") != NULL;
		for (uint32_t other = 1; other < rule; other++)
			assert_true(!named[other] || strcmp(text, iscsip_rule_text((uint16_t)other)) != 0);
	}
	/* all but "no rule" and the one that is a limit of the configuration */
	assert_int_equal(with_source, rules - 2);
	assert_string_equal(iscsip_rule_text(0), "no rule");
}

/* The line for the log, of each rule: it names what is wrong, and its argument in full. */
static void an_error_of_any_rule_is_told_whole(void **state)
{
	char line[400];

	(void)state;
	for (uint32_t rule = 1; rule <= ISCSIP_RULE_IN_GAP; rule++) {
		struct iscsip_error e = { .code = ISCSIP_EPROTO, .opcode = ISCSIP_OP_R2T, .rule = (uint16_t)rule, .arg = 0xdeadbeef };
		int len = iscsip_error_format(&e, line, sizeof line);

		assert_in_range(len, 40, sizeof line - 1);
		assert_non_null(strstr(line, iscsip_rule_text((uint16_t)rule)));
		assert_non_null(strstr(line, "0xdeadbeef"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_is_one_line_with_all_its_fields),
		cmocka_unit_test(an_unknown_opcode_is_told_with_its_number),
		cmocka_unit_test(a_line_cut_short_says_its_whole_length_and_ends_with_a_nul),
		cmocka_unit_test(every_header_fits_512_bytes_and_any_two_that_differ_print_differently),
		cmocka_unit_test(the_longest_header_fits_512_bytes),
		cmocka_unit_test(every_code_that_the_rfc_assigns_has_words_and_no_other),
		cmocka_unit_test(codes_have_the_words_of_the_rfc),
		cmocka_unit_test(a_login_status_has_words_of_its_own_or_those_of_its_class),
		cmocka_unit_test(every_rule_has_words_that_name_their_source),
		cmocka_unit_test(an_error_of_any_rule_is_told_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
