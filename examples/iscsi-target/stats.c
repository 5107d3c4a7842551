/* SPDX-License-Identifier: MIT */
/*
 * Counters as one line of JSON on stdout.
 */
#include "iscsi-target/target.h"

static void print_units(const struct device *d)
{
	const struct unit *u;
	const char *comma = "";

	for (u = d->units; u; u = u->next) {
		struct iscsip_disk_stats st;

		if (u->leaving || iscsip_disk_lun_stats(d->disk, u->lun, &st))
			continue;
		printf("%s{\"lun\":%u,\"bytes\":%llu,\"commands\":%llu,\"read_bytes\":%llu,\"write_bytes\":%llu,"
		       "\"errors\":%llu,\"conflicts\":%llu}",
		       comma, u->lun, (unsigned long long)u->backing->size, (unsigned long long)st.commands,
		       (unsigned long long)st.read_bytes, (unsigned long long)st.write_bytes, (unsigned long long)st.errors,
		       (unsigned long long)st.conflicts);
		comma = ",";
	}
}

void stats_print(void)
{
	const struct device *d;
	const char *comma = "";

	printf("{\"seconds\":%.3f,\"connections\":%u,\"sessions\":%u,\"logins\":%lu,\"logins_refused\":%lu,\"targets\":[",
	       (double)(clock_us() - server.started_us) / 1e6, atomic_load(&server.clients), atomic_load(&server.sessions),
	       atomic_load(&server.logins), atomic_load(&server.refused));
	for (d = server.devices; d; d = d->next) {
		printf("%s{\"name\":\"%s\",\"luns\":[", comma, d->name);
		print_units(d);
		printf("]}");
		comma = ",";
	}
	printf("]}\n");
	fflush(stdout);
}
