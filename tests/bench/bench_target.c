/* SPDX-License-Identifier: MIT */
/*
 * What the target's state machine costs without sockets: from the bytes of a command's header to a response that the
 * transport has taken. The device server answers at once from memory; payload is not touched but where it has to be copied
 * in. Prints `name value unit`, nanoseconds an I/O.
 */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <string.h>

#include <iscsiproto/iscsiproto.h>
#include <iscsiproto/pdu.h>

#include "timing.h"

#define DEPTH_MAX 32
#define DATA (256u * 1024)

static struct iscsip_config cfg;
static struct iscsip_offer offer;
static struct iscsip_conn *conn;
static struct iscsip_session *session;
static void *session_mem;
static uint8_t data[DATA];
static struct iscsip_vec data_vec = { data, sizeof data };
static const struct iscsip_target_ops target_ops;
static uint32_t cmdsn;

static void host_random(void *user, uint8_t *dst, size_t len)
{
	(void)user;
	memset(dst, 0x35, len);
}

static int place(void *user, struct iscsip_cmd *cmd)
{
	(void)user;
	return iscsip_cmd_set_buffer(cmd, &data_vec, 1);
}

static void finish(struct iscsip_cmd *cmd)
{
	struct iscsip_cmd_status st = { .in_total = cmd->in_len, .out_total = cmd->out_len };

	(void)iscsip_cmd_complete(cmd, &st);
}

static void exec(void *user, struct iscsip_cmd *cmd)
{
	(void)user;
	if (cmd->flags & ISCSIP_CMD_IN)
		(void)iscsip_cmd_send_data(cmd, &data_vec, 1, cmd->in_len, true);
	else if (cmd->out_len && iscsip_cmd_request_data(cmd, 0, cmd->out_len) != ISCSIP_DONE)
		return;
	finish(cmd);
}

static void data_in(void *user, struct iscsip_cmd *cmd)
{
	(void)user;
	finish(cmd);
}

static const struct iscsip_device_ops device = { .struct_size = sizeof device, .place = place, .exec = exec, .data = data_in };

static void identify(void *user, struct iscsip_conn *c, const struct iscsip_login_info *info)
{
	(void)user;
	(void)info;
	(void)iscsip_login_grant(c, NULL);
}

static void new_session(void *user, struct iscsip_conn *c, const struct iscsip_login_info *info,
			const struct iscsip_params *params)
{
	(void)user;
	(void)info;
	(void)params;
	session_mem = calloc(1, iscsip_target_session_size(&cfg));
	(void)iscsip_target_session_init(&session, session_mem, iscsip_target_session_size(&cfg), &cfg, &target_ops, &device, NULL,
					 NULL, NULL);
	(void)iscsip_login_accept(c, session, 1);
}

static const struct iscsip_target_ops target_ops = {
	.struct_size = sizeof target_ops, .identify = identify, .session = new_session,
};

/* Takes all that the connection wants to send, as writev() would; the last R2T's tag in *ttt. */
static void drain(uint32_t *ttt)
{
	struct iscsip_vec vec[128];
	int n;

	while ((n = iscsip_conn_tx_next(conn, vec, 128, 0)) > 0) {
		size_t sum = 0;

		for (int i = 0; i < n; i++) {
			const uint8_t *p = vec[i].base;

			sum += vec[i].len;
			if (ttt && vec[i].len == 48 && (p[0] & 0x3f) == ISCSIP_OP_R2T)
				*ttt = (uint32_t)p[20] << 24 | (uint32_t)p[21] << 16 | (uint32_t)p[22] << 8 | p[23];
		}
		(void)iscsip_conn_tx_done(conn, sum, 0);
	}
}

static void push(const uint8_t *bytes, size_t len)
{
	if (iscsip_conn_rx_push(conn, bytes, len, 0) != (ptrdiff_t)len)
		abort();
}

