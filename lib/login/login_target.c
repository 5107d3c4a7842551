/* SPDX-License-Identifier: MIT */
/*
 * The target's side of a login: one response for every request (RFC 7143 6.3, 11.13).
 *
 * A request group is one or more requests, all but the last with the C bit; each but the last gets an empty
 * response. When the group's text is complete: names are checked and the host is asked whom it lets in (first group
 * alone), the security step is taken (CHAP may ask for secrets, mechanisms for their answer), keys are answered, and
 * the response goes out, in pieces with the C bit where it is long, each piece answered by an empty request. With its
 * last piece the stage ends if the request in hand wants it (T) and nothing is open; before the response that ends the
 * login the host names the session.
 *
 * Any fault ends in one refusal: a response with a status, no text but TargetAddress or AuthMethod=Reject.
 *
 * Invariants: a response with T answers a request with T; it carries no proposal; NSG is at most what was asked for;
 * the stage never goes back; identity (ISID, TSIH, CID, ITT) is that of the first request throughout.
 */
#include "login/login_state.h"

static void target_break(struct iscsip__login *l, uint16_t status, const char *why)
{
	iscsip__login_break(l, status == ISCSIP_LOGIN_AUTHENTICATION_FAILED ? ISCSIP_EAUTH : ISCSIP_EPROTO, status, why);
}

int iscsip__login_open_target(struct iscsip__login **out, void *mem, size_t len, const struct iscsip__login_setup *setup)
{
	int rc = iscsip__login_make(out, mem, len, setup, true);

	if (rc == ISCSIP_OK)
		(*out)->want = LOGIN_RX;
	return rc;
}

/* -------------------------------------------------------------------------------------------- requests */

/* The first request fixes who it is, the version, and where it begins (RFC 7143 6.3.1, 11.12). */
static void target_first_header(struct iscsip__login *l, const struct iscsip_pdu *pdu)
{
	const struct iscsip_login_request *r = &pdu->login_request;

	l->requested = true;
	memcpy(l->info.isid, r->isid, sizeof r->isid);
	l->info.tsih = r->tsih;
	l->info.cid = r->cid;
	l->info.itt = pdu->itt;
	l->info.cmdsn = r->cmdsn;
	l->info.expstatsn = r->expstatsn;
	l->nego.leading = r->tsih == 0;
	if (r->version_min > 0)
		target_break(l, ISCSIP_LOGIN_UNSUPPORTED_VERSION, ISCSIP__WHY("no protocol version in common"));
	if (r->csg > NEGO_OPERATIONAL)
		target_break(l, ISCSIP_LOGIN_INITIATOR_ERROR, ISCSIP__WHY("a login that begins in no stage"));
	l->stage = r->csg;
	iscsip__nego_enter(&l->nego, r->csg == NEGO_SECURITY ? NEGO_SECURITY : NEGO_OPERATIONAL);
}

/* What must not change from request to request (RFC 7143 11.12.4 to 11.12.7). CmdSN should not either (11.12.8), but nothing hangs
 * on it: numbers begin with that of the first request, and there are initiators in the field that count their requests. */
static bool target_same_login(const struct iscsip__login *l, const struct iscsip_pdu *pdu)
{
	const struct iscsip_login_request *r = &pdu->login_request;

	return memcmp(l->info.isid, r->isid, sizeof r->isid) == 0 && l->info.tsih == r->tsih && l->info.cid == r->cid &&
	       l->info.itt == pdu->itt && r->version_min == 0;
}

