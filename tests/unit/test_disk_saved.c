/* SPDX-License-Identifier: MIT */
/*
 * The state of a unit as bytes: what is kept over a loss of power, and what devices that serve the same unit tell each other.
 * Bytes that are not exactly what a disk could have written are refused, whatever their sum says; a unit whose
 * reservations are not known is not served.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_rig.h"

#include "base/bytes.h"
#include "disk/disk.h"

enum { REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT_ABORT, IGNORE, MOVE };
enum { WE = 1, EA = 3, WERO = 5, EARO = 6, WEAR = 7, EAAR = 8 };
enum { APTPL = 1 };

/* Where the fields stand, and how long things are. */
enum {
	AT_SEQ = 8,
	AT_KEPT = 20,
	AT_HOLDER = 24,
	AT_COUNT = 26,
	AT_TYPE = 28,
	AT_FLAGS = 29,
	AT_ACTION = 30,
	AT_ZERO = 31,
	AT_KEY = 32,
	AT_PORT = 48,
	AT_ID_LEN = 50,
	HEAD = 52,
	REG_HEAD = 12
};

static struct rig_cmd *prout(struct rig *r, int n, uint8_t sa, uint8_t type, uint64_t key, uint64_t sa_key, uint8_t flags)
{
	uint8_t cdb[10] = { 0x5f, sa, type, 0, 0, 0, 0, 0, 24 }, list[24] = { 0 };
	struct rig_cmd *c;

	store_be64(list, key);
	store_be64(list + 8, sa_key);
	list[20] = flags;
	c = rig_begin(r, n, 0, cdb, 10, list, 24, 0, 1, false);
	while (rig_step(r))
		;
	return c;
}

static struct rig_cmd *prin(struct rig *r, uint8_t sa)
{
	uint8_t cdb[10] = { 0x5e, sa, 0, 0, 0, 0, 0, 0x04, 0 };
	struct rig_cmd *c = rig_begin(r, 2, 0, cdb, 10, NULL, 0, 1024, 1, false);

	while (rig_step(r))
		;
	assert_good(c);
	return c;
}

static unsigned keys(struct rig *r)
{
	return load_be32(prin(r, 0)->in + 4) / 8;
}

static unsigned held(struct rig *r)
{
	struct rig_cmd *c = prin(r, 1);

	return load_be32(c->in + 4) ? c->in[21] : 0;
}

static struct rig_cmd *tur(struct rig *r, int n)
{
	uint8_t cdb[16];
	struct rig_cmd *c = rig_begin(r, n, 0, cdb, iscsip_cdb_test_unit_ready(cdb), NULL, 0, 0, 1, false);

	while (rig_step(r))
		;
	return c;
}

static void answer(struct rig *r, enum iscsip_storage_result result)
{
	rig_storage_end(r, 0, result);
	while (rig_step(r))
		;
}

static struct rig *three(enum rig_backing b, uint32_t flags, uint16_t registrations)
{
	struct iscsip_disk_lun_config lun = { .blocks = 2048, .flags = flags };
	struct iscsip_disk_config cfg;
	struct rig *r;

	iscsip_disk_config_init(&cfg, sizeof cfg);
	cfg.name = "iqn.2001-04.com.example:disk";
	cfg.max_registrations = registrations;
	r = rig_new_with(b, &lun, &cfg);
	rig_open(r, 2);
	rig_clear_attention(r);
	return r;
}

/* A state with three registrations, of which the second holds; each is as long as the names of the rig make it. */
struct kept {
	uint8_t bytes[2048];
	size_t len;
	size_t reg[3];
};

static void make_kept(struct kept *k, uint8_t type)
{
	struct rig *r = three(RIG_SYNC, 0, 8);
	int i;

	for (i = 0; i < 3; i++)
		assert_good(prout(r, i, REGISTER, 0, 0, (uint64_t)i + 1, APTPL));
	if (type)
		assert_good(prout(r, 1, RESERVE, type, 2, 0, 0));
	k->len = r->unit[0].saved_len;
	memcpy(k->bytes, r->unit[0].saved, k->len);
	k->reg[0] = HEAD + load_be16(k->bytes + AT_ID_LEN);
	for (i = 1; i < 3; i++)
		k->reg[i] = k->reg[i - 1] + REG_HEAD + load_be16(k->bytes + k->reg[i - 1] + 10);
	rig_free(r);
}

static void sum_anew(struct kept *k)
{
	uint64_t h = 0xcbf29ce484222325u;
	size_t i;

	store_be32(k->bytes + 4, (uint32_t)k->len);
	for (i = 0; i < k->len - 8; i++)
		h = (h ^ k->bytes[i]) * 0x100000001b3u;
	store_be64(k->bytes + k->len - 8, h);
}

/* Adding the unit with these bytes; where it is added it is removed again. */
static int add(struct rig *r, const void *saved, size_t len)
{
	struct iscsip_disk_lun_config lun = { .blocks = 2048, .saved = saved, .saved_len = len };
	int rc = rig_add_unit(r, 1, RIG_SYNC, &lun);

	if (rc == ISCSIP_OK)
		assert_int_equal(iscsip_disk_lun_remove(r->disk, 1), ISCSIP_DONE);
	return rc;
}

