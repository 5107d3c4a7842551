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
	struct iscsip_frame_item item;
	uint8_t cdb[16];
	const struct iscsip_vec *out_vec; /* place of the data-out, NULL: none named */
	int out_cnt;
	struct iscsip_vec_cursor piece;   /* data-in being sent */
	uint32_t piece_left;              /* of it not yet in frames */
	uint32_t moved;                   /* data-in put into frames, or data-out received */
	uint32_t asked;                   /* the device server wants data-out up to here */
	uint32_t grant, grant_off;        /* granted and not yet announced by XFER; offset where the grant began */
	uint32_t tag;                     /* of the grant */
	iscsip_time due;                  /* the granted data; NEVER without a grant */
	uint16_t generation;
	uint16_t next_free, next_in_bucket;
	uint16_t in_flight;
	uint8_t state;
	uint8_t status;
	bool placing;                     /* inside the place callback */
	bool piece_open;                  /* sent() is due for the piece */
	bool piece_last;                  /* the device server said so */
	bool granted;                     /* grant data is still to come, wholly or in part */
	bool has_sense;
	uint8_t sense[ISCSIP_FRAME_SENSE_LEN];
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
	bool refusing;               /* `refused` waits for a free unit, and receiving is held */
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

extern const struct iscsip_cmd_port iscsip__frame_port;

/* Memory is there, or none is needed: the device server's turn. */
void iscsip__frame_exec(struct frame_task *k);
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
