/* SPDX-License-Identifier: MIT */
/*
 * The initiator role against a target that does anything. Input: four bytes of configuration, then operations.
 *
 *	byte 0   bit 0 header digests, 1 data digests, 2 InitialR2T, 3 no ImmediateData, 4 data in any order, 5 discovery,
 *	         6 FastAbort, 7 no login: the input is the target from the first byte on
 *	byte 1   bits 0-2 limits.max_tasks - 1, 3-4 send units, 5 ISCSIP_CFG_TX_HOLD, 6 numbers begin just before their wrap
 *	byte 2   what callbacks do: bit 0 submit again, 1 abort another task, 2 log out at an event, 3 ping from a callback
 *	byte 3   the window that good PDUs tell
 *
 * An operation is a byte and its arguments. Some act as the host (submit, abort, task management, ping, text, logout, time),
 * some as the transport (take n bytes, release), some as the target: raw bytes, or a PDU whose opcode, tag and numbers are good
 * as far as the input does not say otherwise, digests included.
 *
 * What must hold: every PDU sent is legal, reserved bits 0, CmdSNs in order and inside the window, data-out inside its
 * task; every task, ping, text and logout ends exactly once; no byte around a task's memory changes; at
 * the end the session is empty.
 */
#include <stdlib.h>
#include <string.h>

#include <iscsiproto/crc32c.h>
#include <iscsiproto/initiator.h>

#include "base/bytes.h"
#include "login/login.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TASKS 10
#define ROOM 3000u
#define GUARD 16u
#define TAGS 64

struct fuzz_task {
	struct iscsip_task t;
	struct iscsip_vec in[3], out[2];
	uint8_t in_area[GUARD + ROOM + GUARD];
	uint8_t sense[GUARD + 64 + GUARD];
	bool out_there; /* with the library */
};

static struct world {
	const uint8_t *in;
	size_t left;
	uint8_t habits;
	iscsip_time now;
	struct iscsip_config cfg;
	struct iscsip_offer offer, target_offer;
	struct iscsip_host host;
	struct iscsip_session *s;
	struct iscsip_conn *c;
	void *session_mem, *conn_mem, *login_mem;
	bool discovery, logged_in, failed_login, hold;
	int pings, texts, logouts, tmfs; /* under way */
	int depth;
	struct fuzz_task tasks[TASKS];
	uint8_t out[ROOM], ping[600];
	/* the target's side */
	uint32_t statsn, expcmdsn, window, maxcmdsn;
	bool hdigest, ddigest;
	uint32_t tags[TAGS]; /* task tags seen, newest at tag_count - 1 */
	uint32_t edtl[TAGS];
	unsigned tag_count;
	uint8_t sent[1 << 16];
	size_t sent_len;
} W;

static void must(bool holds)
{
	if (!holds)
		abort();
}

static uint8_t take(void)
{
	if (W.left == 0)
		return 0;
	W.left--;
	return *W.in++;
}

static uint32_t take_number(void)
{
	uint32_t v = take();

	if (v < 0xc0)
		return v;
	if (v < 0xf0)
		return (v & 0x3fu) << 8 | take();
	v = take();
	v = v << 8 | take();
	v = v << 8 | take();
	return v << 8 | take();
}

/* --- the host --- */

static void submit(unsigned kind);

static struct fuzz_task *task_of(unsigned n)
{
	return &W.tasks[n % TASKS];
}

static void habit(uint8_t bit)
{
	static const uint8_t none;

	/* the library comes back to the session when this callback has returned */
	must(iscsip_initiator_session_fini(W.s) == ISCSIP_EBUSY);
	if (!(W.habits & bit) || W.depth > 3)
		return;
	W.depth++;
	if (bit == 1)
		submit(take());
	else if (bit == 2)
		(void)iscsip_initiator_abort(W.s, &task_of(take())->t, W.now);
	else if (bit == 4 && iscsip_initiator_logout(W.c, ISCSIP_LOGOUT_SESSION, 0, W.now) == ISCSIP_OK)
		W.logouts++;
	else if (bit == 8 && iscsip_initiator_ping(W.c, &none, 0, &W, W.now) == ISCSIP_OK)
		W.pings++;
	W.depth--;
}

