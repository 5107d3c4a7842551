/* SPDX-License-Identifier: MIT */
/*
 * The convenience door: a connection driven over the host's recv and send calls. It owns nothing
 * and uses only the public doors; a host that wants one call for many PDUs drives these itself.
 */
#include "conn/conn.h"

#define PIECES 16

static int send_all(struct iscsip_conn *c, const struct iscsip_transport *t, iscsip_time now, bool *moved)
{
	struct iscsip_vec vec[PIECES];
	int cnt;

	while ((cnt = iscsip_conn_tx_next(c, vec, PIECES, now)) > 0) {
		ptrdiff_t n = t->send(t->user, vec, cnt);
		int err;

		if (n == ISCSIP_EAGAIN || n == 0)
			return ISCSIP_OK;
		if (n < 0)
			return (int)n;
		err = iscsip_conn_tx_done(c, (size_t)n, now);
		if (err)
			return err;
		*moved = true;
	}
	return cnt;
}

/* One receive, never beyond the piece that is expected: so nothing is left over when the connection is held. */
static int receive_once(struct iscsip_conn *c, const struct iscsip_transport *t, iscsip_time now, bool *moved)
{
	struct iscsip_vec vec[2] = { { NULL, 0 }, { NULL, 0 } };
	int cnt = iscsip_conn_rx_next(c, NULL, vec, 2);
	ptrdiff_t n;

	if (cnt <= 0)
		return cnt;
	n = t->recv(t->user, vec[0].base, vec[0].len);
	if (n == ISCSIP_EAGAIN)
		return ISCSIP_OK;
	if (n <= 0)
		return n == 0 ? ISCSIP_ECLOSED : (int)n;
	*moved = true;
	return (int)iscsip_conn_rx_done(c, (size_t)n, now);
}

int iscsip_conn_run(struct iscsip_conn *c, const struct iscsip_transport *t, iscsip_time now)
{
	bool moved;
	int err, sent;

	if (c->door.shut)
		return ISCSIP_ESTATE;
	do {
		moved = false;
		err = iscsip_conn_want(c) & ISCSIP_WANT_RX ? receive_once(c, t, now, &moved) : ISCSIP_OK;
		sent = iscsip_conn_want(c) & ISCSIP_WANT_TX ? send_all(c, t, now, &moved) : ISCSIP_OK;
		if (err || sent < 0)
			return err ? err : sent;
	} while (moved);
	return iscsip_conn_want(c) & ISCSIP_WANT_CLOSE ? ISCSIP_ECLOSED : ISCSIP_OK;
}
