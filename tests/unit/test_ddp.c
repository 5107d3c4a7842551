/* SPDX-License-Identifier: MIT */
/*
 * The tag table: the worked example of the figures byte for byte, every reason to refuse a tag or a range,
 * and the life of an entry. Scatter lists are in test_ddp_scatter.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <iscsiproto/ddp.h>

#define ENTRIES 8u

/* A table in memory of arbitrary content and exactly its size, so that a sanitizer sees a byte too far. */
struct fixture {
	struct iscsip_ddp *d;
	void *mem;
	size_t len;
};

static void open_table(struct fixture *f, uint32_t entries, struct iscsip_ddp_layout layout)
{
	f->len = iscsip_ddp_size(entries);
	f->mem = malloc(f->len);
	assert_non_null(f->mem);
	memset(f->mem, 0xa5, f->len);
	assert_int_equal(iscsip_ddp_init(&f->d, f->mem, f->len, entries, &layout), ISCSIP_OK);
}

static void close_table(struct fixture *f)
{
	free(f->mem);
}

static const struct iscsip_ddp_layout FIGURES = ISCSIP_DDP_LAYOUT_FIGURES;
static const struct iscsip_ddp_layout SMALL = {4, 3, 2};

/* A region of one piece. The vector has to outlive it. */
static struct iscsip_ddp_region region(const struct iscsip_vec *vec, uint32_t off, uint32_t len)
{
	struct iscsip_ddp_region r = {0};

	r.at.vec = vec;
	r.at.cnt = 1;
	r.off = off;
	r.len = len;
	return r;
}

static struct iscsip_ddp_query query(uint32_t tag, uint32_t conn, uint32_t off, uint32_t len)
{
	struct iscsip_ddp_query q = {0};

	q.tag = tag;
	q.conn = conn;
	q.off = off;
	q.len = len;
	return q;
}

/* The fault that placing these bytes meets, which has to agree with what place() returns and hands out. */
static int fault_of(struct fixture *f, struct iscsip_ddp_query q)
{
	struct iscsip_ddp_hit hit;
	int rc = iscsip_ddp_place(f->d, &q, &hit);

	if (hit.fault == ISCSIP_DDP_FOUND) {
		assert_int_equal(rc, ISCSIP_OK);
		assert_true(hit.at.cnt > 0);
	} else {
		assert_int_equal(rc, hit.fault <= ISCSIP_DDP_FAULT_LUN ? ISCSIP_ENOENT : ISCSIP_EINVAL);
		assert_int_equal(hit.at.cnt, 0);
		assert_null(hit.at.vec);
	}
	return hit.fault;
}

/* --- the figures (SEEDS B.1; S1 Figs 9B, 9C, 9D) ------------------------------------------------------- */

