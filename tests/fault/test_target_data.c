/* SPDX-License-Identifier: MIT */
/*
 * Data-out that breaks the rules, attack groups 16 and 17: tags, offsets, lengths, orders, moments. Whatever comes, no byte
 * outside the buffer is written, and the target goes on.
 */
#include "flow/target_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LBA 8u
#define KEYS RIG_PAIRS("InitialR2T=No\0FirstBurstLength=1024\0MaxBurstLength=4096\0MaxOutstandingR2T=2")

static uint8_t data[65536];


static void expect_sense(const struct peer_pdu *got, uint8_t asc, uint8_t ascq)
{
	assert_int_equal(got->h.opcode, ISCSIP_OP_SCSI_RESPONSE);
	assert_int_equal(got->h.scsi_response.status, 2);
	assert_int_equal(got->data[2 + 2], 0x0b);
	assert_int_equal(got->data[2 + 12], asc);
	assert_int_equal(got->data[2 + 13], ascq);
}

/* A write of 4096 bytes whose R2T is open. */
static struct iscsip_pdu open_write(struct rig *r, struct iscsip_pdu *h)
{
	struct iscsip_pdu d = { .opcode = ISCSIP_OP_DATA_OUT, .final = true };
	struct peer_pdu got;

	*h = rig_write(r, LBA, 4096);
	peer_send(&r->peer[0], h, NULL, 0);
	got = rig_expect(r, ISCSIP_OP_R2T);
	d.itt = h->itt;
	d.data_out.ttt = got.h.r2t.ttt;
	return d;
}

/* Ends the write as it should. */
static void finish_write(struct rig *r, struct iscsip_pdu d)
{
	peer_send(&r->peer[0], &d, data, 4096);
	assert_int_equal(rig_expect(r, ISCSIP_OP_SCSI_RESPONSE).h.scsi_response.status, 0);
	assert_memory_equal(r->disk + LBA * 512, data, 4096);
}

static void around_is_untouched(const struct rig *r, const uint8_t *before)
{
	assert_memory_equal(r->disk, before, LBA * 512);
	assert_memory_equal(r->disk + LBA * 512 + 4096, before + LBA * 512 + 4096, 4096);
}

static void a_wrong_tag_is_rejected_and_its_task_unharmed(void **state)
{
	struct rig r;
	struct iscsip_pdu h, d, wrong;

	(void)state;
	memset(data, 0x77, sizeof data);
	for (int i = 0; i < 5; i++) {
		rig_init(&r);
		rig_open(&r, KEYS);
		d = open_write(&r, &h);
		wrong = d;
		if (i == 0)
			wrong.data_out.ttt ^= 1; /* another connection's */
		else if (i == 1)
			wrong.data_out.ttt += 1u << 30; /* past the table */
		else if (i == 2)
			wrong.itt++;
		else if (i == 3)
			wrong.lun = 1;
		else
			wrong.data_out.ttt += 1u << 6; /* another generation */
		peer_send(&r.peer[0], &wrong, data, 4096);
		assert_int_equal(rig_expect(&r, ISCSIP_OP_REJECT).h.reject.reason, ISCSIP_REJECT_FIELD);
		rig_quiet(&r);
		finish_write(&r, d);
		rig_alive(&r);
		rig_close(&r);
	}
}

static void a_wrong_lun_is_taken_where_the_host_is_lenient_but_no_wrong_task(void **state)
{
	struct rig r;
	struct iscsip_pdu h, d, wrong;

	(void)state;
	memset(data, 0x77, sizeof data);
	rig_init(&r);
	r.cfg.flags |= ISCSIP_CFG_ANY_LUN;
	rig_open(&r, KEYS);
	d = open_write(&r, &h);
	wrong = d;
	wrong.itt++;
	wrong.lun = 1;
	peer_send(&r.peer[0], &wrong, data, 4096);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_REJECT).h.reject.reason, ISCSIP_REJECT_FIELD);
	d.lun = 1;
	finish_write(&r, d);
	rig_alive(&r);
	rig_close(&r);
}

static void data_for_tasks_that_are_gone_is_ignored(void **state)
{
	struct rig r;
	struct iscsip_pdu h, d;
	struct iscsip_session_stats st;

	(void)state;
	rig_init(&r);
	rig_open(&r, KEYS);
	d = open_write(&r, &h);
	finish_write(&r, d);
	peer_send(&r.peer[0], &d, data, 4096); /* again, with the tag that was */
	d.data_out.ttt = ISCSIP_TAG_NONE;
	peer_send(&r.peer[0], &d, data, 512);
	d.itt = 0x12345;
	peer_send(&r.peer[0], &d, data, 512); /* never heard of */
	rig_quiet(&r);
	iscsip_session_get_stats(r.s, &st);
	assert_int_equal(st.ignored, 3);
	rig_alive(&r);
	rig_close(&r);
}

