/* SPDX-License-Identifier: MIT */
/*
 * The target role: what its files share.
 *
 *   target_conn.c      init, the role's table, dispatch by opcode, holding input, closing
 *   target_login.c     the login's questions to the host; joining, reinstatement
 *   target_session.c   init, end, states, housekeeping
 *   target_task.c      the task table: slots, tags, life and death of a task
 *   target_window.c    CmdSN: the window, the order, what is parked
 *   target_cmd.c       SCSI commands: arrival, execution, what the device server calls
 *   target_out.c       data-out: immediate, unsolicited, solicited
 *   target_r2t.c       asking for data-out
 *   target_in.c        data-in and status in it
 *   target_response.c  SCSI Responses, transport failures
 *   target_tmf.c       task management
 *   target_abort.c     aborting tasks
 *   target_hurry.c     commands that others wait for
 *   target_text.c      text requests; target_names.c: SendTargets
 *   target_nop.c, target_logout.c, target_async.c, target_reject.c
 *
 * Objects: `struct tgt_conn` is the role state of a connection; `struct tgt_session` begins with the session; a task
 * belongs to a session and knows its connection (none, once that is lost).
 */
#ifndef ISCSIP_TARGET_TARGET_H
#define ISCSIP_TARGET_TARGET_H

#include "iscsiproto/target.h"
#include "cmd/cmd_port.h"
#include "session/session.h"
#include "task/ranges.h"
#include "iscsiproto/ddp.h"

#define TGT_REJECTS 2u    /* Rejects that may wait on a connection; input is held while all of them do */
#define TGT_NONE 0xffffu  /* no task */

/* Kinds of conn_item, and notes of units: what they are of. */
enum tgt_item_kind {
	TGT_ITEM_TASK,   /* data-in and the response of a task */
	TGT_ITEM_R2T,    /* R2Ts of a task */
	TGT_ITEM_REJECT, /* Rejects of a connection */
	TGT_ITEM_WINDOW, /* NOP-In that tells of the window */
	TGT_ITEM_PING,   /* NOP-In that asks for an answer */
	TGT_ITEM_ASYNC,  /* Asynchronous Message of the host */
	TGT_ITEM_NOTICE  /* Asynchronous Messages about tasks that others aborted (FastAbort) */
};

enum tgt_kind { TGT_COMMAND, TGT_TMF, TGT_TEXT, TGT_NOP, TGT_LOGOUT };

/* What a task is at; a task is free when none of the first group holds it any more and it is over. */
enum tgt_flag {
	/* held by */
	TGT_RX = 1u << 0,        /* data is arriving for it */
	TGT_PARKED = 1u << 1,    /* waits for its turn */
	TGT_DEVICE = 1u << 2,    /* with the device server, which has not completed it */
	TGT_DRAIN = 1u << 3,     /* aborted, but the answers to its R2Ts are waited for (4.2.3.3 a) */
	TGT_HELD = TGT_RX | TGT_PARKED | TGT_DEVICE,
	/* over */
	TGT_SEALED = 1u << 4,    /* its last PDU was made */
	TGT_ABORTED = 1u << 5,   /* no answer will be sent */
	TGT_OVER = TGT_SEALED | TGT_ABORTED,
	/* what it uses */
	TGT_NORMAL = 1u << 6,    /* a slot of the window */
	TGT_OWN_TMF = 1u << 7,   /* the connection's slot for an immediate task management request */
	TGT_OWN_OTHER = 1u << 8, /* the connection's slot for another immediate request */
	TGT_OPEN = 1u << 9,      /* counted in session->open: delivered, and its slot not promised anew */
	TGT_HASHED = 1u << 10,   /* found by its tag */
	TGT_TOLD = 1u << 11,     /* the device server knows it and will be told `free` */
	/* where it stands */
	TGT_IMMEDIATE = 1u << 12,
	TGT_COMPLETE = 1u << 13, /* its status is known */
	TGT_FAILED = 1u << 14,   /* ended by the transport; status is the transport's */
	TGT_PIECE = 1u << 15,    /* data of iscsip_cmd_send_data() is on its way */
	TGT_LAST = 1u << 16,     /* that was the last of it */
	TGT_BUFFER = 1u << 17,   /* the host named a buffer */
	TGT_DROPPED = 1u << 18,  /* data came before it did */
	TGT_UNSOLICITED = 1u << 19, /* unsolicited Data-Out PDUs are still to come */
	TGT_REQUEST = 1u << 20,  /* iscsip_cmd_request_data() waits for data */
	TGT_TAG_WAIT = 1u << 21, /* waits for an entry of the tag table */
	TGT_BIDI = 1u << 22,
	TGT_COVERED = 1u << 23,  /* a task management request waits for it */
	TGT_CONT = 1u << 24,     /* text: C was set in the request */
	TGT_FINAL = 1u << 25,    /* text: F was set in the request */
	TGT_PLACING = 1u << 26,  /* the host was asked for a buffer and will answer later */
	TGT_TURN = 1u << 27,     /* its turn has come: it was delivered */
	TGT_NOTICE = 1u << 28,   /* aborted by others, with FastAbort: held until the initiator acknowledges the message */
	TGT_TELL = 1u << 29,     /* that message is not made yet */
	TGT_HURRY = 1u << 30     /* others wait for its transfer */
};

