/* SPDX-License-Identifier: MIT */
/*
 * Text requests at the target: SendTargets of any length through small segments, negotiation, exchanges that go wrong.
 */
#include "flow/target_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DISCOVERY "SessionType=Discovery\0"

static struct iscsip_pdu text_of(struct rig *r)
{
	struct iscsip_pdu h = rig_request(r, ISCSIP_OP_TEXT_REQUEST);

	h.text_request.ttt = ISCSIP_TAG_NONE;
	return h;
}

static struct peer_pdu ask(struct rig *r, const struct iscsip_pdu *h, const char *text, size_t len)
{
	struct peer_pdu got;

	peer_send(&r->peer[0], h, text, len);
	got = rig_expect(r, ISCSIP_OP_TEXT_RESPONSE);
	assert_int_equal(got.h.itt, h->itt);
	assert_true(!(got.h.final && got.h.text_response.cont));
	assert_int_equal(got.h.final, got.h.text_response.ttt == ISCSIP_TAG_NONE);
	return got;
}

/* The whole answer to a request, over as many responses as it takes. */
static size_t collect(struct rig *r, const char *text, size_t len, char *all, size_t cap, int *responses)
{
	struct iscsip_pdu h = text_of(r);
	struct peer_pdu got = ask(r, &h, text, len);
	uint32_t itt = h.itt;
	size_t n = 0;

	for (*responses = 1;; ++*responses) {
		assert_true(n + got.h.data_len <= cap);
		if (got.h.data_len)
			memcpy(all + n, got.data, got.h.data_len);
		n += got.h.data_len;
		if (got.h.final)
			return n;
		h = text_of(r);
		h.itt = itt;
		h.text_request.ttt = got.h.text_response.ttt;
		got = ask(r, &h, NULL, 0);
	}
}

static void ten_thousand_targets_pass_through_segments_of_512_bytes(void **state)
{
	enum { N = 10000 };
	size_t cap = N * 110, len, at = 0;
	char *all = malloc(cap);
	struct rig r;
	int responses;

	(void)state;
	rig_init(&r);
	r.cfg.limits.text_max = 64; /* less than any pair */
	rig_open(&r, RIG_PAIRS(DISCOVERY "MaxRecvDataSegmentLength=512"));
	r.target_count = N;
	r.portal_count = 2;
	len = collect(&r, "SendTargets=All", 16, all, cap, &responses);
	for (int i = 0; i < N; i++) {
		char name[64], a[2][64];

		(void)snprintf(name, sizeof name, "TargetName=iqn.2001-04.test:disk.%06d", i);
		(void)snprintf(a[0], sizeof a[0], "TargetAddress=192.0.2.1:3260,1");
		(void)snprintf(a[1], sizeof a[1], "TargetAddress=192.0.2.2:3260,2");
		assert_true(at < len);
		assert_string_equal(all + at, name);
		at += strlen(name) + 1;
		for (int p = 0; p < 2; p++) {
			assert_string_equal(all + at, a[p]);
			at += strlen(a[p]) + 1;
		}
	}
	assert_int_equal(at, len);
	assert_int_equal(responses, (len + 63) / 64);
	rig_close(&r);
	free(all);
}

static void the_list_is_the_same_at_every_size_of_response(void **state)
{
	char first[2048], all[2048];
	size_t len = 0;

	(void)state;
	for (uint16_t max = 64; max < 700; max = (uint16_t)(max + 7)) {
		struct rig r;
		int responses;
		size_t n;

		rig_init(&r);
		r.cfg.limits.text_max = max;
		r.target_count = 6;
		r.portal_count = 3;
		rig_open(&r, RIG_PAIRS(DISCOVERY "MaxRecvDataSegmentLength=512"));
		n = collect(&r, "SendTargets=All", 16, max == 64 ? first : all, sizeof all, &responses);
		if (max == 64)
			len = n;
		else
			assert_memory_equal(first, all, len);
		assert_int_equal(n, len);
		rig_close(&r);
	}
}

static void no_targets_make_an_empty_answer(void **state)
{
	struct rig r;
	char all[64];
	int responses;

	(void)state;
	rig_init(&r);
	r.target_count = 0;
	rig_open(&r, RIG_PAIRS(DISCOVERY "MaxRecvDataSegmentLength=512"));
	assert_int_equal(collect(&r, "SendTargets=All", 16, all, sizeof all, &responses), 0);
	assert_int_equal(responses, 1);
	rig_close(&r);
}

