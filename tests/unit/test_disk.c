/* SPDX-License-Identifier: MIT */
/*
 * The disk as a device server: reading and writing over each kind of storage, residuals, limits, what is refused and with
 * which sense, resources that run out, aborts, units that come and go.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_rig.h"

#include "base/bytes.h"
#include "disk/disk.h"

static const enum rig_backing backings[] = { RIG_RAM, RIG_SYNC, RIG_DEFERRED };
#define EACH_BACKING(b) \
	for (size_t at_ = 0; at_ < 3; at_++) \
		for (enum rig_backing b = backings[at_], *once_ = &b; once_; once_ = NULL)

static void what_is_written_is_read_back_over_every_storage(void **state)
{
	(void)state;
	EACH_BACKING(b) {
		struct rig *r = rig_new(b, 0);
		struct rig_cmd *c;
		uint32_t i;

		assert_good(rig_write(r, 0, 3, 9, 0x11));
		assert_good(rig_write(r, 0, 5, 2, 0x22));
		c = rig_read(r, 1, 2, 11);
		assert_good(c);
		assert_int_equal(c->in_done, 11 * 512);
		for (i = 0; i < 11 * 512; i++)
			assert_int_equal(c->in[i], i < 512 || i >= 10 * 512 ? 0 : i / 512 >= 3 && i / 512 < 5 ? 0x22 : 0x11);
		rig_free(r);
	}
}

static void every_form_of_read_and_write_reaches_the_same_block(void **state)
{
	static const uint8_t writes[][16] = {
		{ 0x0a, 0, 0, 7, 1 }, { 0x2a, 0, 0, 0, 0, 7, 0, 0, 1 }, { 0xaa, 0, 0, 0, 0, 7, 0, 0, 0, 1 },
		{ 0x8a, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1 }, { 0x2e, 0, 0, 0, 0, 7, 0, 0, 1 },
		{ 0xae, 0, 0, 0, 0, 7, 0, 0, 0, 1 }, { 0x8e, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1 },
		{ 0x9c, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1 },
	};
	static const uint8_t reads[][16] = {
		{ 0x08, 0, 0, 7, 1 }, { 0x28, 0, 0, 0, 0, 7, 0, 0, 1 }, { 0xa8, 0, 0, 0, 0, 7, 0, 0, 0, 1 },
		{ 0x88, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1 },
	};

	(void)state;
	EACH_BACKING(b) {
		struct rig *r = rig_new(b, 0);
		size_t i;

		for (i = 0; i < sizeof writes / sizeof writes[0]; i++) {
			uint8_t data[512];
			struct rig_cmd *c;

			memset(data, (int)i + 1, sizeof data);
			assert_good(rig_run(r, 0, 0, writes[i], 16, data, 512, 0));
			c = rig_run(r, 0, 0, reads[i % 4], 16, NULL, 0, 512);
			assert_good(c);
			assert_memory_equal(c->in, data, 512);
			assert_int_equal(r->unit[0].bytes[6 * 512 + 511], 0);
			assert_int_equal(r->unit[0].bytes[8 * 512], 0);
		}
		rig_free(r);
	}
}

static void read_6_and_write_6_of_no_count_mean_256_blocks(void **state)
{
	static const uint8_t cdb[6] = { 0x08, 0, 0, 0, 0 };
	struct rig *r = rig_new(RIG_RAM, 0);
	struct rig_cmd *c = rig_run(r, 0, 0, cdb, 6, NULL, 0, 256 * 512);

	(void)state;
	assert_good(c);
	assert_int_equal(c->in_done, 256 * 512);
	rig_free(r);
}

static void memory_is_sent_and_filled_without_a_buffer(void **state)
{
	struct rig *r = rig_new(RIG_RAM, 0);
	uint8_t cdb[16], data[1024];
	struct rig_cmd *c;

	(void)state;
	memset(data, 0x77, sizeof data);
	c = rig_begin(r, 0, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, 4, 2, 0), data, 1024, 0, ISCSIP_ATTR_SIMPLE, true);
	assert_int_equal(c->vec_cnt, 1);
	assert_ptr_equal(c->vec[0].base, r->unit[0].bytes + 4 * 512);
	assert_int_equal(r->unit[0].pins, 1);
	rig_exec(c);
	rig_pump(r);
	assert_good(c);
	assert_int_equal(r->disk->buffers_free, r->cfg.buffer_count);
	assert_memory_equal(r->unit[0].bytes + 4 * 512, data, 1024);
	rig_free(r);
}

static void a_range_past_the_end_is_refused_and_nothing_is_written(void **state)
{
	static const struct {
		uint64_t lba;
		uint32_t blocks;
		bool good;
	} ranges[] = {
		{ 2047, 1, true }, { 2048, 1, false }, { 2047, 2, false }, { 0, 2049, false }, { 2048, 0, true },
		{ 2049, 0, false }, { UINT64_MAX, 1, false }, { UINT64_MAX, 0, false }, { UINT64_MAX - 1, 8, false },
		{ 0xffffffffu, 1, false },
	};

	(void)state;
	EACH_BACKING(b) {
		struct rig *r = rig_new(b, 0);
		size_t i;

		for (i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
			struct rig_cmd *c = rig_read(r, 0, ranges[i].lba, ranges[i].blocks);

			if (ranges[i].good)
				assert_good(c);
			else
				assert_check(c, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_LBA_OUT_OF_RANGE);
			c = rig_write(r, 0, ranges[i].lba, ranges[i].blocks, 0xff);
			if (!ranges[i].good) {
				assert_check(c, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_LBA_OUT_OF_RANGE);
				assert_true(c->sense.info == (ranges[i].lba < 2048 ? 2048 : ranges[i].lba) ||
					    !c->sense.info_valid);
			}
		}
		assert_int_equal(r->unit[0].bytes[2046 * 512], 0);
		rig_free(r);
	}
}

static void a_read_tells_all_of_its_data_and_sends_what_there_is_room_for(void **state)
{
	uint8_t cdb[16];

	(void)state;
	EACH_BACKING(b) {
		struct rig *r = rig_new(b, 0);
		size_t len = iscsip_cdb_rw(cdb, ISCSIP_CDB_READ, 0, 2, 0);
		struct rig_cmd *c = rig_run(r, 0, 0, cdb, len, NULL, 0, 700);

		assert_good(c);
		assert_int_equal(c->in_done, 700);
		assert_true(c->in_total == 1024);
		c = rig_run(r, 0, 0, cdb, len, NULL, 0, 4096);
		assert_good(c);
		assert_int_equal(c->in_done, 1024);
		assert_true(c->in_total == 1024);
		c = rig_run(r, 0, 0, cdb, len, NULL, 0, 0);
		assert_good(c);
		assert_true(c->in_total == 1024);
		rig_free(r);
	}
}

static void a_write_takes_what_both_sides_agree_on(void **state)
{
	static const uint32_t sends[] = { 0, 100, 512, 700, 1024, 5000 };
	uint8_t cdb[16], data[5000];

	(void)state;
	memset(data, 0xbb, sizeof data);
	EACH_BACKING(b) {
		size_t i;

		for (i = 0; i < sizeof sends / sizeof sends[0]; i++) {
			struct rig *r = rig_new(b, 0);
			uint32_t took = sends[i] < 1024 ? sends[i] : 1024, k;
			struct rig_cmd *c;

			memset(r->unit[0].bytes, 0xaa, 4096);
			c = rig_run(r, 0, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, 1, 2, 0), data, sends[i], 0);
			assert_good(c);
			assert_true(c->out_total == 1024);
			for (k = 0; k < 4096; k++)
				assert_int_equal(r->unit[0].bytes[k], k >= 512 && k < 512 + took ? 0xbb : 0xaa);
			rig_free(r);
		}
	}
}

static void a_transfer_beyond_the_limit_is_refused(void **state)
{
	struct rig *r = rig_new(RIG_SYNC, 0);
	struct rig_cmd *c = rig_read(r, 0, 0, 257);

	(void)state;
	/* 32 pieces of 4 KiB are 256 blocks */
	assert_cdb_field(c, 7);
	assert_good(rig_read(r, 0, 0, 256));
	assert_cdb_field(rig_write(r, 0, 0, 257, 1), 7);
	assert_good(rig_write(r, 0, 0, 256, 1));
	rig_free(r);
}

