/* SPDX-License-Identifier: MIT */
/*
 * Registrations: of one port, of all ports, of others' ports; all that were asked for or none; how much room there is for
 * them; and by what an initiator port is known again.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "disk_rig.h"

#include "base/bytes.h"

enum { REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT_ABORT, IGNORE, MOVE };
enum { WE = 1, EA = 3, WERO = 5, EARO = 6, WEAR = 7, EAAR = 8 };
enum { APTPL = 1, UNREG = 2, ALL_TG_PT = 4, SPEC_I_PT = 8 };

#define ONE "iqn.1994-05.com.example:one"
#define TWO "iqn.1994-05.com.example:two"

static const uint8_t isid[6] = { 0x80, 1, 2, 3, 4, 5 }, other_isid[6] = { 0x80, 1, 2, 3, 4, 6 };
static struct iscsip_disk_port ports[256];
static struct iscsip_disk_nexus by_port[4]; /* of initiator one, by target port 2 and on */

/* A disk of many ports: nexus 0 and 1 are open by the first of them. */
static struct rig *many_ports(enum rig_backing b, unsigned port_count, unsigned registrations, uint32_t buffers)
{
	struct iscsip_disk_lun_config lun = { .blocks = 2048 };
	struct iscsip_disk_config cfg;
	struct rig *r;
	unsigned i;

	for (i = 0; i < 256; i++)
		ports[i] = (struct iscsip_disk_port){ (uint16_t)(i + 1), 1, NULL };
	iscsip_disk_config_init(&cfg, sizeof cfg);
	cfg.buffer_size = 4096;
	cfg.buffer_count = buffers;
	cfg.max_registrations = (uint16_t)registrations;
	cfg.ports = ports;
	cfg.port_count = (uint16_t)port_count;
	r = rig_new_with(b, &lun, &cfg);
	rig_open(r, 2);
	rig_clear_attention(r);
	return r;
}

static struct rig_cmd *prout(struct rig *r, int n, uint8_t sa, uint8_t type, uint64_t key, uint64_t sa_key, uint8_t flags)
{
	uint8_t cdb[10] = { 0x5f, sa, type, 0, 0, 0, 0, 0, 24 }, list[24] = { 0 };

	store_be64(list, key);
	store_be64(list + 8, sa_key);
	list[20] = flags;
	return rig_run(r, n, 0, cdb, 10, list, 24, 0);
}

static uint32_t put_id(uint8_t *p, const char *name, const uint8_t *isid_or_none)
{
	return (uint32_t)iscsip_transport_id_iscsi(p, ISCSIP_TRANSPORT_ID_MAX, name, isid_or_none);
}

/* REGISTER with a list of TransportIDs. */
static struct rig_cmd *register_ids(struct rig *r, int n, uint64_t key, uint8_t flags, const uint8_t *ids, uint32_t len)
{
	uint8_t cdb[10] = { 0x5f, REGISTER }, list[2048] = { 0 };

	store_be64(list + 8, key);
	list[20] = flags | SPEC_I_PT;
	store_be32(list + 24, len);
	memcpy(list + 28, ids, len);
	store_be32(cdb + 5, 28 + len);
	return rig_run(r, n, 0, cdb, 10, list, 28 + len, 0);
}

static struct rig_cmd *move(struct rig *r, int n, uint64_t key, uint64_t to_key, uint8_t flags, uint16_t port, const uint8_t *id,
			    uint32_t len)
{
	uint8_t cdb[10] = { 0x5f, MOVE }, list[600] = { 0 };

	store_be64(list, key);
	store_be64(list + 8, to_key);
	list[17] = flags;
	store_be16(list + 18, port);
	store_be32(list + 20, len);
	memcpy(list + 24, id, len);
	store_be32(cdb + 5, 24 + len);
	return rig_run(r, n, 0, cdb, 10, list, 24 + len, 0);
}

static struct rig_cmd *prin(struct rig *r, uint8_t sa, uint16_t alloc)
{
	uint8_t cdb[10] = { 0x5e, sa };

