/* SPDX-License-Identifier: MIT */
/*
 * The rig of ini_rig.h. It owns all memory of the objects under test, each piece on its own and of the exact size that the
 * library asks for, so that the sanitizers see every step beside it.
 */
#include "flow/ini_rig.h"

#include <stdlib.h>

#include <iscsiproto/crc32c.h>

#include "base/bytes.h"
#include "login/login.h"


/* --- callbacks --- */

static void look_inside(struct ini_rig *r)
{
	if (r->inside)
		r->inside(r);
}

static void on_login(void *user, struct iscsip_conn *c, int err, uint16_t status, const struct iscsip_login_info *info)
{
	struct ini_rig *r = iscsip_conn_user(c);

	(void)user;
	r->logins++;
	r->login_err = err;
	r->login_status = status;
	if (status == ISCSIP_LOGIN_MOVED_TEMPORARILY || status == ISCSIP_LOGIN_MOVED_PERMANENTLY)
		(void)iscsip_address_format(&info->redirect, r->redirect, sizeof r->redirect);
	look_inside(r);
}

static void on_task(void *user, struct iscsip_task *t)
{
	struct ini_rig *r = user;

	assert_true(r->done_count < IT_TASKS);
	r->done[r->done_count++] = t;
	if (r->on_task)
		r->on_task(r, t);
	look_inside(r);
}

static void on_tmf(void *user, void *cookie, int err, uint8_t response)
{
	struct ini_rig *r = user;

	assert_ptr_equal(cookie, r);
	r->tmfs++;
	r->tmf_err = err;
	r->tmf_response = response;
	look_inside(r);
}

static void on_ping(void *user, void *cookie, int err, const void *data, size_t len)
{
	struct ini_rig *r = user;

	assert_ptr_equal(cookie, data);
	r->pings++;
	r->ping_err = err;
	r->ping_len = len;
	look_inside(r);
}

static void on_text(void *user, void *cookie, int err, const char *key, const char *value, size_t len)
{
	struct ini_rig *r = user;

	assert_ptr_equal(cookie, r);
	if (!key) {
		r->text_ends++;
		r->text_err = err;
		look_inside(r);
		return;
	}
	assert_int_equal(strlen(value), len);
	if (r->text_pairs < IT_TEXTS)
		snprintf(r->text[r->text_pairs], sizeof r->text[0], "%s=%s", key, value);
	r->text_pairs++;
}

static void on_logout(void *user, struct iscsip_conn *c, int err, uint8_t response, uint16_t wait, uint16_t retain)
{
	struct ini_rig *r = iscsip_conn_user(c);

	(void)user;
	(void)wait;
	(void)retain;
	r->logouts++;
	r->logout_err = err;
	r->logout_response = response;
	look_inside(r);
}

static void on_async(void *user, struct iscsip_conn *c, const struct iscsip_async_message *a)
{
	struct ini_rig *r = iscsip_conn_user(c);

	(void)user;
	assert_ptr_equal(c, r->c);
	r->asyncs++;
	r->async = *a;
	assert_true(a->len <= sizeof r->async_data);
	memcpy(r->async_data, a->len ? a->data : "", a->len);
	if (r->on_async)
		r->on_async(r);
	look_inside(r);
}

static void on_state(void *user, struct iscsip_session *s, int state, const struct iscsip_error *why)
{
	struct ini_rig *r = user;

	assert_ptr_equal(s, r->s);
	r->states++;
	r->state = state;
	if (why)
		r->why = *why;
	look_inside(r);
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
	.state = on_state,
};

static void it_random(void *user, uint8_t *dst, size_t len)
{
	(void)user;
	memset(dst, 0x5a, len);
}

static void it_wake(void *user, struct iscsip_conn *c)
{
	struct ini_rig *r = user;

	(void)c;
	r->wakes++;
}

/* --- making --- */

