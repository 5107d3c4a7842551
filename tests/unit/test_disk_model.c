/* SPDX-License-Identifier: MIT */
/*
 * The disk against a reference: random mixes of commands, replayed against an array and the rules (disk_world.c), over
 * every kind of storage, with buffers scarce and plenty; random storms of everything that can happen to a disk at once; and
 * random schedules of late storage. The numbers are made here, so a failure comes back.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <iscsiproto/base.h>

#include "disk_world.h"

static uint64_t seed;

static uint8_t draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint8_t)(seed >> 24);
}

static void play_many(void (*play)(const uint8_t *data, size_t size), unsigned rounds, size_t size)
{
	uint8_t *data = malloc(size);
	unsigned i;
	size_t k;

	for (i = 0; i < rounds; i++) {
		seed = 0x9e3779b97f4a7c15u * (i + 1);
		for (k = 0; k < size; k++)
			data[k] = draw();
		/* go through storages, block sizes and hosts evenly */
		data[0] = (uint8_t)(i * 37 + (i & 1) * 0x80);
		play(data, size);
	}
	free(data);
}

static void every_command_does_what_the_reference_does(void **state)
{
	(void)state;
	play_many(disk_world_compare, 600, 3000);
}

static void whatever_happens_every_command_ends_and_everything_comes_back(void **state)
{
	(void)state;
	play_many(disk_world_play, 3000, 2000);
}

static void no_write_lands_over_a_newer_one_that_was_answered(void **state)
{
	(void)state;
	play_many(disk_world_late, 2000, 1500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_command_does_what_the_reference_does),
		cmocka_unit_test(whatever_happens_every_command_ends_and_everything_comes_back),
		cmocka_unit_test(no_write_lands_over_a_newer_one_that_was_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
