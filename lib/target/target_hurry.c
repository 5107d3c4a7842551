/* SPDX-License-Identifier: MIT */
/*
 * Commands that others wait for (iscsip_cmd_hurry()). As long as the device server works for such a command this layer has no
 * part in the wait. While the command's data is on its way it has: from then on the initiator has `hurry_ms` in which no byte
 * moves in the direction that is needed, and four times that for all transfers of the command. A command that was aborted
 * meanwhile has `hurry_ms` in all, since nothing of it is of use any more. After that the connection ends, and with it the wait.
 *
 * The device server is called by anybody's connection, and the time that this one knows may be old by then. So a time begins
 * with the next tick, which is due at once (hurry_from is 0 until then), and the host is woken for it.
 *
 * Invariant: session->hurried counts the tasks with TGT_HURRY; where it is 0 nobody looks.
 */
#include "target/target.h"

/* What the command's transfer waits for: bytes that come in, bytes that go out. */
static bool hurry_rx(const struct tgt_task *t)
{
	if (t->flags & (TGT_RX | TGT_PARKED | TGT_DRAIN))
		return true;
	return t->cmd.flags & ISCSIP_CMD_OUT && !(t->flags & TGT_OVER) && (t->flags & TGT_REQUEST || tgt_out_pending(t));
}

static bool hurry_tx(const struct tgt_task *t)
{
	return t->in_left || t->tx_units || conn_queued(&t->item) ||
	       (t->cmd.flags & ISCSIP_CMD_OUT && conn_queued(&t->out.r2t_item));
}

static iscsip_time later_of(iscsip_time a, iscsip_time b)
{
	return a > b ? a : b;
}

static iscsip_time hurry_due(const struct iscsip_conn *c, const struct tgt_task *t)
{
	uint32_t ms = c->cfg->hurry_ms, all = t->flags & TGT_ABORTED ? ms : 4u * ms;
	iscsip_time moved, whole;
	bool rx = hurry_rx(t), tx = hurry_tx(t);

	if (!(rx | tx))
		return ISCSIP_TIME_NEVER;
	if (t->hurry_from == 0)
		return c->now;
	whole = t->hurry_from + (all > t->hurry_spent ? all - t->hurry_spent : 0);
	moved = t->hurry_from;
	if (rx)
		moved = later_of(moved, c->last_rx);
	if (tx)
		moved = later_of(moved, c->last_tx);
	return moved + ms < whole ? moved + ms : whole;
}

static bool is_hurried(const struct tgt_session *s, unsigned i, const struct iscsip_conn *c)
{
	return s->tasks[i].ses && s->tasks[i].flags & TGT_HURRY && s->tasks[i].c == c;
}

iscsip_time iscsip__target_hurry_due(const struct iscsip_conn *c)
{
	const struct tgt_session *s = tgt_session_of(c);
	iscsip_time first = ISCSIP_TIME_NEVER;
	unsigned i;

	if (conn_over(c))
		return first;
	for (i = 0; s && s->hurried && i < s->fresh; i++) {
		iscsip_time t = is_hurried(s, i, c) ? hurry_due(c, &s->tasks[i]) : ISCSIP_TIME_NEVER;

		first = t < first ? t : first;
	}
	return first;
}

/* Times that have not begun begin; whether one is over. */
bool iscsip__target_hurry_over(struct iscsip_conn *c)
{
	struct tgt_session *s = tgt_session_of(c);
	bool over = false;
	unsigned i;

	for (i = 0; s && s->hurried && i < s->fresh; i++) {
		struct tgt_task *t = &s->tasks[i];

		if (!is_hurried(s, i, c) || !(hurry_rx(t) || hurry_tx(t)))
			continue;
		if (t->hurry_from == 0)
			t->hurry_from = later_of(c->now, 1);
		over |= hurry_due(c, t) <= c->now;
	}
	return over;
}

void iscsip__target_hurry(struct iscsip_cmd *cmd)
{
	struct tgt_task *t = tgt_task_of(cmd);
	struct iscsip_conn *c = t->c;

	if (t->flags & TGT_HURRY || !c || c->cfg->hurry_ms == 0)
		return;
	t->flags |= TGT_HURRY;
	t->hurry_from = 0;
	t->hurry_spent = 0;
	t->ses->hurried++;
	iscsip__conn_wake(c);
}

/* Its transfer is through; what follows is the device server's time. */
void iscsip__target_hurry_pause(struct tgt_task *t)
{
	if (t->hurry_from)
		t->hurry_spent += (uint32_t)(t->c && t->c->now > t->hurry_from ? t->c->now - t->hurry_from : 0);
	t->hurry_from = 0;
}

void iscsip__target_hurry_end(struct tgt_task *t)
{
	t->flags &= ~(uint32_t)TGT_HURRY;
	t->ses->hurried--;
}
