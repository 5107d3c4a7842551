/* SPDX-License-Identifier: MIT */
/*
 * The compression function of SHA-1 (FIPS 180-4 6.1.2). Collisions can be made; for CHAP, where the input
 * holds a secret, that is no attack, but a product that may not contain it builds with ISCSIP_NO_SHA1.
 *
 * The message schedule is kept as a ring of 16 words, so a block needs 64 bytes of stack and not 320.
 */
#ifndef ISCSIP_NO_SHA1

#include "base/bytes.h"
#include "hash/hash_block.h"

/* Round function and constant of each 20 steps. */
static uint32_t sha1_mix(unsigned quarter, uint32_t x, uint32_t y, uint32_t z)
{
	switch (quarter) {
	case 0:
		return ((x & y) ^ (~x & z)) + 0x5a827999;
	case 1:
		return (x ^ y ^ z) + 0x6ed9eba1;
	case 2:
		return ((x & y) ^ (x & z) ^ (y & z)) + 0x8f1bbcdc;
	default:
		return (x ^ y ^ z) + 0xca62c1d6;
	}
}

/* Word i of the schedule, made from the ring where it is not of the block itself. */
static uint32_t sha1_word(uint32_t w[16], const uint8_t *block, unsigned i)
{
	w[i % 16] = i < 16 ? load_be32(block + 4 * i)
			   : rotl32(w[(i + 13) % 16] ^ w[(i + 8) % 16] ^ w[(i + 2) % 16] ^ w[i % 16], 1);
	return w[i % 16];
}

void iscsip__sha1_block(uint32_t h[5], const uint8_t block[64])
{
	uint32_t w[16];
	uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];

	for (unsigned i = 0; i < 80; i++) {
		uint32_t sum = rotl32(a, 5) + sha1_mix(i / 20, b, c, d) + e + sha1_word(w, block, i);

		e = d;
		d = c;
		c = rotl32(b, 30);
		b = a;
		a = sum;
	}
	h[0] += a;
	h[1] += b;
	h[2] += c;
	h[3] += d;
	h[4] += e;
}

#else
typedef int iscsip__sha1_is_left_out; /* ISO C wants a declaration in every file */
#endif
