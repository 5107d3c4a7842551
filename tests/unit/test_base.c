/* SPDX-License-Identifier: MIT */
/*
 * The base room: loads and stores of the wire's byte order at every alignment, serial numbers around their
 * wrap, and errors as words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <iscsiproto/base.h>
#include <iscsiproto/config.h>
#include <iscsiproto/pdu.h>
#include <iscsiproto/version.h>

#include "base/bytes.h"
#include "base/line.h"
#include "base/serial.h"

static const uint8_t WIRE[] = { 0x81, 0x42, 0xc3, 0x04, 0x85, 0x06, 0x97, 0x08 };

static void loads_read_the_most_significant_byte_first_at_every_alignment(void **state)
{
	uint8_t buf[32];

	(void)state;
	for (size_t at = 0; at < 16; at++) {
		memset(buf, 0xee, sizeof buf);
		memcpy(buf + at, WIRE, sizeof WIRE);
		assert_int_equal(load_be16(buf + at), 0x8142);
		assert_int_equal(load_be24(buf + at), 0x8142c3);
		assert_int_equal(load_be32(buf + at), 0x8142c304u);
		assert_true(load_be64(buf + at) == 0x8142c30485069708u);
		assert_int_equal(load_le32(buf + at), 0x04c34281u);
	}
}

/* Stores v of the width, then compares the bytes in place and those around it, which must stay. */
static void expect_stored(const uint8_t *buf, size_t at, const uint8_t *want, size_t width)
{
	for (size_t i = 0; i < 32; i++)
		assert_int_equal(buf[i], i >= at && i < at + width ? want[i - at] : 0xee);
}

static void stores_write_exactly_their_width_at_every_alignment(void **state)
{
	static const uint8_t little[] = { 0x04, 0xc3, 0x42, 0x81 };
	uint8_t buf[32];

	(void)state;
	for (size_t at = 0; at < 16; at++) {
		memset(buf, 0xee, sizeof buf);
		store_be16(buf + at, 0x8142);
		expect_stored(buf, at, WIRE, 2);
		memset(buf, 0xee, sizeof buf);
		store_be24(buf + at, 0x8142c3);
		expect_stored(buf, at, WIRE, 3);
		memset(buf, 0xee, sizeof buf);
		store_be32(buf + at, 0x8142c304u);
		expect_stored(buf, at, WIRE, 4);
		memset(buf, 0xee, sizeof buf);
		store_be64(buf + at, 0x8142c30485069708u);
		expect_stored(buf, at, WIRE, 8);
		memset(buf, 0xee, sizeof buf);
		store_le32(buf + at, 0x8142c304u);
		expect_stored(buf, at, little, 4);
	}
}

static void a_24_bit_store_drops_what_lies_above(void **state)
{
	uint8_t buf[3];

	(void)state;
	store_be24(buf, 0xff123456u);
	assert_int_equal(load_be24(buf), 0x123456);
}

static void serial_numbers_keep_their_order_across_the_wrap(void **state)
{
	(void)state;
	assert_true(serial_lt(0xffffffffu, 0));
	assert_false(serial_lt(0, 0xffffffffu));
	assert_true(serial_lt(0xfffffff0u, 5));
	assert_true(serial_le(7, 7));
	assert_false(serial_lt(7, 7));
	assert_true(serial_lt(0, 0x7fffffffu));
	assert_false(serial_lt(0x7fffffffu, 0));
}

static void serial_numbers_half_the_space_apart_have_no_order(void **state)
{
	static const uint32_t from[] = { 0, 1, 0x7fffffffu, 0x80000000u, 0xffffffffu };

	(void)state;
	for (size_t i = 0; i < sizeof from / sizeof from[0]; i++) {
		assert_false(serial_lt(from[i], from[i] + 0x80000000u));
		assert_false(serial_lt(from[i] + 0x80000000u, from[i]));
		assert_false(serial_le(from[i], from[i] + 0x80000000u));
	}
}

