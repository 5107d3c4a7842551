/* SPDX-License-Identifier: MIT */
/*
 * LOG SENSE (SPC-4 6.7, 7.3; SBC-3 6.4): supported pages, logical block provisioning, temperature, informational
 * exceptions. The numbers are what the host told (iscsip_disk_lun_set_space()), and a virtual disk has the reference
 * temperature that it was born with. Here too stands the soft threshold of thin units: when the space that the
 * host tells crosses what an initiator set in the logical block provisioning mode page, every nexus is told once.
 */
#include "disk/disk.h"

enum {
	LOG_SUPPORTED = 0x00,
	LOG_PROVISIONING = 0x0c,
	LOG_TEMPERATURE = 0x0d,
	LOG_EXCEPTIONS = 0x2f,
	CELSIUS = 25,
	CELSIUS_LIMIT = 60
};

static const uint8_t log_pages[] = { LOG_SUPPORTED, LOG_PROVISIONING, LOG_TEMPERATURE, LOG_EXCEPTIONS };

static bool log_offered(const struct disk_lun *lun, uint8_t page)
{
	return page != LOG_PROVISIONING || lun->cfg.flags & ISCSIP_LUN_THIN;
}

static void put_parameter(struct disk_out *o, unsigned code, unsigned flags, unsigned len)
{
	iscsip__disk_put16(o, code);
	iscsip__disk_put8(o, flags);
	iscsip__disk_put8(o, len);
}

/* Space in threshold sets of 1 MiB, with SCOPE "this unit". */
static void put_space(struct disk_out *o, unsigned code, uint64_t bytes)
{
	uint64_t sets = bytes >> 20;

	put_parameter(o, code, 0x03, 8);
	iscsip__disk_put32(o, sets > UINT32_MAX ? UINT32_MAX : (uint32_t)sets);
	iscsip__disk_put8(o, 0x01);
	iscsip__disk_put_zero(o, 3);
}

static void put_pages(const struct disk_lun *lun, bool sub, struct disk_out *o)
{
	size_t i;

	for (i = 0; i < sizeof log_pages; i++) {
		if (!log_offered(lun, log_pages[i]))
			continue;
		iscsip__disk_put8(o, log_pages[i]);
		if (sub)
			iscsip__disk_put8(o, 0);
		if (sub && log_pages[i] == LOG_SUPPORTED)
			iscsip__disk_put16(o, 0x00ff);
	}
}

static void make_log(struct disk_req *r, struct disk_out *o)
{
	const struct disk_lun *lun = r->lun;
	uint8_t page = r->cdb[2] & 0x3f;
	bool sub = r->cdb[3] == 0xff;

	iscsip__disk_put8(o, page | (sub ? 0x40u : 0));
	iscsip__disk_put8(o, r->cdb[3]);
	iscsip__disk_put16(o, o->size > 4 ? (unsigned)(o->size - 4) : 0);
	switch (page) {
	case LOG_SUPPORTED:
		put_pages(lun, sub, o);
		break;
	case LOG_PROVISIONING:
		put_space(o, 0x0001, lun->space_available);
		put_space(o, 0x0002, lun->space_used);
		break;
	case LOG_TEMPERATURE:
		put_parameter(o, 0x0000, 0x03, 2);
		iscsip__disk_put16(o, CELSIUS);
		put_parameter(o, 0x0001, 0x03, 2);
		iscsip__disk_put16(o, CELSIUS_LIMIT);
		break;
	default:
		put_parameter(o, 0x0000, 0x03, 4);
		iscsip__disk_put16(o, 0); /* nothing to report */
		iscsip__disk_put16(o, CELSIUS << 8);
		break;
	}
}

void iscsip__disk_log_sense(struct disk_req *r)
{
	uint8_t page = r->cdb[2] & 0x3f, sub = r->cdb[3];
	bool known = false;
	size_t i;

	for (i = 0; i < sizeof log_pages; i++)
		known |= log_pages[i] == page && log_offered(r->lun, page);
	if (!known) {
		iscsip__disk_fail_cdb(r, 2, 5);
	} else if (sub != 0 && (sub != 0xff || page != LOG_SUPPORTED)) {
		iscsip__disk_fail_cdb(r, 3, 7);
	} else if (r->cdb[2] >> 6 > 1) {
		iscsip__disk_fail_cdb(r, 2, 7); /* PC: cumulative values, and thresholds that are the same */
	} else if (load_be16(r->cdb + 5)) {
		iscsip__disk_fail_cdb(r, 5, 7); /* PARAMETER POINTER: pages are told from their beginning */
	} else {
		iscsip__disk_reply(r, load_be16(r->cdb + 7), make_log);
	}
}

/* Thresholds (SBC-3 4.7.3.8): kind 0 is told while the space is below, 1 while it is above the count. */
void iscsip__disk_space_changed(struct disk_lun *lun)
{
	uint64_t sets[2] = { lun->space_available >> 20, lun->space_used >> 20 };
	bool reached = false;
	int i;

	if (lun->space_available == 0 && lun->space_used == 0)
		return;
	for (i = 0; i < 2; i++) {
		uint64_t count = lun->mode.threshold[i].count;
		bool crossed;

		if (!lun->mode.threshold[i].armed)
			continue;
		crossed = i == 0 ? sets[i] <= count : sets[i] >= count;
		reached |= crossed && !lun->threshold_told[i];
		lun->threshold_told[i] = crossed;
	}
	if (reached)
		iscsip__disk_ua_all(lun, NULL, UA_THRESHOLD);
}
