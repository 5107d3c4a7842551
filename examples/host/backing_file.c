/* SPDX-License-Identifier: MIT */
/*
 * Files and block devices as storage. The network thread never waits for a device: what it does itself is to read what is
 * in the page cache (named as memory, backing_map.c, or copied with RWF_NOWAIT), and to read and write on a file system in
 * memory (tmpfs), which is as a RAM disk. Everything else goes to a thread of the pool: a write, too, as a file system that
 * is frozen, or whose journal is stuck, blocks even a write that asked not to be blocked. Each backing has a share of the
 * pool of its own, so one that hangs has its own requests to wait, and no others.
 *
 * Jobs are kept in a list for reuse: once as many exist as were ever under way together, nothing is allocated.
 *
 * One *task* about the file as a whole may be in the pool as well: after SIGHUP its size is looked at, and one that has
 * failed (backing_io.c) is opened anew. For that, new requests are *held* until all that is under way is done and no page
 * is named any more; then a thread has the descriptor to itself; then they go on.
 */
#include "backing_file.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "backing_io.h"
#include "backing_map.h"
#include "backing_open.h"
#include "backing_state.h"
#include "kernel.h"
#include "util.h"

struct file_job {
	struct job job;
	struct file_job *next_free;
	struct backing *b;
	struct iscsip_storage_req *req;
	enum iscsip_storage_result result;
};

/* --- in a thread --- */

static void work(struct job *j)
{
	struct file_job *f = (struct file_job *)(void *)j;

	f->result = io_perform(f->b, f->req);
}

/* Pages of what was unmapped or zeroed may have left the cache. */
static void given_back(struct backing *b, const struct iscsip_storage_req *r)
{
	if (r->op == ISCSIP_STORAGE_UNMAP || r->op == ISCSIP_STORAGE_WRITE_ZEROES)
		map_forget(b, r->offset, r->len);
}

static void reopen_when_quiet(struct backing *b);

static void done(struct job *j)
{
	struct file_job *f = (struct file_job *)(void *)j;
	struct backing *b = f->b;
	struct iscsip_storage_req *r = f->req;
	enum iscsip_storage_result result = f->result;

	given_back(b, r);
	f->next_free = b->free_jobs;
	b->free_jobs = f;
	b->under_way--;
	b->progress = b->loop->now;
	reopen_when_quiet(b);
	iscsip_storage_done(r, result);
}

static struct file_job *job_of(struct backing *b)
{
	struct file_job *f = b->free_jobs;

	if (b->under_way >= BACKING_JOBS_MAX)
		return NULL;
	if (!f)
		return calloc(1, sizeof *f);
	b->free_jobs = f->next_free;
	return f;
}

static bool in_thread(struct backing *b, struct iscsip_storage_req *r)
{
	struct file_job *f = job_of(b);

	if (!f)
		return false;
	f->b = b;
	f->req = r;
	f->job.work = work;
	f->job.done = done;
	if (!pool_submit(&b->share, b->loop, &f->job)) {
		f->next_free = b->free_jobs;
		b->free_jobs = f;
		return false;
	}
	if (b->under_way++ == 0)
		b->progress = b->loop->now;
	return true;
}

/* --- at once, or in a thread --- */

static void hold(struct backing *b, struct iscsip_storage_req *r)
{
	r->user[0] = NULL;
	if (b->held)
		b->held_end->user[0] = r;
	else
		b->held = r;
	b->held_end = r;
}

static void serve(void *user, struct iscsip_storage_req *r)
{
	struct backing *b = user;

	given_back(b, r);
	if (b->loop->torn) /* what is to be written may have come from memory that failed: it is not tried */
		iscsip_storage_done(r, ISCSIP_STORAGE_BUSY);
	else if (file_holds(b))
		hold(b, r);
	else if (b->in_memory && (r->op == ISCSIP_STORAGE_READ || r->op == ISCSIP_STORAGE_WRITE))
		iscsip_storage_done(r, io_perform(b, r));
	else if (r->op == ISCSIP_STORAGE_READ && io_read_at_once(b, r))
		iscsip_storage_done(r, ISCSIP_STORAGE_OK);
	else if (!in_thread(b, r))
		iscsip_storage_done(r, ISCSIP_STORAGE_BUSY);
}

static const struct iscsip_storage_ops file_ops = {
	.struct_size = sizeof file_ops,
	.pin = map_pin,
	.unpin = map_unpin,
	.read = serve,
	.write = serve,
	.flush = serve,
	.unmap = serve,
	.write_zeroes = serve,
	.lba_status = serve,
	.pre_fetch = serve,
	.commit = serve,
};

