/* SPDX-License-Identifier: MIT */
/*
 * What looks at every byte of a PDU that goes out: the trace hook and the two digests (RFC 7143 11.2.3). It owns
 * nothing; conn_tx.c calls it where there is a hook or a digest was negotiated.
 */
#include "base/bytes.h"
#include "conn/conn.h"

/* Over the BHS and all that belongs to the header; the digest stands right behind it. */
static void header_digest(struct iscsip_conn *c, struct tx_unit *u, bool mid_is_data)
{
	uint32_t crc = conn_crc(c, 0, u->head, u->head_len);

	if (u->ref_len == 0 && (mid_is_data || u->mid_len == 0)) {
		store_le32(u->head + u->head_len, crc);
		u->head_len = (uint8_t)(u->head_len + DIGEST_LEN);
		return;
	}
	crc = conn_crc(c, crc, u->ref, u->ref_len);
	crc = conn_crc(c, crc, u->mid, u->mid_len);
	store_le32(u->mid + u->mid_len, crc);
	u->mid_len = (uint8_t)(u->mid_len + DIGEST_LEN);
}

static void data_digest(struct iscsip_conn *c, struct tx_unit *u, bool mid_is_data)
{
	struct iscsip_vec_cursor at = u->payload;
	uint32_t left = u->payload_len;
	uint32_t crc = mid_is_data ? conn_crc(c, 0, u->mid, u->mid_len) : 0;
	struct iscsip_vec piece;

	for (; cursor_take(&at, left, &piece, 1, NULL); left -= (uint32_t)piece.len)
		crc = conn_crc(c, crc, piece.base, piece.len);
	crc = conn_crc(c, crc, u->tail, u->tail_len);
	store_le32(u->tail + u->tail_len, crc);
	u->tail_len = (uint8_t)(u->tail_len + DIGEST_LEN);
}

static void trace_unit(struct iscsip_conn *c, const struct tx_unit *u, bool mid_is_data)
{
	struct iscsip_vec_cursor at = u->payload;
	uint32_t left = u->payload_len;
	uint8_t hdr[BHS_LEN + 4u + 260u + TX_MID_MAX];
	size_t len = u->head_len;
	struct iscsip_vec piece;

	memcpy(hdr, u->head, len);
	if (u->ref_len && u->ref_len <= 260u) {
		memcpy(hdr + len, u->ref, u->ref_len);
		len += u->ref_len;
	}
	if (!mid_is_data) {
		memcpy(hdr + len, u->mid, u->mid_len);
		len += u->mid_len;
	}
	conn_trace(c, ISCSIP_TRACE_TX_HEADER, hdr, len);
	if (mid_is_data && u->mid_len)
		conn_trace(c, ISCSIP_TRACE_TX_DATA, u->mid, u->mid_len);
	for (; cursor_take(&at, left, &piece, 1, NULL); left -= (uint32_t)piece.len)
		conn_trace(c, ISCSIP_TRACE_TX_DATA, piece.base, piece.len);
	conn_trace(c, ISCSIP_TRACE_TX_END, NULL, 0);
}

void iscsip__conn_look_over(struct iscsip_conn *c, struct tx_unit *u, bool mid_is_data)
{
	if (c->cfg->host->trace)
		trace_unit(c, u, mid_is_data);
	if (c->tx_ddigest && u->payload_len + (mid_is_data ? u->mid_len : 0u))
		data_digest(c, u, mid_is_data);
	if (c->tx_hdigest)
		header_digest(c, u, mid_is_data);
}
