/* SPDX-License-Identifier: MIT */
/*
 * The registry of a target's sessions (registry.h): a dense array of entries and two hash tables over it, one by TSIH, one by
 * what the ISID rule compares. It owns copies of the names, and nothing of the sessions.
 *
 * Names come from peers, so their hash is keyed (SipHash-1-3): who does not know the seed can not make long chains. A TSIH is
 * the next number that is free, so that one that was used lately does not come again soon.
 *
 * Invariants: entries [0, count) are in use; every one of them is in exactly one chain of each table; a removal moves the
 * last entry into the hole.
 */
#include <iscsiproto/registry.h>
#include <iscsiproto/target.h>

#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"

struct reg_entry {
	struct iscsip_session *session;
	uint32_t next_tsih, next_nexus; /* index + 1 */
	uint32_t nexus_bucket;
	uint16_t tsih;
	uint32_t where;                 /* reg_where() */
	uint8_t isid[6];
	char initiator_name[ISCSIP_NAME_MAX + 1];
	char target_name[ISCSIP_NAME_MAX + 1];
};

struct iscsip_registry {
	uint32_t max, count, mask; /* mask: buckets - 1 */
	uint16_t last_tsih;
	uint64_t seed;
	uint32_t *by_tsih, *by_nexus; /* index + 1 */
	struct reg_entry *entries;
};

/* --- memory --- */

static uint32_t reg_buckets(uint32_t max)
{
	uint32_t n = 4;

	while (n < max)
		n *= 2;
	return n;
}

static struct iscsip_registry *reg_carve(struct arena *a, uint32_t max)
{
	struct iscsip_registry *r = arena_take(a, sizeof *r, _Alignof(struct iscsip_registry));
	uint32_t *tables = arena_take_array(a, 2u * (size_t)reg_buckets(max), sizeof *tables, _Alignof(uint32_t));
	struct reg_entry *entries = arena_take_array(a, max, sizeof *entries, _Alignof(struct reg_entry));

	if (!r || !tables || !entries)
		return NULL;
	memset(r, 0, sizeof *r);
	r->max = max;
	r->mask = reg_buckets(max) - 1u;
	r->by_tsih = tables;
	r->by_nexus = tables + reg_buckets(max);
	r->entries = entries;
	memset(tables, 0, 2u * (size_t)reg_buckets(max) * sizeof *tables);
	return r;
}

size_t iscsip_registry_size(uint32_t max)
{
	struct arena a;

	if (max == 0 || max > UINT16_MAX)
		return 0;
	arena_count(&a);
	(void)reg_carve(&a, max);
	return arena_size(&a);
}

int iscsip_registry_init(struct iscsip_registry **out, void *mem, size_t len, uint32_t max, uint64_t seed)
{
	struct iscsip_registry *r;
	struct arena a;

	if (!out || !mem || (uintptr_t)mem & (ARENA_ALIGN - 1) || max == 0 || max > UINT16_MAX)
		return ISCSIP_EINVAL;
	arena_open(&a, mem, len);
	r = reg_carve(&a, max);
	if (!r)
		return ISCSIP_ENOSPC;
	r->seed = seed;
	*out = r;
	return ISCSIP_OK;
}

/* --- hashing --- */

static void sip_round(uint64_t v[4])
{
#define ROTL(x, n) ((x) << (n) | (x) >> (64 - (n)))
	v[0] += v[1];
	v[2] += v[3];
	v[1] = ROTL(v[1], 13) ^ v[0];
	v[3] = ROTL(v[3], 16) ^ v[2];
	v[0] = ROTL(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = ROTL(v[1], 17) ^ v[2];
	v[3] = ROTL(v[3], 21) ^ v[0];
	v[2] = ROTL(v[2], 32);
#undef ROTL
}

static void sip_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
}

/* Text in words of eight bytes, the last filled up with zeros and the length. */
static void sip_text(uint64_t v[4], const char *text)
{
	size_t len = 0, at;

	while (len < ISCSIP_NAME_MAX && text[len])
		len++;
	for (at = 0; at <= len; at += 8) {
		uint8_t word[8] = { 0 };

		memcpy(word, text + at, len - at < 8 ? len - at : 8);
		if (len - at < 8)
			word[7] = (uint8_t)len;
		sip_word(v, load_be64(word));
	}
}

/* The last of what the ISID rule compares: the portal group, or for unnamed discovery sessions the portal (7.4.2.1). */
static uint32_t reg_where(const struct iscsip_login_info *info)
{
	return info->target_name[0] ? info->portal_group_tag : info->portal;
}

static uint32_t nexus_bucket(const struct iscsip_registry *r, const struct iscsip_login_info *info)
{
	uint64_t v[4] = { r->seed ^ 0x736f6d6570736575u, ~r->seed ^ 0x646f72616e646f6du, r->seed ^ 0x6c7967656e657261u,
			  ~r->seed ^ 0x7465646279746573u };
	uint8_t rest[8] = { 0 };

	memcpy(rest, info->isid, 6);
	sip_word(v, load_be64(rest));
	sip_word(v, reg_where(info));
	sip_text(v, info->initiator_name);
	sip_text(v, info->target_name);
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return (uint32_t)(v[0] ^ v[1] ^ v[2] ^ v[3]) & r->mask;
}

