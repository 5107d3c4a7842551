/* SPDX-License-Identifier: MIT */
/*
 * StpT, the target's side of the exchanges (S0 Figs 3A and 3B): tasks, and what arrives for them. What the device server
 * says to a task, and how that becomes frames, stands in frame_answer.c.
 *
 *     FREE -- NEWC --> PLACING -- memory named, or none wanted --> EXEC -- complete --> COMPLETE -- last frame made -->
 *     ANSWERED -- that frame is out and released --> FREE
 *
 * A responder exchange ID is the index of a task and its generation. Originator IDs stand in a hash table, only to find one
 * that is used twice. Granted data comes by the tag table: the grant's tag stands in the Responder Buffer, which the
 * initiator's XFER echoes.
 *
 * A NEWC for which there is no task is answered at once with TASK SET FULL (BUSY while closing); where no unit is free for
 * that, receiving is held until there is one. So what a peer can make us hold is the tasks, the units and one header.
 *
 * Invariants: each task that is not FREE is counted in c.open, and is in its bucket until it is ANSWERED; a tag is bound
 * exactly while `granted`.
 */
#include "base/bytes.h"
#include "frame/frame_target.h"

/* --- tasks --- */

static uint16_t frame_bucket(const struct frame_target *t, uint32_t id)
{
	return (uint16_t)((id * 0x9e3779b1u >> 16) & t->bucket_mask);
}

static bool frame_id_in_use(const struct frame_target *t, uint32_t id)
{
	uint16_t i = t->buckets[frame_bucket(t, id)];

	while (i < t->used && t->tasks[i].cmd.tag != id)
		i = t->tasks[i].next_in_bucket;
	return i < t->used;
}

static void frame_leave_bucket(struct frame_target *t, const struct frame_task *k)
{
	uint16_t index = (uint16_t)(k - t->tasks);
	uint16_t *at = &t->buckets[frame_bucket(t, k->cmd.tag)];

	while (*at != index)
		at = &t->tasks[*at].next_in_bucket;
	*at = k->next_in_bucket;
}

/* A free task, its generation kept; NULL where there is none. */
static struct frame_task *frame_take_task(struct frame_target *t)
{
	uint16_t none = t->c.cfg->limits.max_exchanges;
	uint16_t generation = 0;
	struct frame_task *k;

	if (t->first_free < none) {
		k = &t->tasks[t->first_free];
		t->first_free = k->next_free;
		generation = k->generation;
	} else if (t->used < none) {
		k = &t->tasks[t->used++];
	} else {
		return NULL;
	}
	memset(k, 0, sizeof *k);
	k->owner = t;
	k->generation = generation;
	k->due = ISCSIP_TIME_NEVER;
	return k;
}

void iscsip__frame_answered(struct frame_task *k)
{
	frame_leave_bucket(k->owner, k);
	k->state = FRAME_T_ANSWERED;
}

/* free() comes last: the host may look at the connection, and the memory of the command is not used before it returned. */
void iscsip__frame_task_free(struct frame_task *k)
{
	struct frame_target *t = k->owner;

	if (k->state != FRAME_T_ANSWERED)
		frame_leave_bucket(t, k);
	if (k->granted)
		(void)iscsip_ddp_release(t->ddp, k->tag);
	k->granted = false;
	k->state = FRAME_T_FREE;
	k->generation++;
	k->next_free = t->first_free;
	t->first_free = (uint16_t)(k - t->tasks);
	iscsip__frame_ended(&t->c);
	if (t->ops->free)
		t->ops->free(t->ops_user, &k->cmd);
}

/* --- NEWC --- */

static void frame_answer_refused(struct frame_target *t)
{
	struct tx_unit *u = iscsip__tx_slot(&t->c.tx);
	struct iscsip_frame f;

	memset(&f, 0, sizeof f);
	f.event = ISCSIP_FRAME_CMPT;
	f.lun = t->refused.lun;
	f.status = t->c.state == FRAME_CLOSING ? SAM_BUSY : SAM_TASK_SET_FULL;
	f.flags = t->refused.flags & FRAME_DIRECTION;
	f.originator_id = t->refused.originator_id;
	memcpy(f.originator_buffer, t->refused.originator_buffer, sizeof f.originator_buffer);
	iscsip__frame_seal(&t->c, u, &f);
	t->c.stats.refused++;
	t->refusing = false;
}

