/* SPDX-License-Identifier: MIT */
/*
 * A flush that fails. The storage tells it once; after that it would say that all is well. The disk remembers: nobody is told
 * GOOD for a write that may be lost until the host has opened the storage anew, and everybody who wrote learns of it.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_rig.h"

#include "base/bytes.h"
#include "disk/disk.h"

static const enum rig_backing backings[] = { RIG_SYNC, RIG_DEFERRED, RIG_CACHED };

#define EACH_BACKING(i) for (size_t i = 0; i < sizeof backings / sizeof backings[0]; i++)

static struct rig_cmd *sync_cache(struct rig *r, int n)
{
	static const uint8_t cdb[10] = { 0x35 };

	return rig_run(r, n, 0, cdb, 10, NULL, 0, 0);
}

static struct rig_cmd *write_fua(struct rig *r, int n, uint8_t value)
{
	uint8_t cdb[16], data[512];

	memset(data, value, sizeof data);
	return rig_run(r, n, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, 3, 1, ISCSIP_CDB_FUA), data, 512, 0);
}

static struct rig_cmd *mode_select_wce(struct rig *r, int n, bool on)
{
	uint8_t cdb[6] = { 0x15, 0x10, 0, 0, 24 }, list[24] = { 0, 0, 0, 0, 0x08, 18, on ? 4 : 0 };

	return rig_run(r, n, 0, cdb, 6, list, 24, 0);
}

static void assert_failed(const struct rig_cmd *c)
{
	assert_check(c, ISCSIP_SENSE_HARDWARE_ERROR, ISCSIP_ASC_LUN_FAILURE);
	assert_false(c->sense.deferred);
}

/* Fails one request that makes something stable, as a device that forgets its error does. */
static enum iscsip_storage_result once;
static void (*served)(void *user, struct iscsip_storage_req *q);

static void fail_once(void *user, struct iscsip_storage_req *q)
{
	enum iscsip_storage_result result = once;

	if (result == ISCSIP_STORAGE_OK || !disk_syncs(q)) {
		served(user, q);
		return;
	}
	once = ISCSIP_STORAGE_OK;
	iscsip_storage_done(q, result);
}

static struct rig *rig_that_fails_once(enum rig_backing b, enum iscsip_storage_result result)
{
	struct rig *r = rig_new(b, 0);
	struct rig_unit *u = &r->unit[0];

	served = u->ops.flush;
	u->ops.flush = fail_once;
	if (u->ops.write)
		u->ops.write = fail_once;
	assert_good(rig_write(r, 0, 0, 1, 1));
	assert_good(rig_write(r, 1, 1, 1, 2));
	once = result;
	return r;
}

static void after_a_flush_that_failed_nobody_is_told_good_for_a_flush_or_write(void **state)
{
	uint8_t same[16] = { 0x41, 0, 0, 0, 0, 0, 0, 0, 1 }, block[512] = { 0 };
	static const uint8_t stop[6] = { 0x1b }, format[6] = { 0x04 }, erase[10] = { 0x48, 2 };

	(void)state;
	EACH_BACKING(i) {
		struct rig *r = rig_that_fails_once(backings[i], ISCSIP_STORAGE_IO_ERROR);
		struct rig_cmd *c;

		assert_check(sync_cache(r, 0), ISCSIP_SENSE_MEDIUM_ERROR, ISCSIP_ASC_WRITE_ERROR);
		assert_failed(sync_cache(r, 0));
		assert_failed(rig_write(r, 0, 0, 1, 3));
		assert_failed(write_fua(r, 0, 3));
		assert_failed(rig_run(r, 0, 0, same, 10, block, 512, 0));
		assert_failed(rig_run(r, 0, 0, format, 6, NULL, 0, 0));
		assert_failed(rig_run(r, 0, 0, erase, 10, NULL, 0, 0));
		assert_failed(rig_run(r, 0, 0, stop, 6, NULL, 0, 0));
		assert_failed(mode_select_wce(r, 0, false));
		assert_int_equal(r->unit[0].bytes[0], 1);
		/* reads go on, and what the unit is can be asked */
		c = rig_read(r, 0, 0, 1);
		assert_good(c);
		assert_int_equal(c->in[0], 1);
		assert_good(rig_tur(r, 0));
		assert_good(rig_run(r, 0, 0, (const uint8_t[6]){ 0x12, 0, 0, 0, 96 }, 6, NULL, 0, 96));
		c = rig_run(r, 0, 0, (const uint8_t[6]){ 0x03, 0, 0, 0, 18 }, 6, NULL, 0, 18);
		assert_good(c);
		assert_int_equal(c->in[2] & 0x0f, ISCSIP_SENSE_HARDWARE_ERROR);
		assert_int_equal(load_be16(c->in + 12), ISCSIP_ASC_LUN_FAILURE);
		rig_free(r);
	}
}

