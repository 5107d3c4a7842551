/* SPDX-License-Identifier: MIT */
/*
 * A SANITIZE that has begun and not ended well: no command, no reset, no other unit and no restart of the host makes what the
 * unit holds readable again, but for another SANITIZE that ends well, or EXIT FAILURE MODE where it was allowed. And the
 * other way round: what has not begun has changed nothing, and a FORMAT UNIT that fails shuts nothing.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_rig.h"

#include "base/bytes.h"
#include "disk/disk.h"

static const uint8_t block_erase[10] = { 0x48, 0x02 }, with_ause[10] = { 0x48, 0x22 }, immediately[10] = { 0x48, 0x82 };
static const uint8_t exit_failure[10] = { 0x48, 0x1f }, format[6] = { 0x04 };

static struct rig_cmd *plain(struct rig *r, int n, const uint8_t *cdb, size_t len)
{
	return rig_run(r, n, 0, cdb, len, NULL, 0, 0);
}

static void assert_shut(struct rig *r)
{
	assert_check(rig_tur(r, 0), ISCSIP_SENSE_MEDIUM_ERROR, ISCSIP_ASC_SANITIZE_FAILED);
	assert_check(rig_read(r, 1, 0, 1), ISCSIP_SENSE_MEDIUM_ERROR, ISCSIP_ASC_SANITIZE_FAILED);
	assert_check(rig_write(r, 1, 0, 1, 1), ISCSIP_SENSE_MEDIUM_ERROR, ISCSIP_ASC_SANITIZE_FAILED);
}

/* A unit full of what must not be read, where a SANITIZE failed halfway. */
static struct rig *half_erased(enum rig_backing b, const uint8_t *cdb)
{
	struct rig *r = rig_new(b, 0);

	memset(r->unit[0].bytes, 'S', 2048 * 512);
	r->unit[0].fail = ISCSIP_STORAGE_IO_ERROR;
	r->unit[0].fail_at = 1000 * 512;
	assert_check(plain(r, 0, cdb, 10), ISCSIP_SENSE_MEDIUM_ERROR, ISCSIP_ASC_SANITIZE_FAILED);
	return r;
}

/* The host starts anew: the same medium, what was kept, and other nexuses. */
static struct rig *restart(struct rig *old)
{
	struct iscsip_disk_lun_config lun = { .blocks = 2048 };
	struct iscsip_disk_config cfg = old->cfg;
	static uint8_t kept[sizeof old->unit[0].saved];
	uint8_t *medium = malloc(2048 * 512);
	struct rig *r;

	memcpy(medium, old->unit[0].bytes, 2048 * 512);
	memcpy(kept, old->unit[0].saved, old->unit[0].saved_len);
	lun.saved = old->unit[0].saved_len ? kept : NULL;
	lun.saved_len = old->unit[0].saved_len;
	r = rig_new_with(old->unit[0].backing, &lun, &cfg);
	memcpy(r->unit[0].bytes, medium, 2048 * 512);
	memcpy(r->unit[0].saved, kept, sizeof kept);
	r->unit[0].saved_len = lun.saved_len;
	free(medium);
	rig_pump(old); /* nobody looks at what becomes of it */
	rig_free(old);
	return r;
}

static void format_unit_is_no_way_out_of_a_sanitize_that_failed(void **state)
{
	(void)state;
	for (enum rig_backing b = RIG_SYNC; b <= RIG_DEFERRED; b++) {
		struct rig *r = half_erased(b, block_erase);

		assert_check(plain(r, 0, format, 6), ISCSIP_SENSE_MEDIUM_ERROR, ISCSIP_ASC_SANITIZE_FAILED);
		r->unit[0].fail = 0;
		assert_check(plain(r, 0, format, 6), ISCSIP_SENSE_MEDIUM_ERROR, ISCSIP_ASC_SANITIZE_FAILED);
		assert_cdb_field(plain(r, 0, exit_failure, 10), 1);
		assert_int_equal(rig_tmf(r, 0, 0, ISCSIP_TMF_LOGICAL_UNIT_RESET, NULL), ISCSIP_TMF_COMPLETE);
		assert_check(rig_tur(r, 0), ISCSIP_SENSE_UNIT_ATTENTION, ISCSIP_ASC_DEVICE_RESET);
		rig_clear_attention(r);
		assert_shut(r);
		assert_good(plain(r, 0, block_erase, 10));
		assert_good(rig_read(r, 0, 0, 1));
		rig_free(r);
	}
}

