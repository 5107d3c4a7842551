/* SPDX-License-Identifier: MIT */
/**
 * @file disk.h
 * @brief A SCSI block device (SPC-4, SBC-3) over the host's storage, for any transport that speaks cmd.h.
 *
 * A `struct iscsip_disk` is one SCSI target device: any number of logical units, seen through any number of I_T nexus.
 * iscsip_disk_ops() is the device server to give to the iSCSI or the frame target, with the disk as user pointer.
 * All memory is one block that the host gives (iscsip_disk_size()); one thread at a time works on a disk and on the
 * sessions that use it. Nothing here allocates, waits, or reads a clock.
 *
 *     iscsip_disk_init()         the target device in the host's memory
 *     iscsip_disk_lun_add()      a logical unit over a `struct iscsip_storage_ops`
 *     iscsip_disk_nexus_open()   a session has logged in; its user pointer leads to the nexus
 *     ... commands come through iscsip_disk_ops(), storage answers with iscsip_storage_done() ...
 *     iscsip_disk_nexus_close()  the session is gone
 *
 * Two ways lead to the storage. Where `pin` names memory, reads are sent from it and writes land in it: no copy, no
 * request. Everywhere else data goes through the disk's own buffers and the asynchronous `read` and `write`.
 */
#ifndef ISCSIPROTO_DISK_H
#define ISCSIPROTO_DISK_H

#include "base.h"
#include "cmd.h"
#include "scsi.h"

