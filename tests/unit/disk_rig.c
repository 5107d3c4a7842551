/* SPDX-License-Identifier: MIT */
/*
 * The rig of the disk's tests. Its transport follows cmd.h to the letter and checks the disk against it: buffers long
 * enough, offsets in order, one completion for each command, nothing after the end. Data moves when the rig is pumped,
 * so that a test can stop a command anywhere.
 */
#include "disk_rig.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/vec.h"
#include "cmd/cmd_port.h"

/* --- the transport -------------------------------------------------------------------------------------------- */

static struct rig_cmd *rig_of(struct iscsip_cmd *cmd)
{
	return (struct rig_cmd *)(void *)cmd;
}

/* The wire's bytes land where the disk said. */
static void rig_land(struct rig_cmd *c, uint32_t off, uint32_t len)
{
	struct iscsip_vec_cursor at = cursor_make(c->vec, c->vec_cnt, off);

	assert_int_equal(cursor_copy_in(&at, c->out + off, len), len);
}

static int port_set_buffer(struct iscsip_cmd *cmd, const struct iscsip_vec *vec, int cnt)
{
	struct rig_cmd *c = rig_of(cmd);

	if (c->vec || c->dropped)
		return ISCSIP_ESTATE;
	assert_true(cnt >= 1);
	if (vec_total(vec, cnt) < cmd->out_len)
		return ISCSIP_EINVAL;
	c->vec = malloc(sizeof *vec * (size_t)cnt);
	memcpy(c->vec, vec, sizeof *vec * (size_t)cnt);
	c->vec_cnt = cnt;
	return ISCSIP_OK;
}

static int port_request_data(struct iscsip_cmd *cmd, uint32_t off, uint32_t len)
{
	struct rig_cmd *c = rig_of(cmd);

	assert_true(c->executed && !c->completed && len > 0);
	if (cmd->flags & ISCSIP_CMD_ABORTED)
		return ISCSIP_ECLOSED;
	if (!c->vec)
		return ISCSIP_ESTATE;
	if (off > cmd->out_len || len > cmd->out_len - off)
		return ISCSIP_EINVAL;
	if (c->data_due)
		return ISCSIP_EAGAIN;
	if (off + len <= c->unsolicited)
		return ISCSIP_DONE;
	c->want_off = off;
	c->want_len = len;
	c->data_due = true;
	return ISCSIP_OK;
}

static int port_send_data(struct iscsip_cmd *cmd, const struct iscsip_vec *vec, int cnt, uint32_t len, bool last)
{
	struct rig_cmd *c = rig_of(cmd);
	struct iscsip_vec_cursor at = cursor_make(vec, cnt, 0);
	uint32_t room = c->in_cap - c->in_done;

	assert_true(c->executed && !c->completed);
	assert_true(cmd->flags & ISCSIP_CMD_IN);
	if (cmd->flags & ISCSIP_CMD_ABORTED)
		return ISCSIP_ECLOSED;
	assert_false(c->sent_due);
	assert_false(c->last_sent);
	assert_true(vec_total(vec, cnt) >= len);
	c->in_done += (uint32_t)cursor_copy_out(&at, c->in + c->in_done, len < room ? len : room);
	c->last_sent = last;
	if (c->rig->sent_inside && !last)
		iscsip_disk_ops()->sent(c->rig->disk, cmd);
	else
		c->sent_due = true;
	return ISCSIP_OK;
}

static void rig_unlink(struct rig_cmd *c)
{
	struct rig_cmd **link = &c->rig->cmds;

	while (*link != c)
		link = &(*link)->next;
	*link = c->next;
}

void rig_release(struct rig_cmd *c)
{
	assert_false(c->freed);
	c->freed = true;
	rig_unlink(c);
	iscsip_disk_ops()->free(c->rig->disk, &c->cmd);
}

