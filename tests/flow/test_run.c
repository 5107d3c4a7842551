/* SPDX-License-Identifier: MIT */
/*
 * The simple door in both roles: a target and an initiator that talk over two pipes by iscsip_conn_run() alone, while the
 * pipes cut, refuse, fail and end as transports do.
 */
#include "flow/target_rig.h"

#include <iscsiproto/initiator.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PIPE (1u << 20)

struct pipe {
	uint8_t bytes[PIPE];
	size_t len;
	size_t most;  /* bytes at once, 0: any */
	bool refuse;  /* every other call: not now */
	bool ended;   /* no more will come */
	int fault;    /* what every call answers, if not 0 */
	unsigned calls;
};

struct end {
	struct pipe *in, *out;
};

static struct pipe pipes[2]; /* to the target, to the initiator */
static struct end ends[2] = { { &pipes[0], &pipes[1] }, { &pipes[1], &pipes[0] } };

static bool not_now(struct pipe *p)
{
	return p->refuse && p->calls++ % 2 == 0;
}

static ptrdiff_t pipe_recv(void *user, void *to, size_t len)
{
	struct pipe *p = ((struct end *)user)->in;
	size_t n = p->most && p->most < len ? p->most : len;

	if (p->fault)
		return p->fault;
	assert_true(len > 0);
	if (p->len == 0 && p->ended)
		return 0;
	if (p->len == 0 || not_now(p))
		return ISCSIP_EAGAIN;
	n = n < p->len ? n : p->len;
	memcpy(to, p->bytes, n);
	memmove(p->bytes, p->bytes + n, p->len -= n);
	return (ptrdiff_t)n;
}

static ptrdiff_t pipe_send(void *user, const struct iscsip_vec *vec, int cnt)
{
	struct pipe *p = ((struct end *)user)->out;
	size_t sum = 0;
	int i;

	if (p->fault)
		return p->fault;
	assert_true(cnt > 0);
	if (not_now(p))
		return ISCSIP_EAGAIN;
	for (i = 0; i < cnt && !(p->most && sum == p->most); i++) {
		size_t n = vec[i].len;

		n = p->most && n > p->most - sum ? p->most - sum : n;
		assert_true(n <= sizeof p->bytes - p->len);
		memcpy(p->bytes + p->len, vec[i].base, n);
		p->len += n;
		sum += n;
	}
	return (ptrdiff_t)sum;
}

static const struct iscsip_transport TO_PEER[2] = { { &ends[0], pipe_recv, pipe_send }, { &ends[1], pipe_recv, pipe_send } };

/* --- the initiator --- */

static struct rig R;
static struct iscsip_session *session;
static struct iscsip_conn *initiator;
static void *mem[3];
static int logins, tasks, task_err;

static void on_login(void *user, struct iscsip_conn *c, int err, uint16_t status, const struct iscsip_login_info *info)
{
	(void)user;
	(void)c;
	(void)status;
	(void)info;
	logins += err == ISCSIP_OK;
}

static void on_task(void *user, struct iscsip_task *t)
{
	(void)user;
	tasks++;
	task_err = t->result.err;
}

static const struct iscsip_initiator_ops OPS = { .struct_size = sizeof OPS, .login_done = on_login, .task_done = on_task };

static void begin(void)
{
	static struct iscsip_config cfg;
	static struct iscsip_initiator_identity who;
	static struct iscsip_offer offer;
	size_t session_len, conn_len;

	memset(pipes, 0, sizeof pipes);
	logins = tasks = task_err = 0;
	rig_init(&R);
	rig_connect(&R, 0);
	cfg = R.cfg;
	iscsip_offer_init_initiator(&offer);
	cfg.offer = &offer;
	cfg.node_name = "iqn.2001-04.test:peer";
	memset(&who, 0, sizeof who);
	who.target_name = "iqn.2001-04.test:disk";
	who.isid[0] = 0x80;
	session_len = iscsip_initiator_session_size(&cfg);
	conn_len = iscsip_initiator_conn_size(&cfg);
	mem[0] = malloc(session_len);
	mem[1] = malloc(conn_len);
	mem[2] = malloc(iscsip_login_size(&cfg));
	assert_int_equal(iscsip_initiator_session_init(&session, mem[0], session_len, &cfg, &who, &OPS, NULL), ISCSIP_OK);
	assert_int_equal(iscsip_initiator_conn_init(&initiator, mem[1], conn_len, mem[2], iscsip_login_size(&cfg), session, 0, NULL, 0),
			 ISCSIP_OK);
}

static int turn_target(void)
{
	return iscsip_conn_run(R.conn[0], &TO_PEER[0], 0);
}

static int turn_initiator(void)
{
	return iscsip_conn_run(initiator, &TO_PEER[1], 0);
}

static void turns(int n)
{
	while (n--) {
		assert_int_equal(turn_initiator(), ISCSIP_OK);
		assert_int_equal(turn_target(), ISCSIP_OK);
	}
}

static void end(void)
{
	assert_int_equal(iscsip_conn_closed(initiator, 0), ISCSIP_OK);
	assert_int_equal(iscsip_initiator_session_fini(session), ISCSIP_OK);
	for (int i = 0; i < 3; i++)
		free(mem[i]);
	rig_close(&R);
}