	store_be16(cdb + 7, alloc);
	return rig_run(r, 2, 0, cdb, 10, NULL, 0, alloc);
}

static unsigned keys(struct rig *r)
{
	return load_be32(prin(r, 0, 8)->in + 4) / 8;
}

static unsigned keys_like(struct rig *r, uint64_t key)
{
	struct rig_cmd *c = prin(r, 0, 8192);
	unsigned i, n = 0;

	for (i = 0; i < (c->in_done - 8) / 8; i++)
		n += load_be64(c->in + 8 + 8 * i) == key;
	return n;
}

static uint32_t generation(struct rig *r)
{
	return load_be32(prin(r, 0, 8)->in);
}

static void assert_conflict(const struct rig_cmd *c)
{
	assert_int_equal(c->status, ISCSIP_STATUS_RESERVATION_CONFLICT);
}

/* The initiator of nexus 0 by another target port; a command of it that is answered inside. */
static void open_by_port(struct rig *r, int n)
{
	uint8_t id[ISCSIP_TRANSPORT_ID_MAX];
	uint32_t len = put_id(id, ONE, isid);

	assert_int_equal(iscsip_disk_nexus_open(r->disk, &by_port[n], id, len, (uint16_t)(n + 1)), ISCSIP_OK);
}

/* --- all ports ------------------------------------------------------------------------------------------------- */

static void all_ports_are_registered_or_none(void **state)
{
	enum rig_backing b;
	uint8_t flags;
	int again;

	(void)state;
	for (b = RIG_RAM; b <= RIG_DEFERRED; b++) {
		for (flags = 0; flags <= APTPL; flags++) {
			for (again = 0; again < 2; again++) {
				struct rig *r = many_ports(b, 4, 3, 8);

				/* of a nexus that is registered, and of one that is not; four ports are one too many */
				if (again)
					assert_good(prout(r, 0, REGISTER, 0, 0, 1, flags));
				assert_check(prout(r, 0, REGISTER, 0, (uint64_t)again, 2, flags | ALL_TG_PT), 5,
					     ISCSIP_ASC_INSUFFICIENT_REGISTRATIONS);
				assert_check(prout(r, 0, IGNORE, 0, 0, 2, flags | ALL_TG_PT), 5,
					     ISCSIP_ASC_INSUFFICIENT_REGISTRATIONS);
				assert_int_equal(keys(r), again);
				assert_int_equal(keys_like(r, 2), 0);
				assert_int_equal(generation(r), again);
				/* the places are free again */
				assert_good(prout(r, 1, REGISTER, 0, 0, 5, flags));
				assert_good(prout(r, 2, REGISTER, 0, 0, 6, flags));
				rig_free(r);
			}
		}
	}
}

static void a_key_for_all_ports_changes_those_there_are_and_adds_the_others(void **state)
{
	static const uint8_t reserve[6] = { 0x16 }, release[6] = { 0x17 };
	uint8_t flags;

	(void)state;
	for (flags = 0; flags <= APTPL; flags++) {
		struct rig *r = many_ports(RIG_SYNC, 4, 8, 8);

		assert_good(prout(r, 0, REGISTER, 0, 0, 1, flags));
		assert_good(prout(r, 0, RESERVE, EA, 1, 0, 0));
		assert_good(prout(r, 0, REGISTER, 0, 1, 2, flags | ALL_TG_PT));
		assert_int_equal(keys(r), 4);
		assert_int_equal(keys_like(r, 2), 4);
		assert_good(prout(r, 0, IGNORE, 0, 0, 3, flags | ALL_TG_PT));
		assert_int_equal(keys(r), 4);
		assert_int_equal(keys_like(r, 3), 4);
		/* without it only the port that the command came in by changes, and it holds what it held */
		assert_good(prout(r, 0, REGISTER, 0, 3, 4, flags));
		assert_int_equal(keys_like(r, 3), 3);
		assert_true(load_be64(prin(r, 1, 64)->in + 8) == 4);
		assert_good(prout(r, 0, REGISTER, 0, 4, 0, flags | ALL_TG_PT));
		assert_int_equal(keys(r), 0);
		/* none is left: RESERVE of SPC-2 is what it was */
		assert_good(rig_run(r, 1, 0, reserve, 6, NULL, 0, 0));
		assert_conflict(rig_read(r, 0, 0, 1));
		assert_good(rig_run(r, 1, 0, release, 6, NULL, 0, 0));
		assert_int_equal(load_be32(prin(r, 1, 64)->in + 4), 0);
		rig_free(r);
	}
}

