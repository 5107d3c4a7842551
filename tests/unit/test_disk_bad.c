/* SPDX-License-Identifier: MIT */
/*
 * Bad input by the table, not by example: for every command of the disk, CDBs with bits that the standards reserve, ranges at and
 * past the end, every allocation length, data-out of other lengths than the CDB says, and every parameter list cut at
 * every byte. What is refused has the sense of SPC-4 and SBC-3, and changes nothing: not the medium, not modes, reservations,
 * port groups, the echo buffer.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_rig.h"

#include "base/bytes.h"
#include "disk/disk.h"

#define EACH_BACKING(b) for (enum rig_backing b = RIG_RAM; b <= RIG_DEFERRED; b++)

enum {
	BLOCKS = 2048,
	MEDIUM = BLOCKS * 512
};

/* --- what must not change ------------------------------------------------------------------------------------- */

struct snapshot {
	uint8_t medium[MEDIUM];
	uint8_t answers[4][1024];
};

static const uint8_t asked[4][16] = {
	{ 0x5a, 0x08, 0x3f, 0xff, 0, 0, 0, 4, 0 },             /* MODE SENSE: all pages */
	{ 0x5e, 0x03, 0, 0, 0, 0, 0, 4, 0 },                   /* PERSISTENT RESERVE IN: full status */
	{ 0xa3, 0x0a, 0, 0, 0, 0, 0, 0, 4, 0 },                /* REPORT TARGET PORT GROUPS */
	{ 0x3c, 0x0a, 0, 0, 0, 0, 0, 4, 0 },                   /* READ BUFFER: echo */
};

static void look(struct rig *r, struct snapshot *s)
{
	size_t i;

	memset(s, 0, sizeof *s);
	memcpy(s->medium, r->unit[0].bytes, MEDIUM);
	for (i = 0; i < 4; i++) {
		struct rig_cmd *c = rig_run(r, 0, 0, asked[i], 16, NULL, 0, 1024);

		memcpy(s->answers[i], c->in, c->in_done);
	}
}

static void assert_unchanged(struct rig *r, const struct snapshot *before)
{
	struct snapshot *now = malloc(sizeof *now);

	look(r, now);
	assert_memory_equal(now, before, sizeof *now);
	free(now);
}

static struct rig *filled(enum rig_backing b)
{
	struct rig *r = rig_new(b, ISCSIP_LUN_THIN);
	unsigned i;

	for (i = 0; i < MEDIUM; i++)
		r->unit[0].bytes[i] = (uint8_t)(i / 512 * 3 + i);
	memset(r->unit[0].bitmap, 0xff, 64);
	return r;
}

/* --- CDBs as the standards draw them -------------------------------------------------------------------------- */

/*
 * Bits that SPC-4, SBC-3 and (WRITE ATOMIC) SBC-4 give a meaning, from byte 1 on: written down from the standards, so that
 * the disk's own table is held to them. C4 is the control byte.
 */
