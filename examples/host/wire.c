/* SPDX-License-Identifier: MIT */
/*
 * Socket and connection brought together (wire.h).
 *
 * Receiving: readv() into what the connection lists, with the loop's stage behind it. While payloads are large the stage
 * that is offered is short, so that the next payload is read to its place and not copied there; while they are small a
 * long stage takes many PDUs with one call. An initiator sends after each large payload: a target that learns of eight
 * commands at once answers with a burst that no cache holds.
 *
 * Closing: when the connection is over and all is sent, the sending half is shut and input is read away until the
 * peer closes too, for a second at most; closing at once while input is unread would reset the connection and could take
 * the last answer from the peer. Nothing of that is left to the peer: where it does not take what is to be sent, the connection
 * says when that has lasted too long (WANT_CLOSE with bytes left), and where nothing at all has gone for stall_ms, the socket is
 * closed whatever the connection waits for. Each byte that leaves begins that time anew.
 */
#include "wire.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <iscsiproto/conn.h>

#include "util.h"

#define RX_PIECES 64
#define TX_PIECES 512
#define LARGE_PAYLOAD 8192u
#define SHORT_STAGE 512u
#define LINGER_MS 1000u
#define READS_A_ROUND 8
#define SMALL_READS 4

static_assert(sizeof(struct iscsip_vec) == sizeof(struct iovec) &&
	      offsetof(struct iscsip_vec, base) == offsetof(struct iovec, iov_base) &&
	      offsetof(struct iscsip_vec, len) == offsetof(struct iovec, iov_len),
	      "struct iscsip_vec is laid out like struct iovec");

/* --- iSCSI doors --- */

static int iscsi_rx_next(void *c, const struct iscsip_vec *stage, struct iscsip_vec *vec, int max)
{
	return iscsip_conn_rx_next(c, stage, vec, max);
}

static ptrdiff_t iscsi_rx_done(void *c, size_t n, iscsip_time now)
{
	return iscsip_conn_rx_done(c, n, now);
}

static ptrdiff_t iscsi_rx_push(void *c, const void *p, size_t n, iscsip_time now)
{
	return iscsip_conn_rx_push(c, p, n, now);
}

static int iscsi_tx_next(void *c, struct iscsip_vec *vec, int max, iscsip_time now)
{
	return iscsip_conn_tx_next(c, vec, max, now);
}

static int iscsi_tx_done(void *c, size_t n, iscsip_time now)
{
	return iscsip_conn_tx_done(c, n, now);
}

static unsigned iscsi_want(const void *c)
{
	return iscsip_conn_want(c);
}

static iscsip_time iscsi_deadline(const void *c)
{
	return iscsip_conn_deadline(c);
}

static int iscsi_tick(void *c, iscsip_time now)
{
	return iscsip_conn_tick(c, now);
}

static void iscsi_closed(void *c, iscsip_time now)
{
	iscsip_conn_closed(c, now);
}

const struct wire_ops wire_iscsi = { iscsi_rx_next, iscsi_rx_done, iscsi_rx_push, iscsi_tx_next, iscsi_tx_done,
				     iscsi_want, iscsi_deadline, iscsi_tick, iscsi_closed };

/* --- life --- */

static void ready(struct watch *watch, uint32_t events);

static void link_in(struct wire *w, struct loop *l)
{
	w->loop = l;
	w->next = l->wires;
	w->prev = &l->wires;
	if (w->next)
		w->next->prev = &w->next;
	l->wires = w;
	l->next_tick = 0;
}

static void link_out(struct wire *w)
{
	*w->prev = w->next;
	if (w->next)
		w->next->prev = w->prev;
}

int wire_open(struct wire *w, struct loop *l, int fd, const struct wire_ops *ops, void *conn)
{
	w->watch.fd = fd;
	w->watch.ready = ready;
	w->ops = ops;
	w->conn = conn;
	w->session_deadline = ISCSIP_TIME_NEVER;
	if (loop_watch(l, &w->watch, EPOLLIN))
		return -1;
	link_in(w, l);
	return 0;
}

static void undirty(struct wire *w)
{
	struct wire **at = &w->loop->dirty;

	if (!w->is_dirty)
		return;
	while (*at != w)
		at = &(*at)->next_dirty;
	*at = w->next_dirty;
	w->is_dirty = false;
}

void wire_depart(struct wire *w)
{
	undirty(w);
	loop_unwatch(w->loop, &w->watch);
	link_out(w);
	w->loop = NULL;
}

int wire_arrive(struct wire *w, struct loop *l)
{
	int err;

	link_in(w, l);
	if (loop_watch(l, &w->watch, w->blocked ? EPOLLIN | EPOLLOUT : EPOLLIN)) {
		err = errno;
		wire_close(w);
		errno = err;
		return -1;
	}
	wire_dirty(w);
	return 0;
}