void iscsip__login_target_header(struct iscsip__login *l, const struct iscsip_pdu *pdu)
{
	const struct iscsip_login_request *r = &pdu->login_request;

	if (!l->requested)
		target_first_header(l, pdu);
	else if (!target_same_login(l, pdu))
		target_break(l, ISCSIP_LOGIN_INITIATOR_ERROR,
				ISCSIP__WHY("ISID, TSIH, CID, ITT or version changed during login"));
	else if (r->csg != l->stage)
		target_break(l, ISCSIP_LOGIN_INITIATOR_ERROR, ISCSIP__WHY("a request of another stage"));
	if (r->cont && r->transit)
		target_break(l, ISCSIP_LOGIN_INITIATOR_ERROR, ISCSIP__WHY("C and T in one request"));
	if (r->transit && (r->nsg == 2 || r->nsg <= r->csg))
		target_break(l, ISCSIP_LOGIN_INITIATOR_ERROR, ISCSIP__WHY("no such step from stage to stage"));
	if (l->tx_cont && (pdu->data_len > 0 || r->cont))
		target_break(l, ISCSIP_LOGIN_INITIATOR_ERROR, ISCSIP__WHY("text in answer to text that goes on"));
	l->rx_transit = r->transit;
	l->rx_cont = r->cont;
	l->rx_nsg = r->nsg;
}

/* ------------------------------------------------------------------------------------------------ names */

int iscsip__login_target_key(struct iscsip__login *l, enum iscsip__key key, const struct iscsip_text_pair *pair)
{
	bool late = l->granted;

	switch (key) {
	case ISCSIP__KEY_INITIATOR_NAME:
		if (late)
			target_break(l, ISCSIP_LOGIN_INITIATOR_ERROR, ISCSIP__WHY("InitiatorName after the first request"));
		else if (!iscsip__login_keep_name(l, l->info.initiator_name, pair->value, pair->value_len))
			target_break(l, ISCSIP_LOGIN_INITIATOR_ERROR, ISCSIP__WHY("InitiatorName is no name"));
		break;
	case ISCSIP__KEY_TARGET_NAME:
		if (late || l->bad_target || l->info.target_name[0])
			target_break(l, ISCSIP_LOGIN_INITIATOR_ERROR,
					ISCSIP__WHY("TargetName twice, or after the first request"));
		else
			l->bad_target = !iscsip__login_keep_name(l, l->info.target_name, pair->value, pair->value_len);
		break;
	case ISCSIP__KEY_SESSION_TYPE:
		if (late || (!iscsip__text_is(pair->value, pair->value_len, "Normal") && !l->nego.leading))
			target_break(l, ISCSIP_LOGIN_INITIATOR_ERROR,
					ISCSIP__WHY("SessionType after the first request of a session"));
		else if (iscsip__text_is(pair->value, pair->value_len, "Discovery"))
			l->info.session_type = ISCSIP_SESSION_DISCOVERY;
		else if (!iscsip__text_is(pair->value, pair->value_len, "Normal"))
			target_break(l, ISCSIP_LOGIN_SESSION_TYPE_UNSUPPORTED, ISCSIP__WHY("an unknown SessionType"));
		break;
	case ISCSIP__KEY_INITIATOR_ALIAS:
		iscsip__login_keep_text(l->info.peer_alias, sizeof l->info.peer_alias, pair);
		break;
	default:
		/* X#NodeArchitecture: taken and dropped (RFC 7143 13.26.2) */
		break;
	}
	return NEGO_OK;
}

/* RFC 7143 6.3: what the first request must name. */
static void target_check_names(struct iscsip__login *l)
{
	bool discovery = l->info.session_type == ISCSIP_SESSION_DISCOVERY;

	if (!l->info.initiator_name[0])
		target_break(l, ISCSIP_LOGIN_MISSING_PARAMETER, ISCSIP__WHY("no InitiatorName"));
	else if (l->bad_target)
		target_break(l, ISCSIP_LOGIN_NOT_FOUND, ISCSIP__WHY("TargetName is no name"));
	else if (!l->info.target_name[0] && !discovery)
		target_break(l, ISCSIP_LOGIN_MISSING_PARAMETER, ISCSIP__WHY("no TargetName"));
	l->params.session_type = l->info.session_type;
	l->nego.discovery = discovery;
}

/* -------------------------------------------------------------------------------------------- responses */

