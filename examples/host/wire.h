/* SPDX-License-Identifier: MIT */
/*
 * A protocol connection over a socket: one receive and one send call for each batch. Which protocol is a table of its
 * doors (struct wire_ops), the same shape for iSCSI (wire_iscsi) and the frame protocol.
 */
#ifndef HOST_WIRE_H
#define HOST_WIRE_H

#include "loop.h"

/* The doors of a connection; conn.h has their contracts. */
struct wire_ops {
	int (*rx_next)(void *conn, const struct iscsip_vec *stage, struct iscsip_vec *vec, int max);
	ptrdiff_t (*rx_done)(void *conn, size_t n, iscsip_time now);
	ptrdiff_t (*rx_push)(void *conn, const void *p, size_t n, iscsip_time now);
	int (*tx_next)(void *conn, struct iscsip_vec *vec, int max, iscsip_time now);
	int (*tx_done)(void *conn, size_t n, iscsip_time now);
	unsigned (*want)(const void *conn);
	iscsip_time (*deadline)(const void *conn);
	int (*tick)(void *conn, iscsip_time now);
	void (*closed)(void *conn, iscsip_time now);
};

extern const struct wire_ops wire_iscsi;

struct wire {
	struct watch watch;
	struct loop *loop;
	const struct wire_ops *ops;
	void *conn;
	struct wire *next, **prev;     /* all wires of the loop */
	struct wire *next_dirty;
	struct wire *next_dead;
	bool is_dirty, lingering, gone;
	bool blocked;                  /* the socket took less than it was offered */
	bool asks;                     /* kept by the owner: an initiator's */
	uint8_t large;                 /* not 0: payloads are large, read little beyond them */
	iscsip_time linger_until;
	const char *who;               /* kept by the owner: the peer's name in messages, or NULL */
	uint32_t stall_ms;             /* kept by the owner: longest time in which the peer takes nothing; 0: no limit */
	iscsip_time stalled_at;        /* while `blocked`: when that time is over */
	iscsip_time session_deadline;  /* kept by the owner: its session's, or never */
	uint8_t *spill;                /* bytes that a held connection did not take */
	size_t spill_len;
	/* The socket is about to be closed; may be NULL. */
	void (*closing)(struct wire *w);
	/* The socket is closed and the connection told; free the owner of the wire. */
	void (*freed)(struct wire *w);
	/* session_deadline has come; may be NULL. */
	void (*session_due)(struct wire *w);
	/* Bytes came and were served: session_deadline may have changed; may be NULL. */
	void (*served)(struct wire *w);
};

/* Takes over a connected, non-blocking socket. ops and conn may follow before the next round. 0, or -1 with errno. */
int wire_open(struct wire *w, struct loop *l, int fd, const struct wire_ops *ops, void *conn);
/*
 * Moves to another loop; to be called in the old one's thread. The new one calls wire_arrive() from a post: 0, or -1 with errno and
 * the wire closed.
 */
void wire_depart(struct wire *w);
int wire_arrive(struct wire *w, struct loop *l);
/* The connection may have something to send, or take bytes again: looked at before the round ends. */
void wire_dirty(struct wire *w);
/* Closes at once: the connection is told, `freed` comes at the end of the round. */
void wire_close(struct wire *w);

/* Its session has something to do at this time, or never. */
void wire_due(struct wire *w, iscsip_time when);

iscsip_time wire_tick(struct wire *w);
void wire_send_dirty(struct loop *l);
void wire_free_dead(struct loop *l);

#endif
