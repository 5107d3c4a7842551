/* SPDX-License-Identifier: MIT */
/*
 * guide-target: the small target of docs/guide.md, complete: a disk of 64 MiB in memory, one connection after the other.
 * All memory is taken before the first byte comes.
 *
 *     guide-target [PORT]          listens on 127.0.0.1; port 3260 if not told otherwise, 0 for any that is free
 */
#include <arpa/inet.h>
#include <errno.h>
#include <iscsiproto/iscsiproto.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TARGET "iqn.2026-11.org.libiscsiproto:guide"
#define DISK_SIZE ((size_t)64 << 20)

static struct iscsip_config config;
static struct iscsip_offer offer;
static char portal[32];
static void *conn_mem, *login_mem, *session_mem;

static struct iscsip_disk *disk;
static struct iscsip_disk_nexus nexus;
static struct iscsip_session *session; /* NULL: none, or it is over and its memory is ours again */

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

/* --- services of the host --- */

static iscsip_time now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (iscsip_time)ts.tv_sec * 1000u + (iscsip_time)ts.tv_nsec / 1000000u;
}

static void random_bytes(void *user, uint8_t *dst, size_t len)
{
	(void)user;
	if (getrandom(dst, len, 0) != (ssize_t)len)
		die("getrandom");
}

static const struct iscsip_host host = { .struct_size = sizeof host, .random = random_bytes };

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

/* --- what a login asks --- */

static void on_identify(void *user, struct iscsip_conn *conn, const struct iscsip_login_info *info)
{
	(void)user;
	printf("login of %s\n", info->initiator_name);
	if (info->session_type == ISCSIP_SESSION_DISCOVERY || iscsip_name_equal(info->target_name, TARGET))
		iscsip_login_grant(conn, NULL);
	else
		iscsip_login_refuse(conn, ISCSIP_LOGIN_NOT_FOUND, NULL);
}

static void on_state(void *user, struct iscsip_session *s, int state, const struct iscsip_error *why)
{
	(void)user;
	(void)s;
	(void)why;
	if (state != ISCSIP_SESSION_FREE)
		return;
	if (nexus.disk)
		iscsip_disk_nexus_close(&nexus);
	session = NULL;
}

static int on_targets(void *user, struct iscsip_conn *conn, const char *only, unsigned index, unsigned which,
		      const char **name, struct iscsip_portal *out)
{
	(void)user;
	(void)conn;
	if (index > 0 || which > 0 || (only && !iscsip_name_equal(only, TARGET)))
		return ISCSIP_ENOENT;
	*name = TARGET;
	out->address = portal;
	out->tag = 1;
	return ISCSIP_OK;
}

static void on_session(void *user, struct iscsip_conn *conn, const struct iscsip_login_info *info,
		       const struct iscsip_params *params);

static const struct iscsip_target_ops target_ops = {
	.struct_size = sizeof target_ops,
	.identify = on_identify,
	.session = on_session,
	.targets = on_targets,
	.state = on_state,
};

static void on_session(void *user, struct iscsip_conn *conn, const struct iscsip_login_info *info,
		       const struct iscsip_params *params)
{
	uint8_t id[ISCSIP_TRANSPORT_ID_MAX];
	size_t id_len = iscsip_transport_id_iscsi(id, sizeof id, info->initiator_name, info->isid);

	(void)user;
	if (info->tsih) { /* to join a session; ours have one connection, and that is gone by now */
		iscsip_login_refuse(conn, ISCSIP_LOGIN_SESSION_DOES_NOT_EXIST, NULL);
		return;
	}
	if (iscsip_target_session_init(&session, session_mem, iscsip_target_session_size(&config), &config, &target_ops,
				       iscsip_disk_ops(), disk, &nexus, NULL) ||
	    (info->session_type == ISCSIP_SESSION_NORMAL && iscsip_disk_nexus_open(disk, &nexus, id, id_len, 1)))
		die("session");
	nexus.protocol_level = (uint8_t)params->iscsi_protocol_level;
	iscsip_login_accept(conn, session, 1);
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
	cfg.name = TARGET;
	size = iscsip_disk_size(&cfg);
	if (iscsip_disk_init(&disk, need(size), size, &cfg) || iscsip_disk_lun_add(disk, 0, &lun))
		die("disk");
}

/* --- the loop --- */

/* Waits until the socket or the clock gives a reason to go on. */
static void wait_for(int fd, const struct iscsip_conn *conn)
{
	unsigned want = iscsip_conn_want(conn);
	struct pollfd p = { .fd = fd };
	iscsip_time now = now_ms(), due = iscsip_conn_deadline(conn);

	p.events = (short)((want & ISCSIP_WANT_RX ? POLLIN : 0) | (want & ISCSIP_WANT_TX ? POLLOUT : 0));
	if (session && iscsip_session_deadline(session) < due)
		due = iscsip_session_deadline(session);
	poll(&p, 1, due <= now ? 0 : due - now < 60000 ? (int)(due - now) : 60000);
}

static void serve(int fd)
{
	const struct iscsip_transport t = { .user = &fd, .recv = sock_recv, .send = sock_send };
	const struct iscsip_error *e;
	struct iscsip_conn *conn;
	char text[200];

	if (iscsip_target_conn_init(&conn, conn_mem, iscsip_target_conn_size(&config), login_mem, iscsip_login_size(&config),
				    &config, &target_ops, NULL, now_ms()))
		die("connection");
	while (iscsip_conn_run(conn, &t, now_ms()) == ISCSIP_OK) {
		wait_for(fd, conn);
		iscsip_conn_tick(conn, now_ms());
		if (session)
			iscsip_session_tick(session, now_ms());
	}
	e = iscsip_conn_error(conn);
	iscsip_error_format(e, text, sizeof text);
	printf("connection over: %s\n", e->code == ISCSIP_OK ? "logged out" : text);
	close(fd);
	iscsip_conn_closed(conn, now_ms());
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd, one = 1;

	setvbuf(stdout, NULL, _IOLBF, 0);

	iscsip_config_init(&config, sizeof config);
	iscsip_offer_init_target(&offer);
	config.host = &host;
	config.offer = &offer;
	if (iscsip_config_check(&config) || iscsip_offer_check(&offer, NULL))
		die("configuration");
	conn_mem = need(iscsip_target_conn_size(&config));
	login_mem = need(iscsip_login_size(&config));
	session_mem = need(iscsip_target_session_size(&config));
	make_disk();

	at.sin_port = htons((uint16_t)(argc > 1 ? atoi(argv[1]) : ISCSIP_PORT));
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (listener < 0 || bind(listener, (const void *)&at, len) || listen(listener, 16) ||
	    getsockname(listener, (void *)&at, &len))
		die("listen");
	snprintf(portal, sizeof portal, "127.0.0.1:%u", ntohs(at.sin_port));
	printf("listening on %s\n", portal);
	while ((fd = accept(listener, NULL, NULL)) >= 0)
		serve(fd);
	die("accept");
}
