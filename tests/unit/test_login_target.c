/* SPDX-License-Identifier: MIT */
/*
 * A target's login against initiators that break rules: RFC 7143 6.3, 11.12, 11.13.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hash/hash.h"
#include "login_kit.h"

#define OK ISCSIP_LOGIN_SUCCESS
#define BAD ISCSIP_LOGIN_INITIATOR_ERROR
#define AUTH ISCSIP_LOGIN_AUTHENTICATION_FAILED
#define MISSING ISCSIP_LOGIN_MISSING_PARAMETER

struct script {
	struct kit *k;
	struct kit_pdu *answer;
};

static struct script open_script(void)
{
	struct script s = { kit_new(), malloc(sizeof(struct kit_pdu)) };

	kit_open_target(s.k);
	return s;
}

static void close_script(struct script s)
{
	free(s.answer);
	kit_free(s.k);
}

#define REQUEST(s, csg, nsg, text) kit_request((s).k, csg, nsg, false, KIT_TEXT(text), (s).answer)
#define REQUEST_C(s, csg, text) kit_request((s).k, csg, -1, true, KIT_TEXT(text), (s).answer)

/* The status that one first request gets; a refusal must leave the login over. */
static uint16_t first(uint8_t csg, int nsg, bool cont, const char *text, size_t len)
{
	struct script s = open_script();
	uint16_t status = kit_request(s.k, csg, nsg, cont, text, len, s.answer);

	if (status) {
		assert_int_equal(iscsip__login_want(s.k->t.l), LOGIN_FAILED);
		assert_int_not_equal(iscsip__login_error(s.k->t.l), 0);
		assert_true(iscsip__login_reason(s.k->t.l)[0] != 0);
		assert_false(s.answer->pdu.login_response.transit);
		assert_int_equal(s.answer->pdu.login_response.csg, 0);
		assert_int_equal(s.answer->pdu.login_response.tsih, 0);
	}
	close_script(s);
	return status;
}

#define FIRST(csg, nsg, text) first(csg, nsg, false, KIT_TEXT(text))

static void the_stages_go_forward_by_the_table_alone(void **state)
{
	int csg, nsg;

	(void)state;
	for (csg = 0; csg < 4; csg++)
		for (nsg = -1; nsg < 4; nsg++) {
			bool legal = csg < 2 && (nsg < 0 || (nsg != 2 && nsg > csg));

			assert_int_equal(first((uint8_t)csg, nsg, false, KIT_TEXT(KIT_NAMES)), legal ? OK : BAD);
		}
	/* T with C */
	assert_int_equal(first(1, 3, true, KIT_TEXT(KIT_NAMES)), BAD);
	assert_int_equal(first(1, -1, true, KIT_TEXT(KIT_NAMES)), OK);
}

static void a_request_belongs_to_the_current_stage(void **state)
{
	struct script s = open_script();

	(void)state;
	/* backwards */
	assert_int_equal(REQUEST(s, 1, -1, KIT_NAMES), OK);
	assert_int_equal(REQUEST(s, 0, 1, ""), BAD);
	close_script(s);
	s = open_script();
	assert_int_equal(REQUEST(s, 0, 1, KIT_NAMES), OK);
	assert_true(s.answer->pdu.login_response.transit);
	assert_int_equal(s.answer->pdu.login_response.nsg, 1);
	assert_int_equal(REQUEST(s, 0, 3, ""), BAD);
	close_script(s);
	/* forwards without a transition */
	s = open_script();
	assert_int_equal(REQUEST(s, 0, -1, KIT_NAMES), OK);
	assert_int_equal(REQUEST(s, 1, 3, ""), BAD);
	close_script(s);
	/* from security straight to full feature phase, with all defaults */
	s = open_script();
	assert_int_equal(REQUEST(s, 0, 3, KIT_NAMES), OK);
	assert_int_equal(s.answer->pdu.login_response.nsg, 3);
	assert_int_equal(iscsip__login_want(s.k->t.l), LOGIN_DONE);
	assert_int_equal(iscsip__login_params(s.k->t.l)->max_recv_data_segment_length, 8192);
	close_script(s);
}

static void a_target_with_needs_goes_through_the_operational_stage(void **state)
{
	struct script s = open_script();

	(void)state;
	iscsip_offer_set(&s.k->t.host.offer, "HeaderDigest", "CRC32C");
	assert_int_equal(REQUEST(s, 0, 3, KIT_NAMES), OK);
	assert_true(s.answer->pdu.login_response.transit);
	assert_int_equal(s.answer->pdu.login_response.nsg, 1);
	assert_int_equal(REQUEST(s, 1, 3, ""), OK);
	assert_false(s.answer->pdu.login_response.transit);
	assert_true(kit_has(s.answer, "HeaderDigest=CRC32C"));
	assert_true(kit_has(s.answer, "MaxRecvDataSegmentLength=262144"));
	/* a proposal has to be answered */
	assert_int_equal(REQUEST(s, 1, 3, ""), BAD);
	close_script(s);
	s = open_script();
	iscsip_offer_set(&s.k->t.host.offer, "HeaderDigest", "CRC32C");
	assert_int_equal(REQUEST(s, 1, 3, KIT_NAMES), OK);
	assert_int_equal(REQUEST(s, 1, 3, "HeaderDigest=CRC32C\0"), OK);
	assert_int_equal(iscsip__login_want(s.k->t.l), LOGIN_DONE);
	assert_int_equal(iscsip__login_params(s.k->t.l)->header_digest, ISCSIP_DIGEST_CRC32C);
	close_script(s);
	s = open_script();
	iscsip_offer_set(&s.k->t.host.offer, "HeaderDigest", "CRC32C");
	assert_int_equal(REQUEST(s, 1, 3, KIT_NAMES), OK);
	assert_int_equal(REQUEST(s, 1, 3, "HeaderDigest=Reject\0"), BAD);
	close_script(s);
}

