/* SPDX-License-Identifier: MIT */
/*
 * Logins in memory, for the tests of both roles: see login_kit.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <iscsiproto/pdu.h>

#include "login_kit.h"

static void kit_random(void *user, uint8_t *dst, size_t len)
{
	struct kit_host *h = user;

	if (h->random_fixed)
		h->random_state = 77;
	while (len--) {
		h->random_state = h->random_state * 1664525u + 1013904223u;
		*dst++ = (uint8_t)(h->random_state >> 24);
	}
}

static int kit_auth_value(void *user, const char *key, const char *piece, size_t len, size_t off, bool last)
{
	struct kit_host *h = user;

	if (off == 0) {
		h->heard_len += (size_t)snprintf(h->heard + h->heard_len, sizeof h->heard - h->heard_len, "%s=", key);
	}
	assert_true(h->heard_len + len + 2 < sizeof h->heard);
	memcpy(h->heard + h->heard_len, piece, len);
	h->heard_len += len;
	if (last)
		h->heard[h->heard_len++] = '|';
	h->heard[h->heard_len] = 0;
	return ISCSIP_OK;
}

static void side_init(struct kit_side *s)
{
	iscsip__login_limits_init(&s->limits);
	s->setup.limits = &s->limits;
	s->setup.offer = &s->host.offer;
	s->setup.user = &s->host;
	s->setup.random = kit_random;
	s->setup.auth_value = kit_auth_value;
	s->host.tsih = 0x4711;
}

struct kit *kit_new(void)
{
	struct kit *k = calloc(1, sizeof *k);

	side_init(&k->i);
	side_init(&k->t);
	k->t.host.random_state = 12345;
	iscsip_offer_init_initiator(&k->i.host.offer);
	iscsip_offer_init_target(&k->t.host.offer);
	k->i.who.initiator_name = KIT_INITIATOR_NAME;
	k->i.who.target_name = KIT_TARGET_NAME;
	memcpy(k->i.who.isid, "\x80\x12\x34\x56\x00\x01", 6);
	k->i.who.cid = 7;
	k->i.who.itt = 0xabcdef01;
	k->i.who.cmdsn = 0xfffffffe;
	return k;
}

static void side_close(struct kit_side *s)
{
	if (s->l)
		iscsip__login_close(s->l);
	free(s->mem);
	s->l = NULL;
	s->mem = NULL;
}

void kit_free(struct kit *k)
{
	side_close(&k->i);
	side_close(&k->t);
	free(k);
}

void kit_open_target(struct kit *k)
{
	size_t n = iscsip__login_size(&k->t.limits);

	side_close(&k->t);
	k->t.mem = malloc(n);
	assert_int_equal(iscsip__login_open_target(&k->t.l, k->t.mem, n, &k->t.setup), ISCSIP_OK);
}

void kit_open_initiator(struct kit *k)
{
	size_t n = iscsip__login_size(&k->i.limits);

	side_close(&k->i);
	k->i.mem = malloc(n);
	assert_int_equal(iscsip__login_open_initiator(&k->i.l, k->i.mem, n, &k->i.setup, &k->i.who), ISCSIP_OK);
}

void kit_chap(struct kit *k, bool mutual)
{
	assert_int_equal(iscsip_offer_set(&k->i.host.offer, "AuthMethod", "CHAP"), ISCSIP_OK);
	assert_int_equal(iscsip_offer_set(&k->t.host.offer, "AuthMethod", "CHAP"), ISCSIP_OK);
	k->i.host.own_name = k->t.host.peer_name = "alice";
	k->i.host.own_secret = k->t.host.peer_secret = "alice's own secret";
	if (mutual) {
		k->i.host.offer.mutual_auth = true;
		k->t.host.own_name = k->i.host.peer_name = "storage";
		k->t.host.own_secret = k->i.host.peer_secret = "the secret of storage";
	}
}

static void answer_secret(struct kit_side *s)
{
	const struct iscsip_chap_ask *ask = iscsip__login_chap_ask(s->l);
	struct kit_host *h = &s->host;
	struct iscsip_chap_answer a;
	uint8_t response[32];
	int n;

	memset(&a, 0, sizeof a);
	a.verdict = ISCSIP_CHAP_REFUSED;
	h->asked_secret++;
	if (ask->purpose == ISCSIP_CHAP_VERIFY_PEER && h->peer_name && strcmp(ask->peer_name, h->peer_name) == 0) {
		a.verdict = ISCSIP_CHAP_SECRET;
		a.secret = h->peer_secret;
		a.secret_len = strlen(h->peer_secret);
		if (h->by_response) {
			n = iscsip_chap_response(ask->algorithm, ask->identifier, a.secret, a.secret_len, ask->challenge,
						 ask->challenge_len, response);
			a.verdict = (size_t)n == ask->response_len && memcmp(response, ask->response, (size_t)n) == 0
					    ? ISCSIP_CHAP_VERIFIED : ISCSIP_CHAP_REFUSED;
		}
		if (h->believes)
			a.verdict = ISCSIP_CHAP_VERIFIED;
	}
	if (ask->purpose == ISCSIP_CHAP_PROVE_SELF && h->own_name) {
		a.verdict = ISCSIP_CHAP_SECRET;
		a.name = h->own_name;
		a.secret = h->own_secret;
		a.secret_len = strlen(h->own_secret);
		if (h->by_response) {
			a.verdict = ISCSIP_CHAP_RESPONSE;
			a.response_len = (size_t)iscsip_chap_response(ask->algorithm, ask->identifier, a.secret,
					a.secret_len,
								      ask->challenge, ask->challenge_len, response);
			a.response = response;
		}
	}
	assert_int_equal(iscsip__login_secret(s->l, &a), ISCSIP_OK);
}

/* A mechanism that sends one value a step and is content after mech_steps of them. */
static void answer_auth(struct kit_side *s)
{
	static uint8_t value[70000];
	static struct iscsip_auth_item item[2];
	struct kit_host *h = &s->host;
	struct iscsip_auth_answer a;
	unsigned method = iscsip__login_info(s->l)->auth_method;
	size_t i;

	memset(&a, 0, sizeof a);
	h->asked_auth++;
	h->mech_at++;
	for (i = 0; i < sizeof value; i++)
		value[i] = (uint8_t)(i * 7 + (size_t)h->mech_at);
	if (h->mech_refuse)
		a.step = ISCSIP_AUTH_REFUSE;
	else if (h->mech_at > h->mech_steps)
		a.step = ISCSIP_AUTH_DONE;
	else if (h->mech_at == h->mech_steps)
		a.step = h->mech_last ? ISCSIP_AUTH_LAST : ISCSIP_AUTH_DONE;
	if (a.step != ISCSIP_AUTH_REFUSE && h->mech_at <= h->mech_steps) {
		static const char *keys[2][5] = { { "SRP_U", "SRP_A", "SRP_M", "SRP_M", "SRP_M" },
						  { "SRP_s", "SRP_B", "SRP_HM", "SRP_HM", "SRP_HM" } };
		bool target = s->setup.offer->iscsi_protocol_level == 2;

		item[target].key = method == ISCSIP_AUTH_KRB5 ? (target ? "KRB_AP_REP" : "KRB_AP_REQ") : method == ISCSIP_AUTH_SRP
				? keys[target][h->mech_at - 1] : "Z-Badge";
		item[target].value = value;
		item[target].len = h->mech_value;
		item[target].binary = method != ISCSIP_AUTH_SRP || h->mech_at > 1;
		if (!item[target].binary) {
			item[target].value = "user";
			item[target].len = 4;
		}
		a.items = &item[target];
		a.count = 1;
	}
	assert_int_equal(iscsip__login_auth(s->l, &a), ISCSIP_OK);
}

