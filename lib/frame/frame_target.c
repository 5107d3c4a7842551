/* SPDX-License-Identifier: MIT */
/*
 * StpT, the target's side of the exchanges (S0 Figs 3A and 3B): tasks, and what arrives for them. What the device server
 * says to a task, and how that becomes frames, stands in frame_answer.c.
 *
 *     FREE -- NEWC --> PLACING -- memory named, or none wanted --> EXEC -- complete --> COMPLETE -- last frame made -->
 *     ANSWERED -- that frame is out and released --> FREE
 *
 * With a standing grant, a write leaves PLACING only when the XFER behind its NEWC is in: that XFER is the next frame, so the
 * connection and not the task remembers that it is due.
 *
 * A responder exchange ID is the index of a task and its generation. Originator IDs stand in a hash table, only to find one
 * that is used twice. Granted data comes by the tag table: the grant's tag stands in the Responder Buffer, which the
 * initiator's XFER echoes.
 *
 * A NEWC for which there is no task is answered at once with TASK SET FULL (BUSY while closing); where no unit is free for
 * that, receiving is held until there is one. So what a peer can make us hold is the tasks, the units and one header.
 *
 * Invariants: each task that is not FREE is counted in c.open, and is in its bucket until it is ANSWERED; a tag is bound
 * exactly while `granted`; receiving is held for at most one of `refusing` and a standing grant's place.
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
	struct frame_task *k;

	if (t->first_free < none) {
		k = &t->tasks[t->first_free];
		t->first_free = k->next_free;
	} else if (t->used < none) {
		k = &t->tasks[t->used++];
		k->owner = t;
		k->generation = 0;
	} else {
		return NULL;
	}
	memset((uint8_t *)k + FRAME_TASK_ZERO, 0, sizeof *k - FRAME_TASK_ZERO);
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

/* The command in `refused` has come to its end. */
static int frame_refuse_newc(struct frame_target *t)
{
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
	const struct frame_target *t = frame_target_of(c);

	return t->refusing || t->named;
}

static void frame_data_due(struct frame_task *k)
{
	k->due = frame_after(&k->owner->c, k->owner->c.cfg->exchange_timeout_ms);
	iscsip__frame_due(&k->owner->c, k->due);
}

/* Memory was named and receiving goes on: what other exchanges were granted could not come in between either. */
static void frame_data_due_again(struct frame_target *t)
{
	frame_data_due(t->standing.task);
	for (unsigned i = 0; i < t->used; i++)
		if (t->tasks[i].due != ISCSIP_TIME_NEVER)
			frame_data_due(&t->tasks[i]);
}

static int frame_target_room(struct iscsip_frame_conn *c)
{
	struct frame_target *t = frame_target_of(c);

	if (t->refusing)
		frame_answer_refused(t);
	if (t->named)
		frame_data_due_again(t);
	t->named = false;
	return iscsip__rx_resume(&c->rx);
}

/* Data behind the NEWC in hand that needs no SNDD. */
static uint32_t frame_standing_len(const struct frame_target *t)
{
	const struct iscsip_frame *f = &t->c.frame;
	uint32_t grant = t->c.cfg->standing_grant;

	if (!(f->flags & ISCSIP_FRAME_WRITE))
		return 0;
	return f->transfer_length < grant ? f->transfer_length : grant;
}

static void frame_fill_task(struct frame_task *k)
{
	const struct iscsip_frame *f = &k->owner->c.frame;

	memcpy(k->cdb, f->originator_buffer, sizeof k->cdb);
	memset(&k->cmd, 0, sizeof k->cmd);
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
		k->cmd.unasked = frame_standing_len(k->owner);
	}
}

/* Memory is there, or none is needed: the device server's turn. */
static void frame_exec(struct frame_task *k)
{
	k->state = FRAME_T_EXEC;
	k->owner->ops->exec(k->owner->ops_user, &k->cmd);
}

