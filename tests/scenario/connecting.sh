#!/bin/bash
# Targets that refuse, stay silent or come back; targets in turn; targets that are weir itself.
#
# Each case has its own network namespace, where that is allowed.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"

namespaces "ip link set lo up" "unshare -n" "unshare -r -n"
[ -z "$THIS_CASE" ] || ip link set lo up

needs_namespace() {
	[ -n "$THIS_CASE" ] || skip "no namespaces to be had"
}

EXPECT_LOG='no target could be connected\|is down\|does not resolve\|no answer from a target\|max_connections (300) reached'

# refusing NAME: TARGET becomes a port that refuses until the file "over" is there.
refusing() {
	peer "$1" refuse "127.0.0.1:$(own_port)" port-file "$1.port" await over
	target_port "$1"
}

# silent NAME: TARGET becomes a port that never answers.
silent() {
	peer "$1" silent 127.0.0.1:0 port-file "$1.port" await over
	target_port "$1"
}

refused() {
	refusing target
	weir_relay
	client expect-rst
	peer_end client
	wait_closed reason=connect_failed ended_first=none
	touch over
	weir_dump
	has relay connect_failed=1 accepted=1
}
beside "a target that refuses: the client is reset" refused

never_answered() {
	silent target
	weir_relay -o connect_timeout=300ms -o connect_attempts=1
	client send 10 expect-rst
	peer_end client
	wait_closed reason=connect_timeout ended_first=none
	touch over
}
beside "a target that keeps silent: the client is reset after connect_timeout" never_answered

next_after_refused() {
	local first
	refusing one
	first=$TARGET
	refusing two
	first="-T $first -T $TARGET"
	target -n 3 recv 10 expect-fin fin
	# shellcheck disable=SC2086 # words
	weir_start -l 127.0.0.1:0 $first -T "$TARGET"
	client -n 3 send 10 fin expect-fin
	peer_end client
	touch over
}
beside "two targets refuse: the third is taken" next_after_refused

next_after_silent() {
	local first
	silent one
	first=$TARGET
	target -n 2 recv 10 expect-fin fin
	weir_start -l 127.0.0.1:0 -T "$first" -T "$TARGET" -o connect_timeout=300ms
	client -n 2 send 10 fin expect-fin
	peer_end client
	touch over
}
beside "a target keeps silent: the next is taken" next_after_silent

attempts_are_limited() {
	local first
	refusing one
	first=$TARGET
	target -s echo
	weir_start -l 127.0.0.1:0 -T "$first" -T "$TARGET" -o connect_attempts=1
	client expect-rst
	peer_end client
	wait_closed reason=connect_failed
	touch over
}
beside "connect_attempts = 1 tries no other target" attempts_are_limited

# served N NAME: peer NAME is through with so many connections.
served() {
	[ "$(grep -c received=10 "$2.out")" -eq "$1" ]
}

in_turn() {
	local all=() name
	for name in one two three; do
		target_as "$name" -s recv 10 fin expect-fin
		all+=(-T "$TARGET")
	done
	weir_start -l 127.0.0.1:0 "${all[@]}"
	client -n 30 send 10 expect-fin fin
	peer_end client
	for name in one two three; do
		wait_for "10 connections of target $name" served 10 "$name"
	done
}
beside "three targets take turns" in_turn

# The port stays the target's own: it is refusing between two listens.
comes_back() {
	refusing target
	weir_relay
	client expect-rst
	peer_end client
	touch over
	peer_end target
	peer target listen "$TARGET" port-file again accept recv 10 expect-fin fin
	wait_for "the target to be back" test -e again
	client_as later send 10 fin expect-fin
}
beside "a target that comes back is connected again" comes_back

by_name() {
	target -n 2 recv 10 expect-fin fin
	weir_start -l 127.0.0.1:0 -T "localhost:${TARGET##*:}"
	client -n 2 send 10 fin expect-fin
}
beside "a target by host name" by_name

unknown_name() {
	weir_start -l 127.0.0.1:0 -T does-not-exist.invalid:1
	client expect-rst
	peer_end client
	wait_closed reason=connect_failed
}
beside "a host name without an address: weir runs, the client is reset" unknown_name

