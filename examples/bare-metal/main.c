/* SPDX-License-Identifier: MIT */
/*
 * An iSCSI target on a microcontroller: no operating system, no allocator, no C library. The transport is whatever carries a
 * stream of bytes; here it is the first UART of the board, so that QEMU can put it on a TCP port:
 *
 *     qemu-system-arm -M mps2-an385 -nographic -kernel target.elf -serial tcp:127.0.0.1:3260,server
 *
 * A product puts lwIP's callbacks in its place: iscsip_conn_rx_push() takes what a segment brought, iscsip_conn_tx_pull() fills
 * the next one.
 *
 * All memory is static: one connection, one session, four tasks. The blocks are larger than the library asks for today; init
 * says so when they are not.
 */
#include "board.h"

#include <iscsiproto/target.h>

#define UART_DATA (*(volatile uint32_t *)0x40004000u)
#define UART_STATE (*(volatile uint32_t *)0x40004004u)
#define UART_CTRL (*(volatile uint32_t *)0x40004008u)
#define UART_BAUDDIV (*(volatile uint32_t *)0x40004010u)
#define UART_TX_FULL 1u
#define UART_RX_FULL 2u
#define HEADER_LEN 48u
#define LOGIN_ID_AT 8u
#define PAUSE_MS 200u
#define STALE_MS 500u

static _Alignas(8) uint8_t conn_mem[2560], login_mem[10240], session_mem[2304];
static struct iscsip_config config;
static struct iscsip_offer offer;
static struct iscsip_conn *conn;
static struct iscsip_session *session;
static bool session_in_use;
static uint8_t in[64];
static size_t in_len;
static uint8_t login_id[14];               /* of the login under way: ISID, TSIH, tag, CID */
static bool logged_in, doubt, replaced;
static iscsip_time last_rx;

/* For TSIHs; a product that uses CHAP takes its challenges from a hardware source. */
static void jitter(void *user, uint8_t *dst, size_t len)
{
	static uint32_t seed = 0x9e3779b9u;

	(void)user;
	while (len--) {
		seed = seed * 1664525u + (uint32_t)board_now() + 1013904223u;
		*dst++ = (uint8_t)(seed >> 24);
	}
}

static const struct iscsip_host host = { .struct_size = sizeof host, .random = jitter };

/* --- what a login asks --- */

static void identify(void *user, struct iscsip_conn *c, const struct iscsip_login_info *info)
{
	(void)user;
	if (info->tsih)
		(void)iscsip_login_refuse(c, ISCSIP_LOGIN_SESSION_DOES_NOT_EXIST, NULL);
	else
		(void)iscsip_login_grant(c, NULL);
}

static void name_session(void *user, struct iscsip_conn *c, const struct iscsip_login_info *info,
			 const struct iscsip_params *params);

static int targets(void *user, struct iscsip_conn *c, const char *only, unsigned index, unsigned portal, const char **name,
		   struct iscsip_portal *out)
{
	(void)user;
	(void)c;
	(void)only;
	if (index || portal)
		return ISCSIP_ENOENT;
	*name = "iqn.2026-11.org.libiscsiproto:bare-metal";
	out->address = NULL; /* where this connection leads to */
	out->tag = 1;
	return ISCSIP_OK;
}

static void state(void *user, struct iscsip_session *s, int now, const struct iscsip_error *why)
{
	(void)user;
	(void)s;
	(void)why;
	if (now == ISCSIP_SESSION_FREE)
		session_in_use = false;
}

static void login_done(void *user, struct iscsip_conn *c, uint16_t status)
{
	(void)user;
	(void)c;
	logged_in = status == ISCSIP_LOGIN_SUCCESS;
}

static const struct iscsip_target_ops ops = {
	.struct_size = sizeof ops,
	.identify = identify,
	.session = name_session,
	.targets = targets,
	.state = state,
	.login_done = login_done,
};

static void name_session(void *user, struct iscsip_conn *c, const struct iscsip_login_info *info,
			 const struct iscsip_params *params)
{
	(void)user;
	(void)info;
	(void)params;
	if (session_in_use) /* of an initiator that is gone: there is one line, and this one is on it */
		iscsip_target_session_end(session, board_now());
	if (session_in_use || iscsip_target_session_init(&session, session_mem, sizeof session_mem, &config, &ops, &device_ops,
							 NULL, NULL, NULL)) {
		(void)iscsip_login_refuse(c, ISCSIP_LOGIN_OUT_OF_RESOURCES, NULL);
		return;
	}
	session_in_use = iscsip_login_accept(c, session, 1) == ISCSIP_OK;
}

/* --- the line --- */

/*
 * Whether n bytes can be the beginning of the header of a first Login Request: opcode with the I bit, a stage that a login begins
 * with, version 0, no additional header, no TSIH (RFC 7143 11.12).
 */
