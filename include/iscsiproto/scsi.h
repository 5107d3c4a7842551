/* SPDX-License-Identifier: MIT */
/**
 * @file scsi.h
 * @brief Facts of SCSI that both ends need: status and sense codes, sense data, LUN forms, CDBs, names of ports.
 *
 * Everything here is a pure function of its arguments: it keeps no state and knows no transport.
 * Clauses cited are those of SAM-5 (r21), SPC-4 (r37) and SBC-3 (r36).
 */
#ifndef ISCSIPROTO_SCSI_H
#define ISCSIPROTO_SCSI_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** @brief Status byte of a command, SAM-5 5.3. */
enum iscsip_scsi_status {
	ISCSIP_STATUS_GOOD = 0x00,                 /**< Done. */
	ISCSIP_STATUS_CHECK_CONDITION = 0x02,      /**< Sense data says what happened. */
	ISCSIP_STATUS_CONDITION_MET = 0x04,        /**< PRE-FETCH: the blocks fit in the cache. */
	ISCSIP_STATUS_BUSY = 0x08,                 /**< Try again later. */
	ISCSIP_STATUS_RESERVATION_CONFLICT = 0x18, /**< Reserved by another nexus. */
	ISCSIP_STATUS_TASK_SET_FULL = 0x28,        /**< No room for one more command now. */
	ISCSIP_STATUS_ACA_ACTIVE = 0x30,           /**< An auto contingent allegiance stands. */
	ISCSIP_STATUS_TASK_ABORTED = 0x40          /**< Aborted by another nexus (only where TAS is set). */
};

/** @brief Sense keys, SPC-4 4.5.6. */
enum iscsip_sense_key {
	ISCSIP_SENSE_NO_SENSE = 0x0,        /**< Nothing to tell. */
	ISCSIP_SENSE_RECOVERED_ERROR = 0x1, /**< Done, with some help. */
	ISCSIP_SENSE_NOT_READY = 0x2,       /**< The logical unit can not be accessed. */
	ISCSIP_SENSE_MEDIUM_ERROR = 0x3,    /**< A flaw of the medium. */
	ISCSIP_SENSE_HARDWARE_ERROR = 0x4,  /**< A failure that can not be recovered. */
	ISCSIP_SENSE_ILLEGAL_REQUEST = 0x5, /**< The CDB or the parameters are at fault. */
	ISCSIP_SENSE_UNIT_ATTENTION = 0x6,  /**< Something changed that the initiator has to know. */
	ISCSIP_SENSE_DATA_PROTECT = 0x7,    /**< The blocks are protected. */
	ISCSIP_SENSE_BLANK_CHECK = 0x8,     /**< Blank medium. */
	ISCSIP_SENSE_VENDOR_SPECIFIC = 0x9, /**< The vendor's own. */
	ISCSIP_SENSE_COPY_ABORTED = 0xa,    /**< EXTENDED COPY was ended by an error at a source or destination. */
	ISCSIP_SENSE_ABORTED_COMMAND = 0xb, /**< The device server gave the command up. */
	ISCSIP_SENSE_VOLUME_OVERFLOW = 0xd, /**< Data left in the buffer. */
	ISCSIP_SENSE_MISCOMPARE = 0xe,      /**< The data differ from the medium. */
	ISCSIP_SENSE_COMPLETED = 0xf        /**< Only a report that the command is complete. */
};

