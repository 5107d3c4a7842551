/* SPDX-License-Identifier: MIT */
/*
 * Requests: the records that commands live in, how they are driven, and how they end.
 *
 * A record is FREE, then PLACED (its header is in and memory was named) or straight in the task set, DORMANT while
 * others stand in its way, RUN while its handler works, DONE once the status has been given to the transport, and FREE
 * again when the transport says `free`. Invariants:
 *
 *   - a record that is not FREE stands in the list of its unit (if it has one) and is counted in lun->open;
 *   - at most one storage request is out for a record; the command is not completed before it is answered, so that
 *     neither memory nor medium changes behind a finished command's back (what aborted ones leave behind: late.c);
 *   - barriers, atomics, dormant of the unit and holders of the disk count records in these conditions.
 *
 * A step may finish its request, and the transport may free it before that call returns; disk_drive() therefore keeps
 * the record until the step is through (RQ_RELEASE).
 */
#include "disk/disk.h"

/* A record's beginning; its pieces stand at `place`. */
void iscsip__disk_req_init(struct iscsip_disk *d, struct disk_req *r, size_t place)
{
	memset(r, 0, sizeof *r);
	r->disk = d;
	r->share = d->shares;
	r->vec = d->pieces + 2 * place * d->cfg.max_pieces;
	r->sub = r->vec + d->cfg.max_pieces;
}

/* A record that was in use before, the last one first, or the next that never was: what is never needed costs no page. */
static struct disk_req *req_take(struct iscsip_disk *d)
{
	struct disk_req *r = d->free_reqs;

	if (r) {
		d->free_reqs = r->next;
		return r;
	}
	if (d->reqs_used == d->cfg.max_commands)
		return NULL;
	r = &d->reqs[d->reqs_used];
	iscsip__disk_req_init(d, r, d->reqs_used++);
	return r;
}

/* Records are taken from the pool with what must be zero set to zero; the rest is written before it is read. */
static void req_reset(struct disk_req *r)
{
	r->step = NULL;
	r->wait_next = NULL;
	r->partner = NULL;
	r->late_for = NULL;
	r->visited[0] = r->visited[1] = NULL;
	r->scratch = NULL;
	r->pos = 0;
	r->in_total = 0;
	r->out_total = 0;
	r->flags = 0;
	r->take = 0;
	r->cnt = 0;
	r->sub_cnt = 0;
	r->buffers = 0;
	r->result = ISCSIP_STORAGE_OK;
	r->phase = 0;
}

static void req_bind(struct disk_req *r, struct iscsip_disk *d, struct iscsip_cmd *cmd)
{
	uint32_t number = iscsip_lun_decode(cmd->lun);
	unsigned unit = number <= d->cfg.max_lun ? d->map[number] : 0;

	if (unit == 0) {
		r->lun = NULL;
		r->itl = NULL;
		r->barrier = r->atomic = 0;
		return;
	}
	r->lun = &d->luns[unit - 1];
	r->itl = disk_itl_at(r->lun, r->slot);
	r->itl->count++;
	iscsip__disk_order_enter(r);
}

/*
 * A record for a command that the transport brings for the first time. Without one to spare it is answered at once:
 * TASK SET FULL where the nexus has commands here, BUSY where it has none (SAM-5 5.3.1).
 */
struct disk_req *iscsip__disk_enter(struct iscsip_disk *d, struct iscsip_cmd *cmd)
{
	struct iscsip_disk_nexus *nexus = cmd->nexus;
	struct disk_slot *slot = nexus->disk == d ? nexus->priv[0] : disk_limbo(d);
	struct disk_req *r;

	/* one initiator does not have more records than it leaves to others */
	if (slot->share->records && slot->share->records >= d->cfg.max_commands - d->open)
		return NULL;
	r = req_take(d);
	if (!r)
		return NULL;
	d->open++;
	req_reset(r);
	r->share = slot->share;
	r->share->records++;
	r->cmd = cmd;
	r->cdb = cmd->cdb;
	r->slot = slot;
	r->attr = cmd->attr;
	r->state = REQ_PLACED;
	r->op = iscsip__disk_find_op(cmd->cdb);
	cmd->user = r;
	req_bind(r, d, cmd);
	return r;
}

