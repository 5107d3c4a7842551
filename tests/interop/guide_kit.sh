# SPDX-License-Identifier: MIT
# What the tests of the guide's programs share, to be read by `.`: outcome, serve; $log and $folder; $failed for the exit code.
: "${BUILD:=build}"
bin=$BUILD/bin
folder=$(mktemp -d)
log=$folder/log
failed=0
pids=
trap 'kill $pids 2>/dev/null; rm -rf "$folder"' EXIT

outcome() {
	if [ "$2" = 0 ]; then
		echo "ok - $1"
	else
		echo "not ok - $1"
		sed 's/^/# /' "$log" "$folder/served" | tail -20
		failed=1
	fi
}

# Starts a server on a port of the system's choice, which goes to $port.
serve() {
	: > "$folder/served"
	"$@" >> "$folder/served" 2>&1 &
	server=$!
	pids="$pids $server"
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
		port=$(sed -n 's/^listening on .*://p' "$folder/served")
		[ -n "$port" ] && return
		sleep 0.1
	done
}