/** @brief Additional sense codes with their qualifiers, as one number: code << 8 | qualifier (SPC-4 4.5.6, annex F.2). */
enum iscsip_asc {
	ISCSIP_ASC_NONE = 0x0000,                         /**< No additional sense information. */
	ISCSIP_ASC_OPERATION_IN_PROGRESS = 0x0016,        /**< Operation in progress. */
	ISCSIP_ASC_NOT_READY = 0x0400,                    /**< Not ready, cause not reportable. */
	ISCSIP_ASC_BECOMING_READY = 0x0401,               /**< In process of becoming ready. */
	ISCSIP_ASC_INITIALIZING_REQUIRED = 0x0402,        /**< START STOP UNIT with START is required. */
	ISCSIP_ASC_FORMAT_IN_PROGRESS = 0x0404,           /**< Format in progress. */
	ISCSIP_ASC_ALUA_TRANSITION = 0x040a,              /**< Asymmetric access state transition. */
	ISCSIP_ASC_ALUA_STANDBY = 0x040b,                 /**< Target port in standby state. */
	ISCSIP_ASC_ALUA_UNAVAILABLE = 0x040c,             /**< Target port in unavailable state. */
	ISCSIP_ASC_ALUA_OFFLINE = 0x0412,                 /**< Logical unit offline. */
	ISCSIP_ASC_SANITIZE_IN_PROGRESS = 0x041b,         /**< Sanitize in progress. */
	ISCSIP_ASC_LUN_NOT_RESPONDING = 0x0500,           /**< Logical unit does not respond to selection. */
	ISCSIP_ASC_UNREACHABLE_COPY_TARGET = 0x0804,      /**< Unreachable copy target. */
	ISCSIP_ASC_THIRD_PARTY_FAILURE = 0x0d01,          /**< Third party device failure. */
	ISCSIP_ASC_COPY_TARGET_UNREACHABLE = 0x0d02,      /**< Copy target device not reachable. */
	ISCSIP_ASC_COPY_TARGET_TYPE = 0x0d03,             /**< Incorrect copy target device type. */
	ISCSIP_ASC_COPY_UNDERRUN = 0x0d04,                /**< Copy target device data underrun. */
	ISCSIP_ASC_WRITE_ERROR = 0x0c00,                  /**< Write error. */
	ISCSIP_ASC_INVALID_FIELD_IN_UNIT = 0x0e03,        /**< Invalid field in command information unit. */
	ISCSIP_ASC_READ_ERROR = 0x1100,                   /**< Unrecovered read error. */
	ISCSIP_ASC_PARAMETER_LIST_LENGTH = 0x1a00,        /**< Parameter list length error. */
	ISCSIP_ASC_MISCOMPARE = 0x1d00,                   /**< Miscompare during verify operation. */
	ISCSIP_ASC_INVALID_OPCODE = 0x2000,               /**< Invalid command operation code. */
	ISCSIP_ASC_LBA_OUT_OF_RANGE = 0x2100,             /**< Logical block address out of range. */
	ISCSIP_ASC_INVALID_FIELD_IN_CDB = 0x2400,         /**< Invalid field in CDB. */
	ISCSIP_ASC_LUN_NOT_SUPPORTED = 0x2500,            /**< Logical unit not supported. */
	ISCSIP_ASC_INVALID_FIELD_IN_PARAMETERS = 0x2600,  /**< Invalid field in parameter list. */
	ISCSIP_ASC_PARAMETER_NOT_SUPPORTED = 0x2601,      /**< Parameter not supported. */
	ISCSIP_ASC_PARAMETER_VALUE = 0x2602,              /**< Parameter value invalid. */
	ISCSIP_ASC_INVALID_RELEASE = 0x2604,              /**< Invalid release of persistent reservation. */
	ISCSIP_ASC_TOO_MANY_CSCDS = 0x2606,               /**< Too many target descriptors (of EXTENDED COPY). */
	ISCSIP_ASC_CSCD_TYPE = 0x2607,                    /**< Unsupported target descriptor type code. */
	ISCSIP_ASC_TOO_MANY_SEGMENTS = 0x2608,            /**< Too many segment descriptors. */
	ISCSIP_ASC_SEGMENT_TYPE = 0x2609,                 /**< Unsupported segment descriptor type code. */
	ISCSIP_ASC_INLINE_DATA_LENGTH = 0x260b,           /**< Inline data length exceeded. */
	ISCSIP_ASC_COPY_OPERATION = 0x260c,               /**< Invalid operation for copy source or destination. */
	ISCSIP_ASC_WRITE_PROTECTED = 0x2700,              /**< Write protected. */
	ISCSIP_ASC_SOFTWARE_WRITE_PROTECTED = 0x2702,     /**< Logical unit software write protected (SWP). */
	ISCSIP_ASC_SPACE_ALLOCATION_FAILED = 0x2707,      /**< Space allocation failed write protect. */
	ISCSIP_ASC_MEDIUM_CHANGED = 0x2800,               /**< Not ready to ready change, medium may have changed. */
	ISCSIP_ASC_POWER_ON = 0x2900,                     /**< Power on, reset, or bus device reset occurred. */
	ISCSIP_ASC_DEVICE_RESET = 0x2903,                 /**< Bus device reset function occurred. */
	ISCSIP_ASC_NEXUS_LOSS = 0x2907,                   /**< I_T nexus loss occurred. */
	ISCSIP_ASC_MODE_PARAMETERS_CHANGED = 0x2a01,      /**< Mode parameters changed. */
	ISCSIP_ASC_RESERVATIONS_PREEMPTED = 0x2a03,       /**< Reservations preempted. */
	ISCSIP_ASC_RESERVATIONS_RELEASED = 0x2a04,        /**< Reservations released. */
	ISCSIP_ASC_REGISTRATIONS_PREEMPTED = 0x2a05,      /**< Registrations preempted. */
	ISCSIP_ASC_ALUA_STATE_CHANGED = 0x2a06,           /**< Asymmetric access state changed. */
	ISCSIP_ASC_ALUA_TRANSITION_FAILED = 0x2a07,       /**< Implicit asymmetric access state transition failed. */
	ISCSIP_ASC_CAPACITY_CHANGED = 0x2a09,             /**< Capacity data has changed. */
	ISCSIP_ASC_SEQUENCE_ERROR = 0x2c00,               /**< Command sequence error. */
	ISCSIP_ASC_SET_PORT_GROUPS_FAILED = 0x670a,       /**< Set target port groups command failed. */
	ISCSIP_ASC_COMMANDS_CLEARED = 0x2f00,             /**< Commands cleared by another initiator. */
	ISCSIP_ASC_SANITIZE_FAILED = 0x3103,              /**< Sanitize command failed. */
	ISCSIP_ASC_THRESHOLD_REACHED = 0x3807,            /**< Thin provisioning soft threshold reached. */
	ISCSIP_ASC_SAVING_NOT_SUPPORTED = 0x3900,         /**< Saving parameters not supported. */
	ISCSIP_ASC_MEDIUM_NOT_PRESENT = 0x3a00,           /**< Medium not present. */
	ISCSIP_ASC_MEDIUM_NOT_PRESENT_LOADABLE = 0x3a03,  /**< Medium not present, loadable. */
	ISCSIP_ASC_LUN_FAILURE = 0x3e01,                  /**< Logical unit failure. */
	ISCSIP_ASC_INQUIRY_DATA_CHANGED = 0x3f03,         /**< Inquiry data has changed. */
	ISCSIP_ASC_REPORTED_LUNS_CHANGED = 0x3f0e,        /**< Reported LUNs data has changed. */
	ISCSIP_ASC_INTERNAL_FAILURE = 0x4400,             /**< Internal target failure. */
	ISCSIP_ASC_INVALID_MESSAGE = 0x4900,              /**< Invalid message error: a task attribute that is not allowed. */
	ISCSIP_ASC_OVERLAPPED_COMMANDS = 0x4e00,          /**< Overlapped commands attempted. */
	ISCSIP_ASC_REMOVAL_PREVENTED = 0x5302,            /**< Medium removal prevented. */
	ISCSIP_ASC_INSUFFICIENT_RESOURCES = 0x5503,       /**< Insufficient resources. */
	ISCSIP_ASC_INSUFFICIENT_REGISTRATIONS = 0x5504    /**< Insufficient registration resources. */
};

