/* SPDX-License-Identifier: MIT */
/**
 * @file pdu.h
 * @brief The headers of RFC 7143 (with the additions of RFC 7144) as C structs: decode, encode, check, print.
 *
 * A *basic header segment* (BHS) is 48 bytes; struct iscsip_pdu holds the same as numbers. All of it is pure:
 * nothing here keeps state, and none of it needs a connection. Field names are those of the RFC in one word
 * each; numbers are in the host's byte order, lengths in bytes unless the name says otherwise.
 *
 *     struct iscsip_pdu pdu;
 *     struct iscsip_error why;
 *
 *     iscsip_pdu_decode(&pdu, bhs);
 *     if (iscsip_pdu_check(&pdu, bhs, ISCSIP_TARGET, ISCSIP_PHASE_NORMAL, &why) != ISCSIP_OK)
 *             reject(bhs, why.reject_reason);
 *
 * The functions that make text stand in a source of their own, so that a firmware that prints nothing does not
 * carry their strings.
 */
#ifndef ISCSIPROTO_PDU_H
#define ISCSIPROTO_PDU_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** @brief Bytes of a basic header segment (RFC 7143 11.2.1). */
#define ISCSIP_BHS_LEN 48u
/** @brief The tag and transfer tag that mean "none" (RFC 7143 11.2.1.8, 11.7.4). */
#define ISCSIP_TAG_NONE 0xffffffffu
/** @brief Largest DataSegmentLength that the field can hold. */
#define ISCSIP_DATA_LEN_MAX 0xffffffu
/** @brief Largest CDB: 16 bytes in the BHS and the rest in an extended CDB AHS (SPC-4 4.2.4). */
#define ISCSIP_CDB_MAX 260u

/** @brief The two ends of a session. */
enum iscsip_role {
	ISCSIP_INITIATOR = 0, /**< Sends requests, receives responses. */
	ISCSIP_TARGET = 1     /**< Receives requests, sends responses. */
};

/** @brief How far a connection is, as far as it decides which PDUs are legal. */
enum iscsip_phase {
	ISCSIP_PHASE_LOGIN = 0,    /**< Only Login Requests and Responses (RFC 7143 4.2.4). */
	ISCSIP_PHASE_NORMAL = 1,   /**< Full feature phase of a normal session. */
	ISCSIP_PHASE_DISCOVERY = 2 /**< Full feature phase of a discovery session (RFC 7143 4.3, 7.4.3). */
};

/** @brief Opcodes, the low six bits of byte 0 (RFC 7143 11.2.1.2). */
enum iscsip_opcode {
	ISCSIP_OP_NOP_OUT = 0x00,         /**< Initiator: ping, or answer to a ping. */
	ISCSIP_OP_SCSI_COMMAND = 0x01,    /**< Initiator: a CDB. */
	ISCSIP_OP_TASK_REQUEST = 0x02,    /**< Initiator: task management function request. */
	ISCSIP_OP_LOGIN_REQUEST = 0x03,   /**< Initiator: login. */
	ISCSIP_OP_TEXT_REQUEST = 0x04,    /**< Initiator: text negotiation, SendTargets. */
	ISCSIP_OP_DATA_OUT = 0x05,        /**< Initiator: data of a write. */
	ISCSIP_OP_LOGOUT_REQUEST = 0x06,  /**< Initiator: logout. */
	ISCSIP_OP_SNACK = 0x10,           /**< Initiator: asks for PDUs again, or acknowledges data. */
	ISCSIP_OP_NOP_IN = 0x20,          /**< Target: ping, or answer to a ping. */
	ISCSIP_OP_SCSI_RESPONSE = 0x21,   /**< Target: end of a command. */
	ISCSIP_OP_TASK_RESPONSE = 0x22,   /**< Target: task management function response. */
	ISCSIP_OP_LOGIN_RESPONSE = 0x23,  /**< Target: login. */
	ISCSIP_OP_TEXT_RESPONSE = 0x24,   /**< Target: text. */
	ISCSIP_OP_DATA_IN = 0x25,         /**< Target: data of a read. */
	ISCSIP_OP_LOGOUT_RESPONSE = 0x26, /**< Target: logout. */
	ISCSIP_OP_R2T = 0x31,             /**< Target: ready to transfer. */
	ISCSIP_OP_ASYNC = 0x32,           /**< Target: asynchronous message. */
	ISCSIP_OP_REJECT = 0x3f           /**< Target: a PDU was refused. */
};

/** @brief Reject reasons (RFC 7143 11.17.1). */
enum iscsip_reject_reason {
	ISCSIP_REJECT_DATA_DIGEST = 0x02,       /**< The data digest did not match. */
	ISCSIP_REJECT_SNACK = 0x03,             /**< SNACK refused. */
	ISCSIP_REJECT_PROTOCOL = 0x04,          /**< Protocol error. */
	ISCSIP_REJECT_NOT_SUPPORTED = 0x05,     /**< Command not supported. */
	ISCSIP_REJECT_IMMEDIATE = 0x06,         /**< Too many immediate commands. */
	ISCSIP_REJECT_IN_PROGRESS = 0x07,       /**< Task in progress. */
	ISCSIP_REJECT_DATA_ACK = 0x08,          /**< Invalid data acknowledgment. */
	ISCSIP_REJECT_FIELD = 0x09,             /**< Invalid PDU field. */
	ISCSIP_REJECT_LONG_OP = 0x0a,           /**< No target transfer tag left. */
	ISCSIP_REJECT_NEGOTIATION_RESET = 0x0b, /**< Deprecated: received only, ends the login (note 3). */
	ISCSIP_REJECT_WAITING_LOGOUT = 0x0c     /**< Waiting for logout. */
};

/** @brief Login stages, for csg and nsg (RFC 7143 11.12.3); 2 is reserved. */
enum iscsip_login_stage {
	ISCSIP_STAGE_SECURITY = 0,    /**< SecurityNegotiation. */
	ISCSIP_STAGE_OPERATIONAL = 1, /**< LoginOperationalNegotiation. */
	ISCSIP_STAGE_FULL_FEATURE = 3 /**< FullFeaturePhase. */
};

