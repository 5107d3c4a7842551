/* SPDX-License-Identifier: MIT */
/*
 * The storage below a request: the one place that calls the host's storage functions for data, and the answers.
 *
 * Three primitives on which all block commands stand. *fetch* shows a part of the medium: the storage's own memory where
 * it names it, else the request's scratch buffer after a read. *store* puts bytes on the medium: by copying into the
 * storage's memory, or with a write. *flush* (stable.c) makes the medium stable. Each ends by calling a step of the request, at
 * once or later, with r->result telling how it went; an answer inside the call only marks the request READY.
 *
 * Here is the door that every way to the medium leads through: what overlaps the bytes of an aborted command that may
 * still change them waits (late.c), and then comes here again with what stands in r->st.
 */
#include "disk/disk.h"

static void submit_call(const struct iscsip_storage_ops *ops, void *user, struct iscsip_storage_req *st)
{
	switch (st->op) {
	case ISCSIP_STORAGE_READ:
		ops->read(user, st);
		break;
	case ISCSIP_STORAGE_WRITE:
		ops->write(user, st);
		break;
	case ISCSIP_STORAGE_FLUSH:
		ops->flush(user, st);
		break;
	case ISCSIP_STORAGE_UNMAP:
		ops->unmap(user, st);
		break;
	case ISCSIP_STORAGE_WRITE_ZEROES:
		ops->write_zeroes(user, st);
		break;
	case ISCSIP_STORAGE_LBA_STATUS:
		ops->lba_status(user, st);
		break;
	case ISCSIP_STORAGE_PRE_FETCH:
		ops->pre_fetch(user, st);
		break;
	case ISCSIP_STORAGE_ERASE:
		ops->erase(user, st);
		break;
	default:
		ops->commit(user, st);
		break;
	}
}

static void door_set(struct disk_req *r, struct disk_lun *lun, uint8_t op, uint64_t off, uint64_t len,
		     const struct iscsip_vec *vec, int cnt, uint8_t flags)
{
	memset(&r->st, 0, sizeof r->st);
	r->st_lun = lun;
	r->st.op = op;
	r->st.flags = flags;
	r->st.offset = off;
	r->st.error_offset = off;
	r->st.len = len;
	r->st.vec = vec;
	r->st.cnt = cnt;
}

/* Whether the door is shut for what stands in r->st: @again comes later, and finds the step that was to follow in r->onward. */
static bool door_shut(struct disk_req *r, disk_step *step, disk_step *again)
{
	/* no range is all of the unit */
	if (r->st.op == ISCSIP_STORAGE_COMMIT ||
	    !iscsip__disk_late_holds(r, r->st_lun, r->st.offset, r->st.len ? r->st.len : UINT64_MAX - r->st.offset, again))
		return false;
	r->onward = step;
	return true;
}

static void submit_again(struct disk_req *r)
{
	const struct iscsip_storage_req st = r->st;

	iscsip__disk_submit(r, r->st_lun, st.op, st.offset, st.len, st.vec, st.cnt, st.flags, r->onward);
}

/* One request to the storage of @lun, which need not be the unit that the command was sent to (EXTENDED COPY). */
void iscsip__disk_submit(struct disk_req *r, struct disk_lun *lun, uint8_t op, uint64_t off, uint64_t len,
			 const struct iscsip_vec *vec, int cnt, uint8_t flags, disk_step *step)
{
	door_set(r, lun, op, off, len, vec, cnt, flags);
	if (lun->late && door_shut(r, step, submit_again))
		return;
	if (op != ISCSIP_STORAGE_READ && !iscsip__disk_sync_begin(r, lun)) {
		iscsip__disk_at_once(r, DISK_FAILED, step);
		return;
	}
	r->step = step;
	r->flags |= RQ_STORAGE;
	submit_call(lun->ops, lun->user, &r->st);
}

