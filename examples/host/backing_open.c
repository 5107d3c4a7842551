/* SPDX-License-Identifier: MIT */
/*
 * Opening files and block devices (backing_open.h).
 *
 * Two programs on one file would have two task sets and two states of reservation, and each would tell its initiators that
 * it alone decides. So a file that is written gets a lock of its whole length (of the open file description: it goes with
 * the descriptor, however the program ends), one that is only read a lock that readers share, and a block device is claimed
 * with O_EXCL, which mounted file systems and volume managers hold, too. `,shared` asks for less: it keeps those away who
 * want it for themselves, if none of them is there already. Where there is no exclusive lock, no state is kept
 * (backing_state.c).
 */
#include "backing_open.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backing_state.h"
#include "util.h"

#define TRIES 20
#define PAUSE_MS 50
#define SERVED "it is in use: this or another program serves it, or it is mounted (',shared' serves it all the same)"

uint64_t file_size(int fd)
{
	struct stat st;
	off_t end;

	if (fstat(fd, &st))
		return 0;
	if (S_ISBLK(st.st_mode)) {
		end = lseek(fd, 0, SEEK_END);
		return end > 0 ? (uint64_t)end : 0;
	}
	return S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

static int lock(int fd, short kind)
{
	struct flock all;

	memset(&all, 0, sizeof all);
	all.l_type = kind;
	all.l_whence = SEEK_SET;
	return fcntl(fd, F_OFD_SETLK, &all) ? errno : 0;
}

/* False with *f where it cannot be had; *taken: somebody else has it. */
static bool lock_as(const struct backing *b, int fd, struct backing_fault *f, bool *taken)
{
	int err = lock(fd, b->read_only || b->shared ? F_RDLCK : F_WRLCK);

	*taken = err == EAGAIN || err == EACCES;
	if (err && b->shared) {
		if (*taken)
			complain("%s: another program or unit serves it as its own; ',shared' serves it all the same", b->path);
		return true;
	}
	if (*taken)
		backing_fault(f, EXIT_MET, "%s: " SERVED, b->path);
	else if (err)
		backing_fault(f, EXIT_MET, "%s: it cannot be locked: %s (',shared' serves it without a lock)", b->path, strerror(err));
	return !err;
}

/* Reading must not write times of access: that may wait for the device, in the thread of the network. */
static int open_quietly(const char *path, int flags)
{
	int fd = open(path, flags | O_NOATIME);

	return fd < 0 && errno == EPERM ? open(path, flags) : fd;
}

static int open_once(const struct backing *b, struct backing_fault *f, bool *taken)
{
	int flags = (b->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC, fd;
	struct stat st;

	*taken = false;
	if (stat(b->path, &st)) {
		backing_fault(f, EXIT_MET, "%s: %s", b->path, strerror(errno));
		return -1;
	}
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
		backing_fault(f, EXIT_MET, "%s: it is neither a regular file nor a block device", b->path);
		return -1;
	}
	if (S_ISBLK(st.st_mode) && !b->read_only && !b->shared)
		flags |= O_EXCL;
	fd = open_quietly(b->path, flags);
	*taken = fd < 0 && errno == EBUSY && (flags & O_EXCL);
	if (*taken)
		backing_fault(f, EXIT_MET, "%s: " SERVED, b->path);
	else if (fd < 0)
		backing_fault(f, EXIT_MET, "%s: %s", b->path, strerror(errno));
	if (fd >= 0 && !lock_as(b, fd, f, taken)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Who has it may be about to go: a program that was just ended, or a unit whose line was just taken out. */
int path_open(const struct backing *b, struct backing_fault *f)
{
	struct timespec pause = { 0, PAUSE_MS * 1000000 };
	bool taken = false;
	int fd, tries;

	for (tries = 0; (fd = open_once(b, f, &taken)) < 0 && taken && tries < TRIES; tries++)
		nanosleep(&pause, NULL);
	return fd;
}

/* --- making one --- */

/* One that is empty was left by a creation that was cut off: it holds nothing that could be lost. */
static bool is_there(const char *path)
{
	struct stat st;

	return stat(path, &st) ? errno != ENOENT : !S_ISREG(st.st_mode) || st.st_size > 0;
}

/* Stable when it answers 0; not there when it fails. */
static int make(const char *path, int fd, uint64_t size)
{
	int err = 0;

	if (file_size(fd)) /* made between the look and the lock */
		return 0;
	if (ftruncate(fd, (off_t)size) || fsync(fd))
		err = errno;
	if (!err)
		err = folder_sync(path);
	if (err && unlink(path))
		complain("%s: cannot be removed: %s", path, strerror(errno));
	return err;
}

bool path_create(const struct backing *b, uint64_t size, struct backing_fault *f)
{
	int fd, err;

	if (is_there(b->path))
		return true; /* whether it can be opened, path_open() says */
	fd = open(b->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) {
		backing_fault(f, EXIT_MET, "%s: %s", b->path, strerror(errno));
		return false;
	}
	err = lock(fd, F_WRLCK);
	if (err != EAGAIN && err != EACCES) /* else another program is making it: path_open() will say so */
		err = make(b->path, fd, size);
	else
		err = 0;
	if (err)
		backing_fault(f, EXIT_MET, "%s: cannot make it %llu bytes long: %s", b->path, (unsigned long long)size, strerror(err));
	close(fd);
	return !err;
}

/* --- once more --- */

bool path_reopen(struct backing *b, struct backing_fault *f)
{
	struct stat st;
	int fd;

	/* What could not be written may stand in the cache as if it were on the medium; no error of these two says anything new. */
	(void)fdatasync(b->fd);
	(void)posix_fadvise(b->fd, 0, 0, POSIX_FADV_DONTNEED);
	/* Its claim, or its lock, is in the way of the new one's. */
	if (b->fd >= 0 && fstat(b->fd, &st) == 0 && S_ISBLK(st.st_mode)) {
		close(b->fd);
		b->fd = -1;
	} else if (b->fd >= 0 && lock(b->fd, F_UNLCK)) {
		tell("%s: its lock cannot be given back", b->path); /* then the new one is refused, which is told */
	}
	fd = path_open(b, f);
	if (fd >= 0 && file_size(fd) < b->block_size) {
		backing_fault(f, EXIT_MET, "%s: it is empty", b->path);
		close(fd);
		fd = -1;
	}
	if (fd < 0) {
		if (b->fd >= 0 && lock(b->fd, b->read_only || b->shared ? F_RDLCK : F_WRLCK))
			complain("%s: its lock is lost", b->path);
		return false;
	}
	if (b->fd >= 0)
		close(b->fd); /* it may tell once more of what is lost, which is known */
	b->fd = fd;
	return true;
}
