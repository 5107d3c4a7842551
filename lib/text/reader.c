/* SPDX-License-Identifier: MIT */
/*
 * The reader of key=value text. It owns one buffer of the caller's, for the one pair that a cut went through.
 *
 * States: in a key, in a value, or stopped by an error, which stays. A pair that lies whole in the input is
 * given where it lies, without a copy; one that is cut is gathered in the buffer: its key in the first 64 bytes,
 * its value behind them. A value longer than value_max is an error, or leaves in pieces of exactly
 * value_max bytes, each when the byte after it has been seen, so that a value of just that length comes whole.
 *
 * Invariants: key_len <= ISCSIP_KEY_MAX and value_len <= value_max, whatever comes; what is answered depends on the
 * text alone, never on where it was cut (the tests try every cut).
 */
#include "text/text.h"

enum { TEXT_IN_KEY = 0, TEXT_IN_VALUE = 1 };

/* Where the value begins in the buffer. */
#define TEXT_VALUE_AT ((size_t)ISCSIP_KEY_MAX + 1)

/* Characters of a standard-label, and "#" (X#NodeArchitecture): one bit each. RFC 7143 6.1. */
static const uint32_t text_key_chars[4] = {
	0x00000000u,
	0x03ff6808u, /* # + - . 0..9 */
	0x87ffffffu, /* @ A..Z _ */
	0x07fffffeu  /* a..z */
};

static bool text_key_char(uint8_t c)
{
	return c < 128 && (text_key_chars[c >> 5] >> (c & 31) & 1);
}

bool iscsip__text_is_label(const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n && text_key_char((uint8_t)s[i]) && s[i] != '#'; i++)
		;
	return n > 0 && i == n && n <= ISCSIP_KEY_MAX && s[0] >= 'A' && s[0] <= 'Z';
}

void iscsip_text_reader_init(struct iscsip_text_reader *r, void *buf, size_t value_max, unsigned flags)
{
	r->buf = buf;
	r->value_max = value_max;
	r->key_len = 0;
	r->value_len = 0;
	r->value_off = 0;
	r->flags = flags;
	r->state = TEXT_IN_KEY;
}

static int text_stop(struct iscsip_text_reader *r, int err)
{
	r->state = err;
	return err;
}

/* Takes label characters from p. Returns 1 when the "=" was taken, 0 when the input ended, or an error. */
static int text_scan_key(struct iscsip_text_reader *r, const char *p, size_t len, size_t *at)
{
	size_t from = *at, i = from;

	while (i < len && text_key_char((uint8_t)p[i]))
		i++;
	if (r->key_len + (i - from) > ISCSIP_KEY_MAX)
		return text_stop(r, ISCSIP_TEXT_ELONGKEY);
	*at = i;
	if (i == len) {
		memcpy(r->buf + r->key_len, p + from, i - from);
		r->key_len += i - from;
		return 0;
	}
	if (p[i] == 0)
		return text_stop(r, ISCSIP_TEXT_ENOEQUALS);
	if (p[i] != '=')
		return text_stop(r, ISCSIP_TEXT_EBADCHAR);
	if (r->key_len + (i - from) == 0)
		return text_stop(r, ISCSIP_TEXT_ENOKEY);
	*at = i + 1;
	return 1;
}

/* The whole pair lies in the input: its value ends at a NUL before the limit. */
static bool text_give_in_place(struct iscsip_text_reader *r, const char *key, size_t key_len, const char *value,
			       size_t left, struct iscsip_text_pair *pair)
{
	size_t n = 0, limit = left < r->value_max + 1 ? left : r->value_max + 1;

	while (n < limit && value[n])
		n++;
	if (n == limit)
		return false;
	pair->key = key;
	pair->key_len = key_len;
	pair->value = value;
	pair->value_len = n;
	pair->value_off = 0;
	pair->last = true;
	return true;
}

/* Gives what the buffer holds. */
static int text_give(struct iscsip_text_reader *r, struct iscsip_text_pair *pair, bool last)
{
	pair->key = r->buf;
	pair->key_len = r->key_len;
	pair->value = r->buf + TEXT_VALUE_AT;
	pair->value_len = r->value_len;
	pair->value_off = r->value_off;
	pair->last = last;
	r->buf[TEXT_VALUE_AT + r->value_len] = 0;
	r->value_off = last ? 0 : r->value_off + r->value_len;
	r->value_len = 0;
	if (last) {
		r->key_len = 0;
		r->state = TEXT_IN_KEY;
	}
	return 1;
}

/* Gathers value bytes from p in the buffer, up to the NUL, the limit, or the end of the input. */
static int text_gather_value(struct iscsip_text_reader *r, const char *p, size_t len, size_t *at, struct iscsip_text_pair *pair)
{
	size_t from = *at, room = r->value_max - r->value_len, i;
	size_t end = len - from < room ? len : from + room;

	for (i = from; i < end && p[i]; i++)
		;
	memcpy(r->buf + TEXT_VALUE_AT + r->value_len, p + from, i - from);
	r->value_len += i - from;
	*at = i;
	if (i == len)
		return 0;
	if (p[i] == 0) {
		*at = i + 1;
		return text_give(r, pair, true);
	}
	if (!(r->flags & ISCSIP_TEXT_PIECES))
		return text_stop(r, ISCSIP_TEXT_ELONGVALUE);
	return text_give(r, pair, false);
}

int iscsip_text_read(struct iscsip_text_reader *r, const void *data, size_t len, size_t *used,
		     struct iscsip_text_pair *pair)
{
	const char *p = data;
	size_t at = 0, key;
	int rc;

	*used = 0;
	if (r->state < 0 || len == 0)
		return r->state < 0 ? r->state : 0;
	if (r->state == TEXT_IN_KEY) {
		if (r->key_len == 0 && (r->flags & ISCSIP_TEXT_SKIP_NULS))
			while (at < len && p[at] == 0)
				at++;
		key = at;
		rc = text_scan_key(r, p, len, &at);
		if (rc <= 0) {
			*used = at;
			return rc;
		}
		if (r->key_len == 0 && text_give_in_place(r, p + key, at - 1 - key, p + at, len - at, pair)) {
			*used = at + pair->value_len + 1;
			return 1;
		}
		memcpy(r->buf + r->key_len, p + key, at - 1 - key);
		r->key_len += at - 1 - key;
		r->state = TEXT_IN_VALUE;
	}
	rc = text_gather_value(r, p, len, &at, pair);
	*used = at;
	return rc;
}

int iscsip_text_end(struct iscsip_text_reader *r)
{
	if (r->state < 0)
		return r->state;
	if (r->state != TEXT_IN_KEY || r->key_len != 0)
		return text_stop(r, ISCSIP_TEXT_EUNENDED);
	return ISCSIP_OK;
}
