/* SPDX-License-Identifier: MIT */
/*
 * What RFC 7143 demands of a target where data is concerned: R2Ts (11.8), Data-In (11.7), digests and gaps at recovery level 0
 * (7.8, 7.9), Rejects (7.3, 11.17), format errors (7.7). Each test is named in docs/conformance.tsv.
 */
#include "flow/target_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct rig R;
static uint8_t data[65536];

static void send(struct iscsip_pdu *h)
{
	peer_send(&R.peer[0], h, NULL, 0);
}

/* A write of `len`, all of it solicited, whose first R2T is out. */
static struct peer_pdu solicited(struct iscsip_pdu *h, uint32_t len)
{
	*h = rig_write(&R, 8, len);
	send(h);
	return rig_expect(&R, ISCSIP_OP_R2T);
}

static void ends_with_check(uint32_t itt, uint8_t asc, uint8_t ascq)
{
	struct peer_pdu got = rig_expect(&R, ISCSIP_OP_SCSI_RESPONSE);

	assert_int_equal(got.h.itt, itt);
	assert_int_equal(got.h.scsi_response.response, 0);
	assert_int_equal(got.h.scsi_response.status, 2);
	assert_int_equal(got.h.data_len, 20);
	assert_int_equal(got.data[1], 18);
	assert_int_equal(got.data[2 + 2] & 0xf, 0xb);
	assert_int_equal(got.data[2 + 12], asc);
	assert_int_equal(got.data[2 + 13], ascq);
	rig_quiet(&R);
}

#define NO_UNSOLICITED "InitialR2T=Yes\0ImmediateData=No"

static void r2ts_name_the_tasks_unit_and_ask_for_all_of_it_once_in_order(void **state)
{
	struct iscsip_pdu h;
	uint32_t off = 0, sn = 0, ttt[16], statsn;
	struct peer_pdu got;

	(void)state;
	rig_init(&R);
	rig_open(&R, RIG_PAIRS(NO_UNSOLICITED "\0MaxBurstLength=5000\0FirstBurstLength=5000\0MaxOutstandingR2T=3\0"
				"DataSequenceInOrder=Yes"));
	h = rig_write(&R, 8, 40003);
	h.lun = 5ull << 48;
	statsn = R.cfg.initial_statsn + 1u; /* one for the login */
	send(&h);
	while (off < 40003) {
		uint32_t n = 0, i, from = off;

		while (peer_recv(&R.peer[0], &got)) {
			assert_int_equal(got.h.opcode, ISCSIP_OP_R2T);
			assert_int_equal(got.h.itt, h.itt);
			assert_true(got.h.lun == h.lun);
			assert_int_equal(got.h.data_len, 0);
			assert_int_equal(got.h.ahs_words, 0);
			assert_int_equal(got.h.r2t.r2tsn, sn++);
			assert_int_equal(got.h.r2t.buffer_offset, off);
			assert_true(got.h.r2t.desired_len > 0 && got.h.r2t.desired_len <= 5000);
			assert_int_not_equal(got.h.r2t.ttt, ISCSIP_TAG_NONE);
			/* StatSN is told, not used up */
			assert_int_equal(got.h.reply.statsn, statsn);
			for (i = 0; i < n; i++)
				assert_int_not_equal(got.h.r2t.ttt, ttt[i]);
			ttt[n++] = got.h.r2t.ttt;
			off += got.h.r2t.desired_len;
		}
		assert_true(n >= 1 && n <= 3);
		for (i = 0; i < n; i++) {
			uint32_t len = 40003 - from < 5000 ? 40003 - from : 5000;
			struct iscsip_pdu d = rig_data_out(&h, ttt[i], 0, from, true);

			peer_send(&R.peer[0], &d, data, len);
			from += len;
		}
	}
	assert_int_equal(sn, 9);
	got = rig_expect(&R, ISCSIP_OP_SCSI_RESPONSE);
	assert_int_equal(got.h.scsi_response.expdatasn, 0);
	assert_int_equal(got.h.reply.statsn, statsn);
	rig_close(&R);
}

