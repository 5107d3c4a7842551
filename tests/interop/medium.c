/* SPDX-License-Identifier: MIT */
/*
 * A medium that fails on demand: a library for LD_PRELOAD, between a target tool and its files (medium.py).
 *
 * MEDIUM_CONTROL names a file of rules that the test maps as well and changes at any time: which calls on which files fail,
 * do a part, or take long, and how often. MEDIUM_LOG names a file that gets a record when a call that changes something
 * begins and another when it has ended, with its data, in one order: what was stable at any moment can be told from it.
 * Both are optional. A file is known by the name that its descriptor has in /proc, so that no opening has to be watched.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define RULES 8
#define PIECES 1024
#define MAGIC 0x4d454449u

/* The kinds of calls: bits of a rule, and `kind` of a record. */
enum { READ = 1, WRITE = 2, SYNC = 4, ALLOCATE = 8, RENAME = 16, UNLINK = 32, OPEN = 64, SEEK = 128, CLOSE = 256 };

struct rule {
	uint32_t kinds;        /* 0: no rule */
	int32_t error;         /* an errno, or 0: the call is made */
	uint64_t offset, len;  /* of the bytes it holds for; len 0: all */
	uint32_t delay_ms;     /* before anything else; as long as the rule stands */
	uint32_t most;         /* bytes that are moved at most; 0: all */
	_Atomic int32_t times; /* calls that it still holds for; negative: without end */
	_Atomic uint32_t hits;
	char name[64];         /* a part of the file's name */
};

struct record {
	uint32_t magic, kind;
	uint64_t number;       /* of this record */
	uint64_t begun;        /* of the record of the call's beginning; its own number: this is it */
	uint64_t offset, len;
	int64_t result;
	uint32_t flags, name_len, data_len, zero;
};

static struct rule *rules;
static int log_fd = -1;
static atomic_uint_fast64_t number;

__attribute__((constructor)) static void begin(void)
{
	const char *control = getenv("MEDIUM_CONTROL"), *log = getenv("MEDIUM_LOG");
	int fd;

	if (control) {
		fd = (int)syscall(SYS_openat, AT_FDCWD, control, O_RDWR | O_CLOEXEC);
		rules = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (fd < 0 || rules == MAP_FAILED)
			_exit(99);
		syscall(SYS_close, fd);
	}
	if (log) {
		fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		log_fd = fcntl(fd, F_DUPFD_CLOEXEC, 700);
		if (log_fd < 0)
			_exit(99);
		syscall(SYS_close, fd);
	}
}

static const char *name_of(int fd, char *dst, size_t cap)
{
	char link[32];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, dst, cap - 1);
	dst[n > 0 ? n : 0] = '\0';
	return dst;
}

/* Sleeps for as long as the rule stands, up to its time: a test that takes it away lets all go on. */
static void sleep_for(const struct rule *r)
{
	struct timespec ms = { 0, 1000000 };
	uint32_t i, kinds = r->kinds;

	for (i = 0; i < r->delay_ms && r->kinds == kinds; i++)
		nanosleep(&ms, NULL);
}

/* The errno that the call has to end with, or 0; *most: how many bytes it may move. What one rule cuts off, others do not see. */
static int judged(uint32_t kind, const char *name, uint64_t offset, uint64_t len, uint32_t *most)
{
	int i;

	for (i = 0; rules && i < RULES; i++) {
		struct rule *r = &rules[i];

		if (!(r->kinds & kind) || !strstr(name, r->name))
			continue;
		if (r->len && (offset >= r->offset + r->len || offset + len <= r->offset))
			continue;
		if (r->times == 0 || (r->times > 0 && atomic_fetch_sub(&r->times, 1) <= 0))
			continue;
		r->hits++;
		sleep_for(r);
		if (r->error)
			return r->error;
		if (most && r->most) {
			*most = r->most;
			if (len > r->most)
				len = r->most;
		}
	}
	return 0;
}

static uint64_t note(uint32_t kind, const char *name, uint64_t begun, uint64_t offset, uint64_t len, int64_t result, int flags,
		     const struct iovec *data, int cnt)
{
	struct record r = { MAGIC, kind, atomic_fetch_add(&number, 1), begun, offset, len, result, (uint32_t)flags,
			    (uint32_t)strlen(name), 0, 0 };
	struct iovec out[PIECES + 2];
	int i, before = errno;

	if (log_fd < 0)
		return r.number;
	if (begun == UINT64_MAX)
		r.begun = r.number;
	for (i = 0; i < cnt && i < PIECES; i++) {
		out[i + 2] = data[i];
		r.data_len += (uint32_t)data[i].iov_len;
	}
	out[0] = (struct iovec){ &r, sizeof r };
	out[1] = (struct iovec){ (void *)(uintptr_t)name, r.name_len };
	if (syscall(SYS_writev, log_fd, out, i + 2) < 0)
		_exit(98);
	errno = before;
	return r.number;
}

/* The pieces up to `most` bytes. */
static int cut(const struct iovec *vec, int cnt, uint32_t most, struct iovec *out)
{
	int i, n = 0;

	for (i = 0; i < cnt && most; i++) {
		out[n] = vec[i];
		if (out[n].iov_len > most)
			out[n].iov_len = most;
		most -= (uint32_t)out[n++].iov_len;
	}
	return n;
}

