/* SPDX-License-Identifier: MIT */
/*
 * CHAP secrets from a file (secrets.h). The file is read into a draft, which takes the place of what is in force when all of it
 * is right: half a file would lock somebody out. What is replaced is wiped.
 */
#include "secrets.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <iscsiproto/name.h>

#include "util.h"

#define SECRET_MIN 12u /* bytes: the 96 bits that RFC 7143 9.2.1 asks for */
#define WORD_MAX 255u

/* A file being read. */
struct draft {
	struct secrets s;
	unsigned line;
	char why[400]; /* what is wrong with it; "" : nothing */
};

/* Keeps the first fault. Always false. */
__attribute__((format(printf, 2, 3))) static bool wrong(struct draft *d, const char *fmt, ...)
{
	char where[24] = "";
	va_list ap;
	int n;

	if (d->why[0])
		return false;
	if (d->line)
		snprintf(where, sizeof where, " line %u", d->line);
	n = snprintf(d->why, sizeof d->why, "--auth: %.200s%s: ", d->s.path, where);
	va_start(ap, fmt);
	vsnprintf(d->why + n, sizeof d->why - (size_t)n, fmt, ap);
	va_end(ap);
	return false;
}

/* --- giving back --- */

static void secret_free(struct secret *s)
{
	unsigned i;

	for (i = 0; i < s->name_count; i++)
		free(s->names[i]);
	free(s->names);
	free(s->user);
	if (s->text)
		explicit_bzero(s->text, strlen(s->text));
	free(s->text);
	memset(s, 0, sizeof *s);
}

static void content_free(struct secrets *s)
{
	unsigned i;

	for (i = 0; i < s->incoming_count; i++)
		secret_free(&s->incoming[i]);
	free(s->incoming);
	secret_free(&s->outgoing);
}

/* --- reading --- */

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

static void *more(void *list, size_t count, size_t each)
{
	void *p = realloc(list, (count + 1u) * each);

	if (!p)
		die("out of memory");
	return p;
}

static bool tie(struct draft *d, struct secret *s, char *rest)
{
	char name[ISCSIP_NAME_MAX + 1], *w;

	while ((w = word(&rest)) != NULL) {
		if (iscsip_name_normalize_any(name, sizeof name, w, strlen(w)) < 0)
			return wrong(d, "'%.100s' is not the name of an initiator", w);
		s->names = more(s->names, s->name_count, sizeof *s->names);
		s->names[s->name_count++] = need_copy(name);
	}
	return true;
}

static bool add_incoming(struct draft *d, const char *user, const char *text, char *rest)
{
	struct secret *s;
	unsigned i;

	for (i = 0; i < d->s.incoming_count; i++)
		if (strcmp(d->s.incoming[i].user, user) == 0)
			return wrong(d, "a second secret of '%.100s'", user);
	d->s.incoming = more(d->s.incoming, d->s.incoming_count, sizeof *d->s.incoming);
	s = &d->s.incoming[d->s.incoming_count++];
	memset(s, 0, sizeof *s);
	s->user = need_copy(user);
	s->text = need_copy(text);
	return tie(d, s, rest);
}

static bool add_outgoing(struct draft *d, const char *user, const char *text, char *rest)
{
	if (d->s.outgoing.user)
		return wrong(d, "a second 'outgoing'");
	if (word(&rest))
		return wrong(d, "more than 'outgoing USER SECRET'");
	d->s.outgoing.user = need_copy(user);
	d->s.outgoing.text = need_copy(text);
	return true;
}

static bool read_line(struct draft *d, char *text)
{
	char *at = text, *kind = word(&at), *user, *secret;

	if (!kind || *kind == '#')
		return true;
	user = word(&at);
	secret = word(&at);
	if (!user || !secret)
		return wrong(d, "it is not 'incoming USER SECRET [NAME...]' or 'outgoing USER SECRET'");
	if (strlen(user) > WORD_MAX || strlen(secret) > WORD_MAX)
		return wrong(d, "a name or secret is longer than %u bytes", WORD_MAX);
	if (strlen(secret) < SECRET_MIN)
		return wrong(d, "the secret has fewer than %u bytes", SECRET_MIN);
	if (strcmp(kind, "incoming") == 0)
		return add_incoming(d, user, secret, at);
	if (strcmp(kind, "outgoing") == 0)
		return add_outgoing(d, user, secret, at);
	return wrong(d, "'%.40s' is neither incoming nor outgoing", kind);
}

static bool read_lines(struct draft *d, FILE *f)
{
	char *text = NULL;
	size_t room = 0;
	ssize_t n;
	bool right = true;

	while (right && (n = getline(&text, &room, f)) >= 0) {
		d->line++;
		/* what follows a NUL would be lost without a word */
		right = strlen(text) == (size_t)n ? read_line(d, text) : wrong(d, "it has a NUL");
	}
	d->line = 0;
	if (right && ferror(f))
		right = wrong(d, "%s", strerror(errno));
	if (text)
		explicit_bzero(text, room);
	free(text);
	return right;
}