static void a_nexus_by_another_port_is_registered_with_the_others(void **state)
{
	struct rig *r = many_ports(RIG_SYNC, 4, 8, 8);
	uint8_t full[1024];
	struct rig_cmd *c;
	unsigned i, at;

	(void)state;
	open_by_port(r, 1);
	assert_good(prout(r, 0, REGISTER, 0, 0, 1, ALL_TG_PT));
	c = prin(r, 3, 1024);
	memcpy(full, c->in, c->in_done);
	for (i = 0, at = 8; i < 4; i++, at += 24 + load_be32(full + at + 20))
		assert_int_equal(load_be16(full + at + 18), i + 1);
	assert_int_equal(at, c->in_done);
	assert_good(prout(r, 0, RESERVE, WERO, 1, 0, 0));
	iscsip_disk_nexus_close(&by_port[1]);
	rig_free(r);
}

/* The more ports there are, the more there is to keep: as much as the buffers hold, which is more than one of them. */
static void what_is_to_be_kept_may_be_longer_than_a_buffer(void **state)
{
	enum rig_backing b;

	(void)state;
	for (b = RIG_RAM; b <= RIG_DEFERRED; b++) {
		struct rig *r = many_ports(b, 200, 256, 8);
		struct iscsip_disk_lun_config lun = { .blocks = 2048 };

		assert_good(prout(r, 0, REGISTER, 0, 0, 1, APTPL));
		assert_good(prout(r, 0, REGISTER, 0, 1, 2, APTPL | ALL_TG_PT));
		assert_int_equal(keys_like(r, 2), 200);
		assert_true(r->unit[0].saved_len > 2 * 4096);
		assert_int_equal(iscsip_disk_lun_remove(r->disk, 0), ISCSIP_DONE);
		lun.saved = r->unit[0].saved;
		lun.saved_len = r->unit[0].saved_len;
		assert_int_equal(rig_add_unit(r, 0, b, &lun), ISCSIP_OK);
		rig_clear_attention(r);
		assert_int_equal(keys_like(r, 2), 200);
		rig_free(r);
	}
}

static void what_cannot_be_kept_for_want_of_buffers_is_refused_as_a_whole(void **state)
{
	struct rig *r = many_ports(RIG_SYNC, 200, 256, 3);

	(void)state;
	assert_good(prout(r, 0, REGISTER, 0, 0, 1, APTPL));
	assert_check(prout(r, 0, REGISTER, 0, 1, 2, APTPL | ALL_TG_PT), 5, ISCSIP_ASC_INSUFFICIENT_REGISTRATIONS);
	assert_int_equal(keys_like(r, 1), 1);
	assert_int_equal(keys(r), 1);
	/* what need not be kept needs no buffer */
	assert_good(prout(r, 0, REGISTER, 0, 1, 2, ALL_TG_PT));
	assert_int_equal(keys_like(r, 2), 200);
	/* and now it is too much to become kept */
	assert_check(prout(r, 0, IGNORE, 0, 0, 3, APTPL), 5, ISCSIP_ASC_INSUFFICIENT_REGISTRATIONS);
	assert_int_equal(keys_like(r, 2), 200);
	rig_free(r);
}

