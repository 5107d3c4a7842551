/* SPDX-License-Identifier: MIT */
/*
 * The pair of pair_rig.h: hosts of both roles, the device, the pipe. Every block of memory is of the exact size that the library
 * asks for.
 */
#include "pair_rig.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

uint32_t pair_random(struct pair *p, uint32_t below)
{
	p->seed = p->seed * 1664525u + 1013904223u;
	return below ? (p->seed >> 8) % below : 0;
}

/* --- the initiator's host --- */

static void i_login(void *user, struct iscsip_conn *c, int err, uint16_t status, const struct iscsip_login_info *info)
{
	struct pair *p = user;

	(void)c;
	(void)info;
	PAIR_MUST(p, !p->login_ended);
	p->login_ended = true;
	p->login_err = err;
	p->login_status = status;
	p->logged_in = err == ISCSIP_OK && status == ISCSIP_LOGIN_SUCCESS;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* A command that ended well did what it was to do. */
static void check_outcome(struct pair *p, const struct pair_task *k)
{
	const struct iscsip_result *r = &k->t.result;
	uint32_t came = least(k->t.in_len, k->brings), went = least(k->t.out_len, k->takes);

	if (k->reads) {
		PAIR_MUST(p, r->in_len == came);
		PAIR_MUST(p, memcmp(k->in, k->before, came) == 0);
		PAIR_MUST(p, r->in_overflow == (k->brings > k->t.in_len));
		PAIR_MUST(p, r->in_residual == (r->in_overflow ? k->brings - k->t.in_len : k->t.in_len - came));
	}
	if (k->writes) {
		PAIR_MUST(p, memcmp(p->disk + k->offset, k->out, went) == 0);
		PAIR_MUST(p, r->out_overflow == (k->takes > k->t.out_len));
		PAIR_MUST(p, r->out_len == went);
		PAIR_MUST(p, r->out_residual == (r->out_overflow ? k->takes - k->t.out_len : k->t.out_len - went));
	}
}

static void i_task(void *user, struct iscsip_task *t)
{
	struct pair *p = user;
	struct pair_task *k = (struct pair_task *)(void *)t;

	PAIR_MUST(p, k >= p->tasks && k < p->tasks + PAIR_TASKS && k->busy);
	PAIR_MUST(p, t->result.in_len <= t->in_len && t->result.out_len <= t->out_len);
	PAIR_MUST(p, t->result.out_overflow || t->result.out_residual == t->out_len - t->result.out_len);
	k->busy = false;
	p->done++;
	if (t->result.err != ISCSIP_OK || t->result.response || t->result.status)
		return;
	p->good++;
	if (p->trust)
		check_outcome(p, k);
}

static void i_tmf(void *user, void *cookie, int err, uint8_t response)
{
	struct pair *p = user;

	(void)cookie;
	p->tmfs++;
	p->tmf_err = err;
	p->tmf_response = response;
}

static void i_ping(void *user, void *cookie, int err, const void *data, size_t len)
{
	struct pair *p = user;

	(void)cookie;
	(void)data;
	(void)len;
	p->pings++;
	p->ping_err = err;
}

static void i_text(void *user, void *cookie, int err, const char *key, const char *value, size_t len)
{
	struct pair *p = user;

	(void)cookie;
	if (!key) {
		p->texts++;
		p->text_err = err;
		return;
	}
	if (p->text_pairs < 8 && strlen(key) + len + 2 <= sizeof p->text[0]) {
		char *at = p->text[p->text_pairs];

		memcpy(at, key, strlen(key));
		at[strlen(key)] = '=';
		memcpy(at + strlen(key) + 1, value, len + 1);
	}
	p->text_pairs++;
}

static void i_logout(void *user, struct iscsip_conn *c, int err, uint8_t response, uint16_t wait, uint16_t retain)
{
	struct pair *p = user;

	(void)c;
	(void)err;
	(void)response;
	(void)wait;
	(void)retain;
	p->logouts++;
}

static void i_async(void *user, struct iscsip_conn *c, const struct iscsip_async_message *a)
{
	struct pair *p = user;

	(void)c;
	(void)a;
	p->asyncs++;
}

static const struct iscsip_initiator_ops I_OPS = {
	.struct_size = sizeof I_OPS,
	.login_done = i_login,
	.task_done = i_task,
	.tmf_done = i_tmf,
	.ping_done = i_ping,
	.text = i_text,
	.logout_done = i_logout,
	.async = i_async,
};

static void fixed_random(void *user, uint8_t *dst, size_t len)
{
	struct pair *p = user;
	size_t i;

	for (i = 0; i < len; i++)
		dst[i] = (uint8_t)pair_random(p, 256);
}

/* --- the device --- */

/* A field of a CDB, within what there is. */
static uint32_t field(const struct pair *p, const struct iscsip_cmd *cmd, unsigned at, uint32_t most)
{
	uint32_t v = load_be32(cmd->cdb + at);

	return p->stray && v > most ? most : v;
}

static uint32_t slot_of(const struct pair *p, const struct iscsip_cmd *cmd)
{
	uint32_t at = load_be32(cmd->cdb + 2);

	return p->stray ? at % PAIR_TASKS * PAIR_SLOT : at;
}

static struct pair_cmd *state_of(struct pair *p, struct iscsip_cmd *cmd)
{
	int i;

	if (cmd->user)
		return cmd->user;
	for (i = 0; i < PAIR_CMDS && p->cmds[i].cmd; i++)
		;
	PAIR_MUST(p, i < PAIR_CMDS);
	memset(&p->cmds[i], 0, offsetof(struct pair_cmd, stage));
	p->cmds[i].cmd = cmd;
	cmd->user = &p->cmds[i];
	return &p->cmds[i];
}

static uint32_t piece_of(struct pair *p, uint32_t left)
{
	return p->pieces && left > 1 ? 1 + pair_random(p, left) : left;
}

static void complete(struct pair *p, struct pair_cmd *k, uint8_t status)
{
	struct iscsip_cmd_status st = { .status = status };

	st.in_total = field(p, k->cmd, 6, PAIR_SLOT);
	st.out_total = field(p, k->cmd, 10, PAIR_SLOT);
	k->completed = true;
	PAIR_MUST(p, iscsip_cmd_complete(k->cmd, &st) == ISCSIP_OK);
}

/* True: all data-out that it takes is on the disk. */
static bool take_data(struct pair *p, struct pair_cmd *k)
{
	uint32_t total = least(field(p, k->cmd, 10, PAIR_SLOT), k->cmd->out_len);

	while (k->placed && k->asked < total) {
		uint32_t n = piece_of(p, total - k->asked);
		int rc = iscsip_cmd_request_data(k->cmd, k->asked, n);

		if (rc != ISCSIP_OK && rc != ISCSIP_DONE)
			return false;
		k->asked += n;
		if (rc == ISCSIP_OK) {
			k->waiting = true;
			return false;
		}
	}
	/* what a bidirectional command brings is what was there before */
	if (!k->written) {
		uint32_t at = slot_of(p, k->cmd);

		memcpy(k->bring, p->disk + at, least(field(p, k->cmd, 6, PAIR_SLOT), k->cmd->in_len));
		memcpy(p->disk + at, k->stage, k->placed ? total : 0);
		k->written = true;
	}
	return true;
}

static bool bring_data(struct pair *p, struct pair_cmd *k)
{
	uint32_t total = least(field(p, k->cmd, 6, PAIR_SLOT), k->cmd->in_len);

	while (k->given < total && !k->sending) {
		uint32_t n = piece_of(p, total - k->given), cut = p->pieces ? pair_random(p, n + 1) : n;
		uint8_t *from = k->bring + k->given;
		int rc;

		k->piece[0].base = from;
		k->piece[0].len = cut;
		k->piece[1].base = from + cut;
		k->piece[1].len = n - cut;
		k->sending = true;
		rc = iscsip_cmd_send_data(k->cmd, k->piece, 2, n, k->given + n == total);
		if (rc != ISCSIP_OK)
			return false;
		k->given += n;
	}
	return k->given == total;
}

static void serve(struct pair *p, struct pair_cmd *k)
{
	if (!k->executing || k->completed)
		return;
	if (k->aborted) {
		complete(p, k, 0x40);
		return;
	}
	if (k->waiting || !take_data(p, k))
		return;
	if (bring_data(p, k))
		complete(p, k, 0);
}

static int d_place(void *user, struct iscsip_cmd *cmd)
{
	struct pair *p = user;
	struct pair_cmd *k = state_of(p, cmd);

	p->places++;
	PAIR_MUST(p, p->stray || cmd->out_len <= PAIR_SLOT);
	if (cmd->out_len > PAIR_SLOT)
		return ISCSIP_OK; /* no place: it takes nothing */
	k->placed = true;
	k->place.base = k->stage;
	k->place.len = PAIR_SLOT;
	PAIR_MUST(p, iscsip_cmd_set_buffer(cmd, &k->place, 1) == ISCSIP_OK);
	return ISCSIP_OK;
}

static void d_exec(void *user, struct iscsip_cmd *cmd)
{
	struct pair *p = user;
	struct pair_cmd *k = state_of(p, cmd);

	p->execs++;
	PAIR_MUST(p, !k->executing && slot_of(p, cmd) % PAIR_SLOT == 0 && slot_of(p, cmd) < sizeof p->disk);
	k->executing = true;
	if (!p->later)
		serve(p, k);
}

static void d_data(void *user, struct iscsip_cmd *cmd)
{
	struct pair *p = user;
	struct pair_cmd *k = cmd->user;

	PAIR_MUST(p, k->waiting && !k->completed);
	k->waiting = false;
	if (!p->later)
		serve(p, k);
}

static void d_sent(void *user, struct iscsip_cmd *cmd)
{
	struct pair *p = user;
	struct pair_cmd *k = cmd->user;

	PAIR_MUST(p, k->sending);
	k->sending = false;
	if (!p->later)
		serve(p, k);
}

static void d_abort(void *user, struct iscsip_cmd *cmd)
{
	struct pair *p = user;
	struct pair_cmd *k = cmd->user;

	PAIR_MUST(p, k->executing && !k->aborted);
	p->aborts++;
	k->aborted = true;
	if (!p->later && !k->completed)
		serve(p, k);
}

static void d_free(void *user, struct iscsip_cmd *cmd)
{
	struct pair *p = user;
	struct pair_cmd *k = cmd->user;

	p->frees++;
	PAIR_MUST(p, k && k->cmd == cmd && (!k->executing || k->completed));
	k->cmd = NULL;
}

static void d_tmf(void *user, struct iscsip_tmf *tmf)
{
	struct pair *p = user;

	PAIR_MUST(p, iscsip_tmf_complete(tmf, ISCSIP_TMF_COMPLETE) == ISCSIP_OK);
}

static const struct iscsip_device_ops D_OPS = {
	.struct_size = sizeof D_OPS,
	.place = d_place,
	.exec = d_exec,
	.data = d_data,
	.sent = d_sent,
	.abort = d_abort,
	.free = d_free,
	.tmf = d_tmf,
};

static bool serve_later(struct pair *p)
{
	uint32_t first = p->shuffle ? pair_random(p, PAIR_CMDS) : 0, i;
	bool any = false;

	for (i = 0; i < PAIR_CMDS; i++) {
		struct pair_cmd *k = &p->cmds[(first + i) % PAIR_CMDS];
		bool idle = !k->cmd || !k->executing || k->completed || (!k->aborted && (k->waiting || k->sending));

		if (idle || (p->shuffle && pair_random(p, 3) == 0))
			continue;
		serve(p, k);
		any = true;
	}
	return any;
}

/* --- the target's host --- */

static void t_identify(void *user, struct iscsip_conn *c, const struct iscsip_login_info *info)
{
	struct pair *p = user;

	if (info->tsih)
		PAIR_MUST(p, iscsip_login_refuse(c, ISCSIP_LOGIN_SESSION_DOES_NOT_EXIST, NULL) == ISCSIP_OK);
	else
		PAIR_MUST(p, iscsip_login_grant(c, NULL) == ISCSIP_OK);
}

static void t_session(void *user, struct iscsip_conn *c, const struct iscsip_login_info *info, const struct iscsip_params *params);

static int t_targets(void *user, struct iscsip_conn *c, const char *only, unsigned index, unsigned portal, const char **name,
		     struct iscsip_portal *out)
{
	static const char *const names[] = { "iqn.2026-01.test:a", "iqn.2026-01.test:b", "iqn.2026-01.test:c" };

	(void)user;
	(void)c;
	(void)only;
	if (index >= 3 || portal > 0)
		return ISCSIP_ENOENT;
	*name = names[index];
	out->address = "192.0.2.1:3260";
	out->tag = 1;
	return ISCSIP_OK;
}

static void t_state(void *user, struct iscsip_session *s, int state, const struct iscsip_error *why)
{
	struct pair *p = user;

	(void)s;
	(void)why;
	p->tstate = state;
	if (state == ISCSIP_SESSION_FREE)
		p->tfree = true;
}

static const struct iscsip_target_ops T_OPS = {
	.struct_size = sizeof T_OPS,
	.identify = t_identify,
	.session = t_session,
	.targets = t_targets,
	.state = t_state,
};

static void t_session(void *user, struct iscsip_conn *c, const struct iscsip_login_info *info, const struct iscsip_params *params)
{
	struct pair *p = user;
	size_t len = iscsip_target_session_size(&p->tcfg);

	(void)info;
	(void)params;
	PAIR_MUST(p, !p->ts);
	p->ts_mem = malloc(len);
	PAIR_MUST(p, iscsip_target_session_init(&p->ts, p->ts_mem, len, &p->tcfg, &p->tops, &D_OPS, p, p, p) == ISCSIP_OK);
	PAIR_MUST(p, iscsip_login_accept(c, p->ts, 1) == ISCSIP_OK);
}

/* --- both ends --- */

void pair_init(struct pair *p, void (*fail)(const char *file, int line, const char *what))
{
	size_t i;

	memset(p, 0, offsetof(struct pair, up));
	p->up.len = p->down.len = 0;
	p->up.moved = p->down.moved = 0;
	for (i = 0; i < PAIR_TASKS; i++)
		p->tasks[i].busy = false;
	for (i = 0; i < PAIR_CMDS; i++)
		p->cmds[i].cmd = NULL;
	p->fail = fail;
	p->seed = 1;
	p->now = 1;
	p->trust = true;
	p->up.cut = p->up.flip = p->down.cut = p->down.flip = UINT64_MAX;
	for (i = 0; i < sizeof p->disk; i++)
		p->disk[i] = (uint8_t)(i * 11u + i / 253u);
	iscsip_config_init(&p->icfg, sizeof p->icfg);
	iscsip_config_init(&p->tcfg, sizeof p->tcfg);
	iscsip_offer_init_initiator(&p->ioffer);
	iscsip_offer_init_target(&p->toffer);
	p->ioffer.header_digest.count = p->ioffer.data_digest.count = 1;
	p->ioffer.header_digest.item[0] = p->ioffer.data_digest.item[0] = ISCSIP_DIGEST_NONE;
	p->ihost.struct_size = p->thost.struct_size = sizeof p->ihost;
	p->ihost.random = p->thost.random = fixed_random;
	p->ihost.user = p->thost.user = p;
	p->icfg.host = &p->ihost;
	p->tcfg.host = &p->thost;
	p->icfg.offer = &p->ioffer;
	p->tcfg.offer = &p->toffer;
	p->icfg.node_name = "iqn.2026-01.test:initiator";
	p->iops = I_OPS;
	p->tops = T_OPS;
	p->icfg.limits.max_tasks = PAIR_TASKS;
	p->tcfg.limits.max_tasks = 8;
}

void pair_open(struct pair *p)
{
	struct iscsip_initiator_identity id = { p->discovery ? NULL : "iqn.2026-01.test:a", { 0x80, 1 } };
	size_t len;

	PAIR_MUST(p, iscsip_config_check(&p->icfg) == ISCSIP_OK && iscsip_config_check(&p->tcfg) == ISCSIP_OK);
	p->login_ended = p->logged_in = p->broken = p->tfree = false;
	p->up.len = p->down.len = 0;
	p->ts = NULL;
	if (!p->is) {
		len = iscsip_initiator_session_size(&p->icfg);
		p->is_mem = malloc(len);
		PAIR_MUST(p, iscsip_initiator_session_init(&p->is, p->is_mem, len, &p->icfg, &id, &p->iops, p) == ISCSIP_OK);
	}
	p->il_mem = malloc(iscsip_login_size(&p->icfg));
	p->tl_mem = malloc(iscsip_login_size(&p->tcfg));
	len = iscsip_target_conn_size(&p->tcfg);
	p->tc_mem = malloc(len);
	PAIR_MUST(p, iscsip_target_conn_init(&p->tc, p->tc_mem, len, p->tl_mem, iscsip_login_size(&p->tcfg), &p->tcfg, &p->tops, p,
					     p->now) == ISCSIP_OK);
	len = iscsip_initiator_conn_size(&p->icfg);
	p->ic_mem = malloc(len);
	PAIR_MUST(p, iscsip_initiator_conn_init(&p->ic, p->ic_mem, len, p->il_mem, iscsip_login_size(&p->icfg), p->is, 0, p,
						p->now) == ISCSIP_OK);
}

void pair_break(struct pair *p)
{
	if (p->broken)
		return;
	p->broken = true;
	iscsip_conn_closed(p->ic, p->now);
	iscsip_conn_closed(p->tc, p->now);
}

static void let_go(struct pair *p)
{
	int i;

	/* the device ends what was aborted */
	p->later = true;
	p->shuffle = false;
	for (i = 0; i < 4 * PAIR_CMDS && serve_later(p); i++)
		;
	PAIR_MUST(p, !p->ts || p->tfree);
	for (i = 0; i < PAIR_CMDS; i++)
		PAIR_MUST(p, !p->cmds[i].cmd);
	for (i = 0; i < PAIR_TASKS; i++)
		PAIR_MUST(p, !p->tasks[i].busy);
	PAIR_MUST(p, p->login_ended);
	free(p->ic_mem);
	free(p->il_mem);
	free(p->tc_mem);
	free(p->tl_mem);
	free(p->ts_mem);
	p->ic_mem = p->il_mem = p->tc_mem = p->tl_mem = p->ts_mem = NULL;
	p->ic = p->tc = NULL;
	p->ts = NULL;
}

void pair_close(struct pair *p)
{
	pair_break(p);
	let_go(p);
	PAIR_MUST(p, iscsip_initiator_session_fini(p->is) == ISCSIP_OK);
	free(p->is_mem);
	p->is = NULL;
}

/* --- the pipe --- */

static size_t step_of(struct pair *p, size_t most)
{
	size_t n = p->step == PAIR_RANDOM ? 1 + pair_random(p, pair_random(p, 4) ? 100 : 9000) : p->step;

	return n && n < most ? n : most;
}

/* What the transport takes of a side, up to room; a bound that falls into the middle of a PDU is just one more cut. */
static size_t pull(struct pair *p, struct iscsip_conn *c, uint8_t *dst, size_t room)
{
	bool hold = ((c == p->ic ? p->icfg.flags : p->tcfg.flags) & ISCSIP_CFG_TX_HOLD) != 0;
	struct iscsip_vec vec[16];
	size_t n = 0;
	int cnt, i;

	if (p->doors == 0) {
		ptrdiff_t got = iscsip_conn_tx_pull(c, dst, room, p->now);

		n = got > 0 ? (size_t)got : 0;
	} else {
		cnt = iscsip_conn_tx_next(c, vec, 16, p->now);
		for (i = 0; i < cnt && n < room; i++) {
			size_t m = vec[i].len < room - n ? vec[i].len : room - n;

			memcpy(dst + n, vec[i].base, m);
			n += m;
		}
		if (n)
			PAIR_MUST(p, iscsip_conn_tx_done(c, n, p->now) == ISCSIP_OK);
	}
	if (n && hold)
		PAIR_MUST(p, iscsip_conn_tx_release(c, n) == ISCSIP_OK);
	return n;
}

static size_t push(struct pair *p, struct iscsip_conn *c, const uint8_t *src, size_t n)
{
	struct iscsip_vec stage = { p->stage, p->doors == 2 ? sizeof p->stage : 0 }, vec[8];
	size_t put = 0;
	ptrdiff_t left;
	int cnt, i;

	if (p->doors == 0) {
		left = iscsip_conn_rx_push(c, src, n, p->now);
		return left > 0 ? (size_t)left : 0;
	}
	cnt = iscsip_conn_rx_next(c, p->doors == 2 ? &stage : NULL, vec, 8);
	for (i = 0; i < cnt && put < n; i++) {
		size_t m = vec[i].len < n - put ? vec[i].len : n - put;

		memcpy(vec[i].base, src + put, m);
		put += m;
	}
	if (put == 0)
		return 0;
	left = iscsip_conn_rx_done(c, put, p->now);
	return left < 0 ? 0 : put - (size_t)left;
}

/* From one side into the pipe and out of it to the other. */
static bool move(struct pair *p, struct iscsip_conn *from, struct iscsip_conn *to, struct pair_pipe *pipe)
{
	size_t room = sizeof pipe->buf - pipe->len, n = 0;

	if (room)
		n = pull(p, from, pipe->buf + pipe->len, step_of(p, room));
	if (pipe->flip >= pipe->moved && pipe->flip < pipe->moved + n)
		pipe->buf[pipe->len + (size_t)(pipe->flip - pipe->moved)] ^= 0x04;
	if (pipe->moved + n >= pipe->cut) {
		n = (size_t)(pipe->cut - pipe->moved);
		p->broken = true;
	}
	pipe->moved += n;
	pipe->len += n;
	if (pipe->len && (iscsip_conn_want(to) & ISCSIP_WANT_RX)) {
		size_t took = push(p, to, pipe->buf, step_of(p, pipe->len));

		memmove(pipe->buf, pipe->buf + took, pipe->len - took);
		pipe->len -= took;
		return n + took > 0;
	}
	return n > 0;
}

/* A side that is over closes the transport when what it had to say has arrived. */
static bool over(const struct pair *p, const struct iscsip_conn *c, const struct pair_pipe *out, const struct iscsip_conn *peer)
{
	(void)p;
	return (iscsip_conn_want(c) & ISCSIP_WANT_CLOSE) && (out->len == 0 || !(iscsip_conn_want(peer) & ISCSIP_WANT_RX));
}

bool pair_turn(struct pair *p)
{
	bool first = p->shuffle && pair_random(p, 2), any = false;

	if (!p->ic || iscsip_conn_state(p->ic) == ISCSIP_CONN_CLOSED)
		return false;
	if (first)
		any = move(p, p->tc, p->ic, &p->down);
	if (!p->broken)
		any = move(p, p->ic, p->tc, &p->up) || any;
	if (!first && !p->broken)
		any = move(p, p->tc, p->ic, &p->down) || any;
	if (p->later && !p->broken)
		any = serve_later(p) || any;
	if (p->broken || over(p, p->ic, &p->up, p->tc) || over(p, p->tc, &p->down, p->ic)) {
		p->broken = false;
		pair_break(p);
		return false;
	}
	return any;
}

bool pair_run(struct pair *p)
{
	int turns, idle = 0;

	for (turns = 0; turns < 2000000 && idle < 8; turns++)
		idle = pair_turn(p) ? 0 : idle + 1;
	return idle >= 8;
}

/* --- commands --- */

bool pair_start(struct pair *p, int i, uint32_t room, uint32_t brings, uint32_t offers, uint32_t takes, bool immediate)
{
	struct pair_task *k = &p->tasks[i];
	bool reads = room || brings, writes = offers || takes;
	uint32_t j;

	if (k->busy)
		return false;
	memset(&k->t, 0, sizeof k->t);
	k->offset = (uint32_t)i * PAIR_SLOT;
	k->brings = brings;
	k->takes = takes;
	k->reads = reads;
	k->writes = writes;
	memcpy(k->before, p->disk + k->offset, least(room, brings));
	memset(k->in, 0xee, room);
	for (j = 0; j < offers; j++)
		k->out[j] = (uint8_t)pair_random(p, 256);
	k->t.immediate = immediate;
	k->t.attr = ISCSIP_ATTR_SIMPLE;
	k->t.cdb[0] = reads && writes ? 0x53 : writes ? 0x2a : 0x28;
	store_be32(k->t.cdb + 2, k->offset);
	store_be32(k->t.cdb + 6, brings);
	store_be32(k->t.cdb + 10, takes);
	k->t.sense = k->sense;
	k->t.sense_cap = sizeof k->sense;
	if (reads) {
		uint32_t cut = p->pieces ? pair_random(p, room + 1) : room;

		k->in_vec[0] = (struct iscsip_vec){ k->in, cut };
		k->in_vec[1] = (struct iscsip_vec){ k->in + cut, room - cut };
		k->t.in_vec = k->in_vec;
		k->t.in_cnt = 2;
		k->t.in_len = room;
	}
	if (writes) {
		uint32_t cut = p->pieces ? pair_random(p, offers + 1) : offers;

		k->out_vec[0] = (struct iscsip_vec){ k->out, cut };
		k->out_vec[1] = (struct iscsip_vec){ k->out + cut, offers - cut };
		k->t.out_vec = k->out_vec;
		k->t.out_cnt = 2;
		k->t.out_len = offers;
	}
	k->busy = true;
	if (iscsip_initiator_submit(p->is, &k->t, p->now) == ISCSIP_OK)
		return true;
	k->busy = false;
	return false;
}
