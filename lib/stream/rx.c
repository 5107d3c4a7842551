/* SPDX-License-Identifier: MIT */
/*
 * The receive engine (stream/rx.h). It owns the collecting of headers and trailers and the walk over the place of a
 * payload; it knows nothing of what the bytes mean.
 *
 * Two ways in. Bytes may be in their place already, because the host read them where rx_next() said (settle_*), or
 * they lie in memory of the host and are taken from there (feed). Both move the same few counters, and a unit may
 * arrive by any mixture of them.
 *
 * Invariants: have <= need <= cap; in RX_PAYLOAD left > 0; in RX_TRAILER trailer_have < trailer_len; a held engine
 * changes nothing but the header bytes that were listed before the hold.
 */
#include "stream/rx.h"

static void unit_begins(struct rx *rx)
{
	rx->phase = RX_HEADER;
	rx->have = 0;
	rx->need = rx->first;
	rx->measured = false;
}

void iscsip__rx_init(struct rx *rx, const struct rx_ops *ops, void *owner, uint8_t *hdr, uint32_t cap,
		     uint32_t first)
{
	memset(rx, 0, sizeof *rx);
	rx->ops = ops;
	rx->owner = owner;
	rx->hdr = hdr;
	rx->cap = cap;
	rx->first = first;
	unit_begins(rx);
}

void iscsip__rx_expect(struct rx *rx, const struct iscsip_vec_cursor *place, uint32_t len, uint8_t trailer_len,
		       bool sum)
{
	rx->left = len;
	rx->trailer_len = trailer_len;
	rx->trailer_have = 0;
	rx->placed = place != NULL;
	rx->sum = sum;
	if (place)
		rx->place = *place;
	rx->phase = len ? RX_PAYLOAD : RX_TRAILER;
}

/* The unit is whole. Anything the next one brings is for it, so the state is reset before the protocol is told. */
static int unit_ends(struct rx *rx)
{
	unit_begins(rx);
	return rx->ops->done(rx->owner, rx->trailer);
}

/* What follows the header or the payload may be nothing at all. */
static int skip_empty(struct rx *rx)
{
	if (rx->phase == RX_PAYLOAD && rx->left == 0)
		rx->phase = RX_TRAILER;
	if (rx->phase == RX_TRAILER && rx->trailer_have == rx->trailer_len)
		return unit_ends(rx);
	return 0;
}

/*
 * Nothing of the unit is collected any more, and it ends here where rx_expect() names nothing that follows. The protocol may
 * hold without saying so yet; it does before it resumes.
 */
static int header_ready(struct rx *rx, const uint8_t *hdr, uint32_t len)
{
	int err = rx->ops->header(rx->owner, hdr, len);

	return err || rx->held || rx->phase != RX_TRAILER ? err : skip_empty(rx);
}

/* Header bytes were added to rx->hdr: measure, or hand it over when all of it is in. */
static int header_grew(struct rx *rx)
{
	if (!rx->measured && rx->have == rx->first) {
		int len = rx->ops->measure(rx->owner, rx->hdr);

		if (len < 0)
			return len;
		rx->measured = true;
		rx->need = (uint32_t)len;
		if (rx->need > rx->cap)
			return ISCSIP_EPROTO;
	}
	if (rx->measured && rx->have == rx->need) {
		uint32_t len = rx->need;

		unit_begins(rx);
		return header_ready(rx, rx->hdr, len);
	}
	return 0;
}

int iscsip__rx_resume(struct rx *rx)
{
	rx->held = false;
	if (rx->phase != RX_HEADER)
		return skip_empty(rx);
	return rx->have ? header_grew(rx) : 0;
}

/* Takes a header from the host's bytes, without a copy where it lies there in one piece. Sets *used. */
static int feed_header(struct rx *rx, const uint8_t *p, size_t n, size_t *used)
{
	if (rx->have == 0 && n >= rx->first) {
		int len = rx->ops->measure(rx->owner, p);

		if (len < 0)
			return len;
		if ((uint32_t)len > rx->cap)
			return ISCSIP_EPROTO;
		if (n >= (size_t)len) {
			*used = (size_t)len;
			return header_ready(rx, p, (uint32_t)len);
		}
	}
	*used = rx->need - rx->have;
	if (*used > n)
		*used = n;
	memcpy(rx->hdr + rx->have, p, *used);
	rx->have += (uint32_t)*used;
	return header_grew(rx);
}

static int payload_moved(struct rx *rx, const uint8_t *at, size_t n)
{
	rx->left -= (uint32_t)n;
	return rx->sum || !rx->placed ? rx->ops->landed(rx->owner, at, n) : 0;
}

static int feed_payload(struct rx *rx, const uint8_t *p, size_t n, size_t *used)
{
	int err;

	*used = rx->left < n ? rx->left : n;
	if (rx->placed) {
		size_t room;
		uint8_t *at = cursor_peek(&rx->place, &room);

		if (room == 0)
			return ISCSIP_EHOST;
		*used = room < *used ? room : *used;
		memcpy(at, p, *used);
		if (*used < rx->left)
			cursor_advance(&rx->place, *used);
		p = at;
	}
	err = payload_moved(rx, p, *used);
	return err || rx->left ? err : skip_empty(rx);
}

static int feed_trailer(struct rx *rx, const uint8_t *p, size_t n, size_t *used)
{
	size_t want = (size_t)rx->trailer_len - rx->trailer_have;

	*used = want < n ? want : n;
	memcpy(rx->trailer + rx->trailer_have, p, *used);
	rx->trailer_have = (uint8_t)(rx->trailer_have + *used);
	return skip_empty(rx);
}

