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
		cmocka_unit_test(logout_closes_the_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
