/* SPDX-License-Identifier: MIT */
/*
 * What RFC 7143 demands of parameters once they are in force: digests on every PDU (13.1), unsolicited data (13.10, 13.11,
 * 13.14), the response fence with FastAbort (13.23). Each test is named in docs/conformance.tsv.
 */
#include "flow/ini_rig.h"
#include "flow/target_rig.h"

#include <stdlib.h>

static struct ini_rig I;
static struct rig R;
static uint8_t data[65536];

#define DIGESTS "HeaderDigest=CRC32C\0DataDigest=CRC32C"
#define NO_UNSOLICITED "InitialR2T=Yes\0ImmediateData=No"

/* ---------------------------------------------------------------------------------------------- digests */

/* rig_expect() looks at both digests of each PDU. */
static void every_pdu_of_a_target_carries_the_digests_that_were_agreed(void **state)
{
	static const uint8_t sense[18] = { 0x70, 0, 6, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x3f, 0x0e };
	struct iscsip_async_message a = { .event = ISCSIP_ASYNC_SCSI, .data = sense, .len = sizeof sense };
	struct iscsip_pdu h, d;
	struct peer_pdu got;

	(void)state;
	rig_init(&R);
	rig_open(&R, RIG_PAIRS(DIGESTS "\0" NO_UNSOLICITED));
	assert_true(R.peer[0].header_digest && R.peer[0].data_digest);
	h = rig_read(&R, 0, 1001);
	peer_send(&R.peer[0], &h, NULL, 0);
	assert_int_equal(rig_expect(&R, ISCSIP_OP_DATA_IN).h.data_len, 1001);
	h = rig_read(&R, 0, 512);
	h.scsi_command.cdb[0] = 0x99;
	peer_send(&R.peer[0], &h, NULL, 0);
	assert_int_equal(rig_expect(&R, ISCSIP_OP_SCSI_RESPONSE).h.data_len, 20);
	h = rig_write(&R, 0, 1003);
	peer_send(&R.peer[0], &h, NULL, 0);
	got = rig_expect(&R, ISCSIP_OP_R2T);
	d = (struct iscsip_pdu){ .opcode = ISCSIP_OP_DATA_OUT, .itt = h.itt, .final = true };
	d.data_out.ttt = got.h.r2t.ttt;
	peer_send(&R.peer[0], &d, data, 1003);
	assert_int_equal(rig_expect(&R, ISCSIP_OP_SCSI_RESPONSE).h.scsi_response.status, 0);
	h = rig_request(&R, ISCSIP_OP_NOP_OUT);
	h.nop_out.ttt = ISCSIP_TAG_NONE;
	peer_send(&R.peer[0], &h, "ping!", 5);
	assert_int_equal(rig_expect(&R, ISCSIP_OP_NOP_IN).h.data_len, 5);
	h = rig_request(&R, ISCSIP_OP_TEXT_REQUEST);
	h.text_request.ttt = ISCSIP_TAG_NONE;
	peer_send(&R.peer[0], &h, "X-org.test.echo=1", 18);
	assert_int_equal(rig_expect(&R, ISCSIP_OP_TEXT_RESPONSE).h.data_len, 18);
	h = rig_request(&R, ISCSIP_OP_TASK_REQUEST);
	h.task_request.function = ISCSIP_TMF_LOGICAL_UNIT_RESET;
	h.task_request.ref_task_tag = ISCSIP_TAG_NONE;
	peer_send(&R.peer[0], &h, NULL, 0);
	(void)rig_expect(&R, ISCSIP_OP_TASK_RESPONSE);
	assert_int_equal(iscsip_target_async(R.conn[0], &a), ISCSIP_OK);
	assert_int_equal(rig_expect(&R, ISCSIP_OP_ASYNC).h.data_len, 20);
	h = (struct iscsip_pdu){ .opcode = ISCSIP_OP_SNACK, .final = true, .itt = ISCSIP_TAG_NONE };
	h.snack.snack_type = ISCSIP_SNACK_STATUS;
	h.snack.ttt = ISCSIP_TAG_NONE;
	peer_send(&R.peer[0], &h, NULL, 0);
	assert_int_equal(rig_expect(&R, ISCSIP_OP_REJECT).h.data_len, 48);
	h = rig_request(&R, ISCSIP_OP_LOGOUT_REQUEST);
	peer_send(&R.peer[0], &h, NULL, 0);
	(void)rig_expect(&R, ISCSIP_OP_LOGOUT_RESPONSE);
	rig_close(&R);
}

