/* SPDX-License-Identifier: MIT */
/*
 * The world of the frame protocol's fuzz targets (frame_world.h). The device server calls whatever the input says, whether it
 * fits or not: the library has to refuse what does not fit and to stay as it was. What the device server keeps about a command is
 * only what its contract promises, and each promise is checked.
 */
#include "frame_world.h"

#include <stdlib.h>
#include <string.h>

void world_must(bool holds)
{
	if (!holds)
		abort();
}

uint8_t world_take(struct world *w)
{
	if (w->left == 0)
		return 0;
	w->left--;
	return *w->in++;
}

/* Mostly small, sometimes anything. */
uint32_t world_take_number(struct world *w)
{
	uint32_t v = world_take(w);

	if (v < 0xf0)
		return v * v / 8;
	v = world_take(w);
	v = v << 8 | world_take(w);
	v = v << 8 | world_take(w);
	return v << 8 | world_take(w);
}

uint8_t world_byte(uint32_t id, uint32_t k)
{
	return (uint8_t)(id * 31u + k * 7u + (k >> 8) + 5u);
}

/* --- the device server --- */

static struct world_command *command_of(struct world *w, const struct iscsip_cmd *cmd)
{
	for (size_t i = 0; i < sizeof w->commands / sizeof w->commands[0]; i++)
		if (w->commands[i].cmd == cmd)
			return &w->commands[i];
	abort();
}

static struct world_command *command_new(struct world *w, struct iscsip_cmd *cmd)
{
	struct world_command *k = command_of(w, NULL);
	uint32_t room = cmd->in_len < WORLD_DATA ? cmd->in_len : WORLD_DATA;

	memset(k, 0, sizeof *k);
	k->cmd = cmd;
	cmd->user = k;
	world_must(cmd->nexus == w && cmd->cdb_len == 16 && cmd->attr == ISCSIP_ATTR_SIMPLE);
	world_must(!(cmd->flags & ISCSIP_CMD_IN) || cmd->out_len == 0);
	k->data = malloc((cmd->flags & ISCSIP_CMD_OUT ? (cmd->out_len <= WORLD_DATA ? cmd->out_len : 0) : room) + 1);
	for (uint32_t i = 0; i < room; i++)
		k->data[i] = world_byte(cmd->tag, i);
	return k;
}

static void set_buffer(struct world_command *k)
{
	uint32_t len = k->cmd->out_len, first = len / 3;
	bool may = (k->cmd->flags & ISCSIP_CMD_OUT) && !k->placed && !k->completed && !k->dropped;

	if (len > WORLD_DATA)
		return;
	k->place[0] = (struct iscsip_vec){ k->data, first };
	k->place[1] = (struct iscsip_vec){ NULL, 0 };
	k->place[2] = (struct iscsip_vec){ k->data + first, len - first };
	k->placed |= may; /* exec() may come from inside */
	world_must(iscsip_cmd_set_buffer(k->cmd, k->place, 3) == (may ? ISCSIP_OK : ISCSIP_ESTATE));
}

static void complete(struct world *w, struct world_command *k)
{
	static const uint8_t sense[2][20] = { { 0xf0, 0, 3, 1, 2, 3, 4, 10 }, { 0x72, 5, 0x24, 0, 0, 0, 0, 12, 0, 10, 0x80 } };
	uint8_t how = world_take(w);
	const struct iscsip_cmd_status st = {
		.status = how & 1 ? 2 : (uint8_t)(how & 0x18),
		.response = (how & 0xe0) == 0xe0,
		.sense = sense[how >> 1 & 1],
		.sense_len = (uint16_t)(how & 4 ? 20 : how % 21),
	};
	bool may = k->executing && !k->completed;

	k->completed |= may; /* free() may come from inside */
	world_must(iscsip_cmd_complete(k->cmd, &st) == (may ? ISCSIP_OK : ISCSIP_ESTATE));
}

static void send_piece(struct world *w, struct world_command *k)
{
	uint32_t room = k->cmd->in_len < WORLD_DATA ? k->cmd->in_len : WORLD_DATA;
	uint32_t n = world_take_number(w) % 3000;
	bool last = world_take(w) & 1;
	int err;

	if (k->sending)
		return; /* the vector belongs to the library until sent() */
	n = n < room - k->given ? n : room - k->given;
	k->piece = (struct iscsip_vec){ k->data + k->given, n };
	err = iscsip_cmd_send_data(k->cmd, &k->piece, 1, n, last);
	if (k->cmd->flags & ISCSIP_CMD_ABORTED && k->executing && !k->completed)
		world_must(err == ISCSIP_ECLOSED);
	if (err)
		return;
	world_must(k->executing && !k->completed && !k->last && (k->cmd->flags & ISCSIP_CMD_IN));
	k->sending = true;
	k->last = last;
	k->given += n;
}

