/* SPDX-License-Identifier: MIT */
/*
 * All that the library asks of a C library. A firmware without libc puts this (or its own) on the include path and
 * defines the four functions, which the compiler wants of every freestanding program anyway.
 */
#ifndef FREESTANDING_STRING_H
#define FREESTANDING_STRING_H

#include <stddef.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#endif
