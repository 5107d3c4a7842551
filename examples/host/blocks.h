/* SPDX-License-Identifier: MIT */
/*
 * Blocks of memory that begin a page and are touched only as far as they are used: connections and sessions, of which
 * most are idle and use only their beginning. Blocks that were given back are kept for the next ones of their kind.
 */
#ifndef HOST_BLOCKS_H
#define HOST_BLOCKS_H

#include <pthread.h>
#include <stddef.h>

struct block {
	struct block *next;
};

struct blocks {
	size_t size;           /* of a block, whole pages */
	struct block *kept;
	unsigned kept_count;
	pthread_mutex_t lock;
};

void blocks_init(struct blocks *b, size_t size);
/* Of any content; NULL where there is no memory. */
void *blocks_take(struct blocks *b);
void blocks_give(struct blocks *b, void *block);

#endif