static void data_out_that_does_not_fit_its_task_is_refused_and_written_nowhere(void **state)
{
	struct iscsip_pdu h, d;
	struct peer_pdu r2t, got;
	int n;

	(void)state;
	for (n = 0; n < 6; n++) {
		rig_init(&R);
		rig_open(&R, RIG_PAIRS(NO_UNSOLICITED));
		memset(data, 0xee, sizeof data);
		memset(R.disk, 0x11, RIG_DISK);
		r2t = solicited(&h, 4096);
		d = rig_data_out(&h, r2t.h.r2t.ttt, 0, 0, true);
		if (n == 0)
			d.lun = 1ull << 48;
		if (n == 1)
			d.itt++;
		if (n == 2)
			d.data_out.ttt++;
		if (n == 3)
			d.data_out.buffer_offset = 4096;
		if (n == 4)
			d.data_out.buffer_offset = 1024; /* runs past the end */
		if (n == 5)
			d.data_out.buffer_offset = 0xfffff000u;
		peer_send(&R.peer[0], &d, data, 4096);
		got = rig_expect(&R, ISCSIP_OP_REJECT);
		assert_int_equal(got.h.reject.reason, ISCSIP_REJECT_FIELD);
		for (uint32_t i = 0; i < RIG_DISK; i++)
			if (R.disk[i] != 0x11)
				fail_msg("case %d wrote at %u", n, (unsigned)i);
		/* a task that was running still gets its own response (7.3): of a tag that names another, it just goes on */
		if (n < 3)
			peer_send(&R.peer[0], &(struct iscsip_pdu){ .opcode = ISCSIP_OP_DATA_OUT, .itt = h.itt, .final = true,
					.data_out = { .ttt = r2t.h.r2t.ttt } }, data, 4096);
		got = rig_expect(&R, ISCSIP_OP_SCSI_RESPONSE);
		assert_int_equal(got.h.itt, h.itt);
		assert_int_equal(got.h.scsi_response.status, n < 3 ? 0 : 2);
		rig_close(&R);
	}
}

static void damaged_data_is_rejected_and_its_command_ends_when_all_its_data_has_come(void **state)
{
	struct iscsip_pdu h, d;
	struct peer_pdu r2t, got;

	(void)state;
	rig_init(&R);
	rig_open(&R, RIG_PAIRS(NO_UNSOLICITED "\0DataDigest=CRC32C"));
	r2t = solicited(&h, 12288);
	d = rig_data_out(&h, r2t.h.r2t.ttt, 0, 0, false);
	R.peer[0].spoil_data_digest = true;
	peer_send(&R.peer[0], &d, data, 4096);
	got = rig_expect(&R, ISCSIP_OP_REJECT);
	assert_int_equal(got.h.reject.reason, ISCSIP_REJECT_DATA_DIGEST);
	assert_int_equal(got.h.data_len, 48);
	assert_int_equal(got.data[0], ISCSIP_OP_DATA_OUT);
	rig_quiet(&R);
	d = rig_data_out(&h, r2t.h.r2t.ttt, 1, 4096, false);
	peer_send(&R.peer[0], &d, data, 4096);
	rig_quiet(&R);
	d = rig_data_out(&h, r2t.h.r2t.ttt, 2, 8192, true);
	peer_send(&R.peer[0], &d, data, 4096);
	ends_with_check(h.itt, 0x47, 0x05);
	rig_close(&R);
	/* unsolicited data likewise */
	rig_init(&R);
	rig_open(&R, RIG_PAIRS("InitialR2T=No\0ImmediateData=No\0FirstBurstLength=8192\0DataDigest=CRC32C"));
	h = rig_write(&R, 8, 8192);
	h.final = false;
	send(&h);
	d = rig_data_out(&h, ISCSIP_TAG_NONE, 0, 0, false);
	R.peer[0].spoil_data_digest = true;
	peer_send(&R.peer[0], &d, data, 4096);
	assert_int_equal(rig_expect(&R, ISCSIP_OP_REJECT).h.reject.reason, ISCSIP_REJECT_DATA_DIGEST);
	rig_quiet(&R);
	d = rig_data_out(&h, ISCSIP_TAG_NONE, 1, 4096, true);
	peer_send(&R.peer[0], &d, data, 4096);
	ends_with_check(h.itt, 0x47, 0x05);
	/* an abort during the wait may conclude the task instead */
	h = rig_write(&R, 8, 8192);
	h.final = false;
	send(&h);
	d = rig_data_out(&h, ISCSIP_TAG_NONE, 0, 0, false);
	R.peer[0].spoil_data_digest = true;
	peer_send(&R.peer[0], &d, data, 4096);
	(void)rig_expect(&R, ISCSIP_OP_REJECT);
	d = rig_request(&R, ISCSIP_OP_TASK_REQUEST);
	d.task_request.function = ISCSIP_TMF_ABORT_TASK;
	d.task_request.ref_task_tag = h.itt;
	d.task_request.ref_cmdsn = h.request.cmdsn;
	send(&d);
	assert_int_equal(rig_expect(&R, ISCSIP_OP_TASK_RESPONSE).h.task_response.response, ISCSIP_TMF_COMPLETE);
	rig_quiet(&R);
	rig_alive(&R);
	rig_close(&R);
}

