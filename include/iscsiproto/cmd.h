/* SPDX-License-Identifier: MIT */
/**
 * @file cmd.h
 * @brief A SCSI command at the target, whichever protocol brought it.
 *
 * The iSCSI target and the frame-protocol target hand commands to the host in the same form, so a
 * device server (the `disk` module, or the host's own) is written once. The transport owns every
 * `struct iscsip_cmd`; the host owns all payload memory.
 *
 * The life of a command:
 *
 *     place   (only with outgoing data) the header is in: name the memory for the data
 *     exec    it is this command's turn (CmdSN order): execute it
 *     data    the data asked for with iscsip_cmd_request_data() is in its place
 *     sent    the data given with iscsip_cmd_send_data() is no longer read
 *     abort   nobody waits for the answer any more; complete it as soon as it is convenient
 *     free    the last word: the transport forgets the command and every pointer that it was given
 *
 * Every command that reached `exec` ends with exactly one iscsip_cmd_complete() by the host (an aborted
 * one too: its status goes nowhere), and every command that reached `place` or `exec` ends with `free`.
 * A command that is aborted between `place` and `exec` gets `free` without more.
 * All of iscsip_cmd_* may be called from inside these callbacks and at any later time in the thread that
 * drives the session.
 */
#ifndef ISCSIPROTO_CMD_H
#define ISCSIPROTO_CMD_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** @brief Task attributes as RFC 7143 11.3.1 numbers them; values 5 to 7 are reserved. */
enum iscsip_task_attr {
	ISCSIP_ATTR_UNTAGGED = 0, /**< Untagged: handled as SIMPLE. */
	ISCSIP_ATTR_SIMPLE = 1, /**< SIMPLE: in any order among its like. */
	ISCSIP_ATTR_ORDERED = 2, /**< ORDERED: after all before it, before all after it. */
	ISCSIP_ATTR_HEAD_OF_QUEUE = 3, /**< HEAD OF QUEUE: before all that wait. */
	ISCSIP_ATTR_ACA = 4 /**< ACA: while an auto contingent allegiance stands. */
};

#define ISCSIP_CMD_IN 0x01u        /**< The initiator expects data in (`in_len` may still be 0). */
#define ISCSIP_CMD_OUT 0x02u       /**< The initiator will send data out (`out_len` may still be 0). */
#define ISCSIP_CMD_IMMEDIATE 0x04u /**< Marked for immediate delivery. */
#define ISCSIP_CMD_ABORTED 0x08u   /**< Aborted: complete it, its status goes nowhere. */
/**
 * Its data must be held aside from what others see: data-out comes under a digest that is judged when it has landed, or
 * before the command's turn (then the bit is gone in `exec`), so the memory named for it must not be the medium; data-in
 * goes out under a digest, so it must not change before `sent` or `free`.
 */
#define ISCSIP_CMD_ASIDE 0x10u

struct iscsip_cmd_port;

/**
 * @brief A command. The transport fills it in before the first callback; the host reads all and writes
 * only `user`.
 */
struct iscsip_cmd {
	const struct iscsip_cmd_port *port; /**< The transport's side; not the host's business. */
	void *user;          /**< The host's own, NULL at first. */
	void *nexus;         /**< The I_T nexus: what the host gave its session (iSCSI) or connection (frame) as user pointer. */
	uint64_t lun;        /**< The 8 LUN bytes (SAM-5 4.7) as one big-endian number. */
	const uint8_t *cdb;  /**< The CDB, valid until `free`. */
	uint16_t cdb_len;    /**< 16 or more: bytes at `cdb`, trailing padding included; at most 260. */
	uint8_t attr;        /**< An #iscsip_task_attr, or a reserved value 5 to 7. */
	uint8_t flags;       /**< ISCSIP_CMD_ bits. */
	uint32_t out_len;    /**< Bytes that the initiator means to send. */
	uint32_t in_len;     /**< Bytes that the initiator has room for. */
	uint32_t unasked;    /**< Of `out_len`, the first bytes that come without being asked for; 0: none, so that a buffer
	                          may as well be named in `exec`. */
	uint32_t tag;        /**< Initiator task tag, or originator exchange id. */
};

