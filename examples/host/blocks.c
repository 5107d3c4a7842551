/* SPDX-License-Identifier: MIT */
/*
 * Blocks of whole pages (blocks.h): mapped a few at a time, kept up to a number, unmapped beyond it.
 */
#include "blocks.h"

#include <stdint.h>
#include <sys/mman.h>

#include "util.h"

#define PAGE ((size_t)4096)
#define KEPT_MAX 256u

void blocks_init(struct blocks *b, size_t size)
{
	b->size = (size + PAGE - 1) & ~(PAGE - 1);
	b->kept = NULL;
	b->kept_count = 0;
	if (pthread_mutex_init(&b->lock, NULL))
		die("cannot make a lock");
}

void *blocks_take(struct blocks *b)
{
	struct block *p;

	pthread_mutex_lock(&b->lock);
	p = b->kept;
	if (p) {
		b->kept = p->next;
		b->kept_count--;
	}
	pthread_mutex_unlock(&b->lock);
	if (p)
		return p;
	p = mmap(NULL, b->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return p == MAP_FAILED ? NULL : (void *)p;
}

void blocks_give(struct blocks *b, void *block)
{
	struct block *p = block;

	pthread_mutex_lock(&b->lock);
	if (b->kept_count < KEPT_MAX) {
		p->next = b->kept;
		b->kept = p;
		b->kept_count++;
		p = NULL;
	}
	pthread_mutex_unlock(&b->lock);
	if (p)
		munmap(p, b->size);
}