static void the_figures_eight_data_outs_land_at_their_eight_addresses(void **state)
{
	static const struct {
		uint32_t index, pointer, off, len, ttt;
	} r2ts[3] = {
		{0x10, 0x00054000, 0x00000000, 0x00004000, 0x00100123},
		{0x11, 0x00068000, 0x00004000, 0x00008000, 0x00110123},
		{0x12, 0x00080000, 0x0000c000, 0x00004000, 0x00120123},
	};
	static const struct {
		uint32_t ttt, off, len, from, to;
	} data_outs[8] = {
		{0x00100123, 0x0000, 0x2000, 0x00054000, 0x00056000},
		{0x00100123, 0x2000, 0x2000, 0x00056000, 0x00058000},
		{0x00110123, 0x4000, 0x2000, 0x00068000, 0x0006a000},
		{0x00110123, 0x6000, 0x2000, 0x0006a000, 0x0006c000},
		{0x00110123, 0x8000, 0x2000, 0x0006c000, 0x0006e000},
		{0x00110123, 0xa000, 0x2000, 0x0006e000, 0x00070000},
		{0x00120123, 0xc000, 0x2000, 0x00080000, 0x00082000},
		{0x00120123, 0xe000, 0x2000, 0x00082000, 0x00084000},
	};
	struct iscsip_vec place[3];
	struct fixture f;

	(void)state;
	open_table(&f, 0x20, FIGURES);
	for (int i = 0; i < 3; i++) {
		uint32_t tag;

		place[i].base = (void *)(uintptr_t)r2ts[i].pointer; /* never read or written here */
		place[i].len = r2ts[i].len;
		struct iscsip_ddp_region r = region(&place[i], r2ts[i].off, r2ts[i].len);

		assert_int_equal(iscsip_ddp_bind_at(f.d, r2ts[i].index, &r, 0x123, &tag), ISCSIP_OK);
		assert_int_equal(tag, r2ts[i].ttt);
	}
	for (int i = 0; i < 8; i++) {
		struct iscsip_ddp_query q =
			query(data_outs[i].ttt, 0x123, data_outs[i].off, data_outs[i].len);
		struct iscsip_ddp_hit hit;
		struct iscsip_vec out[2];
		size_t listed;

		assert_int_equal(iscsip_ddp_place(f.d, &q, &hit), ISCSIP_OK);
		assert_int_equal(iscsip_vec_list(&hit.at, q.len, out, 2, &listed), 1);
		assert_int_equal(listed, q.len);
		assert_int_equal((uintptr_t)out[0].base, data_outs[i].from);
		assert_int_equal((uintptr_t)out[0].base + out[0].len, data_outs[i].to);
	}
	close_table(&f);
}

/* --- size and init ------------------------------------------------------------------------------------- */

static void the_size_macro_and_the_size_function_agree(void **state)
{
	static const uint32_t counts[] = {1, 2, 7, 128, 4096, 65535};

	(void)state;
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
		assert_int_equal(iscsip_ddp_size(counts[i]), ISCSIP_DDP_SIZE(counts[i]));
}

static void init_refuses_layouts_that_cannot_number_the_entries(void **state)
{
	static const struct {
		struct iscsip_ddp_layout layout;
		uint32_t entries;
		int rc;
	} cases[] = {
		{{4, 3, 2}, 16, ISCSIP_OK},      {{4, 3, 2}, 17, ISCSIP_EINVAL},
		{{0, 16, 16}, 1, ISCSIP_EINVAL}, {{16, 16, 1}, 1, ISCSIP_EINVAL},
		{{4, 14, 14}, 15, ISCSIP_OK},    {{4, 14, 14}, 16, ISCSIP_EINVAL},
		{{32, 0, 0}, 100, ISCSIP_OK},    {{1, 31, 0}, 1, ISCSIP_OK},
		{{1, 31, 0}, 2, ISCSIP_EINVAL},  {{255, 255, 255}, 1, ISCSIP_EINVAL},
		{{4, 0, 0}, 0, ISCSIP_EINVAL},   {{1, 0, 31}, 1, ISCSIP_OK},
	};
	static uint64_t mem[ISCSIP_DDP_SIZE(100) / 8];
	struct iscsip_ddp *d;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(iscsip_ddp_init(&d, mem, sizeof mem, cases[i].entries, &cases[i].layout),
				 cases[i].rc);
}

static void init_refuses_memory_that_is_short_crooked_or_missing(void **state)
{
	static uint64_t mem[ISCSIP_DDP_SIZE(4) / 8];
	struct iscsip_ddp *d;

	(void)state;
	assert_int_equal(iscsip_ddp_init(&d, mem, sizeof mem, 4, NULL), ISCSIP_OK);
	assert_int_equal(iscsip_ddp_entries(d), 4);
	assert_int_equal(iscsip_ddp_init(&d, mem, sizeof mem - 1, 4, NULL), ISCSIP_ENOSPC);
	assert_int_equal(iscsip_ddp_init(&d, (char *)mem + 4, sizeof mem - 4, 1, NULL), ISCSIP_EINVAL);
	assert_int_equal(iscsip_ddp_init(&d, NULL, sizeof mem, 4, NULL), ISCSIP_EINVAL);
	assert_int_equal(iscsip_ddp_init(NULL, mem, sizeof mem, 4, NULL), ISCSIP_EINVAL);
}

