/* SPDX-License-Identifier: MIT */
/*
 * What GOOD promises about a loss of power: with WCE 0, or where the command asks for it (FUA), not one byte that a command
 * changed is still volatile when it is answered. Held for every command of the table, over storage that names its memory and
 * storage that does not, with a rig that counts the bytes which a loss of power would take.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_rig.h"

#include "base/bytes.h"
#include "disk/disk.h"

static const enum rig_backing backings[] = { RIG_SYNC, RIG_DEFERRED, RIG_CACHED };

#define EACH_BACKING(i) for (size_t i = 0; i < sizeof backings / sizeof backings[0]; i++)

static struct rig_cmd *set_wce(struct rig *r, uint32_t lun, bool on)
{
	uint8_t cdb[6] = { 0x15, 0x10, 0, 0, 24 }, list[24] = { 0, 0, 0, 0, 0x08, 18, on ? 4 : 0 };

	return rig_run(r, 0, lun, cdb, 6, list, 24, 0);
}

static bool told_wce(struct rig *r, uint32_t lun)
{
	uint8_t cdb[6] = { 0x1a, 0x08, 0x08, 0, 64 };
	struct rig_cmd *c = rig_run(r, 1, lun, cdb, 6, NULL, 0, 64);

	assert_good(c);
	return c->in[4 + 2] & 0x04;
}

/* --- one command of each kind that changes the medium --------------------------------------------------------- */

enum {
	LBA = 8,
	COUNT = 4
};

struct asked {
	uint8_t cdb[16];
	uint8_t data[8192];
	uint32_t len;
};

static void ask_range(struct asked *a, const struct disk_op *op, uint32_t count)
{
	switch (op->len) {
	case 6:
		a->cdb[3] = LBA;
		a->cdb[4] = (uint8_t)count;
		break;
	case 10:
		store_be32(a->cdb + 2, LBA);
		store_be16(a->cdb + 7, (uint16_t)count);
		break;
	case 12:
		store_be32(a->cdb + 2, LBA);
		store_be32(a->cdb + 6, count);
		break;
	default:
		store_be64(a->cdb + 2, LBA);
		store_be32(a->cdb + 10, count);
		break;
	}
}

/* EXTENDED COPY of blocks 0 on to block LBA of unit @lun. */
static void ask_copy(struct rig *r, struct asked *a, uint32_t lun)
{
	uint32_t i;

	store_be16(a->data + 2, 64);
	store_be32(a->data + 8, 28);
	for (i = 0; i < 2; i++) {
		uint8_t inq[16], *d = a->data + 16 + 32 * (size_t)i;
		struct rig_cmd *c = rig_run(r, 0, i ? lun : 0, inq, iscsip_cdb_inquiry(inq, 0x83, 255), NULL, 0, 255);

		assert_good(c);
		d[0] = 0xe4;
		memcpy(d + 4, c->in + 4, 12);
		store_be24(d + 29, 512);
	}
	a->data[80] = 0x02;
	store_be16(a->data + 82, 24);
	store_be16(a->data + 86, 1);
	store_be16(a->data + 90, COUNT);
	store_be64(a->data + 100, LBA);
	a->len = 108;
	store_be32(a->cdb + 10, 108);
}

static void ask_same(struct asked *a, const struct disk_op *op, uint8_t flags, uint8_t value)
{
	ask_range(a, op, 200);
	a->cdb[1] = flags;
	memset(a->data, value, 512);
	a->len = 512;
}

