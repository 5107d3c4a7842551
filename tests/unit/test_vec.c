/* SPDX-License-Identifier: MIT */
/*
 * Cursors over scatter lists and the arena, both header-only rooms of lib/base. Cursors are held against one
 * flat array; the arena against its own promise: what was counted fits, and nothing is given twice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/vec.h"

/* Pieces of 3, 0, 1, 5, 0, 0, 7 and 0 bytes; byte i of the whole is bytes[i]. */
#define TOTAL 16u
#define PIECES 8

struct list {
	uint8_t memory[64];
	struct iscsip_vec vec[PIECES];
	uint8_t *byte[TOTAL];
};

static void make_list(struct list *l)
{
	static const size_t len[PIECES] = {3, 0, 1, 5, 0, 0, 7, 0};
	size_t at = 0, total = 0;

	memset(l->memory, 0, sizeof l->memory);
	for (int i = 0; i < PIECES; i++) {
		l->vec[i].base = len[i] == 0 ? NULL : l->memory + at;
		l->vec[i].len = len[i];
		for (size_t j = 0; j < len[i]; j++)
			l->byte[total++] = l->memory + at + j;
		at += len[i] + 2; /* a gap between the pieces */
	}
	assert_int_equal(total, TOTAL);
}

static void a_cursor_stands_on_any_byte_and_knows_how_many_follow(void **state)
{
	struct list l;

	(void)state;
	make_list(&l);
	for (size_t off = 0; off <= TOTAL + 2; off++) {
		struct iscsip_vec_cursor c = cursor_make(l.vec, PIECES, off);
		size_t left = off < TOTAL ? TOTAL - off : 0, len;
		uint8_t *p = cursor_peek(&c, &len);

		assert_int_equal(cursor_left(&c), left);
		assert_int_equal(cursor_at_end(&c), left == 0);
		assert_true(cursor_holds(&c, left));
		assert_false(cursor_holds(&c, left + 1));
		assert_int_equal(cursor_flat(&c, len), left > 0);
		assert_false(cursor_flat(&c, len + 1));
		if (left > 0)
			assert_ptr_equal(p, l.byte[off]);
		else
			assert_null(p);
	}
	assert_int_equal(vec_total(l.vec, PIECES), TOTAL);
	assert_int_equal(vec_total(NULL, 0), 0);
}

static void advancing_from_anywhere_by_any_amount_lands_on_the_right_byte(void **state)
{
	struct list l;

	(void)state;
	make_list(&l);
	for (size_t from = 0; from <= TOTAL; from++) {
		for (size_t by = 0; by <= TOTAL + 2; by++) {
			struct iscsip_vec_cursor c = {l.vec, PIECES, from}; /* not settled by hand */
			size_t moved = by < TOTAL - from ? by : TOTAL - from, len;

			assert_int_equal(cursor_advance(&c, by), moved);
			assert_int_equal(cursor_left(&c), TOTAL - from - moved);
			if (from + moved < TOTAL)
				assert_ptr_equal(cursor_peek(&c, &len), l.byte[from + moved]);
			assert_true(c.cnt == 0 || c.off < c.vec->len);
		}
	}
}

static void a_listing_names_each_byte_once_and_no_empty_piece(void **state)
{
	struct list l;

	(void)state;
	make_list(&l);
	for (size_t from = 0; from <= TOTAL; from++) {
		for (size_t n = 0; n <= TOTAL + 2; n++) {
			for (int max = 0; max <= 5; max++) {
				struct iscsip_vec_cursor c = cursor_make(l.vec, PIECES, from), taken = c;
				struct iscsip_vec out[5];
				size_t listed, at = from;
				int cnt = cursor_list(&c, n, out, max, &listed);

				assert_true(cnt <= max);
				for (int i = 0; i < cnt; i++) {
					assert_true(out[i].len > 0);
					for (size_t j = 0; j < out[i].len; j++)
						assert_ptr_equal((uint8_t *)out[i].base + j, l.byte[at++]);
				}
				assert_int_equal(at - from, listed);
				assert_true(listed == n || at == TOTAL || cnt == max);
				assert_int_equal(cursor_left(&c), TOTAL - from);
				assert_int_equal(cursor_take(&taken, n, out, max, NULL), cnt);
				assert_int_equal(cursor_left(&taken), TOTAL - at);
			}
		}
	}
}

static void copies_in_and_out_meet_the_bytes_of_the_list_and_no_others(void **state)
{
	static const uint8_t src[] = "0123456789abcdefgh";
	struct list l;

	(void)state;
	for (size_t from = 0; from <= TOTAL; from++) {
		for (size_t n = 0; n <= TOTAL + 2; n++) {
			struct iscsip_vec_cursor c, d;
			size_t want = n < TOTAL - from ? n : TOTAL - from, written = 0;
			uint8_t back[TOTAL + 2] = {0};

			make_list(&l);
			c = cursor_make(l.vec, PIECES, from);
			d = c;
			assert_int_equal(cursor_copy_in(&c, src, n), want);
			assert_int_equal(cursor_left(&c), TOTAL - from - want);
			for (size_t i = 0; i < want; i++)
				assert_int_equal(*l.byte[from + i], src[i]);
			for (size_t i = 0; i < sizeof l.memory; i++)
				written += l.memory[i] != 0;
			assert_int_equal(written, want);
			assert_int_equal(cursor_copy_out(&d, back, n), want);
			assert_memory_equal(back, src, want);
			for (size_t i = want; i < sizeof back; i++)
				assert_int_equal(back[i], 0);
		}
	}
}