static void versions_other_than_0_are_refused_with_the_one_there_is(void **state)
{
	int min, max;

	(void)state;
	for (min = 0; min < 256; min += min < 3 ? 1 : 12)
		for (max = 0; max < 256; max += 51) {
			struct script s = open_script();
			struct kit_pdu *p = calloc(1, sizeof *p);

			p->pdu.opcode = ISCSIP_OP_LOGIN_REQUEST;
			p->pdu.login_request.csg = 1;
			p->pdu.login_request.version_min = (uint8_t)min;
			p->pdu.login_request.version_max = (uint8_t)max;
			p->len = sizeof(KIT_NAMES) - 1;
			p->pdu.data_len = (uint32_t)p->len;
			memcpy(p->text, KIT_NAMES, p->len);
			kit_give(s.k, &s.k->t, p);
			kit_take(s.k, &s.k->t, s.answer);
			assert_int_equal(s.answer->pdu.login_response.status_class, min ? 2 : 0);
			assert_int_equal(s.answer->pdu.login_response.status_detail, min ? 5 : 0);
			assert_int_equal(s.answer->pdu.login_response.version_active, 0);
			assert_int_equal(s.answer->pdu.login_response.version_max, 0);
			free(p);
			close_script(s);
		}
}

static void identity_stays_the_same_throughout(void **state)
{
	int n;

	(void)state;
	for (n = 0; n < 6; n++) {
		struct script s = open_script();
		uint32_t before = s.k->i.who.cmdsn;

		assert_int_equal(REQUEST(s, 1, -1, KIT_NAMES), OK);
		if (n == 0)
			s.k->i.who.isid[5]++;
		if (n == 1)
			s.k->i.who.tsih = 5;
		if (n == 2)
			s.k->i.who.cid++;
		if (n == 3)
			s.k->i.who.itt++;
		if (n == 4) /* numbers begin with the first request's, whatever the others say (RFC 7143 11.12.8) */
			s.k->i.who.cmdsn++;
		assert_int_equal(REQUEST(s, 1, -1, ""), n < 4 ? BAD : OK);
		assert_int_equal(iscsip__login_info(s.k->t.l)->cmdsn, before);
		close_script(s);
	}
}

static void the_first_text_names_who_and_where(void **state)
{
	(void)state;
	assert_int_equal(FIRST(1, 3, ""), MISSING);
	assert_int_equal(FIRST(1, 3, "TargetName=" KIT_TARGET_NAME "\0"), MISSING);
	assert_int_equal(FIRST(1, 3, "InitiatorName=" KIT_INITIATOR_NAME "\0"), MISSING);
	assert_int_equal(FIRST(1, 3, "InitiatorName=" KIT_INITIATOR_NAME "\0SessionType=Discovery\0"), OK);
	assert_int_equal(FIRST(1, 3, "InitiatorName=" KIT_INITIATOR_NAME "\0SessionType=Normal\0"), MISSING);
	assert_int_equal(FIRST(1, 3, "SessionType=Discovery\0"), MISSING);
	assert_int_equal(FIRST(1, 3, "InitiatorName=\0TargetName=" KIT_TARGET_NAME "\0"), BAD);
	assert_int_equal(FIRST(1, 3, "InitiatorName=me\0TargetName=" KIT_TARGET_NAME "\0"), BAD);
	assert_int_equal(FIRST(1, 3, "InitiatorName=" KIT_INITIATOR_NAME "\0TargetName=disk\0"), ISCSIP_LOGIN_NOT_FOUND);
	assert_int_equal(FIRST(1, 3, "InitiatorName=" KIT_INITIATOR_NAME "\0TargetName=iqn.2001-04.com.example:a\nb\0"),
			ISCSIP_LOGIN_NOT_FOUND);
	assert_int_equal(FIRST(1, 3, "InitiatorName=" KIT_INITIATOR_NAME "\0TargetName=iqn.2001-04.com.example:%n%s\0"),
			ISCSIP_LOGIN_NOT_FOUND);
	assert_int_equal(FIRST(1, 3, KIT_NAMES "SessionType=Other\0"), BAD);
	assert_int_equal(FIRST(1, 3, "InitiatorName=" KIT_INITIATOR_NAME "\0SessionType=Other\0"),
			ISCSIP_LOGIN_SESSION_TYPE_UNSUPPORTED);
}

static void names_are_declared_once_and_at_the_begin(void **state)
{
	static const char *late[] = { "InitiatorName=" KIT_INITIATOR_NAME, "TargetName=" KIT_TARGET_NAME,
			"SessionType=Normal", "SessionType=Discovery" };
	size_t n;

	(void)state;
	assert_int_equal(FIRST(1, 3, KIT_NAMES "InitiatorName=" KIT_INITIATOR_NAME "\0"), BAD);
	assert_int_equal(FIRST(1, 3, KIT_NAMES "TargetName=" KIT_TARGET_NAME "\0"), BAD);
	assert_int_equal(FIRST(1, 3, "TargetName=bad\0" KIT_NAMES), BAD);
	for (n = 0; n < 4; n++) {
		struct script s = open_script();

		assert_int_equal(REQUEST(s, 1, -1,
				"InitiatorName=" KIT_INITIATOR_NAME "\0TargetName=" KIT_TARGET_NAME "\0"), OK);
		assert_int_equal(kit_request(s.k, 1, -1, false, late[n], strlen(late[n]) + 1, s.answer), BAD);
		close_script(s);
	}
}

static void names_are_kept_in_normal_form(void **state)
{
	struct script s = open_script();

	(void)state;
	assert_int_equal(REQUEST(s, 1, 3,
			"InitiatorName=IQN.2001-04.COM.EXAMPLE:HOST\0TargetName=eui.02004567A425678D\0InitiatorAlias=\xff\xfe\0"), OK);
	assert_string_equal(iscsip__login_info(s.k->t.l)->initiator_name, KIT_INITIATOR_NAME);
	assert_string_equal(iscsip__login_info(s.k->t.l)->target_name, "eui.02004567a425678d");
	/* an alias that is no UTF-8 is worth nothing, but no reason to refuse */
	assert_string_equal(iscsip__login_info(s.k->t.l)->peer_alias, "");
	close_script(s);
}

static void the_portal_group_tag_comes_with_the_first_complete_text(void **state)
{
	struct script s = open_script();

	(void)state;
	assert_int_equal(REQUEST_C(s, 0, "InitiatorName=" KIT_INITIATOR_NAME "\0Tar"), OK);
	assert_int_equal(s.answer->len, 0);
	assert_int_equal(s.k->t.host.asked_access, 0);
	assert_int_equal(REQUEST(s, 0, -1, "getName=" KIT_TARGET_NAME "\0"), OK);
	assert_true(kit_has(s.answer, "TargetPortalGroupTag=23"));
	assert_int_equal(REQUEST(s, 0, 1, ""), OK);
	assert_int_equal(s.answer->len, 0);
	close_script(s);
	s = open_script();
	assert_int_equal(REQUEST(s, 1, 3, "InitiatorName=" KIT_INITIATOR_NAME "\0SessionType=Discovery\0"), OK);
	assert_true(kit_has(s.answer, "TargetPortalGroupTag=23"));
	close_script(s);
}

