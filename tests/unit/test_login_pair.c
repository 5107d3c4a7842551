/* SPDX-License-Identifier: MIT */
/*
 * Initiator against target in memory: stage paths, authentication, every cut of the text, small PDUs, limits.
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

static void check_agreement(struct kit *k)
{
	const struct iscsip_params *i = iscsip__login_params(k->i.l), *t = iscsip__login_params(k->t.l);
	const struct iscsip_login_info *ii = iscsip__login_info(k->i.l), *ti = iscsip__login_info(k->t.l);
	struct iscsip_params swapped = *t;

	swapped.max_recv_data_segment_length = t->max_send_data_segment_length;
	swapped.max_send_data_segment_length = t->max_recv_data_segment_length;
	assert_memory_equal(i, &swapped, sizeof swapped);
	assert_string_equal(ii->initiator_name, ti->initiator_name);
	assert_string_equal(ii->target_name, ti->target_name);
	assert_memory_equal(ii->isid, ti->isid, 6);
	assert_int_equal(ii->tsih, k->t.host.tsih);
	assert_int_equal(ti->tsih, k->t.host.tsih);
	assert_int_equal(ti->cid, 7);
	assert_int_equal(ti->cmdsn, 0xfffffffe);
	assert_int_equal(ii->portal_group_tag, 23);
	assert_true(ii->has_portal_group_tag);
	assert_int_equal(ii->auth_method, ti->auth_method);
	assert_int_equal(ii->status, 0);
	assert_int_equal(iscsip__login_error(k->i.l), 0);
	assert_int_equal(iscsip__login_error(k->t.l), 0);
	assert_string_equal(iscsip__login_reason(k->t.l), "");
}

static void run_well(struct kit *k, const char *trace)
{
	kit_open_target(k);
	kit_open_initiator(k);
	if (!kit_run(k))
		fail_msg("initiator: %s; target: %s (%s)", iscsip__login_reason(k->i.l), iscsip__login_reason(k->t.l),
				k->trace);
	check_agreement(k);
	if (trace)
		assert_string_equal(k->trace, trace);
}

static void a_login_without_authentication_takes_one_exchange(void **state)
{
	struct kit *k = kit_new();
	const struct iscsip_params *p;

	(void)state;
	k->t.setup.alias = "Disk of Bob";
	k->i.setup.alias = "Bob's desk";
	run_well(k, "I1>3 T1>3");
	p = iscsip__login_params(k->i.l);
	assert_int_equal(p->max_recv_data_segment_length, 262144);
	assert_int_equal(p->max_send_data_segment_length, 262144);
	assert_int_equal(p->max_burst_length, 1048576);
	assert_int_equal(p->first_burst_length, 262144);
	assert_false(p->initial_r2t);
	assert_int_equal(p->max_outstanding_r2t, 8);
	assert_int_equal(p->default_time2retain, 0);
	assert_string_equal(iscsip__login_info(k->i.l)->peer_alias, "Disk of Bob");
	assert_string_equal(iscsip__login_info(k->t.l)->peer_alias, "Bob's desk");
	assert_int_equal(k->t.host.asked_access, 1);
	assert_int_equal(k->t.host.asked_session, 1);
	kit_free(k);
}

static void a_security_stage_with_none_is_left_in_one_exchange(void **state)
{
	struct kit *k = kit_new();

	(void)state;
	k->i.setup.flags = LOGIN_SECURITY_FIRST;
	run_well(k, "I0>1 T0>1 I1>3 T1>3");
	kit_free(k);
	/* the target has CHAP too, the initiator None alone: None */
	k = kit_new();
	k->i.setup.flags = LOGIN_SECURITY_FIRST;
	iscsip_offer_set(&k->t.host.offer, "AuthMethod", "CHAP,None");
	run_well(k, "I0>1 T0>1 I1>3 T1>3");
	assert_false(iscsip__login_info(k->t.l)->peer_authenticated);
	kit_free(k);
}

