/* SPDX-License-Identifier: MIT */
/*
 * A unit that is removed under its commands: whatever they were doing or waiting for, each is answered, with LOGICAL UNIT NOT
 * SUPPORTED, and task management that waits is answered when nothing can reach the medium any more. The unit is gone when
 * the last of them is.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_rig.h"

#include "base/bytes.h"

static uint8_t data[65536];

static void pump_wire(struct rig *r)
{
	while (rig_step(r))
		;
}

static struct rig_cmd *read_begin(struct rig *r, int n, uint64_t lba, uint32_t blocks, uint8_t attr)
{
	uint8_t cdb[16];
	size_t len = iscsip_cdb_rw(cdb, ISCSIP_CDB_READ, lba, blocks, 0);

	return rig_begin(r, n, 0, cdb, len, NULL, 0, blocks * 512, attr, false);
}

static struct rig_cmd *write_begin(struct rig *r, int n, uint64_t lba, uint32_t blocks, uint8_t attr)
{
	uint8_t cdb[16];
	size_t len = iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, lba, blocks, 0);

	return rig_begin(r, n, 0, cdb, len, data, blocks * 512, 0, attr, false);
}

static void assert_told(const struct rig_cmd *c)
{
	assert_int_equal(c->completions, 1);
	assert_false(c->cmd.flags & ISCSIP_CMD_ABORTED);
	assert_check(c, 5, ISCSIP_ASC_LUN_NOT_SUPPORTED);
}

static void commands_that_wait_for_others_or_for_data_are_told_at_once(void **state)
{
	enum rig_backing b;
	int turn;

	(void)state;
	for (turn = 0; turn < 6; turn++) {
		struct rig *r = rig_new(b = (enum rig_backing)(turn / 2), 0);
		struct rig_cmd *c[5];
		int i;

		r->hold_sent = turn & 1; /* else each is freed as it ends */
		c[0] = write_begin(r, 0, 0, 8, ISCSIP_ATTR_SIMPLE); /* its data is on the way */
		assert_true(c[0]->data_due);
		c[1] = write_begin(r, 0, 8, 8, ISCSIP_ATTR_ORDERED);
		c[2] = read_begin(r, 1, 0, 8, ISCSIP_ATTR_SIMPLE);
		c[3] = write_begin(r, 1, 16, 8, ISCSIP_ATTR_SIMPLE);
		c[4] = read_begin(r, 1, 0, 1, ISCSIP_ATTR_ORDERED);
		assert_int_equal(iscsip_disk_lun_remove(r->disk, 0), r->hold_sent ? ISCSIP_OK : ISCSIP_DONE);
		assert_int_equal(r->pending_cnt, 0);
		for (i = 0; i < 5; i++)
			assert_told(c[i]);
		assert_int_equal(r->gone, 0);
		rig_pump(r);
		assert_int_equal(r->gone, r->hold_sent);
		assert_int_equal(r->unit[0].reads, 0);
		assert_int_equal(r->unit[0].writes, 0);
		rig_free(r);
	}
}

static void commands_that_storage_works_for_are_told_when_it_has_answered(void **state)
{
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	struct rig_cmd *w, *d;

	(void)state;
	w = write_begin(r, 0, 0, 8, ISCSIP_ATTR_SIMPLE);
	pump_wire(r);
	d = read_begin(r, 1, 0, 8, ISCSIP_ATTR_SIMPLE);
	pump_wire(r);
	assert_int_equal(r->pending_cnt, 2);
	assert_int_equal(iscsip_disk_lun_remove(r->disk, 0), ISCSIP_OK);
	pump_wire(r);
	assert_int_equal(w->completions + d->completions, 0);
	rig_storage_end(r, 1, ISCSIP_STORAGE_IO_ERROR);
	pump_wire(r);
	assert_told(d);
	assert_int_equal(r->gone, 0);
	rig_storage_end(r, 0, ISCSIP_STORAGE_OK);
	pump_wire(r);
	assert_told(w);
	assert_int_equal(r->gone, 1);
	assert_check(rig_tur(r, 0), 5, ISCSIP_ASC_LUN_NOT_SUPPORTED);
	rig_free(r);
}

