/* SPDX-License-Identifier: MIT */
/*
 * The initiator role: what its files share.
 *
 *   initiator_session.c   memory, states, time limits, what the host asks of a session
 *   initiator_conn.c      memory, the role's table, dispatch by opcode, numbers of what comes in, closing
 *   initiator_login.c     the login's questions to the host, and its end
 *   initiator_task.c      submitting, waiting for the window, giving back
 *   initiator_command.c   SCSI Command PDUs
 *   initiator_out.c       data-out: unsolicited and solicited
 *   initiator_in.c        data-in, SCSI Response, sense data
 *   initiator_tmf.c       task management and aborts
 *   initiator_nop.c       pings, both ways
 *   initiator_text.c      text requests
 *   initiator_logout.c    logout
 *   initiator_async.c     Asynchronous Messages and Rejects
 *
 * Objects. `struct ini_session` begins with the session. `struct ini_conn` is the role state of a connection. A task is the
 * host's struct iscsip_task; what the library needs of it lies in its `priv` as struct ini_task. Everything that waits for
 * an answer has a tag from one table (ddp.h): the Initiator Task Tag is index and generation, the owner a conn_item whose
 * kind says what it is, and the region of a task's tag its data-in memory. So an answer finds its task in O(1), Data-In its
 * place, and a tag of yesterday is known to be one.
 *
 * The life of a task (enum ini_stage):
 *
 *     WAITING   in the session's line: the command window is closed, or no connection is there
 *     QUEUED    in a connection's queue; it has no CmdSN yet
 *     ISSUED    its command was made, with the next CmdSN
 *     OVER      how it ended is known; it is given back when nothing of it is on the way (refs is 0)
 *
 * `refs` counts the units in the send ring that read the task's memory, and one for a PDU whose data is coming in for it.
 * A task is given back by iscsip__initiator_over() and nowhere else, so exactly once.
 */
#ifndef ISCSIP_INITIATOR_INITIATOR_H
#define ISCSIP_INITIATOR_INITIATOR_H

#include "iscsiproto/ddp.h"
#include "iscsiproto/initiator.h"
#include "base/vec.h"
#include "session/session.h"
#include "task/ranges.h"
#include "text/text.h"

#define INI_PONGS 8u          /* answers to pings of the target that may wait; input is held while all do */
#define INI_SCRATCH 512u      /* kept of an Asynchronous Message's data, and of a Reject's */
#define INI_CONN_TAGS 4u      /* tags of a connection beside its tasks: login, ping, text, logout */

/* Kinds of conn_item. */
enum ini_kind { INI_LOGIN, INI_TASK, INI_UNSOLICITED, INI_TMF, INI_PING, INI_PONG, INI_TEXT, INI_LOGOUT };

enum ini_stage { INI_WAITING, INI_QUEUED, INI_ISSUED, INI_OVER };

/* The session's lists of tasks; each that is under way stands in one. */
enum ini_list {
	INI_TIMED,    /* with a time limit, the nearest first */
	INI_UNTIMED,
	INI_ABORTING, /* ABORT TASK is wanted; the first one's may be on the wire */
	INI_LISTS
};

/* An R2T that is not fully answered yet. */
struct ini_r2t {
	struct ini_r2t *next; /* of the task, in the order of arrival; or the next free one */
	uint32_t ttt, off, len;
	uint32_t sent, datasn;
};

/* A double-ended line of tasks. */
struct ini_line {
	struct iscsip_task *first, *last;
};

struct ini_conn;

