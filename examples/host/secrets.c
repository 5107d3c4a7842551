/* SPDX-License-Identifier: MIT */
/*
 * CHAP secrets from a file (secrets.h). All of the file is kept for the life of the program.
 */
#include "secrets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#define SECRET_MIN 12u /* bytes: the 96 bits that RFC 7143 9.2.1 asks for */
#define WORD_MAX 255u

/* Cuts the next word off *at; NULL at the end of the line. */
static char *word(char **at)
{
	char *w = *at + strspn(*at, " \t\r\n");

	if (*w == '\0')
		return NULL;
	*at = w + strcspn(w, " \t\r\n");
	if (**at)
		*(*at)++ = '\0';
	return w;
}

static void add_incoming(struct secrets *s, const char *path, unsigned number, const char *user, const char *text)
{
	struct secret *more;

	for (unsigned i = 0; i < s->incoming_count; i++)
		if (strcmp(s->incoming[i].user, user) == 0)
			usage_error("--auth: %s line %u: a second secret of '%s'", path, number, user);
	more = realloc(s->incoming, (s->incoming_count + 1u) * sizeof *more);
	if (!more)
		die("out of memory");
	s->incoming = more;
	more[s->incoming_count].user = need_copy(user);
	more[s->incoming_count++].text = need_copy(text);
}

static void read_line(struct secrets *s, const char *path, unsigned number, char *text)
{
	char *at = text, *kind = word(&at), *user, *secret;

	if (!kind || *kind == '#')
		return;
	user = word(&at);
	secret = word(&at);
	if (!user || !secret || word(&at))
		usage_error("--auth: %s line %u is not 'incoming USER SECRET' or 'outgoing USER SECRET'", path, number);
	if (strlen(user) > WORD_MAX || strlen(secret) > WORD_MAX)
		usage_error("--auth: %s line %u: a name or secret is longer than %u bytes", path, number, WORD_MAX);
	if (strlen(secret) < SECRET_MIN)
		usage_error("--auth: %s line %u: the secret has fewer than %u bytes", path, number, SECRET_MIN);
	if (strcmp(kind, "incoming") == 0) {
		add_incoming(s, path, number, user, secret);
	} else if (strcmp(kind, "outgoing") == 0 && !s->outgoing.user) {
		s->outgoing.user = need_copy(user);
		s->outgoing.text = need_copy(secret);
	} else {
		usage_error("--auth: %s line %u: '%s' is neither incoming nor a first outgoing", path, number, kind);
	}
}

struct secrets *secrets_read(const char *path)
{
	struct secrets *s = need(sizeof *s);
	FILE *f = fopen(path, "re");
	char text[1024];
	unsigned number = 0;

	if (!f)
		usage_error("--auth: %s: %s", path, strerror(errno));
	while (fgets(text, sizeof text, f))
		read_line(s, path, ++number, text);
	if (ferror(f))
		usage_error("--auth: %s: %s", path, strerror(errno));
	fclose(f);
	for (unsigned i = 0; s->outgoing.user && i < s->incoming_count; i++)
		if (strcmp(s->incoming[i].text, s->outgoing.text) == 0)
			usage_error("--auth: %s: '%s' and '%s' have one secret: each direction needs its own (RFC 7143 9.2.1)", path,
				    s->incoming[i].user, s->outgoing.user);
	return s;
}

struct iscsip_chap_answer secrets_answer(const struct secrets *s, const struct iscsip_chap_ask *ask)
{
	struct iscsip_chap_answer a = { .verdict = ISCSIP_CHAP_REFUSED };
	const struct secret *found = NULL;
	unsigned i;

	if (s && ask->purpose == ISCSIP_CHAP_PROVE_SELF && s->outgoing.user)
		found = &s->outgoing;
	for (i = 0; s && ask->purpose == ISCSIP_CHAP_VERIFY_PEER && i < s->incoming_count; i++)
		if (strcmp(s->incoming[i].user, ask->peer_name) == 0)
			found = &s->incoming[i];
	if (found) {
		a.verdict = ISCSIP_CHAP_SECRET;
		a.name = found->user;
		a.secret = found->text;
		a.secret_len = strlen(found->text);
	}
	return a;
}