/** @brief Login status, class in the high byte and detail in the low one (RFC 7143 11.13.5). */
enum iscsip_login_status {
	ISCSIP_LOGIN_SUCCESS = 0x0000,                  /**< Login goes on, or is done. */
	ISCSIP_LOGIN_MOVED_TEMPORARILY = 0x0101,        /**< Try the TargetAddress given, this time. */
	ISCSIP_LOGIN_MOVED_PERMANENTLY = 0x0102,        /**< Use the TargetAddress given from now on. */
	ISCSIP_LOGIN_INITIATOR_ERROR = 0x0200,          /**< Miscellaneous initiator errors. */
	ISCSIP_LOGIN_AUTHENTICATION_FAILED = 0x0201,    /**< Not authenticated, or the target cannot be. */
	ISCSIP_LOGIN_AUTHORIZATION_FAILED = 0x0202,     /**< No access to this target. */
	ISCSIP_LOGIN_NOT_FOUND = 0x0203,                /**< No such target here. */
	ISCSIP_LOGIN_TARGET_REMOVED = 0x0204,           /**< Removed, no forwarding address. */
	ISCSIP_LOGIN_UNSUPPORTED_VERSION = 0x0205,      /**< No version in common. */
	ISCSIP_LOGIN_TOO_MANY_CONNECTIONS = 0x0206,     /**< Too many connections in this session. */
	ISCSIP_LOGIN_MISSING_PARAMETER = 0x0207,        /**< InitiatorName or TargetName is missing. */
	ISCSIP_LOGIN_CANNOT_INCLUDE = 0x0208,           /**< The session cannot span to this connection. */
	ISCSIP_LOGIN_SESSION_TYPE_UNSUPPORTED = 0x0209, /**< Session type not supported. */
	ISCSIP_LOGIN_SESSION_DOES_NOT_EXIST = 0x020a,   /**< No session with this TSIH. */
	ISCSIP_LOGIN_INVALID_DURING_LOGIN = 0x020b,     /**< Not a Login Request. */
	ISCSIP_LOGIN_TARGET_ERROR = 0x0300,             /**< Target hardware or software error. */
	ISCSIP_LOGIN_SERVICE_UNAVAILABLE = 0x0301,      /**< Not operational now. */
	ISCSIP_LOGIN_OUT_OF_RESOURCES = 0x0302          /**< No memory, sessions or connections left. */
};

/** @brief Asynchronous events (RFC 7143 11.9.1); 248 to 255 are the vendor's. */
enum iscsip_async_event_code {
	ISCSIP_ASYNC_SCSI = 0,              /**< SCSI event, with sense data. */
	ISCSIP_ASYNC_LOGOUT = 1,            /**< Log out within param3 seconds. */
	ISCSIP_ASYNC_DROP_CONNECTION = 2,   /**< Connection param1 will be dropped. */
	ISCSIP_ASYNC_DROP_SESSION = 3,      /**< All connections will be dropped. */
	ISCSIP_ASYNC_NEGOTIATE = 4,         /**< Negotiate within param3 seconds. */
	ISCSIP_ASYNC_TASK_TERMINATION = 5,  /**< All tasks of the LU are terminated (FastAbort). */
	ISCSIP_ASYNC_VENDOR = 248           /**< First of the vendor's events. */
};

/** @brief Logout reasons (RFC 7143 11.14.1). */
enum iscsip_logout_reason {
	ISCSIP_LOGOUT_SESSION = 0,    /**< Close the session. */
	ISCSIP_LOGOUT_CONNECTION = 1, /**< Close the connection. */
	ISCSIP_LOGOUT_RECOVERY = 2    /**< Remove the connection for recovery. */
};

/** @brief Logout responses (RFC 7143 11.15.1). */
enum iscsip_logout_response_code {
	ISCSIP_LOGOUT_CLOSED = 0,      /**< Closed successfully. */
	ISCSIP_LOGOUT_NO_CID = 1,      /**< CID not found. */
	ISCSIP_LOGOUT_NO_RECOVERY = 2, /**< Connection recovery is not supported. */
	ISCSIP_LOGOUT_FAILED = 3       /**< Cleanup failed. */
};

/** @brief SNACK types (RFC 7143 11.16.1). */
enum iscsip_snack_kind {
	ISCSIP_SNACK_DATA_R2T = 0, /**< Send Data-In or R2T PDUs again. */
	ISCSIP_SNACK_STATUS = 1,   /**< Send responses again. */
	ISCSIP_SNACK_DATA_ACK = 2, /**< Data-In PDUs are acknowledged. */
	ISCSIP_SNACK_R_DATA = 3    /**< Send data again, perhaps in other pieces. */
};

/** @brief iSCSI service responses (RFC 7143 11.4.3). */
enum iscsip_service_response {
	ISCSIP_RESPONSE_COMPLETED = 0, /**< Command completed at target: the status counts. */
	ISCSIP_RESPONSE_FAILURE = 1    /**< Target failure. */
};

/** @name The fields of each PDU
 * What stands beyond the common part of struct iscsip_pdu. Requests begin with expstatsn (and cmdsn where they
 * carry one), responses with statsn, expcmdsn and maxcmdsn, so that these can be read through iscsip_pdu::request
 * and iscsip_pdu::reply whichever PDU it is.
 * @{ */

/** @brief What all requests begin with; for reading. */
struct iscsip_request {
	uint32_t expstatsn; /**< StatSN up to which the initiator has everything. */
	uint32_t cmdsn;     /**< Command number. Not in Data-Out and SNACK. */
};

/** @brief What all responses begin with; for reading. */
struct iscsip_reply {
	uint32_t statsn;   /**< Status number, or the next one where the PDU does not use up a number. */
	uint32_t expcmdsn; /**< Command number that the target expects next. */
	uint32_t maxcmdsn; /**< Highest command number that the target accepts. */
};

/** @brief NOP-Out, RFC 7143 11.18. */
struct iscsip_nop_out {
	uint32_t expstatsn; /**< As in struct iscsip_request. */
	uint32_t cmdsn;     /**< As in struct iscsip_request. */
	uint32_t ttt;       /**< Tag of the NOP-In answered, or #ISCSIP_TAG_NONE. */
};

/** @brief SCSI Command, RFC 7143 11.3 and RFC 7144 5.1. */
struct iscsip_scsi_command {
	uint32_t expstatsn; /**< As in struct iscsip_request. */
	uint32_t cmdsn;     /**< As in struct iscsip_request. */
	uint32_t edtl;      /**< Expected data transfer length; of the write where it is bidirectional. */
	bool read;          /**< R: data in is expected. */
	bool write;         /**< W: data out is expected. */
	uint8_t attr;       /**< An #iscsip_task_attr, 0 to 7. */
	uint8_t pri;        /**< Command priority, 0 to 15; 0 unless iSCSIProtocolLevel is 2 (RFC 7144 5.1.1). */
	uint8_t cdb[16];    /**< The CDB, or its first 16 bytes. */
};