static bool may_be_login(const uint8_t *p, size_t n)
{
	return n == 0 || (p[0] == 0x43 && (n < 2 || (p[1] & 0x38) == 0) && (n < 4 || p[3] == 0) && (n < 5 || p[4] == 0) &&
			  (n < 16 || (p[14] == 0 && p[15] == 0)));
}

/*
 * Nobody says that an initiator vanished: the line has no carrier. The next one begins in the middle of what the last one left, so
 * what comes after a pause and looks like a first Login Request is one, and the newcomer wins; an initiator that is
 * logged in sends no such thing at the border of a PDU, and inside of one it does not pause. In a login under way, the
 * header of its own next request has the tag, the ISID and the CID of the first.
 */
static bool newcomer(void)
{
	return may_be_login(in, in_len) && in_len >= HEADER_LEN &&
	       (logged_in || memcmp(in + LOGIN_ID_AT, login_id, sizeof login_id) != 0);
}

/* What the line has. False: nothing. */
static bool fill(iscsip_time now)
{
	size_t before = in_len;

	while (in_len < sizeof in && (UART_STATE & UART_RX_FULL))
		in[in_len++] = (uint8_t)UART_DATA;
	if (in_len == before)
		return false;
	doubt = doubt || (before == 0 && now - last_rx >= PAUSE_MS);
	last_rx = now;
	return true;
}

/*
 * Until the header of a first Login Request is in: what stands before it is left from the last connection. The time of a login
 * begins with it, since the board may have waited for long.
 */
static void await_login(void)
{
	while (!may_be_login(in, in_len) || in_len < HEADER_LEN) {
		iscsip_time now = board_now();
		size_t skip = 0;

		if (now - last_rx >= STALE_MS)
			in_len = 0; /* half a header, and nothing more of it */
		(void)fill(now); /* looked at by what follows, and by the next round */
		while (!may_be_login(in + skip, in_len - skip))
			skip++;
		in_len -= skip;
		memmove(in, in + skip, in_len);
	}
	memcpy(login_id, in + LOGIN_ID_AT, sizeof login_id);
}

static bool take(iscsip_time now)
{
	ptrdiff_t taken = 0;

	if (in_len && (iscsip_conn_want(conn) & ISCSIP_WANT_RX))
		taken = iscsip_conn_rx_push(conn, in, in_len, now);
	if (taken <= 0)
		return false;
	in_len -= (size_t)taken;
	memmove(in, in + taken, in_len);
	return true;
}

/* Bytes from the line to the connection. `replaced`: it is over, and what is in belongs to the next one. */
static bool receive(iscsip_time now)
{
	bool got = fill(now);

	replaced = doubt && newcomer();
	if (replaced || (doubt && may_be_login(in, in_len) && in_len < HEADER_LEN && now - last_rx < PAUSE_MS))
		return got;
	doubt = false;
	return take(now) || got;
}

static bool send(iscsip_time now)
{
	uint8_t byte;

	if ((UART_STATE & UART_TX_FULL) || iscsip_conn_tx_pull(conn, &byte, 1, now) != 1)
		return false;
	UART_DATA = byte;
	return true;
}

/*
 * A connection until it is over. Doors and deadlines that fail (the calls whose answers are not looked at) make it want to be
 * closed, which is what the loop looks for.
 */
static void serve(void)
{
	await_login();
	logged_in = doubt = replaced = false;
	if (iscsip_target_conn_init(&conn, conn_mem, sizeof conn_mem, login_mem, sizeof login_mem, &config, &ops, NULL,
				    board_now()))
		for (;;)
			; /* a block is too small */
	while (!replaced && !(iscsip_conn_want(conn) & ISCSIP_WANT_CLOSE)) {
		iscsip_time now = board_now();

		while (!replaced && (receive(now) || send(now)))
			;
		if (now >= iscsip_conn_deadline(conn))
			(void)iscsip_conn_tick(conn, now);
		if (session_in_use && now >= iscsip_session_deadline(session))
			(void)iscsip_session_tick(session, now);
	}
	iscsip_conn_closed(conn, board_now());
}

int main(void)
{
	UART_BAUDDIV = 16;
	UART_CTRL = 3; /* both ways */
	iscsip_config_init(&config, sizeof config);
	config.limits.max_tasks = 4;
	config.limits.max_r2ts = 4;
	config.limits.max_tx_pdus = 3;
	config.limits.ahs_max = 0;
	config.limits.text_max = 256;
	config.limits.ping_max = 64;
	config.login_timeout_ms = 5000;
	config.nop_interval_ms = 5000; /* an initiator that vanished leaves by itself, too */
	iscsip_offer_init_target(&offer);
	offer.max_recv_data_segment_length = 4096;
	offer.max_burst_length = offer.first_burst_length = 8192;
	config.host = &host;
	config.offer = &offer;
	for (;;)
		serve();
}
