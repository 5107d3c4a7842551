/* SPDX-License-Identifier: MIT */
/*
 * The login phase as two pure state machines (RFC 7143 6.3), one for each role, and the negotiator that
 * both and full feature phase use. Nothing here knows a transport: decoded headers and text go in,
 * headers and text come out, and what only the host knows is asked for and may be answered at any later time.
 *
 * How a connection drives it
 * --------------------------
 * iscsip__login_want() says what comes next; it changes by the calls named with each state alone:
 *
 *   LOGIN_RX           give the next login PDU: iscsip__login_rx(header), iscsip__login_rx_text(bytes) any
 *                      number of times as they arrive, iscsip__login_rx_end(). A PDU that is no login PDU:
 *                      iscsip__login_rx_other().
 *   LOGIN_TX           take the next PDU: iscsip__login_tx(header), iscsip__login_tx_text() for its data segment;
 *                      when all of it is out, iscsip__login_tx_done().
 *   LOGIN_ASK_ACCESS   target, once: names, session type, ISID, TSIH, CID are known (iscsip__login_info());
 *                      answer with iscsip__login_access() or iscsip__login_refuse().
 *   LOGIN_ASK_SECRET   a CHAP secret or response: iscsip__login_chap_ask(), iscsip__login_secret().
 *   LOGIN_ASK_AUTH     a step of a mechanism of the host: iscsip__login_auth().
 *   LOGIN_ASK_SESSION  target, once, before the final response: iscsip__login_session() brings the session's TSIH.
 *                      Parameters and identity are final by then.
 *   LOGIN_DONE         the login is complete (at a target: its final response was sent).
 *   LOGIN_FAILED       it is over: close the connection (a target's refusal has been sent by then). iscsip__login_info()
 *                      holds the status, iscsip__login_error() why.
 *
 * What the connection does: StatSN, ExpStatSN, ExpCmdSN and MaxCmdSN (zero in what comes out, ignored in what goes
 * in), opcode, immediate bit and padding as the codec has them; the time limit. CmdSN is the login's at an initiator.
 * Digests are never in use during login.
 *
 * Memory: one block of iscsip__login_size() bytes, 9,712 with the default limits on 64-bit machines, whatever the
 * peer sends. Secrets are not kept; challenges and responses are wiped by iscsip__login_close().
 */
#ifndef ISCSIP_LOGIN_LOGIN_H
#define ISCSIP_LOGIN_LOGIN_H

#include <iscsiproto/auth.h>
#include <iscsiproto/params.h>
#include <iscsiproto/pdu.h>

#include "text/text.h"

struct iscsip__login;

/* The words of iscsip__login_reason(). A build with ISCSIP_NO_REASONS has one word for all, and is about 3 KiB smaller. */
#ifdef ISCSIP_NO_REASONS
#define ISCSIP__WHY(words) "-"
#else
#define ISCSIP__WHY(words) words
#endif

enum iscsip__login_want {
	LOGIN_RX,
	LOGIN_TX,
	LOGIN_ASK_ACCESS,
	LOGIN_ASK_SECRET,
	LOGIN_ASK_AUTH,
	LOGIN_ASK_SESSION,
	LOGIN_DONE,
	LOGIN_FAILED
};

/* Every limit of a login. */
struct iscsip__login_limits {
	uint32_t value_max;     /* longest value kept whole, 255 to 16384; CHAP challenges of 1024 bytes in hex take 2050 */
	uint32_t reply_max;     /* bytes of text made for one request, and of the longest data segment sent, 512 to 65536 */
	uint32_t challenge_max; /* longest CHAP challenge taken, 32 to 1024 bytes */
	uint32_t max_pdus;      /* login PDUs the peer may send in all, 6 and up (RFC 7143 6.2: at least six exchanges) */
	uint32_t text_max;      /* bytes of text the peer may send in all, 8192 and up (RFC 7143 6.1) */
	uint32_t send_max;      /* data segment of a PDU sent: 8192, the default MaxRecvDataSegmentLength; less in tests */
};

/* 2050, 4096, 1024, 64, 65536, 8192. */
void iscsip__login_limits_init(struct iscsip__login_limits *limits);

