/* SPDX-License-Identifier: MIT */
/*
 * An initiator's login against targets that break rules: RFC 7143 6.3, 9.2.1, 11.13.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hash/hash.h"
#include "login_kit.h"

struct script {
	struct kit *k;
	struct kit_pdu *request;
};

static struct script open_script(void)
{
	struct script s = { kit_new(), malloc(sizeof(struct kit_pdu)) };

	kit_open_initiator(s.k);
	return s;
}

static void close_script(struct script s)
{
	free(s.request);
	kit_free(s.k);
}

/* Every answer to the default offer. */
#define ANSWERS \
	"HeaderDigest=None\0DataDigest=None\0MaxConnections=1\0InitialR2T=Yes\0ImmediateData=Yes\0MaxBurstLength=262144\0" \
	"FirstBurstLength=65536\0DefaultTime2Wait=2\0DefaultTime2Retain=0\0DataPDUInOrder=Yes\0DataSequenceInOrder=Yes\0" \
	"ErrorRecoveryLevel=0\0MaxOutstandingR2T=1\0"

#define RESPOND(s, csg, nsg, text) kit_respond((s).k, csg, nsg, false, KIT_TEXT(text), (s).request)
#define RESPOND_C(s, csg, text) kit_respond((s).k, csg, -1, true, KIT_TEXT(text), (s).request)

/* The error that one first response in the operational stage ends with; 0: the login is done, or goes on. */
static int first(int nsg, const char *text, size_t len)
{
	struct script s = open_script();
	enum iscsip__login_want want = kit_respond(s.k, 1, nsg, false, text, len, s.request);
	int err = iscsip__login_error(s.k->i.l);

	assert_int_equal(want, err ? LOGIN_FAILED : nsg == 3 ? LOGIN_DONE : LOGIN_TX);
	assert_true((err != 0) == (iscsip__login_reason(s.k->i.l)[0] != 0));
	close_script(s);
	return err;
}

#define FIRST(nsg, text) first(nsg, KIT_TEXT(text))

static void a_complete_set_of_answers_ends_the_login(void **state)
{
	struct script s = open_script();
	const struct iscsip_params *p;

	(void)state;
	assert_int_equal(RESPOND(s, 1, 3,
			"TargetPortalGroupTag=0xffff\0TargetAlias=disk\0MaxRecvDataSegmentLength=4096\0" ANSWERS),
			LOGIN_DONE);
	assert_int_equal(s.request->pdu.login_request.csg, 1);
	assert_int_equal(s.request->pdu.login_request.nsg, 3);
	assert_true(kit_has(s.request, "InitiatorName=" KIT_INITIATOR_NAME));
	assert_true(kit_has(s.request, "TargetName=" KIT_TARGET_NAME));
	assert_true(kit_has(s.request, "SessionType=Normal"));
	p = iscsip__login_params(s.k->i.l);
	assert_int_equal(p->max_send_data_segment_length, 4096);
	assert_int_equal(p->max_burst_length, 262144);
	assert_true(p->initial_r2t);
	assert_int_equal(iscsip__login_info(s.k->i.l)->portal_group_tag, 65535);
	assert_int_equal(iscsip__login_info(s.k->i.l)->tsih, 0x4711);
	close_script(s);
}

static void a_target_that_leaves_keys_unanswered_is_dropped_unless_allowed(void **state)
{
	struct script s = open_script();

	(void)state;
	assert_int_equal(RESPOND(s, 1, 3, "HeaderDigest=None\0"), LOGIN_FAILED);
	assert_int_equal(iscsip__login_error(s.k->i.l), ISCSIP_EPROTO);
	close_script(s);
	s = open_script();
	s.k->i.setup.flags = LOGIN_ALLOW_UNANSWERED;
	kit_open_initiator(s.k);
	assert_int_equal(RESPOND(s, 1, 3, "HeaderDigest=CRC32C\0"), LOGIN_DONE);
	assert_int_equal(iscsip__login_params(s.k->i.l)->header_digest, ISCSIP_DIGEST_CRC32C);
	assert_int_equal(iscsip__login_params(s.k->i.l)->max_burst_length, 262144);
	assert_int_equal(iscsip__login_params(s.k->i.l)->max_outstanding_r2t, 1);
	close_script(s);
	/* the answers may also come in several responses, and the two that are optional never */
	s = open_script();
	assert_int_equal(RESPOND(s, 1, -1,
			"HeaderDigest=None\0DataDigest=None\0MaxConnections=1\0InitialR2T=No\0ImmediateData=No\0"),
			LOGIN_TX);
	assert_int_equal(RESPOND(s, 1, 3,
			"MaxBurstLength=262144\0FirstBurstLength=65536\0DefaultTime2Wait=2\0DefaultTime2Retain=0\0"
					  "ErrorRecoveryLevel=0\0MaxOutstandingR2T=1\0"), LOGIN_DONE);
	assert_int_equal(s.request->len, 0);
	assert_true(s.request->pdu.login_request.transit);
	close_script(s);
}

