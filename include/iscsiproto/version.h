/* SPDX-License-Identifier: MIT */
/**
 * @file version.h
 * @brief The version of the headers, and of the library that was linked.
 *
 * Semantic versioning. Before 1.0 a new minor number may change the interface; the shared library's
 * name (`libiscsiproto.so.0`) changes with the first release that breaks a program built before it.
 */
#ifndef ISCSIPROTO_VERSION_H
#define ISCSIPROTO_VERSION_H

#include <iscsiproto/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ISCSIP_VERSION_MAJOR 0 /**< Changes with a break of the interface. */
#define ISCSIP_VERSION_MINOR 1 /**< Changes when something is added. */
#define ISCSIP_VERSION_PATCH 0 /**< Changes when something is mended. */

/** @brief The version of these headers as text, "MAJOR.MINOR.PATCH". */
#define ISCSIP_VERSION "0.1.0"

/** @brief The version of these headers as one number to compare: 0x00MMmmpp. */
#define ISCSIP_VERSION_NUMBER \
	((unsigned)ISCSIP_VERSION_MAJOR << 16 | (unsigned)ISCSIP_VERSION_MINOR << 8 | \
	 (unsigned)ISCSIP_VERSION_PATCH)

/**
 * @brief The version of the library that runs, which may differ from #ISCSIP_VERSION of the headers.
 * @return A constant string of the form "MAJOR.MINOR.PATCH", never NULL.
 */
ISCSIP_API const char *iscsip_version(void);

#ifdef __cplusplus
}
#endif
#endif
