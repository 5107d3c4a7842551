/* SPDX-License-Identifier: MIT */
/*
 * The carriage of a login: both roles' logins are state machines of lib/login that know no transport; here their
 * PDUs come and go. Owns c->login from the role's opening it until it ended.
 *
 *   rx_next, rx_done --> login_rx, login_rx_text, login_rx_end --.
 *   tx_next          <-- login_tx, login_tx_text                 +--> iscsip__conn_login_turn() --> role: ask, ended
 *   tx_done          --> login_tx_done --------------------------'
 *
 * While a login PDU is on its way out (made, not yet let go by the transport) nothing is received: the login's memory is
 * one buffer for both ways, and after the last PDU digests may begin with the next byte. A peer that sends too early is
 * just not read, one that sends while the host is asked has broken the rule of one outstanding request (RFC 7143 6.3).
 */
#include "iscsiproto/auth.h"
#include "conn/conn.h"

/* --- the scratch: the struct, then the login's own memory; sized by the same code run without memory --- */

static struct conn_login_scratch *carve(struct arena *a, const struct iscsip_config *cfg,
					struct conn_login_scratch *found)
{
	struct conn_login_scratch *ls = arena_take(a, sizeof *ls, _Alignof(struct conn_login_scratch));

	memset(found, 0, sizeof *found);
	iscsip__login_limits_init(&found->limits);
	found->limits.max_pdus = cfg->login_max_pdus;
	found->limits.text_max = cfg->login_text_max;
	found->mem_len = iscsip__login_size(&found->limits);
	found->mem = arena_take(a, found->mem_len, ARENA_ALIGN);
	return found->mem ? ls : NULL;
}

size_t iscsip_login_size(const struct iscsip_config *cfg)
{
	struct conn_login_scratch found;
	struct arena a;

	arena_count(&a);
	(void)carve(&a, cfg, &found);
	return arena_size(&a);
}

static void random_bytes(void *user, uint8_t *dst, size_t len)
{
	const struct iscsip_host *host = ((struct iscsip_conn *)user)->cfg->host;

	host->random(host->user, dst, len);
}

static unsigned login_flags(uint32_t cfg)
{
	return (cfg & ISCSIP_CFG_ANY_NAME ? (unsigned)LOGIN_ANY_NAME : 0u) |
	       (cfg & ISCSIP_CFG_SKIP_NULS ? (unsigned)LOGIN_SKIP_NULS : 0u) |
	       (cfg & ISCSIP_CFG_ALLOW_UNANSWERED ? (unsigned)LOGIN_ALLOW_UNANSWERED : 0u);
}

struct conn_login_scratch *iscsip__conn_login_scratch(struct iscsip_conn *c, void *mem, size_t len)
{
	struct conn_login_scratch found, *ls;
	struct arena a;

	arena_open(&a, mem, len);
	ls = carve(&a, c->cfg, &found);
	if (!ls)
		return NULL;
	*ls = found;
	ls->setup.limits = &ls->limits;
	ls->setup.flags = login_flags(c->cfg->flags);
	ls->setup.offer = c->cfg->offer;
	ls->setup.alias = c->cfg->node_alias;
	ls->setup.user = c;
	ls->setup.random = random_bytes;
	return ls;
}

/* --- turning --- */

static void login_step(struct iscsip_conn *c, enum iscsip__login_want want)
{
	switch (want) {
	case LOGIN_RX:
		return;
	case LOGIN_TX:
		if (!c->rx.held)
			iscsip__conn_queue(c, &c->login_item, CONN_Q_URGENT);
		return;
	case LOGIN_DONE:
	case LOGIN_FAILED:
		c->login_why = iscsip__login_reason(c->login);
		c->ops->login_ended(c, want);
		if (c->login) /* else the role has closed it, before it told the host that the scratch is free */
			iscsip__login_close(c->login);
		c->login = NULL;
		return;
	default:
		c->ops->login_ask(c, want);
	}
}

