/* SPDX-License-Identifier: MIT */
/*
 * The target under test (target_rig.h).
 */
#include "flow/target_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NAMES "InitiatorName=iqn.2001-04.test:peer\0TargetName=iqn.2001-04.test:disk\0"

static void note(struct rig *r, enum rig_event event)
{
	size_t n = strlen(r->log);

	if (n + 1 < sizeof r->log)
		r->log[n] = (char)event;
}

static void inside(struct rig *r)
{
	if (r->inside)
		r->inside(r);
}

/* --- host --- */

static void host_random(void *user, uint8_t *dst, size_t len)
{
	struct rig *r = user;

	while (len--) {
		r->seed = r->seed * 1664525u + 1013904223u;
		*dst++ = (uint8_t)(r->seed >> 24);
	}
}

static void host_wake(void *user, struct iscsip_conn *c)
{
	struct rig *r = user;

	r->wakes++;
	r->woken = c;
	inside(r);
}

static void *host_lend(void *user, size_t len)
{
	struct rig *r = user;

	inside(r);
	if (!r->lend)
		return NULL;
	r->lends++;
	return malloc(len);
}

static void host_take_back(void *user, void *mem, size_t len)
{
	(void)len;
	((struct rig *)user)->take_backs++;
	free(mem);
	inside(user);
}

/* --- device server --- */

static uint32_t disk_offset(const struct iscsip_cmd *cmd)
{
	return ((uint32_t)cmd->cdb[2] << 24 | (uint32_t)cmd->cdb[3] << 16 | (uint32_t)cmd->cdb[4] << 8 | cmd->cdb[5]) * 512u;
}

static struct iscsip_vec *disk_vec(struct rig *r, const struct iscsip_cmd *cmd, uint32_t len)
{
	struct iscsip_vec *v = &r->vec[r->vec_next++ % RIG_CMDS];
	uint32_t off = disk_offset(cmd);

	assert_true(off <= RIG_DISK && len <= RIG_DISK - off);
	v->base = r->disk + off;
	v->len = len;
	return v;
}

int rig_good(struct iscsip_cmd *cmd, uint32_t in_total, uint32_t out_total)
{
	struct iscsip_cmd_status st = { .in_total = in_total, .out_total = out_total };

	return iscsip_cmd_complete(cmd, &st);
}

static int dev_place(void *user, struct iscsip_cmd *cmd)
{
	struct rig *r = user;

	note(r, RIG_PLACE);
	inside(r);
	r->places++;
	r->place_flags = cmd->flags;
	r->place_unasked = cmd->unasked;
	if (r->place_later) {
		r->placing = cmd;
		return ISCSIP_EAGAIN;
	}
	if (!r->no_place)
		assert_int_equal(iscsip_cmd_set_buffer(cmd, disk_vec(r, cmd, cmd->out_len), 1), ISCSIP_OK);
	return ISCSIP_OK;
}

void rig_serve(struct rig *r, struct iscsip_cmd *cmd)
{
	struct iscsip_cmd_status st = { 0 };

	if (cmd->flags & ISCSIP_CMD_ABORTED) {
		assert_int_equal(iscsip_cmd_complete(cmd, &st), ISCSIP_OK);
		return;
	}
	switch (cmd->cdb[0]) {
	case 0x28:
		assert_int_equal(iscsip_cmd_send_data(cmd, disk_vec(r, cmd, cmd->in_len), 1, cmd->in_len, true), ISCSIP_OK);
		assert_int_equal(rig_good(cmd, cmd->in_len, 0), ISCSIP_OK);
		return;
	case 0x2a:
		if (cmd->out_len == 0 || iscsip_cmd_request_data(cmd, 0, cmd->out_len) == ISCSIP_DONE)
			assert_int_equal(rig_good(cmd, 0, cmd->out_len), ISCSIP_OK);
		return;
	case 0x00:
		assert_int_equal(iscsip_cmd_complete(cmd, &st), ISCSIP_OK);
		return;
	default:
		st.status = 0x02;
		st.sense = "\x70\0\x05\0\0\0\0\x0a\0\0\0\0\x20\0\0\0\0";
		st.sense_len = 18;
		assert_int_equal(iscsip_cmd_complete(cmd, &st), ISCSIP_OK);
	}
}

static void dev_exec(void *user, struct iscsip_cmd *cmd)
{
	struct rig *r = user;

	note(r, RIG_EXEC);
	inside(r);
	r->execs++;
	if (r->cmd_count < RIG_CMDS)
		r->cmds[r->cmd_count++] = cmd;
	if (!r->manual && !r->later)
		rig_serve(r, cmd);
}

void rig_run(struct rig *r)
{
	int i;

	for (i = 0; i < r->cmd_count; i++) {
		struct iscsip_cmd *cmd = r->cmds[i];

		r->cmds[i] = NULL;
		if (cmd)
			rig_serve(r, cmd);
	}
	r->cmd_count = 0;
}