void it_init(struct ini_rig *r)
{
	memset(r, 0, sizeof *r);
	iscsip_config_init(&r->cfg, sizeof r->cfg);
	iscsip_offer_init_initiator(&r->offer);
	iscsip_offer_init_target(&r->target_offer);
	r->offer.header_digest.count = r->offer.data_digest.count = 1;
	r->offer.header_digest.item[0] = r->offer.data_digest.item[0] = ISCSIP_DIGEST_NONE;
	r->host.struct_size = sizeof r->host;
	r->host.random = it_random;
	r->host.wake = it_wake;
	r->host.user = r;
	r->cfg.host = &r->host;
	r->cfg.offer = &r->offer;
	r->cfg.node_name = "iqn.2026-01.test:initiator";
	r->cfg.limits.max_tasks = 8;
	r->cfg.limits.max_tx_pdus = 8;
	r->statsn = 100;
	r->window = 8;
	r->cid = 1;
	r->now = 1000;
}

static void *exact(size_t n)
{
	void *p = malloc(n);

	assert_true(n > 0);
	assert_non_null(p);
	memset(p, 0xa5, n);
	return p;
}

void it_open(struct ini_rig *r)
{
	struct iscsip_initiator_identity id = { r->discovery ? NULL : "iqn.2026-01.test:target", { 0x40, 1, 2, 3, 4, 5 } };
	size_t session_len, conn_len, login_len;

	assert_int_equal(iscsip_config_check(&r->cfg), ISCSIP_OK);
	session_len = iscsip_initiator_session_size(&r->cfg);
	conn_len = iscsip_initiator_conn_size(&r->cfg);
	login_len = iscsip_login_size(&r->cfg);
	r->conn_mem = exact(conn_len);
	r->login_mem = exact(login_len);
	if (!r->s) {
		r->session_mem = exact(session_len);
		assert_int_equal(iscsip_initiator_session_init(&r->s, r->session_mem, session_len, &r->cfg, &id, &OPS, r),
				 ISCSIP_OK);
	}
	assert_int_equal(iscsip_initiator_conn_init(&r->c, r->conn_mem, conn_len, r->login_mem, login_len, r->s, r->cid, r, r->now),
			 ISCSIP_OK);
	if (!r->first)
		r->expcmdsn = r->cfg.initial_cmdsn;
}

/* The numbers of commands are the session's. */
static uint32_t *expcmdsn_of(struct ini_rig *r)
{
	return r->first ? &r->first->expcmdsn : &r->expcmdsn;
}

/* --- bytes --- */

static size_t pulled(struct ini_rig *r, uint8_t *dst, size_t room)
{
	struct iscsip_vec vec[8];
	size_t n = 0;
	int cnt = iscsip_conn_tx_next(r->c, vec, 8, r->now), i;

	for (i = 0; i < cnt && n < room; i++) {
		size_t m = vec[i].len < room - n ? vec[i].len : room - n;

		memcpy(dst + n, vec[i].base, m);
		n += m;
	}
	if (n)
		assert_int_equal(iscsip_conn_tx_done(r->c, n, r->now), ISCSIP_OK);
	return n;
}

void it_drain(struct ini_rig *r)
{
	size_t n;

	do {
		size_t room = sizeof r->out - r->out_len;

		assert_true(room > 0);
		if (r->step && r->step < room)
			room = r->step;
		if (r->doors == IT_PUSH) {
			ptrdiff_t got = iscsip_conn_tx_pull(r->c, r->out + r->out_len, room, r->now);

			n = got > 0 ? (size_t)got : 0;
		} else {
			n = pulled(r, r->out + r->out_len, room);
		}
		r->out_len += n;
		if (n && (r->cfg.flags & ISCSIP_CFG_TX_HOLD) && !r->keep)
			assert_int_equal(iscsip_conn_tx_release(r->c, n), ISCSIP_OK);
	} while (n);
}

/* Bytes through rx_next and rx_done, as a host with readv() would do it. */
static size_t placed(struct ini_rig *r, const uint8_t *p, size_t n)
{
	struct iscsip_vec stage = { r->stage, r->doors == IT_STAGE ? sizeof r->stage : 0 }, vec[4];
	int cnt = iscsip_conn_rx_next(r->c, r->doors == IT_STAGE ? &stage : NULL, vec, 4), i;
	size_t put = 0;
	ptrdiff_t left;

	if (cnt <= 0) {
		r->err = cnt;
		return 0;
	}
	for (i = 0; i < cnt && put < n; i++) {
		size_t m = vec[i].len < n - put ? vec[i].len : n - put;

		memcpy(vec[i].base, p + put, m);
		put += m;
	}
	left = iscsip_conn_rx_done(r->c, put, r->now);
	if (left < 0) {
		r->err = (int)left;
		return 0;
	}
	return put - (size_t)left;
}

