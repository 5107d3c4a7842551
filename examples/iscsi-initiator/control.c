/* SPDX-License-Identifier: MIT */
/*
 * Commands that are no SCSI commands: discovery, ping, task management.
 */
#include <stdlib.h>
#include <string.h>

#include "iscsi-initiator/initiator.h"

/* --- discover --- */

/*
 * What a target says of itself goes to a terminal or to a script that reads lines: a name or an address that could be taken
 * for something else there (blanks, control characters, broken UTF-8) is told to be none and left out.
 */
static char found[ISCSIP_NAME_MAX + 1];
static bool told;

/* Lines wait until the answer is whole: where the connection is lost before, they come again. */
#define LINES_MAX (64u << 20)

static char *lines;
static size_t lines_len, lines_cap;

__attribute__((format(printf, 1, 2))) static void line(const char *fmt, ...)
{
	char text[ISCSIP_NAME_MAX + 600];
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	len = strlen(text);
	if (lines_len + len > LINES_MAX)
		die("SendTargets: the answer has no end (%u bytes and more)", LINES_MAX);
	if (lines_len + len > lines_cap) {
		lines_cap = 2 * (lines_len + len);
		lines = realloc(lines, lines_cap);
		if (!lines)
			die("out of memory (%zu bytes)", lines_cap);
	}
	memcpy(lines + lines_len, text, len);
	lines_len += len;
}

static bool is_plain(const char *text, size_t len)
{
	if (len == 0 || len > ISCSIP_NAME_MAX || !iscsip_text_is_utf8(text, len))
		return false;
	for (size_t i = 0; i < len; i++) {
		uint8_t c = (uint8_t)text[i];

		/* C1 controls are two bytes of UTF-8 */
		if (c <= ' ' || c == 0x7f || (c == 0xc2 && (uint8_t)text[i + 1] < 0xa0))
			return false;
	}
	return true;
}

static void name_without_address(void)
{
	if (found[0] && !told)
		line("%s\n", found);
}

static void on_target_name(const char *value, size_t len)
{
	name_without_address();
	found[0] = '\0';
	told = false;
	if (is_plain(value, len))
		snprintf(found, sizeof found, "%.*s", (int)len, value);
	else
		fprintf(stderr, "iscsi-initiator: a target name that is none was left out\n");
}

static void on_target_address(const char *value, size_t len)
{
	struct iscsip_address address;

	if (!found[0])
		return; /* of a name that was left out, or of none */
	if (iscsip_address_parse(&address, value, len) == ISCSIP_OK) {
		line("%s %.*s\n", found, (int)len, value);
		told = true;
	} else {
		fprintf(stderr, "iscsi-initiator: an address of %s that is none was left out\n", found);
	}
}

void on_text(void *user, void *cookie, int err, const char *key, const char *value, size_t len)
{
	struct client *c = user;

	(void)cookie;
	if (!key) {
		c->answered = true;
		c->answer_err = err;
		name_without_address();
	} else if (strcmp(key, "TargetName") == 0) {
		on_target_name(value, len);
	} else if (strcmp(key, "TargetAddress") == 0) {
		on_target_address(value, len);
	}
}

static int ask_targets(struct client *c)
{
	static const char all[] = "SendTargets=All";

	lines_len = 0;
	found[0] = '\0';
	return iscsip_initiator_text(c->conn, all, sizeof all, NULL, c->link.loop.now);
}

void command_discover(struct client *c)
{
	(void)client_ask(c, ask_targets, "SendTargets", false); /* comes back with an answer, or not at all */
	fwrite(lines, 1, lines_len, stdout); /* what stdout does not take is told at the end (util.c) */
	free(lines);
}

/* --- ping --- */

static uint8_t *expected;
static size_t expected_len, answer_len;
static uint64_t sent_us;

void on_ping(void *user, void *cookie, int err, const void *data, size_t len)
{
	struct client *c = user;

	(void)cookie;
	c->answered = true;
	c->answer_err = err;
	answer_len = len;
	c->answer = !err && (len != expected_len || (len && memcmp(data, expected, len) != 0));
}

static int ask_ping(struct client *c)
{
	int err = iscsip_initiator_ping(c->conn, expected, expected_len, NULL, c->link.loop.now);

	if (err == ISCSIP_EINVAL)
		die("ping: --size: the target takes at most %u bytes",
		    iscsip_session_params(c->session)->max_send_data_segment_length);
	sent_us = clock_us();
	return err;
}

/* Its time in microseconds. */
static uint64_t ping(struct client *c)
{
	(void)client_ask(c, ask_ping, "ping", false); /* comes back with an answer, or not at all */
	if (c->answer && answer_len != expected_len)
		die("ping: %zu of %zu bytes came back: try a smaller --size", answer_len, expected_len);
	if (c->answer)
		die("ping: other data came back than was sent");
	return clock_us() - sent_us;
}

void command_ping(struct client *c, unsigned count, size_t size)
{
	uint64_t total = 0, worst = 0, best = UINT64_MAX;
	unsigned i;

	expected = need(size);
	expected_len = size;
	random_bytes(NULL, expected, size);
	for (i = 0; i < count; i++) {
		uint64_t spent = ping(c);

		total += spent;
		worst = spent > worst ? spent : worst;
		best = spent < best ? spent : best;
		printf("%zu bytes from %s:%s: seq=%u time=%.3f ms\n", size, c->host, c->port, i + 1, (double)spent / 1e3);
	}
	printf("%u pings: min %.3f, mean %.3f, max %.3f ms\n", count, (double)best / 1e3,
	       (double)total / 1e3 / (double)count, (double)worst / 1e3);
	free(expected);
}

/* --- reset --- */

void on_tmf(void *user, void *cookie, int err, uint8_t response)
{
	struct client *c = user;

	(void)cookie;
	c->answered = true;
	c->answer_err = err;
	c->answer = response;
}

static uint8_t reset_function;

static int ask_reset(struct client *c)
{
	return iscsip_initiator_tmf(c->session, reset_function, c->link.lun, NULL, NULL, c->link.loop.now);
}

void command_reset(struct client *c, uint8_t function)
{
	/* A cold reset ends the connection: that is its answer, too (RFC 7143 11.5.1). */
	bool cold = function == ISCSIP_TMF_TARGET_COLD_RESET;

	reset_function = function;
	if (client_ask(c, ask_reset, "reset", cold) && c->answer != ISCSIP_TMF_COMPLETE)
		die("reset: the target answered %u (%s)", c->answer, iscsip_tmf_response_name(c->answer));
}
