/* SPDX-License-Identifier: MIT */
/*
 * Files and block devices as storage. The network thread never waits for a device: a request is tried at once where the
 * kernel can say "would block" (RWF_NOWAIT: data that is in the page cache), and else goes to a thread of the pool. On a
 * file system in memory (tmpfs) nothing blocks, and everything is done at once. Reads of what is in the page cache need no
 * request at all where the file can be mapped (backing_map.c).
 *
 * Jobs are kept in a list for reuse: once as many exist as were ever under way together, nothing is allocated.
 */
#include "backing_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "backing_map.h"
#include "pool.h"
#include "util.h"

_Static_assert(sizeof(off_t) == 8, "offsets of large files: build with _FILE_OFFSET_BITS=64");

struct file_job {
	struct job job;
	struct file_job *next_free;
	struct backing *b;
	struct iscsip_storage_req *req;
	enum iscsip_storage_result result;
};

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
		return ISCSIP_STORAGE_READ_ONLY;
	case ENOMEM:
		return ISCSIP_STORAGE_BUSY;
	default:
		return ISCSIP_STORAGE_IO_ERROR;
	}
}

/* --- reading and writing --- */

/* The whole of a vector, from byte `done` on. 0, or an errno; *done says how far it came. */
static int move(struct backing *b, const struct iscsip_storage_req *r, int flags, size_t *done)
{
	struct iovec vec[64];
	bool in = r->op == ISCSIP_STORAGE_READ;

	while (*done < r->len) {
		size_t skip = *done;
		int i, cnt = 0;
		ssize_t n;

		for (i = 0; i < r->cnt && cnt < 64; i++) {
			if (skip >= r->vec[i].len) {
				skip -= r->vec[i].len;
				continue;
			}
			vec[cnt].iov_base = (uint8_t *)r->vec[i].base + skip;
			vec[cnt++].iov_len = r->vec[i].len - skip;
			skip = 0;
		}
		if (cnt == 1 && !flags)
			n = in ? pread(b->fd, vec[0].iov_base, vec[0].iov_len, (off_t)(r->offset + *done))
			       : pwrite(b->fd, vec[0].iov_base, vec[0].iov_len, (off_t)(r->offset + *done));
		else
			n = in ? preadv2(b->fd, vec, cnt, (off_t)(r->offset + *done), flags)
			       : pwritev2(b->fd, vec, cnt, (off_t)(r->offset + *done), flags);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? EIO : errno;
		*done += (size_t)n;
	}
	return 0;
}

static int sync_flag(const struct iscsip_storage_req *r)
{
	return r->flags & ISCSIP_STORAGE_FUA ? RWF_DSYNC : 0;
}

static int move_all(struct backing *b, struct iscsip_storage_req *r)
{
	size_t done = 0;
	int err = move(b, r, r->op == ISCSIP_STORAGE_WRITE ? sync_flag(r) : 0, &done);

	r->error_offset = r->offset + done;
	return err;
}

/* --- what is not data --- */