static void one_target_is_told_by_name_and_a_normal_session_hears_of_its_own_alone(void **state)
{
	static const char own[] = "TargetName=iqn.2001-04.test:disk\0TargetAddress=192.0.2.1:3260,1";
	static const char other[] = "TargetName=iqn.x:1\0TargetAddress=192.0.2.1:3260,1";
	struct peer_pdu got;
	struct rig r;
	struct iscsip_pdu h;
	char all[256];
	int responses;

	(void)state;
	rig_init(&r);
	rig_open(&r, "", 1);
	assert_int_equal(collect(&r, "SendTargets=", 13, all, sizeof all, &responses), sizeof own);
	assert_memory_equal(all, own, sizeof own);
	assert_int_equal(collect(&r, "SendTargets=iqn.2001-04.test:disk", 34, all, sizeof all, &responses), sizeof own);
	assert_int_equal(collect(&r, "SendTargets=IQN.2001-04.Test:disk", 34, all, sizeof all, &responses), sizeof own);
	h = text_of(&r);
	peer_send(&r.peer[0], &h, "SendTargets=All", 16);
	got = rig_expect(&r, ISCSIP_OP_REJECT);
	assert_int_equal(got.h.reject.reason, ISCSIP_REJECT_PROTOCOL);
	r.cmdsn--;
	rig_alive(&r);
	rig_close(&r);
	rig_init(&r);
	rig_open(&r, RIG_PAIRS(DISCOVERY "MaxRecvDataSegmentLength=512"));
	assert_int_equal(collect(&r, "SendTargets=IQN.X:1", 20, all, sizeof all, &responses), sizeof other);
	assert_int_equal(collect(&r, "SendTargets=iqn.x:1", 20, all, sizeof all, &responses), sizeof other);
	assert_memory_equal(all, other, sizeof other);
	rig_close(&r);
}

static void a_new_segment_length_holds_from_the_end_of_the_exchange(void **state)
{
	struct rig r;
	struct iscsip_pdu h, read;
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	rig_open(&r, RIG_PAIRS("MaxRecvDataSegmentLength=8192"));
	h = text_of(&r);
	h.final = false; /* more to come */
	got = ask(&r, &h, "MaxRecvDataSegmentLength=1024", 30);
	assert_false(got.h.final);
	assert_int_equal(got.h.data_len, 0);
	read = rig_read(&r, 0, 8192);
	peer_send(&r.peer[0], &read, NULL, 0);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_DATA_IN).h.data_len, 8192);
	h.request.cmdsn = r.cmdsn++;
	h.text_request.ttt = got.h.text_response.ttt;
	h.final = true;
	got = ask(&r, &h, NULL, 0);
	assert_true(got.h.final);
	read = rig_read(&r, 0, 2048);
	peer_send(&r.peer[0], &read, NULL, 0);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_DATA_IN).h.data_len, 1024);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_DATA_IN).h.data_len, 1024);
	rig_close(&r);
}

static void a_broken_negotiation_changes_nothing(void **state)
{
	struct rig r;
	struct iscsip_pdu h, read;
	struct peer_pdu got;
	static const char twice[] = "MaxRecvDataSegmentLength=1024\0MaxRecvDataSegmentLength=2048";
	static const char mixed[] = "MaxRecvDataSegmentLength=1024\0SendTargets=";
	static const char stage[] = "MaxRecvDataSegmentLength=1024\0HeaderDigest=None";
	static const char cut[] = "MaxRecvDataSegmentLength=1024\0InitiatorAlias=x";
	static const struct {
		const char *text;
		size_t len;
	} rows[] = { { twice, sizeof twice }, { mixed, sizeof mixed }, { stage, sizeof stage }, { cut, sizeof cut - 1 },
		     { "=x", 3 }, { "x", 2 } };

	(void)state;
	rig_init(&r);
	rig_open(&r, RIG_PAIRS("MaxRecvDataSegmentLength=8192"));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		h = text_of(&r);
		peer_send(&r.peer[0], &h, rows[i].text, rows[i].len);
		got = rig_expect(&r, ISCSIP_OP_REJECT);
		assert_int_equal(got.h.reject.reason, ISCSIP_REJECT_PROTOCOL);
		assert_int_equal(got.h.reject.expcmdsn, --r.cmdsn); /* not received (7.3) */
		read = rig_read(&r, 0, 8192);
		peer_send(&r.peer[0], &read, NULL, 0);
		assert_int_equal(rig_expect(&r, ISCSIP_OP_DATA_IN).h.data_len, 8192);
	}
	rig_close(&r);
}

