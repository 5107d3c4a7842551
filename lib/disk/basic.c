/* SPDX-License-Identifier: MIT */
/*
 * The commands that are small: readiness, sense, capacity, cache, media removal, defects, echo buffer (SPC-4 clause 6,
 * SBC-3 clause 5).
 */
#include "disk/disk.h"

#define put iscsip__disk_put
#define put8 iscsip__disk_put8
#define put16 iscsip__disk_put16
#define put32 iscsip__disk_put32
#define put64 iscsip__disk_put64
#define put_zero iscsip__disk_put_zero

/* Its checks are the whole of it. */
void iscsip__disk_test_unit_ready(struct disk_req *r)
{
	iscsip__disk_good(r);
}

/* --- REQUEST SENSE, SPC-4 6.39 -------------------------------------------------------------------------------- */

/* What there is to tell: a unit attention (told by this), work in progress, or why the unit is not ready. */
static void current_sense(struct disk_req *r, struct iscsip_sense *s)
{
	struct disk_lun *lun = r->lun;

	memset(s, 0, sizeof *s);
	if (!lun) {
		if (iscsip_lun_decode(r->cmd->lun) != ISCSIP_LUN_REPORT_LUNS) {
			s->key = ISCSIP_SENSE_ILLEGAL_REQUEST;
			s->asc = ISCSIP_ASC_LUN_NOT_SUPPORTED;
		}
		return;
	}
	if (iscsip__disk_ua_take(r->itl, s))
		return;
	if (lun->gate & (GATE_SANITIZE | GATE_FORMAT)) {
		s->key = ISCSIP_SENSE_NOT_READY;
		s->asc = lun->gate & GATE_SANITIZE ? ISCSIP_ASC_SANITIZE_IN_PROGRESS : ISCSIP_ASC_FORMAT_IN_PROGRESS;
		s->sks_valid = true;
		store_be16(s->sks + 1, iscsip__disk_progress(lun));
	} else if (lun->gate & GATE_SANITIZE_FAILED) {
		s->key = ISCSIP_SENSE_MEDIUM_ERROR;
		s->asc = ISCSIP_ASC_SANITIZE_FAILED;
	} else if (lun->gate & GATE_NO_MEDIUM) {
		s->key = ISCSIP_SENSE_NOT_READY;
		s->asc = ISCSIP_ASC_MEDIUM_NOT_PRESENT;
	} else if (lun->gate & GATE_FAILED) {
		s->key = ISCSIP_SENSE_HARDWARE_ERROR;
		s->asc = ISCSIP_ASC_LUN_FAILURE;
	}
}

static void make_sense(struct disk_req *r, struct disk_out *o)
{
	put(o, r->sense, (size_t)r->arg[0]);
}

void iscsip__disk_request_sense(struct disk_req *r)
{
	struct iscsip_sense s;

	current_sense(r, &s);
	r->arg[0] = iscsip_sense_encode(&s, r->cdb[1] & 1, r->sense, sizeof r->sense);
	iscsip__disk_reply(r, r->cdb[4], make_sense);
}

/* --- capacity ------------------------------------------------------------------------------------------------- */

static void make_capacity_10(struct disk_req *r, struct disk_out *o)
{
	uint64_t last = r->lun->blocks - 1;

	put32(o, last > UINT32_MAX ? UINT32_MAX : (uint32_t)last);
	put32(o, 1u << r->lun->shift);
}

void iscsip__disk_read_capacity_10(struct disk_req *r)
{
	iscsip__disk_reply(r, 8, make_capacity_10);
}

static void make_capacity_16(struct disk_req *r, struct disk_out *o)
{
	const struct iscsip_disk_lun_config *c = &r->lun->cfg;

	put64(o, r->lun->blocks - 1);
	put32(o, 1u << r->lun->shift);
	put8(o, 0); /* no protection information */
	put8(o, c->physical_exponent);
	put16(o, c->flags & ISCSIP_LUN_THIN ? 0xc000 : 0); /* LBPME, LBPRZ */
	put_zero(o, 16);
}

void iscsip__disk_read_capacity_16(struct disk_req *r)
{
	iscsip__disk_reply(r, load_be32(r->cdb + 10), make_capacity_16);
}

