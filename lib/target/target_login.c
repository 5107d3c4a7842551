/* SPDX-License-Identifier: MIT */
/*
 * Login at the target: the questions of lib/login go to the host's callbacks, and the host's answers back. The PDUs are
 * carried by the connection room. It owns the moment when a connection becomes part of a session:
 *
 *     session?  -->  iscsip_login_accept()  -->  final response leaves  -->  full feature phase
 *                    in its slot; a connection                               digests and lengths in force
 *                    with its CID is replaced
 *
 * Joining comes before the final response, so that its numbers (ExpCmdSN, MaxCmdSN) are the session's. Until it has left, the
 * connection room takes no byte.
 */
#include "target/target.h"

static int value_in(void *user, const char *key, const char *piece, size_t len, size_t off, bool last)
{
	struct iscsip_conn *c = user;
	const struct tgt_conn *tc = tgt_conn_of(c);

	return tc->ops->auth_value ? tc->ops->auth_value(c->user, c, key, piece, len, off, last) : ISCSIP_ESTATE;
}

int iscsip__target_login_open(struct iscsip_conn *c, void *mem, size_t len)
{
	struct conn_login_scratch *ls = iscsip__conn_login_scratch(c, mem, len);
	int err;

	if (!ls)
		return ISCSIP_ENOSPC;
	ls->setup.auth_value = value_in;
	err = iscsip__login_open_target(&c->login, ls->mem, ls->mem_len, &ls->setup);
	if (err)
		return err;
	iscsip__conn_login_turn(c);
	return ISCSIP_OK;
}

/* Before there is a session, one command would be taken, at the number of the login (11.12.8). */
void iscsip__target_login_stamp(struct iscsip_conn *c, struct iscsip_pdu *pdu)
{
	struct tgt_session *s = tgt_session_of(c);
	struct iscsip_reply *r = &pdu->reply;

	if (s) {
		tgt_stamp(c, s, r, true);
		return;
	}
	r->statsn = c->statsn++;
	r->expcmdsn = r->maxcmdsn = iscsip__login_info(c->login)->cmdsn;
}

void iscsip__target_login_ask(struct iscsip_conn *c, enum iscsip__login_want want)
{
	const struct iscsip_login_info *info = iscsip__login_info(c->login);
	const struct iscsip_target_ops *ops = tgt_conn_of(c)->ops;

	switch (want) {
	case LOGIN_ASK_ACCESS:
		c->cid = info->cid;
		c->expstatsn = c->statsn;
		ops->identify(c->user, c, info);
		return;
	case LOGIN_ASK_SECRET:
		if (ops->chap_ask)
			ops->chap_ask(c->user, c, info, iscsip__login_chap_ask(c->login));
		else
			(void)iscsip_login_refuse(c, ISCSIP_LOGIN_AUTHENTICATION_FAILED, NULL);
		return;
	case LOGIN_ASK_AUTH:
		if (ops->auth_step)
			ops->auth_step(c->user, c, info);
		else
			(void)iscsip_login_refuse(c, ISCSIP_LOGIN_AUTHENTICATION_FAILED, NULL);
		return;
	default:
		ops->session(c->user, c, info, iscsip__login_params(c->login));
	}
}

/* --- the host's answers --- */

int iscsip_login_grant(struct iscsip_conn *c, const struct iscsip_login_terms *g)
{
	struct iscsip__login_access access = { .portal_group_tag = 1 };
	int err;

	if (!c->login || iscsip__login_want(c->login) != LOGIN_ASK_ACCESS)
		return ISCSIP_ESTATE;
	/* a session has room for the order of PDUs only where its configuration says so */
	if (g && g->offer && !g->offer->data_pdu_in_order && c->cfg->offer->data_pdu_in_order)
		return ISCSIP_EINVAL;
	if (g && g->offer && g->offer->error_recovery_level > 0)
		return ISCSIP_EINVAL;
	if (g) {
		access.portal_group_tag = g->portal_group_tag;
		access.portal = g->portal;
		access.offer = g->offer;
		access.alias = g->target_alias;
		access.session = g->session ? &g->session->params : NULL;
	}
	err = iscsip__login_access(c->login, &access);
	if (!err)
		iscsip__conn_login_turn(c);
	return err;
}

int iscsip_login_refuse(struct iscsip_conn *c, uint16_t status, const char *redirect)
{
	enum iscsip__login_want want;
	int err;

	if (!c->login)
		return ISCSIP_ESTATE;
	want = iscsip__login_want(c->login);
	if (want != LOGIN_ASK_ACCESS && want != LOGIN_ASK_SECRET && want != LOGIN_ASK_AUTH && want != LOGIN_ASK_SESSION)
		return ISCSIP_ESTATE;
	err = iscsip__login_refuse(c->login, status, redirect);
	if (!err)
		iscsip__conn_login_turn(c);
	return err;
}

