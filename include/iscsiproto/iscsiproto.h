/* SPDX-License-Identifier: MIT */
/**
 * @file iscsiproto.h
 * @brief Every public header of the library in one include.
 */
#ifndef ISCSIPROTO_ISCSIPROTO_H
#define ISCSIPROTO_ISCSIPROTO_H

#include <iscsiproto/auth.h>
#include <iscsiproto/base.h>
#include <iscsiproto/cmd.h>
#include <iscsiproto/config.h>
#include <iscsiproto/conn.h>
#include <iscsiproto/crc32c.h>
#include <iscsiproto/ddp.h>
#include <iscsiproto/disk.h>
#include <iscsiproto/frame.h>
#include <iscsiproto/initiator.h>
#include <iscsiproto/name.h>
#include <iscsiproto/params.h>
#include <iscsiproto/pdu.h>
#include <iscsiproto/registry.h>
#include <iscsiproto/scsi.h>
#include <iscsiproto/session.h>
#include <iscsiproto/target.h>
#include <iscsiproto/text.h>
#include <iscsiproto/version.h>

#endif
