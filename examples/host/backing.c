/* SPDX-License-Identifier: MIT */
/*
 * Backings of logical units (backing.h): what a command line says, and memory.  Files stand in backing_file.c.
 */
#include "backing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backing_file.h"
#include "backing_map.h"
#include "util.h"

#define RAM_GRAIN 4096u

static void give_back(void *user, uint64_t offset, uint64_t len)
{
	struct backing *b = user;

	madvise(b->ram.base + offset, (size_t)len, MADV_DONTNEED);
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

static bool open_as(struct backing *b, const char *text, char *copy, struct backing_fault *f)
{
	char *rest = copy, *name = strsep(&rest, ","), *word;
	uint64_t create = 0;

	if (strncmp(name, "file:", 5) == 0 && name[5]) {
		b->path = need_copy(name + 5);
	} else if (strncmp(name, "ram:", 4) != 0) {
		backing_fault(f, EXIT_USAGE, "--lun: '%s' is neither ram:SIZE nor file:PATH", text);
		return false;
	}
	while ((word = strsep(&rest, ",")))
		if (!option(b, word, &create)) {
			backing_fault(f, EXIT_USAGE, "--lun: '%s': '%s' is none of ro, removable, create=SIZE (files), block=512, "
				      "block=4096, serial=TEXT", text, word);
			return false;
		}
	return whole_blocks(b, text, create, f) && (b->path ? file_open(b, create, f) : open_ram(b, name + 4, f)) &&
	       whole_blocks(b, text, b->size, f);
}

struct backing *backing_try(const char *text, struct backing_fault *f)
{
	struct backing *b = need(sizeof *b);
	char *copy = need_copy(text);

	b->fd = -1;
	b->block_size = 512;
	if (!open_as(b, text, copy, f)) {
		backing_close(b);
		b = NULL;
	}
	free(copy);
	return b;
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

bool backing_resized(struct backing *b)
{
	uint64_t now = b->path ? file_size(b->fd) : b->size;

	now -= now % b->block_size;
	if (now == b->size || now == 0)
		return false;
	b->size = now;
	map_resized(b);
	return true;
}

void backing_close(struct backing *b)
{
	if (b->path)
		file_close(b);
	else if (b->ram.base)
		munmap(b->ram.base, (size_t)b->ram.size);
	free(b->ram.bitmap);
	free(b->path);
	free(b->serial);
	free(b->saved);
	free(b);
}
