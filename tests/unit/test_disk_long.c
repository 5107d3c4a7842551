/* SPDX-License-Identifier: MIT */
/*
 * Work that takes its time: EXTENDED COPY between units, SANITIZE and FORMAT UNIT; what they refuse, what they shut out while
 * they run, and what becomes of them when commands, nexus and units go away under them.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_rig.h"

#include "base/bytes.h"
#include "disk/disk.h"

/* --- EXTENDED COPY -------------------------------------------------------------------------------------------- */

struct copy_list {
	uint8_t b[4096];
	uint32_t len;
};

static void list_begin(struct copy_list *l, uint8_t id)
{
	memset(l, 0, sizeof *l);
	l->b[0] = id;
	l->len = 16;
}

static void list_cscd(struct rig *r, struct copy_list *l, uint32_t lun)
{
	uint8_t cdb[16], *c = l->b + l->len;
	struct rig_cmd *q = rig_run(r, 0, lun, cdb, iscsip_cdb_inquiry(cdb, 0x83, 255), NULL, 0, 255);

	assert_good(q);
	c[0] = 0xe4;
	memcpy(c + 4, q->in + 4, 12); /* the first designator, NAA */
	store_be24(c + 29, 512);
	l->len += 32;
	store_be16(l->b + 2, (uint16_t)(load_be16(l->b + 2) + 32));
}

static void list_segment(struct copy_list *l, uint16_t from, uint16_t to, uint16_t blocks, uint64_t src, uint64_t dst)
{
	uint8_t *g = l->b + l->len;

	g[0] = 0x02;
	store_be16(g + 2, 24);
	store_be16(g + 4, from);
	store_be16(g + 6, to);
	store_be16(g + 10, blocks);
	store_be64(g + 12, src);
	store_be64(g + 20, dst);
	l->len += 28;
	store_be32(l->b + 8, load_be32(l->b + 8) + 28);
}

static struct rig_cmd *copy_begin(struct rig *r, int n, const struct copy_list *l, uint32_t len)
{
	uint8_t cdb[16] = { 0x83 };

	store_be32(cdb + 10, len);
	return rig_begin(r, n, 0, cdb, 16, l->b, len, 0, ISCSIP_ATTR_SIMPLE, false);
}

static struct rig_cmd *copy(struct rig *r, int n, const struct copy_list *l, uint32_t len)
{
	struct rig_cmd *c = copy_begin(r, n, l, len);

	rig_pump(r);
	assert_int_equal(c->completions, 1);
	return c;
}

static struct rig *two_units(enum rig_backing b)
{
	struct iscsip_disk_lun_config two = { .blocks = 1024 };
	struct rig *r = rig_new(b, 0);
	uint32_t i;

	assert_int_equal(rig_add_unit(r, 1, b, &two), ISCSIP_OK);
	rig_clear_attention(r);
	for (i = 0; i < 2048 * 512; i++)
		r->unit[0].bytes[i] = (uint8_t)(i / 512 + i % 5);
	return r;
}

static void blocks_are_copied_within_a_unit_and_between_units(void **state)
{
	struct copy_list l;

	(void)state;
	for (enum rig_backing b = RIG_RAM; b <= RIG_DEFERRED; b++) {
		struct rig *r = two_units(b);
		uint8_t *before = malloc(2048 * 512);

		memcpy(before, r->unit[0].bytes, 2048 * 512);
		list_begin(&l, 7);
		list_cscd(r, &l, 0);
		list_cscd(r, &l, 1);
		list_segment(&l, 0, 1, 100, 50, 200);
		list_segment(&l, 0, 0, 20, 0, 1000);
		assert_good(copy(r, 0, &l, l.len));
		assert_memory_equal(r->unit[1].bytes + 200 * 512, before + 50 * 512, 100 * 512);
		assert_int_equal(r->unit[1].bytes[199 * 512] | r->unit[1].bytes[300 * 512], 0);
		assert_memory_equal(r->unit[0].bytes + 1000 * 512, before, 20 * 512);
		free(before);
		rig_free(r);
	}
}