static void units_that_are_not_there_answer_as_spc4_wants(void **state)
{
	uint8_t cdb[16];
	struct rig *r = rig_new(RIG_RAM, 0);
	struct rig_cmd *c;

	(void)state;
	c = rig_run(r, 0, 9, cdb, iscsip_cdb_inquiry(cdb, -1, 96), NULL, 0, 96);
	assert_good(c);
	assert_int_equal(c->in[0], 0x7f);
	assert_check(rig_run(r, 0, 9, cdb, iscsip_cdb_test_unit_ready(cdb), NULL, 0, 0), 5, ISCSIP_ASC_LUN_NOT_SUPPORTED);
	assert_check(rig_run(r, 0, 9, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_READ, 0, 1, 0), NULL, 0, 512), 5,
		     ISCSIP_ASC_LUN_NOT_SUPPORTED);
	c = rig_run(r, 0, ISCSIP_LUN_REPORT_LUNS, cdb, iscsip_cdb_report_luns(cdb, 64), NULL, 0, 64);
	assert_good(c);
	assert_int_equal(c->in_done, 16);
	assert_check(rig_run(r, 0, ISCSIP_LUN_REPORT_LUNS, cdb, iscsip_cdb_read_capacity_10(cdb), NULL, 0, 8), 5,
		     ISCSIP_ASC_INVALID_OPCODE);
	assert_good(rig_run(r, 0, ISCSIP_LUN_REPORT_LUNS, cdb, iscsip_cdb_test_unit_ready(cdb), NULL, 0, 0));
	rig_free(r);
}

/* A CDB that runs without an error, as far as its fields go. */
static void fill_cdb(const struct disk_op *op, uint8_t cdb[16])
{
	memset(cdb, 0, 16);
	cdb[0] = op->opcode;
	if (op->sa != DISK_NO_SA)
		cdb[1] = op->sa;
}

static void every_reserved_bit_of_every_cdb_is_pointed_at(void **state)
{
	struct rig *r = rig_new(RIG_RAM, ISCSIP_LUN_THIN);
	uint8_t *before = malloc(2048 * 512), data[512];
	unsigned i, byte, bit, tried = 0;

	(void)state;
	memset(data, 0x3c, sizeof data);
	memset(r->unit[0].bytes, 0x5a, 2048 * 512);
	memcpy(before, r->unit[0].bytes, 2048 * 512);
	for (i = 0; i < iscsip__disk_op_count; i++) {
		const struct disk_op *op = &iscsip__disk_ops[i];

		for (byte = 1; byte < op->len; byte++) {
			for (bit = 0; bit < 8; bit++) {
				uint8_t cdb[16];
				struct rig_cmd *c;

				if (op->usage[byte] >> bit & 1)
					continue;
				fill_cdb(op, cdb);
				cdb[byte] |= (uint8_t)(1u << bit);
				c = rig_run(r, 0, 0, cdb, 16, data, op->place == PLACE_NONE ? 0 : 512,
					    op->place == PLACE_NONE ? 512 : 0);
				assert_cdb_field(c, byte);
				assert_int_equal(c->sense.sks[0] & 0x0f, 0x08 | bit);
				tried++;
			}
		}
	}
	assert_true(tried > 1500);
	assert_memory_equal(r->unit[0].bytes, before, 2048 * 512);
	free(before);
	rig_free(r);
}

