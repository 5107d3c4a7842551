/* SPDX-License-Identifier: MIT */
/*
 * CHAP responses as values (RFC 1994 4.1), and builds that leave hashes out. The vectors come from Python's hashlib.
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

static void responses_are_the_hash_of_identifier_secret_and_challenge(void **state)
{
	static const struct {
		int algorithm, len;
		const char *hex;
	} vectors[] = {
		{ 5, 16, "0x97a05b17dee004f82f2b040705ddb403" },
		{ 6, 20, "0x469a7c261711832eafa91d78249dded27e313b12" },
		{ 7, 32, "0x555ccc31fed49611bb152ef2be6fa17d3f161a63f54e9dfb65ee89ebd0350d21" },
		{ 8, 32, "0x88d3ae69e5b682cfbffdcfa4a43df200868386092268c9ba8c9ec0abbb843d47" },
	};
	uint8_t challenge[39], out[32], want[32];
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof challenge; i++)
		challenge[i] = (uint8_t)(i + 1);
	for (i = 0; i < 4; i++) {
		int len = iscsip_chap_response(vectors[i].algorithm, 0xa7, "a secret of 16 b", 16, challenge,
				sizeof challenge, out);

		if (iscsip__hash_size(vectors[i].algorithm) == 0) {
			assert_int_equal(len, ISCSIP_EINVAL);
			continue;
		}
		assert_int_equal(len, vectors[i].len);
		assert_int_equal(iscsip_text_binary(vectors[i].hex, strlen(vectors[i].hex), want, sizeof want, &n),
				ISCSIP_OK);
		assert_memory_equal(out, want, n);
	}
	assert_int_equal(iscsip_chap_response(4, 0, "", 0, "", 0, out), ISCSIP_EINVAL);
	assert_int_equal(iscsip_chap_response(9, 0, "", 0, "", 0, out), ISCSIP_EINVAL);
}

/* A build without MD5 and SHA-1 neither offers nor takes them; this test is run in both kinds of build. */
static void only_hashes_that_are_built_in_are_offered(void **state)
{
	struct kit *k = kit_new();
	struct kit_pdu *p = malloc(sizeof *p);
	const char *offered;

	(void)state;
	kit_chap(k, false);
	kit_open_initiator(k);
	assert_int_equal(kit_respond(k, 0, -1, false, KIT_TEXT("AuthMethod=CHAP\0"), p), LOGIN_TX);
	kit_take(k, &k->i, p);
	offered = kit_value(p, "CHAP_A");
	assert_non_null(offered);
	assert_int_equal(strchr(offered, '5') != NULL, iscsip__hash_size(5) != 0);
	assert_int_equal(strchr(offered, '6') != NULL, iscsip__hash_size(6) != 0);
	assert_non_null(strchr(offered, '7'));
	assert_non_null(strchr(offered, '8'));
	/* an offer of nothing but MD5 cannot be opened without it */
	iscsip_offer_set(&k->t.host.offer, "CHAP_A", "5");
	k->t.mem = malloc(iscsip__login_size(&k->t.limits));
	assert_int_equal(iscsip__login_open_target(&k->t.l, k->t.mem, iscsip__login_size(&k->t.limits), &k->t.setup),
			 iscsip__hash_size(5) ? ISCSIP_OK : ISCSIP_EINVAL);
	free(p);
	kit_free(k);
}

