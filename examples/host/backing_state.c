/* SPDX-License-Identifier: MIT */
/*
 * State of a unit that is kept (backing_state.h): persistent reservations, and what else the disk wants to find again.
 *
 * PATH.pr is replaced as a whole: the new state is written to PATH.pr.new, which is made afresh each time so that an error
 * of an earlier attempt cannot hide in it, made stable, and takes the other's name; then the folder is made stable, or a
 * loss of power would bring the old name back. The disk gives one COMMIT of a unit at a time, and the lock on the backing
 * (backing_open.c) lets one program keep its state, so two savings never meet in one file. A backing without that lock does
 * not offer COMMIT.
 *
 * Only "there is no such name" means that nothing was kept. Everything else (no permission, an empty file, a link to
 * somewhere) keeps the unit away: served without its reservations, it would be written through them.
 */
#include "backing_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util.h"

#define STATE_MAX (1u << 20)

static char *joined(const char *path, const char *tail)
{
	size_t len = strlen(path) + strlen(tail) + 1;
	char *s = malloc(len);

	if (s)
		snprintf(s, len, "%s%s", path, tail);
	return s;
}

int folder_sync(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *name = slash ? joined(path, "") : NULL;
	int fd, err = 0;

	if (name)
		name[slash == path ? 1 : slash - path] = '\0';
	else if (slash)
		return ENOMEM;
	fd = open(name ? name : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(name);
	if (fd < 0)
		return errno;
	if (fsync(fd) && errno != EINVAL) /* EINVAL: a file system whose folders have nothing to be synced */
		err = errno;
	close(fd);
	return err;
}

/* --- saving --- */

static int write_all(int fd, const struct iscsip_storage_req *r)
{
	int i;

	for (i = 0; i < r->cnt; i++) {
		const uint8_t *p = r->vec[i].base;
		size_t left = r->vec[i].len;

		while (left) {
			ssize_t n = write(fd, p, left);

			if (n < 0 && errno == EINTR)
				continue;
			if (n <= 0)
				return n < 0 ? errno : EIO;
			p += n;
			left -= (size_t)n;
		}
	}
	return 0;
}

/* A new file with the state, stable but for its name. */
static int write_fresh(const char *name, const struct iscsip_storage_req *r)
{
	int fd, err;

	if (unlink(name) && errno != ENOENT) /* of a program that was ended in the middle */
		return errno;
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno;
	err = write_all(fd, r);
	if (!err && fsync(fd))
		err = errno;
	if (close(fd) && !err)
		err = errno;
	return err;
}

static int replace(const char *name, const char *fresh, const struct iscsip_storage_req *r)
{
	int err;

	if (r->len == 0)
		return unlink(name) && errno != ENOENT ? errno : 0;
	err = write_fresh(fresh, r);
	if (!err && rename(fresh, name))
		err = errno;
	if (err && unlink(fresh) && errno != ENOENT)
		complain("%s: cannot be removed: %s", fresh, strerror(errno)); /* nobody reads it; the next saving tries again */
	return err;
}

int state_save(const struct backing *b, const struct iscsip_storage_req *r)
{
	char *name = joined(b->path, ".pr"), *fresh = joined(b->path, ".pr.new");
	int err = name && fresh ? r->len > STATE_MAX ? EFBIG : 0 : ENOMEM;

	if (!err)
		err = replace(name, fresh, r);
	if (!err)
		err = folder_sync(name);
	if (err)
		complain("%s.pr: the unit's reservations cannot be kept: %s", b->path, strerror(err));
	free(name);
	free(fresh);
	return err;
}

/* --- loading --- */

/* NULL, or what is wrong. */
static const char *read_whole(struct backing *b, int fd)
{
	struct stat st;
	size_t done = 0;

	if (fstat(fd, &st))
		return strerror(errno);
	if (st.st_size == 0)
		return "it is empty";
	if (st.st_size > (off_t)STATE_MAX)
		return "it is longer than any that was saved";
	b->saved_len = (size_t)st.st_size;
	b->saved = need(b->saved_len);
	while (done < b->saved_len) {
		ssize_t n = read(fd, (uint8_t *)b->saved + done, b->saved_len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? strerror(errno) : "it became shorter";
		done += (size_t)n;
	}
	return NULL;
}

static const char *load(struct backing *b, const char *name)
{
	const char *wrong;
	struct stat st;
	int fd;

	if (lstat(name, &st))
		return errno == ENOENT ? NULL : strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "it is not a regular file";
	fd = open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return strerror(errno);
	wrong = read_whole(b, fd);
	close(fd);
	return wrong;
}

bool state_load(struct backing *b, struct backing_fault *f)
{
	char *name = joined(b->path, ".pr");
	const char *wrong = name ? load(b, name) : strerror(ENOMEM);

	if (wrong)
		backing_fault(f, EXIT_MET, "%s.pr: %s: the unit is not served without the reservations that it keeps "
			      "(remove that file to give them up)", b->path, wrong);
	free(name);
	return !wrong;
}
