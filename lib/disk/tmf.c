/* SPDX-License-Identifier: MIT */
/*
 * Task management (SAM-5 clause 7) and what resets do. The transport has marked the requesting nexus' own tasks aborted
 * before it asks; the tasks of others are aborted here, and their initiators told by unit attention.
 *
 * An answer waits until no aborted command of the unit has storage at work any more, or memory of the medium that its
 * data may still land in: once an initiator has been told that a write is aborted it may write those blocks anew.
 * Requests that wait are linked through their `user` pointer.
 */
#include "disk/disk.h"

/* Whether an aborted command may still change the medium. */
bool iscsip__disk_lun_stuck(const struct disk_lun *lun)
{
	return lun->late != NULL;
}

/* Somebody waits until that ends: the transfers among them have a limit from now on. */
void iscsip__disk_lun_hurry(const struct disk_lun *lun)
{
	struct disk_req *r;

	for (r = lun->late; r; r = r->late_next)
		disk_hurry(r);
}

static struct disk_lun *tmf_lun(const struct iscsip_disk *d, uint64_t lun)
{
	uint32_t number = iscsip_lun_decode(lun);

	return number <= d->cfg.max_lun && d->map[number] ? &d->luns[d->map[number] - 1] : NULL;
}

static bool tmf_whole_target(const struct iscsip_tmf *tmf)
{
	return tmf->function == ISCSIP_TMF_TARGET_WARM_RESET || tmf->function == ISCSIP_TMF_TARGET_COLD_RESET ||
	       tmf->function == ISCSIP_TMF_I_T_NEXUS_RESET;
}

static bool tmf_stuck(const struct iscsip_disk *d, const struct iscsip_tmf *tmf)
{
	uint32_t i, number = iscsip_lun_decode(tmf->lun);
	bool stuck = false;

	/* a unit that is being removed is in the map no more, and its storage may still be at work */
	for (i = 0; i < d->luns_used; i++)
		if (d->luns[i].used && (tmf_whole_target(tmf) || d->luns[i].number == number) &&
		    iscsip__disk_lun_stuck(&d->luns[i])) {
			iscsip__disk_lun_hurry(&d->luns[i]);
			stuck = true;
		}
	return stuck;
}

/* Answers those that nothing holds back any more. An answer may bring the next request inside the call. */
void iscsip__disk_tmf_settle(struct iscsip_disk *d)
{
	struct iscsip_tmf *tmf, *next = d->tmfs;

	d->tmfs = NULL;
	while ((tmf = next) != NULL) {
		next = tmf->user;
		if (tmf_stuck(d, tmf)) {
			tmf->user = d->tmfs;
			d->tmfs = tmf;
		} else {
			iscsip_tmf_complete(tmf, ISCSIP_TMF_COMPLETE);
		}
	}
}

static void tmf_answer_quiet(struct iscsip_disk *d, struct iscsip_tmf *tmf)
{
	tmf->user = d->tmfs;
	d->tmfs = tmf;
	d->kick = true;
	iscsip__disk_settle(d);
}

/* Every command of the unit but those of @but is aborted; their initiators learn it by @ua where that is not UA_KINDS. */
static void tmf_clear(struct disk_lun *lun, const struct disk_slot *but, enum disk_ua ua)
{
	struct iscsip_disk *d = lun->disk;
	struct disk_req *r, *next;
	bool settling = d->settling;

	/* no command that waits goes on because another is aborted: it is one of them */
	d->settling = true;
	for (r = lun->head; r; r = next) {
		next = r->next;
		if ((r->state != REQ_RUN && r->state != REQ_DORMANT) || r->flags & RQ_ABORTED || r->slot == but)
			continue;
		if (ua != UA_KINDS)
			iscsip__disk_ua(lun, r->slot, ua);
		iscsip__disk_kill(r);
		next = lun->head; /* whoever was next may be gone with it */
	}
	d->settling = settling;
}

/* SAM-5 6.3.3, SBC-3 4.16: parameters as they were, reservations of SPC-2 gone, persistent ones kept; SANITIZE goes on. */
void iscsip__disk_lun_reset(struct disk_lun *lun)
{
	struct iscsip_disk *d = lun->disk;
	uint32_t i;

	tmf_clear(lun, NULL, UA_KINDS);
	lun->reserved = NULL;
	iscsip__disk_gate_reservation(lun);
	iscsip__disk_aca_clear(lun);
	iscsip__disk_mode_reset(lun);
	lun->echo_len = 0;
	lun->copy_valid = false;
	for (i = 0; i < d->slots_used; i++)
		disk_itl_at(lun, &d->slots[i])->prevent = false;
	iscsip__disk_ua_all(lun, NULL, UA_DEVICE_RESET);
}