/* Whether that is more than none; then it is what comes next. */
static bool frame_announced(struct frame_target *t, struct frame_task *k)
{
	t->standing.len = frame_standing_len(t);
	t->standing.task = k;
	t->c.due.standing = t->standing.len != 0;
	return t->c.due.standing;
}

/* With outgoing data the device server is asked for its memory before it executes (A23). Where that comes later, data that
 * is on its way already waits in the transport. */
static void frame_begin_task(struct frame_task *k)
{
	struct frame_target *t = k->owner;
	bool later = false, announced;

	k->state = FRAME_T_PLACING;
	if ((k->cmd.flags & ISCSIP_CMD_OUT) && t->ops->place) {
		k->placing = true;
		later = t->ops->place(t->ops_user, &k->cmd) == ISCSIP_EAGAIN && !k->out_vec;
		k->placing = false;
	}
	announced = frame_announced(t, k);
	if (later && announced) {
		rx_hold(&t->c.rx);
	} else if (announced) {
		k->dropped = !k->out_vec;
		frame_data_due(k);
	} else if (!later) {
		frame_exec(k);
	}
}

void iscsip__frame_placed(struct frame_task *k)
{
	struct frame_target *t = k->owner;

	if (!t->c.due.standing || t->standing.task != k) {
		frame_exec(k);
		return;
	}
	t->named = true;
	iscsip__frame_wake(&t->c);
}