static void a_read_that_is_being_sent_is_sent_as_far_as_it_was_and_then_told(void **state)
{
	enum rig_backing b;

	(void)state;
	for (b = RIG_RAM; b <= RIG_DEFERRED; b++) {
		struct iscsip_disk_lun_config lun = { .blocks = 2048 };
		struct iscsip_disk_config cfg;
		struct rig_cmd *c;
		struct rig *r;

		iscsip_disk_config_init(&cfg, sizeof cfg);
		cfg.buffer_size = 4096;
		cfg.buffer_count = 2;
		lun.max_transfer = 65536;
		r = rig_new_with(b, &lun, &cfg);
		r->hold_sent = true;
		c = read_begin(r, 0, 0, 32, ISCSIP_ATTR_SIMPLE);
		if (b == RIG_DEFERRED)
			rig_storage_end(r, 0, ISCSIP_STORAGE_OK);
		assert_true(c->sent_due);
		if (!c->last_sent) {
			assert_int_equal(iscsip_disk_lun_remove(r->disk, 0), ISCSIP_OK);
			assert_told(c);
		} else {
			/* its status was given already */
			assert_int_equal(iscsip_disk_lun_remove(r->disk, 0), ISCSIP_OK);
			assert_good(c);
		}
		assert_int_equal(r->gone, 0);
		rig_pump(r);
		assert_int_equal(r->gone, 1);
		rig_free(r);
	}
}

static void commands_that_wait_for_memory_are_told(void **state)
{
	struct iscsip_disk_lun_config lun = { .blocks = 2048 };
	struct iscsip_disk_config cfg;
	struct rig_cmd *a, *b;
	struct rig *r;

	(void)state;
	iscsip_disk_config_init(&cfg, sizeof cfg);
	cfg.buffer_size = 4096;
	cfg.buffer_count = 2;
	r = rig_new_with(RIG_DEFERRED, &lun, &cfg);
	a = read_begin(r, 0, 0, 8, ISCSIP_ATTR_SIMPLE);
	b = read_begin(r, 1, 0, 8, ISCSIP_ATTR_SIMPLE);
	pump_wire(r);
	assert_int_equal(r->pending_cnt > 0, 1);
	assert_int_equal(iscsip_disk_lun_remove(r->disk, 0), ISCSIP_OK);
	rig_pump(r);
	assert_told(a);
	assert_told(b);
	assert_int_equal(r->gone, 1);
	rig_free(r);
}

static void a_command_whose_header_alone_was_there_is_told_in_its_turn(void **state)
{
	enum rig_backing b;

	(void)state;
	for (b = RIG_RAM; b <= RIG_DEFERRED; b++) {
		struct rig *r = rig_new(b, 0);
		uint8_t cdb[16];
		struct rig_cmd *c;

		memset(data, 0x5a, sizeof data);
		c = rig_begin(r, 0, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, 0, 8, 0), data, 4096, 0, 1, true);
		assert_int_equal(iscsip_disk_lun_remove(r->disk, 0), ISCSIP_OK);
		assert_int_equal(r->gone, 0);
		rig_exec(c);
		rig_pump(r);
		assert_told(c);
		assert_int_equal(r->unit[0].writes, 0);
		assert_int_equal(r->gone, 1);
		rig_free(r);
	}
}

