/* SPDX-License-Identifier: MIT */
/*
 * Commands that compare, repeat or give back blocks: VERIFY, COMPARE AND WRITE, ORWRITE, WRITE ATOMIC, WRITE SAME, UNMAP, GET
 * LBA STATUS; each over each kind of storage, and with parameters that are cut, too long, or lie.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_rig.h"

#include "base/bytes.h"
#include "disk/disk.h"

#define EACH_BACKING(b) for (enum rig_backing b = RIG_RAM; b <= RIG_DEFERRED; b++)

static struct rig_cmd *rw16(struct rig *r, uint8_t op, uint8_t flags, uint64_t lba, uint32_t n, const void *data, uint32_t len)
{
	uint8_t cdb[16] = { op, flags };

	store_be64(cdb + 2, lba);
	store_be32(cdb + 10, n);
	return rig_run(r, 0, 0, cdb, 16, data, len, 0);
}

static void fill(struct rig *r, uint64_t lba, uint32_t n, uint8_t value)
{
	memset(r->unit[0].bytes + lba * 512, value, n * 512);
	if (r->unit[0].backing == RIG_RAM)
		iscsip_ram_ops()->pin(&r->unit[0].ram, lba * 512, n * 512, true, &(struct iscsip_vec){ 0 }, 1);
	else
		memset(r->unit[0].bitmap + lba, 1, n);
}

/* --- VERIFY --------------------------------------------------------------------------------------------------- */

static void verify_compares_every_byte_and_names_the_block(void **state)
{
	uint8_t data[20 * 512];
	uint32_t at;

	(void)state;
	EACH_BACKING(b) {
		struct rig *r = rig_new(b, 0);

		fill(r, 10, 20, 0x31);
		memset(data, 0x31, sizeof data);
		assert_good(rw16(r, 0x8f, 0x02, 10, 20, data, sizeof data));
		for (at = 0; at < sizeof data; at += 911) {
			struct rig_cmd *c;

			data[at] ^= 1;
			c = rw16(r, 0x8f, 0x02, 10, 20, data, sizeof data);
			assert_check(c, ISCSIP_SENSE_MISCOMPARE, ISCSIP_ASC_MISCOMPARE);
			assert_true(c->sense.info == 10 + at / 512);
			data[at] ^= 1;
		}
		rig_free(r);
	}
}

static void verify_without_bytes_only_reads_the_medium(void **state)
{
	(void)state;
	EACH_BACKING(b) {
		struct rig *r = rig_new(b, 0);

		assert_good(rw16(r, 0x8f, 0, 0, 2048, NULL, 0));
		r->unit[0].fail = ISCSIP_STORAGE_IO_ERROR;
		r->unit[0].fail_at = 1000 * 512;
		assert_check(rw16(r, 0x8f, 0, 0, 2048, NULL, 0), ISCSIP_SENSE_MEDIUM_ERROR, ISCSIP_ASC_READ_ERROR);
		assert_check(rw16(r, 0x8f, 0, 2000, 49, NULL, 0), 5, ISCSIP_ASC_LBA_OUT_OF_RANGE);
		rig_free(r);
	}
}

static void verify_of_one_block_against_many(void **state)
{
	uint8_t data[512];

	(void)state;
	memset(data, 0x44, sizeof data);
	EACH_BACKING(b) {
		struct rig *r = rig_new(b, 0);

		fill(r, 0, 2048, 0x44);
		assert_good(rw16(r, 0x8f, 0x06, 0, 2048, data, 512));
		r->unit[0].bytes[2047 * 512 + 511] = 0;
		assert_check(rw16(r, 0x8f, 0x06, 0, 2048, data, 512), ISCSIP_SENSE_MISCOMPARE, ISCSIP_ASC_MISCOMPARE);
		assert_good(rw16(r, 0x8f, 0x06, 0, 2047, data, 512));
		assert_cdb_field(rw16(r, 0x8f, 0x04, 0, 1, data, 512), 1);
		rig_free(r);
	}
}

