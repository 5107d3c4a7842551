/* SPDX-License-Identifier: MIT */
/*
 * Counters as one line of JSON on stdout. Units and their counters belong to the thread of their device, which adds and frees
 * them: each device writes its part in its own thread, and the first thread puts the parts together when the last is
 * there. What is asked for meanwhile is one more line after that.
 */
#include <stdio.h>
#include <stdlib.h>

#include "iscsi-target/target.h"

static unsigned asked;           /* lines that are owed; in the first thread, as is all that has no other owner */
static atomic_uint missing;      /* devices whose part of the line is not written yet */

static void print_units(FILE *f, const struct device *d)
{
	const struct unit *u;
	const char *comma = "";

	for (u = d->units; u; u = u->next) {
		struct iscsip_disk_stats st;

		if (u->leaving || iscsip_disk_lun_stats(d->disk, u->lun, &st))
			continue;
		fprintf(f, "%s{\"lun\":%u,\"bytes\":%llu,\"commands\":%llu,\"read_bytes\":%llu,\"write_bytes\":%llu,"
			   "\"errors\":%llu,\"conflicts\":%llu}",
			comma, u->lun, (unsigned long long)u->backing->size, (unsigned long long)st.commands,
			(unsigned long long)st.read_bytes, (unsigned long long)st.write_bytes, (unsigned long long)st.errors,
			(unsigned long long)st.conflicts);
		comma = ",";
	}
}

/* In the device's thread. */
static void count(struct device *d)
{
	FILE *f;

	free(d->counted);
	d->counted = NULL;
	f = open_memstream(&d->counted, &d->counted_len);
	if (!f)
		return;
	fprintf(f, "{\"name\":\"%s\",\"luns\":[", d->name);
	print_units(f, d);
	fprintf(f, "]}");
	if (fclose(f)) {
		free(d->counted);
		d->counted = NULL;
	}
}

static void print_line(void)
{
	const struct device *d;
	const char *comma = "";
	char *line = NULL;
	size_t len;
	FILE *f = open_memstream(&line, &len);

	if (!f) {
		complain("no memory for the counters");
		return;
	}
	fprintf(f, "{\"seconds\":%.3f,\"connections\":%u,\"sessions\":%u,\"logins\":%lu,\"logins_refused\":%lu,\"targets\":[",
		(double)(clock_us() - server.started_us) / 1e6, atomic_load(&server.clients), atomic_load(&server.sessions),
		atomic_load(&server.logins), atomic_load(&server.refused));
	for (d = server.devices; d; d = d->next) {
		if (d->counted)
			fprintf(f, "%s%s", comma, d->counted);
		comma = d->counted ? "," : comma;
	}
	fprintf(f, "]}\n");
	if (fclose(f) == 0)
		say(line, len);
	free(line);
}

static void all_counted(struct post *p);
static void count_posted(struct post *p);
static struct post together = { .run = all_counted };

static void begin(void)
{
	struct device *d;
	unsigned n = 0;

	for (d = server.devices; d; d = d->next)
		n++;
	atomic_store(&missing, n);
	for (d = server.devices; d; d = d->next) {
		d->count.run = count_posted;
		loop_post(d->loop, &d->count);
	}
}

static void count_posted(struct post *p)
{
	count((struct device *)(void *)((char *)p - offsetof(struct device, count)));
	if (atomic_fetch_sub(&missing, 1) == 1)
		loop_post(&server.loops[0], &together);
}

static void all_counted(struct post *p)
{
	(void)p;
	print_line();
	if (--asked)
		begin();
}

void stats_ask(void)
{
	/* a storm of signals is owed two lines: the one under way, and one that is younger than all of them */
	if (asked == 0)
		begin();
	if (asked < 2)
		asked++;
}

void stats_print(void)
{
	struct device *d;

	for (d = server.devices; d; d = d->next)
		count(d);
	print_line();
}