static void answers_that_break_the_rules_end_the_login(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} bad[] = { { KIT_TEXT("HeaderDigest=MD5\0") },       { KIT_TEXT("HeaderDigest=None\0HeaderDigest=None\0") },
		    { KIT_TEXT("MaxBurstLength=1048577\0") }, { KIT_TEXT("MaxBurstLength=NotUnderstood\0") },
		    { KIT_TEXT("DataPDUInOrder=No\0") },      { KIT_TEXT("DefaultTime2Wait=0\0") },
		    { KIT_TEXT("NoEquals\0") },               { KIT_TEXT("Key=no end") },
		    { KIT_TEXT("=\0") },                      { KIT_TEXT("\0") },
		    { KIT_TEXT("InitiatorName=x\0") },        { KIT_TEXT("SessionType=Normal\0") },
		    { KIT_TEXT("TargetName=iqn.2001-04.com\0") }, { KIT_TEXT("TargetPortalGroupTag=65536\0") },
		    { KIT_TEXT("TargetPortalGroupTag=\0") },
				{ KIT_TEXT("TargetPortalGroupTag=1\0TargetPortalGroupTag=1\0") },
		    { KIT_TEXT("CHAP_C=0x00\0") },            { KIT_TEXT("AuthMethod=None\0") },
		    { KIT_TEXT("MaxRecvDataSegmentLength=100\0") }, { KIT_TEXT("X-never.asked=NotUnderstood\0") },
		    { KIT_TEXT("TaskReporting=Reject\0") },   { KIT_TEXT("SendTargets=All\0") } };
	size_t n;

	(void)state;
	for (n = 0; n < sizeof bad / sizeof bad[0]; n++)
		if (first(-1, bad[n].text, bad[n].len) != ISCSIP_EPROTO)
			fail_msg("case %u was taken", (unsigned)n);
}

static void proposals_of_the_target_are_answered(void **state)
{
	struct script s = open_script();

	(void)state;
	assert_int_equal(RESPOND(s, 1, -1,
			ANSWERS "TaskReporting=FastAbort,RFC3720,ResponseFence\0iSCSIProtocolLevel=2\0X-colour=blue\0IFMarker=No\0"),
			 LOGIN_TX);
	assert_int_equal(RESPOND(s, 1, 3, ""), LOGIN_DONE);
	assert_true(kit_has(s.request, "TaskReporting=RFC3720"));
	assert_true(kit_has(s.request, "iSCSIProtocolLevel=1"));
	assert_true(kit_has(s.request, "X-colour=NotUnderstood"));
	assert_true(kit_has(s.request, "IFMarker=Reject"));
	assert_true(s.request->pdu.login_request.transit);
	close_script(s);
	/* but not with a response that ends the stage (RFC 7143 6.3) */
	assert_int_equal(FIRST(3, ANSWERS "iSCSIProtocolLevel=2\0"), ISCSIP_EPROTO);
	assert_int_equal(FIRST(3, ANSWERS "X-colour=blue\0"), ISCSIP_EPROTO);
	assert_int_equal(FIRST(3, ANSWERS), 0);
}

/* One response whose header is ours to bend. */
static int bend(void (*how)(struct iscsip_pdu *pdu), int nsg)
{
	struct script s = open_script();
	struct kit_pdu *p = calloc(1, sizeof *p);
	struct iscsip_login_response *r = &p->pdu.login_response;
	int err;

	kit_take(s.k, &s.k->i, s.request);
	p->pdu.opcode = ISCSIP_OP_LOGIN_RESPONSE;
	p->pdu.itt = s.request->pdu.itt;
	memcpy(r->isid, s.request->pdu.login_request.isid, 6);
	r->csg = 1;
	r->transit = nsg >= 0;
	r->nsg = nsg < 0 ? 0 : (uint8_t)nsg;
	r->tsih = nsg == 3 ? 5 : 0;
	p->len = sizeof(ANSWERS) - 1;
	memcpy(p->text, ANSWERS, p->len);
	if (how)
		how(&p->pdu);
	p->pdu.data_len = (uint32_t)p->len;
	kit_give(s.k, &s.k->i, p);
	err = iscsip__login_error(s.k->i.l);
	free(p);
	close_script(s);
	return err;
}

