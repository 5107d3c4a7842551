/* SPDX-License-Identifier: MIT */
/*
 * Timing for the benchmarks: a figure is the median of rounds, in nanoseconds for one operation, so that a
 * busy machine moves it little. Include after defining _POSIX_C_SOURCE.
 */
#ifndef TESTS_BENCH_TIMING_H
#define TESTS_BENCH_TIMING_H

#include <stdlib.h>
#include <time.h>

#define TIMING_ROUNDS 31
#define TIMING_ROUND_NS 2e6 /* a round is as many repetitions as take about this long */

static inline double timing_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static inline int timing_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Nanoseconds of one of the `repeats` operations that run(arg, repeats) does. */
static inline double timing_measure(void (*run)(void *arg, size_t repeats), void *arg)
{
	double round[TIMING_ROUNDS], begin;
	size_t repeats = 1;

	do {
		repeats *= 2;
		begin = timing_now();
		run(arg, repeats);
	} while (timing_now() - begin < TIMING_ROUND_NS);
	for (int i = 0; i < TIMING_ROUNDS; i++) {
		begin = timing_now();
		run(arg, repeats);
		round[i] = (timing_now() - begin) / (double)repeats;
	}
	qsort(round, TIMING_ROUNDS, sizeof *round, timing_compare);
	return round[TIMING_ROUNDS / 2];
}

#endif
