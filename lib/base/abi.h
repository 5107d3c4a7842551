/* SPDX-License-Identifier: MIT */
/*
 * Structs that the library fills in and the host gives by size: the host may have been compiled with another version's headers, in
 * which they are shorter or longer. They have grown at their end only. Structs that the host fills in, and the library reads where
 * they lie (configurations, offers, tables of callbacks), are taken when they are longer than the library's own, and refused when
 * they are shorter, because there is nothing behind their end.
 */
#ifndef ISCSIP_BASE_ABI_H
#define ISCSIP_BASE_ABI_H

#include <stddef.h>
#include <string.h>

/* Writes @room bytes at @to: those of our struct of @len bytes as far as there is room, then zeroes. */
static inline void abi_fill(void *to, size_t room, const void *ours, size_t len)
{
	memset(to, 0, room);
	memcpy(to, ours, room < len ? room : len);
}

#endif
