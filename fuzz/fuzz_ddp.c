/* SPDX-License-Identifier: MIT */
/*
 * The tag table against a model. Input: three bytes of layout, one for the number of entries, then
 * operations: bind, bind at an index, release, find, place, with tags that were issued (now or before), such
 * tags with a bit changed, or any number at all. The model keeps for each index whether it is bound, its
 * generation, connection and region, and finds everything by plain 64-bit arithmetic and walks from the
 * beginning. Checked: each return value, fault and tag, that 0xffffffff is never issued, and that the pieces
 * of a placement are the bytes that the model names, none more. No memory is read or written through a
 * piece: addresses are numbers here, and lengths go up to 4 GiB.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <iscsiproto/ddp.h>

#define ENTRIES_MAX 20u
#define PIECES_MAX 6
#define HISTORY 32u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

struct input {
	const uint8_t *p;
	size_t left;
};

static uint8_t take8(struct input *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->p++;
}

static uint32_t take32(struct input *in)
{
	uint32_t v = take8(in);

	v = v << 8 | take8(in);
	v = v << 8 | take8(in);
	return v << 8 | take8(in);
}

/* Small numbers mostly, else any, else one near the end of 32 bits: a byte says which. */
static uint32_t take_number(struct input *in)
{
	uint8_t kind = take8(in);

	if (kind < 0xc0)
		return kind;
	return kind < 0xe0 ? take32(in) : UINT32_MAX - take8(in);
}

/* --- the model --------------------------------------------------------------------------------------- */

struct slot {
	bool bound;
	uint32_t generation;
	uint32_t conn;
	struct iscsip_ddp_region r;
	struct iscsip_vec vec[PIECES_MAX];
	uint32_t aux;
};

struct model {
	struct iscsip_ddp *d;
	struct iscsip_ddp_layout l;
	uint32_t entries, bound;
	struct slot slot[ENTRIES_MAX];
	struct iscsip_vec kept[ENTRIES_MAX + 1][PIECES_MAX];
	uint32_t history[HISTORY];
	uint32_t issued;
};

static uint64_t mask(unsigned bits)
{
	return ((uint64_t)1 << bits) - 1;
}

static uint32_t tag_of(const struct model *m, uint32_t index)
{
	const struct slot *s = &m->slot[index];
	uint64_t tag = (uint64_t)index << m->l.generation_bits | s->generation;

	return (uint32_t)(tag << m->l.connection_bits | (s->conn & mask(m->l.connection_bits)));
}

static enum iscsip_ddp_fault model_identify(const struct model *m, const struct iscsip_ddp_query *q)
{
	uint64_t index = (uint64_t)q->tag >> m->l.connection_bits >> m->l.generation_bits;
	uint64_t generation = (uint64_t)q->tag >> m->l.connection_bits & mask(m->l.generation_bits);
	uint64_t conn = q->tag & mask(m->l.connection_bits);
	const struct slot *s = &m->slot[index < m->entries ? index : 0];

	if (index >= m->entries)
		return ISCSIP_DDP_FAULT_INDEX;
	if (!s->bound)
		return ISCSIP_DDP_FAULT_FREE;
	if (generation != s->generation)
		return ISCSIP_DDP_FAULT_STALE;
	if (m->l.connection_bits != 0 && (conn != s->conn || q->conn != s->conn))
		return ISCSIP_DDP_FAULT_CONNECTION;
	if ((q->flags & ISCSIP_DDP_CHECK_TASK) != 0 && q->itt != s->r.itt)
		return ISCSIP_DDP_FAULT_TASK;
	if ((q->flags & ISCSIP_DDP_CHECK_TASK) != 0 && q->lun != s->r.lun)
		return ISCSIP_DDP_FAULT_LUN;
	return ISCSIP_DDP_FOUND;
}

static enum iscsip_ddp_fault model_range(const struct iscsip_ddp_region *r, const struct iscsip_ddp_query *q)
{
	if (q->off < r->off)
		return ISCSIP_DDP_FAULT_BELOW;
	if ((uint64_t)q->off + q->len > (uint64_t)r->off + r->len)
		return ISCSIP_DDP_FAULT_BEYOND;
	return q->len == 0 ? ISCSIP_DDP_FAULT_EMPTY : ISCSIP_DDP_FOUND;
}

/* The address of byte `at` of a list, and how many bytes follow it in its piece; 0 past the end. */
static uintptr_t model_address(const struct iscsip_vec *vec, int cnt, uint64_t at, uint64_t *run)
{
	for (int i = 0; i < cnt; i++) {
		if (at < vec[i].len) {
			*run = vec[i].len - at;
			return (uintptr_t)vec[i].base + (uintptr_t)at;
		}
		at -= vec[i].len;
	}
	*run = 0;
	return 0;
}

