/* SPDX-License-Identifier: MIT */
/**
 * @file session.h
 * @brief What sessions of both roles have in common: an I_T nexus, its parameters and its state.
 *
 * A session is made by the role (initiator.h, target.h) in one block of the host's memory; connections are made apart
 * from it and join it when their login ends. One thread at a time in a session and all its connections.
 */
#ifndef ISCSIPROTO_SESSION_H
#define ISCSIPROTO_SESSION_H

#include "auth.h"
#include "base.h"
#include "config.h"
#include "conn.h"
#include "params.h"
#include "pdu.h"

#ifdef __cplusplus
extern "C" {
#endif

/** @brief States of a session (RFC 7143 8.3). */
enum iscsip_session_state {
	ISCSIP_SESSION_FREE = 0,      /**< Q1: no connection yet, or all gone for good. */
	ISCSIP_SESSION_ACTIVE = 1,    /**< Target Q2 ACTIVE: first login under way. */
	ISCSIP_SESSION_LOGGED_IN = 2, /**< Q3: at least one connection is in full feature phase. */
	ISCSIP_SESSION_FAILED = 3     /**< Q4: no connection left, but not logged out. */
};

/** @brief The parameters in force. @param[in] s the session. @return Valid as long as @p s; defaults before the login ended. */
ISCSIP_API const struct iscsip_params *iscsip_session_params(const struct iscsip_session *s);

/** @brief The state. @param[in] s the session. @return An #iscsip_session_state. */
ISCSIP_API int iscsip_session_state(const struct iscsip_session *s);

/** @brief The host's pointer given at init. @param[in] s the session. @return The pointer. */
ISCSIP_API void *iscsip_session_user(const struct iscsip_session *s);

/** @brief The session's TSIH, 0 before the login ended. @param[in] s the session. @return The TSIH. */
ISCSIP_API uint16_t iscsip_session_tsih(const struct iscsip_session *s);

/**
 * @brief The connection of slot @p index.
 * @param[in] s the session. @param[in] index 0 to limits.max_conns - 1.
 * @return The connection, or NULL where the slot is empty.
 */
ISCSIP_API struct iscsip_conn *iscsip_session_conn(const struct iscsip_session *s, unsigned index);

/** @brief When iscsip_session_tick() is to be called at the latest. @param[in] s the session.
 *  @return A time, or #ISCSIP_TIME_NEVER. */
ISCSIP_API iscsip_time iscsip_session_deadline(const struct iscsip_session *s);

/** @brief Acts on what is due: time limits of tasks and requests. @param[in,out] s the session. @param[in] now the time.
 *  @return ISCSIP_OK, or ISCSIP_ESTATE from inside a callback. */
ISCSIP_API int iscsip_session_tick(struct iscsip_session *s, iscsip_time now);

/** @brief Counters of one session; they only grow. */
struct iscsip_session_stats {
	uint64_t commands;     /**< SCSI commands taken (target) or issued (initiator). */
	uint64_t in_bytes;     /**< SCSI data sent to, or received by, the initiator. */
	uint64_t out_bytes;    /**< SCSI data sent by, or received from, the initiator. */
	uint32_t tmfs;         /**< Task management requests. */
	uint32_t aborted;      /**< Tasks that ended without a status. */
	uint32_t ignored;      /**< PDUs outside the command window, duplicates, and data for tasks that are gone. */
};

/** @brief Reads the counters. @param[in] s the session. @param[out] st where to. */
ISCSIP_API void iscsip_session_get_stats(const struct iscsip_session *s, struct iscsip_session_stats *st);

/** @brief What an Asynchronous Message says (RFC 7143 11.9), to send or as it was received. */
struct iscsip_async_message {
	uint8_t event;     /**< An #iscsip_async_event_code, or another value as received. */
	uint8_t vcode;     /**< AsyncVCode, with the vendor's events. */
	uint16_t param[3]; /**< Parameter1 to 3. */
	uint64_t lun;      /**< LUN, with ISCSIP_ASYNC_SCSI and ISCSIP_ASYNC_TASK_TERMINATION. */
	const void *data;  /**< ISCSIP_ASYNC_SCSI: sense data; the vendor's events: their data. */
	uint32_t len;      /**< Its bytes. */
};

#ifdef __cplusplus
}
#endif
#endif
