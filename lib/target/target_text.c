/* SPDX-License-Identifier: MIT */
/*
 * Text requests (RFC 7143 6.4, 11.10, 11.11): negotiation in full feature phase, and SendTargets (target_names.c). It owns
 * the one exchange that a connection may have.
 *
 *   IDLE --request--> ASKED --response made--> MADE --it is out--> OPEN (F=0: a transfer tag was given) or IDLE
 *
 * Text is read as it comes, through a reader of constant memory, and every answer to one request has to fit into the
 * connection's buffer; it may leave in several responses, with the C bit. A request that breaks a rule is rejected and
 * resets the exchange; what was negotiated becomes effective with the last response only (6.4).
 *
 * The buffer of a response is read by the transport until it is out: a request that comes before waits like one
 * without a slot. One that comes before the response was even made is the second outstanding one, which 11.10 forbids.
 */
#include "target/target.h"

void iscsip__target_text_init(struct tgt_text *x)
{
	x->state = TGT_TEXT_IDLE;
	x->next_ttt = 0;
}

void iscsip__target_text_reset(struct iscsip_conn *c)
{
	struct tgt_text *x = &tgt_conn_of(c)->text;

	if (x->state == TGT_TEXT_MADE)
		x->last = true;
	else
		x->state = TGT_TEXT_IDLE;
}

static void exchange_begin(struct iscsip_conn *c, struct tgt_text *x)
{
	const struct iscsip_params *p = &c->session->params;

	x->params = *p;
	x->params.max_send_data_segment_length = c->tx_limit;
	x->params.max_recv_data_segment_length = c->rx_limit;
	x->itt = c->pdu.itt;
	x->names = x->more = x->split = false;
	x->pairs = 0;
	iscsip_text_reader_init(&x->reader, x->reader_buf, c->cfg->limits.text_max, conn_text_flags(c));
	iscsip__nego_init(&x->nego, true, c->cfg->offer, &x->params);
	x->nego.discovery = p->session_type == ISCSIP_SESSION_DISCOVERY;
	iscsip__nego_enter(&x->nego, NEGO_FULL);
}

/* --- requests --- */

static void text_break(struct tgt_text *x, uint8_t reason)
{
	if (!x->bad)
		x->reason = reason;
	x->bad = true;
}

/* A key that the library does not know: perhaps the host does. The value is written where it will be sent from. Keys of vendors
   belong to normal sessions (13.22). */
static bool host_knows(struct iscsip_conn *c, struct tgt_text *x, const struct iscsip_text_pair *pair)
{
	const struct iscsip_target_ops *ops = tgt_session_of(c)->ops;
	size_t head = pair->key_len + 1, room = x->out.cap - x->out.len;
	char key[ISCSIP_KEY_MAX + 1], *at = x->out.buf + x->out.len;
	ptrdiff_t n;

	if (!ops->text || pair->value_off || !pair->last || room < head + 1)
		return false;
	if (x->nego.discovery && pair->key_len > 1 && pair->key[0] == 'X' && pair->key[1] == '-')
		return false;
	memcpy(key, pair->key, pair->key_len);
	key[pair->key_len] = '\0';
	n = ops->text(c->user, c, key, pair->value, pair->value_len, at + head, room - head - 1);
	if (n < 0 || (size_t)n > room - head - 1)
		return false;
	memcpy(at, pair->key, pair->key_len);
	at[pair->key_len] = '=';
	at[head + (size_t)n] = '\0';
	x->out.len += head + (size_t)n + 1;
	return true;
}

