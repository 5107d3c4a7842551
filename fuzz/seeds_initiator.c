/* SPDX-License-Identifier: MIT */
/*
 * Seeds of the fuzz targets of the initiator and of the pair: each a short session that goes well, or fails in one way, so that an
 * engine begins with every kind of exchange.
 *
 * usage: seeds_initiator FOLDER   (writes FOLDER/fuzz_initiator/ *, FOLDER/fuzz_pair/ *)
 */
#define _DEFAULT_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *folder;
static uint8_t input[4096];
static size_t used;

static void put(unsigned v)
{
	input[used++] = (uint8_t)v;
}

static void put_all(const char *bytes, size_t n)
{
	memcpy(input + used, bytes, n);
	used += n;
}

#define PUT(literal) put_all(literal, sizeof(literal) - 1)

static void save(const char *target, const char *name)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", folder, target);
	mkdir(path, 0777);
	snprintf(path, sizeof path, "%s/%s/%s", folder, target, name);
	f = fopen(path, "wb");
	if (!f || fwrite(input, 1, used, f) != used || fclose(f))
		exit(1);
	used = 0;
}

/* --- fuzz_initiator: configuration, then operations as act() there reads them --- */

/* Submits task 0; a length of 100. */
static void begin(unsigned flags, unsigned limits, unsigned habits, unsigned kind)
{
	put(flags);
	put(limits);
	put(habits);
	put(8);
	put(0);    /* submit */
	put(kind);
	put(0);
	put(100);
	put(9);    /* everything goes out */
}

/* A PDU of give_shaped(): which, its flags, the newest tag, its fields, and how it is fed. */
static void shaped(unsigned which, unsigned flags, const char *fields, size_t n)
{
	put(12);
	put(which);
	put(flags);
	put(0);
	put_all(fields, n);
	put(0);
}

#define SHAPED(which, flags, fields) shaped(which, flags, fields, sizeof(fields) - 1)

static void initiator(void)
{
	unsigned flags;

	for (flags = 0; flags < 32; flags += 5) {
		char name[32];

		begin(flags, 0x0f, 0, 1);
		SHAPED(1, 1, "\0\0\144");          /* Data-In with F */
		SHAPED(0, 16, "\1");               /* SCSI Response that counts it */
		snprintf(name, sizeof name, "read-%02x", flags);
		save("fuzz_initiator", name);
		begin(flags, 0x2f, 0, 2);
		SHAPED(3, 0, "\7\0\0\144");        /* R2T */
		put(9);
		SHAPED(0, 0, "");
		snprintf(name, sizeof name, "write-%02x", flags);
		save("fuzz_initiator", name);
	}
	begin(0, 0x0f, 0, 3 | 8 | 16);
	SHAPED(1, 1, "\0\0\144");
	SHAPED(0, 1, "\22\22");
	save("fuzz_initiator", "bidirectional-sense");
	begin(0, 0x0f, 3, 33);
	PUT("\2\0\11");                            /* abort */
	SHAPED(5, 0, "");
	save("fuzz_initiator", "abort");
	begin(0, 0x4f, 1, 33);
	PUT("\7\24\11\7\377\7\377");               /* time passes */
	save("fuzz_initiator", "time");
	begin(64, 0x0f, 8, 1);
	PUT("\3\5\11");                            /* LOGICAL UNIT RESET */
	SHAPED(5, 0, "");
	save("fuzz_initiator", "reset");
	begin(0, 0x0f, 0, 1);
	PUT("\4\20\11");                           /* ping */
	SHAPED(8, 0, "\20");
	SHAPED(9, 1, "\5");                        /* the target pings */
	put(9);
	save("fuzz_initiator", "pings");
	begin(32, 0x0f, 0, 1);
	PUT("\5\11");                              /* SendTargets */
	SHAPED(6, 0x1d, "TargetName=iqn.x:y\0TargetAddress=1.2.3.4:1,1\0");
	save("fuzz_initiator", "discovery");
	begin(0, 0x0f, 4, 1);
	SHAPED(10, 0, "\0\4\2");                   /* a SCSI event */
	SHAPED(10, 4, "\0\0");                     /* a wish to negotiate */
	put(9);
	save("fuzz_initiator", "events");
	begin(0, 0x0f, 0, 1);
	SHAPED(11, 1 << 2, "\11\0");               /* Reject of the command */
	put(9);
	SHAPED(5, 0, "");
	PUT("\6\11");                              /* logout */
	SHAPED(7, 0, "");
	save("fuzz_initiator", "reject-logout");
}

/* --- fuzz_pair: eight bytes of configuration, then operations --- */

static void pair(void)
{
	unsigned i;

	for (i = 0; i < 8; i++) {
		char name[32];

		put(i & 4 ? 0x83 : i * 37 & 0x3f);
		put(i | i << 2);
		put(i * 53);
		put(0x3f ^ i);
		put(0x5b + i);
		put(i);
		put(i + 1);
		put(i == 7 ? 200 : 0);
		PUT("\0\0\6\377\1\1\13\377\2\2\10\354"); /* read, write, both; turns between */
		PUT("\3\1\375\4\0\5\5\0\144\6\0\374\10\0\200\11\0\1\374");
		PUT("\12\0\5\22\3\11\374\7\0\375");
		snprintf(name, sizeof name, "session-%u", i);
		save("fuzz_pair", name);
	}
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	folder = argv[1];
	initiator();
	pair();
	return 0;
}
