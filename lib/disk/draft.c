/* SPDX-License-Identifier: MIT */
/*
 * The draft of a unit's next state, and the bytes of a state.
 *
 * A change is written into the draft while the state in force goes on to rule. Both share the table of registrations: an
 * entry is on one side or on both (REG_NOW, REG_NEXT), its key may differ between them, and one that is in the draft only
 * occupies its place, so that what was judged to fit will fit. A draft is taken as a whole, or dropped without a trace. A
 * unit has one draft at a time (commit.c sees to that).
 *
 * As bytes a state is a head, the nexus that caused it, its registrations, and a sum over all that. They are for the host
 * to keep, and for other devices that serve the same unit. Nothing in them is trusted when they come back: each field has
 * the value that writing could have given it, or the whole is refused.
 */
#include "disk/disk.h"

/* Entry @i of the table if it is a registration of the unit on that side (0: on any). */
struct disk_reg *iscsip__disk_reg_of(const struct disk_lun *lun, uint32_t i, uint8_t side)
{
	struct disk_reg *g = &lun->disk->regs[i];

	return g->lun == lun->index + 1 && (side == 0 || g->sides & side) ? g : NULL;
}

struct disk_reg *iscsip__disk_draft_find(const struct disk_lun *lun, const uint8_t *id, size_t len, uint16_t port)
{
	uint32_t i;

	for (i = 0; i < lun->disk->cfg.max_registrations; i++) {
		struct disk_reg *g = iscsip__disk_reg_of(lun, i, 0);

		if (g && g->port == port && iscsip__disk_id_equal(g->id, g->id_len, id, len))
			return g;
	}
	return NULL;
}

/* --- the draft ------------------------------------------------------------------------------------------------ */

/* It begins as the state in force; what an earlier draft added is forgotten. */
void iscsip__disk_draft_begin(struct disk_lun *lun)
{
	uint32_t i;

	lun->next = lun->now;
	for (i = 0; i < lun->disk->cfg.max_registrations; i++) {
		struct disk_reg *g = iscsip__disk_reg_of(lun, i, 0);

		if (!g)
			continue;
		g->next_key = g->key;
		if (g->sides & REG_NOW)
			g->sides |= REG_NEXT;
		else
			g->lun = 0;
	}
}

void iscsip__disk_draft_drop(struct disk_lun *lun)
{
	iscsip__disk_draft_begin(lun);
}

/* The draft comes into force. */
void iscsip__disk_draft_take(struct disk_lun *lun)
{
	uint32_t i;

	for (i = 0; i < lun->disk->cfg.max_registrations; i++) {
		struct disk_reg *g = iscsip__disk_reg_of(lun, i, 0);

		if (!g)
			continue;
		g->key = g->next_key;
		if (g->sides & REG_NEXT)
			g->sides |= REG_NOW;
		else
			g->lun = 0;
	}
	lun->now = lun->next;
}

static struct disk_reg *draft_free(struct iscsip_disk *d)
{
	uint32_t i;

	for (i = 0; i < d->cfg.max_registrations; i++)
		if (d->regs[i].lun == 0)
			return &d->regs[i];
	return NULL;
}

/* Registers a port, or gives it another key. NULL: the table is full. */
struct disk_reg *iscsip__disk_draft_add(struct disk_lun *lun, const uint8_t *id, size_t len, uint16_t port, uint64_t key)
{
	struct disk_reg *g = iscsip__disk_draft_find(lun, id, len, port);

	if (!g) {
		g = draft_free(lun->disk);
		if (!g)
			return NULL;
		g->lun = (uint16_t)(lun->index + 1);
		g->sides = 0;
		g->key = key;
		g->port = port;
		g->id_len = (uint16_t)len;
		memcpy(g->id, id, len);
	}
	lun->next.regs += !(g->sides & REG_NEXT);
	g->sides |= REG_NEXT;
	g->next_key = key;
	return g;
}

