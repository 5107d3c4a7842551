/* SPDX-License-Identifier: MIT */
/*
 * The tag table over scatter lists: a long random run against a model that keeps the destination of each
 * byte in a plain array, and the hint that makes long lists cheap.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <iscsiproto/ddp.h>

#define ENTRIES 8u

static struct iscsip_ddp *open_table(void)
{
	static const struct iscsip_ddp_layout layout = {4, 3, 2};
	static uint64_t mem[ISCSIP_DDP_SIZE(ENTRIES) / 8];
	struct iscsip_ddp *d;

	memset(mem, 0xa5, sizeof mem);
	assert_int_equal(iscsip_ddp_init(&d, mem, sizeof mem, ENTRIES, &layout), ISCSIP_OK);
	return d;
}

static uint32_t rng_state = 1;

static uint32_t rnd(uint32_t below)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 17;
	rng_state ^= rng_state << 5;
	return rng_state % below;
}

#define PIECES_MAX 40
#define BYTES_MAX 2000u

/* The model: the address of each byte of the region, one by one. */
struct model {
	struct iscsip_vec vec[PIECES_MAX];
	uint8_t *byte[BYTES_MAX];
	uint8_t *memory;
	struct iscsip_ddp_region r;
	uint32_t tag;
	bool bound;
};

static void draw_region(struct model *m)
{
	uint32_t total = 0, at = 0, skip;
	int cnt = 1 + (int)rnd(PIECES_MAX);

	for (int i = 0; i < cnt; i++) {
		m->vec[i].len = rnd(4) == 0 ? 0 : rnd(BYTES_MAX / PIECES_MAX) + 1;
		m->vec[i].base = m->vec[i].len == 0 ? NULL : m->memory + 100 * i;
		for (uint32_t j = 0; j < m->vec[i].len; j++)
			m->byte[total++] = (uint8_t *)m->vec[i].base + j;
	}
	skip = rnd(total + 1);
	memset(&m->r, 0, sizeof m->r);
	m->r.at.vec = m->vec;
	m->r.at.cnt = cnt;
	m->r.at.off = skip;
	m->r.off = rnd(3) == 0 ? UINT32_MAX - BYTES_MAX : rnd(100000);
	m->r.len = rnd(total - skip + 1);
	m->r.owner = m;
	for (at = 0; at < m->r.len; at++)
		m->byte[at] = m->byte[at + skip];
}

/* Places [rel, rel + len) and compares every address with the model. */
static void place_and_compare(struct iscsip_ddp *d, const struct model *m, uint32_t rel, uint32_t len)
{
	struct iscsip_ddp_query q = {.tag = m->tag, .off = m->r.off + rel, .len = len};
	struct iscsip_vec out[PIECES_MAX];
	struct iscsip_ddp_hit hit;
	size_t listed, at = rel;
	int cnt;

	assert_int_equal(iscsip_ddp_place(d, &q, &hit), ISCSIP_OK);
	assert_ptr_equal(hit.owner, m);
	assert_true(hit.at.off < hit.at.vec->len);
	assert_ptr_equal(hit.at.vec + hit.at.cnt, m->r.at.vec + m->r.at.cnt);
	cnt = iscsip_vec_list(&hit.at, len, out, PIECES_MAX, &listed);
	assert_int_equal(listed, len);
	for (int i = 0; i < cnt; i++) {
		assert_true(out[i].len > 0);
		for (size_t j = 0; j < out[i].len; j++)
			assert_ptr_equal((uint8_t *)out[i].base + j, m->byte[at++]);
	}
	assert_int_equal(at, rel + len);
}

/* In order, in descending order, or anywhere: the hint of the entry has to serve all of them. */
static void place_a_lot(struct iscsip_ddp *d, const struct model *m)
{
	uint32_t step = 1 + rnd(60), rel;

	for (rel = 0; rel < m->r.len; rel += step)
		place_and_compare(d, m, rel, step < m->r.len - rel ? step : m->r.len - rel);
	for (rel = m->r.len; rel-- > 0;)
		place_and_compare(d, m, rel, 1);
	for (int i = 0; i < 50 && m->r.len > 0; i++) {
		rel = rnd(m->r.len);
		place_and_compare(d, m, rel, 1 + rnd(m->r.len - rel));
	}
}

static void scatter_lists_lead_each_byte_where_a_plain_array_says(void **state)
{
	static struct model models[ENTRIES];
	static uint8_t memory[ENTRIES][100 * PIECES_MAX];
	struct iscsip_ddp *d;

	(void)state;
	d = open_table();
	for (int round = 0; round < 400; round++) {
		struct model *m = &models[rnd(ENTRIES)];

		if (m->bound) {
			assert_int_equal(iscsip_ddp_release(d, m->tag), ISCSIP_OK);
			m->bound = false;
			continue;
		}
		m->memory = memory[m - models];
		draw_region(m);
		assert_int_equal(iscsip_ddp_bind(d, &m->r, 0, &m->tag), ISCSIP_OK);
		m->bound = true;
		for (unsigned i = 0; i < ENTRIES; i++)
			if (models[i].bound)
				place_a_lot(d, &models[i]);
	}
}

static void a_long_list_is_walked_once_when_data_comes_in_order(void **state)
{
	enum { PIECES = 1 << 20 };
	struct iscsip_vec *v = malloc(PIECES * sizeof *v);
	struct iscsip_ddp_region r = {.at = {v, PIECES, 0}, .len = PIECES};
	static uint8_t byte;
	struct iscsip_ddp_hit hit;
	struct iscsip_ddp_query q;
	struct iscsip_ddp *d;

	/* A walk from the beginning for each byte would take 2^39 steps, that is minutes. */
	(void)state;
	assert_non_null(v);
	for (int i = 0; i < PIECES; i++)
		v[i] = (struct iscsip_vec){&byte, 1};
	d = open_table();
	q = (struct iscsip_ddp_query){.len = 1};
	assert_int_equal(iscsip_ddp_bind(d, &r, 0, &q.tag), ISCSIP_OK);
	for (q.off = 0; q.off < PIECES; q.off++) {
		assert_int_equal(iscsip_ddp_place(d, &q, &hit), ISCSIP_OK);
		assert_ptr_equal(hit.at.vec, v + q.off);
	}
	while (q.off-- > 0) {
		assert_int_equal(iscsip_ddp_place(d, &q, &hit), ISCSIP_OK);
		assert_ptr_equal(hit.at.vec, v + q.off);
	}
	free(v);
}

static void a_listing_stops_where_the_room_ends(void **state)
{
	uint8_t m[30];
	struct iscsip_vec v[3] = {{m, 10}, {m + 10, 10}, {m + 20, 10}}, out[3];
	struct iscsip_vec_cursor at = {v, 3, 4};
	size_t listed;

	(void)state;
	assert_int_equal(iscsip_vec_list(&at, 20, out, 2, &listed), 2);
	assert_int_equal(listed, 16);
	assert_int_equal(iscsip_vec_list(&at, 20, out, 3, &listed), 3);
	assert_int_equal(listed, 20);
	assert_ptr_equal(out[2].base, m + 20);
	assert_int_equal(out[2].len, 4);
	assert_int_equal(iscsip_vec_list(&at, 20, out, 0, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scatter_lists_lead_each_byte_where_a_plain_array_says),
		cmocka_unit_test(a_long_list_is_walked_once_when_data_comes_in_order),
		cmocka_unit_test(a_listing_stops_where_the_room_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
