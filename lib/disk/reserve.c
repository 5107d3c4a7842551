/* SPDX-License-Identifier: MIT */
/*
 * Reservations, the part that others see: the table of registrations, who holds what, and RESERVE and RELEASE of SPC-2.
 *
 * A registration belongs to an I_T nexus at a unit and outlives the nexus: it is kept by TransportID and target port, and
 * an open nexus that matches it finds it through its disk_itl. Registrations of all units share one table of fixed size. A
 * reservation is held by one registration, or, of the all-registrants types, by all of a unit. The gate of the unit is
 * shut (GATE_PERSISTENT, GATE_RESERVED) exactly while a reservation stands. All this is the state in force: draft.c has
 * what a change under way will make of it, commit.c how it gets there. RESERVE of SPC-2 ends with its nexus or a reset
 * and is never kept.
 */
#include "disk/disk.h"

/* --- registrations -------------------------------------------------------------------------------------------- */

static uint8_t fold(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

/*
 * The same port? iSCSI names know no case (RFC 7143 4.2.7.1), and the padding after the name's NUL may differ. A TransportID
 * may be a name alone (format 00b) and means then every port of that name (SPC-4 7.6.4.6). Others compare as bytes.
 */
bool iscsip__disk_id_equal(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	bool a_name = (a[0] & 0xc0) == 0, b_name = (b[0] & 0xc0) == 0;
	size_t i;

	if ((a[0] & 0x0f) != (b[0] & 0x0f))
		return false;
	if ((a[0] & 0x0f) != 5)
		return a_len == b_len && memcmp(a, b, a_len) == 0;
	for (i = 4; i < a_len && i < b_len && fold(a[i]) == fold(b[i]); i++)
		if (a[i] == 0)
			return true;
	if (i == a_len || i == b_len)
		return a_len == b_len;
	/* a comma begins what a port's identifier adds to the name */
	return (a_name && !b_name && a[i] == 0 && b[i] == ',') || (b_name && !a_name && b[i] == 0 && a[i] == ',');
}

static bool reg_is_nexus(const struct disk_reg *g, const struct disk_slot *slot)
{
	return g->port == slot->disk->ports[slot->port].id &&
	       iscsip__disk_id_equal(g->id, g->id_len, slot->id, slot->id_len);
}

/* An open nexus finds the registrations of its port. */
void iscsip__disk_match_registrations(struct disk_slot *slot)
{
	struct iscsip_disk *d = slot->disk;
	uint32_t i;

	for (i = 0; i < d->cfg.max_registrations; i++)
		if (d->regs[i].lun && d->regs[i].sides & REG_NOW && reg_is_nexus(&d->regs[i], slot))
			disk_itl_at(&d->luns[d->regs[i].lun - 1], slot)->reg = (uint16_t)(i + 1);
}

/* The registrations of a unit are others now. */
void iscsip__disk_match_lun(struct disk_lun *lun)
{
	struct iscsip_disk *d = lun->disk;
	uint32_t i, k;

	for (k = 0; k < d->slots_used; k++)
		disk_itl_at(lun, &d->slots[k])->reg = 0;
	for (i = 0; i < d->cfg.max_registrations; i++) {
		const struct disk_reg *g = iscsip__disk_reg_of(lun, i, REG_NOW);

		for (k = 0; k < d->slots_used && g; k++)
			if (d->slots[k].nexus && reg_is_nexus(g, &d->slots[k]))
				disk_itl_at(lun, &d->slots[k])->reg = (uint16_t)(i + 1);
	}
}

bool iscsip__disk_all_registrants(const struct disk_state *state)
{
	return state->type >= 7;
}

bool iscsip__disk_is_holder(const struct disk_lun *lun, unsigned reg)
{
	return reg && lun->now.type && (iscsip__disk_all_registrants(&lun->now) || lun->now.holder == reg);
}

void iscsip__disk_gate_reservation(struct disk_lun *lun)
{
	uint32_t gate = lun->gate & ~(uint32_t)(GATE_RESERVED | GATE_PERSISTENT);

	if (lun->reserved)
		gate |= GATE_RESERVED;
	if (lun->now.type)
		gate |= GATE_PERSISTENT;
	lun->gate = gate;
}

/* --- RESERVE and RELEASE (SPC-2 7.21, 7.16) ------------------------------------------------------------------- */

/*
 * Beside persistent reservations they change nothing (CRH 1, SPC-4 5.7.3): who is registered and may use the unit is
 * told GOOD, others get a conflict.
 */
static bool compatible(struct disk_req *r)
{
	const struct disk_lun *lun = r->lun;

	if (lun->now.regs == 0)
		return false;
	if (r->itl->reg && (!lun->now.type || lun->now.type >= 5 || iscsip__disk_is_holder(lun, r->itl->reg)))
		iscsip__disk_good(r);
	else
		iscsip__disk_conflict(r);
	return true;
}

static void reserve_judge(struct disk_req *r)
{
	struct disk_lun *lun = r->lun;

	if (compatible(r))
		return;
	/* it may have waited, and another been first */
	if (lun->reserved && lun->reserved != r->slot) {
		iscsip__disk_conflict(r);
		return;
	}
	lun->reserved = r->slot;
	iscsip__disk_gate_reservation(lun);
	iscsip__disk_good(r);
}

/* A registration that is under way may be the first: with it RESERVE means something else. */
void iscsip__disk_reserve(struct disk_req *r)
{
	iscsip__disk_change(r, reserve_judge);
}

/* RELEASE by one who holds nothing changes nothing, and is GOOD. */
void iscsip__disk_release_unit(struct disk_req *r)
{
	if (compatible(r))
		return;
	if (r->lun->reserved == r->slot) {
		r->lun->reserved = NULL;
		iscsip__disk_gate_reservation(r->lun);
	}
	iscsip__disk_good(r);
}
