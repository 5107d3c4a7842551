/* SPDX-License-Identifier: MIT */
/*
 * Storage that answers late: a command is given up while the storage has its write, or while its data is landing in the
 * medium, and somebody writes, reads or clears the same blocks anew. Here storage changes the medium at the moment when it
 * answers, so a request that is answered late lands late.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_rig.h"

#include "base/bytes.h"
#include "disk/disk.h"

#define SIMPLE ISCSIP_ATTR_SIMPLE

enum {
	LBA = 8,
	BLOCKS = 4,
	OLD = 0x11,
	NEW = 0x22
};

/* Data and status move, the disk works, storage does not answer. */
static void move(struct rig *r)
{
	while (rig_step(r) || iscsip_disk_work(r->disk))
		;
}

static uint8_t byte_at(const struct rig *r, uint64_t lba)
{
	return r->unit[0].bytes[lba * 512];
}

/* --- what may be late, and what may come after it --------------------------------------------------------------- */

static struct rig_cmd *begin(struct rig *r, int n, const uint8_t *cdb, size_t len, const void *out, uint32_t out_len,
			     uint32_t in_len)
{
	struct rig_cmd *c = rig_begin(r, n, 0, cdb, len, out, out_len, in_len, SIMPLE, false);

	move(r);
	return c;
}

static struct rig_cmd *do_write(struct rig *r, int n, uint8_t fill)
{
	uint8_t cdb[16], data[BLOCKS * 512];

	memset(data, fill, sizeof data);
	return begin(r, n, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, LBA, BLOCKS, 0), data, sizeof data, 0);
}

static struct rig_cmd *do_write_same(struct rig *r, int n, uint8_t fill)
{
	uint8_t cdb[16] = { 0x93, 0, 0, 0, 0, 0, 0, 0, 0, LBA, 0, 0, 0, BLOCKS }, data[512];

	memset(data, fill, sizeof data);
	return begin(r, n, cdb, 16, data, sizeof data, 0);
}

static struct rig_cmd *do_zero(struct rig *r, int n, uint8_t fill)
{
	uint8_t cdb[16] = { 0x93, 0x01, 0, 0, 0, 0, 0, 0, 0, LBA, 0, 0, 0, BLOCKS };

	(void)fill;
	return begin(r, n, cdb, 16, NULL, 0, 0);
}

static struct rig_cmd *do_unmap(struct rig *r, int n, uint8_t fill)
{
	uint8_t cdb[16] = { 0x42, 0, 0, 0, 0, 0, 0, 0, 24 };
	uint8_t list[24] = { 0, 22, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, LBA, 0, 0, 0, BLOCKS };

	(void)fill;
	return begin(r, n, cdb, 10, list, sizeof list, 0);
}

static struct rig_cmd *do_or(struct rig *r, int n, uint8_t fill)
{
	uint8_t cdb[16] = { 0x8b, 0, 0, 0, 0, 0, 0, 0, 0, LBA, 0, 0, 0, 1 }, data[512];

	memset(data, fill, sizeof data);
	return begin(r, n, cdb, 16, data, sizeof data, 0);
}

static struct rig_cmd *do_compare(struct rig *r, int n, uint8_t fill)
{
	uint8_t cdb[16] = { 0x89, 0, 0, 0, 0, 0, 0, 0, 0, LBA, 0, 0, 0, 1 }, data[1024] = { 0 };

	memset(data + 512, fill, 512);
	return begin(r, n, cdb, 16, data, sizeof data, 0);
}

static struct rig_cmd *do_read(struct rig *r, int n, uint8_t fill)
{
	uint8_t cdb[16];

	(void)fill;
	return begin(r, n, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_READ, LBA, 1, 0), NULL, 0, 512);
}

static struct rig_cmd *do_verify(struct rig *r, int n, uint8_t fill)
{
	uint8_t cdb[16] = { 0x8f, 0x02, 0, 0, 0, 0, 0, 0, 0, LBA, 0, 0, 0, 1 }, data[512];

	memset(data, fill, sizeof data);
	return begin(r, n, cdb, 16, data, sizeof data, 0);
}

static struct rig_cmd *do_flush(struct rig *r, int n, uint8_t fill)
{
	uint8_t cdb[16] = { 0x35 };

	(void)fill;
	return begin(r, n, cdb, 10, NULL, 0, 0);
}

static struct rig_cmd *do_format(struct rig *r, int n, uint8_t fill)
{
	uint8_t cdb[16] = { 0x04 };

