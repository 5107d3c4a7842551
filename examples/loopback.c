/* SPDX-License-Identifier: MIT */
/*
 * loopback: an initiator and a target in one process, with a disk of 1 MiB behind the target, and no operating system: no
 * socket, no clock, no allocation, no thread; only the words at the end are printed. It shows what a host has to do,
 * and nothing more, so that a port to another world can begin here.
 *
 * The transport is a copy: what one side wants to send is given to the other, until neither moves. With both digests on
 * it logs in, asks who is there, writes the whole disk, reads it back, compares, and logs out.
 */
#include <iscsiproto/iscsiproto.h>
#include <stdio.h>
#include <string.h>

#define TARGET "iqn.2026-11.org.libiscsiproto:loopback"
#define DISK_SIZE (1u << 20)
#define PIECE (256u << 10)

/* --- memory: all of it, and of fixed size; *_size() says how much is needed --- */

static _Alignas(64) uint8_t disk_bytes[DISK_SIZE], disk_mem[3u << 20];
static _Alignas(64) uint8_t i_session_mem[32u << 10], i_conn_mem[16u << 10], i_login_mem[16u << 10];
static _Alignas(64) uint8_t t_session_mem[64u << 10], t_conn_mem[32u << 10], t_login_mem[16u << 10];
static uint8_t written[PIECE], read_back[PIECE], wire[8192];

static struct iscsip_config config;
static struct iscsip_offer i_offer, t_offer;
static struct iscsip_disk *disk;
static struct iscsip_disk_nexus nexus;
static struct iscsip_conn *initiator, *target;
static struct iscsip_session *session, *target_session;
static bool logged_in, target_free;
static unsigned finished;
static const char *trouble;

static void fail(const char *what)
{
	if (!trouble)
		trouble = what;
}

/* A host takes these bytes from where nobody can guess them; here nobody is to be kept out. */
static void weak_random(void *user, uint8_t *dst, size_t len)
{
	static uint32_t seed = 1;

	(void)user;
	while (len--)
		*dst++ = (uint8_t)((seed = seed * 1664525u + 1013904223u) >> 24);
}

static const struct iscsip_host host = { .struct_size = sizeof host, .random = weak_random };

/* --- the target's host --- */

static void on_identify(void *user, struct iscsip_conn *c, const struct iscsip_login_info *info)
{
	(void)user;
	if (iscsip_name_equal(info->target_name, TARGET))
		iscsip_login_grant(c, NULL);
	else
		iscsip_login_refuse(c, ISCSIP_LOGIN_NOT_FOUND, NULL);
}

static void on_session(void *user, struct iscsip_conn *c, const struct iscsip_login_info *info,
		       const struct iscsip_params *params);

static void on_target_state(void *user, struct iscsip_session *s, int state, const struct iscsip_error *why)
{
	(void)user;
	(void)s;
	(void)why;
	target_free = state == ISCSIP_SESSION_FREE;
}

static const struct iscsip_target_ops target_ops = {
	.struct_size = sizeof target_ops,
	.identify = on_identify,
	.session = on_session,
	.state = on_target_state,
};

static void on_session(void *user, struct iscsip_conn *c, const struct iscsip_login_info *info,
		       const struct iscsip_params *params)
{
	uint8_t id[ISCSIP_TRANSPORT_ID_MAX];
	size_t len = iscsip_transport_id_iscsi(id, sizeof id, info->initiator_name, info->isid);

	(void)user;
	(void)params;
	if (iscsip_target_session_init(&target_session, t_session_mem, sizeof t_session_mem, &config, &target_ops,
				       iscsip_disk_ops(), disk, &nexus, NULL) ||
	    iscsip_disk_nexus_open(disk, &nexus, id, len, 1) || iscsip_login_accept(c, target_session, 1))
		fail("no session at the target");
}

/* --- the initiator's host --- */

static void on_login(void *user, struct iscsip_conn *c, int err, uint16_t status, const struct iscsip_login_info *info)
{
	(void)user;
	(void)c;
	(void)info;
	logged_in = err == ISCSIP_OK && status == ISCSIP_LOGIN_SUCCESS;
	if (!logged_in)
		fail("login was refused");
}

static void on_task(void *user, struct iscsip_task *t)
{
	(void)user;
	(void)t;
	finished++;
}

static const struct iscsip_initiator_ops initiator_ops = {
	.struct_size = sizeof initiator_ops,
	.login_done = on_login,
	.task_done = on_task,
};

/* --- the transport --- */

/* One direction: out of one side, into the other. A side that takes nothing now is asked again with what is left. */
static bool carry(struct iscsip_conn *from, struct iscsip_conn *to)
{
	ptrdiff_t n = iscsip_conn_tx_pull(from, wire, sizeof wire, 0), taken;

	if (n <= 0)
		return false;
	taken = iscsip_conn_rx_push(to, wire, (size_t)n, 0);
	if (taken != n)
		fail("a side did not take what it was sent");
	return true;
}

static void run(void)
{
	bool moved;

	do {
		moved = carry(initiator, target);
		moved = carry(target, initiator) || moved;
	} while (moved && !trouble);
}

/* --- the work --- */

static void do_task(struct iscsip_task *t)
{
	unsigned before = finished;

	if (iscsip_initiator_submit(session, t, 0) != ISCSIP_OK)
		fail("a task was not taken");
	run();
	if (finished != before + 1 || t->result.err || t->result.status)
		fail("a command failed");
}