/* In a task's priv. */
struct ini_task {
	struct conn_item item;            /* first: what a tag's owner points to */
	struct iscsip_task *before, *after; /* in its list */
	struct iscsip_task *line_before, *line_after; /* in a line: the session's, or a connection's of unsolicited data */
	struct ini_conn *ic;              /* its connection, NULL while it is WAITING */
	iscsip_time deadline;
	struct ini_r2t *r2t_first, *r2t_last;
	struct iscsip_vec_cursor out_at;  /* byte out_pos of the data-out */
	uint32_t itt;
	uint32_t cmdsn;
	uint32_t order;                   /* count of commands and task management when it was issued */
	uint32_t datasn;                  /* next DataSN or R2TSN expected */
	uint32_t out_pos;
	uint32_t unsolicited;             /* bytes of unsolicited data still to be sent */
	uint32_t out_datasn;              /* DataSN of the next unsolicited PDU */
	uint32_t out_lost;                /* the first byte of data-out that is known not to have been taken; UINT32_MAX: none is */
	uint32_t r2t_next;                /* where the next R2T has to begin, where sequences come in order */
	uint32_t in_floor;                /* no byte below may come again, where sequences come in order */
	uint32_t in_next;                 /* of the Data-In sequence under way: where its next PDU begins, or its highest end */
	uint16_t refs;
	uint16_t r2ts;                    /* R2Ts not fully answered */
	int16_t why;                      /* why it is being aborted: its result.err; 0: it is not */
	uint8_t stage;
	uint8_t list;                     /* enum ini_list */
	bool in_sequence;                 /* a Data-In sequence is under way */
	bool in_line;                     /* line_before and line_after are in use */
	bool stopped;                     /* FastAbort: no more data goes out for it while task management is under way */
};

_Static_assert(sizeof(struct ini_task) <= sizeof(((struct iscsip_task *)0)->priv), "priv of a task is too small");


/* A request other than a SCSI task. */
struct ini_request {
	struct conn_item item;
	uint32_t itt;
	struct conn_sent sent; /* when it was; a ping's stands in the connection, which keepalive looks at */
	uint16_t refs;   /* units in the send ring */
	bool busy;       /* it has a tag */
	bool asked;      /* it is on the wire, and not answered */
	bool ended;      /* it was answered, and its end waits for refs */
	int err;         /* how it ended */
	void *cookie;
};

struct ini_session {
	struct iscsip_session base;
	const struct iscsip_initiator_ops *ops;
	const char *target_name;
	struct iscsip_ddp *tags;
	struct task_ranges *in_ranges; /* one a tag, where the offer lets data-in come in any order; or NULL */
	struct task_ranges *out_ranges; /* the same of what was sent, where data-out may be asked for in any order; or NULL */
	struct ini_r2t *r2ts;      /* the pool: limits.max_tasks times the R2Ts offered for each */
	struct ini_r2t *r2t_free;
	uint32_t r2t_count, r2t_fresh;
	uint32_t tag_top;          /* highest index of a tag issued */
	uint32_t cmdsn, expcmdsn, maxcmdsn;
	uint32_t order;            /* commands and task management requests issued */
	uint16_t tasks;            /* under way */
	uint16_t unnumbered;       /* QUEUED tasks that will take a CmdSN */
	uint16_t opening;          /* connections in login */
	uint16_t made;             /* connections that were made and not closed: the library may come back to the session */
	uint16_t inside;           /* calls of the session's own that are under way; callbacks come from them, too */
	uint16_t turn;             /* slot that the next command tries first */
	bool logging_out, logged_out;
	bool ending;               /* the last connection is gone, and its tasks are being given back */
	struct ini_line lists[INI_LISTS];
	struct ini_line waiting;   /* for the window, or a connection */
	/* Task management: one request at a time on the wire; the host's goes before aborts. */
	struct ini_request tmf;
	struct ini_conn *tmf_conn;
	struct iscsip_task *tmf_ref;   /* the task that the request on the wire is about */
	uint64_t tmf_lun;
	uint32_t tmf_order;
	uint8_t tmf_function;
	bool tmf_of_host;
	bool host_waits;               /* the host's request waits for its turn: */
	uint8_t host_function;
	uint64_t host_lun;
	struct iscsip_task *host_ref;
	void *host_cookie;
};

struct ini_pong {
	uint64_t lun;
	uint32_t ttt;
};

