/* SPDX-License-Identifier: MIT */
/*
 * The command line. Options that concern a target hold for all targets, and for discovery, where they stand before the
 * first --target, and for the last target named after that.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "host/offer.h"
#include "iscsi-target/target.h"

enum { OPT_LISTEN = 256, OPT_TARGET, OPT_LUN, OPT_LUN_FILE, OPT_AUTH, OPT_ALLOW, OPT_ALLOW_NAME, OPT_SET, OPT_THREADS,
       OPT_DIALECT, OPT_PCAP, OPT_STATS, OPT_NEW_SECRET, OPT_HELP, OPT_VERSION };

static const struct option options[] = {
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "target", required_argument, NULL, OPT_TARGET },
	{ "lun", required_argument, NULL, OPT_LUN },
	{ "lun-file", required_argument, NULL, OPT_LUN_FILE },
	{ "auth", required_argument, NULL, OPT_AUTH },
	{ "allow", required_argument, NULL, OPT_ALLOW },
	{ "allow-name", required_argument, NULL, OPT_ALLOW_NAME },
	{ "set", required_argument, NULL, OPT_SET },
	{ "threads", required_argument, NULL, OPT_THREADS },
	{ "dialect", required_argument, NULL, OPT_DIALECT },
	{ "pcap", required_argument, NULL, OPT_PCAP },
	{ "stats", no_argument, NULL, OPT_STATS },
	{ "verbose", no_argument, NULL, 'v' },
	{ "new-secret", no_argument, NULL, OPT_NEW_SECRET },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 }
};

static void help(void)
{
	printf("Usage: iscsi-target [--listen ADDRESS:PORT]... --target NAME --lun N=BACKING[,OPTION]... [options]\n"
	       "Serve disks over iSCSI (RFC 7143).\n\n"
	       "  --listen ADDRESS:PORT    where to listen (default 127.0.0.1:3260; IPv6 as [::1]:3260); repeatable\n"
	       "  --target NAME            open a target (an iqn., eui. or naa. name); repeatable\n"
	       "  --lun N=BACKING          add a logical unit to it: ram:SIZE or file:PATH,\n"
	       "                           then ,ro ,create=SIZE ,block=512|4096 ,serial=TEXT ,removable\n"
	       "  --lun-file FILE          more units, a line N=BACKING each; read again on SIGHUP\n"
	       "  --auth FILE              demand CHAP: lines 'incoming USER SECRET [INITIATOR-NAME...]' and\n"
	       "                           'outgoing USER SECRET'; read again on SIGHUP\n"
	       "  --allow ADDRESS[/BITS]   who may connect, by address; repeatable\n"
	       "  --allow-name INITIATOR   who may log in, by name; repeatable\n"
	       "  --set KEY=VALUE          what is offered or accepted of a text key; repeatable\n"
	       "  --threads N              network threads (default 1); a target is served by one of them\n"
	       "  --dialect rfc7143        wire dialect\n"
	       "  --pcap FILE              write every PDU to a capture\n"
	       "  --stats                  print counters as one JSON line on exit and on SIGUSR1\n"
	       "  --verbose                a line for each event on stderr; twice: for each PDU\n"
	       "  --new-secret             print a random CHAP secret of 128 bits, for files of --auth\n"
	       "  --help, --version        this text; the version\n\n"
	       "Before the first --target, --auth, --allow, --allow-name and --set hold for all targets and for\n"
	       "discovery. SIGHUP takes over new sizes of files; SIGTERM and SIGINT log the initiators out and end.\n");
	exit(EXIT_DONE);
}

/* Random bits alone, because a secret that somebody made up is guessed from a recorded login (RFC 7143 9.2.1). */
__attribute__((noreturn)) static void print_secret(void)
{
	uint8_t bits[16];

	random_bytes(NULL, bits, sizeof bits);
	for (size_t i = 0; i < sizeof bits; i++)
		printf("%02x", bits[i]);
	printf("\n");
	exit(fflush(stdout) ? EXIT_MET : EXIT_DONE);
}

