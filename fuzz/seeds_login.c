/* SPDX-License-Identifier: MIT */
/*
 * Seeds of fuzz_login: logins that succeed in each role with and without CHAP, with text in small PDUs, refusals,
 * redirections, and steps of a mechanism of the host.
 *
 * usage: seeds_login FOLDER   (writes FOLDER/fuzz_login/ *)
 */
#define _DEFAULT_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The operations of fuzz_login.c. */
enum { RAW, KEY, KEY_TOO, NAMES, CHAP, ANSWERS, OTHER, PDU };

/* Bits of the byte that a header is made of. */
#define T 0x80
#define C 0x40
#define STAGES(csg, nsg) ((csg) << 2 | (nsg))

/* Methods, as open_login() counts them. */
enum { NONE_ALONE, CHAP_ALONE, CHAP_OR_NONE, SRP_ALONE, KRB5_OR_CHAP };

static const char *folder;
static uint8_t input[4096];
static size_t used;

static void put8(unsigned v)
{
	input[used++] = (uint8_t)v;
}

static void begin(unsigned target, unsigned methods, unsigned config, unsigned limits, unsigned answers)
{
	used = 0;
	put8(target | methods << 1 | config);
	put8(limits);
	put8(answers);
}

/* Whole pairs, as raw text. */
static void raw(const char *text, size_t len)
{
	put8(RAW);
	put8((unsigned)len);
	memcpy(input + used, text, len);
	used += len;
}

#define TEXT(s) raw(s, sizeof(s) - 1)

static void pdu(unsigned bits, unsigned bend, unsigned piece)
{
	put8(PDU);
	put8(piece - 1);
	put8(bits);
	put8(bend);
}

static void chap(void)
{
	put8(CHAP);
	put8(0);
}

static void save(const char *name)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof path, "%s/fuzz_login/%s", folder, name);
	f = fopen(path, "wb");
	if (!f || fwrite(input, 1, used, f) != used || fclose(f) != 0) {
		perror(path);
		exit(1);
	}
}

static void at_the_target(void)
{
	begin(1, NONE_ALONE, 0, 0, 0);
	put8(NAMES);
	TEXT("MaxRecvDataSegmentLength=65536\0ImmediateData=No\0X-a=b\0");
	pdu(T | STAGES(1, 3), 0, 64);
	save("target_one_exchange");
	begin(1, CHAP_ALONE, 0, 0, 0);
	put8(NAMES);
	TEXT("AuthMethod=CHAP\0");
	pdu(STAGES(0, 0), 0, 7);
	TEXT("CHAP_A=5,7\0");
	pdu(STAGES(0, 0), 0, 64);
	chap();
	TEXT("CHAP_I=1\0CHAP_C=0bAQIDBA==\0");
	pdu(T | STAGES(0, 1), 0, 3);
	TEXT("HeaderDigest=CRC32C\0ErrorRecoveryLevel=1\0MaxOutstandingR2T=4\0");
	pdu(T | STAGES(1, 3), 0, 64);
	save("target_mutual_chap");
	begin(1, CHAP_ALONE, 0, 0, 0);
	put8(NAMES);
	pdu(T | STAGES(0, 1), 0, 64);
	TEXT("AuthMethod=CHAP\0CHAP_A=8\0");
	pdu(STAGES(0, 0), 0, 64);
	chap();
	pdu(T | STAGES(0, 3), 0, 64);
	save("target_proposes_chap");
	begin(1, NONE_ALONE, 32, 41, 0);
	put8(NAMES);
	pdu(C | STAGES(1, 0), 0, 1);
	TEXT("X-long.key.name=value\0MaxBurstLength=4096\0");
	for (int i = 0; i < 8; i++)
		pdu(T | STAGES(1, 3), 0, 64);
	TEXT("HeaderDigest=CRC32C\0FirstBurstLength=4096\0");
	for (int i = 0; i < 4; i++)
		pdu(T | STAGES(1, 3), 0, 64);
	save("target_small_pdus_and_proposals");
	begin(1, NONE_ALONE, 0, 0, 8);
	put8(NAMES);
	pdu(T | STAGES(1, 3), 0, 64);
	save("target_redirects");
	begin(1, SRP_ALONE, 0, 0, 1);
	put8(NAMES);
	TEXT("AuthMethod=SRP\0");
	pdu(STAGES(0, 0), 0, 64);
	TEXT("SRP_U=joe\0TargetAuth=No\0");
	pdu(STAGES(0, 0), 0, 64);
	put8(8); /* go on, with two items */
	TEXT("SRP_A=0x01\0SRP_GROUP=SRP-1536\0");
	pdu(T | STAGES(0, 1), 0, 64);
	put8(1); /* content */
	pdu(T | STAGES(1, 3), 0, 64);
	save("target_srp");
	begin(1, NONE_ALONE, 128, 0, 0);
	put8(NAMES);
	TEXT("RDMAExtensions=Yes\0TargetRecvDataSegmentLength=8192\0InitiatorRecvDataSegmentLength=4096\0");
	pdu(T | STAGES(1, 3), 0, 64);
	save("target_iser");
	begin(1, NONE_ALONE, 0, 0, 0);
	put8(NAMES);
	pdu(T | STAGES(1, 3), 1, 64);
	save("target_joins");
}

