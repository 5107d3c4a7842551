/* SPDX-License-Identifier: MIT */
/*
 * The tag table (ddp.h): one array of entries behind a head of 32 bytes, in the caller's memory.
 *
 * A tag names its entry by position, so nothing is searched:
 *
 *      31        shift              connection_bits             0
 *     +---------------+--------------------------+-------------+
 *     | 0 .. 0  index |        generation        | connection  |
 *     +---------------+--------------------------+-------------+
 *
 * The index of all ones is not used where the layout has all 32 bits, and the bits above the index are zero
 * where it has fewer: in both cases no tag is 0xffffffff.
 *
 * An entry is in one of three states:
 *
 *     untouched   index >= fresh: nothing was ever written there, its bytes may be anything
 *     free        cnt == DDP_FREE: linked into the free list through next (itt) and prev (aux);
 *                 tag keeps the generation that the next binding gets
 *     bound       cnt >= 0: tag is the tag as issued
 *
 * bind takes the entry that was released last (its cache line is the warmest), else the next untouched
 * one, so a table for many tags of which few are in use touches few pages and needs no loop at init. The
 * free list is linked both ways because iscsip_ddp_bind_at() takes an entry out of its middle. A release
 * advances the generation at once: the tag is stale from then on, not only when the entry is bound again.
 *
 * Invariants: bound + free == fresh <= entries. Of a bound entry: (vec, cnt, vec_off) holds at least len
 * bytes (counted by bind); off + len does not wrap; the hint (piece, piece_at) says that byte piece_at of
 * the range is the first one in vec[piece]. A look-up that passed the range check therefore finds its
 * byte inside the list, and never one outside the range.
 *
 * The hint makes a long scatter list cheap: data comes in order, or in descending sequences, so the next
 * place is a few pieces from the last one, and the walk from there goes forward or backward.
 */
#include <iscsiproto/ddp.h>

#include "base/vec.h"

#define DDP_FREE (-1)
#define DDP_NONE UINT32_MAX /* no index: entries is at most 2^32 - 1 */

struct ddp_entry {
	const struct iscsip_vec *vec;
	void *owner;
	_Alignas(8) uint64_t lun;
	size_t vec_off;    /* the range's first byte lies at this byte of vec[0] */
	uint32_t off, len; /* the range, in the task's buffer offsets */
	uint32_t itt;      /* free: next in the free list */
	uint32_t aux;      /* free: previous in the free list */
	uint32_t tag;
	int32_t cnt; /* pieces from vec on, or DDP_FREE */
	uint32_t piece, piece_at;
};

struct iscsip_ddp {
	uint32_t entries;
	uint32_t fresh;      /* entries below this were touched */
	uint32_t free_first; /* of the free list, or DDP_NONE */
	uint32_t bound;
	uint32_t generation_mask; /* in its place in a tag */
	uint32_t connection_mask;
	uint32_t shift; /* of the index */
	uint32_t reserved;
};

_Static_assert(sizeof(struct iscsip_ddp) + sizeof(struct ddp_entry) == ISCSIP_DDP_SIZE(1),
	       "ISCSIP_DDP_SIZE is wrong");
_Static_assert(sizeof(struct ddp_entry) == ISCSIP_DDP_ENTRY_SIZE, "ISCSIP_DDP_ENTRY_SIZE is wrong");
_Static_assert(_Alignof(struct ddp_entry) <= ISCSIP_DDP_ALIGN, "ISCSIP_DDP_ALIGN is too small");

static const struct iscsip_ddp_layout ddp_layout_default = ISCSIP_DDP_LAYOUT_DEFAULT;

static struct ddp_entry *ddp_entry_at(const struct iscsip_ddp *d, uint32_t index)
{
	/* The memory is the caller's and writable; const says here that a look-up leaves it as it is. */
	return (struct ddp_entry *)(uintptr_t)(d + 1) + index;
}

size_t iscsip_ddp_size(uint32_t entries)
{
	size_t array = (size_t)entries * sizeof(struct ddp_entry);

	if (array / sizeof(struct ddp_entry) != entries || array > SIZE_MAX - sizeof(struct iscsip_ddp))
		return 0;
	return sizeof(struct iscsip_ddp) + array;
}

static bool ddp_layout_fits(const struct iscsip_ddp_layout *l, uint32_t entries)
{
	unsigned sum = (unsigned)l->index_bits + l->generation_bits + l->connection_bits;

	if (l->index_bits == 0 || sum > 32)
		return false;
	return entries <= ((uint64_t)1 << l->index_bits) - (sum == 32 ? 1 : 0);
}

