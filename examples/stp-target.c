/* SPDX-License-Identifier: MIT */
/*
 * stp-target: serves disks over the frame protocol. One disk with its logical units, any number of connections; the disk and
 * everything that is connected to it live in one event loop, file I/O that may block in a pool of threads (host/).
 *
 * A client is freed when its socket is closed and the disk has completed the last of its commands, whichever comes later:
 * the connection's memory holds the commands.
 *
 * Two doors (host/door.h) keep clients from locking others out: a client stands in the first until it has sent a command, in the
 * second, which is fair, as long as its socket is open.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <iscsiproto/disk.h>
#include <iscsiproto/scsi.h>
#include <iscsiproto/version.h>

#include "host/backing.h"
#include "host/door.h"
#include "host/net.h"
#include "host/util.h"
#include "host/wire_frame.h"

#define DEFAULT_LISTEN "127.0.0.1:3261"
#define DEFAULT_PORT "3261"
#define DISK_NAME "iqn.2026-11.org.libiscsiproto:stp"
#define MAX_PORTALS 16u
#define MAX_CLIENTS 4096u
#define MAX_SILENT 512u
#define MAX_LEAVING 1024u
#define CLOSING_MS 1500u
#define STALL_MS 30000u

struct unit {
	struct unit *next;
	uint32_t lun;
	const char *text;
	struct backing *backing;
};

struct client {
	struct iscsip_disk_nexus nexus; /* first member: `nexus` of the commands leads here */
	struct wire wire;
	struct iscsip_frame_conn *conn;
	struct door_place silent, present;
	bool nexus_open, gone;
	struct post post;
	struct pcap_flow flow;
	char name[NET_TEXT_MAX];
	_Alignas(16) uint8_t mem[];
};

static struct {
	struct loop loop;
	struct unit *units;
	struct iscsip_disk *disk;
	struct iscsip_disk_host disk_host;
	struct iscsip_device_ops device;    /* the disk's, with our exec() and free() */
	struct iscsip_frame_config config;
	struct iscsip_frame_host services;
	size_t conn_size;
	char *listen[MAX_PORTALS];
	unsigned portals;
	struct net_range *ranges;
	unsigned range_count;
	struct pcap *pcap;
	bool stats, closing;
	iscsip_time closing_until;
	struct door silent, present;
	unsigned clients;
	uint64_t connections, refused;
	struct iscsip_frame_stats total;    /* of connections that are gone */
	uint64_t started_us;
} server;

static struct watch listeners[MAX_PORTALS], signals;

/* --- clients --- */

static struct client *client_of_wire(struct wire *w)
{
	return (struct client *)(void *)((char *)w - offsetof(struct client, wire));
}

static void add_stats(struct iscsip_frame_stats *sum, const struct iscsip_frame_conn *conn)
{
	struct iscsip_frame_stats st;

	iscsip_frame_conn_stats(conn, &st);
	sum->rx_bytes += st.rx_bytes;
	sum->tx_bytes += st.tx_bytes;
	sum->rx_frames += st.rx_frames;
	sum->tx_frames += st.tx_frames;
	sum->exchanges += st.exchanges;
	sum->in_bytes += st.in_bytes;
	sum->out_bytes += st.out_bytes;
	sum->refused += st.refused;
}

static void client_free(struct post *p)
{
	struct client *c = (struct client *)(void *)((char *)p - offsetof(struct client, post));

	add_stats(&server.total, c->conn);
	server.clients--;
	free(c);
}

/* The last command of a client that is gone ends in the middle of a call of its connection: freed when that returned. */
static void free_if_done(struct client *c)
{
	if (!c->gone || iscsip_frame_conn_open(c->conn))
		return;
	c->gone = false;
	c->post.run = client_free;
	loop_post(&server.loop, &c->post);
}

static void cmd_exec(void *user, struct iscsip_cmd *cmd)
{
	struct client *c = cmd->nexus;

	if (c->silent.group)
		door_leave(&server.silent, &c->silent);
	iscsip_disk_ops()->exec(user, cmd);
}

static void cmd_free(void *user, struct iscsip_cmd *cmd)
{
	struct client *c = cmd->nexus;

	iscsip_disk_ops()->free(user, cmd);
	free_if_done(c);
}

static void leave(struct client *c)
{
	door_leave(&server.silent, &c->silent);
	door_leave(&server.present, &c->present);
}