/* Named leniencies. */
enum iscsip__login_flag {
	LOGIN_ALLOW_UNANSWERED = 1u << 0, /* initiator: keys that the target left without an answer keep their defaults */
	LOGIN_SKIP_NULS = 1u << 1,        /* NULs between pairs are skipped (see ISCSIP_TEXT_SKIP_NULS) */
	LOGIN_ANY_NAME = 1u << 2,         /* iscsip_name_normalize_any() is enough for names */
	LOGIN_SECURITY_FIRST = 1u << 3    /* initiator: begin in the security stage even where the offer has None alone */
};

/* What both roles are made with. All of it is needed until iscsip__login_close(). */
struct iscsip__login_setup {
	const struct iscsip__login_limits *limits;
	const struct iscsip_offer *offer; /* checked by iscsip_offer_check() */
	unsigned flags;                   /* iscsip__login_flag bits */
	const char *alias;                /* InitiatorAlias or TargetAlias, or NULL */
	void *user;                       /* given back to the two calls below */
	void (*random)(void *user, uint8_t *dst, size_t len);
	/*
	 * A key of a mechanism (KRB5, SRP, extension) came in: text as it stands on the wire, long values in pieces
	 * (off: bytes that came before; last: the value ends). Key and piece are valid during the call; the key is ended by
	 * a NUL. Return ISCSIP_OK, or anything else to fail the login. NULL where the offer has no such method.
	 */
	int (*auth_value)(void *user, const char *key, const char *piece, size_t len, size_t off, bool last);
};

/* What an initiator adds. */
struct iscsip__login_initiator {
	const char *initiator_name; /* a valid name */
	const char *target_name;    /* a valid name; NULL in a discovery session that names none */
	uint8_t session_type;       /* iscsip_session_type */
	uint8_t isid[6];
	uint16_t tsih;              /* 0: a new session */
	uint16_t cid;
	uint32_t itt;
	uint32_t cmdsn;
	const struct iscsip_params *session; /* parameters in force where tsih is not 0; needed during the call alone */
};

/* Bytes of memory that a login needs. */
size_t iscsip__login_size(const struct iscsip__login_limits *limits);

/*
 * Makes a login in mem, aligned to 8. ISCSIP_OK; ISCSIP_ENOSPC: len too small; ISCSIP_EINVAL: a limit or name out of range, or
 * an offer whose methods are not built in. An initiator begins with LOGIN_TX, a target with LOGIN_RX.
 */
int iscsip__login_open_initiator(struct iscsip__login **out, void *mem, size_t len, const struct iscsip__login_setup *setup,
				 const struct iscsip__login_initiator *who);
int iscsip__login_open_target(struct iscsip__login **out, void *mem, size_t len, const struct iscsip__login_setup *setup);

/* Wipes the block where anybody has authenticated. The login is gone; the block is the host's again. */
void iscsip__login_close(struct iscsip__login *l);

enum iscsip__login_want iscsip__login_want(const struct iscsip__login *l);

/*
 * Takes the header of a login PDU in state LOGIN_RX. The data segment follows, if the header announces one. Any fault is
 * the login's own business (it turns to a refusal or to LOGIN_FAILED after rx_end); the answer is ISCSIP_OK, or
 * ISCSIP_ESTATE in another state.
 */
int iscsip__login_rx(struct iscsip__login *l, const struct iscsip_pdu *pdu);
int iscsip__login_rx_text(struct iscsip__login *l, const void *data, size_t len);
int iscsip__login_rx_end(struct iscsip__login *l);

/* A PDU of another kind came: the target refuses with 0x020b, the initiator fails. In any state but DONE and FAILED. */
void iscsip__login_rx_other(struct iscsip__login *l);

/* A login PDU came that may not be: nothing asked for it (two outstanding, RFC 7143 6.3), or its header is illegal. The login
   fails; a target refuses with 0x0200. A connection may also leave an early one unread until the state is LOGIN_RX. */
void iscsip__login_rx_early(struct iscsip__login *l);

