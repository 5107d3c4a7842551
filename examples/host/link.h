/* SPDX-License-Identifier: MIT */
/*
 * A way to a logical unit, whatever protocol leads there: requests go out, come back once, and when the connection is
 * lost the link is opened anew and what had no answer is repeated. The commands of the initiator tools stand on it.
 *
 * Two limits hold. --retry-for: how long a connection that is lost or refused is tried again, with growing pauses.
 * --retry: how often in a row what had no answer is sent again though a connection was there. Only what the command calls
 * progress (link_progress()) ends such a row: a target that logs us in, says something and closes, again and again, is given up.
 */
#ifndef HOST_LINK_H
#define HOST_LINK_H

#include <iscsiproto/scsi.h>

#include "loop.h"

struct link;

/* One SCSI command with its buffer. Filled in anew for each use; result valid in done(). */
struct request {
	struct link *link;
	uint64_t lun;
	uint8_t cdb[16];
	uint8_t *data;              /* of the host, in_len or out_len bytes */
	uint32_t in_len, out_len;
	void (*done)(struct request *r);
	void *user;
	/* result */
	int err;                    /* 0: the target answered with `status` */
	uint8_t status;
	uint16_t sense_len;
	uint8_t sense[96];
	uint32_t in_got;            /* bytes that came */
	uint32_t out_left;          /* bytes that the target did not take, as it says */
	uint32_t out_sent;          /* bytes that were sent to it */
	uint32_t beyond;            /* bytes that it had, or wanted, beyond those asked for or offered */
	unsigned epoch;             /* of the link, when it was sent */
	unsigned tries;
	_Alignas(16) uint8_t priv[]; /* the protocol's task */
};

/* How an attempt to open a link ended. */
enum link_opened {
	LINK_OPEN,
	LINK_LATER,  /* link->why; a later attempt may do better */
	LINK_REFUSED /* link->why; it would not */
};

struct link_ops {
	size_t priv_size;
	/* Connects and logs in, waiting in the loop. */
	enum link_opened (*open)(struct link *l);
	/* 0, ISCSIP_EAGAIN (as many as possible are under way), or another negative iscsip_err. */
	int (*submit)(struct link *l, struct request *r);
	/* Logs out where it still can, and closes. Requests under way come back with an error. */
	void (*close)(struct link *l);
};

struct link {
	const struct link_ops *ops;
	struct loop loop;
	bool open;
	bool was_open;              /* at least once */
	bool mute;                  /* kept by the protocol: the connection ended before the peer said anything */
	char why[600];              /* why the last open, or the connection, failed */
	uint64_t lun;               /* of the URL */
	uint32_t timeout_ms;        /* --timeout */
	uint32_t connect_ms;        /* the same, or what is left of --retry-for: longest wait for a connection */
	unsigned retries;           /* --retry */
	bool retries_given;         /* ... on the command line */
	uint32_t retry_ms;          /* --retry-for */
	bool retry_ms_given;
	/* kept by link.c */
	unsigned retried;           /* new connections in a row without progress */
	iscsip_time lost_since;     /* 0: not lost */
	iscsip_time not_before;     /* the target wants peace until then; kept by the protocol */
	unsigned pause_ms;          /* the next one */
	iscsip_time busy_since;     /* the target takes nothing since then; 0: it does */
	unsigned busy_ms;           /* the next pause for that */
	/*
	 * Grows when what the unit has answered with GOOD and not put on its medium may be gone: at a new connection, and when
	 * it tells of a reset (29h).
	 */
	unsigned epoch;
	unsigned changes;           /* grows with every unit attention and connection: what is known of the unit may be old */
	bool medium_changed;        /* 28h was told */
	bool writing;               /* kept by the command: data is at stake, an error of an earlier write ends it */
	bool checking;              /* what is executed now is no progress of the command */
	/* What is certain so far, for the last words; NULL: nothing to say. */
	void (*so_far)(void *user, char *text, size_t cap);
	void *so_far_user;
};

/* What the command line has not named. */
void link_defaults(struct link *l);

struct request *request_new(struct link *l);
void request_free(struct request *r);

/* Opens it, or opens it anew; ends the program where that fails for too long, or for good. */
void link_open(struct link *l);
void link_reopen(struct link *l);
/* The command got on. */
void link_progress(struct link *l);
/* What a request says of why the link has to be opened again, where the link itself does not know better. */
void link_blame(struct link *l, const struct request *r);

/* Sends a request; 0, or as link_ops.submit. */
int link_submit(struct link *l, struct request *r);

/* Executes one command to its end, repeating it as its verdict says and after lost connections.
 * True where it succeeded; else `r` says how it failed. Ends the program where no answer is to be had. */
bool link_execute(struct link *l, struct request *r);
/* The same, and ends the program with a line where it failed. */
void link_must(struct link *l, struct request *r, const char *what);
/* Lets a time go by that grows from one call to the next, for a target that takes nothing just now. */
void link_pause(struct link *l);

/* What to do about an answer (verdict.c). */
enum verdict {
	VERDICT_DONE,   /* it succeeded, if all data moved */
	VERDICT_AGAIN,  /* nothing is wrong with it: send it again */
	VERDICT_LATER,  /* the same, after link_pause() */
	VERDICT_FAILED  /* request_die() has the words */
};

/*
 * Whether all bytes moved. Beside sense data that says that the command is done (RECOVERED ERROR, NO SENSE) some targets tell a
 * residual of all that was expected, as for a command that failed: then it counts what was sent to them.
 */
bool request_whole(const struct request *r);

/* Judges an answer; counts the tries, and keeps what the link has to know (epoch, changes). */
enum verdict link_judge(struct link *l, struct request *r);

/* One line on stderr with what is certain so far, and out with code 1. */
__attribute__((format(printf, 2, 3), noreturn)) void link_die(struct link *l, const char *fmt, ...);
/* The same on why a request failed. */
__attribute__((noreturn)) void request_die(const struct request *r, const char *what);

#endif