/* Why the transport ends a command: the rows of RFC 7143 11.4.7.2. */
enum tgt_failure {
	TGT_FAIL_UNSOLICITED, /* unexpected unsolicited data */
	TGT_FAIL_AMOUNT,      /* incorrect amount of data */
	TGT_FAIL_CRC,         /* protocol service CRC error */
	TGT_FAIL_SNACK,       /* SNACK rejected */
	TGT_FAIL_COUNT
};

/* A task management request. */
struct tgt_tmf {
	struct iscsip_tmf tmf;      /* what the device server sees; first, so that its address is that of the struct */
	uint32_t ref_tag, ref_cmdsn;
	uint8_t stage;              /* enum tgt_tmf_stage */
	uint8_t response;
	iscsip_time since;          /* when the stage began; NEVER: with the next tick, since a call from outside tells no time */
};

enum tgt_tmf_stage {
	TGT_TMF_COMMANDS, /* waits for the commands before it */
	TGT_TMF_TAGS,     /* waits for the answers to R2Ts */
	TGT_TMF_DEVICE,   /* with the device server */
	TGT_TMF_FENCE,    /* waits for acknowledgments on other connections (4.2.2.3.3) */
	TGT_TMF_ANSWERED
};

struct tgt_nop {
	uint8_t *data;    /* ping data, lent or the connection's own */
	uint32_t len, lent;
};

/*
 * A new task is written as far as every kind reads it (target_task.c); the union is begun by the kind's arrive (a command's
 * only with data-out), everything else is written before it is read.
 */
struct tgt_task {
	struct iscsip_cmd cmd;      /* first: a cmd is its task */
	struct conn_item item;
	struct tgt_session *ses;
	struct iscsip_conn *c;      /* NULL when it is lost */
	uint32_t flags;
	uint32_t cmdsn;
	uint16_t index, next;       /* next: in a chain of the tag hash, or of the free list; index + 1, 0 ends */
	uint16_t tx_units;          /* units that refer to it */
	uint8_t kind;
	uint8_t tmf_refs;           /* task management requests that refer to the command */
	uint8_t pins;               /* someone further up still looks at it */

	uint32_t hurry_spent;       /* with TGT_HURRY: milliseconds that its transfers took */
	iscsip_time hurry_from;     /* since when this one is under way, or 0 */

