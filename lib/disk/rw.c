/* SPDX-License-Identifier: MIT */
/*
 * READ and WRITE (SBC-3 5.8 to 5.13, 5.37 to 5.41), the commands that everything is built for.
 *
 * READ goes in pieces: what the storage names in its memory is sent from there, what it does not is read into buffers of
 * the disk, as many as are free; the next piece is begun when the one before has been sent. With a disk in memory there
 * is one piece and no wait. Data that goes out under a digest is copied into buffers first, because the digest would be
 * wrong as soon as somebody writes those blocks. WRITE has its memory from `place`, or names it here: the medium's own,
 * or buffers that are written once all bytes are in. What is written are the bytes that both the CDB and the initiator's
 * expected length cover, to the last.
 */
#include "disk/disk.h"

/* LBA and count are good; r->len is what the CDB asks for, in bytes. */
static bool rw_parse(struct disk_req *r)
{
	iscsip__disk_parse(r);
	r->len = disk_bytes(r->lun, r->blocks);
	if (disk_lies_within(r) && r->len <= r->lun->cfg.max_transfer)
		return true;
	if (iscsip__disk_in_range(r))
		iscsip__disk_fail_cdb(r, iscsip__disk_count_field(r), 7);
	return false;
}

/* --- READ ----------------------------------------------------------------------------------------------------- */

static void read_next(struct disk_req *r);

/* The transport does not take what it asked for. */
static void read_untaken(struct disk_req *r)
{
	iscsip__disk_fail(r, ISCSIP_SENSE_ABORTED_COMMAND, ISCSIP_ASC_INTERNAL_FAILURE);
}

/* @n bytes at r->vec go out. */
static void read_send(struct disk_req *r, uint32_t n)
{
	r->pos += n;
	if (r->pos < r->len) {
		/* before the call: `sent` may come inside it */
		r->step = read_next;
		r->flags |= RQ_WAITING;
		if (iscsip_cmd_send_data(r->cmd, r->vec, r->cnt, n, false) != ISCSIP_OK)
			read_untaken(r);
	} else if (iscsip_cmd_send_data(r->cmd, r->vec, r->cnt, n, true) != ISCSIP_OK) {
		read_untaken(r);
	} else {
		r->lun->stats.read_bytes += r->len;
		iscsip__disk_good(r);
	}
}

static void read_filled(struct disk_req *r)
{
	if (r->result != ISCSIP_STORAGE_OK)
		iscsip__disk_fail_storage(r);
	else
		read_send(r, (uint32_t)r->st.len);
}

/* As many buffers as are free, at least one. */
static void read_buffered(struct disk_req *r, uint64_t off)
{
	struct iscsip_disk *d = r->disk;
	uint64_t n = r->len - r->pos, most;

	most = iscsip__disk_share_room(r, iscsip__disk_write_max(d) / d->cfg.buffer_size) * d->cfg.buffer_size;
	if (n > most)
		n = most;
	if (n == 0 || !iscsip__disk_take(r, n, false)) {
		iscsip__disk_wait_memory(r, 1, read_next);
		return;
	}
	iscsip__disk_submit(r, r->lun, ISCSIP_STORAGE_READ, off, n, r->vec, r->cnt, 0, read_filled);
}

/* The storage names @n pieces of its memory. */
static void read_pinned(struct disk_req *r, int n)
{
	uint64_t have = r->vec[0].len, rest = r->len - r->pos;
	int i;

	for (i = 1; i < n; i++)
		have += r->vec[i].len;
	r->cnt = (uint16_t)n;
	r->pin_len = have < rest ? have : rest;
	r->flags |= RQ_PIN_READ;
	read_send(r, (uint32_t)r->pin_len);
}

/* The same, but what lies there may be overwritten before all of it has gone out. */
static void read_copied(struct disk_req *r, int n)
{
	const struct disk_lun *lun = r->lun;
	uint64_t have = r->sub[0].len, at = 0, rest = r->len - r->pos, len, size = r->disk->cfg.buffer_size;
	uint64_t room = iscsip__disk_share_room(r, iscsip__disk_write_max(r->disk) / size) * size;
	int i;

	for (i = 1; i < n; i++)
		have += r->sub[i].len;
	len = have = have < rest ? have : rest;
	len = len < room ? len : room;
	if (len && iscsip__disk_take(r, len, false)) {
		for (i = 0; i < r->cnt; at += r->vec[i++].len)
			iscsip__disk_copy_in(r->sub, n, at, r->vec[i].base, r->vec[i].len);
	}
	if (lun->ops->unpin)
		lun->ops->unpin(lun->user, r->pin_off, have, false);
	if (at)
		read_send(r, (uint32_t)len);
	else
		iscsip__disk_wait_memory(r, 1, read_next);
}

