/* SPDX-License-Identifier: MIT */
/*
 * The rig of the frame tests (frame_rig.h). The pipe is two byte arrays; the device server is a small RAM disk that knows
 * TEST UNIT READY, READ (10) and WRITE (10), and whatever else a test makes of them.
 */
#include "flow/frame_rig.h"

#include <stdlib.h>
#include <string.h>

#define RIG_STAGE 100u

static void add(struct frame_rig_bytes *b, const void *p, size_t n)
{
	if (b->len + n > b->cap) {
		b->cap = (b->len + n) * 2;
		b->p = realloc(b->p, b->cap);
	}
	if (n)
		memcpy(b->p + b->len, p, n);
	b->len += n;
}

static void drop(struct frame_rig_bytes *b, size_t n)
{
	memmove(b->p, b->p + n, b->len - n);
	b->len -= n;
}

static void say(char *dst, size_t cap, const char *word)
{
	size_t len = strlen(dst);

	snprintf(dst + len, cap - len, "%s%s", len ? " " : "", word);
}

void frame_rig_pattern(void *p, size_t n, uint32_t seed)
{
	uint8_t *b = p;

	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525u + 1013904223u;
		b[i] = (uint8_t)(seed >> 24);
	}
}

/* --- the device server --- */

static void give(struct frame_rig_op *op);
static void ask(struct frame_rig_op *op);

static struct frame_rig_op *op_of(struct iscsip_cmd *cmd)
{
	return cmd->user;
}

static struct frame_rig_op *op_open(struct frame_rig *r, struct iscsip_cmd *cmd)
{
	struct frame_rig_op *op = calloc(1, sizeof *op);

	op->cmd = cmd;
	op->rig = r;
	op->next = r->ops_open;
	r->ops_open = op;
	cmd->user = op;
	op->off = (uint32_t)(cmd->cdb[2] << 24 | cmd->cdb[3] << 16 | cmd->cdb[4] << 8 | cmd->cdb[5]) * RIG_BLOCK;
	op->len = (uint32_t)(cmd->cdb[7] << 8 | cmd->cdb[8]) * RIG_BLOCK;
	return op;
}

struct frame_rig_op *frame_rig_find(struct frame_rig *r, uint32_t tag)
{
	struct frame_rig_op *op = r->ops_open;

	while (op && op->cmd->tag != tag)
		op = op->next;
	return op;
}

/* In pieces, one of them empty, so that data crosses from one to the next. */
void frame_rig_place(struct frame_rig_op *op)
{
	uint32_t first = op->cmd->out_len > 100 ? 100 : op->cmd->out_len;
	uint8_t *at = op->rig->medium + op->off;

	op->vec[0] = (struct iscsip_vec){ at, first };
	op->vec[1] = (struct iscsip_vec){ NULL, 0 };
	op->vec[2] = (struct iscsip_vec){ at + first, op->cmd->out_len - first };
	if (iscsip_cmd_set_buffer(op->cmd, op->vec, 3) != ISCSIP_OK)
		say(op->rig->log, sizeof op->rig->log, "place-refused");
}

static int place(void *user, struct iscsip_cmd *cmd)
{
	struct frame_rig *r = user;
	struct frame_rig_op *op = op_open(r, cmd);

	say(r->log, sizeof r->log, "place");
	if (r->manner.place_later)
		return ISCSIP_EAGAIN;
	if (!r->manner.place_never)
		frame_rig_place(op);
	return ISCSIP_OK;
}

static void finish(struct frame_rig_op *op, const struct iscsip_cmd_status *st)
{
	op->completed = true;
	if (iscsip_cmd_complete(op->cmd, st) != ISCSIP_OK)
		say(op->rig->log, sizeof op->rig->log, "complete-refused");
}

void frame_rig_complete(struct frame_rig_op *op, uint8_t status)
{
	const struct iscsip_cmd_status st = { .status = status };

	finish(op, &st);
}

