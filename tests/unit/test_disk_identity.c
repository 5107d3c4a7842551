/* SPDX-License-Identifier: MIT */
/*
 * Who a unit is: no name names two units of a disk, whoever made it, so that a copy goes where it was meant to go; and how a
 * unit is addressed by initiators that have the LUN in the CDB as well.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_rig.h"

#include "base/bytes.h"
#include "disk/disk.h"

static const uint8_t naa_a[16] = { 0x60, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
static const uint8_t naa_b[16] = { 0x60, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16 };
/* designators as page 83h has them: an EUI-64, a vendor's own, a logical unit group */
static const uint8_t eui[12] = { 0x01, 0x02, 0, 8, 0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77 };
static const uint8_t vendors[8] = { 0x01, 0x00, 0, 4, 'a', 'b', 'c', 'd' };
static const uint8_t group[8] = { 0x01, 0x06, 0, 4, 0, 0, 0, 1 };

static int add(struct rig *r, uint32_t lun, struct iscsip_disk_lun_config c)
{
	c.blocks = 64;
	return rig_add_unit(r, lun, RIG_SYNC, &c);
}

static void a_unit_that_has_the_name_of_another_is_not_added(void **state)
{
	static const struct {
		struct iscsip_disk_lun_config one, two;
		int code;
	} pairs[] = {
		{ { .serial = "SAME" }, { .serial = "SAME" }, ISCSIP_EEXIST },
		{ { .serial = "SAME" }, { .serial = "SAME2" }, ISCSIP_OK },
		{ { .serial = NULL }, { .serial = NULL }, ISCSIP_OK },
		{ { .serial = "SAME", .naa = naa_a }, { .serial = "SAME", .naa = naa_b }, ISCSIP_EEXIST },
		{ { .serial = "SAME", .naa = naa_a }, { .serial = "SAME", .naa = naa_b, .product = "OTHER" }, ISCSIP_OK },
		{ { .serial = "SAME", .naa = naa_a }, { .serial = "SAME", .naa = naa_b, .vendor = "OTHER" }, ISCSIP_OK },
		{ { .serial = "A", .naa = naa_a }, { .serial = "B", .naa = naa_a }, ISCSIP_EEXIST },
		{ { .serial = "A", .naa = naa_a }, { .serial = "B", .naa = naa_b }, ISCSIP_OK },
		{ { .designators = eui, .designators_len = 12 }, { .designators = eui, .designators_len = 12 }, ISCSIP_EEXIST },
		{ { .designators = eui, .designators_len = 12 }, { .serial = "B" }, ISCSIP_OK },
		/* these need not be anybody's alone */
		{ { .designators = vendors, .designators_len = 8 }, { .designators = vendors, .designators_len = 8 }, ISCSIP_OK },
		{ { .designators = group, .designators_len = 8 }, { .designators = group, .designators_len = 8 }, ISCSIP_OK },
	};
	size_t k;

	(void)state;
	for (k = 0; k < sizeof pairs / sizeof pairs[0]; k++) {
		struct rig *r = rig_new(RIG_SYNC, 0);

		assert_int_equal(add(r, 1, pairs[k].one), ISCSIP_OK);
		assert_int_equal(add(r, 2, pairs[k].two), pairs[k].code);
		if (pairs[k].code) {
			/* nothing of it has stayed, and the name is free when its unit has gone */
			assert_int_equal(r->disk->map[2], 0);
			assert_int_equal(iscsip_disk_lun_remove(r->disk, 1), ISCSIP_DONE);
			assert_int_equal(add(r, 2, pairs[k].two), ISCSIP_OK);
		}
		rig_free(r);
	}
}

