/* SPDX-License-Identifier: MIT */
/*
 * Reads and writes at the target, PDU by PDU.
 */
#include "flow/target_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_read_ends_with_status_in_its_last_data_in(void **state)
{
	struct rig r;
	struct iscsip_pdu h;
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	rig_open(&r, "", 1);
	h = rig_read(&r, 8, 4096);
	peer_send(&r.peer[0], &h, NULL, 0);
	got = rig_expect(&r, ISCSIP_OP_DATA_IN);
	assert_true(got.h.final);
	assert_true(got.h.data_in.has_status);
	assert_int_equal(got.h.data_in.status, 0);
	assert_int_equal(got.h.data_in.residual, 0);
	assert_int_equal(got.h.data_len, 4096);
	assert_int_equal(got.h.data_in.expcmdsn, r.cmdsn);
	assert_memory_equal(got.data, r.disk + 8 * 512, 4096);
	rig_quiet(&r);
	assert_string_equal(r.log, "ef");
	rig_close(&r);
}

static void a_write_takes_immediate_data_and_asks_for_the_rest(void **state)
{
	struct rig r;
	struct iscsip_pdu h, d;
	struct peer_pdu got;
	uint8_t *data = malloc(300000);

	(void)state;
	for (int i = 0; i < 300000; i++)
		data[i] = (uint8_t)(i * 13);
	rig_init(&r);
	rig_open(&r, RIG_PAIRS("InitialR2T=Yes\0ImmediateData=Yes\0FirstBurstLength=65536\0MaxBurstLength=262144\0"
			       "MaxOutstandingR2T=1"));
	h = rig_write(&r, 16, 300000);
	peer_send(&r.peer[0], &h, data, 8000);
	got = rig_expect(&r, ISCSIP_OP_R2T);
	assert_int_equal(got.h.r2t.r2tsn, 0);
	assert_int_equal(got.h.r2t.buffer_offset, 8000);
	assert_int_equal(got.h.r2t.desired_len, 262144);
	rig_quiet(&r);
	d = (struct iscsip_pdu){ .opcode = ISCSIP_OP_DATA_OUT, .itt = h.itt, .final = false };
	d.data_out.ttt = got.h.r2t.ttt;
	d.data_out.buffer_offset = 8000;
	peer_send(&r.peer[0], &d, data + 8000, 131072);
	d.data_out.buffer_offset += 131072;
	d.data_out.datasn = 1;
	d.final = true;
	peer_send(&r.peer[0], &d, data + 8000 + 131072, 131072);
	got = rig_expect(&r, ISCSIP_OP_R2T);
	assert_int_equal(got.h.r2t.r2tsn, 1);
	assert_int_equal(got.h.r2t.buffer_offset, 270144);
	assert_int_equal(got.h.r2t.desired_len, 29856);
	d.data_out.ttt = got.h.r2t.ttt;
	d.data_out.buffer_offset = 270144;
	d.data_out.datasn = 0;
	peer_send(&r.peer[0], &d, data + 270144, 29856);
	got = rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE);
	assert_int_equal(got.h.scsi_response.status, 0);
	assert_int_equal(got.h.scsi_response.response, 0);
	assert_memory_equal(r.disk + 16 * 512, data, 300000);
	rig_quiet(&r);
	assert_string_equal(r.log, "pedf");
	rig_close(&r);
	free(data);
}

/* Data-In PDUs of one read, checked one by one; the number of them. */
static int read_all(struct rig *r, uint32_t lba, uint32_t len, uint32_t mrdsl, uint32_t burst)
{
	struct iscsip_pdu h = rig_read(r, lba, len);
	uint32_t off = 0, in_burst = 0;
	int n = 0;

	peer_send(&r->peer[0], &h, NULL, 0);
	for (;; n++) {
		struct peer_pdu got = rig_expect(r, ISCSIP_OP_DATA_IN);

		assert_int_equal(got.h.data_in.datasn, n);
		assert_int_equal(got.h.data_in.buffer_offset, off);
		assert_true(got.h.data_len > 0 && got.h.data_len <= mrdsl);
		assert_memory_equal(got.data, r->disk + lba * 512 + off, got.h.data_len);
		off += got.h.data_len;
		in_burst += got.h.data_len;
		assert_true(in_burst <= burst);
		assert_int_equal(got.h.final, in_burst == burst || off == len);
		if (got.h.final)
			in_burst = 0;
		else
			assert_int_equal(got.h.data_len % 4, 0);
		assert_int_equal(got.h.data_in.has_status, off == len);
		if (off == len)
			return n + 1;
	}
}