static void a_wrong_offset_or_length_ends_the_command(void **state)
{
	static const struct {
		uint32_t off, len;
	} rows[] = {
		{ 1, 4095 }, { 0, 4097 }, { 4096, 4 }, { 0xfffffffc, 4 }, { 4, 4092 }, { 2048, 4096 }, { 0x80000000, 512 },
	};
	struct rig r;
	struct iscsip_pdu h, d;
	uint8_t before[16384];

	(void)state;
	memset(data, 0x78, sizeof data);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct peer_pdu got;

		rig_init(&r);
		rig_open(&r, KEYS);
		memcpy(before, r.disk, sizeof before);
		d = open_write(&r, &h);
		d.data_out.buffer_offset = rows[i].off;
		peer_send(&r.peer[0], &d, data, rows[i].len);
		assert_int_equal(rig_expect(&r, ISCSIP_OP_REJECT).h.reject.reason, ISCSIP_REJECT_FIELD);
		got = rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE);
		expect_sense(&got, 0x0c, 0x0d);
		around_is_untouched(&r, before);
		assert_memory_equal(r.disk, before, sizeof before);
		assert_int_equal(r.frees, 1);
		rig_alive(&r);
		rig_close(&r);
	}
}

static void an_offset_that_wraps_with_its_length_is_a_format_error(void **state)
{
	struct rig r;
	struct iscsip_pdu h, d;

	(void)state;
	rig_init(&r);
	rig_open(&r, KEYS);
	d = open_write(&r, &h);
	d.data_out.buffer_offset = 0xfffffffe;
	peer_send(&r.peer[0], &d, data, 4096);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_REJECT).h.reject.reason, ISCSIP_REJECT_FIELD);
	assert_true(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_CLOSE);
	rig_close(&r);
}

static void pdus_out_of_order_overlapping_or_with_a_gap_end_the_command(void **state)
{
	static const struct {
		uint32_t off[2], sn[2];
		bool reject;
		uint8_t asc, ascq;
	} rows[] = {
		{ { 0, 0 }, { 0, 1 }, true, 0x0c, 0x0d },       /* the same bytes twice */
		{ { 0, 1020 }, { 0, 1 }, true, 0x0c, 0x0d },    /* overlapping */
		{ { 0, 2048 }, { 0, 1 }, true, 0x0c, 0x0d },    /* a gap */
		{ { 1024, 0 }, { 0, 1 }, true, 0x0c, 0x0d },    /* backwards */
		{ { 0, 1024 }, { 1, 2 }, false, 0x47, 0x05 },   /* the first is missing */
		{ { 0, 1024 }, { 0, 2 }, false, 0x47, 0x05 },   /* one between is missing */
		{ { 0, 1024 }, { 0, 0 }, false, 0x47, 0x05 },   /* twice the same number */
	};
	struct rig r;
	struct iscsip_pdu h, d;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct peer_pdu got;

		rig_init(&r);
		rig_open(&r, KEYS);
		d = open_write(&r, &h);
		for (int k = 0; k < 2; k++) {
			d.final = k == 1;
			d.data_out.buffer_offset = rows[i].off[k];
			d.data_out.datasn = rows[i].sn[k];
			peer_send(&r.peer[0], &d, data, 1024);
			if (k == 0) {
				/* nothing ends before F */
				assert_true(!peer_recv(&r.peer[0], &got) || got.h.opcode == ISCSIP_OP_REJECT);
			}
		}
		assert_true(peer_recv(&r.peer[0], &got));
		if (got.h.opcode == ISCSIP_OP_REJECT) {
			assert_true(rows[i].reject);
			assert_true(peer_recv(&r.peer[0], &got));
		}
		expect_sense(&got, rows[i].asc, rows[i].ascq);
		rig_quiet(&r);
		assert_int_equal(r.aborts, 1);
		assert_int_equal(r.frees, 1);
		rig_alive(&r);
		rig_close(&r);
	}
}

