/* SPDX-License-Identifier: MIT */
/*
 * Writing key=value text: the public functions, which write one pair or nothing, and `struct iscsip__out`, which
 * strings pairs together and remembers that one did not fit, so that its users check once, at the end.
 *
 * Invariant: what stands in a buffer is whole pairs, each with its NUL (RFC 7143 6.1).
 */
#include "text/text.h"

/* By subtraction: a division of 64 bits would call the compiler's own library on 32-bit machines. */
size_t iscsip__put_decimal(char *dst, uint64_t v)
{
	uint64_t powers[20];
	size_t n = 0;
	int top = 0;

	powers[0] = 1;
	while (top < 19 && v >= powers[top] * 10) {
		powers[top + 1] = powers[top] * 10;
		top++;
	}
	for (; top >= 0; top--) {
		char digit = '0';

		for (; v >= powers[top]; v -= powers[top])
			digit++;
		dst[n++] = digit;
	}
	return n;
}

static ptrdiff_t text_put_bytes(char *dst, size_t cap, const char *key, size_t key_len, const char *value, size_t value_len)
{
	if (cap < 2 || key_len > cap - 2 || value_len > cap - 2 - key_len)
		return ISCSIP_ENOSPC;
	memcpy(dst, key, key_len);
	dst[key_len] = '=';
	memcpy(dst + key_len + 1, value, value_len);
	dst[key_len + 1 + value_len] = 0;
	return (ptrdiff_t)(key_len + value_len + 2);
}

ptrdiff_t iscsip_text_put(void *dst, size_t cap, const char *key, const char *value)
{
	return text_put_bytes(dst, cap, key, iscsip__text_length(key), value, iscsip__text_length(value));
}

ptrdiff_t iscsip_text_put_number(void *dst, size_t cap, const char *key, uint64_t value)
{
	char digits[20];
	size_t n = iscsip__put_decimal(digits, value);

	return text_put_bytes(dst, cap, key, iscsip__text_length(key), digits, n);
}

size_t iscsip_text_binary_length(size_t len, enum iscsip_binary_form form)
{
	return form == ISCSIP_BINARY_HEX ? 2 + 2 * len : 2 + (len + 2) / 3 * 4;
}

static void text_put_hex(char *dst, const uint8_t *src, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		dst[2 * i] = "0123456789abcdef"[src[i] >> 4];
		dst[2 * i + 1] = "0123456789abcdef"[src[i] & 15];
	}
}

ptrdiff_t iscsip_text_put_binary(void *dst, size_t cap, const char *key, const void *data, size_t len,
				 enum iscsip_binary_form form)
{
	char *to = dst;
	size_t key_len = iscsip__text_length(key), value_len;

	if (len == 0)
		return ISCSIP_EINVAL;
	if (len > cap)
		return ISCSIP_ENOSPC;
	value_len = iscsip_text_binary_length(len, form);
	if (key_len > cap || value_len > cap - key_len || cap - key_len - value_len < 2)
		return ISCSIP_ENOSPC;
	memcpy(to, key, key_len);
	to += key_len;
	*to++ = '=';
	*to++ = '0';
	*to++ = form == ISCSIP_BINARY_HEX ? 'x' : 'b';
	if (form == ISCSIP_BINARY_HEX)
		text_put_hex(to, data, len);
	else
		iscsip__put_base64(to, data, len);
	to[value_len - 2] = 0;
	return (ptrdiff_t)(key_len + value_len + 2);
}

/* Takes the length that a put answered into account. */
static void out_took(struct iscsip__out *o, ptrdiff_t n)
{
	if (n < 0)
		o->full = true;
	else
		o->len += (size_t)n;
}

void iscsip__out_text(struct iscsip__out *o, const char *key, const char *value)
{
	out_took(o, iscsip_text_put(o->buf + o->len, o->cap - o->len, key, value));
}

void iscsip__out_number(struct iscsip__out *o, const char *key, uint64_t value)
{
	out_took(o, iscsip_text_put_number(o->buf + o->len, o->cap - o->len, key, value));
}

void iscsip__out_binary(struct iscsip__out *o, const char *key, const void *data, size_t len)
{
	out_took(o, iscsip_text_put_binary(o->buf + o->len, o->cap - o->len, key, data, len, ISCSIP_BINARY_HEX));
}

void iscsip__out_named(struct iscsip__out *o, const char *name, size_t name_len, const char *value)
{
	out_took(o, text_put_bytes(o->buf + o->len, o->cap - o->len, name, name_len, value, iscsip__text_length(value)));
}

void iscsip__out_list(struct iscsip__out *o, enum iscsip__key key, const struct iscsip_prefs *prefs, const char *other)
{
	const struct iscsip__words *words = iscsip__key_words(key);
	const char *name = iscsip__key_info(key)->name;
	char list[384], digits[4];
	size_t n = 0, i, len;

	for (i = 0; i < prefs->count && i < ISCSIP_PREFS_MAX; i++) {
		const char *word = digits;

		if (!words)
			digits[iscsip__put_decimal(digits, prefs->item[i])] = 0;
		else
			word = prefs->item[i] < words->count ? words->words[prefs->item[i]] : other;
		len = word ? iscsip__text_length(word) : 0;
		if (len == 0 || len > sizeof list - 2 - n)
			continue;
		if (n)
			list[n++] = ',';
		memcpy(list + n, word, len);
		n += len;
	}
	list[n] = 0;
	iscsip__out_text(o, name, list);
}