static void a_long_read_is_cut_at_the_segment_and_ends_its_sequences_at_the_burst(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_open(&r, RIG_PAIRS("MaxRecvDataSegmentLength=8192\0MaxBurstLength=65536"));
	assert_int_equal(read_all(&r, 0, 1000000, 8192, 65536), 123);
	assert_int_equal(read_all(&r, 1, 8192, 8192, 65536), 1);
	assert_int_equal(read_all(&r, 1, 8193, 8192, 65536), 2);
	rig_close(&r);
	rig_init(&r);
	rig_open(&r, RIG_PAIRS("MaxRecvDataSegmentLength=515\0FirstBurstLength=1000\0MaxBurstLength=1027"));
	assert_int_equal(read_all(&r, 0, 4001, 515, 1027), 8);
	rig_close(&r);
}

/* One command served by hand. */
static struct iscsip_cmd *by_hand(struct rig *r, struct iscsip_pdu *h, const void *data, size_t len)
{
	r->manual = true;
	peer_send(&r->peer[0], h, data, len);
	assert_int_equal(r->cmd_count, 1);
	r->cmd_count = 0;
	return r->cmds[0];
}

static void residuals_say_how_far_the_command_and_the_initiator_differ(void **state)
{
	static const struct {
		uint32_t edtl, send, total, residual;
		bool over, under;
	} rows[] = {
		{ 512, 512, 512, 0, false, false }, { 512, 512, 600, 88, true, false }, { 512, 600, 600, 88, true, false },
		{ 512, 36, 36, 476, false, true },  { 512, 0, 0, 512, false, true },    { 0, 0, 512, 512, true, false },
	};
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_open(&r, "", 1);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct iscsip_pdu h = rig_read(&r, 0, rows[i].edtl);
		struct iscsip_cmd *cmd = by_hand(&r, &h, NULL, 0);
		struct iscsip_vec v = { r.disk, rows[i].send };
		struct peer_pdu got;

		if (rows[i].send)
			assert_int_equal(iscsip_cmd_send_data(cmd, &v, 1, rows[i].send, true), ISCSIP_OK);
		assert_int_equal(rig_good(cmd, rows[i].total, 0), ISCSIP_OK);
		assert_true(peer_recv(&r.peer[0], &got));
		if (got.h.opcode == ISCSIP_OP_DATA_IN) {
			assert_true(got.h.data_len <= rows[i].edtl);
			assert_int_equal(got.h.data_in.overflow, rows[i].over);
			assert_int_equal(got.h.data_in.underflow, rows[i].under);
			assert_int_equal(got.h.data_in.residual, rows[i].residual);
		} else {
			assert_int_equal(got.h.opcode, ISCSIP_OP_SCSI_RESPONSE);
			assert_int_equal(got.h.scsi_response.overflow, rows[i].over);
			assert_int_equal(got.h.scsi_response.underflow, rows[i].under);
			assert_int_equal(got.h.scsi_response.residual, rows[i].residual);
		}
		rig_quiet(&r);
	}
	rig_close(&r);
}

static void a_command_without_a_direction_overflows_by_all_that_its_cdb_asks_for(void **state)
{
	static const struct {
		uint32_t in, out, residual;
	} rows[] = { { 0, 0, 0 }, { 4096, 0, 4096 }, { 0, 4096, 4096 } };
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_open(&r, "", 1);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct iscsip_pdu h = rig_write(&r, 0, 0);
		struct iscsip_cmd *cmd;
		struct peer_pdu got;

		h.scsi_command.write = false;
		h.final = true;
		cmd = by_hand(&r, &h, NULL, 0);
		assert_int_equal(rig_good(cmd, rows[i].in, rows[i].out), ISCSIP_OK);
		assert_true(peer_recv(&r.peer[0], &got));
		assert_int_equal(got.h.opcode, ISCSIP_OP_SCSI_RESPONSE);
		assert_int_equal(got.h.scsi_response.overflow, rows[i].residual > 0);
		assert_false(got.h.scsi_response.underflow);
		assert_int_equal(got.h.scsi_response.residual, rows[i].residual);
		rig_quiet(&r);
	}
	rig_close(&r);
}

