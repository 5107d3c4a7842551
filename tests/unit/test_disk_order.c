/* SPDX-License-Identifier: MIT */
/*
 * The task set: task attributes, atomic commands among others, auto contingent allegiance, task management. Storage that answers
 * when told shows which commands are at work.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_rig.h"

#include "base/bytes.h"
#include "disk/disk.h"

#define SIMPLE ISCSIP_ATTR_SIMPLE
#define ORDERED ISCSIP_ATTR_ORDERED
#define HEAD ISCSIP_ATTR_HEAD_OF_QUEUE

static struct rig_cmd *read_as(struct rig *r, int n, uint64_t lba, uint8_t attr)
{
	uint8_t cdb[16];

	return rig_begin(r, n, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_READ, lba, 1, 0), NULL, 0, 512, attr, false);
}

static struct rig_cmd *write_as(struct rig *r, int n, uint64_t lba, uint8_t value, uint8_t attr, bool place_only)
{
	uint8_t cdb[16], data[512];

	memset(data, value, sizeof data);
	return rig_begin(r, n, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, lba, 1, 0), data, 512, 0, attr, place_only);
}

static struct rig_cmd *caw_as(struct rig *r, int n, uint64_t lba, uint8_t from, uint8_t to, uint8_t attr)
{
	uint8_t cdb[16] = { 0x89, 0, 0, 0, 0, 0, 0, 0, 0, (uint8_t)lba, 0, 0, 0, 1 }, data[1024];

	memset(data, from, 512);
	memset(data + 512, to, 512);
	return rig_begin(r, n, 0, cdb, 16, data, 1024, 0, attr, false);
}

/* Data and status move, storage does not answer. */
static void move(struct rig *r)
{
	while (rig_step(r))
		;
}

static void simple_commands_run_side_by_side(void **state)
{
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	struct rig_cmd *c[4];
	int i;

	(void)state;
	for (i = 0; i < 4; i++)
		c[i] = read_as(r, i & 1, (uint64_t)i, i & 2 ? SIMPLE : ISCSIP_ATTR_UNTAGGED);
	assert_int_equal(r->pending_cnt, 4);
	for (i = 3; i >= 0; i--) {
		rig_storage_run_reversed(r);
		assert_true(c[i]->completed);
	}
	rig_free(r);
}

static void an_ordered_command_waits_for_the_older_and_holds_the_younger(void **state)
{
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	struct rig_cmd *a, *b, *o, *y;

	(void)state;
	a = read_as(r, 0, 0, SIMPLE);
	b = read_as(r, 1, 1, SIMPLE);
	o = read_as(r, 0, 2, ORDERED);
	y = read_as(r, 1, 3, SIMPLE);
	assert_int_equal(r->pending_cnt, 2);
	rig_storage_run_reversed(r);
	assert_true(b->completed);
	assert_int_equal(r->pending_cnt, 1);
	rig_storage_run(r);
	assert_true(a->completed);
	assert_int_equal(r->pending_cnt, 1); /* the ordered one alone */
	assert_false(y->completed);
	rig_storage_run(r);
	assert_true(o->completed);
	assert_false(y->completed);
	rig_pump(r);
	assert_good(y);
	rig_free(r);
}

static void head_of_queue_overtakes_what_waits(void **state)
{
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	struct rig_cmd *a, *o, *h, *y;

	(void)state;
	a = read_as(r, 0, 0, SIMPLE);
	o = read_as(r, 0, 1, ORDERED);
	h = read_as(r, 0, 2, HEAD);
	y = read_as(r, 0, 3, SIMPLE);
	assert_int_equal(r->pending_cnt, 2);
	rig_storage_run_reversed(r);
	assert_true(h->completed);
	assert_false(a->completed || o->completed || y->completed);
	rig_pump(r);
	assert_good(a);
	assert_good(o);
	assert_good(y);
	rig_free(r);
}

static void the_last_ordered_write_wins(void **state)
{
	(void)state;
	for (enum rig_backing b = RIG_RAM; b <= RIG_DEFERRED; b++) {
		struct rig *r = rig_new(b, 0);
		struct rig_cmd *first = write_as(r, 0, 5, 0x11, ORDERED, true);
		struct rig_cmd *second = write_as(r, 0, 5, 0x22, SIMPLE, true);

		rig_exec(first);
		rig_exec(second);
		rig_pump(r);
		assert_good(first);
		assert_good(second);
		assert_int_equal(r->unit[0].bytes[5 * 512], 0x22);
		rig_free(r);
	}
}