static int port_complete(struct iscsip_cmd *cmd, const struct iscsip_cmd_status *st)
{
	struct rig_cmd *c = rig_of(cmd);

	assert_true(c->executed);
	if (c->completed)
		return ISCSIP_ESTATE;
	c->completed = true;
	c->completions++;
	c->status = st->status;
	c->in_total = st->in_total;
	c->out_total = st->out_total;
	c->sense_len = st->sense_len;
	if (st->sense_len)
		assert_int_equal(iscsip_sense_decode(st->sense, st->sense_len, &c->sense), ISCSIP_OK);
	c->data_due = false;
	if (!c->rig->hold_sent || (cmd->flags & ISCSIP_CMD_ABORTED && !c->rig->hold_aborted))
		rig_release(c);
	return ISCSIP_OK;
}

static int port_abort(struct iscsip_cmd *cmd)
{
	struct rig_cmd *c = rig_of(cmd);

	assert_true(c->executed);
	if (c->completed || cmd->flags & ISCSIP_CMD_ABORTED)
		return ISCSIP_ESTATE;
	cmd->flags |= ISCSIP_CMD_ABORTED;
	iscsip_disk_ops()->abort(c->rig->disk, cmd);
	return ISCSIP_OK;
}

static void port_hurry(struct iscsip_cmd *cmd)
{
	rig_of(cmd)->hurried++;
}

/* The answer is kept in the request itself. */
static int port_tmf_complete(struct iscsip_tmf *tmf, uint8_t response)
{
	if (tmf->function == 0x80)
		return ISCSIP_ESTATE;
	tmf->function = 0x80;
	tmf->ref = NULL;
	tmf->lun = response;
	return ISCSIP_OK;
}

static const struct iscsip_cmd_port rig_port = { port_set_buffer, port_request_data, port_send_data, port_complete, port_abort,
						 port_hurry, port_tmf_complete };

void rig_tmf_init(struct rig *r, struct iscsip_tmf *tmf, int nexus, uint32_t lun, uint8_t function, struct rig_cmd *ref)
{
	memset(tmf, 0, sizeof *tmf);
	tmf->port = &rig_port;
	tmf->nexus = &r->nexus[nexus];
	tmf->lun = iscsip_lun_encode(lun);
	tmf->function = function;
	tmf->ref = ref ? &ref->cmd : NULL;
}

bool rig_tmf_answered(const struct iscsip_tmf *tmf, uint8_t response)
{
	return tmf->function == 0x80 && tmf->lun == response;
}

uint8_t rig_tmf(struct rig *r, int nexus, uint32_t lun, uint8_t function, struct rig_cmd *ref)
{
	static struct iscsip_tmf tmf;
	struct rig_cmd *c, *next;

	rig_tmf_init(r, &tmf, nexus, lun, function, ref);
	/* the transport marks the nexus' own tasks first */
	for (c = r->cmds; c; c = next) {
		bool whole = function == ISCSIP_TMF_TARGET_WARM_RESET || function == ISCSIP_TMF_TARGET_COLD_RESET;

		next = c->next;
		if (c->cmd.nexus != tmf.nexus || !c->executed || c->completed || c->cmd.flags & ISCSIP_CMD_ABORTED)
			continue;
		if (function == ISCSIP_TMF_ABORT_TASK ? c == ref : function <= ISCSIP_TMF_TARGET_COLD_RESET &&
		    function != ISCSIP_TMF_CLEAR_ACA && (whole || c->cmd.lun == tmf.lun)) {
			port_abort(&c->cmd);
			next = r->cmds;
		}
	}
	iscsip_disk_ops()->tmf(r->disk, &tmf);
	r->tmf_answers = tmf.function == 0x80;
	if (!r->tmf_answers)
		rig_pump(r);
	r->tmf_answers = tmf.function == 0x80;
	r->tmf_response = (uint8_t)tmf.lun;
	return r->tmf_answers ? r->tmf_response : 0xee;
}

/* --- commands ------------------------------------------------------------------------------------------------- */

static struct rig_cmd *rig_kept[4096];
static int rig_kept_cnt;

static void rig_forget(void)
{
	int i, n = 0;

	for (i = 0; i < rig_kept_cnt; i++) {
		struct rig_cmd *c = rig_kept[i];

		if (!c->freed) {
			rig_kept[n++] = c;
			continue;
		}
		free(c->vec);
		free(c->in);
		free(c->out);
		free(c);
	}
	rig_kept_cnt = n;
}

