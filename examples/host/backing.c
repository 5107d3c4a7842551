/* SPDX-License-Identifier: MIT */
/*
 * Backings of logical units (backing.h): what a command line says, and memory.  Files stand in backing_file.c.
 */
#include "backing.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "backing_file.h"
#include "backing_io.h"
#include "util.h"

#define RAM_GRAIN 4096u

static void give_back(void *user, uint64_t offset, uint64_t len)
{
	struct backing *b = user;

	if (madvise(b->ram.base + offset, (size_t)len, MADV_DONTNEED)) /* memory that is locked stays */
		memset(b->ram.base + offset, 0, (size_t)len);
}

void backing_fault(struct backing_fault *f, int exit_code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->text, sizeof f->text, fmt, ap);
	va_end(ap);
	f->exit_code = exit_code;
}

static bool open_ram(struct backing *b, const char *size, struct backing_fault *f)
{
	if (!parse_size(size, &b->size) || b->size == 0) {
		backing_fault(f, EXIT_USAGE, "--lun: 'ram:%s' names no size of a RAM disk", size);
		return false;
	}
	b->ram.base = MAP_FAILED;
	if (b->size <= SIZE_MAX / 2)
		b->ram.base = mmap(NULL, (size_t)b->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
				   -1, 0);
	if (b->ram.base == MAP_FAILED) {
		b->ram.base = NULL;
		backing_fault(f, EXIT_MET, "no memory for a RAM disk of %s: %s", size, strerror(ENOMEM));
		return false;
	}
	b->ram.size = b->size;
	b->ram.grain = RAM_GRAIN;
	b->ram.bitmap = need((size_t)(b->size / RAM_GRAIN + 8) / 8 + 1);
	b->ram.discard = give_back;
	b->ram.user = b;
	b->thin = true;
	b->ops = iscsip_ram_ops();
	b->ops_user = &b->ram;
	return true;
}

/* One option behind the backing's name; `create` is kept for the file. False where there is no such option. */
static bool option(struct backing *b, const char *word, uint64_t *create)
{
	if (strcmp(word, "ro") == 0)
		b->read_only = true;
	else if (strncmp(word, "create=", 7) == 0 && b->path)
		return parse_size(word + 7, create) && *create > 0 && *create <= INT64_MAX;
	else if (strcmp(word, "shared") == 0 && b->path)
		b->shared = true;
	else if (strcmp(word, "removable") == 0)
		b->removable = true;
	else if (strcmp(word, "block=512") == 0)
		b->block_size = 512;
	else if (strcmp(word, "block=4096") == 0)
		b->block_size = 4096;
	else if (strncmp(word, "serial=", 7) == 0 && word[7])
		b->serial = need_copy(word + 7);
	else
		return false;
	return true;
}

static bool whole_blocks(const struct backing *b, const char *text, uint64_t size, struct backing_fault *f)
{
	if (size % b->block_size == 0)
		return true;
	backing_fault(f, EXIT_USAGE, "--lun: '%s': %llu bytes are not a number of blocks of %u", text, (unsigned long long)size,
		      b->block_size);
	return false;
}

/* What `text` says, but for what has to be asked of a device. */
static bool read_text(struct backing *b, struct backing_fault *f)
{
	char *copy = need_copy(b->text), *rest = copy, *name = strsep(&rest, ","), *word;
	bool good = true;

	if (strncmp(name, "file:", 5) == 0 && name[5])
		b->path = need_copy(name + 5);
	else
		good = strncmp(name, "ram:", 4) == 0;
	if (!good)
		backing_fault(f, EXIT_USAGE, "--lun: '%s' is neither ram:SIZE nor file:PATH", b->text);
	while (good && (word = strsep(&rest, ","))) {
		good = option(b, word, &b->task.create);
		if (!good)
			backing_fault(f, EXIT_USAGE, "--lun: '%s': '%s' is none of ro, removable, block=512, block=4096, serial=TEXT; "
				      "files: create=SIZE, shared", b->text, word);
	}
	free(copy);
	return good && whole_blocks(b, b->text, b->task.create, f);
}