static void malformed_text_is_an_initiator_error(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} bad[] = { { KIT_TEXT(KIT_NAMES "NoEquals\0") }, { KIT_TEXT(KIT_NAMES "=x\0") }, { KIT_TEXT(KIT_NAMES "\0") },
		    { KIT_TEXT(KIT_NAMES "Key=no end") }, { KIT_TEXT("\0") }, { KIT_TEXT(KIT_NAMES "K\ney=1\0") },
		    { KIT_TEXT(KIT_NAMES "KKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKK=1\0") },
		    { KIT_TEXT(KIT_NAMES "MaxBurstLength=1024\0MaxBurstLength=1024\0") },
				{ KIT_TEXT(KIT_NAMES "TargetAlias=x\0") },
		    { KIT_TEXT(KIT_NAMES "TargetAddress=10.0.0.1\0") }, { KIT_TEXT(KIT_NAMES "TargetPortalGroupTag=1\0") },
		    { KIT_TEXT(KIT_NAMES "AuthMethod=None\0") }, { KIT_TEXT(KIT_NAMES "CHAP_R=0x00\0") },
				{ KIT_TEXT(KIT_NAMES "SendTargets=All\0") },
		    { KIT_TEXT(KIT_NAMES "MaxRecvDataSegmentLength=511\0") },
				{ KIT_TEXT(KIT_NAMES "MaxRecvDataSegmentLength=16777216\0") },
		    { KIT_TEXT(KIT_NAMES "MaxRecvDataSegmentLength=0b8192\0") },
				{ KIT_TEXT(KIT_NAMES "InitialR2T=NotUnderstood\0") },
		    { KIT_TEXT(KIT_NAMES "X-com.example=Reject\0") } };
	size_t n;

	(void)state;
	for (n = 0; n < sizeof bad / sizeof bad[0]; n++)
		if (first(1, 3, false, bad[n].text, bad[n].len) != BAD)
			fail_msg("case %u was taken", (unsigned)n);
	/* an operational key in the security stage */
	assert_int_equal(FIRST(0, 1, KIT_NAMES "MaxBurstLength=1024\0"), BAD);
	/* a value too long for its key; an unknown key may have one */
	{
		char *text = malloc(9000);
		size_t at = sizeof(KIT_NAMES) - 1, len;

		for (len = 2049; len < 2053; len++) {
			memcpy(text, KIT_NAMES, at);
			memcpy(text + at, "InitiatorAlias=", 15);
			memset(text + at + 15, 'a', len);
			text[at + 15 + len] = 0;
			assert_int_equal(first(1, 3, false, text, at + 16 + len), len > 2050 ? BAD : OK);
		}
		memcpy(text, KIT_NAMES, at);
		memcpy(text + at, "X-com.example.x=", 16);
		memset(text + at + 16, 'a', 7800);
		text[at + 16 + 7800] = 0;
		assert_int_equal(first(1, 3, false, text, at + 17 + 7800), OK);
		free(text);
	}
}

static void stray_nuls_are_skipped_where_the_host_is_lenient(void **state)
{
	struct script s = open_script();

	(void)state;
	s.k->t.setup.flags = LOGIN_SKIP_NULS;
	kit_open_target(s.k);
	assert_int_equal(REQUEST(s, 1, 3, KIT_NAMES "\0\0\0"), OK);
	close_script(s);
	s = open_script();
	s.k->t.setup.flags = LOGIN_ANY_NAME;
	kit_open_target(s.k);
	assert_int_equal(REQUEST(s, 1, 3, "InitiatorName=My_Host\0TargetName=iqn.2001-04.com.example:my_disk\0"), OK);
	assert_string_equal(iscsip__login_info(s.k->t.l)->initiator_name, "my_host");
	close_script(s);
	s = open_script();
	s.k->t.setup.flags = LOGIN_ANY_NAME;
	kit_open_target(s.k);
	assert_int_equal(REQUEST(s, 1, 3, "InitiatorName=my host\0TargetName=iqn.2001-04.com.example:disk\0"), BAD);
	close_script(s);
}

static void a_key_split_anywhere_by_the_c_bit_is_joined(void **state)
{
	static const char text[] = KIT_NAMES "MaxBurstLength=65536\0X-a=b\0";
	size_t cut;

	(void)state;
	for (cut = 0; cut < sizeof text; cut++) {
		struct script s = open_script();

		assert_int_equal(kit_request(s.k, 1, -1, true, text, cut, s.answer), OK);
		assert_int_equal(s.answer->len, 0);
		assert_false(s.answer->pdu.login_response.cont);
		assert_int_equal(kit_request(s.k, 1, 3, false, text + cut, sizeof text - 1 - cut, s.answer), OK);
		assert_true(kit_has(s.answer, "MaxBurstLength=65536"));
		assert_true(kit_has(s.answer, "X-a=NotUnderstood"));
		assert_int_equal(iscsip__login_want(s.k->t.l), LOGIN_DONE);
		close_script(s);
	}
}

static void text_without_end_is_bounded(void **state)
{
	struct script s = open_script();
	uint16_t status = OK;
	char text[1000];
	int n;

	(void)state;
	/* PDUs that say nothing */
	assert_int_equal(REQUEST(s, 1, -1, KIT_NAMES), OK);
	for (n = 0; n < 200 && status == OK; n++)
		status = REQUEST(s, 1, -1, "");
	assert_int_equal(n, 64);
	assert_int_equal(status, BAD);
	close_script(s);
	/* a value that never ends */
	s = open_script();
	s.k->t.limits.max_pdus = 4000;
	kit_open_target(s.k);
	memset(text, 'x', sizeof text);
	status = kit_request(s.k, 1, -1, true, KIT_TEXT(KIT_NAMES "X-y="), s.answer);
	for (n = 0; n < 200 && status == OK; n++)
		status = kit_request(s.k, 1, -1, true, text, sizeof text, s.answer);
	assert_int_equal(n, 66);
	assert_int_equal(status, ISCSIP_LOGIN_OUT_OF_RESOURCES);
	close_script(s);
	/* answers that do not fit */
	s = open_script();
	s.k->t.limits.max_pdus = 4000;
	kit_open_target(s.k);
	status = kit_request(s.k, 1, -1, true, KIT_TEXT(KIT_NAMES), s.answer);
	for (n = 0; n < 1000 && status == OK; n++)
		status = kit_request(s.k, 1, -1, true, KIT_TEXT("Unknown=1\0"), s.answer);
	assert_int_equal(status, ISCSIP_LOGIN_OUT_OF_RESOURCES);
	assert_in_range(n, 150, 200);
	close_script(s);
}

