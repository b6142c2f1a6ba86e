#!/bin/bash
# Reloads while clients come as fast as they can: whoever connects to an address that is in the old file and
# in the new one is served, and not later than usual.
#
#   RELOADS=N    how many each daemon gets, 100 by default
#
# A network of its own where that is allowed: ports that are free stay free.
# shellcheck source=../scenario/lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"
# shellcheck source=../scenario/reload_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/reload_lib.sh"

if [ -z "${RELOADS_NAMESPACE:-}" ]; then
	for how in "unshare -n" "unshare -r -n"; do
		if $how true 2>/dev/null; then RELOADS_NAMESPACE=yes exec $how "$0"; fi
	done
	RELOADS_NAMESPACE=no
fi
if [ $RELOADS_NAMESPACE = yes ]; then ip link set lo up; fi
RELOADS_NAMESPACE= # for cases with namespaces of their own

RELOADS=${RELOADS:-100}
STORM=${STORM:-$PWD/tests/world/storm}
exec 3>&1 # for figures

# Of a client until its first byte is back. A SYN that is lost is sent again after a second. Where the machine
# has no time for the storm, or half of the clients wait for long, all may.
LONGEST_MS=900
MOST_MS=200 # of 99 in 100
MOST_TIMES=50 # what half of them wait

# Three that are kept, of which each goes from relay to relay; three that come and go.
versions() {
	kept=127.0.0.1:0 named=localhost:0 path=unix:$PWD/kept
	going=127.0.0.3:$(own_port) going_path=unix:$PWD/going going_name=unix:@weir-reloads-$$-$BASHPID
	{
		section one $kept "listen = $going" "max_connections = 1000"
		section two $named
		section three "$path" "max_connections_per_source = 1000"
	} >version.0
	{
		section two $kept "listen = $path" "listen = $going_path"
		section one $named "max_connections = 1000" "listen = $going_name"
	} >version.1
	section all $kept "listen = $named" "listen = $path" "listen = $going" >version.2
	{
		section one "$path" "client_rcvbuf = 64K" "high_watermark = 64K"
		section two "$going_path" "listen = $kept"
		section four $named
	} >version.3
	for n in 0 1 2 3; do
		printf '[global]\nlog_connections = off\nmemory_max = %dM\n' $((1 + n)) >>version.$n
	done
}

threads() {
	find "/proc/$WEIR_PID/task" -mindepth 1 -maxdepth 1 | wc -l
}

threads_at_most() {
	[ "$(threads)" -le "$1" ]
}

# The abstract name may drain for longer than until the next reload.
reload_or_name_drains() {
	order_reload
	wait_for "the end of a reload" reload_ended
	if said_since_reload "$NOT_RELOADED"; then
		said_since_reload "cannot listen on $going_name" || fail "the reload has failed"
		not_reloaded=$((not_reloaded + 1))
	fi
}

# Nobody was refused, reset or cut anywhere, or the storm has said so by its status. Of those who came to an
# entrance that is kept nobody had to try twice.
expect_kept_served() {
	sed 's/^/# /' storm.out >&3
	awk -v longest_ms=$LONGEST_MS -v most_ms=$MOST_MS -v most_times=$MOST_TIMES '
	{
		for (i = 1; i <= NF; i++)
			if (split($i, part, "=") == 2)
				field[NR, part[1]] = part[2]
	}
	END {
		for (i = 1; i <= 3; i++) {
			busy = most_times * field[i, "p50_us"]
			most = 1000 * most_ms > busy ? 1000 * most_ms : busy
			longest = 1000 * longest_ms + field[NR, "own_delay_us"] + busy
			if (field[i, "served"] < 100 || field[i, "retransmitted"] > 0)
				exit 1
			if (field[i, "longest_us"] > longest || field[i, "p99_us"] > most)
				exit 1
		}
	}' storm.out || fail "clients of entrances that are kept had to wait (above)"
}

storm() {
	local n threads not_reloaded=0
	FORGOTTEN=yes
	EXPECT_LOG="$NOT_RELOADED\|cannot listen on unix:@"
	peer target -s listen "unix:$PWD/target" port-file target.port accept echo
	TARGET=unix:$PWD/target
	wait_for "the target" test -e target.port
	versions
	install <version.0
	reload_start 3 1 "$@"
	reload # which has made its thread
	threads=$(threads)
	"$STORM" 8 "$(listening_on one)" "$(listening_on two)" "$path" "?$going" "?$going_path" "?$going_name" \
		>storm.out 2>storm.err </dev/null &
	storm=$!
	for ((n = 1; n <= RELOADS; n++)); do
		install <version.$((n % 4))
		reload_or_name_drains
		if [ $((n % (RELOADS / 10))) = 0 ]; then RELAY=$path hold "held-$n"; fi
	done
	kill -TERM $storm
	wait $storm || fail "not everybody was served: $(cat storm.out storm.err)"
	expect_kept_served
	dump_until count 10 pair
	for ((n = RELOADS / 10; n <= RELOADS; n += RELOADS / 10)); do release "held-$n"; done
	install <version.0
	reload
	wait_for "as many threads as at the start" threads_at_most "$threads"
	expect_at_most "reloads for which the abstract name was not free" $((RELOADS / 4)) $not_reloaded
}
scenario "reloads in a storm of clients" storm
scenario "the same with four workers" storm -o workers=4
scenario "the same without splice" storm -o splice=off -o workers=1

finish
