/* SPDX-License-Identifier: MIT */
/*
 * SANITIZE (SBC-3 4.11, 5.30) and FORMAT UNIT (5.3): work on the whole unit that goes on when the command is long answered,
 * aborted, or its nexus lost. It is done by the unit's job, a request that belongs to no command: part by part, giving way
 * to the host's loop after each. While it runs the gate of the unit is shut for nearly everything, and tells how
 * far it is. A command without IMMED waits for the job as its partner.
 *
 * A SANITIZE that failed leaves the unit unreadable until another one succeeds, or EXIT FAILURE MODE where the command allowed
 * it (AUSE). No way around that: FORMAT UNIT is refused, a further SANITIZE that allows the exit does not bring it back where one
 * that failed had denied it, and a loss of power or a restart of the host changes nothing, because the unit's state
 * (commit.c) has it before the first byte is erased: bits KEPT_ are set when a SANITIZE begins, and taken back when it has ended
 * well. What is found set when a unit is added is a SANITIZE that came to no good end. So it is the state that says it;
 * the gate follows. A FORMAT UNIT that fails leaves no such trace: what was not reached can be read as before.
 */
#include "disk/disk.h"

enum {
	ERASE_OVERWRITE = 1,
	ERASE_BLOCKS = 2,
	ERASE_CRYPTO = 3,
	ERASE_EXIT_FAILURE = 0x1f,
	ERASE_IMMED = 0x80,
	ERASE_AUSE = 0x20,
	ERASE_PART = 1 << 20,
	OVERWRITE_HEAD = 4,
	FORMAT_FMTDATA = 0x10,
	FORMAT_IMMED = 0x02,
	KEPT_SANITIZE = 0x01, /* one has begun, and not ended well */
	KEPT_AUSE = 0x02      /* EXIT FAILURE MODE may leave that state */
};

/* How the command learns of the job's end. */
enum erase_end {
	END_FAILED,
	END_GOOD,
	END_REFUSED /* it has not begun: the state of the unit could not be kept */
};

/* Whether the bits are such as a SANITIZE leaves. */
bool iscsip__disk_kept_valid(uint32_t kept)
{
	return kept == 0 || kept == KEPT_SANITIZE || kept == (KEPT_SANITIZE | KEPT_AUSE);
}

/* The state in force has changed. */
void iscsip__disk_gate_sanitize(struct disk_lun *lun)
{
	if (lun->now.kept & KEPT_SANITIZE)
		lun->gate |= GATE_SANITIZE_FAILED;
	else
		lun->gate &= ~(uint32_t)GATE_SANITIZE_FAILED;
}

/* Puts the bits into the unit's state, for a job or a command whose turn it is to change it. */
static void keep(struct disk_req *r, uint32_t kept, disk_step *step)
{
	struct disk_cause nobody;

	memset(&nobody, 0, sizeof nobody);
	nobody.action = CAUSE_NONE;
	iscsip__disk_draft_begin(r->lun);
	r->lun->next.kept = kept;
	iscsip__disk_commit(r, &nobody, step);
}

/* How far the job is, of 65536. */
uint16_t iscsip__disk_progress(const struct disk_lun *lun)
{
	uint64_t part = lun->progress_of >> 16, parts = part ? lun->progress / part : 0;

	return (uint16_t)(parts > 0xffff ? 0xffff : parts);
}

/* --- the job: arg[0] the kind, arg[1] passes, arg[2] bits of the command, arg[3] whether the pattern is inverted --- */

static void job_next(struct disk_req *job);

/* The command has its answer. */
static void job_tell(struct disk_req *job, enum erase_end how)
{
	struct disk_req *r = job->partner;

	job->partner = NULL;
	if (!r)
		return;
	r->partner = NULL;
	r->st.op = job->st.op;
	r->st.error_offset = job->st.error_offset;
	r->result = job->result;
	r->phase = (uint8_t)how;
	iscsip__disk_resume(r);
}

