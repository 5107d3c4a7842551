/* SPDX-License-Identifier: MIT */
/*
 * One end of a frame connection against a peer that the input plays: bytes of configuration (frame_world.c), one byte that
 * chooses the role and the doors, then operations. The peer knows what a peer knows: the last frame that it was sent; a frame
 * that it sends is a good one of the event that the input names, with as many fields changed as the input wants. So the
 * connection is led deep into its exchanges, and wrong on the way.
 *
 * What must hold: every frame that we send is a good one; what is open never exceeds its limit; misuse by the host is
 * refused and changes nothing; each command and each exchange comes back exactly once; after a fatal error nothing moves.
 */
#include <stdlib.h>
#include <string.h>

#include "frame_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct peer {
	struct world w;
	struct iscsip_frame_conn *c;
	bool target;             /* the connection is one */
	uint8_t doors;
	uint32_t rx_sequence, tx_sequence;
	struct iscsip_frame heard; /* last frame that the connection sent */
	struct iscsip_frame said;  /* last one that it was sent, as it was before it was spoilt */
	uint8_t out[8192];       /* bytes of the connection's that are not a whole frame yet */
	size_t out_len;
	size_t data_left;        /* of an XFER that it sends */
	uint32_t ids;
};

/* --- what the connection sends --- */

/* A NEWC behind which the standing grant wants an XFER. */
static bool announces(const struct peer *p, const struct iscsip_frame *f)
{
	return p->w.tcfg.standing_grant && f->event == ISCSIP_FRAME_NEWC && (f->flags & ISCSIP_FRAME_WRITE);
}

static void hear(struct peer *p, const uint8_t *bytes, size_t n)
{
	while (n) {
		const struct iscsip_frame before = p->heard;
		const struct iscsip_frame_expect expect = {
			.sync = ISCSIP_FRAME_SYNC,
			.sequence = p->tx_sequence,
			.from = p->target ? ISCSIP_FRAME_TARGET : ISCSIP_FRAME_INITIATOR,
			.standing = announces(p, &before),
		};
		size_t m = p->data_left ? p->data_left : ISCSIP_FRAME_LEN - p->out_len;

		m = m < n ? m : n;
		if (p->data_left) {
			p->data_left -= m;
		} else {
			memcpy(p->out + p->out_len, bytes, m);
			p->out_len += m;
		}
		bytes += m;
		n -= m;
		if (p->out_len < ISCSIP_FRAME_LEN)
			continue;
		p->out_len = 0;
		world_must(iscsip_frame_decode(&p->heard, p->out, ISCSIP_FRAME_LEN) == ISCSIP_OK);
		world_must(iscsip_frame_check(&p->heard, &expect, NULL) == 0);
		world_must(!expect.standing || (p->heard.event == ISCSIP_FRAME_XFER && p->heard.originator_id == before.originator_id));
		p->tx_sequence++;
		if (p->heard.event == ISCSIP_FRAME_XFER)
			p->data_left = p->heard.transfer_length;
	}
}

static void listen_by_list(struct peer *p, size_t most)
{
	struct iscsip_vec vec[16];
	int cnt = iscsip_frame_conn_tx_next(p->c, vec, 5 + world_take(&p->w) % 12, p->w.now);
	size_t moved = 0;

	for (int i = 0; i < cnt && moved < most; i++) {
		size_t n = vec[i].len < most - moved ? vec[i].len : most - moved;

		hear(p, vec[i].base, n);
		moved += n;
	}
	if (cnt >= 0)
		(void)iscsip_frame_conn_tx_done(p->c, moved, p->w.now);
	if (p->doors & 8)
		(void)iscsip_frame_conn_tx_release(p->c, world_take(&p->w) & 1 ? moved : world_take_number(&p->w));
}

static void listen(struct peer *p)
{
	size_t most = world_take_number(&p->w) % 6000;
	uint8_t buf[6000];
	ptrdiff_t n;

	if (!(p->doors & 1)) {
		listen_by_list(p, most);
		return;
	}
	n = iscsip_frame_conn_tx_pull(p->c, buf, most, p->w.now);
	if (n > 0)
		hear(p, buf, (size_t)n);
}

