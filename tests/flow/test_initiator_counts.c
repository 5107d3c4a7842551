/* SPDX-License-Identifier: MIT */
/*
 * What a result counts: bytes of both directions as this side saw them move, whatever the target's status and residuals say.
 * GOOD over data that was never asked for, sent twice, thrown away or left in the ring is no success of all of it.
 */
#include "flow/ini_rig.h"

#define LEN 8192u

static struct ini_rig R, R2;
static struct it_task K;
static uint8_t out[LEN], in[LEN];

/* `unasked`: bytes that may go without an R2T, of which immediate ones. */
static void begin(uint32_t unasked, uint32_t immediate, bool any_order)
{
	it_init(&R);
	R.offer.immediate_data = R.target_offer.immediate_data = immediate != 0;
	R.offer.initial_r2t = R.target_offer.initial_r2t = unasked == immediate;
	R.offer.first_burst_length = unasked ? unasked : 512;
	R.target_offer.max_recv_data_segment_length = immediate ? immediate : 4096;
	R.offer.data_sequence_in_order = R.target_offer.data_sequence_in_order = !any_order;
	R.offer.max_outstanding_r2t = R.target_offer.max_outstanding_r2t = 4;
	it_open(&R);
	it_login(&R);
	it_write(&K, out, LEN);
}

static uint32_t issue(void)
{
	it_submit(&R, &K);
	it_take(&R, ISCSIP_OP_SCSI_COMMAND);
	return R.got.h.itt;
}

static void ask(uint32_t itt, uint32_t r2tsn, uint32_t off, uint32_t len)
{
	struct iscsip_pdu p = it_pdu_r2t(itt, 70 + r2tsn, r2tsn, off, len);

	it_give(&R, &p, NULL, 0);
	it_drain(&R);
}

static void good(uint32_t itt, bool underflow, bool overflow, uint32_t residual)
{
	struct iscsip_pdu p = it_pdu_response(itt, 0);

	p.scsi_response.underflow = underflow;
	p.scsi_response.overflow = overflow;
	p.scsi_response.residual = residual;
	it_give(&R, &p, NULL, 0);
}

static void taken(uint32_t len, uint32_t residual)
{
	assert_true(it_is_done(&R, &K));
	assert_int_equal(K.t.result.err, ISCSIP_OK);
	assert_int_equal(K.t.result.status, 0);
	assert_int_equal(K.t.result.out_len, len);
	assert_int_equal(K.t.result.out_residual, residual);
}

static void data_that_was_never_asked_for_was_not_taken(void **state)
{
	(void)state;
	begin(0, 0, false);
	good(issue(), false, false, 0);
	taken(0, LEN);
	it_end(&R);
}

static void data_counts_as_far_as_it_was_asked_for(void **state)
{
	uint32_t itt;

	(void)state;
	begin(0, 0, false);
	itt = issue();
	ask(itt, 0, 0, 4096);
	ask(itt, 1, 4096, 1000);
	good(itt, false, false, 0);
	taken(5096, LEN - 5096);
	it_end(&R);
}

static void data_that_was_asked_for_and_not_waited_for_was_not_taken(void **state)
{
	struct iscsip_pdu p;
	uint32_t itt;

	(void)state;
	begin(0, 0, false);
	itt = issue();
	p = it_pdu_r2t(itt, 70, 0, 0, LEN);
	it_give(&R, &p, NULL, 0);
	good(itt, false, false, 0);
	taken(0, LEN);
	it_end(&R);
}

static void immediate_data_counts_and_the_rest_does_not(void **state)
{
	(void)state;
	begin(1024, 1024, false);
	good(issue(), false, false, 0);
	taken(1024, LEN - 1024);
	it_end(&R);
}

static void unasked_data_counts_as_far_as_it_went(void **state)
{
	uint32_t itt;

	(void)state;
	begin(4096, 1024, false);
	R.step = 48 + 1024; /* the command goes out, and what follows it is made one by one */
	R.cfg.limits.max_tx_pdus = 2;
	it_submit(&R, &K);
	assert_int_equal(iscsip_conn_tx_pull(R.c, R.out, 48 + 1024, R.now), 48 + 1024);
	{
		struct iscsip_pdu h;

		assert_int_equal(iscsip_pdu_decode(&h, R.out), ISCSIP_OK);
		itt = h.itt;
		R.expcmdsn++;
	}
	good(itt, false, false, 0);
	it_drain(&R);
	assert_true(it_is_done(&R, &K));
	assert_true(K.t.result.out_len < LEN);
	assert_int_equal(K.t.result.out_residual, LEN - K.t.result.out_len);
	it_end(&R);
}