struct rig_cmd *rig_begin(struct rig *r, int nexus, uint32_t lun, const uint8_t *cdb, size_t cdb_len, const void *out,
			  uint32_t out_len, uint32_t in_len, uint8_t attr, bool place_only)
{
	struct rig_cmd *c = calloc(1, sizeof *c);

	if (rig_kept_cnt == 4096)
		rig_forget();
	rig_kept[rig_kept_cnt++] = c;
	c->rig = r;
	c->next = r->cmds;
	r->cmds = c;
	memcpy(c->cdb, cdb, cdb_len);
	c->cmd.port = &rig_port;
	c->cmd.nexus = &r->nexus[nexus];
	c->cmd.lun = iscsip_lun_encode(lun);
	c->cmd.cdb = c->cdb;
	c->cmd.cdb_len = sizeof c->cdb;
	c->cmd.attr = attr;
	c->cmd.flags = (uint8_t)((out_len ? ISCSIP_CMD_OUT : 0) | (in_len ? ISCSIP_CMD_IN : 0) | r->flags);
	c->cmd.out_len = out_len;
	c->cmd.in_len = in_len;
	c->in_cap = in_len;
	c->in = malloc(in_len ? in_len : 1);
	c->out = malloc(out_len ? out_len : 1);
	if (out_len)
		memcpy(c->out, out, out_len);
	c->unsolicited = c->cmd.unasked = r->all_asked ? 0 : out_len / 2;
	if (out_len) {
		assert_int_equal(iscsip_disk_ops()->place(r->disk, &c->cmd), ISCSIP_OK);
		if (c->vec)
			rig_land(c, 0, c->unsolicited);
		else
			c->dropped = c->unsolicited > 0;
	}
	if (!place_only)
		rig_exec(c);
	return c;
}

void rig_exec(struct rig_cmd *c)
{
	c->executed = true;
	iscsip_disk_ops()->exec(c->rig->disk, &c->cmd);
}

void rig_abort(struct rig_cmd *c)
{
	port_abort(&c->cmd);
}

/* One thing that is due; whether there was one. */
bool rig_step(struct rig *r)
{
	struct rig_cmd *c;

	for (c = r->cmds; c; c = c->next) {
		if (c->data_due) {
			c->data_due = false;
			rig_land(c, c->want_off, c->want_len);
			iscsip_disk_ops()->data(r->disk, &c->cmd);
			return true;
		}
		if (c->sent_due && (!c->last_sent || c->completed)) {
			c->sent_due = false;
			if (!c->completed) {
				iscsip_disk_ops()->sent(r->disk, &c->cmd);
				return true;
			}
		}
		if (c->completed) {
			rig_release(c);
			return true;
		}
	}
	return false;
}

void rig_pump(struct rig *r)
{
	int turns = 1000000;

	while (turns-- > 0) {
		if (rig_step(r))
			continue;
		if (!r->no_work && iscsip_disk_work(r->disk))
			continue;
		if (rig_storage_run(r))
			continue;
		if (!r->no_work && iscsip_disk_work(r->disk))
			continue;
		return;
	}
	fail_msg("the disk does not come to rest");
}

struct rig_cmd *rig_run(struct rig *r, int nexus, uint32_t lun, const uint8_t *cdb, size_t cdb_len, const void *out,
			uint32_t out_len, uint32_t in_len)
{
	struct rig_cmd *c;

	rig_forget();
	c = rig_begin(r, nexus, lun, cdb, cdb_len, out, out_len, in_len, ISCSIP_ATTR_SIMPLE, false);
	rig_pump(r);
	assert_int_equal(c->completions, 1);
	assert_true(c->freed);
	return c;
}

/* --- the storage ---------------------------------------------------------------------------------------------- */

static bool rig_touches(const struct rig_unit *u, const struct iscsip_storage_req *q)
{
	/* the offset of a COMMIT is no place on the medium */
	if (u->fail_commits || q->op == ISCSIP_STORAGE_COMMIT)
		return u->fail && u->fail_commits && q->op == ISCSIP_STORAGE_COMMIT;
	return u->fail && u->fail_at >= q->offset && (u->fail_at < q->offset + q->len || q->len == 0);
}

