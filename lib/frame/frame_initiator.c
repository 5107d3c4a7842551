/* SPDX-License-Identifier: MIT */
/*
 * StpI, the initiator's side of the exchanges (S0 Figs 3A and 3B). An exchange is the host's struct; the connection holds a
 * table of slots that lead from an exchange ID back to it, O(1), with a generation that tells a stale ID.
 *
 *     IDLE -- submit --> QUEUED -- NEWC made --> OPEN -- last XFER in, or CMPT --> ENDED -- nothing in flight --> IDLE
 *
 * OPEN covers the rounds of a write: a grant (SNDD) is answered by XFERs whose lengths add up to it before the next grant or
 * the completion may come. Where the ends agreed on a standing grant, NEWC is the first grant of a write. For a read, `at`
 * walks over in_vec as XFERs land; for a write, over out_vec as XFERs are made.
 *
 * Invariants: grant > 0 only in OPEN of a write, and then the exchange is in a queue; made <= in_len or out_len;
 * in_flight counts the frames made of it that the transport may still read. `done` is called once for each submit. When the
 * transport is gone, `made` is what it took.
 */
#include "frame/frame.h"

enum frame_exchange_state { FRAME_X_IDLE, FRAME_X_QUEUED, FRAME_X_OPEN, FRAME_X_ENDED };

struct frame_slot {
	struct iscsip_frame_exchange *x; /* NULL: free */
	uint16_t generation;
	uint16_t next_free;
};

struct frame_initiator {
	struct iscsip_frame_conn c;
	const struct iscsip_frame_initiator_ops *ops;
	struct frame_slot *slots;
	struct iscsip_frame_exchange *receiving; /* its data is on the way in */
	uint16_t first_free;                     /* max_exchanges: none */
	uint16_t used;                           /* slots that were ever given; those above were never touched */
};

static struct frame_initiator *frame_initiator_of(const struct iscsip_frame_conn *c)
{
	return (struct frame_initiator *)(uintptr_t)c;
}

static struct iscsip_frame_exchange *frame_exchange_of(struct iscsip_frame_item *item)
{
	return (struct iscsip_frame_exchange *)(void *)((uint8_t *)item - offsetof(struct iscsip_frame_exchange, item));
}

static bool frame_is_write(const struct iscsip_frame_exchange *x)
{
	return x->out_len != 0;
}

static uint32_t frame_expected(const struct iscsip_frame_exchange *x)
{
	return frame_is_write(x) ? x->out_len : x->in_len;
}

static uint16_t frame_exchange_flags(const struct iscsip_frame_exchange *x)
{
	return (uint16_t)((x->in_len ? ISCSIP_FRAME_READ : 0) | (x->out_len ? ISCSIP_FRAME_WRITE : 0));
}

/* --- slots --- */

static struct frame_slot *frame_take_slot(struct frame_initiator *in, uint16_t *index)
{
	if (in->first_free < in->c.cfg->limits.max_exchanges) {
		*index = in->first_free;
		in->first_free = in->slots[*index].next_free;
	} else {
		*index = in->used++;
		in->slots[*index].generation = 0;
	}
	return &in->slots[*index];
}

static struct iscsip_frame_exchange *frame_lookup(struct frame_initiator *in, uint32_t id)
{
	uint32_t index = frame_id_slot(id);
	struct iscsip_frame_exchange *x;

	if (index >= in->used)
		return NULL;
	x = in->slots[index].x;
	return x && x->id == id && x->state == FRAME_X_OPEN ? x : NULL;
}

/* The host has its exchange back; the slot's next ID is another. */
static void frame_give_back(struct frame_initiator *in, struct iscsip_frame_exchange *x)
{
	uint16_t index = (uint16_t)frame_id_slot(x->id);
	struct frame_slot *slot = &in->slots[index];

	slot->x = NULL;
	slot->generation++;
	slot->next_free = in->first_free;
	in->first_free = index;
	x->state = FRAME_X_IDLE;
	x->result.moved = x->made;
	x->result.residual = frame_expected(x) - x->made;
	iscsip__frame_ended(&in->c);
	in->ops->done(in->c.user, x);
}

static void frame_end(struct frame_initiator *in, struct iscsip_frame_exchange *x, int err)
{
	x->result.err = err;
	x->state = FRAME_X_ENDED;
	if (x->in_flight == 0)
		frame_give_back(in, x);
}

/* --- submit --- */

