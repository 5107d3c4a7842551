/* SPDX-License-Identifier: MIT */
/*
 * What may keep a command from running, in the order in which it is told: unit attention, the state of the unit
 * and of the port it came in by, reservations, medium, write protection, and at last the CDB itself. For a READ or WRITE
 * to a unit where nothing is unusual all of it is one test of three words, and the comparison of the CDB with its
 * usage bits.
 */
#include "disk/disk.h"

/* Bytes of a CDB that lie beyond its length are not looked at. */
static uint64_t cdb_bad(const uint8_t *cdb, const uint8_t *usage, uint64_t mask)
{
	return load_be64(cdb) & ~load_be64(usage) & mask;
}

/* Bits 7 to 5 of byte 1, in the first eight bytes of a CDB. */
#define CDB_LUN_BITS 0x00e0000000000000u

/*
 * SCSI-2 has the LUN in bits 7 to 5 of byte 1, and initiators that do not yet know what they speak to (NetBSD) set it in their
 * first commands, beside the LUN that their transport carries. Where those bits mean nothing else they may tell what is so.
 */
static bool cdb_lun_told(const struct disk_req *r)
{
	return r->disk->cfg.flags & ISCSIP_DISK_CDB_LUN && !(r->op->flags & OP_PROTECT) && (r->op->usage[1] & 0xe0) == 0 &&
	       r->cdb[1] >> 5 == iscsip_lun_decode(r->cmd->lun);
}

bool iscsip__disk_cdb_clean(const struct disk_req *r)
{
	/* the two halves of a CDB of each length that the table of commands has */
	static const uint64_t mask[][2] = {
		[6] = { UINT64_MAX << 16, 0 },
		[10] = { UINT64_MAX, UINT64_MAX << 48 },
		[12] = { UINT64_MAX, UINT64_MAX << 32 },
		[16] = { UINT64_MAX, UINT64_MAX },
	};
	const uint64_t *looked_at = mask[r->op->len];
	uint64_t bad = cdb_bad(r->cdb, r->op->usage, looked_at[0]), more = cdb_bad(r->cdb + 8, r->op->usage + 8, looked_at[1]);

	return (bad | more) == 0 || ((bad & ~CDB_LUN_BITS) == 0 && more == 0 && cdb_lun_told(r));
}

/* Points at the first bit that must not be set, most significant first. */
static void cdb_refuse(struct disk_req *r)
{
	unsigned i;
	int bit;

	for (i = 0; i < r->op->len; i++) {
		unsigned bad = r->cdb[i] & ~(unsigned)r->op->usage[i];

		if (i == 1 && cdb_lun_told(r))
			bad &= 0x1f;
		for (bit = 7; bad && bit >= 0; bit--) {
			if (bad >> bit & 1) {
				iscsip__disk_fail_cdb(r, i, bit);
				return;
			}
		}
	}
}

/* Whether a persistent reservation lets a nexus do what @reservation says (SPC-4 5.7, table 66). */
bool iscsip__disk_allowed(const struct disk_lun *lun, const struct disk_itl *itl, const struct disk_slot *slot,
			  uint8_t reservation)
{
	if (lun->gate & GATE_RESERVED && lun->reserved != slot)
		return false;
	if (!(lun->gate & GATE_PERSISTENT) || reservation == RES_FREE || reservation == RES_SELF)
		return true;
	if (itl->reg && (iscsip__disk_is_holder(lun, itl->reg) || lun->now.type >= 5))
		return true;
	/* the write exclusive types let others read */
	return reservation == RES_READ && (lun->now.type == 1 || lun->now.type == 5 || lun->now.type == 7);
}

static bool port_refuses(struct disk_req *r)
{
	static const struct {
		uint8_t state;
		uint16_t allowed;
		uint16_t asc;
	} rules[] = {
		{ ISCSIP_ALUA_STANDBY, OP_STANDBY | OP_ANY_ALUA, ISCSIP_ASC_ALUA_STANDBY },
		{ ISCSIP_ALUA_UNAVAILABLE, OP_ANY_ALUA, ISCSIP_ASC_ALUA_UNAVAILABLE },
		{ ISCSIP_ALUA_OFFLINE, OP_ANY_ALUA, ISCSIP_ASC_ALUA_OFFLINE },
		{ ISCSIP_ALUA_TRANSITIONING, OP_ANY_ALUA, ISCSIP_ASC_ALUA_TRANSITION },
	};
	uint16_t flags = r->op ? r->op->flags : 0;
	size_t i;

	for (i = 0; i < sizeof rules / sizeof rules[0]; i++) {
		if (rules[i].state != (r->slot->alua & 0x0f) || flags & rules[i].allowed)
			continue;
		iscsip__disk_fail(r, ISCSIP_SENSE_NOT_READY, rules[i].asc);
		return true;
	}
	return false;
}

