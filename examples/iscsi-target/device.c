/* SPDX-License-Identifier: MIT */
/*
 * Devices: a target name, its disk, its units, and who may see it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "iscsi-target/target.h"

#define MAX_LUNS 256u
#define MAX_NEXUSES 4096u
#define MAX_COMMANDS 512u
#define LINE_MAX_LEN 4200 /* of --lun-file: a path and its options */
#define BLANKS " \t\r\n"

/* --- access --- */

bool access_by_address(const struct access *a, const struct sockaddr_storage *from)
{
	unsigned i;

	for (i = 0; i < a->range_count; i++)
		if (net_in_range(&a->ranges[i], from))
			return true;
	return a->range_count == 0;
}

bool access_by_name(const struct access *a, const char *initiator)
{
	unsigned i;

	for (i = 0; i < a->name_count; i++)
		if (strcmp(a->names[i], initiator) == 0)
			return true;
	return a->name_count == 0;
}

struct device *device_find(const char *name)
{
	struct device *d;

	for (d = server.devices; d; d = d->next)
		if (strcmp(d->name, name) == 0)
			return d;
	return NULL;
}

/* --- units --- */

static void unit_free(struct device *d, struct unit *u)
{
	struct unit **at = &d->units;

	while (*at != u)
		at = &(*at)->next;
	*at = u->next;
	backing_close(u->backing);
	free(u->text);
	free(u);
}

static void lun_gone(void *user, uint32_t lun, void *lun_user)
{
	struct device *d = user;
	struct unit *u;

	(void)lun_user;
	for (u = d->units; u; u = u->next) {
		if (u->lun != lun || !u->leaving)
			continue;
		unit_free(d, u);
		return;
	}
}

static int unit_add(struct device *d, struct unit *u)
{
	struct iscsip_disk_lun_config cfg = { .struct_size = sizeof cfg };
	struct backing *b = u->backing;

	b->loop = d->loop;
	cfg.blocks = b->size / b->block_size;
	cfg.block_size = b->block_size;
	cfg.serial = b->serial;
	cfg.physical_exponent = b->block_size == 512 ? 3 : 1; /* 4 and 8 KiB: what hosts align to */
	cfg.rotation_rate = 1;
	cfg.unmap_granularity = 4096 / b->block_size;
	cfg.flags = (b->read_only ? ISCSIP_LUN_READ_ONLY : 0) | (b->thin ? ISCSIP_LUN_THIN : 0) |
		    (b->removable ? ISCSIP_LUN_REMOVABLE : 0);
	cfg.ops = b->ops;
	cfg.user = b->ops_user;
	cfg.saved = b->saved;
	cfg.saved_len = b->saved_len;
	return iscsip_disk_lun_add(d->disk, u->lun, &cfg);
}

static struct unit *unit_find(struct device *d, uint32_t lun)
{
	struct unit *u;

	for (u = d->units; u; u = u->next)
		if (u->lun == lun && !u->leaving)
			return u;
	return NULL;
}

/* --- the file of units --- */

/* What is wrong with the file: said when it is read again, and the end of a program that has just been started. */
static void file_wrong(const struct device *d, const char *what)
{
	if (!d->disk)
		die("%s: %s", d->lun_file, what);
	complain("%s: %s", d->lun_file, what);
}

/* A unit of the file that is new. */
static void file_unit(struct device *d, uint32_t lun, const char *text)
{
	struct backing_fault fault;
	struct backing *b = backing_try(text, &fault);
	struct unit *u;
	int err;

	if (!b) {
		file_wrong(d, fault.text);
		return;
	}
	u = need(sizeof *u);
	u->lun = lun;
	u->text = need_copy(text);
	u->backing = b;
	u->from_file = u->seen = true;
	u->next = d->units;
	d->units = u;
	err = d->disk ? unit_add(d, u) : 0;
	if (err) {
		complain("%s: LUN %u: %s", d->lun_file, lun, iscsip_strerror(err));
		unit_free(d, u);
	}
}

