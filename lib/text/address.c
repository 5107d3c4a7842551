/* SPDX-License-Identifier: MIT */
/*
 * Target addresses: `domainname[:port][,portal-group-tag]` (RFC 7143 13.8). The form of the host is checked as
 * far as it decides where a connection would go: an IPv6 literal has its eight groups, dotted digits are a whole IPv4
 * address, a DNS name has labels of 1 to 63 letters, digits, hyphens or underscores.
 *
 * Nothing is resolved. What was parsed can be formatted back to an address of the same meaning.
 */
#include <iscsiproto/name.h>

#include "text/text.h"

static bool addr_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool addr_is_hex(char c)
{
	return addr_is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool addr_is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Four numbers up to 255 without leading zeros. */
static bool addr_is_ipv4(const char *s, size_t len)
{
	size_t at = 0;
	int part;

	for (part = 0; part < 4; part++) {
		unsigned v = 0;
		size_t digits = 0;

		if (part && (at == len || s[at++] != '.'))
			return false;
		while (at < len && digits < 3 && addr_is_digit(s[at])) {
			v = v * 10 + (unsigned)(s[at++] - '0');
			digits++;
		}
		if (digits == 0 || v > 255 || (digits > 1 && s[at - digits] == '0'))
			return false;
	}
	return at == len;
}

/* Eight groups of hex digits, or fewer around one "::"; the last two may be an IPv4 address (RFC 4291 2.2). */
static bool addr_is_ipv6(const char *s, size_t len)
{
	size_t at = 0, digits;
	int groups = 0;
	bool gap = false;

	if (len >= 2 && s[0] == ':' && s[1] == ':') {
		gap = true;
		at = 2;
	}
	while (at < len) {
		for (digits = 0; at + digits < len && addr_is_hex(s[at + digits]); digits++)
			;
		if (at + digits < len && s[at + digits] == '.') {
			groups += 2;
			return addr_is_ipv4(s + at, len - at) && (gap ? groups < 8 : groups == 8);
		}
		if (digits < 1 || digits > 4 || ++groups > 8)
			return false;
		at += digits;
		if (at == len)
			break;
		if (s[at++] != ':' || at == len)
			return false;
		if (s[at] == ':') {
			if (gap)
				return false;
			gap = true;
			at++;
		}
	}
	return gap ? groups < 8 : groups == 8;
}

static bool addr_is_dns(const char *s, size_t len)
{
	size_t i, label = 0;
	bool letter = false;

	if (len > 253)
		return false;
	for (i = 0; i < len; i++) {
		if (s[i] == '.') {
			if (label == 0 || s[i - 1] == '-')
				return false;
			label = 0;
			continue;
		}
		if (!addr_is_digit(s[i]) && !addr_is_letter(s[i]) && s[i] != '_' && (s[i] != '-' || label == 0))
			return false;
		letter |= !addr_is_digit(s[i]);
		if (++label > 63)
			return false;
	}
	/* a name of digits and dots alone would be a mistyped IPv4 address; one dot may stand at the end */
	return letter && (label ? s[len - 1] != '-' : len > 0);
}

/* The zone of an IPv6 address: "%eth0", or "%25eth0" (RFC 6874). */
static bool addr_put_zone(struct iscsip_address *addr, size_t host_len, const char *s, size_t len)
{
	size_t i;

	if (len > 3 && s[1] == '2' && s[2] == '5') {
		s += 2;
		len -= 2;
	}
	if (len < 2 || len > sizeof addr->host - 1 - host_len)
		return false;
	for (i = 1; i < len; i++)
		if (!addr_is_digit(s[i]) && !addr_is_letter(s[i]) && s[i] != '-' && s[i] != '_' && s[i] != '.')
			return false;
	addr->host[host_len] = '%';
	memcpy(addr->host + host_len + 1, s + 1, len - 1);
	addr->host[host_len + len] = 0;
	return true;
}

/* An IPv6 address between brackets; answers the bytes with both brackets, 0 where it is none. */
static size_t addr_parse_ipv6(struct iscsip_address *addr, const char *s, size_t len)
{
	size_t close = 1, n = 1;

	while (close < len && s[close] != ']')
		close++;
	if (close == len)
		return 0;
	while (n < close && s[n] != '%')
		n++;
	if (!addr_is_ipv6(s + 1, n - 1))
		return 0;
	memcpy(addr->host, s + 1, n - 1);
	addr->host[n - 1] = 0;
	if (n < close && !addr_put_zone(addr, n - 1, s + n, close - n))
		return 0;
	addr->kind = ISCSIP_HOST_IPV6;
	return close + 1;
}

static size_t addr_parse_host(struct iscsip_address *addr, const char *s, size_t len)
{
	size_t n = 0;

	if (len && s[0] == '[')
		return addr_parse_ipv6(addr, s, len);
	while (n < len && s[n] != ':' && s[n] != ',')
		n++;
	if (addr_is_ipv4(s, n))
		addr->kind = ISCSIP_HOST_IPV4;
	else if (addr_is_dns(s, n))
		addr->kind = ISCSIP_HOST_DNS;
	else
		return 0;
	memcpy(addr->host, s, n);
	addr->host[n] = 0;
	return n;
}

int iscsip_address_parse(struct iscsip_address *addr, const char *s, size_t len)
{
	size_t at = addr_parse_host(addr, s, len), end;
	uint32_t v;

	addr->port = ISCSIP_PORT;
	addr->has_port = false;
	addr->tag = 0;
	addr->has_tag = false;
	if (at == 0)
		return ISCSIP_EINVAL;
	if (at < len && s[at] == ':') {
		for (end = ++at; end < len && s[end] != ','; end++)
			;
		if (iscsip_text_number_in(s + at, end - at, 1, 65535, &v) != ISCSIP_OK)
			return ISCSIP_EINVAL;
		addr->port = (uint16_t)v;
		addr->has_port = true;
		at = end;
	}
	if (at == len)
		return ISCSIP_OK;
	if (s[at] != ',' || iscsip_text_number_in(s + at + 1, len - at - 1, 0, 65535, &v) != ISCSIP_OK)
		return ISCSIP_EINVAL;
	addr->tag = (uint16_t)v;
	addr->has_tag = true;
	return ISCSIP_OK;
}

ptrdiff_t iscsip_address_format(const struct iscsip_address *addr, char *dst, size_t cap)
{
	char text[ISCSIP_ADDRESS_TEXT_MAX];
	size_t n = 0, i;

	if (addr->kind == ISCSIP_HOST_IPV6)
		text[n++] = '[';
	for (i = 0; i < sizeof addr->host && addr->host[i]; i++) {
		text[n++] = addr->host[i];
		if (addr->host[i] == '%') {
			text[n++] = '2';
			text[n++] = '5';
		}
		if (n > sizeof text - 16)
			return ISCSIP_ENOSPC;
	}
	if (addr->kind == ISCSIP_HOST_IPV6)
		text[n++] = ']';
	if (addr->has_port) {
		text[n++] = ':';
		n += iscsip__put_decimal(text + n, addr->port);
	}
	if (addr->has_tag) {
		text[n++] = ',';
		n += iscsip__put_decimal(text + n, addr->tag);
	}
	if (n >= cap)
		return ISCSIP_ENOSPC;
	memcpy(dst, text, n);
	dst[n] = 0;
	return (ptrdiff_t)n;
}
