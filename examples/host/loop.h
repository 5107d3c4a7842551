/* SPDX-License-Identifier: MIT */
/*
 * An event loop over epoll: one a thread. It watches descriptors, wakes wires when their time has come, runs what
 * other threads post to it, and at the end of each round lets every wire that was marked dirty send what it has.
 */
#ifndef HOST_LOOP_H
#define HOST_LOOP_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include <iscsiproto/base.h>

/* Something with a descriptor; embedded in its owner. */
struct watch {
	int fd;
	uint32_t events; /* as registered with epoll */
	void (*ready)(struct watch *w, uint32_t events);
};

/*
 * Work for a loop; embedded in what it is about, zeroed at first. One that waits in a loop's list already stays where it is: it
 * will run, and see all that was done before it was posted again. So it may be posted however often, by any thread, to one
 * loop at a time, and may be freed or change loops only from its own run(), or while it waits nowhere.
 */
struct post {
	struct post *next;
	atomic_bool queued;
	void (*run)(struct post *p);
};

struct wire;

struct loop {
	int epoll_fd;
	int event_fd;          /* rings when another thread has posted */
	struct watch event_watch;
	atomic_bool stop;      /* set from any thread */
	bool rung;             /* under lock: the event descriptor has been written to */
	iscsip_time now;       /* read once a round */
	iscsip_time next_tick; /* no wire has a deadline before this */
	struct wire *dirty;    /* wires with something to send */
	struct wire *wires;    /* all wires of this loop */
	struct wire *dead;     /* closed in this round: freed at its end */
	bool (*idle)(void *user); /* run when nothing else is to be done, until it answers false; may be NULL */
	void *idle_user;
	bool idle_wanted;
	volatile sig_atomic_t torn; /* memory that something was to be sent from has failed: all wires are closed */
	pthread_mutex_t lock;  /* of posts and rung */
	struct post *posts, **posts_end;
	uint8_t *stage;        /* bytes on their way through; one for all wires of the loop */
	size_t stage_len;
};

/* 0, or -1 with errno. */
int loop_init(struct loop *l);
void loop_fini(struct loop *l);
/* Runs until loop_stop(). */
void loop_run(struct loop *l);
/* One round: waits up to wait_ms (-1: until something happens). */
void loop_round(struct loop *l, int wait_ms);
/* May be called from a signal handler or another thread. */
void loop_stop(struct loop *l);

int loop_watch(struct loop *l, struct watch *w, uint32_t events);
void loop_change(struct loop *l, struct watch *w, uint32_t events);
void loop_unwatch(struct loop *l, struct watch *w);

/* From any thread: p->run(p) in the loop's thread, once for all posts of it until then. */
void loop_post(struct loop *l, struct post *p);

iscsip_time loop_clock(void);

#endif