static void assert_refused(struct rig *r, const struct kept *good, size_t at, uint64_t value, size_t bytes)
{
	struct kept bad = *good;

	while (bytes-- > 0) {
		bad.bytes[at + bytes] = (uint8_t)value;
		value >>= 8;
	}
	sum_anew(&bad);
	if (add(r, bad.bytes, bad.len) != ISCSIP_EDATA)
		fail_msg("taken with other bytes at %zu", at);
}

/* --- over a loss of power --------------------------------------------------------------------------------------- */

static void what_was_kept_is_there_again(void **state)
{
	static const uint8_t types[] = { 0, WE, EA, WERO, EARO, WEAR, EAAR };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof types; i++) {
		struct iscsip_disk_lun_config lun = { .blocks = 2048 };
		struct rig *r = three(RIG_SYNC, 0, 8);
		struct kept k;
		uint8_t again[2048];

		make_kept(&k, types[i]);
		assert_int_equal(iscsip_disk_lun_remove(r->disk, 0), ISCSIP_DONE);
		lun.saved = k.bytes;
		lun.saved_len = k.len;
		assert_int_equal(rig_add_unit(r, 0, RIG_SYNC, &lun), ISCSIP_OK);
		rig_clear_attention(r);
		assert_int_equal(keys(r), 3);
		assert_int_equal(held(r), types[i]);
		assert_int_equal(load_be32(prin(r, 0)->in), 0); /* SPC-4 6.15.2: a loss of power begins PRGENERATION anew */
		assert_int_equal(prin(r, 2)->in[3] & 1, 1);
		assert_int_equal(iscsip_disk_lun_state_get(r->disk, 0, NULL, 0), k.len - (k.reg[0] - HEAD));
		/* exactly the room it needs */
		again[k.len - (k.reg[0] - HEAD)] = 0x77;
		assert_int_equal(iscsip_disk_lun_state_get(r->disk, 0, again, k.len - (k.reg[0] - HEAD)), k.len - (k.reg[0] - HEAD));
		assert_int_equal(again[k.len - (k.reg[0] - HEAD)], 0x77);
		assert_true(load_be64(again + AT_SEQ) == load_be64(k.bytes + AT_SEQ));
		assert_memory_equal(again + HEAD, k.bytes + k.reg[0], k.len - k.reg[0] - 8);
		rig_free(r);
	}
}

static void bytes_that_are_not_whole_are_refused_and_the_unit_stays_away(void **state)
{
	struct rig *r = three(RIG_SYNC, 0, 8);
	struct kept k;
	size_t i;
	int bit;

	(void)state;
	make_kept(&k, EARO);
	assert_int_equal(add(r, k.bytes, k.len), ISCSIP_OK);
	for (i = 0; i < k.len; i++) {
		assert_int_equal(add(r, k.bytes, i), ISCSIP_EDATA);
		for (bit = 0; bit < 8; bit++) {
			k.bytes[i] ^= (uint8_t)(1 << bit);
			assert_int_equal(add(r, k.bytes, k.len), ISCSIP_EDATA);
			k.bytes[i] ^= (uint8_t)(1 << bit);
		}
	}
	for (i = 1; i < 64; i++)
		assert_int_equal(add(r, k.bytes, k.len + i), ISCSIP_EDATA);
	/* "there is something, and it could not be read" is not nothing */
	assert_int_equal(add(r, NULL, 5), ISCSIP_EDATA);
	assert_int_equal(add(r, "", 0), ISCSIP_EDATA);
	assert_int_equal(add(r, k.bytes, k.len), ISCSIP_OK);
	assert_int_equal(add(r, NULL, 0), ISCSIP_OK);
	rig_free(r);
}

static void bytes_of_another_version_are_refused(void **state)
{
	struct rig *r = three(RIG_SYNC, 0, 8);
	struct kept k;

	(void)state;
	make_kept(&k, 0);
	assert_refused(r, &k, 0, load_be32(k.bytes) + 1, 4);
	assert_refused(r, &k, 0, load_be32(k.bytes) - 1, 4);
	assert_refused(r, &k, 0, 0x50527631u, 4);
	rig_free(r);
}