static void verify_wants_the_data_that_its_cdb_says(void **state)
{
	uint8_t data[1024] = { 0 };
	struct rig *r = rig_new(RIG_SYNC, 0);

	(void)state;
	assert_check(rw16(r, 0x8f, 0x02, 0, 2, data, 512), 5, ISCSIP_ASC_INVALID_FIELD_IN_UNIT);
	assert_check(rw16(r, 0x8f, 0x02, 0, 1, data, 1024), 5, ISCSIP_ASC_INVALID_FIELD_IN_UNIT);
	assert_good(rw16(r, 0x8f, 0x02, 0, 0, NULL, 0));
	/* more than all buffers hold is refused, and not BUSY for ever */
	assert_cdb_field(rw16(r, 0x8f, 0x02, 0, 2048, data, 1024), 10);
	rig_free(r);
}

/* --- COMPARE AND WRITE ---------------------------------------------------------------------------------------- */

static struct rig_cmd *caw(struct rig *r, uint64_t lba, uint8_t n, const void *data, uint32_t len)
{
	uint8_t cdb[16] = { 0x89 };

	store_be64(cdb + 2, lba);
	cdb[13] = n;
	return rig_run(r, 0, 0, cdb, 16, data, len, 0);
}

static void compare_and_write_writes_only_what_compares(void **state)
{
	uint8_t data[2 * 9 * 512];

	(void)state;
	EACH_BACKING(b) {
		struct rig *r = rig_new(b, 0);
		struct rig_cmd *c;

		fill(r, 7, 9, 0x01);
		memset(data, 0x01, 9 * 512);
		memset(data + 9 * 512, 0x02, 9 * 512);
		assert_good(caw(r, 7, 9, data, sizeof data));
		assert_memory_equal(r->unit[0].bytes + 7 * 512, data + 9 * 512, 9 * 512);
		assert_int_equal(r->unit[0].bytes[7 * 512 - 1], 0);
		assert_int_equal(r->unit[0].bytes[16 * 512], 0);
		/* now the medium holds 2 */
		data[8 * 512 + 17] = 0x02;
		memset(data, 0x02, 8 * 512 + 17);
		c = caw(r, 7, 9, data, sizeof data);
		assert_check(c, ISCSIP_SENSE_MISCOMPARE, ISCSIP_ASC_MISCOMPARE);
		assert_true(c->sense.info_valid && c->sense.info == 8 * 512 + 18);
		assert_int_equal(r->unit[0].bytes[7 * 512], 0x02);
		rig_free(r);
	}
}

static void compare_and_write_keeps_its_limits(void **state)
{
	uint8_t *data = calloc(2, 129 * 512);

	(void)state;
	EACH_BACKING(b) {
		struct rig *r = rig_new(b, 0);
		uint32_t most = r->disk->luns[0].cfg.max_compare;

		assert_in_range(most, 1, 128);
		assert_good(caw(r, 0, (uint8_t)most, data, 2 * most * 512));
		assert_cdb_field(caw(r, 0, (uint8_t)(most + 1), data, 2 * (most + 1) * 512), 13);
		assert_cdb_field(caw(r, 0, 2, data, 2 * 512), 13);
		assert_cdb_field(caw(r, 0, 1, data, 4 * 512), 13);
		assert_cdb_field(caw(r, 0, 0, data, 512), 13);
		assert_good(caw(r, 0, 0, NULL, 0));
		assert_check(caw(r, 2048, 1, data, 1024), 5, ISCSIP_ASC_LBA_OUT_OF_RANGE);
		rig_free(r);
	}
	free(data);
}

static void a_compare_and_write_that_cannot_read_or_write_says_so(void **state)
{
	uint8_t data[1024] = { 0 };
	struct rig *r = rig_new(RIG_DEFERRED, 0);

	(void)state;
	r->unit[0].fail = ISCSIP_STORAGE_IO_ERROR;
	assert_check(caw(r, 0, 1, data, 1024), ISCSIP_SENSE_MEDIUM_ERROR, ISCSIP_ASC_READ_ERROR);
	rig_free(r);
}

