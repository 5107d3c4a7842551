/* SPDX-License-Identifier: MIT */
/*
 * The transport's side of a SCSI command: what iscsip_cmd_*() (lib/cmd/cmd.c) call. A target role (iSCSI,
 * frame) puts its own constant table into every command that it hands out.
 */
#ifndef ISCSIP_CMD_PORT_H
#define ISCSIP_CMD_PORT_H

#include "iscsiproto/cmd.h"

/* Each member has the contract of the public function of its name in cmd.h. */
struct iscsip_cmd_port {
	int (*set_buffer)(struct iscsip_cmd *cmd, const struct iscsip_vec *vec, int cnt);
	int (*request_data)(struct iscsip_cmd *cmd, uint32_t off, uint32_t len);
	int (*send_data)(struct iscsip_cmd *cmd, const struct iscsip_vec *vec, int cnt, uint32_t len, bool last);
	int (*complete)(struct iscsip_cmd *cmd, const struct iscsip_cmd_status *st);
	int (*abort)(struct iscsip_cmd *cmd);
	void (*hurry)(struct iscsip_cmd *cmd); /* NULL: it has limits of its own */
	int (*tmf_complete)(struct iscsip_tmf *tmf, uint8_t response); /* NULL where the protocol has no task management */
};

#endif