static void a_right_sum_over_wrong_contents_deceives_nobody(void **state)
{
	struct rig *r = three(RIG_SYNC, 0, 8);
	struct kept k, all, none;
	unsigned v;

	(void)state;
	make_kept(&k, EARO);
	make_kept(&all, WEAR);
	make_kept(&none, 0);
	for (v = 0; v < 256; v++) {
		bool one = v == WE || v == EA || v == WERO || v == EARO;

		if (!one)
			assert_refused(r, &k, AT_TYPE, v, 1);
		if (v != 0 && v != WEAR && v != EAAR)
			assert_refused(r, &all, AT_TYPE, v, 1);
		if (v != 0)
			assert_refused(r, &none, AT_TYPE, v == WEAR || v == EAAR ? 9 : v, 1);
		if (v > 1)
			assert_refused(r, &k, AT_FLAGS, v, 1);
		if (v > 0)
			assert_refused(r, &k, AT_ZERO, v, 1);
		if (v > 7)
			assert_refused(r, &k, AT_ACTION, v, 1); /* 255, too: there is a nexus that caused it */
	}
	assert_refused(r, &k, AT_HOLDER, 0, 2);
	assert_refused(r, &k, AT_HOLDER, 4, 2);
	assert_refused(r, &all, AT_HOLDER, 1, 2);
	assert_refused(r, &none, AT_HOLDER, 1, 2);
	for (v = 0; v < 6; v++)
		if (v != 3)
			assert_refused(r, &k, AT_COUNT, v, 2);
	assert_refused(r, &k, AT_COUNT, 65535, 2);
	assert_refused(r, &k, AT_SEQ, UINT64_MAX, 8);
	assert_refused(r, &k, AT_PORT, 0, 2);
	assert_refused(r, &k, AT_ID_LEN, 0, 2);
	assert_refused(r, &k, AT_ID_LEN, 65535, 2);
	/* held by all, of whom there is none */
	assert_good(prout(r, 0, REGISTER, 0, 0, 1, APTPL));
	assert_good(prout(r, 0, CLEAR, 0, 1, 0, 0));
	none.len = r->unit[0].saved_len;
	memcpy(none.bytes, r->unit[0].saved, none.len);
	assert_int_equal(add(r, none.bytes, none.len), ISCSIP_OK);
	for (v = 1; v < 10; v++)
		assert_refused(r, &none, AT_TYPE, v, 1);
	assert_refused(r, &k, HEAD, 0x85, 1); /* a TransportID of no known format */
	/* what no nexus caused names none */
	k.len = iscsip_disk_lun_state_get(r->disk, 0, k.bytes, sizeof k.bytes);
	assert_int_equal(add(r, k.bytes, k.len), ISCSIP_OK);
	assert_refused(r, &k, AT_PORT, 1, 2);
	assert_refused(r, &k, AT_KEY, 1, 8);
	assert_refused(r, &k, AT_KEY + 8, 1, 8);
	assert_refused(r, &k, AT_ACTION, 0, 1);
	rig_free(r);
}

static void each_registration_is_looked_at(void **state)
{
	struct rig *r = three(RIG_SYNC, 0, 8);
	struct kept k, twice;
	size_t i;

	(void)state;
	make_kept(&k, EARO);
	for (i = 0; i < 3; i++) {
		size_t len = load_be16(k.bytes + k.reg[i] + 10);

		assert_refused(r, &k, k.reg[i], 0, 8);         /* key */
		assert_refused(r, &k, k.reg[i] + 8, 0, 2);     /* port */
		assert_refused(r, &k, k.reg[i] + 10, 0, 2);    /* length */
		assert_refused(r, &k, k.reg[i] + 10, len - 4, 2);
		assert_refused(r, &k, k.reg[i] + 10, len + 4, 2);
		assert_refused(r, &k, k.reg[i] + 10, 65535, 2);
		assert_refused(r, &k, k.reg[i] + REG_HEAD, 0xc5, 1);
		assert_refused(r, &k, k.reg[i] + REG_HEAD + 2, len, 2);
		assert_refused(r, &k, k.reg[i] + REG_HEAD + 4, 0, 1); /* a name of no letters */
		assert_refused(r, &k, k.reg[i] + REG_HEAD + len - 1, 'x', 1);
	}
	/* a port that is there twice: one and two have names of one length */
	twice = k;
	memcpy(twice.bytes + k.reg[1] + REG_HEAD, k.bytes + k.reg[0] + REG_HEAD, load_be16(k.bytes + k.reg[0] + 10));
	twice.bytes[k.reg[1] + REG_HEAD + 4] ^= 0x20; /* in other letters */
	sum_anew(&twice);
	assert_int_equal(add(r, twice.bytes, twice.len), ISCSIP_EDATA);
	/* by another target port it is another registration */
	store_be16(twice.bytes + k.reg[1] + 8, 2);
	sum_anew(&twice);
	assert_int_equal(add(r, twice.bytes, twice.len), ISCSIP_OK);
	rig_free(r);
}

