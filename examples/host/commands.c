/* SPDX-License-Identifier: MIT */
/*
 * Commands that ask (commands.h). Those that move data stand in transfer.c, the load in bench.c.
 */
#include "commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "util.h"

#define ANSWER_LEN 65536u
#define ANSWER_MAX (1u << 20)
#define PAGE_MAX 4096u

/* The product, where it is a number. */
static void bytes_text(const struct unit *u, char *text, size_t cap)
{
	if (u->blocks > UINT64_MAX / u->block_size)
		snprintf(text, cap, "2^64 or more");
	else
		snprintf(text, cap, "%" PRIu64, u->blocks * u->block_size);
}

void command_capacity(struct link *l)
{
	struct unit u = unit_size(l);
	char bytes[24];

	bytes_text(&u, bytes, sizeof bytes);
	printf("blocks: %" PRIu64 "\nblock size: %u\nbytes: %s\n", u.blocks, u.block_size, bytes);
}

/* ASCII of a field, without the spaces at its end; anything else shown as a point. */
static void field(const char *name, const uint8_t *p, size_t len)
{
	while (len && (p[len - 1] == ' ' || p[len - 1] == '\0'))
		len--;
	if (name)
		printf("%s: ", name);
	for (; len; len--, p++)
		putchar(*p >= 0x20 && *p < 0x7f ? *p : '.');
	if (name)
		putchar('\n');
}

/* A page of vital product data; false where the unit has no such page. */
static bool ask_page(struct link *l, struct request *r, int page)
{
	memset(r->data, 0, PAGE_MAX);
	unit_inquire(r, page, PAGE_MAX);
	return link_execute(l, r) && r->in_got >= 4 && r->data[1] == page;
}

static const char *const association[] = { "unit", "port", "device", "?" };

static void designators(struct link *l, struct request *r)
{
	struct iscsip_designator d;
	size_t pos = 0;

	if (!ask_page(l, r, 0x83))
		return;
	while (iscsip_designator_next(r->data, r->in_got, &pos, &d)) {
		size_t i;

		printf("designator: %s type %u ", association[d.association & 3u], d.type);
		if (d.code_set == 1)
			for (i = 0; i < d.len; i++)
				printf("%02x", d.value[i]);
		else
			field(NULL, d.value, d.len);
		putchar('\n');
	}
}

void command_inquiry(struct link *l)
{
	struct request *r = unit_request(l, PAGE_MAX);

	unit_inquire(r, -1, 255);
	link_must(l, r, "INQUIRY");
	if (r->in_got < 36)
		die("INQUIRY: only %u bytes came back", r->in_got);
	printf("type: %u\n", r->data[0] & 0x1fu);
	field("vendor", r->data + 8, 8);
	field("product", r->data + 16, 16);
	field("revision", r->data + 32, 4);
	if (ask_page(l, r, 0x80))
		field("serial", r->data + 4, r->in_got - 4u < r->data[3] ? r->in_got - 4u : r->data[3]);
	designators(l, r);
	request_free(r);
}

/* A line for one unit: number, bytes, vendor and product. */
static void describe(struct link *l, uint64_t lun)
{
	struct request *r = unit_request(l, 64);
	char bytes[24] = "-";
	struct unit u;

	if (unit_tells_size(l, lun, &u))
		bytes_text(&u, bytes, sizeof bytes);
	r->lun = lun;
	unit_inquire(r, -1, 64);
	memset(r->data, ' ', 36);
	if (!link_execute(l, r) || r->in_got < 36)
		memset(r->data, ' ', 36);
	printf("%u %s ", iscsip_lun_decode(lun), bytes);
	field(NULL, r->data + 8, 8);
	putchar(' ');
	field(NULL, r->data + 16, 16);
	putchar('\n');
	request_free(r);
}

/* The whole list, asked for with as much room as it says it needs. */
static struct request *report_luns(struct link *l, uint32_t room)
{
	struct request *r = unit_request(l, room);
	uint64_t len;

	r->lun = 0;
	iscsip_cdb_report_luns(r->cdb, room);
	link_must(l, r, "REPORT LUNS");
	if (r->in_got < 8)
		die("REPORT LUNS: only %u bytes came back", r->in_got);
	len = 8 + big(r->data, 4);
	if (len <= r->in_got)
		return r;
	if (r->in_got < room || len > ANSWER_MAX)
		die("REPORT LUNS: %u of %" PRIu64 " bytes came back", r->in_got, len);
	request_free(r);
	return report_luns(l, ANSWER_MAX);
}

void command_luns(struct link *l)
{
	struct request *r = report_luns(l, ANSWER_LEN);
	uint64_t len = 8 + big(r->data, 4);

	for (uint32_t at = 8; at + 8 <= len; at += 8)
		describe(l, big(r->data + at, 8));
	request_free(r);
}
