/* SPDX-License-Identifier: MIT */
/*
 * Offers and parameters as the key table describes them: defaults, setting a member from text, checking an offer.
 * Members are reached by the offsets of the table, so a new key is a row and a member, not code.
 *
 * Invariant: iscsip_offer_set() changes an offer only to what iscsip_offer_check() takes, but for the rules between
 * keys, which can only be checked when all is set.
 */
#include "text/text.h"

static bool offer_kind_is_number(unsigned kind)
{
	return kind == ISCSIP__KIND_MIN || kind == ISCSIP__KIND_MAX || kind == ISCSIP__KIND_NUMBER;
}

static bool offer_kind_is_bool(unsigned kind)
{
	return kind == ISCSIP__KIND_AND || kind == ISCSIP__KIND_OR || kind == ISCSIP__KIND_BOOL;
}

/* Writes a number, truth value or list item into a member of struct iscsip_params. */
static void params_store(struct iscsip_params *params, const struct iscsip__key_info *k, uint32_t v)
{
	uint8_t *at = (uint8_t *)params + k->param_off;
	uint8_t item = (uint8_t)v;
	bool flag = v != 0;

	if (offer_kind_is_number(k->kind))
		memcpy(at, &v, sizeof v);
	else if (offer_kind_is_bool(k->kind))
		memcpy(at, &flag, sizeof flag);
	else
		memcpy(at, &item, sizeof item);
}

void iscsip__params_set(struct iscsip_params *params, enum iscsip__key key, uint32_t v)
{
	params_store(params, iscsip__key_info(key), v);
}

uint32_t iscsip__params_get(const struct iscsip_params *params, enum iscsip__key key)
{
	const struct iscsip__key_info *k = iscsip__key_info(key);
	const uint8_t *at = (const uint8_t *)params + k->param_off;
	uint32_t v;
	bool flag;

	if (offer_kind_is_number(k->kind)) {
		memcpy(&v, at, sizeof v);
		return v;
	}
	if (offer_kind_is_bool(k->kind)) {
		memcpy(&flag, at, sizeof flag);
		return flag;
	}
	return *at;
}

uint32_t iscsip__offer_number(const struct iscsip_offer *offer, enum iscsip__key key)
{
	const struct iscsip__key_info *k = iscsip__key_info(key);
	const uint8_t *at = (const uint8_t *)offer + k->offer_off;
	uint32_t v;
	bool flag;

	if (offer_kind_is_bool(k->kind)) {
		memcpy(&flag, at, sizeof flag);
		return flag;
	}
	memcpy(&v, at, sizeof v);
	return v;
}

const struct iscsip_prefs *iscsip__offer_prefs(const struct iscsip_offer *offer, enum iscsip__key key)
{
	const void *at = (const uint8_t *)offer + iscsip__key_info(key)->offer_off;

	return at;
}

void iscsip_params_init(struct iscsip_params *params)
{
	int i;

	memset(params, 0, sizeof *params);
	params->max_recv_data_segment_length = iscsip__key_info(ISCSIP__KEY_MAX_RECV_DATA_SEGMENT_LENGTH)->def;
	for (i = 0; i < ISCSIP__KEY_COUNT; i++) {
		const struct iscsip__key_info *k = iscsip__key_info((enum iscsip__key)i);

		if (k->param_off != ISCSIP__NO_MEMBER)
			params_store(params, k, k->def);
	}
}

static void prefs_put(struct iscsip_prefs *prefs, unsigned item)
{
	prefs->item[prefs->count++] = (uint8_t)item;
}

/* What both roles begin with: the defaults of the table, then what does well in the field. */
static void offer_init(struct iscsip_offer *offer, const uint8_t algorithms[4])
{
	int i;

	memset(offer, 0, sizeof *offer);
	offer->struct_size = sizeof *offer;
	for (i = 0; i < ISCSIP__KEY_COUNT; i++) {
		const struct iscsip__key_info *k = iscsip__key_info((enum iscsip__key)i);
		uint8_t *at = (uint8_t *)offer + k->offer_off;
		bool flag = k->def != 0;

		if (k->offer_off == ISCSIP__NO_MEMBER)
			continue;
		if (offer_kind_is_number(k->kind))
			memcpy(at, &k->def, sizeof k->def);
		else if (offer_kind_is_bool(k->kind))
			memcpy(at, &flag, sizeof flag);
	}
	prefs_put(&offer->auth_methods, ISCSIP_AUTH_NONE);
	for (i = 0; i < 4; i++)
		prefs_put(&offer->chap_algorithms, algorithms[i]);
	prefs_put(&offer->header_digest, ISCSIP_DIGEST_NONE);
	prefs_put(&offer->header_digest, ISCSIP_DIGEST_CRC32C);
	offer->data_digest = offer->header_digest;
	offer->initial_r2t = false;
	offer->data_pdu_in_order = true;
	offer->data_sequence_in_order = true;
	offer->max_recv_data_segment_length = 262144;
	offer->max_burst_length = 1048576;
	offer->first_burst_length = 262144;
	offer->default_time2retain = 0;
	offer->max_outstanding_r2t = 8;
}