void iscsip_storage_done(struct iscsip_storage_req *req, enum iscsip_storage_result result)
{
	struct disk_req *r = (struct disk_req *)(void *)req;
	struct iscsip_disk *d = r->disk;

	r->flags &= ~(uint32_t)RQ_STORAGE;
	r->result = (uint8_t)result;
	if (disk_syncs(req))
		iscsip__disk_sync_end(r);
	if (r->flags & RQ_LATE)
		iscsip__disk_late_end(r);
	else if (r->st_lun->late && iscsip__disk_late_again(r) && door_shut(r, r->step, submit_again))
		return;
	if (r->flags & RQ_ABORTED)
		d->kick = true;
	if (req->op == ISCSIP_STORAGE_COMMIT)
		iscsip__disk_committed(r); /* what is stable counts, also where nobody waits for it any more */
	iscsip__disk_resume(r);
	if (d->kick)
		iscsip__disk_settle(d);
}

/* The answer is known without the storage. */
void iscsip__disk_at_once(struct disk_req *r, int result, disk_step *step)
{
	r->result = (uint8_t)result;
	r->step = step;
	r->flags |= RQ_READY;
}

static uint64_t vec_bytes(const struct iscsip_vec *vec, int cnt)
{
	uint64_t n = vec[0].len;
	int i;

	for (i = 1; i < cnt; i++)
		n += vec[i].len;
	return n;
}

static void pin_undo(const struct disk_lun *lun, uint64_t off, uint64_t len, bool write)
{
	if (lun->ops->unpin)
		lun->ops->unpin(lun->user, off, len, write);
}

/* Lets data-out land in the medium itself: all of [off, off + len) at r->vec, or nothing. */
bool iscsip__disk_pin_out(struct disk_req *r, uint64_t off, uint32_t len)
{
	struct disk_lun *lun = r->lun;
	int n;

	if (!lun->ops->pin || disk_aside(r) || (lun->late && iscsip__disk_late_over(r, lun, off, len)))
		return false;
	n = lun->ops->pin(lun->user, off, len, true, r->vec, r->disk->cfg.max_pieces);
	if (n <= 0)
		return false;
	if (vec_bytes(r->vec, n) < len) {
		pin_undo(lun, off, vec_bytes(r->vec, n), false);
		return false;
	}
	r->cnt = (uint16_t)n;
	r->pin_off = off;
	r->pin_len = len;
	r->flags |= RQ_PINNED;
	return true;
}

static void fetch_again(struct disk_req *r)
{
	iscsip__disk_fetch(r, r->st_lun, r->st.offset, r->st.len, r->onward);
}

/* Shows @len bytes from @off on, or the first r->step_len of them, at r->sub until iscsip__disk_fetched(). */
void iscsip__disk_fetch(struct disk_req *r, struct disk_lun *lun, uint64_t off, uint64_t len, disk_step *step)
{
	int n = 0;

	door_set(r, lun, ISCSIP_STORAGE_READ, off, len, NULL, 0, 0);
	if (lun->late && door_shut(r, step, fetch_again))
		return;
	if (lun->ops->pin)
		n = lun->ops->pin(lun->user, off, len, false, r->sub, r->disk->cfg.max_pieces);
	if (n < 0) {
		iscsip__disk_at_once(r, -n, step);
		return;
	}
	if (n > 0) {
		uint64_t have = vec_bytes(r->sub, n);

		r->sub_cnt = (uint16_t)n;
		r->step_len = (uint32_t)(have < len ? have : len);
		r->fetch_lun = lun;
		r->fetch_off = off;
		r->flags |= RQ_FETCHED;
		iscsip__disk_at_once(r, ISCSIP_STORAGE_OK, step);
		return;
	}
	if (!r->scratch || !lun->ops->read) {
		iscsip__disk_at_once(r, ISCSIP_STORAGE_HARDWARE, step);
		return;
	}
	r->step_len = (uint32_t)(len < r->disk->cfg.buffer_size ? len : r->disk->cfg.buffer_size);
	r->sub[0].base = r->scratch;
	r->sub[0].len = r->step_len;
	r->sub_cnt = 1;
	iscsip__disk_submit(r, lun, ISCSIP_STORAGE_READ, off, r->step_len, r->sub, 1, 0, step);
}

