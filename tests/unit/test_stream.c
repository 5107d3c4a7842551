/* SPDX-License-Identifier: MIT */
/*
 * The receive and send engines, driven by a small protocol of the test's own: a header of 4 bytes (2 more where bit 7 of the
 * first is set), whose second byte is the length of a payload, whose third is that of a trailer, and whose fourth says
 * what to do. A log of what the protocol was told is the same however the bytes arrive.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stream/rx.h"
#include "stream/tx.h"

/* --- receive --- */

enum { NO_PAYLOAD = 1, PASSING = 2, SUMMED = 4, HOLD = 8, HOLD_AFTER = 16, FAIL = 32, TOO_LONG = 64 };

struct proto {
	struct rx rx;
	uint8_t hdr[16];
	uint8_t place[8][64];
	struct iscsip_vec vec[8][3];
	int unit;
	uint8_t what, len;
	char log[4096];
	uint8_t passed[512];
	size_t passed_len;
	uint8_t summed[512];
	size_t summed_len;
};

static void say(struct proto *p, const char *word, unsigned v)
{
	size_t at = strlen(p->log);

	snprintf(p->log + at, sizeof p->log - at, "%s%u ", word, v);
}

static int measure(void *owner, const uint8_t *hdr)
{
	(void)owner;
	if (hdr[3] & TOO_LONG)
		return 17;
	return hdr[0] & 0x80 ? 6 : 4;
}

/* The place is in three pieces, the middle one empty. */
static void expect(struct proto *p, uint8_t len, uint8_t trailer)
{
	struct iscsip_vec *v = p->vec[p->unit];
	struct iscsip_vec_cursor at = { v, 3, 0 };

	v[0] = (struct iscsip_vec){ p->place[p->unit], len / 3u };
	v[1] = (struct iscsip_vec){ NULL, 0 };
	v[2] = (struct iscsip_vec){ p->place[p->unit] + len / 3u, len - len / 3u };
	iscsip__rx_expect(&p->rx, p->what & PASSING ? NULL : &at, len, trailer, (p->what & SUMMED) != 0);
}

static int header(void *owner, const uint8_t *hdr, uint32_t len)
{
	struct proto *p = owner;

	say(p, "H", hdr[0]);
	p->log[strlen(p->log) - 1] = 0;
	say(p, "/", len);
	p->what = hdr[3];
	p->len = hdr[1];
	if (p->what & FAIL)
		return ISCSIP_EPROTO;
	if (p->what & HOLD)
		rx_hold(&p->rx);
	if (!(p->what & NO_PAYLOAD))
		expect(p, hdr[1], hdr[2]);
	else
		p->unit++;
	return 0;
}

static int landed(void *owner, const uint8_t *bytes, size_t n)
{
	struct proto *p = owner;
	uint8_t *to = p->what & PASSING ? p->passed : p->summed;
	size_t *at = p->what & PASSING ? &p->passed_len : &p->summed_len;

	memcpy(to + *at, bytes, n);
	*at += n;
	return 0;
}

static int done(void *owner, const uint8_t *trailer)
{
	struct proto *p = owner;

	say(p, "D", trailer[0]);
	if (p->what & HOLD_AFTER)
		rx_hold(&p->rx);
	p->unit++;
	return 0;
}

static const struct rx_ops ops = { measure, header, landed, done };

static void begin(struct proto *p)
{
	memset(p, 0, sizeof *p);
	iscsip__rx_init(&p->rx, &ops, p, p->hdr, sizeof p->hdr, 4);
}

/* Eight units of every kind. */
static const uint8_t STREAM[] = {
	1, 0, 0, NO_PAYLOAD,
	2, 9, 0, 0, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i',
	0x83, 5, 3, SUMMED, 7, 7, 'A', 'B', 'C', 'D', 'E', 0x31, 0x32, 0x33,
	4, 0, 2, 0, 0x41, 0x42,
	5, 0, 0, 0,
	6, 20, 1, PASSING, 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 0x51,
	0x87, 0, 0, NO_PAYLOAD, 8, 8,
	8, 4, 0, SUMMED, '1', '2', '3', '4',
};
static const char LOG[] = "H1/4 H2/4 D0 H131/6 D49 H4/4 D65 H5/4 D65 H6/4 D81 H135/6 H8/4 D81 ";

