/* SPDX-License-Identifier: MIT */
/*
 * What the disk says of itself and lets others set: INQUIRY and its pages, capacity, mode pages, log pages, supported commands,
 * units, port groups. Offsets are written from the figures of SPC-4 and SBC-3.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_rig.h"

#include "base/bytes.h"
#include "disk/disk.h"

static struct rig_cmd *vpd(struct rig *r, int page, uint16_t alloc)
{
	uint8_t cdb[16];

	return rig_run(r, 0, 0, cdb, iscsip_cdb_inquiry(cdb, page, alloc), NULL, 0, alloc);
}

/* --- INQUIRY -------------------------------------------------------------------------------------------------- */

static void standard_inquiry_data_stands_as_spc4_draws_it(void **state)
{
	struct iscsip_disk_lun_config lun = { .blocks = 8, .vendor = "ACME", .product = "disk\tone", .revision = "1.2.3" };
	struct iscsip_disk_config cfg;
	struct rig_cmd *c;
	struct rig *r;

	(void)state;
	iscsip_disk_config_init(&cfg, sizeof cfg);
	r = rig_new_with(RIG_RAM, &lun, &cfg);
	c = vpd(r, -1, 255);
	assert_good(c);
	assert_int_equal(c->in_done, 96);
	assert_int_equal(c->in[0], 0);
	assert_int_equal(c->in[2], 6);
	assert_int_equal(c->in[3] & 0x0f, 2);
	assert_int_equal(c->in[4], 91);
	assert_int_equal(c->in[7] & 0x02, 0x02);
	assert_memory_equal(c->in + 8, "ACME    disk one        1.2.", 28);
	assert_int_equal(load_be16(c->in + 58), 0x00a0);
	assert_int_equal(load_be16(c->in + 60), 0x0460);
	assert_int_equal(load_be16(c->in + 62), 0x04c0);
	assert_int_equal(load_be16(c->in + 64), 0x0960);
	rig_free(r);
}

static void every_answer_is_cut_at_the_allocation_length(void **state)
{
	struct rig *r = rig_new(RIG_RAM, ISCSIP_LUN_THIN);
	static const int pages[] = { -1, 0x00, 0x80, 0x83, 0x86, 0x87, 0xb0, 0xb1, 0xb2 };
	uint8_t whole[512];
	size_t i;
	uint16_t n;

	(void)state;
	for (i = 0; i < sizeof pages / sizeof pages[0]; i++) {
		struct rig_cmd *c = vpd(r, pages[i], 512);
		uint16_t len = (uint16_t)c->in_done;

		assert_good(c);
		memcpy(whole, c->in, len);
		if (pages[i] >= 0) {
			assert_int_equal(whole[1], pages[i]);
			assert_int_equal(load_be16(whole + 2), len - 4);
		}
		for (n = 0; n <= len; n = (uint16_t)(n + (n < 8 ? 1 : 13))) {
			c = vpd(r, pages[i], n);
			assert_good(c);
			assert_int_equal(c->in_done, n);
			assert_true(c->in_total == n);
			assert_memory_equal(c->in, whole, n);
		}
	}
	rig_free(r);
}

static void the_supported_pages_are_those_that_answer(void **state)
{
	struct rig *r = rig_new(RIG_RAM, 0);
	struct rig_cmd *c = vpd(r, 0, 255);
	uint8_t listed[256] = { 0 };
	uint32_t i;
	int page;

	(void)state;
	for (i = 4; i < c->in_done; i++) {
		assert_true(i == 4 || c->in[i] > c->in[i - 1]);
		listed[c->in[i]] = 1;
	}
	for (page = 0; page < 256; page++) {
		c = vpd(r, page, 255);
		if (listed[page])
			assert_good(c);
		else
			assert_cdb_field(c, 2);
	}
	rig_free(r);
}

static void a_page_code_without_evpd_is_refused(void **state)
{
	static const uint8_t cdb[6] = { 0x12, 0, 0x80, 0, 96 };
	struct rig *r = rig_new(RIG_RAM, 0);

	(void)state;
	assert_cdb_field(rig_run(r, 0, 0, cdb, 6, NULL, 0, 96), 2);
	rig_free(r);
}