# In names_in_files: host names of files of this case, with a name server that never answers. One look-up of a
# name that it should know takes ten seconds.
names_in_files() {
	needs_namespace
	ip route replace 192.0.2.53/32 dev lo
	echo "nameserver 192.0.2.53" >resolv.conf
	echo "127.0.0.1 known.test" >hosts
	cat >in-files <<-END
		#!/bin/sh
		mount --bind "$PWD/resolv.conf" /etc/resolv.conf && mount --bind "$PWD/hosts" /etc/hosts || exit
		exec "$WEIR" "\$@"
	END
	chmod +x in-files
	unshare -m ./in-files --version || skip "no files can be bound"
	cat >in-namespace <<-END
		#!/bin/sh
		exec unshare -m "$PWD/in-files" "\$@"
	END
	chmod +x in-namespace
	WEIR=$PWD/in-namespace
}

# relays NAME...: one with each name as its target, in this order; the last goes to TARGET.
relays() {
	local name
	for name in "$@"; do
		printf '%s\n' "[relay ${name%%.*}]" "listen = 127.0.0.1:0" "target = $name:${TARGET##*:}"
	done >relay.ini
}

# The one thread waited for the silent name server, and all other names had to wait too.
silent_name_server() {
	names_in_files
	target recv 10 expect-fin fin
	relays one.example two.example three.example four.example five.example six.example known.test
	weir_start -c relay.ini
	RELAY=$(listening_on known)
	client send 10 fin expect-fin
	peer_end client
	expect_equal "names that the server was given up for" 0 "$(grep -c 'does not resolve' weir.log || :)"
}
beside "a silent name server delays only its own names" silent_name_server

half_a_name() {
	names_in_files
	echo "::1 known.test" >>hosts
	target -s recv 10 expect-fin fin
	relays known.test
	weir_start -c relay.ini -o log_level=debug
	client -n 10 send 10 fin expect-fin
	peer_end client
	wait_log '\[::1\].*: Connection refused'
	expect_equal "lines about connecting" 0 "$(grep -c 'target could be\|target is connected' weir.log || :)"
}
beside "a name with a service on one of its addresses: nothing to tell" half_a_name

hundred_refused() {
	refusing target
	weir_relay
	client -n 100 expect-rst
	peer_end client
	touch over
	expect_at_most "warning lines" 3 "$(grep -c ' warning ' weir.log || :)"
}
beside "100 clients of a target that refuses: one warning, not a hundred" hundred_refused

unreachable() {
	weir_start -l 127.0.0.1:0 -T "[2001:db8::1]:9" -o connect_timeout=500ms
	client expect-rst
	peer_end client
	wait_log 'reason=connect_'
}
beside "a target that cannot be reached" unreachable

# The kernel chose the target's port as our own, the socket was connected to itself, and clients got their own
# bytes back.
connected_to_itself() {
	needs_namespace
	echo 40000 40000 >/proc/sys/net/ipv4/ip_local_port_range
	weir_start -l "unix:$PWD/socket" -T 127.0.0.1:40000
	client -i send 10 expect-end
	peer_end client
	wait_closed reason=connect_failed upload_bytes=0
	wait_log 'no target could be connected: Connection refused'
}
beside "a target that is down on a port that connecting starts from" connected_to_itself

# The same error as for a port, but it never goes away.
no_such_family() {
	needs_namespace
	echo 1 >/proc/sys/net/ipv6/conf/lo/disable_ipv6
	weir_start -l 127.0.0.1:0 -T '[::1]:9' -o connect_timeout=1m
	client expect-rst
	peer_end client
	wait_closed reason=connect_failed
	wait_log 'no target could be connected: Cannot assign requested address'
	weir_dump
	has relay shortages=0
}
beside "a target of a family that the machine does not have: not waited for" no_such_family