/* Keys in the order and with the values that these initiators are known to send. */
static void logins_as_deployed_initiators_send_them_end_without_a_further_round(void **state)
{
	static const struct {
		const char *who;
		const char *security; /* NULL: it begins in the operational stage */
		size_t security_len;
		const char *keys;
		size_t len;
		const char *answers[4];
	} rows[] = {
		{ "Windows", KIT_TEXT(KIT_NAMES "AuthMethod=None\0"),
		  KIT_TEXT("HeaderDigest=None,CRC32C\0DataDigest=None,CRC32C\0ErrorRecoveryLevel=2\0InitialR2T=No\0ImmediateData=Yes\0"
			   "MaxRecvDataSegmentLength=65536\0MaxBurstLength=262144\0FirstBurstLength=65536\0MaxConnections=8\0"
			   "MaxOutstandingR2T=16\0DataPDUInOrder=Yes\0DataSequenceInOrder=Yes\0DefaultTime2Wait=0\0"
			   "DefaultTime2Retain=60\0IFMarker=No\0OFMarker=No\0"),
		  { "ErrorRecoveryLevel=0", "MaxConnections=1", "IFMarker=Reject", "DefaultTime2Wait=2" } },
		{ "ESXi", NULL, 0,
		  KIT_TEXT(KIT_NAMES "HeaderDigest=None\0DataDigest=None\0DefaultTime2Wait=0\0DefaultTime2Retain=0\0"
			   "IFMarker=No\0OFMarker=No\0ErrorRecoveryLevel=0\0InitialR2T=No\0ImmediateData=Yes\0"
			   "MaxBurstLength=262144\0FirstBurstLength=262144\0"
			   "MaxOutstandingR2T=1\0MaxConnections=1\0DataPDUInOrder=Yes\0DataSequenceInOrder=Yes\0"
			   "MaxRecvDataSegmentLength=131072\0"),
		  { "FirstBurstLength=262144", "InitialR2T=No", "MaxOutstandingR2T=1", "OFMarker=Reject" } },
		{ "VirtualBox", NULL, 0,
		  KIT_TEXT(KIT_NAMES "HeaderDigest=None\0DataDigest=None\0MaxConnections=1\0InitialR2T=No\0ImmediateData=Yes\0"
			   "MaxRecvDataSegmentLength=262144\0MaxBurstLength=262144\0FirstBurstLength=262144\0DefaultTime2Wait=0\0"
			   "DefaultTime2Retain=60\0DataPDUInOrder=Yes\0DataSequenceInOrder=Yes\0ErrorRecoveryLevel=0\0MaxOutstandingR2T=1\0"),
		  { "HeaderDigest=None", "ImmediateData=Yes", "DataPDUInOrder=Yes", "MaxBurstLength=262144" } },
		{ "iPXE", KIT_TEXT(KIT_NAMES "AuthMethod=CHAP,None\0"),
		  KIT_TEXT("HeaderDigest=None\0DataDigest=None\0MaxConnections=1\0InitialR2T=Yes\0ImmediateData=No\0"
			   "MaxRecvDataSegmentLength=8192\0MaxBurstLength=262144\0FirstBurstLength=65536\0DefaultTime2Wait=0\0"
			   "DefaultTime2Retain=0\0MaxOutstandingR2T=1\0DataPDUInOrder=Yes\0DataSequenceInOrder=Yes\0ErrorRecoveryLevel=0\0"),
		  { "InitialR2T=Yes", "ImmediateData=No", "FirstBurstLength=Irrelevant", "MaxOutstandingR2T=1" } },
	};
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct script s = open_script();

		if (rows[i].security) {
			assert_int_equal(kit_request(s.k, 0, 1, false, rows[i].security, rows[i].security_len, s.answer), OK);
			assert_true(kit_has(s.answer, "AuthMethod=None"));
			assert_int_equal(s.answer->pdu.login_response.nsg, 1);
		}
		assert_int_equal(kit_request(s.k, 1, 3, false, rows[i].keys, rows[i].len, s.answer), OK);
		if (iscsip__login_want(s.k->t.l) != LOGIN_DONE)
			fail_msg("%s would have to go on", rows[i].who);
		for (j = 0; j < 4; j++)
			if (!kit_has(s.answer, rows[i].answers[j]))
				fail_msg("%s does not get %s", rows[i].who, rows[i].answers[j]);
		close_script(s);
	}
}

static void eight_kib_of_keys_are_taken(void **state)
{
	struct script s = open_script();
	char *text = malloc(9000);
	size_t at = sizeof(KIT_NAMES) - 1;
	int n = 0;

	(void)state;
	memcpy(text, KIT_NAMES, at);
	while (at + 250 < 8192) {
		memcpy(text + at, "X-com.example.key-", 18);
		text[at + 18] = (char)('A' + n / 10);
		text[at + 19] = (char)('0' + n++ % 10);
		text[at + 20] = '=';
		memset(text + at + 21, 'v', 224);
		text[at + 245] = 0;
		at += 246;
	}
	assert_int_equal(n, 32);
	assert_int_equal(kit_request(s.k, 1, 3, false, text, at, s.answer), OK);
	assert_true(kit_has(s.answer, "X-com.example.key-A0=NotUnderstood"));
	assert_true(kit_has(s.answer, "X-com.example.key-D1=NotUnderstood"));
	free(text);
	close_script(s);
}

