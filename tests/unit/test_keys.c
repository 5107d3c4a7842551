/* SPDX-License-Identifier: MIT */
/*
 * The key table, offers, and the negotiator by kind of key: RFC 7143 6.2 and chapter 13.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "login/login.h"

/* ----------------------------------------------------------------------------------------- offers */

static void the_init_functions_make_offers_that_pass_the_check(void **state)
{
	struct iscsip_offer offer;
	const char *key = "?";

	(void)state;
	iscsip_offer_init_initiator(&offer);
	assert_int_equal(iscsip_offer_check(&offer, &key), ISCSIP_OK);
	assert_null(key);
	assert_int_equal(offer.max_recv_data_segment_length, 262144);
	assert_false(offer.initial_r2t);
	assert_true(offer.immediate_data);
	iscsip_offer_init_target(&offer);
	assert_int_equal(iscsip_offer_check(&offer, &key), ISCSIP_OK);
	assert_int_equal(offer.iscsi_protocol_level, 2);
}

static void defaults_are_those_of_the_standards(void **state)
{
	struct iscsip_params p;

	(void)state;
	iscsip_params_init(&p);
	assert_int_equal(p.header_digest, ISCSIP_DIGEST_NONE);
	assert_int_equal(p.data_digest, ISCSIP_DIGEST_NONE);
	assert_int_equal(p.max_connections, 1);
	assert_true(p.initial_r2t);
	assert_true(p.immediate_data);
	assert_int_equal(p.max_recv_data_segment_length, 8192);
	assert_int_equal(p.max_send_data_segment_length, 8192);
	assert_int_equal(p.max_burst_length, 262144);
	assert_int_equal(p.first_burst_length, 65536);
	assert_int_equal(p.default_time2wait, 2);
	assert_int_equal(p.default_time2retain, 20);
	assert_int_equal(p.max_outstanding_r2t, 1);
	assert_true(p.data_pdu_in_order);
	assert_true(p.data_sequence_in_order);
	assert_int_equal(p.error_recovery_level, 0);
	assert_int_equal(p.session_type, ISCSIP_SESSION_NORMAL);
	assert_int_equal(p.task_reporting, ISCSIP_TASK_REPORTING_RFC3720);
	assert_int_equal(p.iscsi_protocol_level, 1);
	assert_false(p.rdma_extensions);
	assert_int_equal(p.target_recv_data_segment_length, 8192);
	assert_int_equal(p.max_ahs_length, 256);
	assert_int_equal(p.max_outstanding_unexpected_pdus, 0);
}

static void an_offer_is_set_from_text(void **state)
{
	struct iscsip_offer o;

	(void)state;
	iscsip_offer_init_target(&o);
	assert_int_equal(iscsip_offer_set(&o, "HeaderDigest", "CRC32C,None"), ISCSIP_OK);
	assert_int_equal(o.header_digest.count, 2);
	assert_int_equal(o.header_digest.item[0], ISCSIP_DIGEST_CRC32C);
	assert_int_equal(iscsip_offer_set(&o, "MaxBurstLength", "0x10000"), ISCSIP_OK);
	assert_int_equal(o.max_burst_length, 65536);
	assert_int_equal(iscsip_offer_set(&o, "InitialR2T", "Yes"), ISCSIP_OK);
	assert_true(o.initial_r2t);
	assert_int_equal(iscsip_offer_set(&o, "AuthMethod", "CHAP,None"), ISCSIP_OK);
	assert_int_equal(o.auth_methods.item[0], ISCSIP_AUTH_CHAP);
	assert_int_equal(iscsip_offer_set(&o, "CHAP_A", "5,7"), ISCSIP_OK);
	assert_int_equal(o.chap_algorithms.item[1], 7);
	assert_int_equal(iscsip_offer_set(&o, "TaskReporting", "ResponseFence,RFC3720"), ISCSIP_OK);
	assert_int_equal(iscsip_offer_set(&o, "ErrorRecoveryLevel", "2"), ISCSIP_OK);
	assert_int_equal(iscsip_offer_set(&o, "MaxAHSLength", "0"), ISCSIP_OK);
	assert_int_equal(o.max_ahs_length, 0);
	o.auth_extension = "Z-com.example.badge";
	assert_int_equal(iscsip_offer_set(&o, "AuthMethod", "Z-com.example.badge,CHAP"), ISCSIP_OK);
	assert_int_equal(o.auth_methods.item[0], ISCSIP_AUTH_EXTENSION);
}