static void copy_results_are_kept_for_the_one_who_copied(void **state)
{
	uint8_t status[16] = { 0x84, 0x00, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12 };
	static const uint8_t parameters[16] = { 0x84, 0x03, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0 };
	struct rig *r = two_units(RIG_RAM);
	struct copy_list l;
	struct rig_cmd *c;

	(void)state;
	assert_cdb_field(rig_run(r, 0, 0, status, 16, NULL, 0, 12), 2);
	list_begin(&l, 7);
	list_cscd(r, &l, 0);
	list_segment(&l, 0, 0, 3, 0, 100);
	assert_good(copy(r, 0, &l, l.len));
	c = rig_run(r, 0, 0, status, 16, NULL, 0, 12);
	assert_good(c);
	assert_int_equal(c->in[4] & 0x7f, 1);
	assert_int_equal(load_be16(c->in + 5), 1);
	assert_int_equal(load_be32(c->in + 8), 3 * 512);
	assert_cdb_field(rig_run(r, 1, 0, status, 16, NULL, 0, 12), 2);
	c = rig_run(r, 0, 0, parameters, 16, NULL, 0, 256);
	assert_good(c);
	assert_int_equal(load_be32(c->in), c->in_done - 4);
	assert_int_equal(load_be16(c->in + 8), 8);
	assert_int_equal(c->in[43], 2);
	assert_int_equal(c->in[44], 0x02);
	assert_int_equal(c->in[45], 0xe4);
	rig_free(r);
}

static void copy_lists_that_are_cut_or_lie_move_nothing(void **state)
{
	struct rig *r = two_units(RIG_RAM);
	struct copy_list l, bad;
	uint32_t cut, i;

	(void)state;
	list_begin(&l, 1);
	list_cscd(r, &l, 0);
	list_cscd(r, &l, 1);
	list_segment(&l, 0, 1, 8, 16, 0);
	for (cut = 1; cut < l.len; cut++)
		assert_check(copy(r, 0, &l, cut), 5, ISCSIP_ASC_PARAMETER_LIST_LENGTH);
	assert_good(copy(r, 0, &l, 0));
	bad = l;
	store_be16(bad.b + 2, 65); /* not whole descriptors */
	assert_parameter_field(copy(r, 0, &bad, bad.len), 2);
	bad = l;
	bad.b[16] = 0xe0;
	assert_check(copy(r, 0, &bad, bad.len), 5, ISCSIP_ASC_CSCD_TYPE);
	bad = l;
	bad.b[80] = 0x0c;
	assert_check(copy(r, 0, &bad, bad.len), 5, ISCSIP_ASC_SEGMENT_TYPE);
	bad = l;
	store_be32(bad.b + 12, 4);
	assert_check(copy(r, 0, &bad, bad.len), 5, ISCSIP_ASC_INLINE_DATA_LENGTH);
	bad = l;
	bad.b[82] = 1; /* a segment descriptor of another length */
	assert_parameter_field(copy(r, 0, &bad, bad.len), 82);
	bad = l;
	bad.b[16 + 8] ^= 1; /* a designator of nobody */
	assert_check(copy(r, 0, &bad, bad.len), ISCSIP_SENSE_COPY_ABORTED, ISCSIP_ASC_COPY_TARGET_UNREACHABLE);
	bad = l;
	bad.b[17] = 0x01; /* a tape */
	assert_check(copy(r, 0, &bad, bad.len), ISCSIP_SENSE_COPY_ABORTED, ISCSIP_ASC_COPY_TARGET_TYPE);
	bad = l;
	bad.b[87] = 2; /* a third descriptor that is not there */
	assert_check(copy(r, 0, &bad, bad.len), ISCSIP_SENSE_COPY_ABORTED, ISCSIP_ASC_UNREACHABLE_COPY_TARGET);
	for (i = 0; i < 8; i++)
		list_cscd(r, &l, 0);
	assert_check(copy(r, 0, &l, l.len), 5, ISCSIP_ASC_TOO_MANY_CSCDS);
	for (i = 0; i < 1024 * 512; i++)
		assert_int_equal(r->unit[1].bytes[i], 0);
	rig_free(r);
}