/** @brief How a command ended. Zero it, then fill in what applies. */
struct iscsip_cmd_status {
	uint8_t response;      /**< iSCSI service response (RFC 7143 11.4.3): 0 completed at the target, 1 target failure. */
	uint8_t status;        /**< SAM status byte. */
	uint16_t sense_len;    /**< Bytes at `sense`, 0 for none; iSCSI then makes it up for CHECK CONDITION (RFC 7143 11.4.7). */
	const void *sense;     /**< Sense data, fixed or descriptor format; valid until `free`. */
	uint32_t in_total;     /**< Data-in bytes that the command has as its CDB defines them: more than `in_len` is
	                            told as overflow, fewer as underflow. */
	uint32_t out_total;    /**< The same for data-out: bytes that the command wanted, or took. */
};

/**
 * @brief Names the memory for the data-out of @p cmd: byte 0 of the data is byte 0 of the vector.
 *
 * To be called from `place`, or later if `place` answered ISCSIP_EAGAIN (the connection reads nothing until then).
 * @param[in,out] cmd a command with ISCSIP_CMD_OUT.
 * @param[in] vec pieces of memory; the array and the memory stay valid until `free`.
 * @param[in] cnt number of pieces, 1 or more.
 * @retval ISCSIP_OK taken. @retval ISCSIP_EINVAL the vector is shorter than `out_len`.
 * @retval ISCSIP_ESTATE a buffer was named already, or unsolicited data has been dropped already.
 */
ISCSIP_API int iscsip_cmd_set_buffer(struct iscsip_cmd *cmd, const struct iscsip_vec *vec, int cnt);

/**
 * @brief Asks for data-out bytes [@p off, @p off + @p len) to be in the buffer; to be called from `exec` on.
 *
 * What the initiator sends unasked is waited for, the rest is solicited (R2T, SNDD) as the session's limits allow.
 * One request at a time; a later one may name another range, also one that was asked for before (it is then
 * solicited again).
 * @param[in,out] cmd a command with a buffer.
 * @param[in] off first byte. @param[in] len number of bytes, 1 or more, within `out_len`.
 * @retval ISCSIP_DONE all of it is there already; `data` will not be called for it.
 * @retval ISCSIP_OK `data` will tell.
 * @retval ISCSIP_EINVAL range outside `out_len`. @retval ISCSIP_ESTATE no buffer, or before `exec`.
 * @retval ISCSIP_EAGAIN a request is open already. @retval ISCSIP_ECLOSED aborted.
 */
ISCSIP_API int iscsip_cmd_request_data(struct iscsip_cmd *cmd, uint32_t off, uint32_t len);

/**
 * @brief Sends data-in bytes from the host's memory; nothing is copied.
 *
 * One piece of work at a time: the next may be given once `sent` came. Offsets ascend without a gap from 0.
 * More than `in_len` in all is cut off at `in_len` (the residual says so).
 * @param[in,out] cmd a command with ISCSIP_CMD_IN.
 * @param[in] vec pieces of memory, array and bytes valid and unchanged until `sent` or `free`.
 * @param[in] cnt number of pieces. @param[in] len bytes to send of them from their beginning.
 * @param[in] last whether this is the end of the data: lets status travel in the last Data-In.
 * @retval ISCSIP_OK taken. @retval ISCSIP_EAGAIN the piece before is still being sent.
 * @retval ISCSIP_EINVAL the vector holds fewer than @p len bytes. @retval ISCSIP_ESTATE before `exec`, or after the last piece.
 * @retval ISCSIP_ECLOSED aborted: nothing is sent.
 */
ISCSIP_API int iscsip_cmd_send_data(struct iscsip_cmd *cmd, const struct iscsip_vec *vec, int cnt, uint32_t len,
				    bool last);

