/* SPDX-License-Identifier: MIT */
/*
 * Data-out at the target: unsolicited and solicited data in every combination of the parameters, and what the device server
 * may ask for.
 */
#include "flow/target_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LEN 100000u

static uint8_t pattern[LEN];

static void fill_pattern(uint8_t seed)
{
	for (uint32_t i = 0; i < LEN; i++)
		pattern[i] = (uint8_t)(i * 31 + i / 251 + seed);
}

/* Sends [off, end) as one sequence in PDUs of `step`. */
static void send_sequence(struct rig *r, const struct iscsip_pdu *cmd, uint32_t ttt, uint32_t off, uint32_t end, uint32_t step)
{
	uint32_t sn = 0;

	while (off < end) {
		uint32_t n = end - off < step ? end - off : step;
		struct iscsip_pdu d = rig_data_out(cmd, ttt, sn++, off, off + n == end);

		peer_send(&r->peer[0], &d, pattern + off, n);
		off += n;
	}
}

/* Answers R2Ts until the response comes; the number of R2Ts. */
static int answer_r2ts(struct rig *r, const struct iscsip_pdu *cmd, uint32_t from, uint32_t burst, uint32_t step)
{
	struct peer_pdu got;
	int n = 0;

	while (peer_recv(&r->peer[0], &got) && got.h.opcode == ISCSIP_OP_R2T) {
		assert_int_equal(got.h.itt, cmd->itt);
		assert_int_equal(got.h.lun, cmd->lun);
		assert_int_equal(got.h.r2t.r2tsn, n++);
		assert_int_equal(got.h.r2t.buffer_offset, from);
		assert_true(got.h.r2t.desired_len <= burst);
		from += got.h.r2t.desired_len;
		send_sequence(r, cmd, got.h.r2t.ttt, got.h.r2t.buffer_offset, from, step);
	}
	assert_int_equal(got.h.opcode, ISCSIP_OP_SCSI_RESPONSE);
	assert_int_equal(got.h.itt, cmd->itt);
	assert_int_equal(got.h.scsi_response.status, 0);
	return n;
}

static void every_combination_of_unsolicited_data_arrives(void **state)
{
	static const uint32_t lens[] = { 1, 511, 512, 4096, 8192, 8193, 20000, LEN };

	(void)state;
	for (int mode = 0; mode < 4; mode++) {
		bool r2t = mode & 1, imm = mode & 2;
		char pairs[256];
		struct rig r;
		int n = snprintf(pairs, sizeof pairs, "InitialR2T=%s%cImmediateData=%s%cFirstBurstLength=8192%cMaxBurstLength=16384",
				 r2t ? "Yes" : "No", 0, imm ? "Yes" : "No", 0, 0);

		rig_init(&r);
		rig_open(&r, pairs, (size_t)n + 1);
		for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
			uint32_t len = lens[i], first = len < 8192 ? len : 8192, now = imm ? (first < 3000 ? first : 3000) : 0, asked;
			struct iscsip_pdu h = rig_write(&r, 7, len);

			fill_pattern((uint8_t)(mode * 16 + (int)i));
			h.final = r2t || now == first;
			peer_send(&r.peer[0], &h, pattern, now);
			if (!h.final) {
				send_sequence(&r, &h, ISCSIP_TAG_NONE, now, first, 1000);
				now = first;
			}
			asked = len - now;
			assert_int_equal(answer_r2ts(&r, &h, now, 16384, 7000), (asked + 16383) / 16384);
			assert_memory_equal(r.disk + 7 * 512, pattern, len);
			rig_quiet(&r);
		}
		rig_close(&r);
	}
}

