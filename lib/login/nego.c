/* SPDX-License-Identifier: MIT */
/*
 * The negotiator: RFC 7143 6.2 as one function for each kind of key, over the table of keys.def. It owns what
 * was said about each key in one negotiation, as bits and one number a key, and nothing of the text.
 *
 * A key from the peer is one of these, in this order of checks: unknown (answered NotUnderstood), not allowed in this
 * stage (broken), sent twice (broken), the answer to a proposal of ours (must be a legal selection, else broken),
 * from the wrong side or a reserved word as a proposal (broken), a proposal (held, answered at the end of the
 * text), a declaration (taken). What the owner has to handle comes back to it.
 *
 * Invariants: a bit in open has its bit in sent; a bit in waiting has its bit in seen; params hold the default of a key
 * until it is settled with a value; held values of waiting numbers lie in the key's range unless the malformed bit is
 * set. No loop depends on anything but the number of keys and the length of a value.
 */
#include "login/login.h"

static int nego_broken(struct iscsip__nego *n, const char *why)
{
	n->why = why;
	return NEGO_BROKEN;
}

void iscsip__nego_init(struct iscsip__nego *n, bool target, const struct iscsip_offer *offer, struct iscsip_params *params)
{
	memset(n, 0, sizeof *n);
	n->target = target;
	n->offer = offer;
	n->params = params;
	n->leading = true;
	n->stage = NEGO_SECURITY;
}

void iscsip__nego_enter(struct iscsip__nego *n, enum iscsip__nego_stage stage)
{
	n->stage = (uint8_t)stage;
}

static bool nego_stage_allows(const struct iscsip__nego *n, const struct iscsip__key_info *k)
{
	unsigned need = n->stage == NEGO_SECURITY ? ISCSIP__USE_SECURITY
			: n->stage == NEGO_OPERATIONAL ? ISCSIP__USE_OPERATIONAL : ISCSIP__USE_FULL;

	return (k->use & need) != 0;
}

static bool nego_is_declared(const struct iscsip__key_info *k)
{
	return k->kind == ISCSIP__KIND_NUMBER || k->kind == ISCSIP__KIND_BOOL || k->kind == ISCSIP__KIND_TEXT;
}

/*
 * FirstBurstLength without unsolicited data: only a target says so, as in the example of RFC 7143 6.2. An initiator offers and
 * answers it by value, since deployed targets (tgtd) propose it even then and take the word for a value out of range.
 */
static bool nego_is_irrelevant(const struct iscsip__nego *n, const struct iscsip__key_info *k)
{
	const struct iscsip_params *p = n->params;

	return ((k->irrelevant & ISCSIP__NOT_IN_DISCOVERY) && n->discovery) ||
	       ((k->irrelevant & ISCSIP__NOT_WITH_RDMA) && p->rdma_extensions) ||
	       ((k->irrelevant & ISCSIP__NOT_WITHOUT_RDMA) && !p->rdma_extensions) ||
	       ((k->irrelevant & ISCSIP__NOT_UNSOLICITED) && n->target && p->initial_r2t && !p->immediate_data);
}

/* Whether this key belongs to a connection that joins a session already there: LO keys do not (RFC 7143 13). */
static bool nego_is_out_of_scope(const struct iscsip__nego *n, const struct iscsip__key_info *k)
{
	return (k->use & ISCSIP__USE_LEADING) && !n->leading;
}

/* The most (MIN) or least (MAX) that this side agrees to now; depends on what is settled already. */
static uint32_t nego_bound(const struct iscsip__nego *n, enum iscsip__key key)
{
	uint32_t own = iscsip__offer_number(n->offer, key);
	const struct iscsip_params *p = n->params;

	/* RFC 7143 13.14: FirstBurstLength MUST NOT exceed MaxBurstLength */
	if (key == ISCSIP__KEY_FIRST_BURST_LENGTH && own > p->max_burst_length)
		return p->max_burst_length;
	/* 13.19: with recovery and sequences in order, one R2T at a time */
	if (key == ISCSIP__KEY_MAX_OUTSTANDING_R2T && p->error_recovery_level > 0 && p->data_sequence_in_order)
		return 1;
	return own;
}

