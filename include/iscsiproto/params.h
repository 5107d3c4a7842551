/* SPDX-License-Identifier: MIT */
/**
 * @file params.h
 * @brief What a side offers and accepts of every key, and what came of it.
 *
 * A `struct iscsip_offer` is the host's policy and stays constant while logins refer to it; a
 * `struct iscsip_params` is the result of one negotiation. Members are named after their keys
 * (RFC 7143 chapter 13, RFC 7144 7.1.1, RFC 7145 chapter 6), sizes are in bytes, times in seconds as
 * the keys have them.
 */
#ifndef ISCSIPROTO_PARAMS_H
#define ISCSIPROTO_PARAMS_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** @brief Values of HeaderDigest and DataDigest (RFC 7143 13.1). */
enum iscsip_digest {
	ISCSIP_DIGEST_NONE = 0,  /**< None. */
	ISCSIP_DIGEST_CRC32C = 1 /**< CRC32C. */
};

/** @brief Values of AuthMethod (RFC 7143 12.1). */
enum iscsip_auth_method {
	ISCSIP_AUTH_NONE = 0,     /**< None: nobody proves anything. */
	ISCSIP_AUTH_CHAP = 1,     /**< CHAP, done by the library (12.1.3). */
	ISCSIP_AUTH_SRP = 2,      /**< SRP: the library carries the keys, the host holds the mechanism (12.1.2). */
	ISCSIP_AUTH_KRB5 = 3,     /**< KRB5: likewise (12.1.1). */
	ISCSIP_AUTH_EXTENSION = 4 /**< The method named by iscsip_offer::auth_extension: likewise. */
};

/** @brief Values of TaskReporting (RFC 7143 13.23). */
enum iscsip_task_reporting {
	ISCSIP_TASK_REPORTING_RFC3720 = 0,        /**< RFC3720, the default. */
	ISCSIP_TASK_REPORTING_RESPONSE_FENCE = 1, /**< ResponseFence. */
	ISCSIP_TASK_REPORTING_FAST_ABORT = 2      /**< FastAbort; implies the response fence. */
};

/** @brief Values of SessionType (RFC 7143 13.21). */
enum iscsip_session_type {
	ISCSIP_SESSION_NORMAL = 0,   /**< Normal. */
	ISCSIP_SESSION_DISCOVERY = 1 /**< Discovery: SendTargets and Logout alone. */
};

/**
 * @brief The parameters in force on a connection and in its session.
 *
 * After a login these are final; connection-wide members (digests and the two data segment lengths) hold for
 * the connection, all others for the session.
 */
struct iscsip_params {
	uint8_t session_type;      /**< An #iscsip_session_type. */
	uint8_t header_digest;     /**< An #iscsip_digest. */
	uint8_t data_digest;       /**< An #iscsip_digest. */
	uint8_t task_reporting;    /**< An #iscsip_task_reporting. */
	bool initial_r2t;          /**< Yes: write data beyond immediate data waits for an R2T. */
	bool immediate_data;       /**< Yes: write data may come with the command. */
	bool data_pdu_in_order;    /**< Yes: PDUs of a sequence come at increasing offsets. */
	bool data_sequence_in_order; /**< Yes: sequences come at increasing offsets. */
	uint32_t max_connections;  /**< Connections that the session may have, 1 to 65535. */
	uint32_t max_recv_data_segment_length; /**< Longest data segment that the peer may send: what this side declared. */
	uint32_t max_send_data_segment_length; /**< Longest data segment that the peer takes: what the peer declared. */
	uint32_t max_burst_length;     /**< Bytes of a Data-In or solicited Data-Out sequence. */
	uint32_t first_burst_length;   /**< Bytes of unsolicited data, immediate data included; at most max_burst_length. */
	uint32_t default_time2wait;    /**< Seconds before a reconnection or reassignment may begin, 0 to 3600. */
	uint32_t default_time2retain;  /**< Seconds after that in which it must happen, 0 to 3600. */
	uint32_t max_outstanding_r2t;  /**< R2Ts outstanding for a task, 1 to 65535. */
	uint32_t error_recovery_level; /**< 0 to 2. */
	uint32_t iscsi_protocol_level; /**< 0 to 31; 1 for RFC 7143, 2 for RFC 7144. */
	bool rdma_extensions;          /**< Yes: the connection goes on with iSER (RFC 7145). */
	bool iser_hello_required;      /**< Initiator's declaration iSERHelloRequired. */
	bool tagged_buffer_for_solicited_data_only; /**< Initiator's declaration of that key. */
	uint32_t target_recv_data_segment_length;    /**< iSER: longest control segment to the target. */
	uint32_t initiator_recv_data_segment_length; /**< iSER: longest control segment to the initiator. */
	uint32_t max_outstanding_unexpected_pdus;    /**< iSER: as the peer declared it; 0: no limit. */
	uint32_t max_ahs_length;                     /**< iSER: as the peer declared it; 0: no limit. */
};

