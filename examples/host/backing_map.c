/* SPDX-License-Identifier: MIT */
/*
 * Files in memory (backing_map.h): reads are sent from the page cache, without a copy and without a call for each.
 *
 * The file is mapped for reading. What of it is in the page cache can be named to the disk and is sent from there;
 * everything else, and every write, takes the way of backing_file.c, which never waits. Both ways see one page cache,
 * so a read after a write sees the write.
 *
 * mincore() says what is in the cache. It costs as much as a small read, so its answer for a window of 256 KiB is
 * believed for BELIEF_MS. Meanwhile things may happen that make memory fail:
 *
 * - A page is evicted. The thread that sends then waits for the device, which it should not. Once a millisecond it is
 *   asked whether the thread had such waits; after one, nothing is pinned for WARY_MS. So a machine that is short of memory
 *   costs a wait a second, and data is right all the same. Where that device hangs, the thread hangs with it: Linux
 *   has no way to send a page only if it is there. It takes both, a page that goes within BELIEF_MS after it was seen (or while
 *   a slow connection still has it pinned), and a hang that nobody has noticed: nothing is pinned of a file that owes the pool an
 *   answer for BACKING_STUCK_MS.
 * - Somebody else truncates the file. Its size is looked at once a millisecond too, and what lies beyond is not pinned: the
 *   disk reads it and tells MEDIUM ERROR. Of what was pinned before, or in that millisecond, writev() says EFAULT, and
 *   the connection is closed; where the program itself looks at the bytes (a digest, VERIFY, EXTENDED COPY), there is a SIGBUS.
 *   Only the rest of the last page that the file still has fails in silence: the kernel makes it zeroes in its place, and
 *   in that millisecond they are sent. Who cuts a file must tell the target by SIGHUP anyway.
 * - The device cannot read a page that was evicted: likewise.
 *
 * A SIGBUS in a mapping neither ends the program nor lets wrong bytes pass for good ones: the handler puts a page of zeroes
 * in the place, marks the map broken for good (its file is read with preadv2() from then on, and errors are told as such), and
 * marks the loop torn. In that round no byte is sent any more, no storage is written, and at its end all connections of
 * the loop are closed: nobody can tell which of them would have sent those zeroes. Initiators log in again.
 *
 * Not mapped: what is no regular file; file systems where a cached page may be older than what read() would give (those
 * of networks and FUSE), so only those of a list are; files that the kernel would not tell the truth about: mincore() calls
 * every page resident where the process neither owns the file nor may write to it (since Linux 5.2).
 *
 * A mapping stays where it is until nothing is pinned: after the file has grown, a larger one takes its place, and the old
 * one waits in `old`. States of a map: in use, old, gone. Broken ones are in use, but never pinned.
 */
#include "backing_map.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "backing_file.h"
#include "kernel.h"
#include "util.h"

#define WINDOW_SHIFT 18
#define WINDOW ((uint64_t)1 << WINDOW_SHIFT)
#define SIGHTS 4096u /* windows remembered: a power of two; 1 GiB in a row */
#define BELIEF_MS 100u
#define WARY_MS 1000u
#define PAGE_LEAST 4096u

/* What mincore() said of a window; valid until `until`. */
struct sight {
	uint64_t window;
	iscsip_time until;
	bool resident;
};

struct file_map {
	struct file_map *next;      /* of all maps of the program */
	struct file_map *next_old;
	struct backing *b;
	uint8_t *base;
	size_t len;                 /* bytes mapped; a multiple of pages */
	volatile sig_atomic_t broken;
	uint64_t pins;              /* of this map and those before it */
	struct file_map *old;
	uint64_t seen;              /* bytes that the file had when it was looked at */
	iscsip_time looked;
	iscsip_time wary_until;
	long waits;                 /* of the thread, for pages */
	struct sight sights[SIGHTS];
};

/* --- all maps, for the handler --- */