/* Target: the tag that a refusal names where the PDU that is refused is the first of all; without it 0. */
void iscsip__login_rx_tag(struct iscsip__login *l, uint32_t itt);

/* In state LOGIN_TX: fills the header of the PDU to send, data_len included. May be repeated; the answer is the same. */
int iscsip__login_tx(struct iscsip__login *l, struct iscsip_pdu *pdu);

/* Its data segment, without padding; valid until iscsip__login_tx_done(). NULL and 0 where it has none. */
const void *iscsip__login_tx_text(const struct iscsip__login *l, size_t *len);

/* That PDU is on its way, and its memory is no longer read. */
void iscsip__login_tx_done(struct iscsip__login *l);

/* What is known; valid as long as the login. */
const struct iscsip_login_info *iscsip__login_info(const struct iscsip__login *l);

/* The parameters: final in LOGIN_ASK_SESSION and LOGIN_DONE. */
const struct iscsip_params *iscsip__login_params(const struct iscsip__login *l);

/* Why it failed: an iscsip_err (ISCSIP_ELOGIN for a refusal received or decided by the host, ISCSIP_EAUTH, ISCSIP_EPROTO,
   ISCSIP_EHOST), 0 before. */
int iscsip__login_error(const struct iscsip__login *l);

/* The same in a few words, for a log: a constant string; "" before. */
const char *iscsip__login_reason(const struct iscsip__login *l);

/* Target: the host's decision on who came. */
struct iscsip__login_access {
	uint16_t portal_group_tag;
	const struct iscsip_offer *offer;    /* this target's, instead of the setup's; NULL: unchanged. Needed until close */
	const char *alias;                   /* this target's, instead of the setup's; NULL: unchanged. Needed until close */
	const struct iscsip_params *session; /* TSIH not 0: the session's parameters in force; needed during the call */
	uint32_t portal;                     /* for the info alone */
};

/* Answers. ISCSIP_OK, ISCSIP_ESTATE where that was not asked, ISCSIP_EINVAL for an answer that is none (then the question
   stands). The login goes on within the call. */
int iscsip__login_access(struct iscsip__login *l, const struct iscsip__login_access *access);
int iscsip__login_secret(struct iscsip__login *l, const struct iscsip_chap_answer *answer);
int iscsip__login_auth(struct iscsip__login *l, const struct iscsip_auth_answer *answer);
int iscsip__login_session(struct iscsip__login *l, uint16_t tsih);

/*
 * Ends a login from the host's side, in any state but DONE and FAILED. Target: status is an iscsip_login_status other than
 * OK; with 0x0101 and 0x0102, address is where to (a tag is left out, RFC 7143 13.8), else NULL; the refusal is sent before
 * LOGIN_FAILED, at once where the login asks the host something, else in answer to the next request. Initiator: LOGIN_FAILED
 * at once. ISCSIP_EINVAL: no such status, or a redirection without a valid address. ISCSIP_ESTATE: it is over, or its final
 * response is on its way.
 */
int iscsip__login_refuse(struct iscsip__login *l, uint16_t status, const char *address);

/* The question of LOGIN_ASK_SECRET. */
const struct iscsip_chap_ask *iscsip__login_chap_ask(const struct iscsip__login *l);

/* ------------------------------------------------------------------------------------- negotiation */

/*
 * One negotiation: keys in, answers out, results into params. What the peer proposes is held until its text is
 * complete and answered then, in the order of the table: the answers to some keys depend on others, and a target's
 * host decides by the names in the same text. What the peer answers or declares takes effect in params at once; who
 * needs a negotiation to be atomic (RFC 7143 6.2) gives a copy and takes it over when all ended well.
 *
 * Full feature phase: iscsip__nego_init() and iscsip__nego_enter(NEGO_FULL) for each Text negotiation; feed each
 * pair; keys that the roles handle (SendTargets, TargetName, TargetAddress, aliases) come back as NEGO_KEY_OF_OWNER.
 */
enum iscsip__nego_stage { NEGO_SECURITY = 0, NEGO_OPERATIONAL = 1, NEGO_FULL = 3 };

