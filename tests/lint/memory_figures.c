/* SPDX-License-Identifier: MIT */
/*
 * Prints the tables of docs/memory.md: bytes of each object for a few configurations, and what one more of each limit
 * costs, as the library's own *_size() functions have it. tests/lint/memory holds the page against this.
 */
#include <iscsiproto/iscsiproto.h>
#include <stdio.h>
#include <string.h>

static struct iscsip_offer offer;
static struct iscsip_host host = { .struct_size = sizeof host };

static struct iscsip_config config_of(uint16_t tasks, uint16_t r2ts, uint16_t tx_pdus, uint16_t ahs)
{
	struct iscsip_config c;

	iscsip_config_init(&c, sizeof c);
	c.host = &host;
	c.offer = &offer;
	c.limits.max_tasks = tasks;
	c.limits.max_r2ts = r2ts;
	c.limits.max_tx_pdus = tx_pdus;
	c.limits.ahs_max = ahs;
	return c;
}

typedef size_t size_fn(const struct iscsip_config *cfg);

static size_fn *const objects[] = {
	iscsip_target_conn_size, iscsip_target_session_size, iscsip_initiator_conn_size, iscsip_initiator_session_size,
	iscsip_login_size,
};

#define OBJECTS (sizeof objects / sizeof *objects)

/* --- whole objects --- */

static void print_profile(const char *name, const struct iscsip_config *c)
{
	size_t i;

	printf("| %s |", name);
	for (i = 0; i < OBJECTS; i++)
		printf(" %zu |", objects[i](c));
	printf("\n");
}

static struct iscsip_config small_of(uint16_t tasks, uint16_t r2ts, uint16_t tx_pdus, uint16_t text)
{
	struct iscsip_config c = config_of(tasks, r2ts, tx_pdus, 0);

	c.limits.text_max = text;
	c.limits.ping_max = 0;
	return c;
}

#define PROFILES 5
static const char *const profile_names[PROFILES] = {
	"the smallest: 1 task, 1 R2T, 2 units, no AHS, text 64, ping 0",
	"firmware: 4 tasks, 4 R2Ts, 4 units, no AHS, text 256, ping 0",
	"many sessions: 8 tasks, 8 R2Ts, 16 units, no AHS, text 512, ping 0",
	"the default: 32 tasks, 32 R2Ts, 32 units, AHS 256, text 1024, ping 512",
	"busy sessions: 128 tasks, 64 R2Ts, 64 units, AHS 256, text 1024, ping 512",
};

static struct iscsip_config profile(size_t i)
{
	switch (i) {
	case 0:
		return small_of(1, 1, 2, 64);
	case 1:
		return small_of(4, 4, 4, 256);
	case 2:
		return small_of(8, 8, 16, 512);
	case 3:
		return config_of(32, 32, 32, 256);
	default:
		return config_of(128, 64, 64, 256);
	}
}

/* What a target holds for a login that is under way, and for a session that does nothing. */
static void print_held(const char *name, const struct iscsip_config *c)
{
	printf("| %s | %zu | %zu |\n", name, iscsip_target_conn_size(c) + iscsip_login_size(c),
	       iscsip_target_conn_size(c) + iscsip_target_session_size(c));
}

static void print_profiles(void)
{
	struct iscsip_config c;
	size_t i;

	printf("| configuration | target connection | target session | initiator connection | initiator session | login scratch |\n");
	printf("| --- | ---: | ---: | ---: | ---: | ---: |\n");
	for (i = 0; i < PROFILES; i++) {
		c = profile(i);
		print_profile(profile_names[i], &c);
	}
	printf("\n| configuration, target | a login under way | a session that idles |\n| --- | ---: | ---: |\n");
	for (i = 0; i < PROFILES; i++) {
		c = profile(i);
		print_held(profile_names[i], &c);
	}
}

/* --- one more of a limit --- */

static const struct {
	const char *name;
	size_t offset;
	unsigned from, to; /* the cost is the mean between these */
} limits[] = {
	{ "max_conns", offsetof(struct iscsip_limits, max_conns), 2, 4 },
	{ "max_tasks", offsetof(struct iscsip_limits, max_tasks), 64, 128 },
	{ "max_r2ts", offsetof(struct iscsip_limits, max_r2ts), 64, 128 },
	{ "max_tx_pdus", offsetof(struct iscsip_limits, max_tx_pdus), 64, 128 },
	{ "ahs_max", offsetof(struct iscsip_limits, ahs_max), 8, 248 },
	{ "text_max", offsetof(struct iscsip_limits, text_max), 1024, 2048 },
	{ "ping_max", offsetof(struct iscsip_limits, ping_max), 1024, 2048 },
};

