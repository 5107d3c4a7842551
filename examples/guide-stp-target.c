/* SPDX-License-Identifier: MIT */
/*
 * guide-stp-target: the small target of the frame protocol in docs/guide.md, complete: a disk of 64 MiB in memory, one connection
 * after the other. All memory is taken before the first byte comes.
 *
 *     guide-stp-target [PORT]          listens on 127.0.0.1; port 3261 if not told otherwise, 0 for any that is free
 */
#include <arpa/inet.h>
#include <errno.h>
#include <iscsiproto/iscsiproto.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DISK_NAME "iqn.2026-11.org.libiscsiproto:guide-stp"
#define DISK_SIZE ((size_t)64 << 20)

static struct iscsip_frame_config config;
static void *conn_mem;
static struct iscsip_disk *disk;
static struct iscsip_disk_nexus nexus;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void *need(size_t size)
{
	void *mem = calloc(1, size);

	if (!mem)
		die("memory");
	return mem;
}

static iscsip_time now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (iscsip_time)ts.tv_sec * 1000u + (iscsip_time)ts.tv_nsec / 1000000u;
}

/* --- the transport --- */

static ptrdiff_t moved(ssize_t n)
{
	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EINTR ? ISCSIP_EAGAIN : ISCSIP_ECLOSED;
}

static ptrdiff_t sock_recv(void *user, void *p, size_t len)
{
	return moved(recv(*(int *)user, p, len, MSG_DONTWAIT));
}

static ptrdiff_t sock_send(void *user, const struct iscsip_vec *vec, int cnt)
{
	struct msghdr m = { .msg_iov = (void *)(uintptr_t)vec, .msg_iovlen = (size_t)cnt };

	return moved(sendmsg(*(int *)user, &m, MSG_DONTWAIT | MSG_NOSIGNAL));
}

/* --- the disk --- */

static void make_disk(void)
{
	static struct iscsip_ram ram;
	struct iscsip_disk_config cfg;
	struct iscsip_disk_lun_config lun = { .struct_size = sizeof lun };
	size_t size;

	ram.base = need(DISK_SIZE);
	ram.size = DISK_SIZE;
	lun.blocks = DISK_SIZE / 512;
	lun.ops = iscsip_ram_ops();
	lun.user = &ram;
	iscsip_disk_config_init(&cfg, sizeof cfg);
	cfg.name = DISK_NAME;
	size = iscsip_disk_size(&cfg);
	if (iscsip_disk_init(&disk, need(size), size, &cfg) || iscsip_disk_lun_add(disk, 0, &lun))
		die("disk");
}

/* Nobody says a name here: each connection is an initiator port of its own. */
static void open_nexus(void)
{
	static uint8_t serial;
	uint8_t id[ISCSIP_TRANSPORT_ID_MAX], isid[6] = { 0x80, 0, 0, 0, 0, ++serial };
	size_t id_len = iscsip_transport_id_iscsi(id, sizeof id, DISK_NAME "-client", isid);

	if (iscsip_disk_nexus_open(disk, &nexus, id, id_len, 1))
		die("nexus");
}

/* --- the loop --- */

/* Waits until the socket or the clock gives a reason to go on. */
static void wait_for(int fd, const struct iscsip_frame_conn *conn)
{
	unsigned want = iscsip_frame_conn_want(conn);
	iscsip_time now = now_ms(), due = iscsip_frame_conn_deadline(conn);
	struct pollfd p = { .fd = fd };

	p.events = (short)((want & ISCSIP_WANT_RX ? POLLIN : 0) | (want & ISCSIP_WANT_TX ? POLLOUT : 0));
	poll(&p, 1, due <= now ? 0 : due - now < 60000 ? (int)(due - now) : 60000);
}

static void serve(int fd)
{
	const struct iscsip_transport t = { .user = &fd, .recv = sock_recv, .send = sock_send };
	const struct iscsip_error *e;
	struct iscsip_frame_conn *conn;
	char text[200];

	open_nexus();
	if (iscsip_frame_target_init(&conn, conn_mem, iscsip_frame_target_size(&config), &config, iscsip_disk_ops(), disk, &nexus,
				     now_ms()))
		die("connection");
	while (iscsip_frame_conn_run(conn, &t, now_ms()) == ISCSIP_OK) {
		wait_for(fd, conn);
		iscsip_frame_conn_tick(conn, now_ms());
	}
	close(fd);
	iscsip_frame_conn_closed(conn, now_ms());
	iscsip_disk_nexus_close(&nexus);
	if (iscsip_frame_conn_open(conn)) /* never with memory for a disk: it answers at once */
		die("commands that are still at work");
	e = iscsip_frame_conn_error(conn);
	iscsip_frame_error_format(e, text, sizeof text);
	printf("connection over: %s\n", e->code == ISCSIP_ECLOSED && !e->rule ? "closed" : text);
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd, one = 1;

	setvbuf(stdout, NULL, _IOLBF, 0);

	iscsip_frame_config_init(&config, sizeof config);
	config.limits.max_exchanges = 128;
	config.limits.max_burst = 256u * 1024u;
	if (iscsip_frame_config_check(&config))
		die("configuration");
	conn_mem = need(iscsip_frame_target_size(&config));
	make_disk();

	at.sin_port = htons((uint16_t)(argc > 1 ? atoi(argv[1]) : (int)ISCSIP_FRAME_PORT));
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (listener < 0 || bind(listener, (const void *)&at, len) || listen(listener, 16) ||
	    getsockname(listener, (void *)&at, &len))
		die("listen");
	printf("listening on 127.0.0.1:%u\n", ntohs(at.sin_port));
	while ((fd = accept(listener, NULL, NULL)) >= 0)
		serve(fd);
	die("accept");
}
