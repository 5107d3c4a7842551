/* SPDX-License-Identifier: MIT */
/*
 * Logical units, from the host's side: adding, removing, and what may change while initiators look on. Each change that
 * they must know of becomes a unit attention. A unit that is removed takes its time: it has left the map of LUNs at once,
 * its commands end with LOGICAL UNIT NOT SUPPORTED, those that storage works for when it has answered, and when the last of them
 * has been freed (its memory may be in a packet on its way) it is gone, and its place free.
 */
#include "disk/disk.h"

static struct disk_lun *lun_find(const struct iscsip_disk *d, uint32_t number)
{
	return number <= d->cfg.max_lun && d->map[number] ? &d->luns[d->map[number] - 1] : NULL;
}

/* Text of a fixed width, padded with blanks; anything that is not printable ASCII becomes a blank (SPC-4 4.4.1). */
static size_t lun_text(char *dst, size_t cap, const char *src)
{
	size_t i, n;

	for (n = 0; n < cap && src[n]; n++)
		dst[n] = src[n] > 0x20 && src[n] < 0x7f ? src[n] : ' ';
	for (i = n; i < cap; i++)
		dst[i] = ' ';
	return n;
}

static uint64_t fnv1a(uint64_t h, const void *p, size_t n)
{
	const uint8_t *b = p;

	while (n--)
		h = (h ^ *b++) * 0x100000001b3u;
	return h;
}

/* A serial number that is the same whenever the same device has the same LUN: 16 digits. */
static void make_serial(struct disk_lun *lun)
{
	const char *name = lun->disk->cfg.name ? lun->disk->cfg.name : "";
	uint64_t h = 0xcbf29ce484222325u;
	uint8_t number[4];
	int i;

	store_be32(number, lun->number);
	while (*name)
		h = fnv1a(h, name++, 1);
	h = fnv1a(h, number, sizeof number);
	for (i = 0; i < 16; i++)
		lun->serial[i] = (uint8_t)"0123456789abcdef"[h >> (60 - 4 * i) & 15];
	lun->serial_len = 16;
}

/* NAA 3 is the one that needs nobody's registration: 4 bits and 60 of our own (SPC-4 7.8.6.6.4). */
static void make_naa(struct disk_lun *lun)
{
	const char *name = lun->disk->cfg.name ? lun->disk->cfg.name : "";
	uint64_t h = fnv1a(0xcbf29ce484222325u, lun->serial, lun->serial_len);

	while (*name)
		h = fnv1a(h, name++, 1);
	store_be64(lun->naa, (h & 0x0fffffffffffffffu) | 0x3000000000000000u);
	lun->naa_len = 8;
}

static void lun_identity(struct disk_lun *lun, const struct iscsip_disk_lun_config *cfg)
{
	char serial[sizeof lun->serial];

	lun_text(lun->vendor, sizeof lun->vendor, cfg->vendor ? cfg->vendor : "ISCSIPRO");
	lun_text(lun->product, sizeof lun->product, cfg->product ? cfg->product : "VIRTUAL-DISK");
	lun_text(lun->revision, sizeof lun->revision, cfg->revision ? cfg->revision : "0001");
	if (cfg->serial && cfg->serial[0]) {
		lun->serial_len = (uint8_t)lun_text(serial, sizeof serial, cfg->serial);
		memcpy(lun->serial, serial, lun->serial_len);
	} else {
		make_serial(lun);
	}
	if (cfg->naa) {
		memcpy(lun->naa, cfg->naa, 16);
		lun->naa_len = 16;
	} else {
		make_naa(lun);
	}
}

static bool lun_config_fits(const struct iscsip_disk *d, const struct iscsip_disk_lun_config *c, uint32_t block)
{
	if (c->struct_size != sizeof *c || !c->ops || c->blocks == 0 || c->physical_exponent > 15)
		return false;
	if (block != 512 && block != 1024 && block != 2048 && block != 4096)
		return false;
	if (c->blocks > (UINT64_MAX >> 1) / block || c->designators_len > 1024 || c->max_compare > 255)
		return false;
	if (c->designators_len && !c->designators)
		return false;
	if (c->flags & ISCSIP_LUN_NO_MEDIUM && !(c->flags & ISCSIP_LUN_REMOVABLE))
		return false;
	if (c->flags & ISCSIP_LUN_THIN && !c->ops->unmap)
		return false;
	if (c->naa && c->naa[0] >> 4 != 6)
		return false;
	if (c->flags & ISCSIP_LUN_COMMIT_ALL && !c->ops->commit)
		return false;
	return d->cfg.buffer_size >= block && (c->ops->pin || (c->ops->read && c->ops->write)) &&
	       (c->ops->read != NULL) == (c->ops->write != NULL);
}

