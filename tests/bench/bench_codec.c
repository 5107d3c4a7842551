/* SPDX-License-Identifier: MIT */
/*
 * What a header costs: decode, decode and check, encode, for the PDUs of the hot paths and for a mix of all. Each figure is
 * the median of many rounds over an array of headers that stays in the first-level cache. Prints `name value unit`.
 */
#define _POSIX_C_SOURCE 199309L
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <iscsiproto/pdu.h>

#define HEADERS 64
#define REPEATS 200
#define ROUNDS 301

static _Alignas(64) uint8_t bytes[HEADERS][64];
static _Alignas(64) uint8_t out[HEADERS][64];
static _Alignas(64) struct iscsip_pdu pdus[HEADERS];
static volatile uint32_t sink;

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static enum iscsip_role receiver_of(uint8_t opcode)
{
	return opcode & 0x20 ? ISCSIP_INITIATOR : ISCSIP_TARGET;
}

static void decode_all(void)
{
	uint32_t sum = 0;

	for (int i = 0; i < HEADERS; i++) {
		iscsip_pdu_decode(&pdus[i], bytes[i]);
		sum += pdus[i].itt;
	}
	sink = sum;
}

static void decode_and_check_all(void)
{
	struct iscsip_error why;
	uint32_t sum = 0;

	for (int i = 0; i < HEADERS; i++) {
		enum iscsip_role role = receiver_of(bytes[i][0]);

		iscsip_pdu_decode(&pdus[i], bytes[i]);
		sum += (uint32_t)iscsip_pdu_check(&pdus[i], bytes[i], role, ISCSIP_PHASE_NORMAL, &why);
	}
	sink = sum;
}

static void encode_all(void)
{
	uint32_t sum = 0;

	for (int i = 0; i < HEADERS; i++)
		sum += (uint32_t)iscsip_pdu_encode(out[i], &pdus[i]);
	sink = sum;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(const char *what, const char *mix, void (*run)(void))
{
	static double ns[ROUNDS];

	for (int r = 0; r < ROUNDS; r++) {
		double begin = now_ns();

		for (int i = 0; i < REPEATS; i++)
			run();
		ns[r] = (now_ns() - begin) / (REPEATS * HEADERS);
	}
	qsort(ns, ROUNDS, sizeof *ns, by_value);
	printf("codec_%s_%s %.2f ns\n", what, mix, ns[ROUNDS / 2]);
}

/* A header that is legal in the full feature phase. */
static struct iscsip_pdu legal(uint8_t opcode, uint32_t i)
{
	struct iscsip_pdu p;

	memset(&p, 0, sizeof p);
	p.opcode = opcode;
	p.final = true;
	p.itt = i;
	p.lun = (uint64_t)i << 48;
	p.request.expstatsn = i + 1;
	switch (opcode) {
	case ISCSIP_OP_SCSI_COMMAND:
		p.scsi_command.read = i & 1;
		p.scsi_command.write = !(i & 1);
		p.scsi_command.edtl = 4096;
		p.scsi_command.cmdsn = i;
		p.scsi_command.cdb[0] = 0x28;
		break;
	case ISCSIP_OP_DATA_OUT:
	case ISCSIP_OP_DATA_IN:
		p.data_len = 4096;
		p.data_in.has_status = opcode == ISCSIP_OP_DATA_IN;
		break;
	case ISCSIP_OP_R2T:
		p.r2t.desired_len = 65536;
		break;
	case ISCSIP_OP_SNACK:
		p.snack.ttt = ISCSIP_TAG_NONE;
		break;
	case ISCSIP_OP_NOP_IN:
		p.nop_in.ttt = ISCSIP_TAG_NONE;
		break;
	case ISCSIP_OP_ASYNC:
		p.async.event = ISCSIP_ASYNC_LOGOUT;
		break;
	case ISCSIP_OP_REJECT:
		p.data_len = 48;
		break;
	default:
		break;
	}
	return p;
}

static int bench(const char *mix, const uint8_t *opcodes, uint32_t count)
{
	struct iscsip_error why;

	for (uint32_t i = 0; i < HEADERS; i++) {
		pdus[i] = legal(opcodes[i * 7 % count], i);
		if (iscsip_pdu_encode(bytes[i], &pdus[i]) != ISCSIP_OK ||
		    iscsip_pdu_decode(&pdus[i], bytes[i]) != ISCSIP_OK ||
		    iscsip_pdu_check(&pdus[i], bytes[i], receiver_of(pdus[i].opcode), ISCSIP_PHASE_NORMAL, &why)) {
			fprintf(stderr, "bench_codec: header %u of %s is not legal\n", i, mix);
			return 1;
		}
	}
	measure("decode", mix, decode_all);
	measure("decode_check", mix, decode_and_check_all);
	measure("encode", mix, encode_all);
	return 0;
}

int main(void)
{
	static const uint8_t COMMANDS[] = { ISCSIP_OP_SCSI_COMMAND };
	static const uint8_t WRITES[] = { ISCSIP_OP_SCSI_COMMAND, ISCSIP_OP_DATA_OUT, ISCSIP_OP_DATA_OUT };
	static const uint8_t READS[] = { ISCSIP_OP_DATA_IN, ISCSIP_OP_SCSI_RESPONSE, ISCSIP_OP_R2T };
	static const uint8_t ALL[] = { 0x00, 0x01, 0x02, 0x04, 0x05, 0x06, 0x10, 0x20, 0x21,
				       0x22, 0x24, 0x25, 0x26, 0x31, 0x32, 0x3f };

	return bench("commands", COMMANDS, sizeof COMMANDS) | bench("writes", WRITES, sizeof WRITES) |
	       bench("responses", READS, sizeof READS) | bench("all", ALL, sizeof ALL);
}
