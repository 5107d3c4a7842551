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
	if (struct_size > sizeof c) {
		memset(cfg, 0, struct_size);
		struct_size = sizeof c;
	}
	c.struct_size = struct_size;
	memcpy(cfg, &c, struct_size);
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
	size_t slots = (size_t)cfg->max_nexuses + 1;

	d->map = carve_bytes(c, ((size_t)cfg->max_lun + 1) * sizeof *d->map, disk_alignment);
	d->group_state = carve_bytes(c, cfg->port_count ? cfg->port_count : 1, 1);
	d->luns = carve_bytes(c, cfg->max_luns * sizeof *d->luns, disk_alignment);
	d->slots = carve_bytes(c, slots * sizeof *d->slots, disk_alignment);
	d->regs = carve_bytes(c, cfg->max_registrations * sizeof *d->regs, disk_alignment);
	d->reqs = carve_bytes(c, cfg->max_commands * sizeof *d->reqs, disk_alignment);
}

static void carve_slots(struct disk_carver *c, struct iscsip_disk *d, const struct iscsip_disk_config *cfg)
{
	size_t i, slots = (size_t)cfg->max_nexuses + 1;

	for (i = 0; i < slots; i++) {
		void *itl = carve_bytes(c, cfg->max_luns * sizeof(struct disk_itl), disk_alignment);
		void *id = carve_bytes(c, cfg->transport_id_max, 4);

		if (!c->base)
			continue;
		d->slots[i].disk = d;
		d->slots[i].itl = itl;
		d->slots[i].id = id;
	}
	for (i = 0; i < cfg->max_registrations; i++) {
		void *id = carve_bytes(c, cfg->transport_id_max, 4);

		if (c->base)
			d->regs[i].id = id;
	}
}

static void carve_req(struct disk_carver *c, struct iscsip_disk *d, const struct iscsip_disk_config *cfg, struct disk_req *r)
{
	struct iscsip_vec *vec = carve_bytes(c, 2 * cfg->max_pieces * sizeof *vec, disk_alignment);

	if (!c->base)
		return;
	r->disk = d;
	r->vec = vec;
	r->sub = vec + cfg->max_pieces;
}

/* The requests' pieces (for jobs of units too), then the buffers, the first of which is the sink. */
static void carve_memory(struct disk_carver *c, struct iscsip_disk *d, const struct iscsip_disk_config *cfg)
{
	size_t i;

	for (i = 0; i < cfg->max_commands; i++)
		carve_req(c, d, cfg, c->base ? &d->reqs[i] : NULL);
	for (i = 0; i < cfg->max_luns; i++)
		carve_req(c, d, cfg, c->base ? &d->luns[i].job : NULL);
	d->buffers = carve_bytes(c, (size_t)cfg->buffer_size * ((size_t)cfg->buffer_count + 1), cfg->buffer_align);
}

static void carve_all(struct disk_carver *c, struct iscsip_disk *d, const struct iscsip_disk_config *cfg)
{
	carve_objects(c, d, cfg);
	carve_slots(c, d, cfg);
	carve_memory(c, d, cfg);
}

size_t iscsip_disk_size(const struct iscsip_disk_config *cfg)
{
	struct disk_carver c = { NULL, 0 };
	struct iscsip_disk count;

	if (!config_fits(cfg) || (uint64_t)cfg->buffer_size * cfg->buffer_count > SIZE_MAX / 4)
		return 0;
	carve_bytes(&c, sizeof count, disk_alignment);
	carve_all(&c, &count, cfg);
	return c.at;
}

static void disk_setup(struct iscsip_disk *d, const struct iscsip_disk_config *cfg)
{
	size_t i;

	d->cfg = *cfg;
	d->ports = cfg->ports;
	if (cfg->port_count == 0) {
		d->one_port.id = 1;
		d->one_port.group = 1;
		d->ports = &d->one_port;
		d->cfg.port_count = 1;
	}
	for (i = cfg->max_commands; i-- > 0;) {
		d->reqs[i].next = d->free_reqs;
		d->free_reqs = &d->reqs[i];
	}
	d->buffers_free = cfg->buffer_count;
	for (i = 0; i < cfg->max_luns; i++) {
		d->luns[i].disk = d;
		d->luns[i].index = (uint16_t)i;
	}
}

