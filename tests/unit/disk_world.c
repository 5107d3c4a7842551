/* SPDX-License-Identifier: MIT */
/*
 * A world around a disk, played from bytes: configuration first, then operations. Commands come with CDBs made from the input, or
 * raw; data moves, storage answers in any order and with any result, initiators abort, log out and in, send task
 * management, the host resizes, protects, ejects, removes units.
 *
 * What must hold in any case: storage is asked for whole blocks within the capacity and never twice at once for a
 * command, nor for bytes that it still has a write of a command for that was given up; buffers are as long as the
 * initiator's data; data-in is given in one order; each command that was executed is completed exactly once; a unit has one
 * commit out at a time, and its reservations agree with the table of registrations after every step; and in the end, when
 * everything has been answered, everything has been given back.
 *
 * In the comparing play commands run one after the other, and a reference predicts each: an array of bytes and the
 * rules of SBC-3 written down once more, from the standard and not from the disk.
 */
#include "disk_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <iscsiproto/disk.h>

#include "base/bytes.h"
#include "base/vec.h"
#include "cmd/cmd_port.h"
#include "disk/disk.h"

enum {
	CMDS = 16,
	PENDING = 64,
	BLOCKS = 96,
	DATA_MAX = 128 * 1024
};

static void must_hold(bool holds, const char *what, int line)
{
	if (holds)
		return;
	fprintf(stderr, "disk_world.c:%d: %s does not hold\n", line, what);
	abort();
}

#define MUST(x) must_hold(x, #x, __LINE__)

struct wcmd {
	struct iscsip_cmd cmd; /* first */
	struct world *w;
	bool used, executed, completed, freed, data_due, sent_due, last_sent, dropped;
	uint8_t cdb[16];
	uint8_t *out, *in;
	uint32_t unsolicited, want_off, want_len, in_done;
	struct iscsip_vec vec[256];
	int vec_cnt;
	uint8_t status;
	struct iscsip_sense sense;
	uint64_t in_total, out_total;
};

struct wunit {
	struct world *w;
	uint8_t *bytes;
	uint8_t map[BLOCKS + 32];
	uint64_t size;
	int backing; /* 0: memory; asked for data: 1 answers at once, 2 later */
	bool cached; /* 1, 2: reads of a part find memory */
	uint32_t asked;
	struct iscsip_ram ram;
	struct iscsip_storage_ops ops;
	bool there;
	bool leaving;
	uint32_t pins;
	bool commits_late; /* COMMIT is answered like the requests of a backing of its own */
	uint8_t kept[2048];
	size_t kept_len;
};

struct world {
	struct iscsip_disk *disk;
	struct iscsip_disk_config cfg;
	struct iscsip_disk_host host;
	struct iscsip_disk_nexus nexus[2];
	struct iscsip_disk_lun_config lun_cfg;
	void *mem;
	struct wunit unit[2];
	struct wcmd cmd[CMDS];
	struct iscsip_storage_req *pending[PENDING];
	int pending_cnt;
	struct iscsip_tmf tmf;
	bool tmf_open;
	const uint8_t *p, *end;
	bool errors;  /* storage may fail */
	bool ending;
	uint32_t block;
};

static uint8_t take8(struct world *w)
{
	return w->p < w->end ? *w->p++ : 0;
}

static uint32_t take16(struct world *w)
{
	uint32_t hi = take8(w);

	return hi << 8 | take8(w);
}

/* --- transport ------------------------------------------------------------------------------------------------ */

static struct wcmd *wcmd_of(struct iscsip_cmd *cmd)
{
	return (struct wcmd *)(void *)cmd;
}

static void wland(struct wcmd *c, uint32_t off, uint32_t len)
{
	struct iscsip_vec_cursor at = cursor_make(c->vec, c->vec_cnt, off);

	MUST(cursor_copy_in(&at, c->out + off, len) == len);
}

static int w_set_buffer(struct iscsip_cmd *cmd, const struct iscsip_vec *vec, int cnt)
{
	struct wcmd *c = wcmd_of(cmd);

	MUST(cnt >= 1 && cnt <= 256 && !c->completed);
	MUST(vec_total(vec, cnt) >= cmd->out_len);
	if (c->vec_cnt || c->dropped)
		return ISCSIP_ESTATE;
	memcpy(c->vec, vec, sizeof *vec * (size_t)cnt);
	c->vec_cnt = cnt;
	return ISCSIP_OK;
}

static int w_request_data(struct iscsip_cmd *cmd, uint32_t off, uint32_t len)
{
	struct wcmd *c = wcmd_of(cmd);

	MUST(c->executed && !c->completed && !c->data_due && len > 0);
	if (cmd->flags & ISCSIP_CMD_ABORTED)
		return ISCSIP_ECLOSED;
	MUST(c->vec_cnt && off <= cmd->out_len && len <= cmd->out_len - off);
	if (off + len <= c->unsolicited)
		return ISCSIP_DONE;
	c->want_off = off;
	c->want_len = len;
	c->data_due = true;
	return ISCSIP_OK;
}

static int w_send_data(struct iscsip_cmd *cmd, const struct iscsip_vec *vec, int cnt, uint32_t len, bool last)
{
	struct wcmd *c = wcmd_of(cmd);
	struct iscsip_vec_cursor at = cursor_make(vec, cnt, 0);
	uint32_t room = cmd->in_len - c->in_done;

	MUST(c->executed && !c->completed && cmd->flags & ISCSIP_CMD_IN);
	if (cmd->flags & ISCSIP_CMD_ABORTED)
		return ISCSIP_ECLOSED;
	MUST(!c->sent_due && !c->last_sent && vec_total(vec, cnt) >= len);
	c->in_done += (uint32_t)cursor_copy_out(&at, c->in + c->in_done, len < room ? len : room);
	c->last_sent = last;
	c->sent_due = true;
	return ISCSIP_OK;
}

static void w_free(struct wcmd *c)
{
	MUST(!c->freed);
	c->freed = true;
	iscsip_disk_ops()->free(c->w->disk, &c->cmd);
	free(c->out);
	free(c->in);
	c->out = c->in = NULL;
	c->used = false;
}

static int w_complete(struct iscsip_cmd *cmd, const struct iscsip_cmd_status *st)
{
	struct wcmd *c = wcmd_of(cmd);

	MUST(c->used && c->executed && !c->completed);
	c->completed = true;
	c->status = st->status;
	c->in_total = st->in_total;
	c->out_total = st->out_total;
	memset(&c->sense, 0, sizeof c->sense);
	MUST((st->status == ISCSIP_STATUS_CHECK_CONDITION) == (st->sense_len > 0));
	if (st->sense_len)
		MUST(iscsip_sense_decode(st->sense, st->sense_len, &c->sense) == ISCSIP_OK && c->sense.key != 0);
	c->data_due = false;
	return ISCSIP_OK;
}

static int w_abort(struct iscsip_cmd *cmd)
{
	struct wcmd *c = wcmd_of(cmd);

	MUST(c->used && c->executed);
	if (c->completed || cmd->flags & ISCSIP_CMD_ABORTED)
		return ISCSIP_ESTATE;
	cmd->flags |= ISCSIP_CMD_ABORTED;
	iscsip_disk_ops()->abort(c->w->disk, cmd);
	return ISCSIP_OK;
}

