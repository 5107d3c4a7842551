/* SPDX-License-Identifier: MIT */
/*
 * The target role against initiators that do anything, and a host that does anything it may. Input: four bytes of
 * configuration, then operations.
 *
 *	byte 0   bit 0 header digests, 1 data digests, 2 InitialR2T, 3 no ImmediateData, 4 data in any order, 5 discovery,
 *	         6 FastAbort, 7 no login: the input is the initiator from the first byte on
 *	byte 1   bits 0-2 limits.max_tasks - 1, 3-4 send units, 5 ISCSIP_CFG_TX_HOLD, 6 two R2Ts at once, 7 iSCSIProtocolLevel=2
 *	byte 2   what the host does: bit 0 answers late, 1 names buffers late, 2 no buffers, 3 lends for pings, 4 refuses to be asked
 *	         for task management, 5 ends commands with errors, 6 ends the session in callbacks
 *	byte 3   bits 0-1 connections more than one, 2-7 seed of the numbers
 *
 * An operation is a byte and its arguments: a PDU whose numbers and tags are good as far as the input does not say otherwise, raw
 * bytes, bytes taken or released by the transport, time, an answer of the device server, an end.
 *
 * What must hold: every PDU sent is legal and its reserved bits 0; StatSN counts up; ExpCmdSN and MaxCmdSN never go back and
 * promise no more than there are tasks; every command that was placed or executed is freed exactly once, and only then its
 * memory goes (the sanitizer watches); data lands only in the buffer; at the end the session is free.
 */
#include <stdlib.h>
#include <string.h>

#include <iscsiproto/iscsiproto.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CONNS 3
#define CMDS 64
#define ROOM 6000u
#define GUARD 16u
#define TAGS 16
#define OUT_MAX (1u << 17)

struct fuzz_cmd {
	struct iscsip_cmd *cmd; /* NULL: free */
	uint8_t *mem;           /* GUARD, out_len or in_len bytes up to ROOM, GUARD */
	struct iscsip_vec vec[2];
	uint32_t len, given, asked;
	bool placing, executing, sending, last, completed;
};

struct fuzz_conn {
	struct iscsip_conn *c;
	void *mem, *login;
	uint8_t *out; /* sent and not looked at */
	size_t out_len, kept;
	uint32_t statsn, expcmdsn, maxcmdsn; /* of the last PDU: they may not go back */
	bool seen, full, window_seen;
};

static struct fuzz_world {
	const uint8_t *in;
	size_t left;
	uint8_t habits;
	iscsip_time now;
	struct iscsip_config cfg;
	struct iscsip_offer offer;
	struct iscsip_host host;
	struct iscsip_device_ops dev;
	struct fuzz_conn conns[CONNS];
	struct iscsip_session *s;
	void *session_mem;
	bool told_free, hold, hdigest, ddigest, no_login, tidy;
	struct iscsip_conn *identifying, *joining;
	struct iscsip_tmf *tmfs[16];
	int tmf_count;
	struct fuzz_cmd cmds[CMDS];
	uint32_t cmdsn, itt;
	struct {
		uint32_t itt, ttt, off, len;
	} r2t[TAGS];
	int r2t_count;
	uint32_t text_ttt, text_itt, ping_ttt;
	uint32_t random;
} w;

/* A macro, so that a finding shows the line. */
#define must(holds)              \
	do {                     \
		if (!(holds))    \
			abort(); \
	} while (0)

static uint8_t take(void)
{
	if (!w.left)
		return 0;
	w.left--;
	return *w.in++;
}

/* --- host --- */

static void host_random(void *user, uint8_t *dst, size_t len)
{
	(void)user;
	while (len--)
		*dst++ = (uint8_t)((w.random = w.random * 1664525u + 1013904223u) >> 24);
}

static void *host_lend(void *user, size_t len)
{
	(void)user;
	return w.habits & 8 ? malloc(len) : NULL;
}

static void host_take_back(void *user, void *mem, size_t len)
{
	(void)user;
	memset(mem, 0xee, len);
	free(mem);
}

/* Any callback may end the session. */
static void whim(void)
{
	if (w.habits & 64 && !w.tidy && w.s && (take() & 63) == 63)
		iscsip_target_session_end(w.s, w.now);
}

/* --- device server --- */

static struct fuzz_cmd *cmd_of(struct iscsip_cmd *cmd)
{
	return cmd->user;
}

static struct fuzz_cmd *cmd_new(struct iscsip_cmd *cmd)
{
	struct fuzz_cmd *k = NULL;

