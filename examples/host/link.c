/* SPDX-License-Identifier: MIT */
/*
 * Requests to a logical unit, synchronously and with repeats (link.h).
 */
#include "link.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <iscsiproto/base.h>

#include "util.h"

#define TRIES 20u
#define BUSY_WAIT_MS 20

struct request *request_new(struct link *l)
{
	struct request *r = need(sizeof *r + l->ops->priv_size);

	r->link = l;
	r->lun = l->lun;
	return r;
}

void link_open(struct link *l)
{
	if (l->ops->open(l))
		die("%s", l->why);
	l->open = true;
}

void link_blame(struct link *l, const struct request *r)
{
	if (l->why[0] == '\0')
		snprintf(l->why, sizeof l->why, "%s", iscsip_strerror(r->err));
}

void link_reopen(struct link *l)
{
	for (;;) {
		if (l->open)
			l->ops->close(l);
		l->open = false;
		if (l->retried >= l->retries)
			die("%s (gave up after %u attempt%s)", l->why[0] ? l->why : "connection lost", l->retried + 1,
			    l->retried ? "s" : "");
		l->retried++;
		tell("%s: connecting again", l->why[0] ? l->why : "connection lost");
		if (l->ops->open(l) == 0)
			break;
		usleep(200000u * l->retried);
	}
	l->open = true;
}

bool request_busy(const struct request *r)
{
	return r->status == ISCSIP_STATUS_BUSY || r->status == ISCSIP_STATUS_TASK_SET_FULL;
}

void link_pause(struct link *l)
{
	iscsip_time until = loop_clock() + BUSY_WAIT_MS;

	do
		loop_round(&l->loop, BUSY_WAIT_MS);
	while (l->loop.now < until);
}

bool request_again(struct request *r)
{
	struct iscsip_sense s;

	if (r->err || r->tries >= TRIES)
		return false;
	r->link->retried = 0;
	if (request_busy(r)) {
		r->tries++;
		return true;
	}
	if (r->status != ISCSIP_STATUS_CHECK_CONDITION || iscsip_sense_decode(r->sense, r->sense_len, &s))
		return false;
	if (s.key != ISCSIP_SENSE_UNIT_ATTENTION)
		return false;
	r->tries++;
	return true;
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
	err = l->ops->submit(l, r);
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
		} else if (!request_again(r))
			return r->status == ISCSIP_STATUS_GOOD;
		else if (request_busy(r))
			link_pause(l);
	}
}

void request_die(const struct request *r, const char *what)
{
	struct iscsip_sense s;
	char text[256];

	if (r->err)
		die("%s: %s", what, r->link->why[0] ? r->link->why : iscsip_strerror(r->err));
	if (r->status == ISCSIP_STATUS_CHECK_CONDITION && iscsip_sense_decode(r->sense, r->sense_len, &s) == ISCSIP_OK) {
		iscsip_sense_format(&s, text, sizeof text);
		die("%s: %s", what, text);
	}
	die("%s: status %s", what, iscsip_scsi_status_text(r->status));
}

void link_must(struct link *l, struct request *r, const char *what)
{
	if (!link_execute(l, r))
		request_die(r, what);
}