static void itt(struct iscsip_pdu *p) { p->itt++; }
static void isid(struct iscsip_pdu *p) { p->login_response.isid[3] ^= 1; }
static void version(struct iscsip_pdu *p) { p->login_response.version_active = 1; }
static void stage_0(struct iscsip_pdu *p) { p->login_response.csg = 0; }
static void stage_3(struct iscsip_pdu *p) { p->login_response.csg = 3; }
static void next_0(struct iscsip_pdu *p) { p->login_response.nsg = 0; }
static void next_1(struct iscsip_pdu *p) { p->login_response.nsg = 1; }
static void next_2(struct iscsip_pdu *p) { p->login_response.nsg = 2; }
static void c_and_t(struct iscsip_pdu *p) { p->login_response.cont = true; }
static void no_tsih(struct iscsip_pdu *p) { p->login_response.tsih = 0; }

static void a_response_must_fit_its_request(void **state)
{
	(void)state;
	assert_int_equal(bend(NULL, 3), 0);
	assert_int_equal(bend(NULL, -1), 0);
	assert_int_equal(bend(itt, 3), ISCSIP_EPROTO);
	assert_int_equal(bend(isid, 3), ISCSIP_EPROTO);
	assert_int_equal(bend(version, 3), ISCSIP_EPROTO);
	assert_int_equal(bend(stage_0, 3), ISCSIP_EPROTO);
	assert_int_equal(bend(stage_3, 3), ISCSIP_EPROTO);
	assert_int_equal(bend(next_0, 3), ISCSIP_EPROTO);
	assert_int_equal(bend(next_1, 3), ISCSIP_EPROTO);
	assert_int_equal(bend(next_2, 3), ISCSIP_EPROTO);
	assert_int_equal(bend(c_and_t, 3), ISCSIP_EPROTO);
	assert_int_equal(bend(no_tsih, 3), ISCSIP_EPROTO);
}

/* A further connection of a session: the target can not make it another session's. */
static void a_further_connection_keeps_its_session_handle(void **state)
{
	struct iscsip_params session;

	(void)state;
	iscsip_params_init(&session);
	for (uint16_t wrong = 0; wrong < 2; wrong++) {
		struct script s = open_script();

		s.k->i.who.tsih = (uint16_t)(0x4711 + wrong);
		s.k->i.who.session = &session;
		kit_open_initiator(s.k);
		assert_int_equal(RESPOND(s, 1, 3, "MaxRecvDataSegmentLength=8192\0HeaderDigest=None\0DataDigest=None\0"),
				wrong ? LOGIN_FAILED : LOGIN_DONE);
		if (wrong)
			assert_int_equal(iscsip__login_error(s.k->i.l), ISCSIP_EPROTO);
		close_script(s);
	}
}

static void a_transition_that_was_not_asked_for_is_refused(void **state)
{
	struct script s = open_script();

	(void)state;
	kit_chap(s.k, false);
	kit_open_initiator(s.k);
	/* the request has T=0 */
	assert_int_equal(RESPOND(s, 0, 1, "AuthMethod=CHAP\0"), LOGIN_FAILED);
	assert_false(s.request->pdu.login_request.transit);
	assert_int_equal(iscsip__login_error(s.k->i.l), ISCSIP_EPROTO);
	close_script(s);
	/* further than asked for */
	s = open_script();
	s.k->i.setup.flags = LOGIN_SECURITY_FIRST;
	kit_open_initiator(s.k);
	assert_int_equal(RESPOND(s, 0, 3, "AuthMethod=None\0"), LOGIN_FAILED);
	assert_int_equal(iscsip__login_error(s.k->i.l), ISCSIP_EPROTO);
	close_script(s);
	/* an initiator that is still sending its text */
	s = open_script();
	s.k->i.limits.send_max = 100;
	kit_open_initiator(s.k);
	assert_int_equal(RESPOND(s, 1, 3, ""), LOGIN_FAILED);
	close_script(s);
	s = open_script();
	s.k->i.limits.send_max = 100;
	kit_open_initiator(s.k);
	assert_int_equal(RESPOND(s, 1, -1, "HeaderDigest=None\0"), LOGIN_FAILED);
	close_script(s);
}

