/* SPDX-License-Identifier: MIT */
/*
 * The life of a connection: memory, the first error, deadlines, what the host may ask. Receiving stands in conn_rx.c,
 * sending in conn_tx.c.
 *
 * States (RFC 7143 8.1.3, as far as they are not the transport's): LOGIN -> FULL_FEATURE -> LOGOUT -> CLOSING -> CLOSED,
 * each of which may go to CLOSING (an error, or the end was asked for) and from there to CLOSED (the host closed the
 * transport). Invariants: `error.code` is set once and only to fatal codes; the role's closed() is called exactly once,
 * on entering CLOSED; from then on no queue holds an item. After a fatal error only the urgent queue is still sent.
 *
 * Keepalive. Silence for nop_interval_ms asks for a ping, silence for nop_timeout_ms after the ping was sent is the end. Bytes
 * that come are no silence, though they be the middle of one long PDU with the answer behind it. A ping that can not be sent
 * says nothing of the peer; then it is the end when the transport takes nothing for request_timeout_ms. Nor says the silence of
 * a peer anything that is not read, because the host has not named a buffer yet.
 */
#include "conn/conn.h"

struct iscsip_conn *iscsip__conn_carve(struct arena *a, const struct iscsip_config *cfg, size_t role_size)
{
	struct iscsip_conn *c = arena_take(a, sizeof *c, _Alignof(struct iscsip_conn));
	void *role = arena_take(a, role_size, ARENA_ALIGN);
	uint32_t hdr_cap = BHS_LEN + cfg->limits.ahs_max + DIGEST_LEN;
	uint8_t *hdr = arena_take(a, hdr_cap, 4);
	struct tx_unit *units =
		arena_take_array(a, cfg->limits.max_tx_pdus, sizeof *units, _Alignof(struct tx_unit));

	if (!c || !role || !hdr || !units)
		return NULL;
	memset(c, 0, sizeof *c);
	memset(role, 0, role_size);
	c->role_state = role;
	iscsip__rx_init(&c->rx, iscsip__conn_rx_ops(), c, hdr, hdr_cap, BHS_LEN);
	iscsip__tx_init(&c->tx, units, NULL, cfg->limits.max_tx_pdus, (cfg->flags & ISCSIP_CFG_TX_HOLD) != 0);
	return c;
}

void iscsip__conn_init(struct iscsip_conn *c, const struct conn_role *ops, const struct iscsip_config *cfg, void *user,
		       iscsip_time now)
{
	c->ops = ops;
	c->cfg = cfg;
	c->user = user;
	c->now = c->opened = c->last_rx = c->last_tx = now;
	c->close_by = ISCSIP_TIME_NEVER;
	c->state = ISCSIP_CONN_LOGIN;
	c->phase = ISCSIP_PHASE_LOGIN;
	c->rx_limit = c->tx_limit = CONN_LOGIN_DATA_MAX;
}

void iscsip__conn_apply(struct iscsip_conn *c, const struct iscsip_params *p)
{
	c->rx_hdigest = c->tx_hdigest = p->header_digest;
	c->rx_ddigest = c->tx_ddigest = p->data_digest;
	c->rx_limit = p->max_recv_data_segment_length;
	c->tx_limit = p->max_send_data_segment_length;
}

int iscsip__conn_fail(struct iscsip_conn *c, int code, uint16_t rule, uint32_t arg)
{
	if (c->error.code == ISCSIP_OK) {
		c->error.code = code;
		c->error.rule = rule;
		c->error.arg = arg;
		/* silence and an end are nobody's fault but the peer's: no PDU has done it */
		if (code == ISCSIP_ETIMEDOUT || code == ISCSIP_ECLOSED)
			c->error.opcode = 0xff;
		else if (c->error.opcode == 0)
			c->error.opcode = c->pdu.opcode;
	}
	iscsip__conn_closing(c);
	return c->error.code;
}

void iscsip__conn_closing(struct iscsip_conn *c)
{
	if (!conn_over(c)) {
		c->state = ISCSIP_CONN_CLOSING;
		iscsip__conn_end_within(c, c->cfg->logout_timeout_ms);
	}
	/* one that is over already may have lost what it still had to send: then it can be closed now */
	iscsip__conn_wake(c);
}

void iscsip__conn_end_within(struct iscsip_conn *c, uint32_t ms)
{
	if (c->door.shut) {
		c->close_by = c->now + ms;
		c->untimed &= (uint8_t)~CONN_UNTIMED_CLOSE;
		return;
	}
	c->close_by = ISCSIP_TIME_NEVER;
	c->close_ms = ms;
	c->untimed |= CONN_UNTIMED_CLOSE;
}

