/* SPDX-License-Identifier: MIT */
/*
 * Data that must lie aside: whose digest is not judged yet, or whose command's turn has not come. On a disk in memory, which
 * names the medium itself for all other data.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_rig.h"

#include "disk/disk.h"

enum {
	LBA = 8,
	BLOCKS = 4,
	OLD = 0,
	NEW = 0x22
};

static struct rig_cmd *write_begin(struct rig *r, int n, bool placed_only)
{
	uint8_t cdb[16], data[BLOCKS * 512];

	memset(data, NEW, sizeof data);
	return rig_begin(r, n, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, LBA, BLOCKS, 0), data, sizeof data, 0,
			 ISCSIP_ATTR_SIMPLE, placed_only);
}

static bool medium_is(const struct rig *r, uint8_t value)
{
	uint32_t i;

	for (i = 0; i < BLOCKS * 512; i++)
		if (r->unit[0].bytes[LBA * 512 + i] != value)
			return false;
	return true;
}

static struct rig *rig_aside(void)
{
	struct rig *r = rig_new(RIG_RAM, 0);

	r->flags = ISCSIP_CMD_ASIDE;
	return r;
}

static void data_under_a_digest_is_in_the_medium_when_all_of_it_was_judged(void **state)
{
	struct rig *r = rig_aside();
	struct rig_cmd *c = write_begin(r, 0, true);

	(void)state;
	assert_int_equal(r->unit[0].pins, 0);
	assert_true(medium_is(r, OLD));
	rig_exec(c);
	assert_true(medium_is(r, OLD)); /* half of it is there */
	rig_pump(r);
	assert_good(c);
	assert_true(medium_is(r, NEW));
	rig_free(r);
}

static void data_under_a_digest_that_was_wrong_is_never_in_the_medium(void **state)
{
	struct rig *r = rig_aside();
	struct rig_cmd *c = write_begin(r, 0, true);

	(void)state;
	rig_release(c); /* the transport drops a command whose immediate data was damaged */
	assert_true(medium_is(r, OLD));
	r->all_asked = true;
	c = write_begin(r, 0, false);
	assert_true(c->data_due && c->vec);
	memset(c->vec[0].base, 0x66, 512); /* and aborts one whose solicited data was */
	rig_abort(c);
	rig_pump(r);
	assert_true(medium_is(r, OLD));
	rig_free(r);
}

static void data_in_under_a_digest_is_sent_from_a_copy(void **state)
{
	struct rig *r = rig_aside();
	uint8_t cdb[16];
	struct rig_cmd *c;
	uint32_t i;

	(void)state;
	for (i = 0; i < 64 * 512; i++)
		r->unit[0].bytes[i] = (uint8_t)(i * 7 + i / 512);
	r->hold_sent = true;
	c = rig_begin(r, 0, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_READ, 0, 64, 0), NULL, 0, 64 * 512, ISCSIP_ATTR_SIMPLE, false);
	assert_int_equal(r->unit[0].pins, 0);
	assert_true(c->in_done > 0);
	rig_pump(r);
	assert_good(c);
	assert_int_equal(c->in_done, 64 * 512);
	assert_memory_equal(c->in, r->unit[0].bytes, 64 * 512);
	rig_free(r);
}

static void a_copy_waits_for_buffers_and_goes_in_pieces(void **state)
{
	struct iscsip_disk_lun_config lun = { .blocks = 2048, .max_transfer = 256 * 1024 };
	struct iscsip_disk_config cfg;
	struct rig_cmd *c[3];
	struct rig *r;
	uint8_t cdb[16];
	uint32_t i;

	(void)state;
	iscsip_disk_config_init(&cfg, sizeof cfg);
	cfg.buffer_size = 4096;
	cfg.buffer_count = 3;
	r = rig_new_with(RIG_RAM, &lun, &cfg);
	r->flags = ISCSIP_CMD_ASIDE;
	for (i = 0; i < 256 * 512; i++)
		r->unit[0].bytes[i] = (uint8_t)(i * 11 + i / 512);
	for (i = 0; i < 3; i++)
		c[i] = rig_begin(r, (int)(i & 1), 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_READ, i, 200, 0), NULL, 0, 200 * 512,
				 ISCSIP_ATTR_SIMPLE, false);
	rig_pump(r);
	for (i = 0; i < 3; i++) {
		assert_good(c[i]);
		assert_memory_equal(c[i]->in, r->unit[0].bytes + i * 512, 200 * 512);
	}
	rig_free(r);
}