static void job_end(struct disk_req *job, enum erase_end how)
{
	struct disk_lun *lun = job->lun;

	lun->gate &= ~(uint32_t)(GATE_SANITIZE | GATE_FORMAT);
	disk_give(job);
	job->cnt = 0;
	job->step = NULL;
	job->state = REQ_FREE;
	job_tell(job, how);
	if (lun->gate & GATE_REMOVED)
		iscsip__disk_lun_check_gone(lun);
}

static void job_stored(struct disk_req *job)
{
	struct disk_lun *lun = job->lun;

	if (job->result != ISCSIP_STORAGE_OK) {
		job_end(job, END_FAILED);
		return;
	}
	job->pos += job->step_len ? job->step_len : job->len;
	lun->progress += job->step_len ? job->step_len : job->len;
	job->step = job_next;
	iscsip__disk_yield(job);
}

static void job_cleared(struct disk_req *job)
{
	job_end(job, job->result == ISCSIP_STORAGE_OK ? END_GOOD : END_FAILED);
}

static void job_clears(struct disk_req *job)
{
	keep(job, 0, job_cleared);
}

/* All is erased, and stable; of a SANITIZE this is said when it is kept. */
static void job_flushed(struct disk_req *job)
{
	if (job->result != ISCSIP_STORAGE_OK) {
		job_end(job, END_FAILED);
	} else if (job->lun->gate & GATE_FORMAT) {
		job_end(job, END_GOOD);
	} else {
		/* the pattern is no longer needed: its buffer is the one that the state is written into */
		job->scratch = job->vec[0].base;
		job->cnt = job->buffers = 0;
		iscsip__disk_change(job, job_clears);
	}
}

/* Complements the pattern before each further pass, where INVERT asks for it. */
static void job_invert(struct disk_req *job)
{
	uint8_t *b = job->vec[0].base;
	size_t i;

	for (i = 0; i < job->vec[0].len; i++)
		b[i] = (uint8_t)~b[i];
}

static void job_next(struct disk_req *job)
{
	struct disk_lun *lun = job->lun;
	uint64_t n, most;

	if (job->pos == job->len) {
		if (--job->arg[1] == 0) {
			iscsip__disk_flush(job, lun, 0, 0, job_flushed);
			return;
		}
		if (job->arg[3])
			job_invert(job);
		job->pos = 0;
	}
	n = job->len - job->pos;
	job->step_len = 0;
	if (job->arg[0] == ERASE_CRYPTO && lun->ops->erase) {
		iscsip__disk_submit(job, lun, ISCSIP_STORAGE_ERASE, 0, job->len, NULL, 0, 0, job_stored);
		return;
	}
	if (job->arg[0] != ERASE_OVERWRITE && (lun->cfg.flags & ISCSIP_LUN_THIN || lun->ops->write_zeroes)) {
		/* in parts, so that progress can be told; a thin unit's blocks are given back */
		most = (uint64_t)ERASE_PART * 64;
		job->step_len = (uint32_t)(n < most ? n : most);
		iscsip__disk_submit(job, lun,
				    lun->cfg.flags & ISCSIP_LUN_THIN ? ISCSIP_STORAGE_UNMAP : ISCSIP_STORAGE_WRITE_ZEROES,
				    job->pos, job->step_len, NULL, 0, ISCSIP_STORAGE_MAY_UNMAP, job_stored);
		return;
	}
	most = job->vec[0].len;
	job->step_len = (uint32_t)(n < most ? n : most);
	job->sub[0].base = job->vec[0].base;
	job->sub[0].len = job->step_len;
	iscsip__disk_store(job, lun, job->pos, job->sub, 1, job->step_len, 0, job_stored);
}

static void erase_waited(struct disk_req *r)
{
	if (r->phase == END_GOOD)
		iscsip__disk_good(r);
	else if (r->phase == END_REFUSED)
		iscsip__disk_fail_storage(r);
	else
		iscsip__disk_fail(r, ISCSIP_SENSE_MEDIUM_ERROR,
				  r->op->opcode == ISCSIP_SCSI_SANITIZE ? ISCSIP_ASC_SANITIZE_FAILED : ISCSIP_ASC_WRITE_ERROR);
}