static void a_command_with_damaged_immediate_data_is_discarded_and_may_come_again(void **state)
{
	struct iscsip_pdu h, ping;
	struct peer_pdu got;

	(void)state;
	rig_init(&R);
	rig_open(&R, RIG_PAIRS("ImmediateData=Yes\0DataDigest=CRC32C"));
	memset(data, 0x3d, sizeof data);
	h = rig_write(&R, 8, 512);
	R.peer[0].spoil_data_digest = true;
	peer_send(&R.peer[0], &h, data, 512);
	got = rig_expect(&R, ISCSIP_OP_REJECT);
	assert_int_equal(got.h.reject.reason, ISCSIP_REJECT_DATA_DIGEST);
	/* its number is a gap now: what follows it waits, until it came again under that number, with its tag */
	assert_int_equal(got.h.reply.expcmdsn, h.request.cmdsn);
	ping = rig_read(&R, 0, 512);
	send(&ping);
	rig_quiet(&R);
	assert_int_equal(R.execs, 0);
	peer_send(&R.peer[0], &h, data, 512);
	got = rig_expect(&R, ISCSIP_OP_SCSI_RESPONSE);
	assert_int_equal(got.h.itt, h.itt);
	assert_int_equal(got.h.scsi_response.status, 0);
	assert_memory_equal(R.disk + 8 * 512, data, 512);
	assert_int_equal(rig_expect(&R, ISCSIP_OP_DATA_IN).h.itt, ping.itt);
	rig_close(&R);
}

static void a_damaged_header_closes_the_connection_unanswered(void **state)
{
	struct iscsip_pdu h;

	(void)state;
	rig_init(&R);
	rig_open(&R, RIG_PAIRS("HeaderDigest=CRC32C"));
	h = rig_read(&R, 8, 512);
	R.peer[0].spoil_header_digest = true;
	send(&h);
	assert_int_equal(R.peer[0].err, ISCSIP_EDIGEST);
	assert_int_equal(R.execs, 0);
	rig_quiet(&R);
	assert_int_equal(iscsip_conn_want(R.conn[0]), ISCSIP_WANT_CLOSE);
	rig_close(&R);
}

static void a_missing_data_out_is_as_good_as_a_damaged_one(void **state)
{
	struct iscsip_pdu h, d;
	struct peer_pdu r2t;

	(void)state;
	rig_init(&R);
	rig_open(&R, RIG_PAIRS(NO_UNSOLICITED));
	r2t = solicited(&h, 12288);
	d = rig_data_out(&h, r2t.h.r2t.ttt, 0, 0, false);
	peer_send(&R.peer[0], &d, data, 4096);
	d = rig_data_out(&h, r2t.h.r2t.ttt, 2, 8192, true);
	peer_send(&R.peer[0], &d, data, 4096);
	ends_with_check(h.itt, 0x47, 0x05);
	rig_alive(&R);
	rig_close(&R);
}

