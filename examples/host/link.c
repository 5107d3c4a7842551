/* SPDX-License-Identifier: MIT */
/*
 * Requests to a logical unit, synchronously and with repeats, and the link below them: how long it is tried, when again, and
 * when it is given up (link.h).
 */
#include "link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <iscsiproto/base.h>

#include "util.h"
#include "verdict.h"

#define DEFAULT_TIMEOUT_MS 30000u
#define DEFAULT_RETRIES 3u
#define DEFAULT_RETRY_MS 120000u
#define ATTENTIONS_MAX 20u
#define ABORTED_MAX 8u
#define FIRST_PAUSE_MS 250u
#define LAST_PAUSE_MS 10000u
#define FIRST_BUSY_MS 20u
#define LAST_BUSY_MS 1000u
/* A target that wants more peace than this, and more than --retry-for, is not waited for. */
#define PEACE_MS 60000u

void link_defaults(struct link *l)
{
	l->timeout_ms = DEFAULT_TIMEOUT_MS;
	l->retries = DEFAULT_RETRIES;
	l->retry_ms = DEFAULT_RETRY_MS;
	l->pause_ms = FIRST_PAUSE_MS;
	l->busy_ms = FIRST_BUSY_MS;
}

struct request *request_new(struct link *l)
{
	struct request *r = need(sizeof *r + l->ops->priv_size);

	r->link = l;
	r->lun = l->lun;
	return r;
}

void request_free(struct request *r)
{
	free(r->data);
	free(r);
}

/* --- last words --- */

__attribute__((noreturn)) static void die_so_far(struct link *l, const char *text)
{
	char so_far[200] = "";

	if (l->so_far)
		l->so_far(l->so_far_user, so_far, sizeof so_far);
	die("%s%s%s", text, so_far[0] ? "; " : "", so_far);
}

void link_die(struct link *l, const char *fmt, ...)
{
	char text[800];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	die_so_far(l, text);
}

void request_die(const struct request *r, const char *what)
{
	struct iscsip_sense s;
	char text[256];

	if (r->err)
		link_die(r->link, "%s: %s", what, r->link->why[0] ? r->link->why : iscsip_strerror(r->err));
	if (r->status == ISCSIP_STATUS_CHECK_CONDITION && iscsip_sense_decode(r->sense, r->sense_len, &s) == ISCSIP_OK) {
		iscsip_sense_format(&s, text, sizeof text);
		link_die(r->link, "%s: %s", what, text);
	}
	link_die(r->link, "%s: status %s", what, iscsip_scsi_status_text(r->status));
}

/* --- opening --- */

/* `attempts` 0: a first one, that needs no word. */
__attribute__((noreturn)) static void give_up(struct link *l, const char *why, unsigned attempts)
{
	if (attempts == 0)
		link_die(l, "%s", why);
	link_die(l, "%s (gave up after %u attempt%s)", why, attempts, attempts == 1 ? "" : "s");
}

/* Nothing is under way on the link: there is nobody to serve. */
static void sleep_until(iscsip_time until)
{
	for (iscsip_time now = loop_clock(); now < until; now = loop_clock())
		usleep((useconds_t)(until - now < 1000 ? until - now : 1000) * 1000u);
}

/* Recovery should not be tried before Time2Wait has passed (RFC 7143 7.5). */
static void keep_peace(struct link *l)
{
	iscsip_time now = loop_clock(), wait = l->not_before > now ? l->not_before - now : 0;

	if (wait > PEACE_MS && wait > l->retry_ms)
		link_die(l, "%s: not to be connected again before %llu s, and --retry-for is less",
			 l->why[0] ? l->why : "connection lost", (unsigned long long)(wait / 1000));
	sleep_until(l->not_before);
}

/* Who gave --retry alone wants it to bound attempts that fail, too; else time does. */
static bool counts_attempts(const struct link *l)
{
	return l->retries_given && !l->retry_ms_given;
}

/* Whether one more attempt is allowed after this many that failed. */
static bool may_try(const struct link *l, unsigned failed, iscsip_time until)
{
	if (l->retries == 0 || loop_clock() >= until)
		return false;
	return !counts_attempts(l) || l->retried + failed <= l->retries;
}

/* Whether what had no answer may be sent again. A connection that was closed before the peer said anything is no better than
 * one that was refused. */
static bool may_reopen(const struct link *l)
{
	if (l->retries == 0 || l->retry_ms == 0)
		return false;
	if (l->mute && !counts_attempts(l))
		return loop_clock() < l->lost_since + l->retry_ms;
	return l->retried < l->retries;
}

static iscsip_time next_pause(struct link *l)
{
	iscsip_time pause = l->pause_ms;

	l->pause_ms = pause * 2 < LAST_PAUSE_MS ? (unsigned)pause * 2 : LAST_PAUSE_MS;
	return pause;
}

static void opened(struct link *l)
{
	l->open = l->was_open = true;
	l->epoch++;
	l->changes++;
}

/* The first attempt has all of --timeout; those that follow end with the time for them. */
static uint32_t connect_time(const struct link *l, unsigned n, iscsip_time until)
{
	iscsip_time now = loop_clock(), left = until > now + 1000 ? until - now : 1000;

	return n == 1 || left > l->timeout_ms ? l->timeout_ms : (uint32_t)left;
}

/* A person who waits for the first connection should know for what. */
static void tell_of_wait(const struct link *l, unsigned n, iscsip_time until)
{
	iscsip_time now = loop_clock();

	if (n == 1 && !l->was_open && isatty(STDERR_FILENO))
		complain("%s; trying again for %llu s", l->why, until > now ? (unsigned long long)(until - now) / 1000 : 0);
	else
		tell("%s: trying again", l->why);
}