/* @g is in the draft. */
void iscsip__disk_draft_remove(struct disk_lun *lun, struct disk_reg *g)
{
	lun->next.regs--;
	g->sides &= (uint8_t)~REG_NEXT;
}

void iscsip__disk_draft_reserve(struct disk_lun *lun, uint8_t type, uint16_t holder)
{
	lun->next.type = type;
	lun->next.holder = type && !iscsip__disk_all_registrants(&lun->next) ? holder : 0;
}

void iscsip__disk_draft_release(struct disk_lun *lun)
{
	iscsip__disk_draft_reserve(lun, 0, 0);
}

/* --- as bytes ------------------------------------------------------------------------------------------------- */

#define STATE_MAGIC 0x55530002u /* "US", and the version of what follows */

/* Where the fields of the head stand; all in network byte order. */
enum {
	AT_MAGIC = 0,
	AT_LENGTH = 4, /* of all bytes, 4 */
	AT_SEQ = 8,
	AT_GENERATION = 16,
	AT_KEPT = 20,
	AT_HOLDER = 24, /* which of the registrations, from 1 on; 0: none of them alone */
	AT_COUNT = 26,
	AT_TYPE = 28,
	AT_FLAGS = 29,
	AT_ACTION = 30, /* the cause: service action, keys, port, length of the TransportID */
	AT_ZERO = 31,
	AT_KEY = 32,
	AT_SA_KEY = 40,
	AT_PORT = 48,
	AT_ID_LEN = 50,
	STATE_HEAD = 52,
	STATE_REG = 12, /* key, port, length of the TransportID that follows */
	STATE_SUM = 8,
	FLAG_APTPL = 0x01
};

static uint64_t sum_more(uint64_t h, const uint8_t *p, uint64_t n)
{
	while (n--)
		h = (h ^ *p++) * 0x100000001b3u;
	return h;
}

static uint64_t sum_of(const struct iscsip_vec *vec, int cnt, uint64_t n)
{
	uint64_t h = 0xcbf29ce484222325u;
	int i;

	for (i = 0; i < cnt && n > 0; i++) {
		uint64_t m = vec[i].len < n ? vec[i].len : n;

		h = sum_more(h, vec[i].base, m);
		n -= m;
	}
	return h;
}

/* What the head says of the registrations. */
struct state_regs {
	uint64_t bytes;
	uint16_t count, holder;
};

static void count_regs(const struct disk_lun *lun, uint8_t side, uint16_t holder, struct state_regs *c)
{
	uint32_t i;

	memset(c, 0, sizeof *c);
	for (i = 0; i < lun->disk->cfg.max_registrations; i++) {
		const struct disk_reg *g = iscsip__disk_reg_of(lun, i, side);

		if (!g)
			continue;
		c->count++;
		c->bytes += STATE_REG + (uint64_t)g->id_len;
		if (holder == i + 1)
			c->holder = c->count;
	}
}

static void put_head(struct disk_out *o, const struct disk_state *st, const struct disk_cause *cause, const struct state_regs *c,
		     bool whole)
{
	iscsip__disk_put32(o, STATE_MAGIC);
	iscsip__disk_put32(o, (uint32_t)(STATE_HEAD + cause->id_len + c->bytes + STATE_SUM));
	iscsip__disk_put64(o, st->seq);
	iscsip__disk_put32(o, st->generation);
	iscsip__disk_put32(o, st->kept);
	iscsip__disk_put16(o, c->holder);
	iscsip__disk_put16(o, c->count);
	iscsip__disk_put8(o, whole ? st->type : 0);
	iscsip__disk_put8(o, st->aptpl ? FLAG_APTPL : 0);
	iscsip__disk_put8(o, cause->action);
	iscsip__disk_put8(o, 0);
	iscsip__disk_put64(o, cause->key);
	iscsip__disk_put64(o, cause->sa_key);
	iscsip__disk_put16(o, cause->port);
	iscsip__disk_put16(o, cause->id_len);
	iscsip__disk_put(o, cause->id, cause->id_len);
}