static void a_command_before_its_turn_holds_no_buffer_for_data_that_is_asked_for(void **state)
{
	struct rig *r = rig_aside();
	struct rig_cmd *c;

	(void)state;
	r->all_asked = true;
	c = write_begin(r, 0, true);
	assert_int_equal(r->disk->buffers_free, r->cfg.buffer_count);
	c->cmd.flags &= (uint8_t)~ISCSIP_CMD_ASIDE; /* its turn has come */
	rig_exec(c);
	assert_int_equal(r->unit[0].pins, 1);
	rig_pump(r);
	assert_good(c);
	assert_true(medium_is(r, NEW));
	rig_free(r);
}

static struct rig_cmd *reserve(struct rig *r, int n)
{
	return rig_begin(r, n, 0, (const uint8_t[6]){ 0x16 }, 6, NULL, 0, 0, ISCSIP_ATTR_SIMPLE, false);
}

static void a_command_before_its_turn_is_judged_in_its_turn(void **state)
{
	struct rig *r = rig_aside();
	struct rig_cmd *c = write_begin(r, 0, true), *other;

	(void)state;
	r->flags = 0;
	other = reserve(r, 1);
	rig_step(r);
	assert_good(other);
	c->cmd.flags &= (uint8_t)~ISCSIP_CMD_ASIDE;
	rig_exec(c);
	rig_pump(r);
	assert_int_equal(c->status, ISCSIP_STATUS_RESERVATION_CONFLICT);
	assert_true(medium_is(r, OLD));
	rig_free(r);
}

/* Its turn is next, and its immediate data is landing: it was let in, and has to be through before somebody shuts it out. */
static void a_reservation_waits_for_data_that_is_landing(void **state)
{
	struct rig *r = rig_new(RIG_RAM, 0);
	struct rig_cmd *c = write_begin(r, 0, true), *other, *late;

	(void)state;
	assert_int_equal(r->unit[0].pins, 1);
	other = reserve(r, 1);
	assert_false(other->completed);
	late = write_begin(r, 0, true);
	assert_int_equal(r->unit[0].pins, 1); /* nobody more is let in */
	rig_exec(c);
	rig_pump(r);
	assert_good(c);
	assert_good(other);
	rig_exec(late);
	rig_pump(r);
	assert_int_equal(late->status, ISCSIP_STATUS_RESERVATION_CONFLICT);
	rig_free(r);
}

static void a_reservation_goes_on_when_what_was_landing_is_given_up(void **state)
{
	struct rig *r = rig_new(RIG_RAM, 0);
	struct rig_cmd *c = write_begin(r, 0, true), *other = reserve(r, 1);

	(void)state;
	assert_false(other->completed);
	rig_release(c);
	assert_good(other);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_under_a_digest_is_in_the_medium_when_all_of_it_was_judged),
		cmocka_unit_test(data_under_a_digest_that_was_wrong_is_never_in_the_medium),
		cmocka_unit_test(data_in_under_a_digest_is_sent_from_a_copy),
		cmocka_unit_test(a_copy_waits_for_buffers_and_goes_in_pieces),
		cmocka_unit_test(a_command_before_its_turn_holds_no_buffer_for_data_that_is_asked_for),
		cmocka_unit_test(a_command_before_its_turn_is_judged_in_its_turn),
		cmocka_unit_test(a_reservation_waits_for_data_that_is_landing),
		cmocka_unit_test(a_reservation_goes_on_when_what_was_landing_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