static void unknown_operation_codes_and_service_actions_are_told_apart(void **state)
{
	static const uint8_t unknown[16] = { 0xc5 }, action[16] = { 0x5e, 0x09 }, variable[16] = { 0x7f, 0, 0, 0, 0, 0, 0, 8 };
	struct rig *r = rig_new(RIG_RAM, 0);

	(void)state;
	assert_check(rig_run(r, 0, 0, unknown, 16, NULL, 0, 0), 5, ISCSIP_ASC_INVALID_OPCODE);
	assert_check(rig_run(r, 0, 0, variable, 16, NULL, 0, 0), 5, ISCSIP_ASC_INVALID_OPCODE);
	assert_cdb_field(rig_run(r, 0, 0, action, 16, NULL, 0, 8), 1);
	rig_free(r);
}

static void commands_that_a_unit_does_not_offer_are_unknown_to_it(void **state)
{
	static const uint8_t unmap[10] = { 0x42 }, sanitize[10] = { 0x48, 0x02 }, format[6] = { 0x04 };
	struct rig *r = rig_new(RIG_RAM, ISCSIP_LUN_NO_SANITIZE);

	(void)state;
	assert_check(rig_run(r, 0, 0, unmap, 10, NULL, 0, 0), 5, ISCSIP_ASC_INVALID_OPCODE);
	assert_check(rig_run(r, 0, 0, sanitize, 10, NULL, 0, 0), 5, ISCSIP_ASC_INVALID_OPCODE);
	assert_check(rig_run(r, 0, 0, format, 6, NULL, 0, 0), 5, ISCSIP_ASC_INVALID_OPCODE);
	rig_free(r);
}

static void storage_errors_become_the_sense_that_sbc_names(void **state)
{
	static const struct {
		enum iscsip_storage_result result;
		uint8_t key;
		uint16_t read_asc, write_asc;
	} errors[] = {
		{ ISCSIP_STORAGE_IO_ERROR, ISCSIP_SENSE_MEDIUM_ERROR, ISCSIP_ASC_READ_ERROR, ISCSIP_ASC_WRITE_ERROR },
		{ ISCSIP_STORAGE_NO_SPACE, ISCSIP_SENSE_DATA_PROTECT, ISCSIP_ASC_SPACE_ALLOCATION_FAILED,
		  ISCSIP_ASC_SPACE_ALLOCATION_FAILED },
		{ ISCSIP_STORAGE_READ_ONLY, ISCSIP_SENSE_DATA_PROTECT, ISCSIP_ASC_WRITE_PROTECTED, ISCSIP_ASC_WRITE_PROTECTED },
		{ ISCSIP_STORAGE_HARDWARE, ISCSIP_SENSE_HARDWARE_ERROR, ISCSIP_ASC_INTERNAL_FAILURE, ISCSIP_ASC_INTERNAL_FAILURE },
		{ ISCSIP_STORAGE_NOT_READY, ISCSIP_SENSE_NOT_READY, ISCSIP_ASC_NOT_READY, ISCSIP_ASC_NOT_READY },
	};
	size_t i;

	(void)state;
	EACH_BACKING(b) {
		struct rig *r = rig_new(b, 0);

		r->unit[0].fail_at = 5 * 512;
		for (i = 0; i < sizeof errors / sizeof errors[0]; i++) {
			struct rig_cmd *c;

			r->unit[0].fail = errors[i].result;
			c = rig_read(r, 0, 4, 4);
			assert_check(c, errors[i].key, errors[i].read_asc);
			if (errors[i].result == ISCSIP_STORAGE_IO_ERROR && b != RIG_RAM)
				assert_true(c->sense.info_valid && c->sense.info == 5);
			if (b != RIG_RAM)
				assert_check(rig_write(r, 0, 4, 4, 1), errors[i].key, errors[i].write_asc);
			assert_good(rig_read(r, 0, 6, 4));
		}
		r->unit[0].fail = ISCSIP_STORAGE_BUSY;
		assert_int_equal(rig_read(r, 0, 5, 1)->status, ISCSIP_STATUS_BUSY);
		r->unit[0].fail = 0;
		rig_free(r);
	}
}

static void a_read_goes_in_pieces_when_buffers_are_few(void **state)
{
	struct iscsip_disk_lun_config lun = { .blocks = 2048 };
	struct iscsip_disk_config cfg;
	struct rig *r;
	struct rig_cmd *c;
	int inside;

	(void)state;
	iscsip_disk_config_init(&cfg, sizeof cfg);
	cfg.buffer_size = 4096;
	cfg.buffer_count = 3;
	lun.max_transfer = 1 << 20;
	for (inside = 0; inside < 2; inside++) {
		r = rig_new_with(RIG_DEFERRED, &lun, &cfg);
		memset(r->unit[0].bytes + 100 * 512, 0x42, 100 * 512);
		r->sent_inside = inside;
		c = rig_read(r, 0, 50, 200);
		assert_good(c);
		assert_int_equal(c->in_done, 200 * 512);
		assert_memory_equal(c->in, r->unit[0].bytes + 50 * 512, 200 * 512);
		assert_true(r->unit[0].reads >= 200 * 512 / (2 * 4096));
		rig_free(r);
	}
}

