/* SPDX-License-Identifier: MIT */
/*
 * iscsi-initiator: asks, reads, writes and measures disks over iSCSI. The command line; the rest stands in
 * iscsi-initiator/ and host/.
 */
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "iscsi-initiator/initiator.h"

#define DEFAULT_NAME "iqn.2026-11.org.libiscsiproto:initiator"

enum { OPT_LBA = 256, OPT_BLOCKS, OPT_TO, OPT_FROM, OPT_COUNT, OPT_SIZE, OPT_LUN, OPT_WARM, OPT_COLD, OPT_OP, OPT_DEPTH,
       OPT_SECONDS, OPT_PATTERN, OPT_INITIATOR, OPT_AUTH, OPT_SET, OPT_CONNECTIONS, OPT_DIALECT, OPT_TIMEOUT, OPT_RETRY,
       OPT_RETRY_FOR, OPT_PCAP, OPT_HELP, OPT_VERSION };

static const struct option options[] = {
	{ "lba", required_argument, NULL, OPT_LBA },
	{ "blocks", required_argument, NULL, OPT_BLOCKS },
	{ "to", required_argument, NULL, OPT_TO },
	{ "from", required_argument, NULL, OPT_FROM },
	{ "count", required_argument, NULL, OPT_COUNT },
	{ "size", required_argument, NULL, OPT_SIZE },
	{ "lun", no_argument, NULL, OPT_LUN },
	{ "target-warm", no_argument, NULL, OPT_WARM },
	{ "target-cold", no_argument, NULL, OPT_COLD },
	{ "op", required_argument, NULL, OPT_OP },
	{ "depth", required_argument, NULL, OPT_DEPTH },
	{ "seconds", required_argument, NULL, OPT_SECONDS },
	{ "pattern", required_argument, NULL, OPT_PATTERN },
	{ "initiator", required_argument, NULL, OPT_INITIATOR },
	{ "auth", required_argument, NULL, OPT_AUTH },
	{ "set", required_argument, NULL, OPT_SET },
	{ "connections", required_argument, NULL, OPT_CONNECTIONS },
	{ "dialect", required_argument, NULL, OPT_DIALECT },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "retry", required_argument, NULL, OPT_RETRY },
	{ "retry-for", required_argument, NULL, OPT_RETRY_FOR },
	{ "pcap", required_argument, NULL, OPT_PCAP },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 }
};

/* What a command needs of the URL and of the options. */
enum { NEEDS_TARGET = 1, NEEDS_LBA = 2, NEEDS_FROM = 4, NEEDS_TO = 8, NEEDS_BLOCKS = 16, NEEDS_FUNCTION = 32, NEEDS_OP = 64 };

enum command { DISCOVER, LUNS, INQUIRY, CAPACITY, READ, WRITE, COMPARE, PING, RESET, BENCH };

static const struct {
	const char *name;
	enum command command;
	unsigned needs;
} commands[] = {
	{ "discover", DISCOVER, 0 },
	{ "luns", LUNS, NEEDS_TARGET },
	{ "inquiry", INQUIRY, NEEDS_TARGET },
	{ "capacity", CAPACITY, NEEDS_TARGET },
	{ "read", READ, NEEDS_TARGET | NEEDS_LBA | NEEDS_TO | NEEDS_BLOCKS },
	{ "write", WRITE, NEEDS_TARGET | NEEDS_LBA | NEEDS_FROM },
	{ "compare", COMPARE, NEEDS_TARGET | NEEDS_LBA | NEEDS_FROM },
	{ "ping", PING, 0 },
	{ "reset", RESET, NEEDS_TARGET | NEEDS_FUNCTION },
	{ "bench", BENCH, NEEDS_TARGET | NEEDS_OP },
};

static struct client client;
static struct operands operands = { .op = NULL, .size = 4096, .depth = 1, .seconds = 5 };
static unsigned given;
static uint64_t ping_count = 4, size_given;
static uint8_t function;

