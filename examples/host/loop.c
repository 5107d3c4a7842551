/* SPDX-License-Identifier: MIT */
/*
 * The event loop (loop.h). A round is: wait, read the clock, serve what is ready, run what was posted, serve deadlines,
 * send, free what was closed. Deadlines are not kept in order: each round whose time has come looks at all wires and finds
 * the earliest anew, at most every TICK_MS, which for thousands of idle connections is far cheaper than keeping order
 * on every packet.
 */
#include "loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "util.h"
#include "wire.h"

#define EVENTS_A_ROUND 256
#define TICK_MS 100u
#define STAGE_LEN (256u * 1024u)

iscsip_time loop_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (iscsip_time)ts.tv_sec * 1000u + (iscsip_time)ts.tv_nsec / 1000000u;
}

static void event_ready(struct watch *w, uint32_t events)
{
	uint64_t count;

	(void)events;
	while (read(w->fd, &count, sizeof count) < 0 && errno == EINTR)
		;
}

int loop_init(struct loop *l)
{
	memset(l, 0, sizeof *l);
	l->posts_end = &l->posts;
	l->stage_len = STAGE_LEN;
	l->stage = malloc(l->stage_len);
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	l->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	l->next_tick = ISCSIP_TIME_NEVER;
	l->now = loop_clock();
	if (!l->stage || l->epoll_fd < 0 || l->event_fd < 0 || pthread_mutex_init(&l->lock, NULL))
		return -1;
	l->event_watch.fd = l->event_fd;
	l->event_watch.ready = event_ready;
	return loop_watch(l, &l->event_watch, EPOLLIN);
}

void loop_fini(struct loop *l)
{
	close(l->event_fd);
	close(l->epoll_fd);
	free(l->stage);
	pthread_mutex_destroy(&l->lock);
}

int loop_watch(struct loop *l, struct watch *w, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };

	w->events = events;
	return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, w->fd, &ev);
}

void loop_change(struct loop *l, struct watch *w, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };

	if (w->events == events)
		return;
	w->events = events;
	epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, w->fd, &ev);
}

void loop_unwatch(struct loop *l, struct watch *w)
{
	epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
	w->events = 0;
}

static void ring(struct loop *l)
{
	static const uint64_t one = 1;

	while (write(l->event_fd, &one, sizeof one) < 0 && errno == EINTR)
		;
}

void loop_stop(struct loop *l)
{
	l->stop = true;
	ring(l);
}

void loop_post(struct loop *l, struct post *p)
{
	bool first;

	/* Linked in a second time it would be its own successor. */
	if (atomic_exchange(&p->queued, true))
		return;
	p->next = NULL;
	pthread_mutex_lock(&l->lock);
	*l->posts_end = p;
	l->posts_end = &p->next;
	first = !l->rung;
	l->rung = true;
	pthread_mutex_unlock(&l->lock);
	if (first)
		ring(l);
}

static void run_posts(struct loop *l)
{
	struct post *p;

	pthread_mutex_lock(&l->lock);
	p = l->posts;
	l->posts = NULL;
	l->posts_end = &l->posts;
	l->rung = false;
	pthread_mutex_unlock(&l->lock);
	while (p) {
		struct post *next = p->next;

		/* Before it runs: what is posted from now on may be news that this run does not see. */
		atomic_exchange(&p->queued, false);
		p->run(p);
		p = next;
	}
}

/* Every deadline that has come, and the earliest of those to come. */
static void tick(struct loop *l)
{
	iscsip_time earliest = ISCSIP_TIME_NEVER;
	struct wire *w, *next;

	for (w = l->wires; w; w = next) {
		iscsip_time t;

		next = w->next;
		t = wire_tick(w);
		if (t < earliest)
			earliest = t;
	}
	l->next_tick = earliest < l->now + TICK_MS ? l->now + TICK_MS : earliest;
}

static int wait_time(const struct loop *l, int wait_ms)
{
	iscsip_time left;

	if (l->dirty || l->idle_wanted)
		return 0;
	if (l->next_tick == ISCSIP_TIME_NEVER)
		return wait_ms;
	left = l->next_tick > l->now ? l->next_tick - l->now : 0;
	return wait_ms >= 0 && (iscsip_time)wait_ms < left ? wait_ms : left > 60000 ? 60000 : (int)left;
}

/* What every wire has to send may be of the memory that failed. */
static void tear(struct loop *l)
{
	complain("a mapped file failed to be read: closing all connections of its thread");
	while (l->wires)
		wire_close(l->wires);
	l->torn = 0;
}

void loop_round(struct loop *l, int wait_ms)
{
	struct epoll_event ev[EVENTS_A_ROUND];
	int i, n = epoll_wait(l->epoll_fd, ev, EVENTS_A_ROUND, wait_time(l, wait_ms));

	l->now = loop_clock();
	for (i = 0; i < n; i++) {
		struct watch *w = ev[i].data.ptr;

		if (w->events) /* not closed by one before it in this round */
			w->ready(w, ev[i].events);
	}
	run_posts(l);
	if (l->now >= l->next_tick)
		tick(l);
	if (n == 0 && l->idle_wanted)
		l->idle_wanted = l->idle(l->idle_user);
	wire_send_dirty(l);
	if (l->torn)
		tear(l);
	wire_free_dead(l);
}

void loop_run(struct loop *l)
{
	while (!l->stop)
		loop_round(l, -1);
}
