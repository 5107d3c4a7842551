/* SPDX-License-Identifier: MIT */
/*
 * What one initiator may hold of the disk's buffers and records, and what the others find then.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_rig.h"

#include "disk/disk.h"

enum {
	BUFFER = 4096,
	BUFFERS = 16
};

static struct rig *rig_small(enum rig_backing b)
{
	struct iscsip_disk_lun_config lun = { .blocks = 4096 };
	struct iscsip_disk_config cfg;
	struct rig *r;

	iscsip_disk_config_init(&cfg, sizeof cfg);
	cfg.buffer_size = BUFFER;
	cfg.buffer_count = BUFFERS;
	r = rig_new_with(b, &lun, &cfg);
	rig_open(r, 2);
	disk_itl_at(&r->disk->luns[0], r->nexus[2].priv[0])->ua = 0;
	return r;
}

/* A write of so many buffers. */
static struct rig_cmd *write_of(struct rig *r, int n, uint32_t buffers, bool placed_only)
{
	static uint8_t data[BUFFERS * BUFFER];
	uint8_t cdb[16];

	return rig_begin(r, n, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, (uint64_t)n * 512, buffers * (BUFFER / 512), 0), data,
			 buffers * BUFFER, 0, ISCSIP_ATTR_SIMPLE, placed_only);
}

static uint32_t free_buffers(const struct rig *r)
{
	return r->disk->buffers_free;
}

static void commands_before_their_turn_leave_others_as_much_as_they_hold(void **state)
{
	struct rig *r = rig_small(RIG_SYNC);
	int i;

	(void)state;
	for (i = 0; i < 2 * BUFFERS; i++)
		write_of(r, 0, 1, true);
	assert_int_equal(free_buffers(r), BUFFERS / 2);
	for (i = 0; i < 2 * BUFFERS; i++)
		write_of(r, 1, 1, true);
	assert_in_range(free_buffers(r), BUFFERS / 4, BUFFERS / 2 - 1);
	assert_good(rig_read(r, 2, 0, 8));
	while (r->cmds)
		rig_release(r->cmds);
	assert_int_equal(free_buffers(r), BUFFERS);
	rig_free(r);
}

static void one_command_takes_half_of_the_pool_at_most(void **state)
{
	struct iscsip_disk_lun_config lun = { .blocks = 4096, .max_transfer = BUFFERS * BUFFER };
	struct rig *r = rig_small(RIG_SYNC);
	struct rig_cmd *c;

	(void)state;
	assert_int_equal(r->disk->luns[0].cfg.max_transfer, BUFFERS / 2 * BUFFER);
	assert_int_equal(rig_add_unit(r, 1, RIG_SYNC, &lun), ISCSIP_OK);
	c = write_of(r, 0, BUFFERS, true);
	assert_int_equal(free_buffers(r), BUFFERS);
	rig_release(c);
	rig_free(r);
}

/* WRITEs that execute and whose data does not come. */
static void writes_without_data_keep_nobody_waiting(void **state)
{
	struct rig *r = rig_small(RIG_SYNC);
	struct rig_cmd *c[4];
	int i;

	(void)state;
	for (i = 0; i < 4; i++)
		c[i] = write_of(r, 0, BUFFERS / 4, false);
	assert_int_equal(free_buffers(r), BUFFERS / 2);
	assert_good(rig_read(r, 1, 0, 8)); /* pumps: by then they have all been served, too */
	for (i = 0; i < 4; i++)
		assert_true(c[i]->completed);
	rig_free(r);
}

static void a_newcomer_waits_for_buffers_before_all_others_and_their_holders_hurry(void **state)
{
	struct rig *r = rig_small(RIG_DEFERRED);
	struct rig_cmd *hog[2], *next, *newcomer, *later;

	(void)state;
	r->all_asked = true;
	hog[0] = write_of(r, 0, BUFFERS / 2, false);
	hog[1] = write_of(r, 1, BUFFERS / 2, false);
	assert_int_equal(free_buffers(r), 0);
	next = write_of(r, 0, 1, false);
	newcomer = write_of(r, 2, BUFFERS / 2, false); /* exactly the maximum */
	later = write_of(r, 1, 1, false);
	assert_false(next->vec || newcomer->vec || later->vec);
	assert_int_equal(hog[0]->hurried + hog[1]->hurried, 2);
	rig_abort(hog[1]);
	assert_non_null(newcomer->vec);
	assert_false(next->vec || later->vec);
	rig_pump(r);
	assert_good(hog[0]);
	assert_good(newcomer);
	assert_good(next);
	assert_good(later);
	rig_free(r);
}