static void expect_all(const struct proto *p)
{
	assert_string_equal(p->log, LOG);
	assert_memory_equal(p->place[1], "abcdefghi", 9);
	assert_memory_equal(p->place[2], "ABCDE", 5);
	assert_int_equal(p->passed_len, 20);
	assert_memory_equal(p->passed, "pqrstuvwxyPQRSTUVWXY", 20);
	assert_int_equal(p->summed_len, 9);
	assert_memory_equal(p->summed, "ABCDE1234", 9);
	assert_memory_equal(p->place[7], "1234", 4);
	assert_int_equal(p->rx.phase, RX_HEADER);
	assert_int_equal(p->rx.have, 0);
}

/* Brings n bytes in as readv() would, in the list that the engine names; a list of fewer bytes takes several turns. */
static ptrdiff_t bring(struct proto *p, const uint8_t *bytes, size_t n, const struct iscsip_vec *stage, int max)
{
	size_t used = 0;

	while (used < n) {
		struct iscsip_vec vec[6];
		int cnt = iscsip__rx_next(&p->rx, stage, vec, max);
		size_t got = 0;
		ptrdiff_t left;

		for (int i = 0; i < cnt && used + got < n; i++) {
			size_t m = vec[i].len < n - used - got ? vec[i].len : n - used - got;

			memcpy(vec[i].base, bytes + used + got, m);
			got += m;
		}
		if (got == 0)
			break;
		left = iscsip__rx_done(&p->rx, got);
		if (left < 0)
			return left;
		used += got - (size_t)left;
		if (left)
			break;
	}
	return (ptrdiff_t)used;
}

static void pushed_bytes_may_be_cut_at_every_byte(void **state)
{
	(void)state;
	for (size_t a = 0; a <= sizeof STREAM; a++)
		for (size_t b = a; b <= sizeof STREAM; b++) {
			struct proto p;

			begin(&p);
			assert_int_equal(iscsip__rx_push(&p.rx, STREAM, a), a);
			assert_int_equal(iscsip__rx_push(&p.rx, STREAM + a, b - a), b - a);
			assert_int_equal(iscsip__rx_push(&p.rx, STREAM + b, sizeof STREAM - b), sizeof STREAM - b);
			expect_all(&p);
		}
}

static void bytes_read_in_place_may_be_cut_at_every_byte_with_every_stage_and_list(void **state)
{
	(void)state;
	for (size_t stage_len = 0; stage_len < 40; stage_len++)
		for (int max = 2; max <= 5; max++)
			for (size_t cut = 0; cut <= sizeof STREAM; cut++) {
				uint8_t room[40];
				const struct iscsip_vec stage = { room, stage_len };
				const struct iscsip_vec *offered = stage_len ? &stage : cut & 1 ? NULL : &stage;
				struct proto p;

				begin(&p);
				assert_int_equal(bring(&p, STREAM, cut, offered, max), cut);
				assert_int_equal(bring(&p, STREAM + cut, sizeof STREAM - cut, offered, max),
						 sizeof STREAM - cut);
				expect_all(&p);
			}
}

static void one_byte_at_a_time_through_doors_in_turn_is_the_same(void **state)
{
	uint8_t room[3];
	const struct iscsip_vec stage = { room, sizeof room };

	(void)state;
	for (unsigned pattern = 0; pattern < 81; pattern++) {
		struct proto p;
		unsigned turn = pattern;

		begin(&p);
		for (size_t i = 0; i < sizeof STREAM; i++) {
			if (turn == 0)
				turn = pattern;
			switch (turn % 3) {
			case 0:
				assert_int_equal(iscsip__rx_push(&p.rx, STREAM + i, 1), 1);
				break;
			case 1:
				assert_int_equal(bring(&p, STREAM + i, 1, NULL, 4), 1);
				break;
			default:
				assert_int_equal(bring(&p, STREAM + i, 1, &stage, 4), 1);
				break;
			}
			turn /= 3;
		}
		expect_all(&p);
	}
}