static void a_total_beyond_size_t_is_told_as_the_largest(void **state)
{
	const struct iscsip_vec v[3] = {{NULL, SIZE_MAX - 4}, {NULL, 4}, {NULL, 4}};

	(void)state;
	assert_true(vec_total(v, 2) == SIZE_MAX);
	assert_true(vec_total(v, 3) == SIZE_MAX);
	assert_true(vec_total(v, 1) == SIZE_MAX - 4);
}

/* --- arena ------------------------------------------------------------------------------------------- */

/* A carving with every kind of alignment; answers the last object. The objects do not overlap. */
static void *carve(struct arena *a, unsigned seed)
{
	void *last = NULL;

	for (unsigned i = 0; i < 20; i++) {
		size_t align = (size_t)1 << (seed + i * 7) % 8, size = (seed * 31 + i * 13) % 50;
		uint8_t *p = arena_take(a, size, align);

		if (p) {
			assert_int_equal((uintptr_t)p & (align - 1), 0);
			for (size_t j = 0; j < size; j++) {
				assert_int_equal(p[j], 0); /* not given to anyone before */
				p[j] = 1;
			}
		}
		last = p;
	}
	return last;
}

static void what_was_counted_fits_into_every_aligned_block_of_that_size(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 200; seed++) {
		struct arena a;
		size_t size;

		arena_count(&a);
		assert_null(carve(&a, seed));
		assert_false(a.failed);
		size = arena_size(&a);
		assert_true(size > 0 && size % ARENA_ALIGN == 0);
		for (size_t shift = 0; shift < 128; shift += ARENA_ALIGN) {
			uint8_t *mem = aligned_alloc(128, (size + shift + 127) & ~(size_t)127);

			assert_non_null(mem);
			memset(mem + shift, 0, size);
			arena_open(&a, mem + shift, size);
			assert_non_null(carve(&a, seed));
			assert_false(a.failed);
			assert_true(a.used <= size);
			free(mem);
		}
	}
}

static void a_block_that_is_too_short_fails_and_stays_failed(void **state)
{
	uint64_t mem[8];
	struct arena a;

	(void)state;
	arena_open(&a, mem, sizeof mem);
	assert_ptr_equal(arena_take(&a, 60, 1), mem);
	assert_null(arena_take(&a, 8, 4));
	assert_true(a.failed);
	assert_null(arena_take(&a, 1, 1));
	arena_open(&a, mem, sizeof mem);
	assert_non_null(arena_take(&a, sizeof mem, 8));
	assert_false(a.failed);
	assert_null(arena_take(&a, 1, 1));
}

static void a_block_that_is_crooked_or_missing_gives_nothing(void **state)
{
	uint64_t mem[8];
	struct arena a;

	(void)state;
	arena_open(&a, (uint8_t *)mem + 4, 40);
	assert_null(arena_take(&a, 1, 1));
	arena_open(&a, NULL, 40);
	assert_null(arena_take(&a, 1, 1));
	assert_true(a.failed);
}

static void sizes_that_overflow_are_told_as_no_size(void **state)
{
	uint64_t mem[8];
	struct arena a;

	(void)state;
	arena_count(&a);
	arena_take(&a, SIZE_MAX - 8, 1);
	arena_take(&a, 16, 1);
	assert_int_equal(arena_size(&a), 0);
	arena_count(&a);
	arena_take(&a, SIZE_MAX, 1);
	assert_int_equal(arena_size(&a), 0);
	arena_count(&a);
	arena_take_array(&a, SIZE_MAX / 4, 8, 8);
	assert_int_equal(arena_size(&a), 0);
	arena_open(&a, mem, sizeof mem);
	assert_null(arena_take_array(&a, SIZE_MAX / 8 + 2, 8, 8));
	arena_open(&a, mem, sizeof mem);
	assert_ptr_equal(arena_take_array(&a, 8, 8, 8), mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cursor_stands_on_any_byte_and_knows_how_many_follow),
		cmocka_unit_test(advancing_from_anywhere_by_any_amount_lands_on_the_right_byte),
		cmocka_unit_test(a_listing_names_each_byte_once_and_no_empty_piece),
		cmocka_unit_test(copies_in_and_out_meet_the_bytes_of_the_list_and_no_others),
		cmocka_unit_test(a_total_beyond_size_t_is_told_as_the_largest),
		cmocka_unit_test(what_was_counted_fits_into_every_aligned_block_of_that_size),
		cmocka_unit_test(a_block_that_is_too_short_fails_and_stays_failed),
		cmocka_unit_test(a_block_that_is_crooked_or_missing_gives_nothing),
		cmocka_unit_test(sizes_that_overflow_are_told_as_no_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
