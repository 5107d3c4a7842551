/* SPDX-License-Identifier: MIT */
/*
 * PERSISTENT RESERVE OUT (SPC-4 5.7, 6.16): how each service action is judged. Judging looks at the state in force and
 * writes the draft of the next one; a reason to refuse is met on the way or when the draft has no room, and then the draft
 * is dropped. commit.c brings it into force, with all that others notice. PREEMPT AND ABORT answers only when nothing of the
 * aborted commands can still reach the medium.
 */
#include "disk/disk.h"

enum {
	PROUT_LIST = 24,
	PROUT_IDS = PROUT_LIST + 4, /* where the TransportIDs of SPEC_I_PT begin */
	SPEC_I_PT = 0x08,
	ALL_TG_PT = 0x04,
	APTPL = 0x01,
	MOVE_UNREG = 0x02
};

static uint64_t own_key(const struct disk_req *r)
{
	return r->itl->reg ? r->disk->regs[r->itl->reg - 1].key : 0;
}

/* --- ends ----------------------------------------------------------------------------------------------------- */

static void prout_wait(struct disk_req *r)
{
	if (r->op->sa != PROUT_PREEMPT_AND_ABORT || !iscsip__disk_lun_stuck(r->lun)) {
		iscsip__disk_good(r);
		return;
	}
	iscsip__disk_wait_quiet(r, prout_wait);
}

static void prout_committed(struct disk_req *r)
{
	if (r->result == ISCSIP_STORAGE_OK)
		prout_wait(r);
	else
		iscsip__disk_fail_storage(r);
}

static void prout_commit(struct disk_req *r)
{
	const uint8_t *p = iscsip__disk_parameter(r);
	struct disk_cause cause;

	cause.action = r->op->sa;
	cause.port = r->disk->ports[r->slot->port].id;
	cause.id = r->slot->id;
	cause.id_len = r->slot->id_len;
	cause.key = load_be64(p);
	cause.sa_key = load_be64(p + 8);
	iscsip__disk_commit(r, &cause, prout_committed);
}

/* --- REGISTER, REGISTER AND IGNORE EXISTING KEY --------------------------------------------------------------- */

/* Ports that are known by this name: of open nexus, and of registrations. Stops at two, which is too many. */
static unsigned ports_of_name(const struct disk_req *r, const uint8_t *id, size_t len)
{
	const struct iscsip_disk *d = r->disk;
	const uint8_t *found = NULL;
	size_t found_len = 0;
	uint32_t i;

	for (i = 0; i < d->slots_used + d->cfg.max_registrations; i++) {
		const struct disk_slot *slot = i < d->slots_used ? &d->slots[i] : NULL;
		const struct disk_reg *g = slot ? NULL : iscsip__disk_reg_of(r->lun, i - d->slots_used, REG_NOW);
		const uint8_t *other = slot ? slot->id : g ? g->id : NULL;
		size_t n = slot ? slot->id_len : g ? g->id_len : 0;

		if (!other || !iscsip__disk_id_equal(other, n, id, len))
			continue;
		if (found && !iscsip__disk_id_equal(other, n, found, found_len))
			return 2;
		found = other;
		found_len = n;
	}
	return found != NULL;
}

/*
 * Length of the TransportID at @p, or 0 where it names no port that could log in here: not of this transport, or a bare name
 * that stands for several ports (SPC-4 7.6.4.6).
 */
static size_t port_id(const struct disk_req *r, const uint8_t *p, size_t n)
{
	size_t len = iscsip_transport_id_length(p, n);

	if (len == 0 || len > r->disk->cfg.transport_id_max || (p[0] & 0x0f) != (r->slot->id[0] & 0x0f))
		return 0;
	if ((p[0] & 0x0f) == 5 && (p[0] & 0xc0) == 0 && ports_of_name(r, p, len) > 1)
		return 0;
	return len;
}

/* The list of SPEC_I_PT in the parameters is one that can be; else the command has failed. */
static bool spec_ids_valid(struct disk_req *r, const uint8_t *p)
{
	uint32_t at = PROUT_IDS, end;

	if (r->take < at || load_be32(p + PROUT_LIST) > r->take - at) {
		iscsip__disk_fail(r, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_PARAMETER_LIST_LENGTH);
		return false;
	}
	for (end = at + load_be32(p + PROUT_LIST); at < end;) {
		size_t len = port_id(r, p + at, end - at);

		if (len == 0) {
			iscsip__disk_fail_parameter(r, at, 7);
			return false;
		}
		at += (uint32_t)len;
	}
	return true;
}