static void unknown_keys_are_the_hosts_and_otherwise_not_understood(void **state)
{
	static const char asked[] = "X-org.test.echo=hello\0X-org.test.other=1\0InitiatorAlias=me";
	static const char answer[] = "X-org.test.echo=hello\0X-org.test.other=NotUnderstood";
	struct rig r;
	struct iscsip_pdu h;
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	rig_open(&r, "", 1);
	h = text_of(&r);
	got = ask(&r, &h, asked, sizeof asked);
	assert_int_equal(got.h.data_len, sizeof answer);
	assert_memory_equal(got.data, answer, sizeof answer);
	rig_close(&r);
}

static void a_request_may_be_cut_anywhere_and_go_on_in_the_next(void **state)
{
	static const char asked[] = "X-org.test.echo=hello\0X-org.test.other=1\0InitiatorAlias=me";
	static const char answer[] = "X-org.test.echo=hello\0X-org.test.other=NotUnderstood";
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_open(&r, "", 1);
	for (size_t cut = 0; cut <= sizeof asked; cut++) {
		struct iscsip_pdu h = text_of(&r);
		struct peer_pdu got;

		h.final = false;
		h.text_request.cont = true;
		got = ask(&r, &h, asked, cut);
		assert_int_equal(got.h.data_len, 0);
		assert_false(got.h.final);
		h.final = true;
		h.text_request.cont = false;
		h.request.cmdsn = r.cmdsn++;
		h.text_request.ttt = got.h.text_response.ttt;
		got = ask(&r, &h, asked + cut, sizeof asked - cut);
		assert_true(got.h.final);
		assert_int_equal(got.h.data_len, sizeof answer);
		assert_memory_equal(got.data, answer, sizeof answer);
	}
	rig_close(&r);
}

static void a_request_out_of_place_is_rejected_and_a_new_one_begins_anew(void **state)
{
	struct rig r;
	struct iscsip_pdu h, wrong;
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	r.target_count = 40;
	rig_open(&r, RIG_PAIRS(DISCOVERY "MaxRecvDataSegmentLength=512"));
	h = text_of(&r);
	got = ask(&r, &h, "SendTargets=All", 16);
	assert_false(got.h.final);
	assert_true(got.h.text_response.cont);
	/* another transfer tag, another task tag, none open */
	for (int i = 0; i < 2; i++) {
		wrong = text_of(&r);
		r.cmdsn--;
		wrong.itt = i ? h.itt + 100 : h.itt;
		wrong.text_request.ttt = got.h.text_response.ttt + (i ? 0 : 1);
		peer_send(&r.peer[0], &wrong, NULL, 0);
		assert_int_equal(rig_expect(&r, ISCSIP_OP_REJECT).h.reject.reason, ISCSIP_REJECT_FIELD);
	}
	/* data where only the rest of the answer may be asked for */
	wrong = text_of(&r);
	r.cmdsn--;
	wrong.itt = h.itt;
	wrong.text_request.ttt = got.h.text_response.ttt;
	peer_send(&r.peer[0], &wrong, "Unheard=of", 11);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_REJECT).h.reject.reason, ISCSIP_REJECT_PROTOCOL);
	/* the exchange was reset by that */
	peer_send(&r.peer[0], &wrong, NULL, 0);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_REJECT).h.reject.reason, ISCSIP_REJECT_FIELD);
	/* a new one, left in the middle for another new one */
	for (int i = 0; i < 2; i++) {
		h = text_of(&r);
		got = ask(&r, &h, "SendTargets=All", 16);
		assert_memory_equal(got.data, "TargetName=iqn.2001-04.test:disk.000000", 40);
	}
	rig_close(&r);
}

