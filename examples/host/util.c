/* SPDX-License-Identifier: MIT */
/*
 * Messages, numbers, memory and progress of the tools (util.h).
 */
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "outlet.h"

#define OUTLET_ROOM (1u << 20)
#define DRAIN_MS 500u

const char *program = "iscsi";
int verbosity;

/* Where messages and results go that must not wait; NULL: there they do not, or nobody else waits for the program. */
static struct outlet *apart[STDERR_FILENO + 1];

static void drain_all(void)
{
	int fd;

	for (fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		if (apart[fd])
			(void)outlet_drain(apart[fd], DRAIN_MS, NULL); /* there is nowhere left to tell of it */
}

void messages_apart(void)
{
	struct stat out, err;

	apart[STDERR_FILENO] = outlet_open(STDERR_FILENO, OUTLET_ROOM, "%lu messages are lost: nobody took them\n");
	if (fstat(STDOUT_FILENO, &out) == 0 && fstat(STDERR_FILENO, &err) == 0 && out.st_dev == err.st_dev && out.st_ino == err.st_ino)
		apart[STDOUT_FILENO] = apart[STDERR_FILENO]; /* one place, one order */
	else
		apart[STDOUT_FILENO] = outlet_open(STDOUT_FILENO, OUTLET_ROOM, NULL);
	if (atexit(drain_all))
		die("out of memory");
}

/* What cannot be written has nobody who could be told; what an outlet does not take it counts. */
static void emit(int fd, const char *text, size_t len)
{
	const struct iovec v = { (void *)(uintptr_t)text, len };
	FILE *f = fd == STDOUT_FILENO ? stdout : stderr;

	if (apart[fd]) {
		(void)outlet_put(apart[fd], &v, 1);
	} else {
		fwrite(text, 1, len, f);
		fflush(f);
	}
}

/* `head` and a colon, where there is one, then the rest, as one line. */
static void line(const char *head, const char *fmt, va_list ap)
{
	char text[1100];
	int n = head ? snprintf(text, sizeof text, "%.60s: ", head) : 0;

	vsnprintf(text + n, sizeof text - 1 - (size_t)n, fmt, ap);
	/* names, lines of files and words of a peer are part of it: a message is one line and commands no terminal */
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	n = (int)strlen(text);
	text[n++] = '\n';
	emit(STDERR_FILENO, text, (size_t)n);
}

void usage_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(program, fmt, ap);
	va_end(ap);
	fprintf(stderr, "Try '%s --help'.\n", program);
	exit(EXIT_USAGE);
}

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(program, fmt, ap);
	va_end(ap);
	exit(EXIT_MET);
}

void complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(program, fmt, ap);
	va_end(ap);
}

void say(const char *lines, size_t len)
{
	emit(STDOUT_FILENO, lines, len);
}

void show(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(NULL, fmt, ap);
	va_end(ap);
}

void tell(const char *fmt, ...)
{
	va_list ap;

	if (verbosity == 0)
		return;
	va_start(ap, fmt);
	line(program, fmt, ap);
	va_end(ap);
}

/* At exit: results that a full disk or a closed pipe did not take are missed by nobody else. */
static void settle_stdout(void)
{
	if (!ferror(stdout) && fflush(stdout) == 0)
		return;
	complain("stdout: %s", strerror(errno));
	_exit(EXIT_MET);
}

void program_begin(const char *name, bool results)
{
	program = name;
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) /* open() takes the lowest number that is free */
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDERR_FILENO || !results ? O_RDWR : O_RDONLY) < 0)
			_exit(EXIT_MET);
	if (results && atexit(settle_stdout))
		die("out of memory");
}

void option_wrong(int answer, const char *word)
{
	if (answer == ':')
		usage_error("'%s' needs a value", word);
	if (optopt > UINT8_MAX || optopt == 'v') /* -v is known: it was --verbose=... */
		usage_error("'%s': this option takes no value", word);
	if (optopt)
		usage_error("'-%c' is not an option of this program", optopt);
	usage_error("'%s' is not an option of this program", word);
}