/* --- cache ---------------------------------------------------------------------------------------------------- */

/* Zero blocks mean all that follow (SBC-3 5.33, 5.7). */
static bool cache_range(struct disk_req *r)
{
	iscsip__disk_parse(r);
	if (!iscsip__disk_in_range(r))
		return false;
	if (r->blocks == 0)
		r->blocks = r->lun->blocks - r->lba;
	return true;
}

static void cache_done(struct disk_req *r)
{
	if (r->result != ISCSIP_STORAGE_OK)
		iscsip__disk_fail_storage(r);
	else
		iscsip__disk_good(r);
}

void iscsip__disk_synchronize_cache(struct disk_req *r)
{
	if (cache_range(r))
		iscsip__disk_flush(r, r->lun, disk_bytes(r->lun, r->lba), disk_bytes(r->lun, r->blocks), cache_done);
}

/* CONDITION MET: the blocks are, or will be, where READ finds them fast. A hint that fails is no failure. */
static void prefetch_done(struct disk_req *r)
{
	iscsip__disk_finish(r, ISCSIP_STATUS_CONDITION_MET, 0);
}

void iscsip__disk_pre_fetch(struct disk_req *r)
{
	struct disk_lun *lun = r->lun;

	if (!cache_range(r))
		return;
	if (lun->ops->pre_fetch && r->blocks)
		iscsip__disk_submit(r, lun, ISCSIP_STORAGE_PRE_FETCH, disk_bytes(lun, r->lba), disk_bytes(lun, r->blocks), NULL,
				    0, 0, prefetch_done);
	else
		prefetch_done(r);
}

/* --- media ---------------------------------------------------------------------------------------------------- */

static bool removal_prevented(const struct disk_lun *lun)
{
	const struct iscsip_disk *d = lun->disk;
	uint32_t i;

	for (i = 0; i < d->slots_used; i++)
		if (d->slots[i].nexus && disk_itl_at(lun, &d->slots[i])->prevent)
			return true;
	return false;
}

static void medium_move(struct disk_req *r, bool start)
{
	struct disk_lun *lun = r->lun;

	if (start && lun->gate & GATE_NO_MEDIUM) {
		if (!lun->ejected) {
			iscsip__disk_fail(r, ISCSIP_SENSE_NOT_READY, ISCSIP_ASC_MEDIUM_NOT_PRESENT);
			return;
		}
		lun->gate &= ~(uint32_t)GATE_NO_MEDIUM;
		lun->ejected = false;
		iscsip__disk_ua_all(lun, r->slot, UA_MEDIUM_CHANGED);
	} else if (!start && !(lun->gate & GATE_NO_MEDIUM)) {
		lun->gate |= GATE_NO_MEDIUM;
		lun->ejected = true;
	}
	iscsip__disk_good(r);
}

static void start_stop_flushed(struct disk_req *r)
{
	const struct iscsip_disk *d = r->disk;
	bool start = r->cdb[4] & 0x01, loej = r->cdb[4] & 0x02;

	if (r->result != ISCSIP_STORAGE_OK) {
		iscsip__disk_fail_storage(r);
		return;
	}
	if (d->cfg.host && d->cfg.host->start_stop)
		d->cfg.host->start_stop(d->cfg.user, r->lun->number, start, loej);
	if (loej)
		medium_move(r, start);
	else
		iscsip__disk_good(r);
}

/*
 * START STOP UNIT, SBC-3 5.25. A unit without a spindle is always started; stopping it makes its cache stable. With a
 * power condition START and LOEJ do not count.
 */
void iscsip__disk_start_stop(struct disk_req *r)
{
	struct disk_lun *lun = r->lun;
	bool start = r->cdb[4] & 0x01, loej = r->cdb[4] & 0x02, power = (r->cdb[4] & 0xf0) != 0;

	if ((power || !start) && !iscsip__disk_allowed(lun, r->itl, r->slot, RES_WRITE)) {
		iscsip__disk_conflict(r);
		return;
	}
	if (power) {
		iscsip__disk_good(r);
		return;
	}
	if (loej && !(lun->cfg.flags & ISCSIP_LUN_REMOVABLE)) {
		iscsip__disk_fail_cdb(r, 4, 1);
		return;
	}
	if (loej && removal_prevented(lun)) {
		iscsip__disk_fail(r, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_REMOVAL_PREVENTED);
		return;
	}
	if (start || r->cdb[4] & 0x04 || lun->gate & GATE_NO_MEDIUM)
		start_stop_flushed(r);
	else
		iscsip__disk_flush(r, lun, 0, 0, start_stop_flushed);
}