enum registered { REGISTERED_OK, REGISTERED_FULL, REGISTERED_OTHERWISE };

/*
 * One initiator port at the port that the command came in by, or at all. The command's own registrations take the new key;
 * another's that has a key of its own keeps it, and nobody is registered then (SPC-4 6.16.3: all or none).
 */
static enum registered register_id(struct disk_req *r, const uint8_t *id, size_t len, bool all_ports, uint64_t key, bool own)
{
	const struct iscsip_disk *d = r->disk;
	unsigned i;

	for (i = 0; i < d->cfg.port_count; i++) {
		const struct disk_reg *g;

		if (!all_ports && i != r->slot->port)
			continue;
		g = iscsip__disk_draft_find(r->lun, id, len, d->ports[i].id);
		if (g && !own && g->next_key != key)
			return REGISTERED_OTHERWISE;
		if (!iscsip__disk_draft_add(r->lun, id, len, d->ports[i].id, key))
			return REGISTERED_FULL;
	}
	return REGISTERED_OK;
}

static bool register_full(struct disk_req *r)
{
	iscsip__disk_draft_drop(r->lun);
	iscsip__disk_fail(r, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_INSUFFICIENT_REGISTRATIONS);
	return false;
}

static bool register_all(struct disk_req *r, const uint8_t *p, uint64_t key)
{
	bool all_ports = p[20] & ALL_TG_PT;
	uint32_t at = PROUT_IDS, end = p[20] & SPEC_I_PT ? at + load_be32(p + PROUT_LIST) : at;
	enum registered how;

	if (register_id(r, r->slot->id, r->slot->id_len, all_ports, key, true) != REGISTERED_OK)
		return register_full(r);
	while (at < end) {
		size_t len = iscsip_transport_id_length(p + at, end - at);

		how = register_id(r, p + at, len, all_ports, key, false);
		if (how == REGISTERED_FULL)
			return register_full(r);
		if (how == REGISTERED_OTHERWISE) {
			iscsip__disk_draft_drop(r->lun);
			iscsip__disk_fail_parameter(r, at, 7);
			return false;
		}
		at += (uint32_t)len;
	}
	return true;
}

static void unregister_one(struct disk_lun *lun, struct disk_reg *g)
{
	bool held = iscsip__disk_is_holder(lun, (unsigned)(g - lun->disk->regs) + 1);

	iscsip__disk_draft_remove(lun, g);
	if (held && (!iscsip__disk_all_registrants(&lun->now) || lun->next.regs == 0))
		iscsip__disk_draft_release(lun);
}

static void unregister(struct disk_req *r, bool all_ports)
{
	const struct iscsip_disk *d = r->disk;
	unsigned i;

	unregister_one(r->lun, &r->disk->regs[r->itl->reg - 1]);
	for (i = 0; i < d->cfg.port_count && all_ports; i++) {
		struct disk_reg *g = iscsip__disk_draft_find(r->lun, r->slot->id, r->slot->id_len, d->ports[i].id);

		if (g && g->sides & REG_NEXT)
			unregister_one(r->lun, g);
	}
}

static void prout_register(struct disk_req *r, const uint8_t *p)
{
	struct disk_lun *lun = r->lun;
	uint64_t new_key = load_be64(p + 8);
	unsigned own = r->itl->reg;

	if (r->op->sa == PROUT_REGISTER && load_be64(p) != own_key(r)) {
		iscsip__disk_conflict(r);
		return;
	}
	/* other ports can be named only by one that registers itself thereby (SPC-4 6.16.3) */
	if (p[20] & SPEC_I_PT && (own || r->op->sa == PROUT_REGISTER_AND_IGNORE || new_key == 0)) {
		iscsip__disk_fail_parameter(r, 20, 3);
		return;
	}
	if (p[20] & SPEC_I_PT && !spec_ids_valid(r, p))
		return;
	if (!new_key && !own) {
		iscsip__disk_good(r); /* nothing to take back: nothing is done, not even with APTPL (SPC-4 table 54) */
		return;
	}
	iscsip__disk_draft_begin(lun);
	if (!new_key)
		unregister(r, p[20] & ALL_TG_PT);
	else if (!register_all(r, p, new_key))
		return;
	lun->next.generation++;
	lun->next.aptpl = p[20] & APTPL;
	prout_commit(r);
}

/* --- RESERVE, RELEASE, CLEAR ---------------------------------------------------------------------------------- */