#ifdef __cplusplus
extern "C" {
#endif

struct iscsip_disk;

/* --- storage: what the host gives ----------------------------------------------------------------------- */

/** @brief What a storage request asks for. */
enum iscsip_storage_op {
	ISCSIP_STORAGE_READ = 1,         /**< Fill `vec` from [offset, offset + len). */
	ISCSIP_STORAGE_WRITE = 2,        /**< Write `vec` to [offset, offset + len). */
	ISCSIP_STORAGE_FLUSH = 3,        /**< Make every write that was answered stable; the range is a hint, len 0 is all. OK vouches
	                                      for them; any other result but BUSY (not tried) fails the unit: see
	                                      iscsip_disk_lun_set_failed(). */
	ISCSIP_STORAGE_UNMAP = 4,        /**< Give the range back; it reads as zeroes afterwards. */
	ISCSIP_STORAGE_WRITE_ZEROES = 5, /**< Make the range read as zeroes, without bytes to write. */
	ISCSIP_STORAGE_LBA_STATUS = 6,   /**< How is the range provisioned from `offset` on: see `provisioning`. */
	ISCSIP_STORAGE_PRE_FETCH = 7,    /**< The range will be read soon. Only a hint. */
	ISCSIP_STORAGE_ERASE = 8,        /**< Make what the whole unit held unreadable at once (cryptographic erase). */
	ISCSIP_STORAGE_COMMIT = 9        /**< Make `vec`, the unit's new state, stable in the place of the one before; len 0: nothing to
	                                      keep any more. `offset`: the number of the state that it replaces, the new one's less 1.
	                                      It takes effect when the answer is OK, and not at all with any other. */
};

#define ISCSIP_STORAGE_FUA 0x01u     /**< WRITE, UNMAP, WRITE_ZEROES: stable before the answer. */
#define ISCSIP_STORAGE_DPO 0x02u     /**< Not likely to be read soon. */
#define ISCSIP_STORAGE_ANCHOR 0x04u  /**< UNMAP: keep the space of the range reserved (SBC-3 4.7.3.5). */
#define ISCSIP_STORAGE_MAY_UNMAP 0x08u /**< WRITE_ZEROES, of the whole unit when it is erased: the space may be given back. */

/** @brief How a range is provisioned, SBC-3 4.7.3. */
enum iscsip_provisioning {
	ISCSIP_PROVISIONING_MAPPED = 0,      /**< It has space (or: nobody knows). */
	ISCSIP_PROVISIONING_DEALLOCATED = 1, /**< It has none and reads as zeroes. */
	ISCSIP_PROVISIONING_ANCHORED = 2     /**< It has space and no data. */
};

/** @brief How a storage request ended. */
enum iscsip_storage_result {
	ISCSIP_STORAGE_OK = 0,        /**< Done. */
	ISCSIP_STORAGE_IO_ERROR = 1,  /**< The medium failed at `error_offset`: MEDIUM ERROR. */
	ISCSIP_STORAGE_NO_SPACE = 2,  /**< No space left for a thin unit: DATA PROTECT, SPACE ALLOCATION FAILED. */
	ISCSIP_STORAGE_READ_ONLY = 3, /**< The backing turned out to be read-only: DATA PROTECT. */
	ISCSIP_STORAGE_HARDWARE = 4,  /**< It will not come back by itself: HARDWARE ERROR. */
	ISCSIP_STORAGE_NOT_READY = 5, /**< Not reachable now: NOT READY. */
	ISCSIP_STORAGE_BUSY = 6,      /**< Out of memory or of queue places: status BUSY. */
	ISCSIP_STORAGE_STALE = 7,     /**< COMMIT: another device stored a state meanwhile, and the host has applied it
	                                   (iscsip_disk_lun_state_apply()) before this answer: the change is judged anew on it. */
	ISCSIP_STORAGE_FENCED = 8     /**< The storage is another device's now: NOT READY, TARGET PORT IN STANDBY STATE. */
};

/**
 * @brief One request to the storage; it belongs to the disk and lives until iscsip_storage_done().
 *
 * Offsets and lengths are in bytes and multiples of the unit's block size (but for COMMIT), and within its capacity.
 */
struct iscsip_storage_req {
	uint8_t op;                    /**< An #iscsip_storage_op. */
	uint8_t flags;                 /**< ISCSIP_STORAGE_ bits. */
	uint8_t provisioning;          /**< LBA_STATUS: the host's answer, an #iscsip_provisioning. */
	uint8_t reserved;              /**< 0. */
	int cnt;                       /**< Pieces at `vec`, 0 for requests without data. */
	const struct iscsip_vec *vec;  /**< Data; `len` bytes in all. */
	uint64_t offset;               /**< First byte. */
	uint64_t len;                  /**< Bytes. LBA_STATUS: the host's answer: how far the status holds, 1 block or more. */
	uint64_t error_offset;         /**< Byte where the medium failed; `offset` at first. */
	void *user[2];                 /**< The host's own (a link of its queue, its handle). */
};

/**
 * @brief The storage of a logical unit. Every function is given the `user` pointer of its unit first.
 *
 * `read` and `write` may be NULL where `pin` always succeeds. The others may be NULL: what is missing is done with
 * the rest, or not offered to initiators at all (see each). Each request is answered by iscsip_storage_done(): inside
 * the call, or at any later time, in any order. No request is called back: a write whose command was aborted is still
 * answered, and until then the disk asks for none of its bytes, so one that is never answered holds them back for ever.
 * Several members may be one function: `op` says what is asked.
 * No function here may call into the disk but for iscsip_storage_done() (and see `commit`).
 */
struct iscsip_storage_ops {
	size_t struct_size; /**< sizeof(struct iscsip_storage_ops) as the host was compiled. */
	/**
	 * Names the memory that is [@p offset, @p offset + @p len) of the unit. It stays there until `unpin`.
	 * @param[in] write whether the range will be overwritten (all of it; its old bytes are not needed).
	 * @param[out] vec pieces from the beginning of the range on. @param[in] max room at @p vec, 1 or more.
	 * @return pieces written to @p vec. They may cover less than @p len for a read, by whole blocks (the disk asks again);
	 *         0: not in memory, use `read` or `write`; negative: minus an #iscsip_storage_result.
	 */
	int (*pin)(void *user, uint64_t offset, uint64_t len, bool write, struct iscsip_vec *vec, int max);
	/** The range of a `pin` is no longer used; where it was for writing, it has its new bytes. NULL: nobody cares. */
	void (*unpin)(void *user, uint64_t offset, uint64_t len, bool write);
	void (*read)(void *user, struct iscsip_storage_req *req);         /**< READ. */
	void (*write)(void *user, struct iscsip_storage_req *req);        /**< WRITE. */
	void (*flush)(void *user, struct iscsip_storage_req *req);        /**< FLUSH. NULL: writes are stable once answered (WCE 0). */
	void (*unmap)(void *user, struct iscsip_storage_req *req);        /**< UNMAP. NULL: thin provisioning is not offered. */
	void (*write_zeroes)(void *user, struct iscsip_storage_req *req); /**< WRITE_ZEROES. NULL: zeroes are written. */
	void (*lba_status)(void *user, struct iscsip_storage_req *req);   /**< LBA_STATUS. NULL: all is mapped. */
	void (*pre_fetch)(void *user, struct iscsip_storage_req *req);    /**< PRE_FETCH. NULL: nothing to do. */
	void (*erase)(void *user, struct iscsip_storage_req *req);        /**< ERASE. NULL: done by writing zeroes. */
	/**
	 * COMMIT, one at a time of each unit. What it keeps is given back when the unit is added again (`saved`). NULL: APTPL is
	 * not offered, nor is SANITIZE (but see ISCSIP_LUN_VOLATILE). From inside, iscsip_disk_lun_state_apply() may be called for
	 * the unit, to answer STALE.
	 */
	void (*commit)(void *user, struct iscsip_storage_req *req);
};

/**
 * @brief The answer to a storage request, in the thread that drives the disk.
 * @param[in] req the request; not to be touched afterwards.
 * @param[in] result how it ended.
 */
ISCSIP_API void iscsip_storage_done(struct iscsip_storage_req *req, enum iscsip_storage_result result);

/* --- the target device ---------------------------------------------------------------------------------- */

/** @brief A target port of the device, for designators and port groups. */
struct iscsip_disk_port {
	uint16_t id;      /**< Relative target port identifier, 1 or more, unique. */
	uint16_t group;   /**< Its target port group. */
	const char *name; /**< SCSI port name, e.g. "iqn.2001-04.com.example:disk,t,0x0001", or NULL. */
};

struct iscsip_disk_ticket;

/** @brief What the disk tells its host. All may be NULL, and the table too. Called in the thread that drives the disk. */
struct iscsip_disk_host {
	size_t struct_size; /**< sizeof(struct iscsip_disk_host) as the host was compiled. */
	/** iscsip_disk_work() has something to do. NULL: long work (SANITIZE, WRITE SAME, ...) is done at once, however long. */
	void (*wake)(void *user);
	/** A unit that was removed is gone for good: its storage is no longer used. */
	void (*lun_gone)(void *user, uint32_t lun, void *lun_user);
	/** An initiator stopped, started, ejected or loaded unit @p lun (START STOP UNIT); it is done already. */
	void (*start_stop)(void *user, uint32_t lun, bool start, bool medium);
	/**
	 * An initiator wants a port group in another state (SET TARGET PORT GROUPS). NULL: explicit ALUA is not offered.
	 * @return ISCSIP_OK: done, the disk takes the state over; anything else: refused.
	 */
	int (*set_port_group)(void *user, uint16_t group, uint8_t state);
	/** A unit attention waits for @p cmd_nexus (a struct iscsip_disk_nexus): reason to send an asynchronous message. */
	void (*attention)(void *user, void *cmd_nexus, uint32_t lun, uint16_t asc);
	/** A state given to iscsip_disk_lun_state_apply() is obeyed: no task that it aborted can reach the medium of @p lun. */
	void (*applied)(void *user, uint32_t lun, struct iscsip_disk_ticket *ticket);
};

/** @brief Named leniencies of a disk; none set is the strict reading of the standards. */
enum iscsip_disk_flag {
	/** The LUN of a command may also stand in bits 7 to 5 of byte 1 of its CDB, where those bits are reserved, if it is the LUN
	 *  that the transport carried: SCSI-2 has it there, and NetBSD's first commands to LUN 1 to 7 still do. */
	ISCSIP_DISK_CDB_LUN = 1u << 0
};

/** @brief How much of everything, and who the device is. Fill with iscsip_disk_config_init(), then change. */
struct iscsip_disk_config {
	size_t struct_size;          /**< Set by iscsip_disk_config_init(). */
	uint16_t max_luns;           /**< Logical units at once, 1 to 4096. Default 8. */
	uint16_t max_nexuses;        /**< I_T nexus at once, 1 to 16384. Default 16. */
	uint16_t max_commands;       /**< Commands in all task sets, 1 to 16384; more get TASK SET FULL or BUSY, and so does an
	                                  initiator that has more of them than it leaves to others (alone: half). Default 128. */
	uint16_t max_registrations;  /**< Persistent reservation keys over all units, 0 to 4096. Default 64. */
	uint16_t max_pieces;         /**< Memory pieces of one command, 2 to 1024. Default 32. */
	uint16_t transport_id_max;   /**< Longest TransportID, 24 to 252 bytes. Default 252. */
	uint32_t max_lun;            /**< Highest LUN, 0 to 16383. Default 255. */
	uint32_t buffer_size;        /**< Bytes of one data buffer, a power of two, 4096 to 1 MiB. Default 32 KiB. */
	uint32_t buffer_count;       /**< Data buffers, 2 or more. Default 64. An initiator gets as many as it leaves to others (alone:
	                                  half of them), and so does a command. Units with `pin` need them for parameters, for data
	                                  under a digest, and for commands that come before their turn. */
	uint32_t buffer_align;       /**< Alignment of buffers, a power of two, 16 to 65536. Default 64. */
	uint32_t flags;              /**< #iscsip_disk_flag bits. Default 0. */
	uint8_t protocol;            /**< Protocol identifier of the ports, SPC-4 7.6.1. Default 5, iSCSI. */
	uint16_t port_count;         /**< Entries at `ports`, 0 to 256: none is one unnamed port 1 in group 1. */
	const struct iscsip_disk_port *ports; /**< Target ports; must live as long as the disk. */
	const char *name;            /**< SCSI device name (the iSCSI target name), or NULL; must live as long as the disk. */
	const struct iscsip_disk_host *host;  /**< The host's callbacks, or NULL; must live as long as the disk. */
	void *user;                  /**< Given to the callbacks of `host`. */
};

/**
 * @brief Fills in the defaults.
 * @param[out] cfg what to fill. @param[in] struct_size sizeof *cfg as the host was compiled.
 */
ISCSIP_API void iscsip_disk_config_init(struct iscsip_disk_config *cfg, size_t struct_size);

/**
 * @brief Bytes that a disk of this configuration needs: the code of iscsip_disk_init() without memory.
 * @param[in] cfg the configuration.
 * @return The bytes, or 0 where a member is out of its range.
 */
ISCSIP_API size_t iscsip_disk_size(const struct iscsip_disk_config *cfg);

/**
 * @brief Makes a disk in the host's memory.
 * @param[out] out the disk. @param[in] mem memory of any alignment, kept until nobody uses the disk any more.
 * @param[in] len its bytes. @param[in] cfg copied, but for what its pointers lead to.
 * @retval ISCSIP_OK made. @retval ISCSIP_EINVAL the configuration is out of range.
 * @retval ISCSIP_ENOSPC less than iscsip_disk_size().
 */
ISCSIP_API int iscsip_disk_init(struct iscsip_disk **out, void *mem, size_t len, const struct iscsip_disk_config *cfg);

/** @brief The device server for a target role; its user pointer is the struct iscsip_disk. @return A constant table. */
ISCSIP_API const struct iscsip_device_ops *iscsip_disk_ops(void);

/**
 * @brief Whether anything of the disk is in use: commands, storage requests, background work.
 * @param[in] disk the disk. @return false: its memory may go.
 */
ISCSIP_API bool iscsip_disk_busy(const struct iscsip_disk *disk);

/**
 * @brief Does one bounded step of long work of each unit (up to 1 MiB written in memory, or one storage request).
 *
 * To be called after `wake`, when the loop has nothing more urgent, until it answers false.
 * @param[in,out] disk the disk. @return Whether more can be done now.
 */
ISCSIP_API bool iscsip_disk_work(struct iscsip_disk *disk);

/* --- logical units -------------------------------------------------------------------------------------- */

#define ISCSIP_LUN_READ_ONLY 0x01u  /**< The medium is write-protected. */
#define ISCSIP_LUN_THIN 0x02u       /**< Thin provisioned: UNMAP gives space back (needs `unmap`). */
#define ISCSIP_LUN_ANCHOR 0x04u     /**< `unmap` understands ISCSIP_STORAGE_ANCHOR. */
#define ISCSIP_LUN_REMOVABLE 0x08u  /**< The medium can be ejected (RMB). */
#define ISCSIP_LUN_NO_MEDIUM 0x10u  /**< Begins without medium (needs ISCSIP_LUN_REMOVABLE). */
#define ISCSIP_LUN_NO_SANITIZE 0x20u /**< SANITIZE and FORMAT UNIT are not offered. (SANITIZE needs `commit` as well, or
                                          ISCSIP_LUN_VOLATILE: one that came to no good end must not be forgotten.) */
