/* SPDX-License-Identifier: MIT */
/*
 * Text requests in full feature phase (RFC 7143 11.10, 11.11), one at a time on a connection. Owns the exchange: the
 * host's pairs go out in as many PDUs as the target's MaxRecvDataSegmentLength asks for, and what comes back is read pair
 * by pair, however it is cut and however much it is.
 *
 *     request C=1 ----> empty answer with a tag      until the host's text is out
 *     request F=1 ----> answer F=0 with a tag  ----> empty request F=1, the tag ...  until an answer has F
 *
 * Text is not buffered but for the pair that a cut goes through (limits.text_max). A target may go on as long as every
 * answer brings something; login_max_pdus answers in a row without a byte end the request, since nothing would ever come of it.
 * A request that ended early leaves no trace at the target: the next one comes with a new tag, which resets it (11.10.4).
 *
 * MaxRecvDataSegmentLength (13.12) may be declared anew by both: by this side in its request, by the target in its
 * answer. A larger own limit has to hold before the target can know of it, a smaller one only when it must have learned of it.
 */
#include "initiator/initiator.h"

#define MRDSL "MaxRecvDataSegmentLength"

/* --- the request --- */

/* Whether a key may be sent in full feature phase: those of the table that may, and those that the library does not know,
   of which a vendor's belong to normal sessions (13.22). */
static bool ini_text_key_ok(const struct ini_conn *ic, const char *key, size_t len)
{
	enum iscsip__key k = iscsip__key_find(key, len);
	bool vendor = len > 2 && key[0] == 'X' && key[1] == '-';

	if (k != ISCSIP__KEY_COUNT)
		return (iscsip__key_info(k)->use & ISCSIP__USE_FULL) != 0;
	return iscsip__text_is_label(key, len) && !(vendor && ic->s->base.params.session_type == ISCSIP_SESSION_DISCOVERY);
}

static const char *ini_text_seek(const char *text, char what, size_t len)
{
	for (; len; len--, text++)
		if (*text == what)
			return text;
	return NULL;
}

/* One pair of the host's: its length with the NUL, or 0 where it is none. */
static size_t ini_text_pair(const struct ini_conn *ic, const char *text, size_t len, uint32_t *mrdsl)
{
	const char *equals = ini_text_seek(text, '=', len);
	const char *end = ini_text_seek(text, 0, len);
	size_t key_len;

	if (!end || !equals || equals > end || equals == text)
		return 0;
	key_len = (size_t)(equals - text);
	if (!ini_text_key_ok(ic, text, key_len))
		return 0;
	if (iscsip__text_is(text, key_len, MRDSL) &&
	    iscsip_text_number_in(equals + 1, (size_t)(end - equals - 1), 512, ISCSIP_DATA_LEN_MAX, mrdsl))
		return 0;
	return (size_t)(end - text) + 1u;
}

static bool ini_text_sound(const struct ini_conn *ic, const char *text, size_t len, uint32_t *mrdsl)
{
	*mrdsl = 0;
	while (len) {
		size_t n = ini_text_pair(ic, text, len, mrdsl);

		if (n == 0)
			return false;
		text += n;
		len -= n;
	}
	return true;
}

static int ini_text_start(struct ini_conn *ic, const char *text, uint32_t len, void *cookie, bool of_host,
			  iscsip_time now)
{
	if (iscsip__initiator_request(ic, &ic->text, INI_TEXT, cookie, now))
		return ISCSIP_EAGAIN;
	ic->text_data = text;
	ic->text_len = len;
	ic->text_sent = 0;
	ic->text_ttt = ISCSIP_TAG_NONE;
	ic->text_lun = 0;
	ic->text_idle = 0;
	ic->text_of_host = of_host;
	ic->text_final = false;
	iscsip_text_reader_init(&ic->reader, ic->text_buf, ic->c->cfg->limits.text_max, conn_text_flags(ic->c));
	return ISCSIP_OK;
}

int iscsip_initiator_text(struct iscsip_conn *c, const char *text, size_t len, void *cookie, iscsip_time now)
{
	struct ini_conn *ic = ini_conn_of(c);
	uint32_t mrdsl;
	int err;

	if (!ini_usable(ic))
		return ISCSIP_ESTATE;
	if (len > UINT32_MAX || (len && !text) || !ini_text_sound(ic, text, len, &mrdsl))
		return ISCSIP_EINVAL;
	if (ic->text.busy || ic->text.refs)
		return ISCSIP_EAGAIN;
	err = ini_text_start(ic, text, (uint32_t)len, cookie, true, now);
	if (err)
		return err;
	ic->text_mrdsl = mrdsl;
	if (mrdsl > c->rx_limit)
		c->rx_limit = mrdsl;
	return ISCSIP_OK;
}

void iscsip__initiator_text_empty(struct ini_conn *ic)
{
	if (!ini_usable(ic) || ic->text.busy || ic->text.refs)
		return;
	if (ini_text_start(ic, NULL, 0, NULL, false, ic->c->now) == ISCSIP_OK)
		ic->text_mrdsl = 0;
}

enum conn_made iscsip__initiator_make_text(struct ini_conn *ic)
{
	struct tx_unit *u = iscsip__conn_unit(ic->c);
	struct iscsip_pdu pdu = { 0 };
	uint32_t left = ic->text_len - ic->text_sent;
	uint32_t len = left < ic->c->tx_limit ? left : ic->c->tx_limit;