static int refusal(uint8_t class, uint8_t detail, const char *text, size_t len, struct iscsip_login_info *info)
{
	struct script s = open_script();
	struct kit_pdu *p = calloc(1, sizeof *p);
	int err;

	kit_take(s.k, &s.k->i, s.request);
	p->pdu.opcode = ISCSIP_OP_LOGIN_RESPONSE;
	p->pdu.itt = s.request->pdu.itt;
	memcpy(p->pdu.login_response.isid, s.request->pdu.login_request.isid, 6);
	p->pdu.login_response.status_class = class;
	p->pdu.login_response.status_detail = detail;
	/* T, CSG and NSG are reserved in a refusal */
	p->pdu.login_response.csg = 3;
	p->pdu.login_response.transit = true;
	p->pdu.data_len = (uint32_t)len;
	p->len = len;
	memcpy(p->text, text, len);
	kit_give(s.k, &s.k->i, p);
	assert_int_equal(iscsip__login_want(s.k->i.l), LOGIN_FAILED);
	*info = *iscsip__login_info(s.k->i.l);
	err = iscsip__login_error(s.k->i.l);
	free(p);
	close_script(s);
	return err;
}

static void a_refusal_is_told_with_its_status(void **state)
{
	struct iscsip_login_info info;

	(void)state;
	assert_int_equal(refusal(2, 3, KIT_TEXT(""), &info), ISCSIP_ELOGIN);
	assert_int_equal(info.status, 0x0203);
	assert_int_equal(refusal(2, 1, KIT_TEXT("AuthMethod=Reject\0"), &info), ISCSIP_EAUTH);
	assert_int_equal(refusal(3, 1, KIT_TEXT("whatever else stands there\0"), &info), ISCSIP_EPROTO);
	assert_int_equal(refusal(3, 1, KIT_TEXT("Whatever=else\0stands=there\0"), &info), ISCSIP_ELOGIN);
	assert_int_equal(info.status, 0x0301);
	assert_int_equal(refusal(77, 99, KIT_TEXT(""), &info), ISCSIP_ELOGIN);
	assert_int_equal(info.status, 77 << 8 | 99);
}

static void a_redirection_must_say_where_to(void **state)
{
	struct iscsip_login_info info;

	(void)state;
	assert_int_equal(refusal(1, 1, KIT_TEXT("TargetAddress=[2001:db8::7]:3261\0"), &info), ISCSIP_ELOGIN);
	assert_string_equal(info.redirect.host, "2001:db8::7");
	assert_int_equal(info.redirect.port, 3261);
	assert_int_equal(info.status, 0x0101);
	/* the first usable one of several */
	assert_int_equal(refusal(1, 2, KIT_TEXT("TargetAddress=???\0TargetAddress=10.0.0.2\0TargetAddress=10.0.0.3,1\0"),
			&info), ISCSIP_ELOGIN);
	assert_string_equal(info.redirect.host, "10.0.0.2");
	assert_int_equal(info.redirect.port, 3260);
	assert_int_equal(refusal(1, 1, KIT_TEXT(""), &info), ISCSIP_EPROTO);
	assert_int_equal(refusal(1, 1, KIT_TEXT("TargetAddress=\0"), &info), ISCSIP_EPROTO);
	assert_int_equal(refusal(1, 1, KIT_TEXT("TargetAddress=10.0.0.256\0"), &info), ISCSIP_EPROTO);
	assert_int_equal(refusal(1, 1, KIT_TEXT("TargetName=iqn.2001-04.com.example:other\0"), &info), ISCSIP_EPROTO);
}

static void a_response_in_pieces_is_joined(void **state)
{
	static const char text[] = "TargetPortalGroupTag=1\0" ANSWERS;
	size_t cut;

	(void)state;
	for (cut = 0; cut < sizeof text; cut++) {
		struct script s = open_script();

		assert_int_equal(kit_respond(s.k, 1, -1, true, text, cut, s.request), LOGIN_TX);
		assert_int_equal(kit_respond(s.k, 1, 3, false, text + cut, sizeof text - 1 - cut, s.request), LOGIN_DONE);
		assert_int_equal(s.request->len, 0);
		close_script(s);
	}
	/* answers wait until the text is complete */
	{
		struct script s = open_script();

		assert_int_equal(RESPOND_C(s, 1, "X-colour=blue\0"), LOGIN_TX);
		assert_int_equal(RESPOND_C(s, 1, ""), LOGIN_TX);
		assert_int_equal(s.request->len, 0);
		assert_int_equal(RESPOND(s, 1, -1, ANSWERS), LOGIN_TX);
		assert_int_equal(s.request->len, 0);
		kit_take(s.k, &s.k->i, s.request);
		assert_true(kit_has(s.request, "X-colour=NotUnderstood"));
		close_script(s);
	}
}

