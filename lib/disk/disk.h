/* SPDX-License-Identifier: MIT */
/*
 * The disk room: what its files share.
 *
 * Objects, all in the one block that the host gave:
 *   disk       the target device: the map of LUNs, pools of records and buffers
 *   disk_lun   a logical unit: geometry, mode parameters, reservations, its task set
 *   disk_slot  an I_T nexus that is open; one more, "limbo", stands in for those that are gone
 *   disk_itl   what a nexus has at a unit: unit attentions, its registration
 *   disk_reg   a persistent reservation key
 *   disk_req   a command from `place` or `exec` to `free`
 *
 * A request is driven: disk_drive() calls its `step` as long as answers are there already (storage that answers
 * inside the call, `sent` inside send_data), so that no chain of completions becomes a chain of stack frames. Whatever one
 * command's end makes possible for another is only noted (disk->kick) and done by disk_settle() at the outermost call.
 */
#ifndef ISCSIP_DISK_DISK_H
#define ISCSIP_DISK_DISK_H

#include "iscsiproto/disk.h"

#include "base/bytes.h"

struct disk_req;
struct disk_lun;

/* What a request does next. */
typedef void disk_step(struct disk_req *r);

/* Unit attentions, in the order in which they are told (SAM-5 5.14.2): bit 0 first. */
enum disk_ua {
	UA_POWER_ON,
	UA_DEVICE_RESET,
	UA_NEXUS_LOSS,
	UA_MEDIUM_CHANGED,
	UA_LUNS_CHANGED,
	UA_CAPACITY,
	UA_MODE,
	UA_RES_PREEMPTED,
	UA_RES_RELEASED,
	UA_REG_PREEMPTED,
	UA_ALUA,
	UA_COMMANDS_CLEARED,
	UA_THRESHOLD,
	UA_WRITES_LOST, /* not a unit attention: a deferred error */
	UA_KINDS
};

/* Why a command to a unit must be looked at more closely than READ and WRITE usually are. */
enum disk_gate {
	GATE_RESERVED = 0x01,    /* RESERVE(6) or (10) */
	GATE_PERSISTENT = 0x02,  /* a persistent reservation is held */
	GATE_NO_MEDIUM = 0x04,
	GATE_READ_ONLY = 0x08,   /* by the host */
	GATE_SWP = 0x10,         /* by the control mode page */
	GATE_SANITIZE = 0x20,    /* SANITIZE runs */
	GATE_FORMAT = 0x40,      /* FORMAT UNIT runs */
	GATE_SANITIZE_FAILED = 0x80, /* one has begun and not ended well: it may be at work */
	GATE_ACA = 0x100,
	GATE_REMOVED = 0x200,
	GATE_FAILED = 0x1000     /* writes were lost: see stable.c */
};

/* --- the table of commands ------------------------------------------------------------------------------------ */

enum disk_op_flag {
	OP_MEDIUM = 0x0001,    /* needs a medium */
	OP_WRITE = 0x0002,     /* changes the medium: not on a write-protected one */
	OP_UA = 0x0004,        /* runs in spite of unit attentions */
	OP_STANDBY = 0x0008,   /* runs in ALUA state standby */
	OP_ANY_ALUA = 0x0010,  /* runs in any ALUA state */
	OP_SANITIZE = 0x0020,  /* runs while SANITIZE does */
	OP_SPC2 = 0x0040,      /* runs in spite of another's RESERVE */
	OP_ATOMIC = 0x0080,    /* excludes every other command on its blocks */
	OP_RANGE = 0x0100,     /* LBA and count stand where READ of the same CDB length has them */
	OP_THIN = 0x0200,      /* only of thin units */
	OP_ERASE = 0x0400,     /* not where ISCSIP_LUN_NO_SANITIZE is set */
	OP_STPG = 0x0800,      /* only with explicit ALUA */
	OP_FUA = 0x1000,       /* byte 1 has FUA */
	OP_KEEPS = 0x2000,     /* only where the host can keep that it has begun */
	OP_PROTECT = 0x4000,   /* bits 7 to 5 of byte 1 are about protection information */
	OP_SHUTS = 0x8000,     /* may shut the unit to others: not while their data is landing before their turn */
	OP_CONDITIONS = OP_THIN | OP_ERASE | OP_STPG | OP_KEEPS
};