size_t it_feed(struct ini_rig *r, const void *p, size_t n)
{
	const uint8_t *at = p;
	size_t sum = 0;

	while (sum < n) {
		size_t m = r->step && r->step < n - sum ? r->step : n - sum, took;

		if (r->doors == IT_PUSH) {
			ptrdiff_t got = iscsip_conn_rx_push(r->c, at + sum, m, r->now);

			if (got < 0)
				r->err = (int)got;
			took = got > 0 ? (size_t)got : 0;
		} else {
			took = placed(r, at + sum, m);
		}
		if (took == 0)
			break;
		sum += took;
	}
	return sum;
}

size_t it_encode(struct ini_rig *r, uint8_t *dst, const struct iscsip_pdu *h, const void *data, uint32_t len, int spoil)
{
	struct iscsip_pdu pdu = *h;
	uint32_t at = ISCSIP_BHS_LEN, pad = iscsip_pad4(len) - len;

	pdu.data_len = len;
	assert_int_equal(iscsip_pdu_encode(dst, &pdu), ISCSIP_OK);
	if (r->hdigest) {
		store_le32(dst + at, iscsip_crc32c(0, dst, at) ^ (spoil == 1 ? 1u : 0u));
		at += 4;
	}
	if (len) {
		memcpy(dst + at, data, len);
		memset(dst + at + len, r->pad, pad);
		if (r->ddigest)
			store_le32(dst + at + len + pad, iscsip_crc32c(0, dst + at, len + pad) ^ (spoil == 2 ? 1u : 0u));
		at += len + pad + (r->ddigest ? 4u : 0u);
	}
	return at;
}

void it_give(struct ini_rig *r, struct iscsip_pdu *h, const void *data, uint32_t len)
{
	uint8_t *buf = exact(len + 64u);
	size_t n;

	h->reply.statsn = r->statsn;
	h->reply.expcmdsn = *expcmdsn_of(r);
	h->reply.maxcmdsn = *expcmdsn_of(r) + r->window - 1u;
	if (iscsip_pdu_uses_statsn(h))
		r->statsn++;
	n = it_encode(r, buf, h, data, len, 0);
	it_feed(r, buf, n);
	free(buf);
}

/* --- what came --- */

static void forget(struct ini_rig *r, size_t n)
{
	memmove(r->out, r->out + n, r->out_len - n);
	r->out_len -= n;
}

struct it_pdu *it_take(struct ini_rig *r, uint8_t opcode)
{
	struct it_pdu *g = &r->got;
	struct iscsip_pdu_lengths len;
	struct iscsip_error why;

	it_drain(r);
	assert_true(r->out_len >= ISCSIP_BHS_LEN);
	memset(&g->h, 0, sizeof g->h);
	assert_int_equal(iscsip_pdu_decode(&g->h, r->out), ISCSIP_OK);
	assert_int_equal(g->h.opcode, opcode);
	if (iscsip_pdu_check(&g->h, r->out, ISCSIP_TARGET, r->logins == 0 ? ISCSIP_PHASE_LOGIN : r->discovery ?
			     ISCSIP_PHASE_DISCOVERY : ISCSIP_PHASE_NORMAL, &why))
		fail_msg("the initiator broke rule %u: %s", why.rule, iscsip_rule_text(why.rule));
	assert_int_equal(iscsip_pdu_check_reserved(r->out, &why), ISCSIP_OK);
	len = iscsip_pdu_measure(&g->h, r->hdigest, r->ddigest);
	assert_true(r->out_len >= len.total);
	assert_true(g->h.data_len <= sizeof g->data);
	g->ahs_len = len.ahs;
	memcpy(g->ahs, r->out + ISCSIP_BHS_LEN, len.ahs);
	if (r->hdigest)
		assert_int_equal(load_le32(r->out + ISCSIP_BHS_LEN + len.ahs),
				 iscsip_crc32c(0, r->out, ISCSIP_BHS_LEN + len.ahs));
	memcpy(g->data, r->out + len.header, g->h.data_len);
	if (len.data_digest)
		assert_int_equal(load_le32(r->out + len.header + g->h.data_len + len.pad),
				 iscsip_crc32c(0, r->out + len.header, g->h.data_len + len.pad));
	if (r->logins && (iscsip_pdu_carries(opcode) & ISCSIP_CARRIES_EXPSTATSN))
		assert_int_equal(g->h.request.expstatsn, r->statsn);
	if (r->logins && (iscsip_pdu_carries(opcode) & ISCSIP_CARRIES_CMDSN)) {
		assert_int_equal(g->h.request.cmdsn, *expcmdsn_of(r));
		*expcmdsn_of(r) += !g->h.immediate;
	}
	forget(r, len.total);
	return g;
}