static void an_offer_is_unchanged_where_the_text_is_wrong(void **state)
{
	static const struct {
		const char *key, *value;
		int rc;
	} bad[] = {
		{ "NoSuchKey", "1", ISCSIP_ENOENT },          { "maxburstlength", "1024", ISCSIP_ENOENT },  { "TargetName",
				"iqn", ISCSIP_ENOENT },
		{ "IFMarker", "No", ISCSIP_ENOENT },          { "CHAP_C", "0x00", ISCSIP_ENOENT },          { "", "1",
				ISCSIP_ENOENT },
		{ "InitialR2T", "yes", ISCSIP_EINVAL },       { "InitialR2T", "1", ISCSIP_EINVAL },
				{ "MaxBurstLength", "many", ISCSIP_EINVAL },
		{ "MaxBurstLength", "511", ISCSIP_TEXT_ERANGE }, { "MaxBurstLength", "16777216", ISCSIP_TEXT_ERANGE },
		{ "MaxBurstLength", "", ISCSIP_EINVAL },      { "MaxConnections", "0", ISCSIP_TEXT_ERANGE },
				{ "ErrorRecoveryLevel", "3", ISCSIP_TEXT_ERANGE },
		{ "MaxAHSLength", "1", ISCSIP_TEXT_ERANGE },  { "HeaderDigest", "", ISCSIP_EINVAL },
				{ "HeaderDigest", "CRC32C,", ISCSIP_EINVAL },
		{ "HeaderDigest", "CRC32", ISCSIP_EINVAL },   { "HeaderDigest", "None,None", ISCSIP_EINVAL }, { "CHAP_A",
				"4", ISCSIP_EINVAL },
		{ "CHAP_A", "9", ISCSIP_EINVAL },             { "AuthMethod", "Z-com.example.badge", ISCSIP_EINVAL },
		{ "MaxBurstLength", "1024~2048", ISCSIP_EINVAL } };
	struct iscsip_offer o, before;
	size_t i;

	(void)state;
	iscsip_offer_init_target(&o);
	memcpy(&before, &o, sizeof o);
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(iscsip_offer_set(&o, bad[i].key, bad[i].value), bad[i].rc);
		assert_memory_equal(&o, &before, sizeof o);
	}
}

static void the_check_names_the_key_at_fault(void **state)
{
	struct iscsip_offer o;
	const char *key;

	(void)state;
#define BREAKS(change, name) \
	do { \
		iscsip_offer_init_initiator(&o); \
		change; \
		assert_int_equal(iscsip_offer_check(&o, &key), ISCSIP_EINVAL); \
		assert_string_equal(key, name); \
	} while (0)
	BREAKS(o.first_burst_length = o.max_burst_length + 1, "FirstBurstLength");
	BREAKS(o.max_connections = 0, "MaxConnections");
	BREAKS(o.max_recv_data_segment_length = 511, "MaxRecvDataSegmentLength");
	BREAKS(o.default_time2wait = 3601, "DefaultTime2Wait");
	BREAKS(o.header_digest.count = 0, "HeaderDigest");
	BREAKS(o.data_digest.item[0] = 2, "DataDigest");
	BREAKS(o.mutual_auth = true, "AuthMethod");
	BREAKS(o.auth_methods.item[0] = ISCSIP_AUTH_EXTENSION, "AuthMethod");
	BREAKS(o.task_reporting.item[0] = ISCSIP_TASK_REPORTING_FAST_ABORT, "TaskReporting");
	BREAKS(o.chap_algorithms.item[2] = 5; o.chap_algorithms.item[3] = 5, "CHAP_A");
	BREAKS(o.node_architecture = "", "X#NodeArchitecture");
#undef BREAKS
	iscsip_offer_init_initiator(&o);
	o.struct_size = 8;
	assert_int_equal(iscsip_offer_check(&o, NULL), ISCSIP_EINVAL);
}

/* -------------------------------------------------------------------------------------- negotiator */

struct side {
	struct iscsip__nego n;
	struct iscsip_params p;
	struct iscsip_offer offer;
	struct iscsip__out out;
	char text[8192];
	char shown[8192]; /* the text with "|" for each NUL */
};

static void side_open(struct side *s, bool target, enum iscsip__nego_stage stage)
{
	memset(s, 0, sizeof *s);
	if (target)
		iscsip_offer_init_target(&s->offer);
	else
		iscsip_offer_init_initiator(&s->offer);
	iscsip_params_init(&s->p);
	iscsip__nego_init(&s->n, target, &s->offer, &s->p);
	iscsip__nego_enter(&s->n, stage);
	s->out.buf = s->text;
	s->out.cap = sizeof s->text;
}

static const char *shown(struct side *s)
{
	size_t i;

	assert_false(s->out.full);
	for (i = 0; i < s->out.len; i++)
		s->shown[i] = s->text[i] ? s->text[i] : '|';
	s->shown[i] = 0;
	s->out.len = 0;
	return s->shown;
}

static int say(struct side *s, const char *pair)
{
	const char *eq = strchr(pair, '=');
	struct iscsip_text_pair p = { pair, (size_t)(eq - pair), eq + 1, strlen(eq + 1), 0, true };
	enum iscsip__key key;

	return iscsip__nego_pair(&s->n, &p, &s->out, &key);
}

/* What a target with the offer of `set` (a list of keys and values, ended by NULL) answers to one pair. */
static const char *answer_to(const char *pair, const char *const *set)
{
	static struct side s;

	side_open(&s, true, NEGO_OPERATIONAL);
	for (; set && *set; set += 2)
		assert_int_equal(iscsip_offer_set(&s.offer, set[0], set[1]), ISCSIP_OK);
	s.n.sent = iscsip__key_bit(ISCSIP__KEY_MAX_RECV_DATA_SEGMENT_LENGTH); /* not declared here,
			to keep the answers short */
	if (say(&s, pair) == NEGO_BROKEN || iscsip__nego_text_end(&s.n, false, &s.out) == NEGO_BROKEN)
		return "broken";
	return shown(&s);
}