static void a_target_that_never_ends_is_given_up(void **state)
{
	struct script s = open_script();
	int n;

	(void)state;
	for (n = 1; RESPOND(s, 1, -1, "") == LOGIN_TX; n++)
		;
	assert_int_equal(n, 65);
	assert_int_equal(iscsip__login_error(s.k->i.l), ISCSIP_EPROTO);
	close_script(s);
	s = open_script();
	for (n = 1; RESPOND_C(s, 1, "X-a=") == LOGIN_TX; n++)
		;
	assert_int_equal(n, 65);
	close_script(s);
}

/* ------------------------------------------------------------------------------------------- security */

static struct script open_chap(bool mutual)
{
	struct script s = { kit_new(), malloc(sizeof(struct kit_pdu)) };

	kit_chap(s.k, mutual);
	kit_open_initiator(s.k);
	return s;
}

/* The error of a text in the security stage after the texts that lead there. */
static int chap_error(bool mutual, int steps, int nsg, const char *text, size_t len)
{
	struct script s = open_chap(mutual);
	int err;

	if (steps > 0)
		assert_int_equal(RESPOND(s, 0, -1, "TargetPortalGroupTag=1\0AuthMethod=CHAP\0"), LOGIN_TX);
	if (steps > 1)
		assert_int_equal(RESPOND(s, 0, -1, "CHAP_A=7\0CHAP_I=3\0CHAP_C=0x0123456789abcdef\0"), LOGIN_TX);
	kit_respond(s.k, 0, nsg, false, text, len, s.request);
	err = iscsip__login_error(s.k->i.l);
	close_script(s);
	return err;
}

static void the_choice_of_a_method_must_be_one_that_was_offered(void **state)
{
	(void)state;
	assert_int_equal(chap_error(false, 0, -1, KIT_TEXT("AuthMethod=CHAP\0")), 0);
	assert_int_equal(chap_error(false, 0, -1, KIT_TEXT("AuthMethod=None\0")), ISCSIP_EPROTO);
	assert_int_equal(chap_error(false, 0, -1, KIT_TEXT("AuthMethod=SRP\0")), ISCSIP_EPROTO);
	assert_int_equal(chap_error(false, 0, -1, KIT_TEXT("AuthMethod=CHAP,None\0")), ISCSIP_EPROTO);
	assert_int_equal(chap_error(false, 0, -1, KIT_TEXT("AuthMethod=Reject\0")), ISCSIP_EAUTH);
	assert_int_equal(chap_error(false, 0, -1, KIT_TEXT("")), ISCSIP_EAUTH);
	assert_int_equal(chap_error(false, 0, -1, KIT_TEXT("AuthMethod=CHAP\0CHAP_I=1\0CHAP_C=0x00\0")), ISCSIP_EPROTO);
	assert_int_equal(chap_error(false, 0, -1, KIT_TEXT("CHAP_A=5\0AuthMethod=CHAP\0")), ISCSIP_EPROTO);
}

