/* SPDX-License-Identifier: MIT */
/*
 * Commit before effect: what PERSISTENT RESERVE OUT changes is in force when the storage has it, and not before; where the
 * storage fails, nothing has changed. One change of a unit is under way at a time, those that come meanwhile are judged on
 * what it left behind. What the storage has taken counts, whoever asked for it and is gone since.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_rig.h"

#include "base/bytes.h"

enum { REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT_ABORT, IGNORE, MOVE };
enum { WE = 1, EA = 3, WERO = 5, EARO = 6, WEAR = 7, EAAR = 8 };
enum { APTPL = 1 };

static void pump_wire(struct rig *r)
{
	while (rig_step(r))
		;
}

/* A PERSISTENT RESERVE OUT that is begun, and has come as far as it can without the storage. */
static struct rig_cmd *begin(struct rig *r, int n, uint8_t sa, uint8_t type, uint64_t key, uint64_t sa_key, uint8_t flags)
{
	uint8_t cdb[10] = { 0x5f, sa, type, 0, 0, 0, 0, 0, 24 }, list[24] = { 0 };
	struct rig_cmd *c;

	store_be64(list, key);
	store_be64(list + 8, sa_key);
	list[20] = flags;
	c = rig_begin(r, n, 0, cdb, 10, list, 24, 0, 1, false);
	pump_wire(r);
	return c;
}

static struct rig_cmd *prout(struct rig *r, int n, uint8_t sa, uint8_t type, uint64_t key, uint64_t sa_key, uint8_t flags)
{
	struct rig_cmd *c = begin(r, n, sa, type, key, sa_key, flags);

	rig_pump(r);
	return c;
}

static void answer(struct rig *r, enum iscsip_storage_result result)
{
	rig_storage_end(r, 0, result);
	pump_wire(r);
}

/* PERSISTENT RESERVE IN needs no storage. */
static struct rig_cmd *prin(struct rig *r, int n, uint8_t sa)
{
	uint8_t cdb[10] = { 0x5e, sa, 0, 0, 0, 0, 0, 0x04, 0 };
	struct rig_cmd *c = rig_begin(r, n, 0, cdb, 10, NULL, 0, 1024, 1, false);

	pump_wire(r);
	assert_good(c);
	return c;
}

static int keys(struct rig *r)
{
	return (int)load_be32(prin(r, 2, 0)->in + 4) / 8;
}

static int held(struct rig *r)
{
	struct rig_cmd *c = prin(r, 2, 1);

	return load_be32(c->in + 4) ? c->in[21] : 0;
}

static struct rig_cmd *tur(struct rig *r, int n)
{
	uint8_t cdb[16];
	struct rig_cmd *c = rig_begin(r, n, 0, cdb, iscsip_cdb_test_unit_ready(cdb), NULL, 0, 0, 1, false);

	pump_wire(r);
	return c;
}

static void hear_attentions(struct rig *r)
{
	int n;

	for (n = 0; n < 3; n++)
		while (r->nexus[n].disk && tur(r, n)->sense.key == ISCSIP_SENSE_UNIT_ATTENTION)
			;
}

static struct rig_cmd *write_begin(struct rig *r, int n)
{
	static const uint8_t data[512] = { 0x77 };
	uint8_t cdb[16];
	struct rig_cmd *c = rig_begin(r, n, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, 0, 1, 0), data, 512, 0, 1, false);

	pump_wire(r);
	return c;
}

static void assert_conflict(const struct rig_cmd *c)
{
	assert_true(c->completed);
	assert_int_equal(c->status, ISCSIP_STATUS_RESERVATION_CONFLICT);
}

/* Three nexus; the first two are registered with 1 and 2, and all is kept over a loss of power. */
static struct rig *registered(void)
{
	struct rig *r = rig_new(RIG_DEFERRED, ISCSIP_LUN_THIN);