/* The data for @op; false: it changes nothing on the medium. Its @way: of those that have several. */
static bool ask(struct rig *r, struct asked *a, const struct disk_op *op, int way)
{
	static const uint8_t pattern[8] = { 1, 0, 0, 4, 1, 2, 3, 4 };

	memset(a, 0, sizeof *a);
	memset(a->data, 0x55, sizeof a->data);
	a->cdb[0] = op->opcode;
	a->cdb[1] = op->sa != DISK_NO_SA ? op->sa : 0;
	switch (op->opcode) {
	case ISCSIP_SCSI_WRITE_SAME_10:
	case ISCSIP_SCSI_WRITE_SAME_16:
		ask_same(a, op, way == 2 ? 0x08 : 0, way ? 0 : 0x77);
		return true;
	case ISCSIP_SCSI_UNMAP:
		memset(a->data, 0, 40);
		store_be16(a->data, 38);
		store_be16(a->data + 2, 32);
		a->data[15] = LBA;
		a->data[19] = 2;
		a->data[31] = LBA + 100;
		a->data[35] = way ? 2 : 0;
		a->len = 40;
		a->cdb[8] = 40;
		return true;
	case ISCSIP_SCSI_COMPARE_AND_WRITE:
		a->cdb[9] = LBA;
		a->cdb[13] = COUNT;
		memset(a->data, 0, COUNT * 512);
		a->len = 2 * COUNT * 512;
		return true;
	case ISCSIP_SCSI_EXTENDED_COPY:
		memset(a->data, 0, 108);
		ask_copy(r, a, way ? 1 : 0);
		return true;
	case ISCSIP_SCSI_SANITIZE:
		a->len = op->sa == 1 ? sizeof pattern : 0;
		a->cdb[8] = (uint8_t)a->len;
		memcpy(a->data, pattern, sizeof pattern);
		return op->sa != 0x1f;
	case ISCSIP_SCSI_FORMAT_UNIT:
		return true;
	default:
		if (!(op->flags & OP_WRITE))
			return false;
		/* anything new that writes must be given its data above, or be like WRITE */
		assert_true(op->flags & OP_RANGE);
		ask_range(a, op, COUNT);
		a->len = way == 1 && op->place == PLACE_MEDIUM ? COUNT * 512 - 100 : COUNT * 512;
		return true;
	}
}

static struct rig *two_units(enum rig_backing b)
{
	struct iscsip_disk_lun_config two = { .blocks = 2048 };
	struct rig *r = rig_new(b, ISCSIP_LUN_THIN);

	assert_int_equal(rig_add_unit(r, 1, b, &two), ISCSIP_OK);
	rig_clear_attention(r);
	return r;
}

static void assert_stable(struct rig *r, const struct disk_op *op, int way, const struct rig_cmd *c)
{
	char text[128];

	snprintf(text, sizeof text, "opcode %02x/%02x way %d backing %d: status %02x sense %x/%04x, %u bytes volatile",
		 op->opcode, op->sa, way, (int)r->unit[0].backing, c->status, c->sense.key, c->sense.asc,
		 (unsigned)(rig_unstable(r, 0) + rig_unstable(r, 1)));
	if (c->status != ISCSIP_STATUS_GOOD || rig_unstable(r, 0) + rig_unstable(r, 1))
		fail_msg("%s", text);
}

static void with_wce_0_nothing_that_is_answered_is_volatile(void **state)
{
	struct asked a;
	unsigned k, asked = 0;
	int way;

	(void)state;
	EACH_BACKING(i) {
		for (k = 0; k < iscsip__disk_op_count; k++) {
			for (way = 0; way < 3; way++) {
				const struct disk_op *op = &iscsip__disk_ops[k];
				struct rig *r = two_units(backings[i]);

				assert_good(set_wce(r, 0, false));
				assert_good(set_wce(r, 1, false));
				rig_clear_attention(r);
				if (ask(r, &a, op, way)) {
					assert_stable(r, op, way, rig_run(r, 0, 0, a.cdb, op->len, a.data, a.len, 0));
					asked++;
				}
				rig_free(r);
			}
		}
	}
	assert_true(asked > 3 * 3 * 15);
}