static void several_r2ts_are_outstanding_up_to_the_limit_and_answered_in_any_order(void **state)
{
	struct rig r;
	struct iscsip_pdu h;
	struct peer_pdu got;
	uint32_t ttt[4], off[4], len[4];

	(void)state;
	fill_pattern(1);
	rig_init(&r);
	r.offer.max_outstanding_r2t = 4;
	rig_open(&r, RIG_PAIRS("MaxOutstandingR2T=4\0MaxBurstLength=16384\0FirstBurstLength=4096\0DataSequenceInOrder=No"));
	h = rig_write(&r, 7, LEN);
	peer_send(&r.peer[0], &h, NULL, 0);
	for (int i = 0; i < 4; i++) {
		got = rig_expect(&r, ISCSIP_OP_R2T);
		ttt[i] = got.h.r2t.ttt;
		off[i] = got.h.r2t.buffer_offset;
		len[i] = got.h.r2t.desired_len;
		assert_int_equal(off[i], i * 16384);
	}
	rig_quiet(&r);
	for (int i = 3; i >= 0; i--) {
		send_sequence(&r, &h, ttt[i], off[i], off[i] + len[i], 16384);
		if (i == 3) { /* one answered, one more asked */
			got = rig_expect(&r, ISCSIP_OP_R2T);
			assert_int_equal(got.h.r2t.buffer_offset, 4 * 16384);
			assert_int_equal(got.h.r2t.r2tsn, 4);
			rig_quiet(&r);
			ttt[3] = got.h.r2t.ttt;
		}
	}
	for (int i = 0; i < 2; i++) { /* three more could be asked for, but only two are left */
		got = rig_expect(&r, ISCSIP_OP_R2T);
		send_sequence(&r, &h, got.h.r2t.ttt, got.h.r2t.buffer_offset, got.h.r2t.buffer_offset + got.h.r2t.desired_len,
			      9999);
	}
	send_sequence(&r, &h, ttt[3], 4 * 16384, 5 * 16384, 5000);
	got = rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE);
	assert_int_equal(got.h.scsi_response.status, 0);
	assert_memory_equal(r.disk + 7 * 512, pattern, LEN);
	rig_close(&r);
}

static void writes_wait_for_tags_first_come_first_served(void **state)
{
	struct rig r;
	struct iscsip_pdu h[6];
	struct peer_pdu got;

	(void)state;
	fill_pattern(2);
	rig_init(&r);
	r.cfg.limits.max_r2ts = 2;
	rig_open(&r, RIG_PAIRS("ImmediateData=No\0MaxOutstandingR2T=8"));
	for (int i = 0; i < 6; i++) {
		h[i] = rig_write(&r, (uint32_t)i * 100, 5000);
		peer_send(&r.peer[0], &h[i], NULL, 0);
	}
	for (int asked = 0, answered = 0; answered < 6;) {
		assert_true(peer_recv(&r.peer[0], &got));
		if (got.h.opcode == ISCSIP_OP_R2T) {
			assert_int_equal(got.h.itt, h[asked++].itt);
			assert_true(asked - answered <= 2 + 1);
			send_sequence(&r, &h[asked - 1], got.h.r2t.ttt, 0, 5000, 5000);
		} else {
			assert_int_equal(got.h.opcode, ISCSIP_OP_SCSI_RESPONSE);
			assert_int_equal(got.h.itt, h[answered++].itt);
		}
	}
	rig_quiet(&r);
	for (int i = 0; i < 6; i++)
		assert_memory_equal(r.disk + i * 51200, pattern, 5000);
	rig_close(&r);
}

