/* SPDX-License-Identifier: MIT */
/*
 * Walking a scatter list. A cursor (struct iscsip_vec_cursor, base.h) stands on one byte of a vector of
 * pieces, or at its end. Pieces of length 0 may stand anywhere and their base may be NULL; no function
 * reads or writes through them.
 *
 * Invariant after every function here that moves a cursor: it is at its end (cnt == 0), or
 * off < vec->len: it stands on a byte. cursor_settle() brings a cursor made by hand into that form;
 * all functions take a cursor in either form.
 *
 * Loops are bounded by the number of pieces, which the host chose.
 */
#ifndef ISCSIP_BASE_VEC_H
#define ISCSIP_BASE_VEC_H

#include <iscsiproto/base.h>
#include <string.h>

/* Skips finished and empty pieces; an offset beyond the piece counts on into the next ones. */
static inline void cursor_settle(struct iscsip_vec_cursor *c)
{
	while (c->cnt > 0 && c->off >= c->vec->len) {
		c->off -= c->vec->len;
		c->vec++;
		c->cnt--;
	}
}

/* A cursor on byte off of a vector; at its end where the vector is not longer than that. */
static inline struct iscsip_vec_cursor cursor_make(const struct iscsip_vec *vec, int cnt, size_t off)
{
	struct iscsip_vec_cursor c = {vec, cnt, off};

	cursor_settle(&c);
	return c;
}

/* Whether no byte is left. */
static inline bool cursor_at_end(const struct iscsip_vec_cursor *c)
{
	struct iscsip_vec_cursor at = *c;

	cursor_settle(&at);
	return at.cnt <= 0;
}

/* Whether the next n bytes stand in one piece, which the cursor is in. */
static inline bool cursor_flat(const struct iscsip_vec_cursor *c, size_t n)
{
	return c->cnt > 0 && c->vec->len >= n && c->off <= c->vec->len - n;
}

/* Whether at least n bytes are left; looks at no more pieces than it takes to know. */
static inline bool cursor_holds(const struct iscsip_vec_cursor *c, size_t n)
{
	struct iscsip_vec_cursor at = *c;

	if (cursor_flat(c, n))
		return true;
	cursor_settle(&at);
	for (; n > 0 && at.cnt > 0; at.vec++, at.cnt--, at.off = 0) {
		size_t have = at.vec->len - at.off;

		if (have >= n)
			return true;
		n -= have;
	}
	return n == 0;
}

/* Bytes left, SIZE_MAX where they are more than a size_t counts. */
static inline size_t cursor_left(const struct iscsip_vec_cursor *c)
{
	struct iscsip_vec_cursor at = *c;
	size_t sum = 0;

	cursor_settle(&at);
	for (; at.cnt > 0; at.vec++, at.cnt--, at.off = 0) {
		size_t have = at.vec->len - at.off;

		if (have > SIZE_MAX - sum)
			return SIZE_MAX;
		sum += have;
	}
	return sum;
}

/* Bytes of a whole vector, SIZE_MAX where they are more than a size_t counts. */
static inline size_t vec_total(const struct iscsip_vec *vec, int cnt)
{
	const struct iscsip_vec_cursor c = {vec, cnt, 0};

	return cursor_left(&c);
}

/* The next piece without a gap: its first byte, its length in *len. NULL and 0 at the end. */
static inline void *cursor_peek(struct iscsip_vec_cursor *c, size_t *len)
{
	cursor_settle(c);
	if (c->cnt <= 0) {
		*len = 0;
		return NULL;
	}
	*len = c->vec->len - c->off;
	return (uint8_t *)c->vec->base + c->off;
}

/* Moves n bytes on, at most to the end. Returns how many bytes it moved. */
static inline size_t cursor_advance(struct iscsip_vec_cursor *c, size_t n)
{
	size_t moved = 0;

	cursor_settle(c);
	while (c->cnt > 0 && moved < n) {
		size_t have = c->vec->len - c->off;

		if (have > n - moved) {
			c->off += n - moved;
			return n;
		}
		moved += have;
		c->vec++;
		c->cnt--;
		c->off = 0;
		cursor_settle(c);
	}
	return moved;
}

/*
 * Moves over up to n bytes and lists them in out, up to max pieces, none of them empty. Returns the
 * number of pieces; *listed, where not NULL, is the number of bytes in them (fewer than n where max
 * pieces were too few, or the vector ended).
 */
static inline int cursor_take(struct iscsip_vec_cursor *c, size_t n, struct iscsip_vec *out, int max,
			      size_t *listed)
{
	size_t sum = 0;
	int pieces = 0;

	while (pieces < max && sum < n) {
		size_t len;
		void *p = cursor_peek(c, &len);

		if (len == 0)
			break;
		if (len > n - sum)
			len = n - sum;
		out[pieces].base = p;
		out[pieces].len = len;
		pieces++;
		sum += len;
		cursor_advance(c, len);
	}
	if (listed)
		*listed = sum;
	return pieces;
}

/* As cursor_take(), but the cursor stays where it is. */
static inline int cursor_list(const struct iscsip_vec_cursor *c, size_t n, struct iscsip_vec *out, int max,
			      size_t *listed)
{
	struct iscsip_vec_cursor at = *c;

	return cursor_take(&at, n, out, max, listed);
}

/* Copies n bytes at src into the vector and moves on. Returns how many found room. */
static inline size_t cursor_copy_in(struct iscsip_vec_cursor *c, const void *src, size_t n)
{
	const uint8_t *s = src;
	size_t sum = 0;

	while (sum < n) {
		size_t len;
		void *p = cursor_peek(c, &len);

		if (len == 0)
			break;
		if (len > n - sum)
			len = n - sum;
		memcpy(p, s + sum, len);
		sum += len;
		cursor_advance(c, len);
	}
	return sum;
}

/* Copies n bytes of the vector to dst and moves on. Returns how many there were. */
static inline size_t cursor_copy_out(struct iscsip_vec_cursor *c, void *dst, size_t n)
{
	uint8_t *d = dst;
	size_t sum = 0;

	while (sum < n) {
		size_t len;
		const void *p = cursor_peek(c, &len);

		if (len == 0)
			break;
		if (len > n - sum)
			len = n - sum;
		memcpy(d + sum, p, len);
		sum += len;
		cursor_advance(c, len);
	}
	return sum;
}

#endif
