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
#	LIB_SRCS                      the sources to take, instead of lib/sources.mk
#	PREFIX, LIBDIR, DESTDIR       where `make install` writes
#	BUILD                         the folder of everything made, build by default

BUILD ?= build
CC ?= cc
AR ?= ar
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
INCLUDEDIR ?= $(PREFIX)/include
LIBDIR ?= $(PREFIX)/lib
MANDIR ?= $(PREFIX)/share/man

all: lib tools

include lib/sources.mk

VERSION := $(shell sed -n 's/^\#define ISCSIP_VERSION "\(.*\)"/\1/p' include/iscsiproto/version.h)
SOVERSION := 0

WARN := -Wall -Wextra -Wpedantic -Wconversion -Wshadow $(if $(WERROR),-Werror)
CPP_FLAGS := -Iinclude -Ilib $(DEFS)
C_FLAGS = -std=c11 $(WARN) $(CPP_FLAGS) -MMD -MP $(CFLAGS)

# --- the library -----------------------------------------------------------------------------------------

LIB_A := $(BUILD)/libiscsiproto.a
LIB_SO := $(BUILD)/libiscsiproto.so.$(SOVERSION)
LIB_OBJS := $(LIB_SRCS:%.c=$(BUILD)/obj/%.o)
PIC_OBJS := $(LIB_SRCS:%.c=$(BUILD)/pic/%.o)
PUBLIC_HEADERS := $(sort $(wildcard include/iscsiproto/*.h))

lib: $(LIB_A) $(LIB_SO)

# Objects are made anew when the compiler or its options change.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(C_FLAGS) $(LDFLAGS)' | cmp -s - $@ || echo '$(CC) $(C_FLAGS) $(LDFLAGS)' > $@

$(LIB_OBJS): $(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(C_FLAGS) -fvisibility=hidden -c -o $@ $<

$(PIC_OBJS): $(BUILD)/pic/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(C_FLAGS) -fvisibility=hidden -fPIC -c -o $@ $<

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
	$(CC) $(C_FLAGS) -Iexamples -pthread -c -o $@ $<

$(BUILD)/libhost.a: $(HOST_OBJS)
	@rm -f $@
	$(AR) rcs $@ $(HOST_OBJS)

.SECONDEXPANSION:
$(PROGRAM_BINS): $(BUILD)/bin/%: $(BUILD)/obj/examples/%.o \
		$$(patsubst $$(PERCENT).c,$(BUILD)/obj/$$(PERCENT).o,$$(wildcard examples/$$*/*.c)) $(HOST_A) $(LIB_A)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -pthread -o $@ $^

PERCENT := %

demo: all
	BUILD=$(BUILD) sh examples/demo.sh

# --- tests -----------------------------------------------------------------------------------------------
# Each tests/{unit,flow,fault}/test_*.c is one program; the other sources of these folders, and those of
# tests/support, are an archive that the programs take what they need from. CMOCKA may name another
# implementation of the interface (tests/portability/cmocka.h, where the system has none).

TEST_SRCS := $(sort $(wildcard tests/unit/test_*.c tests/flow/test_*.c tests/fault/test_*.c))
SUPPORT_SRCS := $(filter-out $(TEST_SRCS),$(sort $(wildcard tests/support/*.c tests/unit/*.c tests/flow/*.c tests/fault/*.c)))
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

clean:
	rm -rf $(BUILD)

FORCE:
.PHONY: all lib tools demo tests clean FORCE

-include $(patsubst %.o,%.d,$(LIB_OBJS) $(PIC_OBJS) $(HOST_OBJS) $(EXAMPLE_OBJS) $(TEST_OBJS) $(SUPPORT_OBJS))