static bool target_auth_required(const struct iscsip__login *l)
{
	return !iscsip__prefs_have(&l->offer->auth_methods, ISCSIP_AUTH_NONE);
}

void iscsip__login_target_refuse(struct iscsip__login *l)
{
	char address[ISCSIP_ADDRESS_TEXT_MAX];

	l->out.len = 0;
	l->out.full = false;
	l->out_sent = 0;
	l->item_count = 0;
	l->item_at = 0;
	if (l->redirected) {
		l->info.redirect.has_tag = false; /* RFC 7143 13.8 */
		if (iscsip_address_format(&l->info.redirect, address, sizeof address) > 0)
			iscsip__out_text(&l->out, "TargetAddress", address);
	}
	if (l->auth_rejected)
		iscsip__out_text(&l->out, "AuthMethod", "Reject");
	l->tx_refusal = true;
	l->tx_transit = false;
	l->tx_empty = false;
	l->tx_cont = false;
	l->tx_len = l->out.len; /* one PDU: there is no request to follow it */
	l->want = LOGIN_TX;
}

/* Whether this stage has nothing open. */
static bool target_may_leave(const struct iscsip__login *l)
{
	if (iscsip__nego_unanswered(&l->nego))
		return false;
	if (l->stage != NEGO_SECURITY)
		return true;
	return l->step == STEP_DONE || (l->step == STEP_METHOD && !target_auth_required(l));
}

/* The stage that follows: what was asked for, or the operational stage where defaults would not do. */
static uint8_t target_next_stage(const struct iscsip__login *l)
{
	if (l->stage == NEGO_SECURITY && iscsip__nego_needs_stage(&l->nego))
		return NEGO_OPERATIONAL;
	return l->rx_nsg;
}

/* Sends the response in hand, or its next piece. Asks for the session before the last one of the login. */
static void target_reply(struct iscsip__login *l)
{
	if (!l->error && l->out.full)
		target_break(l, ISCSIP_LOGIN_OUT_OF_RESOURCES, ISCSIP__WHY("more answers than fit"));
	if (l->error) {
		iscsip__login_target_refuse(l);
		return;
	}
	l->tx_empty = false;
	l->tx_transit = false;
	l->tx_cont = iscsip__login_out_ready(l);
	if (!l->tx_cont && l->rx_transit && target_may_leave(l)) {
		l->tx_nsg = target_next_stage(l);
		if (l->tx_nsg == NEGO_FULL && !l->session_given) {
			if (iscsip__nego_finish(&l->nego) == NEGO_OK) {
				l->want = LOGIN_ASK_SESSION;
				return;
			}
			target_break(l, ISCSIP_LOGIN_INITIATOR_ERROR, l->nego.why);
			iscsip__login_target_refuse(l);
			return;
		}
		l->tx_transit = true;
	}
	l->want = LOGIN_TX;
}

void iscsip__login_target_tx(const struct iscsip__login *l, struct iscsip_pdu *pdu)
{
	struct iscsip_login_response *r = &pdu->login_response;

	pdu->opcode = ISCSIP_OP_LOGIN_RESPONSE;
	memcpy(r->isid, l->info.isid, sizeof r->isid);
	r->cont = l->tx_cont && !l->tx_empty;
	/* the TSIH of a new session stands in the final response alone (RFC 7143 11.13.3) */
	if (!l->nego.leading || (l->tx_transit && l->tx_nsg == NEGO_FULL))
		r->tsih = l->info.tsih;
	if (l->tx_refusal) {
		r->status_class = (uint8_t)(l->info.status >> 8);
		r->status_detail = (uint8_t)l->info.status;
		return;
	}
	r->transit = l->tx_transit;
	r->csg = l->stage;
	r->nsg = l->tx_transit ? l->tx_nsg : 0;
}