/* --- ORWRITE, WRITE ATOMIC ------------------------------------------------------------------------------------ */

static void orwrite_adds_bits(void **state)
{
	uint8_t data[40 * 512];
	uint32_t i;

	(void)state;
	EACH_BACKING(b) {
		struct rig *r = rig_new(b, 0);

		fill(r, 3, 40, 0x50);
		for (i = 0; i < sizeof data; i++)
			data[i] = (uint8_t)(i % 7);
		assert_good(rw16(r, 0x8b, 0, 3, 40, data, sizeof data));
		for (i = 0; i < sizeof data; i++)
			assert_int_equal(r->unit[0].bytes[3 * 512 + i], 0x50 | i % 7);
		assert_check(rw16(r, 0x8b, 0, 3, 40, data, 512), 5, ISCSIP_ASC_INVALID_FIELD_IN_UNIT);
		rig_free(r);
	}
}

static struct rig_cmd *atomic(struct rig *r, uint64_t lba, uint16_t boundary, uint16_t n, const void *data, uint32_t len)
{
	uint8_t cdb[16] = { 0x9c };

	store_be64(cdb + 2, lba);
	store_be16(cdb + 10, boundary);
	store_be16(cdb + 12, n);
	return rig_run(r, 0, 0, cdb, 16, data, len, 0);
}

static void write_atomic_is_one_write_or_none(void **state)
{
	uint8_t data[32 * 512];
	struct rig *r = rig_new(RIG_DEFERRED, 0);

	(void)state;
	memset(data, 0x99, sizeof data);
	assert_good(atomic(r, 5, 0, 32, data, sizeof data));
	assert_int_equal(r->unit[0].writes, 1);
	assert_memory_equal(r->unit[0].bytes + 5 * 512, data, sizeof data);
	assert_check(atomic(r, 0, 0, 32, data, 31 * 512), 5, ISCSIP_ASC_INVALID_FIELD_IN_UNIT);
	assert_cdb_field(atomic(r, 0, 8, 32, data, sizeof data), 10);
	assert_cdb_field(atomic(r, 0, 0, (uint16_t)(r->disk->luns[0].cfg.max_atomic + 1), data, sizeof data), 12);
	assert_int_equal(r->unit[0].writes, 1);
	rig_free(r);
}

/* --- WRITE SAME ----------------------------------------------------------------------------------------------- */

static void write_same_repeats_its_block(void **state)
{
	uint8_t data[512];
	uint32_t i;

	(void)state;
	EACH_BACKING(b) {
		struct rig *r = rig_new(b, 0);

		for (i = 0; i < sizeof data; i++)
			data[i] = (uint8_t)i;
		assert_good(rw16(r, 0x93, 0, 1, 100, data, 512));
		for (i = 0; i < 2048; i++) {
			const uint8_t *block = r->unit[0].bytes + i * 512;

			if (i >= 1 && i < 101)
				assert_memory_equal(block, data, 512);
			else
				assert_int_equal(block[1], 0);
		}
		/* no count means all that follow */
		assert_good(rw16(r, 0x93, 0, 2000, 0, data, 512));
		assert_int_equal(r->unit[0].bytes[2047 * 512 + 5], 5);
		assert_int_equal(r->unit[0].bytes[1999 * 512 + 5], 0);
		rig_free(r);
	}
}

static void write_same_of_zeroes_writes_no_bytes(void **state)
{
	uint8_t zero[512] = { 0 };

	(void)state;
	EACH_BACKING(b) {
		struct rig *r = rig_new(b, 0);

		fill(r, 0, 2048, 0xee);
		assert_good(rw16(r, 0x93, 0, 0, 1024, zero, 512));
		assert_int_equal(r->unit[0].zeroes, 1);
		assert_good(rw16(r, 0x93, 0x01, 1024, 1024, NULL, 0)); /* NDOB */
		assert_int_equal(r->unit[0].zeroes, 2);
		assert_int_equal(r->unit[0].writes, 0);
		assert_int_equal(r->unit[0].bytes[0] | r->unit[0].bytes[2047 * 512], 0);
		rig_free(r);
	}
}

