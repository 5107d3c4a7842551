/* SPDX-License-Identifier: MIT */
/*
 * The room of text: what other rooms of the library use beyond the public text.h, name.h and params.h. It is the
 * key table, expanded from keys.def, and small helpers on strings that carry their length.
 */
#ifndef ISCSIP_TEXT_TEXT_H
#define ISCSIP_TEXT_TEXT_H

#include <iscsiproto/params.h>
#include <iscsiproto/text.h>

#include <string.h>

/* Every key that this library knows, in the order of keys.def. */
enum iscsip__key {
#define KEY(id, name, kind, use, senders, def, lo, hi, irrelevant, member) ISCSIP__KEY_##id,
#include "keys.def"
#undef KEY
	ISCSIP__KEY_COUNT
};

/* What can be done with a key's value: one function of the negotiator for each. */
enum iscsip__key_kind {
	ISCSIP__KIND_AND,      /* boolean-value, result AND */
	ISCSIP__KIND_OR,       /* boolean-value, result OR */
	ISCSIP__KIND_MIN,      /* numerical-value, result Minimum */
	ISCSIP__KIND_MAX,      /* numerical-value, result Maximum */
	ISCSIP__KIND_LIST,     /* list-of-values, the first that both have */
	ISCSIP__KIND_NUMBER,   /* declared numerical-value */
	ISCSIP__KIND_BOOL,     /* declared boolean-value */
	ISCSIP__KIND_TEXT,     /* declared text, name or address; its reader is the login */
	ISCSIP__KIND_METHOD,   /* a step of an authentication method */
	ISCSIP__KIND_COMMAND,  /* SendTargets */
	ISCSIP__KIND_OBSOLETE  /* answered with Reject (RFC 7143 13.25) */
};

/* When a key may be used: bits of iscsip__key_info.use. */
enum iscsip__key_use {
	ISCSIP__USE_SECURITY = 1u << 0,    /* in the security stage */
	ISCSIP__USE_OPERATIONAL = 1u << 1, /* in the operational stage */
	ISCSIP__USE_FULL = 1u << 2,        /* in full feature phase */
	ISCSIP__USE_LEADING = 1u << 3,     /* on the leading connection alone (LO) */
	ISCSIP__USE_REPEAT = 1u << 4,      /* may come more than once in a negotiation */
	ISCSIP__USE_SESSION = 1u << 5,     /* scope: session-wide (else connection) */
	ISCSIP__USE_LATER = 1u << 6,       /* defined by a later document: NotUnderstood is a legal answer */
	ISCSIP__USE_SETTABLE = 1u << 7,    /* iscsip_offer_set() takes it */
	ISCSIP__USE_ZERO = 1u << 8         /* 0 is a value too, outside the range: no limit */
};

/* Who may send a key (as a proposal or declaration). */
enum iscsip__key_sender { ISCSIP__BY_INITIATOR = 1, ISCSIP__BY_TARGET = 2, ISCSIP__BY_BOTH = 3 };

/* When a key is irrelevant. */
enum iscsip__key_irrelevant {
	ISCSIP__RELEVANT = 0,
	ISCSIP__NOT_IN_DISCOVERY = 1u << 0,  /* SessionType=Discovery */
	ISCSIP__NOT_UNSOLICITED = 1u << 1,   /* InitialR2T=Yes and ImmediateData=No */
	ISCSIP__NOT_WITH_RDMA = 1u << 2,     /* RDMAExtensions=Yes */
	ISCSIP__NOT_WITHOUT_RDMA = 1u << 3   /* RDMAExtensions=No */
};

/* The words of a LIST key's values: item i of an offer's list stands for words[i]. */
struct iscsip__words {
	uint8_t count;
	const char *words[6];
};

/* A row of the table. */
struct iscsip__key_info {
	const char *name;
	uint8_t name_len;
	uint8_t kind;        /* iscsip__key_kind */
	uint16_t use;        /* iscsip__key_use bits */
	uint8_t senders;     /* iscsip__key_sender */
	uint8_t irrelevant;  /* iscsip__key_irrelevant bits */
	uint16_t param_off;  /* offset of the member in struct iscsip_params; ISCSIP__NO_MEMBER: none */
	uint16_t offer_off;  /* offset of the member in struct iscsip_offer; ISCSIP__NO_MEMBER: none */
	uint32_t def, lo, hi; /* default and range of numbers; default of booleans and lists */
};