static void bytes_that_are_good_and_do_not_fit_are_told_apart_from_bad_ones(void **state)
{
	struct iscsip_disk_lun_config lun = { .blocks = 2048 };
	struct iscsip_disk_config cfg;
	struct kept k;
	struct rig *r = three(RIG_SYNC, 0, 3);

	(void)state;
	make_kept(&k, EARO);
	assert_good(prout(r, 0, REGISTER, 0, 0, 1, 0));
	assert_int_equal(add(r, k.bytes, k.len), ISCSIP_EAGAIN);
	assert_int_equal(keys(r), 1);
	assert_good(prout(r, 0, REGISTER, 0, 1, 0, 0));
	assert_int_equal(add(r, k.bytes, k.len), ISCSIP_OK);
	rig_free(r);
	/* names that are longer than any that can log in here */
	iscsip_disk_config_init(&cfg, sizeof cfg);
	cfg.transport_id_max = 48;
	cfg.max_nexuses = 1;
	{
		size_t size = iscsip_disk_size(&cfg);
		void *mem = malloc(size);
		struct iscsip_disk *d;

		assert_int_equal(iscsip_disk_init(&d, mem, size, &cfg), ISCSIP_OK);
		lun.struct_size = sizeof lun;
		lun.ops = iscsip_ram_ops();
		lun.saved = k.bytes;
		lun.saved_len = k.len;
		assert_int_equal(iscsip_disk_lun_add(d, 0, &lun), ISCSIP_EDATA);
		free(mem);
	}
}

/* --- a state that is not kept, and one that always is -------------------------------------------------------------- */

static void a_unit_that_commits_all_does_so_without_aptpl(void **state)
{
	struct iscsip_disk_lun_config lun = { .blocks = 2048, .flags = ISCSIP_LUN_COMMIT_ALL };
	struct rig *r = three(RIG_SYNC, ISCSIP_LUN_COMMIT_ALL, 8);
	uint8_t saved[2048];
	int saves;

	(void)state;
	assert_good(prout(r, 0, REGISTER, 0, 0, 1, 0));
	assert_int_equal(r->unit[0].saves, 1);
	assert_true(load_be64(r->unit[0].saved + AT_SEQ) == 1);
	assert_good(prout(r, 0, RESERVE, EA, 1, 0, 0));
	assert_good(prout(r, 0, RESERVE, EA, 1, 0, 0)); /* changes nothing */
	assert_int_equal(r->unit[0].saves, 2);
	lun.saved = memcpy(saved, r->unit[0].saved, lun.saved_len = r->unit[0].saved_len);
	saves = r->unit[0].saves;
	assert_int_equal(iscsip_disk_lun_remove(r->disk, 0), ISCSIP_DONE);
	assert_int_equal(rig_add_unit(r, 0, RIG_SYNC, &lun), ISCSIP_OK);
	rig_clear_attention(r);
	assert_int_equal(held(r), EA);
	assert_int_equal(load_be32(prin(r, 0)->in), 1); /* others had power all the time */
	assert_int_equal(prin(r, 2)->in[3] & 1, 0);
	assert_good(prout(r, 0, CLEAR, 0, 1, 0, 0));
	assert_int_equal(r->unit[0].saves, saves + 1);
	assert_true(r->unit[0].saved_len > 0 && load_be16(r->unit[0].saved + AT_COUNT) == 0);
	rig_free(r);
}

/* Other files of the disk keep a word beside the reservations, which stay out where nobody wants them kept. */
static void what_is_kept_beside_reservations_is_kept_without_them(void **state)
{
	struct iscsip_disk_lun_config lun = { .blocks = 2048 };
	struct rig *r = three(RIG_SYNC, 0, 8);
	uint8_t saved[2048];

	(void)state;
	assert_good(prout(r, 0, REGISTER, 0, 0, 1, 0));
	assert_good(prout(r, 0, RESERVE, EA, 1, 0, 0));
	assert_int_equal(r->unit[0].saves, 0);
	r->disk->luns[0].now.kept = 1;
	assert_good(prout(r, 1, REGISTER, 0, 0, 2, 0));
	assert_int_equal(r->unit[0].saves, 1);
	assert_int_equal(load_be32(r->unit[0].saved + AT_KEPT), 1);
	assert_int_equal(load_be16(r->unit[0].saved + AT_COUNT) + r->unit[0].saved[AT_TYPE], 0);
	lun.saved = memcpy(saved, r->unit[0].saved, lun.saved_len = r->unit[0].saved_len);
	assert_int_equal(iscsip_disk_lun_remove(r->disk, 0), ISCSIP_DONE);
	assert_int_equal(rig_add_unit(r, 0, RIG_SYNC, &lun), ISCSIP_OK);
	assert_int_equal(r->disk->luns[0].now.kept, 1);
	assert_int_equal(r->disk->luns[0].now.regs + r->disk->luns[0].now.type, 0);
	rig_free(r);
}

static void a_unit_cannot_commit_all_without_a_commit(void **state)
{
	struct iscsip_disk_lun_config lun = { .struct_size = sizeof lun, .blocks = 8, .flags = ISCSIP_LUN_COMMIT_ALL };
	struct rig *r = rig_new(RIG_RAM, 0);

	(void)state;
	lun.ops = iscsip_ram_ops();
	lun.user = &r->unit[0].ram;
	assert_int_equal(iscsip_disk_lun_add(r->disk, 3, &lun), ISCSIP_EINVAL);
	rig_free(r);
}

/* --- two devices, one unit ------------------------------------------------------------------------------------- */

/* Another device's rig: the same unit, with the same state; its initiators come by a port of their own. */
struct pair {
	struct rig *a, *b;
};