/* --- joining --- */

/* Connection reinstatement: the login logs out the connection that has its CID (6.3.4). */
static void replace(struct tgt_session *s, struct iscsip_conn *old)
{
	iscsip__target_detach(s, old);
	(void)iscsip__conn_fail(old, ISCSIP_ECLOSED, 0, 0);
}

static void begin_session(struct tgt_session *s, const struct iscsip_login_info *info, uint16_t tsih)
{
	s->s.tsih = tsih;
	memcpy(s->s.isid, info->isid, sizeof s->s.isid);
	memcpy(s->target_name, info->target_name, sizeof s->target_name);
	s->portal_group_tag = info->portal_group_tag;
	s->expcmdsn = info->cmdsn;
	s->maxcmdsn = info->cmdsn - 1u;
	iscsip__target_state(s, ISCSIP_SESSION_ACTIVE, NULL);
}

/*
 * Connections join only the session that their login names (11.12.6), a new login only an empty one. That the initiator's name
 * is the session's, too, only the host knows.
 */
static bool may_join(const struct tgt_session *s, const struct iscsip_login_info *info, uint16_t tsih)
{
	if (s->ended || s->closing)
		return false;
	if (info->tsih == 0)
		return s->s.tsih == 0 && tsih != 0;
	return s->s.tsih == info->tsih && s->s.state == ISCSIP_SESSION_LOGGED_IN &&
	       memcmp(s->s.isid, info->isid, sizeof s->s.isid) == 0 && s->portal_group_tag == info->portal_group_tag &&
	       iscsip_name_equal(s->target_name, info->target_name);
}

static int join(struct tgt_session *s, struct iscsip_conn *c)
{
	struct iscsip_conn *old = iscsip__session_find_cid(&s->s, c->cid);
	int slot;

	if (old)
		replace(s, old);
	if (s->ended)
		return ISCSIP_ESTATE;
	if (s->s.conn_count && s->s.conn_count >= s->s.params.max_connections)
		return ISCSIP_EAGAIN;
	slot = iscsip__session_join(&s->s, c);
	if (slot < 0)
		return ISCSIP_EAGAIN;
	tgt_conn_of(c)->slot = (uint16_t)slot;
	return ISCSIP_OK;
}

int iscsip_login_accept(struct iscsip_conn *c, struct iscsip_session *session, uint16_t tsih)
{
	struct tgt_session *s = (struct tgt_session *)session;
	const struct iscsip_login_info *info;
	int err;

	if (!c->login || iscsip__login_want(c->login) != LOGIN_ASK_SESSION || c->session)
		return ISCSIP_ESTATE;
	info = iscsip__login_info(c->login);
	if (!may_join(s, info, tsih))
		return ISCSIP_ESTATE;
	tgt_enter(s);
	err = join(s, c);
	if (!err) {
		if (info->tsih == 0) {
			s->s.params = *iscsip__login_params(c->login);
			begin_session(s, info, tsih);
		}
		(void)iscsip__login_session(c->login, s->s.tsih);
		iscsip__conn_login_turn(c);
	}
	tgt_leave(s);
	return err;
}

/* --- the end of the login --- */

static void into_full_feature(struct iscsip_conn *c)
{
	struct tgt_session *s = tgt_session_of(c);

	iscsip__conn_apply(c, iscsip__login_params(c->login));
	c->state = ISCSIP_CONN_FULL_FEATURE;
	c->phase = s->s.params.session_type == ISCSIP_SESSION_DISCOVERY ? ISCSIP_PHASE_DISCOVERY : ISCSIP_PHASE_NORMAL;
	tgt_conn_of(c)->fence = c->statsn;
	iscsip__target_text_init(&tgt_conn_of(c)->text);
	iscsip__target_state(s, ISCSIP_SESSION_LOGGED_IN, NULL);
}

void iscsip__target_login_ended(struct iscsip_conn *c, enum iscsip__login_want want)
{
	const struct iscsip_target_ops *ops = tgt_conn_of(c)->ops;
	uint16_t status = iscsip__login_info(c->login)->status;
	struct tgt_session *s = tgt_session_of(c);

	if (want == LOGIN_DONE && s && !conn_over(c))
		into_full_feature(c);
	else
		(void)iscsip__conn_fail(c, iscsip__login_error(c->login) ? iscsip__login_error(c->login) : ISCSIP_ELOGIN, 0,
					status);
	iscsip__login_close(c->login);
	c->login = NULL;
	if (ops->login_done)
		ops->login_done(c->user, c, status);
}