static void a_segment_that_cannot_be_done_is_named(void **state)
{
	struct rig *r = two_units(RIG_RAM);
	struct copy_list l;
	struct rig_cmd *c;

	(void)state;
	list_begin(&l, 1);
	list_cscd(r, &l, 0);
	list_cscd(r, &l, 1);
	list_segment(&l, 0, 1, 8, 16, 0);
	list_segment(&l, 0, 1, 8, 0, 1017);
	c = copy(r, 0, &l, l.len);
	assert_check(c, ISCSIP_SENSE_COPY_ABORTED, ISCSIP_ASC_NONE);
	assert_true(c->sense.csi_valid && c->sense.csi == 1);
	assert_int_equal(r->unit[1].bytes[0], r->unit[0].bytes[16 * 512]);
	rig_free(r);
}

static void a_copy_reaches_only_what_the_nexus_may_reach(void **state)
{
	static const uint8_t reserve[6] = { 0x16 };
	uint8_t reg[10] = { 0x5f, 0, 0, 0, 0, 0, 0, 0, 24 }, hold[10] = { 0x5f, 1, 3, 0, 0, 0, 0, 0, 24 }, list[24] = { 0 };
	struct rig *r = two_units(RIG_RAM);
	struct copy_list l;

	(void)state;
	list_begin(&l, 1);
	list_cscd(r, &l, 0);
	list_cscd(r, &l, 1);
	list_segment(&l, 0, 1, 8, 16, 0);
	assert_good(rig_run(r, 1, 1, reserve, 6, NULL, 0, 0));
	assert_check(copy(r, 0, &l, l.len), ISCSIP_SENSE_COPY_ABORTED, ISCSIP_ASC_THIRD_PARTY_FAILURE);
	iscsip_disk_nexus_close(&r->nexus[1]);
	rig_open(r, 1);
	rig_clear_attention(r);
	list[15] = 1;
	assert_good(rig_run(r, 1, 1, reg, 10, list, 24, 0));
	list[7] = 1;
	assert_good(rig_run(r, 1, 1, hold, 10, list, 24, 0));
	assert_check(copy(r, 0, &l, l.len), ISCSIP_SENSE_COPY_ABORTED, ISCSIP_ASC_THIRD_PARTY_FAILURE);
	assert_int_equal(r->unit[1].bytes[0], 0);
	iscsip_disk_lun_set_read_only(r->disk, 1, true);
	assert_check(copy(r, 1, &l, l.len), ISCSIP_SENSE_COPY_ABORTED, ISCSIP_ASC_THIRD_PARTY_FAILURE);
	iscsip_disk_lun_set_read_only(r->disk, 1, false);
	assert_good(copy(r, 1, &l, l.len));
	assert_int_equal(r->unit[1].bytes[0], r->unit[0].bytes[16 * 512]);
	rig_free(r);
}

static void a_unit_that_is_removed_ends_the_copies_that_touch_it(void **state)
{
	struct rig *r = two_units(RIG_DEFERRED);
	struct copy_list l;
	struct rig_cmd *c;

	(void)state;
	list_begin(&l, 1);
	list_cscd(r, &l, 0);
	list_cscd(r, &l, 1);
	list_segment(&l, 1, 0, 100, 0, 0);
	c = copy_begin(r, 0, &l, l.len);
	while (rig_step(r))
		;
	assert_int_equal(r->pending_cnt, 1);
	assert_int_equal(iscsip_disk_lun_remove(r->disk, 1), ISCSIP_OK);
	assert_int_equal(r->gone, 0);
	rig_pump(r);
	assert_check(c, ISCSIP_SENSE_COPY_ABORTED, ISCSIP_ASC_COPY_TARGET_UNREACHABLE);
	assert_int_equal(r->gone, 1);
	rig_free(r);
}

