/* SPDX-License-Identifier: MIT */
/*
 * TCP sockets of the tools (net.h).
 */
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "util.h"

#define BACKLOG 1024

static bool take(char *dst, size_t cap, const char *from, size_t len)
{
	if (len == 0 || len >= cap)
		return false;
	memcpy(dst, from, len);
	dst[len] = '\0';
	return true;
}

bool net_split(const char *text, char *host, unsigned host_cap, char port[8], const char *default_port)
{
	const char *end, *colon;
	uint64_t n;

	if (*text == '[') {
		end = strchr(text, ']');
		if (!end || (end[1] != '\0' && end[1] != ':') || !take(host, host_cap, text + 1, (size_t)(end - text - 1)))
			return false;
		colon = end[1] == ':' ? end + 1 : NULL;
	} else {
		colon = strchr(text, ':');
		end = colon ? colon : text + strlen(text);
		if (!take(host, host_cap, text, (size_t)(end - text)))
			return false;
	}
	snprintf(port, 8, "%s", colon ? colon + 1 : default_port);
	return parse_number(port, 0, 65535, &n);
}

/* The spare descriptor, and whose turn it is to use it. */
static int spare = -1;
static pthread_mutex_t spare_lock = PTHREAD_MUTEX_INITIALIZER;

static void spare_open(void)
{
	spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

bool net_no_room(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return (errno == EMFILE || errno == ENFILE) && poll(&p, 1, 0) == 1;
}

void net_turn_away(int fd, void (*look)(const struct sockaddr_storage *from))
{
	struct sockaddr_storage from;
	socklen_t len = sizeof from;
	int got;

	pthread_mutex_lock(&spare_lock);
	if (spare >= 0)
		close(spare);
	got = accept(fd, (void *)&from, &len);
	if (got >= 0) {
		if (look)
			look(&from);
		close(got);
	}
	spare_open();
	pthread_mutex_unlock(&spare_lock);
}

void net_many(void)
{
	struct rlimit r;

	spare_open();
	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &r); /* else the door is narrower, which it is made for */
	}
}

/* What every connected socket of ours is set to: it can be refused to no socket of TCP. */
static void tune(int fd)
{
	/* a machine that vanished is known after a minute, where the system's own time would be two hours */
	int one = 1, idle = 30, interval = 10, count = 3;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

int net_accept(int fd, struct sockaddr_storage *from)
{
	socklen_t len = sizeof *from;

	return accept4(fd, (void *)from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

void net_name(int fd, bool peer, char shown[NET_TEXT_MAX])
{
	struct sockaddr_storage a;
	socklen_t len = sizeof a;
	char host[64], port[8];
	bool v6;

	snprintf(shown, NET_TEXT_MAX, "?");
	if (peer ? getpeername(fd, (struct sockaddr *)&a, &len) : getsockname(fd, (struct sockaddr *)&a, &len))
		return;
	if (getnameinfo((struct sockaddr *)&a, len, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV))
		return;
	v6 = strchr(host, ':') != NULL;
	snprintf(shown, NET_TEXT_MAX, "%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port);
}

/* --- addresses --- */

/* Its bytes, and how many; 0 for other families. A mapped v4 address is one of v4. */
static unsigned address_bytes(const struct sockaddr_storage *a, const uint8_t **out)
{
	const struct sockaddr_in6 *v6 = (const void *)a;

	if (a->ss_family == AF_INET) {
		*out = (const uint8_t *)&((const struct sockaddr_in *)(const void *)a)->sin_addr;
		return 4;
	}
	if (a->ss_family != AF_INET6)
		return 0;
	*out = v6->sin6_addr.s6_addr;
	if (!IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		return 16;
	*out += 12;
	return 4;
}

void net_wire_name(const struct sockaddr_storage *a, uint16_t port, char text[NET_TEXT_MAX])
{
	char host[INET6_ADDRSTRLEN];
	const uint8_t *bytes;
	unsigned len = address_bytes(a, &bytes);

	snprintf(text, NET_TEXT_MAX, "?");
	if (len && inet_ntop(len == 4 ? AF_INET : AF_INET6, bytes, host, sizeof host))
		snprintf(text, NET_TEXT_MAX, len == 4 ? "%s:%u" : "[%s]:%u", host, port);
}

uint16_t net_port(const struct sockaddr_storage *a)
{
	if (a->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)(const void *)a)->sin6_port);
	return ntohs(((const struct sockaddr_in *)(const void *)a)->sin_port);
}

void net_key(const struct sockaddr_storage *a, uint8_t key[NET_KEY_LEN])
{
	const uint8_t *bytes;
	unsigned len = address_bytes(a, &bytes);
	uint16_t port = net_port(a);

	memset(key, 0, NET_KEY_LEN);
	if (len)
		memcpy(key, bytes, len);
	memcpy(key + 16, &port, sizeof port);
}

bool net_is_any(const struct sockaddr_storage *a)
{
	static const uint8_t zeroes[16];
	const uint8_t *bytes;
	unsigned len = address_bytes(a, &bytes);

	return len && memcmp(bytes, zeroes, len) == 0;
}

bool net_is_loopback(const struct sockaddr_storage *a)
{
	const uint8_t *bytes;
	unsigned len = address_bytes(a, &bytes);

	return len == 4 ? bytes[0] == 127 : len && IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
}

/* The number of its link, where the address holds on that alone; else 0. */
static uint32_t link_of(const struct sockaddr_storage *a)
{
	const struct sockaddr_in6 *v6 = (const void *)a;

	return a->ss_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr) ? v6->sin6_scope_id : 0;
}

bool net_reaches(const struct sockaddr_storage *from, const struct sockaddr_storage *to)
{
	if (net_is_loopback(to))
		return net_is_loopback(from);
	return link_of(to) == 0 || link_of(to) == link_of(from);
}

/* --- listening and connecting --- */

static int listen_on(const struct addrinfo *ai, bool share)
{
	int one = 1, fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, ai->ai_protocol);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	tune(fd); /* inherited by those it accepts: a login need not spend seven calls on it */
	if (share)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) || listen(fd, BACKLOG)) {
		close(fd);
		return -1;
	}
	return fd;
}

