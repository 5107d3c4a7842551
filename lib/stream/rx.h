/* SPDX-License-Identifier: MIT */
/*
 * The receive engine: a byte stream of units, each a header, then perhaps a payload and a trailer. Payload goes
 * straight to the place that the protocol names when it has seen the header; nothing is kept in between.
 * Shared by the iSCSI connection (BHS, AHS and digest; data; pad and digest) and the frame protocol (header; data).
 *
 *            measure()              header()                          done()
 *   HEADER ------------- HEADER --------------- PAYLOAD --- TRAILER ---------- HEADER
 *   first bytes in       all in                 |  (rx_expect)
 *                                               `- no rx_expect: the unit ends with its header
 *
 * Between any two bytes the stream may stop. From header() or done() the protocol may rx_hold(): no byte is taken
 * until rx_resume().
 */
#ifndef ISCSIP_STREAM_RX_H
#define ISCSIP_STREAM_RX_H

#include "base/vec.h"

#define RX_TRAILER_MAX 8u

/* What a protocol does with a unit. Errors are negative iscsip_err and stop the engine for good. */
struct rx_ops {
	/* The first `first` bytes are in: answers the length of the whole header, first or more, or an error. */
	int (*measure)(void *owner, const uint8_t *hdr);
	/* The whole header is in; rx_expect() names what follows. hdr is valid during the call only. */
	int (*header)(void *owner, const uint8_t *hdr, uint32_t len);
	/* Payload bytes: each where it landed (rx_expect with sum), or just passing by (without a place). */
	int (*landed)(void *owner, const uint8_t *p, size_t n);
	/* Payload and trailer are in. */
	int (*done)(void *owner, const uint8_t *trailer);
};

enum rx_phase { RX_HEADER, RX_PAYLOAD, RX_TRAILER };

struct rx {
	const struct rx_ops *ops;
	void *owner;
	uint8_t *hdr;             /* header being collected; free memory from header() on */
	uint32_t cap;             /* bytes at hdr */
	uint32_t first;           /* bytes that measure() needs */
	uint32_t have, need;      /* of the header; need is `first` until it was measured */
	uint32_t left;            /* payload bytes to come */
	uint8_t phase, trailer_len, trailer_have;
	bool measured, placed, sum, held;
	struct iscsip_vec_cursor place;
	uint8_t trailer[RX_TRAILER_MAX];
	struct iscsip_vec stage;  /* offered with the last rx_next() */
};

void iscsip__rx_init(struct rx *rx, const struct rx_ops *ops, void *owner, uint8_t *hdr, uint32_t cap,
		     uint32_t first);

/*
 * From header(), or while held: `len` bytes of payload follow, then `trailer_len`. With a place they are written
 * there (it holds len bytes); without one (NULL) each piece is shown to landed() and dropped. `sum`: landed() is
 * called for placed bytes too.
 */
void iscsip__rx_expect(struct rx *rx, const struct iscsip_vec_cursor *place, uint32_t len, uint8_t trailer_len,
		       bool sum);

static inline void rx_hold(struct rx *rx)
{
	rx->held = true;
}

/* Goes on after a hold with what has been collected already. 0 or an error. */
int iscsip__rx_resume(struct rx *rx);

/* The doors; contracts as the public ones in conn.h. */
int iscsip__rx_next(struct rx *rx, const struct iscsip_vec *stage, struct iscsip_vec *vec, int max);
ptrdiff_t iscsip__rx_done(struct rx *rx, size_t n);
ptrdiff_t iscsip__rx_push(struct rx *rx, const uint8_t *p, size_t n);

#endif