static void aborting_a_dormant_command_lets_the_others_go_on(void **state)
{
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	struct rig_cmd *a, *o, *y;

	(void)state;
	a = read_as(r, 0, 0, SIMPLE);
	o = read_as(r, 0, 1, ORDERED);
	y = read_as(r, 0, 2, SIMPLE);
	assert_int_equal(r->pending_cnt, 1);
	rig_abort(o);
	assert_int_equal(o->completions, 1);
	assert_int_equal(r->pending_cnt, 2);
	rig_pump(r);
	assert_good(a);
	assert_good(y);
	rig_free(r);
}

/* --- atomic commands ------------------------------------------------------------------------------------------ */

static void compare_and_write_excludes_others_on_its_blocks_only(void **state)
{
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	struct rig_cmd *c, *same, *other, *second;

	(void)state;
	c = caw_as(r, 0, 7, 0, 1, SIMPLE);
	move(r);
	assert_int_equal(r->pending_cnt, 1);
	same = read_as(r, 1, 7, SIMPLE);
	other = read_as(r, 1, 8, SIMPLE);
	second = caw_as(r, 1, 7, 0, 2, SIMPLE);
	move(r);
	assert_int_equal(r->pending_cnt, 2);
	rig_storage_run_reversed(r);
	assert_true(other->completed);
	assert_false(same->completed);
	rig_pump(r);
	assert_good(c);
	assert_good(same);
	assert_int_equal(same->in[0], 1);
	assert_check(second, ISCSIP_SENSE_MISCOMPARE, ISCSIP_ASC_MISCOMPARE);
	assert_int_equal(r->unit[0].bytes[7 * 512], 1);
	rig_free(r);
}

static void of_many_compare_and_writes_one_succeeds(void **state)
{
	(void)state;
	for (enum rig_backing b = RIG_RAM; b <= RIG_DEFERRED; b++) {
		struct rig *r = rig_new(b, 0);
		struct rig_cmd *c[8];
		int i, good = 0;

		for (i = 0; i < 8; i++)
			c[i] = caw_as(r, i & 1, 3, 0, (uint8_t)(i + 1), i == 5 ? HEAD : SIMPLE);
		while (rig_step(r) || rig_storage_run_reversed(r))
			;
		for (i = 0; i < 8; i++) {
			assert_int_equal(c[i]->completions, 1);
			if (c[i]->status == ISCSIP_STATUS_GOOD) {
				good++;
				assert_int_equal(r->unit[0].bytes[3 * 512], i + 1);
			}
		}
		assert_int_equal(good, 1);
		rig_free(r);
	}
}

static void an_atomic_command_waits_while_memory_is_being_sent(void **state)
{
	struct rig *r = rig_new(RIG_RAM, 0);
	struct rig_cmd *reader, *c;

	(void)state;
	memset(r->unit[0].bytes, 0, 512);
	r->hold_sent = true;
	reader = read_as(r, 0, 0, SIMPLE);
	assert_true(reader->completed && !reader->freed);
	c = caw_as(r, 1, 0, 0, 9, SIMPLE);
	assert_false(c->completed);
	assert_int_equal(r->unit[0].bytes[0], 0);
	rig_pump(r);
	assert_good(c);
	assert_int_equal(r->unit[0].bytes[0], 9);
	rig_free(r);
}

static void a_write_whose_data_has_landed_is_not_held_back(void **state)
{
	struct rig *r = rig_new(RIG_RAM, 0);
	struct rig_cmd *w, *c;

	(void)state;
	w = write_as(r, 0, 4, 0x31, SIMPLE, true);
	assert_int_equal(r->unit[0].pins, 1);
	c = caw_as(r, 1, 4, 0x31, 0x32, SIMPLE);
	move(r);
	assert_false(c->completed);
	rig_exec(w);
	rig_pump(r);
	assert_good(w);
	assert_good(c);
	assert_int_equal(r->unit[0].bytes[4 * 512], 0x32);
	rig_free(r);
}

static void a_write_that_comes_while_an_atomic_one_runs_is_staged(void **state)
{
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	struct rig_cmd *c, *w;

	(void)state;
	c = caw_as(r, 0, 7, 0, 1, SIMPLE);
	move(r);
	w = write_as(r, 1, 7, 2, SIMPLE, false);
	move(r);
	assert_int_equal(r->pending_cnt, 1);
	rig_pump(r);
	assert_good(c);
	assert_good(w);
	assert_int_equal(r->unit[0].bytes[7 * 512], 2);
	rig_free(r);
}

