/* SPDX-License-Identifier: MIT */
/*
 * iSCSI names and target addresses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <iscsiproto/name.h>

static int check(const char *s)
{
	size_t n = strlen(s);
	char *own = malloc(n ? n : 1); /* no NUL behind it: none may be needed */
	int rc;

	memcpy(own, s, n);
	rc = iscsip_name_check(own, n);
	free(own);
	return rc;
}

static void names_of_the_three_types_are_taken(void **state)
{
	(void)state;
	assert_int_equal(check("iqn.2001-04.com.example:storage:diskarrays-sn-a8675309"), ISCSIP_NAME_IQN);
	assert_int_equal(check("iqn.2001-04.com.example"), ISCSIP_NAME_IQN);
	assert_int_equal(check("iqn.1999-12.x"), ISCSIP_NAME_IQN);
	assert_int_equal(check("IQN.2001-04.COM.Example:Disk1"), ISCSIP_NAME_IQN);
	assert_int_equal(check("iqn.2001-04.com.example:"), ISCSIP_NAME_IQN);
	assert_int_equal(check("iqn.2001-04.com.example:caf\xc3\xa9"), ISCSIP_NAME_IQN);
	assert_int_equal(check("eui.02004567A425678D"), ISCSIP_NAME_EUI);
	assert_int_equal(check("naa.52004567BA64678D"), ISCSIP_NAME_NAA);
	assert_int_equal(check("naa.62004567BA64678D0123456789ABCDEF"), ISCSIP_NAME_NAA);
}

static void what_is_no_name_is_refused(void **state)
{
	static const char *bad[] = {
		"", "iqn", "iqn.", "iqn.2001-04", "iqn.2001-04.", "iqn.2001-4.com", "iqn.201-04.com", "iqn.2001-00.com",
				"iqn.2001-13.com",
		"iqn.2001_04.com", "iqn.2001-04com.x", "iqn.2001-04..com", "iqn.2001-04.com.", "iqn.2001-04.com..x",
				"iqn.2001-04.:x",
		"iqn.2001-04.com.example:my disk", "iqn.2001-04.com.example:my_disk", "iqn.2001-04.com.example:a/b",
		"iqn.2001-04.com.example:%n", "iqn.2001-04.com.example:a\nb", "iqn.2001-04.com.example:a\tb",
				"iqn.2001-04.com.example:\x7f",
		"iqn.2001-04.com.example:\xff", "iqn.2001-04.com.example:\xc3", "iqn.2001-04.com.example:\xc2\x85",
		"iqn.2001-04.com.example:\xc2\xa0", "iqn.2001-04.com.example:\xe2\x80\xae",
				"iqn.2001-04.com.example:\xef\xbb\xbf",
		"iqn.2001-04.com.example:\xe3\x80\x80", "iqn.2001-04.com.example:\xf0\x9f\xbf\xbf",
		"eui.", "eui.02004567A425678", "eui.02004567A425678D0", "eui.02004567A425678G", "naa.5200",
				"naa.52004567BA64678D0",
		"naa.62004567BA64678D0123456789ABCDE", "naa.62004567BA64678D0123456789ABCDEF0", "target0",
				"wwn.52004567BA64678D", "iqn2001-04.com" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (check(bad[i]) != ISCSIP_EINVAL)
			fail_msg("taken: %s", bad[i]);
	assert_int_equal(iscsip_name_check("iqn.2001-04.com\0x", 17), ISCSIP_EINVAL);
}

static void names_have_up_to_223_bytes(void **state)
{
	char name[300], out[300];
	size_t n;

	(void)state;
	memset(name, 'A', sizeof name);
	memcpy(name, "iqn.2001-04.com.example:", 24);
	for (n = 221; n <= 226; n++) {
		assert_int_equal(iscsip_name_check(name, n), n <= 223 ? ISCSIP_NAME_IQN : ISCSIP_ENOSPC);
		assert_int_equal(iscsip_name_normalize(out, 224, name, n), n <= 223 ? (ptrdiff_t)n : ISCSIP_ENOSPC);
	}
	assert_int_equal(iscsip_name_normalize(out, 223, name, 223), ISCSIP_ENOSPC);
}

static void names_of_the_field_are_taken_by_the_looser_measure_but_nothing_that_a_log_could_not_hold(void **state)
{
	static const char *const good[] = { "iqn.2000-01.com.synology:ds_918.target-1", "target0", "iqn.2001-04.com:/vol/lun@1#2",
					    "caf\xc3\xa9", "%n" };
	static const char *const bad[] = { "", "a b", "a\tb", "a\nb", "\x1b[2J", "a\x7f", "a\xc2\x9b", "a\xc2\xa0", "\xff", "\xc2",
					   "\xed\xa0\x80", "\xe2\x80\xae", "a\"", "a'", "a`", "a\\", "iqn.a,i,0x1" };
	char name[300], out[ISCSIP_NAME_MAX + 1];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_int_equal(iscsip_name_normalize_any(out, sizeof out, good[i], strlen(good[i])), strlen(good[i]));
		assert_string_equal(out, good[i]);
	}
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (iscsip_name_normalize_any(out, sizeof out, bad[i], strlen(bad[i])) != ISCSIP_EINVAL)
			fail_msg("taken: %s", bad[i]);
	assert_int_equal(iscsip_name_normalize_any(out, sizeof out, "My_Host", 7), 7);
	assert_string_equal(out, "my_host");
	assert_int_equal(iscsip_name_normalize_any(out, 7, "My_Host", 7), ISCSIP_ENOSPC);
	memset(name, '_', sizeof name);
	assert_int_equal(iscsip_name_normalize_any(out, sizeof out, name, ISCSIP_NAME_MAX), ISCSIP_NAME_MAX);
	assert_int_equal(iscsip_name_normalize_any(out, sizeof out, name, ISCSIP_NAME_MAX + 1), ISCSIP_ENOSPC);
}

