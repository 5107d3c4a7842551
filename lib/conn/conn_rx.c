/* SPDX-License-Identifier: MIT */
/*
 * Receiving: from bytes to PDUs that a role may trust. Owns the digests of what comes in, the length limits, the
 * legality check, and the fate of data that nobody wants.
 *
 * A PDU goes: measure (its AHS is within the limit) -> digest of the header -> decode -> length against
 * MaxRecvDataSegmentLength -> legality table -> role. What fails on the way is refused with its reason and its data
 * passes by unread, or ends the connection where the length can not be trusted any more:
 * a header digest that does not match leaves no way to find the next PDU (RFC 7143 7.8).
 */
#include "base/bytes.h"
#include "conn/conn.h"

static int measure(void *owner, const uint8_t *hdr)
{
	struct iscsip_conn *c = owner;
	uint32_t ahs_len = (uint32_t)hdr[4] * 4u;

	if (ahs_len > c->cfg->limits.ahs_max) {
		c->error.opcode = hdr[0] & 0x3fu;
		return iscsip__conn_fail(c, ISCSIP_EPROTO, ISCSIP_RULE_AHS_LIMIT, ahs_len);
	}
	return (int)(BHS_LEN + ahs_len + (c->rx_hdigest ? DIGEST_LEN : 0));
}

static void expect(struct iscsip_conn *c, const struct iscsip_vec_cursor *place)
{
	uint32_t trailer = pad_of(c->pdu.data_len) + (c->rx_ddigest ? DIGEST_LEN : 0);

	c->crc = 0;
	iscsip__rx_expect(&c->rx, place, c->pdu.data_len, (uint8_t)trailer,
			  c->rx_ddigest || c->cfg->host->trace != NULL);
}

void iscsip__conn_expect_place(struct iscsip_conn *c, const struct iscsip_vec_cursor *place)
{
	c->sink = NULL;
	expect(c, place);
}

void iscsip__conn_expect_sink(struct iscsip_conn *c, conn_sink *sink)
{
	c->sink = sink;
	expect(c, NULL);
}

void iscsip__conn_hold(struct iscsip_conn *c)
{
	rx_hold(&c->rx);
}

int iscsip__conn_resume(struct iscsip_conn *c)
{
	int err = iscsip__rx_resume(&c->rx);

	c->untimed |= CONN_UNTIMED_RX;
	return err < 0 ? iscsip__conn_fail(c, err, 0, 0) : ISCSIP_OK;
}

/* The data of a refused PDU passes by; the role is told at once, in the order of the PDUs. */
static int refuse(struct iscsip_conn *c, const uint8_t *bhs, const struct iscsip_error *why)
{
	int err;

	c->stats.format_errors++;
	c->refusing = true;
	err = c->login ? iscsip__conn_login_refused(c, why) : c->ops->refused(c, bhs, why);
	if (err)
		return iscsip__conn_fail(c, err, why->rule, why->arg);
	if (c->pdu.data_len)
		iscsip__conn_expect_sink(c, NULL);
	return ISCSIP_OK;
}

static int header_digest_bad(struct iscsip_conn *c)
{
	c->stats.digest_errors++;
	return iscsip__conn_fail(c, ISCSIP_EDIGEST, ISCSIP_RULE_HEADER_DIGEST, 0);
}

static bool header_digest_holds(struct iscsip_conn *c, const uint8_t *hdr, uint32_t len)
{
	return conn_crc(c, 0, hdr, len) == load_le32(hdr + len);
}

/* Too much data: refused by name, and over, since a peer that ignores the limit can not be followed. */
static int too_long(struct iscsip_conn *c, const uint8_t *bhs)
{
	struct iscsip_error why = { ISCSIP_EPROTO, c->pdu.opcode, ISCSIP_REJECT_PROTOCOL,
				    ISCSIP_RULE_DATA_LIMIT, c->pdu.data_len };

	c->stats.format_errors++;
	if (!c->login)
		(void)c->ops->refused(c, bhs, &why);
	return iscsip__conn_fail(c, ISCSIP_EPROTO, why.rule, why.arg);
}

static int complete(struct iscsip_conn *c)
{
	c->stats.rx_pdus++;
	c->ping_out = false;
	conn_trace(c, ISCSIP_TRACE_RX_END, NULL, c->data_bad);
	if (c->refusing)
		return ISCSIP_OK;
	return c->login ? iscsip__conn_login_pdu(c) : c->ops->pdu(c);
}

