/* SPDX-License-Identifier: MIT */
/*
 * Reservations: RESERVE and RELEASE, every service action and type of persistent reservations, who may do what while one
 * is held (against a table written from SPC-4 table 66 and SBC-3 table 13), what others are told, and what outlives what.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_rig.h"

#include "base/bytes.h"
#include "disk/disk.h"

enum { REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT_ABORT, IGNORE, MOVE };
enum { WE = 1, EA = 3, WERO = 5, EARO = 6, WEAR = 7, EAAR = 8 };
static const uint8_t types[] = { WE, EA, WERO, EARO, WEAR, EAAR };

static struct rig_cmd *prout(struct rig *r, int n, uint8_t sa, uint8_t type, uint64_t key, uint64_t sa_key, uint8_t flags)
{
	uint8_t cdb[10] = { 0x5f, sa, type, 0, 0, 0, 0, 0, 24 }, list[24] = { 0 };

	store_be64(list, key);
	store_be64(list + 8, sa_key);
	list[20] = flags;
	return rig_run(r, n, 0, cdb, 10, list, 24, 0);
}

static struct rig_cmd *prin(struct rig *r, int n, uint8_t sa)
{
	uint8_t cdb[10] = { 0x5e, sa, 0, 0, 0, 0, 0, 0x02, 0 };

	return rig_run(r, n, 0, cdb, 10, NULL, 0, 512);
}

static void assert_conflict(const struct rig_cmd *c)
{
	assert_int_equal(c->status, ISCSIP_STATUS_RESERVATION_CONFLICT);
}

/* Three nexus, of which the first two are registered with keys 1 and 2. */
static struct rig *registered(enum rig_backing b)
{
	struct rig *r = rig_new(b, ISCSIP_LUN_THIN);

	rig_open(r, 2);
	rig_clear_attention(r);
	assert_good(prout(r, 0, REGISTER, 0, 0, 1, 0));
	assert_good(prout(r, 1, REGISTER, 0, 0, 2, 0));
	return r;
}

static void assert_keys(struct rig *r, int n, const uint64_t *keys)
{
	struct rig_cmd *c = prin(r, 2, 0);
	int i;

	assert_good(c);
	assert_int_equal(load_be32(c->in + 4), 8 * n);
	for (i = 0; i < n; i++)
		assert_true(load_be64(c->in + 8 + 8 * i) == keys[i]);
}

static void assert_held(struct rig *r, uint8_t type, uint64_t key)
{
	struct rig_cmd *c = prin(r, 2, 1);

	assert_good(c);
	assert_int_equal(load_be32(c->in + 4), type ? 16 : 0);
	if (type) {
		assert_true(load_be64(c->in + 8) == key);
		assert_int_equal(c->in[21], type);
	}
}

/* --- RESERVE and RELEASE -------------------------------------------------------------------------------------- */

static void reserve_shuts_others_out_until_it_is_released(void **state)
{
	static const uint8_t reserve[6] = { 0x16 }, release[6] = { 0x17 }, reserve_10[10] = { 0x56 };
	uint8_t cdb[16];
	struct rig *r = rig_new(RIG_RAM, 0);

	(void)state;
	assert_good(rig_run(r, 0, 0, reserve, 6, NULL, 0, 0));
	assert_good(rig_run(r, 0, 0, reserve_10, 10, NULL, 0, 0));
	assert_good(rig_write(r, 0, 0, 1, 1));
	assert_conflict(rig_tur(r, 1));
	assert_conflict(rig_read(r, 1, 0, 1));
	assert_conflict(rig_write(r, 1, 0, 1, 2));
	assert_conflict(rig_run(r, 1, 0, reserve, 6, NULL, 0, 0));
	assert_int_equal(r->unit[0].bytes[0], 1);
	assert_good(rig_run(r, 1, 0, cdb, iscsip_cdb_inquiry(cdb, -1, 36), NULL, 0, 36));
	assert_good(rig_run(r, 1, 0, cdb, iscsip_cdb_report_luns(cdb, 64), NULL, 0, 64));
	assert_good(rig_run(r, 1, 0, release, 6, NULL, 0, 0)); /* changes nothing */
	assert_conflict(rig_tur(r, 1));
	assert_conflict(prout(r, 0, REGISTER, 0, 0, 1, 0));
	assert_good(rig_run(r, 0, 0, release, 6, NULL, 0, 0));
	assert_good(rig_tur(r, 1));
	rig_free(r);
}

