/* SPDX-License-Identifier: MIT */
/*
 * SCSI commands on their way in, and the device server's side of them (cmd.h).
 *
 *   header in --> checks, slot --> place (a buffer for its data-out) --> immediate data in --> its turn --> exec
 *
 * What is wrong with the header by itself was refused before (lib/wire). What breaks the rules of this session's
 * parameters is no reason for a Reject: a rejected command leaves a hole in the command numbers (RFC 7143 7.3). It ends
 * at its turn with CHECK CONDITION (11.4.7.2), without the device server knowing of it.
 *
 * A buffer may be named later (place answers ISCSIP_EAGAIN): until then the connection takes no byte, and the command
 * is not counted as received.
 */
#include "target/target.h"

/* The CDB: the header's 16 bytes with the task, or all of an extended one in the session's room for it (11.2.2.3). */
static void cdb_extend(struct tgt_task *t, const uint8_t *rest, uint16_t len)
{
	uint8_t *ext = t->ses->cdbs + (size_t)t->index * t->ses->cdb_stride;

	memcpy(ext, t->cdb, sizeof t->cdb);
	memcpy(ext + sizeof t->cdb, rest, len);
	t->cmd.cdb = ext;
	t->cmd.cdb_len = (uint16_t)(sizeof t->cdb + len);
}

static bool digested(const struct tgt_task *t)
{
	return t->ses->s.params.data_digest != ISCSIP_DIGEST_NONE;
}

/*
 * Data whose digest is not judged yet (7.8: it is discarded if that is wrong), and data of a command that others may have to
 * come before, is nothing that anybody may see.
 */
static unsigned aside(const struct tgt_task *t)
{
	bool early = !(t->flags & TGT_IMMEDIATE) && t->cmdsn != t->ses->expcmdsn;

	return digested(t) || early ? ISCSIP_CMD_ASIDE : 0u;
}

static void cmd_fill(struct tgt_task *t, const struct iscsip_pdu *pdu)
{
	const struct iscsip_scsi_command *cmd = &pdu->scsi_command;

	memcpy(t->cdb, cmd->cdb, sizeof t->cdb);
	t->cmd.cdb = t->cdb;
	t->cmd.cdb_len = sizeof t->cdb;
	t->cmd.port = iscsip__target_port();
	t->cmd.nexus = t->ses->nexus;
	t->cmd.attr = cmd->attr;
	t->cmd.flags = (uint8_t)((cmd->read ? ISCSIP_CMD_IN : 0u) | (cmd->write ? ISCSIP_CMD_OUT : 0u) |
				 (pdu->immediate ? ISCSIP_CMD_IMMEDIATE : 0u) | aside(t));
	t->cmd.out_len = cmd->write ? cmd->edtl : 0;
	t->cmd.in_len = cmd->read ? cmd->edtl : 0;
	t->cmd.unasked = 0;
}

/* What the additional headers say beyond that; a command that reads and writes has one with the length of its reading. */
static void cmd_extend(struct tgt_task *t, const struct iscsip_ahs_fields *ahs)
{
	if (ahs->cdb)
		cdb_extend(t, ahs->cdb, ahs->cdb_len);
	if (ahs->has_bidi_read) {
		t->cmd.in_len = ahs->bidi_read_len;
		t->flags |= TGT_BIDI;
	}
}

/* Where PDUs may come in any order, what has come is noted: first the immediate data. */
static void ranges_begin(const struct tgt_task *t, uint32_t immediate)
{
	struct task_ranges *ranges = iscsip__target_task_ranges(t);

	if (!ranges)
		return;
	task_ranges_clear(ranges);
	if (immediate)
		(void)iscsip__task_ranges_add(ranges, 0, immediate);
}

/* What the parameters say of unsolicited data: 13.10, 13.11, 13.14. */
static void promise_check(struct tgt_task *t, const struct iscsip_pdu *pdu)
{
	const struct iscsip_params *p = &t->ses->s.params;
	uint32_t first = p->first_burst_length < t->cmd.out_len ? p->first_burst_length : t->cmd.out_len;

	t->out.promised = pdu->data_len;
	if (pdu->data_len && (!p->immediate_data || pdu->data_len > p->first_burst_length))
		iscsip__target_fail(t, TGT_FAIL_UNSOLICITED);
	if (pdu->final)
		return;
	if (p->initial_r2t) {
		/* F=0 says that more follows, which is forbidden: nothing is waited for */
		iscsip__target_fail(t, TGT_FAIL_UNSOLICITED);
	} else if (first > pdu->data_len) {
		t->out.promised = first;
		t->flags |= TGT_UNSOLICITED;
		ranges_begin(t, pdu->data_len);
	}
}

/* Asks the host for a buffer. True if it will answer later. */
static bool ask_place(struct iscsip_conn *c, struct tgt_task *t)
{
	struct tgt_session *s = t->ses;
	struct tgt_conn *tc = tgt_conn_of(c);
	int err;

	if (t->cmd.out_len == 0 || t->flags & TGT_FAILED || !s->dev->place)
		return false;
	t->flags |= TGT_TOLD;
	tc->in_place = true;
	err = s->dev->place(s->dev_user, &t->cmd);
	tc->in_place = false;
	if (err != ISCSIP_EAGAIN || t->flags & (TGT_BUFFER | TGT_ABORTED))
		return false;
	t->flags |= TGT_PLACING;
	iscsip__target_hold(c, TGT_HOLD_PLACE);
	return true;
}

