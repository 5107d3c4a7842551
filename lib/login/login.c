/* SPDX-License-Identifier: MIT */
/*
 * What both roles of a login have: memory, the way of text in and out, and the doors of login.h, which lead to
 * the role's file.
 *
 * Text in: pairs go through the negotiator, which answers, holds, or gives them back to the role.
 * Text out: whole pairs in one buffer, and behind them the items of a mechanism, which are encoded into the buffer
 * piece by piece as it empties, so that a Kerberos ticket of 64 KiB needs no more than it. The data segment of a
 * PDU is always one piece of this buffer.
 *
 * Invariants: once error is set nothing but a target's refusal goes out; out_sent <= out.len <= out.cap; the buffer is
 * empty when a new text begins to come in, since every answer stays until the text that asked for it is complete.
 */
#include "base/arena.h"
#include "hash/hash.h"
#include "login/login_state.h"

void iscsip__login_limits_init(struct iscsip__login_limits *limits)
{
	limits->value_max = 2050;
	limits->reply_max = 4096;
	limits->challenge_max = 1024;
	limits->max_pdus = 64;
	limits->text_max = 65536;
	limits->send_max = 8192;
}

static bool login_limits_fit(const struct iscsip__login_limits *m)
{
	return m->value_max >= 255 && m->value_max <= 16384 && m->reply_max >= 512 && m->reply_max <= 65536 &&
	       m->challenge_max >= 32 && m->challenge_max <= 1024 && m->max_pdus >= 6 && m->text_max >= 8192 &&
	       m->send_max >= 1 && m->send_max <= 8192;
}

/* Carves the memory, or counts it: see base/arena.h. */
static struct iscsip__login *login_carve(struct arena *a, const struct iscsip__login_limits *m)
{
	struct iscsip__login *l = arena_take(a, sizeof *l, _Alignof(struct iscsip__login));
	uint8_t *reader = arena_take(a, ISCSIP_TEXT_READER_BUF(m->value_max), 1);
	char *out = arena_take(a, m->reply_max, 1);
	uint8_t *challenge = arena_take(a, m->challenge_max, 1);

	if (!l || !reader || !out || !challenge)
		return NULL;
	memset(l, 0, sizeof *l);
	l->limits = *m;
	iscsip_text_reader_init(&l->reader, reader, m->value_max, ISCSIP_TEXT_PIECES);
	l->out.buf = out;
	l->out.cap = m->reply_max;
	l->chap.peer = challenge;
	return l;
}

size_t iscsip__login_size(const struct iscsip__login_limits *limits)
{
	struct arena a;

	arena_count(&a);
	(void)login_carve(&a, limits);
	return arena_size(&a);
}

/* Whether the methods of an offer can be carried out: hashes built in, calls there. */
static bool login_setup_fits(const struct iscsip__login_setup *s)
{
	const struct iscsip_prefs *methods = &s->offer->auth_methods;
	struct iscsip_prefs algorithms;

	iscsip__chap_algorithms(s->offer, &algorithms);
	if (iscsip__prefs_have(methods, ISCSIP_AUTH_CHAP) && (algorithms.count == 0 || !s->random))
		return false;
	return s->auth_value || !(iscsip__prefs_have(methods, ISCSIP_AUTH_SRP) || iscsip__prefs_have(methods,
			ISCSIP_AUTH_KRB5) ||
				  iscsip__prefs_have(methods, ISCSIP_AUTH_EXTENSION));
}

int iscsip__login_make(struct iscsip__login **out, void *mem, size_t len, const struct iscsip__login_setup *setup, bool target)
{
	struct iscsip__login *l;
	struct arena a;

	if (!login_limits_fit(setup->limits) || iscsip_offer_check(setup->offer, NULL) != ISCSIP_OK || !login_setup_fits(setup))
		return ISCSIP_EINVAL;
	arena_open(&a, mem, len);
	l = login_carve(&a, setup->limits);
	if (!l)
		return ISCSIP_ENOSPC;
	if (setup->flags & LOGIN_SKIP_NULS)
		l->reader.flags |= ISCSIP_TEXT_SKIP_NULS;
	l->target = target;
	l->setup = *setup;
	l->offer = setup->offer;
	l->alias = setup->alias;
	l->why = "";
	iscsip_params_init(&l->params);
	iscsip__nego_init(&l->nego, target, l->offer, &l->params);
	*out = l;
	return ISCSIP_OK;
}

