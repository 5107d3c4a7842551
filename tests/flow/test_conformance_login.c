/* SPDX-License-Identifier: MIT */
/*
 * What RFC 7143 demands of keys and logins beside authentication (6.1 to 6.3, chapter 13): every key known, what is left out,
 * empty PDUs, defaults, reinstatement, X#NodeArchitecture. Each test is named in docs/conformance.tsv.
 */
#include "flow/ini_rig.h"
#include "unit/login_kit.h"

#include <stdlib.h>

static struct ini_rig R;

/* ------------------------------------------------------------------------------------------------- keys */

static bool holds(const struct kit_pdu *p, const char *word)
{
	size_t at, n = strlen(word);

	for (at = 0; at + n <= p->len; at++)
		if (memcmp(p->text + at, word, n) == 0)
			return true;
	return false;
}

/* Every key of chapter 13 that may come in a login, with a value that is an answer as well as a proposal. */
struct key_case {
	const char *pair;
	bool initiator, target, answered;
};

static const struct key_case key_cases[] = {
	{ "HeaderDigest=None", true, true, true },
	{ "DataDigest=None", true, true, true },
	{ "MaxConnections=1", true, true, true },
	{ "InitialR2T=Yes", true, true, true },
	{ "ImmediateData=Yes", true, true, true },
	{ "MaxRecvDataSegmentLength=8192", true, true, false },
	{ "MaxBurstLength=262144", true, true, true },
	{ "FirstBurstLength=65536", true, true, true },
	{ "DefaultTime2Wait=2", true, true, true },
	{ "DefaultTime2Retain=0", true, true, true },
	{ "MaxOutstandingR2T=1", true, true, true },
	{ "DataPDUInOrder=Yes", true, true, true },
	{ "DataSequenceInOrder=Yes", true, true, true },
	{ "ErrorRecoveryLevel=0", true, true, true },
	{ "TaskReporting=RFC3720,ResponseFence", true, true, true },
	{ "iSCSIProtocolLevel=1", true, true, true },
	{ "OFMarker=No", true, true, true },
	{ "IFMarker=No", true, true, true },
	{ "OFMarkInt=2048~8192", true, true, true },
	{ "IFMarkInt=2048~8192", true, true, true },
	{ "X#NodeArchitecture=ExampleOS/v1234,CPU_Arch/i686", true, true, false },
	{ "InitiatorAlias=desk", true, false, false },
	{ "TargetAlias=disk", false, true, false },
	{ "TargetPortalGroupTag=1", false, true, false },
	{ "TargetAddress=192.0.2.1:3260,1", false, true, false },
};

static void every_key_of_the_rfc_is_known_to_both_sides(void **state)
{
	struct kit_pdu *p = malloc(sizeof *p);
	char text[400], key[40];
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof key_cases / sizeof *key_cases; i++) {
		const struct key_case *c = &key_cases[i];
		struct kit *k = kit_new();

		n = strcspn(c->pair, "=") + 1;
		memcpy(key, c->pair, n);
		key[n] = 0;
		if (c->initiator) {
			memcpy(text, KIT_NAMES, sizeof KIT_NAMES - 1);
			strcpy(text + sizeof KIT_NAMES - 1, c->pair);
			kit_open_target(k);
			if (kit_request(k, 1, -1, false, text, sizeof KIT_NAMES + strlen(c->pair), p))
				fail_msg("the target refuses %s", c->pair);
			assert_false(holds(p, "NotUnderstood"));
			if (c->answered && !holds(p, key))
				fail_msg("the target does not answer %s", c->pair);
		}
		if (c->target) {
			kit_open_initiator(k);
			if (kit_respond(k, 1, -1, false, c->pair, strlen(c->pair) + 1, p) != LOGIN_TX)
				fail_msg("the initiator refuses %s", c->pair);
			kit_take(k, &k->i, p);
			assert_false(holds(p, "NotUnderstood"));
		}
		kit_free(k);
	}
	/* the names, which KIT_NAMES has, and the two of discovery sessions */
	{
		struct kit *k = kit_new();

		kit_open_target(k);
		assert_int_equal(kit_request(k, 1, 3, false,
				KIT_TEXT("InitiatorName=" KIT_INITIATOR_NAME "\0SessionType=Discovery\0"), p), 0);
		assert_false(holds(p, "NotUnderstood"));
		kit_free(k);
	}
	free(p);
}

