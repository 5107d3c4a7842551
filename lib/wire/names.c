/* SPDX-License-Identifier: MIT */
/*
 * Codes as words: the strings of the codec, all of them here and in format.c, expanded from reasons.def, pdu_breaches.def and
 * session_rules.def. No other file of the library refers to this one, so a firmware that prints nothing does not link it.
 * It owns no state; every answer is a constant string and none is NULL.
 */
#include <iscsiproto/pdu.h>
#include <iscsiproto/cmd.h>

const char *iscsip_opcode_name(uint8_t opcode)
{
	switch (opcode) {
#define OPCODE(code, text) \
	case code: \
		return text;
#include "wire/reasons.def"
	case 0x1c:
	case 0x1d:
	case 0x1e:
	case 0x3c:
	case 0x3d:
	case 0x3e:
		return "vendor-specific";
	default:
		return "unknown";
	}
}

const char *iscsip_reject_reason_name(uint8_t reason)
{
	switch (reason) {
#define REJECT_REASON(code, text) \
	case code: \
		return text;
#include "wire/reasons.def"
	default:
		return "unknown";
	}
}

/* Details that a later standard may add keep the meaning of their class (RFC 7143 11.13.5). */
static const char *status_class_name(uint8_t status_class)
{
	switch (status_class) {
	case 0:
		return "success";
	case 1:
		return "redirection";
	case 2:
		return "initiator error";
	case 3:
		return "target error";
	default:
		return "unknown";
	}
}

const char *iscsip_login_status_name(uint8_t status_class, uint8_t status_detail)
{
	switch (status_class << 8 | status_detail) {
#define LOGIN_STATUS(code, text) \
	case code: \
		return text;
#include "wire/reasons.def"
	default:
		return status_class_name(status_class);
	}
}

const char *iscsip_login_stage_name(uint8_t stage)
{
	switch (stage) {
#define STAGE(code, text) \
	case code: \
		return text;
#include "wire/reasons.def"
	default:
		return "reserved";
	}
}

const char *iscsip_async_event_name(uint8_t event)
{
	switch (event) {
#define ASYNC_EVENT(code, text) \
	case code: \
		return text;
#include "wire/reasons.def"
	default:
		return event >= ISCSIP_ASYNC_VENDOR ? "vendor-specific" : "unknown";
	}
}

const char *iscsip_tmf_function_name(uint8_t function)
{
	switch (function) {
#define TMF_FUNCTION(code, text) \
	case code: \
		return text;
#include "wire/reasons.def"
	default:
		return "unknown";
	}
}

const char *iscsip_tmf_response_name(uint8_t response)
{
	switch (response) {
#define TMF_RESPONSE(code, text) \
	case code: \
		return text;
#include "wire/reasons.def"
	default:
		return "unknown";
	}
}

const char *iscsip_logout_reason_name(uint8_t reason)
{
	switch (reason) {
#define LOGOUT_REASON(code, text) \
	case code: \
		return text;
#include "wire/reasons.def"
	default:
		return "reserved";
	}
}

const char *iscsip_logout_response_name(uint8_t response)
{
	switch (response) {
#define LOGOUT_RESPONSE(code, text) \
	case code: \
		return text;
#include "wire/reasons.def"
	default:
		return "unknown";
	}
}

const char *iscsip_snack_type_name(uint8_t type)
{
	switch (type) {
#define SNACK_TYPE(code, text) \
	case code: \
		return text;
#include "wire/reasons.def"
	default:
		return "reserved";
	}
}

const char *iscsip_service_response_name(uint8_t response)
{
	switch (response) {
#define SERVICE_RESPONSE(code, text) \
	case code: \
		return text;
#include "wire/reasons.def"
	default:
		return response >= 0x80 ? "vendor-specific" : "reserved";
	}
}

/* No default: the compiler tells of a rule without words. */
static const char *session_rule_text(enum iscsip_initiator_rule rule)
{
	switch (rule) {
#define SESSION_RULE(id, text) \
	case ISCSIP_RULE_##id: \
		return text;
#include "wire/session_rules.def"
	}
	return "unknown rule";
}

static const char *pdu_rule_text(enum iscsip_pdu_rule rule)
{
	switch (rule) {
#define BREACH(id, class, reason, byte, text) \
	case ISCSIP_RULE_##id: \
		return text;
#include "wire/pdu_breaches.def"
	case ISCSIP_RULE_NONE:
		return "no rule";
	}
	return "unknown rule";
}

const char *iscsip_rule_text(uint16_t rule)
{
	return rule < ISCSIP_RULE_TASK_TAG ? pdu_rule_text((enum iscsip_pdu_rule)rule) :
					     session_rule_text((enum iscsip_initiator_rule)rule);
}