void iscsip__login_close(struct iscsip__login *l)
{
	/* without authentication nothing came by that anybody could not have seen */
	if (l->info.auth_method == ISCSIP_AUTH_NONE && l->step == STEP_METHOD)
		return;
	iscsip__wipe(l->chap.peer, l->limits.challenge_max);
	iscsip__wipe(l->out.buf, l->out.cap);
	iscsip__wipe(l->reader.buf, ISCSIP_TEXT_READER_BUF(l->limits.value_max));
	iscsip__wipe(l, sizeof *l);
}

/* ----------------------------------------------------------------------------------------- accessors */

enum iscsip__login_want iscsip__login_want(const struct iscsip__login *l)
{
	return (enum iscsip__login_want)l->want;
}

const struct iscsip_login_info *iscsip__login_info(const struct iscsip__login *l)
{
	return &l->info;
}

const struct iscsip_params *iscsip__login_params(const struct iscsip__login *l)
{
	return &l->params;
}

int iscsip__login_error(const struct iscsip__login *l)
{
	return l->error;
}

const char *iscsip__login_reason(const struct iscsip__login *l)
{
	return l->why;
}

const struct iscsip_chap_ask *iscsip__login_chap_ask(const struct iscsip__login *l)
{
	return &l->chap.ask;
}

const char *iscsip__login_method_name(const struct iscsip__login *l, unsigned method)
{
	if (method == ISCSIP_AUTH_EXTENSION)
		return l->offer->auth_extension;
	return iscsip__key_words(ISCSIP__KEY_AUTH_METHOD)->words[method];
}

void iscsip__login_keep_text(char *dst, size_t cap, const struct iscsip_text_pair *pair)
{
	if (pair->value_len >= cap || !iscsip_text_is_utf8(pair->value, pair->value_len))
		return;
	memcpy(dst, pair->value, pair->value_len);
	dst[pair->value_len] = 0;
}

bool iscsip__login_keep_name(const struct iscsip__login *l, char *dst, const char *name, size_t len)
{
	ptrdiff_t n = l->setup.flags & LOGIN_ANY_NAME ? iscsip_name_normalize_any(dst, ISCSIP_NAME_MAX + 1, name, len) :
							iscsip_name_normalize(dst, ISCSIP_NAME_MAX + 1, name, len);

	if (n < 0)
		dst[0] = 0;
	return n >= 0;
}

void iscsip__login_break(struct iscsip__login *l, int err, uint16_t status, const char *why)
{
	if (l->error)
		return;
	l->error = err;
	l->why = why;
	if (l->target)
		l->info.status = status;
	else
		l->want = LOGIN_FAILED;
}

/* -------------------------------------------------------------------------------------------- text out */

/* What a mechanism may send: keys that are labels, binary values up to the lengths of RFC 7143 12.1, 12.1.1 and 12.1.2. */
static bool login_item_fits(const struct iscsip__login *l, const struct iscsip_auth_item *item)
{
	size_t most = l->info.auth_method == ISCSIP_AUTH_KRB5 ? 65536 : l->info.auth_method == ISCSIP_AUTH_SRP ? 1024 : SIZE_MAX;

	if (!item->key || !iscsip__text_is_label(item->key, iscsip__text_length(item->key)))
		return false;
	return !item->binary || (item->len > 0 && item->len <= most);
}

bool iscsip__login_items(struct iscsip__login *l, const struct iscsip_auth_answer *answer)
{
	int i;

	if (answer->count < 0 || answer->count > ISCSIP_AUTH_ITEMS)
		return false;
	for (i = 0; i < answer->count; i++) {
		l->items[i] = answer->items[i];
		if (!login_item_fits(l, &l->items[i]))
			return false;
	}
	l->item_count = answer->count;
	l->item_at = 0;
	l->item_pos = 0;
	return true;
}

/* Writes what fits of one item: "key=" (and "0b"), the value, the NUL. Answers whether it is complete. */
static bool login_put_item(struct iscsip__login *l, const struct iscsip_auth_item *item)
{
	struct iscsip__out *o = &l->out;
	const uint8_t *value = item->value;
	size_t room, left, n;

	if (l->item_pos == 0) {
		if (o->cap - o->len < ISCSIP_KEY_MAX + 4)
			return false;
		iscsip__out_text(o, item->key, item->binary ? "0b" : "");
		o->len--; /* the NUL comes behind the value */
		l->item_pos = 1;
	}
	left = item->len - (l->item_pos - 1);
	room = o->cap - o->len;
	n = item->binary ? room / 4 * 3 : room;
	if (n > left)
		n = left;
	if (item->binary) {
		o->len += iscsip__put_base64(o->buf + o->len, value + l->item_pos - 1, n);
	} else {
		memcpy(o->buf + o->len, value + l->item_pos - 1, n);
		o->len += n;
	}
	l->item_pos += n;
	if (n < left || o->len == o->cap)
		return false;
	o->buf[o->len++] = 0;
	return true;
}