/**
 * @brief Ends a command. Data given before is sent first. Open requests for data are given up.
 * @param[in,out] cmd a command that reached `exec` and was not completed.
 * @param[in] st how it ended; copied, but for the sense bytes.
 * @retval ISCSIP_OK taken; `free` will come (possibly before this call returns, where it was aborted).
 * @retval ISCSIP_ESTATE completed already, or before `exec`.
 */
ISCSIP_API int iscsip_cmd_complete(struct iscsip_cmd *cmd, const struct iscsip_cmd_status *st);

/** @brief Task management functions, RFC 7143 11.5.1 (1 to 8) and RFC 7144 5.1 (9 to 12). */
enum iscsip_tmf_function {
	ISCSIP_TMF_ABORT_TASK = 1, /**< One task, by its tag. */
	ISCSIP_TMF_ABORT_TASK_SET = 2, /**< All tasks of this nexus at a logical unit. */
	ISCSIP_TMF_CLEAR_ACA = 3, /**< End an auto contingent allegiance. */
	ISCSIP_TMF_CLEAR_TASK_SET = 4, /**< All tasks of a task set, of every nexus that shares it. */
	ISCSIP_TMF_LOGICAL_UNIT_RESET = 5, /**< Reset a logical unit. */
	ISCSIP_TMF_TARGET_WARM_RESET = 6, /**< Reset all logical units. */
	ISCSIP_TMF_TARGET_COLD_RESET = 7, /**< The same, and end every session. */
	ISCSIP_TMF_TASK_REASSIGN = 8, /**< Take a task over to this connection (recovery level 2). */
	ISCSIP_TMF_QUERY_TASK = 9, /**< Is the task there? */
	ISCSIP_TMF_QUERY_TASK_SET = 10, /**< Is any task of this nexus at the logical unit there? */
	ISCSIP_TMF_I_T_NEXUS_RESET = 11, /**< As if the nexus were lost: all its tasks at all logical units. */
	ISCSIP_TMF_QUERY_ASYNCHRONOUS_EVENT = 12 /**< Does a unit attention wait? */
};

/** @brief Task management responses, RFC 7143 11.6.1 and RFC 7144 5.2. */
enum iscsip_tmf_response {
	ISCSIP_TMF_COMPLETE = 0, /**< Function complete. */
	ISCSIP_TMF_NO_TASK = 1, /**< The task is not there. */
	ISCSIP_TMF_NO_LUN = 2, /**< The logical unit is not there. */
	ISCSIP_TMF_STILL_ALLEGIANT = 3, /**< TASK REASSIGN: the old connection still holds the task. */
	ISCSIP_TMF_NO_FAILOVER = 4, /**< TASK REASSIGN is not supported. */
	ISCSIP_TMF_NOT_SUPPORTED = 5, /**< The function is not supported. */
	ISCSIP_TMF_NOT_AUTHORIZED = 6, /**< The initiator may not do this. */
	ISCSIP_TMF_SUCCEEDED = 7, /**< The functions of RFC 7144 that ask: yes, it is there. */
	ISCSIP_TMF_REJECTED = 255 /**< Function rejected. */
};

/** @brief A task management request, as the device server sees it. */
struct iscsip_tmf {
	const struct iscsip_cmd_port *port; /**< The transport's side; not the host's business. */
	void *user;            /**< The host's own, NULL at first. */
	void *nexus;           /**< As in struct iscsip_cmd. */
	uint64_t lun;          /**< The LUN bytes, where the function has a LUN. */
	uint8_t function;      /**< An #iscsip_tmf_function. */
	struct iscsip_cmd *ref; /**< ABORT TASK, QUERY TASK: the task, or NULL where it is not there (any more). */
};

/**
 * @brief Answers a task management request; the transport holds the answer until RFC 7143 4.2.3.3 lets it go.
 * @param[in,out] tmf the request that the `tmf` callback was given.
 * @param[in] response an #iscsip_tmf_response.
 * @retval ISCSIP_OK taken; @p tmf is gone. @retval ISCSIP_ESTATE answered already.
 */