static void zeroes_are_written_where_the_storage_knows_no_better(void **state)
{
	uint8_t zero[512] = { 0 };
	struct rig *r = rig_new(RIG_SYNC, 0);

	(void)state;
	r->unit[0].ops.write_zeroes = NULL;
	fill(r, 0, 2048, 0xee);
	assert_good(rw16(r, 0x93, 0, 10, 30, zero, 512));
	assert_good(rw16(r, 0x93, 0x01, 100, 30, NULL, 0));
	assert_int_equal(r->unit[0].bytes[39 * 512], 0);
	assert_int_equal(r->unit[0].bytes[40 * 512], 0xee);
	assert_int_equal(r->unit[0].bytes[129 * 512 + 511], 0);
	assert_int_equal(r->unit[0].bytes[130 * 512], 0xee);
	rig_free(r);
}

static void write_same_unmaps_zeroes_but_never_loses_a_pattern(void **state)
{
	uint8_t zero[512] = { 0 }, pattern[512];

	(void)state;
	memset(pattern, 0x7e, sizeof pattern);
	EACH_BACKING(b) {
		struct rig *r = rig_new(b, ISCSIP_LUN_THIN);

		fill(r, 0, 64, 0x11);
		assert_good(rw16(r, 0x93, 0x08, 0, 32, zero, 512));
		assert_int_equal(r->unit[0].unmaps, 1);
		assert_int_equal(r->unit[0].bytes[31 * 512], 0);
		assert_good(rw16(r, 0x93, 0x08, 32, 32, pattern, 512));
		assert_int_equal(r->unit[0].unmaps, 1);
		assert_memory_equal(r->unit[0].bytes + 63 * 512, pattern, 512);
		/* ANCHOR without UNMAP, and where it is not offered */
		assert_cdb_field(rw16(r, 0x93, 0x10, 0, 1, zero, 512), 1);
		assert_cdb_field(rw16(r, 0x93, 0x18, 0, 1, zero, 512), 1);
		rig_free(r);
		r = rig_new(b, ISCSIP_LUN_THIN | ISCSIP_LUN_ANCHOR);
		assert_cdb_field(rw16(r, 0x93, 0x10, 0, 1, zero, 512), 1);
		assert_good(rw16(r, 0x93, 0x18, 0, 1, zero, 512));
		rig_free(r);
		r = rig_new(b, 0);
		assert_cdb_field(rw16(r, 0x93, 0x08, 0, 1, zero, 512), 1);
		rig_free(r);
	}
}

static void write_same_wants_one_block_exactly(void **state)
{
	uint8_t data[1024] = { 1 };
	struct rig *r = rig_new(RIG_RAM, 0);

	(void)state;
	assert_check(rw16(r, 0x93, 0, 0, 4, data, 1024), 5, ISCSIP_ASC_INVALID_FIELD_IN_UNIT);
	assert_check(rw16(r, 0x93, 0, 0, 4, data, 256), 5, ISCSIP_ASC_INVALID_FIELD_IN_UNIT);
	assert_check(rw16(r, 0x93, 0, 0, 4, NULL, 0), 5, ISCSIP_ASC_INVALID_FIELD_IN_UNIT);
	assert_check(rw16(r, 0x93, 0, 2047, 2, data, 512), 5, ISCSIP_ASC_LBA_OUT_OF_RANGE);
	assert_int_equal(r->unit[0].bytes[0], 0);
	rig_free(r);
}