/* What a persistent reservation of somebody else means for a command (SPC-4 table 66, SBC-3 table 13). */
enum disk_op_reservation {
	RES_FREE,  /* always allowed */
	RES_READ,  /* conflicts with the exclusive access types */
	RES_WRITE, /* conflicts with all types */
	RES_SELF   /* the handler decides */
};

/* Where data-out of a command goes. */
enum disk_op_place {
	PLACE_NONE,   /* it has none */
	PLACE_MEDIUM, /* into the medium, if the storage names its memory */
	PLACE_BUFFER, /* into the disk's buffers: all of it is needed before the command can begin */
	PLACE_SCRATCH /* the same, with one buffer more to work in */
};

#define DISK_NO_SA 0xff

struct disk_op {
	uint8_t opcode;
	uint8_t sa; /* service action, or DISK_NO_SA */
	uint8_t len;
	uint8_t place;
	uint8_t reservation;
	uint8_t timeout; /* seconds, doubled that many times: 2^timeout */
	uint16_t flags;
	void (*run)(struct disk_req *r);
	uint8_t usage[16]; /* bits that the command looks at, for the bytes of its length */
};

/* opcode.c */
extern const struct disk_op iscsip__disk_ops[];
extern const unsigned iscsip__disk_op_count;
const struct disk_op *iscsip__disk_find_op(const uint8_t *cdb);
const struct disk_op *iscsip__disk_first_op(uint8_t opcode);
bool iscsip__disk_op_condition(const struct disk_lun *lun, const struct disk_op *op);
static inline bool disk_op_offered(const struct disk_lun *lun, const struct disk_op *op)
{
	return !(op->flags & OP_CONDITIONS) || iscsip__disk_op_condition(lun, op);
}

/* --- objects -------------------------------------------------------------------------------------------------- */

struct disk_itl {
	uint32_t ua;    /* 1 << disk_ua */
	uint16_t reg;   /* 1 + index of the nexus' registration at this unit; 0: none */
	uint16_t count; /* its commands in the task set */
	bool prevent;   /* PREVENT ALLOW MEDIUM REMOVAL is on */
};

/* What an initiator holds of what all share: share.c. */
struct disk_share {
	uint32_t buffers;
	uint32_t records;
	uint32_t slots; /* its open nexus */
};

struct disk_slot {
	struct iscsip_disk *disk;
	struct disk_share *share;
	struct iscsip_disk_nexus *nexus; /* NULL: free */
	const uint8_t *id;               /* TransportID, in the nexus */
	uint16_t index;
	uint16_t id_len;
	uint16_t port;                   /* index into the ports */
	uint8_t alua;                    /* 0 while its port group is active, else 0x80 | state */
};

enum disk_reg_side {
	REG_NOW = 1, /* it is in force */
	REG_NEXT = 2 /* it is in the draft of the unit's next state */
};

struct disk_reg {
	uint64_t key;      /* in force */
	uint64_t next_key; /* in the draft */
	uint8_t *id; /* TransportID */
	uint16_t id_len;
	uint16_t port; /* relative target port identifier */
	uint16_t lun;  /* 1 + index of the unit; 0: free */
	uint8_t sides; /* disk_reg_side bits */
};

/* What of a unit's state can outlive a loss of power, but for the registrations, which stand in the common table. */
struct disk_state {
	uint64_t seq;        /* its number: how many states came before it */
	uint32_t generation; /* PRGENERATION */
	uint32_t regs;       /* registrations */
	uint32_t kept;       /* what other files of the disk keep: see commit.c */
	uint16_t holder;     /* 1 + registration index; 0 with an all-registrants type, and where nobody holds */
	uint8_t type;        /* of the persistent reservation; 0: none held */
	bool aptpl;
};

/* Who made a state of the one before, and how: others tell their nexus by it. */
struct disk_cause {
	uint8_t action;    /* service action of PERSISTENT RESERVE OUT, or CAUSE_NONE */
	uint16_t port;     /* relative target port identifier and TransportID of the nexus */
	uint16_t id_len;
	const uint8_t *id;
	uint64_t key, sa_key;
};

#define CAUSE_NONE 0xff /* not a reservation's change, or nobody knows */

/* Service actions of PERSISTENT RESERVE OUT (SPC-4 6.16.2). */
enum disk_prout {
	PROUT_REGISTER = 0,
	PROUT_RESERVE = 1,
	PROUT_RELEASE = 2,
	PROUT_CLEAR = 3,
	PROUT_PREEMPT = 4,
	PROUT_PREEMPT_AND_ABORT = 5,
	PROUT_REGISTER_AND_IGNORE = 6,
	PROUT_REGISTER_AND_MOVE = 7
};