#define SET(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void and_keys_end_at_no_if_either_side_says_so(void **state)
{
	(void)state;
	assert_string_equal(answer_to("ImmediateData=Yes", SET("ImmediateData", "Yes")), "ImmediateData=Yes|");
	assert_string_equal(answer_to("ImmediateData=No", SET("ImmediateData", "Yes")), "ImmediateData=No|");
	assert_string_equal(answer_to("ImmediateData=Yes", SET("ImmediateData", "No")), "ImmediateData=No|");
	assert_string_equal(answer_to("ImmediateData=No", SET("ImmediateData", "No")), "ImmediateData=No|");
	assert_string_equal(answer_to("ImmediateData=Maybe", SET("ImmediateData", "Yes")), "ImmediateData=Reject|");
}

static void or_keys_end_at_yes_if_either_side_says_so(void **state)
{
	(void)state;
	assert_string_equal(answer_to("InitialR2T=No", SET("InitialR2T", "No")), "InitialR2T=No|");
	assert_string_equal(answer_to("InitialR2T=Yes", SET("InitialR2T", "No")), "InitialR2T=Yes|");
	assert_string_equal(answer_to("InitialR2T=No", SET("InitialR2T", "Yes")), "InitialR2T=Yes|");
	assert_string_equal(answer_to("DataPDUInOrder=No", SET("DataPDUInOrder", "No")), "DataPDUInOrder=No|");
	assert_string_equal(answer_to("DataSequenceInOrder=No", SET("DataSequenceInOrder", "Yes")),
			"DataSequenceInOrder=Yes|");
}

static void numbers_end_at_the_minimum_or_maximum(void **state)
{
	(void)state;
	assert_string_equal(answer_to("MaxBurstLength=4096", SET("MaxBurstLength", "8192")), "MaxBurstLength=4096|");
	assert_string_equal(answer_to("MaxBurstLength=16776192", SET("MaxBurstLength", "8192")), "MaxBurstLength=8192|");
	assert_string_equal(answer_to("MaxBurstLength=0x1000", SET("MaxBurstLength", "8192")), "MaxBurstLength=4096|");
	assert_string_equal(answer_to("MaxConnections=8", SET("MaxConnections", "4")), "MaxConnections=4|");
	assert_string_equal(answer_to("ErrorRecoveryLevel=2", SET("ErrorRecoveryLevel", "1")), "ErrorRecoveryLevel=1|");
	assert_string_equal(answer_to("DefaultTime2Wait=0", SET("DefaultTime2Wait", "5")), "DefaultTime2Wait=5|");
	assert_string_equal(answer_to("DefaultTime2Wait=9", SET("DefaultTime2Wait", "5")), "DefaultTime2Wait=9|");
	assert_string_equal(answer_to("DefaultTime2Retain=9", SET("DefaultTime2Retain", "5")), "DefaultTime2Retain=5|");
	assert_string_equal(answer_to("iSCSIProtocolLevel=2", NULL), "iSCSIProtocolLevel=2|");
	assert_string_equal(answer_to("iSCSIProtocolLevel=0", NULL), "iSCSIProtocolLevel=0|");
}

