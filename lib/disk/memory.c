/* SPDX-License-Identifier: MIT */
/*
 * Memory of requests: the disk's data buffers, the buffer that a command's data-out goes into, and answers made in
 * memory.
 *
 * Buffers are of one size and taken all at once or not at all, together with the one for scratch that a handler will
 * need, so that no request holds some and waits for more. Who may take how many says share.c. A request waits for
 * buffers only while another that runs holds some (and will give them back by itself); where none does it is answered
 * BUSY or TASK SET FULL, because the buffers are with commands whose turn comes later. The queue is first come, first
 * served for each initiator, and newcomers come before those who have some; one that must wait for its own share holds
 * up nobody behind it.
 *
 * The transport wants room for every byte that the initiator means to send. What is beyond the wanted bytes lands in
 * the sink: one buffer that is never read, named as often as needed.
 */
#include "disk/disk.h"

static void *buffer_pop(struct disk_req *r)
{
	struct iscsip_disk *d = r->disk;
	void *b = d->free_buffers;

	r->share->buffers++;
	d->buffers_free--;
	/* one that was in use before, or the next that never was: memory that nobody needs stays untouched */
	if (!b)
		return d->buffers + (size_t)++d->buffers_used * d->cfg.buffer_size;
	memcpy(&d->free_buffers, b, sizeof d->free_buffers);
	return b;
}

static void buffer_push(struct disk_req *r, void *b)
{
	struct iscsip_disk *d = r->disk;

	r->share->buffers--;
	memcpy(b, &d->free_buffers, sizeof d->free_buffers);
	d->free_buffers = b;
	d->buffers_free++;
}

/* The sink is the first buffer of the pool, which is never handed out. */
static void *buffer_sink(const struct iscsip_disk *d)
{
	return d->buffers;
}

/* It runs: what memory it has will come back by itself. */
void iscsip__disk_hold(struct disk_req *r)
{
	if ((r->flags & (RQ_MEMORY | RQ_HELD)) != RQ_MEMORY)
		return;
	r->flags |= RQ_HELD;
	r->disk->holders++;
}

/* Buffers for @bytes at r->vec, the last piece cut to fit. */
bool iscsip__disk_take(struct disk_req *r, uint64_t bytes, bool scratch)
{
	struct iscsip_disk *d = r->disk;
	uint64_t n = (bytes + d->cfg.buffer_size - 1) / d->cfg.buffer_size;
	uint64_t i;

	if (n > d->cfg.max_pieces || !iscsip__disk_share_allows(r, n + scratch))
		return false;
	for (i = 0; i < n; i++) {
		r->vec[i].base = buffer_pop(r);
		r->vec[i].len = bytes < d->cfg.buffer_size ? (size_t)bytes : d->cfg.buffer_size;
		bytes -= r->vec[i].len;
	}
	r->cnt = r->buffers = (uint16_t)n;
	if (scratch)
		r->scratch = buffer_pop(r);
	if (n || scratch)
		r->flags |= RQ_MEMORY;
	r->flags &= ~(uint32_t)RQ_SERVED;
	if (r->state == REQ_RUN)
		iscsip__disk_hold(r);
	if (d->wait_head)
		disk_hurry(r);
	return true;
}

/* One buffer more for a request that has some; false where none is free. */
bool iscsip__disk_take_scratch(struct disk_req *r)
{
	if (r->disk->buffers_free == 0)
		return false;
	r->scratch = buffer_pop(r);
	r->flags |= RQ_MEMORY;
	iscsip__disk_hold(r);
	return true;
}

void iscsip__disk_scratch_give(struct disk_req *r)
{
	buffer_push(r, r->scratch);
	r->scratch = NULL;
	if (r->disk->wait_head)
		r->disk->kick = true;
}

/* Room for @bytes at r->sub, the scratch buffer first; false where not enough buffers are free. */
bool iscsip__disk_sub_take(struct disk_req *r, uint64_t bytes)
{
	struct iscsip_disk *d = r->disk;
	uint64_t n = (bytes + d->cfg.buffer_size - 1) / d->cfg.buffer_size;

	r->sub_cnt = 0;
	if (n && !r->scratch && !iscsip__disk_take_scratch(r))
		return false;
	if (n > d->cfg.max_pieces || n > (uint64_t)d->buffers_free + 1)
		return false;
	for (; r->sub_cnt < n; r->sub_cnt++) {
		struct iscsip_vec *v = &r->sub[r->sub_cnt];

		v->base = r->sub_cnt ? buffer_pop(r) : r->scratch;
		v->len = bytes < d->cfg.buffer_size ? (size_t)bytes : d->cfg.buffer_size;
		bytes -= v->len;
	}
	return true;
}

