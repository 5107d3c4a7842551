/* SPDX-License-Identifier: MIT */
/*
 * What RFC 7144 demands: features come with iSCSIProtocolLevel 2 alone, the four new functions, command priority and status
 * qualifier. Each test is named in docs/conformance.tsv.
 */
#include "flow/ini_rig.h"
#include "flow/target_rig.h"

#include <stdlib.h>

static struct ini_rig I;
static struct rig R;
static uint8_t data[8192];

/* ---------------------------------------------------------------------------------------------- target */

static void begin(const char *pairs, size_t len)
{
	rig_init(&R);
	R.cfg.limits.max_conns = 2;
	R.offer.max_connections = 2;
	rig_open(&R, pairs, len);
}

#define LEVEL_2 "iSCSIProtocolLevel=2\0MaxConnections=2"

static struct iscsip_pdu tmf(uint8_t function)
{
	struct iscsip_pdu h = rig_request(&R, ISCSIP_OP_TASK_REQUEST);

	R.cmdsn--;
	h.immediate = true;
	h.task_request.function = function;
	h.task_request.ref_task_tag = ISCSIP_TAG_NONE;
	return h;
}

static uint8_t ask(struct iscsip_pdu *h)
{
	struct peer_pdu got;

	peer_send(&R.peer[0], h, NULL, 0);
	got = rig_expect(&R, ISCSIP_OP_TASK_RESPONSE);
	assert_int_equal(got.h.itt, h->itt);
	return got.h.task_response.response;
}

static void the_new_functions_are_answered_at_level_2_as_the_unit_says_and_unknown_below(void **state)
{
	static const uint8_t responses[] = { ISCSIP_TMF_SUCCEEDED, ISCSIP_TMF_COMPLETE, ISCSIP_TMF_NO_LUN, ISCSIP_TMF_REJECTED };
	struct iscsip_pdu h, cmd;
	uint8_t f;
	size_t i;

	(void)state;
	begin(RIG_PAIRS(LEVEL_2));
	assert_int_equal(R.params.iscsi_protocol_level, 2);
	R.manual = true;
	cmd = rig_read(&R, 0, 512);
	peer_send(&R.peer[0], &cmd, NULL, 0);
	for (i = 0; i < 4; i++) {
		R.tmf_response = responses[i];
		for (f = ISCSIP_TMF_QUERY_TASK; f <= ISCSIP_TMF_QUERY_ASYNCHRONOUS_EVENT; f++) {
			if (f == ISCSIP_TMF_I_T_NEXUS_RESET)
				continue;
			h = tmf(f);
			if (f == ISCSIP_TMF_QUERY_TASK) {
				h.task_request.ref_task_tag = cmd.itt;
				h.task_request.ref_cmdsn = cmd.request.cmdsn;
			}
			assert_int_equal(ask(&h), responses[i]);
			assert_int_equal(R.tmf->function, f);
		}
	}
	/* asking changes nothing: the command is answered after all of it */
	assert_int_equal(R.aborts, 0);
	assert_int_equal(rig_good(R.cmds[0], 0, 0), ISCSIP_OK);
	assert_int_equal(rig_expect(&R, ISCSIP_OP_SCSI_RESPONSE).h.itt, cmd.itt);
	/* what comes after them is unknown at this level too */
	for (f = ISCSIP_TMF_QUERY_ASYNCHRONOUS_EVENT + 1; f < 128; f++) {
		h = tmf(f);
		assert_int_equal(ask(&h), ISCSIP_TMF_NOT_SUPPORTED);
	}
	rig_close(&R);
	begin(RIG_PAIRS("iSCSIProtocolLevel=1"));
	for (f = ISCSIP_TMF_QUERY_TASK; f <= ISCSIP_TMF_QUERY_ASYNCHRONOUS_EVENT; f++) {
		h = tmf(f);
		assert_int_equal(ask(&h), ISCSIP_TMF_NOT_SUPPORTED);
	}
	assert_null(R.tmf);
	rig_alive(&R);
	rig_close(&R);
}