static void pair_open(struct pair *p, enum rig_backing b)
{
	p->a = three(b, ISCSIP_LUN_COMMIT_ALL, 8);
	p->b = three(RIG_SYNC, ISCSIP_LUN_COMMIT_ALL, 8);
}

static void pair_free(struct pair *p)
{
	rig_free(p->a);
	rig_free(p->b);
}

/* What @from stored last is brought to @to. */
static int tell(struct rig *to, struct rig *from, struct iscsip_disk_ticket *t)
{
	return iscsip_disk_lun_state_apply(to->disk, 0, from->unit[0].saved, from->unit[0].saved_len, t);
}

static void assert_same_state(struct rig *a, struct rig *b)
{
	uint8_t x[2048], y[2048];
	size_t n = iscsip_disk_lun_state_get(a->disk, 0, x, sizeof x);

	assert_int_equal(n, iscsip_disk_lun_state_get(b->disk, 0, y, sizeof y));
	assert_memory_equal(x, y, n);
}

static void a_state_of_another_device_is_in_force_with_its_attentions(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p, RIG_SYNC);
	assert_good(prout(p.b, 0, REGISTER, 0, 0, 1, 0));
	assert_int_equal(tell(p.a, p.b, NULL), ISCSIP_DONE);
	assert_good(prout(p.b, 1, REGISTER, 0, 0, 2, 0));
	assert_int_equal(tell(p.a, p.b, NULL), ISCSIP_DONE);
	assert_good(prout(p.b, 0, RESERVE, WERO, 1, 0, 0));
	assert_int_equal(tell(p.a, p.b, NULL), ISCSIP_DONE);
	assert_same_state(p.a, p.b);
	assert_int_equal(rig_write(p.a, 2, 0, 1, 1)->status, ISCSIP_STATUS_RESERVATION_CONFLICT);
	assert_good(tur(p.a, 0));
	/* told are those whom the cause concerns, but for who caused it */
	assert_good(prout(p.b, 0, RELEASE, WERO, 1, 0, 0));
	assert_int_equal(tell(p.a, p.b, NULL), ISCSIP_DONE);
	assert_good(tur(p.a, 0));
	assert_check(tur(p.a, 1), 6, ISCSIP_ASC_RESERVATIONS_RELEASED);
	assert_good(prout(p.b, 0, PREEMPT, WE, 1, 2, 0));
	assert_int_equal(tell(p.a, p.b, NULL), ISCSIP_DONE);
	assert_check(tur(p.a, 1), 6, ISCSIP_ASC_REGISTRATIONS_PREEMPTED);
	assert_good(tur(p.a, 0));
	assert_good(prout(p.b, 2, REGISTER, 0, 0, 3, 0));
	assert_int_equal(tell(p.a, p.b, NULL), ISCSIP_DONE);
	assert_good(prout(p.b, 0, CLEAR, 0, 1, 0, 0));
	assert_int_equal(tell(p.a, p.b, NULL), ISCSIP_DONE);
	assert_check(tur(p.a, 2), 6, ISCSIP_ASC_RESERVATIONS_PREEMPTED);
	assert_good(tur(p.a, 0));
	assert_good(tur(p.a, 1));
	assert_same_state(p.a, p.b);
	pair_free(&p);
}

static void a_state_that_is_not_newer_says_nothing(void **state)
{
	struct pair p;
	uint8_t old[2048];
	size_t len;

	(void)state;
	pair_open(&p, RIG_SYNC);
	assert_good(prout(p.b, 0, REGISTER, 0, 0, 1, 0));
	memcpy(old, p.b->unit[0].saved, len = p.b->unit[0].saved_len);
	assert_good(prout(p.b, 0, RESERVE, EA, 1, 0, 0));
	assert_int_equal(tell(p.a, p.b, NULL), ISCSIP_DONE);
	assert_int_equal(iscsip_disk_lun_state_apply(p.a->disk, 0, old, len, NULL), ISCSIP_DONE);
	assert_int_equal(tell(p.a, p.b, NULL), ISCSIP_DONE);
	assert_int_equal(held(p.a), EA);
	old[len - 1] ^= 1;
	assert_int_equal(iscsip_disk_lun_state_apply(p.a->disk, 0, old, len, NULL), ISCSIP_EDATA);
	assert_int_equal(iscsip_disk_lun_state_apply(p.a->disk, 0, NULL, 0, NULL), ISCSIP_EDATA);
	assert_int_equal(iscsip_disk_lun_state_apply(p.a->disk, 9, old, len, NULL), ISCSIP_ENOENT);
	assert_int_equal(iscsip_disk_lun_state_get(p.a->disk, 9, old, len), 0);
	assert_same_state(p.a, p.b);
	pair_free(&p);
}