/** @brief Fills in the default of every key, as the standards give them: what holds where nothing was negotiated.
 *  @param[out] params what to fill. */
ISCSIP_API void iscsip_params_init(struct iscsip_params *params);

/** @brief Most entries of a list of preferences. */
#define ISCSIP_PREFS_MAX 7

/** @brief An ordered list of small numbers, the most wanted first. */
struct iscsip_prefs {
	uint8_t count;                  /**< Entries in use, up to #ISCSIP_PREFS_MAX. */
	uint8_t item[ISCSIP_PREFS_MAX]; /**< The numbers. */
};

/**
 * @brief What a side offers and accepts of every key. Fill with iscsip_offer_init_initiator() or
 *     iscsip_offer_init_target(), change members or use iscsip_offer_set(), then iscsip_offer_check().
 *
 * A list is what this side supports: offered in its order, and of a peer's list the first entry that stands in it is
 * taken (RFC 7143 6.2.1). A truth value is this side's wish, which the key's function (AND, OR) joins with
 * the peer's. A number is what is offered, and the bound up to which (for DefaultTime2Wait: from which) a peer's
 * offer is taken. Where a peer leaves a key out whose default this side does not accept (a list without
 * None, a number under the default), a target proposes the key itself.
 */
struct iscsip_offer {
	size_t struct_size;                 /**< Set by the init functions. */
	struct iscsip_prefs auth_methods;   /**< #iscsip_auth_method values. Without #ISCSIP_AUTH_NONE there is no login
	                                         without authentication. */
	struct iscsip_prefs chap_algorithms; /**< CHAP_A numbers 5 to 8; those that are not built in are left out. */
	bool mutual_auth;                   /**< Initiator: the target has to authenticate itself too, or the login fails. */
	bool allow_short_secrets;           /**< Take CHAP secrets under 96 bits (RFC 7143 9.2.1 wants IPsec with them). */
	const char *auth_extension;         /**< Name of a private or public method (`Z-...`), or NULL; kept by the host. */
	const char *node_architecture;      /**< X#NodeArchitecture to declare, or NULL (RFC 7143 13.26); kept by the host. */
	struct iscsip_prefs header_digest;  /**< #iscsip_digest values. */
	struct iscsip_prefs data_digest;    /**< #iscsip_digest values. */
	struct iscsip_prefs task_reporting; /**< #iscsip_task_reporting values. */
	bool initial_r2t;                   /**< InitialR2T; No lets the peer decide. */
	bool immediate_data;                /**< ImmediateData; Yes lets the peer decide. */
	bool data_pdu_in_order;             /**< DataPDUInOrder; No lets the peer decide. */
	bool data_sequence_in_order;        /**< DataSequenceInOrder; No lets the peer decide. */
	bool rdma_extensions;               /**< RDMAExtensions; only for a host that has iSER below it. */
	bool iser_hello_required;           /**< iSERHelloRequired to declare (initiator). */
	bool tagged_buffer_for_solicited_data_only; /**< TaggedBufferForSolicitedDataOnly to declare (initiator). */
	uint32_t max_connections;           /**< MaxConnections, 1 to 65535. */
	uint32_t max_recv_data_segment_length; /**< MaxRecvDataSegmentLength to declare, 512 to 16777215. */
	uint32_t max_burst_length;          /**< MaxBurstLength, 512 to 16777215. */
	uint32_t first_burst_length;        /**< FirstBurstLength, 512 to 16777215; at most max_burst_length. */
	uint32_t default_time2wait;         /**< DefaultTime2Wait, 0 to 3600. */
	uint32_t default_time2retain;       /**< DefaultTime2Retain, 0 to 3600. */
	uint32_t max_outstanding_r2t;       /**< MaxOutstandingR2T, 1 to 65535. */
	uint32_t error_recovery_level;      /**< ErrorRecoveryLevel, 0 to 2. */
	uint32_t iscsi_protocol_level;      /**< iSCSIProtocolLevel, 0 to 31. */
	uint32_t target_recv_data_segment_length;    /**< TargetRecvDataSegmentLength, 512 to 16777215. */
	uint32_t initiator_recv_data_segment_length; /**< InitiatorRecvDataSegmentLength, 512 to 16777215. */
	uint32_t max_outstanding_unexpected_pdus;    /**< MaxOutstandingUnexpectedPDUs to declare, 0 or 2 and up. */
	uint32_t max_ahs_length;                     /**< MaxAHSLength to declare, 0 or 2 and up. */
};

