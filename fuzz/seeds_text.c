/* SPDX-License-Identifier: MIT */
/*
 * Seeds of fuzz_text: a login's text, values of each form, names and addresses, long values, each of the reader's errors.
 *
 * usage: seeds_text FOLDER   (writes FOLDER/fuzz_text/ *)
 */
#define _DEFAULT_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *folder;

/* flags, longest whole value, cuts, text: as LLVMFuzzerTestOneInput() of fuzz_text.c reads them. */
static void save(const char *name, unsigned flags, unsigned value_max, const char *text, size_t len)
{
	uint8_t head[5] = { (uint8_t)flags, (uint8_t)(value_max >> 8), (uint8_t)value_max, 0x12, 0x34 };
	char path[512];
	FILE *f;

	snprintf(path, sizeof path, "%s/fuzz_text/%s", folder, name);
	f = fopen(path, "wb");
	if (!f || fwrite(head, 1, sizeof head, f) != sizeof head || fwrite(text, 1, len, f) != len || fclose(f) != 0) {
		perror(path);
		exit(1);
	}
}

#define SAVE(name, flags, max, text) save(name, flags, max, text, sizeof(text) - 1)

int main(int argc, char **argv)
{
	char path[512], *text = malloc(5000);

	if (argc != 2)
		return 2;
	folder = argv[1];
	snprintf(path, sizeof path, "%s/fuzz_text", folder);
	mkdir(path, 0777);
	SAVE("login", 0, 255, "InitiatorName=iqn.2001-04.com.example:host\0TargetName=naa.62004567BA64678D0123456789ABCDEF\0"
			      "SessionType=Normal\0AuthMethod=CHAP,None\0HeaderDigest=CRC32C,None\0MaxBurstLength=0x40000\0");
	SAVE("numbers", 0, 255,
			"A=0\0B=18446744073709551615\0C=0xffffffffffffffff\0D=18446744073709551616\0E=007\0F=1~0x2\0G=Yes\0H=No\0");
	SAVE("binary", 0, 255, "A=0x1\0B=0X0123456789abcdef\0C=0bZg==\0D=0bZm8=\0E=0BZm9v\0F=0b\0G=0x\0H=0bZm9=\0");
	SAVE("names", 0, 255, "A=iqn.2001-04.com.example\0B=EUI.02004567A425678D\0C=naa.52004567BA64678D\0"
			      "D=iqn.2001-04.com.example:caf\xc3\xa9\0E=iqn.2001-04.com:\xe2\x80\xae\0");
	SAVE("addresses", 0, 255,
			"A=10.0.0.1:3260,1\0B=[2001:db8::1]:860\0C=[fe80::1%25eth0],2\0D=[::ffff:10.0.0.1]\0E=host.example.com,65535\0");
	SAVE("lists", 0, 255, "A=a,b,c\0B=a,,b\0C=,\0D=\0");
	SAVE("cut_key", 0, 255, "TargetNa");
	SAVE("cut_value", 0, 255, "TargetName=iqn.2001");
	SAVE("no_equals", 0, 255, "TargetName\0");
	SAVE("no_key", 0, 255, "=x\0");
	SAVE("bad_character", 0, 255, "Target Name=x\0");
	SAVE("stray_nuls", 2, 255, "\0\0A=b\0\0C=d\0\0");
	memset(text, 'K', 70);
	memcpy(text + 64, "=x", 3);
	save("long_key", 0, 255, text, 67);
	memset(text, 'v', 5000);
	memcpy(text, "Key=", 4);
	text[4999] = 0;
	save("long_value", 0, 255, text, 5000);
	save("long_value_in_pieces", 1, 255, text, 5000);
	free(text);
	return 0;
}
