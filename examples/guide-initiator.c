/* SPDX-License-Identifier: MIT */
/*
 * guide-initiator: the small initiator of docs/guide.md, complete: logs in, says what it found, and reads the first block.
 *
 *     guide-initiator PORT TARGET [TEXT]          on 127.0.0.1; with TEXT, writes that to the first block before
 */
#include <arpa/inet.h>
#include <errno.h>
#include <iscsiproto/iscsiproto.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct iscsip_config config;
static struct iscsip_offer offer;
static struct iscsip_session *session;
static struct iscsip_conn *conn;
static int fd;
static bool logged_in, over;

static void die(const char *what, const char *why)
{
	fprintf(stderr, "guide-initiator: %s: %s\n", what, why);
	exit(1);
}

static void *need(size_t size)
{
	void *mem = calloc(1, size);

	if (!mem)
		die("memory", strerror(errno));
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
		die("getrandom", strerror(errno));
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
	(void)user;
	return moved(recv(fd, p, len, MSG_DONTWAIT));
}

static ptrdiff_t sock_send(void *user, const struct iscsip_vec *vec, int cnt)
{
	struct msghdr m = { .msg_iov = (void *)(uintptr_t)vec, .msg_iovlen = (size_t)cnt };

	(void)user;
	return moved(sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL));
}

/* Drives the connection until *done, or until it is over. */
static void drive(const bool *done)
{
	const struct iscsip_transport t = { .recv = sock_recv, .send = sock_send };

	while (!*done) {
		iscsip_time now = now_ms(), due = iscsip_conn_deadline(conn);
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (iscsip_session_deadline(session) < due)
			due = iscsip_session_deadline(session);
		if (due <= now) {
			iscsip_conn_tick(conn, now);
			iscsip_session_tick(session, now);
		}
		if (iscsip_conn_run(conn, &t, now)) {
			over = true;
			return;
		}
		if (*done)
			return;
		if (iscsip_conn_want(conn) & ISCSIP_WANT_TX)
			p.events |= POLLOUT;
		poll(&p, 1, due <= now ? 0 : due - now < 1000 ? (int)(due - now) : 1000);
	}
}

/* --- what the library tells --- */

static void on_login(void *user, struct iscsip_conn *c, int err, uint16_t status, const struct iscsip_login_info *info)
{
	(void)user;
	(void)c;
	(void)info;
	if (status != ISCSIP_LOGIN_SUCCESS)
		die("login refused", iscsip_login_status_name((uint8_t)(status >> 8), (uint8_t)status));
	if (err)
		die("login", iscsip_strerror(err));
	logged_in = true;
}

static void on_task(void *user, struct iscsip_task *t)
{
	(void)user;
	*(bool *)t->user = true;
}

static const struct iscsip_initiator_ops ops = {
	.struct_size = sizeof ops,
	.login_done = on_login,
	.task_done = on_task,
};

/* --- commands --- */

/* The first command of a nexus to a unit meets a unit attention (SAM-5 5.14): it was not executed, and may be sent again. */
static bool wants_again(const struct iscsip_task *t)
{
	struct iscsip_sense s;

	return t->result.status == ISCSIP_STATUS_CHECK_CONDITION &&
	       iscsip_sense_decode(t->sense, t->result.sense_len, &s) == ISCSIP_OK && s.key == ISCSIP_SENSE_UNIT_ATTENTION;
}

/* One command: up to `in` bytes of data to the buffer, at least `least` of them; or all `out` bytes from it. */
static void execute(const char *what, const uint8_t cdb[16], void *data, uint32_t in, uint32_t least, uint32_t out)
{
	struct iscsip_vec vec = { data, in ? in : out };
	struct iscsip_task t = { .in_vec = in ? &vec : NULL, .in_cnt = in != 0, .in_len = in,
				 .out_vec = out ? &vec : NULL, .out_cnt = out != 0, .out_len = out };
	uint8_t sense[252];
	bool done = false;
	int err, attempts = 3;

	t.user = &done;
	t.attr = ISCSIP_ATTR_SIMPLE;
	t.lun = iscsip_lun_encode(0);
	t.sense = sense;
	t.sense_cap = sizeof sense;
	t.timeout_ms = 30000;
	memcpy(t.cdb, cdb, sizeof t.cdb);
	do {
		done = false;
		err = iscsip_initiator_submit(session, &t, now_ms());
		if (err)
			die(what, iscsip_strerror(err));
		drive(&done);
		if (!done)
			die(what, "the connection was lost");
	} while (!t.result.err && wants_again(&t) && --attempts);
	if (t.result.err)
		die(what, iscsip_strerror(t.result.err));
	if (t.result.response || t.result.status)
		die(what, iscsip_scsi_status_text(t.result.status));
	if (t.result.in_len < least || t.result.out_len < out) /* success is what was counted */
		die(what, "not all of the data has moved");
}

