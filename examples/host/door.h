/* SPDX-License-Identifier: MIT */
/*
 * Connections that have not proved yet what they are good for, a bounded number of them. Nobody who waits can keep a
 * newcomer out: where the door is full, one of those inside has to go, of the address that has most of them the one that
 * came, or got on, the longest time ago. So an address that floods the door pushes out its own, and many addresses together are
 * pushed out in the order in which they came, while a login that makes progress takes a few milliseconds.
 */
#ifndef HOST_DOOR_H
#define HOST_DOOR_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct door_group;

/* One that is inside; embedded in its owner, zeroed at first. */
struct door_place {
	struct door_place *next, **prev; /* of the same address, in the order in which they go */
	struct door_group *group;        /* NULL: not inside (any more) */
	int fd;
	bool pushed;                     /* pushed out, and not gone yet */
};

/*
 * All that came from one address: a v4 address, or the 64 bits of a v6 network, of which each host has a whole one; of a
 * link-local address the other 64.
 */
struct door_group {
	struct door_group *next, **prev; /* of as many places, the one that got there first first; or free */
	struct door_group *next_hashed;
	struct door_place *first, **last;
	unsigned count;
	uint64_t address[2];
};

struct door_groups {
	struct door_group *first, **last;
};

struct door {
	pthread_mutex_t lock;
	unsigned limit;
	bool fair;                       /* newcomers push out only whose address has more than theirs would have */
	unsigned inside, pushed;
	unsigned most;                   /* places of the address that has most */
	uint64_t seed;
	struct door_group *groups, *free, **hashed;
	unsigned hash_mask;
	struct door_groups *of_count;    /* groups by their number of places, up to `most` */
};

/* `fair`: those inside have worth of their own. Nobody is pushed out for one whose address has as many. */
void door_init(struct door *d, unsigned limit, bool fair);
/*
 * Lets a connected socket in. Who is pushed out for it has its socket shut down, which its loop, in whichever thread, takes for the
 * end of the connection. False: the newcomer has to go, since the door is full and fair, or because too many that were
 * pushed out are not gone yet. All of it takes the same time however many are inside.
 */
bool door_enter(struct door *d, struct door_place *p, int fd, const struct sockaddr_storage *from);
/* It got on: it goes after those that are there now. To be called a few times for each at most. */
void door_again(struct door *d, struct door_place *p);
/* Pushes one out for want of a descriptor. False: there is none. */
bool door_push(struct door *d);
/* The same for one that came from an address and had to be turned away, where a fair door would have let it in. */
void door_push_for(struct door *d, const struct sockaddr_storage *from);
/* Out of the door: proved, or about to be closed; before fd is closed. May be called again. */
void door_leave(struct door *d, struct door_place *p);

#endif
