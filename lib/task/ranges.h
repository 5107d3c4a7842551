/* SPDX-License-Identifier: MIT */
/*
 * Which bytes have come, where PDUs or sequences may come in any order (DataPDUInOrder=No, DataSequenceInOrder=No, RFC 7143
 * 13.18, 13.19): a short list of disjoint ranges; at a target one for a sequence of Data-Out, at an initiator one for the
 * data-in of a task. A count alone would take the same bytes sent twice for all of them, and old memory for data.
 */
#ifndef ISCSIP_TASK_RANGES_H
#define ISCSIP_TASK_RANGES_H

#include <stdbool.h>
#include <stdint.h>

/* What leaves more gaps than this at once is given up. */
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

/* The same where bytes may come again. False if there are too many gaps: nothing was added. */
bool iscsip__task_ranges_merge(struct task_ranges *r, uint32_t begin, uint32_t end);

/* Where the first gap begins: so many bytes are there from the beginning on. */
static inline uint32_t task_ranges_first_gap(const struct task_ranges *r)
{
	return r->count && r->range[0].begin == 0 ? r->range[0].end : 0;
}

/* Whether something has come behind the first gap. */
static inline bool task_ranges_have_gap(const struct task_ranges *r)
{
	return r->count > (task_ranges_first_gap(r) ? 1u : 0);
}

/* Whether [begin, end) has come, and nothing else. */
static inline bool task_ranges_are(const struct task_ranges *r, uint32_t begin, uint32_t end)
{
	if (begin == end)
		return r->count == 0;
	return r->count == 1 && r->range[0].begin == begin && r->range[0].end == end;
}

#endif
