/* SPDX-License-Identifier: MIT */
/*
 * The registry of sessions against a plain list.
 */
#include <iscsiproto/iscsiproto.h>
#include <iscsiproto/registry.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct iscsip_login_info nexus(unsigned n)
{
	struct iscsip_login_info info;

	memset(&info, 0, sizeof info);
	(void)snprintf(info.initiator_name, sizeof info.initiator_name, "iqn.2001-04.test:host%u", n / 4);
	(void)snprintf(info.target_name, sizeof info.target_name, "iqn.2001-04.test:%s", n & 1 ? "disk" : "tape");
	info.isid[5] = (uint8_t)(n >> 1 & 1);
	info.portal_group_tag = 1;
	return info;
}

/* Sessions are not looked into: any address will do. */
static struct iscsip_session *session(unsigned n)
{
	static char places[1000];

	return (struct iscsip_session *)(void *)&places[n];
}

static struct iscsip_registry *make(void **mem, uint32_t max)
{
	struct iscsip_registry *r;

	*mem = malloc(iscsip_registry_size(max));
	memset(*mem, 0x5a, iscsip_registry_size(max));
	assert_int_equal(iscsip_registry_init(&r, *mem, iscsip_registry_size(max), max, 0x1234567890abcdefu), ISCSIP_OK);
	return r;
}

static void every_session_is_found_by_its_handle_and_by_its_nexus(void **state)
{
	enum { N = 300 };
	struct iscsip_registry *r;
	uint16_t tsih[N];
	bool in[N] = { false };
	unsigned left = 0, seed = 1;
	void *mem;

	(void)state;
	r = make(&mem, N);
	for (unsigned step = 0; step < 5000; step++) {
		unsigned n = (seed = seed * 1664525u + 1013904223u) >> 8;
		struct iscsip_login_info info = nexus(n %= N);

		if (in[n]) {
			assert_int_equal(iscsip_registry_remove(r, tsih[n]), ISCSIP_OK);
			assert_int_equal(iscsip_registry_remove(r, tsih[n]), ISCSIP_ENOENT);
			left--;
		} else {
			assert_int_equal(iscsip_registry_add(r, session(n), &info, &tsih[n]), ISCSIP_OK);
			assert_int_not_equal(tsih[n], 0);
			left++;
		}
		in[n] = !in[n];
		assert_int_equal(iscsip_registry_count(r), left);
		assert_ptr_equal(iscsip_registry_find_nexus(r, &info), in[n] ? session(n) : NULL);
		n = seed % N;
		info = nexus(n);
		info.tsih = tsih[n];
		assert_ptr_equal(iscsip_registry_find_nexus(r, &info), in[n] ? session(n) : NULL);
		if (in[n])
			assert_ptr_equal(iscsip_registry_find_tsih(r, &info), session(n));
	}
	free(mem);
}

static void a_handle_of_another_nexus_finds_nothing(void **state)
{
	struct iscsip_login_info info = nexus(0), other;
	struct iscsip_registry *r;
	uint16_t tsih;
	void *mem;

	(void)state;
	r = make(&mem, 2);
	assert_int_equal(iscsip_registry_add(r, session(0), &info, &tsih), ISCSIP_OK);
	info.tsih = tsih;
	assert_ptr_equal(iscsip_registry_find_tsih(r, &info), session(0));
	other = info;
	other.initiator_name[20] = 'x';
	assert_null(iscsip_registry_find_tsih(r, &other));
	other = info;
	other.target_name[20] = 'x';
	assert_null(iscsip_registry_find_tsih(r, &other));
	other = info;
	other.isid[0] = 1;
	assert_null(iscsip_registry_find_tsih(r, &other));
	other = info;
	other.portal_group_tag = 2;
	assert_null(iscsip_registry_find_tsih(r, &other));
	free(mem);
}

/* RFC 7143 7.4.2.1: each portal has its own, however many are of one group; and none is another type's. */
static void unnamed_discovery_sessions_are_told_apart_by_their_portal(void **state)
{
	struct iscsip_login_info info = nexus(0), other;
	struct iscsip_registry *r;
	uint16_t tsih[2];
	void *mem;

	(void)state;
	r = make(&mem, 4);
	info.target_name[0] = '\0';
	info.session_type = ISCSIP_SESSION_DISCOVERY;
	info.portal = 1;
	other = info;
	other.portal = 2;
	assert_int_equal(iscsip_registry_add(r, session(0), &info, &tsih[0]), ISCSIP_OK);
	assert_null(iscsip_registry_find_nexus(r, &other));
	assert_int_equal(iscsip_registry_add(r, session(1), &other, &tsih[1]), ISCSIP_OK);
	info.portal_group_tag = 9; /* is not looked at */
	assert_ptr_equal(iscsip_registry_find_nexus(r, &info), session(0));
	assert_ptr_equal(iscsip_registry_find_nexus(r, &other), session(1));
	other = nexus(0);
	other.portal = 1;
	assert_null(iscsip_registry_find_nexus(r, &other));
	/* with a name it is the group that counts, whatever portal of it */
	assert_int_equal(iscsip_registry_add(r, session(2), &other, &tsih[0]), ISCSIP_OK);
	other.portal = 2;
	assert_ptr_equal(iscsip_registry_find_nexus(r, &other), session(2));
	free(mem);
}

static void a_full_registry_takes_no_more_and_handles_come_round_late(void **state)
{
	struct iscsip_login_info info = nexus(0), second = nexus(1);
	struct iscsip_registry *r;
	uint16_t tsih, kept, seen = 0;
	void *mem;

	(void)state;
	r = make(&mem, 2);
	assert_int_equal(iscsip_registry_add(r, session(1), &second, &kept), ISCSIP_OK);
	for (int i = 0; i < 70000; i++) {
		assert_int_equal(iscsip_registry_add(r, session(0), &info, &tsih), ISCSIP_OK);
		assert_int_not_equal(tsih, 0);
		assert_int_not_equal(tsih, kept);
		assert_int_not_equal(tsih, seen);
		seen = tsih;
		if (i == 0)
			assert_int_equal(iscsip_registry_add(r, session(2), &info, &tsih), ISCSIP_EAGAIN);
		assert_int_equal(iscsip_registry_remove(r, seen), ISCSIP_OK);
	}
	assert_ptr_equal(iscsip_registry_at(r, 0), session(1));
	assert_null(iscsip_registry_at(r, 1));
	free(mem);
}

static void bad_sizes_are_refused(void **state)
{
	struct iscsip_registry *r;
	uint64_t mem[64];

	(void)state;
	assert_int_equal(iscsip_registry_size(0), 0);
	assert_int_equal(iscsip_registry_size(65536), 0);
	assert_int_equal(iscsip_registry_init(&r, mem, sizeof mem, 0, 1), ISCSIP_EINVAL);
	assert_int_equal(iscsip_registry_init(&r, mem, sizeof mem, 65535, 1), ISCSIP_ENOSPC);
	assert_int_equal(iscsip_registry_init(&r, (char *)mem + 1, sizeof mem - 1, 1, 1), ISCSIP_EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_session_is_found_by_its_handle_and_by_its_nexus),
		cmocka_unit_test(a_handle_of_another_nexus_finds_nothing),
		cmocka_unit_test(unnamed_discovery_sessions_are_told_apart_by_their_portal),
		cmocka_unit_test(a_full_registry_takes_no_more_and_handles_come_round_late),
		cmocka_unit_test(bad_sizes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