static void f_too_early_is_too_little_data_and_f_missing_is_waited_for(void **state)
{
	struct rig r;
	struct iscsip_pdu h, d;
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	rig_open(&r, KEYS);
	d = open_write(&r, &h);
	peer_send(&r.peer[0], &d, data, 1000);
	got = rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE);
	expect_sense(&got, 0x0c, 0x0d);
	d = open_write(&r, &h);
	d.final = false;
	peer_send(&r.peer[0], &d, data, 4096);
	rig_quiet(&r);
	d.final = true;
	d.data_out.datasn = 1;
	d.data_out.buffer_offset = 4096;
	peer_send(&r.peer[0], &d, NULL, 0);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE).h.scsi_response.status, 0);
	rig_alive(&r);
	rig_close(&r);
}

static void unsolicited_data_that_was_not_agreed_ends_the_command(void **state)
{
	struct rig r;
	struct iscsip_pdu h, d = { .opcode = ISCSIP_OP_DATA_OUT, .final = true };
	struct peer_pdu got;
	uint8_t before[16384];

	(void)state;
	d.data_out.ttt = ISCSIP_TAG_NONE;
	/* InitialR2T=Yes: F=0 promises what may not come */
	rig_init(&r);
	rig_open(&r, RIG_PAIRS("InitialR2T=Yes\0ImmediateData=No"));
	memcpy(before, r.disk, sizeof before);
	h = rig_write(&r, LBA, 4096);
	h.final = false;
	peer_send(&r.peer[0], &h, NULL, 0);
	got = rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE);
	expect_sense(&got, 0x0c, 0x0c);
	d.itt = h.itt;
	peer_send(&r.peer[0], &d, data, 512);
	rig_quiet(&r);
	/* ImmediateData=No */
	h = rig_write(&r, LBA, 4096);
	peer_send(&r.peer[0], &h, data, 512);
	got = rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE);
	expect_sense(&got, 0x0c, 0x0c);
	/* a Data-Out although F was set */
	h = rig_write(&r, LBA, 4096);
	peer_send(&r.peer[0], &h, NULL, 0);
	got = rig_expect(&r, ISCSIP_OP_R2T);
	d.itt = h.itt;
	peer_send(&r.peer[0], &d, data, 512);
	rig_quiet(&r); /* the R2T is still to be answered */
	d.data_out.ttt = got.h.r2t.ttt;
	peer_send(&r.peer[0], &d, data, 4096);
	got = rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE);
	expect_sense(&got, 0x0c, 0x0c);
	assert_memory_equal(r.disk, before, sizeof before);
	assert_int_equal(r.execs, 1);
	rig_alive(&r);
	rig_close(&r);
}

/* A DataSN that is left out, repeated, or does not begin at 0: data was lost on the way (RFC 7143 11.7.5, 7.8). */
static void unsolicited_data_has_its_numbers_in_order(void **state)
{
	static const struct { uint32_t sn[2]; bool good; } rows[] = { { { 0, 1 }, true }, { { 1, 2 }, false }, { { 0, 2 }, false },
								      { { 0, 0 }, false }, { { 0, 0xffffffff }, false } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig r;
		struct iscsip_pdu h, d = { .opcode = ISCSIP_OP_DATA_OUT };
		struct peer_pdu got;

		rig_init(&r);
		rig_open(&r, RIG_PAIRS("InitialR2T=No\0ImmediateData=No\0FirstBurstLength=4096"));
		h = rig_write(&r, LBA, 4096);
		h.final = false;
		peer_send(&r.peer[0], &h, NULL, 0);
		d.itt = h.itt;
		d.data_out.ttt = ISCSIP_TAG_NONE;
		for (uint32_t n = 0; n < 2; n++) {
			d.final = n == 1;
			d.data_out.datasn = rows[i].sn[n];
			d.data_out.buffer_offset = n * 2048;
			peer_send(&r.peer[0], &d, data, 2048);
		}
		got = rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE);
		if (rows[i].good)
			assert_int_equal(got.h.scsi_response.status, 0);
		else
			expect_sense(&got, 0x47, 0x05);
		rig_alive(&r);
		rig_close(&r);
	}
}

/* Its offset alone says so, whatever the order that PDUs may come in, and without a Reject: the tags are right (11.4.7.2). */
static void unsolicited_data_that_begins_beyond_the_first_burst_ends_the_command(void **state)
{
	static const uint32_t offsets[] = { 4097, 8192, 0x7ffffffcu, 0xfffff000u };

	(void)state;
	for (int i = 0; i < 8; i++) {
		struct iscsip_pdu h, d = { .opcode = ISCSIP_OP_DATA_OUT, .final = true };
		struct peer_pdu got;
		struct rig r;

		rig_init(&r);
		r.offer.data_pdu_in_order = i < 4;
		rig_open(&r, RIG_PAIRS("InitialR2T=No\0ImmediateData=No\0FirstBurstLength=4096\0DataPDUInOrder=No"));
		h = rig_write(&r, LBA, 65536);
		h.final = false;
		peer_send(&r.peer[0], &h, NULL, 0);
		d.itt = h.itt;
		d.data_out.ttt = ISCSIP_TAG_NONE;
		d.data_out.buffer_offset = offsets[i % 4];
		peer_send(&r.peer[0], &d, data, 1024);
		got = rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE);
		expect_sense(&got, 0x0c, 0x0c);
		rig_alive(&r);
		rig_close(&r);
	}
}