static void a_challenge_must_be_complete_and_of_an_offered_algorithm(void **state)
{
	char *text = malloc(5000);
	size_t bytes, n;

	(void)state;
	assert_int_equal(chap_error(false, 1, -1, KIT_TEXT("CHAP_A=7\0CHAP_I=0\0CHAP_C=0x1\0")), 0);
	assert_int_equal(chap_error(false, 1, -1, KIT_TEXT("CHAP_A=7\0CHAP_I=0xFF\0CHAP_C=0bAQID\0")), 0);
	assert_int_equal(chap_error(false, 1, -1, KIT_TEXT("CHAP_A=4\0CHAP_I=0\0CHAP_C=0x1\0")), ISCSIP_EPROTO);
	assert_int_equal(chap_error(false, 1, -1, KIT_TEXT("CHAP_A=7,8\0CHAP_I=0\0CHAP_C=0x1\0")), ISCSIP_EPROTO);
	assert_int_equal(chap_error(false, 1, -1, KIT_TEXT("CHAP_A=Reject\0")), ISCSIP_EAUTH);
	assert_int_equal(chap_error(false, 1, -1, KIT_TEXT("")), ISCSIP_EPROTO);
	assert_int_equal(chap_error(false, 1, -1, KIT_TEXT("CHAP_A=7\0CHAP_I=0\0")), ISCSIP_EPROTO);
	assert_int_equal(chap_error(false, 1, -1, KIT_TEXT("CHAP_A=7\0CHAP_C=0x1\0")), ISCSIP_EPROTO);
	assert_int_equal(chap_error(false, 1, -1, KIT_TEXT("CHAP_I=0\0CHAP_C=0x1\0")), ISCSIP_EPROTO);
	assert_int_equal(chap_error(false, 1, -1, KIT_TEXT("CHAP_A=7\0CHAP_I=256\0CHAP_C=0x1\0")), ISCSIP_EPROTO);
	assert_int_equal(chap_error(false, 1, -1, KIT_TEXT("CHAP_A=7\0CHAP_I=1\0CHAP_C=0x\0")), ISCSIP_EPROTO);
	assert_int_equal(chap_error(false, 1, -1, KIT_TEXT("CHAP_A=7\0CHAP_I=1\0CHAP_C=0x1\0CHAP_N=x\0CHAP_R=0x00\0")),
			ISCSIP_EPROTO);
	for (bytes = 1023; bytes <= 1025; bytes++) {
		memcpy(text, "CHAP_A=7\0CHAP_I=1\0CHAP_C=0x", 27);
		n = 27 + bytes * 2;
		memset(text + 27, 'a', n - 27);
		text[n++] = 0;
		assert_int_equal(chap_error(false, 1, -1, text, n), bytes <= 1024 ? 0 : ISCSIP_EPROTO);
		/* the same in base64: 342 groups less a pad of none, one or two */
		memcpy(text, "CHAP_A=7\0CHAP_I=1\0CHAP_C=0b", 27);
		n = 27 + (bytes + 2) / 3 * 4;
		memset(text + 27, 'A', n - 27);
		memset(text + n - (3 - bytes % 3) % 3, '=', (3 - bytes % 3) % 3);
		text[n++] = 0;
		assert_int_equal(chap_error(false, 1, -1, text, n), bytes <= 1024 ? 0 : ISCSIP_EPROTO);
	}
	free(text);
}

/* MD5 and SHA-1 may be left out of a build: then they are not offered, and a target that chooses one of them anyway is left. */
static void an_algorithm_is_good_where_it_is_built_in(void **state)
{
	(void)state;
	for (int a = 5; a <= 8; a++) {
		char text[] = "CHAP_A=0\0CHAP_I=0\0CHAP_C=0x1";

		text[7] = (char)('0' + a);
		assert_int_equal(chap_error(false, 1, -1, text, sizeof text), iscsip__hash_size(a) ? 0 : ISCSIP_EPROTO);
	}
}

#if defined ISCSIP_NO_MD5 && defined ISCSIP_NO_SHA1
#define OFFERED_ALGORITHMS "8,7"
#elif defined ISCSIP_NO_MD5
#define OFFERED_ALGORITHMS "8,6,7"
#elif defined ISCSIP_NO_SHA1
#define OFFERED_ALGORITHMS "8,5,7"
#else
#define OFFERED_ALGORITHMS "8,6,5,7"
#endif

static void the_response_to_a_challenge_is_the_right_one(void **state)
{
	struct script s = open_chap(false);

	(void)state;
	assert_int_equal(RESPOND(s, 0, -1, "AuthMethod=CHAP\0"), LOGIN_TX);
	assert_int_equal(RESPOND(s, 0, -1, "CHAP_A=7\0CHAP_I=3\0CHAP_C=0x0123456789abcdef\0"), LOGIN_TX);
	assert_string_equal(kit_value(s.request, "CHAP_A"), OFFERED_ALGORITHMS);
	assert_int_equal(RESPOND(s, 0, 1, ""), LOGIN_TX);
	assert_string_equal(kit_value(s.request, "CHAP_N"), "alice");
	assert_null(kit_value(s.request, "CHAP_C"));
	/* SHA-256 of 03, "alice's own secret", 0123456789abcdef, by another program */
	assert_string_equal(kit_value(s.request, "CHAP_R"),
			"0x5f38810ea1f44b7f43279530f79c94dac195b4189bcef782567b0b7b688e10c7");
	close_script(s);
}

