/* SPDX-License-Identifier: MIT */
/*
 * The connection room: bytes in and out, digests, queues, deadlines. It knows what a PDU is, but not what one does:
 * that is the role's (struct conn_role), of which one constant table serves each role. A connection without a session
 * is in login.
 *
 *               PDU with data or AHS            PDU complete
 *   rx --> decode, check ----> header() ... payload ... ----> pdu()
 *   tx <-- seal (encode, digests) <-- make() <-- queues: urgent, answers, data (round robin)
 */
#ifndef ISCSIP_CONN_CONN_H
#define ISCSIP_CONN_CONN_H

#include "iscsiproto/conn.h"
#include "iscsiproto/crc32c.h"
#include "iscsiproto/params.h"
#include "iscsiproto/pdu.h"
#include "base/arena.h"
#include "base/serial.h"
#include "login/login.h"
#include "stream/door.h"
#include "stream/rx.h"
#include "stream/tx.h"

#define BHS_LEN 48u
#define DIGEST_LEN 4u
/* MaxRecvDataSegmentLength in force during login (RFC 7143 13.12) */
#define CONN_LOGIN_DATA_MAX 8192u

/* --- queues of things that have PDUs to send --- */

enum conn_queue {
	CONN_Q_URGENT, /* login, immediate answers, Reject, Async, NOP */
	CONN_Q_ANSWER, /* commands, responses, R2Ts: first in, first out */
	CONN_Q_DATA,   /* Data-In and Data-Out streams: one PDU each in turn */
	CONN_Q_COUNT
};

/* Embedded in whatever sends; kind is the role's own. In at most one queue at a time. */
struct conn_item {
	struct conn_item *next, *prev; /* both NULL: in no queue */
	uint8_t kind;
	uint8_t queue;                 /* enum conn_queue; the last one that it was in */
};

/* What make() did with the item at the front. */
enum conn_made {
	CONN_MADE_LAST, /* one PDU; the item has left the queue */
	CONN_MADE_MORE, /* one PDU; the item goes to the end of its queue */
	CONN_MADE_NONE  /* no PDU; the item has left the queue (nothing to say, or it has to wait for something) */
};

/* --- requests that wait for an answer --- */

enum conn_sent_stage {
	CONN_UNSENT, /* no request; or asked for, and no PDU of it was made */
	CONN_MADE,   /* in the ring, and not wholly taken by the transport */
	CONN_SENT
};

/*
 * When a request was out: the time that its answer may take runs from there, since what stands in a queue or a ring can not be
 * answered. Until then it is the transport that is waited for.
 */
struct conn_sent {
	struct conn_sent *next; /* of those in the ring, the oldest first */
	uint64_t end;           /* bytes of the stream up to its last one */
	iscsip_time since;      /* asked for; from CONN_SENT on: sent */
	uint8_t stage;          /* enum conn_sent_stage */
};

/*
 * What begins a time from outside the connection's doors, in calls that do not tell one: it begins with the next door. Until
 * then the connection is due, so that its host passes one.
 */
enum conn_untimed {
	CONN_UNTIMED_CLOSE = 1u << 0, /* close_by */
	CONN_UNTIMED_RX = 1u << 1     /* input that was held goes on: only now can the peer be silent */
};

/* --- what a role does --- */

