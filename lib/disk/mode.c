/* SPDX-License-Identifier: MIT */
/*
 * Mode parameters (SPC-4 6.9 to 6.12, 7.5; SBC-3 6.5): one row for each page, with the bits that may be changed. A page
 * is made from the unit's parameters; MODE SELECT compares what it is given with that, refuses any difference
 * outside the changeable bits with a pointer to it, and takes the parameters only when the whole list is good. There is
 * one set of parameters for all initiators and nothing is saved over a loss of power.
 */
#include "disk/disk.h"

enum {
	PAGE_MAX = 32, /* bytes of the longest page */
	PAGE_ALL = 0x3f,
	SUBPAGE_ALL = 0xff,
	HEAD_6 = 4,
	HEAD_10 = 8,
	PC_CURRENT = 0,
	PC_CHANGEABLE = 1,
	PC_DEFAULT = 2,
	PC_SAVED = 3
};

/* --- the pages ------------------------------------------------------------------------------------------------ */

/* Read-write error recovery: AWRE and ARRE, like any disk that mends itself; nothing to set. */
static void page_recovery(const struct disk_lun *lun, const struct disk_mode *m, uint8_t *p)
{
	(void)lun;
	(void)m;
	p[2] = 0xc0;
}

static void page_caching(const struct disk_lun *lun, const struct disk_mode *m, uint8_t *p)
{
	(void)lun;
	p[2] = m->wce ? 0x04 : 0;
}

static void caching_set(struct disk_mode *m, const uint8_t *p)
{
	m->wce = p[2] & 0x04;
}

/* Control: one task set for all initiators, unrestricted reordering, D_SENSE and SWP. */
static void page_control(const struct disk_lun *lun, const struct disk_mode *m, uint8_t *p)
{
	(void)lun;
	p[2] = m->d_sense ? 0x04 : 0;
	p[3] = 0x10;
	p[4] = m->swp ? 0x08 : 0;
}

static void control_set(struct disk_mode *m, const uint8_t *p)
{
	m->d_sense = p[2] & 0x04;
	m->swp = p[4] & 0x08;
}

/* Control extension: nothing of it is offered but its presence. */
static void page_control_extension(const struct disk_lun *lun, const struct disk_mode *m, uint8_t *p)
{
	(void)lun;
	(void)m;
	p[6] = ISCSIP_SENSE_MAX;
}

static void page_exceptions(const struct disk_lun *lun, const struct disk_mode *m, uint8_t *p)
{
	(void)lun;
	p[2] = m->dexcpt ? 0x08 : 0;
	p[3] = m->mrie;
}

static void exceptions_set(struct disk_mode *m, const uint8_t *p)
{
	m->dexcpt = p[2] & 0x08;
	m->mrie = p[3] & 0x0f;
}

/* Logical block provisioning: two threshold descriptors, for available and for used space (SBC-3 6.5.7). */
static void page_thresholds(const struct disk_lun *lun, const struct disk_mode *m, uint8_t *p)
{
	int i;

	(void)lun;
	for (i = 0; i < 2; i++) {
		uint8_t *d = p + 16 + 8 * i;

		d[0] = (uint8_t)((m->threshold[i].armed ? 0x80 : 0) | m->threshold[i].kind);
		d[1] = (uint8_t)(i + 1);
		store_be32(d + 4, m->threshold[i].count);
	}
}

static void thresholds_set(struct disk_mode *m, const uint8_t *p)
{
	int i;

	for (i = 0; i < 2; i++) {
		const uint8_t *d = p + 16 + 8 * i;

		m->threshold[i].armed = d[0] & 0x80;
		m->threshold[i].kind = d[0] & 0x07;
		m->threshold[i].count = load_be32(d + 4);
	}
}

struct mode_page {
	uint8_t page, subpage;
	uint8_t len; /* with its head */
	uint8_t needs; /* 1: thin units, 2: units with a cache (to change it) */
	void (*make)(const struct disk_lun *lun, const struct disk_mode *m, uint8_t *p);
	void (*set)(struct disk_mode *m, const uint8_t *p);
	uint8_t changeable[PAGE_MAX];
};

