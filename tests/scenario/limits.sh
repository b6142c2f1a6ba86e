#!/bin/bash
# As many pairs as allowed and no more. Clients that wait are served later, and waiting costs nothing.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"

EXPECT_LOG='max_connections .* reached\|connecting has to wait'

# full_then_resumed: three clients are in, two have to wait until those have left.
full_then_resumed() {
	target -s echo
	weir_relay "$@"
	client_as in -n 3 mirror send 10 recv 10 touch in await out fin expect-fin
	wait_for "three clients to be in" test -e in
	client_as later -n 2 mirror send 10 recv 10 fin expect-fin
	weir_expect_quiet
	weir_dump
	has weir pairs=3 || fail "not three pairs"
	expect_equal "lines of those who wait" "" "$(<later.out)"
	expect_equal "log lines about the limit" 1 "$(grep -c 'max_connections' weir.log)"
	touch out
}
beside "max_connections of all: accepting pauses, resumes" full_then_resumed -o global.max_connections=3
beside "max_connections of a relay: accepting pauses, resumes" full_then_resumed -o defaults.max_connections=3
beside "max_connections with four workers" full_then_resumed -o global.max_connections=3 -o workers=4

ended_well() {
	[ "$(grep -c 'reason=eof' weir.log)" -eq "$1" ]
}

# Two clients have ended their side and do not read their answer, whose last part is with the kernel. It used
# to stay there without a pair, and any number of clients could leave as much behind.
counts_until_acknowledged() {
	target -n 3 recv-text x expect-fin send 600K fin
	weir_relay -o max_connections=2
	client_as slow -n 2 rcvbuf 4K send-text x fin await go recv-all
	dump_until count 2 pair state=closing
	client_as third send-text x fin recv-all touch third.read
	weir_expect_quiet
	weir_dump
	has relay pairs=2 accepted=2 || fail "not two pairs"
	expect_at_least "sink_queue" 1000 "$(value sink_queue flow direction=download | head -n 1)"
	[ ! -e third.read ] || fail "the third was served"
	[ -z "$(closed_line reason=eof)" ] || fail "a pair has ended"
	touch go
	peers_end
	wait_for "the end of three pairs" ended_well 3
}
beside "a pair counts until what was sent last is acknowledged" counts_until_acknowledged

other_relay_goes_on() {
	target -s echo
	cat >relay.ini <<-END
		[relay small]
		listen = 127.0.0.1:0
		target = $TARGET
		max_connections = 1
		[relay other]
		listen = 127.0.0.1:0
		target = $TARGET
	END
	weir_start -c relay.ini
	RELAY=$(listening_on small)
	client_as in mirror send 10 recv 10 touch in await out fin expect-fin
	wait_for "a client to be in" test -e in
	client_as waiting mirror send 10 recv 10 fin expect-fin
	RELAY=$(listening_on other)
	client_as other -n 5 mirror send 10 recv 10 fin expect-fin
	peer_end other
	touch out
}
beside "a full relay leaves the others alone" other_relay_goes_on

per_source() {
	target -s echo
	weir_relay -o max_connections_per_source=2
	client_as in -n 2 mirror send 10 recv 10 touch in await out fin expect-fin
	wait_for "two clients to be in" test -e in
	client_as third expect-rst
	peer_end third
	peer elsewhere bind 127.0.0.2:0 connect "$RELAY" mirror send 10 recv 10 fin expect-fin
	peer_end elsewhere
	weir_dump
	has relay refused=1 || fail "not one refused"
	touch out
	peer_end in
	dump_until has weir pairs=0
	client_as again mirror send 10 recv 10 fin expect-fin
}
beside "max_connections_per_source: the next is reset, other sources are not" per_source

# has_addresses ADDRESS...: more addresses of loopback
has_addresses() {
	[ "$NETWORK" = given ] || skip "no network of our own"
	for address; do
		ip addr replace "$address/128" dev lo nodad || skip "no IPv6"
	done
}

# in_from NAME ADDRESS: a client that is in until the file "out"
in_from() {
	peer "$1" bind "[$2]:0" connect "$RELAY" mirror send 10 recv 10 touch "$1.in" await out fin expect-fin
	wait_for "$1 to be in" test -e "$1.in"
}

refused_from() {
	peer "$1" bind "[$2]:0" connect "$RELAY" expect-rst
	peer_end "$1"
}