static void the_normal_form_has_small_letters_and_is_compared(void **state)
{
	char out[ISCSIP_NAME_MAX + 1] = "IQN.2001-04.com.EXAMPLE:Caf\xc3\x89";

	(void)state;
	assert_int_equal(iscsip_name_normalize(out, sizeof out, out, strlen(out)), 29);
	assert_string_equal(out, "iqn.2001-04.com.example:caf\xc3\x89");
	assert_true(iscsip_name_equal("eui.02004567A425678D", "EUI.02004567a425678d"));
	assert_true(iscsip_name_equal("", ""));
	assert_false(iscsip_name_equal("iqn.2001-04.com", "iqn.2001-04.co"));
	assert_false(iscsip_name_equal("iqn.2001-04.co", "iqn.2001-04.com"));
	assert_false(iscsip_name_equal("iqn.2001-04.com:a", "iqn.2001-04.com:b"));
	/* "[" and "{" differ by the bit that letters of two cases differ by */
	assert_false(iscsip_name_equal("[", "{"));
}

static int parse(struct iscsip_address *a, const char *s)
{
	size_t n = strlen(s);
	char *own = malloc(n ? n : 1);
	int rc;

	memcpy(own, s, n);
	rc = iscsip_address_parse(a, own, n);
	free(own);
	return rc;
}

static void addresses_are_read_in_each_of_their_forms(void **state)
{
	static const struct {
		const char *text, *host;
		int kind, port, has_port, tag;
	} good[] = {
		{ "10.0.0.1:5003,1", "10.0.0.1", ISCSIP_HOST_IPV4, 5003, 1, 1 },
		{ "10.0.0.1", "10.0.0.1", ISCSIP_HOST_IPV4, 3260, 0, -1 },
		{ "255.255.255.255,65535", "255.255.255.255", ISCSIP_HOST_IPV4, 3260, 0, 65535 },
		{ "[1080:0:0:0:8:800:200C:417A],65", "1080:0:0:0:8:800:200C:417A", ISCSIP_HOST_IPV6, 3260, 0, 65 },
		{ "[1080::8:800:200C:417A]:5003,1", "1080::8:800:200C:417A", ISCSIP_HOST_IPV6, 5003, 1, 1 },
		{ "[::]", "::", ISCSIP_HOST_IPV6, 3260, 0, -1 },
		{ "[::1]:3260", "::1", ISCSIP_HOST_IPV6, 3260, 1, -1 },
		{ "[1::]", "1::", ISCSIP_HOST_IPV6, 3260, 0, -1 },
		{ "[1:2:3:4:5:6:7::]", "1:2:3:4:5:6:7::", ISCSIP_HOST_IPV6, 3260, 0, -1 },
		{ "[::ffff:192.0.2.1]", "::ffff:192.0.2.1", ISCSIP_HOST_IPV6, 3260, 0, -1 },
		{ "[1:2:3:4:5:6:192.0.2.1]", "1:2:3:4:5:6:192.0.2.1", ISCSIP_HOST_IPV6, 3260, 0, -1 },
		{ "[fe80::1%eth0]:3261,2", "fe80::1%eth0", ISCSIP_HOST_IPV6, 3261, 1, 2 },
		{ "[fe80::1%25eth0.5]", "fe80::1%eth0.5", ISCSIP_HOST_IPV6, 3260, 0, -1 },
		{ "computingcenter.example.com,23", "computingcenter.example.com", ISCSIP_HOST_DNS, 3260, 0, 23 },
		{ "localhost:0xcbd,0x1", "localhost", ISCSIP_HOST_DNS, 3261, 1, 1 },
		{ "a-b.c_d.", "a-b.c_d.", ISCSIP_HOST_DNS, 3260, 0, -1 },
		{ "3com.example", "3com.example", ISCSIP_HOST_DNS, 3260, 0, -1 },
	};
	struct iscsip_address a;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof good / sizeof good[0]; i++) {
		if (parse(&a, good[i].text) != ISCSIP_OK)
			fail_msg("refused: %s", good[i].text);
		assert_string_equal(a.host, good[i].host);
		assert_int_equal(a.kind, good[i].kind);
		assert_int_equal(a.port, good[i].port);
		assert_int_equal(a.has_port, good[i].has_port);
		assert_int_equal(a.has_tag, good[i].tag >= 0);
		assert_int_equal(a.tag, good[i].tag < 0 ? 0 : good[i].tag);
	}
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *bad[] = { "", ":3260", ",1", "10.0.0", "10.0.0.256", "10.0.0.01", "10.0.0.1.", "1.2.3.4.5",
			"10.0.0.1:", "10.0.0.1:0",
				     "10.0.0.1:65536", "10.0.0.1:x", "10.0.0.1,", "10.0.0.1,65536", "10.0.0.1,1,2",
						"10.0.0.1:1:2", "123", "1.2.3",
				     "[::1", "::1", "[]", "[:]", "[:::]", "[1::2::3]", "[1:2:3:4:5:6:7]",
						"[1:2:3:4:5:6:7:8:9]", "[1:2:3:4:5:6:7:8::]",
				     "[12345::]", "[g::]", "[::1]x", "[::1.2.3]", "[1:2:3:4:5:6:7:1.2.3.4]", "[::1%]",
						"[::1%a b]", "[::1%]]", "[1:]",
				     "[:1]", "host name", "-host", "host-", "host-.x", "a..b", ".a", ".", "ho/st", "h%n",
						"host\n", "[::1]3260" };
	struct iscsip_address a;
	char label[80];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (parse(&a, bad[i]) != ISCSIP_EINVAL)
			fail_msg("taken: %s", bad[i]);
	memset(label, 'a', sizeof label);
	assert_int_equal(iscsip_address_parse(&a, label, 63), ISCSIP_OK);
	assert_int_equal(iscsip_address_parse(&a, label, 64), ISCSIP_EINVAL);
}