static void chap_proves_the_initiator(void **state)
{
	static const char *algorithms[] = { "5", "6", "7", "8" };
	int a;

	(void)state;
	for (a = 0; a < 4; a++) {
		struct kit *k;

		if (!iscsip__hash_size(5 + a))
			continue;
		k = kit_new();
		kit_chap(k, false);
		iscsip_offer_set(&k->t.host.offer, "CHAP_A", algorithms[a]);
		run_well(k, "I0 T0 I0 T0 I0>1 T0>1 I1>3 T1>3");
		assert_int_equal(iscsip__login_info(k->t.l)->chap_algorithm, 5 + a);
		assert_int_equal(iscsip__login_info(k->i.l)->chap_algorithm, 5 + a);
		assert_true(iscsip__login_info(k->t.l)->peer_authenticated);
		assert_false(iscsip__login_info(k->t.l)->self_authenticated);
		assert_false(iscsip__login_info(k->i.l)->peer_authenticated);
		assert_true(iscsip__login_info(k->i.l)->self_authenticated);
		assert_string_equal(iscsip__login_info(k->t.l)->peer_chap_name, "alice");
		kit_free(k);
	}
}

static void chap_proves_both_sides(void **state)
{
	static const char *algorithms[] = { "5", "6", "7", "8" };
	int a;

	(void)state;
	for (a = 0; a < 8; a++) {
		struct kit *k;

		if (!iscsip__hash_size(5 + a % 4))
			continue;
		k = kit_new();
		kit_chap(k, true);
		k->i.host.by_response = k->t.host.by_response = a >= 4;
		iscsip_offer_set(&k->i.host.offer, "CHAP_A", algorithms[a % 4]);
		run_well(k, "I0 T0 I0 T0 I0>1 T0>1 I1>3 T1>3");
		assert_true(iscsip__login_info(k->t.l)->peer_authenticated);
		assert_true(iscsip__login_info(k->t.l)->self_authenticated);
		assert_true(iscsip__login_info(k->i.l)->peer_authenticated);
		assert_string_equal(iscsip__login_info(k->i.l)->peer_chap_name, "storage");
		assert_int_equal(k->i.host.asked_secret, 2);
		assert_int_equal(k->t.host.asked_secret, 2);
		kit_free(k);
	}
}

static void the_target_chooses_the_algorithm_it_likes_best(void **state)
{
	struct kit *k = kit_new();

	(void)state;
	kit_chap(k, false);
	iscsip_offer_set(&k->i.host.offer, "CHAP_A", "5,6,7,8");
	iscsip_offer_set(&k->t.host.offer, "CHAP_A", "8,5");
	run_well(k, NULL);
	assert_int_equal(iscsip__login_info(k->i.l)->chap_algorithm, 8);
	kit_free(k);
}

/* A login that must fail at both sides: with this status from the target and this error at the initiator. */
static void run_badly(struct kit *k, uint16_t status, int initiator_error, const char *what)
{
	kit_open_target(k);
	kit_open_initiator(k);
	if (kit_run(k))
		fail_msg("succeeded: %s", what);
	if (iscsip__login_info(k->t.l)->status != status || iscsip__login_error(k->i.l) != initiator_error)
		fail_msg("%s: status %04x, initiator %d (%s); target says %s", what, iscsip__login_info(k->t.l)->status,
			 iscsip__login_error(k->i.l), iscsip__login_reason(k->i.l), iscsip__login_reason(k->t.l));
	if (status) {
		assert_int_equal(iscsip__login_want(k->t.l), LOGIN_FAILED);
		assert_int_equal(iscsip__login_info(k->i.l)->status, status);
	}
	assert_int_equal(iscsip__login_want(k->i.l), LOGIN_FAILED);
	assert_true(iscsip__login_reason(k->i.l)[0] != 0);
	assert_int_equal(k->t.host.asked_session, k->t.host.refuse_session ? 1 : 0);
	kit_free(k);
}

