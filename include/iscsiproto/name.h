/* SPDX-License-Identifier: MIT */
/**
 * @file name.h
 * @brief iSCSI names and target addresses (RFC 7143 4.2.7, 13.8).
 */
#ifndef ISCSIPROTO_NAME_H
#define ISCSIPROTO_NAME_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** @brief Longest iSCSI name in bytes (RFC 7143 4.2.7.1), without a NUL. */
#define ISCSIP_NAME_MAX 223

/** @brief TCP port of iSCSI targets where an address names none. */
#define ISCSIP_PORT 3260

/** @brief Type designators of names. */
enum iscsip_name_type {
	ISCSIP_NAME_IQN = 1, /**< iqn.yyyy-mm.reversed.domain[:anything]. */
	ISCSIP_NAME_EUI = 2, /**< eui. and 16 hex digits. */
	ISCSIP_NAME_NAA = 3  /**< naa. and 16 or 32 hex digits. */
};

/**
 * @brief Checks a name.
 *
 * Of ASCII it takes letters, digits, "-", "." and ":"; beyond it every character in UTF-8 that RFC 3722 does not prohibit, as
 * it stands (nothing is mapped: names beyond ASCII have to come prepared). Letters may be of either case here: the normal form
 * has small ones.
 * @param[in] name the name; no NUL needed behind it. @param[in] len its bytes.
 * @return The #iscsip_name_type; ISCSIP_ENOSPC for more than #ISCSIP_NAME_MAX bytes; ISCSIP_EINVAL for anything else that
 *     is no iSCSI name.
 */
ISCSIP_API int iscsip_name_check(const char *name, size_t len);

/**
 * @brief Writes the normal form: ASCII letters made small (RFC 3722), all else as it is. A name needs to be brought into
 *     it once; after that names are compared byte for byte.
 * @param[out] dst where to, with a NUL behind; may be @p name itself. @param[in] cap room there, #ISCSIP_NAME_MAX + 1 suffices.
 * @param[in] name the name. @param[in] len its bytes.
 * @return Length of the name, ISCSIP_ENOSPC, or ISCSIP_EINVAL for what iscsip_name_check() refuses.
 */
ISCSIP_API ptrdiff_t iscsip_name_normalize(char *dst, size_t cap, const char *name, size_t len);

/**
 * @brief The same for names as the field has them, for hosts that have to live with them: of any form, and of ASCII with all
 *     but blanks, control characters, quotes, commas and "\\". Many have "_" in them, which is no character of an iSCSI name.
 * @param[out] dst as above. @param[in] cap as above. @param[in] name the name. @param[in] len its bytes.
 * @return Length of the name, ISCSIP_ENOSPC for what is too long, or ISCSIP_EINVAL.
 */
ISCSIP_API ptrdiff_t iscsip_name_normalize_any(char *dst, size_t cap, const char *name, size_t len);

/** @brief Whether two names are the same in normal form. @param[in] a, b names, each ended by a NUL.
 *  @return True where both are the same name. */
ISCSIP_API bool iscsip_name_equal(const char *a, const char *b);

/** @brief Forms of a host in an address. */
enum iscsip_host_kind {
	ISCSIP_HOST_DNS = 0,  /**< A DNS host name. */
	ISCSIP_HOST_IPV4 = 1, /**< Dotted decimal IPv4. */
	ISCSIP_HOST_IPV6 = 2  /**< IPv6, stored without brackets, a zone behind "%". */
};

/** @brief A target address: `domainname[:port][,portal-group-tag]`. */
struct iscsip_address {
	char host[256]; /**< Host, ended by a NUL. */
	uint8_t kind;   /**< An #iscsip_host_kind. */
	bool has_port;  /**< The port was written out. */
	bool has_tag;   /**< A portal group tag was given. */
	uint16_t port;  /**< TCP port, #ISCSIP_PORT where none was written; never 0. */
	uint16_t tag;   /**< Portal group tag, 0 where none was given. */
};

/**
 * @brief Reads an address: DNS name, dotted IPv4, or IPv6 in brackets (RFC 3986) with an optional zone ("%eth0", or "%25eth0" as
 *     RFC 6874 writes it); port and tag in decimal or 0x hex.
 * @param[out] addr the parts. @param[in] s the text. @param[in] len its bytes.
 * @retval ISCSIP_OK done. @retval ISCSIP_EINVAL no address; @p addr is undefined.
 */
ISCSIP_API int iscsip_address_parse(struct iscsip_address *addr, const char *s, size_t len);

#define ISCSIP_ADDRESS_TEXT_MAX 280u /**< Bytes for the longest address as text, with its NUL. */

/**
 * @brief Writes an address: host (IPv6 in brackets), the port where `has_port` is set, the tag where `has_tag` is set.
 * @param[in] addr the parts. @param[out] dst where to, with a NUL behind.
 * @param[in] cap room there; #ISCSIP_ADDRESS_TEXT_MAX always suffices.
 * @return Length without the NUL, or ISCSIP_ENOSPC with nothing written.
 */
ISCSIP_API ptrdiff_t iscsip_address_format(const struct iscsip_address *addr, char *dst, size_t cap);

#ifdef __cplusplus
}
#endif
#endif
