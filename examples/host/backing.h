/* SPDX-License-Identifier: MIT */
/*
 * Where the bytes of a logical unit are: memory, or a regular file or block device. Gives the disk its storage callbacks.
 *
 * `ram:SIZE` or `file:PATH`, then `,ro` `,create=SIZE` `,block=512|4096` `,serial=TEXT` `,removable`.
 */
#ifndef HOST_BACKING_H
#define HOST_BACKING_H

#include <iscsiproto/disk.h>

#include "loop.h"

struct file_job;
struct file_map;

struct backing {
	char *path;               /* NULL: memory */
	char *serial;             /* NULL: the disk makes one */
	uint64_t size;
	uint32_t block_size;
	bool read_only;
	bool removable;           /* the medium can be ejected */
	bool thin;                /* space can be given back */
	struct loop *loop;        /* where answers are given */
	const struct iscsip_storage_ops *ops;
	void *ops_user;
	void *saved;              /* persistent reservations kept from before, or NULL */
	size_t saved_len;

	struct iscsip_ram ram;
	int fd;
	bool in_memory;           /* a file system in memory: calls do not block */
	bool no_nowait_write;     /* the file system cannot write without blocking */
	struct file_job *free_jobs;
	struct file_map *map;     /* NULL: its pages are not named */
};

/* Why a backing cannot be served. */
struct backing_fault {
	int exit_code;            /* what a program that ends for it tells: EXIT_MET or EXIT_USAGE */
	char text[700];
};

__attribute__((format(printf, 3, 4))) void backing_fault(struct backing_fault *f, int exit_code, const char *fmt, ...);
/* Opens what `text` says; NULL with *f where it cannot be. */
struct backing *backing_try(const char *text, struct backing_fault *f);
/* Opens what `text` says, or ends the program with what is wrong. */
struct backing *backing_open(const char *text);
/* Looks whether the file has another size than before (SIGHUP). */
bool backing_resized(struct backing *b);
void backing_close(struct backing *b);

#endif
