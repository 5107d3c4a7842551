/* SPDX-License-Identifier: MIT */
/*
 * The inside of a login, shared by the files of this room alone: login.c (what both roles have), login_target.c,
 * login_initiator.c, chap.c.
 */
#ifndef ISCSIP_LOGIN_STATE_H
#define ISCSIP_LOGIN_STATE_H

#include "login/login.h"

/* Where the security stage stands. */
enum login_step {
	STEP_METHOD, /* no method chosen */
	STEP_CHAP_A, /* target: CHAP_A is due; initiator: CHAP_A, CHAP_I, CHAP_C are due */
	STEP_CHAP_R, /* target: CHAP_N and CHAP_R are due; initiator (mutual): the same */
	STEP_MECH,   /* a mechanism of the host needs more keys */
	STEP_DONE    /* nothing more is needed */
};

/* CHAP keys that came in the text at hand. */
enum login_chap_got { GOT_CHAP_I = 1, GOT_CHAP_C = 2, GOT_CHAP_N = 4, GOT_CHAP_R = 8 };

struct login_chap {
	uint8_t got;           /* login_chap_got bits */
	uint8_t own_id, peer_id;
	uint8_t own[32];       /* our challenge */
	uint8_t own_len;
	uint8_t response[32];  /* the peer's response to it */
	uint8_t response_len;
	bool response_odd;     /* a response came whose length no hash has */
	uint8_t own_answer[32]; /* initiator: what this side's secret would answer to our challenge */
	bool own_answer_known;
	uint8_t *peer;         /* the peer's challenge */
	size_t peer_len;
	char name[256];        /* the peer's CHAP_N, not verified */
	struct iscsip_chap_ask ask;
};

struct iscsip__login {
	bool target;
	uint8_t want;    /* iscsip__login_want */
	uint8_t stage;   /* current stage */
	uint8_t step;    /* login_step */

	/* the PDU that is coming in, or came last */
	bool rx_begun;   /* its header is in */
	bool rx_transit, rx_cont;
	uint8_t rx_nsg;
	uint16_t rx_tsih, rx_status;

	/* the PDU that goes out, or went out last */
	bool tx_transit, tx_cont, tx_empty, tx_refusal;
	uint8_t tx_nsg;
	size_t tx_len;

	bool transit;       /* initiator: it wants to leave the stage */
	bool requested;     /* target: a request came; its identity is in info */
	bool granted;       /* target: the host let it in */
	bool session_given; /* target: the host named the session */
	bool bad_target;    /* target: TargetName is no name */
	bool method_new;    /* the method was chosen by the text at hand */
	bool method_offered; /* target: it has proposed AuthMethod itself */
	bool mech_got;      /* keys of a mechanism came in the text at hand */
	bool mech_last;     /* initiator: its mechanism has sent its last keys */
	bool auth_rejected; /* target: the refusal says AuthMethod=Reject */
	bool redirected;    /* the refusal says TargetAddress; initiator: one came */
	uint64_t owed;      /* proposals of ours that the next text has to answer */
	uint32_t pdus, text_bytes; /* taken so far */

	int error;       /* iscsip_err, 0: none */
	const char *why;

	struct iscsip__login_limits limits;
	struct iscsip__login_setup setup;
	const struct iscsip_offer *offer;
	const char *alias;
	struct iscsip_login_info info;
	struct iscsip_params params;
	struct iscsip__nego nego;
	struct login_chap chap;

	struct iscsip_text_reader reader;
	struct iscsip__out out; /* text on its way, whole pairs but for items of a mechanism */
	size_t out_sent;        /* bytes of it that went out */
	struct iscsip_auth_item items[ISCSIP_AUTH_ITEMS];
	int item_count, item_at;
	size_t item_pos;        /* 0: not begun; else bytes of its value written, + 1 */
};

