/* SPDX-License-Identifier: MIT */
/*
 * Devices: a target name, its disk, its units, and who may see it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "iscsi-target/target.h"

#define MAX_LUNS 256u
#define MAX_NEXUSES 4096u
#define MAX_COMMANDS 1024u
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
	if (u->backing)
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
		    (b->removable ? ISCSIP_LUN_REMOVABLE : 0) | (b->path ? 0 : ISCSIP_LUN_VOLATILE);
	cfg.ops = b->ops;
	cfg.user = b->ops_user;
	cfg.saved = b->saved;
	cfg.saved_len = b->saved_len;
	return iscsip_disk_lun_add(d->disk, u->lun, &cfg);
}

/* --- the file of units --- */

/*
 * The file is read whole before any of it is taken: known units are marked as seen, new ones stand in a list. A file with a
 * fault anywhere, such as one that is being written, changes nothing. The backings of new units are opened in the pool, as
 * one may hang; the last that answers ends the reading. One that never does holds up the reading, and no unit that is
 * served; SIGHUP begins a new one, and the old one is then worth nothing.
 */
struct lun_file {
	struct device *device;
	struct unit *fresh;
	unsigned line;
	unsigned waits;         /* for backings, and for the last line */
	bool right;
	bool old;               /* another reading has begun */
	bool seen[MAX_LUNS];    /* units that were there before and still are */
};

/* What is wrong with the file: said when it is read again, and the end of a program that has just been started. */
__attribute__((format(printf, 2, 3))) static void file_wrong(struct lun_file *f, const char *fmt, ...)
{
	char what[800], where[24] = "";
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	f->right = false;
	if (f->line)
		snprintf(where, sizeof where, " line %u", f->line);
	if (!f->device->disk)
		die("%s%s: %s", f->device->lun_file, where, what);
	complain("%s%s: %s", f->device->lun_file, where, what);
}

static struct unit *unit_of(struct unit *first, uint32_t lun)
{
	struct unit *u;

	for (u = first; u; u = u->next)
		if (u->lun == lun && !u->leaving)
			return u;
	return NULL;
}

static void file_waited(struct lun_file *f);

static void file_opened(struct backing *b, const struct backing_fault *fault, void *user)
{
	struct unit *u = user;

	u->backing = b;
	if (!b)
		file_wrong(u->file, "%s", fault->text);
	file_waited(u->file);
}

/* A unit of the file that is new. */
static void file_unit(struct lun_file *f, uint32_t lun, const char *text)
{
	struct backing_fault fault;
	struct unit *u = need(sizeof *u);

	u->lun = lun;
	u->device = f->device;
	u->file = f;
	u->text = need_copy(text);
	u->from_file = true;
	u->next = f->fresh;
	f->fresh = u;
	f->waits++;
	if (f->device->disk)
		backing_open_later(text, f->device->loop, file_opened, u);
	else
		file_opened(backing_try(text, &fault), &fault, u);
}

/* A line `N=BACKING[,OPTION]...`: known units stay, new ones are added. */
static void file_line(struct lun_file *f, const char *line)
{
	const char *text = option_lun(line);
	struct unit *u;
	uint32_t lun;

	if (!text) {
		file_wrong(f, "'%.200s' is not N=BACKING with N from 0 to 255", line);
		return;
	}
	lun = (uint32_t)strtoul(line, NULL, 10);
	u = unit_of(f->device->units, lun);
	if (unit_of(f->fresh, lun) || f->seen[lun] || (u && !u->from_file)) {
		file_wrong(f, "LUN %u is named twice", lun);
		return;
	}
	if (!u) {
		file_unit(f, lun, text);
		return;
	}
	if (strcmp(u->text, text) != 0)
		complain("%s: LUN %u stays '%s': take its line out, send SIGHUP, and put the new one in", f->device->lun_file, lun,
			 u->text);
	f->seen[lun] = true;
}

static void file_lines(struct lun_file *f, FILE *in)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	while ((n = getline(&line, &room, in)) >= 0) {
		char *at = line + strspn(line, BLANKS);
		size_t len = strlen(at);

		f->line++;
		if (strlen(line) != (size_t)n)
			file_wrong(f, "it has a NUL");
		while (len && strchr(BLANKS, at[len - 1]))
			at[--len] = '\0';
		if (len && *at != '#')
			file_line(f, at);
	}
	free(line);
	f->line = 0;
	if (ferror(in))
		file_wrong(f, "%s", strerror(errno));
}

