/* SPDX-License-Identifier: MIT */
/*
 * The table of commands as data: opcodes.def expanded to rows, and an index by operation code to the first row of
 * each, so that dispatch is two loads for a command without service action and a short walk for one with. Whether a unit
 * offers a row can depend on what the unit is; what it does not offer it does not know (INVALID COMMAND OPERATION CODE).
 */
#include "disk/disk.h"

const struct disk_op iscsip__disk_ops[] = {
#define CMD(name, opcode, sa, len, place, reservation, timeout, flags, run, ...) \
	{ opcode, sa, len, place, reservation, timeout, flags, iscsip__disk_##run, { 0xff, __VA_ARGS__ } },
#define MORE CMD
#include "disk/opcodes.def"
#undef CMD
#undef MORE
};

enum {
#define CMD(name, ...) ROW_##name,
#define MORE CMD
#include "disk/opcodes.def"
#undef CMD
#undef MORE
	OPCODE_ROWS
};

const unsigned iscsip__disk_op_count = OPCODE_ROWS;

/* 1 + first row of an operation code. */
static const uint8_t op_index[256] = {
#define CMD(name, opcode, ...) [opcode] = ROW_##name + 1,
#define MORE(...)
#include "disk/opcodes.def"
#undef CMD
#undef MORE
};

const struct disk_op *iscsip__disk_first_op(uint8_t opcode)
{
	unsigned row = op_index[opcode];

	return row ? &iscsip__disk_ops[row - 1] : NULL;
}

const struct disk_op *iscsip__disk_find_op(const uint8_t *cdb)
{
	const struct disk_op *op = iscsip__disk_first_op(cdb[0]);
	const struct disk_op *end = iscsip__disk_ops + OPCODE_ROWS;

	if (!op || op->sa == DISK_NO_SA)
		return op;
	for (; op < end && op->opcode == cdb[0]; op++)
		if (op->sa == (cdb[1] & 0x1f))
			return op;
	return NULL;
}

bool iscsip__disk_op_condition(const struct disk_lun *lun, const struct disk_op *op)
{
	if (op->flags & OP_THIN && !(lun->cfg.flags & ISCSIP_LUN_THIN))
		return false;
	if (op->flags & OP_ERASE && lun->cfg.flags & ISCSIP_LUN_NO_SANITIZE)
		return false;
	/* the state of memory that goes with the disk needs no keeping */
	if (op->flags & OP_KEEPS && !lun->ops->commit && !(lun->cfg.flags & ISCSIP_LUN_VOLATILE))
		return false;
	if (op->flags & OP_STPG && !(lun->disk->cfg.host && lun->disk->cfg.host->set_port_group))
		return false;
	return true;
}
