/* SPDX-License-Identifier: MIT */
/*
 * PERSISTENT RESERVE IN (SPC-4 6.15): who is registered, what is reserved, what this device can do. It only reads the
 * state that reserve.c keeps and prout.c changes; the registrations of a unit are those of the common table that
 * bear its index.
 */
#include "disk/disk.h"

#define put iscsip__disk_put
#define put8 iscsip__disk_put8
#define put16 iscsip__disk_put16
#define put32 iscsip__disk_put32
#define put64 iscsip__disk_put64
#define put_zero iscsip__disk_put_zero

enum {
	PRIN_READ_KEYS = 0,
	PRIN_READ_RESERVATION = 1,
	PRIN_REPORT_CAPABILITIES = 2
};

static void put_prin_head(struct disk_req *r, struct disk_out *o)
{
	put32(o, r->lun->now.generation);
	put32(o, o->size > 8 ? (uint32_t)(o->size - 8) : 0);
}

static void make_keys(struct disk_req *r, struct disk_out *o)
{
	uint32_t i;

	put_prin_head(r, o);
	for (i = 0; i < r->disk->cfg.max_registrations; i++) {
		const struct disk_reg *g = iscsip__disk_reg_of(r->lun, i, REG_NOW);

		if (g)
			put64(o, g->key);
	}
}

static void make_reservation(struct disk_req *r, struct disk_out *o)
{
	const struct disk_lun *lun = r->lun;

	put_prin_head(r, o);
	if (!lun->now.type)
		return;
	put64(o, lun->now.holder ? r->disk->regs[lun->now.holder - 1].key : 0);
	put32(o, 0);
	put8(o, 0);
	put8(o, lun->now.type); /* scope: the unit */
	put16(o, 0);
}

static void make_capabilities(struct disk_req *r, struct disk_out *o)
{
	bool ptpl = r->lun->ops->commit != NULL;

	put16(o, 8);
	put8(o, 0x1c | ptpl);                 /* CRH, SIP_C, ATP_C, PTPL_C */
	put8(o, 0x80 | (r->lun->now.aptpl ? 1 : 0)); /* TMV, PTPL_A */
	put16(o, 0xea01);                     /* types 1, 3, 5, 6, 7, and 8 */
	put16(o, 0);
}

static void put_full_status(struct disk_req *r, const struct disk_reg *g, uint32_t i, struct disk_out *o)
{
	bool holder = iscsip__disk_is_holder(r->lun, i + 1);

	put64(o, g->key);
	put32(o, 0);
	put8(o, holder ? 1 : 0);
	put8(o, holder ? r->lun->now.type : 0);
	put32(o, 0);
	put16(o, g->port);
	put32(o, g->id_len);
	put(o, g->id, g->id_len);
}

static void make_full_status(struct disk_req *r, struct disk_out *o)
{
	uint32_t i;

	put_prin_head(r, o);
	for (i = 0; i < r->disk->cfg.max_registrations; i++) {
		const struct disk_reg *g = iscsip__disk_reg_of(r->lun, i, REG_NOW);

		if (g)
			put_full_status(r, g, i, o);
	}
}

void iscsip__disk_persistent_in(struct disk_req *r)
{
	unsigned alloc = load_be16(r->cdb + 7);

	switch (r->op->sa) {
	case PRIN_READ_KEYS:
		iscsip__disk_reply(r, alloc, make_keys);
		break;
	case PRIN_READ_RESERVATION:
		iscsip__disk_reply(r, alloc, make_reservation);
		break;
	case PRIN_REPORT_CAPABILITIES:
		iscsip__disk_reply(r, alloc, make_capabilities);
		break;
	default:
		iscsip__disk_reply(r, alloc, make_full_status);
		break;
	}
}

#undef put
#undef put8
#undef put16
#undef put32
#undef put64
#undef put_zero
