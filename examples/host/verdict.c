/* SPDX-License-Identifier: MIT */
/*
 * Status and sense as verdicts (verdict.h). A unit attention says that the command was not executed because something has
 * to be told first (SAM-5 5.14); a deferred error is about an earlier command, and this one was not executed either
 * (SPC-4 4.5.5). What passes by itself is waited for; what a person has to mend is a failure.
 */
#include "verdict.h"

#include <iscsiproto/base.h>

static const struct {
	uint8_t status;
	enum verdict verdict;
} by_status[] = {
	{ ISCSIP_STATUS_GOOD, VERDICT_DONE },
	{ ISCSIP_STATUS_CONDITION_MET, VERDICT_DONE },
	{ ISCSIP_STATUS_BUSY, VERDICT_LATER },
	{ ISCSIP_STATUS_TASK_SET_FULL, VERDICT_LATER },
	{ ISCSIP_STATUS_ACA_ACTIVE, VERDICT_LATER },
	{ ISCSIP_STATUS_TASK_ABORTED, VERDICT_AGAIN }, /* by another initiator */
};

#define ANY 0xffffu

/* The first line that fits holds. */
static const struct {
	uint8_t key;
	uint16_t asc;
	enum verdict verdict;
} by_sense[] = {
	{ ISCSIP_SENSE_NO_SENSE, ANY, VERDICT_DONE },
	{ ISCSIP_SENSE_RECOVERED_ERROR, ANY, VERDICT_DONE },
	{ ISCSIP_SENSE_COMPLETED, ANY, VERDICT_DONE },
	{ ISCSIP_SENSE_UNIT_ATTENTION, ANY, VERDICT_AGAIN },
	{ ISCSIP_SENSE_ABORTED_COMMAND, ANY, VERDICT_AGAIN },
	/* NOT READY: what ends by itself */
	{ ISCSIP_SENSE_NOT_READY, 0x0400, VERDICT_LATER }, /* cause not reportable */
	{ ISCSIP_SENSE_NOT_READY, 0x0401, VERDICT_LATER }, /* becoming ready */
	{ ISCSIP_SENSE_NOT_READY, 0x0404, VERDICT_LATER }, /* FORMAT in progress */
	{ ISCSIP_SENSE_NOT_READY, 0x0405, VERDICT_LATER }, /* rebuild */
	{ ISCSIP_SENSE_NOT_READY, 0x0406, VERDICT_LATER }, /* recalculation */
	{ ISCSIP_SENSE_NOT_READY, 0x0407, VERDICT_LATER }, /* operation */
	{ ISCSIP_SENSE_NOT_READY, 0x0408, VERDICT_LATER }, /* long write */
	{ ISCSIP_SENSE_NOT_READY, 0x0409, VERDICT_LATER }, /* self-test */
	{ ISCSIP_SENSE_NOT_READY, 0x040a, VERDICT_LATER }, /* asymmetric access state transition */
	{ ISCSIP_SENSE_NOT_READY, 0x0411, VERDICT_LATER }, /* NOTIFY (ENABLE SPINUP) required: the target's part */
	{ ISCSIP_SENSE_NOT_READY, 0x0413, VERDICT_LATER }, /* SA creation */
	{ ISCSIP_SENSE_NOT_READY, 0x0414, VERDICT_LATER }, /* space allocation */
	{ ISCSIP_SENSE_NOT_READY, 0x041a, VERDICT_LATER }, /* START STOP UNIT in progress */
	{ ISCSIP_SENSE_NOT_READY, 0x041b, VERDICT_LATER }, /* SANITIZE in progress */
	{ ISCSIP_SENSE_NOT_READY, 0x0424, VERDICT_LATER }, /* depopulation */
};

static enum verdict of_sense(const struct iscsip_sense *s)
{
	for (unsigned i = 0; i < sizeof by_sense / sizeof *by_sense; i++)
		if (by_sense[i].key == s->key && (by_sense[i].asc == ANY || by_sense[i].asc == s->asc))
			return by_sense[i].verdict;
	return VERDICT_FAILED;
}

static struct answer of_check_condition(const uint8_t *sense, uint16_t sense_len)
{
	struct answer a = { .verdict = VERDICT_FAILED };
	struct iscsip_sense s;

	if (iscsip_sense_decode(sense, sense_len, &s))
		return a;
	a.verdict = of_sense(&s);
	a.attention = s.key == ISCSIP_SENSE_UNIT_ATTENTION;
	a.reset = a.attention && s.asc >> 8 == 0x29;
	a.medium = a.attention && s.asc == 0x2800;
	a.deferred = s.deferred;
	if (s.deferred && a.verdict == VERDICT_DONE)
		a.verdict = VERDICT_AGAIN;
	return a;
}

struct answer verdict_of(uint8_t status, const uint8_t *sense, uint16_t sense_len)
{
	if (status == ISCSIP_STATUS_CHECK_CONDITION)
		return of_check_condition(sense, sense_len);
	for (unsigned i = 0; i < sizeof by_status / sizeof *by_status; i++)
		if (by_status[i].status == status)
			return (struct answer){ .verdict = by_status[i].verdict };
	return (struct answer){ .verdict = VERDICT_FAILED };
}

bool verdict_unknown_command(const struct request *r)
{
	struct iscsip_sense s;

	/* INVALID COMMAND OPERATION CODE; or INVALID FIELD IN CDB, where the operation code is known and its service action is not */
	return r->status == ISCSIP_STATUS_CHECK_CONDITION && iscsip_sense_decode(r->sense, r->sense_len, &s) == ISCSIP_OK &&
	       s.key == ISCSIP_SENSE_ILLEGAL_REQUEST && (s.asc == 0x2000 || s.asc == 0x2400);
}