/* What goes to another unit follows the WCE of that one. */
static void a_copy_follows_the_cache_of_the_unit_that_it_writes_to(void **state)
{
	struct disk_op op = *iscsip__disk_find_op((const uint8_t[]){ 0x83, 0 });
	struct asked a;

	(void)state;
	EACH_BACKING(i) {
		struct rig *r = two_units(backings[i]);

		assert_good(set_wce(r, 1, false));
		rig_clear_attention(r);
		assert_true(ask(r, &a, &op, 1));
		assert_stable(r, &op, 1, rig_run(r, 0, 0, a.cdb, 16, a.data, a.len, 0));
		assert_good(set_wce(r, 1, true));
		assert_good(set_wce(r, 0, false));
		rig_clear_attention(r);
		r->unit[1].flushes = 0;
		assert_good(rig_run(r, 0, 0, a.cdb, 16, a.data, a.len, 0));
		assert_int_equal(rig_unstable(r, 0), 0);
		assert_int_equal(r->unit[1].flushes, 0);
		assert_int_equal(rig_unstable(r, 1), COUNT * 512);
		rig_free(r);
	}
}

/* Onto a unit that has lost writes nothing is copied, and nothing is read for it. */
static void nothing_is_copied_onto_a_unit_that_is_failed(void **state)
{
	struct disk_op op = *iscsip__disk_find_op((const uint8_t[]){ 0x83, 0 });
	struct rig *r = two_units(RIG_SYNC);
	struct asked a;

	(void)state;
	assert_true(ask(r, &a, &op, 1));
	assert_int_equal(iscsip_disk_lun_set_failed(r->disk, 1, true), ISCSIP_OK);
	r->unit[0].reads = 0;
	assert_check(rig_run(r, 0, 0, a.cdb, 16, a.data, a.len, 0), ISCSIP_SENSE_COPY_ABORTED, ISCSIP_ASC_THIRD_PARTY_FAILURE);
	assert_int_equal(r->unit[0].reads, 0);
	rig_free(r);
}

static bool has_fua(const struct disk_op *op)
{
	return op->len != 6 && op->usage[1] & ISCSIP_CDB_FUA && op->flags & OP_RANGE && op->flags & OP_WRITE &&
	       op->opcode != ISCSIP_SCSI_WRITE_SAME_10 && op->opcode != ISCSIP_SCSI_WRITE_SAME_16;
}

static void with_fua_nothing_that_is_answered_is_volatile(void **state)
{
	struct asked a;
	unsigned k, asked = 0;
	int way;

	(void)state;
	EACH_BACKING(i) {
		for (k = 0; k < iscsip__disk_op_count; k++) {
			for (way = 0; way < 2; way++) {
				const struct disk_op *op = &iscsip__disk_ops[k];
				bool verifies = (op->opcode & 0x1f) == 0x0e && op->flags & OP_WRITE; /* WRITE AND VERIFY */
				struct rig *r = two_units(backings[i]);

				if ((has_fua(op) || verifies) && ask(r, &a, op, way)) {
					a.cdb[1] |= verifies ? 0 : ISCSIP_CDB_FUA;
					assert_stable(r, op, way, rig_run(r, 0, 0, a.cdb, op->len, a.data, a.len, 0));
					asked++;
				}
				rig_free(r);
			}
		}
	}
	assert_int_equal(asked, 3 * 2 * 9);
}

/* Bit 3 of byte 1 is a part of the address of WRITE(6); and without FUA nothing is flushed for nobody. */
static void what_asks_for_no_stability_costs_no_flush(void **state)
{
	uint8_t cdb[16] = { 0x0a, 0x08, 0, LBA, COUNT }, data[COUNT * 512] = { 1 };

	(void)state;
	EACH_BACKING(i) {
		struct iscsip_disk_lun_config lun = { .blocks = 0x90000 };
		struct iscsip_disk_config cfg;
		struct rig *r;

		iscsip_disk_config_init(&cfg, sizeof cfg);
		r = rig_new_with(backings[i], &lun, &cfg);
		assert_good(rig_run(r, 0, 0, cdb, 6, data, sizeof data, 0));
		assert_int_equal(r->unit[0].flushes, 0);
		assert_int_equal(rig_unstable(r, 0), sizeof data);
		assert_int_equal(r->unit[0].bytes[(0x80000 + LBA) * 512], 1);
		assert_good(rig_write(r, 0, 0, 8, 1));
		assert_int_equal(rig_unstable(r, 0), sizeof data + 8 * 512);
		rig_free(r);
	}
}

