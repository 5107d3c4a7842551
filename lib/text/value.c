/* SPDX-License-Identifier: MIT */
/*
 * The forms of values, RFC 7143 6.1: numbers, ranges, truth values, lists, reserved words, UTF-8. Pure
 * functions on strings that carry their length; nothing is read behind it, nothing is written but results.
 */
#include "text/text.h"

const char *iscsip_text_strerror(int err)
{
	switch (err) {
	case ISCSIP_TEXT_ENOEQUALS:
		return "a pair without \"=\"";
	case ISCSIP_TEXT_ENOKEY:
		return "a pair without a key name";
	case ISCSIP_TEXT_ELONGKEY:
		return "a key name over 63 bytes";
	case ISCSIP_TEXT_ELONGVALUE:
		return "a value over the limit";
	case ISCSIP_TEXT_EBADCHAR:
		return "a character that may not stand in a key name";
	case ISCSIP_TEXT_EUNENDED:
		return "text that ends within a pair";
	case ISCSIP_TEXT_EFORM:
		return "a malformed value";
	case ISCSIP_TEXT_ERANGE:
		return "a number out of range";
	default:
		return "no text error";
	}
}

/* The value of a hex digit, 16 for anything else. */
static unsigned text_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return 16;
}

static int text_hex_number(const char *s, size_t len, uint64_t *out)
{
	uint64_t v = 0;
	bool over = false;
	size_t i;

	for (i = 0; i < len; i++) {
		unsigned d = text_hex_digit(s[i]);

		if (d > 15)
			return ISCSIP_TEXT_EFORM;
		over |= v >> 60 != 0;
		v = v << 4 | d;
	}
	*out = v;
	return over ? ISCSIP_TEXT_ERANGE : ISCSIP_OK;
}

int iscsip_text_number(const char *s, size_t len, uint64_t *out)
{
	uint64_t v = 0;
	bool over = false;
	size_t i;

	if (len > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		return text_hex_number(s + 2, len - 2, out);
	/* decimal-constant: the digit 0, or digits that do not begin with it */
	if (len == 0 || (len > 1 && s[0] == '0'))
		return ISCSIP_TEXT_EFORM;
	for (i = 0; i < len; i++) {
		unsigned d = text_hex_digit(s[i]);

		if (d > 9)
			return ISCSIP_TEXT_EFORM;
		over |= v > UINT64_MAX / 10 || (v == UINT64_MAX / 10 && d > UINT64_MAX % 10);
		v = v * 10 + d;
	}
	*out = v;
	return over ? ISCSIP_TEXT_ERANGE : ISCSIP_OK;
}

int iscsip_text_number_in(const char *s, size_t len, uint32_t lo, uint32_t hi, uint32_t *out)
{
	uint64_t v;
	int rc = iscsip_text_number(s, len, &v);

	if (rc != ISCSIP_OK)
		return rc;
	if (v < lo || v > hi)
		return ISCSIP_TEXT_ERANGE;
	*out = (uint32_t)v;
	return ISCSIP_OK;
}

int iscsip_text_range(const char *s, size_t len, uint64_t *lo, uint64_t *hi)
{
	size_t tilde = 0;
	int rc_lo, rc_hi;

	while (tilde < len && s[tilde] != '~')
		tilde++;
	if (tilde == len)
		return ISCSIP_TEXT_EFORM;
	rc_lo = iscsip_text_number(s, tilde, lo);
	rc_hi = iscsip_text_number(s + tilde + 1, len - tilde - 1, hi);
	if (rc_lo == ISCSIP_TEXT_EFORM || rc_hi == ISCSIP_TEXT_EFORM)
		return ISCSIP_TEXT_EFORM;
	if (rc_lo != ISCSIP_OK || rc_hi != ISCSIP_OK)
		return ISCSIP_TEXT_ERANGE;
	return *lo <= *hi ? ISCSIP_OK : ISCSIP_TEXT_EFORM;
}

int iscsip_text_bool(const char *s, size_t len, bool *out)
{
	if (iscsip__text_is(s, len, "Yes"))
		*out = true;
	else if (iscsip__text_is(s, len, "No"))
		*out = false;
	else
		return ISCSIP_TEXT_EFORM;
	return ISCSIP_OK;
}

void iscsip_text_list_init(struct iscsip_text_list *list, const char *s, size_t len)
{
	list->p = s;
	list->len = len;
}

int iscsip_text_list_next(struct iscsip_text_list *list, const char **item, size_t *len)
{
	size_t n = 0;

	if (!list->p)
		return 0;
	while (n < list->len && list->p[n] != ',')
		n++;
	*item = list->p;
	*len = n;
	if (n == list->len) {
		list->p = NULL;
	} else {
		list->p += n + 1;
		list->len -= n + 1;
	}
	return n ? 1 : ISCSIP_TEXT_EFORM;
}

enum iscsip__reserved iscsip__text_reserved(const char *s, size_t n)
{
	if (iscsip__text_is(s, n, "NotUnderstood"))
		return ISCSIP__WORD_NOT_UNDERSTOOD;
	if (iscsip__text_is(s, n, "Irrelevant"))
		return ISCSIP__WORD_IRRELEVANT;
	if (iscsip__text_is(s, n, "Reject"))
		return ISCSIP__WORD_REJECT;
	return ISCSIP__WORD_NONE;
}

/* Lowest code point that a sequence of this many bytes may stand for: shorter forms are the only legal ones (RFC 3629 3). */
static const int32_t utf8_lowest[5] = { 0, 0, 0x80, 0x800, 0x10000 };

int32_t iscsip__utf8_next(const uint8_t *s, size_t n, size_t *used)
{
	size_t len = s[0] < 0x80 ? 1 : s[0] >> 5 == 6 ? 2 : s[0] >> 4 == 14 ? 3 : s[0] >> 3 == 30 ? 4 : 0;
	int32_t c;
	size_t i;

	if (len == 0 || len > n)
		return -1;
	*used = len;
	if (len == 1)
		return s[0];
	c = s[0] & (0x7f >> len);
	for (i = 1; i < len; i++) {
		if (s[i] >> 6 != 2)
			return -1;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < utf8_lowest[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return -1;
	return c;
}

bool iscsip_text_is_utf8(const void *s, size_t len)
{
	const uint8_t *p = s;
	size_t at = 0, used;

	for (; at < len; at += used)
		if (iscsip__utf8_next(p + at, len - at, &used) < 0)
			return false;
	return true;
}
