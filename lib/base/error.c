/* SPDX-License-Identifier: MIT */
/*
 * Errors as words. The engine carries an error as a value (struct iscsip_error) and never makes text;
 * what stands here is the edge where a host that wants a line for its log asks for one. It owns one table,
 * code to words, expanded from the list below, and a bounded writer that counts what it could not store.
 *
 * Nothing else of the library refers to this file, so a firmware that keeps numbers does not link it.
 */
#include <iscsiproto/base.h>

/* One row for each code of enum iscsip_err: the code, its name, words for a person. */
#define ERRORS(X) \
	X(ISCSIP_OK, "done") \
	X(ISCSIP_DONE, "done, and no callback will follow") \
	X(ISCSIP_EINVAL, "an argument is out of its range") \
	X(ISCSIP_ESTATE, "not allowed in this state") \
	X(ISCSIP_ENOSPC, "the memory given is too small") \
	X(ISCSIP_EAGAIN, "not now: a limit is reached or an answer is due") \
	X(ISCSIP_ENOENT, "no such key, tag, task or session") \
	X(ISCSIP_EBUSY, "still in use") \
	X(ISCSIP_FATAL, "the connection is over") \
	X(ISCSIP_EPROTO, "the peer broke the protocol") \
	X(ISCSIP_EDIGEST, "a digest did not match") \
	X(ISCSIP_ETIMEDOUT, "the peer did not answer in time") \
	X(ISCSIP_EAUTH, "authentication failed") \
	X(ISCSIP_ECLOSED, "the connection is closed") \
	X(ISCSIP_EHOST, "ended by the host") \
	X(ISCSIP_ELOGIN, "the login was refused")

const char *iscsip_strerror(int err)
{
	switch (err) {
#define X(code, words) \
	case code: \
		return words;
	ERRORS(X)
#undef X
	default:
		return err > 0 ? "done" : "an unknown error";
	}
}

bool iscsip_err_is_fatal(int err)
{
	return err <= ISCSIP_FATAL;
}

/* Where text goes: what does not fit is counted and left out. */
struct sink {
	char *dst;
	size_t cap;
	size_t len;
};

static void put_char(struct sink *s, char c)
{
	/* one byte stays for the NUL */
	if (s->len + 1 < s->cap)
		s->dst[s->len] = c;
	s->len++;
}

static void put_text(struct sink *s, const char *text)
{
	while (*text)
		put_char(s, *text++);
}

static void put_hex(struct sink *s, uint32_t v)
{
	int shift = 28;

	while (shift > 0 && v >> shift == 0)
		shift -= 4;
	put_text(s, "0x");
	for (; shift >= 0; shift -= 4)
		put_char(s, "0123456789abcdef"[v >> shift & 15]);
}

static void put_field(struct sink *s, const char *label, uint32_t v)
{
	put_text(s, label);
	put_hex(s, v);
}

int iscsip_error_format(const struct iscsip_error *e, char *dst, size_t cap)
{
	struct sink s = { dst, cap, 0 };

	put_text(&s, iscsip_strerror(e->code));
	if (e->opcode != 0xff)
		put_field(&s, ", opcode ", e->opcode);
	if (e->rule)
		put_field(&s, ", rule ", e->rule);
	if (e->rule || e->arg)
		put_field(&s, " at ", e->arg);
	if (e->reject_reason)
		put_field(&s, ", reject reason ", e->reject_reason);
	if (cap > 0)
		dst[s.len < cap ? s.len : cap - 1] = 0;
	return (int)s.len;
}