/* A host's designator may be the one that the disk makes for another unit, whichever of them comes first. */
static void a_designator_of_the_host_may_not_be_that_of_another_unit(void **state)
{
	uint8_t own[20] = { 0x01, 0x03, 0, 16 };
	struct iscsip_disk_lun_config host = { .designators = own, .designators_len = sizeof own }, plain = { .naa = naa_a };
	int first;

	(void)state;
	memcpy(own + 4, naa_a, 16);
	for (first = 0; first < 2; first++) {
		struct rig *r = rig_new(RIG_SYNC, 0);

		assert_int_equal(add(r, 1, first ? host : plain), ISCSIP_OK);
		assert_int_equal(add(r, 2, first ? plain : host), ISCSIP_EEXIST);
		rig_free(r);
	}
}

/* A unit that was removed and still waits for its storage has given its name free. */
static void the_name_of_a_unit_that_is_going_is_free(void **state)
{
	struct iscsip_disk_lun_config named = { .serial = "SAME" };
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	static const uint8_t sync10[10] = { 0x35 };

	(void)state;
	named.blocks = 64;
	assert_int_equal(rig_add_unit(r, 1, RIG_DEFERRED, &named), ISCSIP_OK);
	rig_clear_attention(r);
	rig_begin(r, 0, 1, sync10, 10, NULL, 0, 0, 1, false);
	assert_int_equal(iscsip_disk_lun_remove(r->disk, 1), ISCSIP_OK);
	assert_int_equal(add(r, 2, named), ISCSIP_OK);
	rig_pump(r);
	rig_free(r);
}

/* A name that is not anybody's alone names nobody to a copy. */
static void a_copy_descriptor_that_fits_two_units_fails(void **state)
{
	struct iscsip_disk_lun_config one = { .designators = vendors, .designators_len = 8 };
	uint8_t cdb[16] = { 0x83 }, list[76] = { 0 };
	struct rig *r = rig_new(RIG_SYNC, 0);
	uint8_t *cscd = list + 16, *segment = list + 48;

	(void)state;
	cdb[13] = sizeof list;
	store_be16(list + 2, 32);
	list[11] = 28;
	cscd[0] = 0xe4;
	memcpy(cscd + 4, vendors, 8);
	store_be24(cscd + 29, 512);
	segment[0] = 0x02;
	segment[3] = 24;
	segment[11] = 1;
	segment[27] = 4;
	assert_int_equal(add(r, 1, one), ISCSIP_OK);
	rig_clear_attention(r);
	memset(r->unit[1].bytes, 7, 512);
	assert_good(rig_run(r, 0, 1, cdb, 16, list, sizeof list, 0));
	assert_int_equal(r->unit[1].bytes[4 * 512], 7);
	memset(r->unit[1].bytes, 8, 512);
	assert_int_equal(add(r, 2, one), ISCSIP_OK);
	rig_clear_attention(r);
	assert_check(rig_run(r, 0, 1, cdb, 16, list, sizeof list, 0), ISCSIP_SENSE_COPY_ABORTED, ISCSIP_ASC_COPY_TARGET_UNREACHABLE);
	assert_int_equal(r->unit[1].bytes[4 * 512], 7);
	rig_free(r);
}

static void the_vendor_is_this_project_and_nobody_else(void **state)
{
	static const uint8_t inquiry[6] = { 0x12, 0, 0, 0, 96 };
	struct rig *r = rig_new(RIG_SYNC, 0);
	uint32_t lun;

	(void)state;
	for (lun = 0; lun < 8; lun += 7) {
		struct rig_cmd *c = rig_run(r, 0, lun, inquiry, 6, NULL, 0, 96);

		assert_good(c);
		assert_memory_equal(c->in + 8, "ISCSIPRO", 8);
	}
	rig_free(r);
}

/* --- the LUN in the CDB --------------------------------------------------------------------------------------- */

static struct rig *rig_with_lun_3(uint32_t flags)
{
	struct iscsip_disk_lun_config lun = { .blocks = 64 };
	struct iscsip_disk_config cfg;
	struct rig *r;

	iscsip_disk_config_init(&cfg, sizeof cfg);
	assert_int_equal(cfg.flags, 0);
	cfg.flags = flags;
	r = rig_new_with(RIG_SYNC, &lun, &cfg);
	assert_int_equal(rig_add_unit(r, 3, RIG_SYNC, &lun), ISCSIP_OK);
	rig_clear_attention(r);
	return r;
}