struct ini_conn {
	struct iscsip_conn *c;
	struct ini_session *s;
	struct conn_item unsolicited_item;
	struct ini_line unsolicited;    /* tasks with unsolicited data to send, in the order of their commands */
	bool statsn_known, logout_made, in_session;
	/* the PDU whose data is coming in */
	struct iscsip_task *rx_task;    /* its task, which holds a reference; or NULL */
	uint32_t rx_pos;                /* bytes of its data so far */
	bool rx_drop;                   /* its data passes by */
	uint16_t sense_len;
	bool ping_differs;
	/* login */
	uint32_t login_itt;
	bool login_told;                /* the host knows that it failed */
	/*
	 * Ping, text and logout are immediate; of these a target has to take one at a time (RFC 7143 4.2.2.1). The others wait
	 * here, as bits of 1 << kind; but a ping that silence asks for, which even a Reject answers, and a logout (initiator_logout.c).
	 */
	uint8_t parked;
	/* pings */
	struct ini_request ping;
	const uint8_t *ping_data;
	uint32_t ping_len, ping_echoed;
	bool ping_of_host;
	bool ping_parks;                /* it waits for its turn */
	struct conn_item pong_item;
	struct ini_pong pongs[INI_PONGS];
	uint8_t pong_first, pong_count;
	bool pong_holds;                /* input is held because of them */
	/* text */
	struct ini_request text;
	const char *text_data;
	uint32_t text_len, text_sent;
	uint32_t text_ttt;
	uint64_t text_lun;
	uint32_t text_idle;             /* responses in a row that brought nothing */
	uint32_t text_mrdsl;            /* what the request declares as MaxRecvDataSegmentLength, or 0 */
	bool text_of_host;
	bool text_final;                /* the request on the wire had F */
	struct iscsip_text_reader reader;
	char *text_buf;
	/* logout */
	struct ini_request logout;
	uint8_t logout_reason;
	uint16_t logout_cid;
	/* data of Asynchronous Messages and Rejects */
	uint8_t scratch[INI_SCRATCH];
};

static inline struct ini_session *ini_of(const struct iscsip_session *s)
{
	return (struct ini_session *)(uintptr_t)s;
}

static inline struct ini_conn *ini_conn_of(const struct iscsip_conn *c)
{
	return c->role_state;
}

static inline struct ini_task *ini_priv(struct iscsip_task *t)
{
	return (struct ini_task *)(void *)t->priv;
}

static inline struct iscsip_task *ini_task_of(struct conn_item *item)
{
	return (struct iscsip_task *)(void *)((uint8_t *)item - offsetof(struct iscsip_task, priv));
}

/* What has come of a task's data-in, where that may be in any order; else NULL: what has come ends at in_next. */
static inline struct task_ranges *ini_in_ranges(const struct ini_session *s, const struct ini_task *p)
{
	if (!s->in_ranges || (s->base.params.data_pdu_in_order && s->base.params.data_sequence_in_order))
		return NULL;
	return &s->in_ranges[p->itt & 0xffffu];
}

/* What was sent of a task's data-out, where it may be asked for in any order; else NULL: what was sent ends at out_pos. */
static inline struct task_ranges *ini_out_ranges(const struct ini_session *s, const struct ini_task *p)
{
	return s->out_ranges && !s->base.params.data_sequence_in_order ? &s->out_ranges[p->itt & 0xffffu] : NULL;
}

/* Whether a task is aborted because its data can not be had any more: damaged, or in too many pieces to know what is there. */
static inline bool ini_data_lost(const struct ini_task *p)
{
	return p->why == ISCSIP_EDIGEST || p->why == ISCSIP_ENOSPC;
}

static inline uint32_t ini_least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static inline bool ini_usable(const struct ini_conn *ic)
{
	return ic->c->state == ISCSIP_CONN_FULL_FEATURE;
}

/* A rule of the conversation is broken: the connection is over (RFC 7143 7.13, 7.14). */
static inline int ini_broken(struct ini_conn *ic, enum iscsip_initiator_rule rule, uint32_t arg)
{
	return iscsip__conn_fail(ic->c, ISCSIP_EPROTO, (uint16_t)rule, arg);
}

/* The task of an item, where it is one that was issued on this connection; else NULL. */
static inline struct iscsip_task *ini_issued_task(const struct ini_conn *ic, struct conn_item *item)
{
	struct iscsip_task *t;

	if (item->kind != INI_TASK)
		return NULL;
	t = ini_task_of(item);
	return ini_priv(t)->stage == INI_ISSUED && ini_priv(t)->ic == ic ? t : NULL;
}

