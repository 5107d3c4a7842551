/* SPDX-License-Identifier: MIT */
/*
 * The part of CMocka's interface that the tests use, in one header of our own: for word sizes, byte orders and
 * sanitizers that no packaged CMocka was built for. Same names, same meaning, TAP as the only output. No mocks
 * (will_return and its family): the tests of this library have no use for them.
 *
 * A failed assertion leaves its test by longjmp(), a skip likewise; a signal ends the program, and tests/run
 * counts the tests that the plan promised and that did not come.
 */
#ifndef CMOCKA_H
#define CMOCKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#if defined(__GNUC__)
#define CM_UNUSED __attribute__((unused))
#define CM_PRINTF(at, first) __attribute__((format(printf, at, first), unused))
#else
#define CM_UNUSED
#define CM_PRINTF(at, first)
#endif

typedef void (*CMUnitTestFunction)(void **state);
typedef int (*CMFixtureFunction)(void **state);

struct CMUnitTest {
	const char *name;
	CMUnitTestFunction test_func;
	CMFixtureFunction setup_func;
	CMFixtureFunction teardown_func;
	void *initial_state;
};

#define cmocka_unit_test(f) { #f, f, NULL, NULL, NULL }
#define cmocka_unit_test_setup(f, setup) { #f, f, setup, NULL, NULL }
#define cmocka_unit_test_teardown(f, teardown) { #f, f, NULL, teardown, NULL }
#define cmocka_unit_test_setup_teardown(f, setup, teardown) { #f, f, setup, teardown, NULL }
#define cmocka_unit_test_prestate(f, state) { #f, f, NULL, NULL, state }
#define cmocka_unit_test_prestate_setup_teardown(f, setup, teardown, state) { #f, f, setup, teardown, state }

/* How a test is left early. */
enum cm_end { CM_RAN, CM_FAILED, CM_SKIPPED };

static jmp_buf cm_leave;

CM_UNUSED static void cm_fail_at(const char *file, int line)
{
	printf("# %s:%d: error: Failure!\n", file, line);
	longjmp(cm_leave, CM_FAILED);
}

CM_PRINTF(1, 2) static void print_message(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
}

CM_PRINTF(1, 2) static void print_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
}

CM_UNUSED static void cm_expect(bool good, const char *what, const char *file, int line)
{
	if (good)
		return;
	printf("# %s\n", what);
	cm_fail_at(file, line);
}

CM_UNUSED static void cm_expect_int(uintmax_t a, uintmax_t b, bool equal, const char *file, int line)
{
	if ((a == b) == equal)
		return;
	printf("# 0x%jx %s 0x%jx\n", a, equal ? "!=" : "==", b);
	cm_fail_at(file, line);
}

CM_UNUSED static void cm_expect_string(const char *a, const char *b, bool equal, const char *file, int line)
{
	if ((strcmp(a, b) == 0) == equal)
		return;
	printf("# \"%s\" %s \"%s\"\n", a, equal ? "!=" : "==", b);
	cm_fail_at(file, line);
}

CM_UNUSED static void cm_expect_memory(const void *a, const void *b, size_t size, bool equal, const char *file, int line)
{
	const unsigned char *x = (const unsigned char *)a, *y = (const unsigned char *)b;
	size_t differing = 0;

	for (size_t i = 0; i < size; i++) {
		if (x[i] == y[i])
			continue;
		if (equal && differing < 16)
			printf("# difference at offset %zu 0x%02x 0x%02x\n", i, x[i], y[i]);
		differing++;
	}
	if ((differing == 0) == equal)
		return;
	printf("# %zu bytes of %zu differ\n", differing, size);
	cm_fail_at(file, line);
}

CM_UNUSED static void cm_expect_range(uintmax_t v, uintmax_t lo, uintmax_t hi, bool inside, const char *file, int line)
{
	if ((v >= lo && v <= hi) == inside)
		return;
	printf("# %ju is %s the range %ju-%ju\n", v, inside ? "not within" : "within", lo, hi);
	cm_fail_at(file, line);
}

