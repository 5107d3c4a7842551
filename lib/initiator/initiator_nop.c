/* SPDX-License-Identifier: MIT */
/*
 * NOP-Out and NOP-In (RFC 7143 11.18, 11.19): pings of this side, one at a time on a connection, by the host or by keepalive;
 * and answers to pings of the target. Owns both.
 *
 * What comes back of a ping is compared with what was sent while it passes by, so no memory is needed for it. A ping of the
 * target carries no data (11.19), only a tag and a LUN that the answer repeats; INI_PONGS of them are remembered, and while all
 * places are taken nothing is received: a target that pings faster than it takes answers stops itself.
 */
#include "initiator/initiator.h"

/* --- this side's pings --- */

static int ini_ping_start(struct ini_conn *ic, const void *data, uint32_t len, void *cookie, bool of_host, iscsip_time now)
{
	if (iscsip__initiator_request(ic, &ic->ping, INI_PING, cookie, now))
		return ISCSIP_EAGAIN;
	ic->ping_data = data;
	ic->ping_len = len;
	ic->ping_echoed = 0;
	ic->ping_differs = false;
	ic->ping_of_host = ic->ping_parks = of_host;
	return ISCSIP_OK;
}

int iscsip_initiator_ping(struct iscsip_conn *c, const void *data, size_t len, void *cookie, iscsip_time now)
{
	struct ini_conn *ic = ini_conn_of(c);

	if (!ini_usable(ic) || c->phase == ISCSIP_PHASE_DISCOVERY)
		return ISCSIP_ESTATE;
	if (len > c->tx_limit || (len && !data))
		return ISCSIP_EINVAL;
	if (ic->ping.busy || ic->ping.refs)
		return ISCSIP_EAGAIN;
	return ini_ping_start(ic, data, (uint32_t)len, cookie, true, now);
}

/*
 * Silence is looked into by a ping of its own, or by the host's, if it is under way: then it does not wait for its turn any more.
 * Where neither can be, since the host holds the memory of the last one (ISCSIP_CFG_TX_HOLD), the transport's time counts.
 */
void iscsip__initiator_keepalive(struct iscsip_conn *c)
{
	struct ini_conn *ic = ini_conn_of(c);

	if (ic->ping.busy) {
		ic->ping_parks = false;
		ic->parked = (uint8_t)(ic->parked & ~(1u << INI_PING));
		if (!ic->ping.asked)
			iscsip__conn_queue(c, &ic->ping.item, CONN_Q_URGENT);
	} else if (!ic->ping.refs) {
		/* without a tag, which a connection has one of for it, there would be no ping, and the same time would count */
		(void)ini_ping_start(ic, NULL, 0, NULL, false, c->now);
	}
}

enum conn_made iscsip__initiator_make_ping(struct ini_conn *ic)
{
	struct tx_unit *u = iscsip__conn_unit(ic->c);
	struct iscsip_pdu pdu = { 0 };

	if (!iscsip__initiator_may_ask(ic, INI_PING))
		return CONN_MADE_NONE;
	pdu.opcode = ISCSIP_OP_NOP_OUT;
	pdu.immediate = pdu.final = true;
	pdu.itt = ic->ping.itt;
	pdu.data_len = ic->ping_len;
	pdu.nop_out.ttt = ISCSIP_TAG_NONE;
	iscsip__initiator_stamp(ic, &pdu);
	tx_payload_flat(u, ic->ping_data, ic->ping_len);
	u->owner = &ic->ping.item;
	ic->ping.refs++;
	iscsip__conn_seal(ic->c, u, &pdu, false);
	iscsip__initiator_requested(ic, &ic->ping);
	return CONN_MADE_LAST;
}

/* The data is the host's again when no unit reads it. */
void iscsip__initiator_ping_ended(struct ini_conn *ic, int err)
{
	if (ic->ping.busy) {
		iscsip__initiator_answered(ic, &ic->ping);
		iscsip__initiator_heard(ic, &ic->ping);
		iscsip__conn_unqueue(ic->c, &ic->ping.item);
		ic->ping.ended = true;
		ic->ping.err = err;
	}
	if (!ic->ping.ended || ic->ping.refs)
		return;
	ic->ping.ended = false;
	if (ic->ping_of_host && ic->s->ops->ping_done)
		ic->s->ops->ping_done(ic->s->base.user, ic->ping.cookie, ic->ping.err, ic->ping_data, ic->ping_echoed);
}

/* --- what the target sends --- */