/* --- auto contingent allegiance ------------------------------------------------------------------------------- */

static struct rig_cmd *naca_read(struct rig *r, int n, uint64_t lba, uint8_t attr)
{
	uint8_t cdb[16];
	size_t len = iscsip_cdb_rw(cdb, ISCSIP_CDB_READ, lba, 1, 0);

	cdb[9] = 0x04;
	return rig_begin(r, n, 0, cdb, len, NULL, 0, 512, attr, false);
}

static void naca_makes_an_allegiance_until_it_is_cleared(void **state)
{
	struct rig *r = rig_new(RIG_SYNC, 0);
	struct rig_cmd *c;

	(void)state;
	c = naca_read(r, 0, 5000, SIMPLE);
	assert_check(c, 5, ISCSIP_ASC_LBA_OUT_OF_RANGE);
	assert_int_equal(read_as(r, 0, 0, SIMPLE)->status, ISCSIP_STATUS_ACA_ACTIVE);
	assert_int_equal(read_as(r, 1, 0, SIMPLE)->status, ISCSIP_STATUS_BUSY);
	assert_int_equal(naca_read(r, 1, 0, SIMPLE)->status, ISCSIP_STATUS_ACA_ACTIVE);
	c = read_as(r, 0, 0, ISCSIP_ATTR_ACA);
	assert_good(c);
	assert_int_equal(rig_tmf(r, 1, 0, ISCSIP_TMF_CLEAR_ACA, NULL), ISCSIP_TMF_COMPLETE);
	assert_int_equal(read_as(r, 0, 0, SIMPLE)->status, ISCSIP_STATUS_ACA_ACTIVE);
	assert_int_equal(rig_tmf(r, 0, 0, ISCSIP_TMF_CLEAR_ACA, NULL), ISCSIP_TMF_COMPLETE);
	assert_good(read_as(r, 0, 0, SIMPLE));
	assert_good(read_as(r, 1, 0, SIMPLE));
	assert_check(read_as(r, 0, 0, ISCSIP_ATTR_ACA), 5, ISCSIP_ASC_INVALID_MESSAGE);
	assert_check(read_as(r, 0, 0, 6), 5, ISCSIP_ASC_INVALID_MESSAGE);
	rig_free(r);
}

static void an_allegiance_ends_with_its_nexus_and_with_a_reset(void **state)
{
	struct rig *r = rig_new(RIG_SYNC, 0);

	(void)state;
	naca_read(r, 0, 5000, SIMPLE);
	iscsip_disk_nexus_close(&r->nexus[0]);
	assert_good(read_as(r, 1, 0, SIMPLE));
	naca_read(r, 1, 5000, SIMPLE);
	rig_open(r, 0);
	assert_int_equal(rig_tmf(r, 0, 0, ISCSIP_TMF_LOGICAL_UNIT_RESET, NULL), ISCSIP_TMF_COMPLETE);
	rig_clear_attention(r);
	assert_good(read_as(r, 1, 0, SIMPLE));
	rig_free(r);
}

static void a_command_of_a_lost_nexus_makes_no_allegiance(void **state)
{
	uint8_t cdb[16], data[512] = { 0 };
	struct rig *r = rig_new(RIG_SYNC, 0);
	size_t len = iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, 0, 1, 0);
	struct rig_cmd *c;

	(void)state;
	cdb[9] = 0x04;
	c = rig_begin(r, 0, 0, cdb, len, data, 512, 0, ISCSIP_ATTR_ACA, true);
	iscsip_disk_nexus_close(&r->nexus[0]);
	rig_exec(c);
	assert_int_equal(c->completions, 1);
	assert_good(read_as(r, 1, 0, SIMPLE));
	rig_free(r);
}

/* --- task management ------------------------------------------------------------------------------------------ */

static void an_atomic_command_waits_for_a_read_that_is_being_sent_and_says_so(void **state)
{
	struct rig *r = rig_new(RIG_RAM, 0);
	struct rig_cmd *sent, *elsewhere, *caw, *after;

	(void)state;
	r->hold_sent = true;
	sent = read_as(r, 1, 5, SIMPLE);
	elsewhere = read_as(r, 1, 6, SIMPLE);
	assert_true(sent->completed && !sent->freed); /* its memory is still being read */
	caw = caw_as(r, 0, 5, 0, 9, SIMPLE);
	after = read_as(r, 0, 5, SIMPLE);
	assert_false(caw->completed || after->completed);
	assert_int_equal(sent->hurried, 1);
	assert_int_equal(elsewhere->hurried, 0);
	rig_release(sent);
	rig_pump(r);
	assert_good(caw);
	assert_good(after);
	assert_int_equal(after->in[0], 9);
	rig_free(r);
}