/* What a lost nexus held by being there (SAM-5 6.3.4); its registrations and persistent reservations stay. */
void iscsip__disk_nexus_lost(struct disk_slot *slot)
{
	struct iscsip_disk *d = slot->disk;
	uint32_t i;

	for (i = 0; i < d->luns_used; i++) {
		struct disk_lun *lun = &d->luns[i];

		if (!lun->used)
			continue;
		if (lun->reserved == slot)
			lun->reserved = NULL;
		iscsip__disk_gate_reservation(lun);
		if (lun->aca == slot)
			iscsip__disk_aca_clear(lun);
		if (lun->echo_owner == slot)
			lun->echo_len = 0;
		if (lun->copy_owner == slot)
			lun->copy_valid = false;
		disk_itl_at(lun, slot)->prevent = false;
	}
}

static void tmf_reset_all(struct iscsip_disk *d)
{
	uint32_t i;

	for (i = 0; i < d->luns_used; i++)
		if (d->luns[i].used && !(d->luns[i].gate & GATE_REMOVED))
			iscsip__disk_lun_reset(&d->luns[i]);
}

static void tmf_nexus_reset(struct iscsip_disk *d, struct disk_slot *slot)
{
	uint32_t i;

	iscsip__disk_nexus_lost(slot);
	for (i = 0; i < d->luns_used; i++)
		if (d->luns[i].used)
			iscsip__disk_ua(&d->luns[i], slot, UA_NEXUS_LOSS);
}

/* Functions on one unit. */
static void tmf_on_lun(struct iscsip_disk *d, struct iscsip_tmf *tmf, struct disk_slot *slot, struct disk_lun *lun)
{
	const struct disk_itl *itl = disk_itl_at(lun, slot);

	switch (tmf->function) {
	case ISCSIP_TMF_ABORT_TASK_SET:
		break;
	case ISCSIP_TMF_CLEAR_TASK_SET:
		tmf_clear(lun, slot, UA_COMMANDS_CLEARED);
		break;
	case ISCSIP_TMF_LOGICAL_UNIT_RESET:
		iscsip__disk_lun_reset(lun);
		break;
	case ISCSIP_TMF_CLEAR_ACA:
		if (lun->aca == slot)
			iscsip__disk_aca_clear(lun);
		break;
	case ISCSIP_TMF_QUERY_TASK_SET:
		iscsip_tmf_complete(tmf, itl->count ? ISCSIP_TMF_SUCCEEDED : ISCSIP_TMF_COMPLETE);
		return;
	case ISCSIP_TMF_QUERY_ASYNCHRONOUS_EVENT:
		iscsip_tmf_complete(tmf, itl->ua ? ISCSIP_TMF_SUCCEEDED : ISCSIP_TMF_COMPLETE);
		return;
	default:
		iscsip_tmf_complete(tmf, ISCSIP_TMF_NOT_SUPPORTED);
		return;
	}
	tmf_answer_quiet(d, tmf);
}

void iscsip__disk_tmf(void *user, struct iscsip_tmf *tmf)
{
	struct iscsip_disk *d = user;
	struct iscsip_disk_nexus *nexus = tmf->nexus;
	struct disk_lun *lun = tmf_lun(d, tmf->lun);

	if (nexus->disk != d) {
		iscsip_tmf_complete(tmf, ISCSIP_TMF_REJECTED);
		return;
	}
	switch (tmf->function) {
	case ISCSIP_TMF_TARGET_WARM_RESET:
	case ISCSIP_TMF_TARGET_COLD_RESET:
		tmf_reset_all(d);
		tmf_answer_quiet(d, tmf);
		return;
	case ISCSIP_TMF_I_T_NEXUS_RESET:
		tmf_nexus_reset(d, nexus->priv[0]);
		tmf_answer_quiet(d, tmf);
		return;
	case ISCSIP_TMF_ABORT_TASK:
		if (tmf->ref)
			tmf_answer_quiet(d, tmf);
		else
			iscsip_tmf_complete(tmf, lun ? ISCSIP_TMF_NO_TASK : ISCSIP_TMF_NO_LUN);
		return;
	case ISCSIP_TMF_QUERY_TASK:
		iscsip_tmf_complete(tmf, tmf->ref ? ISCSIP_TMF_SUCCEEDED : ISCSIP_TMF_COMPLETE);
		return;
	default:
		break;
	}
	if (lun)
		tmf_on_lun(d, tmf, nexus->priv[0], lun);
	else
		iscsip_tmf_complete(tmf, ISCSIP_TMF_NO_LUN);
}
