/* SPDX-License-Identifier: MIT */
/*
 * The door (door.h). Groups by address are found by a hash with a random seed, the fullest of them through lists by number of
 * places: entering and leaving change that number by one, so the list of the fullest is never searched for.
 *
 * One mutex keeps all of it, and the sockets valid: a place is left before its socket is closed, so none is shut down that
 * has become somebody else's.
 */
#include "door.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

/* How many that were pushed out may be waiting for their loop to close them: as many as may be inside. */
#define MAX_PUSHED(d) ((d)->limit)

void door_init(struct door *d, unsigned limit, bool fair)
{
	unsigned i, size = 1;

	while (size < 2 * limit)
		size *= 2;
	memset(d, 0, sizeof *d);
	if (pthread_mutex_init(&d->lock, NULL))
		die("cannot make a lock");
	d->limit = limit;
	d->fair = fair;
	d->hash_mask = size - 1;
	d->groups = need((limit + 1) * sizeof *d->groups);
	d->hashed = need(size * sizeof *d->hashed);
	d->of_count = need((limit + 2) * sizeof *d->of_count);
	for (i = 0; i < limit + 2; i++)
		d->of_count[i].last = &d->of_count[i].first;
	for (i = 0; i <= limit; i++) {
		d->groups[i].next = d->free;
		d->free = &d->groups[i];
	}
	random_bytes(NULL, (uint8_t *)&d->seed, sizeof d->seed);
}

/* --- groups --- */

static void address_of(uint64_t address[2], const struct sockaddr_storage *from)
{
	const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr;

	address[0] = 0;
	address[1] = from->ss_family;
	if (from->ss_family == AF_INET)
		memcpy(address, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
	else
		memcpy(address, v6->s6_addr + (IN6_IS_ADDR_LINKLOCAL(v6) ? 8 : 0), 8);
}

static struct door_group **hashed(struct door *d, const uint64_t address[2])
{
	uint64_t h = (address[0] ^ d->seed) * 0x9e3779b97f4a7c15u;

	h = ((h ^ h >> 29) ^ address[1]) * 0xbf58476d1ce4e5b9u;
	h = (h ^ h >> 32) * 0x94d049bb133111ebu;
	return &d->hashed[(h >> 32) & d->hash_mask];
}

static struct door_group *find(struct door *d, const uint64_t address[2])
{
	struct door_group *g = *hashed(d, address);

	while (g && memcmp(g->address, address, sizeof g->address) != 0)
		g = g->next_hashed;
	return g;
}

static void unhash(struct door *d, struct door_group *g)
{
	struct door_group **at = hashed(d, g->address);

	while (*at != g)
		at = &(*at)->next_hashed;
	*at = g->next_hashed;
}

/* Of `count` places from now on; as the last of those that have so many. A group without places is free. */
static void count_again(struct door *d, struct door_group *g, unsigned count)
{
	struct door_groups *to = &d->of_count[count];

	if (g->count) {
		*g->prev = g->next;
		if (g->next)
			g->next->prev = g->prev;
		else
			d->of_count[g->count].last = g->prev;
	}
	g->count = count;
	if (count) {
		g->next = NULL;
		g->prev = to->last;
		*to->last = g;
		to->last = &g->next;
	} else {
		unhash(d, g);
		g->next = d->free;
		d->free = g;
	}
	if (count > d->most)
		d->most = count;
	else if (d->most && !d->of_count[d->most].first)
		d->most--;
}

static struct door_group *group_new(struct door *d, const uint64_t address[2])
{
	struct door_group *g = d->free, **head = hashed(d, address);

	d->free = g->next;
	memcpy(g->address, address, sizeof g->address);
	g->count = 0;
	g->first = NULL;
	g->last = &g->first;
	g->next_hashed = *head;
	*head = g;
	return g;
}

/* --- places --- */

static struct door_group *unlink_place(struct door_place *p)
{
	struct door_group *g = p->group;

	*p->prev = p->next;
	if (p->next)
		p->next->prev = p->prev;
	else
		g->last = p->prev;
	p->group = NULL;
	return g;
}

static void take_out(struct door *d, struct door_place *p)
{
	struct door_group *g = unlink_place(p);

	d->inside--;
	count_again(d, g, g->count - 1);
}

static void push(struct door *d)
{
	struct door_place *p = d->of_count[d->most].first->first;

	take_out(d, p);
	p->pushed = true;
	d->pushed++;
	(void)shutdown(p->fd, SHUT_RDWR); /* refused where the peer is gone already: its loop will hear of that */
}

static bool may_enter(const struct door *d, const struct door_group *mine)
{
	if (d->inside < d->limit)
		return true;
	return d->pushed < MAX_PUSHED(d) && (!d->fair || (mine ? mine->count : 0) + 1 < d->most);
}

static void put_in(struct door_group *g, struct door_place *p)
{
	p->group = g;
	p->next = NULL;
	p->prev = g->last;
	*g->last = p;
	g->last = &p->next;
}

bool door_enter(struct door *d, struct door_place *p, int fd, const struct sockaddr_storage *from)
{
	uint64_t address[2];
	struct door_group *g;
	bool enters;

	address_of(address, from);
	pthread_mutex_lock(&d->lock);
	g = find(d, address);
	enters = may_enter(d, g);
	if (enters) {
		if (!g)
			g = group_new(d, address);
		p->fd = fd;
		put_in(g, p);
		d->inside++;
		count_again(d, g, g->count + 1);
		if (d->inside > d->limit)
			push(d);
	}
	pthread_mutex_unlock(&d->lock);
	return enters;
}

void door_again(struct door *d, struct door_place *p)
{
	struct door_group *g;

	pthread_mutex_lock(&d->lock);
	if (p->group) {
		g = unlink_place(p);
		put_in(g, p);
		count_again(d, g, g->count);
	}
	pthread_mutex_unlock(&d->lock);
}

bool door_push(struct door *d)
{
	bool pushes;

	pthread_mutex_lock(&d->lock);
	pushes = d->inside && d->pushed < MAX_PUSHED(d);
	if (pushes)
		push(d);
	pthread_mutex_unlock(&d->lock);
	return pushes;
}

void door_push_for(struct door *d, const struct sockaddr_storage *from)
{
	uint64_t address[2];
	struct door_group *g;

	address_of(address, from);
	pthread_mutex_lock(&d->lock);
	g = find(d, address);
	if (d->pushed < MAX_PUSHED(d) && (g ? g->count : 0) + 1 < d->most)
		push(d);
	pthread_mutex_unlock(&d->lock);
}

void door_leave(struct door *d, struct door_place *p)
{
	pthread_mutex_lock(&d->lock);
	if (p->group)
		take_out(d, p);
	else if (p->pushed)
		d->pushed--;
	p->pushed = false;
	pthread_mutex_unlock(&d->lock);
}