static void payload_is_listed_at_its_place_then_trailer_then_stage_or_header(void **state)
{
	static const uint8_t start[] = { 2, 9, 3, 0, 'a' };
	uint8_t room[10];
	const struct iscsip_vec stage = { room, sizeof room };
	struct iscsip_vec vec[6];
	struct proto p;

	(void)state;
	begin(&p);
	iscsip__rx_push(&p.rx, start, sizeof start);
	assert_int_equal(iscsip__rx_next(&p.rx, &stage, vec, 6), 4);
	assert_ptr_equal(vec[0].base, p.place[0] + 1);
	assert_int_equal(vec[0].len, 2);
	assert_ptr_equal(vec[1].base, p.place[0] + 3);
	assert_int_equal(vec[1].len, 6);
	assert_int_equal(vec[2].len, 3);
	assert_ptr_equal(vec[3].base, room);
	assert_int_equal(iscsip__rx_next(&p.rx, NULL, vec, 6), 4);
	assert_ptr_equal(vec[3].base, p.hdr);
	assert_int_equal(vec[3].len, 4);
	assert_int_equal(iscsip__rx_next(&p.rx, &stage, vec, 2), 2); /* what does not fit waits */
	assert_ptr_equal(vec[1].base, p.place[0] + 3);
}

/* A hold stops everything at that unit, through every door; what follows stays with the host until the resume. */
static void a_hold_in_a_header_or_behind_a_unit_keeps_what_follows_with_the_host(void **state)
{
	static const uint8_t after_header[] = { 1, 3, 0, HOLD, 'x', 'y', 'z', 2, 0, 0, NO_PAYLOAD };
	static const uint8_t after_unit[] = { 1, 3, 1, HOLD_AFTER, 'x', 'y', 'z', 9, 2, 0, 0, NO_PAYLOAD };
	uint8_t room[64];
	const struct iscsip_vec stage = { room, sizeof room };
	struct iscsip_vec vec[4];

	(void)state;
	for (int door = 0; door < 2; door++) {
		struct proto p;
		ptrdiff_t used;

		begin(&p);
		used = door ? bring(&p, after_header, sizeof after_header, &stage, 4)
			    : iscsip__rx_push(&p.rx, after_header, sizeof after_header);
		assert_int_equal(used, 4);
		assert_string_equal(p.log, "H1/4 ");
		assert_int_equal(iscsip__rx_next(&p.rx, &stage, vec, 4), 0);
		assert_int_equal(iscsip__rx_push(&p.rx, after_header + 4, 7), 0);
		assert_int_equal(iscsip__rx_resume(&p.rx), 0);
		assert_int_equal(iscsip__rx_push(&p.rx, after_header + 4, 7), 7);
		assert_string_equal(p.log, "H1/4 D0 H2/4 ");
		assert_memory_equal(p.place[0], "xyz", 3);

		begin(&p);
		used = door ? bring(&p, after_unit, sizeof after_unit, &stage, 4)
			    : iscsip__rx_push(&p.rx, after_unit, sizeof after_unit);
		assert_int_equal(used, 8);
		assert_string_equal(p.log, "H1/4 D9 ");
		assert_int_equal(iscsip__rx_resume(&p.rx), 0);
		assert_int_equal(iscsip__rx_push(&p.rx, after_unit + 8, 4), 4);
		assert_string_equal(p.log, "H1/4 D9 H2/4 ");
	}
}

/* The list without a stage reaches into the next header; a hold behind the unit must not lose these bytes. */
static void header_bytes_that_came_with_the_end_of_a_held_unit_are_worked_on_at_the_resume(void **state)
{
	static const uint8_t stream[] = { 1, 3, 0, HOLD_AFTER, 'x', 'y', 'z', 2, 0, 0, NO_PAYLOAD };

	(void)state;
	for (size_t ahead = 0; ahead <= 4; ahead++) {
		struct iscsip_vec vec[4];
		struct proto p;
		size_t at = 4;
		int n;

		begin(&p);
		iscsip__rx_push(&p.rx, stream, 4);
		n = iscsip__rx_next(&p.rx, NULL, vec, 4);
		assert_int_equal(n, 3);
		for (int i = 0; i < n; i++) {
			size_t m = i == n - 1 ? ahead : vec[i].len;

			memcpy(vec[i].base, stream + at, m);
			at += m;
		}
		assert_int_equal(iscsip__rx_done(&p.rx, 3 + ahead), 0);
		assert_string_equal(p.log, "H1/4 D0 ");
		assert_int_equal(iscsip__rx_resume(&p.rx), 0);
		assert_int_equal(iscsip__rx_push(&p.rx, stream + at, sizeof stream - at), sizeof stream - at);
		assert_string_equal(p.log, "H1/4 D0 H2/4 ");
	}
}