#define cm_int(v) ((uintmax_t)(v))
#define assert_true(c) cm_expect(!!(c), #c, __FILE__, __LINE__)
#define assert_false(c) cm_expect(!(c), "not " #c, __FILE__, __LINE__)
#define assert_non_null(p) cm_expect((p) != NULL, #p " is NULL", __FILE__, __LINE__)
#define assert_null(p) cm_expect((p) == NULL, #p " is not NULL", __FILE__, __LINE__)
#define assert_ptr_equal(a, b) cm_expect((const void *)(a) == (const void *)(b), #a " != " #b, __FILE__, __LINE__)
#define assert_ptr_not_equal(a, b) cm_expect((const void *)(a) != (const void *)(b), #a " == " #b, __FILE__, __LINE__)
#define assert_int_equal(a, b) cm_expect_int(cm_int(a), cm_int(b), true, __FILE__, __LINE__)
#define assert_int_not_equal(a, b) cm_expect_int(cm_int(a), cm_int(b), false, __FILE__, __LINE__)
#define assert_return_code(rc, error) cm_expect((rc) >= 0, #rc " < 0", __FILE__, __LINE__)
#define assert_string_equal(a, b) cm_expect_string(a, b, true, __FILE__, __LINE__)
#define assert_string_not_equal(a, b) cm_expect_string(a, b, false, __FILE__, __LINE__)
#define assert_memory_equal(a, b, size) cm_expect_memory(a, b, size, true, __FILE__, __LINE__)
#define assert_memory_not_equal(a, b, size) cm_expect_memory(a, b, size, false, __FILE__, __LINE__)
#define assert_in_range(v, lo, hi) cm_expect_range(cm_int(v), cm_int(lo), cm_int(hi), true, __FILE__, __LINE__)
#define assert_not_in_range(v, lo, hi) cm_expect_range(cm_int(v), cm_int(lo), cm_int(hi), false, __FILE__, __LINE__)
#define fail() cm_fail_at(__FILE__, __LINE__)
#define fail_msg(...) (printf("# "), printf(__VA_ARGS__), printf("\n"), cm_fail_at(__FILE__, __LINE__))
#define skip() longjmp(cm_leave, CM_SKIPPED)

/* Runs one test with its fixtures; `shared` is the group's state. */
CM_UNUSED static enum cm_end cm_run_test(const struct CMUnitTest *test, void *shared)
{
	void *state = test->initial_state ? test->initial_state : shared;
	int left;

	if (test->setup_func && test->setup_func(&state) != 0) {
		printf("# the setup failed\n");
		return CM_FAILED;
	}
	left = setjmp(cm_leave);
	if (left == CM_RAN)
		test->test_func(&state);
	if (test->teardown_func && test->teardown_func(&state) != 0) {
		printf("# the teardown failed\n");
		return CM_FAILED;
	}
	return (enum cm_end)left;
}

CM_UNUSED static int cm_run_group(const struct CMUnitTest *tests, size_t n, CMFixtureFunction setup, CMFixtureFunction teardown)
{
	void *state = NULL;
	int failed = 0;

	printf("1..%zu\n", n);
	fflush(stdout);
	if (setup && setup(&state) != 0) {
		printf("not ok - the group's setup failed\n");
		return (int)n;
	}
	for (size_t i = 0; i < n; i++) {
		enum cm_end end = cm_run_test(&tests[i], state);

		if (end == CM_SKIPPED)
			printf("ok %zu - %s # SKIP by itself\n", i + 1, tests[i].name);
		else
			printf("%sok %zu - %s\n", end == CM_FAILED ? "not " : "", i + 1, tests[i].name);
		fflush(stdout);
		failed += end == CM_FAILED;
	}
	if (teardown && teardown(&state) != 0) {
		printf("not ok - the group's teardown failed\n");
		failed++;
	}
	return failed;
}

#define cmocka_run_group_tests(tests, setup, teardown) \
	cm_run_group(tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)
#define cmocka_run_group_tests_name(name, tests, setup, teardown) cmocka_run_group_tests(tests, setup, teardown)

#endif