static void a_lost_nexus_and_every_reset_release_reserve(void **state)
{
	static const uint8_t reserve[6] = { 0x16 };
	static const uint8_t resets[] = { ISCSIP_TMF_LOGICAL_UNIT_RESET, ISCSIP_TMF_TARGET_WARM_RESET, ISCSIP_TMF_TARGET_COLD_RESET };
	struct rig *r = rig_new(RIG_RAM, 0);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof resets; i++) {
		assert_good(rig_run(r, 0, 0, reserve, 6, NULL, 0, 0));
		assert_int_equal(rig_tmf(r, 1, 0, resets[i], NULL), ISCSIP_TMF_COMPLETE);
		assert_check(rig_tur(r, 1), 6, ISCSIP_ASC_DEVICE_RESET);
		assert_good(rig_tur(r, 1));
		assert_check(rig_tur(r, 0), 6, ISCSIP_ASC_DEVICE_RESET);
	}
	assert_good(rig_run(r, 0, 0, reserve, 6, NULL, 0, 0));
	iscsip_disk_nexus_close(&r->nexus[0]);
	assert_good(rig_tur(r, 1));
	rig_free(r);
}

/* --- access while a persistent reservation is held ------------------------------------------------------------ */

static void each_type_lets_through_what_its_row_says(void **state)
{
	/* may the registered second nexus, and the unregistered third, read and write? */
	static const struct {
		uint8_t type;
		bool reg_read, reg_write, other_read, other_write;
	} rows[] = {
		{ WE, true, false, true, false }, { EA, false, false, false, false }, { WERO, true, true, true, false },
		{ EARO, true, true, false, false }, { WEAR, true, true, true, false }, { EAAR, true, true, false, false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct rig *r = registered(i & 1 ? RIG_RAM : RIG_DEFERRED);

		assert_good(prout(r, 0, RESERVE, rows[i].type, 1, 0, 0));
		assert_good(rig_read(r, 0, 0, 1));
		assert_good(rig_write(r, 0, 0, 1, 1));
		assert_int_equal(rig_read(r, 1, 0, 1)->status, rows[i].reg_read ? 0 : 0x18);
		assert_int_equal(rig_write(r, 1, 0, 1, 2)->status, rows[i].reg_write ? 0 : 0x18);
		assert_int_equal(r->unit[0].bytes[0], rows[i].reg_write ? 2 : 1);
		assert_int_equal(rig_read(r, 2, 0, 1)->status, rows[i].other_read ? 0 : 0x18);
		assert_int_equal(rig_write(r, 2, 0, 1, 3)->status, rows[i].other_write ? 0 : 0x18);
		assert_int_not_equal(r->unit[0].bytes[0], 3);
		assert_good(rig_tur(r, 2));
		rig_free(r);
	}
}

/* SPC-4 table 66 and SBC-3 table 13: f allowed always, r conflicts with exclusive access, w with every type, . decides itself. */
static char rule_of(uint8_t opcode, uint8_t sa)
{
	static const char free_ones[] = "\x03\x12\x25\x4d\x5e\xa0", writes[] = "\x04\x0a\x15\x2a\x2e\x35\x3b\x41\x42\x48\x55\x83\x89"
								       "\x8a\x8b\x8e\x91\x93\x9c\xa4\xaa\xae";

	if (opcode == 0x00 || strchr(free_ones, opcode))
		return 'f';
	if (opcode == 0x9e)
		return sa == 0x10 ? 'f' : 'r';
	if (opcode == 0xa3)
		return sa == 0x0a ? 'f' : 'r';
	if (opcode == 0x16 || opcode == 0x17 || opcode == 0x56 || opcode == 0x57 || opcode == 0x1b || opcode == 0x1e || opcode == 0x5f)
		return '.';
	return strchr(writes, opcode) ? 'w' : 'r';
}

static void every_command_conflicts_as_the_tables_say(void **state)
{
	size_t t;
	unsigned i;

	(void)state;
	for (t = 0; t < sizeof types; t++) {
		struct rig *r = registered(RIG_RAM);
		bool exclusive = types[t] == EA || types[t] == EARO || types[t] == EAAR;

		assert_good(prout(r, 0, RESERVE, types[t], 1, 0, 0));
		for (i = 0; i < iscsip__disk_op_count; i++) {
			const struct disk_op *op = &iscsip__disk_ops[i];
			uint8_t cdb[16] = { op->opcode, op->sa == DISK_NO_SA ? 0 : op->sa }, data[512] = { 0 };
			char rule = rule_of(op->opcode, op->sa);
			bool conflict = rule == 'w' || (rule == 'r' && exclusive);
			struct rig_cmd *c;

			if (rule == '.')
				continue;
			c = rig_run(r, 2, 0, cdb, 16, data, op->place == PLACE_NONE ? 0 : 512, op->place == PLACE_NONE ? 512 : 0);
			if ((c->status == ISCSIP_STATUS_RESERVATION_CONFLICT) != conflict)
				fail_msg("type %u, opcode %02x/%02x: status %02x", types[t], op->opcode, op->sa, c->status);
		}
		rig_free(r);
	}
}

static void start_stop_and_prevent_conflict_where_they_would_do_harm(void **state)
{
	static const uint8_t start[6] = { 0x1b, 0, 0, 0, 1 }, stop[6] = { 0x1b }, power[6] = { 0x1b, 0, 0, 0, 0x11 };
	static const uint8_t prevent[6] = { 0x1e, 0, 0, 0, 1 }, allow[6] = { 0x1e }, reserve[6] = { 0x16 };
	struct rig *r = registered(RIG_RAM);

	(void)state;
	assert_good(prout(r, 0, RESERVE, WE, 1, 0, 0));
	assert_good(rig_run(r, 2, 0, start, 6, NULL, 0, 0));
	assert_conflict(rig_run(r, 2, 0, stop, 6, NULL, 0, 0));
	assert_conflict(rig_run(r, 2, 0, power, 6, NULL, 0, 0));
	assert_good(rig_run(r, 2, 0, allow, 6, NULL, 0, 0));
	assert_conflict(rig_run(r, 2, 0, prevent, 6, NULL, 0, 0));
	assert_conflict(rig_run(r, 2, 0, reserve, 6, NULL, 0, 0));
	assert_good(rig_run(r, 0, 0, reserve, 6, NULL, 0, 0)); /* CRH: nothing happens, and the holder is told GOOD */
	assert_held(r, WE, 1);
	rig_free(r);
}

/* --- service actions ------------------------------------------------------------------------------------------ */

static void keys_are_registered_changed_and_removed(void **state)
{
	struct rig *r = registered(RIG_RAM);

	(void)state;
	assert_keys(r, 2, (uint64_t[]){ 1, 2 });
	assert_conflict(prout(r, 0, REGISTER, 0, 9, 5, 0));
	assert_conflict(prout(r, 2, REGISTER, 0, 1, 5, 0));
	assert_good(prout(r, 0, REGISTER, 0, 1, 5, 0));
	assert_keys(r, 2, (uint64_t[]){ 5, 2 });
	assert_good(prout(r, 0, IGNORE, 0, 77, 6, 0));
	assert_keys(r, 2, (uint64_t[]){ 6, 2 });
	assert_good(prout(r, 2, IGNORE, 0, 77, 3, 0));
	assert_keys(r, 3, (uint64_t[]){ 6, 2, 3 });
	assert_good(prout(r, 0, REGISTER, 0, 6, 0, 0));
	assert_keys(r, 2, (uint64_t[]){ 2, 3 });
	assert_good(prout(r, 0, REGISTER, 0, 0, 0, 0));
	assert_keys(r, 2, (uint64_t[]){ 2, 3 });
	rig_free(r);
}

static void the_generation_counts_what_spc4_says(void **state)
{
	struct rig *r = rig_new(RIG_RAM, 0);
	uint32_t before;

	(void)state;
	before = load_be32(prin(r, 0, 0)->in);
	assert_good(prout(r, 0, REGISTER, 0, 0, 1, 0));
	assert_good(prout(r, 0, RESERVE, WE, 1, 0, 0));
	assert_good(prout(r, 0, RELEASE, WE, 1, 0, 0));
	assert_int_equal(load_be32(prin(r, 0, 0)->in), before + 1);
	assert_good(prout(r, 0, CLEAR, 0, 1, 0, 0));
	assert_int_equal(load_be32(prin(r, 0, 0)->in), before + 2);
	assert_conflict(prout(r, 0, RESERVE, WE, 1, 0, 0));
	assert_int_equal(load_be32(prin(r, 0, 0)->in), before + 2);
	rig_free(r);
}

static void reserve_and_release_need_the_right_key_type_and_scope(void **state)
{
	struct rig *r = registered(RIG_RAM);
	uint8_t t;

	(void)state;
	assert_conflict(prout(r, 2, RESERVE, WE, 0, 0, 0));
	assert_conflict(prout(r, 0, RESERVE, WE, 2, 0, 0));
	for (t = 0; t < 16; t++)
		if (!memchr(types, t, sizeof types))
			assert_cdb_field(prout(r, 0, RESERVE, t, 1, 0, 0), 2);
	assert_cdb_field(prout(r, 0, RESERVE, 0x10 | WE, 1, 0, 0), 2);
	assert_good(prout(r, 0, RESERVE, WE, 1, 0, 0));
	assert_good(prout(r, 0, RESERVE, WE, 1, 0, 0));
	assert_conflict(prout(r, 0, RESERVE, EA, 1, 0, 0));
	assert_conflict(prout(r, 1, RESERVE, WE, 2, 0, 0));
	assert_good(prout(r, 1, RELEASE, WE, 2, 0, 0)); /* not the holder: nothing happens */
	assert_held(r, WE, 1);
	assert_check(prout(r, 0, RELEASE, EA, 1, 0, 0), 5, ISCSIP_ASC_INVALID_RELEASE);
	assert_check(prout(r, 0, RELEASE, 0x10 | WE, 1, 0, 0), 5, ISCSIP_ASC_INVALID_RELEASE); /* scope */
	assert_conflict(prout(r, 0, RELEASE, WE, 7, 0, 0));
	assert_good(prout(r, 0, RELEASE, WE, 1, 0, 0));
	assert_held(r, 0, 0);
	rig_free(r);
}

static void release_of_a_shared_type_is_told_to_the_registered(void **state)
{
	struct rig *r = registered(RIG_RAM);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof types; i++) {
		assert_good(prout(r, 0, RESERVE, types[i], 1, 0, 0));
		assert_good(prout(r, 0, RELEASE, types[i], 1, 0, 0));
		if (types[i] >= WERO)
			assert_check(rig_tur(r, 1), 6, ISCSIP_ASC_RESERVATIONS_RELEASED);
		assert_good(rig_tur(r, 1));
		assert_good(rig_tur(r, 0));
		assert_good(rig_tur(r, 2));
	}
	rig_free(r);
}

