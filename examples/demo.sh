#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The main job on a fresh machine: a target on a RAM disk, and an initiator that discovers it, logs in with CHAP both ways and
# both digests, writes, reads back and compares; then the same over the frame protocol. Ends with 0 where all of it held.
set -eu

bin=${BUILD:-build}/bin
work=$(mktemp -d)
pids=
trap 'kill $pids 2>/dev/null || :; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

target=iqn.2026-11.org.libiscsiproto:demo
megabytes=64
blocks=$((megabytes * 2048))

say() { printf '\n== %s\n' "$*"; }
run() { printf '$ %s\n' "$(printf '%s ' "$@" | sed "s|$work/||g")"; "$@"; }

# Starts a server on a port of the system's choice; its address goes to $address.
serve() {
	log=$work/$1.log
	shift
	: > "$log" # there before it is looked at, however late the server begins
	"$@" >> "$log" 2>&1 &
	pids="$pids $!"
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do
		address=$(sed -n 's/^listening on //p' "$log")
		[ -n "$address" ] && return
		sleep 0.2
	done
	cat "$log"
	exit 1
}

# Writes, reads back and compares through the tool $1 to the URL $2; further words are options of the tool.
round_trip() {
	tool=$1 url=$2
	shift 2
	run "$tool" write "$url" --lba 0 --from "$work/data" "$@"
	run "$tool" read "$url" --lba 0 --blocks $blocks --to "$work/back" "$@"
	run cmp "$work/data" "$work/back"
	run "$tool" compare "$url" --lba 0 --from "$work/data" "$@"
	for op in read write; do
		run "$tool" bench "$url" --op $op --size 4K --depth 32 --seconds 1 "$@"
	done
	run "$tool" bench "$url" --op read --size 256K --depth 8 --seconds 1 "$@"
}

head -c $((megabytes * 1048576)) /dev/urandom > "$work/data"
printf 'incoming demo-initiator secret-of-initiator\noutgoing demo-target secret-of-the-target\n' > "$work/target.auth"
printf 'outgoing demo-initiator secret-of-initiator\nincoming demo-target secret-of-the-target\n' > "$work/initiator.auth"

say "iSCSI: a target with a RAM disk of $megabytes MiB, CHAP both ways, both digests"
serve iscsi "$bin/iscsi-target" --listen 127.0.0.1:0 --auth "$work/target.auth" --target $target --lun 0=ram:${megabytes}M
url=iscsi://$address
run "$bin/iscsi-initiator" discover "$url" --auth "$work/initiator.auth"
url=$url/$target/0
run "$bin/iscsi-initiator" inquiry "$url" --auth "$work/initiator.auth"
run "$bin/iscsi-initiator" capacity "$url" --auth "$work/initiator.auth"
round_trip "$bin/iscsi-initiator" "$url" --auth "$work/initiator.auth" --set HeaderDigest=CRC32C --set DataDigest=CRC32C

if [ -x "$bin/stp-target" ] && [ -x "$bin/stp-initiator" ]; then
	say "The frame protocol: the same disk, the same data"
	serve stp "$bin/stp-target" --listen 127.0.0.1:0 --lun 0=ram:${megabytes}M
	round_trip "$bin/stp-initiator" "stp://$address/0"
fi

say "all of it held"