static int w_tmf_complete(struct iscsip_tmf *tmf, uint8_t response)
{
	struct world *w = (struct world *)(void *)((uint8_t *)tmf - offsetof(struct world, tmf));

	(void)response;
	MUST(w->tmf_open);
	w->tmf_open = false;
	return ISCSIP_OK;
}

static const struct iscsip_cmd_port world_port = { w_set_buffer, w_request_data, w_send_data, w_complete, w_abort, NULL,
						   w_tmf_complete };

/* One thing that the transport owes a command: false where it owes nothing. */
static bool w_step(struct wcmd *c)
{
	if (!c->used)
		return false;
	if (c->data_due) {
		c->data_due = false;
		wland(c, c->want_off, c->want_len);
		iscsip_disk_ops()->data(c->w->disk, &c->cmd);
		return true;
	}
	if (c->sent_due && !c->completed) {
		if (c->last_sent)
			return false;
		c->sent_due = false;
		iscsip_disk_ops()->sent(c->w->disk, &c->cmd);
		return true;
	}
	if (!c->completed)
		return false;
	w_free(c);
	return true;
}

static struct wcmd *w_begin(struct world *w, int slot, int nexus, uint32_t lun, const uint8_t *cdb, const uint8_t *out,
			    uint32_t out_len, uint32_t in_len, uint8_t attr)
{
	struct wcmd *c = &w->cmd[slot];

	memset(c, 0, sizeof *c);
	c->used = true;
	c->w = w;
	memcpy(c->cdb, cdb, 16);
	c->cmd.port = &world_port;
	c->cmd.nexus = &w->nexus[nexus];
	c->cmd.lun = iscsip_lun_encode(lun);
	c->cmd.cdb = c->cdb;
	c->cmd.cdb_len = 16;
	c->cmd.attr = attr;
	c->cmd.flags = (uint8_t)((out_len ? ISCSIP_CMD_OUT : 0) | (in_len ? ISCSIP_CMD_IN : 0));
	c->cmd.out_len = out_len;
	c->cmd.in_len = in_len;
	c->in = malloc(in_len ? in_len : 1);
	c->out = malloc(out_len ? out_len : 1);
	if (out_len)
		memcpy(c->out, out, out_len);
	return c;
}

static void w_place(struct wcmd *c, uint32_t unsolicited)
{
	if (!c->cmd.out_len)
		return;
	c->unsolicited = c->cmd.unasked = unsolicited;
	MUST(iscsip_disk_ops()->place(c->w->disk, &c->cmd) == ISCSIP_OK);
	if (c->vec_cnt)
		wland(c, 0, unsolicited);
	else
		c->dropped = unsolicited > 0;
}

static void w_exec(struct wcmd *c)
{
	c->executed = true;
	iscsip_disk_ops()->exec(c->w->disk, &c->cmd);
}

/* --- storage -------------------------------------------------------------------------------------------------- */

static void u_copy(struct wunit *u, const struct iscsip_storage_req *q)
{
	uint64_t at = q->offset;
	int i;

	MUST(vec_total(q->vec, q->cnt) == q->len);
	for (i = 0; i < q->cnt; i++) {
		if (q->op == ISCSIP_STORAGE_WRITE)
			memcpy(u->bytes + at, q->vec[i].base, q->vec[i].len);
		else
			memcpy(q->vec[i].base, u->bytes + at, q->vec[i].len);
		at += q->vec[i].len;
	}
}

static void u_keep(struct wunit *u, const struct iscsip_storage_req *q)
{
	int i;

	MUST(q->len <= sizeof u->kept);
	for (u->kept_len = 0, i = 0; i < q->cnt; u->kept_len += q->vec[i++].len)
		memcpy(u->kept + u->kept_len, q->vec[i].base, q->vec[i].len);
	MUST(u->kept_len == q->len);
}

static void u_serve(struct wunit *u, struct iscsip_storage_req *q)
{
	uint64_t first = q->offset / u->w->block, n = q->len / u->w->block, i;

	switch (q->op) {
	case ISCSIP_STORAGE_READ:
		u_copy(u, q);
		break;
	case ISCSIP_STORAGE_WRITE:
		u_copy(u, q);
		memset(u->map + first, 1, (size_t)n);
		break;
	case ISCSIP_STORAGE_UNMAP:
	case ISCSIP_STORAGE_WRITE_ZEROES:
		memset(u->bytes + q->offset, 0, (size_t)q->len);
		memset(u->map + first, q->op == ISCSIP_STORAGE_WRITE_ZEROES, (size_t)n);
		break;
	case ISCSIP_STORAGE_LBA_STATUS:
		for (i = 0; i < n && u->map[first + i] == u->map[first]; i++)
			;
		q->len = i * u->w->block;
		q->provisioning = u->map[first] ? ISCSIP_PROVISIONING_MAPPED : ISCSIP_PROVISIONING_DEALLOCATED;
		break;
	case ISCSIP_STORAGE_COMMIT:
		u_keep(u, q);
		break;
	default:
		break;
	}
}

static bool u_writes(uint8_t op)
{
	return op == ISCSIP_STORAGE_WRITE || op == ISCSIP_STORAGE_UNMAP || op == ISCSIP_STORAGE_WRITE_ZEROES;
}

/* A write belongs to its moment: nobody comes to bytes that the storage has a write of, if that one was given up. */
static void u_look_late(const struct wunit *u, uint64_t offset, uint64_t len)
{
	const struct world *w = u->w;
	int i;

	for (i = 0; i < w->pending_cnt; i++) {
		const struct iscsip_storage_req *q = w->pending[i];
		const struct disk_req *r = (const struct disk_req *)(const void *)q;

		if (q->user[0] == u && u_writes(q->op) && !(r->flags & RQ_JOB) && r->cmd->flags & ISCSIP_CMD_ABORTED)
			MUST(offset + len <= q->offset || q->offset + q->len <= offset);
	}
}

static void u_request(void *user, struct iscsip_storage_req *q)
{
	struct wunit *u = user;
	struct world *w = u->w;
	int i;

	if (q->op != ISCSIP_STORAGE_COMMIT)
		MUST(u->there && q->offset <= u->size && q->len <= u->size - q->offset && q->offset % w->block == 0 &&
		     q->len % w->block == 0);
	for (i = 0; i < w->pending_cnt; i++) {
		MUST(w->pending[i] != q);
		MUST(q->op != ISCSIP_STORAGE_COMMIT || w->pending[i]->op != q->op || w->pending[i]->user[0] != u);
	}
	if (q->op != ISCSIP_STORAGE_COMMIT)
		u_look_late(u, q->offset, q->len ? q->len : u->size - q->offset);
	q->user[0] = u;
	if (u->backing == 2 || (q->op == ISCSIP_STORAGE_COMMIT && u->commits_late)) {
		MUST(w->pending_cnt < PENDING);
		w->pending[w->pending_cnt++] = q;
		return;
	}
	u_serve(u, q);
	iscsip_storage_done(q, ISCSIP_STORAGE_OK);
}

static void u_answer(struct world *w, int i, uint8_t result)
{
	struct iscsip_storage_req *q = w->pending[i];

	memmove(w->pending + i, w->pending + i + 1, sizeof q * (size_t)(w->pending_cnt - i - 1));
	w->pending_cnt--;
	if (result == ISCSIP_STORAGE_OK)
		u_serve(q->user[0], q);
	iscsip_storage_done(q, (enum iscsip_storage_result)result);
}