static const struct mode_page mode_pages[] = {
	{ 0x01, 0x00, 12, 0, page_recovery, NULL, { 0 } },
	{ 0x08, 0x00, 20, 2, page_caching, caching_set, { [2] = 0x04 } },
	{ 0x0a, 0x00, 12, 0, page_control, control_set, { [2] = 0x04, [4] = 0x08 } },
	{ 0x0a, 0x01, 32, 0, page_control_extension, NULL, { 0 } },
	{ 0x1c, 0x00, 12, 0, page_exceptions, exceptions_set, { [2] = 0x08, [3] = 0x0f } },
	{ 0x1c, 0x02, 32, 1, page_thresholds, thresholds_set,
	  { [16] = 0x87, [20] = 0xff, [21] = 0xff, [22] = 0xff, [23] = 0xff,
	    [24] = 0x87, [28] = 0xff, [29] = 0xff, [30] = 0xff, [31] = 0xff } },
};

#define PAGES (sizeof mode_pages / sizeof mode_pages[0])

static bool page_there(const struct disk_lun *lun, const struct mode_page *g)
{
	return g->needs != 1 || lun->cfg.flags & ISCSIP_LUN_THIN;
}

static uint8_t page_changeable(const struct disk_lun *lun, const struct mode_page *g, unsigned i)
{
	return g->needs == 2 && !lun->ops->flush ? 0 : g->changeable[i];
}

static void mode_defaults(const struct disk_lun *lun, struct disk_mode *m)
{
	int i;

	memset(m, 0, sizeof *m);
	m->wce = lun->ops->flush != NULL;
	for (i = 0; i < 2; i++)
		m->threshold[i].kind = 0;
}

static void page_make(const struct disk_lun *lun, const struct mode_page *g, unsigned control, uint8_t *p)
{
	struct disk_mode defaults;
	unsigned i;

	memset(p, 0, PAGE_MAX);
	if (control == PC_CHANGEABLE) {
		for (i = 2; i < g->len; i++)
			p[i] = page_changeable(lun, g, i);
	} else {
		mode_defaults(lun, &defaults);
		g->make(lun, control == PC_DEFAULT ? &defaults : &lun->mode, p);
	}
	p[0] = g->page;
	p[1] = (uint8_t)(g->len - 2);
	if (g->subpage) {
		p[0] |= 0x40; /* SPF */
		p[1] = g->subpage;
		store_be16(p + 2, (uint16_t)(g->len - 4));
	}
}

/* A gate follows the parameter that it stands for. */
static void mode_apply(struct disk_lun *lun)
{
	lun->gate = lun->mode.swp ? lun->gate | GATE_SWP : lun->gate & ~(uint32_t)GATE_SWP;
}

void iscsip__disk_mode_reset(struct disk_lun *lun)
{
	mode_defaults(lun, &lun->mode);
	lun->leaves_wce = false;
	mode_apply(lun);
}

/* --- MODE SENSE ----------------------------------------------------------------------------------------------- */

static bool sense_wants(const struct disk_req *r, const struct mode_page *g)
{
	uint8_t page = r->cdb[2] & 0x3f, sub = r->cdb[3];

	if (!page_there(r->lun, g) || (page != PAGE_ALL && page != g->page))
		return false;
	return sub == SUBPAGE_ALL || sub == g->subpage;
}

static void put_block_descriptor(const struct disk_lun *lun, bool is_long, struct disk_out *o)
{
	if (is_long) {
		iscsip__disk_put64(o, lun->blocks);
		iscsip__disk_put32(o, 0);
		iscsip__disk_put32(o, 1u << lun->shift);
	} else {
		iscsip__disk_put32(o, lun->blocks > UINT32_MAX ? UINT32_MAX : (uint32_t)lun->blocks);
		iscsip__disk_put32(o, 1u << lun->shift);
	}
}