/* It would fit; the buffers are with others just now. */
static void what_could_be_kept_with_more_buffers_is_busy(void **state)
{
	struct rig *r = many_ports(RIG_DEFERRED, 100, 256, 4);
	uint8_t cdb[16], out[10] = { 0x5f, IGNORE, 0, 0, 0, 0, 0, 0, 24 }, list[24] = { [15] = 2, [20] = APTPL | ALL_TG_PT };
	struct rig_cmd *d, *c;

	(void)state;
	d = rig_begin(r, 1, 0, cdb, iscsip_cdb_rw(cdb, ISCSIP_CDB_READ, 0, 16, 0), NULL, 0, 16 * 512, 1, false);
	assert_int_equal(r->pending_cnt, 1);
	c = rig_begin(r, 0, 0, out, 10, list, 24, 0, 1, false);
	while (rig_step(r))
		;
	assert_true(c->completed);
	assert_int_equal(c->status, ISCSIP_STATUS_BUSY);
	rig_pump(r);
	assert_good(d);
	assert_int_equal(keys(r), 0);
	assert_good(prout(r, 0, IGNORE, 0, 0, 2, APTPL | ALL_TG_PT));
	assert_int_equal(keys(r), 100);
	rig_free(r);
}

static void a_port_named_for_all_ports_is_registered_at_each(void **state)
{
	uint8_t ids[600];
	uint32_t n;
	struct rig *r = many_ports(RIG_SYNC, 3, 6, 8);

	(void)state;
	n = put_id(ids, TWO, isid);
	n += put_id(ids + n, "iqn.1994-05.com.example:three", isid);
	assert_check(register_ids(r, 0, 4, ALL_TG_PT, ids, n), 5, ISCSIP_ASC_INSUFFICIENT_REGISTRATIONS);
	assert_int_equal(keys(r), 0);
	n = put_id(ids, TWO, isid);
	assert_good(register_ids(r, 0, 4, ALL_TG_PT, ids, n));
	assert_int_equal(keys_like(r, 4), 6);
	rig_free(r);
}

/* --- others' ports --------------------------------------------------------------------------------------------- */

static void a_port_that_is_named_twice_is_registered_once(void **state)
{
	uint8_t ids[600];
	uint32_t n;
	struct rig *r = many_ports(RIG_SYNC, 1, 2, 8);

	(void)state;
	n = put_id(ids, TWO, isid);
	n += put_id(ids + n, "IQN.1994-05.COM.EXAMPLE:TWO", isid);
	n += put_id(ids + n, ONE, isid); /* itself */
	assert_good(register_ids(r, 0, 4, 0, ids, n));
	assert_int_equal(keys_like(r, 4), 2);
	assert_int_equal(keys(r), 2);
	assert_int_equal(generation(r), 1);
	rig_free(r);
}

/* SPC-4 6.16.3: where the registration fails for one, none is made; one that has another's key would have failed by itself. */
static void a_port_that_has_a_key_of_its_own_keeps_it(void **state)
{
	uint8_t ids[600];
	uint32_t n;
	struct rig *r = many_ports(RIG_SYNC, 1, 8, 8);

	(void)state;
	assert_good(prout(r, 1, REGISTER, 0, 0, 2, 0));
	n = put_id(ids, "iqn.1994-05.com.example:three", isid);
	n += put_id(ids + n, TWO, isid);
	assert_parameter_field(register_ids(r, 0, 4, 0, ids, n), 28 + put_id(ids + 300, "iqn.1994-05.com.example:three", isid));
	assert_int_equal(keys(r), 1);
	assert_int_equal(keys_like(r, 2), 1);
	assert_int_equal(generation(r), 1);
	assert_good(register_ids(r, 0, 2, 0, ids, n)); /* the same key: it is registered as it shall be */
	assert_int_equal(keys_like(r, 2), 3);
	rig_free(r);
}

static void ids_of_another_transport_are_refused(void **state)
{
	uint8_t ids[64] = { 0x00 };
	struct rig *r = many_ports(RIG_SYNC, 1, 8, 8);

	(void)state;
	memset(ids + 8, 0x50, 8); /* Fibre Channel */
	assert_parameter_field(register_ids(r, 0, 4, 0, ids, 24), 28);
	assert_good(prout(r, 0, REGISTER, 0, 0, 1, 0));
	assert_good(prout(r, 0, RESERVE, EA, 1, 0, 0));
	assert_parameter_field(move(r, 0, 1, 2, 0, 1, ids, 24), 24);
	assert_int_equal(keys(r), 1);
	rig_free(r);
}