static void who_wrote_through_another_nexus_learns_it_by_a_deferred_error(void **state)
{
	(void)state;
	EACH_BACKING(i) {
		struct rig *r = rig_that_fails_once(backings[i], ISCSIP_STORAGE_HARDWARE);
		struct rig_cmd *c;
		int told = r->attentions;

		assert_check(sync_cache(r, 0), ISCSIP_SENSE_HARDWARE_ERROR, ISCSIP_ASC_INTERNAL_FAILURE);
		assert_int_equal(r->attentions, told + 1);
		c = sync_cache(r, 1);
		assert_check(c, ISCSIP_SENSE_MEDIUM_ERROR, ISCSIP_ASC_WRITE_ERROR);
		assert_true(c->sense.deferred);
		assert_failed(sync_cache(r, 1));
		assert_good(rig_tur(r, 0));
		rig_free(r);
	}
}

static void a_fua_write_that_failed_fails_the_unit_as_well(void **state)
{
	(void)state;
	EACH_BACKING(i) {
		struct rig *r = rig_that_fails_once(backings[i], ISCSIP_STORAGE_IO_ERROR);

		assert_check(write_fua(r, 0, 3), ISCSIP_SENSE_MEDIUM_ERROR, ISCSIP_ASC_WRITE_ERROR);
		assert_failed(sync_cache(r, 0));
		rig_free(r);
	}
}

/* A thin unit without space, or a queue without a place, has lost nothing. */
static void what_was_not_tried_or_had_no_space_fails_alone(void **state)
{
	static const enum iscsip_storage_result alone[] = { ISCSIP_STORAGE_NO_SPACE, ISCSIP_STORAGE_READ_ONLY, ISCSIP_STORAGE_NOT_READY,
							    ISCSIP_STORAGE_BUSY };
	struct rig *r;
	size_t k;

	(void)state;
	for (k = 0; k < 4; k++) {
		r = rig_that_fails_once(RIG_SYNC, alone[k]);
		assert_int_not_equal(write_fua(r, 0, 3)->status, ISCSIP_STATUS_GOOD);
		assert_good(sync_cache(r, 0));
		assert_good(write_fua(r, 1, 4));
		rig_free(r);
		/* a flush knows nothing of space: whatever is said of it, writes are gone */
		r = rig_that_fails_once(RIG_SYNC, alone[k]);
		assert_int_not_equal(sync_cache(r, 0)->status, ISCSIP_STATUS_GOOD);
		if (alone[k] == ISCSIP_STORAGE_BUSY)
			assert_good(sync_cache(r, 0));
		else
			assert_failed(sync_cache(r, 0));
		rig_free(r);
	}
}

static void the_host_ends_it_and_every_nexus_learns_that_the_cache_was_lost(void **state)
{
	struct rig *r = rig_that_fails_once(RIG_SYNC, ISCSIP_STORAGE_IO_ERROR);
	int n;

	(void)state;
	assert_int_equal(iscsip_disk_lun_set_failed(r->disk, 7, true), ISCSIP_ENOENT);
	assert_int_equal(iscsip_disk_lun_set_failed(r->disk, 0, false), ISCSIP_OK);
	assert_good(rig_tur(r, 0)); /* it was not failed: there is nothing to tell */
	sync_cache(r, 0);
	assert_failed(sync_cache(r, 0));
	assert_int_equal(iscsip_disk_lun_set_failed(r->disk, 0, false), ISCSIP_OK);
	for (n = 0; n < 2; n++) {
		assert_check(sync_cache(r, n), ISCSIP_SENSE_UNIT_ATTENTION, ISCSIP_ASC_POWER_ON);
		assert_good(sync_cache(r, n));
		assert_good(rig_write(r, n, 0, 1, 9));
	}
	/* the host may know it before any flush does */
	assert_int_equal(iscsip_disk_lun_set_failed(r->disk, 0, true), ISCSIP_OK);
	for (n = 0; n < 2; n++) {
		assert_true(rig_tur(r, n)->sense.deferred);
		assert_failed(rig_write(r, n, 0, 1, 9));
	}
	rig_free(r);
}

