/* SPDX-License-Identifier: MIT */
/*
 * Backings of logical units (backing.h): what a command line says, and memory.  Files stand in backing_file.c.
 */
#include "backing.h"

#include <errno.h>
#include <fcntl.h>
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

static void open_ram(struct backing *b, const char *text, const char *size)
{
	if (!parse_size(size, &b->size) || b->size == 0)
		usage_error("--lun: '%s' names no size of a RAM disk", text);
	if (b->size > SIZE_MAX / 2)
		die("a RAM disk of %s is larger than this machine's memory can be", size);
	b->ram.base = mmap(NULL, (size_t)b->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (b->ram.base == MAP_FAILED)
		die("no memory for a RAM disk of %s: %s", size, strerror(errno));
	b->ram.size = b->size;
	b->ram.grain = RAM_GRAIN;
	b->ram.bitmap = need((size_t)(b->size / RAM_GRAIN + 8) / 8 + 1);
	b->ram.discard = give_back;
	b->ram.user = b;
	b->thin = true;
	b->ops = iscsip_ram_ops();
	b->ops_user = &b->ram;
}

/* One option behind the backing's name; `create` is kept for the file. */
static void option(struct backing *b, const char *text, const char *word, uint64_t *create)
{
	if (strcmp(word, "ro") == 0)
		b->read_only = true;
	else if (strncmp(word, "create=", 7) == 0 && b->path)
		*create = option_size("--lun: create", word + 7);
	else if (strcmp(word, "removable") == 0)
		b->removable = true;
	else if (strcmp(word, "block=512") == 0)
		b->block_size = 512;
	else if (strcmp(word, "block=4096") == 0)
		b->block_size = 4096;
	else if (strncmp(word, "serial=", 7) == 0 && word[7])
		b->serial = need_copy(word + 7);
	else
		usage_error("--lun: '%s': '%s' is none of ro, removable, create=SIZE (files), block=512, block=4096, serial=TEXT",
			    text, word);
}

struct backing *backing_open(const char *text)
{
	struct backing *b = need(sizeof *b);
	char *copy = need_copy(text), *rest = copy, *name = strsep(&rest, ","), *word;
	uint64_t create = 0;

	b->fd = -1;
	b->block_size = 512;
	if (strncmp(name, "file:", 5) == 0 && name[5])
		b->path = need_copy(name + 5);
	else if (strncmp(name, "ram:", 4) != 0)
		usage_error("--lun: '%s' is neither ram:SIZE nor file:PATH", text);
	while ((word = strsep(&rest, ",")))
		option(b, text, word, &create);
	if (b->path)
		file_open(b, create);
	else
		open_ram(b, text, name + 4);
	if (b->size % b->block_size || b->size == 0)
		usage_error("--lun: '%s': %llu bytes are not a number of blocks of %u", text, (unsigned long long)b->size,
			    b->block_size);
	free(copy);
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
	else
		munmap(b->ram.base, (size_t)b->ram.size);
	free(b->ram.bitmap);
	free(b->path);
	free(b->serial);
	free(b->saved);
	free(b);
}
