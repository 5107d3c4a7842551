/* SPDX-License-Identifier: MIT */
/*
 * The login of an initiator's connection: what the machine of lib/login does not know of. It gives it its tag and
 * identity, carries its questions to the host, and puts what came of it in force.
 *
 * The first connection of a session is the leading one: its TSIH is 0, the target names the session's, and its parameters are
 * the session's. Later ones (several connections a session) come with that TSIH.
 */
#include "initiator/initiator.h"

static int ini_auth_value(void *user, const char *key, const char *piece, size_t len, size_t off, bool last)
{
	struct ini_session *s = ini_conn_of(user)->s;

	return s->ops->auth_value ? s->ops->auth_value(s->base.user, user, key, piece, len, off, last) : ISCSIP_EHOST;
}

int iscsip__initiator_login_open(struct ini_conn *ic, void *mem, size_t len)
{
	static const struct conn_item owner = { .kind = INI_LOGIN };
	struct ini_session *s = ic->s;
	struct conn_login_scratch *scratch = iscsip__conn_login_scratch(ic->c, mem, len);
	struct iscsip__login_initiator who = { 0 };
	int err;

	if (!scratch)
		return ISCSIP_ENOSPC;
	err = iscsip__initiator_tag(s, (struct conn_item *)(uintptr_t)&owner, NULL, 0, &ic->login_itt);
	if (err)
		return err;
	scratch->setup.auth_value = ini_auth_value;
	who.initiator_name = ic->c->cfg->node_name;
	who.target_name = s->target_name;
	who.session_type = s->target_name ? ISCSIP_SESSION_NORMAL : ISCSIP_SESSION_DISCOVERY;
	memcpy(who.isid, s->base.isid, sizeof who.isid);
	who.tsih = s->base.tsih;
	who.cid = ic->c->cid;
	who.itt = ic->login_itt;
	who.cmdsn = s->cmdsn;
	who.session = s->base.tsih ? &s->base.params : NULL;
	err = iscsip__login_open_initiator(&ic->c->login, scratch->mem, scratch->mem_len, &scratch->setup, &who);
	if (err)
		(void)iscsip_ddp_release(s->tags, ini_swap(ic->login_itt));
	return err;
}

void iscsip__initiator_login_stamp(struct iscsip_conn *c, struct iscsip_pdu *pdu)
{
	pdu->login_request.expstatsn = ini_conn_of(c)->statsn_known ? c->statsn : 0;
}

/* Any first StatSN is good (RFC 7143 4.2.2.2); then they follow one another. */
int iscsip__initiator_login_got(struct iscsip_conn *c)
{
	struct ini_conn *ic = ini_conn_of(c);
	const struct iscsip_login_response *r = &c->pdu.login_response;

	/* a refusal ends it anyway, and 11.13.4 has its numbers count for nothing */
	if (r->status_class != 0)
		return ISCSIP_OK;
	if (ic->statsn_known && r->statsn != c->statsn)
		return ini_broken(ic, ISCSIP_RULE_LOGIN_STATSN, r->statsn);
	ic->statsn_known = true;
	c->statsn = r->statsn + 1u;
	iscsip__initiator_window(ic->s, r->expcmdsn, r->maxcmdsn);
	return ISCSIP_OK;
}

void iscsip__initiator_login_ask(struct iscsip_conn *c, enum iscsip__login_want want)
{
	static const struct iscsip_chap_answer no_secret = { .verdict = ISCSIP_CHAP_REFUSED };
	static const struct iscsip_auth_answer no_step = { .step = ISCSIP_AUTH_REFUSE };
	struct ini_session *s = ini_conn_of(c)->s;
	const struct iscsip_login_info *info = iscsip__login_info(c->login);

	if (want == LOGIN_ASK_SECRET && s->ops->chap_ask)
		s->ops->chap_ask(s->base.user, c, info, iscsip__login_chap_ask(c->login));
	else if (want == LOGIN_ASK_SECRET)
		(void)iscsip_login_chap(c, &no_secret);
	else if (s->ops->auth_step)
		s->ops->auth_step(s->base.user, c, info);
	else
		(void)iscsip_login_auth(c, &no_step);
}

static void ini_login_over(struct ini_conn *ic)
{
	(void)iscsip_ddp_release(ic->s->tags, ini_swap(ic->login_itt));
	ic->s->opening--;
}

static void ini_login_good(struct iscsip_conn *c)
{
	struct ini_conn *ic = ini_conn_of(c);
	struct ini_session *s = ic->s;
	const struct iscsip_login_info *info = iscsip__login_info(c->login);
	const struct iscsip_params *params = iscsip__login_params(c->login);

	ini_login_over(ic);
	if (iscsip__session_join(&s->base, c) < 0) {
		(void)iscsip__conn_fail(c, ISCSIP_EHOST, 0, 0);
		return;
	}
	ic->in_session = true;
	if (s->base.tsih == 0)
		s->base.params = *params;
	s->base.tsih = info->tsih;
	iscsip__conn_apply(c, params);
	c->phase = info->session_type == ISCSIP_SESSION_DISCOVERY ? ISCSIP_PHASE_DISCOVERY : ISCSIP_PHASE_NORMAL;
	c->state = ISCSIP_CONN_FULL_FEATURE;
	if (s->base.state != ISCSIP_SESSION_LOGGED_IN) {
		s->base.state = ISCSIP_SESSION_LOGGED_IN;
		if (s->ops->state)
			s->ops->state(s->base.user, &s->base, ISCSIP_SESSION_LOGGED_IN, NULL);
	}
	s->ops->login_done(s->base.user, c, ISCSIP_OK, info->status, info);
	iscsip__initiator_pump(s);
}

void iscsip__initiator_login_ended(struct iscsip_conn *c, enum iscsip__login_want want)
{
	struct ini_conn *ic = ini_conn_of(c);
	int err = iscsip__login_error(c->login);

	if (want == LOGIN_DONE) {
		ini_login_good(c);
		return;
	}
	(void)iscsip__conn_fail(c, err ? err : ISCSIP_ELOGIN, 0, iscsip__login_info(c->login)->status);
	iscsip__initiator_login_lost(ic);
}

/* The login has failed, or the connection was lost under it. */
void iscsip__initiator_login_lost(struct ini_conn *ic)
{
	struct iscsip_conn *c = ic->c;
	struct ini_session *s = ic->s;
	const struct iscsip_login_info *info = iscsip__login_info(c->login);

	if (ic->login_told)
		return;
	ic->login_told = true;
	ini_login_over(ic);
	s->ops->login_done(s->base.user, c, c->error.code, info->status, info);
}
