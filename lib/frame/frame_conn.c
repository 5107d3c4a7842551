/* SPDX-License-Identifier: MIT */
/*
 * The life of a frame connection: configuration, memory, the first error, deadlines, what the host may ask. Bytes stand in
 * frame_io.c, exchanges in the roles.
 *
 *     RUNNING ---- close() ----> CLOSING ---- closed() ----> CLOSED
 *        |                          |                          ^
 *        `---- first fatal error ---'-----> FAILED -- closed() '
 *
 * Invariants: error.code is set once, only to fatal codes, and never in RUNNING or CLOSING; in FAILED no byte is taken or
 * listed; the role's closed() is called once, on entering CLOSED, when nothing is in flight any more. `next_due` is never
 * later than the earliest due time of an open exchange; it may be earlier (an exchange that ended leaves it alone), then
 * tick() only looks again.
 */
#include "frame/frame.h"

#include "base/abi.h"

#define FRAME_EXCHANGES_MAX 4096u
#define FRAME_TX_MAX 1024u
#define FRAME_BURST_MAX 0x80000000u /* header and data of a frame are counted in 32 bits */

void iscsip_frame_config_init(struct iscsip_frame_config *cfg, size_t struct_size)
{
	struct iscsip_frame_config c;

	memset(&c, 0, sizeof c);
	c.struct_size = struct_size;
	c.limits.max_exchanges = 64;
	c.limits.max_tx_frames = 64;
	c.limits.max_burst = 1024u * 1024u;
	c.limits.max_rx_transfer = UINT32_MAX;
	c.sync = ISCSIP_FRAME_SYNC;
	c.exchange_timeout_ms = 30000;
	c.close_timeout_ms = 5000;
	abi_fill(cfg, struct_size, &c, sizeof c);
}

int iscsip_frame_config_check(const struct iscsip_frame_config *cfg)
{
	const struct iscsip_frame_limits *l = &cfg->limits;

	if (cfg->struct_size < sizeof *cfg)
		return ISCSIP_EINVAL;
	if (l->max_exchanges < 1 || l->max_exchanges > FRAME_EXCHANGES_MAX)
		return ISCSIP_EINVAL;
	if (l->max_tx_frames < 2 || l->max_tx_frames > FRAME_TX_MAX)
		return ISCSIP_EINVAL;
	if (l->max_burst < 1 || l->max_burst > FRAME_BURST_MAX || l->max_rx_transfer < 1)
		return ISCSIP_EINVAL;
	if (cfg->standing_grant > l->max_burst || cfg->standing_grant > l->max_rx_transfer)
		return ISCSIP_EINVAL;
	if (cfg->host && cfg->host->struct_size < sizeof *cfg->host)
		return ISCSIP_EINVAL;
	return ISCSIP_OK;
}

/* --- memory --- */

bool iscsip__frame_carve(struct iscsip_frame_conn *c, struct arena *a, const struct iscsip_frame_config *cfg)
{
	uint8_t *hdr = arena_take(a, ISCSIP_FRAME_LEN, 4);
	struct tx_unit *units =
		arena_take_array(a, cfg->limits.max_tx_frames, sizeof *units, _Alignof(struct tx_unit));
	struct tx_head *heads = arena_take_array(a, cfg->limits.max_tx_frames, sizeof *heads, ARENA_ALIGN);

	if (!c || !hdr || !units || !heads)
		return false;
	memset(c, 0, sizeof *c);
	c->cfg = cfg;
	iscsip__rx_init(&c->rx, iscsip__frame_rx_ops(), c, hdr, ISCSIP_FRAME_LEN, ISCSIP_FRAME_LEN);
	iscsip__tx_init(&c->tx, units, heads, cfg->limits.max_tx_frames, (cfg->flags & ISCSIP_FRAME_CFG_TX_HOLD) != 0);
	return true;
}