int iscsip_disk_init(struct iscsip_disk **out, void *mem, size_t len, const struct iscsip_disk_config *cfg)
{
	struct disk_carver c = { mem, 0 };
	size_t need = iscsip_disk_size(cfg);

	if (need == 0)
		return ISCSIP_EINVAL;
	if (len < need || !mem)
		return ISCSIP_ENOSPC;
	/* the buffers stand last and are left alone: what is never used costs no page */
	memset(mem, 0, need - (size_t)cfg->buffer_size * ((size_t)cfg->buffer_count + 1));
	*out = carve_bytes(&c, sizeof **out, disk_alignment);
	carve_all(&c, *out, cfg);
	disk_setup(*out, cfg);
	return ISCSIP_OK;
}

bool iscsip_disk_busy(const struct iscsip_disk *d)
{
	uint32_t i;

	for (i = 0; i < d->cfg.max_luns; i++)
		if (d->luns[i].job.state == REQ_RUN)
			return true;
	return d->open != 0 || d->tmfs != NULL;
}

/* Bytes of data-out that buffers can ever hold: one is kept for scratch. */
uint64_t iscsip__disk_write_max(const struct iscsip_disk *d)
{
	uint64_t n = d->cfg.buffer_count - 1;

	if (n > d->cfg.max_pieces)
		n = d->cfg.max_pieces;
	return n * d->cfg.buffer_size;
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

int iscsip_disk_nexus_open(struct iscsip_disk *d, struct iscsip_disk_nexus *nexus, const void *transport_id, size_t len,
			   uint16_t port)
{
	struct disk_slot *slot = d->slots, *end = slot + d->cfg.max_nexuses;
	int index = port_index(d, port);
	uint32_t i;

	if (index < 0 || len > d->cfg.transport_id_max || iscsip_transport_id_length(transport_id, len) != len)
		return ISCSIP_EINVAL;
	while (slot < end && slot->nexus)
		slot++;
	if (slot == end)
		return ISCSIP_EAGAIN;
	memset(slot->itl, 0, d->cfg.max_luns * sizeof *slot->itl);
	memcpy(slot->id, transport_id, len);
	slot->id_len = (uint16_t)len;
	slot->port = (uint16_t)index;
	slot->alua = d->group_state[index] > ISCSIP_ALUA_NON_OPTIMIZED ? (uint8_t)(0x80 | d->group_state[index]) : 0;
	slot->nexus = nexus;
	memset(nexus, 0, sizeof *nexus);
	nexus->disk = d;
	nexus->priv[0] = slot;
	for (i = 0; i < d->cfg.max_luns; i++)
		slot->itl[i].ua = 1u << UA_POWER_ON;
	iscsip__disk_match_registrations(slot);
	return ISCSIP_OK;
}

/* The slot's commands are given up; those that have not executed yet will find themselves in limbo. */
static void slot_abandon(struct disk_slot *slot, struct disk_lun *lun)
{
	struct disk_slot *limbo = &slot->disk->slots[slot->disk->cfg.max_nexuses];
	struct disk_req *r, *next;

	for (r = lun->head; r; r = r->next) {
		if (r->slot != slot)
			continue;
		r->slot = limbo;
		r->itl = &limbo->itl[lun->index];
		r->itl->count++;
		r->flags &= ~(uint32_t)RQ_CHECKED;
	}
	for (r = lun->head; r; r = next) {
		next = r->next;
		if (r->slot == limbo && (r->state == REQ_RUN || r->state == REQ_DORMANT) && !disk_gone(r)) {
			iscsip__disk_kill(r);
			next = lun->head; /* whoever was next may be gone with it */
		}
	}
}

void iscsip_disk_nexus_close(struct iscsip_disk_nexus *nexus)
{
	struct iscsip_disk *d = nexus->disk;
	struct disk_slot *slot = nexus->priv[0];
	uint32_t i;

	if (!d)
		return;
	slot->nexus = NULL;
	nexus->disk = NULL;
	iscsip__disk_nexus_lost(slot);
	for (i = 0; i < d->cfg.max_luns; i++)
		if (d->luns[i].used)
			slot_abandon(slot, &d->luns[i]);
	iscsip__disk_settle(d);
}
