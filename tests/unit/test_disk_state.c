/* SPDX-License-Identifier: MIT */
/*
 * What the disk remembers of a nexus, and when it forgets: unit attentions, the echo buffer, memory of the medium that data
 * lands in, buffers, allegiances. Each test stands where a line of the disk could be taken out without another noticing.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_rig.h"

#include "base/bytes.h"
#include "disk/disk.h"

/* SPC-4 5.14 (SAM-5 5.14): INQUIRY, REPORT LUNS and REQUEST SENSE run; every other command is met. */
static void every_command_meets_a_unit_attention_but_three(void **state)
{
	static const uint8_t data[512] = { 0 };
	struct rig *r = rig_new(RIG_SYNC, ISCSIP_LUN_THIN);
	unsigned i, met = 0;

	(void)state;
	for (i = 0; i < iscsip__disk_op_count; i++) {
		const struct disk_op *op = &iscsip__disk_ops[i];
		uint8_t cdb[16] = { op->opcode, op->sa == DISK_NO_SA ? 0 : op->sa };
		bool out = op->place != PLACE_NONE, runs = op->opcode == 0x12 || op->opcode == 0xa0 || op->opcode == 0x03;
		struct rig_cmd *c;

		assert_int_equal(iscsip_disk_lun_resize(r->disk, 0, 1000 + i), ISCSIP_OK);
		if (op->opcode == 0xa0)
			cdb[9] = 64;
		c = rig_run(r, 0, 0, cdb, 16, data, out ? 512 : 0, out ? 0 : 512);
		if (!runs) {
			assert_check(c, ISCSIP_SENSE_UNIT_ATTENTION, ISCSIP_ASC_CAPACITY_CHANGED);
			met++;
			assert_good(rig_tur(r, 0));
			continue;
		}
		assert_good(c);
		if (op->opcode == 0x03)
			assert_good(rig_tur(r, 0)); /* it told what there was to tell */
		else
			assert_check(rig_tur(r, 0), ISCSIP_SENSE_UNIT_ATTENTION, ISCSIP_ASC_CAPACITY_CHANGED);
	}
	assert_int_equal(met, iscsip__disk_op_count - 3);
	rig_free(r);
}

static void a_reset_is_told_in_place_of_what_came_before(void **state)
{
	struct rig *r = rig_new(RIG_SYNC, 0);

	(void)state;
	assert_int_equal(iscsip_disk_lun_resize(r->disk, 0, 1000), ISCSIP_OK);
	assert_int_equal(rig_tmf(r, 1, 0, ISCSIP_TMF_LOGICAL_UNIT_RESET, NULL), ISCSIP_TMF_COMPLETE);
	assert_int_equal(iscsip_disk_lun_resize(r->disk, 0, 900), ISCSIP_OK);
	assert_check(rig_tur(r, 0), ISCSIP_SENSE_UNIT_ATTENTION, ISCSIP_ASC_DEVICE_RESET);
	assert_check(rig_tur(r, 0), ISCSIP_SENSE_UNIT_ATTENTION, ISCSIP_ASC_CAPACITY_CHANGED);
	assert_good(rig_tur(r, 0));
	assert_int_equal(iscsip_disk_lun_resize(r->disk, 0, 800), ISCSIP_OK);
	assert_int_equal(rig_tmf(r, 1, 0, ISCSIP_TMF_LOGICAL_UNIT_RESET, NULL), ISCSIP_TMF_COMPLETE);
	assert_check(rig_tur(r, 0), ISCSIP_SENSE_UNIT_ATTENTION, ISCSIP_ASC_DEVICE_RESET);
	assert_good(rig_tur(r, 0));
	rig_free(r);
}

/* The next nexus may be another initiator in the same place of the table: it must not read what that one wrote. */
static void the_echo_buffer_goes_with_the_nexus(void **state)
{
	static const uint8_t write[10] = { 0x3b, 0x0a, 0, 0, 0, 0, 0, 0, 9 }, read[10] = { 0x3c, 0x0a, 0, 0, 0, 0, 0, 1, 0 };
	struct rig *r = rig_new(RIG_SYNC, 0);

	(void)state;
	assert_good(rig_run(r, 0, 0, write, 10, "a secret", 9, 0));
	iscsip_disk_nexus_close(&r->nexus[0]);
	rig_open(r, 2);
	rig_open(r, 0);
	rig_clear_attention(r);
	assert_check(rig_run(r, 2, 0, read, 10, NULL, 0, 256), 5, ISCSIP_ASC_SEQUENCE_ERROR);
	assert_check(rig_run(r, 0, 0, read, 10, NULL, 0, 256), 5, ISCSIP_ASC_SEQUENCE_ERROR);
	/* and with a reset of the unit */
	assert_good(rig_run(r, 0, 0, write, 10, "a secret", 9, 0));
	assert_int_equal(rig_tmf(r, 1, 0, ISCSIP_TMF_LOGICAL_UNIT_RESET, NULL), ISCSIP_TMF_COMPLETE);
	rig_clear_attention(r);
	assert_check(rig_run(r, 0, 0, read, 10, NULL, 0, 256), 5, ISCSIP_ASC_SEQUENCE_ERROR);
	rig_free(r);
}