static void more_or_less_than_the_first_burst_ends_the_command(void **state)
{
	static const struct {
		uint32_t imm, first[2];
		uint8_t ascq;
	} rows[] = {
		{ 1028, { 0, 0 }, 0x0c },    /* immediate data over FirstBurstLength */
		{ 0, { 1000, 0 }, 0x0d },    /* not all of it */
		{ 500, { 500, 0 }, 0x0d },
		{ 0, { 512, 516 }, 0x0c },   /* more than it */
		{ 1000, { 28, 0 }, 0x0c },
	};
	struct rig r;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct iscsip_pdu h, d = { .opcode = ISCSIP_OP_DATA_OUT };
		struct peer_pdu got;
		uint8_t before[16384];
		uint32_t off = rows[i].imm;

		rig_init(&r);
		rig_open(&r, KEYS);
		memcpy(before, r.disk, sizeof before);
		h = rig_write(&r, LBA, 4096);
		h.final = rows[i].first[0] == 0;
		peer_send(&r.peer[0], &h, data, rows[i].imm);
		for (uint32_t k = 0; k < 2 && rows[i].first[k]; k++) {
			d.itt = h.itt;
			d.data_out.ttt = ISCSIP_TAG_NONE;
			d.data_out.datasn = k;
			d.data_out.buffer_offset = off;
			d.final = k == 1 || rows[i].first[1] == 0;
			peer_send(&r.peer[0], &d, data, rows[i].first[k]);
			off += rows[i].first[k];
		}
		do
			assert_true(peer_recv(&r.peer[0], &got));
		while (got.h.opcode == ISCSIP_OP_R2T && (d.data_out.ttt = got.h.r2t.ttt, d.data_out.datasn = 0,
			d.data_out.buffer_offset = got.h.r2t.buffer_offset, d.final = true,
			peer_send(&r.peer[0], &d, data, got.h.r2t.desired_len), true));
		expect_sense(&got, 0x0c, rows[i].ascq);
		around_is_untouched(&r, before);
		rig_alive(&r);
		rig_close(&r);
	}
}

static void data_for_a_read_ends_it(void **state)
{
	struct rig r;
	struct iscsip_pdu h, d = { .opcode = ISCSIP_OP_DATA_OUT, .final = true };
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	r.later = true;
	rig_open(&r, KEYS);
	h = rig_read(&r, LBA, 512);
	peer_send(&r.peer[0], &h, NULL, 0);
	d.itt = h.itt;
	d.data_out.ttt = ISCSIP_TAG_NONE;
	peer_send(&r.peer[0], &d, data, 512);
	got = rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE);
	expect_sense(&got, 0x0c, 0x0c);
	assert_int_equal(r.aborts, 1);
	rig_run(&r);
	r.later = false;
	rig_alive(&r);
	rig_close(&r);
}

static void a_transfer_length_costs_nothing_by_itself(void **state)
{
	struct rig r;
	struct iscsip_pdu h;

	(void)state;
	rig_init(&r);
	r.manual = r.no_place = true;
	rig_open(&r, KEYS);
	for (int i = 0; i < 8; i++) {
		h = rig_write(&r, 0, 0xffffffff);
		peer_send(&r.peer[0], &h, NULL, 0);
		h = rig_read(&r, 0, 0xffffffff);
		peer_send(&r.peer[0], &h, NULL, 0);
	}
	assert_int_equal(r.cmd_count, 16);
	for (int i = 0; i < 16; i++)
		assert_int_equal(rig_good(r.cmds[i], 0, 0), ISCSIP_OK);
	for (int i = 0; i < 16; i++)
		assert_int_equal(rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE).h.scsi_response.residual, 0xffffffff);
	rig_close(&r);
}

static void writes_of_nothing_end_at_once(void **state)
{
	struct rig r;
	struct iscsip_pdu h;
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	rig_open(&r, KEYS);
	h = rig_write(&r, 0, 0);
	peer_send(&r.peer[0], &h, NULL, 0);
	got = rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE);
	assert_int_equal(got.h.scsi_response.status, 0);
	assert_false(got.h.scsi_response.underflow);
	assert_string_equal(r.log, "ef");
	rig_close(&r);
}