#define ISCSIP_LUN_COMMIT_ALL 0x40u /**< Every change of the state is committed, not only what initiators want kept (APTPL): for
                                         units that several devices serve (needs `commit`). */
#define ISCSIP_LUN_VOLATILE 0x80u   /**< What the unit holds goes with the disk (memory): nothing of its state need be kept. */

/** @brief A logical unit. Zero it, set `struct_size`, `blocks`, `ops`, and what else applies; 0 and NULL are defaults. */
struct iscsip_disk_lun_config {
	size_t struct_size;        /**< sizeof(struct iscsip_disk_lun_config) as the host was compiled. */
	uint64_t blocks;           /**< Capacity in logical blocks, 1 or more. */
	uint32_t block_size;       /**< Logical block, bytes: 512, 1024, 2048, 4096. Default 512. */
	uint8_t physical_exponent; /**< A physical block is 2^this logical ones, 0 to 15. */
	uint8_t reserved;          /**< 0. */
	uint16_t rotation_rate;    /**< MEDIUM ROTATION RATE: 0 not told, 1 no rotation, else per minute. */
	uint32_t flags;            /**< ISCSIP_LUN_ bits. */
	const char *vendor;        /**< T10 vendor identification, 8 characters at most; copied. Default "ISCSIPRO". */
	const char *product;       /**< Product identification, 16; copied. Default "VIRTUAL-DISK". */
	const char *revision;      /**< Product revision level, 4; copied. Default "0001". */
	const char *serial;        /**< Unit serial number, 32; copied. Default: made of device name and LUN. */
	const uint8_t *naa;        /**< 16 bytes of an NAA 6 designator, or NULL: NAA 3 (locally assigned), made of the serial.
	                                Copied. */
	const void *designators;   /**< More designation descriptors for the page 83h, ready made; must live as long as the unit. */
	uint16_t designators_len;  /**< Their bytes, 1024 at most. */
	uint16_t max_compare;      /**< MAXIMUM COMPARE AND WRITE LENGTH, blocks, 1 to 255. Default: 64 KiB or 255, what is less. */
	uint32_t max_atomic;       /**< MAXIMUM ATOMIC TRANSFER LENGTH, blocks. Default: 1 MiB, or what the buffers hold. */
	uint32_t max_transfer;     /**< MAXIMUM TRANSFER LENGTH, bytes. Default: a quarter of the buffers, but 256 blocks if half of
	                                them hold those. More is possible with `pin`;
	                                a longer WRITE is then answered BUSY where its data cannot wait in buffers (ordered
	                                commands, units with registrations). */
	uint32_t optimal_transfer; /**< OPTIMAL TRANSFER LENGTH, bytes, 0 not told. */
	uint32_t unmap_granularity; /**< OPTIMAL UNMAP GRANULARITY, blocks. Default: 1. */
	uint32_t unmap_alignment;  /**< UNMAP GRANULARITY ALIGNMENT, blocks. */
	uint32_t max_unmap;        /**< MAXIMUM UNMAP LBA COUNT. Default: no limit. */
	uint16_t max_unmap_descriptors; /**< MAXIMUM UNMAP BLOCK DESCRIPTOR COUNT. Default: what a buffer holds. */
	uint64_t max_write_same;   /**< MAXIMUM WRITE SAME LENGTH, blocks. Default: no limit. */
	const struct iscsip_storage_ops *ops; /**< The storage; must live as long as the unit. Required. */
	void *user;                /**< Given to `ops`. */
	const void *saved;         /**< What ISCSIP_STORAGE_COMMIT kept last; read during the call. NULL: it kept nothing, or was told
	                                to forget it. What cannot be read is not nothing: then the unit must not be added. */
	size_t saved_len;          /**< Its bytes, 0 with NULL. */
};