/* Nobody waits without somebody being told to hurry: an ORDERED command for a write whose data does not come, a reset for data
 * that is landing, a removal for what is being sent. */
static void whoever_waits_for_a_transfer_lets_it_hurry(void **state)
{
	struct rig *r = rig_new(RIG_RAM, 0);
	struct rig_cmd *w = write_as(r, 1, 3, 7, SIMPLE, false), *o = read_as(r, 0, 9, ORDERED), *landing, *sent;
	static struct iscsip_tmf tmf;

	(void)state;
	assert_false(o->completed);
	assert_int_equal(w->hurried, 1);
	rig_pump(r);
	assert_good(o);
	r->hold_sent = r->hold_aborted = true;
	landing = write_as(r, 1, 3, 7, SIMPLE, false);
	rig_tmf_init(r, &tmf, 0, 0, ISCSIP_TMF_LOGICAL_UNIT_RESET, NULL);
	iscsip_disk_ops()->tmf(r->disk, &tmf);
	assert_false(rig_tmf_answered(&tmf, ISCSIP_TMF_COMPLETE));
	assert_int_equal(landing->hurried, 1);
	rig_release(landing);
	assert_true(rig_tmf_answered(&tmf, ISCSIP_TMF_COMPLETE));
	rig_clear_attention(r);
	r->hold_sent = true;
	sent = read_as(r, 1, 5, SIMPLE);
	assert_int_equal(iscsip_disk_lun_remove(r->disk, 0), ISCSIP_OK);
	assert_int_equal(sent->hurried, 1);
	rig_free(r);
}

static void clear_task_set_aborts_everybodys_and_tells_the_others(void **state)
{
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	struct rig_cmd *mine = read_as(r, 0, 0, SIMPLE), *theirs = read_as(r, 1, 1, SIMPLE), *dormant = read_as(r, 1, 2, ORDERED);

	(void)state;
	assert_int_equal(rig_tmf(r, 0, 0, ISCSIP_TMF_CLEAR_TASK_SET, NULL), ISCSIP_TMF_COMPLETE);
	rig_pump(r);
	assert_int_equal(mine->status, ISCSIP_STATUS_TASK_ABORTED);
	assert_int_equal(theirs->completions + dormant->completions, 2);
	assert_good(rig_tur(r, 0));
	assert_check(rig_tur(r, 1), 6, ISCSIP_ASC_COMMANDS_CLEARED);
	assert_good(rig_tur(r, 1));
	rig_free(r);
}

static void an_answer_waits_until_the_storage_is_done_with_the_aborted(void **state)
{
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	struct rig_cmd *w = write_as(r, 0, 0, 5, SIMPLE, false);
	static struct iscsip_tmf tmf;

	(void)state;
	move(r);
	assert_int_equal(r->pending_cnt, 1);
	rig_abort(w);
	rig_tmf_init(r, &tmf, 0, 0, ISCSIP_TMF_ABORT_TASK, w);
	iscsip_disk_ops()->tmf(r->disk, &tmf);
	assert_false(rig_tmf_answered(&tmf, ISCSIP_TMF_COMPLETE));
	assert_true(iscsip_disk_busy(r->disk));
	rig_storage_run(r);
	assert_true(rig_tmf_answered(&tmf, ISCSIP_TMF_COMPLETE));
	rig_free(r);
}

