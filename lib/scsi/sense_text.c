/* SPDX-License-Identifier: MIT */
/*
 * Status, sense and operation codes as words, for people. The tables are the whole of this file; nothing else of
 * the library refers to it, so a target that keeps numbers does not link them.
 */
#include "iscsiproto/scsi.h"

#define SENSE_KEYS(X) \
	X(NO_SENSE, "no sense") \
	X(RECOVERED_ERROR, "recovered error") \
	X(NOT_READY, "not ready") \
	X(MEDIUM_ERROR, "medium error") \
	X(HARDWARE_ERROR, "hardware error") \
	X(ILLEGAL_REQUEST, "illegal request") \
	X(UNIT_ATTENTION, "unit attention") \
	X(DATA_PROTECT, "data protect") \
	X(BLANK_CHECK, "blank check") \
	X(VENDOR_SPECIFIC, "vendor specific") \
	X(COPY_ABORTED, "copy aborted") \
	X(ABORTED_COMMAND, "aborted command") \
	X(VOLUME_OVERFLOW, "volume overflow") \
	X(MISCOMPARE, "miscompare") \
	X(COMPLETED, "completed")

#define SCSI_STATUSES(X) \
	X(GOOD, "GOOD") \
	X(CHECK_CONDITION, "CHECK CONDITION") \
	X(CONDITION_MET, "CONDITION MET") \
	X(BUSY, "BUSY") \
	X(RESERVATION_CONFLICT, "RESERVATION CONFLICT") \
	X(TASK_SET_FULL, "TASK SET FULL") \
	X(ACA_ACTIVE, "ACA ACTIVE") \
	X(TASK_ABORTED, "TASK ABORTED")

#define SENSE_CODES(X) \
	X(NONE, "no additional sense information") \
	X(OPERATION_IN_PROGRESS, "operation in progress") \
	X(NOT_READY, "logical unit not ready, cause not reportable") \
	X(BECOMING_READY, "logical unit is in process of becoming ready") \
	X(INITIALIZING_REQUIRED, "logical unit not ready, initializing command required") \
	X(FORMAT_IN_PROGRESS, "logical unit not ready, format in progress") \
	X(ALUA_TRANSITION, "logical unit not accessible, asymmetric access state transition") \
	X(ALUA_STANDBY, "logical unit not accessible, target port in standby state") \
	X(ALUA_UNAVAILABLE, "logical unit not accessible, target port in unavailable state") \
	X(ALUA_OFFLINE, "logical unit not ready, offline") \
	X(SANITIZE_IN_PROGRESS, "logical unit not ready, sanitize in progress") \
	X(LUN_NOT_RESPONDING, "logical unit does not respond to selection") \
	X(UNREACHABLE_COPY_TARGET, "unreachable copy target") \
	X(THIRD_PARTY_FAILURE, "third party device failure") \
	X(COPY_TARGET_UNREACHABLE, "copy target device not reachable") \
	X(COPY_TARGET_TYPE, "incorrect copy target device type") \
	X(COPY_UNDERRUN, "copy target device data underrun") \
	X(WRITE_ERROR, "write error") \
	X(READ_ERROR, "unrecovered read error") \
	X(PARAMETER_LIST_LENGTH, "parameter list length error") \
	X(MISCOMPARE, "miscompare during verify operation") \
	X(INVALID_OPCODE, "invalid command operation code") \
	X(LBA_OUT_OF_RANGE, "logical block address out of range") \
	X(INVALID_FIELD_IN_CDB, "invalid field in cdb") \
	X(LUN_NOT_SUPPORTED, "logical unit not supported") \
	X(INVALID_FIELD_IN_PARAMETERS, "invalid field in parameter list") \
	X(PARAMETER_NOT_SUPPORTED, "parameter not supported") \
	X(PARAMETER_VALUE, "parameter value invalid") \
	X(INVALID_RELEASE, "invalid release of persistent reservation") \
	X(TOO_MANY_CSCDS, "too many target descriptors") \
	X(CSCD_TYPE, "unsupported target descriptor type code") \
	X(TOO_MANY_SEGMENTS, "too many segment descriptors") \
	X(SEGMENT_TYPE, "unsupported segment descriptor type code") \
	X(INLINE_DATA_LENGTH, "inline data length exceeded") \
	X(COPY_OPERATION, "invalid operation for copy source or destination") \
	X(INVALID_FIELD_IN_UNIT, "invalid field in command information unit") \
	X(WRITE_PROTECTED, "write protected") \
	X(SOFTWARE_WRITE_PROTECTED, "logical unit software write protected") \
	X(SPACE_ALLOCATION_FAILED, "space allocation failed write protect") \
	X(MEDIUM_CHANGED, "not ready to ready change, medium may have changed") \
	X(POWER_ON, "power on, reset, or bus device reset occurred") \
	X(DEVICE_RESET, "bus device reset function occurred") \
	X(NEXUS_LOSS, "I_T nexus loss occurred") \
	X(MODE_PARAMETERS_CHANGED, "mode parameters changed") \
	X(RESERVATIONS_PREEMPTED, "reservations preempted") \
	X(RESERVATIONS_RELEASED, "reservations released") \
	X(REGISTRATIONS_PREEMPTED, "registrations preempted") \
	X(ALUA_STATE_CHANGED, "asymmetric access state changed") \
	X(ALUA_TRANSITION_FAILED, "implicit asymmetric access state transition failed") \
	X(CAPACITY_CHANGED, "capacity data has changed") \
	X(SEQUENCE_ERROR, "command sequence error") \
	X(SET_PORT_GROUPS_FAILED, "set target port groups command failed") \
	X(COMMANDS_CLEARED, "commands cleared by another initiator") \
	X(SANITIZE_FAILED, "sanitize command failed") \
	X(THRESHOLD_REACHED, "thin provisioning soft threshold reached") \
	X(SAVING_NOT_SUPPORTED, "saving parameters not supported") \
	X(MEDIUM_NOT_PRESENT, "medium not present") \
	X(MEDIUM_NOT_PRESENT_LOADABLE, "medium not present, loadable") \
	X(LUN_FAILURE, "logical unit failure") \
	X(INQUIRY_DATA_CHANGED, "inquiry data has changed") \
	X(REPORTED_LUNS_CHANGED, "reported LUNs data has changed") \
	X(INTERNAL_FAILURE, "internal target failure") \
	X(INVALID_MESSAGE, "invalid message error") \
	X(OVERLAPPED_COMMANDS, "overlapped commands attempted") \
	X(REMOVAL_PREVENTED, "medium removal prevented") \
	X(INSUFFICIENT_RESOURCES, "insufficient resources") \
	X(INSUFFICIENT_REGISTRATIONS, "insufficient registration resources")