static int frame_refuse_newc(struct frame_target *t)
{
	t->refused = t->c.frame;
	if (!tx_full(&t->c.tx)) {
		frame_answer_refused(t);
		return ISCSIP_OK;
	}
	t->refusing = true;
	rx_hold(&t->c.rx);
	return ISCSIP_OK;
}

static bool frame_target_waiting(const struct iscsip_frame_conn *c)
{
	return frame_target_of(c)->refusing;
}

static int frame_target_room(struct iscsip_frame_conn *c)
{
	frame_answer_refused(frame_target_of(c));
	return iscsip__rx_resume(&c->rx);
}

static void frame_fill_task(struct frame_task *k)
{
	const struct iscsip_frame *f = &k->owner->c.frame;

	memcpy(k->cdb, f->originator_buffer, sizeof k->cdb);
	k->cmd.port = &iscsip__frame_port;
	k->cmd.nexus = k->owner->c.user;
	k->cmd.lun = (uint64_t)f->lun << 48;
	k->cmd.cdb = k->cdb;
	k->cmd.cdb_len = sizeof k->cdb;
	k->cmd.attr = ISCSIP_ATTR_SIMPLE;
	k->cmd.tag = f->originator_id;
	if (f->flags & ISCSIP_FRAME_READ) {
		k->cmd.flags = ISCSIP_CMD_IN;
		k->cmd.in_len = f->transfer_length;
	}
	if (f->flags & ISCSIP_FRAME_WRITE) {
		k->cmd.flags = ISCSIP_CMD_OUT;
		k->cmd.out_len = f->transfer_length;
	}
}

/* With outgoing data the device server is asked for its memory before it executes (A23). */
static void frame_begin_task(struct frame_task *k)
{
	struct frame_target *t = k->owner;
	int err = ISCSIP_OK;

	k->state = FRAME_T_PLACING;
	if ((k->cmd.flags & ISCSIP_CMD_OUT) && t->ops->place) {
		k->placing = true;
		err = t->ops->place(t->ops_user, &k->cmd);
		k->placing = false;
	}
	if (err != ISCSIP_EAGAIN || k->out_vec)
		iscsip__frame_exec(k);
}

void iscsip__frame_exec(struct frame_task *k)
{
	k->state = FRAME_T_EXEC;
	k->owner->ops->exec(k->owner->ops_user, &k->cmd);
}

static int frame_got_newc(struct frame_target *t)
{
	uint32_t id = t->c.frame.originator_id;
	struct frame_task *k;
	uint16_t *bucket;

	if (frame_id_in_use(t, id))
		return iscsip__frame_refuse(&t->c, ISCSIP_FRAME_RULE_ORIGINATOR_ID, FRAME_AT_originator_id);
	k = t->c.state == FRAME_CLOSING ? NULL : frame_take_task(t);
	if (!k)
		return frame_refuse_newc(t);
	frame_fill_task(k);
	bucket = &t->buckets[frame_bucket(t, id)];
	k->next_in_bucket = *bucket;
	*bucket = (uint16_t)(k - t->tasks);
	t->c.open++;
	t->c.stats.exchanges++;
	frame_begin_task(k);
	return ISCSIP_OK;
}

/* --- XFER --- */

void iscsip__frame_handle(uint8_t buf[16], const struct frame_task *k)
{
	memset(buf, 0, 16);
	store_be32(buf, k->tag);
	store_be32(buf + 4, k->grant_off);
	store_be32(buf + 8, frame_task_id(k));
}

static struct frame_task *frame_find_task(struct frame_target *t, uint32_t id)
{
	uint32_t index = frame_id_slot(id);
	struct frame_task *k;

	if (index >= t->used)
		return NULL;
	k = &t->tasks[index];
	return k->state != FRAME_T_FREE && frame_task_id(k) == id ? k : NULL;
}