static void end(struct frame_rig_op *op)
{
	const struct frame_rig_manner *m = &op->rig->manner;
	const struct iscsip_cmd_status st = { .status = m->status, .response = m->response, .sense = m->sense,
					      .sense_len = m->sense_len, .in_total = op->done, .out_total = op->done };

	if (!m->never)
		finish(op, &st);
}

static uint32_t op_target(const struct frame_rig_op *op)
{
	const struct frame_rig_manner *m = &op->rig->manner;

	return m->status ? m->give : op->len - m->shorter;
}

static void give(struct frame_rig_op *op)
{
	const struct frame_rig_manner *m = &op->rig->manner;
	uint32_t left = op_target(op) - op->done;
	uint32_t n = m->piece && m->piece < left ? m->piece : left;
	bool last = n == left;

	if (left == 0) {
		end(op);
		return;
	}
	op->vec[0] = (struct iscsip_vec){ op->rig->medium + op->off + op->done, n };
	op->done += n;
	if (iscsip_cmd_send_data(op->cmd, op->vec, 1, n, last) != ISCSIP_OK)
		say(op->rig->log, sizeof op->rig->log, "send-refused");
	if (last && !m->status_late)
		end(op);
}

static void ask(struct frame_rig_op *op)
{
	const struct frame_rig_manner *m = &op->rig->manner;
	uint32_t left = op_target(op) - op->done;
	uint32_t n = m->ask && m->ask < left ? m->ask : left;
	int err;

	if (left == 0) {
		end(op);
		return;
	}
	err = iscsip_cmd_request_data(op->cmd, op->done, n);
	op->done += n;
	if (err == ISCSIP_DONE)
		ask(op);
	else if (err)
		say(op->rig->log, sizeof op->rig->log, "request-refused");
}

void frame_rig_go(struct frame_rig_op *op)
{
	static const uint8_t invalid[18] = { 0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x20 };
	static const uint8_t no_lun[18] = { 0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x25 };
	struct iscsip_cmd_status st = { .status = 2, .sense_len = 18, .sense = op->cmd->lun ? no_lun : invalid };

	if (op->cmd->lun) {
		finish(op, &st);
		return;
	}
	switch (op->cmd->cdb[0]) {
	case 0x00:
		end(op);
		break;
	case 0x28:
		give(op);
		break;
	case 0x2a:
		ask(op);
		break;
	default:
		finish(op, &st);
		break;
	}
}

static void exec(void *user, struct iscsip_cmd *cmd)
{
	struct frame_rig *r = user;
	struct frame_rig_op *op = cmd->user ? op_of(cmd) : op_open(r, cmd);

	say(r->log, sizeof r->log, "exec");
	if (!r->manner.hold)
		frame_rig_go(op);
}

static void data(void *user, struct iscsip_cmd *cmd)
{
	struct frame_rig *r = user;

	say(r->log, sizeof r->log, "data");
	ask(op_of(cmd));
}

static void sent(void *user, struct iscsip_cmd *cmd)
{
	struct frame_rig *r = user;

	say(r->log, sizeof r->log, "sent");
	give(op_of(cmd));
}

static void aborted(void *user, struct iscsip_cmd *cmd)
{
	struct frame_rig *r = user;

	(void)cmd;
	say(r->log, sizeof r->log, "abort");
}

static void gone(void *user, struct iscsip_cmd *cmd)
{
	struct frame_rig *r = user;
	struct frame_rig_op **at = &r->ops_open, *op = op_of(cmd);

	say(r->log, sizeof r->log, "free");
	while (*at != op)
		at = &(*at)->next;
	*at = op->next;
	free(op);
}

/* --- the initiator's host --- */

static void exchange_done(void *user, struct iscsip_frame_exchange *x)
{
	struct frame_rig *r = user;

	r->done++;
	r->last_done = x;
	if (r->on_done)
		r->on_done(r, x);
}

/* --- what both hosts see --- */