/* SendTargets stands alone in its request (appendix C). */
static void pair_in(struct iscsip_conn *c, struct tgt_text *x, const struct iscsip_text_pair *pair)
{
	enum iscsip__key key = iscsip__key_find(pair->key, pair->key_len);
	int rc;

	if (x->names || (key == ISCSIP__KEY_SEND_TARGETS && x->pairs)) {
		text_break(x, ISCSIP_REJECT_PROTOCOL);
		return;
	}
	if (x->pairs < UINT16_MAX)
		x->pairs++;
	if (key == ISCSIP__KEY_COUNT && host_knows(c, x, pair))
		return;
	rc = iscsip__nego_pair(&x->nego, pair, &x->out, &key);
	if (rc == NEGO_BROKEN)
		text_break(x, ISCSIP_REJECT_PROTOCOL);
	else if (rc == NEGO_KEY_OF_OWNER && key == ISCSIP__KEY_SEND_TARGETS &&
		 !(x->names = iscsip__target_names_begin(c, pair->value, pair->value_len)))
		text_break(x, ISCSIP_REJECT_PROTOCOL);
}

static int text_in(struct iscsip_conn *c, const uint8_t *p, size_t n)
{
	struct tgt_text *x = &tgt_conn_of(c)->text;
	struct iscsip_text_pair pair;
	size_t used;
	int rc = 1;

	while (!x->bad && c->session && (rc = iscsip_text_read(&x->reader, p, n, &used, &pair)) > 0) {
		pair_in(c, x, &pair);
		p += used;
		n -= used;
	}
	if (rc < 0)
		text_break(x, ISCSIP_REJECT_PROTOCOL);
	return ISCSIP_OK;
}

/* What is wrong with a request by its place in the exchange; 0: nothing. */
static uint8_t misplaced(const struct iscsip_conn *c, const struct tgt_text *x)
{
	uint32_t ttt = c->pdu.text_request.ttt;

	if (x->state == TGT_TEXT_ASKED)
		return ISCSIP_REJECT_PROTOCOL;
	if (ttt != ISCSIP_TAG_NONE && (x->state != TGT_TEXT_OPEN || ttt != x->ttt || c->pdu.itt != x->itt))
		return ISCSIP_REJECT_FIELD;
	return 0;
}

static int text_reject(struct iscsip_conn *c, uint8_t reason)
{
	(void)iscsip__target_reject(c, reason, NULL);
	return iscsip__target_skip(c);
}

int iscsip__target_text_arrive(struct iscsip_conn *c)
{
	struct tgt_text *x = &tgt_conn_of(c)->text;
	uint8_t reason = misplaced(c, x);
	struct tgt_task *t;

	if (x->state == TGT_TEXT_MADE)
		return iscsip__target_defer(c);
	if (reason)
		return text_reject(c, reason);
	t = iscsip__target_begin(c, TGT_TEXT);
	if (!t)
		return ISCSIP_OK;
	if (c->pdu.text_request.ttt == ISCSIP_TAG_NONE)
		exchange_begin(c, x);
	x->state = TGT_TEXT_ASKED;
	x->bad = false;
	if (x->more && c->pdu.data_len)
		text_break(x, ISCSIP_REJECT_PROTOCOL); /* it was to ask for the rest, no more */
	/* answers to the first part of a split request wait for its end */
	if (!x->more && !x->split) {
		x->out.len = x->sent = 0;
		x->out.full = false;
	}
	x->split = c->pdu.text_request.cont;
	t->flags |= TGT_RX | (c->pdu.text_request.cont ? TGT_CONT : 0u) | (c->pdu.final ? TGT_FINAL : 0u);
	tgt_conn_of(c)->rx_task = t;
	if (c->pdu.data_len)
		iscsip__conn_expect_sink(c, text_in);
	return ISCSIP_OK;
}

/* The set of pairs is complete: it ends behind a pair, and its answers are. */
static void pairs_end(struct tgt_text *x)
{
	if (iscsip_text_end(&x->reader))
		text_break(x, ISCSIP_REJECT_PROTOCOL);
	else if (!x->more && iscsip__nego_text_end(&x->nego, false, &x->out) != NEGO_OK)
		text_break(x, ISCSIP_REJECT_PROTOCOL);
	if (x->out.full)
		text_break(x, ISCSIP_REJECT_LONG_OP);
}