static void every_key_is_a_label_but_those_that_their_documents_spell_otherwise(void **state)
{
	static const char *const spelled[] = { "iSCSIProtocolLevel", "iSERHelloRequired", "X#NodeArchitecture" };
	int k;

	(void)state;
	for (k = 0; k < ISCSIP__KEY_COUNT; k++) {
		const struct iscsip__key_info *info = iscsip__key_info((enum iscsip__key)k);
		size_t i, exceptions = 0;

		assert_in_range(info->name_len, 1, 63);
		for (i = 0; i < 3; i++)
			exceptions += strcmp(info->name, spelled[i]) == 0;
		if (iscsip__text_is_label(info->name, info->name_len) == (exceptions != 0))
			fail_msg("%s", info->name);
	}
}

static void the_initiator_takes_8_kib_of_keys_in_one_answer_and_in_many(void **state)
{
	char *text = malloc(9000), name[40];
	struct kit_pdu *p = malloc(sizeof *p);
	int parts;

	(void)state;
	for (parts = 1; parts <= 16; parts *= 4) {
		struct kit *k = kit_new();
		size_t at = 0, cut;
		int n, part;

		for (n = 0; at + 256 <= 8192; n++) {
			at += (size_t)snprintf(text + at, 40, "X-com.example.key%02d=", n);
			memset(text + at, 'v', 256 - 20);
			at += 256 - 20;
			text[at - 1] = 0;
		}
		assert_int_equal(n, 32);
		assert_true(at > 8192 - 256);
		kit_open_initiator(k);
		cut = at / (size_t)parts;
		for (part = 0; part < parts; part++) {
			bool last = part == parts - 1;

			assert_int_equal(kit_respond(k, 1, -1, !last, text + cut * (size_t)part, last ? at - cut * (size_t)part : cut, p),
					 LOGIN_TX);
		}
		kit_take(k, &k->i, p);
		for (n = 0; n < 32; n++) {
			snprintf(name, sizeof name, "X-com.example.key%02d=NotUnderstood", n);
			assert_true(kit_has(p, name));
		}
		kit_free(k);
	}
	free(p);
	free(text);
}

/* ------------------------------------------------------------------------------------------------ flow */

/* A login in which nothing is cut: empty is only a response that grants what a request with text asked for. */
static void uncut_login_has_no_empty_requests(struct kit *k)
{
	struct kit_pdu *p = malloc(sizeof *p);

	kit_open_target(k);
	kit_open_initiator(k);
	while (iscsip__login_want(k->i.l) == LOGIN_TX) {
		kit_take(k, &k->i, p);
		assert_true(p->len > 0);
		kit_give(k, &k->t, p);
		kit_take(k, &k->t, p);
		assert_true(p->len > 0 || p->pdu.login_response.transit);
		kit_give(k, &k->i, p);
	}
	assert_int_equal(iscsip__login_want(k->t.l), LOGIN_DONE);
	free(p);
}

/* The same with text that is cut: an empty PDU answers one with the C bit, and nothing else does. */
static void cut_login_has_empty_pdus_for_the_c_bit(struct kit *k)
{
	struct kit_pdu *p = malloc(sizeof *p);
	bool cont = false;

	kit_open_target(k);
	kit_open_initiator(k);
	while (iscsip__login_want(k->i.l) == LOGIN_TX) {
		kit_take(k, &k->i, p);
		assert_int_equal(p->len == 0, cont);
		cont = p->pdu.login_request.cont;
		assert_false(cont && p->pdu.login_request.transit);
		kit_give(k, &k->t, p);
		kit_take(k, &k->t, p);
		assert_true((p->len == 0) == cont || (p->len == 0 && p->pdu.login_response.transit));
		cont = p->pdu.login_response.cont;
		assert_false(cont && p->pdu.login_response.transit);
		kit_give(k, &k->i, p);
	}
	assert_int_equal(iscsip__login_want(k->t.l), LOGIN_DONE);
	free(p);
}