static void text_in_answer_to_text_that_goes_on_is_refused(void **state)
{
	struct script s = open_script();

	(void)state;
	s.k->t.limits.send_max = 40;
	kit_open_target(s.k);
	assert_int_equal(REQUEST(s, 1, 3, KIT_NAMES "X-aaaaaaaaaaaaaaaaaa=b\0"), OK);
	assert_true(s.answer->pdu.login_response.cont);
	assert_false(s.answer->pdu.login_response.transit);
	assert_int_equal(REQUEST(s, 1, 3, "X-c=d\0"), BAD);
	close_script(s);
	/* an initiator that wants no T while it waits gets none with the last piece */
	s = open_script();
	s.k->t.limits.send_max = 40;
	kit_open_target(s.k);
	assert_int_equal(REQUEST(s, 1, 3, KIT_NAMES), OK);
	assert_true(s.answer->pdu.login_response.cont);
	assert_int_equal(REQUEST(s, 1, -1, ""), OK);
	while (s.answer->pdu.login_response.cont)
		assert_int_equal(REQUEST(s, 1, -1, ""), OK);
	assert_false(s.answer->pdu.login_response.transit);
	assert_int_equal(s.k->t.host.asked_session, 0);
	assert_int_equal(REQUEST(s, 1, 3, ""), OK);
	assert_int_equal(iscsip__login_want(s.k->t.l), LOGIN_DONE);
	close_script(s);
}

/* ---------------------------------------------------------------------------------------- security */

static struct script open_chap_of(const char *algorithms)
{
	struct script s = { kit_new(), malloc(sizeof(struct kit_pdu)) };

	kit_chap(s.k, true);
	if (algorithms)
		assert_int_equal(iscsip_offer_set(&s.k->t.host.offer, "CHAP_A", algorithms), ISCSIP_OK);
	kit_open_target(s.k);
	return s;
}

static struct script open_chap(void)
{
	return open_chap_of(NULL);
}

/* Up to the target's challenge. */
static struct script chap_challenged(void)
{
	struct script s = open_chap();

	assert_int_equal(REQUEST(s, 0, -1, KIT_NAMES "AuthMethod=CHAP,None\0"), OK);
	assert_true(kit_has(s.answer, "AuthMethod=CHAP"));
	assert_int_equal(REQUEST(s, 0, -1, "CHAP_A=7,5\0"), OK);
	assert_true(kit_has(s.answer, "CHAP_A=7"));
	assert_non_null(kit_value(s.answer, "CHAP_I"));
	assert_int_equal(strlen(kit_value(s.answer, "CHAP_C")), 2 + 64);
	return s;
}

/* Answers the challenge in s.answer as alice; secret chooses what with, form how it is written. */
static size_t chap_text(const struct script *s, const char *secret, int form, char *text, size_t cap)
{
	uint8_t challenge[32], response[32];
	const char *c = kit_value(s->answer, "CHAP_C");
	size_t n, at = 0;
	uint32_t id;

	assert_int_equal(iscsip_text_binary(c, strlen(c), challenge, sizeof challenge, &n), ISCSIP_OK);
	c = kit_value(s->answer, "CHAP_I");
	assert_int_equal(iscsip_text_number_in(c, strlen(c), 0, 255, &id), ISCSIP_OK);
	assert_int_equal(iscsip_chap_response(7, (uint8_t)id, secret, strlen(secret), challenge, n, response), 32);
	at += (size_t)iscsip_text_put_binary(text, cap, "CHAP_R", response, 32, (enum iscsip_binary_form)form);
	at += (size_t)iscsip_text_put(text + at, cap - at, "CHAP_N", "alice");
	return at;
}

/* Where no proof would do, too, one that has begun is not left in its middle. */
static void a_chap_that_has_begun_is_not_left_though_none_would_do(void **state)
{
	int at;

	(void)state;
	for (at = 0; at < 3; at++) {
		struct script s = open_chap();

		assert_int_equal(iscsip_offer_set(&s.k->t.host.offer, "AuthMethod", "CHAP,None"), ISCSIP_OK);
		assert_int_equal(REQUEST(s, 0, at == 0 ? 1 : -1, KIT_NAMES "AuthMethod=CHAP,None\0"), OK);
		assert_true(kit_has(s.answer, "AuthMethod=CHAP"));
		assert_false(s.answer->pdu.login_response.transit);
		if (at) {
			assert_int_equal(REQUEST(s, 0, at == 1 ? 1 : -1, "CHAP_A=7\0"), OK);
			assert_non_null(kit_value(s.answer, "CHAP_C"));
			assert_false(s.answer->pdu.login_response.transit);
		}
		if (at == 2) {
			(void)REQUEST(s, 0, 1, "");
			assert_false(s.answer->pdu.login_response.transit);
		}
		close_script(s);
	}
}

static void a_chap_response_is_taken_in_hex_and_base64(void **state)
{
	char text[400];
	int form;

	(void)state;
	for (form = 0; form < 2; form++) {
		struct script s = chap_challenged();
		size_t n = chap_text(&s, "alice's own secret", form, text, sizeof text);

		assert_int_equal(kit_request(s.k, 0, 1, false, text, n, s.answer), OK);
		assert_true(s.answer->pdu.login_response.transit);
		assert_null(kit_value(s.answer, "CHAP_N"));
		close_script(s);
	}
}

/* The status of a text in answer to the challenge. */
static uint16_t chap_status(const char *text, size_t len)
{
	struct script s = chap_challenged();
	uint16_t status = kit_request(s.k, 0, 1, false, text, len, s.answer);

	close_script(s);
	return status;
}

/* A host that checks responses itself need not look at their length: one that is no digest is refused whatever it says. */
static void a_response_of_another_length_is_refused_although_the_host_believes_it(void **state)
{
	(void)state;
	for (int len = 30; len <= 34; len++) {
		struct script s = chap_challenged();
		char text[200];
		int n = sprintf(text, "CHAP_N=alice%cCHAP_R=0x%0*d", 0, 2 * len, 0);

		s.k->t.host.believes = true;
		assert_int_equal(kit_request(s.k, 0, 1, false, text, (size_t)n + 1, s.answer), len == 32 ? OK : AUTH);
		close_script(s);
	}
}