void iscsip__login_target_tx_done(struct iscsip__login *l)
{
	if (l->tx_refusal) {
		l->want = LOGIN_FAILED;
		return;
	}
	if (l->error && l->error != ISCSIP_EHOST) {
		/* a PDU came while this one was under way; nothing can follow a final response */
		if (l->tx_transit && l->tx_nsg == NEGO_FULL)
			l->want = LOGIN_FAILED;
		else
			iscsip__login_target_refuse(l);
		return;
	}
	if (!l->tx_cont && !l->tx_empty)
		l->owed = iscsip__nego_unanswered(&l->nego);
	if (!l->tx_transit)
		return;
	l->stage = l->tx_nsg;
	iscsip__nego_enter(&l->nego, (enum iscsip__nego_stage)l->tx_nsg);
	if (l->stage == NEGO_FULL)
		l->want = LOGIN_DONE;
}

/* -------------------------------------------------------------------------------------------- security */

static void target_begin_method(struct iscsip__login *l, unsigned method)
{
	l->info.auth_method = (uint8_t)method;
	l->method_new = true;
	l->step = method == ISCSIP_AUTH_NONE ? STEP_DONE : method == ISCSIP_AUTH_CHAP ? STEP_CHAP_A : STEP_MECH;
}

/* Finds the method: from the initiator's list, from its choice of ours, or by proposing (RFC 7143 6.3.2). */
static void target_find_method(struct iscsip__login *l)
{
	uint64_t bit = iscsip__key_bit(ISCSIP__KEY_AUTH_METHOD);
	int method;

	if (l->nego.waiting & bit) {
		if (l->nego.malformed & bit) {
			target_break(l, ISCSIP_LOGIN_INITIATOR_ERROR, ISCSIP__WHY("AuthMethod is no list"));
			return;
		}
		method = iscsip__nego_choose(&l->nego, ISCSIP__KEY_AUTH_METHOD, &l->offer->auth_methods);
		l->auth_rejected = method < 0;
		if (method < 0)
			target_break(l, ISCSIP_LOGIN_AUTHENTICATION_FAILED, ISCSIP__WHY("no authentication method in common"));
		else
			iscsip__out_text(&l->out, "AuthMethod", iscsip__login_method_name(l, (unsigned)method));
		if (method >= 0)
			target_begin_method(l, (unsigned)method);
	} else if (l->nego.settled & bit) {
		if (l->nego.refused & bit)
			target_break(l, ISCSIP_LOGIN_AUTHENTICATION_FAILED, ISCSIP__WHY("the initiator will not authenticate"));
		else
			target_begin_method(l, l->nego.held[ISCSIP__KEY_AUTH_METHOD]);
	} else if (l->rx_transit && target_auth_required(l)) {
		if (l->method_offered)
			target_break(l, ISCSIP_LOGIN_AUTHENTICATION_FAILED, ISCSIP__WHY("the initiator will not authenticate"));
		else
			iscsip__nego_propose(&l->nego, ISCSIP__KEY_AUTH_METHOD, &l->out);
		l->method_offered = true;
	}
}

/* CHAP_A is due: choose, and send our challenge. */
static void target_chap_begin(struct iscsip__login *l)
{
	uint64_t bit = iscsip__key_bit(ISCSIP__KEY_CHAP_A);
	struct iscsip_prefs algorithms;
	int algorithm;

	if (l->chap.got || (l->nego.malformed & bit)) {
		target_break(l, ISCSIP_LOGIN_INITIATOR_ERROR, ISCSIP__WHY("CHAP keys that are not due, or a malformed CHAP_A"));
	} else if (l->nego.waiting & bit) {
		iscsip__chap_algorithms(l->offer, &algorithms);
		algorithm = iscsip__nego_choose_own(&l->nego, ISCSIP__KEY_CHAP_A, &algorithms);
		if (algorithm < 0) {
			target_break(l, ISCSIP_LOGIN_AUTHENTICATION_FAILED, ISCSIP__WHY("no CHAP algorithm in common"));
			return;
		}
		l->info.chap_algorithm = (uint8_t)algorithm;
		iscsip__chap_challenge(l);
		iscsip__out_number(&l->out, "CHAP_A", (unsigned)algorithm);
		iscsip__chap_put_challenge(l);
		l->step = STEP_CHAP_R;
	} else if (!l->method_new) {
		target_break(l, ISCSIP_LOGIN_MISSING_PARAMETER, ISCSIP__WHY("no CHAP_A"));
	}
}

