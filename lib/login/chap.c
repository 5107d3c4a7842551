/* SPDX-License-Identifier: MIT */
/*
 * CHAP in a login: RFC 7143 12.1.3 and 9.2.1 over RFC 1994. It owns the challenges, identifiers and responses of one
 * login. The secret is never kept: it is used within the call that brings it.
 *
 * What is refused, beyond a wrong response: our challenge sent back to us (reflection); a response that this side's own
 * secret would have given (one secret for both directions); a secret under 96 bits, unless the offer allows it;
 * challenges over the limit; responses of another length than the hash has.
 *
 * Comparisons of responses take the same time wherever they differ.
 */
#include "hash/hash.h"
#include "login/login_state.h"

/* RFC 7143 9.2.1: 96 bits */
#define CHAP_SECRET_MIN 12

static int chap_compute(int algorithm, uint8_t id, const void *secret, size_t secret_len, const void *challenge,
			size_t challenge_len, uint8_t out[ISCSIP__HASH_MAX])
{
	struct iscsip__hash_ctx ctx;

	if (iscsip__hash_init(&ctx, algorithm) != ISCSIP_OK)
		return ISCSIP_EINVAL;
	iscsip__hash_update(&ctx, &id, 1);
	iscsip__hash_update(&ctx, secret, secret_len);
	iscsip__hash_update(&ctx, challenge, challenge_len);
	return (int)iscsip__hash_final(&ctx, out);
}

int iscsip_chap_response(int algorithm, uint8_t identifier, const void *secret, size_t secret_len, const void *challenge,
			 size_t challenge_len, uint8_t out[32])
{
	return chap_compute(algorithm, identifier, secret, secret_len, challenge, challenge_len, out);
}

void iscsip__chap_algorithms(const struct iscsip_offer *offer, struct iscsip_prefs *out)
{
	unsigned i;

	out->count = 0;
	for (i = 0; i < offer->chap_algorithms.count; i++)
		if (iscsip__hash_size(offer->chap_algorithms.item[i]))
			out->item[out->count++] = offer->chap_algorithms.item[i];
}

void iscsip__chap_challenge(struct iscsip__login *l)
{
	struct login_chap *c = &l->chap;

	c->own_len = (uint8_t)iscsip__hash_size(l->info.chap_algorithm);
	l->setup.random(l->setup.user, &c->own_id, 1);
	l->setup.random(l->setup.user, c->own, c->own_len);
}

void iscsip__chap_put_challenge(struct iscsip__login *l)
{
	iscsip__out_number(&l->out, "CHAP_I", l->chap.own_id);
	iscsip__out_binary(&l->out, "CHAP_C", l->chap.own, l->chap.own_len);
}

static const char *chap_take_response(struct login_chap *c, const struct iscsip_text_pair *pair)
{
	size_t n;
	int rc = iscsip_text_binary(pair->value, pair->value_len, c->response, sizeof c->response, &n);

	if (rc == ISCSIP_TEXT_EFORM)
		return ISCSIP__WHY("CHAP_R is no binary value");
	/* sound, but no hash is that long: a wrong response, not a wrong form */
	c->response_odd = rc != ISCSIP_OK;
	c->response_len = c->response_odd ? 0 : (uint8_t)n;
	return NULL;
}

const char *iscsip__chap_take(struct iscsip__login *l, enum iscsip__key key, const struct iscsip_text_pair *pair)
{
	struct login_chap *c = &l->chap;
	uint32_t id;

	if (!pair->last || pair->value_off > 0)
		return ISCSIP__WHY("a CHAP value over the limit");
	switch (key) {
	case ISCSIP__KEY_CHAP_I:
		if (iscsip_text_number_in(pair->value, pair->value_len, 0, 255, &id) != ISCSIP_OK)
			return ISCSIP__WHY("CHAP_I is no number up to 255");
		c->peer_id = (uint8_t)id;
		c->got |= GOT_CHAP_I;
		return NULL;
	case ISCSIP__KEY_CHAP_C:
		if (iscsip_text_binary(pair->value, pair->value_len, c->peer, l->limits.challenge_max,
				&c->peer_len) != ISCSIP_OK)
			return ISCSIP__WHY("CHAP_C is no challenge");
		c->got |= GOT_CHAP_C;
		return NULL;
	case ISCSIP__KEY_CHAP_N:
		if (pair->value_len == 0 || pair->value_len > 255 || !iscsip_text_is_utf8(pair->value, pair->value_len))
			return ISCSIP__WHY("CHAP_N is no name");
		memcpy(c->name, pair->value, pair->value_len);
		c->name[pair->value_len] = 0;
		c->got |= GOT_CHAP_N;
		return NULL;
	default:
		c->got |= GOT_CHAP_R;
		return chap_take_response(c, pair);
	}
}

bool iscsip__chap_reflected(const struct iscsip__login *l)
{
	const struct login_chap *c = &l->chap;

	return c->own_len > 0 && c->peer_len == c->own_len && iscsip__equal_ct(c->peer, c->own, c->own_len);
}