static void an_error_after_data_comes_in_a_response_with_sense(void **state)
{
	static const uint8_t sense[18] = { 0x70, 0, 3, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x11 };
	struct iscsip_cmd_status st = { .status = 2, .sense = sense, .sense_len = sizeof sense, .in_total = 512 };
	struct rig r;
	struct iscsip_pdu h;
	struct iscsip_cmd *cmd;
	struct iscsip_vec v;
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	rig_open(&r, RIG_PAIRS("HeaderDigest=CRC32C\0DataDigest=CRC32C"));
	h = rig_read(&r, 0, 1024);
	cmd = by_hand(&r, &h, NULL, 0);
	v = (struct iscsip_vec){ r.disk, 512 };
	assert_int_equal(iscsip_cmd_send_data(cmd, &v, 1, 512, false), ISCSIP_OK);
	assert_int_equal(iscsip_cmd_complete(cmd, &st), ISCSIP_OK);
	got = rig_expect(&r, ISCSIP_OP_DATA_IN);
	assert_false(got.h.data_in.has_status);
	assert_true(got.h.final);
	got = rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE);
	assert_int_equal(got.h.scsi_response.status, 2);
	assert_int_equal(got.h.scsi_response.expdatasn, 1);
	assert_true(got.h.scsi_response.underflow);
	assert_int_equal(got.h.scsi_response.residual, 512);
	assert_int_equal(got.h.data_len, 20);
	assert_int_equal(got.data[0] << 8 | got.data[1], 18);
	assert_memory_equal(got.data + 2, sense, 18);
	rig_quiet(&r);
	rig_close(&r);
}

static void sense_data_is_cut_at_what_the_initiator_takes(void **state)
{
	uint8_t sense[600] = { 0x72, 3 };
	struct iscsip_cmd_status st = { .status = 2, .sense = sense, .sense_len = sizeof sense };
	struct rig r;
	struct iscsip_pdu h;
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	rig_open(&r, RIG_PAIRS("MaxRecvDataSegmentLength=512"));
	h = rig_read(&r, 0, 1024);
	assert_int_equal(iscsip_cmd_complete(by_hand(&r, &h, NULL, 0), &st), ISCSIP_OK);
	got = rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE);
	assert_int_equal(got.h.data_len, 512);
	assert_int_equal(got.data[0] << 8 | got.data[1], 510);
	assert_memory_equal(got.data + 2, sense, 510);
	rig_quiet(&r);
	rig_close(&r);
}

static void data_goes_out_piece_by_piece_and_sent_frees_each(void **state)
{
	struct rig r;
	struct iscsip_pdu h;
	struct iscsip_cmd *cmd;
	struct iscsip_vec v[3];
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	rig_open(&r, "", 1);
	h = rig_read(&r, 0, 1000);
	cmd = by_hand(&r, &h, NULL, 0);
	v[0] = (struct iscsip_vec){ r.disk, 100 };
	v[1] = (struct iscsip_vec){ NULL, 0 };
	v[2] = (struct iscsip_vec){ r.disk + 500, 300 };
	assert_int_equal(iscsip_cmd_send_data(cmd, v, 3, 401, true), ISCSIP_EINVAL);
	assert_int_equal(iscsip_cmd_send_data(cmd, v, 3, 400, false), ISCSIP_OK);
	assert_int_equal(iscsip_cmd_send_data(cmd, v, 3, 400, false), ISCSIP_EAGAIN);
	got = rig_expect(&r, ISCSIP_OP_DATA_IN);
	assert_int_equal(got.h.data_len, 400);
	assert_memory_equal(got.data, r.disk, 100);
	assert_memory_equal(got.data + 100, r.disk + 500, 300);
	assert_string_equal(r.log, "es");
	assert_int_equal(iscsip_cmd_send_data(cmd, v + 2, 1, 200, true), ISCSIP_OK);
	got = rig_expect(&r, ISCSIP_OP_DATA_IN);
	assert_int_equal(got.h.data_in.buffer_offset, 400);
	assert_int_equal(got.h.data_in.datasn, 1);
	assert_int_equal(iscsip_cmd_send_data(cmd, v, 3, 1, true), ISCSIP_ESTATE);
	assert_int_equal(rig_good(cmd, 600, 0), ISCSIP_OK);
	got = rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE);
	assert_int_equal(got.h.scsi_response.expdatasn, 2);
	assert_int_equal(got.h.scsi_response.residual, 400);
	rig_quiet(&r);
	assert_string_equal(r.log, "essf");
	rig_close(&r);
}

