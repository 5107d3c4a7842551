/* SPDX-License-Identifier: MIT */
/*
 * read, write and compare: a range of blocks against a file, several requests under way (window.h), the file beside them
 * (filer.h). Data goes to and comes from the file in order, so pipes work.
 *
 * What is written is kept until a SYNCHRONIZE CACHE that was sent behind its answer has succeeded: a target that restarts or
 * is reset forgets what it only had in its cache, and then it is written again. A flush every so often bounds what is kept. A
 * connection that dies again and again makes the flushes denser, so that each brings the write on.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "filer.h"
#include "util.h"
#include "verdict.h"
#include "window.h"

#define READ_PIECES 16u
#define KEPT_PIECES 256u
#define FLUSH_PIECES (KEPT_PIECES / 2)

/* What the file is doing. */
enum doing { IDLE, PIECE, PROBE };

/* How the unit puts what it has cached on its medium. */
enum flushing { FLUSH_10, FLUSH_16, FLUSH_NONE };

struct transfer {
	struct window w;
	struct filer file;
	const char *what;
	bool comparing;
	uint64_t begin, next, end;    /* of the range: its first block, the first that is in no piece, the first behind it */
	bool whole_input;             /* nobody has said how much of the input is meant: all of it */
	enum doing doing;
	size_t asked;                 /* write: bytes that the input was asked for */
	bool ended;                   /* the input has, or all that was asked for is here */
	bool too_long;                /* the input has more than the unit takes */
	uint8_t *expected;            /* compare: bytes of the file */
	uint64_t bytes;               /* of the file that are settled */
	uint64_t certain;             /* blocks before this one are */
	struct progress progress;
	/* write */
	struct request *flush;
	bool flush_out, flush_back;
	enum flushing flushing;
	unsigned covers;              /* pieces that the flush under way makes certain */
	unsigned flush_after;         /* so many good ones are a reason to flush */
};

static void so_far(void *user, char *text, size_t cap)
{
	struct transfer *t = user;
	const char *what = t->w.writing ? "written and flushed" : t->comparing ? "equal" : "in the file";

	if (t->certain > t->begin)
		snprintf(text, cap, "blocks before LBA %" PRIu64 " are %s", t->certain, what);
	else if (t->w.writing)
		snprintf(text, cap, "no block is certain to be written");
	else if (!t->comparing && t->file.fresh)
		snprintf(text, cap, "%.100s is as it was", t->file.name ? t->file.name : "the file");
}

/* --- the range --- */

/* Blocks that are meant: as given; else as the file has; else to the end of the unit. */
static void choose_range(struct transfer *t, const struct operands *o)
{
	const struct unit *u = &t->w.unit;
	uint64_t blocks = o->blocks, most;

	if (o->lba >= u->blocks)
		die("LBA %" PRIu64 " lies beyond the end: the unit has %" PRIu64 " blocks", o->lba, u->blocks);
	most = u->blocks - o->lba;
	if (!blocks && t->file.sized)
		blocks = t->file.size / u->block_size + (t->file.size % u->block_size != 0);
	else if (!blocks)
		t->whole_input = true;
	if (blocks > most)
		die("%" PRIu64 " blocks from LBA %" PRIu64 " reach beyond the end: the unit has %" PRIu64 " blocks", blocks, o->lba,
		    u->blocks);
	t->begin = t->next = t->certain = o->lba;
	t->end = o->lba + (t->whole_input ? most : blocks);
	t->w.furthest = o->lba;
	t->ended = t->next == t->end && !t->whole_input;
}

static void begin(struct transfer *t, struct link *l, const struct operands *o, bool writing, const char *what)
{
	bool input = writing || t->comparing;

	t->what = what;
	window_init(&t->w, l, writing, writing ? KEPT_PIECES : READ_PIECES);
	if (!input)
		choose_range(t, o); /* before the file is opened, which may make it */
	filer_open(&t->file, &l->loop, o->file, input);
	if (input)
		choose_range(t, o);
	l->so_far = so_far;
	l->so_far_user = t;
	progress_begin(&t->progress, what, (t->end - t->next) * t->w.unit.block_size);
}

static void finish(struct transfer *t)
{
	int error;

	progress_end(&t->progress);
	window_settle(&t->w);
	window_fini(&t->w);
	error = filer_finish(&t->file);
	t->w.l->so_far = NULL;
	if (error)
		die("%s: %s", t->file.name, strerror(error));
}

/* Blocks of the next piece. */
static uint32_t next_blocks(const struct transfer *t)
{
	uint32_t most = PIECE_BYTES / t->w.unit.block_size;
	uint64_t left = t->end - t->next;

	if (t->w.unit.most && t->w.unit.most < most)
		most = t->w.unit.most;
	return left < most ? (uint32_t)left : most;
}