static void values_outside_a_keys_range_are_rejected(void **state)
{
	static const char *bad[] = { "MaxBurstLength=511", "MaxBurstLength=16777216", "MaxBurstLength=4294968320",
			"MaxBurstLength=-1",
				     "MaxBurstLength=", "MaxBurstLength=1024~4096", "MaxBurstLength= 1024",
						"MaxBurstLength=0b1024" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_string_equal(answer_to(bad[i], NULL), "MaxBurstLength=Reject|");
	assert_string_equal(answer_to("ErrorRecoveryLevel=3", NULL), "ErrorRecoveryLevel=Reject|");
	assert_string_equal(answer_to("MaxConnections=0", NULL), "MaxConnections=Reject|");
	assert_string_equal(answer_to("DefaultTime2Retain=3601", SET("DefaultTime2Retain", "0")), "DefaultTime2Retain=Reject|");
	/* the default that would then hold is more than this side takes: there is no way on */
	assert_string_equal(answer_to("MaxBurstLength=511", SET("MaxBurstLength", "4096", "FirstBurstLength", "512")),
			"broken");
}

static void a_list_is_answered_with_its_first_acceptable_item(void **state)
{
	(void)state;
	assert_string_equal(answer_to("HeaderDigest=CRC32C,None", SET("HeaderDigest", "None,CRC32C")),
			"HeaderDigest=CRC32C|");
	assert_string_equal(answer_to("HeaderDigest=None,CRC32C", SET("HeaderDigest", "CRC32C,None")), "HeaderDigest=None|");
	assert_string_equal(answer_to("HeaderDigest=None,CRC32C", SET("HeaderDigest", "CRC32C")), "HeaderDigest=CRC32C|");
	assert_string_equal(answer_to("DataDigest=Y-com.example.sum,Sparkle,CRC32C", NULL), "DataDigest=CRC32C|");
	assert_string_equal(answer_to("DataDigest=Sparkle", NULL), "DataDigest=Reject|");
	assert_string_equal(answer_to("DataDigest=crc32c", NULL), "DataDigest=Reject|");
	assert_string_equal(answer_to("DataDigest=None,,CRC32C", NULL), "DataDigest=Reject|");
	assert_string_equal(answer_to("DataDigest=None", SET("DataDigest", "CRC32C")), "broken");
	assert_string_equal(answer_to("TaskReporting=RFC3720,ResponseFence", NULL), "TaskReporting=RFC3720|");
	assert_string_equal(answer_to("TaskReporting=FastAbort,ResponseFence,RFC3720", NULL), "TaskReporting=FastAbort|");
	/* a list longer than anybody's: what stands far behind is not found, what stands before is */
	assert_string_equal(answer_to("DataDigest=None,None,None,None,None,None,None,None,CRC32C", SET("DataDigest",
			"None,CRC32C")), "DataDigest=None|");
}

static void unknown_keys_are_not_understood(void **state)
{
	(void)state;
	assert_string_equal(answer_to("X-com.example.colour=blue", NULL), "X-com.example.colour=NotUnderstood|");
	assert_string_equal(answer_to("NewPublicKey=1", NULL), "NewPublicKey=NotUnderstood|");
	assert_string_equal(answer_to("maxburstlength=4096", NULL), "maxburstlength=NotUnderstood|");
	/* a reserved word can only be the answer to something that was never asked */
	assert_string_equal(answer_to("X-com.example.colour=NotUnderstood", NULL), "broken");
	assert_string_equal(answer_to("X-com.example.colour=Reject", NULL), "broken");
}

static void obsolete_keys_are_rejected_and_iser_keys_irrelevant_without_iser(void **state)
{
	(void)state;
	assert_string_equal(answer_to("OFMarker=No", NULL), "OFMarker=Reject|");
	assert_string_equal(answer_to("IFMarker=Yes", NULL), "IFMarker=Reject|");
	assert_string_equal(answer_to("OFMarkInt=2048~8192", NULL), "OFMarkInt=Reject|");
	assert_string_equal(answer_to("IFMarkInt=2048~8192", NULL), "IFMarkInt=Reject|");
	assert_string_equal(answer_to("RDMAExtensions=Yes", NULL), "RDMAExtensions=No|");
	assert_string_equal(answer_to("TargetRecvDataSegmentLength=8192", NULL), "TargetRecvDataSegmentLength=Irrelevant|");
	assert_string_equal(answer_to("InitiatorRecvDataSegmentLength=8192", NULL),
			"InitiatorRecvDataSegmentLength=Irrelevant|");
	assert_string_equal(answer_to("iSERHelloRequired=Yes", NULL), "");
	assert_string_equal(answer_to("MaxAHSLength=0", NULL), "");
	assert_string_equal(answer_to("MaxOutstandingUnexpectedPDUs=16", NULL), "");
}

static void iser_is_negotiated_where_the_host_has_it(void **state)
{
	struct side s;

	(void)state;
	side_open(&s, true, NEGO_OPERATIONAL);
	s.offer.rdma_extensions = true;
	assert_int_equal(say(&s, "TargetRecvDataSegmentLength=4096"), NEGO_OK);
	assert_int_equal(say(&s, "HeaderDigest=CRC32C"), NEGO_OK);
	assert_int_equal(say(&s, "RDMAExtensions=Yes"), NEGO_OK);
	assert_int_equal(iscsip__nego_text_end(&s.n, false, &s.out), NEGO_OK);
	assert_string_equal(shown(&s),
			"RDMAExtensions=Yes|HeaderDigest=Irrelevant|TargetRecvDataSegmentLength=4096|MaxRecvDataSegmentLength=262144|"
			    "MaxOutstandingUnexpectedPDUs=0|MaxAHSLength=256|");
	assert_int_equal(iscsip__nego_finish(&s.n), NEGO_OK);
	assert_int_equal(s.p.max_recv_data_segment_length, 4096);
	assert_int_equal(s.p.max_send_data_segment_length, 8192);
	assert_int_equal(s.p.header_digest, ISCSIP_DIGEST_NONE);
}

static void reserved_words_are_no_proposals(void **state)
{
	static const char *keys[] = { "MaxBurstLength", "InitialR2T", "HeaderDigest", "MaxRecvDataSegmentLength",
			"InitiatorAlias", "IFMarker" };
	static const char *words[] = { "NotUnderstood", "Irrelevant", "Reject" };
	char pair[80];
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof keys / sizeof keys[0]; i++)
		for (j = 0; j < 3; j++) {
			strcpy(pair, keys[i]);
			strcat(pair, "=");
			strcat(pair, words[j]);
			assert_string_equal(answer_to(pair, NULL), "broken");
		}
}

static void keys_come_once_from_the_right_side_in_the_right_stage(void **state)
{
	struct side s;

	(void)state;
	side_open(&s, true, NEGO_OPERATIONAL);
	assert_int_equal(say(&s, "MaxBurstLength=4096"), NEGO_OK);
	assert_int_equal(say(&s, "MaxBurstLength=4096"), NEGO_BROKEN);
	side_open(&s, true, NEGO_OPERATIONAL);
	assert_int_equal(say(&s, "MaxRecvDataSegmentLength=4096"), NEGO_OK);
	assert_int_equal(say(&s, "MaxRecvDataSegmentLength=8192"), NEGO_BROKEN);
	side_open(&s, true, NEGO_OPERATIONAL);
	assert_int_equal(say(&s, "TargetAlias=disk"), NEGO_BROKEN);
	assert_int_equal(say(&s, "TargetPortalGroupTag=1"), NEGO_BROKEN);
	assert_int_equal(say(&s, "AuthMethod=None"), NEGO_BROKEN);
	assert_int_equal(say(&s, "SendTargets=All"), NEGO_BROKEN);
	side_open(&s, false, NEGO_OPERATIONAL);
	assert_int_equal(say(&s, "InitiatorAlias=me"), NEGO_BROKEN);
	assert_int_equal(say(&s, "SessionType=Normal"), NEGO_BROKEN);
	assert_int_equal(say(&s, "TargetPortalGroupTag=1"), NEGO_KEY_OF_OWNER);
	side_open(&s, true, NEGO_SECURITY);
	assert_int_equal(say(&s, "MaxBurstLength=4096"), NEGO_BROKEN);
	assert_int_equal(say(&s, "InitiatorName=x"), NEGO_KEY_OF_OWNER);
	side_open(&s, true, NEGO_FULL);
	assert_int_equal(say(&s, "SendTargets=All"), NEGO_KEY_OF_OWNER);
	assert_int_equal(say(&s, "MaxRecvDataSegmentLength=4096"), NEGO_OK);
	assert_int_equal(s.p.max_send_data_segment_length, 4096);
	assert_int_equal(say(&s, "HeaderDigest=None"), NEGO_BROKEN);
	/* a declaration that is none cannot be answered */
	side_open(&s, true, NEGO_OPERATIONAL);
	assert_int_equal(say(&s, "MaxRecvDataSegmentLength=511"), NEGO_BROKEN);
}