static bool open_it(struct backing *b, struct backing_fault *f)
{
	const char *size = b->text + strlen("ram:");
	char word[32];

	snprintf(word, sizeof word, "%.*s", (int)strcspn(size, ","), size);
	return (b->path ? file_open(b, b->task.create, f) : open_ram(b, word, f)) && whole_blocks(b, b->text, b->size, f);
}

static struct backing *backing_new(const char *text)
{
	struct backing *b = need(sizeof *b);

	b->fd = -1;
	b->block_size = 512;
	b->text = need_copy(text);
	if (!io_open(b))
		die("out of memory");
	return b;
}

struct backing *backing_try(const char *text, struct backing_fault *f)
{
	struct backing *b = backing_new(text);

	if (read_text(b, f) && open_it(b, f))
		return b;
	backing_close(b);
	return NULL;
}

struct backing *backing_open(const char *text)
{
	struct backing_fault f;
	struct backing *b = backing_try(text, &f);

	if (!b && f.exit_code == EXIT_USAGE)
		usage_error("%s", f.text);
	if (!b)
		die("%s", f.text);
	return b;
}

const char *backing_refusal(const struct backing *b, int error, char *dst, size_t cap)
{
	if (error == ISCSIP_EDATA && b->saved)
		snprintf(dst, cap, "%s.pr: %s (remove that file to give its reservations up)", b->path, iscsip_strerror(error));
	else if (error == ISCSIP_EEXIST)
		snprintf(dst, cap, "another LUN of this target has the same serial number (give each its own by serial=)");
	else
		snprintf(dst, cap, "%s", iscsip_strerror(error));
	return dst;
}

/* --- in the pool --- */

static struct backing *backing_of_task(struct job *j)
{
	return (struct backing *)(void *)((char *)j - offsetof(struct backing, task.job));
}

static bool submit(struct backing *b, void (*work)(struct job *j), void (*done)(struct job *j))
{
	b->task.job.work = work;
	b->task.job.done = done;
	b->task.in_pool = pool_submit(&b->share, b->loop, &b->task.job);
	return b->task.in_pool;
}

static void open_work(struct job *j)
{
	struct backing *b = backing_of_task(j);

	b->task.reopened = open_it(b, &b->task.fault);
}

static void open_done(struct job *j)
{
	struct backing *b = backing_of_task(j);
	struct backing_task t = b->task;

	b->task.in_pool = false;
	if (!t.reopened)
		backing_close(b);
	t.opened(t.reopened ? b : NULL, &t.fault, t.user);
}

void backing_open_later(const char *text, struct loop *l,
			void (*opened)(struct backing *b, const struct backing_fault *f, void *user), void *user)
{
	struct backing *b = backing_new(text);
	struct backing_fault f;

	b->loop = l;
	b->task.opened = opened;
	b->task.user = user;
	if (read_text(b, &f)) {
		if (submit(b, open_work, open_done))
			return;
		backing_fault(&f, EXIT_MET, "%s: no thread to open it", text);
	}
	backing_close(b);
	opened(NULL, &f, user);
}

static void close_work(struct job *j)
{
	struct backing *b = backing_of_task(j);

	if (b->path)
		file_close(b);
	else if (b->ram.base)
		munmap(b->ram.base, (size_t)b->ram.size);
	io_close(b);
}

static void close_done(struct job *j)
{
	struct backing *b = backing_of_task(j);

	free(b->ram.bitmap);
	free(b->text);
	free(b->path);
	free(b->serial);
	free(b->saved);
	free(b);
}

void backing_close(struct backing *b)
{
	b->task.closing = true;
	if (b->task.in_pool || (b->loop && submit(b, close_work, close_done)))
		return;
	close_work(&b->task.job);
	close_done(&b->task.job);
}