/** @brief Operation codes that this library names (SPC-4 annex F.3, SBC-3 clause 5). */
enum iscsip_scsi_opcode {
	ISCSIP_SCSI_TEST_UNIT_READY = 0x00,      /**< TEST UNIT READY */
	ISCSIP_SCSI_REQUEST_SENSE = 0x03,        /**< REQUEST SENSE */
	ISCSIP_SCSI_FORMAT_UNIT = 0x04,          /**< FORMAT UNIT */
	ISCSIP_SCSI_READ_6 = 0x08,               /**< READ(6) */
	ISCSIP_SCSI_WRITE_6 = 0x0a,              /**< WRITE(6) */
	ISCSIP_SCSI_INQUIRY = 0x12,              /**< INQUIRY */
	ISCSIP_SCSI_MODE_SELECT_6 = 0x15,        /**< MODE SELECT(6) */
	ISCSIP_SCSI_RESERVE_6 = 0x16,            /**< RESERVE(6) (SPC-2) */
	ISCSIP_SCSI_RELEASE_6 = 0x17,            /**< RELEASE(6) (SPC-2) */
	ISCSIP_SCSI_MODE_SENSE_6 = 0x1a,         /**< MODE SENSE(6) */
	ISCSIP_SCSI_START_STOP_UNIT = 0x1b,      /**< START STOP UNIT */
	ISCSIP_SCSI_PREVENT_ALLOW = 0x1e,        /**< PREVENT ALLOW MEDIUM REMOVAL */
	ISCSIP_SCSI_READ_CAPACITY_10 = 0x25,     /**< READ CAPACITY(10) */
	ISCSIP_SCSI_READ_10 = 0x28,              /**< READ(10) */
	ISCSIP_SCSI_WRITE_10 = 0x2a,             /**< WRITE(10) */
	ISCSIP_SCSI_WRITE_AND_VERIFY_10 = 0x2e,  /**< WRITE AND VERIFY(10) */
	ISCSIP_SCSI_VERIFY_10 = 0x2f,            /**< VERIFY(10) */
	ISCSIP_SCSI_PRE_FETCH_10 = 0x34,         /**< PRE-FETCH(10) */
	ISCSIP_SCSI_SYNCHRONIZE_CACHE_10 = 0x35, /**< SYNCHRONIZE CACHE(10) */
	ISCSIP_SCSI_READ_DEFECT_DATA_10 = 0x37,  /**< READ DEFECT DATA(10) */
	ISCSIP_SCSI_WRITE_BUFFER = 0x3b,         /**< WRITE BUFFER */
	ISCSIP_SCSI_READ_BUFFER = 0x3c,          /**< READ BUFFER */
	ISCSIP_SCSI_WRITE_SAME_10 = 0x41,        /**< WRITE SAME(10) */
	ISCSIP_SCSI_UNMAP = 0x42,                /**< UNMAP */
	ISCSIP_SCSI_SANITIZE = 0x48,             /**< SANITIZE */
	ISCSIP_SCSI_LOG_SENSE = 0x4d,            /**< LOG SENSE */
	ISCSIP_SCSI_MODE_SELECT_10 = 0x55,       /**< MODE SELECT(10) */
	ISCSIP_SCSI_RESERVE_10 = 0x56,           /**< RESERVE(10) (SPC-2) */
	ISCSIP_SCSI_RELEASE_10 = 0x57,           /**< RELEASE(10) (SPC-2) */
	ISCSIP_SCSI_MODE_SENSE_10 = 0x5a,        /**< MODE SENSE(10) */
	ISCSIP_SCSI_PERSISTENT_RESERVE_IN = 0x5e, /**< PERSISTENT RESERVE IN */
	ISCSIP_SCSI_PERSISTENT_RESERVE_OUT = 0x5f, /**< PERSISTENT RESERVE OUT */
	ISCSIP_SCSI_VARIABLE_LENGTH = 0x7f,      /**< Variable length CDB (SPC-4 4.2.3) */
	ISCSIP_SCSI_EXTENDED_COPY = 0x83,        /**< EXTENDED COPY and its kin */
	ISCSIP_SCSI_RECEIVE_COPY_RESULTS = 0x84, /**< RECEIVE COPY RESULTS and its kin */
	ISCSIP_SCSI_READ_16 = 0x88,              /**< READ(16) */
	ISCSIP_SCSI_COMPARE_AND_WRITE = 0x89,    /**< COMPARE AND WRITE */
	ISCSIP_SCSI_WRITE_16 = 0x8a,             /**< WRITE(16) */
	ISCSIP_SCSI_ORWRITE_16 = 0x8b,           /**< ORWRITE(16) */
	ISCSIP_SCSI_WRITE_AND_VERIFY_16 = 0x8e,  /**< WRITE AND VERIFY(16) */
	ISCSIP_SCSI_VERIFY_16 = 0x8f,            /**< VERIFY(16) */
	ISCSIP_SCSI_PRE_FETCH_16 = 0x90,         /**< PRE-FETCH(16) */
	ISCSIP_SCSI_SYNCHRONIZE_CACHE_16 = 0x91, /**< SYNCHRONIZE CACHE(16) */
	ISCSIP_SCSI_WRITE_SAME_16 = 0x93,        /**< WRITE SAME(16) */
	ISCSIP_SCSI_WRITE_ATOMIC_16 = 0x9c,      /**< WRITE ATOMIC(16) (SBC-4) */
	ISCSIP_SCSI_SERVICE_ACTION_IN_16 = 0x9e, /**< READ CAPACITY(16), GET LBA STATUS */
	ISCSIP_SCSI_REPORT_LUNS = 0xa0,          /**< REPORT LUNS */
	ISCSIP_SCSI_MAINTENANCE_IN = 0xa3,       /**< REPORT TARGET PORT GROUPS, REPORT SUPPORTED OPERATION CODES ... */
	ISCSIP_SCSI_MAINTENANCE_OUT = 0xa4,      /**< SET TARGET PORT GROUPS ... */
	ISCSIP_SCSI_READ_12 = 0xa8,              /**< READ(12) */
	ISCSIP_SCSI_WRITE_12 = 0xaa,             /**< WRITE(12) */
	ISCSIP_SCSI_WRITE_AND_VERIFY_12 = 0xae,  /**< WRITE AND VERIFY(12) */
	ISCSIP_SCSI_VERIFY_12 = 0xaf,            /**< VERIFY(12) */
	ISCSIP_SCSI_READ_DEFECT_DATA_12 = 0xb7   /**< READ DEFECT DATA(12) */
};