static void dev_data(void *user, struct iscsip_cmd *cmd)
{
	struct rig *r = user;

	note(r, RIG_DATA);
	inside(r);
	if (!r->manual)
		assert_int_equal(rig_good(cmd, 0, cmd->out_len), ISCSIP_OK);
}

static void dev_sent(void *user, struct iscsip_cmd *cmd)
{
	(void)cmd;
	note(user, RIG_SENT);
	inside(user);
}

static void dev_abort(void *user, struct iscsip_cmd *cmd)
{
	struct rig *r = user;

	note(r, RIG_ABORT);
	inside(r);
	r->aborts++;
	assert_true(cmd->flags & ISCSIP_CMD_ABORTED);
	if (!r->manual && !r->later)
		(void)rig_good(cmd, 0, 0);
}

static void dev_free(void *user, struct iscsip_cmd *cmd)
{
	struct rig *r = user;
	int i;

	note(r, RIG_FREE);
	inside(r);
	r->frees++;
	for (i = 0; i < r->cmd_count; i++)
		if (r->cmds[i] == cmd)
			r->cmds[i] = NULL;
	if (r->placing == cmd)
		r->placing = NULL;
}

static void dev_tmf(void *user, struct iscsip_tmf *tmf)
{
	struct rig *r = user;

	note(r, RIG_TMF);
	inside(r);
	r->tmf = tmf;
	if (!r->hold_tmf)
		assert_int_equal(iscsip_tmf_complete(tmf, r->tmf_response), ISCSIP_OK);
}

static const struct iscsip_device_ops dev_ops = {
	sizeof dev_ops, dev_place, dev_exec, dev_data, dev_sent, dev_abort, dev_free, dev_tmf,
};

/* --- target --- */

static void on_identify(void *user, struct iscsip_conn *c, const struct iscsip_login_info *info)
{
	struct rig *r = user;
	struct iscsip_login_terms terms = { .portal_group_tag = 1, .session = info->tsih ? r->s : NULL };

	r->info = *info;
	inside(r);
	if (r->grant_later)
		return;
	if (r->refuse)
		assert_int_equal(iscsip_login_refuse(c, r->refuse, r->refuse >> 8 == 1 ? "127.0.0.2:3260" : NULL), ISCSIP_OK);
	else
		assert_int_equal(iscsip_login_grant(c, &terms), ISCSIP_OK);
}

static const struct iscsip_target_ops target_ops;

static void on_session(void *user, struct iscsip_conn *c, const struct iscsip_login_info *info,
		       const struct iscsip_params *params)
{
	struct rig *r = user;

	r->info = *info;
	r->params = *params;
	r->asked_session = true;
	inside(r);
	if (r->session_later)
		return;
	if (info->tsih == 0) {
		assert_null(r->s);
		assert_int_equal(iscsip_target_session_init(&r->s, r->session_mem, iscsip_target_session_size(&r->cfg), &r->cfg,
							    &target_ops, &dev_ops, r, r, r), ISCSIP_OK);
	}
	assert_int_equal(iscsip_login_accept(c, r->s, 7), ISCSIP_OK);
}

static void on_login_done(void *user, struct iscsip_conn *c, uint16_t status)
{
	struct rig *r = user;
	int i;

	r->login_status = status;
	r->logins_done++;
	inside(r);
	/* the scratch is free: nobody may look at it again */
	for (i = 0; i < RIG_CONNS; i++)
		if (r->conn[i] == c) {
			free(r->login_mem[i]);
			r->login_mem[i] = NULL;
		}
}

static int on_targets(void *user, struct iscsip_conn *c, const char *only, unsigned index, unsigned portal, const char **name,
		      struct iscsip_portal *out)
{
	static char buf[64], addr[64];
	struct rig *r = user;

	(void)c;
	inside(r);
	if (only) {
		if (index > 0 || portal >= r->portal_count)
			return ISCSIP_ENOENT;
		*name = only;
	} else {
		if (index >= r->target_count || portal >= r->portal_count)
			return ISCSIP_ENOENT;
		(void)memcpy(buf, "iqn.2001-04.test:disk.000000", 29);
		for (unsigned i = 0, n = index; i < 6; i++, n /= 10)
			buf[27 - i] = (char)('0' + n % 10);
		*name = buf;
	}
	(void)memcpy(addr, "192.0.2.1:3260", 15);
	addr[8] = (char)('1' + portal % 9);
	out->address = addr;
	out->tag = (uint16_t)(portal + 1);
	return ISCSIP_OK;
}

static ptrdiff_t on_text(void *user, struct iscsip_conn *c, const char *key, const char *value, size_t len, char *reply,
			 size_t cap)
{
	(void)c;
	inside(user);
	if (strcmp(key, "X-org.test.echo") != 0)
		return ISCSIP_ENOENT;
	assert_true(len <= cap);
	memcpy(reply, value, len);
	return (ptrdiff_t)len;
}

