/* SPDX-License-Identifier: MIT */
/*
 * Storage that is a block of memory: every read and write is served by naming it. With a bitmap it remembers which
 * grains were written, so that UNMAP and GET LBA STATUS mean something; a grain without its bit is zero.
 */
#include "iscsiproto/disk.h"

#include <string.h>

static bool ram_bit(const struct iscsip_ram *m, uint64_t grain)
{
	return m->bitmap[grain / 8] >> (grain % 8) & 1;
}

/* Sets or clears the bits of [first, end). */
static void ram_mark(struct iscsip_ram *m, uint64_t first, uint64_t end, bool on)
{
	while (first < end) {
		if (first % 8 == 0 && end - first >= 8) {
			uint64_t n = (end - first) / 8;

			memset(m->bitmap + first / 8, on ? 0xff : 0, (size_t)n);
			first += n * 8;
			continue;
		}
		m->bitmap[first / 8] = (uint8_t)(on ? m->bitmap[first / 8] | 1u << (first % 8) :
						      m->bitmap[first / 8] & ~(1u << (first % 8)));
		first++;
	}
}

/* [offset, offset + len) is written to: the usual write lies within one grain. */
static void ram_touch(struct iscsip_ram *m, uint64_t offset, uint64_t len)
{
	uint64_t first = offset / m->grain, end = (offset + len + m->grain - 1) / m->grain;

	if (end == first + 1)
		m->bitmap[first / 8] = (uint8_t)(m->bitmap[first / 8] | 1u << (first % 8));
	else
		ram_mark(m, first, end, true);
}

static bool ram_holds(const struct iscsip_ram *m, uint64_t offset, uint64_t len)
{
	return offset <= m->size && len <= m->size - offset;
}

static int ram_pin(void *user, uint64_t offset, uint64_t len, bool write, struct iscsip_vec *vec, int max)
{
	struct iscsip_ram *m = user;

	(void)max;
	if (!ram_holds(m, offset, len))
		return -ISCSIP_STORAGE_IO_ERROR;
	vec[0].base = m->base + offset;
	vec[0].len = (size_t)len;
	if (write && m->bitmap)
		ram_touch(m, offset, len);
	return 1;
}

static void ram_zero(struct iscsip_ram *m, uint64_t offset, uint64_t len)
{
	uint64_t first = 0, end = 0;

	if (m->discard && m->grain) {
		first = (offset + m->grain - 1) / m->grain * m->grain;
		end = (offset + len) / m->grain * m->grain;
	}
	if (first >= end) {
		memset(m->base + offset, 0, (size_t)len);
		return;
	}
	memset(m->base + offset, 0, (size_t)(first - offset));
	m->discard(m->user, first, end - first);
	memset(m->base + end, 0, (size_t)(offset + len - end));
}

/* UNMAP and WRITE_ZEROES: zeroes in either case, and the bits that say whether the grains have space. */
static void ram_clear(void *user, struct iscsip_storage_req *req)
{
	struct iscsip_ram *m = user;
	bool give_back = req->op == ISCSIP_STORAGE_UNMAP || req->flags & ISCSIP_STORAGE_MAY_UNMAP;

	if (!ram_holds(m, req->offset, req->len)) {
		iscsip_storage_done(req, ISCSIP_STORAGE_IO_ERROR);
		return;
	}
	ram_zero(m, req->offset, req->len);
	if (m->bitmap && !give_back) {
		ram_touch(m, req->offset, req->len);
	} else if (m->bitmap) {
		/* only whole grains are given back; the rest of one at either end keeps its bit */
		uint64_t first = (req->offset + m->grain - 1) / m->grain, end = (req->offset + req->len) / m->grain;

		ram_mark(m, first, end, false);
	}
	iscsip_storage_done(req, ISCSIP_STORAGE_OK);
}

static void ram_lba_status(void *user, struct iscsip_storage_req *req)
{
	struct iscsip_ram *m = user;
	uint64_t end = req->offset + req->len, grain, last;
	bool mapped;

	if (!m->bitmap || !ram_holds(m, req->offset, req->len)) {
		req->provisioning = ISCSIP_PROVISIONING_MAPPED;
		iscsip_storage_done(req, ISCSIP_STORAGE_OK);
		return;
	}
	grain = req->offset / m->grain;
	last = (end + m->grain - 1) / m->grain;
	mapped = ram_bit(m, grain);
	while (grain < last && ram_bit(m, grain) == mapped)
		grain++;
	if (grain * m->grain < end)
		req->len = grain * m->grain - req->offset;
	req->provisioning = mapped ? ISCSIP_PROVISIONING_MAPPED : ISCSIP_PROVISIONING_DEALLOCATED;
	iscsip_storage_done(req, ISCSIP_STORAGE_OK);
}

const struct iscsip_storage_ops *iscsip_ram_ops(void)
{
	static const struct iscsip_storage_ops ops = {
		.struct_size = sizeof(struct iscsip_storage_ops),
		.pin = ram_pin,
		.unmap = ram_clear,
		.write_zeroes = ram_clear,
		.lba_status = ram_lba_status,
	};

	return &ops;
}