/* All of them but the scratch buffer go back. */
void iscsip__disk_sub_give(struct disk_req *r)
{
	while (r->sub_cnt > 1)
		buffer_push(r, r->sub[--r->sub_cnt].base);
	if (r->disk->wait_head)
		r->disk->kick = true;
}

void iscsip__disk_give_back(struct disk_req *r)
{
	struct iscsip_disk *d = r->disk;

	if (r->flags & RQ_HELD)
		d->holders--;
	r->flags &= ~(uint32_t)(RQ_MEMORY | RQ_HELD);
	while (r->buffers)
		buffer_push(r, r->vec[--r->buffers].base);
	r->cnt = 0;
	if (r->scratch)
		buffer_push(r, r->scratch);
	r->scratch = NULL;
	if (d->wait_head)
		d->kick = true;
}

/* Those that hold memory are told that others wait for it. */
static void hurry_holders(const struct iscsip_disk *d)
{
	uint32_t i;

	for (i = 0; i < d->reqs_used; i++)
		if (d->reqs[i].flags & RQ_MEMORY && d->reqs[i].state != REQ_FREE)
			disk_hurry(&d->reqs[i]);
}

/* No memory now: @step is called again when @buffers may be taken. */
void iscsip__disk_wait_memory(struct disk_req *r, uint64_t buffers, disk_step *step)
{
	struct iscsip_disk *d = r->disk;

	if (d->holders == 0) {
		iscsip__disk_busy(r);
		return;
	}
	if (!d->wait_head)
		hurry_holders(d);
	r->step = step;
	r->need = (uint32_t)buffers;
	r->flags = (r->flags & ~(uint32_t)RQ_SERVED) | RQ_WAIT_MEMORY;
	if (r->share->buffers == 0) {
		r->flags |= RQ_NEWCOMER;
		d->newcomers++;
	}
	r->wait_next = NULL;
	if (d->wait_tail)
		d->wait_tail->wait_next = r;
	else
		d->wait_head = r;
	d->wait_tail = r;
}

/* It leaves the queue. */
void iscsip__disk_wait_memory_end(struct disk_req *r)
{
	struct iscsip_disk *d = r->disk;

	iscsip__disk_unqueue(&d->wait_head, &d->wait_tail, r);
	if (r->flags & RQ_NEWCOMER)
		d->newcomers--;
	r->flags &= ~(uint32_t)(RQ_WAIT_MEMORY | RQ_NEWCOMER);
}

/* The first of those that wait whose turn it is: a newcomer, or one that keeps to its share and none of that share is before it. */
static struct disk_req *wait_first(struct iscsip_disk *d)
{
	struct disk_req *r, *q;

	if (d->holders == 0)
		return d->wait_head;
	for (r = d->wait_head; r && d->newcomers; r = r->wait_next)
		if (r->flags & RQ_NEWCOMER)
			return r->need <= d->buffers_free ? r : NULL;
	for (r = d->wait_head; r; r = r->wait_next) {
		if (!iscsip__disk_share_allows(r, r->need))
			continue;
		for (q = d->wait_head; q != r && q->share != r->share; q = q->wait_next)
			;
		if (q == r)
			return r;
	}
	return NULL;
}

void iscsip__disk_serve_memory(struct iscsip_disk *d)
{
	struct disk_req *r;

	while (d->wait_head && (r = wait_first(d)) != NULL) {
		iscsip__disk_wait_memory_end(r);
		r->flags |= RQ_SERVED;
		iscsip__disk_drive(r);
	}
}

static uint64_t buffers_for(const struct disk_req *r, uint64_t bytes, bool scratch)
{
	return (bytes + r->disk->cfg.buffer_size - 1) / r->disk->cfg.buffer_size + scratch;
}

/* --- data-out ------------------------------------------------------------------------------------------------- */