static void no_pdu_with_a_wrong_header_digest_is_taken_whatever_it_is(void **state)
{
	static const uint8_t opcodes[] = { ISCSIP_OP_NOP_OUT, ISCSIP_OP_SCSI_COMMAND, ISCSIP_OP_TASK_REQUEST, ISCSIP_OP_TEXT_REQUEST,
					   ISCSIP_OP_DATA_OUT, ISCSIP_OP_LOGOUT_REQUEST, ISCSIP_OP_SNACK, ISCSIP_OP_LOGIN_REQUEST };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof opcodes; i++) {
		struct iscsip_pdu h;

		rig_init(&R);
		rig_open(&R, RIG_PAIRS(DIGESTS));
		h = rig_request(&R, opcodes[i]);
		R.peer[0].spoil_header_digest = true;
		peer_send(&R.peer[0], &h, NULL, 0);
		assert_int_equal(R.peer[0].err, ISCSIP_EDIGEST);
		rig_quiet(&R);
		assert_int_equal(iscsip_conn_want(R.conn[0]), ISCSIP_WANT_CLOSE);
		assert_int_equal(R.logouts, 0);
		assert_int_equal(R.execs, 0);
		rig_close(&R);
	}
}

/* it_take() looks at both digests of each PDU. */
static void every_pdu_of_an_initiator_carries_the_digests_that_were_agreed(void **state)
{
	struct iscsip_pdu p;
	struct it_task k, w;
	uint8_t ping[5] = { 1, 2, 3, 4, 5 };

	(void)state;
	it_init(&I);
	I.offer.header_digest.item[0] = I.offer.data_digest.item[0] = ISCSIP_DIGEST_CRC32C;
	I.offer.initial_r2t = true;
	I.offer.first_burst_length = 512;
	it_open(&I);
	it_login(&I);
	assert_true(I.hdigest && I.ddigest);
	it_read(&k, data, 100);
	it_submit(&I, &k);
	it_take(&I, ISCSIP_OP_SCSI_COMMAND);
	it_write(&w, data, 1003);
	it_submit(&I, &w);
	it_take(&I, ISCSIP_OP_SCSI_COMMAND);
	assert_int_equal(I.got.h.data_len, 512);
	p = it_pdu_r2t(I.got.h.itt, 1, 0, 512, 491);
	it_give(&I, &p, NULL, 0);
	it_take(&I, ISCSIP_OP_DATA_OUT);
	assert_int_equal(I.got.h.data_len, 491);
	assert_int_equal(iscsip_initiator_ping(I.c, ping, 5, ping, I.now), ISCSIP_OK);
	it_take(&I, ISCSIP_OP_NOP_OUT);
	assert_int_equal(I.got.h.data_len, 5);
	p = it_pdu(ISCSIP_OP_NOP_IN, I.got.h.itt);
	p.nop_in.ttt = ISCSIP_TAG_NONE;
	it_give(&I, &p, ping, 5);
	assert_int_equal(iscsip_initiator_text(I.c, "X-org.test=1", 13, &I, I.now), ISCSIP_OK);
	it_take(&I, ISCSIP_OP_TEXT_REQUEST);
	p = it_pdu(ISCSIP_OP_TEXT_RESPONSE, I.got.h.itt);
	p.text_response.ttt = ISCSIP_TAG_NONE;
	it_give(&I, &p, NULL, 0);
	assert_int_equal(iscsip_initiator_tmf(I.s, ISCSIP_TMF_LOGICAL_UNIT_RESET, 0, NULL, &I, I.now), ISCSIP_OK);
	it_take(&I, ISCSIP_OP_TASK_REQUEST);
	assert_int_equal(iscsip_initiator_logout(I.c, ISCSIP_LOGOUT_SESSION, 0, I.now), ISCSIP_OK);
	it_take(&I, ISCSIP_OP_LOGOUT_REQUEST);
	it_end(&I);
}