/* Nobody knows what happened in between: who is registered no more counts as preempted and aborted. */
static void states_that_were_missed_are_taken_for_the_worst(void **state)
{
	static struct iscsip_disk_ticket t;
	uint8_t cdb[16], data[512] = { 0 };
	struct pair p;
	struct rig_cmd *w;

	(void)state;
	pair_open(&p, RIG_DEFERRED);
	assert_good(prout(p.b, 0, REGISTER, 0, 0, 1, 0));
	assert_good(prout(p.b, 1, REGISTER, 0, 0, 2, 0));
	assert_good(prout(p.b, 0, RESERVE, WERO, 1, 0, 0));
	assert_int_equal(tell(p.a, p.b, NULL), ISCSIP_DONE);
	w = rig_begin(p.a, 1, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, 0, 1, 0), data, 512, 0, 1, false);
	while (rig_step(p.a))
		;
	assert_int_equal(p.a->pending_cnt, 1);
	assert_good(prout(p.b, 0, PREEMPT, WE, 1, 2, 0));
	assert_good(prout(p.b, 0, RELEASE, WERO, 1, 0, 0));
	assert_int_equal(tell(p.a, p.b, &t), ISCSIP_OK);
	assert_true(w->cmd.flags & ISCSIP_CMD_ABORTED);
	assert_int_equal(keys(p.a), 1);
	assert_int_equal(p.a->applied, 0);
	answer(p.a, ISCSIP_STORAGE_OK);
	assert_int_equal(p.a->applied, 1);
	assert_int_equal(t.lun, 0);
	assert_check(tur(p.a, 1), 6, ISCSIP_ASC_REGISTRATIONS_PREEMPTED);
	assert_check(tur(p.a, 0), 6, ISCSIP_ASC_RESERVATIONS_RELEASED);
	pair_free(&p);
}

/* A reservation that is gone is told also where one alone had it: nobody knows by whose will. */
static void a_reservation_that_went_with_missed_states_is_told(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p, RIG_SYNC);
	assert_good(prout(p.b, 0, REGISTER, 0, 0, 1, 0));
	assert_good(prout(p.b, 1, REGISTER, 0, 0, 2, 0));
	assert_good(prout(p.b, 0, RESERVE, EA, 1, 0, 0));
	assert_int_equal(tell(p.a, p.b, NULL), ISCSIP_DONE);
	assert_good(tur(p.a, 1));
	assert_good(prout(p.b, 0, RELEASE, EA, 1, 0, 0));
	assert_good(prout(p.b, 0, IGNORE, 0, 0, 3, 0));
	assert_int_equal(tell(p.a, p.b, NULL), ISCSIP_DONE);
	assert_check(tur(p.a, 0), 6, ISCSIP_ASC_RESERVATIONS_RELEASED);
	assert_check(tur(p.a, 1), 6, ISCSIP_ASC_RESERVATIONS_RELEASED);
	pair_free(&p);
}

static void tasks_that_another_device_aborts_are_told_of_when_they_cannot_write_any_more(void **state)
{
	static struct iscsip_disk_ticket t[2];
	uint8_t cdb[16], data[512] = { 0 };
	struct pair p;
	struct rig_cmd *w, *x;

	(void)state;
	pair_open(&p, RIG_DEFERRED);
	assert_good(prout(p.b, 0, REGISTER, 0, 0, 1, 0));
	assert_int_equal(tell(p.a, p.b, NULL), ISCSIP_DONE);
	assert_good(prout(p.b, 1, REGISTER, 0, 0, 2, 0));
	assert_int_equal(tell(p.a, p.b, NULL), ISCSIP_DONE);
	w = rig_begin(p.a, 0, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, 0, 1, 0), data, 512, 0, 1, false);
	x = rig_begin(p.a, 0, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, 8, 1, 0), data, 512, 0, 1, false);
	while (rig_step(p.a))
		;
	assert_good(prout(p.b, 1, PREEMPT_ABORT, WE, 2, 1, 0));
	assert_int_equal(tell(p.a, p.b, &t[0]), ISCSIP_OK);
	assert_true(w->cmd.flags & ISCSIP_CMD_ABORTED);
	assert_int_equal(tell(p.a, p.b, &t[1]), ISCSIP_OK); /* asked for twice, told twice */
	assert_int_equal(p.a->applied, 0);
	answer(p.a, ISCSIP_STORAGE_OK);
	assert_int_equal(w->completions + x->completions, 1);
	assert_int_equal(p.a->applied, 0);
	answer(p.a, ISCSIP_STORAGE_OK);
	assert_int_equal(p.a->applied, 2);
	p.a->host.applied = NULL;
	assert_int_equal(tell(p.a, p.b, &t[0]), ISCSIP_EINVAL);
	p.a->host.applied = NULL;
	pair_free(&p);
}