static void commands_wait_for_buffers_in_their_order(void **state)
{
	struct iscsip_disk_lun_config lun = { .blocks = 2048 };
	struct iscsip_disk_config cfg;
	struct rig_cmd *c[6];
	uint8_t cdb[16];
	struct rig *r;
	int i;

	(void)state;
	iscsip_disk_config_init(&cfg, sizeof cfg);
	cfg.buffer_size = 4096;
	cfg.buffer_count = 2;
	r = rig_new_with(RIG_DEFERRED, &lun, &cfg);
	for (i = 0; i < 6; i++)
		c[i] = rig_begin(r, i & 1, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_READ, (unsigned)i, 1, 0), NULL, 0, 512,
				 ISCSIP_ATTR_SIMPLE, false);
	assert_int_equal(r->pending_cnt, 2);
	for (i = 0; i < 6; i++)
		assert_false(c[i]->completed);
	rig_storage_run(r);
	assert_true(c[0]->completed);
	assert_int_equal(r->pending_cnt, 2);
	rig_pump(r);
	for (i = 0; i < 6; i++)
		assert_good(c[i]);
	rig_free(r);
}

static void without_buffers_to_come_back_the_answer_is_busy(void **state)
{
	struct iscsip_disk_lun_config lun = { .blocks = 2048 };
	struct iscsip_disk_config cfg;
	struct rig_cmd *held[2], *c;
	uint8_t cdb[16], data[4096] = { 0 };
	struct rig *r;

	(void)state;
	iscsip_disk_config_init(&cfg, sizeof cfg);
	cfg.buffer_size = 4096;
	cfg.buffer_count = 2;
	r = rig_new_with(RIG_SYNC, &lun, &cfg);
	/* a write whose turn has not come has its share, and a second one would take what others need */
	held[0] = rig_begin(r, 0, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, 0, 8, 0), data, 4096, 0, 1, true);
	held[1] = rig_begin(r, 0, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, 8, 8, 0), data, 4096, 0, 1, true);
	c = rig_begin(r, 0, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_READ, 0, 1, 0), NULL, 0, 512, 1, false);
	assert_int_equal(c->status, ISCSIP_STATUS_TASK_SET_FULL);
	c = rig_begin(r, 1, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_READ, 0, 1, 0), NULL, 0, 512, 1, false);
	assert_good(c); /* somebody else finds some */
	/* a write whose unsolicited data was dropped cannot be helped either */
	c = rig_begin(r, 1, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, 0, 8, 0), data, 4096, 0, 1, false);
	assert_int_equal(c->status, ISCSIP_STATUS_BUSY);
	rig_exec(held[0]);
	rig_pump(r);
	assert_good(held[0]);
	rig_exec(held[1]);
	rig_pump(r);
	assert_int_equal(held[1]->status, ISCSIP_STATUS_BUSY);
	assert_good(rig_read(r, 0, 0, 1));
	rig_free(r);
}

static void more_commands_than_records_are_turned_away(void **state)
{
	struct iscsip_disk_lun_config lun = { .blocks = 2048 };
	struct iscsip_disk_config cfg;
	struct rig_cmd *c;
	uint8_t cdb[16];
	struct rig *r;
	int i;

	(void)state;
	iscsip_disk_config_init(&cfg, sizeof cfg);
	cfg.max_commands = 4;
	cfg.buffer_size = 4096;
	r = rig_new_with(RIG_DEFERRED, &lun, &cfg);
	/* one initiator has no more of them than it leaves to others, and each of those finds one */
	for (i = 0; i < 2; i++)
		rig_begin(r, 0, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_READ, 0, 1, 0), NULL, 0, 512, 1, false);
	c = rig_begin(r, 0, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_READ, 0, 1, 0), NULL, 0, 512, 1, false);
	assert_int_equal(c->status, ISCSIP_STATUS_TASK_SET_FULL);
	rig_open(r, 2);
	disk_itl_at(&r->disk->luns[0], r->nexus[2].priv[0])->ua = 0;
	for (i = 1; i < 3; i++)
		rig_begin(r, i, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_READ, 0, 1, 0), NULL, 0, 512, 1, false);
	assert_int_equal(r->pending_cnt, 4);
	c = rig_begin(r, 1, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_READ, 0, 1, 0), NULL, 0, 512, 1, false);
	assert_int_equal(c->status, ISCSIP_STATUS_TASK_SET_FULL);
	rig_pump(r);
	assert_good(rig_read(r, 1, 0, 1));
	rig_free(r);
}

static void an_aborted_command_ends_when_the_storage_is_through(void **state)
{
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	struct rig_cmd *c;
	uint8_t cdb[16];

	(void)state;
	c = rig_begin(r, 0, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_READ, 0, 8, 0), NULL, 0, 4096, 1, false);
	rig_abort(c);
	assert_false(c->completed);
	assert_int_equal(r->disk->buffers_free, r->cfg.buffer_count - 1);
	rig_storage_run(r);
	assert_int_equal(c->completions, 1);
	assert_int_equal(c->in_done, 0);
	assert_int_equal(r->disk->buffers_free, r->cfg.buffer_count);
	rig_free(r);
}

static void a_write_that_waits_for_data_ends_at_once_when_aborted(void **state)
{
	uint8_t cdb[16], data[4096] = { 1 };

	(void)state;
	EACH_BACKING(b) {
		struct rig *r = rig_new(b, 0);
		struct rig_cmd *c = rig_begin(r, 0, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, 0, 8, 0), data, 4096, 0, 1, false);

		assert_true(c->data_due);
		rig_abort(c);
		assert_int_equal(c->completions, 1);
		assert_int_equal(r->unit[0].writes, 0);
		rig_free(r);
	}
}

