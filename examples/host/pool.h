/* SPDX-License-Identifier: MIT */
/*
 * Threads for calls that may block: file I/O that is not in the cache. A job runs in a thread of the pool, then `done` in
 * the loop that it came from.
 */
#ifndef HOST_POOL_H
#define HOST_POOL_H

#include "loop.h"

struct job {
	struct post post;          /* first member: done runs as a post of the loop */
	struct job *next;
	struct loop *loop;
	void (*work)(struct job *j);
	void (*done)(struct job *j);
};

/* Starts with the first job. */
void pool_submit(struct loop *l, struct job *j);

#endif