static void wire_closing(struct wire *w)
{
	leave(client_of_wire(w));
}

static void wire_freed(struct wire *w)
{
	struct client *c = client_of_wire(w);
	const struct iscsip_error *e = iscsip_frame_conn_error(c->conn);
	char text[200];

	iscsip_frame_error_format(e, text, sizeof text);
	if (e->code != ISCSIP_ECLOSED || e->rule)
		tell("%s: %s", c->name, text);
	else
		tell("%s: closed", c->name);
	pcap_flow_close(&c->flow);
	if (c->nexus_open)
		iscsip_disk_nexus_close(&c->nexus);
	c->gone = true;
	free_if_done(c);
}

/* The frame protocol has no names: an initiator is known by its address, and each connection is a port of its own. */
static int open_nexus(struct client *c, const struct sockaddr_storage *from)
{
	static uint32_t serial;
	uint8_t id[ISCSIP_TRANSPORT_ID_MAX], isid[6] = { 0x80 };
	char name[NET_TEXT_MAX + sizeof DISK_NAME + 8], address[NET_TEXT_MAX];
	size_t len, i;

	serial++;
	for (i = 0; i < 4; i++)
		isid[2 + i] = (uint8_t)(serial >> 8 * (3 - i));
	net_wire_name(from, net_port(from), address); /* others read it, in PERSISTENT RESERVE IN */
	snprintf(name, sizeof name, "%s-%s", DISK_NAME, address);
	len = iscsip_transport_id_iscsi(id, sizeof id, name, isid);
	if (len == 0 || iscsip_disk_nexus_open(server.disk, &c->nexus, id, len, 1))
		return -1;
	c->nexus_open = true;
	return 0;
}

static int client_open(struct client *c, int fd, const struct sockaddr_storage *from)
{
	net_name(fd, true, c->name);
	if (open_nexus(c, from))
		return -1;
	if (iscsip_frame_target_init(&c->conn, c->mem, server.conn_size, &server.config, &server.device, server.disk, c,
				     server.loop.now))
		die("the connection could not be made");
	c->wire.who = c->name;
	c->wire.stall_ms = STALL_MS;
	c->wire.closing = wire_closing;
	c->wire.freed = wire_freed;
	if (wire_open(&c->wire, &server.loop, fd, &wire_frame, c->conn))
		return -1;
	pcap_flow_open(&c->flow, server.pcap, fd, false);
	server.clients++;
	server.connections++;
	tell("%s: connected", c->name);
	return 0;
}

static bool allowed(const struct sockaddr_storage *from)
{
	unsigned i;

	for (i = 0; i < server.range_count; i++)
		if (net_in_range(&server.ranges[i], from))
			return true;
	return server.range_count == 0;
}

static void admit(int fd, const struct sockaddr_storage *from)
{
	struct client *c = NULL;

	if (!server.closing && server.clients < MAX_CLIENTS + MAX_LEAVING && allowed(from))
		c = calloc(1, sizeof *c + server.conn_size);
	if (c) {
		if (door_enter(&server.present, &c->present, fd, from) && door_enter(&server.silent, &c->silent, fd, from) &&
		    client_open(c, fd, from) == 0)
			return;
		leave(c);
		if (c->nexus_open)
			iscsip_disk_nexus_close(&c->nexus);
		free(c);
	}
	server.refused++;
	close(fd);
}

/* Out of descriptors, and nobody is silent: the address that has most gives one up for the next try of one that has fewer. */
static void make_room(const struct sockaddr_storage *from)
{
	if (allowed(from))
		door_push_for(&server.present, from);
}

static void acceptable(struct watch *w, uint32_t events)
{
	struct sockaddr_storage from;
	int i, fd;

	(void)events;
	for (i = 0; i < 64; i++) {
		fd = net_accept(w->fd, &from);
		if (fd < 0) {
			if (net_no_room(w->fd) && !door_push(&server.silent))
				net_turn_away(w->fd, make_room);
			return;
		}
		admit(fd, &from);
	}
}

static void wake(void *user, struct iscsip_frame_conn *conn)
{
	struct client *c = iscsip_frame_conn_user(conn);

	(void)user;
	wire_dirty(&c->wire);
}

static void traced(void *user, struct iscsip_frame_conn *conn, enum iscsip_trace_event event, const void *p, size_t len)
{
	struct client *c = iscsip_frame_conn_user(conn);

	(void)user;
	frame_traced(&c->flow, c->name, event, p, len);
}