enum disk_req_state {
	REQ_FREE,
	REQ_PLACED,  /* its header is in */
	REQ_DORMANT, /* executes when others are out of its way */
	REQ_RUN,     /* executes */
	REQ_DONE     /* completed, not yet freed */
};

enum disk_req_flag {
	RQ_DRIVING = 0x001,  /* disk_drive() is at work on it */
	RQ_READY = 0x002,    /* step is to be called (again) */
	RQ_STORAGE = 0x004,  /* a storage request is out */
	RQ_PINNED = 0x008,   /* data-out lands in memory of the medium */
	RQ_PIN_READ = 0x010, /* memory of the medium is being sent */
	RQ_BUFFER = 0x020,   /* a data-out buffer was named */
	RQ_ABORTED = 0x040,
	RQ_RELEASE = 0x080,  /* freed by the transport, gone when disk_drive() is through */
	RQ_WAIT_MEMORY = 0x100,
	RQ_YIELD = 0x200,    /* goes on in iscsip_disk_work() */
	RQ_JOB = 0x400,      /* not a command: the unit's background job */
	RQ_WAITING = 0x800,  /* waits for `data`, `sent`, or another request */
	RQ_CHECKED = 0x1000, /* its checks were made when its header came in */
	RQ_HELD = 0x2000,    /* counted in disk->holders */
	RQ_GO = 0x4000,      /* dormant until now, about to be driven */
	RQ_FETCHED = 0x8000, /* sub leads to pinned memory */
	RQ_WAIT_QUIET = 0x10000, /* waits until nothing of its unit is stuck */
	RQ_MEMORY = 0x20000, /* has taken buffers or scratch and not given them back */
	RQ_WAIT_CHANGE = 0x40000, /* waits until no change of its unit's state is under way */
	RQ_LOST = 0x80000,   /* its unit was removed: it ends with LOGICAL UNIT NOT SUPPORTED */
	RQ_LATE = 0x100000,  /* aborted, and may still change the medium: stands in late_lun->late */
	RQ_SERVED = 0x2000000, /* its wait for memory is over */
	RQ_NEWCOMER = 0x4000000, /* counted in disk->newcomers */
	RQ_HURRIED = 0x400000, /* its transport was told that others wait */
	RQ_WAIT_LATE = 0x200000, /* waits at the storage's door for one of these */
	RQ_UNSTABLE = 0x1000000 /* a loss of power would take what it wrote */
};

#define DISK_FAILED 0x80u /* in the place of a storage result: the unit is failed, and the storage was not asked */

#define DISK_SMALL 96u /* bytes for small answers inside a record */

struct disk_out;

struct disk_req {
	struct iscsip_storage_req st; /* first: iscsip_storage_done() is given it */
	struct iscsip_disk *disk;
	struct iscsip_cmd *cmd;
	struct disk_lun *lun;   /* NULL: no such unit, or the well-known one */
	struct disk_slot *slot;
	struct disk_itl *itl;   /* NULL with lun */
	struct disk_share *share;
	const struct disk_op *op;
	const uint8_t *cdb;
	struct disk_req *next, *prev; /* the unit's list; next alone: the free list */
	/* these begin as zero (req_reset()), and stand together */
	disk_step *step;
	struct disk_req *wait_next;   /* the queue for memory, of those that gave way, or of those that may go on */
	struct disk_req *partner; /* the job that the command waits for; the command that the job serves */
	struct disk_req *late_for; /* the late one that it waits for; NULL with RQ_WAIT_LATE: it may look again */
	struct disk_lun *visited[2]; /* other units that EXTENDED COPY is at work on: source, destination */
	uint8_t *scratch; /* one more buffer, or NULL */
	uint64_t pos;     /* how far it has come, in bytes */
	uint64_t in_total;
	uint64_t out_total;
	uint32_t flags;
	uint32_t take;    /* bytes of data-out that are wanted */
	uint16_t cnt;     /* pieces at vec */
	uint16_t sub_cnt;
	uint16_t buffers; /* of the first pieces at vec, how many are disk buffers */
	uint8_t result;   /* of the last storage request */
	uint8_t phase;    /* the handler's own */
	/* these are written before they are read */
	uint8_t state;
	uint8_t attr;
	uint8_t barrier;  /* counted in lun->barriers: ordered, head of queue, or OP_SHUTS */
	uint8_t atomic;   /* counted in lun->atomics */
	bool want_scratch;
	uint32_t need;    /* buffers that it waits for */
	void (*make)(struct disk_req *r, struct disk_out *o); /* writes the answer */
	uint64_t lba;     /* range on the medium, in blocks */
	uint64_t blocks;
	uint64_t len;     /* of the range, or of what is done with it, in bytes */
	uint64_t pin_off; /* pinned range of data-out or data-in */
	uint64_t pin_len;
	struct disk_lun *fetch_lun; /* whose memory sub leads to, with RQ_FETCHED */
	uint64_t fetch_off;
	uint32_t step_len;
	uint64_t arg[4];  /* the handler's own */
	struct iscsip_vec *vec; /* max_pieces: data */
	struct iscsip_vec *sub; /* max_pieces: a part of it, or memory of the medium */
	disk_step *after; /* what data-out is collected for */
	disk_step *flush_step;   /* what a flush is made for */
	struct disk_lun *st_lun; /* whose storage has, or had, the last request */
	uint32_t sync_no;        /* of its last FLUSH or FUA request: see stable.c */
	disk_step *onward; /* what it goes on with when it has passed the storage's door */
	struct disk_lun *late_lun; /* with RQ_LATE: the unit and the bytes that it may still change */
	struct disk_req *late_next; /* of that unit's list */
	struct disk_req *late_head, *late_tail; /* those that wait for it */
	uint64_t late_off, late_len;
	uint8_t sense[ISCSIP_SENSE_MAX];
	uint8_t small[DISK_SMALL];
};