static const struct {
	uint8_t opcode, sa;
	const char *bits;
} drawn[] = {
	{ 0x00, DISK_NO_SA, "00 00 00 00 C4" },
	{ 0x03, DISK_NO_SA, "01 00 00 FF C4" },
	{ 0x04, DISK_NO_SA, "FF 00 00 00 C4" },
	{ 0x08, DISK_NO_SA, "1F FF FF FF C4" },
	{ 0x0a, DISK_NO_SA, "1F FF FF FF C4" },
	{ 0x12, DISK_NO_SA, "01 FF FF FF C4" },
	{ 0x15, DISK_NO_SA, "11 00 00 FF C4" },
	{ 0x16, DISK_NO_SA, "00 00 00 00 C4" },
	{ 0x17, DISK_NO_SA, "00 00 00 00 C4" },
	{ 0x1a, DISK_NO_SA, "08 FF FF FF C4" },
	{ 0x1b, DISK_NO_SA, "01 00 0F F7 C4" },
	{ 0x1e, DISK_NO_SA, "00 00 00 03 C4" },
	{ 0x25, DISK_NO_SA, "00 00 00 00 00 00 00 00 C4" },
	{ 0x28, DISK_NO_SA, "FC FF FF FF FF 1F FF FF C4" },
	{ 0x2a, DISK_NO_SA, "F8 FF FF FF FF 1F FF FF C4" },
	{ 0x2e, DISK_NO_SA, "F6 FF FF FF FF 1F FF FF C4" },
	{ 0x2f, DISK_NO_SA, "F6 FF FF FF FF 1F FF FF C4" },
	{ 0x34, DISK_NO_SA, "02 FF FF FF FF 1F FF FF C4" },
	{ 0x35, DISK_NO_SA, "06 FF FF FF FF 1F FF FF C4" },
	{ 0x37, DISK_NO_SA, "00 1F 00 00 00 00 FF FF C4" },
	{ 0x3b, DISK_NO_SA, "1F FF FF FF FF FF FF FF C4" }, /* MODE SPECIFIC is reserved in the modes that there are */
	{ 0x3c, DISK_NO_SA, "1F FF FF FF FF FF FF FF C4" },
	{ 0x41, DISK_NO_SA, "F8 FF FF FF FF 1F FF FF C4" },
	{ 0x42, DISK_NO_SA, "01 00 00 00 00 1F FF FF C4" },
	{ 0x48, 0x01, "BF 00 00 00 00 00 FF FF C4" },
	{ 0x48, 0x02, "BF 00 00 00 00 00 FF FF C4" },
	{ 0x48, 0x03, "BF 00 00 00 00 00 FF FF C4" },
	{ 0x48, 0x1f, "BF 00 00 00 00 00 FF FF C4" },
	{ 0x4d, DISK_NO_SA, "01 FF FF 00 FF FF FF FF C4" },
	{ 0x55, DISK_NO_SA, "11 00 00 00 00 00 FF FF C4" },
	{ 0x56, DISK_NO_SA, "12 00 FF 00 00 00 FF FF C4" },
	{ 0x57, DISK_NO_SA, "12 00 FF 00 00 00 FF FF C4" },
	{ 0x5a, DISK_NO_SA, "18 FF FF 00 00 00 FF FF C4" },
	{ 0x5e, 0x00, "1F 00 00 00 00 00 FF FF C4" },
	{ 0x5e, 0x01, "1F 00 00 00 00 00 FF FF C4" },
	{ 0x5e, 0x02, "1F 00 00 00 00 00 FF FF C4" },
	{ 0x5e, 0x03, "1F 00 00 00 00 00 FF FF C4" },
	{ 0x5f, 0x00, "1F FF 00 00 FF FF FF FF C4" },
	{ 0x5f, 0x01, "1F FF 00 00 FF FF FF FF C4" },
	{ 0x5f, 0x02, "1F FF 00 00 FF FF FF FF C4" },
	{ 0x5f, 0x03, "1F FF 00 00 FF FF FF FF C4" },
	{ 0x5f, 0x04, "1F FF 00 00 FF FF FF FF C4" },
	{ 0x5f, 0x05, "1F FF 00 00 FF FF FF FF C4" },
	{ 0x5f, 0x06, "1F FF 00 00 FF FF FF FF C4" },
	{ 0x5f, 0x07, "1F FF 00 00 FF FF FF FF C4" },
	{ 0x83, 0x00, "1F 00 00 00 00 00 00 00 00 FF FF FF FF 00 C4" },
	{ 0x84, 0x00, "1F FF 00 00 00 00 00 00 00 FF FF FF FF 00 C4" },
	{ 0x84, 0x03, "1F FF 00 00 00 00 00 00 00 FF FF FF FF 00 C4" },
	{ 0x84, 0x04, "1F FF 00 00 00 00 00 00 00 FF FF FF FF 00 C4" },
	{ 0x88, DISK_NO_SA, "FC FF FF FF FF FF FF FF FF FF FF FF FF 1F C4" },
	{ 0x89, DISK_NO_SA, "F8 FF FF FF FF FF FF FF FF 00 00 00 FF 1F C4" },
	{ 0x8a, DISK_NO_SA, "F8 FF FF FF FF FF FF FF FF FF FF FF FF 1F C4" },
	{ 0x8b, DISK_NO_SA, "F8 FF FF FF FF FF FF FF FF FF FF FF FF 1F C4" },
	{ 0x8e, DISK_NO_SA, "F6 FF FF FF FF FF FF FF FF FF FF FF FF 1F C4" },
	{ 0x8f, DISK_NO_SA, "F6 FF FF FF FF FF FF FF FF FF FF FF FF 1F C4" },
	{ 0x90, DISK_NO_SA, "02 FF FF FF FF FF FF FF FF FF FF FF FF 1F C4" },
	{ 0x91, DISK_NO_SA, "06 FF FF FF FF FF FF FF FF FF FF FF FF 1F C4" },
	{ 0x93, DISK_NO_SA, "F9 FF FF FF FF FF FF FF FF FF FF FF FF 1F C4" },
	{ 0x9c, DISK_NO_SA, "F8 FF FF FF FF FF FF FF FF FF FF FF FF 1F C4" },
	{ 0x9e, 0x10, "1F 00 00 00 00 00 00 00 00 FF FF FF FF 00 C4" },
	{ 0x9e, 0x12, "1F FF FF FF FF FF FF FF FF FF FF FF FF 00 C4" },
	{ 0xa0, DISK_NO_SA, "00 FF 00 00 00 FF FF FF FF 00 C4" },
	{ 0xa3, 0x0a, "FF 00 00 00 00 FF FF FF FF 00 C4" },
	{ 0xa3, 0x0c, "1F 87 FF FF FF FF FF FF FF 00 C4" },
	{ 0xa3, 0x0d, "1F 80 00 00 00 FF FF FF FF 00 C4" },
	{ 0xa4, 0x0a, "1F 00 00 00 00 FF FF FF FF 00 C4" },
	{ 0xa8, DISK_NO_SA, "FC FF FF FF FF FF FF FF FF 1F C4" },
	{ 0xaa, DISK_NO_SA, "F8 FF FF FF FF FF FF FF FF 1F C4" },
	{ 0xae, DISK_NO_SA, "F6 FF FF FF FF FF FF FF FF 1F C4" },
	{ 0xaf, DISK_NO_SA, "F6 FF FF FF FF FF FF FF FF 1F C4" },
	{ 0xb7, DISK_NO_SA, "1F FF FF FF FF FF FF FF FF 00 C4" },
};

