/* SPDX-License-Identifier: MIT */
/*
 * How a change of a unit's state comes into force: it is judged on a draft, the host makes the draft stable (COMMIT) where it
 * shall outlive a loss of power or is shared with other devices, and only then it takes effect: the state itself, unit
 * attentions, tasks of preempted nexus. Where the host could not keep it, nothing has happened.
 *
 *     iscsip__disk_change(r, judge)          waits until no other change of the unit is under way
 *     judge: iscsip__disk_draft_begin(lun)   looks at the state in force, writes the draft,
 *            iscsip__disk_commit(r, cause, step)   or ends the command and drops the draft
 *     step: r->result                        how it went; the state in force is the new one, or the old one
 *
 * Invariants: lun->changer is the request whose COMMIT the host has, and none other is judged then; who comes meanwhile
 * waits in the order of coming and is judged on the newest state. What the host answers counts, whatever has become of
 * the request: a nexus that is gone does not undo what is stable.
 *
 * STALE says that another device has changed the state first. The host has applied that state before it answers, and the
 * change is judged anew on it; a unit that never comes to an end so is BUSY. lun->now.kept is a word for other files of the disk
 * to have things outlive a loss of power: they change it in a judge of their own (action CAUSE_NONE), and look at it
 * when a unit was added.
 */
#include "disk/disk.h"

static const uint8_t commit_rounds = 16;

/* --- taking effect -------------------------------------------------------------------------------------------- */

/* Tells every nexus but @by whose registration the draft keeps, or drops. */
static void tell_registered(struct disk_lun *lun, const struct disk_slot *by, bool kept, enum disk_ua ua)
{
	struct iscsip_disk *d = lun->disk;
	uint32_t i;

	for (i = 0; i < d->slots_used; i++) {
		unsigned reg = disk_itl_at(lun, &d->slots[i])->reg;

		if (&d->slots[i] != by && reg && ((d->regs[reg - 1].sides & REG_NEXT) != 0) == kept)
			iscsip__disk_ua(lun, &d->slots[i], ua);
	}
}

static bool loses_registration(const struct disk_lun *lun, const struct disk_itl *itl)
{
	return itl->reg && !(lun->disk->regs[itl->reg - 1].sides & REG_NEXT);
}

/* The tasks of those that are preempted, and their auto contingent allegiance (SPC-4 5.7.11.5). */
static void abort_tasks(struct disk_lun *lun)
{
	struct disk_req *q, *next;

	for (q = lun->head; q; q = next) {
		next = q->next;
		if (!loses_registration(lun, q->itl) || disk_gone(q) || (q->state != REQ_RUN && q->state != REQ_DORMANT))
			continue;
		iscsip__disk_kill(q);
		next = lun->head; /* whoever was next may be gone with it */
	}
	if (lun->aca && loses_registration(lun, disk_itl_at(lun, lun->aca)))
		iscsip__disk_aca_clear(lun);
}

/*
 * Attentions follow from the two states and the action (SPC-4 5.7.11). Where nobody knows what happened in between
 * (CAUSE_NONE), the worst is told and done: who is registered no more was preempted and aborted.
 */
static void tell_change(struct disk_lun *lun, uint8_t action, const struct disk_slot *by)
{
	uint8_t was = lun->now.type, is = lun->next.type;
	bool preempts = action == PROUT_PREEMPT || action == PROUT_PREEMPT_AND_ABORT || action == CAUSE_NONE;

	if (preempts || action == PROUT_CLEAR)
		tell_registered(lun, by, false, preempts ? UA_REG_PREEMPTED : UA_RES_PREEMPTED);
	/* a release is told where registrants shared the access; another type in its place always is */
	if (was && was != is && (is || was >= 5 || action == CAUSE_NONE))
		tell_registered(lun, by, true, UA_RES_RELEASED);
}

static void take_effect(struct disk_lun *lun, uint8_t action, const struct disk_slot *by)
{
	struct iscsip_disk *d = lun->disk;
	bool settling = d->settling;

	/* nothing else begins on the old state while its tasks end */
	d->settling = true;
	tell_change(lun, action, by);
	if (action == PROUT_PREEMPT_AND_ABORT || action == CAUSE_NONE)
		abort_tasks(lun);
	iscsip__disk_draft_take(lun);
	iscsip__disk_match_lun(lun);
	iscsip__disk_gate_reservation(lun);
	iscsip__disk_gate_sanitize(lun);
	d->settling = settling;
}

/* --- one change at a time ------------------------------------------------------------------------------------- */

void iscsip__disk_change(struct disk_req *r, disk_step *judge)
{
	struct disk_lun *lun = r->lun;

	r->after = judge;
	if (!lun->changer && !lun->change_head) {
		judge(r);
		return;
	}
	r->step = judge;
	r->flags |= RQ_WAIT_CHANGE;
	r->wait_next = NULL;
	if (lun->change_tail)
		lun->change_tail->wait_next = r;
	else
		lun->change_head = r;
	lun->change_tail = r;
}

/* Lets those that wait have their turn; called by disk_settle(). */
void iscsip__disk_change_next(struct disk_lun *lun)
{
	struct disk_req *r;

	while (!lun->changer && (r = lun->change_head) != NULL) {
		lun->change_head = r->wait_next;
		if (!lun->change_head)
			lun->change_tail = NULL;
		r->flags &= ~(uint32_t)RQ_WAIT_CHANGE;
		iscsip__disk_drive(r);
	}
}

/* It ends without the host: @r goes on with its step. */
static void commit_at_once(struct disk_req *r, uint8_t result)
{
	r->st.op = ISCSIP_STORAGE_COMMIT;
	r->result = result;
	r->flags |= RQ_READY;
}

