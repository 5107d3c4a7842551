/* SPDX-License-Identifier: MIT */
/*
 * Values that are legal one by one and do not go together (offer.h). iscsip_offer_check() names one key; the command line may
 * have had another one, or none, so the words name all that take part.
 */
#include "offer.h"

#include <inttypes.h>
#include <string.h>

#include "util.h"

void offer_must_fit(const struct iscsip_offer *o, const char *whose)
{
	const char *key, *between = *whose ? ": " : "";

	if (iscsip_offer_check(o, &key) == 0)
		return;
	if (!key)
		die("%s%sthe offer is not of this library's version", whose, between);
	if (strcmp(key, "FirstBurstLength") == 0)
		usage_error("%s%s--set: FirstBurstLength=%" PRIu32 " is more than MaxBurstLength=%" PRIu32 ": set both", whose, between,
			    o->first_burst_length, o->max_burst_length);
	if (strcmp(key, "TaskReporting") == 0)
		usage_error("%s%s--set: TaskReporting has to list RFC3720 and ResponseFence where it lists more than RFC3720", whose,
			    between);
	if (strcmp(key, "AuthMethod") == 0)
		usage_error("%s%s--set: AuthMethod cannot have None where the peer has to prove itself (--auth)", whose, between);
	usage_error("%s%s--set: the values for %s do not fit the others", whose, between, key);
}
