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

bool iscsip__task_ranges_merge(struct task_ranges *r, uint32_t begin, uint32_t end)
{
	uint32_t first = range_at(r, begin), after = first;

	while (after < r->count && r->range[after].begin <= end)
		after++;
	if (after == first)
		return range_insert(r, first, begin, end);
	if (r->range[first].begin > begin)
		r->range[first].begin = begin;
	r->range[first].end = r->range[after - 1].end > end ? r->range[after - 1].end : end;
	memmove(&r->range[first + 1], &r->range[after], (r->count - after) * sizeof r->range[0]);
	r->count -= after - first - 1u;
	return true;
}

bool iscsip__task_ranges_add(struct task_ranges *r, uint32_t begin, uint32_t end)
{
	uint32_t i = range_at(r, begin);

	if (i < r->count && r->range[i].end == begin)
		i++; /* it only touches */
	if (i < r->count && r->range[i].begin < end)
		return false;
	return iscsip__task_ranges_merge(r, begin, end);
}
