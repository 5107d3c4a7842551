/* SPDX-License-Identifier: MIT */
/*
 * Captures (pcap.h): the classic pcap format with raw IP packets (link type 101). Checksums are left 0 but for the IPv4
 * header's, which readers do check.
 */
#include "pcap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <iscsiproto/config.h>
#include <iscsiproto/crc32c.h>

#include "outlet.h"
#include "util.h"

#define LINKTYPE_RAW 101u
#define SEGMENT 32768u
#define OUTLET_ROOM (8u << 20)
#define DRAIN_MS 2000u
#define TCP_FIN 0x01u
#define TCP_SYN 0x02u
#define TCP_PSH 0x08u
#define TCP_ACK 0x10u

struct pcap {
	FILE *f;
	struct outlet *apart; /* in place of f; NULL: f is waited for */
	pthread_mutex_t lock;
};

static struct pcap *create(const char *path, bool apart)
{
	static const uint32_t head[6] = { 0xa1b2c3d4u, 4u << 16 | 2u, 0, 0, 65535u, LINKTYPE_RAW };
	const struct iovec v = { (void *)(uintptr_t)head, sizeof head };
	struct pcap *p = need(sizeof *p);

	p->f = fopen(path, "wbe");
	if (!p->f)
		die("%s: %s", path, strerror(errno));
	if (pthread_mutex_init(&p->lock, NULL))
		die("cannot make a lock");
	p->apart = apart ? outlet_open(fileno(p->f), OUTLET_ROOM, NULL) : NULL;
	if (p->apart)
		(void)outlet_put(p->apart, &v, 1); /* the first: there is room */
	else
		fwrite(head, sizeof head, 1, p->f);
	return p;
}

struct pcap *pcap_create(const char *path)
{
	return create(path, false);
}

struct pcap *pcap_create_apart(const char *path)
{
	return create(path, true);
}

/* What a full disk does not take is told at the end. */
void pcap_flush(struct pcap *p)
{
	fflush(p->f);
}

void pcap_close(struct pcap *p)
{
	unsigned long lost = 0;
	bool whole = p->apart ? outlet_drain(p->apart, DRAIN_MS, &lost) : !fflush(p->f) && !ferror(p->f);

	if (lost)
		complain("--pcap: the capture lacks %lu packets: its reader was too slow", lost);
	if (!whole)
		complain("--pcap: the capture is not whole: it could not be written");
	if (p->apart)
		return; /* its thread may be in the middle of a write for ever */
	fclose(p->f);
	free(p);
}

/* --- packets --- */

static void put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static void put32(uint8_t *at, uint32_t v)
{
	put16(at, v >> 16);
	put16(at + 2, v);
}

static void checksum(uint8_t *ip)
{
	uint32_t sum = 0;
	int i;

	for (i = 0; i < 20; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	sum = (sum & 0xffffu) + (sum >> 16);
	sum += sum >> 16;
	put16(ip + 10, ~sum);
}

/* IP header for a packet of `len` bytes of TCP; returns its length. */
static size_t ip_header(const struct pcap_flow *f, int dir, uint8_t *at, size_t len)
{
	memset(at, 0, 40);
	if (f->v6) {
		at[0] = 0x60;
		put16(at + 4, (uint32_t)len);
		at[6] = IPPROTO_TCP;
		at[7] = 64;
		memcpy(at + 8, f->addr[dir], 16);
		memcpy(at + 24, f->addr[!dir], 16);
		return 40;
	}
	at[0] = 0x45;
	put16(at + 2, (uint32_t)len + 20u);
	at[6] = 0x40;
	at[8] = 64;
	at[9] = IPPROTO_TCP;
	memcpy(at + 12, f->addr[dir], 4);
	memcpy(at + 16, f->addr[!dir], 4);
	checksum(at);
	return 20;
}

/* Whole packets only: what lacks one is still a capture. */
static void put_packet(struct pcap *p, const struct iovec v[3])
{
	int i;

	if (p->apart) {
		(void)outlet_put(p->apart, v, 3); /* it counts what it loses */
		return;
	}
	pthread_mutex_lock(&p->lock);
	for (i = 0; i < 3; i++)
		if (v[i].iov_len)
			fwrite(v[i].iov_base, v[i].iov_len, 1, p->f);
	pthread_mutex_unlock(&p->lock);
}

/* dir 0: from us. Our sequence number moves on by the data, and by one for SYN and FIN. */
static void packet(struct pcap_flow *f, int dir, unsigned flags, const uint8_t *data, size_t len)
{
	uint8_t head[60];
	uint32_t record[4];
	struct timespec ts;
	size_t ip = ip_header(f, dir, head, len + 20);
	uint8_t *tcp = head + ip;

	memset(tcp, 0, 20);
	put16(tcp, f->port[dir]);
	put16(tcp + 2, f->port[!dir]);
	put32(tcp + 4, f->stream[dir].seq);
	put32(tcp + 8, flags & TCP_ACK ? f->stream[!dir].seq : 0);
	tcp[12] = 0x50;
	tcp[13] = (uint8_t)flags;
	put16(tcp + 14, 65535);
	f->stream[dir].seq += (uint32_t)len + (flags & (TCP_SYN | TCP_FIN) ? 1u : 0u);
	clock_gettime(CLOCK_REALTIME, &ts);
	record[0] = (uint32_t)ts.tv_sec;
	record[1] = (uint32_t)(ts.tv_nsec / 1000);
	record[2] = record[3] = (uint32_t)(ip + 20 + len);
	put_packet(f->file, (const struct iovec[]) { { record, sizeof record }, { head, ip + 20 },
						      { (void *)(uintptr_t)data, len } });
}

/* --- flows --- */

static void take_address(struct pcap_flow *f, int which, const struct sockaddr_storage *a)
{
	if (a->ss_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const void *)a;

		f->v6 = true;
		memcpy(f->addr[which], &v6->sin6_addr, 16);
		f->port[which] = ntohs(v6->sin6_port);
	} else if (a->ss_family == AF_INET) {
		const struct sockaddr_in *v4 = (const void *)a;

		memcpy(f->addr[which], &v4->sin_addr, 4);
		f->port[which] = ntohs(v4->sin_port);
	}
}