static void wrong_or_missing_proof_ends_the_login(void **state)
{
	struct kit *k;

	(void)state;
	k = kit_new();
	kit_chap(k, false);
	k->i.host.own_secret = "alice's old secret";
	run_badly(k, ISCSIP_LOGIN_AUTHENTICATION_FAILED, ISCSIP_EAUTH, "wrong secret");
	k = kit_new();
	kit_chap(k, false);
	k->i.host.own_name = "mallory";
	run_badly(k, ISCSIP_LOGIN_AUTHENTICATION_FAILED, ISCSIP_EAUTH, "wrong name");
	k = kit_new();
	kit_chap(k, true);
	k->i.host.own_secret = k->t.host.peer_secret = "the same secret both ways";
	k->t.host.own_secret = k->i.host.peer_secret = "the same secret both ways";
	run_badly(k, ISCSIP_LOGIN_AUTHENTICATION_FAILED, ISCSIP_EAUTH, "one secret for both directions");
	k = kit_new();
	kit_chap(k, true);
	k->t.host.own_secret = "not what alice expects";
	run_badly(k, 0, ISCSIP_EAUTH, "the target's secret is wrong");
	k = kit_new();
	kit_chap(k, true);
	k->t.host.own_name = NULL;
	run_badly(k, ISCSIP_LOGIN_AUTHENTICATION_FAILED, ISCSIP_EAUTH, "the target cannot prove itself");
	k = kit_new();
	kit_chap(k, false);
	k->i.host.own_name = NULL;
	run_badly(k, 0, ISCSIP_EAUTH, "the initiator has no secret");
	k = kit_new();
	kit_chap(k, false);
	iscsip_offer_set(&k->i.host.offer, "CHAP_A", "8");
	iscsip_offer_set(&k->t.host.offer, "CHAP_A", "7");
	run_badly(k, ISCSIP_LOGIN_AUTHENTICATION_FAILED, ISCSIP_EAUTH, "no algorithm in common");
	k = kit_new();
	iscsip_offer_set(&k->t.host.offer, "AuthMethod", "CHAP");
	run_badly(k, ISCSIP_LOGIN_AUTHENTICATION_FAILED, ISCSIP_EAUTH, "no security stage although CHAP is demanded");
	k = kit_new();
	iscsip_offer_set(&k->i.host.offer, "AuthMethod", "CHAP");
	run_badly(k, ISCSIP_LOGIN_AUTHENTICATION_FAILED, ISCSIP_EAUTH, "the target has None alone");
	k = kit_new();
	kit_chap(k, false);
	k->i.host.own_secret = k->t.host.peer_secret = "elevenbytes";
	run_badly(k, 0, ISCSIP_EAUTH, "a secret under 96 bits");
	k = kit_new();
	kit_chap(k, false);
	k->i.host.offer.allow_short_secrets = true;
	k->i.host.own_secret = k->t.host.peer_secret = "elevenbytes";
	run_badly(k, ISCSIP_LOGIN_AUTHENTICATION_FAILED, ISCSIP_EAUTH, "a secret under 96 bits at the target");
}

static void short_secrets_are_taken_where_both_hosts_allow_it(void **state)
{
	struct kit *k = kit_new();

	(void)state;
	kit_chap(k, false);
	k->i.host.offer.allow_short_secrets = k->t.host.offer.allow_short_secrets = true;
	k->i.host.own_secret = k->t.host.peer_secret = "x";
	run_well(k, NULL);
	kit_free(k);
}

static void the_same_challenge_from_both_sides_is_a_reflection(void **state)
{
	struct kit *k = kit_new();

	(void)state;
	kit_chap(k, true);
	k->i.host.random_fixed = k->t.host.random_fixed = true;
	run_badly(k, ISCSIP_LOGIN_AUTHENTICATION_FAILED, ISCSIP_EAUTH, "reflected challenge");
}

static void the_host_refuses_with_each_status(void **state)
{
	static const uint16_t statuses[] = { 0x0200, 0x0202, 0x0203, 0x0204, 0x0206, 0x0208, 0x0209, 0x020a, 0x0300,
			0x0301, 0x0302 };
	size_t n;

	(void)state;
	for (n = 0; n < sizeof statuses / sizeof statuses[0]; n++) {
		struct kit *k = kit_new();

		k->t.host.refuse_access = statuses[n];
		run_badly(k, statuses[n], ISCSIP_ELOGIN, "refused at access");
		k = kit_new();
		k->t.host.refuse_session = statuses[n];
		run_badly(k, statuses[n], ISCSIP_ELOGIN, "refused at session");
	}
}