static int frame_got_newc(struct frame_target *t)
{
	uint32_t id = t->c.frame.originator_id;
	struct frame_task *k;
	uint16_t *bucket;

	if (frame_id_in_use(t, id))
		return iscsip__frame_refuse(&t->c, ISCSIP_FRAME_RULE_ORIGINATOR_ID);
	k = t->c.state == FRAME_CLOSING ? NULL : frame_take_task(t);
	if (!k) {
		t->refused = t->c.frame;
		return frame_announced(t, NULL) ? ISCSIP_OK : frame_refuse_newc(t);
	}
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
static int frame_check_repeat(struct frame_target *t, uint16_t direction, uint8_t lun, uint32_t id, const uint8_t cdb[16])
{
	const struct iscsip_frame *f = &t->c.frame;

	if ((f->flags & FRAME_DIRECTION) != direction)
		return iscsip__frame_refuse(&t->c, ISCSIP_FRAME_RULE_DATA_DIRECTION);
	if (f->lun != lun)
		return iscsip__frame_refuse(&t->c, ISCSIP_FRAME_RULE_LUN);
	if (f->originator_id != id)
		return iscsip__frame_refuse(&t->c, ISCSIP_FRAME_RULE_ORIGINATOR_ID);
	if (memcmp(f->originator_buffer, cdb, sizeof f->originator_buffer) != 0)
		return iscsip__frame_refuse(&t->c, ISCSIP_FRAME_RULE_ORIGINATOR_BUFFER);
	return ISCSIP_OK;
}

static int frame_check_task(struct frame_target *t, const struct frame_task *k)
{
	return frame_check_repeat(t, frame_task_flags(k), frame_task_lun(k), k->cmd.tag, k->cdb);
}

/* What the frame announces, against the grant. */
static int frame_check_grant(struct frame_target *t, const struct frame_task *k)
{
	const struct iscsip_frame *f = &t->c.frame;
	bool final = (f->flags & ISCSIP_FRAME_FINAL) != 0;
	uint8_t handle[16];

	if (!k->grant)
		return iscsip__frame_refuse(&t->c, ISCSIP_FRAME_RULE_ORDER);
	iscsip__frame_handle(handle, k);
	if (memcmp(f->responder_buffer, handle, sizeof handle) != 0)
		return iscsip__frame_refuse(&t->c, ISCSIP_FRAME_RULE_RESPONDER_BUFFER);
	if (f->transfer_length > k->grant)
		return iscsip__frame_refuse(&t->c, ISCSIP_FRAME_RULE_GRANT);
	if (f->transfer_length > t->c.cfg->limits.max_rx_transfer)
		return iscsip__frame_refuse(&t->c, ISCSIP_FRAME_RULE_BURST);
	if (final != (k->moved + f->transfer_length == k->cmd.out_len))
		return iscsip__frame_refuse(&t->c, ISCSIP_FRAME_RULE_FINAL);
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
		return iscsip__frame_refuse(&t->c, ISCSIP_FRAME_RULE_RESPONDER_BUFFER);
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
		return iscsip__frame_refuse(&t->c, ISCSIP_FRAME_RULE_RESPONDER_ID);
	err = frame_check_task(t, k);
	if (!err)
		err = frame_check_grant(t, k);
	return err ? err : frame_place_data(t, k);
}

/* --- the XFER behind a NEWC --- */

static int frame_check_standing(struct frame_target *t)
{
	const struct frame_task *k = t->standing.task;
	const struct iscsip_frame *f = &t->c.frame, *newc = &t->refused;
	uint32_t all = k ? k->cmd.out_len : newc->transfer_length;
	int err;

	if (f->event != ISCSIP_FRAME_XFER)
		return iscsip__frame_refuse(&t->c, ISCSIP_FRAME_RULE_ORDER);
	err = k ? frame_check_task(t, k)
		: frame_check_repeat(t, newc->flags & FRAME_DIRECTION, newc->lun, newc->originator_id, newc->originator_buffer);
	if (err)
		return err;
	if (f->transfer_length != t->standing.len)
		return iscsip__frame_refuse(&t->c, ISCSIP_FRAME_RULE_GRANT);
	if (((f->flags & ISCSIP_FRAME_FINAL) != 0) != (f->transfer_length == all))
		return iscsip__frame_refuse(&t->c, ISCSIP_FRAME_RULE_FINAL);
	return ISCSIP_OK;
}

/* It came without a tag: its place is the beginning of the memory that the command has. */
static int frame_got_standing(struct frame_target *t)
{
	struct frame_task *k = t->standing.task;
	int err = frame_check_standing(t);

	if (err)
		return err;
	t->c.due.standing = false;
	t->receiving = k;
	if (k && k->out_vec) {
		const struct iscsip_vec_cursor at = cursor_make(k->out_vec, k->out_cnt, 0);

		iscsip__frame_expect(&t->c, &at);
	} else {
		iscsip__frame_expect(&t->c, NULL);
	}
	return ISCSIP_OK;
}

static int frame_target_header(struct iscsip_frame_conn *c)
{
	struct frame_target *t = frame_target_of(c);

	if (c->due.standing)
		return frame_got_standing(t);
	return c->frame.event == ISCSIP_FRAME_NEWC ? frame_got_newc(t) : frame_got_data(t);
}

static int frame_target_payload(struct iscsip_frame_conn *c)
{
	struct frame_target *t = frame_target_of(c);
	struct frame_task *k = t->receiving;

	c->stats.out_bytes += c->frame.transfer_length;
	if (!k)
		return frame_refuse_newc(t);
	t->receiving = NULL;
	k->moved += c->frame.transfer_length;
	if (k->state == FRAME_T_PLACING) {
		k->due = ISCSIP_TIME_NEVER;
		frame_exec(k);
	} else if (k->grant == 0) {
		(void)iscsip_ddp_release(t->ddp, k->tag);
		iscsip__frame_granted(k);
	}
	return ISCSIP_OK;
}

/* --- time and end --- */

/* While receiving is held for memory, it is the host that granted data waits for. */
static iscsip_time frame_target_earliest(const struct iscsip_frame_conn *c, uint32_t *id)
{
	const struct frame_target *t = frame_target_of(c);
	iscsip_time first = ISCSIP_TIME_NEVER;

	if (c->rx.held && !t->refusing)
		return first;
	for (unsigned i = 0; i < t->used; i++) {
		const struct frame_task *k = &t->tasks[i];

		if (k->due < first) {
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
	t->refusing = t->named = false;
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