/* --- operations -------------------------------------------------------------------------------------- */

static void take_region(struct input *in, struct slot *s)
{
	memset(&s->r, 0, sizeof s->r);
	s->r.at.cnt = take8(in) % (PIECES_MAX + 1);
	for (int i = 0; i < s->r.at.cnt; i++) {
		s->vec[i].len = take_number(in);
		s->vec[i].base = s->vec[i].len == 0 ? NULL : (void *)((uintptr_t)(i + 1) << 24);
	}
	s->r.at.vec = s->vec;
	s->r.at.off = take_number(in);
	s->r.off = take_number(in);
	s->r.len = take_number(in);
	s->r.itt = take8(in);
	s->r.lun = take8(in);
	s->r.aux = s->aux = take8(in);
}

static bool region_is_good(const struct model *m, const struct slot *s)
{
	uint64_t total = 0;

	for (int i = 0; i < s->r.at.cnt; i++)
		total += s->vec[i].len;
	if ((uint64_t)s->r.off + s->r.len > UINT32_MAX ||
	    (m->l.connection_bits != 0 && s->conn > mask(m->l.connection_bits)))
		return false;
	return s->r.len == 0 || (uint64_t)s->r.at.off + s->r.len <= total;
}

/* Moves a drawn region to its slot; the table was given the vector of that slot. */
static void note_binding(struct model *m, uint32_t index, const struct slot *drawn, uint32_t tag)
{
	struct slot *s = &m->slot[index];

	s->bound = true;
	s->conn = drawn->conn;
	s->aux = drawn->aux;
	s->r = drawn->r;
	m->bound++;
	require(tag == tag_of(m, index) && tag != ISCSIP_DDP_NO_TAG);
	m->history[m->issued++ % HISTORY] = tag;
}

/* The table keeps a pointer to the vector, which has to stay: memory that no bound slot uses. */
static struct iscsip_vec *keep_vector(struct model *m, const struct slot *drawn)
{
	for (unsigned i = 0;; i++) {
		bool used = false;

		for (uint32_t j = 0; j < m->entries; j++)
			used |= m->slot[j].bound && m->slot[j].r.at.vec == m->kept[i];
		if (!used) {
			memcpy(m->kept[i], drawn->vec, sizeof m->kept[i]);
			return m->kept[i];
		}
	}
}

static void bind(struct model *m, struct input *in, bool at_index)
{
	struct slot drawn;
	uint32_t tag = 0, index = at_index ? take8(in) % (m->entries + 2) : 0, want = ISCSIP_OK;
	int rc;

	memset(&drawn, 0, sizeof drawn);
	take_region(in, &drawn);
	drawn.conn = take_number(in);
	drawn.r.at.vec = keep_vector(m, &drawn);
	drawn.r.owner = (void *)(uintptr_t)(m->issued + 1);
	rc = at_index ? iscsip_ddp_bind_at(m->d, index, &drawn.r, drawn.conn, &tag)
		      : iscsip_ddp_bind(m->d, &drawn.r, drawn.conn, &tag);
	if (!region_is_good(m, &drawn) || (at_index && index >= m->entries))
		want = (uint32_t)ISCSIP_EINVAL;
	else if (at_index && m->slot[index].bound)
		want = (uint32_t)ISCSIP_EBUSY;
	else if (!at_index && m->bound == m->entries)
		want = (uint32_t)ISCSIP_EAGAIN;
	require((uint32_t)rc == want);
	if (rc != ISCSIP_OK)
		return;
	if (!at_index)
		index = (uint32_t)((uint64_t)tag >> m->l.connection_bits >> m->l.generation_bits);
	require(index < m->entries && !m->slot[index].bound);
	note_binding(m, index, &drawn, tag);
}

static uint32_t take_tag(const struct model *m, struct input *in)
{
	uint8_t kind = take8(in);
	uint32_t tag = m->issued ? m->history[(m->issued - 1 - kind % 8) % HISTORY] : 0;

	if (kind < 0xa0)
		return tag;
	return kind < 0xd0 ? tag ^ (uint32_t)1 << take8(in) % 32 : take32(in);
}

static void release(struct model *m, struct input *in)
{
	struct iscsip_ddp_query q = {0};
	struct slot *s;

	q.tag = take_tag(m, in);
	q.conn = (uint32_t)(q.tag & mask(m->l.connection_bits));
	if (model_identify(m, &q) != ISCSIP_DDP_FOUND) {
		require(iscsip_ddp_release(m->d, q.tag) == ISCSIP_ENOENT);
		return;
	}
	require(iscsip_ddp_release(m->d, q.tag) == ISCSIP_OK);
	s = &m->slot[(uint64_t)q.tag >> m->l.connection_bits >> m->l.generation_bits];
	s->bound = false;
	s->generation = (uint32_t)((s->generation + 1) & mask(m->l.generation_bits));
	m->bound--;
}