	if (cmd->user)
		return cmd->user;
	for (int i = 0; i < CMDS && !k; i++)
		if (!w.cmds[i].cmd)
			k = &w.cmds[i];
	must(k != NULL);
	memset(k, 0, sizeof *k);
	k->cmd = cmd;
	k->len = cmd->flags & ISCSIP_CMD_OUT ? cmd->out_len : cmd->in_len;
	if (k->len > ROOM)
		k->len = ROOM;
	k->mem = malloc(GUARD + k->len + GUARD);
	memset(k->mem, 0xb7, GUARD + k->len + GUARD);
	cmd->user = k;
	return k;
}

static void name_buffer(struct fuzz_cmd *k)
{
	int err;

	k->vec[0].base = k->mem + GUARD;
	k->vec[0].len = k->len / 3;
	k->vec[1].base = k->mem + GUARD + k->len / 3;
	k->vec[1].len = k->len - k->len / 3;
	k->placing = false;
	err = iscsip_cmd_set_buffer(k->cmd, k->vec, 2);
	must(err == ISCSIP_OK || err == ISCSIP_ESTATE || (err == ISCSIP_EINVAL && k->cmd->out_len > k->len));
}

static int dev_place(void *user, struct iscsip_cmd *cmd)
{
	struct fuzz_cmd *k = cmd_new(cmd);

	(void)user;
	must(cmd->flags & ISCSIP_CMD_OUT && cmd->out_len > 0);
	whim();
	if (w.habits & 4 || cmd->out_len > k->len)
		return ISCSIP_OK;
	if (w.habits & 2) {
		k->placing = true;
		return ISCSIP_EAGAIN;
	}
	name_buffer(k);
	return ISCSIP_OK;
}

static void end_cmd(struct fuzz_cmd *k, uint8_t how)
{
	static const uint8_t sense[18] = { 0x70, 0, 5, 0, 0, 0, 0, 10 };
	struct iscsip_cmd_status st = { .in_total = k->given, .out_total = k->cmd->out_len };

	if (k->completed || !k->executing)
		return;
	if (how & 1 && w.habits & 32) {
		st.status = 2;
		st.sense = sense;
		st.sense_len = sizeof sense;
	}
	if (how & 2)
		st.response = how & 4 ? 1 : 0;
	if (how & 8)
		st.in_total += 100;
	k->completed = true;
	must(iscsip_cmd_complete(k->cmd, &st) == ISCSIP_OK);
}

/* The device server moves a command on in some way. */
static void serve(struct fuzz_cmd *k, uint8_t how)
{
	struct iscsip_cmd *cmd = k->cmd;
	uint32_t len;
	int err;

	if (!k->executing || k->completed)
		return;
	if (cmd->flags & ISCSIP_CMD_OUT && !k->asked && cmd->out_len && how & 1) {
		uint32_t off = how & 2 ? (how >> 2) * 37u % cmd->out_len : 0;

		len = cmd->out_len - off;
		if (how & 0x80)
			len = 1 + len / 2;
		if (len > cmd->out_len - off)
			len = cmd->out_len - off;
		err = iscsip_cmd_request_data(cmd, off, len);
		must(err == ISCSIP_OK || err == ISCSIP_DONE || err == ISCSIP_ESTATE || err == ISCSIP_ECLOSED || err == ISCSIP_EAGAIN);
		if (err == ISCSIP_OK) {
			k->asked = len;
			return;
		}
	}
	if (cmd->flags & ISCSIP_CMD_IN && !(cmd->flags & ISCSIP_CMD_OUT) && !k->sending && !k->last && how & 4) {
		len = how & 8 ? k->len - k->given : (k->len - k->given) / 2;
		k->vec[0].base = k->mem + GUARD + k->given;
		k->vec[0].len = len;
		k->last = how & 16;
		k->sending = true;
		k->given += len;
		err = iscsip_cmd_send_data(cmd, k->vec, 1, len, k->last);
		must(err == ISCSIP_OK || err == ISCSIP_ECLOSED || err == ISCSIP_ESTATE);
		if (k->cmd == NULL)
			return;
		if (err)
			k->sending = false;
	}
	if (how & 32 || !(how & 7))
		end_cmd(k, how);
}

static void dev_exec(void *user, struct iscsip_cmd *cmd)
{
	struct fuzz_cmd *k = cmd_new(cmd);

	(void)user;
	must(!k->executing && !k->placing);
	must(cmd->cdb_len >= 16 && cmd->cdb_len <= 260);
	k->executing = true;
	whim();
	if (w.tidy)
		end_cmd(k, 0);
	else if (!(w.habits & 1))
		serve(k, take());
}