static void a_discovery_session_has_few_relevant_keys(void **state)
{
	struct side s;

	(void)state;
	side_open(&s, true, NEGO_OPERATIONAL);
	s.n.discovery = true;
	s.n.sent = iscsip__key_bit(ISCSIP__KEY_MAX_RECV_DATA_SEGMENT_LENGTH);
	assert_int_equal(say(&s, "MaxConnections=4"), NEGO_OK);
	assert_int_equal(say(&s, "InitialR2T=Yes"), NEGO_OK);
	assert_int_equal(say(&s, "HeaderDigest=CRC32C"), NEGO_OK);
	assert_int_equal(say(&s, "ErrorRecoveryLevel=2"), NEGO_OK);
	assert_int_equal(say(&s, "FirstBurstLength=512"), NEGO_OK);
	assert_int_equal(iscsip__nego_text_end(&s.n, true, &s.out), NEGO_OK);
	assert_string_equal(shown(&s),
			"HeaderDigest=CRC32C|MaxConnections=Irrelevant|InitialR2T=Irrelevant|FirstBurstLength=Irrelevant|"
			    "ErrorRecoveryLevel=0|");
	assert_int_equal(iscsip__nego_finish(&s.n), NEGO_OK);
	assert_int_equal(s.p.max_connections, 1);
}

static void keys_of_the_leading_connection_are_rejected_on_others(void **state)
{
	struct side s;

	(void)state;
	side_open(&s, true, NEGO_OPERATIONAL);
	s.n.leading = false;
	s.n.sent = iscsip__key_bit(ISCSIP__KEY_MAX_RECV_DATA_SEGMENT_LENGTH);
	s.p.max_burst_length = 99999;
	assert_int_equal(say(&s, "MaxBurstLength=4096"), NEGO_OK);
	assert_int_equal(say(&s, "HeaderDigest=CRC32C"), NEGO_OK);
	assert_int_equal(iscsip__nego_text_end(&s.n, true, &s.out), NEGO_OK);
	assert_string_equal(shown(&s), "HeaderDigest=CRC32C|MaxBurstLength=Reject|");
	assert_int_equal(s.p.max_burst_length, 99999);
}

static void first_burst_never_exceeds_max_burst_whatever_the_order(void **state)
{
	static const char *orders[2][2] = { { "FirstBurstLength=65536", "MaxBurstLength=16384" }, { "MaxBurstLength=16384",
			"FirstBurstLength=65536" } };
	struct side s;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		side_open(&s, true, NEGO_OPERATIONAL);
		s.n.sent = iscsip__key_bit(ISCSIP__KEY_MAX_RECV_DATA_SEGMENT_LENGTH);
		assert_int_equal(say(&s, orders[i][0]), NEGO_OK);
		assert_int_equal(say(&s, orders[i][1]), NEGO_OK);
		assert_int_equal(iscsip__nego_text_end(&s.n, true, &s.out), NEGO_OK);
		assert_string_equal(shown(&s), "MaxBurstLength=16384|FirstBurstLength=16384|");
		assert_int_equal(iscsip__nego_finish(&s.n), NEGO_OK);
	}
	/* the initiator never mentions FirstBurstLength, whose default is now too much: the target does */
	side_open(&s, true, NEGO_OPERATIONAL);
	s.n.sent = iscsip__key_bit(ISCSIP__KEY_MAX_RECV_DATA_SEGMENT_LENGTH);
	assert_int_equal(say(&s, "MaxBurstLength=16384"), NEGO_OK);
	assert_int_equal(iscsip__nego_text_end(&s.n, true, &s.out), NEGO_OK);
	assert_string_equal(shown(&s), "MaxBurstLength=16384|FirstBurstLength=16384|");
	assert_true(iscsip__nego_unanswered(&s.n) == iscsip__key_bit(ISCSIP__KEY_FIRST_BURST_LENGTH));
	assert_int_equal(say(&s, "FirstBurstLength=32768"), NEGO_BROKEN);
}