/* While another SANITIZE tries, the first failure is not forgotten. */
static void a_further_sanitize_clears_the_failure_when_it_ends_well_and_not_before(void **state)
{
	struct rig *r = half_erased(RIG_DEFERRED, block_erase);

	(void)state;
	rig_begin(r, 0, 0, immediately, 10, NULL, 0, 0, 1, false);
	while (rig_step(r))
		;
	rig_storage_run(r);
	assert_check(rig_begin(r, 1, 0, (const uint8_t[6]){ 0 }, 6, NULL, 0, 0, 1, false), ISCSIP_SENSE_NOT_READY,
		     ISCSIP_ASC_SANITIZE_IN_PROGRESS);
	assert_check(rig_begin(r, 1, 0, format, 6, NULL, 0, 0, 1, false), ISCSIP_SENSE_NOT_READY, ISCSIP_ASC_SANITIZE_IN_PROGRESS);
	rig_pump(r);
	assert_shut(r);
	rig_free(r);
}

static void an_exit_that_one_sanitize_denied_is_not_granted_by_the_next(void **state)
{
	struct rig *r = half_erased(RIG_SYNC, block_erase);

	(void)state;
	assert_check(plain(r, 0, with_ause, 10), ISCSIP_SENSE_MEDIUM_ERROR, ISCSIP_ASC_SANITIZE_FAILED);
	assert_cdb_field(plain(r, 0, exit_failure, 10), 1);
	rig_free(r);
	r = half_erased(RIG_SYNC, with_ause);
	assert_check(plain(r, 0, with_ause, 10), ISCSIP_SENSE_MEDIUM_ERROR, ISCSIP_ASC_SANITIZE_FAILED);
	assert_good(plain(r, 0, exit_failure, 10));
	assert_good(rig_read(r, 0, 0, 1));
	rig_free(r);
	r = half_erased(RIG_SYNC, with_ause);
	assert_check(plain(r, 0, block_erase, 10), ISCSIP_SENSE_MEDIUM_ERROR, ISCSIP_ASC_SANITIZE_FAILED);
	assert_cdb_field(plain(r, 0, exit_failure, 10), 1);
	rig_free(r);
}

static void extended_copy_neither_reads_such_a_unit_nor_writes_to_it(void **state)
{
	struct iscsip_disk_lun_config two = { .blocks = 2048 };
	uint8_t cdb[16] = { 0x83 }, inq[16], list[108];
	int way;

	(void)state;
	cdb[13] = sizeof list;
	for (way = 0; way < 2; way++) {
		struct rig *r = rig_new(RIG_SYNC, 0);
		int i;

		assert_int_equal(rig_add_unit(r, 1, RIG_SYNC, &two), ISCSIP_OK);
		rig_clear_attention(r);
		memset(list, 0, sizeof list);
		for (i = 0; i < 2; i++) {
			uint8_t *d = list + 16 + 32 * i;
			struct rig_cmd *c = rig_run(r, 0, (uint32_t)(i ^ way), inq, iscsip_cdb_inquiry(inq, 0x83, 255), NULL, 0, 255);

			d[0] = 0xe4;
			memcpy(d + 4, c->in + 4, 12);
			store_be24(d + 29, 512);
		}
		store_be16(list + 2, 64);
		list[11] = 28;
		list[80] = 0x02;
		list[83] = 24;
		list[87] = 1;
		list[91] = 8;
		assert_good(rig_run(r, 0, 1, cdb, 16, list, sizeof list, 0));
		memset(r->unit[0].bytes, 'S', 8 * 512);
		r->unit[0].fail = ISCSIP_STORAGE_IO_ERROR;
		r->unit[0].fail_at = 1000 * 512;
		assert_check(plain(r, 0, block_erase, 10), ISCSIP_SENSE_MEDIUM_ERROR, ISCSIP_ASC_SANITIZE_FAILED);
		memset(r->unit[0].bytes, 'S', 8 * 512);
		assert_check(rig_run(r, 0, 1, cdb, 16, list, sizeof list, 0), ISCSIP_SENSE_COPY_ABORTED, ISCSIP_ASC_THIRD_PARTY_FAILURE);
		assert_int_equal(r->unit[1].bytes[0], 0);
		assert_int_equal(r->unit[0].bytes[0], 'S');
		rig_free(r);
	}
}

static void a_restart_forgets_neither_a_failure_nor_a_sanitize_under_way(void **state)
{
	struct rig *r = half_erased(RIG_SYNC, block_erase);

	(void)state;
	r = restart(r);
	assert_shut(r);
	assert_cdb_field(plain(r, 0, exit_failure, 10), 1);
	r = restart(r);
	assert_shut(r);
	assert_good(plain(r, 0, block_erase, 10));
	assert_int_equal(r->unit[0].saved_len, 0);
	r = restart(r);
	assert_good(rig_read(r, 0, 0, 1));
	rig_free(r);
	/* the host dies in the middle of it */
	r = rig_new(RIG_DEFERRED, 0);
	memset(r->unit[0].bytes, 'S', 2048 * 512);
	rig_begin(r, 0, 0, with_ause, 10, NULL, 0, 0, 1, false);
	while (rig_step(r))
		;
	rig_storage_run(r); /* the state is kept, and the first blocks are about to be erased */
	r->unit[0].backing = RIG_SYNC;
	r = restart(r);
	assert_shut(r);
	assert_good(plain(r, 0, exit_failure, 10)); /* AUSE is kept as well */
	assert_int_equal(r->unit[0].bytes[0], 'S');
	r = restart(r);
	assert_good(rig_read(r, 0, 0, 1));
	rig_free(r);
}

