/* SPDX-License-Identifier: MIT */
/*
 * bench: a load of reads or writes at a depth for some seconds, told as one line of JSON. Every completion sends the next
 * request at once, so the depth is kept and requests leave in batches. When the connection is lost, the requests that had no
 * answer are sent again on a new one, as for every command (link.h). What a busy target did not take waits until another request
 * is done, or where there is none, for a while.
 *
 * What is measured is the protocol and not the memory: all reads land in one buffer and all writes leave from another, as
 * with other implementations' load generators (a buffer for each request would be out of the cache when its turn comes).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "commands.h"
#include "unit.h"
#include "util.h"

/* Latencies in 16 steps for each power of two of microseconds: within 6 % of the truth, in constant memory. */
#define STEPS 16u
#define BUCKETS (40u * STEPS)

struct bench {
	struct link *l;
	const struct operands *o;
	struct unit unit;
	uint32_t blocks;           /* of a request */
	uint64_t places, next;     /* where requests may begin, and the next one of a sequence */
	uint64_t random;           /* state of the generator */
	uint64_t until_us;
	uint64_t done, bytes;
	unsigned under_way;
	unsigned lost;             /* came back without an answer, and wait for a new connection */
	char why[600];             /* of the last connection that was lost */
	unsigned put_aside;        /* not taken by a busy target */
	bool *aside;               /* which, for each request */
	uint64_t histogram[BUCKETS];
	uint64_t *started_us;      /* for each request */
	void *in, *out;            /* one buffer for all reads, one for all writes: nobody looks at the bytes */
	struct request **requests;
};

static unsigned bucket_of(uint64_t us)
{
	unsigned power = 0;
	uint64_t rest = us;

	if (us < STEPS)
		return (unsigned)us;
	while (rest >= 2u * STEPS) {
		rest >>= 1;
		power++;
	}
	return power * STEPS + (unsigned)rest < BUCKETS ? power * STEPS + (unsigned)rest : BUCKETS - 1;
}

static double bucket_us(unsigned b)
{
	unsigned power = b / STEPS;

	return power <= 1 ? (double)b : (double)((uint64_t)(STEPS + b % STEPS) << (power - 1));
}

static double percentile(const struct bench *b, double part)
{
	uint64_t want = (uint64_t)((double)b->done * part), seen = 0;
	unsigned i;

	for (i = 0; i < BUCKETS; i++) {
		seen += b->histogram[i];
		if (seen > want)
			break;
	}
	return bucket_us(i < BUCKETS ? i : BUCKETS - 1);
}

static uint64_t next_random(struct bench *b)
{
	b->random ^= b->random << 13;
	b->random ^= b->random >> 7;
	b->random ^= b->random << 17;
	return b->random;
}

static bool writes_now(struct bench *b)
{
	if (b->o->op[0] == 'm')
		return next_random(b) & 1;
	return b->o->op[0] == 'w';
}

static void came_back(struct request *r);

static void send_next(struct bench *b, struct request *r)
{
	uint64_t place = b->o->random ? next_random(b) % b->places : b->next++ % b->places;
	bool out = writes_now(b);
	uint32_t bytes = b->blocks * b->unit.block_size;
	int err;

	iscsip_cdb_rw(r->cdb, out ? ISCSIP_CDB_WRITE : ISCSIP_CDB_READ, place * b->blocks, b->blocks, 0);
	r->in_len = out ? 0 : bytes;
	r->out_len = out ? bytes : 0;
	r->data = out ? b->out : b->in;
	r->done = came_back;
	b->started_us[(size_t)(uintptr_t)r->user] = clock_us();
	b->under_way++;
	err = link_submit(b->l, r);
	if (err) {
		r->err = err;
		b->under_way--;
		b->lost++;
	}
}

/* One that was put aside. */
static void send_aside(struct bench *b)
{
	unsigned i = 0;

	while (!b->aside[i])
		i++;
	b->aside[i] = false;
	b->put_aside--;
	send_next(b, b->requests[i]);
}

static struct bench *the_bench;

/* Counts what moved. */
static void count_done(struct bench *b, const struct request *r, uint64_t now)
{
	if (!request_whole(r))
		die("bench: success, but only %u of %u bytes moved", r->in_len ? r->in_got : r->out_len - r->out_left,
		    r->in_len + r->out_len);
	if (r->beyond)
		die("bench: success, but the target has %u bytes more than the %u of these blocks", r->beyond, r->in_len + r->out_len);
	link_progress(b->l);
	b->done++;
	b->bytes += r->in_len + r->out_len;
	b->histogram[bucket_of(now - b->started_us[(size_t)(uintptr_t)r->user])]++;
}

