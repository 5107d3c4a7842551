/* SPDX-License-Identifier: MIT */
/*
 * A mutator that knows what a PDU is: it changes one field, one segment or the order of PDUs at a time and then mends what
 * hangs together (lengths, padding, digests), so that an engine gets past the framing. Where fields stand it learns from the
 * field table of the library. For the custom mutator of any target whose input holds PDUs:
 *
 *	size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
 *	{
 *		struct pdu_layout layout = { .begin = 1, .header_digest = size > 0 && data[0] & 1, ... };
 *
 *		return pdu_mutate_stream(data, size, max_size, seed, &layout);
 *	}
 *
 * Targets that cut their input into operations call pdu_mutate() on the PDU of one of them.
 */
#ifndef ISCSIP_FUZZ_PDU_MUTATOR_H
#define ISCSIP_FUZZ_PDU_MUTATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whose PDUs new ones are made of. */
enum pdu_sender { PDU_OF_ANYONE, PDU_OF_INITIATOR, PDU_OF_TARGET };

struct pdu_layout {
	size_t begin;       /* bytes of the input before the first PDU; they are mutated now and then as plain bytes */
	bool header_digest; /* every header is followed by its digest */
	bool data_digest;   /* every data segment is followed by its digest */
	enum pdu_sender sender;
};

/* Random numbers from a seed, the same for the same seed everywhere. */
struct pdu_random {
	uint64_t state;
};

uint32_t pdu_random(struct pdu_random *r, uint32_t below);

/* Bytes of the PDU at p by its own lengths: header, digests, data, padding. 0 if fewer than 48 of `left` are there. */
size_t pdu_size(const uint8_t *p, size_t left, const struct pdu_layout *layout);

/* Makes the digests of a whole PDU right. Does nothing where it is cut off or has none. */
void pdu_mend(uint8_t *p, size_t left, const struct pdu_layout *layout);

/* Writes a plausible PDU of a random opcode, digests included, or nothing where it does not fit. Returns its size. */
size_t pdu_make(uint8_t *p, size_t cap, const struct pdu_layout *layout, struct pdu_random *r);

/* Mutates one whole PDU of `size` bytes, in room for `cap`. Returns the new size. */
size_t pdu_mutate(uint8_t *p, size_t size, size_t cap, const struct pdu_layout *layout, struct pdu_random *r);

/* Mutates an input of `size` bytes, in room for `cap`: one PDU of the stream, or the stream. Returns the new size. */
size_t pdu_mutate_stream(uint8_t *data, size_t size, size_t cap, unsigned seed, const struct pdu_layout *layout);

#endif
