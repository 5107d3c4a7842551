/* SPDX-License-Identifier: MIT */
/*
 * The bounded writer of text. It owns nothing: the line is the caller's, on its stack, and lasts as long as the call that
 * formats something. The invariant is that dst[0..min(len, cap - 1)) holds the text so far and nothing beyond cap is
 * touched. Only functions that make words refer to it, so a firmware that makes none does not link it.
 */
#include "base/line.h"

void iscsip__line_char(struct iscsip__line *l, char c)
{
	/* one byte stays for the NUL */
	if (l->len + 1 < l->cap)
		l->dst[l->len] = c;
	l->len++;
}

void iscsip__line_text(struct iscsip__line *l, const char *text)
{
	while (*text)
		iscsip__line_char(l, *text++);
}

void iscsip__line_chars(struct iscsip__line *l, const char *text, size_t n)
{
	while (n-- > 0)
		iscsip__line_char(l, *text++);
}

void iscsip__line_hex(struct iscsip__line *l, uint64_t v, int digits)
{
	if (digits == 0)
		while (digits < 16 && (digits == 0 || v >> (4 * digits) != 0))
			digits++;
	while (digits-- > 0)
		iscsip__line_char(l, "0123456789abcdef"[v >> (4 * digits) & 15]);
}

void iscsip__line_decimal(struct iscsip__line *l, uint64_t v)
{
	char digits[20];
	size_t n = 0;

	do
		digits[n++] = (char)('0' + (int)(v % 10));
	while ((v /= 10) > 0);
	while (n > 0)
		iscsip__line_char(l, digits[--n]);
}

int iscsip__line_end(struct iscsip__line *l)
{
	if (l->cap > 0)
		l->dst[l->len < l->cap ? l->len : l->cap - 1] = 0;
	return (int)l->len;
}
