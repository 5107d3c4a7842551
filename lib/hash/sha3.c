/* SPDX-License-Identifier: MIT */
/*
 * Keccak-f[1600] (FIPS 202 3.2 and 3.3), the permutation of SHA3-256.
 *
 * 24 rounds of theta, rho with pi, chi and iota over 25 lanes of 64 bits. Rho and pi together are one
 * cycle through 24 lanes (lane 0 stays): keccak_path is that cycle, starting with where lane 1 goes,
 * keccak_turn the rotation on each step. The round constants are the output of the LFSR of FIPS 202 3.2.5.
 */
#include "hash/hash_block.h"

static const uint64_t keccak_round[24] = {
	0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b,
	0x0000000080000001, 0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088,
	0x0000000080008009, 0x000000008000000a, 0x000000008000808b, 0x800000000000008b, 0x8000000000008089,
	0x8000000000008003, 0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
	0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

static const uint8_t keccak_path[24] = {
	10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1,
};

static const uint8_t keccak_turn[24] = {
	1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44,
};

/* None of the rotations is by 0. */
static uint64_t rotl64(uint64_t v, unsigned n)
{
	return v << n | v >> (64 - n);
}

static void keccak_theta(uint64_t a[25])
{
	uint64_t column[5];

	for (unsigned x = 0; x < 5; x++)
		column[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
	for (unsigned x = 0; x < 5; x++) {
		uint64_t d = column[(x + 4) % 5] ^ rotl64(column[(x + 1) % 5], 1);

		for (unsigned y = 0; y < 25; y += 5)
			a[x + y] ^= d;
	}
}

static void keccak_rho_pi(uint64_t a[25])
{
	uint64_t moving = a[1];

	for (unsigned i = 0; i < 24; i++) {
		uint64_t next = a[keccak_path[i]];

		a[keccak_path[i]] = rotl64(moving, keccak_turn[i]);
		moving = next;
	}
}

static void keccak_chi(uint64_t a[25])
{
	for (unsigned y = 0; y < 25; y += 5) {
		uint64_t first = a[y], second = a[y + 1];

		a[y] ^= ~a[y + 1] & a[y + 2];
		a[y + 1] ^= ~a[y + 2] & a[y + 3];
		a[y + 2] ^= ~a[y + 3] & a[y + 4];
		a[y + 3] ^= ~a[y + 4] & first;
		a[y + 4] ^= ~first & second;
	}
}

void iscsip__keccak_f1600(uint64_t a[25])
{
	for (unsigned i = 0; i < 24; i++) {
		keccak_theta(a);
		keccak_rho_pi(a);
		keccak_chi(a);
		a[0] ^= keccak_round[i];
	}
}
