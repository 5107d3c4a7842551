/* SPDX-License-Identifier: MIT */
/*
 * Sessions, as far as both roles have them alike: slots of connections, and the host's questions. States and tasks are
 * the role's. Invariant: conn_count is the number of slots that are not NULL, and a connection's `session` is set exactly
 * while it stands in a slot.
 */
#include "session/session.h"

bool iscsip__session_carve(struct iscsip_session *s, struct arena *a, const struct iscsip_config *cfg)
{
	struct iscsip_conn **conns = arena_take_array(a, cfg->limits.max_conns, sizeof *conns, _Alignof(void *));

	if (!s || !conns)
		return false;
	memset(s, 0, sizeof *s);
	memset(conns, 0, cfg->limits.max_conns * sizeof *conns);
	s->cfg = cfg;
	s->conns = conns;
	iscsip_params_init(&s->params);
	return true;
}

int iscsip__session_join(struct iscsip_session *s, struct iscsip_conn *c)
{
	int i;

	for (i = 0; i < s->cfg->limits.max_conns; i++) {
		if (s->conns[i])
			continue;
		s->conns[i] = c;
		s->conn_count++;
		c->session = s;
		return i;
	}
	return -1;
}

void iscsip__session_leave(struct iscsip_session *s, struct iscsip_conn *c)
{
	unsigned i;

	for (i = 0; i < s->cfg->limits.max_conns; i++) {
		if (s->conns[i] != c)
			continue;
		s->conns[i] = NULL;
		s->conn_count--;
		c->session = NULL;
	}
}

struct iscsip_conn *iscsip__session_find_cid(const struct iscsip_session *s, uint16_t cid)
{
	unsigned i;

	for (i = 0; i < s->cfg->limits.max_conns; i++)
		if (s->conns[i] && s->conns[i]->cid == cid && !conn_over(s->conns[i]))
			return s->conns[i];
	return NULL;
}

const struct iscsip_params *iscsip_session_params(const struct iscsip_session *s)
{
	return &s->params;
}

int iscsip_session_state(const struct iscsip_session *s)
{
	return s->state;
}

void *iscsip_session_user(const struct iscsip_session *s)
{
	return s->user;
}

uint16_t iscsip_session_tsih(const struct iscsip_session *s)
{
	return s->tsih;
}

struct iscsip_conn *iscsip_session_conn(const struct iscsip_session *s, unsigned index)
{
	return index < s->cfg->limits.max_conns ? s->conns[index] : NULL;
}

iscsip_time iscsip_session_deadline(const struct iscsip_session *s)
{
	return s->ops->deadline(s);
}

int iscsip_session_tick(struct iscsip_session *s, iscsip_time now)
{
	unsigned i;

	for (i = 0; i < s->cfg->limits.max_conns; i++)
		if (s->conns[i] && s->conns[i]->door.shut)
			return ISCSIP_ESTATE;
	return s->ops->tick(s, now);
}

void iscsip_session_get_stats(const struct iscsip_session *s, struct iscsip_session_stats *st)
{
	*st = s->stats;
}
