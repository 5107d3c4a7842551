/* SPDX-License-Identifier: MIT */
/*
 * Size and name of a unit (unit.h). READ CAPACITY(16) is optional for a unit whose blocks READ CAPACITY(10) can count, so that
 * is asked where the long form is not known. Of the names only those of the unit itself count, not those of the port it was
 * reached by: after a redirection that is another one.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"
#include "verdict.h"

#define PAGE_MAX 4096u
#define STANDARD_LEN 36u
#define CAPACITY_LEN 32u
#define SHORT_CAPACITY_LEN 8u
#define BLOCK_MAX 65536u
#define ROUNDS_MAX 20

uint64_t big(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | *p++;
	return v;
}

struct request *unit_request(struct link *l, uint32_t len)
{
	struct request *r = request_new(l);

	r->data = need(len);
	r->in_len = len;
	return r;
}

/* The CDB allows as many bytes as are expected: LIO complains where the two differ. */
void unit_inquire(struct request *r, int page, uint16_t len)
{
	r->in_len = len;
	memset(r->cdb, 0, sizeof r->cdb);
	iscsip_cdb_inquiry(r->cdb, page, len);
}

/* --- size --- */

/* False where these are no size. */
static bool blocks_of(struct unit *u, uint64_t last, uint64_t size)
{
	u->blocks = last == UINT64_MAX ? last : last + 1;
	u->block_size = (uint32_t)size;
	return size != 0 && size <= BLOCK_MAX;
}

static const char long_form[] = "READ CAPACITY(16)", short_form[] = "READ CAPACITY(10)";

/* NULL, or the name of the command that failed; with status GOOD its answer is none. */
static const char *ask_short(struct link *l, struct request *r, struct unit *u)
{
	r->in_len = SHORT_CAPACITY_LEN;
	iscsip_cdb_read_capacity_10(r->cdb);
	if (!link_execute(l, r) || r->in_got < SHORT_CAPACITY_LEN || big(r->data, 4) == UINT32_MAX)
		return short_form; /* FFFFFFFFh: the unit is larger than this form can tell */
	return blocks_of(u, big(r->data, 4), big(r->data + 4, 4)) ? NULL : short_form;
}

static const char *ask_size(struct link *l, struct request *r, struct unit *u)
{
	r->in_len = CAPACITY_LEN;
	iscsip_cdb_read_capacity_16(r->cdb, CAPACITY_LEN);
	if (!link_execute(l, r))
		return verdict_unknown_command(r) ? ask_short(l, r, u) : long_form;
	return r->in_got >= 12 && blocks_of(u, big(r->data, 8), big(r->data + 8, 4)) ? NULL : long_form;
}

bool unit_tells_size(struct link *l, uint64_t lun, struct unit *u)
{
	struct request *r = unit_request(l, CAPACITY_LEN);
	bool told;

	memset(u, 0, sizeof *u);
	r->lun = lun;
	told = ask_size(l, r, u) == NULL;
	request_free(r);
	return told;
}

static void must_tell_size(struct link *l, struct unit *u)
{
	struct request *r = unit_request(l, CAPACITY_LEN);
	const char *failed = ask_size(l, r, u);

	if (failed && r->status != ISCSIP_STATUS_GOOD)
		request_die(r, failed);
	if (failed && u->block_size)
		link_die(l, "%s: blocks of %u bytes", failed, u->block_size);
	if (failed)
		link_die(l, "%s: no size in the %u bytes that came back", failed, r->in_got);
	request_free(r);
}

struct unit unit_size(struct link *l)
{
	struct unit u = { .blocks = 0 };

	must_tell_size(l, &u);
	return u;
}

/* --- name and limits --- */

/* A page of vital product data; false where the unit has no such page. */
static bool ask_page(struct link *l, struct request *r, int page)
{
	memset(r->data, 0, PAGE_MAX);
	unit_inquire(r, page, PAGE_MAX);
	return link_execute(l, r) && r->in_got >= 4 && r->data[1] == page;
}