static uint32_t lun_default(uint32_t value, uint64_t otherwise)
{
	return value ? value : otherwise > UINT32_MAX ? UINT32_MAX : (uint32_t)otherwise;
}

static uint64_t lower(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* What the host left at 0, and limits that the buffers set. */
static void lun_limits(struct disk_lun *lun)
{
	struct iscsip_disk_lun_config *c = &lun->cfg;
	uint64_t buffered = iscsip__disk_write_max(lun->disk);
	uint64_t most = buffered >> lun->shift, usual;

	/* memory of the medium needs no buffers, but a write that must not land there before its turn does */
	/* READ(6) and WRITE(6) have no other way to ask for 256 blocks */
	usual = lower(disk_bytes(lun, 256), buffered);
	if (usual < iscsip__disk_transfer_default(lun->disk))
		usual = iscsip__disk_transfer_default(lun->disk);
	c->max_transfer = lun_default(c->max_transfer, usual);
	c->max_compare = (uint16_t)lun_default(c->max_compare, lower(65536u >> lun->shift, 255));
	c->max_compare = (uint16_t)lower(c->max_compare, most / 2);
	c->max_atomic = (uint32_t)lower(lun_default(c->max_atomic, (1u << 20) >> lun->shift), lower(most, 65535));
	c->max_atomic = (uint32_t)lower(c->max_atomic, c->max_transfer >> lun->shift);
	c->unmap_granularity = lun_default(c->unmap_granularity, 1);
	c->max_unmap_descriptors =
		(uint16_t)lower(lun_default(c->max_unmap_descriptors, 65535), (lun->disk->cfg.buffer_size - 8) / 16);
	c->max_unmap = lun_default(c->max_unmap, UINT32_MAX);
}

static void lun_setup(struct iscsip_disk *d, struct disk_lun *lun, uint32_t number, const struct iscsip_disk_lun_config *cfg,
		      uint32_t block)
{
	struct disk_req *job = &lun->job;
	struct disk_lun *kick_next = lun->kick_next;
	bool kicked = lun->kicked;

	memset(lun, 0, sizeof *lun);
	/* the unit that was here before may still stand in the list of disk_settle() */
	lun->kick_next = kick_next;
	lun->kicked = kicked;
	lun->disk = d;
	lun->index = (uint16_t)(lun - d->luns);
	lun->itls = d->itls + (size_t)lun->index * (d->cfg.max_nexuses + 1u);
	iscsip__disk_req_init(d, job, d->cfg.max_commands + (size_t)lun->index);
	job->lun = lun;
	job->flags = RQ_JOB;
	lun->number = number;
	lun->used = true;
	lun->cfg = *cfg;
	lun->ops = cfg->ops;
	lun->user = cfg->user;
	lun->blocks = cfg->blocks;
	while (1u << lun->shift < block)
		lun->shift++;
	lun->cfg.block_size = block;
	if (cfg->flags & ISCSIP_LUN_READ_ONLY)
		lun->gate |= GATE_READ_ONLY;
	if (cfg->flags & ISCSIP_LUN_NO_MEDIUM)
		lun->gate |= GATE_NO_MEDIUM;
	lun_identity(lun, cfg);
	lun_limits(lun);
	iscsip__disk_mode_reset(lun);
}

/* The list of units has changed: every nexus learns of it at every other unit (SPC-4 6.33). */
static void luns_changed(struct iscsip_disk *d, const struct disk_lun *but)
{
	uint32_t i;

	for (i = 0; i < d->luns_used; i++)
		if (d->luns[i].used && &d->luns[i] != but && !(d->luns[i].gate & GATE_REMOVED))
			iscsip__disk_ua_all(&d->luns[i], NULL, UA_LUNS_CHANGED);
}

/* A nexus and a unit see each other for the first time. */
void iscsip__disk_meet(struct disk_lun *lun, struct disk_slot *slot)
{
	struct disk_itl *itl = disk_itl_at(lun, slot);

	memset(itl, 0, sizeof *itl);
	if (slot->nexus)
		itl->ua = 1u << UA_POWER_ON;
}

/* Whether another unit has one of its names. One that is being removed gives its names free. */
static bool lun_name_taken(const struct iscsip_disk *d, const struct disk_lun *lun)
{
	uint32_t i;

	for (i = 0; i < d->luns_used; i++)
		if (d->luns[i].used && &d->luns[i] != lun && !(d->luns[i].gate & GATE_REMOVED) &&
		    iscsip__disk_lun_alike(lun, &d->luns[i]))
			return true;
	return false;
}

/* The next unit that never was. */
static struct disk_lun *lun_fresh(struct iscsip_disk *d)
{
	struct disk_lun *lun = &d->luns[d->luns_used++];

	lun->kick_next = NULL;
	lun->kicked = false;
	return lun;
}

int iscsip_disk_lun_add(struct iscsip_disk *d, uint32_t number, const struct iscsip_disk_lun_config *cfg)
{
	uint32_t i, block = cfg->block_size ? cfg->block_size : 512;
	struct disk_lun *lun = NULL;
	int rc = ISCSIP_OK;

	if (number > d->cfg.max_lun || !lun_config_fits(d, cfg, block))
		return ISCSIP_EINVAL;
	for (i = 0; i < d->luns_used; i++) {
		if (d->luns[i].used && d->luns[i].number == number)
			return ISCSIP_EBUSY;
		if (!d->luns[i].used && !lun)
			lun = &d->luns[i];
	}
	if (!lun && d->luns_used == d->cfg.max_luns)
		return ISCSIP_EAGAIN;
	if (!lun)
		lun = lun_fresh(d);
	lun_setup(d, lun, number, cfg, block);
	for (i = 0; i < d->slots_used; i++)
		iscsip__disk_meet(lun, &d->slots[i]);
	if (lun_name_taken(d, lun))
		rc = ISCSIP_EEXIST;
	else if (cfg->saved || cfg->saved_len)
		rc = iscsip__disk_state_load(lun, cfg->saved, cfg->saved_len);
	if (rc != ISCSIP_OK) {
		lun->used = false;
		return rc;
	}
	d->map[number] = (uint16_t)(lun->index + 1);
	luns_changed(d, lun);
	return ISCSIP_OK;
}

/* --- removal -------------------------------------------------------------------------------------------------- */

static bool lun_idle(const struct disk_lun *lun)
{
	return lun->open == 0 && lun->visitors == 0 && lun->job.state != REQ_RUN;
}

static void lun_gone(struct disk_lun *lun)
{
	uint32_t i;

	for (i = 0; i < lun->disk->cfg.max_registrations; i++)
		if (lun->disk->regs[i].lun == lun->index + 1)
			lun->disk->regs[i].lun = 0;
	lun->used = false;
}

/* Called when something of a unit that is being removed has ended. */
void iscsip__disk_lun_check_gone(struct disk_lun *lun)
{
	struct iscsip_disk *d = lun->disk;

	if (!lun->used || !(lun->gate & GATE_REMOVED) || !lun_idle(lun))
		return;
	lun_gone(lun);
	if (d->cfg.host && d->cfg.host->lun_gone)
		d->cfg.host->lun_gone(d->cfg.user, lun->number, lun->user);
}

/* Every command ends with a status, at once or when its storage has answered; none is left without an answer. */
static void lun_end_all(struct disk_lun *lun)
{
	struct disk_req *r, *next;

	for (r = lun->head; r; r = next) {
		bool ends = (r->state == REQ_RUN || r->state == REQ_DORMANT) && !(r->flags & (RQ_ABORTED | RQ_LOST));

		next = r->next;
		disk_hurry(r); /* the unit is not gone before its last data is */
		r->flags &= ~(uint32_t)RQ_CHECKED; /* one that comes to its turn later is told as well */
		if (!ends)
			continue;
		iscsip__disk_lose(r);
		next = lun->head; /* whoever was next may be gone with it */
	}
}

int iscsip_disk_lun_remove(struct iscsip_disk *d, uint32_t number)
{
	struct disk_lun *lun = lun_find(d, number);
	bool idle, settling = d->settling;

	if (!lun)
		return ISCSIP_ENOENT;
	d->map[number] = 0;
	/* nothing new is begun before the gate is shut; from then on the last command to go tells `lun_gone` */
	d->settling = true;
	lun_end_all(lun);
	d->settling = settling;
	lun->gate |= GATE_REMOVED;
	luns_changed(d, lun);
	idle = lun_idle(lun);
	if (idle)
		lun_gone(lun);
	/* task management and copies of other units may have waited for something here */
	d->kick = true;
	iscsip__disk_settle(d);
	return idle ? ISCSIP_DONE : ISCSIP_OK;
}

/* --- the state that other devices share ----------------------------------------------------------------------- */

size_t iscsip_disk_lun_state_get(const struct iscsip_disk *d, uint32_t number, void *dst, size_t cap)
{
	const struct disk_lun *lun = lun_find(d, number);
	struct disk_cause none;
	struct iscsip_vec v;
	size_t n;

	if (!lun)
		return 0;
	memset(&none, 0, sizeof none);
	none.action = CAUSE_NONE;
	n = (size_t)iscsip__disk_state_write(lun, REG_NOW, true, &none, NULL, 0);
	v.base = dst;
	v.len = cap;
	if (n <= cap)
		iscsip__disk_state_write(lun, REG_NOW, true, &none, &v, 1);
	return n;
}

int iscsip_disk_lun_state_apply(struct iscsip_disk *d, uint32_t number, const void *state, size_t len,
				struct iscsip_disk_ticket *ticket)
{
	struct disk_lun *lun = lun_find(d, number);
	int rc;

	if (!lun)
		return ISCSIP_ENOENT;
	if (ticket && !(d->cfg.host && d->cfg.host->applied))
		return ISCSIP_EINVAL;
	rc = iscsip__disk_state_apply(lun, state, len);
	if (rc != ISCSIP_OK)
		return rc;
	if (d->kick)
		iscsip__disk_settle(d);
	if (!iscsip__disk_lun_stuck(lun))
		return ISCSIP_DONE;
	if (!ticket)
		return ISCSIP_OK;
	iscsip__disk_lun_hurry(lun);
	ticket->priv[0] = d->tickets;
	ticket->priv[1] = lun;
	ticket->lun = number;
	d->tickets = ticket;
	return ISCSIP_OK;
}

/* --- changes -------------------------------------------------------------------------------------------------- */

int iscsip_disk_lun_resize(struct iscsip_disk *d, uint32_t number, uint64_t blocks)
{
	struct disk_lun *lun = lun_find(d, number);

	if (!lun)
		return ISCSIP_ENOENT;
	if (blocks == 0 || blocks > (UINT64_MAX >> 1) >> lun->shift)
		return ISCSIP_EINVAL;
	if (blocks != lun->blocks) {
		lun->blocks = blocks;
		iscsip__disk_ua_all(lun, NULL, UA_CAPACITY);
	}
	return ISCSIP_OK;
}

int iscsip_disk_lun_set_read_only(struct iscsip_disk *d, uint32_t number, bool on)
{
	struct disk_lun *lun = lun_find(d, number);

	if (!lun)
		return ISCSIP_ENOENT;
	if (on == ((lun->gate & GATE_READ_ONLY) != 0))
		return ISCSIP_OK;
	lun->gate ^= GATE_READ_ONLY;
	/* WP of the mode parameter header is other than it was */
	iscsip__disk_ua_all(lun, NULL, UA_MODE);
	return ISCSIP_OK;
}

int iscsip_disk_lun_set_medium(struct iscsip_disk *d, uint32_t number, bool present)
{
	struct disk_lun *lun = lun_find(d, number);

	if (!lun)
		return ISCSIP_ENOENT;
	if (!(lun->cfg.flags & ISCSIP_LUN_REMOVABLE))
		return ISCSIP_EINVAL;
	if (present && lun->gate & GATE_NO_MEDIUM)
		iscsip__disk_ua_all(lun, NULL, UA_MEDIUM_CHANGED);
	lun->gate = present ? lun->gate & ~(uint32_t)GATE_NO_MEDIUM : lun->gate | GATE_NO_MEDIUM;
	lun->ejected = false; /* what the host took out no initiator can load */
	return ISCSIP_OK;
}

int iscsip_disk_lun_set_failed(struct iscsip_disk *d, uint32_t number, bool on)
{
	struct disk_lun *lun = lun_find(d, number);

	if (!lun)
		return ISCSIP_ENOENT;
	if (on)
		iscsip__disk_set_failed(lun, NULL);
	else
		iscsip__disk_clear_failed(lun);
	return ISCSIP_OK;
}

int iscsip_disk_lun_set_space(struct iscsip_disk *d, uint32_t number, uint64_t available, uint64_t used)
{
	struct disk_lun *lun = lun_find(d, number);

	if (!lun)
		return ISCSIP_ENOENT;
	lun->space_available = available;
	lun->space_used = used;
	iscsip__disk_space_changed(lun);
	return ISCSIP_OK;
}

int iscsip_disk_lun_stats(const struct iscsip_disk *d, uint32_t number, struct iscsip_disk_stats *out)
{
	const struct disk_lun *lun = lun_find(d, number);

	if (!lun)
		return ISCSIP_ENOENT;
	*out = lun->stats;
	return ISCSIP_OK;
}