/* --- by what a port is known ------------------------------------------------------------------------------------ */

static void initiator_ports_of_one_name_are_told_apart_by_their_isid(void **state)
{
	uint8_t id[ISCSIP_TRANSPORT_ID_MAX];
	struct rig *r = many_ports(RIG_SYNC, 1, 8, 8);

	(void)state;
	iscsip_disk_nexus_close(&r->nexus[1]);
	assert_int_equal(iscsip_disk_nexus_open(r->disk, &r->nexus[1], id, put_id(id, ONE, other_isid), 1), ISCSIP_OK);
	rig_clear_attention(r);
	assert_good(prout(r, 0, REGISTER, 0, 0, 1, 0));
	assert_conflict(prout(r, 1, REGISTER, 0, 1, 2, 0));
	assert_good(prout(r, 0, RESERVE, EA, 1, 0, 0));
	assert_conflict(rig_read(r, 1, 0, 1));
	/* the same port in other letters is the same */
	iscsip_disk_nexus_close(&r->nexus[0]);
	assert_int_equal(iscsip_disk_nexus_open(r->disk, &r->nexus[0], id, put_id(id, "IQN.1994-05.com.example:ONE", isid), 1),
			 ISCSIP_OK);
	rig_clear_attention(r);
	assert_good(rig_read(r, 0, 0, 1));
	rig_free(r);
}

static void a_name_that_is_the_beginning_of_another_is_not_that_one(void **state)
{
	uint8_t id[ISCSIP_TRANSPORT_ID_MAX];
	struct rig *r = many_ports(RIG_SYNC, 1, 8, 8);

	(void)state;
	assert_good(register_ids(r, 0, 4, 0, id, put_id(id, "iqn.1994-05.com.example:tw", NULL)));
	assert_conflict(prout(r, 1, RESERVE, EA, 4, 0, 0));
	assert_good(prout(r, 0, RESERVE, EA, 4, 0, 0));
	assert_conflict(rig_read(r, 1, 0, 1));
	rig_free(r);
}

/* A TransportID of format 00b has no ISID: it is the initiator's port, whichever it logs in by. */
static void a_name_without_isid_is_the_port_of_that_name(void **state)
{
	uint8_t id[ISCSIP_TRANSPORT_ID_MAX];
	struct rig *r = many_ports(RIG_SYNC, 1, 8, 8);

	(void)state;
	iscsip_disk_nexus_close(&r->nexus[1]);
	assert_good(register_ids(r, 0, 4, 0, id, put_id(id, TWO, NULL)));
	rig_open(r, 1);
	rig_clear_attention(r);
	assert_good(prout(r, 1, RESERVE, EA, 4, 0, 0));
	assert_good(prout(r, 1, REGISTER, 0, 4, 5, 0));
	assert_int_equal(keys(r), 2);
	assert_int_equal(keys_like(r, 5), 1);
	/* the reservation moves to a name: the port has it */
	assert_good(move(r, 1, 5, 6, UNREG, 1, id, put_id(id, "iqn.1994-05.com.example:THREE", NULL)));
	assert_good(rig_read(r, 2, 0, 1));
	assert_conflict(rig_read(r, 1, 0, 1));
	/* one that is there and registered is still one port */
	assert_good(prout(r, 1, REGISTER, 0, 0, 8, 0));
	assert_good(move(r, 2, 6, 7, UNREG, 1, id, put_id(id, TWO, NULL)));
	assert_good(rig_read(r, 1, 0, 1));
	assert_int_equal(keys_like(r, 7), 1);
	assert_int_equal(keys_like(r, 8), 0);
	rig_free(r);
}

