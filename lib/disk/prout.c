/* SPDX-License-Identifier: MIT */
/*
 * PERSISTENT RESERVE OUT (SPC-4 5.7, 6.16). Each service action first finds every reason to refuse, then changes the state
 * in one go; no other command runs in between. With APTPL the new state is then saved by the host before the answer, and
 * PREEMPT AND ABORT answers only when nothing of the aborted commands can still reach the medium.
 */
#include "disk/disk.h"

enum {
	PROUT_REGISTER = 0,
	PROUT_RESERVE = 1,
	PROUT_RELEASE = 2,
	PROUT_CLEAR = 3,
	PROUT_PREEMPT = 4,
	PROUT_PREEMPT_AND_ABORT = 5,
	PROUT_REGISTER_AND_IGNORE = 6,
	PROUT_REGISTER_AND_MOVE = 7,
	PROUT_LIST = 24,
	SPEC_I_PT = 0x08,
	ALL_TG_PT = 0x04,
	APTPL = 0x01,
	MOVE_UNREG = 0x02
};

/* --- changes of the state ------------------------------------------------------------------------------------- */

/* Tells the registered nexus of the unit, but for one. */
static void tell_registered(struct disk_lun *lun, const struct disk_slot *but, enum disk_ua ua)
{
	struct iscsip_disk *d = lun->disk;
	uint32_t i;

	for (i = 0; i < d->slots_used; i++)
		if (&d->slots[i] != but && disk_itl_at(lun, &d->slots[i])->reg)
			iscsip__disk_ua(lun, &d->slots[i], ua);
}

static void tell_registration(struct disk_lun *lun, unsigned reg, const struct disk_slot *but, enum disk_ua ua)
{
	struct iscsip_disk *d = lun->disk;
	uint32_t i;

	for (i = 0; i < d->slots_used; i++)
		if (&d->slots[i] != but && disk_itl_at(lun, &d->slots[i])->reg == reg)
			iscsip__disk_ua(lun, &d->slots[i], ua);
}

static void reservation_set(struct disk_lun *lun, uint8_t type, unsigned holder)
{
	lun->pr_type = type;
	lun->pr_holder = type && type < 7 ? (uint16_t)holder : 0;
	iscsip__disk_gate_reservation(lun);
}

/* The reservation ends by its holder's will; of the types that registrants share these are told (SPC-4 5.7.11.2). */
static void reservation_release(struct disk_lun *lun, const struct disk_slot *by)
{
	uint8_t type = lun->pr_type;

	reservation_set(lun, 0, 0);
	if (type >= 5)
		tell_registered(lun, by, UA_RES_RELEASED);
}

static void unregister(struct disk_lun *lun, unsigned reg, const struct disk_slot *by)
{
	bool held = iscsip__disk_is_holder(lun, reg);
	bool shared = iscsip__disk_all_registrants(lun);

	iscsip__disk_reg_drop(lun, reg);
	if (held && (!shared || lun->regs == 0))
		reservation_release(lun, by);
}

/* The tasks of a preempted nexus, and its auto contingent allegiance (SPC-4 5.7.11.5). */
static void abort_tasks_of(struct disk_req *r, unsigned reg)
{
	struct disk_lun *lun = r->lun;
	struct disk_req *q, *next;

	for (q = lun->head; q; q = next) {
		next = q->next;
		if (q == r || q->itl->reg != reg || q->flags & RQ_ABORTED ||
		    (q->state != REQ_RUN && q->state != REQ_DORMANT))
			continue;
		iscsip__disk_kill(q);
		next = lun->head;
	}
	if (lun->aca && disk_itl_at(lun, lun->aca)->reg == reg)
		iscsip__disk_aca_clear(lun);
}