/* Whether this side can live with the key's default, should nothing be negotiated. */
static bool nego_default_fits(const struct iscsip__nego *n, enum iscsip__key key)
{
	const struct iscsip__key_info *k = iscsip__key_info(key);

	/* the times bind nobody who does not want to recover: worth neither an exchange nor a login */
	if (key == ISCSIP__KEY_DEFAULT_TIME2WAIT || key == ISCSIP__KEY_DEFAULT_TIME2RETAIN)
		return true;
	switch (k->kind) {
	case ISCSIP__KIND_AND:
		return !k->def || iscsip__offer_number(n->offer, key);
	case ISCSIP__KIND_OR:
		return k->def || !iscsip__offer_number(n->offer, key);
	case ISCSIP__KIND_MIN:
		return k->def <= nego_bound(n, key);
	case ISCSIP__KIND_MAX:
		return k->def >= nego_bound(n, key);
	case ISCSIP__KIND_LIST:
		return iscsip__prefs_have(iscsip__offer_prefs(n->offer, key), k->def);
	default:
		return true;
	}
}

/* ---------------------------------------------------------------------------------- lists as numbers */

/* Packs the known items of a list, four bits each. A list with an empty item is malformed; items that nobody knows are
   ignored (RFC 7143 6.2.1), as are more than eight. */
static bool nego_pack_list(const struct iscsip__nego *n, enum iscsip__key key, const char *value, size_t len, uint32_t *packed)
{
	struct iscsip_text_list list;
	const char *item;
	size_t item_len;
	unsigned at = 0;
	int rc, number;

	*packed = 0;
	iscsip_text_list_init(&list, value, len);
	while ((rc = iscsip_text_list_next(&list, &item, &item_len)) > 0) {
		number = iscsip__offer_item(n->offer, key, item, item_len);
		if (number < 0 || number > 14 || at == 32)
			continue;
		*packed |= ((uint32_t)number + 1) << at;
		at += 4;
	}
	return rc == 0;
}

int iscsip__nego_choose(struct iscsip__nego *n, enum iscsip__key key, const struct iscsip_prefs *prefs)
{
	uint32_t packed = n->held[key];

	n->waiting &= ~iscsip__key_bit(key);
	for (; packed; packed >>= 4)
		if (iscsip__prefs_have(prefs, (packed & 15) - 1))
			return (int)(packed & 15) - 1;
	return -1;
}

int iscsip__nego_choose_own(struct iscsip__nego *n, enum iscsip__key key, const struct iscsip_prefs *prefs)
{
	unsigned i;
	uint32_t packed;

	n->waiting &= ~iscsip__key_bit(key);
	for (i = 0; i < prefs->count && i < ISCSIP_PREFS_MAX; i++)
		for (packed = n->held[key]; packed; packed >>= 4)
			if ((packed & 15) - 1 == prefs->item[i])
				return prefs->item[i];
	return -1;
}

/* -------------------------------------------------------------------------- answers to our proposals */

/* A value that the peer has selected: whether the key's function allows it (RFC 7143 6.2.1, 6.2.2). */
static bool nego_selection_legal(const struct iscsip__nego *n, enum iscsip__key key, const struct iscsip_text_pair *pair,
				 uint32_t *v)
{
	const struct iscsip__key_info *k = iscsip__key_info(key);
	bool flag;
	int item;

	switch (k->kind) {
	case ISCSIP__KIND_AND:
	case ISCSIP__KIND_OR:
		if (iscsip_text_bool(pair->value, pair->value_len, &flag) != ISCSIP_OK)
			return false;
		*v = flag;
		/* what was proposed decides: No for AND, Yes for OR */
		return n->held[key] == (k->kind == ISCSIP__KIND_AND) || n->held[key] == flag;
	case ISCSIP__KIND_MIN:
		return iscsip__key_number(key, pair->value, pair->value_len, v) == ISCSIP_OK && *v <= n->held[key];
	case ISCSIP__KIND_MAX:
		return iscsip__key_number(key, pair->value, pair->value_len, v) == ISCSIP_OK && *v >= n->held[key];
	default:
		item = iscsip__offer_item(n->offer, key, pair->value, pair->value_len);
		if (item < 0 || !iscsip__prefs_have(iscsip__offer_prefs(n->offer, key), (unsigned)item))
			return false;
		*v = (uint32_t)item;
		return true;
	}
}