/**
 * @brief Adds a logical unit. Nexus that are open learn of it by REPORTED LUNS DATA HAS CHANGED.
 * @param[in,out] disk the disk. @param[in] lun its number, 0 to `max_lun`.
 * @param[in] cfg the unit; copied but for what is said there.
 * @retval ISCSIP_OK added. @retval ISCSIP_EINVAL a member is out of range. @retval ISCSIP_EBUSY the number is taken (or its
 * unit not yet gone). @retval ISCSIP_EEXIST another unit of the disk has its serial number (with vendor and product), its `naa`, or
 * one of its other designators: initiators would take the two for one (SPC-4 7.8.6), and EXTENDED COPY would write to the
 * wrong one. @retval ISCSIP_EAGAIN no unit is free (`max_luns`), or no room for the registrations of `saved`.
 * @retval ISCSIP_EDATA `saved` is damaged, cut, too long, empty, or of another version: with the reservations in it unknown the
 * unit must not be served, so it stays away.
 */
ISCSIP_API int iscsip_disk_lun_add(struct iscsip_disk *disk, uint32_t lun, const struct iscsip_disk_lun_config *cfg);

/**
 * @brief Removes a logical unit: its commands end with LOGICAL UNIT NOT SUPPORTED, new ones find no unit.
 *
 * A command that storage works for ends when that has answered.
 * @param[in,out] disk the disk. @param[in] lun its number.
 * @retval ISCSIP_DONE gone: its storage is no longer used. @retval ISCSIP_OK `lun_gone` will tell.
 * @retval ISCSIP_ENOENT no such unit.
 */