static void answer_access(struct kit_side *s)
{
	struct iscsip__login_access a;

	s->host.asked_access++;
	if (s->host.refuse_access) {
		assert_int_equal(iscsip__login_refuse(s->l, s->host.refuse_access, s->host.redirect), ISCSIP_OK);
		return;
	}
	memset(&a, 0, sizeof a);
	a.portal_group_tag = 23;
	a.offer = s->host.granted;
	a.alias = s->host.alias;
	assert_int_equal(iscsip__login_access(s->l, &a), ISCSIP_OK);
}

void kit_answer(struct kit_side *s)
{
	int bound = 10;

	for (; bound; bound--) {
		switch (iscsip__login_want(s->l)) {
		case LOGIN_ASK_ACCESS:
			answer_access(s);
			break;
		case LOGIN_ASK_SECRET:
			answer_secret(s);
			break;
		case LOGIN_ASK_AUTH:
			answer_auth(s);
			break;
		case LOGIN_ASK_SESSION:
			s->host.asked_session++;
			if (s->host.refuse_session)
				assert_int_equal(iscsip__login_refuse(s->l, s->host.refuse_session, s->host.redirect),
						ISCSIP_OK);
			else
				assert_int_equal(iscsip__login_session(s->l, s->host.tsih), ISCSIP_OK);
			break;
		default:
			return;
		}
	}
	fail_msg("a login that asks for ever");
}