static void a_holder_that_unregisters_releases(void **state)
{
	struct rig *r = registered(RIG_RAM);

	(void)state;
	assert_good(prout(r, 0, RESERVE, WERO, 1, 0, 0));
	assert_good(prout(r, 0, REGISTER, 0, 1, 0, 0));
	assert_held(r, 0, 0);
	assert_check(rig_tur(r, 1), 6, ISCSIP_ASC_RESERVATIONS_RELEASED);
	/* of all registrants the last one releases */
	assert_good(prout(r, 0, REGISTER, 0, 0, 1, 0));
	assert_good(prout(r, 0, RESERVE, WEAR, 1, 0, 0));
	assert_good(prout(r, 0, REGISTER, 0, 1, 0, 0));
	assert_held(r, WEAR, 0);
	assert_good(prout(r, 1, REGISTER, 0, 2, 0, 0));
	assert_held(r, 0, 0);
	rig_free(r);
}

static void clear_removes_all_and_tells_the_others(void **state)
{
	struct rig *r = registered(RIG_RAM);

	(void)state;
	assert_good(prout(r, 0, RESERVE, EA, 1, 0, 0));
	assert_conflict(prout(r, 2, CLEAR, 0, 1, 0, 0));
	assert_good(prout(r, 1, CLEAR, 0, 2, 0, 0));
	assert_held(r, 0, 0);
	assert_keys(r, 0, NULL);
	assert_check(rig_tur(r, 0), 6, ISCSIP_ASC_RESERVATIONS_PREEMPTED);
	assert_good(rig_tur(r, 1));
	assert_good(rig_tur(r, 2));
	rig_free(r);
}