	/* data-in */
	uint32_t in_left;           /* of the piece */
	uint32_t in_off;            /* bytes sent */
	uint32_t in_burst;          /* bytes of the sequence */
	uint32_t in_pdus;           /* Data-In PDUs sent */
	uint32_t datasn;            /* DataSN and R2TSN: one sequence (4.2.2.4); with TGT_NOTICE: StatSN of the message */
	struct iscsip_vec_cursor in_at;
	struct iscsip_cmd_status status;
	uint8_t cdb[16];

	/* data-out, or what belongs to other kinds */
	union {
		struct {
			struct conn_item r2t_item;
			const struct iscsip_vec *vec;
			int cnt;
			uint32_t have;       /* unsolicited bytes received */
			uint32_t promised;   /* end of the unsolicited data */
			uint32_t unsol_sn;   /* next DataSN of it */
			uint32_t fresh;      /* unsolicited bytes below this were given to the host */
			uint32_t need;       /* bytes of the promised ones that the open request waits for */
			uint32_t ask, ask_end; /* still to be solicited for the open request */
			uint16_t r2ts;       /* outstanding */
			uint16_t seqs;       /* first of them, index + 1; oldest first */
			uint16_t tag_next;   /* in the queue for tags, index + 1 */
		} out;
		struct tgt_tmf tmf;
		struct tgt_nop nop;
		struct {
			uint16_t cid;
			uint8_t reason, response;
		} logout;
	};
};

/* An R2T that is being answered; beside the entry of the tag table with the same index. */
struct tgt_seq {
	uint32_t tag;
	uint32_t len, got;
	uint32_t next_off, datasn;
	uint16_t next; /* of the same task, index + 1 */
};

struct tgt_session {
	struct iscsip_session s;            /* first */
	const struct iscsip_target_ops *ops;
	const struct iscsip_device_ops *dev;
	void *dev_user;
	void *nexus;

	/* window: target_window.c */
	uint32_t expcmdsn, maxcmdsn;
	uint16_t open;                      /* delivered tasks that have a slot of the window */
	uint16_t parked;
	uint16_t *park;                     /* ring by CmdSN: index + 1, 0 empty, TGT_NONE plugged */
	uint16_t park_mask;

	/* tasks: target_task.c */
	uint16_t normal;                    /* slots of the window in use */
	uint16_t live;                      /* tasks in use */
	uint16_t fresh;                     /* slots below this were touched */
	uint16_t free;                      /* free list, index + 1 */
	uint16_t with_device;
	uint16_t hurried;                   /* tasks that others wait for */
	uint16_t tmfs;                      /* task management requests under way */
	struct tgt_task *tasks;
	uint16_t *buckets;
	uint32_t hash_key, hash_shift;
	uint8_t *cdbs;                      /* extended CDBs, cdb_stride bytes a task */
	uint16_t cdb_stride;

	/* R2Ts: target_out.c */
	uint16_t tag_first, tag_last;       /* tasks that wait for a tag, index + 1 */
	struct iscsip_ddp *ddp;
	struct tgt_seq *seqs;
	struct task_ranges *seq_ranges;     /* for DataPDUInOrder=No; one a sequence, then one a task; or NULL */

	uint16_t deferred;                  /* connections with a request that waits for a slot */
	uint16_t busy;                      /* depth of calls under way */
	bool ended, told_free, clean;       /* clean: logged out */
	bool closing;                       /* its connections close, and no other may join any more */
	bool later;                         /* something below, `deferred`, `tmfs` or `ended` is for the outermost leave */
	bool tell_window;                   /* the window has opened and nobody was told */
	bool reap;                          /* a task ended while it was pinned */
	bool making;                        /* a PDU is being made: what its item belongs to has to stay */
	struct iscsip_error why;
	iscsip_time now;
	uint16_t portal_group_tag;
	char target_name[ISCSIP_NAME_MAX + 1];
};

enum tgt_hold {
	TGT_HOLD_PLACE = 1u << 0,  /* a buffer is named later */
	TGT_HOLD_SLOT = 1u << 1,   /* c->pdu waits for a task slot */
	TGT_HOLD_REJECT = 1u << 2, /* no room for another Reject */
	TGT_HOLD_END = 1u << 3     /* logged out: nothing is read any more */
};

