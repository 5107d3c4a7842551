# SPDX-License-Identifier: MIT
#
# libiscsiproto: one Makefile, no configure step. `make` needs a C11 compiler, make and libc; every other
# target says what it needs. Everything made stands below $(BUILD), so a variant of the whole tree is a
# second BUILD:
#
#	make BUILD=build/clang CC=clang
#	make BUILD=build/small CFLAGS='-Os -g0' DEFS='-DISCSIP_NO_MD5 -DISCSIP_NO_SHA1'
#
# Variables to set from outside:
#	CC, CFLAGS, LDFLAGS, DEFS     compiler, options, macros of the build switches (docs/porting.md)
#	WERROR=1                      warnings are errors (every part of `make check` sets it)
#	ROOMS                         the rooms of lib/ to take, with those that they need (lib/LAYERS): ROOMS='target disk'
#	PREFIX, LIBDIR, DESTDIR       where `make install` writes
#	BUILD                         the folder of everything made, build by default

BUILD ?= build
AR ?= ar
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
INCLUDEDIR ?= $(PREFIX)/include
LIBDIR ?= $(PREFIX)/lib
MANDIR ?= $(PREFIX)/share/man

all: lib tools

.SECONDEXPANSION:
PERCENT := %
include lib/sources.mk
ifneq ($(ROOMS),)
ifneq ($(shell sh lib/rooms $(ROOMS) >/dev/null && echo known),known)
$(error ROOMS='$(ROOMS)': lib/LAYERS has the names of the rooms)
endif
LIB_SRCS := $(filter $(patsubst %,lib/%/$(PERCENT),$(shell sh lib/rooms $(ROOMS))),$(LIB_SRCS))
endif

VERSION := $(shell sed -n 's/^\#define ISCSIP_VERSION "\(.*\)"/\1/p' include/iscsiproto/version.h)
SOVERSION := 0

WARN := -Wall -Wextra -Wpedantic -Wconversion -Wshadow $(if $(WERROR),-Werror)
CPP_FLAGS := -Iinclude -Ilib $(DEFS)
# clang makes bcmp() of memcmp() where it may; a bare-metal host has none
C_FLAGS = -std=c11 -fno-builtin-bcmp $(WARN) $(CPP_FLAGS) -MMD -MP $(CFLAGS)

# --- the library -----------------------------------------------------------------------------------------

LIB_FLAGS = $(C_FLAGS) -Wvla -Wundef -Wmissing-prototypes -Wstrict-prototypes -fvisibility=hidden

LIB_A := $(BUILD)/libiscsiproto.a
LIB_SO := $(BUILD)/libiscsiproto.so.$(SOVERSION)
LIB_OBJS := $(LIB_SRCS:%.c=$(BUILD)/obj/%.o)
PIC_OBJS := $(LIB_SRCS:%.c=$(BUILD)/pic/%.o)
PUBLIC_HEADERS := $(sort $(wildcard include/iscsiproto/*.h))

lib: $(LIB_A) $(LIB_SO)

# Objects are made anew when the compiler or its options change (but for -Werror, which changes no object).
FLAGS_NOW = $(CC) $(filter-out -Werror,$(LIB_FLAGS)) $(LDFLAGS)
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(FLAGS_NOW)' | cmp -s - $@ || echo '$(FLAGS_NOW)' > $@

$(LIB_OBJS): $(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(LIB_FLAGS) -c -o $@ $<

$(PIC_OBJS): $(BUILD)/pic/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(LIB_FLAGS) -fPIC -c -o $@ $<

$(LIB_A): $(LIB_OBJS) lib/sources.mk
	@rm -f $@
	$(AR) rcs $@ $(LIB_OBJS)

$(LIB_SO): $(PIC_OBJS) lib/libiscsiproto.map lib/sources.mk
	$(CC) $(CFLAGS) -shared -Wl,-soname,$(@F) -Wl,--version-script,lib/libiscsiproto.map -Wl,-z,defs \
		$(LDFLAGS) -o $@ $(PIC_OBJS)
	@ln -sf $(@F) $(BUILD)/libiscsiproto.so

# --- the example tools: one program for each examples/NAME.c with a main --------------------------------
# examples/host/*.c is what they share; examples/NAME/*.c, where there is such a folder, belongs to NAME.

PROGRAMS := $(patsubst examples/%.c,%,$(shell grep -ls '^int main' $(wildcard examples/*.c) /dev/null))
HOST_OBJS := $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard examples/host/*.c)))
HOST_A := $(if $(HOST_OBJS),$(BUILD)/libhost.a)
EXAMPLE_OBJS := $(PROGRAMS:%=$(BUILD)/obj/examples/%.o) \
	$(foreach p,$(PROGRAMS),$(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard examples/$(p)/*.c)))
PROGRAM_BINS := $(PROGRAMS:%=$(BUILD)/bin/%)

tools: $(PROGRAM_BINS)

$(HOST_OBJS) $(EXAMPLE_OBJS): $(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(C_FLAGS) -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Iexamples -pthread -c -o $@ $<

$(BUILD)/libhost.a: $(HOST_OBJS)
	@rm -f $@
	$(AR) rcs $@ $(HOST_OBJS)

$(PROGRAM_BINS): $(BUILD)/bin/%: $(BUILD)/obj/examples/%.o \
		$$(patsubst $$(PERCENT).c,$(BUILD)/obj/$$(PERCENT).o,$$(wildcard examples/$$*/*.c)) $(HOST_A) $(LIB_A)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -pthread -o $@ $^

