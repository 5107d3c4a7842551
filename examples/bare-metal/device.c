/* SPDX-License-Identifier: MIT */
/*
 * The smallest device server that an initiator can use: one logical unit of 32 KiB in RAM. Data goes straight between the
 * disk's memory and the connection; parameters stand in a few bytes for each command, as many as the session has tasks.
 * A product with more to offer takes the library's disk module instead (disk.h).
 */
#include "board.h"

#define BLOCK 512u
#define BLOCKS 64u
#define COMMANDS 8

static _Alignas(8) uint8_t disk[BLOCKS * BLOCK];

/* What a command needs until it is freed. */
struct record {
	struct iscsip_cmd *cmd;
	struct iscsip_vec vec;
	uint8_t small[36]; /* parameters, sense data */
};

static struct record records[COMMANDS];

static struct record *record_of(struct iscsip_cmd *cmd)
{
	struct record *r = cmd->user;
	int i;

	for (i = 0; !r && i < COMMANDS; i++)
		if (!records[i].cmd)
			r = &records[i];
	if (r) {
		r->cmd = cmd;
		cmd->user = r;
	}
	return r;
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_be32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

/* --- answers --- */

/* An answer is refused where the command has ended by another way meanwhile, by which its initiator knows more than by this one. */

static void end(struct iscsip_cmd *cmd, uint32_t in_total, uint32_t out_total)
{
	struct iscsip_cmd_status st = { .in_total = in_total, .out_total = out_total };

	(void)iscsip_cmd_complete(cmd, &st);
}

static void end_busy(struct iscsip_cmd *cmd)
{
	struct iscsip_cmd_status st = { .status = 0x28 }; /* TASK SET FULL */

	(void)iscsip_cmd_complete(cmd, &st);
}

/* CHECK CONDITION, ILLEGAL REQUEST, in fixed format. */
static void end_illegal(struct record *r, uint8_t asc)
{
	struct iscsip_cmd_status st = { .status = 2, .sense = r->small, .sense_len = 18 };

	memset(r->small, 0, 18);
	r->small[0] = 0x70;
	r->small[2] = 5;
	r->small[7] = 10;
	r->small[12] = asc;
	(void)iscsip_cmd_complete(r->cmd, &st);
}

/* Sends n bytes, of which the initiator wants at most `wanted`. */
static void end_with(struct record *r, void *bytes, uint32_t n, uint32_t wanted)
{
	n = n < wanted ? n : wanted;
	r->vec.base = bytes;
	r->vec.len = n;
	if (n)
		(void)iscsip_cmd_send_data(r->cmd, &r->vec, 1, n, true);
	end(r->cmd, n, 0);
}

/* --- commands --- */

static void inquiry(struct record *r)
{
	static const char names[] = "ISCSIPROBARE METAL      0001";
	const uint8_t *cdb = r->cmd->cdb;

	memset(r->small, 0, 36);
	if (cdb[1] == 1 && cdb[2] == 0) { /* the list of pages of vital product data: itself */
		r->small[3] = 1;
		end_with(r, r->small, 5, (uint32_t)cdb[3] << 8 | cdb[4]);
		return;
	}
	if (cdb[1] || cdb[2]) {
		end_illegal(r, 0x24);
		return;
	}
	r->small[0] = r->cmd->lun ? 0x7f : 0;
	r->small[2] = 6;
	r->small[3] = 2;
	r->small[4] = 31;
	r->small[7] = 2; /* CMDQUE */
	memcpy(r->small + 8, names, 28);
	end_with(r, r->small, 36, (uint32_t)cdb[3] << 8 | cdb[4]);
}

static void report_luns(struct record *r)
{
	memset(r->small, 0, 16);
	r->small[3] = 8;
	end_with(r, r->small, 16, be32(r->cmd->cdb + 6));
}

static void read_capacity(struct record *r)
{
	put_be32(r->small, BLOCKS - 1);
	put_be32(r->small + 4, BLOCK);
	end_with(r, r->small, 8, 8);
}

static void mode_sense(struct record *r)
{
	memset(r->small, 0, 4);
	r->small[0] = 3;
	end_with(r, r->small, 4, r->cmd->cdb[4]);
}

/* READ(10) and WRITE(10): the range on the disk, or NULL. */
static uint8_t *range(const struct iscsip_cmd *cmd, uint32_t *len)
{
	uint32_t lba = be32(cmd->cdb + 2), n = (uint32_t)cmd->cdb[7] << 8 | cmd->cdb[8];

	*len = n * BLOCK;
	return lba <= BLOCKS && n <= BLOCKS - lba ? disk + lba * BLOCK : NULL;
}

static void read_10(struct record *r)
{
	uint32_t len;
	uint8_t *at = range(r->cmd, &len);

	if (at)
		end_with(r, at, len, len);
	else
		end_illegal(r, 0x21);
}

static void written(struct record *r)
{
	uint32_t len;

	(void)range(r->cmd, &len);
	end(r->cmd, 0, len);
}

static void write_10(struct record *r)
{
	uint32_t len;

	if (!range(r->cmd, &len) || r->cmd->out_len > len) {
		end_illegal(r, 0x21);
		return;
	}
	len = len < r->cmd->out_len ? len : r->cmd->out_len;
	if (len == 0 || iscsip_cmd_request_data(r->cmd, 0, len) == ISCSIP_DONE)
		written(r);
}

/* --- the device server's table --- */

/* Write data lands where it belongs at once. A command that is no good gets no place, and then a status. */
static int place(void *user, struct iscsip_cmd *cmd)
{
	struct record *r = record_of(cmd);
	uint32_t len;
	uint8_t *at = range(cmd, &len);

	(void)user;
	if (!r || cmd->cdb[0] != 0x2a || cmd->lun || !at || cmd->out_len > len || cmd->out_len == 0)
		return ISCSIP_OK;
	r->vec.base = at;
	r->vec.len = len;
	return iscsip_cmd_set_buffer(cmd, &r->vec, 1);
}

static void exec(void *user, struct iscsip_cmd *cmd)
{
	struct record *r = record_of(cmd);

	(void)user;
	if (!r) {
		end_busy(cmd);
		return;
	}
	if (cmd->lun && cmd->cdb[0] != 0x12 && cmd->cdb[0] != 0xa0) {
		end_illegal(r, 0x25);
		return;
	}
	switch (cmd->cdb[0]) {
	case 0x00: /* TEST UNIT READY */
	case 0x35: /* SYNCHRONIZE CACHE(10) */
		end(cmd, 0, 0);
		return;
	case 0x12:
		inquiry(r);
		return;
	case 0x1a:
		mode_sense(r);
		return;
	case 0x25:
		read_capacity(r);
		return;
	case 0x28:
		read_10(r);
		return;
	case 0x2a:
		write_10(r);
		return;
	case 0xa0:
		report_luns(r);
		return;
	default:
		end_illegal(r, 0x20);
	}
}

static void data(void *user, struct iscsip_cmd *cmd)
{
	(void)user;
	written(cmd->user);
}

/* Nothing here takes long, but for a write that waits for data. */
static void given_up(void *user, struct iscsip_cmd *cmd)
{
	(void)user;
	end(cmd, 0, 0);
}

static void forget(void *user, struct iscsip_cmd *cmd)
{
	struct record *r = cmd->user;

	(void)user;
	if (r)
		r->cmd = NULL;
}

const struct iscsip_device_ops device_ops = {
	.struct_size = sizeof device_ops,
	.place = place,
	.exec = exec,
	.data = data,
	.abort = given_up,
	.free = forget,
};