static const char *event_name(uint32_t event)
{
	switch (event) {
	case ISCSIP_FRAME_NEWC: return "NEWC";
	case ISCSIP_FRAME_XFER: return "XFER";
	case ISCSIP_FRAME_SNDD: return "SNDD";
	case ISCSIP_FRAME_CMPT: return "CMPT";
	default: return "?";
	}
}

static void trace(void *user, struct iscsip_frame_conn *c, enum iscsip_trace_event event, const void *p, size_t len)
{
	struct frame_rig *r = user;
	struct iscsip_frame f;
	char word[32];

	if (event != ISCSIP_TRACE_TX_HEADER || r->quiet)
		return;
	if (iscsip_frame_decode(&f, p, len))
		abort();
	snprintf(word, sizeof word, "%c%s", c == r->i ? '>' : '<', event_name(f.event));
	if (f.event == ISCSIP_FRAME_XFER || f.event == ISCSIP_FRAME_SNDD)
		snprintf(word + 5, sizeof word - 5, "+%u", f.transfer_length);
	say(r->script, sizeof r->script, word);
}

static void wake(void *user, struct iscsip_frame_conn *c)
{
	struct frame_rig *r = user;

	(void)c;
	r->wakes++;
}

/* --- making and ending --- */

struct frame_rig *frame_rig_new(void)
{
	struct frame_rig *r = calloc(1, sizeof *r);

	r->now = 1000;
	iscsip_frame_config_init(&r->icfg, sizeof r->icfg);
	r->ihost = (struct iscsip_frame_host){ sizeof r->ihost, r, trace, wake };
	r->icfg.host = &r->ihost;
	r->tcfg = r->icfg;
	r->ops = (struct iscsip_device_ops){ sizeof r->ops, place, exec, data, sent, aborted, gone, NULL };
	r->iops = (struct iscsip_frame_initiator_ops){ sizeof r->iops, exchange_done };
	frame_rig_pattern(r->medium, sizeof r->medium, 1);
	return r;
}

void frame_rig_open_target(struct frame_rig *r)
{
	r->tlen = iscsip_frame_target_size(&r->tcfg);
	r->tmem = malloc(r->tlen);
	memset(r->tmem, 0xa5, r->tlen);
	if (iscsip_frame_target_init(&r->t, r->tmem, r->tlen, &r->tcfg, &r->ops, r, r, r->now))
		abort();
}

void frame_rig_open_initiator(struct frame_rig *r)
{
	r->ilen = iscsip_frame_initiator_size(&r->icfg);
	r->imem = malloc(r->ilen);
	memset(r->imem, 0xa5, r->ilen);
	if (iscsip_frame_initiator_init(&r->i, r->imem, r->ilen, &r->icfg, &r->iops, r, r->now))
		abort();
}

void frame_rig_open(struct frame_rig *r)
{
	frame_rig_open_target(r);
	frame_rig_open_initiator(r);
}

void frame_rig_free(struct frame_rig *r)
{
	r->on_done = NULL;
	if (r->i)
		iscsip_frame_conn_closed(r->i, r->now);
	if (r->t)
		iscsip_frame_conn_closed(r->t, r->now);
	while (r->ops_open) {
		struct frame_rig_op *op = r->ops_open;

		frame_rig_complete(op, 0);
		if (r->ops_open == op)
			abort();
	}
	if (r->t && iscsip_frame_conn_open(r->t))
		abort();
	for (int d = 0; d < 2; d++) {
		free(r->wire[d].p);
		free(r->record[d].p);
	}
	free(r->imem);
	free(r->tmem);
	free(r);
}

/* --- the pipe --- */

static struct iscsip_frame_conn *sender(const struct frame_rig *r, int dir)
{
	return dir == TO_TARGET ? r->i : r->t;
}

static struct iscsip_frame_conn *receiver(const struct frame_rig *r, int dir)
{
	return dir == TO_TARGET ? r->t : r->i;
}

static void put_wire(struct frame_rig *r, int dir, const void *p, size_t n)
{
	add(&r->wire[dir], p, n);
	add(&r->record[dir], p, n);
}