static void a_format_error_closes_every_connection_of_the_session(void **state)
{
	static const struct {
		uint8_t bhs[48];
	} bad[] = {
		/* a SCSI Command with R and neither W nor F; data in a task management request; C with F in a Text Request */
		{ { 0x01, 0x40, [19] = 1, [23] = 1 } },
		{ { 0x42, 0x81, [7] = 4, [19] = 1 } },
		{ { 0x44, 0xc0, [19] = 1, [20] = 0xff, 0xff, 0xff, 0xff } },
	};
	struct peer_pdu got;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bad / sizeof *bad; i++) {
		rig_init(&R);
		R.cfg.limits.max_conns = 2;
		R.offer.max_connections = 2;
		rig_open(&R, RIG_PAIRS("MaxConnections=2"));
		rig_connect(&R, 1);
		assert_true(rig_login(&R, 1, "", 1, &got));
		assert_int_equal(got.h.login_response.status_class, 0);
		peer_send_bhs(&R.peer[0], bad[i].bhs, NULL, data);
		assert_int_equal(rig_expect(&R, ISCSIP_OP_REJECT).data[0], bad[i].bhs[0]);
		rig_quiet(&R);
		assert_true(iscsip_conn_want(R.conn[0]) & ISCSIP_WANT_CLOSE);
		assert_true(iscsip_conn_want(R.conn[1]) & ISCSIP_WANT_CLOSE);
		rig_drop(&R, 0);
		rig_drop(&R, 1);
		assert_true(R.freed);
		rig_close(&R);
	}
}

static void a_refused_request_is_returned_whole_and_its_number_is_not_received(void **state)
{
	struct iscsip_pdu h, next;
	struct peer_pdu got;
	uint8_t bhs[48];

	(void)state;
	rig_init(&R);
	rig_open(&R, "", 1);
	h = rig_read(&R, 0, 512);
	h.scsi_command.attr = 6; /* reserved: a protocol error (11) */
	send(&h);
	got = rig_expect(&R, ISCSIP_OP_REJECT);
	assert_int_equal(got.h.reject.reason, ISCSIP_REJECT_PROTOCOL);
	assert_int_equal(got.h.itt, ISCSIP_TAG_NONE);
	assert_int_equal(got.h.reply.expcmdsn, h.request.cmdsn);
	assert_int_equal(got.h.data_len, 48);
	assert_int_equal(iscsip_pdu_encode(bhs, &h), ISCSIP_OK);
	assert_memory_equal(got.data, bhs, 48);
	/* no further answer to it; what is behind waits until the gap is plugged */
	next = rig_read(&R, 0, 512);
	send(&next);
	rig_quiet(&R);
	h.scsi_command.attr = ISCSIP_ATTR_SIMPLE;
	send(&h);
	assert_int_equal(rig_expect(&R, ISCSIP_OP_DATA_IN).h.itt, h.itt);
	assert_int_equal(rig_expect(&R, ISCSIP_OP_DATA_IN).h.itt, next.itt);
	rig_close(&R);
}

static void a_snack_at_level_0_is_refused_and_the_command_it_names_ends(void **state)
{
	struct iscsip_pdu h, s;
	struct peer_pdu got;

	(void)state;
	rig_init(&R);
	rig_open(&R, "", 1);
	R.manual = true;
	h = rig_read(&R, 0, 512);
	send(&h);
	s = (struct iscsip_pdu){ .opcode = ISCSIP_OP_SNACK, .final = true, .itt = h.itt };
	s.snack.ttt = ISCSIP_TAG_NONE;
	send(&s);
	got = rig_expect(&R, ISCSIP_OP_REJECT);
	assert_int_equal(got.h.reject.reason, ISCSIP_REJECT_SNACK);
	ends_with_check(h.itt, 0x11, 0x13);
	assert_int_equal(R.aborts, 1);
	assert_int_equal(rig_good(R.cmds[0], 0, 0), ISCSIP_OK);
	rig_quiet(&R);
	/* for a status, and for a task that is over, no more than the Reject */
	send(&s);
	assert_int_equal(rig_expect(&R, ISCSIP_OP_REJECT).h.reject.reason, ISCSIP_REJECT_SNACK);
	s.itt = ISCSIP_TAG_NONE;
	s.snack.snack_type = ISCSIP_SNACK_STATUS;
	send(&s);
	assert_int_equal(rig_expect(&R, ISCSIP_OP_REJECT).h.reject.reason, ISCSIP_REJECT_SNACK);
	s.snack.snack_type = ISCSIP_SNACK_DATA_ACK;
	s.snack.ttt = 1;
	send(&s);
	assert_int_equal(rig_expect(&R, ISCSIP_OP_REJECT).h.reject.reason, ISCSIP_REJECT_DATA_ACK);
	rig_quiet(&R);
	rig_close(&R);
}

