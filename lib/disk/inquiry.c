/* SPDX-License-Identifier: MIT */
/*
 * INQUIRY (SPC-4 6.6): what the unit is, in standard data and in the vital product data pages 00, 80, 83, 86, 87, B0,
 * B1 and B2. Every page is a function that writes it once; lengths come from the counting pass (struct disk_out). What a
 * page claims is what the handlers do: a limit stands in the unit's configuration, and both read it there.
 */
#include "disk/disk.h"

#define put iscsip__disk_put
#define put8 iscsip__disk_put8
#define put16 iscsip__disk_put16
#define put32 iscsip__disk_put32
#define put64 iscsip__disk_put64
#define put_zero iscsip__disk_put_zero

enum {
	INQUIRY_LEN = 96,
	NO_DEVICE = 0x7f /* peripheral qualifier 011b, type 1Fh: no unit can be here */
};

/* Version descriptors (SPC-4 6.6.3): SAM-5, SPC-4, SBC-3, and the transport, iSCSI at the level of the session (RFC 7144 4.2). */
static void inquiry_versions(struct disk_req *r, struct disk_out *o)
{
	const struct iscsip_disk_nexus *nexus = r->cmd->nexus;

	put16(o, 0x00a0);
	put16(o, 0x0460);
	put16(o, 0x04c0);
	put16(o, r->disk->cfg.protocol == 5 ? 0x0960u + nexus->protocol_level : 0);
	put_zero(o, 8);
}

static uint8_t inquiry_tpgs(const struct iscsip_disk *d)
{
	return d->cfg.host && d->cfg.host->set_port_group ? 0x30 : 0x10;
}

static void inquiry_standard(struct disk_req *r, struct disk_out *o)
{
	const struct disk_lun *lun = r->lun;

	put8(o, lun ? 0 : iscsip_lun_decode(r->cmd->lun) == ISCSIP_LUN_REPORT_LUNS ? 0x1e : NO_DEVICE);
	put8(o, lun && lun->cfg.flags & ISCSIP_LUN_REMOVABLE ? 0x80 : 0);
	put8(o, 6);    /* SPC-4 */
	put8(o, 0x32); /* NORMACA, HISUP, response data format 2 */
	put8(o, INQUIRY_LEN - 5);
	put8(o, lun ? inquiry_tpgs(r->disk) | 0x08 : 0); /* TPGS, 3PC */
	put8(o, r->disk->cfg.port_count > 1 ? 0x10 : 0); /* MULTIP */
	put8(o, 0x02); /* CMDQUE */
	put(o, lun ? lun->vendor : "ISCSIPRO", 8);
	put(o, lun ? lun->product : "WELL-KNOWN UNIT ", 16);
	put(o, lun ? lun->revision : "0001", 4);
	put_zero(o, 22);
	inquiry_versions(r, o);
	put_zero(o, INQUIRY_LEN - 74);
}

/* --- vital product data --------------------------------------------------------------------------------------- */

static const uint8_t vpd_pages[] = { 0x00, 0x80, 0x83, 0x86, 0x87, 0xb0, 0xb1, 0xb2 };

static void vpd_head(struct disk_out *o, unsigned page)
{
	put8(o, 0); /* a direct access block device is here */
	put8(o, page);
	put16(o, o->size > 4 ? (unsigned)(o->size - 4) : 0);
}

static void vpd_supported(struct disk_req *r, struct disk_out *o)
{
	(void)r;
	vpd_head(o, 0x00);
	put(o, vpd_pages, sizeof vpd_pages);
}

static void vpd_serial(struct disk_req *r, struct disk_out *o)
{
	vpd_head(o, 0x80);
	put(o, r->lun->serial, r->lun->serial_len);
}

static void put_designator(struct disk_out *o, uint8_t association, uint8_t type, uint8_t code_set, uint8_t protocol,
			   const void *value, size_t len)
{
	struct iscsip_designator d = { association, type, code_set, protocol, value, (uint8_t)len };
	uint8_t b[4 + 256];
	size_t n = len <= 252 ? iscsip_designator_put(b, sizeof b, &d) : 0;

	put(o, b, n);
}

static size_t text_len(const char *s)
{
	size_t n = 0;

	while (n < 255 && s[n])
		n++;
	return n;
}