static void a_header_that_fails_or_is_longer_than_its_memory_is_an_error_through_every_door(void **state)
{
	static const uint8_t bad[] = { 1, 0, 0, FAIL }, long_one[] = { 1, 0, 0, TOO_LONG };
	const uint8_t *streams[] = { bad, long_one };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct proto p;

		begin(&p);
		assert_int_equal(iscsip__rx_push(&p.rx, streams[i], 4), ISCSIP_EPROTO);
		begin(&p);
		assert_int_equal(bring(&p, streams[i], 4, NULL, 4), ISCSIP_EPROTO);
		begin(&p);
		iscsip__rx_push(&p.rx, streams[i], 3);
		assert_int_equal(iscsip__rx_push(&p.rx, streams[i] + 3, 1), ISCSIP_EPROTO);
	}
}

static void a_place_that_is_too_short_is_the_hosts_error_and_nothing_is_written_beyond(void **state)
{
	static const uint8_t start[] = { 1, 9, 0, HOLD };
	struct iscsip_vec vec;
	struct iscsip_vec_cursor at = { &vec, 1, 0 };
	struct proto p;

	(void)state;
	begin(&p);
	vec = (struct iscsip_vec){ p.place[3], 5 };
	iscsip__rx_push(&p.rx, start, sizeof start);
	iscsip__rx_expect(&p.rx, &at, 9, 0, false);
	assert_int_equal(iscsip__rx_resume(&p.rx), 0);
	assert_int_equal(iscsip__rx_push(&p.rx, (const uint8_t *)"123456789", 9), ISCSIP_EHOST);
	assert_memory_equal(p.place[3], "12345\0\0\0\0", 9);
}

/* --- send --- */

struct sent {
	int gone[16];
	int count;
};

static void gone(void *owner, struct tx_unit *u)
{
	struct sent *s = owner;

	s->gone[s->count++] = u->note;
}

static const char *const TEXTS[] = { "", "p", "payload", "another payload of some length" };

/* Unit number n: parts present by its bits; adds what it is on the wire to `wire`. */
static void push_unit(struct tx *tx, unsigned n, struct iscsip_vec vec[3], char *wire)
{
	static const char ref[] = "<ref>";
	struct tx_unit *u = iscsip__tx_slot(tx);
	const char *text = TEXTS[n >> 3 & 3];
	size_t len = strlen(text);

	assert_non_null(u);
	u->head_len = 4;
	memcpy(u->head, "HEAD", 4);
	strcat(wire, "HEAD");
	if (n & 1) {
		u->ref = ref;
		u->ref_len = 5;
		strcat(wire, ref);
	}
	if (n & 2) {
		u->mid_len = 3;
		memcpy(u->mid, "mid", 3);
		strcat(wire, "mid");
	}
	vec[0] = (struct iscsip_vec){ (void *)(uintptr_t)text, len / 2 };
	vec[1] = (struct iscsip_vec){ NULL, 0 };
	vec[2] = (struct iscsip_vec){ (void *)(uintptr_t)(text + len / 2), len - len / 2 };
	u->payload = (struct iscsip_vec_cursor){ vec, 3, 0 };
	u->payload_len = (uint32_t)len;
	strcat(wire, text);
	if (n & 4) {
		u->tail_len = 2;
		memcpy(u->tail, "tt", 2);
		strcat(wire, "tt");
	}
	u->note = (uint8_t)n;
	iscsip__tx_push(tx);
}

static size_t flatten(const struct iscsip_vec *vec, int cnt, char *out)
{
	size_t n = 0;

	for (int i = 0; i < cnt; i++) {
		memcpy(out + n, vec[i].base, vec[i].len);
		n += vec[i].len;
	}
	return n;
}