static void init_and_the_first_bindings_leave_the_rest_of_the_memory_untouched(void **state)
{
	struct iscsip_vec v = {NULL, 0};
	struct iscsip_ddp_region r = region(&v, 0, 0);
	struct fixture f;
	uint32_t tag;

	(void)state;
	open_table(&f, 64, (struct iscsip_ddp_layout){8, 8, 0});
	for (size_t i = ISCSIP_DDP_SIZE(0); i < f.len; i++)
		assert_int_equal(((uint8_t *)f.mem)[i], 0xa5);
	for (int i = 0; i < 3; i++)
		assert_int_equal(iscsip_ddp_bind(f.d, &r, 0, &tag), ISCSIP_OK);
	for (size_t i = ISCSIP_DDP_SIZE(3); i < f.len; i++)
		assert_int_equal(((uint8_t *)f.mem)[i], 0xa5);
	close_table(&f);
}

/* --- refusals, in the order of SEEDS BU1 --------------------------------------------------------------- */

static void a_tag_past_the_end_of_the_table_is_refused(void **state)
{
	struct iscsip_vec v = {(void *)0x1000, 16};
	struct iscsip_ddp_region r = region(&v, 0, 16);
	struct fixture f;
	uint32_t tag;

	(void)state;
	open_table(&f, ENTRIES, SMALL);
	for (uint32_t i = 0; i < ENTRIES; i++)
		assert_int_equal(iscsip_ddp_bind(f.d, &r, 0, &tag), ISCSIP_OK);
	assert_int_equal(fault_of(&f, query(tag, 0, 0, 16)), ISCSIP_DDP_FOUND);
	assert_int_equal(fault_of(&f, query(ENTRIES << 5, 0, 0, 16)), ISCSIP_DDP_FAULT_INDEX);
	assert_int_equal(fault_of(&f, query(tag | 1u << 9, 0, 0, 16)), ISCSIP_DDP_FAULT_INDEX);
	assert_int_equal(fault_of(&f, query(tag | 1u << 31, 0, 0, 16)), ISCSIP_DDP_FAULT_INDEX);
	assert_int_equal(fault_of(&f, query(ISCSIP_DDP_NO_TAG, 0, 0, 16)), ISCSIP_DDP_FAULT_INDEX);
	close_table(&f);
}

static void an_entry_that_is_free_or_was_never_used_is_refused(void **state)
{
	struct iscsip_vec v = {(void *)0x1000, 16};
	struct iscsip_ddp_region r = region(&v, 0, 16);
	struct fixture f;
	uint32_t tag;

	(void)state;
	open_table(&f, ENTRIES, SMALL);
	assert_int_equal(fault_of(&f, query(3u << 5, 0, 0, 16)), ISCSIP_DDP_FAULT_FREE);
	assert_int_equal(iscsip_ddp_bind_at(f.d, 3, &r, 0, &tag), ISCSIP_OK);
	assert_int_equal(fault_of(&f, query(2u << 5, 0, 0, 16)), ISCSIP_DDP_FAULT_FREE);
	assert_int_equal(fault_of(&f, query(4u << 5, 0, 0, 16)), ISCSIP_DDP_FAULT_FREE);
	assert_int_equal(iscsip_ddp_release(f.d, tag), ISCSIP_OK);
	assert_int_equal(fault_of(&f, query(tag, 0, 0, 16)), ISCSIP_DDP_FAULT_FREE);
	close_table(&f);
}