int iscsip_ddp_init(struct iscsip_ddp **out, void *mem, size_t len, uint32_t entries,
		    const struct iscsip_ddp_layout *layout)
{
	struct iscsip_ddp *d = mem;
	const struct iscsip_ddp_layout *l = layout ? layout : &ddp_layout_default;
	size_t need = iscsip_ddp_size(entries);

	if (!out || !mem || ((uintptr_t)mem & (ISCSIP_DDP_ALIGN - 1)) != 0 || entries == 0 ||
	    !ddp_layout_fits(l, entries))
		return ISCSIP_EINVAL;
	if (need == 0 || len < need)
		return ISCSIP_ENOSPC;
	memset(d, 0, sizeof *d);
	d->entries = entries;
	d->free_first = DDP_NONE;
	d->shift = (uint32_t)l->generation_bits + l->connection_bits;
	d->connection_mask = ((uint32_t)1 << l->connection_bits) - 1;
	d->generation_mask = (((uint32_t)1 << d->shift) - 1) & ~d->connection_mask;
	*out = d;
	return ISCSIP_OK;
}

static void ddp_free_push(struct iscsip_ddp *d, struct ddp_entry *e, uint32_t index)
{
	e->cnt = DDP_FREE;
	e->itt = d->free_first;
	e->aux = DDP_NONE;
	if (d->free_first != DDP_NONE)
		ddp_entry_at(d, d->free_first)->aux = index;
	d->free_first = index;
}

static void ddp_free_remove(struct iscsip_ddp *d, const struct ddp_entry *e)
{
	if (e->aux != DDP_NONE)
		ddp_entry_at(d, e->aux)->itt = e->itt;
	else
		d->free_first = e->itt;
	if (e->itt != DDP_NONE)
		ddp_entry_at(d, e->itt)->aux = e->aux;
}

/* Makes the untouched entries up to and with `index` free ones, the lowest on top. */
static void ddp_touch(struct iscsip_ddp *d, uint32_t index)
{
	for (uint32_t i = index + 1; i-- > d->fresh;) {
		struct ddp_entry *e = ddp_entry_at(d, i);

		e->tag = i << d->shift;
		ddp_free_push(d, e, i);
	}
	d->fresh = index + 1;
}

/* Checks what a caller wants bound, and settles its place. */
static bool ddp_region_holds(const struct iscsip_ddp *d, const struct iscsip_ddp_region *r, uint32_t conn,
			     struct iscsip_vec_cursor *at)
{
	if (r->len > UINT32_MAX - r->off || (d->connection_mask != 0 && conn > d->connection_mask))
		return false;
	*at = r->at;
	cursor_settle(at);
	return cursor_holds(at, r->len);
}

static void ddp_fill(struct iscsip_ddp *d, struct ddp_entry *e, const struct iscsip_ddp_region *r,
		     const struct iscsip_vec_cursor *at, uint32_t conn)
{
	e->vec = at->vec;
	e->cnt = at->cnt > 0 ? at->cnt : 0;
	e->vec_off = at->off;
	e->owner = r->owner;
	e->lun = r->lun;
	e->off = r->off;
	e->len = r->len;
	e->itt = r->itt;
	e->aux = r->aux;
	e->tag = (e->tag & ~d->connection_mask) | (conn & d->connection_mask);
	e->piece = 0;
	e->piece_at = 0;
	d->bound++;
}

int iscsip_ddp_bind(struct iscsip_ddp *d, const struct iscsip_ddp_region *r, uint32_t conn, uint32_t *tag)
{
	struct iscsip_vec_cursor at;
	struct ddp_entry *e;

	if (!ddp_region_holds(d, r, conn, &at))
		return ISCSIP_EINVAL;
	if (d->free_first != DDP_NONE) {
		e = ddp_entry_at(d, d->free_first);
		ddp_free_remove(d, e);
	} else if (d->fresh < d->entries) {
		e = ddp_entry_at(d, d->fresh);
		e->tag = d->fresh++ << d->shift;
	} else {
		return ISCSIP_EAGAIN;
	}
	ddp_fill(d, e, r, &at, conn);
	*tag = e->tag;
	return ISCSIP_OK;
}

int iscsip_ddp_bind_at(struct iscsip_ddp *d, uint32_t index, const struct iscsip_ddp_region *r, uint32_t conn,
		       uint32_t *tag)
{
	struct iscsip_vec_cursor at;
	struct ddp_entry *e;

	if (index >= d->entries || !ddp_region_holds(d, r, conn, &at))
		return ISCSIP_EINVAL;
	if (index >= d->fresh)
		ddp_touch(d, index);
	e = ddp_entry_at(d, index);
	if (e->cnt != DDP_FREE)
		return ISCSIP_EBUSY;
	ddp_free_remove(d, e);
	ddp_fill(d, e, r, &at, conn);
	*tag = e->tag;
	return ISCSIP_OK;
}

/* Which of the parts of a bound tag differs; the order is that of SEEDS BU1. */
static enum iscsip_ddp_fault ddp_compare(const struct iscsip_ddp *d, uint32_t bound, uint32_t asked)
{
	if (((bound ^ asked) & d->generation_mask) != 0)
		return ISCSIP_DDP_FAULT_STALE;
	return bound == asked ? ISCSIP_DDP_FOUND : ISCSIP_DDP_FAULT_CONNECTION;
}

/* The entry of a tag that may be used on this connection, or NULL and why not. */
static struct ddp_entry *ddp_lookup(const struct iscsip_ddp *d, uint32_t tag, uint32_t conn,
				    enum iscsip_ddp_fault *fault)
{
	uint32_t index = tag >> d->shift;
	struct ddp_entry *e;

