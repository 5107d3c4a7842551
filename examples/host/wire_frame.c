/* SPDX-License-Identifier: MIT */
/*
 * The doors of a frame-protocol connection in the form that wire.c drives (wire_frame.h), and what its trace hook tells
 * as captures and lines on stderr.
 */
#include "wire_frame.h"

#include "util.h"

static int rx_next(void *c, const struct iscsip_vec *stage, struct iscsip_vec *vec, int max)
{
	return iscsip_frame_conn_rx_next(c, stage, vec, max);
}

static ptrdiff_t rx_done(void *c, size_t n, iscsip_time now)
{
	return iscsip_frame_conn_rx_done(c, n, now);
}

static ptrdiff_t rx_push(void *c, const void *p, size_t n, iscsip_time now)
{
	return iscsip_frame_conn_rx_push(c, p, n, now);
}

static int tx_next(void *c, struct iscsip_vec *vec, int max, iscsip_time now)
{
	return iscsip_frame_conn_tx_next(c, vec, max, now);
}

static int tx_done(void *c, size_t n, iscsip_time now)
{
	return iscsip_frame_conn_tx_done(c, n, now);
}

static unsigned want(const void *c)
{
	return iscsip_frame_conn_want(c);
}

static iscsip_time deadline(const void *c)
{
	return iscsip_frame_conn_deadline(c);
}

static int tick(void *c, iscsip_time now)
{
	return iscsip_frame_conn_tick(c, now);
}

static void closed(void *c, iscsip_time now)
{
	iscsip_frame_conn_closed(c, now);
}

const struct wire_ops wire_frame = { rx_next, rx_done, rx_push, tx_next, tx_done, want, deadline, tick, closed };

static void print_frame(const char *who, bool sent, const uint8_t *header)
{
	struct iscsip_frame f;
	char text[256];

	(void)iscsip_frame_decode(&f, header, ISCSIP_FRAME_LEN); /* shown as it came: the connection says what is wrong */
	iscsip_frame_format(&f, text, sizeof text);
	show("%s %s %s", who, sent ? "sent" : "got", text);
}

void frame_traced(struct pcap_flow *f, const char *who, enum iscsip_trace_event event, const void *p, size_t len)
{
	bool sent = event > ISCSIP_TRACE_RX_END;

	if ((event == ISCSIP_TRACE_RX_HEADER || event == ISCSIP_TRACE_TX_HEADER) && verbosity > 1)
		print_frame(who, sent, p);
	if (event == ISCSIP_TRACE_RX_END || event == ISCSIP_TRACE_TX_END)
		pcap_emit(f, sent ? 0 : 1);
	else
		pcap_add(f, sent ? 0 : 1, p, len);
}
