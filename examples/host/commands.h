/* SPDX-License-Identifier: MIT */
/*
 * What the initiator tools do with a logical unit: the commands of their command lines, over any link.
 */
#ifndef HOST_COMMANDS_H
#define HOST_COMMANDS_H

#include "link.h"

/* Operands as the command line has them. */
struct operands {
	uint64_t lba;
	uint64_t blocks;       /* 0: not given */
	const char *file;      /* --to or --from; "-" is stdout or stdin */
	const char *op;        /* bench: read, write, mixed */
	uint64_t size;         /* bench */
	unsigned depth;
	double seconds;
	bool random;
};

void command_luns(struct link *l);
void command_inquiry(struct link *l);
void command_capacity(struct link *l);
void command_read(struct link *l, const struct operands *o);
void command_write(struct link *l, const struct operands *o);
/* Ends the program with 1 at the first difference. */
void command_compare(struct link *l, const struct operands *o);
void command_bench(struct link *l, const struct operands *o);

#endif
