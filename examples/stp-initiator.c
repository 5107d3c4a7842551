/* SPDX-License-Identifier: MIT */
/*
 * stp-initiator: asks, reads, writes and measures disks over the frame protocol. The command line, and a connection as a
 * link (host/link.h); what the commands do stands in host/. A connection that is lost is opened anew, and what had no
 * completion is repeated.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <iscsiproto/version.h>

#include "host/commands.h"
#include "host/net.h"
#include "host/util.h"
#include "host/wire_frame.h"

#define DEFAULT_PORT "3261"
#define CLOSE_MS 2000u

struct client {
	struct link link; /* first member */
	struct wire wire;
	char host[256], port[8];
	struct iscsip_frame_config config;
	struct iscsip_frame_host services;
	struct iscsip_frame_conn *conn;
	void *mem;
	size_t mem_len;
	bool open, wire_gone;
	struct pcap *pcap;
	struct pcap_flow flow;
};

/* An exchange with its data, behind a request. */
struct task {
	struct iscsip_frame_exchange x;
	struct iscsip_vec vec;
};

static struct client client;

/* --- the link --- */

static struct client *client_of(struct link *l)
{
	return (struct client *)(void *)l;
}

static void on_done(void *user, struct iscsip_frame_exchange *x)
{
	struct request *r = x->user;

	(void)user;
	r->err = x->result.err;
	r->status = x->result.status;
	r->sense_len = x->result.sense_len;
	memcpy(r->sense, x->result.sense, x->result.sense_len);
	r->in_got = r->in_len ? x->result.moved : 0;
	r->out_left = r->out_len ? x->result.residual : 0;
	r->out_sent = r->out_len ? x->result.moved : 0;
	r->done(r);
}

static void on_trace(void *user, struct iscsip_frame_conn *conn, enum iscsip_trace_event event, const void *p, size_t len)
{
	struct client *c = user;

	(void)conn;
	frame_traced(&c->flow, c->host, event, p, len);
}

static void on_wake(void *user, struct iscsip_frame_conn *conn)
{
	struct client *c = user;

	(void)conn;
	wire_dirty(&c->wire);
}

/* The protocol has no login: a peer that accepts and closes before it says a word has refused us. */
static bool said_nothing(const struct client *c, const struct iscsip_error *e)
{
	struct iscsip_frame_stats st;

	iscsip_frame_conn_stats(c->conn, &st);
	return e->code == ISCSIP_ECLOSED && st.rx_bytes == 0;
}

static void wire_freed(struct wire *w)
{
	struct client *c = (struct client *)(void *)((char *)w - offsetof(struct client, wire));
	const struct iscsip_error *e = iscsip_frame_conn_error(c->conn);

	c->wire_gone = true;
	pcap_flow_close(&c->flow);
	c->link.mute = said_nothing(c, e);
	if (e->code == ISCSIP_ECLOSED && e->rule == ISCSIP_FRAME_RULE_NONE)
		snprintf(c->link.why, sizeof c->link.why, "%.160s:%s closed the connection", c->host, c->port);
	else
		iscsip_frame_error_format(e, c->link.why, sizeof c->link.why);
}

static enum link_opened open_link(struct link *l)
{
	static const struct iscsip_frame_initiator_ops ops = { sizeof ops, on_done };
	struct client *c = client_of(l);
	const char *why;
	int fd = net_connect(c->host, c->port, (int)l->connect_ms, &why);

	if (fd < 0) {
		snprintf(l->why, sizeof l->why, "cannot connect to %.160s:%s: %.64s", c->host, c->port, why);
		return errno == ENOENT ? LINK_REFUSED : LINK_LATER;
	}
	l->loop.now = loop_clock();
	l->why[0] = '\0';
	if (iscsip_frame_initiator_init(&c->conn, c->mem, c->mem_len, &c->config, &ops, c, l->loop.now))
		die("the connection could not be made");
	memset(&c->wire, 0, sizeof c->wire);
	c->wire.freed = wire_freed;
	c->wire.asks = true;
	c->wire_gone = false;
	pcap_flow_open(&c->flow, c->pcap, fd, true);
	if (wire_open(&c->wire, &l->loop, fd, &wire_frame, c->conn))
		die("epoll: %s", strerror(errno));
	c->open = true;
	return LINK_OPEN;
}