static void aborts_in_the_middle_of_those_that_wait_leave_the_rest_in_line(void **state)
{
	int gone;

	(void)state;
	for (gone = 0; gone < 4; gone++) {
		struct rig *r = rig_small(RIG_DEFERRED);
		struct rig_cmd *hog[2], *w[4];
		int i;

		r->all_asked = true;
		for (i = 0; i < 2; i++)
			hog[i] = write_of(r, i, BUFFERS / 2, false);
		for (i = 0; i < 4; i++)
			w[i] = write_of(r, i == 1 ? 2 : i & 1, BUFFERS / 4, false);
		rig_abort(w[gone]);
		assert_int_equal(w[gone]->completions, 1);
		assert_int_equal(r->disk->newcomers, gone == 1 ? 0 : 1);
		rig_pump(r);
		for (i = 0; i < 4; i++)
			if (i != gone)
				assert_good(w[i]);
		for (i = 0; i < 2; i++)
			assert_good(hog[i]);
		rig_free(r);
	}
}

static void all_sessions_of_an_initiator_have_one_share(void **state)
{
	static const uint8_t isid[6] = { 0x80, 9, 9, 9, 9, 9 };
	struct rig *r = rig_small(RIG_SYNC);
	uint8_t id[ISCSIP_TRANSPORT_ID_MAX];
	size_t len = iscsip_transport_id_iscsi(id, sizeof id, "iqn.1994-05.com.example:one", isid);
	struct iscsip_disk_nexus second;
	const struct disk_slot *a, *b;

	(void)state;
	assert_int_equal(iscsip_disk_nexus_open(r->disk, &second, id, len, 1), ISCSIP_OK);
	a = r->nexus[0].priv[0];
	b = second.priv[0];
	assert_ptr_equal(a->share, b->share);
	assert_ptr_not_equal(((const struct disk_slot *)r->nexus[1].priv[0])->share, a->share);
	iscsip_disk_nexus_close(&second);
	assert_int_equal(a->share->slots, 1);
	/* a name that goes on where this one ends is another's */
	len = iscsip_transport_id_iscsi(id, sizeof id, "iqn.1994-05.com.example:one2", isid);
	assert_int_equal(iscsip_disk_nexus_open(r->disk, &second, id, len, 1), ISCSIP_OK);
	assert_ptr_not_equal(((const struct disk_slot *)second.priv[0])->share, a->share);
	iscsip_disk_nexus_close(&second);
	rig_free(r);
}

static void a_share_outlives_its_nexus_until_its_last_command_is_gone(void **state)
{
	struct rig *r = rig_small(RIG_SYNC);
	struct rig_cmd *c = write_of(r, 0, 2, true);
	const struct disk_share *share = ((const struct disk_slot *)r->nexus[0].priv[0])->share;

	(void)state;
	iscsip_disk_nexus_close(&r->nexus[0]);
	assert_int_equal(share->buffers, 2);
	rig_open(r, 0);
	assert_ptr_not_equal(((const struct disk_slot *)r->nexus[0].priv[0])->share, share);
	rig_release(c);
	assert_int_equal(share->buffers + share->records, 0);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_before_their_turn_leave_others_as_much_as_they_hold),
		cmocka_unit_test(one_command_takes_half_of_the_pool_at_most),
		cmocka_unit_test(writes_without_data_keep_nobody_waiting),
		cmocka_unit_test(a_newcomer_waits_for_buffers_before_all_others_and_their_holders_hurry),
		cmocka_unit_test(aborts_in_the_middle_of_those_that_wait_leave_the_rest_in_line),
		cmocka_unit_test(all_sessions_of_an_initiator_have_one_share),
		cmocka_unit_test(a_share_outlives_its_nexus_until_its_last_command_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