/* Removes every registration with @key (any: 0) but the caller's own; answers how many. */
static unsigned preempt_keys(struct disk_req *r, uint64_t key)
{
	struct disk_lun *lun = r->lun;
	struct iscsip_disk *d = r->disk;
	unsigned i, n = 0;

	for (i = 1; i <= d->cfg.max_registrations; i++) {
		const struct disk_reg *g = &d->regs[i - 1];

		if (g->lun != lun->index + 1 || (key && g->key != key))
			continue;
		n++;
		if (i == r->itl->reg)
			continue;
		if (r->op->sa == PROUT_PREEMPT_AND_ABORT)
			abort_tasks_of(r, i);
		tell_registration(lun, i, r->slot, UA_REG_PREEMPTED);
		iscsip__disk_reg_drop(lun, i);
	}
	return n;
}

static bool key_registered(const struct disk_req *r, uint64_t key)
{
	const struct iscsip_disk *d = r->disk;
	unsigned i;

	for (i = 0; i < d->cfg.max_registrations; i++)
		if (d->regs[i].lun == r->lun->index + 1 && d->regs[i].key == key)
			return true;
	return false;
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

static void prout_saved(struct disk_req *r)
{
	if (r->result != ISCSIP_STORAGE_OK)
		iscsip__disk_fail_storage(r);
	else
		prout_wait(r);
}

/* The state has changed: it is saved where it shall outlive a loss of power, and forgotten where it no longer shall. */
static void prout_done(struct disk_req *r, bool was)
{
	struct disk_lun *lun = r->lun;
	size_t n = 0;

	if (!lun->ops->commit || (!was && !lun->aptpl)) {
		prout_wait(r);
		return;
	}
	if (lun->aptpl)
		n = iscsip__disk_pr_write(lun, r->scratch);
	r->sub[0].base = r->scratch;
	r->sub[0].len = n;
	iscsip__disk_submit(r, lun, ISCSIP_STORAGE_COMMIT, 0, n, r->sub, n ? 1 : 0, 0, prout_saved);
}

/* --- REGISTER, REGISTER AND IGNORE EXISTING KEY --------------------------------------------------------------- */

/* The TransportIDs of SPEC_I_PT: answers how many, or -1 where the list is no good; the command has then failed. */
static int spec_ids(struct disk_req *r, const uint8_t *p)
{
	uint32_t at = PROUT_LIST + 4, end;
	int n = 0;

	if (!(p[20] & SPEC_I_PT))
		return 0;
	if (r->take < at || (end = at + load_be32(p + PROUT_LIST)) > r->take || end < at) {
		iscsip__disk_fail(r, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_PARAMETER_LIST_LENGTH);
		return -1;
	}
	while (at < end) {
		size_t len = iscsip_transport_id_length(p + at, end - at);

		if (len == 0 || len > r->disk->cfg.transport_id_max) {
			iscsip__disk_fail_parameter(r, at, 7);
			return -1;
		}
		at += (uint32_t)len;
		n++;
	}
	return n;
}

static bool register_port(struct disk_req *r, const uint8_t *id, size_t len, bool all_ports, uint64_t key)
{
	const struct iscsip_disk *d = r->disk;
	unsigned i;

	if (!all_ports)
		return iscsip__disk_reg_add(r->lun, id, len, d->ports[r->slot->port].id, key) != NULL;
	for (i = 0; i < d->cfg.port_count; i++)
		if (!iscsip__disk_reg_add(r->lun, id, len, d->ports[i].id, key))
			return false;
	return true;
}

static unsigned free_registrations(const struct iscsip_disk *d)
{
	unsigned i, n = 0;

	for (i = 0; i < d->cfg.max_registrations; i++)
		n += d->regs[i].lun == 0;
	return n;
}

/* There is room for the registrations, in the table and in what is saved. */
static bool register_fits(struct disk_req *r, uint8_t flags, unsigned more)
{
	if (flags & ALL_TG_PT)
		more *= r->disk->cfg.port_count;
	if (more > free_registrations(r->disk) ||
	    ((flags & APTPL) && iscsip__disk_pr_bytes(r->lun, more) > r->disk->cfg.buffer_size)) {
		iscsip__disk_fail(r, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_INSUFFICIENT_REGISTRATIONS);
		return false;
	}
	return true;
}

static void register_new(struct disk_req *r, const uint8_t *p, uint64_t key, int ids)
{
	bool all_ports = p[20] & ALL_TG_PT;
	uint32_t at = PROUT_LIST + 4;

	register_port(r, r->slot->id, r->slot->id_len, all_ports, key);
	while (ids-- > 0) {
		size_t len = iscsip_transport_id_length(p + at, r->take - at);

		register_port(r, p + at, len, all_ports, key);
		at += (uint32_t)len;
	}
}

static void prout_register(struct disk_req *r, const uint8_t *p)
{
	struct disk_lun *lun = r->lun;
	uint64_t key = load_be64(p), new_key = load_be64(p + 8);
	unsigned own = r->itl->reg;
	bool was = lun->aptpl;
	int ids;

	if (r->op->sa == PROUT_REGISTER && key != (own ? r->disk->regs[own - 1].key : 0)) {
		iscsip__disk_conflict(r);
		return;
	}
	/* other ports can be named only by one that registers itself thereby (SPC-4 6.16.3) */
	if (p[20] & SPEC_I_PT && (own || r->op->sa == PROUT_REGISTER_AND_IGNORE || new_key == 0)) {
		iscsip__disk_fail_parameter(r, 20, 3);
		return;
	}
	ids = spec_ids(r, p);
	if (ids < 0 || (new_key && !register_fits(r, p[20], own ? 0 : (unsigned)ids + 1)))
		return;
	if (new_key == 0 && own)
		unregister(lun, own, r->slot);
	else if (new_key && own && !(p[20] & ALL_TG_PT))
		r->disk->regs[own - 1].key = new_key;
	else if (new_key)
		register_new(r, p, new_key, ids);
	if (new_key || own)
		lun->pr_generation++;
	lun->aptpl = (p[20] & APTPL) != 0;
	iscsip__disk_match_lun(lun);
	prout_done(r, was);
}

/* --- RESERVE, RELEASE, CLEAR ---------------------------------------------------------------------------------- */

static void prout_reserve(struct disk_req *r)
{
	struct disk_lun *lun = r->lun;
	uint8_t type = r->cdb[2] & 0x0f;

	if (lun->pr_type && (!iscsip__disk_is_holder(lun, r->itl->reg) || lun->pr_type != type)) {
		iscsip__disk_conflict(r);
		return;
	}
	if (!lun->pr_type)
		reservation_set(lun, type, r->itl->reg);
	prout_done(r, lun->aptpl);
}

static void prout_release(struct disk_req *r)
{
	struct disk_lun *lun = r->lun;

	if (!iscsip__disk_is_holder(lun, r->itl->reg)) {
		iscsip__disk_good(r);
		return;
	}
	if (lun->pr_type != (r->cdb[2] & 0x0f) || r->cdb[2] >> 4) {
		iscsip__disk_fail(r, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_INVALID_RELEASE);
		return;
	}
	reservation_release(lun, r->slot);
	prout_done(r, lun->aptpl);
}

static void prout_clear(struct disk_req *r)
{
	struct disk_lun *lun = r->lun;
	unsigned i;

	tell_registered(lun, r->slot, UA_RES_PREEMPTED);
	for (i = 1; i <= r->disk->cfg.max_registrations; i++)
		if (r->disk->regs[i - 1].lun == lun->index + 1)
			iscsip__disk_reg_drop(lun, i);
	reservation_set(lun, 0, 0);
	lun->pr_generation++;
	prout_done(r, lun->aptpl);
}

/* --- PREEMPT, PREEMPT AND ABORT (SPC-4 5.7.11.4) -------------------------------------------------------------- */

static void prout_preempt(struct disk_req *r, const uint8_t *p)
{
	struct disk_lun *lun = r->lun;
	uint64_t key = load_be64(p + 8);
	uint8_t old = lun->pr_type, type = r->cdb[2] & 0x0f;
	bool all = iscsip__disk_all_registrants(lun);
	bool takes = old && (all ? key == 0 : key == r->disk->regs[lun->pr_holder - 1].key);

	if (key == 0 && !(old && all)) {
		iscsip__disk_fail_parameter(r, 8, 7);
		return;
	}
	if (!takes && !key_registered(r, key)) {
		iscsip__disk_conflict(r);
		return;
	}
	preempt_keys(r, key);
	if (takes) {
		reservation_set(lun, type, r->itl->reg);
		/* who stays registered learns that it is another reservation now */
		if (old != type)
			tell_registered(lun, r->slot, UA_RES_RELEASED);
	}
	lun->pr_generation++;
	prout_done(r, lun->aptpl);
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

/* The port to move to; false: refused. */
static bool move_fits(struct disk_req *r, const uint8_t *p)
{
	uint16_t port = load_be16(p + 18);
	size_t len = load_be32(p + 20);

	if (r->take < PROUT_LIST + len) {
		iscsip__disk_fail(r, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_PARAMETER_LIST_LENGTH);
		return false;
	}
	if (load_be64(p + 8) == 0 || !port_known(r->disk, port)) {
		iscsip__disk_fail_parameter(r, load_be64(p + 8) ? 18 : 8, 7);
		return false;
	}
	if (len > r->disk->cfg.transport_id_max || iscsip_transport_id_length(p + PROUT_LIST, len) != len ||
	    (port == r->disk->ports[r->slot->port].id &&
	     iscsip__disk_id_equal(p + PROUT_LIST, len, r->slot->id, r->slot->id_len))) {
		iscsip__disk_fail_parameter(r, PROUT_LIST, 7);
		return false;
	}
	return register_fits(r, p[17] & APTPL, 1);
}

static void prout_move(struct disk_req *r, const uint8_t *p)
{
	struct disk_lun *lun = r->lun;
	const struct disk_reg *to;
	unsigned own = r->itl->reg;
	bool was = lun->aptpl;

	if (!iscsip__disk_is_holder(lun, own) || iscsip__disk_all_registrants(lun)) {
		iscsip__disk_conflict(r);
		return;
	}
	if (!move_fits(r, p))
		return;
	to = iscsip__disk_reg_add(lun, p + PROUT_LIST, load_be32(p + 20), load_be16(p + 18), load_be64(p + 8));
	reservation_set(lun, lun->pr_type, (unsigned)(to - r->disk->regs) + 1);
	if (p[17] & MOVE_UNREG)
		iscsip__disk_reg_drop(lun, own);
	lun->pr_generation++;
	lun->aptpl = (p[17] & APTPL) != 0;
	iscsip__disk_match_lun(lun);
	prout_done(r, was);
}

/* --- the command ---------------------------------------------------------------------------------------------- */

static void prout_act(struct disk_req *r, const uint8_t *p)
{
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

static void prout_given(struct disk_req *r)
{
	const uint8_t *p = iscsip__disk_parameter(r);
	uint8_t sa = r->op->sa;
	bool registers = sa == PROUT_REGISTER || sa == PROUT_REGISTER_AND_IGNORE;
	bool aptpl = sa == PROUT_REGISTER_AND_MOVE ? p[17] & APTPL : registers && p[20] & APTPL;

	if (aptpl && !r->lun->ops->commit) {
		iscsip__disk_fail_parameter(r, sa == PROUT_REGISTER_AND_MOVE ? 17 : 20, 0);
		return;
	}
	/* SPEC_I_PT makes sense in REGISTER only; without it the list has one length (SPC-4 6.16.3) */
	if (!registers && sa != PROUT_REGISTER_AND_MOVE && p[20] & SPEC_I_PT) {
		iscsip__disk_fail_parameter(r, 20, 3);
		return;
	}
	if (sa != PROUT_REGISTER_AND_MOVE && !(p[20] & SPEC_I_PT) && r->take != PROUT_LIST) {
		iscsip__disk_fail(r, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_PARAMETER_LIST_LENGTH);
		return;
	}
	if (!registers && (!r->itl->reg || r->disk->regs[r->itl->reg - 1].key != load_be64(p))) {
		iscsip__disk_conflict(r);
		return;
	}
	prout_act(r, p);
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
		iscsip__disk_conflict(r); /* RESERVE and persistent reservations exclude each other (SPC-2 5.5.1) */
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