/* --- session --- */
/* ExpCmdSN and MaxCmdSN of a PDU (RFC 7143 4.2.2.1). */
void iscsip__initiator_window(struct ini_session *s, uint32_t expcmdsn, uint32_t maxcmdsn);
int iscsip__initiator_tag(struct ini_session *s, struct conn_item *owner, const struct iscsip_vec_cursor *at,
			  uint32_t len, uint32_t *itt);
/* What a tag stands for, or NULL. *known: it was issued some time. */
/*
 * The tag table has the index in the upper half of a tag and the generation below it; on the wire the halves change places,
 * since peers use the low bits of a task tag to spread tasks.
 */
static inline uint32_t ini_swap(uint32_t tag)
{
	return tag << 16 | tag >> 16;
}

struct conn_item *iscsip__initiator_find(const struct ini_session *s, uint32_t itt, bool *known);
void iscsip__initiator_session_begin(struct ini_session *s);

/* --- lines --- */
void iscsip__initiator_line_add(struct ini_line *l, struct iscsip_task *t);
/* Before `at`; NULL: to the end. */
void iscsip__initiator_line_put(struct ini_line *l, struct iscsip_task *t, struct iscsip_task *at);
void iscsip__initiator_line_drop(struct ini_line *l, struct iscsip_task *t);

/* --- requests --- */
int iscsip__initiator_request(struct ini_conn *ic, struct ini_request *r, enum ini_kind kind, void *cookie, iscsip_time now);
/* From make(), behind the seal: its PDU is the newest. */
void iscsip__initiator_requested(struct ini_conn *ic, struct ini_request *r);
/* Its tag is free again. */
void iscsip__initiator_answered(struct ini_conn *ic, struct ini_request *r);
/* Whether it goes out now; else it is parked. */
bool iscsip__initiator_may_ask(struct ini_conn *ic, enum ini_kind kind);
/* An answer to it is in: those that are parked may go on. */
void iscsip__initiator_heard(struct ini_conn *ic, struct ini_request *r);
/* The time of the connection's requests, and what is done then: no answer comes any more. */
iscsip_time iscsip__initiator_requests_due(const struct iscsip_conn *c);
int iscsip__initiator_requests_late(struct iscsip_conn *c);

/* --- connection --- */
extern const struct conn_role iscsip__initiator_role;
void iscsip__initiator_stamp(struct ini_conn *ic, struct iscsip_pdu *pdu);

/* --- login --- */
int iscsip__initiator_login_open(struct ini_conn *ic, void *mem, size_t len);
void iscsip__initiator_login_stamp(struct iscsip_conn *c, struct iscsip_pdu *pdu);
int iscsip__initiator_login_got(struct iscsip_conn *c);
void iscsip__initiator_login_ask(struct iscsip_conn *c, enum iscsip__login_want want);
void iscsip__initiator_login_ended(struct iscsip_conn *c, enum iscsip__login_want want);
void iscsip__initiator_login_lost(struct ini_conn *ic);

/* --- tasks --- */
/* How a task ended: err, or ISCSIP_OK with a result that is filled in. It leaves all queues and is given back when it may be. */
void iscsip__initiator_over(struct ini_session *s, struct iscsip_task *t, int err);
void iscsip__initiator_unref(struct ini_session *s, struct iscsip_task *t);
void iscsip__initiator_pump(struct ini_session *s);
/* Whether one more command fits into the window (serial numbers, RFC 7143 4.2.2.1). */
bool iscsip__initiator_window_open(const struct ini_session *s);
/* Moves a task to the list of those that are being aborted. */
void iscsip__initiator_list_aborting(struct ini_session *s, struct iscsip_task *t);
/* Gives back every task of a connection, and with `all` those that wait for one. */
void iscsip__initiator_drop_tasks(struct ini_session *s, const struct ini_conn *ic, bool all, int err);
enum conn_made iscsip__initiator_make_command(struct ini_conn *ic, struct iscsip_task *t);

