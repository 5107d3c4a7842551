/* SPDX-License-Identifier: MIT */
/*
 * The send engine: a ring of units on their way out, each a header made at the last moment, payload where the host
 * has it, and a few bytes around. Shared by the iSCSI connection and the frame protocol.
 *
 *    head .. listed by tx_list() .. tx_done() moves `sent` .. tx_release() moves `oldest`
 *
 *    [oldest .... sent) done, but the transport may still read them (only while `hold`)
 *    [sent ...... next) made, not (wholly) taken by the transport
 */
#ifndef ISCSIP_STREAM_TX_H
#define ISCSIP_STREAM_TX_H

#include "base/vec.h"

#define TX_HEAD_MAX 68u
#define TX_MID_MAX 15u
#define TX_TAIL_MAX 7u
#define TX_UNIT_PIECES 5 /* of a unit whose payload lies in one */

/* Place of a header beside others: where headers fill them and have no data, a row of them is sent in one piece. */
struct tx_head {
	uint8_t bytes[TX_HEAD_MAX];
};

/* On the wire in the order of the members: head, ref, mid, payload, tail. */
struct tx_unit {
	uint8_t *head;             /* BHS and digest, or frame header: TX_HEAD_MAX bytes, at `own` or in the row */
	uint8_t head_len;
	uint8_t mid_len;           /* bytes at mid */
	uint8_t tail_len;          /* bytes at tail */
	uint8_t note;              /* the protocol's own: what this unit was */
	uint16_t ref_len;
	uint8_t mid[TX_MID_MAX];   /* what stands between: rest of the AHS (3 + 8) and digest, sense length */
	uint8_t tail[TX_TAIL_MAX]; /* pad and digest */
	bool cut;                  /* only from iscsip__tx_drop(): the transport did not take all of it */
	const void *ref;           /* extended CDB of the host, or NULL */
	uint32_t payload_len;
	uint32_t len;              /* bytes of all five, known when it was pushed */
	struct iscsip_vec_cursor payload;
	struct iscsip_vec inline_vec; /* for a payload in one piece: payload.vec may point here */
	void *owner;               /* the protocol's own: whose unit this was */
	uint8_t own[TX_HEAD_MAX];
};

struct tx {
	struct tx_unit *units;
	struct tx_head *heads;             /* of each unit; NULL: each has its own, so that little memory is touched */
	uint16_t cap, oldest, sent, next;
	uint16_t count;                    /* units in [oldest, next) */
	uint16_t unsent;                   /* units in [sent, next) */
	bool hold;
	size_t sent_off;                   /* bytes of units[sent] that are done */
	size_t released_off;               /* bytes of units[oldest] that are released */
	uint64_t to_send;                  /* bytes of units in [sent, next) that are not done */
	uint64_t to_release;               /* bytes done and not released; only while `hold` */
};

/* Told when nothing reads a unit any more. */
typedef void tx_gone(void *owner, struct tx_unit *u);

void iscsip__tx_init(struct tx *tx, struct tx_unit *units, struct tx_head *heads, uint16_t cap, bool hold);

static inline bool tx_full(const struct tx *tx)
{
	return tx->count == tx->cap;
}

/* The place behind i in the ring. */
static inline uint16_t tx_after(const struct tx *tx, uint16_t i)
{
	return (uint16_t)(i + 1u == tx->cap ? 0u : i + 1u);
}

/* The next free unit, its lengths zeroed, or NULL where the ring is full. iscsip__tx_push() makes it the newest; it is not
 * changed after that. */
static inline struct tx_unit *iscsip__tx_slot(struct tx *tx)
{
	struct tx_unit *u;

	if (tx_full(tx))
		return NULL;
	u = &tx->units[tx->next];
	u->head = tx->heads ? tx->heads[tx->next].bytes : u->own;
	u->head_len = u->mid_len = u->tail_len = u->note = 0;
	u->ref = NULL;
	u->ref_len = 0;
	u->payload_len = 0;
	u->owner = NULL;
	return u;
}

static inline void iscsip__tx_push(struct tx *tx)
{
	struct tx_unit *u = &tx->units[tx->next];

	u->len = u->payload_len + u->head_len + u->ref_len + u->mid_len + u->tail_len;
	tx->to_send += u->len;
	tx->next = tx_after(tx, tx->next);
	tx->count++;
	tx->unsent++;
}

/* The payload in one piece of memory. */
static inline void tx_payload_flat(struct tx_unit *u, const void *p, uint32_t len)
{
	u->inline_vec.base = (void *)(uintptr_t)p;
	u->inline_vec.len = len;
	u->payload.vec = &u->inline_vec;
	u->payload.cnt = 1;
	u->payload.off = 0;
	u->payload_len = len;
}

/* Lists the bytes not yet done, up to max pieces, TX_UNIT_PIECES or more. */
int iscsip__tx_list(const struct tx *tx, struct iscsip_vec *vec, int max);
/* n more bytes were taken; ISCSIP_EINVAL, and nothing changed, where that is more than there are. */
int iscsip__tx_done(struct tx *tx, size_t n, tx_gone *gone, void *owner);
int iscsip__tx_release(struct tx *tx, size_t n, tx_gone *gone, void *owner);
/* The transport is gone: every unit is, too. */
void iscsip__tx_drop(struct tx *tx, tx_gone *gone, void *owner);
/* Copies up to n bytes out and settles them. */
size_t iscsip__tx_pull(struct tx *tx, uint8_t *p, size_t n, tx_gone *gone, void *owner);

#endif
