/* SPDX-License-Identifier: MIT */
/*
 * An initiator against a target in one process, with a pipe between them that cuts bytes as it is told, breaks, or spoils one,
 * and a device that serves commands at once or later, whole or in pieces, in order or in none. Free of any test
 * framework: what must hold is told to `fail`. Used by the tests of pairs and by fuzz/fuzz_pair.c.
 *
 * The device is a row of slots of PAIR_SLOT bytes, one for each task slot of the host, so every command's outcome is known:
 * a read brings what the last successful write left. CDBs:
 *
 *     0x28 read, 0x2a write, 0x53 write and read (bidirectional); bytes 2 to 5 the device's offset, 6 to 9 the bytes it
 *     brings, 10 to 13 the bytes it takes
 */
#ifndef TESTS_FLOW_PAIR_RIG_H
#define TESTS_FLOW_PAIR_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <iscsiproto/initiator.h>
#include <iscsiproto/target.h>

#define PAIR_TASKS 12
#define PAIR_SLOT 16384u
#define PAIR_CMDS 64
#define PAIR_PIPE 32768u

struct pair_task {
	struct iscsip_task t;
	struct iscsip_vec in_vec[3], out_vec[3];
	uint8_t sense[64];
	bool busy;          /* with the library */
	bool writes, reads;
	uint32_t offset, brings, takes;
	uint8_t in[PAIR_SLOT], out[PAIR_SLOT], before[PAIR_SLOT];
};

struct pair_cmd {
	struct iscsip_cmd *cmd; /* NULL: free */
	struct iscsip_vec place, piece[2];
	uint32_t asked, given;
	bool placed, executing, waiting, sending, completed, aborted, written;
	uint8_t stage[PAIR_SLOT], bring[PAIR_SLOT]; /* data-out lands here; data-in comes from there */
};

struct pair_pipe {
	uint8_t buf[PAIR_PIPE];
	size_t len;
	uint64_t moved;  /* bytes that went in */
	uint64_t cut;    /* the pipe breaks when so many went in; UINT64_MAX: never */
	uint64_t flip;   /* this byte is spoiled; UINT64_MAX: none */
};

struct pair {
	/* set between pair_init() and pair_open() */
	struct iscsip_config icfg, tcfg;
	struct iscsip_offer ioffer, toffer;
	struct iscsip_host ihost, thost;
	struct iscsip_initiator_ops iops;
	struct iscsip_target_ops tops;
	bool discovery;
	size_t step;        /* bytes moved at a time; 0: as many as there are; PAIR_RANDOM: random */
	int doors;          /* 0 push and pull, 1 in place, 2 with a stage */
	bool later;         /* commands are served from pair_run(), not from exec */
	bool pieces;        /* data moves in pieces of random size */
	bool shuffle;       /* later commands and sides in random order */
	uint32_t seed;
	void (*fail)(const char *file, int line, const char *what);

	struct iscsip_session *is, *ts;
	struct iscsip_conn *ic, *tc;
	void *is_mem, *ic_mem, *il_mem, *ts_mem, *tc_mem, *tl_mem;
	bool broken;
	iscsip_time now;

	/* what was told */
	bool logged_in, login_ended;
	int login_err;
	uint16_t login_status;
	int done, good;      /* tasks given back; of these with err OK and status GOOD */
	int tmfs, tmf_response, pings, texts, logouts, asyncs;
	int tmf_err, ping_err, text_err;
	char text[8][300];
	int text_pairs;
	int places, execs, frees, aborts;
	int tstate;
	bool tfree;          /* the target's session memory is the host's again */
	bool stray;          /* CDBs may be anything: the device looks */
	bool trust;          /* bytes arrive as they were sent, or a digest says so: outcomes are checked against the slots */

	/* large, and made ready one by one */
	struct pair_pipe up, down; /* to the target, to the initiator */
	struct pair_task tasks[PAIR_TASKS];
	struct pair_cmd cmds[PAIR_CMDS];
	uint8_t disk[PAIR_TASKS * PAIR_SLOT];
	uint8_t stage[8192];
};

#define PAIR_RANDOM SIZE_MAX

/* Defaults: no digests, 8 tasks, the device serves at once. */
void pair_init(struct pair *p, void (*fail)(const char *file, int line, const char *what));
/* Both ends made and connected; pair_run() logs in. */
void pair_open(struct pair *p);
/* Moves and serves until nothing gets on; false: more than `turns` turns were needed. */
bool pair_run(struct pair *p);
/* One turn; true: something moved. */
bool pair_turn(struct pair *p);
/* The transport ends on both sides. */
void pair_break(struct pair *p);
/* Ends what is open; all must be given back. */
void pair_close(struct pair *p);

/* Starts a command in task slot i: bytes that it has room for, brings, offers and takes. False: refused for now. */
bool pair_start(struct pair *p, int i, uint32_t room, uint32_t brings, uint32_t offers, uint32_t takes, bool immediate);

uint32_t pair_random(struct pair *p, uint32_t below);

#define PAIR_MUST(p, holds)                                          \
	do {                                                         \
		if (!(holds))                                        \
			(p)->fail(__FILE__, __LINE__, #holds);       \
	} while (0)

#endif