static void dev_data(void *user, struct iscsip_cmd *cmd)
{
	struct fuzz_cmd *k = cmd_of(cmd);

	(void)user;
	must(k->asked && !k->completed);
	k->asked = 0;
	whim();
	if (!(w.habits & 1))
		serve(k, take());
}

static void dev_sent(void *user, struct iscsip_cmd *cmd)
{
	struct fuzz_cmd *k = cmd_of(cmd);

	(void)user;
	must(!k->completed);
	k->sending = false;
	if (!(w.habits & 1) && !w.tidy)
		serve(k, take());
}

static void dev_abort(void *user, struct iscsip_cmd *cmd)
{
	struct fuzz_cmd *k = cmd_of(cmd);

	(void)user;
	must(k->executing && !k->completed && cmd->flags & ISCSIP_CMD_ABORTED);
	whim();
	if (!(w.habits & 1))
		end_cmd(k, 0);
}

static void dev_free(void *user, struct iscsip_cmd *cmd)
{
	struct fuzz_cmd *k = cmd_of(cmd);

	(void)user;
	must(k && k->cmd == cmd && (!k->executing || k->completed));
	for (uint32_t i = 0; i < GUARD; i++)
		must(k->mem[i] == 0xb7 && k->mem[GUARD + k->len + i] == 0xb7);
	free(k->mem);
	k->cmd = NULL;
	k->mem = NULL;
	whim();
}

static void dev_tmf(void *user, struct iscsip_tmf *tmf)
{
	(void)user;
	whim();
	if (w.habits & 1 && w.tmf_count < 16)
		w.tmfs[w.tmf_count++] = tmf;
	else
		must(iscsip_tmf_complete(tmf, take() & 1 ? ISCSIP_TMF_NO_LUN : ISCSIP_TMF_COMPLETE) == ISCSIP_OK);
}

/* --- target --- */

/* A login that broke a rule meanwhile has no question any more. */
static void grant(struct iscsip_conn *c, uint8_t how)
{
	const struct iscsip_login_terms terms = { .portal_group_tag = 1, .session = w.s };
	int err;

	w.identifying = NULL;
	if ((how & 15) == 15)
		err = iscsip_login_refuse(c, ISCSIP_LOGIN_NOT_FOUND, NULL);
	else
		err = iscsip_login_grant(c, &terms);
	must(err == ISCSIP_OK || err == ISCSIP_ESTATE);
}

static void on_identify(void *user, struct iscsip_conn *c, const struct iscsip_login_info *info)
{
	(void)user;
	(void)info;
	if (w.habits & 1 && !w.identifying)
		w.identifying = c;
	else
		grant(c, 0);
}

static const struct iscsip_target_ops *target_ops(void);

static void accept(struct iscsip_conn *c, bool fresh)
{
	int err = ISCSIP_ESTATE;

	w.joining = NULL;
	if (fresh && !w.s) {
		w.told_free = false;
		w.session_mem = malloc(iscsip_target_session_size(&w.cfg));
		must(iscsip_target_session_init(&w.s, w.session_mem, iscsip_target_session_size(&w.cfg), &w.cfg, target_ops(), &w.dev,
						NULL, NULL, NULL) == ISCSIP_OK);
	}
	if (w.s)
		err = iscsip_login_accept(c, w.s, 3);
	if (err)
		(void)iscsip_login_refuse(c, ISCSIP_LOGIN_TOO_MANY_CONNECTIONS, NULL);
}

static void on_session(void *user, struct iscsip_conn *c, const struct iscsip_login_info *info,
		       const struct iscsip_params *params)
{
	(void)user;
	w.hdigest = params->header_digest;
	w.ddigest = params->data_digest;
	accept(c, info->tsih == 0);
}

static void on_login_done(void *user, struct iscsip_conn *c, uint16_t status)
{
	(void)user;
	for (int i = 0; i < CONNS; i++)
		if (w.conns[i].c == c) {
			free(w.conns[i].login);
			w.conns[i].login = NULL;
			w.conns[i].full = status == 0;
		}
	if (w.identifying == c)
		w.identifying = NULL;
}

static int on_targets(void *user, struct iscsip_conn *c, const char *only, unsigned index, unsigned portal, const char **name,
		      struct iscsip_portal *out)
{
	(void)user;
	(void)c;
	whim();
	if (index > 40 || portal > 2)
		return ISCSIP_ENOENT;
	*name = only ? only : "iqn.2001-04.test:some.target.of.many";
	out->address = portal == 1 ? NULL : "[2001:db8::1]:3260";
	out->tag = (uint16_t)portal;
	return only && index ? ISCSIP_ENOENT : ISCSIP_OK;
}