static void first_burst_is_irrelevant_without_unsolicited_data(void **state)
{
	struct side s;

	(void)state;
	side_open(&s, true, NEGO_OPERATIONAL);
	s.n.sent = iscsip__key_bit(ISCSIP__KEY_MAX_RECV_DATA_SEGMENT_LENGTH);
	s.offer.immediate_data = false;
	s.offer.initial_r2t = true;
	/* the example of RFC 7143 6.2 */
	assert_int_equal(say(&s, "InitialR2T=No"), NEGO_OK);
	assert_int_equal(say(&s, "ImmediateData=Yes"), NEGO_OK);
	assert_int_equal(say(&s, "FirstBurstLength=4192"), NEGO_OK);
	assert_int_equal(iscsip__nego_text_end(&s.n, true, &s.out), NEGO_OK);
	assert_string_equal(shown(&s), "InitialR2T=Yes|ImmediateData=No|FirstBurstLength=Irrelevant|");
	assert_int_equal(s.p.first_burst_length, 65536);
}

static void recovery_with_sequences_in_order_allows_one_r2t(void **state)
{
	struct side s;

	(void)state;
	side_open(&s, true, NEGO_OPERATIONAL);
	s.offer.error_recovery_level = 2;
	s.n.sent = iscsip__key_bit(ISCSIP__KEY_MAX_RECV_DATA_SEGMENT_LENGTH);
	assert_int_equal(say(&s, "MaxOutstandingR2T=4"), NEGO_OK);
	assert_int_equal(say(&s, "ErrorRecoveryLevel=1"), NEGO_OK);
	assert_int_equal(iscsip__nego_text_end(&s.n, true, &s.out), NEGO_OK);
	assert_string_equal(shown(&s), "ErrorRecoveryLevel=1|MaxOutstandingR2T=1|");
	side_open(&s, true, NEGO_OPERATIONAL);
	s.offer.error_recovery_level = 2;
	s.offer.data_sequence_in_order = false;
	s.n.sent = iscsip__key_bit(ISCSIP__KEY_MAX_RECV_DATA_SEGMENT_LENGTH);
	assert_int_equal(say(&s, "MaxOutstandingR2T=4"), NEGO_OK);
	assert_int_equal(say(&s, "ErrorRecoveryLevel=1"), NEGO_OK);
	assert_int_equal(say(&s, "DataSequenceInOrder=No"), NEGO_OK);
	assert_int_equal(iscsip__nego_text_end(&s.n, true, &s.out), NEGO_OK);
	assert_string_equal(shown(&s), "DataSequenceInOrder=No|ErrorRecoveryLevel=1|MaxOutstandingR2T=4|");
	/* an initiator offers no more either */
	side_open(&s, false, NEGO_OPERATIONAL);
	s.offer.error_recovery_level = 2;
	iscsip__nego_propose_all(&s.n, &s.out);
	assert_non_null(strstr(shown(&s), "|MaxOutstandingR2T=1|"));
}

static void a_target_proposes_what_it_cannot_leave_at_the_default(void **state)
{
	struct side s;

	(void)state;
	side_open(&s, true, NEGO_OPERATIONAL);
	s.offer.header_digest.item[0] = ISCSIP_DIGEST_CRC32C;
	s.offer.header_digest.count = 1;
	s.offer.immediate_data = false;
	s.offer.max_burst_length = 8192;
	s.offer.first_burst_length = 8192;
	assert_true(iscsip__nego_needs_stage(&s.n));
	assert_int_equal(iscsip__nego_text_end(&s.n, false, &s.out), NEGO_OK);
	assert_string_equal(shown(&s), "MaxRecvDataSegmentLength=262144|");
	assert_int_equal(iscsip__nego_text_end(&s.n, true, &s.out), NEGO_OK);
	/* FirstBurstLength is irrelevant: InitialR2T keeps its default Yes, and ImmediateData is No */
	assert_string_equal(shown(&s), "HeaderDigest=CRC32C|ImmediateData=No|MaxBurstLength=8192|");
	/* ImmediateData=No needs no answer (RFC 7143 6.2.2), the others do */
	assert_true(iscsip__nego_unanswered(&s.n) ==
		    (iscsip__key_bit(ISCSIP__KEY_HEADER_DIGEST) | iscsip__key_bit(ISCSIP__KEY_MAX_BURST_LENGTH)));
	assert_int_equal(say(&s, "HeaderDigest=CRC32C"), NEGO_OK);
	assert_int_equal(say(&s, "MaxBurstLength=4096"), NEGO_OK);
	assert_true(iscsip__nego_unanswered(&s.n) == 0);
	assert_int_equal(s.p.header_digest, ISCSIP_DIGEST_CRC32C);
	assert_int_equal(s.p.max_burst_length, 4096);
	assert_false(s.p.immediate_data);
	assert_int_equal(iscsip__nego_text_end(&s.n, true, &s.out), NEGO_OK);
	assert_string_equal(shown(&s), "");
}

