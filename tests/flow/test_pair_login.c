/* SPDX-License-Identifier: MIT */
/*
 * Logins of initiator and target against each other as their hosts see them: CHAP one way and both ways, with secrets that come at
 * once or later, over every cut; wrong secrets, hosts that have none, redirections, and what is left of a login that failed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "flow/pair_rig.h"
#include "hash/hash.h"

static struct pair P;

/* What the two hosts know. */
static struct {
	const char *i_secret, *t_secret; /* of the initiator, of the target */
	const char *i_believes;          /* of the target's secret, at the initiator */
	bool later;
	const struct iscsip_chap_ask *i_ask, *t_ask; /* questions not answered yet */
	struct iscsip_conn *i_conn, *t_conn;
	int asked;
	uint16_t refuse;
	const char *redirect;
	bool mutual;
} H;

static void fail_here(const char *file, int line, const char *what)
{
	static char text[300];

	snprintf(text, sizeof text, "%s:%d: %s", file, line, what);
	fail_msg("%s", text);
}

static void answer(struct iscsip_conn *c, const struct iscsip_chap_ask *ask, const char *name, const char *own,
		   const char *others)
{
	struct iscsip_chap_answer a = { .verdict = ISCSIP_CHAP_SECRET, .name = name };
	const char *secret = ask->purpose == ISCSIP_CHAP_PROVE_SELF ? own : others;

	a.secret = secret;
	a.secret_len = secret ? strlen(secret) : 0;
	if (!secret)
		a.verdict = ISCSIP_CHAP_REFUSED;
	assert_int_equal(iscsip_login_chap(c, &a), ISCSIP_OK);
}

static void i_chap(void *user, struct iscsip_conn *c, const struct iscsip_login_info *info, const struct iscsip_chap_ask *ask)
{
	(void)user;
	(void)info;
	H.asked++;
	H.i_conn = c;
	if (H.later)
		H.i_ask = ask;
	else
		answer(c, ask, "initiator", H.i_secret, H.i_believes);
}

static void t_chap(void *user, struct iscsip_conn *c, const struct iscsip_login_info *info, const struct iscsip_chap_ask *ask)
{
	(void)user;
	(void)info;
	H.asked++;
	H.t_conn = c;
	if (H.later)
		H.t_ask = ask;
	else
		answer(c, ask, "target", H.t_secret, H.i_secret ? "correct horse battery" : NULL);
}

static void t_identify(void *user, struct iscsip_conn *c, const struct iscsip_login_info *info)
{
	(void)user;
	(void)info;
	if (H.refuse)
		assert_int_equal(iscsip_login_refuse(c, H.refuse, H.redirect), ISCSIP_OK);
	else
		assert_int_equal(iscsip_login_grant(c, NULL), ISCSIP_OK);
}

static void begin(void)
{
	memset(&H, 0, sizeof H);
	H.i_secret = "correct horse battery";
	H.t_secret = H.i_believes = "staple of the target";
	pair_init(&P, fail_here);
	P.iops.chap_ask = i_chap;
	P.tops.chap_ask = t_chap;
	P.tops.identify = t_identify;
	P.toffer.auth_methods.count = 1;
	P.toffer.auth_methods.item[0] = ISCSIP_AUTH_CHAP;
	P.ioffer.auth_methods.count = 2;
	P.ioffer.auth_methods.item[0] = ISCSIP_AUTH_CHAP;
	P.ioffer.auth_methods.item[1] = ISCSIP_AUTH_NONE;
}

static void demand_mutual(void)
{
	P.ioffer.auth_methods.count = 1;
	P.ioffer.mutual_auth = true;
}

static void run(void)
{
	pair_open(&P);
	assert_true(pair_run(&P));
	while (H.i_ask || H.t_ask) {
		const struct iscsip_chap_ask *i = H.i_ask, *t = H.t_ask;

		H.i_ask = H.t_ask = NULL;
		/* nothing else is to be asked or answered now */
		assert_int_equal(iscsip_login_auth(i ? H.i_conn : H.t_conn, &(struct iscsip_auth_answer){ 0 }), ISCSIP_ESTATE);
		if (i)
			answer(H.i_conn, i, "initiator", H.i_secret, H.i_believes);
		if (t)
			answer(H.t_conn, t, "target", H.t_secret, "correct horse battery");
		assert_true(pair_run(&P));
	}
}

static void works(void)
{
	assert_true(P.logged_in);
	assert_true(pair_start(&P, 0, 600, 600, 0, 0, false));
	assert_true(pair_run(&P));
	assert_int_equal(P.good, 1);
	pair_close(&P);
}