/* Commands that take long give way to the host's loop, or wait for the unit's own job, which goes on to its end. */
static void long_work_is_told_too(void **state)
{
	static const uint8_t cdbs[2][16] = { { 0x93, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0 }, { 0x48, 2 } };
	int job;

	(void)state;
	memset(data, 1, 512);
	for (job = 0; job < 2; job++) {
		struct iscsip_disk_lun_config lun = { .blocks = 16384 };
		struct iscsip_disk_config cfg;
		struct rig_cmd *c;
		struct rig *r;

		iscsip_disk_config_init(&cfg, sizeof cfg);
		r = rig_new_with(RIG_RAM, &lun, &cfg);
		r->no_work = true;
		r->unit[0].ops.write_zeroes = NULL; /* zeroes are written, part by part */
		c = rig_begin(r, 0, 0, cdbs[job], 16, data, job ? 0 : 512, 0, 1, false);
		pump_wire(r);
		assert_false(c->completed);
		assert_int_equal(iscsip_disk_lun_remove(r->disk, 0), job ? ISCSIP_OK : ISCSIP_DONE);
		pump_wire(r);
		assert_told(c);
		r->no_work = false;
		rig_pump(r);
		assert_int_equal(r->gone, job);
		rig_free(r);
	}
}

/* --- EXTENDED COPY ---------------------------------------------------------------------------------------------- */

static uint32_t copy_list(struct rig *r, uint8_t *p, uint32_t from, uint32_t to, uint16_t blocks)
{
	uint8_t inq[16] = { 0x12, 1, 0x83, 1, 0 };
	uint32_t lun[2] = { from, to };
	int k;

	memset(p, 0, 256);
	p[3] = 64;
	for (k = 0; k < 2; k++) {
		uint8_t *d = p + 16 + 32 * k;
		struct rig_cmd *c = rig_run(r, 0, lun[k], inq, 6, NULL, 0, 256);

		d[0] = 0xe4;
		memcpy(d + 4, c->in + 4, 4 + (size_t)c->in[7]);
		d[30] = 2;
	}
	p[11] = 28;
	store_be16(p + 80, 0x0200);
	store_be16(p + 82, 24);
	store_be16(p + 86, 1);
	store_be16(p + 90, blocks);
	store_be64(p + 100, 64);
	return 108;
}

static void a_copy_ends_with_either_of_its_units(void **state)
{
	static const uint32_t gone[] = { 0, 1, 2 };
	size_t i;
	int reading;

	(void)state;
	for (i = 0; i < 3; i++) {
		for (reading = 0; reading < 2; reading++) {
			struct iscsip_disk_lun_config lun = { .blocks = 2048 };
			struct rig *r = rig_new(RIG_DEFERRED, 0);
			uint8_t cdb[16] = { 0x83 }, list[256];
			struct rig_cmd *c;
			uint32_t n;

			assert_int_equal(rig_add_unit(r, 1, RIG_DEFERRED, &lun), ISCSIP_OK);
			assert_int_equal(rig_add_unit(r, 2, RIG_DEFERRED, &lun), ISCSIP_OK);
			rig_clear_attention(r);
			n = copy_list(r, list, 1, 2, 64);
			store_be32(cdb + 10, n);
			c = rig_begin(r, 0, 0, cdb, 16, list, n, 0, 1, false);
			pump_wire(r);
			assert_int_equal(r->pending_cnt, 1);
			if (!reading)
				rig_storage_end(r, 0, ISCSIP_STORAGE_OK); /* now it writes to 2 */
			assert_int_equal(r->pending_cnt, 1);
			assert_int_equal(iscsip_disk_lun_remove(r->disk, gone[i]),
					 gone[i] == 2 && reading ? ISCSIP_DONE : ISCSIP_OK);
			rig_pump(r);
			assert_int_equal(c->completions, 1);
			assert_false(c->cmd.flags & ISCSIP_CMD_ABORTED);
			if (gone[i] == 0)
				assert_check(c, 5, ISCSIP_ASC_LUN_NOT_SUPPORTED);
			else
				assert_int_equal(c->sense.key, ISCSIP_SENSE_COPY_ABORTED);
			rig_free(r);
		}
	}
}

