/* SPDX-License-Identifier: MIT */
/*
 * A pool of threads for blocking calls (pool.h): one for the program, with a share for each backing.
 *
 * A call that hangs cannot be taken back, so a thread that it has is lost as long as it hangs. A share therefore has at
 * most POOL_SHARE_THREADS at work, and where the common ones are all at work, a share that has none still gets one: all
 * backings but one may hang, and that one is served. Threads at work are never more than POOL_COMMON_THREADS and one for
 * each share, and SPARE rest.
 *
 * `ready` lists the shares that have a job waiting and may have one more at work, in turn. A thread that has ended a job
 * takes the next by itself; whoever makes a job takeable calls a thread for it (`call`): one that rests, or a new one.
 * `coming` are those that were called and have not looked yet. A thread that rests beyond SPARE ends.
 */
#include "pool.h"

#include <string.h>

#include "util.h"

#define SPARE 8u
#define STACK (256u * 1024u)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t called = PTHREAD_COND_INITIALIZER;
static struct pool_share *ready, **ready_end = &ready;
static unsigned threads, at_work, resting, coming;
static unsigned calls; /* for threads that rest */

static void back_in_loop(struct post *p)
{
	struct job *j = (struct job *)(void *)p;

	j->done(j);
}

static void list(struct pool_share *s)
{
	if (s->listed || !s->first || s->running >= POOL_SHARE_THREADS)
		return;
	s->listed = true;
	s->next = NULL;
	*ready_end = s;
	ready_end = &s->next;
}

/* Where the next share that a thread may work for is linked: one that has none comes first; NULL: there is none. */
static struct pool_share **takeable(void)
{
	struct pool_share **at;

	for (at = &ready; *at; at = &(*at)->next)
		if ((*at)->running == 0)
			return at;
	return ready && at_work < POOL_COMMON_THREADS ? &ready : NULL;
}

static struct job *take(void)
{
	struct pool_share **at = takeable(), *s;
	struct job *j;

	if (!at)
		return NULL;
	s = *at;
	*at = s->next;
	if (!*at)
		ready_end = at;
	s->listed = false;
	j = s->first;
	s->first = j->next;
	s->running++;
	at_work++;
	list(s);
	return j;
}

static bool start_one(void);

/* A thread for what can be taken. False where none is to be had. */
static bool call(void)
{
	if (!takeable())
		return true;
	if (resting == 0)
		return start_one();
	resting--;
	calls++;
	coming++;
	pthread_cond_signal(&called);
	return true;
}

/* Waits to be called. False: it is one too many. */
static bool rest(void)
{
	if (resting >= SPARE)
		return false;
	resting++;
	while (calls == 0)
		pthread_cond_wait(&called, &lock);
	calls--;
	coming--;
	return true;
}

/* Its share may be gone as soon as the loop has it. */
static void give_back(struct job *j)
{
	at_work--;
	j->share->running--;
	list(j->share);
	pthread_mutex_unlock(&lock);
	j->post.run = back_in_loop;
	loop_post(j->loop, &j->post);
	pthread_mutex_lock(&lock);
}

static void *serve(void *arg)
{
	struct job *j;

	(void)arg;
	pthread_mutex_lock(&lock);
	coming--;
	do {
		while ((j = take())) {
			if (coming == 0)
				(void)call(); /* without one, this thread takes it when it is done here */
			pthread_mutex_unlock(&lock);
			j->work(j);
			pthread_mutex_lock(&lock);
			give_back(j);
		}
	} while (rest());
	threads--;
	pthread_mutex_unlock(&lock);
	return NULL;
}

static bool start_one(void)
{
	pthread_attr_t attr;
	pthread_t t;
	int err = pthread_attr_init(&attr);

	if (err)
		return false;
	err = pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (!err)
		err = pthread_attr_setstacksize(&attr, STACK);
	if (!err)
		err = pthread_create(&t, &attr, serve, NULL);
	pthread_attr_destroy(&attr);
	if (err)
		return false;
	threads++;
	coming++;
	return true;
}

/* The job, which is the only one of its share that waits, is not taken after all. */
static void take_out(struct pool_share *s)
{
	struct pool_share **at;

	for (at = &ready; *at != s; at = &(*at)->next)
		;
	*at = s->next;
	if (!*at)
		ready_end = at;
	s->listed = false;
	s->first = NULL;
}

bool pool_submit(struct pool_share *s, struct loop *l, struct job *j)
{
	bool taken = true;

	j->loop = l;
	j->share = s;
	j->next = NULL;
	pthread_mutex_lock(&lock);
	if (s->first)
		s->last->next = j;
	else
		s->first = j;
	s->last = j;
	list(s);
	/* those at work may hang: a share that waits for one of them would hang with it */
	if (!call() && coming == 0 && s->running == 0 && s->first == j) {
		take_out(s);
		taken = false;
	}
	pthread_mutex_unlock(&lock);
	return taken;
}