static void a_command_that_is_freed_before_its_turn_leaves_nothing(void **state)
{
	uint8_t cdb[16], data[4096] = { 1 };

	(void)state;
	EACH_BACKING(b) {
		struct rig *r = rig_new(b, 0);
		struct rig_cmd *c = rig_begin(r, 0, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, 0, 8, 0), data, 4096, 0, 1, true);

		rig_release(c);
		assert_int_equal(c->completions, 0);
		assert_int_equal(r->disk->buffers_free, r->cfg.buffer_count);
		assert_false(iscsip_disk_busy(r->disk));
		rig_free(r);
	}
}

static void a_medium_without_cache_is_told_to_write_through(void **state)
{
	static const uint8_t select[6] = { 0x15, 0x10, 0, 0, 24 };
	uint8_t cdb[16], data[512] = { 0 }, list[24] = { 0 };
	struct rig *r = rig_new(RIG_DEFERRED, 0);

	(void)state;
	list[4] = 0x08; /* the caching page, with WCE off */
	list[5] = 18;
	assert_good(rig_run(r, 0, 0, select, 6, list, 24, 0));
	rig_begin(r, 0, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, 0, 1, 0), data, 512, 0, 1, false);
	while (!r->pending_cnt)
		assert_true(rig_step(r));
	assert_int_equal(r->pending[0]->flags & ISCSIP_STORAGE_FUA, ISCSIP_STORAGE_FUA);
	rig_free(r);
}

static void synchronize_cache_flushes_and_tells_what_came_of_it(void **state)
{
	struct rig *r = rig_new(RIG_SYNC, 0);
	uint8_t cdb[16];

	(void)state;
	assert_good(rig_run(r, 0, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_SYNCHRONIZE_CACHE, 0, 0, 0), NULL, 0, 0));
	assert_int_equal(r->unit[0].flushes, 1);
	r->unit[0].fail = ISCSIP_STORAGE_IO_ERROR;
	assert_check(rig_run(r, 0, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_SYNCHRONIZE_CACHE, 0, 0, 0), NULL, 0, 0),
		     ISCSIP_SENSE_MEDIUM_ERROR, ISCSIP_ASC_WRITE_ERROR);
	r->unit[0].fail = 0;
	assert_check(rig_run(r, 0, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_SYNCHRONIZE_CACHE, 2040, 9, 0), NULL, 0, 0), 5,
		     ISCSIP_ASC_LBA_OUT_OF_RANGE);
	rig_free(r);
}

static void the_write_request_says_whether_it_must_be_stable(void **state)
{
	uint8_t cdb[16], data[512] = { 0 };
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	int fua;

	(void)state;
	for (fua = 0; fua < 2; fua++) {
		rig_begin(r, 0, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, 0, 1, fua ? ISCSIP_CDB_FUA : 0), data, 512, 0, 1, false);
		while (!r->pending_cnt)
			assert_true(rig_step(r));
		assert_int_equal(r->pending[0]->flags & ISCSIP_STORAGE_FUA, fua ? ISCSIP_STORAGE_FUA : 0);
		rig_pump(r);
	}
	rig_free(r);
}