static int frame_check_exchange(const struct iscsip_frame_exchange *x)
{
	if (x->in_len && x->out_len)
		return ISCSIP_EINVAL;
	if (x->in_len && vec_total(x->in_vec, x->in_cnt) < x->in_len)
		return ISCSIP_EINVAL;
	if (x->out_len && vec_total(x->out_vec, x->out_cnt) < x->out_len)
		return ISCSIP_EINVAL;
	return ISCSIP_OK;
}

static void frame_begin(struct frame_initiator *in, struct iscsip_frame_exchange *x)
{
	struct iscsip_frame_conn *c = &in->c;
	uint16_t index;
	struct frame_slot *slot = frame_take_slot(in, &index);

	slot->x = x;
	x->id = frame_id(index, slot->generation);
	x->at = frame_is_write(x) ? cursor_make(x->out_vec, x->out_cnt, 0) : cursor_make(x->in_vec, x->in_cnt, 0);
	x->due = frame_after(c, x->timeout_ms ? x->timeout_ms : c->cfg->exchange_timeout_ms);
	x->newc_end = UINT64_MAX;
	x->responder_id = x->grant = x->made = 0;
	memset(x->responder_buffer, 0, sizeof x->responder_buffer);
	x->in_flight = 0;
	x->state = FRAME_X_QUEUED;
	memset(&x->result, 0, sizeof x->result);
	c->open++;
	c->stats.exchanges++;
	iscsip__frame_due(c, x->due);
	x->item.queued = false;
	iscsip__frame_queue(c, &x->item, FRAME_Q_CONTROL);
}

int iscsip_frame_submit(struct iscsip_frame_conn *c, struct iscsip_frame_exchange *x, iscsip_time now)
{
	int err;

	if (c->role->role != ISCSIP_FRAME_INITIATOR)
		return ISCSIP_ESTATE;
	if (frame_over(c))
		return c->error.code;
	if (c->state != FRAME_RUNNING)
		return ISCSIP_ESTATE;
	/* its memory is in use, and its place in the queues */
	err = x->state == FRAME_X_IDLE ? frame_check_exchange(x) : ISCSIP_EINVAL;
	if (err)
		return err;
	if (c->open == c->cfg->limits.max_exchanges)
		return ISCSIP_EAGAIN;
	c->now = now;
	frame_begin(frame_initiator_of(c), x);
	return ISCSIP_OK;
}

/* --- send --- */

static void frame_address(struct iscsip_frame *f, const struct iscsip_frame_exchange *x, uint32_t event)
{
	memset(f, 0, sizeof *f);
	f->event = event;
	f->lun = x->lun;
	f->flags = frame_exchange_flags(x);
	f->originator_id = x->id;
	f->responder_id = x->responder_id;
	memcpy(f->originator_buffer, x->cdb, sizeof f->originator_buffer);
}

static enum frame_made frame_make_newc(struct iscsip_frame_conn *c, struct iscsip_frame_exchange *x, struct tx_unit *u)
{
	struct iscsip_frame f;

	frame_address(&f, x, ISCSIP_FRAME_NEWC);
	f.transfer_length = frame_expected(x);
	x->state = FRAME_X_OPEN;
	iscsip__frame_seal(c, u, &f);
	x->newc_end = c->tx_made;
	x->grant = x->out_len < c->cfg->standing_grant ? x->out_len : c->cfg->standing_grant;
	return x->grant ? FRAME_MADE_NEXT : FRAME_MADE_LAST;
}

/* As much of the grant as one transfer may have. */
static enum frame_made frame_make_data(struct iscsip_frame_conn *c, struct iscsip_frame_exchange *x, struct tx_unit *u)
{
	uint32_t len = x->grant < c->cfg->limits.max_burst ? x->grant : c->cfg->limits.max_burst;
	struct iscsip_frame f;

	frame_address(&f, x, ISCSIP_FRAME_XFER);
	memcpy(f.responder_buffer, x->responder_buffer, sizeof f.responder_buffer);
	f.transfer_length = len;
	u->payload = x->at;
	u->payload_len = len;
	cursor_advance(&x->at, len);
	x->made += len;
	x->grant -= len;
	c->stats.out_bytes += len;
	if (x->made == x->out_len)
		f.flags |= ISCSIP_FRAME_FINAL;
	iscsip__frame_seal(c, u, &f);
	return x->grant ? FRAME_MADE_MORE : FRAME_MADE_LAST;
}

static enum frame_made frame_initiator_make(struct iscsip_frame_conn *c, struct iscsip_frame_item *item)
{
	struct iscsip_frame_exchange *x = frame_exchange_of(item);
	struct tx_unit *u = iscsip__tx_slot(&c->tx);