static void designators_name_unit_port_and_device(void **state)
{
	struct iscsip_disk_port ports[2] = { { 1, 1, NULL }, { 7, 3, "iqn.x,t,0x0007" } };
	struct iscsip_disk_lun_config lun = { .blocks = 8, .serial = "SN123" };
	struct iscsip_disk_config cfg;
	struct iscsip_designator d;
	struct rig_cmd *c;
	struct rig *r;
	uint8_t id[64];
	size_t pos = 0, n;
	unsigned seen = 0;

	(void)state;
	iscsip_disk_config_init(&cfg, sizeof cfg);
	cfg.ports = ports;
	cfg.port_count = 2;
	cfg.name = "iqn.x";
	r = rig_new_with(RIG_RAM, &lun, &cfg);
	n = iscsip_transport_id_iscsi(id, sizeof id, "iqn.a", (const uint8_t *)"abcdef");
	assert_int_equal(iscsip_disk_nexus_open(r->disk, &r->nexus[2], id, n, 7), ISCSIP_OK);
	c = rig_run(r, 2, 0, (const uint8_t[]){ 0x12, 1, 0x83, 1, 0, 0 }, 6, NULL, 0, 256);
	assert_good(c);
	while (iscsip_designator_next(c->in, c->in_done, &pos, &d)) {
		seen |= 1u << (d.association * 10 + d.type);
		if (d.association == ISCSIP_ASSOC_PORT && d.type == ISCSIP_DESIGNATOR_PORT)
			assert_int_equal(load_be32(d.value), 7);
		if (d.association == ISCSIP_ASSOC_PORT && d.type == ISCSIP_DESIGNATOR_PORT_GROUP)
			assert_int_equal(load_be32(d.value), 3);
		if (d.association == ISCSIP_ASSOC_LUN && d.type == ISCSIP_DESIGNATOR_NAA)
			assert_int_equal(d.value[0] >> 4, 3);
		if (d.association == ISCSIP_ASSOC_LUN && d.type == ISCSIP_DESIGNATOR_T10)
			assert_memory_equal(d.value + 24, "SN123", 5);
	}
	assert_int_equal(seen, 1u << 3 | 1u << 1 | 1u << 14 | 1u << 15 | 1u << 18 | 1u << 28);
	rig_free(r);
}

static void serial_and_naa_are_the_same_after_a_restart_and_differ_by_unit(void **state)
{
	struct iscsip_disk_lun_config two = { .blocks = 8 };
	struct rig *r = rig_new(RIG_RAM, 0);
	uint8_t first[64], other[64], cdb[16];
	struct rig_cmd *c;

	(void)state;
	assert_int_equal(rig_add_unit(r, 1, RIG_RAM, &two), ISCSIP_OK);
	rig_clear_attention(r);
	c = vpd(r, 0x83, 255);
	memcpy(first, c->in + 4, 12);
	c = rig_run(r, 0, 1, cdb, iscsip_cdb_inquiry(cdb, 0x83, 255), NULL, 0, 255);
	memcpy(other, c->in + 4, 12);
	assert_memory_not_equal(first, other, 12);
	rig_free(r);
	r = rig_new(RIG_RAM, 0);
	assert_memory_equal(vpd(r, 0x83, 255)->in + 4, first, 12);
	rig_free(r);
}

static void block_limits_are_those_that_are_enforced(void **state)
{
	struct iscsip_disk_lun_config lun = { .blocks = 2048, .flags = ISCSIP_LUN_THIN, .max_compare = 5, .max_write_same = 99,
					      .unmap_granularity = 8, .unmap_alignment = 3, .max_unmap = 77, .physical_exponent = 3,
					      .max_unmap_descriptors = 4, .rotation_rate = 1 };
	struct iscsip_disk_config cfg;
	uint8_t data[512] = { 1 }, same[16] = { 0x93 };
	struct rig_cmd *c;
	struct rig *r;

	(void)state;
	iscsip_disk_config_init(&cfg, sizeof cfg);
	r = rig_new_with(RIG_RAM, &lun, &cfg);
	c = vpd(r, 0xb0, 255);
	assert_int_equal(c->in_done, 64);
	assert_int_equal(c->in[5], 5);
	assert_int_equal(load_be16(c->in + 6), 8);
	assert_int_equal(load_be32(c->in + 20), 77);
	assert_int_equal(load_be32(c->in + 24), 4);
	assert_int_equal(load_be32(c->in + 28), 8);
	assert_int_equal(load_be32(c->in + 32), 0x80000003u);
	assert_true(load_be64(c->in + 36) == 99);
	assert_true(load_be32(c->in + 44) <= load_be32(c->in + 8));
	store_be32(same + 10, 100);
	assert_cdb_field(rig_run(r, 0, 0, same, 16, data, 512, 0), 10);
	store_be32(same + 10, 99);
	assert_good(rig_run(r, 0, 0, same, 16, data, 512, 0));
	assert_int_equal(load_be16(vpd(r, 0xb1, 255)->in + 4), 1);
	c = vpd(r, 0xb2, 255);
	assert_int_equal(c->in[5] & 0xe0, 0xe0);
	assert_int_equal(c->in[6], 2);
	rig_free(r);
}

