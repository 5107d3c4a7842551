/* SPDX-License-Identifier: MIT */
/*
 * The initiator's side of a login: it asks, the target answers (RFC 7143 6.3, 11.12).
 *
 * It begins in the security stage where its offer has a method other than None, else in the operational stage. A request
 * group (one request, or several with the C bit, each answered by an empty response) is answered by a response group (one,
 * or several with the C bit, each answered by an empty request). When a response group's text is complete, the step of
 * its stage is taken; then, if the response had T, the next stage begins or the login is done, else the next request
 * goes out, with T as soon as this side has nothing more to ask.
 *
 * Any fault is LOGIN_FAILED at once: an initiator has nothing to answer a broken target with, it closes the connection.
 *
 * Invariants: a response is taken only if it fits the request in hand (ITT, ISID, CSG, T, NSG); every key is proposed once; the
 * security stage is left only when nothing demanded is missing: a method other than None where None was not offered, and
 * the target's own proof where mutual authentication was demanded.
 */
#include "login/login_state.h"

static void initiator_break(struct iscsip__login *l, int err, const char *why)
{
	iscsip__login_break(l, err, l->info.status, why);
}

static bool initiator_may_go_without(const struct iscsip__login *l)
{
	return iscsip__prefs_have(&l->offer->auth_methods, ISCSIP_AUTH_NONE);
}

/* ------------------------------------------------------------------------------------------- requests */

static void initiator_send(struct iscsip__login *l)
{
	if (l->out.full) {
		initiator_break(l, ISCSIP_EPROTO, ISCSIP__WHY("more answers than fit"));
		return;
	}
	l->tx_empty = false;
	l->tx_cont = iscsip__login_out_ready(l);
	l->want = LOGIN_TX;
}

static void initiator_begin_operational(struct iscsip__login *l)
{
	l->stage = NEGO_OPERATIONAL;
	iscsip__nego_enter(&l->nego, NEGO_OPERATIONAL);
	iscsip__nego_propose_all(&l->nego, &l->out);
	l->transit = true;
}

void iscsip__login_initiator_tx(const struct iscsip__login *l, struct iscsip_pdu *pdu)
{
	struct iscsip_login_request *r = &pdu->login_request;

	pdu->opcode = ISCSIP_OP_LOGIN_REQUEST;
	pdu->immediate = true;
	memcpy(r->isid, l->info.isid, sizeof r->isid);
	r->tsih = l->nego.leading ? 0 : l->info.tsih;
	r->cid = l->info.cid;
	r->cmdsn = l->info.cmdsn;
	r->cont = l->tx_cont && !l->tx_empty;
	r->transit = l->transit && !r->cont;
	r->csg = l->stage;
	if (r->transit)
		r->nsg = l->stage == NEGO_SECURITY ? NEGO_OPERATIONAL : NEGO_FULL;
}

/* The names, with the first request (RFC 7143 6.3, 13.4, 13.5, 13.21). */
static void initiator_put_names(struct iscsip__login *l)
{
	iscsip__out_text(&l->out, "InitiatorName", l->info.initiator_name);
	if (l->alias)
		iscsip__out_text(&l->out, "InitiatorAlias", l->alias);
	if (l->info.target_name[0])
		iscsip__out_text(&l->out, "TargetName", l->info.target_name);
	if (l->nego.leading)
		iscsip__out_text(&l->out, "SessionType", l->nego.discovery ? "Discovery" : "Normal");
}

static size_t initiator_length(const char *s)
{
	size_t n = 0;

	while (s[n] && n <= ISCSIP_NAME_MAX)
		n++;
	return n;
}

/* The session's parameters hold, but for those of a connection, which begin with their defaults. */
static void initiator_take_session(struct iscsip__login *l, const struct iscsip_params *session)
{
	struct iscsip_params own = l->params;

	l->params = *session;
	l->params.header_digest = own.header_digest;
	l->params.data_digest = own.data_digest;
	l->params.max_recv_data_segment_length = own.max_recv_data_segment_length;
	l->params.max_send_data_segment_length = own.max_send_data_segment_length;
}

static bool initiator_take_identity(struct iscsip__login *l, const struct iscsip__login_initiator *who)
{
	struct iscsip_login_info *i = &l->info;
	bool discovery = who->session_type == ISCSIP_SESSION_DISCOVERY;
	const char *peer = who->target_name;

	if (who->session_type > ISCSIP_SESSION_DISCOVERY || (!peer && !discovery))
		return false;
	if (!iscsip__login_keep_name(l, i->initiator_name, who->initiator_name, initiator_length(who->initiator_name)))
		return false;
	if (peer && !iscsip__login_keep_name(l, i->target_name, peer, initiator_length(peer)))
		return false;
	memcpy(i->isid, who->isid, sizeof i->isid);
	i->tsih = who->tsih;
	i->cid = who->cid;
	i->itt = who->itt;
	i->cmdsn = who->cmdsn;
	i->session_type = who->session_type;
	l->params.session_type = who->session_type;
	l->nego.leading = who->tsih == 0;
	l->nego.discovery = discovery;
	if (who->session && who->tsih)
		initiator_take_session(l, who->session);
	return true;
}