/* Mode parameters that initiators can change. */
struct disk_mode {
	bool d_sense;
	bool swp;
	bool wce;
	bool dexcpt; /* informational exceptions are off */
	uint8_t mrie;
	struct {
		bool armed;      /* THRESHOLD TYPE soft, ENABLED */
		uint8_t kind;    /* THRESHOLD RESOURCE and TYPE, ARMING: byte 0 and 1 of the descriptor */
		uint32_t count;  /* threshold sets */
	} threshold[2];  /* available, used */
};

struct disk_lun {
	struct iscsip_disk *disk;
	struct disk_itl *itls; /* one for each slot */
	const struct iscsip_storage_ops *ops;
	void *user;
	uint32_t gate;      /* disk_gate bits */
	uint32_t order;     /* not 0: look at the task set before a command starts */
	uint64_t blocks;
	uint8_t shift;      /* block size is 1 << shift */
	bool used;
	bool ejected;       /* the medium that is not there was ejected by an initiator, and can be loaded */
	uint16_t index;
	uint32_t number;
	struct disk_req *head, *tail; /* every request of the unit that is not free */
	uint32_t open;      /* how many */
	uint32_t barriers;  /* ordered, head of queue, and what shuts others out, from place or exec to the end */
	uint32_t atomics;   /* atomic ones, likewise */
	uint32_t dormant;
	uint32_t foreign;   /* writes at work for commands of other units (EXTENDED COPY) */
	uint32_t visitors;  /* commands of other units that read or write here */
	struct disk_req *late;  /* aborted ones that may still change it */
	struct disk_lun *kick_next; /* the list of units whose dormant commands may go on */
	bool kicked;
	struct disk_slot *aca;      /* the faulted nexus */
	struct disk_slot *reserved; /* holder of RESERVE */
	struct disk_state now;  /* in force */
	struct disk_state next; /* the draft, while a change is judged or made stable */
	struct disk_req *changer;  /* whose change the storage has, or NULL */
	struct disk_req *change_head, *change_tail; /* those that wait for it */
	uint8_t change_action;  /* what the draft comes from */
	uint8_t change_rounds;  /* how often it was stale */
	uint32_t syncs;     /* FLUSH and FUA requests that are out */
	uint32_t sync_no;   /* how many there were */
	bool leaves_wce;    /* WCE becomes 0 when the cache is stable */
	struct disk_mode mode;
	struct iscsip_disk_lun_config cfg;
	char vendor[8], product[16], revision[4];
	uint8_t serial[32];
	uint8_t serial_len;
	uint8_t naa[16];
	uint8_t naa_len;
	uint8_t echo[256]; /* WRITE BUFFER, echo */
	uint16_t echo_len;
	struct disk_slot *echo_owner;
	uint64_t space_available, space_used;
	bool threshold_told[2]; /* crossed, and every nexus has been told */
	struct iscsip_disk_stats stats;
	struct disk_req job; /* SANITIZE, FORMAT UNIT */
	uint64_t progress, progress_of;
	uint8_t copy_id;     /* EXTENDED COPY: the last list identifier, its result, segments and bytes */
	uint8_t copy_status;
	bool copy_valid;
	struct disk_slot *copy_owner;
	uint16_t copy_segments;
	uint64_t copy_bytes;
};

