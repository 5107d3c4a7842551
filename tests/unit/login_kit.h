/* SPDX-License-Identifier: MIT */
/*
 * Logins without a connection: both roles in memory of exactly the size they ask for, headers through the codec, text in
 * pieces of a chosen size, the host's answers from a small script. For pairs of our own roles, and for scripts that
 * play a hostile peer against one of them.
 */
#ifndef LOGIN_KIT_H
#define LOGIN_KIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "login/login.h"

#define KIT_INITIATOR_NAME "iqn.2001-04.com.example:host"
#define KIT_TARGET_NAME "iqn.2001-04.com.example:disk"

/* The host of one side. */
struct kit_host {
	struct iscsip_offer offer;
	const char *peer_name, *peer_secret; /* whom it believes; NULL: nobody */
	const char *own_name, *own_secret;   /* what it proves itself with; NULL: nothing */
	bool by_response;                    /* a vault computes: verdicts RESPONSE and VERIFIED */
	bool believes;                       /* whatever the response is: VERIFIED */
	uint16_t refuse_access, refuse_session; /* target: statuses to refuse with */
	const char *redirect;
	const struct iscsip_offer *granted;  /* target: another offer for this target */
	const char *alias;
	uint16_t tsih;
	/* a mechanism: how many steps until it is content, and what it heard */
	int mech_steps, mech_at;
	size_t mech_value;                   /* bytes of value it sends each step */
	bool mech_last, mech_refuse;
	char heard[200000];
	size_t heard_len;
	/* counts and records */
	int asked_access, asked_secret, asked_auth, asked_session;
	uint32_t random_state;
	bool random_fixed;                   /* the same bytes again and again: for reflections */
};

struct kit_side {
	struct iscsip__login *l;
	struct iscsip__login_limits limits;
	struct iscsip__login_setup setup;
	struct iscsip__login_initiator who;
	struct kit_host host;
	void *mem;
};

/* What a PDU was. */
struct kit_pdu {
	struct iscsip_pdu pdu;
	char text[70000];
	size_t len;
};

/* A pair of sides with default offers; change them, then kit_start(). */
struct kit {
	struct kit_side i, t;
	size_t piece;     /* bytes of text given at once; 0: all */
	int pdus;         /* PDUs carried */
	size_t largest;   /* longest data segment carried */
	bool log;
	char trace[4000]; /* "I 0>1 T" and the like, one line a PDU */
};

struct kit *kit_new(void);
void kit_free(struct kit *k);

/* Opens the target, the initiator, or both. */
void kit_open_target(struct kit *k);
void kit_open_initiator(struct kit *k);

/* Offers CHAP on both sides, with secrets; mutual: both ways. */
void kit_chap(struct kit *k, bool mutual);

/* Answers whatever a side asks its host, until it wants to receive, send, or is over. */
void kit_answer(struct kit_side *s);

/* Takes the PDU that a side wants to send. */
void kit_take(struct kit *k, struct kit_side *s, struct kit_pdu *p);

/* Gives a PDU to a side, and answers what it asks. */
void kit_give(struct kit *k, struct kit_side *s, const struct kit_pdu *p);

/* Carries PDUs between both sides until both are over; answers whether both are done. */
bool kit_run(struct kit *k);

/* ---- scripts against the target: one request, its response in *answer ---- */
struct kit_request {
	uint8_t csg, nsg;
	bool transit, cont;
	const char *text;
	size_t len;
};

/* Sends a request with the identity of the kit's initiator; answers the status of the response. */
uint16_t kit_request(struct kit *k, uint8_t csg, int nsg, bool cont, const char *text, size_t len, struct kit_pdu *answer);

/* ---- scripts against the initiator: takes its request, sends a response ---- */
/* nsg < 0: no T. Answers the state of the initiator after it. */
enum iscsip__login_want kit_respond(struct kit *k, uint8_t csg, int nsg, bool cont, const char *text, size_t len,
				    struct kit_pdu *request);

/* Whether a text holds this pair, NUL and all; and the value of a key, or NULL. */
bool kit_has(const struct kit_pdu *p, const char *pair);
const char *kit_value(const struct kit_pdu *p, const char *key);

/* String constants with NULs inside, and their length. */
#define KIT_TEXT(s) s, sizeof(s) - 1
#define KIT_NAMES "InitiatorName=" KIT_INITIATOR_NAME "\0TargetName=" KIT_TARGET_NAME "\0SessionType=Normal\0"

#endif