static void on_state(void *user, struct iscsip_session *s, int state, const struct iscsip_error *why)
{
	struct rig *r = user;

	assert_ptr_equal(s, r->s);
	r->state = state;
	r->states++;
	r->why = why ? why->code : 0;
	inside(r);
	if (state == ISCSIP_SESSION_FREE) {
		r->freed = true;
		r->s = NULL;
		/* whoever looks at it again is caught */
		memset(r->session_mem, 0xa5, iscsip_target_session_size(&r->cfg));
	}
}

static void on_logout(void *user, struct iscsip_conn *c, uint8_t reason, uint16_t cid)
{
	(void)c;
	(void)reason;
	(void)cid;
	((struct rig *)user)->logouts++;
	inside(user);
}

static void on_cold_reset(void *user, struct iscsip_session *s)
{
	struct rig *r = user;

	r->cold_resets++;
	inside(r);
	if (r->on_cold_reset)
		r->on_cold_reset(r, s);
}

static const struct iscsip_target_ops target_ops = {
	.struct_size = sizeof target_ops,
	.identify = on_identify,
	.session = on_session,
	.login_done = on_login_done,
	.targets = on_targets,
	.text = on_text,
	.state = on_state,
	.logout = on_logout,
	.cold_reset = on_cold_reset,
};

const struct iscsip_target_ops *rig_ops(void)
{
	return &target_ops;
}

/* --- the rig --- */

void rig_init(struct rig *r)
{
	memset(r, 0, sizeof *r);
	iscsip_config_init(&r->cfg, sizeof r->cfg);
	iscsip_offer_init_target(&r->offer);
	r->host.struct_size = sizeof r->host;
	r->host.user = r;
	r->host.random = host_random;
	r->host.wake = host_wake;
	r->host.lend = host_lend;
	r->host.take_back = host_take_back;
	r->cfg.host = &r->host;
	r->cfg.offer = &r->offer;
	r->cfg.initial_statsn = 0xfffffff8u; /* statuses pass 2^32 in every test */
	r->seed = 1;
	r->itt = 0x1000;
	r->cmdsn = 0xfffffffau;
	r->state = -1;
	r->target_count = 1;
	r->portal_count = 1;
}

/* What stands on every disk at first; made once, since some tests make hundreds of rigs. */
static const uint8_t *disk_template(void)
{
	static uint8_t bytes[RIG_DISK];

	if (bytes[1] == 0)
		for (uint32_t n = 0; n < RIG_DISK; n++)
			bytes[n] = (uint8_t)(n * 7 + n / 509);
	return bytes;
}

void rig_connect(struct rig *r, int i)
{
	if (!r->disk) {
		r->disk = malloc(RIG_DISK);
		memcpy(r->disk, disk_template(), RIG_DISK);
		r->session_mem = malloc(iscsip_target_session_size(&r->cfg));
		memset(r->session_mem, 0x5a, iscsip_target_session_size(&r->cfg));
	}
	r->conn_mem[i] = malloc(iscsip_target_conn_size(&r->cfg));
	r->login_mem[i] = malloc(iscsip_login_size(&r->cfg));
	memset(r->conn_mem[i], 0x5a, iscsip_target_conn_size(&r->cfg));
	memset(r->login_mem[i], 0x5a, iscsip_login_size(&r->cfg));
	assert_int_equal(iscsip_target_conn_init(&r->conn[i], r->conn_mem[i], iscsip_target_conn_size(&r->cfg),
						 r->login_mem[i], iscsip_login_size(&r->cfg), &r->cfg, &target_ops, r, 0),
			 ISCSIP_OK);
	peer_open(&r->peer[i], r->conn[i]);
	r->peer[i].tx_hold = (r->cfg.flags & ISCSIP_CFG_TX_HOLD) != 0;
}

bool rig_login(struct rig *r, int i, const char *pairs, size_t len, struct peer_pdu *out)
{
	struct iscsip_pdu h = { .opcode = ISCSIP_OP_LOGIN_REQUEST, .immediate = true, .itt = r->itt++ };
	char text[4096];
	size_t n = sizeof NAMES - 1;

	memcpy(text, NAMES, n);
	if (len > 1) {
		memcpy(text + n, pairs, len - 1);
		n += len - 1;
		text[n++] = '\0';
	}
	h.login_request.transit = true;
	h.login_request.csg = ISCSIP_STAGE_OPERATIONAL;
	h.login_request.nsg = ISCSIP_STAGE_FULL_FEATURE;
	h.login_request.cid = (uint16_t)i;
	h.login_request.tsih = r->s ? iscsip_session_tsih(r->s) : 0;
	h.login_request.cmdsn = r->cmdsn;
	peer_send(&r->peer[i], &h, text, n);
	return peer_recv(&r->peer[i], out);
}

