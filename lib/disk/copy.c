/* SPDX-License-Identifier: MIT */
/*
 * EXTENDED COPY (LID1) and RECEIVE COPY RESULTS (SPC-4 6.3, 6.4, 6.17): block to block, between units of this device that
 * the nexus may reach, named by the designators of their device identification page. The whole parameter list is
 * checked before the first block moves. Data goes through one buffer, or straight from memory to memory; after each part the
 * copy gives way to the host's loop, and looks again whether reservations still let it go on.
 */
#include "disk/disk.h"

enum {
	COPY_HEAD = 16,
	COPY_CSCD = 32,
	COPY_CSCD_MAX = 8,
	COPY_SEGMENT = 28,
	COPY_SEGMENT_MAX = 16,
	COPY_LISTS_MAX = COPY_CSCD_MAX * COPY_CSCD + COPY_SEGMENT_MAX * COPY_SEGMENT,
	CSCD_IDENTIFICATION = 0xe4,
	SEGMENT_BLOCK_TO_BLOCK = 0x02,
	SEGMENT_DC = 0x02,
	COPY_DONE = 1,
	COPY_FAILED = 2,
	COPY_BYTES_MAX = 1 << 30 /* of one segment */
};

/* --- naming units --------------------------------------------------------------------------------------------- */

/* The one unit that a descriptor names: code set, type, length and value of a designator. None, where it fits two. */
static struct disk_lun *cscd_lun(struct iscsip_disk *d, const uint8_t *cscd)
{
	struct iscsip_designator want = { ISCSIP_ASSOC_LUN, cscd[5] & 0x0f, cscd[4] & 0x0f, 0, cscd + 8, cscd[7] };
	struct disk_lun *found = NULL;
	uint32_t i;

	for (i = 0; i < d->luns_used && cscd[7] <= 20; i++) {
		struct disk_lun *lun = &d->luns[i];

		if (!lun->used || lun->gate & GATE_REMOVED || !iscsip__disk_lun_named(lun, &want))
			continue;
		if (found)
			return NULL;
		found = lun;
	}
	return found;
}

/* --- ends ----------------------------------------------------------------------------------------------------- */

static void copy_result(struct disk_req *r, uint8_t status)
{
	struct disk_lun *lun = r->lun;

	lun->copy_valid = true;
	lun->copy_owner = r->slot;
	lun->copy_id = iscsip__disk_parameter(r)[0];
	lun->copy_status = status;
	lun->copy_segments = (uint16_t)r->arg[0];
	lun->copy_bytes = r->arg[1];
}

/* A segment could not be done: COPY ABORTED, with its number (SPC-4 6.3.3). */
static void copy_abort(struct disk_req *r, uint16_t asc)
{
	struct iscsip_sense s;

	memset(&s, 0, sizeof s);
	s.key = ISCSIP_SENSE_COPY_ABORTED;
	s.asc = asc;
	s.csi_valid = true;
	s.csi = r->arg[0];
	copy_result(r, COPY_FAILED);
	iscsip__disk_sense(r, &s);
}

/* --- the segments --------------------------------------------------------------------------------------------- */

struct copy_segment {
	struct disk_lun *from, *to;
	uint64_t from_off, to_off, len; /* bytes */
};

static const uint8_t *copy_segment_at(const struct disk_req *r, uint64_t i)
{
	const uint8_t *p = iscsip__disk_parameter(r);

	return p + COPY_HEAD + load_be16(p + 2) + COPY_SEGMENT * i;
}

static bool copy_ready(const struct disk_req *r, const struct disk_lun *lun, bool write)
{
	const struct disk_itl *itl = disk_itl_at(lun, r->slot);
	uint32_t shut = GATE_NO_MEDIUM | GATE_SANITIZE | GATE_FORMAT | GATE_SANITIZE_FAILED | GATE_REMOVED;

	if (write)
		shut |= GATE_READ_ONLY | GATE_SWP | GATE_FAILED;
	return !(lun->gate & shut) && iscsip__disk_allowed(lun, itl, r->slot, write ? RES_WRITE : RES_READ);
}

static bool copy_range(const struct disk_lun *lun, uint64_t lba, uint64_t len, uint64_t *off)
{
	uint64_t blocks = len >> lun->shift;

	*off = disk_bytes(lun, lba);
	return lba <= lun->blocks && blocks <= lun->blocks - lba;
}