static void an_atomic_command_waits_for_a_copy_from_elsewhere(void **state)
{
	uint8_t caw[16] = { 0x89, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, data[1024] = { 0 };
	struct rig *r = two_units(RIG_DEFERRED);
	struct copy_list l;
	struct rig_cmd *c, *a;

	(void)state;
	memset(data + 512, 0x77, 512);
	list_begin(&l, 1);
	list_cscd(r, &l, 0);
	list_cscd(r, &l, 1);
	list_segment(&l, 0, 1, 8, 16, 0);
	c = copy_begin(r, 0, &l, l.len);
	while (rig_step(r))
		;
	rig_storage_run(r); /* the read is in, the write is out */
	assert_int_equal(r->pending_cnt, 1);
	a = rig_begin(r, 1, 1, caw, 16, data, 1024, 0, 1, false);
	while (rig_step(r))
		;
	assert_int_equal(r->pending_cnt, 1);
	rig_pump(r);
	assert_good(c);
	assert_check(a, ISCSIP_SENSE_MISCOMPARE, ISCSIP_ASC_MISCOMPARE);
	/* and the other way round */
	c = copy_begin(r, 0, &l, l.len);
	memcpy(data, r->unit[1].bytes, 512);
	a = rig_begin(r, 1, 1, caw, 16, data, 1024, 0, 1, false);
	while (rig_step(r))
		;
	assert_int_equal(r->pending_cnt, 2);
	rig_storage_run_reversed(r); /* the copy's read: its write must wait for the other's end */
	assert_int_equal(r->pending_cnt, 1);
	rig_pump(r);
	assert_good(a);
	assert_good(c);
	assert_int_equal(r->unit[1].bytes[0], r->unit[0].bytes[16 * 512]);
	rig_free(r);
}

/* --- SANITIZE, FORMAT UNIT ------------------------------------------------------------------------------------ */

static struct rig_cmd *sanitize_begin(struct rig *r, uint8_t action, const uint8_t *list, uint16_t len)
{
	uint8_t cdb[10] = { 0x48, action };

	store_be16(cdb + 7, len);
	return rig_begin(r, 0, 0, cdb, 10, list, len, 0, ISCSIP_ATTR_SIMPLE, false);
}

static struct rig_cmd *sanitize(struct rig *r, uint8_t action, const uint8_t *list, uint16_t len)
{
	struct rig_cmd *c = sanitize_begin(r, action, list, len);

	rig_pump(r);
	assert_int_equal(c->completions, 1);
	return c;
}

static void overwrite_repeats_its_pattern_in_every_block(void **state)
{
	uint8_t list[4 + 512];
	uint32_t i;

	(void)state;
	for (enum rig_backing b = RIG_RAM; b <= RIG_DEFERRED; b++) {
		struct rig *r = rig_new(b, 0);

		list[0] = 0x01;
		list[1] = 0;
		store_be16(list + 2, 7);
		memcpy(list + 4, "pattern", 7);
		assert_good(sanitize(r, 0x01, list, 11));
		for (i = 0; i < 2048 * 512; i++)
			assert_int_equal(r->unit[0].bytes[i], "pattern"[i % 512 % 7]);
		/* three passes with INVERT: the second of them is the complement, the last is the pattern again */
		list[0] = 0x80 | 3;
		assert_good(sanitize(r, 0x01, list, 11));
		assert_int_equal(r->unit[0].bytes[0], 'p');
		list[0] = 0x80 | 2;
		assert_good(sanitize(r, 0x01, list, 11));
		assert_int_equal(r->unit[0].bytes[0], (uint8_t)~'p');
		rig_free(r);
	}
}

static void erasing_leaves_nothing_to_be_read(void **state)
{
	uint32_t i;
	uint8_t action;

	(void)state;
	for (enum rig_backing b = RIG_RAM; b <= RIG_DEFERRED; b++) {
		for (action = 2; action <= 3; action++) {
			struct rig *r = rig_new(b, action == 2 ? ISCSIP_LUN_THIN : 0);

			memset(r->unit[0].bytes, 'S', 2048 * 512);
			assert_good(sanitize(r, action, NULL, 0));
			for (i = 0; i < 2048 * 512; i++)
				assert_int_not_equal(r->unit[0].bytes[i], 'S');
			assert_int_equal(r->unit[0].erases, action == 3 && b != RIG_RAM);
			assert_cdb_field(sanitize(r, action, (const uint8_t *)"12345678", 8), 7);
			rig_free(r);
		}
	}
}

static void sanitize_parameters_are_checked_before_anything_is_lost(void **state)
{
	uint8_t list[600] = { 0x01, 0, 0x02, 0x00 };
	struct rig *r = rig_new(RIG_RAM, 0);
	uint16_t n;

	(void)state;
	memset(r->unit[0].bytes, 'S', 512);
	for (n = 0; n < 5; n++)
		assert_cdb_field(sanitize(r, 1, list, n), 7);
	assert_cdb_field(sanitize(r, 1, list, 517), 7);
	list[0] = 0;
	assert_cdb_field(sanitize(r, 1, list, 516), 7);
	list[0] = 1;
	store_be16(list + 2, 0);
	assert_cdb_field(sanitize(r, 1, list, 516), 7);
	store_be16(list + 2, 513);
	assert_cdb_field(sanitize(r, 1, list, 516), 7);
	store_be16(list + 2, 100);
	assert_cdb_field(sanitize(r, 1, list, 50), 7);
	assert_cdb_field(sanitize(r, 0x1f, list, 8), 7);
	assert_good(sanitize(r, 0x1f, NULL, 0));
	assert_int_equal(r->unit[0].bytes[0], 'S');
	rig_free(r);
}

static void a_sanitize_under_way_shuts_out_and_tells_its_progress(void **state)
{
	static const uint8_t sense[6] = { 0x03, 0, 0, 0, 252 };
	uint8_t cdb[16], list[8] = { 1, 0, 0, 4, 'W', 'X', 'Y', 'Z' };
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	struct iscsip_sense s;
	struct rig_cmd *c;
	uint32_t before = 0;
	int i;

	(void)state;
	c = sanitize_begin(r, 0x81, list, 8); /* IMMED */
	while (rig_step(r))
		;
	assert_good(c);
	for (i = 0; i < 100; i++) {
		c = rig_begin(r, 1, 0, cdb, iscsip_cdb_test_unit_ready(cdb), NULL, 0, 0, 1, false);
		assert_check(c, ISCSIP_SENSE_NOT_READY, ISCSIP_ASC_SANITIZE_IN_PROGRESS);
		assert_true(c->sense.sks_valid);
		assert_true(load_be16(c->sense.sks + 1) >= before);
		before = load_be16(c->sense.sks + 1);
		assert_int_equal(r->pending_cnt, 1);
		rig_storage_run(r);
		iscsip_disk_work(r->disk);
	}
	assert_true(before > 0);
	c = rig_begin(r, 1, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, 0, 1, 0), r->unit[1].saved, 512, 0, 1, false);
	assert_check(c, ISCSIP_SENSE_NOT_READY, ISCSIP_ASC_SANITIZE_IN_PROGRESS);
	c = rig_begin(r, 1, 0, sense, 6, NULL, 0, 252, 1, false);
	assert_int_equal(iscsip_sense_decode(c->in, c->in_done, &s), ISCSIP_OK);
	assert_int_equal(s.asc, ISCSIP_ASC_SANITIZE_IN_PROGRESS);
	/* neither reset nor the loss of its nexus ends it */
	assert_true(iscsip_disk_busy(r->disk));
	iscsip_disk_nexus_close(&r->nexus[0]);
	{
		static struct iscsip_tmf tmf;

		rig_tmf_init(r, &tmf, 1, 0, ISCSIP_TMF_LOGICAL_UNIT_RESET, NULL);
		iscsip_disk_ops()->tmf(r->disk, &tmf);
		assert_true(rig_tmf_answered(&tmf, ISCSIP_TMF_COMPLETE));
	}
	assert_true(r->disk->luns[0].gate & GATE_SANITIZE);
	rig_pump(r);
	assert_false(r->disk->luns[0].gate & GATE_SANITIZE);
	assert_memory_equal(r->unit[0].bytes + 2047 * 512, "WXYZWXYZ", 8);
	rig_free(r);
}