void iscsip__disk_fetched(struct disk_req *r)
{
	if (!(r->flags & RQ_FETCHED))
		return;
	r->flags &= ~(uint32_t)RQ_FETCHED;
	pin_undo(r->fetch_lun, r->fetch_off, r->step_len, false);
}

/* Copies into the storage's own memory; 0: it names none, negative: minus a result. */
static int store_pinned(struct disk_lun *lun, uint64_t off, const struct iscsip_vec *vec, int cnt, uint64_t len)
{
	struct iscsip_vec to[16];
	uint64_t done = 0;

	if (!lun->ops->pin)
		return 0;
	while (done < len) {
		uint64_t at = done;
		int i, n = lun->ops->pin(lun->user, off + done, len - done, true, to, 16);

		if (n <= 0)
			return n < 0 || done == 0 ? n : -ISCSIP_STORAGE_HARDWARE;
		for (i = 0; i < n && done < len; i++) {
			size_t m = len - done < to[i].len ? (size_t)(len - done) : to[i].len;

			iscsip__disk_copy_in(vec, cnt, done, to[i].base, m);
			done += m;
		}
		pin_undo(lun, off + at, done - at, true);
	}
	return 1;
}

static void store_again(struct disk_req *r)
{
	const struct iscsip_storage_req st = r->st;

	iscsip__disk_store(r, r->st_lun, st.offset, st.vec, st.cnt, st.len, st.flags, r->onward);
}

void iscsip__disk_store(struct disk_req *r, struct disk_lun *lun, uint64_t off, const struct iscsip_vec *vec, int cnt,
			uint64_t len, uint8_t flags, disk_step *step)
{
	int rc;

	door_set(r, lun, ISCSIP_STORAGE_WRITE, off, len, vec, cnt, flags);
	if (lun->late && door_shut(r, step, store_again))
		return;
	rc = lun->gate & GATE_FAILED ? -(int)DISK_FAILED : store_pinned(lun, off, vec, cnt, len);
	if (rc == 0 && lun->ops->write) {
		iscsip__disk_submit(r, lun, ISCSIP_STORAGE_WRITE, off, len, vec, cnt, flags, step);
		return;
	}
	if (rc > 0 && lun->ops->flush)
		r->flags |= RQ_UNSTABLE;
	iscsip__disk_at_once(r, rc > 0 ? ISCSIP_STORAGE_OK : rc < 0 ? -rc : ISCSIP_STORAGE_HARDWARE, step);
}

/* LBA and count of a CDB that has them where READ of its length has them (SBC-3 5.8 to 5.13). */
bool iscsip__disk_parse(struct disk_req *r)
{
	const uint8_t *c = r->cdb;

	if (!(r->op->flags & OP_RANGE))
		return false;
	switch (r->op->len) {
	case 6:
		r->lba = load_be24(c + 1) & 0x1fffff;
		r->blocks = c[4] ? c[4] : 256;
		break;
	case 10:
		r->lba = load_be32(c + 2);
		r->blocks = load_be16(c + 7);
		break;
	case 12:
		r->lba = load_be32(c + 2);
		r->blocks = load_be32(c + 6);
		break;
	default:
		r->lba = load_be64(c + 2);
		r->blocks = load_be32(c + 10);
		if (c[0] == ISCSIP_SCSI_WRITE_ATOMIC_16)
			r->blocks &= 0xffff;
		break;
	}
	return true;
}

/* Where that count stands, for a field pointer. */
unsigned iscsip__disk_count_field(const struct disk_req *r)
{
	if (r->op->opcode == ISCSIP_SCSI_WRITE_ATOMIC_16)
		return 12;
	return r->op->len == 6 ? 4 : r->op->len == 10 ? 7 : r->op->len == 12 ? 6 : 10;
}

/* The whole range lies on the medium, or the command has failed. */
bool iscsip__disk_in_range(struct disk_req *r)
{
	uint64_t end = r->lun->blocks;

	if (disk_lies_within(r))
		return true;
	iscsip__disk_fail_info(r, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_LBA_OUT_OF_RANGE, r->lba < end ? end : r->lba);
	return false;
}