static void the_hosts_answers_to_chap_are_checked(void **state)
{
	struct kit *k = kit_new();
	struct kit_pdu *p = malloc(sizeof *p);
	const struct iscsip_chap_ask *ask;
	struct iscsip_chap_answer a;
	char name[300];

	(void)state;
	kit_chap(k, false);
	kit_open_target(k);
	kit_open_initiator(k);
	while (iscsip__login_want(k->i.l) == LOGIN_TX) {
		kit_take(k, &k->i, p);
		kit_give(k, &k->t, p);
		kit_take(k, &k->t, p);
		assert_int_equal(iscsip__login_rx(k->i.l, &p->pdu), ISCSIP_OK);
		if (p->len)
			assert_int_equal(iscsip__login_rx_text(k->i.l, p->text, p->len), ISCSIP_OK);
		assert_int_equal(iscsip__login_rx_end(k->i.l), ISCSIP_OK);
	}
	assert_int_equal(iscsip__login_want(k->i.l), LOGIN_ASK_SECRET);
	ask = iscsip__login_chap_ask(k->i.l);
	assert_int_equal(ask->purpose, ISCSIP_CHAP_PROVE_SELF);
	assert_int_equal(ask->algorithm, 7);
	assert_int_equal(ask->challenge_len, 32);
	assert_null(ask->peer_name);
	assert_null(ask->response);
	assert_string_equal(ask->login->target_name, KIT_TARGET_NAME);
	memset(&a, 0, sizeof a);
	a.verdict = ISCSIP_CHAP_VERIFIED; /* nothing to verify here */
	assert_int_equal(iscsip__login_secret(k->i.l, &a), ISCSIP_EINVAL);
	a.verdict = 9;
	assert_int_equal(iscsip__login_secret(k->i.l, &a), ISCSIP_EINVAL);
	assert_int_equal(iscsip__login_want(k->i.l), LOGIN_ASK_SECRET);
	/* a name over 255 bytes cannot be sent */
	memset(name, 'n', sizeof name);
	name[256] = 0;
	a.verdict = ISCSIP_CHAP_SECRET;
	a.name = name;
	a.secret = "a secret long enough";
	a.secret_len = 20;
	assert_int_equal(iscsip__login_secret(k->i.l, &a), ISCSIP_OK);
	assert_int_equal(iscsip__login_want(k->i.l), LOGIN_FAILED);
	assert_int_equal(iscsip__login_error(k->i.l), ISCSIP_EAUTH);
	free(p);
	kit_free(k);
}

static void no_answer_is_a_refusal(void **state)
{
	struct kit *k = kit_new();
	struct kit_pdu *p = malloc(sizeof *p);

	(void)state;
	kit_chap(k, false);
	kit_open_target(k);
	assert_int_equal(kit_request(k, 0, -1, false, KIT_TEXT(KIT_NAMES "AuthMethod=CHAP\0CHAP_A=8\0"), p),
			ISCSIP_LOGIN_SUCCESS);
	k->t.host.peer_name = NULL;
	/* a response of the right length, so that the host is asked */
	assert_int_equal(kit_request(k, 0, 1, false,
			KIT_TEXT("CHAP_N=alice\0CHAP_R=0bAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\0"), p),
			 ISCSIP_LOGIN_AUTHENTICATION_FAILED);
	assert_int_equal(k->t.host.asked_secret, 1);
	free(p);
	kit_free(k);
}

static void nothing_secret_stays_behind(void **state)
{
	struct kit *k = kit_new();
	uint8_t *mem;
	size_t n, i, left = 0;

	(void)state;
	kit_chap(k, true);
	kit_open_target(k);
	kit_open_initiator(k);
	assert_true(kit_run(k));
	mem = k->t.mem;
	n = iscsip__login_size(&k->t.limits);
	/* the secret never was there */
	for (i = 0; i + 18 <= n; i++)
		assert_memory_not_equal(mem + i, "alice's own secret", 18);
	iscsip__login_close(k->t.l);
	k->t.l = NULL;
	for (i = 0; i + 8 < n; i++)
		left += mem[i] != 0;
	assert_int_equal(left, 0);
	kit_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(responses_are_the_hash_of_identifier_secret_and_challenge),
		cmocka_unit_test(only_hashes_that_are_built_in_are_offered),
		cmocka_unit_test(the_hosts_answers_to_chap_are_checked),
		cmocka_unit_test(no_answer_is_a_refusal),
		cmocka_unit_test(nothing_secret_stays_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
