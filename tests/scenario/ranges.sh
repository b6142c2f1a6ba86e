#!/bin/bash
# Ranges of ports: each port of listen leads to the one at the same place, or all to one.
#
# Each case has its own network, so the ports are those that it says.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"
# shellcheck source=reload_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/reload_lib.sh"

namespaces "ip link set lo up" "unshare -n" "unshare -r -n"
[ -z "$THIS_CASE" ] || ip link set lo up

# shellcheck disable=SC2034 # for the oracle
STRANGERS=yes
EXPECT_LOG=' is down: \|no target could be connected\|cannot'

network() {
	[ -n "$THIS_CASE" ] || skip "no network of one's own"
	# No connection's own port is one of ours.
	echo "20000 29999" >/proc/sys/net/ipv4/ip_local_port_range
}

# there PORT...: a target at each that tells its port by its stream.
there() {
	local port
	for port; do
		peer "at$port" -s -i seeds "$port" 1 listen "127.0.0.1:$port" port-file "at$port.port" accept \
			recv 10 send 10 fin expect-fin
		wait_for "port $port" test -e "at$port.port"
	done
}

# leads ENTRANCE PORT: a client there gets the stream of the target's port.
leads() {
	RELAY=$1 client_as visitor seeds 1 "$2" send 10 recv 10 fin expect-fin
	peer_end visitor
}

refused() {
	peer late expect-refused "$1"
	peer_end late
}

# reset_at ENTRANCE TARGET: so is a client whose target's port refuses.
reset_at() {
	RELAY=$1 client_as lost expect-rst
	peer_end lost
	wait_closed reason=connect_failed "target=$2" attempts=1
}

same_place() {
	network
	there 31000 31002 31003
	weir_start -l 127.0.0.1:30000-30003 -T 127.0.0.1:31000-31003 "$@"
	leads 127.0.0.1:30000 31000
	leads 127.0.0.1:30002 31002
	leads 127.0.0.1:30003 31003
	reset_at 127.0.0.1:30001 127.0.0.1:31001
	wait_closed reason=eof target=127.0.0.1:31003
	refused 127.0.0.1:30004
	refused 127.0.0.1:29999
	expect_equal "lines about listening" 1 "$(grep -c 'listening on' weir.log)"
	log_has ': listening on 127.0.0.1:30000-30003$' || fail "it does not say where it listens"
}
beside "each port leads to the one at the same place" same_place
beside "each port, copied, with four workers" same_place -o splice=off -o workers=4

one_port() {
	network
	there 31000
	weir_start -l '*:30000-30003' -T 127.0.0.1:31000 -o workers=4
	leads 127.0.0.1:30000 31000
	leads 127.0.0.1:30003 31000
	log_has ': listening on \[::\]:30000-30003$' || fail "it does not say where it listens"
}
beside "all ports lead to one" one_port

# What is known of the target is known of its host: a port where nobody listens says nothing about it.
refused_port() {
	local n
	network
	there 31000
	weir_start -l 127.0.0.1:30000-30003 -T 127.0.0.1:31000-31003 -o fail_limit=1 -o fail_time=1h
	for n in 1 2 3; do reset_at "127.0.0.1:3000$n" "127.0.0.1:3100$n"; done
	leads 127.0.0.1:30000 31000
	weir_dump
	has target target=127.0.0.1:31000-31003 address=127.0.0.1:31000 state=up failures=0 connects=1 ||
		fail "a port that refuses counts as a failure of the target: $(records target)"
	count 1 target || fail "there are several targets"
}
beside "a port that refuses is no failure of the target" refused_port

# The place of a client is nothing to a target with one port.
both_kinds() {
	network
	there 31002 32000
	TARGET=127.0.0.1:31000-31003
	section r 127.0.0.1:30000-30003 "backup_target = 127.0.0.1:32000" "fail_limit = 1" | install
	weir_start -c relay.ini
	leads 127.0.0.1:30002 31002
	leads 127.0.0.1:30001 32000
	wait_closed target=127.0.0.1:32000 attempts=2
	weir_dump
	has target target=127.0.0.1:31000-31003 state=up failures=0 || fail "the range is down: $(records target)"
}
beside "a backup without a range, for a range that is up" both_kinds

in_the_dump() {
	network
	peer at31002 -s -i listen 127.0.0.1:31002 port-file at.port accept echo
	wait_for "the target" test -e at.port
	weir_start -l 127.0.0.1:30000-30003 -T 127.0.0.1:31000-31003
	RELAY=127.0.0.1:30002
	client mirror send 10 recv 10 touch in await out fin expect-fin
	wait_for "the client" test -e in
	dump_until has pair state=open target=127.0.0.1:31002
	touch out
}
beside "a dump has the port that is connected" in_the_dump