/* Commands whose bits 7 to 5 of byte 1 mean nothing, as SCSI-2 initiators begin with them, and some where they have a meaning. */
static const struct {
	uint8_t cdb[16];
	uint8_t len;
	bool means;
} asked[] = {
	{ { 0x00 }, 6, false },
	{ { 0x03, 0, 0, 0, 18 }, 6, false },
	{ { 0x12, 0, 0, 0, 36 }, 6, false },
	{ { 0x08, 0, 0, 0, 1 }, 6, false },
	{ { 0x1a, 0x08, 0x3f, 0, 255 }, 6, false },
	{ { 0x1b, 0, 0, 0, 1 }, 6, false },
	{ { 0x25 }, 10, false },
	{ { 0x35 }, 10, false },
	{ { 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32 }, 16, false },
	{ { 0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0 }, 12, false },
	{ { 0x28, 0, 0, 0, 0, 0, 0, 0, 1 }, 10, true },
	{ { 0x88, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 16, true },
	{ { 0xa8, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 12, true },
	{ { 0x2f, 0, 0, 0, 0, 0, 0, 0, 1 }, 10, true },
};

static void the_lun_in_the_cdb_is_taken_where_the_host_allows_it_and_it_is_the_right_one(void **state)
{
	uint32_t flags, bits;
	uint8_t cdb[16];
	size_t k;

	(void)state;
	for (flags = 0; flags < 2; flags++) {
		struct rig *r = rig_with_lun_3(flags ? ISCSIP_DISK_CDB_LUN : 0);

		for (k = 0; k < sizeof asked / sizeof asked[0]; k++) {
			for (bits = 0; bits < 8; bits++) {
				struct rig_cmd *c;

				memcpy(cdb, asked[k].cdb, 16);
				cdb[1] |= (uint8_t)(bits << 5);
				c = rig_run(r, 0, 3, cdb, asked[k].len, NULL, 0, 512);
				if (bits == 0 || (flags && bits == 3 && !asked[k].means))
					assert_good(c);
				else
					assert_cdb_field(c, 1);
			}
		}
		/* bits that are reserved beside it are still looked at */
		memcpy(cdb, asked[0].cdb, 16);
		cdb[1] = 3 << 5 | 1;
		assert_cdb_field(rig_run(r, 0, 3, cdb, 6, NULL, 0, 0), 1);
		cdb[1] = 3 << 5;
		cdb[2] = 1;
		assert_check(rig_run(r, 0, 3, cdb, 6, NULL, 0, 0), 5, ISCSIP_ASC_INVALID_FIELD_IN_CDB);
		/* a LUN beyond 7 has no place there: its low bits are not it */
		memcpy(cdb, asked[2].cdb, 16);
		cdb[1] = 3 << 5;
		assert_cdb_field(rig_run(r, 0, 11, cdb, 6, NULL, 0, 36), 1);
		/* where there is no unit, INQUIRY says so */
		cdb[1] = 5 << 5;
		if (flags)
			assert_int_equal(rig_run(r, 0, 5, cdb, 6, NULL, 0, 36)->in[0], 0x7f);
		else
			assert_cdb_field(rig_run(r, 0, 5, cdb, 6, NULL, 0, 36), 1);
		rig_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_unit_that_has_the_name_of_another_is_not_added),
		cmocka_unit_test(a_designator_of_the_host_may_not_be_that_of_another_unit),
		cmocka_unit_test(the_name_of_a_unit_that_is_going_is_free),
		cmocka_unit_test(a_copy_descriptor_that_fits_two_units_fails),
		cmocka_unit_test(the_vendor_is_this_project_and_nobody_else),
		cmocka_unit_test(the_lun_in_the_cdb_is_taken_where_the_host_allows_it_and_it_is_the_right_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
