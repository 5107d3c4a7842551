/* SPDX-License-Identifier: MIT */
/*
 * Initiator against target, both ours, over a pipe that the input cuts, breaks and spoils. Input: eight bytes of configuration,
 * then operations of the two hosts, the device and the pipe.
 *
 *	byte 0   bit 0 header digests, 1 data digests, 2 InitialR2T, 3 no ImmediateData, 4 PDUs and 5 sequences in any order,
 *	         6 discovery, 7 bytes may be spoiled
 *	byte 1   how bytes are moved: bits 0-1 which doors, 2-4 step
 *	byte 2   bits 0-1 MaxRecvDataSegmentLength of the initiator, 2-3 of the target, 4-5 FirstBurstLength, 6-7 MaxBurstLength
 *	byte 3   bits 0-2 tasks of the initiator, 3-5 of the target, 6 and 7 ISCSIP_CFG_TX_HOLD
 *	byte 4   bits 0-2 MaxOutstandingR2T, 3-5 max_r2ts, 6-7 send units
 *	byte 5   bit 0 the device serves later, 1 in pieces, 2 in random order, 3 numbers begin near their wrap, 4 FastAbort
 *	byte 6   the seed of all that is random
 *	byte 7   after how many bytes upward the pipe breaks, in units of 64; 0: never
 *
 * What must hold: two correct ends on a pipe that keeps its bytes never break the protocol, and every command does what it
 * says; on a pipe that does not, with digests, what ended with GOOD did; every task and command comes back exactly once;
 * everything comes to rest.
 */
#include <stdlib.h>
#include <string.h>

#include "../tests/flow/pair_rig.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pair P;
static const uint8_t *in;
static size_t left;
static bool spoils;

static void fail_hard(const char *file, int line, const char *what)
{
	(void)file;
	(void)line;
	(void)what;
	abort();
}

static uint8_t take(void)
{
	if (left == 0)
		return 0;
	left--;
	return *in++;
}

static uint32_t take_length(void)
{
	static const uint16_t edges[] = { 0, 1, 3, 4, 511, 512, 513, 1024, 2047, 2048, 4096, 8191, 8192, 12000, 16383, 16384 };
	uint8_t v = take();

	return v < 128 ? edges[v & 15] : (v & 0x3fu) << 8 | take();
}

static void configure(void)
{
	static const uint32_t mrdsl[] = { 512, 1024, 4000, 65536 }, burst[] = { 512, 1000, 4096, 65536 };
	static const uint8_t reports[] = { ISCSIP_TASK_REPORTING_FAST_ABORT, ISCSIP_TASK_REPORTING_RESPONSE_FENCE,
					   ISCSIP_TASK_REPORTING_RFC3720 };
	static const size_t steps[] = { 0, 1, 7, 48, 100, 1000, PAIR_RANDOM, 0 };
	uint8_t a = take(), b = take(), c = take(), d = take(), e = take(), f = take();

	pair_init(&P, fail_hard);
	P.ioffer.header_digest.item[0] = a & 1;
	P.ioffer.data_digest.item[0] = a >> 1 & 1;
	P.ioffer.initial_r2t = P.toffer.initial_r2t = a & 4;
	P.ioffer.immediate_data = !(a & 8);
	P.ioffer.data_pdu_in_order = P.toffer.data_pdu_in_order = !(a & 16);
	P.ioffer.data_sequence_in_order = P.toffer.data_sequence_in_order = !(a & 32);
	P.discovery = a & 64;
	spoils = a & 128;
	P.trust = !spoils || (a & 3) == 3;
	P.stray = !P.trust;
	P.doors = (b & 3) % 3;
	P.step = steps[b >> 2 & 7];
	P.ioffer.max_recv_data_segment_length = mrdsl[c & 3];
	P.toffer.max_recv_data_segment_length = mrdsl[c >> 2 & 3];
	P.ioffer.max_burst_length = burst[c >> 6];
	P.ioffer.first_burst_length = least(burst[c >> 4 & 3], P.ioffer.max_burst_length);
	P.icfg.limits.max_tasks = (uint16_t)(1 + (d & 7));
	P.tcfg.limits.max_tasks = (uint16_t)(1 + (d >> 3 & 7));
	P.icfg.flags = d & 64 ? ISCSIP_CFG_TX_HOLD : 0;
	P.tcfg.flags = d & 128 ? ISCSIP_CFG_TX_HOLD : 0;
	P.ioffer.max_outstanding_r2t = 1 + (e & 7u);
	P.tcfg.limits.max_r2ts = (uint16_t)(1 + (e >> 3 & 7));
	P.icfg.limits.max_tx_pdus = P.tcfg.limits.max_tx_pdus = (uint16_t)(2 + (e >> 6));
	P.later = f & 1;
	P.pieces = f & 2;
	P.shuffle = f & 4;
	if (f & 8)
		P.icfg.initial_cmdsn = P.tcfg.initial_statsn = 0xfffffffcu;
	if (f & 16) {
		P.ioffer.task_reporting.count = 3;
		memcpy(P.ioffer.task_reporting.item, reports, 3);
	}
	P.icfg.nop_interval_ms = P.tcfg.nop_interval_ms = 500;
	P.seed = take();
	f = take();
	if (f)
		P.up.cut = f * 64u;
}