static bool copy_units(const struct disk_req *r, uint64_t i, struct copy_segment *s)
{
	const uint8_t *p = iscsip__disk_parameter(r), *g = copy_segment_at(r, i);

	s->from = cscd_lun(r->disk, p + COPY_HEAD + COPY_CSCD * (size_t)load_be16(g + 4));
	s->to = cscd_lun(r->disk, p + COPY_HEAD + COPY_CSCD * (size_t)load_be16(g + 6));
	return s->from && s->to;
}

/* Segment @i as bytes; false, and why, where it cannot be done. */
static bool copy_parse(const struct disk_req *r, uint64_t i, struct copy_segment *s, uint16_t *asc)
{
	const uint8_t *g = copy_segment_at(r, i);
	const struct disk_lun *counted;

	*asc = ISCSIP_ASC_COPY_TARGET_UNREACHABLE;
	if (!copy_units(r, i, s))
		return false;
	counted = g[1] & SEGMENT_DC ? s->to : s->from;
	s->len = disk_bytes(counted, load_be16(g + 10));
	/* what does not fill the last block of the other side would be residual data, which is not offered (CAT 0) */
	if (s->len & ((1u << s->from->shift) - 1) || s->len & ((1u << s->to->shift) - 1)) {
		*asc = ISCSIP_ASC_COPY_UNDERRUN;
		return false;
	}
	if (!copy_range(s->from, load_be64(g + 12), s->len, &s->from_off) ||
	    !copy_range(s->to, load_be64(g + 20), s->len, &s->to_off)) {
		*asc = ISCSIP_ASC_NONE;
		return false;
	}
	*asc = ISCSIP_ASC_THIRD_PARTY_FAILURE;
	return copy_ready(r, s->from, false) && copy_ready(r, s->to, true);
}

static void copy_next(struct disk_req *r);

/*
 * While a part is under way the units that it is read from and written to must not go; the destination also holds back
 * atomic commands (visited[1] is set from the moment when the write begins).
 */
static void copy_visit(struct disk_req *r, int which, struct disk_lun *lun)
{
	if (lun == r->lun)
		return;
	r->visited[which] = lun;
	lun->visitors++;
}

void iscsip__disk_copy_leave(struct disk_req *r)
{
	int i;

	for (i = 0; i < 2; i++) {
		struct disk_lun *lun = r->visited[i];

		if (!lun)
			continue;
		r->visited[i] = NULL;
		lun->visitors--;
		if (i == 1)
			iscsip__disk_foreign_leave(lun);
		if (lun->gate & GATE_REMOVED)
			iscsip__disk_lun_check_gone(lun);
	}
}

static void copy_stored(struct disk_req *r)
{
	iscsip__disk_copy_leave(r);
	if (r->result != ISCSIP_STORAGE_OK) {
		copy_abort(r, ISCSIP_ASC_THIRD_PARTY_FAILURE);
		return;
	}
	r->pos += r->step_len;
	r->arg[1] += r->step_len;
	r->step = copy_next;
	iscsip__disk_yield(r);
}

/* The part is in the scratch buffer now, so that source and destination may overlap. */
static void copy_fetched(struct disk_req *r)
{
	struct copy_segment s;
	uint16_t asc;
	bool good = copy_parse(r, r->arg[0], &s, &asc);

	if (r->flags & RQ_FETCHED) {
		iscsip__disk_copy_in(r->sub, r->sub_cnt, 0, r->scratch, r->step_len);
		iscsip__disk_fetched(r);
	}
	if (r->result != ISCSIP_STORAGE_OK || !good) {
		copy_abort(r, asc);
		return;
	}
	if (s.to != r->lun) {
		if (!iscsip__disk_foreign_enter(s.to, s.to_off + r->pos, r->step_len)) {
			iscsip__disk_copy_leave(r);
			iscsip__disk_wait_quiet(r, copy_next);
			return;
		}
		copy_visit(r, 1, s.to);
	}
	r->sub[0].base = r->scratch;
	r->sub[0].len = r->step_len;
	iscsip__disk_store(r, s.to, s.to_off + r->pos, r->sub, 1, r->step_len, 0, copy_stored);
}

static void copy_flushed(struct disk_req *r)
{
	iscsip__disk_copy_leave(r);
	if (r->result != ISCSIP_STORAGE_OK) {
		copy_abort(r, ISCSIP_ASC_THIRD_PARTY_FAILURE);
		return;
	}
	r->step = copy_next;
	r->flags |= RQ_READY;
}

