/* SPDX-License-Identifier: MIT */
/*
 * Both ends of the frame protocol and the pipe between them: bytes of configuration (frame_world.c), one byte that says whether the
 * pipe is faulty, then operations: hosts act, bytes move in pieces of any size through any door, time passes, and a faulty pipe
 * changes, drops or repeats bytes.
 *
 * What must hold: with a good pipe no end ever finds a fault with the other, every exchange ends with a status, every
 * byte that was moved is the right one, and both ends count the same. With a faulty pipe everything still comes back once.
 */
#include <stdlib.h>
#include <string.h>

#include "frame_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PIPE 20000u

struct pipe {
	uint8_t bytes[PIPE];
	size_t len;
};

struct pair {
	struct world w;
	struct pipe pipe[2]; /* 0: to the target */
	bool faulty;
};

static struct iscsip_frame_conn *from(struct pair *p, int dir)
{
	return dir ? p->w.t : p->w.i;
}

static struct iscsip_frame_conn *to(struct pair *p, int dir)
{
	return dir ? p->w.i : p->w.t;
}

static size_t fill_by_list(struct pair *p, int dir, size_t most)
{
	struct pipe *q = &p->pipe[dir];
	struct iscsip_vec vec[24];
	int cnt = iscsip_frame_conn_tx_next(from(p, dir), vec, 24, p->w.now);
	size_t moved = 0;

	for (int i = 0; i < cnt && moved < most; i++) {
		size_t n = vec[i].len < most - moved ? vec[i].len : most - moved;

		memcpy(q->bytes + q->len + moved, vec[i].base, n);
		moved += n;
	}
	if (cnt > 0)
		world_must(iscsip_frame_conn_tx_done(from(p, dir), moved, p->w.now) == ISCSIP_OK);
	return moved;
}

/* From a sender into the pipe. */
static size_t fill(struct pair *p, int dir, size_t most, bool pull)
{
	struct pipe *q = &p->pipe[dir];
	ptrdiff_t n;

	most = most < PIPE - q->len ? most : PIPE - q->len;
	if (!pull) {
		n = (ptrdiff_t)fill_by_list(p, dir, most);
	} else {
		n = iscsip_frame_conn_tx_pull(from(p, dir), q->bytes + q->len, most, p->w.now);
		n = n < 0 ? 0 : n;
	}
	q->len += (size_t)n;
	return (size_t)n;
}

static size_t drain_by_list(struct pair *p, int dir, size_t most, const struct iscsip_vec *stage)
{
	struct pipe *q = &p->pipe[dir];
	struct iscsip_vec vec[5];
	int cnt = iscsip_frame_conn_rx_next(to(p, dir), stage, vec, 5);
	size_t got = 0;
	ptrdiff_t left;

	for (int i = 0; i < cnt && got < most; i++) {
		size_t m = vec[i].len < most - got ? vec[i].len : most - got;

		memcpy(vec[i].base, q->bytes + got, m);
		got += m;
	}
	if (got == 0)
		return 0;
	left = iscsip_frame_conn_rx_done(to(p, dir), got, p->w.now);
	return left < 0 ? got : got - (size_t)left;
}

/* From the pipe into a receiver. */
static size_t drain(struct pair *p, int dir, size_t most, unsigned door)
{
	struct pipe *q = &p->pipe[dir];
	uint8_t room[333];
	const struct iscsip_vec stage = { room, door == 1 ? sizeof room : 0 };
	ptrdiff_t taken;
	size_t used;

	most = most < q->len ? most : q->len;
	if (most == 0 || !(iscsip_frame_conn_want(to(p, dir)) & ISCSIP_WANT_RX))
		return 0;
	if (door == 2) {
		taken = iscsip_frame_conn_rx_push(to(p, dir), q->bytes, most, p->w.now);
		used = taken < 0 ? most : (size_t)taken;
	} else {
		used = drain_by_list(p, dir, most, &stage);
	}
	memmove(q->bytes, q->bytes + used, q->len - used);
	q->len -= used;
	return used;
}