#define DRAWN (sizeof drawn / sizeof drawn[0])

/* Each bit that is drawn nowhere, in turn, in every command: refused, pointed at, and nothing happens. */
static void a_bit_that_the_standards_reserve_is_never_taken(void **state)
{
	struct rig *r = filled(RIG_SYNC);
	struct snapshot *before = malloc(sizeof *before);
	uint8_t data[512] = { 0 };
	unsigned i, byte, bit, tried = 0;

	(void)state;
	assert_int_equal(DRAWN, iscsip__disk_op_count);
	look(r, before);
	for (i = 0; i < DRAWN; i++) {
		unsigned len = 1 + (unsigned)(strlen(drawn[i].bits) + 1) / 3;
		uint8_t cdb[16] = { drawn[i].opcode, drawn[i].sa == DISK_NO_SA ? 0 : drawn[i].sa };
		const struct disk_op *op = iscsip__disk_find_op(cdb);

		assert_non_null(op);
		assert_int_equal(op->len, len);
		for (byte = 1; byte < len; byte++) {
			unsigned meaning = (unsigned)strtoul(drawn[i].bits + 3 * (byte - 1), NULL, 16);

			for (bit = 0; bit < 8; bit++) {
				bool out = op->place != PLACE_NONE;
				struct rig_cmd *c;

				if (meaning >> bit & 1)
					continue;
				cdb[byte] ^= (uint8_t)(1u << bit);
				c = rig_run(r, 0, 0, cdb, 16, data, out ? 512 : 0, out ? 0 : 512);
				assert_cdb_field(c, byte);
				assert_int_equal(c->sense.sks[0] & 0x0f, 0x08 | bit);
				cdb[byte] ^= (uint8_t)(1u << bit);
				tried++;
			}
		}
		assert_unchanged(r, before);
	}
	assert_true(tried > 1200);
	free(before);
	rig_free(r);
}

/* --- ranges --------------------------------------------------------------------------------------------------- */

static void put_range(const struct disk_op *op, uint8_t cdb[16], uint64_t lba, uint32_t n)
{
	switch (op->len) {
	case 6:
		store_be24(cdb + 1, (uint32_t)lba);
		cdb[4] = (uint8_t)n;
		break;
	case 10:
		store_be32(cdb + 2, (uint32_t)lba);
		store_be16(cdb + 7, (uint16_t)n);
		break;
	case 12:
		store_be32(cdb + 2, (uint32_t)lba);
		store_be32(cdb + 6, n);
		break;
	default:
		store_be64(cdb + 2, lba);
		if (op->opcode == ISCSIP_SCSI_COMPARE_AND_WRITE)
			cdb[13] = (uint8_t)n;
		else if (op->opcode == ISCSIP_SCSI_WRITE_ATOMIC_16)
			store_be16(cdb + 12, (uint16_t)n);
		else
			store_be32(cdb + 10, n);
		break;
	}
}