static void unit_copy(struct rig_unit *u, const struct iscsip_storage_req *q, bool write)
{
	uint64_t at = q->offset;
	int i;

	assert_int_equal(vec_total(q->vec, q->cnt), q->len);
	for (i = 0; i < q->cnt; i++) {
		if (write)
			memcpy(u->bytes + at, q->vec[i].base, q->vec[i].len);
		else
			memcpy(q->vec[i].base, u->bytes + at, q->vec[i].len);
		at += q->vec[i].len;
	}
}

static void unit_mark(struct rig_unit *u, uint64_t off, uint64_t len, bool on)
{
	uint64_t b;

	for (b = off / 512; b < (off + len) / 512; b++)
		u->bitmap[b] = on;
}

/* A unit without FLUSH has nothing that a loss of power takes. */
static void unit_wrote(struct rig_unit *u, uint64_t off, uint64_t len, bool stable)
{
	if (u->ops.flush && len)
		memset(u->unstable + off / 512, !stable, (size_t)(len / 512));
}

uint64_t rig_unstable(const struct rig *r, uint32_t lun)
{
	const struct rig_unit *u = &r->unit[lun];
	uint64_t b, n = 0;

	for (b = 0; b < u->size / 512; b++)
		n += u->unstable[b] ? 512 : 0;
	return n;
}

static void unit_status(struct rig_unit *u, struct iscsip_storage_req *q)
{
	uint64_t b = q->offset / 512, first = b, end = (q->offset + q->len) / 512;

	while (b < end && u->bitmap[b] == u->bitmap[first])
		b++;
	q->len = (b - first) * 512;
	q->provisioning = u->bitmap[first] ? ISCSIP_PROVISIONING_MAPPED : ISCSIP_PROVISIONING_DEALLOCATED;
}

static void unit_serve(struct rig_unit *u, struct iscsip_storage_req *q)
{
	size_t at = 0;
	int i;

	switch (q->op) {
	case ISCSIP_STORAGE_READ:
		unit_copy(u, q, false);
		break;
	case ISCSIP_STORAGE_WRITE:
		unit_copy(u, q, true);
		unit_mark(u, q->offset, q->len, true);
		unit_wrote(u, q->offset, q->len, q->flags & ISCSIP_STORAGE_FUA);
		break;
	case ISCSIP_STORAGE_FLUSH:
		u->flushes++;
		/* the strictest reading of the hint: nothing outside of it becomes stable */
		unit_wrote(u, q->len ? q->offset : 0, q->len ? q->len : u->size, true);
		break;
	case ISCSIP_STORAGE_UNMAP:
	case ISCSIP_STORAGE_WRITE_ZEROES:
		memset(u->bytes + q->offset, 0, (size_t)q->len);
		unit_mark(u, q->offset, q->len, q->op == ISCSIP_STORAGE_WRITE_ZEROES);
		unit_wrote(u, q->offset, q->len, q->flags & ISCSIP_STORAGE_FUA);
		break;
	case ISCSIP_STORAGE_LBA_STATUS:
		unit_status(u, q);
		break;
	case ISCSIP_STORAGE_ERASE:
		memset(u->bytes, 0x5c, (size_t)u->size);
		unit_wrote(u, 0, u->size, false);
		break;
	case ISCSIP_STORAGE_COMMIT:
		u->saves++;
		u->saved_len = (size_t)q->len;
		assert_true(q->len <= sizeof u->saved);
		for (i = 0; i < q->cnt; at += q->vec[i++].len)
			memcpy(u->saved + at, q->vec[i].base, q->vec[i].len);
		assert_int_equal(at, q->len);
		break;
	default:
		break;
	}
}

static void unit_request(void *user, struct iscsip_storage_req *q)
{
	struct rig_unit *u = user;
	struct rig *r = u->rig;

	if (q->op != ISCSIP_STORAGE_COMMIT)
		assert_true(q->offset <= u->size && q->len <= u->size - q->offset && q->offset % 512 == 0 && q->len % 512 == 0);
	u->reads += q->op == ISCSIP_STORAGE_READ;
	u->writes += q->op == ISCSIP_STORAGE_WRITE;
	u->unmaps += q->op == ISCSIP_STORAGE_UNMAP;
	u->zeroes += q->op == ISCSIP_STORAGE_WRITE_ZEROES;
	u->erases += q->op == ISCSIP_STORAGE_ERASE;
	q->user[0] = u;
	if (u->backing == RIG_DEFERRED) {
		assert_true(r->pending_cnt < RIG_PENDING);
		r->pending[r->pending_cnt++] = q;
		return;
	}
	if (rig_touches(u, q)) {
		q->error_offset = u->fail_at;
		iscsip_storage_done(q, u->fail);
		return;
	}
	unit_serve(u, q);
	iscsip_storage_done(q, ISCSIP_STORAGE_OK);
}