void *need(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	if (!p)
		die("out of memory (%zu bytes)", size);
	return p;
}

char *need_copy(const char *text)
{
	size_t len = strlen(text) + 1;

	return memcpy(need(len), text, len);
}

static bool digits(const char *text, uint64_t *out, const char **end)
{
	char *stop;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*out = strtoull(text, &stop, 10);
	*end = stop;
	return errno == 0;
}

bool parse_number(const char *text, uint64_t lo, uint64_t hi, uint64_t *out)
{
	const char *end;

	return digits(text, out, &end) && *end == '\0' && *out >= lo && *out <= hi;
}

const char *option_lun(const char *text)
{
	const char *end;
	uint64_t n;

	return digits(text, &n, &end) && n <= 255 && *end == '=' ? end + 1 : NULL;
}

bool parse_size(const char *text, uint64_t *out)
{
	static const char suffixes[] = "KMGT";
	const char *end, *at;
	unsigned shift;

	if (!digits(text, out, &end))
		return false;
	if (*end == '\0')
		return true;
	at = strchr(suffixes, *end >= 'a' ? *end - 'a' + 'A' : *end);
	if (!at || end[1] != '\0')
		return false;
	shift = 10u * (unsigned)(at - suffixes + 1);
	if (*out > UINT64_MAX >> shift)
		return false;
	*out <<= shift;
	return true;
}

uint64_t option_number(const char *option, const char *text, uint64_t lo, uint64_t hi)
{
	uint64_t n;

	if (!parse_number(text, lo, hi, &n))
		usage_error("%s: '%s' is not a number from %llu to %llu", option, text, (unsigned long long)lo,
			    (unsigned long long)hi);
	return n;
}

uint64_t option_size(const char *option, const char *text)
{
	uint64_t n;

	if (!parse_size(text, &n))
		usage_error("%s: '%s' is not a size (a number, perhaps with K, M, G or T)", option, text);
	return n;
}

uint64_t option_size_upto(const char *option, const char *text, uint64_t most)
{
	uint64_t n = option_size(option, text);

	if (n > most)
		usage_error("%s: '%s' is more than %" PRIu64 " bytes", option, text, most);
	return n;
}

double option_seconds(const char *option, const char *text)
{
	char *end;
	double n = strtod(text, &end);

	if (end == text || *end != '\0' || !(n > 0) || n > 86400)
		usage_error("%s: '%s' is not a number of seconds", option, text);
	return n;
}

void random_bytes(void *user, uint8_t *dst, size_t len)
{
	(void)user;
	while (len) {
		ssize_t n = getrandom(dst, len, 0);

		if (n < 0 && errno != EINTR)
			die("no random bytes: %s", strerror(errno));
		if (n > 0) {
			dst += n;
			len -= (size_t)n;
		}
	}
}

uint64_t clock_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

void progress_begin(struct progress *p, const char *what, uint64_t total)
{
	memset(p, 0, sizeof *p);
	p->what = what;
	p->total = total;
	p->start_us = clock_us();
	p->on = isatty(STDERR_FILENO) && total;
}

void progress_add(struct progress *p, uint64_t bytes)
{
	uint64_t now, spent;
	double rate;

	p->done += bytes;
	if (!p->on)
		return;
	now = clock_us();
	spent = now - p->start_us;
	if (now - p->shown_us < 100000 || spent == 0)
		return;
	p->shown_us = now;
	rate = (double)p->done / (double)spent;
	fprintf(stderr, "\r%s %3d %%  %.1f MB/s  %.0f s left ", p->what, (int)(100.0 * (double)p->done / (double)p->total),
		rate, rate > 0 ? (double)(p->total - p->done) / rate / 1e6 : 0.0);
	fflush(stderr);
}

void progress_end(struct progress *p)
{
	if (p->on && p->shown_us)
		fprintf(stderr, "\r%-60s\r", "");
}
