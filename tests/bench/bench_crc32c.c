/* SPDX-License-Identifier: MIT */
/*
 * CRC32C: every routine that this CPU runs, at the sizes of a header, a sector, a page and bulk data, beside
 * memcpy and the copy that checksums. Data is hot in the cache that it fits into. Prints `name value unit`.
 */
#define _POSIX_C_SOURCE 199309L
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <iscsiproto/crc32c.h>

#include "bench/timing.h"

#define BYTES (1u << 20)

struct job {
	uint32_t (*routine)(uint32_t crc, const void *p, size_t n);
	size_t n;
};

static _Alignas(64) uint8_t source[BYTES];
static _Alignas(64) uint8_t target[BYTES];
static volatile uint32_t sink;

/* A call does not wait for the one before: the figure is throughput, as for a batch of PDUs. */
static void checksum(void *arg, size_t repeats)
{
	const struct job *j = arg;
	uint32_t sum = 0;

	for (size_t i = 0; i < repeats; i++)
		sum ^= j->routine(0, source, j->n);
	sink = sum;
}

static void copy(void *arg, size_t repeats)
{
	const struct job *j = arg;

	for (size_t i = 0; i < repeats; i++) {
		memcpy(target, source, j->n);
		__asm__ volatile("" : : "r"(target) : "memory");
	}
}

static void copy_and_checksum(void *arg, size_t repeats)
{
	const struct job *j = arg;
	uint32_t sum = 0;

	for (size_t i = 0; i < repeats; i++)
		sum ^= iscsip_crc32c_copy_by(j->routine, 0, target, source, j->n);
	sink = sum;
}

static void report(const char *what, const char *routine, void (*run)(void *, size_t), struct job *j)
{
	static const size_t sizes[] = {48, 512, 4096, 65536, BYTES};

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		double ns;

		j->n = sizes[i];
		ns = timing_measure(run, j);
		if (sizes[i] == 48)
			printf("%s_%s_48 %.2f ns\n", what, routine, ns);
		else
			printf("%s_%s_%zu %.2f GB/s\n", what, routine, sizes[i], (double)sizes[i] / ns);
	}
}

int main(void)
{
	uint32_t have = iscsip_cpu_features(), seed = 1;
	struct job j = {NULL, 0};

	for (size_t i = 0; i < BYTES; i++) {
		seed = seed * 1664525u + 1013904223u;
		source[i] = (uint8_t)(seed >> 24);
	}
	printf("# chosen: %s\n", iscsip_crc32c_name(iscsip_crc32c_choose()));
	report("memcpy", "libc", copy, &j);
	for (uint32_t bits = 0; bits < 0x40; bits = bits << 1 | 1) {
		uint32_t (*routine)(uint32_t, const void *, size_t) = iscsip_crc32c_choose_for(bits & have);

		if (routine == j.routine)
			continue;
		j.routine = routine;
		report("crc32c", iscsip_crc32c_name(routine), checksum, &j);
	}
	report("crc32c_copy", iscsip_crc32c_name(j.routine), copy_and_checksum, &j);
	return 0;
}
