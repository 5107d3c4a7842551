/* SPDX-License-Identifier: MIT */
/*
 * What the target says of its own accord: Asynchronous Messages (RFC 7143 11.9) and Rejects (11.17). Owns the first bytes of
 * their data, which is all that is kept of it, and what has to follow.
 *
 * A Reject names the PDU by its header. The rule of 7.3: only a rejected SCSI Command ends its task, since no response
 * comes for it. A command that was not immediate leaves a gap in the CmdSNs, which ABORT TASK plugs (7.3, 7.11, 11.6.1 b), so
 * its task is given back when that was answered. For a rejected Data-Out the target sends a response; here it is only noted.
 * Rejects of what this side does not know are counted and nothing else.
 */
#include "base/bytes.h"
#include "initiator/initiator.h"

static int ini_scratch_sink(struct iscsip_conn *c, const uint8_t *p, size_t n)
{
	struct ini_conn *ic = ini_conn_of(c);

	if (ic->rx_pos < INI_SCRATCH) {
		size_t room = INI_SCRATCH - ic->rx_pos;

		memcpy(ic->scratch + ic->rx_pos, p, n < room ? n : room);
	}
	ic->rx_pos += (uint32_t)n;
	return ISCSIP_OK;
}

int iscsip__initiator_scratch_header(struct ini_conn *ic)
{
	ic->rx_pos = 0;
	iscsip__conn_expect_sink(ic->c, ini_scratch_sink);
	return ISCSIP_OK;
}

/* --- Asynchronous Messages --- */

static void ini_async_message(const struct ini_conn *ic, struct iscsip_async_message *m)
{
	const struct iscsip_pdu *pdu = &ic->c->pdu;
	uint32_t kept = pdu->data_len < INI_SCRATCH ? pdu->data_len : INI_SCRATCH;

	memset(m, 0, sizeof *m);
	m->event = pdu->async.event;
	m->vcode = pdu->async.vcode;
	m->param[0] = pdu->async.param1;
	m->param[1] = pdu->async.param2;
	m->param[2] = pdu->async.param3;
	m->lun = pdu->lun;
	m->data = kept ? ic->scratch : NULL;
	m->len = kept;
}

/* A SCSI event's data is SenseLength and sense data (11.9.4). False: it is not. */
static bool ini_async_sense(const struct ini_conn *ic, struct iscsip_async_message *m)
{
	uint32_t len;

	if (m->len < 2)
		return false;
	len = load_be16(ic->scratch);
	if (len > ic->c->pdu.data_len - 2u)
		return false;
	m->data = ic->scratch + 2;
	m->len = len < m->len - 2u ? len : m->len - 2u;
	return true;
}

/* 11.9.1 event 5: data stops, a NOP-Out tells that it has, and the tasks are over (4.2.3.4). */
static void ini_async_terminated(struct ini_conn *ic, uint64_t lun)
{
	struct ini_session *s = ic->s;
	struct iscsip_task *t;
	unsigned i;

	if (s->base.params.task_reporting != ISCSIP_TASK_REPORTING_FAST_ABORT)
		return;
	iscsip__initiator_pong(ic, lun, ISCSIP_TAG_NONE);
	for (i = 0; i < INI_LISTS; i++) {
		t = s->lists[i].first;
		while (t) {
			struct ini_task *p = ini_priv(t);

			if (p->stage != INI_ISSUED || p->ic != ic || t->lun != lun) {
				t = p->after;
				continue;
			}
			iscsip__initiator_over(s, t, p->why ? p->why : ISCSIP_EHOST);
			t = s->lists[i].first;
		}
	}
}

static void ini_async_drop(struct ini_conn *ic, bool all, uint16_t cid)
{
	unsigned i;

	for (i = 0; i < ic->c->cfg->limits.max_conns; i++) {
		struct iscsip_conn *other = ic->s->base.conns[i];

		if (!other || !(all || other->cid == cid))
			continue;
		other->now = ic->c->now;
		(void)iscsip__conn_fail(other, ISCSIP_ECLOSED, 0, ic->c->pdu.async.event);
	}
}

