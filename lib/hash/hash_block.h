/* SPDX-License-Identifier: MIT */
/*
 * Inside the hash room: the compression functions, one file each, which hash.c wraps into streams.
 */
#ifndef ISCSIP_HASH_HASH_BLOCK_H
#define ISCSIP_HASH_HASH_BLOCK_H

#include <stdint.h>

static inline uint32_t rotl32(uint32_t v, unsigned n)
{
	return v << n | v >> (32 - n);
}

static inline uint32_t rotr32(uint32_t v, unsigned n)
{
	return v >> n | v << (32 - n);
}

/* Each folds one 64-byte block into a chaining value. */
void iscsip__md5_block(uint32_t h[4], const uint8_t block[64]);
void iscsip__sha1_block(uint32_t h[5], const uint8_t block[64]);
void iscsip__sha256_block(uint32_t h[8], const uint8_t block[64]);

/* The permutation Keccak-f[1600]; lane (x, y) is a[x + 5 * y]. */
void iscsip__keccak_f1600(uint64_t a[25]);

#endif