static void transfer(bool write, uint8_t *data, uint32_t len)
{
	static struct iscsip_task t;
	static struct iscsip_vec vec;
	int before = tasks, rounds;

	vec = (struct iscsip_vec){ data, len };
	memset(&t, 0, sizeof t);
	t.cdb[0] = write ? 0x2a : 0x28;
	if (write) {
		t.out_vec = &vec;
		t.out_cnt = 1;
		t.out_len = len;
	} else {
		t.in_vec = &vec;
		t.in_cnt = 1;
		t.in_len = len;
	}
	assert_int_equal(iscsip_initiator_submit(session, &t, 0), ISCSIP_OK);
	for (rounds = 0; tasks == before && rounds < 400000; rounds++)
		turns(1);
	assert_int_equal(tasks, before + 1);
	assert_int_equal(task_err, ISCSIP_OK);
	assert_int_equal(t.result.status, 0);
}

static void all_arrives_over_transports_that_cut_and_refuse(void **state)
{
	static const struct {
		size_t most;
		bool refuse;
	} rows[] = { { 0, false }, { 0, true }, { 1, false }, { 7, true }, { 4096, true } };
	static uint8_t out[40000], in[40000];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		begin();
		for (int d = 0; d < 2; d++) {
			pipes[d].most = rows[i].most;
			pipes[d].refuse = rows[i].refuse;
		}
		for (int n = 0; n < 100000 && !logins; n++)
			turns(1);
		assert_int_equal(logins, 1);
		for (size_t n = 0; n < sizeof out; n++)
			out[n] = (uint8_t)(n * 11 + n / 251 + i);
		transfer(true, out, sizeof out);
		assert_memory_equal(R.disk, out, sizeof out);
		transfer(false, in, sizeof in);
		assert_memory_equal(in, out, sizeof in);
		assert_int_equal(iscsip_initiator_logout(initiator, ISCSIP_LOGOUT_SESSION, 0, 0), ISCSIP_OK);
		for (int n = 0; n < 10000 && iscsip_conn_state(initiator) < ISCSIP_CONN_CLOSING; n++) {
			(void)turn_initiator();
			(void)turn_target();
		}
		assert_int_equal(turn_target(), ISCSIP_ECLOSED);
		assert_int_equal(turn_initiator(), ISCSIP_ECLOSED);
		assert_int_equal(iscsip_conn_error(initiator)->code, ISCSIP_OK);
		assert_int_equal(iscsip_conn_error(R.conn[0])->code, ISCSIP_OK);
		end();
	}
}

/* The end of the stream, and errors of each call, are told as they are; what can still be said is said. */
static void the_end_and_the_faults_of_a_transport_are_told(void **state)
{
	(void)state;
	for (int role = 0; role < 2; role++) {
		int (*const run)(void) = role ? turn_initiator : turn_target;

		begin();
		turns(3);
		assert_int_equal(logins, 1);
		ends[role].in->ended = true;
		assert_int_equal(run(), ISCSIP_ECLOSED);
		ends[role].in->ended = false;
		ends[role].in->fault = ISCSIP_EHOST;
		assert_int_equal(run(), ISCSIP_EHOST);
		ends[role].in->fault = 0;
		end();
	}
	begin();
	turns(3);
	R.later = true;
	{
		static struct iscsip_task t;

		memset(&t, 0, sizeof t);
		assert_int_equal(iscsip_initiator_submit(session, &t, 0), ISCSIP_OK);
		pipes[0].fault = ISCSIP_ECLOSED;
		assert_int_equal(turn_initiator(), ISCSIP_ECLOSED);
		pipes[0].fault = 0;
		assert_int_equal(turn_initiator(), ISCSIP_OK);
		assert_int_equal(turn_target(), ISCSIP_OK);
		rig_run(&R);
		/* the initiator has half-closed: its answer still goes out */
		pipes[0].ended = true;
		assert_int_equal(turn_target(), ISCSIP_ECLOSED);
		assert_true(pipes[1].len >= 48);
		assert_int_equal(turn_initiator(), ISCSIP_OK);
		assert_int_equal(tasks, 1);
	}
	end();
}

/* A connection that is held takes no byte, and asks for none. */
static void a_held_connection_receives_nothing_and_loses_nothing(void **state)
{
	static uint8_t out[512] = { 1, 2, 3 };
	static struct iscsip_task t;
	static struct iscsip_vec vec = { out, sizeof out };
	static struct iscsip_vec place = { NULL, sizeof out };
	size_t waits;

	(void)state;
	begin();
	turns(3);
	R.place_later = true;
	memset(&t, 0, sizeof t);
	t.cdb[0] = 0x2a;
	t.out_vec = &vec;
	t.out_cnt = 1;
	t.out_len = sizeof out;
	assert_int_equal(iscsip_initiator_submit(session, &t, 0), ISCSIP_OK);
	turns(3);
	assert_non_null(R.placing);
	waits = pipes[0].len;
	assert_true(waits > 0); /* its immediate data */
	turns(2);
	assert_int_equal(pipes[0].len, waits);
	place.base = R.disk;
	assert_int_equal(iscsip_cmd_set_buffer(R.placing, &place, 1), ISCSIP_OK);
	turns(3);
	assert_int_equal(tasks, 1);
	assert_memory_equal(R.disk, out, sizeof out);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_arrives_over_transports_that_cut_and_refuse),
		cmocka_unit_test(the_end_and_the_faults_of_a_transport_are_told),
		cmocka_unit_test(a_held_connection_receives_nothing_and_loses_nothing),
	};

	return cmocka_run_group_tests_name("run", tests, NULL, NULL);
}
