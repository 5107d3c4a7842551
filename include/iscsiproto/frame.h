/* SPDX-License-Identifier: MIT */
/**
 * @file frame.h
 * @brief The frame protocol: SCSI over IP with a fixed frame header of 68 bytes, both roles (docs/frame-protocol.md).
 *
 * The first of the source documents: a fixed header with a sync number at both ends, and two exchanges. An initiator
 * (StpI) opens an exchange with NEWC; the target (StpT) answers a read with XFER, status and data, asks for the data of a
 * write with SNDD, and ends everything else with CMPT and status. There is no login: who may connect is the host's choice.
 *
 * One connection is one object in one block of the host's memory. Its doors mean what those of conn.h mean:
 *
 *     n = iscsip_frame_conn_rx_next(c, &stage, vec, 16);    where the next bytes go
 *     left = iscsip_frame_conn_rx_done(c, readv(fd, vec, n), now);
 *     n = iscsip_frame_conn_tx_next(c, vec, 64, now);       what to send now
 *     iscsip_frame_conn_tx_done(c, writev(fd, vec, n), now);
 *
 * A target drives a device server by the same table as the iSCSI target (cmd.h). An initiator submits exchanges that the
 * host owns and gets each of them back once. One thread at a time in a connection; connections share nothing. None of the
 * doors may be called from inside a callback: they answer ISCSIP_ESTATE then, and nothing has happened.
 */
#ifndef ISCSIPROTO_FRAME_H
#define ISCSIPROTO_FRAME_H

#include "base.h"
#include "cmd.h"
#include "config.h"
#include "conn.h"

