/* SPDX-License-Identifier: MIT */
/*
 * What Linux has and a C library may not name: musl has neither the kernel's own headers nor, before 1.2.5, preadv2() and
 * pwritev2(). The values are the kernel's interface, which does not change.
 */
#ifndef HOST_KERNEL_H
#define HOST_KERNEL_H

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef RWF_DSYNC
#define RWF_DSYNC 0x02
#endif
#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x08
#endif
#ifndef FALLOC_FL_KEEP_SIZE
#define FALLOC_FL_KEEP_SIZE 0x01
#endif
#ifndef FALLOC_FL_PUNCH_HOLE
#define FALLOC_FL_PUNCH_HOLE 0x02
#endif
#ifndef FALLOC_FL_ZERO_RANGE
#define FALLOC_FL_ZERO_RANGE 0x10
#endif

/* statfs(): file systems by their magic numbers */
#define FS_TMPFS 0x01021994ul
#define FS_EXT4 0xEF53ul /* ext2 and ext3, too */
#define FS_XFS 0x58465342ul
#define FS_BTRFS 0x9123683Eul
#define FS_F2FS 0xF2F52010ul

#ifdef __GLIBC__
#define vector_read preadv2
#define vector_write pwritev2
#else
/* The kernel takes an offset as two words; of 64 bits each, the second counts for nothing. */
#define OFFSET_WORDS(at) (long)(at), sizeof(long) == 8 ? 0L : (long)((unsigned long long)(at) >> 32)

static inline ssize_t vector_read(int fd, const struct iovec *vec, int cnt, off_t at, int flags)
{
	return syscall(SYS_preadv2, fd, vec, cnt, OFFSET_WORDS(at), flags);
}

static inline ssize_t vector_write(int fd, const struct iovec *vec, int cnt, off_t at, int flags)
{
	return syscall(SYS_pwritev2, fd, vec, cnt, OFFSET_WORDS(at), flags);
}
#endif

#endif