/** @brief Task Management Function Request, RFC 7143 11.5. */
struct iscsip_task_request {
	uint32_t expstatsn;    /**< As in struct iscsip_request. */
	uint32_t cmdsn;        /**< As in struct iscsip_request. */
	uint32_t ref_task_tag; /**< Tag of the task meant, or #ISCSIP_TAG_NONE. */
	uint32_t ref_cmdsn;    /**< ABORT TASK: CmdSN of the task meant. */
	uint32_t expdatasn;    /**< TASK REASSIGN: first Data-In not acknowledged. */
	uint8_t function;      /**< An #iscsip_tmf_function, 0 to 127. */
};

/** @brief Login Request, RFC 7143 11.12. iscsip_pdu::final stays false: the bit is called T here. */
struct iscsip_login_request {
	uint32_t expstatsn;  /**< As in struct iscsip_request. */
	uint32_t cmdsn;      /**< As in struct iscsip_request. */
	uint16_t tsih;       /**< 0 for a new session. */
	uint16_t cid;        /**< Connection ID. */
	uint8_t isid[6];     /**< Initiator's part of the session ID. */
	uint8_t version_max; /**< Highest version supported. */
	uint8_t version_min; /**< Lowest version supported. */
	bool transit;        /**< T: ready for the next stage. */
	bool cont;           /**< C: the text goes on in the next PDU. */
	uint8_t csg;         /**< Current stage, 0 to 3. */
	uint8_t nsg;         /**< Next stage, 0 to 3; counts only with T. */
};

/** @brief Text Request, RFC 7143 11.10. */
struct iscsip_text_request {
	uint32_t expstatsn; /**< As in struct iscsip_request. */
	uint32_t cmdsn;     /**< As in struct iscsip_request. */
	uint32_t ttt;       /**< Tag of the response that is continued, or #ISCSIP_TAG_NONE. */
	bool cont;          /**< C: the text goes on in the next PDU. */
};

/** @brief SCSI Data-Out, RFC 7143 11.7. */
struct iscsip_data_out {
	uint32_t expstatsn;     /**< As in struct iscsip_request. */
	uint32_t ttt;           /**< Tag of the R2T that is answered, or #ISCSIP_TAG_NONE for unsolicited data. */
	uint32_t datasn;        /**< Number within the sequence. */
	uint32_t buffer_offset; /**< Place of the data within the command's data. */
};

/** @brief Logout Request, RFC 7143 11.14. */
struct iscsip_logout_request {
	uint32_t expstatsn; /**< As in struct iscsip_request. */
	uint32_t cmdsn;     /**< As in struct iscsip_request. */
	uint16_t cid;       /**< Connection meant; not valid with #ISCSIP_LOGOUT_SESSION. */
	uint8_t reason;     /**< An #iscsip_logout_reason, 0 to 127. */
};

/** @brief SNACK Request, RFC 7143 11.16. */
struct iscsip_snack {
	uint32_t expstatsn; /**< As in struct iscsip_request. */
	uint32_t ttt;       /**< Target transfer tag (DataACK), SNACK tag (R-Data), or #ISCSIP_TAG_NONE. */
	uint32_t begrun;    /**< First number asked for; DataACK: next DataSN expected. */
	uint32_t runlen;    /**< How many; 0: all from begrun on. */
	uint8_t snack_type; /**< An #iscsip_snack_kind, 0 to 15. */
};

/** @brief NOP-In, RFC 7143 11.19. */
struct iscsip_nop_in {
	uint32_t statsn;   /**< As in struct iscsip_reply. */
	uint32_t expcmdsn; /**< As in struct iscsip_reply. */
	uint32_t maxcmdsn; /**< As in struct iscsip_reply. */
	uint32_t ttt;      /**< Tag that the answer has to carry, or #ISCSIP_TAG_NONE. */
};

/** @brief SCSI Response, RFC 7143 11.4 and RFC 7144 5.2. */
struct iscsip_scsi_response {
	uint32_t statsn;           /**< As in struct iscsip_reply. */
	uint32_t expcmdsn;         /**< As in struct iscsip_reply. */
	uint32_t maxcmdsn;         /**< As in struct iscsip_reply. */
	uint32_t snack_tag;        /**< Tag of the last R-Data SNACK of the command, or 0. */
	uint32_t expdatasn;        /**< Number of Data-In and R2T PDUs sent for the command. */
	uint32_t residual;         /**< Residual count; counts with overflow or underflow. */
	uint32_t bidi_residual;    /**< The same for the read of a bidirectional command. */
	uint16_t status_qualifier; /**< SAM-5 status qualifier; 0 unless iSCSIProtocolLevel is 2 (RFC 7144 5.2.1). */
	uint8_t response;          /**< An #iscsip_service_response, or another value: a failure. */
	uint8_t status;            /**< SAM status; counts if response is 0. */
	bool overflow;             /**< O: more data than expected. */
	bool underflow;            /**< U: less data than expected. */
	bool bidi_overflow;        /**< o: the same for the bidirectional read. */
	bool bidi_underflow;       /**< u: the same for the bidirectional read. */
};

/** @brief Task Management Function Response, RFC 7143 11.6. */
struct iscsip_task_response {
	uint32_t statsn;   /**< As in struct iscsip_reply. */
	uint32_t expcmdsn; /**< As in struct iscsip_reply. */
	uint32_t maxcmdsn; /**< As in struct iscsip_reply. */
	uint8_t response;  /**< An #iscsip_tmf_response. */
};

/** @brief Login Response, RFC 7143 11.13. iscsip_pdu::final stays false: the bit is called T here. */
struct iscsip_login_response {
	uint32_t statsn;        /**< As in struct iscsip_reply. */
	uint32_t expcmdsn;      /**< As in struct iscsip_reply. */
	uint32_t maxcmdsn;      /**< As in struct iscsip_reply. */
	uint16_t tsih;          /**< Session handle; in the last response of a new session's login. */
	uint8_t isid[6];        /**< Copy of the request's. */
	uint8_t version_max;    /**< Highest version supported. */
	uint8_t version_active; /**< Version in force. */
	bool transit;           /**< T: the stage ends. */
	bool cont;              /**< C: the text goes on in the next PDU. */
	uint8_t csg;            /**< Current stage, 0 to 3. */
	uint8_t nsg;            /**< Next stage, 0 to 3; counts only with T. */
	uint8_t status_class;   /**< High byte of an #iscsip_login_status. */
	uint8_t status_detail;  /**< Low byte of an #iscsip_login_status. */
};