/* What the frame repeats of its NEWC. */
static int frame_check_repeat(struct frame_target *t, const struct frame_task *k)
{
	const struct iscsip_frame *f = &t->c.frame;

	if ((f->flags & FRAME_DIRECTION) != frame_task_flags(k))
		return iscsip__frame_refuse(&t->c, ISCSIP_FRAME_RULE_DATA_DIRECTION, FRAME_AT_flags);
	if ((uint64_t)f->lun << 48 != k->cmd.lun)
		return iscsip__frame_refuse(&t->c, ISCSIP_FRAME_RULE_LUN, FRAME_AT_lun);
	if (f->originator_id != k->cmd.tag)
		return iscsip__frame_refuse(&t->c, ISCSIP_FRAME_RULE_ORIGINATOR_ID, FRAME_AT_originator_id);
	if (memcmp(f->originator_buffer, k->cdb, sizeof k->cdb) != 0)
		return iscsip__frame_refuse(&t->c, ISCSIP_FRAME_RULE_ORIGINATOR_BUFFER, FRAME_AT_originator_buffer);
	return ISCSIP_OK;
}

/* What the frame announces, against the grant. */
static int frame_check_grant(struct frame_target *t, const struct frame_task *k)
{
	const struct iscsip_frame *f = &t->c.frame;
	bool final = (f->flags & ISCSIP_FRAME_FINAL) != 0;
	uint8_t handle[16];

	if (!k->grant)
		return iscsip__frame_refuse(&t->c, ISCSIP_FRAME_RULE_ORDER, FRAME_AT_event);
	iscsip__frame_handle(handle, k);
	if (memcmp(f->responder_buffer, handle, sizeof handle) != 0)
		return iscsip__frame_refuse(&t->c, ISCSIP_FRAME_RULE_RESPONDER_BUFFER, FRAME_AT_responder_buffer);
	if (f->transfer_length > k->grant)
		return iscsip__frame_refuse(&t->c, ISCSIP_FRAME_RULE_GRANT, FRAME_AT_transfer_length);
	if (f->transfer_length > t->c.cfg->limits.max_rx_transfer)
		return iscsip__frame_refuse(&t->c, ISCSIP_FRAME_RULE_BURST, FRAME_AT_transfer_length);
	if (final != (k->moved + f->transfer_length == k->cmd.out_len))
		return iscsip__frame_refuse(&t->c, ISCSIP_FRAME_RULE_FINAL, FRAME_AT_flags);
	return ISCSIP_OK;
}

/* The tag of the Responder Buffer leads to the memory, as that of a Data-Out does. */
static int frame_place_data(struct frame_target *t, struct frame_task *k)
{
	const struct iscsip_ddp_query q = {
		.tag = load_be32(t->c.frame.responder_buffer),
		.flags = ISCSIP_DDP_CHECK_TASK,
		.itt = k->cmd.tag,
		.lun = k->cmd.lun,
		.off = k->moved,
		.len = t->c.frame.transfer_length,
	};
	struct iscsip_ddp_hit hit;

	if (iscsip_ddp_place(t->ddp, &q, &hit) != ISCSIP_OK)
		return iscsip__frame_refuse(&t->c, ISCSIP_FRAME_RULE_RESPONDER_BUFFER, FRAME_AT_responder_buffer);
	k->grant -= q.len;
	t->receiving = k;
	iscsip__frame_expect(&t->c, &hit.at);
	return ISCSIP_OK;
}

static int frame_got_data(struct frame_target *t)
{
	struct frame_task *k = frame_find_task(t, t->c.frame.responder_id);
	int err;

	if (!k)
		return iscsip__frame_refuse(&t->c, ISCSIP_FRAME_RULE_RESPONDER_ID, FRAME_AT_responder_id);
	err = frame_check_repeat(t, k);
	if (!err)
		err = frame_check_grant(t, k);
	return err ? err : frame_place_data(t, k);
}

static int frame_target_header(struct iscsip_frame_conn *c)
{
	struct frame_target *t = frame_target_of(c);

	return c->frame.event == ISCSIP_FRAME_NEWC ? frame_got_newc(t) : frame_got_data(t);
}

static int frame_target_payload(struct iscsip_frame_conn *c)
{
	struct frame_target *t = frame_target_of(c);
	struct frame_task *k = t->receiving;

	t->receiving = NULL;
	k->moved += c->frame.transfer_length;
	c->stats.out_bytes += c->frame.transfer_length;
	if (k->grant == 0) {
		(void)iscsip_ddp_release(t->ddp, k->tag);
		iscsip__frame_granted(k);
	}
	return ISCSIP_OK;
}

