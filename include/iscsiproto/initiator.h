/* SPDX-License-Identifier: MIT */
/**
 * @file initiator.h
 * @brief The iSCSI initiator role (RFC 7143, RFC 7144).
 *
 * The host makes a session and a connection, each in its own memory, opens the transport, starts the login, and drives the
 * connection's doors (conn.h). Tasks are the host's structs: the library links them, fills in the result, and gives them
 * back exactly once by `task_done`. Data-in lands in the task's vector, data-out is sent from it; nothing is copied.
 *
 *     iscsip_initiator_session_init(&s, ...);
 *     iscsip_initiator_conn_init(&c, ..., s, cid, NULL, now);     the transport is open; drive c until login_done
 *     iscsip_initiator_submit(s, &task, now);                     drive c until task_done
 *     iscsip_initiator_logout(c, ISCSIP_LOGOUT_SESSION, 0, now);  drive c until it wants to be closed
 *     iscsip_conn_closed(c, now);
 *     iscsip_initiator_session_fini(s);
 *
 * Whatever the target does: a task is given back once, at the latest by iscsip_conn_closed() of its connection, or of the last one
 * of the session; no byte is written outside the vectors of a task; and no memory grows. What breaks the
 * protocol ends the connection (recovery level 0: RFC 7143 7.1.4), and iscsip_conn_error() says what it was.
 */
#ifndef ISCSIPROTO_INITIATOR_H
#define ISCSIPROTO_INITIATOR_H

#include "cmd.h"
#include "session.h"