static void a_target_that_leaves_out_mutual_authentication_is_refused(void **state)
{
	(void)state;
	/* goes on without it */
	assert_int_equal(chap_error(true, 2, 1, KIT_TEXT("")), ISCSIP_EAUTH);
	assert_int_equal(chap_error(true, 2, -1, KIT_TEXT("")), ISCSIP_EAUTH);
	/* half of it, too much of it, wrong ones */
	assert_int_equal(chap_error(true, 2, 1, KIT_TEXT("CHAP_N=storage\0")), ISCSIP_EAUTH);
	assert_int_equal(chap_error(true, 2, 1, KIT_TEXT("CHAP_R=0x00\0")), ISCSIP_EAUTH);
	assert_int_equal(chap_error(true, 2, 1, KIT_TEXT("CHAP_N=storage\0CHAP_R=0x00\0")), ISCSIP_EAUTH);
	assert_int_equal(chap_error(true, 2, 1,
			KIT_TEXT("CHAP_N=mallory\0CHAP_R=0x0000000000000000000000000000000000000000000000000000000000000000\0")),
			 ISCSIP_EAUTH);
	assert_int_equal(chap_error(true, 2, 1,
			KIT_TEXT("CHAP_N=storage\0CHAP_R=0x0000000000000000000000000000000000000000000000000000000000000000\0")),
			 ISCSIP_EAUTH);
	assert_int_equal(chap_error(true, 2, 1, KIT_TEXT("CHAP_N=storage\0CHAP_R=0x00\0CHAP_I=1\0CHAP_C=0x00\0")),
			ISCSIP_EPROTO);
	/* proof that nobody asked for */
	assert_int_equal(chap_error(false, 2, 1, KIT_TEXT("CHAP_N=storage\0CHAP_R=0x00\0")), ISCSIP_EPROTO);
	/* no way round by None, which was not offered */
	assert_int_equal(chap_error(true, 0, -1, KIT_TEXT("AuthMethod=None\0")), ISCSIP_EPROTO);
}

/* A rogue that sends the initiator's own response back: with one secret for both ways it would be right. */
static void a_response_that_our_own_secret_gives_is_no_proof(void **state)
{
	struct script s = open_chap(true);
	uint8_t challenge[32], response[32];
	char text[400];
	const char *c;
	uint32_t id;
	size_t n;

	(void)state;
	s.k->i.host.peer_secret = s.k->i.host.own_secret;
	assert_int_equal(RESPOND(s, 0, -1, "AuthMethod=CHAP\0"), LOGIN_TX);
	assert_int_equal(RESPOND(s, 0, -1, "CHAP_A=7\0CHAP_I=3\0CHAP_C=0x0123456789abcdef\0"), LOGIN_TX);
	/* look at the request, then answer it: kit_respond takes it itself, so take it by hand here */
	kit_take(s.k, &s.k->i, s.request);
	c = kit_value(s.request, "CHAP_C");
	assert_int_equal(iscsip_text_binary(c, strlen(c), challenge, sizeof challenge, &n), ISCSIP_OK);
	c = kit_value(s.request, "CHAP_I");
	assert_int_equal(iscsip_text_number_in(c, strlen(c), 0, 255, &id), ISCSIP_OK);
	iscsip_chap_response(7, (uint8_t)id, s.k->i.host.own_secret, strlen(s.k->i.host.own_secret), challenge, n, response);
	n = (size_t)iscsip_text_put(text, sizeof text, "CHAP_N", "storage");
	n += (size_t)iscsip_text_put_binary(text + n, sizeof text - n, "CHAP_R", response, 32, ISCSIP_BINARY_HEX);
	{
		struct kit_pdu *p = calloc(1, sizeof *p);

		p->pdu.opcode = ISCSIP_OP_LOGIN_RESPONSE;
		p->pdu.itt = s.request->pdu.itt;
		memcpy(p->pdu.login_response.isid, s.request->pdu.login_request.isid, 6);
		p->pdu.login_response.transit = true;
		p->pdu.login_response.nsg = 1;
		p->pdu.data_len = (uint32_t)n;
		p->len = n;
		memcpy(p->text, text, n);
		kit_give(s.k, &s.k->i, p);
		free(p);
	}
	assert_int_equal(iscsip__login_error(s.k->i.l), ISCSIP_EAUTH);
	assert_false(iscsip__login_info(s.k->i.l)->peer_authenticated);
	close_script(s);
}