static void on_login(void *user, struct iscsip_conn *c, int err, uint16_t status, const struct iscsip_login_info *info)
{
	(void)user;
	(void)info;
	must(c == W.c && !W.logged_in && !W.failed_login);
	if (err == ISCSIP_OK && status == ISCSIP_LOGIN_SUCCESS)
		W.logged_in = true;
	else
		W.failed_login = true;
}

static void guards_hold(const struct fuzz_task *k)
{
	unsigned i;

	for (i = 0; i < GUARD; i++) {
		must(k->in_area[i] == 0xa7 && k->in_area[GUARD + ROOM + i] == 0xa7);
		must(k->sense[i] == 0xa7 && k->sense[GUARD + 64 + i] == 0xa7);
	}
	for (i = k->t.in_len; i < ROOM; i++)
		must(k->in_area[GUARD + i] == 0xa7);
}

static void on_task(void *user, struct iscsip_task *t)
{
	struct fuzz_task *k = (struct fuzz_task *)(void *)t;

	(void)user;
	must(k >= W.tasks && k < W.tasks + TASKS && k->out_there);
	must(t->result.in_len <= t->in_len && t->result.sense_len <= t->sense_cap);
	must(t->result.out_len <= t->out_len && (t->result.issued || t->result.out_len == 0));
	must(t->result.out_overflow || t->result.out_residual == t->out_len - t->result.out_len);
	must(t->result.err == ISCSIP_OK || t->result.err <= ISCSIP_FATAL);
	must(t->result.err != ISCSIP_OK || t->result.issued);
	guards_hold(k);
	k->out_there = false;
	habit(1);
	habit(2);
}

static void on_tmf(void *user, void *cookie, int err, uint8_t response)
{
	(void)user;
	(void)err;
	(void)response;
	must(cookie == &W && W.tmfs-- > 0);
	habit(1);
}

static void on_ping(void *user, void *cookie, int err, const void *data, size_t len)
{
	(void)user;
	(void)data;
	must(cookie == &W && W.pings-- > 0);
	must(err != ISCSIP_OK || len <= sizeof W.ping);
	habit(8);
}

static void on_text(void *user, void *cookie, int err, const char *key, const char *value, size_t len)
{
	(void)user;
	(void)err;
	must(cookie == &W && W.texts > 0);
	if (key)
		must(strlen(key) <= ISCSIP_KEY_MAX && value[len] == 0);
	else
		W.texts--;
	habit(key ? 4 : 8);
}

static void on_logout(void *user, struct iscsip_conn *c, int err, uint8_t response, uint16_t wait, uint16_t retain)
{
	(void)user;
	(void)c;
	(void)err;
	(void)response;
	(void)wait;
	(void)retain;
	must(W.logouts-- > 0);
}

static void on_async(void *user, struct iscsip_conn *c, const struct iscsip_async_message *a)
{
	uint32_t i, sum = 0;

	(void)user;
	(void)c;
	for (i = 0; i < a->len; i++)
		sum += ((const uint8_t *)a->data)[i];
	must(sum <= 255u * a->len);
	habit(4);
	habit(2);
}

static const struct iscsip_initiator_ops OPS = {
	.struct_size = sizeof OPS,
	.login_done = on_login,
	.task_done = on_task,
	.tmf_done = on_tmf,
	.ping_done = on_ping,
	.text = on_text,
	.logout_done = on_logout,
	.async = on_async,
};

static void fixed_random(void *user, uint8_t *dst, size_t len)
{
	(void)user;
	memset(dst, 0x5a, len);
}