/*
 * Held for a few instructions that touch no map's memory: so a thread whose access failed never holds it, and the handler
 * may wait for it.
 */
static atomic_flag maps_held = ATOMIC_FLAG_INIT;
static struct file_map *maps;
static size_t page_size;

static void hold(void)
{
	while (atomic_flag_test_and_set_explicit(&maps_held, memory_order_acquire))
		;
}

static void let_go(void)
{
	atomic_flag_clear_explicit(&maps_held, memory_order_release);
}

/* A page of zeroes where `at` is mapped. False: it is no memory of ours. */
static bool patch(uintptr_t at)
{
	struct file_map *m;
	bool done = false;

	hold();
	for (m = maps; m && !(at >= (uintptr_t)m->base && at - (uintptr_t)m->base < m->len); m = m->next)
		;
	if (m) {
		void *page = m->base + ((at - (uintptr_t)m->base) & ~(uintptr_t)(page_size - 1));

		done = mmap(page, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
		m->broken = 1;
		m->b->loop->torn = 1;
	}
	let_go();
	return done;
}

static void bus_error(int sig, siginfo_t *info, void *context)
{
	int before = errno;

	(void)context;
	if (!patch((uintptr_t)info->si_addr))
		signal(sig, SIG_DFL); /* the access is tried again, and ends the program */
	errno = before;
}

static void prepare(void)
{
	struct sigaction act;

	page_size = (size_t)sysconf(_SC_PAGESIZE);
	memset(&act, 0, sizeof act);
	act.sa_sigaction = bus_error;
	act.sa_flags = SA_SIGINFO;
	sigaction(SIGBUS, &act, NULL);
}

/* --- maps --- */

/* Whether read() and a mapping show the same bytes, and mincore() tells the truth. */
static bool can_be_mapped(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	struct statfs fs;
	struct stat st;

	if (fstat(fd, &st) || fstatfs(fd, &fs) || flags < 0 || !S_ISREG(st.st_mode))
		return false;
	if ((flags & O_ACCMODE) == O_RDONLY && st.st_uid != geteuid())
		return false;
	switch ((unsigned long)fs.f_type) {
	case FS_TMPFS:
	case FS_EXT4:
	case FS_XFS:
	case FS_BTRFS:
	case FS_F2FS:
		return true;
	default:
		return false;
	}
}

static struct file_map *map_new(struct backing *b)
{
	uint64_t len = (b->size + page_size - 1) & ~(uint64_t)(page_size - 1);
	struct file_map *m;
	void *base;

	if (len > SIZE_MAX / 2)
		return NULL;
	base = mmap(NULL, (size_t)len, PROT_READ, MAP_SHARED, b->fd, 0);
	if (base == MAP_FAILED)
		return NULL;
	m = calloc(1, sizeof *m);
	if (!m) {
		munmap(base, (size_t)len);
		return NULL;
	}
	m->b = b;
	m->base = base;
	m->len = (size_t)len;
	hold();
	m->next = maps;
	maps = m;
	let_go();
	return m;
}

static void map_free(struct file_map *m)
{
	struct file_map **at = &maps;

	hold();
	while (*at != m)
		at = &(*at)->next;
	*at = m->next;
	let_go();
	munmap(m->base, m->len);
	free(m);
}

static void free_old(struct file_map *m)
{
	while (m->old) {
		struct file_map *old = m->old;

		m->old = old->old;
		map_free(old);
	}
}

void map_open(struct backing *b)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, prepare);
	if (page_size >= PAGE_LEAST && page_size <= WINDOW && can_be_mapped(b->fd))
		b->map = map_new(b);
}

/* A smaller file needs no other map. What is pinned of the present one stays where it is. */
void map_resized(struct backing *b)
{
	struct file_map *m = b->map, *larger;

	if (!m)
		return;
	m->looked = 0;
	if (b->size <= m->len && !m->broken)
		return;
	larger = map_new(b);
	if (!larger)
		return;
	larger->pins = m->pins;
	larger->old = m;
	b->map = larger;
	if (larger->pins == 0)
		free_old(larger);
}

