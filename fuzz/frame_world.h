/* SPDX-License-Identifier: MIT */
/*
 * What the fuzz targets of the frame protocol share: an input that decides, a device server and an initiator's host that do
 * what it says (and anything that the API lets them do), and the bookkeeping that tells what must hold.
 *
 * Every byte of data is known: byte k of an exchange with originator ID `id` is world_byte(id, k), in both directions.
 */
#ifndef FUZZ_FRAME_WORLD_H
#define FUZZ_FRAME_WORLD_H

#include <iscsiproto/frame.h>

#define WORLD_EXCHANGES 12
#define WORLD_DATA 5000u

/* An exchange of the initiator's host. */
struct world_exchange {
	struct iscsip_frame_exchange x;
	struct iscsip_vec vec[2];
	uint8_t *data;
	bool open;
	uint32_t id;  /* while open */
};

/* A command at the device server. */
struct world_command {
	struct iscsip_cmd *cmd; /* NULL: free */
	struct iscsip_vec place[3], piece;
	uint8_t *data;          /* out_len or in_len bytes */
	uint32_t given;         /* of data-in */
	uint32_t asked;         /* end of the request for data-out that is open, 0: none */
	bool placed, executing, completed, sending, last;
	bool dropped;           /* its first data came without a place */
};

struct world {
	const uint8_t *in;
	size_t left;
	iscsip_time now;
	struct iscsip_frame_config icfg, tcfg;
	struct iscsip_frame_host host;
	struct iscsip_device_ops ops;
	struct iscsip_frame_initiator_ops iops;
	struct iscsip_frame_conn *i, *t;
	void *imem, *tmem;
	struct world_exchange exchanges[WORLD_EXCHANGES];
	struct world_command commands[64];
	bool hostile;    /* the other end is not ours: data may be anything */
	bool nested;     /* callbacks of a command act on others, too, and close the connection */
	bool closing;    /* they did: the target takes no more than it likes */
	bool tidy;       /* device server and host end what they have, and begin nothing */
};

uint8_t world_take(struct world *w);      /* the next byte of the input, 0 at its end */
uint32_t world_take_number(struct world *w);

void world_init(struct world *w, const uint8_t *data, size_t size);
void world_open_target(struct world *w);
void world_open_initiator(struct world *w);
/* The input chooses something that a host may do: a command or an exchange is moved on, started, aborted. */
void world_host_acts(struct world *w);
/* All that is open comes to its end. */
void world_tidy(struct world *w);
/* Closes both ends; checks that everything came back. */
void world_fini(struct world *w);
void world_must(bool holds);
uint8_t world_byte(uint32_t id, uint32_t k);

#endif
