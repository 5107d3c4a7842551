/* SPDX-License-Identifier: MIT */
/**
 * @file registry.h
 * @brief Which sessions a target has: by TSIH, and by what the ISID rule compares (RFC 7143 4.4.3). For hosts; optional.
 *
 * A host whose target may have more than one session has to find the session that a login with a TSIH means, and the
 * one that a login without reinstates (`session` in target.h). This table answers both in O(1), in memory of the host;
 * the library itself does not use it.
 *
 *     static void on_session(void *user, struct iscsip_conn *c, const struct iscsip_login_info *info, ...)
 *     {
 *             if (info->tsih)
 *                     old = iscsip_registry_find_tsih(r, info);         add a connection, or 0x020a
 *             else if ((old = iscsip_registry_find_nexus(r, info)))
 *                     iscsip_target_session_end(old, now);              reinstatement
 *             ...
 *             iscsip_registry_add(r, s, info, &tsih);
 *             iscsip_login_accept(c, s, tsih);
 *     }
 *
 * One thread at a time.
 */
#ifndef ISCSIPROTO_REGISTRY_H
#define ISCSIPROTO_REGISTRY_H

#include "auth.h"
#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

struct iscsip_session;

/** @brief A table of sessions; opaque, inside the host's memory. */
struct iscsip_registry;

/** @brief Bytes of memory for a registry. @param[in] max sessions at once, 1 to 65535. @return Bytes, 0 for a bad @p max. */
ISCSIP_API size_t iscsip_registry_size(uint32_t max);

/**
 * @brief Makes an empty registry.
 * @param[out] out the registry, inside @p mem. @param[in] mem memory, aligned to 8, as long as it is used; nothing to tear down.
 * @param[in] len its bytes. @param[in] max sessions at once, 1 to 65535.
 * @param[in] seed 8 bytes that nobody can guess: names come from peers, and hashes that they can foretell make long chains.
 * @retval ISCSIP_OK made. @retval ISCSIP_ENOSPC too little memory. @retval ISCSIP_EINVAL a null pointer, bad alignment or @p max.
 */
ISCSIP_API int iscsip_registry_init(struct iscsip_registry **out, void *mem, size_t len, uint32_t max, uint64_t seed);

/**
 * @brief Enters a session and gives it a TSIH.
 * @param[in,out] r the registry. @param[in] s the session. @param[in] info its login: names, ISID, tag, portal; copied.
 * @param[out] tsih a TSIH that no other session of the registry has, never 0, and not soon used again after a removal.
 * @retval ISCSIP_OK entered. @retval ISCSIP_EAGAIN it is full: refuse with ISCSIP_LOGIN_OUT_OF_RESOURCES.
 */
ISCSIP_API int iscsip_registry_add(struct iscsip_registry *r, struct iscsip_session *s, const struct iscsip_login_info *info,
				   uint16_t *tsih);

/** @brief Removes a session. @param[in,out] r the registry. @param[in] tsih its TSIH.
 *  @retval ISCSIP_OK removed. @retval ISCSIP_ENOENT there is none. */
ISCSIP_API int iscsip_registry_remove(struct iscsip_registry *r, uint16_t tsih);

/**
 * @brief The session that a login with info->tsih joins: that TSIH, with the same initiator name, ISID, target name and
 *     portal group tag (RFC 7143 6.3.1, 11.12.6: otherwise the login is refused).
 * @param[in] r the registry. @param[in] info the login.
 * @return The session, or NULL: refuse with ISCSIP_LOGIN_SESSION_DOES_NOT_EXIST.
 */
ISCSIP_API struct iscsip_session *iscsip_registry_find_tsih(const struct iscsip_registry *r,
							    const struct iscsip_login_info *info);

/**
 * @brief The session that a login with TSIH 0 reinstates: same initiator name, ISID, target name and portal group tag; of an
 *     unnamed discovery session, whose target name is empty, the same info->portal instead (RFC 7143 4.4.3, 6.3.5, 7.4.2).
 * @param[in] r the registry. @param[in] info the login.
 * @return The session, or NULL.
 */
ISCSIP_API struct iscsip_session *iscsip_registry_find_nexus(const struct iscsip_registry *r,
							     const struct iscsip_login_info *info);

/**
 * @brief Ends all sessions to the target of one, but that one: what `cold_reset` of target.h asks for (RFC 7143 11.5.1).
 * @param[in,out] r the registry. Sessions that tell state FREE may remove themselves from it meanwhile.
 * @param[in] except the session that the reset came by, which ends by itself. @param[in] now the time.
 */
ISCSIP_API void iscsip_registry_reset(struct iscsip_registry *r, const struct iscsip_session *except, iscsip_time now);

/** @brief Number of sessions in it. @param[in] r the registry. @return 0 to the maximum. */
ISCSIP_API uint32_t iscsip_registry_count(const struct iscsip_registry *r);

/**
 * @brief Session @p index in no particular order, to walk over all: 0 to iscsip_registry_count() - 1. A removal moves the last
 *     one into its place.
 * @param[in] r the registry. @param[in] index which. @return The session, or NULL past the end.
 */
ISCSIP_API struct iscsip_session *iscsip_registry_at(const struct iscsip_registry *r, uint32_t index);

#ifdef __cplusplus
}
#endif
#endif