#define OPCODE_NAMES(X) \
	X(TEST_UNIT_READY, "TEST UNIT READY") \
	X(REQUEST_SENSE, "REQUEST SENSE") \
	X(FORMAT_UNIT, "FORMAT UNIT") \
	X(READ_6, "READ(6)") \
	X(WRITE_6, "WRITE(6)") \
	X(INQUIRY, "INQUIRY") \
	X(MODE_SELECT_6, "MODE SELECT(6)") \
	X(RESERVE_6, "RESERVE(6)") \
	X(RELEASE_6, "RELEASE(6)") \
	X(MODE_SENSE_6, "MODE SENSE(6)") \
	X(START_STOP_UNIT, "START STOP UNIT") \
	X(PREVENT_ALLOW, "PREVENT ALLOW MEDIUM REMOVAL") \
	X(READ_CAPACITY_10, "READ CAPACITY(10)") \
	X(READ_10, "READ(10)") \
	X(WRITE_10, "WRITE(10)") \
	X(WRITE_AND_VERIFY_10, "WRITE AND VERIFY(10)") \
	X(VERIFY_10, "VERIFY(10)") \
	X(PRE_FETCH_10, "PRE-FETCH(10)") \
	X(SYNCHRONIZE_CACHE_10, "SYNCHRONIZE CACHE(10)") \
	X(READ_DEFECT_DATA_10, "READ DEFECT DATA(10)") \
	X(WRITE_BUFFER, "WRITE BUFFER") \
	X(READ_BUFFER, "READ BUFFER") \
	X(WRITE_SAME_10, "WRITE SAME(10)") \
	X(UNMAP, "UNMAP") \
	X(SANITIZE, "SANITIZE") \
	X(LOG_SENSE, "LOG SENSE") \
	X(MODE_SELECT_10, "MODE SELECT(10)") \
	X(RESERVE_10, "RESERVE(10)") \
	X(RELEASE_10, "RELEASE(10)") \
	X(MODE_SENSE_10, "MODE SENSE(10)") \
	X(PERSISTENT_RESERVE_IN, "PERSISTENT RESERVE IN") \
	X(PERSISTENT_RESERVE_OUT, "PERSISTENT RESERVE OUT") \
	X(VARIABLE_LENGTH, "variable length CDB") \
	X(EXTENDED_COPY, "EXTENDED COPY") \
	X(RECEIVE_COPY_RESULTS, "RECEIVE COPY RESULTS") \
	X(READ_16, "READ(16)") \
	X(COMPARE_AND_WRITE, "COMPARE AND WRITE") \
	X(WRITE_16, "WRITE(16)") \
	X(ORWRITE_16, "ORWRITE(16)") \
	X(WRITE_AND_VERIFY_16, "WRITE AND VERIFY(16)") \
	X(VERIFY_16, "VERIFY(16)") \
	X(PRE_FETCH_16, "PRE-FETCH(16)") \
	X(SYNCHRONIZE_CACHE_16, "SYNCHRONIZE CACHE(16)") \
	X(WRITE_SAME_16, "WRITE SAME(16)") \
	X(WRITE_ATOMIC_16, "WRITE ATOMIC(16)") \
	X(SERVICE_ACTION_IN_16, "SERVICE ACTION IN(16)") \
	X(REPORT_LUNS, "REPORT LUNS") \
	X(MAINTENANCE_IN, "MAINTENANCE IN") \
	X(MAINTENANCE_OUT, "MAINTENANCE OUT") \
	X(READ_12, "READ(12)") \
	X(WRITE_12, "WRITE(12)") \
	X(WRITE_AND_VERIFY_12, "WRITE AND VERIFY(12)") \
	X(VERIFY_12, "VERIFY(12)") \
	X(READ_DEFECT_DATA_12, "READ DEFECT DATA(12)")

