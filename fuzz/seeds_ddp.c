/* SPDX-License-Identifier: MIT */
/*
 * Seeds of fuzz_ddp: the worked example of the figures, a table that fills up, a tag whose generation comes
 * round, a scatter list taken in both directions, and ranges at the end of 32 bits.
 *
 * usage: seeds_ddp FOLDER   (writes FOLDER/fuzz_ddp/ *)
 */
#define _DEFAULT_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* The operations of fuzz_ddp.c. */
enum { BIND, BIND_AT, RELEASE, FIND, PLACE };

static const char *folder;
static uint8_t input[4096];
static size_t used;

static void put8(unsigned v)
{
	input[used++] = (uint8_t)v;
}

/* As take_number() of fuzz_ddp.c reads it. */
static void put_number(uint32_t v)
{
	if (v < 0xc0) {
		put8(v);
		return;
	}
	put8(0xc0);
	for (int shift = 24; shift >= 0; shift -= 8)
		put8(v >> shift & 0xff);
}

static void begin(unsigned index_bits, unsigned generation_bits, unsigned connection_bits, unsigned entries)
{
	used = 0;
	put8(index_bits);
	put8(generation_bits);
	put8(connection_bits);
	put8(entries);
	put8(0xa5); /* what the memory holds before */
}

static void save(const char *name)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof path, "%s/fuzz_ddp/%s", folder, name);
	f = fopen(path, "wb");
	if (!f || fwrite(input, 1, used, f) != used || fclose(f) != 0) {
		perror(path);
		exit(1);
	}
}

/* The range [off, off + len) in `pieces` pieces of the same length. */
static void put_region(unsigned pieces, uint32_t piece, uint32_t off, uint32_t len, uint32_t conn)
{
	put8(pieces);
	for (unsigned i = 0; i < pieces; i++)
		put_number(piece);
	put_number(0);
	put_number(off);
	put_number(len);
	put8(1); /* task tag */
	put8(2); /* LUN */
	put8(3); /* the caller's word */
	put_number(conn);
}

/* A look-up with the tag issued `ago` bindings before, checked against task and LUN. */
static void put_place(unsigned ago, uint32_t off, uint32_t len)
{
	put8(PLACE);
	put8(ago);
	put8(1); /* check the task */
	put8(0); /* on the tag's own connection */
	put8(1);
	put8(2);
	put_number(off);
	put_number(len);
	put8(9); /* the caller's word from now on */
}

static void put_release(unsigned ago)
{
	put8(RELEASE);
	put8(ago);
}

static void figures(void)
{
	static const uint32_t off[] = {0, 0x4000, 0xc000, 0x10000};

	begin(16, 0, 16, 20);
	for (unsigned i = 0; i < 3; i++) {
		put8(BIND_AT);
		put8(0x10 + i);
		put_region(1, off[i + 1] - off[i], off[i], off[i + 1] - off[i], 0x123);
	}
	for (uint32_t at = 0; at < 0x10000; at += 0x2000)
		put_place(at < off[1] ? 2 : at < off[2] ? 1 : 0, at, 0x2000);
	save("figures");
}

static void full_table(void)
{
	begin(3, 3, 2, 8);
	for (unsigned i = 0; i < 9; i++) {
		put8(BIND);
		put_region(2, 8, 0, 16, i % 4);
	}
	for (unsigned i = 0; i < 8; i++)
		put_release(i);
	put8(BIND);
	put_region(2, 8, 0, 16, 4);
	save("full_table");
}

static void generation_comes_round(void)
{
	begin(1, 2, 29, 1);
	for (unsigned i = 0; i < 6; i++) {
		put8(BIND);
		put_region(1, 16, 0, 16, 0x1fffffff);
		put_place(0, 0, 16);
		put_place(1, 0, 16);
		put_place(4, 0, 16);
		put_release(0);
		put_release(0);
	}
	save("generation_comes_round");
}

static void scatter_both_ways(void)
{
	begin(16, 16, 0, 4);
	put8(BIND);
	put_region(6, 10, 100, 60, 0);
	for (uint32_t at = 0; at < 60; at += 7)
		put_place(0, 100 + at, at + 7 <= 60 ? 7 : 60 - at);
	for (uint32_t at = 60; at-- > 0;)
		put_place(0, 100 + at, 1);
	save("scatter_both_ways");
}

static void end_of_32_bits(void)
{
	begin(12, 14, 6, 4);
	put8(BIND);
	put_region(2, 0x80000000, 0xffff0000, 0xffff, 5);
	put_place(0, 0xffff0000, 0xffff);
	put_place(0, 0xfffffffe, 1);
	put_place(0, 0xffffffff, 1);
	put_place(0, 0xffffffff, 0xffffffff);
	put8(BIND);
	put_region(2, 0x80000000, 0xffff0000, 0x10000, 5);
	put8(BIND);
	put_region(2, 0xffffffff, 0, 0xffffffff, 5);
	put_place(0, 0, 0xffffffff);
	save("end_of_32_bits");
}

int main(int argc, char **argv)
{
	char path[512];

	if (argc != 2) {
		fprintf(stderr, "usage: seeds_ddp FOLDER\n");
		return 2;
	}
	folder = argv[1];
	snprintf(path, sizeof path, "%s/fuzz_ddp", folder);
	(void)mkdir(folder, 0777);
	(void)mkdir(path, 0777);
	figures();
	full_table();
	generation_comes_round();
	scatter_both_ways();
	end_of_32_bits();
	return 0;
}
