#!/bin/bash
# Sockets of the service manager: listen = systemd:NAME. passer.c plays the service manager.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"
# shellcheck source=reload_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/reload_lib.sh"
PASSER=$PWD/tests/scenario/passer

(cd "$top" && "$WEIR" --print-config -l systemd:a -T 127.0.0.1:9) >/dev/null 2>&1 ||
	{ echo "1..0 # SKIP weir was built without libsystemd"; exit 0; }

# pass NAME=SOCKET...: from now on, every daemon gets these.
pass() {
	"$PASSER" hold "unix:$PWD/holder" "$@" 2>holder.err &
	wait_for "the sockets" test -e holder
	printf '#!/bin/sh\nexec "%s" run "unix:%s/holder" "%s" "$@"\n' "$PASSER" "$PWD" "$WEIR" >weir-passed
	chmod +x weir-passed
	WEIR=$PWD/weir-passed
}

# passed_at NAME [N]: the Nth address of the sockets with that name
passed_at() {
	echo "127.0.0.1:$(sed -n "${2:-1}p" "$1.port")"
}

round_trip() {
	client_as "${1:-client}" -n "${2:-1}" mirror duplex 200K 200K fin expect-fin
	peer_end "${1:-client}"
}

relay_file() {
	printf '%s\n' '[relay a]' "target = $TARGET" "$@" >relay.ini
}

several_sockets() {
	local address
	target -s echo
	pass web=127.0.0.1:0 "web=unix:$PWD/l" 'web=[::]:0' other=127.0.0.1:0
	relay_file 'listen = systemd:web' '[relay b]' 'listen = systemd:other' "target = $TARGET"
	weir_start -c relay.ini "$@"
	for address in "$(passed_at web)" "unix:$PWD/l" "$(passed_at web 3)" "[::1]:$(sed -n 3p web.port)" "$(passed_at other)"; do
		RELAY=$address
		round_trip "client-${address//[^a-z0-9]/-}" 20
	done
	weir_dump
	expect_equal "clients of each relay" "80 20" "$(value accepted relay | paste -sd ' ')"
	if grep -q 'client=\[::ffff:' weir.log; then fail "an IPv4 client is shown with an IPv6 address"; fi
}
beside "several sockets of a name, TCP and unix" several_sockets
beside "several sockets of a name, 4 workers" several_sockets -o workers=4
beside "several sockets of a name, without splice" several_sockets -o splice=off -o workers=1

# What makes a reset of a close is not inherited from these sockets.
denied() {
	target -s echo
	pass web=127.0.0.1:0 "web=unix:$PWD/l"
	relay_file 'listen = systemd:web' 'allow = 127.0.0.1'
	weir_start -c relay.ini "$@"
	RELAY=$(passed_at web)
	peer other -n 5 bind 127.0.0.2:0 connect "$RELAY" expect-rst
	peer_end other
	round_trip
	RELAY=unix:$PWD/l client_as local expect-end
	peer_end local
	weir_dump
	has relay accepted=7 denied=6 || fail "not six denied"
}
beside "denied clients of passed sockets are reset" denied
beside "denied clients of passed sockets are reset, 4 workers" denied -o workers=4

# One worker accepts for all of them.
spreads() {
	target -s recv-all fin
	pass web=127.0.0.1:0
	relay_file 'listen = systemd:web'
	WEIR_ARGS='' weir_start -c relay.ini -o workers=4
	RELAY=$(passed_at web)
	client -n 40 send 1 await go fin expect-fin
	dump_until count 40 pair state=open
	expect_equal "pairs of the workers" "10 10 10 10" "$(value worker pair | sort | uniq -c | awk '{ print $1 }' | paste -sd ' ')"
	touch go
}
beside "pairs of a passed socket are spread over the workers" spreads