int iscsip_conn_closed(struct iscsip_conn *c, iscsip_time now)
{
	unsigned q;

	if (!door_enter(&c->door))
		return ISCSIP_ESTATE;
	if (c->state == ISCSIP_CONN_CLOSED) {
		door_leave(&c->door);
		return ISCSIP_OK;
	}
	c->now = now;
	if (c->error.code == ISCSIP_OK)
		c->error.code = ISCSIP_ECLOSED;
	c->state = ISCSIP_CONN_CLOSED;
	iscsip__tx_drop(&c->tx, iscsip__conn_gone, c);
	c->ops->closed(c);
	if (c->login)
		iscsip__login_close(c->login);
	c->login = NULL;
	for (q = 0; q < CONN_Q_COUNT; q++)
		while (c->queue[q])
			iscsip__conn_unqueue(c, c->queue[q]);
	door_leave(&c->door);
	return ISCSIP_OK;
}

unsigned iscsip_conn_want(const struct iscsip_conn *c)
{
	bool has_tx = iscsip__conn_has_tx(c);
	unsigned want = 0;

	if (c->state == ISCSIP_CONN_CLOSED)
		return ISCSIP_WANT_CLOSE;
	/* where the host holds every unit (TX_HOLD), nothing can be made before it releases one */
	if (has_tx && (c->tx.unsent || !tx_full(&c->tx)))
		want |= ISCSIP_WANT_TX;
	if (!conn_over(c) && !c->rx.held)
		want |= ISCSIP_WANT_RX;
	if (conn_over(c) && (c->now >= c->close_by || !has_tx))
		want |= ISCSIP_WANT_CLOSE;
	return want;
}

/* --- deadlines --- */

static iscsip_time earlier(iscsip_time a, iscsip_time b)
{
	return a < b ? a : b;
}

/* A limit of 0 is none. */
static iscsip_time after(iscsip_time from, uint32_t ms)
{
	return ms ? from + ms : ISCSIP_TIME_NEVER;
}

static iscsip_time later(iscsip_time a, iscsip_time b)
{
	return a > b ? a : b;
}

/* --- requests that wait for an answer --- */

void iscsip__conn_heard(struct iscsip_conn *c, struct conn_sent *r)
{
	struct conn_sent **at = &c->made;

	if (r->stage == CONN_MADE) {
		while (*at != r)
			at = &(*at)->next;
		*at = r->next;
	}
	r->stage = CONN_UNSENT;
}

void iscsip__conn_ask(struct iscsip_conn *c, struct conn_sent *r, iscsip_time now)
{
	iscsip__conn_heard(c, r);
	r->since = now;
}

void iscsip__conn_made(struct iscsip_conn *c, struct conn_sent *r)
{
	struct conn_sent **at = &c->made;

	iscsip__conn_heard(c, r);
	while (*at)
		at = &(*at)->next;
	r->next = NULL;
	r->end = c->stats.tx_bytes + c->tx.to_send;
	r->stage = CONN_MADE;
	*at = r;
}

void iscsip__conn_moved(struct iscsip_conn *c, size_t n)
{
	struct conn_sent *r;

	c->stats.tx_bytes += n;
	c->last_tx = n ? c->now : c->last_tx;
	while ((r = c->made) != NULL && r->end <= c->stats.tx_bytes) {
		c->made = r->next;
		r->since = c->now;
		r->stage = CONN_SENT;
	}
}

iscsip_time iscsip__conn_due(const struct iscsip_conn *c, const struct conn_sent *r, uint32_t ms)
{
	if (r->stage == CONN_SENT || ms == 0)
		return after(r->since, ms);
	return later(r->since, c->last_tx) + (ms > conn_request_ms(c) ? ms : conn_request_ms(c));
}

static iscsip_time keepalive_due(const struct iscsip_conn *c)
{
	/* a discovery session knows no pings (RFC 7143 4.3, 7.4.3) */
	if (c->state != ISCSIP_CONN_FULL_FEATURE || c->cfg->nop_interval_ms == 0 || c->phase == ISCSIP_PHASE_DISCOVERY)
		return ISCSIP_TIME_NEVER;
	/* who is not read can not answer: our host is waited for, or the transport, where that has something to take */
	if (c->rx.held)
		return iscsip__conn_has_tx(c) ? after(later(later(c->last_tx, c->last_rx), c->pinged), conn_request_ms(c)) :
						ISCSIP_TIME_NEVER;
	if (!c->ping_out)
		return after(c->last_rx, c->cfg->nop_interval_ms);
	return later(iscsip__conn_due(c, &c->ping, c->cfg->nop_timeout_ms),
		     after(later(c->last_rx, c->pinged), c->cfg->nop_timeout_ms));
}