/* SANITIZE and FORMAT UNIT shut out nearly everything, and tell how far they are (SBC-3 4.11.2, 5.3). */
static bool job_refuses(struct disk_req *r)
{
	const struct disk_lun *lun = r->lun;
	uint16_t flags = r->op ? r->op->flags : 0;
	struct iscsip_sense s;

	if (flags & OP_SANITIZE || !(lun->gate & (GATE_SANITIZE | GATE_FORMAT | GATE_SANITIZE_FAILED)))
		return false;
	if (!(lun->gate & (GATE_SANITIZE | GATE_FORMAT))) {
		/* nothing but another one mends it */
		if (r->op && r->op->opcode == ISCSIP_SCSI_SANITIZE)
			return false;
		iscsip__disk_fail(r, ISCSIP_SENSE_MEDIUM_ERROR, ISCSIP_ASC_SANITIZE_FAILED);
		return true;
	}
	memset(&s, 0, sizeof s);
	s.key = ISCSIP_SENSE_NOT_READY;
	s.asc = lun->gate & GATE_SANITIZE ? ISCSIP_ASC_SANITIZE_IN_PROGRESS : ISCSIP_ASC_FORMAT_IN_PROGRESS;
	s.sks_valid = true;
	store_be16(s.sks + 1, iscsip__disk_progress(lun));
	iscsip__disk_sense(r, &s);
	return true;
}

static bool reservation_refuses(struct disk_req *r)
{
	uint8_t kind = r->op ? r->op->reservation : RES_FREE;

	if (r->lun->gate & GATE_RESERVED && r->lun->reserved != r->slot && r->op && r->op->flags & OP_SPC2)
		return false;
	if (iscsip__disk_allowed(r->lun, r->itl, r->slot, kind))
		return false;
	iscsip__disk_conflict(r);
	return true;
}

static bool medium_refuses(struct disk_req *r)
{
	uint32_t gate = r->lun->gate;
	uint16_t flags = r->op ? r->op->flags : 0;

	if (gate & GATE_NO_MEDIUM && flags & OP_MEDIUM) {
		iscsip__disk_fail(r, ISCSIP_SENSE_NOT_READY, ISCSIP_ASC_MEDIUM_NOT_PRESENT);
		return true;
	}
	if (gate & GATE_FAILED && flags & OP_WRITE) {
		iscsip__disk_fail(r, ISCSIP_SENSE_HARDWARE_ERROR, ISCSIP_ASC_LUN_FAILURE);
		return true;
	}
	if (!(gate & (GATE_READ_ONLY | GATE_SWP)) || !(flags & OP_WRITE))
		return false;
	iscsip__disk_fail(r, ISCSIP_SENSE_DATA_PROTECT,
			  gate & GATE_READ_ONLY ? ISCSIP_ASC_WRITE_PROTECTED : ISCSIP_ASC_SOFTWARE_WRITE_PROTECTED);
	return true;
}

/* Something is unusual: a unit attention waits, a gate is closed, or the port is not active. */
static bool check_refuses(struct disk_req *r)
{
	struct iscsip_sense s;

	if (r->lun->gate & GATE_REMOVED) {
		iscsip__disk_fail(r, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_LUN_NOT_SUPPORTED);
		return true;
	}
	if (r->itl->ua && !(r->op && r->op->flags & OP_UA) && iscsip__disk_ua_take(r->itl, &s)) {
		iscsip__disk_sense(r, &s);
		return true;
	}
	return job_refuses(r) || (r->slot->alua && port_refuses(r)) || reservation_refuses(r) || medium_refuses(r);
}

/* The unit does not know the operation code, or not with that service action. */
static void op_refuse(struct disk_req *r)
{
	const struct disk_op *first = iscsip__disk_first_op(r->cdb[0]);

	if (first && disk_op_offered(r->lun, first))
		iscsip__disk_fail_cdb(r, 1, 4);
	else
		iscsip__disk_fail(r, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_INVALID_OPCODE);
}

static bool unit_refuses(struct disk_req *r)
{
	if ((r->itl->ua | r->lun->gate | r->slot->alua) != 0 && check_refuses(r))
		return true;
	if (r->op && disk_op_offered(r->lun, r->op))
		return false;
	op_refuse(r);
	return true;
}

bool iscsip__disk_check(struct disk_req *r)
{
	if (r->lun ? unit_refuses(r) : iscsip__disk_no_lun(r))
		return false;
	if (iscsip__disk_cdb_clean(r))
		return true;
	cdb_refuse(r);
	return false;
}