static void start(const char *keys, size_t len)
{
	static const char names[] = "InitiatorName=iqn.2001-04.test:a\0TargetName=iqn.2001-04.test:b\0TargetPad";
	struct iscsip_host *host = calloc(1, sizeof *host);
	struct iscsip_pdu h = { .opcode = ISCSIP_OP_LOGIN_REQUEST, .immediate = true, .itt = 1 };
	uint8_t pdu[1024] = { 0 };
	size_t n = sizeof names - sizeof "TargetPad";
	void *mem, *login;

	host->struct_size = sizeof *host;
	host->random = host_random;
	host->crc32c = iscsip_crc32c_choose();
	iscsip_config_init(&cfg, sizeof cfg);
	iscsip_offer_init_target(&offer);
	cfg.host = host;
	cfg.offer = &offer;
	cfg.limits.max_tx_pdus = 64;
	mem = calloc(1, iscsip_target_conn_size(&cfg));
	login = calloc(1, iscsip_login_size(&cfg));
	if (iscsip_target_conn_init(&conn, mem, iscsip_target_conn_size(&cfg), login, iscsip_login_size(&cfg), &cfg, &target_ops,
				    NULL, 0))
		abort();
	memcpy(pdu + 48, names, n);
	memcpy(pdu + 48 + n, keys, len);
	n += len;
	h.data_len = (uint32_t)n;
	h.login_request.transit = true;
	h.login_request.csg = ISCSIP_STAGE_OPERATIONAL;
	h.login_request.nsg = ISCSIP_STAGE_FULL_FEATURE;
	cmdsn = 1;
	h.login_request.cmdsn = cmdsn;
	(void)iscsip_pdu_encode(pdu, &h);
	push(pdu, 48 + ((n + 3) & ~(size_t)3));
	drain(NULL);
	if (iscsip_conn_state(conn) != ISCSIP_CONN_FULL_FEATURE)
		abort();
}

struct load {
	bool write, immediate, digests;
	uint32_t len;
	unsigned depth;
};

static void store32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

/* The header only: its bytes are made once, and tags and numbers laid over. */
static void command(const struct load *l, uint8_t *bhs)
{
	struct iscsip_pdu h = { .opcode = ISCSIP_OP_SCSI_COMMAND, .final = true };

	h.scsi_command.edtl = l->len;
	h.scsi_command.read = !l->write;
	h.scsi_command.write = l->write;
	h.scsi_command.attr = 1;
	h.data_len = l->immediate ? l->len : 0;
	h.scsi_command.cdb[0] = l->write ? 0x2a : 0x28;
	(void)iscsip_pdu_encode(bhs, &h);
}

static void run_load(void *arg, size_t repeats)
{
	const struct load *l = arg;
	static uint8_t bhs[DEPTH_MAX][48], out[48];
	static uint32_t itt;

	for (unsigned i = 0; i < l->depth; i++)
		command(l, bhs[i]);
	for (size_t n = 0; n < repeats; n += l->depth) {
		for (unsigned i = 0; i < l->depth; i++) {
			store32(bhs[i] + 16, ++itt & 0x7fffffff);
			store32(bhs[i] + 24, cmdsn++);
			push(bhs[i], 48);
			if (l->immediate)
				push(data, l->len);
		}
		if (l->write && !l->immediate) {
			struct iscsip_pdu d = { .opcode = ISCSIP_OP_DATA_OUT, .final = true, .itt = itt & 0x7fffffff };

			d.data_len = l->len;
			drain(&d.data_out.ttt);
			(void)iscsip_pdu_encode(out, &d);
			push(out, 48);
			push(data, l->len);
		}
		drain(NULL);
	}
}

static void measure(const char *name, const struct load *l)
{
	printf("%s %.1f ns\n", name, timing_measure(run_load, (void *)(uintptr_t)l));
}

int main(void)
{
	static const char keys[] = "MaxRecvDataSegmentLength=262144\0InitialR2T=No\0FirstBurstLength=262144\0MaxBurstLength=1048576";
	static const struct load read1 = { .len = 4096, .depth = 1 }, read32 = { .len = 4096, .depth = 32 },
				 read256 = { .len = 262144, .depth = 1 },
				 imm = { .len = 512, .depth = 1, .write = true, .immediate = true },
				 imm32 = { .len = 512, .depth = 32, .write = true, .immediate = true },
				 r2t = { .len = 512, .depth = 1, .write = true };

	start(keys, sizeof keys);
	measure("target_read_4k_depth1", &read1);
	measure("target_read_4k_depth32", &read32);
	measure("target_read_256k_depth1", &read256);
	measure("target_write_512_immediate_depth1", &imm);
	measure("target_write_512_immediate_depth32", &imm32);
	measure("target_write_512_r2t_depth1", &r2t);
	return 0;
}