/* kind: bit 0 in, 1 out, 2 immediate, 3 long CDB, 4 scattered, 5 a time limit, 6 other LUN, 7 small */
static void submit(unsigned kind)
{
	static const uint8_t ext[244] = { 1, 2, 3 };
	struct fuzz_task *k = task_of(take());
	uint32_t len = kind & 128 ? take() % 8u : take_number() % (ROOM + 1u);

	if (k->out_there)
		return;
	memset(k, 0xa7, sizeof *k);
	memset(&k->t, 0, offsetof(struct iscsip_task, priv));
	k->out_there = false;
	k->t.cdb[0] = 0x28;
	k->t.sense = k->sense + GUARD;
	k->t.sense_cap = 64;
	k->t.immediate = kind & 4;
	k->t.lun = kind & 64 ? 1 : 0;
	k->t.timeout_ms = kind & 32 ? 100 : 0;
	if (kind & 8) {
		k->t.ext_cdb = ext;
		k->t.ext_cdb_len = take() % 245u;
	}
	if (kind & 1) {
		uint32_t cut = kind & 16 ? len / 3 : len;

		k->in[0] = (struct iscsip_vec){ k->in_area + GUARD, cut };
		k->in[1] = (struct iscsip_vec){ NULL, 0 };
		k->in[2] = (struct iscsip_vec){ k->in_area + GUARD + cut, len - cut };
		k->t.in_vec = k->in;
		k->t.in_cnt = 3;
		k->t.in_len = len;
	}
	if (kind & 2) {
		k->out[0] = (struct iscsip_vec){ W.out, len / 2 };
		k->out[1] = (struct iscsip_vec){ W.out + len / 2, len - len / 2 };
		k->t.out_vec = k->out;
		k->t.out_cnt = 2;
		k->t.out_len = len;
	}
	k->out_there = true;
	if (iscsip_initiator_submit(W.s, &k->t, W.now) != ISCSIP_OK)
		k->out_there = false;
}

/* --- what the initiator sends --- */

static void check_sent(const struct iscsip_pdu *pdu, const uint8_t *bhs)
{
	struct iscsip_error why;
	unsigned i;

	/* a target that pings in a discovery session, where it should not, is answered all the same (11.18) */
	bool pong = pdu->opcode == ISCSIP_OP_NOP_OUT && pdu->itt == ISCSIP_TAG_NONE;

	must(iscsip_pdu_check(pdu, bhs, ISCSIP_TARGET, !W.logged_in ? ISCSIP_PHASE_LOGIN : W.discovery && !pong ?
			      ISCSIP_PHASE_DISCOVERY : ISCSIP_PHASE_NORMAL, &why) == ISCSIP_OK);
	must(iscsip_pdu_check_reserved(bhs, &why) == ISCSIP_OK);
	if (W.logged_in && iscsip_pdu_carries(pdu->opcode) & ISCSIP_CARRIES_CMDSN) {
		must(pdu->request.cmdsn == W.expcmdsn);
		if (!pdu->immediate) {
			must(pdu->opcode == ISCSIP_OP_SCSI_COMMAND || pdu->opcode == ISCSIP_OP_LOGOUT_REQUEST);
			must(W.maxcmdsn - pdu->request.cmdsn < 0x80000000u);
			W.expcmdsn++;
		}
	}
	if (W.logged_in && pdu->itt != ISCSIP_TAG_NONE && pdu->opcode != ISCSIP_OP_DATA_OUT) {
		i = W.tag_count < TAGS ? W.tag_count++ : TAGS - 1u;
		W.tags[i] = pdu->itt;
		W.edtl[i] = pdu->opcode == ISCSIP_OP_SCSI_COMMAND ? pdu->scsi_command.edtl : 0;
	}
	if (pdu->opcode == ISCSIP_OP_DATA_OUT)
		must(pdu->data_out.buffer_offset + pdu->data_len <= ROOM && pdu->data_len <= 512);
}