void iscsip__frame_init(struct iscsip_frame_conn *c, const struct frame_role *role, void *user, iscsip_time now)
{
	c->role = role;
	c->user = user;
	c->now = c->active = c->tx_moved = now;
	c->next_due = c->close_by = ISCSIP_TIME_NEVER;
	c->tx_sequence = c->cfg->first_sequence;
	c->due.sync = c->cfg->sync;
	c->due.sequence = c->cfg->first_sequence;
	c->due.from = role->peer;
	c->due.any_flags = (c->cfg->flags & ISCSIP_FRAME_CFG_ANY_FLAGS) != 0;
}

/* --- errors --- */

int iscsip__frame_fail(struct iscsip_frame_conn *c, int code, unsigned rule, uint32_t arg)
{
	if (!frame_over(c)) {
		c->error.code = code;
		c->error.opcode = 0xff;
		c->error.rule = (uint16_t)rule;
		c->error.arg = arg;
		c->state = FRAME_FAILED;
		iscsip__frame_wake(c);
	}
	return c->error.code;
}

int iscsip__frame_refuse(struct iscsip_frame_conn *c, unsigned rule)
{
	return iscsip__frame_fail(c, ISCSIP_EPROTO, rule, iscsip__frame_rule_at(rule));
}

/* --- doors --- */

int iscsip__frame_enter(struct iscsip_frame_conn *c, iscsip_time now)
{
	if (!door_enter(&c->door))
		return ISCSIP_ESTATE;
	if (frame_over(c)) {
		door_leave(&c->door);
		return c->error.code;
	}
	c->now = now;
	return ISCSIP_OK;
}

/* Misuse passes by; what the engines found fatal without the role's doing is made the connection's error. */
int iscsip__frame_leave(struct iscsip_frame_conn *c, int err)
{
	if (iscsip_err_is_fatal(err))
		err = iscsip__frame_fail(c, err, ISCSIP_FRAME_RULE_NONE, 0);
	door_leave(&c->door);
	return err;
}

/* A command is to be refused as soon as the data is in that came with it: data is on its way, and of no exchange. */
static bool frame_answer_owed(const struct iscsip_frame_conn *c)
{
	return c->due.standing || c->rx.phase != RX_HEADER;
}

unsigned iscsip_frame_conn_want(const struct iscsip_frame_conn *c)
{
	bool has_tx = iscsip__frame_has_tx(c);
	unsigned want = 0;

	if (frame_over(c))
		return ISCSIP_WANT_CLOSE;
	/* where the host holds every unit (TX_HOLD), nothing can be made before it releases one */
	if (has_tx && (c->tx.unsent || !tx_full(&c->tx)))
		want |= ISCSIP_WANT_TX;
	if (c->state == FRAME_CLOSING && c->open == 0 && !has_tx && !frame_answer_owed(c))
		return ISCSIP_WANT_CLOSE;
	return c->rx.held ? want : want | ISCSIP_WANT_RX;
}

int iscsip_frame_conn_close(struct iscsip_frame_conn *c, iscsip_time now)
{
	if (frame_over(c))
		return c->error.code;
	if (c->state == FRAME_RUNNING) {
		c->now = c->door.shut ? c->now : now;
		c->state = FRAME_CLOSING;
		c->close_by = frame_after(c, c->cfg->close_timeout_ms);
		iscsip__frame_wake(c);
	}
	return ISCSIP_OK;
}

/* Bytes of a unit that has begun to arrive and will not be complete. */
static uint32_t frame_bytes_missing(const struct rx *rx)
{
	if (rx->phase != RX_HEADER)
		return rx->left;
	return rx->have ? rx->need - rx->have : 0;
}

