/* SPDX-License-Identifier: MIT */
/*
 * The session room: what an I_T nexus is in both roles. A role embeds `struct iscsip_session` as the first member of its
 * own struct and gives it a table of what differs. Connections come and go; tasks belong to the session, and a task's
 * connection may be none (recovery level 2 will use that).
 */
#ifndef ISCSIP_SESSION_SESSION_H
#define ISCSIP_SESSION_SESSION_H

#include "conn/conn.h"
#include "iscsiproto/session.h"

struct session_role {
	iscsip_time (*deadline)(const struct iscsip_session *s);
	int (*tick)(struct iscsip_session *s, iscsip_time now);
};

struct iscsip_session {
	const struct session_role *ops;
	const struct iscsip_config *cfg;
	void *user;
	struct iscsip_params params;
	uint8_t isid[6];
	uint16_t tsih;
	uint8_t state;              /* enum iscsip_session_state */
	uint16_t conn_count;        /* slots in use */
	struct iscsip_conn **conns; /* limits.max_conns slots, NULL when empty */
	struct iscsip_session_stats stats;
};

/* Carves the connection slots and sets everything to its beginning. False while counting or where memory is short. */
bool iscsip__session_carve(struct iscsip_session *s, struct arena *a, const struct iscsip_config *cfg);

/* Puts a connection into a free slot; its index, or -1. */
int iscsip__session_join(struct iscsip_session *s, struct iscsip_conn *c);
void iscsip__session_leave(struct iscsip_session *s, struct iscsip_conn *c);
/* The connection with this CID that is not closing, or NULL. */
struct iscsip_conn *iscsip__session_find_cid(const struct iscsip_session *s, uint16_t cid);

#endif