	u->owner = x;
	x->in_flight++;
	return x->state == FRAME_X_QUEUED ? frame_make_newc(c, x, u) : frame_make_data(c, x, u);
}

static void frame_initiator_gone(struct iscsip_frame_conn *c, struct tx_unit *u)
{
	struct iscsip_frame_exchange *x = u->owner;

	/* what the transport did not take in whole was not moved, whatever a completion says; a refusal has it at none already */
	if (c->state == FRAME_CLOSED && u->cut && !x->result.refused)
		x->made -= u->payload_len;
	x->in_flight--;
	if (x->state == FRAME_X_ENDED && x->in_flight == 0)
		frame_give_back(frame_initiator_of(c), x);
}

/* --- receive --- */

/* What every frame of an exchange repeats (A08 to A10, AU7). */
static int frame_check_echo(struct iscsip_frame_conn *c, const struct iscsip_frame_exchange *x)
{
	const struct iscsip_frame *f = &c->frame;

	if ((f->flags & FRAME_DIRECTION) != frame_exchange_flags(x))
		return iscsip__frame_refuse(c, ISCSIP_FRAME_RULE_DATA_DIRECTION);
	if (f->lun != x->lun)
		return iscsip__frame_refuse(c, ISCSIP_FRAME_RULE_LUN);
	if (x->responder_id && f->responder_id != x->responder_id)
		return iscsip__frame_refuse(c, ISCSIP_FRAME_RULE_RESPONDER_ID);
	if (memcmp(f->originator_buffer, x->cdb, sizeof x->cdb) != 0)
		return iscsip__frame_refuse(c, ISCSIP_FRAME_RULE_ORIGINATOR_BUFFER);
	return ISCSIP_OK;
}

/* What SNDD and XFER may ask for or announce. */
static int frame_check_amount(struct iscsip_frame_conn *c, const struct iscsip_frame_exchange *x)
{
	uint32_t len = c->frame.transfer_length;

	if (len > frame_expected(x) - x->made)
		return iscsip__frame_refuse(c, ISCSIP_FRAME_RULE_EXPECTATION);
	if (len > c->cfg->limits.max_rx_transfer)
		return iscsip__frame_refuse(c, ISCSIP_FRAME_RULE_BURST);
	return ISCSIP_OK;
}

static int frame_got_sndd(struct iscsip_frame_conn *c, struct iscsip_frame_exchange *x)
{
	int err;

	if (x->grant)
		return iscsip__frame_refuse(c, ISCSIP_FRAME_RULE_ORDER);
	err = frame_check_amount(c, x);
	if (err)
		return err;
	x->grant = c->frame.transfer_length;
	memcpy(x->responder_buffer, c->frame.responder_buffer, sizeof x->responder_buffer);
	iscsip__frame_queue(c, &x->item, FRAME_Q_DATA);
	return ISCSIP_OK;
}

static int frame_got_xfer(struct iscsip_frame_conn *c, struct iscsip_frame_exchange *x)
{
	int err = frame_check_amount(c, x);

	if (err)
		return err;
	frame_initiator_of(c)->receiving = x;
	iscsip__frame_expect(c, &x->at);
	return ISCSIP_OK;
}

static void frame_keep_status(struct iscsip_frame_exchange *x, const struct iscsip_frame *f)
{
	x->result.status = f->status;
	if (!(f->flags & ISCSIP_FRAME_SENSE))
		return;
	x->result.sense_len = ISCSIP_FRAME_SENSE_LEN;
	memcpy(x->result.sense, f->responder_buffer, ISCSIP_FRAME_SENSE_LEN);
}

static int frame_got_cmpt(struct iscsip_frame_conn *c, struct iscsip_frame_exchange *x)
{
	const struct iscsip_frame *f = &c->frame;
	bool refused = f->responder_id == 0;

	if (x->grant)
		return iscsip__frame_refuse(c, ISCSIP_FRAME_RULE_ORDER);
	if (f->transfer_length != (refused ? 0 : x->made))
		return iscsip__frame_refuse(c, ISCSIP_FRAME_RULE_MOVED);
	x->result.refused = refused;
	c->stats.refused += refused;
	if (refused)
		x->made = 0; /* what went by the standing grant was dropped */
	frame_keep_status(x, f);
	frame_end(frame_initiator_of(c), x, ISCSIP_OK);
	return ISCSIP_OK;
}