/** @brief Text Response, RFC 7143 11.11. */
struct iscsip_text_response {
	uint32_t statsn;   /**< As in struct iscsip_reply. */
	uint32_t expcmdsn; /**< As in struct iscsip_reply. */
	uint32_t maxcmdsn; /**< As in struct iscsip_reply. */
	uint32_t ttt;      /**< Tag to ask for more with, #ISCSIP_TAG_NONE with F. */
	bool cont;         /**< C: the text goes on in the next PDU. */
};

/** @brief SCSI Data-In, RFC 7143 11.7. */
struct iscsip_data_in {
	uint32_t statsn;        /**< As in struct iscsip_reply; counts with has_status. */
	uint32_t expcmdsn;      /**< As in struct iscsip_reply. */
	uint32_t maxcmdsn;      /**< As in struct iscsip_reply. */
	uint32_t ttt;           /**< Tag for the DataACK where `ack` asks for one, else #ISCSIP_TAG_NONE. */
	uint32_t datasn;        /**< Number within the command. */
	uint32_t buffer_offset; /**< Place of the data within the command's data. */
	uint32_t residual;      /**< Residual count; counts with has_status. */
	uint8_t status;         /**< SAM status; counts with has_status. */
	bool ack;               /**< A: a DataACK is asked for. */
	bool overflow;          /**< O: more data than expected. */
	bool underflow;         /**< U: less data than expected. */
	bool has_status;        /**< S: the command ends here, without a SCSI Response. */
};

/** @brief Logout Response, RFC 7143 11.15. */
struct iscsip_logout_response {
	uint32_t statsn;      /**< As in struct iscsip_reply. */
	uint32_t expcmdsn;    /**< As in struct iscsip_reply. */
	uint32_t maxcmdsn;    /**< As in struct iscsip_reply. */
	uint16_t time2wait;   /**< Seconds to wait before reassigning tasks. */
	uint16_t time2retain; /**< Seconds that tasks are kept after that. */
	uint8_t response;     /**< An #iscsip_logout_response_code. */
};

/** @brief Ready To Transfer, RFC 7143 11.8. */
struct iscsip_r2t {
	uint32_t statsn;        /**< The next StatSN; not used up. */
	uint32_t expcmdsn;      /**< As in struct iscsip_reply. */
	uint32_t maxcmdsn;      /**< As in struct iscsip_reply. */
	uint32_t ttt;           /**< Tag that the Data-Out PDUs carry. */
	uint32_t r2tsn;         /**< Number within the command. */
	uint32_t buffer_offset; /**< Where the data asked for begins. */
	uint32_t desired_len;   /**< How many bytes are asked for. */
};

/** @brief Asynchronous Message, RFC 7143 11.9. */
struct iscsip_async {
	uint32_t statsn;   /**< As in struct iscsip_reply. */
	uint32_t expcmdsn; /**< As in struct iscsip_reply. */
	uint32_t maxcmdsn; /**< As in struct iscsip_reply. */
	uint16_t param1;   /**< Parameter1. */
	uint16_t param2;   /**< Parameter2. */
	uint16_t param3;   /**< Parameter3. */
	uint8_t event;     /**< An #iscsip_async_event_code. */
	uint8_t vcode;     /**< Vendor's code, with vendor's events. */
};

/** @brief Reject, RFC 7143 11.17. Its data begins with the header refused. */
struct iscsip_reject {
	uint32_t statsn;   /**< As in struct iscsip_reply. */
	uint32_t expcmdsn; /**< As in struct iscsip_reply. */
	uint32_t maxcmdsn; /**< As in struct iscsip_reply. */
	uint32_t datasn;   /**< DataSN/R2TSN; counts where a Data/R2T SNACK was refused as a protocol error. */
	uint8_t reason;    /**< An #iscsip_reject_reason. */
};
/** @} */

/**
 * @brief A header. Plain values: copy it, keep it, fill it in by hand for sending.
 *
 * A PDU whose figure has a fixed 1 at the F bit (or at I, for Login Requests) decodes and encodes with `final` (or
 * `immediate`) true whatever stands there; one without the bit or the field (LUN, I) decodes with false or 0. The ITT
 * of Async and Reject, fixed by the RFC, is #ISCSIP_TAG_NONE both ways.
 */
struct iscsip_pdu {
	uint8_t opcode;    /**< An #iscsip_opcode; 0 to 0x3f from the wire. */
	bool immediate;    /**< I bit. */
	bool final;        /**< F bit. Never set for Login: see `transit` there. */
	uint8_t ahs_words; /**< TotalAHSLength: 4-byte words of additional headers. */
	uint32_t data_len; /**< DataSegmentLength, without padding: at most #ISCSIP_DATA_LEN_MAX. */
	uint64_t lun;      /**< The 8 LUN bytes (SAM-5 4.7) as one big-endian number. */
	uint32_t itt;      /**< Initiator task tag. */
	/** What the opcode has beyond that. After decoding, bytes that do not belong to the opcode's member are 0. */
	union {
		struct iscsip_request request;                 /**< First fields of any request. */
		struct iscsip_reply reply;                     /**< First fields of any response. */
		struct iscsip_nop_out nop_out;                 /**< #ISCSIP_OP_NOP_OUT. */
		struct iscsip_scsi_command scsi_command;       /**< #ISCSIP_OP_SCSI_COMMAND. */
		struct iscsip_task_request task_request;       /**< #ISCSIP_OP_TASK_REQUEST. */
		struct iscsip_login_request login_request;     /**< #ISCSIP_OP_LOGIN_REQUEST. */
		struct iscsip_text_request text_request;       /**< #ISCSIP_OP_TEXT_REQUEST. */
		struct iscsip_data_out data_out;               /**< #ISCSIP_OP_DATA_OUT. */
		struct iscsip_logout_request logout_request;   /**< #ISCSIP_OP_LOGOUT_REQUEST. */
		struct iscsip_snack snack;                     /**< #ISCSIP_OP_SNACK. */
		struct iscsip_nop_in nop_in;                   /**< #ISCSIP_OP_NOP_IN. */
		struct iscsip_scsi_response scsi_response;     /**< #ISCSIP_OP_SCSI_RESPONSE. */
		struct iscsip_task_response task_response;     /**< #ISCSIP_OP_TASK_RESPONSE. */
		struct iscsip_login_response login_response;   /**< #ISCSIP_OP_LOGIN_RESPONSE. */
		struct iscsip_text_response text_response;     /**< #ISCSIP_OP_TEXT_RESPONSE. */
		struct iscsip_data_in data_in;                 /**< #ISCSIP_OP_DATA_IN. */
		struct iscsip_logout_response logout_response; /**< #ISCSIP_OP_LOGOUT_RESPONSE. */
		struct iscsip_r2t r2t;                         /**< #ISCSIP_OP_R2T. */
		struct iscsip_async async;                     /**< #ISCSIP_OP_ASYNC. */
		struct iscsip_reject reject;                   /**< #ISCSIP_OP_REJECT. */
	};
};

