/* SPDX-License-Identifier: MIT */
/*
 * The hashes of CHAP: MD5 (RFC 1321), SHA-1 and SHA-256 (FIPS 180-4), SHA3-256 (FIPS 202), behind one
 * streaming interface whose algorithm numbers are those of the CHAP_A key (RFC 7143 12.1.3 and IANA's
 * registry "PPP Authentication Algorithms"): what was negotiated is passed straight on.
 *
 * A build with ISCSIP_NO_MD5 or ISCSIP_NO_SHA1 leaves these out; iscsip__hash_size() then answers 0
 * for them and the login offers and takes them no more.
 */
#ifndef ISCSIP_HASH_HASH_H
#define ISCSIP_HASH_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* CHAP algorithm numbers. */
enum iscsip_hash {
	ISCSIP_HASH_MD5 = 5,
	ISCSIP_HASH_SHA1 = 6,
	ISCSIP_HASH_SHA256 = 7,
	ISCSIP_HASH_SHA3_256 = 8
};

/* The longest digest, in bytes. */
#define ISCSIP__HASH_MAX 32

/* A hash under way, on the caller's stack. Holds secrets: iscsip__hash_final() wipes it; a caller that gives
   up before that wipes it itself. */
struct iscsip__hash_ctx {
	union {
		struct {
			uint32_t h[8];   /* MD5, SHA-1, SHA-256: the chaining value */
			uint8_t buf[64]; /* the block that is filling */
		} md;
		uint64_t sponge[25]; /* SHA3-256: the state of Keccak-f[1600] */
	} u;
	uint64_t count; /* bytes so far; of the sponge, bytes in the part that is filling */
	int alg;        /* an iscsip_hash */
};

/* Bytes of the digest of alg; 0 where alg is unknown or not built in. */
size_t iscsip__hash_size(int alg);

/* Begins. ISCSIP_OK, or ISCSIP_EINVAL where iscsip__hash_size(alg) is 0: then ctx is not to be used. */
int iscsip__hash_init(struct iscsip__hash_ctx *ctx, int alg);

/* Adds n bytes; p may be NULL where n is 0. */
void iscsip__hash_update(struct iscsip__hash_ctx *ctx, const void *p, size_t n);

/* Writes the digest to the first bytes of out, wipes ctx, and returns the digest's size. */
size_t iscsip__hash_final(struct iscsip__hash_ctx *ctx, uint8_t out[ISCSIP__HASH_MAX]);

/* Whether n bytes are equal, in a time that depends on n alone. */
bool iscsip__equal_ct(const void *a, const void *b, size_t n);

/* Overwrites n bytes with zeros in a way that the compiler may not leave out. */
void iscsip__wipe(void *p, size_t n);

#endif