/* Designators of the unit itself: what EXTENDED COPY may name it by. */
void iscsip__disk_lun_designators(const struct disk_lun *lun, struct disk_out *o)
{
	uint8_t t10[8 + 16 + sizeof lun->serial];

	memcpy(t10, lun->vendor, 8);
	memcpy(t10 + 8, lun->product, 16);
	memcpy(t10 + 24, lun->serial, lun->serial_len);
	put_designator(o, ISCSIP_ASSOC_LUN, ISCSIP_DESIGNATOR_NAA, 1, 0xff, lun->naa, lun->naa_len);
	put_designator(o, ISCSIP_ASSOC_LUN, ISCSIP_DESIGNATOR_T10, 2, 0xff, t10, 24u + lun->serial_len);
	put(o, lun->cfg.designators, lun->cfg.designators_len);
}

/* The designators of a unit as a page, and how long it is. */
struct unit_page {
	uint8_t b[4 + 1200];
	size_t len;
};

static void unit_page(const struct disk_lun *lun, struct unit_page *page)
{
	struct iscsip_vec v = { page->b + 4, sizeof page->b - 4 };
	struct disk_out o;

	memset(&o, 0, sizeof o);
	o.vec = &v;
	o.cnt = 1;
	iscsip__disk_lun_designators(lun, &o);
	memset(page->b, 0, 4);
	store_be16(page->b + 2, (uint16_t)o.pos);
	page->len = 4 + (size_t)o.pos;
}

static bool page_names(const struct unit_page *page, const struct iscsip_designator *want)
{
	struct iscsip_designator d;
	size_t pos = 0;

	while (iscsip_designator_next(page->b, page->len, &pos, &d))
		if (d.association == ISCSIP_ASSOC_LUN && d.type == want->type && d.code_set == want->code_set &&
		    d.len == want->len && memcmp(d.value, want->value, d.len) == 0)
			return true;
	return false;
}

/* Whether one of the designators of the unit is this. */
bool iscsip__disk_lun_named(const struct disk_lun *lun, const struct iscsip_designator *want)
{
	struct unit_page page;

	unit_page(lun, &page);
	return page_names(&page, want);
}

/* Designators that name one unit in the world, so that no two may have them (SPC-4 7.8.6). */
static bool designator_is_unique(const struct iscsip_designator *d)
{
	return d->association == ISCSIP_ASSOC_LUN && d->type != ISCSIP_DESIGNATOR_VENDOR && d->type != ISCSIP_DESIGNATOR_PORT &&
	       d->type != ISCSIP_DESIGNATOR_PORT_GROUP && d->type != ISCSIP_DESIGNATOR_LUN_GROUP;
}

/* Whether two units have a name in common. The usual ones have no more than a NAA and a serial number. */
bool iscsip__disk_lun_alike(const struct disk_lun *a, const struct disk_lun *b)
{
	struct unit_page mine, theirs;
	struct iscsip_designator d;
	size_t pos = 0;

	if (a->naa_len == b->naa_len && memcmp(a->naa, b->naa, a->naa_len) == 0)
		return true;
	if (a->serial_len == b->serial_len && memcmp(a->serial, b->serial, a->serial_len) == 0 &&
	    memcmp(a->vendor, b->vendor, sizeof a->vendor) == 0 && memcmp(a->product, b->product, sizeof a->product) == 0)
		return true;
	if (!a->cfg.designators_len && !b->cfg.designators_len)
		return false;
	unit_page(a, &mine);
	unit_page(b, &theirs);
	while (iscsip_designator_next(mine.b, mine.len, &pos, &d))
		if (designator_is_unique(&d) && page_names(&theirs, &d))
			return true;
	return false;
}

static void vpd_identification(struct disk_req *r, struct disk_out *o)
{
	const struct iscsip_disk *d = r->disk;
	const struct iscsip_disk_port *port = &d->ports[r->slot->port];
	uint8_t id[4] = { 0, 0, (uint8_t)(port->id >> 8), (uint8_t)port->id };
	uint8_t group[4] = { 0, 0, (uint8_t)(port->group >> 8), (uint8_t)port->group };

	vpd_head(o, 0x83);
	iscsip__disk_lun_designators(r->lun, o);
	put_designator(o, ISCSIP_ASSOC_PORT, ISCSIP_DESIGNATOR_PORT, 1, d->cfg.protocol, id, 4);
	put_designator(o, ISCSIP_ASSOC_PORT, ISCSIP_DESIGNATOR_PORT_GROUP, 1, d->cfg.protocol, group, 4);
	if (port->name)
		put_designator(o, ISCSIP_ASSOC_PORT, ISCSIP_DESIGNATOR_NAME, 3, d->cfg.protocol, port->name,
			       text_len(port->name));
	if (d->cfg.name)
		put_designator(o, ISCSIP_ASSOC_DEVICE, ISCSIP_DESIGNATOR_NAME, 3, d->cfg.protocol, d->cfg.name,
			       text_len(d->cfg.name));
}