static void empty_pdus_are_sent_only_where_a_rule_asks_for_them(void **state)
{
	int kind;

	(void)state;
	for (kind = 0; kind < 8; kind++) {
		struct kit *k = kit_new();

		if (kind % 4 == 1)
			k->i.setup.flags = LOGIN_SECURITY_FIRST;
		if (kind % 4 > 1)
			kit_chap(k, kind % 4 == 3);
		if (kind < 4) {
			uncut_login_has_no_empty_requests(k);
		} else {
			k->i.limits.send_max = 90;
			k->t.limits.send_max = 70;
			k->i.limits.max_pdus = k->t.limits.max_pdus = 200;
			cut_login_has_empty_pdus_for_the_c_bit(k);
		}
		kit_free(k);
	}
}

static void a_discovery_login_says_so_in_its_first_request_and_only_there(void **state)
{
	struct kit *k = kit_new();
	struct kit_pdu *p = malloc(sizeof *p);
	int n;

	(void)state;
	kit_chap(k, false);
	k->i.who.session_type = ISCSIP_SESSION_DISCOVERY;
	k->i.who.target_name = NULL;
	kit_open_target(k);
	kit_open_initiator(k);
	for (n = 0; iscsip__login_want(k->i.l) == LOGIN_TX; n++) {
		kit_take(k, &k->i, p);
		assert_int_equal(kit_has(p, "SessionType=Discovery"), n == 0);
		assert_int_equal(kit_has(p, "InitiatorName=" KIT_INITIATOR_NAME), n == 0);
		kit_give(k, &k->t, p);
		kit_take(k, &k->t, p);
		kit_give(k, &k->i, p);
	}
	assert_int_equal(n, 4);
	assert_int_equal(iscsip__login_want(k->t.l), LOGIN_DONE);
	assert_int_equal(iscsip__login_params(k->t.l)->error_recovery_level, 0);
	free(p);
	kit_free(k);
}

/* ------------------------------------------------------------------------------------------ reinstatement */

/* The connection is lost, and another takes its place. */
static void reconnect(void)
{
	it_close(&R);
	assert_int_equal(R.state, ISCSIP_SESSION_FAILED);
	free(R.conn_mem);
	R.logins = 0;
	R.out_len = 0;
	it_open(&R);
}

static void a_failed_session_is_reinstated_by_tsih_0_and_agrees_anew_on_everything(void **state)
{
	static uint8_t first[8192];
	struct iscsip_params fresh;
	uint32_t len;

	(void)state;
	it_begin(&R);
	fresh = *iscsip_session_params(R.s);
	it_end(&R);
	it_init(&R);
	iscsip_offer_set(&R.target_offer, "MaxBurstLength", "8192");
	iscsip_offer_set(&R.target_offer, "FirstBurstLength", "4096");
	iscsip_offer_set(&R.target_offer, "ImmediateData", "No");
	iscsip_offer_set(&R.target_offer, "MaxOutstandingR2T", "1");
	iscsip_offer_set(&R.target_offer, "MaxRecvDataSegmentLength", "1024");
	it_open(&R);
	it_login(&R);
	assert_int_equal(iscsip_session_params(R.s)->max_burst_length, 8192);
	assert_false(iscsip_session_params(R.s)->immediate_data);
	len = R.got.h.data_len;
	assert_in_range(len, 100, sizeof first);
	memcpy(first, R.got.data, len);
	iscsip_offer_init_target(&R.target_offer);
	reconnect();
	it_login(&R);
	/* the same ISID, no handle, every key offered again, and what comes of it is all new */
	assert_int_equal(R.got.h.login_request.tsih, 0);
	assert_memory_equal(R.got.h.login_request.isid, "\x40\1\2\3\4\5", 6);
	assert_int_equal(R.got.h.data_len, len);
	assert_memory_equal(R.got.data, first, len);
	assert_memory_equal(iscsip_session_params(R.s), &fresh, sizeof fresh);
	it_end(&R);
}

/* The second connection of a session, made in the place of the rig's; the first one waits in *kept. */
struct kept {
	struct iscsip_conn *c;
	void *conn_mem;
	uint32_t statsn;
};

static void second(uint16_t cid)
{
	size_t conn_len = iscsip_initiator_conn_size(&R.cfg), login_len = iscsip_login_size(&R.cfg);

	R.conn_mem = malloc(conn_len);
	R.login_mem = malloc(login_len);
	R.logins = 0;
	R.out_len = 0;
	assert_int_equal(iscsip_initiator_conn_init(&R.c, R.conn_mem, conn_len, R.login_mem, login_len, R.s, cid, &R, R.now),
			 ISCSIP_OK);
}