static void a_sanitize_without_immed_answers_at_its_end_or_goes_on_without_its_command(void **state)
{
	uint8_t list[8] = { 1, 0, 0, 4, 'W', 'X', 'Y', 'Z' };
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	struct rig_cmd *c = sanitize_begin(r, 0x01, list, 8);

	(void)state;
	while (rig_step(r))
		;
	assert_false(c->completed);
	rig_abort(c);
	assert_int_equal(c->completions, 1);
	assert_true(iscsip_disk_busy(r->disk));
	rig_pump(r);
	assert_false(iscsip_disk_busy(r->disk));
	assert_memory_equal(r->unit[0].bytes + 2047 * 512, "WXYZWXYZ", 8);
	rig_free(r);
}

static void a_sanitize_that_fails_leaves_the_unit_shut(void **state)
{
	uint8_t list[8] = { 1, 0, 0, 4, 'W', 'X', 'Y', 'Z' };
	struct rig *r = rig_new(RIG_SYNC, 0);

	(void)state;
	r->unit[0].fail = ISCSIP_STORAGE_IO_ERROR;
	r->unit[0].fail_at = 1000 * 512;
	assert_check(sanitize(r, 0x01, list, 8), ISCSIP_SENSE_MEDIUM_ERROR, ISCSIP_ASC_SANITIZE_FAILED);
	assert_check(rig_read(r, 1, 0, 1), ISCSIP_SENSE_MEDIUM_ERROR, ISCSIP_ASC_SANITIZE_FAILED);
	assert_cdb_field(sanitize(r, 0x1f, NULL, 0), 1); /* AUSE was not set */
	assert_check(sanitize(r, 0x21, list, 8), ISCSIP_SENSE_MEDIUM_ERROR, ISCSIP_ASC_SANITIZE_FAILED);
	assert_cdb_field(sanitize(r, 0x1f, NULL, 0), 1); /* nor does one that sets it undo that */
	r->unit[0].fail = 0;
	assert_good(sanitize(r, 0x01, list, 8));
	assert_good(rig_read(r, 1, 0, 1));
	r->unit[0].fail = ISCSIP_STORAGE_IO_ERROR;
	assert_check(sanitize(r, 0x21, list, 8), ISCSIP_SENSE_MEDIUM_ERROR, ISCSIP_ASC_SANITIZE_FAILED);
	assert_check(rig_read(r, 1, 0, 1), ISCSIP_SENSE_MEDIUM_ERROR, ISCSIP_ASC_SANITIZE_FAILED);
	assert_good(sanitize(r, 0x1f, NULL, 0));
	assert_good(rig_read(r, 1, 0, 1));
	r->unit[0].fail = 0;
	assert_check(sanitize(r, 0x01, list, 3), 5, ISCSIP_ASC_INVALID_FIELD_IN_CDB);
	rig_free(r);
}

