/* SPDX-License-Identifier: MIT */
/*
 * The wire codec on any bytes. Input: one byte of configuration, then a stream of PDUs.
 *
 *	bit 0 header digests, bit 1 data digests, bit 2 received by a target, bits 3-4 the phase (3 counts as 0)
 *
 * What must hold for each header: it decodes; what it encodes to has no reserved bit, decodes to the same and encodes to the
 * same again; the check answers without touching `why` where all is well and with a rule that has words where not; a header
 * that passed is safe to act on (no range wraps, no data where a role would not look for it); its line has the length that
 * was said, whatever the room. Additional headers never lead outside their bytes.
 */
#include <stdlib.h>
#include <string.h>

#include <iscsiproto/iscsiproto.h>
#include <iscsiproto/pdu.h>

#include "pdu_mutator.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

static struct pdu_layout layout_of(const uint8_t *data, size_t size)
{
	struct pdu_layout layout = { .begin = 1 };

	if (size == 0)
		return layout;
	layout.header_digest = data[0] & 1;
	layout.data_digest = data[0] & 2;
	layout.sender = data[0] & 4 ? PDU_OF_INITIATOR : PDU_OF_TARGET;
	return layout;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	struct pdu_layout layout = layout_of(data, size);

	return pdu_mutate_stream(data, size, max_size, seed, &layout);
}

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void codec_is_stable(const struct iscsip_pdu *pdu, bool known)
{
	uint8_t bytes[ISCSIP_BHS_LEN], again[ISCSIP_BHS_LEN];
	struct iscsip_error why;
	struct iscsip_pdu same;

	must((iscsip_pdu_encode(bytes, pdu) == ISCSIP_OK) == known);
	if (!known)
		return;
	must(iscsip_pdu_check_reserved(bytes, &why) == ISCSIP_OK);
	must(iscsip_pdu_decode(&same, bytes) == ISCSIP_OK);
	must(memcmp(&same, pdu, sizeof same) == 0);
	must(iscsip_pdu_encode(again, &same) == ISCSIP_OK);
	must(memcmp(again, bytes, sizeof bytes) == 0);
}

static void line_is_bounded(const struct iscsip_pdu *pdu)
{
	char line[513], part[64];
	int len = iscsip_pdu_format(pdu, line, sizeof line);

	must(len > 0 && (size_t)len == strlen(line) && len < 512);
	must(iscsip_pdu_format(pdu, part, sizeof part) == len);
	must(strlen(part) == ((size_t)len < sizeof part ? (size_t)len : sizeof part - 1));
	must(memcmp(part, line, strlen(part)) == 0);
}

static uint64_t end_of(uint32_t offset, uint32_t len)
{
	return (uint64_t)offset + len;
}

/* What a role takes for granted of a header that passed. */
static void legal_header_is_safe(const struct iscsip_pdu *pdu)
{
	const uint64_t whole = (uint64_t)1 << 32;

	if (pdu->opcode != ISCSIP_OP_SCSI_COMMAND)
		must(pdu->ahs_words == 0);
	switch (pdu->opcode) {
	case ISCSIP_OP_SCSI_COMMAND:
		must(pdu->itt != ISCSIP_TAG_NONE && pdu->scsi_command.attr <= 4);
		must(pdu->data_len == 0 || (pdu->scsi_command.write && pdu->data_len <= pdu->scsi_command.edtl));
		must(pdu->final || (pdu->scsi_command.write && pdu->data_len < pdu->scsi_command.edtl));
		break;
	case ISCSIP_OP_DATA_OUT:
		must(end_of(pdu->data_out.buffer_offset, pdu->data_len) <= whole);
		break;
	case ISCSIP_OP_DATA_IN:
		must(end_of(pdu->data_in.buffer_offset, pdu->data_len) <= whole);
		must(!pdu->data_in.has_status || pdu->final);
		break;
	case ISCSIP_OP_R2T:
		must(pdu->r2t.desired_len > 0 && pdu->data_len == 0);
		must(end_of(pdu->r2t.buffer_offset, pdu->r2t.desired_len) <= whole);
		break;
	case ISCSIP_OP_REJECT:
		must(pdu->data_len >= ISCSIP_BHS_LEN);
		break;
	case ISCSIP_OP_LOGIN_REQUEST:
		must(pdu->login_request.csg < 2);
		must(!pdu->login_request.transit || pdu->login_request.nsg > pdu->login_request.csg);
		break;
	default:
		break;
	}
}