static void refused(uint16_t cid, int why)
{
	size_t conn_len = iscsip_initiator_conn_size(&R.cfg), login_len = iscsip_login_size(&R.cfg);
	void *conn = malloc(conn_len), *login = malloc(login_len);
	struct iscsip_conn *c;

	assert_int_equal(iscsip_initiator_conn_init(&c, conn, conn_len, login, login_len, R.s, cid, &R, R.now), why);
	free(conn);
	free(login);
}

static void a_session_that_has_not_failed_is_not_reinstated(void **state)
{
	(void)state;
	it_begin(&R);
	assert_int_equal(iscsip_session_state(R.s), ISCSIP_SESSION_LOGGED_IN);
	refused(2, ISCSIP_EAGAIN); /* no second connection was agreed on, and a first one is there */
	it_close(&R);
	assert_int_equal(iscsip_session_state(R.s), ISCSIP_SESSION_FAILED);
	free(R.conn_mem);
	second(2);
	it_take(&R, ISCSIP_OP_LOGIN_REQUEST);
	assert_int_equal(R.got.h.login_request.tsih, 0);
	it_end(&R);
}

static void a_lost_connection_is_logged_in_again_with_the_sessions_handle_and_its_own_id(void **state)
{
	struct kept kept;
	int round;

	(void)state;
	it_init(&R);
	R.cfg.limits.max_conns = 2;
	R.offer.max_connections = R.target_offer.max_connections = 2;
	it_open(&R);
	it_login(&R);
	kept = (struct kept){ R.c, R.conn_mem, R.statsn };
	/* the ID of a connection that lives is not taken for another one */
	refused(1, ISCSIP_EINVAL);
	for (round = 0; round < 3; round++) {
		R.statsn = 500;
		second(9);
		it_login(&R);
		assert_int_equal(R.got.h.login_request.tsih, 0x1234);
		assert_int_equal(R.got.h.login_request.cid, 9);
		assert_int_equal(iscsip_conn_cid(R.c), 9);
		/* the transport is gone, and nothing of the connection is in the session, before the next login begins */
		it_close(&R);
		assert_int_equal(iscsip_conn_state(R.c), ISCSIP_CONN_CLOSED);
		assert_int_equal(iscsip_session_state(R.s), ISCSIP_SESSION_LOGGED_IN);
		free(R.conn_mem);
	}
	R.c = kept.c;
	R.conn_mem = kept.conn_mem;
	R.statsn = kept.statsn;
	it_end(&R);
}

/* ----------------------------------------------------------------------------------- X#NodeArchitecture */

static void x_node_architecture_changes_nothing_and_comes_once(void **state)
{
	static const char *const values[] = { NULL, "ExampleOS/v1234,CPU_Arch/i686", "None", "HeaderDigest=None" };
	struct iscsip_params want[2];
	struct iscsip_offer o;
	struct kit_pdu *p = malloc(sizeof *p);
	char longest[257];
	size_t i, j;

	(void)state;
	for (i = 0; i < 4; i++)
		for (j = 0; j < 4; j++) {
			struct kit *k = kit_new();

			k->i.host.offer.node_architecture = values[i];
			k->t.host.offer.node_architecture = values[j];
			kit_open_target(k);
			kit_open_initiator(k);
			assert_true(kit_run(k));
			assert_string_equal(k->trace, "I1>3 T1>3");
			if (i + j == 0) {
				want[0] = *iscsip__login_params(k->i.l);
				want[1] = *iscsip__login_params(k->t.l);
			}
			assert_memory_equal(iscsip__login_params(k->i.l), &want[0], sizeof want[0]);
			assert_memory_equal(iscsip__login_params(k->t.l), &want[1], sizeof want[1]);
			kit_free(k);
		}
	{
		struct kit *k = kit_new();

		kit_open_target(k);
		assert_int_equal(kit_request(k, 1, -1, false, KIT_TEXT(KIT_NAMES "X#NodeArchitecture=a\0"), p), 0);
		assert_int_equal(kit_request(k, 1, -1, false, KIT_TEXT("X#NodeArchitecture=a\0"), p), ISCSIP_LOGIN_INITIATOR_ERROR);
		kit_open_initiator(k);
		assert_int_equal(kit_respond(k, 1, -1, false, KIT_TEXT("X#NodeArchitecture=a\0X#NodeArchitecture=b\0"), p), LOGIN_FAILED);
		kit_free(k);
	}
	/* a node that does not know the key */
	{
		struct kit *k = kit_new();

		k->i.host.offer.node_architecture = "ExampleOS/v1234";
		kit_open_initiator(k);
		assert_int_equal(kit_respond(k, 1, -1, false, KIT_TEXT("X#NodeArchitecture=NotUnderstood\0"), p), LOGIN_TX);
		assert_true(kit_has(p, "X#NodeArchitecture=ExampleOS/v1234"));
		kit_take(k, &k->i, p);
		assert_int_equal(p->len, 0);
		kit_free(k);
	}
	memset(longest, 'a', sizeof longest);
	longest[256] = 0;
	iscsip_offer_init_initiator(&o);
	o.node_architecture = longest;
	assert_int_equal(iscsip_offer_check(&o, NULL), ISCSIP_EINVAL);
	longest[255] = 0;
	assert_int_equal(iscsip_offer_check(&o, NULL), ISCSIP_OK);
	free(p);
}