/* CHAP_N and CHAP_R are due, perhaps with a challenge for us. */
static void target_chap_response(struct iscsip__login *l)
{
	unsigned got = l->chap.got;

	if (!(got & GOT_CHAP_N) || !(got & GOT_CHAP_R))
		target_break(l, ISCSIP_LOGIN_MISSING_PARAMETER, ISCSIP__WHY("no CHAP_N or CHAP_R"));
	else if (!(got & GOT_CHAP_I) != !(got & GOT_CHAP_C))
		target_break(l, ISCSIP_LOGIN_MISSING_PARAMETER, ISCSIP__WHY("CHAP_I without CHAP_C, or the other way round"));
	else if ((got & GOT_CHAP_C) && iscsip__chap_reflected(l))
		target_break(l, ISCSIP_LOGIN_AUTHENTICATION_FAILED, ISCSIP__WHY("the CHAP challenge was sent back"));
	else
		iscsip__chap_ask(l, ISCSIP_CHAP_VERIFY_PEER);
}

/* One step of the security stage. May leave with a question to the host. */
static void target_security(struct iscsip__login *l)
{
	bool stray = l->chap.got || l->mech_got || (l->nego.waiting & iscsip__key_bit(ISCSIP__KEY_CHAP_A));

	l->method_new = false;
	if (l->step == STEP_METHOD)
		target_find_method(l);
	else if (l->nego.waiting & iscsip__key_bit(ISCSIP__KEY_AUTH_METHOD))
		target_break(l, ISCSIP_LOGIN_INITIATOR_ERROR, ISCSIP__WHY("AuthMethod twice"));
	if (l->error)
		return;
	switch (l->step) {
	case STEP_CHAP_A:
		target_chap_begin(l);
		break;
	case STEP_CHAP_R:
		target_chap_response(l);
		break;
	case STEP_MECH:
		if (l->mech_got)
			l->want = LOGIN_ASK_AUTH;
		else if (!l->method_new)
			target_break(l, ISCSIP_LOGIN_MISSING_PARAMETER, ISCSIP__WHY("no key of the authentication method"));
		break;
	default:
		if (stray)
			target_break(l, ISCSIP_LOGIN_INITIATOR_ERROR,
					ISCSIP__WHY("keys of an authentication method that are not due"));
		break;
	}
}

void iscsip__login_target_go_on(struct iscsip__login *l, uint8_t purpose)
{
	if (!l->error && purpose == ISCSIP_CHAP_VERIFY_PEER && (l->chap.got & GOT_CHAP_C)) {
		iscsip__chap_ask(l, ISCSIP_CHAP_PROVE_SELF);
		return;
	}
	if (!l->error)
		l->step = STEP_DONE;
	target_reply(l);
}

void iscsip__login_target_auth(struct iscsip__login *l, const struct iscsip_auth_answer *answer)
{
	if (answer->step == ISCSIP_AUTH_REFUSE) {
		target_break(l, answer->status ? answer->status : ISCSIP_LOGIN_AUTHENTICATION_FAILED,
			     ISCSIP__WHY("the host's authentication method refused"));
	} else if (answer->step == ISCSIP_AUTH_DONE) {
		l->step = STEP_DONE;
		l->info.peer_authenticated = true;
	}
	target_reply(l);
}

/* ------------------------------------------------------------------------------------------------- flow */

