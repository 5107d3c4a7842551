/* SPDX-License-Identifier: MIT */
/*
 * Files and block devices as storage (backing.h).
 */
#ifndef HOST_BACKING_FILE_H
#define HOST_BACKING_FILE_H

#include "backing.h"

/* Opens b->path, making it `create` bytes long where it does not exist and create is not 0. False with *f where it cannot be. */
bool file_open(struct backing *b, uint64_t create, struct backing_fault *f);
uint64_t file_size(int fd);
void file_close(struct backing *b);

#endif