static void read_sent(void)
{
	size_t at = 0;

	while (W.sent_len - at >= ISCSIP_BHS_LEN) {
		struct iscsip_pdu pdu;
		struct iscsip_pdu_lengths len;

		must(iscsip_pdu_decode(&pdu, W.sent + at) == ISCSIP_OK);
		len = iscsip_pdu_measure(&pdu, W.hdigest, W.ddigest);
		must(len.total <= 20000);
		if (W.sent_len - at < len.total)
			break;
		check_sent(&pdu, W.sent + at);
		if (W.hdigest)
			must(load_le32(W.sent + at + 48 + len.ahs) == iscsip_crc32c(0, W.sent + at, 48 + len.ahs));
		at += len.total;
	}
	memmove(W.sent, W.sent + at, W.sent_len - at);
	W.sent_len -= at;
}

static void drain(size_t n)
{
	struct iscsip_vec vec[8];
	size_t got = 0, want;
	int cnt = iscsip_conn_tx_next(W.c, vec, 8, W.now), i;

	must(cnt <= 8);
	for (i = 0; i < cnt && got < n; i++) {
		want = vec[i].len < n - got ? vec[i].len : n - got;
		want = want < sizeof W.sent - W.sent_len ? want : sizeof W.sent - W.sent_len;
		memcpy(W.sent + W.sent_len, vec[i].base, want);
		W.sent_len += want;
		got += want;
	}
	if (got)
		must(iscsip_conn_tx_done(W.c, got, W.now) == ISCSIP_OK);
	if (got && W.hold && !(take() & 1))
		(void)iscsip_conn_tx_release(W.c, got);
	read_sent();
}

static void drain_all(void)
{
	size_t before;
	int i;

	for (i = 0; i < 200; i++) {
		before = W.sent_len;
		drain(sizeof W.sent);
		if (W.hold)
			(void)iscsip_conn_tx_release(W.c, 1);
		if (W.sent_len == before && !(iscsip_conn_want(W.c) & ISCSIP_WANT_TX))
			return;
	}
}

/* --- the target --- */

static void feed(const uint8_t *p, size_t n, bool in_place)
{
	size_t sum = 0;

	while (sum < n) {
		ptrdiff_t got;

		if (in_place) {
			struct iscsip_vec vec[4];
			int cnt = iscsip_conn_rx_next(W.c, NULL, vec, 4), i;
			size_t put = 0;

			for (i = 0; i < cnt && put < n - sum; i++) {
				size_t m = vec[i].len < n - sum - put ? vec[i].len : n - sum - put;

				memcpy(vec[i].base, p + sum + put, m);
				put += m;
			}
			if (put == 0)
				return;
			got = iscsip_conn_rx_done(W.c, put, W.now);
			got = got < 0 ? got : (ptrdiff_t)put - got;
		} else {
			got = iscsip_conn_rx_push(W.c, p + sum, n - sum, W.now);
		}
		if (got <= 0)
			return;
		sum += (size_t)got;
	}
}

static size_t encode(uint8_t *dst, struct iscsip_pdu *pdu, const uint8_t *data, uint32_t len)
{
	uint32_t at = ISCSIP_BHS_LEN, pad = iscsip_pad4(len) - len;

	pdu->data_len = len;
	if (iscsip_pdu_encode(dst, pdu))
		return 0;
	if (W.hdigest) {
		store_le32(dst + at, iscsip_crc32c(0, dst, at));
		at += 4;
	}
	if (len) {
		memcpy(dst + at, data, len);
		memset(dst + at + len, 0, pad);
		if (W.ddigest)
			store_le32(dst + at + len + pad, iscsip_crc32c(0, dst + at, len + pad));
		at += len + pad + (W.ddigest ? 4u : 0u);
	}
	return at;
}

