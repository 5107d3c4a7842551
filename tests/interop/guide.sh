#!/bin/sh
# SPDX-License-Identifier: MIT
# The two programs of docs/guide.md, with each other, with the tools, and with programs by others: what the guide prints is
# what the reader gets.
. "${0%/*}/guide_kit.sh"
target=iqn.2026-11.org.libiscsiproto:guide

timeout 20 "$bin/loopback" > "$log" 2>&1
outcome "both roles in one process, without an operating system, get to their end" $?

serve "$bin/guide-target" 0
url=iscsi://127.0.0.1:$port

timeout 20 "$bin/guide-initiator" "$port" $target 'written by the guide' > "$log" 2>&1
[ $? = 0 ] && grep -q '^131072 blocks of 512 bytes$' "$log" && grep -q '^written by the guide$' "$log"
outcome "the guide's initiator writes and reads back at the guide's target" $?

timeout 20 "$bin/guide-initiator" "$port" $target > "$log" 2>&1
[ $? = 0 ] && grep -q '^written by the guide$' "$log"
outcome "a second login finds what the first one wrote" $?

timeout 20 "$bin/guide-initiator" "$port" iqn.2026-11.org.libiscsiproto:nobody > "$log" 2>&1
[ $? = 1 ] && grep -q 'login refused: target not found' "$log"
outcome "a login to a name that is not there is refused" $?

timeout 20 "$bin/iscsi-initiator" discover "$url" > "$log" 2>&1
[ $? = 0 ] && grep -q "^$target 127.0.0.1:$port,1\$" "$log"
outcome "the tool discovers the guide's target" $?

for program in iscsi-readcapacity16 qemu-io; do
	command -v $program >/dev/null || echo "ok - $program works on the guide's target # SKIP no $program here"
done
if command -v iscsi-readcapacity16 >/dev/null; then
	timeout 20 iscsi-readcapacity16 "$url/$target/0" > "$log" 2>&1
	[ $? = 0 ] && grep -q '67108864' "$log"
	outcome "iscsi-readcapacity16 works on the guide's target" $?
fi
if command -v qemu-io >/dev/null; then
	timeout 60 qemu-io -f raw -c 'write -P 0x5a 1M 8M' -c 'read -P 0x5a 1M 8M' "$url/$target/0" > "$log" 2>&1
	[ $? = 0 ] && ! grep -q 'verification failed' "$log" && grep -q 'read 8388608/8388608' "$log"
	outcome "qemu-io works on the guide's target" $?
fi

serve "$bin/iscsi-target" --listen 127.0.0.1:0 --target $target --lun 0=ram:1M
timeout 20 "$bin/guide-initiator" "$port" $target 'and at the tool' > "$log" 2>&1
[ $? = 0 ] && grep -q '^2048 blocks of 512 bytes$' "$log" && grep -q '^and at the tool$' "$log"
outcome "the guide's initiator writes and reads back at the tool" $?
exit $failed