/* The group's text is complete and the host has let the initiator in. */
static void target_answer(struct iscsip__login *l)
{
	if (l->stage == NEGO_SECURITY)
		target_security(l);
	else if (iscsip__nego_text_end(&l->nego, l->rx_transit, &l->out) != NEGO_OK)
		target_break(l, ISCSIP_LOGIN_INITIATOR_ERROR, l->nego.why);
	if (l->error || l->want == LOGIN_RX)
		target_reply(l);
}

static void target_text_end(struct iscsip__login *l)
{
	if (l->granted) {
		target_answer(l);
		return;
	}
	target_check_names(l);
	if (l->error)
		iscsip__login_target_refuse(l);
	else
		l->want = LOGIN_ASK_ACCESS;
}

void iscsip__login_target_pdu_end(struct iscsip__login *l)
{
	if (l->error) {
		iscsip__login_target_refuse(l);
		return;
	}
	if (l->tx_cont) {
		target_reply(l);
		return;
	}
	if (l->rx_cont) {
		l->tx_empty = true;
		l->tx_transit = false;
		l->want = LOGIN_TX;
		return;
	}
	if (l->owed & l->nego.open & iscsip__key_bit(ISCSIP__KEY_AUTH_METHOD))
		target_break(l, ISCSIP_LOGIN_AUTHENTICATION_FAILED, ISCSIP__WHY("the initiator will not authenticate"));
	else if (l->owed & l->nego.open)
		target_break(l, ISCSIP_LOGIN_INITIATOR_ERROR, ISCSIP__WHY("a proposal was left without an answer"));
	if (l->error)
		iscsip__login_target_refuse(l);
	else
		target_text_end(l);
}

/* The session's parameters hold, but for those of a connection: what the initiator has declared already, and defaults. */
static void target_take_session(struct iscsip__login *l, const struct iscsip_params *session)
{
	struct iscsip_params own = l->params;

	l->params = *session;
	l->params.header_digest = own.header_digest;
	l->params.data_digest = own.data_digest;
	l->params.max_recv_data_segment_length = own.max_recv_data_segment_length;
	l->params.max_send_data_segment_length = own.max_send_data_segment_length;
}

int iscsip__login_access(struct iscsip__login *l, const struct iscsip__login_access *access)
{
	if (l->want != LOGIN_ASK_ACCESS)
		return ISCSIP_ESTATE;
	if (access->offer && iscsip_offer_check(access->offer, NULL) != ISCSIP_OK)
		return ISCSIP_EINVAL;
	if (access->offer)
		l->offer = access->offer;
	if (access->alias)
		l->alias = access->alias;
	if (access->session)
		target_take_session(l, access->session);
	l->nego.offer = l->offer;
	l->granted = true;
	l->want = LOGIN_RX;
	l->info.portal = access->portal;
	l->info.portal_group_tag = access->portal_group_tag;
	l->info.has_portal_group_tag = true;
	/* RFC 7143 6.3.1: with the first response after a request without C, in every type of session */
	iscsip__out_number(&l->out, "TargetPortalGroupTag", access->portal_group_tag);
	if (l->alias && l->info.session_type == ISCSIP_SESSION_NORMAL)
		iscsip__out_text(&l->out, "TargetAlias", l->alias);
	if (l->stage == NEGO_OPERATIONAL && target_auth_required(l))
		target_break(l, ISCSIP_LOGIN_AUTHENTICATION_FAILED, ISCSIP__WHY("a login without authentication"));
	if (l->error)
		iscsip__login_target_refuse(l);
	else
		target_answer(l);
	return ISCSIP_OK;
}

int iscsip__login_session(struct iscsip__login *l, uint16_t tsih)
{
	if (l->want != LOGIN_ASK_SESSION)
		return ISCSIP_ESTATE;
	if (tsih == 0 || (!l->nego.leading && tsih != l->info.tsih))
		return ISCSIP_EINVAL;
	l->info.tsih = tsih;
	l->session_given = true;
	target_reply(l);
	return ISCSIP_OK;
}