static void capacities_tell_blocks_sizes_and_provisioning(void **state)
{
	struct iscsip_disk_lun_config lun = { .blocks = 0x200000001u, .flags = ISCSIP_LUN_THIN, .physical_exponent = 3,
					      .block_size = 512, .ops = NULL };
	struct iscsip_storage_ops ops;
	struct rig_cmd *c;
	struct rig *r = rig_new(RIG_RAM, ISCSIP_LUN_THIN);
	uint8_t cdb[16];

	(void)state;
	c = rig_run(r, 0, 0, cdb, iscsip_cdb_read_capacity_10(cdb), NULL, 0, 8);
	assert_int_equal(load_be32(c->in), 2047);
	assert_int_equal(load_be32(c->in + 4), 512);
	c = rig_run(r, 0, 0, cdb, iscsip_cdb_read_capacity_16(cdb, 32), NULL, 0, 32);
	assert_true(load_be64(c->in) == 2047);
	assert_int_equal(load_be32(c->in + 8), 512);
	assert_int_equal(load_be16(c->in + 14), 0xc000);
	/* more than 2 TiB */
	ops = *iscsip_ram_ops();
	lun.struct_size = sizeof lun;
	lun.ops = &ops;
	lun.user = &r->unit[0].ram;
	assert_int_equal(iscsip_disk_lun_add(r->disk, 3, &lun), ISCSIP_OK);
	rig_clear_attention(r);
	c = rig_run(r, 0, 3, cdb, iscsip_cdb_read_capacity_10(cdb), NULL, 0, 8);
	assert_int_equal(load_be32(c->in), 0xffffffffu);
	c = rig_run(r, 0, 3, cdb, iscsip_cdb_read_capacity_16(cdb, 32), NULL, 0, 32);
	assert_true(load_be64(c->in) == 0x200000000u);
	assert_int_equal(c->in[13], 3);
	rig_free(r);
}

/* --- mode pages ----------------------------------------------------------------------------------------------- */

static struct rig_cmd *mode_sense(struct rig *r, uint8_t dbd, uint8_t page, uint8_t sub)
{
	uint8_t cdb[10] = { 0x5a, dbd, page, sub, 0, 0, 0, 0x02, 0 };

	return rig_run(r, 0, 0, cdb, 10, NULL, 0, 512);
}

static struct rig_cmd *mode_select(struct rig *r, int n, const void *list, uint8_t len)
{
	uint8_t cdb[6] = { 0x15, 0x10, 0, 0, len };

	return rig_run(r, n, 0, cdb, 6, list, len, 0);
}

static void mode_pages_come_with_head_and_block_descriptor(void **state)
{
	struct rig *r = rig_new(RIG_SYNC, ISCSIP_LUN_THIN);
	struct rig_cmd *c = mode_sense(r, 0, 0x08, 0);

	(void)state;
	assert_good(c);
	assert_int_equal(c->in_done, 8 + 8 + 20);
	assert_int_equal(load_be16(c->in), c->in_done - 2);
	assert_int_equal(load_be16(c->in + 6), 8);
	assert_int_equal(load_be32(c->in + 8), 2048);
	assert_int_equal(load_be32(c->in + 12), 512);
	assert_int_equal(c->in[16], 0x08);
	assert_int_equal(c->in[17], 18);
	assert_int_equal(c->in[18] & 0x04, 0x04);
	c = mode_sense(r, 0x10, 0x08, 0); /* LLBAA */
	assert_int_equal(c->in[4], 1);
	assert_int_equal(load_be16(c->in + 6), 16);
	assert_true(load_be64(c->in + 8) == 2048);
	assert_int_equal(mode_sense(r, 0x08, 0x0a, 0)->in_done, 8 + 12);
	assert_cdb_field(mode_sense(r, 0x08, 0x02, 0), 2);
	assert_cdb_field(mode_sense(r, 0x08, 0x08, 7), 3);
	assert_check(mode_sense(r, 0x08, 0xc8, 0), 5, ISCSIP_ASC_SAVING_NOT_SUPPORTED);
	rig_free(r);
}