/** @brief Asymmetric access states, SPC-4 6.36 table 295. */
enum iscsip_alua_state {
	ISCSIP_ALUA_OPTIMIZED = 0x0,     /**< Active/optimized. */
	ISCSIP_ALUA_NON_OPTIMIZED = 0x1, /**< Active/non-optimized. */
	ISCSIP_ALUA_STANDBY = 0x2,       /**< Standby: few commands. */
	ISCSIP_ALUA_UNAVAILABLE = 0x3,   /**< Unavailable: fewer commands. */
	ISCSIP_ALUA_OFFLINE = 0xe,       /**< Offline: not reachable through this group. */
	ISCSIP_ALUA_TRANSITIONING = 0xf  /**< On its way between two states. */
};

/* --- sense data ----------------------------------------------------------------------------------------- */

#define ISCSIP_SENSE_MAX 64u /**< Bytes that iscsip_sense_encode() writes at most. */

/** @brief Sense data as a value (SPC-4 4.5). Zero it, then fill in what applies. */
struct iscsip_sense {
	uint8_t key;       /**< An #iscsip_sense_key. */
	bool deferred;     /**< About an earlier command (response codes 71h, 73h). */
	uint16_t asc;      /**< An #iscsip_asc, or any code << 8 | qualifier. */
	bool info_valid;   /**< Whether `info` means something. */
	bool csi_valid;    /**< Whether `csi` means something. */
	bool sks_valid;    /**< Whether `sks` means something (SKSV). */
	uint8_t bits;      /**< FILEMARK 80h, EOM 40h, ILI 20h. */
	uint64_t info;     /**< INFORMATION: mostly an LBA or an offset. */
	uint64_t csi;      /**< COMMAND-SPECIFIC INFORMATION. */
	uint8_t sks[3];    /**< Sense key specific bytes, without care for bit 7 of the first. */
};

