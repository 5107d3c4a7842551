/* SPDX-License-Identifier: MIT */
/*
 * Where the bytes of a logical unit are: memory, or a regular file or block device. Gives the disk its storage callbacks.
 *
 * `ram:SIZE` or `file:PATH`, then `,ro` `,create=SIZE` `,shared` (files) `,block=512|4096` `,serial=TEXT` `,removable`.
 */
#ifndef HOST_BACKING_H
#define HOST_BACKING_H

#include <iscsiproto/disk.h>
#include <stdatomic.h>

#include "loop.h"
#include "pool.h"

#define BACKING_JOBS_MAX 1024u  /* requests of one backing that are in the pool; more are answered BUSY */
#define BACKING_STUCK_MS 250u   /* no answer of the pool for so long: the medium may hang */

struct backing;
struct file_job;
struct file_map;

/* Why a backing cannot be served. */
struct backing_fault {
	int exit_code;            /* what a program that ends for it tells: EXIT_MET or EXIT_USAGE */
	char text[700];
};

/* What backing_refresh() found. */
struct backing_news {
	bool resized;             /* b->size is another one */
	bool opened_anew;         /* it had failed, and takes writes again */
};

/* Something about a backing as a whole that is done in the pool; one at a time. */
struct backing_task {
	struct job job;
	bool in_pool;
	bool again;               /* looked at: asked for once more meanwhile */
	bool closing;             /* to be closed when it is back */
	bool reopen;              /* looked at: to be opened anew, when nothing is under way */
	bool reopened;
	uint64_t create, size;    /* opened: how long it has to be made; looked at: what the file has now, 0: not known */
	struct backing_fault fault;
	void (*news)(struct backing *b, const struct backing_news *n, void *user);
	void (*opened)(struct backing *b, const struct backing_fault *f, void *user);
	void *user;
};

/* What makes writes of a file stable, for the threads of the pool (backing_io.c). */
struct stable {
	pthread_mutex_t lock;
	atomic_ullong asked;      /* flushes that were asked for */
	uint64_t covered;         /* of these, how many the last good one covers; under lock */
	atomic_bool failed;       /* written data was lost: no write or flush is good until the file is opened anew */
	pthread_mutex_t pens_lock;
	int pens[POOL_SHARE_THREADS]; /* descriptors for writing through that nobody uses now */
	unsigned pen_count;
};

struct backing {
	char *text;               /* what it was opened as */
	char *path;               /* NULL: memory */
	char *serial;             /* NULL: the disk makes one */
	uint64_t size;
	uint32_t block_size;
	bool read_only;
	bool shared;              /* served though others may serve it, too */
	bool removable;           /* the medium can be ejected */
	bool thin;                /* space can be given back */
	struct loop *loop;        /* where answers are given */
	const struct iscsip_storage_ops *ops;
	void *ops_user;
	void *saved;              /* persistent reservations kept from before, or NULL */
	size_t saved_len;

	struct iscsip_ram ram;
	int fd;
	bool in_memory;           /* a file system in memory: reads and writes do not block */
	bool no_nowait;           /* the file system cannot say "would block" */
	struct file_job *free_jobs;
	struct file_map *map;     /* NULL: its pages are not named */

	struct pool_share share;
	unsigned under_way;       /* requests in the pool */
	iscsip_time progress;     /* when one of them was answered last, or the first was given */
	struct iscsip_storage_req *held, *held_end; /* requests that wait until it is open again */
	struct backing_task task;
	struct stable stable;
};

__attribute__((format(printf, 3, 4))) void backing_fault(struct backing_fault *f, int exit_code, const char *fmt, ...);
/* Opens what `text` says; NULL with *f where it cannot be. May wait for a device. */
struct backing *backing_try(const char *text, struct backing_fault *f);
/* Opens what `text` says, or ends the program with what is wrong. */
struct backing *backing_open(const char *text);
/* The same in the pool: `opened` runs in the loop, with NULL and why where it cannot be. */
void backing_open_later(const char *text, struct loop *l,
			void (*opened)(struct backing *b, const struct backing_fault *f, void *user), void *user);
/*
 * SIGHUP: looks in the pool whether the file has another size than before, and opens it anew where it has failed. `news` runs in
 * the loop, at any time before backing_close(), where there are any.
 */
void backing_refresh(struct backing *b, void (*news)(struct backing *b, const struct backing_news *n, void *user),
		     void *user);
/* What the disk said of it cannot be (an error of iscsip_disk_lun_add()), in words. */
const char *backing_refusal(const struct backing *b, int error, char *dst, size_t cap);
/* Nothing uses it any more; the closing itself may last, and is done in the pool. */
void backing_close(struct backing *b);
/* No answer of the pool for BACKING_STUCK_MS. */
bool backing_stuck(const struct backing *b);

#endif
