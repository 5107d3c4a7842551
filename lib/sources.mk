# SPDX-License-Identifier: MIT
# Every source of the library, sorted, one path a line. `make check-lint` holds this list against the tree.
# A build that wants less of the library sets LIB_SRCS itself (docs/porting.md).
LIB_SRCS := \
	lib/base/error.c \
	lib/base/version.c \
	lib/ddp/ddp.c