/* Data of an aborted write may land until the transport lets go of the command: the answer to a reset waits for that. */
static void a_reset_is_answered_when_no_data_can_land_any_more(void **state)
{
	static const uint8_t functions[] = { ISCSIP_TMF_LOGICAL_UNIT_RESET, ISCSIP_TMF_CLEAR_TASK_SET, ISCSIP_TMF_TARGET_WARM_RESET };
	uint8_t cdb[16], data[4096];
	size_t i, len;

	(void)state;
	memset(data, 0x77, sizeof data);
	for (i = 0; i < sizeof functions; i++) {
		struct rig *r = rig_new(RIG_RAM, 0);
		static struct iscsip_tmf tmf;
		struct rig_cmd *c;

		r->hold_sent = r->hold_aborted = true;
		len = iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, 8, 8, 0);
		c = rig_begin(r, 0, 0, cdb, len, data, 4096, 0, ISCSIP_ATTR_SIMPLE, false);
		assert_true(c->data_due && !c->completed);
		assert_int_equal(r->unit[0].pins, 1);
		rig_tmf_init(r, &tmf, 1, 0, functions[i], NULL);
		iscsip_disk_ops()->tmf(r->disk, &tmf);
		assert_int_equal(c->completions, 1);
		assert_int_equal(r->unit[0].pins, 1);
		assert_false(rig_tmf_answered(&tmf, ISCSIP_TMF_COMPLETE));
		rig_release(c);
		assert_int_equal(r->unit[0].pins, 0);
		assert_true(rig_tmf_answered(&tmf, ISCSIP_TMF_COMPLETE));
		rig_free(r);
	}
}

/* A written command's buffer is another's at once, while its own answer has not been sent. */
static void a_write_that_is_through_holds_no_buffer(void **state)
{
	struct rig *r = rig_new(RIG_SYNC, 0);
	uint32_t all = r->disk->buffers_free;
	uint8_t cdb[16], data[8192] = { 1 };
	size_t len = iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, 0, 16, 0);
	struct rig_cmd *c;

	(void)state;
	r->hold_sent = true;
	c = rig_begin(r, 0, 0, cdb, len, data, 8192, 0, ISCSIP_ATTR_SIMPLE, false);
	assert_int_equal(r->disk->buffers_free, all - 2);
	while (!c->completed)
		assert_true(rig_step(r));
	assert_false(c->freed);
	assert_int_equal(r->disk->buffers_free, all);
	rig_free(r);
}

/* With NACA set again a command of the faulted nexus fails; one CLEAR ACA ends it all (SAM-5 5.9.3). */
static void an_allegiance_is_made_once(void **state)
{
	uint8_t cdb[16];
	size_t len = iscsip_cdb_rw(cdb, ISCSIP_CDB_READ, 5000, 1, 0);
	struct rig *r = rig_new(RIG_SYNC, 0);
	int i;

	(void)state;
	cdb[len - 1] = 0x04;
	for (i = 0; i < 3; i++) {
		struct rig_cmd *c = rig_begin(r, 0, 0, cdb, len, NULL, 0, 512, i ? ISCSIP_ATTR_ACA : ISCSIP_ATTR_SIMPLE, false);

		assert_check(c, 5, ISCSIP_ASC_LBA_OUT_OF_RANGE);
		rig_pump(r);
	}
	assert_int_equal(rig_tmf(r, 0, 0, ISCSIP_TMF_CLEAR_ACA, NULL), ISCSIP_TMF_COMPLETE);
	assert_good(rig_read(r, 1, 0, 1));
	assert_int_equal(r->disk->luns[0].order, 0);
	rig_free(r);
}

/* SBC-3 4.11.4: another SANITIZE may be tried, and makes the unit whole. */
static void a_sanitize_that_succeeds_opens_the_unit_again(void **state)
{
	static const uint8_t erase[10] = { 0x48, 0x02 };
	struct rig *r = rig_new(RIG_DEFERRED, ISCSIP_LUN_THIN);

	(void)state;
	r->unit[0].fail = ISCSIP_STORAGE_IO_ERROR;
	assert_check(rig_run(r, 0, 0, erase, 10, NULL, 0, 0), ISCSIP_SENSE_MEDIUM_ERROR, ISCSIP_ASC_SANITIZE_FAILED);
	assert_check(rig_tur(r, 1), ISCSIP_SENSE_MEDIUM_ERROR, ISCSIP_ASC_SANITIZE_FAILED);
	r->unit[0].fail = 0;
	assert_good(rig_run(r, 0, 0, erase, 10, NULL, 0, 0));
	assert_good(rig_tur(r, 1));
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_command_meets_a_unit_attention_but_three),
		cmocka_unit_test(a_reset_is_told_in_place_of_what_came_before),
		cmocka_unit_test(the_echo_buffer_goes_with_the_nexus),
		cmocka_unit_test(a_reset_is_answered_when_no_data_can_land_any_more),
		cmocka_unit_test(a_write_that_is_through_holds_no_buffer),
		cmocka_unit_test(an_allegiance_is_made_once),
		cmocka_unit_test(a_sanitize_that_succeeds_opens_the_unit_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
