/* SPDX-License-Identifier: MIT */
/**
 * @file iscsiproto.h
 * @brief Every public header of the library in one include.
 */
#ifndef ISCSIPROTO_ISCSIPROTO_H
#define ISCSIPROTO_ISCSIPROTO_H

#include <iscsiproto/base.h>
#include <iscsiproto/version.h>

#endif
