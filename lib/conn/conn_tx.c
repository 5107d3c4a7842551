/* SPDX-License-Identifier: MIT */
/*
 * Sending: from queues to numbered PDUs. Owns the three queues and the sealing of a PDU (encoding, padding).
 *
 * A PDU is made only when the host asks for bytes and there is a free unit, so whatever it says of the state (StatSN,
 * ExpCmdSN, the window) is of that moment, and the order on the wire is the order of the numbers. The urgent queue goes
 * first, then answers, then one PDU of each data stream in turn.
 *
 * Invariant: an item is in at most one queue, and `queue[q]` points into a ring of all items of q.
 */
#include "conn/conn.h"

#define TX_LIST_MIN 4

/* --- queues --- */

void iscsip__conn_queue(struct iscsip_conn *c, struct conn_item *item, enum conn_queue q)
{
	struct conn_item *first = c->queue[q];

	if (conn_queued(item) || c->state == ISCSIP_CONN_CLOSED)
		return;
	item->queue = (uint8_t)q;
	if (!first) {
		item->next = item->prev = item;
		c->queue[q] = item;
	} else {
		item->next = first;
		item->prev = first->prev;
		first->prev->next = item;
		first->prev = item;
	}
	iscsip__conn_wake(c);
}

void iscsip__conn_unqueue(struct iscsip_conn *c, struct conn_item *item)
{
	struct conn_item **first;

	if (!conn_queued(item))
		return;
	first = &c->queue[item->queue];
	if (*first == item)
		*first = item->next == item ? NULL : item->next;
	item->prev->next = item->next;
	item->next->prev = item->prev;
	item->next = item->prev = NULL;
}

/* A failed initiator has nothing to say any more: whatever it sent would be for a target that is not followed. */
static bool mute(const struct iscsip_conn *c)
{
	return c->error.code && c->ops->role == ISCSIP_INITIATOR;
}

/* The queue that goes next, or CONN_Q_COUNT. A target that failed still says why. */
static unsigned next_queue(const struct iscsip_conn *c)
{
	bool failed = c->error.code;

	if (c->queue[CONN_Q_URGENT] && !mute(c))
		return CONN_Q_URGENT;
	if (c->queue[CONN_Q_ANSWER] && !failed)
		return CONN_Q_ANSWER;
	return c->queue[CONN_Q_DATA] && !failed ? CONN_Q_DATA : CONN_Q_COUNT;
}

bool iscsip__conn_has_tx(const struct iscsip_conn *c)
{
	return (c->tx.unsent && !mute(c)) || next_queue(c) < CONN_Q_COUNT;
}

/* Makes PDUs while there are free units and the host's list has room for what they are made of. */
static void fill(struct iscsip_conn *c, int pieces)
{
	unsigned q;

	while (!tx_full(&c->tx) && c->tx.unsent * 3 < pieces && (q = next_queue(c)) < CONN_Q_COUNT) {
		struct conn_item *item = c->queue[q];

		if (item == &c->login_item) {
			iscsip__conn_unqueue(c, item);
			iscsip__conn_login_make(c);
		} else if (c->ops->make(c, item) != CONN_MADE_MORE)
			iscsip__conn_unqueue(c, item);
		else if (c->queue[q] == item)
			c->queue[q] = item->next;
	}
}

/* --- sealing --- */

void iscsip__conn_seal(struct iscsip_conn *c, struct tx_unit *u, const struct iscsip_pdu *pdu, bool mid_is_data)
{
	(void)iscsip_pdu_encode(u->head, pdu);
	iscsip__conn_sealed(c, u, mid_is_data);
}

void iscsip__conn_sealed(struct iscsip_conn *c, struct tx_unit *u, bool mid_is_data)
{
	uint32_t data_len = u->payload_len + (mid_is_data ? u->mid_len : 0u);

	if (u->head_len < BHS_LEN)
		u->head_len = BHS_LEN;
	u->tail_len = (uint8_t)pad_of(data_len);
	memset(u->tail, 0, sizeof u->tail);
	if (c->cfg->host->trace || c->tx_ddigest || c->tx_hdigest)
		iscsip__conn_look_over(c, u, mid_is_data);
	c->stats.tx_pdus++;
	if (c->tx.unsent == 0)
		c->last_tx = c->now;
	iscsip__tx_push(&c->tx);
}

void iscsip__conn_gone(void *owner, struct tx_unit *u)
{
	struct iscsip_conn *c = owner;

	if (u->owner == &c->login_item)
		iscsip__conn_login_gone(c);
	else if (u->owner)
		c->ops->gone(c, u);
}

/* --- doors --- */

/* The engine lists whole units where it can, and wants room for one. A list may end anywhere. */
static int list(const struct iscsip_conn *c, struct iscsip_vec *vec, int max)
{
	struct iscsip_vec unit[TX_UNIT_PIECES];
	int cnt;

	if (max >= TX_UNIT_PIECES)
		return iscsip__tx_list(&c->tx, vec, max);
	cnt = iscsip__tx_list(&c->tx, unit, TX_UNIT_PIECES);
	cnt = cnt < max ? cnt : max;
	memcpy(vec, unit, (size_t)cnt * sizeof *vec);
	return cnt;
}

int iscsip_conn_tx_next(struct iscsip_conn *c, struct iscsip_vec *vec, int max, iscsip_time now)
{
	int err;

	if (max < TX_LIST_MIN)
		return ISCSIP_EINVAL;
	err = iscsip__conn_enter(c, now);
	if (err)
		return err;
	fill(c, max);
	door_leave(&c->door);
	return list(c, vec, max);
}

int iscsip_conn_tx_done(struct iscsip_conn *c, size_t n, iscsip_time now)
{
	int err = iscsip__conn_enter(c, now);

	if (err)
		return err;
	err = iscsip__tx_done(&c->tx, n, iscsip__conn_gone, c);
	if (!err)
		iscsip__conn_moved(c, n);
	return iscsip__conn_leave(c, err);
}

int iscsip_conn_tx_release(struct iscsip_conn *c, size_t n)
{
	int err = iscsip__conn_enter(c, c->now);

	return err ? err : iscsip__conn_leave(c, iscsip__tx_release(&c->tx, n, iscsip__conn_gone, c));
}

ptrdiff_t iscsip_conn_tx_pull(struct iscsip_conn *c, void *p, size_t n, iscsip_time now)
{
	uint8_t *at = p;
	size_t put = 0, got;
	int err = iscsip__conn_enter(c, now);

	if (err)
		return err;
	do {
		fill(c, 3 * c->tx.cap);
		got = iscsip__tx_pull(&c->tx, at + put, n - put, iscsip__conn_gone, c);
		put += got;
		iscsip__conn_moved(c, got);
	} while (got && put < n);
	err = iscsip__conn_leave(c, ISCSIP_OK);
	return err ? err : (ptrdiff_t)put;
}