/* The memory of the medium that data-out lands in, or data-in is sent from, is no longer used. */
void iscsip__disk_unpin(struct disk_req *r)
{
	const struct disk_lun *lun = r->lun;

	if (lun->ops->unpin)
		lun->ops->unpin(lun->user, r->pin_off, r->pin_len, (r->flags & RQ_PINNED) != 0);
	r->flags &= ~(uint32_t)(RQ_PINNED | RQ_PIN_READ);
	if (r->flags & RQ_LATE)
		iscsip__disk_late_end(r);
}

/* The transport no longer knows the command: everything that it held goes back. */
void iscsip__disk_release(struct disk_req *r)
{
	struct iscsip_disk *d = r->disk;
	struct disk_lun *lun = r->lun;

	if (r->flags & RQ_DRIVING) {
		r->flags |= RQ_RELEASE;
		return;
	}
	if (r->flags & (RQ_PINNED | RQ_PIN_READ))
		iscsip__disk_unpin(r);
	disk_give(r);
	if (lun) {
		r->itl->count--;
		iscsip__disk_order_leave(r);
	}
	r->share->records--;
	r->state = REQ_FREE;
	r->next = d->free_reqs;
	d->free_reqs = r;
	d->open--;
	if (r->flags & RQ_ABORTED)
		d->kick = true;
	if (!lun)
		return;
	if (lun->dormant)
		iscsip__disk_order_kick(lun);
	if (lun->gate & GATE_REMOVED)
		iscsip__disk_lun_check_gone(lun);
}

void iscsip__disk_drive(struct disk_req *r)
{
	r->flags |= RQ_DRIVING | RQ_READY;
	while (r->flags & RQ_READY && r->step) {
		r->flags &= ~(uint32_t)RQ_READY;
		if (!(r->flags & (RQ_ABORTED | RQ_LOST)))
			r->step(r);
		else if (r->flags & RQ_ABORTED)
			iscsip__disk_finish(r, ISCSIP_STATUS_TASK_ABORTED, 0);
		else
			iscsip__disk_fail(r, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_LUN_NOT_SUPPORTED);
	}
	r->flags &= ~(uint32_t)RQ_DRIVING;
	if (r->flags & RQ_RELEASE)
		iscsip__disk_release(r);
}

/* What a request waited for has come. Inside its own step the loop of disk_drive() goes on. */
void iscsip__disk_resume(struct disk_req *r)
{
	r->flags &= ~(uint32_t)RQ_WAITING;
	if (r->flags & RQ_DRIVING)
		r->flags |= RQ_READY;
	else
		iscsip__disk_drive(r);
}

/* Long work gives way to the host's loop; without a host that calls iscsip_disk_work() it goes on. */
void iscsip__disk_yield(struct disk_req *r)
{
	struct iscsip_disk *d = r->disk;

	if (!d->cfg.host || !d->cfg.host->wake) {
		r->flags |= RQ_READY;
		return;
	}
	r->flags |= RQ_YIELD;
	r->wait_next = NULL;
	if (d->yield_tail)
		d->yield_tail->wait_next = r;
	else
		d->yield_head = r;
	d->yield_tail = r;
	if (!d->woken) {
		d->woken = true;
		d->cfg.host->wake(d->cfg.user);
	}
}

bool iscsip_disk_work(struct iscsip_disk *d)
{
	struct disk_req *r, *last = d->yield_tail;
	bool more = last != NULL;

	/* those that give way again queue up behind `last` and have their turn in the next call */
	d->woken = true;
	while (more) {
		r = d->yield_head;
		more = r != last;
		d->yield_head = r->wait_next;
		if (!d->yield_head)
			d->yield_tail = NULL;
		r->flags &= ~(uint32_t)RQ_YIELD;
		iscsip__disk_drive(r);
		more = more && d->yield_head;
	}
	iscsip__disk_settle(d);
	d->woken = d->yield_head != NULL;
	return d->woken;
}