/* Memory in pieces of a block where the input wants it. */
static int u_pin(void *user, uint64_t offset, uint64_t len, bool write, struct iscsip_vec *vec, int max)
{
	struct wunit *u = user;
	int n = 0;

	(void)write;
	MUST(u->there && offset <= u->size && len <= u->size - offset && len > 0 && max >= 1);
	u_look_late(u, offset, len);
	u->pins++;
	if (u->w->cfg.max_pieces & 1) {
		for (; n < max && len > 0; n++) {
			size_t m = len < u->w->block ? (size_t)len : u->w->block;

			vec[n].base = u->bytes + offset;
			vec[n].len = m;
			offset += m;
			len -= m;
		}
	} else {
		vec[0].base = u->bytes + offset;
		vec[0].len = (size_t)len;
		n = 1;
	}
	return n;
}

static void u_unpin(void *user, uint64_t offset, uint64_t len, bool write)
{
	struct wunit *u = user;
	uint64_t i;

	MUST(u->pins > 0 && u->there);
	u->pins--;
	for (i = offset / u->w->block; write && i < (offset + len) / u->w->block; i++)
		u->map[i] = 1;
}

/* A cache of which a part is in memory, now this, now that one: reads are named as far as that, in whole blocks. */
static int u_pin_cached(void *user, uint64_t offset, uint64_t len, bool write, struct iscsip_vec *vec, int max)
{
	struct wunit *u = user;
	uint64_t blocks = len / u->w->block;

	MUST(u->there && offset <= u->size && len <= u->size - offset && len > 0 && max >= 1);
	u->asked = u->asked * 1664525u + 1013904223u;
	if (write || u->asked >> 30 == 0)
		return 0;
	u_look_late(u, offset, len);
	if (u->asked >> 30 == 1)
		blocks = 1;
	else if (u->asked >> 30 == 2 && blocks > 1)
		blocks /= 2;
	u->pins++;
	vec->base = u->bytes + offset;
	vec->len = (size_t)(blocks * u->w->block);
	return 1;
}

static int w_unit_add(struct world *w, int i)
{
	struct wunit *u = &w->unit[i];
	struct iscsip_disk_lun_config c = w->lun_cfg;
	int rc;

	u->w = w;
	u->commits_late = w->cfg.max_pieces & 1;
	u->backing = i == 0 ? u->backing : 2 - u->backing;
	u->size = (uint64_t)BLOCKS * w->block;
	u->ops.struct_size = sizeof u->ops;
	u->ops.unmap = u->ops.write_zeroes = u->ops.lba_status = u->ops.commit = u_request;
	if (u->backing != 0)
		u->ops.read = u->ops.write = u->ops.flush = u_request;
	if (u->backing == 0 || u->cached) {
		u->ops.pin = u->backing == 0 ? u_pin : u_pin_cached;
		u->ops.unpin = u_unpin;
	}
	c.ops = &u->ops;
	c.user = u;
	c.saved = u->kept_len ? u->kept : NULL;
	c.saved_len = u->kept_len;
	rc = iscsip_disk_lun_add(w->disk, (uint32_t)i, &c);
	if (rc == ISCSIP_EAGAIN && c.saved) { /* the other unit's registrations are in the way */
		c.saved = NULL;
		c.saved_len = u->kept_len = 0;
		rc = iscsip_disk_lun_add(w->disk, (uint32_t)i, &c);
	}
	u->there = true;
	u->leaving = false;
	return rc;
}

/* --- host ----------------------------------------------------------------------------------------------------- */

static void h_wake(void *user)
{
	(void)user;
}

static void h_gone(void *user, uint32_t lun, void *lun_user)
{
	struct wunit *u = lun_user;

	(void)user;
	MUST(lun < 2 && u->there && u->leaving && u->pins == 0);
	u->there = false;
}

static int h_group(void *user, uint16_t group, uint8_t state)
{
	(void)user;
	(void)group;
	return state == ISCSIP_ALUA_STANDBY ? ISCSIP_EBUSY : ISCSIP_OK;
}

static void w_login(struct world *w, int n)
{
	static const char *const names[2] = { "iqn.2000-01.com.example:a", "iqn.2000-01.com.example:b" };
	uint8_t id[ISCSIP_TRANSPORT_ID_MAX];
	size_t len = iscsip_transport_id_iscsi(id, sizeof id, names[n], (const uint8_t *)"isid00");

	MUST(iscsip_disk_nexus_open(w->disk, &w->nexus[n], id, len, 1) == ISCSIP_OK);
}

/* @backing: that of unit 0; negative: as the bytes say. */
static void w_setup(struct world *w, const uint8_t *data, size_t size, int backing)
{
	uint8_t a, b;
	size_t n;
	int i;

	memset(w, 0, sizeof *w);
	w->p = data;
	w->end = data + size;
	a = take8(w);
	b = take8(w);
	w->block = a & 0x40 ? 4096 : 512;
	iscsip_disk_config_init(&w->cfg, sizeof w->cfg);
	w->cfg.max_luns = 2;
	w->cfg.max_nexuses = 2;
	w->cfg.max_commands = (uint16_t)(1 + (b & 15));
	w->cfg.max_registrations = 3;
	w->cfg.max_pieces = (uint16_t)(2 + (b >> 4));
	w->cfg.buffer_size = 4096;
	w->cfg.buffer_count = 2u + (a >> 3 & 7);
	w->cfg.max_lun = 1;
	w->host.struct_size = sizeof w->host;
	w->host.wake = a & 0x80 ? h_wake : NULL;
	w->host.lun_gone = h_gone;
	w->host.set_port_group = h_group;
	w->cfg.host = &w->host;
	w->cfg.user = w;
	w->lun_cfg.struct_size = sizeof w->lun_cfg;
	w->lun_cfg.block_size = w->block;
	w->lun_cfg.blocks = BLOCKS;
	w->lun_cfg.flags = (b & 1 ? ISCSIP_LUN_THIN : 0) | (b & 2 ? ISCSIP_LUN_COMMIT_ALL : 0) | ISCSIP_LUN_REMOVABLE;
	n = iscsip_disk_size(&w->cfg);
	MUST(n > 0);
	w->mem = malloc(n);
	MUST(iscsip_disk_init(&w->disk, w->mem, n, &w->cfg) == ISCSIP_OK);
	for (i = 0; i < 2; i++) {
		w->unit[i].backing = backing < 0 ? a % 3 : backing;
		w->unit[i].cached = (a & 4) != 0;
		w->unit[i].bytes = calloc(BLOCKS, w->block);
		MUST(w_unit_add(w, i) == ISCSIP_OK);
	}
	w_login(w, 0);
	w_login(w, 1);
}

/* The disk's own work comes first: its last step may end commands and answer that there is no more of it. */
static bool w_anything(struct world *w)
{
	bool did = iscsip_disk_work(w->disk);
	int i;

	for (i = 0; i < CMDS; i++)
		did |= w_step(&w->cmd[i]);
	if (w->pending_cnt) {
		u_answer(w, 0, ISCSIP_STORAGE_OK);
		did = true;
	}
	return did;
}