struct iscsip_disk {
	struct iscsip_disk_config cfg;
	struct iscsip_disk_port one_port; /* where the host named none */
	const struct iscsip_disk_port *ports;
	uint8_t *group_state; /* per port: the state of its group */
	uint16_t *map;        /* LUN to 1 + unit index */
	struct disk_lun *luns;
	uint32_t luns_used;      /* units below this were added once: the rest was never written */
	struct disk_slot *slots; /* limbo, then max_nexuses */
	uint32_t slots_used;     /* slots below this were open once: the rest was never written */
	struct disk_itl *itls;   /* one for each slot, for each unit */
	struct disk_reg *regs;
	struct disk_req *reqs;
	uint32_t reqs_used;      /* records below this were in use once: the rest was never written */
	struct iscsip_vec *pieces; /* 2 * max_pieces for each record, then for the job of each unit */
	struct disk_req *free_reqs; /* of those that were in use */
	uint8_t *buffers;
	void *free_buffers;   /* those that have been used, linked through their first bytes */
	uint32_t buffers_used; /* how many have ever been used: the rest is free as well */
	uint32_t buffers_free;
	struct disk_share *shares; /* one for each slot */
	uint32_t shares_used; /* shares below this were in use once */
	uint32_t newcomers;   /* of those that wait for memory, requests of initiators that have none */
	uint32_t holders;     /* running requests that have buffers */
	struct disk_req *wait_head, *wait_tail;   /* for memory */
	struct disk_req *yield_head, *yield_tail; /* for iscsip_disk_work() */
	struct disk_req *late_head, *late_tail;   /* whose wait for a late one is over */
	struct disk_lun *kick_luns;
	uint32_t quiet_waiters;  /* commands that wait until nothing is stuck */
	struct iscsip_tmf *tmfs; /* to be answered when nothing is stuck; linked through `user` */
	struct iscsip_disk_ticket *tickets; /* likewise */
	uint32_t req_size;
	uint32_t open;
	bool kick;            /* disk_settle() has something to do */
	bool settling;
	bool woken;
};

/* --- req.c: records, ends of commands ------------------------------------------------------------------------- */

void iscsip__disk_req_init(struct iscsip_disk *d, struct disk_req *r, size_t place);
struct disk_req *iscsip__disk_enter(struct iscsip_disk *d, struct iscsip_cmd *cmd);
void iscsip__disk_release(struct disk_req *r);
void iscsip__disk_drive(struct disk_req *r);
void iscsip__disk_settle(struct iscsip_disk *d);
void iscsip__disk_wait_quiet(struct disk_req *r, disk_step *step);
void iscsip__disk_resume(struct disk_req *r); /* its wait is over: step again */
void iscsip__disk_yield(struct disk_req *r);  /* go on in iscsip_disk_work() */
void iscsip__disk_finish(struct disk_req *r, uint8_t status, size_t sense_len);
void iscsip__disk_good(struct disk_req *r);
void iscsip__disk_busy(struct disk_req *r);
void iscsip__disk_sense(struct disk_req *r, const struct iscsip_sense *s);
void iscsip__disk_fail(struct disk_req *r, uint8_t key, uint16_t asc);
void iscsip__disk_fail_info(struct disk_req *r, uint8_t key, uint16_t asc, uint64_t info);
void iscsip__disk_fail_cdb(struct disk_req *r, unsigned byte, int bit);
void iscsip__disk_fail_parameter(struct disk_req *r, unsigned byte, int bit);
void iscsip__disk_fail_storage(struct disk_req *r);
void iscsip__disk_conflict(struct disk_req *r);
void iscsip__disk_kill(struct disk_req *r);
void iscsip__disk_aborted(struct disk_req *r);
void iscsip__disk_lose(struct disk_req *r);
void iscsip__disk_unpin(struct disk_req *r);
void iscsip__disk_unqueue(struct disk_req **head, struct disk_req **tail, struct disk_req *r);

/* --- memory.c: buffers, data in and out ----------------------------------------------------------------------- */