static void number(struct iscsip_pdu *pdu)
{
	pdu->reply.statsn = W.statsn;
	pdu->reply.expcmdsn = W.expcmdsn;
	pdu->reply.maxcmdsn = W.expcmdsn + W.window - 1u;
	if (W.maxcmdsn - pdu->reply.maxcmdsn >= 0x80000000u)
		W.maxcmdsn = pdu->reply.maxcmdsn;
	if (iscsip_pdu_uses_statsn(pdu))
		W.statsn++;
}

static void give(struct iscsip_pdu *pdu, const uint8_t *data, uint32_t len)
{
	static uint8_t buf[10000];
	size_t n = encode(buf, pdu, data, len);

	feed(buf, n, take() & 1);
}

static uint32_t some_tag(unsigned n)
{
	return W.tag_count ? W.tags[W.tag_count - 1 - n % W.tag_count] : n;
}

/* A PDU that is good but for what the input spoils: shape bits 0-3 which, 4-5 what is spoiled. */
static void give_shaped(void)
{
	static const uint8_t ops[] = { ISCSIP_OP_SCSI_RESPONSE, ISCSIP_OP_DATA_IN, ISCSIP_OP_DATA_IN, ISCSIP_OP_R2T, ISCSIP_OP_R2T,
				       ISCSIP_OP_TASK_RESPONSE, ISCSIP_OP_TEXT_RESPONSE, ISCSIP_OP_LOGOUT_RESPONSE,
				       ISCSIP_OP_NOP_IN, ISCSIP_OP_NOP_IN, ISCSIP_OP_ASYNC, ISCSIP_OP_REJECT,
				       ISCSIP_OP_SCSI_RESPONSE, ISCSIP_OP_DATA_IN, ISCSIP_OP_TASK_RESPONSE, ISCSIP_OP_LOGIN_RESPONSE };
	static uint8_t data[6000];
	unsigned shape = take(), flags = take();
	struct iscsip_pdu pdu;
	uint32_t len = 0;

	memset(&pdu, 0, sizeof pdu);
	memset(data, 0x6b, sizeof data);
	pdu.opcode = ops[shape & 15];
	pdu.itt = some_tag(take());
	pdu.final = true;
	switch (pdu.opcode) {
	case ISCSIP_OP_SCSI_RESPONSE:
		pdu.scsi_response.status = flags & 1 ? 2 : 0;
		pdu.scsi_response.response = flags & 2 ? take() : 0;
		pdu.scsi_response.underflow = flags & 4;
		pdu.scsi_response.overflow = flags & 8;
		pdu.scsi_response.residual = flags & 12 ? take_number() : 0;
		pdu.scsi_response.expdatasn = flags & 16 ? take() : 0;
		len = flags & 1 ? 2 + take() % 80u : 0;
		data[0] = 0;
		data[1] = (uint8_t)(flags & 32 ? take() : len > 2 ? len - 2 : 0);
		break;
	case ISCSIP_OP_DATA_IN:
		pdu.final = flags & 1;
		pdu.data_in.has_status = flags & 2;
		pdu.data_in.ack = flags & 4;
		pdu.data_in.ttt = ISCSIP_TAG_NONE;
		pdu.data_in.datasn = take();
		pdu.data_in.buffer_offset = take_number();
		len = take_number() % 3500u;
		break;
	case ISCSIP_OP_R2T:
		pdu.lun = flags & 1;
		pdu.r2t.ttt = take();
		pdu.r2t.r2tsn = take();
		pdu.r2t.buffer_offset = take_number();
		pdu.r2t.desired_len = take_number();
		break;
	case ISCSIP_OP_TASK_RESPONSE:
		pdu.task_response.response = flags & 7;
		break;
	case ISCSIP_OP_TEXT_RESPONSE:
		pdu.final = flags & 1;
		pdu.text_response.cont = flags & 2;
		pdu.text_response.ttt = flags & 1 ? ISCSIP_TAG_NONE : flags;
		for (len = 0; len < sizeof data && len < (flags & 0xfcu) * 2u && W.left; len++)
			data[len] = take();
		if (flags & 64 && len)
			data[len - 1] = 0;
		break;
	case ISCSIP_OP_LOGOUT_RESPONSE:
		pdu.logout_response.response = flags & 3;
		break;
	case ISCSIP_OP_NOP_IN:
		pdu.nop_in.ttt = flags & 1 ? take() : ISCSIP_TAG_NONE;
		if (flags & 3)
			pdu.itt = ISCSIP_TAG_NONE;
		else
			len = take_number() % 600u;
		break;
	case ISCSIP_OP_ASYNC:
		pdu.async.event = flags & 7;
		pdu.async.param1 = take() & 1;
		pdu.lun = take() & 1;
		len = flags & 8 ? take_number() % 700u : pdu.async.event ? 0 : 4;
		data[0] = 0;
		data[1] = take();
		break;
	case ISCSIP_OP_REJECT:
		pdu.reject.reason = take() & 15;
		len = 48 + (flags & 3);
		memset(data, 0, 48);
		data[0] = (uint8_t)(flags >> 2);
		store_be32(data + 16, some_tag(take()));
		break;
	default:
		break;
	}
	number(&pdu);
	if ((shape >> 4 & 3) == 1)
		pdu.reply.statsn += take();
	if ((shape >> 4 & 3) == 2) {
		pdu.reply.expcmdsn += take_number();
		pdu.reply.maxcmdsn += take_number();
		if (pdu.reply.maxcmdsn - pdu.reply.expcmdsn + 1u < 0x80000000u && pdu.reply.maxcmdsn - W.maxcmdsn < 0x80000000u)
			W.maxcmdsn = pdu.reply.maxcmdsn;
	}
	give(&pdu, data, len);
}