static struct iscsip_storage_req *rig_pending_take(struct rig *r, int i)
{
	struct iscsip_storage_req *q = r->pending[i];

	memmove(r->pending + i, r->pending + i + 1, sizeof r->pending[0] * (size_t)(r->pending_cnt - i - 1));
	r->pending_cnt--;
	return q;
}

void rig_storage_end(struct rig *r, int i, enum iscsip_storage_result result)
{
	struct iscsip_storage_req *q = rig_pending_take(r, i);

	if (result == ISCSIP_STORAGE_OK)
		unit_serve(q->user[0], q);
	iscsip_storage_done(q, result);
}

static int rig_storage_answer(struct rig *r, int i)
{
	struct iscsip_storage_req *q = rig_pending_take(r, i);
	struct rig_unit *u = q->user[0];

	if (rig_touches(u, q)) {
		q->error_offset = u->fail_at;
		iscsip_storage_done(q, u->fail);
		return 1;
	}
	unit_serve(u, q);
	iscsip_storage_done(q, ISCSIP_STORAGE_OK);
	return 1;
}

int rig_storage_run(struct rig *r)
{
	return r->pending_cnt ? rig_storage_answer(r, 0) : 0;
}

int rig_storage_run_reversed(struct rig *r)
{
	return r->pending_cnt ? rig_storage_answer(r, r->pending_cnt - 1) : 0;
}

static int unit_pin(void *user, uint64_t offset, uint64_t len, bool write, struct iscsip_vec *vec, int max)
{
	struct rig_unit *u = user;

	assert_true(offset <= u->size && len <= u->size - offset);
	if (u->fail && !u->fail_commits && u->fail_at >= offset && u->fail_at < offset + len)
		return -(int)u->fail;
	u->pins++;
	return iscsip_ram_ops()->pin(&u->ram, offset, len, write, vec, max);
}

static void unit_unpin(void *user, uint64_t offset, uint64_t len, bool write)
{
	struct rig_unit *u = user;

	assert_true(u->pins > 0);
	u->pins--;
	if (write)
		unit_wrote(u, offset, len, false);
}

static void ram_request(void *user, struct iscsip_storage_req *q)
{
	struct rig_unit *u = user;

	u->unmaps += q->op == ISCSIP_STORAGE_UNMAP;
	u->zeroes += q->op == ISCSIP_STORAGE_WRITE_ZEROES;
	if (q->op == ISCSIP_STORAGE_LBA_STATUS) {
		iscsip_ram_ops()->lba_status(&u->ram, q);
		return;
	}
	unit_wrote(u, q->offset, q->len, q->flags & ISCSIP_STORAGE_FUA);
	iscsip_ram_ops()->unmap(&u->ram, q);
}

static void unit_save(void *user, struct iscsip_storage_req *q)
{
	struct rig_unit *u = user;

	if (rig_touches(u, q)) {
		iscsip_storage_done(q, u->fail);
		return;
	}
	unit_serve(u, q);
	iscsip_storage_done(q, ISCSIP_STORAGE_OK);
}

static void unit_setup(struct rig *r, struct rig_unit *u, enum rig_backing backing, uint64_t size)
{
	u->rig = r;
	u->backing = backing;
	u->size = size;
	u->bytes = calloc(1, (size_t)size);
	u->bitmap = calloc(1, (size_t)(size / 512));
	u->unstable = calloc(1, (size_t)(size / 512));
	u->ops.struct_size = sizeof u->ops;
	u->ops.commit = unit_save;
	if (backing == RIG_RAM || backing == RIG_CACHED) {
		u->ram.base = u->bytes;
		u->ram.size = size;
		u->ram.bitmap = u->bitmap;
		u->ram.grain = 512;
		u->ops.pin = unit_pin;
		u->ops.unpin = unit_unpin;
		u->ops.unmap = u->ops.write_zeroes = u->ops.lba_status = ram_request;
		if (backing == RIG_CACHED)
			u->ops.flush = unit_request;
		return;
	}
	u->ops.read = u->ops.write = u->ops.flush = u->ops.unmap = unit_request;
	u->ops.write_zeroes = u->ops.lba_status = u->ops.pre_fetch = u->ops.erase = u->ops.commit = unit_request;
}