static int nego_take_answer(struct iscsip__nego *n, enum iscsip__key key, const struct iscsip_text_pair *pair)
{
	const struct iscsip__key_info *k = iscsip__key_info(key);
	uint64_t bit = iscsip__key_bit(key);
	enum iscsip__reserved word = iscsip__text_reserved(pair->value, pair->value_len);
	uint32_t v = 0;

	n->open &= ~bit;
	n->settled |= bit;
	if (word != ISCSIP__WORD_NONE) {
		n->refused |= bit;
		if (k->param_off != ISCSIP__NO_MEMBER)
			iscsip__params_set(n->params, key, k->def);
		/* RFC 7143 6.2: the keys of that document must be understood */
		if (word == ISCSIP__WORD_NOT_UNDERSTOOD && !(k->use & ISCSIP__USE_LATER))
			return nego_broken(n, ISCSIP__WHY("a key of RFC 7143 was answered with NotUnderstood"));
		if (word == ISCSIP__WORD_REJECT && k->param_off != ISCSIP__NO_MEMBER && !nego_default_fits(n, key))
			return nego_broken(n, ISCSIP__WHY("a key whose default is not acceptable was rejected"));
		return NEGO_OK;
	}
	if (!nego_selection_legal(n, key, pair, &v))
		return nego_broken(n, ISCSIP__WHY("an answer that the proposal does not allow"));
	n->held[key] = v;
	if (k->param_off != ISCSIP__NO_MEMBER)
		iscsip__params_set(n->params, key, v);
	return NEGO_OK;
}

/* ------------------------------------------------------------------------------- proposals of the peer */

static int nego_hold(struct iscsip__nego *n, enum iscsip__key key, const struct iscsip_text_pair *pair)
{
	const struct iscsip__key_info *k = iscsip__key_info(key);
	uint64_t bit = iscsip__key_bit(key);
	bool flag = false, sound;

	switch (k->kind) {
	case ISCSIP__KIND_AND:
	case ISCSIP__KIND_OR:
		sound = iscsip_text_bool(pair->value, pair->value_len, &flag) == ISCSIP_OK;
		n->held[key] = flag;
		break;
	case ISCSIP__KIND_LIST:
		sound = nego_pack_list(n, key, pair->value, pair->value_len, &n->held[key]);
		break;
	case ISCSIP__KIND_OBSOLETE:
		sound = false;
		break;
	default:
		sound = iscsip__key_number(key, pair->value, pair->value_len, &n->held[key]) == ISCSIP_OK;
		break;
	}
	n->waiting |= bit;
	n->malformed &= ~bit;
	if (!sound)
		n->malformed |= bit;
	return NEGO_OK;
}

static int nego_take_declaration(struct iscsip__nego *n, enum iscsip__key key, const struct iscsip_text_pair *pair)
{
	const struct iscsip__key_info *k = iscsip__key_info(key);
	uint32_t v = 0;
	bool flag = false;
	int rc;

	if (k->kind == ISCSIP__KIND_BOOL) {
		rc = iscsip_text_bool(pair->value, pair->value_len, &flag);
		v = flag;
	} else {
		rc = iscsip__key_number(key, pair->value, pair->value_len, &v);
	}
	if (rc != ISCSIP_OK)
		return nego_broken(n, ISCSIP__WHY("a declaration that is no value of its key"));
	if (!nego_is_out_of_scope(n, k))
		iscsip__params_set(n->params, key, v);
	n->settled |= iscsip__key_bit(key);
	return NEGO_OK;
}

