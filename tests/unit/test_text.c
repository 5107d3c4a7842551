/* SPDX-License-Identifier: MIT */
/*
 * The reader at every cut, the writer, and the forms of values.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <iscsiproto/text.h>

#include "text/text.h"

/* What a reader gave, flattened: "key=value;" for each pair, "key+value" for a piece that is not the last. */
struct heard {
	char text[70000];
	size_t len;
	int pairs, pieces;
};

static void hear(struct heard *h, const struct iscsip_text_pair *p)
{
	if (p->value_off == 0) {
		memcpy(h->text + h->len, p->key, p->key_len);
		h->len += p->key_len;
		h->text[h->len++] = '=';
	}
	memcpy(h->text + h->len, p->value, p->value_len);
	h->len += p->value_len;
	if (p->last) {
		assert_int_equal(p->value[p->value_len], 0);
		h->text[h->len++] = ';';
		h->pairs++;
	} else {
		h->pieces++;
	}
	h->text[h->len] = 0;
}

/* Feeds one contiguous piece, in memory of exactly its size, so that a sanitizer sees each byte read too far. */
static int feed(struct iscsip_text_reader *r, const char *p, size_t n, struct heard *h)
{
	char *own = malloc(n ? n : 1);
	struct iscsip_text_pair pair;
	size_t at = 0, used;
	int rc;

	memcpy(own, p, n);
	while ((rc = iscsip_text_read(r, own + at, n - at, &used, &pair)) > 0) {
		hear(h, &pair);
		at += used;
	}
	if (rc == 0)
		assert_int_equal(at + used, n);
	free(own);
	return rc;
}

struct reader_kit {
	struct iscsip_text_reader r;
	char *buf;
	struct heard *h;
};

static void kit_open(struct reader_kit *k, size_t value_max, unsigned flags)
{
	k->buf = malloc(ISCSIP_TEXT_READER_BUF(value_max));
	k->h = calloc(1, sizeof *k->h);
	iscsip_text_reader_init(&k->r, k->buf, value_max, flags);
}

static void kit_close(struct reader_kit *k)
{
	free(k->buf);
	free(k->h);
}

/* The answer of a whole text: fed in one, in two at every cut, byte by byte; all must agree. */
static int read_all_ways(const char *text, size_t len, size_t value_max, unsigned flags, char *out, size_t cap)
{
	struct reader_kit k;
	size_t cut;
	int want, rc;

	kit_open(&k, value_max, flags);
	want = feed(&k.r, text, len, k.h);
	if (want == 0)
		want = iscsip_text_end(&k.r);
	assert_true(k.h->len < cap);
	strcpy(out, k.h->text);
	kit_close(&k);
	for (cut = 0; cut <= len + 1; cut++) {
		size_t i;

		kit_open(&k, value_max, flags);
		if (cut <= len) {
			rc = feed(&k.r, text, cut, k.h);
			if (rc == 0)
				rc = feed(&k.r, text + cut, len - cut, k.h);
		} else {
			for (i = 0, rc = 0; i < len && rc == 0; i++)
				rc = feed(&k.r, text + i, 1, k.h);
		}
		if (rc == 0)
			rc = iscsip_text_end(&k.r);
		assert_int_equal(rc, want);
		assert_string_equal(k.h->text, out);
		kit_close(&k);
	}
	return want;
}

#define READ(text, max, flags, out) read_all_ways(text, sizeof(text) - 1, max, flags, out, sizeof out)

static void reader_gives_each_pair_whatever_the_cut(void **state)
{
	char out[1000];

	(void)state;
	assert_int_equal(READ("InitiatorName=iqn.2001-04.com.example\0SessionType=Discovery\0AuthMethod=CHAP,None\0", 255,
			0, out), 0);
	assert_string_equal(out, "InitiatorName=iqn.2001-04.com.example;SessionType=Discovery;AuthMethod=CHAP,None;");
	assert_int_equal(READ("A=\0B==\0C=a=b\0X#NodeArchitecture=x\0", 255, 0, out), 0);
	assert_string_equal(out, "A=;B==;C=a=b;X#NodeArchitecture=x;");
	assert_int_equal(READ("", 255, 0, out), 0);
	assert_string_equal(out, "");
}