int iscsip__target_text_complete(struct iscsip_conn *c)
{
	struct tgt_conn *tc = tgt_conn_of(c);
	struct tgt_text *x = &tc->text;
	struct tgt_task *t = tc->rx_task;

	tc->rx_task = NULL;
	t->flags &= ~(uint32_t)TGT_RX;
	if (t->flags & TGT_OVER) {
		(void)iscsip__target_task_put(t);
		return ISCSIP_OK;
	}
	if (!c->data_bad && !x->bad && !(t->flags & TGT_CONT))
		pairs_end(x);
	if (!c->data_bad && !x->bad) {
		iscsip__target_window_admit(t);
		return ISCSIP_OK;
	}
	(void)iscsip__target_reject(c, c->data_bad ? ISCSIP_REJECT_DATA_DIGEST : x->reason, NULL);
	iscsip__target_abort(t, false);
	return ISCSIP_OK;
}

void iscsip__target_text_run(struct tgt_task *t)
{
	iscsip__conn_queue(t->c, &t->item, CONN_Q_ANSWER);
}

/* --- responses --- */

/* The next bytes of the answer: its length; what is left after it is told in x->more. */
static uint32_t answer_fill(struct iscsip_conn *c, struct tgt_text *x, const char **at)
{
	uint32_t cap = c->tx_limit, left = (uint32_t)x->out.len - x->sent, len = left < cap ? left : cap;

	if (x->names) {
		*at = x->out.buf;
		cap = x->out.cap < cap ? (uint32_t)x->out.cap : cap;
		return iscsip__target_names_fill(c, x->out.buf, cap, &x->more);
	}
	*at = x->out.buf + x->sent;
	x->sent += len;
	x->more = x->sent < x->out.len;
	return len;
}

/* The exchange ends: what was negotiated holds from the next PDU on (6.4). */
static void exchange_end(struct iscsip_conn *c, struct tgt_text *x)
{
	struct tgt_session *s = tgt_session_of(c);

	x->last = true;
	c->tx_limit = x->params.max_send_data_segment_length;
	s->s.params.max_send_data_segment_length = c->tx_limit;
}

enum conn_made iscsip__target_text_make(struct iscsip_conn *c, struct tgt_task *t)
{
	struct tgt_text *x = &tgt_conn_of(c)->text;
	struct tx_unit *u = iscsip__conn_unit(c);
	struct iscsip_pdu pdu;
	const char *at = NULL;

	memset(&pdu, 0, sizeof pdu);
	pdu.opcode = ISCSIP_OP_TEXT_RESPONSE;
	pdu.itt = t->cmd.tag;
	if (!(t->flags & TGT_CONT)) {
		pdu.data_len = answer_fill(c, x, &at);
		pdu.text_response.cont = x->more;
		pdu.final = (t->flags & TGT_FINAL) && !x->more;
	}
	if (pdu.data_len)
		tx_payload_flat(u, at, pdu.data_len);
	x->ttt = pdu.final || ++x->next_ttt == ISCSIP_TAG_NONE ? 0 : x->next_ttt;
	pdu.text_response.ttt = pdu.final ? ISCSIP_TAG_NONE : x->ttt;
	x->state = TGT_TEXT_MADE;
	x->last = false;
	u->owner = t;
	u->note = TGT_ITEM_TASK;
	t->tx_units++;
	iscsip__target_task_sealed(t);
	tgt_stamp(c, t->ses, &pdu.reply, true);
	iscsip__conn_seal(c, u, &pdu, false);
	if (pdu.final)
		exchange_end(c, x);
	return CONN_MADE_LAST;
}

void iscsip__target_text_gone(struct tgt_task *t)
{
	struct tgt_text *x;

	if (!t->c)
		return;
	x = &tgt_conn_of(t->c)->text;
	if (x->state == TGT_TEXT_MADE)
		x->state = x->last ? TGT_TEXT_IDLE : TGT_TEXT_OPEN;
}