/* Fills the vector up to out_len with the sink; false where the pieces do not suffice. */
static bool add_sink(struct disk_req *r, uint64_t have)
{
	struct iscsip_disk *d = r->disk;
	uint64_t rest = r->cmd->out_len - have;

	while (rest > 0) {
		size_t n = rest < d->cfg.buffer_size ? (size_t)rest : d->cfg.buffer_size;

		if (r->cnt == d->cfg.max_pieces)
			return false;
		r->vec[r->cnt].base = buffer_sink(d);
		r->vec[r->cnt++].len = n;
		rest -= n;
	}
	return true;
}

/*
 * Names the buffer of the command: its first @want bytes are in buffers of the disk, or where r->vec leads already
 * (RQ_PINNED). False where there is no memory, or where data that came unasked has been dropped for want of it.
 */
bool iscsip__disk_name_buffer(struct disk_req *r, uint32_t want, bool scratch)
{
	if (!(r->flags & RQ_PINNED) && !iscsip__disk_take(r, want, scratch))
		return false;
	r->take = want;
	if (!add_sink(r, want) || (r->cmd->out_len && iscsip_cmd_set_buffer(r->cmd, r->vec, r->cnt) != ISCSIP_OK)) {
		disk_give(r);
		return false;
	}
	r->flags |= RQ_BUFFER;
	return true;
}

/* Whether that can ever be: @want bytes in buffers, the rest of out_len in the sink. */
bool iscsip__disk_out_fits(const struct disk_req *r, uint32_t want)
{
	const struct iscsip_disk *d = r->disk;

	return want <= iscsip__disk_write_max(d) &&
	       buffers_for(r, want, false) + buffers_for(r, r->cmd->out_len - want, false) <= d->cfg.max_pieces;
}

static void collect_again(struct disk_req *r)
{
	iscsip__disk_collect(r, r->take, r->want_scratch, r->after);
}

/*
 * Brings the first @want bytes of data-out (at most out_len) into the disk's buffers, then goes on with @step. Handlers
 * that also need scratch say so here; what was placed when the header came in has it already.
 */
void iscsip__disk_collect(struct disk_req *r, uint32_t want, bool scratch, disk_step *step)
{
	r->take = want;
	r->want_scratch = scratch;
	r->after = step;
	if (r->flags & RQ_BUFFER || (want == 0 && !scratch)) {
		iscsip__disk_request(r, step);
		return;
	}
	if (want > iscsip__disk_write_max(r->disk)) {
		iscsip__disk_busy(r);
		return;
	}
	if (!iscsip__disk_out_fits(r, want)) {
		iscsip__disk_fail(r, ISCSIP_SENSE_ILLEGAL_REQUEST, ISCSIP_ASC_INVALID_FIELD_IN_UNIT);
		return;
	}
	if (!iscsip__disk_share_allows(r, buffers_for(r, want, scratch))) {
		iscsip__disk_wait_memory(r, buffers_for(r, want, scratch), collect_again);
		return;
	}
	if (iscsip__disk_name_buffer(r, want, scratch))
		iscsip__disk_request(r, step);
	else
		iscsip__disk_busy(r);
}

/* Asks for r->take bytes of data-out and goes on with @step when they are there. */
void iscsip__disk_request(struct disk_req *r, disk_step *step)
{
	int rc = ISCSIP_DONE;

	r->step = step;
	if (r->take)
		rc = iscsip_cmd_request_data(r->cmd, 0, r->take);
	if (rc == ISCSIP_DONE)
		r->flags |= RQ_READY;
	else if (rc == ISCSIP_OK)
		r->flags |= RQ_WAITING;
	else if (rc == ISCSIP_ECLOSED)
		iscsip__disk_finish(r, ISCSIP_STATUS_TASK_ABORTED, 0);
	else
		iscsip__disk_busy(r);
}

/* Bytes [off, off + n) of a vector, to one place. */
void iscsip__disk_copy_in(const struct iscsip_vec *vec, int cnt, uint64_t off, void *dst, size_t n)
{
	uint8_t *p = dst;
	int i;

	for (i = 0; i < cnt && n > 0; i++) {
		size_t m = vec[i].len;

		if (off >= m) {
			off -= m;
			continue;
		}
		m -= (size_t)off;
		if (m > n)
			m = n;
		memcpy(p, (const uint8_t *)vec[i].base + off, m);
		p += m;
		n -= m;
		off = 0;
	}
}