static void a_long_write_same_gives_way_and_can_be_aborted(void **state)
{
	struct iscsip_disk_lun_config lun = { .blocks = 16384 };
	struct iscsip_disk_config cfg;
	uint8_t cdb[16] = { 0x93 }, data[512];
	struct rig_cmd *c;
	struct rig *r;

	(void)state;
	memset(data, 0x12, sizeof data);
	iscsip_disk_config_init(&cfg, sizeof cfg);
	r = rig_new_with(RIG_RAM, &lun, &cfg);
	store_be32(cdb + 10, 16384);
	r->no_work = true;
	c = rig_begin(r, 0, 0, cdb, 16, data, 512, 0, 1, false);
	rig_pump(r);
	assert_false(c->completed);
	assert_int_equal(r->woken, 1);
	/* other blocks can be used meanwhile */
	assert_good(rig_read(r, 1, 16000, 8));
	rig_abort(c);
	assert_int_equal(c->completions, 1);
	assert_int_equal(r->unit[0].bytes[16383 * 512], 0);
	r->no_work = false;
	assert_good(rig_run(r, 0, 0, cdb, 16, data, 512, 0));
	assert_int_equal(r->unit[0].bytes[16383 * 512], 0x12);
	rig_free(r);
}

/* --- UNMAP, GET LBA STATUS ------------------------------------------------------------------------------------ */

static struct rig_cmd *unmap(struct rig *r, const uint8_t *list, uint32_t cdb_len, uint32_t len)
{
	uint8_t cdb[10] = { 0x42 };

	store_be16(cdb + 7, (uint16_t)cdb_len);
	return rig_run(r, 0, 0, cdb, 10, list, len, 0);
}

static uint32_t unmap_list(uint8_t *p, int n, ...)
{
	va_list ap;
	int i;

	va_start(ap, n);
	memset(p, 0, 8 + 16 * (size_t)n);
	store_be16(p, (uint16_t)(6 + 16 * n));
	store_be16(p + 2, (uint16_t)(16 * n));
	for (i = 0; i < n; i++) {
		store_be64(p + 8 + 16 * i, va_arg(ap, uint64_t));
		store_be32(p + 16 + 16 * i, va_arg(ap, uint32_t));
	}
	va_end(ap);
	return 8 + 16 * (uint32_t)n;
}

static void unmap_gives_ranges_back(void **state)
{
	uint8_t list[256];

	(void)state;
	EACH_BACKING(b) {
		struct rig *r = rig_new(b, ISCSIP_LUN_THIN);
		uint32_t len, i;

		fill(r, 0, 2048, 0xab);
		len = unmap_list(list, 3, (uint64_t)10, 5u, (uint64_t)0, 0u, (uint64_t)2040, 8u);
		assert_good(unmap(r, list, len, len));
		assert_int_equal(r->unit[0].unmaps, 2);
		for (i = 0; i < 2048; i++)
			assert_int_equal(r->unit[0].bytes[i * 512], (i >= 10 && i < 15) || i >= 2040 ? 0 : 0xab);
		assert_good(unmap(r, NULL, 0, 0));
		rig_free(r);
	}
}

static void an_unmap_with_one_bad_descriptor_unmaps_nothing(void **state)
{
	uint8_t list[256];
	struct rig *r = rig_new(RIG_RAM, ISCSIP_LUN_THIN);
	uint32_t len;

	(void)state;
	fill(r, 0, 2048, 0xab);
	len = unmap_list(list, 2, (uint64_t)10, 5u, (uint64_t)2047, 2u);
	assert_check(unmap(r, list, len, len), 5, ISCSIP_ASC_LBA_OUT_OF_RANGE);
	len = unmap_list(list, 2, (uint64_t)10, 5u, UINT64_MAX, 2u);
	assert_check(unmap(r, list, len, len), 5, ISCSIP_ASC_LBA_OUT_OF_RANGE);
	assert_int_equal(r->unit[0].unmaps, 0);
	assert_int_equal(r->unit[0].bytes[10 * 512], 0xab);
	rig_free(r);
}

