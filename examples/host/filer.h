/* SPDX-License-Identifier: MIT */
/*
 * The file, pipe or device at the other end of a transfer. Whatever may block there (a pipe that nobody fills or empties, a disk
 * that hangs) is done by a thread of its own, one job at a time, so that the connection is served meanwhile: a target that asks
 * for a sign of life gets one.
 */
#ifndef HOST_FILER_H
#define HOST_FILER_H

#include "loop.h"

struct filer_job;

struct filer {
	const char *name;        /* for messages */
	struct loop *loop;
	bool input, standard;    /* read from; stdin or stdout, and not ours to close */
	bool fresh;              /* nothing was written to it yet */
	bool sized;              /* input: how much it has is known */
	uint64_t size;           /* bytes from where it stands */
	bool busy;               /* a job is under way; the loop ends it */
	size_t got;              /* bytes that the last job moved; fewer than it was given only at the input's end */
	struct filer_job *job;
};

/* Opens, waiting in the loop; "-" is stdin or stdout. Ends the program where it cannot. An output loses nothing yet. */
void filer_open(struct filer *f, struct loop *l, const char *path, bool input);
/* Begins to read or write n bytes, which stay in place until `busy` is false again. */
void filer_read(struct filer *f, void *p, size_t n);
void filer_write(struct filer *f, const void *p, size_t n);
/* Why the last job failed, or 0. */
int filer_error(const struct filer *f);
/* An output's bytes are on its medium, as far as it has one, and it is closed. 0 or errno. */
int filer_finish(struct filer *f);

#endif