void iscsip__chap_ask(struct iscsip__login *l, enum iscsip_chap_purpose purpose)
{
	struct login_chap *c = &l->chap;
	struct iscsip_chap_ask *ask = &c->ask;

	memset(ask, 0, sizeof *ask);
	ask->purpose = (uint8_t)purpose;
	ask->algorithm = l->info.chap_algorithm;
	ask->login = &l->info;
	if (purpose == ISCSIP_CHAP_VERIFY_PEER) {
		ask->identifier = c->own_id;
		ask->peer_name = c->name;
		ask->challenge = c->own;
		ask->challenge_len = c->own_len;
		ask->response = c->response;
		ask->response_len = c->response_len;
	} else {
		ask->identifier = c->peer_id;
		ask->peer_name = l->info.peer_authenticated ? l->info.peer_chap_name : NULL;
		ask->challenge = c->peer;
		ask->challenge_len = c->peer_len;
	}
	l->want = LOGIN_ASK_SECRET;
}

static const char *chap_check_secret(const struct iscsip__login *l, const struct iscsip_chap_answer *answer)
{
	if (answer->secret_len == 0 || answer->secret_len > 255)
		return ISCSIP__WHY("a CHAP secret that is empty or over 255 bytes");
	if (answer->secret_len < CHAP_SECRET_MIN && !l->offer->allow_short_secrets)
		return ISCSIP__WHY("a CHAP secret under 96 bits");
	return NULL;
}

/* Whether the response in hand is what secret gives for our challenge. */
static bool chap_response_is_of(const struct iscsip__login *l, const void *secret, size_t secret_len)
{
	const struct login_chap *c = &l->chap;
	uint8_t expected[ISCSIP__HASH_MAX];
	bool same;
	int n = chap_compute(l->info.chap_algorithm, c->own_id, secret, secret_len, c->own, c->own_len, expected);

	same = n > 0 && c->response_len == (size_t)n && iscsip__equal_ct(expected, c->response, (size_t)n);
	iscsip__wipe(expected, sizeof expected);
	return same;
}

const char *iscsip__chap_verify(struct iscsip__login *l, const struct iscsip_chap_answer *answer)
{
	struct login_chap *c = &l->chap;
	const char *why;

	if (c->response_odd || c->response_len != iscsip__hash_size(l->info.chap_algorithm))
		return ISCSIP__WHY("a CHAP response of the wrong length");
	if (answer->verdict == ISCSIP_CHAP_REFUSED)
		return ISCSIP__WHY("the host refused the CHAP response");
	/* RFC 7143 9.2.1: what this side would have answered itself is no proof */
	if (c->own_answer_known && iscsip__equal_ct(c->own_answer, c->response, c->response_len))
		return ISCSIP__WHY("one CHAP secret for both directions");
	if (answer->verdict == ISCSIP_CHAP_SECRET) {
		why = chap_check_secret(l, answer);
		if (why)
			return why;
		if (!chap_response_is_of(l, answer->secret, answer->secret_len))
			return ISCSIP__WHY("a wrong CHAP response");
	}
	memcpy(l->info.peer_chap_name, c->name, sizeof l->info.peer_chap_name);
	l->info.peer_authenticated = true;
	return NULL;
}

static size_t chap_name_length(const char *name)
{
	size_t n = 0;

	while (name && n < 256 && name[n])
		n++;
	return n;
}

const char *iscsip__chap_prove(struct iscsip__login *l, const struct iscsip_chap_answer *answer)
{
	struct login_chap *c = &l->chap;
	uint8_t response[ISCSIP__HASH_MAX];
	size_t n = iscsip__hash_size(l->info.chap_algorithm), name_len = chap_name_length(answer->name);
	const char *why;

	if (answer->verdict == ISCSIP_CHAP_REFUSED)
		return ISCSIP__WHY("no CHAP secret to answer with");
	if (name_len == 0 || name_len > 255)
		return ISCSIP__WHY("no CHAP name to answer with");
	if (answer->verdict == ISCSIP_CHAP_SECRET) {
		why = chap_check_secret(l, answer);
		if (why)
			return why;
		/* target: the initiator's response must not be what our own secret gives (RFC 7143 9.2.1) */
		if (l->target && chap_response_is_of(l, answer->secret, answer->secret_len))
			return ISCSIP__WHY("one CHAP secret for both directions");
		chap_compute(l->info.chap_algorithm, c->peer_id, answer->secret, answer->secret_len, c->peer, c->peer_len,
				response);
		if (!l->target && c->own_len) {
			chap_compute(l->info.chap_algorithm, c->own_id, answer->secret, answer->secret_len, c->own, c->own_len,
				     c->own_answer);
			c->own_answer_known = true;
		}
	} else if (answer->response_len != n) {
		return ISCSIP__WHY("a CHAP response of the wrong length from the host");
	} else {
		memcpy(response, answer->response, n);
	}
	iscsip__out_text(&l->out, "CHAP_N", answer->name);
	iscsip__out_binary(&l->out, "CHAP_R", response, n);
	l->info.self_authenticated = true;
	return NULL;
}