	rig_open(r, 2);
	rig_clear_attention(r);
	assert_good(prout(r, 0, REGISTER, 0, 0, 1, APTPL));
	assert_good(prout(r, 1, REGISTER, 0, 0, 2, APTPL));
	return r;
}

/* --- takes effect when it is stable, or not at all ------------------------------------------------------------- */

static void a_reservation_is_in_force_when_it_is_stable_and_not_before(void **state)
{
	struct rig *r = registered();
	struct rig_cmd *c, *w;

	(void)state;
	c = begin(r, 0, RESERVE, EA, 1, 0, 0);
	assert_int_equal(r->pending_cnt, 1);
	assert_false(c->completed);
	assert_int_equal(held(r), 0);
	w = write_begin(r, 1);
	assert_false(w->completed); /* let in: it is with the storage */
	assert_int_equal(r->pending_cnt, 2);
	answer(r, ISCSIP_STORAGE_OK);
	assert_good(c);
	assert_int_equal(held(r), EA);
	assert_conflict(write_begin(r, 1));
	rig_pump(r);
	assert_good(w);
	rig_free(r);
}

static void a_release_is_in_force_when_it_is_stable_and_not_before(void **state)
{
	struct rig *r = registered();
	struct rig_cmd *c;

	(void)state;
	assert_good(prout(r, 0, RESERVE, WERO, 1, 0, 0));
	c = begin(r, 0, RELEASE, WERO, 1, 0, 0);
	assert_conflict(write_begin(r, 2));
	assert_good(tur(r, 1));
	answer(r, ISCSIP_STORAGE_OK);
	assert_good(c);
	assert_check(tur(r, 1), 6, ISCSIP_ASC_RESERVATIONS_RELEASED);
	assert_false(write_begin(r, 2)->completed);
	rig_free(r);
}

/* What each service action would change, as seen through READ FULL STATUS, READ RESERVATION, attentions and tasks. */
static void a_change_that_cannot_be_kept_is_none(void **state)
{
	static const struct {
		uint8_t n, sa, type;
		uint64_t key, sa_key;
	} change[] = {
		{ 2, REGISTER, 0, 0, 3 }, { 0, REGISTER, 0, 1, 9 }, { 0, REGISTER, 0, 1, 0 }, { 1, IGNORE, 0, 0, 8 },
		{ 0, RELEASE, WERO, 1, 0 }, { 1, CLEAR, 0, 2, 0 }, { 1, PREEMPT, EA, 2, 1 }, { 1, PREEMPT_ABORT, EA, 2, 1 },
		{ 0, PREEMPT, EA, 1, 2 }, { 0, PREEMPT, EA, 1, 1 },
	};
	static const uint8_t result[] = { ISCSIP_STORAGE_IO_ERROR, ISCSIP_STORAGE_HARDWARE, ISCSIP_STORAGE_NOT_READY,
					  ISCSIP_STORAGE_READ_ONLY, ISCSIP_STORAGE_NO_SPACE, ISCSIP_STORAGE_BUSY, ISCSIP_STORAGE_FENCED };
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof change / sizeof change[0]; i++) {
		for (k = 0; k < sizeof result; k++) {
			struct rig *r = registered();
			struct rig_cmd *before, *after, *c, *w;
			int n;

			assert_good(prout(r, 0, RESERVE, WERO, 1, 0, 0));
			before = prin(r, 2, 3);
			w = write_begin(r, 0);
			assert_false(w->completed);
			c = begin(r, change[i].n, change[i].sa, change[i].type, change[i].key, change[i].sa_key,
				  change[i].sa == REGISTER || change[i].sa == IGNORE ? APTPL : 0);
			assert_false(c->completed);
			assert_int_equal(r->pending_cnt, 2);
			rig_storage_end(r, 1, (enum iscsip_storage_result)result[k]);
			pump_wire(r);
			assert_true(c->completed);
			assert_int_not_equal(c->status, ISCSIP_STATUS_GOOD);
			after = prin(r, 2, 3);
			assert_int_equal(before->in_done, after->in_done);
			assert_memory_equal(before->in, after->in, before->in_done);
			assert_int_equal(held(r), WERO);
			for (n = 0; n < 3; n++)
				assert_good(tur(r, n));
			rig_pump(r);
			assert_good(w);
			/* and the next one is not in its way */
			assert_good(prout(r, 2, REGISTER, 0, 0, 3, APTPL));
			assert_int_equal(keys(r), 3);
			rig_free(r);
		}
	}
}