/* The unit may have become smaller where nobody has said how much of it is needed. */
static void watch_end(struct transfer *t)
{
	if (t->whole_input && t->w.unit.blocks < t->end)
		t->end = t->w.unit.blocks;
	t->w.end = t->whole_input ? t->next : t->end;
}

static void must_work(struct transfer *t)
{
	if (filer_error(&t->file))
		link_die(t->w.l, "%s: %s", t->file.name, strerror(filer_error(&t->file)));
}

/* Input that ends early is told of, unless all of it was meant whatever it is. */
static void must_be_enough(const struct transfer *t, const char *done)
{
	if (t->too_long)
		die("%s has more than the %" PRIu64 " blocks from LBA %" PRIu64 " to the end of the unit; these %s", t->file.name,
		    t->end - t->begin, t->begin, done);
	if (!t->whole_input && t->next < t->end)
		die("%s ended after %" PRIu64 " of %" PRIu64 " blocks; these %s", t->file.name, t->next - t->begin,
		    t->end - t->begin, done);
}

/* --- read and compare --- */

static void differs(const struct transfer *t, uint64_t at)
{
	die("%s differs at offset %" PRIu64 " (LBA %" PRIu64 ")", t->file.name, t->bytes + at,
	    t->begin + (t->bytes + at) / t->w.unit.block_size);
}

static void compare_oldest(struct transfer *t, size_t want)
{
	const uint8_t *data = window_piece(&t->w, 0)->r->data;
	size_t got = t->file.got;

	for (size_t i = 0; i < got; i++)
		if (t->expected[i] != data[i])
			differs(t, i);
	if (got == want)
		return;
	t->ended = true; /* the file is shorter than the unit: it is equal as far as it goes */
	t->next = window_piece(&t->w, 0)->lba + (got + t->w.unit.block_size - 1) / t->w.unit.block_size;
	t->bytes += got;
}

/* The file has taken, or given, the bytes of the oldest piece. */
static void settle_oldest(struct transfer *t)
{
	struct piece *p = window_piece(&t->w, 0);
	size_t n = (size_t)p->blocks * t->w.unit.block_size;

	if (t->comparing)
		compare_oldest(t, n);
	if (t->ended)
		return;
	t->bytes += n;
	t->certain = p->lba + p->blocks;
	progress_add(&t->progress, n);
	window_drop(&t->w, 1);
}

static void file_done(struct transfer *t)
{
	enum doing did = t->doing;

	t->doing = IDLE;
	must_work(t);
	if (did == PIECE) {
		settle_oldest(t);
		return;
	}
	t->too_long = t->file.got != 0;
	t->ended = true;
}

/* Gives the file its next job, where there is one. */
static void use_file(struct transfer *t)
{
	struct piece *p = window_piece(&t->w, 0);

	if (t->doing != IDLE && !t->file.busy)
		file_done(t);
	if (t->doing != IDLE || t->ended)
		return;
	if (window_good(&t->w)) {
		p = window_piece(&t->w, 0);
		t->doing = PIECE;
		if (t->comparing)
			filer_read(&t->file, t->expected, (size_t)p->blocks * t->w.unit.block_size);
		else
			filer_write(&t->file, p->r->data, (size_t)p->blocks * t->w.unit.block_size);
	} else if (t->w.used == 0 && t->next == t->end) {
		t->ended = !t->whole_input || !t->comparing;
		if (!t->ended) {
			t->doing = PROBE;
			filer_read(&t->file, t->expected, 1);
		}
	}
}

static void get(struct transfer *t)
{
	while (!t->ended) {
		while (t->w.used < t->w.size && t->next < t->end) {
			uint32_t blocks = next_blocks(t);

			window_add(&t->w, t->next, blocks);
			t->next += blocks;
		}
		watch_end(t);
		window_send(&t->w);
		use_file(t);
		if (t->ended)
			break;
		window_wait(&t->w);
		(void)window_judge(&t->w);
	}
	while (t->file.busy)
		loop_round(&t->w.l->loop, 1000);
}

void command_read(struct link *l, const struct operands *o)
{
	struct transfer t = { .comparing = false };

	begin(&t, l, o, false, "read");
	get(&t);
	finish(&t);
}

void command_compare(struct link *l, const struct operands *o)
{
	struct transfer t = { .comparing = true, .expected = need(PIECE_BYTES) };

	begin(&t, l, o, false, "compare");
	get(&t);
	finish(&t);
	free(t.expected);
	if (t.bytes == 0)
		die("%s is empty: nothing was compared", t.file.name);
	must_be_enough(&t, "are equal");
}

/* --- write --- */

/* Bytes of the input have come for the place behind the newest piece. The rest of a last block is filled up with zeroes. */
static void took_input(struct transfer *t)
{
	uint32_t size = t->w.unit.block_size;
	size_t got = t->file.got, want = t->asked, whole = (got + size - 1) / size;

	if (got < want) {
		memset(window_piece(&t->w, t->w.used)->r->data + got, 0, whole * size - got);
		t->ended = true;
	}
	t->bytes += got;
	if (whole == 0)
		return;
	window_add(&t->w, t->next, (uint32_t)whole);
	t->next += whole;
	t->ended |= t->next == t->end && !t->whole_input;
}