static bool ini_ping_fits(const struct ini_conn *ic, const struct conn_item *item)
{
	return item == &ic->ping.item && ic->ping.asked;
}

static int ini_echo_sink(struct iscsip_conn *c, const uint8_t *p, size_t n)
{
	struct ini_conn *ic = ini_conn_of(c);

	if (ic->ping.busy && memcmp(ic->ping_data + ic->ping_echoed, p, n) != 0)
		ic->ping_differs = true;
	ic->ping_echoed += (uint32_t)n;
	return ISCSIP_OK;
}

int iscsip__initiator_nop_in_header(struct ini_conn *ic)
{
	const struct iscsip_pdu *pdu = &ic->c->pdu;
	bool known;
	const struct conn_item *item = iscsip__initiator_find(ic->s, pdu->itt, &known);
	bool fits = ini_ping_fits(ic, item);

	if (fits && pdu->data_len > ic->ping_len)
		return ini_broken(ic, ISCSIP_RULE_PING_DATA, pdu->data_len);
	ic->ping_echoed = 0;
	iscsip__conn_expect_sink(ic->c, fits ? ini_echo_sink : NULL);
	return ISCSIP_OK;
}

void iscsip__initiator_pong(struct ini_conn *ic, uint64_t lun, uint32_t ttt)
{
	struct ini_pong *pong = &ic->pongs[(ic->pong_first + ic->pong_count) % INI_PONGS];

	/* after a logout request (11.14) no place would become free again, and the answer to it be held for that */
	if (ic->logout_made)
		return;
	pong->lun = lun;
	pong->ttt = ttt;
	ic->pong_count++;
	iscsip__conn_queue(ic->c, &ic->pong_item, CONN_Q_URGENT);
	if (ic->pong_count == INI_PONGS) {
		ic->pong_holds = true;
		iscsip__conn_hold(ic->c);
	}
}

/* An error is the connection's own, and has been kept by it. Its host has to be told: there is something to read again. */
void iscsip__initiator_pong_unhold(struct ini_conn *ic)
{
	struct iscsip_conn *c = ic->c;
	bool inside;

	if (!ic->pong_holds)
		return;
	ic->pong_holds = false;
	inside = iscsip__conn_outside_begin(c);
	(void)iscsip__conn_resume(c);
	iscsip__conn_outside_end(c, inside);
}

enum conn_made iscsip__initiator_make_pong(struct ini_conn *ic)
{
	const struct ini_pong *pong = &ic->pongs[ic->pong_first];
	struct tx_unit *u = iscsip__conn_unit(ic->c);
	struct iscsip_pdu pdu = { 0 };

	if (ic->pong_count == 0)
		return CONN_MADE_NONE;
	pdu.opcode = ISCSIP_OP_NOP_OUT;
	pdu.immediate = pdu.final = true;
	pdu.lun = pong->lun;
	pdu.itt = ISCSIP_TAG_NONE;
	pdu.nop_out.ttt = pong->ttt;
	iscsip__initiator_stamp(ic, &pdu);
	ic->pong_first = (uint8_t)((ic->pong_first + 1u) % INI_PONGS);
	ic->pong_count--;
	iscsip__conn_seal(ic->c, u, &pdu, false);
	iscsip__initiator_pong_unhold(ic);
	return ic->pong_count ? CONN_MADE_MORE : CONN_MADE_LAST;
}

int iscsip__initiator_nop_in(struct ini_conn *ic)
{
	const struct iscsip_pdu *pdu = &ic->c->pdu;
	bool known;
	const struct conn_item *item;

	if (pdu->itt == ISCSIP_TAG_NONE) {
		if (pdu->nop_in.ttt != ISCSIP_TAG_NONE)
			iscsip__initiator_pong(ic, pdu->lun, pdu->nop_in.ttt);
		return ISCSIP_OK;
	}
	item = iscsip__initiator_find(ic->s, pdu->itt, &known);
	if (!item && known) {
		ic->s->base.stats.ignored++;
		return ISCSIP_OK;
	}
	if (!ini_ping_fits(ic, item))
		return ini_broken(ic, item ? ISCSIP_RULE_TASK_KIND : ISCSIP_RULE_TASK_TAG, pdu->itt);
	if (pdu->data_len == 0)
		ic->ping_echoed = 0;
	iscsip__initiator_ping_ended(ic, ic->ping_differs ? ISCSIP_EPROTO : ISCSIP_OK);
	return ISCSIP_OK;
}
