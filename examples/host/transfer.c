/* SPDX-License-Identifier: MIT */
/*
 * read, write and compare: a range of blocks against a file, several requests under way, repeated where the connection
 * was lost. Data goes to and comes from the file in order, so pipes work: a window of slots moves over the range, and
 * only its oldest slot touches the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "util.h"

#define SLOTS 8u
#define PIECE (256u * 1024u)

enum slot_state { SLOT_FREE, SLOT_READY, SLOT_OUT, SLOT_BACK };

struct slot {
	struct request *r;
	enum slot_state state;
	uint64_t lba;
	uint32_t blocks;
};

struct transfer {
	struct link *l;
	struct capacity cap;
	struct slot slots[SLOTS];
	unsigned oldest, used;    /* slots in order of their blocks */
	uint64_t next_lba, end_lba;
	uint32_t piece_blocks;
	bool writing, comparing, input_ended;
	bool lost;
	bool busy;                /* the target was: what it did not take waits */
	int fd;
	const char *file;
	uint8_t *expected;        /* compare: bytes of the file */
	uint64_t offset;          /* bytes of the file that are settled */
	struct progress progress;
};

static void came_back(struct request *r)
{
	struct slot *s = r->user;

	s->state = SLOT_BACK;
}

/* Reads n bytes of the file, fewer only at its end. */
static size_t file_read(struct transfer *t, uint8_t *p, size_t n)
{
	size_t got = 0;

	while (got < n) {
		ssize_t m = read(t->fd, p + got, n - got);

		if (m < 0 && errno == EINTR)
			continue;
		if (m < 0)
			die("%s: %s", t->file, strerror(errno));
		if (m == 0)
			break;
		got += (size_t)m;
	}
	return got;
}

static void file_write(struct transfer *t, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t m = write(t->fd, p, n);

		if (m < 0 && errno == EINTR)
			continue;
		if (m < 0)
			die("%s: %s", t->file, strerror(errno));
		p += m;
		n -= (size_t)m;
	}
}

/* --- a slot's life --- */

/* What the next slot writes; false where the file has ended. A last part of a block is filled up with zeroes. */
static bool take_input(struct transfer *t, struct slot *s)
{
	size_t want = (size_t)s->blocks * t->cap.block_size, got = file_read(t, s->r->data, want), whole;

	if (got == want)
		return true;
	t->input_ended = true;
	whole = (got + t->cap.block_size - 1) / t->cap.block_size;
	memset(s->r->data + got, 0, whole * t->cap.block_size - got);
	s->blocks = (uint32_t)whole;
	t->end_lba = s->lba + whole;
	return whole != 0;
}

static bool fill_slot(struct transfer *t)
{
	struct slot *s = &t->slots[(t->oldest + t->used) % SLOTS];
	uint64_t left = t->end_lba - t->next_lba;

	if (t->used == SLOTS || left == 0 || t->input_ended)
		return false;
	s->lba = t->next_lba;
	s->blocks = left < t->piece_blocks ? (uint32_t)left : t->piece_blocks;
	if (t->writing && !take_input(t, s))
		return false;
	s->r->tries = 0;
	s->state = SLOT_READY;
	t->next_lba += s->blocks;
	t->used++;
	return true;
}

static void send_slot(struct transfer *t, struct slot *s)
{
	uint32_t bytes = s->blocks * t->cap.block_size;
	struct request *r = s->r;
	int err;

	memset(r->cdb, 0, sizeof r->cdb);
	iscsip_cdb_rw(r->cdb, t->writing ? ISCSIP_CDB_WRITE : ISCSIP_CDB_READ, s->lba, s->blocks, 0);
	r->in_len = t->writing ? 0 : bytes;
	r->out_len = t->writing ? bytes : 0;
	r->done = came_back;
	r->user = s;
	s->state = SLOT_OUT;
	err = t->l->ops->submit(t->l, r);
	if (err == ISCSIP_EAGAIN) {
		s->state = SLOT_READY;
	} else if (err) {
		r->err = err;
		s->state = SLOT_BACK;
	}
}

static void compare_slot(struct transfer *t, const struct slot *s)
{
	size_t n = (size_t)s->blocks * t->cap.block_size, got = file_read(t, t->expected, n), i;

	for (i = 0; i < got; i++)
		if (t->expected[i] != s->r->data[i])
			die("%s differs at offset %llu (LBA %llu)", t->file, (unsigned long long)(t->offset + i),
			    (unsigned long long)(s->lba + i / t->cap.block_size));
	if (got < n)
		t->end_lba = t->next_lba; /* the file is shorter than the unit: it is equal as far as it goes */
	t->input_ended = got < n;
	t->offset += got;
}

/* A slot came back: settled, to be sent again, or the end. */
static void judge(struct transfer *t, struct slot *s)
{
	struct request *r = s->r;

	if (r->err) {
		link_blame(t->l, r);
		t->lost = true;
		s->state = SLOT_READY;
	} else if (r->status != ISCSIP_STATUS_GOOD) {
		if (!request_again(r))
			request_die(r, t->writing ? "WRITE" : "READ");
		t->busy |= request_busy(r);
		s->state = SLOT_READY;
	} else if (!t->writing && r->in_got < s->blocks * t->cap.block_size) {
		die("READ at LBA %llu: %u bytes came back, %u were asked for", (unsigned long long)s->lba, r->in_got,
		    s->blocks * t->cap.block_size);
	} else if (t->writing && r->out_left) {
		die("WRITE at LBA %llu: the target did not take %u of %u bytes", (unsigned long long)s->lba, r->out_left,
		    s->blocks * t->cap.block_size);
	} else {
		t->l->retried = 0;
	}
}

