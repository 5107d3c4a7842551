/* SPDX-License-Identifier: MIT */
/*
 * Command descriptor blocks: how long one is, and the few that every initiator sends. A CDB is made in 16 bytes of
 * which the unused end is zero, as RFC 7143 11.3.5 wants it; the 10-byte form of a block command is taken whenever
 * LBA and count fit, because every device knows it.
 */
#include "iscsiproto/scsi.h"

#include "base/bytes.h"

size_t iscsip_cdb_length(const uint8_t *cdb, size_t avail)
{
	static const uint8_t by_group[8] = { 6, 10, 10, 0, 16, 12, 0, 0 };

	if (avail == 0)
		return 0;
	if (cdb[0] == ISCSIP_SCSI_VARIABLE_LENGTH)
		return avail < 8 ? 0 : 8u + cdb[7];
	return by_group[cdb[0] >> 5];
}

size_t iscsip_cdb_rw(uint8_t cdb[16], enum iscsip_cdb_rw what, uint64_t lba, uint32_t blocks, uint8_t flags)
{
	static const uint8_t short_form[] = { ISCSIP_SCSI_READ_10, ISCSIP_SCSI_WRITE_10, ISCSIP_SCSI_VERIFY_10,
					      ISCSIP_SCSI_SYNCHRONIZE_CACHE_10, ISCSIP_SCSI_WRITE_SAME_10 };
	static const uint8_t long_form[] = { ISCSIP_SCSI_READ_16, ISCSIP_SCSI_WRITE_16, ISCSIP_SCSI_VERIFY_16,
					     ISCSIP_SCSI_SYNCHRONIZE_CACHE_16, ISCSIP_SCSI_WRITE_SAME_16 };

	memset(cdb, 0, 16);
	cdb[1] = flags;
	if (lba <= UINT32_MAX && blocks <= UINT16_MAX) {
		cdb[0] = short_form[what];
		store_be32(cdb + 2, (uint32_t)lba);
		store_be16(cdb + 7, (uint16_t)blocks);
		return 10;
	}
	cdb[0] = long_form[what];
	store_be64(cdb + 2, lba);
	store_be32(cdb + 10, blocks);
	return 16;
}

size_t iscsip_cdb_test_unit_ready(uint8_t cdb[16])
{
	memset(cdb, 0, 16);
	cdb[0] = ISCSIP_SCSI_TEST_UNIT_READY;
	return 6;
}

size_t iscsip_cdb_inquiry(uint8_t cdb[16], int vpd_page, uint16_t alloc)
{
	memset(cdb, 0, 16);
	cdb[0] = ISCSIP_SCSI_INQUIRY;
	if (vpd_page >= 0) {
		cdb[1] = 1;
		cdb[2] = (uint8_t)vpd_page;
	}
	store_be16(cdb + 3, alloc);
	return 6;
}

size_t iscsip_cdb_read_capacity_10(uint8_t cdb[16])
{
	memset(cdb, 0, 16);
	cdb[0] = ISCSIP_SCSI_READ_CAPACITY_10;
	return 10;
}

size_t iscsip_cdb_read_capacity_16(uint8_t cdb[16], uint32_t alloc)
{
	memset(cdb, 0, 16);
	cdb[0] = ISCSIP_SCSI_SERVICE_ACTION_IN_16;
	cdb[1] = 0x10;
	store_be32(cdb + 10, alloc);
	return 16;
}

size_t iscsip_cdb_report_luns(uint8_t cdb[16], uint32_t alloc)
{
	memset(cdb, 0, 16);
	cdb[0] = ISCSIP_SCSI_REPORT_LUNS;
	store_be32(cdb + 6, alloc);
	return 12;
}
