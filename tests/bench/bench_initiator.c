/* SPDX-License-Identifier: MIT */
/*
 * What the initiator's state machine costs without sockets: from a task submitted, through the bytes of its command, to the
 * task given back. The target's answers are bytes made beforehand, but for tag and numbers; payload of reads is not written,
 * as with readv() it would be in its place already. Prints `name value unit`, nanoseconds an I/O.
 */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <string.h>

#include <iscsiproto/iscsiproto.h>

#include "base/bytes.h"
#include "login/login.h"
#include "timing.h"

#define DEPTH_MAX 32
#define DATA (256u * 1024)

static struct iscsip_config cfg;
static struct iscsip_offer offer, target_offer;
static struct iscsip_host host;
static struct iscsip_session *session;
static struct iscsip_conn *conn;
static uint8_t data[DATA], stage[4096];
static uint8_t answer[DEPTH_MAX * 48];
static struct iscsip_vec data_vec = { data, DATA };
static uint32_t statsn = 1, cmdsn;

struct load {
	bool read;
	uint32_t len;
	int depth;
	struct iscsip_task tasks[DEPTH_MAX];
	int done;
};

static void host_random(void *user, uint8_t *dst, size_t len)
{
	(void)user;
	memset(dst, 0x35, len);
}

static void login_done(void *user, struct iscsip_conn *c, int err, uint16_t status, const struct iscsip_login_info *info)
{
	(void)user;
	(void)c;
	(void)info;
	if (err || status)
		abort();
}

static void task_done(void *user, struct iscsip_task *t)
{
	(void)user;
	if (t->result.err || t->result.status || t->result.in_residual)
		abort();
	((struct load *)t->user)->done++;
}

static const struct iscsip_initiator_ops OPS = {
	.struct_size = sizeof OPS,
	.login_done = login_done,
	.task_done = task_done,
};

static void stamp(struct iscsip_pdu *pdu, bool uses)
{
	pdu->reply.statsn = statsn;
	pdu->reply.expcmdsn = cmdsn;
	pdu->reply.maxcmdsn = cmdsn + DEPTH_MAX;
	statsn += uses;
}

static void give(const void *p, size_t n)
{
	if (iscsip_conn_rx_push(conn, p, n, 0) != (ptrdiff_t)n)
		abort();
}

static void log_in(void)
{
	static uint8_t mem[16384], buf[16384];
	static const struct iscsip__login_access access = { .portal_group_tag = 1 };
	struct iscsip__login_limits limits;
	struct iscsip__login_setup setup = { .limits = &limits, .offer = &target_offer, .random = host_random };
	struct iscsip__login *l;

	iscsip__login_limits_init(&limits);
	if (iscsip__login_open_target(&l, mem, sizeof mem, &setup))
		abort();
	while (iscsip__login_want(l) != LOGIN_DONE) {
		struct iscsip_pdu pdu;
		const void *text;
		size_t n;

		switch (iscsip__login_want(l)) {
		case LOGIN_RX:
			(void)iscsip_conn_tx_pull(conn, buf, sizeof buf, 0);
			(void)iscsip_pdu_decode(&pdu, buf);
			(void)iscsip__login_rx(l, &pdu);
			(void)iscsip__login_rx_text(l, buf + 48, pdu.data_len);
			(void)iscsip__login_rx_end(l);
			break;
		case LOGIN_TX:
			memset(&pdu, 0, sizeof pdu);
			(void)iscsip__login_tx(l, &pdu);
			text = iscsip__login_tx_text(l, &n);
			stamp(&pdu, true);
			(void)iscsip_pdu_encode(buf, &pdu);
			memcpy(buf + 48, text, n);
			memset(buf + 48 + n, 0, 3);
			give(buf, 48 + (n + 3) / 4 * 4);
			iscsip__login_tx_done(l);
			break;
		case LOGIN_ASK_ACCESS:
			(void)iscsip__login_access(l, &access);
			break;
		case LOGIN_ASK_SESSION:
			(void)iscsip__login_session(l, 1);
			break;
		default:
			abort();
		}
	}
	iscsip__login_close(l);
}

static void start(void)
{
	static const struct iscsip_initiator_identity id = { "iqn.2026-01.bench:target", { 0x80 } };
	size_t session_len, conn_len, login_len;

	iscsip_config_init(&cfg, sizeof cfg);
	iscsip_offer_init_initiator(&offer);
	iscsip_offer_init_target(&target_offer);
	host.struct_size = sizeof host;
	host.random = host_random;
	cfg.host = &host;
	cfg.offer = &offer;
	cfg.node_name = "iqn.2026-01.bench:initiator";
	offer.header_digest.count = offer.data_digest.count = 1;
	offer.header_digest.item[0] = offer.data_digest.item[0] = ISCSIP_DIGEST_NONE;
	offer.first_burst_length = 65536;
	cmdsn = cfg.initial_cmdsn;
	session_len = iscsip_initiator_session_size(&cfg);
	conn_len = iscsip_initiator_conn_size(&cfg);
	login_len = iscsip_login_size(&cfg);
	if (iscsip_initiator_session_init(&session, malloc(session_len), session_len, &cfg, &id, &OPS, NULL) ||
	    iscsip_initiator_conn_init(&conn, malloc(conn_len), conn_len, malloc(login_len), login_len, session, 0, NULL, 0))
		abort();
	log_in();
}

