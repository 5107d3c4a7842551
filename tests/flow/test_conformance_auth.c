/* SPDX-License-Identifier: MIT */
/*
 * What RFC 7143 demands of authentication: the security stage (6.3.2, 12.1), CHAP (9.2.1, 12.1.3), and the mechanisms of the
 * host, KRB5 and SRP (12.1.1, 12.1.2), as far as the library carries them. Each test is named in docs/conformance.tsv.
 */
#include "flow/ini_rig.h"
#include "hash/hash.h"
#include "unit/login_kit.h"

#include <stdlib.h>

/* ------------------------------------------------------------------------------------- the wire of a login */

static bool holds(const struct kit_pdu *p, const void *bytes, size_t n)
{
	size_t at;

	for (at = 0; at + n <= p->len; at++)
		if (memcmp(p->text + at, bytes, n) == 0)
			return true;
	return false;
}

/* A secret in each form that a value can have: as it is, in hex, in base64. */
static void holds_no_secret(const struct kit_pdu *p, const char *secret)
{
	char value[200];
	size_t n = strlen(secret);
	ptrdiff_t len;

	assert_false(holds(p, secret, n));
	len = iscsip_text_put_binary(value, sizeof value, "S", secret, n, ISCSIP_BINARY_HEX);
	assert_true(len > 4);
	assert_false(holds(p, value + 4, (size_t)len - 5));
	len = iscsip_text_put_binary(value, sizeof value, "S", secret, n, ISCSIP_BINARY_BASE64);
	assert_true(len > 4);
	assert_false(holds(p, value + 4, (size_t)len - 8));
}

static void every_key_is_one_of(const struct kit_pdu *p, const char *const *keys, size_t count)
{
	size_t at, i, n;

	for (at = 0; at < p->len; at += strlen(p->text + at) + 1) {
		n = strcspn(p->text + at, "=");
		for (i = 0; i < count; i++)
			if (strlen(keys[i]) == n && memcmp(keys[i], p->text + at, n) == 0)
				break;
		if (i == count)
			fail_msg("%s in the security stage", p->text + at);
	}
}

/* The PDUs of a login in memory, each looked at on its way. */
static void walk(struct kit *k, void (*look)(struct kit *k, const struct kit_pdu *p, bool of_target))
{
	struct kit_pdu *p = malloc(sizeof *p);

	kit_open_target(k);
	kit_open_initiator(k);
	while (iscsip__login_want(k->i.l) == LOGIN_TX) {
		kit_take(k, &k->i, p);
		look(k, p, false);
		kit_give(k, &k->t, p);
		kit_take(k, &k->t, p);
		look(k, p, true);
		kit_give(k, &k->i, p);
	}
	assert_int_equal(iscsip__login_want(k->i.l), LOGIN_DONE);
	assert_int_equal(iscsip__login_want(k->t.l), LOGIN_DONE);
	free(p);
}

static void no_secret_and_no_foreign_key(struct kit *k, const struct kit_pdu *p, bool of_target)
{
	static const char *const keys[] = { "AuthMethod", "CHAP_A", "CHAP_I", "CHAP_C", "CHAP_N", "CHAP_R", "InitiatorName",
					    "InitiatorAlias", "TargetName", "TargetAlias", "SessionType", "TargetPortalGroupTag" };
	uint8_t csg = of_target ? p->pdu.login_response.csg : p->pdu.login_request.csg;

	holds_no_secret(p, k->i.host.own_secret);
	if (k->t.host.own_secret)
		holds_no_secret(p, k->t.host.own_secret);
	if (csg == ISCSIP_STAGE_SECURITY)
		every_key_is_one_of(p, keys, sizeof keys / sizeof *keys);
}

static void the_security_stage_carries_its_own_keys_and_never_a_secret(void **state)
{
	static const char *algorithms[] = { "5", "6", "7", "8" };
	int i;

	(void)state;
	for (i = 0; i < 8; i++) {
		struct kit *k;

		if (!iscsip__hash_size(5 + i / 2))
			continue;
		k = kit_new();
		kit_chap(k, i & 1);
		k->i.setup.alias = "Bob's desk";
		k->t.setup.alias = "Disk of Bob";
		iscsip_offer_set(&k->i.host.offer, "CHAP_A", algorithms[i / 2]);
		walk(k, no_secret_and_no_foreign_key);
		kit_free(k);
	}
}

