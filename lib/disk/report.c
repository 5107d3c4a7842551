/* SPDX-License-Identifier: MIT */
/*
 * What the device says of itself: its units (REPORT LUNS), its commands and task management functions, and its target port
 * groups with their states (SPC-4 6.33 to 6.37, 6.45). Also what a LUN answers that has no unit behind it.
 */
#include "disk/disk.h"

#define put iscsip__disk_put
#define put8 iscsip__disk_put8
#define put16 iscsip__disk_put16
#define put32 iscsip__disk_put32
#define put64 iscsip__disk_put64
#define put_zero iscsip__disk_put_zero

/*
 * A LUN without unit answers INQUIRY and REQUEST SENSE; REPORT LUNS works at LUN 0 in any case, and at its well-known unit
 * (SPC-4 6.33, 8.2). Answers whether the command has ended.
 */
bool iscsip__disk_no_lun(struct disk_req *r)
{
	uint32_t number = iscsip_lun_decode(r->cmd->lun);
	bool well_known = number == ISCSIP_LUN_REPORT_LUNS;

	switch (r->cdb[0]) {
	case ISCSIP_SCSI_INQUIRY:
	case ISCSIP_SCSI_REQUEST_SENSE:
		return false;
	case ISCSIP_SCSI_REPORT_LUNS:
		if (well_known || number == 0)
			return false;
		break;
	case ISCSIP_SCSI_TEST_UNIT_READY:
		if (well_known)
			return false;
		break;
	default:
		if (!well_known)
			break;
		iscsip__disk_fail(r, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_INVALID_OPCODE);
		return true;
	}
	iscsip__disk_fail(r, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_LUN_NOT_SUPPORTED);
	return true;
}

/* --- REPORT LUNS ---------------------------------------------------------------------------------------------- */

static void make_luns(struct disk_req *r, struct disk_out *o)
{
	const struct iscsip_disk *d = r->disk;
	uint32_t i;

	put32(o, o->size > 8 ? (uint32_t)(o->size - 8) : 0);
	put32(o, 0);
	for (i = 0; i <= d->cfg.max_lun && r->cdb[2] != 1; i++)
		if (d->map[i])
			put64(o, iscsip_lun_encode(i));
	if (r->cdb[2])
		put64(o, iscsip_lun_encode(ISCSIP_LUN_REPORT_LUNS));
}

void iscsip__disk_report_luns(struct disk_req *r)
{
	uint32_t i, alloc = load_be32(r->cdb + 6);

	if (r->cdb[2] > 2) {
		iscsip__disk_fail_cdb(r, 2, 7);
		return;
	}
	if (alloc < 16) {
		iscsip__disk_fail_cdb(r, 6, 7);
		return;
	}
	/* the initiator learns now what this unit attention would tell (SPC-4 6.33) */
	for (i = 0; i < r->disk->luns_used; i++)
		disk_itl_at(&r->disk->luns[i], r->slot)->ua &= ~(1u << UA_LUNS_CHANGED);
	iscsip__disk_reply(r, alloc, make_luns);
}

/* --- REPORT SUPPORTED OPERATION CODES ------------------------------------------------------------------------- */

enum {
	REPORT_ALL = 0,
	REPORT_OPCODE = 1,
	REPORT_OPCODE_SA = 2,
	REPORT_EITHER = 3,
	TIMEOUTS_LEN = 12
};

static void put_timeouts(struct disk_out *o, const struct disk_op *op)
{
	put16(o, TIMEOUTS_LEN - 2);
	put16(o, 0);
	put32(o, 0);
	put32(o, 1u << op->timeout);
}

static void make_all_opcodes(struct disk_req *r, struct disk_out *o)
{
	bool timeouts = r->cdb[2] & 0x80;
	unsigned i;

	put32(o, o->size > 4 ? (uint32_t)(o->size - 4) : 0);
	for (i = 0; i < iscsip__disk_op_count; i++) {
		const struct disk_op *op = &iscsip__disk_ops[i];
		bool sa = op->sa != DISK_NO_SA;

		if (!disk_op_offered(r->lun, op))
			continue;
		put8(o, op->opcode);
		put8(o, 0);
		put16(o, sa ? op->sa : 0);
		put8(o, 0);
		put8(o, (timeouts ? 0x02 : 0) | (sa ? 0x01 : 0));
		put16(o, op->len);
		if (timeouts)
			put_timeouts(o, op);
	}
}