struct tgt_reject {
	uint8_t *hdr;   /* BHS_LEN + ahs_max bytes */
	uint16_t len;
	uint8_t reason;
	bool used;      /* waits or is on its way */
	bool made;
};

enum tgt_text_state {
	TGT_TEXT_IDLE,
	TGT_TEXT_OPEN,   /* between the requests of an exchange */
	TGT_TEXT_ASKED,  /* a request is in, its response not made */
	TGT_TEXT_MADE    /* the response is on its way out */
};

/* Text exchanges of a connection: one at a time (11.10). */
struct tgt_text {
	uint8_t state;                      /* enum tgt_text_state */
	bool bad;                           /* the request broke a rule */
	uint8_t reason;                     /* how it will be rejected */
	bool names;                         /* it is SendTargets */
	bool more;                          /* the answer was not sent whole */
	bool split;                         /* the request goes on in the next (C) */
	bool last;                          /* the response that was made ends the exchange */
	uint16_t pairs;                     /* of this exchange, for the rule of one key (appendix C) */
	uint32_t itt, ttt, next_ttt;
	struct iscsip_text_reader reader;
	void *reader_buf;
	struct iscsip__nego nego;
	struct iscsip_params params;        /* become the session's when all ended well (6.4) */
	struct iscsip__out out;
	uint32_t sent;                      /* bytes of out that were sent */
	/* SendTargets: where it stands (target_names.c) */
	unsigned target, portal;
	uint32_t skip;                      /* bytes of that pair that were sent */
	bool only;
	char name[ISCSIP_NAME_MAX + 1];
};

struct tgt_conn {
	struct iscsip_conn *c;
	const struct iscsip_target_ops *ops;
	uint16_t slot;                      /* in the session */
	uint8_t hold;                       /* enum tgt_hold */
	bool in_place;                      /* the host's place() is being called */
	bool place_lost;                    /* the command that a buffer was asked for is aborted */

	/* PDU being received */
	struct tgt_task *rx_task;           /* whose data it is; NULL: nobody's */
	uint16_t rx_seq;                    /* index + 1 of the sequence, 0: unsolicited */
	bool rx_skip;                       /* it was refused or ignored, or all is done with its header */
	uint16_t ahs_len;                   /* its additional headers, kept behind the free Reject's BHS */

	struct tgt_task *own_tmf, *own_other; /* who has the reserved slots */

	struct tgt_reject reject[TGT_REJECTS];
	uint8_t reject_next;                /* the one that is made next */
	struct conn_item reject_item, window_item, ping_item, async_item, notice_item;

	uint8_t *ping;                      /* ping_max bytes for echoes */
	struct iscsip_vec ping_vec;         /* lent memory that ping data is arriving in */
	struct tgt_task *ping_task;         /* whose they are */
	uint32_t ping_ttt;                  /* of the ping that is unanswered, or ISCSIP_TAG_NONE */
	bool ping_again;                    /* what it is to acknowledge came after it */
	uint32_t next_ttt;
	uint32_t fence;                     /* StatSN up to which task management waits for acknowledgment */

	struct iscsip_async_message async;
	bool async_used;
	iscsip_time notice_by;              /* when the acknowledgment of a notice is due */

	struct tgt_text text;
};

static inline struct tgt_conn *tgt_conn_of(const struct iscsip_conn *c)
{
	return c->role_state;
}

static inline struct tgt_session *tgt_session_of(const struct iscsip_conn *c)
{
	return (struct tgt_session *)c->session;
}

static inline struct tgt_task *tgt_task_of(struct iscsip_cmd *cmd)
{
	return (struct tgt_task *)cmd;
}

static inline struct tgt_task *tgt_task_of_item(struct conn_item *item)
{
	return (struct tgt_task *)(void *)((uint8_t *)item - offsetof(struct tgt_task, item));
}

