/* SPDX-License-Identifier: MIT */
/*
 * Reservations, the part that others see: the table of registrations, who holds what, and RESERVE and RELEASE of SPC-2.
 *
 * A registration belongs to an I_T nexus at a unit and outlives the nexus: it is kept by TransportID and target port, and
 * an open nexus that matches it finds it through its disk_itl. Registrations of all units share one table of fixed size. A
 * reservation is held by one registration, or, of the all-registrants types, by all of a unit. The gate of the unit is
 * shut (GATE_PERSISTENT, GATE_RESERVED) exactly while a reservation stands.
 */
#include "disk/disk.h"

/* --- registrations -------------------------------------------------------------------------------------------- */

static uint8_t fold(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

/*
 * The same port? iSCSI names know no case (RFC 7143 4.2.7.1), and the padding after the name's NUL may differ. Others compare
 * as bytes.
 */
bool iscsip__disk_id_equal(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	size_t i;

	if (a[0] != b[0])
		return false;
	if ((a[0] & 0x0f) != 5)
		return a_len == b_len && memcmp(a, b, a_len) == 0;
	for (i = 4; i < a_len && i < b_len; i++) {
		if (fold(a[i]) != fold(b[i]))
			return false;
		if (a[i] == 0)
			return true;
	}
	return a_len == b_len;
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
		if (d->regs[i].lun && reg_is_nexus(&d->regs[i], slot))
			disk_itl_at(&d->luns[d->regs[i].lun - 1], slot)->reg = (uint16_t)(i + 1);
}

void iscsip__disk_match_lun(struct disk_lun *lun)
{
	struct iscsip_disk *d = lun->disk;
	uint32_t i;

	for (i = 0; i < d->slots_used; i++) {
		disk_itl_at(lun, &d->slots[i])->reg = 0;
		if (d->slots[i].nexus)
			iscsip__disk_match_registrations(&d->slots[i]);
	}
}

static struct disk_reg *registration_find(const struct disk_lun *lun, const uint8_t *id, size_t len, uint16_t port)
{
	struct iscsip_disk *d = lun->disk;
	uint32_t i;

	for (i = 0; i < d->cfg.max_registrations; i++) {
		struct disk_reg *g = &d->regs[i];

		if (g->lun == lun->index + 1 && g->port == port && iscsip__disk_id_equal(g->id, g->id_len, id, len))
			return g;
	}
	return NULL;
}

/* Registers a port, or gives it another key. NULL: the table is full. The caller matches nexus and registrations anew. */
struct disk_reg *iscsip__disk_reg_add(struct disk_lun *lun, const uint8_t *id, size_t len, uint16_t port, uint64_t key)
{
	struct iscsip_disk *d = lun->disk;
	struct disk_reg *g = registration_find(lun, id, len, port);
	uint32_t i;

	for (i = 0; i < d->cfg.max_registrations && !g; i++) {
		if (d->regs[i].lun)
			continue;
		g = &d->regs[i];
		g->lun = (uint16_t)(lun->index + 1);
		g->port = port;
		g->id_len = (uint16_t)len;
		memcpy(g->id, id, len);
		lun->regs++;
	}
	if (g)
		g->key = key;
	return g;
}

/* @index is 1 + place in the table. */
void iscsip__disk_reg_drop(struct disk_lun *lun, unsigned index)
{
	struct iscsip_disk *d = lun->disk;
	uint32_t i;

	d->regs[index - 1].lun = 0;
	lun->regs--;
	for (i = 0; i < d->slots_used; i++)
		if (disk_itl_at(lun, &d->slots[i])->reg == index)
			disk_itl_at(lun, &d->slots[i])->reg = 0;
}

bool iscsip__disk_all_registrants(const struct disk_lun *lun)
{
	return lun->pr_type >= 7;
}

bool iscsip__disk_is_holder(const struct disk_lun *lun, unsigned reg)
{
	return reg && lun->pr_type && (iscsip__disk_all_registrants(lun) || lun->pr_holder == reg);
}

void iscsip__disk_gate_reservation(struct disk_lun *lun)
{
	uint32_t gate = lun->gate & ~(uint32_t)(GATE_RESERVED | GATE_PERSISTENT);

	if (lun->reserved)
		gate |= GATE_RESERVED;
	if (lun->pr_type)
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

	if (lun->regs == 0)
		return false;
	if (r->itl->reg && (!lun->pr_type || lun->pr_type >= 5 || iscsip__disk_is_holder(lun, r->itl->reg)))
		iscsip__disk_good(r);
	else
		iscsip__disk_conflict(r);
	return true;
}

void iscsip__disk_reserve(struct disk_req *r)
{
	if (compatible(r))
		return;
	r->lun->reserved = r->slot;
	iscsip__disk_gate_reservation(r->lun);
	iscsip__disk_good(r);
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

/* --- over a loss of power ------------------------------------------------------------------------------------- */

#define SAVED_MAGIC 0x50527631u /* "PRv1" */

enum {
	SAVED_HEAD = 16, /* magic, generation, holder, count, type, 3 reserved */
	SAVED_REG = 12,  /* key, port, length of the TransportID that follows */
	SAVED_SUM = 8
};

static uint64_t saved_sum(const uint8_t *p, size_t n)
{
	uint64_t h = 0xcbf29ce484222325u;

	while (n--)
		h = (h ^ *p++) * 0x100000001b3u;
	return h;
}

static const struct disk_reg *reg_of(const struct disk_lun *lun, uint32_t i)
{
	const struct disk_reg *g = &lun->disk->regs[i];

	return g->lun == lun->index + 1 ? g : NULL;
}

/* Bytes that saving needs, with room for @more registrations. */
uint64_t iscsip__disk_pr_bytes(const struct disk_lun *lun, uint32_t more)
{
	uint64_t n = SAVED_HEAD + SAVED_SUM + (uint64_t)more * (SAVED_REG + ISCSIP_TRANSPORT_ID_MAX);
	uint32_t i;

	for (i = 0; i < lun->disk->cfg.max_registrations; i++)
		if (reg_of(lun, i))
			n += SAVED_REG + (uint64_t)reg_of(lun, i)->id_len;
	return n;
}

/* Writes what ISCSIP_STORAGE_COMMIT is to keep; answers its length. */
size_t iscsip__disk_pr_write(const struct disk_lun *lun, uint8_t *p)
{
	size_t n = SAVED_HEAD;
	uint16_t holder = 0, count = 0;
	uint32_t i;

	for (i = 0; i < lun->disk->cfg.max_registrations; i++) {
		const struct disk_reg *g = reg_of(lun, i);

		if (!g)
			continue;
		count++;
		if (lun->pr_holder == i + 1)
			holder = count;
		store_be64(p + n, g->key);
		store_be16(p + n + 8, g->port);
		store_be16(p + n + 10, g->id_len);
		memcpy(p + n + SAVED_REG, g->id, g->id_len);
		n += SAVED_REG + (size_t)g->id_len;
	}
	store_be32(p, SAVED_MAGIC);
	store_be32(p + 4, lun->pr_generation);
	store_be16(p + 8, holder);
	store_be16(p + 10, count);
	store_be32(p + 12, (uint32_t)lun->pr_type << 24);
	store_be64(p + n, saved_sum(p, n));
	return n + SAVED_SUM;
}

static void saved_forget(struct disk_lun *lun)
{
	uint32_t i;

	for (i = 0; i < lun->disk->cfg.max_registrations; i++)
		if (reg_of(lun, i))
			iscsip__disk_reg_drop(lun, i + 1);
}

/* One registration; answers its length, or 0 where it is cut, damaged or finds no place. */
static size_t saved_reg(struct disk_lun *lun, const uint8_t *p, size_t n, bool holder)
{
	const struct disk_reg *g;
	size_t len;

	if (n < SAVED_REG)
		return 0;
	len = load_be16(p + 10);
	if (len > n - SAVED_REG || len > lun->disk->cfg.transport_id_max ||
	    iscsip_transport_id_length(p + SAVED_REG, len) != len || load_be64(p) == 0)
		return 0;
	g = iscsip__disk_reg_add(lun, p + SAVED_REG, len, load_be16(p + 8), load_be64(p));
	if (g && holder)
		lun->pr_holder = (uint16_t)(g - lun->disk->regs + 1);
	return g ? SAVED_REG + len : 0;
}

/* Takes what was saved, as a whole or not at all. */
bool iscsip__disk_pr_load(struct disk_lun *lun, const uint8_t *p, size_t n)
{
	unsigned i, count, holder;
	uint8_t type;
	size_t at = SAVED_HEAD;

	if (n < SAVED_HEAD + SAVED_SUM || load_be32(p) != SAVED_MAGIC ||
	    load_be64(p + n - SAVED_SUM) != saved_sum(p, n - SAVED_SUM))
		return false;
	n -= SAVED_SUM;
	holder = load_be16(p + 8);
	count = load_be16(p + 10);
	type = p[12];
	for (i = 1; i <= count; i++) {
		size_t len = saved_reg(lun, p + at, n - at, holder == i);

		if (len == 0)
			break;
		at += len;
	}
	if (i <= count || at != n || type > 8 || (type && type < 7 && !lun->pr_holder) || (type >= 7 && !lun->regs)) {
		saved_forget(lun);
		lun->pr_holder = 0;
		return false;
	}
	lun->pr_type = type;
	lun->pr_generation = load_be32(p + 4);
	lun->aptpl = true;
	iscsip__disk_match_lun(lun);
	iscsip__disk_gate_reservation(lun);
	return true;
}