static void w_drain(struct world *w)
{
	int turns = 0;

	while (w_anything(w))
		MUST(++turns < 2000000);
}

/* An allegiance may hold dormant commands back for as long as its initiator likes: here it is cleared. What then runs may
 * make the next one at once. */
static bool w_clear_aca(struct world *w)
{
	bool did = false;
	int i;

	for (i = 0; i < 2; i++) {
		const struct disk_lun *lun = &w->disk->luns[i];

		if (!lun->used || !lun->aca || lun->gate & GATE_REMOVED)
			continue;
		MUST(!w->tmf_open);
		memset(&w->tmf, 0, sizeof w->tmf);
		w->tmf.port = &world_port;
		w->tmf.nexus = lun->aca->nexus;
		w->tmf.lun = iscsip_lun_encode(lun->number);
		w->tmf.function = ISCSIP_TMF_CLEAR_ACA;
		w->tmf_open = true;
		iscsip_disk_ops()->tmf(w->disk, &w->tmf);
		w_drain(w);
		MUST(!w->tmf_open);
		did = true;
	}
	return did;
}

/* Everything is answered; then everything must be back. */
static void w_end(struct world *w)
{
	int i, clears = 0;

	for (i = 0; i < CMDS; i++)
		if (w->cmd[i].used && !w->cmd[i].executed)
			w_free(&w->cmd[i]);
	w_drain(w);
	while (w_clear_aca(w))
		MUST(++clears <= 2 * CMDS);
	for (i = 0; i < CMDS; i++)
		MUST(!w->cmd[i].used);
	MUST(!w->tmf_open && !iscsip_disk_busy(w->disk));
	MUST(w->disk->buffers_free == w->cfg.buffer_count && w->disk->holders == 0 && w->disk->open == 0);
	for (i = 0; i < (int)w->disk->shares_used; i++)
		MUST(w->disk->shares[i].buffers == 0 && w->disk->shares[i].records == 0);
	MUST(w->disk->newcomers == 0);
	MUST(!w->disk->late_head && !w->disk->luns[0].late && !w->disk->luns[1].late);
	MUST(!w->disk->wait_head && !w->disk->yield_head && !w->disk->quiet_waiters);
	for (i = 0; i < 2; i++) {
		const struct disk_lun *lun = &w->disk->luns[i];

		MUST(w->unit[i].pins == 0);
		MUST(lun->open == 0 && lun->barriers == 0 && lun->atomics == 0 && lun->dormant == 0 && lun->foreign == 0 &&
		     lun->visitors == 0 && !lun->changer && !lun->change_head && lun->order == (lun->aca ? 1u : 0u));
		free(w->unit[i].bytes);
	}
	free(w->mem);
}

/* --- playing -------------------------------------------------------------------------------------------------- */

static uint8_t play_data[DATA_MAX];

static int free_slot(const struct world *w)
{
	int i;

	for (i = 0; i < CMDS; i++)
		if (!w->cmd[i].used)
			return i;
	return -1;
}

/* A CDB of the table, its LBA and count small and mostly within the unit. */
static const struct disk_op *make_cdb(struct world *w, uint8_t cdb[16])
{
	const struct disk_op *op = &iscsip__disk_ops[take8(w) % iscsip__disk_op_count];
	uint8_t lba = take8(w), count = take8(w), flags = take8(w), odd;

	memset(cdb, 0, 16);
	cdb[0] = op->opcode;
	cdb[1] = (uint8_t)((op->sa == DISK_NO_SA ? 0 : op->sa) | (flags & op->usage[1] & (op->sa == DISK_NO_SA ? 0xff : 0xe0)));
	count &= 0x3f;
	switch (op->len) {
	case 6:
		cdb[3] = op->flags & OP_RANGE ? lba % (BLOCKS + 4) : 0;
		cdb[4] = op->flags & OP_RANGE ? count : flags;
		if (op->opcode == ISCSIP_SCSI_INQUIRY)
			cdb[2] = cdb[1] & 1 ? lba : 0;
		break;
	case 10:
		if (op->flags & OP_RANGE)
			cdb[5] = lba % (BLOCKS + 4);
		else if (op->opcode == ISCSIP_SCSI_PERSISTENT_RESERVE_OUT)
			cdb[2] = lba & 0x0f;
		cdb[8] = count;
		break;
	case 12:
		cdb[5] = op->flags & OP_RANGE ? lba % (BLOCKS + 4) : 0;
		cdb[9] = count;
		break;
	default:
		cdb[9] = op->flags & OP_RANGE || op->sa == 0x12 ? lba % (BLOCKS + 4) : 0;
		cdb[13] = count;
		break;
	}
	/* now and then a byte of the input's own */
	odd = take8(w);
	if (odd >= 0xc0)
		cdb[odd & 15] = take8(w);
	return op;
}

/* Parameter lists are bytes of the input, block data a pattern. */
static uint32_t make_data(struct world *w, const struct disk_op *op, const uint8_t *cdb)
{
	uint32_t count = op->len == 6 ? cdb[4] : op->len == 10 ? cdb[8] : op->len == 12 ? cdb[9] : cdb[13], n, i;
	uint8_t how = take8(w);

	if (op->place == PLACE_NONE)
		return 0;
	if (op->flags & OP_RANGE) {
		n = count * w->block;
		if (op->opcode == ISCSIP_SCSI_COMPARE_AND_WRITE)
			n *= 2;
		if (op->opcode == ISCSIP_SCSI_WRITE_SAME_10 || op->opcode == ISCSIP_SCSI_WRITE_SAME_16 || (cdb[1] & 0x06) == 0x06)
			n = w->block;
		memset(play_data, how & 3, n < DATA_MAX ? n : DATA_MAX);
	} else {
		n = op->len == 16 ? load_be32(cdb + 10) : count;
		if (n > 600)
			n = 600;
		for (i = 0; i < n; i++)
			play_data[i] = take8(w);
	}
	if (how >= 0xf0)
		n = take16(w) * 2;
	return n < DATA_MAX ? n : DATA_MAX;
}

static void play_command(struct world *w)
{
	uint8_t cdb[16], who = take8(w);
	const struct disk_op *op = make_cdb(w, cdb);
	uint32_t out_len = make_data(w, op, cdb), in_len;
	static const uint8_t attrs[8] = { 1, 1, 1, 1, 0, 2, 3, 4 };
	int slot = free_slot(w);
	struct wcmd *c;

	if (slot < 0)
		return;
	in_len = op->place == PLACE_NONE ? (op->flags & OP_RANGE ? 64u * w->block : 300u) : 0;
	c = w_begin(w, slot, who & 1, who >> 1 & 1, cdb, play_data, out_len, in_len, attrs[who >> 2 & 7]);
	if (!w->nexus[who & 1].disk && out_len == 0) {
		c->used = false;
		free(c->in);
		free(c->out);
		return;
	}
	w_place(c, who & 0x20 ? out_len : who & 0x40 ? out_len / 2 : 0);
	if (!(who & 0x80) || !out_len)
		w_exec(c);
}