static void a_unit_is_not_gone_while_it_is_being_erased(void **state)
{
	uint8_t list[8] = { 1, 0, 0, 4, 'W', 'X', 'Y', 'Z' };
	struct rig *r = rig_new(RIG_DEFERRED, 0);

	(void)state;
	sanitize_begin(r, 0x81, list, 8);
	while (rig_step(r))
		;
	assert_int_equal(iscsip_disk_lun_remove(r->disk, 0), ISCSIP_OK);
	assert_int_equal(r->gone, 0);
	rig_pump(r);
	assert_int_equal(r->gone, 1);
	rig_free(r);
}

static void format_unit_clears_the_medium_and_refuses_what_it_cannot(void **state)
{
	static const uint8_t plain[6] = { 0x04 }, with_list[6] = { 0x04, 0x10 }, pi[6] = { 0x04, 0x90 }, defects[6] = { 0x04, 0x1d };
	static const uint8_t long_list[6] = { 0x04, 0x30 };
	uint8_t list[8] = { 0 }, cdb[6] = { 0x04 };
	struct rig *r = rig_new(RIG_RAM, 0);
	unsigned bits;

	(void)state;
	memset(r->unit[0].bytes, 'F', 2048 * 512);
	/* protection information, a format of defect lists, and what needs a parameter list and has none */
	for (bits = 1; bits < 256; bits++) {
		cdb[1] = (uint8_t)bits;
		if ((bits & 0xd7) != 0x10)
			assert_cdb_field(rig_run(r, 0, 0, cdb, 6, list, 8, 0), 1);
	}
	assert_cdb_field(rig_run(r, 0, 0, pi, 6, list, 4, 0), 1);
	assert_cdb_field(rig_run(r, 0, 0, defects, 6, list, 4, 0), 1);
	assert_check(rig_run(r, 0, 0, with_list, 6, list, 3, 0), 5, ISCSIP_ASC_PARAMETER_LIST_LENGTH);
	list[3] = 4; /* a defect list */
	assert_parameter_field(rig_run(r, 0, 0, with_list, 6, list, 4, 0), 2);
	list[3] = 0;
	list[0] = 1;
	assert_parameter_field(rig_run(r, 0, 0, with_list, 6, list, 4, 0), 0);
	assert_int_equal(r->unit[0].bytes[0], 'F');
	list[0] = 0;
	assert_good(rig_run(r, 0, 0, long_list, 6, list, 8, 0));
	assert_int_equal(r->unit[0].bytes[0], 0);
	memset(r->unit[0].bytes, 'F', 2048 * 512);
	assert_good(rig_run(r, 0, 0, plain, 6, NULL, 0, 0));
	assert_int_equal(r->unit[0].bytes[2047 * 512], 0);
	rig_free(r);
}

