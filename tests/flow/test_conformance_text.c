/* SPDX-License-Identifier: MIT */
/*
 * What RFC 7143 demands of text in full feature phase (6.2, 6.4, 13.22), in both roles. Each test is named in
 * docs/conformance.tsv.
 */
#include "flow/ini_rig.h"
#include "flow/target_rig.h"

#include <stdlib.h>

#include "text/text.h"

static struct ini_rig I;
static struct rig R;

/* A text request to the target, its only one. */
static struct iscsip_pdu ask(const char *text, size_t len)
{
	struct iscsip_pdu h = rig_request(&R, ISCSIP_OP_TEXT_REQUEST);

	h.text_request.ttt = ISCSIP_TAG_NONE;
	peer_send(&R.peer[0], &h, text, len);
	return h;
}

/* Keys that end with the login, by their RFC's "Use": LO, IO, or the security stage. */
static const char *const login_keys[] = {
	"AuthMethod=CHAP", "CHAP_A=5", "CHAP_I=1", "CHAP_C=0x00", "CHAP_N=me", "CHAP_R=0x00", "SRP_U=me", "TargetAuth=Yes",
	"SRP_GROUP=SRP-1536", "SRP_A=0x00", "SRP_M=0x00", "KRB_AP_REQ=0x00", "HeaderDigest=None", "DataDigest=None",
	"MaxConnections=1", "InitiatorName=iqn.2001-04.test:other", "InitialR2T=Yes", "ImmediateData=No", "MaxBurstLength=512",
	"FirstBurstLength=512", "DefaultTime2Wait=2", "DefaultTime2Retain=0", "MaxOutstandingR2T=1", "DataPDUInOrder=Yes",
	"DataSequenceInOrder=Yes", "ErrorRecoveryLevel=0", "SessionType=Normal", "TaskReporting=RFC3720", "iSCSIProtocolLevel=1",
	"X#NodeArchitecture=a", "TargetPortalGroupTag=1",
};

static void keys_of_the_login_are_refused_after_it(void **state)
{
	struct iscsip_params before;
	size_t i;

	(void)state;
	rig_init(&R);
	rig_open(&R, "", 1);
	it_begin(&I);
	before = *iscsip_session_params(R.s);
	for (i = 0; i < sizeof login_keys / sizeof *login_keys; i++) {
		struct peer_pdu got;

		(void)ask(login_keys[i], strlen(login_keys[i]) + 1);
		assert_true(peer_recv(&R.peer[0], &got));
		if (got.h.opcode != ISCSIP_OP_REJECT || got.h.reject.reason != ISCSIP_REJECT_PROTOCOL)
			fail_msg("%s was taken", login_keys[i]);
		assert_int_equal(got.h.reply.expcmdsn, --R.cmdsn);
		assert_int_equal(iscsip_initiator_text(I.c, login_keys[i], strlen(login_keys[i]) + 1, &I, I.now), ISCSIP_EINVAL);
	}
	assert_memory_equal(iscsip_session_params(R.s), &before, sizeof before);
	it_quiet(&I);
	rig_alive(&R);
	rig_close(&R);
	it_end(&I);
}

static void an_initiator_asks_for_targets_only_when_its_login_is_over(void **state)
{
	int discovery;

	(void)state;
	for (discovery = 0; discovery < 2; discovery++) {
		const char *text = discovery ? "SendTargets=All" : "SendTargets=";
		size_t len = strlen(text) + 1;

		it_init(&I);
		I.discovery = discovery;
		it_open(&I);
		assert_int_equal(iscsip_initiator_text(I.c, text, len, &I, I.now), ISCSIP_ESTATE);
		it_login(&I);
		assert_int_equal(iscsip_initiator_text(I.c, text, len, &I, I.now), ISCSIP_OK);
		it_take(&I, ISCSIP_OP_TEXT_REQUEST);
		assert_int_equal(I.got.h.data_len, len);
		assert_memory_equal(I.got.data, text, len);
		it_end(&I);
	}
}

/* Each pair of an answer has to be an answer: its key stood in the request. */
static void answers_only(const char *asked, size_t asked_len, const struct peer_pdu *got)
{
	const char *text = (const char *)got->data;
	size_t at, in, n;

	for (at = 0; at < got->h.data_len; at += strlen(text + at) + 1) {
		n = strcspn(text + at, "=") + 1;
		for (in = 0; in < asked_len; in += strlen(asked + in) + 1)
			if (strncmp(asked + in, text + at, n) == 0)
				break;
		if (in >= asked_len)
			fail_msg("%s was not asked", text + at);
	}
}