static void a_window_holds_both_its_ends_and_may_wrap_or_be_empty(void **state)
{
	(void)state;
	assert_true(serial_within(0xfffffffeu, 0xfffffffeu, 3));
	assert_true(serial_within(3, 0xfffffffeu, 3));
	assert_true(serial_within(0, 0xfffffffeu, 3));
	assert_false(serial_within(4, 0xfffffffeu, 3));
	assert_false(serial_within(0xfffffffdu, 0xfffffffeu, 3));
	/* MaxCmdSN = ExpCmdSN - 1: the window is closed (RFC 7143 4.2.2.1) */
	assert_false(serial_within(10, 10, 9));
	assert_false(serial_within(9, 10, 9));
}

static void every_error_code_has_words_of_its_own(void **state)
{
	static const int codes[] = { ISCSIP_OK, ISCSIP_DONE, ISCSIP_EINVAL, ISCSIP_ESTATE, ISCSIP_ENOSPC, ISCSIP_EAGAIN,
		ISCSIP_ENOENT, ISCSIP_EBUSY, ISCSIP_EDATA, ISCSIP_EEXIST,
		ISCSIP_FATAL, ISCSIP_EPROTO, ISCSIP_EDIGEST, ISCSIP_ETIMEDOUT, ISCSIP_EAUTH,
		ISCSIP_ECLOSED, ISCSIP_EHOST, ISCSIP_ELOGIN, -99 };
	size_t n = sizeof codes / sizeof codes[0];

	(void)state;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(iscsip_strerror(codes[i]), iscsip_strerror(codes[j]));
	assert_string_equal(iscsip_strerror(-1000), iscsip_strerror(-99));
}

static void misuse_leaves_a_connection_alive_and_a_fatal_code_ends_it(void **state)
{
	(void)state;
	assert_false(iscsip_err_is_fatal(ISCSIP_OK));
	assert_false(iscsip_err_is_fatal(ISCSIP_EBUSY));
	assert_false(iscsip_err_is_fatal(-99));
	assert_true(iscsip_err_is_fatal(ISCSIP_FATAL));
	assert_true(iscsip_err_is_fatal(ISCSIP_ELOGIN));
}

static void an_error_is_one_line_that_names_what_is_known(void **state)
{
	struct iscsip_error bare = { .code = ISCSIP_ECLOSED, .opcode = 0xff };
	struct iscsip_error full = { .code = ISCSIP_EPROTO, .opcode = ISCSIP_OP_DATA_OUT, .reject_reason = 0x09,
		.rule = ISCSIP_RULE_RANGE, .arg = 0x2c };
	char text[256];
	int len;

	(void)state;
	len = iscsip_error_format(&bare, text, sizeof text);
	assert_string_equal(text, "the connection is closed");
	assert_int_equal(len, strlen(text));
	len = iscsip_error_format(&full, text, sizeof text);
	assert_int_equal(len, strlen(text));
	assert_memory_equal(text, "the peer broke the protocol: ", 29);
	assert_non_null(strstr(text, iscsip_rule_text(ISCSIP_RULE_RANGE)));
	assert_non_null(strstr(text, ", opcode 0x5 (SCSI Data-Out), at 0x2c, reject reason 0x9 ("));
	assert_non_null(strstr(text, iscsip_reject_reason_name(0x09)));
}

static void an_error_cut_short_says_its_whole_length_and_ends_with_a_nul(void **state)
{
	struct iscsip_error e = { .code = ISCSIP_EDIGEST, .opcode = 0x25, .arg = 0xdeadbeef };
	char whole[128], cut[128];
	int len = iscsip_error_format(&e, whole, sizeof whole);

	(void)state;
	assert_non_null(strstr(whole, "0xdeadbeef"));
	for (size_t cap = 0; cap <= (size_t)len + 1; cap++) {
		memset(cut, '#', sizeof cut);
		assert_int_equal(iscsip_error_format(&e, cut, cap), len);
		if (cap > 0) {
			assert_memory_equal(cut, whole, cap - 1);
			assert_int_equal(cut[cap - 1], 0);
		}
		assert_int_equal(cut[cap], '#');
	}
}

