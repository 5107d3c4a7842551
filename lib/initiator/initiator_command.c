/* SPDX-License-Identifier: MIT */
/*
 * SCSI Command PDUs (RFC 7143 11.3): made when the transport asks for bytes, so the CmdSN is taken in the order in which
 * commands really go out. Owns what goes with a command: its additional headers and immediate data, and the decision how
 * much more goes unasked.
 *
 * Unasked data (4.2.5.2, 13.10, 13.11, 13.14): as much as the target takes, since that saves an R2T: immediate data up to
 * FirstBurstLength and one data segment, and with InitialR2T=No the rest of FirstBurstLength in Data-Out PDUs. If there
 * is any of these, it is all of FirstBurstLength, as 4.2.5.2 demands.
 */
#include "base/bytes.h"
#include "initiator/initiator.h"

#define AHS_HEAD 4u       /* AHSLength, type, reserved byte */
#define BIDI_AHS_LEN 8u

/* Bytes that go with the command, and in *more those that follow unasked. */
static uint32_t ini_unasked(const struct ini_conn *ic, const struct iscsip_task *t, uint32_t *more)
{
	const struct iscsip_params *k = &ic->s->base.params;
	uint32_t burst = ini_least(t->out_len, k->first_burst_length);
	uint32_t immediate = k->immediate_data ? ini_least(burst, ic->c->tx_limit) : 0;

	*more = k->initial_r2t ? 0 : burst - immediate;
	return immediate;
}

static void ini_put_bidi(uint8_t *dst, uint32_t len)
{
	(void)iscsip_ahs_put_bidi_read(dst, BIDI_AHS_LEN, len);
}

/*
 * An extended CDB is read from the host's memory: its head stands behind the BHS, the rest of it in `ref`, and what fills
 * it up to whole words, with the other header, in `mid`.
 */
static void ini_put_ahs(struct tx_unit *u, struct iscsip_pdu *pdu, const struct iscsip_task *t, bool bidi)
{
	uint32_t len = 0;

	u->head_len = BHS_LEN;
	if (t->ext_cdb_len) {
		uint32_t pad = pad_of(t->ext_cdb_len);

		store_be16(u->head + BHS_LEN, (uint16_t)(t->ext_cdb_len + 1u));
		u->head[BHS_LEN + 2] = ISCSIP_AHS_CDB;
		u->head[BHS_LEN + 3] = 0;
		u->head_len = (uint8_t)(BHS_LEN + AHS_HEAD);
		u->ref = t->ext_cdb;
		u->ref_len = t->ext_cdb_len;
		memset(u->mid, 0, pad);
		u->mid_len = (uint8_t)pad;
		len = AHS_HEAD + t->ext_cdb_len + pad;
	}
	if (bidi) {
		uint8_t *dst = t->ext_cdb_len ? u->mid + u->mid_len : u->head + BHS_LEN;

		ini_put_bidi(dst, t->in_len);
		if (t->ext_cdb_len)
			u->mid_len = (uint8_t)(u->mid_len + BIDI_AHS_LEN);
		else
			u->head_len = (uint8_t)(BHS_LEN + BIDI_AHS_LEN);
		len += BIDI_AHS_LEN;
	}
	pdu->ahs_words = (uint8_t)(len / 4u);
}

static void ini_fill_command(struct ini_conn *ic, struct iscsip_task *t, struct iscsip_pdu *pdu)
{
	struct iscsip_scsi_command *cmd = &pdu->scsi_command;

	pdu->opcode = ISCSIP_OP_SCSI_COMMAND;
	pdu->immediate = t->immediate;
	pdu->final = true;
	pdu->lun = t->lun;
	pdu->itt = ini_priv(t)->itt;
	cmd->read = t->in_vec != NULL;
	cmd->write = t->out_vec != NULL;
	cmd->edtl = cmd->write ? t->out_len : t->in_len;
	cmd->attr = t->attr;
	memcpy(cmd->cdb, t->cdb, sizeof cmd->cdb);
	iscsip__initiator_stamp(ic, pdu);
}

enum conn_made iscsip__initiator_make_command(struct ini_conn *ic, struct iscsip_task *t)
{
	struct ini_task *p = ini_priv(t);
	struct ini_session *s = ic->s;
	struct tx_unit *u = iscsip__conn_unit(ic->c);
	struct iscsip_pdu pdu = { 0 };

	ini_fill_command(ic, t, &pdu);
	p->cmdsn = s->cmdsn;
	p->order = s->order++;
	p->stage = INI_ISSUED;
	if (!t->immediate) {
		s->cmdsn++;
		s->unnumbered--;
	}
	if (t->ext_cdb_len || (pdu.scsi_command.read && pdu.scsi_command.write))
		ini_put_ahs(u, &pdu, t, pdu.scsi_command.read && pdu.scsi_command.write);
	if (t->out_len) {
		u->payload = p->out_at;
		u->payload_len = pdu.data_len = ini_unasked(ic, t, &p->unsolicited);
		pdu.final = p->unsolicited == 0;
		cursor_advance(&p->out_at, pdu.data_len);
		p->out_pos = pdu.data_len;
		p->r2t_next = p->out_pos + p->unsolicited;
		ini_out_count(ic, t, 0, pdu.data_len);
	}
	u->owner = &p->item;
	p->refs++;
	s->base.stats.commands++;
	iscsip__conn_seal(ic->c, u, &pdu, false);
	if (p->unsolicited) {
		iscsip__initiator_line_add(&ic->unsolicited, t);
		iscsip__conn_queue(ic->c, &ic->unsolicited_item, CONN_Q_DATA);
	}
	return CONN_MADE_LAST;
}
