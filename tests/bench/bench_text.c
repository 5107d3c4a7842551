/* SPDX-License-Identifier: MIT */
/*
 * What text and logins cost: reading the text of a login in one piece and in pieces, writing it, a whole login of both
 * roles in memory with and without CHAP. Each figure is the median of many rounds. Prints `name value unit`.
 */
#define _POSIX_C_SOURCE 199309L
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "login/login.h"

#define ROUNDS 201

static volatile size_t sink;

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The median time of one call of `work`, which does `units` things. */
static double measure(void (*work)(void), unsigned repeats, double units)
{
	double times[ROUNDS];

	for (int r = 0; r < ROUNDS; r++) {
		double begin = now_ns();

		for (unsigned i = 0; i < repeats; i++)
			work();
		times[r] = (now_ns() - begin) / repeats / units;
	}
	qsort(times, ROUNDS, sizeof times[0], by_value);
	return times[ROUNDS / 2];
}

static const char text[] =
	"InitiatorName=iqn.2001-04.com.example:host\0InitiatorAlias=desk\0TargetName=iqn.2001-04.com.example:disk\0"
	"SessionType=Normal\0HeaderDigest=None,CRC32C\0DataDigest=None,CRC32C\0MaxConnections=1\0InitialR2T=No\0"
	"ImmediateData=Yes\0MaxRecvDataSegmentLength=262144\0MaxBurstLength=1048576\0FirstBurstLength=262144\0"
	"DefaultTime2Wait=2\0DefaultTime2Retain=0\0DataPDUInOrder=Yes\0DataSequenceInOrder=Yes\0ErrorRecoveryLevel=0\0"
	"MaxOutstandingR2T=8\0";

static size_t piece;

static void read_text(void)
{
	char buf[ISCSIP_TEXT_READER_BUF(255)];
	struct iscsip_text_reader r;
	struct iscsip_text_pair pair;
	size_t at, used, n, sum = 0;

	iscsip_text_reader_init(&r, buf, 255, 0);
	for (at = 0; at < sizeof text - 1; at += n) {
		size_t from = 0;

		n = sizeof text - 1 - at < piece ? sizeof text - 1 - at : piece;
		while (iscsip_text_read(&r, text + at + from, n - from, &used, &pair) > 0) {
			sum += pair.value_len;
			from += used;
		}
	}
	sink = sum;
}

/* A SendTargets answer, as a target of many writes it. */
static void write_text(void)
{
	char buf[8192];
	size_t at = 0;
	ptrdiff_t n;

	while ((n = iscsip_text_put(buf + at, sizeof buf - at, "TargetName",
			"iqn.2001-04.com.example:storage.disk2.sys1.xyz")) > 0) {
		at += (size_t)n;
		n = iscsip_text_put(buf + at, sizeof buf - at, "TargetAddress", "192.0.2.1:3260,1");
		if (n < 0)
			break;
		at += (size_t)n;
	}
	sink = at;
}

static struct iscsip_offer offers[2];
static struct iscsip__login_limits limits;
static struct iscsip__login_setup setups[2];
static void *memory[2];
static size_t memory_len;
static const char *const secrets[2] = { "alice's own secret", "the secret of storage" };

static void random_bytes(void *user, uint8_t *dst, size_t len)
{
	static uint32_t state = 1;

	(void)user;
	while (len--)
		*dst++ = (uint8_t)((state = state * 1664525u + 1013904223u) >> 24);
}

static void answer(struct iscsip__login *l, int side)
{
	struct iscsip__login_access access = { .portal_group_tag = 1 };
	struct iscsip_chap_answer a;

	for (;;) {
		switch (iscsip__login_want(l)) {
		case LOGIN_ASK_ACCESS:
			iscsip__login_access(l, &access);
			break;
		case LOGIN_ASK_SECRET:
			memset(&a, 0, sizeof a);
			a.name = "name";
			a.secret = secrets[side ^ (iscsip__login_chap_ask(l)->purpose == ISCSIP_CHAP_VERIFY_PEER)];
			a.secret_len = strlen(a.secret);
			iscsip__login_secret(l, &a);
			break;
		case LOGIN_ASK_SESSION:
			iscsip__login_session(l, 1);
			break;
		default:
			return;
		}
	}
}

static void carry(struct iscsip__login *from, struct iscsip__login *to, int to_side)
{
	struct iscsip_pdu pdu;
	const void *p;
	size_t n;

	iscsip__login_tx(from, &pdu);
	p = iscsip__login_tx_text(from, &n);
	iscsip__login_rx(to, &pdu);
	if (n)
		iscsip__login_rx_text(to, p, n);
	iscsip__login_tx_done(from);
	iscsip__login_rx_end(to);
	answer(to, to_side);
}

static void log_in(void)
{
	static const struct iscsip__login_initiator who = { "iqn.2001-04.com.example:host", "iqn.2001-04.com.example:disk", 0,
							    { 0 }, 0, 1, 1, 1, NULL };
	struct iscsip__login *l[2];

	if (iscsip__login_open_initiator(&l[0], memory[0], memory_len, &setups[0], &who) ||
	    iscsip__login_open_target(&l[1], memory[1], memory_len, &setups[1]))
		exit(1);
	while (iscsip__login_want(l[0]) == LOGIN_TX) {
		carry(l[0], l[1], 1);
		carry(l[1], l[0], 0);
	}
	if (iscsip__login_want(l[0]) != LOGIN_DONE || iscsip__login_want(l[1]) != LOGIN_DONE)
		exit(1);
	iscsip__login_close(l[0]);
	iscsip__login_close(l[1]);
}

static void login_figures(void)
{
	iscsip__login_limits_init(&limits);
	memory_len = iscsip__login_size(&limits);
	iscsip_offer_init_initiator(&offers[0]);
	iscsip_offer_init_target(&offers[1]);
	for (int i = 0; i < 2; i++) {
		memory[i] = malloc(memory_len);
		setups[i].limits = &limits;
		setups[i].offer = &offers[i];
		setups[i].random = random_bytes;
	}
	printf("login_scratch %zu bytes\n", memory_len);
	printf("login_both_roles %.2f us\n", measure(log_in, 20, 1e3));
	offers[0].mutual_auth = true;
	for (int i = 0; i < 2; i++)
		iscsip_offer_set(&offers[i], "AuthMethod", "CHAP");
	printf("login_both_roles_mutual_chap_sha256 %.2f us\n", measure(log_in, 20, 1e3));
}

int main(void)
{
	piece = sizeof text - 1;
	printf("text_read_whole %.3f ns/byte\n", measure(read_text, 100, sizeof text - 1));
	piece = 48;
	printf("text_read_48_byte_pieces %.3f ns/byte\n", measure(read_text, 100, sizeof text - 1));
	piece = 1;
	printf("text_read_1_byte_pieces %.3f ns/byte\n", measure(read_text, 20, sizeof text - 1));
	printf("text_write %.3f ns/byte\n", measure(write_text, 20, 8192));
	login_figures();
	return 0;
}