static void a_line_prints_numbers_with_as_many_digits_as_asked_or_needed(void **state)
{
	char text[128];
	struct iscsip__line l = { text, sizeof text, 0 };

	(void)state;
	iscsip__line_hex(&l, 0, 0);
	iscsip__line_char(&l, ' ');
	iscsip__line_hex(&l, 0x10, 0);
	iscsip__line_char(&l, ' ');
	iscsip__line_hex(&l, UINT64_MAX, 0);
	iscsip__line_char(&l, ' ');
	iscsip__line_hex(&l, 0x1a, 4);
	iscsip__line_char(&l, ' ');
	iscsip__line_decimal(&l, 0);
	iscsip__line_char(&l, ' ');
	iscsip__line_decimal(&l, UINT64_MAX);
	iscsip__line_text(&l, ", ");
	iscsip__line_chars(&l, "abcdef", 3);
	assert_int_equal(iscsip__line_end(&l), 54);
	assert_string_equal(text, "0 10 ffffffffffffffff 001a 0 18446744073709551615, abc");
}

/* A host that was compiled with another version's headers: its struct is shorter or longer. */
static void a_configuration_is_filled_in_no_further_than_the_hosts_struct(void **state)
{
	struct {
		struct iscsip_config cfg;
		uint8_t beyond[64];
	} room;
	uint8_t *bytes = (uint8_t *)&room;
	size_t size, i;

	(void)state;
	for (size = sizeof(size_t); size < sizeof room; size++) {
		memset(&room, 0x5a, sizeof room);
		iscsip_config_init(&room.cfg, size);
		assert_int_equal(room.cfg.struct_size, size);
		for (i = size; i < sizeof room; i++)
			assert_int_equal(bytes[i], 0x5a);
		for (i = sizeof room.cfg; i < size; i++)
			assert_int_equal(bytes[i], 0);
	}
	assert_int_equal(room.cfg.limits.max_tasks, 32);
}

static void the_library_tells_the_version_of_its_headers(void **state)
{
	char text[32];

	(void)state;
	snprintf(text, sizeof text, "%d.%d.%d", ISCSIP_VERSION_MAJOR, ISCSIP_VERSION_MINOR, ISCSIP_VERSION_PATCH);
	assert_string_equal(ISCSIP_VERSION, text);
	assert_string_equal(iscsip_version(), text);
	assert_int_equal(ISCSIP_VERSION_NUMBER >> 16, ISCSIP_VERSION_MAJOR);
	assert_int_equal(ISCSIP_VERSION_NUMBER >> 8 & 255, ISCSIP_VERSION_MINOR);
	assert_int_equal(ISCSIP_VERSION_NUMBER & 255, ISCSIP_VERSION_PATCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_read_the_most_significant_byte_first_at_every_alignment),
		cmocka_unit_test(stores_write_exactly_their_width_at_every_alignment),
		cmocka_unit_test(a_24_bit_store_drops_what_lies_above),
		cmocka_unit_test(serial_numbers_keep_their_order_across_the_wrap),
		cmocka_unit_test(serial_numbers_half_the_space_apart_have_no_order),
		cmocka_unit_test(a_window_holds_both_its_ends_and_may_wrap_or_be_empty),
		cmocka_unit_test(every_error_code_has_words_of_its_own),
		cmocka_unit_test(misuse_leaves_a_connection_alive_and_a_fatal_code_ends_it),
		cmocka_unit_test(an_error_is_one_line_that_names_what_is_known),
		cmocka_unit_test(an_error_cut_short_says_its_whole_length_and_ends_with_a_nul),
		cmocka_unit_test(a_line_prints_numbers_with_as_many_digits_as_asked_or_needed),
		cmocka_unit_test(a_configuration_is_filled_in_no_further_than_the_hosts_struct),
		cmocka_unit_test(the_library_tells_the_version_of_its_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