static void chap_values_must_have_their_form(void **state)
{
	char *text = malloc(9000), hex[70];

	(void)state;
	memset(hex, '0', 64);
	hex[64] = 0;
#define R(value) KIT_TEXT("CHAP_N=alice\0CHAP_R=" value "\0")
	assert_int_equal(chap_status(R("0x")), BAD);
	assert_int_equal(chap_status(R("")), BAD);
	assert_int_equal(chap_status(R("0xzz")), BAD);
	assert_int_equal(chap_status(R("0bAAAA=")), BAD);
	assert_int_equal(chap_status(R("0bAAAA AAAA")), BAD);
	assert_int_equal(chap_status(R("0bAAAAA")), BAD);
	assert_int_equal(chap_status(R("1234")), BAD);
	/* well formed, and wrong: another length, another value, an odd number of digits */
	assert_int_equal(chap_status(R("0x00")), AUTH);
	assert_int_equal(chap_status(R("0x0000000000000000000000000000000000000000000000000000000000000000")), AUTH);
	assert_int_equal(chap_status(R("0x000000000000000000000000000000000000000000000000000000000000000")), AUTH);
	assert_int_equal(chap_status(R("0x000000000000000000000000000000000000000000000000000000000000000000")), AUTH);
	assert_int_equal(chap_status(R("0bAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")), AUTH);
#undef R
	/* names */
	assert_int_equal(chap_status(KIT_TEXT("CHAP_N=\0CHAP_R=0x00\0")), BAD);
	assert_int_equal(chap_status(KIT_TEXT("CHAP_N=\xff\0CHAP_R=0x00\0")), BAD);
	memcpy(text, "CHAP_N=", 7);
	memset(text + 7, 'n', 256);
	memcpy(text + 7 + 256, "\0CHAP_R=0x00\0", 13);
	assert_int_equal(chap_status(text, 7 + 256 + 13), BAD);
	memcpy(text + 7 + 255, "\0CHAP_R=0x00\0", 13);
	assert_int_equal(chap_status(text, 7 + 255 + 13), AUTH);
	/* identifiers */
	assert_int_equal(chap_status(KIT_TEXT("CHAP_N=alice\0CHAP_R=0x00\0CHAP_I=256\0CHAP_C=0x01\0")), BAD);
	assert_int_equal(chap_status(KIT_TEXT("CHAP_N=alice\0CHAP_R=0x00\0CHAP_I=-1\0CHAP_C=0x01\0")), BAD);
	assert_int_equal(chap_status(KIT_TEXT("CHAP_N=alice\0CHAP_R=0x00\0CHAP_I=0xff\0CHAP_C=0x01\0")), AUTH);
	/* challenges of 1024 and 1025 bytes */
	{
		size_t n, bytes;

		for (bytes = 1024; bytes <= 1025; bytes++) {
			memcpy(text, "CHAP_N=alice\0CHAP_R=0x00\0CHAP_I=1\0CHAP_C=0b", 43);
			n = 43 + iscsip_text_binary_length(bytes, ISCSIP_BINARY_BASE64) - 2;
			memset(text + 43, 'A', n - 43);
			text[n - 1] = '=';
			if (bytes == 1024)
				text[n - 2] = '=';
			text[n++] = 0;
			assert_int_equal(chap_status(text, n), bytes == 1024 ? AUTH : BAD);
		}
	}
	free(text);
}

static void chap_keys_come_in_their_steps(void **state)
{
	struct script s;

	(void)state;
	/* missing parts of a step */
	assert_int_equal(chap_status(KIT_TEXT("")), MISSING);
	assert_int_equal(chap_status(KIT_TEXT("CHAP_R=0x00\0")), MISSING);
	assert_int_equal(chap_status(KIT_TEXT("CHAP_N=alice\0")), MISSING);
	assert_int_equal(chap_status(KIT_TEXT("CHAP_N=alice\0CHAP_R=0x00\0CHAP_I=1\0")), MISSING);
	assert_int_equal(chap_status(KIT_TEXT("CHAP_N=alice\0CHAP_R=0x00\0CHAP_C=0x01\0")), MISSING);
	/* a step again */
	assert_int_equal(chap_status(KIT_TEXT("CHAP_A=5\0")), BAD);
	assert_int_equal(chap_status(KIT_TEXT("AuthMethod=CHAP\0")), BAD);
	/* keys before their step */
	s = open_chap();
	assert_int_equal(REQUEST(s, 0, -1, KIT_NAMES "CHAP_A=5\0"), BAD);
	close_script(s);
	s = open_chap();
	assert_int_equal(REQUEST(s, 0, -1, KIT_NAMES "CHAP_N=alice\0CHAP_R=0x00\0"), BAD);
	close_script(s);
	s = open_chap();
	assert_int_equal(REQUEST(s, 0, -1, KIT_NAMES "AuthMethod=CHAP\0"), OK);
	assert_int_equal(REQUEST(s, 0, -1, "CHAP_N=alice\0CHAP_R=0x00\0CHAP_A=5\0"), BAD);
	close_script(s);
	s = open_chap();
	assert_int_equal(REQUEST(s, 0, -1, KIT_NAMES "AuthMethod=CHAP\0"), OK);
	assert_int_equal(REQUEST(s, 0, -1, ""), MISSING);
	close_script(s);
	/* keys of a method that was not chosen */
	s = open_chap();
	assert_int_equal(REQUEST(s, 0, -1, KIT_NAMES "AuthMethod=CHAP\0SRP_U=joe\0"), BAD);
	close_script(s);
	s = open_chap();
	assert_int_equal(REQUEST(s, 0, -1, KIT_NAMES "AuthMethod=CHAP\0"), OK);
	assert_int_equal(REQUEST(s, 0, -1, "KRB_AP_REQ=0x00\0"), BAD);
	close_script(s);
	/* the first step together with the method that leaves no choice */
	s = open_chap();
	assert_int_equal(REQUEST(s, 0, -1, KIT_NAMES "AuthMethod=CHAP\0CHAP_A=7\0"), OK);
	assert_non_null(kit_value(s.answer, "CHAP_C"));
	close_script(s);
	/* after it is over */
	s = chap_challenged();
	{
		char text[400];
		size_t n = chap_text(&s, "alice's own secret", 0, text, sizeof text);

		assert_int_equal(kit_request(s.k, 0, -1, false, text, n, s.answer), OK);
		assert_int_equal(REQUEST(s, 0, 1, "CHAP_I=1\0CHAP_C=0x00\0"), BAD);
	}
	close_script(s);
}