/* A segment is through; where the unit that it went to has no cache it must be stable before the next, or GOOD. */
static bool copy_flushes(struct disk_req *r, const struct copy_segment *s)
{
	if (!(r->flags & RQ_UNSTABLE) || !disk_write_through(s->to) || s->len == 0)
		return false;
	copy_visit(r, 0, s->to);
	iscsip__disk_flush(r, s->to, s->to_off, s->len, copy_flushed);
	return true;
}

static void copy_next(struct disk_req *r)
{
	struct copy_segment s;
	uint16_t asc;
	uint64_t n;

	for (;; r->arg[0]++, r->pos = 0) {
		if (r->arg[0] == r->arg[2]) {
			copy_result(r, COPY_DONE);
			iscsip__disk_good(r);
			return;
		}
		if (!copy_parse(r, r->arg[0], &s, &asc)) {
			copy_abort(r, asc);
			return;
		}
		if (r->pos < s.len)
			break;
		if (copy_flushes(r, &s))
			return;
	}
	n = s.len - r->pos;
	if (n > r->disk->cfg.buffer_size)
		n = r->disk->cfg.buffer_size;
	copy_visit(r, 0, s.from);
	iscsip__disk_fetch(r, s.from, s.from_off + r->pos, n, copy_fetched);
}

/* --- the parameter list --------------------------------------------------------------------------------------- */

static bool copy_refuse(struct disk_req *r, uint16_t asc)
{
	iscsip__disk_fail(r, ISCSIP_SENSE_ILLEGAL_REQUEST, asc);
	return false;
}

static bool copy_cscds_fit(struct disk_req *r, const uint8_t *p, uint32_t count)
{
	uint32_t i;

	for (i = 0; i < count; i++) {
		const uint8_t *c = p + COPY_HEAD + COPY_CSCD * (size_t)i;

		if (c[0] != CSCD_IDENTIFICATION)
			return copy_refuse(r, ISCSIP_ASC_CSCD_TYPE);
		/* a unit, by a designator of its own; LU ID TYPE is obsolete, a null device (NUL) is not offered */
		if ((c[5] & 0x30) != 0 || c[7] > 20) {
			iscsip__disk_fail_parameter(r, (unsigned)(c - p) + (c[5] & 0x30 ? 5 : 7), 7);
			return false;
		}
		if ((c[1] & 0x1f) != 0 || c[1] & 0x20) {
			iscsip__disk_fail(r, ISCSIP_SENSE_COPY_ABORTED, ISCSIP_ASC_COPY_TARGET_TYPE);
			return false;
		}
		if (!cscd_lun(r->disk, c)) {
			iscsip__disk_fail(r, ISCSIP_SENSE_COPY_ABORTED, ISCSIP_ASC_COPY_TARGET_UNREACHABLE);
			return false;
		}
	}
	return true;
}

static bool copy_segments_fit(struct disk_req *r, const uint8_t *p, uint32_t cscds, uint32_t len, uint32_t *count)
{
	uint32_t at = COPY_HEAD + load_be16(p + 2), end = at + len;

	for (*count = 0; at < end; at += COPY_SEGMENT, ++*count) {
		const uint8_t *g = p + at;

		if (g[0] != SEGMENT_BLOCK_TO_BLOCK)
			return copy_refuse(r, ISCSIP_ASC_SEGMENT_TYPE);
		if (end - at < COPY_SEGMENT || load_be16(g + 2) != COPY_SEGMENT - 4) {
			iscsip__disk_fail_parameter(r, at + 2, 7);
			return false;
		}
		if (load_be16(g + 4) >= cscds || load_be16(g + 6) >= cscds) {
			iscsip__disk_fail(r, ISCSIP_SENSE_COPY_ABORTED, ISCSIP_ASC_UNREACHABLE_COPY_TARGET);
			return false;
		}
	}
	return true;
}

