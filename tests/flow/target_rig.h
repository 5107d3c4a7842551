/* SPDX-License-Identifier: MIT */
/*
 * A target under test: one session, up to four connections, a scripted peer on each, and a device server that is either a
 * small disk of bytes (read 0x28, write 0x2a, LBA in units of 512) or does only what the test says (`manual`).
 */
#ifndef TESTS_FLOW_TARGET_RIG_H
#define TESTS_FLOW_TARGET_RIG_H

#include "flow/pdu_peer.h"

/* The support archive holds other rigs too: what this one links by is told apart. */
#define rig_alive target_rig_alive
#define rig_close target_rig_close
#define rig_connect target_rig_connect
#define rig_drop target_rig_drop
#define rig_data_out target_rig_data_out
#define rig_expect target_rig_expect
#define rig_good target_rig_good
#define rig_init target_rig_init
#define rig_login target_rig_login
#define rig_open target_rig_open
#define rig_ops target_rig_ops
#define rig_quiet target_rig_quiet
#define rig_read target_rig_read
#define rig_request target_rig_request
#define rig_run target_rig_run
#define rig_serve target_rig_serve
#define rig_write target_rig_write

#define RIG_DISK (1u << 20)
#define RIG_CMDS 128
#define RIG_CONNS 4

enum rig_event {
	RIG_PLACE = 'p', RIG_EXEC = 'e', RIG_DATA = 'd', RIG_SENT = 's', RIG_ABORT = 'a', RIG_FREE = 'f', RIG_TMF = 't'
};

struct rig {
	struct iscsip_config cfg;
	struct iscsip_offer offer;
	struct iscsip_host host;
	void *conn_mem[RIG_CONNS], *login_mem[RIG_CONNS], *session_mem;
	struct iscsip_conn *conn[RIG_CONNS];
	struct pdu_peer peer[RIG_CONNS];
	struct iscsip_session *s;
	uint8_t *disk;

	/* device server */
	bool manual;            /* exec only notes the command */
	bool place_later;       /* place answers EAGAIN */
	bool no_place;          /* place names no buffer */
	bool hold_tmf;          /* tmf only notes the request */
	bool later;             /* exec notes the command, rig_run() serves it */
	uint8_t tmf_response;
	struct iscsip_cmd *cmds[RIG_CMDS]; /* executed and not freed, in order; NULL where freed */
	int cmd_count;
	struct iscsip_cmd *placing;
	uint8_t place_flags;    /* of the last command, as it was placed */
	uint32_t place_unasked;
	struct iscsip_tmf *tmf;
	char log[8192];         /* events, one letter each */
	int places, execs, frees, aborts;
	struct iscsip_vec vec[RIG_CMDS];
	int vec_next;

	/* login */
	uint16_t refuse;        /* status to refuse with at identify, 0: grant */
	bool grant_later;
	bool session_later;
	struct iscsip_login_info info;
	struct iscsip_params params;
	bool asked_session;
	uint16_t login_status;
	int logins_done;
	int state;              /* last state told */
	int states;             /* how many were told */
	bool freed;             /* FREE was told */
	int why;                /* its error code */
	int logouts, cold_resets;
	void (*on_cold_reset)(struct rig *r, struct iscsip_session *s);
	unsigned target_count, portal_count; /* SendTargets */
	int wakes;
	struct iscsip_conn *woken; /* the last one */
	void (*inside)(struct rig *r); /* called in every callback of the library */
	int lends, take_backs;
	bool lend;
	uint32_t seed;
	uint32_t itt, cmdsn;    /* next of the peer */
};

/* Defaults into cfg and offer; the test changes them, then opens. */
void rig_init(struct rig *r);
/* Makes connection i. */
void rig_connect(struct rig *r, int i);
/* Logs in on it with these pairs ("key=value\0key=value\0"), in one request; the final response in *out. */
bool rig_login(struct rig *r, int i, const char *pairs, size_t len, struct peer_pdu *out);
/* rig_init, connect, login with all keys that are not empty. */
void rig_open(struct rig *r, const char *pairs, size_t len);
/* Closes what is open and frees all; fails the test if a command was not given back. */
void rig_close(struct rig *r);
void rig_drop(struct rig *r, int i);

/* The host's callbacks, for connections that a test makes itself. */
const struct iscsip_target_ops *rig_ops(void);

/* A SCSI command's header: read or write of len bytes at lba. cmdsn and itt are counted on. */
struct iscsip_pdu rig_read(struct rig *r, uint32_t lba, uint32_t len);
struct iscsip_pdu rig_write(struct rig *r, uint32_t lba, uint32_t len);
/* A Data-Out of a write, its data length still to be told. */
struct iscsip_pdu rig_data_out(const struct iscsip_pdu *cmd, uint32_t ttt, uint32_t sn, uint32_t off, bool final);
struct iscsip_pdu rig_request(struct rig *r, uint8_t opcode);
/* Serves what is noted (`later`). */
void rig_run(struct rig *r);
void rig_serve(struct rig *r, struct iscsip_cmd *cmd);
int rig_good(struct iscsip_cmd *cmd, uint32_t in_total, uint32_t out_total);
/* The next PDU of connection 0 has to be of this opcode. */
struct peer_pdu rig_expect(struct rig *r, uint8_t opcode);
void rig_quiet(struct rig *r);
/* A read works: the target is alive. */
void rig_alive(struct rig *r);

#define RIG_PAIRS(text) text, sizeof(text)

#endif