static void task_management_is_not_queried(void **state)
{
	struct iscsip_pdu reset, query;

	(void)state;
	begin(RIG_PAIRS(LEVEL_2));
	R.hold_tmf = true;
	reset = tmf(ISCSIP_TMF_LOGICAL_UNIT_RESET);
	reset.immediate = false;
	R.cmdsn++;
	peer_send(&R.peer[0], &reset, NULL, 0);
	assert_non_null(R.tmf);
	query = tmf(ISCSIP_TMF_QUERY_TASK);
	query.task_request.ref_task_tag = reset.itt;
	query.task_request.ref_cmdsn = reset.request.cmdsn;
	assert_int_equal(ask(&query), ISCSIP_TMF_REJECTED);
	assert_int_equal(iscsip_tmf_complete(R.tmf, ISCSIP_TMF_COMPLETE), ISCSIP_OK);
	assert_int_equal(rig_expect(&R, ISCSIP_OP_TASK_RESPONSE).h.itt, reset.itt);
	rig_close(&R);
}

static void after_the_answer_to_a_function_its_commands_are_silent_but_queried_ones(void **state)
{
	static const uint8_t functions[] = { ISCSIP_TMF_ABORT_TASK, ISCSIP_TMF_ABORT_TASK_SET, ISCSIP_TMF_CLEAR_TASK_SET,
					     ISCSIP_TMF_LOGICAL_UNIT_RESET, ISCSIP_TMF_TARGET_WARM_RESET, ISCSIP_TMF_QUERY_TASK,
					     ISCSIP_TMF_QUERY_TASK_SET };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof functions; i++) {
		bool query = functions[i] >= ISCSIP_TMF_QUERY_TASK;
		struct iscsip_pdu cmd, h;

		begin(RIG_PAIRS(LEVEL_2));
		R.manual = true;
		cmd = rig_read(&R, 0, 512);
		peer_send(&R.peer[0], &cmd, NULL, 0);
		h = tmf(functions[i]);
		if (functions[i] == ISCSIP_TMF_ABORT_TASK || functions[i] == ISCSIP_TMF_QUERY_TASK) {
			h.task_request.ref_task_tag = cmd.itt;
			h.task_request.ref_cmdsn = cmd.request.cmdsn;
		}
		assert_int_equal(ask(&h), ISCSIP_TMF_COMPLETE);
		assert_int_equal(R.aborts, !query);
		assert_int_equal(rig_good(R.cmds[0], 0, 0), ISCSIP_OK);
		if (query)
			assert_int_equal(rig_expect(&R, ISCSIP_OP_SCSI_RESPONSE).h.itt, cmd.itt);
		rig_quiet(&R);
		rig_close(&R);
	}
}

static void a_nexus_reset_ends_all_tasks_and_connections_of_its_session_at_once(void **state)
{
	struct iscsip_pdu a, b, h, ack = { .opcode = ISCSIP_OP_NOP_OUT, .immediate = true, .final = true, .itt = ISCSIP_TAG_NONE };
	struct peer_pdu got;

	(void)state;
	begin(RIG_PAIRS(LEVEL_2 "\0DefaultTime2Wait=60\0DefaultTime2Retain=60"));
	R.manual = true;
	rig_connect(&R, 1);
	assert_true(rig_login(&R, 1, "", 1, &got));
	ack.nop_out.ttt = ISCSIP_TAG_NONE;
	ack.request.cmdsn = R.cmdsn;
	ack.request.expstatsn = got.h.reply.statsn + 1u;
	peer_send(&R.peer[1], &ack, NULL, 0);
	a = rig_read(&R, 0, 512);
	peer_send(&R.peer[0], &a, NULL, 0);
	b = rig_read(&R, 0, 512);
	b.lun = 3ull << 48;
	b.request.expstatsn = ack.request.expstatsn;
	peer_send(&R.peer[1], &b, NULL, 0);
	assert_int_equal(R.execs, 2);
	h = tmf(ISCSIP_TMF_I_T_NEXUS_RESET);
	assert_int_equal(ask(&h), ISCSIP_TMF_COMPLETE);
	/* the units were told, all tasks of all units are over, and every connection goes */
	assert_int_equal(R.tmf->function, ISCSIP_TMF_I_T_NEXUS_RESET);
	assert_int_equal(R.aborts, 2);
	assert_int_equal(iscsip_conn_want(R.conn[0]), ISCSIP_WANT_CLOSE);
	assert_int_equal(iscsip_conn_want(R.conn[1]), ISCSIP_WANT_CLOSE);
	assert_int_equal(rig_good(R.cmds[0], 0, 0), ISCSIP_OK);
	assert_int_equal(rig_good(R.cmds[1], 0, 0), ISCSIP_OK);
	rig_quiet(&R);
	rig_drop(&R, 0);
	rig_drop(&R, 1);
	/* whatever Time2Retain says, it is not kept */
	assert_true(R.freed);
	rig_close(&R);
}