/* -------------------------------------------------------------------------------------- obsolete, reserved */

static void obsolete_keys_and_ports_are_not_used(void **state)
{
	static const char *const methods[] = { "SPKM1", "SPKM2", "KRB5,SPKM1" };
	struct iscsip_address a;
	struct iscsip_offer o;
	struct kit_pdu *p = malloc(sizeof *p);
	size_t i;

	(void)state;
	/* 3260 is the port where none is named; 860 has to be */
	assert_int_equal(iscsip_address_parse(&a, "192.0.2.1", 9), ISCSIP_OK);
	assert_int_equal(a.port, 3260);
	assert_int_equal(iscsip_address_parse(&a, "[2001:db8::1],7", 15), ISCSIP_OK);
	assert_int_equal(a.port, 3260);
	assert_int_equal(iscsip_address_parse(&a, "192.0.2.1:860", 13), ISCSIP_OK);
	assert_int_equal(a.port, 860);
	/* SPKM methods and their keys are known to nobody */
	iscsip_offer_init_initiator(&o);
	for (i = 0; i < 3; i++)
		assert_int_equal(iscsip_offer_set(&o, "AuthMethod", methods[i]), ISCSIP_EINVAL);
	for (i = 0; i < (size_t)ISCSIP__KEY_COUNT; i++)
		assert_int_not_equal(strncmp(iscsip__key_info((enum iscsip__key)i)->name, "SPKM_", 5), 0);
	{
		struct kit *k = kit_new();

		kit_open_target(k);
		assert_int_equal(kit_request(k, 0, -1, false, KIT_TEXT(KIT_NAMES "AuthMethod=SPKM1,None\0SPKM_REQ=0x00\0"), p), 0);
		assert_true(kit_has(p, "AuthMethod=None"));
		assert_true(kit_has(p, "SPKM_REQ=NotUnderstood"));
		kit_free(k);
	}
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_of_the_rfc_is_known_to_both_sides),
		cmocka_unit_test(every_key_is_a_label_but_those_that_their_documents_spell_otherwise),
		cmocka_unit_test(the_initiator_takes_8_kib_of_keys_in_one_answer_and_in_many),
		cmocka_unit_test(empty_pdus_are_sent_only_where_a_rule_asks_for_them),
		cmocka_unit_test(a_discovery_login_says_so_in_its_first_request_and_only_there),
		cmocka_unit_test(a_failed_session_is_reinstated_by_tsih_0_and_agrees_anew_on_everything),
		cmocka_unit_test(a_session_that_has_not_failed_is_not_reinstated),
		cmocka_unit_test(a_lost_connection_is_logged_in_again_with_the_sessions_handle_and_its_own_id),
		cmocka_unit_test(x_node_architecture_changes_nothing_and_comes_once),
		cmocka_unit_test(obsolete_keys_and_ports_are_not_used),
	};

	return cmocka_run_group_tests_name("conformance: login", tests, NULL, NULL);
}