static void a_target_failure_has_no_status_and_no_residual(void **state)
{
	const struct iscsip_cmd_status st = { .response = 1, .status = 8 };
	struct rig r;
	struct iscsip_pdu h;
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	rig_open(&r, "", 1);
	h = rig_read(&r, 0, 1000);
	assert_int_equal(iscsip_cmd_complete(by_hand(&r, &h, NULL, 0), &st), ISCSIP_OK);
	got = rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE);
	assert_int_equal(got.h.scsi_response.response, 1);
	assert_int_equal(got.h.scsi_response.status, 0);
	assert_false(got.h.scsi_response.underflow);
	rig_close(&r);
}

static void a_bidirectional_command_shares_its_numbers_between_data_in_and_r2t(void **state)
{
	struct rig r;
	struct iscsip_pdu h, d;
	struct iscsip_cmd *cmd;
	struct iscsip_vec v;
	struct peer_pdu got;
	uint8_t ahs[64], data[1024];
	int n;

	(void)state;
	memset(data, 0x3c, sizeof data);
	rig_init(&r);
	rig_open(&r, RIG_PAIRS("InitialR2T=Yes\0ImmediateData=No"));
	h = rig_write(&r, 2, 1024);
	h.scsi_command.read = true;
	n = iscsip_ahs_put_bidi_read(ahs, sizeof ahs, 2048);
	r.manual = true;
	peer_send_ahs(&r.peer[0], &h, ahs, (size_t)n, NULL, 0);
	assert_int_equal(r.cmd_count, 1);
	cmd = r.cmds[0];
	assert_int_equal(cmd->flags, ISCSIP_CMD_IN | ISCSIP_CMD_OUT);
	assert_int_equal(cmd->in_len, 2048);
	assert_int_equal(cmd->out_len, 1024);
	v = (struct iscsip_vec){ r.disk, 2048 };
	assert_int_equal(iscsip_cmd_send_data(cmd, &v, 1, 1000, true), ISCSIP_OK);
	assert_int_equal(iscsip_cmd_request_data(cmd, 0, 1024), ISCSIP_OK);
	got = rig_expect(&r, ISCSIP_OP_R2T);
	assert_int_equal(got.h.r2t.r2tsn, 0);
	d = (struct iscsip_pdu){ .opcode = ISCSIP_OP_DATA_OUT, .itt = h.itt, .final = true };
	d.data_out.ttt = got.h.r2t.ttt;
	got = rig_expect(&r, ISCSIP_OP_DATA_IN);
	assert_int_equal(got.h.data_in.datasn, 1);
	assert_false(got.h.data_in.has_status);
	assert_int_equal(rig_good(cmd, 1000, 1024), ISCSIP_OK);
	rig_quiet(&r);
	peer_send(&r.peer[0], &d, data, 1024);
	got = rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE);
	assert_false(got.h.scsi_response.underflow || got.h.scsi_response.overflow);
	assert_true(got.h.scsi_response.bidi_underflow);
	assert_int_equal(got.h.scsi_response.bidi_residual, 1048);
	assert_int_equal(got.h.scsi_response.expdatasn, 1);
	assert_memory_equal(r.disk + 1024, data, 1024);
	rig_quiet(&r);
	rig_close(&r);
}

