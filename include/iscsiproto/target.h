/* SPDX-License-Identifier: MIT */
/**
 * @file target.h
 * @brief The iSCSI target role (RFC 7143, RFC 7144).
 *
 * Three objects, each in memory of the host: a *connection* for every transport connection that was accepted, *login
 * scratch* that it needs until its login ends, and a *session* that the host hands out when the login is about to
 * succeed. A flood of half-open logins so costs no sessions. SCSI commands go to the device server (cmd.h).
 *
 * A login asks its host, in this order, each by a callback that may answer at once or later:
 *
 *     identify   who wants where: grant, refuse or redirect
 *     chap_ask   only with CHAP: whose secret is what
 *     auth_step  only with KRB5, SRP and extensions: a step of the host's mechanism
 *     session    the login succeeds now: name the session
 */
#ifndef ISCSIPROTO_TARGET_H
#define ISCSIPROTO_TARGET_H

#include "cmd.h"
#include "session.h"

#ifdef __cplusplus
extern "C" {
#endif

/** @brief What the host grants to a login after `identify`. */
struct iscsip_login_terms {
	const struct iscsip_offer *offer; /**< Keys for this login; NULL: those of the configuration. Stays valid to its end. */
	uint16_t portal_group_tag;        /**< Tag of the portal that the connection came to (RFC 7143 13.9). */
	const char *target_alias;         /**< TargetAlias to declare, or NULL; stays valid to the end of the login. */
	/** With info->tsih not 0: the session that it names, whose parameters hold for the new connection too; else NULL. Where no
	    such session is there, refuse with ISCSIP_LOGIN_SESSION_DOES_NOT_EXIST. */
	const struct iscsip_session *session;
	/** The host's own number of the network portal that the connection came to, for info->portal: an unnamed discovery session is
	    one of its portal (RFC 7143 7.4.2.1), whose group tag may be that of others, too. 0 where there is one portal only. */
	uint32_t portal;
};

/** @brief A portal that SendTargets tells of. */
struct iscsip_portal {
	const char *address; /**< `host:port` or `[v6]:port`, as TargetAddress has it, without the tag; NULL: none is told. */
	uint16_t tag;        /**< Portal group tag. */
};

/** @brief The host's side of a target; every callback is given the connection's or session's `user` pointer first. */
struct iscsip_target_ops {
	size_t struct_size; /**< sizeof(struct iscsip_target_ops) as the host was compiled. */
	/**
	 * The first login request is in, with its names. Answer with iscsip_login_grant() or iscsip_login_refuse(), here or
	 * later. The initiator may not be authenticated yet. Required.
	 */
	void (*identify)(void *user, struct iscsip_conn *c, const struct iscsip_login_info *info);
	/** A CHAP secret is needed; answer with iscsip_login_chap(), here or later. NULL: CHAP fails. */
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
	/**
	 * The login is about to succeed: name the session with iscsip_login_accept(), or refuse. With info->tsih 0 a new
	 * session is wanted; one of the same initiator name, ISID, target and portal group tag that exists is to be ended first
	 * (session reinstatement, RFC 7143 6.3.5): iscsip_target_session_end(). Else the session with that TSIH is wanted,
	 * and a connection in it with the same CID is replaced (6.3.4): let it be of the same initiator name, ISID, target and portal
	 * group tag, too, or refuse with 020a (11.12.6), else an initiator could take over what another one has. registry.h does
	 * both. Required.
	 */
	void (*session)(void *user, struct iscsip_conn *c, const struct iscsip_login_info *info,
			const struct iscsip_params *params);
	/** The login has ended: the scratch memory is free again. @p status is an #iscsip_login_status. May be NULL. */
	void (*login_done)(void *user, struct iscsip_conn *c, uint16_t status);
	/**
	 * Target @p index of those that this connection's initiator may see (SendTargets): its name, and portal @p portal of it.
	 * Ask in ascending order. May be called again for the same ones. @p only, where not NULL, is the one name asked for, its
	 * ASCII letters small, as in a login.
	 * NULL: SendTargets is answered empty.
	 * @return ISCSIP_OK; ISCSIP_ENOENT where there is no such portal (of this target: the next target is asked for), or with
	 * @p portal 0 no such target (the list ends).
	 */
	int (*targets)(void *user, struct iscsip_conn *c, const char *only, unsigned index, unsigned portal,
		       const char **name, struct iscsip_portal *out);
	/** A text key that the library does not know, in full feature phase. Write the answer's value to @p reply and return its
	 * length, or ISCSIP_ENOENT for NotUnderstood. May be NULL. */
	ptrdiff_t (*text)(void *user, struct iscsip_conn *c, const char *key, const char *value, size_t len, char *reply,
			  size_t cap);
	/** The session's state has changed; with FREE all its commands have been given back and its memory is the host's again
	 * once this returned. @p why is NULL without an error. May be NULL. */
	void (*state)(void *user, struct iscsip_session *s, int state, const struct iscsip_error *why);
	/** The initiator logged out a connection or the session (RFC 7143 11.14): for information. May be NULL. */
	void (*logout)(void *user, struct iscsip_conn *c, uint8_t reason, uint16_t cid);
	/**
	 * TARGET COLD RESET was carried out for an initiator of session @p s (RFC 7143 11.5.1). All sessions of the target have to
	 * end with it, and only the host knows the others: iscsip_target_session_end() for each one to the same target but @p s, which
	 * the library ends itself when the response was sent. iscsip_registry_reset() does it for those in a registry. A host that
	 * keeps other sessions on other threads tells those. NULL: the other sessions stay, which the RFC forbids.
	 */
	void (*cold_reset)(void *user, struct iscsip_session *s);
};

/** @brief Bytes of memory for a target connection. @param[in] cfg a checked configuration. @return The bytes. */
ISCSIP_API size_t iscsip_target_conn_size(const struct iscsip_config *cfg);

/** @brief Bytes of memory for a target session. @param[in] cfg a checked configuration. @return The bytes. */
ISCSIP_API size_t iscsip_target_session_size(const struct iscsip_config *cfg);

/**
 * @brief Makes a connection for a transport connection that was accepted.
 * @param[out] out the connection, inside @p mem.
 * @param[in] mem memory, aligned to 8, until iscsip_conn_closed(). @param[in] len its bytes.
 * @param[in] login scratch, aligned to 8, until `login_done` or iscsip_conn_closed(). @param[in] login_len its bytes, at
 *     least iscsip_login_size().
 * @param[in] cfg the configuration. @param[in] ops the host's side. @param[in] user given to the login callbacks.
 * @param[in] now the time.
 * @retval ISCSIP_OK made. @retval ISCSIP_ENOSPC too little memory. @retval ISCSIP_EINVAL bad configuration or alignment.
 */
ISCSIP_API int iscsip_target_conn_init(struct iscsip_conn **out, void *mem, size_t len, void *login, size_t login_len,
				       const struct iscsip_config *cfg, const struct iscsip_target_ops *ops, void *user,
				       iscsip_time now);

/**
 * @brief Makes a session, to be given to iscsip_login_accept().
 * @param[out] out the session, inside @p mem. @param[in] mem memory, aligned to 8, until state FREE was told.
 * @param[in] len its bytes. @param[in] cfg the configuration. @param[in] ops the host's side.
 * @param[in] dev the device server. @param[in] dev_user given to its callbacks. @param[in] nexus put into each command.
 * @param[in] user given to the session callbacks.
 * @return As iscsip_target_conn_init().
 */
ISCSIP_API int iscsip_target_session_init(struct iscsip_session **out, void *mem, size_t len,
					  const struct iscsip_config *cfg, const struct iscsip_target_ops *ops,
					  const struct iscsip_device_ops *dev, void *dev_user, void *nexus, void *user);

/** @brief Answers `identify`. @param[in,out] c the connection. @param[in] terms what is granted; NULL: all defaults, tag 1.
 *  @retval ISCSIP_OK taken. @retval ISCSIP_ESTATE nothing was asked. @retval ISCSIP_EINVAL the offer lets PDUs come in any order
 *  (data_pdu_in_order No), but that of the configuration does not: the session has no room to follow that;
 *  or it has an ErrorRecoveryLevel above 0. */
ISCSIP_API int iscsip_login_grant(struct iscsip_conn *c, const struct iscsip_login_terms *terms);

/**
 * @brief Ends a login with a status, at any of its questions.
 * @param[in,out] c the connection. @param[in] status an #iscsip_login_status but OK.
 * @param[in] redirect for 0101 and 0102: where to, as TargetAddress has it (`host:port` and perhaps `,tag`); else NULL.
 * @retval ISCSIP_OK taken. @retval ISCSIP_ESTATE nothing was asked. @retval ISCSIP_EINVAL bad status or address.
 */
ISCSIP_API int iscsip_login_refuse(struct iscsip_conn *c, uint16_t status, const char *redirect);

/**
 * @brief Answers `session`: the connection joins it.
 * @param[in,out] c the connection. @param[in,out] s a session fresh from init, or the existing one of this TSIH.
 * @param[in] tsih for a new session its TSIH, not 0 and unique among the target's; for an existing one it is not read.
 * @retval ISCSIP_OK taken; from now on the callbacks are the session's. @retval ISCSIP_ESTATE nothing was asked, or the session
 *     is not in a state to take it. @retval ISCSIP_EAGAIN it has no free connection slot: refuse with 0206.
 */
ISCSIP_API int iscsip_login_accept(struct iscsip_conn *c, struct iscsip_session *s, uint16_t tsih);

/**
 * @brief Ends a session at once: all its connections close, all tasks are aborted, no answer is sent (session reinstatement,
 *     administrative removal). State FREE is told when the last command was given back.
 * @param[in,out] s the session. @param[in] now the time.
 */
ISCSIP_API void iscsip_target_session_end(struct iscsip_session *s, iscsip_time now);

/** @brief Whether no command of the session is with the device server any more. @param[in] s the session.
 *  @return True where none is left. */
ISCSIP_API bool iscsip_target_session_idle(const struct iscsip_session *s);

/**
 * @brief Sends an Asynchronous Message on a connection (RFC 7143 11.9).
 *
 * ISCSIP_ASYNC_LOGOUT starts the logout limit: a connection that is not logged out after param[2] seconds is closed.
 * ISCSIP_ASYNC_DROP_CONNECTION and ISCSIP_ASYNC_DROP_SESSION close what they say once they were sent. What FastAbort asks for
 * (ISCSIP_ASYNC_TASK_TERMINATION) is sent without the host when iscsip_cmd_abort() is called.
 * @param[in,out] c a connection in full feature phase of a normal session (a discovery session knows none: 7.4.3).
 * @param[in] a the message; copied, but for its data, which stays in place until the connection is closed or the next
 *     message was taken.
 * @retval ISCSIP_OK queued. @retval ISCSIP_EAGAIN the one before is not sent yet. @retval ISCSIP_ESTATE not in full feature phase.
 * @retval ISCSIP_EINVAL more data than the initiator takes, ISCSIP_ASYNC_SCSI without sense data, a reserved event, or
 *     ISCSIP_ASYNC_TASK_TERMINATION without FastAbort.
 */
ISCSIP_API int iscsip_target_async(struct iscsip_conn *c, const struct iscsip_async_message *a);

#ifdef __cplusplus
}
#endif
#endif