ptrdiff_t iscsip__rx_push(struct rx *rx, const uint8_t *p, size_t n)
{
	size_t left = n;

	while (left && !rx->held) {
		size_t used = 0;
		int err;

		switch (rx->phase) {
		case RX_HEADER:
			err = feed_header(rx, p, left, &used);
			break;
		case RX_PAYLOAD:
			err = feed_payload(rx, p, left, &used);
			break;
		default:
			err = feed_trailer(rx, p, left, &used);
			break;
		}
		if (err)
			return err;
		p += used;
		left -= used;
	}
	return (ptrdiff_t)(n - left);
}

/* Appends a piece to the list unless it is empty or the list is full. */
static int list_add(struct iscsip_vec *vec, int cnt, int max, void *base, size_t len)
{
	if (len == 0 || cnt == max)
		return cnt;
	vec[cnt].base = base;
	vec[cnt].len = len;
	return cnt + 1;
}

/* Header memory beyond what has been collected: a bounce for bytes that only pass by. */
static int list_passing(struct rx *rx, struct iscsip_vec *vec)
{
	return list_add(vec, 0, 1, rx->hdr, rx->left < rx->cap ? rx->left : rx->cap);
}

int iscsip__rx_next(struct rx *rx, const struct iscsip_vec *stage, struct iscsip_vec *vec, int max)
{
	bool staged = stage && stage->len;
	int cnt = 0;

	rx->stage.base = NULL;
	rx->stage.len = 0;
	if (rx->held)
		return 0;
	if (staged)
		rx->stage = *stage;
	if (rx->phase == RX_PAYLOAD && !rx->placed)
		return staged ? list_add(vec, 0, max, stage->base, stage->len) : list_passing(rx, vec);
	if (rx->phase == RX_PAYLOAD) {
		size_t listed;

		cnt = cursor_list(&rx->place, rx->left, vec, max, &listed);
		if (listed < rx->left)
			return cnt;
	}
	if (rx->phase != RX_HEADER) {
		if (cnt == max && rx->trailer_len)
			return cnt;
		cnt = list_add(vec, cnt, max, rx->trailer + rx->trailer_have,
			       (size_t)rx->trailer_len - rx->trailer_have);
	} else if (rx->have) {
		cnt = list_add(vec, cnt, max, rx->hdr + rx->have, rx->need - rx->have);
	}
	if (staged)
		return list_add(vec, cnt, max, stage->base, stage->len);
	if (rx->phase != RX_HEADER || rx->have == 0)
		return list_add(vec, cnt, max, rx->hdr, rx->first);
	return cnt;
}

/* Payload bytes that the host has read into their place. */
static int settle_payload(struct rx *rx, size_t *n)
{
	while (*n && rx->phase == RX_PAYLOAD && rx->placed) {
		size_t m;
		const uint8_t *at = cursor_peek(&rx->place, &m);
		int err;

		if (m == 0)
			return ISCSIP_EHOST;
		m = m < rx->left ? m : rx->left;
		m = m < *n ? m : *n;
		cursor_advance(&rx->place, m);
		*n -= m;
		err = payload_moved(rx, at, m);
		if (!err)
			err = skip_empty(rx);
		if (err)
			return err;
	}
	return 0;
}

static int settle_trailer(struct rx *rx, size_t *n)
{
	size_t want = (size_t)rx->trailer_len - rx->trailer_have;
	size_t m = want < *n ? want : *n;

	rx->trailer_have = (uint8_t)(rx->trailer_have + m);
	*n -= m;
	return skip_empty(rx);
}

static int settle_header(struct rx *rx, size_t *n)
{
	size_t want = rx->need - rx->have;
	size_t m = want < *n ? want : *n;

	rx->have += (uint32_t)m;
	*n -= m;
	return rx->held ? 0 : header_grew(rx);
}

/* Passing bytes that the host has read into the bounce, because it offered no stage. */
static int settle_passing(struct rx *rx, size_t *n)
{
	size_t m = *n < rx->left ? *n : rx->left;
	int err = payload_moved(rx, rx->hdr, m);

	*n -= m;
	return err ? err : skip_empty(rx);
}

/* Bytes that are not in the stage, in the order in which rx_next() listed them. */
static int settle(struct rx *rx, size_t *n)
{
	bool staged = rx->stage.base != NULL;
	int err = 0;

	if (rx->phase == RX_PAYLOAD && !rx->placed)
		return staged ? 0 : settle_passing(rx, n);
	if (rx->phase == RX_HEADER)
		return rx->have || !staged ? settle_header(rx, n) : 0;
	err = settle_payload(rx, n);
	if (!err && *n && rx->phase == RX_TRAILER)
		err = settle_trailer(rx, n);
	if (!err && *n && rx->phase == RX_HEADER && !staged)
		err = settle_header(rx, n);
	return err;
}

ptrdiff_t iscsip__rx_done(struct rx *rx, size_t n)
{
	struct iscsip_vec stage = rx->stage;
	ptrdiff_t taken;
	int err = n ? settle(rx, &n) : 0;

	rx->stage.base = NULL;
	rx->stage.len = 0;
	if (err)
		return err;
	if (n == 0)
		return 0;
	if (!stage.base || n > stage.len)
		return ISCSIP_EINVAL;
	taken = iscsip__rx_push(rx, stage.base, n);
	return taken < 0 ? taken : (ptrdiff_t)n - taken;
}