	if (!iscsip__initiator_may_ask(ic, INI_TEXT))
		return CONN_MADE_NONE;
	pdu.opcode = ISCSIP_OP_TEXT_REQUEST;
	pdu.immediate = true;
	pdu.final = ic->text_final = len == left;
	pdu.lun = ic->text_lun;
	pdu.itt = ic->text.itt;
	pdu.data_len = len;
	pdu.text_request.cont = !pdu.final;
	pdu.text_request.ttt = ic->text_ttt;
	iscsip__initiator_stamp(ic, &pdu);
	if (len)
		tx_payload_flat(u, ic->text_data + ic->text_sent, len);
	u->owner = &ic->text.item;
	ic->text.refs++;
	ic->text_sent += len;
	iscsip__conn_seal(ic->c, u, &pdu, false);
	iscsip__initiator_requested(ic, &ic->text);
	return CONN_MADE_LAST;
}

/* --- the answer --- */

static void ini_text_tell(struct ini_conn *ic, int err, const char *key, const char *value, size_t len)
{
	if (ic->text_of_host && ic->s->ops->text)
		ic->s->ops->text(ic->s->base.user, ic->text.cookie, err, key, value, len);
}

void iscsip__initiator_text_ended(struct ini_conn *ic, int err)
{
	if (ic->text.busy) {
		iscsip__initiator_answered(ic, &ic->text);
		iscsip__initiator_heard(ic, &ic->text);
		iscsip__conn_unqueue(ic->c, &ic->text.item);
		ic->text.ended = true;
		ic->text.err = err;
		if (err == ISCSIP_OK && ic->text_mrdsl)
			ic->c->rx_limit = ic->text_mrdsl;
	}
	if (!ic->text.ended || ic->text.refs)
		return;
	ic->text.ended = false;
	ini_text_tell(ic, ic->text.err, NULL, NULL, 0);
}

static void ini_text_got(struct ini_conn *ic, const struct iscsip_text_pair *pair)
{
	char key[ISCSIP_KEY_MAX + 1];
	uint32_t mrdsl;

	memcpy(key, pair->key, pair->key_len);
	key[pair->key_len] = 0;
	if (iscsip__text_is(pair->key, pair->key_len, MRDSL) &&
	    iscsip_text_number_in(pair->value, pair->value_len, 512, ISCSIP_DATA_LEN_MAX, &mrdsl) == ISCSIP_OK)
		ic->c->tx_limit = mrdsl;
	ini_text_tell(ic, ISCSIP_OK, key, pair->value, pair->value_len);
}

static int ini_text_sink(struct iscsip_conn *c, const uint8_t *p, size_t n)
{
	struct ini_conn *ic = ini_conn_of(c);
	struct iscsip_text_pair pair;
	size_t used;
	int rc;

	while (!ic->rx_drop && (rc = iscsip_text_read(&ic->reader, p, n, &used, &pair)) != 0) {
		if (rc < 0) {
			/* the rest of the answer is not read, whatever the host asks for next */
			ic->rx_drop = true;
			iscsip__initiator_text_ended(ic, rc == ISCSIP_TEXT_ELONGVALUE ? ISCSIP_ENOSPC : ISCSIP_EPROTO);
			break;
		}
		p += used;
		n -= used;
		ini_text_got(ic, &pair);
	}
	return ISCSIP_OK;
}

static bool ini_text_fits(const struct ini_conn *ic, const struct conn_item *item)
{
	return item == &ic->text.item && ic->text.asked;
}

int iscsip__initiator_text_header(struct ini_conn *ic)
{
	bool known;
	const struct conn_item *item = iscsip__initiator_find(ic->s, ic->c->pdu.itt, &known);

	ic->rx_drop = false;
	iscsip__conn_expect_sink(ic->c, ini_text_fits(ic, item) ? ini_text_sink : NULL);
	return ISCSIP_OK;
}

/* The answer goes on: with the tag and LUN that it named (11.11.4). */
static void ini_text_go_on(struct ini_conn *ic)
{
	const struct iscsip_pdu *pdu = &ic->c->pdu;

	ic->text_idle = pdu->data_len || ic->text_sent < ic->text_len ? 0 : ic->text_idle + 1u;
	if (ic->text_idle > ic->c->cfg->login_max_pdus) {
		iscsip__initiator_text_ended(ic, ISCSIP_EPROTO);
		return;
	}
	ic->text_ttt = pdu->text_response.ttt;
	ic->text_lun = pdu->lun;
	iscsip__initiator_heard(ic, &ic->text);
	iscsip__conn_ask(ic->c, &ic->text.sent, ic->c->now);
	iscsip__conn_queue(ic->c, &ic->text.item, CONN_Q_URGENT);
}

int iscsip__initiator_text_response(struct ini_conn *ic)
{
	const struct iscsip_pdu *pdu = &ic->c->pdu;
	bool known;
	const struct conn_item *item = iscsip__initiator_find(ic->s, pdu->itt, &known);

	if (!item && known) {
		ic->s->base.stats.ignored++;
		return ISCSIP_OK;
	}
	if (!ini_text_fits(ic, item))
		return ini_broken(ic, item ? ISCSIP_RULE_TASK_KIND : ISCSIP_RULE_TASK_TAG, pdu->itt);
	if (!pdu->text_response.cont && iscsip_text_end(&ic->reader)) {
		iscsip__initiator_text_ended(ic, ISCSIP_EPROTO);
		return ISCSIP_OK;
	}
	if (!pdu->final)
		ini_text_go_on(ic);
	else if (!ic->text_final)
		return ini_broken(ic, ISCSIP_RULE_TEXT_FINAL, pdu->itt);
	else
		iscsip__initiator_text_ended(ic, ISCSIP_OK);
	return ISCSIP_OK;
}