/* For a file that others may serve: what they keep of it and what we keep would overwrite each other. */
static const struct iscsip_storage_ops shared_ops = {
	.struct_size = sizeof shared_ops,
	.pin = map_pin,
	.unpin = map_unpin,
	.read = serve,
	.write = serve,
	.flush = serve,
	.unmap = serve,
	.write_zeroes = serve,
	.lba_status = serve,
	.pre_fetch = serve,
};

/* --- looked at, and opened anew --- */

static struct backing *backing_of(struct job *j)
{
	return (struct backing *)(void *)((char *)j - offsetof(struct backing, task.job));
}

static void look_work(struct job *j)
{
	struct backing *b = backing_of(j);

	if (b->task.reopen)
		b->task.reopened = path_reopen(b, &b->task.fault);
	b->task.size = file_size(b->fd);
}

static void resume(struct backing *b)
{
	struct iscsip_storage_req *r = b->held;

	b->held = NULL;
	while (r) {
		struct iscsip_storage_req *next = r->user[0];

		serve(b, r);
		r = next;
	}
}

static void end_reopen(struct backing *b, const char *wrong)
{
	b->task.reopen = false;
	if (wrong)
		complain("%s; it still takes no writes", wrong);
	else
		io_reopened(b);
	map_open(b);
	resume(b);
}

static void look_done(struct job *j)
{
	struct backing *b = backing_of(j);
	struct backing_task *t = &b->task;
	struct backing_news news = { false, t->reopen && t->reopened };
	uint64_t size = t->size - t->size % b->block_size;

	t->in_pool = false;
	if (t->closing) {
		backing_close(b);
		return;
	}
	news.resized = size && size != b->size;
	if (news.resized)
		b->size = size;
	if (t->reopen)
		end_reopen(b, t->reopened ? NULL : t->fault.text);
	else if (news.resized)
		map_resized(b);
	if (news.resized || news.opened_anew)
		t->news(b, &news, t->user);
	if (t->again)
		backing_refresh(b, t->news, t->user);
}

static void look_in_pool(struct backing *b)
{
	struct backing_task *t = &b->task;

	t->job.work = look_work;
	t->job.done = look_done;
	t->in_pool = pool_submit(&b->share, b->loop, &t->job);
	if (!t->in_pool && t->reopen)
		end_reopen(b, "no thread to open it anew");
}

static void reopen_when_quiet(struct backing *b)
{
	if (!b->task.reopen || b->task.in_pool || b->under_way || !map_quiet(b))
		return;
	map_close(b);
	look_in_pool(b);
}

bool file_holds(const struct backing *b)
{
	return b->task.reopen;
}

void file_unpinned(struct backing *b)
{
	reopen_when_quiet(b);
}

void backing_refresh(struct backing *b, void (*news)(struct backing *b, const struct backing_news *n, void *user),
		     void *user)
{
	struct backing_task *t = &b->task;

	if (!b->path)
		return;
	t->news = news;
	t->user = user;
	t->again = t->in_pool;
	if (t->in_pool || t->reopen)
		return;
	t->reopen = atomic_load(&b->stable.failed);
	if (t->reopen)
		reopen_when_quiet(b);
	else
		look_in_pool(b);
}

bool backing_stuck(const struct backing *b)
{
	return b->under_way && b->loop->now > b->progress + BACKING_STUCK_MS;
}

/* --- opening and closing --- */

bool file_open(struct backing *b, uint64_t create, struct backing_fault *f)
{
	struct statfs fs;

	signal(SIGXFSZ, SIG_IGN); /* a limit of file sizes is an error of a write, not the end of all units */
	if ((create && !path_create(b, create, f)) || (b->fd = path_open(b, f)) < 0)
		return false;
	b->size = file_size(b->fd);
	if (b->size == 0) {
		backing_fault(f, EXIT_MET, "%s: it is empty", b->path);
		return false;
	}
	b->in_memory = fstatfs(b->fd, &fs) == 0 && (unsigned long)fs.f_type == FS_TMPFS;
	b->thin = true;
	b->ops = b->shared || b->read_only ? &shared_ops : &file_ops;
	b->ops_user = b;
	map_open(b);
	return state_load(b, f);
}

void file_close(struct backing *b)
{
	map_close(b);
	while (b->free_jobs) {
		struct file_job *f = b->free_jobs;

		b->free_jobs = f->next_free;
		free(f);
	}
	if (b->fd >= 0 && close(b->fd))
		complain("%s: what was written last may be lost: %s", b->path, strerror(errno));
	b->fd = -1;
}
