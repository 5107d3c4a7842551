#!/bin/sh
# SPDX-License-Identifier: MIT
# The two programs of the frame protocol's chapter of docs/guide.md, with each other and with the tools.
. "${0%/*}/guide_kit.sh"

# Waits until the server has said $1 in $2 lines.
said() {
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
		[ "$(grep -c "$1" "$folder/served")" = "$2" ] && return
		sleep 0.1
	done
	return 1
}

serve "$bin/guide-stp-target" 0
url=stp://127.0.0.1:$port/0

timeout 20 "$bin/guide-stp-initiator" "$port" 'written in frames' > "$log" 2>&1
[ $? = 0 ] && grep -q '^131072 blocks of 512 bytes$' "$log" && grep -q '^written in frames$' "$log"
outcome "the guide's initiator writes and reads back at the guide's target" $?

timeout 20 "$bin/guide-stp-initiator" "$port" > "$log" 2>&1
[ $? = 0 ] && grep -q '^written in frames$' "$log" && said '^connection over: closed$' 2
outcome "a second connection finds what the first one wrote, and both were closed in order" $?

head -c 5000000 /dev/urandom > "$folder/data"
truncate -s 5000192 "$folder/data" # whole blocks
timeout 60 "$bin/stp-initiator" write "$url" --lba 1000 --from "$folder/data" > "$log" 2>&1 &&
	timeout 60 "$bin/stp-initiator" read "$url" --lba 1000 --blocks 9766 --to "$folder/back" >> "$log" 2>&1 &&
	cmp "$folder/data" "$folder/back" >> "$log" 2>&1 &&
	timeout 60 "$bin/stp-initiator" compare "$url" --lba 1000 --from "$folder/data" >> "$log" 2>&1
outcome "the tool writes, reads and compares at the guide's target, in bursts of 256 KiB" $?

timeout 60 "$bin/stp-initiator" bench "$url" --op mixed --size 64K --depth 64 --seconds 1 --pattern random > "$log" 2>&1
[ $? = 0 ] && grep -q '"iops": *[1-9]' "$log"
outcome "the guide's target holds out under 64 exchanges at once" $?

timeout 20 "$bin/guide-initiator" "$port" iqn.2026-11.org.libiscsiproto:guide > "$log" 2>&1 # speaks iSCSI
timeout 20 "$bin/guide-stp-initiator" "$port" > "$log" 2>&1
[ $? = 0 ] && said '^connection over: .*opening frame sync number' 1
outcome "the guide's target says which rule a stranger broke, and serves the next one" $?

kill $server
wait $server 2>/dev/null
timeout 20 "$bin/guide-stp-initiator" "$port" > "$log" 2>&1
[ $? = 1 ] && grep -q '^guide-stp-initiator: connect: ' "$log"
outcome "the guide's initiator says that nobody is there" $?

serve "$bin/stp-target" --listen 127.0.0.1:0 --lun 0=ram:1M
timeout 20 "$bin/guide-stp-initiator" "$port" 'and at the tool' > "$log" 2>&1
[ $? = 0 ] && grep -q '^2048 blocks of 512 bytes$' "$log" && grep -q '^and at the tool$' "$log"
outcome "the guide's initiator writes and reads back at the tool" $?

serve "$bin/iscsi-target" --listen 127.0.0.1:0 --target iqn.2026-11.org.libiscsiproto:other --lun 0=ram:1M
timeout 40 "$bin/guide-stp-initiator" "$port" > "$log" 2>&1
[ $? = 1 ] && grep -q 'INQUIRY: was sent, and may have been executed' "$log"
outcome "the guide's initiator says what is known of a command that was lost" $?
exit $failed
