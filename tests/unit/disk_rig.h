/* SPDX-License-Identifier: MIT */
/*
 * A disk under test: a transport without a wire, storage that answers at once, later, or with an error, and
 * hosts' callbacks that are counted.
 */
#ifndef DISK_RIG_H
#define DISK_RIG_H

#include <iscsiproto/disk.h>

#define RIG_NEXUSES 6
#define RIG_PENDING 64

/* A command on its way; `cmd` first, so that the port finds the rest. */
struct rig_cmd {
	struct iscsip_cmd cmd;
	struct rig *rig;
	uint8_t cdb[32];
	uint8_t *out;         /* what the initiator sends */
	uint32_t unsolicited; /* how much of it comes with the header */
	struct iscsip_vec *vec;
	int vec_cnt;
	uint8_t *in;          /* what it got */
	uint32_t in_cap;
	uint32_t in_done;
	uint32_t want_off, want_len;
	bool place_only, executed, completed, freed, dropped;
	bool data_due, sent_due, last_sent;
	int completions, hurried;
	uint8_t status;
	struct iscsip_sense sense;
	size_t sense_len;
	uint64_t in_total, out_total;
	struct rig_cmd *next;
};

enum rig_backing {
	RIG_RAM,     /* memory, named */
	RIG_SYNC,    /* read and write, answered inside the call */
	RIG_DEFERRED, /* read and write, answered by rig_storage_run() */
	RIG_CACHED    /* memory, named, that FLUSH makes stable */
};

struct rig {
	struct iscsip_disk *disk;
	struct iscsip_disk_config cfg;
	struct iscsip_disk_host host;
	struct iscsip_disk_nexus nexus[RIG_NEXUSES];
	void *mem;
	struct rig_unit {
		enum rig_backing backing;
		struct rig *rig;
		uint8_t *bytes;
		uint8_t *bitmap;
		uint8_t *unstable; /* a byte for each 512: written, and would be lost with the power */
		uint64_t size;
		struct iscsip_ram ram;
		struct iscsip_storage_ops ops;
		uint8_t saved[16384];
		size_t saved_len;
		int saves, flushes, unmaps, zeroes, writes, reads, erases;
		enum iscsip_storage_result fail; /* for requests that touch fail_at */
		uint64_t fail_at;
		bool fail_commits; /* `fail` is for what keeps state, and for nothing else */
		int pins;      /* named and not yet given back */
	} unit[4];
	struct iscsip_storage_req *pending[RIG_PENDING];
	int pending_cnt;
	struct rig_cmd *cmds;
	bool sent_inside;  /* `sent` comes inside send_data */
	bool hold_sent;    /* `sent` and `free` wait for rig_pump() */
	bool hold_aborted; /* so does `free` of an aborted command */
	int woken, gone, attentions, starts, group_sets, applied;
	bool group_refused;
	uint8_t tmf_response;
	int tmf_answers;
	uint8_t flags;     /* ISCSIP_CMD_ bits that commands begin with besides */
	bool all_asked;    /* no data-out comes unasked */
	bool no_work;      /* rig_pump() does not call iscsip_disk_work() */
};

struct rig *rig_new(enum rig_backing backing, uint32_t flags);
struct rig *rig_new_with(enum rig_backing backing, const struct iscsip_disk_lun_config *lun, const struct iscsip_disk_config *cfg);
void rig_free(struct rig *r);
int rig_add_unit(struct rig *r, uint32_t lun, enum rig_backing backing, const struct iscsip_disk_lun_config *cfg);
void rig_open(struct rig *r, int nexus);
void rig_clear_attention(struct rig *r);

/* Begins a command: place (with data-out), then exec unless place_only. */
struct rig_cmd *rig_begin(struct rig *r, int nexus, uint32_t lun, const uint8_t *cdb, size_t cdb_len, const void *out,
			  uint32_t out_len, uint32_t in_len, uint8_t attr, bool place_only);
void rig_exec(struct rig_cmd *c);
void rig_abort(struct rig_cmd *c);
bool rig_step(struct rig *r);
void rig_pump(struct rig *r);
int rig_storage_run(struct rig *r);
int rig_storage_run_reversed(struct rig *r);
void rig_storage_end(struct rig *r, int i, enum iscsip_storage_result result); /* answers request @i of those that wait */
uint64_t rig_unstable(const struct rig *r, uint32_t lun); /* bytes that would be lost with the power */
void rig_release(struct rig_cmd *c);

/* A whole command, until its end. The answer stays until the next one of the rig. */
struct rig_cmd *rig_run(struct rig *r, int nexus, uint32_t lun, const uint8_t *cdb, size_t cdb_len, const void *out,
			uint32_t out_len, uint32_t in_len);

/* Task management: a request that is to be given to the disk, whether it is answered, and the whole of it. */
void rig_tmf_init(struct rig *r, struct iscsip_tmf *tmf, int nexus, uint32_t lun, uint8_t function, struct rig_cmd *ref);
bool rig_tmf_answered(const struct iscsip_tmf *tmf, uint8_t response);
uint8_t rig_tmf(struct rig *r, int nexus, uint32_t lun, uint8_t function, struct rig_cmd *ref);

/* Shortcuts for unit 0 by nexus @n; each asserts nothing and answers the command. */
struct rig_cmd *rig_read(struct rig *r, int n, uint64_t lba, uint32_t blocks);
struct rig_cmd *rig_write(struct rig *r, int n, uint64_t lba, uint32_t blocks, uint8_t fill);
struct rig_cmd *rig_tur(struct rig *r, int n);

/* What a command ended with. */
void assert_good(const struct rig_cmd *c);
void assert_check(const struct rig_cmd *c, uint8_t key, uint16_t asc);
void assert_cdb_field(const struct rig_cmd *c, unsigned byte);
void assert_parameter_field(const struct rig_cmd *c, unsigned byte);

#endif