/** @brief In `sks[0]` of a field pointer: the fault is in the CDB, not in the parameter list (C/D, SPC-4 4.5.2.4.2). */
#define ISCSIP_SKS_IN_CDB 0x40u
/** @brief In `sks[0]` of a field pointer: the low three bits name a bit (BPV). */
#define ISCSIP_SKS_BIT_VALID 0x08u

/**
 * @brief Writes sense data.
 *
 * Fixed format cuts INFORMATION and COMMAND-SPECIFIC INFORMATION to 32 bits; where INFORMATION does not fit,
 * VALID stays 0 (SPC-4 4.5.3).
 * @param[in] s what to tell. @param[in] descriptor descriptor format (72h) instead of fixed (70h).
 * @param[out] dst memory. @param[in] cap its bytes; #ISCSIP_SENSE_MAX always suffices.
 * @return Bytes written: 18 for fixed format, 8 and more for descriptor format, cut at @p cap.
 */
ISCSIP_API size_t iscsip_sense_encode(const struct iscsip_sense *s, bool descriptor, void *dst, size_t cap);

/**
 * @brief Reads sense data of either format, as far as the bytes reach.
 * @param[in] p sense bytes from the peer, of any content. @param[in] n how many.
 * @param[out] s what they say.
 * @retval ISCSIP_OK understood. @retval ISCSIP_EINVAL no sense data: empty, or a response code that is not 70h to 73h.
 */