static void a_released_tag_is_stale_until_its_generation_comes_round_again(void **state)
{
	struct iscsip_vec v = {(void *)0x1000, 16};
	struct iscsip_ddp_region r = region(&v, 0, 16);
	struct fixture f;
	uint32_t first, tag;

	(void)state;
	open_table(&f, 1, SMALL);
	assert_int_equal(iscsip_ddp_bind(f.d, &r, 1, &first), ISCSIP_OK);
	tag = first;
	for (int generation = 1; generation < 8; generation++) {
		assert_int_equal(iscsip_ddp_release(f.d, tag), ISCSIP_OK);
		assert_int_equal(iscsip_ddp_bind(f.d, &r, 1, &tag), ISCSIP_OK);
		assert_int_not_equal(tag, first);
		assert_int_equal(fault_of(&f, query(first, 1, 0, 16)), ISCSIP_DDP_FAULT_STALE);
		assert_int_equal(fault_of(&f, query(tag, 1, 0, 16)), ISCSIP_DDP_FOUND);
		assert_int_equal(iscsip_ddp_release(f.d, first), ISCSIP_ENOENT);
	}
	assert_int_equal(iscsip_ddp_release(f.d, tag), ISCSIP_OK);
	assert_int_equal(iscsip_ddp_bind(f.d, &r, 1, &tag), ISCSIP_OK);
	assert_int_equal(tag, first);
	close_table(&f);
}

static void a_tag_of_another_connection_or_on_another_connection_is_refused(void **state)
{
	struct iscsip_vec v = {(void *)0x1000, 16};
	struct iscsip_ddp_region r = region(&v, 0, 16);
	struct fixture f;
	uint32_t tag;

	(void)state;
	open_table(&f, ENTRIES, SMALL);
	assert_int_equal(iscsip_ddp_bind(f.d, &r, 2, &tag), ISCSIP_OK);
	assert_int_equal(fault_of(&f, query(tag, 2, 0, 16)), ISCSIP_DDP_FOUND);
	assert_int_equal(fault_of(&f, query(tag, 1, 0, 16)), ISCSIP_DDP_FAULT_CONNECTION);
	assert_int_equal(fault_of(&f, query(tag, 6, 0, 16)), ISCSIP_DDP_FAULT_CONNECTION);
	assert_int_equal(fault_of(&f, query(tag ^ 1u, 2, 0, 16)), ISCSIP_DDP_FAULT_CONNECTION);
	assert_int_equal(fault_of(&f, query(tag ^ 1u, 3, 0, 16)), ISCSIP_DDP_FAULT_CONNECTION);
	assert_int_equal(iscsip_ddp_bind(f.d, &r, 4, &tag), ISCSIP_EINVAL);
	close_table(&f);
}

static void without_connection_bits_any_connection_is_as_good_as_another(void **state)
{
	struct iscsip_vec v = {(void *)0x1000, 16};
	struct iscsip_ddp_region r = region(&v, 0, 16);
	struct fixture f;
	uint32_t tag;

	(void)state;
	open_table(&f, ENTRIES, (struct iscsip_ddp_layout)ISCSIP_DDP_LAYOUT_TASKS);
	assert_int_equal(iscsip_ddp_bind(f.d, &r, 70000, &tag), ISCSIP_OK);
	assert_int_equal(fault_of(&f, query(tag, 9, 0, 16)), ISCSIP_DDP_FOUND);
	close_table(&f);
}

