/* SPDX-License-Identifier: MIT */
/*
 * Logins and sessions: who may in, whose secrets, which session, and its end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "iscsi-target/target.h"

/* --- identify: the target is named, and the client moves to its thread --- */

static struct secrets *auth_of(const struct client *c)
{
	return c->device ? c->device->auth : server.auth;
}

/* What is asked may be refused. Where nothing is asked any more the login has ended by itself, and so has the connection. */
static void refuse(struct client *c, uint16_t status, const char *why)
{
	tell("%s: login refused: %s", c->peer_name, why);
	(void)iscsip_login_refuse(c->conn, status, NULL);
}

static void grant(struct client *c)
{
	struct iscsip_login_terms g = { .portal_group_tag = PORTAL_GROUP };
	int err;

	g.offer = c->device ? &c->device->offer : &server.offer;
	err = iscsip_login_grant(c->conn, &g);
	if (err && err != ISCSIP_ESTATE) /* that: the login has ended meanwhile */
		refuse(c, ISCSIP_LOGIN_TARGET_ERROR, iscsip_strerror(err));
	wire_dirty(&c->wire);
}

static void arrive(struct post *p)
{
	struct client *c = (struct client *)(void *)((char *)p - offsetof(struct client, post));

	if (wire_arrive(&c->wire, c->device->loop)) {
		complain("%s: epoll: %s", c->peer_name, strerror(errno));
		return;
	}
	grant(c);
}

static void leave(struct post *p)
{
	struct client *c = (struct client *)(void *)((char *)p - offsetof(struct client, post));

	if (c->wire.gone) {
		if (c->forgotten)
			client_freed(&c->wire);
		return;
	}
	wire_depart(&c->wire);
	c->post.run = arrive;
	loop_post(c->device->loop, &c->post);
}

static void identify(void *user, struct iscsip_conn *conn, const struct iscsip_login_info *info)
{
	struct client *c = user;
	const struct access *a = &server.access;

	(void)conn;
	door_again(&server.door, &c->place);
	if (info->target_name[0]) {
		c->device = device_find(info->target_name);
		if (!c->device) {
			refuse(c, ISCSIP_LOGIN_NOT_FOUND, "no such target");
			return;
		}
		a = &c->device->access;
	}
	if (!access_by_address(a, &c->peer) || !access_by_name(a, info->initiator_name))
		refuse(c, ISCSIP_LOGIN_AUTHORIZATION_FAILED, "the access list does not have this initiator");
	else if (atomic_load(&server.closing))
		refuse(c, ISCSIP_LOGIN_SERVICE_UNAVAILABLE, "shutting down");
	else if (!c->device || c->device->loop == c->wire.loop)
		grant(c);
	else {
		c->post.run = leave;
		loop_post(c->wire.loop, &c->post);
	}
}

static void chap_ask(void *user, struct iscsip_conn *conn, const struct iscsip_login_info *info,
		     const struct iscsip_chap_ask *ask)
{
	struct client *c = user;

	door_again(&server.door, &c->place);
	/* asked for, so taken: a refusal goes to the initiator, and login_done() tells of it */
	(void)secrets_answer(auth_of(c), conn, ask, info->initiator_name);
}

/* --- sessions --- */

static void session_free(struct post *p)
{
	struct session *s = (struct session *)(void *)((char *)p - offsetof(struct session, post));

	blocks_give(&server.session_blocks, s);
}

static void lock_discovery(const struct device *d)
{
	if (!d)
		pthread_mutex_lock(&server.discovery_lock);
}

static void unlock_discovery(const struct device *d)
{
	if (!d)
		pthread_mutex_unlock(&server.discovery_lock);
}

static struct session_list *list_of(struct device *d)
{
	return d ? &d->sessions : &server.discovery;
}

/*
 * The session of the login's initiator port. All portals are of one group, so a session with a target is the same at each; an
 * unnamed discovery session belongs to the portal where it was opened (RFC 7143 7.4.2.1).
 */
static struct session *find_session(const struct client *c, const struct iscsip_login_info *info)
{
	uint8_t portal[NET_KEY_LEN];
	struct session *s;

	net_key(&c->local, portal);
	for (s = list_of(c->device)->first; s; s = s->next)
		if ((!info->tsih || iscsip_session_tsih(s->iscsip) == info->tsih) && memcmp(s->isid, info->isid, 6) == 0 &&
		    strcmp(s->initiator, info->initiator_name) == 0 &&
		    (s->device || memcmp(s->portal, portal, sizeof portal) == 0))
			return s;
	return NULL;
}

static uint16_t new_tsih(struct device *d)
{
	struct session *s;

	do {
		if (++d->last_tsih == 0)
			d->last_tsih = 1;
		for (s = d->sessions.first; s && iscsip_session_tsih(s->iscsip) != d->last_tsih; s = s->next)
			;
	} while (s);
	return d->last_tsih;
}