ISCSIP_API int iscsip_sense_decode(const void *p, size_t n, struct iscsip_sense *s);

/**
 * @brief One line for a person: key, code, what was wrong and where.
 * @param[in] s the sense data. @param[out] dst text, ended by a NUL when @p cap > 0. @param[in] cap bytes at @p dst.
 * @return The length of the whole text without its NUL, also where it was cut.
 */
ISCSIP_API int iscsip_sense_format(const struct iscsip_sense *s, char *dst, size_t cap);

/** @brief Words for a status byte. @param[in] status SAM status. @return A constant string, never NULL. */
ISCSIP_API const char *iscsip_scsi_status_text(uint8_t status);

/** @brief Words for a sense key. @param[in] key 0 to 15. @return A constant string, never NULL. */
ISCSIP_API const char *iscsip_sense_key_text(uint8_t key);

/** @brief Words for an additional sense code. @param[in] asc code << 8 | qualifier. @return A constant string, or NULL. */
ISCSIP_API const char *iscsip_asc_text(uint16_t asc);

/** @brief Name of an operation code. @param[in] opcode first byte of a CDB. @return A constant string, or NULL. */
ISCSIP_API const char *iscsip_opcode_text(uint8_t opcode);

/* --- logical unit numbers ------------------------------------------------------------------------------- */

#define ISCSIP_LUN_NONE 0xffffffffu              /**< No logical unit that this library knows has this number. */
#define ISCSIP_LUN_REPORT_LUNS 0x80000001u       /**< The REPORT LUNS well-known logical unit (LUN C101h, SPC-4 8.2). */
#define ISCSIP_LUN_MAX 0x00ffffffu               /**< Highest number: extended flat space, 24 bits. */

/**
 * @brief The number that a LUN in any of its single-level forms means.
 *
 * Peripheral device addressing on bus 0, flat space, extended flat space of 3 bytes, and the well-known logical unit
 * (SAM-5 4.7.7). A LUN with anything at its lower levels, or of another form, leads nowhere.
 * @param[in] lun the 8 bytes as one big-endian number.
 * @return 0 to #ISCSIP_LUN_MAX, #ISCSIP_LUN_REPORT_LUNS, or #ISCSIP_LUN_NONE.
 */
