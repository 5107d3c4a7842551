/* SPDX-License-Identifier: MIT */
/*
 * The structure-aware mutator (pdu_mutator.h). A mutation is one of three sizes:
 *
 *   a field    a row of the wire room's field table gets a value of interest: an edge, a neighbour of the old value, all
 *              ones, the same field of another PDU, a random one
 *   a segment  data or additional headers grow, shrink or change; lengths, padding and digests follow
 *   a stream   a PDU is put in, taken out, repeated or swapped with its neighbour
 *
 * One mutation in 32 is left unmended, and one in 16 is the engine's own on the bare bytes: framing has to be attacked too.
 * Everything works inside the buffer given; a step that does not fit is left out.
 */
#include "pdu_mutator.h"

#include <string.h>

#include "iscsiproto/crc32c.h"
#include "iscsiproto/pdu.h"

#include "base/bytes.h"
#include "wire/wire.h"

#define BHS 48u
#define DIGEST 4u
#define STREAM_MAX 256u /* PDUs of a stream that are looked at */

/* The engine's own mutator, where there is an engine that has one. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size) __attribute__((weak));

uint32_t pdu_random(struct pdu_random *r, uint32_t below)
{
	/* splitmix64 */
	uint64_t z = r->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	z ^= z >> 31;
	return below ? (uint32_t)(z % below) : (uint32_t)z;
}

static size_t plain_mutate(uint8_t *p, size_t size, size_t cap, struct pdu_random *r)
{
	if (LLVMFuzzerMutate)
		return LLVMFuzzerMutate(p, size, cap);
	if (size > 0)
		p[pdu_random(r, (uint32_t)size)] ^= (uint8_t)(1u << pdu_random(r, 8));
	return size;
}

/* --- where the parts of a PDU lie --- */

struct parts {
	size_t ahs, ahs_len, header_digest, data, data_len, data_digest, end;
};

static struct parts parts_of(const uint8_t *p, const struct pdu_layout *layout)
{
	struct parts x;

	x.ahs = BHS;
	x.ahs_len = 4u * p[4];
	x.header_digest = x.ahs + x.ahs_len;
	x.data = x.header_digest + (layout->header_digest ? DIGEST : 0);
	x.data_len = load_be24(p + 5);
	x.data_digest = x.data + iscsip_pad4((uint32_t)x.data_len);
	x.end = x.data_digest + (layout->data_digest && x.data_len > 0 ? DIGEST : 0);
	return x;
}

size_t pdu_size(const uint8_t *p, size_t left, const struct pdu_layout *layout)
{
	return left < BHS ? 0 : parts_of(p, layout).end;
}

void pdu_mend(uint8_t *p, size_t left, const struct pdu_layout *layout)
{
	struct parts x;

	if (left < BHS)
		return;
	x = parts_of(p, layout);
	if (layout->header_digest && left >= x.data)
		store_le32(p + x.header_digest, iscsip_crc32c(0, p, x.header_digest));
	if (layout->data_digest && x.data_len > 0 && left >= x.end)
		store_le32(p + x.data_digest, iscsip_crc32c(0, p + x.data, x.data_digest - x.data));
}

/* Replaces `old` bytes at `at` by `now` bytes of 0, or of anything where they were; false where there is no room. */
static bool resize_at(uint8_t *p, size_t *size, size_t cap, size_t at, size_t old, size_t now)
{
	if (at + old > *size || *size - old + now > cap)
		return false;
	memmove(p + at + now, p + at + old, *size - at - old);
	if (now > old)
		memset(p + at + old, 0, now - old);
	*size = *size - old + now;
	return true;
}

/* Gives the data segment a new length; what follows it moves. */
static bool set_data_len(uint8_t *p, size_t *size, size_t cap, const struct pdu_layout *layout, size_t len)
{
	struct parts x = parts_of(p, layout);
	size_t digest = layout->data_digest && len > 0 ? DIGEST : 0;

	if (len > ISCSIP_DATA_LEN_MAX || x.end > *size)
		return false;
	if (!resize_at(p, size, cap, x.data, x.end - x.data, iscsip_pad4((uint32_t)len) + digest))
		return false;
	store_be24(p + 5, (uint32_t)len);
	return true;
}

/* --- one PDU --- */