/* READ with FUA is about what is on the medium: what is only in the cache goes there first (SBC-3 5.8). */
static void what_is_read_from_the_medium_was_put_there_first(void **state)
{
	static const uint8_t ops[] = { 0x28, 0xa8, 0x88 };
	struct asked a;
	size_t k;

	(void)state;
	EACH_BACKING(i) {
		for (k = 0; k < sizeof ops; k++) {
			const struct disk_op *op = iscsip__disk_first_op(ops[k]);
			struct rig *r = rig_new(backings[i], 0);
			struct rig_cmd *c;

			assert_good(rig_write(r, 0, LBA, COUNT, 7));
			assert_int_equal(rig_unstable(r, 0), COUNT * 512);
			memset(&a, 0, sizeof a);
			a.cdb[0] = ops[k];
			ask_range(&a, op, COUNT);
			assert_good(rig_run(r, 0, 0, a.cdb, op->len, NULL, 0, COUNT * 512));
			assert_int_equal(rig_unstable(r, 0), COUNT * 512);
			a.cdb[1] = ISCSIP_CDB_FUA;
			c = rig_run(r, 0, 0, a.cdb, op->len, NULL, 0, COUNT * 512);
			assert_good(c);
			assert_int_equal(c->in_done, COUNT * 512);
			assert_int_equal(rig_unstable(r, 0), 0);
			rig_free(r);
		}
	}
}

/* --- MODE SELECT ---------------------------------------------------------------------------------------------- */

static void to_give_up_the_cache_makes_it_stable_first(void **state)
{
	(void)state;
	EACH_BACKING(i) {
		struct rig *r = rig_new(backings[i], 0);

		assert_good(rig_write(r, 0, 0, 8, 1));
		assert_int_equal(rig_unstable(r, 0), 8 * 512);
		assert_good(set_wce(r, 0, false));
		assert_int_equal(rig_unstable(r, 0), 0);
		assert_int_equal(r->unit[0].flushes, 1);
		rig_clear_attention(r);
		/* nothing to flush where nothing changes, or the cache comes into use */
		assert_good(set_wce(r, 0, false));
		assert_good(set_wce(r, 0, true));
		assert_good(set_wce(r, 0, true));
		assert_int_equal(r->unit[0].flushes, 1);
		rig_free(r);
	}
}

static void a_cache_that_cannot_be_made_stable_stays_in_use(void **state)
{
	static const uint8_t control[16] = { 0x15, 0x10, 0, 0, 36 };
	uint8_t list[36] = { 0, 0, 0, 0, 0x0a, 10, 4, 0x10 }, *caching = list + 16;
	struct rig *r = rig_new(RIG_SYNC, 0);

	(void)state;
	caching[0] = 0x08;
	caching[1] = 18;
	r->unit[0].fail = ISCSIP_STORAGE_BUSY;
	assert_int_equal(rig_run(r, 0, 0, control, 6, list, 36, 0)->status, ISCSIP_STATUS_BUSY);
	assert_true(told_wce(r, 0));
	assert_false(r->disk->luns[0].mode.d_sense); /* what failed has changed nothing */
	assert_int_equal(rig_tur(r, 1)->status, ISCSIP_STATUS_GOOD);
	r->unit[0].fail = 0;
	assert_good(rig_write(r, 0, 0, 1, 1));
	assert_int_equal(rig_unstable(r, 0), 512); /* and it is used */
	assert_good(rig_run(r, 0, 0, control, 6, list, 36, 0));
	assert_false(r->disk->luns[0].mode.wce);
	assert_true(r->disk->luns[0].mode.d_sense);
	rig_free(r);
}

