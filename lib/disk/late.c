/* SPDX-License-Identifier: MIT */
/*
 * What aborted commands have left behind at the medium. A command that is aborted, or whose nexus is gone, may still
 * change blocks: the storage has a write of it that nobody can call back, or its data is landing in memory of the
 * medium. Its initiator may have logged in anew by then, and writes the same blocks again. A write belongs to its moment:
 * so such a request is *late* from its abort on, it stands in the list of the unit that it may change, and whoever comes
 * to the storage with a range that overlaps its own waits for it. That is asked where all ways to the medium come
 * together (medium.c), and not where commands begin: it holds for each command, for blocks that stand in a parameter list,
 * for the unit's job, and for copies from other units.
 *
 *   begins   iscsip__disk_aborted(), or a nexus that is closed before its command's turn
 *   ends     the storage answers, or the transport says `free`: nothing of it is under way any more
 *
 * A write that was with the storage already when another one became late is done again before it is answered: which of
 * the two the storage does last nobody knows.
 *
 * Invariants: a request with RQ_LATE stands in the list of exactly one unit; one with RQ_WAIT_LATE stands in the queue of
 * the late one that it waits for, or of those that may look again (disk->late_head), and its step leads back to the door.
 * Who waits, waits for the storage, which must answer each request, or for a transfer, which is told to hurry. It can be aborted
 * at any time, and is then answered at once. Where nothing is late all this costs one test of a pointer.
 */
#include "disk/disk.h"

/* What may change the medium. COMMIT changes no block, but task management waits for it as for a write. */
static bool changes(uint8_t op)
{
	return op == ISCSIP_STORAGE_WRITE || op == ISCSIP_STORAGE_UNMAP || op == ISCSIP_STORAGE_WRITE_ZEROES ||
	       op == ISCSIP_STORAGE_ERASE || op == ISCSIP_STORAGE_COMMIT;
}

static bool overlap(const struct disk_req *q, uint64_t off, uint64_t len)
{
	return q->late_off <= off ? off - q->late_off < q->late_len : q->late_off - off < len;
}

static void late_enter(struct disk_req *r, struct disk_lun *lun, uint64_t off, uint64_t len)
{
	r->flags |= RQ_LATE;
	r->late_lun = lun;
	r->late_off = off;
	r->late_len = len;
	r->late_head = r->late_tail = NULL;
	r->late_next = lun->late;
	lun->late = r;
	lun->order++;
}

/* Its command was given up. If it may still change the medium it is late from now on. */
void iscsip__disk_late_begin(struct disk_req *r)
{
	if (r->flags & RQ_LATE)
		return;
	if (r->flags & RQ_STORAGE && changes(r->st.op))
		late_enter(r, r->st_lun, r->st.op == ISCSIP_STORAGE_COMMIT ? 0 : r->st.offset,
			   r->st.op == ISCSIP_STORAGE_COMMIT ? 0 : r->st.len);
	else if (r->flags & RQ_PINNED)
		late_enter(r, r->lun, r->pin_off, r->pin_len);
}

static void append(struct disk_req **head, struct disk_req **tail, struct disk_req *r)
{
	r->wait_next = NULL;
	if (*tail)
		(*tail)->wait_next = r;
	else
		*head = r;
	*tail = r;
}

/* Nothing of it is under way any more. Those that wait for it look again, when the outermost call comes to its end. */
void iscsip__disk_late_end(struct disk_req *r)
{
	struct iscsip_disk *d = r->disk;
	struct disk_lun *lun = r->late_lun;
	struct disk_req **at = &lun->late, *w;

	while (*at != r)
		at = &(*at)->late_next;
	*at = r->late_next;
	lun->order--;
	r->flags &= ~(uint32_t)RQ_LATE;
	d->kick = true;
	while ((w = r->late_head) != NULL) {
		r->late_head = w->wait_next;
		w->late_for = NULL;
		append(&d->late_head, &d->late_tail, w);
	}
	r->late_tail = NULL;
}

struct disk_req *iscsip__disk_late_over(struct disk_req *r, const struct disk_lun *lun, uint64_t off, uint64_t len)
{
	struct disk_req *q;

	for (q = lun->late; q; q = q->late_next)
		if (q != r && overlap(q, off, len))
			return q;
	return NULL;
}

/* Whether something late holds @r back from these bytes; then @again is called when it has come to its end. */
bool iscsip__disk_late_holds(struct disk_req *r, const struct disk_lun *lun, uint64_t off, uint64_t len, disk_step *again)
{
	struct disk_req *q = iscsip__disk_late_over(r, lun, off, len);

	if (!q)
		return false;
	r->step = again;
	r->late_for = q;
	r->flags |= RQ_WAIT_LATE;
	disk_hurry(q);
	append(&q->late_head, &q->late_tail, r);
	return true;
}

/* It was aborted, and waits no more. */
void iscsip__disk_late_unwait(struct disk_req *r)
{
	struct disk_req *q = r->late_for;

	if (q)
		iscsip__disk_unqueue(&q->late_head, &q->late_tail, r);
	else
		iscsip__disk_unqueue(&r->disk->late_head, &r->disk->late_tail, r);
	r->late_for = NULL;
	r->flags &= ~(uint32_t)RQ_WAIT_LATE;
}

/* Those whose wait is over go to the door again; called by disk_settle(). */
void iscsip__disk_late_settle(struct iscsip_disk *d)
{
	struct disk_req *r;

	while ((r = d->late_head) != NULL) {
		d->late_head = r->wait_next;
		if (!d->late_head)
			d->late_tail = NULL;
		r->flags &= ~(uint32_t)RQ_WAIT_LATE;
		iscsip__disk_drive(r);
	}
}

/*
 * The storage has done a write that something late may still overwrite: the same once more, behind it. All that changes the
 * medium can be done twice.
 */
bool iscsip__disk_late_again(struct disk_req *r)
{
	const struct iscsip_storage_req *st = &r->st;

	return r->result == ISCSIP_STORAGE_OK && changes(st->op) && st->op != ISCSIP_STORAGE_COMMIT &&
	       !(r->flags & (RQ_ABORTED | RQ_LOST)) && iscsip__disk_late_over(r, r->st_lun, st->offset, st->len);
}