# A client that has connected before weir is there has not inherited anything that weir could set: its socket
# would not be reset when weir is killed, and a bound on its buffer would not hold.
early_client() {
	target -s send 64M fin recv-all
	pass web=127.0.0.1:0
	relay_file 'listen = systemd:web' 'client_sndbuf = 32K' 'high_watermark = 64K'
	RELAY=$(passed_at web)
	peer early rcvbuf 8K connect "$RELAY" touch connected recv 1K await killed recv-until-end
	wait_for "a client" test -e connected
	weir_start -c relay.ini
	dump_until has flow direction=download reading=paused
	expect_at_most "bytes unacknowledged by the client" 65536 "$(value sink_queue flow direction=download)"
	kill -KILL "$WEIR_PID"
	wait_for "the end of weir" weir_has_ended
	WEIR_PID=
	touch killed
	peer_end early
	grep -q 'end=rst' early.out || fail "a truncated stream looks complete"
	unset 'PEERS[target]'
}
beside "a client that came before weir has what others inherit" early_client

# Clients that come while weir drains, and after that, wait for the next one: nobody is refused or reset.
restart() {
	target -s echo
	pass web=127.0.0.1:0 "web=unix:$PWD/l"
	relay_file 'listen = systemd:web'
	weir_start -c relay.ini
	RELAY=$(passed_at web)
	client_as long mirror send 1K recv 1K touch served await drained fin expect-fin
	wait_for "a pair" test -e served
	kill -TERM "$WEIR_PID"
	wait_log 'SIGTERM: no new clients'
	client_as amid -n 50 mirror duplex 10K 10K fin expect-fin
	RELAY="unix:$PWD/l"
	client_as amid-unix -n 50 mirror duplex 10K 10K fin expect-fin
	dump_until has weir pairs=1
	touch drained
	peer_end long
	weir_expect_status 0
	[ -S l ] || fail "the path of the socket is gone"
	RELAY=$(passed_at web)
	client_as after -n 50 mirror duplex 10K 10K fin expect-fin
	weir_start -c relay.ini
	peer_end amid
	peer_end amid-unix
	peer_end after
}
beside "clients wait for the next daemon in a passed socket" restart

# Those that wait because weir is at a limit as well.
restart_at_limit() {
	target -s echo
	pass web=127.0.0.1:0
	relay_file 'listen = systemd:web' 'max_connections = 1'
	weir_start -c relay.ini
	RELAY=$(passed_at web)
	EXPECT_LOG='max_connections (1) reached'
	client_as long mirror send 1K recv 1K touch served await drained fin expect-fin
	wait_for "a pair" test -e served
	client_as waiting -n 20 mirror duplex 10K 10K fin expect-fin
	wait_log 'accepting pauses'
	kill -TERM "$WEIR_PID"
	wait_log 'SIGTERM: no new clients'
	touch drained
	peer_end long
	weir_expect_status 0
	expect_equal "pairs that weir had" 1 "$(grep -c 'closed pair=' weir.log)"
	weir_start -c relay.ini
	peer_end waiting
}
beside "clients at a limit wait for the next daemon as well" restart_at_limit

