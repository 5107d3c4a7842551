/* SPDX-License-Identifier: MIT */
/*
 * TCP sockets of the tools: addresses as people write them, listening, connecting, who is at the other end.
 */
#ifndef HOST_NET_H
#define HOST_NET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define NET_TEXT_MAX 80

/* `HOST`, `HOST:PORT`, `[V6]:PORT`; the host goes to `host` (no brackets). False where it is none of these. */
bool net_split(const char *text, char *host, unsigned host_cap, char port[8], const char *default_port);

/* A non-blocking listening socket, or ends the program; `shown` is ADDRESS:PORT as it really is. */
int net_listen(const char *text, const char *default_port, bool share, char shown[NET_TEXT_MAX]);

/* A connected, non-blocking socket without delay, or -1 with *why and errno: ENOENT for a name that nobody has. Waits up to
 * timeout_ms. */
int net_connect(const char *host, const char *port, int timeout_ms, const char **why);

/* As many descriptors as the system grants: the soft limit is made for programs that use select(). */
void net_many(void);

/* Whether accept() failed for want of a descriptor, and somebody waits; it fails so before it looks whether anybody does. */
bool net_no_room(int fd);
/*
 * Closes the next one that waits at a listening socket, where there is no descriptor to accept it: one is kept for that since
 * net_many(). A newcomer that was left waiting would have its loop look again and again. `look` learns who it was, so
 * that it can make room for the next try; may be NULL.
 */
void net_turn_away(int fd, void (*look)(const struct sockaddr_storage *from));

/*
 * The next one that waits at a listening socket, and its address; non-blocking, without delay, with keepalive. -1 with errno.
 */
int net_accept(int fd, struct sockaddr_storage *from);

/* ADDRESS:PORT of the peer, or of this end. */
void net_name(int fd, bool peer, char shown[NET_TEXT_MAX]);

/*
 * ADDRESS:PORT as it may go over the wire: without the zone of a link-local address, whose name or number means something on this
 * machine alone (RFC 4007 11.2); a v4 address mapped into v6 as the v4 address that it is.
 */
void net_wire_name(const struct sockaddr_storage *a, uint16_t port, char text[NET_TEXT_MAX]);
uint16_t net_port(const struct sockaddr_storage *a);

/* An address and its port as bytes that can be compared; a v4 address mapped into v6 is the v4 address. */
#define NET_KEY_LEN 18
void net_key(const struct sockaddr_storage *a, uint8_t key[NET_KEY_LEN]);
bool net_is_any(const struct sockaddr_storage *a);
bool net_is_loopback(const struct sockaddr_storage *a);
/* Whether one who came to `from` can be expected to reach `to`: not where that is another machine's loopback or another link. */
bool net_reaches(const struct sockaddr_storage *from, const struct sockaddr_storage *to);

/* ADDRESS[/BITS], v4 or v6; matching takes v4 addresses mapped into v6 as v4. */
struct net_range {
	uint8_t addr[16];
	uint8_t len;  /* 4 or 16 */
	uint8_t bits;
};

bool net_parse_range(const char *text, struct net_range *r);
bool net_in_range(const struct net_range *r, const struct sockaddr_storage *from);

#endif