/* --- data-out --- */
enum conn_made iscsip__initiator_make_data(struct ini_conn *ic, struct iscsip_task *t);
enum conn_made iscsip__initiator_make_unsolicited(struct ini_conn *ic);
int iscsip__initiator_r2t(struct ini_conn *ic);
/* Where data-out may be asked for in any order: these bytes of the task's are part of a PDU. */
void iscsip__initiator_out_note(struct ini_conn *ic, struct iscsip_task *t, uint32_t off, uint32_t len);

/* Bytes of the task's data are part of a PDU. */
static inline void ini_out_count(struct ini_conn *ic, struct iscsip_task *t, uint32_t off, uint32_t len)
{
	ic->s->base.stats.out_bytes += len;
	if (ic->s->out_ranges)
		iscsip__initiator_out_note(ic, t, off, len);
}

/* The PDU of the task with this header was not taken: nothing from its data on counts. */
void iscsip__initiator_out_lose(struct iscsip_task *t, const uint8_t *bhs);
/* No data is sent of the task until it may go on; what is asked for meanwhile is remembered. */
void iscsip__initiator_out_pause(struct iscsip_task *t);
void iscsip__initiator_out_go_on(struct iscsip_task *t);
/* Nothing more is sent of the task's data. */
void iscsip__initiator_out_stop(struct ini_session *s, struct iscsip_task *t);

/* --- data-in --- */
int iscsip__initiator_data_in_header(struct ini_conn *ic);
int iscsip__initiator_data_in(struct ini_conn *ic);
int iscsip__initiator_response_header(struct ini_conn *ic);
int iscsip__initiator_response(struct ini_conn *ic);

/* --- task management --- */
void iscsip__initiator_abort(struct ini_session *s, struct iscsip_task *t, int why, iscsip_time now);
enum conn_made iscsip__initiator_make_tmf(struct ini_conn *ic);
int iscsip__initiator_tmf_response(struct ini_conn *ic);
void iscsip__initiator_tmf_ended(struct ini_session *s, int err, uint8_t response);
/* The task is over; whatever refers to it forgets it. */
void iscsip__initiator_tmf_forget(struct ini_session *s, struct iscsip_task *t);
/* A connection is gone: requests on it end. */
void iscsip__initiator_tmf_lost(struct ini_session *s, const struct ini_conn *ic, int err);
/* When the answer to the request on the wire is late. */
iscsip_time iscsip__initiator_tmf_due(const struct ini_session *s);

/* --- pings --- */
int iscsip__initiator_nop_in_header(struct ini_conn *ic);
int iscsip__initiator_nop_in(struct ini_conn *ic);
/* Queues a NOP-Out without a task tag, unless nothing may be sent any more. */
void iscsip__initiator_pong(struct ini_conn *ic, uint64_t lun, uint32_t ttt);
/* Nothing is kept back for answers to pings any more: what was held goes on. */
void iscsip__initiator_pong_unhold(struct ini_conn *ic);
enum conn_made iscsip__initiator_make_ping(struct ini_conn *ic);
enum conn_made iscsip__initiator_make_pong(struct ini_conn *ic);
void iscsip__initiator_keepalive(struct iscsip_conn *c);
void iscsip__initiator_ping_ended(struct ini_conn *ic, int err);

/* --- text --- */
int iscsip__initiator_text_header(struct ini_conn *ic);
int iscsip__initiator_text_response(struct ini_conn *ic);
enum conn_made iscsip__initiator_make_text(struct ini_conn *ic);
void iscsip__initiator_text_ended(struct ini_conn *ic, int err);
/* The target asked for a negotiation (Async event 4): an empty request, unless one is under way. */
void iscsip__initiator_text_empty(struct ini_conn *ic);

/* --- logout --- */
int iscsip__initiator_logout_response(struct ini_conn *ic);
enum conn_made iscsip__initiator_make_logout(struct ini_conn *ic);
void iscsip__initiator_logout_ended(struct ini_conn *ic, int err, const struct iscsip_logout_response *r);

/* --- Async, Reject --- */
int iscsip__initiator_scratch_header(struct ini_conn *ic);
int iscsip__initiator_async(struct ini_conn *ic);
int iscsip__initiator_reject(struct ini_conn *ic);

#endif
