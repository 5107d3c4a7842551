/* SPDX-License-Identifier: MIT */
/*
 * Whether a header is legal, judged by itself. Two steps: the row of the opcode (pdu_rules.def: who sends it, in which
 * phase, with what segments) and then what its fields must not say together. The first rule broken is told; a rule is a
 * number, and its class, Reject reason and byte come from pdu_breaches.def.
 *
 * What is refused is what RFC 7143 says MUST NOT be, in a field whose value would otherwise be acted on. What it says a
 * receiver ignores is not looked at here: reserved bits, and F where its figure has a fixed 1 (several initiators
 * of old send 0 there, and nothing depends on it); reserved.c does, for test rigs. Four values that a strict
 * reading would refuse stand for the same reason:
 *
 * - a response code 0x02 to 0x7f of a SCSI Response: 11.4.3 maps "all other values" to a failure, so it is one;
 * - the transfer tag of a Text Response with F: 11.10.4 has the initiator ignore it;
 * - a referenced task tag with a function that has none (11.5.4): nobody reads it;
 * - task management functions and Async events that are unassigned: each has an answer of its own (11.6.1; none).
 */
#include "wire/wire.h"

/* A row of pdu_rules.def as bits. */
#define ROW_KNOWN 0x0001u
#define ROW_INITIATOR 0x0002u /* sender */
#define ROW_TARGET 0x0004u
#define ROW_LOGIN 0x0008u     /* phases; ROW_LOGIN << phase */
#define ROW_FULL 0x0010u
#define ROW_ALL 0x0030u
#define ROW_NEEDED 0x0040u
#define ROW_FREE 0u
#define ROW_BARE 0x0080u
#define ROW_DATA 0u
#define ROW_NONE 0x0100u
#define ROW_AHS 0u
#define ROW_NUMBERS 12        /* enum iscsip_carries from this bit on */
#define ROW_COMMAND ((ISCSIP_CARRIES_CMDSN | ISCSIP_CARRIES_EXPSTATSN) << ROW_NUMBERS)
#define ROW_ACK (ISCSIP_CARRIES_EXPSTATSN << ROW_NUMBERS)
#define ROW_PEEK (ISCSIP_CARRIES_STATSN << ROW_NUMBERS)
#define ROW_STATUS ((ISCSIP_CARRIES_STATSN | ISCSIP_USES_STATSN) << ROW_NUMBERS)