# A port of a range that is kept by a reload may get another place, and so lead elsewhere.
moved() {
	network
	there 31000 31001 31002 31003
	TARGET=127.0.0.1:31000-31001
	section r 127.0.0.1:30000-30001 | install
	weir_start -c relay.ini "$@"
	leads 127.0.0.1:30001 31001
	peer stays connect 127.0.0.1:30001 seeds 1 31001 send 5 touch in await out send 5 recv 10 fin expect-fin
	wait_for "a client" test -e in
	TARGET=127.0.0.1:31000-31003
	section r 127.0.0.1:29999-30002 | install
	reload
	log_has 'reloaded: .* 2 kept, 2 added, 0 removed' || fail "$(grep reloaded weir.log)"
	leads 127.0.0.1:29999 31000
	leads 127.0.0.1:30000 31001
	leads 127.0.0.1:30001 31002
	leads 127.0.0.1:30002 31003
	touch out
	peer_end stays
	wait_closed target=127.0.0.1:31001 upload_bytes=10
	TARGET=127.0.0.1:31002
	section other 127.0.0.1:30001-30002 | install
	reload
	leads 127.0.0.1:30001 31002
	leads 127.0.0.1:30002 31002
	wait_for "the others to be closed" refused 127.0.0.1:30000
	expect_equal "the ports that were removed" "127.0.0.1:29999 127.0.0.1:30000" \
		"$(sed -n 's/.* no longer listening on //p' weir.log | sort | xargs)"
	weir_measure
}
scenario "a reload moves a range, and its clients with it" moved
scenario "the same with four workers" moved -o workers=4

refusing() {
	network
	peer away refuse 127.0.0.1:31000 await back
	TARGET=127.0.0.1:31000-31099
	section r 127.0.0.1:30000-30099 "check_interval = 50ms" "check_fall = 2" "when_down = refuse" | install
	weir_start -c relay.ini -o workers=2
	wait_log 'refusing clients, as no target is up'
	wait_for "all ports to be shut" refused 127.0.0.1:30099
	refused 127.0.0.1:30000
	touch back
	peer_end away
	there 31000 31099
	wait_log 'letting clients in again'
	leads 127.0.0.1:30099 31099
	expect_at_most "lines of the log" 15 "$(grep -cv ' closed pair=' weir.log)"
	weir_measure
}
beside "when_down = refuse shuts all of them, by checks of the first port" refusing

taken() {
	network
	peer thief listen 127.0.0.1:30002 port-file thief.port accept
	wait_for "somebody else" test -e thief.port
	weir_launch -l 127.0.0.1:30000-30003 -T 127.0.0.1:9
	weir_expect_status 1
	log_has 'cannot listen on 127.0.0.1:30002: Address already in use' || fail "it does not say which port"
	"$RAWPEER" connect 127.0.0.1:30002
}
beside "a port that is in use is named" taken

# 4,000 ports in one line. Bounds are of CPU time, since a busy machine takes any other.
many() {
	local before
	[ "$SANITIZED" = no ] || skip "sanitizers take more"
	network
	there 31000
	ulimit -n 20000 2>/dev/null || skip "no more than $(ulimit -n) descriptors"
	TARGET=127.0.0.1:31000
	section r 127.0.0.2:30000-33999 | install
	weir_start -c relay.ini -o workers="$1"
	expect_at_most "ticks of CPU for the start" $((10 + 10 * $1)) "$(weir_ticks)"
	expect_at_most "KiB in memory" $((9000 + 3000 * $1)) "$WEIR_RSS"
	expect_at_most "lines of the log" 3 "$(wc -l <weir.log)"
	leads 127.0.0.2:30000 31000
	leads 127.0.0.2:33999 31000
	before=$(weir_ticks)
	reload
	expect_at_most "ticks of CPU for a reload" $((10 + 10 * $1)) $(($(weir_ticks) - before))
	weir_dump
	expect_at_most "lines of a dump" 4 "$(wc -l <dump)"
	before=$(weir_ticks)
	section r 127.0.0.2:30000-30099 | install
	reload
	wait_for "the others to be closed" refused 127.0.0.2:33999
	wait_for "the first of them to be closed" refused 127.0.0.2:30100
	expect_at_most "ticks of CPU to remove 3,900 ports" $((20 + 20 * $1)) $(($(weir_ticks) - before))
	expect_at_most "lines of the log" 7 "$(grep -cv ' closed pair=' weir.log)"
	weir_measure
}
scenario "4,000 ports, one worker" many 1
scenario "4,000 ports, four workers" many 4

# Those of a host name, which are compared when they are known.
many_by_name() {
	[ "$SANITIZED" = no ] || skip "sanitizers take more"
	network
	there 35000
	ulimit -n 20000 2>/dev/null || skip "no more than $(ulimit -n) descriptors"
	weir_start -l localhost:30000-33999 -T 127.0.0.1:35000 -o workers=1
	leads 127.0.0.1:33999 35000
	expect_at_most "ticks of CPU for the start" 15 "$(weir_ticks)"
	log_has ': listening on 127.0.0.1:30000-33999$' || fail "$(grep listening weir.log)"
}
scenario "4,000 ports of a host name" many_by_name

too_many() {
	network
	(
		ulimit -n 4000
		! "$WEIR" --test -l 127.0.0.1:30000-33999 -T 127.0.0.1:41000-44999 -o workers=2 >lack.out 2>&1
	) || fail "it is good: $(<lack.out)"
	grep -q '2 workers with 8000 listening sockets need 80[0-9]* descriptors, and there may be 4000' lack.out ||
		fail "$(<lack.out)"
	(
		ulimit -n 9000 2>/dev/null || exit 77
		"$WEIR" --test -l 127.0.0.1:30000-33999 -T 127.0.0.1:41000-44999 -o workers=2 >enough.out 2>&1
	) || { [ $? = 77 ] || fail "$(<enough.out)"; }
}
beside "more ports than descriptors" too_many

finish
