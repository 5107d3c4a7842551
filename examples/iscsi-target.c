/* SPDX-License-Identifier: MIT */
/*
 * iscsi-target: serves disks over iSCSI. Threads, listening sockets and signals; the rest stands in iscsi-target/.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "iscsi-target/target.h"

#define CLOSING_MS 1500u

struct server server;

struct listener {
	struct watch watch;
	struct loop *loop;
};

static struct listener listeners[MAX_THREADS][MAX_PORTALS];
static struct watch signals;
static iscsip_time closing_until;

/*
 * Out of descriptors, and no login is under way: the address that has most sessions gives one up for the next try of one that
 * has fewer.
 */
static void make_room(const struct sockaddr_storage *from)
{
	if (access_by_address(&server.access, from))
		door_push_for(&server.present, from);
}

static void acceptable(struct watch *w, uint32_t events)
{
	struct listener *from = (struct listener *)(void *)w;
	struct sockaddr_storage peer;
	int fd, i;

	(void)events;
	for (i = 0; i < 64; i++) {
		fd = net_accept(w->fd, &peer);
		if (fd < 0) {
			if (net_no_room(w->fd) && !door_push(&server.door))
				net_turn_away(w->fd, make_room);
			return;
		}
		client_accept(from->loop, fd, &peer);
	}
}

static void listen_on(unsigned portal)
{
	struct portal *p = &server.portals[portal];
	socklen_t len = sizeof p->address;
	char text[NET_TEXT_MAX + 8];
	unsigned t;

	snprintf(text, sizeof text, "%s", server.listen[portal]);
	for (t = 0; t < server.threads; t++) {
		struct listener *l = &listeners[t][portal];

		l->watch.fd = net_listen(text, DEFAULT_PORT, server.threads > 1, p->shown);
		l->watch.ready = acceptable;
		l->loop = &server.loops[t];
		if (loop_watch(l->loop, &l->watch, EPOLLIN))
			die("epoll: %s", strerror(errno));
		snprintf(text, sizeof text, "%s", p->shown); /* port 0 was chosen by the first */
	}
	if (getsockname(listeners[0][portal].watch.fd, (void *)&p->address, &len))
		die("cannot listen on %s: %s", p->shown, strerror(errno));
}

/*
 * Whoever reaches an open portal may read and write where no CHAP is demanded, which RFC 7143 9 advises against. This machine's own
 * addresses, and portals with a list of addresses or names, are somebody's deliberate choice.
 */
static void warn_of_strangers(void)
{
	const struct device *d = server.devices;
	unsigned i = 0;

	while (d && (d->auth || d->access.range_count || d->access.name_count))
		d = d->next;
	while (i < server.portal_count && net_is_loopback(&server.portals[i].address))
		i++;
	if (d && i < server.portal_count)
		complain("whoever reaches %s may read and write %s: --auth demands CHAP, --allow names who may connect",
			 server.portals[i].shown, d->name);
}

/* --- signals --- */

struct farewell {
	struct post post;
	struct loop *loop;
};

static struct farewell farewells[MAX_THREADS];

static void say_farewell(struct post *p)
{
	clients_log_out(((struct farewell *)(void *)p)->loop);
}

static void begin_to_close(void)
{
	unsigned t;

	if (atomic_exchange(&server.closing, true)) {
		closing_until = 0; /* asked for twice: at once */
		return;
	}
	tell("logging sessions out");
	closing_until = loop_clock() + CLOSING_MS;
	for (t = 0; t < server.threads; t++) {
		farewells[t].post.run = say_farewell;
		farewells[t].loop = &server.loops[t];
		loop_post(&server.loops[t], &farewells[t].post);
	}
}