static uint64_t last_lba(const struct disk_op *op)
{
	return op->len == 6 ? 0x1fffff : op->len == 16 ? UINT64_MAX : UINT32_MAX;
}

static uint32_t most_blocks(const struct disk_op *op)
{
	if (op->len == 6 || op->opcode == ISCSIP_SCSI_COMPARE_AND_WRITE)
		return 255;
	return op->len == 10 || op->opcode == ISCSIP_SCSI_WRITE_ATOMIC_16 ? 65535 : UINT32_MAX;
}

static void a_range_that_is_not_on_the_medium_is_refused_by_every_command(void **state)
{
	static const uint8_t data[8192] = { 1 };

	(void)state;
	EACH_BACKING(b) {
		struct rig *r = filled(b);
		struct snapshot *before = malloc(sizeof *before);
		unsigned i, k;

		look(r, before);
		for (i = 0; i < iscsip__disk_op_count; i++) {
			const struct disk_op *op = &iscsip__disk_ops[i];
			uint64_t end = last_lba(op);
			const struct {
				uint64_t lba;
				uint32_t n;
			} bad[] = {
				{ BLOCKS, 1 }, { BLOCKS - 1, 2 }, { BLOCKS - 3, 8 }, { BLOCKS + 1, 1 }, { end, 1 }, { end - 1, 2 },
				{ end - 1, 8 }, { end, most_blocks(op) }, { BLOCKS, most_blocks(op) }, { BLOCKS - 1, most_blocks(op) },
				{ end / 2, 1 }, { end / 2 + 1, 1 },
			};

			if (!(op->flags & OP_RANGE))
				continue;
			for (k = 0; k < sizeof bad / sizeof bad[0]; k++) {
				uint8_t cdb[16] = { op->opcode };
				bool out = op->flags & OP_WRITE;
				uint64_t told = bad[k].lba < BLOCKS ? BLOCKS : bad[k].lba;
				struct rig_cmd *c;

				put_range(op, cdb, bad[k].lba, bad[k].n);
				c = rig_run(r, 0, 0, cdb, 16, data, out ? sizeof data : 0, out ? 0 : 8192);
				if (bad[k].n > 8 && c->sense.asc == ISCSIP_ASC_INVALID_FIELD_IN_CDB)
					continue; /* more than one command may transfer, which may be looked at first */
				assert_check(c, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_LBA_OUT_OF_RANGE);
				if (told <= UINT32_MAX)
					assert_true(c->sense.info_valid && c->sense.info == told);
			}
		}
		assert_unchanged(r, before);
		free(before);
		rig_free(r);
	}
}

/* --- allocation lengths --------------------------------------------------------------------------------------- */

static const struct {
	uint8_t cdb[16];
	uint8_t at, size; /* the ALLOCATION LENGTH field */
	uint8_t least;    /* what is shorter is refused */
} asks[] = {
	{ { 0x03 }, 4, 1, 0 },
	{ { 0x12 }, 3, 2, 0 },
	{ { 0x12, 0x01, 0x83 }, 3, 2, 0 },
	{ { 0x1a, 0x08, 0x3f, 0xff }, 4, 1, 0 },
	{ { 0x1a, 0x00, 0x3f }, 4, 1, 0 },
	{ { 0x37, 0, 0x1d }, 7, 2, 0 },
	{ { 0x3c, 0x0a }, 6, 3, 0 },
	{ { 0x3c, 0x0b }, 6, 3, 0 },
	{ { 0x4d, 0, 0x40 }, 7, 2, 0 },
	{ { 0x4d, 0, 0x4c }, 7, 2, 0 },
	{ { 0x4d, 0, 0x4d }, 7, 2, 0 },
	{ { 0x4d, 0, 0x6f }, 7, 2, 0 },
	{ { 0x5a, 0x18, 0x3f, 0xff }, 7, 2, 0 },
	{ { 0x5e, 0x00 }, 7, 2, 0 },
	{ { 0x5e, 0x01 }, 7, 2, 0 },
	{ { 0x5e, 0x02 }, 7, 2, 0 },
	{ { 0x5e, 0x03 }, 7, 2, 0 },
	{ { 0x84, 0x03 }, 10, 4, 0 },
	{ { 0x9e, 0x10 }, 10, 4, 0 },
	{ { 0x9e, 0x12 }, 10, 4, 0 },
	{ { 0xa0 }, 6, 4, 16 },
	{ { 0xa3, 0x0a }, 6, 4, 0 },
	{ { 0xa3, 0x2a }, 6, 4, 0 },
	{ { 0xa3, 0x0c }, 6, 4, 0 },
	{ { 0xa3, 0x0c, 0x81, 0x28 }, 6, 4, 0 },
	{ { 0xa3, 0x0d }, 6, 4, 4 },
	{ { 0xa3, 0x0d, 0x80 }, 6, 4, 4 },
	{ { 0xb7, 0x1d }, 6, 4, 0 },
};