/* Bytes [0, n) of the data-out are what the initiator sent. */
static void data_is_right(const struct world *w, const struct world_command *k, uint32_t n)
{
	for (uint32_t i = 0; i < n && !w->hostile; i++)
		world_must(k->data[i] == world_byte(k->cmd->tag, i));
}

static void request(struct world *w, struct world_command *k)
{
	uint32_t off = world_take_number(w), len = world_take_number(w);
	int err = iscsip_cmd_request_data(k->cmd, off, len);

	if (err != ISCSIP_OK && err != ISCSIP_DONE)
		return;
	world_must(k->executing && k->placed && len && off + len > off && off + len <= k->cmd->out_len);
	if (err == ISCSIP_DONE)
		data_is_right(w, k, off + len);
	else
		k->asked = off + len;
}

static void command_acts(struct world *w, struct world_command *k)
{
	switch (world_take(w) % 6) {
	case 0:
		set_buffer(k);
		break;
	case 1:
		request(w, k);
		break;
	case 2:
		send_piece(w, k);
		break;
	case 3:
		if (k->executing && !k->completed && !(k->cmd->flags & ISCSIP_CMD_ABORTED))
			world_must(iscsip_cmd_abort(k->cmd) == ISCSIP_OK);
		break;
	case 4:
		complete(w, k);
		break;
	default:
		break;
	}
}

/* From inside a callback: what happens to one command moves another. */
static void others_act(struct world *w)
{
	uint8_t how = w->nested && !w->tidy ? world_take(w) : 0;
	struct world_command *k = &w->commands[(how >> 1) % 8];

	if (how >= 0xf8) {
		w->closing = true;
		(void)iscsip_frame_conn_close(w->t, w->now);
	} else if ((how & 1) && k->cmd) {
		command_acts(w, k);
	}
}

static int on_place(void *user, struct iscsip_cmd *cmd)
{
	struct world *w = user;
	struct world_command *k = command_new(w, cmd);
	uint8_t how = world_take(w);

	if (how & 1)
		set_buffer(k);
	others_act(w);
	k->dropped = w->tcfg.standing_grant && !k->placed && !(how & 2);
	return how & 2 ? ISCSIP_EAGAIN : ISCSIP_OK;
}

static void on_exec(void *user, struct iscsip_cmd *cmd)
{
	struct world *w = user;
	struct world_command *k = cmd->user ? cmd->user : command_new(w, cmd);

	world_must(!k->executing);
	k->executing = true;
	if (!w->tidy)
		command_acts(w, k);
	others_act(w);
}

static void on_data(void *user, struct iscsip_cmd *cmd)
{
	struct world *w = user;
	struct world_command *k = cmd->user;

	world_must(!k->completed && k->asked);
	data_is_right(w, k, k->asked);
	k->asked = 0;
	if (!w->tidy)
		command_acts(w, k);
	others_act(w);
}

static void on_sent(void *user, struct iscsip_cmd *cmd)
{
	struct world *w = user;
	struct world_command *k = cmd->user;

	world_must(k->sending && !k->completed);
	k->sending = false;
	if (!w->tidy)
		command_acts(w, k);
	others_act(w);
}

static void on_abort(void *user, struct iscsip_cmd *cmd)
{
	struct world *w = user;
	struct world_command *k = cmd->user;

	world_must(k->executing && !k->completed && (cmd->flags & ISCSIP_CMD_ABORTED));
	if (!w->tidy && (world_take(w) & 1))
		complete(w, k);
	others_act(w);
}

static void on_free(void *user, struct iscsip_cmd *cmd)
{
	struct world *w = user;
	struct world_command *k = command_of(w, cmd);

	world_must(k == cmd->user && (k->completed || !k->executing));
	free(k->data);
	k->cmd = NULL;
	others_act(w);
}

/* --- the initiator's host --- */

static void on_done(void *user, struct iscsip_frame_exchange *x)
{
	struct world *w = user;
	struct world_exchange *e = x->user;
	uint32_t len = x->in_len + x->out_len;

	world_must(e->open);
	e->open = false;
	world_must(x->result.moved <= len && x->result.residual == len - x->result.moved);
	world_must(x->result.sense_len == 0 || x->result.status == 2);
	world_must(!x->result.refused || x->result.moved == 0);
	for (uint32_t k = 0; k < x->in_len && !w->hostile; k++)
		world_must(k >= x->result.moved || e->data[k] == world_byte(e->id, k));
	free(e->data);
	e->data = NULL;
}