static void signalled(struct watch *w, uint32_t events)
{
	struct signalfd_siginfo si;

	(void)events;
	while (read(w->fd, &si, sizeof si) == sizeof si) {
		if (si.ssi_signo == SIGUSR1)
			stats_ask();
		else if (si.ssi_signo == SIGHUP)
			devices_reload();
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
	if (signals.fd < 0 || loop_watch(&server.loops[0], &signals, EPOLLIN))
		die("signals: %s", strerror(errno));
}

/* --- start and end --- */

/* Whose values they are: the options before the first --target, or after one, are held to the same. */
static void check_offer(const struct iscsip_offer *offer, const char *whose)
{
	struct iscsip_config probe = server.config;

	probe.offer = offer;
	if (iscsip_config_check(&probe))
		usage_error("%s: --set: the values set do not fit each other", whose);
}

/* Connections and sessions have the room that the most demanding target needs. */
static void configure_offers(void)
{
	static struct iscsip_offer room;
	const struct device *d;

	room = server.offer;
	check_offer(&server.offer, "discovery, before the first --target");
	for (d = server.devices; d; d = d->next) {
		check_offer(&d->offer, d->name);
		room.data_pdu_in_order = room.data_pdu_in_order && d->offer.data_pdu_in_order;
	}
	server.config.offer = &room;
}

static void configure(void)
{
	iscsip_config_init(&server.config, sizeof server.config);
	server.host.struct_size = sizeof server.host;
	server.host.random = random_bytes;
	server.host.crc32c = iscsip_crc32c_choose();
	server.host.wake = wake_client;
	if (server.pcap || verbosity > 1)
		server.host.trace = trace_pdu;
	/* what deployed initiators do, and harms nobody */
	server.config.flags = ISCSIP_CFG_ANY_NAME | ISCSIP_CFG_SKIP_NULS | ISCSIP_CFG_ANY_LUN | ISCSIP_CFG_OPEN_R2TS;
	server.config.host = &server.host;
	server.config.offer = &server.offer;
	server.config.limits.max_tasks = 128;
	server.config.limits.max_r2ts = 32;
	server.config.limits.max_tx_pdus = 64;
	server.config.nop_interval_ms = 30000;
	server.config.nop_timeout_ms = 30000;
	configure_offers();
	server.conn_size = iscsip_target_conn_size(&server.config);
	server.session_size = iscsip_target_session_size(&server.config);
	server.login_size = iscsip_login_size(&server.config);
	door_init(&server.door, MAX_HALF_OPEN, false);
	door_init(&server.present, MAX_PRESENT, true);
	blocks_init(&server.client_blocks, sizeof(struct client) + server.conn_size);
	blocks_init(&server.session_blocks, sizeof(struct session) + server.session_size);
	blocks_init(&server.login_blocks, server.login_size);
}

static void *run_loop(void *arg)
{
	loop_run(arg);
	return NULL;
}

/* The first loop also waits for the end: until all clients are gone, or the time is up. */
static void run(void)
{
	pthread_t threads[MAX_THREADS] = { 0 };
	unsigned t;

	for (t = 1; t < server.threads; t++)
		if (pthread_create(&threads[t], NULL, run_loop, &server.loops[t]))
			die("cannot start a thread");
	while (!atomic_load(&server.closing))
		loop_round(&server.loops[0], -1);
	while (atomic_load(&server.clients) && loop_clock() < closing_until)
		loop_round(&server.loops[0], 50);
	for (t = 1; t < server.threads; t++) {
		loop_stop(&server.loops[t]);
		pthread_join(threads[t], NULL);
	}
}

int main(int argc, char **argv)
{
	unsigned i;

	program_begin("iscsi-target", false);
	server.threads = 1;
	if (pthread_mutex_init(&server.discovery_lock, NULL))
		die("cannot make a lock");
	server.started_us = clock_us();
	iscsip_offer_init_target(&server.offer);
	net_many();
	options_read(argc, argv);
	configure();
	for (i = 0; i < server.threads; i++)
		if (loop_init(&server.loops[i]))
			die("event loop: %s", strerror(errno));
	watch_signals();
	messages_apart();
	devices_open();
	for (i = 0; i < server.portal_count; i++)
		listen_on(i);
	for (i = 0; i < server.portal_count; i++)
		printf("listening on %s\n", server.portals[i].shown);
	fflush(stdout);
	warn_of_strangers();
	run();
	if (server.stats)
		stats_print();
	if (server.pcap)
		pcap_close(server.pcap);
	return EXIT_DONE;
}
