/* SPDX-License-Identifier: MIT */
/*
 * Streams over the compression functions, and the two helpers of everything that handles secrets.
 *
 * Two families. MD5, SHA-1 and SHA-256 (Merkle-Damgard) collect 64-byte blocks in md.buf, of which
 * count % 64 bytes are filled; the end is a 1 bit, zeros, and the length in bits. They differ in the
 * initial value, the block function, the byte order and the size of the digest: that is md_table.
 * SHA3-256 is a sponge: input is XORed straight into its state, of which the first 136 bytes (the rate)
 * take it and count, below 136, says where the next byte goes; the domain bits of FIPS 202 6.1 end it.
 *
 * A context is valid between init and final, which wipes it. Nothing depends on the content of the
 * input but the values: no branch, no index.
 */
#include "hash/hash.h"

#include <iscsiproto/base.h>

#include "base/bytes.h"
#include "hash/hash_block.h"

#define SHA3_256_RATE 136u
#define MD_BLOCK 64u

struct md {
	uint32_t iv[8];
	void (*block)(uint32_t *h, const uint8_t *block);
	uint8_t words; /* of the digest; 0 where not built in */
	bool big_endian;
};

#define IV_MD5 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476
/* The fractions of the square roots of the first 8 primes. */
#define IV_SHA256 \
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19

static const struct md md_table[3] = {
#ifndef ISCSIP_NO_MD5
	[ISCSIP_HASH_MD5 - ISCSIP_HASH_MD5] = {{IV_MD5}, iscsip__md5_block, 4, false},
#endif
#ifndef ISCSIP_NO_SHA1
	[ISCSIP_HASH_SHA1 - ISCSIP_HASH_MD5] = {{IV_MD5, 0xc3d2e1f0}, iscsip__sha1_block, 5, true},
#endif
	[ISCSIP_HASH_SHA256 - ISCSIP_HASH_MD5] = {{IV_SHA256}, iscsip__sha256_block, 8, true},
};

size_t iscsip__hash_size(int alg)
{
	if (alg == ISCSIP_HASH_SHA3_256)
		return 32;
	if (alg < ISCSIP_HASH_MD5 || alg > ISCSIP_HASH_SHA256)
		return 0;
	return 4u * md_table[alg - ISCSIP_HASH_MD5].words;
}

int iscsip__hash_init(struct iscsip__hash_ctx *ctx, int alg)
{
	if (iscsip__hash_size(alg) == 0)
		return ISCSIP_EINVAL;
	memset(ctx, 0, sizeof *ctx);
	ctx->alg = alg;
	if (alg != ISCSIP_HASH_SHA3_256)
		memcpy(ctx->u.md.h, md_table[alg - ISCSIP_HASH_MD5].iv, sizeof ctx->u.md.h);
	return ISCSIP_OK;
}

static void sponge_update(struct iscsip__hash_ctx *ctx, const uint8_t *p, size_t n)
{
	unsigned at = (unsigned)ctx->count;

	for (size_t i = 0; i < n; i++) {
		ctx->u.sponge[at / 8] ^= (uint64_t)p[i] << 8 * (at % 8);
		if (++at == SHA3_256_RATE) {
			iscsip__keccak_f1600(ctx->u.sponge);
			at = 0;
		}
	}
	ctx->count = at;
}

static void md_update(struct iscsip__hash_ctx *ctx, const struct md *md, const uint8_t *p, size_t n)
{
	size_t at = (size_t)(ctx->count % MD_BLOCK);

	while (n > 0) {
		size_t part = n < MD_BLOCK - at ? n : MD_BLOCK - at;

		memcpy(ctx->u.md.buf + at, p, part);
		if (at + part == MD_BLOCK)
			md->block(ctx->u.md.h, ctx->u.md.buf);
		at = (at + part) % MD_BLOCK;
		p += part;
		n -= part;
		ctx->count += part;
	}
}

void iscsip__hash_update(struct iscsip__hash_ctx *ctx, const void *p, size_t n)
{
	if (ctx->alg == ISCSIP_HASH_SHA3_256)
		sponge_update(ctx, p, n);
	else
		md_update(ctx, &md_table[ctx->alg - ISCSIP_HASH_MD5], p, n);
}

/* FIPS 202 6.1 and B.2: the bits 01 of SHA3, then 1 0* 1, that is 0x06 and at the end of the rate 0x80. */
static void sponge_final(struct iscsip__hash_ctx *ctx, uint8_t *out)
{
	unsigned at = (unsigned)ctx->count;

	ctx->u.sponge[at / 8] ^= (uint64_t)0x06 << 8 * (at % 8);
	ctx->u.sponge[SHA3_256_RATE / 8 - 1] ^= (uint64_t)0x80 << 56;
	iscsip__keccak_f1600(ctx->u.sponge);
	for (unsigned i = 0; i < 32; i++)
		out[i] = (uint8_t)(ctx->u.sponge[i / 8] >> 8 * (i % 8));
}

/* RFC 1321 3.1 and 3.2, FIPS 180-4 5.1.1: 0x80, zeros up to 8 bytes before a block's end, the bits. */
static void md_final(struct iscsip__hash_ctx *ctx, const struct md *md, uint8_t *out)
{
	static const uint8_t pad[MD_BLOCK] = {0x80};
	uint64_t bits = ctx->count * 8;
	size_t filled = (size_t)(ctx->count % MD_BLOCK);
	uint8_t len[8];

	for (unsigned i = 0; i < 8; i++)
		len[i] = (uint8_t)(bits >> 8 * (md->big_endian ? 7 - i : i));
	iscsip__hash_update(ctx, pad, (filled < 56 ? 56 : 56 + MD_BLOCK) - filled);
	iscsip__hash_update(ctx, len, sizeof len);
	for (unsigned i = 0; i < 8 && i < md->words; i++) { /* the compiler does not know that words <= 8 */
		if (md->big_endian)
			store_be32(out + 4 * i, ctx->u.md.h[i]);
		else
			store_le32(out + 4 * i, ctx->u.md.h[i]);
	}
}

size_t iscsip__hash_final(struct iscsip__hash_ctx *ctx, uint8_t out[ISCSIP__HASH_MAX])
{
	size_t size = iscsip__hash_size(ctx->alg);

	if (ctx->alg == ISCSIP_HASH_SHA3_256)
		sponge_final(ctx, out);
	else
		md_final(ctx, &md_table[ctx->alg - ISCSIP_HASH_MD5], out);
	iscsip__wipe(ctx, sizeof *ctx);
	return size;
}

/* Volatile reads: no compiler may stop at the first difference, or call memcmp(), which may. */
bool iscsip__equal_ct(const void *a, const void *b, size_t n)
{
	const volatile uint8_t *x = a, *y = b;
	unsigned diff = 0;

	for (size_t i = 0; i < n; i++)
		diff |= (unsigned)(x[i] ^ y[i]);
	return diff == 0;
}

void iscsip__wipe(void *p, size_t n)
{
	volatile uint8_t *v = p;

	for (size_t i = 0; i < n; i++)
		v[i] = 0;
}