const char *iscsip_scsi_status_text(uint8_t status)
{
	switch (status) {
#define X(name, words) \
	case ISCSIP_STATUS_##name: \
		return words;
	SCSI_STATUSES(X)
#undef X
	default:
		return "an unknown status";
	}
}

const char *iscsip_sense_key_text(uint8_t key)
{
	switch (key) {
#define X(name, words) \
	case ISCSIP_SENSE_##name: \
		return words;
	SENSE_KEYS(X)
#undef X
	default:
		return "a reserved sense key";
	}
}

const char *iscsip_asc_text(uint16_t asc)
{
	switch (asc) {
#define X(name, words) \
	case ISCSIP_ASC_##name: \
		return words;
	SENSE_CODES(X)
#undef X
	default:
		return NULL;
	}
}

const char *iscsip_opcode_text(uint8_t opcode)
{
	switch (opcode) {
#define X(name, words) \
	case ISCSIP_SCSI_##name: \
		return words;
	OPCODE_NAMES(X)
#undef X
	default:
		return NULL;
	}
}

/* Where text goes: what does not fit is counted and left out. */
struct sense_line {
	char *dst;
	size_t cap;
	size_t len;
};

static void line_char(struct sense_line *s, char c)
{
	if (s->len + 1 < s->cap)
		s->dst[s->len] = c;
	s->len++;
}

static void line_text(struct sense_line *s, const char *text)
{
	while (*text)
		line_char(s, *text++);
}

static void line_hex(struct sense_line *s, uint64_t v, int digits)
{
	int shift = 60;

	while (shift > 4 * (digits - 1) && v >> shift == 0)
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		line_char(s, "0123456789abcdef"[v >> shift & 15]);
}

/* The field pointer of an ILLEGAL REQUEST (SPC-4 4.5.2.4.2): which byte of what, and which bit. */
static void line_field(struct sense_line *l, const struct iscsip_sense *s)
{
	line_text(l, s->sks[0] & ISCSIP_SKS_IN_CDB ? ", cdb byte 0x" : ", parameter byte 0x");
	line_hex(l, (uint64_t)s->sks[1] << 8 | s->sks[2], 1);
	if (s->sks[0] & ISCSIP_SKS_BIT_VALID) {
		line_text(l, " bit ");
		line_hex(l, s->sks[0] & 7, 1);
	}
}

int iscsip_sense_format(const struct iscsip_sense *s, char *dst, size_t cap)
{
	struct sense_line l = { dst, cap, 0 };
	const char *words = iscsip_asc_text(s->asc);

	if (s->deferred)
		line_text(&l, "deferred: ");
	line_text(&l, iscsip_sense_key_text(s->key));
	line_text(&l, ": ");
	if (words) {
		line_text(&l, words);
	} else {
		line_text(&l, "code 0x");
		line_hex(&l, s->asc, 4);
	}
	if (s->info_valid) {
		line_text(&l, ", information 0x");
		line_hex(&l, s->info, 1);
	}
	if (s->csi_valid) {
		line_text(&l, ", command-specific 0x");
		line_hex(&l, s->csi, 1);
	}
	if (s->sks_valid && s->key == ISCSIP_SENSE_ILLEGAL_REQUEST)
		line_field(&l, s);
	if (cap > 0)
		dst[l.len < cap ? l.len : cap - 1] = 0;
	return (int)l.len;
}