static void at_the_initiator(void)
{
	begin(0, NONE_ALONE, 0, 8, 0);
	put8(ANSWERS);
	TEXT("TargetPortalGroupTag=1\0TargetAlias=disk\0MaxRecvDataSegmentLength=8192\0");
	pdu(T | STAGES(1, 3), 0, 64);
	save("initiator_one_exchange");
	begin(0, CHAP_ALONE, 16, 8, 0);
	TEXT("AuthMethod=CHAP\0");
	pdu(STAGES(0, 0), 0, 64);
	TEXT("CHAP_A=7\0CHAP_I=9\0CHAP_C=0x00112233\0");
	pdu(STAGES(0, 0), 0, 64);
	chap();
	pdu(T | STAGES(0, 1), 0, 64);
	put8(ANSWERS);
	pdu(T | STAGES(1, 3), 0, 5);
	save("initiator_mutual_chap");
	begin(0, CHAP_OR_NONE, 0, 8, 0);
	TEXT("AuthMethod=None\0");
	pdu(T | STAGES(0, 1), 0, 64);
	put8(ANSWERS);
	TEXT("X-a=b\0iSCSIProtocolLevel=2\0");
	pdu(STAGES(1, 0), 0, 64);
	pdu(T | STAGES(1, 3), 0, 64);
	save("initiator_none_and_proposals");
	begin(0, NONE_ALONE, 0, 8, 0);
	TEXT("TargetAddress=10.0.0.1:3261\0");
	pdu(1, 251, 64);
	save("initiator_is_redirected");
	begin(0, KRB5_OR_CHAP, 0, 8, 1);
	TEXT("AuthMethod=KRB5\0");
	pdu(STAGES(0, 0), 0, 64);
	put8(11); /* the last keys */
	TEXT("KRB_AP_REP=0bAAAA\0");
	pdu(T | STAGES(0, 1), 0, 64);
	put8(1); /* content */
	put8(ANSWERS);
	pdu(T | STAGES(1, 3), 0, 64);
	save("initiator_krb5");
	begin(0, NONE_ALONE, 0, 0, 0);
	TEXT("HeaderDigest=None\0DataDigest=None\0");
	pdu(C | STAGES(1, 0), 0, 64);
	TEXT("DefaultTime2Wait=2\0DefaultTime2Retain=0\0ErrorRecoveryLevel=0\0");
	pdu(T | STAGES(1, 3), 0, 64);
	save("initiator_discovery");
}

int main(int argc, char **argv)
{
	char path[512];

	if (argc != 2)
		return 2;
	folder = argv[1];
	snprintf(path, sizeof path, "%s/fuzz_login", folder);
	mkdir(path, 0777);
	at_the_target();
	at_the_initiator();
	return 0;
}