/* Takes a request out of the middle of a queue. */
void iscsip__disk_unqueue(struct disk_req **head, struct disk_req **tail, struct disk_req *r)
{
	struct disk_req *q, *before = NULL;

	for (q = *head; q && q != r; q = q->wait_next)
		before = q;
	if (!q)
		return;
	if (before)
		before->wait_next = r->wait_next;
	else
		*head = r->wait_next;
	if (*tail == r)
		*tail = before;
}

/* It ends as soon as nothing works for it. */
static void give_up(struct disk_req *r)
{
	struct iscsip_disk *d = r->disk;

	if (r->state == REQ_DORMANT) {
		r->lun->dormant--;
		r->state = REQ_RUN;
		r->step = iscsip__disk_begin;
	}
	if (r->state != REQ_RUN || r->flags & (RQ_STORAGE | RQ_GO))
		return;
	if (r->flags & RQ_WAIT_LATE)
		iscsip__disk_late_unwait(r);
	if (r->flags & RQ_WAIT_MEMORY)
		iscsip__disk_wait_memory_end(r);
	if (r->flags & RQ_YIELD)
		iscsip__disk_unqueue(&d->yield_head, &d->yield_tail, r);
	if (r->flags & RQ_WAIT_CHANGE)
		iscsip__disk_unqueue(&r->lun->change_head, &r->lun->change_tail, r);
	if (r->flags & RQ_WAIT_QUIET)
		d->quiet_waiters--;
	if (r->partner)
		r->partner->partner = NULL;
	r->partner = NULL;
	r->flags &= ~(uint32_t)(RQ_WAIT_MEMORY | RQ_YIELD | RQ_WAIT_CHANGE | RQ_WAIT_QUIET);
	iscsip__disk_resume(r);
}

/* The transport, or the device server itself, gave the command up. */
void iscsip__disk_aborted(struct disk_req *r)
{
	r->flags |= RQ_ABORTED;
	iscsip__disk_late_begin(r);
	if (r->lun && r->lun->dormant)
		iscsip__disk_order_kick(r->lun);
	give_up(r);
}

/* Its unit is being removed: it ends with a status that says so. Data that was given before is sent first. */
void iscsip__disk_lose(struct disk_req *r)
{
	if ((r->state != REQ_RUN && r->state != REQ_DORMANT) || r->flags & (RQ_ABORTED | RQ_LOST | RQ_JOB))
		return;
	r->flags |= RQ_LOST;
	give_up(r);
}

void iscsip__disk_kill(struct disk_req *r)
{
	if ((r->state != REQ_RUN && r->state != REQ_DORMANT) || r->flags & (RQ_ABORTED | RQ_JOB))
		return;
	if (iscsip_cmd_abort(r->cmd) != ISCSIP_OK)
		iscsip__disk_aborted(r);
}

/* Goes on with @step when something has ended: aborted commands have let go of the medium, or an atomic one is through. */
void iscsip__disk_wait_quiet(struct disk_req *r, disk_step *step)
{
	r->step = step;
	r->flags |= RQ_WAITING | RQ_WAIT_QUIET;
	iscsip__disk_lun_hurry(r->lun);
	r->disk->quiet_waiters++;
}

/* Resumes those that wait_quiet() put aside, where their unit allows; each looks for itself whether it can go on. */
static void wake_quiet(struct iscsip_disk *d)
{
	uint32_t i;

	for (i = 0; i < d->reqs_used && d->quiet_waiters; i++) {
		struct disk_req *r = &d->reqs[i];

		if (r->state != REQ_RUN || !(r->flags & RQ_WAIT_QUIET) || iscsip__disk_lun_stuck(r->lun))
			continue;
		r->flags &= ~(uint32_t)RQ_WAIT_QUIET;
		d->quiet_waiters--;
		iscsip__disk_resume(r);
	}
}

