/* SPDX-License-Identifier: MIT */
/*
 * Aborting tasks. An abort is a state, not a wait: the task is marked, its answer will not be sent, what was queued for it is
 * taken back, and the device server is told once and completes it when it can. The memory that the host gave for it
 * stays in use until data that is arriving has arrived, and units on their way are gone.
 *
 * Why tasks are aborted: task management (target_tmf.c), logout, a lost connection, the end of the session, and the device
 * server itself (iscsip_cmd_abort()).
 */
#include "target/target.h"

/* What a command has open on the wire. */
static void command_close(struct tgt_task *t, bool drain)
{
	t->cmd.flags |= ISCSIP_CMD_ABORTED;
	t->flags &= ~(uint32_t)(TGT_REQUEST | TGT_UNSOLICITED);
	t->in_left = 0;
	if (t->cmd.flags & ISCSIP_CMD_OUT) {
		t->out.ask = t->out.ask_end;
		iscsip__target_r2t_unwait(t);
		if (t->c)
			iscsip__conn_unqueue(t->c, &t->out.r2t_item);
		if (drain && t->out.r2ts)
			t->flags |= TGT_DRAIN;
		else
			iscsip__target_r2t_release_all(t);
	}
	if ((t->flags & TGT_PLACING) && t->c) {
		/* the connection waits for a buffer that nobody needs any more */
		t->flags &= ~(uint32_t)TGT_PLACING;
		tgt_conn_of(t->c)->place_lost = true;
		tgt_put_off(t->ses);
	}
}

/* Nobody will answer its R2Ts any more, nor a message about it. */
static void drain_end(struct tgt_task *t)
{
	t->flags &= ~(uint32_t)(TGT_NOTICE | TGT_TELL);
	if (t->flags & TGT_DRAIN)
		iscsip__target_r2t_release_all(t);
	(void)iscsip__target_task_put(t);
}

void iscsip__target_abort(struct tgt_task *t, bool drain)
{
	struct tgt_session *s = t->ses;
	bool told = t->cmd.flags & ISCSIP_CMD_ABORTED;

	if (t->flags & TGT_OVER) {
		if (t->flags & (TGT_DRAIN | TGT_NOTICE) && !drain)
			drain_end(t);
		return;
	}
	t->flags |= TGT_ABORTED;
	s->s.stats.aborted++;
	if (t->c)
		iscsip__conn_unqueue(t->c, &t->item);
	iscsip__target_task_unhash(t);
	if (t->flags & TGT_PARKED)
		iscsip__target_window_unpark(t);
	if (t->kind == TGT_COMMAND)
		command_close(t, drain);
	if (t->kind == TGT_TEXT && t->c)
		iscsip__target_text_reset(t->c);
	if (t->kind == TGT_COMMAND && t->flags & TGT_DEVICE && !told && s->dev->abort) {
		tgt_pin(t);
		s->dev->abort(s->dev_user, &t->cmd);
		(void)tgt_unpin(t);
	}
	(void)iscsip__target_task_put(t);
}

void iscsip__target_abort_told(struct tgt_task *t)
{
	bool tell = t->ses->s.params.task_reporting == ISCSIP_TASK_REPORTING_FAST_ABORT && !(t->flags & TGT_OVER) && t->c &&
		    t->c->state == ISCSIP_CONN_FULL_FEATURE;

	if (tell) {
		t->flags |= TGT_NOTICE | TGT_TELL;
		iscsip__conn_queue(t->c, &tgt_conn_of(t->c)->notice_item, CONN_Q_ANSWER);
	}
	iscsip__target_abort(t, false);
}

void iscsip__target_abort_all(struct tgt_session *s, tgt_pick *which, const void *arg, bool drain)
{
	unsigned i;

	for (i = 0; i < s->fresh; i++)
		if (s->tasks[i].ses && which(&s->tasks[i], arg))
			iscsip__target_abort(&s->tasks[i], drain);
}

int iscsip__target_abort_cmd(struct iscsip_cmd *cmd)
{
	struct tgt_task *t = tgt_task_of(cmd);

	if (!(t->flags & TGT_DEVICE) || t->flags & TGT_ABORTED || cmd->flags & ISCSIP_CMD_ABORTED)
		return ISCSIP_ESTATE;
	iscsip__target_abort_told(t);
	return ISCSIP_OK;
}