static void job_begun(struct disk_req *job)
{
	/* nothing is erased before the unit's state says so */
	if (job->result != ISCSIP_STORAGE_OK) {
		job_end(job, END_REFUSED);
		return;
	}
	if (job->scratch)
		iscsip__disk_scratch_give(job);
	if (job->phase)
		job_tell(job, END_GOOD); /* IMMED: the rest is told by the unit */
	job->step = job_next;
	job->flags |= RQ_READY;
}

/* A state that EXIT FAILURE MODE cannot leave does not become one that it can. */
static void job_keeps(struct disk_req *job)
{
	uint32_t was = job->lun->now.kept;
	bool ause = job->arg[2] & ERASE_AUSE && (!(was & KEPT_SANITIZE) || was & KEPT_AUSE);

	keep(job, KEPT_SANITIZE | (ause ? KEPT_AUSE : 0u), job_begun);
}

static void job_first(struct disk_req *job)
{
	if (job->lun->gate & GATE_SANITIZE) {
		iscsip__disk_change(job, job_keeps);
	} else {
		job->result = ISCSIP_STORAGE_OK;
		job_begun(job);
	}
}

/*
 * The job begins: it takes the command's buffer, which holds the pattern, with it. The command answers when the job is
 * certain to be done (IMMED), or when it has ended.
 */
static void erase_begin(struct disk_req *r, uint8_t kind, uint32_t passes, bool invert, bool immed, uint32_t gate)
{
	struct disk_lun *lun = r->lun;
	struct disk_req *job = &lun->job;

	job->state = REQ_RUN;
	job->flags = RQ_JOB | RQ_MEMORY;
	job->scratch = NULL;
	job->vec[0].base = r->scratch;
	r->share->buffers--;
	job->share->buffers++;
	job->vec[0].len = r->disk->cfg.buffer_size & ~((size_t)(1u << lun->shift) - 1);
	job->cnt = job->buffers = 1;
	r->scratch = NULL;
	disk_give(r); /* the parameter list: the job may need its buffer */
	job->pos = 0;
	job->len = disk_bytes(lun, lun->blocks);
	job->arg[0] = kind;
	job->arg[1] = passes;
	job->arg[2] = r->cdb[1];
	job->arg[3] = invert;
	job->phase = immed;
	job->partner = r;
	lun->progress = 0;
	lun->progress_of = job->len * passes;
	lun->gate |= gate;
	job->step = job_first;
	r->partner = job;
	r->step = erase_waited;
	r->flags |= RQ_WAITING;
	iscsip__disk_drive(job);
}

/* --- SANITIZE ------------------------------------------------------------------------------------------------- */

/* The pattern fills the scratch buffer block by block, each block beginning anew (SBC-3 5.30.3.2). */
static void pattern_fill(struct disk_req *r, const uint8_t *p, uint32_t len)
{
	size_t block = 1u << r->lun->shift, size = r->disk->cfg.buffer_size, i;

	for (i = 0; i < block; i++)
		r->scratch[i] = p[i % len];
	for (; block < size; block *= 2)
		memcpy(r->scratch + block, r->scratch, block);
}

static void overwrite_given(struct disk_req *r)
{
	const uint8_t *p = iscsip__disk_parameter(r);
	uint32_t len = load_be16(p + 2), count = p[0] & 0x1f;

	/*
	 * The standard's own words for these are "invalid field in CDB" for the count and length (SBC-3 table 90, 91):
	 * the parameter list is at fault, but the command is what is refused.
	 */
	if (count == 0) {
		iscsip__disk_fail_cdb(r, 7, 7);
	} else if (len == 0 || len > 1u << r->lun->shift || len > r->take - OVERWRITE_HEAD) {
		iscsip__disk_fail_cdb(r, 7, 7);
	} else {
		pattern_fill(r, p + OVERWRITE_HEAD, len);
		erase_begin(r, ERASE_OVERWRITE, count, p[0] & 0x80, r->cdb[1] & ERASE_IMMED, GATE_SANITIZE);
	}
}