	(void)fill;
	return begin(r, n, cdb, 6, NULL, 0, 0);
}

typedef struct rig_cmd *doing(struct rig *r, int n, uint8_t fill);

/* --- how it is given up ----------------------------------------------------------------------------------------- */

static void by_abort(struct rig *r, struct rig_cmd *c)
{
	(void)r;
	rig_abort(c);
}

static void by_lost_nexus(struct rig *r, struct rig_cmd *c)
{
	(void)c;
	iscsip_disk_nexus_close(&r->nexus[0]);
}

static void by_login_anew(struct rig *r, struct rig_cmd *c)
{
	by_lost_nexus(r, c);
	rig_open(r, 0);
}

static void by_reset(struct rig *r, struct rig_cmd *c)
{
	static struct iscsip_tmf tmf;

	(void)c;
	rig_tmf_init(r, &tmf, 1, 0, ISCSIP_TMF_LOGICAL_UNIT_RESET, NULL);
	iscsip_disk_ops()->tmf(r->disk, &tmf);
	assert_false(rig_tmf_answered(&tmf, ISCSIP_TMF_COMPLETE));
}

typedef void giving_up(struct rig *r, struct rig_cmd *c);
static giving_up *const ways[] = { by_abort, by_lost_nexus, by_login_anew, by_reset };

/* The storage has the old command's write, and the command is given up; nobody has anything to tell. */
static struct rig *late_with(doing *old, giving_up *give_up)
{
	struct rig *r = rig_new(RIG_DEFERRED, ISCSIP_LUN_THIN);
	struct rig_cmd *c = old(r, 0, OLD);
	int i;

	while (r->pending_cnt && r->pending[0]->op == ISCSIP_STORAGE_READ) {
		rig_storage_run(r);
		move(r);
	}
	assert_int_equal(r->pending_cnt, 1);
	give_up(r, c);
	for (i = 0; i < RIG_NEXUSES; i++)
		if (r->nexus[i].disk)
			disk_itl_at(&r->disk->luns[0], r->nexus[i].priv[0])->ua = 0;
	return r;
}

static void nothing_overtakes(doing *old, giving_up *give_up, doing *next)
{
	struct rig *r = late_with(old, give_up);
	struct rig_cmd *c = next(r, 1, NEW);

	assert_int_equal(r->pending_cnt, 1);
	assert_false(c->completed);
	rig_storage_run(r); /* the late one lands */
	move(r);
	assert_true(r->pending_cnt || c->completed);
	rig_pump(r);
	assert_int_equal(c->completions, 1);
	rig_free(r);
}

static doing *const olds[] = { do_write, do_write_same, do_zero, do_unmap, do_or, do_compare };
static doing *const nexts[] = { do_write, do_write_same, do_zero, do_unmap, do_or, do_compare, do_read, do_verify, do_flush,
				do_format };

static void whatever_touches_the_blocks_waits_for_a_late_write_of_any_kind(void **state)
{
	size_t i, k, w;

	(void)state;
	for (i = 0; i < sizeof olds / sizeof *olds; i++)
		for (k = 0; k < sizeof nexts / sizeof *nexts; k++)
			for (w = 0; w < sizeof ways / sizeof *ways; w++)
				nothing_overtakes(olds[i], ways[w], nexts[k]);
}

static void the_newer_write_stands(void **state)
{
	size_t w;

	(void)state;
	for (w = 0; w < sizeof ways / sizeof *ways; w++) {
		struct rig *r = late_with(do_write, ways[w]);
		struct rig_cmd *c = do_write(r, 1, NEW);

		while (rig_storage_run_reversed(r)) /* the last that came is done first */
			move(r);
		assert_good(c);
		assert_int_equal(byte_at(r, LBA), NEW);
		rig_free(r);
	}
}

static void what_touches_other_blocks_does_not_wait(void **state)
{
	struct rig *r = late_with(do_write, by_abort);
	uint8_t cdb[16];
	struct rig_cmd *c = begin(r, 1, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_READ, LBA + BLOCKS, 1, 0), NULL, 0, 512);
	struct rig_cmd *t = begin(r, 1, cdb, iscsip_cdb_test_unit_ready(cdb), NULL, 0, 0);

	(void)state;
	assert_good(t);
	assert_int_equal(r->pending_cnt, 2);
	rig_storage_run_reversed(r);
	move(r);
	assert_good(c);
	assert_int_equal(byte_at(r, LBA), 0);
	rig_free(r);
}