/* Commands that stand in the task set when the flush fails, in every state that they can be in. */
static void commands_under_way_are_not_told_good_after_the_failure(void **state)
{
	static const uint8_t sync10[10] = { 0x35 }, waits[16] = { 0x41, 0, 0, 0, 0, 9, 0, 0, 0x80 };
	uint8_t cdb[16], data[512] = { 5 };
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	struct rig_cmd *s, *same, *ordered, *fua;

	(void)state;
	s = rig_begin(r, 0, 0, sync10, 10, NULL, 0, 0, 1, false);
	fua = rig_begin(r, 1, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, 3, 1, ISCSIP_CDB_FUA), data, 512, 0, 1, false);
	same = rig_begin(r, 1, 0, waits, 10, data, 512, 0, 1, false);
	while (rig_step(r))
		;
	ordered = rig_begin(r, 1, 0, sync10, 10, NULL, 0, 0, ISCSIP_ATTR_ORDERED, false);
	assert_int_equal(r->pending_cnt, 3);
	r->unit[0].fail = ISCSIP_STORAGE_IO_ERROR;
	rig_storage_run(r);
	r->unit[0].fail = 0;
	assert_check(s, ISCSIP_SENSE_MEDIUM_ERROR, ISCSIP_ASC_WRITE_ERROR);
	rig_pump(r);
	assert_good(fua); /* its own bytes are on the medium: the storage said so */
	assert_failed(same);
	assert_true(ordered->sense.deferred);
	rig_free(r);
}

/* Two flushes at once: which of them is told of the failure is chance, and in which order they answer. */
static void flushes_that_are_out_together_fail_together(void **state)
{
	static const uint8_t sync10[10] = { 0x35 };
	int first, aborted;

	(void)state;
	for (first = 0; first < 2; first++) {
		for (aborted = 0; aborted < 2; aborted++) {
			struct rig *r = rig_new(RIG_DEFERRED, 0);
			struct rig_cmd *c[2];
			int n;

			for (n = 0; n < 2; n++)
				c[n] = rig_begin(r, n, 0, sync10, 10, NULL, 0, 0, 1, false);
			assert_int_equal(r->pending_cnt, 2);
			if (aborted)
				rig_abort(c[1 - first]);
			if (first) {
				rig_storage_run_reversed(r);
			} else {
				rig_storage_run(r);
			}
			assert_false(c[first]->completed); /* it waits for the answer to the other */
			r->unit[0].fail = ISCSIP_STORAGE_IO_ERROR;
			rig_storage_run(r);
			r->unit[0].fail = 0;
			assert_int_equal(c[first]->completions, 1);
			assert_failed(c[first]);
			rig_free(r);
		}
	}
}

static void flushes_that_are_out_together_and_end_well_are_good(void **state)
{
	static const uint8_t sync10[10] = { 0x35 };
	uint8_t cdb[16], data[512] = { 5 };
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	struct rig_cmd *s, *fua, *late;

	(void)state;
	s = rig_begin(r, 0, 0, sync10, 10, NULL, 0, 0, 1, false);
	fua = rig_begin(r, 1, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, 3, 1, ISCSIP_CDB_FUA), data, 512, 0, 1, false);
	while (rig_step(r))
		;
	rig_storage_run(r);
	assert_false(s->completed);
	/* one that came later does not hold it up */
	late = rig_begin(r, 1, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, 4, 1, ISCSIP_CDB_FUA), data, 512, 0, 1, false);
	while (rig_step(r))
		;
	assert_int_equal(r->pending_cnt, 2);
	rig_storage_run(r);
	assert_good(fua);
	assert_good(s);
	assert_int_equal(s->completions, 1);
	assert_int_equal(late->completions, 0);
	rig_pump(r);
	assert_good(late);
	assert_int_equal(r->disk->quiet_waiters, 0);
	rig_free(r);
}