static int submit(struct link *l, struct request *r)
{
	struct client *c = client_of(l);
	struct task *t = (struct task *)(void *)r->priv;
	int err;

	memset(t, 0, sizeof *t);
	t->vec.base = r->data;
	t->vec.len = r->in_len ? r->in_len : r->out_len;
	t->x.user = r;
	t->x.lun = (uint8_t)(r->lun >> 48);
	memcpy(t->x.cdb, r->cdb, sizeof t->x.cdb);
	t->x.in_vec = t->x.out_vec = &t->vec;
	t->x.in_cnt = t->x.out_cnt = 1;
	t->x.in_len = r->in_len;
	t->x.out_len = r->out_len;
	r->err = 0;
	if (c->wire_gone)
		return ISCSIP_ECLOSED;
	err = iscsip_frame_submit(c->conn, &t->x, l->loop.now);
	if (!err)
		wire_dirty(&c->wire);
	return err;
}

static void close_link(struct link *l)
{
	struct client *c = client_of(l);
	iscsip_time until = loop_clock() + CLOSE_MS;

	if (!c->open)
		return;
	if (!c->wire_gone && iscsip_frame_conn_close(c->conn, l->loop.now) == ISCSIP_OK) {
		wire_dirty(&c->wire);
		while (!c->wire_gone && loop_clock() < until)
			loop_round(&l->loop, 100);
	}
	if (!c->wire_gone)
		wire_close(&c->wire);
	wire_free_dead(&l->loop);
	c->open = false;
}

static const struct link_ops stp_link = { sizeof(struct task), open_link, submit, close_link };

static void client_init(struct client *c)
{
	c->link.ops = &stp_link;
	c->services.struct_size = sizeof c->services;
	c->services.user = c;
	c->services.wake = on_wake;
	if (c->pcap || verbosity > 1)
		c->services.trace = on_trace;
	c->config.host = &c->services;
	c->config.limits.max_exchanges = 256;
	c->config.limits.max_tx_frames = 128;
	c->config.exchange_timeout_ms = c->link.timeout_ms;
	c->mem_len = iscsip_frame_initiator_size(&c->config);
	c->mem = need(c->mem_len);
	if (loop_init(&c->link.loop))
		die("event loop: %s", strerror(errno));
}

/* --- the command line --- */

enum { OPT_LBA = 256, OPT_BLOCKS, OPT_TO, OPT_FROM, OPT_SIZE, OPT_OP, OPT_DEPTH, OPT_SECONDS, OPT_PATTERN, OPT_TIMEOUT,
       OPT_RETRY, OPT_RETRY_FOR, OPT_STANDING_GRANT, OPT_PCAP, OPT_HELP, OPT_VERSION };

static const struct option options[] = {
	{ "lba", required_argument, NULL, OPT_LBA },
	{ "blocks", required_argument, NULL, OPT_BLOCKS },
	{ "to", required_argument, NULL, OPT_TO },
	{ "from", required_argument, NULL, OPT_FROM },
	{ "size", required_argument, NULL, OPT_SIZE },
	{ "op", required_argument, NULL, OPT_OP },
	{ "depth", required_argument, NULL, OPT_DEPTH },
	{ "seconds", required_argument, NULL, OPT_SECONDS },
	{ "pattern", required_argument, NULL, OPT_PATTERN },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "retry", required_argument, NULL, OPT_RETRY },
	{ "retry-for", required_argument, NULL, OPT_RETRY_FOR },
	{ "standing-grant", required_argument, NULL, OPT_STANDING_GRANT },
	{ "pcap", required_argument, NULL, OPT_PCAP },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 }
};