static int nego_take_unknown(struct iscsip__nego *n, const struct iscsip_text_pair *pair, struct iscsip__out *out)
{
	if (!pair->last)
		return NEGO_OK;
	/* no key of ours: a reserved word can be no answer, and an answer to it would go back and forth */
	if (pair->value_off == 0 && iscsip__text_reserved(pair->value, pair->value_len) != ISCSIP__WORD_NONE)
		return nego_broken(n, ISCSIP__WHY("a reserved word for a key that was never proposed"));
	iscsip__out_named(out, pair->key, pair->key_len, "NotUnderstood");
	return NEGO_OK;
}

/* A known key that is no answer: who may send it, and how is it taken. */
static int nego_take_proposal(struct iscsip__nego *n, enum iscsip__key key, const struct iscsip_text_pair *pair)
{
	const struct iscsip__key_info *k = iscsip__key_info(key);
	enum iscsip__reserved word = iscsip__text_reserved(pair->value, pair->value_len);

	if (!(k->senders & (n->target ? ISCSIP__BY_INITIATOR : ISCSIP__BY_TARGET)))
		return nego_broken(n, ISCSIP__WHY("a key that the other side alone may send"));
	if (k->kind == ISCSIP__KIND_METHOD || k->kind == ISCSIP__KIND_COMMAND)
		return NEGO_KEY_OF_OWNER;
	if (word != ISCSIP__WORD_NONE)
		return nego_broken(n, ISCSIP__WHY("a reserved word as a proposal"));
	if (k->kind == ISCSIP__KIND_TEXT)
		return NEGO_KEY_OF_OWNER;
	if (nego_is_declared(k))
		return nego_take_declaration(n, key, pair);
	return nego_hold(n, key, pair);
}

int iscsip__nego_pair(struct iscsip__nego *n, const struct iscsip_text_pair *pair, struct iscsip__out *out,
		enum iscsip__key *key)
{
	const struct iscsip__key_info *k;
	uint64_t bit;

	*key = iscsip__key_find(pair->key, pair->key_len);
	if (*key == ISCSIP__KEY_COUNT)
		return nego_take_unknown(n, pair, out);
	k = iscsip__key_info(*key);
	bit = iscsip__key_bit(*key);
	if (!nego_stage_allows(n, k))
		return nego_broken(n, ISCSIP__WHY("a key that this stage does not have"));
	if (pair->value_off > 0)
		return k->kind == ISCSIP__KIND_METHOD ? NEGO_KEY_OF_OWNER : nego_broken(n,
				ISCSIP__WHY("a value too long for its key"));
	/* an answer to a declaration says that it was not understood, no more; the peer's own declaration may follow */
	if (nego_is_declared(k) && (n->sent & bit) &&
	    iscsip__text_reserved(pair->value, pair->value_len) == ISCSIP__WORD_NOT_UNDERSTOOD) {
		n->refused |= bit;
		n->sent &= ~bit;
		return k->use & ISCSIP__USE_LATER ? NEGO_OK : nego_broken(n,
				ISCSIP__WHY("a key of RFC 7143 was answered with NotUnderstood"));
	}
	if ((n->seen & bit) && !(k->use & ISCSIP__USE_REPEAT))
		return nego_broken(n, ISCSIP__WHY("a key came twice"));
	n->seen |= bit;
	if (!pair->last && k->kind != ISCSIP__KIND_METHOD)
		return nego_broken(n, ISCSIP__WHY("a value too long for its key"));
	if (n->open & bit)
		return nego_take_answer(n, *key, pair);
	return nego_take_proposal(n, *key, pair);
}

/* ------------------------------------------------------------------------------------------- answering */