#ifdef __cplusplus
extern "C" {
#endif

/** @brief How a task ended. */
struct iscsip_result {
	int err;               /**< ISCSIP_OK: the target answered, `response` and `status` are valid. Else why it did not:
	                            ISCSIP_EHOST aborted by task management, of this host or (with FastAbort) of another one;
	                            ISCSIP_ETIMEDOUT aborted after `timeout_ms`; ISCSIP_EDIGEST data-in came with a wrong digest, and it
	                            was aborted; ISCSIP_ENOSPC data that may come, or be asked for, in any order lay in more than 32
	                            ranges at once, and it was aborted; ISCSIP_EPROTO rejected (`reject_reason`), or the protocol was
	                            broken; ISCSIP_ECLOSED the connection is lost, or the session logged out; or another fatal error
	                            of the connection. */
	uint8_t response;      /**< Service response (RFC 7143 11.4.3); 0: completed at the target. */
	uint8_t status;        /**< SAM status. */
	uint8_t reject_reason; /**< Where the target rejected a PDU of the task: the #iscsip_reject_reason; else 0. With `err`
	                            ISCSIP_EPROTO it was the command itself, which was then not executed. */
	bool issued;           /**< It reached the wire: whether it was executed is unknown where `err` is not OK. */
	uint16_t sense_len;    /**< Bytes at `sense` of the task that are filled in. */
	uint16_t status_qualifier; /**< SAM-5 status qualifier; 0 unless iSCSIProtocolLevel is 2 (RFC 7144). */
	bool in_overflow;      /**< There was more data-in than room, by `in_residual`, as the target says. */
	bool out_overflow;     /**< More data-out was wanted than offered, by `out_residual`, as the target says. */
	uint32_t in_residual;  /**< Bytes of room that were not filled, counted here and not told by the target; with in_overflow
	                            bytes that had no room. */
	uint32_t out_residual; /**< Bytes offered and not taken: out_len of the task less `out_len`; or with out_overflow bytes wanted
	                            beyond, as the target says. */
	uint32_t out_sent;     /**< Bytes of data-out that were sent, counted here: where it is all of them, a status that says that the
	                            command is done is no lie, whatever the residual says. */
	uint32_t out_len;      /**< Bytes of data-out that the target took, from their beginning on: those that were sent, counted here,
	                            less what the target says that it left (a residual), what it rejected and what the transport did
	                            not take. A write that ended with GOOD and less than all of its data was not written in whole. */
	uint32_t in_len;       /**< Bytes that landed in the data-in vector, from its beginning on: these and no more are there. Where
	                            data came in any order (DataPDUInOrder=No, DataSequenceInOrder=No) those before the first gap. */
};

/** @brief A SCSI task. The host fills in the upper part, zeroes the rest, and leaves it alone until `task_done`. */
struct iscsip_task {
	void *user;                     /**< The host's own. */
	uint64_t lun;                   /**< The 8 LUN bytes as one big-endian number. */
	const uint8_t *ext_cdb;         /**< Bytes 16 and up of a CDB longer than 16, or NULL. */
	uint16_t ext_cdb_len;           /**< Their number, 0 to 244. */
	uint8_t attr;                   /**< An #iscsip_task_attr. */
	bool immediate;                 /**< Send it for immediate delivery, outside the CmdSN order. */
	uint8_t cdb[16];                /**< The CDB, or its first 16 bytes. */
	const struct iscsip_vec *out_vec; /**< Data-out, or NULL; array and bytes stay until task_done. */
	const struct iscsip_vec *in_vec;  /**< Room for data-in, or NULL; array and memory stay until task_done. */
	int out_cnt;                    /**< Pieces at out_vec. */
	int in_cnt;                     /**< Pieces at in_vec. */
	uint32_t out_len;               /**< Bytes of data-out. */
	uint32_t in_len;                /**< Bytes of room for data-in. */
	void *sense;                    /**< Room for sense data, or NULL. */
	uint16_t sense_cap;             /**< Its bytes; 252 hold any, what is beyond is cut off. */
	uint32_t timeout_ms;            /**< Time from submitting until it is aborted; 0: none. */
	struct iscsip_result result;    /**< Filled in before task_done. */
	uint64_t priv[22];              /**< The library's; need not be set. */
};

/** @brief The host's side of an initiator; every callback is given the session's `user` pointer first. */
struct iscsip_initiator_ops {
	size_t struct_size; /**< sizeof(struct iscsip_initiator_ops) as the host was compiled. */
	/**
	 * The login of @p c ended. @p status ISCSIP_LOGIN_SUCCESS: full feature phase. Else it was refused: the connection closes;
	 * with 0101 and 0102 info->redirect says where to try. @p err is ISCSIP_OK, or why the login failed (with a refusal:
	 * ISCSIP_ELOGIN, or ISCSIP_EAUTH with 0201). @p info is valid during the call; the scratch memory is the host's again
	 * when it has returned. Required.
	 */
	void (*login_done)(void *user, struct iscsip_conn *c, int err, uint16_t status, const struct iscsip_login_info *info);
	/** A CHAP secret is needed; answer with iscsip_login_chap(). NULL: CHAP fails. */
	void (*chap_ask)(void *user, struct iscsip_conn *c, const struct iscsip_login_info *info,
			 const struct iscsip_chap_ask *ask);
	/**
	 * A piece of a key's value for a mechanism that the host holds (KRB5, SRP, extensions): text as it stands on the wire,
	 * @p off bytes of the value came before, @p last: it ends here. Valid during the call.
	 * @return ISCSIP_OK, or anything else to fail the login. NULL: such methods fail.
	 */
	int (*auth_value)(void *user, struct iscsip_conn *c, const char *key, const char *piece, size_t len, size_t off,
			  bool last);
	/** The keys of a step are in; answer with iscsip_login_auth(), here or later. NULL: such methods fail. */
	void (*auth_step)(void *user, struct iscsip_conn *c, const struct iscsip_login_info *info);
	/** A task is the host's again; t->result says how it ended. Required for tasks. */
	void (*task_done)(void *user, struct iscsip_task *t);
	/** A task management request ended: @p err ISCSIP_OK with its response (#iscsip_tmf_response), or why it had none:
	 *  ISCSIP_EAGAIN the target had no room for it (Reject reason 6), ISCSIP_EPROTO it was rejected for another reason. The
	 *  tasks that it affects were given back before. May be NULL. */
	void (*tmf_done)(void *user, void *cookie, int err, uint8_t response);
	/** A ping ended. @p err ISCSIP_OK: it came back, and the first @p len bytes of its @p data (the host's own) with it, as they
	 *  were sent; a target may return fewer than it was sent. ISCSIP_EPROTO: other bytes came back, or it was rejected.
	 *  ISCSIP_EAGAIN: the target had no room for it (Reject reason 6), which says that it lives. May be NULL. */
	void (*ping_done)(void *user, void *cookie, int err, const void *data, size_t len);
	/** A pair of a text response; the strings are ended by a NUL and valid during the call. @p key NULL: the answer is complete,
	 *  @p err says how it ended: ISCSIP_ENOSPC for a pair longer than limits.text_max, ISCSIP_EPROTO for text that is none
	 *  or a request that was rejected. Pairs that the library acts on (MaxRecvDataSegmentLength) are told too. May be NULL. */
	void (*text)(void *user, void *cookie, int err, const char *key, const char *value, size_t len);
	/** The logout ended: @p err ISCSIP_OK with its @p response (#iscsip_logout_response_code); with 0 what was logged out closes.
	 *  May be NULL. */
	void (*logout_done)(void *user, struct iscsip_conn *c, int err, uint8_t response, uint16_t time2wait,
			    uint16_t time2retain);
	/**
	 * An Asynchronous Message; valid during the call. With SCSI events `data` is the sense data; of other data up to 512 bytes
	 * are kept. ISCSIP_ASYNC_LOGOUT is the host's to obey with iscsip_initiator_logout() within param[2] seconds. Of the
	 * others the library does its part after this call: connections that are dropped close, a negotiation that the target
	 * asks for is begun with an empty request unless the host began one, and with FastAbort the tasks of the logical unit
	 * are given back with ISCSIP_EHOST. May be NULL.
	 */
	void (*async)(void *user, struct iscsip_conn *c, const struct iscsip_async_message *a);
	/** The session's state has changed; @p why is NULL without an error. May be NULL. */
	void (*state)(void *user, struct iscsip_session *s, int state, const struct iscsip_error *why);
};

/** @brief Bytes of memory for an initiator connection. @param[in] cfg a checked configuration. @return The bytes. */
ISCSIP_API size_t iscsip_initiator_conn_size(const struct iscsip_config *cfg);

/** @brief Bytes of memory for an initiator session. @param[in] cfg a checked configuration. @return The bytes. */
ISCSIP_API size_t iscsip_initiator_session_size(const struct iscsip_config *cfg);

/** @brief What a session is, beyond the configuration. */
struct iscsip_initiator_identity {
	const char *target_name; /**< TargetName; NULL: a discovery session. Stays valid as long as the session. */
	uint8_t isid[6];         /**< ISID (RFC 7143 11.12.5); the same one again reinstates an old session. */
};

/**
 * @brief Makes a session without connections.
 * @param[out] out the session, inside @p mem. @param[in] mem memory, aligned to 8. @param[in] len its bytes.
 * @param[in] cfg the configuration; node_name is required. @param[in] id what the session is; copied, but for the name.
 * @param[in] ops the host's side. @param[in] user given to each callback.
 * @retval ISCSIP_OK made. @retval ISCSIP_ENOSPC too little memory. @retval ISCSIP_EINVAL bad configuration, name or alignment.
 */
ISCSIP_API int iscsip_initiator_session_init(struct iscsip_session **out, void *mem, size_t len,
					     const struct iscsip_config *cfg, const struct iscsip_initiator_identity *id,
					     const struct iscsip_initiator_ops *ops, void *user);

/**
 * @brief Makes a connection over a transport that is open, and starts its login: it wants to send at once.
 * @param[out] out the connection, inside @p mem. @param[in] mem memory, aligned to 8, until iscsip_conn_closed().
 * @param[in] len its bytes. @param[in] login scratch, aligned to 8, until login_done. @param[in] login_len its bytes.
 * @param[in,out] s the session. @param[in] cid connection ID, unique in the session. @param[in] user the connection's own
 * pointer.
 * @param[in] now the time.
 * A session whose connections are all gone may have a new one: it then begins anew, with TSIH 0, which reinstates it at
 * the target if that still holds it (RFC 7143 6.3.5).
 * @retval ISCSIP_OK made. @retval ISCSIP_ENOSPC too little memory. @retval ISCSIP_EAGAIN no connection slot is free.
 * @retval ISCSIP_EINVAL names or offer that are no good, memory that is not aligned, or a CID that another connection has.
 * @retval ISCSIP_ESTATE a first connection is still logging in, or the session is logging out, or what its last connection had is
 * just being given back: wait for `state`.
 */
ISCSIP_API int iscsip_initiator_conn_init(struct iscsip_conn **out, void *mem, size_t len, void *login, size_t login_len,
					  struct iscsip_session *s, uint16_t cid, void *user, iscsip_time now);

/**
 * @brief Submits a task. It waits inside the library where the command window is closed.
 * @param[in,out] s a session that is logged in. @param[in,out] t the task; the library's until task_done. @param[in] now
 * the time.
 * @retval ISCSIP_OK taken. @retval ISCSIP_EAGAIN limits.max_tasks are under way. @retval ISCSIP_ESTATE not logged in.
 * @retval ISCSIP_EINVAL lengths or vectors do not fit each other.
 */
ISCSIP_API int iscsip_initiator_submit(struct iscsip_session *s, struct iscsip_task *t, iscsip_time now);

/**
 * @brief Gives up a task: ABORT TASK is sent where it was issued, and task_done comes with ISCSIP_EHOST when that is answered,
 *     or as the task ended if its response was faster; at once where it was not issued, before this call returns.
 *
 * A target that does not answer within config's nop_timeout_ms from the sending, or refuses, loses the connection. Several aborts
 * are sent one after the other, and after a task management request of the host that is on the wire.
 * @retval ISCSIP_OK under way, or done. @retval ISCSIP_ENOENT the task is not the library's.
 * @param[in,out] s the session. @param[in,out] t the task. @param[in] now the time.
 */
ISCSIP_API int iscsip_initiator_abort(struct iscsip_session *s, struct iscsip_task *t, iscsip_time now);

/**
 * @brief Sends a task management request; tmf_done answers.
 *
 * Tasks that the function affects (RFC 7143 4.2.3.2), as far as they were issued before it, are given back with
 * ISCSIP_EHOST when it was answered with success, before tmf_done. It is marked for immediate delivery. TASK REASSIGN needs
 * recovery level 2 and is refused. A target that does not answer within config's request_timeout_ms loses the connection; the
 * time limits of tasks, and aborts, wait for that answer.
 * @param[in,out] s the session. @param[in] function an #iscsip_tmf_function. @param[in] lun the LUN bytes, where the
 * function has one.
 * @param[in] ref the task, for ABORT TASK and QUERY TASK; else NULL. @param[in] cookie given to tmf_done. @param[in] now
 * the time.
 * @retval ISCSIP_OK under way. @retval ISCSIP_EAGAIN one is under way already. @retval ISCSIP_ESTATE not logged in.
 * @retval ISCSIP_EINVAL no such function, or it needs a task.
 */
ISCSIP_API int iscsip_initiator_tmf(struct iscsip_session *s, uint8_t function, uint64_t lun, struct iscsip_task *ref,
				    void *cookie, iscsip_time now);

/**
 * @brief Sends a ping (NOP-Out); ping_done answers. Also a ping that the library itself sends (nop_interval_ms) is one under way.
 *     It waits for the answer to a text request or a logout, but no longer than nop_interval_ms of silence. A target that does
 *     not answer within config's request_timeout_ms loses the connection.
 * @param[in,out] c the connection. @param[in] data ping data, stays until ping_done; may be NULL. @param[in] len its
 * bytes, at most what the target takes.
 * @param[in] cookie given to ping_done. @param[in] now the time.
 * @retval ISCSIP_OK under way. @retval ISCSIP_EAGAIN one is under way. @retval ISCSIP_ESTATE not in full feature phase.
 */
ISCSIP_API int iscsip_initiator_ping(struct iscsip_conn *c, const void *data, size_t len, void *cookie, iscsip_time now);

/**
 * @brief Sends a text request (RFC 7143 11.10) with the pairs at @p text; `text` answers, pair by pair.
 *
 * `SendTargets=All` in a discovery session lists targets. A pair `MaxRecvDataSegmentLength=N` puts N in force: a larger
 * one when the request is sent, a smaller one when it was answered. One that the target declares in its answer holds from
 * then on. A target that does not answer within config's request_timeout_ms loses the connection; every answer of one that goes on
 * begins that time anew.
 * @param[in,out] c the connection. @param[in] text pairs, each ended by a NUL; stays until the answer is complete.
 * @param[in] len their bytes, NULs included. @param[in] cookie given to `text`. @param[in] now the time.
 * @retval ISCSIP_OK under way. @retval ISCSIP_EAGAIN one is under way. @retval ISCSIP_ESTATE not in full feature phase.
 * @retval ISCSIP_EINVAL the text does not end with a NUL, has no key=value, or a key that may not stand there.
 */
ISCSIP_API int iscsip_initiator_text(struct iscsip_conn *c, const char *text, size_t len, void *cookie, iscsip_time now);

/**
 * @brief Logs out. No task may be submitted on the connection any more; those under way may still end before the answer, the
 *     others are given back with ISCSIP_ECLOSED when the connection closes. Nothing else is sent after the request
 *     (RFC 7143 11.14), so wait for the tasks first. The request itself waits for no answer to a ping or a text request.
 * @param[in,out] c the connection to send it on. @param[in] reason an #iscsip_logout_reason. @param[in] cid for CONNECTION
 * and RECOVERY.
 * @param[in] now the time.
 * @retval ISCSIP_OK under way. @retval ISCSIP_ESTATE not in full feature phase.
 * @retval ISCSIP_EINVAL no such reason, or one that this recovery level does not have.
 */
ISCSIP_API int iscsip_initiator_logout(struct iscsip_conn *c, uint8_t reason, uint16_t cid, iscsip_time now);

/**
 * @brief Takes the session's memory back from the library when no connection is left; with the last one all tasks came back.
 * @param[in,out] s the session.
 * @retval ISCSIP_OK done. @retval ISCSIP_EBUSY a connection that was made for it is not closed, also one whose login failed; or
 *     this is inside a callback of the session.
 */
ISCSIP_API int iscsip_initiator_session_fini(struct iscsip_session *s);

#ifdef __cplusplus
}
#endif
#endif