static void an_initiator_proposes_each_key_once(void **state)
{
	struct side s;

	(void)state;
	side_open(&s, false, NEGO_OPERATIONAL);
	s.offer.node_architecture = "Example/1.0";
	iscsip__nego_propose_all(&s.n, &s.out);
	assert_string_equal(shown(&s),
			"HeaderDigest=None,CRC32C|DataDigest=None,CRC32C|MaxConnections=1|InitialR2T=No|ImmediateData=Yes|"
			    "MaxRecvDataSegmentLength=262144|MaxBurstLength=1048576|FirstBurstLength=262144|DefaultTime2Wait=2|"
			    "DefaultTime2Retain=0|DataPDUInOrder=Yes|DataSequenceInOrder=Yes|ErrorRecoveryLevel=0|MaxOutstandingR2T=8|"
			    "X#NodeArchitecture=Example/1.0|");
	iscsip__nego_propose_all(&s.n, &s.out);
	assert_string_equal(shown(&s), "");
	/* not understood, which its document allows */
	assert_int_equal(say(&s, "X#NodeArchitecture=NotUnderstood"), NEGO_OK);
	side_open(&s, false, NEGO_OPERATIONAL);
	s.n.discovery = true;
	iscsip__nego_propose_all(&s.n, &s.out);
	assert_string_equal(shown(&s),
			"HeaderDigest=None,CRC32C|DataDigest=None,CRC32C|MaxRecvDataSegmentLength=262144|DefaultTime2Wait=2|"
			    "DefaultTime2Retain=0|ErrorRecoveryLevel=0|");
	side_open(&s, false, NEGO_OPERATIONAL);
	s.n.leading = false;
	iscsip__nego_propose_all(&s.n, &s.out);
	assert_string_equal(shown(&s), "HeaderDigest=None,CRC32C|DataDigest=None,CRC32C|MaxRecvDataSegmentLength=262144|");
	side_open(&s, false, NEGO_OPERATIONAL);
	assert_int_equal(iscsip_offer_set(&s.offer, "TaskReporting", "FastAbort,ResponseFence,RFC3720"), ISCSIP_OK);
	assert_int_equal(iscsip_offer_set(&s.offer, "iSCSIProtocolLevel", "2"), ISCSIP_OK);
	iscsip__nego_propose_all(&s.n, &s.out);
	assert_non_null(strstr(shown(&s), "|TaskReporting=FastAbort,ResponseFence,RFC3720|iSCSIProtocolLevel=2|"));
	assert_int_equal(say(&s, "TaskReporting=NotUnderstood"), NEGO_OK);
	assert_int_equal(say(&s, "iSCSIProtocolLevel=NotUnderstood"), NEGO_OK);
	assert_int_equal(s.p.iscsi_protocol_level, 1);
}

static void an_answer_must_be_a_legal_selection(void **state)
{
	static const struct {
		const char *pair;
		int rc;
	} cases[] = {
		{ "HeaderDigest=CRC32C", NEGO_OK },       { "HeaderDigest=None", NEGO_OK },
				{ "HeaderDigest=CRC32C,None", NEGO_BROKEN },
		{ "HeaderDigest=Y-foo", NEGO_BROKEN },    { "HeaderDigest=", NEGO_BROKEN },
				{ "HeaderDigest=Reject", NEGO_OK },
		{ "HeaderDigest=NotUnderstood", NEGO_BROKEN }, { "MaxBurstLength=1048576", NEGO_OK },
				{ "MaxBurstLength=512", NEGO_OK },
		{ "MaxBurstLength=1048577", NEGO_BROKEN }, { "MaxBurstLength=0", NEGO_BROKEN },
				{ "MaxBurstLength=x", NEGO_BROKEN },
		{ "MaxBurstLength=Irrelevant", NEGO_OK }, { "MaxBurstLength=NotUnderstood", NEGO_BROKEN },
				{ "DefaultTime2Wait=2", NEGO_OK },
		{ "DefaultTime2Wait=1", NEGO_BROKEN },    { "DefaultTime2Wait=3600", NEGO_OK },
				{ "DefaultTime2Wait=3601", NEGO_BROKEN },
		{ "DefaultTime2Wait=Reject", NEGO_OK },   { "DefaultTime2Retain=Reject", NEGO_OK },
		{ "InitialR2T=Yes", NEGO_OK },            { "InitialR2T=No", NEGO_OK },
				{ "InitialR2T=maybe", NEGO_BROKEN },
		{ "ImmediateData=No", NEGO_OK },          { "DataPDUInOrder=No", NEGO_BROKEN },
				{ "DataPDUInOrder=Yes", NEGO_OK },
		{ "MaxConnections=2", NEGO_BROKEN },      { "ErrorRecoveryLevel=1", NEGO_BROKEN },
				{ "MaxRecvDataSegmentLength=512", NEGO_OK } };
	struct side s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		side_open(&s, false, NEGO_OPERATIONAL);
		iscsip__nego_propose_all(&s.n, &s.out);
		if (say(&s, cases[i].pair) != cases[i].rc)
			fail_msg("%s", cases[i].pair);
	}
	/* an AND key that was proposed as No stays No */
	side_open(&s, false, NEGO_OPERATIONAL);
	s.offer.immediate_data = false;
	iscsip__nego_propose_all(&s.n, &s.out);
	assert_false(s.p.immediate_data);
	assert_int_equal(say(&s, "ImmediateData=Yes"), NEGO_BROKEN);
	/* a digest that is demanded cannot be refused */
	side_open(&s, false, NEGO_OPERATIONAL);
	assert_int_equal(iscsip_offer_set(&s.offer, "DataDigest", "CRC32C"), ISCSIP_OK);
	iscsip__nego_propose_all(&s.n, &s.out);
	assert_int_equal(say(&s, "DataDigest=Reject"), NEGO_BROKEN);
}