static void give_raw(void)
{
	size_t n = take_number() % 400u;

	n = n < W.left ? n : W.left;
	feed(W.in, n, n & 1);
	W.in += n;
	W.left -= n;
	/* whatever it said of the window */
	W.maxcmdsn = W.expcmdsn + 0x7ffffffeu;
}

/* --- login: the library's own, good one --- */

static void log_in(void)
{
	static uint8_t mem[16384];
	struct iscsip__login_limits limits;
	struct iscsip__login_setup setup = { .limits = &limits, .offer = &W.target_offer, .random = fixed_random };
	struct iscsip__login_access access = { .portal_group_tag = 1 };
	struct iscsip__login *l;
	int i;

	iscsip__login_limits_init(&limits);
	must(iscsip__login_open_target(&l, mem, sizeof mem, &setup) == ISCSIP_OK);
	for (i = 0; i < 40 && iscsip__login_want(l) != LOGIN_DONE; i++) {
		struct iscsip_pdu pdu;
		struct iscsip_pdu_lengths len;
		size_t n;

		switch (iscsip__login_want(l)) {
		case LOGIN_RX:
			W.sent_len = 0;
			n = (size_t)iscsip_conn_tx_pull(W.c, W.sent, sizeof W.sent, W.now);
			if (W.hold)
				(void)iscsip_conn_tx_release(W.c, n);
			must(n >= 48 && iscsip_pdu_decode(&pdu, W.sent) == ISCSIP_OK);
			len = iscsip_pdu_measure(&pdu, false, false);
			must(len.total == n);
			must(iscsip__login_rx(l, &pdu) == ISCSIP_OK);
			must(iscsip__login_rx_text(l, W.sent + len.header, pdu.data_len) == ISCSIP_OK);
			must(iscsip__login_rx_end(l) == ISCSIP_OK);
			break;
		case LOGIN_TX: {
			const void *text;

			memset(&pdu, 0, sizeof pdu);
			must(iscsip__login_tx(l, &pdu) == ISCSIP_OK);
			text = iscsip__login_tx_text(l, &n);
			number(&pdu);
			give(&pdu, text, (uint32_t)n);
			iscsip__login_tx_done(l);
			break;
		}
		case LOGIN_ASK_ACCESS:
			must(iscsip__login_access(l, &access) == ISCSIP_OK);
			break;
		case LOGIN_ASK_SESSION:
			must(iscsip__login_session(l, 7) == ISCSIP_OK);
			break;
		default:
			must(false);
		}
	}
	W.hdigest = iscsip__login_params(l)->header_digest;
	W.ddigest = iscsip__login_params(l)->data_digest;
	iscsip__login_close(l);
	W.sent_len = 0;
	must(W.logged_in);
}