static void the_task_tag_and_the_lun_are_compared_when_asked_for(void **state)
{
	struct iscsip_vec v = {(void *)0x1000, 16};
	struct iscsip_ddp_region r = region(&v, 0, 16);
	struct iscsip_ddp_query q;
	struct fixture f;
	uint32_t tag;

	(void)state;
	open_table(&f, ENTRIES, SMALL);
	r.itt = 0x77;
	r.lun = 0x0001000000000005u;
	assert_int_equal(iscsip_ddp_bind(f.d, &r, 0, &tag), ISCSIP_OK);
	q = query(tag, 0, 0, 16);
	assert_int_equal(fault_of(&f, q), ISCSIP_DDP_FOUND);
	q.flags = ISCSIP_DDP_CHECK_TASK;
	assert_int_equal(fault_of(&f, q), ISCSIP_DDP_FAULT_TASK);
	q.itt = 0x77;
	assert_int_equal(fault_of(&f, q), ISCSIP_DDP_FAULT_LUN);
	q.flags |= ISCSIP_DDP_ANY_LUN;
	assert_int_equal(fault_of(&f, q), ISCSIP_DDP_FOUND);
	q.itt++;
	assert_int_equal(fault_of(&f, q), ISCSIP_DDP_FAULT_TASK);
	q.itt--;
	q.flags = ISCSIP_DDP_CHECK_TASK;
	q.lun = 0x0001000000000005u;
	assert_int_equal(fault_of(&f, q), ISCSIP_DDP_FOUND);
	close_table(&f);
}

static void ranges_below_beyond_wrapped_or_empty_are_refused(void **state)
{
	struct iscsip_vec v = {(void *)0x1000, 0x100};
	struct iscsip_ddp_region r = region(&v, 0x4000, 0x100);
	struct fixture f;
	uint32_t tag;

	(void)state;
	open_table(&f, ENTRIES, SMALL);
	assert_int_equal(iscsip_ddp_bind(f.d, &r, 0, &tag), ISCSIP_OK);
	assert_int_equal(fault_of(&f, query(tag, 0, 0x4000, 0x100)), ISCSIP_DDP_FOUND);
	assert_int_equal(fault_of(&f, query(tag, 0, 0x40ff, 1)), ISCSIP_DDP_FOUND);
	assert_int_equal(fault_of(&f, query(tag, 0, 0x3fff, 1)), ISCSIP_DDP_FAULT_BELOW);
	assert_int_equal(fault_of(&f, query(tag, 0, 0, 0x4100)), ISCSIP_DDP_FAULT_BELOW);
	assert_int_equal(fault_of(&f, query(tag, 0, 0x4000, 0x101)), ISCSIP_DDP_FAULT_BEYOND);
	assert_int_equal(fault_of(&f, query(tag, 0, 0x4100, 1)), ISCSIP_DDP_FAULT_BEYOND);
	assert_int_equal(fault_of(&f, query(tag, 0, 0x4101, 0)), ISCSIP_DDP_FAULT_BEYOND);
	assert_int_equal(fault_of(&f, query(tag, 0, 0x4080, 0xffffffff)), ISCSIP_DDP_FAULT_BEYOND);
	assert_int_equal(fault_of(&f, query(tag, 0, 0x4001, 0xffffffff - 0x4000)), ISCSIP_DDP_FAULT_BEYOND);
	assert_int_equal(fault_of(&f, query(tag, 0, 0xffffffff, 1)), ISCSIP_DDP_FAULT_BEYOND);
	assert_int_equal(fault_of(&f, query(tag, 0, 0xffffffff, 0xffffffff)), ISCSIP_DDP_FAULT_BEYOND);
	assert_int_equal(fault_of(&f, query(tag, 0, 0x4080, 0)), ISCSIP_DDP_FAULT_EMPTY);
	close_table(&f);
}

static void a_range_at_the_very_end_of_the_offsets_does_not_wrap(void **state)
{
	struct iscsip_vec v = {(void *)0x1000, 0x100};
	struct iscsip_ddp_region r = region(&v, 0xffffff00, 0xff);
	struct fixture f;
	uint32_t tag;

	(void)state;
	open_table(&f, ENTRIES, SMALL);
	assert_int_equal(iscsip_ddp_bind(f.d, &r, 0, &tag), ISCSIP_OK);
	assert_int_equal(fault_of(&f, query(tag, 0, 0xffffff00, 0xff)), ISCSIP_DDP_FOUND);
	assert_int_equal(fault_of(&f, query(tag, 0, 0xffffffff, 1)), ISCSIP_DDP_FAULT_BEYOND);
	assert_int_equal(fault_of(&f, query(tag, 0, 0, 1)), ISCSIP_DDP_FAULT_BELOW);
	r.len = 0x100;
	assert_int_equal(iscsip_ddp_bind(f.d, &r, 0, &tag), ISCSIP_EINVAL);
	close_table(&f);
}

