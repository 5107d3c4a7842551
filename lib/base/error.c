/* SPDX-License-Identifier: MIT */
/*
 * Error codes: which of them end a connection, and words for each. It owns one table, code to words, expanded from the list
 * below. A line about one error with all that is known of it is made by lib/error, which knows the protocol's names.
 */
#include <iscsiproto/base.h>

/* One row for each code of enum iscsip_err: the code, words for a person. */
#define ERRORS(X) \
	X(ISCSIP_OK, "done") \
	X(ISCSIP_DONE, "done, and no callback will follow") \
	X(ISCSIP_EINVAL, "an argument is out of its range") \
	X(ISCSIP_ESTATE, "not allowed in this state") \
	X(ISCSIP_ENOSPC, "the memory given is too small") \
	X(ISCSIP_EAGAIN, "not now: a limit is reached or an answer is due") \
	X(ISCSIP_ENOENT, "no such key, tag, task or session") \
	X(ISCSIP_EBUSY, "still in use") \
	X(ISCSIP_EDATA, "kept bytes are damaged, or of another version") \
	X(ISCSIP_EEXIST, "it has the name of another") \
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
