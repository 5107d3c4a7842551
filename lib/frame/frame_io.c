/* SPDX-License-Identifier: MIT */
/*
 * The doors of a frame connection: from bytes to checked headers, and from queues to numbered ones. The engines are those
 * of stream/; what stands here is the sequence, the trace, and in which order exchanges send.
 *
 * A frame is made only when the host asks for bytes and a unit is free, so the order on the wire is the order of the
 * sequence numbers. Control frames go first, then one XFER of each exchange in turn; the XFER that uses a standing grant goes
 * directly behind its NEWC. No more is made than the list given by the host has room for and than TX_AHEAD bytes: what is
 * made cannot be overtaken any more.
 *
 * Invariant: an item is in at most one queue, and leaves it before the role makes its frame.
 */
#include "base/bytes.h"
#include "frame/frame.h"

#define FRAME_TX_AHEAD (4096u * 1024u)
#define FRAME_TX_PIECES_MIN 5
#define FRAME_RUN_PIECES 16

static void frame_trace(struct iscsip_frame_conn *c, enum iscsip_trace_event event, const void *p, size_t len)
{
	const struct iscsip_frame_host *host = c->cfg->host;

	if (host && host->trace)
		host->trace(host->user, c, event, p, len);
}

/* --- receive --- */

static int frame_rx_measure(void *owner, const uint8_t *hdr)
{
	(void)owner;
	(void)hdr;
	return (int)ISCSIP_FRAME_LEN;
}

static int frame_rx_header(void *owner, const uint8_t *hdr, uint32_t len)
{
	struct iscsip_frame_conn *c = owner;
	int rule, err;

	(void)iscsip_frame_decode(&c->frame, hdr, len);
	frame_trace(c, ISCSIP_TRACE_RX_HEADER, hdr, len);
	rule = iscsip_frame_check(&c->frame, &c->due, NULL);
	if (rule) {
		err = iscsip__frame_refuse(c, (unsigned)rule);
	} else {
		c->due.sequence++;
		c->stats.rx_frames++;
		c->active = c->now;
		err = c->role->header(c);
	}
	if (err || c->rx.phase == RX_HEADER)
		frame_trace(c, ISCSIP_TRACE_RX_END, NULL, 0);
	return err;
}

static int frame_rx_landed(void *owner, const uint8_t *p, size_t n)
{
	frame_trace(owner, ISCSIP_TRACE_RX_DATA, p, n);
	return ISCSIP_OK;
}

static int frame_rx_done(void *owner, const uint8_t *trailer)
{
	struct iscsip_frame_conn *c = owner;

	(void)trailer;
	frame_trace(c, ISCSIP_TRACE_RX_END, NULL, 0);
	return c->role->payload(c);
}

const struct rx_ops *iscsip__frame_rx_ops(void)
{
	static const struct rx_ops ops = { frame_rx_measure, frame_rx_header, frame_rx_landed, frame_rx_done };

	return &ops;
}

void iscsip__frame_expect(struct iscsip_frame_conn *c, const struct iscsip_vec_cursor *place)
{
	iscsip__rx_expect(&c->rx, place, c->frame.transfer_length, 0, frame_wants_trace(c));
}

int iscsip_frame_conn_rx_next(struct iscsip_frame_conn *c, const struct iscsip_vec *stage, struct iscsip_vec *vec, int max)
{
	if (!door_enter(&c->door))
		return ISCSIP_ESTATE;
	door_leave(&c->door);
	if (frame_over(c))
		return c->error.code;
	return max < 2 ? ISCSIP_EINVAL : iscsip__rx_next(&c->rx, stage, vec, max);
}

/* The engines answer bytes or an error; a fatal one becomes the connection's. */
static ptrdiff_t frame_rx_leave(struct iscsip_frame_conn *c, ptrdiff_t n)
{
	int err = iscsip__frame_leave(c, n < 0 ? (int)n : ISCSIP_OK);

	return err ? err : n;
}

ptrdiff_t iscsip_frame_conn_rx_done(struct iscsip_frame_conn *c, size_t n, iscsip_time now)
{
	int err = iscsip__frame_enter(c, now);
	ptrdiff_t left;

	if (err)
		return err;
	left = iscsip__rx_done(&c->rx, n);
	if (left >= 0)
		c->stats.rx_bytes += n - (size_t)left;
	return frame_rx_leave(c, left);
}