/* Nothing is erased, and IMMED is not answered, before it is certain that the SANITIZE will not be forgotten. */
static void a_sanitize_that_cannot_be_kept_does_not_begin(void **state)
{
	struct rig *r = rig_new(RIG_SYNC, 0);
	const uint8_t *cdbs[] = { block_erase, immediately };
	struct rig_cmd *c;
	int i;

	(void)state;
	memset(r->unit[0].bytes, 'S', 2048 * 512);
	r->unit[0].fail_commits = true;
	for (i = 0; i < 2; i++) {
		r->unit[0].fail = ISCSIP_STORAGE_IO_ERROR;
		assert_check(plain(r, 0, cdbs[i], 10), ISCSIP_SENSE_MEDIUM_ERROR, ISCSIP_ASC_WRITE_ERROR);
		r->unit[0].fail = ISCSIP_STORAGE_BUSY;
		assert_int_equal(plain(r, 0, cdbs[i], 10)->status, ISCSIP_STATUS_BUSY);
		assert_good(rig_read(r, 0, 0, 1));
		assert_int_equal(r->unit[0].bytes[0], 'S');
	}
	rig_free(r);
	r = rig_new(RIG_DEFERRED, 0);
	c = rig_begin(r, 0, 0, immediately, 10, NULL, 0, 0, 1, false);
	while (rig_step(r))
		;
	assert_int_equal(r->pending_cnt, 1);
	assert_int_equal(r->pending[0]->op, ISCSIP_STORAGE_COMMIT);
	assert_false(c->completed);
	rig_storage_run(r);
	assert_good(c);
	rig_pump(r);
	assert_good(rig_tur(r, 0));
	rig_free(r);
}

/* It has ended well when that is kept: before, a loss of power would bring the failure back. */
static void a_sanitize_whose_end_cannot_be_kept_has_failed(void **state)
{
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	struct rig_cmd *c;

	(void)state;
	c = rig_begin(r, 0, 0, block_erase, 10, NULL, 0, 0, 1, false);
	while (rig_step(r))
		;
	rig_storage_run(r);
	r->unit[0].fail = ISCSIP_STORAGE_IO_ERROR;
	r->unit[0].fail_commits = true;
	rig_pump(r);
	assert_check(c, ISCSIP_SENSE_MEDIUM_ERROR, ISCSIP_ASC_SANITIZE_FAILED);
	assert_shut(r);
	r->unit[0].fail = 0;
	assert_good(plain(r, 0, block_erase, 10));
	assert_good(rig_tur(r, 0));
	/* nor is the exit done that could not be kept */
	rig_free(r);
	r = half_erased(RIG_SYNC, with_ause);
	r->unit[0].fail_commits = true;
	assert_check(plain(r, 0, exit_failure, 10), ISCSIP_SENSE_MEDIUM_ERROR, ISCSIP_ASC_WRITE_ERROR);
	assert_shut(r);
	rig_free(r);
}

/* The command is aborted while the host keeps its state: what was begun goes on, and comes to its end. */
static void a_sanitize_that_is_aborted_while_it_is_being_kept_goes_on(void **state)
{
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	struct rig_cmd *c;

	(void)state;
	memset(r->unit[0].bytes, 'S', 2048 * 512);
	c = rig_begin(r, 0, 0, block_erase, 10, NULL, 0, 0, 1, false);
	while (rig_step(r))
		;
	rig_abort(c);
	assert_int_equal(c->completions, 1);
	assert_check(rig_begin(r, 1, 0, (const uint8_t[6]){ 0 }, 6, NULL, 0, 0, 1, false), ISCSIP_SENSE_NOT_READY,
		     ISCSIP_ASC_SANITIZE_IN_PROGRESS);
	rig_pump(r);
	assert_good(rig_tur(r, 1));
	assert_int_equal(r->unit[0].bytes[0] | r->unit[0].bytes[2047 * 512], 0);
	assert_int_equal(r->unit[0].saved_len, 0);
	rig_free(r);
}