/* Makes the draft stable, where that is asked for, and lets it take effect. The request needs its scratch buffer. */
void iscsip__disk_commit(struct disk_req *r, const struct disk_cause *cause, disk_step *step)
{
	struct disk_lun *lun = r->lun;
	bool whole = lun->next.aptpl || lun->cfg.flags & ISCSIP_LUN_COMMIT_ALL;
	uint64_t n = 0;

	lun->next.seq = lun->now.seq + 1;
	lun->change_action = cause->action;
	r->step = step;
	if (!lun->ops->commit || !(whole || lun->now.aptpl || lun->now.kept || lun->next.kept)) {
		take_effect(lun, cause->action, r->slot);
		commit_at_once(r, ISCSIP_STORAGE_OK);
		return;
	}
	if (whole || lun->next.kept)
		n = iscsip__disk_state_write(lun, REG_NEXT, whole, cause, NULL, 0);
	if (n > iscsip__disk_write_max(r->disk) || !iscsip__disk_sub_take(r, n)) {
		iscsip__disk_draft_drop(lun);
		commit_at_once(r, n > iscsip__disk_write_max(r->disk) ? ISCSIP_STORAGE_NO_SPACE : ISCSIP_STORAGE_BUSY);
		return;
	}
	if (n)
		iscsip__disk_state_write(lun, REG_NEXT, whole, cause, r->sub, r->sub_cnt);
	lun->changer = r;
	iscsip__disk_submit(r, lun, ISCSIP_STORAGE_COMMIT, lun->now.seq, n, r->sub, r->sub_cnt, 0, step);
}

/*
 * The host has answered; called before the request itself goes on or ends. A state that was applied meanwhile and is
 * newer by more than one contains this change, if the host says that it was stored.
 */
void iscsip__disk_committed(struct disk_req *r)
{
	struct disk_lun *lun = r->lun;
	uint64_t newer = lun->now.seq - r->st.offset;

	iscsip__disk_sub_give(r);
	lun->changer = NULL;
	if (r->result == ISCSIP_STORAGE_OK && newer == 1)
		r->result = ISCSIP_STORAGE_STALE; /* two states cannot have one number */
	if (r->result == ISCSIP_STORAGE_OK && !newer)
		take_effect(lun, lun->change_action, r->slot);
	else
		iscsip__disk_draft_drop(lun);
	if (r->result == ISCSIP_STORAGE_STALE && !(r->flags & (RQ_ABORTED | RQ_LOST)) && ++lun->change_rounds < commit_rounds) {
		r->step = r->after;
		return;
	}
	if (r->result == ISCSIP_STORAGE_STALE)
		r->result = ISCSIP_STORAGE_BUSY;
	lun->change_rounds = 0;
	if (lun->change_head)
		iscsip__disk_order_kick(lun);
}

/* --- states that the host brings ------------------------------------------------------------------------------ */

/* What was kept over a loss of power, of a unit that is being added (SPC-4 6.15.2: its generation begins anew). */
int iscsip__disk_state_load(struct disk_lun *lun, const uint8_t *p, size_t n)
{
	int rc;

	if (!p || !iscsip__disk_state_check(lun, p, n))
		return ISCSIP_EDATA;
	rc = iscsip__disk_state_read(lun, p);
	if (rc != ISCSIP_OK)
		return rc;
	if (!(lun->cfg.flags & ISCSIP_LUN_COMMIT_ALL))
		lun->next.generation = 0;
	iscsip__disk_draft_take(lun);
	iscsip__disk_match_lun(lun);
	iscsip__disk_gate_reservation(lun);
	iscsip__disk_gate_sanitize(lun);
	return ISCSIP_OK;
}

/* Who caused it needs no telling, if it is a nexus of this device. */
static const struct disk_slot *slot_of_cause(const struct iscsip_disk *d, const struct disk_cause *cause)
{
	uint32_t i;

	for (i = 0; i < d->slots_used && cause->id_len; i++) {
		const struct disk_slot *slot = &d->slots[i];

		if (slot->nexus && d->ports[slot->port].id == cause->port &&
		    iscsip__disk_id_equal(cause->id, cause->id_len, slot->id, slot->id_len))
			return slot;
	}
	return NULL;
}

/* What another device made of the unit's state. One that is not newer than the state in force says nothing. */
int iscsip__disk_state_apply(struct disk_lun *lun, const uint8_t *p, size_t n)
{
	const struct disk_slot *by;
	struct disk_cause cause;
	uint64_t newer;
	int rc;

	if (!p || !iscsip__disk_state_check(lun, p, n))
		return ISCSIP_EDATA;
	if (iscsip__disk_state_seq(p) <= lun->now.seq)
		return ISCSIP_OK;
	newer = iscsip__disk_state_seq(p) - lun->now.seq;
	rc = iscsip__disk_state_read(lun, p);
	if (rc != ISCSIP_OK)
		return rc;
	iscsip__disk_state_cause(p, &cause);
	by = newer == 1 ? slot_of_cause(lun->disk, &cause) : NULL;
	take_effect(lun, newer == 1 ? cause.action : CAUSE_NONE, by);
	return ISCSIP_OK;
}

/* Tells the host of those states whose aborted tasks have let go of the medium. */
void iscsip__disk_tickets_settle(struct iscsip_disk *d)
{
	struct iscsip_disk_ticket *t, *next = d->tickets;

	d->tickets = NULL;
	while ((t = next) != NULL) {
		struct disk_lun *lun = t->priv[1];

		next = t->priv[0];
		if (lun->used && iscsip__disk_lun_stuck(lun)) {
			t->priv[0] = d->tickets;
			d->tickets = t;
		} else {
			d->cfg.host->applied(d->cfg.user, t->lun, t);
		}
	}
}