void rig_open(struct rig *r, const char *pairs, size_t len)
{
	struct peer_pdu got;

	rig_connect(r, 0);
	assert_true(rig_login(r, 0, pairs, len, &got));
	assert_int_equal(got.h.opcode, ISCSIP_OP_LOGIN_RESPONSE);
	assert_int_equal(got.h.login_response.status_class, 0);
	assert_true(got.h.login_response.transit);
	assert_int_equal(iscsip_conn_state(r->conn[0]), ISCSIP_CONN_FULL_FEATURE);
	r->peer[0].header_digest = r->params.header_digest == ISCSIP_DIGEST_CRC32C;
	r->peer[0].data_digest = r->params.data_digest == ISCSIP_DIGEST_CRC32C;
}

void rig_drop(struct rig *r, int i)
{
	if (!r->conn[i])
		return;
	iscsip_conn_closed(r->conn[i], r->peer[i].now);
	peer_close(&r->peer[i]);
	memset(r->conn_mem[i], 0xa5, iscsip_target_conn_size(&r->cfg));
	free(r->conn_mem[i]);
	free(r->login_mem[i]);
	r->conn[i] = NULL;
	r->conn_mem[i] = r->login_mem[i] = NULL;
}

void rig_close(struct rig *r)
{
	int i;

	for (i = 0; i < RIG_CONNS; i++)
		rig_drop(r, i);
	for (i = 0; i < r->cmd_count; i++)
		if (r->cmds[i])
			(void)rig_good(r->cmds[i], 0, 0);
	assert_int_equal(r->lends, r->take_backs);
	if (r->state != -1)
		assert_true(r->freed);
	free(r->session_mem);
	free(r->disk);
}

/* --- PDUs --- */

struct iscsip_pdu rig_request(struct rig *r, uint8_t opcode)
{
	struct iscsip_pdu h = { .opcode = opcode, .final = true, .itt = r->itt++ };

	h.request.cmdsn = r->cmdsn++;
	h.request.expstatsn = 0;
	return h;
}

static struct iscsip_pdu scsi(struct rig *r, uint8_t op, uint32_t lba, uint32_t len)
{
	struct iscsip_pdu h = rig_request(r, ISCSIP_OP_SCSI_COMMAND);

	h.scsi_command.edtl = len;
	h.scsi_command.attr = ISCSIP_ATTR_SIMPLE;
	h.scsi_command.cdb[0] = op;
	h.scsi_command.cdb[2] = (uint8_t)(lba >> 24);
	h.scsi_command.cdb[3] = (uint8_t)(lba >> 16);
	h.scsi_command.cdb[4] = (uint8_t)(lba >> 8);
	h.scsi_command.cdb[5] = (uint8_t)lba;
	return h;
}

struct iscsip_pdu rig_read(struct rig *r, uint32_t lba, uint32_t len)
{
	struct iscsip_pdu h = scsi(r, 0x28, lba, len);

	h.scsi_command.read = true;
	return h;
}

struct iscsip_pdu rig_write(struct rig *r, uint32_t lba, uint32_t len)
{
	struct iscsip_pdu h = scsi(r, 0x2a, lba, len);

	h.scsi_command.write = true;
	return h;
}

struct iscsip_pdu rig_data_out(const struct iscsip_pdu *cmd, uint32_t ttt, uint32_t sn, uint32_t off, bool final)
{
	struct iscsip_pdu d = { .opcode = ISCSIP_OP_DATA_OUT, .itt = cmd->itt, .lun = cmd->lun, .final = final };

	d.data_out.ttt = ttt;
	d.data_out.datasn = sn;
	d.data_out.buffer_offset = off;
	return d;
}

struct peer_pdu rig_expect(struct rig *r, uint8_t opcode)
{
	struct peer_pdu got = { 0 };

	assert_true(peer_recv(&r->peer[0], &got));
	assert_int_equal(got.h.opcode, opcode);
	assert_true(got.header_digest_ok && got.data_digest_ok);
	return got;
}

void rig_quiet(struct rig *r)
{
	struct peer_pdu got;

	assert_false(peer_recv(&r->peer[0], &got));
}

void rig_alive(struct rig *r)
{
	struct iscsip_pdu h = rig_read(r, 3, 1024);
	struct peer_pdu got;

	peer_send(&r->peer[0], &h, NULL, 0);
	got = rig_expect(r, ISCSIP_OP_DATA_IN);
	assert_int_equal(got.h.itt, h.itt);
	assert_true(got.h.data_in.has_status);
	assert_int_equal(got.h.data_len, 1024);
	assert_memory_equal(got.data, r->disk + 3 * 512, 1024);
	rig_quiet(r);
}
