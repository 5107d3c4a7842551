/* SPDX-License-Identifier: MIT */
/*
 * Logins against any peer. Input: bytes of configuration (role, offers, limits, what the host answers), then
 * operations that put one PDU after the other together: raw text, keys of the table with values of interest, names, a
 * CHAP response or challenge that is right, and the header it goes with, legal or not.
 *
 * Checked after each step: the state is one of the interface; what goes out keeps to its limits, is key=value text
 * when its C bits are joined, and takes no T with C; the number of PDUs is bounded; and at the end of a login that
 * succeeded: a side that demands authentication has got it, parameters lie in the ranges of their keys and keep the
 * rules between them, the names are names.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "login/login.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

struct input {
	const uint8_t *p;
	size_t left;
};

static uint8_t take8(struct input *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->p++;
}

#define SECRET_IN "the secret of alice"
#define SECRET_OUT "the secret of storage"

struct world {
	struct input in;
	struct iscsip__login *l;
	struct iscsip__login_limits limits;
	struct iscsip_offer offer;
	bool target;
	struct iscsip_auth_item items[2];
	uint8_t answers; /* bits that turn the host's answers bad */
	char text[20000]; /* the PDU that is being put together */
	size_t len;
	char out[70000]; /* what the login sent, C bits joined */
	size_t out_len;
	bool out_open;
	struct iscsip_pdu sent;
};

static void fixed_random(void *user, uint8_t *dst, size_t len)
{
	memset(dst, 0x5a, len);
	if (len)
		dst[0] = ((struct world *)user)->answers;
}

static int take_value(void *user, const char *key, const char *piece, size_t len, size_t off, bool last)
{
	struct world *w = user;

	require(strlen(key) <= ISCSIP_KEY_MAX && len <= w->limits.value_max && (last || len > 0));
	(void)piece;
	(void)off;
	return w->answers & 1 ? ISCSIP_OK : (w->answers & 0x82) == 0x82;
}

/* ----------------------------------------------------------------------------------- the host's answers */

static void answer_secret(struct world *w)
{
	const struct iscsip_chap_ask *ask = iscsip__login_chap_ask(w->l);
	struct iscsip_chap_answer a;

	memset(&a, 0, sizeof a);
	a.verdict = ISCSIP_CHAP_SECRET;
	a.name = w->target ? "storage" : "alice";
	a.secret = (ask->purpose == ISCSIP_CHAP_VERIFY_PEER) == w->target ? SECRET_IN : SECRET_OUT;
	a.secret_len = strlen(a.secret);
	require(ask->challenge_len >= 1 && ask->challenge_len <= 1024);
	if (w->answers & 4)
		a.verdict = ISCSIP_CHAP_REFUSED;
	require(iscsip__login_secret(w->l, &a) == ISCSIP_OK);
}

static void answer_auth(struct world *w)
{
	static const uint8_t bytes[3000] = { 1, 2, 3 };
	bool srp = iscsip__login_info(w->l)->auth_method == ISCSIP_AUTH_SRP;
	struct iscsip_auth_answer a;
	uint8_t step = take8(&w->in);

	memset(&a, 0, sizeof a);
	a.step = step & 3;
	if (w->target && a.step == ISCSIP_AUTH_LAST)
		a.step = ISCSIP_AUTH_GO_ON;
	w->items[0] = (struct iscsip_auth_item){ "SRP_s", bytes, srp ? 1024 : sizeof bytes, true };
	w->items[1] = (struct iscsip_auth_item){ "SRP_GROUP", "SRP-1536", 8, false };
	a.items = w->items;
	a.count = step >> 2 & 2;
	require(iscsip__login_auth(w->l, &a) == ISCSIP_OK);
}

static void answer(struct world *w)
{
	struct iscsip__login_access access = { .portal_group_tag = 1 };
	int bound = 8;

	for (; bound; bound--) {
		switch (iscsip__login_want(w->l)) {
		case LOGIN_ASK_ACCESS:
			require(w->target);
			if (w->answers & 8)
				require(iscsip__login_refuse(w->l, ISCSIP_LOGIN_MOVED_TEMPORARILY,
						"[::1]:3260,1") == ISCSIP_OK);
			else
				require(iscsip__login_access(w->l, &access) == ISCSIP_OK);
			break;
		case LOGIN_ASK_SECRET:
			answer_secret(w);
			break;
		case LOGIN_ASK_AUTH:
			answer_auth(w);
			break;
		case LOGIN_ASK_SESSION:
			require(w->target);
			if (w->answers & 16)
				require(iscsip__login_refuse(w->l, ISCSIP_LOGIN_OUT_OF_RESOURCES, NULL) == ISCSIP_OK);
			else
				require(iscsip__login_session(w->l,
						iscsip__login_info(w->l)->tsih ? iscsip__login_info(w->l)->tsih : 7) ==
					ISCSIP_OK);
			break;
		default:
			return;
		}
	}
	require(false);
}