/* --- the disk --- */

static void work_waits(void *user)
{
	(void)user;
	server.loop.idle_wanted = true;
}

static bool work(void *user)
{
	(void)user;
	return iscsip_disk_work(server.disk);
}

static void unit_add(const struct unit *u)
{
	struct iscsip_disk_lun_config cfg = { .struct_size = sizeof cfg };
	struct backing *b = u->backing;
	char why[512];
	int err;

	b->loop = &server.loop;
	cfg.blocks = b->size / b->block_size;
	cfg.block_size = b->block_size;
	cfg.serial = b->serial;
	cfg.physical_exponent = b->block_size == 512 ? 3 : 0;
	cfg.rotation_rate = 1;
	cfg.unmap_granularity = 4096 / b->block_size;
	cfg.flags = (b->read_only ? ISCSIP_LUN_READ_ONLY : 0) | (b->thin ? ISCSIP_LUN_THIN : 0) |
		    (b->path ? 0 : ISCSIP_LUN_VOLATILE);
	cfg.ops = b->ops;
	cfg.user = b->ops_user;
	cfg.saved = b->saved;
	cfg.saved_len = b->saved_len;
	err = iscsip_disk_lun_add(server.disk, u->lun, &cfg);
	if (err)
		die("LUN %u (%s): %s", u->lun, u->text, backing_refusal(b, err, why, sizeof why));
}

static void disk_open(void)
{
	struct iscsip_disk_config cfg;
	const struct unit *u;
	size_t size;

	server.disk_host.struct_size = sizeof server.disk_host;
	server.disk_host.wake = work_waits;
	server.loop.idle = work;
	iscsip_disk_config_init(&cfg, sizeof cfg);
	cfg.max_luns = 256;
	cfg.flags = ISCSIP_DISK_CDB_LUN; /* NetBSD */
	cfg.max_nexuses = MAX_CLIENTS + MAX_LEAVING;
	cfg.max_commands = 1024;
	cfg.buffer_size = 64u * 1024u;
	cfg.buffer_count = 512;
	cfg.max_pieces = 128;
	cfg.buffer_align = 4096;
	cfg.name = DISK_NAME;
	cfg.host = &server.disk_host;
	size = iscsip_disk_size(&cfg);
	if (iscsip_disk_init(&server.disk, need(size), size, &cfg))
		die("the disk could not be made");
	for (u = server.units; u; u = u->next)
		unit_add(u);
	server.device = *iscsip_disk_ops();
	server.device.exec = cmd_exec;
	server.device.free = cmd_free;
}

static void unit_news(struct backing *b, const struct backing_news *n, void *user)
{
	const struct unit *u = user;
	int err;

	if (n->resized) {
		tell("LUN %u: now %llu bytes", u->lun, (unsigned long long)b->size);
		err = iscsip_disk_lun_resize(server.disk, u->lun, b->size / b->block_size);
		if (err)
			complain("LUN %u (%s): its new size of %llu bytes is not taken: %s", u->lun, u->text,
				 (unsigned long long)b->size, iscsip_strerror(err));
	}
	if (n->opened_anew) {
		err = iscsip_disk_lun_set_failed(server.disk, u->lun, false);
		complain("LUN %u: %s is opened anew%s", u->lun, b->path, err ? "" : " and takes writes again");
	}
}

static void look_at_files(void)
{
	struct unit *u;

	for (u = server.units; u; u = u->next)
		backing_refresh(u->backing, unit_news, u);
}

/* --- counters --- */