static size_t size_with(size_fn *size, size_t offset, unsigned value)
{
	struct iscsip_config c = config_of(32, 32, 32, 256);
	uint16_t v = (uint16_t)value;

	memcpy((uint8_t *)&c.limits + offset, &v, sizeof v);
	return size(&c);
}

static void print_costs(void)
{
	size_t i, k;

	printf("\n| one more of | target connection | target session | initiator connection | initiator session |\n");
	printf("| --- | ---: | ---: | ---: | ---: |\n");
	for (i = 0; i < sizeof limits / sizeof *limits; i++) {
		printf("| `%s` |", limits[i].name);
		for (k = 0; k < OBJECTS - 1; k++) {
			double n = (double)(limits[i].to - limits[i].from);
			double bytes = (double)size_with(objects[k], limits[i].offset, limits[i].to) -
				       (double)size_with(objects[k], limits[i].offset, limits[i].from);

			printf(bytes == 0 ? " - |" : " %.5g |", bytes / n);
		}
		printf("\n");
	}
}

/* --- what has one size function of its own --- */

static size_t frame_size(size_t (*size)(const struct iscsip_frame_config *), uint16_t exchanges, uint16_t frames)
{
	struct iscsip_frame_config c;

	iscsip_frame_config_init(&c, sizeof c);
	c.limits.max_exchanges = exchanges;
	c.limits.max_tx_frames = frames;
	return size(&c);
}

static void print_frame(const char *name, size_t (*size)(const struct iscsip_frame_config *))
{
	printf("| %s, 64 exchanges and 64 frames out (the default) | %zu |\n", name, frame_size(size, 64, 64));
	printf("| %s, 4 exchanges and 4 frames out | %zu |\n", name, frame_size(size, 4, 4));
	printf("| - one exchange more | %zu |\n", (frame_size(size, 128, 64) - frame_size(size, 64, 64)) / 64);
	printf("| - one frame more | %zu |\n", (frame_size(size, 64, 128) - frame_size(size, 64, 64)) / 64);
}

static size_t disk_size(uint16_t luns, uint16_t nexuses, uint16_t commands, uint16_t registrations, uint32_t buffers)
{
	struct iscsip_disk_config c;

	iscsip_disk_config_init(&c, sizeof c);
	c.max_luns = luns;
	c.max_nexuses = nexuses;
	c.max_commands = commands;
	c.max_registrations = registrations;
	c.buffer_count = buffers;
	return iscsip_disk_size(&c);
}

static void print_others(void)
{
	struct iscsip_disk_config c;

	iscsip_disk_config_init(&c, sizeof c);
	printf("\n| object | bytes |\n| --- | ---: |\n");
	print_frame("frame target connection", iscsip_frame_target_size);
	print_frame("frame initiator connection", iscsip_frame_initiator_size);
	printf("| disk, the default: %u units, %u nexuses, %u commands, %u registrations, %u buffers of %u KiB | %zu |\n", c.max_luns,
	       c.max_nexuses, c.max_commands, c.max_registrations, c.buffer_count, c.buffer_size / 1024, iscsip_disk_size(&c));
	printf("| - one unit more | %zu |\n", (disk_size(72, 16, 128, 64, 64) - disk_size(8, 16, 128, 64, 64)) / 64);
	printf("| - one nexus more | %zu |\n", (disk_size(8, 80, 128, 64, 64) - disk_size(8, 16, 128, 64, 64)) / 64);
	printf("| - one command more | %zu |\n", (disk_size(8, 16, 192, 64, 64) - disk_size(8, 16, 128, 64, 64)) / 64);
	printf("| - one registration more | %zu |\n", (disk_size(8, 16, 128, 128, 64) - disk_size(8, 16, 128, 64, 64)) / 64);
	printf("| - one buffer of %u KiB more | %zu |\n", c.buffer_size / 1024,
	       (disk_size(8, 16, 128, 64, 128) - disk_size(8, 16, 128, 64, 64)) / 64);
	printf("| registry, 64 sessions | %zu |\n", iscsip_registry_size(64));
	printf("| - one session more | %zu |\n", (iscsip_registry_size(128) - iscsip_registry_size(64)) / 64);
	printf("| tag table, 128 entries | %zu |\n", iscsip_ddp_size(128));
	printf("| - one entry more | %zu |\n", (iscsip_ddp_size(256) - iscsip_ddp_size(128)) / 128);
	printf("| text reader's buffer for values of 255 bytes | %zu |\n", ISCSIP_TEXT_READER_BUF(255));
}

int main(void)
{
	iscsip_offer_init_target(&offer);
	print_profiles();
	print_costs();
	print_others();
	return 0;
}
