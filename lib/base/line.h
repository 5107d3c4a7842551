/* SPDX-License-Identifier: MIT */
/*
 * A bounded writer of text: what every function that makes a line for a person writes through. What does not fit is
 * counted and left out, so that the caller learns the whole length, as snprintf() has it.
 *
 *	struct iscsip__line l = { dst, cap, 0 };
 *	iscsip__line_text(&l, "lun ");
 *	iscsip__line_hex(&l, lun, 16);
 *	return iscsip__line_end(&l);
 */
#ifndef ISCSIP_BASE_LINE_H
#define ISCSIP_BASE_LINE_H

#include <stddef.h>
#include <stdint.h>

struct iscsip__line {
	char *dst;  /* may be NULL where cap is 0 */
	size_t cap; /* bytes at dst; one of them stays for the NUL */
	size_t len; /* characters so far, whether they fitted or not */
};

void iscsip__line_char(struct iscsip__line *l, char c);

/* A NUL-terminated text. */
void iscsip__line_text(struct iscsip__line *l, const char *text);

/* n characters of text, which no NUL ends. */
void iscsip__line_chars(struct iscsip__line *l, const char *text, size_t n);

/* v as `digits` lower-case hexadecimal digits, 0 for as many as it needs; no prefix. */
void iscsip__line_hex(struct iscsip__line *l, uint64_t v, int digits);

void iscsip__line_decimal(struct iscsip__line *l, uint64_t v);

/* Puts the NUL, where there is room for one. Returns the length of the whole text without it. */
int iscsip__line_end(struct iscsip__line *l);

#endif