static void all_pages_together_are_each_page_alone(void **state)
{
	struct rig *r = rig_new(RIG_SYNC, ISCSIP_LUN_THIN);
	struct rig_cmd *c = mode_sense(r, 0x08, 0x3f, 0xff);
	uint8_t all[512];
	uint32_t at = 8, len = c->in_done;

	(void)state;
	memcpy(all, c->in, len);
	while (at < len) {
		bool sub = all[at] & 0x40;
		uint32_t n = sub ? 4u + load_be16(all + at + 2) : 2u + all[at + 1];

		c = mode_sense(r, 0x08, all[at] & 0x3f, sub ? all[at + 1] : 0);
		assert_good(c);
		assert_int_equal(c->in_done, 8 + n);
		assert_memory_equal(c->in + 8, all + at, n);
		at += n;
	}
	assert_int_equal(at, len);
	rig_free(r);
}

static void what_mode_sense_says_mode_select_takes_back(void **state)
{
	struct rig *r = rig_new(RIG_SYNC, ISCSIP_LUN_THIN);
	uint8_t cdb[6] = { 0x1a, 0, 0x3f, 0xff, 255 }, list[255];
	struct rig_cmd *c = rig_run(r, 0, 0, cdb, 6, NULL, 0, 255);
	uint8_t len = (uint8_t)c->in_done, cut;

	(void)state;
	assert_good(c);
	memcpy(list, c->in, len);
	list[0] = 0;
	assert_good(mode_select(r, 0, list, len));
	assert_good(rig_tur(r, 1)); /* nothing has changed */
	for (cut = 1; cut < len; cut++) {
		c = mode_select(r, 0, list, cut);
		if (c->status != ISCSIP_STATUS_GOOD)
			assert_check(c, 5, ISCSIP_ASC_PARAMETER_LIST_LENGTH);
	}
	rig_free(r);
}

static void only_changeable_bits_can_be_changed(void **state)
{
	struct rig *r = rig_new(RIG_SYNC, ISCSIP_LUN_THIN);
	uint8_t mask[256], now[256], list[256];
	uint32_t len, at, i, bit, changed = 0;
	struct rig_cmd *c;

	(void)state;
	c = mode_sense(r, 0x08, 0x7f, 0xff);
	len = c->in_done - 8;
	memcpy(mask, c->in + 8, len);
	c = mode_sense(r, 0x08, 0x3f, 0xff);
	memcpy(now, c->in + 8, len);
	for (at = 0; at < len; at += now[at] & 0x40 ? 4u + load_be16(now + at + 2) : 2u + now[at + 1]) {
		uint32_t head = now[at] & 0x40 ? 4 : 2, n = now[at] & 0x40 ? 4u + load_be16(now + at + 2) : 2u + now[at + 1];

		for (i = head; i < n; i++) {
			for (bit = 0; bit < 8; bit++) {
				memset(list, 0, 4);
				memcpy(list + 4, now + at, n);
				list[4 + i] ^= (uint8_t)(1u << bit);
				c = mode_select(r, 0, list, (uint8_t)(4 + n));
				if (!(mask[at + i] >> bit & 1)) {
					assert_parameter_field(c, 4 + i);
					continue;
				}
				assert_good(c);
				changed++;
				assert_check(rig_tur(r, 1), 6, ISCSIP_ASC_MODE_PARAMETERS_CHANGED);
				list[4 + i] ^= (uint8_t)(1u << bit);
				assert_good(mode_select(r, 0, list, (uint8_t)(4 + n)));
				assert_check(rig_tur(r, 1), 6, ISCSIP_ASC_MODE_PARAMETERS_CHANGED);
			}
		}
	}
	assert_true(changed > 6);
	rig_free(r);
}

static void swp_protects_and_d_sense_describes(void **state)
{
	uint8_t list[16] = { 0, 0, 0, 0, 0x0a, 10, 0x04, 0x10, 0x08 };
	struct rig *r = rig_new(RIG_RAM, 0);
	struct rig_cmd *c;

	(void)state;
	assert_good(mode_select(r, 0, list, 16));
	rig_clear_attention(r);
	c = rig_write(r, 0, 0, 1, 1);
	assert_check(c, ISCSIP_SENSE_DATA_PROTECT, ISCSIP_ASC_SOFTWARE_WRITE_PROTECTED);
	assert_true(c->sense_len < 18); /* descriptor format without descriptors */
	assert_int_equal(mode_sense(r, 8, 0x0a, 0)->in[3] & 0x80, 0x80);
	assert_good(rig_read(r, 0, 0, 1));
	/* a reset puts the parameters back */
	assert_int_equal(rig_tmf(r, 0, 0, ISCSIP_TMF_LOGICAL_UNIT_RESET, NULL), ISCSIP_TMF_COMPLETE);
	rig_clear_attention(r);
	assert_good(rig_write(r, 0, 0, 1, 1));
	rig_free(r);
}

