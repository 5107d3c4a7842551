/* SPDX-License-Identifier: MIT */
/*
 * Ranges that have come (task/ranges.h). Owns nothing but the form of the list: ascending, disjoint, no two that touch, so
 * a sequence that is whole is one range. Every loop is bounded by TASK_RANGES_MAX.
 */
#include "task/ranges.h"

#include <string.h>

/* The first range that does not lie wholly before `begin`. */
static uint32_t range_at(const struct task_ranges *r, uint32_t begin)
{
	uint32_t i = 0;

	while (i < r->count && r->range[i].end < begin)
		i++;
	return i;
}

static void range_remove(struct task_ranges *r, uint32_t i)
{
	r->count--;
	memmove(&r->range[i], &r->range[i + 1], (r->count - i) * sizeof r->range[0]);
}

static bool range_insert(struct task_ranges *r, uint32_t i, uint32_t begin, uint32_t end)
{
	if (r->count == TASK_RANGES_MAX)
		return false;
	memmove(&r->range[i + 1], &r->range[i], (r->count - i) * sizeof r->range[0]);
	r->range[i].begin = begin;
	r->range[i].end = end;
	r->count++;
	return true;
}

bool iscsip__task_ranges_add(struct task_ranges *r, uint32_t begin, uint32_t end)
{
	uint32_t i = range_at(r, begin);
	bool joins_before = i < r->count && r->range[i].end == begin;
	uint32_t after = joins_before ? i + 1 : i;
	bool joins_after = after < r->count && r->range[after].begin == end;

	if (after < r->count && r->range[after].begin < end)
		return false;
	if (joins_before && joins_after) {
		r->range[i].end = r->range[after].end;
		range_remove(r, after);
	} else if (joins_before) {
		r->range[i].end = end;
	} else if (joins_after) {
		r->range[after].begin = begin;
	} else {
		return range_insert(r, i, begin, end);
	}
	return true;
}
