/* SPDX-License-Identifier: MIT */
/*
 * iscsi-target: what its files share. A *device* is a target with its disk; it belongs to one loop (thread), and every
 * session of it runs there, so nothing of the protocol needs a lock. A *client* is a transport connection; it is accepted
 * by any loop and moves to that of its device as soon as its login names it.
 */
#ifndef TARGET_TARGET_H
#define TARGET_TARGET_H

#include <iscsiproto/iscsiproto.h>
#include <stdatomic.h>
#include <stdio.h>

#include "host/backing.h"
#include "host/blocks.h"
#include "host/door.h"
#include "host/net.h"
#include "host/pcap.h"
#include "host/secrets.h"
#include "host/util.h"
#include "host/wire.h"

#define DEFAULT_PORT "3260"
#define PORTAL_GROUP 1u
#define MAX_PORTALS 16
#define MAX_THREADS 64
#define MAX_HALF_OPEN 512u
#define MAX_PRESENT 4096u

/* Who may connect: empty lists let everybody in; where both have entries, both must let in. */
struct access {
	struct net_range *ranges;
	unsigned range_count;
	char **names; /* in normal form */
	unsigned name_count;
};

struct unit {
	struct unit *next;
	uint32_t lun;
	struct device *device;
	struct lun_file *file;  /* the reading of --lun-file that it is new in */
	char *text;             /* as the command line or the file has it */
	struct backing *backing;
	bool from_file;         /* of --lun-file: may go at SIGHUP */
	bool leaving;           /* removed; its backing closes when the disk lets go of it */
};

struct session;

/* The sessions of one initiator port are found in such a list: of a device, in its thread; of discovery, under a lock. */
struct session_list {
	struct session *first;
};

struct device {
	struct device *next;
	char name[ISCSIP_NAME_MAX + 1];
	struct iscsip_offer offer;
	struct secrets *auth;
	struct access access;
	struct unit *units;
	char *lun_file;
	struct lun_file *reading;       /* of that file, not yet taken: new units are being opened */
	struct loop *loop;
	struct iscsip_disk *disk;
	struct iscsip_disk_host disk_host;
	struct iscsip_disk_port port;   /* one: all portals are of one group */
	char port_name[ISCSIP_NAME_MAX + sizeof ",t,0x0001"];
	struct session_list sessions;
	struct post reload, count;
	char *counted;                  /* its part of the line of counters */
	size_t counted_len;
	uint16_t last_tsih;
};

struct portal {
	char shown[NET_TEXT_MAX];
	struct sockaddr_storage address;
};

/* A session of the library with what belongs to it; freed when the library and the disk are done with it. */
struct session {
	struct iscsip_disk_nexus nexus; /* first member: commands lead to it */
	struct session *next, **prev;
	struct device *device;          /* NULL: discovery */
	struct loop *loop;
	struct iscsip_session *iscsip;
	struct post post, replace;
	bool nexus_open;
	uint8_t isid[6];
	uint8_t portal[NET_KEY_LEN];    /* discovery: where it was opened */
	char initiator[ISCSIP_NAME_MAX + 1];
	char user[256];                 /* that its initiator proved; "": none */
	_Alignas(16) uint8_t mem[];
};

struct client {
	struct wire wire;
	struct iscsip_conn *conn;
	void *login;                    /* scratch, while the login lasts */
	struct session *session;
	struct device *device;          /* that the login named */
	struct post post;
	struct door_place place, present;
	bool proved;                    /* its initiator has a secret */
	bool forgotten;                 /* closed, and to be freed by the post that waits */
	struct pcap_flow pcap;
	struct sockaddr_storage peer, local;
	char peer_name[NET_TEXT_MAX];
	char portal_text[NET_TEXT_MAX]; /* address of the last portal that SendTargets told of */
	uint8_t digests;                /* 1: header, 2: data; in force for the PDUs traced */
	_Alignas(16) uint8_t mem[];
};

struct server {
	struct loop loops[MAX_THREADS];
	unsigned threads;
	struct device *devices;
	struct portal portals[MAX_PORTALS];
	const char *listen[MAX_PORTALS];
	unsigned portal_count;
	struct iscsip_config config;
	struct iscsip_host host;
	struct iscsip_offer offer;      /* for discovery, and where targets begin from */
	struct secrets *auth;
	struct access access;
	struct pcap *pcap;
	bool stats;
	struct door door;               /* clients whose login is not complete, or that anybody may have */
	struct door present;            /* the others; fair: an address gets no more where others have fewer */
	pthread_mutex_t discovery_lock;
	struct session_list discovery;  /* sessions without a target, of all threads */
	atomic_uint clients, sessions;
	atomic_ulong logins, refused;
	atomic_bool closing;
	uint64_t started_us;
	size_t conn_size, session_size, login_size;
	struct blocks client_blocks, session_blocks, login_blocks;
};

extern struct server server;

/* options.c */
void options_read(int argc, char **argv);

/* device.c */
void devices_open(void);
struct device *device_find(const char *name);
/* SIGHUP: secrets, and in each device's thread sizes of files and units of --lun-file, as they are now. */
void devices_reload(void);
bool access_by_address(const struct access *a, const struct sockaddr_storage *from);
bool access_by_name(const struct access *a, const char *initiator);

/* client.c */
void client_accept(struct loop *l, int fd, const struct sockaddr_storage *from);
/* Frees a client that is closed. */
void client_freed(struct wire *w);
/* In the loop's thread: asks every initiator to log out, and refuses new ones. */
void clients_log_out(struct loop *l);
extern const struct iscsip_target_ops target_ops;
void trace_pdu(void *user, struct iscsip_conn *conn, enum iscsip_trace_event event, const void *p, size_t len);
void wake_client(void *user, struct iscsip_conn *conn);

/* stats.c */
/* In the first thread: each thread counts what is its own, then the line is printed. */
void stats_ask(void);
/* The same where no other thread runs any more. */
void stats_print(void);

#endif
