/* SPDX-License-Identifier: MIT */
/*
 * The target device: its configuration, its one block of memory, and the I_T nexus.
 *
 * carve() lays the arrays out one after the other; without memory it only counts, so that iscsip_disk_size() and
 * iscsip_disk_init() cannot disagree. Everything is of fixed size from then on: nothing a peer does can make it grow.
 *
 * A nexus occupies a slot. When it is closed its commands move to the last slot, limbo, which belongs to nobody and
 * holds nothing, so that what is still under way finds something to stand on until the transport has freed it.
 */
#include "disk/disk.h"

#include "base/abi.h"

static const uint16_t disk_alignment = 16;

void iscsip_disk_config_init(struct iscsip_disk_config *cfg, size_t struct_size)
{
	struct iscsip_disk_config c;

	memset(&c, 0, sizeof c);
	c.max_luns = 8;
	c.max_nexuses = 16;
	c.max_commands = 128;
	c.max_registrations = 64;
	c.max_pieces = 32;
	c.transport_id_max = ISCSIP_TRANSPORT_ID_MAX;
	c.max_lun = 255;
	c.buffer_size = 32768;
	c.buffer_count = 64;
	c.buffer_align = 64;
	c.protocol = 5;
	c.struct_size = struct_size < sizeof c ? struct_size : sizeof c;
	abi_fill(cfg, struct_size, &c, sizeof c);
}

static bool power_of_two(uint32_t v, uint32_t least, uint32_t most)
{
	return v >= least && v <= most && (v & (v - 1)) == 0;
}

static bool config_ports_fit(const struct iscsip_disk_config *c)
{
	unsigned i, j;

	if (c->port_count > 256 || (c->port_count && !c->ports))
		return false;
	for (i = 0; i < c->port_count; i++)
		for (j = 0; j <= i; j++)
			if (c->ports[i].id == 0 || (j < i && c->ports[j].id == c->ports[i].id))
				return false;
	return true;
}

static bool config_fits(const struct iscsip_disk_config *c)
{
	return c->struct_size == sizeof *c && c->max_luns >= 1 && c->max_luns <= 4096 && c->max_nexuses >= 1 &&
	       c->max_nexuses <= 16384 && c->max_commands >= 1 && c->max_commands <= 16384 && c->max_registrations <= 4096 &&
	       c->max_pieces >= 2 && c->max_pieces <= 1024 && c->transport_id_max >= 24 &&
	       c->transport_id_max <= ISCSIP_TRANSPORT_ID_MAX && c->max_lun <= 16383 &&
	       power_of_two(c->buffer_size, 4096, 1u << 20) && c->buffer_count >= 2 && c->buffer_count <= 1u << 24 &&
	       power_of_two(c->buffer_align, 16, 65536) && config_ports_fit(c);
}

/* A cursor over the host's memory; with base NULL it only counts. */
struct disk_carver {
	uint8_t *base;
	size_t at;
};

static void *carve_bytes(struct disk_carver *c, size_t n, size_t align)
{
	void *p;

	if (c->base)
		c->at += (size_t)(0 - ((uintptr_t)c->base + c->at)) & (align - 1);
	p = c->base ? c->base + c->at : NULL;
	/* counting, the worst start is assumed */
	c->at += n + (c->base ? 0 : align - 1);
	return p;
}

static void carve_objects(struct disk_carver *c, struct iscsip_disk *d, const struct iscsip_disk_config *cfg)
{
	d->map = carve_bytes(c, ((size_t)cfg->max_lun + 1) * sizeof *d->map, disk_alignment);
	d->group_state = carve_bytes(c, cfg->port_count ? cfg->port_count : 1, 1);
	d->regs = carve_bytes(c, cfg->max_registrations * sizeof *d->regs, disk_alignment);
}

static void carve_registrations(struct disk_carver *c, struct iscsip_disk *d, const struct iscsip_disk_config *cfg)
{
	size_t i;

	for (i = 0; i < cfg->max_registrations; i++) {
		void *id = carve_bytes(c, cfg->transport_id_max, 4);

		if (c->base)
			d->regs[i].id = id;
	}
}

