/* SPDX-License-Identifier: MIT */
/*
 * Both ends of the frame protocol in memory, a pipe between them that may cut anywhere, and a device server that a test
 * tells how to behave. Tests may also write one end by hand: frame_rig_put() and frame_rig_deliver().
 */
#ifndef FRAME_RIG_H
#define FRAME_RIG_H

#include <iscsiproto/frame.h>
#include <stdio.h>

#define RIG_BLOCK 512u
#define RIG_BLOCKS 256u

enum { TO_TARGET = 0, TO_INITIATOR = 1 };

struct frame_rig_bytes {
	uint8_t *p;
	size_t len, cap;
};

/* How the device server behaves; all zero: a RAM disk that answers at once. */
struct frame_rig_manner {
	bool hold;            /* exec only remembers the command: frame_rig_go() executes it */
	bool place_later;     /* place answers EAGAIN: frame_rig_place() names the memory */
	bool place_never;     /* place names no memory and wants none */
	bool status_late;     /* the status of a read comes after `sent` of its last piece */
	bool never;           /* commands are never completed but by the test */
	uint32_t piece;       /* bytes of data-in given at once, 0: all */
	uint32_t ask;         /* bytes of data-out asked for at once, 0: all */
	uint8_t status;       /* not 0: fails with this status and sense, after `give` bytes */
	uint32_t give;
	uint8_t response;     /* service response */
	const void *sense;
	uint16_t sense_len;
	uint32_t shorter;     /* bytes that reads and writes fall short of their CDB */
};

struct frame_rig_op {
	struct iscsip_cmd *cmd;
	struct frame_rig *rig;
	struct iscsip_vec vec[3];
	uint32_t off, len, done; /* of the medium */
	struct frame_rig_op *next;
	bool completed;
};

struct frame_rig {
	iscsip_time now;
	struct iscsip_frame_config icfg, tcfg;
	struct iscsip_frame_host ihost, thost;
	struct iscsip_frame_conn *i, *t;
	void *imem, *tmem;
	size_t ilen, tlen;
	struct iscsip_device_ops ops;
	struct iscsip_frame_initiator_ops iops;

	struct frame_rig_bytes wire[2];   /* on the way */
	struct frame_rig_bytes record[2]; /* all that ever was */
	int err[2];                 /* what the receiver said last, per direction */
	size_t chunk;               /* most bytes moved in one step, 0: any */
	bool push, stage;           /* doors: rx_push and tx_pull; a stage of 100 bytes */
	char script[8192];          /* frames in the order in which they were made: `>NEWC <XFER+512` */
	bool quiet;                 /* no script */
	int wakes;

	uint8_t medium[RIG_BLOCKS * RIG_BLOCK];
	struct frame_rig_manner manner;
	struct frame_rig_op *ops_open;    /* newest first */
	char log[8192];             /* callbacks of the device server */
	int done;                   /* exchanges given back */
	struct iscsip_frame_exchange *last_done;
	void (*on_done)(struct frame_rig *r, struct iscsip_frame_exchange *x);
};

/* Configurations first, then frame_rig_open(). */
struct frame_rig *frame_rig_new(void);
void frame_rig_open(struct frame_rig *r);
/* Only one end; the other is the test. */
void frame_rig_open_target(struct frame_rig *r);
void frame_rig_open_initiator(struct frame_rig *r);
void frame_rig_free(struct frame_rig *r);

/* Moves bytes until nothing moves any more. */
void frame_rig_run(struct frame_rig *r);
/* One direction only: from the sender to the wire, from the wire to the receiver. True where something moved. */
bool frame_rig_collect(struct frame_rig *r, int dir);
bool frame_rig_deliver(struct frame_rig *r, int dir);

/* A frame of a peer made by hand: header and data onto the wire. Sync, type and sequence are filled in where they are 0. */
void frame_rig_put(struct frame_rig *r, int dir, const struct iscsip_frame *f, const void *data);
void frame_rig_put_bytes(struct frame_rig *r, int dir, const void *p, size_t n);
/* Reads the frames of a record; data is skipped. Returns how many there are. */
int frame_rig_frames(const struct frame_rig *r, int dir, struct iscsip_frame *f, int max);
/* The newest frame of a record. */
struct iscsip_frame frame_rig_last(const struct frame_rig *r, int dir);

/* Commands. */
void frame_rig_cdb10(uint8_t cdb[16], uint8_t op, uint32_t lba, uint16_t blocks);
void frame_rig_read(struct frame_rig *r, struct iscsip_frame_exchange *x, struct iscsip_vec *vec, void *buf,
			uint32_t lba, uint16_t blocks);
void frame_rig_write(struct frame_rig *r, struct iscsip_frame_exchange *x, struct iscsip_vec *vec, void *buf,
			uint32_t lba, uint16_t blocks);
void frame_rig_test_unit_ready(struct frame_rig *r, struct iscsip_frame_exchange *x);
struct iscsip_frame frame_rig_newc(uint32_t id, uint8_t op, uint32_t lba, uint16_t blocks);

/* The device server, by hand: the open command with this originator ID. */
struct frame_rig_op *frame_rig_find(struct frame_rig *r, uint32_t tag);
void frame_rig_go(struct frame_rig_op *op);
void frame_rig_place(struct frame_rig_op *op);
void frame_rig_complete(struct frame_rig_op *op, uint8_t status);

/* Bytes that depend on the seed, for mediums and buffers. */
void frame_rig_pattern(void *p, size_t n, uint32_t seed);

#endif