/* tgtd takes 7 for SHA-1 and the first number of a list that it knows: with SHA-256 last it uses MD5 and lets us in. */
void iscsip_offer_init_initiator(struct iscsip_offer *offer)
{
	static const uint8_t algorithms[4] = { 8, 6, 5, 7 };

	offer_init(offer, algorithms);
	prefs_put(&offer->task_reporting, ISCSIP_TASK_REPORTING_RFC3720);
}

/* A target chooses by its own list: the strongest that the initiator has, too. */
void iscsip_offer_init_target(struct iscsip_offer *offer)
{
	static const uint8_t algorithms[4] = { 7, 8, 6, 5 };

	offer_init(offer, algorithms);
	prefs_put(&offer->task_reporting, ISCSIP_TASK_REPORTING_FAST_ABORT);
	prefs_put(&offer->task_reporting, ISCSIP_TASK_REPORTING_RESPONSE_FENCE);
	prefs_put(&offer->task_reporting, ISCSIP_TASK_REPORTING_RFC3720);
	offer->iscsi_protocol_level = 2;
}

int iscsip__offer_item(const struct iscsip_offer *offer, enum iscsip__key key, const char *item, size_t len)
{
	const struct iscsip__words *words = iscsip__key_words(key);
	const struct iscsip__key_info *k = iscsip__key_info(key);
	uint32_t v;
	int i;

	if (!words)
		return iscsip_text_number_in(item, len, k->lo, k->hi, &v) == ISCSIP_OK ? (int)v : -1;
	for (i = 0; i < words->count; i++)
		if (iscsip__text_is(item, len, words->words[i]))
			return i;
	if (key == ISCSIP__KEY_AUTH_METHOD && offer->auth_extension && iscsip__text_is(item, len, offer->auth_extension))
		return ISCSIP_AUTH_EXTENSION;
	return -1;
}

bool iscsip__prefs_have(const struct iscsip_prefs *prefs, unsigned item)
{
	unsigned i;

	for (i = 0; i < prefs->count && i < ISCSIP_PREFS_MAX; i++)
		if (prefs->item[i] == item)
			return true;
	return false;
}

/* Whether a number may stand in the list of this key. */
static bool offer_item_allowed(enum iscsip__key key, unsigned item)
{
	const struct iscsip__words *words = iscsip__key_words(key);

	if (key == ISCSIP__KEY_CHAP_A)
		return item >= 5 && item <= 8;
	return item < words->count || (key == ISCSIP__KEY_AUTH_METHOD && item == ISCSIP_AUTH_EXTENSION);
}

static int offer_set_list(struct iscsip_offer *offer, enum iscsip__key key, const char *value)
{
	struct iscsip_prefs prefs = { 0, { 0 } };
	struct iscsip_text_list list;
	const char *item;
	size_t len;
	int rc, n;

	iscsip_text_list_init(&list, value, iscsip__text_length(value));
	while ((rc = iscsip_text_list_next(&list, &item, &len)) > 0) {
		n = iscsip__offer_item(offer, key, item, len);
		if (n < 0 || !offer_item_allowed(key, (unsigned)n) || iscsip__prefs_have(&prefs, (unsigned)n) ||
		    prefs.count == ISCSIP_PREFS_MAX)
			return ISCSIP_EINVAL;
		prefs_put(&prefs, (unsigned)n);
	}
	if (rc < 0)
		return ISCSIP_EINVAL;
	memcpy((uint8_t *)offer + iscsip__key_info(key)->offer_off, &prefs, sizeof prefs);
	return ISCSIP_OK;
}

static bool key_has(const struct iscsip__key_info *k, unsigned use)
{
	return (k->use & use) != 0;
}

int iscsip__key_number(enum iscsip__key key, const char *value, size_t len, uint32_t *out)
{
	const struct iscsip__key_info *k = iscsip__key_info(key);
	uint64_t v;
	int rc = iscsip_text_number(value, len, &v);

	if (rc != ISCSIP_OK)
		return rc;
	if ((v < k->lo || v > k->hi) && !(v == 0 && key_has(k, ISCSIP__USE_ZERO)))
		return ISCSIP_TEXT_ERANGE;
	*out = (uint32_t)v;
	return ISCSIP_OK;
}

