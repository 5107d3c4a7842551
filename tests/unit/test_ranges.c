/* SPDX-License-Identifier: MIT */
/*
 * Ranges that have come (lib/task), held against a map with a place for each byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "task/ranges.h"

#define ROOM 200u

static uint32_t dice_state;

static uint32_t dice(uint32_t sides)
{
	dice_state = dice_state * 1664525u + 1013904223u;
	return (dice_state >> 8) % sides;
}

static uint32_t bytes_set(const bool *map, uint32_t begin, uint32_t end)
{
	uint32_t n = 0;

	while (begin < end)
		n += map[begin++];
	return n;
}

/* The list as the map says it has to be. */
static struct task_ranges made_of(const bool *map)
{
	struct task_ranges r = { 0 };
	uint32_t i = 0;

	while (i < ROOM) {
		uint32_t begin = i;

		while (i < ROOM && map[i])
			i++;
		if (i > begin && r.count < TASK_RANGES_MAX) {
			r.range[r.count].begin = begin;
			r.range[r.count].end = i;
		}
		r.count += i > begin;
		i++;
	}
	return r;
}

static void is_like(const struct task_ranges *r, const struct task_ranges *want)
{
	assert_int_equal(r->count, want->count);
	assert_memory_equal(r->range, want->range, want->count * sizeof want->range[0]);
}

static void lists_are_what_a_map_of_every_byte_says(void **state)
{
	unsigned full = 0, refused = 0;

	(void)state;
	for (unsigned round = 0; round < 3000; round++) {
		bool map[ROOM] = { false }, next[ROOM];
		struct task_ranges r, want;
		uint32_t longest = 1 + dice(round % 3 ? 3 : 20);

		memset(&r, 0xee, sizeof r);
		task_ranges_clear(&r);
		for (unsigned n = 0; n < 120; n++) {
			uint32_t begin = dice(ROOM), end = begin + 1 + dice(longest);
			bool merge = dice(2), fits;

			end = end < ROOM ? end : ROOM;
			memcpy(next, map, sizeof map);
			memset(next + begin, true, end - begin);
			want = made_of(next);
			fits = want.count <= TASK_RANGES_MAX && (merge || bytes_set(map, begin, end) == 0);
			full += want.count > TASK_RANGES_MAX;
			refused += !merge && bytes_set(map, begin, end) != 0;
			assert_int_equal((merge ? iscsip__task_ranges_merge : iscsip__task_ranges_add)(&r, begin, end), fits);
			if (fits)
				memcpy(map, next, sizeof map);
			want = made_of(map);
			is_like(&r, &want);
			assert_int_equal(task_ranges_first_gap(&r), map[0] ? want.range[0].end : 0);
			assert_int_equal(task_ranges_have_gap(&r),
					 bytes_set(map, task_ranges_first_gap(&r), ROOM) != 0);
			assert_int_equal(task_ranges_are(&r, begin, end),
					 bytes_set(map, begin, end) == end - begin && bytes_set(map, 0, ROOM) == end - begin);
		}
	}
	assert_true(full > 1000 && refused > 1000);
}

static void offsets_go_up_to_4_gib(void **state)
{
	struct task_ranges r;

	(void)state;
	task_ranges_clear(&r);
	assert_true(iscsip__task_ranges_merge(&r, 0xfffffff0u, 0xffffffffu));
	assert_true(iscsip__task_ranges_merge(&r, 0, 0x80000000u));
	assert_false(iscsip__task_ranges_add(&r, 0x7fffffffu, 0xfffffff0u));
	assert_true(iscsip__task_ranges_add(&r, 0x80000000u, 0xfffffff0u));
	assert_true(task_ranges_are(&r, 0, 0xffffffffu));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_what_a_map_of_every_byte_says),
		cmocka_unit_test(offsets_go_up_to_4_gib),
	};

	return cmocka_run_group_tests_name("ranges", tests, NULL, NULL);
}