static void prout_reserve(struct disk_req *r)
{
	struct disk_lun *lun = r->lun;
	uint8_t type = r->cdb[2] & 0x0f;

	if (lun->now.type && (!iscsip__disk_is_holder(lun, r->itl->reg) || lun->now.type != type)) {
		iscsip__disk_conflict(r);
		return;
	}
	if (lun->now.type) {
		iscsip__disk_good(r);
		return;
	}
	iscsip__disk_draft_begin(lun);
	iscsip__disk_draft_reserve(lun, type, r->itl->reg);
	prout_commit(r);
}

static void prout_release(struct disk_req *r)
{
	struct disk_lun *lun = r->lun;

	if (!iscsip__disk_is_holder(lun, r->itl->reg)) {
		iscsip__disk_good(r);
		return;
	}
	if (lun->now.type != (r->cdb[2] & 0x0f) || r->cdb[2] >> 4) {
		iscsip__disk_fail(r, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_INVALID_RELEASE);
		return;
	}
	iscsip__disk_draft_begin(lun);
	iscsip__disk_draft_release(lun);
	prout_commit(r);
}

/* Takes the registrations with @key (0: every one) out of the draft, but for the command's own where it is to stay. */
static void remove_keys(struct disk_req *r, uint64_t key, bool own_too)
{
	unsigned i;

	for (i = 0; i < r->disk->cfg.max_registrations; i++) {
		struct disk_reg *g = iscsip__disk_reg_of(r->lun, i, REG_NEXT);

		if (g && (key == 0 || g->key == key) && (own_too || i + 1 != r->itl->reg))
			iscsip__disk_draft_remove(r->lun, g);
	}
}

static void prout_clear(struct disk_req *r)
{
	struct disk_lun *lun = r->lun;

	iscsip__disk_draft_begin(lun);
	remove_keys(r, 0, true);
	iscsip__disk_draft_release(lun);
	lun->next.generation++;
	prout_commit(r);
}

/* --- PREEMPT, PREEMPT AND ABORT (SPC-4 5.7.11.4) -------------------------------------------------------------- */

static bool key_registered(const struct disk_req *r, uint64_t key)
{
	unsigned i;

	for (i = 0; i < r->disk->cfg.max_registrations; i++) {
		const struct disk_reg *g = iscsip__disk_reg_of(r->lun, i, REG_NOW);

		if (g && g->key == key)
			return true;
	}
	return false;
}

static void prout_preempt(struct disk_req *r, const uint8_t *p)
{
	struct disk_lun *lun = r->lun;
	uint64_t key = load_be64(p + 8);
	bool all = iscsip__disk_all_registrants(&lun->now);
	bool takes = lun->now.type && (all ? key == 0 : key == r->disk->regs[lun->now.holder - 1].key);

	if (key == 0 && !all) {
		iscsip__disk_fail_parameter(r, 8, 7);
		return;
	}
	if (!takes && !key_registered(r, key)) {
		iscsip__disk_conflict(r);
		return;
	}
	iscsip__disk_draft_begin(lun);
	remove_keys(r, key, false);
	if (takes)
		iscsip__disk_draft_reserve(lun, r->cdb[2] & 0x0f, r->itl->reg);
	lun->next.generation++;
	prout_commit(r);
}

/* --- REGISTER AND MOVE (SPC-4 5.7.8, 6.16.4) ------------------------------------------------------------------ */

static bool port_known(const struct iscsip_disk *d, uint16_t port)
{
	unsigned i;

	for (i = 0; i < d->cfg.port_count; i++)
		if (d->ports[i].id == port)
			return true;
	return false;
}

/* The parameters name a port to move to; false: refused. */
static bool move_valid(struct disk_req *r, const uint8_t *p)
{
	uint16_t port = load_be16(p + 18);
	size_t len = load_be32(p + 20);

	if (r->take - PROUT_LIST < len) {
		iscsip__disk_fail(r, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_PARAMETER_LIST_LENGTH);
		return false;
	}
	if (load_be64(p + 8) == 0 || !port_known(r->disk, port)) {
		iscsip__disk_fail_parameter(r, load_be64(p + 8) ? 18 : 8, 7);
		return false;
	}
	if (port_id(r, p + PROUT_LIST, len) != len || len == 0 ||
	    (port == r->disk->ports[r->slot->port].id &&
	     iscsip__disk_id_equal(p + PROUT_LIST, len, r->slot->id, r->slot->id_len))) {
		iscsip__disk_fail_parameter(r, PROUT_LIST, 7);
		return false;
	}
	return true;
}