/* --- what it is sent --- */

static void say_by_list(struct peer *p, const uint8_t *bytes, size_t n)
{
	uint8_t room[200];
	const struct iscsip_vec stage = { room, p->doors & 4 ? sizeof room : 0 };

	while (n && (iscsip_frame_conn_want(p->c) & ISCSIP_WANT_RX)) {
		struct iscsip_vec vec[4];
		int cnt = iscsip_frame_conn_rx_next(p->c, &stage, vec, 4);
		size_t got = 0;
		ptrdiff_t left;

		for (int i = 0; i < cnt && got < n; i++) {
			size_t m = vec[i].len < n - got ? vec[i].len : n - got;

			memcpy(vec[i].base, bytes + got, m);
			got += m;
		}
		if (got == 0)
			return;
		left = iscsip_frame_conn_rx_done(p->c, got, p->w.now);
		if (left < 0)
			return;
		bytes += got - (size_t)left;
		n -= got - (size_t)left;
	}
}

static void say_bytes(struct peer *p, const uint8_t *bytes, size_t n)
{
	if (p->doors & 2)
		(void)iscsip_frame_conn_rx_push(p->c, bytes, n, p->w.now);
	else
		say_by_list(p, bytes, n);
}

/* A good frame of the peer's that fits the last one heard, as far as there is one. */
static struct iscsip_frame good_frame(struct peer *p, uint8_t how)
{
	static const uint32_t of_target[] = { ISCSIP_FRAME_SNDD, ISCSIP_FRAME_XFER, ISCSIP_FRAME_CMPT };
	struct iscsip_frame f = p->heard;

	f.sync = f.sync_end = ISCSIP_FRAME_SYNC;
	f.sequence = p->rx_sequence;
	f.type = ISCSIP_FRAME_CMDS;
	f.status = 0;
	if (p->target && announces(p, &p->said) && how < 0xf0) {
		uint32_t all = p->said.transfer_length, grant = p->w.tcfg.standing_grant;

		f = p->said;
		f.sequence = p->rx_sequence;
		f.event = ISCSIP_FRAME_XFER;
		f.flags = (uint16_t)(ISCSIP_FRAME_WRITE | (all <= grant ? ISCSIP_FRAME_FINAL : 0));
		f.transfer_length = all < grant ? all : grant;
		return f;
	}
	if (p->target && (how & 3)) {
		memset(&f.originator_buffer, 0, sizeof f.originator_buffer);
		memset(&f.responder_buffer, 0, sizeof f.responder_buffer);
		f.event = ISCSIP_FRAME_NEWC;
		f.flags = how & 3 & (how >> 2) ? (how & 1 ? ISCSIP_FRAME_READ : ISCSIP_FRAME_WRITE) : 0;
		f.originator_id = ++p->ids;
		f.responder_id = 0;
		f.transfer_length = f.flags ? 1 + world_take_number(&p->w) % WORLD_DATA : 0;
		return f;
	}
	if (p->target) {
		f.event = ISCSIP_FRAME_XFER;
		f.flags = (uint16_t)(ISCSIP_FRAME_WRITE | (how & 4 ? ISCSIP_FRAME_FINAL : 0));
		f.transfer_length = how & 8 ? f.transfer_length : world_take_number(&p->w);
		return f;
	}
	f.event = of_target[how % 3];
	f.responder_id = how & 0x40 ? world_take(&p->w) : f.originator_id;
	memset(&f.responder_buffer, 0, sizeof f.responder_buffer);
	f.flags &= ISCSIP_FRAME_READ | ISCSIP_FRAME_WRITE;
	if (f.event == ISCSIP_FRAME_XFER && (how & 8))
		f.flags |= ISCSIP_FRAME_FINAL;
	if (f.event == ISCSIP_FRAME_CMPT && (how & 0x10)) {
		f.flags |= ISCSIP_FRAME_SENSE;
		f.status = 2;
	}
	if (f.event == ISCSIP_FRAME_CMPT && !(how & 0x20))
		f.transfer_length = 0;
	else if (!(how & 0x80))
		f.transfer_length = world_take_number(&p->w);
	return f;
}