/* --- binding and releasing ----------------------------------------------------------------------------- */

static void a_scatter_list_that_is_too_short_is_refused_when_it_is_bound(void **state)
{
	struct iscsip_vec v[3] = {{(void *)0x1000, 10}, {NULL, 0}, {(void *)0x2000, 6}};
	struct iscsip_ddp_region r = region(v, 0, 16);
	struct fixture f;
	uint32_t tag = 0x55;

	(void)state;
	open_table(&f, ENTRIES, SMALL);
	assert_int_equal(iscsip_ddp_bind(f.d, &r, 0, &tag), ISCSIP_EINVAL);
	r.at.cnt = 3;
	r.at.off = 1;
	assert_int_equal(iscsip_ddp_bind(f.d, &r, 0, &tag), ISCSIP_EINVAL);
	assert_int_equal(iscsip_ddp_bind_at(f.d, 0, &r, 0, &tag), ISCSIP_EINVAL);
	r.at.cnt = 0;
	assert_int_equal(iscsip_ddp_bind(f.d, &r, 0, &tag), ISCSIP_EINVAL);
	assert_int_equal(iscsip_ddp_bound(f.d), 0);
	assert_int_equal(tag, 0x55);
	r.at.cnt = 3;
	r.at.off = 0;
	assert_int_equal(iscsip_ddp_bind(f.d, &r, 0, &tag), ISCSIP_OK);
	close_table(&f);
}

static void a_full_table_says_so_and_binds_again_after_a_release(void **state)
{
	struct iscsip_vec v = {(void *)0x1000, 16};
	struct iscsip_ddp_region r = region(&v, 0, 16);
	struct fixture f;
	uint32_t tags[ENTRIES], more;

	(void)state;
	open_table(&f, ENTRIES, SMALL);
	for (uint32_t i = 0; i < ENTRIES; i++) {
		assert_int_equal(iscsip_ddp_bind(f.d, &r, 0, &tags[i]), ISCSIP_OK);
		for (uint32_t j = 0; j < i; j++)
			assert_int_not_equal(tags[i], tags[j]);
	}
	assert_int_equal(iscsip_ddp_bound(f.d), ENTRIES);
	assert_int_equal(iscsip_ddp_bind(f.d, &r, 0, &more), ISCSIP_EAGAIN);
	assert_int_equal(iscsip_ddp_bind_at(f.d, 3, &r, 0, &more), ISCSIP_EBUSY);
	assert_int_equal(iscsip_ddp_release(f.d, tags[5]), ISCSIP_OK);
	assert_int_equal(iscsip_ddp_bind(f.d, &r, 0, &more), ISCSIP_OK);
	assert_int_equal(more >> 5, tags[5] >> 5);
	close_table(&f);
}

static void a_tag_is_released_once_only(void **state)
{
	struct iscsip_vec v = {(void *)0x1000, 16};
	struct iscsip_ddp_region r = region(&v, 0, 16);
	struct fixture f;
	uint32_t tag, a, b;

	(void)state;
	open_table(&f, ENTRIES, FIGURES); /* no generation: only the state of the entry tells */
	assert_int_equal(iscsip_ddp_bind(f.d, &r, 5, &tag), ISCSIP_OK);
	assert_int_equal(iscsip_ddp_release(f.d, tag ^ 1u), ISCSIP_ENOENT);
	assert_int_equal(iscsip_ddp_release(f.d, tag), ISCSIP_OK);
	assert_int_equal(iscsip_ddp_release(f.d, tag), ISCSIP_ENOENT);
	assert_int_equal(iscsip_ddp_bound(f.d), 0);
	assert_int_equal(iscsip_ddp_bind(f.d, &r, 5, &a), ISCSIP_OK);
	assert_int_equal(iscsip_ddp_bind(f.d, &r, 5, &b), ISCSIP_OK);
	assert_int_not_equal(a, b);
	assert_int_equal(iscsip_ddp_release(f.d, ISCSIP_DDP_NO_TAG), ISCSIP_ENOENT);
	close_table(&f);
}