enum { NEEDS_LBA = 1, NEEDS_FROM = 2, NEEDS_TO = 4, NEEDS_BLOCKS = 8, NEEDS_OP = 16 };

enum command { LUNS, INQUIRY, CAPACITY, READ, WRITE, COMPARE, BENCH, COMMANDS };

static const struct {
	const char *name;
	unsigned needs;
} commands[COMMANDS] = {
	[LUNS] = { "luns", 0 },
	[INQUIRY] = { "inquiry", 0 },
	[CAPACITY] = { "capacity", 0 },
	[READ] = { "read", NEEDS_LBA | NEEDS_TO | NEEDS_BLOCKS },
	[WRITE] = { "write", NEEDS_LBA | NEEDS_FROM },
	[COMPARE] = { "compare", NEEDS_LBA | NEEDS_FROM },
	[BENCH] = { "bench", NEEDS_OP },
};

static struct operands operands = { .size = 4096, .depth = 1, .seconds = 5 };
static unsigned given;

static void help(void)
{
	printf("Usage: stp-initiator COMMAND [options] stp://HOST[:PORT]/LUN\n"
	       "Ask, read, write and measure disks over the frame protocol.\n\n"
	       "  luns | inquiry | capacity      what is there\n"
	       "  read --lba N --blocks N --to FILE|-\n"
	       "  write --lba N --from FILE|- [--blocks N]\n"
	       "  compare --lba N --from FILE    ends with 1 at the first difference\n"
	       "  bench --op read|write|mixed --size SIZE --depth N --seconds N [--pattern seq|random]\n\n"
	       "  --timeout SECONDS     longest wait for any one answer (default 30)\n"
	       "  --retry-for SECONDS   how long a lost or refused connection is tried again (default 120; 0: not at all)\n"
	       "  --retry N             how often what had no answer is sent again on a new one (default 3; 0: not at all)\n"
	       "  --standing-grant SIZE send the first bytes of every write without being asked, up to 1M; the target must be told\n"
	       "                        the same (default 0: send what is asked for)\n"
	       "  --pcap FILE           write every frame to a capture\n"
	       "  --verbose             a line for each event on stderr; twice: for each frame\n"
	       "  --help, --version     this text; the version\n");
	exit(EXIT_DONE);
}

static const char *one_of(const char *option, const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(text, *words) == 0)
			return *words;
	usage_error("%s: '%s' is not a value of it", option, text);
}

static bool take_operand(int opt, char *arg)
{
	static const char *const ops[] = { "read", "write", "mixed", NULL }, *const patterns[] = { "seq", "random", NULL };

	switch (opt) {
	case OPT_LBA:
		operands.lba = option_number("--lba", arg, 0, UINT64_MAX);
		given |= NEEDS_LBA;
		return true;
	case OPT_BLOCKS:
		operands.blocks = option_number("--blocks", arg, 1, UINT64_MAX);
		given |= NEEDS_BLOCKS;
		return true;
	case OPT_TO:
	case OPT_FROM:
		operands.file = arg;
		given |= opt == OPT_TO ? NEEDS_TO : NEEDS_FROM;
		return true;
	case OPT_SIZE:
		operands.size = option_size("--size", arg);
		return true;
	case OPT_OP:
		operands.op = one_of("--op", arg, ops);
		given |= NEEDS_OP;
		return true;
	case OPT_DEPTH:
		operands.depth = (unsigned)option_number("--depth", arg, 1, 256);
		return true;
	case OPT_SECONDS:
		operands.seconds = option_seconds("--seconds", arg);
		return true;
	case OPT_PATTERN:
		operands.random = one_of("--pattern", arg, patterns)[0] == 'r';
		return true;
	default:
		return false;
	}
}