static ssize_t transfer(uint32_t kind, int fd, const struct iovec *vec, int cnt, off_t offset, int flags)
{
	char name[512];
	struct iovec part[PIECES];
	uint64_t len = 0, begun = 0;
	uint32_t most = 0;
	ssize_t n;
	int i, err;

	name_of(fd, name, sizeof name);
	for (i = 0; i < cnt; i++)
		len += vec[i].iov_len;
	err = judged(kind, name, (uint64_t)offset, len, &most);
	if (err) {
		errno = err;
		return -1;
	}
	if (most) {
		cnt = cut(vec, cnt < PIECES ? cnt : PIECES, most, part);
		vec = part;
	}
	if (kind == WRITE)
		begun = note(WRITE, name, UINT64_MAX, (uint64_t)offset, len, 0, flags, vec, cnt);
	n = syscall(kind == READ ? SYS_preadv2 : SYS_pwritev2, fd, vec, cnt, (long)offset, 0L, flags);
	if (kind == WRITE)
		note(WRITE, name, begun, (uint64_t)offset, len, n < 0 ? -errno : n, flags, NULL, 0);
	return n;
}

/* --- the calls; with 64 in the name, what _FILE_OFFSET_BITS=64 makes of them --- */

#define MOVER(name, kind, qualifier) \
	ssize_t name(int fd, qualifier void *p, size_t n, off_t offset); \
	ssize_t name(int fd, qualifier void *p, size_t n, off_t offset) \
	{ \
		struct iovec vec = { (void *)(uintptr_t)p, n }; \
		return transfer(kind, fd, &vec, 1, offset, 0); \
	}
MOVER(pread, READ, )
MOVER(pread64, READ, )
MOVER(pwrite, WRITE, const)
MOVER(pwrite64, WRITE, const)

#define VECTOR_MOVER(name, kind) \
	ssize_t name(int fd, const struct iovec *vec, int cnt, off_t offset, int flags); \
	ssize_t name(int fd, const struct iovec *vec, int cnt, off_t offset, int flags) \
	{ \
		return transfer(kind, fd, vec, cnt, offset, flags); \
	}
VECTOR_MOVER(preadv2, READ)
VECTOR_MOVER(preadv64v2, READ)
VECTOR_MOVER(pwritev2, WRITE)
VECTOR_MOVER(pwritev64v2, WRITE)

/* A call that is only made, with what the log has to know. */
static long whole(uint32_t kind, const char *name, uint64_t offset, uint64_t len, int flags, const char *second, long nr, long a,
		  long b, long c, long d, long e)
{
	struct iovec data = { (void *)(uintptr_t)second, second ? strlen(second) : 0 };
	int err = judged(kind, name, offset, len, NULL);
	uint64_t begun;
	long result;

	if (err) {
		errno = err;
		return -1;
	}
	begun = note(kind, name, UINT64_MAX, offset, len, 0, flags, &data, second ? 1 : 0);
	result = syscall(nr, a, b, c, d, e);
	note(kind, name, begun, offset, len, result < 0 ? -errno : result, flags, NULL, 0);
	return result;
}

static int sync_by(int fd, long nr)
{
	char name[512];

	return (int)whole(SYNC, name_of(fd, name, sizeof name), 0, 0, 0, NULL, nr, fd, 0, 0, 0, 0);
}

int fsync(int fd)
{
	return sync_by(fd, SYS_fsync);
}

int fdatasync(int fd)
{
	return sync_by(fd, SYS_fdatasync);
}

#define ALLOCATOR(name) \
	int name(int fd, int mode, off_t offset, off_t len); \
	int name(int fd, int mode, off_t offset, off_t len) \
	{ \
		char of[512]; \
		return (int)whole(ALLOCATE, name_of(fd, of, sizeof of), (uint64_t)offset, (uint64_t)len, mode, NULL, SYS_fallocate, \
				  fd, mode, (long)offset, (long)len, 0); \
	}
ALLOCATOR(fallocate)
ALLOCATOR(fallocate64)

int rename(const char *from, const char *to)
{
	return (int)whole(RENAME, to, 0, 0, 0, from, SYS_renameat2, AT_FDCWD, (long)from, AT_FDCWD, (long)to, 0);
}

int unlink(const char *path)
{
	return (int)whole(UNLINK, path, 0, 0, 0, NULL, SYS_unlinkat, AT_FDCWD, (long)path, 0, 0, 0);
}

#define SEEKER(name) \
	off_t name(int fd, off_t offset, int whence); \
	off_t name(int fd, off_t offset, int whence) \
	{ \
		char of[512]; \
		int err = judged(SEEK, name_of(fd, of, sizeof of), (uint64_t)offset, 1, NULL); \
		if (err) { \
			errno = err; \
			return -1; \
		} \
		return syscall(SYS_lseek, fd, offset, whence); \
	}
SEEKER(lseek)
SEEKER(lseek64)

#define OPENER(name) \
	int name(const char *path, int flags, ...) \
	{ \
		int err = judged(OPEN, path, 0, 0, NULL); \
		unsigned mode = 0; \
		va_list ap; \
		va_start(ap, flags); \
		if (flags & (O_CREAT | __O_TMPFILE)) \
			mode = va_arg(ap, unsigned); \
		va_end(ap); \
		if (err) { \
			errno = err; \
			return -1; \
		} \
		return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode); \
	}
OPENER(open)
OPENER(open64)

int close(int fd)
{
	char name[512];
	int err = rules ? judged(CLOSE, name_of(fd, name, sizeof name), 0, 0, NULL) : 0;
	int result = (int)syscall(SYS_close, fd);

	if (!err)
		return result;
	errno = err;
	return -1;
}