ISCSIP_API uint32_t iscsip_lun_decode(uint64_t lun);

/**
 * @brief The shortest form of a LUN: peripheral up to 255, flat up to 16383, else extended flat.
 * @param[in] number 0 to #ISCSIP_LUN_MAX, or #ISCSIP_LUN_REPORT_LUNS.
 * @return The 8 bytes as one big-endian number.
 */
ISCSIP_API uint64_t iscsip_lun_encode(uint32_t number);

/* --- command descriptor blocks -------------------------------------------------------------------------- */

/**
 * @brief Length of a CDB by its operation code (SPC-4 4.2.5.1).
 * @param[in] cdb first byte, and 7 more where it is 7Fh. @param[in] avail bytes at @p cdb.
 * @return 6, 10, 12, 16, the length of a variable-length CDB, or 0 where nothing defines it.
 */
ISCSIP_API size_t iscsip_cdb_length(const uint8_t *cdb, size_t avail);

/** @brief What iscsip_cdb_rw() makes. */
enum iscsip_cdb_rw {
	ISCSIP_CDB_READ,              /**< READ. */
	ISCSIP_CDB_WRITE,             /**< WRITE. */
	ISCSIP_CDB_VERIFY,            /**< VERIFY, of the medium alone. */
	ISCSIP_CDB_SYNCHRONIZE_CACHE, /**< SYNCHRONIZE CACHE. */
	ISCSIP_CDB_WRITE_SAME         /**< WRITE SAME, of one block. */
};

#define ISCSIP_CDB_FUA 0x08u /**< Byte 1 of READ and WRITE: force unit access. */
#define ISCSIP_CDB_DPO 0x10u /**< Byte 1 of READ, WRITE and VERIFY: disable page out. */

/**
 * @brief Makes a CDB of the 10-byte form where LBA and count fit, else of the 16-byte form.
 * @param[out] cdb 16 bytes; what the CDB does not use is zero. @param[in] what which command.
 * @param[in] lba first block. @param[in] blocks number of blocks. @param[in] flags bits for byte 1.
 * @return 10 or 16.
 */
ISCSIP_API size_t iscsip_cdb_rw(uint8_t cdb[16], enum iscsip_cdb_rw what, uint64_t lba, uint32_t blocks, uint8_t flags);

/** @brief TEST UNIT READY. @param[out] cdb 16 bytes. @return 6. */
ISCSIP_API size_t iscsip_cdb_test_unit_ready(uint8_t cdb[16]);

/**
 * @brief INQUIRY. @param[out] cdb 16 bytes. @param[in] vpd_page a VPD page, or -1 for standard data.
 * @param[in] alloc allocation length. @return 6.
 */
ISCSIP_API size_t iscsip_cdb_inquiry(uint8_t cdb[16], int vpd_page, uint16_t alloc);

/** @brief READ CAPACITY(10). @param[out] cdb 16 bytes. @return 10; 8 bytes come back. */
ISCSIP_API size_t iscsip_cdb_read_capacity_10(uint8_t cdb[16]);

/** @brief READ CAPACITY(16). @param[out] cdb 16 bytes. @param[in] alloc allocation length. @return 16; 32 bytes come back. */
ISCSIP_API size_t iscsip_cdb_read_capacity_16(uint8_t cdb[16], uint32_t alloc);

/** @brief REPORT LUNS, of all logical units but the well-known ones. @param[out] cdb 16 bytes.
 *  @param[in] alloc allocation length, 16 or more. @return 12. */
ISCSIP_API size_t iscsip_cdb_report_luns(uint8_t cdb[16], uint32_t alloc);

/* --- names of ports and units --------------------------------------------------------------------------- */