bool iscsip__login_out_left(const struct iscsip__login *l)
{
	return l->out_sent < l->out.len || l->item_at < l->item_count;
}

/* What was sent makes room for the next text. */
static void login_out_compact(struct iscsip__login *l)
{
	if (l->out_sent == l->out.len) {
		l->out_sent = 0;
		l->out.len = 0;
	}
}

bool iscsip__login_out_ready(struct iscsip__login *l)
{
	while (l->item_at < l->item_count && login_put_item(l, &l->items[l->item_at])) {
		l->item_at++;
		l->item_pos = 0;
	}
	l->tx_len = l->out.len - l->out_sent;
	if (l->tx_len > l->limits.send_max)
		l->tx_len = l->limits.send_max;
	return l->out_sent + l->tx_len < l->out.len || l->item_at < l->item_count;
}

int iscsip__login_tx(struct iscsip__login *l, struct iscsip_pdu *pdu)
{
	if (l->want != LOGIN_TX)
		return ISCSIP_ESTATE;
	memset(pdu, 0, sizeof *pdu);
	pdu->itt = l->info.itt;
	pdu->data_len = l->tx_empty ? 0 : (uint32_t)l->tx_len;
	if (l->target)
		iscsip__login_target_tx(l, pdu);
	else
		iscsip__login_initiator_tx(l, pdu);
	return ISCSIP_OK;
}

const void *iscsip__login_tx_text(const struct iscsip__login *l, size_t *len)
{
	*len = l->want == LOGIN_TX && !l->tx_empty ? l->tx_len : 0;
	return *len ? l->out.buf + l->out_sent : NULL;
}

void iscsip__login_tx_done(struct iscsip__login *l)
{
	if (l->want != LOGIN_TX)
		return;
	if (!l->tx_empty)
		l->out_sent += l->tx_len;
	login_out_compact(l);
	l->want = LOGIN_RX;
	if (l->target)
		iscsip__login_target_tx_done(l);
}

/* --------------------------------------------------------------------------------------------- text in */

/* The method that a key of kind METHOD belongs to. */
static unsigned login_method_of(enum iscsip__key key)
{
	if (key >= ISCSIP__KEY_CHAP_I && key <= ISCSIP__KEY_CHAP_R)
		return ISCSIP_AUTH_CHAP;
	return key <= ISCSIP__KEY_SRP_HM ? ISCSIP_AUTH_SRP : ISCSIP_AUTH_KRB5;
}

/* The method chosen, also where the peer has chosen it in this very text; ISCSIP_AUTH_NONE before. */
static unsigned login_method_now(const struct iscsip__login *l)
{
	uint64_t bit = iscsip__key_bit(ISCSIP__KEY_AUTH_METHOD);

	if (l->step != STEP_METHOD)
		return l->info.auth_method;
	return (l->nego.settled & ~l->nego.refused & bit) ? l->nego.held[ISCSIP__KEY_AUTH_METHOD] : (unsigned)ISCSIP_AUTH_NONE;
}

/* A key of a mechanism of the host goes to it as it comes. */
static const char *login_take_mech(struct iscsip__login *l, const struct iscsip_text_pair *pair)
{
	char key[ISCSIP_KEY_MAX + 1];

	memcpy(key, pair->key, pair->key_len);
	key[pair->key_len] = 0;
	l->mech_got = true;
	if (l->setup.auth_value(l->setup.user, key, pair->value, pair->value_len, pair->value_off, pair->last) != ISCSIP_OK)
		return ISCSIP__WHY("the host refused a key of the authentication method");
	return NULL;
}

static void login_take_method(struct iscsip__login *l, enum iscsip__key key, const struct iscsip_text_pair *pair)
{
	unsigned method = login_method_of(key);
	const char *why;

	if (method == ISCSIP_AUTH_CHAP)
		why = iscsip__chap_take(l, key, pair);
	else if (login_method_now(l) != method)
		why = ISCSIP__WHY("a key of an authentication method that was not chosen");
	else
		why = login_take_mech(l, pair);
	if (why)
		iscsip__login_break(l, ISCSIP_EPROTO, ISCSIP_LOGIN_INITIATOR_ERROR, why);
}