/* The same where the answer is one of negotiation: what comes with the request for its rest is no further key. */
static void the_rest_of_a_long_answer_is_asked_for_without_text(void **state)
{
	struct rig r;
	struct iscsip_pdu h;
	struct peer_pdu got;
	char text[1024];
	size_t len = 0;

	(void)state;
	for (int wrong = 0; wrong < 2; wrong++) {
		rig_init(&r);
		rig_open(&r, RIG_PAIRS("MaxRecvDataSegmentLength=512"));
		for (len = 0; len < 480;)
			len += (size_t)snprintf(text + len, sizeof text - len, "Unheard%u=of", (unsigned)len) + 1;
		h = text_of(&r);
		got = ask(&r, &h, text, len);
		assert_true(got.h.text_response.cont);
		assert_memory_equal(got.data, "Unheard0=NotUnderstood", 23);
		h.text_request.cmdsn = r.cmdsn++;
		h.text_request.ttt = got.h.text_response.ttt;
		peer_send(&r.peer[0], &h, "Another=one", wrong ? 12 : 0);
		if (wrong)
			assert_int_equal(rig_expect(&r, ISCSIP_OP_REJECT).h.reject.reason, ISCSIP_REJECT_PROTOCOL);
		else
			assert_true(rig_expect(&r, ISCSIP_OP_TEXT_RESPONSE).h.data_len > 0);
		rig_close(&r);
	}
}

static void two_requests_at_once_are_one_too_many(void **state)
{
	struct rig r;
	struct iscsip_pdu h, second;
	struct peer_pdu got;

	(void)state;
	rig_init(&r);
	rig_open(&r, "", 1);
	h = text_of(&r);
	second = text_of(&r);
	peer_send(&r.peer[0], &h, "SendTargets=", 13);
	peer_send(&r.peer[0], &second, "SendTargets=", 13);
	got = rig_expect(&r, ISCSIP_OP_REJECT);
	assert_int_equal(got.h.reject.reason, ISCSIP_REJECT_PROTOCOL);
	got = rig_expect(&r, ISCSIP_OP_TEXT_RESPONSE);
	assert_int_equal(got.h.itt, h.itt);
	rig_close(&r);
}

static void an_answer_too_long_for_the_buffer_is_refused_as_a_long_operation(void **state)
{
	char text[512];
	struct rig r;
	struct iscsip_pdu h;
	size_t n = 0;

	(void)state;
	rig_init(&r);
	r.cfg.limits.text_max = 64;
	rig_open(&r, "", 1);
	for (int i = 0; i < 8; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "X-org.test.%d=1", i) + 1;
	h = text_of(&r);
	peer_send(&r.peer[0], &h, text, n);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_REJECT).h.reject.reason, ISCSIP_REJECT_LONG_OP);
	rig_close(&r);
}

static void text_can_be_aborted_by_task_management(void **state)
{
	struct rig r;
	struct iscsip_pdu h, t;

	(void)state;
	rig_init(&r);
	rig_open(&r, "", 1);
	h = text_of(&r);
	peer_send(&r.peer[0], &h, "SendTargets=", 13);
	t = (struct iscsip_pdu){ .opcode = ISCSIP_OP_TASK_REQUEST, .immediate = true, .final = true, .itt = r.itt++ };
	t.task_request.function = ISCSIP_TMF_ABORT_TASK;
	t.task_request.cmdsn = r.cmdsn;
	t.task_request.ref_task_tag = h.itt;
	t.task_request.ref_cmdsn = h.request.cmdsn;
	peer_send(&r.peer[0], &t, NULL, 0);
	assert_int_equal(rig_expect(&r, ISCSIP_OP_TASK_RESPONSE).h.task_response.response, ISCSIP_TMF_COMPLETE);
	rig_quiet(&r);
	h = text_of(&r);
	(void)ask(&r, &h, "SendTargets=", 13);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ten_thousand_targets_pass_through_segments_of_512_bytes),
		cmocka_unit_test(the_list_is_the_same_at_every_size_of_response),
		cmocka_unit_test(no_targets_make_an_empty_answer),
		cmocka_unit_test(one_target_is_told_by_name_and_a_normal_session_hears_of_its_own_alone),
		cmocka_unit_test(a_new_segment_length_holds_from_the_end_of_the_exchange),
		cmocka_unit_test(a_broken_negotiation_changes_nothing),
		cmocka_unit_test(unknown_keys_are_the_hosts_and_otherwise_not_understood),
		cmocka_unit_test(a_request_may_be_cut_anywhere_and_go_on_in_the_next),
		cmocka_unit_test(a_request_out_of_place_is_rejected_and_a_new_one_begins_anew),
		cmocka_unit_test(the_rest_of_a_long_answer_is_asked_for_without_text),
		cmocka_unit_test(two_requests_at_once_are_one_too_many),
		cmocka_unit_test(an_answer_too_long_for_the_buffer_is_refused_as_a_long_operation),
		cmocka_unit_test(text_can_be_aborted_by_task_management),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
