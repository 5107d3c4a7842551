/* SPDX-License-Identifier: MIT */
/*
 * Pieces of a range of blocks, in order: a window that moves over the range. Up to a few of its pieces are under way at a time.
 * What a piece waits for before it leaves the window differs: a read for the file, a write for the flush that covers it.
 */
#ifndef HOST_WINDOW_H
#define HOST_WINDOW_H

#include "unit.h"

#define PIECE_BYTES (256u * 1024u)

enum piece_state {
	PIECE_READY, /* to be sent, or to be sent again */
	PIECE_OUT,   /* under way */
	PIECE_BACK,  /* came back, and was not judged yet */
	PIECE_GOOD   /* done */
};

struct piece {
	struct request *r;
	enum piece_state state;
	uint64_t lba;
	uint32_t blocks;
};

struct window {
	struct link *l;
	struct unit unit;
	bool writing;
	struct piece *pieces;
	unsigned size;           /* pieces at most */
	unsigned oldest, used;   /* pieces in order of their blocks */
	unsigned ahead;          /* only so many of the oldest are sent */
	unsigned out;            /* under way */
	uint64_t end;            /* the unit has to have the blocks before this one */
	uint64_t furthest;       /* a write that ended before this block is no progress: it was done before */
	bool lost, busy;         /* found while judging; what else is under way over the link may set them before */
};

void window_init(struct window *w, struct link *l, bool writing, unsigned size);
void window_fini(struct window *w);
/* The i-th piece from the oldest; the i-th place may be one that is not used yet, with its buffer. */
struct piece *window_piece(struct window *w, unsigned i);
/* One piece more, behind the newest, READY. Its buffer may have been filled before. */
void window_add(struct window *w, uint64_t lba, uint32_t blocks);
/* The oldest n pieces leave. */
void window_drop(struct window *w, unsigned n);
/* How many of the oldest pieces are good. */
unsigned window_good(struct window *w);
/* Sends what is ready, as far as it may be under way. */
void window_send(struct window *w);
/* Waits until something happens: an answer, or whatever else the loop serves. */
void window_wait(struct window *w);
/*
 * Judges what came back, and mends the link where it has to be: afterwards what had no answer is ready again, and so is what was
 * written before a reset or on another connection. True where there was one of these: what is not flushed may be gone.
 */
bool window_judge(struct window *w);
/* An answer with `err`: whether the present connection is lost, or only one before it was. */
bool window_lost(struct window *w, const struct request *r);
/* Waits for what is under way, whatever comes of it. */
void window_settle(struct window *w);

#endif