static struct rig_cmd *ask(struct rig *r, size_t i, uint32_t n, uint32_t room)
{
	uint8_t cdb[16];
	unsigned k;

	memcpy(cdb, asks[i].cdb, 16);
	for (k = 0; k < asks[i].size; k++)
		cdb[asks[i].at + k] = (uint8_t)(n >> 8 * (asks[i].size - 1u - k));
	return rig_run(r, 0, 0, cdb, 16, NULL, 0, room);
}

static void every_allocation_length_cuts_and_does_nothing_else(void **state)
{
	static const uint8_t echo[10] = { 0x3b, 0x0a, 0, 0, 0, 0, 0, 0, 100 }, data[100] = { 5, 6, 7 };
	static uint8_t whole[8192];
	struct rig *r = filled(RIG_SYNC);
	size_t i;

	(void)state;
	assert_good(rig_run(r, 0, 0, echo, 10, data, 100, 0));
	for (i = 0; i < sizeof asks / sizeof asks[0]; i++) {
		uint32_t most = asks[i].size == 4 ? UINT32_MAX : (1u << 8 * asks[i].size) - 1, len, n;
		struct rig_cmd *c = ask(r, i, most, sizeof whole);

		assert_good(c);
		len = c->in_done;
		assert_true(len >= 4 && len < sizeof whole);
		memcpy(whole, c->in, len);
		for (n = 0; n <= len + 1 && n <= most; n = n < 64 || n >= len ? n + 1 : n + 61 < len ? n + 61 : len) {
			c = ask(r, i, n, sizeof whole);
			if (n < asks[i].least) {
				assert_cdb_field(c, asks[i].at);
				continue;
			}
			assert_good(c);
			assert_true(c->in_done <= n && c->in_done <= len);
			/* (GET LBA STATUS looks up as many descriptors as there is room for, and its head counts these) */
			if (asks[i].cdb[0] != 0x9e || asks[i].cdb[1] != 0x12)
				assert_true(c->in_done == (n < len ? n : len) && memcmp(c->in, whole, c->in_done) == 0);
			/* less room than the CDB says: the transport tells the residual */
			c = ask(r, i, n, n / 2);
			assert_good(c);
			assert_true(c->in_done <= n / 2);
			if (asks[i].cdb[0] != 0x9e || asks[i].cdb[1] != 0x12)
				assert_true(c->in_total == (n < len ? n : len));
		}
	}
	rig_free(r);
}

/* --- data-out of other lengths than the CDB says --------------------------------------------------------------- */