static void stats_print(void)
{
	struct iscsip_frame_stats sum = server.total;
	const char *comma = "";
	const struct unit *u;
	struct wire *w;
	char *line = NULL;
	size_t len;
	FILE *f = open_memstream(&line, &len);

	if (!f) {
		complain("no memory for the counters");
		return;
	}

	for (w = server.loop.wires; w; w = w->next)
		add_stats(&sum, client_of_wire(w)->conn);
	fprintf(f, "{\"seconds\":%.3f,\"clients\":%u,\"connections\":%llu,\"refused_connections\":%llu,\"exchanges\":%llu,"
	       "\"refused_commands\":%llu,\"rx_bytes\":%llu,\"tx_bytes\":%llu,\"rx_frames\":%llu,\"tx_frames\":%llu,"
	       "\"read_bytes\":%llu,\"write_bytes\":%llu,\"luns\":[",
	       (double)(clock_us() - server.started_us) / 1e6, server.clients, (unsigned long long)server.connections,
	       (unsigned long long)server.refused, (unsigned long long)sum.exchanges, (unsigned long long)sum.refused,
	       (unsigned long long)sum.rx_bytes, (unsigned long long)sum.tx_bytes, (unsigned long long)sum.rx_frames,
	       (unsigned long long)sum.tx_frames, (unsigned long long)sum.in_bytes, (unsigned long long)sum.out_bytes);
	for (u = server.units; u; u = u->next) {
		struct iscsip_disk_stats st;

		if (iscsip_disk_lun_stats(server.disk, u->lun, &st))
			continue;
		fprintf(f, "%s{\"lun\":%u,\"bytes\":%llu,\"commands\":%llu,\"errors\":%llu}", comma, u->lun,
		       (unsigned long long)u->backing->size, (unsigned long long)st.commands, (unsigned long long)st.errors);
		comma = ",";
	}
	fprintf(f, "]}\n");
	if (fclose(f) == 0)
		say(line, len);
	free(line);
}

/* --- signals --- */

static void begin_to_close(void)
{
	struct wire *w;

	server.closing_until = server.closing ? 0 : loop_clock() + CLOSING_MS; /* asked for twice: at once */
	server.closing = true;
	for (w = server.loop.wires; w; w = w->next) {
		/* refused where it is over already, which is what is wanted */
		(void)iscsip_frame_conn_close(client_of_wire(w)->conn, server.loop.now);
		wire_dirty(w);
	}
}

static void signalled(struct watch *w, uint32_t events)
{
	struct signalfd_siginfo si;

	(void)events;
	while (read(w->fd, &si, sizeof si) == sizeof si) {
		if (si.ssi_signo == SIGUSR1)
			stats_print();
		else if (si.ssi_signo == SIGHUP)
			look_at_files();
		else
			begin_to_close();
	}
	if (server.pcap)
		pcap_flush(server.pcap);
}

static void watch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signals.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	signals.ready = signalled;
	if (signals.fd < 0 || loop_watch(&server.loop, &signals, EPOLLIN))
		die("signals: %s", strerror(errno));
}

/* --- the command line --- */

enum { OPT_LISTEN = 256, OPT_LUN, OPT_ALLOW, OPT_THREADS, OPT_STANDING_GRANT, OPT_PCAP, OPT_STATS, OPT_HELP, OPT_VERSION };

static const struct option options[] = {
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "lun", required_argument, NULL, OPT_LUN },
	{ "allow", required_argument, NULL, OPT_ALLOW },
	{ "threads", required_argument, NULL, OPT_THREADS },
	{ "standing-grant", required_argument, NULL, OPT_STANDING_GRANT },
	{ "pcap", required_argument, NULL, OPT_PCAP },
	{ "stats", no_argument, NULL, OPT_STATS },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 }
};

static void help(void)
{
	printf("Usage: stp-target [--listen ADDRESS:PORT]... --lun N=BACKING[,OPTION]... [options]\n"
	       "Serve disks over the frame protocol. It knows no authentication: name who may connect with --allow.\n\n"
	       "  --listen ADDRESS:PORT    where to listen (default " DEFAULT_LISTEN "); repeatable\n"
	       "  --lun N=BACKING          ram:SIZE or file:PATH, with ,ro ,create=SIZE ,block=512|4096 ,serial=TEXT\n"
	       "                           ,removable\n"
	       "  --allow ADDRESS[/BITS]   who may connect; repeatable, none given: everybody\n"
	       "  --threads N              1 to 64, without effect: one thread serves all connections of the disk, since a disk is\n"
	       "                           driven by one thread; file I/O has up to eight threads of its own\n"
	       "  --standing-grant SIZE    the first bytes of every write come without being asked for, up to 1M; the initiators\n"
	       "                           must be told the same (default 0: ask for all)\n"
	       "  --pcap FILE              write every frame to a capture\n"
	       "  --stats                  counters as one JSON line on exit and on SIGUSR1\n"
	       "  --verbose                a line for each event on stderr; twice: for each frame\n"
	       "  --help, --version        this text; the version\n\n"
	       "SIGHUP takes over new sizes of files; SIGTERM and SIGINT let open exchanges end and end.\n");
	exit(EXIT_DONE);
}