static int open_nexus(struct session *s, const struct iscsip_login_info *info, const struct iscsip_params *params)
{
	uint8_t id[ISCSIP_TRANSPORT_ID_MAX];
	size_t len = iscsip_transport_id_iscsi(id, sizeof id, info->initiator_name, info->isid);
	int err = iscsip_disk_nexus_open(s->device->disk, &s->nexus, id, len, 1);

	s->nexus_open = err == ISCSIP_OK;
	if (!err)
		s->nexus.protocol_level = (uint8_t)params->iscsi_protocol_level;
	return err;
}

static void link_session(struct session *s)
{
	struct session_list *l = list_of(s->device);

	lock_discovery(s->device);
	s->next = l->first;
	s->prev = &l->first;
	if (s->next)
		s->next->prev = &s->next;
	l->first = s;
	unlock_discovery(s->device);
}

static void unlink_session(struct session *s)
{
	lock_discovery(s->device);
	if (s->prev) {
		*s->prev = s->next;
		if (s->next)
			s->next->prev = s->prev;
		s->prev = NULL;
	}
	unlock_discovery(s->device);
}

/* A post: it comes before the one that frees the session, which is posted when the session is out of its list. */
static void end_replaced(struct post *p)
{
	struct session *s = (struct session *)(void *)((char *)p - offsetof(struct session, replace));

	if (s->prev)
		iscsip_target_session_end(s->iscsip, s->loop->now);
}

static struct session *session_new(struct client *c, const struct iscsip_login_info *info, const struct iscsip_params *params)
{
	struct session *s = blocks_take(&server.session_blocks);
	struct device *d = c->device;
	int err;

	if (!s)
		return NULL;
	memset(s, 0, sizeof *s);
	s->device = d;
	s->loop = c->wire.loop;
	memcpy(s->isid, info->isid, 6);
	net_key(&c->local, s->portal);
	snprintf(s->initiator, sizeof s->initiator, "%s", info->initiator_name);
	snprintf(s->user, sizeof s->user, "%s", info->peer_chap_name);
	s->replace.run = end_replaced;
	err = iscsip_target_session_init(&s->iscsip, s->mem, server.session_size, &server.config, &target_ops,
					 iscsip_disk_ops(), d ? d->disk : NULL, &s->nexus, s);
	if (!err && d)
		err = open_nexus(s, info, params);
	if (err) {
		complain("%s: no session: %s", c->peer_name, iscsip_strerror(err));
		blocks_give(&server.session_blocks, s);
		return NULL;
	}
	link_session(s);
	atomic_fetch_add(&server.sessions, 1);
	return s;
}

/*
 * A session is its owner's: of the user that proved it, or of one whose secret proves the session's very name. Others that
 * claim the name neither end it nor join it.
 */
static bool owns(const struct client *c, const struct session *s, const struct iscsip_login_info *info)
{
	struct secrets *auth = auth_of(c);

	return strcmp(s->user, info->peer_chap_name) == 0 || (auth && secrets_tied(auth, info->peer_chap_name, s->initiator));
}

/*
 * Session reinstatement (RFC 7143 6.3.5), and that of unnamed discovery sessions (7.4.2.1), which may be another
 * thread's. False: not by this one.
 */
static bool replace_session(struct client *c, const struct iscsip_login_info *info)
{
	struct session *s;
	bool may, mine;

	lock_discovery(c->device);
	s = find_session(c, info);
	may = !s || owns(c, s, info);
	mine = s && s->loop == c->wire.loop;
	if (s && may && !mine)
		loop_post(s->loop, &s->replace);
	unlock_discovery(c->device);
	if (may && mine)
		iscsip_target_session_end(s->iscsip, c->wire.loop->now);
	return may;
}

/* The session that the login joins, or a new one. False: refused. */
static bool find_place(struct client *c, const struct iscsip_login_info *info, const struct iscsip_params *params,
		       struct session **out)
{
	struct session *s = NULL;
	bool may = true;

	if (!info->tsih)
		may = replace_session(c, info);
	else if (c->device)
		s = find_session(c, info);
	if (info->tsih && !s) {
		refuse(c, ISCSIP_LOGIN_SESSION_DOES_NOT_EXIST, "no session with this TSIH");
		return false;
	}
	if (!may || (s && !owns(c, s, info))) {
		refuse(c, ISCSIP_LOGIN_AUTHORIZATION_FAILED, "the session of this name is another user's");
		return false;
	}
	if (!s)
		s = session_new(c, info, params);
	if (!s)
		refuse(c, ISCSIP_LOGIN_OUT_OF_RESOURCES, "out of sessions");
	*out = s;
	return s != NULL;
}

static void session(void *user, struct iscsip_conn *conn, const struct iscsip_login_info *info,
		    const struct iscsip_params *params)
{
	struct client *c = user;
	struct session *s;
	int err;

	c->proved = info->peer_authenticated;
	if ((c->device || c->proved) && !door_enter(&server.present, &c->present, c->wire.watch.fd, &c->peer)) {
		refuse(c, ISCSIP_LOGIN_OUT_OF_RESOURCES, "its address has as many connections as any, and there is no room");
		return;
	}
	if (!find_place(c, info, params, &s))
		return;
	c->session = s;
	err = iscsip_login_accept(conn, s->iscsip, c->device ? new_tsih(c->device) : 1);
	if (err == ISCSIP_EAGAIN)
		refuse(c, ISCSIP_LOGIN_TOO_MANY_CONNECTIONS, "too many connections in the session");
	else if (err == ISCSIP_ESTATE)
		refuse(c, ISCSIP_LOGIN_SESSION_DOES_NOT_EXIST, "the session is over");
	else if (err)
		refuse(c, ISCSIP_LOGIN_TARGET_ERROR, iscsip_strerror(err));
}

