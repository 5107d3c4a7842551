/* SPDX-License-Identifier: MIT */
/*
 * The version descriptor of iSCSI in standard INQUIRY data (RFC 7144 4.2). The test is named in docs/conformance.tsv.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_rig.h"

/* The one descriptor of the iSCSI range (0960h to 097Fh, SPC-4 annex D); there has to be just one. */
static unsigned told(struct rig *r, int nexus, uint32_t lun)
{
	static const uint8_t cdb[6] = { 0x12, 0, 0, 0, 96 };
	struct rig_cmd *c = rig_run(r, nexus, lun, cdb, 6, NULL, 0, 96);
	unsigned at, found = 0, count = 0;

	assert_good(c);
	assert_int_equal(c->in_done, 96);
	for (at = 58; at < 74; at += 2) {
		unsigned v = (unsigned)c->in[at] << 8 | c->in[at + 1];

		if (v < 0x0960 || v > 0x097f)
			continue;
		found = v;
		count++;
	}
	assert_int_equal(count, 1);
	return found;
}

static void inquiry_tells_the_protocol_level_of_the_session_that_asks(void **state)
{
	struct rig *r = rig_new(RIG_RAM, 0);
	uint8_t level;

	(void)state;
	/* nobody has said which: no version is claimed */
	assert_int_equal(told(r, 0, 0), 0x0960);
	for (level = 0; level < 32; level++) {
		r->nexus[1].protocol_level = level;
		assert_int_equal(told(r, 1, 0), 0x0960u + level);
		assert_int_equal(told(r, 0, 0), 0x0960);
	}
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inquiry_tells_the_protocol_level_of_the_session_that_asks),
	};

	return cmocka_run_group_tests_name("disk: version", tests, NULL, NULL);
}