static void reader_tells_each_fault_whatever_the_cut(void **state)
{
	char out[1000];

	(void)state;
	assert_int_equal(READ("NoEquals\0", 255, 0, out), ISCSIP_TEXT_ENOEQUALS);
	assert_int_equal(READ("\0", 255, 0, out), ISCSIP_TEXT_ENOEQUALS);
	assert_int_equal(READ("A=b\0\0\0", 255, 0, out), ISCSIP_TEXT_ENOEQUALS);
	assert_string_equal(out, "A=b;");
	assert_int_equal(READ("=value\0", 255, 0, out), ISCSIP_TEXT_ENOKEY);
	assert_int_equal(READ("Bad key=1\0", 255, 0, out), ISCSIP_TEXT_EBADCHAR);
	assert_int_equal(READ("Bad\nKey=1\0", 255, 0, out), ISCSIP_TEXT_EBADCHAR);
	assert_int_equal(READ("B\x80=1\0", 255, 0, out), ISCSIP_TEXT_EBADCHAR);
	assert_int_equal(READ("%n=1\0", 255, 0, out), ISCSIP_TEXT_EBADCHAR);
	assert_int_equal(READ("A=1\0B", 255, 0, out), ISCSIP_TEXT_EUNENDED);
	assert_int_equal(READ("A=1\0B=2", 255, 0, out), ISCSIP_TEXT_EUNENDED);
	assert_string_equal(out, "A=1;");
}

static void reader_holds_the_length_of_keys_and_values(void **state)
{
	char text[600], out[1000];
	size_t key, value, n;

	(void)state;
	for (key = 62; key <= 65; key++)
		for (value = 19; value <= 22; value++) {
			memset(text, 'K', key);
			text[key] = '=';
			memset(text + key + 1, 'v', value);
			n = key + 1 + value;
			text[n++] = 0;
			assert_int_equal(read_all_ways(text, n, 20, 0, out, sizeof out), key > 63 ? ISCSIP_TEXT_ELONGKEY :
										value > 20 ? ISCSIP_TEXT_ELONGVALUE : 0);
		}
	/* a key that never ends is stopped at its 64th byte */
	memset(text, 'K', sizeof text);
	assert_int_equal(read_all_ways(text, sizeof text, 20, 0, out, sizeof out), ISCSIP_TEXT_ELONGKEY);
}

static void reader_gives_long_values_in_pieces(void **state)
{
	char *text = malloc(66000), *want = malloc(66000);
	struct reader_kit k;
	size_t n = 4, step;

	(void)state;
	memcpy(text, "KRB=", 4);
	while (n < 65539)
		text[n] = (char)('a' + n % 23), n++;
	memcpy(want, text, n);
	strcpy(want + n, ";");
	text[n++] = 0;
	for (step = 1; step < 70000; step = step * 7 + 1) {
		size_t at, len;
		int rc = 0;

		kit_open(&k, 100, ISCSIP_TEXT_PIECES);
		for (at = 0; at < n; at += len) {
			len = n - at < step ? n - at : step;
			rc = feed(&k.r, text + at, len, k.h);
			assert_int_equal(rc, 0);
		}
		assert_int_equal(iscsip_text_end(&k.r), 0);
		assert_string_equal(k.h->text, want);
		assert_int_equal(k.h->pairs, 1);
		assert_int_equal(k.h->pieces, 655);
		kit_close(&k);
	}
	free(text);
	free(want);
}

static void reader_gives_a_value_of_just_the_limit_whole(void **state)
{
	struct reader_kit k;
	size_t i;
	const char text[] = "A=12345\0B=123456\0";

	(void)state;
	kit_open(&k, 5, ISCSIP_TEXT_PIECES);
	for (i = 0; i < sizeof text - 1; i++)
		assert_int_equal(feed(&k.r, text + i, 1, k.h), 0);
	assert_string_equal(k.h->text, "A=12345;B=123456;");
	assert_int_equal(k.h->pieces, 1);
	kit_close(&k);
}

