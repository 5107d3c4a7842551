/* SPDX-License-Identifier: MIT */
/*
 * The key table: keys.def expanded to rows, and the search in it. There are about fifty keys and a login has
 * about twenty, so the search is a walk that compares lengths first.
 */
#include "text/text.h"

#define SEC ISCSIP__USE_SECURITY
#define OPER ISCSIP__USE_OPERATIONAL
#define FULL ISCSIP__USE_FULL
#define LO ISCSIP__USE_LEADING
#define REPEAT ISCSIP__USE_REPEAT
#define SW ISCSIP__USE_SESSION
#define LATER ISCSIP__USE_LATER
#define SET ISCSIP__USE_SETTABLE
#define ZERO ISCSIP__USE_ZERO
#define BY_I ISCSIP__BY_INITIATOR
#define BY_T ISCSIP__BY_TARGET
#define BY_B ISCSIP__BY_BOTH
#define NOT_IN_DISCOVERY ISCSIP__NOT_IN_DISCOVERY
#define NOT_UNSOLICITED ISCSIP__NOT_UNSOLICITED
#define NOT_WITH_RDMA ISCSIP__NOT_WITH_RDMA
#define NOT_WITHOUT_RDMA ISCSIP__NOT_WITHOUT_RDMA
#define NONE ISCSIP__NO_MEMBER, ISCSIP__NO_MEMBER
#define PARAM(m) (uint16_t)offsetof(struct iscsip_params, m), ISCSIP__NO_MEMBER
#define OFFER(m) ISCSIP__NO_MEMBER, (uint16_t)offsetof(struct iscsip_offer, m)
#define BOTH(m) (uint16_t)offsetof(struct iscsip_params, m), (uint16_t)offsetof(struct iscsip_offer, m)
#define PEER(p, m) (uint16_t)offsetof(struct iscsip_params, p), (uint16_t)offsetof(struct iscsip_offer, m)

#define KEY(id, name, kind, use, senders, def, lo, hi, irrelevant, member) \
	{ name, sizeof name - 1, ISCSIP__KIND_##kind, use, BY_##senders, irrelevant, member, def, lo, hi },

static const struct iscsip__key_info key_rows[ISCSIP__KEY_COUNT] = {
#include "keys.def"
};

#undef KEY
#undef SEC
#undef OPER
#undef FULL
#undef LO
#undef REPEAT
#undef SW
#undef LATER
#undef SET
#undef ZERO
#undef BY_I
#undef BY_T
#undef BY_B
#undef NOT_IN_DISCOVERY
#undef NOT_UNSOLICITED
#undef NOT_WITH_RDMA
#undef NOT_WITHOUT_RDMA
#undef NONE
#undef PARAM
#undef OFFER
#undef BOTH
#undef PEER

/* The negotiator keeps one bit for each key in a uint64_t. */
_Static_assert(ISCSIP__KEY_COUNT <= 64, "more keys than bits");

const struct iscsip__key_info *iscsip__key_info(enum iscsip__key key)
{
	return &key_rows[key];
}

enum iscsip__key iscsip__key_find(const char *name, size_t len)
{
	int i;

	for (i = 0; i < ISCSIP__KEY_COUNT; i++)
		if (key_rows[i].name_len == len && iscsip__text_is(name, len, key_rows[i].name))
			break;
	return (enum iscsip__key)i;
}

/* Words by the numbers of enum iscsip_digest, iscsip_auth_method (an extension has its name from the offer), and
   iscsip_task_reporting. */
static const struct iscsip__words words_digest = { 2, { "None", "CRC32C" } };
static const struct iscsip__words words_auth = { 4, { "None", "CHAP", "SRP", "KRB5" } };
static const struct iscsip__words words_reporting = { 3, { "RFC3720", "ResponseFence", "FastAbort" } };

const struct iscsip__words *iscsip__key_words(enum iscsip__key key)
{
	switch (key) {
	case ISCSIP__KEY_HEADER_DIGEST:
	case ISCSIP__KEY_DATA_DIGEST:
		return &words_digest;
	case ISCSIP__KEY_AUTH_METHOD:
		return &words_auth;
	case ISCSIP__KEY_TASK_REPORTING:
		return &words_reporting;
	default:
		return NULL;
	}
}
