/* SPDX-License-Identifier: MIT */
/*
 * Storage requests on files and block devices (backing_io.h).
 *
 * When is data stable? The kernel tells each descriptor once that something written to the file could not be brought to the
 * medium, drops the data, and says success from then on. So:
 *
 * - Flushes of a backing run one after the other, all on b->fd, and one covers all that were asked for before it began.
 *   What it is told is everything since the flush before, whoever wrote it. After the first that fails, the backing has
 *   *failed*: no write and no flush of it succeeds until it is opened anew, as nobody knows what was lost.
 * - A write that is stable before its answer (FUA) is a write with RWF_DSYNC by a *pen*: a descriptor of its own, which no
 *   other call uses meanwhile, so that nobody else can be told of its loss in its place. Where it fails, a flush says
 *   whether anything was lost; where not, and there was no space for it, it was refused as any write may be, and the
 *   backing goes on. With any other error it has failed: so says the disk, too (iscsip_disk_lun_set_failed()).
 *
 * Pens are opened when they are needed, at most one for each thread of the share, and kept.
 */
#include "backing_io.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backing_state.h"
#include "kernel.h"
#include "util.h"

#define PIECES 64
#define AHEAD_MAX (16u << 20) /* of a PRE-FETCH: the cache is for all units */

_Static_assert(sizeof(off_t) == 8, "offsets of large files: build with _FILE_OFFSET_BITS=64");

bool io_open(struct backing *b)
{
	return !pthread_mutex_init(&b->stable.lock, NULL) && !pthread_mutex_init(&b->stable.pens_lock, NULL);
}

static void close_pens(struct backing *b)
{
	while (b->stable.pen_count)
		close(b->stable.pens[--b->stable.pen_count]); /* all that they wrote was answered for */
}

void io_close(struct backing *b)
{
	close_pens(b);
	pthread_mutex_destroy(&b->stable.lock);
	pthread_mutex_destroy(&b->stable.pens_lock);
}

void io_reopened(struct backing *b)
{
	close_pens(b);
	atomic_store(&b->stable.failed, false);
}

/* --- reading and writing --- */

/* The pieces of a request from byte `skip` on. */
static int pieces(const struct iscsip_storage_req *r, size_t skip, struct iovec *vec)
{
	int i, cnt = 0;

	for (i = 0; i < r->cnt && cnt < PIECES; i++) {
		if (skip >= r->vec[i].len) {
			skip -= r->vec[i].len;
			continue;
		}
		vec[cnt].iov_base = (uint8_t *)r->vec[i].base + skip;
		vec[cnt++].iov_len = r->vec[i].len - skip;
		skip = 0;
	}
	return cnt;
}

/* All of a READ or WRITE, however many calls that takes. 0, or an errno; *done says how far it came. */
static int move(int fd, const struct iscsip_storage_req *r, int flags, size_t *done)
{
	bool in = r->op == ISCSIP_STORAGE_READ;

	while (*done < r->len) {
		struct iovec vec[PIECES];
		int cnt = pieces(r, *done, vec);
		off_t at = (off_t)(r->offset + *done);
		ssize_t n;

		if (cnt == 1 && !flags)
			n = in ? pread(fd, vec[0].iov_base, vec[0].iov_len, at) : pwrite(fd, vec[0].iov_base, vec[0].iov_len, at);
		else
			n = in ? vector_read(fd, vec, cnt, at, flags) : vector_write(fd, vec, cnt, at, flags);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? EIO : errno; /* 0: the file has become shorter */
		*done += (size_t)n;
	}
	return 0;
}

bool io_read_at_once(struct backing *b, const struct iscsip_storage_req *r)
{
	size_t done = 0;
	int err = b->no_nowait ? EOPNOTSUPP : move(b->fd, r, RWF_NOWAIT, &done);

	if (err == EOPNOTSUPP)
		b->no_nowait = true;
	return err == 0;
}