static uint32_t interesting(struct pdu_random *r, uint32_t old, unsigned width)
{
	static const uint32_t EDGES[] = { 0, 1, 2, 3, 4, 5, 0x7f, 0x80, 0xff, 0x100, 0x1ff, 0x200, 0xfff, 0x1000, 0x1fff, 0x2000,
					  0x7fff, 0x8000, 0xffff, 0x10000, 0x3ffff, 0x40000, 0x7fffff, 0xfffffe, 0xffffff,
					  0x1000000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff };
	uint32_t all = width >= 32 ? 0xffffffffu : (1u << width) - 1u;

	switch (pdu_random(r, 5)) {
	case 0:
		return EDGES[pdu_random(r, sizeof EDGES / sizeof *EDGES)] & all;
	case 1:
		return (old + pdu_random(r, 9) - 4u) & all;
	case 2:
		return old ^ (1u << pdu_random(r, width < 32 ? width : 32u));
	case 3:
		return all - pdu_random(r, 3);
	default:
		return pdu_random(r, 0) & all;
	}
}

static uint32_t field_value(const uint8_t *p, const struct wire_field *f)
{
	if (f->width < 8)
		return (uint32_t)(p[f->byte] >> (8 - f->bit - f->width)) & ((1u << f->width) - 1u);
	if (f->width == 8)
		return p[f->byte];
	if (f->width == 16)
		return load_be16(p + f->byte);
	return f->width == 24 ? load_be24(p + f->byte) : load_be32(p + f->byte);
}

static void set_field(uint8_t *p, const struct wire_field *f, uint32_t v)
{
	if (f->width < 8) {
		uint32_t shift = 8u - f->bit - f->width, mask = ((1u << f->width) - 1u) << shift;

		p[f->byte] = (uint8_t)((p[f->byte] & ~mask) | (v << shift & mask));
	} else if (f->width == 8) {
		p[f->byte] = (uint8_t)v;
	} else if (f->width == 16) {
		store_be16(p + f->byte, (uint16_t)v);
	} else if (f->width == 24) {
		store_be24(p + f->byte, v);
	} else {
		store_be32(p + f->byte, v);
	}
}

static const struct wire_field *random_field(uint8_t opcode, struct pdu_random *r)
{
	const struct wire_field *found = NULL;
	uint32_t seen = 0;

	/* each row of the opcode with the same chance, in one pass */
	for (unsigned i = 0; i < iscsip__wire_field_count; i++)
		if (wire_field_of(&iscsip__wire_fields[i], opcode) && pdu_random(r, ++seen) == 0)
			found = &iscsip__wire_fields[i];
	return found;
}

/* Changes one field. Its lengths are not among them: those follow the segments (mutate_data, mutate_ahs). */
static void mutate_field(uint8_t *p, struct pdu_random *r)
{
	const struct wire_field *f = random_field(p[0] & 0x3f, r);

	if (f->byte == 4 || f->byte == 5 || (f->byte == 0 && f->width == 6)) {
		p[1] ^= (uint8_t)(0x80u >> pdu_random(r, 8));
		return;
	}
	if (f->width > 32) { /* LUN, ISID, CDB: a byte of it */
		p[f->byte + pdu_random(r, f->width / 8u)] = (uint8_t)interesting(r, 0, 8);
		return;
	}
	set_field(p, f, interesting(r, field_value(p, f), f->width));
}

static void mutate_data(uint8_t *p, size_t *size, size_t cap, const struct pdu_layout *layout, struct pdu_random *r)
{
	struct parts x = parts_of(p, layout);
	size_t room = cap - *size, len;

	if (pdu_random(r, 3) == 0) {
		len = interesting(r, (uint32_t)x.data_len, 14);
		(void)set_data_len(p, size, cap, layout, len);
		return;
	}
	/* grow first, let the engine work in the room, shrink to what it made */
	len = x.data_len + (room > 64 ? 32u : 0u);
	if (len == 0 || !set_data_len(p, size, cap, layout, len))
		return;
	len = plain_mutate(p + x.data, x.data_len, len, r);
	(void)set_data_len(p, size, cap, layout, len);
}

