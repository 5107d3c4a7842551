/* SPDX-License-Identifier: MIT */
/*
 * Binary values as text: hex and base64 (RFC 7143 6.1, RFC 4648 section 4), in both directions. Decoding first
 * finds the length and whether the form is sound, then writes: a value that is refused leaves nothing behind.
 *
 * Secrets pass here (challenges and responses do), so the digits are found by arithmetic; the tables are
 * small enough to be of no matter.
 */
#include "text/text.h"

static const char base64_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t iscsip__put_base64(char *dst, const uint8_t *src, size_t n)
{
	size_t i, at = 0;

	for (i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)src[i] << 16;

		if (i + 1 < n)
			v |= (uint32_t)src[i + 1] << 8;
		if (i + 2 < n)
			v |= src[i + 2];
		dst[at++] = base64_letters[v >> 18];
		dst[at++] = base64_letters[v >> 12 & 63];
		dst[at++] = i + 1 < n ? base64_letters[v >> 6 & 63] : '=';
		dst[at++] = i + 2 < n ? base64_letters[v & 63] : '=';
	}
	return at;
}

static int binary_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static int binary_base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/* n hex digits stand for (n + 1) / 2 bytes: with an odd count the first byte has one digit. */
static int binary_from_hex(const char *s, size_t n, uint8_t *dst, size_t cap, size_t *out_len)
{
	size_t i, odd = n & 1;

	for (i = 0; i < n; i++)
		if (binary_hex_digit(s[i]) < 0)
			return ISCSIP_TEXT_EFORM;
	*out_len = (n + 1) / 2;
	if (!dst)
		return ISCSIP_OK;
	if (*out_len > cap)
		return ISCSIP_ENOSPC;
	if (odd)
		dst[0] = (uint8_t)binary_hex_digit(s[0]);
	for (i = odd; i < n; i += 2)
		dst[(i + 1) / 2] = (uint8_t)((unsigned)binary_hex_digit(s[i]) << 4 | (unsigned)binary_hex_digit(s[i + 1]));
	return ISCSIP_OK;
}

/* Whether n characters are base64: full groups, padding at the end alone, the bits under the padding zero. */
static bool binary_is_base64(const char *s, size_t n, size_t *pad)
{
	size_t i;

	if (n == 0 || n % 4)
		return false;
	*pad = s[n - 1] != '=' ? 0 : s[n - 2] != '=' ? 1 : 2;
	for (i = 0; i < n - *pad; i++)
		if (binary_base64_digit(s[i]) < 0)
			return false;
	if (*pad == 2)
		return (binary_base64_digit(s[n - 3]) & 15) == 0;
	return *pad == 0 || (binary_base64_digit(s[n - 2]) & 3) == 0;
}

static int binary_from_base64(const char *s, size_t n, uint8_t *dst, size_t cap, size_t *out_len)
{
	size_t i, at, pad;

	if (!binary_is_base64(s, n, &pad))
		return ISCSIP_TEXT_EFORM;
	*out_len = n / 4 * 3 - pad;
	if (!dst)
		return ISCSIP_OK;
	if (*out_len > cap)
		return ISCSIP_ENOSPC;
	for (i = 0, at = 0; i < n; i += 4) {
		uint32_t v = 0;
		size_t k;

		for (k = 0; k < 4; k++)
			v = v << 6 | (s[i + k] == '=' ? 0u : (uint32_t)binary_base64_digit(s[i + k]));
		for (k = 0; k < 3 && at < *out_len; k++)
			dst[at++] = (uint8_t)(v >> (16 - 8 * k));
	}
	return ISCSIP_OK;
}

int iscsip_text_binary(const char *s, size_t len, void *dst, size_t cap, size_t *out_len)
{
	if (len < 3 || s[0] != '0')
		return ISCSIP_TEXT_EFORM;
	if (s[1] == 'x' || s[1] == 'X')
		return binary_from_hex(s + 2, len - 2, dst, cap, out_len);
	if (s[1] == 'b' || s[1] == 'B')
		return binary_from_base64(s + 2, len - 2, dst, cap, out_len);
	return ISCSIP_TEXT_EFORM;
}