static void on_state(void *user, struct iscsip_session *s, int state, const struct iscsip_error *why)
{
	(void)user;
	(void)why;
	must(s == w.s && !w.told_free);
	if (state != ISCSIP_SESSION_FREE)
		return;
	for (int i = 0; i < CMDS; i++)
		must(!w.cmds[i].cmd);
	w.told_free = true;
	w.s = NULL;
	free(w.session_mem);
	w.session_mem = NULL;
}

static void on_logout(void *user, struct iscsip_conn *c, uint8_t reason, uint16_t cid)
{
	(void)user;
	(void)c;
	(void)reason;
	(void)cid;
	whim();
}

static ptrdiff_t on_text(void *user, struct iscsip_conn *c, const char *key, const char *value, size_t len, char *reply, size_t cap)
{
	(void)user;
	(void)c;
	(void)key;
	whim();
	if (len > cap)
		return ISCSIP_ENOENT;
	memcpy(reply, value, len);
	return (ptrdiff_t)len;
}

static const struct iscsip_target_ops *target_ops(void)
{
	static const struct iscsip_target_ops ops = {
		.struct_size = sizeof ops, .identify = on_identify, .session = on_session, .login_done = on_login_done,
		.targets = on_targets, .text = on_text, .state = on_state, .logout = on_logout,
	};

	return &ops;
}

/* --- what the target sends --- */

static void check_numbers(struct fuzz_conn *fc, const struct iscsip_pdu *h)
{
	if (h->opcode != ISCSIP_OP_DATA_IN || h->data_in.has_status) {
		if (fc->seen)
			must(h->reply.statsn == fc->statsn);
		fc->statsn = h->reply.statsn + iscsip_pdu_uses_statsn(h);
		fc->seen = true;
	}
	if (h->opcode == ISCSIP_OP_LOGIN_RESPONSE || !fc->full)
		return;
	if (fc->window_seen) {
		must((int32_t)(h->reply.expcmdsn - fc->expcmdsn) >= 0);
		must((int32_t)(h->reply.maxcmdsn - fc->maxcmdsn) >= 0);
	}
	must(h->reply.maxcmdsn - h->reply.expcmdsn + 1 <= w.cfg.limits.max_tasks);
	fc->window_seen = true;
	fc->expcmdsn = h->reply.expcmdsn;
	fc->maxcmdsn = h->reply.maxcmdsn;
}

static void heard(const struct iscsip_pdu *h)
{
	if (h->opcode == ISCSIP_OP_R2T) {
		int at = w.r2t_count++ % TAGS;

		must(h->r2t.desired_len > 0 && h->r2t.desired_len <= 0xffffff);
		w.r2t[at].itt = h->itt;
		w.r2t[at].ttt = h->r2t.ttt;
		w.r2t[at].off = h->r2t.buffer_offset;
		w.r2t[at].len = h->r2t.desired_len;
	} else if (h->opcode == ISCSIP_OP_TEXT_RESPONSE && !h->final) {
		w.text_ttt = h->text_response.ttt;
		w.text_itt = h->itt;
	} else if (h->opcode == ISCSIP_OP_NOP_IN && h->itt == ISCSIP_TAG_NONE) {
		w.ping_ttt = h->nop_in.ttt;
	} else if (h->opcode == ISCSIP_OP_REJECT) {
		must(h->data_len >= 48);
	}
}

static void look(struct fuzz_conn *fc)
{
	size_t at = 0;

	while (fc->out_len - at >= 48) {
		struct iscsip_pdu h;
		struct iscsip_error why;
		struct iscsip_pdu_lengths len;
		bool login = (fc->out[at] & 0x3f) == ISCSIP_OP_LOGIN_RESPONSE;

		must(iscsip_pdu_decode(&h, fc->out + at) == ISCSIP_OK);
		must(iscsip_pdu_check(&h, fc->out + at, ISCSIP_INITIATOR, login ? ISCSIP_PHASE_LOGIN : ISCSIP_PHASE_NORMAL, &why) ==
		     ISCSIP_OK);
		must(iscsip_pdu_check_reserved(fc->out + at, &why) == ISCSIP_OK);
		len = iscsip_pdu_measure(&h, !login && w.hdigest, !login && w.ddigest);
		if (fc->out_len - at < len.total)
			break;
		check_numbers(fc, &h);
		heard(&h);
		at += len.total;
	}
	memmove(fc->out, fc->out + at, fc->out_len - at);
	fc->out_len -= at;
}