static void tick(uint32_t ms)
{
	P.now += ms;
	if (iscsip_conn_state(P.ic) != ISCSIP_CONN_CLOSED) {
		(void)iscsip_session_tick(P.is, P.now);
		(void)iscsip_conn_tick(P.ic, P.now);
		/* what is due was done: it is not due again at once */
		PAIR_MUST(&P, iscsip_conn_want(P.ic) & ISCSIP_WANT_CLOSE || (iscsip_session_deadline(P.is) > P.now &&
									    iscsip_conn_deadline(P.ic) > P.now));
	}
	if (iscsip_conn_state(P.tc) != ISCSIP_CONN_CLOSED)
		(void)iscsip_conn_tick(P.tc, P.now);
	if (P.ts && !P.tfree)
		(void)iscsip_session_tick(P.ts, P.now);
}

static void target_speaks(uint8_t op)
{
	struct iscsip_async_message m = { .event = take() % 6u, .data = "sensed", .len = 6 };

	m.param[0] = op >> 6 & 1u; /* of the connection, or of another */
	m.param[2] = 1;
	if (m.event)
		m.len = 0;
	if (P.logged_in && iscsip_conn_state(P.tc) == ISCSIP_CONN_FULL_FEATURE)
		(void)iscsip_target_async(P.tc, &m);
}

static void act(uint8_t op)
{
	static const char texts[][40] = { "SendTargets=All", "SendTargets=", "MaxRecvDataSegmentLength=2048", "X-org.fuzz.a=b" };
	static const uint8_t echo[800];
	const char *text = texts[op >> 4 & 3];
	struct pair_task *k = &P.tasks[take() % PAIR_TASKS];
	uint32_t a, b;

	switch (op & 15) {
	case 0:
	case 1:
	case 2:
		a = take_length();
		b = op & 16 ? take_length() : a;
		(void)pair_start(&P, (int)(k - P.tasks), (op & 3) != 1 ? a : 0, (op & 3) != 1 ? b : 0, (op & 3) != 0 ? b : 0,
				 (op & 3) != 0 ? a : 0, op & 32);
		return;
	case 3:
		if (k->busy)
			(void)iscsip_initiator_abort(P.is, &k->t, P.now);
		return;
	case 4:
		(void)iscsip_initiator_tmf(P.is, take() % 14u, 0, op & 16 && k->busy ? &k->t : NULL, NULL, P.now);
		return;
	case 5:
		(void)iscsip_initiator_ping(P.ic, echo, take() * 3u, NULL, P.now);
		return;
	case 6:
		(void)iscsip_initiator_text(P.ic, text, strlen(text) + 1, NULL, P.now);
		return;
	case 7:
		(void)iscsip_initiator_logout(P.ic, op >> 4 & 1, 0, P.now);
		return;
	case 8:
		tick(take() * 4u);
		return;
	case 9:
		target_speaks(op);
		return;
	case 10:
		if (spoils)
			*(op & 16 ? &P.up.flip : &P.down.flip) = (op & 16 ? P.up.moved : P.down.moved) + take_length();
		return;
	case 11:
		if (op >> 4 == 15)
			pair_break(&P);
		return;
	default:
		for (a = 0; a <= (op >> 4); a++)
			(void)pair_turn(&P);
		return;
	}
}

/* Two correct ends: neither ever finds fault with the other. */
static void nobody_broke_the_protocol(void)
{
	int ie = iscsip_conn_error(P.ic)->code, te = iscsip_conn_error(P.tc)->code;

	PAIR_MUST(&P, ie != ISCSIP_EPROTO && ie != ISCSIP_EDIGEST && te != ISCSIP_EPROTO && te != ISCSIP_EDIGEST);
	PAIR_MUST(&P, P.login_ended ? P.logged_in || ie : true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int ops = 0;

	in = data;
	left = size;
	configure();
	pair_open(&P);
	if (!(size > 8 && data[8] & 1))
		(void)pair_run(&P);
	while (left && ops++ < 500)
		act(take());
	P.up.flip = P.down.flip = UINT64_MAX;
	PAIR_MUST(&P, pair_run(&P));
	if (!spoils)
		nobody_broke_the_protocol();
	pair_close(&P);
	return 0;
}
