/* SPDX-License-Identifier: MIT */
/*
 * Names of ports and units as SCSI writes them: TransportIDs (SPC-4 7.6.4), by which persistent reservations know an
 * initiator port for good, and the designators of the device identification page (SPC-4 7.8.6). Writers are told the
 * room they have and answer 0 when it does not suffice; readers take bytes of any content.
 */
#include "iscsiproto/scsi.h"

#include "base/bytes.h"

enum {
	PROTOCOL_ISCSI = 5,
	ID_FORMAT_PORT = 0x40, /* TPID FORMAT 01b: name and ISID */
	ID_HEAD = 4,
	ID_SHORT = 24,
	NAME_LIMIT = 223,
	ISID_SUFFIX = 5 + 12 /* ",i,0x" and twelve digits */
};

static size_t name_length(const char *s)
{
	size_t n = 0;

	while (n <= NAME_LIMIT && s[n])
		n++;
	return n;
}

size_t iscsip_transport_id_iscsi(void *dst, size_t cap, const char *name, const uint8_t isid[6])
{
	size_t n = name_length(name), text, len, i;
	uint8_t *p = dst;

	if (n == 0 || n > NAME_LIMIT)
		return 0;
	/* the name ends with one NUL at least, in a field of 20 bytes at least, padded to a multiple of 4 */
	text = n + (isid ? ISID_SUFFIX : 0);
	len = (ID_HEAD + text + 1 + 3) & ~(size_t)3;
	if (len < ID_SHORT)
		len = ID_SHORT;
	if (len > cap)
		return 0;
	memset(p, 0, len);
	p[0] = PROTOCOL_ISCSI | (isid ? ID_FORMAT_PORT : 0);
	store_be16(p + 2, (uint16_t)(len - ID_HEAD));
	memcpy(p + ID_HEAD, name, n);
	if (!isid)
		return len;
	p += ID_HEAD + n;
	memcpy(p, ",i,0x", 5);
	p += 5;
	for (i = 0; i < 6; i++) {
		*p++ = (uint8_t)"0123456789abcdef"[isid[i] >> 4];
		*p++ = (uint8_t)"0123456789abcdef"[isid[i] & 15];
	}
	return len;
}

size_t iscsip_transport_id_length(const void *p, size_t n)
{
	const uint8_t *b = p;
	size_t len;

	if (n < ID_SHORT)
		return 0;
	if ((b[0] & 0x0f) != PROTOCOL_ISCSI)
		return ID_SHORT;
	len = ID_HEAD + (size_t)load_be16(b + 2);
	if ((b[0] & 0xc0) > ID_FORMAT_PORT || len < ID_SHORT || len > n || len % 4 != 0)
		return 0;
	return b[len - 1] == 0 && b[ID_HEAD] != 0 ? len : 0;
}

bool iscsip_designator_next(const void *page, size_t n, size_t *pos, struct iscsip_designator *d)
{
	const uint8_t *b = page;
	size_t end, at = *pos ? *pos : 4;

	if (n < 4)
		return false;
	end = 4 + (size_t)load_be16(b + 2);
	if (end > n)
		end = n;
	if (at + 4 > end || at + 4 + b[at + 3] > end)
		return false;
	d->code_set = b[at] & 0x0f;
	d->protocol = b[at + 1] & 0x80 ? b[at] >> 4 : 0xff;
	d->association = b[at + 1] >> 4 & 3;
	d->type = b[at + 1] & 0x0f;
	d->len = b[at + 3];
	d->value = b + at + 4;
	*pos = at + 4 + d->len;
	return true;
}

size_t iscsip_designator_put(void *dst, size_t cap, const struct iscsip_designator *d)
{
	uint8_t *p = dst;
	size_t len = d->len;

	/* a SCSI name string ends with a NUL and fills a multiple of four (SPC-4 7.8.6.11) */
	if (d->type == ISCSIP_DESIGNATOR_NAME)
		len = (len + 1 + 3) & ~(size_t)3;
	if (len > 255 || 4 + len > cap)
		return 0;
	memset(p, 0, 4 + len);
	p[0] = d->code_set & 0x0f;
	if (d->protocol != 0xff) {
		p[0] |= (uint8_t)(d->protocol << 4);
		p[1] = 0x80;
	}
	p[1] |= (uint8_t)((d->association & 3) << 4 | (d->type & 0x0f));
	p[3] = (uint8_t)len;
	memcpy(p + 4, d->value, d->len);
	return 4 + len;
}
