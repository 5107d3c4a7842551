/* SPDX-License-Identifier: MIT */
/*
 * The text room. Input: one byte of flags, two of the longest whole value, two that seed the cuts, then text.
 *
 * Checked: the reader tells the same story for the whole text as for the same text in pieces of any size (pairs, bytes of
 * long values, the error at the end), never gives more than its limits, and takes no more than it was given. Of every
 * value: what is read as a number, binary value, list, name or address is written and read back to the same.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <iscsiproto/name.h>
#include <iscsiproto/text.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* A story as one number, the same for the same bytes and ends of pairs in the same order. */
struct story {
	uint64_t hash;
	size_t pairs;
	int end;
};

static void tell(struct story *s, const void *p, size_t n)
{
	const uint8_t *b = p;

	while (n--)
		s->hash = (s->hash ^ *b++) * 0x100000001b3u;
}

static void check_number(const char *v, size_t n)
{
	uint64_t a, b, c;
	char text[64];
	ptrdiff_t put;

	if (iscsip_text_number(v, n, &a) == ISCSIP_OK) {
		put = iscsip_text_put_number(text, sizeof text, "N", a);
		require(put > 3 && iscsip_text_number(text + 2, (size_t)put - 3, &b) == ISCSIP_OK && b == a);
	}
	if (iscsip_text_range(v, n, &b, &c) == ISCSIP_OK)
		require(b <= c);
}

static void check_binary(const char *v, size_t n)
{
	size_t len, again;
	int form;

	if (iscsip_text_binary(v, n, NULL, 0, &len) != ISCSIP_OK)
		return;
	require(len >= 1 && len <= n);
	uint8_t *bytes = malloc(len), *back = malloc(len);
	char *text = malloc(len * 2 + 8);

	require(iscsip_text_binary(v, n, bytes, len - 1, &again) == ISCSIP_ENOSPC);
	require(iscsip_text_binary(v, n, bytes, len, &again) == ISCSIP_OK && again == len);
	for (form = 0; form < 2; form++) {
		ptrdiff_t put = iscsip_text_put_binary(text, len * 2 + 8, "B", bytes, len, (enum iscsip_binary_form)form);

		require(put > 0 && iscsip_text_binary(text + 2, (size_t)put - 3, back, len, &again) == ISCSIP_OK);
		require(again == len && memcmp(bytes, back, len) == 0);
	}
	free(bytes);
	free(back);
	free(text);
}

static void check_name(const char *v, size_t n)
{
	char name[ISCSIP_NAME_MAX + 1], again[ISCSIP_NAME_MAX + 1];
	int type = iscsip_name_check(v, n);
	ptrdiff_t len = iscsip_name_normalize(name, sizeof name, v, n);

	require((type > 0) == (len > 0));
	if (type <= 0)
		return;
	require((size_t)len == n && strlen(name) == n && iscsip_text_is_utf8(name, n));
	require(iscsip_name_check(name, n) == type);
	require(iscsip_name_normalize(again, sizeof again, name, n) == len && strcmp(name, again) == 0);
	require(iscsip_name_equal(name, again));
}

static void check_address(const char *v, size_t n)
{
	struct iscsip_address a, b;
	char text[280];
	ptrdiff_t len;

	if (iscsip_address_parse(&a, v, n) != ISCSIP_OK)
		return;
	require(a.port != 0 && strlen(a.host) > 0 && strlen(a.host) < sizeof a.host);
	len = iscsip_address_format(&a, text, sizeof text);
	require(len > 0 && iscsip_address_parse(&b, text, (size_t)len) == ISCSIP_OK);
	require(strcmp(a.host, b.host) == 0 && a.kind == b.kind && a.port == b.port && a.tag == b.tag);
	require(a.has_port == b.has_port && a.has_tag == b.has_tag);
}

static void check_list(const char *v, size_t n)
{
	struct iscsip_text_list list;
	const char *item;
	size_t len, sum = 0, items = 0;
	int rc;

	iscsip_text_list_init(&list, v, n);
	while ((rc = iscsip_text_list_next(&list, &item, &len)) != 0) {
		require(item >= v && item + len <= v + n && (rc > 0) == (len > 0));
		sum += len;
		items++;
	}
	require(items >= 1 && sum + items - 1 == n);
}

static void check_value(const char *v, size_t n)
{
	bool flag;

	check_number(v, n);
	check_binary(v, n);
	check_name(v, n);
	check_address(v, n);
	check_list(v, n);
	if (iscsip_text_bool(v, n, &flag) == ISCSIP_OK)
		require(n == (flag ? 3u : 2u));
}

static struct story read_text(const uint8_t *p, size_t n, size_t value_max, unsigned flags, uint32_t cuts, bool values)
{
	struct story s = { 0xcbf29ce484222325u, 0, 0 };
	char *buf = malloc(ISCSIP_TEXT_READER_BUF(value_max));
	struct iscsip_text_reader r;
	struct iscsip_text_pair pair;
	size_t at = 0, used;
	int rc = 0;

	iscsip_text_reader_init(&r, buf, value_max, flags);
	while (at < n && rc >= 0) {
		size_t len = n - at, from = 0;

		if (cuts) {
			cuts = cuts * 1664525u + 1013904223u;
			if (len > (cuts >> 24 & 31) + 1)
				len = (cuts >> 24 & 31) + 1;
		}
		/* a piece of its own, so that a sanitizer sees what is read past it */
		char *piece = malloc(len);

		memcpy(piece, p + at, len);
		while ((rc = iscsip_text_read(&r, piece + from, len - from, &used, &pair)) > 0) {
			require(pair.key_len >= 1 && pair.key_len <= ISCSIP_KEY_MAX && pair.value_len <= value_max);
			require(used <= len - from && (pair.last ? pair.value[pair.value_len] == 0 : pair.value_len > 0));
			if (pair.value_off == 0)
				tell(&s, pair.key, pair.key_len);
			if (pair.value_off == 0)
				tell(&s, "=", 2);
			tell(&s, pair.value, pair.value_len);
			if (pair.last)
				tell(&s, ";", 2);
			s.pairs += pair.last;
			if (values && pair.last && pair.value_off == 0)
				check_value(pair.value, pair.value_len);
			from += used;
		}
		require(rc < 0 || from + used == len);
		free(piece);
		at += len;
	}
	s.end = rc < 0 ? rc : iscsip_text_end(&r);
	free(buf);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct story whole, cut;
	size_t value_max;
	unsigned flags;
	uint32_t cuts;

	if (size < 5)
		return 0;
	flags = data[0] & 3;
	value_max = 1 + (((size_t)data[1] << 8 | data[2]) & 0xfff);
	cuts = ((uint32_t)data[3] << 8 | data[4]) + 1;
	whole = read_text(data + 5, size - 5, value_max, flags, 0, true);
	cut = read_text(data + 5, size - 5, value_max, flags, cuts, false);
	require(whole.hash == cut.hash && whole.pairs == cut.pairs && whole.end == cut.end);
	return 0;
}