static void registrations_that_were_not_kept_leave_their_places(void **state)
{
	struct iscsip_disk_lun_config lun = { .blocks = 2048 };
	struct iscsip_disk_config cfg;
	struct rig *r;
	int i;

	(void)state;
	iscsip_disk_config_init(&cfg, sizeof cfg);
	cfg.max_registrations = 2;
	r = rig_new_with(RIG_DEFERRED, &lun, &cfg);
	rig_open(r, 2);
	rig_clear_attention(r);
	assert_good(prout(r, 0, REGISTER, 0, 0, 1, APTPL));
	for (i = 0; i < 4; i++) {
		begin(r, 1, REGISTER, 0, 0, 2, APTPL);
		answer(r, ISCSIP_STORAGE_IO_ERROR);
		assert_int_equal(keys(r), 1);
	}
	assert_good(prout(r, 1, REGISTER, 0, 0, 2, APTPL));
	assert_check(prout(r, 2, REGISTER, 0, 0, 3, APTPL), 5, ISCSIP_ASC_INSUFFICIENT_REGISTRATIONS);
	assert_int_equal(keys(r), 2);
	rig_free(r);
}

static void tasks_are_aborted_when_the_preemption_is_stable(void **state)
{
	struct rig *r = registered();
	struct rig_cmd *w, *c;

	(void)state;
	assert_good(prout(r, 0, RESERVE, WE, 1, 0, 0));
	w = write_begin(r, 0);
	c = begin(r, 1, PREEMPT_ABORT, WE, 2, 1, 0);
	assert_false(w->cmd.flags & ISCSIP_CMD_ABORTED);
	assert_int_equal(r->pending_cnt, 2);
	rig_storage_end(r, 1, ISCSIP_STORAGE_OK);
	pump_wire(r);
	assert_true(w->cmd.flags & ISCSIP_CMD_ABORTED);
	assert_false(c->completed); /* the write may still land */
	answer(r, ISCSIP_STORAGE_OK);
	assert_good(c);
	assert_int_equal(held(r), WE);
	assert_check(tur(r, 0), 6, ISCSIP_ASC_REGISTRATIONS_PREEMPTED);
	rig_free(r);
}

/* --- one at a time --------------------------------------------------------------------------------------------- */

static void one_change_of_a_unit_is_under_way_at_a_time(void **state)
{
	struct iscsip_disk_lun_config lun = { .blocks = 2048 };
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	struct rig_cmd *c[3];
	int i;

	(void)state;
	rig_open(r, 2);
	rig_clear_attention(r);
	for (i = 0; i < 3; i++)
		c[i] = begin(r, i, REGISTER, 0, 0, (uint64_t)i + 1, APTPL);
	for (i = 0; i < 3; i++) {
		assert_int_equal(r->pending_cnt, 1);
		assert_false(c[i]->completed);
		answer(r, ISCSIP_STORAGE_OK);
		assert_good(c[i]);
		assert_int_equal(keys(r), i + 1);
	}
	/* what is kept is the newest */
	assert_int_equal(iscsip_disk_lun_remove(r->disk, 0), ISCSIP_DONE);
	lun.saved = r->unit[0].saved;
	lun.saved_len = r->unit[0].saved_len;
	assert_int_equal(rig_add_unit(r, 0, RIG_DEFERRED, &lun), ISCSIP_OK);
	rig_clear_attention(r);
	assert_int_equal(keys(r), 3);
	rig_free(r);
}

