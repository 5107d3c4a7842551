/* SPDX-License-Identifier: MIT */
/*
 * What a storage request does to a file: the calls that may wait, for threads of the pool.
 */
#ifndef HOST_BACKING_IO_H
#define HOST_BACKING_IO_H

#include "backing.h"

/* False where there is no memory for its locks. */
bool io_open(struct backing *b);
void io_close(struct backing *b);
/* All of the request; may wait for the device, and several may be under way. */
enum iscsip_storage_result io_perform(struct backing *b, struct iscsip_storage_req *r);
/* A READ, as far as that needs no waiting. True: all is done. */
bool io_read_at_once(struct backing *b, const struct iscsip_storage_req *r);
/* The file was opened anew, and nothing is under way. */
void io_reopened(struct backing *b);

#endif