ISCSIP_API int iscsip_disk_lun_remove(struct iscsip_disk *disk, uint32_t lun);

/**
 * @brief Changes the capacity: CAPACITY DATA HAS CHANGED for every nexus.
 * @param[in,out] disk the disk. @param[in] lun its number. @param[in] blocks new capacity in blocks, 1 or more. To shrink is
 * allowed; commands already accepted may still reach blocks beyond the new end.
 * @retval ISCSIP_OK done. @retval ISCSIP_EINVAL no blocks, or too many. @retval ISCSIP_ENOENT no such unit.
 */
ISCSIP_API int iscsip_disk_lun_resize(struct iscsip_disk *disk, uint32_t lun, uint64_t blocks);

/**
 * @brief Write-protects the medium, or lifts that (SWP of the control mode page is the initiators' own).
 * @param[in,out] disk the disk. @param[in] lun its number. @param[in] on whether.
 * @retval ISCSIP_OK done. @retval ISCSIP_ENOENT no such unit.
 */
ISCSIP_API int iscsip_disk_lun_set_read_only(struct iscsip_disk *disk, uint32_t lun, bool on);

/**
 * @brief Puts a medium in or takes it out (a forced eject: PREVENT ALLOW MEDIUM REMOVAL does not bind the host).
 * @param[in,out] disk the disk. @param[in] lun its number. @param[in] present whether.
 * @retval ISCSIP_OK done. @retval ISCSIP_EINVAL the unit is not removable. @retval ISCSIP_ENOENT no such unit.
 */