static void chap_lists_must_hold_something_usable(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		uint16_t status;
	} cases[] = { { KIT_TEXT("CHAP_A=7\0"), OK }, { KIT_TEXT("CHAP_A=99,7\0"), OK }, { KIT_TEXT("CHAP_A=0x7\0"), OK },
		      { KIT_TEXT("CHAP_A=4\0"), AUTH }, { KIT_TEXT("CHAP_A=none\0"), AUTH }, { KIT_TEXT("CHAP_A=263\0"),
				AUTH },
		      { KIT_TEXT("CHAP_A=\0"), BAD }, { KIT_TEXT("CHAP_A=7,\0"), BAD }, { KIT_TEXT("CHAP_A=Reject\0"), BAD },
		      { KIT_TEXT("CHAP_A=7\0CHAP_A=8\0"), BAD } };
	size_t n;

	(void)state;
	for (n = 0; n < sizeof cases / sizeof cases[0]; n++) {
		struct script s = open_chap();

		assert_int_equal(REQUEST(s, 0, -1, KIT_NAMES "AuthMethod=CHAP\0"), OK);
		if (kit_request(s.k, 0, -1, false, cases[n].text, cases[n].len, s.answer) != cases[n].status)
			fail_msg("case %u: %04x", (unsigned)n, iscsip__login_info(s.k->t.l)->status);
		close_script(s);
	}
}

/* MD5 and SHA-1 may be left out of a build: an initiator that has nothing else is refused. */
static void an_initiator_needs_an_algorithm_that_is_built_in(void **state)
{
	(void)state;
	for (int a = 5; a <= 8; a++) {
		struct script s = open_chap();
		char text[] = "CHAP_A=0";

		text[7] = (char)('0' + a);
		assert_int_equal(REQUEST(s, 0, -1, KIT_NAMES "AuthMethod=CHAP\0"), OK);
		assert_int_equal(kit_request(s.k, 0, -1, false, text, sizeof text, s.answer), iscsip__hash_size(a) ? OK : AUTH);
		close_script(s);
	}
	/* what a host leaves out of its offer is not there either */
	for (int n = 0; n < 3; n++) {
		static const char *const lists[] = { "CHAP_A=5", "CHAP_A=6", "CHAP_A=5,6" };
		struct script s = open_chap_of("7,8");

		assert_int_equal(REQUEST(s, 0, -1, KIT_NAMES "AuthMethod=CHAP\0"), OK);
		assert_int_equal(kit_request(s.k, 0, -1, false, lists[n], strlen(lists[n]) + 1, s.answer), AUTH);
		close_script(s);
	}
}

static void authentication_cannot_be_skipped(void **state)
{
	struct script s;

	(void)state;
	/* beginning behind it */
	s = open_chap();
	assert_int_equal(REQUEST(s, 1, 3, KIT_NAMES), AUTH);
	close_script(s);
	/* offering None alone; the refusal also says so in the key's own words (RFC 7143 6.3.2) */
	s = open_chap();
	assert_int_equal(REQUEST(s, 0, 1, KIT_NAMES "AuthMethod=None\0"), AUTH);
	assert_true(kit_has(s.answer, "AuthMethod=Reject"));
	close_script(s);
	/* saying nothing: the target proposes, once */
	s = open_chap();
	assert_int_equal(REQUEST(s, 0, 1, KIT_NAMES), OK);
	assert_false(s.answer->pdu.login_response.transit);
	assert_true(kit_has(s.answer, "AuthMethod=CHAP"));
	assert_int_equal(REQUEST(s, 0, 1, ""), AUTH);
	close_script(s);
	s = open_chap();
	assert_int_equal(REQUEST(s, 0, 3, KIT_NAMES), OK);
	assert_int_equal(REQUEST(s, 0, 1, "AuthMethod=Reject\0"), AUTH);
	close_script(s);
	s = open_chap();
	assert_int_equal(REQUEST(s, 0, 1, KIT_NAMES), OK);
	assert_int_equal(REQUEST(s, 0, 1, "AuthMethod=None\0"), BAD);
	close_script(s);
	/* a T before the proof moves nothing */
	s = open_chap();
	assert_int_equal(REQUEST(s, 0, 3, KIT_NAMES "AuthMethod=CHAP\0"), OK);
	assert_false(s.answer->pdu.login_response.transit);
	assert_int_equal(REQUEST(s, 0, 3, "CHAP_A=7\0"), OK);
	assert_false(s.answer->pdu.login_response.transit);
	assert_int_equal(REQUEST(s, 1, 3, ""), BAD);
	close_script(s);
	/* the target's own proposal is taken up, with the first key */
	s = open_chap();
	assert_int_equal(REQUEST(s, 0, 1, KIT_NAMES), OK);
	assert_int_equal(REQUEST(s, 0, -1, "AuthMethod=CHAP\0CHAP_A=7\0"), OK);
	assert_non_null(kit_value(s.answer, "CHAP_C"));
	{
		char text[400];
		size_t n = chap_text(&s, "alice's own secret", 1, text, sizeof text);

		assert_int_equal(kit_request(s.k, 0, 1, false, text, n, s.answer), OK);
		assert_true(s.answer->pdu.login_response.transit);
	}
	close_script(s);
}

static void a_reflected_challenge_is_refused_unasked(void **state)
{
	struct script s = chap_challenged();
	char text[800];
	const char *c = kit_value(s.answer, "CHAP_C");
	size_t n;

	(void)state;
	n = chap_text(&s, "alice's own secret", 0, text, sizeof text);
	n += (size_t)iscsip_text_put(text + n, sizeof text - n, "CHAP_I", "9");
	n += (size_t)iscsip_text_put(text + n, sizeof text - n, "CHAP_C", c);
	assert_int_equal(kit_request(s.k, 0, 1, false, text, n, s.answer), AUTH);
	assert_int_equal(s.k->t.host.asked_secret, 0);
	close_script(s);
}

/* --------------------------------------------------------------------------------- PDUs out of place */