/*
 * Writes the state of one side; without room it is only counted. Answers its bytes. Where it is not @whole the reservations
 * stay out: they are not to outlive a loss of power, only what is kept beside them.
 */
uint64_t iscsip__disk_state_write(const struct disk_lun *lun, uint8_t side, bool whole, const struct disk_cause *cause,
				  const struct iscsip_vec *vec, int cnt)
{
	const struct disk_state *st = side == REG_NOW ? &lun->now : &lun->next;
	struct state_regs c;
	struct disk_out o;
	uint32_t i;

	memset(&o, 0, sizeof o);
	memset(&c, 0, sizeof c);
	o.vec = vec;
	o.cnt = cnt;
	if (whole)
		count_regs(lun, side, st->holder, &c);
	put_head(&o, st, cause, &c, whole);
	for (i = 0; i < lun->disk->cfg.max_registrations && whole; i++) {
		const struct disk_reg *g = iscsip__disk_reg_of(lun, i, side);

		if (!g)
			continue;
		iscsip__disk_put64(&o, side == REG_NOW ? g->key : g->next_key);
		iscsip__disk_put16(&o, g->port);
		iscsip__disk_put16(&o, g->id_len);
		iscsip__disk_put(&o, g->id, g->id_len);
	}
	iscsip__disk_put64(&o, sum_of(vec, cnt, o.pos));
	return o.pos;
}

/* --- from bytes ----------------------------------------------------------------------------------------------- */

static bool id_valid(const struct disk_lun *lun, const uint8_t *id, size_t len, size_t room)
{
	return len <= room && len <= lun->disk->cfg.transport_id_max && iscsip_transport_id_length(id, len) == len;
}

/* One registration; answers its length, or 0 where it is cut or damaged. */
static size_t reg_length(const struct disk_lun *lun, const uint8_t *p, size_t n)
{
	size_t len;

	if (n < STATE_REG)
		return 0;
	len = load_be16(p + 10);
	if (load_be64(p) == 0 || load_be16(p + 8) == 0 || !id_valid(lun, p + STATE_REG, len, n - STATE_REG))
		return 0;
	return STATE_REG + len;
}

/* No port of an initiator is registered twice: who holds a reservation would be in doubt. */
static bool reg_repeated(const uint8_t *first, const uint8_t *p)
{
	while (first < p) {
		if (load_be16(first + 8) == load_be16(p + 8) &&
		    iscsip__disk_id_equal(first + STATE_REG, load_be16(first + 10), p + STATE_REG, load_be16(p + 10)))
			return true;
		first += STATE_REG + load_be16(first + 10);
	}
	return false;
}

static bool regs_valid(const struct disk_lun *lun, const uint8_t *p, size_t n, unsigned count)
{
	const uint8_t *first = p;
	size_t len;

	for (; count > 0; count--, p += len, n -= len) {
		len = reg_length(lun, p, n);
		if (len == 0 || reg_repeated(first, p))
			return false;
	}
	return n == 0;
}

/* A reservation is held by one of the registrations, or by all. */
static bool holder_valid(unsigned type, unsigned holder, unsigned count)
{
	if (type == 0)
		return holder == 0;
	if (type > 8 || !(0x1ea >> type & 1))
		return false;
	return type >= 7 ? holder == 0 && count > 0 : holder > 0 && holder <= count;
}

static bool cause_valid(const struct disk_lun *lun, const uint8_t *p, size_t n)
{
	size_t len = load_be16(p + AT_ID_LEN);

	if (p[AT_ACTION] == CAUSE_NONE)
		return len == 0 && load_be16(p + AT_PORT) == 0 && load_be64(p + AT_KEY) == 0 && load_be64(p + AT_SA_KEY) == 0;
	return p[AT_ACTION] < 8 && load_be16(p + AT_PORT) != 0 && id_valid(lun, p + STATE_HEAD, len, n - STATE_HEAD);
}