/* Four blocks at 100 (WRITE SAME: one, for as many). What the disk may make of less or more: nothing outside these blocks. */
static void data_out_of_another_length_never_reaches_other_blocks(void **state)
{
	static const int lengths[] = { 0, 1, 511, 512, 513, 1024, 1535, 1536, 2047, 2048, 2049, 2560, 4095, 4096, 4097, 8192 };
	static uint8_t data[8192];

	(void)state;
	memset(data, 0x77, sizeof data);
	EACH_BACKING(b) {
		unsigned i, k;

		for (i = 0; i < iscsip__disk_op_count; i++) {
			const struct disk_op *op = &iscsip__disk_ops[i];

			if (!(op->flags & OP_RANGE) || op->place == PLACE_NONE)
				continue;
			for (k = 0; k < sizeof lengths / sizeof lengths[0]; k++) {
				struct rig *r = filled(b);
				struct snapshot *before = malloc(sizeof *before);
				bool same = op->opcode == 0x41 || op->opcode == 0x93, twice = op->opcode == 0x89;
				uint32_t wants = same ? 512 : twice ? 2 * 2048 : 2048, sent = (uint32_t)lengths[k];
				uint8_t cdb[16] = { op->opcode };
				struct rig_cmd *c;
				uint8_t status;

				look(r, before);
				put_range(op, cdb, 100, 4);
				if (op->opcode == 0x2f || op->opcode == 0x8f || op->opcode == 0xaf)
					cdb[1] = 0x02; /* BYTCHK 01b */
				if (twice) /* compares equal as far as it goes */
					memcpy(data, r->unit[0].bytes + 100 * 512, 2048);
				else
					memset(data, 0x77, 2048);
				c = rig_run(r, 0, 0, cdb, 16, data, sent, 0);
				status = c->status;
				if (sent == wants && !(op->reservation == RES_READ))
					assert_good(c);
				if (status == ISCSIP_STATUS_GOOD)
					assert_true(c->out_total == wants);
				/* a part of a command that is all or nothing is an error, and nothing */
				if (sent < wants && (op->flags & OP_ATOMIC || same))
					assert_int_equal(status, ISCSIP_STATUS_CHECK_CONDITION);
				if (status != ISCSIP_STATUS_GOOD || op->reservation == RES_READ)
					assert_unchanged(r, before);
				assert_memory_equal(r->unit[0].bytes, before->medium, 100 * 512);
				assert_memory_equal(r->unit[0].bytes + 104 * 512, before->medium + 104 * 512, MEDIUM - 104 * 512);
				if (status == ISCSIP_STATUS_GOOD && !same && !twice && sent < 2048)
					assert_memory_equal(r->unit[0].bytes + 100 * 512 + sent, before->medium + 100 * 512 + sent,
							    2048 - sent);
				free(before);
				rig_free(r);
			}
		}
	}
}

/* --- parameter lists ------------------------------------------------------------------------------------------ */

struct list {
	const char *name;
	uint8_t cdb[16];
	uint8_t at, size;  /* PARAMETER LIST LENGTH in the CDB; size 0: there is none */
	uint8_t b[256];
	uint32_t len;
	uint16_t asc;      /* of a list that is shorter than it has to be */
	uint32_t good[3];  /* lengths that are whole lists too and change nothing: up to the first UINT32_MAX */
	bool any;          /* every length is a whole list */
	uint32_t ignored;  /* not 0: from here on what is cut off is ignored as a whole (UNMAP's descriptors, SBC-3 5.28.2) */
};

static uint32_t transport_id(uint8_t *to, const char *name)
{
	static const uint8_t isid[6] = { 0x80, 1, 2, 3, 4, 5 };

	return (uint32_t)iscsip_transport_id_iscsi(to, ISCSIP_TRANSPORT_ID_MAX, name, isid);
}

static struct list pr_list(const char *name, uint8_t action, uint8_t type)
{
	struct list l = { .name = name, .cdb = { 0x5f, action, type }, .at = 5, .size = 4, .len = 24,
			  .asc = ISCSIP_ASC_PARAMETER_LIST_LENGTH, .good = { UINT32_MAX } };

	store_be64(l.b, action == 6 ? 0 : 1);
	store_be64(l.b + 8, action == 4 || action == 5 ? 2 : 9);
	return l;
}