static void settle_oldest(struct transfer *t)
{
	while (t->used && t->slots[t->oldest].state == SLOT_BACK) {
		struct slot *s = &t->slots[t->oldest];
		size_t n = (size_t)s->blocks * t->cap.block_size;

		if (t->comparing && !t->input_ended)
			compare_slot(t, s);
		else if (!t->writing && !t->comparing)
			file_write(t, s->r->data, n);
		progress_add(&t->progress, n);
		s->state = SLOT_FREE;
		t->oldest = (t->oldest + 1) % SLOTS;
		t->used--;
	}
}

static void step(struct transfer *t)
{
	unsigned i;

	while (fill_slot(t))
		;
	for (i = 0; i < t->used; i++) {
		struct slot *s = &t->slots[(t->oldest + i) % SLOTS];

		if (s->state == SLOT_READY)
			send_slot(t, s);
	}
	if (t->slots[t->oldest].state == SLOT_OUT)
		loop_round(&t->l->loop, 1000);
	for (i = 0; i < SLOTS; i++)
		if (t->slots[i].state == SLOT_BACK)
			judge(t, &t->slots[i]);
	settle_oldest(t);
	if (t->busy)
		link_pause(t->l);
	t->busy = false;
	if (t->lost) {
		t->lost = false;
		link_reopen(t->l);
		for (i = 0; i < SLOTS; i++) /* what came back while it closed is sent again, too */
			if (t->slots[i].state == SLOT_BACK && t->slots[i].r->err)
				t->slots[i].state = SLOT_READY;
	}
}

/* --- a range --- */

static void open_file(struct transfer *t, const struct operands *o, int flags)
{
	bool standard = strcmp(o->file, "-") == 0;

	t->file = standard ? (flags & O_CREAT ? "stdout" : "stdin") : o->file;
	t->fd = standard ? (flags & O_CREAT ? STDOUT_FILENO : STDIN_FILENO) : open(o->file, flags | O_CLOEXEC, 0666);
	if (t->fd < 0)
		die("%s: %s", o->file, strerror(errno));
}

/* Blocks to move: as given; else as the file has; else to the end of the unit. */
static uint64_t range_of(const struct transfer *t, const struct operands *o)
{
	struct stat st;
	uint64_t blocks = o->blocks;

	if (o->lba >= t->cap.blocks)
		die("LBA %llu lies beyond the end: the unit has %llu blocks", (unsigned long long)o->lba,
		    (unsigned long long)t->cap.blocks);
	if (!blocks && (t->writing || t->comparing) && fstat(t->fd, &st) == 0 && S_ISREG(st.st_mode))
		blocks = ((uint64_t)st.st_size + t->cap.block_size - 1) / t->cap.block_size;
	else if (!blocks)
		return t->cap.blocks - o->lba;
	if (blocks > t->cap.blocks - o->lba)
		die("%llu blocks from LBA %llu reach beyond the end: the unit has %llu blocks",
		    (unsigned long long)blocks, (unsigned long long)o->lba, (unsigned long long)t->cap.blocks);
	return blocks;
}

static void run(struct transfer *t, struct link *l, const struct operands *o, int flags, const char *what)
{
	unsigned i;

	t->l = l;
	t->cap = ask_capacity(l);
	open_file(t, o, flags);
	t->next_lba = o->lba;
	t->end_lba = o->lba + range_of(t, o);
	t->piece_blocks = PIECE / t->cap.block_size;
	for (i = 0; i < SLOTS; i++) {
		t->slots[i].r = request_new(l);
		t->slots[i].r->data = need(PIECE);
	}
	progress_begin(&t->progress, what, (t->end_lba - t->next_lba) * t->cap.block_size);
	while (t->used || (t->next_lba < t->end_lba && !t->input_ended))
		step(t);
	progress_end(&t->progress);
	for (i = 0; i < SLOTS; i++) {
		free(t->slots[i].r->data);
		free(t->slots[i].r);
	}
}

void command_read(struct link *l, const struct operands *o)
{
	struct transfer t = { 0 };

	run(&t, l, o, O_WRONLY | O_CREAT | O_TRUNC, "read");
	if (t.fd != STDOUT_FILENO && close(t.fd))
		die("%s: %s", t.file, strerror(errno));
}

void command_write(struct link *l, const struct operands *o)
{
	struct transfer t = { .writing = true };
	struct request *r;

	run(&t, l, o, O_RDONLY, "write");
	r = request_new(l);
	r->cdb[0] = 0x35; /* SYNCHRONIZE CACHE(10): what was written stays */
	link_must(l, r, "SYNCHRONIZE CACHE");
	free(r);
	if (o->blocks && t.next_lba < o->lba + o->blocks)
		die("%s ended after %llu of %llu blocks; these were written", t.file, (unsigned long long)(t.next_lba - o->lba),
		    (unsigned long long)o->blocks);
}

void command_compare(struct link *l, const struct operands *o)
{
	struct transfer t = { .comparing = true, .expected = need(PIECE) };

	run(&t, l, o, O_RDONLY, "compare");
	free(t.expected);
}