/* ------------------------------------------------------------------------------------- unsolicited data */

static void ends_unwritten(const struct iscsip_pdu *h)
{
	struct peer_pdu got = rig_expect(&R, ISCSIP_OP_SCSI_RESPONSE);
	uint32_t i;

	assert_int_equal(got.h.itt, h->itt);
	assert_int_equal(got.h.scsi_response.status, 2);
	assert_int_equal(got.data[2 + 2] & 15, 0x0b);
	assert_int_equal(got.data[2 + 12], 0x0c);
	assert_int_equal(got.data[2 + 13], 0x0c);
	for (i = 0; i < 65536; i++)
		assert_int_equal(R.disk[i], 0x11);
	assert_int_equal(R.execs, 0);
	rig_quiet(&R);
}

static void begin(const char *pairs, size_t len)
{
	rig_init(&R);
	rig_open(&R, pairs, len);
	memset(R.disk, 0x11, RIG_DISK);
	memset(data, 0xee, sizeof data);
}

static struct iscsip_pdu unsolicited(const struct iscsip_pdu *h, uint32_t off, bool final)
{
	struct iscsip_pdu d = { .opcode = ISCSIP_OP_DATA_OUT, .itt = h->itt, .final = final };

	d.data_out.ttt = ISCSIP_TAG_NONE;
	d.data_out.buffer_offset = off;
	return d;
}

static void data_that_may_not_come_unasked_ends_its_command_and_is_written_nowhere(void **state)
{
	struct iscsip_pdu h, d;

	(void)state;
	/* immediate data although there is none */
	begin(RIG_PAIRS(NO_UNSOLICITED));
	h = rig_write(&R, 0, 4096);
	peer_send(&R.peer[0], &h, data, 512);
	ends_unwritten(&h);
	rig_close(&R);
	begin(RIG_PAIRS("InitialR2T=No\0ImmediateData=No"));
	h = rig_write(&R, 0, 512);
	peer_send(&R.peer[0], &h, data, 512);
	ends_unwritten(&h);
	rig_close(&R);
	/* a command that announces Data-Out although R2Ts come first */
	begin(RIG_PAIRS(NO_UNSOLICITED));
	h = rig_write(&R, 0, 4096);
	h.final = false;
	peer_send(&R.peer[0], &h, NULL, 0);
	ends_unwritten(&h);
	rig_close(&R);
	/* Data-Out that was not announced */
	begin(RIG_PAIRS(NO_UNSOLICITED));
	R.later = true;
	h = rig_write(&R, 0, 4096);
	R.cmdsn++; /* its turn does not come */
	h.request.cmdsn++;
	peer_send(&R.peer[0], &h, NULL, 0);
	d = unsolicited(&h, 0, true);
	peer_send(&R.peer[0], &d, data, 4096);
	h.request.cmdsn--;
	R.later = false;
	/* a ping fills the gap */
	d = rig_request(&R, ISCSIP_OP_NOP_OUT);
	R.cmdsn--;
	d.request.cmdsn = h.request.cmdsn;
	d.nop_out.ttt = ISCSIP_TAG_NONE;
	peer_send(&R.peer[0], &d, NULL, 0);
	(void)rig_expect(&R, ISCSIP_OP_NOP_IN);
	ends_unwritten(&h);
	rig_close(&R);
}