static void none_is_good_enough_only_where_it_was_offered(void **state)
{
	struct script s = open_script();

	(void)state;
	assert_int_equal(iscsip_offer_set(&s.k->i.host.offer, "AuthMethod", "CHAP,None"), ISCSIP_OK);
	s.k->i.host.own_name = "alice";
	s.k->i.host.own_secret = "alice's own secret";
	kit_open_initiator(s.k);
	assert_int_equal(RESPOND(s, 0, 1, "AuthMethod=None\0"), LOGIN_TX);
	assert_true(s.request->pdu.login_request.transit);
	assert_int_equal(RESPOND(s, 1, 3, ANSWERS), LOGIN_DONE);
	close_script(s);
	/* a target without security that says nothing of it */
	s = open_script();
	iscsip_offer_set(&s.k->i.host.offer, "AuthMethod", "CHAP,None");
	kit_open_initiator(s.k);
	assert_int_equal(RESPOND(s, 0, 1, "TargetPortalGroupTag=1\0"), LOGIN_TX);
	assert_int_equal(RESPOND(s, 1, 3, ANSWERS), LOGIN_DONE);
	close_script(s);
	/* one that chooses CHAP and ends the stage in one breath */
	s = open_script();
	iscsip_offer_set(&s.k->i.host.offer, "AuthMethod", "CHAP,None");
	kit_open_initiator(s.k);
	assert_int_equal(RESPOND(s, 0, 1, "AuthMethod=CHAP\0"), LOGIN_FAILED);
	assert_int_equal(iscsip__login_error(s.k->i.l), ISCSIP_EAUTH);
	close_script(s);
}

static void pdus_out_of_place_end_the_login(void **state)
{
	struct script s = open_script();

	(void)state;
	assert_int_equal(iscsip__login_rx(s.k->i.l, &s.request->pdu), ISCSIP_ESTATE);
	iscsip__login_rx_early(s.k->i.l);
	assert_int_equal(iscsip__login_want(s.k->i.l), LOGIN_FAILED);
	close_script(s);
	s = open_script();
	kit_take(s.k, &s.k->i, s.request);
	iscsip__login_rx_other(s.k->i.l);
	assert_int_equal(iscsip__login_want(s.k->i.l), LOGIN_FAILED);
	assert_int_equal(iscsip__login_error(s.k->i.l), ISCSIP_EPROTO);
	close_script(s);
	s = open_script();
	assert_int_equal(iscsip__login_refuse(s.k->i.l, ISCSIP_LOGIN_INITIATOR_ERROR, NULL), ISCSIP_OK);
	assert_int_equal(iscsip__login_want(s.k->i.l), LOGIN_FAILED);
	assert_int_equal(iscsip__login_error(s.k->i.l), ISCSIP_EHOST);
	close_script(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_complete_set_of_answers_ends_the_login),
		cmocka_unit_test(a_target_that_leaves_keys_unanswered_is_dropped_unless_allowed),
		cmocka_unit_test(answers_that_break_the_rules_end_the_login),
		cmocka_unit_test(proposals_of_the_target_are_answered),
		cmocka_unit_test(a_response_must_fit_its_request),
		cmocka_unit_test(a_further_connection_keeps_its_session_handle),
		cmocka_unit_test(a_transition_that_was_not_asked_for_is_refused),
		cmocka_unit_test(a_refusal_is_told_with_its_status),
		cmocka_unit_test(a_redirection_must_say_where_to),
		cmocka_unit_test(a_response_in_pieces_is_joined),
		cmocka_unit_test(a_target_that_never_ends_is_given_up),
		cmocka_unit_test(the_choice_of_a_method_must_be_one_that_was_offered),
		cmocka_unit_test(a_challenge_must_be_complete_and_of_an_offered_algorithm),
		cmocka_unit_test(an_algorithm_is_good_where_it_is_built_in),
		cmocka_unit_test(the_response_to_a_challenge_is_the_right_one),
		cmocka_unit_test(a_target_that_leaves_out_mutual_authentication_is_refused),
		cmocka_unit_test(a_response_that_our_own_secret_gives_is_no_proof),
		cmocka_unit_test(none_is_good_enough_only_where_it_was_offered),
		cmocka_unit_test(pdus_out_of_place_end_the_login),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