/* Every piece begins where the model says and ends within its piece there; together they are len bytes. */
static void check_pieces(const struct slot *s, const struct iscsip_ddp_query *q,
			 const struct iscsip_ddp_hit *hit)
{
	struct iscsip_vec out[PIECES_MAX];
	uint64_t at = (uint64_t)s->r.at.off + (q->off - s->r.off), run;
	size_t listed;
	int cnt = iscsip_vec_list(&hit->at, q->len, out, PIECES_MAX, &listed);

	require(listed == q->len);
	for (int i = 0; i < cnt; i++) {
		require((uintptr_t)out[i].base == model_address(s->r.at.vec, s->r.at.cnt, at, &run));
		require(out[i].len > 0 && out[i].len <= run);
		at += out[i].len;
	}
	require(at == (uint64_t)s->r.at.off + (q->off - s->r.off) + q->len);
}

static void check_identity(struct slot *s, const struct iscsip_ddp_hit *hit, uint8_t new_aux)
{
	require(hit->owner == s->r.owner && hit->off == s->r.off && hit->len == s->r.len &&
		*hit->aux == s->aux);
	*hit->aux = s->aux = new_aux;
}

static void look_up(struct model *m, struct input *in, bool place)
{
	struct iscsip_ddp_query q = {0};
	struct iscsip_ddp_hit hit;
	struct slot *s;
	int rc, want;
	enum iscsip_ddp_fault fault;

	q.tag = take_tag(m, in);
	q.flags = take8(in) & ISCSIP_DDP_CHECK_TASK;
	q.conn = take8(in) < 0x80 ? (uint32_t)(q.tag & mask(m->l.connection_bits)) : take_number(in);
	q.itt = take8(in);
	q.lun = take8(in);
	q.off = take_number(in);
	q.len = take_number(in);
	fault = model_identify(m, &q);
	s = fault == ISCSIP_DDP_FAULT_INDEX
		    ? NULL
		    : &m->slot[(uint64_t)q.tag >> m->l.connection_bits >> m->l.generation_bits];
	want = fault == ISCSIP_DDP_FOUND ? ISCSIP_OK : ISCSIP_ENOENT;
	if (place && fault == ISCSIP_DDP_FOUND) {
		fault = model_range(&s->r, &q);
		want = fault == ISCSIP_DDP_FOUND ? ISCSIP_OK : ISCSIP_EINVAL;
	}
	rc = place ? iscsip_ddp_place(m->d, &q, &hit) : iscsip_ddp_find(m->d, &q, &hit);
	require(rc == want && hit.fault == fault);
	if (fault == ISCSIP_DDP_FOUND || fault >= ISCSIP_DDP_FAULT_TASK)
		check_identity(s, &hit, take8(in));
	else
		require(hit.owner == NULL && hit.aux == NULL);
	if (place && rc == ISCSIP_OK)
		check_pieces(s, &q, &hit);
	else
		require(hit.at.cnt == 0);
}

static bool open_table(struct model *m, struct input *in)
{
	static uint64_t mem[ISCSIP_DDP_SIZE(ENTRIES_MAX) / 8];
	unsigned sum;
	bool good;
	int rc;

	m->l.index_bits = take8(in) % 34;
	m->l.generation_bits = take8(in) % 34;
	m->l.connection_bits = take8(in) % 34;
	m->entries = take8(in) % (ENTRIES_MAX + 1);
	sum = (unsigned)m->l.index_bits + m->l.generation_bits + m->l.connection_bits;
	good = m->l.index_bits > 0 && sum <= 32 && m->entries > 0 &&
	       (uint64_t)m->entries + (sum == 32) <= (uint64_t)1 << m->l.index_bits;
	memset(mem, take8(in), sizeof mem);
	rc = iscsip_ddp_init(&m->d, mem, sizeof mem, m->entries, &m->l);
	require(rc == (good ? ISCSIP_OK : ISCSIP_EINVAL));
	return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct model m;

	memset(&m, 0, sizeof m);
	if (!open_table(&m, &in))
		return 0;
	while (in.left > 0) {
		switch (take8(&in) % 6) {
		case 0:
			bind(&m, &in, false);
			break;
		case 1:
			bind(&m, &in, true);
			break;
		case 2:
			release(&m, &in);
			break;
		case 3:
			look_up(&m, &in, false);
			break;
		default:
			look_up(&m, &in, true);
		}
		require(iscsip_ddp_bound(m.d) == m.bound);
	}
	return 0;
}
