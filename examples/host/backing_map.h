/* SPDX-License-Identifier: MIT */
/*
 * A file's pages in the cache, named to the disk as memory to send from.
 */
#ifndef HOST_BACKING_MAP_H
#define HOST_BACKING_MAP_H

#include "backing.h"

/* Maps the file b->fd where its pages can be named; else b->map stays NULL, and nothing is ever pinned. */
void map_open(struct backing *b);
/* b->size is another one. */
void map_resized(struct backing *b);
/* Nothing is pinned any more. */
void map_close(struct backing *b);
/* Whether nothing is pinned. */
bool map_quiet(const struct backing *b);
/* What is known about the range no longer holds: its pages were given back. */
void map_forget(struct backing *b, uint64_t offset, uint64_t len);

/* pin and unpin of struct iscsip_storage_ops, with the backing as user. */
int map_pin(void *user, uint64_t offset, uint64_t len, bool write, struct iscsip_vec *vec, int max);
void map_unpin(void *user, uint64_t offset, uint64_t len, bool write);

#endif