static void a_redirection_says_where_to(void **state)
{
	static const char *to[] = { "192.0.2.7:3261", "[2001:db8::1]", "[fe80::1%25eth0]:860", "other.example.com" };
	size_t n;

	(void)state;
	for (n = 0; n < 8; n++) {
		struct kit *k = kit_new();
		const struct iscsip_login_info *info;
		char back[280];

		if (n >= 4)
			kit_chap(k, false);
		*(n % 2 ? &k->t.host.refuse_access : &k->t.host.refuse_session) = n % 2 ? 0x0101 : 0x0102;
		k->t.host.redirect = to[n % 4];
		kit_open_target(k);
		kit_open_initiator(k);
		assert_false(kit_run(k));
		info = iscsip__login_info(k->i.l);
		assert_int_equal(info->status, n % 2 ? 0x0101 : 0x0102);
		assert_int_equal(iscsip__login_error(k->i.l), ISCSIP_ELOGIN);
		assert_true(iscsip_address_format(&info->redirect, back, sizeof back) > 0);
		assert_string_equal(back, to[n % 4]);
		kit_free(k);
	}
}

static void a_redirection_needs_an_address_and_loses_its_tag(void **state)
{
	struct kit *k = kit_new();
	struct kit_pdu *p = malloc(sizeof *p);

	(void)state;
	kit_open_target(k);
	kit_open_initiator(k);
	kit_take(k, &k->i, p);
	assert_int_equal(iscsip__login_rx(k->t.l, &p->pdu), ISCSIP_OK);
	assert_int_equal(iscsip__login_rx_text(k->t.l, p->text, p->len), ISCSIP_OK);
	assert_int_equal(iscsip__login_rx_end(k->t.l), ISCSIP_OK);
	assert_int_equal(iscsip__login_want(k->t.l), LOGIN_ASK_ACCESS);
	assert_int_equal(iscsip__login_refuse(k->t.l, 0x0101, NULL), ISCSIP_EINVAL);
	assert_int_equal(iscsip__login_refuse(k->t.l, 0x0101, "no address"), ISCSIP_EINVAL);
	assert_int_equal(iscsip__login_refuse(k->t.l, 0x0000, NULL), ISCSIP_EINVAL);
	assert_int_equal(iscsip__login_refuse(k->t.l, 0x0400, NULL), ISCSIP_EINVAL);
	assert_int_equal(iscsip__login_want(k->t.l), LOGIN_ASK_ACCESS);
	assert_int_equal(iscsip__login_refuse(k->t.l, 0x0101, "10.0.0.1:3261,5"), ISCSIP_OK);
	kit_take(k, &k->t, p);
	assert_true(kit_has(p, "TargetAddress=10.0.0.1:3261"));
	assert_int_equal(iscsip__login_want(k->t.l), LOGIN_FAILED);
	free(p);
	kit_free(k);
}

static void a_discovery_session_needs_no_target_name(void **state)
{
	struct kit *k = kit_new();

	(void)state;
	k->i.who.session_type = ISCSIP_SESSION_DISCOVERY;
	k->i.who.target_name = NULL;
	k->i.host.offer.max_connections = 4;
	k->t.host.offer.max_connections = 4;
	k->t.setup.alias = "not told in discovery";
	run_well(k, "I1>3 T1>3");
	assert_int_equal(iscsip__login_params(k->i.l)->session_type, ISCSIP_SESSION_DISCOVERY);
	assert_int_equal(iscsip__login_params(k->t.l)->max_connections, 1);
	assert_int_equal(iscsip__login_info(k->t.l)->session_type, ISCSIP_SESSION_DISCOVERY);
	assert_string_equal(iscsip__login_info(k->i.l)->peer_alias, "");
	kit_free(k);
}