/**
 * @brief Reads a header. Every field is taken as it is; whether it is legal is iscsip_pdu_check()'s question.
 * @param[out] out where to; wholly written.
 * @param[in] bhs the 48 bytes, at any alignment; needed during the call only.
 * @retval ISCSIP_OK read.
 * @retval ISCSIP_EPROTO no such opcode (RFC 7143 11.2.1.2; the vendor's too). The common part is filled in all the same,
 *     with I, F, LUN and ITT from where the template of 11.2.1 has them, so that the PDU can be stepped over and refused.
 */
ISCSIP_API int iscsip_pdu_decode(struct iscsip_pdu *out, const uint8_t bhs[ISCSIP_BHS_LEN]);

/**
 * @brief Writes a header. Reserved bits and bytes are written as 0, fixed ones as the RFC has them.
 * @param[out] bhs the 48 bytes, at any alignment; wholly written.
 * @param[in] in what to write.
 * @retval ISCSIP_OK written.
 * @retval ISCSIP_EINVAL no such opcode, or a value is too large for its field (`data_len`, `attr`, `csg` and the like);
 *     @p bhs holds nothing useful then.
 */
ISCSIP_API int iscsip_pdu_encode(uint8_t bhs[ISCSIP_BHS_LEN], const struct iscsip_pdu *in);

/**
 * @brief Rules that a header can break: iscsip_error::rule. iscsip_rule_text() says each in words, with its source.
 *
 * The numbers are stable within a major version; 1 to 255 are the codec's.
 */
enum iscsip_pdu_rule {
	ISCSIP_RULE_NONE = 0,                  /**< None broken. */
	ISCSIP_RULE_OPCODE = 1,                /**< The opcode is not assigned, or a vendor's. */
	ISCSIP_RULE_SENDER = 2,                /**< The opcode belongs to the other direction. */
	ISCSIP_RULE_PHASE = 3,                 /**< The opcode is not allowed in this phase or kind of session. */
	ISCSIP_RULE_AHS = 4,                   /**< Additional headers on a PDU that has none. */
	ISCSIP_RULE_DATA = 5,                  /**< Data on a PDU that has none. */
	ISCSIP_RULE_ITT = 6,                   /**< The reserved tag where a task needs one. */
	ISCSIP_RULE_CMD_FLAGS = 7,             /**< SCSI Command: neither W nor F. */
	ISCSIP_RULE_CMD_DIRECTION = 8,         /**< SCSI Command: a transfer length but neither R nor W. */
	ISCSIP_RULE_CMD_ATTR = 9,              /**< SCSI Command: reserved task attribute. */
	ISCSIP_RULE_CMD_BIDI = 10,             /**< SCSI Command: R and W, but no additional header for the read length. */
	ISCSIP_RULE_CMD_DATA = 11,             /**< SCSI Command: immediate data, but not a write. */
	ISCSIP_RULE_CMD_DATA_LEN = 12,         /**< SCSI Command: more immediate data than the transfer length. */
	ISCSIP_RULE_CMD_FINAL = 13,            /**< SCSI Command: all data is there, but F says that more follows. */
	ISCSIP_RULE_TASK_REASSIGN = 14,        /**< TASK REASSIGN that is not immediate. */
	ISCSIP_RULE_LOGIN_CONTINUE = 15,       /**< Login: T together with C. */
	ISCSIP_RULE_LOGIN_STAGE = 16,          /**< Login: reserved or impossible stage. */
	ISCSIP_RULE_LOGIN_NEXT = 17,           /**< Login: T, but the next stage does not lie after the current one. */
	ISCSIP_RULE_TEXT_CONTINUE = 18,        /**< Text: F together with C. */
	ISCSIP_RULE_TEXT_TTT = 19,             /**< Text Response: more is to come, but no tag to ask for it. */
	ISCSIP_RULE_RANGE = 20,                /**< Buffer offset and length run past 2^32. */
	ISCSIP_RULE_LOGOUT_REASON = 21,        /**< Logout: reserved reason. */
	ISCSIP_RULE_LOGOUT_DISCOVERY = 22,     /**< Logout of a discovery session with another reason than "close the session". */
	ISCSIP_RULE_SNACK_TYPE = 23,           /**< SNACK: reserved type. */
	ISCSIP_RULE_SNACK_ITT = 24,            /**< SNACK: a task tag where none belongs, or none where one does. */
	ISCSIP_RULE_SNACK_TTT = 25,            /**< SNACK: transfer or SNACK tag does not fit the type. */
	ISCSIP_RULE_SNACK_RUN = 26,            /**< R-Data SNACK: begrun or runlen is not 0. */
	ISCSIP_RULE_SNACK_ACK = 27,            /**< DataACK SNACK: runlen is not 0. */
	ISCSIP_RULE_NOP_OUT_IMMEDIATE = 28,    /**< NOP-Out without a task tag that is not immediate. */
	ISCSIP_RULE_NOP_IN_TAGS = 29,          /**< NOP-In with a task tag and a transfer tag. */
	ISCSIP_RULE_NOP_IN_DATA = 30,          /**< NOP-In without a task tag, but with data. */
	ISCSIP_RULE_RESIDUAL = 31,             /**< Overflow and underflow at once. */
	ISCSIP_RULE_BIDI_RESIDUAL = 32,        /**< Bidirectional read overflow and underflow at once. */
	ISCSIP_RULE_SENSE = 33,                /**< CHECK CONDITION without sense data. */
	ISCSIP_RULE_DATA_IN_FINAL = 34,        /**< Data-In with S but without F. */
	ISCSIP_RULE_DATA_IN_STATUS = 35,       /**< Data-In with a status that needs a SCSI Response. */
	ISCSIP_RULE_R2T_TTT = 36,              /**< R2T with the reserved transfer tag. */
	ISCSIP_RULE_R2T_LEN = 37,              /**< R2T for no data. */
	ISCSIP_RULE_ASYNC_DATA = 38,           /**< SCSI event without sense data. */
	ISCSIP_RULE_REJECT_DATA = 39,          /**< Reject without the header refused. */
	ISCSIP_RULE_AHS_LEN = 40,              /**< An additional header runs past their total length. */
	ISCSIP_RULE_AHS_TYPE = 41,             /**< An additional header of a reserved type. */
	ISCSIP_RULE_AHS_TWICE = 42,            /**< Two additional headers of one type. */
	ISCSIP_RULE_AHS_CDB = 43,              /**< Extended CDB with a length that no CDB has. */
	ISCSIP_RULE_AHS_BIDI = 44,             /**< Bidirectional read length of a length other than 5. */
	ISCSIP_RULE_AHS_DIRECTION = 45,        /**< Bidirectional read length on a command without R and W, or the other way round. */
	ISCSIP_RULE_RESERVED = 46,             /**< A reserved bit is set (iscsip_pdu_check_reserved() only). */
	ISCSIP_RULE_FIXED = 47,                /**< A bit or tag that the RFC fixes is different (iscsip_pdu_check_reserved() only). */
	ISCSIP_RULE_AHS_LIMIT = 48,            /**< More additional header than the connection's limit. */
	ISCSIP_RULE_DATA_LIMIT = 49,           /**< More data than MaxRecvDataSegmentLength. */
	ISCSIP_RULE_HEADER_DIGEST = 50         /**< The header digest does not match. */
};