static void who_waits_may_be_aborted_and_is_answered_at_once(void **state)
{
	struct rig *r = late_with(do_write, by_abort);
	struct rig_cmd *a = do_write(r, 1, NEW), *b = do_read(r, 1, 0), *c = do_write(r, 1, NEW + 1);

	(void)state;
	rig_abort(b);
	assert_int_equal(b->completions, 1);
	assert_false(a->completed || c->completed);
	rig_pump(r);
	assert_good(a);
	assert_good(c);
	/* one that is let go is aborted before it runs */
	assert_int_equal(byte_at(r, LBA), NEW + 1);
	rig_free(r);
}

static void one_that_waits_for_two_waits_for_both(void **state)
{
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	struct rig_cmd *a = do_write(r, 0, OLD), *b = do_write(r, 0, OLD), *c;

	(void)state;
	rig_abort(a);
	rig_abort(b);
	assert_int_equal(r->pending_cnt, 2);
	c = do_write(r, 1, NEW);
	rig_storage_run(r);
	move(r);
	assert_false(c->completed);
	assert_int_equal(r->pending_cnt, 1);
	rig_storage_run(r);
	move(r);
	assert_int_equal(r->pending_cnt, 1);
	rig_pump(r);
	assert_good(c);
	assert_int_equal(byte_at(r, LBA), NEW);
	rig_free(r);
}

/* Two that the storage had together: whose bytes stand there when one of them is late, nobody knows. */
static void a_write_beside_a_late_one_is_done_again_before_it_is_answered(void **state)
{
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	struct rig_cmd *old = do_write(r, 0, OLD), *c = do_write(r, 1, NEW);

	(void)state;
	assert_int_equal(r->pending_cnt, 2);
	iscsip_disk_nexus_close(&r->nexus[0]);
	assert_false(old->freed);
	rig_storage_run_reversed(r);
	move(r);
	assert_false(c->completed);
	rig_storage_run(r);
	move(r);
	rig_pump(r);
	assert_good(c);
	assert_int_equal(byte_at(r, LBA), NEW);
	rig_free(r);
}

static void a_late_read_holds_up_nobody(void **state)
{
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	struct rig_cmd *old = do_read(r, 0, 0), *c;
	static struct iscsip_tmf tmf;

	(void)state;
	rig_abort(old);
	rig_tmf_init(r, &tmf, 0, 0, ISCSIP_TMF_ABORT_TASK, old);
	iscsip_disk_ops()->tmf(r->disk, &tmf);
	assert_true(rig_tmf_answered(&tmf, ISCSIP_TMF_COMPLETE)); /* it can change nothing any more */
	c = rig_begin(r, 1, 0, (const uint8_t[16]){ 0x28, 0, 0, 0, 0, LBA, 0, 0, 1 }, 10, NULL, 0, 512, ISCSIP_ATTR_ORDERED, false);
	assert_int_equal(r->pending_cnt, 2);
	rig_storage_run_reversed(r);
	move(r);
	assert_good(c);
	rig_free(r);
}

/* --- memory of the medium ----------------------------------------------------------------------------------------- */

/* The transport has the rest of a PDU to take in; `free` comes when it is in, or its connection gone. */
static struct rig_cmd *landing(struct rig *r, bool placed_only)
{
	uint8_t cdb[16], data[BLOCKS * 512];
	struct rig_cmd *c;

	memset(data, OLD, sizeof data);
	r->hold_sent = r->hold_aborted = true;
	c = rig_begin(r, 0, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, LBA, BLOCKS, 0), data, sizeof data, 0, SIMPLE, placed_only);
	assert_int_equal(r->unit[0].pins, 1);
	return c;
}

static void data_that_still_lands_holds_back_who_comes_next(void **state)
{
	int placed_only;
	size_t k;

	(void)state;
	for (k = 0; k < 2 * sizeof nexts / sizeof *nexts; k++) {
		struct rig *r = rig_new(RIG_RAM, ISCSIP_LUN_THIN);
		struct rig_cmd *old, *c;

		placed_only = k & 1;
		if (nexts[k / 2] == do_flush) {
			rig_free(r); /* it has no storage to flush */
			continue;
		}
		old = landing(r, placed_only);
		if (placed_only)
			iscsip_disk_nexus_close(&r->nexus[0]);
		else
			rig_abort(old);
		r->cmds = NULL; /* the transport does not come to its end while the others move */
		c = nexts[k / 2](r, 1, NEW);
		assert_false(c->completed);
		memset(r->unit[0].bytes + LBA * 512, OLD, BLOCKS * 512); /* what was on its way */
		old->next = r->cmds;
		r->cmds = old;
		rig_release(old);
		rig_pump(r);
		assert_int_equal(c->completions, 1);
		if (nexts[k / 2] == do_write)
			assert_int_equal(byte_at(r, LBA), NEW);
		rig_free(r);
	}
}

