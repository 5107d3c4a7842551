/* SPDX-License-Identifier: MIT */
/*
 * Both ends of the frame protocol in memory, a pipe between them that may cut anywhere, and a device server that a test
 * tells how to behave. Tests may also write one end by hand: rig_put() and rig_deliver().
 */
#ifndef FRAME_RIG_H
#define FRAME_RIG_H

#include <iscsiproto/frame.h>
#include <stdio.h>

#define RIG_BLOCK 512u
#define RIG_BLOCKS 4096u

enum { TO_TARGET = 0, TO_INITIATOR = 1 };

struct rig_bytes {
	uint8_t *p;
	size_t len, cap;
};

/* How the device server behaves; all zero: a RAM disk that answers at once. */
struct rig_manner {
	bool hold;            /* exec only remembers the command: rig_go() executes it */
	bool place_later;     /* place answers EAGAIN: rig_place() names the memory */
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

struct rig_op {
	struct iscsip_cmd *cmd;
	struct rig *rig;
	struct iscsip_vec vec[3];
	uint32_t off, len, done; /* of the medium */
	struct rig_op *next;
	bool completed;
};

struct rig {
	iscsip_time now;
	struct iscsip_frame_config icfg, tcfg;
	struct iscsip_frame_host ihost, thost;
	struct iscsip_frame_conn *i, *t;
	void *imem, *tmem;
	size_t ilen, tlen;
	struct iscsip_device_ops ops;
	struct iscsip_frame_initiator_ops iops;

	struct rig_bytes wire[2];   /* on the way */
	struct rig_bytes record[2]; /* all that ever was */
	int err[2];                 /* what the receiver said last, per direction */
	size_t chunk;               /* most bytes moved in one step, 0: any */
	bool push, stage;           /* doors: rx_push and tx_pull; a stage of 100 bytes */
	char script[8192];          /* frames in the order in which they were made: `>NEWC <XFER+512` */
	bool quiet;                 /* no script */
	int wakes;

	uint8_t medium[RIG_BLOCKS * RIG_BLOCK];
	struct rig_manner manner;
	struct rig_op *ops_open;    /* newest first */
	char log[8192];             /* callbacks of the device server */
	int done;                   /* exchanges given back */
	struct iscsip_frame_exchange *last_done;
	void (*on_done)(struct rig *r, struct iscsip_frame_exchange *x);
};

/* Configurations first, then rig_open(). */
struct rig *rig_new(void);
void rig_open(struct rig *r);
/* Only one end; the other is the test. */
void rig_open_target(struct rig *r);
void rig_open_initiator(struct rig *r);
void rig_free(struct rig *r);

/* Moves bytes until nothing moves any more. */
void rig_run(struct rig *r);
/* One direction only: from the sender to the wire, from the wire to the receiver. True where something moved. */
bool rig_collect(struct rig *r, int dir);
bool rig_deliver(struct rig *r, int dir);

/* A frame of a peer made by hand: header and data onto the wire. Sync, type and sequence are filled in where they are 0. */
void rig_put(struct rig *r, int dir, const struct iscsip_frame *f, const void *data);
void rig_put_bytes(struct rig *r, int dir, const void *p, size_t n);
/* Reads the frames of a record; data is skipped. Returns how many there are. */
int rig_frames(const struct rig *r, int dir, struct iscsip_frame *f, int max);
/* The newest frame of a record. */
struct iscsip_frame rig_last(const struct rig *r, int dir);

/* Commands. */
void rig_cdb10(uint8_t cdb[16], uint8_t op, uint32_t lba, uint16_t blocks);
void rig_read(struct rig *r, struct iscsip_frame_exchange *x, struct iscsip_vec *vec, void *buf, uint32_t lba, uint16_t blocks);
void rig_write(struct rig *r, struct iscsip_frame_exchange *x, struct iscsip_vec *vec, void *buf, uint32_t lba, uint16_t blocks);
void rig_test_unit_ready(struct rig *r, struct iscsip_frame_exchange *x);
struct iscsip_frame rig_newc(uint32_t id, uint8_t op, uint32_t lba, uint16_t blocks);

/* The device server, by hand: the open command with this originator ID. */
struct rig_op *rig_find(struct rig *r, uint32_t tag);
void rig_go(struct rig_op *op);
void rig_place(struct rig_op *op);
void rig_complete(struct rig_op *op, uint8_t status);

/* Bytes that depend on the seed, for mediums and buffers. */
void rig_pattern(void *p, size_t n, uint32_t seed);

#endif