void it_quiet(struct ini_rig *r)
{
	it_drain(r);
	assert_int_equal(r->out_len, 0);
}

/* --- login --- */

static void target_random(void *user, uint8_t *dst, size_t len)
{
	(void)user;
	memset(dst, 0x33, len);
}

static void target_answer(struct ini_rig *r, struct iscsip__login *l)
{
	struct iscsip_pdu pdu = { 0 };
	const void *text;
	size_t len;

	assert_int_equal(iscsip__login_tx(l, &pdu), ISCSIP_OK);
	text = iscsip__login_tx_text(l, &len);
	pdu.opcode = ISCSIP_OP_LOGIN_RESPONSE;
	it_give(r, &pdu, text, (uint32_t)len);
	iscsip__login_tx_done(l);
}

void it_login(struct ini_rig *r)
{
	struct iscsip__login_limits limits;
	struct iscsip__login_setup setup = { .limits = &limits, .offer = &r->target_offer, .random = target_random };
	struct iscsip__login_access access = { .portal_group_tag = 1,
					       .session = r->first ? iscsip_session_params(r->s) : NULL };
	struct iscsip__login *l;
	size_t len;
	void *mem;
	int i;

	iscsip__login_limits_init(&limits);
	len = iscsip__login_size(&limits);
	mem = exact(len);
	assert_int_equal(iscsip__login_open_target(&l, mem, len, &setup), ISCSIP_OK);
	for (i = 0; i < 40 && iscsip__login_want(l) != LOGIN_DONE; i++) {
		switch (iscsip__login_want(l)) {
		case LOGIN_RX:
			it_take(r, ISCSIP_OP_LOGIN_REQUEST);
			assert_int_equal(iscsip__login_rx(l, &r->got.h), ISCSIP_OK);
			assert_int_equal(iscsip__login_rx_text(l, r->got.data, r->got.h.data_len), ISCSIP_OK);
			assert_int_equal(iscsip__login_rx_end(l), ISCSIP_OK);
			break;
		case LOGIN_TX:
			target_answer(r, l);
			break;
		case LOGIN_ASK_ACCESS:
			assert_int_equal(iscsip__login_access(l, &access), ISCSIP_OK);
			break;
		case LOGIN_ASK_SESSION:
			assert_int_equal(iscsip__login_session(l, 0x1234), ISCSIP_OK);
			break;
		default:
			fail_msg("the login went wrong: %s", iscsip__login_reason(l));
		}
	}
	r->hdigest = iscsip__login_params(l)->header_digest;
	r->ddigest = iscsip__login_params(l)->data_digest;
	iscsip__login_close(l);
	free(mem);
	free(r->login_mem);
	r->login_mem = NULL;
	assert_int_equal(r->logins, 1);
	assert_int_equal(r->login_err, ISCSIP_OK);
	assert_int_equal(r->login_status, ISCSIP_LOGIN_SUCCESS);
	assert_int_equal(iscsip_session_state(r->s), ISCSIP_SESSION_LOGGED_IN);
	assert_int_equal(iscsip_session_tsih(r->s), 0x1234);
}

void it_begin(struct ini_rig *r)
{
	it_init(r);
	it_open(r);
	it_login(r);
}

void it_join(struct ini_rig *second, struct ini_rig *r)
{
	it_init(second);
	second->cfg = r->cfg;
	second->offer = r->offer;
	second->target_offer = r->target_offer;
	second->first = r;
	second->s = r->s;
	second->cid = 2;
	second->window = r->window;
	second->statsn = 5000; /* no number of one connection may be taken for the other's */
	second->now = r->now;
	it_open(second);
	it_login(second);
}