static void unmap_lists_are_read_as_far_as_all_lengths_agree(void **state)
{
	uint8_t list[256];
	struct rig *r = rig_new(RIG_RAM, ISCSIP_LUN_THIN);
	uint32_t len = unmap_list(list, 3, (uint64_t)1, 1u, (uint64_t)2, 1u, (uint64_t)3, 1u), cut;

	(void)state;
	for (cut = 1; cut < len; cut++) {
		struct rig_cmd *c;

		r->unit[0].unmaps = 0;
		c = unmap(r, list, cut, cut);
		if (cut < 8) {
			assert_check(c, 5, ISCSIP_ASC_PARAMETER_LIST_LENGTH);
		} else {
			assert_good(c);
			assert_int_equal(r->unit[0].unmaps, (cut - 8) / 16);
		}
	}
	/* the CDB says more than the initiator sends; the list says more than there is */
	assert_check(unmap(r, list, len + 8, len), 5, ISCSIP_ASC_PARAMETER_LIST_LENGTH);
	store_be16(list + 2, 0xffff);
	r->unit[0].unmaps = 0;
	assert_good(unmap(r, list, len, len));
	assert_int_equal(r->unit[0].unmaps, 3);
	store_be16(list + 2, 0);
	assert_good(unmap(r, list, len, len));
	assert_int_equal(r->unit[0].unmaps, 3);
	rig_free(r);
}

static void unmap_keeps_the_limits_of_the_page_b0(void **state)
{
	struct iscsip_disk_lun_config lun = { .blocks = 2048, .flags = ISCSIP_LUN_THIN, .max_unmap = 10, .max_unmap_descriptors = 2 };
	struct iscsip_disk_config cfg;
	uint8_t list[256];
	struct rig *r;
	uint32_t len;

	(void)state;
	iscsip_disk_config_init(&cfg, sizeof cfg);
	r = rig_new_with(RIG_RAM, &lun, &cfg);
	len = unmap_list(list, 3, (uint64_t)1, 1u, (uint64_t)2, 1u, (uint64_t)3, 1u);
	assert_parameter_field(unmap(r, list, len, len), 2);
	len = unmap_list(list, 2, (uint64_t)1, 5u, (uint64_t)20, 6u);
	assert_parameter_field(unmap(r, list, len, len), 8 + 16 + 8);
	len = unmap_list(list, 2, (uint64_t)1, 5u, (uint64_t)20, 5u);
	assert_good(unmap(r, list, len, len));
	rig_free(r);
}

static void lba_status_tells_the_extents(void **state)
{
	uint8_t cdb[16] = { 0x9e, 0x12 };

	(void)state;
	EACH_BACKING(b) {
		struct rig *r = rig_new(b, ISCSIP_LUN_THIN);
		struct rig_cmd *c;

		fill(r, 100, 50, 1);
		store_be64(cdb + 2, 90);
		store_be32(cdb + 10, 8 + 3 * 16);
		c = rig_run(r, 0, 0, cdb, 16, NULL, 0, 8 + 3 * 16);
		assert_good(c);
		assert_int_equal(c->in_done, 8 + 3 * 16);
		assert_int_equal(load_be32(c->in), 4 + 3 * 16);
		assert_true(load_be64(c->in + 8) == 90 && load_be32(c->in + 16) == 10);
		assert_int_equal(c->in[20], ISCSIP_PROVISIONING_DEALLOCATED);
		assert_true(load_be64(c->in + 24) == 100 && load_be32(c->in + 32) == 50);
		assert_int_equal(c->in[36], ISCSIP_PROVISIONING_MAPPED);
		assert_true(load_be64(c->in + 40) == 150 && load_be32(c->in + 48) == 2048 - 150);
		store_be64(cdb + 2, 2048);
		assert_check(rig_run(r, 0, 0, cdb, 16, NULL, 0, 56), 5, ISCSIP_ASC_LBA_OUT_OF_RANGE);
		rig_free(r);
	}
}

