/* SPDX-License-Identifier: MIT */
/*
 * Commands without their transport. Owns nothing: a command belongs to the target role that made it, and
 * these functions only lead to that role's table, so that a device server works over any transport.
 */
#include "cmd/cmd_port.h"

int iscsip_cmd_set_buffer(struct iscsip_cmd *cmd, const struct iscsip_vec *vec, int cnt)
{
	return cmd->port->set_buffer(cmd, vec, cnt);
}

int iscsip_cmd_request_data(struct iscsip_cmd *cmd, uint32_t off, uint32_t len)
{
	return cmd->port->request_data(cmd, off, len);
}

int iscsip_cmd_send_data(struct iscsip_cmd *cmd, const struct iscsip_vec *vec, int cnt, uint32_t len, bool last)
{
	return cmd->port->send_data(cmd, vec, cnt, len, last);
}

int iscsip_cmd_complete(struct iscsip_cmd *cmd, const struct iscsip_cmd_status *st)
{
	return cmd->port->complete(cmd, st);
}

int iscsip_cmd_abort(struct iscsip_cmd *cmd)
{
	return cmd->port->abort(cmd);
}

void iscsip_cmd_hurry(struct iscsip_cmd *cmd)
{
	if (cmd->port->hurry)
		cmd->port->hurry(cmd);
}

int iscsip_tmf_complete(struct iscsip_tmf *tmf, uint8_t response)
{
	return tmf->port->tmf_complete(tmf, response);
}