static void make_mode(struct disk_req *r, struct disk_out *o)
{
	const struct disk_lun *lun = r->lun;
	bool ten = r->op->len == 10, is_long = ten && r->cdb[1] & 0x10;
	unsigned descriptor = r->cdb[1] & 0x08 ? 0 : is_long ? 16 : 8;
	uint8_t specific = (lun->gate & (GATE_READ_ONLY | GATE_SWP) ? 0x80 : 0) | 0x10; /* WP, DPOFUA */
	uint8_t page[PAGE_MAX];
	size_t i;

	if (ten) {
		iscsip__disk_put16(o, o->size ? (unsigned)(o->size - 2) : 0);
		iscsip__disk_put8(o, 0);
		iscsip__disk_put8(o, specific);
		iscsip__disk_put8(o, is_long && descriptor);
		iscsip__disk_put8(o, 0);
		iscsip__disk_put16(o, descriptor);
	} else {
		iscsip__disk_put8(o, o->size ? (unsigned)(o->size - 1) : 0);
		iscsip__disk_put8(o, 0);
		iscsip__disk_put8(o, specific);
		iscsip__disk_put8(o, descriptor);
	}
	if (descriptor)
		put_block_descriptor(lun, is_long, o);
	for (i = 0; i < PAGES; i++) {
		if (!sense_wants(r, &mode_pages[i]))
			continue;
		page_make(lun, &mode_pages[i], r->cdb[2] >> 6, page);
		iscsip__disk_put(o, page, mode_pages[i].len);
	}
}

void iscsip__disk_mode_sense(struct disk_req *r)
{
	bool found = false;
	size_t i;

	for (i = 0; i < PAGES; i++)
		found |= sense_wants(r, &mode_pages[i]);
	if (!found) {
		bool page = false;

		for (i = 0; i < PAGES; i++)
			page |= mode_pages[i].page == (r->cdb[2] & 0x3f) || (r->cdb[2] & 0x3f) == PAGE_ALL;
		iscsip__disk_fail_cdb(r, page ? 3 : 2, page ? 7 : 5);
		return;
	}
	if (r->cdb[2] >> 6 == PC_SAVED) {
		iscsip__disk_fail(r, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_SAVING_NOT_SUPPORTED);
		return;
	}
	iscsip__disk_reply(r, r->op->len == 10 ? load_be16(r->cdb + 7) : r->cdb[4], make_mode);
}

/* --- MODE SELECT ---------------------------------------------------------------------------------------------- */

static void select_cut(struct disk_req *r)
{
	iscsip__disk_fail(r, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_PARAMETER_LIST_LENGTH);
}

/* Head and block descriptor; answers where the pages begin, or 0: the command has failed. */
static uint32_t select_head(struct disk_req *r, const uint8_t *p)
{
	const struct disk_lun *lun = r->lun;
	bool ten = r->op->len == 10, is_long = ten && p[4] & 1;
	uint32_t head = ten ? HEAD_10 : HEAD_6;
	unsigned descriptor = ten ? load_be16(p + 6) : p[3];
	const uint8_t *d = p + head;
	uint64_t blocks;

	if (descriptor == 0)
		return head;
	if (descriptor != (is_long ? 16u : 8u)) {
		iscsip__disk_fail_parameter(r, ten ? 6 : 3, 7);
		return 0;
	}
	if (head + descriptor > r->take) {
		select_cut(r);
		return 0;
	}
	blocks = is_long ? load_be64(d) : load_be32(d);
	/* 0 keeps the capacity; to change it is FORMAT UNIT's business, and not offered (SBC-3 6.5.2) */
	if (blocks != 0 && blocks != lun->blocks && (is_long || blocks != UINT32_MAX)) {
		iscsip__disk_fail_parameter(r, head, 7);
		return 0;
	}
	if ((is_long ? load_be32(d + 12) : load_be24(d + 5)) != 1u << lun->shift) {
		iscsip__disk_fail_parameter(r, head + (is_long ? 12 : 5), 7);
		return 0;
	}
	return head + descriptor;
}

