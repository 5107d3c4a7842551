/* SPDX-License-Identifier: MIT */
/*
 * iSCSI names: form, normal form, comparison (RFC 7143 4.2.7, RFC 3722).
 *
 * Of stringprep the part that machines can do without Unicode tables is done: the prohibited characters are
 * refused and ASCII letters are made small. Case folding and normalization beyond ASCII are left to whoever
 * makes such names (4.2.7.2: stringprep need not be implemented for names that come in prepared form).
 *
 * Names in the field are less than that: many have "_", which RFC 3722 prohibits, some have no type designator. For hosts that
 * have to live with them there is a second, looser measure.
 *
 * Invariant: a name that passed is at most 223 bytes of UTF-8 without control characters, white space, quotes or
 * format characters, so it can be logged, compared and kept as it is.
 */
#include <iscsiproto/name.h>

#include "text/text.h"

/* Code points beyond ASCII that RFC 3722 section 6 prohibits (RFC 3454 tables C.1.2, C.2.2, C.3 to C.9, and U+3002). */
static const struct {
	int32_t first, last;
} name_prohibited[] = {
	{ 0x80, 0xa0 },       { 0x340, 0x341 },     { 0x6dd, 0x6dd },     { 0x70f, 0x70f },
	{ 0x1680, 0x1680 },   { 0x180e, 0x180e },   { 0x2000, 0x200f },   { 0x2028, 0x202f },
	{ 0x205f, 0x2063 },   { 0x206a, 0x206f },   { 0x2ff0, 0x2ffb },   { 0x3000, 0x3000 },
	{ 0x3002, 0x3002 },   { 0xe000, 0xf8ff },   { 0xfdd0, 0xfdef },   { 0xfeff, 0xfeff },
	{ 0xfff9, 0xffff },   { 0x1d173, 0x1d17a }, { 0xe0001, 0xe0001 }, { 0xe0020, 0xe007f },
	{ 0xf0000, 0x10ffff },
};

static bool name_is_alnum(int32_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* The looser measure leaves out what ends a name elsewhere: in a line of a log, in quotes, in a TransportID (SPC-4 7.6.4.6). */
static bool name_ascii_allowed(int32_t c, bool any)
{
	if (any)
		return c > ' ' && c < 0x7f && c != '"' && c != '\'' && c != '`' && c != '\\' && c != ',';
	return name_is_alnum(c) || c == '-' || c == '.' || c == ':';
}

static bool name_char_allowed(int32_t c, bool any)
{
	size_t i;

	if (c < 0x80)
		return name_ascii_allowed(c, any);
	/* the last two code points of every plane are noncharacters (table C.4) */
	if ((c & 0xfffe) == 0xfffe)
		return false;
	for (i = 0; i < sizeof name_prohibited / sizeof name_prohibited[0]; i++)
		if (c >= name_prohibited[i].first && c <= name_prohibited[i].last)
			return false;
	return true;
}

static bool name_chars_allowed(const uint8_t *s, size_t len, bool any)
{
	size_t at, used;

	for (at = 0; at < len; at += used) {
		int32_t c = iscsip__utf8_next(s + at, len - at, &used);

		if (c < 0 || !name_char_allowed(c, any))
			return false;
	}
	return true;
}

static char name_small(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool name_begins(const char *s, size_t len, const char *prefix)
{
	size_t i;

	for (i = 0; prefix[i]; i++)
		if (i == len || name_small(s[i]) != prefix[i])
			return false;
	return true;
}

static bool name_digits(const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (s[i] < '0' || s[i] > '9')
			return false;
	return true;
}

static bool name_hex(const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!name_digits(s + i, 1) && !(name_small(s[i]) >= 'a' && name_small(s[i]) <= 'f'))
			return false;
	return true;
}

/* yyyy-mm.domain[:anything], behind "iqn.". The domain has no empty label. */
static bool name_is_qualified(const char *s, size_t len)
{
	int month;
	size_t i;

	if (len < 9 || !name_digits(s, 4) || s[4] != '-' || !name_digits(s + 5, 2) || s[7] != '.')
		return false;
	month = (s[5] - '0') * 10 + (s[6] - '0');
	if (month < 1 || month > 12)
		return false;
	for (i = 8; i < len && s[i] != ':'; i++)
		if (s[i] == '.' && s[i - 1] == '.')
			return false;
	return i > 8 && s[i - 1] != '.';
}

int iscsip_name_check(const char *name, size_t len)
{
	if (len > ISCSIP_NAME_MAX)
		return ISCSIP_ENOSPC;
	if (!name_chars_allowed((const uint8_t *)name, len, false))
		return ISCSIP_EINVAL;
	if (name_begins(name, len, "iqn.") && name_is_qualified(name + 4, len - 4))
		return ISCSIP_NAME_IQN;
	if (name_begins(name, len, "eui.") && len == 20 && name_hex(name + 4, 16))
		return ISCSIP_NAME_EUI;
	if (name_begins(name, len, "naa.") && (len == 20 || len == 36) && name_hex(name + 4, len - 4))
		return ISCSIP_NAME_NAA;
	return ISCSIP_EINVAL;
}

static ptrdiff_t name_write(char *dst, size_t cap, const char *name, size_t len)
{
	size_t i;

	if (len >= cap)
		return ISCSIP_ENOSPC;
	for (i = 0; i < len; i++)
		dst[i] = name_small(name[i]);
	dst[len] = 0;
	return (ptrdiff_t)len;
}

ptrdiff_t iscsip_name_normalize(char *dst, size_t cap, const char *name, size_t len)
{
	int type = iscsip_name_check(name, len);

	return type < 0 ? type : name_write(dst, cap, name, len);
}

ptrdiff_t iscsip_name_normalize_any(char *dst, size_t cap, const char *name, size_t len)
{
	if (len > ISCSIP_NAME_MAX)
		return ISCSIP_ENOSPC;
	if (len == 0 || !name_chars_allowed((const uint8_t *)name, len, true))
		return ISCSIP_EINVAL;
	return name_write(dst, cap, name, len);
}

bool iscsip_name_equal(const char *a, const char *b)
{
	size_t i = 0;

	while (a[i] && name_small(a[i]) == name_small(b[i]))
		i++;
	return a[i] == 0 && b[i] == 0;
}