static void data_in_at_level_0_asks_for_no_acknowledgment_and_carries_status_only_at_its_end(void **state)
{
	struct iscsip_pdu h;
	struct peer_pdu got;
	uint32_t n = 0;

	(void)state;
	rig_init(&R);
	rig_open(&R, RIG_PAIRS("MaxRecvDataSegmentLength=512\0MaxBurstLength=2048\0FirstBurstLength=2048"));
	h = rig_read(&R, 0, 10000);
	h.lun = 3ull << 48;
	send(&h);
	do {
		got = rig_expect(&R, ISCSIP_OP_DATA_IN);
		assert_int_equal(got.h.data_in.datasn, n++);
		assert_true(got.h.data_len > 0);
		assert_false(got.h.data_in.ack);
		assert_int_equal(got.h.data_in.ttt, ISCSIP_TAG_NONE);
		assert_true(got.h.lun == 0);
		if (got.h.data_in.has_status)
			assert_true(got.h.final);
	} while (!got.h.data_in.has_status);
	/* as many PDUs as there is data, so never 2^32 of a transfer that EDTL can name */
	assert_int_equal(n, (10000 + 511) / 512);
	rig_quiet(&R);
	rig_close(&R);
}

static void status_and_sense_wait_for_the_data_that_is_still_to_come(void **state)
{
	static const uint8_t sense[18] = { 0x70, 0, 4, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x44 };
	const struct iscsip_cmd_status st = { .status = 2, .sense = sense, .sense_len = sizeof sense };
	struct iscsip_pdu h, d;
	struct peer_pdu r2t, got;

	(void)state;
	rig_init(&R);
	rig_open(&R, RIG_PAIRS(NO_UNSOLICITED));
	R.manual = true;
	h = rig_write(&R, 8, 8192);
	send(&h);
	assert_int_equal(iscsip_cmd_request_data(R.cmds[0], 0, 8192), ISCSIP_OK);
	r2t = rig_expect(&R, ISCSIP_OP_R2T);
	/* the unit has failed in the middle of it */
	assert_int_equal(iscsip_cmd_complete(R.cmds[0], &st), ISCSIP_OK);
	rig_quiet(&R);
	d = rig_data_out(&h, r2t.h.r2t.ttt, 0, 0, false);
	peer_send(&R.peer[0], &d, data, 4096);
	rig_quiet(&R);
	d = rig_data_out(&h, r2t.h.r2t.ttt, 1, 4096, true);
	peer_send(&R.peer[0], &d, data, 4096);
	got = rig_expect(&R, ISCSIP_OP_SCSI_RESPONSE);
	assert_int_equal(got.h.scsi_response.status, 2);
	assert_int_equal(got.h.data_len, 20);
	assert_int_equal(got.h.scsi_response.expdatasn, 0);
	rig_close(&R);
}

static void errors_come_in_a_response_and_check_conditions_with_sense_data(void **state)
{
	static const struct {
		uint8_t status;
		bool rides;
	} rows[] = { { 0x00, true }, { 0x04, true }, { 0x10, true },  { 0x14, true },  { 0x02, false },
		     { 0x08, false }, { 0x18, false }, { 0x28, false }, { 0x30, false }, { 0x40, false } };
	size_t i;

	(void)state;
	rig_init(&R);
	rig_open(&R, "", 1);
	R.manual = true;
	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct iscsip_cmd_status st = { .status = rows[i].status, .in_total = 512 };
		struct iscsip_pdu h = rig_read(&R, 0, 512);
		struct iscsip_vec v = { data, 512 };
		struct peer_pdu got;

		R.cmd_count = 0;
		send(&h);
		assert_int_equal(iscsip_cmd_send_data(R.cmds[0], &v, 1, 512, true), ISCSIP_OK);
		assert_int_equal(iscsip_cmd_complete(R.cmds[0], &st), ISCSIP_OK);
		got = rig_expect(&R, ISCSIP_OP_DATA_IN);
		assert_int_equal(got.h.data_in.has_status, rows[i].rides);
		if (rows[i].rides) {
			assert_int_equal(got.h.data_in.status, rows[i].status);
		} else {
			got = rig_expect(&R, ISCSIP_OP_SCSI_RESPONSE);
			assert_int_equal(got.h.scsi_response.status, rows[i].status);
			/* the device server gave no sense data */
			assert_int_equal(got.h.data_len, rows[i].status == 2 ? 20 : 0);
			if (rows[i].status == 2)
				assert_memory_equal(got.data, "\0\22\160\0\4", 5);
		}
		rig_quiet(&R);
	}
	rig_close(&R);
}