/* --- time and end --- */

static iscsip_time frame_target_earliest(const struct iscsip_frame_conn *c, uint32_t *id)
{
	const struct frame_target *t = frame_target_of(c);
	iscsip_time first = ISCSIP_TIME_NEVER;

	for (unsigned i = 0; i < t->used; i++) {
		const struct frame_task *k = &t->tasks[i];

		if (k->granted && k->due < first) {
			first = k->due;
			*id = k->cmd.tag;
		}
	}
	return first;
}

static void frame_target_closed(struct iscsip_frame_conn *c)
{
	struct frame_target *t = frame_target_of(c);

	for (unsigned i = 0; i < t->used; i++)
		if (t->tasks[i].state != FRAME_T_FREE)
			iscsip__frame_lost(&t->tasks[i]);
}

static const struct frame_role frame_target_role = {
	.role = ISCSIP_FRAME_TARGET,
	.peer = ISCSIP_FRAME_INITIATOR,
	.header = frame_target_header,
	.payload = frame_target_payload,
	.make = iscsip__frame_target_make,
	.gone = iscsip__frame_target_gone,
	.waiting = frame_target_waiting,
	.room = frame_target_room,
	.earliest = frame_target_earliest,
	.closed = frame_target_closed,
};

/* --- memory --- */

static unsigned frame_bucket_count(unsigned exchanges)
{
	unsigned n = 1;

	while (n < exchanges)
		n *= 2;
	return n;
}

static struct frame_target *frame_target_carve(struct arena *a, const struct iscsip_frame_config *cfg)
{
	static const struct iscsip_ddp_layout layout = ISCSIP_DDP_LAYOUT_TASKS;
	uint16_t n = cfg->limits.max_exchanges;
	unsigned buckets = frame_bucket_count(n);
	struct frame_target *t = arena_take(a, sizeof *t, _Alignof(struct frame_target));
	struct frame_task *tasks = arena_take_array(a, n, sizeof *tasks, _Alignof(struct frame_task));
	uint16_t *bucket = arena_take_array(a, buckets, sizeof *bucket, _Alignof(uint16_t));
	size_t ddp_len = iscsip_ddp_size(n);
	void *ddp = arena_take(a, ddp_len, ISCSIP_DDP_ALIGN);
	bool carved = iscsip__frame_carve(t ? &t->c : NULL, a, cfg);

	if (!t || !tasks || !bucket || !ddp || !carved || iscsip_ddp_init(&t->ddp, ddp, ddp_len, n, &layout))
		return NULL;
	t->tasks = tasks;
	t->buckets = bucket;
	t->bucket_mask = (uint16_t)(buckets - 1);
	for (unsigned i = 0; i < buckets; i++)
		bucket[i] = n;
	t->first_free = n;
	t->used = 0;
	t->receiving = NULL;
	t->refusing = false;
	return t;
}

size_t iscsip_frame_target_size(const struct iscsip_frame_config *cfg)
{
	struct arena a;

	arena_count(&a);
	(void)frame_target_carve(&a, cfg);
	return arena_size(&a);
}

int iscsip_frame_target_init(struct iscsip_frame_conn **out, void *mem, size_t len, const struct iscsip_frame_config *cfg,
			     const struct iscsip_device_ops *ops, void *ops_user, void *user, iscsip_time now)
{
	struct frame_target *t;
	struct arena a;

	if (iscsip_frame_config_check(cfg) || ops->struct_size < sizeof *ops || !ops->exec)
		return ISCSIP_EINVAL;
	if (!mem || ((uintptr_t)mem & (ARENA_ALIGN - 1)) != 0)
		return ISCSIP_EINVAL;
	arena_open(&a, mem, len);
	t = frame_target_carve(&a, cfg);
	if (!t)
		return ISCSIP_ENOSPC;
	t->ops = ops;
	t->ops_user = ops_user;
	iscsip__frame_init(&t->c, &frame_target_role, user, now);
	*out = &t->c;
	return ISCSIP_OK;
}
