/* SPDX-License-Identifier: MIT */
/*
 * The moving window (window.h): sending, judging, and what follows from a lost connection or a unit attention.
 *
 * While the link has changes that were not looked at, nothing is sent: when all has come back, the unit is asked again whether it
 * is the same. A piece counts as good only if no reset came between its sending and its answer, since the order in which a
 * target executes them is its own.
 */
#include "window.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

#define OUT_MAX 8u

void window_init(struct window *w, struct link *l, bool writing, unsigned size)
{
	memset(w, 0, sizeof *w);
	w->l = l;
	w->writing = writing;
	w->size = w->ahead = size;
	w->pieces = need(size * sizeof *w->pieces);
	w->unit = unit_ask(l);
	l->medium_changed = false;
	l->writing = writing;
}

void window_fini(struct window *w)
{
	for (unsigned i = 0; i < w->size; i++)
		if (w->pieces[i].r)
			request_free(w->pieces[i].r);
	free(w->pieces);
	w->l->writing = false;
}

struct piece *window_piece(struct window *w, unsigned i)
{
	struct piece *p = &w->pieces[(w->oldest + i) % w->size];

	if (!p->r)
		p->r = unit_request(w->l, PIECE_BYTES);
	return p;
}

void window_add(struct window *w, uint64_t lba, uint32_t blocks)
{
	struct piece *p = window_piece(w, w->used++);

	p->lba = lba;
	p->blocks = blocks;
	p->state = PIECE_READY;
	p->r->tries = 0;
}

void window_drop(struct window *w, unsigned n)
{
	w->oldest = (w->oldest + n) % w->size;
	w->used -= n;
}

unsigned window_good(struct window *w)
{
	unsigned n = 0;

	while (n < w->used && window_piece(w, n)->state == PIECE_GOOD)
		n++;
	return n;
}

/* --- sending --- */

static void came_back(struct request *r)
{
	struct piece *p = r->user;

	p->state = PIECE_BACK;
}

/* False where the link takes no more now. */
static bool send_piece(struct window *w, struct piece *p)
{
	uint32_t bytes = p->blocks * w->unit.block_size;
	struct request *r = p->r;
	int err;

	iscsip_cdb_rw(r->cdb, w->writing ? ISCSIP_CDB_WRITE : ISCSIP_CDB_READ, p->lba, p->blocks, 0);
	r->in_len = w->writing ? 0 : bytes;
	r->out_len = w->writing ? bytes : 0;
	r->done = came_back;
	r->user = p;
	p->state = PIECE_OUT;
	err = link_submit(w->l, r);
	if (err == ISCSIP_EAGAIN) {
		p->state = PIECE_READY;
		return false;
	}
	w->out++;
	if (err) {
		r->err = err;
		p->state = PIECE_BACK;
	}
	return true;
}

void window_send(struct window *w)
{
	if (unit_may_differ(w->l, &w->unit))
		return;
	for (unsigned i = 0; i < w->used && i < w->ahead && w->out < OUT_MAX; i++) {
		struct piece *p = window_piece(w, i);

		if (p->state == PIECE_READY && !send_piece(w, p))
			return;
	}
}

void window_wait(struct window *w)
{
	for (unsigned i = 0; i < w->used; i++)
		if (window_piece(w, i)->state == PIECE_BACK)
			return;
	loop_round(&w->l->loop, 1000);
}

/* --- judging --- */

/* Success that is none: not all that was asked for has moved. */
static void must_be_whole(const struct window *w, const struct piece *p)
{
	const struct request *r = p->r;
	unsigned long long lba = p->lba;
	uint32_t bytes = p->blocks * w->unit.block_size;

	if (!w->writing && r->in_got < bytes)
		link_die(w->l, "READ at LBA %llu: %u bytes came back, %u were asked for", lba, r->in_got, bytes);
	if (w->writing && !request_whole(r))
		link_die(w->l, "WRITE at LBA %llu: the target did not take %u of %u bytes", lba, r->out_left, bytes);
	if (r->beyond)
		link_die(w->l, "%s at LBA %llu: the target %s %u bytes more than the %u of these blocks", w->writing ? "WRITE" : "READ",
			 lba, w->writing ? "wanted" : "had", r->beyond, bytes);
}

bool window_lost(struct window *w, const struct request *r)
{
	if (r->epoch != w->l->epoch)
		return false;
	link_blame(w->l, r);
	w->lost = true;
	return true;
}

/* What is read is kept, so each block is progress; what is written may have to be written again. */
static void got_on(struct window *w, const struct piece *p)
{
	if (w->writing && p->lba < w->furthest)
		return;
	w->furthest = p->lba + p->blocks;
	link_progress(w->l);
}

static void judge_piece(struct window *w, struct piece *p)
{
	struct request *r = p->r;

	w->out--;
	p->state = PIECE_READY;
	if (r->err) {
		(void)window_lost(w, r); /* either way it is sent again */
		return;
	}
	switch (link_judge(w->l, r)) {
	case VERDICT_DONE:
		must_be_whole(w, p);
		p->state = PIECE_GOOD;
		got_on(w, p);
		break;
	case VERDICT_FAILED:
		request_die(r, w->writing ? "WRITE" : "READ");
	case VERDICT_LATER:
		w->busy = true;
		break;
	default:
		break;
	}
}

static void judge_pieces(struct window *w)
{
	for (unsigned i = 0; i < w->used; i++) {
		struct piece *p = window_piece(w, i);

		if (p->state == PIECE_BACK)
			judge_piece(w, p);
	}
}

/* What was written under an older epoch is written again. */
static void forget_epochs(struct window *w)
{
	for (unsigned i = 0; w->writing && i < w->used; i++) {
		struct piece *p = window_piece(w, i);

		if (p->state == PIECE_GOOD && p->r->epoch != w->l->epoch)
			p->state = PIECE_READY;
	}
}

bool window_judge(struct window *w)
{
	unsigned epoch = w->l->epoch;

	judge_pieces(w);
	if (w->busy && !w->lost)
		link_pause(w->l);
	w->busy = false;
	if (w->lost) {
		link_reopen(w->l); /* what was under way comes back while it closes */
		judge_pieces(w);
		w->lost = false;
	}
	if (w->out == 0 && unit_may_differ(w->l, &w->unit))
		unit_check(w->l, &w->unit, w->end);
	forget_epochs(w);
	return epoch != w->l->epoch;
}

void window_settle(struct window *w)
{
	for (unsigned i = 0; i < w->used; i++)
		while (window_piece(w, i)->state == PIECE_OUT)
			loop_round(&w->l->loop, 1000);
	w->used = w->out = 0;
}