static void a_name_that_stands_for_two_ports_is_refused(void **state)
{
	uint8_t id[ISCSIP_TRANSPORT_ID_MAX];
	struct rig *r = many_ports(RIG_SYNC, 1, 8, 8);

	(void)state;
	iscsip_disk_nexus_close(&r->nexus[1]);
	assert_int_equal(iscsip_disk_nexus_open(r->disk, &r->nexus[1], id, put_id(id, "iqn.1994-05.com.example:three", other_isid), 1),
			 ISCSIP_OK);
	rig_clear_attention(r);
	assert_parameter_field(register_ids(r, 0, 4, 0, id, put_id(id, "iqn.1994-05.com.example:three", NULL)), 28);
	assert_good(prout(r, 0, REGISTER, 0, 0, 1, 0));
	assert_good(prout(r, 0, RESERVE, EA, 1, 0, 0));
	assert_parameter_field(move(r, 0, 1, 2, 0, 1, id, put_id(id, "iqn.1994-05.com.example:three", NULL)), 24);
	assert_int_equal(keys(r), 1);
	rig_free(r);
}

/* Other transports name their ports in their own way: these are the same where all bytes are. */
static void ports_of_other_transports_are_known_by_all_bytes(void **state)
{
	uint8_t id[24] = { 0x06, 0, 0, 0, 0x50, 1, 2, 3, 4, 5, 6, 0x41 };
	struct rig *r = many_ports(RIG_SYNC, 1, 8, 8);

	(void)state;
	iscsip_disk_nexus_close(&r->nexus[0]);
	assert_int_equal(iscsip_disk_nexus_open(r->disk, &r->nexus[0], id, 24, 1), ISCSIP_OK);
	iscsip_disk_nexus_close(&r->nexus[1]);
	id[11] = 0x61; /* no letter here */
	assert_int_equal(iscsip_disk_nexus_open(r->disk, &r->nexus[1], id, 24, 1), ISCSIP_OK);
	rig_clear_attention(r);
	assert_good(prout(r, 0, REGISTER, 0, 0, 1, 0));
	assert_good(prout(r, 0, RESERVE, EA, 1, 0, 0));
	assert_conflict(rig_read(r, 1, 0, 1));
	assert_conflict(rig_read(r, 2, 0, 1));
	assert_good(register_ids(r, 1, 4, 0, id, 24));
	assert_int_equal(keys(r), 2);
	rig_free(r);
}

static void spec_i_pt_is_for_register_alone(void **state)
{
	uint8_t sa;

	(void)state;
	for (sa = REGISTER; sa < MOVE; sa++) {
		struct rig *r = many_ports(RIG_SYNC, 1, 8, 8);

		assert_good(prout(r, 0, REGISTER, 0, 0, 1, 0));
		if (sa == REGISTER)
			assert_check(prout(r, 1, sa, WE, 0, 2, SPEC_I_PT), 5, ISCSIP_ASC_PARAMETER_LIST_LENGTH);
		else
			assert_parameter_field(prout(r, sa == IGNORE, sa, WE, 1, 1, SPEC_I_PT), 20);
		assert_int_equal(keys(r), 1);
		assert_int_equal(generation(r), 1);
		rig_free(r);
	}
}

/* --- REGISTER AND MOVE ------------------------------------------------------------------------------------------ */

static void a_move_needs_a_place_unless_the_port_is_registered(void **state)
{
	uint8_t id[ISCSIP_TRANSPORT_ID_MAX];
	uint32_t n = put_id(id, TWO, isid);
	struct rig *r = many_ports(RIG_SYNC, 2, 2, 8);

	(void)state;
	assert_good(prout(r, 0, REGISTER, 0, 0, 1, 0));
	assert_good(prout(r, 1, REGISTER, 0, 0, 2, 0));
	assert_good(prout(r, 0, RESERVE, EA, 1, 0, 0));
	assert_check(move(r, 0, 1, 7, 0, 2, id, n), 5, ISCSIP_ASC_INSUFFICIENT_REGISTRATIONS);
	assert_check(move(r, 0, 1, 7, UNREG, 2, id, n), 5, ISCSIP_ASC_INSUFFICIENT_REGISTRATIONS);
	assert_int_equal(keys_like(r, 7), 0);
	assert_good(rig_read(r, 0, 0, 1));
	assert_good(move(r, 0, 1, 7, APTPL, 1, id, n));
	assert_int_equal(keys(r), 2);
	assert_int_equal(keys_like(r, 7), 1);
	assert_true(r->unit[0].saved_len > 0);
	assert_conflict(rig_read(r, 0, 0, 1));
	assert_good(rig_read(r, 1, 0, 1));
	rig_free(r);
}