/* --------------------------------------------------------------------------------- what the login sends */

static void check_out(const struct world *w)
{
	char *buf = malloc(ISCSIP_TEXT_READER_BUF(255));
	struct iscsip_text_reader r;
	struct iscsip_text_pair pair;
	size_t at = 0, used;
	int rc;

	iscsip_text_reader_init(&r, buf, 255, ISCSIP_TEXT_PIECES);
	while ((rc = iscsip_text_read(&r, w->out + at, w->out_len - at, &used, &pair)) > 0)
		at += used;
	require(rc == 0 && iscsip_text_end(&r) == ISCSIP_OK);
	free(buf);
}

static void send_all(struct world *w)
{
	const void *text;
	size_t n;
	bool cont, transit;

	while (iscsip__login_want(w->l) == LOGIN_TX) {
		require(iscsip__login_tx(w->l, &w->sent) == ISCSIP_OK);
		text = iscsip__login_tx_text(w->l, &n);
		require(n == w->sent.data_len && n <= w->limits.reply_max && (text || n == 0));
		require(n <= w->limits.send_max || (w->target && w->sent.login_response.status_class));
		cont = w->target ? w->sent.login_response.cont : w->sent.login_request.cont;
		transit = w->target ? w->sent.login_response.transit : w->sent.login_request.transit;
		require(!(cont && transit));
		/* a refusal begins anew, as does what follows a text that was complete */
		if (!w->out_open || (w->target && w->sent.login_response.status_class))
			w->out_len = 0;
		require(w->out_len + n <= sizeof w->out);
		if (n)
			memcpy(w->out + w->out_len, text, n);
		w->out_len += n;
		w->out_open = cont;
		if (!cont)
			check_out(w);
		iscsip__login_tx_done(w->l);
		answer(w);
	}
}

/* ----------------------------------------------------------------------------------------- operations */

static void put(struct world *w, const void *p, size_t n)
{
	if (n > sizeof w->text - w->len)
		n = sizeof w->text - w->len;
	memcpy(w->text + w->len, p, n);
	w->len += n;
}

static void put_pair(struct world *w, const char *key, const char *value)
{
	put(w, key, strlen(key));
	put(w, "=", 1);
	put(w, value, strlen(value) + 1);
}

static void op_raw(struct world *w)
{
	size_t n = take8(&w->in);

	if (n > w->in.left)
		n = w->in.left;
	put(w, w->in.p, n);
	w->in.p += n;
	w->in.left -= n;
}

static void op_key(struct world *w)
{
	static const char *values[] = { "Yes", "No", "None", "CRC32C", "None,CRC32C", "CHAP", "CHAP,None", "SRP,KRB5", "KRB5",
			"0", "1", "2",
					"512", "8192", "65536", "262144", "16777215", "16777216", "0x200", "5", "7",
							"8,7,6,5", "255",
					"NotUnderstood", "Irrelevant", "Reject", "", "2048~8192", "RFC3720",
							"FastAbort,ResponseFence,RFC3720",
					"0x0123456789abcdef", "0bAQIDBA==", "alice", "storage", "Discovery", "Normal", "3600",
							"10.0.0.1:3260",
					"Z-x", "SRP-1536" };
	unsigned key = take8(&w->in) % ISCSIP__KEY_COUNT, value = take8(&w->in) % (sizeof values / sizeof values[0]);

	put_pair(w, iscsip__key_info((enum iscsip__key)key)->name, values[value]);
}

static const char *last_value(const struct world *w, const char *key)
{
	size_t at = 0, n = strlen(key);

	while (at + n + 1 < w->out_len) {
		if (memcmp(w->out + at, key, n) == 0 && w->out[at + n] == '=')
			return w->out + at + n + 1;
		while (at < w->out_len && w->out[at])
			at++;
		at++;
	}
	return NULL;
}

/* The right response to the challenge that the login sent last. */
static void op_chap(struct world *w)
{
	const char *c = last_value(w, "CHAP_C"), *i = last_value(w, "CHAP_I");
	uint8_t challenge[64], response[32];
	char text[80];
	const char *secret = w->target ? SECRET_IN : SECRET_OUT;
	uint32_t id;
	size_t n;
	int alg = iscsip__login_info(w->l)->chap_algorithm, len;

	if (!c || !i || iscsip_text_binary(c, strlen(c), challenge, sizeof challenge, &n) != ISCSIP_OK ||
	    iscsip_text_number_in(i, strlen(i), 0, 255, &id) != ISCSIP_OK)
		return;
	len = iscsip_chap_response(alg, (uint8_t)id, secret, strlen(secret), challenge, n, response);
	if (len <= 0)
		return;
	put_pair(w, "CHAP_N", w->target ? "alice" : "storage");
	put(w, text, (size_t)iscsip_text_put_binary(text, sizeof text, "CHAP_R", response, (size_t)len,
						    (enum iscsip_binary_form)(take8(&w->in) & 1)));
}

