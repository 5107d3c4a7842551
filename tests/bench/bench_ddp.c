/* SPDX-License-Identifier: MIT */
/*
 * The tag table: what an R2T costs in it (bind, place, release), and a placement alone, in nanoseconds; with
 * one piece and with a list of 4 KiB pieces taken in order; in a table of which a few and of which all
 * entries are in use. Prints `name value unit`.
 */
#define _POSIX_C_SOURCE 199309L
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <iscsiproto/ddp.h>

#include "bench/timing.h"

#define ENTRIES 4095u
#define PIECES 256
#define PIECE 4096u

static _Alignas(64) uint64_t memory[ISCSIP_DDP_SIZE(ENTRIES) / 8];
static struct iscsip_vec pieces[PIECES];
static uint32_t tags[ENTRIES];
static volatile uintptr_t sink;

struct job {
	struct iscsip_ddp *d;
	struct iscsip_ddp_region r;
	uint32_t step;  /* bytes of a placement */
	uint32_t bound; /* tags to place with, in turn */
};

static void bind_place_release(void *arg, size_t repeats)
{
	struct job *j = arg;
	struct iscsip_ddp_query q = {.len = j->step};
	struct iscsip_ddp_hit hit;
	uintptr_t sum = 0;

	for (size_t i = 0; i < repeats; i++) {
		if (iscsip_ddp_bind(j->d, &j->r, 0, &q.tag) != ISCSIP_OK)
			abort();
		if (iscsip_ddp_place(j->d, &q, &hit) != ISCSIP_OK)
			abort();
		sum += (uintptr_t)hit.at.vec->base + hit.at.off;
		if (iscsip_ddp_release(j->d, q.tag) != ISCSIP_OK)
			abort();
	}
	sink = sum;
}

static void place(void *arg, size_t repeats)
{
	struct job *j = arg;
	struct iscsip_ddp_query q = {.len = j->step};
	struct iscsip_ddp_hit hit;
	uintptr_t sum = 0;
	uint32_t turn = 0;

	for (size_t i = 0; i < repeats; i++) {
		q.tag = tags[turn];
		if (iscsip_ddp_place(j->d, &q, &hit) != ISCSIP_OK)
			abort();
		sum += (uintptr_t)hit.at.vec->base + hit.at.off;
		turn += 7;
		if (turn >= j->bound) {
			turn %= j->bound;
			q.off += j->step;
			if (q.off >= j->r.len)
				q.off = 0;
		}
	}
	sink = sum;
}

static void bind_all(struct job *j, uint32_t bound)
{
	static const struct iscsip_ddp_layout layout = ISCSIP_DDP_LAYOUT_DEFAULT;

	if (iscsip_ddp_init(&j->d, memory, sizeof memory, ENTRIES, &layout) != ISCSIP_OK)
		abort();
	for (j->bound = 0; j->bound < bound; j->bound++)
		if (iscsip_ddp_bind(j->d, &j->r, 0, &tags[j->bound]) != ISCSIP_OK)
			abort();
}

int main(void)
{
	struct job j = {.step = 8192};

	for (int i = 0; i < PIECES; i++)
		pieces[i] = (struct iscsip_vec){(void *)((uintptr_t)(i + 1) << 20), PIECE};
	j.r.at = (struct iscsip_vec_cursor){&(struct iscsip_vec){(void *)0x100000, 1u << 20}, 1, 0};
	j.r.len = 65536;
	bind_all(&j, 8);
	printf("ddp_bind_place_release %.2f ns\n", timing_measure(bind_place_release, &j));
	printf("ddp_place_one_piece_of_8_tags %.2f ns\n", timing_measure(place, &j));
	bind_all(&j, ENTRIES);
	printf("ddp_place_one_piece_of_4095_tags %.2f ns\n", timing_measure(place, &j));
	j.r.at = (struct iscsip_vec_cursor){pieces, PIECES, 0};
	bind_all(&j, 8);
	printf("ddp_bind_place_release_16_pieces %.2f ns\n", timing_measure(bind_place_release, &j));
	printf("ddp_place_in_order_16_pieces %.2f ns\n", timing_measure(place, &j));
	j.r.len = PIECES * PIECE;
	bind_all(&j, 8);
	printf("ddp_place_in_order_256_pieces %.2f ns\n", timing_measure(place, &j));
	return 0;
}