static void mutate_ahs(uint8_t *p, size_t *size, size_t cap, const struct pdu_layout *layout, struct pdu_random *r)
{
	struct parts x = parts_of(p, layout);
	uint8_t bytes[264], cdb[260];
	uint32_t type = pdu_random(r, 4);
	int len;

	if (x.ahs_len > 0 && pdu_random(r, 2)) { /* change a byte, or drop a word */
		if (pdu_random(r, 4))
			p[x.ahs + pdu_random(r, (uint32_t)x.ahs_len)] = (uint8_t)interesting(r, 0, 8);
		else if (resize_at(p, size, cap, x.ahs, 4, 0))
			p[4]--;
		return;
	}
	memset(cdb, 0x7f, sizeof cdb);
	if (type == 0)
		len = iscsip_ahs_put_bidi_read(bytes, sizeof bytes, interesting(r, 4096, 32));
	else if (type == 1)
		len = iscsip_ahs_put(bytes, sizeof bytes, (uint8_t)pdu_random(r, 64), cdb, pdu_random(r, 12));
	else
		len = iscsip_ahs_put_cdb(bytes, sizeof bytes, cdb, 17 + pdu_random(r, type == 2 ? 16 : 244));
	if (len < 0 || x.ahs_len + (size_t)len > 1020 || !resize_at(p, size, cap, x.ahs, 0, (size_t)len))
		return;
	memcpy(p + x.ahs, bytes, (size_t)len);
	p[4] = (uint8_t)(p[4] + len / 4);
}

size_t pdu_mutate(uint8_t *p, size_t size, size_t cap, const struct pdu_layout *layout, struct pdu_random *r)
{
	uint32_t what = pdu_random(r, 16);

	if (size < BHS || pdu_size(p, size, layout) > size)
		return plain_mutate(p, size, cap, r);
	if (what < 8)
		mutate_field(p, r);
	else if (what < 12)
		mutate_data(p, &size, cap, layout, r);
	else if (what < 14 && ((p[0] & 0x3f) == ISCSIP_OP_SCSI_COMMAND || p[4] || what == 13))
		mutate_ahs(p, &size, cap, layout, r);
	else if (what < 15)
		p[pdu_random(r, BHS)] ^= (uint8_t)(1u << pdu_random(r, 8));
	else
		p[5 + pdu_random(r, 3)] = (uint8_t)pdu_random(r, 256); /* a lie about the length */
	if (pdu_random(r, 32))
		pdu_mend(p, size, layout);
	return size;
}

/* --- new PDUs --- */

/* What keeps a random header from being refused at once: tags and lengths that the opcode needs. */
static void make_plausible(struct iscsip_pdu *pdu, struct pdu_random *r)
{
	switch (pdu->opcode) {
	case ISCSIP_OP_SCSI_COMMAND:
		pdu->scsi_command.attr = 1;
		pdu->scsi_command.cdb[0] = (uint8_t)(pdu_random(r, 2) ? 0x28 : 0x2a);
		pdu->scsi_command.cdb[8] = 1;
		pdu->scsi_command.edtl = 512;
		pdu->scsi_command.read = pdu->scsi_command.cdb[0] == 0x28;
		pdu->scsi_command.write = !pdu->scsi_command.read;
		break;
	case ISCSIP_OP_LOGIN_REQUEST:
		pdu->login_request.transit = true;
		pdu->login_request.csg = (uint8_t)pdu_random(r, 2);
		pdu->login_request.nsg = 3;
		break;
	case ISCSIP_OP_LOGIN_RESPONSE:
		pdu->login_response.transit = true;
		pdu->login_response.csg = 1;
		pdu->login_response.nsg = 3;
		pdu->login_response.tsih = 1;
		break;
	case ISCSIP_OP_TASK_REQUEST:
		pdu->task_request.function = (uint8_t)(1 + pdu_random(r, 12));
		pdu->task_request.ref_task_tag = pdu_random(r, 4);
		break;
	case ISCSIP_OP_NOP_OUT:
	case ISCSIP_OP_TEXT_REQUEST:
		pdu->nop_out.ttt = ISCSIP_TAG_NONE;
		break;
	case ISCSIP_OP_SNACK:
		pdu->snack.ttt = ISCSIP_TAG_NONE;
		break;
	case ISCSIP_OP_NOP_IN:
	case ISCSIP_OP_TEXT_RESPONSE:
		pdu->nop_in.ttt = ISCSIP_TAG_NONE;
		break;
	case ISCSIP_OP_DATA_IN:
		pdu->data_in.has_status = pdu_random(r, 2);
		break;
	case ISCSIP_OP_R2T:
		pdu->r2t.desired_len = 512;
		break;
	case ISCSIP_OP_ASYNC:
		pdu->async.event = (uint8_t)pdu_random(r, 6);
		break;
	case ISCSIP_OP_REJECT:
		pdu->reject.reason = (uint8_t)pdu_random(r, 13);
		break;
	default:
		break;
	}
}