static void preempt_takes_the_reservation_over(void **state)
{
	struct rig *r = registered(RIG_RAM);

	(void)state;
	assert_good(prout(r, 2, REGISTER, 0, 0, 3, 0));
	assert_good(prout(r, 0, RESERVE, WERO, 1, 0, 0));
	assert_good(prout(r, 1, PREEMPT, EARO, 2, 1, 0));
	assert_check(rig_tur(r, 0), 6, ISCSIP_ASC_REGISTRATIONS_PREEMPTED);
	assert_check(rig_tur(r, 2), 6, ISCSIP_ASC_RESERVATIONS_RELEASED); /* of another type now */
	assert_held(r, EARO, 2);
	assert_keys(r, 2, (uint64_t[]){ 2, 3 });
	assert_good(rig_tur(r, 1));
	assert_conflict(rig_write(r, 0, 0, 1, 1));
	rig_free(r);
}

static void preempt_of_a_key_that_holds_nothing_only_removes_it(void **state)
{
	struct rig *r = registered(RIG_RAM);

	(void)state;
	assert_good(prout(r, 0, RESERVE, WE, 1, 0, 0));
	assert_good(prout(r, 0, PREEMPT, WE, 1, 2, 0));
	assert_held(r, WE, 1);
	assert_keys(r, 1, (uint64_t[]){ 1 });
	assert_check(rig_tur(r, 1), 6, ISCSIP_ASC_REGISTRATIONS_PREEMPTED);
	assert_conflict(prout(r, 0, PREEMPT, WE, 1, 99, 0));
	assert_parameter_field(prout(r, 0, PREEMPT, WE, 1, 0, 0), 8);
	rig_free(r);
}