static unsigned make_lists(struct rig *r, struct list *l)
{
	unsigned n = 0;
	struct rig_cmd *c;
	uint8_t inquiry[16];

	l[n++] = pr_list("REGISTER", 0, 0);
	l[n++] = pr_list("RELEASE", 2, 5);
	l[n++] = pr_list("CLEAR", 3, 0);
	l[n++] = pr_list("PREEMPT", 4, 5);
	l[n++] = pr_list("PREEMPT AND ABORT", 5, 5);
	l[n++] = pr_list("REGISTER AND IGNORE", 6, 0);
	l[n] = pr_list("REGISTER AND MOVE", 7, 0);
	l[n].b[19] = 1;
	store_be32(l[n].b + 20, transport_id(l[n].b + 24, "iqn.1994-05.com.example:two"));
	l[n].len += load_be32(l[n].b + 20);
	n++;
	l[n] = pr_list("REGISTER with SPEC_I_PT", 0, 0);
	memset(l[n].b, 0, 8); /* by one who is not registered: see below */
	l[n].b[20] = 0x08;
	store_be32(l[n].b + 24, transport_id(l[n].b + 28, "iqn.1994-05.com.example:three"));
	l[n].len = 28 + load_be32(l[n].b + 24);
	n++;
	l[n++] = (struct list){ .name = "UNMAP", .cdb = { 0x42 }, .at = 7, .size = 2, .len = 24,
				.asc = ISCSIP_ASC_PARAMETER_LIST_LENGTH,
				.b = { 0, 22, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 8 }, .good = { 0, UINT32_MAX },
				.ignored = 8 };
	l[n++] = (struct list){ .name = "MODE SELECT(6)", .cdb = { 0x15, 0x10 }, .at = 4, .size = 1, .len = 4 + 8 + 12,
				.asc = ISCSIP_ASC_PARAMETER_LIST_LENGTH, .good = { 0, 12, UINT32_MAX },
				.b = { 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 2, 0, 0x0a, 0x0a } };
	l[n++] = (struct list){ .name = "MODE SELECT(10)", .cdb = { 0x55, 0x10 }, .at = 7, .size = 2, .len = 8 + 12,
				.asc = ISCSIP_ASC_PARAMETER_LIST_LENGTH, .good = { 0, 8, UINT32_MAX }, .b = { [8] = 0x0a, 0x0a } };
	l[n++] = (struct list){ .name = "WRITE BUFFER", .cdb = { 0x3b, 0x0a }, .at = 6, .size = 3, .len = 40,
				.asc = ISCSIP_ASC_INVALID_FIELD_IN_UNIT, .b = { 1, 2, 3 }, .any = true };
	l[n++] = (struct list){ .name = "SET TARGET PORT GROUPS", .cdb = { 0xa4, 0x0a }, .at = 6, .size = 4, .len = 8,
				.asc = ISCSIP_ASC_PARAMETER_LIST_LENGTH, .good = { 0, UINT32_MAX }, .b = { [4] = 1, 0, 0, 1 } };
	l[n++] = (struct list){ .name = "SANITIZE", .cdb = { 0x48, 0x01 }, .at = 7, .size = 2, .len = 4 + 32,
				.asc = ISCSIP_ASC_PARAMETER_LIST_LENGTH, .good = { UINT32_MAX }, .b = { 1, 0, 0, 32, 0xa5 } };
	c = rig_run(r, 0, 0, inquiry, iscsip_cdb_inquiry(inquiry, 0x83, 255), NULL, 0, 255);
	l[n] = (struct list){ .name = "EXTENDED COPY", .cdb = { 0x83 }, .at = 10, .size = 4, .len = 16 + 32 + 28,
			      .asc = ISCSIP_ASC_PARAMETER_LIST_LENGTH, .good = { 0, UINT32_MAX } };
	store_be16(l[n].b + 2, 32);
	store_be32(l[n].b + 8, 28);
	l[n].b[16] = 0xe4;
	memcpy(l[n].b + 20, c->in + 4, 12);
	store_be24(l[n].b + 45, 512);
	l[n].b[48] = 0x02;
	store_be16(l[n].b + 50, 24);
	store_be16(l[n].b + 58, 8);
	store_be64(l[n].b + 60, 16);
	store_be64(l[n].b + 68, 500);
	return n + 1;
}

/* Page 0Ah as it is, but for D_SENSE: what MODE SELECT takes back. */
static void finish_page(struct rig *r, struct list *l)
{
	static const uint8_t sense[6] = { 0x1a, 0x08, 0x0a, 0, 64 };
	struct rig_cmd *c = rig_run(r, 0, 0, sense, 6, NULL, 0, 64);

	if (l->cdb[0] != 0x15 && l->cdb[0] != 0x55)
		return;
	memcpy(l->b + l->len - 12, c->in + 4, 12);
	l->b[l->len - 12] &= 0x3f;
	l->b[l->len - 12 + 2] ^= 0x04;
}

static struct rig_cmd *send(struct rig *r, const struct list *l, uint32_t says, uint32_t sends)
{
	/* SPEC_I_PT is for those who are not registered yet */
	int nexus = l->cdb[0] == 0x5f && l->cdb[1] == 0 && l->b[20] ? 1 : 0;
	uint8_t cdb[16];
	unsigned k;