static void reader_keeps_its_first_error(void **state)
{
	struct reader_kit k;

	(void)state;
	kit_open(&k, 50, 0);
	assert_int_equal(feed(&k.r, "=\0", 2, k.h), ISCSIP_TEXT_ENOKEY);
	assert_int_equal(feed(&k.r, "A=b\0", 4, k.h), ISCSIP_TEXT_ENOKEY);
	assert_int_equal(iscsip_text_end(&k.r), ISCSIP_TEXT_ENOKEY);
	kit_close(&k);
}

static void reader_skips_stray_nuls_only_where_it_is_told_to(void **state)
{
	char out[100];

	(void)state;
	assert_int_equal(READ("\0\0A=b\0\0\0C=d\0\0", 50, ISCSIP_TEXT_SKIP_NULS, out), 0);
	assert_string_equal(out, "A=b;C=d;");
	/* inside a pair a NUL is what it always is */
	assert_int_equal(READ("A\0=b\0", 50, ISCSIP_TEXT_SKIP_NULS, out), ISCSIP_TEXT_ENOEQUALS);
}

static void every_byte_is_a_key_character_or_not(void **state)
{
	const char *ok = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-+@_#";
	int c;

	(void)state;
	for (c = 1; c < 256; c++) {
		char text[] = "K?=v";
		struct reader_kit k;
		int want = strchr(ok, c) ? 0 : ISCSIP_TEXT_EBADCHAR;

		if (c == '=')
			continue;
		text[1] = (char)c;
		kit_open(&k, 9, 0);
		assert_int_equal(feed(&k.r, text, 5, k.h), want);
		kit_close(&k);
	}
}

/* ------------------------------------------------------------------------------------------ writer */

static void writer_writes_a_whole_pair_or_nothing(void **state)
{
	char buf[32];
	size_t cap;

	(void)state;
	for (cap = 0; cap < 20; cap++) {
		memset(buf, '?', sizeof buf);
		if (cap < 9) {
			assert_int_equal(iscsip_text_put(buf, cap, "Key", "1234"), ISCSIP_ENOSPC);
			assert_int_equal(iscsip_text_put_number(buf, cap, "Key", 1234), ISCSIP_ENOSPC);
			assert_int_equal(buf[0], '?');
			continue;
		}
		assert_int_equal(iscsip_text_put(buf, cap, "Key", "1234"), 9);
		assert_memory_equal(buf, "Key=1234\0?", 10);
		memset(buf, '?', sizeof buf);
		assert_int_equal(iscsip_text_put_number(buf, cap, "Key", 1234), 9);
		assert_memory_equal(buf, "Key=1234\0?", 10);
	}
	assert_int_equal(iscsip_text_put_number(buf, sizeof buf, "N", UINT64_MAX), 23);
	assert_string_equal(buf, "N=18446744073709551615");
	assert_int_equal(iscsip_text_put_number(buf, sizeof buf, "N", 0), 4);
	assert_string_equal(buf, "N=0");
}

static void writer_writes_binary_values_of_the_length_it_tells(void **state)
{
	static const uint8_t data[] = { 0x00, 0x01, 0xfe, 0xff, 0x80 };
	char buf[40];
	size_t n;

	(void)state;
	assert_int_equal(iscsip_text_put_binary(buf, sizeof buf, "C", data, 5, ISCSIP_BINARY_HEX), 15);
	assert_string_equal(buf, "C=0x0001feff80");
	assert_int_equal(iscsip_text_put_binary(buf, sizeof buf, "C", data, 5, ISCSIP_BINARY_BASE64), 13);
	assert_string_equal(buf, "C=0bAAH+/4A=");
	assert_int_equal(iscsip_text_put_binary(buf, 12, "C", data, 5, ISCSIP_BINARY_BASE64), ISCSIP_ENOSPC);
	assert_int_equal(iscsip_text_put_binary(buf, sizeof buf, "C", data, 0, ISCSIP_BINARY_HEX), ISCSIP_EINVAL);
	assert_int_equal(iscsip_text_put_binary(buf, sizeof buf, "C", data, SIZE_MAX / 2, ISCSIP_BINARY_HEX), ISCSIP_ENOSPC);
	for (n = 1; n <= 5; n++) {
		uint8_t back[8];
		size_t len;
		int form;

		for (form = ISCSIP_BINARY_HEX; form <= ISCSIP_BINARY_BASE64; form++) {
			ptrdiff_t put = iscsip_text_put_binary(buf, sizeof buf, "C", data, n, (enum iscsip_binary_form)form);

			assert_int_equal((size_t)put, 3 + iscsip_text_binary_length(n, (enum iscsip_binary_form)form));
			assert_int_equal(iscsip_text_binary(buf + 2, (size_t)put - 3, back, sizeof back, &len), ISCSIP_OK);
			assert_int_equal(len, n);
			assert_memory_equal(back, data, n);
		}
	}
}