static void play_raw(struct world *w)
{
	uint8_t cdb[16], who = take8(w);
	uint32_t out_len = take16(w) % 2048, in_len = out_len ? 0 : take16(w) % 8192, i;
	int slot = free_slot(w);
	struct wcmd *c;

	for (i = 0; i < 16; i++)
		cdb[i] = take8(w);
	for (i = 0; i < out_len; i++)
		play_data[i] = take8(w);
	if (slot < 0)
		return;
	c = w_begin(w, slot, who & 1, who & 2 ? ISCSIP_LUN_REPORT_LUNS : who >> 2 & 3, cdb, play_data, out_len, in_len,
		    who >> 4 & 7);
	w_place(c, who & 0x80 ? out_len : 0);
	w_exec(c);
}

static void play_tmf(struct world *w)
{
	uint8_t who = take8(w), function = (uint8_t)(1 + take8(w) % 13);
	struct wcmd *ref = &w->cmd[who >> 4];
	int i;

	if (w->tmf_open)
		return;
	memset(&w->tmf, 0, sizeof w->tmf);
	w->tmf.port = &world_port;
	w->tmf.nexus = &w->nexus[who & 1];
	w->tmf.lun = iscsip_lun_encode(who >> 1 & 3);
	w->tmf.function = function;
	w->tmf_open = true;
	for (i = 0; i < CMDS; i++) {
		struct wcmd *c = &w->cmd[i];
		bool whole = function == 6 || function == 7 || function == 11;

		if (!c->used || !c->executed || c->completed || c->cmd.nexus != w->tmf.nexus)
			continue;
		if (function == 1 ? c == ref : whole || ((function == 2 || function == 4 || function == 5) && c->cmd.lun == w->tmf.lun))
			w_abort(&c->cmd);
	}
	if ((function == 1 || function == 9) && ref->used && ref->executed)
		w->tmf.ref = &ref->cmd;
	iscsip_disk_ops()->tmf(w->disk, &w->tmf);
}

/* A newer state of the unit, as another device would have stored it, or with a byte that none would have written. */
static void play_state(struct world *w, uint32_t lun)
{
	uint8_t b[2048], how = take8(w);
	size_t n = iscsip_disk_lun_state_get(w->disk, lun, b, sizeof b), i;
	uint64_t sum = 0xcbf29ce484222325u;

	if (n == 0)
		return;
	store_be64(b + 8, load_be64(b + 8) + (how & 3));
	if (how & 4)
		b[take8(w) % n] = take8(w);
	if (how & 8)
		b[30] = how >> 5; /* the action that caused it, of a nexus that is nobody's */
	for (i = 0; i < n - 8; i++)
		sum = (sum ^ b[i]) * 0x100000001b3u;
	store_be64(b + n - 8, sum);
	(void)iscsip_disk_lun_state_apply(w->disk, lun, b, n, NULL);
}

static void play_host(struct world *w)
{
	uint8_t what = take8(w);
	int i = what & 1;

	switch (what >> 1 & 7) {
	case 0:
		iscsip_disk_lun_resize(w->disk, (uint32_t)i, 1 + take8(w) % BLOCKS);
		break;
	case 1:
		iscsip_disk_lun_set_read_only(w->disk, (uint32_t)i, what & 0x80);
		break;
	case 2:
		iscsip_disk_lun_set_medium(w->disk, (uint32_t)i, what & 0x80);
		break;
	case 3:
		iscsip_disk_set_port_group(w->disk, 1, what >> 4);
		break;
	case 4:
		iscsip_disk_lun_set_space(w->disk, (uint32_t)i, (uint64_t)take8(w) << 20, (uint64_t)take8(w) << 20);
		break;
	case 5:
		if (w->nexus[i].disk)
			iscsip_disk_nexus_close(&w->nexus[i]);
		else
			w_login(w, i);
		break;
	case 6:
		if (w->unit[i].there && !w->unit[i].leaving) {
			w->unit[i].leaving = true;
			if (iscsip_disk_lun_remove(w->disk, (uint32_t)i) == ISCSIP_DONE) {
				MUST(w->unit[i].pins == 0);
				w->unit[i].there = false;
			}
		} else if (!w->unit[i].there) {
			MUST(w_unit_add(w, i) == ISCSIP_OK);
		}
		break;
	default:
		if (what & 0x80)
			play_state(w, (uint32_t)i);
		else
			iscsip_disk_work(w->disk);
		break;
	}
}

/* The state in force and the table of registrations say the same, and each nexus knows its own. */
static void check_reservations(const struct world *w, const struct disk_lun *lun)
{
	const struct iscsip_disk *d = w->disk;
	uint32_t i, k, regs = 0;

	for (i = 0; i < d->cfg.max_registrations; i++) {
		const struct disk_reg *g = &d->regs[i];

		if (g->lun != lun->index + 1)
			continue;
		MUST(g->sides && (g->sides & REG_NOW || lun->changer));
		regs += (g->sides & REG_NOW) != 0;
		for (k = 0; k < i && g->sides & REG_NOW; k++)
			MUST(d->regs[k].lun != g->lun || !(d->regs[k].sides & REG_NOW) || d->regs[k].port != g->port ||
			     !iscsip__disk_id_equal(d->regs[k].id, d->regs[k].id_len, g->id, g->id_len));
	}
	MUST(regs == lun->now.regs);
	MUST(lun->now.type == 0 || (lun->now.type >= 7 ? regs > 0 : lun->now.holder > 0));
	MUST(!lun->now.holder || (lun->now.type && lun->now.type < 7 && d->regs[lun->now.holder - 1].lun == lun->index + 1 &&
				  d->regs[lun->now.holder - 1].sides & REG_NOW));
	MUST((lun->now.type != 0) == ((lun->gate & GATE_PERSISTENT) != 0));
	MUST(!(lun->reserved && lun->now.type));
	for (i = 0; i < d->slots_used; i++) {
		unsigned reg = lun->itls[i].reg;

		MUST(reg == 0 || (d->regs[reg - 1].lun == lun->index + 1 && d->regs[reg - 1].sides & REG_NOW));
	}
	MUST(!lun->change_head || lun->changer);
}

static void check_units(const struct world *w)
{
	uint32_t i;

	for (i = 0; i < w->disk->luns_used; i++)
		if (w->disk->luns[i].used)
			check_reservations(w, &w->disk->luns[i]);
}

static void play_operation(struct world *w)
{
	uint8_t op = take8(w), which = op >> 4;
	struct wcmd *c = &w->cmd[which];

	switch (op & 15) {
	case 0:
	case 1:
	case 2:
	case 3:
		play_command(w);
		break;
	case 4:
		play_raw(w);
		break;
	case 5:
	case 6:
	case 7:
		w_step(c);
		break;
	case 8:
	case 9:
		if (w->pending_cnt)
			u_answer(w, which % w->pending_cnt, ISCSIP_STORAGE_OK);
		break;
	case 10:
		if (w->pending_cnt)
			u_answer(w, 0, which % (ISCSIP_STORAGE_FENCED + 1));
		break;
	case 11:
		if (c->used && !c->executed)
			w_exec(c);
		break;
	case 12:
		if (c->used && c->executed && !c->completed)
			w_abort(&c->cmd);
		else if (c->used && !c->executed)
			w_free(c);
		break;
	case 13:
		play_tmf(w);
		break;
	case 14:
		play_host(w);
		break;
	default:
		iscsip_disk_work(w->disk);
		break;
	}
}

