/* SPDX-License-Identifier: MIT */
/*
 * Structs that the host gives by size: it may have been compiled with another version's headers, in which they are shorter
 * or longer. They have grown at their end only.
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