static void a_change_that_was_stale_is_judged_on_the_newer_state(void **state)
{
	struct pair p;
	struct rig_cmd *c;

	(void)state;
	pair_open(&p, RIG_DEFERRED);
	assert_good(prout(p.b, 0, REGISTER, 0, 0, 1, 0));
	assert_good(prout(p.b, 1, REGISTER, 0, 0, 2, 0));
	assert_int_equal(tell(p.a, p.b, NULL), ISCSIP_DONE);
	/* still possible */
	c = prout(p.a, 0, RESERVE, WE, 1, 0, 0);
	assert_int_equal(p.a->pending[0]->offset, 2);
	assert_good(prout(p.b, 2, REGISTER, 0, 0, 3, 0));
	assert_int_equal(tell(p.a, p.b, NULL), ISCSIP_DONE);
	assert_int_equal(keys(p.a), 3);
	assert_int_equal(held(p.a), 0);
	answer(p.a, ISCSIP_STORAGE_STALE);
	assert_false(c->completed);
	assert_int_equal(p.a->pending[0]->offset, 3);
	answer(p.a, ISCSIP_STORAGE_OK);
	assert_good(c);
	assert_int_equal(held(p.a), WE);
	assert_int_equal(tell(p.b, p.a, NULL), ISCSIP_DONE);
	assert_same_state(p.a, p.b);
	/* and no longer */
	c = prout(p.a, 0, PREEMPT, EA, 1, 2, 0);
	assert_good(prout(p.b, 1, PREEMPT, EA, 2, 1, 0));
	assert_int_equal(tell(p.a, p.b, NULL), ISCSIP_DONE);
	answer(p.a, ISCSIP_STORAGE_STALE);
	assert_true(c->completed);
	assert_int_equal(c->status, ISCSIP_STATUS_RESERVATION_CONFLICT);
	assert_same_state(p.a, p.b);
	pair_free(&p);
}

static void a_change_that_never_ceases_to_be_stale_is_busy(void **state)
{
	struct pair p;
	struct rig_cmd *c, *next;
	int i;

	(void)state;
	pair_open(&p, RIG_DEFERRED);
	c = prout(p.a, 0, REGISTER, 0, 0, 1, 0);
	next = prout(p.a, 1, REGISTER, 0, 0, 2, 0);
	for (i = 0; i < 1000 && !c->completed; i++) {
		assert_int_equal(p.a->pending_cnt, 1);
		answer(p.a, ISCSIP_STORAGE_STALE);
	}
	assert_int_equal(c->status, ISCSIP_STATUS_BUSY);
	assert_true(i > 2 && i < 100);
	assert_int_equal(keys(p.a), 0);
	answer(p.a, ISCSIP_STORAGE_OK);
	assert_good(next);
	assert_int_equal(keys(p.a), 1);
	pair_free(&p);
}

/* Its own change was stored, others made more of it, and the host heard of that first. */
static void a_newer_state_contains_the_change_that_was_stored(void **state)
{
	struct pair p;
	struct rig_cmd *c;

	(void)state;
	pair_open(&p, RIG_DEFERRED);
	c = prout(p.a, 0, REGISTER, 0, 0, 1, 0);
	assert_good(prout(p.b, 0, REGISTER, 0, 0, 1, 0)); /* what the other read of the store */
	assert_good(prout(p.b, 1, REGISTER, 0, 0, 2, 0));
	assert_int_equal(tell(p.a, p.b, NULL), ISCSIP_DONE);
	answer(p.a, ISCSIP_STORAGE_OK);
	assert_good(c);
	assert_int_equal(keys(p.a), 2);
	assert_same_state(p.a, p.b);
	/* two states of one number cannot both be stored: what is in force counts */
	c = prout(p.a, 0, RESERVE, WE, 1, 0, 0);
	assert_good(prout(p.b, 1, RESERVE, EA, 2, 0, 0));
	assert_int_equal(tell(p.a, p.b, NULL), ISCSIP_DONE);
	answer(p.a, ISCSIP_STORAGE_OK);
	assert_int_equal(c->status, ISCSIP_STATUS_RESERVATION_CONFLICT);
	assert_same_state(p.a, p.b);
	pair_free(&p);
}

static void a_device_that_is_fenced_says_that_its_port_is_standby(void **state)
{
	struct pair p;
	struct rig_cmd *c;

	(void)state;
	pair_open(&p, RIG_DEFERRED);
	c = prout(p.a, 0, REGISTER, 0, 0, 1, 0);
	answer(p.a, ISCSIP_STORAGE_FENCED);
	assert_check(c, ISCSIP_SENSE_NOT_READY, ISCSIP_ASC_ALUA_STANDBY);
	assert_int_equal(keys(p.a), 0);
	pair_free(&p);
}

static void a_state_with_more_than_there_is_room_for_changes_nothing(void **state)
{
	struct rig *a = three(RIG_DEFERRED, ISCSIP_LUN_COMMIT_ALL, 2), *b = three(RIG_SYNC, ISCSIP_LUN_COMMIT_ALL, 8);
	struct rig_cmd *c;
	int i;

	(void)state;
	assert_good(prout(b, 0, REGISTER, 0, 0, 1, 0));
	assert_int_equal(tell(a, b, NULL), ISCSIP_DONE);
	for (i = 1; i < 3; i++)
		assert_good(prout(b, i, REGISTER, 0, 0, 2, 0));
	c = prout(a, 0, RESERVE, WE, 1, 0, 0);
	assert_int_equal(tell(a, b, NULL), ISCSIP_EAGAIN);
	assert_int_equal(keys(a), 1);
	answer(a, ISCSIP_STORAGE_OK);
	assert_good(c);
	assert_int_equal(held(a), WE);
	/* the place that a change under way has taken is free for it */
	c = prout(a, 1, REGISTER, 0, 0, 7, 0);
	assert_good(prout(b, 2, REGISTER, 0, 2, 0, 0));
	assert_int_equal(tell(a, b, NULL), ISCSIP_DONE);
	assert_int_equal(keys(a), 2);
	answer(a, ISCSIP_STORAGE_STALE);
	assert_int_equal(c->status, ISCSIP_STATUS_RESERVATION_CONFLICT);
	rig_free(a);
	rig_free(b);
}

