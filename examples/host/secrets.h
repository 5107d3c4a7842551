/* SPDX-License-Identifier: MIT */
/*
 * CHAP secrets from a file: lines `incoming USER SECRET` (a peer that has to prove itself) and `outgoing USER SECRET`
 * (how we prove ourselves), `#` begins a comment.
 */
#ifndef HOST_SECRETS_H
#define HOST_SECRETS_H

#include <stdbool.h>

#include <iscsiproto/auth.h>

struct secret {
	char *user, *text;
};

struct secrets {
	struct secret *incoming; /* as many as the file has */
	unsigned incoming_count;
	struct secret outgoing;  /* user NULL: none */
};

/* Reads the file, or ends the program: a wrong line is a wrong use (code 2). */
struct secrets *secrets_read(const char *path);

/* The answer to a question of the library; `s` may be NULL (then it is refused). */
struct iscsip_chap_answer secrets_answer(const struct secrets *s, const struct iscsip_chap_ask *ask);

#endif