/* The answers to the default offer, so that an initiator gets to the end. */
static void op_answers(struct world *w)
{
	static const char answers[] = "HeaderDigest=None\0DataDigest=None\0MaxConnections=1\0InitialR2T=Yes\0ImmediateData=Yes\0"
				      "MaxBurstLength=512\0FirstBurstLength=512\0DefaultTime2Wait=3600\0DefaultTime2Retain=0\0"
				      "DataPDUInOrder=Yes\0DataSequenceInOrder=Yes\0ErrorRecoveryLevel=0\0MaxOutstandingR2T=1\0";

	put(w, answers, sizeof answers - 1);
}

static void op_names(struct world *w)
{
	put_pair(w, "InitiatorName", "iqn.2001-04.com.example:host");
	put_pair(w, "TargetName", "iqn.2001-04.com.example:disk");
}

/* One byte says it all: T, C, CSG, NSG; another bends the rest of the header. */
static void make_header(struct world *w, struct iscsip_pdu *pdu)
{
	uint8_t bits = take8(&w->in), bend = take8(&w->in);

	memset(pdu, 0, sizeof *pdu);
	pdu->itt = w->target ? 1 : w->sent.itt;
	pdu->data_len = (uint32_t)w->len;
	if (w->target) {
		struct iscsip_login_request *r = &pdu->login_request;

		pdu->opcode = ISCSIP_OP_LOGIN_REQUEST;
		r->transit = bits >> 7;
		r->cont = bits >> 6 & 1;
		r->csg = bits >> 2 & 3;
		r->nsg = bits & 3;
		r->tsih = bend == 1 ? 9 : 0;
		r->version_min = bend == 2;
		r->cmdsn = bend == 3;
	} else {
		struct iscsip_login_response *r = &pdu->login_response;

		pdu->opcode = ISCSIP_OP_LOGIN_RESPONSE;
		memcpy(r->isid, w->sent.login_request.isid, 6);
		r->transit = bits >> 7;
		r->cont = bits >> 6 & 1;
		r->csg = bits >> 2 & 3;
		r->nsg = bits & 3;
		r->tsih = r->transit && r->nsg == 3 ? 0x77 : 0;
		r->version_active = bend == 2;
		r->status_class = bend > 250 ? bend - 250 : 0;
		r->status_detail = bend > 250 ? bits & 15 : 0;
	}
	if (bend == 4)
		pdu->itt++;
}

static void op_pdu(struct world *w)
{
	struct iscsip_pdu pdu;
	size_t at = 0, n, step = (take8(&w->in) & 63) + 1u;

	make_header(w, &pdu);
	if (iscsip__login_rx(w->l, &pdu) == ISCSIP_OK) {
		for (; at < w->len; at += n) {
			char *piece;

			n = w->len - at < step ? w->len - at : step;
			if (step == 64)
				n = w->len - at;
			piece = malloc(n);
			memcpy(piece, w->text + at, n);
			require(iscsip__login_rx_text(w->l, piece, n) == ISCSIP_OK);
			free(piece);
		}
		require(iscsip__login_rx_end(w->l) == ISCSIP_OK);
	}
	w->len = 0;
	answer(w);
	send_all(w);
}

static bool number_fits(const struct iscsip_params *p, enum iscsip__key key)
{
	const struct iscsip__key_info *k = iscsip__key_info(key);
	uint32_t v = iscsip__params_get(p, key);

	return (v >= k->lo && v <= k->hi) || (v == 0 && (k->use & ISCSIP__USE_ZERO));
}