static uint32_t plausible_data_len(uint8_t opcode, struct pdu_random *r)
{
	switch (opcode) {
	case ISCSIP_OP_DATA_OUT:
	case ISCSIP_OP_DATA_IN:
		return 512;
	case ISCSIP_OP_REJECT:
		return 48;
	case ISCSIP_OP_NOP_OUT:
	case ISCSIP_OP_SCSI_RESPONSE:
	case ISCSIP_OP_ASYNC:
		return pdu_random(r, 24);
	default:
		return 0;
	}
}

size_t pdu_make(uint8_t *p, size_t cap, const struct pdu_layout *layout, struct pdu_random *r)
{
	static const uint8_t OPCODES[] = {
#define ROW(op, sender, phases, tag, data, ahs, numbers) ISCSIP_OP_##op,
#include "wire/pdu_rules.def"
	};
	struct iscsip_pdu pdu;
	size_t size;

	memset(&pdu, 0, sizeof pdu);
	do
		pdu.opcode = OPCODES[pdu_random(r, sizeof OPCODES)];
	while (layout->sender != PDU_OF_ANYONE && (layout->sender == PDU_OF_TARGET) != ((pdu.opcode & 0x20) != 0));
	pdu.final = true;
	pdu.immediate = pdu_random(r, 4) == 0;
	pdu.itt = pdu_random(r, 4);
	pdu.request.expstatsn = pdu_random(r, 8);
	make_plausible(&pdu, r);
	pdu.data_len = plausible_data_len(pdu.opcode, r);
	if (cap < BHS || iscsip_pdu_encode(p, &pdu) != ISCSIP_OK)
		return 0;
	size = parts_of(p, layout).end;
	if (size > cap)
		return 0;
	memset(p + BHS, 0, size - BHS);
	pdu_mend(p, size, layout);
	return size;
}

/* --- the stream --- */

/* Offsets of the PDUs from layout->begin on; the last one may be cut off. */
static unsigned find_pdus(const uint8_t *data, size_t size, const struct pdu_layout *layout, size_t *starts)
{
	unsigned n = 0;
	size_t at = layout->begin;

	while (n < STREAM_MAX && at < size && size - at >= BHS) {
		starts[n++] = at;
		at += pdu_size(data + at, size - at, layout);
	}
	return n;
}

static size_t put_in(uint8_t *data, size_t size, size_t cap, size_t at, const uint8_t *pdu, size_t len)
{
	if (!resize_at(data, &size, cap, at, 0, len))
		return size;
	memcpy(data + at, pdu, len);
	return size;
}

size_t pdu_mutate_stream(uint8_t *data, size_t size, size_t cap, unsigned seed, const struct pdu_layout *layout)
{
	struct pdu_random r = { seed };
	size_t starts[STREAM_MAX], at, len;
	uint8_t scratch[2048];
	uint32_t what = pdu_random(&r, 16);
	unsigned n, i;

	if (size < layout->begin || what == 0)
		return plain_mutate(data, size, cap, &r);
	if (what == 1 && layout->begin > 0) {
		(void)plain_mutate(data, layout->begin, layout->begin, &r);
		return size;
	}
	n = find_pdus(data, size, layout, starts);
	i = n > 0 ? pdu_random(&r, n) : 0;
	at = n > 0 ? starts[i] : layout->begin;
	len = n > 0 ? pdu_size(data + at, size - at, layout) : 0;
	if (n == 0 || what < 4) { /* a new one, here or at the end */
		len = pdu_make(scratch, sizeof scratch, layout, &r);
		return put_in(data, size, cap, pdu_random(&r, 2) && at <= size ? at : size, scratch, len);
	}
	if (len > size - at)
		len = size - at;
	if (what == 4 && n > 1) { /* one fewer */
		(void)resize_at(data, &size, cap, at, len, 0);
		return size;
	}
	if ((what == 5 || what == 6) && len <= sizeof scratch) { /* once more, right behind it (5) or anywhere */
		memcpy(scratch, data + at, len);
		return put_in(data, size, cap, what == 5 ? at + len : starts[pdu_random(&r, n)], scratch, len);
	}
	if (what == 7 && i > 0 && len <= sizeof scratch) { /* before its predecessor */
		memcpy(scratch, data + at, len);
		memmove(data + starts[i - 1] + len, data + starts[i - 1], at - starts[i - 1]);
		memcpy(data + starts[i - 1], scratch, len);
		return size;
	}
	/* the rest of the input moves as the PDU grows, so it waits behind the room */
	{
		size_t behind = size - at - len, room = cap - at - behind, now;

		memmove(data + cap - behind, data + at + len, behind);
		now = pdu_mutate(data + at, len, room, layout, &r);
		memmove(data + at + now, data + cap - behind, behind);
		return at + now + behind;
	}
}