struct conn_role {
	enum iscsip_role role;
	/*
	 * c->pdu has data or AHS: name the place of the data with conn_expect_*(); `ahs` holds during the call only.
	 * 0, or a fatal error. May iscsip__conn_hold().
	 */
	int (*header)(struct iscsip_conn *c, const uint8_t *ahs, uint32_t ahs_len);
	/* c->pdu is complete; c->data_bad tells of a data digest that did not match. 0 or a fatal error. */
	int (*pdu)(struct iscsip_conn *c);
	/*
	 * A PDU is refused (legality table, AHS, unknown opcode): its data passes by unread, and pdu() is not called.
	 * 0 goes on, a fatal error ends the connection after what is pending was sent.
	 */
	int (*refused)(struct iscsip_conn *c, const uint8_t bhs[BHS_LEN], const struct iscsip_error *why);
	/* Makes one PDU of the item at the front of a queue, by iscsip__conn_seal(). */
	enum conn_made (*make)(struct iscsip_conn *c, struct conn_item *item);
	/* A unit with an owner is out and released. */
	void (*gone)(struct iscsip_conn *c, struct tx_unit *u);
	/* Nothing came for nop_interval: queue a ping, with iscsip__conn_ask() of c->ping, unless one is under way. */
	void (*ping)(struct iscsip_conn *c);
	/* The role's own deadline and what it does then. May be NULL. */
	iscsip_time (*deadline)(const struct iscsip_conn *c);
	int (*tick)(struct iscsip_conn *c);
	/* Login (conn_login.c): the numbers of a login PDU that goes out (StatSN and window, or ExpStatSN). */
	void (*login_stamp)(struct iscsip_conn *c, struct iscsip_pdu *pdu);
	/* A login PDU is in, c->pdu: take its numbers, before the login acts on it. 0 or a fatal error. May be NULL. */
	int (*login_got)(struct iscsip_conn *c);
	/* The login has a question (LOGIN_ASK_*) for the host. It may be answered here or later. */
	void (*login_ask)(struct iscsip_conn *c, enum iscsip__login_want want);
	/* The login is LOGIN_DONE or LOGIN_FAILED; c->login is closed, and NULL, when this has returned. */
	void (*login_ended)(struct iscsip_conn *c, enum iscsip__login_want want);
	/* The connection failed or was closed: give every task back. Called once. c->session may be NULL. */
	void (*closed)(struct iscsip_conn *c);
};

typedef int conn_sink(struct iscsip_conn *c, const uint8_t *p, size_t n);

struct iscsip_conn {
	const struct conn_role *ops;
	const struct iscsip_config *cfg;
	struct iscsip_session *session; /* NULL in login */
	void *user;

	/* receive */
	struct rx rx;
	struct iscsip_pdu pdu;          /* being received; its data may still be on the way */
	conn_sink *sink;                /* takes data that has no place */
	uint32_t crc;                   /* of the data so far */
	uint32_t rx_limit;              /* MaxRecvDataSegmentLength that we declared and is in force */
	uint32_t tx_limit;              /* what the peer declared */
	bool rx_hdigest, rx_ddigest, tx_hdigest, tx_ddigest;
	bool data_bad;                  /* data digest of c->pdu did not match */
	bool refusing;                  /* the data passing by belongs to a refused PDU */
	uint8_t state;                  /* enum iscsip_conn_state */
	uint8_t phase;                  /* enum iscsip_phase, for the legality check */

	/* send */
	struct tx tx;
	struct conn_item *queue[CONN_Q_COUNT]; /* first of a ring, NULL when empty */

	/* numbering of this connection */
	uint32_t statsn;                /* target: next StatSN; initiator: highest StatSN received + 1 */
	uint32_t expstatsn;             /* target: what the initiator acknowledged */
	uint16_t cid;

	/* time */
	iscsip_time now;                /* of the call under way */
	iscsip_time opened, last_rx, pinged;
	iscsip_time last_tx;            /* the transport took something, or had nothing to take before a PDU was made */
	iscsip_time close_by;           /* ISCSIP_TIME_NEVER unless closing or logging out, or told to end */
	uint32_t close_ms;              /* with CONN_UNTIMED_CLOSE: the wait */
	uint8_t untimed;                /* enum conn_untimed */

	struct iscsip_error error;      /* first fatal one; code 0: none */
	struct iscsip_conn_stats stats;
	struct door door;
	bool ping_out;                  /* a ping is unanswered */
	struct conn_sent ping;          /* of the role's ping */
	struct conn_sent *made;         /* requests in the ring */