static void read_refused(struct disk_req *r, int why)
{
	r->st.op = ISCSIP_STORAGE_READ;
	r->st.error_offset = r->pin_off;
	r->result = (uint8_t)why;
	iscsip__disk_fail_storage(r);
}

static void read_next(struct disk_req *r)
{
	const struct disk_lun *lun = r->lun;
	bool aside = disk_aside(r);
	int n = 0;

	/* the piece before this one has been sent */
	if (r->flags & RQ_PIN_READ)
		iscsip__disk_unpin(r);
	disk_give(r);
	r->pin_off = disk_bytes(lun, r->lba) + r->pos;
	if (disk_late_holds(r, lun, r->pin_off, r->len - r->pos, read_next))
		return;
	if (lun->ops->pin)
		n = lun->ops->pin(lun->user, r->pin_off, r->len - r->pos, false, aside ? r->sub : r->vec,
				  r->disk->cfg.max_pieces);
	if (n > 0 && aside)
		read_copied(r, n);
	else if (n > 0)
		read_pinned(r, n);
	else if (n == 0 && lun->ops->read)
		read_buffered(r, r->pin_off);
	else
		read_refused(r, n ? -n : ISCSIP_STORAGE_HARDWARE);
}

/* FUA: the medium has what the cache had (SBC-3 5.8). */
static void read_flushed(struct disk_req *r)
{
	if (r->result != ISCSIP_STORAGE_OK)
		iscsip__disk_fail_storage(r);
	else
		read_next(r);
}

void iscsip__disk_read(struct disk_req *r)
{
	if (!rw_parse(r))
		return;
	r->in_total = r->len;
	/* blocks that the initiator has no room for are not read; the transport cuts the last one and tells the residual */
	if (r->len > r->cmd->in_len) {
		uint64_t block = 1u << r->lun->shift;

		r->len = (r->cmd->in_len + block - 1) & ~(block - 1);
	}
	if (r->len == 0)
		iscsip__disk_good(r);
	else if (r->cdb[1] & ISCSIP_CDB_FUA && r->op->flags & OP_FUA)
		iscsip__disk_flush(r, r->lun, disk_bytes(r->lun, r->lba), r->len, read_flushed);
	else
		read_next(r);
}

/* --- WRITE ---------------------------------------------------------------------------------------------------- */

static void write_done(struct disk_req *r)
{
	if (r->result != ISCSIP_STORAGE_OK) {
		iscsip__disk_fail_storage(r);
		return;
	}
	r->lun->stats.write_bytes += r->take;
	disk_give(r); /* the next command's data lands where these bytes are in the cache of the CPU */
	iscsip__disk_written(r);
}

static uint8_t write_flags(const struct disk_req *r)
{
	return iscsip__disk_wants_stable(r) ? ISCSIP_STORAGE_FUA : 0;
}

/* All bytes are in their place. */
static void write_landed(struct disk_req *r)
{
	if (r->flags & RQ_PINNED) {
		bool spoilt = r->lun->late && iscsip__disk_late_over(r, r->lun, r->pin_off, r->take);

		iscsip__disk_unpin(r);
		if (spoilt) {
			/* data of an aborted command lands in the same blocks: whose bytes will stand there nobody knows */
			iscsip__disk_fail(r, ISCSIP_SENSE_ABORTED_COMMAND, ISCSIP_ASC_INTERNAL_FAILURE);
			return;
		}
		if (r->lun->ops->flush)
			r->flags |= RQ_UNSTABLE;
		/* it was let in before the unit failed, and its bytes may be among the lost */
		if (r->lun->gate & GATE_FAILED)
			r->result = DISK_FAILED;
		write_done(r);
		return;
	}
	r->sub_cnt = (uint16_t)iscsip__disk_slice(r->vec, r->cnt, 0, r->take, r->sub, r->disk->cfg.max_pieces);
	iscsip__disk_store(r, r->lun, disk_bytes(r->lun, r->lba), r->sub, r->sub_cnt, r->take, write_flags(r), write_done);
}

/*
 * The initiator sends less than the CDB asks for, and its last bytes are a part of a block: they are written, and the rest
 * of that block stays as it was (the residual tells the initiator what was missing). The block is read, mended, and
 * written behind the whole ones.
 */
