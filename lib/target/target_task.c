/* SPDX-License-Identifier: MIT */
/*
 * The task table. It owns the slots of a session, the hash by Initiator Task Tag, and the end of every task.
 *
 * Slots: max_tasks are the command window's; two more for each connection are kept for immediate requests, one for task
 * management and one for any other (RFC 7143 4.2.2.1). A slot is promised to the initiator again as soon as the last PDU
 * of its task was made, since that PDU tells so; only then the bytes leave, so a request may come before the slot is free.
 * It waits (TGT_SLOT_LATER), for nothing but the transport.
 *
 * Life: new -> (held by: data arriving, its turn, the device server, units on their way) -> over (sealed or aborted)
 * -> free when nothing holds it. A tag is found from new until the task is over: then the initiator may use it again.
 *
 * Memory is touched as it is needed: slots above `fresh` were never written, and the one freed last is used first.
 *
 * Invariants: open + promised numbers <= max_tasks; normal <= max_tasks; a task in use has `ses` set, a free one not.
 */
#include "target/target.h"

uint16_t iscsip__target_task_total(const struct iscsip_config *cfg)
{
	return (uint16_t)(cfg->limits.max_tasks + 2u * cfg->limits.max_conns);
}

/* Of the hash by tag: a power of two, so that chains are one task long on average when the window is full. */
uint32_t iscsip__target_task_buckets(const struct iscsip_config *cfg)
{
	uint32_t n = 4;

	while (n < cfg->limits.max_tasks)
		n *= 2;
	return n;
}

void iscsip__target_tasks_init(struct tgt_session *s)
{
	const struct iscsip_host *host = s->s.cfg->host;
	uint32_t size = iscsip__target_task_buckets(s->s.cfg), shift = 32;

	while (size >> (32 - shift) > 1)
		shift--;
	memset(s->buckets, 0, size * sizeof *s->buckets);
	s->hash_shift = shift;
	/* a secret multiplier: who chooses tags can not choose chains */
	host->random(host->user, (uint8_t *)&s->hash_key, sizeof s->hash_key);
	s->hash_key |= 1u;
}

/* --- tags --- */

static void task_hash(struct tgt_task *t)
{
	uint16_t *bucket = tgt_bucket(t->ses, t->cmd.tag);

	t->next = *bucket;
	*bucket = (uint16_t)(t->index + 1u);
	t->flags |= TGT_HASHED;
}

void iscsip__target_task_unhash(struct tgt_task *t)
{
	struct tgt_session *s = t->ses;
	uint16_t *at;

	if (!(t->flags & TGT_HASHED))
		return;
	at = tgt_bucket(s, t->cmd.tag);
	while (*at != t->index + 1u)
		at = &s->tasks[*at - 1].next;
	*at = t->next;
	t->flags &= ~(uint32_t)TGT_HASHED;
}

/* --- slots --- */

/* Free slots of the window that no number was promised for. */
static bool has_spare(const struct tgt_session *s)
{
	uint32_t promised = s->maxcmdsn - s->expcmdsn + 1u;

	return s->normal < s->s.cfg->limits.max_tasks && s->open + promised < s->s.cfg->limits.max_tasks;
}

/* Whether the task only waits for its answer to leave. */
static bool waits_for_tx(const struct tgt_task *t)
{
	return !(t->flags & TGT_HELD) && (t->tx_units || conn_queued(&t->item));
}

/* An immediate request: its connection's own slot, or a spare one. What it uses in *use. */
static enum tgt_slot immediate_slot(struct tgt_session *s, struct tgt_conn *tc, bool tmf, uint32_t *use)
{
	struct tgt_task *own = tmf ? tc->own_tmf : tc->own_other;

	if (!own) {
		*use = tmf ? TGT_OWN_TMF : TGT_OWN_OTHER;
		return TGT_SLOT_OK;
	}
	if (!has_spare(s))
		return waits_for_tx(own) ? TGT_SLOT_LATER : TGT_SLOT_NONE;
	*use = TGT_NORMAL | TGT_OPEN;
	return TGT_SLOT_OK;
}

static struct tgt_task *slot_take(struct tgt_session *s)
{
	struct tgt_task *t;

	if (s->free) {
		t = &s->tasks[s->free - 1];
		s->free = t->next;
	} else {
		t = &s->tasks[s->fresh];
		t->index = s->fresh++;
	}
	t->ses = s;
	s->live++;
	return t;
}

/* What every kind reads before it writes; all else is the kind's to begin. Member by member: this is the hot path. */
static void task_begin(struct tgt_task *t, struct iscsip_conn *c, enum tgt_kind kind)
{
	t->c = c;
	t->kind = (uint8_t)kind;
	t->tmf_refs = t->pins = 0;
	t->tx_units = 0;
	t->cmdsn = c->pdu.request.cmdsn;
	t->item.next = t->item.prev = NULL;
	t->item.kind = TGT_ITEM_TASK;
	t->cmd.user = NULL;
	t->cmd.flags = 0;
	t->cmd.tag = c->pdu.itt;
	t->cmd.lun = c->pdu.lun;
	t->in_left = t->in_off = t->in_burst = t->in_pdus = t->datasn = 0;
	task_hash(t);
}

