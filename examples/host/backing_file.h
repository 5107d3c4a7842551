/* SPDX-License-Identifier: MIT */
/*
 * Files and block devices as storage (backing.h).
 */
#ifndef HOST_BACKING_FILE_H
#define HOST_BACKING_FILE_H

#include "backing.h"

/* Opens b->path, making it `create` bytes long where it does not exist and create is not 0. False with *f where it cannot be. */
bool file_open(struct backing *b, uint64_t create, struct backing_fault *f);
void file_close(struct backing *b);
/* Nobody has a page of it named any more. */
void file_unpinned(struct backing *b);
/* Whether new requests have to wait, as it is being opened anew. */
bool file_holds(const struct backing *b);

#endif