static void login_done(void *user, struct iscsip_conn *conn, uint16_t status)
{
	struct client *c = user;
	const char *reason = iscsip_conn_login_reason(conn);

	blocks_give(&server.login_blocks, c->login);
	c->login = NULL;
	if (status == ISCSIP_LOGIN_SUCCESS && (c->device || c->proved))
		door_leave(&server.door, &c->place);
	atomic_fetch_add(status == ISCSIP_LOGIN_SUCCESS ? &server.logins : &server.refused, 1);
	tell("%s: login %s (%04x)%s%s", c->peer_name, status == ISCSIP_LOGIN_SUCCESS ? "complete" : "refused", status,
	     reason[0] ? ": " : "", reason);
}

static void close_nexus(struct session *s)
{
	if (s->nexus_open)
		iscsip_disk_nexus_close(&s->nexus);
	s->nexus_open = false;
}

/* A session that failed is over for its disk, too: what it left is only what is still with the storage. */
static void state(void *user, struct iscsip_session *iscsip, int now, const struct iscsip_error *why)
{
	struct session *s = iscsip_session_user(iscsip);

	(void)user;
	(void)why;
	if (now != ISCSIP_SESSION_FREE && now != ISCSIP_SESSION_FAILED)
		return;
	close_nexus(s);
	unlink_session(s);
	if (now != ISCSIP_SESSION_FREE)
		return;
	atomic_fetch_sub(&server.sessions, 1);
	s->post.run = session_free;
	loop_post(s->loop, &s->post);
}

/* --- SendTargets --- */

static bool visible(const struct client *c, const struct iscsip_session *s, const struct device *d)
{
	const struct session *mine = s ? iscsip_session_user(s) : NULL;

	return access_by_address(&d->access, &c->peer) && (!mine || access_by_name(&d->access, mine->initiator));
}

static struct device *nth_device(const struct client *c, const struct iscsip_session *s, const char *only, unsigned index)
{
	struct device *d;

	for (d = server.devices; d; d = d->next) {
		if (!visible(c, s, d) || (only && strcmp(only, d->name) != 0))
			continue;
		if (index-- == 0)
			return d;
	}
	return NULL;
}

/*
 * Whether a portal is told to a client, and as what: an address that means something where the client is. A wildcard is
 * the address that this client came to, if it is of its family; loopback and link-local addresses are for those on the same
 * machine or link. The portal that the client came by is always among them.
 */
static bool portal_told(const struct portal *p, const struct sockaddr_storage *local, char text[NET_TEXT_MAX])
{
	if (net_is_any(&p->address)) {
		net_wire_name(local, net_port(&p->address), text);
		return local->ss_family == p->address.ss_family;
	}
	net_wire_name(&p->address, net_port(&p->address), text);
	return net_reaches(local, &p->address);
}

static int targets(void *user, struct iscsip_conn *conn, const char *only, unsigned index, unsigned portal,
		   const char **name, struct iscsip_portal *out)
{
	struct client *c = iscsip_conn_user(conn);
	struct device *d = nth_device(c, iscsip_conn_session(conn), only, index);
	unsigned i;

	(void)user;
	for (i = 0; d && i < server.portal_count; i++) {
		if (!portal_told(&server.portals[i], &c->local, c->portal_text) || portal-- > 0)
			continue;
		*name = d->name;
		out->address = c->portal_text;
		out->tag = PORTAL_GROUP;
		return ISCSIP_OK;
	}
	return ISCSIP_ENOENT;
}

static void logout(void *user, struct iscsip_conn *conn, uint8_t reason, uint16_t cid)
{
	struct client *c = iscsip_conn_user(conn);

	(void)user;
	(void)cid;
	tell("%s: logout (reason %u)", c->peer_name, reason);
}

/* The others of its target (RFC 7143 11.5.1): all are on the target's thread. A session that ends is freed by a post only. */
static void cold_reset(void *user, struct iscsip_session *iscsip)
{
	struct session *s = user, *other, *next;

	(void)iscsip;
	for (other = s->device ? s->device->sessions.first : NULL; other; other = next) {
		next = other->next;
		if (other != s)
			iscsip_target_session_end(other->iscsip, s->loop->now);
	}
}

const struct iscsip_target_ops target_ops = {
	.struct_size = sizeof(struct iscsip_target_ops),
	.identify = identify,
	.chap_ask = chap_ask,
	.session = session,
	.login_done = login_done,
	.targets = targets,
	.state = state,
	.logout = logout,
	.cold_reset = cold_reset,
};
