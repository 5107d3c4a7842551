/* SPDX-License-Identifier: MIT */
/*
 * The device server as a transport sees it: struct iscsip_device_ops.
 *
 * `place` makes the record of a command with data-out and names its memory where that can be done before its turn: a WRITE
 * to a unit where nothing is unusual gets the memory of the medium itself, and its checks have then been made (what
 * arrives later, a reservation say, applies to commands received after it: SPC-4 5.7.1). Everything else gets buffers of
 * the disk, and its checks in its turn: data that has to lie aside too (ISCSIP_CMD_ASIDE). A unit with persistent
 * registrations never lets data land in the medium before a command's turn: a fenced initiator's last packet must not get
 * through; and what shuts a unit waits for data that is landing there (order.c), so that checks that were made at `place`
 * hold in `exec`. `exec` takes the record, or makes it, and starts the command unless the task set holds it back.
 */
#include "disk/disk.h"

static bool place_on_medium(struct disk_req *r)
{
	struct disk_lun *lun = r->lun;
	uint64_t len;

	if ((r->itl->ua | lun->gate | lun->order | lun->now.regs | r->slot->alua) != 0 || r->attr > ISCSIP_ATTR_SIMPLE)
		return false;
	if (!iscsip__disk_cdb_clean(r) || !iscsip__disk_parse(r))
		return false;
	if (!disk_lies_within(r))
		return false;
	len = disk_bytes(lun, r->blocks);
	if (len > lun->cfg.max_transfer)
		return false;
	if (len > r->cmd->out_len)
		len = r->cmd->out_len;
	if (len == 0 || len & ((1u << lun->shift) - 1) ||
	    !iscsip__disk_pin_out(r, disk_bytes(lun, r->lba), (uint32_t)len))
		return false;
	r->flags |= RQ_CHECKED;
	if (iscsip__disk_name_buffer(r, (uint32_t)len, false))
		return true;
	iscsip__disk_unpin(r);
	r->cnt = 0;
	r->flags &= ~(uint32_t)RQ_CHECKED;
	return false;
}

static int exec_place(void *user, struct iscsip_cmd *cmd)
{
	struct disk_req *r = iscsip__disk_enter(user, cmd);

	if (!r || !r->lun || !r->op || cmd->out_len == 0)
		return ISCSIP_OK;
	if (r->op->place == PLACE_NONE || !disk_op_offered(r->lun, r->op))
		return ISCSIP_OK;
	if (r->op->place == PLACE_MEDIUM && place_on_medium(r))
		return ISCSIP_OK;
	/* one that waits for its turn holds no memory for data that nobody sends before it is asked for */
	if (disk_aside(r) && cmd->unasked == 0)
		return ISCSIP_OK;
	/* where this fails the data is dropped, and exec asks for it again or answers BUSY */
	if (iscsip__disk_out_fits(r, cmd->out_len))
		iscsip__disk_name_buffer(r, cmd->out_len, r->op->place == PLACE_SCRATCH);
	return ISCSIP_OK;
}

/* No record for the command. It is not in the task set and has no sense data. */
static void exec_refuse(struct iscsip_disk *d, struct iscsip_cmd *cmd)
{
	struct iscsip_disk_nexus *nexus = cmd->nexus;
	uint32_t number = iscsip_lun_decode(cmd->lun);
	struct iscsip_cmd_status st;

	memset(&st, 0, sizeof st);
	st.status = ISCSIP_STATUS_BUSY;
	if (nexus->disk == d && number <= d->cfg.max_lun && d->map[number]) {
		const struct disk_slot *slot = nexus->priv[0];

		if (disk_itl_at(&d->luns[d->map[number] - 1], slot)->count)
			st.status = ISCSIP_STATUS_TASK_SET_FULL;
	}
	iscsip_cmd_complete(cmd, &st);
}

void iscsip__disk_begin(struct disk_req *r)
{
	if (!r->slot->nexus)
		iscsip__disk_finish(r, ISCSIP_STATUS_TASK_ABORTED, 0); /* its nexus is lost: nobody waits */
	else if (r->flags & RQ_CHECKED || iscsip__disk_check(r))
		r->op->run(r);
}

void iscsip__disk_run(struct disk_req *r)
{
	r->state = REQ_RUN;
	if (r->flags & RQ_MEMORY)
		iscsip__disk_hold(r);
	r->step = iscsip__disk_begin;
	iscsip__disk_drive(r);
}

static void exec_exec(void *user, struct iscsip_cmd *cmd)
{
	struct iscsip_disk *d = user;
	struct disk_req *r = cmd->user ? cmd->user : iscsip__disk_enter(d, cmd);

	if (!r) {
		exec_refuse(d, cmd);
		return;
	}
	/* an ACA is among the reasons to look at the task set */
	if (!r->lun || !((r->lun->order != 0) | (r->attr > ISCSIP_ATTR_HEAD_OF_QUEUE)) ||
	    ((r->flags & RQ_CHECKED || iscsip__disk_aca_check(r)) && iscsip__disk_order_start(r)))
		iscsip__disk_run(r);
	if (d->kick)
		iscsip__disk_settle(d);
}

/* Both `data` and `sent` end a wait of the request, if it has not ended already. */
static void exec_go_on(void *user, struct iscsip_cmd *cmd)
{
	struct iscsip_disk *d = user;
	struct disk_req *r = cmd->user;

	if (!r || r->state != REQ_RUN || !(r->flags & RQ_WAITING))
		return;
	iscsip__disk_resume(r);
	if (d->kick)
		iscsip__disk_settle(d);
}

static void exec_abort(void *user, struct iscsip_cmd *cmd)
{
	struct iscsip_disk *d = user;
	struct disk_req *r = cmd->user;

	if (!r)
		return;
	iscsip__disk_aborted(r);
	if (d->kick)
		iscsip__disk_settle(d);
}

static void exec_free(void *user, struct iscsip_cmd *cmd)
{
	struct iscsip_disk *d = user;
	struct disk_req *r = cmd->user;

	if (!r)
		return;
	iscsip__disk_release(r);
	if (d->kick)
		iscsip__disk_settle(d);
}

const struct iscsip_device_ops *iscsip_disk_ops(void)
{
	static const struct iscsip_device_ops ops = {
		.struct_size = sizeof(struct iscsip_device_ops),
		.place = exec_place,
		.exec = exec_exec,
		.data = exec_go_on,
		.sent = exec_go_on,
		.abort = exec_abort,
		.free = exec_free,
		.tmf = iscsip__disk_tmf,
	};

	return &ops;
}