static void take(int opt, char *arg)
{
	switch (opt) {
	case OPT_TIMEOUT:
		client.link.timeout_ms = (uint32_t)option_number("--timeout", arg, 1, 86400) * 1000u;
		break;
	case OPT_RETRY:
		client.link.retries = (unsigned)option_number("--retry", arg, 0, 1000000);
		client.link.retries_given = true;
		break;
	case OPT_RETRY_FOR:
		client.link.retry_ms = (uint32_t)option_number("--retry-for", arg, 0, 1000000) * 1000u;
		client.link.retry_ms_given = true;
		break;
	case OPT_STANDING_GRANT:
		client.config.standing_grant =
			(uint32_t)option_size_upto("--standing-grant", arg, client.config.limits.max_burst);
		break;
	case OPT_PCAP:
		client.pcap = pcap_create(arg);
		break;
	case 'v':
		verbosity++;
		break;
	case OPT_HELP:
		help();
		break;
	case OPT_VERSION:
		printf("stp-initiator (libiscsiproto) %s\n", iscsip_version());
		exit(EXIT_DONE);
	default:
		usage_error("wrong usage");
	}
}

/* stp://HOST[:PORT]/LUN; without a LUN it is 0. */
static void take_url(const char *text)
{
	char place[264];
	const char *at = text + 6, *slash;
	uint64_t lun = 0;

	if (strncmp(text, "stp://", 6) != 0)
		usage_error("'%s' does not begin with stp://", text);
	slash = strchr(at, '/');
	snprintf(place, sizeof place, "%.*s", (int)strcspn(at, "/"), at);
	if (!net_split(place, client.host, sizeof client.host, client.port, DEFAULT_PORT))
		usage_error("'%s' is not HOST, HOST:PORT or [IPV6]:PORT", place);
	if (slash && slash[1] && !parse_number(slash + 1, 0, 255, &lun))
		usage_error("'%s' is not a LUN from 0 to 255", slash + 1);
	client.link.lun = lun << 48;
}

static void need_all(const char *name, unsigned needs)
{
	static const char *const words[] = { "--lba N", "--from FILE", "--to FILE", "--blocks N", "--op read|write|mixed" };

	for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
		if ((needs & ~given) >> i & 1)
			usage_error("%s: it needs %s", name, words[i]);
}

static void execute(unsigned command)
{
	switch (command) {
	case LUNS:
		command_luns(&client.link);
		break;
	case INQUIRY:
		command_inquiry(&client.link);
		break;
	case CAPACITY:
		command_capacity(&client.link);
		break;
	case READ:
		command_read(&client.link, &operands);
		break;
	case WRITE:
		command_write(&client.link, &operands);
		break;
	case COMPARE:
		command_compare(&client.link, &operands);
		break;
	default:
		command_bench(&client.link, &operands);
		break;
	}
}

int main(int argc, char **argv)
{
	unsigned i;
	int opt;

	signal(SIGPIPE, SIG_IGN);
	program_begin("stp-initiator", true);
	iscsip_frame_config_init(&client.config, sizeof client.config);
	link_defaults(&client.link);
	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":v", options, NULL)) != -1) {
		if (opt == '?' || opt == ':')
			option_wrong(opt, argv[optind - 1]);
		if (!take_operand(opt, optarg))
			take(opt, optarg);
	}
	if (argc - optind != 2)
		usage_error("it takes a command and a URL");
	for (i = 0; i < COMMANDS && strcmp(argv[optind], commands[i].name) != 0; i++)
		;
	if (i == COMMANDS)
		usage_error("'%s' is not a command", argv[optind]);
	take_url(argv[optind + 1]);
	need_all(commands[i].name, commands[i].needs);
	client_init(&client);
	link_open(&client.link);
	execute(i);
	client.link.ops->close(&client.link);
	if (client.pcap)
		pcap_close(client.pcap);
	return EXIT_DONE;
}