/* The table has two places, of which changes under way have one: of the same unit, and of another. */
static void a_place_that_a_change_under_way_has_is_counted_once(void **state)
{
	struct iscsip_disk_lun_config lun = { .blocks = 64, .flags = ISCSIP_LUN_COMMIT_ALL };
	uint8_t cdb[10] = { 0x5f, REGISTER, 0, 0, 0, 0, 0, 0, 24 }, list[24] = { [15] = 7 };
	int other;

	(void)state;
	for (other = 0; other < 2; other++) {
		struct rig *a = three(RIG_DEFERRED, ISCSIP_LUN_COMMIT_ALL, 2), *b = three(RIG_SYNC, ISCSIP_LUN_COMMIT_ALL, 8);
		struct rig_cmd *c;

		assert_int_equal(rig_add_unit(a, 1, RIG_DEFERRED, &lun), ISCSIP_OK);
		rig_clear_attention(a);
		assert_good(prout(b, 0, REGISTER, 0, 0, 1, 0));
		assert_int_equal(tell(a, b, NULL), ISCSIP_DONE);
		c = rig_begin(a, 1, (uint32_t)other, cdb, 10, list, 24, 0, 1, false);
		while (rig_step(a))
			;
		assert_int_equal(a->pending_cnt, 1);
		assert_good(prout(b, 1, REGISTER, 0, 0, 2, 0));
		if (!other)
			assert_good(prout(b, 2, REGISTER, 0, 0, 3, 0));
		assert_int_equal(tell(a, b, NULL), ISCSIP_EAGAIN);
		assert_int_equal(keys(a), 1);
		answer(a, ISCSIP_STORAGE_OK);
		assert_good(c);
		assert_int_equal(keys(a), other ? 1 : 2);
		rig_free(a);
		rig_free(b);
	}
}

static struct pair *inside;

static void commit_stale(void *user, struct iscsip_storage_req *q)
{
	struct pair *p = inside;

	if (p) {
		inside = NULL;
		assert_int_equal(tell(p->a, p->b, NULL), ISCSIP_DONE);
		iscsip_storage_done(q, ISCSIP_STORAGE_STALE);
		return;
	}
	(void)user;
	iscsip_storage_done(q, ISCSIP_STORAGE_OK);
}

static void stale_may_be_found_out_inside_the_call(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p, RIG_SYNC);
	p.a->unit[0].ops.commit = commit_stale;
	assert_good(prout(p.b, 1, REGISTER, 0, 0, 2, 0));
	inside = &p;
	assert_good(prout(p.a, 0, REGISTER, 0, 0, 1, 0));
	assert_int_equal(keys(p.a), 2);
	pair_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_kept_is_there_again),
		cmocka_unit_test(bytes_that_are_not_whole_are_refused_and_the_unit_stays_away),
		cmocka_unit_test(bytes_of_another_version_are_refused),
		cmocka_unit_test(a_right_sum_over_wrong_contents_deceives_nobody),
		cmocka_unit_test(each_registration_is_looked_at),
		cmocka_unit_test(bytes_that_are_good_and_do_not_fit_are_told_apart_from_bad_ones),
		cmocka_unit_test(a_unit_that_commits_all_does_so_without_aptpl),
		cmocka_unit_test(what_is_kept_beside_reservations_is_kept_without_them),
		cmocka_unit_test(a_unit_cannot_commit_all_without_a_commit),
		cmocka_unit_test(a_state_of_another_device_is_in_force_with_its_attentions),
		cmocka_unit_test(a_state_that_is_not_newer_says_nothing),
		cmocka_unit_test(states_that_were_missed_are_taken_for_the_worst),
		cmocka_unit_test(a_reservation_that_went_with_missed_states_is_told),
		cmocka_unit_test(a_place_that_a_change_under_way_has_is_counted_once),
		cmocka_unit_test(tasks_that_another_device_aborts_are_told_of_when_they_cannot_write_any_more),
		cmocka_unit_test(a_change_that_was_stale_is_judged_on_the_newer_state),
		cmocka_unit_test(a_change_that_never_ceases_to_be_stale_is_busy),
		cmocka_unit_test(a_newer_state_contains_the_change_that_was_stored),
		cmocka_unit_test(a_device_that_is_fenced_says_that_its_port_is_standby),
		cmocka_unit_test(a_state_with_more_than_there_is_room_for_changes_nothing),
		cmocka_unit_test(stale_may_be_found_out_inside_the_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