static inline struct tgt_task *tgt_task_of_r2t(struct conn_item *item)
{
	return (struct tgt_task *)(void *)((uint8_t *)item - offsetof(struct tgt_task, out.r2t_item));
}

/* --- target_session.c --- */

/*
 * Around every entry into the role: what was put off is done at the outermost leave, and the end of the session is told
 * there, after which the session must not be touched.
 */
static inline void tgt_enter(struct tgt_session *s)
{
	s->busy++;
}

void iscsip__target_leave(struct tgt_session *s);

static inline void tgt_leave(struct tgt_session *s)
{
	if (s->later)
		iscsip__target_leave(s);
	else
		s->busy--;
}

/* A request is put off, until a slot is free or its buffer is not needed any more. */
static inline void tgt_put_off(struct tgt_session *s)
{
	s->deferred++;
	s->later = true;
}

struct tgt_session *iscsip__target_session_carve(struct arena *a, const struct iscsip_config *cfg);
/* The connection is lost to its session: its tasks are aborted, and it leaves its slot. */
void iscsip__target_detach(struct tgt_session *s, struct iscsip_conn *c);
/* Connections and tasks end; settle() tells. clean: by logout. */
void iscsip__target_session_over(struct tgt_session *s, const struct iscsip_error *why);
void iscsip__target_state(struct tgt_session *s, uint8_t state, const struct iscsip_error *why);
/* All tasks are aborted and all connections close once they have sent what is made. */
void iscsip__target_close_all(struct tgt_session *s);
/* A format error closes every connection of the session (7.7). */
int iscsip__target_format_error(struct iscsip_conn *c, uint16_t rule, uint32_t arg);

/* --- target_conn.c --- */

void iscsip__target_hold(struct iscsip_conn *c, enum tgt_hold why);
void iscsip__target_unhold(struct iscsip_conn *c, enum tgt_hold why);
/* The PDU that waits for a slot is tried again. */
void iscsip__target_retry(struct iscsip_conn *c);
/* The buffer that HOLD_PLACE waits for is named, or not needed any more; its place is expected already. */
void iscsip__target_place_known(struct iscsip_conn *c);
/*
 * A task for the request c->pdu; NULL: it was ignored, rejected, or put off, and there is nothing more to do with it now.
 */
struct tgt_task *iscsip__target_begin(struct iscsip_conn *c, enum tgt_kind kind);
/* Puts the PDU off until something is out. */
int iscsip__target_defer(struct iscsip_conn *c);
/* As skip, and what a format error entails. */
int iscsip__target_refuse(struct iscsip_conn *c, const struct iscsip_error *why);
/* From inside header or pdu: nothing is to be done with the PDU any more, its data passes by. */
int iscsip__target_skip(struct iscsip_conn *c);

/* --- target_login.c --- */

int iscsip__target_login_open(struct iscsip_conn *c, void *mem, size_t len);
void iscsip__target_login_ask(struct iscsip_conn *c, enum iscsip__login_want want);
void iscsip__target_login_ended(struct iscsip_conn *c, enum iscsip__login_want want);
void iscsip__target_login_stamp(struct iscsip_conn *c, struct iscsip_pdu *pdu);

/* --- target_task.c --- */

enum tgt_slot { TGT_SLOT_OK, TGT_SLOT_LATER, TGT_SLOT_NONE };

void iscsip__target_tasks_init(struct tgt_session *s);
/* A slot of the window for the request c->pdu. NULL: one will be free when something is sent. */
struct tgt_task *iscsip__target_task_new(struct iscsip_conn *c, enum tgt_kind kind);
/* The same for an immediate one, in *out. LATER: one will be free when something is sent; NONE: too many. */
enum tgt_slot iscsip__target_task_immediate(struct iscsip_conn *c, enum tgt_kind kind, struct tgt_task **out);
static inline uint16_t *tgt_bucket(const struct tgt_session *s, uint32_t itt)
{
	return &s->buckets[itt * s->hash_key >> s->hash_shift];
}