static void who_waits_is_judged_on_what_the_one_before_left(void **state)
{
	enum iscsip_storage_result first;

	(void)state;
	for (first = ISCSIP_STORAGE_OK; first <= ISCSIP_STORAGE_IO_ERROR; first++) {
		struct rig *r = registered();
		struct rig_cmd *a = begin(r, 0, RESERVE, EA, 1, 0, 0), *b = begin(r, 1, RESERVE, WE, 2, 0, 0);

		assert_int_equal(r->pending_cnt, 1);
		answer(r, first);
		if (first == ISCSIP_STORAGE_OK) {
			assert_good(a);
			assert_conflict(b);
			assert_int_equal(held(r), EA);
		} else {
			assert_int_equal(a->status, ISCSIP_STATUS_CHECK_CONDITION);
			assert_false(b->completed);
			answer(r, ISCSIP_STORAGE_OK);
			assert_good(b);
			assert_int_equal(held(r), WE);
		}
		rig_free(r);
	}
}

static void a_preempted_nexus_that_waited_finds_itself_not_registered(void **state)
{
	struct rig *r = registered();
	struct rig_cmd *a = begin(r, 0, PREEMPT, WE, 1, 2, 0), *b = begin(r, 1, RESERVE, WE, 2, 0, 0);

	(void)state;
	answer(r, ISCSIP_STORAGE_OK);
	assert_good(a);
	assert_conflict(b);
	rig_free(r);
}

static void an_aborted_change_that_was_stale_lets_the_next_one_go(void **state)
{
	struct rig *r = registered();
	struct rig_cmd *a = begin(r, 0, CLEAR, 0, 1, 0, 0), *b = begin(r, 1, RESERVE, EA, 2, 0, 0);

	(void)state;
	rig_abort(a);
	answer(r, ISCSIP_STORAGE_STALE);
	assert_int_equal(a->completions, 1);
	assert_int_equal(r->pending_cnt, 1);
	answer(r, ISCSIP_STORAGE_OK);
	assert_good(b);
	assert_int_equal(keys(r), 2);
	rig_free(r);
}

static void each_change_may_be_stale_as_often_as_the_one_before(void **state)
{
	struct rig *r = registered();
	int i, k;

	(void)state;
	for (i = 0; i < 8; i++) {
		struct rig_cmd *c = begin(r, 0, IGNORE, 0, 0, (uint64_t)i + 10, APTPL);

		for (k = 0; k < 10; k++)
			answer(r, ISCSIP_STORAGE_STALE);
		assert_false(c->completed);
		answer(r, ISCSIP_STORAGE_OK);
		assert_good(c);
	}
	rig_free(r);
}

/* Two are preempted, and the second waits for the first: nothing of it begins while the first is taken away. */
static void what_a_preempted_task_held_back_does_not_begin(void **state)
{
	uint8_t cdb[16], out[10] = { 0x5f, PREEMPT_ABORT, WE, 0, 0, 0, 0, 0, 24 }, list[24] = { [7] = 2, [15] = 1 }, data[1024] = { 1 };
	static const uint8_t compare[16] = { 0x89, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 1 };
	struct rig *r = registered();
	struct rig_cmd *atomic, *dormant, *c;

	(void)state;
	assert_good(prout(r, 2, REGISTER, 0, 0, 1, APTPL));
	atomic = rig_begin(r, 0, 0, compare, 16, data, 1024, 0, ISCSIP_ATTR_SIMPLE, false);
	assert_true(atomic->data_due);
	dormant = rig_begin(r, 2, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_READ, 8, 8, 0), NULL, 0, 4096, ISCSIP_ATTR_SIMPLE, false);
	assert_int_equal(r->pending_cnt, 0);
	c = rig_begin(r, 1, 0, out, 10, list, 24, 0, ISCSIP_ATTR_SIMPLE, false);
	while (!r->pending_cnt) { /* its list alone: the data of the write stays away */
		atomic->data_due = false;
		assert_true(rig_step(r));
	}
	assert_int_equal(r->pending_cnt, 1);
	rig_storage_end(r, 0, ISCSIP_STORAGE_OK);
	assert_int_equal(r->pending_cnt, 0);
	assert_int_equal(r->unit[0].reads, 0);
	pump_wire(r);
	assert_true(atomic->completed && dormant->completed);
	assert_good(c);
	rig_free(r);
}