static void other_pdus_during_login_are_refused(void **state)
{
	struct script s = open_script();

	(void)state;
	iscsip__login_rx_tag(s.k->t.l, 0x1234);
	iscsip__login_rx_other(s.k->t.l);
	kit_take(s.k, &s.k->t, s.answer);
	assert_int_equal(s.answer->pdu.itt, 0x1234);
	assert_int_equal(s.answer->pdu.login_response.status_class, 2);
	assert_int_equal(s.answer->pdu.login_response.status_detail, 0x0b);
	assert_int_equal(iscsip__login_want(s.k->t.l), LOGIN_FAILED);
	close_script(s);
	/* in the middle of a login, while the host is asked */
	s = open_script();
	{
		struct kit_pdu *p = malloc(sizeof *p);

		kit_open_initiator(s.k);
		kit_take(s.k, &s.k->i, p);
		assert_int_equal(iscsip__login_rx(s.k->t.l, &p->pdu), ISCSIP_OK);
		assert_int_equal(iscsip__login_rx_text(s.k->t.l, p->text, p->len), ISCSIP_OK);
		assert_int_equal(iscsip__login_rx_end(s.k->t.l), ISCSIP_OK);
		assert_int_equal(iscsip__login_want(s.k->t.l), LOGIN_ASK_ACCESS);
		assert_int_equal(iscsip__login_rx(s.k->t.l, &p->pdu), ISCSIP_ESTATE);
		iscsip__login_rx_early(s.k->t.l);
		kit_take(s.k, &s.k->t, s.answer);
		assert_int_equal(s.answer->pdu.itt, 0xabcdef01);
		assert_int_equal(s.answer->pdu.login_response.status_class, 2);
		assert_int_equal(s.answer->pdu.login_response.status_detail, 0);
		free(p);
	}
	close_script(s);
	/* while a response is under way: that one is finished, the refusal follows */
	s = open_script();
	{
		struct iscsip_pdu pdu;
		struct kit_pdu *p = malloc(sizeof *p);

		kit_open_initiator(s.k);
		kit_take(s.k, &s.k->i, p);
		p->pdu.login_request.transit = false;
		p->pdu.login_request.nsg = 0;
		kit_give(s.k, &s.k->t, p);
		assert_int_equal(iscsip__login_tx(s.k->t.l, &pdu), ISCSIP_OK);
		iscsip__login_rx_other(s.k->t.l);
		assert_int_equal(iscsip__login_tx(s.k->t.l, &pdu), ISCSIP_OK);
		assert_int_equal(pdu.login_response.status_class, 0);
		iscsip__login_tx_done(s.k->t.l);
		kit_take(s.k, &s.k->t, s.answer);
		assert_int_equal(s.answer->pdu.login_response.status_detail, 0x0b);
		free(p);
	}
	close_script(s);
}

static void the_host_may_refuse_between_requests(void **state)
{
	struct script s = open_script();

	(void)state;
	assert_int_equal(REQUEST(s, 1, -1, KIT_NAMES), OK);
	assert_int_equal(iscsip__login_refuse(s.k->t.l, ISCSIP_LOGIN_SERVICE_UNAVAILABLE, NULL), ISCSIP_OK);
	assert_int_equal(iscsip__login_refuse(s.k->t.l, ISCSIP_LOGIN_SERVICE_UNAVAILABLE, NULL), ISCSIP_ESTATE);
	assert_int_equal(REQUEST(s, 1, 3, "MaxBurstLength=\0"), ISCSIP_LOGIN_SERVICE_UNAVAILABLE);
	assert_int_equal(iscsip__login_error(s.k->t.l), ISCSIP_EHOST);
	close_script(s);
}

static void answers_that_were_not_asked_for_are_refused(void **state)
{
	struct script s = open_script();
	struct iscsip__login_access access = { 0, NULL, NULL, NULL, 0 };
	struct iscsip_chap_answer chap;
	struct iscsip_auth_answer auth;

	(void)state;
	memset(&chap, 0, sizeof chap);
	memset(&auth, 0, sizeof auth);
	assert_int_equal(iscsip__login_access(s.k->t.l, &access), ISCSIP_ESTATE);
	assert_int_equal(iscsip__login_secret(s.k->t.l, &chap), ISCSIP_ESTATE);
	assert_int_equal(iscsip__login_auth(s.k->t.l, &auth), ISCSIP_ESTATE);
	assert_int_equal(iscsip__login_session(s.k->t.l, 1), ISCSIP_ESTATE);
	assert_int_equal(iscsip__login_rx_text(s.k->t.l, "A=b", 4), ISCSIP_ESTATE);
	assert_int_equal(iscsip__login_rx_end(s.k->t.l), ISCSIP_ESTATE);
	close_script(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_stages_go_forward_by_the_table_alone),
		cmocka_unit_test(a_request_belongs_to_the_current_stage),
		cmocka_unit_test(a_target_with_needs_goes_through_the_operational_stage),
		cmocka_unit_test(versions_other_than_0_are_refused_with_the_one_there_is),
		cmocka_unit_test(identity_stays_the_same_throughout),
		cmocka_unit_test(the_first_text_names_who_and_where),
		cmocka_unit_test(names_are_declared_once_and_at_the_begin),
		cmocka_unit_test(names_are_kept_in_normal_form),
		cmocka_unit_test(the_portal_group_tag_comes_with_the_first_complete_text),
		cmocka_unit_test(malformed_text_is_an_initiator_error),
		cmocka_unit_test(stray_nuls_are_skipped_where_the_host_is_lenient),
		cmocka_unit_test(a_key_split_anywhere_by_the_c_bit_is_joined),
		cmocka_unit_test(text_without_end_is_bounded),
		cmocka_unit_test(logins_as_deployed_initiators_send_them_end_without_a_further_round),
		cmocka_unit_test(eight_kib_of_keys_are_taken),
		cmocka_unit_test(text_in_answer_to_text_that_goes_on_is_refused),
		cmocka_unit_test(a_chap_that_has_begun_is_not_left_though_none_would_do),
		cmocka_unit_test(a_chap_response_is_taken_in_hex_and_base64),
		cmocka_unit_test(a_response_of_another_length_is_refused_although_the_host_believes_it),
		cmocka_unit_test(chap_values_must_have_their_form),
		cmocka_unit_test(chap_keys_come_in_their_steps),
		cmocka_unit_test(chap_lists_must_hold_something_usable),
		cmocka_unit_test(an_initiator_needs_an_algorithm_that_is_built_in),
		cmocka_unit_test(authentication_cannot_be_skipped),
		cmocka_unit_test(a_reflected_challenge_is_refused_unasked),
		cmocka_unit_test(other_pdus_during_login_are_refused),
		cmocka_unit_test(the_host_may_refuse_between_requests),
		cmocka_unit_test(answers_that_were_not_asked_for_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