per_network() {
	has_addresses fd00:1:2:3::1 fd00:1:2:3:4::2 fd00:1:2:4::1
	target -s echo
	weir_start -l '[::]:0' -T "$TARGET" -o max_connections_per_source=1 "$@"
	RELAY="[fd00:1:2:3::1]:${RELAY##*:}"
	in_from first fd00:1:2:3::1
	refused_from neighbour fd00:1:2:3:4::2
	in_from other fd00:1:2:4::1
	weir_dump
	has relay accepted=3 refused=1 || fail "not one of three refused"
	touch out
	peer_end first
	peer_end other
	dump_until has weir pairs=0
	client_as again mirror send 10 recv 10 fin expect-fin
}
beside "max_connections_per_source: a /64 is one source" per_network
beside "max_connections_per_source: a /64 is one source, 4 workers, no splice" per_network -o workers=4 -o splice=off

singly() {
	has_addresses fd00:1:2:5::1 fd00:1:2:5::2
	target -s echo
	weir_start -l '[::]:0' -T "$TARGET" -o max_connections_per_source=1 -o ipv6_source_prefix=128
	RELAY="[fd00:1:2:5::1]:${RELAY##*:}"
	in_from first fd00:1:2:5::1
	in_from neighbour fd00:1:2:5::2
	refused_from third fd00:1:2:5::2
	touch out
}
beside "ipv6_source_prefix = 128: each address is one" singly

# ::/64 is the network of ::1.
unix_per_source() {
	has_addresses ::1
	target -s echo
	printf '%s\n' '[relay a]' 'listen = [::1]:0' "listen = unix:$PWD/a" "target = $TARGET" \
		'max_connections_per_source = 1' >relay.ini
	weir_start -c relay.ini
	client_as local mirror send 10 recv 10 touch local.in await out fin expect-fin
	wait_for "one of ::1 to be in" test -e local.in
	RELAY=unix:$PWD/a client_as unix mirror send 10 recv 10 fin expect-fin
	peer_end unix
	touch out
}
beside "max_connections_per_source: unix clients are one source, and no part of ::1" unix_per_source

many_per_source() {
	target -s -i echo
	weir_relay -o max_connections_per_source=5
	client -i -n 200 mirror send 10 recv 10 expect-open 200 rst
	peer_end client
	dump_until has weir pairs=0
	client_as again -n 5 mirror send 10 recv 10 fin expect-fin
	peer_end again
}
beside "max_connections_per_source counts right under a rush" many_per_source

few_descriptors() {
	target -s echo
	WEIR_NOFILE=64 weir_relay -o workers=2
	client -n 100 mirror send 10 recv 10 expect-open 100 fin expect-fin
	peer_end client
}
beside "100 clients with 64 descriptors: all are served in the end" few_descriptors

lowest_free_descriptor() {
	local n=0
	while [ -e "/proc/$WEIR_PID/fd/$n" ]; do n=$((n + 1)); done
	echo $n
}

# Lowering the limit of the running process brings what its own count of pairs is there to prevent.
descriptors_used_up() {
	command -v prlimit >/dev/null || skip "prlimit is missing"
	target -s echo
	weir_relay
	prlimit --pid "$WEIR_PID" --nofile="$(lowest_free_descriptor):20000"
	client -n 3 mirror send 10 recv 10 fin expect-fin
	wait_log 'descriptors\|Too many open files'
	weir_expect_quiet
	expect_equal "lines of those who wait" "" "$(<client.out)"
	expect_at_most "log lines about it" 2 "$(grep -c 'descriptors\|Too many open files' weir.log)"
	EXPECT_LOG='reached\|Too many open files'
	prlimit --pid "$WEIR_PID" --nofile=10000:20000
	peer_end client
}
beside "descriptors used up: accepting pauses, resumes" descriptors_used_up

# It aborted: libevent's select(2) cannot watch descriptor 1024.
no_more_than_select_watches() {
	target -s -i echo
	EVENT_NOEPOLL=1 EVENT_NOPOLL=1 weir_relay
	client -n 600 -i deadline 60 mirror send 10 recv 10 await out fin expect-fin
	wait_log 'max_connections .* reached'
	weir_expect_quiet
	touch out
	peer_end client
	expect_equal "bytes received" 6000 "$(peer_total received client)"
}
beside "no more descriptors than select(2) watches" no_more_than_select_watches

thousands() {
	target -s echo
	WEIR_NOFILE=16000 weir_relay
	needs_pairs 3000
	client -n 3000 -j 1000 deadline 60 mirror send 1000 recv 1000 touch all await all duplex 1000 1000 fin expect-fin
	wait_for "all to be connected" test -e all
	peers_end
	expect_equal "bytes received" 6000000 "$(peer_total received client)"
}
scenario "3000 pairs at once" thousands

finish
