/* SPDX-License-Identifier: MIT */
/**
 * @file base.h
 * @brief What every other header stands on: vectors, time, error codes.
 *
 * Nothing here allocates, reads a clock or keeps state.
 */
#ifndef ISCSIPROTO_BASE_H
#define ISCSIPROTO_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Marks a function that the shared library exports. */
#if defined(__GNUC__)
#define ISCSIP_API __attribute__((visibility("default")))
#else
#define ISCSIP_API
#endif

/**
 * @brief A piece of the host's memory.
 *
 * Laid out like POSIX `struct iovec`, so that a host may pass an array of these to readv() and
 * writev() (the example tools assert it at compile time), but free of any system header.
 */
struct iscsip_vec {
	void *base; /**< First byte. The library never writes through a vector given for sending. */
	size_t len; /**< Bytes. */
};

/**
 * @brief A place in a vector: the byte where the next copy, read or listing begins.
 *
 * Plain values: a cursor is copied by assignment and owns nothing. The array and the memory that it points
 * to have to live as long as the cursor is used.
 */
struct iscsip_vec_cursor {
	const struct iscsip_vec *vec; /**< The piece that holds the next byte; anything where `cnt` is 0. */
	int cnt;                      /**< Pieces from `vec` on, that one included; 0 at the end. */
	size_t off;                   /**< Bytes of `vec[0]` that lie before the next byte. */
};

/** @brief Milliseconds on any monotonic clock of the host's choice; the library reads none itself. */
typedef uint64_t iscsip_time;

/** @brief "No deadline": nothing has to happen until the host calls again of its own accord. */
#define ISCSIP_TIME_NEVER UINT64_MAX

/**
 * @brief What a call returns: 0 or more for success, one of these otherwise.
 *
 * From #ISCSIP_EINVAL to #ISCSIP_EBUSY the call changed nothing and may be made again. At
 * #ISCSIP_FATAL and below the connection is over: the first such error stays (iscsip_conn_error()),
 * and every later call on that connection repeats it.
 */
enum iscsip_err {
	ISCSIP_OK = 0,          /**< Done. */
	ISCSIP_DONE = 1,        /**< Done, and no callback will follow. */
	ISCSIP_EINVAL = -1,     /**< An argument is out of its range. */
	ISCSIP_ESTATE = -2,     /**< Not in this state, or not from inside a callback. */
	ISCSIP_ENOSPC = -3,     /**< The memory or the buffer given is too small. */
	ISCSIP_EAGAIN = -4,     /**< Not now: a limit is reached, or an answer is still due. */
	ISCSIP_ENOENT = -5,     /**< No such key, tag, task or session. */
	ISCSIP_EBUSY = -6,      /**< In use: something still refers to it. */
	ISCSIP_EDATA = -7,      /**< Bytes that were kept are damaged, or of a version that is not known. */
	ISCSIP_EEXIST = -8,     /**< It has the name of another. */
	ISCSIP_FATAL = -100,    /**< First of the codes that end a connection. */
	ISCSIP_EPROTO = -101,   /**< The peer broke the protocol. */
	ISCSIP_EDIGEST = -102,  /**< A digest did not match, at a recovery level that cannot mend it. */
	ISCSIP_ETIMEDOUT = -103, /**< The peer did not answer in time. */
	ISCSIP_EAUTH = -104,    /**< Authentication failed, or the peer left it out. */
	ISCSIP_ECLOSED = -105,  /**< The transport is closed, or the session logged out. */
	ISCSIP_EHOST = -106,    /**< The host asked for the end, or one of its callbacks failed. */
	ISCSIP_ELOGIN = -107    /**< Login was refused; the status says why. */
};

/** @brief Words for an #iscsip_err. @param[in] err the code. @return A constant string, never NULL. */
ISCSIP_API const char *iscsip_strerror(int err);

/**
 * @brief Whether @p err ends the connection that it was met on.
 * @param[in] err the code.
 * @return True for #ISCSIP_FATAL and below.
 */
ISCSIP_API bool iscsip_err_is_fatal(int err);

/** @brief What was wrong, as a value; iscsip_error_format() makes words of it. */
struct iscsip_error {
	int code;              /**< An #iscsip_err. */
	uint8_t opcode;        /**< Opcode of the PDU at fault, 0xff where there was none. */
	uint8_t reject_reason; /**< Reject reason sent or received (RFC 7143 11.17.1), or 0. */
	uint16_t rule;         /**< Row of the legality table (#iscsip_pdu_rule), an #iscsip_initiator_rule, or 0. */
	uint32_t arg;          /**< The offending byte's offset, value or tag, as the rule says. */
};

/**
 * @brief One line for a person: what, where, why.
 * @param[in] e the error.
 * @param[out] dst where the text goes, always ended by a NUL when @p cap > 0.
 * @param[in] cap bytes at @p dst.
 * @return The length of the whole text without its NUL, also where it was cut, as snprintf() has it.
 */
ISCSIP_API int iscsip_error_format(const struct iscsip_error *e, char *dst, size_t cap);

#ifdef __cplusplus
}
#endif
#endif