static void preempt_of_all_registrants_with_no_key_leaves_one(void **state)
{
	struct rig *r = registered(RIG_RAM);

	(void)state;
	assert_good(prout(r, 0, RESERVE, EAAR, 1, 0, 0));
	assert_good(prout(r, 1, PREEMPT, WE, 2, 0, 0));
	assert_held(r, WE, 2);
	assert_keys(r, 1, (uint64_t[]){ 2 });
	assert_check(rig_tur(r, 0), 6, ISCSIP_ASC_REGISTRATIONS_PREEMPTED);
	rig_free(r);
}

static void one_who_preempts_its_own_key_stays_registered(void **state)
{
	struct rig *r = registered(RIG_RAM);

	(void)state;
	assert_good(prout(r, 0, RESERVE, WE, 1, 0, 0));
	assert_good(prout(r, 0, PREEMPT, EA, 1, 1, 0));
	assert_held(r, EA, 1);
	assert_keys(r, 2, (uint64_t[]){ 1, 2 });
	rig_free(r);
}

static void preempt_and_abort_answers_when_nothing_can_be_written_any_more(void **state)
{
	uint8_t cdb[16], data[4096], out[10] = { 0x5f, PREEMPT_ABORT, WE, 0, 0, 0, 0, 0, 24 }, list[24] = { 0 };
	struct rig *r = registered(RIG_DEFERRED);
	struct rig_cmd *writer, *preempt;

	(void)state;
	memset(data, 0x66, sizeof data);
	assert_good(prout(r, 0, RESERVE, WE, 1, 0, 0));
	writer = rig_begin(r, 0, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, 0, 8, 0), data, 4096, 0, 1, false);
	while (!r->pending_cnt)
		assert_true(rig_step(r));
	store_be64(list, 2);
	store_be64(list + 8, 1);
	preempt = rig_begin(r, 1, 0, out, 10, list, 24, 0, 1, false);
	while (rig_step(r))
		;
	assert_true(writer->cmd.flags & ISCSIP_CMD_ABORTED);
	assert_false(preempt->completed);
	rig_storage_run(r);
	assert_int_equal(writer->completions, 1);
	rig_pump(r);
	assert_good(preempt);
	assert_held(r, WE, 2);
	rig_free(r);
}

static struct rig_cmd *tur_with(struct rig *r, int n, bool naca)
{
	uint8_t cdb[6] = { 0x00, 0, 0, 0, 0, naca ? 0x04 : 0 };

	return rig_run(r, n, 0, cdb, 6, NULL, 0, 0);
}

/* SPC-4 5.7.11.5: the allegiance goes with the nexus that it stands for, and with no other. */
static void preempt_and_abort_clears_the_allegiance_of_whom_it_preempts(void **state)
{
	uint64_t key;

	(void)state;
	for (key = 1; key <= 3; key += 2) {
		struct rig *r = registered(RIG_RAM);

		assert_good(prout(r, 2, REGISTER, 0, 0, 3, 0));
		assert_int_equal(iscsip_disk_lun_resize(r->disk, 0, 1000), ISCSIP_OK);
		assert_check(tur_with(r, 0, true), 6, ISCSIP_ASC_CAPACITY_CHANGED); /* NACA: it is the faulted nexus now */
		assert_int_equal(rig_tur(r, 0)->status, ISCSIP_STATUS_ACA_ACTIVE);
		assert_int_equal(rig_tur(r, 2)->status, ISCSIP_STATUS_BUSY);
		assert_check(prout(r, 1, PREEMPT_ABORT, WE, 2, key, 0), 6, ISCSIP_ASC_CAPACITY_CHANGED);
		assert_good(prout(r, 1, PREEMPT_ABORT, WE, 2, key, 0));
		if (key == 1) {
			assert_check(rig_tur(r, 0), 6, ISCSIP_ASC_REGISTRATIONS_PREEMPTED);
			assert_good(rig_tur(r, 0));
			assert_check(rig_tur(r, 2), 6, ISCSIP_ASC_CAPACITY_CHANGED);
			assert_good(rig_tur(r, 2));
		} else {
			assert_int_equal(rig_tur(r, 0)->status, ISCSIP_STATUS_ACA_ACTIVE);
			assert_int_equal(rig_tur(r, 2)->status, ISCSIP_STATUS_BUSY);
			assert_int_equal(rig_tmf(r, 0, 0, ISCSIP_TMF_CLEAR_ACA, NULL), ISCSIP_TMF_COMPLETE);
		}
		rig_free(r);
	}
}