/**
 * @brief Rules of the conversation that a target can break and a header alone does not show: iscsip_error::rule of an initiator's
 *     connection, beside those of #iscsip_pdu_rule. iscsip_error::arg is the number or tag at fault.
 */
enum iscsip_initiator_rule {
	ISCSIP_RULE_TASK_TAG = 256,        /**< A task tag that was never given out. arg: the tag. */
	ISCSIP_RULE_TASK_KIND = 257,       /**< The task has another kind, connection or direction, or is not sent. arg: the tag. */
	ISCSIP_RULE_TASK_LUN = 258,        /**< R2T for another LUN than the command's (RFC 7143 4.2.5.3). arg: the tag. */
	ISCSIP_RULE_STATSN = 259,          /**< A status number was left out (7.9). arg: the number. */
	ISCSIP_RULE_DATASN = 260,          /**< A DataSN or R2TSN was left out (7.9). arg: the number. */
	ISCSIP_RULE_EXPDATASN = 261,       /**< The response counts other Data-In PDUs than came (11.4.8). arg: its count. */
	ISCSIP_RULE_IN_RANGE = 262,        /**< Data-in outside the room of the task. arg: the offset. */
	ISCSIP_RULE_IN_ORDER = 263,        /**< Data-in out of order (13.18, 13.19). arg: the offset. */
	ISCSIP_RULE_IN_BIDI = 264,         /**< Status of a bidirectional command in a Data-In (11.7.3). arg: the tag. */
	ISCSIP_RULE_R2T_RANGE = 265,       /**< R2T outside the data of the task (11.8.4). arg: the offset. */
	ISCSIP_RULE_R2T_BURST = 266,       /**< R2T for more than MaxBurstLength (11.8.4). arg: the length. */
	ISCSIP_RULE_R2T_COUNT = 267,       /**< More than MaxOutstandingR2T (13.17). arg: the tag. */
	ISCSIP_RULE_R2T_ORDER = 268,       /**< R2Ts that are not continuous (13.19). arg: the offset. */
	ISCSIP_RULE_SENSE_LEN = 269,       /**< SenseLength runs past the data segment (11.4.7.1). arg: the length. */
	ISCSIP_RULE_RESIDUAL_LEN = 270,    /**< An underflow larger than what was expected (11.4.5). arg: the count. */
	ISCSIP_RULE_TEXT_FINAL = 271,      /**< A final answer to a text request that was not the last (11.11.1). arg: the tag. */
	ISCSIP_RULE_PING_DATA = 272,       /**< More data came back than the ping had (11.19). arg: the length. */
	ISCSIP_RULE_LOGIN_STATSN = 273,    /**< As STATSN, during login. arg: the number. */
	ISCSIP_RULE_IN_GAP = 274           /**< GOOD, and data-in missing before what came (13.18, 13.19). arg: the offset. */
};

/**
 * @brief Whether a header is legal, judged by itself: sender, phase, lengths, flags and tags that do not fit together.
 *
 * Reserved bits are not looked at (RFC 7143 11: a receiver ignores them), nor what only the state of a session can tell
 * (MaxRecvDataSegmentLength, windows, tags in use, recovery level).
 * @param[in] pdu the header as iscsip_pdu_decode() made it, also where that answered ISCSIP_EPROTO.
 * @param[in] bhs the bytes it was made of (not read at present; a later rule may).
 * @param[in] receiver the end that received it: a target is sent requests.
 * @param[in] phase how far the connection is.
 * @param[out] why filled in where it is not legal, untouched otherwise: `code` ISCSIP_EPROTO, `opcode`, `rule` an
 *     #iscsip_pdu_rule, `arg` the offset of the offending byte in the BHS, and `reject_reason` what a target puts into its
 *     Reject (RFC 7143 11.17.1). It is 0 where no Reject is the answer: at an initiator every such error is a format
 *     error that ends the session (RFC 7143 7.7), and before the end of the login a target answers with a Login Response
 *     with status 0x020b (rule SENDER, OPCODE, PHASE) or 0x0200 and closes (RFC 7143 4.2.4), or just closes if no Login
 *     Request came before.
 * @retval ISCSIP_OK legal. @retval ISCSIP_EPROTO not legal: @p why says so.
 */
ISCSIP_API int iscsip_pdu_check(const struct iscsip_pdu *pdu, const uint8_t bhs[ISCSIP_BHS_LEN],
				enum iscsip_role receiver, enum iscsip_phase phase, struct iscsip_error *why);

