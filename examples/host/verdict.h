/* SPDX-License-Identifier: MIT */
/*
 * What a status and its sense data mean for somebody who wants the command done: one table for all commands and protocols.
 */
#ifndef HOST_VERDICT_H
#define HOST_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "link.h"

/* What an answer says. */
struct answer {
	enum verdict verdict;
	bool attention;   /* it tells of something that happened to the unit before the command, which was not executed */
	bool reset;       /* what was not yet on the medium may be gone */
	bool medium;      /* the medium may be another one */
	bool deferred;    /* it is about an earlier command, and this one was not executed */
};

struct answer verdict_of(uint8_t status, const uint8_t *sense, uint16_t sense_len);
/* Whether the unit does not know the command, or not in this form. */
bool verdict_unknown_command(const struct request *r);

#endif
