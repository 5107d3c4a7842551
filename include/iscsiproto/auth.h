/* SPDX-License-Identifier: MIT */
/**
 * @file auth.h
 * @brief Who is there, and may it in: what a login asks its host, and what the host answers.
 *
 * The library computes CHAP itself and keeps no secret longer than the call that brings it. KRB5, SRP and
 * extension methods are mechanisms of the host; the library carries their keys.
 */
#ifndef ISCSIPROTO_AUTH_H
#define ISCSIPROTO_AUTH_H

#include "base.h"
#include "name.h"
#include "params.h"
#include "pdu.h"

#ifdef __cplusplus
extern "C" {
#endif

struct iscsip_conn;

/** @brief What is known of a login so far. Grows while it proceeds; strings are empty until they are known. */
struct iscsip_login_info {
	char initiator_name[ISCSIP_NAME_MAX + 1]; /**< InitiatorName in normal form. */
	char target_name[ISCSIP_NAME_MAX + 1];    /**< TargetName in normal form; empty in a discovery session without one. */
	char peer_alias[256];                     /**< InitiatorAlias or TargetAlias of the peer; UTF-8, otherwise unchecked. */
	char peer_chap_name[256];                 /**< The peer's CHAP_N, once its response was verified. */
	struct iscsip_address redirect;           /**< Initiator: where status 0101 or 0102 sends it. */
	uint8_t isid[6];                          /**< ISID. */
	uint16_t tsih;                            /**< TSIH: of the request until the login is complete, then the session's. */
	uint16_t cid;                             /**< CID. */
	uint32_t itt;                             /**< Initiator task tag of the login. */
	uint32_t cmdsn;                           /**< CmdSN of the first login request. */
	uint32_t expstatsn;                       /**< Target: ExpStatSN of the first login request (RFC 7143 11.12.9). */
	uint32_t portal;                          /**< Target: the network portal that the host told with `identify`'s answer, or 0. */
	uint16_t portal_group_tag;                /**< The target's, where has_portal_group_tag. */
	bool has_portal_group_tag;                /**< Initiator: the target has sent one. */
	uint8_t session_type;                     /**< An #iscsip_session_type. */
	uint8_t auth_method;                      /**< The #iscsip_auth_method in use. */
	uint8_t chap_algorithm;                   /**< CHAP: the algorithm in use, 5 to 8. */
	bool peer_authenticated;                  /**< The peer has proved who it is. */
	bool self_authenticated;                  /**< This side was asked to prove itself, and did. */
	uint16_t status;                          /**< An #iscsip_login_status, sent or received. */
};

/** @brief What a CHAP secret is wanted for. */
enum iscsip_chap_purpose {
	ISCSIP_CHAP_VERIFY_PEER = 0, /**< The peer sent its name and a response: is it right? */
	ISCSIP_CHAP_PROVE_SELF = 1   /**< The peer sent a challenge: what is this side's name and response? */
};

/** @brief A question about a CHAP secret. Valid until it is answered. */
struct iscsip_chap_ask {
	uint8_t purpose;                      /**< An #iscsip_chap_purpose. */
	uint8_t algorithm;                    /**< 5 MD5, 6 SHA-1, 7 SHA-256, 8 SHA3-256. */
	uint8_t identifier;                   /**< CHAP_I of the challenge. */
	const char *peer_name;                /**< VERIFY: the peer's CHAP_N, UTF-8, ended by a NUL. PROVE: NULL, or the name that the
	                                           peer was verified under. */
	const uint8_t *challenge;             /**< The challenge that the response is made of. */
	size_t challenge_len;                 /**< Its bytes, up to 1024. */
	const uint8_t *response;              /**< VERIFY: what the peer sent; PROVE: NULL. */
	size_t response_len;                  /**< Its bytes: the size of the algorithm's hash. */
	const struct iscsip_login_info *login; /**< Names and session of the login. */
};

/** @brief How the host answers a question about a secret. */
enum iscsip_chap_verdict {
	ISCSIP_CHAP_SECRET = 0,  /**< `secret` holds the secret; the library computes. */
	ISCSIP_CHAP_RESPONSE = 1, /**< PROVE: `response` holds what a vault or HSM has computed. */
	ISCSIP_CHAP_VERIFIED = 2, /**< VERIFY: a server elsewhere (RADIUS, HSM) found the response right. */
	ISCSIP_CHAP_REFUSED = 3  /**< No such name, no secret, or the response is wrong: authentication fails. */
};

/** @brief The host's answer. Everything is needed during the call alone. */
struct iscsip_chap_answer {
	uint8_t verdict;        /**< An #iscsip_chap_verdict. */
	const char *name;       /**< PROVE: this side's CHAP_N, up to 255 bytes. */
	const void *secret;     /**< SECRET: the secret. */
	size_t secret_len;      /**< Its bytes, 1 to 255; under 12 only with iscsip_offer::allow_short_secrets. */
	const uint8_t *response; /**< RESPONSE: the response. */
	size_t response_len;    /**< Its bytes: the size of the algorithm's hash. */
};

/**
 * @brief Computes a CHAP response: hash(identifier, secret, challenge) (RFC 1994 4.1).
 * @param[in] algorithm 5 to 8. @param[in] identifier CHAP_I. @param[in] secret the secret. @param[in] secret_len its bytes.
 * @param[in] challenge the challenge. @param[in] challenge_len its bytes. @param[out] out the response, up to 32 bytes.
 * @return Bytes of the response, or ISCSIP_EINVAL for an algorithm that is unknown or not built in.
 */
ISCSIP_API int iscsip_chap_response(int algorithm, uint8_t identifier, const void *secret, size_t secret_len,
				    const void *challenge, size_t challenge_len, uint8_t out[32]);

/** @brief One key of a mechanism on its way to the peer. */
struct iscsip_auth_item {
	const char *key;   /**< Key name, one of the method's (SRP_A, KRB_AP_REQ, ...). */
	const void *value; /**< Text, or bytes that the library sends as base64. */
	size_t len;        /**< Bytes of it; binary ones of KRB5 up to 65536, of SRP up to 1024 (RFC 7143 12.1.1, 12.1.2). */
	bool binary;       /**< Bytes, not text. */
};

/** @brief Most keys that a mechanism sends in one step. */
#define ISCSIP_AUTH_ITEMS 4

/** @brief Where a mechanism of the host stands after a step. */
enum iscsip_auth_step {
	ISCSIP_AUTH_GO_ON = 0, /**< It needs more keys from the peer. */
	ISCSIP_AUTH_DONE = 1,  /**< It is content: the peer is who it says, and nothing more is needed than these items. */
	ISCSIP_AUTH_REFUSE = 2, /**< It failed. */
	ISCSIP_AUTH_LAST = 3   /**< Initiator: the items are its last, and the target's answer is still to be judged (the T bit goes
	                            with them, as in RFC 7143 appendix B). */
};

/** @brief A mechanism's answer to a step. */
struct iscsip_auth_answer {
	uint8_t step;                         /**< An #iscsip_auth_step. */
	uint16_t status;                      /**< REFUSE at a target: the status; 0 stands for #ISCSIP_LOGIN_AUTHENTICATION_FAILED. */
	const struct iscsip_auth_item *items; /**< Keys to send; their values must stay in place until the next step, or
	                                           the end of the login. */
	int count;                            /**< How many, up to #ISCSIP_AUTH_ITEMS. */
};

/** @brief Answers `chap_ask`. @param[in,out] c the connection. @param[in] a the answer, needed during the call.
 *  @retval ISCSIP_OK taken. @retval ISCSIP_ESTATE nothing was asked. */
ISCSIP_API int iscsip_login_chap(struct iscsip_conn *c, const struct iscsip_chap_answer *a);

/** @brief Answers `auth_step`. @param[in,out] c the connection. @param[in] a the answer.
 *  @retval ISCSIP_OK taken. @retval ISCSIP_ESTATE nothing was asked. @retval ISCSIP_EINVAL a step that is none, or an item that
 *  may not be sent (a key that is no label of RFC 7143 6.1, a binary value that is empty or too long); the question stands. */
ISCSIP_API int iscsip_login_auth(struct iscsip_conn *c, const struct iscsip_auth_answer *a);

#ifdef __cplusplus
}
#endif
#endif