static void data_of_a_cluster_never_lands_before_its_turn(void **state)
{
	uint8_t cdb[16], data[4096];
	struct rig *r = registered(RIG_RAM);
	struct rig_cmd *writer;

	(void)state;
	memset(data, 0x66, sizeof data);
	writer = rig_begin(r, 0, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, 0, 8, 0), data, 4096, 0, 1, true);
	assert_int_equal(r->unit[0].bytes[0], 0);
	assert_good(prout(r, 1, RESERVE, WE, 2, 0, 0));
	assert_good(prout(r, 1, PREEMPT_ABORT, WE, 2, 1, 0));
	rig_exec(writer);
	rig_pump(r);
	assert_check(writer, 6, ISCSIP_ASC_REGISTRATIONS_PREEMPTED);
	assert_int_equal(r->unit[0].bytes[0], 0);
	rig_free(r);
}

/* --- TransportIDs --------------------------------------------------------------------------------------------- */

static size_t id_of(uint8_t *id, const char *name)
{
	static const uint8_t isid[6] = { 0x80, 1, 2, 3, 4, 5 };

	return iscsip_transport_id_iscsi(id, ISCSIP_TRANSPORT_ID_MAX, name, isid);
}

static void spec_i_pt_registers_other_ports_too(void **state)
{
	uint8_t cdb[10] = { 0x5f, REGISTER }, list[600] = { 0 };
	struct rig *r = rig_new(RIG_RAM, 0);
	uint32_t n, cut;

	(void)state;
	rig_open(r, 2);
	rig_clear_attention(r);
	store_be64(list + 8, 4);
	list[20] = 0x08;
	n = 28 + (uint32_t)id_of(list + 28, "iqn.1994-05.com.example:two");
	n += (uint32_t)id_of(list + n, "IQN.1994-05.com.example:THREE");
	store_be32(list + 24, n - 28);
	for (cut = 24; cut < n; cut++) {
		store_be32(cdb + 5, cut);
		assert_check(rig_run(r, 0, 0, cdb, 10, list, cut, 0), 5, ISCSIP_ASC_PARAMETER_LIST_LENGTH);
	}
	store_be32(cdb + 5, n);
	list[28] = 0x85; /* a TransportID of no known format */
	assert_parameter_field(rig_run(r, 0, 0, cdb, 10, list, n, 0), 28);
	list[28] = 0x45;
	id_of(list + 28, "iqn.1994-05.com.example:two");
	assert_good(rig_run(r, 0, 0, cdb, 10, list, n, 0));
	assert_keys(r, 3, (uint64_t[]){ 4, 4, 4 });
	/* the others are registered: they need the key, and may reserve */
	assert_good(prout(r, 1, RESERVE, WE, 4, 0, 0));
	assert_good(prout(r, 2, REGISTER, 0, 4, 5, 0));
	/* who is registered cannot name others */
	store_be64(list, 4);
	assert_parameter_field(rig_run(r, 0, 0, cdb, 10, list, n, 0), 20);
	rig_free(r);
}

static void full_status_names_every_port(void **state)
{
	struct rig *r = registered(RIG_RAM);
	struct rig_cmd *c;
	uint8_t id[ISCSIP_TRANSPORT_ID_MAX];
	size_t n = id_of(id, "iqn.1994-05.com.example:one");

	(void)state;
	assert_good(prout(r, 0, RESERVE, EARO, 1, 0, 0));
	c = prin(r, 2, 3);
	assert_good(c);
	assert_true(load_be64(c->in + 8) == 1);
	assert_int_equal(c->in[20], 1);    /* R_HOLDER */
	assert_int_equal(c->in[21], EARO);
	assert_int_equal(load_be16(c->in + 26), 1);
	assert_int_equal(load_be32(c->in + 28), n);
	assert_memory_equal(c->in + 32, id, n);
	assert_int_equal(c->in[32 + n + 12], 0);
	assert_int_equal(load_be32(c->in + 4), c->in_done - 8);
	rig_free(r);
}