int iscsip__login_open_initiator(struct iscsip__login **out, void *mem, size_t len, const struct iscsip__login_setup *setup,
				 const struct iscsip__login_initiator *who)
{
	struct iscsip__login *l;
	int rc = iscsip__login_make(&l, mem, len, setup, false);
	bool security;

	if (rc != ISCSIP_OK)
		return rc;
	if (!initiator_take_identity(l, who))
		return ISCSIP_EINVAL;
	security = l->offer->auth_methods.count > 1 || !initiator_may_go_without(l) || (setup->flags & LOGIN_SECURITY_FIRST);
	initiator_put_names(l);
	if (security) {
		l->stage = NEGO_SECURITY;
		iscsip__nego_propose(&l->nego, ISCSIP__KEY_AUTH_METHOD, &l->out);
		/* with None in the list the target may end the stage at once */
		l->transit = initiator_may_go_without(l);
	} else {
		initiator_begin_operational(l);
	}
	initiator_send(l);
	*out = l;
	return l->error ? ISCSIP_EINVAL : ISCSIP_OK;
}

/* ------------------------------------------------------------------------------------------ responses */

/* What a response must agree with, given the request that it answers (RFC 7143 6.3, 11.13). */
static const char *initiator_check_header(const struct iscsip__login *l, const struct iscsip_pdu *pdu)
{
	const struct iscsip_login_response *r = &pdu->login_response;
	bool asked = l->transit && !(l->tx_cont && !l->tx_empty);
	uint8_t asked_nsg = l->stage == NEGO_SECURITY ? NEGO_OPERATIONAL : NEGO_FULL;

	if (pdu->itt != l->info.itt)
		return ISCSIP__WHY("a response to another login");
	if (r->status_class) /* nothing else need be valid: deployed targets leave the ISID 0 in a refusal */
		return NULL;
	if (memcmp(r->isid, l->info.isid, sizeof r->isid) != 0)
		return ISCSIP__WHY("a response to another session's login");
	if (r->version_active != 0)
		return ISCSIP__WHY("a protocol version that was not offered");
	if (r->csg != l->stage)
		return ISCSIP__WHY("a response of another stage");
	if (r->transit && (r->cont || !asked))
		return ISCSIP__WHY("T in a response that may not have it");
	if (r->transit && (r->nsg <= r->csg || r->nsg == 2 || r->nsg > asked_nsg))
		return ISCSIP__WHY("a next stage that was not asked for");
	if (r->transit && r->nsg == NEGO_FULL && (r->tsih == 0 || (!l->nego.leading && r->tsih != l->info.tsih)))
		return ISCSIP__WHY("a session handle that may not be");
	if (l->tx_cont && !l->tx_empty && (pdu->data_len > 0 || r->cont))
		return ISCSIP__WHY("text in answer to text that goes on");
	return NULL;
}

void iscsip__login_initiator_header(struct iscsip__login *l, const struct iscsip_pdu *pdu)
{
	const struct iscsip_login_response *r = &pdu->login_response;
	const char *why = initiator_check_header(l, pdu);

	if (why) {
		initiator_break(l, ISCSIP_EPROTO, why);
		return;
	}
	l->rx_status = (uint16_t)(r->status_class << 8 | r->status_detail);
	l->rx_transit = r->transit;
	l->rx_cont = r->cont && !r->status_class;
	l->rx_nsg = r->nsg;
	l->rx_tsih = r->tsih;
}

static void initiator_take_tag(struct iscsip__login *l, const struct iscsip_text_pair *pair)
{
	uint32_t tag;

	if (iscsip_text_number_in(pair->value, pair->value_len, 0, 65535, &tag) != ISCSIP_OK) {
		initiator_break(l, ISCSIP_EPROTO, ISCSIP__WHY("TargetPortalGroupTag is no number of 16 bits"));
		return;
	}
	l->info.portal_group_tag = (uint16_t)tag;
	l->info.has_portal_group_tag = true;
}

