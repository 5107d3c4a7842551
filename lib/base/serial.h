/* SPDX-License-Identifier: MIT */
/*
 * Serial number arithmetic, RFC 1982 with SERIAL_BITS = 32 (RFC 7143 4.2.2.1). Where two numbers lie
 * exactly 2^31 apart the RFC leaves the order undefined; here neither is before the other.
 */
#ifndef ISCSIP_BASE_SERIAL_H
#define ISCSIP_BASE_SERIAL_H

#include <stdbool.h>
#include <stdint.h>

/* a comes before b */
static inline bool serial_lt(uint32_t a, uint32_t b)
{
	return b - a - 1u < 0x7fffffffu;
}

/* a is b or comes before it */
static inline bool serial_le(uint32_t a, uint32_t b)
{
	return b - a < 0x80000000u;
}

/* v lies in [lo, hi], both ends included; empty where hi comes before lo */
static inline bool serial_within(uint32_t v, uint32_t lo, uint32_t hi)
{
	return serial_le(lo, hi) && v - lo <= hi - lo;
}

#endif