/**
 * @brief Whether every reserved bit is 0 and every fixed bit as RFC 7143 11 has it. For test rigs: a sender must set
 *     them so, but a receiver must not mind (#ISCSIP_CFG_CHECK_RESERVED).
 * @param[in] bhs the 48 bytes.
 * @param[out] why as for iscsip_pdu_check(), with rule #ISCSIP_RULE_RESERVED or #ISCSIP_RULE_FIXED and reason
 *     #ISCSIP_REJECT_PROTOCOL if the opcode is an initiator's.
 * @retval ISCSIP_OK all as it should be, or an unknown opcode. @retval ISCSIP_EPROTO one is not.
 */
ISCSIP_API int iscsip_pdu_check_reserved(const uint8_t bhs[ISCSIP_BHS_LEN], struct iscsip_error *why);

/**
 * @brief Whether breaking a rule is a format error (RFC 7143 7.7: illegal or inconsistent header contents), after which
 *     all connections of the session are to be closed, or a protocol error, which a target may answer with Reject alone.
 * @param[in] rule an #iscsip_pdu_rule.
 * @return True for a format error.
 */
ISCSIP_API bool iscsip_rule_is_format_error(uint16_t rule);

/** @brief What numbers an opcode carries and uses up; bits of iscsip_pdu_carries(). */
enum iscsip_carries {
	ISCSIP_CARRIES_CMDSN = 1u << 0,     /**< CmdSN at byte 24 (used up unless the PDU is immediate). */
	ISCSIP_CARRIES_EXPSTATSN = 1u << 1, /**< ExpStatSN at byte 28. */
	ISCSIP_CARRIES_STATSN = 1u << 2,    /**< StatSN at byte 24, ExpCmdSN at byte 28, MaxCmdSN at byte 32. */
	ISCSIP_USES_STATSN = 1u << 3        /**< The StatSN is used up. Data-In does so only with S, NOP-In only with a task tag:
	                                         iscsip_pdu_uses_statsn() looks at these. */
};

/** @brief The bits of #iscsip_carries that hold for an opcode. @param[in] opcode an #iscsip_opcode. @return 0 for unknown ones. */
ISCSIP_API unsigned iscsip_pdu_carries(uint8_t opcode);

/**
 * @brief Whether this response uses up its StatSN: not R2T, Data-In without S, NOP-In without a task tag
 *     (RFC 7143 11.8.3, 11.7.3, 11.19.2).
 * @param[in] pdu a response or a request.
 * @return True where it does.
 */
ISCSIP_API bool iscsip_pdu_uses_statsn(const struct iscsip_pdu *pdu);

/** @brief A length rounded up to whole 4-byte words (RFC 7143 11.1). @param[in] len bytes, at most 2^32 - 4. */
static inline uint32_t iscsip_pad4(uint32_t len)
{
	return (len + 3u) & ~3u;
}

/** @brief Where the parts of a PDU lie, in bytes from its beginning. */
struct iscsip_pdu_lengths {
	uint32_t ahs;         /**< Bytes of additional headers. */
	uint32_t header;      /**< Header with its digest: the data begins here. */
	uint32_t pad;         /**< Bytes after the data, 0 to 3. */
	uint32_t data_digest; /**< Bytes of data digest, 0 or 4: none without data (RFC 7143 11.2.3). */
	uint32_t total;       /**< The whole PDU. */
};

/**
 * @brief Works out where the parts of a PDU lie.
 * @param[in] pdu a header. @param[in] header_digest whether headers have digests now.
 * @param[in] data_digest whether data has digests now.
 */
static inline struct iscsip_pdu_lengths iscsip_pdu_measure(const struct iscsip_pdu *pdu, bool header_digest,
							   bool data_digest)
{
	struct iscsip_pdu_lengths len;

	len.ahs = 4u * (uint32_t)pdu->ahs_words;
	len.header = ISCSIP_BHS_LEN + len.ahs + (header_digest ? 4u : 0u);
	len.pad = iscsip_pad4(pdu->data_len) - pdu->data_len;
	len.data_digest = data_digest && pdu->data_len > 0 ? 4u : 0u;
	len.total = len.header + pdu->data_len + len.pad + len.data_digest;
	return len;
}

/** @name Additional header segments (RFC 7143 11.2.2)
 * @{ */

/** @brief AHS types, the low six bits of the type byte (RFC 7143 11.2.2.1). */
enum iscsip_ahs_type {
	ISCSIP_AHS_CDB = 1,      /**< Extended CDB: what goes beyond 16 bytes. */
	ISCSIP_AHS_BIDI_READ = 2 /**< Bidirectional read expected data transfer length. */
};

/** @brief One additional header. */
struct iscsip_ahs {
	uint8_t type;        /**< An #iscsip_ahs_type, or a reserved value up to 63. */
	bool twice;          /**< One of the same type came before it in this walk. */
	uint16_t len;        /**< AHSLength: bytes at `data`. */
	uint32_t offset;     /**< Where it begins, in bytes from the beginning of the PDU (48 for the first). */
	const uint8_t *data; /**< AHS-specific bytes, the reserved one at its beginning included. Lives as long as the PDU's bytes. */
};

/** @brief A walk over additional headers. Fill in with iscsip_ahs_begin(). */
struct iscsip_ahs_walk {
	const uint8_t *p; /**< The bytes after the BHS. */
	uint32_t len;     /**< How many. */
	uint32_t at;      /**< Where the next one begins. */
	uint64_t seen;    /**< Types met so far, as bits. */
};

/**
 * @brief Begins a walk over the additional headers of a PDU.
 * @param[out] w the walk. @param[in] p the bytes after the BHS; to live as long as the walk is used.
 * @param[in] len how many: 4 times iscsip_pdu::ahs_words, digest not included.
 */
ISCSIP_API void iscsip_ahs_begin(struct iscsip_ahs_walk *w, const uint8_t *p, uint32_t len);

/**
 * @brief The next additional header, of whatever type; only its length is checked.
 * @param[in,out] w the walk. @param[out] out the header.
 * @retval 1 there is one. @retval ISCSIP_OK there is none left.
 * @retval ISCSIP_EPROTO it runs past the end (#ISCSIP_RULE_AHS_LEN); iscsip_ahs::offset says where it begins. The walk
 *     ends there.
 */