/* The task that a tag leads to, or NULL. */
static inline struct tgt_task *tgt_task_find(const struct tgt_session *s, uint32_t itt)
{
	uint16_t at = *tgt_bucket(s, itt);

	while (at && s->tasks[at - 1].cmd.tag != itt)
		at = s->tasks[at - 1].next;
	return at ? &s->tasks[at - 1] : NULL;
}

void iscsip__target_task_unhash(struct tgt_task *t);
/* Its last PDU was made: its tag may be used again, its slot is promised anew. */
void iscsip__target_task_sealed(struct tgt_task *t);
/* Frees the task if nothing holds it any more. True if it is gone. */
bool iscsip__target_task_put(struct tgt_task *t);
/* Frees those that could not go while they were pinned. */
void iscsip__target_task_reap(struct tgt_session *s);

/*
 * A callback of the host may end anything, the session too. Who uses a task after one pins it before; what ended in between
 * goes when the outermost entry is left.
 */
static inline void tgt_pin(struct tgt_task *t)
{
	t->pins++;
}

/* False: the task is over. */
static inline bool tgt_unpin(struct tgt_task *t)
{
	t->pins--;
	return !(t->flags & TGT_OVER);
}

uint32_t iscsip__target_task_buckets(const struct iscsip_config *cfg);
uint16_t iscsip__target_task_total(const struct iscsip_config *cfg);

/* What a task of each kind does; by enum tgt_kind. */
struct tgt_kind_ops {
	void (*run)(struct tgt_task *t);                                   /* its turn has come */
	enum conn_made (*make)(struct iscsip_conn *c, struct tgt_task *t); /* its next PDU */
	void (*sent)(struct tgt_task *t);                                  /* a unit of it is out; NULL: nothing to do */
	void (*end)(struct tgt_task *t);                                   /* it goes; NULL: nothing to do */
};
extern const struct tgt_kind_ops iscsip__target_kinds[];

/* --- target_window.c --- */

/* Whether a non-immediate request may come now (4.2.2.1): its number is in the window, and did not come before. */
static inline bool tgt_window_takes(const struct tgt_session *s, uint32_t cmdsn)
{
	return serial_within(cmdsn, s->expcmdsn, s->maxcmdsn) && !(s->parked && s->park[cmdsn & s->park_mask]);
}

/* The request is complete: delivers it at its turn, and all that waited for it. */
void iscsip__target_window_admit(struct tgt_task *t);
void iscsip__target_window_unpark(struct tgt_task *t);
/* CmdSN is considered received (11.6.1 b, 4.2.3.3 b); false outside the window, or if it came already. */
bool iscsip__target_window_plug(struct tgt_session *s, uint32_t cmdsn);
void iscsip__target_window_plug_below(struct tgt_session *s, uint32_t cmdsn);
/* Tells the initiator of a window that opened again, if nothing else does. */
void iscsip__target_window_tell(struct tgt_session *s);

/* MaxCmdSN as of now; never smaller than one that was sent. */
static inline uint32_t tgt_maxcmdsn(struct tgt_session *s)
{
	uint32_t max = s->expcmdsn + (uint32_t)(s->s.cfg->limits.max_tasks - s->open) - 1u;

	if (serial_lt(s->maxcmdsn, max))
		s->maxcmdsn = max;
	s->tell_window = false;
	return s->maxcmdsn;
}

/* Numbers a response: the three fields that all responses begin with. */
static inline void tgt_stamp(struct iscsip_conn *c, struct tgt_session *s, struct iscsip_reply *r, bool uses_statsn)
{
	r->statsn = c->statsn;
	c->statsn += uses_statsn;
	r->expcmdsn = s->expcmdsn;
	r->maxcmdsn = tgt_maxcmdsn(s);
}