static void use_input(struct transfer *t)
{
	if (t->doing != IDLE && !t->file.busy) {
		enum doing did = t->doing;

		t->doing = IDLE;
		if (did == PIECE) {
			took_input(t);
		} else {
			t->too_long = t->file.got != 0;
			t->ended = true;
		}
		t->ended |= filer_error(&t->file) != 0; /* what is here is written; then it is told */
	}
	if (t->doing != IDLE || t->ended || t->w.used == t->w.size)
		return;
	t->doing = t->next < t->end ? PIECE : PROBE;
	t->asked = t->doing == PIECE ? (size_t)next_blocks(t) * t->w.unit.block_size : 1;
	filer_read(&t->file, window_piece(&t->w, t->w.used)->r->data, t->asked);
}

static void flush_back(struct request *r)
{
	struct transfer *t = r->user;

	t->flush_out = false;
	t->flush_back = true;
}

/* Pieces that are certain leave, and with them the need to keep their bytes. */
static void flushed(struct transfer *t, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct piece *p = window_piece(&t->w, i);

		t->certain = p->lba + p->blocks;
		progress_add(&t->progress, (uint64_t)p->blocks * t->w.unit.block_size);
	}
	window_drop(&t->w, n);
	t->flush_after = t->flush_after * 2 < FLUSH_PIECES ? t->flush_after * 2 : FLUSH_PIECES;
}

static void send_flush(struct transfer *t)
{
	static const uint8_t by_form[] = { [FLUSH_10] = ISCSIP_SCSI_SYNCHRONIZE_CACHE_10,
					   [FLUSH_16] = ISCSIP_SCSI_SYNCHRONIZE_CACHE_16 };
	unsigned good = window_good(&t->w);
	int err;

	if (good == 0 || t->flush_out || t->flush_back || unit_may_differ(t->w.l, &t->w.unit))
		return;
	if (t->flushing == FLUSH_NONE) {
		flushed(t, good);
		return;
	}
	if (good < t->flush_after && !(t->ended && good == t->w.used))
		return;
	memset(t->flush->cdb, 0, sizeof t->flush->cdb);
	t->flush->cdb[0] = by_form[t->flushing]; /* LBA 0, and no number of blocks: all of the unit */
	t->flush->done = flush_back;
	t->flush->user = t;
	t->covers = good;
	t->flush_out = true;
	err = link_submit(t->w.l, t->flush);
	if (err == 0)
		return;
	t->flush_out = false;
	t->flush_back = err != ISCSIP_EAGAIN;
	t->flush->err = err;
}

/* A unit that knows no SYNCHRONIZE CACHE has nothing to flush. */
static void flush_failed(struct transfer *t)
{
	if (!verdict_unknown_command(t->flush))
		request_die(t->flush, "SYNCHRONIZE CACHE");
	t->flushing = t->flushing == FLUSH_10 ? FLUSH_16 : FLUSH_NONE;
	t->flush->tries = 0;
}

static void judge_flush(struct transfer *t)
{
	struct request *r = t->flush;

	if (!t->flush_back)
		return;
	t->flush_back = false;
	if (r->err) {
		(void)window_lost(&t->w, r);
		return;
	}
	switch (link_judge(t->w.l, r)) {
	case VERDICT_DONE:
		if (r->epoch != t->w.l->epoch)
			break; /* a reset came between: what it covered is written again */
		flushed(t, t->covers);
		link_progress(t->w.l);
		break;
	case VERDICT_FAILED:
		flush_failed(t);
		break;
	case VERDICT_LATER:
		t->w.busy = true;
		break;
	default:
		break;
	}
}

/* What was good is not any more. */
static void start_over(struct transfer *t, unsigned good)
{
	tell("what was written and not flushed is written again, from LBA %" PRIu64, t->certain);
	if (good / 2 < t->flush_after)
		t->flush_after = good / 2 ? good / 2 : 1;
}

static void put(struct transfer *t)
{
	while (!t->ended || t->w.used) {
		unsigned good;

		watch_end(t);
		use_input(t);
		t->w.ahead = t->flush_after * 2;
		window_send(&t->w);
		send_flush(t);
		if (t->ended && !t->w.used)
			break;
		if (!t->flush_back)
			window_wait(&t->w);
		judge_flush(t);
		good = window_good(&t->w);
		if (window_judge(&t->w))
			start_over(t, good);
	}
}

void command_write(struct link *l, const struct operands *o)
{
	struct transfer t = { .flush_after = FLUSH_PIECES };

	t.flush = request_new(l);
	begin(&t, l, o, true, "write");
	put(&t);
	must_work(&t);
	finish(&t);
	request_free(t.flush);
	must_be_enough(&t, "were written");
}
