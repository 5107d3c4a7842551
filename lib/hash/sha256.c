/* SPDX-License-Identifier: MIT */
/*
 * The compression function of SHA-256 (FIPS 180-4 6.2.2).
 *
 * The constants are the first 32 bits of the fractions of the cube roots of the first 64 primes. The
 * message schedule is a ring of 16 words, as in sha1.c. The eight working variables stay in place in an
 * array that is rotated by its index: step i calls v[(x - i) mod 8] its variable x.
 */
#include "base/bytes.h"
#include "hash/hash_block.h"

static const uint32_t sha256_constant[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t sha256_word(uint32_t w[16], const uint8_t *block, unsigned i)
{
	if (i < 16) {
		w[i] = load_be32(block + 4 * i);
	} else {
		uint32_t w2 = w[(i + 14) % 16], w15 = w[(i + 1) % 16];

		w[i % 16] += (rotr32(w2, 17) ^ rotr32(w2, 19) ^ w2 >> 10) + w[(i + 9) % 16] +
			     (rotr32(w15, 7) ^ rotr32(w15, 18) ^ w15 >> 3);
	}
	return w[i % 16];
}

static void sha256_step(uint32_t v[8], unsigned i, uint32_t word)
{
	uint32_t a = v[(0 - i) % 8], b = v[(1 - i) % 8], c = v[(2 - i) % 8];
	uint32_t e = v[(4 - i) % 8], f = v[(5 - i) % 8], g = v[(6 - i) % 8];
	uint32_t *d = &v[(3 - i) % 8], *h = &v[(7 - i) % 8];
	uint32_t sum = *h + (rotr32(e, 6) ^ rotr32(e, 11) ^ rotr32(e, 25)) + ((e & f) ^ (~e & g)) +
		       sha256_constant[i] + word;

	*d += sum;
	*h = sum + (rotr32(a, 2) ^ rotr32(a, 13) ^ rotr32(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
}

void iscsip__sha256_block(uint32_t h[8], const uint8_t block[64])
{
	uint32_t v[8], w[16];

	memcpy(v, h, sizeof v);
	for (unsigned i = 0; i < 64; i++)
		sha256_step(v, i, sha256_word(w, block, i));
	for (unsigned i = 0; i < 8; i++)
		h[i] += v[i];
}