static void add_lun(char *text)
{
	struct unit *u = need(sizeof *u), **at = &server.units;
	char *backing = text + strcspn(text, "=") + 1;
	unsigned long lun = strtoul(text, NULL, 10);

	if (!option_lun(text))
		usage_error("--lun: '%s' is not N=BACKING with N from 0 to 255", text);
	for (; *at; at = &(*at)->next)
		if ((*at)->lun == lun)
			usage_error("--lun: LUN %lu is named twice", lun);
	u->lun = (uint32_t)lun;
	u->text = backing;
	u->backing = backing_open(backing);
	*at = u;
}

static void add_range(const char *text)
{
	struct net_range r;

	if (!net_parse_range(text, &r))
		usage_error("--allow: '%s' is not ADDRESS or ADDRESS/BITS", text);
	server.ranges = realloc(server.ranges, (server.range_count + 1u) * sizeof r);
	if (!server.ranges)
		die("out of memory");
	server.ranges[server.range_count++] = r;
}

static void add_listen(char *text)
{
	if (server.portals == MAX_PORTALS)
		usage_error("--listen: more than %u addresses", MAX_PORTALS);
	server.listen[server.portals++] = text;
}

static void take(int opt, char *arg)
{
	switch (opt) {
	case OPT_LISTEN:
		add_listen(arg);
		break;
	case OPT_LUN:
		add_lun(arg);
		break;
	case OPT_ALLOW:
		add_range(arg);
		break;
	case OPT_THREADS:
		(void)option_number("--threads", arg, 1, 64); /* checked, and without effect: --help says why */
		break;
	case OPT_STANDING_GRANT:
		server.config.standing_grant =
			(uint32_t)option_size_upto("--standing-grant", arg, server.config.limits.max_burst);
		break;
	case OPT_PCAP:
		server.pcap = pcap_create_apart(arg);
		break;
	case OPT_STATS:
		server.stats = true;
		break;
	case 'v':
		verbosity++;
		break;
	case OPT_HELP:
		help();
		break;
	case OPT_VERSION:
		printf("stp-target (libiscsiproto) %s\n", iscsip_version());
		exit(EXIT_DONE);
	default:
		usage_error("wrong usage");
	}
}

static void options_read(int argc, char **argv)
{
	static char standard[] = DEFAULT_LISTEN;
	int opt;

	iscsip_frame_config_init(&server.config, sizeof server.config);
	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":v", options, NULL)) != -1) {
		if (opt == '?' || opt == ':')
			option_wrong(opt, argv[optind - 1]);
		take(opt, optarg);
	}
	if (optind < argc)
		usage_error("'%s' is not an option", argv[optind]);
	if (!server.units)
		usage_error("no --lun: nothing to serve");
	if (server.portals == 0)
		add_listen(standard);
}

/* --- start and end --- */

static void configure(void)
{
	server.services.struct_size = sizeof server.services;
	server.services.wake = wake;
	if (server.pcap || verbosity > 1)
		server.services.trace = traced;
	server.config.host = &server.services;
	server.config.limits.max_exchanges = 256;
	server.config.limits.max_tx_frames = 128;
	server.config.close_timeout_ms = CLOSING_MS;
	server.conn_size = iscsip_frame_target_size(&server.config);
}

static void listen_on(unsigned i)
{
	char shown[NET_TEXT_MAX];

	listeners[i].fd = net_listen(server.listen[i], DEFAULT_PORT, false, shown);
	listeners[i].ready = acceptable;
	if (loop_watch(&server.loop, &listeners[i], EPOLLIN))
		die("epoll: %s", strerror(errno));
	printf("listening on %s\n", shown);
}

int main(int argc, char **argv)
{
	unsigned i;

	program_begin("stp-target", false);
	server.started_us = clock_us();
	options_read(argc, argv);
	net_many();
	door_init(&server.silent, MAX_SILENT, false);
	door_init(&server.present, MAX_CLIENTS, true);
	configure();
	if (loop_init(&server.loop))
		die("event loop: %s", strerror(errno));
	watch_signals();
	messages_apart();
	disk_open();
	for (i = 0; i < server.portals; i++)
		listen_on(i);
	fflush(stdout);
	while (!server.closing)
		loop_round(&server.loop, -1);
	while (server.clients && loop_clock() < server.closing_until)
		loop_round(&server.loop, 50);
	if (server.stats)
		stats_print();
	if (server.pcap)
		pcap_close(server.pcap);
	return EXIT_DONE;
}