static iscsip_time login_due(const struct iscsip_conn *c)
{
	return c->state == ISCSIP_CONN_LOGIN ? after(c->opened, c->cfg->login_timeout_ms) : ISCSIP_TIME_NEVER;
}

iscsip_time iscsip_conn_deadline(const struct iscsip_conn *c)
{
	iscsip_time t;

	if (c->state == ISCSIP_CONN_CLOSED)
		return ISCSIP_TIME_NEVER;
	if (c->untimed)
		return c->now;
	if (conn_over(c))
		return c->close_by;
	t = earlier(earlier(c->close_by, keepalive_due(c)), login_due(c));
	return c->ops->deadline ? earlier(t, c->ops->deadline(c)) : t;
}

static int act(struct iscsip_conn *c)
{
	if (c->now >= login_due(c))
		return iscsip__conn_fail(c, ISCSIP_ETIMEDOUT, 0, 0);
	if (c->now >= keepalive_due(c)) {
		if (c->ping_out)
			return iscsip__conn_fail(c, ISCSIP_ETIMEDOUT, 0, 0);
		c->ping_out = true;
		c->pinged = c->now;
		if (c->ping.stage == CONN_UNSENT)
			c->ping.since = c->now;
		c->ops->ping(c);
	}
	if (!conn_over(c) && c->now >= c->close_by)
		return iscsip__conn_fail(c, ISCSIP_ETIMEDOUT, 0, 0);
	if (!conn_over(c) && c->ops->tick && c->now >= c->ops->deadline(c))
		return c->ops->tick(c);
	return ISCSIP_OK;
}

int iscsip_conn_tick(struct iscsip_conn *c, iscsip_time now)
{
	int err = iscsip__conn_enter(c, now);

	return err ? err : iscsip__conn_leave(c, act(c));
}

/* --- doors --- */

/* What waited for a time has one. */
static void timed(struct iscsip_conn *c)
{
	if (c->untimed & CONN_UNTIMED_CLOSE)
		c->close_by = c->now + c->close_ms;
	if (c->untimed & CONN_UNTIMED_RX)
		c->last_rx = c->now;
	c->untimed = 0;
}

int iscsip__conn_enter(struct iscsip_conn *c, iscsip_time now)
{
	if (!door_enter(&c->door))
		return ISCSIP_ESTATE;
	if (c->state == ISCSIP_CONN_CLOSED) {
		door_leave(&c->door);
		return c->error.code;
	}
	c->now = now;
	if (c->untimed)
		timed(c);
	return ISCSIP_OK;
}

int iscsip__conn_leave(struct iscsip_conn *c, int err)
{
	if (iscsip_err_is_fatal(err))
		(void)iscsip__conn_fail(c, err, 0, 0);
	door_leave(&c->door);
	return err;
}

void iscsip__conn_wake(struct iscsip_conn *c)
{
	const struct iscsip_host *host = c->cfg->host;

	if (!host->wake || !door_news(&c->door))
		return;
	c->door.shut = true;
	host->wake(host->user, c);
	c->door.shut = false;
}

bool iscsip__conn_outside_begin(struct iscsip_conn *c)
{
	bool inside = c->door.shut;

	c->door.shut = true;
	return inside;
}

void iscsip__conn_outside_end(struct iscsip_conn *c, bool inside)
{
	c->door.shut = inside;
	iscsip__conn_wake(c);
}

/* --- questions --- */

const struct iscsip_error *iscsip_conn_error(const struct iscsip_conn *c)
{
	return &c->error;
}

const char *iscsip_conn_login_reason(const struct iscsip_conn *c)
{
	return c->login_why ? c->login_why : "";
}

struct iscsip_session *iscsip_conn_session(const struct iscsip_conn *c)
{
	return c->session;
}

void *iscsip_conn_user(const struct iscsip_conn *c)
{
	return c->user;
}

uint16_t iscsip_conn_cid(const struct iscsip_conn *c)
{
	return c->cid;
}

int iscsip_conn_state(const struct iscsip_conn *c)
{
	return c->state;
}

void iscsip_conn_get_stats(const struct iscsip_conn *c, struct iscsip_conn_stats *st)
{
	*st = c->stats;
}