int iscsip_offer_set(struct iscsip_offer *offer, const char *key, const char *value)
{
	enum iscsip__key id = iscsip__key_find(key, iscsip__text_length(key));
	const struct iscsip__key_info *k;
	uint32_t v;
	bool flag;
	int rc;

	if (id == ISCSIP__KEY_COUNT || !key_has(iscsip__key_info(id), ISCSIP__USE_SETTABLE))
		return ISCSIP_ENOENT;
	k = iscsip__key_info(id);
	if (k->kind == ISCSIP__KIND_LIST)
		return offer_set_list(offer, id, value);
	if (offer_kind_is_bool(k->kind)) {
		if (iscsip_text_bool(value, iscsip__text_length(value), &flag) != ISCSIP_OK)
			return ISCSIP_EINVAL;
		memcpy((uint8_t *)offer + k->offer_off, &flag, sizeof flag);
		return ISCSIP_OK;
	}
	rc = iscsip__key_number(id, value, iscsip__text_length(value), &v);
	if (rc != ISCSIP_OK)
		return rc == ISCSIP_TEXT_ERANGE ? rc : ISCSIP_EINVAL;
	memcpy((uint8_t *)offer + k->offer_off, &v, sizeof v);
	return ISCSIP_OK;
}

static bool offer_member_fits(const struct iscsip_offer *offer, enum iscsip__key key)
{
	const struct iscsip__key_info *k = iscsip__key_info(key);
	const struct iscsip_prefs *prefs;
	unsigned i, j;
	uint32_t v;

	if (k->kind == ISCSIP__KIND_LIST) {
		prefs = iscsip__offer_prefs(offer, key);
		if (prefs->count == 0 || prefs->count > ISCSIP_PREFS_MAX)
			return false;
		for (i = 0; i < prefs->count; i++) {
			if (!offer_item_allowed(key, prefs->item[i]))
				return false;
			for (j = 0; j < i; j++)
				if (prefs->item[i] == prefs->item[j])
					return false;
		}
		return true;
	}
	if (!offer_kind_is_number(k->kind))
		return true;
	v = iscsip__offer_number(offer, key);
	return (v >= k->lo && v <= k->hi) || (v == 0 && key_has(k, ISCSIP__USE_ZERO));
}

/* A value that may stand in text: UTF-8 up to 255 bytes. */
static bool offer_text_fits(const char *s)
{
	size_t n = iscsip__text_length(s);

	return n > 0 && n <= 255 && iscsip_text_is_utf8(s, n);
}

/* The name of an extension method: a label (12.1), and not in the formats of extension keys and digests (14). */
static bool offer_method_fits(const char *s)
{
	size_t n = iscsip__text_length(s);

	return iscsip__text_is_label(s, n) && !(n > 1 && (s[0] == 'X' || s[0] == 'Y') && s[1] == '-');
}

/* The rules between members; answers the key at fault, or ISCSIP__KEY_COUNT. */
static enum iscsip__key offer_rule_broken(const struct iscsip_offer *o)
{
	const struct iscsip_prefs *reports = &o->task_reporting;
	bool plain = reports->count == 1 && reports->item[0] == ISCSIP_TASK_REPORTING_RFC3720;

	if (o->first_burst_length > o->max_burst_length)
		return ISCSIP__KEY_FIRST_BURST_LENGTH;
	if (o->mutual_auth && iscsip__prefs_have(&o->auth_methods, ISCSIP_AUTH_NONE))
		return ISCSIP__KEY_AUTH_METHOD;
	if (iscsip__prefs_have(&o->auth_methods, ISCSIP_AUTH_EXTENSION) &&
	    (!o->auth_extension || !offer_method_fits(o->auth_extension)))
		return ISCSIP__KEY_AUTH_METHOD;
	/* RFC 7143 13.23: whoever negotiates the key offers at least these two */
	if (!plain && !(iscsip__prefs_have(reports, ISCSIP_TASK_REPORTING_RFC3720) &&
			iscsip__prefs_have(reports, ISCSIP_TASK_REPORTING_RESPONSE_FENCE)))
		return ISCSIP__KEY_TASK_REPORTING;
	if (o->node_architecture && !offer_text_fits(o->node_architecture))
		return ISCSIP__KEY_NODE_ARCHITECTURE;
	return ISCSIP__KEY_COUNT;
}

int iscsip_offer_check(const struct iscsip_offer *offer, const char **key)
{
	int i;
	enum iscsip__key bad = ISCSIP__KEY_COUNT;

	if (key)
		*key = NULL;
	if (offer->struct_size != sizeof *offer)
		return ISCSIP_EINVAL;
	for (i = 0; i < ISCSIP__KEY_COUNT && bad == ISCSIP__KEY_COUNT; i++)
		if (iscsip__key_info((enum iscsip__key)i)->offer_off != ISCSIP__NO_MEMBER &&
		    !offer_member_fits(offer, (enum iscsip__key)i))
			bad = (enum iscsip__key)i;
	if (bad == ISCSIP__KEY_COUNT)
		bad = offer_rule_broken(offer);
	if (bad == ISCSIP__KEY_COUNT)
		return ISCSIP_OK;
	if (key)
		*key = iscsip__key_info(bad)->name;
	return ISCSIP_EINVAL;
}
