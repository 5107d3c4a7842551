/* SPDX-License-Identifier: MIT */
/*
 * CHAP secrets from a file: lines `incoming USER SECRET [NAME...]` (a peer that has to prove itself, and the iSCSI names that it
 * may prove itself for) and `outgoing USER SECRET` (how we prove ourselves), `#` begins a comment.
 *
 * A secret proves a user. Sessions, access lists and reservations go by the name of the initiator, which everybody may
 * claim: only a user that is tied to names proves one (RFC 7143 9.2).
 */
#ifndef HOST_SECRETS_H
#define HOST_SECRETS_H

#include <pthread.h>
#include <stdbool.h>

#include <iscsiproto/auth.h>

struct secret {
	char *user, *text;
	char **names;            /* in normal form */
	unsigned name_count;     /* 0: not tied */
};

struct secrets {
	char *path;
	pthread_mutex_t lock;    /* of all below, which secrets_again() replaces */
	struct secret *incoming; /* as many as the file has */
	unsigned incoming_count;
	struct secret outgoing;  /* user NULL: none */
};

/* Reads the file, or ends the program: a wrong line is a wrong use (code 2). */
struct secrets *secrets_read(const char *path);

/* Reads it again, in any thread. Where anything is wrong with it, it says so and all stays as it was. */
void secrets_again(struct secrets *s, bool need_incoming);

/* The first user, ended by a NUL, that is tied to no name; "" where there is none. */
void secrets_untied(struct secrets *s, char user[256]);

/* Whether this user is tied to this name (in normal form). */
bool secrets_tied(struct secrets *s, const char *user, const char *name);

/*
 * Answers a question of the library; `s` may be NULL (then it is refused). `peer` is the name that the peer claims; NULL: it claims
 * none. What iscsip_login_chap() answers.
 */
int secrets_answer(struct secrets *s, struct iscsip_conn *conn, const struct iscsip_chap_ask *ask, const char *peer);

#endif