/* ------------------------------------------------------------------------------------------ values */

static int number(const char *s, uint64_t *v)
{
	return iscsip_text_number(s, strlen(s), v);
}

static void numbers_are_decimal_or_hex_and_nothing_else(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
	} good[] = { { "0", 0 }, { "9", 9 }, { "10", 10 }, { "65535", 65535 }, { "0x0", 0 }, { "0X1F", 31 }, { "0x001f",
			31 },
		     { "0xabcdefABCDEF", 0xabcdefabcdef }, { "18446744073709551615", UINT64_MAX }, { "0xffffffffffffffff",
				UINT64_MAX },
		     { "0x00000000000000000000001", 1 } };
	static const char *bad[] = { "", "00", "01", "007", "+1", "-1", " 1", "1 ", "0x", "0X", "0xg", "x1", "1a", "0b1",
			"1.0",
				     "0x-1", "Yes", "1e3", "\t1", "0x 1", "1,2", "1~2" };
	static const char *big[] = { "18446744073709551616", "99999999999999999999", "0x10000000000000000",
			"36893488147419103233" };
	uint64_t v;
	uint32_t v32;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_int_equal(number(good[i].text, &v), ISCSIP_OK);
		assert_true(v == good[i].value);
	}
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(number(bad[i], &v), ISCSIP_TEXT_EFORM);
	for (i = 0; i < sizeof big / sizeof big[0]; i++)
		assert_int_equal(number(big[i], &v), ISCSIP_TEXT_ERANGE);
	assert_int_equal(iscsip_text_number_in("512", 3, 512, 1024, &v32), ISCSIP_OK);
	assert_int_equal(iscsip_text_number_in("1024", 4, 512, 1024, &v32), ISCSIP_OK);
	assert_int_equal(iscsip_text_number_in("511", 3, 512, 1024, &v32), ISCSIP_TEXT_ERANGE);
	assert_int_equal(iscsip_text_number_in("1025", 4, 512, 1024, &v32), ISCSIP_TEXT_ERANGE);
	assert_int_equal(iscsip_text_number_in("4294967808", 10, 512, 1024, &v32), ISCSIP_TEXT_ERANGE);
	assert_int_equal(iscsip_text_number_in("many", 4, 512, 1024, &v32), ISCSIP_TEXT_EFORM);
}

static void ranges_have_two_numbers_in_order(void **state)
{
	uint64_t lo, hi;

	(void)state;
	assert_int_equal(iscsip_text_range("5~0x10", 6, &lo, &hi), ISCSIP_OK);
	assert_int_equal(lo, 5);
	assert_int_equal(hi, 16);
	assert_int_equal(iscsip_text_range("7~7", 3, &lo, &hi), ISCSIP_OK);
	assert_int_equal(iscsip_text_range("16~5", 4, &lo, &hi), ISCSIP_TEXT_EFORM);
	assert_int_equal(iscsip_text_range("16", 2, &lo, &hi), ISCSIP_TEXT_EFORM);
	assert_int_equal(iscsip_text_range("~5", 2, &lo, &hi), ISCSIP_TEXT_EFORM);
	assert_int_equal(iscsip_text_range("5~", 2, &lo, &hi), ISCSIP_TEXT_EFORM);
	assert_int_equal(iscsip_text_range("1~2~3", 5, &lo, &hi), ISCSIP_TEXT_EFORM);
	assert_int_equal(iscsip_text_range("1~18446744073709551616", 22, &lo, &hi), ISCSIP_TEXT_ERANGE);
}

