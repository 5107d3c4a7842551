/* SPDX-License-Identifier: MIT */
/*
 * What a C program needs before main() where there is no C library: vectors, memory in its initial state, the clock's tick, and
 * the four functions that the compiler and the library call.
 */
#include "board.h"

extern uint32_t data_begin[], data_end[], data_image[], bss_begin[], bss_end[], stack_top[];

#define SYST_CSR (*(volatile uint32_t *)0xe000e010u)
#define SYST_RVR (*(volatile uint32_t *)0xe000e014u)
#define SYST_CVR (*(volatile uint32_t *)0xe000e018u)

static volatile uint32_t ticks, wraps;

int main(void);
void reset(void);

/* 64 bits of milliseconds: no deadline is ever in the past because a counter wrapped. */
uint64_t board_now(void)
{
	uint32_t high, low;

	do {
		high = wraps;
		low = ticks;
	} while (high != wraps);
	return (uint64_t)high << 32 | low;
}

static void tick(void)
{
	if (++ticks == 0)
		wraps++;
}

static void stop(void)
{
	for (;;)
		;
}

void reset(void)
{
	uint32_t *p;
	const uint32_t *from = data_image;

	for (p = data_begin; p < data_end; p++)
		*p = *from++;
	for (p = bss_begin; p < bss_end; p++)
		*p = 0;
	SYST_RVR = BOARD_CLOCK / 1000u - 1u;
	SYST_CVR = 0;
	SYST_CSR = 7; /* the core's clock, with interrupt */
	(void)main();
	stop();
}

typedef void vector(void);

struct vectors {
	uint32_t *stack;
	vector *handler[15];
};

__attribute__((section(".vectors"), used)) static const struct vectors vectors = {
	stack_top,
	{ reset, stop, stop, stop, stop, stop, 0, 0, 0, 0, stop, stop, 0, stop, tick },
};

/* --- what the compiler wants of every program --- */

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	uint8_t *d = dst;
	const uint8_t *s = src;

	if ((((uintptr_t)d | (uintptr_t)s) & 3u) == 0)
		for (; n >= 4; n -= 4, d += 4, s += 4)
			*(uint32_t *)(void *)d = *(const uint32_t *)(const void *)s;
	while (n--)
		*d++ = *s++;
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	uint8_t *d = dst;
	const uint8_t *s = src;

	if ((uintptr_t)d - (uintptr_t)s >= n)
		return memcpy(dst, src, n);
	while (n--)
		d[n] = s[n];
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	uint8_t *d = dst;

	while (n--)
		*d++ = (uint8_t)c;
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}
