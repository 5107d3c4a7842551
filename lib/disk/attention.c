/* SPDX-License-Identifier: MIT */
/*
 * Unit attentions (SAM-5 5.14): one bit for each kind, for each nexus at each unit, so that no sequence of events can
 * pile up. The bits stand in the order in which they are told; a kind that is established twice before it is told is
 * told once, as the standard allows. One bit is no unit attention: that writes were lost is told in the same way, as a deferred
 * error (SPC-4 4.5.7).
 */
#include "disk/disk.h"

static const uint16_t ua_codes[UA_KINDS] = {
	[UA_POWER_ON] = ISCSIP_ASC_POWER_ON,
	[UA_DEVICE_RESET] = ISCSIP_ASC_DEVICE_RESET,
	[UA_NEXUS_LOSS] = ISCSIP_ASC_NEXUS_LOSS,
	[UA_MEDIUM_CHANGED] = ISCSIP_ASC_MEDIUM_CHANGED,
	[UA_LUNS_CHANGED] = ISCSIP_ASC_REPORTED_LUNS_CHANGED,
	[UA_CAPACITY] = ISCSIP_ASC_CAPACITY_CHANGED,
	[UA_MODE] = ISCSIP_ASC_MODE_PARAMETERS_CHANGED,
	[UA_RES_PREEMPTED] = ISCSIP_ASC_RESERVATIONS_PREEMPTED,
	[UA_RES_RELEASED] = ISCSIP_ASC_RESERVATIONS_RELEASED,
	[UA_REG_PREEMPTED] = ISCSIP_ASC_REGISTRATIONS_PREEMPTED,
	[UA_ALUA] = ISCSIP_ASC_ALUA_STATE_CHANGED,
	[UA_COMMANDS_CLEARED] = ISCSIP_ASC_COMMANDS_CLEARED,
	[UA_THRESHOLD] = ISCSIP_ASC_THRESHOLD_REACHED,
	[UA_WRITES_LOST] = ISCSIP_ASC_WRITE_ERROR,
};

uint16_t iscsip__disk_ua_asc(enum disk_ua ua)
{
	return ua_codes[ua];
}

void iscsip__disk_ua(struct disk_lun *lun, struct disk_slot *slot, enum disk_ua ua)
{
	const struct iscsip_disk_host *host = lun->disk->cfg.host;

	if (!slot->nexus)
		return;
	/* a reset says that everything else may have changed too (SAM-5 5.14.2) */
	if (ua == UA_POWER_ON || ua == UA_DEVICE_RESET)
		disk_itl_at(lun, slot)->ua = 0;
	disk_itl_at(lun, slot)->ua |= 1u << ua;
	if (host && host->attention)
		host->attention(lun->disk->cfg.user, slot->nexus, lun->number, ua_codes[ua]);
}

void iscsip__disk_ua_all(struct disk_lun *lun, const struct disk_slot *but, enum disk_ua ua)
{
	struct iscsip_disk *d = lun->disk;
	uint32_t i;

	for (i = 0; i < d->slots_used; i++)
		if (&d->slots[i] != but)
			iscsip__disk_ua(lun, &d->slots[i], ua);
}

/* The next one to tell; it is told then. */
bool iscsip__disk_ua_take(struct disk_itl *itl, struct iscsip_sense *s)
{
	unsigned i;

	memset(s, 0, sizeof *s);
	for (i = 0; i < UA_KINDS; i++) {
		if (!(itl->ua >> i & 1))
			continue;
		itl->ua &= ~(1u << i);
		s->key = i == UA_WRITES_LOST ? ISCSIP_SENSE_MEDIUM_ERROR : ISCSIP_SENSE_UNIT_ATTENTION;
		s->deferred = i == UA_WRITES_LOST;
		s->asc = ua_codes[i];
		return true;
	}
	return false;
}