static const struct disk_op *wanted_opcode(const struct disk_req *r)
{
	uint8_t cdb[2] = { r->cdb[3], r->cdb[5] };
	const struct disk_op *op;

	if (r->cdb[4] || (r->cdb[5] & ~0x1f))
		op = NULL;
	else
		op = iscsip__disk_find_op(cdb);
	/* an operation code without service actions is found with none only, when either form may be asked for */
	if (op && op->sa == DISK_NO_SA && load_be16(r->cdb + 4) && (r->cdb[2] & 7) == REPORT_EITHER)
		op = NULL;
	return op && disk_op_offered(r->lun, op) ? op : NULL;
}

static void make_one_opcode(struct disk_req *r, struct disk_out *o)
{
	const struct disk_op *op = wanted_opcode(r);
	bool timeouts = op && r->cdb[2] & 0x80;

	put8(o, 0);
	put8(o, (timeouts ? 0x80u : 0) | (op ? 3 : 1)); /* SUPPORT: as the standard has it, or not */
	put16(o, op ? op->len : 0);
	if (!op)
		return;
	put8(o, op->opcode);
	if (op->sa != DISK_NO_SA)
		put8(o, (op->usage[1] & ~0x1fu) | op->sa);
	else
		put8(o, op->usage[1]);
	put(o, op->usage + 2, op->len - 2u);
	if (timeouts)
		put_timeouts(o, op);
}

void iscsip__disk_report_opcodes(struct disk_req *r)
{
	const struct disk_op *first = iscsip__disk_first_op(r->cdb[3]);
	bool has_sa = first && first->sa != DISK_NO_SA;
	unsigned option = r->cdb[2] & 7;

	if (option > REPORT_EITHER) {
		iscsip__disk_fail_cdb(r, 2, 2);
		return;
	}
	/* SPC-4 table 281: the form of the question must be that of the command */
	if ((option == REPORT_OPCODE && has_sa) || (option == REPORT_OPCODE_SA && first && !has_sa)) {
		iscsip__disk_fail_cdb(r, 2, 2);
		return;
	}
	iscsip__disk_reply(r, load_be32(r->cdb + 6), option == REPORT_ALL ? make_all_opcodes : make_one_opcode);
}

static void make_tmfs(struct disk_req *r, struct disk_out *o)
{
	bool extended = r->cdb[2] & 0x80;

	put8(o, 0xfc | 0x02); /* ABORT TASK, ABORT TASK SET, CLEAR ACA, CLEAR TASK SET, LU RESET, QUERY TASK, TARGET RESET */
	put8(o, 0x07);        /* QUERY ASYNCHRONOUS EVENT, QUERY TASK SET, I_T NEXUS RESET */
	put8(o, 0);
	put8(o, extended ? 0x0c : 0);
	if (extended)
		put_zero(o, 12);
}

void iscsip__disk_report_tmfs(struct disk_req *r)
{
	uint32_t alloc = load_be32(r->cdb + 6);

	if (alloc < 4)
		iscsip__disk_fail_cdb(r, 6, 7);
	else
		iscsip__disk_reply(r, alloc, make_tmfs);
}

/* --- target port groups --------------------------------------------------------------------------------------- */

static bool first_of_group(const struct iscsip_disk *d, unsigned i)
{
	unsigned j;

	for (j = 0; j < i; j++)
		if (d->ports[j].group == d->ports[i].group)
			return false;
	return true;
}

static unsigned ports_of_group(const struct iscsip_disk *d, uint16_t group)
{
	unsigned j, n = 0;

	for (j = 0; j < d->cfg.port_count; j++)
		n += d->ports[j].group == group;
	return n;
}

static void put_port_group(const struct iscsip_disk *d, unsigned i, struct disk_out *o)
{
	uint16_t group = d->ports[i].group;
	unsigned j;

	put8(o, d->group_state[i]);
	put8(o, 0xcf); /* all states but logical block dependent */
	put16(o, group);
	put8(o, 0);
	put8(o, 0x02); /* the state was set by the device */
	put8(o, 0);
	put8(o, ports_of_group(d, group));
	for (j = 0; j < d->cfg.port_count; j++) {
		if (d->ports[j].group != group)
			continue;
		put16(o, 0);
		put16(o, d->ports[j].id);
	}
}