static void help(void)
{
	printf("Usage: iscsi-initiator COMMAND [options] iscsi://HOST[:PORT][/TARGET[/LUN]]\n"
	       "Ask, read, write and measure disks over iSCSI (RFC 7143).\n\n"
	       "  discover                       targets and their addresses\n"
	       "  luns | inquiry | capacity      what is there\n"
	       "  read --lba N --blocks N --to FILE|-\n"
	       "  write --lba N --from FILE|- [--blocks N]\n"
	       "  compare --lba N --from FILE    ends with 1 at the first difference\n"
	       "  ping [--count N] [--size N]    NOP round trips\n"
	       "  reset --lun|--target-warm|--target-cold\n"
	       "  bench --op read|write|mixed --size SIZE --depth N --seconds N [--pattern seq|random]\n\n"
	       "  --initiator NAME      our name (default " DEFAULT_NAME ")\n"
	       "  --auth FILE           CHAP: lines 'outgoing USER SECRET' (to send) and 'incoming USER SECRET'\n"
	       "                        (to expect from the target)\n"
	       "  --set KEY=VALUE       what to offer of a text key; repeatable\n"
	       "  --connections N       connections in the session (this version: 1)\n"
	       "  --dialect rfc7143     wire dialect\n"
	       "  --timeout SECONDS     longest wait for any one answer (default 30)\n"
	       "  --retry-for SECONDS   how long a lost or refused connection is tried again (default 120; 0: not at all)\n"
	       "  --retry N             how often what had no answer is sent again on a new one (default 3; 0: not at all)\n"
	       "  --pcap FILE           write every PDU to a capture\n"
	       "  --verbose             a line for each event on stderr; twice: for each PDU\n"
	       "  --help, --version     this text; the version\n");
	exit(EXIT_DONE);
}

static void set_key(const char *text)
{
	const char *equals = strchr(text, '=');
	char key[64];
	int err;

	if (!equals || equals == text || (size_t)(equals - text) >= sizeof key)
		usage_error("--set: '%s' is not KEY=VALUE", text);
	memcpy(key, text, (size_t)(equals - text));
	key[equals - text] = '\0';
	err = iscsip_offer_set(&client.offer, key, equals + 1);
	if (err == ISCSIP_ENOENT)
		usage_error("--set: there is no key '%s' that can be set", key);
	if (err)
		usage_error("--set: '%s' is no value that %s can have", equals + 1, key);
	if (client.offer.error_recovery_level)
		complain("--set ErrorRecoveryLevel: this version recovers at level 0; 0 is offered");
	client.offer.error_recovery_level = 0;
}

static void set_auth(const char *path)
{
	struct iscsip_prefs *methods = &client.offer.auth_methods;

	client.auth = secrets_read(path);
	if (!client.auth->outgoing.user)
		usage_error("--auth: %s has no line 'outgoing USER SECRET'", path);
	client.offer.mutual_auth = client.auth->incoming_count != 0;
	methods->count = 0;
	methods->item[methods->count++] = ISCSIP_AUTH_CHAP;
	if (!client.offer.mutual_auth)
		methods->item[methods->count++] = ISCSIP_AUTH_NONE;
}

static void set_function(uint8_t f)
{
	if (function)
		usage_error("reset: only one of --lun, --target-warm and --target-cold");
	function = f;
	given |= NEEDS_FUNCTION;
}

static void set_op(const char *text)
{
	if (strcmp(text, "read") != 0 && strcmp(text, "write") != 0 && strcmp(text, "mixed") != 0)
		usage_error("--op: '%s' is none of read, write, mixed", text);
	operands.op = text;
	given |= NEEDS_OP;
}

/* Options of one command. False where it is not one of them. */
static bool take_operand(int opt, char *arg)
{
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
		operands.file = arg;
		given |= NEEDS_TO;
		return true;
	case OPT_FROM:
		operands.file = arg;
		given |= NEEDS_FROM;
		return true;
	case OPT_COUNT:
		ping_count = option_number("--count", arg, 1, 1000000000);
		return true;
	case OPT_SIZE:
		operands.size = size_given = option_size("--size", arg);
		return true;
	case OPT_OP:
		set_op(arg);
		return true;
	case OPT_DEPTH:
		operands.depth = (unsigned)option_number("--depth", arg, 1, 256);
		return true;
	case OPT_SECONDS:
		operands.seconds = option_seconds("--seconds", arg);
		return true;
	case OPT_PATTERN:
		if (strcmp(arg, "seq") != 0 && strcmp(arg, "random") != 0)
			usage_error("--pattern: '%s' is neither seq nor random", arg);
		operands.random = arg[0] == 'r';
		return true;
	default:
		return false;
	}
}