static void an_extended_cdb_reaches_the_device_server_whole(void **state)
{
	struct rig r;
	struct iscsip_pdu h;
	uint8_t cdb[260], ahs[300];
	int n;

	(void)state;
	for (int i = 0; i < 260; i++)
		cdb[i] = (uint8_t)(i * 3);
	rig_init(&r);
	rig_open(&r, RIG_PAIRS("HeaderDigest=CRC32C"));
	for (size_t len = 17; len <= 260; len += 27) {
		h = rig_read(&r, 0, 0);
		memcpy(h.scsi_command.cdb, cdb, 16);
		n = iscsip_ahs_put_cdb(ahs, sizeof ahs, cdb, len);
		assert_true(n > 0);
		r.manual = true;
		peer_send_ahs(&r.peer[0], &h, ahs, (size_t)n, NULL, 0);
		assert_int_equal(r.cmd_count, 1);
		assert_true(r.cmds[0]->cdb_len >= len && r.cmds[0]->cdb_len < len + 4);
		assert_memory_equal(r.cmds[0]->cdb, cdb, len);
		assert_int_equal(rig_good(r.cmds[0], 0, 0), ISCSIP_OK);
		r.cmd_count = 0;
		(void)rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE);
	}
	r.manual = false;
	rig_alive(&r);
	rig_close(&r);
}

static void many_reads_take_turns_and_each_gets_its_own_bytes(void **state)
{
	struct rig r;
	uint32_t itt0, done = 0, off[16] = { 0 }, first[16] = { 0 };

	(void)state;
	rig_init(&r);
	rig_open(&r, RIG_PAIRS("MaxRecvDataSegmentLength=4096"));
	itt0 = r.itt;
	for (uint32_t i = 0; i < 16; i++) {
		struct iscsip_pdu h = rig_read(&r, i * 64, 32768);

		peer_send(&r.peer[0], &h, NULL, 0);
	}
	for (uint32_t n = 0; done < 16; n++) {
		struct peer_pdu got = rig_expect(&r, ISCSIP_OP_DATA_IN);
		uint32_t i = got.h.itt - itt0;

		assert_true(i < 16);
		assert_int_equal(got.h.data_in.buffer_offset, off[i]);
		assert_memory_equal(got.data, r.disk + i * 64 * 512 + off[i], got.h.data_len);
		if (off[i] == 0)
			first[i] = n;
		off[i] += got.h.data_len;
		done += got.h.data_in.has_status;
	}
	/* nobody waited for another to end */
	for (uint32_t i = 0; i < 16; i++)
		assert_true(first[i] < 16);
	rig_close(&r);
}

static void logout_closes_the_session(void **state)
{
	struct rig r;
	struct iscsip_pdu h;
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	rig_open(&r, "", 1);
	h = rig_request(&r, ISCSIP_OP_LOGOUT_REQUEST);
	peer_send(&r.peer[0], &h, NULL, 0);
	got = rig_expect(&r, ISCSIP_OP_LOGOUT_RESPONSE);
	assert_int_equal(got.h.logout_response.response, 0);
	assert_int_equal(iscsip_conn_want(r.conn[0]), ISCSIP_WANT_CLOSE);
	assert_false(r.freed);
	rig_drop(&r, 0);
	assert_true(r.freed);
	assert_int_equal(r.why, 0);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_read_ends_with_status_in_its_last_data_in),
		cmocka_unit_test(a_write_takes_immediate_data_and_asks_for_the_rest),
		cmocka_unit_test(a_long_read_is_cut_at_the_segment_and_ends_its_sequences_at_the_burst),
		cmocka_unit_test(residuals_say_how_far_the_command_and_the_initiator_differ),
		cmocka_unit_test(a_command_without_a_direction_overflows_by_all_that_its_cdb_asks_for),
		cmocka_unit_test(an_error_after_data_comes_in_a_response_with_sense),
		cmocka_unit_test(sense_data_is_cut_at_what_the_initiator_takes),
		cmocka_unit_test(data_goes_out_piece_by_piece_and_sent_frees_each),
		cmocka_unit_test(a_target_failure_has_no_status_and_no_residual),
		cmocka_unit_test(a_bidirectional_command_shares_its_numbers_between_data_in_and_r2t),
		cmocka_unit_test(an_extended_cdb_reaches_the_device_server_whole),
		cmocka_unit_test(many_reads_take_turns_and_each_gets_its_own_bytes),
		cmocka_unit_test(logout_closes_the_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