/* Whether these bytes are a state of a unit, as it was written, and one that this disk can have. */
bool iscsip__disk_state_check(const struct disk_lun *lun, const uint8_t *p, size_t n)
{
	size_t id_len;

	if (n < STATE_HEAD + STATE_SUM || load_be32(p + AT_MAGIC) != STATE_MAGIC || load_be32(p + AT_LENGTH) != n)
		return false;
	n -= STATE_SUM;
	if (load_be64(p + n) != sum_more(0xcbf29ce484222325u, p, n))
		return false;
	if (load_be64(p + AT_SEQ) == UINT64_MAX || p[AT_FLAGS] & ~(unsigned)FLAG_APTPL || p[AT_ZERO] || !cause_valid(lun, p, n) ||
	    !holder_valid(p[AT_TYPE], load_be16(p + AT_HOLDER), load_be16(p + AT_COUNT)))
		return false;
	if (!iscsip__disk_kept_valid(load_be32(p + AT_KEPT)))
		return false;
	id_len = load_be16(p + AT_ID_LEN);
	return regs_valid(lun, p + STATE_HEAD + id_len, n - STATE_HEAD - id_len, load_be16(p + AT_COUNT));
}

uint64_t iscsip__disk_state_seq(const uint8_t *p)
{
	return load_be64(p + AT_SEQ);
}

void iscsip__disk_state_cause(const uint8_t *p, struct disk_cause *cause)
{
	cause->action = p[AT_ACTION];
	cause->port = load_be16(p + AT_PORT);
	cause->id_len = load_be16(p + AT_ID_LEN);
	cause->id = p + STATE_HEAD;
	cause->key = load_be64(p + AT_KEY);
	cause->sa_key = load_be64(p + AT_SA_KEY);
}

/* Whether the table has room for what the unit has not registered already; a draft's own additions will have left it. */
static bool regs_fit(const struct disk_lun *lun, const uint8_t *p, unsigned count)
{
	const struct iscsip_disk *d = lun->disk;
	unsigned room = 0, more = 0;
	uint32_t i;

	for (i = 0; i < d->cfg.max_registrations; i++)
		room += d->regs[i].lun == 0 || (d->regs[i].lun == lun->index + 1 && !(d->regs[i].sides & REG_NOW));
	for (; count > 0; count--, p += STATE_REG + load_be16(p + 10)) {
		const struct disk_reg *g = iscsip__disk_draft_find(lun, p + STATE_REG, load_be16(p + 10), load_be16(p + 8));

		more += !g || !(g->sides & REG_NOW);
	}
	return more <= room;
}

/* Bytes that were checked become the draft. ISCSIP_EAGAIN: the table has no room, and nothing has changed. */
int iscsip__disk_state_read(struct disk_lun *lun, const uint8_t *p)
{
	const uint8_t *at = p + STATE_HEAD + load_be16(p + AT_ID_LEN);
	unsigned i, count = load_be16(p + AT_COUNT), holder = load_be16(p + AT_HOLDER);
	struct disk_reg *g;

	if (!regs_fit(lun, at, count))
		return ISCSIP_EAGAIN;
	iscsip__disk_draft_begin(lun);
	for (i = 0; i < lun->disk->cfg.max_registrations; i++)
		if ((g = iscsip__disk_reg_of(lun, i, 0)) != NULL)
			iscsip__disk_draft_remove(lun, g);
	iscsip__disk_draft_release(lun);
	for (i = 1; i <= count; i++, at += STATE_REG + load_be16(at + 10)) {
		g = iscsip__disk_draft_add(lun, at + STATE_REG, load_be16(at + 10), load_be16(at + 8), load_be64(at));
		if (g && holder == i)
			lun->next.holder = (uint16_t)(g - lun->disk->regs + 1);
	}
	lun->next.type = p[AT_TYPE];
	lun->next.seq = load_be64(p + AT_SEQ);
	lun->next.generation = load_be32(p + AT_GENERATION);
	lun->next.kept = load_be32(p + AT_KEPT);
	lun->next.aptpl = p[AT_FLAGS] & FLAG_APTPL;
	return ISCSIP_OK;
}