void iscsip__disk_prevent_allow(struct disk_req *r)
{
	bool prevent = r->cdb[4] & 0x01;

	if (r->cdb[4] & 0x02) {
		iscsip__disk_fail_cdb(r, 4, 1);
		return;
	}
	if (prevent && !iscsip__disk_allowed(r->lun, r->itl, r->slot, RES_WRITE)) {
		iscsip__disk_conflict(r);
		return;
	}
	r->itl->prevent = prevent;
	iscsip__disk_good(r);
}

/* --- READ DEFECT DATA, SBC-3 5.14, 5.15: there are none ------------------------------------------------------- */

static void make_defects(struct disk_req *r, struct disk_out *o)
{
	bool is_long = r->op->len == 12;
	unsigned asked = is_long ? r->cdb[1] : r->cdb[2];

	put8(o, 0);
	put8(o, asked & 0x1f); /* PLISTV and GLISTV for what was asked, and its format */
	put16(o, 0);
	if (is_long)
		put32(o, 0);
}

void iscsip__disk_read_defect_data(struct disk_req *r)
{
	iscsip__disk_reply(r, r->op->len == 12 ? load_be32(r->cdb + 6) : load_be16(r->cdb + 7), make_defects);
}

/* --- echo buffer, SPC-4 6.18.8, 6.18.9, 6.49.10 --------------------------------------------------------------- */

enum {
	BUFFER_ECHO = 0x0a,
	BUFFER_ECHO_DESCRIPTOR = 0x0b
};

static void echo_written(struct disk_req *r)
{
	struct disk_lun *lun = r->lun;

	iscsip__disk_copy_in(r->vec, r->cnt, 0, lun->echo, r->take);
	lun->echo_len = (uint16_t)r->take;
	lun->echo_owner = r->slot;
	iscsip__disk_good(r);
}

void iscsip__disk_write_buffer(struct disk_req *r)
{
	uint32_t len = load_be24(r->cdb + 6);

	r->out_total = len;
	if ((r->cdb[1] & 0x1f) != BUFFER_ECHO)
		iscsip__disk_fail_cdb(r, 1, 4);
	else if (r->cdb[2] || load_be24(r->cdb + 3))
		iscsip__disk_fail_cdb(r, r->cdb[2] ? 2 : 3, 7);
	else if (len > sizeof r->lun->echo)
		iscsip__disk_fail_cdb(r, 6, 7);
	else if (len > r->cmd->out_len)
		iscsip__disk_fail(r, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_INVALID_FIELD_IN_UNIT);
	else
		iscsip__disk_collect(r, len, false, echo_written);
}

static void make_echo(struct disk_req *r, struct disk_out *o)
{
	put(o, r->lun->echo, r->lun->echo_len);
}

static void make_echo_descriptor(struct disk_req *r, struct disk_out *o)
{
	put16(o, 0);
	put16(o, sizeof r->lun->echo);
}

void iscsip__disk_read_buffer(struct disk_req *r)
{
	unsigned mode = r->cdb[1] & 0x1f;
	uint32_t alloc = load_be24(r->cdb + 6);

	if (mode != BUFFER_ECHO && mode != BUFFER_ECHO_DESCRIPTOR)
		iscsip__disk_fail_cdb(r, 1, 4);
	else if (r->cdb[2] || load_be24(r->cdb + 3))
		iscsip__disk_fail_cdb(r, r->cdb[2] ? 2 : 3, 7);
	else if (mode == BUFFER_ECHO_DESCRIPTOR)
		iscsip__disk_reply(r, alloc, make_echo_descriptor);
	else if (r->lun->echo_len == 0 || r->lun->echo_owner != r->slot)
		iscsip__disk_fail(r, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_SEQUENCE_ERROR);
	else
		iscsip__disk_reply(r, alloc, make_echo);
}

#undef put
#undef put8
#undef put16
#undef put32
#undef put64
#undef put_zero