static void nego_refuse(struct iscsip__nego *n, enum iscsip__key key, const char *word, struct iscsip__out *out)
{
	n->refused |= iscsip__key_bit(key);
	iscsip__out_text(out, iscsip__key_info(key)->name, word);
}

static void nego_agree(struct iscsip__nego *n, enum iscsip__key key, uint32_t v, struct iscsip__out *out)
{
	const struct iscsip__key_info *k = iscsip__key_info(key);

	iscsip__params_set(n->params, key, v);
	if (k->kind == ISCSIP__KIND_AND || k->kind == ISCSIP__KIND_OR)
		iscsip__out_text(out, k->name, v ? "Yes" : "No");
	else if (k->kind == ISCSIP__KIND_LIST)
		iscsip__out_text(out, k->name, iscsip__key_words(key)->words[v]);
	else
		iscsip__out_number(out, k->name, v);
}

static int nego_answer_list(struct iscsip__nego *n, enum iscsip__key key, struct iscsip__out *out)
{
	int item = iscsip__nego_choose(n, key, iscsip__offer_prefs(n->offer, key));

	if (item >= 0) {
		nego_agree(n, key, (uint32_t)item, out);
		return NEGO_OK;
	}
	if (!nego_default_fits(n, key))
		return nego_broken(n, ISCSIP__WHY("a list without a value that is acceptable here"));
	nego_refuse(n, key, "Reject", out);
	return NEGO_OK;
}

/* The answer to one held proposal. */
static int nego_answer(struct iscsip__nego *n, enum iscsip__key key, struct iscsip__out *out)
{
	const struct iscsip__key_info *k = iscsip__key_info(key);
	uint64_t bit = iscsip__key_bit(key);
	uint32_t v = n->held[key], own;

	n->waiting &= ~bit;
	n->settled |= bit;
	if (k->kind != ISCSIP__KIND_OBSOLETE && nego_is_irrelevant(n, k)) {
		nego_refuse(n, key, "Irrelevant", out);
		return NEGO_OK;
	}
	if ((n->malformed & bit) || nego_is_out_of_scope(n, k)) {
		nego_refuse(n, key, "Reject", out);
		return nego_default_fits(n, key) || nego_is_out_of_scope(n, k)
			       ? NEGO_OK : nego_broken(n,
					ISCSIP__WHY("no value for a key whose default is not acceptable here"));
	}
	if (k->kind == ISCSIP__KIND_LIST)
		return nego_answer_list(n, key, out);
	own = nego_bound(n, key);
	switch (k->kind) {
	case ISCSIP__KIND_AND:
		v = v && own;
		break;
	case ISCSIP__KIND_OR:
		v = v || own;
		break;
	case ISCSIP__KIND_MAX:
		v = v > own ? v : own;
		break;
	default:
		v = v < own ? v : own;
		break;
	}
	nego_agree(n, key, v, out);
	return NEGO_OK;
}

/* Keys that a target cannot leave at their defaults although the initiator said nothing about them. */
static bool nego_must_propose(const struct iscsip__nego *n, enum iscsip__key key)
{
	const struct iscsip__key_info *k = iscsip__key_info(key);

	if (!(k->use & ISCSIP__USE_OPERATIONAL) || (k->use & ISCSIP__USE_LATER) || k->param_off == ISCSIP__NO_MEMBER ||
	    ((n->seen | n->sent) & iscsip__key_bit(key)))
		return false;
	return !nego_is_out_of_scope(n, k) && !nego_is_irrelevant(n, k) && !nego_default_fits(n, key);
}

bool iscsip__nego_needs_stage(const struct iscsip__nego *n)
{
	int i;

	for (i = 0; i < ISCSIP__KEY_COUNT; i++)
		if (nego_must_propose(n, (enum iscsip__key)i))
			return true;
	return false;
}