static char challenges[16][80];
static int challenge_count;

static void note_challenge(struct kit *k, const struct kit_pdu *p, bool of_target)
{
	const char *c = kit_value(p, "CHAP_C");

	(void)k;
	(void)of_target;
	if (c) {
		assert_true(challenge_count < 16 && strlen(c) < sizeof challenges[0]);
		strcpy(challenges[challenge_count++], c);
	}
}

static void both_sides_challenge_with_random_bytes_of_their_own_each_time(void **state)
{
	int i, j;

	(void)state;
	challenge_count = 0;
	for (i = 0; i < 4; i++) {
		struct kit *k = kit_new();

		kit_chap(k, true);
		k->i.host.random_state = (uint32_t)i * 7919u + 5u;
		k->t.host.random_state = (uint32_t)i * 104729u + 6u;
		walk(k, note_challenge);
		kit_free(k);
	}
	assert_int_equal(challenge_count, 8);
	for (i = 0; i < 8; i++)
		for (j = 0; j < i; j++)
			assert_string_not_equal(challenges[i], challenges[j]);
}

/* -------------------------------------------------------------------------- mechanisms of the host, by hand */

/* Gives a PDU without the kit's host, which would answer at once. */
static void give(struct kit_side *s, const struct kit_pdu *p)
{
	assert_int_equal(iscsip__login_rx(s->l, &p->pdu), ISCSIP_OK);
	if (p->len)
		assert_int_equal(iscsip__login_rx_text(s->l, p->text, p->len), ISCSIP_OK);
	assert_int_equal(iscsip__login_rx_end(s->l), ISCSIP_OK);
	if (iscsip__login_want(s->l) == LOGIN_ASK_ACCESS) {
		struct iscsip__login_access access = { .portal_group_tag = 1 };

		assert_int_equal(iscsip__login_access(s->l, &access), ISCSIP_OK);
	}
}

static void request(struct kit *k, const char *text, size_t len, bool transit)
{
	struct kit_pdu *p = calloc(1, sizeof *p);

	p->pdu.opcode = ISCSIP_OP_LOGIN_REQUEST;
	p->pdu.itt = k->i.who.itt;
	memcpy(p->pdu.login_request.isid, k->i.who.isid, 6);
	p->pdu.login_request.transit = transit;
	p->pdu.login_request.nsg = transit ? ISCSIP_STAGE_OPERATIONAL : 0;
	p->pdu.data_len = (uint32_t)len;
	p->len = len;
	memcpy(p->text, text, len);
	give(&k->t, p);
	free(p);
}

/* Answers the request that the initiator wants to send, which stays in *asked. */
static void respond(struct kit *k, struct kit_pdu *asked, const char *text, size_t len, bool transit)
{
	struct kit_pdu *p = calloc(1, sizeof *p);

	kit_take(k, &k->i, asked);
	p->pdu.opcode = ISCSIP_OP_LOGIN_RESPONSE;
	p->pdu.itt = asked->pdu.itt;
	memcpy(p->pdu.login_response.isid, asked->pdu.login_request.isid, 6);
	p->pdu.login_response.transit = transit;
	p->pdu.login_response.nsg = transit ? ISCSIP_STAGE_OPERATIONAL : 0;
	p->pdu.data_len = (uint32_t)len;
	p->len = len;
	memcpy(p->text, text, len);
	give(&k->i, p);
	free(p);
}

static void step(struct kit_side *s, uint8_t what, uint16_t status, const struct iscsip_auth_item *items, int count)
{
	struct iscsip_auth_answer a = { .step = what, .status = status, .items = items, .count = count };

	assert_int_equal(iscsip__login_want(s->l), LOGIN_ASK_AUTH);
	assert_int_equal(iscsip__login_auth(s->l, &a), ISCSIP_OK);
}