/* --- the host ------------------------------------------------------------------------------------------------- */

static void host_wake(void *user)
{
	((struct rig *)user)->woken++;
}

static void host_gone(void *user, uint32_t lun, void *lun_user)
{
	(void)lun;
	(void)lun_user;
	((struct rig *)user)->gone++;
}

static void host_start_stop(void *user, uint32_t lun, bool start, bool medium)
{
	(void)lun;
	(void)start;
	(void)medium;
	((struct rig *)user)->starts++;
}

static int host_set_group(void *user, uint16_t group, uint8_t state)
{
	struct rig *r = user;

	(void)group;
	(void)state;
	r->group_sets++;
	return r->group_refused ? ISCSIP_EBUSY : ISCSIP_OK;
}

static void host_attention(void *user, void *cmd_nexus, uint32_t lun, uint16_t asc)
{
	(void)cmd_nexus;
	(void)lun;
	(void)asc;
	((struct rig *)user)->attentions++;
}

static void host_applied(void *user, uint32_t lun, struct iscsip_disk_ticket *ticket)
{
	assert_int_equal(lun, ticket->lun);
	((struct rig *)user)->applied++;
}

int rig_add_unit(struct rig *r, uint32_t lun, enum rig_backing backing, const struct iscsip_disk_lun_config *cfg)
{
	struct iscsip_disk_lun_config c = *cfg;
	struct rig_unit *u = &r->unit[lun];

	if (!u->bytes)
		unit_setup(r, u, backing, c.blocks * (c.block_size ? c.block_size : 512));
	c.struct_size = sizeof c;
	c.ops = &u->ops;
	c.user = u;
	return iscsip_disk_lun_add(r->disk, lun, &c);
}

void rig_open(struct rig *r, int nexus)
{
	static const char *const names[RIG_NEXUSES] = { "iqn.1994-05.com.example:one",   "iqn.1994-05.com.example:two",
							"iqn.1994-05.com.example:three", "iqn.1994-05.com.example:four",
							"iqn.1994-05.com.example:five",  "iqn.1994-05.com.example:six" };
	static const uint8_t isid[6] = { 0x80, 1, 2, 3, 4, 5 };
	uint8_t id[ISCSIP_TRANSPORT_ID_MAX];
	size_t len = iscsip_transport_id_iscsi(id, sizeof id, names[nexus], isid);

	assert_int_equal(iscsip_disk_nexus_open(r->disk, &r->nexus[nexus], id, len, 1), ISCSIP_OK);
}

/* Every nexus has been told what there was to tell. */
void rig_clear_attention(struct rig *r)
{
	uint8_t cdb[16];
	int n, lun;

	for (n = 0; n < RIG_NEXUSES; n++) {
		for (lun = 0; lun < 4 && r->nexus[n].disk; lun++) {
			do
				iscsip_cdb_test_unit_ready(cdb);
			while (rig_run(r, n, (uint32_t)lun, cdb, 6, NULL, 0, 0)->sense.key == ISCSIP_SENSE_UNIT_ATTENTION);
		}
	}
}

struct rig *rig_new_with(enum rig_backing backing, const struct iscsip_disk_lun_config *lun, const struct iscsip_disk_config *cfg)
{
	struct rig *r = calloc(1, sizeof *r);
	size_t size;
	int i;