/* Everything that the ends of requests made possible for others. Only the outermost call does it. */
void iscsip__disk_settle(struct iscsip_disk *d)
{
	struct disk_lun *lun;

	if (d->settling)
		return;
	d->settling = true;
	while (d->kick) {
		d->kick = false;
		if (d->late_head)
			iscsip__disk_late_settle(d);
		iscsip__disk_serve_memory(d);
		while ((lun = d->kick_luns) != NULL) {
			d->kick_luns = lun->kick_next;
			lun->kicked = false;
			iscsip__disk_order_run(lun);
			iscsip__disk_change_next(lun);
		}
		iscsip__disk_tmf_settle(d);
		if (d->tickets)
			iscsip__disk_tickets_settle(d);
		if (d->quiet_waiters)
			wake_quiet(d);
	}
	d->settling = false;
}

/* --- ends ----------------------------------------------------------------------------------------------------- */

static uint32_t req_clamp(uint64_t n)
{
	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/* The request leaves the task set, the transport gets its status. r may be free when this returns (if not driven). */
void iscsip__disk_finish(struct disk_req *r, uint8_t status, size_t sense_len)
{
	struct iscsip_cmd_status st;
	struct disk_lun *lun = r->lun;

	memset(&st, 0, sizeof st);
	st.status = status;
	st.sense_len = (uint16_t)sense_len;
	st.sense = sense_len ? r->sense : NULL;
	st.in_total = req_clamp(r->in_total);
	st.out_total = req_clamp(r->out_total);
	if (r->visited[0] || r->visited[1])
		iscsip__disk_copy_leave(r);
	if (lun) {
		lun->stats.commands++;
		if (lun->dormant)
			iscsip__disk_order_kick(lun);
		if (r->barrier | r->atomic)
			iscsip__disk_order_end(r);
	}
	r->state = REQ_DONE;
	r->step = NULL;
	r->flags &= ~(uint32_t)(RQ_READY | RQ_WAITING);
	iscsip_cmd_complete(r->cmd, &st);
}

void iscsip__disk_good(struct disk_req *r)
{
	iscsip__disk_finish(r, ISCSIP_STATUS_GOOD, 0);
}

void iscsip__disk_busy(struct disk_req *r)
{
	r->in_total = r->out_total = 0;
	iscsip__disk_finish(r, r->itl && r->itl->count > 1 ? ISCSIP_STATUS_TASK_SET_FULL : ISCSIP_STATUS_BUSY, 0);
}

/*
 * CHECK CONDITION. With NACA it also makes the nexus the faulted one (SAM-5 5.9.2); the control byte is the last of
 * the CDB.
 */
void iscsip__disk_sense(struct disk_req *r, const struct iscsip_sense *s)
{
	struct disk_lun *lun = r->lun;
	size_t n = iscsip_sense_encode(s, lun && lun->mode.d_sense, r->sense, sizeof r->sense);

	if (lun) {
		lun->stats.errors += s->key != ISCSIP_SENSE_UNIT_ATTENTION;
		if (r->op && r->cdb[r->op->len - 1] & 0x04 && !lun->aca && r->slot->nexus) {
			lun->aca = r->slot;
			lun->gate |= GATE_ACA;
			lun->order++;
		}
	}
	iscsip__disk_finish(r, ISCSIP_STATUS_CHECK_CONDITION, n);
}

void iscsip__disk_fail(struct disk_req *r, uint8_t key, uint16_t asc)
{
	struct iscsip_sense s;

	memset(&s, 0, sizeof s);
	s.key = key;
	s.asc = asc;
	iscsip__disk_sense(r, &s);
}

void iscsip__disk_fail_info(struct disk_req *r, uint8_t key, uint16_t asc, uint64_t info)
{
	struct iscsip_sense s;

	memset(&s, 0, sizeof s);
	s.key = key;
	s.asc = asc;
	s.info_valid = true;
	s.info = info;
	iscsip__disk_sense(r, &s);
}

/* A field pointer, SPC-4 4.5.2.4.2: the byte, and the most significant bit of the field where @bit is not negative. */
static void fail_field(struct disk_req *r, uint16_t asc, uint8_t where, unsigned byte, int bit)
{
	struct iscsip_sense s;

	memset(&s, 0, sizeof s);
	s.key = ISCSIP_SENSE_ILLEGAL_REQUEST;
	s.asc = asc;
	s.sks_valid = true;
	s.sks[0] = where;
	if (bit >= 0)
		s.sks[0] |= (uint8_t)(ISCSIP_SKS_BIT_VALID | (bit & 7));
	s.sks[1] = (uint8_t)(byte >> 8);
	s.sks[2] = (uint8_t)byte;
	iscsip__disk_sense(r, &s);
}

void iscsip__disk_fail_cdb(struct disk_req *r, unsigned byte, int bit)
{
	fail_field(r, ISCSIP_ASC_INVALID_FIELD_IN_CDB, ISCSIP_SKS_IN_CDB, byte, bit);
}

void iscsip__disk_fail_parameter(struct disk_req *r, unsigned byte, int bit)
{
	fail_field(r, ISCSIP_ASC_INVALID_FIELD_IN_PARAMETERS, 0, byte, bit);
}

void iscsip__disk_conflict(struct disk_req *r)
{
	r->lun->stats.conflicts++;
	iscsip__disk_finish(r, ISCSIP_STATUS_RESERVATION_CONFLICT, 0);
}

/* What the storage answered, in SCSI's words. */
void iscsip__disk_fail_storage(struct disk_req *r)
{
	uint64_t lba = r->lun ? r->st.error_offset >> r->lun->shift : 0;
	uint16_t asc = r->st.op == ISCSIP_STORAGE_READ ? ISCSIP_ASC_READ_ERROR : ISCSIP_ASC_WRITE_ERROR;

	switch (r->result) {
	case ISCSIP_STORAGE_IO_ERROR:
		if (r->st.op == ISCSIP_STORAGE_COMMIT)
			iscsip__disk_fail(r, ISCSIP_SENSE_MEDIUM_ERROR, asc); /* no block of the medium is at fault */
		else
			iscsip__disk_fail_info(r, ISCSIP_SENSE_MEDIUM_ERROR, asc, lba);
		break;
	case ISCSIP_STORAGE_NO_SPACE:
		if (r->st.op == ISCSIP_STORAGE_COMMIT)
			iscsip__disk_fail(r, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_INSUFFICIENT_REGISTRATIONS);
		else
			iscsip__disk_fail_info(r, ISCSIP_SENSE_DATA_PROTECT, ISCSIP_ASC_SPACE_ALLOCATION_FAILED, lba);
		break;
	case ISCSIP_STORAGE_READ_ONLY:
		iscsip__disk_fail(r, ISCSIP_SENSE_DATA_PROTECT, ISCSIP_ASC_WRITE_PROTECTED);
		break;
	case ISCSIP_STORAGE_NOT_READY:
		iscsip__disk_fail(r, ISCSIP_SENSE_NOT_READY, ISCSIP_ASC_NOT_READY);
		break;
	case ISCSIP_STORAGE_FENCED:
		iscsip__disk_fail(r, ISCSIP_SENSE_NOT_READY, ISCSIP_ASC_ALUA_STANDBY);
		break;
	case DISK_FAILED:
		iscsip__disk_fail(r, ISCSIP_SENSE_HARDWARE_ERROR, ISCSIP_ASC_LUN_FAILURE);
		break;
	case ISCSIP_STORAGE_BUSY:
		r->in_total = r->out_total = 0;
		iscsip__disk_finish(r, ISCSIP_STATUS_BUSY, 0);
		break;
	default:
		iscsip__disk_fail(r, ISCSIP_SENSE_HARDWARE_ERROR, ISCSIP_ASC_INTERNAL_FAILURE);
		break;
	}
}