void map_close(struct backing *b)
{
	if (!b->map)
		return;
	free_old(b->map);
	map_free(b->map);
	b->map = NULL;
}

bool map_quiet(const struct backing *b)
{
	return !b->map || b->map->pins == 0;
}

/* --- what is in the cache --- */

static struct sight *sight_of(struct file_map *m, uint64_t window)
{
	return &m->sights[window & (SIGHTS - 1)];
}

void map_forget(struct backing *b, uint64_t offset, uint64_t len)
{
	struct file_map *m = b->map;
	uint64_t w, last;

	if (!m || len == 0)
		return;
	w = offset >> WINDOW_SHIFT;
	last = (offset + len - 1) >> WINDOW_SHIFT;
	if (last - w >= SIGHTS)
		memset(m->sights, 0, sizeof m->sights);
	else
		for (; w <= last; w++)
			sight_of(m, w)->until = 0;
}

/* Once a millisecond: the size of the file, and whether this thread had to wait for pages. False: nothing is to be pinned. */
static bool look(struct file_map *m)
{
	iscsip_time now = m->b->loop->now;
	struct rusage use;
	struct stat st;
	bool first = m->looked == 0;

	m->looked = now;
	if (fstat(m->b->fd, &st) || getrusage(RUSAGE_THREAD, &use)) {
		m->seen = 0;
		return false;
	}
	if ((uint64_t)st.st_size != m->seen)
		memset(m->sights, 0, sizeof m->sights);
	m->seen = (uint64_t)st.st_size;
	if (use.ru_majflt != m->waits && !first) {
		m->wary_until = now + WARY_MS;
		memset(m->sights, 0, sizeof m->sights);
	}
	m->waits = use.ru_majflt;
	return now >= m->wary_until;
}

/* The whole window, as far as the file reaches, is in the cache. */
static bool ask(const struct file_map *m, uint64_t window)
{
	unsigned char pages[WINDOW / PAGE_LEAST];
	uint64_t at = window << WINDOW_SHIFT;
	size_t i, cnt, len = m->seen - at < WINDOW ? (size_t)(m->seen - at) : (size_t)WINDOW;

	if (mincore(m->base + at, len, pages))
		return false;
	cnt = (len + page_size - 1) / page_size;
	for (i = 0; i < cnt && (pages[i] & 1); i++)
		;
	return i == cnt;
}

static bool resident(struct file_map *m, uint64_t window)
{
	struct sight *s = sight_of(m, window);
	iscsip_time now = m->b->loop->now;

	if (s->window != window || s->until <= now) {
		s->resident = ask(m, window);
		s->window = window;
		s->until = now + BELIEF_MS;
	}
	return s->resident;
}

int map_pin(void *user, uint64_t offset, uint64_t len, bool write, struct iscsip_vec *vec, int max)
{
	struct backing *b = user;
	struct file_map *m = b->map;
	uint64_t at = offset, end = offset + len;

	(void)max;
	if (write || !m || m->broken || file_holds(b) || backing_stuck(b))
		return 0;
	if (m->looked != b->loop->now ? !look(m) : m->looked < m->wary_until)
		return 0;
	if (end > m->seen || end > m->len)
		return 0;
	while (at < end && resident(m, at >> WINDOW_SHIFT))
		at = (at | (WINDOW - 1)) + 1;
	if (at == offset)
		return 0;
	vec->base = m->base + offset;
	vec->len = (size_t)((at < end ? at : end) - offset);
	m->pins++;
	return 1;
}

void map_unpin(void *user, uint64_t offset, uint64_t len, bool write)
{
	struct backing *b = user;

	(void)offset;
	(void)len;
	(void)write;
	if (--b->map->pins)
		return;
	free_old(b->map);
	file_unpinned(b);
}