/* The page at @at: known, whole, and different from the current one in changeable bits only. NULL: failed. */
static const struct mode_page *select_page(struct disk_req *r, const uint8_t *p, uint32_t at)
{
	const struct mode_page *g = NULL;
	bool spf = p[at] & 0x40;
	uint8_t now[PAGE_MAX];
	unsigned i;
	size_t k;

	if (at + (spf ? 4u : 2u) > r->take) {
		select_cut(r);
		return NULL;
	}
	for (k = 0; k < PAGES && !g; k++)
		if (mode_pages[k].page == (p[at] & 0x3f) && mode_pages[k].subpage == (spf ? p[at + 1] : 0) &&
		    page_there(r->lun, &mode_pages[k]) && (mode_pages[k].subpage != 0) == spf)
			g = &mode_pages[k];
	if (!g) {
		iscsip__disk_fail_parameter(r, at, 5);
		return NULL;
	}
	page_make(r->lun, g, PC_CURRENT, now);
	if (memcmp(p + at + 1, now + 1, spf ? 3 : 1) != 0) {
		iscsip__disk_fail_parameter(r, at + (spf ? 2 : 1), 7);
		return NULL;
	}
	if (at + g->len > r->take) {
		select_cut(r);
		return NULL;
	}
	for (i = spf ? 4 : 2; i < g->len; i++) {
		if ((p[at + i] ^ now[i]) & ~(unsigned)page_changeable(r->lun, g, i)) {
			iscsip__disk_fail_parameter(r, at + i, 7);
			return NULL;
		}
	}
	return g;
}

static void select_given(struct disk_req *r);

static void select_flushed(struct disk_req *r)
{
	if (r->result == ISCSIP_STORAGE_OK) {
		select_given(r);
		return;
	}
	r->lun->leaves_wce = false;
	iscsip__disk_fail_storage(r);
}

/*
 * Whether WCE becomes 0 now. First the cache is made stable; what is written meanwhile is written through, because it is
 * answered before the change and has to be stable after it. Where that has been given up again (another MODE SELECT failed, or a
 * reset came) it is done once more.
 */
static bool select_flushes(struct disk_req *r, const struct disk_mode *mode)
{
	struct disk_lun *lun = r->lun;

	if (mode->wce || !lun->mode.wce || (r->phase && lun->leaves_wce))
		return false;
	r->phase = 1;
	lun->leaves_wce = true;
	iscsip__disk_flush(r, lun, 0, 0, select_flushed);
	return true;
}

static void select_given(struct disk_req *r)
{
	const uint8_t *p = iscsip__disk_parameter(r);
	struct disk_lun *lun = r->lun;
	struct disk_mode mode = lun->mode;
	const struct mode_page *g;
	uint32_t at = select_head(r, p);

	if (at == 0)
		return;
	while (at < r->take) {
		g = select_page(r, p, at);
		if (!g)
			return;
		if (g->set)
			g->set(&mode, p + at);
		at += g->len;
	}
	if (select_flushes(r, &mode))
		return;
	if (!mode.wce)
		lun->leaves_wce = false;
	if (memcmp(&mode, &lun->mode, sizeof mode) != 0) {
		lun->mode = mode;
		mode_apply(lun);
		iscsip__disk_ua_all(lun, r->slot, UA_MODE);
		iscsip__disk_space_changed(lun);
	}
	iscsip__disk_good(r);
}

void iscsip__disk_mode_select(struct disk_req *r)
{
	bool ten = r->op->len == 10;
	uint32_t len = ten ? load_be16(r->cdb + 7) : r->cdb[4];

	r->out_total = len;
	if (!(r->cdb[1] & 0x10)) {
		iscsip__disk_fail_cdb(r, 1, 4); /* PF: pages of the vendor's own form there are none */
		return;
	}
	if (r->cdb[1] & 0x01) {
		iscsip__disk_fail_cdb(r, 1, 0); /* SP: nothing is saved */
		return;
	}
	if (len == 0)
		iscsip__disk_good(r);
	else if (len < (ten ? (uint32_t)HEAD_10 : (uint32_t)HEAD_6) || len > r->disk->cfg.buffer_size || len > r->cmd->out_len)
		select_cut(r);
	else
		iscsip__disk_collect(r, len, false, select_given);
}