/* Attempts until one succeeds, or the time is up. */
static void try_to_open(struct link *l)
{
	iscsip_time until = l->lost_since + l->retry_ms;

	if (until <= l->not_before)
		until = l->not_before + 1; /* one attempt follows the time of peace */
	for (unsigned n = 1;; n++) {
		iscsip_time at;
		enum link_opened how;
		unsigned all = l->retried + n;

		keep_peace(l);
		l->connect_ms = connect_time(l, n, until);
		how = l->ops->open(l);
		if (how == LINK_OPEN)
			return;
		if (how == LINK_REFUSED || !may_try(l, n, until))
			give_up(l, l->why, l->was_open || all > 1 ? all : 0);
		tell_of_wait(l, n, until);
		at = loop_clock() + next_pause(l);
		sleep_until(at < until ? at : until);
	}
}

void link_open(struct link *l)
{
	l->lost_since = loop_clock();
	try_to_open(l);
	opened(l);
}

void link_blame(struct link *l, const struct request *r)
{
	if (l->why[0] == '\0')
		snprintf(l->why, sizeof l->why, "%s", iscsip_strerror(r->err));
}

void link_reopen(struct link *l)
{
	char why[sizeof l->why];
	unsigned tried = l->retried + 1;

	snprintf(why, sizeof why, "%s", l->why[0] ? l->why : "connection lost");
	if (l->open)
		l->ops->close(l);
	l->open = false;
	if (!l->mute || l->lost_since == 0)
		l->lost_since = loop_clock();
	if (!may_reopen(l))
		give_up(l, why, tried);
	l->retried++;
	tell("%s: connecting again", why);
	if (tried > 1)
		sleep_until(loop_clock() + next_pause(l));
	try_to_open(l);
	opened(l);
}

void link_progress(struct link *l)
{
	l->retried = 0;
	l->lost_since = 0;
	l->pause_ms = FIRST_PAUSE_MS;
	l->mute = false;
}

/* --- requests --- */

int link_submit(struct link *l, struct request *r)
{
	r->err = 0;
	r->status = 0;
	r->sense_len = 0;
	r->in_got = r->out_left = r->out_sent = r->beyond = 0;
	r->epoch = l->epoch;
	return l->ops->submit(l, r);
}

/* For how long a target has taken nothing. */
static bool out_of_patience(struct link *l)
{
	iscsip_time now = loop_clock();

	if (l->busy_since == 0)
		l->busy_since = now;
	return now - l->busy_since >= l->timeout_ms;
}

static enum verdict taken(struct link *l, struct request *r)
{
	r->tries = 0;
	l->busy_since = 0;
	l->busy_ms = FIRST_BUSY_MS;
	return VERDICT_DONE;
}

enum verdict link_judge(struct link *l, struct request *r)
{
	struct answer a = verdict_of(r->status, r->sense, r->sense_len);

	if (a.attention) {
		l->changes++;
		l->epoch += a.reset;
		l->medium_changed |= a.medium;
	}
	if (a.deferred && !l->writing)
		a.verdict = VERDICT_AGAIN; /* of somebody else's data */
	switch (a.verdict) {
	case VERDICT_DONE:
		return taken(l, r);
	case VERDICT_AGAIN:
		if (++r->tries > (a.attention ? ATTENTIONS_MAX : ABORTED_MAX))
			return VERDICT_FAILED;
		return a.attention || r->tries == 1 ? VERDICT_AGAIN : VERDICT_LATER;
	case VERDICT_LATER:
		return out_of_patience(l) ? VERDICT_FAILED : VERDICT_LATER;
	default:
		return VERDICT_FAILED;
	}
}

bool request_whole(const struct request *r)
{
	if (r->in_got < r->in_len)
		return false;
	return r->out_left == 0 || (r->status == ISCSIP_STATUS_CHECK_CONDITION && r->out_sent == r->out_len);
}

void link_pause(struct link *l)
{
	iscsip_time until = loop_clock() + l->busy_ms;

	l->busy_ms = l->busy_ms * 5 / 4 < LAST_BUSY_MS ? l->busy_ms * 5 / 4 : LAST_BUSY_MS;
	do
		loop_round(&l->loop, (int)(until - loop_clock() + 1));
	while (loop_clock() < until);
}

static void came_back(struct request *r)
{
	*(bool *)r->user = true;
}

static void submit_and_wait(struct link *l, struct request *r)
{
	bool back = false;
	int err;

	r->done = came_back;
	r->user = &back;
	while ((err = link_submit(l, r)) == ISCSIP_EAGAIN)
		loop_round(&l->loop, 1000);
	if (err) {
		r->err = err;
		return;
	}
	while (!back)
		loop_round(&l->loop, 1000);
}

bool link_execute(struct link *l, struct request *r)
{
	for (r->tries = 0;;) {
		submit_and_wait(l, r);
		if (r->err) {
			link_blame(l, r);
			link_reopen(l);
			continue;
		}
		switch (link_judge(l, r)) {
		case VERDICT_DONE:
			if (!l->checking)
				link_progress(l);
			return true;
		case VERDICT_FAILED:
			return false;
		case VERDICT_LATER:
			link_pause(l);
			break;
		default:
			break;
		}
	}
}

void link_must(struct link *l, struct request *r, const char *what)
{
	if (!link_execute(l, r))
		request_die(r, what);
}