static void spoil(struct pair *p, int dir)
{
	struct pipe *q = &p->pipe[dir];
	size_t at = q->len ? world_take_number(&p->w) % q->len : 0;
	uint8_t how = world_take(&p->w);

	if (q->len == 0 || q->len == PIPE)
		return;
	if (how < 0x80) {
		q->bytes[at] ^= (uint8_t)(how | 1);
	} else if (how < 0xc0) {
		memmove(q->bytes + at, q->bytes + at + 1, q->len - at - 1);
		q->len--;
	} else {
		memmove(q->bytes + at + 1, q->bytes + at, q->len - at);
		q->len++;
	}
}

static void operate(struct pair *p)
{
	uint8_t op = world_take(&p->w);
	int dir = op >> 3 & 1;

	switch (op % 8) {
	case 0:
	case 1:
		(void)fill(p, dir, world_take_number(&p->w), (op & 16) != 0);
		break;
	case 2:
	case 3:
		(void)drain(p, dir, world_take_number(&p->w), op >> 4 & 3);
		break;
	case 4:
		if (p->faulty)
			spoil(p, dir);
		break;
	case 5:
		p->w.now += op >> 4;
		(void)iscsip_frame_conn_tick(from(p, dir), p->w.now);
		break;
	default:
		world_host_acts(&p->w);
		break;
	}
}

/* Everything runs dry, whatever the device server still does by itself. */
static void run_dry(struct pair *p)
{
	size_t moved;

	world_tidy(&p->w);
	do {
		moved = 0;
		for (int dir = 0; dir < 2; dir++) {
			moved += fill(p, dir, PIPE, dir);
			moved += drain(p, dir, PIPE, (unsigned)dir + 1);
		}
		world_tidy(&p->w);
		moved += iscsip_frame_conn_want(p->w.t) & ISCSIP_WANT_TX;
		moved += p->pipe[0].len && (iscsip_frame_conn_want(p->w.t) & ISCSIP_WANT_RX); /* no longer held */
	} while (moved);
}

static void both_agree(struct pair *p)
{
	struct iscsip_frame_stats i, t;

	iscsip_frame_conn_stats(p->w.i, &i);
	iscsip_frame_conn_stats(p->w.t, &t);
	world_must(iscsip_frame_conn_error(p->w.i)->code == ISCSIP_OK);
	world_must(iscsip_frame_conn_error(p->w.t)->code == ISCSIP_OK);
	world_must(iscsip_frame_conn_open(p->w.i) == 0 && iscsip_frame_conn_open(p->w.t) == 0);
	world_must(i.tx_bytes == t.rx_bytes && i.rx_bytes == t.tx_bytes);
	world_must(i.tx_frames == t.rx_frames && i.rx_frames == t.tx_frames);
	world_must(i.in_bytes == t.in_bytes && i.out_bytes == t.out_bytes);
	world_must(i.exchanges == t.exchanges + t.refused && i.refused == t.refused);
	for (size_t n = 0; n < WORLD_EXCHANGES; n++)
		world_must(!p->w.exchanges[n].open && p->w.exchanges[n].x.result.err == ISCSIP_OK);
}

/* What the target had met is answered: it has nothing left but to close. */
static void closed_in_order(const struct pair *p)
{
	world_must(iscsip_frame_conn_error(p->w.i)->code == ISCSIP_OK);
	world_must(iscsip_frame_conn_error(p->w.t)->code == ISCSIP_OK);
	world_must(iscsip_frame_conn_want(p->w.t) == ISCSIP_WANT_CLOSE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pair p;

	memset(&p, 0, sizeof p);
	world_init(&p.w, data, size);
	p.faulty = p.w.hostile = world_take(&p.w) >= 0xc0;
	world_open_target(&p.w);
	world_open_initiator(&p.w);
	while (p.w.left)
		operate(&p);
	if (!p.faulty) {
		run_dry(&p);
		if (p.w.closing)
			closed_in_order(&p);
		else
			both_agree(&p);
	}
	world_fini(&p.w);
	return 0;
}
