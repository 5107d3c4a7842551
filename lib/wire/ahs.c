/* SPDX-License-Identifier: MIT */
/*
 * Additional header segments (RFC 7143 11.2.2): a walk over whatever stands there, what those of a SCSI Command mean,
 * and their writer. It owns nothing; the walk is the caller's.
 *
 *	 0       2      3          4
 *	 AHSLength Type  reserved   AHS-specific, padded to whole words
 *	 (bytes from 3 on, without padding)
 *
 * Every length is held against what is left before a byte behind it is read, and each step takes at least one word, so
 * a walk over n bytes ends after n / 4 steps whatever they say.
 */
#include "wire/wire.h"

#include "base/bytes.h"

#define AHS_FIXED 3u      /* AHSLength and AHSType, which AHSLength does not count */
#define AHS_HEAD 4u       /* the same with the reserved byte, which it does */
#define AHS_DATA_MAX (255u * 4u - AHS_HEAD)
#define CDB_IN_BHS 16u

void iscsip_ahs_begin(struct iscsip_ahs_walk *w, const uint8_t *p, uint32_t len)
{
	w->p = p;
	w->len = len;
	w->at = 0;
	w->seen = 0;
}

int iscsip_ahs_next(struct iscsip_ahs_walk *w, struct iscsip_ahs *out)
{
	uint32_t left = w->len - w->at;
	const uint8_t *p;
	uint64_t type_bit;

	if (left == 0)
		return ISCSIP_OK;
	p = w->p + w->at;
	memset(out, 0, sizeof *out);
	out->offset = ISCSIP_BHS_LEN + w->at;
	if (left < AHS_HEAD || iscsip_pad4(AHS_FIXED + load_be16(p)) > left) {
		w->at = w->len;
		return ISCSIP_EPROTO;
	}
	out->len = load_be16(p);
	out->type = p[2] & 0x3f;
	out->data = p + AHS_FIXED;
	type_bit = (uint64_t)1 << out->type;
	out->twice = (w->seen & type_bit) != 0;
	w->seen |= type_bit;
	w->at += iscsip_pad4(AHS_FIXED + out->len);
	return 1;
}

static uint16_t take_cdb(struct iscsip_ahs_fields *f, const struct iscsip_ahs *a)
{
	/* AHSLength is the CDB's length - 15: the reserved byte and at least one more, at most 260 - 15 */
	if (a->len < 2 || a->len > ISCSIP_CDB_MAX - CDB_IN_BHS + 1)
		return ISCSIP_RULE_AHS_CDB;
	f->cdb = a->data + 1;
	f->cdb_len = (uint16_t)(a->len - 1);
	return ISCSIP_RULE_NONE;
}

static uint16_t take_bidi_read(struct iscsip_ahs_fields *f, const struct iscsip_ahs *a)
{
	if (a->len != 5)
		return ISCSIP_RULE_AHS_BIDI;
	f->has_bidi_read = true;
	f->bidi_read_len = load_be32(a->data + 1);
	return ISCSIP_RULE_NONE;
}

static uint16_t take(struct iscsip_ahs_fields *f, const struct iscsip_ahs *a)
{
	if (a->type != ISCSIP_AHS_CDB && a->type != ISCSIP_AHS_BIDI_READ)
		return ISCSIP_RULE_AHS_TYPE;
	if (a->twice)
		return ISCSIP_RULE_AHS_TWICE;
	return a->type == ISCSIP_AHS_CDB ? take_cdb(f, a) : take_bidi_read(f, a);
}

int iscsip_ahs_read(struct iscsip_ahs_fields *out, const struct iscsip_pdu *pdu, const uint8_t *p,
		    struct iscsip_error *why)
{
	struct iscsip_ahs_walk walk;
	struct iscsip_ahs ahs;
	uint32_t at = ISCSIP_BHS_LEN;
	uint16_t rule = ISCSIP_RULE_NONE;
	int got = ISCSIP_OK;

	memset(out, 0, sizeof *out);
	iscsip_ahs_begin(&walk, p, 4u * (uint32_t)pdu->ahs_words);
	while (rule == ISCSIP_RULE_NONE && (got = iscsip_ahs_next(&walk, &ahs)) != ISCSIP_OK) {
		at = ahs.offset;
		rule = got < 0 ? ISCSIP_RULE_AHS_LEN : take(out, &ahs);
	}
	if (rule == ISCSIP_RULE_NONE &&
	    out->has_bidi_read != (pdu->scsi_command.read && pdu->scsi_command.write)) {
		at = 1; /* R and W */
		rule = ISCSIP_RULE_AHS_DIRECTION;
	}
	if (rule == ISCSIP_RULE_NONE)
		return ISCSIP_OK;
	iscsip__wire_tell(why, pdu, rule, at, true);
	return ISCSIP_EPROTO;
}

int iscsip_ahs_put(uint8_t *dst, size_t cap, uint8_t type, const uint8_t *data, size_t len)
{
	uint32_t size;

	if (type > 0x3f || len > AHS_DATA_MAX)
		return ISCSIP_EINVAL;
	size = iscsip_pad4(AHS_HEAD + (uint32_t)len);
	if (size > cap)
		return ISCSIP_ENOSPC;
	memset(dst, 0, size);
	store_be16(dst, (uint16_t)(len + 1));
	dst[2] = type;
	if (len > 0)
		memcpy(dst + AHS_HEAD, data, len);
	return (int)size;
}

int iscsip_ahs_put_cdb(uint8_t *dst, size_t cap, const uint8_t *cdb, size_t cdb_len)
{
	if (cdb_len <= CDB_IN_BHS || cdb_len > ISCSIP_CDB_MAX)
		return ISCSIP_EINVAL;
	return iscsip_ahs_put(dst, cap, ISCSIP_AHS_CDB, cdb + CDB_IN_BHS, cdb_len - CDB_IN_BHS);
}

int iscsip_ahs_put_bidi_read(uint8_t *dst, size_t cap, uint32_t len)
{
	uint8_t bytes[4];

	store_be32(bytes, len);
	return iscsip_ahs_put(dst, cap, ISCSIP_AHS_BIDI_READ, bytes, sizeof bytes);
}
