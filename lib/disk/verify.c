/* SPDX-License-Identifier: MIT */
/*
 * Commands that look at the medium before they answer: VERIFY (SBC-3 5.34 to 5.36), COMPARE AND WRITE (5.2), ORWRITE
 * (5.6). All walk their range in the parts that iscsip__disk_fetch() shows, with their data-out complete in buffers. The
 * atomic ones hold their blocks in the task set, so nothing changes between the comparison and the write.
 */
#include "disk/disk.h"

enum {
	PART = 1 << 20 /* bytes after which long work gives way */
};

/* Goes on with the range after @n bytes more of it. */
static void range_next(struct disk_req *r, uint64_t n, disk_step *step)
{
	uint64_t before = r->pos;

	r->pos += n;
	r->step = step;
	if (before / PART != r->pos / PART)
		iscsip__disk_yield(r);
	else
		r->flags |= RQ_READY;
}

static void range_fetch(struct disk_req *r, disk_step *step)
{
	uint64_t rest = r->len - r->pos;

	iscsip__disk_fetch(r, r->lun, disk_bytes(r->lun, r->lba) + r->pos, rest < PART ? rest : PART, step);
}

/* First difference between @n bytes at @a and the data-out from @off on; @n where there is none. */
static uint32_t compare_piece(const struct disk_req *r, const uint8_t *a, uint32_t n, uint64_t off)
{
	uint32_t done = 0;
	int i;

	for (i = 0; i < r->cnt && done < n; i++) {
		size_t m = r->vec[i].len;
		const uint8_t *b = r->vec[i].base;

		if (off >= m) {
			off -= m;
			continue;
		}
		b += off;
		m -= (size_t)off;
		off = 0;
		if (m > n - done)
			m = n - done;
		if (memcmp(a + done, b, m) != 0) {
			/* bounded: memory of the storage may have been changed by others in between */
			while (m > 1 && a[done] == *b) {
				done++;
				b++;
				m--;
			}
			return done;
		}
		done += (uint32_t)m;
	}
	return n;
}

/* The same for a part of the medium against data of @period bytes that repeats. */
static uint32_t compare_part(const struct disk_req *r, uint64_t period)
{
	uint32_t at = 0;
	int i;

	for (i = 0; i < r->sub_cnt && at < r->step_len; i++) {
		const uint8_t *a = r->sub[i].base;
		size_t left = r->sub[i].len;

		while (left > 0 && at < r->step_len) {
			uint64_t off = (r->pos + at) % period;
			uint64_t n = period - off;
			uint32_t same;

			if (n > left)
				n = left;
			if (n > r->step_len - at)
				n = r->step_len - at;
			same = compare_piece(r, a, (uint32_t)n, off);
			at += same;
			if (same < n)
				return at;
			a += n;
			left -= (size_t)n;
		}
	}
	return at;
}

/* The data-out that the command must have, exactly. */
static bool exact_data(struct disk_req *r, uint64_t want)
{
	r->out_total = want;
	if (r->cmd->out_len == want)
		return true;
	iscsip__disk_fail(r, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_INVALID_FIELD_IN_UNIT);
	return false;
}

static bool needs_scratch(const struct disk_req *r)
{
	return r->lun->ops->read != NULL;
}

/* --- VERIFY --------------------------------------------------------------------------------------------------- */

static void verify_next(struct disk_req *r);

static void verify_part(struct disk_req *r)
{
	uint32_t n = r->step_len, same = n;

	if (r->result != ISCSIP_STORAGE_OK) {
		iscsip__disk_fail_storage(r);
		return;
	}
	if (r->take)
		same = compare_part(r, r->arg[0]);
	iscsip__disk_fetched(r);
	if (same < n)
		iscsip__disk_fail_info(r, ISCSIP_SENSE_MISCOMPARE, ISCSIP_ASC_MISCOMPARE,
				       r->lba + ((r->pos + same) >> r->lun->shift));
	else
		range_next(r, n, verify_next);
}

static void verify_next(struct disk_req *r)
{
	if (r->pos == r->len)
		iscsip__disk_good(r);
	else
		range_fetch(r, verify_part);
}

/* BYTCHK: 0 only the medium, 1 against as much data, 3 against one block of data for all. */
void iscsip__disk_verify(struct disk_req *r)
{
	unsigned bytchk = r->cdb[1] >> 1 & 3;
	uint64_t block = 1u << r->lun->shift, want;

	if (bytchk == 2) {
		iscsip__disk_fail_cdb(r, 1, 2);
		return;
	}
	iscsip__disk_parse(r);
	if (!iscsip__disk_in_range(r))
		return;
	r->len = disk_bytes(r->lun, r->blocks);
	want = bytchk == 0 || r->blocks == 0 ? 0 : bytchk == 1 ? r->len : block;
	if (want > iscsip__disk_write_max(r->disk)) {
		iscsip__disk_fail_cdb(r, iscsip__disk_count_field(r), 7);
		return;
	}
	/* with BYTCHK 0 there is no data-out, whatever the initiator announced */
	if (want && !exact_data(r, want))
		return;
	r->arg[0] = bytchk == 3 ? block : want;
	iscsip__disk_collect(r, (uint32_t)want, needs_scratch(r), verify_next);
}

