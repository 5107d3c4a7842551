/* SPDX-License-Identifier: MIT */
/*
 * Command numbers (RFC 7143 4.2.2.1). It owns ExpCmdSN, MaxCmdSN, and the ring of requests that came before their turn.
 *
 *      ExpCmdSN                           MaxCmdSN
 *   ------|-----------------------------------|------
 *         | parked, plugged, or not come yet  |        everything outside is ignored in silence
 *
 * A request at ExpCmdSN is delivered at once, and after it all that waited for it. One beyond is parked in the ring,
 * at its number; the ring has a place for each number of the window, so a gap that stays for ever costs what was promised
 * and no more. A plugged number counts as received without a request (11.6.1 b, 4.2.3.3 b).
 *
 * Invariants: MaxCmdSN never goes back; MaxCmdSN - ExpCmdSN + 1 is at most max_tasks less the open ones; ring places
 * outside the window are empty; `parked` counts the others.
 */
#include "target/target.h"

static uint16_t *place_of(const struct tgt_session *s, uint32_t cmdsn)
{
	return &s->park[cmdsn & s->park_mask];
}

/* --- delivery --- */

static void deliver(struct tgt_task *t)
{
	t->flags |= TGT_TURN;
	iscsip__target_kinds[t->kind].run(t);
}

static void take_turn(struct tgt_task *t)
{
	struct tgt_session *s = t->ses;

	s->expcmdsn++;
	s->open++;
	t->flags |= TGT_OPEN;
	deliver(t);
}

/* Delivers what was parked and is now in turn. Delivery may end the session: then nothing is parked any more. */
static void unpark_run(struct tgt_session *s)
{
	while (s->parked) {
		uint16_t *place = place_of(s, s->expcmdsn), at = *place;

		if (at == 0)
			return;
		*place = 0;
		s->parked--;
		if (at == TGT_NONE) {
			s->expcmdsn++;
			continue;
		}
		s->tasks[at - 1].flags &= ~(uint32_t)TGT_PARKED;
		take_turn(&s->tasks[at - 1]);
	}
}

void iscsip__target_window_admit(struct tgt_task *t)
{
	struct tgt_session *s = t->ses;

	if (t->flags & TGT_IMMEDIATE) {
		deliver(t);
	} else if (t->cmdsn == s->expcmdsn) {
		take_turn(t);
		if (s->parked)
			unpark_run(s);
	} else {
		*place_of(s, t->cmdsn) = (uint16_t)(t->index + 1u);
		t->flags |= TGT_PARKED;
		s->parked++;
	}
}

void iscsip__target_window_unpark(struct tgt_task *t)
{
	struct tgt_session *s = t->ses;

	*place_of(s, t->cmdsn) = 0;
	t->flags &= ~(uint32_t)TGT_PARKED;
	s->parked--;
}

/* --- plugs --- */

static bool plug_one(struct tgt_session *s, uint32_t cmdsn)
{
	uint16_t *place = place_of(s, cmdsn);

	if (!serial_within(cmdsn, s->expcmdsn, s->maxcmdsn) || *place)
		return false;
	*place = TGT_NONE;
	s->parked++;
	return true;
}

bool iscsip__target_window_plug(struct tgt_session *s, uint32_t cmdsn)
{
	bool plugged = plug_one(s, cmdsn);

	unpark_run(s);
	return plugged;
}

void iscsip__target_window_plug_below(struct tgt_session *s, uint32_t cmdsn)
{
	uint32_t n;

	for (n = s->expcmdsn; serial_lt(n, cmdsn) && serial_le(n, s->maxcmdsn); n++)
		(void)plug_one(s, n);
	unpark_run(s);
}

/* --- telling --- */

static bool anything_queued(const struct tgt_session *s)
{
	unsigned i;

	for (i = 0; i < s->s.cfg->limits.max_conns; i++)
		if (s->s.conns[i] && (s->s.conns[i]->queue[CONN_Q_URGENT] || s->s.conns[i]->queue[CONN_Q_ANSWER] ||
				      s->s.conns[i]->queue[CONN_Q_DATA]))
			return true;
	return false;
}

/* An initiator whose window was closed waits, and no response is under way that would tell it (11.19). */
void iscsip__target_window_tell(struct tgt_session *s)
{
	unsigned i;

	if (anything_queued(s))
		return;
	s->tell_window = false;
	if (s->s.params.session_type == ISCSIP_SESSION_DISCOVERY)
		return;
	for (i = 0; i < s->s.cfg->limits.max_conns; i++) {
		struct iscsip_conn *c = s->s.conns[i];

		if (!c || c->state != ISCSIP_CONN_FULL_FEATURE)
			continue;
		iscsip__conn_queue(c, &tgt_conn_of(c)->window_item, CONN_Q_ANSWER);
		return;
	}
}