void disk_world_play(const uint8_t *data, size_t size)
{
	static struct world w;

	w_setup(&w, data, size, -1);
	while (w.p < w.end) {
		play_operation(&w);
		check_units(&w);
	}
	w_end(&w);
}

/* --- late storage ---------------------------------------------------------------------------------------------- */

enum {
	WRITES = 1024,
	LATE_BLOCKS = 8
};

/* What became of each write, and when; its number stands in the blocks. Number 0 is the medium as it was. */
struct moment {
	uint32_t lba, blocks, began, ended; /* ended 0: it goes on */
	bool good;
};

static struct {
	struct moment write[WRITES];
	uint32_t writes, now;
	uint32_t of_cmd[CMDS]; /* write number; 0: a read */
	uint32_t began[CMDS];
} late;

/* The bytes of a write that was over before another one began, which was answered before @by, must not stand over it. */
static void late_look(uint32_t lba, uint32_t number, uint32_t by)
{
	const struct moment *there = &late.write[number];
	uint32_t i;

	for (i = 1; i < late.writes; i++) {
		const struct moment *m = &late.write[i];

		if (m->good && m->ended < by && lba >= m->lba && lba - m->lba < m->blocks && there->ended)
			MUST(m->began < there->ended || i == number);
	}
}

static void late_begin(struct world *w, int slot, uint8_t how)
{
	uint32_t lba = how % LATE_BLOCKS, n = 1 + take8(w) % (LATE_BLOCKS - lba), i;
	bool write = how & 0x40 && late.writes < WRITES;
	uint8_t cdb[16] = { 0 };
	struct wcmd *c;

	(void)iscsip_cdb_rw(cdb, write ? ISCSIP_CDB_WRITE : ISCSIP_CDB_READ, lba, n, 0);
	for (i = 0; i < n; i++)
		store_be32(play_data + (size_t)i * w->block, late.writes);
	c = w_begin(w, slot, how >> 7, 0, cdb, play_data, write ? n * w->block : 0, write ? 0 : n * w->block,
		    how & 0x20 ? ISCSIP_ATTR_SIMPLE : ISCSIP_ATTR_ORDERED);
	late.of_cmd[slot] = write ? late.writes : 0;
	late.began[slot] = ++late.now;
	if (write)
		late.write[late.writes++] = (struct moment){ lba, n, late.now, 0, false };
	w_place(c, how & 0x10 ? c->cmd.out_len : 0);
	w_exec(c);
}

/* Which commands are over since the last look, and whether what reads gave is in order. */
static void late_note(struct world *w, uint32_t *open)
{
	uint32_t slot, i;

	late.now++;
	for (slot = 0; slot < CMDS; slot++) {
		struct wcmd *c = &w->cmd[slot];
		struct moment *m = &late.write[late.of_cmd[slot]];
		bool gone = c->cmd.flags & ISCSIP_CMD_ABORTED;

		if (!(*open >> slot & 1) || !(c->completed || gone))
			continue;
		*open &= ~(1u << slot);
		if (late.of_cmd[slot]) {
			m->ended = late.now;
			m->good = !gone && c->status == ISCSIP_STATUS_GOOD;
		}
		for (i = 0; !late.of_cmd[slot] && !gone && c->status == ISCSIP_STATUS_GOOD && i < c->in_done / w->block; i++)
			late_look(c->cdb[5] + i, load_be32(c->in + (size_t)i * w->block), late.began[slot]);
	}
}

static void late_operation(struct world *w, uint32_t *open)
{
	uint8_t op = take8(w), which = op >> 4;
	int slot = free_slot(w);

	if (op % 16 < 7 && slot >= 0) {
		*open |= 1u << slot;
		late_begin(w, slot, take8(w));
	} else if (op % 16 < 10) {
		if (w->cmd[which].used && !w->cmd[which].completed)
			w_step(&w->cmd[which]);
	} else if (op % 16 < 12 && w->pending_cnt) {
		u_answer(w, which % w->pending_cnt, ISCSIP_STORAGE_OK);
	} else if (op % 16 < 15) {
		if (w->cmd[which].used && !w->cmd[which].completed)
			w_abort(&w->cmd[which].cmd);
	} else {
		iscsip_disk_nexus_close(&w->nexus[which & 1]);
		w_login(w, which & 1);
		w->disk->luns[0].itls[((struct disk_slot *)w->nexus[which & 1].priv[0])->index].ua = 0;
	}
}

void disk_world_late(const uint8_t *data, size_t size)
{
	static struct world w;
	uint32_t open = 0, i;
	int k;

	w_setup(&w, data, size, 2);
	memset(&late, 0, sizeof late);
	late.writes = 1;
	for (k = 0; k < 2; k++)
		w.disk->luns[0].itls[((struct disk_slot *)w.nexus[k].priv[0])->index].ua = 0;
	while (w.p < w.end) {
		late_operation(&w, &open);
		late_note(&w, &open);
		/* those that are over go when they have been looked at */
		for (k = 0; k < CMDS; k++)
			if (w.cmd[k].used && w.cmd[k].completed && !(open >> k & 1))
				w_free(&w.cmd[k]);
	}
	for (i = 0; i < CMDS; i++)
		if (open >> i & 1 && late.of_cmd[i])
			late.write[late.of_cmd[i]].ended = UINT32_MAX;
	while (w.pending_cnt)
		u_answer(&w, 0, ISCSIP_STORAGE_OK);
	for (i = 0; i < LATE_BLOCKS; i++)
		late_look(i, load_be32(w.unit[0].bytes + (size_t)i * w.block), late.now + 1);
	w_end(&w);
}

/* --- the reference -------------------------------------------------------------------------------------------- */

struct model {
	uint8_t *bytes;
	uint64_t blocks;
	uint32_t block;
	bool thin, read_only, ejected;
	int reserved_by;          /* -1: nobody */
	uint16_t attention[2];    /* one that waits for each nexus, or 0 */
	uint32_t max_compare, max_atomic, max_transfer, write_max;
};

struct verdict {
	uint8_t status, key;
	uint16_t asc;
	bool has_info;
	uint64_t info;
	bool reads; /* data-in is bytes [off, off + len) */
	uint64_t off, len;
};

static void verdict_fail(struct verdict *v, uint8_t key, uint16_t asc)
{
	v->status = ISCSIP_STATUS_CHECK_CONDITION;
	v->key = key;
	v->asc = asc;
}

static void verdict_info(struct verdict *v, uint8_t key, uint16_t asc, uint64_t info)
{
	verdict_fail(v, key, asc);
	v->has_info = true;
	v->info = info;
}

struct asked {
	uint8_t op;
	int nexus;
	uint64_t lba, blocks;
	uint8_t flags;
	const uint8_t *out;
	uint32_t out_len;
};

static bool is_one_of(uint8_t op, const char *list, size_t n)
{
	return memchr(list, op, n) != NULL;
}

static bool writes_medium(uint8_t op)
{
	static const char ops[] = "\x2a\x2e\x8a\x8e\xaa\xae\x41\x93\x89\x8b\x9c\x42";

	return is_one_of(op, ops, sizeof ops - 1);
}

static bool repeats_block(uint8_t op)
{
	return op == 0x41 || op == 0x93;
}