# refused PATTERN...: the start fails, and the log says all of this.
refused() {
	weir_launch -c relay.ini
	weir_expect_status 1
	while [ $# -gt 0 ]; do
		log_has "$1" || fail "'$1' is missing in the log"
		shift
	done
	EXPECT_LOG=.
}

names_that_do_not_match() {
	TARGET=127.0.0.1:9
	pass web=127.0.0.1:0 web=127.0.0.1:0 admin=127.0.0.1:0
	relay_file 'listen = systemd:web' 'listen = systemd:admin' 'listen = systemd:missing'
	refused 'relay a: cannot listen on systemd:missing: no socket of that name was passed at the start; there are: web, admin'
	relay_file 'listen = systemd:wbe' 'listen = systemd:admin'
	refused "no relay listens on the socket \"web\" ($(passed_at web)) of the service manager; relays listen on: systemd:wbe, systemd:admin" \
		"no relay listens on the socket \"web\" ($(passed_at web 2)) of the service manager"
	relay_file 'listen = 127.0.0.1:0'
	refused 'no relay listens on the socket "admin" .* of the service manager; relays listen on: none'
	# nobody needs the sockets to look at a configuration
	WEIR=${WEIR%-passed}
}
beside "a name without a socket, and a socket without a name: 1" names_that_do_not_match

no_sockets() {
	TARGET=127.0.0.1:9
	relay_file 'listen = systemd:web'
	refused 'relay a: cannot listen on systemd:web: no socket of that name was passed at the start; there are: none'
	"$WEIR" --test -c relay.ini
	"$WEIR" --print-config -c relay.ini | grep -x 'listen = systemd:web'
}
beside "--test does not need the sockets, the start does" no_sockets

useless_sockets() {
	TARGET=127.0.0.1:9
	pass a=dgram b=seqpacket c=bound d=fifo e=127.0.0.1:0
	relay_file 'listen = systemd:a' 'listen = systemd:b' 'listen = systemd:c' 'listen = systemd:d' 'listen = systemd:e'
	refused 'the socket "a" of the service manager is a datagram socket; expected a TCP or unix stream socket that listens' \
		'the socket "b" .* is a sequential packet socket; expected' \
		'the socket "c" .* does not listen, as with Accept=yes; expected' \
		'the socket "d" .* is a FIFO; expected'
}
beside "sockets that no relay can accept on: 1" useless_sockets

# What they are is known only now.
ring() {
	EXPECT_LOG='no target could be connected\|is down\|leads back'
	pass one=127.0.0.1:0 two=127.0.0.1:0
	TARGET=$(passed_at two)
	relay_file 'listen = systemd:one' '[relay b]' 'listen = systemd:two' "target = $(passed_at one)"
	weir_start -c relay.ini
	RELAY=$(passed_at one)
	client expect-rst
	peer_end client
	weir_dump
	expect_at_most "clients of both relays" 2 "$(value accepted relay | awk '{ sum += $1 } END { print sum }')"
}
beside "a ring through passed sockets is noticed" ring

# Who comes while no relay has it waits until one has it again.
reload_without_and_with() {
	target -s echo
	pass web=127.0.0.1:0 "web=unix:$PWD/l"
	relay_file 'listen = systemd:web'
	cp relay.ini with.ini
	weir_start -c relay.ini "$@"
	RELAY=$(passed_at web)
	client_as old mirror send 1K recv 1K touch served await over send 1K recv 1K fin expect-fin
	wait_for "a pair" test -e served
	reload
	expect_said "$RELOADED.* 2 kept.* 0 added.* 0 removed"
	round_trip kept 5
	relay_file 'listen = 127.0.0.2:0'
	reload
	expect_said "$RELOADED.* 0 kept.* 1 added.* 2 removed"
	client_as waiting -n 20 touch connected mirror duplex 10K 10K fin expect-fin
	RELAY="unix:$PWD/l"
	client_as waiting-unix -n 20 touch connected-unix mirror duplex 10K 10K fin expect-fin
	wait_for "clients" test -e connected -a -e connected-unix
	printf 'listen = systemd:new\n' >>relay.ini
	reload_fails 'cannot listen on systemd:new: no socket of that name was passed at the start; there are: web'
	weir_dump
	has weir pairs=1 || fail "a client was served"
	cp with.ini relay.ini
	reload
	expect_said "$RELOADED.* 0 kept.* 2 added.* 1 removed"
	peer_end waiting
	peer_end waiting-unix
	touch over
	EXPECT_LOG='cannot listen on systemd:new\|reload failed'
}
beside "a reload without a name, and with it again" reload_without_and_with
beside "the same with 4 workers" reload_without_and_with -o workers=4

# The first client starts it.
started_by_a_client() {
	command -v systemd-socket-activate >/dev/null || skip "no systemd-socket-activate"
	target -s echo
	free_port
	relay_file 'listen = systemd:web'
	printf '#!/bin/sh\nexec systemd-socket-activate --listen=%s --fdname=web "%s" "$@"\n' "$RELAY" "$WEIR" >weir-activated
	chmod +x weir-activated
	WEIR=$PWD/weir-activated
	weir_launch -c relay.ini
	wait_log '^Listening on'
	if log_has "$WEIR_READY"; then fail "it did not wait for a client"; fi
	client mirror duplex 200K 200K fin expect-fin
	wait_for "weir to start" weir_ready
	peer_end client
	EXPECT_LOG='^Listening on\|^Communication attempt\|^Execing'
	weir_measure
}
beside "the first connection starts it" started_by_a_client

finish