static void no_layout_ever_issues_the_reserved_tag(void **state)
{
	struct iscsip_vec v = {(void *)0x1000, 16};
	struct iscsip_ddp_region r = region(&v, 0, 16);

	(void)state;
	for (unsigned index = 1; index <= 4; index++) {
		for (unsigned generation = 0; index + generation <= 32; generation++) {
			struct iscsip_ddp_layout l = {(uint8_t)index, (uint8_t)generation,
						      (uint8_t)(32 - index - generation)};
			uint32_t entries = (1u << index) - 1;
			uint32_t conn = (uint32_t)(((uint64_t)1 << l.connection_bits) - 1), tag;
			struct fixture f;

			if (l.connection_bits > 31)
				continue;
			open_table(&f, entries, l);
			for (uint32_t i = 0; i < entries; i++)
				assert_int_equal(iscsip_ddp_bind(f.d, &r, conn, &tag), ISCSIP_OK);
			for (int round = 0; round < 300; round++) { /* up to 8 generation bits come round */
				assert_int_not_equal(tag, ISCSIP_DDP_NO_TAG);
				assert_int_equal(iscsip_ddp_release(f.d, tag), ISCSIP_OK);
				assert_int_equal(iscsip_ddp_bind(f.d, &r, conn, &tag), ISCSIP_OK);
			}
			close_table(&f);
		}
	}
}

static void indexes_chosen_by_the_host_and_by_the_table_mix(void **state)
{
	struct iscsip_vec v = {(void *)0x1000, 16};
	struct iscsip_ddp_region r = region(&v, 0, 16);
	uint32_t tag, seen = 0;
	struct fixture f;

	(void)state;
	open_table(&f, ENTRIES, SMALL);
	assert_int_equal(iscsip_ddp_bind_at(f.d, ENTRIES, &r, 0, &tag), ISCSIP_EINVAL);
	assert_int_equal(iscsip_ddp_bind_at(f.d, 5, &r, 0, &tag), ISCSIP_OK);
	assert_int_equal(tag >> 5, 5);
	assert_int_equal(iscsip_ddp_bind_at(f.d, 2, &r, 0, &tag),
			 ISCSIP_OK); /* out of the middle of the free list */
	assert_int_equal(tag >> 5, 2);
	assert_int_equal(iscsip_ddp_bind_at(f.d, 2, &r, 0, &tag), ISCSIP_EBUSY);
	for (uint32_t i = 0; i < ENTRIES - 2; i++) {
		assert_int_equal(iscsip_ddp_bind(f.d, &r, 0, &tag), ISCSIP_OK);
		assert_int_equal(seen & 1u << (tag >> 5), 0);
		seen |= 1u << (tag >> 5);
	}
	assert_int_equal(seen, 0xffu & ~(1u << 5 | 1u << 2));
	assert_int_equal(iscsip_ddp_bind(f.d, &r, 0, &tag), ISCSIP_EAGAIN);
	close_table(&f);
}