static bool collect_pull(struct frame_rig *r, int dir)
{
	uint8_t buf[4096];
	size_t cap = r->chunk && r->chunk < sizeof buf ? r->chunk : sizeof buf;
	ptrdiff_t n = iscsip_frame_conn_tx_pull(sender(r, dir), buf, cap, r->now);

	if (n > 0)
		put_wire(r, dir, buf, (size_t)n);
	return n > 0;
}

bool frame_rig_collect(struct frame_rig *r, int dir)
{
	struct iscsip_vec vec[64];
	size_t moved = 0;
	int cnt;

	if (!sender(r, dir))
		return false;
	if (r->push)
		return collect_pull(r, dir);
	cnt = iscsip_frame_conn_tx_next(sender(r, dir), vec, 64, r->now);
	for (int i = 0; i < cnt && (!r->chunk || moved < r->chunk); i++) {
		size_t n = r->chunk && vec[i].len > r->chunk - moved ? r->chunk - moved : vec[i].len;

		put_wire(r, dir, vec[i].base, n);
		moved += n;
	}
	if (cnt > 0 && iscsip_frame_conn_tx_done(sender(r, dir), moved, r->now) < 0)
		return false;
	return moved > 0;
}

/* Reads into the list as readv() would; answers bytes consumed. */
static size_t deliver_list(struct frame_rig *r, int dir, size_t n)
{
	uint8_t room[RIG_STAGE];
	struct iscsip_vec stage = { room, sizeof room }, vec[4];
	int cnt = iscsip_frame_conn_rx_next(receiver(r, dir), r->stage ? &stage : NULL, vec, 4);
	size_t got = 0;
	ptrdiff_t left;

	for (int i = 0; i < cnt && got < n; i++) {
		size_t m = vec[i].len < n - got ? vec[i].len : n - got;

		memcpy(vec[i].base, r->wire[dir].p + got, m);
		got += m;
	}
	if (cnt <= 0 || got == 0)
		return 0;
	left = iscsip_frame_conn_rx_done(receiver(r, dir), got, r->now);
	r->err[dir] = left < 0 ? (int)left : 0;
	return left < 0 ? 0 : got - (size_t)left;
}

bool frame_rig_deliver(struct frame_rig *r, int dir)
{
	struct iscsip_frame_conn *c = receiver(r, dir);
	size_t n = r->wire[dir].len, used;
	ptrdiff_t taken;

	if (!c || n == 0 || !(iscsip_frame_conn_want(c) & ISCSIP_WANT_RX))
		return false;
	if (r->chunk && n > r->chunk)
		n = r->chunk;
	if (r->push) {
		taken = iscsip_frame_conn_rx_push(c, r->wire[dir].p, n, r->now);
		r->err[dir] = taken < 0 ? (int)taken : 0;
		used = taken < 0 ? 0 : (size_t)taken;
	} else {
		used = deliver_list(r, dir, n);
	}
	drop(&r->wire[dir], used);
	return used > 0;
}

void frame_rig_run(struct frame_rig *r)
{
	bool moved;

	do {
		moved = false;
		for (int dir = 0; dir < 2; dir++) {
			moved |= frame_rig_collect(r, dir);
			moved |= frame_rig_deliver(r, dir);
		}
	} while (moved);
}

/* --- frames by hand --- */

void frame_rig_put_bytes(struct frame_rig *r, int dir, const void *p, size_t n)
{
	put_wire(r, dir, p, n);
}

static uint32_t frames_so_far(const struct frame_rig *r, int dir)
{
	return (uint32_t)frame_rig_frames(r, dir, NULL, 0);
}

void frame_rig_put(struct frame_rig *r, int dir, const struct iscsip_frame *f, const void *payload)
{
	struct iscsip_frame whole = *f;
	uint8_t hdr[ISCSIP_FRAME_LEN];

	if (whole.sync == 0)
		whole.sync = whole.sync_end = ISCSIP_FRAME_SYNC;
	if (whole.type == 0)
		whole.type = ISCSIP_FRAME_CMDS;
	if (whole.sequence == 0)
		whole.sequence = frames_so_far(r, dir);
	iscsip_frame_encode(hdr, sizeof hdr, &whole);
	put_wire(r, dir, hdr, sizeof hdr);
	if (payload)
		put_wire(r, dir, payload, whole.transfer_length);
}