/* --- the run --- */

static void open_conn(bool with_login)
{
	size_t conn_len = iscsip_initiator_conn_size(&W.cfg), login_len = iscsip_login_size(&W.cfg);

	W.conn_mem = malloc(conn_len);
	W.login_mem = malloc(login_len);
	W.logged_in = W.failed_login = W.hdigest = W.ddigest = false;
	W.expcmdsn = W.cfg.initial_cmdsn;
	W.maxcmdsn = W.expcmdsn - 1u;
	W.sent_len = 0;
	W.tag_count = 0;
	must(iscsip_initiator_conn_init(&W.c, W.conn_mem, conn_len, W.login_mem, login_len, W.s, 0, NULL, W.now) == ISCSIP_OK);
	if (with_login)
		log_in();
}

static void close_conn(void)
{
	iscsip_conn_closed(W.c, W.now);
	must(W.logged_in || W.failed_login);
	must(W.pings == 0 && W.texts == 0 && W.logouts == 0 && W.tmfs == 0);
	free(W.conn_mem);
	free(W.login_mem);
	W.conn_mem = W.login_mem = NULL;
}

static void configure(void)
{
	uint8_t a = take(), b = take();
	static const uint8_t reports[] = { ISCSIP_TASK_REPORTING_FAST_ABORT, ISCSIP_TASK_REPORTING_RESPONSE_FENCE,
					   ISCSIP_TASK_REPORTING_RFC3720 };

	W.habits = take();
	W.window = take() % 12u;
	iscsip_config_init(&W.cfg, sizeof W.cfg);
	iscsip_offer_init_initiator(&W.offer);
	iscsip_offer_init_target(&W.target_offer);
	W.offer.header_digest.count = W.offer.data_digest.count = 1;
	W.offer.header_digest.item[0] = a & 1;
	W.offer.data_digest.item[0] = a >> 1 & 1;
	W.offer.initial_r2t = W.target_offer.initial_r2t = a & 4;
	W.offer.immediate_data = !(a & 8);
	W.offer.data_pdu_in_order = W.offer.data_sequence_in_order = !(a & 16);
	W.target_offer.data_pdu_in_order = W.target_offer.data_sequence_in_order = !(a & 16);
	W.discovery = a & 32;
	if (a & 64) {
		W.offer.task_reporting.count = 3;
		memcpy(W.offer.task_reporting.item, reports, 3);
	}
	W.offer.max_outstanding_r2t = 1 + (b & 3u);
	W.offer.first_burst_length = 1024;
	W.offer.max_burst_length = 1024;
	W.offer.max_recv_data_segment_length = 4096;
	W.target_offer.max_recv_data_segment_length = 512;
	W.host.struct_size = sizeof W.host;
	W.host.random = fixed_random;
	W.cfg.host = &W.host;
	W.cfg.offer = &W.offer;
	W.cfg.node_name = "iqn.2026-01.fuzz:initiator";
	W.cfg.limits.max_tasks = (uint16_t)(1 + (b & 7u));
	W.cfg.limits.max_tx_pdus = (uint16_t)(2 + (b >> 3 & 3u));
	W.cfg.limits.text_max = 64;
	W.hold = b & 32;
	W.cfg.flags = W.hold ? ISCSIP_CFG_TX_HOLD : 0;
	W.cfg.nop_interval_ms = 5000;
	W.cfg.initial_cmdsn = b & 64 ? 0xfffffffcu : 1;
	W.statsn = b & 64 ? 0xfffffff0u : 1;
}