	struct iscsip__login *login;    /* NULL when the login has ended */
	struct conn_item login_item;    /* the login's next PDU */
	const char *login_why;          /* what was wrong in a login that failed; NULL before its end */
	bool login_turning, login_again; /* iscsip__conn_login_turn() is at work further up, and has to go round again */
	void *role_state;               /* behind this struct, the role's */
};

/*
 * Carves a connection with `role_size` bytes for the role out of `a`; NULL while counting or where it does not fit.
 * The role state is zeroed.
 */
struct iscsip_conn *iscsip__conn_carve(struct arena *a, const struct iscsip_config *cfg, size_t role_size);

void iscsip__conn_init(struct iscsip_conn *c, const struct conn_role *ops, const struct iscsip_config *cfg, void *user,
		       iscsip_time now);

/* --- for the role, while receiving --- */

/* From header(): the data goes to this place, which holds c->pdu.data_len bytes. */
void iscsip__conn_expect_place(struct iscsip_conn *c, const struct iscsip_vec_cursor *place);
/* From header(): the data passes through `sink`, NULL to drop it. The digest is checked all the same. */
void iscsip__conn_expect_sink(struct iscsip_conn *c, conn_sink *sink);
/* From header(): the place is not known yet; no byte is taken until expect and iscsip__conn_resume(). */
void iscsip__conn_hold(struct iscsip_conn *c);
int iscsip__conn_resume(struct iscsip_conn *c);

/* The first fatal error; returns its code for `return iscsip__conn_fail(...)`. */
int iscsip__conn_fail(struct iscsip_conn *c, int code, uint16_t rule, uint32_t arg);
/* Over: what is queued is still sent, nothing is received any more. */
void iscsip__conn_closing(struct iscsip_conn *c);
/* It fails when this has passed, unless it has begun to close by then. 0: at once. */
void iscsip__conn_end_within(struct iscsip_conn *c, uint32_t ms);

/*
 * Around work on a connection that comes from outside its doors: callbacks have to find them shut. What begin answers is given
 * to end, which tells the host.
 */
bool iscsip__conn_outside_begin(struct iscsip_conn *c);
void iscsip__conn_outside_end(struct iscsip_conn *c, bool inside);

/* --- for the role, while sending --- */

void iscsip__conn_queue(struct iscsip_conn *c, struct conn_item *item, enum conn_queue q);
void iscsip__conn_unqueue(struct iscsip_conn *c, struct conn_item *item);

static inline bool conn_queued(const struct conn_item *item)
{
	return item->next != NULL;
}

/*
 * From make(): the free unit that the PDU will be made in. Fill in payload, ref, mid, owner and note, then seal.
 * Never NULL there.
 */
static inline struct tx_unit *iscsip__conn_unit(struct iscsip_conn *c)
{
	return iscsip__tx_slot(&c->tx);
}
/*
 * Encodes the PDU into the unit, adds pad and digests, traces and pushes it. pdu->data_len must be mid_len where mid
 * belongs to the data (sense) plus payload_len; `mid_is_data` says which.
 */
void iscsip__conn_seal(struct iscsip_conn *c, struct tx_unit *u, const struct iscsip_pdu *pdu, bool mid_is_data);
/* The same for a unit whose BHS stands in its head already (wire/store.h). */
void iscsip__conn_sealed(struct iscsip_conn *c, struct tx_unit *u, bool mid_is_data);

/* A request is asked for now, or what waits for its answer begins to wait again. */
void iscsip__conn_ask(struct iscsip_conn *c, struct conn_sent *r, iscsip_time now);
/* From make(), behind the seal: the request's PDU is the newest. */
void iscsip__conn_made(struct iscsip_conn *c, struct conn_sent *r);
/* It waits for nothing any more. */
void iscsip__conn_heard(struct iscsip_conn *c, struct conn_sent *r);
/* When the answer is late that may take `ms` from the sending; or, before that, when the transport has stood still too long. */
iscsip_time iscsip__conn_due(const struct iscsip_conn *c, const struct conn_sent *r, uint32_t ms);