static void take_out(struct fuzz_conn *fc, size_t n, bool list)
{
	ptrdiff_t got = 0;

	if (!fc->c)
		return;
	if (n > OUT_MAX - fc->out_len)
		n = OUT_MAX - fc->out_len;
	if (list) {
		struct iscsip_vec vec[8];
		int cnt = iscsip_conn_tx_next(fc->c, vec, 8, w.now);

		for (int i = 0; i < cnt && (size_t)got < n; i++) {
			size_t m = vec[i].len < n - (size_t)got ? vec[i].len : n - (size_t)got;

			memcpy(fc->out + fc->out_len + got, vec[i].base, m);
			got += (ptrdiff_t)m;
		}
		if (cnt > 0)
			must(iscsip_conn_tx_done(fc->c, (size_t)got, w.now) == ISCSIP_OK);
	} else {
		got = iscsip_conn_tx_pull(fc->c, fc->out + fc->out_len, n, w.now);
	}
	if (got <= 0)
		return;
	fc->out_len += (size_t)got;
	fc->kept += w.hold ? (size_t)got : 0;
	look(fc);
}

static void release(struct fuzz_conn *fc, size_t n)
{
	if (!fc->c || !w.hold)
		return;
	if (n > fc->kept)
		n = fc->kept;
	(void)iscsip_conn_tx_release(fc->c, n);
	fc->kept -= n;
}

static void drain(struct fuzz_conn *fc)
{
	for (int i = 0; i < 64 && fc->c && iscsip_conn_want(fc->c) & ISCSIP_WANT_TX; i++) {
		take_out(fc, OUT_MAX, i & 1);
		release(fc, fc->kept);
	}
}

/* --- what initiators send --- */

static void push(struct fuzz_conn *fc, const uint8_t *bytes, size_t n, uint8_t how)
{
	while (n && fc->c) {
		size_t m = how & 1 && n > 7 ? n / 2 + 1 : n;
		ptrdiff_t taken;

		if (!(iscsip_conn_want(fc->c) & ISCSIP_WANT_RX))
			drain(fc);
		taken = iscsip_conn_rx_push(fc->c, bytes, m, w.now);
		if (taken <= 0)
			return;
		bytes += taken;
		n -= (size_t)taken;
	}
}

static size_t digest(uint8_t *dst, const uint8_t *p, size_t n, bool on)
{
	uint32_t crc = on ? iscsip_crc32c(0, p, n) : 0;

	for (int i = 0; on && i < 4; i++)
		dst[i] = (uint8_t)(crc >> 8 * i);
	return on ? 4 : 0;
}

static void send(struct fuzz_conn *fc, const struct iscsip_pdu *header, const uint8_t *ahs, const uint8_t *text, uint8_t how)
{
	static uint8_t buf[48 + 1020 + 4 + ROOM + 8];
	struct iscsip_pdu h = *header;
	size_t n = 48, pad;
	bool login = h.opcode == ISCSIP_OP_LOGIN_REQUEST, hd = w.hdigest && !login && fc->full, dd = w.ddigest && !login && fc->full;

	if (h.data_len > ROOM)
		h.data_len = ROOM;
	if (iscsip_pdu_encode(buf, &h))
		return;
	if (how & 0x40)
		buf[take() % 48] ^= take();
	if (h.ahs_words)
		memcpy(buf + n, ahs, 4u * h.ahs_words);
	n += 4u * h.ahs_words;
	n += digest(buf + n, buf, n, hd);
	if (text)
		memcpy(buf + n, text, h.data_len);
	else
		memset(buf + n, take(), h.data_len);
	pad = (4 - h.data_len % 4) % 4;
	memset(buf + n + h.data_len, 0, pad);
	if (h.data_len) {
		size_t crc = digest(buf + n + h.data_len + pad, buf + n, h.data_len + pad, dd);

		if (how & 0x20 && crc)
			buf[n + h.data_len + pad] ^= 1;
		n += h.data_len + pad + crc;
	}
	push(fc, buf, n, how);
}

