/* SPDX-License-Identifier: MIT */
/**
 * @file conn.h
 * @brief One transport connection: the doors that bytes come and go through.
 *
 * Vocabulary: *rx* and *tx* are the transport; *next* lists memory and changes nothing the host could see;
 * *done* tells how many bytes of the list were moved. The same list may be asked for again at will.
 *
 * A wake-up of a host with sockets:
 *
 *     n = iscsip_conn_rx_next(c, &stage, vec, 16);        the rest of a payload in its place, then the stage
 *     got = readv(fd, vec, n);
 *     left = iscsip_conn_rx_done(c, got, now);            > 0: the last bytes of the stage stay with the host
 *     ...
 *     n = iscsip_conn_tx_next(c, vec, 64, now);
 *     put = writev(fd, vec, n);
 *     iscsip_conn_tx_done(c, put, now);
 *
 * Ask iscsip_conn_want() first: where it does not want RX nothing is listed, and readv() of nothing looks like the end of the
 * stream. Sends must not raise SIGPIPE (ignore it, or use MSG_NOSIGNAL): peers close when they like.
 *
 * A host that owns the bytes already (lwIP, TLS) calls iscsip_conn_rx_push() and iscsip_conn_tx_pull() instead;
 * one that wants no more than a loop calls iscsip_conn_run().
 *
 * None of these may be called from inside a callback of the library: they answer ISCSIP_ESTATE then, and nothing has happened.
 */
#ifndef ISCSIPROTO_CONN_H
#define ISCSIPROTO_CONN_H

#include "base.h"
#include "config.h"