static void register_and_move_hands_the_reservation_over(void **state)
{
	uint8_t cdb[10] = { 0x5f, MOVE }, list[300] = { 0 };
	struct rig *r = registered(RIG_RAM);
	uint32_t n;

	(void)state;
	assert_good(prout(r, 0, RESERVE, WE, 1, 0, 0));
	store_be64(list, 1);
	store_be64(list + 8, 33);
	store_be16(list + 18, 1);
	n = (uint32_t)id_of(list + 24, "iqn.1994-05.com.example:three");
	store_be32(list + 20, n);
	store_be32(cdb + 5, 24 + n);
	store_be16(list + 18, 9);
	assert_parameter_field(rig_run(r, 0, 0, cdb, 10, list, 24 + n, 0), 18);
	store_be16(list + 18, 1);
	store_be64(list + 8, 0);
	assert_parameter_field(rig_run(r, 0, 0, cdb, 10, list, 24 + n, 0), 8);
	store_be64(list + 8, 33);
	assert_good(rig_run(r, 0, 0, cdb, 10, list, 24 + n, 0));
	assert_held(r, WE, 33);
	assert_conflict(rig_write(r, 0, 0, 1, 1));
	assert_good(rig_write(r, 2, 0, 1, 1));
	/* now with UNREG, back to the first */
	store_be64(list, 33);
	store_be64(list + 8, 44);
	list[17] = 0x02;
	n = (uint32_t)id_of(list + 24, "iqn.1994-05.com.example:one");
	store_be32(list + 20, n);
	store_be32(cdb + 5, 24 + n);
	assert_good(rig_run(r, 2, 0, cdb, 10, list, 24 + n, 0));
	assert_held(r, WE, 44);
	assert_keys(r, 2, (uint64_t[]){ 44, 2 });
	/* to itself is no move */
	store_be64(list, 44);
	assert_parameter_field(rig_run(r, 0, 0, cdb, 10, list, 24 + n, 0), 24);
	rig_free(r);
}

/* --- what outlives what --------------------------------------------------------------------------------------- */

static void a_registration_is_its_port_s_again_after_a_new_login(void **state)
{
	struct rig *r = registered(RIG_RAM);

	(void)state;
	assert_good(prout(r, 0, RESERVE, EA, 1, 0, 0));
	iscsip_disk_nexus_close(&r->nexus[0]);
	assert_conflict(rig_read(r, 1, 0, 1));
	rig_open(r, 0);
	assert_check(rig_read(r, 0, 0, 1), 6, ISCSIP_ASC_POWER_ON);
	assert_good(rig_read(r, 0, 0, 1));
	assert_int_equal(rig_tmf(r, 1, 0, ISCSIP_TMF_LOGICAL_UNIT_RESET, NULL), ISCSIP_TMF_COMPLETE);
	rig_clear_attention(r);
	assert_held(r, EA, 1);
	rig_free(r);
}

static void aptpl_lets_reservations_outlive_the_device(void **state)
{
	struct iscsip_disk_lun_config lun = { .blocks = 2048 };
	struct rig *r = registered(RIG_SYNC);
	uint8_t saved[16384];
	size_t len, i;

	(void)state;
	assert_int_equal(r->unit[0].saves, 0);
	assert_good(prout(r, 0, IGNORE, 0, 0, 1, 0x01));
	assert_int_equal(r->unit[0].saves, 1);
	assert_good(prout(r, 0, RESERVE, EARO, 1, 0, 0));
	len = r->unit[0].saved_len;
	memcpy(saved, r->unit[0].saved, len);
	assert_int_equal(iscsip_disk_lun_remove(r->disk, 0), ISCSIP_DONE);
	lun.saved = saved;
	lun.saved_len = len;
	for (i = 0; i < len; i++) {
		saved[i] ^= 0x10;
		assert_int_equal(rig_add_unit(r, 0, RIG_SYNC, &lun), ISCSIP_EDATA);
		saved[i] ^= 0x10;
		lun.saved_len = i;
		assert_int_equal(rig_add_unit(r, 0, RIG_SYNC, &lun), ISCSIP_EDATA);
		lun.saved_len = len;
	}
	assert_int_equal(rig_add_unit(r, 0, RIG_SYNC, &lun), ISCSIP_OK);
	rig_clear_attention(r);
	assert_held(r, EARO, 1);
	assert_good(rig_write(r, 1, 0, 1, 1));
	assert_conflict(rig_read(r, 2, 0, 1));
	/* APTPL off: what was saved is forgotten */
	assert_good(prout(r, 0, IGNORE, 0, 0, 1, 0));
	assert_int_equal(r->unit[0].saved_len, 0);
	rig_free(r);
}