ISCSIP_API int iscsip_disk_lun_set_medium(struct iscsip_disk *disk, uint32_t lun, bool present);

/**
 * @brief Says that answered writes of a unit are lost, or that its storage was opened anew.
 *
 * The disk fails a unit by itself when a FLUSH ends with anything but #ISCSIP_STORAGE_OK and #ISCSIP_STORAGE_BUSY, or a
 * request with ISCSIP_STORAGE_FUA with #ISCSIP_STORAGE_IO_ERROR or #ISCSIP_STORAGE_HARDWARE: a system tells such a loss once,
 * and the next flush would end well. While a unit is failed, whatever writes or flushes ends with HARDWARE ERROR, LOGICAL
 * UNIT FAILURE, and the storage is not asked; TEST UNIT READY, INQUIRY and reads (without FUA) go on. Every nexus but the one
 * whose command failed is told by a deferred error, WRITE ERROR. When the unit is no longer failed, every nexus meets POWER ON,
 * RESET, OR BUS DEVICE RESET OCCURRED: what it had not made stable is gone.
 * @param[in,out] disk the disk. @param[in] lun its number. @param[in] on true: failed, as if a flush had failed now (the host
 * learned of it otherwise); false: the storage was opened anew, or repaired, and a flush says the truth again.
 * @retval ISCSIP_OK done, or it was so already. @retval ISCSIP_ENOENT no such unit.
 */