static void all_of_it_leaves_no_residual(void **state)
{
	uint32_t itt;

	(void)state;
	begin(1024, 1024, false);
	itt = issue();
	ask(itt, 0, 1024, LEN - 1024);
	good(itt, false, false, 0);
	taken(LEN, 0);
	it_end(&R);
}

static void what_the_target_says_it_left_counts_where_it_is_more(void **state)
{
	static const struct {
		uint32_t asked, residual, taken;
	} cases[] = { { LEN, 100, LEN - 100 }, { 4096, 100, 4096 }, { 4096, LEN, 0 }, { LEN, LEN, 0 }, { 4096, LEN - 4096, 4096 } };
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint32_t itt;

		begin(0, 0, false);
		itt = issue();
		ask(itt, 0, 0, cases[i].asked);
		good(itt, true, false, cases[i].residual);
		taken(cases[i].taken, LEN - cases[i].taken);
		it_end(&R);
	}
}

static void an_overflow_hides_nothing_that_was_not_taken(void **state)
{
	uint32_t itt;

	(void)state;
	begin(0, 0, false);
	itt = issue();
	ask(itt, 0, 0, 4096);
	good(itt, false, true, 512);
	taken(4096, 512);
	assert_true(K.t.result.out_overflow);
	it_end(&R);
}

static void data_asked_for_twice_counts_once(void **state)
{
	uint32_t itt;

	(void)state;
	begin(0, 0, true);
	itt = issue();
	ask(itt, 0, 0, 4096);
	ask(itt, 1, 0, 4096);
	good(itt, false, false, 0);
	taken(4096, LEN - 4096);
	it_end(&R);
}

static void data_asked_for_out_of_order_counts_up_to_the_first_gap(void **state)
{
	uint32_t itt;

	(void)state;
	begin(512, 512, true);
	itt = issue();
	ask(itt, 0, 4096, 4096);
	ask(itt, 1, 512, 512);
	good(itt, false, false, 0);
	taken(1024, LEN - 1024);
	it_end(&R);
}

static void all_of_it_in_any_order_leaves_no_residual(void **state)
{
	uint32_t itt;

	(void)state;
	begin(0, 0, true);
	itt = issue();
	ask(itt, 0, 4096, 4096);
	ask(itt, 1, 0, 4096);
	good(itt, false, false, 0);
	taken(LEN, 0);
	it_end(&R);
}

static void data_asked_for_in_more_pieces_than_can_be_known_ends_its_task(void **state)
{
	struct iscsip_pdu p;
	uint32_t itt, i;

	(void)state;
	begin(0, 0, true);
	itt = issue();
	for (i = 0; i < 34; i++) {
		ask(itt, i, i * 128, 64);
		R.out_len = 0;
	}
	p = it_pdu_response(itt, 0);
	it_give(&R, &p, NULL, 0);
	assert_true(it_is_done(&R, &K));
	assert_int_equal(K.t.result.err, ISCSIP_ENOSPC);
	it_end(&R);
}

static void rejected_data_was_not_taken(void **state)
{
	struct iscsip_pdu p = it_pdu(ISCSIP_OP_REJECT, ISCSIP_TAG_NONE);
	uint8_t bhs[ISCSIP_BHS_LEN];
	uint32_t itt;

	(void)state;
	begin(0, 0, false);
	itt = issue();
	ask(itt, 0, 0, LEN);
	it_take(&R, ISCSIP_OP_DATA_OUT);
	it_take(&R, ISCSIP_OP_DATA_OUT);
	assert_int_equal(R.got.h.data_out.buffer_offset, 4096);
	assert_int_equal(iscsip_pdu_encode(bhs, &R.got.h), ISCSIP_OK);
	p.reject.reason = ISCSIP_REJECT_DATA_DIGEST;
	it_give(&R, &p, bhs, sizeof bhs);
	good(itt, false, false, 0);
	taken(4096, LEN - 4096);
	assert_int_equal(K.t.result.reject_reason, ISCSIP_REJECT_DATA_DIGEST);
	it_end(&R);
}

/* The answer was faster than the send call; the transport says only afterwards what it took of the data, or never. */
static void data_counts_as_far_as_the_transport_took_it(void **state)
{
	static const struct {
		size_t done;
		uint32_t taken;
	} cases[] = { { 0, 0 }, { 48 + 4095, 0 }, { 48 + 4096, 4096 }, { 2 * (48 + 4096) - 1, 4096 }, { 2 * (48 + 4096), LEN } };
	struct iscsip_vec vec[16];
	struct iscsip_pdu p;
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint32_t itt;

		begin(0, 0, false);
		itt = issue();
		p = it_pdu_r2t(itt, 70, 0, 0, LEN);
		it_give(&R, &p, NULL, 0);
		assert_int_equal(iscsip_conn_tx_next(R.c, vec, 16, R.now), 4);
		good(itt, false, false, 0);
		assert_false(it_is_done(&R, &K));
		assert_int_equal(iscsip_conn_tx_done(R.c, cases[i].done, R.now), ISCSIP_OK);
		it_close(&R);
		taken(cases[i].taken, LEN - cases[i].taken);
		it_end(&R);
	}
}

