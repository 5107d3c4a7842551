/* SPDX-License-Identifier: MIT */
/*
 * An initiator under test, and the scripted target that it talks to. The target's login is the library's own login machine;
 * after that a test speaks for it, PDU by PDU: it_take() reads what the initiator sent, it_give() answers.
 *
 * All bytes go through it_feed() and it_drain(), which cut them as `step` says, through the doors that `doors` says.
 */
#ifndef TESTS_FLOW_INI_RIG_H
#define TESTS_FLOW_INI_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <iscsiproto/initiator.h>

#define IT_DATA_MAX 300000u
#define IT_TASKS 64
#define IT_TEXTS 64

enum it_doors { IT_PUSH, IT_PLACE, IT_STAGE };

struct it_pdu {
	struct iscsip_pdu h;
	uint8_t ahs[1024];
	uint32_t ahs_len;
	uint8_t data[IT_DATA_MAX];
};

struct ini_rig {
	/* set before it_open(), after it_init() */
	struct iscsip_config cfg;
	struct iscsip_offer offer, target_offer;
	struct iscsip_host host;
	bool discovery;
	uint16_t cid;         /* of the connection, 1 */
	struct ini_rig *first; /* the rig of the session's first connection, whose session and callbacks this one shares; or NULL */
	uint32_t statsn;      /* the target's next; the first may be set */
	uint32_t window;      /* MaxCmdSN - ExpCmdSN + 1 that PDUs of the target tell */
	size_t step;          /* bytes at a time, 0: all */
	enum it_doors doors;
	bool keep;            /* with ISCSIP_CFG_TX_HOLD: do not release what was sent */

	struct iscsip_session *s;
	struct iscsip_conn *c;
	void *session_mem, *conn_mem, *login_mem;
	iscsip_time now;
	uint32_t expcmdsn;    /* the target's next expected CmdSN: counted from what it got */
	bool hdigest, ddigest;
	uint8_t pad; /* what pad bytes are filled with */
	int err;              /* what the last door answered, where it was an error */
	uint8_t out[1 << 20]; /* sent by the initiator, not taken yet */
	size_t out_len;
	uint8_t stage[16384];
	struct it_pdu got;

	/* what the callbacks told */
	int logins, login_err;
	uint16_t login_status;
	char redirect[300];
	struct iscsip_task *done[IT_TASKS];
	int done_count;
	int tmfs, tmf_err, tmf_response;
	int pings, ping_err;
	size_t ping_len;
	char text[IT_TEXTS][320];
	int text_pairs, text_ends, text_err;
	int logouts, logout_err, logout_response;
	int asyncs;
	struct iscsip_async_message async;
	uint8_t async_data[1024];
	int states, state;
	int wakes;
	struct iscsip_error why;
	void (*on_task)(struct ini_rig *r, struct iscsip_task *t);
	void (*on_async)(struct ini_rig *r);
	void (*inside)(struct ini_rig *r); /* at the end of every callback but that of a text's pairs */
};

/* Fills in defaults: no digests, one connection, 8 tasks, a window of 8. */
void it_init(struct ini_rig *r);
/* Makes session and connection; the first login request waits to be taken. */
void it_open(struct ini_rig *r);
/* Runs the login against a target with target_offer, up to login_done. */
void it_login(struct ini_rig *r);
/* One more connection of r's session, with CID 2: opened and logged in. Tasks and requests of the session are told to r. */
void it_join(struct ini_rig *second, struct ini_rig *r);
/* it_init, it_open, it_login. */
void it_begin(struct ini_rig *r);
/* Closes what is open and frees the memory; every task must be back. */
void it_end(struct ini_rig *r);

/* Moves what the initiator wants to send to `out`. */
void it_drain(struct ini_rig *r);
/* The next PDU that the initiator sent; fails the test where there is none, or of another opcode. In r->got. */
struct it_pdu *it_take(struct ini_rig *r, uint8_t opcode);
/* Nothing (more) was sent. */
void it_quiet(struct ini_rig *r);
/* Bytes to the initiator; returns how many it took. */
size_t it_feed(struct ini_rig *r, const void *p, size_t n);
/* A PDU to the initiator, as it stands in h, with its numbers filled in (StatSN, counted where it is used up, ExpCmdSN,
   MaxCmdSN), pad and digests. */
void it_give(struct ini_rig *r, struct iscsip_pdu *h, const void *data, uint32_t len);
/* The same without touching the numbers. `spoil`: 1 header digest, 2 data digest is wrong. */
size_t it_encode(struct ini_rig *r, uint8_t *dst, const struct iscsip_pdu *h, const void *data, uint32_t len, int spoil);

/* PDUs that many tests need. */
struct iscsip_pdu it_pdu_response(uint32_t itt, uint8_t status);
struct iscsip_pdu it_pdu_data_in(uint32_t itt, uint32_t datasn, uint32_t off, bool final);
struct iscsip_pdu it_pdu_r2t(uint32_t itt, uint32_t ttt, uint32_t r2tsn, uint32_t off, uint32_t len);
struct iscsip_pdu it_pdu(uint8_t opcode, uint32_t itt);

/* Tasks over flat memory. */
struct it_task {
	struct iscsip_task t;
	struct iscsip_vec in, out;
	uint8_t sense[252];
};

void it_read(struct it_task *k, void *in, uint32_t len);
void it_write(struct it_task *k, void *out, uint32_t len);
void it_submit(struct ini_rig *r, struct it_task *k);
/* Whether a task was given back, exactly once. */
bool it_is_done(const struct ini_rig *r, const struct it_task *k);

/* The connection failed with this code and rule, and no door gets on. */
void it_expect_broken(struct ini_rig *r, int code, unsigned rule);
/* The transport closes. */
void it_close(struct ini_rig *r);

#endif
