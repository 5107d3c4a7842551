/* SPDX-License-Identifier: MIT */
/*
 * The hashes of CHAP: what the digest of a CHAP response costs (1 byte of identifier, a secret of 16, a
 * challenge of 16), and bulk speed. Prints `name value unit`.
 */
#define _POSIX_C_SOURCE 199309L
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "hash/hash.h"

#include "bench/timing.h"

struct job {
	int alg;
	size_t n;
};

static uint8_t data[65536];
static volatile uint8_t sink;

static void digest(void *arg, size_t repeats)
{
	const struct job *j = arg;
	uint8_t out[ISCSIP__HASH_MAX];

	for (size_t i = 0; i < repeats; i++) {
		struct iscsip__hash_ctx ctx;

		if (iscsip__hash_init(&ctx, j->alg) < 0)
			abort();
		iscsip__hash_update(&ctx, data, j->n);
		iscsip__hash_final(&ctx, out);
		sink = out[0];
	}
}

int main(void)
{
	static const struct {
		int alg;
		const char *name;
	} algs[] = {
		{ISCSIP_HASH_MD5, "md5"},
		{ISCSIP_HASH_SHA1, "sha1"},
		{ISCSIP_HASH_SHA256, "sha256"},
		{ISCSIP_HASH_SHA3_256, "sha3_256"},
	};

	for (size_t i = 0; i < sizeof algs / sizeof *algs; i++) {
		struct job j = {algs[i].alg, 33};

		if (iscsip__hash_size(j.alg) == 0)
			continue;
		printf("hash_%s_chap_response %.0f ns\n", algs[i].name, timing_measure(digest, &j));
		j.n = sizeof data;
		printf("hash_%s_bulk %.2f MB/s\n", algs[i].name,
		       (double)j.n / timing_measure(digest, &j) * 1e3);
	}
	return 0;
}