static struct device *last_device(void)
{
	struct device *d = server.devices;

	while (d && d->next)
		d = d->next;
	return d;
}

static void copy_access(struct access *to, const struct access *from)
{
	to->ranges = need(from->range_count * sizeof *to->ranges);
	if (from->range_count)
		memcpy(to->ranges, from->ranges, from->range_count * sizeof *to->ranges);
	to->range_count = from->range_count;
	to->names = need(from->name_count * sizeof *to->names);
	if (from->name_count)
		memcpy(to->names, from->names, from->name_count * sizeof *to->names);
	to->name_count = from->name_count;
}

static void open_device(const char *name)
{
	struct device *d = need(sizeof *d), *last = last_device();

	if (iscsip_name_normalize_any(d->name, sizeof d->name, name, strlen(name)) < 0)
		usage_error("--target: '%s' is not a name (iqn.YYYY-MM.domain:..., eui.16HEX, naa.16 or 32HEX)", name);
	if (iscsip_name_check(d->name, strlen(d->name)) < 0)
		complain("--target: '%s' is not an iSCSI name (RFC 7143 4.2.7), some initiators may not take it", d->name);
	if (device_find(d->name))
		usage_error("--target: '%s' is named twice", name);
	d->offer = server.offer;
	d->auth = server.auth;
	copy_access(&d->access, &server.access);
	if (last)
		last->next = d;
	else
		server.devices = d;
}

static struct device *need_device(const char *option)
{
	struct device *d = last_device();

	if (!d)
		usage_error("%s: there is no --target before it", option);
	return d;
}

static void add_lun(const char *text)
{
	struct device *d = need_device("--lun");
	struct unit *u, **at = &d->units;
	const char *backing = option_lun(text);
	unsigned long lun = strtoul(text, NULL, 10);

	if (!backing)
		usage_error("--lun: '%s' is not N=BACKING with N from 0 to 255", text);
	for (; *at; at = &(*at)->next)
		if ((*at)->lun == lun)
			usage_error("--lun: LUN %lu of %s is named twice", lun, d->name);
	u = need(sizeof *u);
	u->lun = (uint32_t)lun;
	u->device = d;
	u->text = need_copy(backing);
	u->backing = backing_open(u->text);
	*at = u;
}

static void add_auth(const char *path)
{
	struct device *d = last_device();
	struct secrets *s = secrets_read(path);
	struct iscsip_offer *offer = d ? &d->offer : &server.offer;

	if (s->incoming_count == 0)
		usage_error("--auth: %s has no line 'incoming USER SECRET'", path);
	offer->auth_methods.count = 1;
	offer->auth_methods.item[0] = ISCSIP_AUTH_CHAP;
	if (d)
		d->auth = s;
	else
		server.auth = s;
}

static void add_range(const char *text)
{
	struct access *a = last_device() ? &last_device()->access : &server.access;
	struct net_range r;

	if (!net_parse_range(text, &r))
		usage_error("--allow: '%s' is not ADDRESS or ADDRESS/BITS", text);
	a->ranges = realloc(a->ranges, (a->range_count + 1u) * sizeof r);
	if (!a->ranges)
		die("out of memory");
	a->ranges[a->range_count++] = r;
}

static void add_name(const char *text)
{
	struct access *a = last_device() ? &last_device()->access : &server.access;
	char name[ISCSIP_NAME_MAX + 1];

	if (iscsip_name_normalize_any(name, sizeof name, text, strlen(text)) < 0)
		usage_error("--allow-name: '%s' is not a name", text);
	a->names = realloc(a->names, (a->name_count + 1u) * sizeof *a->names);
	if (!a->names)
		die("out of memory");
	a->names[a->name_count++] = need_copy(name);
}

/* What the engine cannot do is not promised to initiators. */
static void hold_to_engine(struct iscsip_offer *o)
{
	if (o->error_recovery_level > 0)
		complain("--set ErrorRecoveryLevel: this version recovers at level 0; 0 is offered");
	if (o->max_connections > 1)
		complain("--set MaxConnections: this version has one connection a session; 1 is offered");
	o->error_recovery_level = 0;
	o->max_connections = 1;
}

