/* SPDX-License-Identifier: MIT */
/*
 * Seeds of fuzz_pdu, written with the library's own encoder: one input for each opcode with and without digests, and a
 * stream of each side.
 *
 * usage: seeds_pdu FOLDER   (writes FOLDER/fuzz_pdu/ *)
 */
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <iscsiproto/pdu.h>

#include "pdu_mutator.h"

#define CONFIG_TARGET 4u   /* bits of the configuration byte, see fuzz_pdu.c */
#define CONFIG_NORMAL 8u
#define CONFIG_DIGESTS 3u

static const char *folder;

static void save(const char *name, const uint8_t *p, size_t size)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof path, "%s/fuzz_pdu/%s", folder, name);
	f = fopen(path, "wb");
	if (!f || fwrite(p, 1, size, f) != size || fclose(f) != 0) {
		perror(path);
		exit(1);
	}
}

static void make_folder(void)
{
	char path[512];

	snprintf(path, sizeof path, "%s/fuzz_pdu", folder);
	(void)mkdir(folder, 0777);
	(void)mkdir(path, 0777);
}

int main(int argc, char **argv)
{
	static uint8_t input[65536];
	uint8_t done[64] = { 0 };
	struct pdu_random r = { 1 };
	char name[64];

	if (argc != 2) {
		fprintf(stderr, "usage: seeds_pdu FOLDER\n");
		return 2;
	}
	folder = argv[1];
	make_folder();
	for (unsigned tries = 0; tries < 4096; tries++) {
		unsigned digests = tries & 1 ? CONFIG_DIGESTS : 0u;
		struct pdu_layout layout = { 1, digests != 0, digests != 0, PDU_OF_ANYONE };
		size_t size = pdu_make(input + 1, sizeof input - 1, &layout, &r);
		uint8_t opcode = input[1] & 0x3f;
		bool login = (opcode & 0x1f) == ISCSIP_OP_LOGIN_REQUEST;

		if (size == 0 || done[opcode] & (1u << (digests != 0)))
			continue;
		done[opcode] |= (uint8_t)(1u << (digests != 0));
		input[0] = (uint8_t)(digests | (opcode & 0x20 ? 0u : CONFIG_TARGET) | (login ? 0u : CONFIG_NORMAL));
		snprintf(name, sizeof name, "opcode-%02x%s", opcode, digests ? "-digests" : "");
		save(name, input, size + 1);
	}
	for (unsigned target = 0; target < 2; target++) {
		struct pdu_layout layout = { 1, false, false, target ? PDU_OF_INITIATOR : PDU_OF_TARGET };
		size_t size = 1;

		for (unsigned i = 0; i < 12; i++)
			size += pdu_make(input + size, sizeof input - size, &layout, &r);
		input[0] = (uint8_t)(CONFIG_NORMAL | (target ? CONFIG_TARGET : 0u));
		save(target ? "stream-of-requests" : "stream-of-responses", input, size);
	}
	return 0;
}