static void a_move_is_the_holder_s_and_not_of_a_reservation_that_all_hold(void **state)
{
	uint8_t id[ISCSIP_TRANSPORT_ID_MAX], type;
	uint32_t n = put_id(id, TWO, isid);

	(void)state;
	for (type = 0; type <= EAAR; type++) {
		struct rig *r = many_ports(RIG_SYNC, 1, 8, 8);

		if (type == 2 || type == 4) {
			rig_free(r);
			continue;
		}
		assert_good(prout(r, 0, REGISTER, 0, 0, 1, 0));
		assert_good(prout(r, 2, REGISTER, 0, 0, 3, 0));
		if (type)
			assert_good(prout(r, 0, RESERVE, type, 1, 0, 0));
		assert_conflict(move(r, 1, 0, 7, 0, 1, id, n));
		assert_conflict(move(r, 2, 3, 7, 0, 1, id, n));
		assert_conflict(move(r, 0, 2, 7, 0, 1, id, n));
		if (type == 0 || type >= WEAR)
			assert_conflict(move(r, 0, 1, 7, 0, 1, id, n));
		else
			assert_good(move(r, 0, 1, 7, 0, 1, id, n));
		rig_free(r);
	}
}

static void a_move_may_lead_to_another_target_port_of_the_same_initiator(void **state)
{
	uint8_t id[ISCSIP_TRANSPORT_ID_MAX];
	struct rig *r = many_ports(RIG_SYNC, 2, 8, 8);

	(void)state;
	assert_good(prout(r, 0, REGISTER, 0, 0, 1, 0));
	assert_good(prout(r, 0, RESERVE, EA, 1, 0, 0));
	assert_parameter_field(move(r, 0, 1, 2, 0, 1, id, put_id(id, ONE, isid)), 24);
	assert_good(move(r, 0, 1, 2, 0, 2, id, put_id(id, ONE, isid)));
	assert_conflict(rig_read(r, 0, 0, 1));
	assert_int_equal(keys(r), 2);
	rig_free(r);
}

static void a_move_of_a_list_that_is_cut_is_refused(void **state)
{
	uint8_t id[ISCSIP_TRANSPORT_ID_MAX], cdb[10] = { 0x5f, MOVE }, list[600] = { 0 };
	uint32_t n = put_id(id, TWO, isid), cut;
	struct rig *r = many_ports(RIG_SYNC, 1, 8, 8);

	(void)state;
	assert_good(prout(r, 0, REGISTER, 0, 0, 1, 0));
	assert_good(prout(r, 0, RESERVE, EA, 1, 0, 0));
	list[7] = 1;
	list[15] = 9;
	list[19] = 1;
	memcpy(list + 24, id, n);
	store_be32(list + 20, n);
	for (cut = 24; cut < 24 + n; cut++) {
		store_be32(cdb + 5, cut);
		assert_check(rig_run(r, 0, 0, cdb, 10, list, cut, 0), 5, ISCSIP_ASC_PARAMETER_LIST_LENGTH);
	}
	store_be32(cdb + 5, 24 + n);
	store_be32(list + 20, 0xfffffff0u);
	assert_check(rig_run(r, 0, 0, cdb, 10, list, 24 + n, 0), 5, ISCSIP_ASC_PARAMETER_LIST_LENGTH);
	store_be32(list + 20, 0);
	assert_parameter_field(rig_run(r, 0, 0, cdb, 10, list, 24 + n, 0), 24);
	store_be32(list + 20, n - 4);
	assert_parameter_field(rig_run(r, 0, 0, cdb, 10, list, 24 + n, 0), 24);
	assert_int_equal(keys(r), 1);
	rig_free(r);
}