static int frame_initiator_header(struct iscsip_frame_conn *c)
{
	struct iscsip_frame_exchange *x = frame_lookup(frame_initiator_of(c), c->frame.originator_id);
	int err;

	if (!x)
		return iscsip__frame_refuse(c, ISCSIP_FRAME_RULE_ORIGINATOR_ID);
	err = frame_check_echo(c, x);
	if (err)
		return err;
	x->responder_id = c->frame.responder_id;
	x->result.stage = ISCSIP_FRAME_ANSWERED;
	switch (c->frame.event) {
	case ISCSIP_FRAME_SNDD:
		return frame_got_sndd(c, x);
	case ISCSIP_FRAME_XFER:
		return frame_got_xfer(c, x);
	default:
		return frame_got_cmpt(c, x);
	}
}

static int frame_initiator_payload(struct iscsip_frame_conn *c)
{
	struct frame_initiator *in = frame_initiator_of(c);
	struct iscsip_frame_exchange *x = in->receiving;

	in->receiving = NULL;
	cursor_advance(&x->at, c->frame.transfer_length);
	x->made += c->frame.transfer_length;
	c->stats.in_bytes += c->frame.transfer_length;
	if (c->frame.flags & ISCSIP_FRAME_FINAL) {
		frame_keep_status(x, &c->frame);
		frame_end(in, x, ISCSIP_OK);
	}
	return ISCSIP_OK;
}

/* --- time and end --- */

static iscsip_time frame_initiator_earliest(const struct iscsip_frame_conn *c, uint32_t *id)
{
	const struct frame_initiator *in = frame_initiator_of(c);
	iscsip_time first = ISCSIP_TIME_NEVER;

	for (unsigned i = 0; i < in->used; i++) {
		const struct iscsip_frame_exchange *x = in->slots[i].x;

		/* one that has its answer waits for the host to release its frames, not for the peer */
		if (x && x->state != FRAME_X_ENDED && x->due < first) {
			first = x->due;
			*id = x->id;
		}
	}
	return first;
}

static void frame_initiator_closed(struct iscsip_frame_conn *c)
{
	struct frame_initiator *in = frame_initiator_of(c);

	for (unsigned i = 0; i < in->used; i++) {
		struct iscsip_frame_exchange *x = in->slots[i].x;

		if (!x)
			continue;
		if (x->result.stage == ISCSIP_FRAME_UNSENT && x->newc_end <= c->stats.tx_bytes)
			x->result.stage = ISCSIP_FRAME_ISSUED;
		x->item.queued = false;
		frame_end(in, x, c->error.code);
	}
}

static const struct frame_role frame_initiator_role = {
	.role = ISCSIP_FRAME_INITIATOR,
	.peer = ISCSIP_FRAME_TARGET,
	.header = frame_initiator_header,
	.payload = frame_initiator_payload,
	.make = frame_initiator_make,
	.gone = frame_initiator_gone,
	.earliest = frame_initiator_earliest,
	.closed = frame_initiator_closed,
};

/* --- memory --- */

static struct frame_initiator *frame_initiator_carve(struct arena *a, const struct iscsip_frame_config *cfg)
{
	struct frame_initiator *in = arena_take(a, sizeof *in, _Alignof(struct frame_initiator));
	struct frame_slot *slots =
		arena_take_array(a, cfg->limits.max_exchanges, sizeof *slots, _Alignof(struct frame_slot));
	bool carved = iscsip__frame_carve(in ? &in->c : NULL, a, cfg);

	if (!in || !slots || !carved)
		return NULL;
	in->slots = slots;
	in->receiving = NULL;
	in->used = 0;
	in->first_free = cfg->limits.max_exchanges;
	return in;
}

size_t iscsip_frame_initiator_size(const struct iscsip_frame_config *cfg)
{
	struct arena a;

	arena_count(&a);
	(void)frame_initiator_carve(&a, cfg);
	return arena_size(&a);
}

int iscsip_frame_initiator_init(struct iscsip_frame_conn **out, void *mem, size_t len,
				const struct iscsip_frame_config *cfg, const struct iscsip_frame_initiator_ops *ops,
				void *user, iscsip_time now)
{
	struct frame_initiator *in;
	struct arena a;

	if (iscsip_frame_config_check(cfg) || ops->struct_size < sizeof *ops || !ops->done)
		return ISCSIP_EINVAL;
	if (!mem || ((uintptr_t)mem & (ARENA_ALIGN - 1)) != 0)
		return ISCSIP_EINVAL;
	arena_open(&a, mem, len);
	in = frame_initiator_carve(&a, cfg);
	if (!in)
		return ISCSIP_ENOSPC;
	in->ops = ops;
	iscsip__frame_init(&in->c, &frame_initiator_role, user, now);
	*out = &in->c;
	return ISCSIP_OK;
}