#ifdef __cplusplus
extern "C" {
#endif

/** @brief Bytes of a frame header on the wire, closing sync included (S0 Fig. 6). */
#define ISCSIP_FRAME_LEN 68u
/** @brief The frame sync number that connections use unless the configuration says otherwise: `STP1`. */
#define ISCSIP_FRAME_SYNC 0x53545031u
/** @brief Type of every frame: `CMDS` (A15). */
#define ISCSIP_FRAME_CMDS 0x434d4453u
/** @brief Event: a new command, from the initiator (A16, A17, A22). */
#define ISCSIP_FRAME_NEWC 0x4e455743u
/** @brief Event: data follows this header; from the target with status, from the initiator for a grant (A30). */
#define ISCSIP_FRAME_XFER 0x58464552u
/** @brief Event: send data, a grant from the target (A24). */
#define ISCSIP_FRAME_SNDD 0x534e4444u
/** @brief Event: completion with status, from the target (A28). */
#define ISCSIP_FRAME_CMPT 0x434d5054u
/** @brief TCP port of the example tools; nothing is registered. */
#define ISCSIP_FRAME_PORT 3261u
/** @brief Bytes of fixed-format sense data that a frame carries in its Responder Buffer. */
#define ISCSIP_FRAME_SENSE_LEN 16u

/** @brief Bits of the Flags field; others are reserved. */
enum iscsip_frame_flag {
	ISCSIP_FRAME_READ = 0x0001,  /**< The exchange carries data to the initiator. In every frame of the exchange. */
	ISCSIP_FRAME_WRITE = 0x0002, /**< The exchange carries data to the target. In every frame of the exchange. */
	ISCSIP_FRAME_SENSE = 0x0004, /**< The Responder Buffer holds sense data. */
	ISCSIP_FRAME_FINAL = 0x0008  /**< The last XFER of the exchange. */
};

/** @brief The two ends: who sends a frame, or whose a connection is. */
enum iscsip_frame_role {
	ISCSIP_FRAME_INITIATOR = 0, /**< StpI. */
	ISCSIP_FRAME_TARGET = 1     /**< StpT. */
};

/** @brief A frame header, field by field (S0 Fig. 6, statements A01 to A13). */
struct iscsip_frame {
	uint32_t sync;                 /**< Frame Sync Number, byte 0. */
	uint32_t sequence;             /**< Sequence Number, byte 4. */
	uint32_t type;                 /**< Type, byte 8. */
	uint32_t event;                /**< Event, byte 12. */
	uint8_t lun;                   /**< Lun, byte 16. */
	uint8_t status;                /**< Status, byte 17: SAM status where the target has one to tell. */
	uint16_t flags;                /**< Flags, byte 18: #iscsip_frame_flag bits. */
	uint32_t originator_id;        /**< Originator Exchange ID, byte 20. */
	uint32_t responder_id;         /**< Responder Exchange ID, byte 24. */
	uint8_t originator_buffer[16]; /**< Originator Buffer, byte 28: the CDB. */
	uint8_t responder_buffer[16];  /**< Responder Buffer, byte 44: the target's handle of a grant, or sense data. */
	uint32_t transfer_length;      /**< Transfer Length, byte 60. */
	uint32_t sync_end;             /**< Frame Sync Number again, byte 64. */
};

/**
 * @brief What can be wrong with a frame; `rule` of a connection's error.
 *
 * `arg` of the error is the offset of the field at fault in the header, or what the row says.
 */
enum iscsip_frame_rule {
	ISCSIP_FRAME_RULE_NONE = 0,             /**< Nothing. */
	ISCSIP_FRAME_RULE_SYNC = 1,             /**< The opening sync is not the connection's. */
	ISCSIP_FRAME_RULE_SYNC_END = 2,         /**< The closing sync is not the connection's. */
	ISCSIP_FRAME_RULE_SEQUENCE = 3,         /**< A gap or a repeat in the sequence. */
	ISCSIP_FRAME_RULE_TYPE = 4,             /**< The type is not CMDS. */
	ISCSIP_FRAME_RULE_EVENT = 5,            /**< There is no such event. */
	ISCSIP_FRAME_RULE_SENDER = 6,           /**< The event is not one that this side sends. */
	ISCSIP_FRAME_RULE_FLAGS = 7,            /**< A reserved flag, or one that does not belong to the event. */
	ISCSIP_FRAME_RULE_DATA_DIRECTION = 8,   /**< READ and WRITE are both set, or are not those of the exchange. */
	ISCSIP_FRAME_RULE_STATUS = 9,           /**< A status where none may be. */
	ISCSIP_FRAME_RULE_SENSE = 10,           /**< SENSE without CHECK CONDITION. */
	ISCSIP_FRAME_RULE_FINAL = 11,           /**< FINAL is missing, or there is data left. */
	ISCSIP_FRAME_RULE_LUN = 12,             /**< Not the exchange's LUN. */
	ISCSIP_FRAME_RULE_ORIGINATOR_ID = 13,   /**< Zero, in use already, unknown, or stale. */
	ISCSIP_FRAME_RULE_RESPONDER_ID = 14,    /**< Zero or not where it must not, changed, unknown, or stale. */
	ISCSIP_FRAME_RULE_ORIGINATOR_BUFFER = 15, /**< Not the one of NEWC. */
	ISCSIP_FRAME_RULE_RESPONDER_BUFFER = 16, /**< Not the one of the grant, or not zero where it must be. */
	ISCSIP_FRAME_RULE_LENGTH = 17,          /**< Zero where data is announced, or not zero where there is none. */
	ISCSIP_FRAME_RULE_EXPECTATION = 18,     /**< More than NEWC announced. */
	ISCSIP_FRAME_RULE_GRANT = 19,           /**< More than was granted, or less than the standing grant. */
	ISCSIP_FRAME_RULE_BURST = 20,           /**< More than the receiver's limit for one transfer. */
	ISCSIP_FRAME_RULE_MOVED = 21,           /**< CMPT counts other bytes than were moved. */
	ISCSIP_FRAME_RULE_ORDER = 22,           /**< Out of order for its exchange, or not the XFER that a NEWC promised. */
	ISCSIP_FRAME_RULE_CUT = 23,             /**< The stream ended inside a frame or its data; `arg`: bytes missing. */
	ISCSIP_FRAME_RULE_EXCHANGE_DUE = 24,    /**< An exchange took too long; `arg`: its Originator Exchange ID. */
	ISCSIP_FRAME_RULE_IDLE = 25,            /**< The connection was idle for too long. */
	ISCSIP_FRAME_RULE_STALLED = 26          /**< The peer takes nothing of what is to be sent, or did not let a close end. */
};

/**
 * @brief Reads a header; judges nothing.
 * @param[out] out the fields. @param[in] p the bytes. @param[in] n their number.
 * @retval ISCSIP_OK read. @retval ISCSIP_ENOSPC @p n is less than #ISCSIP_FRAME_LEN; nothing was read.
 */
ISCSIP_API int iscsip_frame_decode(struct iscsip_frame *out, const uint8_t *p, size_t n);

/**
 * @brief Writes a header, every byte of it.
 * @param[out] dst where to. @param[in] cap room there. @param[in] in the fields.
 * @retval ISCSIP_OK written. @retval ISCSIP_ENOSPC @p cap is less than #ISCSIP_FRAME_LEN; nothing was written.
 */
ISCSIP_API int iscsip_frame_encode(uint8_t *dst, size_t cap, const struct iscsip_frame *in);

/** @brief What iscsip_frame_check() holds a header against. */
struct iscsip_frame_expect {
	uint32_t sync;               /**< The connection's sync number. */
	uint32_t sequence;           /**< The number due. */
	enum iscsip_frame_role from; /**< Who sent it. */
	bool any_flags;              /**< Flag bits that are reserved are let pass (#ISCSIP_FRAME_CFG_ANY_FLAGS). */
	bool standing;               /**< An XFER of the initiator is due that uses the standing grant: it names no SNDD. */
};

/**
 * @brief Holds a header against every rule that needs no exchange: sync at both ends, sequence, type, event and sender,
 *     flags, status, identifiers, buffers and length as the event has them.
 * @param[in] f the header. @param[in] expect what is due.
 * @param[out] at offset of the field at fault; may be NULL.
 * @return 0 where nothing is wrong, else an #iscsip_frame_rule. The rules are tried in the order of their numbers.
 */
ISCSIP_API int iscsip_frame_check(const struct iscsip_frame *f, const struct iscsip_frame_expect *expect, uint32_t *at);

/**
 * @brief One line for a person: sequence, event and what it says.
 * @param[in] f the header. @param[out] dst where the text goes, ended by a NUL when @p cap > 0. @param[in] cap bytes there.
 * @return The length of the whole text without its NUL, also where it was cut.
 */
ISCSIP_API int iscsip_frame_format(const struct iscsip_frame *f, char *dst, size_t cap);

/** @brief Words for a rule. @param[in] rule an #iscsip_frame_rule. @return A constant string, never NULL. */
ISCSIP_API const char *iscsip_frame_rule_text(unsigned rule);

struct iscsip_frame_conn;

/** @brief How much of everything; a peer can raise none of it. */
struct iscsip_frame_limits {
	/** Exchanges open at once, 1 to 4096. A target answers a command beyond it with TASK SET FULL. */
	uint16_t max_exchanges;
	uint16_t max_tx_frames;   /**< Headers that are on their way out at once, 2 to 1024. */
	uint32_t max_burst;       /**< Bytes of the largest XFER that we send and the largest grant that we make, 1 to 2^31. */
	uint32_t max_rx_transfer; /**< Bytes of the largest XFER and grant that we take, 1 or more. */
};

/** @brief Services of the host; each may be NULL. */
struct iscsip_frame_host {
	size_t struct_size; /**< sizeof(struct iscsip_frame_host) as the host was compiled. */
	void *user;         /**< Given back to each call here. */
	/** Told of every frame in both directions as #iscsip_trace_event says; the header comes without the data. The bytes
	 *  are valid during the call only. */
	void (*trace)(void *user, struct iscsip_frame_conn *conn, enum iscsip_trace_event event, const void *p, size_t len);
	/** @p conn wants more than it did (iscsip_frame_conn_want()) since a call from outside its doors. Told once until its
	 *  next door is passed. */
	void (*wake)(void *user, struct iscsip_frame_conn *conn);
};

/** @brief Named leniencies and switches. */
enum iscsip_frame_config_flag {
	ISCSIP_FRAME_CFG_ANY_FLAGS = 1u << 0, /**< Let reserved bits of Flags pass. */
	ISCSIP_FRAME_CFG_TX_HOLD = 1u << 1    /**< Frames sent stay untouched until iscsip_frame_conn_tx_release(): for
	                                           transports that read buffers after the send call returned. */
};

/**
 * @brief What connections are made with. Fill with iscsip_frame_config_init(), then change. It may serve any number of
 *     connections and threads, and stays unchanged and in place as long as one of them lives.
 */
struct iscsip_frame_config {
	size_t struct_size;                   /**< Set by iscsip_frame_config_init(). */
	struct iscsip_frame_limits limits;    /**< See there. */
	const struct iscsip_frame_host *host; /**< The host's services, or NULL. */
	uint32_t flags;                       /**< #iscsip_frame_config_flag bits. */
	uint32_t sync;                        /**< Frame sync number of both directions. Default #ISCSIP_FRAME_SYNC. */
	uint32_t first_sequence;              /**< First sequence number of both directions. Default 0. */
	/** Initiator: time an exchange may take, where it has no deadline of its own. Target: time that the initiator may
	 *  take to send what it was granted, and to take anything of what is to be sent. 0: no limit. Default 30000. */
	uint32_t exchange_timeout_ms;
	/** Time without a frame received while no exchange is open after which the connection fails. 0: no limit. Default 0. */
	uint32_t idle_timeout_ms;
	/** Time that an orderly close may take. 0: no limit. Default 5000. */
	uint32_t close_timeout_ms;
	/** Bytes at the beginning of every write that need no SNDD: an XFER with them follows the NEWC at once, which spares a
	 *  round trip. Both ends have to be configured with the same number; 0 to limits.max_burst and limits.max_rx_transfer.
	 *  Default 0: the exchange of the figures. */
	uint32_t standing_grant;
};

/**
 * @brief Fills in the defaults: 64 exchanges, 64 frames out, bursts of 1 MiB, transfers of any length taken.
 * @param[out] cfg what to fill. @param[in] struct_size sizeof *cfg as the host was compiled.
 */
ISCSIP_API void iscsip_frame_config_init(struct iscsip_frame_config *cfg, size_t struct_size);

/**
 * @brief Checks the limits.
 * @param[in] cfg what to check.
 * @retval ISCSIP_OK fit for use. @retval ISCSIP_EINVAL a member is out of its range.
 */
ISCSIP_API int iscsip_frame_config_check(const struct iscsip_frame_config *cfg);

/* --- target (StpT) --- */

/** @brief Bytes of memory for a target connection. @param[in] cfg a checked configuration. @return The bytes. */
ISCSIP_API size_t iscsip_frame_target_size(const struct iscsip_frame_config *cfg);

/**
 * @brief Makes a target connection over a transport that was accepted.
 *
 * Commands reach the device server in the order of their NEWC, each with its single-level LUN (`lun` of the command is
 * the Lun field in byte 1 of the 8, SAM-5 4.7.4), attribute SIMPLE and a CDB of 16 bytes. In what the frame protocol cannot
 * say, it differs from iSCSI:
 *  - `place` that answers ISCSIP_EAGAIN holds back its own command only, since no data comes before it was granted; `exec`
 *    then comes from inside iscsip_cmd_set_buffer(). Where there is a standing grant (iscsip_frame_config.standing_grant), data
 *    is on its way already: the connection is held until memory is named, and `exec` comes when that data is in it. What other
 *    writes were granted cannot come while it is held: do not wait for their memory to become free. Data for which `place`
 *    named no memory is dropped, and iscsip_cmd_set_buffer() answers ISCSIP_ESTATE later;
 *  - iscsip_cmd_request_data() asks for bytes in ascending order: a range that begins beyond what came is asked for from
 *    there on, one that came already is there (ISCSIP_DONE);
 *  - a command that is completed while the initiator still owes granted data is answered when that has come;
 *  - a command that iscsip_cmd_abort() was called for is answered with TASK ABORTED when the host completes it;
 *  - `response` 1 (target failure) is told as CHECK CONDITION, HARDWARE ERROR, INTERNAL TARGET FAILURE;
 *  - sense data is told as its first 16 bytes in fixed format, descriptor format being converted;
 *  - residual overflow is not told;
 *  - there is no task management: `tmf` is not called.
 * @param[out] out the connection, inside @p mem.
 * @param[in] mem memory aligned to 8, needed until iscsip_frame_conn_closed() has returned and iscsip_frame_conn_open()
 *     answers 0 (commands that the device server still works on refer to it).
 * @param[in] len bytes at @p mem. @param[in] cfg the configuration.
 * @param[in] ops the device server; stays in place as long as the connection. @param[in] ops_user given to each of its callbacks.
 * @param[in] user the connection's own pointer: `nexus` of its commands, and iscsip_frame_conn_user().
 * @param[in] now the time.
 * @retval ISCSIP_OK made. @retval ISCSIP_ENOSPC too little memory. @retval ISCSIP_EINVAL bad configuration, table or alignment.
 */
ISCSIP_API int iscsip_frame_target_init(struct iscsip_frame_conn **out, void *mem, size_t len,
					const struct iscsip_frame_config *cfg, const struct iscsip_device_ops *ops,
					void *ops_user, void *user, iscsip_time now);

/* --- initiator (StpI) --- */

/** @brief How far an exchange came; what is known of one that has no status. */
enum iscsip_frame_stage {
	ISCSIP_FRAME_UNSENT = 0,  /**< Its NEWC was not given to the transport in whole, as far as iscsip_frame_conn_tx_done()
	                               told: the target cannot have executed it. */
	ISCSIP_FRAME_ISSUED = 1,  /**< NEWC is out; the target said nothing. It may have been executed. */
	ISCSIP_FRAME_ANSWERED = 2 /**< The target has sent a grant or data. */
};

/** @brief How an exchange ended. */
struct iscsip_frame_result {
	int err;            /**< ISCSIP_OK: the target answered, `status` is valid. Else the error that ended the connection. */
	uint8_t status;     /**< SAM status. */
	uint8_t stage;      /**< An #iscsip_frame_stage. */
	bool refused;       /**< The target opened no exchange for it (TASK SET FULL, BUSY): it was not executed. */
	uint16_t sense_len; /**< Bytes at `sense`: #ISCSIP_FRAME_SENSE_LEN or 0. */
	uint8_t sense[16];  /**< The first 16 bytes of fixed-format sense data. */
	uint32_t moved;     /**< Bytes of data that landed (read) or that the transport took in whole frames (write), as far as
	                         iscsip_frame_conn_tx_done() told before it was closed; 0 where it was refused. */
	uint32_t residual;  /**< Bytes of in_len or out_len that were not moved. */
};

/** @brief A place in a queue of a connection. The library's. */
struct iscsip_frame_item {
	struct iscsip_frame_item *next; /**< The library's. */
	bool queued;                    /**< The library's. */
};

/**
 * @brief A SCSI command and its data. The host fills in the upper part and zeroes the rest (by `= {0}`), and leaves it
 *     alone from iscsip_frame_submit() to `done`.
 */
struct iscsip_frame_exchange {
	void *user;                       /**< The host's own. */
	const struct iscsip_vec *in_vec;  /**< Room for data to the initiator, or NULL; array and memory stay until `done`. */
	const struct iscsip_vec *out_vec; /**< Data to the target, or NULL; array and bytes stay, unchanged, until `done`. */
	int in_cnt;                       /**< Pieces at in_vec. */
	int out_cnt;                      /**< Pieces at out_vec. */
	uint32_t in_len;                  /**< Bytes of room. One of in_len and out_len is 0. */
	uint32_t out_len;                 /**< Bytes of data. */
	uint8_t lun;                      /**< The logical unit. */
	uint8_t cdb[16];                  /**< The CDB, padded with zeroes. */
	uint32_t timeout_ms;              /**< Time that the exchange may take; 0: as the configuration says. */
	struct iscsip_frame_result result; /**< Filled in before `done`. */

	struct iscsip_frame_item item;     /**< The library's. */
	struct iscsip_vec_cursor at;       /**< The library's. */
	iscsip_time due;                   /**< The library's. */
	uint64_t newc_end;                 /**< The library's. */
	uint32_t id;                       /**< The library's. */
	uint32_t responder_id;             /**< The library's. */
	uint32_t grant;                    /**< The library's. */
	uint32_t made;                     /**< The library's. */
	uint16_t in_flight;                /**< The library's. */
	uint8_t state;                     /**< The library's. */
	uint8_t responder_buffer[16];      /**< The library's. */
};

/** @brief The host's side of an initiator. */
struct iscsip_frame_initiator_ops {
	size_t struct_size; /**< sizeof(struct iscsip_frame_initiator_ops) as the host was compiled. */
	/** @p x is the host's again; x->result says how it ended. It may be submitted again from here. Required. */
	void (*done)(void *user, struct iscsip_frame_exchange *x);
};

/** @brief Bytes of memory for an initiator connection. @param[in] cfg a checked configuration. @return The bytes. */
ISCSIP_API size_t iscsip_frame_initiator_size(const struct iscsip_frame_config *cfg);

/**
 * @brief Makes an initiator connection over a transport that is open; exchanges may be submitted at once.
 * @param[out] out the connection, inside @p mem. @param[in] mem memory aligned to 8, needed until iscsip_frame_conn_closed().
 * @param[in] len bytes at @p mem. @param[in] cfg the configuration.
 * @param[in] ops the host's side; stays in place as long as the connection. @param[in] user given to its callbacks, and
 *     iscsip_frame_conn_user().
 * @param[in] now the time.
 * @retval ISCSIP_OK made. @retval ISCSIP_ENOSPC too little memory. @retval ISCSIP_EINVAL bad configuration, table or alignment.
 */
ISCSIP_API int iscsip_frame_initiator_init(struct iscsip_frame_conn **out, void *mem, size_t len,
					   const struct iscsip_frame_config *cfg,
					   const struct iscsip_frame_initiator_ops *ops, void *user, iscsip_time now);

/**
 * @brief Opens an exchange: its NEWC goes out with the next bytes sent. May be called from `done`.
 *
 * An exchange cannot be taken back: the protocol has no abort. A host that needs its memory closes the transport.
 * @param[in,out] c an initiator connection. @param[in,out] x the exchange; the library's until `done`. @param[in] now the time.
 * @retval ISCSIP_OK taken. @retval ISCSIP_EAGAIN limits.max_exchanges are open.
 * @retval ISCSIP_EINVAL data both ways, a vector shorter than its length, or an exchange that is under way.
 * @retval ISCSIP_ESTATE a target connection, or iscsip_frame_conn_close() was called.
 * @return Otherwise the error that ended the connection.
 */
ISCSIP_API int iscsip_frame_submit(struct iscsip_frame_conn *c, struct iscsip_frame_exchange *x, iscsip_time now);

/* --- connections of both roles: the doors, as in conn.h --- */

/** @brief The bits of #iscsip_want that hold now. @param[in] c the connection. @return #iscsip_want bits. */
ISCSIP_API unsigned iscsip_frame_conn_want(const struct iscsip_frame_conn *c);

/**
 * @brief Where the next bytes go: the rest of the data in its final place, then header or stage.
 * @param[in,out] c the connection.
 * @param[in] stage memory of the host for whatever comes after that place, needed until iscsip_frame_conn_rx_done(); or NULL:
 *     only known bytes are asked for.
 * @param[out] vec the list. @param[in] max pieces at @p vec, 2 or more.
 * @return Pieces listed; 0 where the connection takes nothing now; or a negative #iscsip_err.
 */
ISCSIP_API int iscsip_frame_conn_rx_next(struct iscsip_frame_conn *c, const struct iscsip_vec *stage,
					 struct iscsip_vec *vec, int max);

/**
 * @brief Tells that the first @p n bytes of the list of iscsip_frame_conn_rx_next() have come, and works on them.
 * @param[in,out] c the connection. @param[in] n bytes, at most those listed. @param[in] now the time.
 * @return How many of the last bytes in the stage were not taken (the connection is held: keep them and give them to
 *     iscsip_frame_conn_rx_push() once it wants RX again), 0 in the normal case, or a negative #iscsip_err.
 */
ISCSIP_API ptrdiff_t iscsip_frame_conn_rx_done(struct iscsip_frame_conn *c, size_t n, iscsip_time now);

/**
 * @brief Gives bytes that the host has already; data is copied to its place.
 * @param[in,out] c the connection. @param[in] p the bytes, needed during the call. @param[in] n how many. @param[in] now the time.
 * @return Bytes taken, fewer than @p n only where the connection is held; or a negative #iscsip_err.
 */
ISCSIP_API ptrdiff_t iscsip_frame_conn_rx_push(struct iscsip_frame_conn *c, const void *p, size_t n, iscsip_time now);

/**
 * @brief Lists what to send now, in order. Headers are made and numbered here.
 * @param[in,out] c the connection. @param[out] vec the list; the memory stays valid until the iscsip_frame_conn_tx_done() for
 *     its bytes (with #ISCSIP_FRAME_CFG_TX_HOLD: iscsip_frame_conn_tx_release()). @param[in] max pieces at @p vec, 5 or more.
 * @param[in] now the time.
 * @return Pieces listed, 0 for nothing to send, or a negative #iscsip_err.
 */
ISCSIP_API int iscsip_frame_conn_tx_next(struct iscsip_frame_conn *c, struct iscsip_vec *vec, int max, iscsip_time now);

/**
 * @brief Tells that the first @p n bytes of the list of iscsip_frame_conn_tx_next() were taken by the transport.
 * @param[in,out] c the connection. @param[in] n bytes, at most those listed. @param[in] now the time.
 * @return ISCSIP_OK or a negative #iscsip_err.
 */
ISCSIP_API int iscsip_frame_conn_tx_done(struct iscsip_frame_conn *c, size_t n, iscsip_time now);

/**
 * @brief With #ISCSIP_FRAME_CFG_TX_HOLD: tells that the transport no longer reads the oldest @p n bytes that were done.
 * @param[in,out] c the connection. @param[in] n bytes, at most those done and not yet released.
 * @return ISCSIP_OK, ISCSIP_EINVAL for too many, ISCSIP_ESTATE without the flag, or a fatal #iscsip_err.
 */
ISCSIP_API int iscsip_frame_conn_tx_release(struct iscsip_frame_conn *c, size_t n);

/**
 * @brief Copies what to send now into the host's buffer; next, copy and done in one.
 * @param[in,out] c the connection. @param[out] p where to. @param[in] n room. @param[in] now the time.
 * @return Bytes written, 0 for nothing to send, or a negative #iscsip_err.
 */
ISCSIP_API ptrdiff_t iscsip_frame_conn_tx_pull(struct iscsip_frame_conn *c, void *p, size_t n, iscsip_time now);

/**
 * @brief The convenience door: receives and sends over the host's calls until neither gets on.
 * @param[in,out] c the connection. @param[in] t the transport. @param[in] now the time.
 * @retval ISCSIP_OK nothing to do before the transport is ready again or the deadline is reached.
 * @retval ISCSIP_ECLOSED the stream ended or the connection is over; iscsip_frame_conn_closed() was not called yet.
 * @return Otherwise a negative #iscsip_err.
 */
ISCSIP_API int iscsip_frame_conn_run(struct iscsip_frame_conn *c, const struct iscsip_transport *t, iscsip_time now);

/**
 * @brief Begins an orderly close: no exchange is opened any more (a target answers BUSY), those open come to their end, then
 *     the connection wants to be closed. The close of the transport with no exchange open is what the peer sees.
 * @param[in,out] c the connection. @param[in] now the time.
 * @return ISCSIP_OK, or a negative #iscsip_err.
 */
ISCSIP_API int iscsip_frame_conn_close(struct iscsip_frame_conn *c, iscsip_time now);

/**
 * @brief The transport is closed, whoever closed it; nothing reads or writes the host's memory any more. Every open exchange
 *     of an initiator is given back here; for every command of a target that the device server still works on, `abort` is
 *     called, and the others are freed.
 * @param[in,out] c the connection. @param[in] now the time.
 * @retval ISCSIP_OK done, now or before. @retval ISCSIP_ESTATE from inside a callback: it is still open, and its memory in use.
 */
ISCSIP_API int iscsip_frame_conn_closed(struct iscsip_frame_conn *c, iscsip_time now);

/** @brief Exchanges open now. @param[in] c the connection. @return 0 to limits.max_exchanges. */
ISCSIP_API unsigned iscsip_frame_conn_open(const struct iscsip_frame_conn *c);

/** @brief When iscsip_frame_conn_tick() is to be called at the latest. @param[in] c the connection.
 *  @return A time, or #ISCSIP_TIME_NEVER. */
ISCSIP_API iscsip_time iscsip_frame_conn_deadline(const struct iscsip_frame_conn *c);

/** @brief Acts on what is due. @param[in,out] c the connection. @param[in] now the time.
 *  @return ISCSIP_OK or a negative #iscsip_err. */
ISCSIP_API int iscsip_frame_conn_tick(struct iscsip_frame_conn *c, iscsip_time now);

/** @brief The first fatal error, or one with code ISCSIP_OK; `rule` is an #iscsip_frame_rule. @param[in] c the connection.
 *  @return Valid as long as @p c. */
ISCSIP_API const struct iscsip_error *iscsip_frame_conn_error(const struct iscsip_frame_conn *c);

/**
 * @brief The error as one line for a person.
 * @param[in] e an error of a frame connection. @param[out] dst where the text goes, ended by a NUL when @p cap > 0.
 * @param[in] cap bytes there.
 * @return The length of the whole text without its NUL, also where it was cut.
 */
ISCSIP_API int iscsip_frame_error_format(const struct iscsip_error *e, char *dst, size_t cap);

/** @brief The host's pointer given at init. @param[in] c the connection. @return The pointer. */
ISCSIP_API void *iscsip_frame_conn_user(const struct iscsip_frame_conn *c);

/** @brief Counters of one connection; they only grow. */
struct iscsip_frame_stats {
	uint64_t rx_bytes;  /**< Bytes received. */
	uint64_t tx_bytes;  /**< Bytes sent. */
	uint64_t rx_frames; /**< Headers received. */
	uint64_t tx_frames; /**< Headers made. */
	uint64_t exchanges; /**< Exchanges opened. */
	uint64_t in_bytes;  /**< Data to the initiator. */
	uint64_t out_bytes; /**< Data to the target. */
	uint64_t refused;   /**< Commands answered, or met, with TASK SET FULL or BUSY before an exchange was opened. */
};

/** @brief Reads the counters. @param[in] c the connection. @param[out] st where to. */
ISCSIP_API void iscsip_frame_conn_stats(const struct iscsip_frame_conn *c, struct iscsip_frame_stats *st);

#ifdef __cplusplus
}
#endif
#endif