int iscsip__login_initiator_key(struct iscsip__login *l, enum iscsip__key key, const struct iscsip_text_pair *pair)
{
	if (key == ISCSIP__KEY_TARGET_ALIAS)
		iscsip__login_keep_text(l->info.peer_alias, sizeof l->info.peer_alias, pair);
	else if (key == ISCSIP__KEY_TARGET_PORTAL_GROUP_TAG)
		initiator_take_tag(l, pair);
	else if (key == ISCSIP__KEY_TARGET_NAME)
		initiator_break(l, ISCSIP_EPROTO, ISCSIP__WHY("TargetName from a target during login"));
	return NEGO_OK;
}

/* A refusal (status class 1 to 3, or one that nobody knows). */
static void initiator_refused(struct iscsip__login *l)
{
	l->info.status = l->rx_status;
	if (l->rx_status >> 8 == 1 && !l->redirected)
		initiator_break(l, ISCSIP_EPROTO, ISCSIP__WHY("a redirection that does not say where to"));
	else if (l->rx_status == ISCSIP_LOGIN_AUTHENTICATION_FAILED)
		initiator_break(l, ISCSIP_EAUTH, ISCSIP__WHY("the target refused the authentication"));
	else
		initiator_break(l, ISCSIP_ELOGIN, ISCSIP__WHY("the target refused the login"));
}

/* ------------------------------------------------------------------------------------------- security */

/* Whether the target chose a method, and what follows from it. */
static void initiator_find_method(struct iscsip__login *l)
{
	uint64_t bit = iscsip__key_bit(ISCSIP__KEY_AUTH_METHOD);
	struct iscsip_prefs algorithms;

	if (l->nego.open & bit) {
		/* a target that has no security stage at all may say nothing and go on (RFC 7143 6.3.1) */
		if (!l->rx_transit || !initiator_may_go_without(l))
			initiator_break(l, ISCSIP_EAUTH, ISCSIP__WHY("the target did not choose an authentication method"));
		l->nego.open &= ~bit;
		l->step = STEP_DONE;
		return;
	}
	if (l->nego.refused & bit) {
		initiator_break(l, ISCSIP_EAUTH, ISCSIP__WHY("the target takes none of the authentication methods"));
		return;
	}
	l->info.auth_method = (uint8_t)l->nego.held[ISCSIP__KEY_AUTH_METHOD];
	if (l->info.auth_method == ISCSIP_AUTH_NONE) {
		l->step = STEP_DONE;
		l->transit = true;
	} else if (l->info.auth_method == ISCSIP_AUTH_CHAP) {
		iscsip__chap_algorithms(l->offer, &algorithms);
		l->nego.sent |= iscsip__key_bit(ISCSIP__KEY_CHAP_A);
		l->nego.open |= iscsip__key_bit(ISCSIP__KEY_CHAP_A);
		iscsip__out_list(&l->out, ISCSIP__KEY_CHAP_A, &algorithms, NULL);
		l->step = STEP_CHAP_A;
		l->transit = false;
	} else {
		l->step = STEP_MECH;
		l->transit = false;
		l->want = LOGIN_ASK_AUTH;
	}
}

/* CHAP_A, CHAP_I and CHAP_C are due. */
static void initiator_chap_challenged(struct iscsip__login *l)
{
	uint64_t bit = iscsip__key_bit(ISCSIP__KEY_CHAP_A);
	struct iscsip_prefs algorithms;

	iscsip__chap_algorithms(l->offer, &algorithms);
	if (l->nego.refused & bit) {
		initiator_break(l, ISCSIP_EAUTH, ISCSIP__WHY("the target takes none of the CHAP algorithms"));
		return;
	}
	if ((l->nego.open & bit) || l->chap.got != (GOT_CHAP_I | GOT_CHAP_C) ||
	    !iscsip__prefs_have(&algorithms, l->nego.held[ISCSIP__KEY_CHAP_A])) {
		initiator_break(l, ISCSIP_EPROTO, ISCSIP__WHY("a CHAP challenge that is not complete, or too much"));
		return;
	}
	l->info.chap_algorithm = (uint8_t)l->nego.held[ISCSIP__KEY_CHAP_A];
	if (l->offer->mutual_auth)
		iscsip__chap_challenge(l);
	iscsip__chap_ask(l, ISCSIP_CHAP_PROVE_SELF);
}