/* A key of an extension method is unknown to the table. */
static bool login_is_extension_key(const struct iscsip__login *l, const struct iscsip_text_pair *pair)
{
	return l->stage == NEGO_SECURITY && login_method_now(l) == ISCSIP_AUTH_EXTENSION &&
	       iscsip__key_find(pair->key, pair->key_len) == ISCSIP__KEY_COUNT;
}

static void login_take_pair(struct iscsip__login *l, const struct iscsip_text_pair *pair)
{
	enum iscsip__key key;
	const char *why;
	int rc;

	if (login_is_extension_key(l, pair)) {
		why = login_take_mech(l, pair);
		if (why)
			iscsip__login_break(l, ISCSIP_EAUTH, ISCSIP_LOGIN_AUTHENTICATION_FAILED, why);
		return;
	}
	rc = iscsip__nego_pair(&l->nego, pair, &l->out, &key);
	if (rc == NEGO_KEY_OF_OWNER && iscsip__key_info(key)->kind == ISCSIP__KIND_METHOD)
		login_take_method(l, key, pair);
	else if (rc == NEGO_KEY_OF_OWNER)
		rc = l->target ? iscsip__login_target_key(l, key, pair) : iscsip__login_initiator_key(l, key, pair);
	if (rc == NEGO_BROKEN)
		iscsip__login_break(l, ISCSIP_EPROTO, ISCSIP_LOGIN_INITIATOR_ERROR, l->nego.why);
}

/* A refusal in a login: of its text only where to go counts. */
static void login_take_redirect(struct iscsip__login *l, const struct iscsip_text_pair *pair)
{
	struct iscsip_address address;

	if (l->redirected || !pair->last || iscsip__key_find(pair->key, pair->key_len) != ISCSIP__KEY_TARGET_ADDRESS ||
	    iscsip_address_parse(&address, pair->value, pair->value_len) != ISCSIP_OK)
		return;
	l->info.redirect = address;
	l->redirected = true;
}

int iscsip__login_rx(struct iscsip__login *l, const struct iscsip_pdu *pdu)
{
	if (l->want != LOGIN_RX || l->rx_begun)
		return ISCSIP_ESTATE;
	l->rx_begun = true;
	if (!l->rx_cont) {
		l->chap.got = 0;
		l->mech_got = false;
	}
	if (++l->pdus > l->limits.max_pdus)
		iscsip__login_break(l, ISCSIP_EPROTO, ISCSIP_LOGIN_INITIATOR_ERROR,
				ISCSIP__WHY("more login PDUs than the limit"));
	if (l->target)
		iscsip__login_target_header(l, pdu);
	else if (!l->error)
		iscsip__login_initiator_header(l, pdu);
	return ISCSIP_OK;
}

int iscsip__login_rx_text(struct iscsip__login *l, const void *data, size_t len)
{
	const uint8_t *p = data;
	struct iscsip_text_pair pair;
	size_t used;
	int rc = 0;

	if (!l->rx_begun)
		return ISCSIP_ESTATE;
	if (!l->error && len > l->limits.text_max - l->text_bytes)
		iscsip__login_break(l, ISCSIP_EPROTO, ISCSIP_LOGIN_OUT_OF_RESOURCES, ISCSIP__WHY("more text than the limit"));
	l->text_bytes += l->error ? 0 : (uint32_t)len;
	while (!l->error && (rc = iscsip_text_read(&l->reader, p, len, &used, &pair)) > 0) {
		p += used;
		len -= used;
		if (l->rx_status)
			login_take_redirect(l, &pair);
		else
			login_take_pair(l, &pair);
	}
	if (rc < 0)
		iscsip__login_break(l, ISCSIP_EPROTO, ISCSIP_LOGIN_INITIATOR_ERROR, iscsip_text_strerror(rc));
	return ISCSIP_OK;
}

int iscsip__login_rx_end(struct iscsip__login *l)
{
	if (!l->rx_begun)
		return ISCSIP_ESTATE;
	l->rx_begun = false;
	if (!l->error && !l->rx_cont && iscsip_text_end(&l->reader) != ISCSIP_OK)
		iscsip__login_break(l, ISCSIP_EPROTO, ISCSIP_LOGIN_INITIATOR_ERROR, iscsip_text_strerror(ISCSIP_TEXT_EUNENDED));
	if (!l->error && l->out.full)
		iscsip__login_break(l, ISCSIP_EPROTO, ISCSIP_LOGIN_OUT_OF_RESOURCES, ISCSIP__WHY("more answers than fit"));
	if (l->target)
		iscsip__login_target_pdu_end(l);
	else if (!l->error)
		iscsip__login_initiator_pdu_end(l);
	return ISCSIP_OK;
}