/* A declaration of this side: MaxRecvDataSegmentLength always, iSER's where it is on, X#NodeArchitecture where set. */
static bool nego_must_declare(const struct iscsip__nego *n, enum iscsip__key key)
{
	const struct iscsip__key_info *k = iscsip__key_info(key);

	if (!(k->use & ISCSIP__USE_OPERATIONAL) || (n->sent & iscsip__key_bit(key)) || nego_is_out_of_scope(n, k) ||
	    nego_is_irrelevant(n, k) || !(k->senders & (n->target ? ISCSIP__BY_TARGET : ISCSIP__BY_INITIATOR)))
		return false;
	if (key == ISCSIP__KEY_NODE_ARCHITECTURE)
		return n->offer->node_architecture != NULL;
	return k->kind == ISCSIP__KIND_NUMBER || k->kind == ISCSIP__KIND_BOOL;
}

int iscsip__nego_text_end(struct iscsip__nego *n, bool leaving, struct iscsip__out *out)
{
	int i;

	for (i = 0; i < ISCSIP__KEY_COUNT; i++) {
		enum iscsip__key key = (enum iscsip__key)i;

		if (key == ISCSIP__KEY_AUTH_METHOD || key == ISCSIP__KEY_CHAP_A || !(n->waiting & iscsip__key_bit(key)))
			continue;
		if (nego_answer(n, key, out) != NEGO_OK)
			return NEGO_BROKEN;
	}
	if (!n->target || n->stage != NEGO_OPERATIONAL)
		return NEGO_OK;
	for (i = 0; i < ISCSIP__KEY_COUNT; i++)
		if (nego_must_declare(n, (enum iscsip__key)i) || (leaving && nego_must_propose(n, (enum iscsip__key)i)))
			iscsip__nego_propose(n, (enum iscsip__key)i, out);
	return NEGO_OK;
}

/* ------------------------------------------------------------------------------------------- proposing */

void iscsip__nego_propose(struct iscsip__nego *n, enum iscsip__key key, struct iscsip__out *out)
{
	const struct iscsip__key_info *k = iscsip__key_info(key);
	uint64_t bit = iscsip__key_bit(key);
	uint32_t v;

	n->sent |= bit;
	if (key == ISCSIP__KEY_NODE_ARCHITECTURE) {
		iscsip__out_text(out, k->name, n->offer->node_architecture);
		return;
	}
	if (k->kind == ISCSIP__KIND_LIST) {
		n->open |= bit;
		iscsip__out_list(out, key, iscsip__offer_prefs(n->offer, key), n->offer->auth_extension);
		return;
	}
	v = k->kind == ISCSIP__KIND_MIN ? nego_bound(n, key) : iscsip__offer_number(n->offer, key);
	if (k->kind == ISCSIP__KIND_NUMBER) {
		if (key == ISCSIP__KEY_MAX_RECV_DATA_SEGMENT_LENGTH)
			n->params->max_recv_data_segment_length = v;
		iscsip__out_number(out, k->name, v);
		return;
	}
	n->held[key] = v;
	if (k->kind != ISCSIP__KIND_BOOL)
		n->open |= bit;
	/* the answer to No may be left out (RFC 7143 6.2.2) */
	if (k->kind == ISCSIP__KIND_AND && !v)
		iscsip__params_set(n->params, key, 0);
	if (k->kind == ISCSIP__KIND_MIN || k->kind == ISCSIP__KIND_MAX)
		iscsip__out_number(out, k->name, v);
	else
		iscsip__out_text(out, k->name, v ? "Yes" : "No");
}

/* The number that an initiator proposes: what it would agree to, given the rest of its own offer. */
static void nego_assume_offer(struct iscsip__nego *n, struct iscsip_params *assumed)
{
	*assumed = *n->params;
	assumed->max_burst_length = n->offer->max_burst_length;
	assumed->error_recovery_level = n->offer->error_recovery_level;
	assumed->data_sequence_in_order = n->offer->data_sequence_in_order;
	assumed->initial_r2t = n->offer->initial_r2t;
	assumed->immediate_data = n->offer->immediate_data;
	assumed->rdma_extensions = n->offer->rdma_extensions;
}

