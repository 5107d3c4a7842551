/* SPDX-License-Identifier: MIT */
/*
 * The task set of a unit: which command may run beside which (SAM-5 clause 8).
 *
 * SIMPLE commands run side by side. An ORDERED one waits for everything older, and everything younger for it; HEAD OF
 * QUEUE runs at once, and SIMPLE ones wait for it. Besides, an atomic command (COMPARE AND WRITE, ORWRITE, WRITE ATOMIC,
 * SANITIZE, FORMAT UNIT) excludes every other on its blocks: it waits until those that touch them are through, and later
 * ones wait for it. A command touches blocks from the moment when its data may land in them or is sent from them: with
 * memory of the medium that is from `place` to `free`, else while it runs.
 *
 * What may shut the unit to others (a reservation, write protection, an eject) waits until no data lands in the medium before
 * its command's turn: those were let in, and what they have written stands before it.
 *
 * A command whose data has landed in the medium already (RQ_PINNED) never waits: it was let in when nothing stood
 * against it. So whoever waits, waits for commands that need nothing but storage and transport to end; storage answers, and
 * the transport is told to hurry (iscsip_cmd_hurry()), so that an initiator which takes no data, or sends none, holds up
 * others for some seconds and no longer.
 *
 * An aborted command is out of the task set at once, whatever still works for it: what that may change is kept in
 * order by the storage's door (late.c).
 *
 * lun->order counts reasons to look: it is 0 where only SIMPLE commands are about, and starting one costs a test.
 */
#include "disk/disk.h"

static void list_append(struct disk_lun *lun, struct disk_req *r)
{
	r->next = NULL;
	r->prev = lun->tail;
	if (lun->tail)
		lun->tail->next = r;
	else
		lun->head = r;
	lun->tail = r;
}

static void list_remove(struct disk_lun *lun, struct disk_req *r)
{
	if (r->prev)
		r->prev->next = r->next;
	else
		lun->head = r->next;
	if (r->next)
		r->next->prev = r->prev;
	else
		lun->tail = r->prev;
}

static bool order_shuts(const struct disk_req *r)
{
	return r->op && r->op->flags & OP_SHUTS;
}

void iscsip__disk_order_enter(struct disk_req *r)
{
	struct disk_lun *lun = r->lun;

	list_append(lun, r);
	lun->open++;
	r->barrier = r->attr == ISCSIP_ATTR_ORDERED || r->attr == ISCSIP_ATTR_HEAD_OF_QUEUE || order_shuts(r);
	r->atomic = r->op && r->op->flags & OP_ATOMIC;
	if (!(r->barrier | r->atomic))
		return;
	lun->barriers += r->barrier;
	lun->atomics += r->atomic;
	lun->order += (uint32_t)r->barrier + r->atomic;
}

/* It holds nobody back any more; those that wait until an atomic one is through look again. */
void iscsip__disk_order_end(struct disk_req *r)
{
	struct disk_lun *lun = r->lun;

	if (r->atomic && r->disk->quiet_waiters)
		r->disk->kick = true;
	lun->barriers -= r->barrier;
	lun->atomics -= r->atomic;
	lun->order -= (uint32_t)r->barrier + r->atomic;
	r->barrier = r->atomic = 0;
}

void iscsip__disk_order_leave(struct disk_req *r)
{
	struct disk_lun *lun = r->lun;

	list_remove(lun, r);
	lun->open--;
	if (r->barrier | r->atomic)
		iscsip__disk_order_end(r);
}

/* The blocks that a command touches; those without a range in the CDB may touch all, or none. */
static bool order_range(struct disk_req *r, uint64_t *first, uint64_t *count)
{
	if (!r->op || !(r->op->flags & OP_MEDIUM))
		return false;
	if (iscsip__disk_parse(r)) {
		*first = r->lba;
		*count = r->blocks;
	} else {
		*first = 0;
		*count = UINT64_MAX;
	}
	return *count > 0 && (r->op->flags & (OP_WRITE | OP_RANGE) || r->op->opcode == ISCSIP_SCSI_EXTENDED_COPY);
}