static void an_answer_to_a_final_request_is_final_has_no_tag_and_proposes_nothing(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} cases[] = { { "", 0 }, { "MaxRecvDataSegmentLength=4096", 30 }, { "InitiatorAlias=me", 18 },
		      { "X-org.test.echo=1\0X-org.test.other=2", 37 },
		      { "InitiatorAlias=you\0MaxRecvDataSegmentLength=8192\0X-org.test.none=1", 67 } };
	struct peer_pdu got;
	struct iscsip_pdu h;
	size_t i;

	(void)state;
	rig_init(&R);
	/* a target that would have much to negotiate, had the login not ended */
	R.offer.max_recv_data_segment_length = 4096;
	rig_open(&R, "", 1);
	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		h = ask(cases[i].text, cases[i].len);
		got = rig_expect(&R, ISCSIP_OP_TEXT_RESPONSE);
		assert_int_equal(got.h.itt, h.itt);
		assert_true(got.h.final);
		assert_false(got.h.text_response.cont);
		assert_int_equal(got.h.text_response.ttt, ISCSIP_TAG_NONE);
		answers_only(cases[i].text, cases[i].len, &got);
		rig_quiet(&R);
	}
	/* F=0 in the request: F=0 and a tag in the response, until the initiator has enough */
	h = rig_request(&R, ISCSIP_OP_TEXT_REQUEST);
	h.text_request.ttt = ISCSIP_TAG_NONE;
	h.final = false;
	for (i = 0; i < 5; i++) {
		peer_send(&R.peer[0], &h, NULL, 0);
		got = rig_expect(&R, ISCSIP_OP_TEXT_RESPONSE);
		assert_int_equal(got.h.final, h.final);
		assert_int_equal(got.h.text_response.ttt == ISCSIP_TAG_NONE, h.final);
		h.text_request.ttt = got.h.text_response.ttt;
		h.request.cmdsn = R.cmdsn++;
		h.final = i == 3;
	}
	R.cmdsn--;
	rig_alive(&R);
	rig_close(&R);
}

static void eight_kib_of_keys_are_taken_in_full_feature_phase(void **state)
{
	static char text[9000], answer[9000];
	struct peer_pdu got;
	size_t at = 0, want = 0;
	int n;

	(void)state;
	for (n = 0; n < 16; n++) {
		at += (size_t)snprintf(text + at, 40, "X-org.test.key%02d=", n);
		memset(text + at, 'v', 512 - 17);
		at += 512 - 17;
		text[at - 1] = 0;
		want += (size_t)snprintf(answer + want, 60, "X-org.test.key%02d=NotUnderstood", n) + 1;
	}
	assert_int_equal(at, 8192);
	rig_init(&R);
	rig_open(&R, "", 1);
	(void)ask(text, at);
	got = rig_expect(&R, ISCSIP_OP_TEXT_RESPONSE);
	assert_int_equal(got.h.data_len, want);
	assert_memory_equal(got.data, answer, want);
	rig_close(&R);
	/* and by the initiator, of a target that knows nothing */
	it_begin(&I);
	assert_int_equal(iscsip_initiator_text(I.c, text, at, &I, I.now), ISCSIP_OK);
	it_take(&I, ISCSIP_OP_TEXT_REQUEST);
	assert_int_equal(I.got.h.data_len, 8192);
	{
		struct iscsip_pdu p = it_pdu(ISCSIP_OP_TEXT_RESPONSE, I.got.h.itt);

		p.text_response.ttt = ISCSIP_TAG_NONE;
		it_give(&I, &p, text, (uint32_t)at);
	}
	assert_int_equal(I.text_ends, 1);
	assert_int_equal(I.text_err, ISCSIP_OK);
	assert_int_equal(I.text_pairs, 16);
	it_end(&I);
}

static void reject(const struct iscsip_pdu *bad)
{
	struct iscsip_pdu p = it_pdu(ISCSIP_OP_REJECT, ISCSIP_TAG_NONE);
	uint8_t bhs[ISCSIP_BHS_LEN];

	p.reject.reason = ISCSIP_REJECT_PROTOCOL;
	assert_int_equal(iscsip_pdu_encode(bhs, bad), ISCSIP_OK);
	it_give(&I, &p, bhs, sizeof bhs);
}

