/* SPDX-License-Identifier: MIT */
/*
 * What GOOD promises about a loss of power, and what becomes of a unit that cannot keep it.
 *
 * A request to the storage that changes the medium without ISCSIP_STORAGE_FUA, and bytes that were put into the storage's own
 * memory, make their command RQ_UNSTABLE. A command that wrote ends in iscsip__disk_written(), which flushes first where that flag
 * meets WCE 0 or the command's FUA. So no path to the medium can forget it, and a command that was begun before WCE became
 * 0 is stable as well.
 *
 * A flush that fails has lost writes of everybody, and a storage tells it once: the next flush would succeed and say
 * nothing. From then on the unit is failed (GATE_FAILED) for all that writes and flushes, until the host says that it has
 * opened the storage anew. Who wrote before and did not send the flush learns it by a deferred error (SPC-4 4.5.7), and, when the
 * unit is back, by a unit attention like that of a power on, because that is what it was for the cache. Reads go on. The
 * answers of flushes and FUA requests that are out together may come in any order, and which of them is told of the failure
 * is chance; so one that ended well counts when all that were out beside it have ended well.
 */
#include "disk/disk.h"

static bool changes_medium(uint8_t op)
{
	return op == ISCSIP_STORAGE_WRITE || op == ISCSIP_STORAGE_UNMAP || op == ISCSIP_STORAGE_WRITE_ZEROES ||
	       op == ISCSIP_STORAGE_ERASE;
}

/* --- a unit that has lost writes ------------------------------------------------------------------------------ */

/* @by knows it already, from the status of its command. */
void iscsip__disk_set_failed(struct disk_lun *lun, const struct disk_slot *by)
{
	if (lun->gate & GATE_FAILED)
		return;
	lun->gate |= GATE_FAILED;
	iscsip__disk_ua_all(lun, by, UA_WRITES_LOST);
}

void iscsip__disk_clear_failed(struct disk_lun *lun)
{
	if (!(lun->gate & GATE_FAILED))
		return;
	lun->gate &= ~(uint32_t)GATE_FAILED;
	iscsip__disk_ua_all(lun, NULL, UA_POWER_ON);
}

/*
 * Whether the answer says that writes which were answered before may be lost. BUSY is a flush that was not tried. A FUA
 * request without space, or to what is read-only or not there, has failed for itself alone.
 */
static bool loses_writes(const struct disk_req *r)
{
	if (r->st.op == ISCSIP_STORAGE_FLUSH)
		return r->result != ISCSIP_STORAGE_OK && r->result != ISCSIP_STORAGE_BUSY;
	return r->result == ISCSIP_STORAGE_IO_ERROR || r->result == ISCSIP_STORAGE_HARDWARE;
}

/* A request is about to go to the storage of @lun; false: not to a unit that is failed. */
bool iscsip__disk_sync_begin(struct disk_req *r, struct disk_lun *lun)
{
	bool changes = changes_medium(r->st.op);

	if (lun->gate & GATE_FAILED && (changes || r->st.op == ISCSIP_STORAGE_FLUSH))
		return false;
	if (disk_syncs(&r->st)) {
		lun->syncs++;
		r->sync_no = ++lun->sync_no;
	} else if (changes && lun->ops->flush) {
		r->flags |= RQ_UNSTABLE;
	}
	return true;
}

/* A FLUSH or FUA request was answered. */
void iscsip__disk_sync_end(struct disk_req *r)
{
	struct disk_lun *lun = r->st_lun;

	lun->syncs--;
	r->sync_no = lun->sync_no; /* later ones do not matter to it */
	if (loses_writes(r))
		iscsip__disk_set_failed(lun, r->flags & RQ_ABORTED ? NULL : r->slot);
	if (r->disk->quiet_waiters)
		r->disk->kick = true;
}

/* Whether another one that was out beside @r has no answer yet. */
static bool sync_beside(const struct disk_req *r)
{
	const struct iscsip_disk *d = r->disk;
	uint32_t i;

	for (i = 0; i < d->reqs_used && r->st_lun->syncs; i++) {
		const struct disk_req *q = &d->reqs[i];

		if (q != r && q->state == REQ_RUN && q->flags & RQ_STORAGE && q->st_lun == r->st_lun && disk_syncs(&q->st) &&
		    (int32_t)(r->sync_no - q->sync_no) >= 0)
			return true;
	}
	return false;
}

static void flush_answered(struct disk_req *r)
{
	if (r->result == ISCSIP_STORAGE_OK && r->st_lun->gate & GATE_FAILED)
		r->result = DISK_FAILED;
	/* while a job works, nothing else does */
	if (r->result == ISCSIP_STORAGE_OK && !(r->flags & RQ_JOB) && sync_beside(r))
		iscsip__disk_wait_quiet(r, flush_answered);
	else
		r->flush_step(r);
}

/* Makes [off, off + len) of a unit stable, all of it where @len is 0. */
void iscsip__disk_flush(struct disk_req *r, struct disk_lun *lun, uint64_t off, uint64_t len, disk_step *step)
{
	r->flags &= ~(uint32_t)RQ_UNSTABLE;
	r->flush_step = step;
	if (lun->ops->flush)
		iscsip__disk_submit(r, lun, ISCSIP_STORAGE_FLUSH, off, len, NULL, 0, 0, flush_answered);
	else
		iscsip__disk_at_once(r, ISCSIP_STORAGE_OK, step);
}

/* --- the end of what writes ----------------------------------------------------------------------------------- */

/* What the command writes is to be stable when it is answered; WRITE AND VERIFY is on the medium when it ends (SBC-3 5.41). */
bool iscsip__disk_wants_stable(const struct disk_req *r)
{
	const struct disk_op *op = r->op;

	if (!r->lun->ops->flush)
		return false;
	return disk_write_through(r->lun) || (op->flags & OP_FUA && r->cdb[1] & ISCSIP_CDB_FUA) ||
	       op->run == iscsip__disk_write_verify;
}

/* A step: what the command wrote is in its place, or could not be written. */
void iscsip__disk_written(struct disk_req *r)
{
	bool range = r->op->flags & OP_RANGE;

	if (r->result != ISCSIP_STORAGE_OK)
		iscsip__disk_fail_storage(r);
	else if (r->flags & RQ_UNSTABLE && iscsip__disk_wants_stable(r))
		iscsip__disk_flush(r, r->lun, range ? disk_bytes(r->lun, r->lba) : 0, range ? disk_bytes(r->lun, r->blocks) : 0,
				   iscsip__disk_written);
	else
		iscsip__disk_good(r);
}