#ifdef __cplusplus
extern "C" {
#endif

struct iscsip_session;


/** @brief Bytes of scratch memory a login needs; free again once the login ended. @param[in] cfg a checked configuration.
 *  @return The bytes, a multiple of 8. */
ISCSIP_API size_t iscsip_login_size(const struct iscsip_config *cfg);

/** @brief What a connection can do now; bits of iscsip_conn_want(). */
enum iscsip_want {
	ISCSIP_WANT_RX = 1u << 0,   /**< It takes bytes. Not set: it is held for a buffer, or over. */
	ISCSIP_WANT_TX = 1u << 1,   /**< It has bytes to send. */
	ISCSIP_WANT_CLOSE = 1u << 2 /**< It is over: send what TX still has, close the transport, call iscsip_conn_closed(). */
};

/** @brief The bits of #iscsip_want that hold now. @param[in] c the connection. @return #iscsip_want bits. */
ISCSIP_API unsigned iscsip_conn_want(const struct iscsip_conn *c);

/**
 * @brief Where the next bytes go: the rest of a payload in its final place, then header or stage.
 * @param[in,out] c the connection.
 * @param[in] stage memory of the host for whatever comes after that place, or NULL: only known bytes are asked for.
 *     It is needed until the iscsip_conn_rx_done() that follows, and may serve all connections of a thread.
 * @param[out] vec the list. @param[in] max pieces at @p vec, 2 or more.
 * @return Pieces listed; 0 where the connection takes nothing now; or a negative #iscsip_err.
 */
ISCSIP_API int iscsip_conn_rx_next(struct iscsip_conn *c, const struct iscsip_vec *stage, struct iscsip_vec *vec, int max);

/**
 * @brief Tells that the first @p n bytes of the list of iscsip_conn_rx_next() have come, and works on them.
 * @param[in,out] c the connection. @param[in] n bytes, at most those listed. @param[in] now the time.
 * @return How many of the last bytes in the stage were not taken (the connection is held: keep them and give them to
 *     iscsip_conn_rx_push() once it wants RX again), 0 in the normal case, or a negative #iscsip_err.
 */
ISCSIP_API ptrdiff_t iscsip_conn_rx_done(struct iscsip_conn *c, size_t n, iscsip_time now);

/**
 * @brief Gives bytes that the host has already; payload is copied to its place.
 * @param[in,out] c the connection. @param[in] p the bytes, needed during the call. @param[in] n how many. @param[in] now the time.
 * @return Bytes taken, fewer than @p n only where the connection is held; or a negative #iscsip_err.
 */
ISCSIP_API ptrdiff_t iscsip_conn_rx_push(struct iscsip_conn *c, const void *p, size_t n, iscsip_time now);

/**
 * @brief Lists what to send now, in order. PDUs are made and numbered here, at the last moment.
 * @param[in,out] c the connection. @param[out] vec the list; the memory stays valid until the iscsip_conn_tx_done() for
 *     its bytes (with #ISCSIP_CFG_TX_HOLD: iscsip_conn_tx_release()). @param[in] max pieces at @p vec, 4 or more.
 * @param[in] now the time.
 * @return Pieces listed, 0 for nothing to send, or a negative #iscsip_err.
 */
ISCSIP_API int iscsip_conn_tx_next(struct iscsip_conn *c, struct iscsip_vec *vec, int max, iscsip_time now);

/**
 * @brief Tells that the first @p n bytes of the list of iscsip_conn_tx_next() were taken by the transport.
 * @param[in,out] c the connection. @param[in] n bytes, at most those listed. @param[in] now the time.
 * @return ISCSIP_OK or a negative #iscsip_err.
 */
ISCSIP_API int iscsip_conn_tx_done(struct iscsip_conn *c, size_t n, iscsip_time now);

/**
 * @brief With #ISCSIP_CFG_TX_HOLD: tells that the transport no longer reads the oldest @p n bytes that were done.
 * @param[in,out] c the connection. @param[in] n bytes, at most those done and not yet released.
 * @return ISCSIP_OK, ISCSIP_EINVAL for too many, ISCSIP_ESTATE without the flag.
 */
ISCSIP_API int iscsip_conn_tx_release(struct iscsip_conn *c, size_t n);

/**
 * @brief Copies what to send now into the host's buffer; the same as next, copy and done in one.
 * @param[in,out] c the connection. @param[out] p where to. @param[in] n room. @param[in] now the time.
 * @return Bytes written, 0 for nothing to send, or a negative #iscsip_err.
 */
ISCSIP_API ptrdiff_t iscsip_conn_tx_pull(struct iscsip_conn *c, void *p, size_t n, iscsip_time now);

/** @brief The host's transport as two calls, for iscsip_conn_run(). */
struct iscsip_transport {
	void *user; /**< Given back to both. */
	/** Receives up to @p len bytes. @return Bytes, 0 for the end of the stream, ISCSIP_EAGAIN for none now, or another
	 *  negative #iscsip_err. */
	ptrdiff_t (*recv)(void *user, void *p, size_t len);
	/** Sends a list. @return Bytes taken, ISCSIP_EAGAIN for none now, or another negative #iscsip_err. */
	ptrdiff_t (*send)(void *user, const struct iscsip_vec *vec, int cnt);
};

/**
 * @brief The convenience door: receives and sends over the host's calls until neither gets on.
 * @param[in,out] c the connection. @param[in] t the transport. @param[in] now the time.
 * @retval ISCSIP_OK nothing to do before the transport is ready again or the deadline is reached.
 * @retval ISCSIP_ECLOSED the stream ended or the connection is over; iscsip_conn_closed() was not called yet.
 * @return Otherwise a negative #iscsip_err.
 */
ISCSIP_API int iscsip_conn_run(struct iscsip_conn *c, const struct iscsip_transport *t, iscsip_time now);

/**
 * @brief The transport is closed, whoever closed it. Every task of the connection is given back; nothing of the library
 * refers to the connection's memory after this.
 * @param[in,out] c the connection. @param[in] now the time.
 * @retval ISCSIP_OK done, now or before. @retval ISCSIP_ESTATE from inside a callback: it is still open, and its memory in use.
 */
ISCSIP_API int iscsip_conn_closed(struct iscsip_conn *c, iscsip_time now);

/** @brief When iscsip_conn_tick() is to be called at the latest. @param[in] c the connection.
 *  @return A time, or #ISCSIP_TIME_NEVER. */
ISCSIP_API iscsip_time iscsip_conn_deadline(const struct iscsip_conn *c);

/** @brief Acts on what is due: login limit, keepalive, logout limit. @param[in,out] c the connection. @param[in] now the time.
 *  @return ISCSIP_OK or a negative #iscsip_err. */
ISCSIP_API int iscsip_conn_tick(struct iscsip_conn *c, iscsip_time now);

/** @brief The first fatal error, or one with code ISCSIP_OK. @param[in] c the connection. @return Valid as long as @p c. */
ISCSIP_API const struct iscsip_error *iscsip_conn_error(const struct iscsip_conn *c);

/**
 * @brief What was wrong in a login that failed, in words for a log: which rule the peer broke, or what it would not agree to.
 * @param[in] c the connection, from `login_done` on.
 * @return A constant text; empty where the login has not failed, or not by its text ("-" in builds with ISCSIP_NO_REASONS).
 */
ISCSIP_API const char *iscsip_conn_login_reason(const struct iscsip_conn *c);

/** @brief The session that the connection belongs to, or NULL before its login ended. @param[in] c the connection.
 *  @return The session, or NULL. */
ISCSIP_API struct iscsip_session *iscsip_conn_session(const struct iscsip_conn *c);

/** @brief The host's pointer given at init. @param[in] c the connection. @return The pointer. */
ISCSIP_API void *iscsip_conn_user(const struct iscsip_conn *c);

/** @brief Connection ID (RFC 7143 11.12.5). @param[in] c the connection. @return The CID. */
ISCSIP_API uint16_t iscsip_conn_cid(const struct iscsip_conn *c);

/** @brief States of a connection, RFC 7143 8.1.3 as far as the library sees them. */
enum iscsip_conn_state {
	ISCSIP_CONN_LOGIN = 0,        /**< S4 IN_LOGIN (target: also S3 XPT_UP). */
	ISCSIP_CONN_FULL_FEATURE = 1, /**< S5 LOGGED_IN. */
	ISCSIP_CONN_LOGOUT = 2,       /**< S6 IN_LOGOUT: logout sent, or asked for by the peer. */
	ISCSIP_CONN_CLOSING = 3,      /**< Over; what is pending is still sent. */
	ISCSIP_CONN_CLOSED = 4        /**< iscsip_conn_closed() was called. */
};

/** @brief The state now. @param[in] c the connection. @return An #iscsip_conn_state. */
ISCSIP_API int iscsip_conn_state(const struct iscsip_conn *c);

/** @brief Counters of one connection; they only grow (names after RFC 7147). */
struct iscsip_conn_stats {
	uint64_t rx_bytes;       /**< Bytes received. */
	uint64_t tx_bytes;       /**< Bytes sent. */
	uint64_t rx_pdus;        /**< PDUs received. */
	uint64_t tx_pdus;        /**< PDUs sent. */
	uint32_t digest_errors;  /**< Header and data digests that did not match. */
	uint32_t format_errors;  /**< PDUs refused. */
	uint32_t rejects_sent;   /**< Reject PDUs sent. */
	uint32_t rejects_got;    /**< Reject PDUs received. */
};

/** @brief Reads the counters. @param[in] c the connection. @param[out] st where to. */
ISCSIP_API void iscsip_conn_get_stats(const struct iscsip_conn *c, struct iscsip_conn_stats *st);

#ifdef __cplusplus
}
#endif
#endif