# leads_back TARGET: the relay listens where that leads. Its one client was relayed to it until every slot was
# taken.
leads_back() {
	needs_namespace
	ip addr replace 10.9.0.5/24 dev lo
	ip addr replace 10.9.0.6/24 dev lo
	weir_start -l '*:20001' -T "$1:20001"
	client expect-rst
	peer_end client
	wait_closed reason=connect_failed
	wait_log 'it leads back to this relay'
	weir_dump
	has relay accepted=1 connect_failed=1
}
beside "a target by name that is the relay itself" leads_back localhost
beside "a target that is an address of the machine, where the relay listens on all" leads_back 10.9.0.5
beside "a target that is a second address of a network of the machine" leads_back 10.9.0.6

# ring TARGET: the second of three relays leads there; the third ends the chain.
ring() {
	needs_namespace
	target -s -i recv 10 send 10 expect-fin fin
	cat >relay.ini <<-END
		[relay first]
		listen = 127.0.0.1:20003
		target = localhost:20004
		[relay second]
		listen = *:20004
		target = $1
		[relay third]
		listen = 127.0.0.1:20005
		target = $TARGET
	END
	weir_start -c relay.ini
	RELAY=127.0.0.1:20003
}

# It went round for ever, with 15,000 close lines a second.
ring_of_names() {
	ring localhost:20003
	client rst
	client_as second expect-rst
	peer_end second
	wait_log 'relay first: .* it leads back to this relay'
	weir_expect_quiet
	weir_dump
	has relay name=first accepted=2 connect_failed=1 || has relay name=first accepted=2 connect_failed=2
	has relay name=second accepted=0
}
beside "two relays that lead to each other by host names" ring_of_names

chain_of_names() {
	ring localhost:20005
	client send 10 recv 10 fin expect-fin
	peer_end client
	expect_equal "lines that say it leads back" 0 "$(grep -c 'leads back' weir.log || :)"
}
STRANGERS=yes beside "three relays in a row by host names" chain_of_names

close_lines() {
	grep -c 'closed pair=' weir.log || :
}

few_lines_in_a_second() {
	local before
	before=$(close_lines)
	sleep 1
	[ $(($(close_lines) - before)) -le 30 ]
}

# No address shows it. One client that reset took more than a CPU, and 14,000 close lines a second, for ever.
# The first that notices slows the other one down, too, so that it need not notice.
ring_of_two_daemons() {
	local other workers=$1 said='no answer from a target: .*; perhaps it leads back here through another daemon'
	needs_namespace
	"$WEIR" -l 127.0.0.1:20007 -T 127.0.0.1:20006 -o workers="$workers" -o max_connections=300 2>other.log &
	other=$!
	weir_start -l 127.0.0.1:20006 -T 127.0.0.1:20007 -o workers="$workers" -o max_connections=300
	wait_for "the other one" grep -qs 'is ready' other.log
	client rst
	wait_for "one of them to notice" grep -qs "$said" weir.log other.log
	wait_for "a second with few close lines" few_lines_in_a_second
	weir_expect_quiet
	kill "$other"
	wait "$other"
	wait_for "no pairs" weir_has_no_pairs
}
STRANGERS=yes beside "two daemons that lead to each other" ring_of_two_daemons 1
STRANGERS=yes beside "two daemons that lead to each other, 16 workers each" ring_of_two_daemons 16

# Addresses of others can be bound there, which does not make them ours.
other_machine() {
	needs_namespace
	ip tuntap add dev w0 mode tun 2>/dev/null || skip "no TUN device to be had"
	ip addr add 10.8.0.1/24 dev w0
	ip addr add fd08::1/64 dev w0 nodad
	ip link set w0 up
	echo 1 | tee /proc/sys/net/ipv4/ip_nonlocal_bind >/proc/sys/net/ipv6/ip_nonlocal_bind
	weir_start -l '*:20002' -T 10.8.0.2:20002 -T '[fd08::2]:20002' -o connect_timeout=100ms -o log_level=debug
	client expect-rst
	peer_end client
	wait_log reason=connect_
	expect_equal "lines that say it leads back" 0 "$(grep -c 'leads back' weir.log || :)"
}
beside "a target on another machine with the port of a relay that listens on all" other_machine

finish