ptrdiff_t iscsip_frame_conn_rx_push(struct iscsip_frame_conn *c, const void *p, size_t n, iscsip_time now)
{
	int err = iscsip__frame_enter(c, now);
	ptrdiff_t taken;

	if (err)
		return err;
	taken = iscsip__rx_push(&c->rx, p, n);
	if (taken > 0)
		c->stats.rx_bytes += (size_t)taken;
	return frame_rx_leave(c, taken);
}

/* --- queues --- */

void iscsip__frame_wake(struct iscsip_frame_conn *c)
{
	const struct iscsip_frame_host *host = c->cfg->host;

	if (!host || !host->wake || !door_news(&c->door))
		return;
	c->door.shut = true;
	host->wake(host->user, c);
	c->door.shut = false;
}

void iscsip__frame_queue(struct iscsip_frame_conn *c, struct iscsip_frame_item *item, enum frame_queue q)
{
	struct frame_fifo *f = &c->queue[q];

	if (item->queued || frame_over(c))
		return;
	item->next = NULL;
	item->queued = true;
	if (f->first)
		f->last->next = item;
	else
		f->first = item;
	f->last = item;
	iscsip__frame_wake(c);
}

/* What left the front of all a moment ago goes back there. */
static void frame_queue_first(struct iscsip_frame_conn *c, struct iscsip_frame_item *item)
{
	struct frame_fifo *f = &c->queue[FRAME_Q_CONTROL];

	if (frame_over(c))
		return;
	item->next = f->first;
	item->queued = true;
	f->last = f->first ? f->last : item;
	f->first = item;
}

static struct iscsip_frame_item *frame_next_item(struct iscsip_frame_conn *c)
{
	for (unsigned q = 0; q < FRAME_Q_COUNT; q++) {
		struct iscsip_frame_item *item = c->queue[q].first;

		if (!item)
			continue;
		c->queue[q].first = item->next;
		item->next = NULL;
		item->queued = false;
		return item;
	}
	return NULL;
}

bool iscsip__frame_has_tx(const struct iscsip_frame_conn *c)
{
	return c->tx.unsent || c->queue[FRAME_Q_CONTROL].first || c->queue[FRAME_Q_DATA].first ||
	       (c->role->waiting && c->role->waiting(c));
}

/* --- send --- */

static void frame_trace_unit(struct iscsip_frame_conn *c, const struct tx_unit *u)
{
	struct iscsip_vec_cursor at = u->payload;
	size_t left = u->payload_len;
	struct iscsip_vec piece;

	frame_trace(c, ISCSIP_TRACE_TX_HEADER, u->head, u->head_len);
	for (; cursor_take(&at, left, &piece, 1, NULL); left -= piece.len)
		frame_trace(c, ISCSIP_TRACE_TX_DATA, piece.base, piece.len);
	frame_trace(c, ISCSIP_TRACE_TX_END, NULL, 0);
}

void iscsip__frame_seal(struct iscsip_frame_conn *c, struct tx_unit *u, struct iscsip_frame *f)
{
	if (c->tx.unsent == 0)
		c->tx_moved = c->now;
	f->sync = f->sync_end = c->cfg->sync;
	f->type = ISCSIP_FRAME_CMDS;
	f->sequence = c->tx_sequence++;
	(void)iscsip_frame_encode(u->head, TX_HEAD_MAX, f);
	u->head_len = ISCSIP_FRAME_LEN;
	if (frame_wants_trace(c))
		frame_trace_unit(c, u);
	c->tx_made += (uint64_t)ISCSIP_FRAME_LEN + u->payload_len;
	c->stats.tx_frames++;
	iscsip__tx_push(&c->tx);
}

/* What waits beside the queues goes first: receiving is held for it. */
static int frame_make_room(struct iscsip_frame_conn *c)
{
	if (c->role->waiting && c->role->waiting(c) && !tx_full(&c->tx))
		return c->role->room(c);
	return ISCSIP_OK;
}

static int frame_fill(struct iscsip_frame_conn *c, unsigned frames)
{
	struct iscsip_frame_item *item;
	int err = frame_make_room(c);

	while (!err && !tx_full(&c->tx) && c->tx.unsent < frames && c->tx.to_send < FRAME_TX_AHEAD &&
	       (item = frame_next_item(c)) != NULL) {
		enum frame_made made = c->role->make(c, item);

		if (made == FRAME_MADE_MORE)
			iscsip__frame_queue(c, item, FRAME_Q_DATA);
		else if (made == FRAME_MADE_NEXT)
			frame_queue_first(c, item);
	}
	return err;
}

void iscsip__frame_gone(void *owner, struct tx_unit *u)
{
	struct iscsip_frame_conn *c = owner;

	if (u->owner)
		c->role->gone(c, u);
}