static void a_write_protected_unit_changes_nothing(void **state)
{
	static const uint8_t cdbs[][16] = {
		{ 0x0a, 0, 0, 0, 1 }, { 0x2a, 0, 0, 0, 0, 0, 0, 0, 1 }, { 0x41, 0, 0, 0, 0, 0, 0, 0, 1 },
		{ 0x89, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, { 0x8b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 },
		{ 0x42, 0, 0, 0, 0, 0, 0, 0, 24 }, { 0x48, 0x02 }, { 0x04 }, { 0x9c, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 },
	};
	uint8_t data[1024];
	size_t i;

	(void)state;
	memset(data, 0xff, sizeof data);
	EACH_BACKING(b) {
		struct rig *r = rig_new(b, ISCSIP_LUN_READ_ONLY | ISCSIP_LUN_THIN);

		for (i = 0; i < sizeof cdbs / sizeof cdbs[0]; i++)
			assert_check(rig_run(r, 0, 0, cdbs[i], 16, data, 512, 0), ISCSIP_SENSE_DATA_PROTECT,
				     ISCSIP_ASC_WRITE_PROTECTED);
		assert_good(rig_read(r, 0, 0, 1));
		assert_int_equal(r->unit[0].bytes[0], 0);
		assert_int_equal(iscsip_disk_lun_set_read_only(r->disk, 0, false), ISCSIP_OK);
		assert_check(rig_tur(r, 0), ISCSIP_SENSE_UNIT_ATTENTION, ISCSIP_ASC_MODE_PARAMETERS_CHANGED);
		assert_good(rig_write(r, 0, 0, 1, 0xff));
		rig_free(r);
	}
}

static void a_medium_can_be_ejected_loaded_and_held(void **state)
{
	static const uint8_t eject[6] = { 0x1b, 0, 0, 0, 0x02 }, load[6] = { 0x1b, 0, 0, 0, 0x03 };
	static const uint8_t prevent[6] = { 0x1e, 0, 0, 0, 1 }, allow[6] = { 0x1e };
	struct rig *r = rig_new(RIG_RAM, ISCSIP_LUN_REMOVABLE);

	(void)state;
	assert_good(rig_run(r, 1, 0, prevent, 6, NULL, 0, 0));
	assert_check(rig_run(r, 0, 0, eject, 6, NULL, 0, 0), 5, ISCSIP_ASC_REMOVAL_PREVENTED);
	assert_good(rig_run(r, 1, 0, allow, 6, NULL, 0, 0));
	assert_good(rig_run(r, 0, 0, eject, 6, NULL, 0, 0));
	assert_int_equal(r->starts, 1);
	assert_check(rig_tur(r, 0), ISCSIP_SENSE_NOT_READY, ISCSIP_ASC_MEDIUM_NOT_PRESENT);
	assert_check(rig_read(r, 0, 0, 1), ISCSIP_SENSE_NOT_READY, ISCSIP_ASC_MEDIUM_NOT_PRESENT);
	assert_check(rig_write(r, 0, 0, 1, 9), ISCSIP_SENSE_NOT_READY, ISCSIP_ASC_MEDIUM_NOT_PRESENT);
	assert_int_equal(r->unit[0].bytes[0], 0);
	assert_good(rig_run(r, 0, 0, load, 6, NULL, 0, 0));
	assert_good(rig_tur(r, 0));
	assert_check(rig_tur(r, 1), ISCSIP_SENSE_UNIT_ATTENTION, ISCSIP_ASC_MEDIUM_CHANGED);
	/* what the host took out an initiator cannot load */
	assert_int_equal(iscsip_disk_lun_set_medium(r->disk, 0, false), ISCSIP_OK);
	assert_check(rig_run(r, 0, 0, load, 6, NULL, 0, 0), ISCSIP_SENSE_NOT_READY, ISCSIP_ASC_MEDIUM_NOT_PRESENT);
	assert_int_equal(iscsip_disk_lun_set_medium(r->disk, 0, true), ISCSIP_OK);
	assert_check(rig_tur(r, 0), ISCSIP_SENSE_UNIT_ATTENTION, ISCSIP_ASC_MEDIUM_CHANGED);
	/* a lost nexus holds nothing */
	assert_good(rig_run(r, 0, 0, prevent, 6, NULL, 0, 0));
	iscsip_disk_nexus_close(&r->nexus[0]);
	rig_clear_attention(r);
	assert_good(rig_run(r, 1, 0, eject, 6, NULL, 0, 0));
	rig_free(r);
}

static void a_fixed_disk_is_not_ejected(void **state)
{
	static const uint8_t eject[6] = { 0x1b, 0, 0, 0, 0x02 }, stop[6] = { 0x1b };
	struct rig *r = rig_new(RIG_SYNC, 0);

	(void)state;
	assert_cdb_field(rig_run(r, 0, 0, eject, 6, NULL, 0, 0), 4);
	assert_good(rig_run(r, 0, 0, stop, 6, NULL, 0, 0));
	assert_int_equal(r->unit[0].flushes, 1);
	assert_good(rig_tur(r, 0));
	assert_int_equal(iscsip_disk_lun_set_medium(r->disk, 0, false), ISCSIP_EINVAL);
	rig_free(r);
}

static void unit_attentions_come_in_their_order_and_once(void **state)
{
	uint8_t cdb[16];
	struct rig *r = rig_new(RIG_RAM, 0);
	struct iscsip_disk_lun_config two = { .blocks = 64 };
	struct rig_cmd *c;

	(void)state;
	assert_int_equal(iscsip_disk_lun_resize(r->disk, 0, 1024), ISCSIP_OK);
	assert_int_equal(iscsip_disk_set_port_group(r->disk, 1, ISCSIP_ALUA_NON_OPTIMIZED), ISCSIP_OK);
	assert_int_equal(rig_add_unit(r, 2, RIG_RAM, &two), ISCSIP_OK);
	/* INQUIRY and REPORT LUNS run in spite of them; REPORT LUNS tells what one of them would */
	assert_good(rig_run(r, 1, 0, cdb, iscsip_cdb_inquiry(cdb, -1, 36), NULL, 0, 36));
	c = rig_run(r, 1, 0, cdb, iscsip_cdb_report_luns(cdb, 64), NULL, 0, 64);
	assert_good(c);
	assert_int_equal(c->in_done, 24);
	assert_check(rig_tur(r, 1), 6, ISCSIP_ASC_CAPACITY_CHANGED);
	assert_check(rig_read(r, 0, 0, 1), 6, ISCSIP_ASC_REPORTED_LUNS_CHANGED);
	assert_check(rig_read(r, 0, 0, 1), 6, ISCSIP_ASC_CAPACITY_CHANGED);
	assert_check(rig_write(r, 0, 0, 1, 7), 6, ISCSIP_ASC_ALUA_STATE_CHANGED);
	assert_int_equal(r->unit[0].bytes[0], 0);
	assert_good(rig_tur(r, 0));
	assert_check(rig_read(r, 0, 1024, 1), 5, ISCSIP_ASC_LBA_OUT_OF_RANGE);
	rig_free(r);
}

static void request_sense_tells_an_attention_and_thereby_clears_it(void **state)
{
	static const uint8_t fixed[6] = { 0x03, 0, 0, 0, 252 }, descriptor[6] = { 0x03, 1, 0, 0, 252 };
	struct rig *r = rig_new(RIG_RAM, 0);
	struct iscsip_sense s;
	struct rig_cmd *c;

	(void)state;
	assert_int_equal(iscsip_disk_lun_resize(r->disk, 0, 1000), ISCSIP_OK);
	c = rig_run(r, 0, 0, descriptor, 6, NULL, 0, 252);
	assert_good(c);
	assert_int_equal(c->in[0], 0x72);
	assert_int_equal(iscsip_sense_decode(c->in, c->in_done, &s), ISCSIP_OK);
	assert_int_equal(s.asc, ISCSIP_ASC_CAPACITY_CHANGED);
	c = rig_run(r, 0, 0, fixed, 6, NULL, 0, 252);
	assert_int_equal(c->in[0], 0x70);
	assert_int_equal(iscsip_sense_decode(c->in, c->in_done, &s), ISCSIP_OK);
	assert_int_equal(s.key, 0);
	assert_good(rig_tur(r, 0));
	c = rig_run(r, 0, 99, fixed, 6, NULL, 0, 252);
	assert_int_equal(iscsip_sense_decode(c->in, c->in_done, &s), ISCSIP_OK);
	assert_int_equal(s.asc, ISCSIP_ASC_LUN_NOT_SUPPORTED);
	rig_free(r);
}

static void a_unit_is_gone_when_the_last_command_has_been_freed(void **state)
{
	struct iscsip_disk_lun_config two = { .blocks = 64 };
	uint8_t cdb[16];

	(void)state;
	EACH_BACKING(b) {
		struct rig *r = rig_new(b, 0);
		struct rig_cmd *c;

		r->hold_sent = true;
		c = rig_begin(r, 0, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_READ, 0, 8, 0), NULL, 0, 4096, 1, false);
		assert_int_equal(iscsip_disk_lun_remove(r->disk, 0), ISCSIP_OK);
		assert_int_equal(iscsip_disk_lun_remove(r->disk, 0), ISCSIP_ENOENT);
		assert_int_equal(r->gone, 0);
		assert_int_equal(rig_add_unit(r, 0, b, &two), ISCSIP_EBUSY);
		rig_pump(r);
		assert_int_equal(c->completions, 1);
		assert_int_equal(r->gone, 1);
		assert_check(rig_tur(r, 0), 5, ISCSIP_ASC_LUN_NOT_SUPPORTED);
		assert_int_equal(rig_add_unit(r, 0, b, &two), ISCSIP_OK);
		assert_check(rig_tur(r, 0), 6, ISCSIP_ASC_POWER_ON);
		assert_good(rig_tur(r, 0));
		assert_int_equal(iscsip_disk_lun_remove(r->disk, 0), ISCSIP_DONE);
		rig_free(r);
	}
}