/* --- units ---------------------------------------------------------------------------------------------------------- */

static void a_unit_is_gone_when_its_last_late_write_has_landed(void **state)
{
	struct iscsip_disk_lun_config again = { .blocks = 2048 };
	struct rig *r = late_with(do_write, by_lost_nexus);

	(void)state;
	assert_int_equal(iscsip_disk_lun_remove(r->disk, 0), ISCSIP_OK);
	assert_int_equal(rig_add_unit(r, 0, RIG_DEFERRED, &again), ISCSIP_EBUSY);
	rig_storage_run(r);
	move(r);
	assert_int_equal(r->gone, 1);
	assert_int_equal(rig_add_unit(r, 0, RIG_DEFERRED, &again), ISCSIP_OK);
	rig_free(r);
}

static uint32_t copy_list(struct rig *r, uint8_t *l)
{
	uint8_t cdb[16];
	int i;

	memset(l, 0, 108);
	for (i = 0; i < 2; i++) {
		const struct rig_cmd *q = rig_run(r, 1, (uint32_t)i, cdb, iscsip_cdb_inquiry(cdb, 0x83, 255), NULL, 0, 255);

		l[16 + 32 * i] = 0xe4;
		memcpy(l + 20 + 32 * i, q->in + 4, 12);
		store_be24(l + 45 + 32 * i, 512);
	}
	store_be16(l + 2, 64);
	store_be32(l + 8, 28);
	l[80] = 2;
	store_be16(l + 82, 24);
	store_be16(l + 86, 1); /* to the second unit */
	store_be16(l + 90, 1);
	l[99] = LBA;
	l[107] = LBA;
	return 108;
}

/* Its write is another unit's, and so is the wait for it. */
static void a_late_copy_is_late_where_it_writes(void **state)
{
	struct iscsip_disk_lun_config two = { .blocks = 2048 };
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	uint8_t list[108], cdb[16] = { 0x83 }, data[512];
	struct rig_cmd *copy, *c, *here;

	(void)state;
	assert_int_equal(rig_add_unit(r, 1, RIG_DEFERRED, &two), ISCSIP_OK);
	rig_clear_attention(r);
	memset(r->unit[0].bytes + LBA * 512, OLD, 512);
	store_be32(cdb + 10, copy_list(r, list));
	copy = rig_begin(r, 0, 0, cdb, 16, list, sizeof list, 0, SIMPLE, false);
	move(r);
	rig_storage_run(r);
	move(r);
	assert_int_equal(r->pending[0]->op, ISCSIP_STORAGE_WRITE);
	rig_abort(copy);
	memset(data, NEW, sizeof data);
	c = rig_begin(r, 1, 1, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, LBA, 1, 0), data, sizeof data, 0, SIMPLE, false);
	here = do_read(r, 1, 0);
	assert_int_equal(r->pending_cnt, 2); /* the read of the first unit does not wait */
	while (rig_storage_run_reversed(r))
		move(r);
	assert_good(here);
	assert_good(c);
	assert_int_equal(r->unit[1].bytes[LBA * 512], NEW);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_touches_the_blocks_waits_for_a_late_write_of_any_kind),
		cmocka_unit_test(the_newer_write_stands),
		cmocka_unit_test(what_touches_other_blocks_does_not_wait),
		cmocka_unit_test(who_waits_may_be_aborted_and_is_answered_at_once),
		cmocka_unit_test(one_that_waits_for_two_waits_for_both),
		cmocka_unit_test(a_write_beside_a_late_one_is_done_again_before_it_is_answered),
		cmocka_unit_test(a_late_read_holds_up_nobody),
		cmocka_unit_test(data_that_still_lands_holds_back_who_comes_next),
		cmocka_unit_test(a_unit_is_gone_when_its_last_late_write_has_landed),
		cmocka_unit_test(a_late_copy_is_late_where_it_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