#define ISCSIP_TRANSPORT_ID_MAX 252u /**< Longest TransportID of an iSCSI initiator port, bytes. */

/**
 * @brief TransportID of an iSCSI initiator port (SPC-4 7.6.4.6, format 01b: name, ",i,0x", ISID).
 * @param[out] dst the TransportID. @param[in] cap bytes at @p dst; #ISCSIP_TRANSPORT_ID_MAX always suffices.
 * @param[in] name iSCSI name of the initiator, NUL-ended, 223 bytes at most.
 * @param[in] isid its ISID, or NULL for format 00b, the node alone.
 * @return Its length, a multiple of 4 (24 or more), or 0 where it does not fit or the name is empty or too long.
 */
ISCSIP_API size_t iscsip_transport_id_iscsi(void *dst, size_t cap, const char *name, const uint8_t isid[6]);

/**
 * @brief Length of the TransportID at the beginning of @p p, checked for its form.
 * @param[in] p bytes of any content. @param[in] n how many.
 * @return Its length, or 0 where it is cut, not of iSCSI nor of the 24-byte form, or its name is not NUL-ended.
 */
ISCSIP_API size_t iscsip_transport_id_length(const void *p, size_t n);

/** @brief Association of a designator, SPC-4 7.8.6 table 529. */
enum iscsip_association {
	ISCSIP_ASSOC_LUN = 0,   /**< The logical unit. */
	ISCSIP_ASSOC_PORT = 1,  /**< The target port that the command came in by. */
	ISCSIP_ASSOC_DEVICE = 2 /**< The target device. */
};

/** @brief Kind of a designator, SPC-4 7.8.6 table 530. */
enum iscsip_designator_type {
	ISCSIP_DESIGNATOR_VENDOR = 0,     /**< Vendor specific. */
	ISCSIP_DESIGNATOR_T10 = 1,        /**< T10 vendor ID based. */
	ISCSIP_DESIGNATOR_EUI64 = 2,      /**< EUI-64 based. */
	ISCSIP_DESIGNATOR_NAA = 3,        /**< NAA. */
	ISCSIP_DESIGNATOR_PORT = 4,       /**< Relative target port identifier. */
	ISCSIP_DESIGNATOR_PORT_GROUP = 5, /**< Target port group. */
	ISCSIP_DESIGNATOR_LUN_GROUP = 6,  /**< Logical unit group. */
	ISCSIP_DESIGNATOR_MD5 = 7,        /**< MD5 logical unit identifier. */
	ISCSIP_DESIGNATOR_NAME = 8        /**< SCSI name string, UTF-8, NUL-padded to a multiple of 4. */
};

/** @brief A designator as found in the device identification VPD page. */
struct iscsip_designator {
	uint8_t association;  /**< An #iscsip_association. */
	uint8_t type;         /**< An #iscsip_designator_type. */
	uint8_t code_set;     /**< 1 binary, 2 ASCII, 3 UTF-8. */
	uint8_t protocol;     /**< Protocol identifier where PIV is set (5 iSCSI), else 0xff. */
	const uint8_t *value; /**< Its bytes, within the page. */
	uint8_t len;          /**< How many. */
};

/**
 * @brief Walks the designators of a device identification VPD page (83h).
 * @param[in] page the page with its 4-byte head, of any content. @param[in] n its bytes.
 * @param[in,out] pos 0 to begin; where to go on. @param[out] d the next designator.
 * @return Whether there was one more.
 */
ISCSIP_API bool iscsip_designator_next(const void *page, size_t n, size_t *pos, struct iscsip_designator *d);

/**
 * @brief Writes one designation descriptor.
 * @param[out] dst where it goes. @param[in] cap bytes there. @param[in] d what to write.
 * @return 4 + `len` rounded up to 4 for SCSI name strings, or 0 where it does not fit.
 */
ISCSIP_API size_t iscsip_designator_put(void *dst, size_t cap, const struct iscsip_designator *d);

#ifdef __cplusplus
}
#endif
#endif