/* A writer over pieces of memory: counts when it has none. */
struct disk_out {
	const struct iscsip_vec *vec;
	int cnt;
	int at;
	size_t off;
	uint64_t pos;   /* bytes put so far */
	uint64_t size;  /* bytes of the whole, known in the second pass; 0 in the first */
};

bool iscsip__disk_take(struct disk_req *r, uint64_t bytes, bool scratch);
bool iscsip__disk_take_scratch(struct disk_req *r);
void iscsip__disk_scratch_give(struct disk_req *r);
bool iscsip__disk_sub_take(struct disk_req *r, uint64_t bytes);
void iscsip__disk_sub_give(struct disk_req *r);
void iscsip__disk_hold(struct disk_req *r);
void iscsip__disk_give_back(struct disk_req *r);
static inline void disk_give(struct disk_req *r)
{
	if (r->flags & RQ_MEMORY)
		iscsip__disk_give_back(r);
}
void iscsip__disk_wait_memory(struct disk_req *r, uint64_t buffers, disk_step *step);
void iscsip__disk_serve_memory(struct iscsip_disk *d);
bool iscsip__disk_out_fits(const struct disk_req *r, uint32_t want);
bool iscsip__disk_name_buffer(struct disk_req *r, uint32_t want, bool scratch);
void iscsip__disk_collect(struct disk_req *r, uint32_t want, bool scratch, disk_step *step);
void iscsip__disk_request(struct disk_req *r, disk_step *step);
const uint8_t *iscsip__disk_parameter(const struct disk_req *r);
void iscsip__disk_reply(struct disk_req *r, uint64_t alloc, void (*make)(struct disk_req *r, struct disk_out *o));
void iscsip__disk_put(struct disk_out *o, const void *p, size_t n);
void iscsip__disk_put_zero(struct disk_out *o, size_t n);
void iscsip__disk_put8(struct disk_out *o, unsigned v);
void iscsip__disk_put16(struct disk_out *o, unsigned v);
void iscsip__disk_put32(struct disk_out *o, uint32_t v);
void iscsip__disk_put64(struct disk_out *o, uint64_t v);
void iscsip__disk_copy_in(const struct iscsip_vec *vec, int cnt, uint64_t off, void *dst, size_t n);
int iscsip__disk_slice(const struct iscsip_vec *vec, int cnt, uint64_t off, uint64_t n, struct iscsip_vec *out, int max);

/* --- share.c: what one initiator may hold ----------------------------------------------------------------------- */

void iscsip__disk_share_open(struct disk_slot *slot);
void iscsip__disk_share_close(struct disk_slot *slot);
bool iscsip__disk_share_allows(const struct disk_req *r, uint64_t n);
uint64_t iscsip__disk_share_room(const struct disk_req *r, uint64_t most);
void iscsip__disk_wait_memory_end(struct disk_req *r);
uint64_t iscsip__disk_transfer_default(const struct iscsip_disk *d);

/* --- medium.c: storage below a request ------------------------------------------------------------------------ */

bool iscsip__disk_pin_out(struct disk_req *r, uint64_t off, uint32_t len);
void iscsip__disk_submit(struct disk_req *r, struct disk_lun *lun, uint8_t op, uint64_t off, uint64_t len,
			 const struct iscsip_vec *vec, int cnt, uint8_t flags, disk_step *step);
void iscsip__disk_fetch(struct disk_req *r, struct disk_lun *lun, uint64_t off, uint64_t len, disk_step *step);
void iscsip__disk_fetched(struct disk_req *r);
void iscsip__disk_store(struct disk_req *r, struct disk_lun *lun, uint64_t off, const struct iscsip_vec *vec, int cnt,
			uint64_t len, uint8_t flags, disk_step *step);
void iscsip__disk_at_once(struct disk_req *r, int result, disk_step *step);
bool iscsip__disk_parse(struct disk_req *r);
unsigned iscsip__disk_count_field(const struct disk_req *r);
bool iscsip__disk_in_range(struct disk_req *r);

/* --- stable.c: what GOOD promises ------------------------------------------------------------------------------ */

void iscsip__disk_set_failed(struct disk_lun *lun, const struct disk_slot *by);
void iscsip__disk_clear_failed(struct disk_lun *lun);
bool iscsip__disk_sync_begin(struct disk_req *r, struct disk_lun *lun);
void iscsip__disk_sync_end(struct disk_req *r);
void iscsip__disk_flush(struct disk_req *r, struct disk_lun *lun, uint64_t off, uint64_t len, disk_step *step);
bool iscsip__disk_wants_stable(const struct disk_req *r);
void iscsip__disk_written(struct disk_req *r);

