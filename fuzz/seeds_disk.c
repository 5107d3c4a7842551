/* SPDX-License-Identifier: MIT */
/*
 * Seeds of fuzz_disk: for each kind of storage a mix of everything and a mix to compare with the reference, long enough that
 * commands meet; one run through every row of the table of commands; and changes of reservations.
 *
 * usage: seeds_disk FOLDER   (writes FOLDER/fuzz_disk/ *)
 */
#define _DEFAULT_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static const char *folder;
static uint8_t input[4096];
static size_t used;
static uint32_t state;

static void put8(unsigned v)
{
	if (used < sizeof input)
		input[used++] = (uint8_t)v;
}

static uint8_t draw(void)
{
	state = state * 1664525u + 1013904223u;
	return (uint8_t)(state >> 24);
}

static void save(const char *name)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof path, "%s/fuzz_disk/%s", folder, name);
	f = fopen(path, "wb");
	if (!f || fwrite(input, 1, used, f) != used || fclose(f) != 0) {
		perror(path);
		exit(1);
	}
}

/*
 * @kind: storage named in memory, at once, later; 4 and 5: the latter two with a cache; @big: blocks of 4096 bytes and a
 * host with wake.
 */
static void mix(const char *name, unsigned compare, unsigned kind, unsigned big, size_t len)
{
	used = 0;
	state = kind * 7 + compare * 3 + big;
	put8(compare);
	put8(kind + (big ? 0xc0 : 0) + 6 * 4);
	put8(0x87);
	while (used < len)
		put8(draw());
	save(name);
}

/* Each command once, its data at once, everything answered in between. */
static void every_command(void)
{
	unsigned row, i;

	used = 0;
	put8(0);
	put8(2 + 0x80);
	put8(0x8f);
	for (row = 0; row < 76; row++) {
		put8(0x00);
		put8(0x20 | (row & 1));
		put8(row);
		put8(5);
		put8(3);
		put8(0);
		put8(0);
		put8(1);
		for (i = 0; i < 3; i++)
			put8(i);
		for (i = 0; i < 6; i++) {
			put8(0x08);
			put8(0x05 + 16 * (i & 1));
			put8(0x0f);
		}
	}
	save("every_command");
}

/* The rows of the table of commands, by operation code. */
static const uint8_t rows[] = {
#define CMD(name, opcode, ...) opcode,
#define MORE CMD
#include "disk/opcodes.def"
#undef CMD
#undef MORE
};

static unsigned row_of(uint8_t opcode, unsigned action)
{
	unsigned row = 0;

	while (rows[row] != opcode)
		row++;
	return row + action;
}

/* PERSISTENT RESERVE OUT by nexus @n with small keys; SIMPLE, its data at once. */
static void reserve_out(unsigned n, unsigned action, unsigned type, unsigned key, unsigned sa_key, unsigned flags)
{
	unsigned i;

	put8(0x00);
	put8(0x20 | 1 << 2 | n);
	put8(row_of(0x5f, action));
	put8(type);
	put8(24);
	put8(0);
	put8(0);
	put8(0);
	for (i = 0; i < 24; i++)
		put8(i == 7 ? key : i == 15 ? sa_key : i == 20 ? flags : 0);
}

/* What can happen to a change: its commit is answered late, by an error, STALE, FENCED; a newer state comes; it is aborted. */
static void reservations(const char *name, unsigned kind, unsigned all)
{
	static const uint8_t ends[] = { 0x0a, 0x1a, 0x7a, 0x8a, 0x08 }, types[] = { 1, 3, 5, 6, 7, 8 };
	unsigned i;

	used = 0;
	state = kind + all;
	put8(0);
	put8(kind);
	put8(0x1c | (all ? 2 : 0));
	for (i = 0; i < 60; i++) {
		unsigned n = i & 1;

		reserve_out(n, i % 3 ? 6 : 0, 0, 0, n + 1, all ? 0 : 1);
		put8(ends[i % sizeof ends]);
		reserve_out(n, draw() % 8, types[i % 6], n + 1, draw() % 3, all ? 0 : 1);
		reserve_out(!n, draw() % 8, types[i / 6 % 6], 2 - n, draw() % 3, all ? 0 : 1);
		if (i % 4 == 3) {
			put8(0x0e);
			put8(0x8e);
			put8(draw());
			put8(draw());
			put8(draw());
		}
		put8(ends[draw() % sizeof ends]);
		put8(i % 7 ? 0x08 : 0x0c);
		put8(0x08);
	}
	save(name);
}

int main(int argc, char **argv)
{
	char path[512];

	if (argc != 2) {
		fprintf(stderr, "usage: seeds_disk FOLDER\n");
		return 2;
	}
	folder = argv[1];
	snprintf(path, sizeof path, "%s/fuzz_disk", folder);
	mkdir(folder, 0777);
	mkdir(path, 0777);
	mix("storm_memory", 0, 0, 0, 1500);
	mix("storm_at_once", 0, 1, 1, 1500);
	mix("storm_later", 0, 2, 0, 1500);
	mix("compare_memory", 1, 0, 0, 1200);
	mix("compare_at_once", 1, 1, 1, 1200);
	mix("compare_later", 1, 2, 0, 1200);
	mix("storm_cached", 0, 5, 0, 1500);
	mix("compare_cached", 1, 5, 1, 1200);
	every_command();
	reservations("reservations_kept", 2, 0);
	reservations("reservations_shared", 2 + 0x80, 1);
	return 0;
}
