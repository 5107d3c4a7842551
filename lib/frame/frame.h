/* SPDX-License-Identifier: MIT */
/*
 * The frame room: a connection of the frame protocol, whose bytes come and go by the engines of stream/, and two roles
 * on top of it. The connection knows headers, sequence numbers, queues and deadlines; what an event does is the role's
 * (struct frame_role).
 *
 *             header in, checked              data in
 *   rx --> decode --> role->header() ... place ... --> role->payload()
 *   tx <-- seal (sync, sequence) <-- role->make() <-- queues: control, data (round robin)
 */
#ifndef ISCSIP_FRAME_FRAME_H
#define ISCSIP_FRAME_FRAME_H

#include "iscsiproto/frame.h"
#include "base/arena.h"
#include "stream/door.h"
#include "stream/rx.h"
#include "stream/tx.h"

/* --- queues of exchanges that have frames to send --- */

enum frame_queue {
	FRAME_Q_CONTROL, /* NEWC, SNDD, CMPT: first in, first out; an XFER directly behind its NEWC */
	FRAME_Q_DATA,    /* XFER: one each in turn */
	FRAME_Q_COUNT
};

struct frame_fifo {
	struct iscsip_frame_item *first, *last;
};

/* What make() did; the item has left its queue before. */
enum frame_made {
	FRAME_MADE_LAST, /* at most one frame; nothing more to say now */
	FRAME_MADE_MORE, /* one XFER, and more to come: to the end of the data queue */
	FRAME_MADE_NEXT  /* one NEWC, and its XFER is the next frame: to the front of all */
};

struct frame_role {
	enum iscsip_frame_role role, peer;
	/* c->frame is in and obeys the rules of its event. May iscsip__frame_expect(). 0 or a fatal error. */
	int (*header)(struct iscsip_frame_conn *c);
	/* The data that was expected is in its place. 0 or a fatal error. */
	int (*payload)(struct iscsip_frame_conn *c);
	enum frame_made (*make)(struct iscsip_frame_conn *c, struct iscsip_frame_item *item);
	/* A frame with an owner is out and released, or never will be. */
	void (*gone)(struct iscsip_frame_conn *c, struct tx_unit *u);
	/* Whether something beside the queues waits for a free unit, and: there is one, let it go. May both be NULL. */
	bool (*waiting)(const struct iscsip_frame_conn *c);
	int (*room)(struct iscsip_frame_conn *c);
	/* The earliest due time of an exchange, and whose it is. */
	iscsip_time (*earliest)(const struct iscsip_frame_conn *c, uint32_t *id);
	/* The transport is gone, nothing is in flight: give back or abort every exchange. */
	void (*closed)(struct iscsip_frame_conn *c);
};

enum frame_state {
	FRAME_RUNNING,
	FRAME_CLOSING, /* no exchange is opened any more */
	FRAME_FAILED,  /* error.code is set; nothing moves */
	FRAME_CLOSED   /* the host closed the transport */
};

struct iscsip_frame_conn {
	const struct frame_role *role;
	const struct iscsip_frame_config *cfg;
	void *user;

	struct rx rx;
	struct iscsip_frame frame;  /* received last; its data may be on the way */
	struct iscsip_frame_expect due; /* of the next header; the role says whether it uses a standing grant */
	struct tx tx;
	uint32_t tx_sequence;       /* given next */
	uint64_t tx_made;           /* bytes of all frames made; stats.tx_bytes of them are done */
	struct frame_fifo queue[FRAME_Q_COUNT];

	uint16_t open;              /* exchanges */
	uint8_t state;              /* enum frame_state */
	struct door door;

	iscsip_time now;            /* of the call under way, or the last one */
	iscsip_time active;         /* last header received, or last exchange ended */
	iscsip_time tx_moved;       /* last time that the transport took something, or had nothing to take before a frame was made */
	iscsip_time next_due;       /* no exchange is due before this; may be early, never late */
	iscsip_time close_by;