/* What a request of the host may take. */
static inline uint32_t conn_request_ms(const struct iscsip_conn *c)
{
	return c->cfg->request_timeout_ms ? c->cfg->request_timeout_ms : c->cfg->nop_timeout_ms;
}

/* --- login, alike for both roles (conn_login.c) --- */

/* What stands at the beginning of the host's login scratch; the login's own memory follows. */
struct conn_login_scratch {
	struct iscsip__login_limits limits;
	struct iscsip__login_setup setup; /* user is the connection */
	void *mem;                        /* for iscsip__login_open_*() */
	size_t mem_len;
};

/*
 * Lays out the host's scratch (iscsip_login_size() bytes) and fills in limits and setup from the configuration, all but
 * auth_value and what the role knows better. NULL where the memory is too small or not aligned to 8. The role opens the login.
 */
struct conn_login_scratch *iscsip__conn_login_scratch(struct iscsip_conn *c, void *mem, size_t len);

/*
 * Carries on as far as the login can get on by itself: queues its next PDU, asks the role, or tells it of the end. To
 * be called once after the role has opened c->login, and after each answer that the role itself gives to the login.
 */
void iscsip__conn_login_turn(struct iscsip_conn *c);

/* --- between the files of this room --- */

int iscsip__conn_login_header(struct iscsip_conn *c);
int iscsip__conn_login_pdu(struct iscsip_conn *c);
int iscsip__conn_login_refused(struct iscsip_conn *c, const struct iscsip_error *why);
void iscsip__conn_login_make(struct iscsip_conn *c);
void iscsip__conn_login_gone(struct iscsip_conn *c);

const struct rx_ops *iscsip__conn_rx_ops(void);
/* Tells the trace hook of a unit, and adds the digests that were negotiated. */
void iscsip__conn_look_over(struct iscsip_conn *c, struct tx_unit *u, bool mid_is_data);
tx_gone iscsip__conn_gone;
bool iscsip__conn_has_tx(const struct iscsip_conn *c);
/* The transport took n bytes. */
void iscsip__conn_moved(struct iscsip_conn *c, size_t n);
/* Tells the host that there is something to do: to send, to read again, or to close. Nothing where a door is being passed. */
void iscsip__conn_wake(struct iscsip_conn *c);
/* Every door starts and ends with these: no door from inside a callback, errors stay. leave() returns err. */
int iscsip__conn_enter(struct iscsip_conn *c, iscsip_time now);
int iscsip__conn_leave(struct iscsip_conn *c, int err);

static inline void conn_trace(struct iscsip_conn *c, enum iscsip_trace_event event, const void *p, size_t len)
{
	if (c->cfg->host->trace)
		c->cfg->host->trace(c->cfg->host->user, c, event, p, len);
}

static inline uint32_t conn_crc(const struct iscsip_conn *c, uint32_t crc, const void *p, size_t n)
{
	return c->cfg->host->crc32c ? c->cfg->host->crc32c(crc, p, n) : iscsip_crc32c(crc, p, n);
}

static inline uint32_t pad_of(uint32_t len)
{
	return (0u - len) & 3u;
}

/* The parameters of the session are in force from here on (end of login). */
void iscsip__conn_apply(struct iscsip_conn *c, const struct iscsip_params *p);

/* Flags for a reader of text. */
static inline unsigned conn_text_flags(const struct iscsip_conn *c)
{
	return c->cfg->flags & ISCSIP_CFG_SKIP_NULS ? (unsigned)ISCSIP_TEXT_SKIP_NULS : 0u;
}

static inline bool conn_over(const struct iscsip_conn *c)
{
	return c->state >= ISCSIP_CONN_CLOSING;
}

#endif