/* A copy waits for an atomic command of the unit that it writes to; both units go. */
static void a_copy_that_waits_for_a_unit_looks_again_when_that_is_removed(void **state)
{
	struct iscsip_disk_lun_config lun = { .blocks = 2048 };
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	uint8_t cdb[16] = { 0x83 }, list[256], caw[16] = { 0x89, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 1 };
	struct rig_cmd *c, *atomic;
	uint32_t n;

	(void)state;
	assert_int_equal(rig_add_unit(r, 1, RIG_DEFERRED, &lun), ISCSIP_OK);
	rig_clear_attention(r);
	n = copy_list(r, list, 0, 1, 8);
	store_be32(cdb + 10, n);
	memset(data, 0, 1024);
	atomic = rig_begin(r, 1, 1, caw, 16, data, 1024, 0, 1, false);
	pump_wire(r);
	assert_int_equal(r->pending_cnt, 1);
	c = rig_begin(r, 0, 0, cdb, 16, list, n, 0, 1, false);
	pump_wire(r);
	assert_int_equal(r->pending_cnt, 2);
	rig_storage_end(r, 1, ISCSIP_STORAGE_OK);
	assert_int_equal(r->pending_cnt, 1); /* it waits for the atomic one */
	assert_int_equal(iscsip_disk_lun_remove(r->disk, 1), ISCSIP_OK);
	pump_wire(r);
	assert_true(c->completed);
	assert_false(atomic->completed);
	rig_pump(r);
	assert_check(atomic, 5, ISCSIP_ASC_LUN_NOT_SUPPORTED);
	assert_int_equal(c->completions, 1);
	assert_int_equal(c->sense.key, ISCSIP_SENSE_COPY_ABORTED);
	assert_int_equal(r->gone, 1);
	rig_free(r);
}

/* --- task management -------------------------------------------------------------------------------------------- */

static void task_management_is_answered_when_the_storage_of_a_removed_unit_is_through(void **state)
{
	static const uint8_t functions[] = { ISCSIP_TMF_ABORT_TASK, ISCSIP_TMF_ABORT_TASK_SET, ISCSIP_TMF_CLEAR_TASK_SET,
					     ISCSIP_TMF_LOGICAL_UNIT_RESET, ISCSIP_TMF_TARGET_WARM_RESET,
					     ISCSIP_TMF_I_T_NEXUS_RESET };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof functions; i++) {
		static struct iscsip_tmf tmf;
		struct rig *r = rig_new(RIG_DEFERRED, 0);
		struct rig_cmd *w = write_begin(r, 0, 0, 8, ISCSIP_ATTR_SIMPLE);

		pump_wire(r);
		assert_int_equal(r->pending_cnt, 1);
		rig_abort(w);
		rig_tmf_init(r, &tmf, 0, 0, functions[i], w);
		iscsip_disk_ops()->tmf(r->disk, &tmf);
		assert_false(rig_tmf_answered(&tmf, ISCSIP_TMF_COMPLETE));
		assert_int_equal(iscsip_disk_lun_remove(r->disk, 0), ISCSIP_OK);
		pump_wire(r);
		assert_false(rig_tmf_answered(&tmf, ISCSIP_TMF_COMPLETE));
		rig_storage_end(r, 0, ISCSIP_STORAGE_OK);
		pump_wire(r);
		assert_true(rig_tmf_answered(&tmf, ISCSIP_TMF_COMPLETE));
		assert_int_equal(r->gone, 1);
		rig_free(r);
	}
}

