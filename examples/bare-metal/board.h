/* SPDX-License-Identifier: MIT */
/*
 * What main.c asks of the board. Only this and startup.c know it: an MPS2 with a Cortex-M3 (AN385), as QEMU has it.
 */
#ifndef BARE_METAL_BOARD_H
#define BARE_METAL_BOARD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <iscsiproto/cmd.h>

#define BOARD_CLOCK 25000000u

/* Milliseconds since the start. */
uint64_t board_now(void);

/* The device behind the target: one logical unit of memory (device.c). */
extern const struct iscsip_device_ops device_ops;

#endif
