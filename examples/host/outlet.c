/* SPDX-License-Identifier: MIT */
/*
 * Outlets (outlet.h). A ring of bytes under a lock; the thread writes from it without the lock, which is safe since only it moves
 * `from`. A reader that went away for good makes the rest be thrown away.
 */
#include "outlet.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WRITE_MAX 4096u /* what a pipe takes without mixing it with what others write */

struct outlet {
	int fd;
	const char *lost_words;
	pthread_mutex_t lock;
	pthread_cond_t filled, emptied;
	unsigned long lost, lost_told;
	bool refused;                  /* a write failed: nothing that is put can be counted on */
	size_t room, from, len;
	uint8_t ring[];
};

/* Under the lock. */
static void append(struct outlet *o, const void *p, size_t n)
{
	size_t at = (o->from + o->len) % o->room, first = n < o->room - at ? n : o->room - at;

	memcpy(o->ring + at, p, first);
	memcpy(o->ring, (const uint8_t *)p + first, n - first);
	o->len += n;
}

/* Under the lock: says what was lost as soon as there is room for it. */
static void tell_lost(struct outlet *o)
{
	char text[160];
	int n;

	if (!o->lost_words || o->lost == o->lost_told)
		return;
	n = snprintf(text, sizeof text, o->lost_words, o->lost - o->lost_told);
	if (n <= 0 || (size_t)n >= sizeof text || (size_t)n > o->room - o->len)
		return;
	append(o, text, (size_t)n);
	o->lost_told = o->lost;
}

/* How much goes with one call: whole lines, where they are lines and one fits. */
static size_t piece(const struct outlet *o, size_t n)
{
	size_t i;

	n = n < o->room - o->from ? n : o->room - o->from;
	if (n <= WRITE_MAX)
		return n;
	for (i = WRITE_MAX; i > 0; i--)
		if (o->ring[o->from + i - 1] == '\n')
			return i;
	return WRITE_MAX;
}

/* Without the lock. How much was taken; 0: nobody will ever take it. */
static size_t put_out(struct outlet *o, size_t n)
{
	for (;;) {
		ssize_t done = write(o->fd, o->ring + o->from, n);
		struct pollfd p = { .fd = o->fd, .events = POLLOUT };

		if (done > 0)
			return (size_t)done;
		if (done < 0 && errno == EAGAIN)
			(void)poll(&p, 1, -1); /* looked at again by the next write, whatever it answers */
		else if (done == 0 || errno != EINTR)
			return 0;
	}
}

static void *serve(void *arg)
{
	struct outlet *o = arg;

	pthread_mutex_lock(&o->lock);
	for (;;) {
		size_t n, taken;

		tell_lost(o);
		while (o->len == 0) {
			pthread_cond_broadcast(&o->emptied);
			pthread_cond_wait(&o->filled, &o->lock);
		}
		n = piece(o, o->len);
		pthread_mutex_unlock(&o->lock);
		taken = put_out(o, n);
		pthread_mutex_lock(&o->lock);
		o->refused |= taken == 0;
		if (taken)
			n = taken;
		o->from = (o->from + n) % o->room;
		o->len -= n;
	}
	return NULL;
}

/* Signals are the business of other threads. */
static int start(struct outlet *o)
{
	sigset_t all, was;
	pthread_t t;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &was);
	err = pthread_create(&t, NULL, serve, o);
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	if (!err)
		pthread_detach(t);
	return err;
}

struct outlet *outlet_open(int fd, size_t room, const char *lost)
{
	struct outlet *o;
	struct stat st;

	if (fstat(fd, &st) || S_ISREG(st.st_mode))
		return NULL;
	o = calloc(1, sizeof *o + room);
	if (!o)
		return NULL;
	o->fd = fd;
	o->room = room;
	o->lost_words = lost;
	if (pthread_mutex_init(&o->lock, NULL) || pthread_cond_init(&o->filled, NULL) || pthread_cond_init(&o->emptied, NULL) ||
	    start(o)) {
		free(o);
		return NULL;
	}
	return o;
}

bool outlet_put(struct outlet *o, const struct iovec *v, int count)
{
	size_t sum = 0;
	bool fits;
	int i;

	for (i = 0; i < count; i++)
		sum += v[i].iov_len;
	pthread_mutex_lock(&o->lock);
	fits = sum <= o->room - o->len;
	for (i = 0; fits && i < count; i++)
		append(o, v[i].iov_base, v[i].iov_len);
	if (!fits)
		o->lost++;
	pthread_cond_signal(&o->filled);
	pthread_mutex_unlock(&o->lock);
	return fits;
}

bool outlet_drain(struct outlet *o, unsigned ms, unsigned long *lost)
{
	struct timespec until;
	bool whole;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ms / 1000u;
	until.tv_nsec += (long)(ms % 1000u) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_mutex_lock(&o->lock);
	while (o->len && pthread_cond_timedwait(&o->emptied, &o->lock, &until) == 0)
		;
	if (lost)
		*lost = o->lost;
	whole = !o->refused && o->len == 0;
	pthread_mutex_unlock(&o->lock);
	return whole;
}