static void prout_move(struct disk_req *r, const uint8_t *p)
{
	struct disk_lun *lun = r->lun;
	struct disk_reg *to;

	if (!iscsip__disk_is_holder(lun, r->itl->reg) || iscsip__disk_all_registrants(&lun->now)) {
		iscsip__disk_conflict(r);
		return;
	}
	if (!move_valid(r, p))
		return;
	iscsip__disk_draft_begin(lun);
	to = iscsip__disk_draft_add(lun, p + PROUT_LIST, load_be32(p + 20), load_be16(p + 18), load_be64(p + 8));
	if (!to) {
		register_full(r);
		return;
	}
	iscsip__disk_draft_reserve(lun, lun->now.type, (uint16_t)(to - r->disk->regs + 1));
	if (p[17] & MOVE_UNREG)
		iscsip__disk_draft_remove(lun, &r->disk->regs[r->itl->reg - 1]);
	lun->next.generation++;
	lun->next.aptpl = p[17] & APTPL;
	prout_commit(r);
}

/* --- the command ---------------------------------------------------------------------------------------------- */

static bool registers(const struct disk_req *r)
{
	return r->op->sa == PROUT_REGISTER || r->op->sa == PROUT_REGISTER_AND_IGNORE;
}

/* No other change is under way: the state in force is what the command is judged on. */
static void prout_judge(struct disk_req *r)
{
	const uint8_t *p = iscsip__disk_parameter(r);

	/* RESERVE and persistent reservations exclude each other (SPC-2 5.5.1), and one may have come since */
	if (r->lun->reserved || (!registers(r) && (!r->itl->reg || own_key(r) != load_be64(p)))) {
		iscsip__disk_conflict(r);
		return;
	}
	switch (r->op->sa) {
	case PROUT_REGISTER:
	case PROUT_REGISTER_AND_IGNORE:
		prout_register(r, p);
		break;
	case PROUT_RESERVE:
		prout_reserve(r);
		break;
	case PROUT_RELEASE:
		prout_release(r);
		break;
	case PROUT_CLEAR:
		prout_clear(r);
		break;
	case PROUT_REGISTER_AND_MOVE:
		prout_move(r, p);
		break;
	default:
		prout_preempt(r, p);
		break;
	}
}

/* What the parameter list has that no state could make right. */
static void prout_given(struct disk_req *r)
{
	const uint8_t *p = iscsip__disk_parameter(r);
	bool move = r->op->sa == PROUT_REGISTER_AND_MOVE;
	bool aptpl = move ? p[17] & APTPL : registers(r) && p[20] & APTPL;

	if (aptpl && !r->lun->ops->commit) {
		iscsip__disk_fail_parameter(r, move ? 17 : 20, 0);
		return;
	}
	/* SPEC_I_PT makes sense in REGISTER only; without it the list has one length (SPC-4 6.16.3) */
	if (!registers(r) && !move && p[20] & SPEC_I_PT) {
		iscsip__disk_fail_parameter(r, 20, 3);
		return;
	}
	if (!move && !(p[20] & SPEC_I_PT) && r->take != PROUT_LIST) {
		iscsip__disk_fail(r, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_PARAMETER_LIST_LENGTH);
		return;
	}
	iscsip__disk_change(r, prout_judge);
}

/* Scope and type of those service actions that look at them. */
static bool type_valid(struct disk_req *r)
{
	uint8_t type = r->cdb[2] & 0x0f;

	switch (r->op->sa) {
	case PROUT_RESERVE:
	case PROUT_PREEMPT:
	case PROUT_PREEMPT_AND_ABORT:
		if (r->cdb[2] >> 4) {
			iscsip__disk_fail_cdb(r, 2, 7);
			return false;
		}
		if (!(0x1ea >> type & 1)) {
			iscsip__disk_fail_cdb(r, 2, 3);
			return false;
		}
		return true;
	default:
		return true;
	}
}

void iscsip__disk_persistent_out(struct disk_req *r)
{
	uint32_t len = load_be32(r->cdb + 5);

	r->out_total = len;
	if (r->lun->reserved) {
		iscsip__disk_conflict(r);
		return;
	}
	if (!type_valid(r))
		return;
	if (len < PROUT_LIST || len > r->disk->cfg.buffer_size || len > r->cmd->out_len) {
		iscsip__disk_fail(r, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_PARAMETER_LIST_LENGTH);
		return;
	}
	iscsip__disk_collect(r, len, r->lun->ops->commit != NULL, prout_given);
}
