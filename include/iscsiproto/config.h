/* SPDX-License-Identifier: MIT */
/**
 * @file config.h
 * @brief Limits, the host's services and the defaults that connections and sessions are made with.
 *
 * One configuration may serve any number of connections and sessions on any number of threads: the
 * library only reads it. It must stay unchanged and in place as long as anything made with it lives.
 */
#ifndef ISCSIPROTO_CONFIG_H
#define ISCSIPROTO_CONFIG_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

struct iscsip_conn;
struct iscsip_offer;

/**
 * @brief How much of everything. Together with the config's flags these decide every size; a peer can raise none of them.
 *
 * The bytes that each costs are in docs/memory.md, from the same code that carves the memory.
 */
struct iscsip_limits {
	uint16_t max_conns;   /**< Connections a session, 1 to 64. */
	uint16_t max_tasks;   /**< Command window: tasks a session holds at once, 1 to 4096. Two more for each connection
	                           are kept for immediate commands (RFC 7143 4.2.2.1). */
	uint16_t max_r2ts;    /**< Tag table entries a session: R2Ts outstanding over all tasks, 1 to 4096. Target only. */
	uint16_t max_tx_pdus; /**< PDUs of a connection that are on their way out at once, 2 to 1024. */
	uint16_t ahs_max;     /**< Largest additional header segment taken, bytes, 0 to 1020, a multiple of 4. Larger ones end
	                           the connection. A target's tasks keep an extended CDB of up to this size each. */
	uint16_t text_max;    /**< Bytes of the largest key=value pair taken in full feature phase, and of the buffer that text
	                           responses are made in, 64 to 8192. */
	uint16_t ping_max;    /**< Bytes of ping data that a target keeps for the echo where the host lends no memory. */
};

/** @brief What the trace hook is told; a PDU is one HEADER, any number of DATA, one END, of its direction. */
enum iscsip_trace_event {
	ISCSIP_TRACE_RX_HEADER = 0, /**< BHS and AHS of a PDU received, its digest good. */
	ISCSIP_TRACE_RX_DATA = 1,   /**< Data of it, as it lands. */
	ISCSIP_TRACE_RX_END = 2,    /**< It is complete; the length is 1 where its data digest was wrong, else 0. */
	ISCSIP_TRACE_TX_HEADER = 3, /**< BHS and AHS of a PDU, at the moment it is made and numbered. */
	ISCSIP_TRACE_TX_DATA = 4,   /**< Data of it. */
	ISCSIP_TRACE_TX_END = 5     /**< It is complete; the length is 0. */
};

/** @brief Services of the host that every connection and session uses. All may be NULL but `random`. */
struct iscsip_host {
	size_t struct_size; /**< sizeof(struct iscsip_host) as the host was compiled. */
	void *user;         /**< Given back to each call here. */
	/** Fills @p dst with @p len bytes that nobody can guess (CHAP challenges, TSIHs). */
	void (*random)(void *user, uint8_t *dst, size_t len);
	/** CRC32C routine; NULL: the portable one. iscsip_crc32c_choose() answers the fastest of this CPU. */
	uint32_t (*crc32c)(uint32_t crc, const void *p, size_t n);
	/** Told of every PDU in both directions; the bytes are valid during the call only, padding and digests are left out. */
	void (*trace)(void *user, struct iscsip_conn *conn, enum iscsip_trace_event event, const void *p, size_t len);
	/**
	 * @p conn has something to send, takes bytes again, or is over, since a call from outside its doors (a late answer, a command
	 * submitted, a time limit of its session). Told once until its next door is passed, whichever that is; a host that asks
	 * iscsip_conn_want() after each call does not need it. The doors are shut meanwhile: note it, and pass them later.
	 */
	void (*wake)(void *user, struct iscsip_conn *conn);
	/**
	 * Lends memory for ping data to be echoed (@p len up to MaxRecvDataSegmentLength). NULL answer: none to spare, the
	 * connection uses its own `ping_max` bytes, and longer ping data is echoed cut (RFC 7143 11.19).
	 */
	void *(*lend)(void *user, size_t len);
	/** Takes back what `lend` gave. */
	void (*take_back)(void *user, void *mem, size_t len);
};