/* Immediate data goes with its command, whose CDB stands where a Data-Out has its offset. */
static void immediate_data_of_a_command_that_did_not_go_was_not_taken(void **state)
{
	struct iscsip_vec vec[16];
	struct iscsip_pdu h;

	(void)state;
	begin(1024, 1024, false);
	memset(K.t.cdb, 0xff, sizeof K.t.cdb);
	it_submit(&R, &K);
	assert_true(iscsip_conn_tx_next(R.c, vec, 16, R.now) > 0);
	assert_int_equal(iscsip_pdu_decode(&h, vec[0].base), ISCSIP_OK);
	good(h.itt, false, false, 0);
	it_close(&R);
	taken(0, LEN);
	it_end(&R);
}

/* With ISCSIP_CFG_TX_HOLD what was taken and is still read was sent all the same. */
static void held_data_was_sent(void **state)
{
	uint32_t itt;

	(void)state;
	it_init(&R);
	R.cfg.flags |= ISCSIP_CFG_TX_HOLD;
	R.offer.immediate_data = R.target_offer.immediate_data = false;
	R.offer.initial_r2t = true;
	it_open(&R);
	it_login(&R);
	R.keep = true;
	it_write(&K, out, LEN);
	itt = issue();
	ask(itt, 0, 0, LEN);
	good(itt, false, false, 0);
	it_close(&R);
	taken(LEN, 0);
	it_end(&R);
}

static void a_task_that_was_not_sent_counts_nothing(void **state)
{
	(void)state;
	begin(1024, 1024, false);
	it_submit(&R, &K);
	assert_int_equal(iscsip_initiator_abort(R.s, &K.t, R.now), ISCSIP_OK);
	assert_int_equal(K.t.result.out_len, 0);
	assert_int_equal(K.t.result.out_residual, LEN);
	it_end(&R);
}

/* --- both directions --- */

static uint32_t both(void)
{
	begin(0, 0, false);
	K.in.base = in;
	K.in.len = LEN;
	K.t.in_vec = &K.in;
	K.t.in_cnt = 1;
	K.t.in_len = LEN;
	return issue();
}

static void both_directions_are_counted_apart(void **state)
{
	struct iscsip_pdu p;
	uint32_t itt;

	(void)state;
	itt = both();
	ask(itt, 0, 0, 4096);
	p = it_pdu_data_in(itt, 1, 0, true);
	it_give(&R, &p, in, 700);
	p = it_pdu_response(itt, 0);
	p.scsi_response.expdatasn = 2;
	it_give(&R, &p, NULL, 0);
	taken(4096, LEN - 4096);
	assert_int_equal(K.t.result.in_len, 700);
	assert_int_equal(K.t.result.in_residual, LEN - 700);
	it_end(&R);
}

static void a_bidirectional_residual_larger_than_the_room_ends_the_connection(void **state)
{
	struct iscsip_pdu p;
	uint32_t over;

	(void)state;
	for (over = 0; over < 2; over++) {
		p = it_pdu_response(both(), 0);
		p.scsi_response.bidi_underflow = true;
		p.scsi_response.bidi_residual = LEN + over;
		it_give(&R, &p, NULL, 0);
		if (over)
			it_expect_broken(&R, ISCSIP_EPROTO, ISCSIP_RULE_RESIDUAL_LEN);
		else
			assert_true(it_is_done(&R, &K));
		it_end(&R);
	}
}

/* --- data-in --- */

static void a_sequence_that_overlaps_the_last_by_one_byte_ends_the_connection(void **state)
{
	struct iscsip_pdu p;
	uint32_t itt, back;

	(void)state;
	for (back = 0; back < 2; back++) {
		it_init(&R);
		R.offer.data_pdu_in_order = R.target_offer.data_pdu_in_order = false;
		it_open(&R);
		it_login(&R);
		it_read(&K, in, LEN);
		itt = issue();
		p = it_pdu_data_in(itt, 0, 0, true);
		it_give(&R, &p, out, 1000);
		p = it_pdu_data_in(itt, 1, 1000 - back, true);
		it_give(&R, &p, out, 1000);
		if (back)
			it_expect_broken(&R, ISCSIP_EPROTO, ISCSIP_RULE_IN_ORDER);
		else
			assert_int_equal(iscsip_conn_error(R.c)->code, ISCSIP_OK);
		it_end(&R);
	}
}

