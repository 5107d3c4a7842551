/* SPDX-License-Identifier: MIT */
/*
 * Commands that ask (commands.h). Those that move data stand in transfer.c, the load in bench.c.
 */
#include "commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#define ANSWER_MAX 65536u
#define PAGE_MAX 4096u
#define CAPACITY_LEN 32u

uint64_t big(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | *p++;
	return v;
}

static struct request *asking(struct link *l, uint32_t len)
{
	struct request *r = request_new(l);

	r->data = need(len);
	r->in_len = len;
	return r;
}

/* The CDB allows as many bytes as are expected: LIO complains where the two differ. */
static void inquire(struct request *r, int page, uint16_t len)
{
	r->in_len = len;
	memset(r->cdb, 0, sizeof r->cdb);
	iscsip_cdb_inquiry(r->cdb, page, len);
}

static void read_capacity(struct request *r)
{
	r->in_len = CAPACITY_LEN;
	iscsip_cdb_read_capacity_16(r->cdb, CAPACITY_LEN);
}

static void forget(struct request *r)
{
	free(r->data);
	free(r);
}

struct capacity ask_capacity(struct link *l)
{
	struct request *r = asking(l, CAPACITY_LEN);
	struct capacity c;

	read_capacity(r);
	link_must(l, r, "READ CAPACITY(16)");
	if (r->in_got < 12)
		die("READ CAPACITY(16): only %u bytes came back", r->in_got);
	c.blocks = big(r->data, 8) + 1;
	c.block_size = (uint32_t)big(r->data + 8, 4);
	if (c.block_size == 0 || c.block_size > 65536)
		die("READ CAPACITY(16): blocks of %u bytes", c.block_size);
	forget(r);
	return c;
}

void command_capacity(struct link *l)
{
	struct capacity c = ask_capacity(l);

	printf("blocks: %" PRIu64 "\nblock size: %u\nbytes: %" PRIu64 "\n", c.blocks, c.block_size,
	       c.blocks * c.block_size);
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
	inquire(r, page, PAGE_MAX);
	return link_execute(l, r) && r->in_got >= 4;
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
	struct request *r = asking(l, PAGE_MAX);

	inquire(r, -1, 255);
	link_must(l, r, "INQUIRY");
	if (r->in_got < 36)
		die("INQUIRY: only %u bytes came back", r->in_got);
	printf("type: %u\n", r->data[0] & 0x1fu);
	field("vendor", r->data + 8, 8);
	field("product", r->data + 16, 16);
	field("revision", r->data + 32, 4);
	if (ask_page(l, r, 0x80) && r->data[1] == 0x80)
		field("serial", r->data + 4, r->in_got - 4u < r->data[3] ? r->in_got - 4u : r->data[3]);
	designators(l, r);
	forget(r);
}

/* A line for one unit: number, bytes, vendor and product. */
static void describe(struct link *l, uint64_t lun)
{
	struct request *r = asking(l, 64);
	uint32_t number = iscsip_lun_decode(lun);

	r->lun = lun;
	printf("%u ", number);
	read_capacity(r);
	if (link_execute(l, r) && r->in_got >= 12)
		printf("%" PRIu64 " ", (big(r->data, 8) + 1) * big(r->data + 8, 4));
	else
		printf("- ");
	inquire(r, -1, 64);
	if (link_execute(l, r) && r->in_got >= 36) {
		field(NULL, r->data + 8, 8);
		putchar(' ');
		field(NULL, r->data + 16, 16);
	}
	putchar('\n');
	forget(r);
}

void command_luns(struct link *l)
{
	struct request *r = asking(l, ANSWER_MAX);
	uint32_t at, len;

	r->lun = 0;
	iscsip_cdb_report_luns(r->cdb, ANSWER_MAX);
	link_must(l, r, "REPORT LUNS");
	len = r->in_got >= 8 ? (uint32_t)big(r->data, 4) : 0;
	for (at = 8; at + 8 <= r->in_got && at < 8 + len; at += 8)
		describe(l, big(r->data + at, 8));
	forget(r);
}