	struct iscsip_error error;  /* first fatal one */
	struct iscsip_frame_stats stats;
};

static inline bool frame_over(const struct iscsip_frame_conn *c)
{
	return c->state >= FRAME_FAILED;
}

static inline bool frame_wants_trace(const struct iscsip_frame_conn *c)
{
	return c->cfg->host && c->cfg->host->trace;
}

/* Carves headers and units for a connection that lies in *c already; false while counting or where they do not fit. */
bool iscsip__frame_carve(struct iscsip_frame_conn *c, struct arena *a, const struct iscsip_frame_config *cfg);
/* After a successful carve. */
void iscsip__frame_init(struct iscsip_frame_conn *c, const struct frame_role *role, void *user, iscsip_time now);

/* --- between the files of the room --- */

const struct rx_ops *iscsip__frame_rx_ops(void);
bool iscsip__frame_has_tx(const struct iscsip_frame_conn *c);
tx_gone iscsip__frame_gone;
int iscsip__frame_enter(struct iscsip_frame_conn *c, iscsip_time now);
int iscsip__frame_leave(struct iscsip_frame_conn *c, int err);

/* --- for the role --- */

/* The first fatal error; returns its code. */
int iscsip__frame_fail(struct iscsip_frame_conn *c, int code, unsigned rule, uint32_t arg);
/* The peer broke a rule of a header. */
int iscsip__frame_refuse(struct iscsip_frame_conn *c, unsigned rule);
/* From header(): c->frame.transfer_length bytes of data follow and go to this place; NULL: nowhere. */
void iscsip__frame_expect(struct iscsip_frame_conn *c, const struct iscsip_vec_cursor *place);
void iscsip__frame_queue(struct iscsip_frame_conn *c, struct iscsip_frame_item *item, enum frame_queue q);
/* The header byte that a rule is about. */
uint32_t iscsip__frame_rule_at(unsigned rule);
/* Something is to be done that the host may not know of: tells it unless a door is being passed. */
void iscsip__frame_wake(struct iscsip_frame_conn *c);
/* Stamps the header and makes the unit (from iscsip__tx_slot(), payload and owner filled in) the newest. */
void iscsip__frame_seal(struct iscsip_frame_conn *c, struct tx_unit *u, struct iscsip_frame *f);
/* An exchange has a due time. */
void iscsip__frame_due(struct iscsip_frame_conn *c, iscsip_time due);
/* An exchange is over. */
void iscsip__frame_ended(struct iscsip_frame_conn *c);

/* `ms` after now; 0 is never. */
static inline iscsip_time frame_after(const struct iscsip_frame_conn *c, uint32_t ms)
{
	return ms ? c->now + ms : ISCSIP_TIME_NEVER;
}

/* Offsets of the fields: FRAME_AT_sync and so on. */
enum frame_offset {
#define FRAME_NUM(member, offset, bits, name) FRAME_AT_##member = (offset),
#define FRAME_RAW(member, offset, bytes, name) FRAME_AT_##member = (offset),
#include "frame/frame_fields.def"
#undef FRAME_NUM
#undef FRAME_RAW
	FRAME_AT_none = 0
};

#define FRAME_DIRECTION ((uint16_t)(ISCSIP_FRAME_READ | ISCSIP_FRAME_WRITE))
#define SAM_CHECK_CONDITION 0x02u
#define SAM_BUSY 0x08u
#define SAM_TASK_SET_FULL 0x28u

/* An exchange ID: slot + 1 below, generation above; never 0. */
#define FRAME_ID_SLOT_BITS 16
static inline uint32_t frame_id(uint16_t slot, uint16_t generation)
{
	return (uint32_t)generation << FRAME_ID_SLOT_BITS | (slot + 1u);
}

/* The slot that an ID names, or a number that is no slot. */
static inline uint32_t frame_id_slot(uint32_t id)
{
	return (id & 0xffffu) - 1u;
}

#endif
