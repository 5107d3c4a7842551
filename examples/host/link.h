/* SPDX-License-Identifier: MIT */
/*
 * A way to a logical unit, whatever protocol leads there: requests go out, come back once, and when the connection is
 * lost the link is opened anew and what had no answer is repeated. The commands of the initiator tools stand on it.
 */
#ifndef HOST_LINK_H
#define HOST_LINK_H

#include <iscsiproto/scsi.h>

#include "loop.h"

struct link;

/* One SCSI command with its buffer. Filled in anew for each use; result valid in done(). */
struct request {
	struct link *link;
	struct request *next;       /* for whoever has it */
	uint64_t lun;
	uint8_t cdb[16];
	uint8_t *data;              /* of the host, in_len or out_len bytes */
	uint32_t in_len, out_len;
	void (*done)(struct request *r);
	void *user;
	/* result */
	int err;                    /* 0: the target answered with `status` */
	bool issued;
	uint8_t status;
	uint16_t sense_len;
	uint8_t sense[96];
	uint32_t in_got;            /* bytes that came */
	uint32_t out_left;          /* bytes that the target did not take */
	unsigned tries;
	_Alignas(16) uint8_t priv[]; /* the protocol's task */
};

struct link_ops {
	size_t priv_size;
	/* Connects and logs in, waiting in the loop. 0, or -1 with link->why. */
	int (*open)(struct link *l);
	/* 0, ISCSIP_EAGAIN (as many as possible are under way), or another negative iscsip_err. */
	int (*submit)(struct link *l, struct request *r);
	/* Logs out where it still can, and closes. Requests under way come back with an error. */
	void (*close)(struct link *l);
};

struct link {
	const struct link_ops *ops;
	struct loop loop;
	bool open;
	char why[600];              /* why the last open, or the connection, failed */
	unsigned retries;           /* --retry */
	unsigned retried;           /* in a row without an answer between */
	uint32_t timeout_ms;        /* --timeout */
	uint64_t lun;               /* of the URL */
};

struct request *request_new(struct link *l);

/* Opens, with --retry attempts only where it was open before; ends the program where that fails. */
void link_open(struct link *l);
void link_reopen(struct link *l);

/* Executes one command to its end, repeating it after unit attentions, BUSY and lost connections.
 * True where it ended with GOOD; else `r` says how. Ends the program where no answer is to be had. */
bool link_execute(struct link *l, struct request *r);
/* The same, and ends the program with a line for anything but GOOD. */
void link_must(struct link *l, struct request *r, const char *what);
/* What a request says of why the link has to be opened again, where the link itself does not know better. */
void link_blame(struct link *l, const struct request *r);
/* Whether a request that came back should be sent again as it is (counts the tries); where request_busy() says so, later. */
bool request_again(struct request *r);
bool request_busy(const struct request *r);
/* Lets some time go by, for a target that is busy. */
void link_pause(struct link *l);
/* Ends the program with a line on why a request failed. */
__attribute__((noreturn)) void request_die(const struct request *r, const char *what);

#endif
