/* SPDX-License-Identifier: MIT */
/*
 * The memory that a connection needs until its login ends (iscsip_login_size() bytes of the host), the same in both roles:
 * the limits and the setup that the login refers to, the login itself, and what is queued to send its PDUs.
 */
#ifndef ISCSIP_TASK_LOGIN_SCRATCH_H
#define ISCSIP_TASK_LOGIN_SCRATCH_H

#include "conn/conn.h"
#include "login/login.h"

struct login_scratch {
	struct iscsip__login *login;      /* made by the role in `mem` */
	struct iscsip_conn *conn;
	struct iscsip__login_limits limits;
	struct iscsip__login_setup setup; /* user is the scratch */
	struct conn_item item;            /* queued while the login wants to send; kind is the role's */
	void *mem;                        /* for iscsip__login_open_*() */
	size_t mem_len;
};

/*
 * Lays out the scratch in `mem` and fills in limits and setup from the connection's configuration, all but auth_value and
 * what differs between roles; sets c->login. NULL where the memory is too small or not aligned. The role opens the
 * login then.
 */
struct login_scratch *iscsip__login_scratch_open(struct iscsip_conn *c, void *mem, size_t len);

static inline struct login_scratch *login_scratch_of(const struct iscsip_conn *c)
{
	return c->login;
}

#endif
