/* SPDX-License-Identifier: MIT */
/*
 * Seeds of the frame protocol's fuzz targets: good headers of every event; a connection of each role led through a read and
 * a write; a pair that reads, writes in bursts, fails, and has a faulty pipe.
 *
 * usage: seeds_frame FOLDER   (writes FOLDER/fuzz_frame_codec/ *, FOLDER/fuzz_frame_conn/ *, FOLDER/fuzz_frame_pair/ *)
 */
#define _DEFAULT_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <iscsiproto/frame.h>

static const char *folder;
static uint8_t input[4096];
static size_t used;

static void put(unsigned v)
{
	input[used++] = (uint8_t)v;
}

/* As world_take_number() reads it. */
static void put_number(uint32_t v)
{
	put(0xf0);
	for (int shift = 24; shift >= 0; shift -= 8)
		put(v >> shift & 0xff);
}

static void save(const char *target, const char *name)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", folder, target);
	mkdir(path, 0777);
	snprintf(path, sizeof path, "%s/%s/%s", folder, target, name);
	f = fopen(path, "wb");
	if (!f || fwrite(input, 1, used, f) != used || fclose(f) != 0) {
		perror(path);
		exit(1);
	}
	used = 0;
}

/* --- headers --- */

static void header(uint32_t event, uint16_t flags, uint32_t responder, uint32_t length, uint8_t status)
{
	struct iscsip_frame f;

	memset(&f, 0, sizeof f);
	f.sync = f.sync_end = ISCSIP_FRAME_SYNC;
	f.type = ISCSIP_FRAME_CMDS;
	f.event = event;
	f.flags = flags;
	f.originator_id = 1;
	f.responder_id = responder;
	f.originator_buffer[0] = 0x28;
	f.transfer_length = length;
	f.status = status;
	iscsip_frame_encode(input + used, sizeof input - used, &f);
	used += ISCSIP_FRAME_LEN;
}

static void headers(void)
{
	const uint16_t read = ISCSIP_FRAME_READ, write = ISCSIP_FRAME_WRITE;

	header(ISCSIP_FRAME_NEWC, read, 0, 512, 0);
	header(ISCSIP_FRAME_XFER, read | ISCSIP_FRAME_FINAL, 1, 512, 0);
	save("fuzz_frame_codec", "read");
	header(ISCSIP_FRAME_NEWC, write, 0, 512, 0);
	header(ISCSIP_FRAME_SNDD, write, 1, 512, 0);
	header(ISCSIP_FRAME_XFER, write | ISCSIP_FRAME_FINAL, 1, 512, 0);
	header(ISCSIP_FRAME_CMPT, write, 1, 512, 0);
	save("fuzz_frame_codec", "write");
	header(ISCSIP_FRAME_NEWC, 0, 0, 0, 0);
	header(ISCSIP_FRAME_CMPT, ISCSIP_FRAME_SENSE, 1, 0, 2);
	save("fuzz_frame_codec", "no_data");
}

/* --- configuration: exchanges (with a standing grant: above 0x80), units and bursts of both ends --- */

#define STANDING(exchanges, hundreds) (0x80u + ((hundreds) << 3) + (exchanges))

static void configure(unsigned exchanges, unsigned units, uint32_t iburst, uint32_t tburst)
{
	put(exchanges - 1);
	put(units - 2);
	put_number(iburst - 1);
	put(exchanges - 1);
	put_number(tburst - 1);
}

/* What the device server does when it is asked. */
enum { SET_BUFFER, REQUEST, SEND, ABORT, COMPLETE, NOTHING };

static void request(uint32_t off, uint32_t len)
{
	put(REQUEST);
	put_number(off);
	put_number(len);
}

static void give(uint32_t len, bool last)
{
	put(SEND);
	put_number(len);
	put(last);
}

/* --- one end --- */

enum { SAY = 0, LISTEN = 2, SAY_ANYTHING = 4, TIME = 5, CLOSE = 6, HOST = 7 };

static void listen_all(void)
{
	put(LISTEN);
	put_number(5999);
	put(7);
}

