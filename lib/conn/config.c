/* SPDX-License-Identifier: MIT */
/*
 * The configuration's defaults and its check. Owns nothing; the ranges stand in one table, the same that docs/memory.md
 * explains.
 */
#include "iscsiproto/config.h"
#include "iscsiproto/params.h"
#include <string.h>

#include "base/abi.h"

#define LIMITS(X)                       \
	X(max_conns, 1, 1, 64)          \
	X(max_tasks, 32, 1, 4096)       \
	X(max_r2ts, 32, 1, 4096)        \
	X(max_tx_pdus, 32, 2, 1024)     \
	X(ahs_max, 256, 0, 1020)        \
	X(text_max, 1024, 64, 8192)     \
	X(ping_max, 512, 0, 65535)

void iscsip_config_init(struct iscsip_config *cfg, size_t struct_size)
{
	struct iscsip_config c;

	memset(&c, 0, sizeof c);
	c.struct_size = struct_size;
#define DEFAULT(name, value, lo, hi) c.limits.name = value;
	LIMITS(DEFAULT)
#undef DEFAULT
	c.login_timeout_ms = 15000;
	c.login_max_pdus = 64;
	c.login_text_max = 65536;
	c.nop_timeout_ms = 5000;
	c.request_timeout_ms = 30000;
	c.logout_timeout_ms = 5000;
	c.hurry_ms = 4000;
	c.initial_cmdsn = 1;
	c.initial_statsn = 1;
	abi_fill(cfg, struct_size, &c, sizeof c);
}

int iscsip_config_check(const struct iscsip_config *cfg)
{
	if (!cfg || cfg->struct_size < sizeof *cfg)
		return ISCSIP_EINVAL;
#define IN_RANGE(name, value, lo, hi) && (int)cfg->limits.name >= (lo) && (int)cfg->limits.name <= (hi)
	if (!(true LIMITS(IN_RANGE)))
		return ISCSIP_EINVAL;
#undef IN_RANGE
	if (cfg->limits.ahs_max % 4u != 0 || cfg->login_max_pdus < 6 || cfg->login_text_max < 8192)
		return ISCSIP_EINVAL;
	if (!cfg->host || cfg->host->struct_size < sizeof *cfg->host || !cfg->host->random)
		return ISCSIP_EINVAL;
	if (!cfg->offer || iscsip_offer_check(cfg->offer, NULL))
		return ISCSIP_EINVAL;
	/* a level that is proposed or taken has to be kept (RFC 7143 7.1.5) */
	return cfg->offer->error_recovery_level == 0 ? ISCSIP_OK : ISCSIP_EINVAL;
}