/* A port that logs in while its registration is not yet stable is not registered, and where that fails never was. */
static void a_registration_under_way_gives_nothing_to_who_logs_in(void **state)
{
	uint8_t cdb[10] = { 0x5f, REGISTER }, list[300] = { [15] = 9, [20] = 0x08 | APTPL };
	static const uint8_t isid[6] = { 0x80, 1, 2, 3, 4, 5 };
	enum iscsip_storage_result result;

	(void)state;
	for (result = ISCSIP_STORAGE_OK; result <= ISCSIP_STORAGE_IO_ERROR; result++) {
		struct rig *r = registered();
		uint32_t n = (uint32_t)iscsip_transport_id_iscsi(list + 28, 252, "iqn.1994-05.com.example:four", isid);

		assert_good(prout(r, 0, RESERVE, EARO, 1, 0, 0));
		store_be32(list + 24, n);
		store_be32(cdb + 5, 28 + n);
		rig_begin(r, 2, 0, cdb, 10, list, 28 + n, 0, 1, false);
		pump_wire(r);
		assert_int_equal(r->pending_cnt, 1);
		rig_open(r, 3);
		assert_check(tur(r, 3), 6, ISCSIP_ASC_POWER_ON);
		assert_conflict(write_begin(r, 3));
		answer(r, result);
		assert_int_equal(keys(r), result == ISCSIP_STORAGE_OK ? 4 : 2);
		if (result == ISCSIP_STORAGE_OK)
			assert_false(write_begin(r, 3)->completed);
		else
			assert_conflict(write_begin(r, 3));
		rig_free(r);
	}
}

static void units_do_not_wait_for_each_other(void **state)
{
	struct iscsip_disk_lun_config lun = { .blocks = 2048 };
	uint8_t cdb[10] = { 0x5f, REGISTER, 0, 0, 0, 0, 0, 0, 24 }, list[24] = { [15] = 5, [20] = APTPL };
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	struct rig_cmd *a, *b;

	(void)state;
	assert_int_equal(rig_add_unit(r, 1, RIG_DEFERRED, &lun), ISCSIP_OK);
	rig_clear_attention(r);
	a = begin(r, 0, REGISTER, 0, 0, 1, APTPL);
	b = rig_begin(r, 0, 1, cdb, 10, list, 24, 0, 1, false);
	pump_wire(r);
	assert_int_equal(r->pending_cnt, 2);
	rig_storage_end(r, 1, ISCSIP_STORAGE_OK);
	pump_wire(r);
	assert_good(b);
	assert_false(a->completed);
	answer(r, ISCSIP_STORAGE_OK);
	assert_good(a);
	rig_free(r);
}

/* RESERVE of SPC-2 and registrations exclude each other: it waits to see whether there are any. */
static void reserve_of_spc_2_waits_for_the_first_registration(void **state)
{
	static const uint8_t reserve[6] = { 0x16 };
	enum iscsip_storage_result result;

	(void)state;
	for (result = ISCSIP_STORAGE_OK; result <= ISCSIP_STORAGE_IO_ERROR; result++) {
		struct rig *r = rig_new(RIG_DEFERRED, 0);
		struct rig_cmd *a = begin(r, 0, REGISTER, 0, 0, 1, APTPL), *b;

		b = rig_begin(r, 1, 0, reserve, 6, NULL, 0, 0, 1, false);
		pump_wire(r);
		assert_false(b->completed);
		answer(r, result);
		if (result == ISCSIP_STORAGE_OK) {
			assert_good(a);
			assert_conflict(b);
		} else {
			assert_good(b);
			assert_conflict(begin(r, 0, REGISTER, 0, 0, 1, APTPL));
		}
		rig_free(r);
	}
}