static bool order_overlap(struct disk_req *a, struct disk_req *b)
{
	uint64_t a_first, a_count, b_first, b_count;

	if (!order_range(a, &a_first, &a_count) || !order_range(b, &b_first, &b_count))
		return false;
	return a_first <= b_first ? b_first - a_first < a_count : a_first - b_first < b_count;
}

static bool order_live(const struct disk_req *q)
{
	return (q->state == REQ_RUN || q->state == REQ_DORMANT) && !disk_gone(q);
}

/* Whether @q, older or younger, holds @r back. */
static bool order_holds(struct disk_req *q, struct disk_req *r, bool older)
{
	bool at_work = q->state == REQ_RUN || q->flags & (RQ_PINNED | RQ_PIN_READ);

	if (disk_gone(q))
		return false;
	if (order_shuts(r) && q->state == REQ_PLACED && q->flags & RQ_PINNED)
		return true;
	if (order_live(q)) {
		if (r->attr == ISCSIP_ATTR_ORDERED && older)
			return true;
		if (r->attr <= ISCSIP_ATTR_SIMPLE &&
		    ((older && q->attr == ISCSIP_ATTR_ORDERED) || q->attr == ISCSIP_ATTR_HEAD_OF_QUEUE))
			return true;
	}
	if (!r->atomic && !q->atomic)
		return false;
	if (r->atomic && at_work && order_overlap(q, r))
		return true;
	if (!q->atomic || r->attr == ISCSIP_ATTR_HEAD_OF_QUEUE)
		return q->atomic && q->state == REQ_RUN && order_overlap(q, r);
	return (q->state == REQ_RUN || (q->state == REQ_DORMANT && older)) && order_overlap(q, r);
}

static bool order_held(struct disk_req *r)
{
	bool older = true, held = r->atomic && r->lun->foreign;
	struct disk_req *q;

	if (r->flags & RQ_PINNED)
		return false;
	/* all that hold it back are told: they hurry side by side, and not one after the other */
	for (q = r->lun->head; q; q = q->next) {
		if (q == r) {
			older = false;
		} else if (order_holds(q, r, older)) {
			disk_hurry(q);
			held = true;
		}
	}
	return held;
}

/* Whether a command may run now. Else it is dormant. */
bool iscsip__disk_order_start(struct disk_req *r)
{
	struct disk_lun *lun = r->lun;

	/* its place in the order is that of `exec`, not of `place` */
	list_remove(lun, r);
	list_append(lun, r);
	if (r->flags & RQ_PINNED && lun->dormant)
		iscsip__disk_order_kick(lun); /* its data has landed before its turn, and its turn is now */
	if (!order_held(r) && !(lun->aca && r->attr != ISCSIP_ATTR_ACA && r->flags & RQ_GO)) {
		/* one that overtakes those that wait holds them back as well */
		if (r->attr == ISCSIP_ATTR_HEAD_OF_QUEUE && lun->dormant)
			disk_hurry(r);
		return true;
	}
	r->state = REQ_DORMANT;
	lun->dormant++;
	return false;
}

/* Dormant commands of the unit may be able to go on: looked at by disk_settle(). */
void iscsip__disk_order_kick(struct disk_lun *lun)
{
	struct iscsip_disk *d = lun->disk;

	d->kick = true;
	if (lun->kicked)
		return;
	lun->kicked = true;
	lun->kick_next = d->kick_luns;
	d->kick_luns = lun;
}

/* What a walk from the oldest command on has met: enough to tell what task attributes hold back, without another walk. */
struct order_met {
	bool live, ordered; /* older ones */
	bool head;          /* any in the task set */
};

static bool order_may_go(struct disk_lun *lun, struct disk_req *r, const struct order_met *met)
{
	if (r->state != REQ_DORMANT || (lun->aca && r->attr != ISCSIP_ATTR_ACA))
		return false;
	if (r->attr == ISCSIP_ATTR_ORDERED && met->live)
		return false;
	if (r->attr <= ISCSIP_ATTR_SIMPLE && (met->ordered || met->head))
		return false;
	return (lun->atomics == 0 && !order_shuts(r)) || !order_held(r);
}

