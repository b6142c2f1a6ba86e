#!/bin/bash
# Who may come: allow and deny. Whoever may not is reset, at once and for little.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"
# shellcheck source=reload_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/reload_lib.sh"

# from ADDRESS WORD...: a client of that address
from() {
	peer "from-$1" bind "$1" connect "$RELAY" "${@:2}"
}

let_in_from() {
	local address
	for address; do
		from "$address" mirror duplex 100K 100K fin expect-fin
		peer_end "from-$address"
	done
}

denied_from() {
	local address
	for address; do
		from "$address" expect-rst
		peer_end "from-$address"
	done
}

# counted ACCEPTED DENIED [RELAY]: what the relay has counted
counted() {
	weir_dump
	has relay "name=${3:-command-line}" "accepted=$1" "denied=$2" refused=0 ||
		fail "not $1 accepted with $2 denied: $(records relay)"
}

# The target says so once it has ended them, which may be after their clients have.
came_to_target() {
	wait_for "$1 clients that came to the target" target_has_ended "$1"
	expect_equal "clients that came to the target" "$1" "$(grep -c '^connection=' target.out)"
}

target_has_ended() {
	[ "$(grep -c '^connection=' target.out)" -ge "$1" ]
}

longest_prefix_decides() {
	target -s echo
	weir_relay -o allow=127.0.0.0/8 -o deny=127.1.0.0/16 -o allow=127.1.2.0/24 -o deny=127.1.2.3 "$@"
	let_in_from 127.0.0.1:0 127.2.0.1:0 127.1.2.4:0
	denied_from 127.1.0.1:0 127.1.2.3:0 127.1.3.3:0
	counted 6 3
	came_to_target 3
	wait_for "close lines" log_counts 3 'closed pair='
	wait_for "a line about it" log_counts 1 'clients are denied, the first is 127.1.0.1:'
	expect_equal "other lines about them" 0 "$(grep -c '127\.1\.2\.3\|127\.1\.3\.3' weir.log)"
}
beside "the longest prefix decides" longest_prefix_decides
beside "the longest prefix decides, 4 workers, no splice" longest_prefix_decides -o workers=4 -o splice=off