static int read_or_write(struct backing *b, struct iscsip_storage_req *r)
{
	size_t done = 0;
	int err = move(b->fd, r, 0, &done);

	r->error_offset = r->offset + done;
	return err;
}

/* --- stable --- */

static void lost(struct backing *b, int err)
{
	if (!atomic_exchange(&b->stable.failed, true))
		complain("%s: what was written since the last flush may be lost: %s; no writes are taken until it is opened anew "
			 "(SIGHUP)", b->path, strerror(err));
}

static int flush(struct backing *b)
{
	struct stable *s = &b->stable;
	uint64_t mine = atomic_fetch_add(&s->asked, 1) + 1, now;
	int err = 0;

	pthread_mutex_lock(&s->lock);
	now = atomic_load(&s->asked);
	if (atomic_load(&s->failed))
		err = EIO;
	else if (s->covered < mine && fdatasync(b->fd))
		err = errno;
	else if (s->covered < mine)
		s->covered = now;
	if (err)
		lost(b, err);
	pthread_mutex_unlock(&s->lock);
	return err;
}

/* -1 where the path leads to another file by now, or nowhere. */
static int open_pen(const struct backing *b)
{
	struct stat mine, its;
	int fd = open(b->path, O_RDWR | O_CLOEXEC);

	if (fd >= 0 && !fstat(b->fd, &mine) && !fstat(fd, &its) && mine.st_dev == its.st_dev && mine.st_ino == its.st_ino)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* A descriptor of the file that nobody else uses; -1 where none is to be had. */
static int take_pen(struct backing *b)
{
	struct stable *s = &b->stable;
	int fd = -1;

	pthread_mutex_lock(&s->pens_lock);
	if (s->pen_count)
		fd = s->pens[--s->pen_count];
	pthread_mutex_unlock(&s->pens_lock);
	return fd >= 0 ? fd : open_pen(b);
}

static void give_pen(struct backing *b, int fd)
{
	struct stable *s = &b->stable;

	pthread_mutex_lock(&s->pens_lock);
	s->pens[s->pen_count++] = fd;
	pthread_mutex_unlock(&s->pens_lock);
}

static int write_through(struct backing *b, struct iscsip_storage_req *r)
{
	int pen = take_pen(b), err;
	size_t done = 0;

	if (pen < 0) {
		err = read_or_write(b, r);
		return err ? err : flush(b);
	}
	err = move(pen, r, RWF_DSYNC, &done);
	give_pen(b, pen);
	r->error_offset = r->offset + done;
	if (err && flush(b))
		err = EIO;
	return err;
}

/* --- what is not data --- */

static int write_zero_bytes(struct backing *b, struct iscsip_storage_req *r)
{
	static const uint8_t zeroes[65536];
	uint64_t at = r->offset, end = r->offset + r->len;

	while (at < end) {
		ssize_t n = pwrite(b->fd, zeroes, end - at < sizeof zeroes ? (size_t)(end - at) : sizeof zeroes, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			r->error_offset = at;
			return n < 0 ? errno : EIO;
		}
		at += (uint64_t)n;
	}
	return 0;
}

static int zero(struct backing *b, struct iscsip_storage_req *r)
{
	bool punch = r->op == ISCSIP_STORAGE_UNMAP || (r->flags & ISCSIP_STORAGE_MAY_UNMAP);
	int mode = FALLOC_FL_KEEP_SIZE | (punch ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE), err;

	do
		err = fallocate(b->fd, mode, (off_t)r->offset, (off_t)r->len) ? errno : 0;
	while (err == EINTR);
	/* EINVAL: a device whose own blocks are larger than the unit's */
	if (err == EOPNOTSUPP || err == ENOSYS || err == ENODEV || err == EINVAL)
		err = write_zero_bytes(b, r);
	if (!err && (r->flags & ISCSIP_STORAGE_FUA))
		err = flush(b);
	return err;
}

/*
 * A block with a hole in it has data in it as long as it is not all hole, so holes are rounded inwards and data outwards;
 * the answer is a block at least. What the file system cannot tell counts as mapped.
 */
static int lba_status(struct backing *b, struct iscsip_storage_req *r)
{
	uint64_t bs = b->block_size, end = r->offset + r->len, until = end;
	off_t at = (off_t)r->offset, hole, data = lseek(b->fd, at, SEEK_DATA);
	bool none = data < 0 && errno == ENXIO;

	r->provisioning = ISCSIP_PROVISIONING_MAPPED;
	if (data < 0 && !none)
		return 0;
	if (none && lseek(b->fd, at, SEEK_HOLE) < 0)
		return 0; /* beyond the end: the file has become shorter, and reading it fails */
	if (none || (uint64_t)data >= r->offset + bs) {
		r->provisioning = ISCSIP_PROVISIONING_DEALLOCATED;
		if (!none)
			until = (uint64_t)data - (uint64_t)data % bs;
	} else {
		hole = lseek(b->fd, data, SEEK_HOLE);
		if (hole > data)
			until = ((uint64_t)hole + bs - 1) / bs * bs;
	}
	if (until < end)
		r->len = until - r->offset;
	return 0;
}

/* A hint: whether it was taken changes nothing that anybody is told. */
static int pre_fetch(struct backing *b, const struct iscsip_storage_req *r)
{
	(void)posix_fadvise(b->fd, (off_t)r->offset, (off_t)(r->len < AHEAD_MAX ? r->len : AHEAD_MAX), POSIX_FADV_WILLNEED);
	return 0;
}

/* --- all of them --- */

static enum iscsip_storage_result result_of(int err)
{
	switch (err) {
	case 0:
		return ISCSIP_STORAGE_OK;
	case ENOSPC:
	case EDQUOT:
		return ISCSIP_STORAGE_NO_SPACE;
	case EROFS:
	case EBADF:
	case EPERM:
		return ISCSIP_STORAGE_READ_ONLY;
	case ENOMEM:
		return ISCSIP_STORAGE_BUSY;
	default:
		return ISCSIP_STORAGE_IO_ERROR;
	}
}

static int perform(struct backing *b, struct iscsip_storage_req *r)
{
	switch (r->op) {
	case ISCSIP_STORAGE_READ:
		return read_or_write(b, r);
	case ISCSIP_STORAGE_WRITE:
		return r->flags & ISCSIP_STORAGE_FUA && !b->in_memory ? write_through(b, r) : read_or_write(b, r);
	case ISCSIP_STORAGE_FLUSH:
		return flush(b);
	case ISCSIP_STORAGE_UNMAP:
	case ISCSIP_STORAGE_WRITE_ZEROES:
		return zero(b, r);
	case ISCSIP_STORAGE_LBA_STATUS:
		return lba_status(b, r);
	case ISCSIP_STORAGE_PRE_FETCH:
		return pre_fetch(b, r);
	case ISCSIP_STORAGE_COMMIT:
		return state_save(b, r);
	default:
		return EINVAL;
	}
}

static bool changes(const struct iscsip_storage_req *r)
{
	return r->op == ISCSIP_STORAGE_WRITE || r->op == ISCSIP_STORAGE_UNMAP || r->op == ISCSIP_STORAGE_WRITE_ZEROES;
}

enum iscsip_storage_result io_perform(struct backing *b, struct iscsip_storage_req *r)
{
	enum iscsip_storage_result result;
	int err;

	if (changes(r) && atomic_load(&b->stable.failed))
		return ISCSIP_STORAGE_IO_ERROR;
	err = perform(b, r);
	if (err && (r->op == ISCSIP_STORAGE_FLUSH || (r->op == ISCSIP_STORAGE_READ && err != ENOMEM)))
		err = EIO; /* what was lost for want of space is lost, and a medium that cannot be read is not write-protected */
	result = result_of(err);
	if (result == ISCSIP_STORAGE_IO_ERROR && changes(r) && (r->flags & ISCSIP_STORAGE_FUA))
		lost(b, err);
	return result;
}
