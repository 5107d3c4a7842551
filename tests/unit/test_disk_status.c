/* SPDX-License-Identifier: MIT */
/*
 * What GET LBA STATUS makes of what the storage says, byte by byte: a block that has any data is never told as deallocated,
 * because backup programs skip what is; every block of the unit is told once, however long an extent is; and a storage that
 * answers nonsense is believed in nothing that could cost data.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_rig.h"

#include "base/bytes.h"

enum {
	MAPPED = ISCSIP_PROVISIONING_MAPPED,
	NONE = ISCSIP_PROVISIONING_DEALLOCATED,
	ANCHORED = ISCSIP_PROVISIONING_ANCHORED
};

/* Extents of the storage, in bytes; the last one has no end. */
struct extent {
	uint64_t len;
	uint8_t provisioning;
};

static const struct extent *extents;

static void tell_extents(void *user, struct iscsip_storage_req *q)
{
	const struct extent *e = extents;
	uint64_t at = q->offset;

	(void)user;
	for (; e->len && at >= e->len; e++)
		at -= e->len;
	q->provisioning = e->provisioning;
	if (e->len)
		q->len = e->len - at;
	iscsip_storage_done(q, ISCSIP_STORAGE_OK);
}

static uint8_t answer_provisioning;
static uint64_t answer_len;

static void tell_nonsense(void *user, struct iscsip_storage_req *q)
{
	(void)user;
	q->provisioning = answer_provisioning;
	q->len = answer_len;
	iscsip_storage_done(q, ISCSIP_STORAGE_OK);
}

static struct rig *rig_of(uint64_t blocks, uint32_t block, void (*tell)(void *user, struct iscsip_storage_req *q))
{
	struct iscsip_disk_lun_config lun = { .blocks = 64, .block_size = block, .flags = ISCSIP_LUN_THIN };
	struct iscsip_disk_config cfg;
	struct rig *r;

	iscsip_disk_config_init(&cfg, sizeof cfg);
	r = rig_new_with(RIG_SYNC, &lun, &cfg);
	r->unit[0].ops.lba_status = tell;
	assert_int_equal(iscsip_disk_lun_resize(r->disk, 0, blocks), ISCSIP_OK);
	rig_clear_attention(r);
	return r;
}

/* The status of block @lba, and at @n how many blocks from there on have it. */
static uint8_t told_at(struct rig *r, uint64_t lba, uint32_t *n)
{
	uint8_t cdb[16] = { 0x9e, 0x12 };
	struct rig_cmd *c;

	store_be64(cdb + 2, lba);
	store_be32(cdb + 10, 56);
	c = rig_run(r, 0, 0, cdb, 16, NULL, 0, 56);
	assert_good(c);
	assert_true(load_be64(c->in + 8) == lba);
	*n = load_be32(c->in + 16);
	assert_true(*n > 0);
	return c->in[20];
}

static void assert_told(struct rig *r, uint64_t lba, uint8_t status, uint32_t blocks)
{
	uint32_t n;

	assert_int_equal(told_at(r, lba, &n), status);
	assert_int_equal(n, blocks);
}

static void a_block_with_any_data_is_never_told_as_deallocated(void **state)
{
	static const struct extent short_hole[] = { { 1024, NONE }, { 0, MAPPED } };
	static const struct extent within[] = { { 4096, MAPPED }, { 1024, MAPPED }, { 1024, NONE }, { 0, MAPPED } };
	static const struct extent ragged[] = { { 512, MAPPED }, { 4096 * 5, NONE }, { 512, MAPPED }, { 0, NONE } };
	static const struct extent anchored[] = { { 4096 + 512, ANCHORED }, { 0, MAPPED } };
	struct rig *r = rig_of(64, 4096, tell_extents);

	(void)state;
	extents = short_hole;
	assert_told(r, 0, MAPPED, 64);
	extents = within;
	assert_told(r, 0, MAPPED, 64);
	extents = ragged;
	assert_told(r, 0, MAPPED, 1);
	assert_told(r, 1, NONE, 4);
	assert_told(r, 5, MAPPED, 1);
	assert_told(r, 6, NONE, 58);
	extents = anchored;
	assert_told(r, 0, ANCHORED, 1);
	assert_told(r, 1, MAPPED, 63);
	rig_free(r);
}

/* Holes of every length at every place, in a storage of 512 bytes below blocks of 2048, against the bytes themselves. */
static void every_hole_is_rounded_to_the_side_of_the_data(void **state)
{
	struct rig *r = rig_of(8, 2048, tell_extents);
	uint32_t begin, len, lba, n;

	(void)state;
	for (begin = 0; begin < 8; begin++) {
		for (len = 1; begin + len <= 24; len++) {
			const struct extent e[] = { { begin * 512, MAPPED }, { len * 512, NONE }, { 0, MAPPED } };

			extents = begin ? e : e + 1;
			for (lba = 0; lba < 8; lba += n) {
				uint8_t status = told_at(r, lba, &n);
				uint32_t b;

				for (b = lba; b < lba + n; b++)
					assert_int_equal(status, b * 4 >= begin && b * 4 + 4 <= begin + len ? NONE : MAPPED);
			}
			assert_int_equal(lba, 8);
		}
	}
	rig_free(r);
}

/* NUMBER OF LOGICAL BLOCKS has 32 bits; a unit may have more. */
static void extents_of_more_blocks_than_the_field_holds_are_told_in_pieces(void **state)
{
	static const struct extent all[] = { { 0, NONE } };
	const uint64_t blocks = (3ull << 32) + 5;
	struct rig *r = rig_of(blocks, 512, tell_extents);
	uint64_t lba = 0;
	uint32_t n;

	(void)state;
	extents = all;
	while (lba < blocks) {
		assert_int_equal(told_at(r, lba, &n), NONE);
		lba += n;
	}
	assert_true(lba == blocks);
	r->unit[0].ops.lba_status = NULL;
	assert_told(r, 7, MAPPED, UINT32_MAX);
	assert_told(r, blocks - 7, MAPPED, 7);
	rig_free(r);
}

static void a_storage_that_answers_nonsense_is_believed_in_nothing_that_costs_data(void **state)
{
	struct rig *r = rig_of(64, 512, tell_nonsense);
	uint32_t n;

	(void)state;
	answer_provisioning = NONE;
	answer_len = 0;
	assert_int_equal(told_at(r, 5, &n), MAPPED);
	assert_true(n < 59); /* the storage is asked a bounded number of times */
	answer_len = 100;
	assert_told(r, 63, MAPPED, 1);
	answer_len = UINT64_MAX;
	assert_told(r, 5, NONE, 59);
	answer_provisioning = MAPPED;
	assert_told(r, 5, MAPPED, 59);
	answer_provisioning = 3;
	assert_told(r, 5, MAPPED, 59);
	answer_provisioning = 255;
	answer_len = 512 * 60;
	assert_told(r, 5, MAPPED, 59);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_block_with_any_data_is_never_told_as_deallocated),
		cmocka_unit_test(every_hole_is_rounded_to_the_side_of_the_data),
		cmocka_unit_test(extents_of_more_blocks_than_the_field_holds_are_told_in_pieces),
		cmocka_unit_test(a_storage_that_answers_nonsense_is_believed_in_nothing_that_costs_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
