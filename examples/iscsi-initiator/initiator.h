/* SPDX-License-Identifier: MIT */
/*
 * iscsi-initiator: what its files share.
 */
#ifndef INITIATOR_INITIATOR_H
#define INITIATOR_INITIATOR_H

#include <iscsiproto/iscsiproto.h>
#include <stdio.h>

#include "host/commands.h"
#include "host/net.h"
#include "host/pcap.h"
#include "host/secrets.h"
#include "host/util.h"
#include "host/wire.h"

/* iscsi://HOST[:PORT][/TARGET[/LUN]] */
struct url {
	char host[256], port[8];
	char target[ISCSIP_NAME_MAX + 1]; /* empty: discovery */
	uint64_t lun;                     /* encoded */
};

/* A session with one connection, as a link. */
struct client {
	struct link link;                 /* first member */
	struct wire wire;
	struct url url;
	char home[256], home_port[8];     /* where a login begins: the URL's portal, or where it has moved to for good */
	char host[256], port[8];          /* where it is now: redirections lead elsewhere */
	struct iscsip_config config;
	struct iscsip_host services;
	struct iscsip_offer offer;
	struct secrets *auth;
	struct iscsip_conn *conn;
	struct iscsip_session *session;
	void *conn_mem, *session_mem, *login_mem;
	size_t conn_size, session_size, login_size;
	uint8_t isid[6];
	struct pcap *pcap;
	struct pcap_flow flow;
	uint8_t digests;                  /* 1: header, 2: data; in force for the PDUs traced */
	/* login */
	bool login_ended, wire_gone;
	bool full_feature;                /* the login succeeded */
	bool logging_out, logged_out;
	bool peace_told;                  /* the target said how long it wants peace: */
	uint32_t peace_s;                 /* Time2Wait of its last words */
	int login_err;
	uint16_t login_status;
	struct iscsip_address redirect;
	/* answers of what is not a SCSI command */
	bool answered;
	int answer_err;
	uint8_t answer;
};

/* session.c */
void client_init(struct client *c);
extern const struct link_ops iscsi_link;
/*
 * Asks with `ask` until it is answered: c->answered and c->answer_err are set by its callback. Over lost connections it is asked
 * again, as a SCSI command is. `ask` answers 0 or why not; ISCSIP_EAGAIN: not now. False: the connection was lost before the
 * answer, where `lost_is_answer`.
 */
bool client_ask(struct client *c, int (*ask)(struct client *c), const char *what, bool lost_is_answer);

/* control.c */
void command_discover(struct client *c);
void command_ping(struct client *c, unsigned count, size_t size);
void command_reset(struct client *c, uint8_t function);
void on_text(void *user, void *cookie, int err, const char *key, const char *value, size_t len);
void on_ping(void *user, void *cookie, int err, const void *data, size_t len);
void on_tmf(void *user, void *cookie, int err, uint8_t response);

#endif