static void long_hosts_and_zones_stay_in_their_room(void **state)
{
	struct iscsip_address a;
	char text[600], out[280];
	size_t n;

	(void)state;
	for (n = 0; n < sizeof text; n++)
		text[n] = n % 50 == 49 ? '.' : 'h';
	assert_int_equal(iscsip_address_parse(&a, text, 253), ISCSIP_OK);
	assert_int_equal(strlen(a.host), 253);
	assert_int_equal(iscsip_address_parse(&a, text, 254), ISCSIP_EINVAL);
	assert_int_equal(iscsip_address_parse(&a, text, 599), ISCSIP_EINVAL);
	memset(text, 'z', sizeof text);
	memcpy(text, "[fe80::1%", 9);
	for (n = 11; n < 500; n++) {
		int rc;

		text[n - 1] = ']';
		rc = iscsip_address_parse(&a, text, n);
		assert_int_equal(rc, n - 2 <= 255 ? ISCSIP_OK : ISCSIP_EINVAL);
		if (rc == ISCSIP_OK)
			assert_int_equal(iscsip_address_format(&a, out, sizeof out), n + 2);
		text[n - 1] = 'z';
	}
}

static void addresses_are_written_as_they_were_read(void **state)
{
	static const char *texts[] = { "10.0.0.1:5003,1", "10.0.0.1", "[::1]:3260", "[1080::8:800:200C:417A]:5003,1",
			"example.com,0",
				       "[fe80::1%25eth0]:3261,2" };
	struct iscsip_address a;
	char out[300];
	size_t i, cap;

	(void)state;
	for (i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		size_t n = strlen(texts[i]);

		assert_int_equal(parse(&a, texts[i]), ISCSIP_OK);
		assert_int_equal(iscsip_address_format(&a, out, sizeof out), n);
		assert_string_equal(out, texts[i]);
		for (cap = 0; cap <= n; cap++) {
			memset(out, '?', sizeof out);
			assert_int_equal(iscsip_address_format(&a, out, cap), ISCSIP_ENOSPC);
			assert_int_equal(out[0], '?');
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_the_three_types_are_taken),
		cmocka_unit_test(what_is_no_name_is_refused),
		cmocka_unit_test(names_have_up_to_223_bytes),
		cmocka_unit_test(names_of_the_field_are_taken_by_the_looser_measure_but_nothing_that_a_log_could_not_hold),
		cmocka_unit_test(the_normal_form_has_small_letters_and_is_compared),
		cmocka_unit_test(addresses_are_read_in_each_of_their_forms),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(long_hosts_and_zones_stay_in_their_room),
		cmocka_unit_test(addresses_are_written_as_they_were_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