static void is_refused(int err, uint16_t status)
{
	assert_true(P.login_ended && !P.logged_in);
	assert_int_equal(P.login_err, err);
	assert_int_equal(P.login_status, status);
	assert_int_equal(iscsip_session_state(P.is), ISCSIP_SESSION_FREE);
	pair_close(&P);
}

static void chap_goes_one_way_and_both_ways(void **state)
{
	static const size_t steps[] = { 0, 1, 5, 48, PAIR_RANDOM };
	unsigned i;

	(void)state;
	for (i = 0; i < 20; i++) {
		begin();
		P.step = steps[i / 4];
		P.doors = (int)i % 3;
		H.later = i & 1;
		if (i & 2)
			demand_mutual();
		run();
		assert_int_equal(H.asked, i & 2 ? 4 : 2);
		works();
	}
}

static void every_algorithm_that_is_built_in_proves_both(void **state)
{
	uint8_t algorithm;

	(void)state;
	for (algorithm = 5; algorithm <= 8; algorithm++) {
		if (!iscsip__hash_size(algorithm))
			continue;
		begin();
		demand_mutual();
		P.ioffer.chap_algorithms.count = 1;
		P.ioffer.chap_algorithms.item[0] = algorithm;
		run();
		works();
	}
}

static void a_wrong_secret_is_refused(void **state)
{
	int later;

	(void)state;
	for (later = 0; later < 2; later++) {
		begin();
		H.later = later;
		H.i_secret = "incorrect horse battery";
		run();
		is_refused(ISCSIP_EAUTH, ISCSIP_LOGIN_AUTHENTICATION_FAILED);
	}
}

static void a_target_that_can_not_prove_itself_is_left(void **state)
{
	(void)state;
	begin();
	demand_mutual();
	H.i_believes = "another staple of it";
	run();
	is_refused(ISCSIP_EAUTH, 0);
	begin();
	demand_mutual();
	H.t_secret = NULL;
	run();
	assert_false(P.logged_in);
	pair_close(&P);
}

static void hosts_without_secrets_fail_the_login_and_nothing_more(void **state)
{
	(void)state;
	begin();
	P.iops.chap_ask = NULL;
	run();
	is_refused(ISCSIP_EAUTH, 0);
	begin();
	P.tops.chap_ask = NULL;
	run();
	assert_false(P.logged_in);
	pair_close(&P);
	/* methods of the host's own, of which it has none */
	begin();
	P.toffer.auth_methods.item[0] = ISCSIP_AUTH_SRP;
	P.ioffer.auth_methods.item[0] = ISCSIP_AUTH_SRP;
	run();
	assert_false(P.logged_in);
	assert_true(P.login_ended);
	pair_close(&P);
}

static void answers_to_nothing_are_refused(void **state)
{
	struct iscsip_chap_answer chap = { .verdict = ISCSIP_CHAP_REFUSED };
	struct iscsip_auth_answer auth = { .step = ISCSIP_AUTH_REFUSE };

	(void)state;
	begin();
	run();
	assert_int_equal(iscsip_login_chap(P.ic, &chap), ISCSIP_ESTATE);
	assert_int_equal(iscsip_login_auth(P.ic, &auth), ISCSIP_ESTATE);
	works();
}

static void refusals_and_redirections_arrive_as_they_were_sent(void **state)
{
	static const struct { uint16_t status; const char *where; } cases[] = {
		{ ISCSIP_LOGIN_MOVED_TEMPORARILY, "10.0.0.9:3261" }, { ISCSIP_LOGIN_MOVED_PERMANENTLY, "[2001:db8::7]:3260" },
		{ ISCSIP_LOGIN_NOT_FOUND, NULL }, { ISCSIP_LOGIN_SERVICE_UNAVAILABLE, NULL }, { ISCSIP_LOGIN_TARGET_REMOVED, NULL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		begin();
		H.refuse = cases[i].status;
		H.redirect = cases[i].where;
		run();
		is_refused(ISCSIP_ELOGIN, cases[i].status);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chap_goes_one_way_and_both_ways),
		cmocka_unit_test(every_algorithm_that_is_built_in_proves_both),
		cmocka_unit_test(a_wrong_secret_is_refused),
		cmocka_unit_test(a_target_that_can_not_prove_itself_is_left),
		cmocka_unit_test(hosts_without_secrets_fail_the_login_and_nothing_more),
		cmocka_unit_test(answers_to_nothing_are_refused),
		cmocka_unit_test(refusals_and_redirections_arrive_as_they_were_sent),
	};

	return cmocka_run_group_tests_name("pair, logins", tests, NULL, NULL);
}