	r->cfg = *cfg;
	r->host.struct_size = sizeof r->host;
	r->host.wake = host_wake;
	r->host.lun_gone = host_gone;
	r->host.start_stop = host_start_stop;
	r->host.set_port_group = host_set_group;
	r->host.attention = host_attention;
	r->host.applied = host_applied;
	r->cfg.host = &r->host;
	r->cfg.user = r;
	size = iscsip_disk_size(&r->cfg);
	assert_int_not_equal(size, 0);
	r->mem = malloc(size);
	assert_int_equal(iscsip_disk_init(&r->disk, r->mem, size, &r->cfg), ISCSIP_OK);
	assert_int_equal(rig_add_unit(r, 0, backing, lun), ISCSIP_OK);
	for (i = 0; i < 2; i++)
		rig_open(r, i);
	rig_clear_attention(r);
	return r;
}

struct rig *rig_new(enum rig_backing backing, uint32_t flags)
{
	struct iscsip_disk_lun_config lun = { .blocks = 2048, .flags = flags };
	struct iscsip_disk_config cfg;

	iscsip_disk_config_init(&cfg, sizeof cfg);
	cfg.name = "iqn.2001-04.com.example:disk";
	cfg.buffer_size = 4096;
	cfg.max_commands = 32;
	return rig_new_with(backing, &lun, &cfg);
}

void rig_free(struct rig *r)
{
	int i;

	r->hold_sent = r->hold_aborted = false;
	rig_pump(r);
	while (r->cmds)
		rig_release(r->cmds);
	for (i = 0; i < RIG_NEXUSES; i++)
		iscsip_disk_nexus_close(&r->nexus[i]);
	rig_pump(r);
	assert_int_equal(r->pending_cnt, 0);
	assert_false(iscsip_disk_busy(r->disk));
	for (i = 0; i < 4; i++) {
		assert_int_equal(r->unit[i].pins, 0);
		free(r->unit[i].bytes);
		free(r->unit[i].bitmap);
		free(r->unit[i].unstable);
	}
	rig_forget();
	free(r->mem);
	free(r);
}

/* --- shortcuts ------------------------------------------------------------------------------------------------ */

struct rig_cmd *rig_read(struct rig *r, int n, uint64_t lba, uint32_t blocks)
{
	uint8_t cdb[16];
	size_t len = iscsip_cdb_rw(cdb, ISCSIP_CDB_READ, lba, blocks, 0);

	return rig_run(r, n, 0, cdb, len, NULL, 0, blocks * 512);
}

struct rig_cmd *rig_write(struct rig *r, int n, uint64_t lba, uint32_t blocks, uint8_t fill)
{
	uint8_t cdb[16], *data = malloc(blocks * 512 + 1);
	size_t len = iscsip_cdb_rw(cdb, ISCSIP_CDB_WRITE, lba, blocks, 0);
	struct rig_cmd *c;

	memset(data, fill, blocks * 512);
	c = rig_run(r, n, 0, cdb, len, data, blocks * 512, 0);
	free(data);
	return c;
}

struct rig_cmd *rig_tur(struct rig *r, int n)
{
	uint8_t cdb[16];

	return rig_run(r, n, 0, cdb, iscsip_cdb_test_unit_ready(cdb), NULL, 0, 0);
}

void assert_good(const struct rig_cmd *c)
{
	if (c->status == ISCSIP_STATUS_CHECK_CONDITION)
		assert_int_equal(c->sense.key << 16 | c->sense.asc, 0);
	assert_int_equal(c->status, ISCSIP_STATUS_GOOD);
}

void assert_check(const struct rig_cmd *c, uint8_t key, uint16_t asc)
{
	assert_int_equal(c->status, ISCSIP_STATUS_CHECK_CONDITION);
	assert_int_equal(c->sense.key, key);
	assert_int_equal(c->sense.asc, asc);
}

static void assert_field(const struct rig_cmd *c, unsigned byte, uint8_t where)
{
	assert_true(c->sense.sks_valid);
	assert_int_equal(c->sense.sks[0] & ISCSIP_SKS_IN_CDB, where);
	assert_int_equal(c->sense.sks[1] << 8 | c->sense.sks[2], byte);
}

void assert_cdb_field(const struct rig_cmd *c, unsigned byte)
{
	assert_check(c, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_INVALID_FIELD_IN_CDB);
	assert_field(c, byte, ISCSIP_SKS_IN_CDB);
}

void assert_parameter_field(const struct rig_cmd *c, unsigned byte)
{
	assert_check(c, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_INVALID_FIELD_IN_PARAMETERS);
	assert_field(c, byte, 0);
}