/* A WRITE that was begun with WCE 1 and is answered after the change: whoever turned the cache off relies on it. */
static void writes_that_meet_the_change_are_stable_when_they_are_answered(void **state)
{
	static const uint8_t select[6] = { 0x15, 0x10, 0, 0, 24 };
	uint8_t list[24] = { 0, 0, 0, 0, 0x08, 18 }, cdb[16], data[512] = { 1 };
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	struct rig_cmd *w, *m, *late;

	(void)state;
	w = rig_begin(r, 0, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, 0, 1, 0), data, 512, 0, 1, false);
	while (rig_step(r))
		;
	assert_int_equal(r->pending_cnt, 1);
	m = rig_begin(r, 0, 0, select, 6, list, 24, 0, 1, false);
	while (rig_step(r))
		;
	assert_int_equal(r->pending_cnt, 2);
	late = rig_begin(r, 1, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, 5, 1, 0), data, 512, 0, 1, false);
	while (rig_step(r))
		;
	assert_int_equal(r->pending_cnt, 3);
	assert_int_equal(r->pending[2]->flags & ISCSIP_STORAGE_FUA, ISCSIP_STORAGE_FUA);
	rig_storage_run_reversed(r); /* the late WRITE, then the flush of MODE SELECT, then the early WRITE */
	assert_good(late);
	rig_storage_run_reversed(r);
	assert_good(m);
	assert_false(w->completed);
	rig_storage_run(r);
	assert_false(w->completed);
	rig_pump(r);
	assert_good(w);
	assert_int_equal(rig_unstable(r, 0), 0);
	rig_free(r);
}

/* Two that change at once: neither undoes the other, and what is told is what is done. */
static void mode_parameters_set_while_the_cache_is_flushed_are_kept(void **state)
{
	static const uint8_t select[6] = { 0x15, 0x10, 0, 0, 24 }, control[6] = { 0x15, 0x10, 0, 0, 16 };
	uint8_t list[24] = { 0, 0, 0, 0, 0x08, 18 }, d_sense[16] = { 0, 0, 0, 0, 0x0a, 10, 4, 0x10 };
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	struct rig_cmd *m, *other;

	(void)state;
	m = rig_begin(r, 0, 0, select, 6, list, 24, 0, 1, false);
	while (rig_step(r))
		;
	assert_int_equal(r->pending_cnt, 1);
	assert_true(r->disk->luns[0].mode.wce);
	other = rig_begin(r, 1, 0, control, 6, d_sense, 16, 0, 1, false);
	while (rig_step(r))
		;
	assert_good(other);
	rig_pump(r);
	assert_good(m);
	assert_false(r->disk->luns[0].mode.wce);
	assert_true(r->disk->luns[0].mode.d_sense);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_wce_0_nothing_that_is_answered_is_volatile),
		cmocka_unit_test(a_copy_follows_the_cache_of_the_unit_that_it_writes_to),
		cmocka_unit_test(nothing_is_copied_onto_a_unit_that_is_failed),
		cmocka_unit_test(with_fua_nothing_that_is_answered_is_volatile),
		cmocka_unit_test(what_asks_for_no_stability_costs_no_flush),
		cmocka_unit_test(what_is_read_from_the_medium_was_put_there_first),
		cmocka_unit_test(to_give_up_the_cache_makes_it_stable_first),
		cmocka_unit_test(a_cache_that_cannot_be_made_stable_stays_in_use),
		cmocka_unit_test(writes_that_meet_the_change_are_stable_when_they_are_answered),
		cmocka_unit_test(mode_parameters_set_while_the_cache_is_flushed_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