ISCSIP_API int iscsip_disk_lun_set_failed(struct iscsip_disk *disk, uint32_t lun, bool on);

/**
 * @brief Tells how much space a thin unit has: for LOG SENSE, and for the soft threshold that initiators set in the logical
 * block provisioning mode page (THIN PROVISIONING SOFT THRESHOLD REACHED when it is crossed).
 * @param[in,out] disk the disk. @param[in] lun its number.
 * @param[in] available bytes still to be had. @param[in] used bytes in use.
 * @retval ISCSIP_OK done. @retval ISCSIP_ENOENT no such unit.
 */
ISCSIP_API int iscsip_disk_lun_set_space(struct iscsip_disk *disk, uint32_t lun, uint64_t available, uint64_t used);

/**
 * @brief The state of a unit as bytes: persistent reservations and what else outlives a loss of power, wanted or not. RESERVE
 * of SPC-2 is not in it: it ends with its nexus.
 *
 * The bytes are those of ISCSIP_STORAGE_COMMIT and of `saved`: a head with a version, the number of the state, and the cause
 * of the change (service action, keys, port and TransportID of the nexus); the registrations; and a sum.
 * @param[in] disk the disk. @param[in] lun its number. @param[out] dst where it goes. @param[in] cap bytes there.
 * @return The bytes that it has; nothing is written where @p cap is less. 0: no such unit.
 */
ISCSIP_API size_t iscsip_disk_lun_state_get(const struct iscsip_disk *disk, uint32_t lun, void *dst, size_t cap);

/** @brief For iscsip_disk_lun_state_apply(): in the host's memory, its own again when `applied` has told. */
struct iscsip_disk_ticket {
	void *user;    /**< The host's own. */
	uint32_t lun;  /**< The unit. Set by the disk. */
	void *priv[2]; /**< Not the host's business. */
};

/**
 * @brief Takes over the state that another device, which serves the same unit, has stored.
 *
 * It is in force when this returns. Unit attentions and aborts that its cause asks for are those of the nexus here; where states
 * in between were missed (its number is more than one higher), whoever is no longer registered counts as preempted and its tasks
 * are aborted. A state that is not newer than that in force changes nothing. Only for states of others: a commit of this
 * disk's own takes effect by its answer.
 * @param[in,out] disk the disk. @param[in] lun the unit's number.
 * @param[in] state the bytes that the other's ISCSIP_STORAGE_COMMIT had; read during the call. @param[in] len how many.
 * @param[in] ticket to be told by `applied` when what was aborted can no longer reach the medium, or NULL.
 * @retval ISCSIP_DONE in force, and nothing is left to wait for; `applied` is not called.
 * @retval ISCSIP_OK in force; aborted tasks still have storage at work. @retval ISCSIP_ENOENT no such unit.
 * @retval ISCSIP_EINVAL a ticket, but no `applied`. @retval ISCSIP_EDATA the bytes are damaged or of another version.
 * @retval ISCSIP_EAGAIN no room for the registrations.
 */
ISCSIP_API int iscsip_disk_lun_state_apply(struct iscsip_disk *disk, uint32_t lun, const void *state, size_t len,
					   struct iscsip_disk_ticket *ticket);

/** @brief Counters of a unit since it was added. */
struct iscsip_disk_stats {
	uint64_t commands;    /**< Commands executed. */
	uint64_t read_bytes;  /**< Bytes that READ commands gave. */
	uint64_t write_bytes; /**< Bytes that WRITE commands took. */
	uint64_t errors;      /**< Commands that ended with CHECK CONDITION other than UNIT ATTENTION. */
	uint64_t conflicts;   /**< Commands that ended with RESERVATION CONFLICT. */
};

