/* SPDX-License-Identifier: MIT */
/*
 * Who may pass the doors of a connection, and what its host was told. Alike for both protocols.
 *
 * A door is one of the calls that a host moves bytes or time with. One is passed at a time, never from inside a callback.
 * What comes up while none is passed is told by the host's wake callback: once, because the host looks at all there is when
 * it comes; and again after the next door, whichever that is, because the host believes it has seen everything by then.
 */
#ifndef ISCSIP_STREAM_DOOR_H
#define ISCSIP_STREAM_DOOR_H

#include <stdbool.h>

struct door {
	bool shut; /* one is being passed, or a callback is under way: others refuse */
	bool told; /* the host was woken, and has passed no door since */
};

/* False: from inside a callback. */
static inline bool door_enter(struct door *d)
{
	if (d->shut)
		return false;
	d->shut = true;
	return true;
}

static inline void door_leave(struct door *d)
{
	d->shut = d->told = false;
}

/* Whether the host is to be woken for what came up now; then it counts as told. */
static inline bool door_news(struct door *d)
{
	if (d->shut || d->told)
		return false;
	d->told = true;
	return true;
}

#endif