/* The sequence of RFC 5048 4.1.2 and 4.1.3, now RFC 7143 4.2.3.3 and 4.2.3.4. */
static void a_nexus_reset_waits_for_transfer_tags_but_with_fast_abort(void **state)
{
	int fast;

	(void)state;
	for (fast = 0; fast < 2; fast++) {
		struct iscsip_pdu w, h, d;
		struct peer_pdu got;

		if (fast)
			begin(RIG_PAIRS(LEVEL_2 "\0InitialR2T=Yes\0ImmediateData=No\0TaskReporting=FastAbort"));
		else
			begin(RIG_PAIRS(LEVEL_2 "\0InitialR2T=Yes\0ImmediateData=No"));
		R.manual = true;
		w = rig_write(&R, 0, 8192);
		peer_send(&R.peer[0], &w, NULL, 0);
		assert_int_equal(iscsip_cmd_request_data(R.cmds[0], 0, 8192), ISCSIP_OK);
		got = rig_expect(&R, ISCSIP_OP_R2T);
		h = tmf(ISCSIP_TMF_I_T_NEXUS_RESET);
		peer_send(&R.peer[0], &h, NULL, 0);
		if (!fast) {
			rig_quiet(&R);
			assert_null(R.tmf);
			d = (struct iscsip_pdu){ .opcode = ISCSIP_OP_DATA_OUT, .itt = w.itt, .final = true };
			d.data_out.ttt = got.h.r2t.ttt;
			peer_send(&R.peer[0], &d, data, 8192);
		}
		assert_non_null(R.tmf);
		got = rig_expect(&R, ISCSIP_OP_TASK_RESPONSE);
		assert_int_equal(got.h.itt, h.itt);
		assert_int_equal(got.h.task_response.response, ISCSIP_TMF_COMPLETE);
		assert_int_equal(iscsip_conn_want(R.conn[0]), ISCSIP_WANT_CLOSE);
		assert_int_equal(rig_good(R.cmds[0], 0, 0), ISCSIP_OK);
		rig_close(&R);
	}
}

