/* SPDX-License-Identifier: MIT */
/*
 * Login scratch (login_scratch.h). It owns the layout of the host's block: the struct first, the login's own memory behind
 * it. iscsip_login_size() is the layout run without memory, so the two cannot disagree.
 *
 * The scratch lives from the connection's init to the end of its login; `c->login` points to it exactly that long.
 */
#include "task/login_scratch.h"

static void limits_of(struct iscsip__login_limits *limits, const struct iscsip_config *cfg)
{
	iscsip__login_limits_init(limits);
	limits->max_pdus = cfg->login_max_pdus;
	limits->text_max = cfg->login_text_max;
}

static struct login_scratch *carve(struct arena *a, const struct iscsip__login_limits *limits, void **mem, size_t *len)
{
	struct login_scratch *ls = arena_take(a, sizeof *ls, _Alignof(struct login_scratch));

	*len = iscsip__login_size(limits);
	*mem = arena_take(a, *len, ARENA_ALIGN);
	return *mem ? ls : NULL;
}

size_t iscsip_login_size(const struct iscsip_config *cfg)
{
	struct iscsip__login_limits limits;
	struct arena a;
	void *mem;
	size_t len;

	limits_of(&limits, cfg);
	arena_count(&a);
	(void)carve(&a, &limits, &mem, &len);
	return arena_size(&a);
}

static void random_bytes(void *user, uint8_t *dst, size_t len)
{
	const struct login_scratch *ls = user;
	const struct iscsip_host *host = ls->conn->cfg->host;

	host->random(host->user, dst, len);
}

struct login_scratch *iscsip__login_scratch_open(struct iscsip_conn *c, void *mem, size_t len)
{
	struct iscsip__login_limits limits;
	struct login_scratch *ls;
	struct arena a;
	size_t login_len;
	void *login;

	limits_of(&limits, c->cfg);
	arena_open(&a, mem, len);
	ls = carve(&a, &limits, &login, &login_len);
	if (!ls)
		return NULL;
	memset(ls, 0, sizeof *ls);
	ls->conn = c;
	ls->limits = limits;
	ls->mem = login;
	ls->mem_len = login_len;
	ls->setup.limits = &ls->limits;
	ls->setup.offer = c->cfg->offer;
	ls->setup.alias = c->cfg->node_alias;
	ls->setup.user = ls;
	ls->setup.random = random_bytes;
	c->login = ls;
	return ls;
}