static void erase_given(struct disk_req *r)
{
	memset(r->scratch, 0, r->disk->cfg.buffer_size);
	erase_begin(r, r->op->sa, 1, false, r->cdb[1] & ERASE_IMMED, GATE_SANITIZE);
}

static void exit_kept(struct disk_req *r)
{
	if (r->result != ISCSIP_STORAGE_OK)
		iscsip__disk_fail_storage(r);
	else
		iscsip__disk_good(r);
}

static void exit_judge(struct disk_req *r)
{
	uint32_t kept = r->lun->now.kept;

	if (kept & KEPT_SANITIZE && !(kept & KEPT_AUSE))
		iscsip__disk_fail_cdb(r, 1, 4);
	else if (kept)
		keep(r, 0, exit_kept);
	else
		iscsip__disk_good(r);
}

void iscsip__disk_sanitize(struct disk_req *r)
{
	uint32_t len = load_be16(r->cdb + 7), block = 1u << r->lun->shift;

	r->out_total = len;
	if (r->op->sa != ERASE_OVERWRITE) {
		if (len)
			iscsip__disk_fail_cdb(r, 7, 7);
		else if (r->op->sa == ERASE_EXIT_FAILURE)
			iscsip__disk_change(r, exit_judge);
		else
			iscsip__disk_collect(r, 0, true, erase_given);
		return;
	}
	if (len <= OVERWRITE_HEAD || len > block + OVERWRITE_HEAD)
		iscsip__disk_fail_cdb(r, 7, 7);
	else if (len > r->cmd->out_len || len > r->disk->cfg.buffer_size)
		iscsip__disk_fail(r, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_PARAMETER_LIST_LENGTH);
	else
		iscsip__disk_collect(r, len, true, overwrite_given);
}

/* --- FORMAT UNIT ---------------------------------------------------------------------------------------------- */

/* Without a defect list, protection information or another geometry: the medium reads as zeroes afterwards. */
static void format_given(struct disk_req *r)
{
	const uint8_t *p = iscsip__disk_parameter(r);
	bool is_long = r->cdb[1] & 0x20, immed = r->take && p[1] & FORMAT_IMMED;

	if (r->take && p[0] & 0x07) {
		iscsip__disk_fail_parameter(r, 0, 2); /* PROTECTION FIELDS USAGE */
		return;
	}
	/* FOV, DPRY, DCRT, STPF: only where FOV says that they mean something; IP is an initialization pattern */
	if (r->take && p[1] & 0x08) {
		iscsip__disk_fail_parameter(r, 1, 3);
		return;
	}
	if (r->take && (is_long ? load_be32(p + 4) : load_be16(p + 2))) {
		iscsip__disk_fail_parameter(r, is_long ? 4 : 2, 7);
		return;
	}
	memset(r->scratch, 0, r->disk->cfg.buffer_size);
	erase_begin(r, ERASE_BLOCKS, 1, false, immed, GATE_FORMAT);
}

void iscsip__disk_format_unit(struct disk_req *r)
{
	uint32_t head = r->cdb[1] & FORMAT_FMTDATA ? r->cdb[1] & 0x20 ? 8 : 4 : 0;

	r->out_total = head;
	if (r->cdb[1] & 0xc0)
		iscsip__disk_fail_cdb(r, 1, 7);
	else if (r->cdb[1] & 0x07)
		iscsip__disk_fail_cdb(r, 1, 2);
	else if (r->cdb[1] & 0x28 && head == 0)
		iscsip__disk_fail_cdb(r, 1, 5);
	else if (head > r->cmd->out_len)
		iscsip__disk_fail(r, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_PARAMETER_LIST_LENGTH);
	else
		iscsip__disk_collect(r, head, true, format_given);
}