/** @brief Named leniencies and switches; none set is the strict reading of RFC 7143. */
enum iscsip_config_flag {
	/** Reserved bits and fields that a receiver may ignore (RFC 7143 11) are checked and refused: for test rigs. */
	ISCSIP_CFG_CHECK_RESERVED = 1u << 0,
	/** Units sent stay untouched until iscsip_conn_tx_release(): the transport reads buffers after the send call
	 *  returned (MSG_ZEROCOPY, io_uring, DMA). */
	ISCSIP_CFG_TX_HOLD = 1u << 1,
	/** Names of both sides need not be such as RFC 7143 4.2.7 has: iscsip_name_normalize_any() is enough. Names with "_" are
	 *  all over the field. */
	ISCSIP_CFG_ANY_NAME = 1u << 2,
	/** NULs between the pairs of a text are skipped, for peers that count padding as text. */
	ISCSIP_CFG_SKIP_NULS = 1u << 3,
	/** Initiator: a key that the target left without an answer keeps its default (else the login fails). */
	ISCSIP_CFG_ALLOW_UNANSWERED = 1u << 4,
	/** The LUN of an R2T or of a Data-Out is not compared with its command's (RFC 7143 11.7.4, 11.8): the tags say whose it is.
	 *  Windows does not always set it, and would wait for its write for ever; nor do some targets of EMC. */
	ISCSIP_CFG_ANY_LUN = 1u << 5,
	/** Target: R2Ts of aborted tasks that stay unanswered for `logout_timeout_ms` are given up, and the task management that
	 *  waits for them (RFC 7143 4.2.3.3) goes on; else they cost the connection. Linux answers none unless its own FastAbort,
	 *  which it does not negotiate, is set to No. */
	ISCSIP_CFG_OPEN_R2TS = 1u << 6
};

/** @brief What connections and sessions are made with. Fill with iscsip_config_init(), then change. */
struct iscsip_config {
	size_t struct_size;              /**< Set by iscsip_config_init(). */
	struct iscsip_limits limits;     /**< See there. */
	const struct iscsip_host *host;  /**< The host's services. Required. */
	const struct iscsip_offer *offer; /**< Keys: what is offered and accepted (params.h), with ErrorRecoveryLevel 0. Required. */
	const char *node_name;           /**< Initiator: its InitiatorName. Target: unused (names come with the login). */
	const char *node_alias;          /**< InitiatorAlias or TargetAlias to declare, or NULL. */
	uint32_t flags;                  /**< #iscsip_config_flag bits. */
	uint32_t login_timeout_ms;       /**< A login that has not ended after this time is closed. 0: never. Default 15000. */
	uint32_t login_max_pdus;         /**< Login requests one login may take. Default 64. */
	uint32_t login_text_max;         /**< Bytes of text one login may send in all. Default 65536. */
	uint32_t nop_interval_ms;        /**< Silence after which a ping is sent. 0: never. Default 0. */
	uint32_t nop_timeout_ms;         /**< Wait for its answer, and for that to an ABORT TASK of the library, from its sending or
	                                      the last byte received, before the connection is given up. 0: never. Default 5000. */
	uint32_t request_timeout_ms;     /**< Initiator: wait for the answer to task management, a ping or a text request of the host,
	                                      from its sending. Both roles: wait for the transport to take anything while a
	                                      request or a ping waits to be sent. Then the connection is given up. 0: nop_timeout_ms.
	                                      Default 30000. */
	uint32_t logout_timeout_ms;      /**< Wait for the peer's part of a logout, or of an abort, and for the transport to take what
	                                      is pending when a connection is over. 0: for none of it, but an initiator waits for
	                                      the answer to its logout, and a target for answers to R2Ts. Default 5000. */
	uint32_t hurry_ms;               /**< Target: how long a transfer that others wait for may stand still; see iscsip_cmd_hurry().
	                                      0: for ever. Default 4000. */
	uint32_t initial_cmdsn;          /**< Initiator: first CmdSN of a session. Default 1. */
	uint32_t initial_statsn;         /**< Target: first StatSN of a connection. Default 1. */
};

/**
 * @brief Fills in the defaults: one connection, 32 tasks, 32 R2Ts, 32 units out, 256 bytes of AHS.
 * @param[out] cfg what to fill. @param[in] struct_size sizeof *cfg as the host was compiled.
 */
ISCSIP_API void iscsip_config_init(struct iscsip_config *cfg, size_t struct_size);

/**
 * @brief Checks limits and required members.
 * @param[in] cfg what to check.
 * @retval ISCSIP_OK fit for use. @retval ISCSIP_EINVAL a member is out of its range or missing.
 */
ISCSIP_API int iscsip_config_check(const struct iscsip_config *cfg);

#ifdef __cplusplus
}
#endif
#endif