static void headers_that_contradict_themselves_end_the_session(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		struct rig r;
		struct iscsip_pdu h;

		rig_init(&r);
		rig_open(&r, KEYS);
		h = rig_write(&r, 0, 512);
		if (i == 0)
			h.scsi_command.write = false; /* a length, but no direction */
		else if (i == 1)
			h.final = false, h.scsi_command.write = false, h.scsi_command.read = true;
		else if (i == 2)
			h.scsi_command.read = true; /* both, and no read length */
		else if (i == 3)
			h.scsi_command.edtl = 256; /* less than its immediate data */
		else
			h.itt = ISCSIP_TAG_NONE;
		peer_send(&r.peer[0], &h, data, i == 3 ? 512 : 0);
		assert_int_equal(rig_expect(&r, ISCSIP_OP_REJECT).h.reject.reason, ISCSIP_REJECT_FIELD);
		assert_true(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_CLOSE);
		assert_int_equal(iscsip_conn_error(r.conn[0])->code, ISCSIP_EPROTO);
		assert_int_equal(r.execs, 0);
		rig_close(&r);
	}
}

static void a_write_may_be_aborted_at_every_moment_of_its_data(void **state)
{
	(void)state;
	for (size_t cut = 0; cut <= 48 + 1024; cut += 16) {
		struct rig r;
		struct iscsip_pdu h, d;
		uint8_t bhs[48];

		rig_init(&r);
		r.manual = true;
		rig_open(&r, KEYS);
		h = rig_write(&r, LBA, 4096);
		peer_send(&r.peer[0], &h, NULL, 0);
		assert_int_equal(iscsip_cmd_request_data(r.cmds[0], 0, 4096), ISCSIP_OK);
		d = (struct iscsip_pdu){ .opcode = ISCSIP_OP_DATA_OUT, .itt = h.itt, .data_len = 1024 };
		d.data_out.ttt = rig_expect(&r, ISCSIP_OP_R2T).h.r2t.ttt;
		assert_int_equal(iscsip_pdu_encode(bhs, &d), ISCSIP_OK);
		peer_send_raw(&r.peer[0], bhs, cut < 48 ? cut : 48);
		if (cut > 48)
			peer_send_raw(&r.peer[0], data, cut - 48);
		assert_int_equal(iscsip_cmd_abort(r.cmds[0]), ISCSIP_OK);
		assert_int_equal(rig_good(r.cmds[0], 0, 0), ISCSIP_OK);
		/* the buffer is in use exactly as long as its data is arriving */
		assert_int_equal(r.frees, cut < 48 || cut == 48 + 1024);
		if (cut < 48)
			peer_send_raw(&r.peer[0], bhs + cut, 48 - cut);
		peer_send_raw(&r.peer[0], data, cut < 48 ? 1024 : 48 + 1024 - cut);
		assert_int_equal(r.frees, 1);
		rig_quiet(&r);
		r.cmd_count = 0;
		r.manual = false;
		rig_alive(&r);
		rig_close(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wrong_tag_is_rejected_and_its_task_unharmed),
		cmocka_unit_test(a_wrong_lun_is_taken_where_the_host_is_lenient_but_no_wrong_task),
		cmocka_unit_test(data_for_tasks_that_are_gone_is_ignored),
		cmocka_unit_test(a_wrong_offset_or_length_ends_the_command),
		cmocka_unit_test(an_offset_that_wraps_with_its_length_is_a_format_error),
		cmocka_unit_test(pdus_out_of_order_overlapping_or_with_a_gap_end_the_command),
		cmocka_unit_test(f_too_early_is_too_little_data_and_f_missing_is_waited_for),
		cmocka_unit_test(unsolicited_data_that_was_not_agreed_ends_the_command),
		cmocka_unit_test(unsolicited_data_has_its_numbers_in_order),
		cmocka_unit_test(unsolicited_data_that_begins_beyond_the_first_burst_ends_the_command),
		cmocka_unit_test(more_or_less_than_the_first_burst_ends_the_command),
		cmocka_unit_test(data_for_a_read_ends_it),
		cmocka_unit_test(a_transfer_length_costs_nothing_by_itself),
		cmocka_unit_test(writes_of_nothing_end_at_once),
		cmocka_unit_test(headers_that_contradict_themselves_end_the_session),
		cmocka_unit_test(a_write_may_be_aborted_at_every_moment_of_its_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