/* --- COMPARE AND WRITE ---------------------------------------------------------------------------------------- */

static void caw_stored(struct disk_req *r)
{
	if (r->result == ISCSIP_STORAGE_OK)
		r->lun->stats.write_bytes += r->len;
	iscsip__disk_written(r);
}

/* What is written begins at data-out @off. */
static void store_data(struct disk_req *r, uint64_t off)
{
	uint8_t flags = iscsip__disk_wants_stable(r) ? ISCSIP_STORAGE_FUA : 0;

	r->sub_cnt = (uint16_t)iscsip__disk_slice(r->vec, r->cnt, off, r->len, r->sub, r->disk->cfg.max_pieces);
	iscsip__disk_store(r, r->lun, disk_bytes(r->lun, r->lba), r->sub, r->sub_cnt, r->len, flags, caw_stored);
}

static void caw_next(struct disk_req *r);

static void caw_part(struct disk_req *r)
{
	uint32_t n = r->step_len, same;

	if (r->result != ISCSIP_STORAGE_OK) {
		iscsip__disk_fail_storage(r);
		return;
	}
	same = compare_part(r, r->len);
	iscsip__disk_fetched(r);
	if (same < n) {
		/* INFORMATION is the offset of the first difference in the data (SBC-3 5.2) */
		iscsip__disk_fail_info(r, ISCSIP_SENSE_MISCOMPARE, ISCSIP_ASC_MISCOMPARE, r->pos + same);
		return;
	}
	r->pos += n;
	r->step = caw_next;
	r->flags |= RQ_READY;
}

static void caw_next(struct disk_req *r)
{
	if (r->pos == r->len)
		store_data(r, r->len);
	else
		range_fetch(r, caw_part);
}

void iscsip__disk_compare_and_write(struct disk_req *r)
{
	iscsip__disk_parse(r);
	if (r->blocks > r->lun->cfg.max_compare) {
		iscsip__disk_fail_cdb(r, 13, 7);
		return;
	}
	if (!iscsip__disk_in_range(r))
		return;
	r->len = disk_bytes(r->lun, r->blocks);
	r->out_total = 2 * r->len;
	/* a count that the data does not bear out is not acted on: neither half could be told from the other */
	if (r->cmd->out_len != r->out_total)
		iscsip__disk_fail_cdb(r, 13, 7);
	else if (r->len == 0)
		iscsip__disk_good(r);
	else
		iscsip__disk_collect(r, (uint32_t)(2 * r->len), needs_scratch(r), caw_next);
}

/* --- ORWRITE -------------------------------------------------------------------------------------------------- */

static void orwrite_next(struct disk_req *r);

/* The medium's bits are added to the data in the buffers. */
static void or_part(struct disk_req *r)
{
	uint64_t off = r->pos;
	uint32_t left = r->step_len;
	int i;

	for (i = 0; i < r->sub_cnt && left > 0; i++) {
		const uint8_t *a = r->sub[i].base;
		size_t n = r->sub[i].len < left ? r->sub[i].len : left;

		left -= (uint32_t)n;
		while (n > 0) {
			struct iscsip_vec to;
			uint8_t *b;
			size_t k;

			iscsip__disk_slice(r->vec, r->cnt, off, n, &to, 1);
			b = to.base;
			for (k = 0; k < to.len; k++)
				b[k] |= a[k];
			a += to.len;
			off += to.len;
			n -= to.len;
		}
	}
}

static void orwrite_part(struct disk_req *r)
{
	uint32_t n = r->step_len;

	if (r->result != ISCSIP_STORAGE_OK) {
		iscsip__disk_fail_storage(r);
		return;
	}
	or_part(r);
	iscsip__disk_fetched(r);
	r->pos += n;
	r->step = orwrite_next;
	r->flags |= RQ_READY;
}

static void orwrite_next(struct disk_req *r)
{
	if (r->pos == r->len)
		store_data(r, 0);
	else
		range_fetch(r, orwrite_part);
}

void iscsip__disk_orwrite(struct disk_req *r)
{
	iscsip__disk_parse(r);
	if (!iscsip__disk_in_range(r))
		return;
	r->len = disk_bytes(r->lun, r->blocks);
	if (r->len > iscsip__disk_write_max(r->disk) || r->len > r->lun->cfg.max_transfer)
		iscsip__disk_fail_cdb(r, 10, 7);
	else if (r->len == 0)
		iscsip__disk_good(r);
	else if (exact_data(r, r->len))
		iscsip__disk_collect(r, (uint32_t)r->len, needs_scratch(r), orwrite_next);
}