static void mode_select_looks_at_all_it_is_given(void **state)
{
	uint8_t list[32] = { 0 }, cdb[10] = { 0x55, 0x11, 0, 0, 0, 0, 0, 0, 8 };
	struct rig *r = rig_new(RIG_RAM, 0);

	(void)state;
	assert_cdb_field(rig_run(r, 0, 0, cdb, 10, list, 8, 0), 1); /* SP */
	cdb[1] = 0;
	assert_cdb_field(rig_run(r, 0, 0, cdb, 10, list, 8, 0), 1); /* PF */
	cdb[1] = 0x10;
	assert_good(rig_run(r, 0, 0, cdb, 10, list, 8, 0));
	assert_check(rig_run(r, 0, 0, cdb, 10, list, 7, 0), 5, ISCSIP_ASC_PARAMETER_LIST_LENGTH);
	list[3] = 8;
	assert_check(mode_select(r, 0, list, 11), 5, ISCSIP_ASC_PARAMETER_LIST_LENGTH);
	assert_parameter_field(mode_select(r, 0, list, 12), 9); /* a block of 0 bytes */
	store_be32(list + 8, 512);
	assert_good(mode_select(r, 0, list, 12));
	store_be32(list + 4, 2048);
	assert_good(mode_select(r, 0, list, 12));
	store_be32(list + 4, 2047);
	assert_parameter_field(mode_select(r, 0, list, 12), 4);
	list[3] = 7;
	assert_parameter_field(mode_select(r, 0, list, 12), 3);
	list[3] = 0;
	list[4] = 0x3e;
	list[5] = 2;
	assert_parameter_field(mode_select(r, 0, list, 8), 4); /* a page that is not there */
	rig_free(r);
}

/* --- log pages, thresholds ------------------------------------------------------------------------------------ */

static struct rig_cmd *log_sense(struct rig *r, uint8_t page, uint8_t sub)
{
	uint8_t cdb[10] = { 0x4d, 0, (uint8_t)(0x40 | page), sub, 0, 0, 0, 1, 0 };

	return rig_run(r, 0, 0, cdb, 10, NULL, 0, 256);
}

static void log_pages_tell_what_the_host_told(void **state)
{
	struct rig *r = rig_new(RIG_RAM, ISCSIP_LUN_THIN);
	struct rig_cmd *c = log_sense(r, 0, 0);
	uint32_t i;

	(void)state;
	assert_good(c);
	assert_int_equal(c->in_done, 8);
	for (i = 4; i < 8; i++)
		assert_non_null(memchr("\x00\x0c\x0d\x2f", c->in[i], 4));
	assert_good(log_sense(r, 0, 0xff));
	assert_int_equal(iscsip_disk_lun_set_space(r->disk, 0, 5u << 20, 7u << 20), ISCSIP_OK);
	c = log_sense(r, 0x0c, 0);
	assert_int_equal(load_be16(c->in + 2), 24);
	assert_int_equal(load_be32(c->in + 8), 5);
	assert_int_equal(load_be32(c->in + 20), 7);
	c = log_sense(r, 0x0d, 0);
	assert_int_equal(load_be16(c->in + 2), 12);
	assert_good(log_sense(r, 0x2f, 0));
	assert_cdb_field(log_sense(r, 0x31, 0), 2);
	assert_cdb_field(log_sense(r, 0x0d, 1), 3);
	rig_free(r);
	r = rig_new(RIG_RAM, 0);
	assert_cdb_field(log_sense(r, 0x0c, 0), 2);
	rig_free(r);
}

static void a_soft_threshold_that_is_crossed_is_told_once(void **state)
{
	uint8_t list[36] = { 0, 0, 0, 0, 0x5c, 0x02, 0, 28 };
	struct rig *r = rig_new(RIG_RAM, ISCSIP_LUN_THIN);

	(void)state;
	list[20] = 0x80; /* the first descriptor: enabled */
	list[21] = 1;
	store_be32(list + 24, 10);
	list[29] = 2;
	assert_good(mode_select(r, 0, list, 36));
	rig_clear_attention(r);
	iscsip_disk_lun_set_space(r->disk, 0, 11u << 20, 1);
	assert_good(rig_tur(r, 0));
	iscsip_disk_lun_set_space(r->disk, 0, 10u << 20, 1);
	assert_check(rig_tur(r, 0), 6, ISCSIP_ASC_THRESHOLD_REACHED);
	assert_check(rig_tur(r, 1), 6, ISCSIP_ASC_THRESHOLD_REACHED);
	iscsip_disk_lun_set_space(r->disk, 0, 9u << 20, 1);
	assert_good(rig_tur(r, 0));
	iscsip_disk_lun_set_space(r->disk, 0, 20u << 20, 1);
	iscsip_disk_lun_set_space(r->disk, 0, 3u << 20, 1);
	assert_check(rig_tur(r, 0), 6, ISCSIP_ASC_THRESHOLD_REACHED);
	rig_free(r);
}