static bool is_same_nexus(const struct reg_entry *e, const struct iscsip_login_info *info)
{
	return e->where == reg_where(info) && memcmp(e->isid, info->isid, sizeof e->isid) == 0 &&
	       iscsip_name_equal(e->initiator_name, info->initiator_name) &&
	       iscsip_name_equal(e->target_name, info->target_name);
}

static struct reg_entry *reg_find(const struct iscsip_registry *r, uint16_t tsih)
{
	uint32_t at = r->by_tsih[tsih & r->mask];

	while (at && r->entries[at - 1].tsih != tsih)
		at = r->entries[at - 1].next_tsih;
	return at ? &r->entries[at - 1] : NULL;
}

struct iscsip_session *iscsip_registry_find_tsih(const struct iscsip_registry *r, const struct iscsip_login_info *info)
{
	const struct reg_entry *e = reg_find(r, info->tsih);

	return e && is_same_nexus(e, info) ? e->session : NULL;
}

struct iscsip_session *iscsip_registry_find_nexus(const struct iscsip_registry *r, const struct iscsip_login_info *info)
{
	uint32_t at = r->by_nexus[nexus_bucket(r, info)];

	while (at && !is_same_nexus(&r->entries[at - 1], info))
		at = r->entries[at - 1].next_nexus;
	return at ? r->entries[at - 1].session : NULL;
}

/* --- entering and removing --- */

static uint16_t next_tsih(struct iscsip_registry *r)
{
	do
		r->last_tsih++;
	while (r->last_tsih == 0 || reg_find(r, r->last_tsih));
	return r->last_tsih;
}

static void chain_in(struct iscsip_registry *r, uint32_t index)
{
	struct reg_entry *e = &r->entries[index];
	uint32_t *tsih = &r->by_tsih[e->tsih & r->mask], *nexus = &r->by_nexus[e->nexus_bucket];

	e->next_tsih = *tsih;
	*tsih = index + 1;
	e->next_nexus = *nexus;
	*nexus = index + 1;
}

static void chain_out(struct iscsip_registry *r, uint32_t index)
{
	struct reg_entry *e = &r->entries[index];
	uint32_t *at = &r->by_tsih[e->tsih & r->mask];

	while (*at != index + 1)
		at = &r->entries[*at - 1].next_tsih;
	*at = e->next_tsih;
	at = &r->by_nexus[e->nexus_bucket];
	while (*at != index + 1)
		at = &r->entries[*at - 1].next_nexus;
	*at = e->next_nexus;
}

int iscsip_registry_add(struct iscsip_registry *r, struct iscsip_session *s, const struct iscsip_login_info *info,
			uint16_t *tsih)
{
	struct reg_entry *e;

	if (r->count == r->max)
		return ISCSIP_EAGAIN;
	*tsih = next_tsih(r);
	e = &r->entries[r->count];
	e->session = s;
	e->tsih = *tsih;
	e->where = reg_where(info);
	memcpy(e->isid, info->isid, sizeof e->isid);
	memcpy(e->initiator_name, info->initiator_name, sizeof e->initiator_name);
	memcpy(e->target_name, info->target_name, sizeof e->target_name);
	e->nexus_bucket = nexus_bucket(r, info);
	chain_in(r, r->count++);
	return ISCSIP_OK;
}

int iscsip_registry_remove(struct iscsip_registry *r, uint16_t tsih)
{
	struct reg_entry *e = reg_find(r, tsih);
	uint32_t index, last;

	if (!e)
		return ISCSIP_ENOENT;
	index = (uint32_t)(e - r->entries);
	last = r->count - 1;
	chain_out(r, index);
	if (index != last) {
		chain_out(r, last);
		r->entries[index] = r->entries[last];
		chain_in(r, index);
	}
	r->count--;
	return ISCSIP_OK;
}

static const struct reg_entry *reg_of(const struct iscsip_registry *r, const struct iscsip_session *s)
{
	uint32_t i;

	for (i = 0; i < r->count && r->entries[i].session != s; i++)
		;
	return i < r->count ? &r->entries[i] : NULL;
}

/* From the last one down: a session that removes itself moves only one into its place that was looked at already. */
void iscsip_registry_reset(struct iscsip_registry *r, const struct iscsip_session *except, iscsip_time now)
{
	const struct reg_entry *e = reg_of(r, except);
	char target[ISCSIP_NAME_MAX + 1];
	uint32_t i;

	if (!e)
		return;
	memcpy(target, e->target_name, sizeof target);
	for (i = r->count; i-- > 0;) {
		e = i < r->count ? &r->entries[i] : NULL;
		if (e && e->session != except && iscsip_name_equal(e->target_name, target))
			iscsip_target_session_end(e->session, now);
	}
}

uint32_t iscsip_registry_count(const struct iscsip_registry *r)
{
	return r->count;
}

struct iscsip_session *iscsip_registry_at(const struct iscsip_registry *r, uint32_t index)
{
	return index < r->count ? r->entries[index].session : NULL;
}