static void long_work_is_done_at_once_for_a_host_that_has_no_wake(void **state)
{
	struct rig *r = rig_new(RIG_RAM, 0);
	uint8_t list[8] = { 1, 0, 0, 4, 'W', 'X', 'Y', 'Z' };
	struct rig_cmd *c;

	(void)state;
	r->host.wake = NULL;
	r->no_work = true;
	c = sanitize_begin(r, 0x01, list, 8);
	while (rig_step(r))
		;
	assert_good(c);
	assert_memory_equal(r->unit[0].bytes + 2047 * 512, "WXYZWXYZ", 8);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_are_copied_within_a_unit_and_between_units),
		cmocka_unit_test(copy_results_are_kept_for_the_one_who_copied),
		cmocka_unit_test(copy_lists_that_are_cut_or_lie_move_nothing),
		cmocka_unit_test(a_segment_that_cannot_be_done_is_named),
		cmocka_unit_test(a_copy_reaches_only_what_the_nexus_may_reach),
		cmocka_unit_test(a_unit_that_is_removed_ends_the_copies_that_touch_it),
		cmocka_unit_test(an_atomic_command_waits_for_a_copy_from_elsewhere),
		cmocka_unit_test(overwrite_repeats_its_pattern_in_every_block),
		cmocka_unit_test(erasing_leaves_nothing_to_be_read),
		cmocka_unit_test(sanitize_parameters_are_checked_before_anything_is_lost),
		cmocka_unit_test(a_sanitize_under_way_shuts_out_and_tells_its_progress),
		cmocka_unit_test(a_sanitize_without_immed_answers_at_its_end_or_goes_on_without_its_command),
		cmocka_unit_test(a_sanitize_that_fails_leaves_the_unit_shut),
		cmocka_unit_test(a_unit_is_not_gone_while_it_is_being_erased),
		cmocka_unit_test(format_unit_clears_the_medium_and_refuses_what_it_cannot),
		cmocka_unit_test(long_work_is_done_at_once_for_a_host_that_has_no_wake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