/* A response that is on its way is finished first: the refusal follows it. */
static void login_rx_refuse(struct iscsip__login *l, uint16_t status, const char *why)
{
	if (l->want == LOGIN_DONE || l->want == LOGIN_FAILED)
		return;
	iscsip__login_break(l, ISCSIP_EPROTO, status, why);
	if (l->target && l->want != LOGIN_TX)
		iscsip__login_target_refuse(l);
}

void iscsip__login_rx_other(struct iscsip__login *l)
{
	login_rx_refuse(l, ISCSIP_LOGIN_INVALID_DURING_LOGIN, ISCSIP__WHY("not a login PDU"));
}

void iscsip__login_rx_early(struct iscsip__login *l)
{
	login_rx_refuse(l, ISCSIP_LOGIN_INITIATOR_ERROR, ISCSIP__WHY("a login PDU that may not come now"));
}

void iscsip__login_rx_tag(struct iscsip__login *l, uint32_t itt)
{
	if (l->target && !l->requested)
		l->info.itt = itt;
}

/* --------------------------------------------------------------------------------------------- answers */

int iscsip__login_secret(struct iscsip__login *l, const struct iscsip_chap_answer *answer)
{
	static const struct iscsip_chap_answer refused = { ISCSIP_CHAP_REFUSED, NULL, NULL, 0, NULL, 0 };
	uint8_t purpose = l->chap.ask.purpose;
	uint8_t wrong = purpose == ISCSIP_CHAP_PROVE_SELF ? ISCSIP_CHAP_VERIFIED : ISCSIP_CHAP_RESPONSE;
	const char *why;

	if (l->want != LOGIN_ASK_SECRET)
		return ISCSIP_ESTATE;
	if (!answer)
		answer = &refused;
	if (answer->verdict > ISCSIP_CHAP_REFUSED || answer->verdict == wrong)
		return ISCSIP_EINVAL;
	why = purpose == ISCSIP_CHAP_VERIFY_PEER ? iscsip__chap_verify(l, answer) : iscsip__chap_prove(l, answer);
	if (why)
		iscsip__login_break(l, ISCSIP_EAUTH, ISCSIP_LOGIN_AUTHENTICATION_FAILED, why);
	if (l->target)
		iscsip__login_target_go_on(l, purpose);
	else if (!l->error)
		iscsip__login_initiator_go_on(l, purpose);
	return ISCSIP_OK;
}

int iscsip__login_auth(struct iscsip__login *l, const struct iscsip_auth_answer *answer)
{
	if (l->want != LOGIN_ASK_AUTH)
		return ISCSIP_ESTATE;
	if (answer->step > ISCSIP_AUTH_LAST || (l->target && answer->step == ISCSIP_AUTH_LAST) || !iscsip__login_items(l,
			answer))
		return ISCSIP_EINVAL;
	if (l->target)
		iscsip__login_target_auth(l, answer);
	else
		iscsip__login_initiator_auth(l, answer);
	return ISCSIP_OK;
}

static bool login_address(const char *text, struct iscsip_address *address)
{
	size_t n = 0;

	while (text && text[n] && n < ISCSIP_ADDRESS_TEXT_MAX)
		n++;
	return n > 0 && n < ISCSIP_ADDRESS_TEXT_MAX && iscsip_address_parse(address, text, n) == ISCSIP_OK;
}

int iscsip__login_refuse(struct iscsip__login *l, uint16_t status, const char *address)
{
	bool move = status >> 8 == 1;

	if (l->want == LOGIN_DONE || l->want == LOGIN_FAILED || l->error ||
	    (l->target && l->want == LOGIN_TX && l->tx_transit && l->tx_nsg == NEGO_FULL))
		return ISCSIP_ESTATE;
	if (status >> 8 < 1 || status >> 8 > 3 || (move && l->target && !login_address(address, &l->info.redirect)))
		return ISCSIP_EINVAL;
	l->redirected = move;
	iscsip__login_break(l, ISCSIP_EHOST, status, ISCSIP__WHY("the host refused"));
	if (l->target && l->want != LOGIN_TX && l->want != LOGIN_RX)
		iscsip__login_target_refuse(l);
	return ISCSIP_OK;
}