static void login(struct fuzz_conn *fc, int i)
{
	struct iscsip_pdu h = { .opcode = ISCSIP_OP_LOGIN_REQUEST, .immediate = true, .itt = 0x7f000000u + (uint32_t)i };
	char text[512] = "InitiatorName=iqn.2001-04.test:i";
	size_t n = strlen(text) + 1;
	const char *keys[] = { "TargetName=iqn.2001-04.test:t", w.hdigest ? "HeaderDigest=CRC32C" : "HeaderDigest=None",
			       w.ddigest ? "DataDigest=CRC32C" : "DataDigest=None", "MaxRecvDataSegmentLength=1024",
			       "MaxBurstLength=4096", "FirstBurstLength=1024", "MaxOutstandingR2T=2", "InitialR2T=No", "ImmediateData=Yes",
			       "DataPDUInOrder=No", "DataSequenceInOrder=No", "TaskReporting=FastAbort,ResponseFence,RFC3720",
			       "iSCSIProtocolLevel=2", "MaxConnections=3" };

	if (w.s)
		h.login_request.tsih = 3;
	for (size_t k = 0; k < (w.s ? 4 : sizeof keys / sizeof *keys); k++) {
		memcpy(text + n, keys[k], strlen(keys[k]) + 1);
		n += strlen(keys[k]) + 1;
	}
	h.login_request.transit = true;
	h.login_request.csg = ISCSIP_STAGE_OPERATIONAL;
	h.login_request.nsg = ISCSIP_STAGE_FULL_FEATURE;
	h.login_request.cid = (uint16_t)i;
	h.login_request.cmdsn = w.cmdsn;
	h.data_len = (uint32_t)n;
	send(fc, &h, NULL, (const uint8_t *)text, 0);
}

/* CmdSN: the next one, used up, or another. */
static uint32_t number(uint8_t how, bool immediate)
{
	if (how & 0x10)
		return w.cmdsn + (take() & 15) - 4u;
	return immediate ? w.cmdsn : w.cmdsn++;
}

static void say_command(struct fuzz_conn *fc, uint8_t how)
{
	struct iscsip_pdu h = { .opcode = ISCSIP_OP_SCSI_COMMAND, .final = true, .itt = w.itt++ };
	uint8_t ahs[64] = { 0 }, kind = take();
	uint32_t len = (uint32_t)take() * 23u;

	if (kind & 1)
		h.itt = w.itt - 2;
	h.immediate = kind & 2;
	h.scsi_command.write = kind & 4;
	h.scsi_command.read = !(kind & 4) || (kind & 0x18) == 0x18;
	h.final = !(kind & 8) || !h.scsi_command.write;
	h.scsi_command.edtl = len;
	h.scsi_command.cmdsn = number(how, h.immediate);
	h.lun = kind & 0x40 ? 1ull << 48 : 0;
	if (h.scsi_command.write && kind & 0x20)
		h.data_len = len < 1024 ? len : 1024;
	if (h.data_len == len)
		h.final = true;
	if (h.scsi_command.read && h.scsi_command.write)
		h.ahs_words = (uint8_t)(iscsip_ahs_put_bidi_read(ahs, sizeof ahs, len / 2) / 4);
	if (kind & 0x80) {
		uint8_t cdb[40] = { 0 };

		h.ahs_words = (uint8_t)(h.ahs_words + iscsip_ahs_put_cdb(ahs + 4 * h.ahs_words, 48, cdb, 17 + (kind & 7)) / 4);
	}
	send(fc, &h, ahs, NULL, how);
}

static void say_data(struct fuzz_conn *fc, uint8_t how)
{
	struct iscsip_pdu h = { .opcode = ISCSIP_OP_DATA_OUT, .final = true };
	uint8_t kind = take();
	int at = w.r2t_count ? (kind & 15) % (w.r2t_count < TAGS ? w.r2t_count : TAGS) : 0;
	static uint32_t sn;

	h.itt = w.r2t[at].itt;
	h.data_out.ttt = w.r2t[at].ttt;
	h.data_out.buffer_offset = w.r2t[at].off;
	h.data_len = w.r2t[at].len;
	if (kind & 0x10) { /* unsolicited */
		h.data_out.ttt = ISCSIP_TAG_NONE;
		h.itt = w.itt - 1 - (kind & 3);
		h.data_len = 512;
		h.data_out.buffer_offset = kind & 4 ? 512 : 0;
	}
	if (kind & 0x20 && h.data_len > 1) { /* a part of it; the rest may follow */
		h.data_len /= 2;
		h.final = false;
		w.r2t[at].off += h.data_len;
		w.r2t[at].len -= h.data_len;
		h.data_out.datasn = sn++;
	} else {
		h.data_out.datasn = kind & 0x40 ? sn : 0;
		sn = 0;
	}
	if (kind & 0x80)
		h.data_out.buffer_offset += take();
	send(fc, &h, NULL, NULL, how);
}