/* The new units join the device; those that its disk does not take are told of. */
static void file_take(struct lun_file *f)
{
	struct device *d = f->device;
	char why[512];

	while (f->fresh) {
		struct unit *u = f->fresh;
		int err;

		f->fresh = u->next;
		u->next = d->units;
		d->units = u;
		err = d->disk ? unit_add(d, u) : 0;
		if (err) {
			complain("%s: LUN %u: %s", d->lun_file, u->lun, backing_refusal(u->backing, err, why, sizeof why));
			unit_free(d, u);
		}
	}
}

static void drop_unseen(struct lun_file *f)
{
	struct device *d = f->device;
	struct unit *u, *next;

	for (u = d->units; u; u = next) {
		next = u->next;
		if (!u->from_file || f->seen[u->lun] || u->leaving)
			continue;
		u->leaving = true;
		if (iscsip_disk_lun_remove(d->disk, u->lun) == ISCSIP_DONE)
			unit_free(d, u);
	}
}

static void file_drop(struct lun_file *f)
{
	while (f->fresh) {
		struct unit *u = f->fresh;

		f->fresh = u->next;
		if (u->backing)
			backing_close(u->backing);
		free(u->text);
		free(u);
	}
}

static void file_waited(struct lun_file *f)
{
	struct device *d = f->device;

	if (--f->waits)
		return;
	if (f->right && !f->old) {
		drop_unseen(f);
		file_take(f);
	} else {
		file_drop(f);
		if (!f->old)
			complain("%s: all units of %s stay as they are", d->lun_file, d->name);
	}
	if (d->reading == f)
		d->reading = NULL;
	free(f);
}

/* Where the file is not there or not right, all units stay as they are. */
static void file_read(struct device *d)
{
	struct lun_file *f = need(sizeof *f);
	FILE *in = fopen(d->lun_file, "re");

	if (d->reading)
		d->reading->old = true;
	d->reading = f;
	f->device = d;
	f->right = true;
	f->waits = 1;
	if (in) {
		file_lines(f, in);
		fclose(in);
	} else {
		file_wrong(f, "%s", strerror(errno));
	}
	file_waited(f);
}

/* --- what has become of their files --- */

static void unit_news(struct backing *b, const struct backing_news *n, void *user)
{
	struct unit *u = user;
	struct device *d = u->device;
	int err;

	if (u->leaving)
		return;
	if (n->resized) {
		tell("%s LUN %u: now %llu bytes", d->name, u->lun, (unsigned long long)b->size);
		err = iscsip_disk_lun_resize(d->disk, u->lun, b->size / b->block_size);
		if (err)
			complain("%s LUN %u (%s): its new size of %llu bytes is not taken: %s", d->name, u->lun, u->text,
				 (unsigned long long)b->size, iscsip_strerror(err));
	}
	if (n->opened_anew) {
		err = iscsip_disk_lun_set_failed(d->disk, u->lun, false);
		complain("%s LUN %u: %s is opened anew%s", d->name, u->lun, b->path, err ? "" : " and takes writes again");
	}
}

static void device_reload(struct post *p)
{
	struct device *d = (struct device *)(void *)((char *)p - offsetof(struct device, reload));
	struct unit *u;

	for (u = d->units; u; u = u->next)
		if (!u->leaving)
			backing_refresh(u->backing, unit_news, u);
	if (d->lun_file)
		file_read(d);
}

void devices_reload(void)
{
	struct device *d;

	if (server.auth)
		secrets_again(server.auth, true);
	for (d = server.devices; d; d = d->next) {
		if (d->auth && d->auth != server.auth)
			secrets_again(d->auth, true);
		loop_post(d->loop, &d->reload);
	}
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
	char why[512];
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
	cfg.flags = ISCSIP_DISK_CDB_LUN; /* NetBSD */
	cfg.max_nexuses = MAX_NEXUSES;
	cfg.max_commands = MAX_COMMANDS;
	cfg.buffer_size = 128u * 1024u; /* 128 MiB in all, touched as far as files are read and written: a transfer of 32 MiB fits */
	cfg.buffer_count = 1024;
	cfg.max_pieces = 512;
	cfg.buffer_align = 4096;
	/* its name in designators, RFC 7143 4.4.2 */
	snprintf(d->port_name, sizeof d->port_name, "%s,t,0x%04x", d->name, PORTAL_GROUP);
	d->port = (struct iscsip_disk_port){ .id = 1, .group = PORTAL_GROUP, .name = d->port_name };
	cfg.ports = &d->port;
	cfg.port_count = 1;
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
			die("%s: LUN %u (%s): %s", d->name, u->lun, u->text, backing_refusal(u->backing, err, why, sizeof why));
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