static void a_connection_that_joins_keeps_the_sessions_parameters(void **state)
{
	struct kit *k = kit_new();
	struct iscsip_params session;

	(void)state;
	iscsip_params_init(&session);
	session.max_burst_length = 4096;
	session.header_digest = ISCSIP_DIGEST_CRC32C;
	session.max_recv_data_segment_length = 1024;
	k->i.who.tsih = 0x4711;
	k->i.who.session = &session;
	kit_open_target(k);
	kit_open_initiator(k);
	assert_true(kit_run(k));
	assert_int_equal(iscsip__login_params(k->i.l)->max_burst_length, 4096);
	assert_int_equal(iscsip__login_params(k->i.l)->header_digest, ISCSIP_DIGEST_NONE);
	assert_int_equal(iscsip__login_params(k->i.l)->max_recv_data_segment_length, 262144);
	assert_int_equal(iscsip__login_info(k->t.l)->tsih, 0x4711);
	kit_free(k);
	/* the target's session holds there, whatever was negotiated on this connection */
	k = kit_new();
	k->i.who.tsih = 0x4711;
	kit_open_target(k);
	kit_open_initiator(k);
	{
		struct kit_pdu *p = malloc(sizeof *p);
		struct iscsip__login_access access;

		memset(&access, 0, sizeof access);
		access.session = &session;
		kit_take(k, &k->i, p);
		assert_int_equal(iscsip__login_rx(k->t.l, &p->pdu), ISCSIP_OK);
		assert_int_equal(iscsip__login_rx_text(k->t.l, p->text, p->len), ISCSIP_OK);
		assert_int_equal(iscsip__login_rx_end(k->t.l), ISCSIP_OK);
		assert_int_equal(iscsip__login_access(k->t.l, &access), ISCSIP_OK);
		assert_int_equal(iscsip__login_want(k->t.l), LOGIN_ASK_SESSION);
		assert_int_equal(iscsip__login_params(k->t.l)->max_burst_length, 4096);
		assert_int_equal(iscsip__login_params(k->t.l)->max_send_data_segment_length, 262144);
		assert_int_equal(iscsip__login_session(k->t.l, 0x4712), ISCSIP_EINVAL);
		assert_int_equal(iscsip__login_session(k->t.l, 0x4711), ISCSIP_OK);
		kit_take(k, &k->t, p);
		assert_int_equal(p->pdu.login_response.tsih, 0x4711);
		free(p);
	}
	kit_free(k);
}

static void the_tsih_stands_in_the_final_response_alone(void **state)
{
	struct kit *k = kit_new();
	struct kit_pdu *p = malloc(sizeof *p);
	bool final = false;

	(void)state;
	kit_chap(k, false);
	kit_open_target(k);
	kit_open_initiator(k);
	while (iscsip__login_want(k->i.l) == LOGIN_TX) {
		kit_take(k, &k->i, p);
		assert_int_equal(p->pdu.login_request.tsih, 0);
		kit_give(k, &k->t, p);
		kit_take(k, &k->t, p);
		final = p->pdu.login_response.transit && p->pdu.login_response.nsg == 3;
		assert_int_equal(p->pdu.login_response.tsih, final ? 0x4711 : 0);
		kit_give(k, &k->i, p);
	}
	assert_true(final);
	free(p);
	kit_free(k);
}

static void text_may_come_in_pieces_of_any_size(void **state)
{
	size_t piece;

	(void)state;
	for (piece = 1; piece < 1200; piece += piece < 40 ? 1 : 37) {
		struct kit *k = kit_new();

		k->piece = piece;
		kit_chap(k, piece % 2);
		run_well(k, "I0 T0 I0 T0 I0>1 T0>1 I1>3 T1>3");
		kit_free(k);
	}
}

static void text_may_go_in_pdus_of_any_size(void **state)
{
	size_t i, t;

	(void)state;
	for (i = 1; i < 700; i = i < 20 ? i + 1 : i * 2)
		for (t = 1; t < 700; t = t < 8 ? t + 1 : t * 3) {
			struct kit *k = kit_new();

			k->i.limits.send_max = (uint32_t)i;
			k->t.limits.send_max = (uint32_t)t;
			k->i.limits.max_pdus = k->t.limits.max_pdus = 4000;
			kit_chap(k, true);
			run_well(k, NULL);
			assert_true(k->largest <= (i > t ? i : t));
			kit_free(k);
		}
}