/* Every kind of unit, taken in steps of every size: what is listed is always the rest of the stream, from its first byte. */
static void what_is_listed_is_the_rest_of_the_stream_however_it_is_taken(void **state)
{
	(void)state;
	for (int max = 5; max <= 40; max += 5)
		for (size_t step = 1; step < 90; step++) {
			struct tx_unit units[5];
			struct tx_head heads[5];
			struct iscsip_vec parts[32][3];
			struct tx tx;
			struct sent s = { .count = 0 };
			char wire[4096] = "";
			size_t at = 0;
			unsigned made = 0;

			iscsip__tx_init(&tx, units, heads, 5, false);
			while (made < 32 || tx.unsent) {
				struct iscsip_vec vec[40];
				char listed[2048];
				size_t n;

				while (made < 32 && !tx_full(&tx)) {
					push_unit(&tx, made, parts[made], wire);
					made++;
				}
				n = flatten(vec, iscsip__tx_list(&tx, vec, max), listed);
				assert_true(n > 0);
				assert_memory_equal(listed, wire + at, n);
				assert_true(tx.to_send == strlen(wire) - at);
				n = n < step ? n : step;
				s.count = 0;
				assert_int_equal(iscsip__tx_done(&tx, n, gone, &s), ISCSIP_OK);
				at += n;
			}
			assert_int_equal(at, strlen(wire));
			assert_int_equal(iscsip__tx_done(&tx, 1, gone, &s), ISCSIP_EINVAL);
		}
}

static void pulled_bytes_are_the_stream_for_every_size_of_buffer(void **state)
{
	(void)state;
	for (size_t room = 1; room < 200; room++) {
		struct tx_unit units[32];
		struct tx_head heads[32];
		struct iscsip_vec parts[32][3];
		struct tx tx;
		struct sent s = { .count = 0 };
		char wire[4096] = "", out[4096];
		size_t at = 0, n;

		iscsip__tx_init(&tx, units, heads, 32, false);
		for (unsigned i = 0; i < 16; i++)
			push_unit(&tx, i + 16, parts[i], wire);
		while ((n = iscsip__tx_pull(&tx, (uint8_t *)out + at, room, gone, &s)) > 0)
			at += n;
		assert_int_equal(at, strlen(wire));
		assert_memory_equal(out, wire, at);
		assert_int_equal(s.count, 16);
		for (int i = 0; i < 16; i++)
			assert_int_equal(s.gone[i], i + 16);
	}
}

static void a_held_unit_goes_when_its_last_byte_is_released_and_too_much_changes_nothing(void **state)
{
	struct tx_unit units[3];
	struct tx_head heads[3];
	struct iscsip_vec parts[3][3];
	struct tx tx;
	struct sent s = { .count = 0 };
	char wire[256] = "";

	(void)state;
	iscsip__tx_init(&tx, units, heads, 3, true);
	push_unit(&tx, 0, parts[0], wire); /* 4 bytes */
	push_unit(&tx, 2, parts[1], wire); /* 7 bytes */
	push_unit(&tx, 8, parts[2], wire); /* 5 bytes */
	assert_null(iscsip__tx_slot(&tx));
	assert_int_equal(iscsip__tx_release(&tx, 1, gone, &s), ISCSIP_EINVAL);
	assert_int_equal(iscsip__tx_done(&tx, 17, gone, &s), ISCSIP_EINVAL);
	assert_int_equal(iscsip__tx_done(&tx, 9, gone, &s), ISCSIP_OK);
	assert_int_equal(s.count, 0);
	assert_int_equal(iscsip__tx_release(&tx, 10, gone, &s), ISCSIP_EINVAL);
	assert_int_equal(s.count, 0);
	assert_int_equal(iscsip__tx_release(&tx, 8, gone, &s), ISCSIP_OK); /* into the unit that is not wholly sent */
	assert_int_equal(s.count, 1);
	assert_non_null(iscsip__tx_slot(&tx));
	assert_int_equal(iscsip__tx_done(&tx, 2, gone, &s), ISCSIP_OK);
	assert_int_equal(iscsip__tx_release(&tx, 2, gone, &s), ISCSIP_OK);
	assert_int_equal(s.count, 1);
	assert_int_equal(iscsip__tx_release(&tx, 1, gone, &s), ISCSIP_OK);
	assert_int_equal(s.count, 2);
	iscsip__tx_drop(&tx, gone, &s);
	assert_int_equal(s.count, 3);
	assert_true(tx.to_send == 0 && tx.to_release == 0);
	push_unit(&tx, 1, parts[0], wire);
	assert_int_equal(iscsip__tx_done(&tx, 9, gone, &s), ISCSIP_OK);
	assert_int_equal(iscsip__tx_release(&tx, 9, gone, &s), ISCSIP_OK);
	assert_int_equal(s.count, 4);
}

/* Heads that are filled lie side by side, but not over the end of the ring; what was sent in part begins where it goes on. Data
 * that happens to end where a head begins is the host's, and a piece of its own. */