/* A line `N=BACKING[,OPTION]...`: known units stay, new ones are added. */
static void file_line(struct device *d, const char *line)
{
	char *end, what[LINE_MAX_LEN + 64];
	unsigned long lun = strtoul(line, &end, 10);
	struct unit *u;

	if (end == line || *end != '=' || lun >= MAX_LUNS) {
		snprintf(what, sizeof what, "'%s' is not N=BACKING with N from 0 to 255", line);
		file_wrong(d, what);
		return;
	}
	u = unit_find(d, (uint32_t)lun);
	if (!u) {
		file_unit(d, (uint32_t)lun, end + 1);
		return;
	}
	if (strcmp(u->text, end + 1) != 0)
		complain("%s: LUN %lu stays '%s': take its line out, send SIGHUP, and put the new one in", d->lun_file, lun,
			 u->text);
	u->seen = true;
}

/* False where there is no such file: its units stay as they are. */
static bool file_read(struct device *d)
{
	FILE *f = fopen(d->lun_file, "re");
	char line[LINE_MAX_LEN];

	if (!f) {
		file_wrong(d, strerror(errno));
		return false;
	}
	while (fgets(line, sizeof line, f)) {
		char *at = line + strspn(line, BLANKS);
		size_t len = strlen(at);

		while (len && strchr(BLANKS, at[len - 1]))
			at[--len] = '\0';
		if (len && *at != '#')
			file_line(d, at);
	}
	fclose(f);
	return true;
}

static void drop_unseen(struct device *d)
{
	struct unit *u, *next;

	for (u = d->units; u; u = next) {
		next = u->next;
		if (!u->from_file || u->seen || u->leaving)
			continue;
		u->leaving = true;
		if (iscsip_disk_lun_remove(d->disk, u->lun) == ISCSIP_DONE)
			unit_free(d, u);
	}
}

void device_reload(struct post *p)
{
	struct device *d = (struct device *)(void *)((char *)p - offsetof(struct device, reload));
	struct unit *u;

	for (u = d->units; u; u = u->next) {
		u->seen = false;
		if (!u->leaving && backing_resized(u->backing)) {
			tell("%s LUN %u: now %llu bytes", d->name, u->lun, (unsigned long long)u->backing->size);
			(void)iscsip_disk_lun_resize(d->disk, u->lun, u->backing->size / u->backing->block_size);
		}
	}
	if (d->lun_file && file_read(d))
		drop_unseen(d);
}

/* --- opening --- */

static void work_waits(void *user)
{
	struct device *d = user;

	d->loop->idle_wanted = true;
}

/* Long work of all disks of a loop, a step of each. */
static bool step_all(void *user)
{
	struct loop *l = user;
	struct device *d;
	bool more = false;

	for (d = server.devices; d; d = d->next)
		if (d->loop == l)
			more |= iscsip_disk_work(d->disk);
	return more;
}

static void device_open(struct device *d)
{
	struct iscsip_disk_config cfg;
	struct unit *u;
	size_t size;
	int err;

	iscsip_disk_config_init(&cfg, sizeof cfg);
	d->disk_host.struct_size = sizeof d->disk_host;
	d->disk_host.wake = work_waits;
	d->disk_host.lun_gone = lun_gone;
	d->loop->idle = step_all;
	d->loop->idle_user = d->loop;
	cfg.max_luns = MAX_LUNS;
	cfg.max_nexuses = MAX_NEXUSES;
	cfg.max_commands = MAX_COMMANDS;
	cfg.buffer_size = 256u * 1024u; /* 64 MiB in all, touched as far as files are read and written */
	cfg.buffer_count = 256;
	cfg.max_pieces = 256;
	cfg.buffer_align = 4096;
	cfg.name = d->name;
	cfg.host = &d->disk_host;
	cfg.user = d;
	size = iscsip_disk_size(&cfg);
	err = iscsip_disk_init(&d->disk, need(size), size, &cfg);
	if (err)
		die("%s: %s", d->name, iscsip_strerror(err));
	for (u = d->units; u; u = u->next) {
		err = unit_add(d, u);
		if (err)
			die("%s: LUN %u (%s): %s", d->name, u->lun, u->text, iscsip_strerror(err));
	}
}

void devices_open(void)
{
	struct device *d;
	unsigned turn = 0;

	for (d = server.devices; d; d = d->next) {
		d->loop = &server.loops[turn++ % server.threads];
		d->reload.run = device_reload;
		if (d->lun_file)
			file_read(d);
		device_open(d);
	}
}
