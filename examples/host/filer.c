/* SPDX-License-Identifier: MIT */
/*
 * The thread that reads and writes a transfer's file (filer.h). A job is given over under the lock; its end is posted to the
 * loop, and only the loop's thread looks at `struct filer`.
 *
 * An output that is there already keeps its contents until the first bytes are in hand that replace it: no mistake in the
 * command line and no target that is away costs anybody a file.
 */
#include "filer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util.h"

enum work { WORK_NONE, WORK_OPEN, WORK_READ, WORK_WRITE, WORK_FINISH };

struct filer_job {
	struct post post;
	struct filer *file;
	pthread_mutex_t lock;
	pthread_cond_t given;
	enum work work;          /* under the lock: given over and not begun */
	const char *path;
	int fd;
	bool empty_first;        /* the output's old contents go with the next write */
	uint8_t *p;
	size_t n, moved;
	int error;
};

/* --- in the thread --- */

static void do_open(struct filer_job *j)
{
	bool input = j->file->input;
	struct stat st;
	off_t end, at = 0;

	if (j->fd < 0)
		j->fd = open(j->path, (input ? O_RDONLY : O_WRONLY | O_CREAT) | O_CLOEXEC, 0666);
	if (j->fd < 0 || fstat(j->fd, &st)) {
		j->error = errno;
		return;
	}
	if (S_ISDIR(st.st_mode)) {
		j->error = EISDIR;
		return;
	}
	j->empty_first = !input && S_ISREG(st.st_mode) && !j->file->standard;
	if (!input || (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)))
		return;
	/* from where it stands: a shell may have read the beginning of stdin */
	at = lseek(j->fd, 0, SEEK_CUR);
	end = S_ISREG(st.st_mode) ? st.st_size : lseek(j->fd, 0, SEEK_END);
	if (at < 0 || end < 0 || (S_ISBLK(st.st_mode) && lseek(j->fd, at, SEEK_SET) < 0))
		return;
	j->file->size = end > at ? (uint64_t)(end - at) : 0;
	j->file->sized = end != 0; /* files of /proc have bytes that their size does not tell */
}

static void do_move(struct filer_job *j)
{
	if (j->work == WORK_WRITE && j->empty_first && ftruncate(j->fd, 0)) {
		j->error = errno;
		return;
	}
	j->empty_first = false;
	while (j->moved < j->n) {
		ssize_t m = j->work == WORK_READ ? read(j->fd, j->p + j->moved, j->n - j->moved) :
						   write(j->fd, j->p + j->moved, j->n - j->moved);

		if (m < 0 && errno == EAGAIN) { /* somebody else has made it non-blocking */
			usleep(1000);
			continue;
		}
		if (m < 0 && errno == EINTR)
			continue;
		if (m < 0)
			j->error = errno;
		if (m <= 0)
			return;
		j->moved += (size_t)m;
	}
}

/* What has no medium cannot be put there. */
static void do_finish(struct filer_job *j)
{
	if (!j->file->input && fsync(j->fd) && errno != EINVAL && errno != EROFS && errno != ENOTSUP)
		j->error = errno;
	if (!j->file->standard && close(j->fd) && !j->error)
		j->error = errno;
}

static void done(struct post *p)
{
	struct filer_job *j = (struct filer_job *)(void *)p;

	j->file->got = j->moved;
	j->file->busy = false;
}

static void *worker(void *arg)
{
	struct filer_job *j = arg;

	for (;;) {
		enum work work;

		pthread_mutex_lock(&j->lock);
		while (j->work == WORK_NONE)
			pthread_cond_wait(&j->given, &j->lock);
		work = j->work;
		pthread_mutex_unlock(&j->lock);
		if (work == WORK_OPEN)
			do_open(j);
		else if (work == WORK_FINISH)
			do_finish(j);
		else
			do_move(j);
		pthread_mutex_lock(&j->lock);
		j->work = WORK_NONE;
		pthread_mutex_unlock(&j->lock);
		loop_post(j->file->loop, &j->post);
		if (work == WORK_FINISH)
			return NULL;
	}
}

/* --- in the loop's thread --- */

static void give(struct filer *f, enum work work, void *p, size_t n)
{
	struct filer_job *j = f->job;

	f->busy = true;
	f->got = 0;
	j->p = p;
	j->n = n;
	j->moved = 0;
	pthread_mutex_lock(&j->lock);
	j->work = work;
	pthread_cond_signal(&j->given);
	pthread_mutex_unlock(&j->lock);
}

static void await(struct filer *f)
{
	while (f->busy)
		loop_round(f->loop, 1000);
}

void filer_open(struct filer *f, struct loop *l, const char *path, bool input)
{
	struct filer_job *j = need(sizeof *j);
	pthread_t thread;

	memset(f, 0, sizeof *f);
	f->standard = strcmp(path, "-") == 0;
	f->name = f->standard ? (input ? "stdin" : "stdout") : path;
	f->loop = l;
	f->input = input;
	f->fresh = true;
	f->job = j;
	j->file = f;
	j->path = path;
	j->fd = !f->standard ? -1 : input ? STDIN_FILENO : STDOUT_FILENO;
	j->post.run = done;
	pthread_mutex_init(&j->lock, NULL);
	pthread_cond_init(&j->given, NULL);
	if (pthread_create(&thread, NULL, worker, j) || pthread_detach(thread))
		die("%s: no thread to read or write it", f->name);
	give(f, WORK_OPEN, NULL, 0);
	await(f);
	if (j->error)
		die("%s: %s", f->name, strerror(j->error));
}

void filer_read(struct filer *f, void *p, size_t n)
{
	give(f, WORK_READ, p, n);
}

void filer_write(struct filer *f, const void *p, size_t n)
{
	f->fresh = false;
	give(f, WORK_WRITE, (void *)(uintptr_t)p, n);
}

int filer_error(const struct filer *f)
{
	return f->job->error;
}

int filer_finish(struct filer *f)
{
	int error;

	give(f, WORK_FINISH, NULL, 0);
	await(f);
	error = f->job->error;
	pthread_cond_destroy(&f->job->given);
	pthread_mutex_destroy(&f->job->lock);
	free(f->job);
	f->job = NULL;
	return error;
}