static void commands_of_a_lost_nexus_end_and_do_nothing_more(void **state)
{
	uint8_t cdb[16], data[4096] = { 1 };

	(void)state;
	EACH_BACKING(b) {
		struct rig *r = rig_new(b, 0);
		struct rig_cmd *run = rig_begin(r, 0, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, 0, 8, 0), data, 4096, 0, 1, false);
		struct rig_cmd *placed = rig_begin(r, 0, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, 8, 8, 0), data, 4096, 0, 1, true);

		iscsip_disk_nexus_close(&r->nexus[0]);
		rig_pump(r);
		assert_int_equal(run->completions, 1);
		rig_exec(placed);
		rig_pump(r);
		assert_int_equal(placed->completions, 1);
		assert_int_equal(r->unit[0].writes, 0);
		rig_open(r, 0);
		assert_check(rig_tur(r, 0), 6, ISCSIP_ASC_POWER_ON);
		assert_good(rig_tur(r, 0));
		rig_free(r);
	}
}

static void configurations_out_of_range_are_refused(void **state)
{
	struct iscsip_disk_config good, cfg;
	struct iscsip_disk *d;
	uint8_t small[64];

	(void)state;
	iscsip_disk_config_init(&good, sizeof good);
	assert_true(iscsip_disk_size(&good) > 0);
#define REFUSE(member, value) \
	do { \
		cfg = good; \
		cfg.member = value; \
		assert_int_equal(iscsip_disk_size(&cfg), 0); \
		assert_int_equal(iscsip_disk_init(&d, small, sizeof small, &cfg), ISCSIP_EINVAL); \
	} while (0)
	REFUSE(max_luns, 0);
	REFUSE(max_luns, 4097);
	REFUSE(max_nexuses, 0);
	REFUSE(max_commands, 0);
	REFUSE(max_pieces, 1);
	REFUSE(buffer_size, 5000);
	REFUSE(buffer_count, 1);
	REFUSE(buffer_align, 24);
	REFUSE(max_lun, 16384);
	REFUSE(transport_id_max, 20);
	REFUSE(port_count, 2);
	REFUSE(struct_size, 8);
	assert_int_equal(iscsip_disk_init(&d, small, sizeof small, &good), ISCSIP_ENOSPC);
}

static void the_size_that_is_told_suffices_at_any_alignment(void **state)
{
	struct iscsip_disk_config cfg;
	struct iscsip_disk *d;
	size_t size, shift;

	(void)state;
	iscsip_disk_config_init(&cfg, sizeof cfg);
	cfg.buffer_size = 4096;
	cfg.buffer_count = 3;
	cfg.buffer_align = 4096;
	size = iscsip_disk_size(&cfg);
	for (shift = 0; shift < 16; shift++) {
		uint8_t *mem = malloc(size + shift);

		/* the sanitizer sees a byte beyond the end */
		assert_int_equal(iscsip_disk_init(&d, mem + shift, size, &cfg), ISCSIP_OK);
		assert_int_equal((uintptr_t)d->buffers % 4096, 0);
		memset(d->buffers + 4096u * 3, 0xff, 4096);
		free(mem);
	}
}

/* Hosts give room for thousands of nexuses and commands: what is never needed must cost them no page. */
static void memory_is_written_as_it_is_needed(void **state)
{
	struct iscsip_disk_lun_config lun = { .struct_size = sizeof lun, .blocks = 8, .ops = iscsip_ram_ops() };
	uint8_t id[ISCSIP_TRANSPORT_ID_MAX];
	size_t size, i, written = 0, len = iscsip_transport_id_iscsi(id, sizeof id, "iqn.x", (const uint8_t *)"abcdef");
	struct iscsip_disk_config cfg;
	struct iscsip_disk_nexus nexus;
	struct iscsip_disk *d;
	uint8_t *mem;

	(void)state;
	iscsip_disk_config_init(&cfg, sizeof cfg);
	cfg.max_luns = 256;
	cfg.max_nexuses = 4096;
	cfg.max_commands = 512;
	cfg.max_pieces = 256;
	size = iscsip_disk_size(&cfg);
	mem = malloc(size);
	memset(mem, 0xa5, size);
	assert_int_equal(iscsip_disk_init(&d, mem, size, &cfg), ISCSIP_OK);
	assert_int_equal(iscsip_disk_lun_add(d, 0, &lun), ISCSIP_OK);
	assert_int_equal(iscsip_disk_nexus_open(d, &nexus, id, len, 1), ISCSIP_OK);
	for (i = 0; i < size; i++)
		written += mem[i] != 0xa5;
	assert_true(size > (16u << 20));
	assert_true(written < (32u << 10));
	free(mem);
}

