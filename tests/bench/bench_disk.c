/* SPDX-License-Identifier: MIT */
/*
 * What the disk costs for each command, without a transport: READ(10), READ(16) and WRITE(10) of 4 KiB on a disk in
 * memory (all data already there), READ(10) through buffers of a storage that answers inside the call, and TEST UNIT READY. The
 * port does next to nothing, so the figures are those of the device server. Prints `name value unit`.
 */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <iscsiproto/disk.h>

#include "cmd/cmd_port.h"
#include "timing.h"

static struct iscsip_disk *disk;
static struct iscsip_disk_nexus nexus;
static uint8_t *memory;

static int port_set_buffer(struct iscsip_cmd *cmd, const struct iscsip_vec *vec, int cnt)
{
	(void)cmd;
	(void)vec;
	return cnt > 0 ? ISCSIP_OK : ISCSIP_EINVAL;
}

static int port_request_data(struct iscsip_cmd *cmd, uint32_t off, uint32_t len)
{
	(void)cmd;
	(void)off;
	return len ? ISCSIP_DONE : ISCSIP_EINVAL;
}

static int port_send_data(struct iscsip_cmd *cmd, const struct iscsip_vec *vec, int cnt, uint32_t len, bool last)
{
	(void)cmd;
	(void)vec;
	(void)len;
	(void)last;
	return cnt > 0 ? ISCSIP_OK : ISCSIP_EINVAL;
}

static int port_complete(struct iscsip_cmd *cmd, const struct iscsip_cmd_status *st)
{
	if (st->status)
		abort();
	iscsip_disk_ops()->free(disk, cmd);
	return ISCSIP_OK;
}

static int port_abort(struct iscsip_cmd *cmd)
{
	(void)cmd;
	return ISCSIP_ESTATE;
}

static const struct iscsip_cmd_port port = { port_set_buffer, port_request_data, port_send_data, port_complete, port_abort,
					   NULL, NULL };

/* Storage without memory to name. */
static void storage(void *user, struct iscsip_storage_req *q)
{
	(void)user;
	iscsip_storage_done(q, ISCSIP_STORAGE_OK);
}

static struct iscsip_cmd template;

static void commands(void *arg, size_t repeats)
{
	const struct iscsip_device_ops *ops = iscsip_disk_ops();

	(void)arg;
	while (repeats--) {
		struct iscsip_cmd cmd = template;

		if (cmd.out_len)
			ops->place(disk, &cmd);
		ops->exec(disk, &cmd);
	}
}

static void measure(const char *name, const uint8_t *cdb, uint32_t lun, uint32_t in_len, uint32_t out_len)
{
	memset(&template, 0, sizeof template);
	template.port = &port;
	template.nexus = &nexus;
	template.lun = iscsip_lun_encode(lun);
	template.cdb = cdb;
	template.cdb_len = 16;
	template.attr = ISCSIP_ATTR_SIMPLE;
	template.in_len = in_len;
	template.out_len = out_len;
	template.flags = (uint8_t)((in_len ? ISCSIP_CMD_IN : 0) | (out_len ? ISCSIP_CMD_OUT : 0));
	printf("%s %.1f ns\n", name, timing_measure(commands, NULL));
}

static void setup(void)
{
	static struct iscsip_ram ram;
	static struct iscsip_storage_ops ops;
	struct iscsip_disk_lun_config lun = { .struct_size = sizeof lun, .blocks = 16384 };
	struct iscsip_disk_config cfg;
	uint8_t id[ISCSIP_TRANSPORT_ID_MAX];
	size_t n;

	iscsip_disk_config_init(&cfg, sizeof cfg);
	n = iscsip_disk_size(&cfg);
	memory = calloc(1, 16384 * 512);
	if (iscsip_disk_init(&disk, malloc(n), n, &cfg) != ISCSIP_OK)
		abort();
	ram.base = memory;
	ram.size = 16384 * 512;
	lun.ops = iscsip_ram_ops();
	lun.user = &ram;
	iscsip_disk_lun_add(disk, 0, &lun);
	ops.struct_size = sizeof ops;
	ops.read = ops.write = storage;
	lun.ops = &ops;
	iscsip_disk_lun_add(disk, 1, &lun);
	n = iscsip_transport_id_iscsi(id, sizeof id, "iqn.1994-05.com.example:bench", (const uint8_t *)"abcdef");
	if (iscsip_disk_nexus_open(disk, &nexus, id, n, 1) != ISCSIP_OK)
		abort();
}

/* The unit attention of the new nexus is told. */
static int port_complete_any(struct iscsip_cmd *cmd, const struct iscsip_cmd_status *st)
{
	(void)st;
	iscsip_disk_ops()->free(disk, cmd);
	return ISCSIP_OK;
}

static void clear_attention(uint32_t lun)
{
	static const struct iscsip_cmd_port any = { port_set_buffer, port_request_data, port_send_data, port_complete_any,
						    port_abort, NULL, NULL };
	static const uint8_t ready[16];
	struct iscsip_cmd cmd;

	memset(&cmd, 0, sizeof cmd);
	cmd.port = &any;
	cmd.nexus = &nexus;
	cmd.lun = iscsip_lun_encode(lun);
	cmd.cdb = ready;
	cmd.cdb_len = 16;
	cmd.attr = ISCSIP_ATTR_SIMPLE;
	iscsip_disk_ops()->exec(disk, &cmd);
}

int main(void)
{
	static const uint8_t read10[16] = { 0x28, 0, 0, 0, 0, 80, 0, 0, 8 };
	static const uint8_t read16[16] = { 0x88, 0, 0, 0, 0, 0, 0, 0, 0, 80, 0, 0, 0, 8 };
	static const uint8_t write10[16] = { 0x2a, 0, 0, 0, 0, 80, 0, 0, 8 }, ready[16];

	setup();
	clear_attention(0);
	clear_attention(1);
	measure("disk/read10_4k_memory", read10, 0, 4096, 0);
	measure("disk/read16_4k_memory", read16, 0, 4096, 0);
	measure("disk/write10_4k_memory", write10, 0, 0, 4096);
	measure("disk/read10_4k_buffers", read10, 1, 4096, 0);
	measure("disk/write10_4k_buffers", write10, 1, 0, 4096);
	measure("disk/test_unit_ready", ready, 0, 0, 0);
	return 0;
}