/* Whether its answer says that something is stable. */
static inline bool disk_syncs(const struct iscsip_storage_req *st)
{
	return st->op == ISCSIP_STORAGE_FLUSH || st->flags & ISCSIP_STORAGE_FUA;
}

/* Whether all that is written to a unit is to be stable when it is answered: WCE is 0, or about to be. */
static inline bool disk_write_through(const struct disk_lun *lun)
{
	return !lun->mode.wce || lun->leaves_wce;
}

/* --- late.c: what aborted commands have left behind ------------------------------------------------------------- */

void iscsip__disk_late_begin(struct disk_req *r);
void iscsip__disk_late_end(struct disk_req *r);
struct disk_req *iscsip__disk_late_over(struct disk_req *r, const struct disk_lun *lun, uint64_t off, uint64_t len);
bool iscsip__disk_late_holds(struct disk_req *r, const struct disk_lun *lun, uint64_t off, uint64_t len, disk_step *again);
bool iscsip__disk_late_again(struct disk_req *r);
void iscsip__disk_late_unwait(struct disk_req *r);
void iscsip__disk_late_settle(struct iscsip_disk *d);
static inline bool disk_late_holds(struct disk_req *r, const struct disk_lun *lun, uint64_t off, uint64_t len,
				   disk_step *again)
{
	return lun->late && iscsip__disk_late_holds(r, lun, off, len, again);
}

/* --- check.c: what may keep a command from running ------------------------------------------------------------ */

bool iscsip__disk_check(struct disk_req *r);
bool iscsip__disk_cdb_clean(const struct disk_req *r);
void iscsip__disk_begin(struct disk_req *r);
void iscsip__disk_run(struct disk_req *r);
bool iscsip__disk_allowed(const struct disk_lun *lun, const struct disk_itl *itl, const struct disk_slot *slot,
			  uint8_t reservation);

/* --- order.c: the task set ------------------------------------------------------------------------------------ */

void iscsip__disk_order_enter(struct disk_req *r);
void iscsip__disk_order_end(struct disk_req *r);
void iscsip__disk_order_leave(struct disk_req *r);
bool iscsip__disk_order_start(struct disk_req *r);
void iscsip__disk_order_kick(struct disk_lun *lun);
void iscsip__disk_order_run(struct disk_lun *lun);
bool iscsip__disk_foreign_enter(struct disk_lun *lun, uint64_t off, uint64_t len);
void iscsip__disk_foreign_leave(struct disk_lun *lun);
bool iscsip__disk_aca_check(struct disk_req *r);
void iscsip__disk_aca_clear(struct disk_lun *lun);

/* --- attention.c ---------------------------------------------------------------------------------------------- */

void iscsip__disk_ua(struct disk_lun *lun, struct disk_slot *slot, enum disk_ua ua);
void iscsip__disk_ua_all(struct disk_lun *lun, const struct disk_slot *but, enum disk_ua ua);
uint16_t iscsip__disk_ua_asc(enum disk_ua ua);
bool iscsip__disk_ua_take(struct disk_itl *itl, struct iscsip_sense *s);

/* --- reserve.c: reservations ---------------------------------------------------------------------------------- */

void iscsip__disk_gate_reservation(struct disk_lun *lun);
bool iscsip__disk_id_equal(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len);
void iscsip__disk_match_registrations(struct disk_slot *slot);
void iscsip__disk_match_lun(struct disk_lun *lun);
bool iscsip__disk_is_holder(const struct disk_lun *lun, unsigned reg);
bool iscsip__disk_all_registrants(const struct disk_state *state);

/* --- draft.c: the draft of a unit's next state, and the bytes of a state ----------------------------------------- */

struct disk_reg *iscsip__disk_reg_of(const struct disk_lun *lun, uint32_t i, uint8_t side);
struct disk_reg *iscsip__disk_draft_find(const struct disk_lun *lun, const uint8_t *id, size_t len, uint16_t port);
void iscsip__disk_draft_begin(struct disk_lun *lun);
void iscsip__disk_draft_drop(struct disk_lun *lun);
void iscsip__disk_draft_take(struct disk_lun *lun);
struct disk_reg *iscsip__disk_draft_add(struct disk_lun *lun, const uint8_t *id, size_t len, uint16_t port, uint64_t key);
void iscsip__disk_draft_remove(struct disk_lun *lun, struct disk_reg *g);
void iscsip__disk_draft_reserve(struct disk_lun *lun, uint8_t type, uint16_t holder);
void iscsip__disk_draft_release(struct disk_lun *lun);
uint64_t iscsip__disk_state_write(const struct disk_lun *lun, uint8_t side, bool whole, const struct disk_cause *cause,
				  const struct iscsip_vec *vec, int cnt);
