/* SPDX-License-Identifier: MIT */
/*
 * What the frame protocol costs without sockets: a header through the codec, and whole exchanges of both roles in batches of
 * 32, from the submit to its completion, with the bytes of headers copied from one end to the other and payload as the doors
 * have it (a receive into its place is a copy here, too). Prints `name value unit`, nanoseconds an exchange.
 */
#define _POSIX_C_SOURCE 199309L
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <iscsiproto/frame.h>

#include "bench/timing.h"

#define DEPTH 32u
#define SIZE 4096u
#define WIRE (DEPTH * (SIZE + 200u))

static uint8_t medium[SIZE], buffers[DEPTH][SIZE], wire[WIRE];
static struct iscsip_vec medium_vec = { medium, SIZE }, vecs[DEPTH];
static struct iscsip_frame_exchange exchanges[DEPTH];
static struct iscsip_frame_conn *initiator, *target;
static volatile uint32_t sink;
static size_t done;

static void finish(struct iscsip_cmd *cmd)
{
	const struct iscsip_cmd_status st = { .in_total = cmd->in_len, .out_total = cmd->out_len };

	(void)iscsip_cmd_complete(cmd, &st);
}

static int place(void *user, struct iscsip_cmd *cmd)
{
	(void)user;
	return iscsip_cmd_set_buffer(cmd, &medium_vec, 1);
}

static void exec(void *user, struct iscsip_cmd *cmd)
{
	(void)user;
	if (cmd->out_len) {
		(void)iscsip_cmd_request_data(cmd, 0, cmd->out_len);
		return;
	}
	if (cmd->in_len)
		(void)iscsip_cmd_send_data(cmd, &medium_vec, 1, cmd->in_len, true);
	finish(cmd);
}

static void data(void *user, struct iscsip_cmd *cmd)
{
	(void)user;
	finish(cmd);
}

static void exchange_done(void *user, struct iscsip_frame_exchange *x)
{
	(void)user;
	if (x->result.err || x->result.status)
		abort();
	done++;
}

/* All that one end wants to send, to the other. */
static bool move(struct iscsip_frame_conn *from, struct iscsip_frame_conn *to)
{
	ptrdiff_t n = iscsip_frame_conn_tx_pull(from, wire, sizeof wire, 0);

	if (n < 0 || iscsip_frame_conn_rx_push(to, wire, (size_t)n, 0) != n)
		abort();
	return n > 0;
}

static void batches(void *arg, size_t repeats)
{
	const struct iscsip_frame_exchange *model = arg;

	for (size_t left = repeats; left;) {
		size_t n = left < DEPTH ? left : DEPTH;
		bool moved;

		done = 0;
		for (size_t i = 0; i < n; i++) {
			exchanges[i].cdb[0] = model->cdb[0];
			exchanges[i].in_len = model->in_len;
			exchanges[i].out_len = model->out_len;
			if (iscsip_frame_submit(initiator, &exchanges[i], 0))
				abort();
		}
		do {
			moved = move(initiator, target);
			moved = move(target, initiator) || moved;
		} while (moved);
		if (done != n)
			abort();
		left -= n;
	}
}

static void codec(void *arg, size_t repeats)
{
	const struct iscsip_frame_expect expect = { .sync = ISCSIP_FRAME_SYNC, .from = ISCSIP_FRAME_TARGET };
	uint8_t *header = arg;
	struct iscsip_frame f;
	uint32_t sum = 0;

	for (size_t i = 0; i < repeats; i++) {
		(void)iscsip_frame_decode(&f, header, ISCSIP_FRAME_LEN);
		sum += (uint32_t)iscsip_frame_check(&f, &expect, NULL);
		f.originator_id++;
		(void)iscsip_frame_encode(header, ISCSIP_FRAME_LEN, &f);
	}
	sink = sum;
}

static void open_both(void)
{
	static const struct iscsip_device_ops device = { .struct_size = sizeof device, .place = place, .exec = exec, .data = data };
	static const struct iscsip_frame_initiator_ops host = { sizeof host, exchange_done };
	static struct iscsip_frame_config cfg;
	size_t tlen, ilen;

	iscsip_frame_config_init(&cfg, sizeof cfg);
	tlen = iscsip_frame_target_size(&cfg);
	ilen = iscsip_frame_initiator_size(&cfg);
	if (iscsip_frame_target_init(&target, malloc(tlen), tlen, &cfg, &device, NULL, NULL, 0) ||
	    iscsip_frame_initiator_init(&initiator, malloc(ilen), ilen, &cfg, &host, NULL, 0))
		abort();
	for (unsigned i = 0; i < DEPTH; i++) {
		vecs[i] = (struct iscsip_vec){ buffers[i], SIZE };
		exchanges[i].in_vec = exchanges[i].out_vec = &vecs[i];
		exchanges[i].in_cnt = exchanges[i].out_cnt = 1;
	}
}

int main(void)
{
	struct iscsip_frame_exchange model = { 0 };
	struct iscsip_frame f = { .sync = ISCSIP_FRAME_SYNC, .type = ISCSIP_FRAME_CMDS, .event = ISCSIP_FRAME_CMPT,
				  .originator_id = 1, .sync_end = ISCSIP_FRAME_SYNC };
	uint8_t header[ISCSIP_FRAME_LEN];

	(void)iscsip_frame_encode(header, sizeof header, &f);
	printf("frame_decode_check_encode %.1f ns\n", timing_measure(codec, header));
	open_both();
	printf("frame_exchange_no_data %.1f ns\n", timing_measure(batches, &model));
	model.in_len = SIZE;
	model.cdb[0] = 0x28;
	printf("frame_exchange_read_4k %.1f ns\n", timing_measure(batches, &model));
	model.in_len = 0;
	model.out_len = SIZE;
	model.cdb[0] = 0x2a;
	printf("frame_exchange_write_4k %.1f ns\n", timing_measure(batches, &model));
	return 0;
}