/* What is written when it is first needed, the buffers last; the first buffer is the sink. */
static void carve_untouched(struct disk_carver *c, struct iscsip_disk *d, const struct iscsip_disk_config *cfg)
{
	size_t slots = (size_t)cfg->max_nexuses + 1, records = (size_t)cfg->max_commands + cfg->max_luns;

	d->luns = carve_bytes(c, cfg->max_luns * sizeof *d->luns, disk_alignment);
	d->slots = carve_bytes(c, slots * sizeof *d->slots, disk_alignment);
	d->shares = carve_bytes(c, slots * sizeof *d->shares, disk_alignment);
	d->itls = carve_bytes(c, slots * cfg->max_luns * sizeof *d->itls, disk_alignment);
	d->reqs = carve_bytes(c, cfg->max_commands * sizeof *d->reqs, disk_alignment);
	d->pieces = carve_bytes(c, records * 2 * cfg->max_pieces * sizeof *d->pieces, disk_alignment);
	d->buffers = carve_bytes(c, (size_t)cfg->buffer_size * ((size_t)cfg->buffer_count + 1), cfg->buffer_align);
}

/* Returns how many bytes have to be zero at first: the rest is left alone, and what is never used costs no page. */
static size_t carve_all(struct disk_carver *c, struct iscsip_disk *d, const struct iscsip_disk_config *cfg)
{
	size_t zeroed;

	carve_objects(c, d, cfg);
	carve_registrations(c, d, cfg);
	zeroed = c->at;
	carve_untouched(c, d, cfg);
	return zeroed;
}

/* Bytes of a whole disk, or 0; in *zeroed how many of them have to be zero at first. */
static size_t disk_measure(const struct iscsip_disk_config *cfg, size_t *zeroed)
{
	struct disk_carver c = { NULL, 0 };
	struct iscsip_disk count;

	if (!config_fits(cfg) || (uint64_t)cfg->buffer_size * cfg->buffer_count > SIZE_MAX / 4)
		return 0;
	carve_bytes(&c, sizeof count, disk_alignment);
	*zeroed = carve_all(&c, &count, cfg);
	return c.at;
}

size_t iscsip_disk_size(const struct iscsip_disk_config *cfg)
{
	size_t zeroed;

	return disk_measure(cfg, &zeroed);
}

static struct disk_slot *slot_fresh(struct iscsip_disk *d)
{
	struct disk_slot *slot = &d->slots[d->slots_used];

	memset(slot, 0, sizeof *slot);
	slot->disk = d;
	slot->index = (uint16_t)d->slots_used;
	d->slots_used++;
	return slot;
}

static void disk_setup(struct iscsip_disk *d, const struct iscsip_disk_config *cfg)
{
	d->cfg = *cfg;
	d->ports = cfg->ports;
	if (cfg->port_count == 0) {
		d->one_port.id = 1;
		d->one_port.group = 1;
		d->ports = &d->one_port;
		d->cfg.port_count = 1;
	}
	d->buffers_free = cfg->buffer_count;
	(void)slot_fresh(d); /* limbo */
	memset(d->shares, 0, sizeof d->shares[0]);
	d->shares_used = 1;
	d->slots[0].share = d->shares;
}

int iscsip_disk_init(struct iscsip_disk **out, void *mem, size_t len, const struct iscsip_disk_config *cfg)
{
	struct disk_carver c = { mem, 0 };
	size_t zeroed, need = disk_measure(cfg, &zeroed);

	if (need == 0)
		return ISCSIP_EINVAL;
	if (len < need || !mem)
		return ISCSIP_ENOSPC;
	memset(mem, 0, zeroed);
	*out = carve_bytes(&c, sizeof **out, disk_alignment);
	carve_all(&c, *out, cfg);
	disk_setup(*out, cfg);
	return ISCSIP_OK;
}

bool iscsip_disk_busy(const struct iscsip_disk *d)
{
	uint32_t i;

	for (i = 0; i < d->luns_used; i++)
		if (d->luns[i].job.state == REQ_RUN)
			return true;
	return d->open != 0 || d->tmfs != NULL;
}

static uint64_t buffers_bytes(const struct iscsip_disk *d, uint64_t n)
{
	if (n > d->cfg.max_pieces)
		n = d->cfg.max_pieces;
	return (n ? n : 1) * d->cfg.buffer_size;
}

