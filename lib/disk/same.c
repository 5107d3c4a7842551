/* SPDX-License-Identifier: MIT */
/*
 * Commands on whole ranges that carry no data of their size: WRITE SAME (SBC-3 5.42, 5.43), UNMAP (5.28), GET LBA STATUS
 * (5.4). Zeroes are written without bytes where the storage can; ranges are given back where the initiator
 * asks for it and the unit is thin. Any other pattern is repeated through one buffer and stored, buffer after buffer,
 * giving way to the host's loop after each MiB.
 */
#include "disk/disk.h"

enum {
	SAME_UNMAP = 0x08,
	SAME_ANCHOR = 0x10,
	SAME_NDOB = 0x01,
	SAME_PART = 1 << 20
};

/* --- WRITE SAME ----------------------------------------------------------------------------------------------- */

static bool all_zero(const uint8_t *p, size_t n)
{
	return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

static void same_next(struct disk_req *r);

static void same_stored(struct disk_req *r)
{
	uint64_t before = r->pos;

	if (r->result != ISCSIP_STORAGE_OK) {
		iscsip__disk_fail_storage(r);
		return;
	}
	r->pos += r->step_len;
	r->step = same_next;
	if (before / SAME_PART != r->pos / SAME_PART)
		iscsip__disk_yield(r);
	else
		r->flags |= RQ_READY;
}

static void same_next(struct disk_req *r)
{
	uint64_t n = r->len - r->pos;

	if (n == 0) {
		r->lun->stats.write_bytes += r->len;
		iscsip__disk_written(r);
		return;
	}
	if (n > r->disk->cfg.buffer_size)
		n = r->disk->cfg.buffer_size;
	r->step_len = (uint32_t)n;
	r->sub[0].len = (size_t)n;
	iscsip__disk_store(r, r->lun, disk_bytes(r->lun, r->lba) + r->pos, r->sub, 1, n, 0, same_stored);
}

/* The block fills a buffer, over and over. */
static void same_repeat(struct disk_req *r, uint8_t *b, bool zero)
{
	size_t have = 1u << r->lun->shift, size = r->disk->cfg.buffer_size;

	if (zero)
		memset(b, 0, size);
	for (; have < size && !zero; have *= 2)
		memcpy(b + have, b, have);
	r->sub[0].base = b;
	same_next(r);
}

static void same_given(struct disk_req *r)
{
	const struct iscsip_storage_ops *ops = r->lun->ops;
	uint64_t off = disk_bytes(r->lun, r->lba);
	uint8_t *b = r->take ? r->vec[0].base : r->scratch;
	bool zero = r->take == 0 || all_zero(b, r->take);
	bool unmap = r->cdb[1] & SAME_UNMAP;
	uint8_t flags = iscsip__disk_wants_stable(r) ? ISCSIP_STORAGE_FUA : 0;

	if (zero && unmap)
		iscsip__disk_submit(r, r->lun, ISCSIP_STORAGE_UNMAP, off, r->len, NULL, 0,
				    flags | (r->cdb[1] & SAME_ANCHOR ? ISCSIP_STORAGE_ANCHOR : 0), iscsip__disk_written);
	else if (zero && ops->write_zeroes)
		iscsip__disk_submit(r, r->lun, ISCSIP_STORAGE_WRITE_ZEROES, off, r->len, NULL, 0, flags, iscsip__disk_written);
	else
		same_repeat(r, b, zero);
}

/* What UNMAP and ANCHOR ask for must be offered, and ANCHOR stands beside UNMAP only (SBC-3 table 99). */
static bool same_flags(struct disk_req *r)
{
	uint32_t flags = r->lun->cfg.flags;
	bool unmap = r->cdb[1] & SAME_UNMAP, anchor = r->cdb[1] & SAME_ANCHOR;

	if (anchor && (!unmap || !(flags & ISCSIP_LUN_ANCHOR))) {
		iscsip__disk_fail_cdb(r, 1, 4);
		return false;
	}
	if (unmap && !(flags & ISCSIP_LUN_THIN)) {
		iscsip__disk_fail_cdb(r, 1, 3);
		return false;
	}
	return true;
}

void iscsip__disk_write_same(struct disk_req *r)
{
	bool ndob = r->op->len == 16 && r->cdb[1] & SAME_NDOB;
	uint32_t block = 1u << r->lun->shift;

	if (!same_flags(r))
		return;
	iscsip__disk_parse(r);
	if (!iscsip__disk_in_range(r))
		return;
	if (r->blocks == 0)
		r->blocks = r->lun->blocks - r->lba; /* WSNZ is 0: no count means all */
	if (r->lun->cfg.max_write_same && r->blocks > r->lun->cfg.max_write_same) {
		iscsip__disk_fail_cdb(r, iscsip__disk_count_field(r), 7);
		return;
	}
	r->out_total = ndob ? 0 : block;
	if (!ndob && r->cmd->out_len != block) {
		iscsip__disk_fail(r, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_INVALID_FIELD_IN_UNIT);
		return;
	}
	r->len = disk_bytes(r->lun, r->blocks);
	if (r->len == 0)
		iscsip__disk_good(r);
	else
		iscsip__disk_collect(r, ndob ? 0 : block, ndob, same_given);
}

/* --- UNMAP ---------------------------------------------------------------------------------------------------- */

enum {
	UNMAP_HEAD = 8,
	UNMAP_DESCRIPTOR = 16
};

/* Descriptors that are whole; what is left over is not looked at (SBC-3 5.28.2). */
static uint32_t unmap_count(const struct disk_req *r, const uint8_t *p)
{
	uint32_t said = load_be16(p + 2), there = load_be16(r->cdb + 7) - UNMAP_HEAD;

	return (said < there ? said : there) / UNMAP_DESCRIPTOR;
}

static void unmap_next(struct disk_req *r)
{
	const uint8_t *p = iscsip__disk_parameter(r);
	const struct disk_lun *lun = r->lun;

	if (r->result != ISCSIP_STORAGE_OK) {
		iscsip__disk_fail_storage(r);
		return;
	}
	while (r->pos < r->arg[0]) {
		const uint8_t *d = p + UNMAP_HEAD + UNMAP_DESCRIPTOR * r->pos++;
		uint32_t blocks = load_be32(d + 8);

		if (blocks == 0)
			continue;
		iscsip__disk_submit(r, r->lun, ISCSIP_STORAGE_UNMAP, disk_bytes(lun, load_be64(d)), disk_bytes(lun, blocks), NULL,
				    0, r->cdb[1] & 1 ? ISCSIP_STORAGE_ANCHOR : 0, unmap_next);
		return;
	}
	iscsip__disk_written(r);
}

/* Nothing is unmapped before every descriptor is known to be good. */
static void unmap_given(struct disk_req *r)
{
	const uint8_t *p = iscsip__disk_parameter(r);
	const struct disk_lun *lun = r->lun;
	uint32_t i, count = unmap_count(r, p);
	uint64_t total = 0;

	if (count > lun->cfg.max_unmap_descriptors) {
		iscsip__disk_fail_parameter(r, 2, 7);
		return;
	}
	for (i = 0; i < count; i++) {
		const uint8_t *d = p + UNMAP_HEAD + UNMAP_DESCRIPTOR * (size_t)i;

		r->lba = load_be64(d);
		r->blocks = load_be32(d + 8);
		total += r->blocks;
		if (!iscsip__disk_in_range(r))
			return;
		if (total > lun->cfg.max_unmap) {
			iscsip__disk_fail_parameter(r, (unsigned)(UNMAP_HEAD + UNMAP_DESCRIPTOR * i + 8), 7);
			return;
		}
	}
	r->arg[0] = count;
	r->pos = 0;
	unmap_next(r);
}

void iscsip__disk_unmap(struct disk_req *r)
{
	uint32_t len = load_be16(r->cdb + 7), most = r->disk->cfg.buffer_size;

	r->out_total = len;
	if (r->cdb[1] & 1 && !(r->lun->cfg.flags & ISCSIP_LUN_ANCHOR))
		iscsip__disk_fail_cdb(r, 1, 0);
	else if (len == 0)
		iscsip__disk_good(r);
	else if (len < UNMAP_HEAD || len > r->cmd->out_len)
		iscsip__disk_fail(r, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_PARAMETER_LIST_LENGTH);
	else
		iscsip__disk_collect(r, len < most ? len : most, false, unmap_given);
}

/* --- GET LBA STATUS ------------------------------------------------------------------------------------------- */

enum {
	STATUS_HEAD = 8,
	STATUS_DESCRIPTOR = 16,
	STATUS_MOST = (DISK_SMALL - STATUS_HEAD) / STATUS_DESCRIPTOR
};

static void status_more(struct disk_req *r);

static void make_status(struct disk_req *r, struct disk_out *o)
{
	/* the descriptors were collected behind the head, at r->arg[1] of them */
	iscsip__disk_put32(o, 4 + STATUS_DESCRIPTOR * (uint32_t)r->arg[1]);
	iscsip__disk_put32(o, 0);
	iscsip__disk_put(o, r->small + STATUS_HEAD, STATUS_DESCRIPTOR * (size_t)r->arg[1]);
}

/* One extent more; one that goes on like the one before makes that longer. */
static void status_add(struct disk_req *r, uint64_t blocks, uint8_t provisioning)
{
	uint8_t *d = r->small + STATUS_HEAD + STATUS_DESCRIPTOR * r->arg[1];

	if (blocks > UINT32_MAX)
		blocks = UINT32_MAX;
	if (r->arg[1] && d[12 - STATUS_DESCRIPTOR] == provisioning &&
	    load_be32(d + 8 - STATUS_DESCRIPTOR) + blocks <= UINT32_MAX) {
		store_be32(d + 8 - STATUS_DESCRIPTOR, load_be32(d + 8 - STATUS_DESCRIPTOR) + (uint32_t)blocks);
	} else {
		memset(d, 0, STATUS_DESCRIPTOR);
		store_be64(d, r->lba);
		store_be32(d + 8, (uint32_t)blocks);
		d[12] = provisioning;
		r->arg[1]++;
	}
	r->lba += blocks;
}

/*
 * The storage tells bytes, and of a status that nobody knows nothing but that there may be data. A block of which a part has
 * space has space: what has it is rounded up, what has none is rounded down, and where that leaves no block it is one that
 * is mapped.
 */
static void status_told(struct disk_req *r)
{
	/* the unit may have shrunk meanwhile; below the block that was asked for, that one is told alone */
	uint64_t rest = r->lba < r->lun->blocks ? disk_bytes(r->lun, r->lun->blocks - r->lba) : 0;
	uint64_t len = r->st.len < rest ? r->st.len : rest;
	bool mapped = r->st.provisioning != ISCSIP_PROVISIONING_DEALLOCATED && r->st.provisioning != ISCSIP_PROVISIONING_ANCHORED;

	if (r->result != ISCSIP_STORAGE_OK) {
		iscsip__disk_fail_storage(r);
		return;
	}
	if (mapped)
		len += (1u << r->lun->shift) - 1;
	len >>= r->lun->shift;
	if (rest || r->arg[1] == 0)
		status_add(r, len ? len : 1, len && !mapped ? r->st.provisioning : ISCSIP_PROVISIONING_MAPPED);
	r->arg[2]++;
	status_more(r);
}

static void status_more(struct disk_req *r)
{
	struct disk_lun *lun = r->lun;

	/* the storage is asked a bounded number of times */
	if (r->lba >= lun->blocks || r->arg[1] == r->arg[0] || r->arg[2] == 2 * STATUS_MOST) {
		iscsip__disk_reply(r, load_be32(r->cdb + 10), make_status);
		return;
	}
	if (!lun->ops->lba_status) {
		status_add(r, lun->blocks - r->lba, ISCSIP_PROVISIONING_MAPPED);
		iscsip__disk_reply(r, load_be32(r->cdb + 10), make_status);
		return;
	}
	iscsip__disk_submit(r, lun, ISCSIP_STORAGE_LBA_STATUS, disk_bytes(lun, r->lba),
			    disk_bytes(lun, lun->blocks - r->lba), NULL, 0, 0, status_told);
}

void iscsip__disk_get_lba_status(struct disk_req *r)
{
	uint32_t alloc = load_be32(r->cdb + 10);

	r->lba = load_be64(r->cdb + 2);
	r->blocks = 1;
	if (!iscsip__disk_in_range(r))
		return;
	r->arg[0] = alloc < STATUS_HEAD + 2 * STATUS_DESCRIPTOR ? 1 : (alloc - STATUS_HEAD) / STATUS_DESCRIPTOR;
	if (r->arg[0] > STATUS_MOST)
		r->arg[0] = STATUS_MOST;
	r->arg[1] = r->arg[2] = 0;
	status_more(r);
}
