/* SPDX-License-Identifier: MIT */
/*
 * A disk that bytes play with: the same world for the fuzzer (fuzz/fuzz_disk.c) and for the differential test
 * (tests/unit/test_disk_model.c).
 */
#ifndef DISK_WORLD_H
#define DISK_WORLD_H

#include <stddef.h>
#include <stdint.h>

/* Plays @size bytes, everything at once; ends the program (abort) where the disk breaks its word. */
void disk_world_play(const uint8_t *data, size_t size);

/*
 * Reads and writes of few blocks, over storage that answers late and in any order, aborts and logins in between: no write
 * lands over a newer one that was answered, and none is seen in its place.
 */
void disk_world_late(const uint8_t *data, size_t size);

/* Everything, one command after the other, each compared with a reference: status, sense, data and medium. */
void disk_world_compare(const uint8_t *data, size_t size);

#endif
