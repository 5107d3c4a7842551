/* SPDX-License-Identifier: MIT */
/*
 * Captures: what a connection sends and receives, written as TCP segments to a file that Wireshark and tshark open. The
 * segments are made from the PDUs, not taken from the network, so they are there for any transport and are never lost.
 */
#ifndef HOST_PCAP_H
#define HOST_PCAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <iscsiproto/config.h>

struct pcap;

/* One direction of a connection: the bytes of the unit that is coming together. */
struct pcap_stream {
	uint8_t *bytes;
	size_t len, cap;
	uint32_t seq;   /* TCP sequence number of the next byte */
};

struct pcap_flow {
	struct pcap *file;
	uint8_t addr[2][16]; /* ours, the peer's */
	uint16_t port[2];
	bool v6;
	struct pcap_stream stream[2]; /* sent, received */
};

/* Creates the file, or ends the program. */
struct pcap *pcap_create(const char *path);
/* The same, and nobody waits for its reader, where it is no regular file: packets that it does not take in time are lost. */
struct pcap *pcap_create_apart(const char *path);
/* Writes what is buffered; the file stays open. */
void pcap_flush(struct pcap *p);
void pcap_close(struct pcap *p);

/* A connection begins (a three-way handshake is written) or ends. */
void pcap_flow_open(struct pcap_flow *f, struct pcap *p, int fd, bool we_called);
void pcap_flow_close(struct pcap_flow *f);
/* Bytes of the unit under way; dir 0: sent, 1: received. */
void pcap_add(struct pcap_flow *f, int dir, const void *p, size_t len);
/* The unit is complete. */
void pcap_emit(struct pcap_flow *f, int dir);

/* The trace hook of an iSCSI connection (config.h): adds padding and digests. `header_digest` and `data_digest` say
 * what is in force for this PDU. */
void pcap_iscsi(struct pcap_flow *f, enum iscsip_trace_event event, const void *p, size_t len, bool header_digest,
		bool data_digest);

#endif