static void truth_values_are_yes_and_no_in_this_case(void **state)
{
	bool v = false;

	(void)state;
	assert_int_equal(iscsip_text_bool("Yes", 3, &v), ISCSIP_OK);
	assert_true(v);
	assert_int_equal(iscsip_text_bool("No", 2, &v), ISCSIP_OK);
	assert_false(v);
	assert_int_equal(iscsip_text_bool("yes", 3, &v), ISCSIP_TEXT_EFORM);
	assert_int_equal(iscsip_text_bool("NO", 2, &v), ISCSIP_TEXT_EFORM);
	assert_int_equal(iscsip_text_bool("Yes ", 4, &v), ISCSIP_TEXT_EFORM);
	assert_int_equal(iscsip_text_bool("Ye", 2, &v), ISCSIP_TEXT_EFORM);
	assert_int_equal(iscsip_text_bool("", 0, &v), ISCSIP_TEXT_EFORM);
}

static int binary(const char *s, uint8_t *dst, size_t cap, size_t *len)
{
	return iscsip_text_binary(s, strlen(s), dst, cap, len);
}

static void hex_of_an_odd_number_of_digits_has_a_short_first_byte(void **state)
{
	uint8_t out[8];
	size_t len;

	(void)state;
	assert_int_equal(binary("0xabc", out, sizeof out, &len), ISCSIP_OK);
	assert_int_equal(len, 2);
	assert_memory_equal(out, "\x0a\xbc", 2);
	assert_int_equal(binary("0X7", out, sizeof out, &len), ISCSIP_OK);
	assert_int_equal(len, 1);
	assert_int_equal(out[0], 7);
	/* leading zeros count (RFC 7143 6.1) */
	assert_int_equal(binary("0x0001", out, sizeof out, &len), ISCSIP_OK);
	assert_int_equal(len, 2);
	assert_int_equal(binary("0x", out, sizeof out, &len), ISCSIP_TEXT_EFORM);
	assert_int_equal(binary("0xg0", out, sizeof out, &len), ISCSIP_TEXT_EFORM);
	assert_int_equal(binary("0x12 4", out, sizeof out, &len), ISCSIP_TEXT_EFORM);
	assert_int_equal(binary("12", out, sizeof out, &len), ISCSIP_TEXT_EFORM);
	assert_int_equal(binary("", out, sizeof out, &len), ISCSIP_TEXT_EFORM);
}

static void base64_is_taken_as_rfc_4648_has_it(void **state)
{
	/* RFC 4648 section 10 */
	static const struct {
		const char *text, *plain;
	} good[] = { { "0bZg==", "f" }, { "0bZm8=", "fo" }, { "0BZm9v", "foo" }, { "0bZm9vYg==", "foob" }, { "0bZm9vYmE=",
			"fooba" },
		     { "0bZm9vYmFy", "foobar" } };
	static const char *bad[] = { "0b", "0bZ", "0bZg", "0bZg=", "0bZg===", "0bZm9vY", "0b====", "0bZ===",
			"0bZm9v\nYmFy", "0bZm9v YmFy",
				     "0bZm9vYm-_", "0bZh==", "0bZm9=", "0bZg==Zg==", "0b=Zg=", "0bZ=g=" };
	uint8_t out[8];
	size_t i, len;

	(void)state;
	for (i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_int_equal(binary(good[i].text, out, sizeof out, &len), ISCSIP_OK);
		assert_int_equal(len, strlen(good[i].plain));
		assert_memory_equal(out, good[i].plain, len);
	}
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(binary(bad[i], out, sizeof out, &len), ISCSIP_TEXT_EFORM);
}

static void binary_values_never_write_past_their_room(void **state)
{
	uint8_t out[6] = { 9, 9, 9, 9, 9, 9 };
	size_t len = 0;

	(void)state;
	assert_int_equal(binary("0x0102030405", out, 4, &len), ISCSIP_ENOSPC);
	assert_int_equal(len, 5);
	assert_int_equal(binary("0bZm9vYmE=", out, 4, &len), ISCSIP_ENOSPC);
	assert_int_equal(len, 5);
	assert_memory_equal(out, "\t\t\t\t\t\t", 6);
	assert_int_equal(binary("0bZm9vYmE=", NULL, 0, &len), ISCSIP_OK);
	assert_int_equal(binary("0bZm9vYmE=", out, 5, &len), ISCSIP_OK);
	assert_memory_equal(out, "fooba\t", 6);
}