static void check_done(const struct world *w)
{
	const struct iscsip_login_info *info = iscsip__login_info(w->l);
	const struct iscsip_params *p = iscsip__login_params(w->l);
	int i;

	for (i = 0; i < ISCSIP__KEY_COUNT; i++) {
		const struct iscsip__key_info *k = iscsip__key_info((enum iscsip__key)i);

		if (k->param_off != ISCSIP__NO_MEMBER && k->hi > k->lo)
			require(number_fits(p, (enum iscsip__key)i));
	}
	require(p->first_burst_length <= p->max_burst_length || (p->initial_r2t && !p->immediate_data) ||
		info->session_type == ISCSIP_SESSION_DISCOVERY || (w->target && info->tsih == 9));
	require(!(p->error_recovery_level && p->data_sequence_in_order) || p->max_outstanding_r2t == 1);
	require(iscsip_name_check(info->initiator_name, strlen(info->initiator_name)) > 0);
	require(info->session_type == ISCSIP_SESSION_DISCOVERY ||
		iscsip_name_check(info->target_name, strlen(info->target_name)) > 0);
	require(info->tsih != 0);
	if (!iscsip__prefs_have(&w->offer.auth_methods, ISCSIP_AUTH_NONE))
		require(info->auth_method != ISCSIP_AUTH_NONE && (!w->target || info->peer_authenticated));
	if (w->offer.mutual_auth)
		require(info->peer_authenticated);
}

static bool open_login(struct world *w, void **mem)
{
	static const char *methods[] = { "None", "CHAP", "CHAP,None", "SRP", "KRB5,CHAP", "Z-x,None", "SRP,KRB5,CHAP,Z-x",
			"None,CHAP" };
	struct iscsip__login_setup setup;
	struct iscsip__login_initiator who;
	uint8_t config = take8(&w->in), limits = take8(&w->in);
	size_t n;

	memset(&setup, 0, sizeof setup);
	memset(&who, 0, sizeof who);
	w->target = config & 1;
	if (w->target)
		iscsip_offer_init_target(&w->offer);
	else
		iscsip_offer_init_initiator(&w->offer);
	w->offer.auth_extension = "Z-x";
	iscsip_offer_set(&w->offer, "AuthMethod", methods[config >> 1 & 7]);
	w->offer.mutual_auth = (config & 16) && !iscsip__prefs_have(&w->offer.auth_methods, ISCSIP_AUTH_NONE);
	if (config & 32)
		iscsip_offer_set(&w->offer, "HeaderDigest", "CRC32C");
	if (config & 64)
		iscsip_offer_set(&w->offer, "ErrorRecoveryLevel", "2");
	w->offer.rdma_extensions = config >> 7;
	w->answers = take8(&w->in);
	iscsip__login_limits_init(&w->limits);
	if (limits & 1)
		w->limits.send_max = 1 + (limits >> 1);
	if (limits & 2)
		w->limits.reply_max = 512;
	if (limits & 4)
		w->limits.value_max = 255;
	setup.limits = &w->limits;
	setup.offer = &w->offer;
	setup.flags = limits >> 4;
	setup.flags &= ~(unsigned)LOGIN_ANY_NAME;
	setup.user = w;
	setup.random = fixed_random;
	setup.auth_value = take_value;
	setup.alias = limits & 8 ? "alias" : NULL;
	who.initiator_name = "iqn.2001-04.com.example:host";
	who.target_name = limits & 8 ? "iqn.2001-04.com.example:disk" : NULL;
	who.session_type = limits & 8 ? ISCSIP_SESSION_NORMAL : ISCSIP_SESSION_DISCOVERY;
	n = iscsip__login_size(&w->limits);
	*mem = malloc(n);
	if (w->target)
		return iscsip__login_open_target(&w->l, *mem, n, &setup) == ISCSIP_OK;
	return iscsip__login_open_initiator(&w->l, *mem, n, &setup, &who) == ISCSIP_OK;
}

static bool is_over(const struct world *w)
{
	enum iscsip__login_want want = iscsip__login_want(w->l);

	return want == LOGIN_DONE || want == LOGIN_FAILED;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world *w = calloc(1, sizeof *w);
	void *mem = NULL;
	int pdus = 0;

	w->in.p = data;
	w->in.left = size;
	if (open_login(w, &mem)) {
		answer(w);
		send_all(w);
		while (w->in.left && !is_over(w)) {
			switch (take8(&w->in) % 8) {
			case 0:
				op_raw(w);
				break;
			case 1:
			case 2:
				op_key(w);
				break;
			case 3:
				op_names(w);
				break;
			case 4:
				op_chap(w);
				break;
			case 5:
				op_answers(w);
				break;
			case 6:
				if (take8(&w->in) % 16 == 0)
					iscsip__login_rx_other(w->l);
				send_all(w);
				break;
			default:
				op_pdu(w);
				require(++pdus <= (int)w->limits.max_pdus + 2);
				break;
			}
		}
		require((iscsip__login_want(w->l) == LOGIN_FAILED) <= (iscsip__login_error(w->l) != 0));
		require((iscsip__login_error(w->l) == 0) == (iscsip__login_reason(w->l)[0] == 0));
		if (iscsip__login_want(w->l) == LOGIN_DONE)
			check_done(w);
		iscsip__login_close(w->l);
	}
	free(mem);
	free(w);
	return 0;
}