/* The place of immediate data is known, or known not to be. */
static void expect_immediate(struct iscsip_conn *c, struct tgt_task *t)
{
	struct iscsip_vec_cursor at;

	if (c->pdu.data_len == 0)
		return;
	if (t->flags & TGT_BUFFER && !(t->flags & (TGT_FAILED | TGT_ABORTED))) {
		at = iscsip__target_out_at(t, 0);
		iscsip__conn_expect_place(c, &at);
		return;
	}
	t->flags |= TGT_DROPPED;
	iscsip__conn_expect_sink(c, NULL);
}

/* Data-out: what of it may come unasked, and where to. */
static void out_begin(struct iscsip_conn *c, struct tgt_task *t)
{
	memset(&t->out, 0, sizeof t->out);
	promise_check(t, &c->pdu);
	t->cmd.unasked = t->out.promised;
	if (!ask_place(c, t))
		expect_immediate(c, t);
}

int iscsip__target_cmd_arrive(struct iscsip_conn *c)
{
	struct tgt_conn *tc = tgt_conn_of(c);
	struct iscsip_ahs_fields ahs;
	struct iscsip_error why;
	struct tgt_task *t;

	if (tc->ahs_len) {
		const uint8_t *hdr = iscsip__target_reject_spare(c);

		if (iscsip_ahs_read(&ahs, &c->pdu, hdr + BHS_LEN, &why)) {
			(void)iscsip__target_reject(c, why.reject_reason, hdr);
			return iscsip__target_refuse(c, &why);
		}
	}
	t = iscsip__target_begin(c, TGT_COMMAND);
	if (!t)
		return ISCSIP_OK;
	cmd_fill(t, &c->pdu);
	if (tc->ahs_len)
		cmd_extend(t, &ahs);
	if (c->pdu.scsi_command.write) {
		t->flags |= TGT_RX;
		tc->rx_task = t;
		out_begin(c, t);
	} else {
		/* other commands have no data (command_breach() of lib/wire/check.c): it is complete */
		tc->rx_skip = true;
		iscsip__target_window_admit(t);
	}
	return ISCSIP_OK;
}

int iscsip__target_cmd_complete(struct iscsip_conn *c)
{
	struct tgt_conn *tc = tgt_conn_of(c);
	struct tgt_task *t = tc->rx_task;

	tc->rx_task = NULL;
	t->flags &= ~(uint32_t)TGT_RX;
	if (t->flags & TGT_ABORTED) {
		(void)iscsip__target_task_put(t);
		return ISCSIP_OK;
	}
	if (c->data_bad) {
		/* the command is discarded, and may come again (7.8) */
		(void)iscsip__target_reject(c, ISCSIP_REJECT_DATA_DIGEST, NULL);
		iscsip__target_abort(t, false);
		return ISCSIP_OK;
	}
	t->out.have = c->pdu.data_len;
	t->ses->s.stats.out_bytes += c->pdu.data_len;
	iscsip__target_window_admit(t);
	return ISCSIP_OK;
}

void iscsip__target_cmd_exec(struct tgt_task *t)
{
	struct tgt_session *s = t->ses;

	s->s.stats.commands++;
	if (t->flags & TGT_FAILED) {
		iscsip__target_respond(t);
		return;
	}
	if (t->cmd.flags & ISCSIP_CMD_ASIDE && !digested(t))
		t->cmd.flags &= (uint8_t)~ISCSIP_CMD_ASIDE; /* its turn has come */
	t->flags |= TGT_DEVICE | TGT_TOLD;
	s->with_device++;
	s->dev->exec(s->dev_user, &t->cmd);
}

/* --- what the device server calls --- */

/* The buffer that the connection waits for. */
static void placed_late(struct tgt_task *t)
{
	struct iscsip_conn *c = t->c;

	t->flags &= ~(uint32_t)TGT_PLACING;
	expect_immediate(c, t);
	iscsip__target_place_known(c);
}

static int port_set_buffer(struct iscsip_cmd *cmd, const struct iscsip_vec *vec, int cnt)
{
	struct tgt_task *t = tgt_task_of(cmd);
	struct iscsip_vec_cursor all = { vec, cnt, 0 };
	struct tgt_session *s = t->ses;

	if (!(cmd->flags & ISCSIP_CMD_OUT) || !vec || cnt < 1 || !cursor_holds(&all, cmd->out_len))
		return ISCSIP_EINVAL;
	if (t->flags & (TGT_BUFFER | TGT_DROPPED | TGT_OVER))
		return ISCSIP_ESTATE;
	tgt_enter(s);
	t->flags |= TGT_BUFFER;
	t->out.vec = vec;
	t->out.cnt = cnt;
	if (t->flags & TGT_PLACING)
		placed_late(t);
	tgt_leave(s);
	return ISCSIP_OK;
}

static int port_request_data(struct iscsip_cmd *cmd, uint32_t off, uint32_t len)
{
	struct tgt_session *s = tgt_task_of(cmd)->ses;
	int err;

	tgt_enter(s);
	err = iscsip__target_out_request(cmd, off, len);
	tgt_leave(s);
	return err;
}

static int port_complete(struct iscsip_cmd *cmd, const struct iscsip_cmd_status *st)
{
	struct tgt_session *s = tgt_task_of(cmd)->ses;
	int err;

	tgt_enter(s);
	err = iscsip__target_complete(cmd, st);
	tgt_leave(s);
	return err;
}

static int port_abort(struct iscsip_cmd *cmd)
{
	struct tgt_session *s = tgt_task_of(cmd)->ses;
	int err;

	tgt_enter(s);
	err = iscsip__target_abort_cmd(cmd);
	tgt_leave(s);
	return err;
}

const struct iscsip_cmd_port *iscsip__target_port(void)
{
	static const struct iscsip_cmd_port port = { port_set_buffer, port_request_data, iscsip__target_in_send,
						     port_complete, port_abort, iscsip__target_hurry,
						     iscsip__target_tmf_complete };

	return &port;
}