struct iscsip__nego {
	const struct iscsip_offer *offer;
	struct iscsip_params *params;
	uint64_t seen;      /* keys that the peer has sent: once only (RFC 7143 6.3) */
	uint64_t sent;      /* keys that this side has proposed or declared */
	uint64_t open;      /* proposals of this side that wait for an answer */
	uint64_t waiting;   /* proposals of the peer that wait for the end of its text */
	uint64_t malformed; /* those of them whose value is none: they will be answered with Reject */
	uint64_t settled;   /* keys on which both sides agree, in whatever way */
	uint64_t refused;   /* those of them that ended with Reject, Irrelevant or NotUnderstood: the default stays */
	uint32_t held[ISCSIP__KEY_COUNT]; /* numbers, truth values; of lists up to eight items of four bits, the first
	                                     lowest, each its number + 1; of an answered list the chosen item */
	const char *why;    /* what was wrong, after NEGO_BROKEN: a constant string */
	uint8_t stage;      /* iscsip__nego_stage */
	bool target;        /* this side is the target */
	bool leading;       /* leading connection of its session; true after init */
	bool discovery;     /* SessionType=Discovery; false after init */
};

enum iscsip__nego_result {
	NEGO_OK = 0,           /* taken */
	NEGO_KEY_OF_OWNER = 1, /* a key of kind TEXT, METHOD or COMMAND, legal here, or a piece of one: the owner's business */
	NEGO_BROKEN = -1       /* a protocol error: the negotiation is over */
};

void iscsip__nego_init(struct iscsip__nego *n, bool target, const struct iscsip_offer *offer, struct iscsip_params *params);
void iscsip__nego_enter(struct iscsip__nego *n, enum iscsip__nego_stage stage);

/*
 * One pair from the peer, or a piece of one. An unknown key is answered with NotUnderstood in out. AuthMethod and CHAP_A are
 * held like any list, but answered by their owner (iscsip__nego_choose). key: where its number goes; ISCSIP__KEY_COUNT
 * for an unknown one.
 */
int iscsip__nego_pair(struct iscsip__nego *n, const struct iscsip_text_pair *pair, struct iscsip__out *out, enum iscsip__key *key);

/*
 * The peer's text is complete (C bit 0): writes the answers. In the operational stage a target also declares its own keys
 * and, where leaving says that the initiator wants to end the stage, proposes keys that the initiator left out and whose defaults
 * its offer does not accept. NEGO_OK or NEGO_BROKEN.
 */
int iscsip__nego_text_end(struct iscsip__nego *n, bool leaving, struct iscsip__out *out);

/* The first item of a held list that stands in prefs, or -1. Takes the list from the waiting ones. */
int iscsip__nego_choose(struct iscsip__nego *n, enum iscsip__key key, const struct iscsip_prefs *prefs);

/* The first item of prefs that stands in a held list, or -1. Takes the list from the waiting ones. */
int iscsip__nego_choose_own(struct iscsip__nego *n, enum iscsip__key key, const struct iscsip_prefs *prefs);

/* Initiator: proposes and declares what its offer has, once, at the begin of the operational stage. */
void iscsip__nego_propose_all(struct iscsip__nego *n, struct iscsip__out *out);

/* Proposes or declares one key with the offer's value (full feature phase: MaxRecvDataSegmentLength). */
void iscsip__nego_propose(struct iscsip__nego *n, enum iscsip__key key, struct iscsip__out *out);

/* Proposals of this side that the peer has to answer before the stage may end. */
uint64_t iscsip__nego_unanswered(const struct iscsip__nego *n);

/* Whether a target would have to propose a key before full feature phase. */
bool iscsip__nego_needs_stage(const struct iscsip__nego *n);

/* The rules between keys (RFC 7143 13.14, 13.19, 13.21; RFC 7145 6.1, 6.2), when all is negotiated. NEGO_OK or NEGO_BROKEN. */
int iscsip__nego_finish(struct iscsip__nego *n);

/* The bit of a key. */
static inline uint64_t iscsip__key_bit(enum iscsip__key key)
{
	return (uint64_t)1 << key;
}

#endif