/**
 * @brief Fills in what deployed initiators do well with: data segments of 256 KiB, first bursts of 256 KiB, bursts of 1 MiB,
 *     InitialR2T=No, ImmediateData=Yes, eight R2Ts, digests None or CRC32C, no authentication, recovery level 0.
 * @param[out] offer what to fill.
 */
ISCSIP_API void iscsip_offer_init_initiator(struct iscsip_offer *offer);

/**
 * @brief The same for a target; it also takes iSCSIProtocolLevel up to 2 and every TaskReporting.
 * @param[out] offer what to fill.
 */
ISCSIP_API void iscsip_offer_init_target(struct iscsip_offer *offer);

/**
 * @brief Sets one member from text: `iscsip_offer_set(&offer, "HeaderDigest", "CRC32C,None")`.
 *
 * Takes the name of every key that a host can choose: those above, AuthMethod and CHAP_A. Values have the
 * syntax of the wire (RFC 7143 6.1): Yes and No, decimal or 0x numbers, lists with commas. AuthMethod takes the
 * methods of #iscsip_auth_method and the name in iscsip_offer::auth_extension.
 * @param[in,out] offer what to change; unchanged where the call fails. @param[in] key a key's name. @param[in] value its value.
 * @retval ISCSIP_OK done. @retval ISCSIP_ENOENT no such key, or none that a host can choose.
 * @retval ISCSIP_EINVAL the value is no value of this key. @retval ISCSIP_TEXT_ERANGE the number lies outside the key's range.
 */
ISCSIP_API int iscsip_offer_set(struct iscsip_offer *offer, const char *key, const char *value);

/**
 * @brief Checks ranges, lists and the rules between keys (FirstBurstLength within MaxBurstLength; with mutual_auth no
 *     None among the methods; RFC3720 and ResponseFence in a TaskReporting that goes beyond the default).
 * @param[in] offer what to check. @param[out] key where the name of the key at fault goes (a constant string), or NULL.
 * @retval ISCSIP_OK fit for use. @retval ISCSIP_EINVAL a member is out of its range.
 */
ISCSIP_API int iscsip_offer_check(const struct iscsip_offer *offer, const char **key);

#ifdef __cplusplus
}
#endif
#endif
