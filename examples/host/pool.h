/* SPDX-License-Identifier: MIT */
/*
 * Threads for calls that may block: file I/O that is not in the cache. A job runs in a thread of the pool, then `done` in
 * the loop that it came from. Jobs belong to shares: one that hangs costs its own share a thread, and nobody else.
 */
#ifndef HOST_POOL_H
#define HOST_POOL_H

#include "loop.h"

#define POOL_SHARE_THREADS 8u   /* at most at work for one share: as deep as a disk likes its queue */
#define POOL_COMMON_THREADS 64u /* at work for all shares; beyond them a share gets one when it has none */

struct job {
	struct post post;          /* first member: done runs as a post of the loop */
	struct job *next;
	struct pool_share *share;
	struct loop *loop;
	void (*work)(struct job *j);
	void (*done)(struct job *j);
};

/* Of one backing; zeroed is ready. It must live until all its jobs are done. The members belong to pool.c. */
struct pool_share {
	struct job *first, *last;  /* that wait for a thread */
	unsigned running;          /* that have one */
	bool listed;               /* among the shares that something may be taken from */
	struct pool_share *next;
};

/* False where no thread is to be had for the share's first job: it was not taken. */
bool pool_submit(struct pool_share *s, struct loop *l, struct job *j);

#endif