/* login.c */
/* Makes a login of either role in mem; see login.h. */
int iscsip__login_make(struct iscsip__login **out, void *mem, size_t len, const struct iscsip__login_setup *setup, bool target);
/* The login is over; the first fault counts. status: what a target answers. */
void iscsip__login_break(struct iscsip__login *l, int err, uint16_t status, const char *why);
/* Makes the next piece of text ready; answers whether more follows it. */
bool iscsip__login_out_ready(struct iscsip__login *l);
/* Whether text is left that was not sent. */
bool iscsip__login_out_left(const struct iscsip__login *l);
/* Takes the items of a mechanism; false where they are none. */
bool iscsip__login_items(struct iscsip__login *l, const struct iscsip_auth_answer *answer);
/* Keeps a name in normal form; false where it is none. */
bool iscsip__login_keep_name(const struct iscsip__login *l, char *dst, const char *name, size_t len);
/* Copies an alias of the peer; nothing where it is too long or no UTF-8. */
void iscsip__login_keep_text(char *dst, size_t cap, const struct iscsip_text_pair *pair);
/* The AuthMethod by name. */
const char *iscsip__login_method_name(const struct iscsip__login *l, unsigned method);

/* login_target.c */
void iscsip__login_target_header(struct iscsip__login *l, const struct iscsip_pdu *pdu);
int iscsip__login_target_key(struct iscsip__login *l, enum iscsip__key key, const struct iscsip_text_pair *pair);
void iscsip__login_target_go_on(struct iscsip__login *l, uint8_t purpose);
void iscsip__login_target_auth(struct iscsip__login *l, const struct iscsip_auth_answer *answer);
void iscsip__login_target_pdu_end(struct iscsip__login *l);
void iscsip__login_target_refuse(struct iscsip__login *l);
void iscsip__login_target_tx(const struct iscsip__login *l, struct iscsip_pdu *pdu);
void iscsip__login_target_tx_done(struct iscsip__login *l);

/* login_initiator.c */
void iscsip__login_initiator_header(struct iscsip__login *l, const struct iscsip_pdu *pdu);
int iscsip__login_initiator_key(struct iscsip__login *l, enum iscsip__key key, const struct iscsip_text_pair *pair);
void iscsip__login_initiator_pdu_end(struct iscsip__login *l);
void iscsip__login_initiator_go_on(struct iscsip__login *l, uint8_t purpose);
void iscsip__login_initiator_auth(struct iscsip__login *l, const struct iscsip_auth_answer *answer);
void iscsip__login_initiator_tx(const struct iscsip__login *l, struct iscsip_pdu *pdu);

/* chap.c */
/* CHAP algorithms of an offer that are built in. */
void iscsip__chap_algorithms(const struct iscsip_offer *offer, struct iscsip_prefs *out);
/* Makes our challenge, for info.chap_algorithm. */
void iscsip__chap_challenge(struct iscsip__login *l);
/* Writes CHAP_I and CHAP_C of our challenge. */
void iscsip__chap_put_challenge(struct iscsip__login *l);
/* Takes a CHAP key of the peer; NULL, or what is wrong with it. */
const char *iscsip__chap_take(struct iscsip__login *l, enum iscsip__key key, const struct iscsip_text_pair *pair);
/* Whether the peer's challenge is ours, sent back (RFC 7143 9.2.1). */
bool iscsip__chap_reflected(const struct iscsip__login *l);
/* Turns to LOGIN_ASK_SECRET. */
void iscsip__chap_ask(struct iscsip__login *l, enum iscsip_chap_purpose purpose);
/* Whether the answer proves the peer's response right; NULL, or why not. */
const char *iscsip__chap_verify(struct iscsip__login *l, const struct iscsip_chap_answer *answer);
/* Writes CHAP_N and CHAP_R; NULL, or why not. */
const char *iscsip__chap_prove(struct iscsip__login *l, const struct iscsip_chap_answer *answer);

#endif