int frame_rig_frames(const struct frame_rig *r, int dir, struct iscsip_frame *out, int max)
{
	size_t at = 0;
	int cnt = 0;

	while (r->record[dir].len - at >= ISCSIP_FRAME_LEN) {
		struct iscsip_frame f;

		iscsip_frame_decode(&f, r->record[dir].p + at, ISCSIP_FRAME_LEN);
		at += ISCSIP_FRAME_LEN;
		if (f.event == ISCSIP_FRAME_XFER)
			at += f.transfer_length;
		if (cnt < max)
			out[cnt] = f;
		cnt++;
		if (at > r->record[dir].len)
			break;
	}
	return cnt;
}

struct iscsip_frame frame_rig_last(const struct frame_rig *r, int dir)
{
	struct iscsip_frame f[512] = { { 0 } };
	int cnt = frame_rig_frames(r, dir, f, 512);

	if (cnt < 1 || cnt > 512)
		abort();
	return f[cnt - 1];
}

/* --- commands --- */

void frame_rig_cdb10(uint8_t cdb[16], uint8_t op, uint32_t lba, uint16_t blocks)
{
	memset(cdb, 0, 16);
	cdb[0] = op;
	cdb[2] = (uint8_t)(lba >> 24);
	cdb[3] = (uint8_t)(lba >> 16);
	cdb[4] = (uint8_t)(lba >> 8);
	cdb[5] = (uint8_t)lba;
	cdb[7] = (uint8_t)(blocks >> 8);
	cdb[8] = (uint8_t)blocks;
}

static void submit(struct frame_rig *r, struct iscsip_frame_exchange *x)
{
	if (iscsip_frame_submit(r->i, x, r->now))
		abort();
}

void frame_rig_read(struct frame_rig *r, struct iscsip_frame_exchange *x, struct iscsip_vec *vec, void *buf,
			uint32_t lba, uint16_t blocks)
{
	memset(x, 0, sizeof *x);
	frame_rig_cdb10(x->cdb, 0x28, lba, blocks);
	vec->base = buf;
	vec->len = blocks * RIG_BLOCK;
	x->in_vec = vec;
	x->in_cnt = 1;
	x->in_len = blocks * RIG_BLOCK;
	submit(r, x);
}

void frame_rig_write(struct frame_rig *r, struct iscsip_frame_exchange *x, struct iscsip_vec *vec, void *buf,
			uint32_t lba, uint16_t blocks)
{
	memset(x, 0, sizeof *x);
	frame_rig_cdb10(x->cdb, 0x2a, lba, blocks);
	vec->base = buf;
	vec->len = blocks * RIG_BLOCK;
	x->out_vec = vec;
	x->out_cnt = 1;
	x->out_len = blocks * RIG_BLOCK;
	submit(r, x);
}

void frame_rig_test_unit_ready(struct frame_rig *r, struct iscsip_frame_exchange *x)
{
	memset(x, 0, sizeof *x);
	submit(r, x);
}

struct iscsip_frame frame_rig_newc(uint32_t id, uint8_t op, uint32_t lba, uint16_t blocks)
{
	struct iscsip_frame f;

	memset(&f, 0, sizeof f);
	f.event = ISCSIP_FRAME_NEWC;
	f.originator_id = id;
	frame_rig_cdb10(f.originator_buffer, op, lba, blocks);
	f.transfer_length = op == 0x28 || op == 0x2a ? blocks * RIG_BLOCK : 0;
	f.flags = op == 0x28 ? ISCSIP_FRAME_READ : op == 0x2a ? ISCSIP_FRAME_WRITE : 0;
	return f;
}