/* --- target_cmd.c --- */

const struct iscsip_cmd_port *iscsip__target_port(void);

/* A SCSI command's header is in; data follows, or it is complete. */
int iscsip__target_cmd_arrive(struct iscsip_conn *c);
int iscsip__target_cmd_complete(struct iscsip_conn *c);
void iscsip__target_cmd_exec(struct tgt_task *t);

/* --- target_out.c --- */

int iscsip__target_out_header(struct iscsip_conn *c);
int iscsip__target_out_pdu(struct iscsip_conn *c);
/* Where its unsolicited bytes are noted; NULL where they come in order. */
struct task_ranges *iscsip__target_task_ranges(const struct tgt_task *t);
int iscsip__target_out_request(struct iscsip_cmd *cmd, uint32_t off, uint32_t len);
/* The place of byte `off` of the task's buffer. */
struct iscsip_vec_cursor iscsip__target_out_at(const struct tgt_task *t, uint32_t off);
/* Something came, or was given up: tells the host, goes on with R2Ts, or with the response. */
void iscsip__target_out_progress(struct tgt_task *t);
/* Whether anything may still come for it: a response has to wait (11.4.2). */
static inline bool tgt_out_pending(const struct tgt_task *t)
{
	return (t->flags & TGT_UNSOLICITED) || t->out.r2ts;
}

/* --- target_r2t.c --- */

enum conn_made iscsip__target_r2t_make(struct iscsip_conn *c, struct tgt_task *t);
void iscsip__target_r2t_queue(struct tgt_task *t);
/* Whether a sequence is the task's, and has this tag. */
bool iscsip__target_r2t_has(const struct tgt_task *t, uint16_t index, uint32_t ttt);
/* Forgets a sequence, or all of a task. */
void iscsip__target_r2t_release(struct tgt_task *t, uint16_t index);
void iscsip__target_r2t_release_all(struct tgt_task *t);
void iscsip__target_r2t_unwait(struct tgt_task *t);

/* --- target_in.c --- */

enum conn_made iscsip__target_in_make(struct iscsip_conn *c, struct tgt_task *t);
int iscsip__target_in_send(struct iscsip_cmd *cmd, const struct iscsip_vec *vec, int cnt, uint32_t len, bool last);
/* A unit of a task that is not over is out: perhaps the last of the piece. */
void iscsip__target_in_gone(struct tgt_task *t);

/* --- target_response.c --- */

enum conn_made iscsip__target_response_make(struct iscsip_conn *c, struct tgt_task *t);
int iscsip__target_complete(struct iscsip_cmd *cmd, const struct iscsip_cmd_status *st);
void iscsip__target_fail(struct tgt_task *t, enum tgt_failure why);
bool iscsip__target_may_respond(const struct tgt_task *t);
/* Queues the response if it may go. */
void iscsip__target_respond(struct tgt_task *t);
/* O, U and the residual count of one direction. */
struct tgt_residual {
	bool over, under;
	uint32_t count;
};
static inline struct tgt_residual tgt_residual_of(uint32_t expected, uint32_t total)
{
	struct tgt_residual r = { total > expected, total < expected,
				  total > expected ? total - expected : expected - total };

	return r;
}

/* --- target_abort.c --- */

/* No answer will be sent. With `drain` the answers to its R2Ts are waited for. The task may be gone after it. */
void iscsip__target_abort(struct tgt_task *t, bool drain);
/*
 * It is aborted by others than its connection's initiator. With FastAbort that one is told by an Asynchronous Message, and the
 * task keeps its place until that is acknowledged (RFC 7143 4.2.3.4 d, g). The device server has it back at once; what still
 * comes for its transfer tags is dropped in silence, as if they were valid (c).
 */
void iscsip__target_abort_told(struct tgt_task *t);
/* All tasks that `which` picks; `arg` is its own. */
typedef bool tgt_pick(const struct tgt_task *t, const void *arg);
void iscsip__target_abort_all(struct tgt_session *s, tgt_pick *which, const void *arg, bool drain);
int iscsip__target_abort_cmd(struct iscsip_cmd *cmd);

