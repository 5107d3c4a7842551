/* SPDX-License-Identifier: MIT */
/*
 * A pool of threads for blocking calls (pool.h): one for the program, as deep as a disk likes its queue.
 */
#include "pool.h"

#include <string.h>

#include "util.h"

#define THREADS 8

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;
static struct job *first, **end = &first;
static unsigned threads, resting;

static void back_in_loop(struct post *p)
{
	struct job *j = (struct job *)(void *)p;

	j->done(j);
}

static void *serve(void *arg)
{
	(void)arg;
	for (;;) {
		struct job *j;

		pthread_mutex_lock(&lock);
		resting++;
		while (!first)
			pthread_cond_wait(&more, &lock);
		resting--;
		j = first;
		first = j->next;
		if (!first)
			end = &first;
		pthread_mutex_unlock(&lock);
		j->work(j);
		j->post.run = back_in_loop;
		loop_post(j->loop, &j->post);
	}
	return NULL;
}

static void start_one(void)
{
	pthread_t t;
	int err = pthread_create(&t, NULL, serve, NULL);

	if (err && threads == 0)
		die("cannot start a thread: %s", strerror(err));
	if (err)
		return;
	pthread_detach(t);
	threads++;
}

void pool_submit(struct loop *l, struct job *j)
{
	j->loop = l;
	j->next = NULL;
	pthread_mutex_lock(&lock);
	*end = j;
	end = &j->next;
	if (resting == 0 && threads < THREADS)
		start_one();
	pthread_cond_signal(&more);
	pthread_mutex_unlock(&lock);
}
