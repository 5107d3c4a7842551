/* SPDX-License-Identifier: MIT */
/*
 * Carving objects out of the one block of memory that the host gives. The same carving code runs with the
 * block (arena_open) or without (arena_count): then it only counts, so that a `*_size()` function is its
 * `*_init()` run without memory, and the two cannot disagree:
 *
 *     static struct thing *carve(struct arena *a, const struct config *cfg)
 *     {
 *             struct thing *t = arena_take(a, sizeof *t, _Alignof(struct thing));
 *             uint32_t *slots = arena_take_array(a, cfg->slots, sizeof *slots, _Alignof(uint32_t));
 *             if (!t || !slots)       counting, or too small: nothing may be written
 *                     return NULL;
 *             ...
 *     }
 *
 * Invariants: no byte is given twice; nothing lies outside the block; once something did not fit,
 * nothing fits any more (failed stays). Where the block is aligned to ARENA_ALIGN and as long as the
 * count, everything fits: the count takes the most padding that any such block can need.
 * The memory is not cleared; a page that nobody writes to is never touched.
 */
#ifndef ISCSIP_BASE_ARENA_H
#define ISCSIP_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a host's block has to be aligned to, and the most that types of the library need. */
#define ARENA_ALIGN ((size_t)8)

struct arena {
	uint8_t *base; /* first byte, NULL while counting */
	size_t used;   /* bytes given so far, padding included */
	size_t cap;    /* bytes of the block */
	bool failed;   /* something did not fit, or the sum does not fit into a size_t */
};

/* Opens a block. A block that is not aligned to ARENA_ALIGN, or is NULL, gives nothing. */
static inline void arena_open(struct arena *a, void *mem, size_t len)
{
	a->base = mem;
	a->used = 0;
	a->cap = len;
	a->failed = mem == NULL || ((uintptr_t)mem & (ARENA_ALIGN - 1)) != 0;
}

/* Opens an arena without memory: every arena_take() answers NULL and is counted in `used`. */
static inline void arena_count(struct arena *a)
{
	a->base = NULL;
	a->used = 0;
	a->cap = SIZE_MAX;
	a->failed = false;
}

/*
 * size bytes aligned to align (a power of two), or NULL: while counting, or where they do not fit.
 * A size of 0 answers a place that must not be read.
 */
static inline void *arena_take(struct arena *a, size_t size, size_t align)
{
	size_t pad, at;

	if (align <= ARENA_ALIGN)
		pad = (0 - a->used) & (align - 1);
	else if (a->base)
		pad = (size_t)(0 - ((uintptr_t)a->base + a->used)) & (align - 1);
	else
		pad = ((0 - a->used) & (ARENA_ALIGN - 1)) + (align - ARENA_ALIGN);
	if (a->failed || pad > a->cap - a->used || size > a->cap - a->used - pad) {
		a->failed = true;
		return NULL;
	}
	at = a->used + pad;
	a->used = at + size;
	return a->base ? a->base + at : NULL;
}

/* n objects of size bytes each in a row; an overflow of n * size counts as not fitting. */
static inline void *arena_take_array(struct arena *a, size_t n, size_t size, size_t align)
{
	if (size != 0 && n > SIZE_MAX / size) {
		a->failed = true;
		return NULL;
	}
	return arena_take(a, n * size, align);
}

/* Bytes that a block needs for what was counted, a multiple of ARENA_ALIGN; 0 where the sum overflowed. */
static inline size_t arena_size(const struct arena *a)
{
	if (a->failed || a->used > SIZE_MAX - (ARENA_ALIGN - 1))
		return 0;
	return (a->used + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
}

#endif
