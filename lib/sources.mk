# SPDX-License-Identifier: MIT
# Every source of the library, sorted, one path a line. `make check-lint` holds this list against the tree.
# A build that wants less of the library names ROOMS (docs/porting.md).
LIB_SRCS := \
	lib/base/error.c \
	lib/base/line.c \
	lib/base/version.c \
	lib/cmd/cmd.c \
	lib/conn/config.c \
	lib/conn/conn.c \
	lib/conn/conn_login.c \
	lib/conn/conn_run.c \
	lib/conn/conn_rx.c \
	lib/conn/conn_tx.c \
	lib/crc32c/armv8.c \
	lib/crc32c/avx512.c \
	lib/crc32c/choose.c \
	lib/crc32c/portable.c \
	lib/crc32c/shift.c \
	lib/crc32c/sse42.c \
	lib/ddp/ddp.c \
	lib/error/error_format.c \
	lib/frame/frame_answer.c \
	lib/frame/frame_codec.c \
	lib/frame/frame_conn.c \
	lib/frame/frame_format.c \
	lib/frame/frame_initiator.c \
	lib/frame/frame_io.c \
	lib/frame/frame_target.c \
	lib/hash/hash.c \
	lib/hash/md5.c \
	lib/hash/sha1.c \
	lib/hash/sha256.c \
	lib/hash/sha3.c \
	lib/login/chap.c \
	lib/login/login.c \
	lib/login/login_initiator.c \
	lib/login/login_target.c \
	lib/login/nego.c \
	lib/session/session.c \
	lib/stream/rx.c \
	lib/stream/tx.c \
	lib/text/address.c \
	lib/text/binary.c \
	lib/text/keys.c \
	lib/text/name.c \
	lib/text/offer.c \
	lib/text/reader.c \
	lib/text/value.c \
	lib/text/writer.c \
	lib/wire/ahs.c \
	lib/wire/check.c \
	lib/wire/decode.c \
	lib/wire/encode.c \
	lib/wire/format.c \
	lib/wire/names.c \
	lib/wire/reserved.c