static void short_data_in_with_good_is_counted_by_what_landed(void **state)
{
	struct iscsip_pdu p;
	uint32_t itt;

	(void)state;
	it_begin(&R);
	it_read(&K, in, LEN);
	itt = issue();
	p = it_pdu_data_in(itt, 0, 0, true);
	it_give(&R, &p, out, 1000);
	good(itt, true, false, 1); /* says that one byte is missing */
	assert_int_equal(K.t.result.in_len, 1000);
	assert_int_equal(K.t.result.in_residual, LEN - 1000);
	it_end(&R);
}

/* --- a task that ends while its response is coming in: a reset on the other connection is answered meanwhile --- */

static void response_data_of_a_task_that_is_over_changes_nothing(void **state)
{
	uint8_t data[2 + 18] = { 0, 18, 0x70 }, buf[256];
	static struct it_task first;
	struct iscsip_pdu p;
	size_t n;

	(void)state;
	it_init(&R);
	R.cfg.limits.max_conns = 2;
	R.offer.max_connections = R.target_offer.max_connections = 2;
	it_open(&R);
	it_login(&R);
	it_join(&R2, &R);
	it_read(&first, in, LEN); /* goes to the first connection, as the reset will; the next task to the second */
	it_submit(&R, &first);
	it_take(&R, ISCSIP_OP_SCSI_COMMAND);
	it_read(&K, in, LEN);
	it_submit(&R, &K);
	it_take(&R2, ISCSIP_OP_SCSI_COMMAND);
	p = it_pdu_response(R2.got.h.itt, 2);
	p.reply.statsn = R2.statsn;
	p.reply.expcmdsn = R.expcmdsn;
	p.reply.maxcmdsn = R.expcmdsn + 7;
	n = it_encode(&R2, buf, &p, data, sizeof data, 0);
	assert_int_equal(it_feed(&R2, buf, 52), 52);
	assert_int_equal(iscsip_initiator_tmf(R.s, ISCSIP_TMF_LOGICAL_UNIT_RESET, 0, NULL, &R, R.now), ISCSIP_OK);
	it_take(&R, ISCSIP_OP_TASK_REQUEST);
	p = it_pdu(ISCSIP_OP_TASK_RESPONSE, R.got.h.itt);
	it_give(&R, &p, NULL, 0);
	assert_false(it_is_done(&R, &K)); /* its memory is still written to */
	assert_int_equal(it_feed(&R2, buf + 52, n - 52), n - 52);
	assert_true(it_is_done(&R, &K));
	assert_int_equal(K.t.result.err, ISCSIP_EHOST);
	assert_int_equal(K.t.result.status, 0);
	assert_int_equal(K.t.result.sense_len, 0);
	assert_int_equal(iscsip_conn_error(R2.c)->code, ISCSIP_OK);
	it_end(&R2);
	it_end(&R);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_that_was_never_asked_for_was_not_taken),
		cmocka_unit_test(data_counts_as_far_as_it_was_asked_for),
		cmocka_unit_test(data_that_was_asked_for_and_not_waited_for_was_not_taken),
		cmocka_unit_test(immediate_data_counts_and_the_rest_does_not),
		cmocka_unit_test(unasked_data_counts_as_far_as_it_went),
		cmocka_unit_test(all_of_it_leaves_no_residual),
		cmocka_unit_test(what_the_target_says_it_left_counts_where_it_is_more),
		cmocka_unit_test(an_overflow_hides_nothing_that_was_not_taken),
		cmocka_unit_test(data_asked_for_twice_counts_once),
		cmocka_unit_test(data_asked_for_out_of_order_counts_up_to_the_first_gap),
		cmocka_unit_test(all_of_it_in_any_order_leaves_no_residual),
		cmocka_unit_test(data_asked_for_in_more_pieces_than_can_be_known_ends_its_task),
		cmocka_unit_test(rejected_data_was_not_taken),
		cmocka_unit_test(data_counts_as_far_as_the_transport_took_it),
		cmocka_unit_test(immediate_data_of_a_command_that_did_not_go_was_not_taken),
		cmocka_unit_test(held_data_was_sent),
		cmocka_unit_test(a_task_that_was_not_sent_counts_nothing),
		cmocka_unit_test(both_directions_are_counted_apart),
		cmocka_unit_test(a_bidirectional_residual_larger_than_the_room_ends_the_connection),
		cmocka_unit_test(a_sequence_that_overlaps_the_last_by_one_byte_ends_the_connection),
		cmocka_unit_test(short_data_in_with_good_is_counted_by_what_landed),
		cmocka_unit_test(response_data_of_a_task_that_is_over_changes_nothing),
	};

	return cmocka_run_group_tests_name("initiator counts", tests, NULL, NULL);
}