# An IPv4 client is mapped into IPv6 there.
both_families() {
	target -s echo
	weir_start -l '*:0' -T "$TARGET" -o deny=127.0.0.2 -o deny=::1 "$@"
	RELAY=127.0.0.1:${RELAY##*:}
	denied_from 127.0.0.2:0
	let_in_from 127.0.0.3:0
	RELAY="[::1]:${RELAY##*:}"
	client_as ipv6 expect-rst
	peer_end ipv6
	counted 3 2
	wait_log 'clients are denied, the first is 127.0.0.2:'
}
beside "an entrance of both families" both_families
beside "an entrance of both families, 4 workers" both_families -o workers=4

unix_clients() {
	local inet
	EXPECT_LOG='may be a mistake: .*deny any'
	target -s echo
	printf '%s\n' '[defaults]' 'deny = unix' '[relay a]' 'listen = 127.0.0.1:0' "listen = unix:$PWD/a" "target = $TARGET" \
		'[relay b]' "listen = unix:$PWD/b" "target = $TARGET" 'allow = unix' 'deny = 10.0.0.0/8' \
		'[relay c]' "listen = unix:$PWD/c" "target = $TARGET" 'deny = any' >relay.ini
	weir_start -c relay.ini
	inet=$RELAY
	let_in_from 127.0.0.1:0
	RELAY=unix:$PWD/a client_as a expect-end
	RELAY=unix:$PWD/b client_as b mirror duplex 1000 1000 fin expect-fin
	RELAY=unix:$PWD/c client_as c expect-end
	peer_end a
	peer_end b
	peer_end c
	counted 2 1 a
	counted 1 0 b
	counted 1 1 c
	RELAY=$inet
}
beside "clients of unix sockets; a relay's own lines replace those of [defaults]" unix_clients

# Its close line was looked for in what a header without an address does not leave: weir died.
over_the_limit_without_an_address() {
	target -s echo
	weir_relay -o accept_proxy=127.0.0.9 -o max_connections_per_source=1 "$@"
	peer first bind 127.0.0.9:0 connect "$RELAY" send-text $'PROXY UNKNOWN\r\n' mirror send 10 recv 10 touch in \
		await out fin expect-fin
	wait_for "the first to be in" test -e in
	from 127.0.0.9:0 send-text $'PROXY UNKNOWN\r\n' expect-rst
	peer_end from-127.0.0.9:0
	wait_closed reason=over_limit
	touch out
	peer_end first
}
beside "over the limit, with a header without an address" over_the_limit_without_an_address

# proxied ADDRESS WORD...: a client of 127.0.0.9, whose header tells this address
proxied() {
	peer "proxied-$1" bind 127.0.0.9:0 connect "$RELAY" send-text "PROXY TCP4 $1 127.0.0.1 1000 80"$'\r\n' "${@:2}"
}

# Nobody is judged by the address of his load balancer, unless the header tells none.
by_the_header() {
	target -s echo
	weir_relay -o accept_proxy=127.0.0.9 -o allow=192.0.2.0/24 -o deny=192.0.2.7 -o log_level=debug "$@"
	proxied 192.0.2.1 mirror duplex 10K 10K fin expect-fin
	peer_end proxied-192.0.2.1
	proxied 192.0.2.7 expect-rst
	peer_end proxied-192.0.2.7
	wait_log 'clients are denied, the first is 192.0.2.7:1000$'
	wait_closed reason=denied client=192.0.2.7:1000 target=-
	log_has "reason=denied .* via=127.0.0.9:" || fail "the close line has no via="
	denied_from 127.0.0.8:0
	from 127.0.0.9:0 send-text $'PROXY UNKNOWN\r\n' expect-rst
	peer_end from-127.0.0.9:0
	wait_log '127.0.0.9:[0-9]* is denied$'
	counted 4 3
	came_to_target 1
}
beside "a client with a PROXY header is judged by it" by_the_header
beside "a client with a PROXY header is judged by it, 4 workers, no splice" by_the_header -o workers=4 -o splice=off

# The pair that is there goes on.
reloaded() {
	target -s echo
	section one 127.0.0.1:0 | install
	weir_start -c relay.ini "$@"
	peer first bind 127.0.0.2:0 connect "$RELAY" mirror send 10 recv 10 touch in await go \
		send 10 recv 10 fin expect-fin
	wait_for "a client to be in" test -e in
	section one 127.0.0.1:0 "deny = 127.0.0.2" | install
	reload
	denied_from 127.0.0.2:0
	let_in_from 127.0.0.3:0
	touch go
	peer_end first
	section one 127.0.0.1:0 "allow = 127.0.0.2" | install
	reload
	denied_from 127.0.0.3:0
	let_in_from 127.0.0.2:0
	section one 127.0.0.1:0 | install
	reload
	let_in_from 127.0.0.3:0
	counted 6 2 one
}
beside "a reload changes who may come, and ends nothing" reloaded
beside "a reload changes who may come, 4 workers" reloaded -o workers=4

# From four programs at once, while others are served.
flood() {
	local n
	target -s echo
	weir_relay -o deny=127.0.0.0/28 -o allow=any -o allow=127.0.0.1 "$@"
	for n in 2 3 4 5; do
		peer "flood-$n" -n 1000 bind "127.0.0.$n:0" connect "$RELAY" expect-rst
	done
	client -n 50 mirror duplex 10K 10K fin expect-fin
	peers_end
	counted 4050 4000
	came_to_target 50
	expect_at_most "lines about it" 2 "$(grep -c 'denied' weir.log)"
	if log_has 'max_connections'; then fail "a limit was met"; fi
}
scenario "a flood of denied clients, and others among them" flood
scenario "a flood of denied clients, and others among them, 4 workers" flood -o workers=4

# At a limit nobody is accepted, so nobody is denied either.
at_a_limit() {
	EXPECT_LOG='max_connections .* reached'
	target -s echo
	weir_relay -o deny=127.0.0.2 -o max_connections=1 "$@"
	client_as in mirror send 10 recv 10 touch in await out fin expect-fin
	wait_for "a client to be in" test -e in
	peer denied -n 20 bind 127.0.0.2:0 connect "$RELAY" expect-rst
	client_as late -n 2 mirror send 10 recv 10 fin expect-fin
	wait_log "$EXPECT_LOG"
	weir_expect_quiet
	weir_dump
	has relay accepted=1 denied=0 || fail "somebody was accepted at the limit"
	touch out
	peers_end
	counted 23 20
}
beside "denied clients wait at a limit" at_a_limit
beside "denied clients wait at a limit, 4 workers" at_a_limit -o workers=4

told_at_the_stop() {
	target -s echo
	weir_relay -o deny=127.0.0.2 -o log_level=debug "$@"
	peer many -n 5 bind 127.0.0.2:0 connect "$RELAY" expect-rst
	peer_end many
	weir_stop
	log_has 'no client is denied any more, after 5$' || fail "it is not told how many"
	expect_equal "lines for debugging" 4 "$(grep -c 'debug relay command-line: 127.0.0.2:[0-9]* is denied' weir.log)"
}
beside "how many were denied is told at the stop, and each for debugging" told_at_the_stop -o workers=1

many_networks() {
	target -s echo
	{
		section one 127.0.0.1:0
		awk 'BEGIN { for (i = 0; i < 10000; i++) printf "deny = 127.%d.%d.0/31\n", i / 200 + 1, i % 200 }'
		echo "allow = 127.7.7.1"
	} >relay.ini
	weir_start -c relay.ini "$@"
	RELAY=$(at 127.0.0.1)
	denied_from 127.7.7.0:0 127.50.199.1:0 127.1.0.0:0 127.51.0.0:0
	let_in_from 127.7.7.1:0
	counted 5 4 one
}
beside "10,000 networks" many_networks

finish