static void the_buffer_of_answers_serves_each_text_anew(void **state)
{
	struct kit *k = kit_new();

	(void)state;
	/* all that both sides say in this login is more than 512 bytes, each text less */
	k->i.limits.reply_max = k->t.limits.reply_max = 512;
	kit_chap(k, true);
	run_well(k, "I0 T0 I0 T0 I0>1 T0>1 I1>3 T1>3");
	kit_free(k);
	/* items of a mechanism are more than it, each time */
	k = kit_new();
	k->i.limits.reply_max = k->t.limits.reply_max = 512;
	iscsip_offer_set(&k->i.host.offer, "AuthMethod", "SRP");
	iscsip_offer_set(&k->t.host.offer, "AuthMethod", "SRP");
	k->i.host.mech_steps = k->t.host.mech_steps = 3;
	k->i.host.mech_last = true;
	k->i.host.mech_value = 600;
	k->t.host.mech_value = 601;
	run_well(k, NULL);
	kit_free(k);
}

static void continued_text_is_answered_by_empty_pdus(void **state)
{
	struct kit *k = kit_new();

	(void)state;
	k->i.limits.send_max = 200;
	run_well(k, "I1C T1 I1C T1 I1>3 T1>3");
	kit_free(k);
	k = kit_new();
	k->t.limits.send_max = 150;
	run_well(k, "I1>3 T1C I1>3 T1C I1>3 T1>3");
	kit_free(k);
}

static void a_target_with_other_needs_proposes_them(void **state)
{
	struct kit *k = kit_new();
	struct iscsip_offer strict;

	(void)state;
	/* an initiator that names nothing but digests, against a target that cannot live with the defaults */
	k->i.who.tsih = 0;
	iscsip_offer_init_target(&strict);
	iscsip_offer_set(&strict, "DataDigest", "CRC32C");
	iscsip_offer_set(&strict, "MaxBurstLength", "4096");
	iscsip_offer_set(&strict, "FirstBurstLength", "4096");
	k->t.host.granted = &strict;
	run_well(k, "I1>3 T1>3");
	assert_int_equal(iscsip__login_params(k->i.l)->data_digest, ISCSIP_DIGEST_CRC32C);
	assert_int_equal(iscsip__login_params(k->i.l)->max_burst_length, 4096);
	assert_int_equal(iscsip__login_params(k->i.l)->first_burst_length, 4096);
	kit_free(k);
}

static void the_hosts_offer_for_a_target_counts_from_the_first_text(void **state)
{
	struct kit *k = kit_new();
	struct iscsip_offer chap;

	(void)state;
	/* the setup asks for no authentication, the target that was named does */
	kit_chap(k, false);
	iscsip_offer_init_target(&chap);
	iscsip_offer_set(&chap, "AuthMethod", "CHAP");
	iscsip_offer_set(&k->t.host.offer, "AuthMethod", "None");
	k->t.host.granted = &chap;
	run_well(k, "I0 T0 I0 T0 I0>1 T0>1 I1>3 T1>3");
	kit_free(k);
}

