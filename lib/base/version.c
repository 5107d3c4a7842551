/* SPDX-License-Identifier: MIT */
/*
 * The version of the library as it was built. It owns one string in read-only memory, compiled from the
 * header of the same version; a host that links a shared library compares it with its own ISCSIP_VERSION.
 */
#include <iscsiproto/version.h>

const char *iscsip_version(void)
{
	return ISCSIP_VERSION;
}
