/* SPDX-License-Identifier: MIT */
/*
 * How a file or block device becomes a backing's own.
 */
#ifndef HOST_BACKING_OPEN_H
#define HOST_BACKING_OPEN_H

#include "backing.h"

/* A descriptor of b->path with the lock that b has to have; -1 with *f where there is none. May wait for a device. */
int path_open(const struct backing *b, struct backing_fault *f);
/* Makes b->path `size` bytes long where it does not exist or is empty, so that it stays there. False with *f. */
bool path_create(const struct backing *b, uint64_t size, struct backing_fault *f);
/* Bytes of a file or block device; 0: it is neither, or it cannot be told. */
uint64_t file_size(int fd);
/*
 * A new descriptor in the place of b->fd, which has lost writes: what the cache has and the medium may not have is dropped before.
 * Nobody else may use b->fd, and no page of it may be mapped. False with *f: b->fd is good for reading at best, and may be -1.
 */
bool path_reopen(struct backing *b, struct backing_fault *f);

#endif