static struct kit *kit_for(const char *method)
{
	struct kit *k = kit_new();

	iscsip_offer_set(&k->i.host.offer, "AuthMethod", method);
	iscsip_offer_set(&k->t.host.offer, "AuthMethod", method);
	kit_open_target(k);
	kit_open_initiator(k);
	return k;
}

static uint16_t status_of(const struct kit_pdu *p)
{
	return (uint16_t)(p->pdu.login_response.status_class << 8 | p->pdu.login_response.status_detail);
}

static const struct iscsip_auth_item group = { "SRP_GROUP", "SRP-1536,SRP-1024", 17, false };
static const uint8_t numbers[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

static void the_targets_srp_answers_each_step_or_refuses_with_its_status(void **state)
{
	const struct iscsip_auth_item s[2] = { group, { "SRP_s", numbers, 8, true } };
	const struct iscsip_auth_item b = { "SRP_B", numbers, 8, true }, hm = { "SRP_HM", numbers, 8, true };
	struct kit_pdu *p = malloc(sizeof *p);
	int at;

	(void)state;
	for (at = 0; at < 4; at++) {
		struct kit *k = kit_for("SRP");

		request(k, KIT_TEXT(KIT_NAMES "AuthMethod=SRP\0"), false);
		kit_take(k, &k->t, p);
		request(k, KIT_TEXT("SRP_U=joe\0TargetAuth=Yes\0"), false);
		assert_string_equal(k->t.host.heard, "SRP_U=joe|TargetAuth=Yes|");
		if (at == 0) {
			step(&k->t, ISCSIP_AUTH_REFUSE, ISCSIP_LOGIN_AUTHORIZATION_FAILED, NULL, 0);
			kit_take(k, &k->t, p);
			assert_int_equal(status_of(p), ISCSIP_LOGIN_AUTHORIZATION_FAILED);
			assert_int_equal(iscsip__login_want(k->t.l), LOGIN_FAILED);
			kit_free(k);
			continue;
		}
		step(&k->t, ISCSIP_AUTH_GO_ON, 0, s, 2);
		kit_take(k, &k->t, p);
		assert_int_equal(status_of(p), 0);
		assert_true(kit_has(p, "SRP_GROUP=SRP-1536,SRP-1024"));
		assert_true(kit_has(p, "SRP_s=0bAQIDBAUGBwg="));
		request(k, KIT_TEXT("SRP_A=0x0102\0SRP_GROUP=SRP-1536\0"), false);
		if (at == 1) {
			step(&k->t, ISCSIP_AUTH_REFUSE, 0, NULL, 0);
			kit_take(k, &k->t, p);
			assert_int_equal(status_of(p), ISCSIP_LOGIN_AUTHENTICATION_FAILED);
			kit_free(k);
			continue;
		}
		step(&k->t, ISCSIP_AUTH_GO_ON, 0, &b, 1);
		kit_take(k, &k->t, p);
		assert_true(kit_has(p, "SRP_B=0bAQIDBAUGBwg="));
		request(k, KIT_TEXT("SRP_M=0x99\0"), true);
		if (at == 2)
			step(&k->t, ISCSIP_AUTH_REFUSE, 0, NULL, 0);
		else
			step(&k->t, ISCSIP_AUTH_DONE, 0, &hm, 1);
		kit_take(k, &k->t, p);
		assert_int_equal(status_of(p), at == 2 ? ISCSIP_LOGIN_AUTHENTICATION_FAILED : 0);
		assert_int_equal(p->pdu.login_response.transit, at == 3);
		assert_int_equal(kit_has(p, "SRP_HM=0bAQIDBAUGBwg="), at == 3);
		assert_int_equal(iscsip__login_want(k->t.l), at == 3 ? LOGIN_RX : LOGIN_FAILED);
		kit_free(k);
	}
	free(p);
}

static void the_initiators_srp_goes_on_at_each_step_or_ends_the_login(void **state)
{
	static const struct iscsip_auth_item u[2] = { { "SRP_U", "joe", 3, false }, { "TargetAuth", "Yes", 3, false } };
	const struct iscsip_auth_item a[2] = { { "SRP_A", numbers, 8, true }, { "SRP_GROUP", "SRP-1536", 8, false } };
	const struct iscsip_auth_item m = { "SRP_M", numbers, 8, true };
	struct kit_pdu *p = malloc(sizeof *p);
	int at;

	(void)state;
	for (at = 0; at < 5; at++) {
		struct kit *k = kit_for("SRP");
		int n;

		respond(k, p, KIT_TEXT("AuthMethod=SRP\0"), false);
		for (n = 0; n < 4; n++) {
			if (n == at) {
				step(&k->i, ISCSIP_AUTH_REFUSE, 0, NULL, 0);
				break;
			}
			if (n == 0) {
				step(&k->i, ISCSIP_AUTH_GO_ON, 0, u, 2);
				respond(k, p, KIT_TEXT("SRP_GROUP=SRP-1536\0SRP_s=0x01\0"), false);
				assert_true(kit_has(p, "SRP_U=joe"));
				assert_true(kit_has(p, "TargetAuth=Yes"));
			} else if (n == 1) {
				step(&k->i, ISCSIP_AUTH_GO_ON, 0, a, 2);
				respond(k, p, KIT_TEXT("SRP_B=0x02\0"), false);
				assert_true(kit_has(p, "SRP_A=0bAQIDBAUGBwg="));
				assert_true(kit_has(p, "SRP_GROUP=SRP-1536"));
			} else if (n == 2) {
				step(&k->i, ISCSIP_AUTH_LAST, 0, &m, 1);
				respond(k, p, KIT_TEXT("SRP_HM=0x03\0"), true);
				assert_true(kit_has(p, "SRP_M=0bAQIDBAUGBwg="));
				assert_true(p->pdu.login_request.transit);
			} else {
				step(&k->i, ISCSIP_AUTH_DONE, 0, NULL, 0);
			}
		}
		/* refused: nothing more is sent, the connection is to be closed */
		assert_int_equal(iscsip__login_want(k->i.l), at < 4 ? LOGIN_FAILED : LOGIN_TX);
		assert_int_equal(iscsip__login_error(k->i.l), at < 4 ? ISCSIP_EAUTH : 0);
		if (at == 4) {
			kit_take(k, &k->i, p);
			assert_int_equal(p->pdu.login_request.csg, ISCSIP_STAGE_OPERATIONAL);
		}
		kit_free(k);
	}
	free(p);
}

static void a_kerberos_answer_that_is_no_proof_ends_the_login(void **state)
{
	static const struct iscsip_auth_item ticket = { "KRB_AP_REQ", "ticket", 6, true };
	struct kit_pdu *p = malloc(sizeof *p);
	int good;

	(void)state;
	for (good = 0; good < 3; good++) {
		struct kit *k = kit_for("KRB5");

		respond(k, p, KIT_TEXT("AuthMethod=KRB5\0"), false);
		step(&k->i, ISCSIP_AUTH_LAST, 0, &ticket, 1);
		/* the last case: the target goes on without the answer that was asked for */
		respond(k, p, good == 2 ? "" : "KRB_AP_REP=0x77", good == 2 ? 0 : 16, true);
		assert_true(kit_has(p, "KRB_AP_REQ=0bdGlja2V0"));
		if (good < 2)
			step(&k->i, good ? ISCSIP_AUTH_DONE : ISCSIP_AUTH_REFUSE, 0, NULL, 0);
		assert_int_equal(iscsip__login_want(k->i.l), good == 1 ? LOGIN_TX : LOGIN_FAILED);
		assert_int_equal(iscsip__login_error(k->i.l), good == 1 ? 0 : ISCSIP_EAUTH);
		kit_free(k);
	}
	free(p);
}

static int sends(const char *method, const char *key, size_t len, bool binary)
{
	static uint8_t value[65600];
	struct iscsip_auth_item item = { key, value, len, binary };
	struct iscsip_auth_answer a = { .step = ISCSIP_AUTH_GO_ON, .items = &item, .count = 1 };
	struct kit *k = kit_for(method);
	struct kit_pdu *p = malloc(sizeof *p);
	char text[40];
	int rc;

	strcpy(text, "AuthMethod=");
	strcat(text, method);
	respond(k, p, text, strlen(text) + 1, false);
	assert_int_equal(iscsip__login_want(k->i.l), LOGIN_ASK_AUTH);
	rc = iscsip__login_auth(k->i.l, &a);
	assert_int_equal(iscsip__login_want(k->i.l), rc ? LOGIN_ASK_AUTH : LOGIN_TX);
	free(p);
	kit_free(k);
	return rc;
}

static void keys_and_values_of_a_mechanism_have_the_form_and_length_of_the_rfc(void **state)
{
	char name[66];

	(void)state;
	assert_int_equal(sends("KRB5", "KRB_AP_REQ", 65536, true), ISCSIP_OK);
	assert_int_equal(sends("KRB5", "KRB_AP_REQ", 65537, true), ISCSIP_EINVAL);
	assert_int_equal(sends("SRP", "SRP_A", 1024, true), ISCSIP_OK);
	assert_int_equal(sends("SRP", "SRP_A", 1025, true), ISCSIP_EINVAL);
	assert_int_equal(sends("SRP", "SRP_A", 0, true), ISCSIP_EINVAL);
	assert_int_equal(sends("SRP", "srp_a", 8, true), ISCSIP_EINVAL);
	assert_int_equal(sends("SRP", "SRP A", 8, true), ISCSIP_EINVAL);
	assert_int_equal(sends("SRP", "SRP=A", 8, true), ISCSIP_EINVAL);
	assert_int_equal(sends("SRP", "", 8, true), ISCSIP_EINVAL);
	memset(name, 'K', sizeof name);
	name[64] = 0;
	assert_int_equal(sends("SRP", name, 8, true), ISCSIP_EINVAL);
	name[63] = 0;
	assert_int_equal(sends("SRP", name, 8, true), ISCSIP_OK);
}

/* ------------------------------------------------------------------------------------------------- offers */

static void default_offers_hold_no_extension_but_what_everybody_understands(void **state)
{
	struct iscsip_offer o;
	int role;

	(void)state;
	for (role = 0; role < 2; role++) {
		if (role)
			iscsip_offer_init_target(&o);
		else
			iscsip_offer_init_initiator(&o);
		assert_int_equal(o.auth_methods.count, 1);
		assert_int_equal(o.auth_methods.item[0], ISCSIP_AUTH_NONE);
		assert_null(o.auth_extension);
		assert_null(o.node_architecture);
		assert_int_equal(o.header_digest.count, 2);
		assert_int_equal(o.data_digest.count, 2);
		assert_int_equal(o.header_digest.item[0] + o.header_digest.item[1], ISCSIP_DIGEST_NONE + ISCSIP_DIGEST_CRC32C);
		assert_int_equal(o.data_digest.item[0] + o.data_digest.item[1], ISCSIP_DIGEST_NONE + ISCSIP_DIGEST_CRC32C);
		/* CHAP with MD5 is among what is offered */
		assert_true(memchr(o.chap_algorithms.item, 5, o.chap_algorithms.count) != NULL);
	}
}

static void extension_methods_have_names_of_their_own_format(void **state)
{
	static const struct {
		const char *name;
		bool good;
	} cases[] = { { "Z-com.example.badge", true }, { "NewMethod", true }, { "Z", true },        { "", false },
		      { "z-com.example.badge", false }, { "9Method", false }, { "Two words", false }, { "A,B", false },
		      { "Z#badge", false },             { "X-com.example.badge", false }, { "Y-com.example.badge", false },
		      { "Caf\xc3\xa9", false } };
	struct iscsip_offer o;
	const char *key;
	char name[65];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		iscsip_offer_init_initiator(&o);
		o.auth_extension = cases[i].name;
		o.auth_methods.item[0] = ISCSIP_AUTH_EXTENSION;
		if ((iscsip_offer_check(&o, &key) == ISCSIP_OK) != cases[i].good)
			fail_msg("%s", cases[i].name);
	}
	memset(name, 'Z', sizeof name);
	name[64] = 0;
	o.auth_extension = name;
	assert_int_equal(iscsip_offer_check(&o, &key), ISCSIP_EINVAL);
	assert_string_equal(key, "AuthMethod");
	name[63] = 0;
	assert_int_equal(iscsip_offer_check(&o, &key), ISCSIP_OK);
	/* there is no private digest at all */
	assert_int_equal(iscsip_offer_set(&o, "HeaderDigest", "Y-com.example.sum"), ISCSIP_EINVAL);
	assert_int_equal(iscsip_offer_set(&o, "HeaderDigest", "X-com.example.sum"), ISCSIP_EINVAL);
}