int net_listen(const char *text, const char *default_port, bool share, char shown[NET_TEXT_MAX])
{
	struct addrinfo hints = { .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM }, *list, *ai;
	char host[256], port[8];
	int err, fd = -1;

	if (!net_split(text, host, sizeof host, port, default_port))
		usage_error("--listen: '%s' is not ADDRESS:PORT or [IPV6]:PORT", text);
	err = getaddrinfo(host, port, &hints, &list);
	if (err)
		die("cannot listen on %s: %s", text, gai_strerror(err));
	for (ai = list; ai && fd < 0; ai = ai->ai_next)
		fd = listen_on(ai, share);
	freeaddrinfo(list);
	if (fd < 0)
		die("cannot listen on %s: %s", text, strerror(errno));
	net_name(fd, false, shown);
	return fd;
}

static int wait_connected(int fd, int timeout_ms)
{
	struct pollfd p = { fd, POLLOUT, 0 };
	int err = 0, n;
	socklen_t len = sizeof err;

	do {
		n = poll(&p, 1, timeout_ms);
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		return ETIMEDOUT;
	if (n < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len))
		return errno;
	return err;
}

static int connect_to(const struct addrinfo *ai, int timeout_ms, int *err)
{
	int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, ai->ai_protocol);

	if (fd < 0) {
		*err = errno;
		return -1;
	}
	tune(fd);
	*err = connect(fd, ai->ai_addr, ai->ai_addrlen) == 0 ? 0 : errno;
	if (*err == EINPROGRESS)
		*err = wait_connected(fd, timeout_ms);
	if (*err == 0)
		return fd;
	close(fd);
	return -1;
}

int net_connect(const char *host, const char *port, int timeout_ms, const char **why)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list, *ai;
	int err = getaddrinfo(host, port, &hints, &list), fd = -1;

	if (err) {
		*why = gai_strerror(err);
		errno = err == EAI_AGAIN ? EAGAIN : ENOENT;
		return -1;
	}
	for (ai = list; ai && fd < 0; ai = ai->ai_next)
		fd = connect_to(ai, timeout_ms, &err);
	freeaddrinfo(list);
	if (fd < 0) {
		*why = strerror(err);
		errno = err;
	}
	return fd;
}

bool net_parse_range(const char *text, struct net_range *r)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	char host[64];
	const char *slash = strchr(text, '/');
	uint64_t bits;

	memset(r, 0, sizeof *r);
	if (!take(host, sizeof host, text, slash ? (size_t)(slash - text) : strlen(text)))
		return false;
	if (inet_pton(AF_INET, host, r->addr) == 1)
		r->len = 4;
	else if (inet_pton(AF_INET6, host, r->addr) == 1)
		r->len = 16;
	else
		return false;
	bits = r->len * 8u;
	if (slash && !parse_number(slash + 1, 0, bits, &bits))
		return false;
	r->bits = (uint8_t)bits;
	if (r->len == 16 && bits >= 96 && memcmp(r->addr, mapped, sizeof mapped) == 0) {
		memmove(r->addr, r->addr + 12, 4);
		r->len = 4;
		r->bits = (uint8_t)(bits - 96);
	}
	return true;
}

bool net_in_range(const struct net_range *r, const struct sockaddr_storage *from)
{
	unsigned len, whole = r->bits / 8u, rest = r->bits % 8u;
	const uint8_t *addr;

	len = address_bytes(from, &addr);
	if (len == 0 || len != r->len || memcmp(addr, r->addr, whole) != 0)
		return false;
	return rest == 0 || ((addr[whole] ^ r->addr[whole]) & (0xff00u >> rest) & 0xffu) == 0;
}