ISCSIP_API int iscsip_ahs_next(struct iscsip_ahs_walk *w, struct iscsip_ahs *out);

/** @brief What the additional headers of a SCSI Command say. */
struct iscsip_ahs_fields {
	const uint8_t *cdb;      /**< The CDB from byte 16 on, in the PDU's bytes; NULL if there is none. */
	uint16_t cdb_len;        /**< Bytes at `cdb`, 1 to 244. */
	bool has_bidi_read;      /**< Whether a bidirectional read length is there. */
	uint32_t bidi_read_len;  /**< That length, or 0. */
};

/**
 * @brief Reads the additional headers of a SCSI Command and checks them against it.
 *
 * Refuses what RFC 7143 11.2.2 does not allow: reserved types (11: a reserved code is a protocol error), a type twice,
 * an extended CDB of a length that no CDB has, a bidirectional read length on a command that is not bidirectional
 * and a bidirectional command without one.
 * @param[out] out what they say; `cdb` lives as long as @p p.
 * @param[in] pdu the command's header, checked with iscsip_pdu_check().
 * @param[in] p the 4 * ahs_words bytes after the BHS; may be NULL if that is 0.
 * @param[out] why as for iscsip_pdu_check(), with `arg` counted from the beginning of the PDU (48 and up).
 * @retval ISCSIP_OK read. @retval ISCSIP_EPROTO not legal: @p why says so, @p out is undefined.
 */
ISCSIP_API int iscsip_ahs_read(struct iscsip_ahs_fields *out, const struct iscsip_pdu *pdu, const uint8_t *p,
			       struct iscsip_error *why);

/**
 * @brief Writes one additional header, padded to whole words with 0.
 * @param[out] dst where to. @param[in] cap bytes there.
 * @param[in] type an #iscsip_ahs_type, at most 63.
 * @param[in] data what follows the reserved byte 3, which is written as 0. @param[in] len bytes at @p data.
 * @return Bytes written, a multiple of 4 (a quarter of it goes into `ahs_words`); ISCSIP_ENOSPC if they do not fit;
 *     ISCSIP_EINVAL for a type above 63 or more than 1016 bytes.
 */
ISCSIP_API int iscsip_ahs_put(uint8_t *dst, size_t cap, uint8_t type, const uint8_t *data, size_t len);

/**
 * @brief Writes an extended CDB AHS.
 * @param[out] dst where to. @param[in] cap bytes there.
 * @param[in] cdb the whole CDB, its first 16 bytes (which go into the BHS) included. @param[in] cdb_len 17 to 260.
 * @return As iscsip_ahs_put(); ISCSIP_EINVAL for another length (RFC 7143 11.2.2.3: never below 17).
 */
ISCSIP_API int iscsip_ahs_put_cdb(uint8_t *dst, size_t cap, const uint8_t *cdb, size_t cdb_len);

/**
 * @brief Writes a bidirectional read expected data transfer length AHS.
 * @param[out] dst where to. @param[in] cap bytes there. @param[in] len the expected length of the read.
 * @return As iscsip_ahs_put().
 */
ISCSIP_API int iscsip_ahs_put_bidi_read(uint8_t *dst, size_t cap, uint32_t len);
/** @} */

/** @name Words
 * Never NULL: what has no name is "unknown", "reserved" or "vendor-specific". The strings are constant.
 * @{ */

/**
 * @brief A header in one line, without a newline: name, flags, then every field that the PDU has as `name=value`.
 * @param[in] pdu the header. @param[out] dst where the text goes, always ended by a NUL when @p cap > 0.
 * @param[in] cap bytes at @p dst; 512 hold every header.
 * @return The length of the whole text without its NUL, also where it was cut, as snprintf() has it.
 */
ISCSIP_API int iscsip_pdu_format(const struct iscsip_pdu *pdu, char *dst, size_t cap);

/** @brief What a rule asks for and where it stands. @param[in] rule an #iscsip_pdu_rule or #iscsip_initiator_rule.
 *  @return A constant string, never NULL. */
ISCSIP_API const char *iscsip_rule_text(uint16_t rule);
/** @brief Name of an opcode as the RFC has it. @param[in] opcode an #iscsip_opcode.
 *  @return A constant string, never NULL. */
ISCSIP_API const char *iscsip_opcode_name(uint8_t opcode);
/** @brief Name of a Reject reason. @param[in] reason an #iscsip_reject_reason. @return A constant string, never NULL. */
ISCSIP_API const char *iscsip_reject_reason_name(uint8_t reason);
/** @brief Words for a login status. @param[in] status_class the class. @param[in] status_detail the detail.
 *  @return A constant string, never NULL. */
ISCSIP_API const char *iscsip_login_status_name(uint8_t status_class, uint8_t status_detail);
/** @brief Name of a login stage. @param[in] stage an #iscsip_login_stage. @return A constant string, never NULL. */
ISCSIP_API const char *iscsip_login_stage_name(uint8_t stage);
/** @brief Name of an asynchronous event. @param[in] event an #iscsip_async_event_code.
 *  @return A constant string, never NULL. */
ISCSIP_API const char *iscsip_async_event_name(uint8_t event);
/** @brief Name of a task management function. @param[in] function an #iscsip_tmf_function.
 *  @return A constant string, never NULL. */
ISCSIP_API const char *iscsip_tmf_function_name(uint8_t function);
/** @brief Name of a task management response. @param[in] response an #iscsip_tmf_response.
 *  @return A constant string, never NULL. */
ISCSIP_API const char *iscsip_tmf_response_name(uint8_t response);
/** @brief Name of a logout reason. @param[in] reason an #iscsip_logout_reason. @return A constant string, never NULL. */
ISCSIP_API const char *iscsip_logout_reason_name(uint8_t reason);
/** @brief Name of a logout response. @param[in] response an #iscsip_logout_response_code.
 *  @return A constant string, never NULL. */
ISCSIP_API const char *iscsip_logout_response_name(uint8_t response);
/** @brief Name of a SNACK type. @param[in] type an #iscsip_snack_kind. @return A constant string, never NULL. */
ISCSIP_API const char *iscsip_snack_type_name(uint8_t type);
/** @brief Name of an iSCSI service response. @param[in] response an #iscsip_service_response.
 *  @return A constant string, never NULL. */
ISCSIP_API const char *iscsip_service_response_name(uint8_t response);
/** @} */

#ifdef __cplusplus
}
#endif
#endif