static void the_device_server_asks_for_what_it_wants_when_it_wants(void **state)
{
	struct rig r;
	struct iscsip_pdu h;
	struct iscsip_cmd *cmd;
	struct peer_pdu got;

	(void)state;
	fill_pattern(3);
	rig_init(&r);
	r.manual = true;
	rig_open(&r, RIG_PAIRS("InitialR2T=Yes\0FirstBurstLength=8192\0MaxBurstLength=16384"));
	h = rig_write(&r, 0, 50000);
	peer_send(&r.peer[0], &h, pattern, 4000);
	cmd = r.cmds[0];
	assert_int_equal(iscsip_cmd_request_data(cmd, 0, 50001), ISCSIP_EINVAL);
	assert_int_equal(iscsip_cmd_request_data(cmd, 1, 0), ISCSIP_EINVAL);
	/* immediate data serves once */
	assert_int_equal(iscsip_cmd_request_data(cmd, 0, 1000), ISCSIP_DONE);
	assert_int_equal(iscsip_cmd_request_data(cmd, 1000, 3000), ISCSIP_DONE);
	assert_int_equal(iscsip_cmd_request_data(cmd, 0, 1000), ISCSIP_OK);
	assert_int_equal(iscsip_cmd_request_data(cmd, 0, 1000), ISCSIP_EAGAIN);
	got = rig_expect(&r, ISCSIP_OP_R2T);
	assert_int_equal(got.h.r2t.buffer_offset, 0);
	assert_int_equal(got.h.r2t.desired_len, 1000);
	send_sequence(&r, &h, got.h.r2t.ttt, 0, 1000, 1000);
	assert_string_equal(r.log, "ped");
	/* a range in the middle, and one that was asked for before */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(iscsip_cmd_request_data(cmd, 30000, 500), ISCSIP_OK);
		got = rig_expect(&r, ISCSIP_OP_R2T);
		assert_int_equal(got.h.r2t.r2tsn, 1 + i);
		assert_int_equal(got.h.r2t.buffer_offset, 30000);
		assert_int_equal(got.h.r2t.desired_len, 500);
		send_sequence(&r, &h, got.h.r2t.ttt, 30000, 30500, 100);
	}
	assert_string_equal(r.log, "peddd");
	assert_memory_equal(r.disk + 30000, pattern + 30000, 500);
	/* ending with an open request: its R2Ts are still answered first (11.4.2) */
	assert_int_equal(iscsip_cmd_request_data(cmd, 0, 20000), ISCSIP_OK);
	got = rig_expect(&r, ISCSIP_OP_R2T);
	assert_int_equal(rig_good(cmd, 0, 31500), ISCSIP_OK);
	rig_quiet(&r);
	send_sequence(&r, &h, got.h.r2t.ttt, 0, 16384, 16384);
	got = rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE);
	assert_true(got.h.scsi_response.underflow);
	assert_int_equal(got.h.scsi_response.residual, 18500);
	assert_string_equal(r.log, "pedddf");
	rig_close(&r);
}

static void a_buffer_may_be_named_late_and_input_waits_for_it(void **state)
{
	struct rig r;
	struct iscsip_pdu h, second;
	struct iscsip_vec v[2];
	struct peer_pdu got;

	(void)state;
	fill_pattern(4);
	for (int len = 0; len <= 3000; len += 3000) { /* without and with immediate data */
		rig_init(&r);
		r.place_later = true;
		rig_open(&r, "", 1);
		h = rig_write(&r, 0, 3000);
		h.final = true;
		peer_send(&r.peer[0], &h, pattern, (size_t)len);
		assert_non_null(r.placing);
		assert_false(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_RX);
		second = rig_read(&r, 0, 512);
		peer_send(&r.peer[0], &second, NULL, 0);
		assert_int_equal(r.execs, 0);
		assert_string_equal(r.log, "p");
		r.wakes = 0;
		v[0] = (struct iscsip_vec){ r.disk, 100 };
		v[1] = (struct iscsip_vec){ r.disk + 100, 2899 };
		assert_int_equal(iscsip_cmd_set_buffer(r.placing, v, 2), ISCSIP_EINVAL);
		v[1].len = 2900;
		assert_int_equal(iscsip_cmd_set_buffer(r.placing, v, 2), ISCSIP_OK);
		assert_int_equal(r.wakes, 1);
		assert_true(iscsip_conn_want(r.conn[0]) & ISCSIP_WANT_RX);
		peer_flush(&r.peer[0]);
		if (len == 0) {
			got = rig_expect(&r, ISCSIP_OP_R2T);
			send_sequence(&r, &h, got.h.r2t.ttt, 0, 3000, 3000);
		}
		(void)rig_expect(&r, len ? ISCSIP_OP_SCSI_RESPONSE : ISCSIP_OP_DATA_IN);
		(void)rig_expect(&r, len ? ISCSIP_OP_DATA_IN : ISCSIP_OP_SCSI_RESPONSE);
		assert_memory_equal(r.disk, pattern, 3000);
		r.place_later = false;
		rig_close(&r);
	}
}