void it_close(struct ini_rig *r)
{
	iscsip_conn_closed(r->c, r->now);
	assert_int_equal(iscsip_conn_state(r->c), ISCSIP_CONN_CLOSED);
}

void it_end(struct ini_rig *r)
{
	if (r->c && iscsip_conn_state(r->c) != ISCSIP_CONN_CLOSED)
		it_close(r);
	if (r->s && !r->first)
		assert_int_equal(iscsip_initiator_session_fini(r->s), ISCSIP_OK);
	free(r->conn_mem);
	free(r->session_mem);
	free(r->login_mem);
}

/* --- PDUs and tasks --- */

struct iscsip_pdu it_pdu(uint8_t opcode, uint32_t itt)
{
	struct iscsip_pdu p;

	memset(&p, 0, sizeof p);
	p.opcode = opcode;
	p.itt = itt;
	p.final = true;
	return p;
}

struct iscsip_pdu it_pdu_response(uint32_t itt, uint8_t status)
{
	struct iscsip_pdu p = it_pdu(ISCSIP_OP_SCSI_RESPONSE, itt);

	p.scsi_response.status = status;
	return p;
}

struct iscsip_pdu it_pdu_data_in(uint32_t itt, uint32_t datasn, uint32_t off, bool final)
{
	struct iscsip_pdu p = it_pdu(ISCSIP_OP_DATA_IN, itt);

	p.final = final;
	p.data_in.ttt = ISCSIP_TAG_NONE;
	p.data_in.datasn = datasn;
	p.data_in.buffer_offset = off;
	return p;
}

struct iscsip_pdu it_pdu_r2t(uint32_t itt, uint32_t ttt, uint32_t r2tsn, uint32_t off, uint32_t len)
{
	struct iscsip_pdu p = it_pdu(ISCSIP_OP_R2T, itt);

	p.r2t.ttt = ttt;
	p.r2t.r2tsn = r2tsn;
	p.r2t.buffer_offset = off;
	p.r2t.desired_len = len;
	return p;
}

void it_read(struct it_task *k, void *in, uint32_t len)
{
	memset(k, 0, sizeof *k);
	k->in.base = in;
	k->in.len = len;
	k->t.in_vec = &k->in;
	k->t.in_cnt = 1;
	k->t.in_len = len;
	k->t.attr = ISCSIP_ATTR_SIMPLE;
	k->t.cdb[0] = 0x28;
	k->t.sense = k->sense;
	k->t.sense_cap = sizeof k->sense;
}

void it_write(struct it_task *k, void *out, uint32_t len)
{
	memset(k, 0, sizeof *k);
	k->out.base = out;
	k->out.len = len;
	k->t.out_vec = &k->out;
	k->t.out_cnt = 1;
	k->t.out_len = len;
	k->t.attr = ISCSIP_ATTR_SIMPLE;
	k->t.cdb[0] = 0x2a;
	k->t.sense = k->sense;
	k->t.sense_cap = sizeof k->sense;
}

void it_submit(struct ini_rig *r, struct it_task *k)
{
	assert_int_equal(iscsip_initiator_submit(r->s, &k->t, r->now), ISCSIP_OK);
}

bool it_is_done(const struct ini_rig *r, const struct it_task *k)
{
	int i, times = 0;

	for (i = 0; i < r->done_count; i++)
		times += r->done[i] == &k->t;
	assert_true(times <= 1);
	return times == 1;
}

void it_expect_broken(struct ini_rig *r, int code, unsigned rule)
{
	const struct iscsip_error *e = iscsip_conn_error(r->c);
	uint8_t byte = 0;

	assert_int_equal(e->code, code);
	assert_int_equal(e->rule, rule);
	assert_true(iscsip_conn_want(r->c) & ISCSIP_WANT_CLOSE || iscsip_conn_want(r->c) & ISCSIP_WANT_TX);
	assert_false(iscsip_conn_want(r->c) & ISCSIP_WANT_RX);
	assert_int_equal(iscsip_conn_rx_push(r->c, &byte, 1, r->now), code);
}