/* --- target_hurry.c --- */

void iscsip__target_hurry(struct iscsip_cmd *cmd);
/* When this connection's transfers have to be looked at. */
iscsip_time iscsip__target_hurry_due(const struct iscsip_conn *c);
bool iscsip__target_hurry_over(struct iscsip_conn *c);
void iscsip__target_hurry_pause(struct tgt_task *t);
void iscsip__target_hurry_end(struct tgt_task *t);

/* --- target_tmf.c --- */

int iscsip__target_tmf_arrive(struct iscsip_conn *c);
int iscsip__target_tmf_complete(struct iscsip_tmf *tmf, uint8_t response);
void iscsip__target_tmf_run(struct tgt_task *t);
/* What requests under way wait for may have come. */
void iscsip__target_tmf_recheck(struct tgt_session *s);
enum conn_made iscsip__target_tmf_make(struct iscsip_conn *c, struct tgt_task *t);
void iscsip__target_tmf_free(struct tgt_task *t);
/* The command is gone: requests that refer to it are told so. */
void iscsip__target_tmf_forget(struct tgt_task *t);
iscsip_time iscsip__target_tmf_deadline(const struct tgt_session *s);
void iscsip__target_tmf_tick(struct tgt_session *s);

/* --- target_text.c, target_names.c --- */

void iscsip__target_text_init(struct tgt_text *x);
int iscsip__target_text_arrive(struct iscsip_conn *c);
int iscsip__target_text_complete(struct iscsip_conn *c);
void iscsip__target_text_run(struct tgt_task *t);
enum conn_made iscsip__target_text_make(struct iscsip_conn *c, struct tgt_task *t);
void iscsip__target_text_gone(struct tgt_task *t);
void iscsip__target_text_reset(struct iscsip_conn *c);
/* SendTargets: true if the value may be asked for here; then fill() makes the next bytes, *more: there are others. */
bool iscsip__target_names_begin(struct iscsip_conn *c, const char *value, size_t len);
uint32_t iscsip__target_names_fill(struct iscsip_conn *c, char *dst, uint32_t cap, bool *more);

/* --- the small ones --- */

int iscsip__target_nop_arrive(struct iscsip_conn *c);
int iscsip__target_nop_complete(struct iscsip_conn *c);
enum conn_made iscsip__target_nop_make(struct iscsip_conn *c, struct tgt_task *t);
void iscsip__target_nop_free(struct tgt_task *t);
void iscsip__target_ping(struct iscsip_conn *c);
enum conn_made iscsip__target_ping_make(struct iscsip_conn *c, bool ping);

int iscsip__target_logout_arrive(struct iscsip_conn *c);
void iscsip__target_logout_run(struct tgt_task *t);
enum conn_made iscsip__target_logout_make(struct iscsip_conn *c, struct tgt_task *t);

enum conn_made iscsip__target_async_make(struct iscsip_conn *c);
void iscsip__target_async_gone(struct iscsip_conn *c);
enum conn_made iscsip__target_notice_make(struct iscsip_conn *c);
/* A NOP-Out that answers nothing: it acknowledges what was told of its logical unit. */
void iscsip__target_notice_acked(struct iscsip_conn *c);

/* Refuses c->pdu; the header is that in `bhs` (with its additional headers behind), or made from c->pdu where NULL. */
int iscsip__target_reject(struct iscsip_conn *c, uint8_t reason, const uint8_t *bhs);
enum conn_made iscsip__target_reject_make(struct iscsip_conn *c);
void iscsip__target_reject_gone(struct iscsip_conn *c, struct tx_unit *u);
/* Where additional headers of the PDU being received are kept. */
uint8_t *iscsip__target_reject_spare(struct iscsip_conn *c);

#endif