/* Whether an initiator has something to say about a key: keys of later documents only where they differ from the default. */
static bool nego_worth_proposing(const struct iscsip__nego *n, enum iscsip__key key)
{
	const struct iscsip__key_info *k = iscsip__key_info(key);
	const struct iscsip_prefs *prefs;

	if (!(k->use & ISCSIP__USE_OPERATIONAL) || k->offer_off == ISCSIP__NO_MEMBER || (n->sent & iscsip__key_bit(key)) ||
	    nego_is_out_of_scope(n, k) || nego_is_irrelevant(n, k))
		return false;
	if (!(k->use & ISCSIP__USE_LATER) || (k->irrelevant & ISCSIP__NOT_WITHOUT_RDMA))
		return true;
	if (k->kind != ISCSIP__KIND_LIST)
		return iscsip__offer_number(n->offer, key) != k->def;
	prefs = iscsip__offer_prefs(n->offer, key);
	return prefs->count != 1 || prefs->item[0] != k->def;
}

void iscsip__nego_propose_all(struct iscsip__nego *n, struct iscsip__out *out)
{
	struct iscsip_params assumed, *params = n->params;
	int i;

	nego_assume_offer(n, &assumed);
	n->params = &assumed;
	for (i = 0; i < ISCSIP__KEY_COUNT; i++)
		if (nego_worth_proposing(n, (enum iscsip__key)i) || nego_must_declare(n, (enum iscsip__key)i))
			iscsip__nego_propose(n, (enum iscsip__key)i, out);
	n->params = params;
	params->max_recv_data_segment_length = assumed.max_recv_data_segment_length;
	if (n->open & iscsip__key_bit(ISCSIP__KEY_IMMEDIATE_DATA))
		params->immediate_data = n->offer->immediate_data;
}

uint64_t iscsip__nego_unanswered(const struct iscsip__nego *n)
{
	uint64_t left = n->open;
	int i;

	for (i = 0; i < ISCSIP__KEY_COUNT; i++) {
		unsigned kind = iscsip__key_info((enum iscsip__key)i)->kind;

		if ((kind == ISCSIP__KIND_AND && !n->held[i]) || (kind == ISCSIP__KIND_OR && n->held[i]))
			left &= ~iscsip__key_bit((enum iscsip__key)i);
	}
	return left;
}

/* RFC 7145 6.1, 6.2: with iSER there are no digests, and the data segments have keys of their own. */
static void nego_finish_rdma(struct iscsip__nego *n)
{
	struct iscsip_params *p = n->params;

	p->header_digest = ISCSIP_DIGEST_NONE;
	p->data_digest = ISCSIP_DIGEST_NONE;
	p->max_recv_data_segment_length = n->target ? p->target_recv_data_segment_length : p->initiator_recv_data_segment_length;
	p->max_send_data_segment_length = n->target ? p->initiator_recv_data_segment_length : p->target_recv_data_segment_length;
}

int iscsip__nego_finish(struct iscsip__nego *n)
{
	struct iscsip_params *p = n->params;

	if (n->discovery) {
		p->max_connections = 1;
		p->error_recovery_level = 0;
	}
	/* the sender of unsolicited data can always send less; a receiver has to be promised it */
	if (p->first_burst_length > p->max_burst_length) {
		if (n->target && n->leading && !n->discovery && !(p->initial_r2t && !p->immediate_data))
			return nego_broken(n, ISCSIP__WHY("FirstBurstLength over MaxBurstLength"));
		p->first_burst_length = p->max_burst_length;
	}
	if (p->error_recovery_level > 0 && p->data_sequence_in_order)
		p->max_outstanding_r2t = 1;
	if (p->rdma_extensions)
		nego_finish_rdma(n);
	return NEGO_OK;
}