static void set_key(const char *text)
{
	struct device *d = last_device();
	struct iscsip_offer *offer = d ? &d->offer : &server.offer;
	const char *equals = strchr(text, '=');
	char key[64];
	int err;

	if (!equals || equals == text || (size_t)(equals - text) >= sizeof key)
		usage_error("--set: '%s' is not KEY=VALUE", text);
	memcpy(key, text, (size_t)(equals - text));
	key[equals - text] = '\0';
	err = iscsip_offer_set(offer, key, equals + 1);
	if (err == ISCSIP_ENOENT)
		usage_error("--set: there is no key '%s' that can be set", key);
	if (err)
		usage_error("--set: '%s' is no value that %s can have", equals + 1, key);
	hold_to_engine(offer);
}

static void add_listen(char *text)
{
	char host[256], port[8];

	if (!net_split(text, host, sizeof host, port, DEFAULT_PORT))
		usage_error("--listen: '%s' is not ADDRESS:PORT or [IPV6]:PORT", text);
	if (server.portal_count == MAX_PORTALS)
		usage_error("--listen: more than %d addresses", MAX_PORTALS);
	server.listen[server.portal_count++] = text;
}

static void take(int opt, char *arg)
{
	switch (opt) {
	case OPT_LISTEN:
		add_listen(arg);
		break;
	case OPT_TARGET:
		open_device(arg);
		break;
	case OPT_LUN:
		add_lun(arg);
		break;
	case OPT_LUN_FILE:
		need_device("--lun-file")->lun_file = arg;
		break;
	case OPT_AUTH:
		add_auth(arg);
		break;
	case OPT_ALLOW:
		add_range(arg);
		break;
	case OPT_ALLOW_NAME:
		add_name(arg);
		break;
	case OPT_SET:
		set_key(arg);
		break;
	case OPT_THREADS:
		server.threads = (unsigned)option_number("--threads", arg, 1, MAX_THREADS);
		break;
	case OPT_DIALECT:
		if (strcmp(arg, "rfc7143") != 0)
			usage_error("--dialect: '%s' is not a dialect of this version (rfc7143)", arg);
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
	case OPT_NEW_SECRET:
		print_secret();
		break;
	case OPT_HELP:
		help();
		break;
	case OPT_VERSION:
		printf("iscsi-target (libiscsiproto) %s\n", iscsip_version());
		exit(EXIT_DONE);
	default:
		usage_error("wrong usage");
	}
}

/*
 * Names are what access, sessions and reservations go by: where several may log in, by users or by names, one that is not tied to
 * its names can be any of the others.
 */
static void warn_untied(const struct device *d)
{
	char user[256];

	if (!d->auth || (d->access.name_count == 0 && d->auth->incoming_count == 1))
		return;
	secrets_untied(d->auth, user);
	if (user[0])
		complain("%s: CHAP user '%s' is tied to no initiator name, so its secret opens every name that may log in; "
			 "put the names behind the secret in %s", d->name, user, d->auth->path);
}

static void check(void)
{
	struct device *d;

	if (!server.devices)
		usage_error("no --target: nothing to serve");
	offer_must_fit(&server.offer, "discovery, before the first --target");
	for (d = server.devices; d; d = d->next) {
		offer_must_fit(&d->offer, d->name);
		warn_untied(d);
		if (!d->units && !d->lun_file)
			usage_error("%s: it has no --lun", d->name);
	}
}

void options_read(int argc, char **argv)
{
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":v", options, NULL)) != -1) {
		if (opt == '?' || opt == ':')
			option_wrong(opt, argv[optind - 1]);
		take(opt, optarg);
	}
	if (optind < argc)
		usage_error("'%s' is not an option", argv[optind]);
	if (server.portal_count == 0)
		add_listen("127.0.0.1:" DEFAULT_PORT);
	check();
}