void wire_dirty(struct wire *w)
{
	if (w->is_dirty || w->gone || !w->loop)
		return;
	w->is_dirty = true;
	w->next_dirty = w->loop->dirty;
	w->loop->dirty = w;
}

void wire_close(struct wire *w)
{
	if (w->gone)
		return;
	w->gone = true;
	undirty(w);
	loop_unwatch(w->loop, &w->watch);
	if (w->closing)
		w->closing(w);
	close(w->watch.fd);
	w->watch.fd = -1;
	link_out(w);
	free(w->spill);
	w->spill = NULL;
	w->ops->closed(w->conn, w->loop->now);
	w->next_dead = w->loop->dead;
	w->loop->dead = w;
}

void wire_free_dead(struct loop *l)
{
	while (l->dead) {
		struct wire *w = l->dead;

		l->dead = w->next_dead;
		w->freed(w);
	}
}

/* --- receiving --- */

/* What one call brought. */
enum got { GOT_ALL, GOT_SOME, GOT_END };

/* Keeps what the connection did not take; it is pushed when the connection takes bytes again. */
static int keep(struct wire *w, const uint8_t *p, size_t n)
{
	w->spill = malloc(n);
	if (!w->spill)
		return -1;
	memcpy(w->spill, p, n);
	w->spill_len = n;
	return 0;
}

/* The rest of a spill, as far as it is taken: all, so that there can be read; some; or the stream has lost bytes and is over. */
static enum got push_spill(struct wire *w)
{
	uint8_t *old = w->spill;
	size_t len = w->spill_len;
	enum got got = GOT_ALL;
	ptrdiff_t taken;

	if (!old)
		return GOT_ALL;
	taken = w->ops->rx_push(w->conn, old, len, w->loop->now);
	w->spill = NULL;
	/* an error is the connection's: it then wants nothing but to be closed */
	if (taken >= 0 && (size_t)taken < len)
		got = keep(w, old + taken, len - (size_t)taken) ? GOT_END : GOT_SOME;
	free(old);
	return got;
}

static size_t total(const struct iscsip_vec *vec, int cnt)
{
	size_t sum = 0;
	int i;

	for (i = 0; i < cnt; i++)
		sum += vec[i].len;
	return sum;
}

/* One large payload makes the stage short; a few full reads in a row without one make it long again. */
static void judge_size(struct wire *w, size_t placed, bool full)
{
	if (placed >= LARGE_PAYLOAD)
		w->large = SMALL_READS;
	else if (w->large && full)
		w->large--;
}

static enum got receive_once(struct wire *w)
{
	struct iscsip_vec vec[RX_PIECES];
	struct iscsip_vec stage = { w->loop->stage, w->large ? SHORT_STAGE : w->loop->stage_len };
	int cnt = w->ops->rx_next(w->conn, &stage, vec, RX_PIECES);
	size_t want, placed;
	ssize_t n;
	ptrdiff_t left;

	if (cnt <= 0)
		return GOT_SOME;
	want = total(vec, cnt);
	placed = vec[cnt - 1].base == stage.base ? want - stage.len : want;
	n = readv(w->watch.fd, (const struct iovec *)vec, cnt);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? GOT_SOME : GOT_END;
	if (n == 0)
		return GOT_END;
	left = w->ops->rx_done(w->conn, (size_t)n, w->loop->now);
	if (left > 0 && keep(w, (uint8_t *)stage.base + ((size_t)n - placed) - left, (size_t)left))
		return GOT_END;
	judge_size(w, placed, (size_t)n == want);
	return (size_t)n == want ? GOT_ALL : GOT_SOME;
}

static bool receive(struct wire *w)
{
	enum got got = GOT_ALL;
	int i, rounds = w->large && w->asks ? 1 : READS_A_ROUND;

	for (i = 0; i < rounds && got == GOT_ALL && (w->ops->want(w->conn) & ISCSIP_WANT_RX); i++) {
		got = push_spill(w);
		if (got == GOT_ALL)
			got = receive_once(w);
	}
	return got != GOT_END;
}

/* --- sending --- */

/* The loop looks at all wires when the earliest deadline has come that it knows: it has to know of earlier ones. */
static void due(struct wire *w, iscsip_time when)
{
	if (when < w->loop->next_tick)
		w->loop->next_tick = when;
}

static void look_out(struct wire *w)
{
	uint32_t events = 0;

	if (w->lingering || (w->ops->want(w->conn) & ISCSIP_WANT_RX))
		events |= EPOLLIN;
	if (w->blocked)
		events |= EPOLLOUT;
	if (w->watch.events == (events ? events : EPOLLRDHUP))
		return;
	loop_change(w->loop, &w->watch, events ? events : EPOLLRDHUP);
}