/* Takes what is to be sent, as writev() would; tags of commands, or of Data-Out, go to itt. */
static int take(uint32_t *itt, int most)
{
	struct iscsip_vec vec[64];
	int n = 0, cnt, i;

	while ((cnt = iscsip_conn_tx_next(conn, vec, 64, 0)) > 0) {
		size_t sum = 0;

		for (i = 0; i < cnt; i++) {
			if (vec[i].len == 48 && n < most)
				itt[n++] = load_be32((uint8_t *)vec[i].base + 16);
			sum += vec[i].len;
		}
		if (iscsip_conn_tx_done(conn, sum, 0))
			abort();
	}
	return n;
}

/* A Data-In with status: its header into the stage, its payload (not written) into its place. */
static void answer_read(const struct load *w, const uint32_t *itt)
{
	struct iscsip_vec st = { stage, sizeof stage }, vec[4];
	struct iscsip_pdu pdu;
	int i;

	for (i = 0; i < w->depth; i++) {
		memset(&pdu, 0, sizeof pdu);
		pdu.opcode = ISCSIP_OP_DATA_IN;
		pdu.final = pdu.data_in.has_status = true;
		pdu.itt = itt[i];
		pdu.data_len = w->len;
		pdu.data_in.ttt = ISCSIP_TAG_NONE;
		stamp(&pdu, true);
		(void)iscsip_conn_rx_next(conn, &st, vec, 4);
		(void)iscsip_pdu_encode(stage, &pdu);
		(void)iscsip_conn_rx_done(conn, 48, 0);
		(void)iscsip_conn_rx_next(conn, &st, vec, 4);
		if (iscsip_conn_rx_done(conn, w->len, 0))
			abort();
	}
}

static void answer_write(const struct load *w, const uint32_t *itt)
{
	struct iscsip_pdu pdu;
	uint32_t tags[64];
	int i;

	for (i = 0; i < w->depth; i++) {
		if (w->len > offer.first_burst_length) {
			memset(&pdu, 0, sizeof pdu);
			pdu.opcode = ISCSIP_OP_R2T;
			pdu.final = true;
			pdu.itt = itt[i];
			pdu.r2t.ttt = 1;
			pdu.r2t.buffer_offset = offer.first_burst_length;
			pdu.r2t.desired_len = w->len - offer.first_burst_length;
			stamp(&pdu, false);
			(void)iscsip_pdu_encode(answer, &pdu);
			give(answer, 48);
			(void)take(tags, 64);
		}
		memset(&pdu, 0, sizeof pdu);
		pdu.opcode = ISCSIP_OP_SCSI_RESPONSE;
		pdu.final = true;
		pdu.itt = itt[i];
		stamp(&pdu, true);
		(void)iscsip_pdu_encode(answer + 48 * i, &pdu);
		if (w->len > offer.first_burst_length)
			give(answer + 48 * i, 48);
	}
	if (w->len <= offer.first_burst_length)
		give(answer, 48u * (unsigned)w->depth);
}

static void run(void *arg, size_t repeats)
{
	struct load *w = arg;
	uint32_t itt[DEPTH_MAX];
	size_t r;
	int i;

	for (r = 0; r < repeats; r += (size_t)w->depth) {
		w->done = 0;
		for (i = 0; i < w->depth; i++)
			if (iscsip_initiator_submit(session, &w->tasks[i], 0))
				abort();
		cmdsn += (uint32_t)w->depth;
		if (take(itt, DEPTH_MAX) < w->depth)
			abort();
		if (w->read)
			answer_read(w, itt);
		else
			answer_write(w, itt);
		if (w->done != w->depth)
			abort();
	}
}

static void measure(const char *name, bool read, uint32_t len, int depth)
{
	static struct load w;
	int i;

	memset(&w, 0, sizeof w);
	w.read = read;
	w.len = len;
	w.depth = depth;
	for (i = 0; i < depth; i++) {
		struct iscsip_task *t = &w.tasks[i];

		t->user = &w;
		t->attr = ISCSIP_ATTR_SIMPLE;
		t->timeout_ms = 30000;
		*(read ? &t->in_vec : &t->out_vec) = &data_vec;
		*(read ? &t->in_cnt : &t->out_cnt) = 1;
		*(read ? &t->in_len : &t->out_len) = len;
	}
	printf("%-28s %8.1f ns\n", name, timing_measure(run, &w));
}

int main(void)
{
	start();
	measure("initiator_read_4k_depth_1", true, 4096, 1);
	measure("initiator_read_4k_depth_32", true, 4096, 32);
	measure("initiator_write_4k_depth_1", false, 4096, 1);
	measure("initiator_write_4k_depth_32", false, 4096, 32);
	measure("initiator_read_256k", true, DATA, 1);
	measure("initiator_write_256k", false, DATA, 1);
	return 0;
}