/* An answer that comes from inside the question is taken up by the loop of the turn that asked. */
void iscsip__conn_login_turn(struct iscsip_conn *c)
{
	c->login_again = true;
	if (c->login_turning)
		return;
	c->login_turning = true;
	while (c->login && c->login_again) {
		c->login_again = false;
		login_step(c, iscsip__login_want(c->login));
	}
	c->login_turning = false;
}

static int turn(struct iscsip_conn *c)
{
	iscsip__conn_login_turn(c);
	return c->error.code;
}

/* --- receiving --- */

static int login_data(struct iscsip_conn *c, const uint8_t *p, size_t n)
{
	(void)iscsip__login_rx_text(c->login, p, n);
	return ISCSIP_OK;
}

/* The login takes no PDU now: its rule is broken, and whatever the PDU says is not read. */
static int early(struct iscsip_conn *c)
{
	c->refusing = true;
	iscsip__login_rx_early(c->login);
	if (c->pdu.data_len)
		iscsip__conn_expect_sink(c, NULL);
	return turn(c);
}

int iscsip__conn_login_header(struct iscsip_conn *c)
{
	if (iscsip__login_rx(c->login, &c->pdu))
		return early(c);
	iscsip__conn_expect_sink(c, login_data);
	return ISCSIP_OK;
}

int iscsip__conn_login_pdu(struct iscsip_conn *c)
{
	if (c->pdu.data_len == 0 && iscsip__login_rx(c->login, &c->pdu))
		return early(c);
	if (c->ops->login_got) {
		int err = c->ops->login_got(c);

		if (err)
			return err;
	}
	(void)iscsip__login_rx_end(c->login);
	return turn(c);
}

/*
 * Status 0x020b for what is no login PDU, 0x0200 for one that is not legal; an initiator just fails. What is no login PDU
 * and comes first is not answered at all (4.2.4).
 */
int iscsip__conn_login_refused(struct iscsip_conn *c, const struct iscsip_error *why)
{
	bool other = why->rule == ISCSIP_RULE_OPCODE || why->rule == ISCSIP_RULE_SENDER || why->rule == ISCSIP_RULE_PHASE;

	if (other && c->ops->role == ISCSIP_TARGET && c->stats.rx_pdus == 0)
		return ISCSIP_EPROTO;
	iscsip__login_rx_tag(c->login, c->pdu.itt);
	if (other)
		iscsip__login_rx_other(c->login);
	else
		iscsip__login_rx_early(c->login);
	return turn(c);
}

/* --- sending --- */

void iscsip__conn_login_make(struct iscsip_conn *c)
{
	struct tx_unit *u = iscsip__conn_unit(c);
	struct iscsip_pdu pdu;
	const void *text;
	size_t len;

	if (!c->login || iscsip__login_tx(c->login, &pdu))
		return;
	text = iscsip__login_tx_text(c->login, &len);
	tx_payload_flat(u, text, (uint32_t)len);
	c->ops->login_stamp(c, &pdu);
	u->owner = &c->login_item;
	iscsip__conn_hold(c);
	iscsip__conn_seal(c, u, &pdu, false);
}

void iscsip__conn_login_gone(struct iscsip_conn *c)
{
	if (!c->login || c->state == ISCSIP_CONN_CLOSED)
		return;
	iscsip__login_tx_done(c->login);
	c->rx.held = false;
	iscsip__conn_login_turn(c);
	if (!conn_over(c))
		(void)iscsip__conn_resume(c);
}

/* --- the host's answers --- */

static int answered(struct iscsip_conn *c, int err)
{
	if (err)
		return err;
	iscsip__conn_login_turn(c);
	return ISCSIP_OK;
}

int iscsip_login_chap(struct iscsip_conn *c, const struct iscsip_chap_answer *a)
{
	if (!c->login || iscsip__login_want(c->login) != LOGIN_ASK_SECRET)
		return ISCSIP_ESTATE;
	return answered(c, iscsip__login_secret(c->login, a));
}

int iscsip_login_auth(struct iscsip_conn *c, const struct iscsip_auth_answer *a)
{
	if (!c->login || iscsip__login_want(c->login) != LOGIN_ASK_AUTH)
		return ISCSIP_ESTATE;
	return answered(c, iscsip__login_auth(c->login, a));
}
