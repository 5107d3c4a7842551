/* SPDX-License-Identifier: MIT */
/*
 * An outlet: bytes for a descriptor that may block, such as a pipe that nobody reads, a terminal that was stopped, a socket.
 * A thread of its own writes them, so that whoever has something to say never waits; what does not fit is lost, counted,
 * and told when there is room again.
 */
#ifndef HOST_OUTLET_H
#define HOST_OUTLET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

struct outlet;

/*
 * For a descriptor that stays open; NULL where it is a regular file, which needs none, or where there is no thread to be had.
 * `room`: bytes that may wait. `lost`: with one %lu, the line to write where some were lost; NULL: none is written.
 */
struct outlet *outlet_open(int fd, size_t room, const char *lost);
/* From any thread: all of it, or nothing (false). */
bool outlet_put(struct outlet *o, const struct iovec *v, int count);
/*
 * Waits until all is written, up to so many milliseconds; *lost (may be NULL) says how many puts found no room since the beginning.
 * False where something that found room was not written.
 */
bool outlet_drain(struct outlet *o, unsigned ms, unsigned long *lost);

#endif