static bool header_holds(const struct iscsip_pdu *pdu, const uint8_t *bhs, unsigned config)
{
	enum iscsip_role receiver = config & 4 ? ISCSIP_TARGET : ISCSIP_INITIATOR;
	enum iscsip_phase phase = (enum iscsip_phase)((config >> 3 & 3) % 3);
	struct iscsip_error why;
	int err;

	memset(&why, 0xa5, sizeof why);
	err = iscsip_pdu_check(pdu, bhs, receiver, phase, &why);
	if (err == ISCSIP_OK) {
		must(why.rule == 0xa5a5);
		legal_header_is_safe(pdu);
		return true;
	}
	must(err == ISCSIP_EPROTO && why.code == err && why.opcode == pdu->opcode && why.arg < ISCSIP_BHS_LEN);
	must(strncmp(iscsip_rule_text(why.rule), "unknown", 7) != 0 && why.rule != ISCSIP_RULE_NONE);
	must((why.reject_reason != 0) == (receiver == ISCSIP_TARGET && phase != ISCSIP_PHASE_LOGIN));
	return false;
}

static void walk_ahs(const uint8_t *p, uint32_t len)
{
	struct iscsip_ahs_walk walk;
	struct iscsip_ahs ahs;
	uint32_t end = ISCSIP_BHS_LEN;

	iscsip_ahs_begin(&walk, p, len);
	while (iscsip_ahs_next(&walk, &ahs) == 1) {
		must(ahs.offset == end);
		must(ahs.data == p + (ahs.offset - ISCSIP_BHS_LEN) + 3);
		end = ahs.offset + iscsip_pad4(3u + ahs.len);
		must(end <= ISCSIP_BHS_LEN + len);
	}
}

static void ahs_holds(const struct iscsip_pdu *pdu, const uint8_t *p, bool legal)
{
	uint32_t len = 4u * (uint32_t)pdu->ahs_words;
	struct iscsip_ahs_fields f;
	struct iscsip_error why;

	walk_ahs(p, len);
	if (!legal || pdu->opcode != ISCSIP_OP_SCSI_COMMAND || iscsip_ahs_read(&f, pdu, p, &why) != ISCSIP_OK)
		return;
	must(f.has_bidi_read == (pdu->scsi_command.read && pdu->scsi_command.write));
	if (!f.cdb)
		return;
	must(f.cdb_len >= 1 && f.cdb_len <= ISCSIP_CDB_MAX - 16);
	must(f.cdb >= p + 4 && f.cdb + f.cdb_len <= p + len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t at = 1;

	while (at < size && size - at >= ISCSIP_BHS_LEN) {
		const uint8_t *bhs = data + at;
		size_t left = size - at;
		struct iscsip_pdu_lengths len;
		struct iscsip_pdu pdu;
		bool known = iscsip_pdu_decode(&pdu, bhs) == ISCSIP_OK, legal;

		codec_is_stable(&pdu, known);
		line_is_bounded(&pdu);
		legal = header_holds(&pdu, bhs, data[0]);
		must(known || !legal);
		len = iscsip_pdu_measure(&pdu, data[0] & 1, data[0] & 2);
		if (ISCSIP_BHS_LEN + len.ahs <= left)
			ahs_holds(&pdu, bhs + ISCSIP_BHS_LEN, legal);
		must(len.total >= ISCSIP_BHS_LEN && len.total % 4 == 0);
		must(len.total == pdu_size(bhs, left, &(struct pdu_layout){ 1, data[0] & 1, data[0] & 2, PDU_OF_ANYONE }));
		if (len.total > left)
			break;
		at += len.total;
	}
	return 0;
}