static void of_two_that_waited_to_reserve_the_second_conflicts(void **state)
{
	static const uint8_t reserve[6] = { 0x16 }, release[6] = { 0x17 };
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	struct rig_cmd *c[3];
	int i;

	(void)state;
	begin(r, 0, REGISTER, 0, 0, 1, APTPL);
	for (i = 0; i < 3; i++) {
		c[i] = rig_begin(r, i & 1, 0, reserve, 6, NULL, 0, 0, 1, false);
		pump_wire(r);
		assert_false(c[i]->completed);
	}
	answer(r, ISCSIP_STORAGE_NOT_READY);
	assert_good(c[0]);
	assert_conflict(c[1]);
	assert_good(c[2]);
	assert_good(rig_run(r, 0, 0, release, 6, NULL, 0, 0));
	/* beside registrations RELEASE changes nothing, and is for those who are registered */
	assert_good(prout(r, 0, REGISTER, 0, 0, 1, APTPL));
	assert_good(rig_run(r, 0, 0, release, 6, NULL, 0, 0));
	assert_conflict(rig_run(r, 1, 0, release, 6, NULL, 0, 0));
	rig_free(r);
}

/* It was looked at when the command came in; the list took longer to come. */
static void a_registration_whose_list_comes_after_a_reserve_conflicts(void **state)
{
	static const uint8_t reserve[6] = { 0x16 };
	uint8_t cdb[10] = { 0x5f, REGISTER, 0, 0, 0, 0, 0, 0, 24 }, list[24] = { [15] = 5 };
	struct rig *r = rig_new(RIG_DEFERRED, 0);
	struct rig_cmd *a = rig_begin(r, 0, 0, cdb, 10, list, 24, 0, 1, false), *b;

	(void)state;
	assert_true(a->data_due);
	b = rig_begin(r, 1, 0, reserve, 6, NULL, 0, 0, 1, false);
	assert_true(b->completed);
	pump_wire(r);
	assert_conflict(a);
	rig_free(r);
}

/* --- whoever is gone ------------------------------------------------------------------------------------------- */

enum ending { BY_ABORT, BY_CLOSE, BY_RESET, BY_CLEAR, BY_REMOVAL };

static void end_commands(struct rig *r, enum ending how, struct rig_cmd *c, struct iscsip_tmf *tmf)
{
	switch (how) {
	case BY_ABORT:
		rig_abort(c);
		break;
	case BY_CLOSE:
		iscsip_disk_nexus_close(&r->nexus[0]);
		break;
	case BY_RESET:
	case BY_CLEAR:
		rig_tmf_init(r, tmf, 1, 0, how == BY_RESET ? ISCSIP_TMF_LOGICAL_UNIT_RESET : ISCSIP_TMF_CLEAR_TASK_SET, NULL);
		iscsip_disk_ops()->tmf(r->disk, tmf);
		break;
	case BY_REMOVAL:
		assert_int_equal(iscsip_disk_lun_remove(r->disk, 0), ISCSIP_OK);
		break;
	}
}

static void what_the_storage_took_is_in_force_though_nobody_waits_for_it(void **state)
{
	enum iscsip_storage_result result;
	enum ending how;

	(void)state;
	for (how = BY_ABORT; how <= BY_CLEAR; how++) {
		for (result = ISCSIP_STORAGE_OK; result <= ISCSIP_STORAGE_IO_ERROR; result++) {
			static struct iscsip_tmf tmf;
			struct rig *r = registered();
			struct rig_cmd *c = begin(r, 0, PREEMPT, EA, 1, 2, 0);

			end_commands(r, how, c, &tmf);
			pump_wire(r);
			hear_attentions(r);
			assert_int_equal(keys(r), 2);
			if (how == BY_RESET || how == BY_CLEAR)
				assert_false(rig_tmf_answered(&tmf, ISCSIP_TMF_COMPLETE));
			answer(r, result);
			assert_int_equal(c->completions, 1);
			if (how == BY_RESET || how == BY_CLEAR)
				assert_true(rig_tmf_answered(&tmf, ISCSIP_TMF_COMPLETE));
			hear_attentions(r);
			assert_int_equal(keys(r), result == ISCSIP_STORAGE_OK ? 1 : 2);
			if (how == BY_CLOSE)
				rig_open(r, 0);
			rig_clear_attention(r);
			assert_good(prout(r, 0, RESERVE, EA, 1, 0, 0));
			rig_free(r);
		}
	}
}