static void task_management_of_one_unit_does_not_wait_for_another(void **state)
{
	static struct iscsip_tmf tmf;
	struct iscsip_disk_lun_config lun = { .blocks = 64 };
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	struct rig_cmd *w;

	(void)state;
	assert_int_equal(rig_add_unit(r, 1, RIG_DEFERRED, &lun), ISCSIP_OK);
	rig_clear_attention(r);
	w = write_begin(r, 0, 0, 8, ISCSIP_ATTR_SIMPLE);
	pump_wire(r);
	rig_abort(w);
	rig_tmf_init(r, &tmf, 0, 1, ISCSIP_TMF_LOGICAL_UNIT_RESET, NULL);
	iscsip_disk_ops()->tmf(r->disk, &tmf);
	assert_true(rig_tmf_answered(&tmf, ISCSIP_TMF_COMPLETE));
	rig_free(r);
}

/* One that is to end because its unit goes may still be aborted. */
static void a_command_of_a_removed_unit_can_be_aborted(void **state)
{
	static struct iscsip_tmf tmf;
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	struct rig_cmd *w = write_begin(r, 0, 0, 8, ISCSIP_ATTR_SIMPLE);

	(void)state;
	pump_wire(r);
	assert_int_equal(iscsip_disk_lun_remove(r->disk, 0), ISCSIP_OK);
	rig_abort(w);
	rig_tmf_init(r, &tmf, 0, 0, ISCSIP_TMF_ABORT_TASK, w);
	iscsip_disk_ops()->tmf(r->disk, &tmf);
	assert_false(rig_tmf_answered(&tmf, ISCSIP_TMF_COMPLETE));
	rig_storage_end(r, 0, ISCSIP_STORAGE_OK);
	pump_wire(r);
	assert_int_equal(w->completions, 1);
	assert_true(rig_tmf_answered(&tmf, ISCSIP_TMF_COMPLETE));
	assert_int_equal(r->gone, 1);
	rig_free(r);
}

/* PREEMPT AND ABORT waits for what it aborted; the unit does not wait for it. */
static void a_preempt_and_abort_that_waits_is_told(void **state)
{
	uint8_t out[10] = { 0x5f, 0, 0, 0, 0, 0, 0, 0, 24 }, list[24] = { 0 };
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	struct rig_cmd *w, *c;
	int n;

	(void)state;
	for (n = 0; n < 2; n++) {
		list[15] = (uint8_t)(n + 1);
		assert_good(rig_run(r, n, 0, out, 10, list, 24, 0));
	}
	w = write_begin(r, 0, 0, 8, ISCSIP_ATTR_SIMPLE);
	pump_wire(r);
	out[1] = 5;
	out[2] = 1;
	list[7] = 2;
	list[15] = 1;
	c = rig_begin(r, 1, 0, out, 10, list, 24, 0, 1, false);
	pump_wire(r);
	assert_false(c->completed);
	assert_int_equal(iscsip_disk_lun_remove(r->disk, 0), ISCSIP_OK);
	pump_wire(r);
	assert_told(c);
	assert_int_equal(r->gone, 0);
	rig_storage_end(r, 0, ISCSIP_STORAGE_OK);
	pump_wire(r);
	assert_int_equal(w->completions, 1);
	assert_int_equal(r->gone, 1);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_that_wait_for_others_or_for_data_are_told_at_once),
		cmocka_unit_test(commands_that_storage_works_for_are_told_when_it_has_answered),
		cmocka_unit_test(a_read_that_is_being_sent_is_sent_as_far_as_it_was_and_then_told),
		cmocka_unit_test(commands_that_wait_for_memory_are_told),
		cmocka_unit_test(a_command_whose_header_alone_was_there_is_told_in_its_turn),
		cmocka_unit_test(long_work_is_told_too),
		cmocka_unit_test(a_copy_ends_with_either_of_its_units),
		cmocka_unit_test(a_copy_that_waits_for_a_unit_looks_again_when_that_is_removed),
		cmocka_unit_test(task_management_is_answered_when_the_storage_of_a_removed_unit_is_through),
		cmocka_unit_test(task_management_of_one_unit_does_not_wait_for_another),
		cmocka_unit_test(a_command_of_a_removed_unit_can_be_aborted),
		cmocka_unit_test(a_preempt_and_abort_that_waits_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