static void priority_is_ignored_and_no_qualifier_is_sent_where_level_2_was_not_agreed(void **state)
{
	struct iscsip_pdu h;
	struct peer_pdu got;
	uint8_t pri;

	(void)state;
	begin(RIG_PAIRS("iSCSIProtocolLevel=1"));
	for (pri = 0; pri < 16; pri++) {
		h = rig_read(&R, 0, 512);
		h.scsi_command.pri = pri;
		peer_send(&R.peer[0], &h, NULL, 0);
		got = rig_expect(&R, ISCSIP_OP_DATA_IN);
		assert_int_equal(got.h.itt, h.itt);
		assert_true(got.h.data_in.has_status);
		h = rig_write(&R, 0, 0);
		h.scsi_command.pri = pri;
		peer_send(&R.peer[0], &h, NULL, 0);
		got = rig_expect(&R, ISCSIP_OP_SCSI_RESPONSE);
		assert_int_equal(got.h.scsi_response.status, 0);
		assert_int_equal(got.h.scsi_response.status_qualifier, 0);
		h = rig_read(&R, 0, 512);
		h.scsi_command.pri = pri;
		h.scsi_command.cdb[0] = 0x99;
		peer_send(&R.peer[0], &h, NULL, 0);
		got = rig_expect(&R, ISCSIP_OP_SCSI_RESPONSE);
		assert_int_equal(got.h.scsi_response.status, 2);
		assert_int_equal(got.h.scsi_response.status_qualifier, 0);
		/* and CHECK CONDITION brings its sense data with it */
		assert_int_equal(got.h.data_len, 20);
		assert_int_equal(got.data[0] << 8 | got.data[1], 18);
	}
	rig_close(&R);
}

/* ------------------------------------------------------------------------------------------- initiator */

static void log_in(uint32_t level)
{
	it_init(&I);
	I.offer.iscsi_protocol_level = level;
	I.cfg.limits.max_conns = 2;
	I.offer.max_connections = I.target_offer.max_connections = 2;
	it_open(&I);
	it_login(&I);
	assert_int_equal(iscsip_session_params(I.s)->iscsi_protocol_level, level);
}

static void plain(struct it_task *k)
{
	it_read(k, NULL, 0);
	k->t.in_vec = NULL;
	k->t.cdb[0] = 0;
}

static void give_tmf_response(uint8_t response)
{
	struct iscsip_pdu p = it_pdu(ISCSIP_OP_TASK_RESPONSE, I.got.h.itt);

	p.task_response.response = response;
	it_give(&I, &p, NULL, 0);
}

static void a_query_names_its_task_by_tag_and_number(void **state)
{
	struct it_task k, now, next;
	uint32_t itt, number;

	(void)state;
	log_in(2);
	plain(&k);
	plain(&now);
	plain(&next);
	now.t.immediate = true;
	it_submit(&I, &k);
	it_take(&I, ISCSIP_OP_SCSI_COMMAND);
	itt = I.got.h.itt;
	number = I.got.h.request.cmdsn;
	it_submit(&I, &next);
	it_take(&I, ISCSIP_OP_SCSI_COMMAND);
	assert_int_equal(iscsip_initiator_tmf(I.s, ISCSIP_TMF_QUERY_TASK, 0, &k.t, &I, I.now), ISCSIP_OK);
	it_take(&I, ISCSIP_OP_TASK_REQUEST);
	assert_int_equal(I.got.h.task_request.ref_task_tag, itt);
	assert_int_equal(I.got.h.task_request.ref_cmdsn, number);
	assert_int_not_equal(I.got.h.task_request.cmdsn, number);
	give_tmf_response(ISCSIP_TMF_SUCCEEDED);
	it_submit(&I, &now);
	it_take(&I, ISCSIP_OP_SCSI_COMMAND);
	itt = I.got.h.itt;
	assert_int_equal(iscsip_initiator_tmf(I.s, ISCSIP_TMF_QUERY_TASK, 0, &now.t, &I, I.now), ISCSIP_OK);
	it_take(&I, ISCSIP_OP_TASK_REQUEST);
	assert_int_equal(I.got.h.task_request.ref_task_tag, itt);
	assert_int_equal(I.got.h.task_request.ref_cmdsn, I.got.h.task_request.cmdsn);
	it_end(&I);
}