static void ask_serial(struct link *l, struct request *r, struct unit *u)
{
	unsigned len;

	u->serial[0] = '\0';
	if (!ask_page(l, r, 0x80))
		return;
	len = r->in_got - 4u < r->data[3] ? r->in_got - 4u : r->data[3];
	for (unsigned i = 0; i < len; i++) /* shown in messages */
		u->serial[i] = r->data[4 + i] > 0x20 && r->data[4 + i] < 0x7f ? (char)r->data[4 + i] : ' ';
	while (len && u->serial[len - 1] == ' ')
		len--;
	u->serial[len] = '\0';
}

/* The more a type of designator promises to be the only one of its kind, the more it counts. */
static unsigned worth(const struct iscsip_designator *d)
{
	static const uint8_t by_type[16] = { 1, 2, 4, 5, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0 }; /* NAA, EUI-64, SCSI name, T10 */

	return d->association == 0 ? by_type[d->type & 15u] : 0;
}

static void ask_designator(struct link *l, struct request *r, struct unit *u)
{
	struct iscsip_designator d;
	unsigned best = 0;
	size_t pos = 0;

	u->designator_len = 0;
	if (!ask_page(l, r, 0x83))
		return;
	while (iscsip_designator_next(r->data, r->in_got, &pos, &d)) {
		if (worth(&d) <= best)
			continue;
		best = worth(&d);
		u->designator_type = d.type;
		u->designator_len = (unsigned)d.len;
		memcpy(u->designator, d.value, d.len);
	}
}

/* MAXIMUM TRANSFER LENGTH of the block limits page. */
static void ask_limit(struct link *l, struct request *r, struct unit *u)
{
	u->most = ask_page(l, r, 0xb0) && r->in_got >= 12 ? (uint32_t)big(r->data + 8, 4) : 0;
}

static void ask_name(struct link *l, struct unit *u)
{
	struct request *r = unit_request(l, PAGE_MAX);

	unit_inquire(r, -1, STANDARD_LEN);
	u->removable = link_execute(l, r) && r->in_got >= 2 && (r->data[1] & 0x80);
	ask_serial(l, r, u);
	ask_designator(l, r, u);
	ask_limit(l, r, u);
	request_free(r);
}

/* --- both --- */

/* What happens meanwhile is asked again: the answers are those of one state. */
struct unit unit_ask(struct link *l)
{
	struct unit u = { .blocks = 0 };

	for (int i = 0; i < ROUNDS_MAX; i++) {
		u.changes = l->changes;
		must_tell_size(l, &u);
		ask_name(l, &u);
		if (u.changes == l->changes)
			return u;
	}
	link_die(l, "the unit tells of changes without end");
}

bool unit_may_differ(const struct link *l, const struct unit *u)
{
	return u->changes != l->changes;
}

/* Names that both times were told; a unit that tells none cannot be known again. */
static bool same_name(const struct unit *a, const struct unit *b)
{
	if (a->serial[0] && b->serial[0] && strcmp(a->serial, b->serial) != 0)
		return false;
	if (a->designator_len == 0 || b->designator_len == 0 || a->designator_type != b->designator_type)
		return true;
	return a->designator_len == b->designator_len && memcmp(a->designator, b->designator, a->designator_len) == 0;
}

void unit_check(struct link *l, struct unit *u, uint64_t end)
{
	struct unit now;

	l->checking = true; /* a target that answers this and nothing else does not get the command on */
	now = unit_ask(l);
	l->checking = false;
	if (!same_name(u, &now))
		link_die(l, "the unit is another one now: serial '%s', it was '%s'", now.serial, u->serial);
	if (now.block_size != u->block_size)
		link_die(l, "the unit has blocks of %u bytes now, it had blocks of %u", now.block_size, u->block_size);
	if (now.removable && l->medium_changed)
		link_die(l, "the medium may be another one now (it was taken out, or became ready again)");
	if (now.blocks < end)
		link_die(l, "the unit has %llu blocks now: the range ends at %llu", (unsigned long long)now.blocks,
			 (unsigned long long)end);
	now.blocks = u->blocks < now.blocks ? u->blocks : now.blocks;
	*u = now;
}