static void act(uint8_t op)
{
	static const char text[] = "SendTargets=All\0MaxRecvDataSegmentLength=2048\0X-org.fuzz=1";

	switch (op & 15) {
	case 0:
	case 1:
		submit(take());
		return;
	case 2:
		(void)iscsip_initiator_abort(W.s, &task_of(take())->t, W.now);
		return;
	case 3: {
		uint8_t f = take() % 14u;
		struct iscsip_task *t = f == 1 || f == 9 ? &task_of(take())->t : NULL;

		W.tmfs++; /* it may end inside the call */
		if (iscsip_initiator_tmf(W.s, f, 0, t, &W, W.now) != ISCSIP_OK)
			W.tmfs--;
		return;
	}
	case 4:
		W.pings += iscsip_initiator_ping(W.c, W.ping, take() * 2u, &W, W.now) == ISCSIP_OK;
		return;
	case 5:
		W.texts += iscsip_initiator_text(W.c, text, op & 16 ? sizeof text : 16, &W, W.now) == ISCSIP_OK;
		return;
	case 6:
		W.logouts += iscsip_initiator_logout(W.c, op >> 4 & 1, 0, W.now) == ISCSIP_OK;
		return;
	case 7:
		W.now += take() * 40u;
		(void)iscsip_session_tick(W.s, W.now);
		(void)iscsip_conn_tick(W.c, W.now);
		return;
	case 8:
		drain(take_number());
		return;
	case 9:
		drain_all();
		return;
	case 10:
		give_raw();
		return;
	case 11:
		if (op & 0xe0)
			return;
		close_conn();
		open_conn(true);
		return;
	default:
		give_shaped();
		return;
	}
}

/*
 * Whoever is waited for: it ends by itself. Only what the host itself holds back may be without a time. And nothing is due again
 * at once when it was acted on, or a host that goes by deadlines would do nothing else.
 */
static void times_hold(bool ticked)
{
	iscsip_time of_session = iscsip_session_deadline(W.s), of_conn = iscsip_conn_deadline(W.c);

	if (iscsip_conn_want(W.c) & ISCSIP_WANT_CLOSE)
		return;
	if (ticked)
		must(of_session > W.now && of_conn > W.now);
	if (!W.hold && (W.tmfs || W.pings || W.texts || W.logouts))
		must(of_session != ISCSIP_TIME_NEVER || of_conn != ISCSIP_TIME_NEVER);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct iscsip_initiator_identity id = { NULL, { 0 } };
	size_t len;
	unsigned i;
	int ops = 0;

	memset(&W, 0, sizeof W);
	W.in = data;
	W.left = size;
	W.now = 1;
	configure();
	id.target_name = W.discovery ? NULL : "iqn.2026-01.fuzz:target";
	must(iscsip_config_check(&W.cfg) == ISCSIP_OK);
	len = iscsip_initiator_session_size(&W.cfg);
	W.session_mem = malloc(len);
	must(iscsip_initiator_session_init(&W.s, W.session_mem, len, &W.cfg, &id, &OPS, &W) == ISCSIP_OK);
	open_conn(!(size && data[0] & 128));
	while (W.left && ops++ < 2000) {
		uint8_t op = take();

		act(op);
		times_hold((op & 15) == 7);
	}
	W.left = 0;
	W.habits = 0;
	close_conn();
	must(iscsip_initiator_session_fini(W.s) == ISCSIP_OK);
	for (i = 0; i < TASKS; i++)
		must(!W.tasks[i].out_there);
	free(W.session_mem);
	return 0;
}