/* --- reports -------------------------------------------------------------------------------------------------- */

static void report_luns_lists_what_is_asked_for(void **state)
{
	struct iscsip_disk_lun_config lun = { .blocks = 8 };
	struct rig *r = rig_new(RIG_RAM, 0);
	uint8_t cdb[12] = { 0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0 };
	struct rig_cmd *c;

	(void)state;
	assert_int_equal(rig_add_unit(r, 3, RIG_RAM, &lun), ISCSIP_OK);
	c = rig_run(r, 0, 0, cdb, 12, NULL, 0, 256);
	assert_int_equal(load_be32(c->in), 16);
	assert_true(load_be64(c->in + 16) == 0x0003000000000000u);
	cdb[2] = 1;
	c = rig_run(r, 0, 0, cdb, 12, NULL, 0, 256);
	assert_int_equal(load_be32(c->in), 8);
	assert_true(load_be64(c->in + 8) == 0xc101000000000000u);
	cdb[2] = 2;
	assert_int_equal(load_be32(rig_run(r, 0, 0, cdb, 12, NULL, 0, 256)->in), 24);
	cdb[2] = 3;
	assert_cdb_field(rig_run(r, 0, 0, cdb, 12, NULL, 0, 256), 2);
	cdb[2] = 0;
	cdb[8] = 0;
	cdb[9] = 15;
	assert_cdb_field(rig_run(r, 0, 0, cdb, 12, NULL, 0, 256), 6);
	rig_free(r);
}

static struct rig_cmd *opcodes(struct rig *r, uint8_t option, uint8_t op, uint16_t sa)
{
	uint8_t cdb[12] = { 0xa3, 0x0c, option, op, (uint8_t)(sa >> 8), (uint8_t)sa, 0, 0, 0x20, 0 };

	return rig_run(r, 0, 0, cdb, 12, NULL, 0, 8192);
}

static void every_command_that_is_reported_is_known_and_described(void **state)
{
	struct rig *r = rig_new(RIG_RAM, ISCSIP_LUN_THIN);
	uint8_t all[4096];
	struct rig_cmd *c = opcodes(r, 0x80, 0, 0);
	uint32_t len = c->in_done, at, count = 0;

	(void)state;
	assert_good(c);
	assert_int_equal(load_be32(c->in), len - 4);
	memcpy(all, c->in, len);
	for (at = 4; at < len; at += 20, count++) {
		const uint8_t *d = all + at;
		bool sa = d[5] & 1;
		uint32_t n = load_be16(d + 6);

		assert_int_equal(d[5] & 2, 2);
		assert_int_equal(load_be16(d + 8), 10);
		assert_int_equal(n, iscsip_cdb_length(d, 1));
		c = opcodes(r, sa ? 2 : 1, d[0], load_be16(d + 2));
		assert_good(c);
		assert_int_equal(c->in[1], 3);
		assert_int_equal(load_be16(c->in + 2), n);
		assert_int_equal(c->in_done, 4 + n);
		assert_int_equal(c->in[4], d[0]);
		if (sa)
			assert_int_equal(c->in[5] & 0x1f, load_be16(d + 2));
		assert_int_equal(c->in[4 + n - 1] & 0x04, 0x04); /* NACA */
		/* the wrong form of the question */
		assert_cdb_field(opcodes(r, sa ? 1 : 2, d[0], 0), 2);
		assert_int_equal(opcodes(r, 3, d[0], load_be16(d + 2))->in[1], 3);
	}
	assert_true(count > 60);
	assert_int_equal(opcodes(r, 1, 0xc5, 0)->in[1], 1);
	assert_int_equal(opcodes(r, 2, 0x5e, 9)->in[1], 1);
	assert_int_equal(opcodes(r, 3, 0x28, 1)->in[1], 1);
	assert_cdb_field(opcodes(r, 5, 0, 0), 2);
	rig_free(r);
}

static void task_management_functions_are_reported(void **state)
{
	static const uint8_t cdb[12] = { 0xa3, 0x0d, 0, 0, 0, 0, 0, 0, 0, 4 };
	static const uint8_t extended[12] = { 0xa3, 0x0d, 0x80, 0, 0, 0, 0, 0, 0, 16 };
	struct rig *r = rig_new(RIG_RAM, 0);
	struct rig_cmd *c = rig_run(r, 0, 0, cdb, 12, NULL, 0, 4);

	(void)state;
	assert_int_equal(c->in_done, 4);
	assert_int_equal(c->in[0], 0xfe);
	assert_int_equal(c->in[1], 0x07);
	assert_int_equal(rig_run(r, 0, 0, extended, 12, NULL, 0, 16)->in_done, 16);
	rig_free(r);
}

