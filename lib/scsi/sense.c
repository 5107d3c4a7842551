/* SPDX-License-Identifier: MIT */
/*
 * Sense data, made and read. One value (struct iscsip_sense) stands for both formats of SPC-4 4.5, so that the
 * device server and the initiator tools never look at offsets. Fixed format has one INFORMATION field of 32 bits;
 * descriptor format is a list of typed descriptors, of which three are made here (information, command-specific
 * information, sense key specific) and the others are stepped over when they are read.
 *
 * Reading takes bytes of any content: every field is used only when the bytes and the length field both hold it.
 */
#include "iscsiproto/scsi.h"

#include "base/bytes.h"

enum {
	SENSE_FIXED = 0x70,
	SENSE_DESCRIPTOR = 0x72,
	SENSE_FIXED_LEN = 18,
	DESC_INFORMATION = 0x00,
	DESC_COMMAND_SPECIFIC = 0x01,
	DESC_KEY_SPECIFIC = 0x02,
	DESC_STREAM = 0x04,
	DESC_BLOCK = 0x05
};

/* SPC-4 4.5.3. VALID says that INFORMATION holds what the standard defines for the command; it is 32 bits wide. */
static void sense_put_fixed(const struct iscsip_sense *s, uint8_t *b)
{
	memset(b, 0, SENSE_FIXED_LEN);
	b[0] = (uint8_t)(SENSE_FIXED | (s->deferred ? 1 : 0));
	if (s->info_valid && s->info <= UINT32_MAX) {
		b[0] |= 0x80;
		store_be32(b + 3, (uint32_t)s->info);
	}
	b[2] = (uint8_t)((s->bits & 0xe0) | (s->key & 0x0f));
	b[7] = SENSE_FIXED_LEN - 8;
	if (s->csi_valid)
		store_be32(b + 8, (uint32_t)s->csi);
	store_be16(b + 12, s->asc);
	if (s->sks_valid) {
		memcpy(b + 15, s->sks, 3);
		b[15] |= 0x80;
	}
}

/* SPC-4 4.5.2. */
static size_t sense_put_descriptors(const struct iscsip_sense *s, uint8_t *b)
{
	size_t n = 8;

	memset(b, 0, ISCSIP_SENSE_MAX);
	b[0] = (uint8_t)(SENSE_DESCRIPTOR | (s->deferred ? 1 : 0));
	b[1] = s->key & 0x0f;
	store_be16(b + 2, s->asc);
	if (s->info_valid) {
		b[n] = DESC_INFORMATION;
		b[n + 1] = 10;
		b[n + 2] = 0x80;
		store_be64(b + n + 4, s->info);
		n += 12;
	}
	if (s->csi_valid) {
		b[n] = DESC_COMMAND_SPECIFIC;
		b[n + 1] = 10;
		store_be64(b + n + 4, s->csi);
		n += 12;
	}
	if (s->sks_valid) {
		b[n] = DESC_KEY_SPECIFIC;
		b[n + 1] = 6;
		memcpy(b + n + 4, s->sks, 3);
		b[n + 4] |= 0x80;
		n += 8;
	}
	if (s->bits & 0x20) {
		b[n] = DESC_BLOCK;
		b[n + 1] = 2;
		b[n + 3] = 0x20;
		n += 4;
	}
	if (s->bits & 0xc0) {
		b[n] = DESC_STREAM;
		b[n + 1] = 2;
		b[n + 3] = s->bits & 0xc0;
		n += 4;
	}
	b[7] = (uint8_t)(n - 8);
	return n;
}

size_t iscsip_sense_encode(const struct iscsip_sense *s, bool descriptor, void *dst, size_t cap)
{
	uint8_t b[ISCSIP_SENSE_MAX];
	size_t n = SENSE_FIXED_LEN;

	if (descriptor)
		n = sense_put_descriptors(s, b);
	else
		sense_put_fixed(s, b);
	if (n > cap)
		n = cap;
	memcpy(dst, b, n);
	return n;
}

static void sense_get_fixed(const uint8_t *b, size_t n, struct iscsip_sense *s)
{
	size_t end = n > 7 ? 8 + (size_t)b[7] : n;

	if (end > n)
		end = n;
	if (end > 2) {
		s->key = b[2] & 0x0f;
		s->bits = b[2] & 0xe0;
	}
	if (end >= 7 && b[0] & 0x80) {
		s->info_valid = true;
		s->info = load_be32(b + 3);
	}
	if (end >= 12 && load_be32(b + 8) != 0) {
		s->csi_valid = true;
		s->csi = load_be32(b + 8);
	}
	if (end >= 14)
		s->asc = load_be16(b + 12);
	if (end >= 18 && b[15] & 0x80) {
		s->sks_valid = true;
		memcpy(s->sks, b + 15, 3);
		s->sks[0] &= 0x7f;
	}
}

/* One descriptor of the list; @len counts what follows its two head bytes, and all of it is there. */
static void sense_get_descriptor(const uint8_t *d, size_t len, struct iscsip_sense *s)
{
	switch (d[0]) {
	case DESC_INFORMATION:
		if (len >= 10 && d[2] & 0x80) {
			s->info_valid = true;
			s->info = load_be64(d + 4);
		}
		break;
	case DESC_COMMAND_SPECIFIC:
		if (len >= 10) {
			s->csi_valid = true;
			s->csi = load_be64(d + 4);
		}
		break;
	case DESC_KEY_SPECIFIC:
		if (len >= 5 && d[4] & 0x80) {
			s->sks_valid = true;
			memcpy(s->sks, d + 4, 3);
			s->sks[0] &= 0x7f;
		}
		break;
	case DESC_STREAM:
	case DESC_BLOCK:
		if (len >= 2)
			s->bits |= d[3] & 0xe0;
		break;
	default:
		break;
	}
}

static void sense_get_descriptors(const uint8_t *b, size_t n, struct iscsip_sense *s)
{
	size_t end, pos;

	if (n > 1)
		s->key = b[1] & 0x0f;
	if (n >= 4)
		s->asc = load_be16(b + 2);
	if (n < 8)
		return;
	end = 8 + (size_t)b[7];
	if (end > n)
		end = n;
	for (pos = 8; pos + 2 <= end && pos + 2 + b[pos + 1] <= end; pos += 2 + (size_t)b[pos + 1])
		sense_get_descriptor(b + pos, b[pos + 1], s);
}

int iscsip_sense_decode(const void *p, size_t n, struct iscsip_sense *s)
{
	const uint8_t *b = p;

	memset(s, 0, sizeof *s);
	if (n == 0)
		return ISCSIP_EINVAL;
	s->deferred = b[0] & 1;
	switch (b[0] & 0x7e) {
	case SENSE_FIXED:
		sense_get_fixed(b, n, s);
		return ISCSIP_OK;
	case SENSE_DESCRIPTOR:
		sense_get_descriptors(b, n, s);
		return ISCSIP_OK;
	default:
		s->deferred = false;
		return ISCSIP_EINVAL;
	}
}