static void say(struct peer *p)
{
	struct iscsip_frame f = good_frame(p, world_take(&p->w));
	uint8_t bytes[ISCSIP_FRAME_LEN + WORLD_DATA];
	uint8_t faults = world_take(&p->w);
	size_t n = ISCSIP_FRAME_LEN;

	memset(bytes, 0x3c, sizeof bytes);
	world_must(iscsip_frame_encode(bytes, sizeof bytes, &f) == ISCSIP_OK);
	for (faults = faults < 0xd0 ? 0 : faults & 3; faults; faults--)
		bytes[world_take(&p->w) % ISCSIP_FRAME_LEN] = world_take(&p->w);
	if (f.event == ISCSIP_FRAME_XFER)
		n += f.transfer_length < WORLD_DATA ? f.transfer_length : WORLD_DATA;
	p->rx_sequence++;
	p->said = f;
	say_bytes(p, bytes, n);
}

static void say_anything(struct peer *p)
{
	size_t n = world_take(&p->w);

	n = n < p->w.left ? n : p->w.left;
	say_bytes(p, p->w.in, n);
	p->w.in += n;
	p->w.left -= n;
}

static void nothing_moves(struct peer *p)
{
	int code = iscsip_frame_conn_error(p->c)->code;
	struct iscsip_vec vec[8];
	char text[200];

	if (code == ISCSIP_OK)
		return;
	world_must(iscsip_err_is_fatal(code));
	world_must(iscsip_frame_conn_want(p->c) == ISCSIP_WANT_CLOSE);
	world_must(iscsip_frame_conn_rx_next(p->c, NULL, vec, 8) == code);
	world_must(iscsip_frame_conn_tx_next(p->c, vec, 8, p->w.now) == code);
	world_must(iscsip_frame_error_format(iscsip_frame_conn_error(p->c), text, sizeof text) < (int)sizeof text);
}

static void operate(struct peer *p)
{
	switch (world_take(&p->w) % 8) {
	case 0:
	case 1:
		say(p);
		break;
	case 2:
	case 3:
		listen(p);
		break;
	case 4:
		say_anything(p);
		break;
	case 5:
		p->w.now += world_take_number(&p->w);
		(void)iscsip_frame_conn_tick(p->c, p->w.now);
		break;
	case 6:
		if (world_take(&p->w) == 0)
			(void)iscsip_frame_conn_close(p->c, p->w.now);
		break;
	default:
		world_host_acts(&p->w);
		break;
	}
	world_must(iscsip_frame_conn_open(p->c) <= 8);
	nothing_moves(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct peer p;

	memset(&p, 0, sizeof p);
	world_init(&p.w, data, size);
	p.w.hostile = true;
	p.doors = world_take(&p.w);
	p.target = (p.doors & 0x80) != 0;
	p.w.icfg.flags = p.doors & 8 ? ISCSIP_FRAME_CFG_TX_HOLD : 0;
	p.w.icfg.flags |= p.doors & 16 ? ISCSIP_FRAME_CFG_ANY_FLAGS : 0;
	p.w.tcfg.flags = p.w.icfg.flags;
	p.w.icfg.idle_timeout_ms = p.w.tcfg.idle_timeout_ms = p.doors & 32 ? 20000 : 0;
	p.w.icfg.limits.max_rx_transfer = p.w.tcfg.limits.max_rx_transfer = p.doors & 64 ? 3000 : UINT32_MAX;
	if (p.target)
		world_open_target(&p.w);
	else
		world_open_initiator(&p.w);
	p.c = p.target ? p.w.t : p.w.i;
	while (p.w.left)
		operate(&p);
	world_fini(&p.w);
	return 0;
}