static void look_at_disk(const char *text)
{
	uint8_t cdb[16], answer[96] = { 0 }, *block;
	uint64_t blocks = 0;
	uint32_t size, i;

	iscsip_cdb_inquiry(cdb, -1, sizeof answer);
	execute("INQUIRY", cdb, answer, sizeof answer, 36, 0);
	printf("%.8s %.16s %.4s\n", (char *)answer + 8, (char *)answer + 16, (char *)answer + 32);

	iscsip_cdb_read_capacity_16(cdb, 32);
	execute("READ CAPACITY(16)", cdb, answer, 32, 12, 0);
	for (i = 0; i < 8; i++)
		blocks = blocks << 8 | answer[i];
	size = (uint32_t)answer[8] << 24 | (uint32_t)answer[9] << 16 | (uint32_t)answer[10] << 8 | answer[11];
	printf("%llu blocks of %u bytes\n", (unsigned long long)blocks + 1, size);
	if (size == 0 || size > 65536)
		die("READ CAPACITY(16)", "that is no size of a block");

	block = need(size);
	if (text) {
		snprintf((char *)block, size, "%s\n", text);
		iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, 0, 1, 0);
		execute("WRITE", cdb, block, 0, 0, size);
		iscsip_cdb_rw(cdb, ISCSIP_CDB_SYNCHRONIZE_CACHE, 0, 0, 0);
		execute("SYNCHRONIZE CACHE", cdb, NULL, 0, 0, 0); /* what is in its cache alone may be lost */
		memset(block, 0, size);
	}
	iscsip_cdb_rw(cdb, ISCSIP_CDB_READ, 0, 1, 0);
	execute("READ", cdb, block, size, size, 0);
	fwrite(block, 1, strnlen((char *)block, size), stdout);
	if (fflush(stdout) || ferror(stdout))
		die("stdout", strerror(errno));
	free(block);
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct iscsip_initiator_identity id = { .isid = { 0x80 } }; /* T = 2, random: RFC 7143 11.12.5 */
	size_t conn_size, login_size, session_size;

	if (argc < 3)
		die("usage", "guide-initiator PORT TARGET [TEXT]");
	id.target_name = argv[2];
	random_bytes(NULL, id.isid + 1, 3);
	iscsip_config_init(&config, sizeof config);
	iscsip_offer_init_initiator(&offer);
	config.host = &host;
	config.offer = &offer;
	config.node_name = "iqn.2026-11.org.libiscsiproto:guide-initiator";
	conn_size = iscsip_initiator_conn_size(&config);
	login_size = iscsip_login_size(&config);
	session_size = iscsip_initiator_session_size(&config);

	at.sin_port = htons((uint16_t)atoi(argv[1]));
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (const void *)&at, sizeof at))
		die("connect", strerror(errno));
	if (iscsip_initiator_session_init(&session, need(session_size), session_size, &config, &id, &ops, NULL) ||
	    iscsip_initiator_conn_init(&conn, need(conn_size), conn_size, need(login_size), login_size, session, 1, NULL,
				       now_ms()))
		die("session", "it cannot be made of these values");
	drive(&logged_in);
	if (!logged_in)
		die("login", "the connection was lost");
	look_at_disk(argc > 3 ? argv[3] : NULL);

	iscsip_initiator_logout(conn, ISCSIP_LOGOUT_SESSION, 0, now_ms());
	drive(&over);
	close(fd);
	iscsip_conn_closed(conn, now_ms());
	return iscsip_initiator_session_fini(session) ? 1 : 0;
}