/* The socket takes no more; `still`: nor did it take anything since it was blocked. */
static void block(struct wire *w, bool still)
{
	w->blocked = true;
	if (!still)
		w->stalled_at = w->stall_ms ? w->loop->now + w->stall_ms : ISCSIP_TIME_NEVER;
	due(w, w->stalled_at);
}

/* 0, or -1 where the socket is broken. */
static int send_all(struct wire *w)
{
	struct iscsip_vec vec[TX_PIECES];
	bool stalled = w->blocked;
	int cnt;

	w->blocked = false;
	while ((cnt = w->ops->tx_next(w->conn, vec, TX_PIECES, w->loop->now)) > 0) {
		ssize_t n = w->loop->torn ? -1 : writev(w->watch.fd, (const struct iovec *)vec, cnt);

		if (w->loop->torn)
			return -1;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return -1;
		/* An error of tx_done() is the connection's: it then wants nothing but to be closed. */
		if (n > 0)
			(void)w->ops->tx_done(w->conn, (size_t)n, w->loop->now);
		if (n < 0 || (size_t)n < total(vec, cnt)) {
			block(w, stalled && n < 0);
			break;
		}
		stalled = false;
	}
	return 0;
}

static void linger(struct wire *w)
{
	if (w->lingering)
		return;
	w->lingering = true;
	w->linger_until = w->loop->now + LINGER_MS;
	w->loop->next_tick = 0;
	shutdown(w->watch.fd, SHUT_WR);
}

/* Reads away what a peer still sends. False at its end. */
static bool drain(struct wire *w)
{
	ssize_t n = read(w->watch.fd, w->loop->stage, w->loop->stage_len);

	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/*
 * Sends, and as long as that makes room, gives the connection what it did not take before: nobody would ring for bytes that
 * have left the socket already. 0, or -1 where the socket is broken.
 */
static int work_off(struct wire *w)
{
	for (;;) {
		size_t before = w->spill_len;

		if (send_all(w))
			return -1;
		if (w->blocked || !w->spill || !(w->ops->want(w->conn) & ISCSIP_WANT_RX))
			return 0;
		if (push_spill(w) == GOT_END)
			return -1;
		if (w->spill && w->spill_len == before)
			return 0;
	}
}

/* Sends, then looks whether it is over, and when it will be. */
static void settle(struct wire *w)
{
	if (w->gone || w->lingering)
		return;
	if (work_off(w)) {
		wire_close(w);
		return;
	}
	if (w->ops->want(w->conn) & ISCSIP_WANT_CLOSE) {
		if (w->blocked) {
			wire_close(w); /* its time to take the rest is over */
			return;
		}
		linger(w);
	}
	look_out(w);
	due(w, w->ops->deadline(w->conn));
}

static void ready(struct watch *watch, uint32_t events)
{
	struct wire *w = (struct wire *)(void *)watch;

	if (w->lingering) {
		if (!drain(w))
			wire_close(w);
		return;
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP)) {
		if (!receive(w) || (events & EPOLLERR)) {
			wire_close(w);
			return;
		}
	}
	settle(w);
	if (w->served && !w->gone && !w->lingering)
		w->served(w);
}

void wire_due(struct wire *w, iscsip_time when)
{
	w->session_deadline = when;
	due(w, when);
}

void wire_send_dirty(struct loop *l)
{
	while (l->dirty) {
		struct wire *w = l->dirty;

		l->dirty = w->next_dirty;
		w->is_dirty = false;
		settle(w);
	}
}

/* Serves the wire's deadlines; answers the next one. */
iscsip_time wire_tick(struct wire *w)
{
	iscsip_time now = w->loop->now, t;

	if (w->lingering) {
		if (now < w->linger_until)
			return w->linger_until;
		wire_close(w);
		return ISCSIP_TIME_NEVER;
	}
	if (now >= w->ops->deadline(w->conn)) {
		(void)w->ops->tick(w->conn, now); /* an error is the connection's, which then wants to be closed */
		wire_dirty(w);
	}
	if (now >= w->session_deadline && w->session_due)
		w->session_due(w);
	if (w->blocked && now >= w->stalled_at) {
		tell("%s: takes nothing of what it is sent: closing", w->who ? w->who : "a peer");
		wire_close(w);
		return ISCSIP_TIME_NEVER;
	}
	t = w->ops->deadline(w->conn);
	if (w->blocked && w->stalled_at < t)
		t = w->stalled_at;
	return t < w->session_deadline ? t : w->session_deadline;
}