#define ISCSIP__NO_MEMBER 0xffffu

/* The row of a key. */
const struct iscsip__key_info *iscsip__key_info(enum iscsip__key key);

/* The key with this name, or ISCSIP__KEY_COUNT where there is none. */
enum iscsip__key iscsip__key_find(const char *name, size_t len);

/* The words of a LIST key; NULL for CHAP_A, whose values are numbers, and for keys of other kinds. */
const struct iscsip__words *iscsip__key_words(enum iscsip__key key);

/* Members of offers and parameters by key. Truth values are 0 and 1, list items their numbers. */
void iscsip__params_set(struct iscsip_params *params, enum iscsip__key key, uint32_t v);
uint32_t iscsip__params_get(const struct iscsip_params *params, enum iscsip__key key);
uint32_t iscsip__offer_number(const struct iscsip_offer *offer, enum iscsip__key key);
const struct iscsip_prefs *iscsip__offer_prefs(const struct iscsip_offer *offer, enum iscsip__key key);
bool iscsip__prefs_have(const struct iscsip_prefs *prefs, unsigned item);

/* The number of an item of a LIST key's value, or -1 for one that nobody here knows. */
int iscsip__offer_item(const struct iscsip_offer *offer, enum iscsip__key key, const char *item, size_t len);

/* Reads a number of this key: ISCSIP_OK, ISCSIP_TEXT_EFORM or ISCSIP_TEXT_ERANGE. */
int iscsip__key_number(enum iscsip__key key, const char *value, size_t len, uint32_t *out);

/* More than any text that is written has; bounds what is read of a string, and keeps the compiler from calling strlen(). */
#define ISCSIP__TEXT_LONGEST ((size_t)1 << 24)

static inline size_t iscsip__text_length(const char *s)
{
	size_t n = 0;

	while (n < ISCSIP__TEXT_LONGEST && s[n])
		n++;
	return n;
}

/* Whether a value of n bytes is this word. */
static inline bool iscsip__text_is(const char *s, size_t n, const char *word)
{
	size_t i = 0;

	while (i < n && word[i] && word[i] == s[i])
		i++;
	return i == n && !word[i];
}

/* Whether n bytes are a standard-label: 1 to 63 of its characters, the first a capital letter (RFC 7143 6.1). */
bool iscsip__text_is_label(const char *s, size_t n);

/* The three answers that are reserved words (RFC 7143 6.2). */
enum iscsip__reserved {
	ISCSIP__WORD_NONE, /* an ordinary value */
	ISCSIP__WORD_NOT_UNDERSTOOD,
	ISCSIP__WORD_IRRELEVANT,
	ISCSIP__WORD_REJECT
};

enum iscsip__reserved iscsip__text_reserved(const char *s, size_t n);

/* Where text is put together: a buffer that remembers that something did not fit. */
struct iscsip__out {
	char *buf;
	size_t cap, len;
	bool full; /* something was left out */
};

void iscsip__out_text(struct iscsip__out *o, const char *key, const char *value);
void iscsip__out_number(struct iscsip__out *o, const char *key, uint64_t value);
void iscsip__out_binary(struct iscsip__out *o, const char *key, const void *data, size_t len);
/* `name=value` with a name that is not ended by a NUL. */
void iscsip__out_named(struct iscsip__out *o, const char *name, size_t name_len, const char *value);
/* `name=a,b,c`: a list in words (or numbers, where the key has none); other: the word of ISCSIP_AUTH_EXTENSION. */
void iscsip__out_list(struct iscsip__out *o, enum iscsip__key key, const struct iscsip_prefs *prefs, const char *other);

/* Writes n bytes as base64 without NUL; with padding where n is no multiple of 3. Returns the characters. */
size_t iscsip__put_base64(char *dst, const uint8_t *src, size_t n);

/* The code point at s, of n >= 1 bytes, and its bytes in *used; -1 where these are no UTF-8. */
int32_t iscsip__utf8_next(const uint8_t *s, size_t n, size_t *used);

/* Writes v in decimal, without a NUL; dst has room for 20 bytes. Returns the digits. */
size_t iscsip__put_decimal(char *dst, uint64_t v);

#endif