/* --- target port groups --------------------------------------------------------------------------------------- */

static void port_groups_and_their_states_are_told_and_obeyed(void **state)
{
	static const uint8_t cdb[12] = { 0xa3, 0x0a, 0, 0, 0, 0, 0, 0, 1, 0 }, header[12] = { 0xa3, 0x2a, 0, 0, 0, 0, 0, 0, 1, 0 };
	static const struct {
		uint8_t state;
		uint16_t asc;
	} shut[] = {
		{ ISCSIP_ALUA_STANDBY, ISCSIP_ASC_ALUA_STANDBY }, { ISCSIP_ALUA_UNAVAILABLE, ISCSIP_ASC_ALUA_UNAVAILABLE },
		{ ISCSIP_ALUA_OFFLINE, ISCSIP_ASC_ALUA_OFFLINE }, { ISCSIP_ALUA_TRANSITIONING, ISCSIP_ASC_ALUA_TRANSITION },
	};
	struct rig *r = rig_new(RIG_RAM, 0);
	uint8_t inquiry[16];
	struct rig_cmd *c;
	size_t i;

	(void)state;
	c = rig_run(r, 0, 0, cdb, 12, NULL, 0, 256);
	assert_int_equal(c->in_done, 4 + 8 + 4);
	assert_int_equal(load_be16(c->in + 6), 1);
	assert_int_equal(load_be16(c->in + 14), 1);
	assert_int_equal(rig_run(r, 0, 0, header, 12, NULL, 0, 256)->in[4] >> 4, 1);
	for (i = 0; i < sizeof shut / sizeof shut[0]; i++) {
		assert_int_equal(iscsip_disk_set_port_group(r->disk, 1, shut[i].state), ISCSIP_OK);
		assert_check(rig_read(r, 0, 0, 1), 6, ISCSIP_ASC_ALUA_STATE_CHANGED);
		assert_check(rig_read(r, 0, 0, 1), ISCSIP_SENSE_NOT_READY, shut[i].asc);
		assert_check(rig_write(r, 0, 0, 1, 9), ISCSIP_SENSE_NOT_READY, shut[i].asc);
		assert_good(rig_run(r, 0, 0, inquiry, iscsip_cdb_inquiry(inquiry, -1, 36), NULL, 0, 36));
		c = rig_run(r, 0, 0, cdb, 12, NULL, 0, 256);
		assert_int_equal(c->in[4] & 0x0f, shut[i].state);
		c = mode_sense(r, 8, 0x0a, 0);
		if (shut[i].state == ISCSIP_ALUA_STANDBY)
			assert_good(c);
		else
			assert_check(c, ISCSIP_SENSE_NOT_READY, shut[i].asc);
	}
	assert_int_equal(r->unit[0].bytes[0], 0);
	assert_int_equal(iscsip_disk_set_port_group(r->disk, 1, ISCSIP_ALUA_OPTIMIZED), ISCSIP_OK);
	rig_clear_attention(r);
	assert_good(rig_write(r, 0, 0, 1, 9));
	assert_int_equal(iscsip_disk_set_port_group(r->disk, 1, 9), ISCSIP_EINVAL);
	assert_int_equal(iscsip_disk_set_port_group(r->disk, 2, 0), ISCSIP_ENOENT);
	rig_free(r);
}

static void set_target_port_groups_asks_the_host(void **state)
{
	uint8_t cdb[12] = { 0xa4, 0x0a, 0, 0, 0, 0, 0, 0, 0, 8 }, list[8] = { 0, 0, 0, 0, ISCSIP_ALUA_NON_OPTIMIZED, 0, 0, 1 };
	struct rig *r = rig_new(RIG_RAM, 0);

	(void)state;
	assert_good(rig_run(r, 0, 0, cdb, 12, list, 8, 0));
	assert_int_equal(r->group_sets, 1);
	assert_good(rig_tur(r, 0));
	assert_check(rig_tur(r, 1), 6, ISCSIP_ASC_ALUA_STATE_CHANGED);
	list[7] = 2;
	assert_parameter_field(rig_run(r, 0, 0, cdb, 12, list, 8, 0), 6);
	list[7] = 1;
	list[4] = 9;
	assert_parameter_field(rig_run(r, 0, 0, cdb, 12, list, 8, 0), 4);
	list[4] = 0;
	r->group_refused = true;
	assert_check(rig_run(r, 0, 0, cdb, 12, list, 8, 0), ISCSIP_SENSE_HARDWARE_ERROR, ISCSIP_ASC_SET_PORT_GROUPS_FAILED);
	cdb[9] = 7;
	assert_check(rig_run(r, 0, 0, cdb, 12, list, 7, 0), 5, ISCSIP_ASC_PARAMETER_LIST_LENGTH);
	rig_free(r);
}