/* With two buffers in all, the pattern takes one, and the parameter list had the other. */
static void a_sanitize_needs_no_more_buffers_than_there_must_be(void **state)
{
	uint8_t overwrite[10] = { 0x48, 0x01, 0, 0, 0, 0, 0, 0, 8 }, list[8] = { 1, 0, 0, 4, 'W', 'X', 'Y', 'Z' };
	struct iscsip_disk_lun_config lun = { .blocks = 2048 };
	struct iscsip_disk_config cfg;
	struct rig *r;

	(void)state;
	iscsip_disk_config_init(&cfg, sizeof cfg);
	cfg.buffer_size = 4096;
	cfg.buffer_count = 2;
	r = rig_new_with(RIG_SYNC, &lun, &cfg);
	assert_good(rig_run(r, 0, 0, overwrite, 10, list, 8, 0));
	assert_memory_equal(r->unit[0].bytes + 2047 * 512, "WXYZWXYZ", 8);
	assert_int_equal(r->disk->buffers_free, 2);
	rig_free(r);
}

static void sanitize_is_offered_where_its_state_outlives_the_host(void **state)
{
	static const uint8_t asks[16] = { 0xa3, 0x0c, 0x02, 0x48, 0, 0x02, 0, 0, 0, 64 };
	struct iscsip_disk_lun_config lun = { .blocks = 2048 };
	int volatile_medium;

	(void)state;
	for (volatile_medium = 0; volatile_medium < 2; volatile_medium++) {
		struct rig *r = rig_new(RIG_SYNC, 0);
		struct rig_cmd *c;

		r->unit[0].ops.commit = NULL;
		assert_int_equal(iscsip_disk_lun_remove(r->disk, 0), ISCSIP_DONE);
		lun.flags = volatile_medium ? ISCSIP_LUN_VOLATILE : 0;
		assert_int_equal(rig_add_unit(r, 0, RIG_SYNC, &lun), ISCSIP_OK);
		rig_clear_attention(r);
		c = plain(r, 0, block_erase, 10);
		if (volatile_medium)
			assert_good(c);
		else
			assert_check(c, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_INVALID_OPCODE);
		c = rig_run(r, 0, 0, asks, 12, NULL, 0, 64);
		assert_good(c);
		assert_int_equal(c->in[1] & 7, volatile_medium ? 3 : 1);
		assert_good(plain(r, 0, format, 6));
		rig_free(r);
	}
}

static void a_format_unit_that_fails_shuts_nothing(void **state)
{
	(void)state;
	for (enum rig_backing b = RIG_SYNC; b <= RIG_DEFERRED; b++) {
		struct rig *r = rig_new(b, 0);
		struct rig_cmd *c;

		memset(r->unit[0].bytes, 'S', 2048 * 512);
		r->unit[0].fail = ISCSIP_STORAGE_IO_ERROR;
		r->unit[0].fail_at = 1000 * 512;
		assert_check(plain(r, 0, format, 6), ISCSIP_SENSE_MEDIUM_ERROR, ISCSIP_ASC_WRITE_ERROR);
		c = rig_read(r, 1, 2000, 1);
		assert_good(c);
		assert_int_equal(c->in[0], 'S');
		assert_good(rig_tur(r, 0));
		assert_int_equal(r->unit[0].saves, 0);
		r->unit[0].fail = 0;
		assert_good(plain(r, 0, format, 6));
		rig_free(r);
	}
}

/* The bits that a disk does not know, or that no SANITIZE leaves, are damage. */
static void kept_bits_that_no_sanitize_leaves_are_refused(void **state)
{
	uint32_t bits;

	(void)state;
	for (bits = 0; bits < 16; bits++)
		assert_int_equal(iscsip__disk_kept_valid(bits), bits == 0 || bits == 1 || bits == 3);
	assert_false(iscsip__disk_kept_valid(0x80000001u));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(format_unit_is_no_way_out_of_a_sanitize_that_failed),
		cmocka_unit_test(a_further_sanitize_clears_the_failure_when_it_ends_well_and_not_before),
		cmocka_unit_test(an_exit_that_one_sanitize_denied_is_not_granted_by_the_next),
		cmocka_unit_test(extended_copy_neither_reads_such_a_unit_nor_writes_to_it),
		cmocka_unit_test(a_restart_forgets_neither_a_failure_nor_a_sanitize_under_way),
		cmocka_unit_test(a_sanitize_that_cannot_be_kept_does_not_begin),
		cmocka_unit_test(a_sanitize_whose_end_cannot_be_kept_has_failed),
		cmocka_unit_test(a_sanitize_that_is_aborted_while_it_is_being_kept_goes_on),
		cmocka_unit_test(a_sanitize_needs_no_more_buffers_than_there_must_be),
		cmocka_unit_test(sanitize_is_offered_where_its_state_outlives_the_host),
		cmocka_unit_test(a_format_unit_that_fails_shuts_nothing),
		cmocka_unit_test(kept_bits_that_no_sanitize_leaves_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