/**
 * @brief Reads the counters.
 * @param[in] disk the disk. @param[in] lun its number. @param[out] out the counters.
 * @retval ISCSIP_OK read. @retval ISCSIP_ENOENT no such unit.
 */
ISCSIP_API int iscsip_disk_lun_stats(const struct iscsip_disk *disk, uint32_t lun, struct iscsip_disk_stats *out);

/**
 * @brief Sets the state of a target port group: ASYMMETRIC ACCESS STATE CHANGED for every nexus.
 * @param[in,out] disk the disk. @param[in] group one of the ports' groups. @param[in] state an #iscsip_alua_state.
 * @retval ISCSIP_OK done. @retval ISCSIP_EINVAL not a state. @retval ISCSIP_ENOENT no such group.
 */
ISCSIP_API int iscsip_disk_set_port_group(struct iscsip_disk *disk, uint16_t group, uint8_t state);

/* --- I_T nexus ------------------------------------------------------------------------------------------ */

/**
 * @brief An I_T nexus, in the host's memory: `nexus` of every command and task management request must lead to it.
 *
 * Give it to the session as user pointer, or make it the first member of what the session's user pointer leads to.
 * It must live until every command of the session has been freed.
 */
struct iscsip_disk_nexus {
	struct iscsip_disk *disk; /**< Its disk; NULL when it is not open. Not to be changed. */
	uint8_t protocol_level;   /**< iSCSIProtocolLevel of its session, for the version descriptor of INQUIRY (RFC 7144 4.2): for
	                               the host to set when it is open; 0, no version is claimed, until then. */
	void *priv[3];            /**< Not the host's business. */
	uint8_t transport_id[ISCSIP_TRANSPORT_ID_MAX]; /**< Of the initiator port. Not to be changed. */
};

/**
 * @brief Opens an I_T nexus. Its first command to each unit meets POWER ON, RESET, OR BUS DEVICE RESET OCCURRED; a
 * registration that the same initiator port left is its own again.
 * @param[in,out] disk the disk. @param[out] nexus the nexus.
 * @param[in] transport_id TransportID of the initiator port (iscsip_transport_id_iscsi()); copied.
 * @param[in] len its bytes, 24 to `transport_id_max`. @param[in] port relative identifier of the target port it came in by.
 * @retval ISCSIP_OK open. @retval ISCSIP_EINVAL a bad TransportID, or no such port. @retval ISCSIP_EAGAIN `max_nexuses` are open.
 */
ISCSIP_API int iscsip_disk_nexus_open(struct iscsip_disk *disk, struct iscsip_disk_nexus *nexus, const void *transport_id,
				      size_t len, uint16_t port);

/**
 * @brief The nexus is lost: its commands are given up, and what it held but persistent reservations is released.
 *
 * The transport aborts the commands (in any order with this call); each is still completed and freed.
 * @param[in,out] nexus an open nexus.
 */
ISCSIP_API void iscsip_disk_nexus_close(struct iscsip_disk_nexus *nexus);

/* --- a disk in memory ----------------------------------------------------------------------------------- */

/**
 * @brief Storage that is a block of memory. Give it as `user` with iscsip_ram_ops().
 *
 * With a bitmap (one bit for each `grain` bytes, zeroed at first where the memory is zero) UNMAP is honoured: the range is
 * zeroed, and GET LBA STATUS tells it. Without, everything counts as mapped and the unit must not be ISCSIP_LUN_THIN.
 */
struct iscsip_ram {
	uint8_t *base;    /**< The memory. */
	uint64_t size;    /**< Its bytes. */
	uint8_t *bitmap;  /**< (size / grain + 7) / 8 bytes, or NULL. */
	uint32_t grain;   /**< Bytes a bit stands for: a power of two, the block size or more. */
	/** Gives zeroed memory back to whom it came from, whole grains (madvise); NULL: the bytes are set to zero. */
	void (*discard)(void *user, uint64_t offset, uint64_t len);
	void *user;       /**< Given to `discard`. */
};

/** @brief The storage of a `struct iscsip_ram`. @return A constant table. */
ISCSIP_API const struct iscsip_storage_ops *iscsip_ram_ops(void);

#ifdef __cplusplus
}
#endif
#endif