static void one_that_waited_and_is_gone_changes_nothing(void **state)
{
	enum ending how;

	(void)state;
	for (how = BY_ABORT; how <= BY_CLOSE; how++) {
		struct rig *r = registered();
		struct rig_cmd *a = begin(r, 1, RESERVE, WERO, 2, 0, 0), *b = begin(r, 0, CLEAR, 0, 1, 0, 0),
			       *c = begin(r, 2, REGISTER, 0, 0, 3, APTPL);

		end_commands(r, how, b, NULL);
		pump_wire(r);
		assert_true(b->completed);
		answer(r, ISCSIP_STORAGE_OK);
		assert_good(a);
		assert_int_equal(r->pending_cnt, 1);
		answer(r, ISCSIP_STORAGE_OK);
		assert_good(c);
		assert_int_equal(keys(r), 3);
		assert_int_equal(held(r), WERO);
		rig_free(r);
	}
}

static void a_unit_that_is_removed_amid_a_change_is_gone_when_the_storage_has_answered(void **state)
{
	struct rig *r = registered();
	struct rig_cmd *a = begin(r, 0, RESERVE, EA, 1, 0, 0), *b = begin(r, 1, RESERVE, EA, 2, 0, 0);

	(void)state;
	end_commands(r, BY_REMOVAL, NULL, NULL);
	pump_wire(r);
	assert_check(b, 5, ISCSIP_ASC_LUN_NOT_SUPPORTED);
	assert_false(a->completed);
	assert_int_equal(r->gone, 0);
	answer(r, ISCSIP_STORAGE_OK);
	assert_check(a, 5, ISCSIP_ASC_LUN_NOT_SUPPORTED);
	assert_int_equal(r->gone, 1);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reservation_is_in_force_when_it_is_stable_and_not_before),
		cmocka_unit_test(a_release_is_in_force_when_it_is_stable_and_not_before),
		cmocka_unit_test(a_change_that_cannot_be_kept_is_none),
		cmocka_unit_test(registrations_that_were_not_kept_leave_their_places),
		cmocka_unit_test(tasks_are_aborted_when_the_preemption_is_stable),
		cmocka_unit_test(one_change_of_a_unit_is_under_way_at_a_time),
		cmocka_unit_test(who_waits_is_judged_on_what_the_one_before_left),
		cmocka_unit_test(a_preempted_nexus_that_waited_finds_itself_not_registered),
		cmocka_unit_test(an_aborted_change_that_was_stale_lets_the_next_one_go),
		cmocka_unit_test(each_change_may_be_stale_as_often_as_the_one_before),
		cmocka_unit_test(what_a_preempted_task_held_back_does_not_begin),
		cmocka_unit_test(a_registration_under_way_gives_nothing_to_who_logs_in),
		cmocka_unit_test(units_do_not_wait_for_each_other),
		cmocka_unit_test(reserve_of_spc_2_waits_for_the_first_registration),
		cmocka_unit_test(of_two_that_waited_to_reserve_the_second_conflicts),
		cmocka_unit_test(a_registration_whose_list_comes_after_a_reserve_conflicts),
		cmocka_unit_test(what_the_storage_took_is_in_force_though_nobody_waits_for_it),
		cmocka_unit_test(one_that_waited_and_is_gone_changes_nothing),
		cmocka_unit_test(a_unit_that_is_removed_amid_a_change_is_gone_when_the_storage_has_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