static void make_port_groups(struct disk_req *r, struct disk_out *o)
{
	const struct iscsip_disk *d = r->disk;
	unsigned i;

	put32(o, o->size > 4 ? (uint32_t)(o->size - 4) : 0);
	if (r->cdb[1] >> 5 == 1) {
		put8(o, 0x10); /* the extended header, no transition time told */
		put_zero(o, 3);
	}
	for (i = 0; i < d->cfg.port_count; i++)
		if (first_of_group(d, i))
			put_port_group(d, i, o);
}

void iscsip__disk_report_port_groups(struct disk_req *r)
{
	if (r->cdb[1] >> 5 > 1)
		iscsip__disk_fail_cdb(r, 1, 7);
	else
		iscsip__disk_reply(r, load_be32(r->cdb + 6), make_port_groups);
}

static bool alua_state_known(uint8_t state)
{
	return state <= ISCSIP_ALUA_UNAVAILABLE || state == ISCSIP_ALUA_OFFLINE || state == ISCSIP_ALUA_TRANSITIONING;
}

/* Every nexus learns of the change, but for the one that asked for it. */
static bool group_change(struct iscsip_disk *d, uint16_t group, uint8_t state, const struct disk_slot *but)
{
	bool found = false;
	uint32_t i;

	for (i = 0; i < d->cfg.port_count; i++) {
		if (d->ports[i].group != group)
			continue;
		d->group_state[i] = state;
		found = true;
	}
	for (i = 0; i < d->slots_used && found; i++) {
		struct disk_slot *slot = &d->slots[i];
		uint8_t now = d->group_state[slot->port];

		slot->alua = now > ISCSIP_ALUA_NON_OPTIMIZED ? (uint8_t)(0x80 | now) : 0;
	}
	for (i = 0; i < d->luns_used && found; i++)
		if (d->luns[i].used)
			iscsip__disk_ua_all(&d->luns[i], but, UA_ALUA);
	return found;
}

int iscsip_disk_set_port_group(struct iscsip_disk *d, uint16_t group, uint8_t state)
{
	if (!alua_state_known(state))
		return ISCSIP_EINVAL;
	return group_change(d, group, state, NULL) ? ISCSIP_OK : ISCSIP_ENOENT;
}

static bool group_known(const struct iscsip_disk *d, uint16_t group)
{
	return ports_of_group(d, group) > 0;
}

/* SET TARGET PORT GROUPS, SPC-4 6.45: the whole list is checked before the first group changes. */
static void port_groups_given(struct disk_req *r)
{
	const struct iscsip_disk_host *host = r->disk->cfg.host;
	const uint8_t *p = iscsip__disk_parameter(r);
	uint32_t at;

	for (at = 4; at < r->take; at += 4) {
		uint8_t state = p[at] & 0x0f;

		/* transitioning and offline are states that a device gets into, not that it is asked for */
		if (!alua_state_known(state) || state >= ISCSIP_ALUA_OFFLINE) {
			iscsip__disk_fail_parameter(r, at, 3);
			return;
		}
		if (!group_known(r->disk, load_be16(p + at + 2))) {
			iscsip__disk_fail_parameter(r, at + 2, 7);
			return;
		}
	}
	for (at = 4; at < r->take; at += 4) {
		uint16_t group = load_be16(p + at + 2);

		if (host->set_port_group(r->disk->cfg.user, group, p[at] & 0x0f) != ISCSIP_OK) {
			iscsip__disk_fail(r, ISCSIP_SENSE_HARDWARE_ERROR, ISCSIP_ASC_SET_PORT_GROUPS_FAILED);
			return;
		}
		group_change(r->disk, group, p[at] & 0x0f, r->slot);
	}
	iscsip__disk_good(r);
}

void iscsip__disk_set_port_groups(struct disk_req *r)
{
	uint32_t len = load_be32(r->cdb + 6);

	r->out_total = len;
	if (len == 0)
		iscsip__disk_good(r);
	else if (len < 8 || len % 4 || len > r->disk->cfg.buffer_size || len > r->cmd->out_len)
		iscsip__disk_fail(r, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_PARAMETER_LIST_LENGTH);
	else
		iscsip__disk_collect(r, len, false, port_groups_given);
}

#undef put
#undef put8
#undef put16
#undef put32
#undef put64
#undef put_zero