	if (index >= d->entries) {
		*fault = ISCSIP_DDP_FAULT_INDEX;
		return NULL;
	}
	e = ddp_entry_at(d, index);
	if (index >= d->fresh || e->cnt == DDP_FREE) {
		*fault = ISCSIP_DDP_FAULT_FREE;
		return NULL;
	}
	*fault = ddp_compare(d, e->tag, tag);
	if (*fault == ISCSIP_DDP_FOUND && d->connection_mask != 0 && conn != (tag & d->connection_mask))
		*fault = ISCSIP_DDP_FAULT_CONNECTION;
	return *fault == ISCSIP_DDP_FOUND ? e : NULL;
}

/* The part of a look-up that asks whose the tag is. Fills in all of hit but `at`. */
static struct ddp_entry *ddp_identify(const struct iscsip_ddp *d, const struct iscsip_ddp_query *q,
				      struct iscsip_ddp_hit *hit)
{
	enum iscsip_ddp_fault fault;
	struct ddp_entry *e = ddp_lookup(d, q->tag, q->conn, &fault);

	hit->at = (struct iscsip_vec_cursor){NULL, 0, 0};
	hit->index = q->tag >> d->shift;
	hit->owner = e ? e->owner : NULL;
	hit->aux = e ? &e->aux : NULL;
	hit->off = e ? e->off : 0;
	hit->len = e ? e->len : 0;
	if (e && (q->flags & ISCSIP_DDP_CHECK_TASK) != 0) {
		if (q->itt != e->itt)
			fault = ISCSIP_DDP_FAULT_TASK;
		else if (q->lun != e->lun && !(q->flags & ISCSIP_DDP_ANY_LUN))
			fault = ISCSIP_DDP_FAULT_LUN;
	}
	hit->fault = (uint8_t)fault;
	return fault == ISCSIP_DDP_FOUND ? e : NULL;
}

int iscsip_ddp_find(const struct iscsip_ddp *d, const struct iscsip_ddp_query *q, struct iscsip_ddp_hit *hit)
{
	return ddp_identify(d, q, hit) ? ISCSIP_OK : ISCSIP_ENOENT;
}

/* Bytes of the list in vec[piece]. */
static size_t ddp_piece_len(const struct ddp_entry *e, uint32_t piece)
{
	return piece == 0 ? e->vec[0].len - e->vec_off : e->vec[piece].len;
}

/* Moves the hint to the piece that holds byte rel of the range; rel < len, so there is one. */
static void ddp_seek(struct ddp_entry *e, uint32_t rel)
{
	while (rel < e->piece_at)
		e->piece_at -= (uint32_t)ddp_piece_len(e, --e->piece);
	while (rel - e->piece_at >= ddp_piece_len(e, e->piece))
		e->piece_at += (uint32_t)ddp_piece_len(e, e->piece++);
}

static enum iscsip_ddp_fault ddp_check_range(const struct ddp_entry *e, uint32_t off, uint32_t len)
{
	if (off < e->off)
		return ISCSIP_DDP_FAULT_BELOW;
	if (off - e->off > e->len || len > e->len - (off - e->off))
		return ISCSIP_DDP_FAULT_BEYOND;
	return len == 0 ? ISCSIP_DDP_FAULT_EMPTY : ISCSIP_DDP_FOUND;
}

int iscsip_ddp_place(struct iscsip_ddp *d, const struct iscsip_ddp_query *q, struct iscsip_ddp_hit *hit)
{
	struct ddp_entry *e = ddp_identify(d, q, hit);
	uint32_t rel;

	if (!e)
		return ISCSIP_ENOENT;
	hit->fault = (uint8_t)ddp_check_range(e, q->off, q->len);
	if (hit->fault != ISCSIP_DDP_FOUND)
		return ISCSIP_EINVAL;
	rel = q->off - e->off;
	ddp_seek(e, rel);
	hit->at.vec = e->vec + e->piece;
	hit->at.cnt = e->cnt - (int32_t)e->piece;
	hit->at.off = rel - e->piece_at + (e->piece == 0 ? e->vec_off : 0);
	return ISCSIP_OK;
}

int iscsip_vec_list(const struct iscsip_vec_cursor *at, size_t len, struct iscsip_vec *vec, int max,
		    size_t *listed)
{
	return cursor_list(at, len, vec, max, listed);
}

int iscsip_ddp_release(struct iscsip_ddp *d, uint32_t tag)
{
	enum iscsip_ddp_fault fault;
	struct ddp_entry *e = ddp_lookup(d, tag, tag & d->connection_mask, &fault);

	if (!e)
		return ISCSIP_ENOENT;
	e->tag = (tag & ~d->generation_mask) | ((tag + d->connection_mask + 1) & d->generation_mask);
	ddp_free_push(d, e, tag >> d->shift);
	d->bound--;
	return ISCSIP_OK;
}

uint32_t iscsip_ddp_bound(const struct iscsip_ddp *d)
{
	return d->bound;
}

uint32_t iscsip_ddp_entries(const struct iscsip_ddp *d)
{
	return d->entries;
}