static int write_zero_bytes(struct backing *b, uint64_t offset, uint64_t len)
{
	static const uint8_t zeroes[65536];

	while (len) {
		ssize_t n = pwrite(b->fd, zeroes, len < sizeof zeroes ? (size_t)len : sizeof zeroes, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		offset += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

static int zero(struct backing *b, const struct iscsip_storage_req *r)
{
	bool punch = r->op == ISCSIP_STORAGE_UNMAP || (r->flags & ISCSIP_STORAGE_MAY_UNMAP);
	int mode = FALLOC_FL_KEEP_SIZE | (punch ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);
	int err = fallocate(b->fd, mode, (off_t)r->offset, (off_t)r->len) ? errno : 0;

	if (err == EOPNOTSUPP || err == ENOSYS || err == ENODEV)
		err = write_zero_bytes(b, r->offset, r->len);
	if (!err && (r->flags & ISCSIP_STORAGE_FUA))
		err = fdatasync(b->fd) ? errno : 0;
	return err;
}

static int lba_status(struct backing *b, struct iscsip_storage_req *r)
{
	off_t at = (off_t)r->offset, end;
	off_t data = lseek(b->fd, at, SEEK_DATA);
	bool hole = (data < 0 && errno == ENXIO) || data > at;

	if (data < 0 && errno != ENXIO)
		return 0; /* the file system cannot tell: all of it counts as mapped */
	end = hole ? (data < 0 ? (off_t)(r->offset + r->len) : data) : lseek(b->fd, at, SEEK_HOLE);
	r->provisioning = hole ? ISCSIP_PROVISIONING_DEALLOCATED : ISCSIP_PROVISIONING_MAPPED;
	end -= end % (off_t)b->block_size;
	if (end > at && (uint64_t)(end - at) < r->len)
		r->len = (uint64_t)(end - at);
	return 0;
}

/* Persistent reservations stand in a file beside the backing, replaced as a whole. */
static int save(struct backing *b, const struct iscsip_storage_req *r)
{
	char name[4096], fresh[4096 + 8];
	size_t done = 0;
	struct backing to = { 0 };
	struct iscsip_storage_req write = *r;
	int err;

	snprintf(name, sizeof name, "%s.pr", b->path);
	if (r->len == 0)
		return unlink(name) && errno != ENOENT ? errno : 0;
	snprintf(fresh, sizeof fresh, "%s.new", name);
	to.fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (to.fd < 0)
		return errno;
	write.op = ISCSIP_STORAGE_WRITE;
	write.offset = 0;
	err = move(&to, &write, 0, &done);
	if (!err && (fsync(to.fd) || rename(fresh, name)))
		err = errno;
	close(to.fd);
	return err;
}

static void load_saved(struct backing *b)
{
	char name[4096];
	struct stat st;
	int fd;

	snprintf(name, sizeof name, "%s.pr", b->path);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && st.st_size > 0 && st.st_size < 1 << 20) {
		b->saved = need((size_t)st.st_size);
		if (read(fd, b->saved, (size_t)st.st_size) == (ssize_t)st.st_size)
			b->saved_len = (size_t)st.st_size;
	}
	close(fd);
}

static int perform(struct backing *b, struct iscsip_storage_req *r)
{
	switch (r->op) {
	case ISCSIP_STORAGE_READ:
	case ISCSIP_STORAGE_WRITE:
		return move_all(b, r);
	case ISCSIP_STORAGE_FLUSH:
		return fdatasync(b->fd) ? errno : 0;
	case ISCSIP_STORAGE_UNMAP:
	case ISCSIP_STORAGE_WRITE_ZEROES:
		return zero(b, r);
	case ISCSIP_STORAGE_LBA_STATUS:
		return lba_status(b, r);
	case ISCSIP_STORAGE_PRE_FETCH:
		return posix_fadvise(b->fd, (off_t)r->offset, (off_t)r->len, POSIX_FADV_WILLNEED);
	case ISCSIP_STORAGE_COMMIT:
		return save(b, r);
	default:
		return EINVAL;
	}
}

/* --- at once, or in a thread --- */

static void work(struct job *j)
{
	struct file_job *f = (struct file_job *)(void *)j;

	f->result = result_of(perform(f->b, f->req));
}

/* Pages of what was unmapped or zeroed may have left the cache. */
static void given_back(struct backing *b, const struct iscsip_storage_req *r)
{
	if (r->op == ISCSIP_STORAGE_UNMAP || r->op == ISCSIP_STORAGE_WRITE_ZEROES)
		map_forget(b, r->offset, r->len);
}

static void done(struct job *j)
{
	struct file_job *f = (struct file_job *)(void *)j;

	given_back(f->b, f->req);
	f->next_free = f->b->free_jobs;
	f->b->free_jobs = f;
	iscsip_storage_done(f->req, f->result);
}

static void in_thread(struct backing *b, struct iscsip_storage_req *r)
{
	struct file_job *f = b->free_jobs;

	if (f)
		b->free_jobs = f->next_free;
	else
		f = calloc(1, sizeof *f);
	if (!f) {
		iscsip_storage_done(r, ISCSIP_STORAGE_BUSY);
		return;
	}
	f->b = b;
	f->req = r;
	f->job.work = work;
	f->job.done = done;
	pool_submit(b->loop, &f->job);
}

/* True where the kernel did all of it without waiting. */
static bool without_waiting(struct backing *b, const struct iscsip_storage_req *r)
{
	size_t moved = 0;
	int err;

	if (r->op == ISCSIP_STORAGE_WRITE && (b->no_nowait_write || (r->flags & ISCSIP_STORAGE_FUA)))
		return false;
	err = move(b, r, RWF_NOWAIT, &moved);
	if (err == EOPNOTSUPP && r->op == ISCSIP_STORAGE_WRITE)
		b->no_nowait_write = true;
	return err == 0;
}

static void serve(void *user, struct iscsip_storage_req *r)
{
	struct backing *b = user;

	given_back(b, r);
	if (b->loop->torn) /* what is to be written may have come from memory that failed */
		iscsip_storage_done(r, ISCSIP_STORAGE_IO_ERROR);
	else if (b->in_memory && r->op != ISCSIP_STORAGE_COMMIT)
		iscsip_storage_done(r, result_of(perform(b, r)));
	else if ((r->op == ISCSIP_STORAGE_READ || r->op == ISCSIP_STORAGE_WRITE) && without_waiting(b, r))
		iscsip_storage_done(r, ISCSIP_STORAGE_OK);
	else
		in_thread(b, r);
}

static const struct iscsip_storage_ops file_ops = {
	.struct_size = sizeof(struct iscsip_storage_ops),
	.pin = map_pin,
	.unpin = map_unpin,
	.read = serve,
	.write = serve,
	.flush = serve,
	.unmap = serve,
	.write_zeroes = serve,
	.lba_status = serve,
	.pre_fetch = serve,
	.commit = serve,
};

/* --- opening --- */

uint64_t file_size(int fd)
{
	struct stat st;
	uint64_t size = 0;

	if (fstat(fd, &st))
		return 0;
	if (S_ISBLK(st.st_mode))
		return ioctl(fd, BLKGETSIZE64, &size) ? 0 : size;
	return S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

/* The descriptor of b->path, which is made where it has to be; -1 with *f. */
static int open_path(const struct backing *b, uint64_t create, struct backing_fault *f)
{
	int fd = open(b->path, (b->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && create) {
		fd = open(b->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd >= 0 && ftruncate(fd, (off_t)create)) {
			backing_fault(f, EXIT_MET, "%s: cannot make it %llu bytes long: %s", b->path, (unsigned long long)create,
				      strerror(errno));
			(void)unlink(b->path);
			close(fd);
			return -1;
		}
	}
	if (fd < 0)
		backing_fault(f, EXIT_MET, "%s: %s", b->path, strerror(errno));
	return fd;
}

bool file_open(struct backing *b, uint64_t create, struct backing_fault *f)
{
	struct statfs fs;

	b->fd = open_path(b, create, f);
	if (b->fd < 0)
		return false;
	b->size = file_size(b->fd);
	if (b->size == 0) {
		backing_fault(f, EXIT_MET, "%s: it is empty, or neither a regular file nor a block device", b->path);
		return false;
	}
	b->in_memory = fstatfs(b->fd, &fs) == 0 && fs.f_type == TMPFS_MAGIC;
	b->thin = true;
	b->ops = &file_ops;
	b->ops_user = b;
	map_open(b);
	load_saved(b);
	return true;
}

void file_close(struct backing *b)
{
	map_close(b);
	while (b->free_jobs) {
		struct file_job *f = b->free_jobs;

		b->free_jobs = f->next_free;
		free(f);
	}
	if (b->fd >= 0)
		close(b->fd);
}