static void target_reads_and_writes(unsigned doors)
{
	configure(4, 4, 1000, 1000);
	put(0x80 | doors);
	put(SAY); /* NEWC of a read */
	put(0x05);
	put_number(1999);
	put(0);
	give(2000, true);
	put(HOST);
	put(0);
	put(COMPLETE);
	put(0);
	listen_all();
	listen_all();
	put(SAY); /* NEWC of a write */
	put(0x0a);
	put_number(1499);
	put(0);
	put(3 - 2); /* place: named at once */
	request(0, 1500);
	listen_all();
	put(SAY); /* XFER of all that was granted */
	put(0x08);
	put(0);
	listen_all();
	save("fuzz_frame_conn", doors & 2 ? "target_pushed" : "target_listed");
}

static void target_takes_data_behind_newc(void)
{
	configure(STANDING(4, 3), 4, 1000, 1000);
	put(0x80);
	for (int i = 0; i < 2; i++) {
		put(SAY); /* NEWC of a write */
		put(0x0a);
		put_number(i ? 1499 : 199);
		put(0);
		put(3 - 2); /* place: named at once */
		put(SAY); /* its XFER */
		put(0);
		put(0);
		if (i)
			request(0, 1500);
		else
			put(COMPLETE);
		put(0);
		listen_all();
	}
	save("fuzz_frame_conn", "target_standing");
}

static void initiator_reads(void)
{
	configure(4, 4, 1000, 1000);
	put(4);
	put(HOST);
	put(0);
	put(0); /* slot */
	put(1); /* read */
	put_number(1200);
	listen_all();
	put(SAY); /* XFER, FINAL */
	put(1 | 8 | 0x40);
	put(7);
	put_number(1200);
	put(0);
	save("fuzz_frame_conn", "initiator_reads");
}

/* --- both ends --- */

static void submit(unsigned slot, bool read, uint32_t len)
{
	put(6);
	put(0);
	put(1);
	put(slot);
	put(len ? (read ? 1 : 2) : 0);
	if (len)
		put_number(len);
}

static void move(int dir, unsigned door)
{
	put((unsigned)dir << 3 | (door == 2 ? 16u : 0));
	put_number(20000);
	put(2u | (unsigned)dir << 3 | door << 4);
	put_number(20000);
}

static void pair_begin(unsigned faulty)
{
	configure(4, 4, 700, 900);
	put(faulty);
}

static void pair_reads(void)
{
	pair_begin(0);
	submit(0, true, 2500);
	move(0, 2); /* exec gives the first piece */
	give(1300, false);
	move(1, 1);
	give(1200, true); /* from sent() */
	put(COMPLETE);
	put(0);
	move(1, 0);
	move(1, 0);
	save("fuzz_frame_pair", "read_in_pieces");
}

static void pair_writes(unsigned faulty)
{
	pair_begin(faulty);
	submit(1, false, 2500);
	move(0, 2);
	put(1); /* place */
	request(0, 2500);
	for (int i = 0; i < 6; i++) {
		move(1, (unsigned)i % 3);
		if (faulty) {
			put(4);
			put_number(40u * (unsigned)i);
			put(0x11);
		}
		move(0, (unsigned)i % 3);
	}
	save("fuzz_frame_pair", faulty ? "faulty_pipe" : "write_in_bursts");
}

static void pair_writes_with_a_standing_grant(void)
{
	configure(STANDING(4, 5), 4, 700, 900);
	put(0);
	submit(1, false, 400);
	submit(2, false, 2500);
	for (int i = 0; i < 4; i++) {
		move(0, (unsigned)i % 3);
		put(1); /* place */
		request(0, 400);
		move(1, (unsigned)i % 3);
	}
	save("fuzz_frame_pair", "write_with_a_standing_grant");
}

static void pair_fails(void)
{
	pair_begin(0);
	for (unsigned i = 0; i < 6; i++)
		submit(i, i & 1, i * 300);
	move(0, 2);
	for (int i = 0; i < 4; i++) {
		put(COMPLETE);
		put(0x01 | 0x04);
	}
	move(1, 1);
	save("fuzz_frame_pair", "fail_and_refuse");
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	folder = argv[1];
	headers();
	target_reads_and_writes(0);
	target_reads_and_writes(2);
	target_takes_data_behind_newc();
	initiator_reads();
	pair_reads();
	pair_writes(0);
	pair_writes_with_a_standing_grant();
	pair_writes(0xff);
	pair_fails();
	return 0;
}