/* What comes before the command itself is looked at; true: it is decided. */
static bool model_gate(struct model *m, const struct asked *a, struct verdict *v)
{
	if (m->attention[a->nexus]) {
		verdict_fail(v, ISCSIP_SENSE_UNIT_ATTENTION, m->attention[a->nexus]);
		m->attention[a->nexus] = 0;
		return true;
	}
	if (m->reserved_by >= 0 && m->reserved_by != a->nexus) {
		v->status = ISCSIP_STATUS_RESERVATION_CONFLICT;
		return true;
	}
	if (m->ejected) {
		verdict_fail(v, ISCSIP_SENSE_NOT_READY, ISCSIP_ASC_MEDIUM_NOT_PRESENT);
		return true;
	}
	if (m->read_only && writes_medium(a->op)) {
		verdict_fail(v, ISCSIP_SENSE_DATA_PROTECT, ISCSIP_ASC_WRITE_PROTECTED);
		return true;
	}
	return false;
}

static bool model_range(const struct model *m, const struct asked *a, struct verdict *v)
{
	if (a->lba <= m->blocks && a->blocks <= m->blocks - a->lba)
		return true;
	verdict_info(v, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_LBA_OUT_OF_RANGE, a->lba < m->blocks ? m->blocks : a->lba);
	return false;
}

static void model_write(struct model *m, const struct asked *a, struct verdict *v)
{
	uint64_t len = a->blocks * m->block;

	if (len > m->max_transfer || (a->op == 0x9c && a->blocks > m->max_atomic)) {
		verdict_fail(v, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_INVALID_FIELD_IN_CDB);
		return;
	}
	if (a->op == 0x9c && a->out_len < len) {
		verdict_fail(v, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_INVALID_FIELD_IN_UNIT);
		return;
	}
	if (len > a->out_len)
		len = a->out_len;
	memcpy(m->bytes + a->lba * m->block, a->out, (size_t)len);
}

static void model_compare(struct model *m, const struct asked *a, struct verdict *v, uint64_t period)
{
	uint64_t i, len = a->blocks * m->block;
	const uint8_t *at = m->bytes + a->lba * m->block;

	for (i = 0; i < len; i++) {
		if (at[i] == a->out[i % period])
			continue;
		verdict_info(v, ISCSIP_SENSE_MISCOMPARE, ISCSIP_ASC_MISCOMPARE,
			     a->op == 0x89 ? i : a->lba + i / m->block);
		return;
	}
	if (a->op == 0x89)
		memcpy(m->bytes + a->lba * m->block, a->out + len, (size_t)len);
}

static void model_verify(struct model *m, const struct asked *a, struct verdict *v)
{
	unsigned bytchk = a->flags >> 1 & 3;
	uint64_t want = bytchk == 0 || a->blocks == 0 ? 0 : bytchk == 3 ? m->block : a->blocks * m->block;

	if (bytchk == 2) {
		verdict_fail(v, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_INVALID_FIELD_IN_CDB);
	} else if (model_range(m, a, v) && want) {
		if (want > m->write_max)
			verdict_fail(v, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_INVALID_FIELD_IN_CDB);
		else if (a->out_len != want)
			verdict_fail(v, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_INVALID_FIELD_IN_UNIT);
		else
			model_compare(m, a, v, want);
	}
}

static void model_same(struct model *m, struct asked *a, struct verdict *v)
{
	uint64_t i;

	if ((a->flags & 0x10) || (a->flags & 0x08 && !m->thin)) {
		verdict_fail(v, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_INVALID_FIELD_IN_CDB);
		return;
	}
	if (!model_range(m, a, v))
		return;
	if (a->blocks == 0)
		a->blocks = m->blocks - a->lba;
	if (!(a->op == 0x93 && a->flags & 1) && a->out_len != m->block) {
		verdict_fail(v, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_INVALID_FIELD_IN_UNIT);
		return;
	}
	for (i = 0; i < a->blocks; i++) {
		uint8_t *at = m->bytes + (a->lba + i) * m->block;

		if (a->op == 0x93 && a->flags & 1)
			memset(at, 0, m->block);
		else
			memcpy(at, a->out, m->block);
	}
}

static void model_caw(struct model *m, const struct asked *a, struct verdict *v)
{
	if (a->blocks > m->max_compare) {
		verdict_fail(v, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_INVALID_FIELD_IN_CDB);
	} else if (model_range(m, a, v)) {
		if (a->out_len != 2 * a->blocks * m->block)
			verdict_fail(v, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_INVALID_FIELD_IN_CDB);
		else if (a->blocks)
			model_compare(m, a, v, a->blocks * m->block);
	}
}

static void model_or(struct model *m, const struct asked *a, struct verdict *v)
{
	uint64_t i, len = a->blocks * m->block;

	if (!model_range(m, a, v))
		return;
	if (len > m->write_max || len > m->max_transfer) {
		verdict_fail(v, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_INVALID_FIELD_IN_CDB);
	} else if (len && a->out_len != len) {
		verdict_fail(v, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_INVALID_FIELD_IN_UNIT);
	} else {
		for (i = 0; i < len; i++)
			m->bytes[a->lba * m->block + i] |= a->out[i];
	}
}

static void model_command(struct model *m, struct asked *a, struct verdict *v)
{
	memset(v, 0, sizeof *v);
	if (model_gate(m, a, v))
		return;
	switch (a->op) {
	case 0x28:
	case 0x88:
	case 0xa8:
		if (!model_range(m, a, v))
			return;
		if (a->blocks * m->block > m->max_transfer) {
			verdict_fail(v, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_INVALID_FIELD_IN_CDB);
			return;
		}
		v->reads = true;
		v->off = a->lba * m->block;
		v->len = a->blocks * m->block;
		break;
	case 0x2f:
	case 0x8f:
	case 0xaf:
		model_verify(m, a, v);
		break;
	case 0x41:
	case 0x93:
		model_same(m, a, v);
		break;
	case 0x89:
		model_caw(m, a, v);
		break;
	case 0x8b:
		model_or(m, a, v);
		break;
	default:
		if ((a->op == 0x2e || a->op == 0x8e || a->op == 0xae) && a->flags & 0x04)
			verdict_fail(v, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_INVALID_FIELD_IN_CDB);
		else if (model_range(m, a, v))
			model_write(m, a, v);
		break;
	}
}

/* --- comparing ------------------------------------------------------------------------------------------------ */

static void compare_cdb(const struct asked *a, uint8_t cdb[16])
{
	memset(cdb, 0, 16);
	cdb[0] = a->op;
	cdb[1] = a->flags;
	switch (iscsip_cdb_length(cdb, 1)) {
	case 10:
		store_be32(cdb + 2, (uint32_t)a->lba);
		store_be16(cdb + 7, (uint16_t)a->blocks);
		break;
	case 12:
		store_be32(cdb + 2, (uint32_t)a->lba);
		store_be32(cdb + 6, (uint32_t)a->blocks);
		break;
	default:
		store_be64(cdb + 2, a->lba);
		if (a->op == 0x89)
			cdb[13] = (uint8_t)a->blocks;
		else
			store_be32(cdb + 10, (uint32_t)a->blocks);
		break;
	}
}