int iscsip__initiator_async(struct ini_conn *ic)
{
	struct iscsip_async_message m;

	ini_async_message(ic, &m);
	if (m.event == ISCSIP_ASYNC_SCSI && !ini_async_sense(ic, &m))
		return ini_broken(ic, ISCSIP_RULE_SENSE_LEN, m.len);
	if (ic->s->ops->async)
		ic->s->ops->async(ic->s->base.user, ic->c, &m);
	switch (m.event) {
	case ISCSIP_ASYNC_DROP_CONNECTION:
		ini_async_drop(ic, false, m.param[0]);
		break;
	case ISCSIP_ASYNC_DROP_SESSION:
		ini_async_drop(ic, true, 0);
		break;
	case ISCSIP_ASYNC_NEGOTIATE:
		iscsip__initiator_text_empty(ic);
		break;
	case ISCSIP_ASYNC_TASK_TERMINATION:
		ini_async_terminated(ic, m.lun);
		break;
	default:
		break;
	}
	return ISCSIP_OK;
}

/* --- Reject --- */

static void ini_reject_command(struct ini_conn *ic, struct iscsip_task *t, uint8_t reason)
{
	t->result.reject_reason = reason;
	if (t->immediate)
		iscsip__initiator_over(ic->s, t, ISCSIP_EPROTO);
	else
		iscsip__initiator_abort(ic->s, t, ISCSIP_EPROTO, ic->c->now);
}

/* Data that was rejected was not taken, whatever the status says that still comes. */
static void ini_reject_data(const struct ini_conn *ic, struct iscsip_task *t, uint8_t opcode, uint8_t reason)
{
	t->result.reject_reason = reason;
	if (opcode == ISCSIP_OP_DATA_OUT)
		iscsip__initiator_out_lose(t, ic->scratch);
}

static void ini_reject_item(struct ini_conn *ic, struct conn_item *item, uint8_t opcode, uint8_t reason)
{
	int err = reason == ISCSIP_REJECT_IMMEDIATE ? ISCSIP_EAGAIN : ISCSIP_EPROTO;
	struct iscsip_task *t;

	switch (item->kind) {
	case INI_TASK:
		t = ini_issued_task(ic, item);
		if (t && opcode == ISCSIP_OP_SCSI_COMMAND)
			ini_reject_command(ic, t, reason);
		else if (t)
			ini_reject_data(ic, t, opcode, reason);
		return;
	case INI_TMF:
		if (opcode == ISCSIP_OP_TASK_REQUEST && ic->s->tmf_conn == ic && !conn_queued(item))
			iscsip__initiator_tmf_ended(ic->s, err, 0);
		return;
	case INI_PING:
		if (opcode == ISCSIP_OP_NOP_OUT && item == &ic->ping.item)
			iscsip__initiator_ping_ended(ic, err);
		return;
	case INI_TEXT:
		if (opcode == ISCSIP_OP_TEXT_REQUEST && item == &ic->text.item)
			iscsip__initiator_text_ended(ic, err);
		return;
	case INI_LOGOUT:
		if (opcode == ISCSIP_OP_LOGOUT_REQUEST && item == &ic->logout.item) {
			iscsip__initiator_logout_ended(ic, err, NULL);
			iscsip__conn_closing(ic->c);
		}
		return;
	default:
		return;
	}
}

int iscsip__initiator_reject(struct ini_conn *ic)
{
	struct iscsip_pdu bad;
	struct conn_item *item;
	bool known;

	ic->c->stats.rejects_got++;
	/* a header of any bytes is decoded; that all of it is there was checked with the Reject (11.17.4) */
	(void)iscsip_pdu_decode(&bad, ic->scratch);
	item = iscsip__initiator_find(ic->s, bad.itt, &known);
	if (item)
		ini_reject_item(ic, item, bad.opcode, ic->c->pdu.reject.reason);
	else
		ic->s->base.stats.ignored++;
	return ic->c->error.code;
}