/*
 * Wakes the dormant commands that nothing holds any more, oldest first. They are chosen before any of them runs, because
 * what runs may take others out of the list.
 */
void iscsip__disk_order_run(struct disk_lun *lun)
{
	struct disk_req *r, *first = NULL, **link = &first;
	struct order_met met = { false, false, false };

	if (lun->dormant == 0)
		return;
	for (r = lun->head; r && lun->barriers; r = r->next)
		met.head |= r->attr == ISCSIP_ATTR_HEAD_OF_QUEUE && order_live(r);
	for (r = lun->head; r; r = r->next) {
		if (order_may_go(lun, r, &met)) {
			r->state = REQ_RUN;
			r->flags |= RQ_GO;
			lun->dormant--;
			r->wait_next = NULL;
			*link = r;
			link = &r->wait_next;
		}
		met.live |= order_live(r);
		met.ordered |= order_live(r) && r->attr == ISCSIP_ATTR_ORDERED;
	}
	while ((r = first) != NULL) {
		first = r->wait_next;
		if (lun->dormant)
			disk_hurry(r);
		r->flags &= ~(uint32_t)RQ_GO;
		iscsip__disk_run(r);
	}
}

/*
 * A command of another unit is about to write here. It is let in where no atomic command is at work on the blocks; atomic
 * ones that come now wait until it has left.
 */
bool iscsip__disk_foreign_enter(struct disk_lun *lun, uint64_t off, uint64_t len)
{
	uint64_t first, count, lba = off >> lun->shift, blocks = len >> lun->shift;
	struct disk_req *q;

	for (q = lun->head; q && lun->atomics; q = q->next) {
		if (!q->atomic || q->state != REQ_RUN || !order_range(q, &first, &count))
			continue;
		if (lba <= first ? first - lba < blocks : lba - first < count) {
			disk_hurry(q);
			return false;
		}
	}
	lun->foreign++;
	lun->order++;
	return true;
}

void iscsip__disk_foreign_leave(struct disk_lun *lun)
{
	lun->foreign--;
	lun->order--;
	if (lun->dormant)
		iscsip__disk_order_kick(lun);
}

/* --- auto contingent allegiance, SAM-5 5.9 -------------------------------------------------------------------- */

/* Whether a new command may enter the task set; it has been answered otherwise. */
bool iscsip__disk_aca_check(struct disk_req *r)
{
	struct disk_lun *lun = r->lun;
	bool naca = r->op && r->cdb[r->op->len - 1] & 0x04;
	struct disk_req *q;

	if (!lun->aca) {
		if (r->attr < ISCSIP_ATTR_ACA)
			return true;
		iscsip__disk_fail(r, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_INVALID_MESSAGE);
		return false;
	}
	if (lun->aca != r->slot) {
		if (r->cdb[0] == ISCSIP_SCSI_PERSISTENT_RESERVE_OUT && (r->cdb[1] & 0x1f) == 5)
			return true;
		iscsip__disk_finish(r, naca ? ISCSIP_STATUS_ACA_ACTIVE : ISCSIP_STATUS_BUSY, 0);
		return false;
	}
	for (q = lun->head; q && r->attr == ISCSIP_ATTR_ACA; q = q->next)
		if (q != r && q->attr == ISCSIP_ATTR_ACA && order_live(q))
			break;
	if (r->attr == ISCSIP_ATTR_ACA && !q)
		return true;
	iscsip__disk_finish(r, ISCSIP_STATUS_ACA_ACTIVE, 0);
	return false;
}

void iscsip__disk_aca_clear(struct disk_lun *lun)
{
	if (!lun->aca)
		return;
	lun->aca = NULL;
	lun->gate &= ~(uint32_t)GATE_ACA;
	lun->order--;
	iscsip__disk_order_kick(lun);
}