static const uint16_t ROWS[64] = {
#define ROW(op, sender, phases, tag, data, ahs, numbers) \
	[ISCSIP_OP_##op] = ROW_KNOWN | ROW_##sender | ROW_##phases | ROW_##tag | ROW_##data | ROW_##ahs | ROW_##numbers,
#include "wire/pdu_rules.def"
};

/* A row of pdu_breaches.def. */
struct breach {
	uint8_t reason;
	uint8_t byte;
	bool format;
};

#define CLASS_FORMAT true
#define CLASS_PROTOCOL false
static const struct breach BREACHES[] = {
#define BREACH(rule, class, reason, byte, text) \
	[ISCSIP_RULE_##rule] = { ISCSIP_REJECT_##reason, byte, CLASS_##class },
#include "wire/pdu_breaches.def"
};
#define BREACH_COUNT (sizeof BREACHES / sizeof *BREACHES)

#define STATUS_CHECK_CONDITION 0x02u
#define SENSE_MIN 2u /* SenseLength itself (RFC 7143 11.4.7) */

static bool past_end(uint32_t offset, uint32_t len)
{
	return len > 0 && offset > UINT32_MAX - (len - 1);
}

static uint16_t command_breach(const struct iscsip_pdu *pdu)
{
	const struct iscsip_scsi_command *c = &pdu->scsi_command;

	if (!c->write && !pdu->final)
		return ISCSIP_RULE_CMD_FLAGS;
	if (!c->read && !c->write && c->edtl > 0)
		return ISCSIP_RULE_CMD_DIRECTION;
	if (c->attr > 4)
		return ISCSIP_RULE_CMD_ATTR;
	if (c->read && c->write && pdu->ahs_words == 0)
		return ISCSIP_RULE_CMD_BIDI;
	if (!c->write)
		return pdu->data_len > 0 ? ISCSIP_RULE_CMD_DATA : ISCSIP_RULE_NONE;
	if (pdu->data_len > c->edtl)
		return ISCSIP_RULE_CMD_DATA_LEN;
	/* also where nothing is to be sent at all: whoever waits for what F promises would wait for ever */
	if (pdu->data_len == c->edtl && !pdu->final)
		return ISCSIP_RULE_CMD_FINAL;
	return ISCSIP_RULE_NONE;
}

static uint16_t task_request_breach(const struct iscsip_pdu *pdu)
{
	const uint8_t reassign = 8;

	return pdu->task_request.function == reassign && !pdu->immediate ? ISCSIP_RULE_TASK_REASSIGN : ISCSIP_RULE_NONE;
}

static uint16_t login_breach(bool transit, bool cont, uint8_t csg, uint8_t nsg)
{
	if (csg > ISCSIP_STAGE_OPERATIONAL)
		return ISCSIP_RULE_LOGIN_STAGE;
	if (!transit)
		return ISCSIP_RULE_NONE; /* nsg is reserved then (11.12.3) */
	if (cont)
		return ISCSIP_RULE_LOGIN_CONTINUE;
	if (nsg == 2)
		return ISCSIP_RULE_LOGIN_STAGE;
	return nsg <= csg ? ISCSIP_RULE_LOGIN_NEXT : ISCSIP_RULE_NONE;
}

static uint16_t login_response_breach(const struct iscsip_pdu *pdu)
{
	const struct iscsip_login_response *r = &pdu->login_response;

	/* a refusal is a refusal, whatever its flags say: it says why, and the connection ends anyway */
	if (r->status_class != 0)
		return ISCSIP_RULE_NONE;
	return login_breach(r->transit, r->cont, r->csg, r->nsg);
}

static uint16_t logout_breach(const struct iscsip_pdu *pdu, enum iscsip_phase phase)
{
	if (pdu->logout_request.reason > ISCSIP_LOGOUT_RECOVERY)
		return ISCSIP_RULE_LOGOUT_REASON;
	if (phase == ISCSIP_PHASE_DISCOVERY && pdu->logout_request.reason != ISCSIP_LOGOUT_SESSION)
		return ISCSIP_RULE_LOGOUT_DISCOVERY;
	return ISCSIP_RULE_NONE;
}

static uint16_t snack_breach(const struct iscsip_pdu *pdu)
{
	const struct iscsip_snack *s = &pdu->snack;
	bool no_task = s->snack_type == ISCSIP_SNACK_STATUS || s->snack_type == ISCSIP_SNACK_DATA_ACK;

	if (s->snack_type > ISCSIP_SNACK_R_DATA)
		return ISCSIP_RULE_SNACK_TYPE;
	if ((pdu->itt == ISCSIP_TAG_NONE) != no_task)
		return ISCSIP_RULE_SNACK_ITT;
	if (s->snack_type == ISCSIP_SNACK_DATA_ACK)
		return s->runlen != 0 ? ISCSIP_RULE_SNACK_ACK : ISCSIP_RULE_NONE;
	if (s->snack_type != ISCSIP_SNACK_R_DATA)
		return s->ttt != ISCSIP_TAG_NONE ? ISCSIP_RULE_SNACK_TTT : ISCSIP_RULE_NONE;
	if (s->ttt == 0 || s->ttt == ISCSIP_TAG_NONE)
		return ISCSIP_RULE_SNACK_TTT;
	return s->begrun != 0 || s->runlen != 0 ? ISCSIP_RULE_SNACK_RUN : ISCSIP_RULE_NONE;
}

static uint16_t nop_in_breach(const struct iscsip_pdu *pdu)
{
	if (pdu->itt != ISCSIP_TAG_NONE)
		return pdu->nop_in.ttt != ISCSIP_TAG_NONE ? ISCSIP_RULE_NOP_IN_TAGS : ISCSIP_RULE_NONE;
	return pdu->data_len > 0 ? ISCSIP_RULE_NOP_IN_DATA : ISCSIP_RULE_NONE;
}

static uint16_t scsi_response_breach(const struct iscsip_pdu *pdu)
{
	const struct iscsip_scsi_response *r = &pdu->scsi_response;

	/* flags and status of a failure are undefined and ignored (11.4.3) */
	if (r->response != ISCSIP_RESPONSE_COMPLETED)
		return ISCSIP_RULE_NONE;
	if (r->overflow && r->underflow)
		return ISCSIP_RULE_RESIDUAL;
	if (r->bidi_overflow && r->bidi_underflow)
		return ISCSIP_RULE_BIDI_RESIDUAL;
	if (r->status == STATUS_CHECK_CONDITION && pdu->data_len < SENSE_MIN)
		return ISCSIP_RULE_SENSE;
	return ISCSIP_RULE_NONE;
}

static uint16_t data_in_breach(const struct iscsip_pdu *pdu)
{
	const struct iscsip_data_in *d = &pdu->data_in;

	if (past_end(d->buffer_offset, pdu->data_len))
		return ISCSIP_RULE_RANGE;
	if (!d->has_status)
		return ISCSIP_RULE_NONE; /* O, U and status count only with S */
	if (!pdu->final)
		return ISCSIP_RULE_DATA_IN_FINAL;
	if (d->overflow && d->underflow)
		return ISCSIP_RULE_RESIDUAL;
	/* GOOD 00, CONDITION MET 04, INTERMEDIATE 10, INTERMEDIATE-CONDITION MET 14 */
	if ((d->status & ~0x14u) != 0)
		return ISCSIP_RULE_DATA_IN_STATUS;
	return ISCSIP_RULE_NONE;
}

static uint16_t r2t_breach(const struct iscsip_pdu *pdu)
{
	if (pdu->r2t.ttt == ISCSIP_TAG_NONE)
		return ISCSIP_RULE_R2T_TTT;
	if (pdu->r2t.desired_len == 0)
		return ISCSIP_RULE_R2T_LEN;
	return past_end(pdu->r2t.buffer_offset, pdu->r2t.desired_len) ? ISCSIP_RULE_RANGE : ISCSIP_RULE_NONE;
}

static uint16_t request_breach(const struct iscsip_pdu *pdu, enum iscsip_phase phase)
{
	switch (pdu->opcode) {
	case ISCSIP_OP_SCSI_COMMAND:
		return command_breach(pdu);
	case ISCSIP_OP_DATA_OUT:
		return past_end(pdu->data_out.buffer_offset, pdu->data_len) ? ISCSIP_RULE_RANGE : ISCSIP_RULE_NONE;
	case ISCSIP_OP_NOP_OUT:
		return pdu->itt == ISCSIP_TAG_NONE && !pdu->immediate ? ISCSIP_RULE_NOP_OUT_IMMEDIATE : ISCSIP_RULE_NONE;
	case ISCSIP_OP_TASK_REQUEST:
		return task_request_breach(pdu);
	case ISCSIP_OP_LOGIN_REQUEST:
		return login_breach(pdu->login_request.transit, pdu->login_request.cont, pdu->login_request.csg,
				    pdu->login_request.nsg);
	case ISCSIP_OP_TEXT_REQUEST:
		return pdu->final && pdu->text_request.cont ? ISCSIP_RULE_TEXT_CONTINUE : ISCSIP_RULE_NONE;
	case ISCSIP_OP_LOGOUT_REQUEST:
		return logout_breach(pdu, phase);
	case ISCSIP_OP_SNACK:
		return snack_breach(pdu);
	default:
		return ISCSIP_RULE_NONE;
	}
}

static uint16_t response_breach(const struct iscsip_pdu *pdu)
{
	switch (pdu->opcode) {
	case ISCSIP_OP_SCSI_RESPONSE:
		return scsi_response_breach(pdu);
	case ISCSIP_OP_DATA_IN:
		return data_in_breach(pdu);
	case ISCSIP_OP_R2T:
		return r2t_breach(pdu);
	case ISCSIP_OP_NOP_IN:
		return nop_in_breach(pdu);
	case ISCSIP_OP_LOGIN_RESPONSE:
		return login_response_breach(pdu);
	case ISCSIP_OP_TEXT_RESPONSE:
		if (pdu->final)
			return pdu->text_response.cont ? ISCSIP_RULE_TEXT_CONTINUE : ISCSIP_RULE_NONE;
		return pdu->text_response.ttt == ISCSIP_TAG_NONE ? ISCSIP_RULE_TEXT_TTT : ISCSIP_RULE_NONE;
	case ISCSIP_OP_ASYNC:
		return pdu->async.event == ISCSIP_ASYNC_SCSI && pdu->data_len < SENSE_MIN ? ISCSIP_RULE_ASYNC_DATA :
											   ISCSIP_RULE_NONE;
	case ISCSIP_OP_REJECT:
		return pdu->data_len < ISCSIP_BHS_LEN ? ISCSIP_RULE_REJECT_DATA : ISCSIP_RULE_NONE;
	default:
		return ISCSIP_RULE_NONE;
	}
}

static uint16_t row_breach(const struct iscsip_pdu *pdu, unsigned row, unsigned sender, enum iscsip_phase phase)
{
	unsigned here = ROW_KNOWN | sender | ROW_LOGIN << (unsigned)phase;

	if ((row & here) != here)
		return !(row & ROW_KNOWN) ? ISCSIP_RULE_OPCODE : !(row & sender) ? ISCSIP_RULE_SENDER : ISCSIP_RULE_PHASE;
	if (row & ROW_NONE && pdu->ahs_words > 0)
		return ISCSIP_RULE_AHS;
	if (row & ROW_BARE && pdu->data_len > 0)
		return ISCSIP_RULE_DATA;
	if (row & ROW_NEEDED && pdu->itt == ISCSIP_TAG_NONE)
		return ISCSIP_RULE_ITT;
	return ISCSIP_RULE_NONE;
}

void iscsip__wire_tell(struct iscsip_error *why, const struct iscsip_pdu *pdu, uint16_t rule, uint32_t arg, bool reject)
{
	why->code = ISCSIP_EPROTO;
	why->opcode = pdu->opcode;
	why->rule = rule;
	why->arg = arg;
	why->reject_reason = reject ? BREACHES[rule].reason : 0;
}

int iscsip_pdu_check(const struct iscsip_pdu *pdu, const uint8_t bhs[ISCSIP_BHS_LEN], enum iscsip_role receiver,
		     enum iscsip_phase phase, struct iscsip_error *why)
{
	bool target = receiver == ISCSIP_TARGET;
	uint16_t rule = row_breach(pdu, ROWS[pdu->opcode & 0x3f], target ? ROW_INITIATOR : ROW_TARGET, phase);

	(void)bhs;
	if (rule == ISCSIP_RULE_NONE)
		rule = target ? request_breach(pdu, phase) : response_breach(pdu);
	if (rule == ISCSIP_RULE_NONE)
		return ISCSIP_OK;
	iscsip__wire_tell(why, pdu, rule, BREACHES[rule].byte, target && phase != ISCSIP_PHASE_LOGIN);
	return ISCSIP_EPROTO;
}

bool iscsip_rule_is_format_error(uint16_t rule)
{
	return rule < BREACH_COUNT && BREACHES[rule].format;
}

unsigned iscsip_pdu_carries(uint8_t opcode)
{
	return opcode < 64 ? ROWS[opcode] >> ROW_NUMBERS : 0u;
}

bool iscsip_pdu_uses_statsn(const struct iscsip_pdu *pdu)
{
	if (pdu->opcode == ISCSIP_OP_DATA_IN)
		return pdu->data_in.has_status;
	if (pdu->opcode == ISCSIP_OP_NOP_IN)
		return pdu->itt != ISCSIP_TAG_NONE;
	return (iscsip_pdu_carries(pdu->opcode) & ISCSIP_USES_STATSN) != 0;
}
