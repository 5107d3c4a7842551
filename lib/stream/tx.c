/* SPDX-License-Identifier: MIT */
/*
 * The send engine (stream/tx.h). It owns the ring and the count of bytes; what a unit says is the protocol's.
 *
 * A unit is made once and then only read until it is gone, so that listing the same bytes again gives the same
 * answer whatever happened in between. The ring starts over at its first unit whenever it runs empty: a quiet
 * connection touches little memory.
 */
#include "stream/tx.h"

void iscsip__tx_init(struct tx *tx, struct tx_unit *units, struct tx_head *heads, uint16_t cap, bool hold)
{
	memset(tx, 0, sizeof *tx);
	tx->units = units;
	tx->heads = heads;
	tx->cap = cap;
	tx->hold = hold;
}

/* Lists what of a flat part lies behind *skip bytes, which it consumes. */
static int list_flat(struct iscsip_vec *vec, int cnt, const void *p, size_t len, size_t *skip)
{
	if (*skip >= len) {
		*skip -= len;
		return cnt;
	}
	vec[cnt].base = (void *)(uintptr_t)((const uint8_t *)p + *skip);
	vec[cnt].len = len - *skip;
	*skip = 0;
	return cnt + 1;
}

/* Lists a unit from byte `skip` on. The caller has room for TX_UNIT_PIECES; only a payload may need more: then
 * *whole is cleared and the rest of the unit waits. */
static int list_unit(const struct tx_unit *u, size_t skip, struct iscsip_vec *vec, int max, bool *whole)
{
	int cnt = list_flat(vec, 0, u->head, u->head_len, &skip);

	cnt = list_flat(vec, cnt, u->ref, u->ref_len, &skip);
	cnt = list_flat(vec, cnt, u->mid, u->mid_len, &skip);
	if (skip < u->payload_len) {
		struct iscsip_vec_cursor at = u->payload;
		size_t want = u->payload_len - skip, listed;

		cursor_advance(&at, skip);
		skip = 0;
		cnt += cursor_list(&at, want, vec + cnt, max - cnt, &listed);
		*whole = listed == want && (cnt < max || u->tail_len == 0);
		if (!*whole)
			return cnt;
	} else {
		skip -= u->payload_len;
	}
	return list_flat(vec, cnt, u->tail, u->tail_len, &skip);
}

/* The common unit: a header, a payload in one piece or none, nothing of it sent. */
static bool unit_is_plain(const struct tx_unit *u)
{
	return !(u->ref_len | u->mid_len) && (u->payload_len == 0 || cursor_flat(&u->payload, u->payload_len));
}

/* Appends it to the list; `joins`: the list ends with a head, and right behind that may lie this one. */
static int list_plain(const struct tx_unit *u, struct iscsip_vec *vec, int cnt, bool joins)
{
	if (joins && (uint8_t *)vec[cnt - 1].base + vec[cnt - 1].len == u->head) {
		vec[cnt - 1].len += u->head_len;
	} else {
		vec[cnt].base = u->head;
		vec[cnt++].len = u->head_len;
	}
	if (u->payload_len) {
		vec[cnt].base = (uint8_t *)u->payload.vec->base + u->payload.off;
		vec[cnt++].len = u->payload_len;
	}
	if (u->tail_len) {
		vec[cnt].base = (void *)(uintptr_t)u->tail;
		vec[cnt++].len = u->tail_len;
	}
	return cnt;
}

int iscsip__tx_list(const struct tx *tx, struct iscsip_vec *vec, int max)
{
	const struct tx_unit *u = tx->units + tx->sent, *end = tx->units + tx->cap;
	size_t skip = tx->sent_off;
	bool joins = false;
	unsigned left;
	int cnt = 0;

	for (left = tx->unsent; left && max - cnt >= TX_UNIT_PIECES; left--, u = u + 1 == end ? tx->units : u + 1) {
		bool whole = true;

		if (skip == 0 && unit_is_plain(u)) {
			cnt = list_plain(u, vec, cnt, joins);
			joins = !u->payload_len && !u->tail_len;
			continue;
		}
		joins = false;
		cnt += list_unit(u, skip, vec + cnt, max - cnt, &whole);
		if (!whole)
			break;
		skip = 0;
	}
	return cnt;
}

/* The oldest unit is read by nobody any more. */
static void drop_oldest(struct tx *tx, tx_gone *gone, void *owner)
{
	struct tx_unit *u = &tx->units[tx->oldest];

	tx->oldest = tx_after(tx, tx->oldest);
	tx->count--;
	tx->released_off = 0;
	if (tx->count == 0)
		tx->oldest = tx->sent = tx->next = 0;
	gone(owner, u);
}

int iscsip__tx_done(struct tx *tx, size_t n, tx_gone *gone, void *owner)
{
	if (n > tx->to_send)
		return ISCSIP_EINVAL;
	tx->to_send -= n;
	if (tx->hold)
		tx->to_release += n;
	while (n) {
		size_t rest = tx->units[tx->sent].len - tx->sent_off;

		if (n < rest) {
			tx->sent_off += n;
			return ISCSIP_OK;
		}
		n -= rest;
		tx->sent_off = 0;
		tx->sent = tx_after(tx, tx->sent);
		tx->unsent--;
		if (!tx->hold)
			drop_oldest(tx, gone, owner);
	}
	return ISCSIP_OK;
}

int iscsip__tx_release(struct tx *tx, size_t n, tx_gone *gone, void *owner)
{
	if (!tx->hold)
		return ISCSIP_ESTATE;
	if (n > tx->to_release)
		return ISCSIP_EINVAL;
	tx->to_release -= n;
	while (n) {
		size_t rest = tx->units[tx->oldest].len - tx->released_off;

		/* the oldest may be sent in part only: then n ends inside that part */
		if (n < rest) {
			tx->released_off += n;
			return ISCSIP_OK;
		}
		n -= rest;
		drop_oldest(tx, gone, owner);
	}
	return ISCSIP_OK;
}

void iscsip__tx_drop(struct tx *tx, tx_gone *gone, void *owner)
{
	unsigned whole = (unsigned)(tx->count - tx->unsent);

	tx->unsent = 0;
	tx->sent_off = 0;
	tx->to_send = tx->to_release = 0;
	for (; tx->count; whole -= whole > 0) {
		tx->units[tx->oldest].cut = whole == 0;
		drop_oldest(tx, gone, owner);
	}
}

size_t iscsip__tx_pull(struct tx *tx, uint8_t *p, size_t n, tx_gone *gone, void *owner)
{
	struct iscsip_vec vec[8];
	size_t put = 0;

	while (put < n && tx->unsent) {
		int cnt = iscsip__tx_list(tx, vec, 8), i;
		size_t moved = 0;

		for (i = 0; i < cnt && put + moved < n; i++) {
			size_t m = vec[i].len < n - put - moved ? vec[i].len : n - put - moved;

			memcpy(p + put + moved, vec[i].base, m);
			moved += m;
		}
		(void)iscsip__tx_done(tx, moved, gone, owner);
		put += moved;
	}
	return put;
}