/* What another unit's storage has to say is no matter of this one. */
static void a_flush_does_not_wait_for_those_of_other_units(void **state)
{
	static const uint8_t sync10[10] = { 0x35 };
	struct iscsip_disk_lun_config two = { .blocks = 64 };
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	struct rig_cmd *here, *there;

	(void)state;
	assert_int_equal(rig_add_unit(r, 1, RIG_DEFERRED, &two), ISCSIP_OK);
	rig_clear_attention(r);
	there = rig_begin(r, 0, 1, sync10, 10, NULL, 0, 0, 1, false);
	here = rig_begin(r, 0, 0, sync10, 10, NULL, 0, 0, 1, false);
	rig_begin(r, 1, 0, sync10, 10, NULL, 0, 0, 1, false);
	assert_int_equal(r->pending_cnt, 3);
	rig_storage_end(r, 1, ISCSIP_STORAGE_OK);
	assert_false(here->completed);
	rig_storage_end(r, 1, ISCSIP_STORAGE_OK);
	assert_int_equal(here->completions, 1);
	assert_false(there->completed);
	rig_pump(r);
	assert_good(there);
	rig_free(r);
}

/* Nobody got the status of the flush that failed: its own nexus has to be told as well. */
static void the_nexus_of_an_aborted_flush_is_told_too(void **state)
{
	static const uint8_t sync10[10] = { 0x35 };
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	struct rig_cmd *c = rig_begin(r, 0, 0, sync10, 10, NULL, 0, 0, 1, false);

	(void)state;
	rig_abort(c);
	rig_storage_end(r, 0, ISCSIP_STORAGE_IO_ERROR);
	rig_pump(r);
	assert_true(rig_tur(r, 0)->sense.deferred);
	assert_true(rig_tur(r, 1)->sense.deferred);
	assert_failed(sync_cache(r, 0));
	rig_free(r);
}

/* Long work that has come some way when the unit fails goes no further, in memory that is named as well. */
static void long_work_stops_where_the_unit_failed(void **state)
{
	static const enum rig_backing kinds[] = { RIG_SYNC, RIG_CACHED };
	uint8_t same[10] = { 0x41, 0, 0, 0, 0, 0, 0, 0x20, 0 }, block[512];
	struct iscsip_disk_lun_config lun = { .blocks = 8192 };
	struct iscsip_disk_config cfg;
	int k;

	(void)state;
	memset(block, 7, sizeof block);
	iscsip_disk_config_init(&cfg, sizeof cfg);
	for (k = 0; k < 2; k++) {
		struct rig *r = rig_new_with(kinds[k], &lun, &cfg);
		struct rig_cmd *c;

		r->no_work = true;
		c = rig_begin(r, 0, 0, same, 10, block, 512, 0, 1, false);
		rig_pump(r);
		assert_false(c->completed);
		assert_int_equal(r->unit[0].bytes[0], 7);
		assert_int_equal(iscsip_disk_lun_set_failed(r->disk, 0, true), ISCSIP_OK);
		r->no_work = false;
		rig_pump(r);
		assert_failed(c);
		assert_int_equal(r->unit[0].bytes[8191 * 512], 0);
		rig_free(r);
	}
}

/* Its data landed in the medium before its turn, and then the unit failed: it was let in, but is not told GOOD. */
static void a_write_that_has_landed_already_is_not_told_good(void **state)
{
	static const uint8_t sync10[10] = { 0x35 };
	uint8_t cdb[16], data[512] = { 5 };
	struct rig *r = rig_that_fails_once(RIG_CACHED, ISCSIP_STORAGE_IO_ERROR);
	struct rig_cmd *w;

	(void)state;
	w = rig_begin(r, 0, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, 3, 1, 0), data, 512, 0, 1, true);
	rig_begin(r, 1, 0, sync10, 10, NULL, 0, 0, 1, false);
	rig_exec(w);
	rig_pump(r);
	assert_failed(w);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(after_a_flush_that_failed_nobody_is_told_good_for_a_flush_or_write),
		cmocka_unit_test(who_wrote_through_another_nexus_learns_it_by_a_deferred_error),
		cmocka_unit_test(a_fua_write_that_failed_fails_the_unit_as_well),
		cmocka_unit_test(what_was_not_tried_or_had_no_space_fails_alone),
		cmocka_unit_test(the_host_ends_it_and_every_nexus_learns_that_the_cache_was_lost),
		cmocka_unit_test(commands_under_way_are_not_told_good_after_the_failure),
		cmocka_unit_test(flushes_that_are_out_together_fail_together),
		cmocka_unit_test(flushes_that_are_out_together_and_end_well_are_good),
		cmocka_unit_test(a_flush_does_not_wait_for_those_of_other_units),
		cmocka_unit_test(the_nexus_of_an_aborted_flush_is_told_too),
		cmocka_unit_test(long_work_stops_where_the_unit_failed),
		cmocka_unit_test(a_write_that_has_landed_already_is_not_told_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