void pcap_flow_open(struct pcap_flow *f, struct pcap *p, int fd, bool we_called)
{
	struct sockaddr_storage a = { 0 };
	socklen_t len = sizeof a;
	int caller = we_called ? 0 : 1;

	memset(f, 0, sizeof *f);
	if (!p)
		return;
	f->file = p;
	if (getsockname(fd, (void *)&a, &len) == 0)
		take_address(f, 0, &a);
	len = sizeof a;
	if (getpeername(fd, (void *)&a, &len) == 0)
		take_address(f, 1, &a);
	packet(f, caller, TCP_SYN, NULL, 0);
	packet(f, !caller, TCP_SYN | TCP_ACK, NULL, 0);
	packet(f, caller, TCP_ACK, NULL, 0);
}

void pcap_flow_close(struct pcap_flow *f)
{
	if (!f->file)
		return;
	packet(f, 0, TCP_FIN | TCP_ACK, NULL, 0);
	packet(f, 1, TCP_FIN | TCP_ACK, NULL, 0);
	free(f->stream[0].bytes);
	free(f->stream[1].bytes);
	memset(f, 0, sizeof *f);
}

void pcap_add(struct pcap_flow *f, int dir, const void *p, size_t len)
{
	struct pcap_stream *s = &f->stream[dir];

	if (!f->file || len == 0)
		return;
	if (s->cap - s->len < len) {
		size_t cap = (s->len + len) * 2;
		uint8_t *more = realloc(s->bytes, cap);

		if (!more)
			die("out of memory for a capture");
		s->bytes = more;
		s->cap = cap;
	}
	memcpy(s->bytes + s->len, p, len);
	s->len += len;
}

void pcap_emit(struct pcap_flow *f, int dir)
{
	struct pcap_stream *s = &f->stream[dir];
	size_t at, n;

	if (!f->file)
		return;
	for (at = 0; at < s->len; at += n) {
		n = s->len - at < SEGMENT ? s->len - at : SEGMENT;
		packet(f, dir, TCP_PSH | TCP_ACK, s->bytes + at, n);
	}
	s->len = 0;
}

/* --- iSCSI --- */

static void add_digest(struct pcap_flow *f, int dir, size_t from)
{
	uint32_t crc = iscsip_crc32c(0, f->stream[dir].bytes + from, f->stream[dir].len - from);
	uint8_t wire[4] = { (uint8_t)crc, (uint8_t)(crc >> 8), (uint8_t)(crc >> 16), (uint8_t)(crc >> 24) };

	pcap_add(f, dir, wire, sizeof wire);
}

void pcap_iscsi(struct pcap_flow *f, enum iscsip_trace_event event, const void *p, size_t len, bool header_digest, bool data_digest)
{
	static const uint8_t zeroes[4];
	int dir = event <= ISCSIP_TRACE_RX_END ? 1 : 0;
	struct pcap_stream *s = &f->stream[dir];
	size_t data_from;

	if (!f->file)
		return;
	switch (event) {
	case ISCSIP_TRACE_RX_HEADER:
	case ISCSIP_TRACE_TX_HEADER:
		s->len = 0;
		pcap_add(f, dir, p, len);
		if (header_digest)
			add_digest(f, dir, 0);
		break;
	case ISCSIP_TRACE_RX_DATA:
	case ISCSIP_TRACE_TX_DATA:
		pcap_add(f, dir, p, len);
		break;
	default:
		data_from = 48u + (size_t)s->bytes[4] * 4u + (header_digest ? 4u : 0u);
		pcap_add(f, dir, zeroes, (0u - s->len) & 3u);
		if (data_digest && s->len > data_from)
			add_digest(f, dir, data_from);
		pcap_emit(f, dir);
	}
}