/* --- echo buffer, defects ------------------------------------------------------------------------------------- */

static void the_echo_buffer_echoes_to_the_one_who_wrote(void **state)
{
	static const uint8_t write[10] = { 0x3b, 0x0a, 0, 0, 0, 0, 0, 0, 9 }, read[10] = { 0x3c, 0x0a, 0, 0, 0, 0, 0, 1, 0 };
	static const uint8_t describe[10] = { 0x3c, 0x0b, 0, 0, 0, 0, 0, 0, 4 }, long_one[10] = { 0x3b, 0x0a, 0, 0, 0, 0, 0, 1, 1 };
	uint8_t data[300] = "echo echo";
	struct rig *r = rig_new(RIG_RAM, 0);
	struct rig_cmd *c;

	(void)state;
	assert_check(rig_run(r, 0, 0, read, 10, NULL, 0, 256), 5, ISCSIP_ASC_SEQUENCE_ERROR);
	assert_good(rig_run(r, 0, 0, write, 10, data, 9, 0));
	c = rig_run(r, 0, 0, read, 10, NULL, 0, 256);
	assert_good(c);
	assert_int_equal(c->in_done, 9);
	assert_memory_equal(c->in, data, 9);
	assert_check(rig_run(r, 1, 0, read, 10, NULL, 0, 256), 5, ISCSIP_ASC_SEQUENCE_ERROR);
	assert_int_equal(load_be16(rig_run(r, 0, 0, describe, 10, NULL, 0, 4)->in + 2), 256);
	assert_cdb_field(rig_run(r, 0, 0, long_one, 10, data, 257, 0), 6);
	rig_free(r);
}

static void there_are_no_defects(void **state)
{
	static const uint8_t ten[10] = { 0x37, 0, 0x1d, 0, 0, 0, 0, 0, 64 }, twelve[12] = { 0xb7, 0x1d, 0, 0, 0, 0, 0, 0, 0, 64 };
	static const uint8_t want[8] = { 0, 0x1d };
	struct rig *r = rig_new(RIG_RAM, 0);
	struct rig_cmd *c = rig_run(r, 0, 0, ten, 10, NULL, 0, 64);

	(void)state;
	assert_int_equal(c->in_done, 4);
	assert_memory_equal(c->in, want, 4);
	c = rig_run(r, 0, 0, twelve, 12, NULL, 0, 64);
	assert_int_equal(c->in_done, 8);
	assert_memory_equal(c->in, want, 8);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(standard_inquiry_data_stands_as_spc4_draws_it),
		cmocka_unit_test(every_answer_is_cut_at_the_allocation_length),
		cmocka_unit_test(the_supported_pages_are_those_that_answer),
		cmocka_unit_test(a_page_code_without_evpd_is_refused),
		cmocka_unit_test(designators_name_unit_port_and_device),
		cmocka_unit_test(serial_and_naa_are_the_same_after_a_restart_and_differ_by_unit),
		cmocka_unit_test(block_limits_are_those_that_are_enforced),
		cmocka_unit_test(capacities_tell_blocks_sizes_and_provisioning),
		cmocka_unit_test(mode_pages_come_with_head_and_block_descriptor),
		cmocka_unit_test(all_pages_together_are_each_page_alone),
		cmocka_unit_test(what_mode_sense_says_mode_select_takes_back),
		cmocka_unit_test(only_changeable_bits_can_be_changed),
		cmocka_unit_test(swp_protects_and_d_sense_describes),
		cmocka_unit_test(mode_select_looks_at_all_it_is_given),
		cmocka_unit_test(log_pages_tell_what_the_host_told),
		cmocka_unit_test(a_soft_threshold_that_is_crossed_is_told_once),
		cmocka_unit_test(report_luns_lists_what_is_asked_for),
		cmocka_unit_test(every_command_that_is_reported_is_known_and_described),
		cmocka_unit_test(task_management_functions_are_reported),
		cmocka_unit_test(port_groups_and_their_states_are_told_and_obeyed),
		cmocka_unit_test(set_target_port_groups_asks_the_host),
		cmocka_unit_test(the_echo_buffer_echoes_to_the_one_who_wrote),
		cmocka_unit_test(there_are_no_defects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