ISCSIP_API int iscsip_tmf_complete(struct iscsip_tmf *tmf, uint8_t response);

/**
 * @brief The host's SCSI side: a device server. Every callback is given the host's `user` pointer first.
 *
 * A callback may call iscsip_cmd_*, iscsip_tmf_complete() and the submitting calls of the session, but not the
 * receive, send and tick doors of a connection (they answer ISCSIP_ESTATE).
 */
struct iscsip_device_ops {
	size_t struct_size; /**< sizeof(struct iscsip_device_ops) as the host was compiled. */
	/**
	 * The header of a command with data-out is in; name its memory with iscsip_cmd_set_buffer() if it will want
	 * the data. May be NULL: data that comes unasked is then dropped, and a buffer may be named in `exec`.
	 * @return ISCSIP_OK, or ISCSIP_EAGAIN: memory comes later, hold this connection's input until then.
	 */
	int (*place)(void *user, struct iscsip_cmd *cmd);
	/** Execute. Must in the end call iscsip_cmd_complete(). */
	void (*exec)(void *user, struct iscsip_cmd *cmd);
	/** What iscsip_cmd_request_data() asked for is in its place. May be NULL if the host never asks. */
	void (*data)(void *user, struct iscsip_cmd *cmd);
	/** The memory of the last iscsip_cmd_send_data() is free again. May be NULL. */
	void (*sent)(void *user, struct iscsip_cmd *cmd);
	/** The command was aborted after `exec`: stop early if you can; complete it in any case. May be NULL. */
	void (*abort)(void *user, struct iscsip_cmd *cmd);
	/** The command is gone; free what belongs to it. May be NULL. */
	void (*free)(void *user, struct iscsip_cmd *cmd);
	/**
	 * Task management that reached the logical unit or the target. The tasks of this nexus that it affects are
	 * marked aborted already (`abort` was called for each); the device server aborts those of other nexus with
	 * iscsip_cmd_abort(), does the reset, and answers with iscsip_tmf_complete(), at once or later. An ABORT TASK comes
	 * after its command was aborted: #ISCSIP_TMF_NO_TASK, of a command given back at once, is then success.
	 * May be NULL: functions that affect only this nexus' own tasks are then answered by the transport,
	 * others with "not supported".
	 */
	void (*tmf)(void *user, struct iscsip_tmf *tmf);
};

/**
 * @brief The device server itself aborts a command (CLEAR TASK SET, resets and PREEMPT AND ABORT by another nexus).
 *
 * No answer is sent for it; the initiator learns of it by a unit attention, which is the device server's to
 * establish (SAM-5 5.6), or by its own task management. Where the session has FastAbort, the transport tells it by an
 * Asynchronous Message that all tasks of the logical unit are terminated (RFC 7143 4.2.3.4 d): so abort all that the nexus has
 * there.
 * @param[in,out] cmd a command after `exec` that is not completed. `abort` is called for it.
 * @retval ISCSIP_OK marked. @retval ISCSIP_ESTATE completed or aborted already.
 */
ISCSIP_API int iscsip_cmd_abort(struct iscsip_cmd *cmd);

/**
 * @brief The device server says that others wait for the transfer of a command's data, or for its memory.
 *
 * From now on the transport gives that transfer a limit (`hurry_ms` of its configuration): while data is on its way for the
 * command and no byte moves for that long, or after four times that in all (after that alone, if the command is aborted), the
 * connection ends, which aborts the command. Time that the device server itself takes does not count. Where it was said
 * before this does nothing.
 * @param[in,out] cmd a command after `place` or `exec` and before `free`, in whatever state.
 */
ISCSIP_API void iscsip_cmd_hurry(struct iscsip_cmd *cmd);

#ifdef __cplusplus
}
#endif
#endif
