/* SPDX-License-Identifier: MIT */
/*
 * What a logical unit is: its size, and which one it is. Asked before data moves, and again whenever it may have changed (a
 * new connection, a unit attention): data must not go to another unit, nor to other blocks.
 */
#ifndef HOST_UNIT_H
#define HOST_UNIT_H

#include "link.h"

#define UNIT_NAME_MAX 256u

struct unit {
	uint64_t blocks;
	uint32_t block_size;
	uint32_t most;                      /* blocks of one command; 0: it names no limit */
	char serial[UNIT_NAME_MAX];         /* empty: it tells none */
	uint8_t designator[UNIT_NAME_MAX];  /* the best of the unit itself */
	unsigned designator_len;            /* 0: it tells none */
	uint8_t designator_type;
	bool removable;                     /* the medium may be another one though the unit is the same */
	unsigned changes;                   /* of the link, when this was known */
};

/* Size alone, of the link's unit; ends the program where it cannot be had. */
struct unit unit_size(struct link *l);
/* The same of any unit; false where it cannot be had. */
bool unit_tells_size(struct link *l, uint64_t lun, struct unit *u);
/* Size and name. */
struct unit unit_ask(struct link *l);
/* Whether what is known may be old: unit_check() before the next command. */
bool unit_may_differ(const struct link *l, const struct unit *u);
/*
 * Asks again. Ends the program where it is another unit, its blocks have another size, or it ends before block `end`; a size
 * beyond that may change.
 */
void unit_check(struct link *l, struct unit *u, uint64_t end);

/* An INQUIRY: standard data (page -1) or a page of vital product data, into r->data with room for `len`. */
void unit_inquire(struct request *r, int page, uint16_t len);
/* A request with room for data of the unit. */
struct request *unit_request(struct link *l, uint32_t len);
/* Big-endian number of n bytes. */
uint64_t big(const uint8_t *p, unsigned n);

#endif
