/* SPDX-License-Identifier: MIT */
/*
 * Rejects (RFC 7143 11.17). It owns a ring of TGT_REJECTS headers for each connection, each with room for a BHS and its
 * additional headers, as the PDU in error is returned whole (11.17.4).
 *
 * While one is free, PDUs are looked at; with the last one in use, input is held until one has left. A peer that sends
 * rubbish and does not read its answers so stops itself, and nothing grows. The free one next in turn also
 * keeps the additional headers of the PDU being received, which nobody else does.
 */
#include "base/bytes.h"
#include "target/target.h"

static unsigned reject_at(const struct tgt_conn *tc, unsigned n)
{
	return (tc->reject_next + n) % TGT_REJECTS;
}

/* The oldest free one; there is one while input is not held. */
static struct tgt_reject *reject_free(struct tgt_conn *tc)
{
	unsigned i;

	for (i = 0; i < TGT_REJECTS; i++)
		if (!tc->reject[reject_at(tc, i)].used)
			return &tc->reject[reject_at(tc, i)];
	return NULL;
}

uint8_t *iscsip__target_reject_spare(struct iscsip_conn *c)
{
	return reject_free(tgt_conn_of(c))->hdr;
}

/* The header as it came, if it is still to be had; else anew from what it said. */
static void header_fill(struct iscsip_conn *c, struct tgt_reject *r, const uint8_t *bhs)
{
	const struct tgt_conn *tc = tgt_conn_of(c);

	r->len = (uint16_t)(BHS_LEN + tc->ahs_len);
	if (bhs && bhs != r->hdr)
		memcpy(r->hdr, bhs, r->len);
	else if (!bhs && tc->ahs_len == 0)
		(void)iscsip_pdu_encode(r->hdr, &c->pdu);
}

int iscsip__target_reject(struct iscsip_conn *c, uint8_t reason, const uint8_t *bhs)
{
	struct tgt_conn *tc = tgt_conn_of(c);
	struct tgt_reject *r = reject_free(tc);

	if (!r)
		return ISCSIP_EAGAIN;
	header_fill(c, r, bhs);
	r->reason = reason;
	r->used = true;
	r->made = false;
	iscsip__conn_queue(c, &tc->reject_item, CONN_Q_URGENT);
	if (!reject_free(tc))
		iscsip__target_hold(c, TGT_HOLD_REJECT);
	return ISCSIP_OK;
}

enum conn_made iscsip__target_reject_make(struct iscsip_conn *c)
{
	struct tgt_conn *tc = tgt_conn_of(c);
	struct tgt_reject *r = &tc->reject[tc->reject_next];
	struct tx_unit *u;
	struct iscsip_pdu pdu;

	if (!r->used || r->made)
		return CONN_MADE_NONE;
	u = iscsip__conn_unit(c);
	memset(&pdu, 0, sizeof pdu);
	pdu.opcode = ISCSIP_OP_REJECT;
	pdu.final = true;
	pdu.itt = ISCSIP_TAG_NONE;
	pdu.data_len = r->len;
	pdu.reject.reason = r->reason;
	tx_payload_flat(u, r->hdr, r->len);
	u->owner = r;
	u->note = TGT_ITEM_REJECT;
	r->made = true;
	tc->reject_next = (uint8_t)reject_at(tc, 1);
	tgt_stamp(c, tgt_session_of(c), &pdu.reply, true);
	iscsip__conn_seal(c, u, &pdu, false);
	c->stats.rejects_sent++;
	r = &tc->reject[tc->reject_next];
	return r->used && !r->made ? CONN_MADE_MORE : CONN_MADE_LAST;
}

void iscsip__target_reject_gone(struct iscsip_conn *c, struct tx_unit *u)
{
	struct tgt_reject *r = u->owner;

	r->used = false;
	iscsip__target_unhold(c, TGT_HOLD_REJECT);
}