	memcpy(cdb, l->cdb, 16);
	for (k = 0; k < l->size; k++)
		cdb[l->at + k] = (uint8_t)(says >> 8 * (l->size - 1u - k));
	return rig_run(r, nexus, 0, cdb, 16, l->b, sends, 0);
}

static bool whole_at(const struct list *l, uint32_t n)
{
	unsigned i;

	for (i = 0; i < 3 && l->good[i] != UINT32_MAX; i++)
		if (l->good[i] == n)
			return true;
	return l->any || (l->ignored && n >= l->ignored);
}

/* Registered: nexus 0 with key 1, which holds; nexus 1 with key 2 where @both. */
static struct rig *reserved_rig(bool both)
{
	static const uint8_t echo[10] = { 0x3b, 0x0a, 0, 0, 0, 0, 0, 0, 100 }, data[100] = { 5, 6, 7 };
	struct rig *r = filled(RIG_SYNC);
	struct list l = pr_list("", 6, 0);

	store_be64(l.b + 8, 1);
	assert_good(send(r, &l, 24, 24));
	l = pr_list("", 1, 5);
	assert_good(send(r, &l, 24, 24));
	if (both) {
		uint8_t cdb[10] = { 0x5f, 6, 0, 0, 0, 0, 0, 0, 24 }, list[24] = { [15] = 2 };

		assert_good(rig_run(r, 1, 0, cdb, 10, list, 24, 0));
	}
	assert_good(rig_run(r, 0, 0, echo, 10, data, 100, 0));
	return r;
}

static void a_parameter_list_that_is_cut_changes_nothing(void **state)
{
	struct snapshot *before = malloc(sizeof *before);
	struct list lists[24];
	unsigned i, n;

	(void)state;
	{
		struct rig *r = filled(RIG_SYNC);

		n = make_lists(r, lists);
		for (i = 0; i < n; i++)
			finish_page(r, &lists[i]);
		rig_free(r);
	}
	for (i = 0; i < n; i++) {
		struct list *l = &lists[i];
		bool spec_i_pt = strstr(l->name, "SPEC_I_PT") != NULL;
		struct rig *r = reserved_rig(!spec_i_pt);
		struct snapshot *after = malloc(sizeof *after);
		uint32_t cut;

		look(r, before);
		for (cut = 0; cut < l->len; cut++) {
			struct rig_cmd *c = send(r, l, l->len, cut);

			/* the initiator sends less than the CDB says */
			if (c->status != ISCSIP_STATUS_CHECK_CONDITION || c->sense.asc != l->asc)
				print_error("%s: %u bytes sent\n", l->name, cut);
			assert_check(c, ISCSIP_SENSE_ILLEGAL_REQUEST, l->asc);
			if (!l->any) {
				/* the CDB says so itself */
				c = send(r, l, cut, cut);
				if (whole_at(l, cut)) {
					assert_good(c);
				} else if (c->status != ISCSIP_STATUS_CHECK_CONDITION || c->sense.key != 5) {
					print_error("%s: of %u bytes: status %u\n", l->name, cut, c->status);
					fail();
				} else if (l->cdb[0] == ISCSIP_SCSI_SANITIZE) {
					assert_cdb_field(c, 7); /* SBC-3 5.24.2.1 */
				} else if (c->sense.asc != ISCSIP_ASC_INVALID_FIELD_IN_PARAMETERS) {
					assert_int_equal(c->sense.asc, l->asc);
				}
			}
			assert_unchanged(r, before);
		}
		/* the list itself is good, and does something */
		assert_good(send(r, l, l->len, l->len));
		rig_pump(r);
		look(r, after);
		if (memcmp(before, after, sizeof *after) == 0)
			print_error("%s changed nothing\n", l->name);
		assert_memory_not_equal(before, after, sizeof *after);
		free(after);
		rig_free(r);
	}
	free(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bit_that_the_standards_reserve_is_never_taken),
		cmocka_unit_test(a_range_that_is_not_on_the_medium_is_refused_by_every_command),
		cmocka_unit_test(every_allocation_length_cuts_and_does_nothing_else),
		cmocka_unit_test(data_out_of_another_length_never_reaches_other_blocks),
		cmocka_unit_test(a_parameter_list_that_is_cut_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