static void say_other(struct fuzz_conn *fc, uint8_t how)
{
	static const char *const texts[] = { "SendTargets=All", "SendTargets=", "MaxRecvDataSegmentLength=512", "X-a=b", "Send", "=" };
	struct iscsip_pdu h = { .final = true, .itt = w.itt++ };
	uint8_t kind = take(), text[64] = { 0 };
	bool has_text = false;

	h.immediate = kind & 0x80;
	switch (kind & 7) {
	case 0:
		h.opcode = ISCSIP_OP_NOP_OUT;
		h.nop_out.ttt = kind & 8 ? w.ping_ttt : ISCSIP_TAG_NONE;
		if (kind & 0x10) {
			h.itt = ISCSIP_TAG_NONE;
			h.immediate = true;
		}
		h.data_len = take() * 5u;
		break;
	case 1:
	case 2:
		h.opcode = ISCSIP_OP_TASK_REQUEST;
		h.task_request.function = take() & 15;
		h.task_request.ref_task_tag = w.itt - 2 - (kind >> 4 & 7);
		h.task_request.ref_cmdsn = w.cmdsn - 1 - (kind >> 4 & 7);
		break;
	case 3:
	case 4:
		h.opcode = ISCSIP_OP_TEXT_REQUEST;
		h.text_request.ttt = kind & 8 ? w.text_ttt : ISCSIP_TAG_NONE;
		if (kind & 8)
			h.itt = w.text_itt;
		h.final = !(kind & 0x10);
		h.text_request.cont = !h.final && kind & 0x20;
		if (!(kind & 8) || kind & 0x40) {
			const char *t = texts[take() % 6];

			h.data_len = (uint32_t)strlen(t) + (kind & 0x20 ? 0 : 1);
			memcpy(text, t, strlen(t) + 1);
			has_text = true;
		}
		break;
	case 5:
		h.opcode = ISCSIP_OP_SNACK;
		h.snack.snack_type = kind >> 3 & 3;
		h.itt = h.snack.snack_type & 1 && h.snack.snack_type < 3 ? ISCSIP_TAG_NONE : w.itt - 2;
		h.snack.ttt = h.snack.snack_type == 3 ? 1 : ISCSIP_TAG_NONE;
		break;
	case 6:
		if (take() > 32)
			return;
		h.opcode = ISCSIP_OP_LOGOUT_REQUEST;
		h.logout_request.reason = kind >> 3 & 3;
		h.logout_request.cid = kind >> 5;
		break;
	default:
		login(fc, kind >> 3 & 3);
		return;
	}
	if (h.opcode != ISCSIP_OP_SNACK)
		h.request.cmdsn = number(how, h.immediate);
	h.request.expstatsn = fc->statsn - (kind & 1);
	send(fc, &h, NULL, has_text ? text : NULL, how);
}

static void say_raw(struct fuzz_conn *fc)
{
	size_t n = take();

	if (n > w.left)
		n = w.left;
	w.in += n;
	w.left -= n;
	push(fc, w.in - n, n, 0);
}

/* --- ends --- */

static void close_conn(struct fuzz_conn *fc)
{
	if (!fc->c)
		return;
	if (w.identifying == fc->c)
		w.identifying = NULL;
	iscsip_conn_closed(fc->c, w.now);
	free(fc->mem);
	free(fc->login);
	free(fc->out);
	memset(fc, 0, sizeof *fc);
}

static void open_conn(struct fuzz_conn *fc, int i)
{
	size_t size = iscsip_target_conn_size(&w.cfg), login_size = iscsip_login_size(&w.cfg);

	if (fc->c)
		return;
	fc->mem = malloc(size);
	fc->login = malloc(login_size);
	fc->out = malloc(OUT_MAX);
	must(iscsip_target_conn_init(&fc->c, fc->mem, size, fc->login, login_size, &w.cfg, target_ops(), NULL, w.now) == ISCSIP_OK);
	if (!w.no_login)
		login(fc, i);
	drain(fc);
}