static void owner_index_range_and_the_word_beside_come_back_with_a_hit(void **state)
{
	struct iscsip_vec v = {(void *)0x1000, 16};
	struct iscsip_ddp_region r = region(&v, 32, 16);
	struct iscsip_ddp_query q;
	struct iscsip_ddp_hit hit;
	struct fixture f;
	uint32_t tag;

	(void)state;
	open_table(&f, ENTRIES, SMALL);
	r.owner = &f;
	r.aux = 7;
	assert_int_equal(iscsip_ddp_bind_at(f.d, 4, &r, 1, &tag), ISCSIP_OK);
	q = query(tag, 1, 0, 0);
	assert_int_equal(iscsip_ddp_find(f.d, &q, &hit), ISCSIP_OK);
	assert_ptr_equal(hit.owner, &f);
	assert_int_equal(hit.index, 4);
	assert_int_equal(hit.off, 32);
	assert_int_equal(hit.len, 16);
	assert_int_equal(*hit.aux, 7);
	*hit.aux = 99;
	/* A range that is refused still tells whose it is; a tag that is refused does not. */
	assert_int_equal(iscsip_ddp_place(f.d, &q, &hit), ISCSIP_EINVAL);
	assert_ptr_equal(hit.owner, &f);
	assert_int_equal(*hit.aux, 99);
	q.tag ^= 1u << 2;
	assert_int_equal(iscsip_ddp_find(f.d, &q, &hit), ISCSIP_ENOENT);
	assert_int_equal(hit.fault, ISCSIP_DDP_FAULT_STALE);
	assert_null(hit.owner);
	assert_null(hit.aux);
	close_table(&f);
}

static void a_task_without_data_is_found_and_takes_none(void **state)
{
	struct iscsip_ddp_region r = {0};
	struct iscsip_ddp_query q;
	struct iscsip_ddp_hit hit;
	struct fixture f;
	uint32_t tag;

	(void)state;
	open_table(&f, ENTRIES, (struct iscsip_ddp_layout)ISCSIP_DDP_LAYOUT_TASKS);
	r.owner = &r;
	assert_int_equal(iscsip_ddp_bind(f.d, &r, 0, &tag), ISCSIP_OK);
	q = query(tag, 0, 0, 1);
	assert_int_equal(iscsip_ddp_find(f.d, &q, &hit), ISCSIP_OK);
	assert_ptr_equal(hit.owner, &r);
	assert_int_equal(fault_of(&f, q), ISCSIP_DDP_FAULT_BEYOND);
	close_table(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_figures_eight_data_outs_land_at_their_eight_addresses),
		cmocka_unit_test(the_size_macro_and_the_size_function_agree),
		cmocka_unit_test(init_refuses_layouts_that_cannot_number_the_entries),
		cmocka_unit_test(init_refuses_memory_that_is_short_crooked_or_missing),
		cmocka_unit_test(init_and_the_first_bindings_leave_the_rest_of_the_memory_untouched),
		cmocka_unit_test(a_tag_past_the_end_of_the_table_is_refused),
		cmocka_unit_test(an_entry_that_is_free_or_was_never_used_is_refused),
		cmocka_unit_test(a_released_tag_is_stale_until_its_generation_comes_round_again),
		cmocka_unit_test(a_tag_of_another_connection_or_on_another_connection_is_refused),
		cmocka_unit_test(without_connection_bits_any_connection_is_as_good_as_another),
		cmocka_unit_test(the_task_tag_and_the_lun_are_compared_when_asked_for),
		cmocka_unit_test(ranges_below_beyond_wrapped_or_empty_are_refused),
		cmocka_unit_test(a_range_at_the_very_end_of_the_offsets_does_not_wrap),
		cmocka_unit_test(a_scatter_list_that_is_too_short_is_refused_when_it_is_bound),
		cmocka_unit_test(a_full_table_says_so_and_binds_again_after_a_release),
		cmocka_unit_test(a_tag_is_released_once_only),
		cmocka_unit_test(no_layout_ever_issues_the_reserved_tag),
		cmocka_unit_test(indexes_chosen_by_the_host_and_by_the_table_mix),
		cmocka_unit_test(owner_index_range_and_the_word_beside_come_back_with_a_hit),
		cmocka_unit_test(a_task_without_data_is_found_and_takes_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