static void mechanisms_of_the_host_are_carried(void **state)
{
	struct kit *k;

	(void)state;
	/* SRP: U, s; A, B; M, HM */
	k = kit_new();
	iscsip_offer_set(&k->i.host.offer, "AuthMethod", "SRP");
	iscsip_offer_set(&k->t.host.offer, "AuthMethod", "SRP,CHAP");
	k->i.host.mech_steps = 3;
	k->i.host.mech_last = true;
	k->i.host.mech_value = k->t.host.mech_value = 1024;
	k->t.host.mech_steps = 3;
	run_well(k, "I0 T0 I0 T0 I0 T0 I0>1 T0>1 I1>3 T1>3");
	assert_int_equal(k->i.host.asked_auth, 4);
	assert_int_equal(k->t.host.asked_auth, 3);
	assert_true(iscsip__login_info(k->t.l)->peer_authenticated);
	assert_int_equal(iscsip__login_info(k->t.l)->auth_method, ISCSIP_AUTH_SRP);
	assert_memory_equal(k->t.host.heard, "SRP_U=user|SRP_A=0b", 19);
	kit_free(k);
	/* KRB5 without mutual authentication: one key, one way */
	k = kit_new();
	iscsip_offer_set(&k->i.host.offer, "AuthMethod", "KRB5,CHAP");
	iscsip_offer_set(&k->t.host.offer, "AuthMethod", "CHAP,KRB5");
	k->i.host.mech_steps = 1;
	k->i.host.mech_value = 2000;
	run_well(k, "I0 T0 I0>1 T0>1 I1>3 T1>3");
	kit_free(k);
	/* a private method with keys that nobody else knows */
	k = kit_new();
	k->i.host.offer.auth_extension = k->t.host.offer.auth_extension = "Z-com.example.badge";
	iscsip_offer_set(&k->i.host.offer, "AuthMethod", "Z-com.example.badge,None");
	iscsip_offer_set(&k->t.host.offer, "AuthMethod", "Z-com.example.badge");
	k->i.host.mech_steps = 1;
	k->i.host.mech_last = true;
	k->t.host.mech_steps = 1;
	k->i.host.mech_value = k->t.host.mech_value = 3;
	run_well(k, "I0>1 T0 I0>1 T0>1 I1>3 T1>3");
	assert_string_equal(k->t.host.heard, "Z-Badge=0bAQgP|");
	kit_free(k);
}

static void a_ticket_of_64_kib_passes_both_ways(void **state)
{
	struct kit *k = kit_new();
	size_t len;

	(void)state;
	iscsip_offer_set(&k->i.host.offer, "AuthMethod", "KRB5");
	iscsip_offer_set(&k->t.host.offer, "AuthMethod", "KRB5");
	k->i.host.mech_steps = k->t.host.mech_steps = 1;
	k->i.host.mech_last = true;
	k->i.host.mech_value = 65536;
	k->t.host.mech_value = 65535;
	k->i.limits.text_max = k->t.limits.text_max = 100000;
	run_well(k, NULL);
	len = strlen(k->t.host.heard);
	assert_int_equal(len, strlen("KRB_AP_REQ=0b|") + (65536 + 2) / 3 * 4);
	assert_memory_equal(k->t.host.heard, "KRB_AP_REQ=0bAQgPFh0kKzI5QEdO", 29);
	assert_string_equal(k->t.host.heard + len - 5, "+g==|");
	len = strlen(k->i.host.heard);
	assert_int_equal(len, strlen("KRB_AP_REP=0b|") + 65535 / 3 * 4);
	kit_free(k);
}

static void a_mechanism_that_refuses_ends_the_login(void **state)
{
	struct kit *k = kit_new();

	(void)state;
	iscsip_offer_set(&k->i.host.offer, "AuthMethod", "KRB5");
	iscsip_offer_set(&k->t.host.offer, "AuthMethod", "KRB5");
	k->i.host.mech_steps = 1;
	k->i.host.mech_value = 10;
	k->t.host.mech_refuse = true;
	run_badly(k, ISCSIP_LOGIN_AUTHENTICATION_FAILED, ISCSIP_EAUTH, "target's mechanism");
	k = kit_new();
	iscsip_offer_set(&k->i.host.offer, "AuthMethod", "KRB5");
	iscsip_offer_set(&k->t.host.offer, "AuthMethod", "KRB5");
	k->i.host.mech_refuse = true;
	run_badly(k, 0, ISCSIP_EAUTH, "initiator's mechanism");
}

static void the_size_is_the_documented_figure_and_suffices(void **state)
{
	struct kit *k = kit_new();
	size_t n = iscsip__login_size(&k->t.limits);
	void *mem = malloc(n);
	struct iscsip__login *l;

	(void)state;
	/* lib/login/login.h */
	if (sizeof(void *) == 8)
		assert_int_equal(n, 9712);
	assert_true(n <= 9712);
	assert_int_equal(iscsip__login_open_target(&l, mem, n - 8, &k->t.setup), ISCSIP_ENOSPC);
	assert_int_equal(iscsip__login_open_target(&l, mem, n, &k->t.setup), ISCSIP_OK);
	iscsip__login_close(l);
	free(mem);
	kit_free(k);
}