static void a_connection_that_waits_for_a_buffer_may_die(void **state)
{
	struct rig r;
	struct iscsip_pdu h;

	(void)state;
	rig_init(&r);
	r.place_later = true;
	rig_open(&r, "", 1);
	h = rig_write(&r, 0, 3000);
	peer_send(&r.peer[0], &h, pattern, 3000);
	assert_non_null(r.placing);
	rig_drop(&r, 0);
	assert_true(r.freed);
	assert_string_equal(r.log, "pf");
	rig_close(&r);
}

static void data_without_a_buffer_is_dropped_and_a_late_buffer_refused(void **state)
{
	struct rig r;
	struct iscsip_pdu h;
	struct iscsip_vec v;
	struct peer_pdu got;
	uint8_t before[3000];

	(void)state;
	rig_init(&r);
	r.manual = r.no_place = true;
	rig_open(&r, "", 1);
	memcpy(before, r.disk, sizeof before);
	h = rig_write(&r, 0, 3000);
	peer_send(&r.peer[0], &h, pattern, 1000);
	v = (struct iscsip_vec){ r.disk, 3000 };
	assert_int_equal(iscsip_cmd_set_buffer(r.cmds[0], &v, 1), ISCSIP_ESTATE);
	assert_int_equal(iscsip_cmd_request_data(r.cmds[0], 0, 10), ISCSIP_ESTATE);
	assert_int_equal(rig_good(r.cmds[0], 0, 0), ISCSIP_OK);
	got = rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE);
	assert_int_equal(got.h.scsi_response.residual, 3000);
	assert_memory_equal(before, r.disk, sizeof before);
	/* without unasked data a buffer may be named at any time */
	r.cmd_count = 0;
	h = rig_write(&r, 0, 3000);
	peer_send(&r.peer[0], &h, NULL, 0);
	assert_int_equal(iscsip_cmd_set_buffer(r.cmds[0], &v, 1), ISCSIP_OK);
	assert_int_equal(iscsip_cmd_set_buffer(r.cmds[0], &v, 1), ISCSIP_ESTATE);
	assert_int_equal(iscsip_cmd_request_data(r.cmds[0], 0, 3000), ISCSIP_OK);
	got = rig_expect(&r, ISCSIP_OP_R2T);
	send_sequence(&r, &h, got.h.r2t.ttt, 0, 3000, 3000);
	assert_memory_equal(r.disk, pattern, 3000);
	assert_int_equal(rig_good(r.cmds[0], 0, 3000), ISCSIP_OK);
	rig_close(&r);
}

static void pdus_of_a_sequence_may_come_in_any_order_where_that_was_agreed(void **state)
{
	struct rig r;
	struct iscsip_pdu h, d;
	struct peer_pdu got;

	(void)state;
	fill_pattern(5);
	rig_init(&r);
	r.offer.data_pdu_in_order = false;
	rig_open(&r, RIG_PAIRS("DataPDUInOrder=No\0InitialR2T=No\0FirstBurstLength=8192\0MaxBurstLength=65536"));
	assert_false(r.params.data_pdu_in_order);
	h = rig_write(&r, 0, 40000);
	h.final = false;
	peer_send(&r.peer[0], &h, pattern, 192);
	/* unsolicited, backwards in pieces of 1000; F on the last one sent */
	for (uint32_t i = 0; i < 8; i++) {
		d = rig_data_out(&h, ISCSIP_TAG_NONE, i, 192 + (7 - i) * 1000, i == 7);
		peer_send(&r.peer[0], &d, pattern + d.data_out.buffer_offset, 1000);
	}
	got = rig_expect(&r, ISCSIP_OP_R2T);
	assert_int_equal(got.h.r2t.buffer_offset, 8192);
	assert_int_equal(got.h.r2t.desired_len, 31808);
	/* every other piece first */
	for (uint32_t i = 0; i < 32; i++) {
		uint32_t k = i < 16 ? 2 * i : 2 * (i - 16) + 1;

		d = rig_data_out(&h, got.h.r2t.ttt, i, 8192 + k * 994, i == 31);
		peer_send(&r.peer[0], &d, pattern + d.data_out.buffer_offset, 994);
	}
	got = rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE);
	assert_int_equal(got.h.scsi_response.status, 0);
	assert_memory_equal(r.disk, pattern, 40000);
	rig_close(&r);
}