/* Users with one secret can pass for each other, which RFC 7143 9.2.1 advises against: it is said, because nobody means it. */
static void warn_of_twins(const struct secrets *s)
{
	for (unsigned i = 0; i < s->incoming_count; i++)
		for (unsigned k = 0; k < i; k++)
			if (strcmp(s->incoming[i].text, s->incoming[k].text) == 0) {
				complain("--auth: %s: '%.100s' and '%.100s' have one secret, and can log in as each other", s->path,
					 s->incoming[k].user, s->incoming[i].user);
				return;
			}
}

/* Reads d->s.path. False: d->why says what is wrong. */
static bool read_file(struct draft *d)
{
	FILE *f = fopen(d->s.path, "re");
	const struct secret *out = &d->s.outgoing;
	unsigned i;
	bool right;

	if (!f)
		return wrong(d, "%s", strerror(errno));
	right = read_lines(d, f);
	fclose(f);
	for (i = 0; right && out->user && i < d->s.incoming_count; i++)
		if (strcmp(d->s.incoming[i].text, out->text) == 0)
			return wrong(d, "'%.100s' and '%.100s' have one secret: each direction needs its own (RFC 7143 9.2.1)",
				     d->s.incoming[i].user, out->user);
	return right;
}

struct secrets *secrets_read(const char *path)
{
	struct draft d = { .s = { .path = need_copy(path) } };
	struct secrets *s = need(sizeof *s);

	if (!read_file(&d))
		usage_error("%s", d.why);
	warn_of_twins(&d.s);
	*s = d.s;
	if (pthread_mutex_init(&s->lock, NULL))
		die("cannot make a lock");
	return s;
}

/* What stands in `a` and `b` but for the path and the lock. */
static void swap_content(struct secrets *a, struct secrets *b)
{
	struct secrets was = { .incoming = a->incoming, .incoming_count = a->incoming_count, .outgoing = a->outgoing };

	a->incoming = b->incoming;
	a->incoming_count = b->incoming_count;
	a->outgoing = b->outgoing;
	b->incoming = was.incoming;
	b->incoming_count = was.incoming_count;
	b->outgoing = was.outgoing;
}

void secrets_again(struct secrets *s, bool need_incoming)
{
	struct draft d = { .s = { .path = s->path } };

	if (read_file(&d) && (!need_incoming || d.s.incoming_count || wrong(&d, "it has no line 'incoming USER SECRET'"))) {
		warn_of_twins(&d.s);
		pthread_mutex_lock(&s->lock);
		swap_content(s, &d.s);
		pthread_mutex_unlock(&s->lock);
	} else {
		complain("%s; the secrets stay as they were", d.why);
	}
	content_free(&d.s);
}

/* --- questions --- */

static const struct secret *find(const struct secrets *s, const char *user)
{
	unsigned i;

	for (i = 0; i < s->incoming_count; i++)
		if (strcmp(s->incoming[i].user, user) == 0)
			return &s->incoming[i];
	return NULL;
}

static bool names(const struct secret *s, const char *name)
{
	unsigned i;

	for (i = 0; i < s->name_count; i++)
		if (strcmp(s->names[i], name) == 0)
			return true;
	return false;
}

void secrets_untied(struct secrets *s, char user[256])
{
	unsigned i;

	user[0] = '\0';
	pthread_mutex_lock(&s->lock);
	for (i = 0; i < s->incoming_count && !user[0]; i++)
		if (s->incoming[i].name_count == 0)
			snprintf(user, 256, "%s", s->incoming[i].user);
	pthread_mutex_unlock(&s->lock);
}

bool secrets_tied(struct secrets *s, const char *user, const char *name)
{
	const struct secret *found;
	bool tied;

	pthread_mutex_lock(&s->lock);
	found = find(s, user);
	tied = found && names(found, name);
	pthread_mutex_unlock(&s->lock);
	return tied;
}

/* A user that is tied to names, and claims another one, is refused like one with a wrong secret (RFC 7143 9.2). */
static const struct secret *secret_for(const struct secrets *s, const struct iscsip_chap_ask *ask, const char *peer)
{
	const struct secret *found;

	if (ask->purpose == ISCSIP_CHAP_PROVE_SELF)
		return s->outgoing.user ? &s->outgoing : NULL;
	found = find(s, ask->peer_name);
	if (!found || found->name_count == 0 || !peer || names(found, peer))
		return found;
	tell("CHAP user '%s' may not log in as %s", found->user, peer);
	return NULL;
}

int secrets_answer(struct secrets *s, struct iscsip_conn *conn, const struct iscsip_chap_ask *ask, const char *peer)
{
	struct iscsip_chap_answer a = { .verdict = ISCSIP_CHAP_REFUSED };
	char user[WORD_MAX + 1], text[WORD_MAX + 1];
	const struct secret *found;
	int err;

	if (!s)
		return iscsip_login_chap(conn, &a);
	/* Copied: the answer may bring the next question at once, or the session, and the lock is held by neither. */
	pthread_mutex_lock(&s->lock);
	found = secret_for(s, ask, peer);
	if (found) {
		snprintf(user, sizeof user, "%s", found->user);
		snprintf(text, sizeof text, "%s", found->text);
		a.verdict = ISCSIP_CHAP_SECRET;
		a.name = user;
		a.secret = text;
		a.secret_len = strlen(text);
	}
	pthread_mutex_unlock(&s->lock);
	err = iscsip_login_chap(conn, &a);
	explicit_bzero(text, sizeof text);
	return err;
}