static void both_sides_of_every_offer_agree(void **state)
{
	/* the product of some values: what the initiator holds in the end is what the target holds */
	static const char *digests[] = { "None", "CRC32C", "None,CRC32C", "CRC32C,None" };
	static const char *flags[] = { "Yes", "No" };
	static const char *sizes[] = { "512", "65536", "16777215" };
	struct side i, t;
	unsigned n;

	(void)state;
	for (n = 0; n < 4u * 4 * 16 * 9; n++) {
		unsigned v = n;
		struct iscsip_text_reader r;
		struct iscsip_text_pair p;
		char buf[ISCSIP_TEXT_READER_BUF(255)];
		enum iscsip__key key;
		size_t used, at;

		side_open(&i, false, NEGO_OPERATIONAL);
		side_open(&t, true, NEGO_OPERATIONAL);
		iscsip_offer_set(&i.offer, "HeaderDigest", digests[v % 4]);
		iscsip_offer_set(&t.offer, "HeaderDigest", digests[v / 4 % 4]);
		if ((v % 4 < 2) && (v / 4 % 4 < 2) && v % 4 != v / 4 % 4)
			continue;
		v /= 16;
		iscsip_offer_set(&i.offer, "InitialR2T", flags[v % 2]);
		iscsip_offer_set(&t.offer, "InitialR2T", flags[v / 2 % 2]);
		iscsip_offer_set(&i.offer, "ImmediateData", flags[v / 4 % 2]);
		iscsip_offer_set(&t.offer, "ImmediateData", flags[v / 8 % 2]);
		v /= 16;
		iscsip_offer_set(&i.offer, "MaxBurstLength", sizes[v % 3]);
		iscsip_offer_set(&t.offer, "MaxBurstLength", sizes[v / 3 % 3]);
		i.offer.first_burst_length = 512;
		t.offer.first_burst_length = 512;
		iscsip__nego_propose_all(&i.n, &i.out);
		iscsip_text_reader_init(&r, buf, 255, 0);
		for (at = 0; iscsip_text_read(&r, i.text + at, i.out.len - at, &used, &p) == 1; at += used)
			assert_int_not_equal(iscsip__nego_pair(&t.n, &p, &t.out, &key), NEGO_BROKEN);
		assert_int_equal(iscsip__nego_text_end(&t.n, true, &t.out), NEGO_OK);
		assert_true(iscsip__nego_unanswered(&t.n) == 0);
		for (at = 0; iscsip_text_read(&r, t.text + at, t.out.len - at, &used, &p) == 1; at += used)
			assert_int_not_equal(iscsip__nego_pair(&i.n, &p, &i.out, &key), NEGO_BROKEN);
		assert_true(iscsip__nego_unanswered(&i.n) == 0);
		assert_int_equal(iscsip__nego_finish(&i.n), NEGO_OK);
		assert_int_equal(iscsip__nego_finish(&t.n), NEGO_OK);
		assert_int_equal(i.p.max_recv_data_segment_length, t.p.max_send_data_segment_length);
		assert_int_equal(t.p.max_recv_data_segment_length, i.p.max_send_data_segment_length);
		assert_memory_equal(&i.p, &t.p, sizeof i.p);
	}
}

static void every_key_is_found_by_its_name_alone(void **state)
{
	int k;

	(void)state;
	for (k = 0; k < ISCSIP__KEY_COUNT; k++) {
		const struct iscsip__key_info *info = iscsip__key_info((enum iscsip__key)k);

		assert_int_equal(iscsip__key_find(info->name, info->name_len), k);
		assert_int_equal(iscsip__key_find(info->name, (size_t)info->name_len - 1), ISCSIP__KEY_COUNT);
		assert_true(info->lo <= info->hi);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_init_functions_make_offers_that_pass_the_check),
		cmocka_unit_test(defaults_are_those_of_the_standards),
		cmocka_unit_test(an_offer_is_set_from_text),
		cmocka_unit_test(an_offer_is_unchanged_where_the_text_is_wrong),
		cmocka_unit_test(the_check_names_the_key_at_fault),
		cmocka_unit_test(and_keys_end_at_no_if_either_side_says_so),
		cmocka_unit_test(or_keys_end_at_yes_if_either_side_says_so),
		cmocka_unit_test(numbers_end_at_the_minimum_or_maximum),
		cmocka_unit_test(values_outside_a_keys_range_are_rejected),
		cmocka_unit_test(a_list_is_answered_with_its_first_acceptable_item),
		cmocka_unit_test(unknown_keys_are_not_understood),
		cmocka_unit_test(obsolete_keys_are_rejected_and_iser_keys_irrelevant_without_iser),
		cmocka_unit_test(iser_is_negotiated_where_the_host_has_it),
		cmocka_unit_test(reserved_words_are_no_proposals),
		cmocka_unit_test(keys_come_once_from_the_right_side_in_the_right_stage),
		cmocka_unit_test(a_discovery_session_has_few_relevant_keys),
		cmocka_unit_test(keys_of_the_leading_connection_are_rejected_on_others),
		cmocka_unit_test(first_burst_never_exceeds_max_burst_whatever_the_order),
		cmocka_unit_test(first_burst_is_irrelevant_without_unsolicited_data),
		cmocka_unit_test(recovery_with_sequences_in_order_allows_one_r2t),
		cmocka_unit_test(a_target_proposes_what_it_cannot_leave_at_the_default),
		cmocka_unit_test(an_initiator_proposes_each_key_once),
		cmocka_unit_test(an_answer_must_be_a_legal_selection),
		cmocka_unit_test(both_sides_of_every_offer_agree),
		cmocka_unit_test(every_key_is_found_by_its_name_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