static void after_a_reject_the_initiator_begins_anew_and_nothing_was_agreed(void **state)
{
	static uint8_t in[4096];
	static char text[1200];
	struct iscsip_pdu p, bad;
	struct it_task k;
	uint32_t itt;

	(void)state;
	memset(text, 'x', sizeof text);
	memcpy(text, "MaxRecvDataSegmentLength=512", 29);
	memcpy(text + 29, "X-org.test.a=", 13);
	text[sizeof text - 1] = 0;
	it_init(&I);
	I.offer.max_recv_data_segment_length = 4096;
	I.target_offer.max_recv_data_segment_length = 512;
	it_open(&I);
	it_login(&I);
	assert_int_equal(iscsip_initiator_text(I.c, text, sizeof text, &I, I.now), ISCSIP_OK);
	it_take(&I, ISCSIP_OP_TEXT_REQUEST);
	assert_false(I.got.h.final);
	itt = I.got.h.itt;
	p = it_pdu(ISCSIP_OP_TEXT_RESPONSE, itt);
	p.final = false;
	p.text_response.ttt = 77;
	it_give(&I, &p, NULL, 0);
	it_take(&I, ISCSIP_OP_TEXT_REQUEST);
	assert_int_equal(I.got.h.text_request.ttt, 77);
	bad = I.got.h;
	reject(&bad);
	assert_int_equal(I.text_ends, 1);
	assert_int_equal(I.text_err, ISCSIP_EPROTO);
	it_quiet(&I);
	/* data of the old length still comes, so it is still taken */
	it_read(&k, in, sizeof in);
	it_submit(&I, &k);
	it_take(&I, ISCSIP_OP_SCSI_COMMAND);
	p = it_pdu_data_in(I.got.h.itt, 0, 0, true);
	p.data_in.has_status = true;
	it_give(&I, &p, in, sizeof in);
	assert_true(it_is_done(&I, &k));
	assert_int_equal(k.t.result.err, ISCSIP_OK);
	/* a new exchange: another task tag, no transfer tag, its own text from the beginning */
	assert_int_equal(iscsip_initiator_text(I.c, "X-org.test.b=1", 15, &I, I.now), ISCSIP_OK);
	it_take(&I, ISCSIP_OP_TEXT_REQUEST);
	assert_int_not_equal(I.got.h.itt, itt);
	assert_int_equal(I.got.h.text_request.ttt, ISCSIP_TAG_NONE);
	assert_int_equal(I.got.h.data_len, 15);
	assert_memory_equal(I.got.data, "X-org.test.b=1", 15);
	it_end(&I);
}

static void keys_of_vendors_are_labels_and_belong_to_normal_sessions(void **state)
{
	static const char *const bad[] = { "X-org test=1", "X-org#test=1", "x-org.test=1", "9key=1", "X-org,test=1" };
	char longest[80];
	struct peer_pdu got;
	size_t i;
	int discovery;

	(void)state;
	for (discovery = 0; discovery < 2; discovery++) {
		it_init(&I);
		I.discovery = discovery;
		it_open(&I);
		it_login(&I);
		for (i = 0; i < sizeof bad / sizeof *bad; i++)
			if (iscsip_initiator_text(I.c, bad[i], strlen(bad[i]) + 1, &I, I.now) != ISCSIP_EINVAL)
				fail_msg("%s was taken", bad[i]);
		memset(longest, 'K', sizeof longest);
		memcpy(longest + 64, "=1", 3);
		assert_int_equal(iscsip_initiator_text(I.c, longest, 67, &I, I.now), ISCSIP_EINVAL);
		it_quiet(&I);
		assert_int_equal(iscsip_initiator_text(I.c, "X-org.test=1", 13, &I, I.now), discovery ? ISCSIP_EINVAL : ISCSIP_OK);
		it_end(&I);
		/* a target whose host knows the key answers it in a normal session alone */
		rig_init(&R);
		if (discovery)
			rig_open(&R, RIG_PAIRS("SessionType=Discovery"));
		else
			rig_open(&R, "", 1);
		(void)ask("X-org.test.echo=1", 18);
		got = rig_expect(&R, ISCSIP_OP_TEXT_RESPONSE);
		assert_string_equal((const char *)got.data, discovery ? "X-org.test.echo=NotUnderstood" : "X-org.test.echo=1");
		rig_close(&R);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_of_the_login_are_refused_after_it),
		cmocka_unit_test(an_initiator_asks_for_targets_only_when_its_login_is_over),
		cmocka_unit_test(an_answer_to_a_final_request_is_final_has_no_tag_and_proposes_nothing),
		cmocka_unit_test(eight_kib_of_keys_are_taken_in_full_feature_phase),
		cmocka_unit_test(after_a_reject_the_initiator_begins_anew_and_nothing_was_agreed),
		cmocka_unit_test(keys_of_vendors_are_labels_and_belong_to_normal_sessions),
	};

	return cmocka_run_group_tests_name("conformance: text", tests, NULL, NULL);
}
