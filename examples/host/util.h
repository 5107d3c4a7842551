/* SPDX-License-Identifier: MIT */
/*
 * Small things that every tool needs: messages, numbers, memory that must be there, progress.
 */
#ifndef HOST_UTIL_H
#define HOST_UTIL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit codes of all tools (fixed). */
enum { EXIT_DONE = 0, EXIT_MET = 1, EXIT_USAGE = 2 };

/* Name of the program in its messages. */
extern const char *program;
/* 0: only results and errors; 1: a line for each event; 2: PDUs, too. */
extern int verbosity;

/*
 * The first call of main(). Descriptors 0 to 2 that came closed are taken, so that no disk and no socket gets their number and
 * the program's messages. Where stdout has the results, a program that could not write them all ends with code 1.
 */
void program_begin(const char *name, bool results);
/* For what getopt_long() could not take, ':' or '?'; `word` is what it looked at. */
__attribute__((noreturn)) void option_wrong(int answer, const char *word);

/* One line on stderr, and out with code 2. */
__attribute__((format(printf, 1, 2), noreturn)) void usage_error(const char *fmt, ...);
/* One line on stderr, and out with code 1. */
__attribute__((format(printf, 1, 2), noreturn)) void die(const char *fmt, ...);
/* One line on stderr. */
__attribute__((format(printf, 1, 2))) void complain(const char *fmt, ...);
/* One line on stderr without the program's name. */
__attribute__((format(printf, 1, 2))) void show(const char *fmt, ...);
/*
 * From now on messages and results wait for nobody: a pipe that is full, or a terminal that was stopped, loses some of them
 * (outlet.h). For programs whose threads have others to serve. What is left at the end is given half a second.
 */
void messages_apart(void);
/* Results on stdout: whole lines, which leave together. */
void say(const char *lines, size_t len);
/* One line on stderr with --verbose. */
__attribute__((format(printf, 1, 2))) void tell(const char *fmt, ...);

/* Zeroed memory; ends the program where there is none. */
void *need(size_t size);
char *need_copy(const char *text);

/* A number with a suffix K, M, G, T (powers of 1024), or plain. False where it is none or does not fit. */
bool parse_size(const char *text, uint64_t *out);
/* A plain decimal number in [lo, hi]. */
bool parse_number(const char *text, uint64_t lo, uint64_t hi, uint64_t *out);
/* `N=TEXT` with a LUN N from 0 to 255: TEXT, or NULL where it is none. */
const char *option_lun(const char *text);
/* The same for an option: ends the program with its name where it is wrong. */
uint64_t option_number(const char *option, const char *text, uint64_t lo, uint64_t hi);
uint64_t option_size(const char *option, const char *text);
uint64_t option_size_upto(const char *option, const char *text, uint64_t most);
/* Seconds, perhaps with a fraction, more than 0 and up to a day. */
double option_seconds(const char *option, const char *text);

/* Bytes that nobody can guess. */
void random_bytes(void *user, uint8_t *dst, size_t len);

/* Progress on stderr, where that is a terminal: percent, rate, time left, at most ten times a second. */
struct progress {
	uint64_t done, total;
	uint64_t start_us, shown_us;
	const char *what;
	bool on;
};

void progress_begin(struct progress *p, const char *what, uint64_t total);
void progress_add(struct progress *p, uint64_t bytes);
void progress_end(struct progress *p);

uint64_t clock_us(void);

#endif