static void act(uint8_t op)
{
	struct fuzz_conn *fc = &w.conns[(op >> 6) % CONNS];
	struct fuzz_cmd *k;
	uint8_t how;

	if (!fc->c)
		fc = &w.conns[0];
	switch (op & 15) {
	case 0:
	case 1:
	case 2:
		if (fc->c)
			say_command(fc, op & 0x30 ? take() : 0);
		return;
	case 3:
	case 4:
		if (fc->c)
			say_data(fc, op & 0x30 ? take() : 0);
		return;
	case 5:
	case 6:
		if (fc->c)
			say_other(fc, op & 0x30 ? take() : 0);
		return;
	case 7:
		if (fc->c)
			say_raw(fc);
		return;
	case 8:
		take_out(fc, take() * 16u + 1, op & 0x10);
		return;
	case 9:
		release(fc, take() * 16u);
		return;
	case 10:
	case 11:
		how = take();
		k = &w.cmds[how % CMDS];
		for (int i = 0; i < CMDS && !k->cmd; i++)
			k = &w.cmds[(how + i) % CMDS];
		if (!k->cmd)
			return;
		if (k->placing)
			name_buffer(k);
		else if ((op & 0x30) == 0x30 && k->executing && !k->completed)
			(void)iscsip_cmd_abort(k->cmd);
		else
			serve(k, take());
		return;
	case 12:
		if (w.tmf_count)
			must(iscsip_tmf_complete(w.tmfs[--w.tmf_count], take()) == ISCSIP_OK);
		else if (w.identifying)
			grant(w.identifying, take());
		return;
	case 13:
		w.now += (iscsip_time)take() * 100;
		if (fc->c)
			(void)iscsip_conn_tick(fc->c, w.now);
		if (w.s)
			(void)iscsip_session_tick(w.s, w.now);
		return;
	case 14:
		drain(fc);
		return;
	default:
		how = take();
		if (how < 8 && w.s) {
			iscsip_target_session_end(w.s, w.now);
		} else if (how < 24) {
			close_conn(fc);
		} else if (how < 64) {
			open_conn(&w.conns[how % CONNS], how % CONNS);
		} else if (fc->c) {
			struct iscsip_async_message a = { .event = (uint8_t)(how & 7), .param = { how >> 3 & 3, 1, 1 } };

			a.data = "0123456789";
			a.len = how & 8 ? 10 : 0;
			(void)iscsip_target_async(fc->c, &a);
		}
	}
}

static void setup(void)
{
	uint8_t a = take(), b = take(), c, d;

	c = take();
	d = take();
	w.habits = c;
	iscsip_config_init(&w.cfg, sizeof w.cfg);
	iscsip_offer_init_target(&w.offer);
	w.hdigest = a & 1;
	w.ddigest = a & 2;
	w.offer.initial_r2t = a & 4;
	w.offer.immediate_data = !(a & 8);
	w.offer.data_pdu_in_order = !(a & 16);
	w.offer.data_sequence_in_order = !(a & 16);
	w.offer.max_burst_length = 4096;
	w.offer.first_burst_length = 1024;
	w.offer.max_recv_data_segment_length = 4096;
	w.offer.max_outstanding_r2t = 2;
	w.offer.max_connections = CONNS;
	if (!(a & 64)) {
		w.offer.task_reporting.count = 1;
		w.offer.task_reporting.item[0] = 0;
	}
	w.offer.iscsi_protocol_level = b & 128 ? 2 : 1;
	w.no_login = a & 128;
	w.cfg.limits.max_conns = CONNS;
	w.cfg.limits.max_tasks = (uint16_t)(1 + (b & 7));
	w.cfg.limits.max_tx_pdus = (uint16_t)(2 + (b >> 3 & 3) * 3);
	w.cfg.limits.max_r2ts = b & 64 ? 2 : 1;
	w.cfg.limits.ahs_max = 64;
	w.cfg.limits.text_max = 64;
	w.cfg.limits.ping_max = 32;
	w.hold = b & 32;
	w.cfg.flags = w.hold ? ISCSIP_CFG_TX_HOLD : 0;
	w.cfg.nop_interval_ms = 3000;
	w.cfg.host = &w.host;
	w.cfg.offer = &w.offer;
	w.cfg.initial_statsn = 0xfffffff0u + (d >> 2);
	w.host.struct_size = sizeof w.host;
	w.host.random = host_random;
	w.host.lend = host_lend;
	w.host.take_back = host_take_back;
	w.dev = (struct iscsip_device_ops){ sizeof w.dev, dev_place, dev_exec, dev_data, dev_sent, dev_abort, dev_free,
					    c & 16 ? NULL : dev_tmf };
	w.cmdsn = 0xfffffff0u + (d >> 2);
	w.itt = 0x100;
	for (int i = 0; i <= (d & 3) && i < CONNS; i++)
		open_conn(&w.conns[i], i);
}

static void tidy(void)
{
	w.tidy = true;
	for (int i = 0; i < CONNS; i++)
		close_conn(&w.conns[i]);
	while (w.tmf_count)
		must(iscsip_tmf_complete(w.tmfs[--w.tmf_count], 0) == ISCSIP_OK);
	for (int i = 0; i < CMDS; i++)
		if (w.cmds[i].cmd)
			end_cmd(&w.cmds[i], 0);
	for (int i = 0; i < CMDS; i++)
		must(!w.cmds[i].cmd);
	must(!w.s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	memset(&w, 0, sizeof w);
	w.in = data;
	w.left = size;
	setup();
	for (int i = 0; w.left && i < 2000; i++)
		act(take());
	tidy();
	return 0;
}