/* ------------------------------------------------------------------------------------------ the connection */

static struct ini_rig R;

static void answer_login(const char *text, size_t len)
{
	struct iscsip_pdu p;

	it_take(&R, ISCSIP_OP_LOGIN_REQUEST);
	p = it_pdu(ISCSIP_OP_LOGIN_RESPONSE, R.got.h.itt);
	p.final = false;
	memcpy(p.login_response.isid, R.got.h.login_request.isid, 6);
	it_give(&R, &p, text, (uint32_t)len);
}

static void a_security_negotiation_that_fails_closes_the_initiators_connection(void **state)
{
	static const struct {
		const char *first;
		size_t first_len;
		const char *second;
		size_t second_len;
	} cases[] = {
		{ KIT_TEXT("AuthMethod=None\0"), NULL, 0 },
		{ KIT_TEXT("AuthMethod=Reject\0"), NULL, 0 },
		{ KIT_TEXT("AuthMethod=CHAP\0CHAP_R=0x00\0"), NULL, 0 },
		{ KIT_TEXT(""), NULL, 0 },
		{ KIT_TEXT("AuthMethod=CHAP\0"), KIT_TEXT("") },
		{ KIT_TEXT("AuthMethod=CHAP\0"), KIT_TEXT("CHAP_A=Reject\0") },
		{ KIT_TEXT("AuthMethod=CHAP\0"), KIT_TEXT("CHAP_A=99\0CHAP_I=1\0CHAP_C=0x01\0") },
		{ KIT_TEXT("AuthMethod=CHAP\0"), KIT_TEXT("CHAP_A=7\0CHAP_I=1\0") },
		/* right, but the host has no secret to answer with */
		{ KIT_TEXT("AuthMethod=CHAP\0"), KIT_TEXT("CHAP_A=7\0CHAP_I=1\0CHAP_C=0x01\0") },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		it_init(&R);
		assert_int_equal(iscsip_offer_set(&R.offer, "AuthMethod", "CHAP"), ISCSIP_OK);
		it_open(&R);
		answer_login(cases[i].first, cases[i].first_len);
		if (cases[i].second)
			answer_login(cases[i].second, cases[i].second_len);
		assert_int_equal(R.logins, 1);
		assert_true(R.login_err == ISCSIP_EAUTH || R.login_err == ISCSIP_EPROTO);
		assert_int_equal(iscsip_conn_want(R.c), ISCSIP_WANT_CLOSE);
		it_quiet(&R);
		it_end(&R);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_security_stage_carries_its_own_keys_and_never_a_secret),
		cmocka_unit_test(both_sides_challenge_with_random_bytes_of_their_own_each_time),
		cmocka_unit_test(the_targets_srp_answers_each_step_or_refuses_with_its_status),
		cmocka_unit_test(the_initiators_srp_goes_on_at_each_step_or_ends_the_login),
		cmocka_unit_test(a_kerberos_answer_that_is_no_proof_ends_the_login),
		cmocka_unit_test(keys_and_values_of_a_mechanism_have_the_form_and_length_of_the_rfc),
		cmocka_unit_test(default_offers_hold_no_extension_but_what_everybody_understands),
		cmocka_unit_test(extension_methods_have_names_of_their_own_format),
		cmocka_unit_test(a_security_negotiation_that_fails_closes_the_initiators_connection),
	};

	return cmocka_run_group_tests_name("conformance: authentication", tests, NULL, NULL);
}