/* The storage is asked for one extent after the other; the unit shrinks in between. */
static void lba_status_stays_within_a_unit_that_shrinks(void **state)
{
	static const uint64_t sizes[] = { 150, 120, 95, 90, 50, 1 };
	uint8_t cdb[16] = { 0x9e, 0x12 };
	unsigned i, answers;

	(void)state;
	store_be64(cdb + 2, 90);
	store_be32(cdb + 10, 8 + 3 * 16);
	for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		for (answers = 0; answers < 3; answers++) {
			struct rig *r = rig_new(RIG_DEFERRED, ISCSIP_LUN_THIN);
			struct rig_cmd *c;
			unsigned k;

			fill(r, 100, 50, 1);
			c = rig_begin(r, 0, 0, cdb, 16, NULL, 0, 8 + 3 * 16, ISCSIP_ATTR_SIMPLE, false);
			for (k = 0; k < answers; k++)
				rig_storage_run(r);
			assert_int_equal(iscsip_disk_lun_resize(r->disk, 0, sizes[i]), ISCSIP_OK);
			rig_pump(r);
			assert_good(c);
			/* what the storage has told by now, and no extent that begins beyond the end but the first */
			assert_true(load_be64(c->in + 8) == 90 && load_be32(c->in + 16) >= 1);
			if (c->in_done > 24)
				assert_true(load_be64(c->in + 24) < (answers > 1 ? 2048 : sizes[i]));
			rig_free(r);
		}
	}
}

static void pre_fetch_meets_its_condition(void **state)
{
	static const uint8_t cdb[10] = { 0x34, 0x02, 0, 0, 0, 4, 0, 0, 8 }, beyond[10] = { 0x34, 0, 0, 0, 0x08, 0, 0, 0, 1 };

	(void)state;
	EACH_BACKING(b) {
		struct rig *r = rig_new(b, 0);

		assert_int_equal(rig_run(r, 0, 0, cdb, 10, NULL, 0, 0)->status, ISCSIP_STATUS_CONDITION_MET);
		assert_check(rig_run(r, 0, 0, beyond, 10, NULL, 0, 0), 5, ISCSIP_ASC_LBA_OUT_OF_RANGE);
		rig_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verify_compares_every_byte_and_names_the_block),
		cmocka_unit_test(verify_without_bytes_only_reads_the_medium),
		cmocka_unit_test(verify_of_one_block_against_many),
		cmocka_unit_test(verify_wants_the_data_that_its_cdb_says),
		cmocka_unit_test(compare_and_write_writes_only_what_compares),
		cmocka_unit_test(compare_and_write_keeps_its_limits),
		cmocka_unit_test(a_compare_and_write_that_cannot_read_or_write_says_so),
		cmocka_unit_test(orwrite_adds_bits),
		cmocka_unit_test(write_atomic_is_one_write_or_none),
		cmocka_unit_test(write_same_repeats_its_block),
		cmocka_unit_test(write_same_of_zeroes_writes_no_bytes),
		cmocka_unit_test(zeroes_are_written_where_the_storage_knows_no_better),
		cmocka_unit_test(write_same_unmaps_zeroes_but_never_loses_a_pattern),
		cmocka_unit_test(write_same_wants_one_block_exactly),
		cmocka_unit_test(a_long_write_same_gives_way_and_can_be_aborted),
		cmocka_unit_test(unmap_gives_ranges_back),
		cmocka_unit_test(an_unmap_with_one_bad_descriptor_unmaps_nothing),
		cmocka_unit_test(unmap_lists_are_read_as_far_as_all_lengths_agree),
		cmocka_unit_test(unmap_keeps_the_limits_of_the_page_b0),
		cmocka_unit_test(lba_status_tells_the_extents),
		cmocka_unit_test(lba_status_stays_within_a_unit_that_shrinks),
		cmocka_unit_test(pre_fetch_meets_its_condition),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