static void inquire(char text[29])
{
	uint8_t data[36];
	struct iscsip_vec vec = { data, sizeof data };
	struct iscsip_task t = { .attr = ISCSIP_ATTR_SIMPLE, .in_vec = &vec, .in_cnt = 1, .in_len = sizeof data };

	iscsip_cdb_inquiry(t.cdb, -1, sizeof data);
	do_task(&t);
	memcpy(text, data + 8, 28);
	text[28] = 0;
}

/* The first command to a unit meets the news that it was reset; after that it is ready. */
static void make_ready(void)
{
	struct iscsip_task t = { .attr = ISCSIP_ATTR_SIMPLE };

	iscsip_cdb_test_unit_ready(t.cdb);
	if (iscsip_initiator_submit(session, &t, 0) != ISCSIP_OK)
		fail("a task was not taken");
	run();
	do_task(&t);
}

static void move_piece(enum iscsip_cdb_rw what, uint32_t lba, uint8_t *bytes)
{
	struct iscsip_vec vec = { bytes, PIECE };
	struct iscsip_task t = { .attr = ISCSIP_ATTR_SIMPLE };

	if (what == ISCSIP_CDB_READ) {
		t.in_vec = &vec;
		t.in_cnt = 1;
		t.in_len = PIECE;
	} else {
		t.out_vec = &vec;
		t.out_cnt = 1;
		t.out_len = PIECE;
	}
	iscsip_cdb_rw(t.cdb, what, lba, PIECE / 512, 0);
	do_task(&t);
}

static void write_and_read(void)
{
	uint32_t at;

	for (at = 0; at < DISK_SIZE; at += PIECE) {
		weak_random(NULL, written, PIECE);
		move_piece(ISCSIP_CDB_WRITE, at / 512, written);
		memset(read_back, 0, PIECE);
		move_piece(ISCSIP_CDB_READ, at / 512, read_back);
		if (memcmp(written, read_back, PIECE) != 0)
			fail("other bytes came back");
	}
}

/* --- putting it together --- */

static void make_disk(void)
{
	static struct iscsip_ram ram = { .base = disk_bytes, .size = DISK_SIZE };
	struct iscsip_disk_config cfg;
	struct iscsip_disk_lun_config lun = { .struct_size = sizeof lun };

	iscsip_disk_config_init(&cfg, sizeof cfg);
	cfg.name = TARGET;
	lun.blocks = DISK_SIZE / 512;
	lun.ops = iscsip_ram_ops();
	lun.user = &ram;
	if (iscsip_disk_init(&disk, disk_mem, sizeof disk_mem, &cfg) || iscsip_disk_lun_add(disk, 0, &lun))
		fail("no disk");
}

static void connect(void)
{
	const struct iscsip_initiator_identity id = { TARGET, { 0x80, 1, 2, 3, 0, 1 } };

	iscsip_config_init(&config, sizeof config);
	iscsip_offer_init_initiator(&i_offer);
	iscsip_offer_init_target(&t_offer);
	iscsip_offer_set(&i_offer, "HeaderDigest", "CRC32C");
	iscsip_offer_set(&i_offer, "DataDigest", "CRC32C");
	config.host = &host;
	config.offer = &i_offer;
	config.node_name = "iqn.2026-11.org.libiscsiproto:initiator";
	if (iscsip_initiator_session_init(&session, i_session_mem, sizeof i_session_mem, &config, &id, &initiator_ops, NULL) ||
	    iscsip_initiator_conn_init(&initiator, i_conn_mem, sizeof i_conn_mem, i_login_mem, sizeof i_login_mem, session, 0,
				       NULL, 0))
		fail("no initiator");
	else if (iscsip_target_conn_init(&target, t_conn_mem, sizeof t_conn_mem, t_login_mem, sizeof t_login_mem, &config,
					 &target_ops, NULL, 0))
		fail("no target");
}

static void disconnect(void)
{
	if (iscsip_initiator_logout(initiator, ISCSIP_LOGOUT_SESSION, 0, 0) != ISCSIP_OK)
		fail("no logout");
	run();
	if (!(iscsip_conn_want(initiator) & ISCSIP_WANT_CLOSE))
		fail("the logout was not answered");
	iscsip_conn_closed(initiator, 0);
	iscsip_conn_closed(target, 0);
	iscsip_disk_nexus_close(&nexus);
	if (iscsip_initiator_session_fini(session) != ISCSIP_OK || !target_free)
		fail("something stayed behind");
}

int main(void)
{
	struct iscsip_conn_stats st = { 0 };
	char who[29] = "";

	make_disk();
	connect();
	if (!trouble)
		run();
	if (!trouble && logged_in) {
		inquire(who);
		make_ready();
		write_and_read();
		iscsip_conn_get_stats(initiator, &st);
		disconnect();
	}
	if (trouble) {
		printf("loopback: %s\n", trouble);
		return 1;
	}
	printf("%s: %u KiB written, read back and compared\n", who, DISK_SIZE >> 10);
	printf("%llu PDUs with %llu bytes sent, %llu PDUs with %llu bytes received\n", (unsigned long long)st.tx_pdus,
	       (unsigned long long)st.tx_bytes, (unsigned long long)st.rx_pdus, (unsigned long long)st.rx_bytes);
	return 0;
}