static void every_response_to_a_new_function_is_told_and_asking_ends_no_task(void **state)
{
	static const uint8_t responses[] = { ISCSIP_TMF_SUCCEEDED, ISCSIP_TMF_COMPLETE, ISCSIP_TMF_NO_LUN,
					     ISCSIP_TMF_NOT_SUPPORTED, ISCSIP_TMF_NOT_AUTHORIZED, ISCSIP_TMF_REJECTED };
	struct it_task k;
	size_t i;
	uint8_t f;
	int told = 0;

	(void)state;
	log_in(2);
	plain(&k);
	it_submit(&I, &k);
	it_take(&I, ISCSIP_OP_SCSI_COMMAND);
	for (i = 0; i < sizeof responses; i++)
		for (f = ISCSIP_TMF_QUERY_TASK; f <= ISCSIP_TMF_QUERY_ASYNCHRONOUS_EVENT; f++) {
			if (f == ISCSIP_TMF_I_T_NEXUS_RESET)
				continue;
			assert_int_equal(iscsip_initiator_tmf(I.s, f, 0, f == ISCSIP_TMF_QUERY_TASK ? &k.t : NULL, &I, I.now),
					 ISCSIP_OK);
			it_take(&I, ISCSIP_OP_TASK_REQUEST);
			assert_int_equal(I.got.h.task_request.function, f);
			if (f != ISCSIP_TMF_QUERY_TASK)
				assert_int_equal(I.got.h.task_request.ref_task_tag, ISCSIP_TAG_NONE);
			give_tmf_response(responses[i]);
			assert_int_equal(I.tmfs, ++told);
			assert_int_equal(I.tmf_err, ISCSIP_OK);
			assert_int_equal(I.tmf_response, responses[i]);
			assert_false(it_is_done(&I, &k));
			assert_int_equal(I.err, 0);
		}
	it_end(&I);
}

/* A second connection in the place of the rig's first one, which waits in *first. */
struct conn_kept {
	struct iscsip_conn *c;
	void *mem;
	uint32_t statsn;
};

static void swap(struct conn_kept *other)
{
	struct conn_kept mine = { I.c, I.conn_mem, I.statsn };

	I.c = other->c;
	I.conn_mem = other->mem;
	I.statsn = other->statsn;
	*other = mine;
}

static void a_query_goes_over_the_connection_of_its_task(void **state)
{
	size_t login_len;
	struct conn_kept other = { 0 };
	struct it_task k[2];
	int i, with[2];

	(void)state;
	log_in(2);
	swap(&other);
	I.statsn = 700;
	I.conn_mem = malloc(iscsip_initiator_conn_size(&I.cfg));
	login_len = iscsip_login_size(&I.cfg);
	I.login_mem = malloc(login_len);
	I.logins = 0;
	assert_int_equal(iscsip_initiator_conn_init(&I.c, I.conn_mem, iscsip_initiator_conn_size(&I.cfg), I.login_mem, login_len,
						    I.s, 2, &I, I.now), ISCSIP_OK);
	it_login(&I);
	/* one task on each connection */
	for (i = 0; i < 2; i++) {
		plain(&k[i]);
		it_submit(&I, &k[i]);
		if (!(iscsip_conn_want(I.c) & ISCSIP_WANT_TX))
			swap(&other);
		with[i] = iscsip_conn_cid(I.c);
		it_take(&I, ISCSIP_OP_SCSI_COMMAND);
		it_quiet(&I);
	}
	assert_int_equal(with[0] + with[1], 3);
	for (i = 0; i < 2; i++) {
		assert_int_equal(iscsip_initiator_tmf(I.s, ISCSIP_TMF_QUERY_TASK, 0, &k[i].t, &I, I.now), ISCSIP_OK);
		if (iscsip_conn_cid(I.c) != with[i])
			swap(&other);
		it_take(&I, ISCSIP_OP_TASK_REQUEST);
		give_tmf_response(ISCSIP_TMF_SUCCEEDED);
		assert_int_equal(I.tmfs, i + 1);
		swap(&other);
		it_quiet(&I);
	}
	it_close(&I);
	free(I.conn_mem);
	swap(&other);
	it_end(&I);
}