static void aptpl_that_cannot_be_kept_is_refused_or_failed(void **state)
{
	struct rig *r = registered(RIG_SYNC);

	(void)state;
	r->unit[0].fail = ISCSIP_STORAGE_IO_ERROR;
	r->unit[0].fail_commits = true;
	assert_check(prout(r, 0, IGNORE, 0, 0, 1, 0x01), ISCSIP_SENSE_MEDIUM_ERROR, ISCSIP_ASC_WRITE_ERROR);
	r->unit[0].fail = 0;
	r->unit[0].ops.commit = NULL;
	assert_parameter_field(prout(r, 0, IGNORE, 0, 0, 1, 0x01), 20);
	assert_int_equal(prin(r, 0, 2)->in[2] & 1, 0);
	rig_free(r);
}

static void the_table_of_registrations_can_be_full(void **state)
{
	struct iscsip_disk_lun_config lun = { .blocks = 2048 };
	struct iscsip_disk_config cfg;
	struct rig *r;

	(void)state;
	iscsip_disk_config_init(&cfg, sizeof cfg);
	cfg.max_registrations = 1;
	r = rig_new_with(RIG_RAM, &lun, &cfg);
	assert_good(prout(r, 0, REGISTER, 0, 0, 1, 0));
	assert_check(prout(r, 1, REGISTER, 0, 0, 1, 0), 5, ISCSIP_ASC_INSUFFICIENT_REGISTRATIONS);
	assert_good(prout(r, 0, REGISTER, 0, 1, 0, 0));
	assert_good(prout(r, 1, REGISTER, 0, 0, 1, 0));
	rig_free(r);
}

static void parameter_lists_of_other_lengths_are_refused(void **state)
{
	uint8_t cdb[10] = { 0x5f, REGISTER }, list[64] = { 0 };
	struct rig *r = rig_new(RIG_RAM, 0);
	uint32_t n;

	(void)state;
	list[15] = 1;
	for (n = 0; n < 40; n++) {
		store_be32(cdb + 5, n);
		if (n == 24)
			continue;
		assert_check(rig_run(r, 0, 0, cdb, 10, list, n, 0), 5, ISCSIP_ASC_PARAMETER_LIST_LENGTH);
	}
	store_be32(cdb + 5, 24);
	assert_check(rig_run(r, 0, 0, cdb, 10, list, 23, 0), 5, ISCSIP_ASC_PARAMETER_LIST_LENGTH);
	store_be32(cdb + 5, 0xffffffffu);
	assert_check(rig_run(r, 0, 0, cdb, 10, list, 24, 0), 5, ISCSIP_ASC_PARAMETER_LIST_LENGTH);
	assert_int_equal(load_be32(prin(r, 0, 0)->in + 4), 0);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reserve_shuts_others_out_until_it_is_released),
		cmocka_unit_test(a_lost_nexus_and_every_reset_release_reserve),
		cmocka_unit_test(each_type_lets_through_what_its_row_says),
		cmocka_unit_test(every_command_conflicts_as_the_tables_say),
		cmocka_unit_test(start_stop_and_prevent_conflict_where_they_would_do_harm),
		cmocka_unit_test(keys_are_registered_changed_and_removed),
		cmocka_unit_test(the_generation_counts_what_spc4_says),
		cmocka_unit_test(reserve_and_release_need_the_right_key_type_and_scope),
		cmocka_unit_test(release_of_a_shared_type_is_told_to_the_registered),
		cmocka_unit_test(a_holder_that_unregisters_releases),
		cmocka_unit_test(clear_removes_all_and_tells_the_others),
		cmocka_unit_test(preempt_takes_the_reservation_over),
		cmocka_unit_test(preempt_of_a_key_that_holds_nothing_only_removes_it),
		cmocka_unit_test(preempt_of_all_registrants_with_no_key_leaves_one),
		cmocka_unit_test(one_who_preempts_its_own_key_stays_registered),
		cmocka_unit_test(preempt_and_abort_answers_when_nothing_can_be_written_any_more),
		cmocka_unit_test(preempt_and_abort_clears_the_allegiance_of_whom_it_preempts),
		cmocka_unit_test(data_of_a_cluster_never_lands_before_its_turn),
		cmocka_unit_test(spec_i_pt_registers_other_ports_too),
		cmocka_unit_test(full_status_names_every_port),
		cmocka_unit_test(register_and_move_hands_the_reservation_over),
		cmocka_unit_test(a_registration_is_its_port_s_again_after_a_new_login),
		cmocka_unit_test(aptpl_lets_reservations_outlive_the_device),
		cmocka_unit_test(aptpl_that_cannot_be_kept_is_refused_or_failed),
		cmocka_unit_test(the_table_of_registrations_can_be_full),
		cmocka_unit_test(parameter_lists_of_other_lengths_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
