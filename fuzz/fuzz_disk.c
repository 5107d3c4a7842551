/* SPDX-License-Identifier: MIT */
/*
 * The disk against its initiators, its storage and its host at once. The first byte chooses: everything at once, where
 * only the promises of the disk are checked; or one command after the other, compared with a reference. What the bytes mean, and
 * what must hold, is said in tests/unit/disk_world.c.
 */
#include "unit/disk_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 4)
		return 0;
	if (data[0] & 1)
		disk_world_compare(data + 1, size - 1);
	else
		disk_world_play(data + 1, size - 1);
	return 0;
}