static void lists_give_their_items_and_refuse_empty_ones(void **state)
{
	struct iscsip_text_list list;
	const char *item;
	size_t len;

	(void)state;
	iscsip_text_list_init(&list, "CRC32C,None,Y-x", 15);
	assert_int_equal(iscsip_text_list_next(&list, &item, &len), 1);
	assert_true(len == 6 && memcmp(item, "CRC32C", 6) == 0);
	assert_int_equal(iscsip_text_list_next(&list, &item, &len), 1);
	assert_true(len == 4 && memcmp(item, "None", 4) == 0);
	assert_int_equal(iscsip_text_list_next(&list, &item, &len), 1);
	assert_true(len == 3 && memcmp(item, "Y-x", 3) == 0);
	assert_int_equal(iscsip_text_list_next(&list, &item, &len), 0);
	iscsip_text_list_init(&list, "", 0);
	assert_int_equal(iscsip_text_list_next(&list, &item, &len), ISCSIP_TEXT_EFORM);
	assert_int_equal(iscsip_text_list_next(&list, &item, &len), 0);
	iscsip_text_list_init(&list, "a,,b", 4);
	assert_int_equal(iscsip_text_list_next(&list, &item, &len), 1);
	assert_int_equal(iscsip_text_list_next(&list, &item, &len), ISCSIP_TEXT_EFORM);
	iscsip_text_list_init(&list, "a,", 2);
	assert_int_equal(iscsip_text_list_next(&list, &item, &len), 1);
	assert_int_equal(iscsip_text_list_next(&list, &item, &len), ISCSIP_TEXT_EFORM);
}

static void utf8_is_taken_in_its_shortest_form_alone(void **state)
{
	static const char *good[] = { "", "plain", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xef\xbf\xbd",
			"\xf0\x90\x80\x80",
				      "\xf4\x8f\xbf\xbf" };
	static const char *bad[] = { "\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xe0\x9f\xbf", "\xe0\xa0",
			"\xed\xa0\x80", "\xed\xbf\xbf",
				     "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80",
						"\xfe", "\xff", "a\xc2z" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_true(iscsip_text_is_utf8(good[i], strlen(good[i])));
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(iscsip_text_is_utf8(bad[i], strlen(bad[i])));
}

static void every_text_error_has_words_of_its_own(void **state)
{
	int a, b;

	(void)state;
	for (a = ISCSIP_TEXT_ERANGE; a <= ISCSIP_TEXT_ENOEQUALS; a++)
		for (b = ISCSIP_TEXT_ERANGE; b < a; b++)
			assert_string_not_equal(iscsip_text_strerror(a), iscsip_text_strerror(b));
	assert_string_equal(iscsip_text_strerror(0), "no text error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reader_gives_each_pair_whatever_the_cut),
		cmocka_unit_test(reader_tells_each_fault_whatever_the_cut),
		cmocka_unit_test(reader_holds_the_length_of_keys_and_values),
		cmocka_unit_test(reader_gives_long_values_in_pieces),
		cmocka_unit_test(reader_gives_a_value_of_just_the_limit_whole),
		cmocka_unit_test(reader_keeps_its_first_error),
		cmocka_unit_test(reader_skips_stray_nuls_only_where_it_is_told_to),
		cmocka_unit_test(every_byte_is_a_key_character_or_not),
		cmocka_unit_test(writer_writes_a_whole_pair_or_nothing),
		cmocka_unit_test(writer_writes_binary_values_of_the_length_it_tells),
		cmocka_unit_test(numbers_are_decimal_or_hex_and_nothing_else),
		cmocka_unit_test(ranges_have_two_numbers_in_order),
		cmocka_unit_test(truth_values_are_yes_and_no_in_this_case),
		cmocka_unit_test(hex_of_an_odd_number_of_digits_has_a_short_first_byte),
		cmocka_unit_test(base64_is_taken_as_rfc_4648_has_it),
		cmocka_unit_test(binary_values_never_write_past_their_room),
		cmocka_unit_test(lists_give_their_items_and_refuse_empty_ones),
		cmocka_unit_test(utf8_is_taken_in_its_shortest_form_alone),
		cmocka_unit_test(every_text_error_has_words_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