void kit_take(struct kit *k, struct kit_side *s, struct kit_pdu *p)
{
	struct iscsip_pdu again;
	uint8_t bhs[ISCSIP_BHS_LEN];
	const void *text;
	char line[80];

	assert_int_equal(iscsip__login_want(s->l), LOGIN_TX);
	assert_int_equal(iscsip__login_tx(s->l, &p->pdu), ISCSIP_OK);
	assert_int_equal(iscsip__login_tx(s->l, &again), ISCSIP_OK);
	assert_memory_equal(&again, &p->pdu, sizeof again);
	text = iscsip__login_tx_text(s->l, &p->len);
	assert_int_equal(p->len, p->pdu.data_len);
	assert_true(p->len <= s->limits.send_max);
	if (p->len)
		memcpy(p->text, text, p->len);
	iscsip__login_tx_done(s->l);
	assert_int_equal(iscsip_pdu_encode(bhs, &p->pdu), ISCSIP_OK);
	assert_int_equal(iscsip_pdu_decode(&p->pdu, bhs), ISCSIP_OK);
	k->pdus++;
	if (p->len > k->largest)
		k->largest = p->len;
	if (s == &k->i) {
		const struct iscsip_login_request *r = &p->pdu.login_request;

		snprintf(line, sizeof line, "I%u%s", r->csg, r->cont ? "C" : "");
		if (r->transit)
			snprintf(line + strlen(line), 20, ">%u", r->nsg);
	} else {
		const struct iscsip_login_response *r = &p->pdu.login_response;

		if (r->status_class)
			snprintf(line, sizeof line, "T!%02x%02x", r->status_class, r->status_detail);
		else
			snprintf(line, sizeof line, "T%u%s", r->csg, r->cont ? "C" : "");
		if (r->transit)
			snprintf(line + strlen(line), 20, ">%u", r->nsg);
	}
	if (strlen(k->trace) + strlen(line) + 2 < sizeof k->trace) {
		if (k->trace[0])
			strcat(k->trace, " ");
		strcat(k->trace, line);
	}
}

void kit_give(struct kit *k, struct kit_side *s, const struct kit_pdu *p)
{
	size_t at, n, piece = k->piece ? k->piece : p->len;
	char *own;

	assert_int_equal(iscsip__login_rx(s->l, &p->pdu), ISCSIP_OK);
	for (at = 0; at < p->len; at += n) {
		n = p->len - at < piece ? p->len - at : piece;
		own = malloc(n);
		memcpy(own, p->text + at, n);
		assert_int_equal(iscsip__login_rx_text(s->l, own, n), ISCSIP_OK);
		free(own);
	}
	assert_int_equal(iscsip__login_rx_end(s->l), ISCSIP_OK);
	kit_answer(s);
}