static void came_back(struct request *r)
{
	struct bench *b = the_bench;
	uint64_t now = clock_us();

	b->under_way--;
	if (r->err) {
		b->lost++;
		return;
	}
	switch (link_judge(b->l, r)) {
	case VERDICT_DONE:
		count_done(b, r, now);
		if (b->put_aside && now < b->until_us)
			send_aside(b);
		break;
	case VERDICT_FAILED:
		request_die(r, "bench");
	case VERDICT_LATER:
		b->aside[(size_t)(uintptr_t)r->user] = true;
		b->put_aside++;
		return;
	default:
		break;
	}
	if (now < b->until_us)
		send_next(b, r);
}

/* Nothing is under way, and something could not be sent. */
static void wait_for_target(struct bench *b)
{
	link_pause(b->l);
	while (b->put_aside && clock_us() < b->until_us)
		send_aside(b);
}

/* Everything has come back, some of it without an answer. */
static void send_lost(struct bench *b)
{
	for (unsigned i = 0; i < b->o->depth; i++)
		if (b->requests[i]->err)
			link_blame(b->l, b->requests[i]);
	snprintf(b->why, sizeof b->why, "%s", b->l->why);
	b->lost = 0;
	if (clock_us() >= b->until_us)
		return; /* none of them is sent again */
	link_reopen(b->l);
	unit_check(b->l, &b->unit, b->places * b->blocks);
	for (unsigned i = 0; i < b->o->depth; i++) {
		struct request *r = b->requests[i];

		if (!r->err)
			continue;
		r->err = 0;
		if (clock_us() < b->until_us)
			send_next(b, r);
	}
}

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void prepare(struct bench *b)
{
	unsigned i;

	b->unit = unit_ask(b->l);
	b->l->writing = b->o->op[0] != 'r';
	if (b->o->size % b->unit.block_size || b->o->size == 0 || b->o->size > 16u << 20)
		usage_error("--size: %" PRIu64 " is not a number of blocks of %u bytes, up to 16M", b->o->size,
			    b->unit.block_size);
	b->blocks = (uint32_t)(b->o->size / b->unit.block_size);
	b->places = b->unit.blocks / b->blocks;
	if (b->places == 0)
		die("the unit is smaller than one request");
	random_bytes(NULL, (uint8_t *)&b->random, sizeof b->random);
	b->random |= 1;
	b->started_us = need(b->o->depth * sizeof *b->started_us);
	b->requests = need(b->o->depth * sizeof(struct request *));
	b->aside = need(b->o->depth * sizeof *b->aside);
	b->in = need((size_t)b->o->size);
	b->out = need((size_t)b->o->size);
	for (i = 0; i < b->o->depth; i++) {
		b->requests[i] = request_new(b->l);
		b->requests[i]->user = (void *)(uintptr_t)i;
	}
}

static void report(const struct bench *b, double seconds, double cpu)
{
	double n = (double)b->done;

	printf("{\"op\":\"%s\",\"size\":%" PRIu64 ",\"depth\":%u,\"pattern\":\"%s\",\"seconds\":%.3f,\"ios\":%" PRIu64
	       ",\"iops\":%.0f,\"bytes_per_second\":%.0f,\"latency_us\":{\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,"
	       "\"p999\":%.1f},\"cpu_seconds\":%.3f,\"c_us_per_io\":%.3f}\n",
	       b->o->op, b->o->size, b->o->depth, b->o->random ? "random" : "seq", seconds, b->done, n / seconds,
	       (double)b->bytes / seconds, percentile(b, 0.5), percentile(b, 0.9), percentile(b, 0.99),
	       percentile(b, 0.999), cpu, cpu * 1e6 / n);
}

void command_bench(struct link *l, const struct operands *o)
{
	static struct bench b;
	uint64_t start;
	double cpu;
	unsigned i;

	b.l = l;
	b.o = o;
	the_bench = &b;
	prepare(&b);
	cpu = cpu_seconds();
	start = clock_us();
	b.until_us = start + (uint64_t)(o->seconds * 1e6);
	for (i = 0; i < o->depth; i++)
		send_next(&b, b.requests[i]);
	while (b.under_way || b.lost || (b.put_aside && clock_us() < b.until_us)) {
		if (b.under_way)
			loop_round(&l->loop, 1000);
		else if (b.lost)
			send_lost(&b);
		else
			wait_for_target(&b);
	}
	if (!b.done)
		die("bench: no request was answered%s%s", b.why[0] ? ": " : "", b.why);
	report(&b, (double)(clock_us() - start) / 1e6, cpu_seconds() - cpu);
	for (i = 0; i < o->depth; i++)
		free(b.requests[i]);
	free(b.in);
	free(b.out);
	free(b.requests);
	free(b.started_us);
	free(b.aside);
}