static void setups_that_cannot_work_are_refused(void **state)
{
	struct kit *k = kit_new();
	size_t n = iscsip__login_size(&k->t.limits);
	void *mem = malloc(n);
	struct iscsip__login *l;

	(void)state;
	k->t.limits.max_pdus = 5;
	assert_int_equal(iscsip__login_open_target(&l, mem, n, &k->t.setup), ISCSIP_EINVAL);
	iscsip__login_limits_init(&k->t.limits);
	k->t.host.offer.max_connections = 0;
	assert_int_equal(iscsip__login_open_target(&l, mem, n, &k->t.setup), ISCSIP_EINVAL);
	iscsip_offer_init_target(&k->t.host.offer);
	iscsip_offer_set(&k->t.host.offer, "AuthMethod", "KRB5");
	k->t.setup.auth_value = NULL;
	assert_int_equal(iscsip__login_open_target(&l, mem, n, &k->t.setup), ISCSIP_EINVAL);
	k->i.who.initiator_name = "not a name";
	assert_int_equal(iscsip__login_open_initiator(&l, mem, n, &k->i.setup, &k->i.who), ISCSIP_EINVAL);
	k->i.who.initiator_name = KIT_INITIATOR_NAME;
	k->i.who.target_name = NULL;
	assert_int_equal(iscsip__login_open_initiator(&l, mem, n, &k->i.setup, &k->i.who), ISCSIP_EINVAL);
	k->i.who.target_name = "iqn.2001-04.com.example:my_disk";
	assert_int_equal(iscsip__login_open_initiator(&l, mem, n, &k->i.setup, &k->i.who), ISCSIP_EINVAL);
	k->i.setup.flags = LOGIN_ANY_NAME;
	assert_int_equal(iscsip__login_open_initiator(&l, mem, n, &k->i.setup, &k->i.who), ISCSIP_OK);
	iscsip__login_close(l);
	free(mem);
	kit_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_login_without_authentication_takes_one_exchange),
		cmocka_unit_test(a_security_stage_with_none_is_left_in_one_exchange),
		cmocka_unit_test(chap_proves_the_initiator),
		cmocka_unit_test(chap_proves_both_sides),
		cmocka_unit_test(the_target_chooses_the_algorithm_it_likes_best),
		cmocka_unit_test(wrong_or_missing_proof_ends_the_login),
		cmocka_unit_test(short_secrets_are_taken_where_both_hosts_allow_it),
		cmocka_unit_test(the_same_challenge_from_both_sides_is_a_reflection),
		cmocka_unit_test(the_host_refuses_with_each_status),
		cmocka_unit_test(a_redirection_says_where_to),
		cmocka_unit_test(a_redirection_needs_an_address_and_loses_its_tag),
		cmocka_unit_test(a_discovery_session_needs_no_target_name),
		cmocka_unit_test(a_connection_that_joins_keeps_the_sessions_parameters),
		cmocka_unit_test(the_tsih_stands_in_the_final_response_alone),
		cmocka_unit_test(text_may_come_in_pieces_of_any_size),
		cmocka_unit_test(text_may_go_in_pdus_of_any_size),
		cmocka_unit_test(the_buffer_of_answers_serves_each_text_anew),
		cmocka_unit_test(continued_text_is_answered_by_empty_pdus),
		cmocka_unit_test(a_target_with_other_needs_proposes_them),
		cmocka_unit_test(the_hosts_offer_for_a_target_counts_from_the_first_text),
		cmocka_unit_test(mechanisms_of_the_host_are_carried),
		cmocka_unit_test(a_ticket_of_64_kib_passes_both_ways),
		cmocka_unit_test(a_mechanism_that_refuses_ends_the_login),
		cmocka_unit_test(the_size_is_the_documented_figure_and_suffices),
		cmocka_unit_test(setups_that_cannot_work_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