/* Bytes that one command may ever have in buffers: half of them, and one is kept for scratch. */
uint64_t iscsip__disk_write_max(const struct iscsip_disk *d)
{
	return buffers_bytes(d, d->cfg.buffer_count / 2);
}

/* What one command may transfer unless the host says otherwise: several initiators find room for such side by side. */
uint64_t iscsip__disk_transfer_default(const struct iscsip_disk *d)
{
	return buffers_bytes(d, d->cfg.buffer_count / 4);
}

/* --- I_T nexus ------------------------------------------------------------------------------------------------ */

static int port_index(const struct iscsip_disk *d, uint16_t id)
{
	int i;

	for (i = 0; i < d->cfg.port_count; i++)
		if (d->ports[i].id == id)
			return i;
	return -1;
}

/* One that was open before, or the next that never was. */
static struct disk_slot *slot_free(struct iscsip_disk *d)
{
	uint32_t i;

	for (i = 1; i < d->slots_used; i++)
		if (!d->slots[i].nexus)
			return &d->slots[i];
	return d->slots_used <= d->cfg.max_nexuses ? slot_fresh(d) : NULL;
}

int iscsip_disk_nexus_open(struct iscsip_disk *d, struct iscsip_disk_nexus *nexus, const void *transport_id, size_t len,
			   uint16_t port)
{
	struct disk_slot *slot;
	int index = port_index(d, port);
	uint32_t i;

	if (index < 0 || len > d->cfg.transport_id_max || iscsip_transport_id_length(transport_id, len) != len)
		return ISCSIP_EINVAL;
	slot = slot_free(d);
	if (!slot)
		return ISCSIP_EAGAIN;
	slot->id = nexus->transport_id;
	slot->id_len = (uint16_t)len;
	slot->port = (uint16_t)index;
	slot->alua = d->group_state[index] > ISCSIP_ALUA_NON_OPTIMIZED ? (uint8_t)(0x80 | d->group_state[index]) : 0;
	slot->nexus = nexus;
	memset(nexus, 0, sizeof *nexus);
	nexus->disk = d;
	nexus->priv[0] = slot;
	memcpy(nexus->transport_id, transport_id, len);
	slot->id = nexus->transport_id;
	iscsip__disk_share_open(slot);
	for (i = 0; i < d->luns_used; i++)
		iscsip__disk_meet(&d->luns[i], slot);
	iscsip__disk_match_registrations(slot);
	return ISCSIP_OK;
}

/* The slot's commands are given up; those that have not executed yet will find themselves in limbo. */
static void slot_abandon(struct disk_slot *slot, struct disk_lun *lun)
{
	struct disk_slot *limbo = disk_limbo(slot->disk);
	struct disk_req *r, *next;
	bool settling = slot->disk->settling;

	slot->disk->settling = true;
	for (r = lun->head; r; r = r->next) {
		if (r->slot != slot)
			continue;
		r->slot = limbo;
		r->itl = disk_itl_at(lun, limbo);
		r->itl->count++;
		r->flags &= ~(uint32_t)RQ_CHECKED;
		if (r->state == REQ_PLACED) {
			/* its turn never comes, but until the transport lets go of it its data may land */
			r->flags |= RQ_ABORTED;
			iscsip__disk_late_begin(r);
		}
	}
	for (r = lun->head; r; r = next) {
		next = r->next;
		if (r->slot == limbo && (r->state == REQ_RUN || r->state == REQ_DORMANT) && !disk_gone(r)) {
			iscsip__disk_kill(r);
			next = lun->head; /* whoever was next may be gone with it */
		}
	}
	slot->disk->settling = settling;
}

void iscsip_disk_nexus_close(struct iscsip_disk_nexus *nexus)
{
	struct iscsip_disk *d = nexus->disk;
	struct disk_slot *slot = nexus->priv[0];
	uint32_t i;

	if (!d)
		return;
	iscsip__disk_share_close(slot);
	slot->nexus = NULL;
	slot->id = NULL;
	slot->id_len = 0;
	nexus->disk = NULL;
	iscsip__disk_nexus_lost(slot);
	for (i = 0; i < d->luns_used; i++)
		if (d->luns[i].used)
			slot_abandon(slot, &d->luns[i]);
	iscsip__disk_settle(d);
}