struct tgt_task *iscsip__target_task_new(struct iscsip_conn *c, enum tgt_kind kind)
{
	struct tgt_session *s = tgt_session_of(c);
	struct tgt_task *t;

	if (s->normal == s->s.cfg->limits.max_tasks)
		return NULL;
	t = slot_take(s);
	t->flags = TGT_NORMAL;
	s->normal++;
	task_begin(t, c, kind);
	return t;
}

enum tgt_slot iscsip__target_task_immediate(struct iscsip_conn *c, enum tgt_kind kind, struct tgt_task **out)
{
	struct tgt_session *s = tgt_session_of(c);
	struct tgt_conn *tc = tgt_conn_of(c);
	enum tgt_slot slot;
	struct tgt_task *t;
	uint32_t use;

	slot = immediate_slot(s, tc, kind == TGT_TMF, &use);
	if (slot != TGT_SLOT_OK)
		return slot;
	t = slot_take(s);
	t->flags = use | TGT_IMMEDIATE;
	if (use & TGT_OWN_TMF)
		tc->own_tmf = t;
	if (use & TGT_OWN_OTHER)
		tc->own_other = t;
	s->normal = (uint16_t)(s->normal + ((use & TGT_NORMAL) != 0));
	s->open = (uint16_t)(s->open + ((use & TGT_OPEN) != 0));
	task_begin(t, c, kind);
	*out = t;
	return TGT_SLOT_OK;
}

/* Its slot may be promised to another command. */
static void slot_reopen(struct tgt_task *t)
{
	struct tgt_session *s = t->ses;

	if (!(t->flags & TGT_OPEN))
		return;
	t->flags &= ~(uint32_t)TGT_OPEN;
	s->open--;
	if (s->maxcmdsn + 1u == s->expcmdsn)
		s->tell_window = s->later = true;
}

void iscsip__target_task_sealed(struct tgt_task *t)
{
	t->flags |= TGT_SEALED;
	iscsip__target_task_unhash(t);
	/* a command that the transport ended may stay with the device server for long: its slot is no promise */
	if (!(t->flags & TGT_DEVICE))
		slot_reopen(t);
}

/* --- the end --- */

static void slot_give_back(struct tgt_task *t)
{
	struct tgt_session *s = t->ses;

	slot_reopen(t);
	if (t->flags & TGT_NORMAL)
		s->normal--;
	else if (t->c && t->flags & TGT_OWN_TMF)
		tgt_conn_of(t->c)->own_tmf = NULL;
	else if (t->c)
		tgt_conn_of(t->c)->own_other = NULL;
	t->ses = NULL;
	t->next = s->free;
	s->free = (uint16_t)(t->index + 1u);
	s->live--;
}

/* The device server hears of it no more. */
static void command_end(struct tgt_task *t)
{
	struct tgt_session *s = t->ses;
	bool told = t->flags & TGT_TOLD;

	if (t->flags & TGT_HURRY)
		iscsip__target_hurry_end(t);
	t->flags &= ~(uint32_t)TGT_TOLD;
	if (t->cmd.flags & ISCSIP_CMD_OUT)
		iscsip__target_r2t_release_all(t);
	if (t->tmf_refs)
		iscsip__target_tmf_forget(t);
	if (told && s->dev->free)
		s->dev->free(s->dev_user, &t->cmd);
}

static void task_end(struct tgt_task *t)
{
	if (t->flags & TGT_HASHED)
		iscsip__target_task_unhash(t);
	if (iscsip__target_kinds[t->kind].end)
		iscsip__target_kinds[t->kind].end(t);
	slot_give_back(t);
}

bool iscsip__target_task_put(struct tgt_task *t)
{
	if (!(t->flags & TGT_OVER) || t->flags & (TGT_HELD | TGT_DRAIN) || t->tx_units || conn_queued(&t->item))
		return false;
	if (t->pins) {
		t->ses->reap = t->ses->later = true;
		return false;
	}
	if (t->flags & TGT_NOTICE) {
		command_end(t);
		return false;
	}
	task_end(t);
	return true;
}

void iscsip__target_task_reap(struct tgt_session *s)
{
	unsigned i;

	s->reap = false;
	for (i = 0; i < s->fresh; i++)
		if (s->tasks[i].ses)
			(void)iscsip__target_task_put(&s->tasks[i]);
}

/* --- kinds --- */

static void answer(struct tgt_task *t)
{
	iscsip__conn_queue(t->c, &t->item, CONN_Q_ANSWER);
}

const struct tgt_kind_ops iscsip__target_kinds[] = {
	[TGT_COMMAND] = { iscsip__target_cmd_exec, iscsip__target_in_make, NULL, command_end },
	[TGT_TMF] = { iscsip__target_tmf_run, iscsip__target_tmf_make, NULL, iscsip__target_tmf_free },
	[TGT_TEXT] = { iscsip__target_text_run, iscsip__target_text_make, iscsip__target_text_gone, NULL },
	[TGT_NOP] = { answer, iscsip__target_nop_make, NULL, iscsip__target_nop_free },
	[TGT_LOGOUT] = { iscsip__target_logout_run, iscsip__target_logout_make, NULL, NULL },
};