static void take(int opt, char *arg)
{
	switch (opt) {
	case OPT_LUN:
		set_function(ISCSIP_TMF_LOGICAL_UNIT_RESET);
		break;
	case OPT_WARM:
		set_function(ISCSIP_TMF_TARGET_WARM_RESET);
		break;
	case OPT_COLD:
		set_function(ISCSIP_TMF_TARGET_COLD_RESET);
		break;
	case OPT_INITIATOR:
		if (iscsip_name_check(arg, strlen(arg)) < 0)
			usage_error("--initiator: '%s' is not an iSCSI name", arg);
		client.config.node_name = arg;
		break;
	case OPT_AUTH:
		set_auth(arg);
		break;
	case OPT_SET:
		set_key(arg);
		break;
	case OPT_CONNECTIONS:
		(void)option_number("--connections", arg, 1, 1);
		break;
	case OPT_DIALECT:
		if (strcmp(arg, "rfc7143") != 0)
			usage_error("--dialect: '%s' is not a dialect of this version (rfc7143)", arg);
		break;
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
		printf("iscsi-initiator (libiscsiproto) %s\n", iscsip_version());
		exit(EXIT_DONE);
	default:
		usage_error("wrong usage");
	}
}

/* iscsi://HOST[:PORT][/TARGET[/LUN]] */
static void take_url(const char *text)
{
	struct url *u = &client.url;
	char place[264], name[300];
	const char *at = text + 8, *slash;
	uint64_t lun = 0;

	if (strncmp(text, "iscsi://", 8) != 0)
		usage_error("'%s' does not begin with iscsi://", text);
	snprintf(place, sizeof place, "%.*s", (int)strcspn(at, "/"), at);
	if (!net_split(place, u->host, sizeof u->host, u->port, "3260"))
		usage_error("'%s' is not HOST, HOST:PORT or [IPV6]:PORT", place);
	slash = strchr(at, '/');
	if (!slash || slash[1] == '\0')
		return;
	snprintf(name, sizeof name, "%s", slash + 1);
	slash = strchr(slash + 1, '/');
	name[strcspn(name, "/")] = '\0';
	if (iscsip_name_normalize_any(u->target, sizeof u->target, name, strlen(name)) < 0)
		usage_error("'%s' is not a name (iqn.YYYY-MM.domain:..., eui.16HEX, naa.16 or 32HEX)", name);
	if (slash && slash[1] && !parse_number(slash + 1, 0, 16383, &lun))
		usage_error("'%s' is not a LUN", slash + 1);
	u->lun = iscsip_lun_encode((uint32_t)lun);
}

static void need_all(const char *name, unsigned needs)
{
	static const struct {
		unsigned bit;
		const char *what;
	} words[] = {
		{ NEEDS_LBA, "--lba N" }, { NEEDS_FROM, "--from FILE" }, { NEEDS_TO, "--to FILE" },
		{ NEEDS_BLOCKS, "--blocks N" }, { NEEDS_OP, "--op read|write|mixed" },
		{ NEEDS_FUNCTION, "one of --lun, --target-warm, --target-cold" },
	};
	size_t i;

	if ((needs & NEEDS_TARGET) && !client.url.target[0])
		usage_error("%s: the URL names no target", name);
	for (i = 0; i < sizeof words / sizeof *words; i++)
		if ((needs & words[i].bit) && !(given & words[i].bit))
			usage_error("%s: it needs %s", name, words[i].what);
}

static void execute(enum command command)
{
	switch (command) {
	case DISCOVER:
		command_discover(&client);
		break;
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
	case PING:
		command_ping(&client, (unsigned)ping_count, (size_t)size_given);
		break;
	case RESET:
		command_reset(&client, function);
		break;
	case BENCH:
		command_bench(&client.link, &operands);
		break;
	}
}

int main(int argc, char **argv)
{
	size_t i, count = sizeof commands / sizeof *commands;
	int opt;

	signal(SIGPIPE, SIG_IGN);
	program_begin("iscsi-initiator", true);
	iscsip_config_init(&client.config, sizeof client.config);
	iscsip_offer_init_initiator(&client.offer);
	client.config.node_name = DEFAULT_NAME;
	/* targets are as they are: names with "_", padded text, keys without an answer, R2Ts without a LUN */
	client.config.flags = ISCSIP_CFG_ANY_NAME | ISCSIP_CFG_SKIP_NULS | ISCSIP_CFG_ALLOW_UNANSWERED | ISCSIP_CFG_ANY_LUN;
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
	for (i = 0; i < count && strcmp(argv[optind], commands[i].name) != 0; i++)
		;
	if (i == count)
		usage_error("'%s' is not a command", argv[optind]);
	take_url(argv[optind + 1]);
	if (commands[i].command == DISCOVER)
		client.url.target[0] = '\0';
	need_all(commands[i].name, commands[i].needs);
	client.link.lun = client.url.lun;
	client_init(&client);
	link_open(&client.link);
	execute(commands[i].command);
	client.link.ops->close(&client.link);
	if (client.pcap)
		pcap_close(client.pcap);
	return EXIT_DONE;
}