int iscsip_frame_conn_tx_next(struct iscsip_frame_conn *c, struct iscsip_vec *vec, int max, iscsip_time now)
{
	int err;

	if (max < FRAME_TX_PIECES_MIN)
		return ISCSIP_EINVAL;
	err = iscsip__frame_enter(c, now);
	if (err)
		return err;
	err = iscsip__frame_leave(c, frame_fill(c, (unsigned)max / 2u));
	return err ? err : iscsip__tx_list(&c->tx, vec, max);
}

int iscsip_frame_conn_tx_done(struct iscsip_frame_conn *c, size_t n, iscsip_time now)
{
	int err = iscsip__frame_enter(c, now);

	if (err)
		return err;
	err = iscsip__tx_done(&c->tx, n, iscsip__frame_gone, c);
	if (!err) {
		c->stats.tx_bytes += n;
		c->tx_moved = n ? now : c->tx_moved;
	}
	return iscsip__frame_leave(c, err ? err : frame_make_room(c));
}

int iscsip_frame_conn_tx_release(struct iscsip_frame_conn *c, size_t n)
{
	int err = iscsip__frame_enter(c, c->now);

	if (err)
		return err;
	err = iscsip__tx_release(&c->tx, n, iscsip__frame_gone, c);
	return iscsip__frame_leave(c, err ? err : frame_make_room(c));
}

ptrdiff_t iscsip_frame_conn_tx_pull(struct iscsip_frame_conn *c, void *p, size_t n, iscsip_time now)
{
	uint8_t *at = p;
	size_t put = 0, got;
	int err = iscsip__frame_enter(c, now);

	if (err)
		return err;
	do {
		err = frame_fill(c, c->tx.cap);
		if (err)
			break;
		got = iscsip__tx_pull(&c->tx, at + put, n - put, iscsip__frame_gone, c);
		put += got;
		c->stats.tx_bytes += got;
		if (got)
			c->tx_moved = now;
	} while (got && put < n);
	err = iscsip__frame_leave(c, err);
	return err ? err : (ptrdiff_t)put;
}

/* --- the convenience door --- */

static int frame_run_send(struct iscsip_frame_conn *c, const struct iscsip_transport *t, iscsip_time now, bool *moved)
{
	struct iscsip_vec vec[FRAME_RUN_PIECES];
	int cnt;

	while ((cnt = iscsip_frame_conn_tx_next(c, vec, FRAME_RUN_PIECES, now)) > 0) {
		ptrdiff_t n = t->send(t->user, vec, cnt);
		int err;

		if (n == ISCSIP_EAGAIN || n == 0)
			return ISCSIP_OK;
		if (n < 0)
			return (int)n;
		*moved = true;
		err = iscsip_frame_conn_tx_done(c, (size_t)n, now);
		if (err)
			return err;
	}
	return cnt;
}

static int frame_run_receive(struct iscsip_frame_conn *c, const struct iscsip_transport *t, iscsip_time now, bool *moved)
{
	struct iscsip_vec vec[2] = { { NULL, 0 }, { NULL, 0 } };
	int cnt = iscsip_frame_conn_rx_next(c, NULL, vec, 2);
	ptrdiff_t n, left;

	if (cnt <= 0)
		return cnt;
	n = t->recv(t->user, vec[0].base, vec[0].len);
	if (n == ISCSIP_EAGAIN)
		return ISCSIP_OK;
	if (n <= 0)
		return n == 0 ? ISCSIP_ECLOSED : (int)n;
	*moved = true;
	left = iscsip_frame_conn_rx_done(c, (size_t)n, now);
	return left < 0 ? (int)left : ISCSIP_OK;
}

int iscsip_frame_conn_run(struct iscsip_frame_conn *c, const struct iscsip_transport *t, iscsip_time now)
{
	bool moved;
	int err;

	if (c->door.shut)
		return ISCSIP_ESTATE;
	do {
		bool held = c->rx.held;

		moved = false;
		err = iscsip_frame_conn_want(c) & ISCSIP_WANT_RX ? frame_run_receive(c, t, now, &moved) : ISCSIP_OK;
		if (!err && (iscsip_frame_conn_want(c) & ISCSIP_WANT_TX))
			err = frame_run_send(c, t, now, &moved);
		moved = moved || (held && !c->rx.held);
	} while (!err && moved);
	if (err)
		return err;
	return iscsip_frame_conn_want(c) & ISCSIP_WANT_CLOSE ? ISCSIP_ECLOSED : ISCSIP_OK;
}