static void vpd_extended(struct disk_req *r, struct disk_out *o)
{
	vpd_head(o, 0x86);
	put8(o, 0);    /* no protection information */
	put8(o, 0x07); /* HEADSUP, ORDSUP, SIMPSUP */
	put8(o, r->lun->ops->flush ? 0x01 : 0); /* V_SUP: there may be a volatile cache */
	put_zero(o, 6);
	put8(o, ISCSIP_SENSE_MAX); /* MAXIMUM SUPPORTED SENSE DATA LENGTH */
	put_zero(o, 50);
}

/* All mode pages are shared by all initiators. */
static void vpd_mode_policy(struct disk_req *r, struct disk_out *o)
{
	(void)r;
	vpd_head(o, 0x87);
	put8(o, 0x3f);
	put8(o, 0xff);
	put16(o, 0);
}

static void vpd_block_limits(struct disk_req *r, struct disk_out *o)
{
	const struct disk_lun *lun = r->lun;
	const struct iscsip_disk_lun_config *c = &lun->cfg;
	bool thin = (c->flags & ISCSIP_LUN_THIN) != 0;

	vpd_head(o, 0xb0);
	put8(o, 0); /* WSNZ 0: WRITE SAME of no blocks means all */
	put8(o, c->max_compare);
	put16(o, 1u << c->physical_exponent);
	put32(o, c->max_transfer >> lun->shift);
	put32(o, c->optimal_transfer >> lun->shift);
	put32(o, 0);
	put32(o, thin ? c->max_unmap : 0);
	put32(o, thin ? c->max_unmap_descriptors : 0);
	put32(o, thin ? c->unmap_granularity : 0);
	put32(o, thin ? 0x80000000u | c->unmap_alignment : 0);
	put64(o, c->max_write_same);
	put32(o, c->max_atomic);
	put32(o, 0); /* any alignment */
	put32(o, 0); /* any granularity */
	put32(o, 0); /* atomic boundaries are not offered */
	put32(o, 0);
}

static void vpd_characteristics(struct disk_req *r, struct disk_out *o)
{
	vpd_head(o, 0xb1);
	put16(o, r->lun->cfg.rotation_rate);
	put8(o, 0);
	put8(o, 0x50); /* WABEREQ, WACEREQ 01b: what was sanitized can be read at once */
	put_zero(o, 56);
}

static void vpd_provisioning(struct disk_req *r, struct disk_out *o)
{
	uint32_t flags = r->lun->cfg.flags;

	vpd_head(o, 0xb2);
	if (!(flags & ISCSIP_LUN_THIN)) {
		put_zero(o, 4);
		return;
	}
	put8(o, 20u - r->lun->shift); /* a threshold set is 1 MiB */
	/* LBPU, LBPWS, LBPWS10, LBPRZ: unmapped blocks read as zeroes; ANC_SUP */
	put8(o, 0xe4 | (flags & ISCSIP_LUN_ANCHOR ? 0x02 : 0));
	put8(o, 0x02); /* thin provisioned */
	put8(o, 0);
}

void iscsip__disk_inquiry(struct disk_req *r)
{
	static void (*const makers[])(struct disk_req *r, struct disk_out *o) = {
		vpd_supported, vpd_serial, vpd_identification, vpd_extended,
		vpd_mode_policy, vpd_block_limits, vpd_characteristics, vpd_provisioning,
	};
	unsigned alloc = load_be16(r->cdb + 3);
	size_t i;

	if (!(r->cdb[1] & 1)) {
		if (r->cdb[2])
			iscsip__disk_fail_cdb(r, 2, 7);
		else
			iscsip__disk_reply(r, alloc, inquiry_standard);
		return;
	}
	for (i = 0; i < sizeof vpd_pages && r->lun; i++) {
		if (vpd_pages[i] == r->cdb[2]) {
			iscsip__disk_reply(r, alloc, makers[i]);
			return;
		}
	}
	iscsip__disk_fail_cdb(r, 2, 7);
}

#undef put
#undef put8
#undef put16
#undef put32
#undef put64
#undef put_zero