/* One step of the security stage. May leave with a question to the host. */
static void initiator_security(struct iscsip__login *l)
{
	bool chap_due = l->step == STEP_CHAP_A || l->step == STEP_CHAP_R;

	if ((l->chap.got && !chap_due) ||
	    (l->nego.waiting & (iscsip__key_bit(ISCSIP__KEY_CHAP_A) | iscsip__key_bit(ISCSIP__KEY_AUTH_METHOD)))) {
		initiator_break(l, ISCSIP_EPROTO, ISCSIP__WHY("keys of an authentication method that are not due"));
		return;
	}
	switch (l->step) {
	case STEP_METHOD:
		initiator_find_method(l);
		break;
	case STEP_CHAP_A:
		initiator_chap_challenged(l);
		break;
	case STEP_CHAP_R:
		if (l->chap.got == (GOT_CHAP_N | GOT_CHAP_R))
			iscsip__chap_ask(l, ISCSIP_CHAP_VERIFY_PEER);
		else
			initiator_break(l, ISCSIP_EAUTH, ISCSIP__WHY("the target left its own authentication out"));
		break;
	case STEP_MECH:
		if (l->mech_got)
			l->want = LOGIN_ASK_AUTH;
		else
			initiator_break(l, ISCSIP_EAUTH,
					ISCSIP__WHY("the target left out a step of the authentication method"));
		break;
	default:
		if (l->mech_got)
			initiator_break(l, ISCSIP_EPROTO, ISCSIP__WHY("keys of an authentication method that are not due"));
		break;
	}
}

/* Whether all that was demanded is there when the target ends the security stage. */
static bool initiator_is_content(const struct iscsip__login *l)
{
	return l->step == STEP_DONE && (!l->offer->mutual_auth || l->info.peer_authenticated);
}

/* ------------------------------------------------------------------------------------------------ flow */

/* The target ended the stage. */
static void initiator_next_stage(struct iscsip__login *l)
{
	if (iscsip__login_out_left(l)) {
		initiator_break(l, l->stage == NEGO_SECURITY ? ISCSIP_EAUTH : ISCSIP_EPROTO,
				ISCSIP__WHY("the target ended a stage that was not finished"));
		return;
	}
	if (l->stage == NEGO_SECURITY && !initiator_is_content(l)) {
		initiator_break(l, ISCSIP_EAUTH,
				ISCSIP__WHY("the target went on without the authentication that was demanded"));
		return;
	}
	if (l->stage == NEGO_OPERATIONAL && iscsip__nego_unanswered(&l->nego) && !(l->setup.flags & LOGIN_ALLOW_UNANSWERED)) {
		initiator_break(l, ISCSIP_EPROTO, ISCSIP__WHY("the target left a key without an answer"));
		return;
	}
	if (l->rx_nsg == NEGO_FULL) {
		(void)iscsip__nego_finish(&l->nego); /* an initiator can keep to the rules between keys by itself */
		l->info.tsih = l->rx_tsih;
		l->stage = NEGO_FULL;
		l->want = LOGIN_DONE;
		return;
	}
	initiator_begin_operational(l);
	initiator_send(l);
}

/* The step of the stage was taken: what comes next. */
static void initiator_proceed(struct iscsip__login *l)
{
	if (l->error)
		return;
	if (l->out.full)
		initiator_break(l, ISCSIP_EPROTO, ISCSIP__WHY("more answers than fit"));
	else if (l->rx_transit)
		initiator_next_stage(l);
	else
		initiator_send(l);
}

void iscsip__login_initiator_pdu_end(struct iscsip__login *l)
{
	if (l->rx_status) {
		initiator_refused(l);
		return;
	}
	if (l->tx_cont && !l->tx_empty) {
		initiator_send(l);
		return;
	}
	if (l->rx_cont) {
		l->tx_empty = true;
		l->want = LOGIN_TX;
		return;
	}
	if (l->stage == NEGO_SECURITY)
		initiator_security(l);
	else if (iscsip__nego_text_end(&l->nego, false, &l->out) != NEGO_OK)
		initiator_break(l, ISCSIP_EPROTO, l->nego.why);
	if (l->want == LOGIN_RX)
		initiator_proceed(l);
}

void iscsip__login_initiator_go_on(struct iscsip__login *l, uint8_t purpose)
{
	if (purpose == ISCSIP_CHAP_PROVE_SELF) {
		if (l->offer->mutual_auth)
			iscsip__chap_put_challenge(l);
		l->step = l->offer->mutual_auth ? STEP_CHAP_R : STEP_DONE;
		l->transit = true;
	} else {
		l->step = STEP_DONE;
	}
	initiator_proceed(l);
}

void iscsip__login_initiator_auth(struct iscsip__login *l, const struct iscsip_auth_answer *answer)
{
	if (answer->step == ISCSIP_AUTH_REFUSE) {
		initiator_break(l, ISCSIP_EAUTH, ISCSIP__WHY("the host's authentication method refused"));
		return;
	}
	if (answer->step == ISCSIP_AUTH_DONE) {
		l->step = STEP_DONE;
		l->info.self_authenticated = true;
		l->info.peer_authenticated = true;
	}
	l->transit = answer->step != ISCSIP_AUTH_GO_ON;
	initiator_proceed(l);
}