static void nothing_of_level_2_is_used_where_the_key_was_not_understood(void **state)
{
	static const char answers[] =
		"HeaderDigest=None\0DataDigest=None\0MaxConnections=1\0InitialR2T=Yes\0ImmediateData=Yes\0MaxBurstLength=262144\0"
		"FirstBurstLength=65536\0DefaultTime2Wait=2\0DefaultTime2Retain=0\0DataPDUInOrder=Yes\0DataSequenceInOrder=Yes\0"
		"ErrorRecoveryLevel=0\0MaxOutstandingR2T=1\0iSCSIProtocolLevel=NotUnderstood";
	struct iscsip_pdu p;
	struct it_task k;
	uint8_t f;

	(void)state;
	it_init(&I);
	I.offer.iscsi_protocol_level = 2;
	it_open(&I);
	it_take(&I, ISCSIP_OP_LOGIN_REQUEST);
	p = it_pdu(ISCSIP_OP_LOGIN_RESPONSE, I.got.h.itt);
	p.final = false;
	memcpy(p.login_response.isid, I.got.h.login_request.isid, 6);
	p.login_response.transit = true;
	p.login_response.csg = ISCSIP_STAGE_OPERATIONAL;
	p.login_response.nsg = ISCSIP_STAGE_FULL_FEATURE;
	p.login_response.tsih = 5;
	it_give(&I, &p, answers, sizeof answers);
	assert_int_equal(I.logins, 1);
	assert_int_equal(I.login_err, ISCSIP_OK);
	assert_int_equal(iscsip_session_params(I.s)->iscsi_protocol_level, 1);
	plain(&k);
	it_submit(&I, &k);
	it_take(&I, ISCSIP_OP_SCSI_COMMAND);
	for (f = ISCSIP_TMF_QUERY_TASK; f <= ISCSIP_TMF_QUERY_ASYNCHRONOUS_EVENT; f++)
		assert_int_equal(iscsip_initiator_tmf(I.s, f, 0, f == ISCSIP_TMF_QUERY_TASK ? &k.t : NULL, &I, I.now), ISCSIP_EINVAL);
	it_quiet(&I);
	it_end(&I);
}

static void commands_have_no_priority_and_a_qualifier_counts_at_level_2_alone(void **state)
{
	uint32_t level;

	(void)state;
	for (level = 1; level <= 2; level++) {
		struct iscsip_pdu p;
		struct it_task k;

		log_in(level);
		plain(&k);
		it_submit(&I, &k);
		it_take(&I, ISCSIP_OP_SCSI_COMMAND);
		assert_int_equal(I.got.h.scsi_command.pri, 0);
		p = it_pdu_response(I.got.h.itt, 8);
		p.scsi_response.status_qualifier = 0x4123;
		it_give(&I, &p, NULL, 0);
		assert_true(it_is_done(&I, &k));
		assert_int_equal(k.t.result.status, 8);
		assert_int_equal(k.t.result.status_qualifier, level == 2 ? 0x4123 : 0);
		it_end(&I);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_new_functions_are_answered_at_level_2_as_the_unit_says_and_unknown_below),
		cmocka_unit_test(task_management_is_not_queried),
		cmocka_unit_test(after_the_answer_to_a_function_its_commands_are_silent_but_queried_ones),
		cmocka_unit_test(a_nexus_reset_ends_all_tasks_and_connections_of_its_session_at_once),
		cmocka_unit_test(a_nexus_reset_waits_for_transfer_tags_but_with_fast_abort),
		cmocka_unit_test(priority_is_ignored_and_no_qualifier_is_sent_where_level_2_was_not_agreed),
		cmocka_unit_test(a_query_names_its_task_by_tag_and_number),
		cmocka_unit_test(every_response_to_a_new_function_is_told_and_asking_ends_no_task),
		cmocka_unit_test(a_query_goes_over_the_connection_of_its_task),
		cmocka_unit_test(nothing_of_level_2_is_used_where_the_key_was_not_understood),
		cmocka_unit_test(commands_have_no_priority_and_a_qualifier_counts_at_level_2_alone),
	};

	return cmocka_run_group_tests_name("conformance: RFC 7144", tests, NULL, NULL);
}
