/* SPDX-License-Identifier: MIT */
/*
 * StpT between its files: frame_target.c holds the tasks and what arrives for them, frame_answer.c what the device server
 * says and how that becomes frames.
 */
#ifndef ISCSIP_FRAME_TARGET_H
#define ISCSIP_FRAME_TARGET_H

#include "cmd/cmd_port.h"
#include "frame/frame.h"
#include "iscsiproto/ddp.h"

enum frame_task_state {
	FRAME_T_FREE,
	FRAME_T_PLACING,  /* in the place callback, or memory comes later */
	FRAME_T_EXEC,     /* the device server has it */
	FRAME_T_COMPLETE, /* it gave the status; the answer is not out yet */
	FRAME_T_ANSWERED  /* the last frame is made */
};

struct frame_task {
	struct iscsip_cmd cmd;
	struct frame_target *owner;
	uint8_t cdb[16];
	struct iscsip_vec_cursor piece;   /* data-in being sent */
	iscsip_time due;                  /* the granted data, the standing grant's too; NEVER where none is to come */
	uint32_t grant_off;               /* where the grant began */
	uint32_t tag;                     /* of the grant */
	int out_cnt;                      /* pieces of out_vec */
	uint16_t generation;
	uint16_t next_free, next_in_bucket;
	uint8_t status;
	uint8_t sense[ISCSIP_FRAME_SENSE_LEN];
	/* --- from here on all is zero when a task begins (FRAME_TASK_ZERO) --- */
	struct iscsip_frame_item item;
	const struct iscsip_vec *out_vec; /* place of the data-out, NULL: none named */
	uint32_t piece_left;              /* of the piece, not yet in frames */
	uint32_t moved;                   /* data-in put into frames, or data-out received */
	uint32_t asked;                   /* the device server wants data-out up to here */
	uint32_t grant;                   /* granted and not yet announced by XFER */
	uint16_t in_flight;
	uint8_t state;
	bool placing;                     /* inside the place callback */
	bool piece_open;                  /* sent() is due for the piece */
	bool piece_last;                  /* the device server said so */
	bool granted;                     /* data that SNDD asked for is still to come, wholly or in part */
	bool dropped;                     /* data of the standing grant came before memory was named */
	bool has_sense;
};

#define FRAME_TASK_ZERO offsetof(struct frame_task, item)

/* The XFER that the last NEWC announced: the next frame (docs/frame-protocol.md 5.8). */
struct frame_standing {
	uint32_t len;            /* bytes; meaningful while c.due.standing */
	struct frame_task *task; /* whose; NULL: of the command in `refused`, to be dropped */
};

struct frame_target {
	struct iscsip_frame_conn c;
	const struct iscsip_device_ops *ops;
	void *ops_user;
	struct iscsip_ddp *ddp;
	struct frame_task *tasks;
	uint16_t *buckets;           /* originator ID to task index; max_exchanges: none */
	uint16_t bucket_mask;
	uint16_t first_free, used;
	struct frame_task *receiving;
	struct frame_standing standing;
	bool refusing;               /* `refused` waits for a free unit, and receiving is held */
	bool named;                  /* memory was named that receiving is held for */
	struct iscsip_frame refused;
};

static inline struct frame_target *frame_target_of(const struct iscsip_frame_conn *c)
{
	return (struct frame_target *)(uintptr_t)c;
}

static inline struct frame_task *frame_task_of(struct iscsip_cmd *cmd)
{
	return (struct frame_task *)(void *)cmd;
}

static inline uint32_t frame_task_id(const struct frame_task *k)
{
	return frame_id((uint16_t)(k - k->owner->tasks), k->generation);
}

static inline uint16_t frame_task_flags(const struct frame_task *k)
{
	return (uint16_t)((k->cmd.flags & ISCSIP_CMD_IN ? ISCSIP_FRAME_READ : 0) |
			  (k->cmd.flags & ISCSIP_CMD_OUT ? ISCSIP_FRAME_WRITE : 0));
}

static inline uint8_t frame_task_lun(const struct frame_task *k)
{
	return (uint8_t)(k->cmd.lun >> 48);
}

extern const struct iscsip_cmd_port iscsip__frame_port;

/* Memory for a task in PLACING was named after all. */
void iscsip__frame_placed(struct frame_task *k);
/* The last frame is made: the initiator may use its exchange ID again as soon as that has arrived. */
void iscsip__frame_answered(struct frame_task *k);
/* The task is over and nothing reads its memory. */
void iscsip__frame_task_free(struct frame_task *k);
/* The Responder Buffer of the grant: tag, offset, responder exchange ID, zeroes. */
void iscsip__frame_handle(uint8_t buf[16], const struct frame_task *k);
/* All of the granted data is in. */
void iscsip__frame_granted(struct frame_task *k);
/* The part of struct frame_role that answers. */
enum frame_made iscsip__frame_target_make(struct iscsip_frame_conn *c, struct iscsip_frame_item *item);
void iscsip__frame_target_gone(struct iscsip_frame_conn *c, struct tx_unit *u);
/* The transport is gone. */
void iscsip__frame_lost(struct frame_task *k);

#endif