demo: all
	BUILD=$(BUILD) sh examples/demo.sh

# --- tests -----------------------------------------------------------------------------------------------
# Each tests/{unit,flow,fault}/test_*.c is one program; the other sources of these folders, and those of
# tests/support, are an archive that the programs take what they need from. tests/run says how the parts
# of `make check` are found, run and counted. CMOCKA_CFLAGS and CMOCKA_LIBS may name another implementation of
# CMocka's interface (tests/portability/cmocka.h, for machines that have none).

TEST_SRCS := $(sort $(wildcard tests/unit/test_*.c tests/flow/test_*.c tests/fault/test_*.c))
SUPPORT_SRCS := $(filter-out $(TEST_SRCS),$(sort $(wildcard $(addprefix tests/,support/*.c unit/*.c flow/*.c fault/*.c))))
TEST_OBJS := $(TEST_SRCS:%.c=$(BUILD)/obj/%.o)
SUPPORT_OBJS := $(SUPPORT_SRCS:%.c=$(BUILD)/obj/%.o)
SUPPORT_A := $(if $(SUPPORT_OBJS),$(BUILD)/libsupport.a)
TEST_BINS := $(TEST_SRCS:%.c=$(BUILD)/%)
CMOCKA_CFLAGS ?=
CMOCKA_LIBS ?= -lcmocka

tests: $(TEST_BINS)

$(TEST_OBJS) $(SUPPORT_OBJS): $(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(C_FLAGS) -Itests $(CMOCKA_CFLAGS) -c -o $@ $<

$(BUILD)/libsupport.a: $(SUPPORT_OBJS)
	@rm -f $@
	$(AR) rcs $@ $(SUPPORT_OBJS)

$(TEST_BINS): $(BUILD)/%: $(BUILD)/obj/%.o $(SUPPORT_A) $(LIB_A)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(CMOCKA_LIBS)

# What takes longest goes first, so that at the end no long job runs alone.
CHECK_PARTS := interop sanitize portability fuzz unit flow fault lint conformance packaging
RUN_TESTS = BUILD=$(BUILD) MAKE='$(MAKE)' python3 tests/run

check:
	@$(RUN_TESTS) $(CHECK_PARTS)

# What takes minutes more.
check-long:
	@$(RUN_TESTS) long

# Installs what the tests need, then runs both: what continuous integration runs. Only this installs anything.
check-all:
	@sh tests/install-packages
	@$(RUN_TESTS) $(CHECK_PARTS) long

# A life of both protocols over good and bad networks, with restarts and kills, until it is interrupted (tests/interop/soak.py).
soak: all
	@BUILD=$(BUILD) SOAK_SECONDS=$(or $(SOAK_SECONDS),0) tests/interop/soak.py

# Lines and branches of lib/ that the tests and the kept fuzz corpus reach.
coverage:
	@BUILD=$(BUILD) MAKE='$(MAKE)' python3 tests/coverage

check-analysis:
	@ANALYSE=1 tests/lint/analysis

$(CHECK_PARTS:%=check-%): check-%:
	@$(RUN_TESTS) $*

# --- fuzzing (fuzz/README.md) ----------------------------------------------------------------------------
# Each fuzz/fuzz_*.c holds one LLVMFuzzerTestOneInput. The same sources make three programs each: libFuzzer's
# (build/fuzz), AFL++'s (build/fuzz-afl) and one with no engine that replays files (build/fuzz-replay).
# The other sources of fuzz/ are an archive: a target that calls the mutator gets it.

FUZZ_SRCS := $(sort $(wildcard fuzz/fuzz_*.c))
FUZZ_SEED_SRCS := $(sort $(wildcard fuzz/seeds_*.c))
FUZZ_SHARED_SRCS := $(filter-out $(FUZZ_SRCS) $(FUZZ_SEED_SRCS) fuzz/replay.c,$(sort $(wildcard fuzz/*.c)))
FUZZ_TARGETS := $(FUZZ_SRCS:fuzz/%.c=%)
FUZZ_OBJS := $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard fuzz/*.c)))
FUZZ_SHARED_OBJS := $(FUZZ_SHARED_SRCS:%.c=$(BUILD)/obj/%.o)
FUZZ_A := $(if $(FUZZ_SHARED_OBJS),$(BUILD)/libfuzz.a)
FUZZ_BINS := $(FUZZ_TARGETS:%=$(BUILD)/%)
FUZZ_SEED_BINS := $(FUZZ_SEED_SRCS:fuzz/%.c=$(BUILD)/%)
FUZZ_ENGINE ?= $(BUILD)/obj/fuzz/replay.o
FUZZ_CC ?= clang
AFL_CC ?= afl-clang-fast
SECONDS_EACH ?= 30
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

fuzz: fuzz-libfuzzer fuzz-afl fuzz-replay

fuzz-libfuzzer:
	@$(MAKE) BUILD=$(BUILD)/fuzz CC='$(FUZZ_CC)' CFLAGS='-O1 -g -fsanitize=fuzzer-no-link $(SANITIZE)' \
		FUZZ_ENGINE=-fsanitize=fuzzer fuzz-bins

fuzz-afl:
	@if command -v $(AFL_CC) >/dev/null; then \
		AFL_QUIET=1 $(MAKE) BUILD=$(BUILD)/fuzz-afl CC='$(AFL_CC)' CFLAGS='-O2 -g' \
			FUZZ_ENGINE=-fsanitize=fuzzer fuzz-bins; \
	else echo "fuzz-afl: no $(AFL_CC) here (Debian: afl++); left out"; fi

fuzz-replay:
	@$(MAKE) BUILD=$(BUILD)/fuzz-replay CFLAGS='-O1 -g $(SANITIZE)' fuzz-bins fuzz-seed-bins

fuzz-bins: $(FUZZ_BINS)
fuzz-seed-bins: $(FUZZ_SEED_BINS)

# Runs each target for a while, then says what it found; the corpus that grows stays below $(BUILD).
fuzz-run: fuzz-libfuzzer
	@BUILD=$(BUILD) sh fuzz/run-all $(SECONDS_EACH)

# Writes the seeds of the repository anew with the library's own encoders: fuzz/corpus/TARGET/*.
fuzz-seeds: fuzz-replay
	@for s in $(FUZZ_SEED_SRCS:fuzz/%.c=%); do echo $$s; $(BUILD)/fuzz-replay/$$s fuzz/corpus || exit 1; done

$(FUZZ_OBJS): $(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(C_FLAGS) -Itests -Ifuzz -c -o $@ $<

$(BUILD)/libfuzz.a: $(FUZZ_SHARED_OBJS)
	@rm -f $@
	$(AR) rcs $@ $(FUZZ_SHARED_OBJS)

$(FUZZ_BINS): $(BUILD)/%: $(BUILD)/obj/fuzz/%.o $(filter %.o,$(FUZZ_ENGINE)) $(FUZZ_A) $(SUPPORT_A) $(LIB_A)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(filter -%,$(FUZZ_ENGINE))

$(FUZZ_SEED_BINS): $(BUILD)/%: $(BUILD)/obj/fuzz/%.o $(FUZZ_A) $(SUPPORT_A) $(LIB_A)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^

# --- benchmarks ------------------------------------------------------------------------------------------
# Each tests/bench/bench_*.c prints lines `name value unit`. The comparison with other implementations runs
# where its scripts (PEER_BENCH) and the peers' packages are.

BENCH_SRCS := $(sort $(wildcard tests/bench/bench_*.c))
BENCH_SHARED_SRCS := $(filter-out $(BENCH_SRCS),$(sort $(wildcard tests/bench/*.c)))
BENCH_OBJS := $(BENCH_SRCS:%.c=$(BUILD)/obj/%.o)
BENCH_SHARED_OBJS := $(BENCH_SHARED_SRCS:%.c=$(BUILD)/obj/%.o)
BENCH_BINS := $(BENCH_SRCS:tests/bench/%.c=$(BUILD)/bench/%)
PEER_BENCH ?= ../shared/bench

bench: all bench-bins
	@BUILD=$(BUILD) PEER_BENCH=$(PEER_BENCH) sh tests/bench/run $(BENCH_BINS)

bench-bins: $(BENCH_BINS)

$(BENCH_OBJS) $(BENCH_SHARED_OBJS): $(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(C_FLAGS) -Itests -c -o $@ $<

$(BENCH_BINS): $(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(BENCH_SHARED_OBJS) $(SUPPORT_A) $(LIB_A)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^

# --- documentation, sizes, the library as one file pair --------------------------------------------------

docs:
	@mkdir -p $(BUILD)
	BUILD=$(BUILD) VERSION=$(VERSION) doxygen docs/Doxyfile

size:
	@BUILD=$(BUILD) python3 tests/size $(LIB_SRCS)

amalgamation: $(BUILD)/iscsiproto.c
$(BUILD)/iscsiproto.c: lib/amalgamate lib/sources.mk $(LIB_SRCS) $(PUBLIC_HEADERS) $(wildcard lib/*/*.h lib/*/*.def)
	@mkdir -p $(BUILD)
	python3 lib/amalgamate $(BUILD) $(LIB_SRCS)

# --- installation ----------------------------------------------------------------------------------------

TOOLS := $(filter iscsi-target iscsi-initiator stp-target stp-initiator,$(PROGRAMS))
MAN_PAGES := $(sort $(wildcard docs/man/*.1))
D = $(DESTDIR)
# so that `pkg-config --define-prefix` finds an installation that was moved
BELOW_PREFIX = $(patsubst $(PREFIX)/%,$${prefix}/%,$(1))

install: all
	install -d $(D)$(INCLUDEDIR)/iscsiproto $(D)$(LIBDIR)/pkgconfig $(D)$(BINDIR) $(D)$(MANDIR)/man1
	install -m 644 $(PUBLIC_HEADERS) $(D)$(INCLUDEDIR)/iscsiproto
	install -m 644 $(LIB_A) $(D)$(LIBDIR)
	install -m 755 $(LIB_SO) $(D)$(LIBDIR)/libiscsiproto.so.$(VERSION)
	ln -sf libiscsiproto.so.$(VERSION) $(D)$(LIBDIR)/libiscsiproto.so.$(SOVERSION)
	ln -sf libiscsiproto.so.$(SOVERSION) $(D)$(LIBDIR)/libiscsiproto.so
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(call BELOW_PREFIX,$(LIBDIR))|' \
		-e 's|@INCLUDEDIR@|$(call BELOW_PREFIX,$(INCLUDEDIR))|' -e 's|@VERSION@|$(VERSION)|' libiscsiproto.pc.in > $(D)$(LIBDIR)/pkgconfig/libiscsiproto.pc
	chmod 644 $(D)$(LIBDIR)/pkgconfig/libiscsiproto.pc
	$(if $(TOOLS),install -m 755 $(TOOLS:%=$(BUILD)/bin/%) $(D)$(BINDIR))
	$(if $(MAN_PAGES),install -m 644 $(MAN_PAGES) $(D)$(MANDIR)/man1)

uninstall:
	rm -rf $(D)$(INCLUDEDIR)/iscsiproto
	rm -f $(D)$(LIBDIR)/libiscsiproto.* $(D)$(LIBDIR)/pkgconfig/libiscsiproto.pc
	rm -f $(TOOLS:%=$(D)$(BINDIR)/%) $(MAN_PAGES:docs/man/%=$(D)$(MANDIR)/man1/%)

help:
	@echo 'all            libraries and tools (the default)'
	@echo 'demo           the main job on 127.0.0.1: serve, log in, write, read back, compare'
	@echo 'check-analysis the static analyser, over every source'
	@echo 'check          the tests, with what the machine has; the parts: $(CHECK_PARTS:%=check-%)'
	@echo 'check-long     what takes minutes more; check-all installs what the tests need and runs both'
	@echo 'soak           a verifying load with restarts, kills and bad networks, until it is interrupted'
	@echo 'coverage       lines and branches of the library that the tests reach'
	@echo 'fuzz           fuzzers for libFuzzer and AFL++, and the replay of the corpus; fuzz-run runs them'
	@echo 'bench          benchmarks, beside other implementations where these are installed'
	@echo 'docs           HTML documentation in $(BUILD)/docs'
	@echo 'size           bytes of code, data and stack of each part, x86-64 and Cortex-M'
	@echo 'amalgamation   the library as one file pair, $(BUILD)/iscsiproto.c and .h'
	@echo 'install        headers, libraries, pkg-config file, tools, man pages (PREFIX, DESTDIR); uninstall'
	@echo 'clean          removes $(BUILD)'

clean:
	rm -rf $(BUILD)

FORCE:
.PHONY: all lib tools demo tests check check-long check-all soak coverage check-analysis $(CHECK_PARTS:%=check-%) fuzz fuzz-libfuzzer fuzz-afl fuzz-replay fuzz-bins \
	fuzz-seed-bins fuzz-run fuzz-seeds bench bench-bins docs size amalgamation help install uninstall clean FORCE
.DELETE_ON_ERROR:

ALL_OBJS := $(LIB_OBJS) $(PIC_OBJS) $(HOST_OBJS) $(EXAMPLE_OBJS) $(TEST_OBJS) $(SUPPORT_OBJS) $(FUZZ_OBJS) $(BENCH_OBJS) \
	$(BENCH_SHARED_OBJS)
-include $(ALL_OBJS:.o=.d)
