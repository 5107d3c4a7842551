/* SPDX-License-Identifier: MIT */
/*
 * guide-stp-initiator: the small initiator of the frame protocol in docs/guide.md, complete: says what it found at LUN 0, and reads
 * the first block.
 *
 *     guide-stp-initiator PORT [TEXT]          on 127.0.0.1; with TEXT, writes that to the first block before
 */
#include <arpa/inet.h>
#include <errno.h>
#include <iscsiproto/iscsiproto.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct iscsip_frame_config config;
static struct iscsip_frame_conn *conn;
static int fd;

static void die(const char *what, const char *why)
{
	fprintf(stderr, "guide-stp-initiator: %s: %s\n", what, why);
	exit(1);
}

static void *need(size_t size)
{
	void *mem = calloc(1, size);

	if (!mem)
		die("memory", strerror(errno));
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
	(void)user;
	return moved(recv(fd, p, len, MSG_DONTWAIT));
}

static ptrdiff_t sock_send(void *user, const struct iscsip_vec *vec, int cnt)
{
	struct msghdr m = { .msg_iov = (void *)(uintptr_t)vec, .msg_iovlen = (size_t)cnt };

	(void)user;
	return moved(sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL));
}

/* Drives the connection until *done. Where it is over before, every exchange comes back, and *done is true all the same. */
static void drive(const bool *done)
{
	const struct iscsip_transport t = { .recv = sock_recv, .send = sock_send };

	while (!*done) {
		iscsip_time now = now_ms(), due = iscsip_frame_conn_deadline(conn);
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (due <= now)
			iscsip_frame_conn_tick(conn, now);
		if (iscsip_frame_conn_run(conn, &t, now)) {
			close(fd);
			iscsip_frame_conn_closed(conn, now);
			return;
		}
		if (*done)
			return;
		if (iscsip_frame_conn_want(conn) & ISCSIP_WANT_TX)
			p.events |= POLLOUT;
		poll(&p, 1, due <= now ? 0 : due - now < 1000 ? (int)(due - now) : 1000);
	}
}

/* --- commands --- */

static void on_done(void *user, struct iscsip_frame_exchange *x)
{
	(void)user;
	*(bool *)x->user = true;
}

static const struct iscsip_frame_initiator_ops ops = { .struct_size = sizeof ops, .done = on_done };

/* Nothing was done, and the same command may be sent again: there was no room, or a unit attention had to be told. */
static bool wants_again(const struct iscsip_frame_result *r)
{
	return r->refused || (r->sense_len && (r->sense[2] & 0x0f) == ISCSIP_SENSE_UNIT_ATTENTION);
}

static void lost(const char *what, const struct iscsip_frame_result *r)
{
	static const char *const stages[] = { "was not sent", "was sent, and may have been executed", "was being answered" };
	char text[200];

	iscsip_frame_error_format(iscsip_frame_conn_error(conn), text, sizeof text);
	fprintf(stderr, "guide-stp-initiator: %s\n", text);
	die(what, stages[r->stage]);
}

/* One command: up to `in` bytes of data to the buffer, at least `least` of them; or all `out` bytes from it. */
static void execute(const char *what, const uint8_t cdb[16], void *data, uint32_t in, uint32_t least, uint32_t out)
{
	struct iscsip_vec vec = { data, in ? in : out };
	struct iscsip_frame_exchange x = { .in_vec = in ? &vec : NULL, .in_cnt = in != 0, .in_len = in,
					   .out_vec = out ? &vec : NULL, .out_cnt = out != 0, .out_len = out };
	int err, attempts = 5;
	bool done;

	x.user = &done;
	x.lun = 0;
	x.timeout_ms = 10000;
	memcpy(x.cdb, cdb, sizeof x.cdb);
	do {
		done = false;
		err = iscsip_frame_submit(conn, &x, now_ms());
		if (err)
			die(what, iscsip_strerror(err));
		drive(&done);
		if (x.result.err)
			lost(what, &x.result);
	} while (wants_again(&x.result) && --attempts);
	if (x.result.status)
		die(what, iscsip_scsi_status_text(x.result.status));
	if (x.result.moved < (out ? out : least)) /* success is what was counted */
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
	size_t conn_size;

	if (argc < 2)
		die("usage", "guide-stp-initiator PORT [TEXT]");
	at.sin_port = htons((uint16_t)atoi(argv[1]));
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (const void *)&at, sizeof at))
		die("connect", strerror(errno));

	iscsip_frame_config_init(&config, sizeof config);
	conn_size = iscsip_frame_initiator_size(&config);
	if (iscsip_frame_initiator_init(&conn, need(conn_size), conn_size, &config, &ops, NULL, now_ms()))
		die("connection", "it cannot be made of these values");
	look_at_disk(argc > 2 ? argv[2] : NULL);

	iscsip_frame_conn_close(conn, now_ms());
	close(fd); /* nothing is open: there is nothing to wait for */
	iscsip_frame_conn_closed(conn, now_ms());
	return 0;
}