static void a_failure_of_the_target_counts_no_data_in_and_carries_no_flags(void **state)
{
	const struct iscsip_cmd_status st = { .response = ISCSIP_RESPONSE_FAILURE, .status = 2, .in_total = 9999 };
	struct iscsip_vec v = { data, 512 };
	struct iscsip_pdu h;
	struct peer_pdu got;

	(void)state;
	rig_init(&R);
	rig_open(&R, "", 1);
	R.manual = true;
	h = rig_read(&R, 0, 1024);
	send(&h);
	assert_int_equal(iscsip_cmd_send_data(R.cmds[0], &v, 1, 512, false), ISCSIP_OK);
	assert_int_equal(iscsip_cmd_complete(R.cmds[0], &st), ISCSIP_OK);
	(void)rig_expect(&R, ISCSIP_OP_DATA_IN);
	got = rig_expect(&R, ISCSIP_OP_SCSI_RESPONSE);
	assert_int_equal(got.h.scsi_response.response, ISCSIP_RESPONSE_FAILURE);
	assert_int_equal(got.h.scsi_response.expdatasn, 0);
	assert_int_equal(got.bhs[1], 0x80);
	assert_int_equal(got.h.scsi_response.residual, 0);
	rig_close(&R);
}

static void pad_bytes_are_sent_as_0_and_taken_as_anything(void **state)
{
	struct iscsip_pdu h;
	struct peer_pdu got;

	(void)state;
	rig_init(&R);
	rig_open(&R, RIG_PAIRS("ImmediateData=Yes\0DataDigest=CRC32C"));
	R.peer[0].pad = 0xff;
	memset(data, 0x77, sizeof data);
	h = rig_write(&R, 8, 509);
	peer_send(&R.peer[0], &h, data, 509);
	assert_int_equal(rig_expect(&R, ISCSIP_OP_SCSI_RESPONSE).h.scsi_response.status, 0);
	assert_memory_equal(R.disk + 8 * 512, data, 509);
	h = rig_read(&R, 8, 509);
	send(&h);
	got = rig_expect(&R, ISCSIP_OP_DATA_IN);
	assert_int_equal(got.h.data_len, 509);
	assert_memory_equal(got.data + 509, "\0\0\0", 3);
	rig_close(&R);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r2ts_name_the_tasks_unit_and_ask_for_all_of_it_once_in_order),
		cmocka_unit_test(data_out_that_does_not_fit_its_task_is_refused_and_written_nowhere),
		cmocka_unit_test(damaged_data_is_rejected_and_its_command_ends_when_all_its_data_has_come),
		cmocka_unit_test(a_command_with_damaged_immediate_data_is_discarded_and_may_come_again),
		cmocka_unit_test(a_damaged_header_closes_the_connection_unanswered),
		cmocka_unit_test(a_missing_data_out_is_as_good_as_a_damaged_one),
		cmocka_unit_test(a_format_error_closes_every_connection_of_the_session),
		cmocka_unit_test(a_refused_request_is_returned_whole_and_its_number_is_not_received),
		cmocka_unit_test(a_snack_at_level_0_is_refused_and_the_command_it_names_ends),
		cmocka_unit_test(data_in_at_level_0_asks_for_no_acknowledgment_and_carries_status_only_at_its_end),
		cmocka_unit_test(status_and_sense_wait_for_the_data_that_is_still_to_come),
		cmocka_unit_test(errors_come_in_a_response_and_check_conditions_with_sense_data),
		cmocka_unit_test(a_failure_of_the_target_counts_no_data_in_and_carries_no_flags),
		cmocka_unit_test(pad_bytes_are_sent_as_0_and_taken_as_anything),
	};

	return cmocka_run_group_tests_name("conformance: data", tests, NULL, NULL);
}