static void bytes_sent_twice_are_no_substitute_for_bytes_not_sent(void **state)
{
	struct rig r;
	struct iscsip_pdu h, d;
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	r.offer.data_pdu_in_order = false;
	rig_open(&r, RIG_PAIRS("DataPDUInOrder=No\0InitialR2T=Yes\0ImmediateData=No"));
	h = rig_write(&r, 0, 3000);
	peer_send(&r.peer[0], &h, NULL, 0);
	got = rig_expect(&r, ISCSIP_OP_R2T);
	for (uint32_t i = 0; i < 3; i++) {
		d = rig_data_out(&h, got.h.r2t.ttt, i, i == 1 ? 1500 : 2000 * (i / 2), i == 2);
		d.data_out.buffer_offset = i == 2 ? 500 : i * 1000;
		peer_send(&r.peer[0], &d, pattern, 1000);
	}
	got = rig_expect(&r, ISCSIP_OP_REJECT);
	assert_int_equal(got.h.reject.reason, ISCSIP_REJECT_FIELD);
	got = rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE);
	assert_int_equal(got.h.scsi_response.status, 2);
	assert_int_equal(got.data[2 + 12], 0x0c);
	assert_int_equal(got.data[2 + 13], 0x0d);
	rig_alive(&r);
	rig_close(&r);
}

static void empty_data_pdus_are_taken_anywhere(void **state)
{
	struct rig r;
	struct iscsip_pdu h, d;
	struct peer_pdu got;

	(void)state;
	fill_pattern(6);
	rig_init(&r);
	rig_open(&r, RIG_PAIRS("InitialR2T=No\0FirstBurstLength=1024\0DataDigest=CRC32C"));
	h = rig_write(&r, 0, 2048);
	h.final = false;
	peer_send(&r.peer[0], &h, NULL, 0);
	d = rig_data_out(&h, ISCSIP_TAG_NONE, 0, 0, false);
	peer_send(&r.peer[0], &d, NULL, 0);
	d = rig_data_out(&h, ISCSIP_TAG_NONE, 1, 0, false);
	peer_send(&r.peer[0], &d, pattern, 1024);
	got = rig_expect(&r, ISCSIP_OP_R2T);
	assert_int_equal(got.h.r2t.buffer_offset, 1024);
	d = rig_data_out(&h, got.h.r2t.ttt, 0, 1024, false);
	peer_send(&r.peer[0], &d, pattern + 1024, 1024);
	d = rig_data_out(&h, got.h.r2t.ttt, 1, 2048, true);
	peer_send(&r.peer[0], &d, NULL, 0);
	rig_quiet(&r); /* the unsolicited sequence has not ended */
	d = rig_data_out(&h, ISCSIP_TAG_NONE, 2, 1024, true);
	peer_send(&r.peer[0], &d, NULL, 0);
	got = rig_expect(&r, ISCSIP_OP_SCSI_RESPONSE);
	assert_int_equal(got.h.scsi_response.status, 0);
	assert_memory_equal(r.disk, pattern, 2048);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_combination_of_unsolicited_data_arrives),
		cmocka_unit_test(several_r2ts_are_outstanding_up_to_the_limit_and_answered_in_any_order),
		cmocka_unit_test(writes_wait_for_tags_first_come_first_served),
		cmocka_unit_test(the_device_server_asks_for_what_it_wants_when_it_wants),
		cmocka_unit_test(a_buffer_may_be_named_late_and_input_waits_for_it),
		cmocka_unit_test(a_connection_that_waits_for_a_buffer_may_die),
		cmocka_unit_test(data_without_a_buffer_is_dropped_and_a_late_buffer_refused),
		cmocka_unit_test(pdus_of_a_sequence_may_come_in_any_order_where_that_was_agreed),
		cmocka_unit_test(bytes_sent_twice_are_no_substitute_for_bytes_not_sent),
		cmocka_unit_test(empty_data_pdus_are_taken_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