/* --- what is counted and told ------------------------------------------------------------------------------------ */

static void nothing_to_take_back_is_nothing_done(void **state)
{
	uint8_t sa;

	(void)state;
	for (sa = REGISTER; sa <= IGNORE; sa += IGNORE) {
		struct rig *r = many_ports(RIG_SYNC, 2, 8, 8);

		assert_good(prout(r, 0, REGISTER, 0, 0, 1, APTPL));
		assert_int_equal(r->unit[0].saves, 1);
		assert_good(prout(r, 1, sa, 0, 0, 0, 0));
		assert_good(prout(r, 1, sa, 0, 0, 0, ALL_TG_PT));
		assert_int_equal(r->unit[0].saves, 1);
		assert_int_equal(prin(r, 2, 8)->in[3] & 1, 1); /* PTPL_A as it was */
		assert_int_equal(generation(r), 1);
		rig_free(r);
	}
}

static void answers_are_cut_at_any_length(void **state)
{
	struct rig *r = many_ports(RIG_SYNC, 2, 8, 8);
	uint8_t whole[1024];
	uint32_t n;
	uint8_t sa;
	uint16_t alloc;

	(void)state;
	assert_good(prout(r, 0, REGISTER, 0, 0, 1, ALL_TG_PT));
	assert_good(prout(r, 1, REGISTER, 0, 0, 2, 0));
	assert_good(prout(r, 0, RESERVE, WERO, 1, 0, 0));
	for (sa = 0; sa < 4; sa++) {
		struct rig_cmd *c = prin(r, sa, 1024);

		n = c->in_done;
		memcpy(whole, c->in, n);
		for (alloc = 0; alloc <= n + 4; alloc++) {
			c = prin(r, sa, alloc);
			assert_good(c);
			assert_int_equal(c->in_done, alloc < n ? alloc : n);
			assert_memory_equal(c->in, whole, c->in_done);
		}
	}
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_ports_are_registered_or_none),
		cmocka_unit_test(a_key_for_all_ports_changes_those_there_are_and_adds_the_others),
		cmocka_unit_test(a_nexus_by_another_port_is_registered_with_the_others),
		cmocka_unit_test(what_is_to_be_kept_may_be_longer_than_a_buffer),
		cmocka_unit_test(what_cannot_be_kept_for_want_of_buffers_is_refused_as_a_whole),
		cmocka_unit_test(what_could_be_kept_with_more_buffers_is_busy),
		cmocka_unit_test(a_port_named_for_all_ports_is_registered_at_each),
		cmocka_unit_test(a_port_that_is_named_twice_is_registered_once),
		cmocka_unit_test(a_port_that_has_a_key_of_its_own_keeps_it),
		cmocka_unit_test(ids_of_another_transport_are_refused),
		cmocka_unit_test(initiator_ports_of_one_name_are_told_apart_by_their_isid),
		cmocka_unit_test(a_name_that_is_the_beginning_of_another_is_not_that_one),
		cmocka_unit_test(a_name_without_isid_is_the_port_of_that_name),
		cmocka_unit_test(a_name_that_stands_for_two_ports_is_refused),
		cmocka_unit_test(ports_of_other_transports_are_known_by_all_bytes),
		cmocka_unit_test(spec_i_pt_is_for_register_alone),
		cmocka_unit_test(a_move_needs_a_place_unless_the_port_is_registered),
		cmocka_unit_test(a_move_is_the_holder_s_and_not_of_a_reservation_that_all_hold),
		cmocka_unit_test(a_move_may_lead_to_another_target_port_of_the_same_initiator),
		cmocka_unit_test(a_move_of_a_list_that_is_cut_is_refused),
		cmocka_unit_test(nothing_to_take_back_is_nothing_done),
		cmocka_unit_test(answers_are_cut_at_any_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