static void task_management_answers_as_rfc7143_numbers_it(void **state)
{
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	struct rig_cmd *c = read_as(r, 0, 0, SIMPLE);

	(void)state;
	assert_int_equal(rig_tmf(r, 0, 0, ISCSIP_TMF_QUERY_TASK, c), ISCSIP_TMF_SUCCEEDED);
	assert_int_equal(rig_tmf(r, 0, 0, ISCSIP_TMF_QUERY_TASK, NULL), ISCSIP_TMF_COMPLETE);
	assert_int_equal(rig_tmf(r, 0, 0, ISCSIP_TMF_QUERY_TASK_SET, NULL), ISCSIP_TMF_SUCCEEDED);
	assert_int_equal(rig_tmf(r, 1, 0, ISCSIP_TMF_QUERY_TASK_SET, NULL), ISCSIP_TMF_COMPLETE);
	assert_int_equal(rig_tmf(r, 0, 0, ISCSIP_TMF_QUERY_ASYNCHRONOUS_EVENT, NULL), ISCSIP_TMF_COMPLETE);
	iscsip_disk_lun_resize(r->disk, 0, 100);
	assert_int_equal(rig_tmf(r, 0, 0, ISCSIP_TMF_QUERY_ASYNCHRONOUS_EVENT, NULL), ISCSIP_TMF_SUCCEEDED);
	assert_int_equal(rig_tmf(r, 0, 0, ISCSIP_TMF_ABORT_TASK, NULL), ISCSIP_TMF_NO_TASK);
	assert_int_equal(rig_tmf(r, 0, 9, ISCSIP_TMF_ABORT_TASK_SET, NULL), ISCSIP_TMF_NO_LUN);
	assert_int_equal(rig_tmf(r, 0, 9, ISCSIP_TMF_LOGICAL_UNIT_RESET, NULL), ISCSIP_TMF_NO_LUN);
	assert_int_equal(rig_tmf(r, 0, 0, ISCSIP_TMF_TASK_REASSIGN, NULL), ISCSIP_TMF_NOT_SUPPORTED);
	assert_int_equal(rig_tmf(r, 0, 0, 77, NULL), ISCSIP_TMF_NOT_SUPPORTED);
	assert_int_equal(rig_tmf(r, 0, 0, ISCSIP_TMF_I_T_NEXUS_RESET, NULL), ISCSIP_TMF_COMPLETE);
	assert_check(rig_tur(r, 0), 6, ISCSIP_ASC_NEXUS_LOSS);
	rig_free(r);
}

static void a_reset_ends_every_command_of_the_unit(void **state)
{
	(void)state;
	for (enum rig_backing b = RIG_RAM; b <= RIG_DEFERRED; b++) {
		struct rig *r = rig_new(b, 0);
		struct rig_cmd *c[6];
		int i;

		r->hold_sent = true;
		c[0] = write_as(r, 0, 0, 1, SIMPLE, false);
		c[1] = write_as(r, 1, 1, 1, SIMPLE, false);
		c[2] = caw_as(r, 1, 2, 0, 1, SIMPLE);
		c[3] = write_as(r, 1, 3, 1, ORDERED, false);
		c[4] = write_as(r, 1, 4, 1, SIMPLE, false);
		c[5] = read_as(r, 1, 5, HEAD);
		assert_int_equal(rig_tmf(r, 0, 0, ISCSIP_TMF_LOGICAL_UNIT_RESET, NULL), ISCSIP_TMF_COMPLETE);
		rig_pump(r);
		for (i = 0; i < 6; i++)
			assert_int_equal(c[i]->completions, 1);
		assert_int_equal(r->disk->luns[0].open + r->disk->luns[0].order + r->disk->luns[0].dormant, 0);
		rig_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(simple_commands_run_side_by_side),
		cmocka_unit_test(an_ordered_command_waits_for_the_older_and_holds_the_younger),
		cmocka_unit_test(head_of_queue_overtakes_what_waits),
		cmocka_unit_test(the_last_ordered_write_wins),
		cmocka_unit_test(aborting_a_dormant_command_lets_the_others_go_on),
		cmocka_unit_test(compare_and_write_excludes_others_on_its_blocks_only),
		cmocka_unit_test(of_many_compare_and_writes_one_succeeds),
		cmocka_unit_test(an_atomic_command_waits_while_memory_is_being_sent),
		cmocka_unit_test(a_write_whose_data_has_landed_is_not_held_back),
		cmocka_unit_test(a_write_that_comes_while_an_atomic_one_runs_is_staged),
		cmocka_unit_test(naca_makes_an_allegiance_until_it_is_cleared),
		cmocka_unit_test(an_allegiance_ends_with_its_nexus_and_with_a_reset),
		cmocka_unit_test(a_command_of_a_lost_nexus_makes_no_allegiance),
		cmocka_unit_test(an_atomic_command_waits_for_a_read_that_is_being_sent_and_says_so),
		cmocka_unit_test(whoever_waits_for_a_transfer_lets_it_hurry),
		cmocka_unit_test(clear_task_set_aborts_everybodys_and_tells_the_others),
		cmocka_unit_test(an_answer_waits_until_the_storage_is_done_with_the_aborted),
		cmocka_unit_test(task_management_answers_as_rfc7143_numbers_it),
		cmocka_unit_test(a_reset_ends_every_command_of_the_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