/* Data that compares often enough: what the medium holds, with a byte changed now and then. */
static uint32_t compare_data(struct world *w, const struct model *m, struct asked *a)
{
	uint64_t len = a->blocks * m->block, from = a->lba * m->block, all = m->blocks * m->block;
	uint8_t how = take8(w), value = take8(w);

	if (a->op == 0x89)
		len *= 2;
	if (repeats_block(a->op) || ((a->op & 0x1f) == 0x0f && (a->flags & 6) == 6))
		len = m->block;
	if (len > DATA_MAX)
		len = DATA_MAX;
	memset(play_data, value & 3 ? value : 0, (size_t)len);
	if (how & 1 && from < all)
		memcpy(play_data, m->bytes + from, (size_t)(len < all - from ? len : all - from));
	if (how & 2 && len)
		play_data[value * 37u % len] ^= 0x10;
	if ((how & 0xf0) == 0xf0)
		len = len / 2 + (how >> 2 & 3) * 100;
	if (a->op == 0x28 || a->op == 0x88 || a->op == 0xa8 || ((a->op & 0x1f) == 0x0f && !(a->flags & 6)))
		len = 0;
	return (uint32_t)(len < DATA_MAX ? len : DATA_MAX);
}

static void compare_finish(struct world *w, struct wcmd *c)
{
	int turns = 0;

	while (!c->completed) {
		bool did = w_step(c);

		if (w->pending_cnt) {
			u_answer(w, w->pending_cnt - 1, ISCSIP_STORAGE_OK);
			did = true;
		}
		did |= iscsip_disk_work(w->disk);
		MUST(did || c->completed);
		MUST(++turns < 1000000);
	}
}

static void compare_command(struct world *w, struct model *m)
{
	static const uint8_t ops[] = { 0x28, 0x88, 0xa8, 0x2a, 0x8a, 0xaa, 0x2e, 0x8e, 0xae, 0x2f, 0x8f, 0xaf,
				       0x41, 0x93, 0x89, 0x8b, 0x9c };
	struct asked a;
	struct verdict v;
	uint8_t cdb[16], who = take8(w);
	const struct disk_op *op;
	struct wcmd *c;
	uint32_t in_len;

	memset(&a, 0, sizeof a);
	a.op = ops[take8(w) % sizeof ops];
	a.nexus = who & 1;
	a.lba = take8(w) % (m->blocks + 3);
	a.blocks = take8(w) % 40;
	cdb[0] = a.op;
	op = iscsip__disk_find_op(cdb);
	a.flags = take8(w) & op->usage[1];
	if (a.lba == m->blocks + 2 && iscsip_cdb_length(&a.op, 1) == 16)
		a.lba = UINT64_MAX - a.blocks / 2;
	a.out_len = compare_data(w, m, &a);
	a.out = play_data;
	compare_cdb(&a, cdb);
	in_len = op->place == PLACE_NONE ? (who & 2 ? 700 : (uint32_t)a.blocks * m->block) : 0;
	c = w_begin(w, 0, a.nexus, 0, cdb, play_data, a.out_len, in_len, ISCSIP_ATTR_SIMPLE);
	model_command(m, &a, &v);
	w_place(c, who & 4 ? a.out_len : who & 8 ? a.out_len / 3 : 0);
	w_exec(c);
	compare_finish(w, c);
	if (c->status == ISCSIP_STATUS_BUSY) {
		/* no memory: allowed where data came unasked, and nothing may have changed */
		MUST(c->dropped);
		memcpy(m->bytes, w->unit[0].bytes, (size_t)(BLOCKS * (uint64_t)m->block));
	} else {
		MUST(c->status == v.status);
		MUST(c->sense.key == v.key && c->sense.asc == v.asc);
		if (v.has_info && v.info <= UINT32_MAX)
			MUST(c->sense.info_valid && c->sense.info == v.info);
		if (v.reads) {
			MUST(c->in_total == v.len && c->in_done == (v.len < in_len ? v.len : in_len));
			MUST(memcmp(c->in, m->bytes + v.off, c->in_done) == 0);
		}
	}
	MUST(memcmp(m->bytes, w->unit[0].bytes, (size_t)(BLOCKS * (uint64_t)m->block)) == 0);
	while (c->used)
		MUST(w_step(c));
}

/* Something else happens between commands. */
static void compare_event(struct world *w, struct model *m)
{
	static const uint8_t reserve[16] = { 0x16 }, release[16] = { 0x17 };
	uint8_t what = take8(w);
	int n = what & 1;
	struct wcmd *c;

	switch (what >> 1 & 3) {
	case 0:
		if (m->attention[0] || m->attention[1])
			break;
		m->read_only = !m->read_only;
		iscsip_disk_lun_set_read_only(w->disk, 0, m->read_only);
		m->attention[0] = m->attention[1] = ISCSIP_ASC_MODE_PARAMETERS_CHANGED;
		break;
	case 1:
		if (m->attention[0] || m->attention[1])
			break;
		m->blocks = 1 + take8(w) % BLOCKS;
		if (m->blocks != w->disk->luns[0].blocks)
			m->attention[0] = m->attention[1] = ISCSIP_ASC_CAPACITY_CHANGED;
		iscsip_disk_lun_resize(w->disk, 0, m->blocks);
		break;
	case 2:
		if (m->attention[0] || m->attention[1])
			break;
		if (m->ejected)
			m->attention[0] = m->attention[1] = ISCSIP_ASC_MEDIUM_CHANGED;
		m->ejected = !m->ejected;
		iscsip_disk_lun_set_medium(w->disk, 0, !m->ejected);
		break;
	default:
		c = w_begin(w, 0, n, 0, what & 0x80 ? reserve : release, NULL, 0, 0, ISCSIP_ATTR_SIMPLE);
		w_exec(c);
		compare_finish(w, c);
		if (m->attention[n]) {
			MUST(c->sense.asc == m->attention[n]);
			m->attention[n] = 0;
		} else if (what & 0x80) {
			MUST(c->status == (m->reserved_by < 0 || m->reserved_by == n ? 0 : ISCSIP_STATUS_RESERVATION_CONFLICT));
			if (c->status == 0)
				m->reserved_by = n;
		} else {
			MUST(c->status == 0);
			if (m->reserved_by == n)
				m->reserved_by = -1;
		}
		MUST(w_step(c));
		break;
	}
}

void disk_world_compare(const uint8_t *data, size_t size)
{
	static struct world w;
	struct model m;
	uint64_t i;

	w_setup(&w, data, size, -1);
	memset(&m, 0, sizeof m);
	m.block = w.block;
	m.blocks = BLOCKS;
	m.thin = w.lun_cfg.flags & ISCSIP_LUN_THIN;
	m.reserved_by = -1;
	m.attention[0] = m.attention[1] = ISCSIP_ASC_POWER_ON;
	m.max_compare = w.disk->luns[0].cfg.max_compare;
	m.max_atomic = w.disk->luns[0].cfg.max_atomic;
	m.max_transfer = w.disk->luns[0].cfg.max_transfer;
	m.write_max = (uint32_t)iscsip__disk_write_max(w.disk);
	m.bytes = malloc(BLOCKS * (size_t)w.block);
	for (i = 0; i < BLOCKS * (uint64_t)w.block; i++)
		w.unit[0].bytes[i] = m.bytes[i] = (uint8_t)(i / w.block % 3);
	while (w.p < w.end) {
		if (take8(&w) < 230)
			compare_command(&w, &m);
		else
			compare_event(&w, &m);
	}
	free(m.bytes);
	w_end(&w);
}