static void filled_heads_without_data_are_one_piece(void **state)
{
	struct tx_unit units[8];
	struct tx_head row[9];
	char *data = (char *)row[1].bytes - 4;
	struct tx tx;
	struct sent s = { .count = 0 };
	struct iscsip_vec vec[40];
	unsigned i;

	(void)state;
	memcpy(data, "data", 4);
	iscsip__tx_init(&tx, units, row + 1, 8, false);
	for (i = 0; i < 12; i++) {
		struct tx_unit *u = iscsip__tx_slot(&tx);

		memset(u->head, (int)i, TX_HEAD_MAX);
		u->head_len = i == 9 ? TX_HEAD_MAX - 1 : TX_HEAD_MAX;
		if (i == 7)
			tx_payload_flat(u, data, 4);
		if (i == 11)
			u->tail_len = 1;
		iscsip__tx_push(&tx);
		if (i == 4)
			assert_int_equal(iscsip__tx_done(&tx, 5 * TX_HEAD_MAX - 1, gone, &s), ISCSIP_OK);
	}
	/* left are: a byte of 4; 5 to 7; data; 8 and 9, which is short; 10 and 11; the tail. 8 begins the ring anew. */
	assert_int_equal(iscsip__tx_list(&tx, vec, 40), 6);
	assert_int_equal(vec[0].len, 1);
	assert_int_equal(vec[1].len, 3 * TX_HEAD_MAX);
	assert_memory_equal(vec[2].base, "data", 4);
	assert_int_equal(vec[3].len, 2 * TX_HEAD_MAX - 1);
	assert_int_equal(vec[4].len, 2 * TX_HEAD_MAX);
	assert_int_equal(vec[5].len, 1);
}

static void release_without_hold_is_refused(void **state)
{
	struct tx_unit units[2];
	struct tx_head heads[2];
	struct tx tx;
	struct sent s = { .count = 0 };

	(void)state;
	iscsip__tx_init(&tx, units, heads, 2, false);
	assert_int_equal(iscsip__tx_release(&tx, 0, gone, &s), ISCSIP_ESTATE);
}

static void a_flat_payload_survives_the_wrap_of_the_ring(void **state)
{
	struct tx_unit units[3];
	struct tx_head heads[3];
	struct tx tx;
	struct sent s = { .count = 0 };
	char out[64];

	(void)state;
	iscsip__tx_init(&tx, units, heads, 3, false);
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 2; i++) {
			struct tx_unit *u = iscsip__tx_slot(&tx);

			u->head_len = 1;
			u->head[0] = (uint8_t)('0' + round);
			tx_payload_flat(u, "flat", 4);
			iscsip__tx_push(&tx);
		}
		/* all but the last byte, so that the ring does not start over */
		assert_int_equal(iscsip__tx_pull(&tx, (uint8_t *)out, round ? 10 : 9, gone, &s), round ? 10 : 9);
		s.count = 0;
		assert_int_equal(out[round ? 1 : 0], '0' + round);
		assert_memory_equal(out + (round ? 2 : 1), "flat", 4);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pushed_bytes_may_be_cut_at_every_byte),
		cmocka_unit_test(bytes_read_in_place_may_be_cut_at_every_byte_with_every_stage_and_list),
		cmocka_unit_test(one_byte_at_a_time_through_doors_in_turn_is_the_same),
		cmocka_unit_test(payload_is_listed_at_its_place_then_trailer_then_stage_or_header),
		cmocka_unit_test(a_hold_in_a_header_or_behind_a_unit_keeps_what_follows_with_the_host),
		cmocka_unit_test(header_bytes_that_came_with_the_end_of_a_held_unit_are_worked_on_at_the_resume),
		cmocka_unit_test(a_header_that_fails_or_is_longer_than_its_memory_is_an_error_through_every_door),
		cmocka_unit_test(a_place_that_is_too_short_is_the_hosts_error_and_nothing_is_written_beyond),
		cmocka_unit_test(what_is_listed_is_the_rest_of_the_stream_however_it_is_taken),
		cmocka_unit_test(pulled_bytes_are_the_stream_for_every_size_of_buffer),
		cmocka_unit_test(a_held_unit_goes_when_its_last_byte_is_released_and_too_much_changes_nothing),
		cmocka_unit_test(filled_heads_without_data_are_one_piece),
		cmocka_unit_test(release_without_hold_is_refused),
		cmocka_unit_test(a_flat_payload_survives_the_wrap_of_the_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