static void submit(struct world *w)
{
	struct world_exchange *e = &w->exchanges[world_take(w) % WORLD_EXCHANGES];
	uint8_t how = world_take(w);
	uint32_t len = how & 3 ? world_take_number(w) % WORLD_DATA : 0;
	int err;

	if (e->open || !w->i)
		return;
	memset(e, 0, sizeof *e);
	e->data = malloc(len + 1);
	memset(e->data, 0x11, len);
	e->vec[0] = (struct iscsip_vec){ e->data, len / 2 };
	e->vec[1] = (struct iscsip_vec){ e->data + len / 2, len - len / 2 };
	e->x.user = e;
	e->x.cdb[0] = how;
	e->x.lun = how >> 6;
	e->x.in_vec = e->x.out_vec = e->vec;
	e->x.in_cnt = e->x.out_cnt = 2;
	*(how & 1 ? &e->x.in_len : &e->x.out_len) = len;
	err = iscsip_frame_submit(w->i, &e->x, w->now);
	if (err) {
		world_must(err == ISCSIP_EAGAIN || err == ISCSIP_ESTATE || iscsip_err_is_fatal(err));
		free(e->data);
		e->data = NULL;
		return;
	}
	e->open = true;
	e->id = e->x.id;
	for (uint32_t k = 0; k < e->x.out_len; k++)
		e->data[k] = world_byte(e->id, k);
}

/* --- making, acting, ending --- */

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

void world_init(struct world *w, const uint8_t *data, size_t size)
{
	uint8_t how, frames;

	memset(w, 0, sizeof *w);
	w->in = data;
	w->left = size;
	w->now = 1;
	iscsip_frame_config_init(&w->icfg, sizeof w->icfg);
	how = world_take(w);
	w->icfg.limits.max_exchanges = (uint16_t)(1 + how % 8);
	frames = world_take(w);
	w->nested = (frames & 0x80) != 0;
	w->icfg.limits.max_tx_frames = (uint16_t)(2 + (frames & 0x7f) % 6);
	w->icfg.limits.max_burst = 1 + world_take_number(w) % 4000;
	w->tcfg = w->icfg;
	w->tcfg.limits.max_exchanges = (uint16_t)(1 + world_take(w) % 8);
	w->tcfg.limits.max_burst = 1 + world_take_number(w) % 4000;
	if (how & 0x80)
		w->tcfg.standing_grant = least(1u + (how >> 3 & 15) * 100u, least(w->icfg.limits.max_burst, w->tcfg.limits.max_burst));
	w->icfg.standing_grant = w->tcfg.standing_grant;
	w->ops = (struct iscsip_device_ops){ sizeof w->ops, on_place, on_exec, on_data, on_sent, on_abort, on_free, NULL };
	w->iops = (struct iscsip_frame_initiator_ops){ sizeof w->iops, on_done };
}

void world_open_target(struct world *w)
{
	size_t len = iscsip_frame_target_size(&w->tcfg);

	w->tmem = malloc(len);
	memset(w->tmem, 0xdb, len);
	world_must(iscsip_frame_target_init(&w->t, w->tmem, len, &w->tcfg, &w->ops, w, w, w->now) == ISCSIP_OK);
}

void world_open_initiator(struct world *w)
{
	size_t len = iscsip_frame_initiator_size(&w->icfg);

	w->imem = malloc(len);
	memset(w->imem, 0xdb, len);
	world_must(iscsip_frame_initiator_init(&w->i, w->imem, len, &w->icfg, &w->iops, w, w->now) == ISCSIP_OK);
}

void world_host_acts(struct world *w)
{
	struct world_command *k = &w->commands[world_take(w) % (sizeof w->commands / sizeof w->commands[0])];

	if (w->i && (!w->t || (world_take(w) & 1)))
		submit(w);
	else if (k->cmd || (w->commands[0].cmd && (k = &w->commands[0])))
		command_acts(w, k);
}

void world_tidy(struct world *w)
{
	w->tidy = true;
	for (size_t i = 0; i < sizeof w->commands / sizeof w->commands[0]; i++) {
		struct world_command *k = &w->commands[i];

		if (k->cmd && !k->executing)
			set_buffer(k);
		if (k->cmd && k->executing && !k->completed)
			complete(w, k);
	}
}

void world_fini(struct world *w)
{
	if (w->i)
		iscsip_frame_conn_closed(w->i, w->now);
	if (w->t)
		iscsip_frame_conn_closed(w->t, w->now);
	world_tidy(w);
	world_must(!w->i || iscsip_frame_conn_open(w->i) == 0);
	world_must(!w->t || iscsip_frame_conn_open(w->t) == 0);
	for (size_t i = 0; i < sizeof w->commands / sizeof w->commands[0]; i++)
		world_must(w->commands[i].cmd == NULL);
	for (size_t i = 0; i < WORLD_EXCHANGES; i++)
		world_must(!w->exchanges[i].open);
	free(w->imem);
	free(w->tmem);
}