static int header(void *owner, const uint8_t *hdr, uint32_t len)
{
	struct iscsip_conn *c = owner;
	struct iscsip_error why;
	uint32_t ahs_len;
	int err;

	if (conn_over(c))
		return ISCSIP_ECLOSED;
	if (c->rx_hdigest) {
		len -= DIGEST_LEN;
		if (!header_digest_holds(c, hdr, len))
			return header_digest_bad(c);
	}
	ahs_len = len - BHS_LEN;
	c->data_bad = c->refusing = false;
	(void)iscsip_pdu_decode(&c->pdu, hdr);
	conn_trace(c, ISCSIP_TRACE_RX_HEADER, hdr, len);
	if (c->pdu.data_len > c->rx_limit)
		return too_long(c, hdr);
	err = iscsip_pdu_check(&c->pdu, hdr, c->ops->role, c->phase, &why);
	if (!err && (c->cfg->flags & ISCSIP_CFG_CHECK_RESERVED))
		err = iscsip_pdu_check_reserved(hdr, &why);
	if (err)
		err = refuse(c, hdr, &why);
	else if (c->pdu.data_len || ahs_len)
		err = c->login ? iscsip__conn_login_header(c) : c->ops->header(c, hdr + BHS_LEN, ahs_len);
	if (err || c->pdu.data_len)
		return err;
	return complete(c);
}

static int landed(void *owner, const uint8_t *p, size_t n)
{
	struct iscsip_conn *c = owner;

	if (c->rx_ddigest)
		c->crc = conn_crc(c, c->crc, p, n);
	conn_trace(c, ISCSIP_TRACE_RX_DATA, p, n);
	return c->sink ? c->sink(c, p, n) : ISCSIP_OK;
}

/* The data digest covers the pad as it came, zero or not (RFC 7143 11.1: the receiver must not care). */
static int done(void *owner, const uint8_t *trailer)
{
	struct iscsip_conn *c = owner;
	uint32_t pad = pad_of(c->pdu.data_len);

	if (c->rx_ddigest) {
		c->data_bad = conn_crc(c, c->crc, trailer, pad) != load_le32(trailer + pad);
		c->stats.digest_errors += c->data_bad;
	}
	return complete(c);
}

const struct rx_ops *iscsip__conn_rx_ops(void)
{
	static const struct rx_ops ops = { measure, header, landed, done };

	return &ops;
}

/* --- doors --- */

int iscsip_conn_rx_next(struct iscsip_conn *c, const struct iscsip_vec *stage, struct iscsip_vec *vec, int max)
{
	if (!door_enter(&c->door))
		return ISCSIP_ESTATE;
	door_leave(&c->door);
	if (max < 2)
		return ISCSIP_EINVAL;
	if (conn_over(c))
		return c->error.code ? c->error.code : 0;
	return iscsip__rx_next(&c->rx, stage, vec, max);
}

static void count_rx(struct iscsip_conn *c, size_t n)
{
	c->last_rx = c->now;
	c->stats.rx_bytes += n;
}

ptrdiff_t iscsip_conn_rx_done(struct iscsip_conn *c, size_t n, iscsip_time now)
{
	ptrdiff_t left;
	int err = iscsip__conn_enter(c, now);

	if (err)
		return err;
	left = iscsip__rx_done(&c->rx, n);
	count_rx(c, n - (left > 0 ? (size_t)left : 0)); /* the host gives what is left again */
	err = iscsip__conn_leave(c, left < 0 ? (int)left : ISCSIP_OK);
	return err ? err : left;
}

ptrdiff_t iscsip_conn_rx_push(struct iscsip_conn *c, const void *p, size_t n, iscsip_time now)
{
	ptrdiff_t taken;
	int err = iscsip__conn_enter(c, now);

	if (err)
		return err;
	if (c->error.code)
		return iscsip__conn_leave(c, c->error.code);
	taken = iscsip__rx_push(&c->rx, p, n);
	count_rx(c, taken > 0 ? (size_t)taken : 0);
	err = iscsip__conn_leave(c, taken < 0 ? (int)taken : ISCSIP_OK);
	return err ? err : taken;
}
