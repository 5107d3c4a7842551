/* SPDX-License-Identifier: MIT */
/*
 * Logical unit numbers (SAM-5 4.7) between their 8 bytes on the wire and one number. A LUN names a path of up to
 * four levels; this library's devices have one, so every form that says the same single number is taken, and
 * anything below the first level leads nowhere.
 */
#include "iscsiproto/scsi.h"

enum {
	LUN_PERIPHERAL = 0,
	LUN_FLAT = 1,
	LUN_EXTENDED = 3
};

/* Extended flat space of 3 bytes (SAM-5 4.7.7.5.3), and the well-known unit of REPORT LUNS (4.7.7.5.2). */
static uint32_t lun_decode_extended(uint64_t lun)
{
	if (lun == 0xc101000000000000u)
		return ISCSIP_LUN_REPORT_LUNS;
	if (lun >> 56 == 0xd2 && (lun & 0xffffffffu) == 0)
		return (uint32_t)(lun >> 32) & 0xffffffu;
	return ISCSIP_LUN_NONE;
}

uint32_t iscsip_lun_decode(uint64_t lun)
{
	switch (lun >> 62) {
	case LUN_PERIPHERAL:
		return lun & 0xff00ffffffffffffu ? ISCSIP_LUN_NONE : (uint32_t)(lun >> 48);
	case LUN_FLAT:
		return lun & 0x0000ffffffffffffu ? ISCSIP_LUN_NONE : (uint32_t)(lun >> 48) & 0x3fffu;
	case LUN_EXTENDED:
		return lun_decode_extended(lun);
	default:
		return ISCSIP_LUN_NONE;
	}
}

uint64_t iscsip_lun_encode(uint32_t number)
{
	if (number == ISCSIP_LUN_REPORT_LUNS)
		return 0xc101000000000000u;
	if (number <= 0xff)
		return (uint64_t)number << 48;
	if (number <= 0x3fff)
		return (uint64_t)(0x4000u | number) << 48;
	return 0xd200000000000000u | (uint64_t)(number & 0xffffffu) << 32;
}