bool iscsip__disk_state_check(const struct disk_lun *lun, const uint8_t *p, size_t n);
uint64_t iscsip__disk_state_seq(const uint8_t *p);
void iscsip__disk_state_cause(const uint8_t *p, struct disk_cause *cause);
int iscsip__disk_state_read(struct disk_lun *lun, const uint8_t *p);

/* --- commit.c: how a draft comes into force -------------------------------------------------------------------- */

void iscsip__disk_change(struct disk_req *r, disk_step *judge);
void iscsip__disk_change_next(struct disk_lun *lun);
void iscsip__disk_commit(struct disk_req *r, const struct disk_cause *cause, disk_step *step);
void iscsip__disk_committed(struct disk_req *r);
int iscsip__disk_state_load(struct disk_lun *lun, const uint8_t *p, size_t n);
int iscsip__disk_state_apply(struct disk_lun *lun, const uint8_t *p, size_t n);
void iscsip__disk_tickets_settle(struct iscsip_disk *d);

/* --- others --------------------------------------------------------------------------------------------------- */

void iscsip__disk_lun_check_gone(struct disk_lun *lun);
void iscsip__disk_meet(struct disk_lun *lun, struct disk_slot *slot);
bool iscsip__disk_lun_stuck(const struct disk_lun *lun);
void iscsip__disk_lun_hurry(const struct disk_lun *lun);
void iscsip__disk_lun_reset(struct disk_lun *lun);
void iscsip__disk_nexus_lost(struct disk_slot *slot);
void iscsip__disk_tmf(void *user, struct iscsip_tmf *tmf);
void iscsip__disk_tmf_settle(struct iscsip_disk *d);
bool iscsip__disk_no_lun(struct disk_req *r);
void iscsip__disk_copy_leave(struct disk_req *r);
uint16_t iscsip__disk_progress(const struct disk_lun *lun);
bool iscsip__disk_kept_valid(uint32_t kept);
void iscsip__disk_gate_sanitize(struct disk_lun *lun);
void iscsip__disk_mode_reset(struct disk_lun *lun);
uint64_t iscsip__disk_write_max(const struct iscsip_disk *d);
void iscsip__disk_lun_designators(const struct disk_lun *lun, struct disk_out *o);
bool iscsip__disk_lun_named(const struct disk_lun *lun, const struct iscsip_designator *want);
bool iscsip__disk_lun_alike(const struct disk_lun *a, const struct disk_lun *b);
void iscsip__disk_space_changed(struct disk_lun *lun);

static inline struct disk_itl *disk_itl_at(const struct disk_lun *lun, const struct disk_slot *slot)
{
	return &lun->itls[slot->index];
}

static inline bool disk_lies_within(const struct disk_req *r)
{
	return r->lba <= r->lun->blocks && r->blocks <= r->lun->blocks - r->lba;
}

/* Stands in for the nexus of commands whose own is gone. */
static inline struct disk_slot *disk_limbo(const struct iscsip_disk *d)
{
	return d->slots;
}

static inline uint64_t disk_bytes(const struct disk_lun *lun, uint64_t blocks)
{
	return blocks << lun->shift;
}

/* Others wait for it: whatever its transport has to do for it gets a limit. */
static inline void disk_hurry(struct disk_req *r)
{
	if (r->flags & (RQ_HURRIED | RQ_JOB))
		return;
	r->flags |= RQ_HURRIED;
	iscsip_cmd_hurry(r->cmd);
}

/* Whether its data may not lie in the medium, or be sent from there. */
static inline bool disk_aside(const struct disk_req *r)
{
	return (r->cmd->flags & ISCSIP_CMD_ASIDE) != 0;
}

static inline bool disk_gone(const struct disk_req *r)
{
	return (r->flags & RQ_ABORTED) != 0;
}

/* The handlers that opcodes.def names. */
#define CMD(name, opcode, sa, len, place, reservation, timeout, flags, run, ...) void iscsip__disk_##run(struct disk_req *r);
#define MORE CMD
#include "disk/opcodes.def"
#undef CMD
#undef MORE

#endif