static void write_part_store(struct disk_req *r)
{
	uint32_t part = r->take & ((1u << r->lun->shift) - 1), whole = r->take - part;

	if (r->result != ISCSIP_STORAGE_OK) {
		iscsip__disk_fail_storage(r);
		return;
	}
	r->sub[0].base = r->scratch;
	r->sub[0].len = 1u << r->lun->shift;
	iscsip__disk_store(r, r->lun, disk_bytes(r->lun, r->lba) + whole, r->sub, 1, r->sub[0].len,
			   write_flags(r), write_done);
}

static void write_part_mend(struct disk_req *r)
{
	uint32_t block = 1u << r->lun->shift, part = r->take & (block - 1), whole = r->take - part;

	if (r->result != ISCSIP_STORAGE_OK) {
		iscsip__disk_fail_storage(r);
		return;
	}
	if (r->flags & RQ_FETCHED) {
		iscsip__disk_copy_in(r->sub, r->sub_cnt, 0, r->scratch, block);
		iscsip__disk_fetched(r);
	}
	iscsip__disk_copy_in(r->vec, r->cnt, whole, r->scratch, part);
	if (whole == 0) {
		write_part_store(r);
		return;
	}
	r->sub_cnt = (uint16_t)iscsip__disk_slice(r->vec, r->cnt, 0, whole, r->sub, r->disk->cfg.max_pieces);
	iscsip__disk_store(r, r->lun, disk_bytes(r->lun, r->lba), r->sub, r->sub_cnt, whole,
			   write_flags(r), write_part_store);
}

static void write_part_landed(struct disk_req *r)
{
	uint32_t block = 1u << r->lun->shift;

	iscsip__disk_fetch(r, r->lun, disk_bytes(r->lun, r->lba) + (r->take & ~(block - 1)), block, write_part_mend);
}

/* Where the header found no place for the data, or only a place without scratch. */
static void write_part(struct disk_req *r, uint32_t take)
{
	if (r->flags & RQ_BUFFER && !r->scratch && !iscsip__disk_take_scratch(r))
		iscsip__disk_busy(r);
	else
		iscsip__disk_collect(r, take, true, write_part_landed);
}

void iscsip__disk_write(struct disk_req *r)
{
	uint32_t take;

	if (r->flags & RQ_CHECKED) {
		r->out_total = disk_bytes(r->lun, r->blocks);
		iscsip__disk_request(r, write_landed);
		return;
	}
	if (!rw_parse(r))
		return;
	r->out_total = r->len;
	take = r->len < r->cmd->out_len ? (uint32_t)r->len : r->cmd->out_len;
	if (take == 0) {
		iscsip__disk_good(r);
		return;
	}
	if (take & ((1u << r->lun->shift) - 1)) {
		write_part(r, take);
		return;
	}
	if (!(r->flags & RQ_BUFFER) && r->lun->ops->pin &&
	    disk_late_holds(r, r->lun, disk_bytes(r->lun, r->lba), take, iscsip__disk_write))
		return;
	if (!(r->flags & RQ_BUFFER) && iscsip__disk_pin_out(r, disk_bytes(r->lun, r->lba), take) &&
	    !iscsip__disk_name_buffer(r, take, false)) {
		iscsip__disk_unpin(r);
		r->cnt = 0;
	}
	iscsip__disk_collect(r, take, false, write_landed);
}

/*
 * WRITE AND VERIFY: what is written and stable has been verified as far as a virtual medium can be. BYTCHK 00b and 01b only say
 * how to verify; the table of commands refuses the others (SBC-3 5.41).
 */
void iscsip__disk_write_verify(struct disk_req *r)
{
	iscsip__disk_write(r);
}

/*
 * WRITE ATOMIC(16) (SBC-4): all or nothing. All data is in buffers before the first byte is written, and no other
 * command touches the blocks meanwhile; the storage gets one write.
 */
void iscsip__disk_write_atomic(struct disk_req *r)
{
	if (!rw_parse(r))
		return;
	/* ATOMIC BOUNDARY is not offered: MAXIMUM ATOMIC BOUNDARY SIZE is 0 */
	if (load_be16(r->cdb + 10)) {
		iscsip__disk_fail_cdb(r, 10, 7);
		return;
	}
	if (r->blocks > r->lun->cfg.max_atomic) {
		iscsip__disk_fail_cdb(r, 12, 7);
		return;
	}
	r->out_total = r->len;
	if (r->len == 0)
		iscsip__disk_good(r);
	else if (r->cmd->out_len < r->len)
		iscsip__disk_fail(r, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_INVALID_FIELD_IN_UNIT); /* a part is not atomic */
	else
		iscsip__disk_collect(r, (uint32_t)r->len, false, write_landed);
}