/* The same as pieces; answers how many, at most @max (the caller knows that they suffice). */
int iscsip__disk_slice(const struct iscsip_vec *vec, int cnt, uint64_t off, uint64_t n, struct iscsip_vec *out, int max)
{
	int i, k = 0;

	for (i = 0; i < cnt && n > 0 && k < max; i++) {
		size_t m = vec[i].len;

		if (off >= m) {
			off -= m;
			continue;
		}
		m -= (size_t)off;
		if (m > n)
			m = (size_t)n;
		out[k].base = (uint8_t *)vec[i].base + off;
		out[k++].len = m;
		n -= m;
		off = 0;
	}
	return k;
}

/*
 * A parameter list of r->take bytes as one piece of memory: lists are read in one buffer, and handlers refuse longer
 * ones before they collect them.
 */
const uint8_t *iscsip__disk_parameter(const struct disk_req *r)
{
	return r->cnt ? r->vec[0].base : r->small;
}

/* --- answers -------------------------------------------------------------------------------------------------- */

void iscsip__disk_put(struct disk_out *o, const void *p, size_t n)
{
	const uint8_t *b = p;

	o->pos += n;
	while (n > 0 && o->at < o->cnt) {
		size_t m = o->vec[o->at].len - o->off;

		if (m > n)
			m = n;
		memcpy((uint8_t *)o->vec[o->at].base + o->off, b, m);
		b += m;
		n -= m;
		o->off += m;
		if (o->off == o->vec[o->at].len) {
			o->at++;
			o->off = 0;
		}
	}
}

void iscsip__disk_put_zero(struct disk_out *o, size_t n)
{
	static const uint8_t zero[32];

	for (; n > sizeof zero; n -= sizeof zero)
		iscsip__disk_put(o, zero, sizeof zero);
	iscsip__disk_put(o, zero, n);
}

void iscsip__disk_put8(struct disk_out *o, unsigned v)
{
	uint8_t b = (uint8_t)v;

	iscsip__disk_put(o, &b, 1);
}

void iscsip__disk_put16(struct disk_out *o, unsigned v)
{
	uint8_t b[2];

	store_be16(b, (uint16_t)v);
	iscsip__disk_put(o, b, 2);
}

void iscsip__disk_put32(struct disk_out *o, uint32_t v)
{
	uint8_t b[4];

	store_be32(b, v);
	iscsip__disk_put(o, b, 4);
}

void iscsip__disk_put64(struct disk_out *o, uint64_t v)
{
	uint8_t b[8];

	store_be64(b, v);
	iscsip__disk_put(o, b, 8);
}

static void reply_step(struct disk_req *r)
{
	struct disk_out o;
	uint64_t n;

	memset(&o, 0, sizeof o);
	r->make(r, &o);
	n = o.pos < r->len ? o.pos : r->len;
	r->in_total = n;
	if (n > r->cmd->in_len)
		n = r->cmd->in_len;
	if (n > iscsip__disk_write_max(r->disk))
		r->in_total = n = iscsip__disk_write_max(r->disk);
	if (n == 0) {
		iscsip__disk_good(r);
		return;
	}
	if (n <= DISK_SMALL) {
		r->vec[0].base = r->small;
		r->vec[0].len = (size_t)n;
		r->cnt = 1;
	} else if (!iscsip__disk_take(r, n, false)) {
		iscsip__disk_wait_memory(r, buffers_for(r, n, false), reply_step);
		return;
	}
	o.size = o.pos;
	o.pos = 0;
	o.vec = r->vec;
	o.cnt = r->cnt;
	r->make(r, &o);
	iscsip_cmd_send_data(r->cmd, r->vec, r->cnt, (uint32_t)n, true);
	iscsip__disk_good(r);
}

/*
 * Sends what @make writes, cut at the allocation length @alloc. It is run twice: once to know how much there is, then
 * into memory of that size; so a length field can be written before what it counts.
 */
void iscsip__disk_reply(struct disk_req *r, uint64_t alloc, void (*make)(struct disk_req *r, struct disk_out *o))
{
	r->make = make;
	r->len = alloc;
	reply_step(r);
}