static void data_beyond_firstburstlength_ends_its_command(void **state)
{
	struct iscsip_pdu h, d;

	(void)state;
	/* immediate */
	begin(RIG_PAIRS("InitialR2T=No\0ImmediateData=Yes\0FirstBurstLength=1024"));
	h = rig_write(&R, 0, 4096);
	peer_send(&R.peer[0], &h, data, 1028);
	ends_unwritten(&h);
	rig_close(&R);
	/* immediate and Data-Out together: one byte too many is already beyond */
	begin(RIG_PAIRS("InitialR2T=No\0ImmediateData=Yes\0FirstBurstLength=1024"));
	R.no_place = true; /* the disk of the rig is written in place: what came before would be seen */
	h = rig_write(&R, 0, 4096);
	h.final = false;
	R.manual = true;
	peer_send(&R.peer[0], &h, data, 512);
	d = unsolicited(&h, 512, true);
	peer_send(&R.peer[0], &d, data, 513);
	{
		struct peer_pdu got = rig_expect(&R, ISCSIP_OP_SCSI_RESPONSE);

		assert_int_equal(got.h.scsi_response.status, 2);
		assert_int_equal(got.data[2 + 12], 0x0c);
		assert_int_equal(got.data[2 + 13], 0x0c);
	}
	assert_int_equal(R.aborts, 1);
	assert_int_equal(rig_good(R.cmds[0], 0, 0), ISCSIP_OK);
	R.cmd_count = 0;
	R.manual = false;
	rig_alive(&R);
	rig_close(&R);
}

/* ------------------------------------------------------------------------------------------ TaskReporting */

static void fast_abort_keeps_the_response_fence(void **state)
{
	struct iscsip_pdu a, h, ack = { .opcode = ISCSIP_OP_NOP_OUT, .immediate = true, .final = true, .itt = ISCSIP_TAG_NONE };
	struct peer_pdu got, ping;

	(void)state;
	rig_init(&R);
	R.cfg.limits.max_conns = 2;
	R.offer.max_connections = 2;
	rig_open(&R, RIG_PAIRS("MaxConnections=2\0TaskReporting=FastAbort"));
	assert_int_equal(R.params.task_reporting, ISCSIP_TASK_REPORTING_FAST_ABORT);
	rig_connect(&R, 1);
	assert_true(rig_login(&R, 1, "", 1, &got));
	/* a response on the second connection that nobody has acknowledged */
	a = rig_read(&R, 0, 512);
	a.request.expstatsn = got.h.reply.statsn + 1u;
	peer_send(&R.peer[1], &a, NULL, 0);
	assert_true(peer_recv(&R.peer[1], &got));
	assert_int_equal(got.h.itt, a.itt);
	h = rig_request(&R, ISCSIP_OP_TASK_REQUEST);
	h.task_request.function = ISCSIP_TMF_ABORT_TASK_SET;
	h.task_request.ref_task_tag = ISCSIP_TAG_NONE;
	peer_send(&R.peer[0], &h, NULL, 0);
	rig_quiet(&R);
	assert_true(peer_recv(&R.peer[1], &ping));
	assert_int_equal(ping.h.opcode, ISCSIP_OP_NOP_IN);
	ack.nop_out.ttt = ping.h.nop_in.ttt;
	ack.request.cmdsn = R.cmdsn;
	ack.request.expstatsn = got.h.reply.statsn + 1u;
	peer_send(&R.peer[1], &ack, NULL, 0);
	assert_int_equal(rig_expect(&R, ISCSIP_OP_TASK_RESPONSE).h.itt, h.itt);
	rig_close(&R);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pdu_of_a_target_carries_the_digests_that_were_agreed),
		cmocka_unit_test(no_pdu_with_a_wrong_header_digest_is_taken_whatever_it_is),
		cmocka_unit_test(every_pdu_of_an_initiator_carries_the_digests_that_were_agreed),
		cmocka_unit_test(data_that_may_not_come_unasked_ends_its_command_and_is_written_nowhere),
		cmocka_unit_test(data_beyond_firstburstlength_ends_its_command),
		cmocka_unit_test(fast_abort_keeps_the_response_fence),
	};

	return cmocka_run_group_tests_name("conformance: parameters", tests, NULL, NULL);
}