static bool over(const struct kit_side *s)
{
	enum iscsip__login_want want = iscsip__login_want(s->l);

	return want == LOGIN_DONE || want == LOGIN_FAILED;
}

bool kit_run(struct kit *k)
{
	struct kit_pdu *p = malloc(sizeof *p);
	int bound = 5000;

	kit_answer(&k->i);
	while (!over(&k->i) && bound--) {
		kit_take(k, &k->i, p);
		kit_give(k, &k->t, p);
		kit_take(k, &k->t, p);
		kit_give(k, &k->i, p);
	}
	free(p);
	assert_true(bound > 0);
	return iscsip__login_want(k->i.l) == LOGIN_DONE && iscsip__login_want(k->t.l) == LOGIN_DONE;
}

uint16_t kit_request(struct kit *k, uint8_t csg, int nsg, bool cont, const char *text, size_t len, struct kit_pdu *answer)
{
	struct kit_pdu *p = calloc(1, sizeof *p);
	struct iscsip_login_request *r = &p->pdu.login_request;

	p->pdu.opcode = ISCSIP_OP_LOGIN_REQUEST;
	p->pdu.immediate = true;
	p->pdu.itt = k->i.who.itt;
	p->pdu.data_len = (uint32_t)len;
	memcpy(r->isid, k->i.who.isid, 6);
	r->tsih = k->i.who.tsih;
	r->cid = k->i.who.cid;
	r->cmdsn = k->i.who.cmdsn;
	r->csg = csg;
	r->nsg = nsg < 0 ? 0 : (uint8_t)nsg;
	r->transit = nsg >= 0;
	r->cont = cont;
	p->len = len;
	if (len)
		memcpy(p->text, text, len);
	kit_give(k, &k->t, p);
	free(p);
	kit_take(k, &k->t, answer);
	return (uint16_t)(answer->pdu.login_response.status_class << 8 | answer->pdu.login_response.status_detail);
}

enum iscsip__login_want kit_respond(struct kit *k, uint8_t csg, int nsg, bool cont, const char *text, size_t len,
				    struct kit_pdu *request)
{
	struct kit_pdu *p = calloc(1, sizeof *p);
	struct iscsip_login_response *r = &p->pdu.login_response;

	kit_take(k, &k->i, request);
	p->pdu.opcode = ISCSIP_OP_LOGIN_RESPONSE;
	p->pdu.itt = request->pdu.itt;
	p->pdu.data_len = (uint32_t)len;
	memcpy(r->isid, request->pdu.login_request.isid, 6);
	r->csg = csg;
	r->nsg = nsg < 0 ? 0 : (uint8_t)nsg;
	r->transit = nsg >= 0;
	r->cont = cont;
	r->tsih = nsg == 3 ? 0x4711 : 0;
	p->len = len;
	if (len)
		memcpy(p->text, text, len);
	kit_give(k, &k->i, p);
	free(p);
	return iscsip__login_want(k->i.l);
}

const char *kit_value(const struct kit_pdu *p, const char *key)
{
	size_t at = 0, n = strlen(key);

	while (at < p->len) {
		if (strncmp(p->text + at, key, n) == 0 && p->text[at + n] == '=')
			return p->text + at + n + 1;
		at += strlen(p->text + at) + 1;
	}
	return NULL;
}

bool kit_has(const struct kit_pdu *p, const char *pair)
{
	size_t at = 0;

	while (at < p->len) {
		if (strcmp(p->text + at, pair) == 0)
			return true;
		at += strlen(p->text + at) + 1;
	}
	return false;
}
