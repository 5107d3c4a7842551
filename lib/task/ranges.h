/* SPDX-License-Identifier: MIT */
/*
 * Which bytes of a sequence have come, where its PDUs may come in any order (DataPDUInOrder=No, RFC 7143 13.18): a short
 * list of disjoint ranges. A count alone would take the same bytes sent twice for a whole sequence, and old memory
 * for data.
 */
#ifndef ISCSIP_TASK_RANGES_H
#define ISCSIP_TASK_RANGES_H

#include <stdbool.h>
#include <stdint.h>

/* A sequence whose PDUs leave more gaps than this at once is given up. */
#define TASK_RANGES_MAX 32u

struct task_ranges {
	uint32_t count;
	struct task_range {
		uint32_t begin, end;
	} range[TASK_RANGES_MAX]; /* ascending, with a gap between any two */
};

static inline void task_ranges_clear(struct task_ranges *r)
{
	r->count = 0;
}

/* Adds [begin, end), begin < end. False if a byte of it came before, or there are too many gaps: nothing was added. */
bool iscsip__task_ranges_add(struct task_ranges *r, uint32_t begin, uint32_t end);

/* Whether [begin, end) has come, and nothing else. */
static inline bool task_ranges_are(const struct task_ranges *r, uint32_t begin, uint32_t end)
{
	if (begin == end)
		return r->count == 0;
	return r->count == 1 && r->range[0].begin == begin && r->range[0].end == end;
}

#endif
