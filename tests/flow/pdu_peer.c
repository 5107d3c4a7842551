/* SPDX-License-Identifier: MIT */
/*
 * The scripted peer (pdu_peer.h). Bytes that the connection does not take (it is held) wait here and are given again at the
 * next opportunity, as a socket would do.
 */
#include "flow/pdu_peer.h"

#include <stdlib.h>
#include <string.h>

void peer_open(struct pdu_peer *p, struct iscsip_conn *c)
{
	memset(p, 0, sizeof *p);
	p->c = c;
	p->in = malloc(PEER_BUF);
	p->out = malloc(PEER_BUF);
}

void peer_close(struct pdu_peer *p)
{
	free(p->in);
	free(p->out);
}

/* What readv() would do with the connection's list: up to n bytes go where it says. Taken bytes, or an error. */
static ptrdiff_t give_in_place(struct pdu_peer *p, const uint8_t *bytes, size_t n)
{
	struct iscsip_vec vec[16], stage;
	uint8_t stage_mem[4096];
	size_t put = 0;
	ptrdiff_t left;
	int cnt;

	stage.base = stage_mem;
	stage.len = p->stage < sizeof stage_mem ? p->stage : sizeof stage_mem;
	cnt = iscsip_conn_rx_next(p->c, p->stage ? &stage : NULL, vec, p->pieces ? p->pieces : 16);
	if (cnt <= 0)
		return cnt;
	for (int i = 0; i < cnt && put < n; i++) {
		size_t m = vec[i].len < n - put ? vec[i].len : n - put;

		memcpy(vec[i].base, bytes + put, m);
		put += m;
	}
	left = iscsip_conn_rx_done(p->c, put, p->now);
	return left < 0 ? left : (ptrdiff_t)put - left;
}

void peer_flush(struct pdu_peer *p)
{
	size_t at = 0;

	while (at < p->in_len && iscsip_conn_want(p->c) & ISCSIP_WANT_RX) {
		size_t n = p->in_len - at;
		ptrdiff_t taken;

		if (p->chunk && n > p->chunk)
			n = p->chunk;
		taken = p->in_place ? give_in_place(p, p->in + at, n) : iscsip_conn_rx_push(p->c, p->in + at, n, p->now);
		if (taken < 0) {
			p->err = (int)taken;
			at = p->in_len;
			break;
		}
		if (taken == 0)
			break;
		at += (size_t)taken;
	}
	memmove(p->in, p->in + at, p->in_len - at);
	p->in_len -= at;
}

void peer_send_raw(struct pdu_peer *p, const void *bytes, size_t len)
{
	if (len > PEER_BUF - p->in_len)
		abort();
	if (len)
		memcpy(p->in + p->in_len, bytes, len);
	p->in_len += len;
	peer_flush(p);
}

static size_t put_crc(uint8_t *dst, uint32_t crc, bool *spoil)
{
	int i;

	if (*spoil)
		crc ^= 0x5a5a;
	*spoil = false;
	for (i = 0; i < 4; i++)
		dst[i] = (uint8_t)(crc >> 8 * i);
	return 4;
}

void peer_send_bhs(struct pdu_peer *p, const uint8_t bhs[48], const void *ahs, const void *data)
{
	size_t ahs_len = 4u * (size_t)bhs[4], len = (size_t)bhs[5] << 16 | (size_t)bhs[6] << 8 | bhs[7], n = 48;
	size_t pad = (4 - len % 4) % 4;
	uint8_t *buf = malloc(48 + ahs_len + len + 16);

	memcpy(buf, bhs, 48);
	if (ahs_len)
		memcpy(buf + n, ahs, ahs_len);
	n += ahs_len;
	if (p->header_digest)
		n += put_crc(buf + n, iscsip_crc32c(0, buf, n), &p->spoil_header_digest);
	if (len)
		memcpy(buf + n, data, len);
	memset(buf + n + len, p->pad, pad);
	if (p->data_digest && len)
		(void)put_crc(buf + n + len + pad, iscsip_crc32c(0, buf + n, len + pad), &p->spoil_data_digest);
	n += len + pad + (p->data_digest && len ? 4 : 0);
	peer_send_raw(p, buf, n);
	free(buf);
}

void peer_send_ahs(struct pdu_peer *p, const struct iscsip_pdu *header, const void *ahs, size_t ahs_len, const void *data,
		   size_t len)
{
	struct iscsip_pdu h = *header;
	uint8_t bhs[48];

	h.data_len = (uint32_t)len;
	h.ahs_words = (uint8_t)(ahs_len / 4);
	if (iscsip_pdu_encode(bhs, &h))
		abort();
	peer_send_bhs(p, bhs, ahs, data);
}

void peer_send(struct pdu_peer *p, const struct iscsip_pdu *header, const void *data, size_t len)
{
	peer_send_ahs(p, header, NULL, 0, data, len);
}

/* --- receiving --- */

void peer_release(struct pdu_peer *p, size_t n)
{
	if (n > p->kept)
		n = p->kept;
	p->err = iscsip_conn_tx_release(p->c, n);
	p->kept -= n;
	peer_flush(p);
}

static void pull_more(struct pdu_peer *p)
{
	if (p->out_at) {
		memmove(p->out, p->out + p->out_at, p->out_len - p->out_at);
		p->out_len -= p->out_at;
		p->out_at = 0;
	}
	for (;;) {
		size_t room = PEER_BUF - p->out_len;
		ptrdiff_t n = iscsip_conn_tx_pull(p->c, p->out + p->out_len, p->pull && p->pull < room ? p->pull : room, p->now);

		if (n < 0)
			p->err = (int)n;
		if (n <= 0)
			return;
		p->out_len += (size_t)n;
		p->kept += p->tx_hold ? (size_t)n : 0;
		if (!p->keep && p->kept)
			peer_release(p, p->kept);
		peer_flush(p);
	}
}

static bool crc_is(const uint8_t *at, uint32_t crc)
{
	return ((uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24) == crc;
}

bool peer_recv(struct pdu_peer *p, struct peer_pdu *out)
{
	struct iscsip_pdu_lengths len;
	const uint8_t *at;

	pull_more(p);
	at = p->out + p->out_at;
	if (p->out_len - p->out_at < 48)
		return false;
	memset(out, 0, sizeof *out);
	(void)iscsip_pdu_decode(&out->h, at);
	len = iscsip_pdu_measure(&out->h, p->header_digest, p->data_digest);
	if (p->out_len - p->out_at < len.total)
		return false;
	out->bhs = at;
	out->ahs = at + 48;
	out->data = at + len.header;
	out->header_digest_ok = !p->header_digest || crc_is(at + len.header - 4, iscsip_crc32c(0, at, len.header - 4));
	out->data_digest_ok = !len.data_digest || crc_is(out->data + out->h.data_len + len.pad,
							 iscsip_crc32c(0, out->data, out->h.data_len + len.pad));
	p->out_at += len.total;
	return true;
}