static void units_out_of_range_are_refused(void **state)
{
	struct rig *r = rig_new(RIG_RAM, 0);
	struct iscsip_disk_lun_config cfg = { .struct_size = sizeof cfg, .blocks = 8, .ops = iscsip_ram_ops() }, bad;

	(void)state;
	bad = cfg;
	bad.blocks = 0;
	assert_int_equal(iscsip_disk_lun_add(r->disk, 1, &bad), ISCSIP_EINVAL);
	bad = cfg;
	bad.block_size = 520;
	assert_int_equal(iscsip_disk_lun_add(r->disk, 1, &bad), ISCSIP_EINVAL);
	bad = cfg;
	bad.ops = NULL;
	assert_int_equal(iscsip_disk_lun_add(r->disk, 1, &bad), ISCSIP_EINVAL);
	bad = cfg;
	bad.flags = ISCSIP_LUN_NO_MEDIUM;
	assert_int_equal(iscsip_disk_lun_add(r->disk, 1, &bad), ISCSIP_EINVAL);
	assert_int_equal(iscsip_disk_lun_add(r->disk, 256, &cfg), ISCSIP_EINVAL);
	assert_int_equal(iscsip_disk_lun_add(r->disk, 0, &cfg), ISCSIP_EBUSY);
	rig_free(r);
}

static void nexus_and_ports_are_checked(void **state)
{
	struct rig *r = rig_new(RIG_RAM, 0);
	struct iscsip_disk_nexus n;
	uint8_t id[ISCSIP_TRANSPORT_ID_MAX];
	size_t len = iscsip_transport_id_iscsi(id, sizeof id, "iqn.x", (const uint8_t *)"abcdef");

	(void)state;
	assert_int_equal(iscsip_disk_nexus_open(r->disk, &n, id, len, 2), ISCSIP_EINVAL);
	assert_int_equal(iscsip_disk_nexus_open(r->disk, &n, id, len - 4, 1), ISCSIP_EINVAL);
	assert_int_equal(iscsip_disk_nexus_open(r->disk, &n, id, len, 1), ISCSIP_OK);
	iscsip_disk_nexus_close(&n);
	iscsip_disk_nexus_close(&n);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_back_over_every_storage),
		cmocka_unit_test(every_form_of_read_and_write_reaches_the_same_block),
		cmocka_unit_test(read_6_and_write_6_of_no_count_mean_256_blocks),
		cmocka_unit_test(memory_is_sent_and_filled_without_a_buffer),
		cmocka_unit_test(a_range_past_the_end_is_refused_and_nothing_is_written),
		cmocka_unit_test(a_read_tells_all_of_its_data_and_sends_what_there_is_room_for),
		cmocka_unit_test(a_write_takes_what_both_sides_agree_on),
		cmocka_unit_test(a_transfer_beyond_the_limit_is_refused),
		cmocka_unit_test(units_that_are_not_there_answer_as_spc4_wants),
		cmocka_unit_test(every_reserved_bit_of_every_cdb_is_pointed_at),
		cmocka_unit_test(unknown_operation_codes_and_service_actions_are_told_apart),
		cmocka_unit_test(commands_that_a_unit_does_not_offer_are_unknown_to_it),
		cmocka_unit_test(storage_errors_become_the_sense_that_sbc_names),
		cmocka_unit_test(a_read_goes_in_pieces_when_buffers_are_few),
		cmocka_unit_test(commands_wait_for_buffers_in_their_order),
		cmocka_unit_test(without_buffers_to_come_back_the_answer_is_busy),
		cmocka_unit_test(more_commands_than_records_are_turned_away),
		cmocka_unit_test(an_aborted_command_ends_when_the_storage_is_through),
		cmocka_unit_test(a_write_that_waits_for_data_ends_at_once_when_aborted),
		cmocka_unit_test(a_command_that_is_freed_before_its_turn_leaves_nothing),
		cmocka_unit_test(a_medium_without_cache_is_told_to_write_through),
		cmocka_unit_test(synchronize_cache_flushes_and_tells_what_came_of_it),
		cmocka_unit_test(the_write_request_says_whether_it_must_be_stable),
		cmocka_unit_test(a_write_protected_unit_changes_nothing),
		cmocka_unit_test(a_medium_can_be_ejected_loaded_and_held),
		cmocka_unit_test(a_fixed_disk_is_not_ejected),
		cmocka_unit_test(unit_attentions_come_in_their_order_and_once),
		cmocka_unit_test(request_sense_tells_an_attention_and_thereby_clears_it),
		cmocka_unit_test(a_unit_is_gone_when_the_last_command_has_been_freed),
		cmocka_unit_test(commands_of_a_lost_nexus_end_and_do_nothing_more),
		cmocka_unit_test(configurations_out_of_range_are_refused),
		cmocka_unit_test(the_size_that_is_told_suffices_at_any_alignment),
		cmocka_unit_test(memory_is_written_as_it_is_needed),
		cmocka_unit_test(units_out_of_range_are_refused),
		cmocka_unit_test(nexus_and_ports_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