static void copy_given(struct disk_req *r)
{
	const uint8_t *p = iscsip__disk_parameter(r);
	uint32_t cscd_len = load_be16(p + 2), segment_len = load_be32(p + 8), inline_len = load_be32(p + 12);
	uint32_t cscds = cscd_len / COPY_CSCD, segments;

	r->pos = r->arg[0] = r->arg[1] = 0;
	if (segment_len > COPY_LISTS_MAX || cscd_len + segment_len > COPY_LISTS_MAX) {
		copy_refuse(r, ISCSIP_ASC_PARAMETER_LIST_LENGTH);
	} else if (inline_len) {
		copy_refuse(r, ISCSIP_ASC_INLINE_DATA_LENGTH);
	} else if (cscd_len % COPY_CSCD) {
		iscsip__disk_fail_parameter(r, 2, 7);
	} else if (cscds > COPY_CSCD_MAX) {
		copy_refuse(r, ISCSIP_ASC_TOO_MANY_CSCDS);
	} else if (segment_len > COPY_SEGMENT_MAX * COPY_SEGMENT) {
		copy_refuse(r, ISCSIP_ASC_TOO_MANY_SEGMENTS);
	} else if (COPY_HEAD + cscd_len + segment_len > r->take) {
		copy_refuse(r, ISCSIP_ASC_PARAMETER_LIST_LENGTH);
	} else if (copy_cscds_fit(r, p, cscds) && copy_segments_fit(r, p, cscds, segment_len, &segments)) {
		r->arg[2] = segments;
		copy_next(r);
	}
}

void iscsip__disk_extended_copy(struct disk_req *r)
{
	uint32_t len = load_be32(r->cdb + 10);

	r->out_total = len;
	if (len == 0)
		iscsip__disk_good(r);
	else if (len < COPY_HEAD || len > r->cmd->out_len || len > r->disk->cfg.buffer_size)
		copy_refuse(r, ISCSIP_ASC_PARAMETER_LIST_LENGTH);
	else
		iscsip__disk_collect(r, len, true, copy_given);
}

/* --- RECEIVE COPY RESULTS ------------------------------------------------------------------------------------- */

static void make_copy_status(struct disk_req *r, struct disk_out *o)
{
	const struct disk_lun *lun = r->lun;
	bool kib = lun->copy_bytes > UINT32_MAX;

	iscsip__disk_put32(o, 8);
	iscsip__disk_put8(o, lun->copy_status);
	iscsip__disk_put16(o, lun->copy_segments);
	iscsip__disk_put8(o, kib ? 1 : 0);
	iscsip__disk_put32(o, (uint32_t)(kib ? lun->copy_bytes >> 10 : lun->copy_bytes));
}

static void make_copy_parameters(struct disk_req *r, struct disk_out *o)
{
	iscsip__disk_put32(o, o->size > 4 ? (uint32_t)(o->size - 4) : 0);
	iscsip__disk_put32(o, 0);
	iscsip__disk_put16(o, COPY_CSCD_MAX);
	iscsip__disk_put16(o, COPY_SEGMENT_MAX);
	iscsip__disk_put32(o, COPY_LISTS_MAX);
	iscsip__disk_put32(o, COPY_BYTES_MAX);
	iscsip__disk_put_zero(o, 12); /* no inline data, no held data, no stream devices */
	iscsip__disk_put16(o, 0);
	iscsip__disk_put16(o, r->disk->cfg.max_commands);
	iscsip__disk_put8(o, r->disk->cfg.max_commands > 255 ? 255 : r->disk->cfg.max_commands);
	iscsip__disk_put8(o, r->lun->shift); /* granularity of data segments, a power of two */
	iscsip__disk_put16(o, 0);
	iscsip__disk_put_zero(o, 3);
	iscsip__disk_put8(o, 2);
	iscsip__disk_put8(o, SEGMENT_BLOCK_TO_BLOCK);
	iscsip__disk_put8(o, CSCD_IDENTIFICATION);
}

/* No failed segment is kept beyond what the sense data told. */
static void make_failed_segments(struct disk_req *r, struct disk_out *o)
{
	(void)r;
	iscsip__disk_put32(o, 0);
	iscsip__disk_put_zero(o, 56);
}

void iscsip__disk_receive_copy_results(struct disk_req *r)
{
	const struct disk_lun *lun = r->lun;
	uint32_t alloc = load_be32(r->cdb + 10);

	if (r->op->sa == 3) {
		iscsip__disk_reply(r, alloc, make_copy_parameters);
		return;
	}
	/* the result of one copy is kept, for the nexus that asked for it */
	if (!lun->copy_valid || lun->copy_owner != r->slot || lun->copy_id != r->cdb[2])
		iscsip__disk_fail_cdb(r, 2, 7);
	else
		iscsip__disk_reply(r, alloc, r->op->sa == 0 ? make_copy_status : make_failed_segments);
}