int iscsip_frame_conn_closed(struct iscsip_frame_conn *c, iscsip_time now)
{
	uint32_t missing = frame_bytes_missing(&c->rx);

	if (!door_enter(&c->door))
		return ISCSIP_ESTATE;
	if (c->state == FRAME_CLOSED) {
		door_leave(&c->door);
		return ISCSIP_OK;
	}
	c->now = now;
	if (!frame_over(c))
		(void)iscsip__frame_fail(c, ISCSIP_ECLOSED, missing ? ISCSIP_FRAME_RULE_CUT : ISCSIP_FRAME_RULE_NONE, missing);
	c->state = FRAME_CLOSED;
	iscsip__tx_drop(&c->tx, iscsip__frame_gone, c);
	c->role->closed(c);
	door_leave(&c->door);
	return ISCSIP_OK;
}

/* --- deadlines --- */

void iscsip__frame_due(struct iscsip_frame_conn *c, iscsip_time due)
{
	if (due < c->next_due)
		c->next_due = due;
}

void iscsip__frame_ended(struct iscsip_frame_conn *c)
{
	c->open--;
	c->active = c->now;
	if (c->state == FRAME_CLOSING && c->open == 0)
		iscsip__frame_wake(c);
}

static iscsip_time frame_time_of(iscsip_time from, uint32_t ms)
{
	return ms ? from + ms : ISCSIP_TIME_NEVER;
}

static iscsip_time frame_idle_due(const struct iscsip_frame_conn *c)
{
	return c->open ? ISCSIP_TIME_NEVER : frame_time_of(c->active, c->cfg->idle_timeout_ms);
}

/* An initiator's exchanges have a time of their own; a target must not wait for ever to be rid of its answers. It counts from
 * the making of a frame: what only waits in a queue waits for the host, and came from a call that does not tell the time. */
static iscsip_time frame_stall_due(const struct iscsip_frame_conn *c)
{
	if (c->role->role != ISCSIP_FRAME_TARGET || !c->tx.unsent)
		return ISCSIP_TIME_NEVER;
	return frame_time_of(c->tx_moved, c->cfg->exchange_timeout_ms);
}

iscsip_time iscsip_frame_conn_deadline(const struct iscsip_frame_conn *c)
{
	iscsip_time t = c->next_due, other;

	if (frame_over(c))
		return ISCSIP_TIME_NEVER;
	other = frame_idle_due(c);
	t = other < t ? other : t;
	other = frame_stall_due(c);
	t = other < t ? other : t;
	return c->close_by < t ? c->close_by : t;
}

static int frame_act(struct iscsip_frame_conn *c)
{
	if (c->now >= c->next_due) {
		uint32_t id = 0;

		c->next_due = c->role->earliest(c, &id);
		if (c->now >= c->next_due)
			return iscsip__frame_fail(c, ISCSIP_ETIMEDOUT, ISCSIP_FRAME_RULE_EXCHANGE_DUE, id);
	}
	if (c->now >= frame_idle_due(c))
		return iscsip__frame_fail(c, ISCSIP_ETIMEDOUT, ISCSIP_FRAME_RULE_IDLE, 0);
	if (c->now >= frame_stall_due(c) || c->now >= c->close_by)
		return iscsip__frame_fail(c, ISCSIP_ETIMEDOUT, ISCSIP_FRAME_RULE_STALLED, 0);
	return ISCSIP_OK;
}

int iscsip_frame_conn_tick(struct iscsip_frame_conn *c, iscsip_time now)
{
	int err = iscsip__frame_enter(c, now);

	return err ? err : iscsip__frame_leave(c, frame_act(c));
}

/* --- questions --- */

unsigned iscsip_frame_conn_open(const struct iscsip_frame_conn *c)
{
	return c->open;
}

const struct iscsip_error *iscsip_frame_conn_error(const struct iscsip_frame_conn *c)
{
	return &c->error;
}

void *iscsip_frame_conn_user(const struct iscsip_frame_conn *c)
{
	return c->user;
}

void iscsip_frame_conn_stats(const struct iscsip_frame_conn *c, struct iscsip_frame_stats *st)
{
	*st = c->stats;
}
