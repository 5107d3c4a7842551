/* SPDX-License-Identifier: MIT */
/*
 * SendTargets (RFC 7143 appendix C). The list may be of any length and is kept nowhere: where the next response begins
 * is three numbers (target, pair of its record, byte of that pair), and the host is asked again for what it is to hold.
 * Pairs may be cut anywhere (11.10.5).
 *
 * A record is TargetName, then TargetAddress for each portal that has an address.
 */
#include "target/target.h"

/* The name asked for, in the form in which hosts have names from a login: ASCII letters made small. */
static void name_keep(struct tgt_text *x, const char *value, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		x->name[i] = value[i] >= 'A' && value[i] <= 'Z' ? (char)(value[i] - 'A' + 'a') : value[i];
	x->name[len] = '\0';
}

bool iscsip__target_names_begin(struct iscsip_conn *c, const char *value, size_t len)
{
	const struct tgt_session *s = tgt_session_of(c);
	struct tgt_text *x = &tgt_conn_of(c)->text;
	bool discovery = s->s.params.session_type == ISCSIP_SESSION_DISCOVERY;
	bool all = iscsip__text_is(value, len, "All");

	x->target = x->portal = 0;
	x->skip = 0;
	x->only = !all;
	if (all)
		return discovery;
	if (len == 0) {
		memcpy(x->name, s->target_name, sizeof x->name);
		return x->name[0] != '\0';
	}
	if (len > ISCSIP_NAME_MAX)
		return false;
	name_keep(x, value, len);
	/* an operational session tells of its own target alone */
	return discovery || iscsip_name_equal(x->name, s->target_name);
}

/* A pair on its way into the buffer: `skip` bytes of it are there already, in an earlier response. */
struct pair_out {
	char *dst;
	uint32_t cap, len;
	uint32_t at, skip;
	bool cut;
};

static void put_char(struct pair_out *o, char ch)
{
	if (o->at++ < o->skip)
		return;
	if (o->len == o->cap) {
		o->cut = true;
		return;
	}
	o->dst[o->len++] = ch;
}

static void put_text(struct pair_out *o, const char *text)
{
	while (*text && !o->cut)
		put_char(o, *text++);
}

static void put_tag(struct pair_out *o, uint16_t tag)
{
	char digits[20];
	size_t i, n = iscsip__put_decimal(digits, tag);

	for (i = 0; i < n; i++)
		put_char(o, digits[i]);
}

static void put_pair(struct pair_out *o, unsigned pair, const char *name, const struct iscsip_portal *portal)
{
	if (pair == 0) {
		put_text(o, "TargetName=");
		put_text(o, name);
	} else {
		put_text(o, "TargetAddress=");
		put_text(o, portal->address);
		put_text(o, ",");
		put_tag(o, portal->tag);
	}
	put_char(o, '\0');
}

/* Pair 0 of a record is its name, pair n the address of portal n - 1. False: there is no such pair. */
static bool pair_ask(struct iscsip_conn *c, const struct tgt_text *x, const char **name, struct iscsip_portal *portal)
{
	const struct iscsip_target_ops *ops = tgt_session_of(c)->ops;

	memset(portal, 0, sizeof *portal);
	*name = NULL;
	return ops->targets && ops->targets(c->user, c, x->only ? x->name : NULL, x->target,
					    x->portal ? x->portal - 1 : 0, name, portal) == ISCSIP_OK && *name;
}

uint32_t iscsip__target_names_fill(struct iscsip_conn *c, char *dst, uint32_t cap, bool *more)
{
	struct tgt_text *x = &tgt_conn_of(c)->text;
	struct pair_out o = { dst, cap, 0, 0, 0, false };
	struct iscsip_portal portal;
	const char *name;

	*more = false;
	for (;;) {
		uint32_t before = o.len;

		if (!pair_ask(c, x, &name, &portal)) {
			if (x->portal <= 1)
				return o.len;
			x->target++;
			x->portal = 0;
			continue;
		}
		o.at = 0;
		o.skip = x->skip;
		if (x->portal == 0 || portal.address)
			put_pair(&o, x->portal, name, &portal);
		if (o.cut) {
			x->skip += o.len - before;
			*more = true;
			return o.len;
		}
		x->skip = 0;
		x->portal++;
	}
}
