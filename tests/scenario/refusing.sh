#!/bin/bash
# when_down = refuse: entrances that are closed while no target is up, and what else may happen meanwhile.
#
# Each case has its own network namespace, where that is allowed.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"
# shellcheck source=reload_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/reload_lib.sh"

namespaces "ip link set lo up" "unshare -n" "unshare -r -n"
[ -z "$THIS_CASE" ] || ip link set lo up

# Checks end by a reset.
# shellcheck disable=SC2034 # for the oracle
STRANGERS=yes
EXPECT_LOG=' is down: \|no target could be connected'

CHECKED="check_interval = 50ms
check_fall = 2
when_down = refuse"

# away: the target's port refuses, until it is back.
away() {
	peer "away$1" refuse "127.0.0.1:$(own_port)" port-file "away$1.port" await "back$1"
	target_port "away$1"
}

back() {
	local at
	at=127.0.0.1:$(<"away$1.port")
	touch "back$1"
	peer_end "away$1"
	peer "there$1" -s -i listen "$at" port-file "there$1.port" accept recv 10 send 10 fin expect-fin
	wait_for "the target to be back" test -e "there$1.port"
}

closed() {
	wait_for "entrances of $1 to be closed" log_has "relay $1: refusing clients, as no target is up"
}

opened() {
	wait_for "entrances of $1 to be open" log_has "relay $1: letting clients in again"
}

is_refused() {
	peer late expect-refused "${1:-$RELAY}"
	peer_end late
}

# Once an entrance refuses. expect_open TCP UNIX: for the oracle, so many entrances are open at the end.
count_sockets() {
	sockets_closed=$(weir_sockets)
}

expect_open() {
	weir_dump
	WEIR_SOCKETS=$((sockets_closed + $1 * $(value workers weir) + $2))
}

serves() {
	RELAY=${1:-$RELAY} client_as visitor send 10 recv 10 fin expect-fin
	peer_end visitor
}

# Each kind of entrance, of which one relay has several; another relay goes on.
all_kinds() {
	local target abstract=unix:@weir-refusing-$$-$BASHPID tcp
	away 1
	target=$TARGET
	target_as other -s echo
	{
		section other 127.0.0.2:0
		TARGET=$target section db 127.0.0.1:0 "$CHECKED" "listen = unix:$PWD/path mode=640" \
			"listen = $abstract" "listen = 127.0.0.3:0"
	} >relay.ini
	weir_start -c relay.ini "$@"
	tcp=$(at 127.0.0.1)
	closed db
	wait_for "the path to be gone" test ! -e path
	is_refused "$tcp"
	count_sockets
	RELAY=$(at 127.0.0.2) hold kept
	is_refused "$(at 127.0.0.3)"
	is_refused "$abstract"
	is_refused "unix:$PWD/path"
	RELAY=$(at 127.0.0.2) visit
	weir_dump
	has relay name=db pairs=0 || fail "the relay is not in the dump"
	back 1
	opened db
	wait_for "the path to be there" test -S path
	expect_equal "the mode of the path" 640 "$(stat -c %a path)"
	serves "$tcp"
	serves "$(at 127.0.0.3)"
	serves "$abstract"
	serves "unix:$PWD/path"
	expect_equal "ports of 127.0.0.1" "$tcp" "$(at 127.0.0.1)"
	release kept
	expect_open 2 2
	expect_equal "changes of the other relay" 1 "$(grep -c 'relay other: .*listening' weir.log)"
}
scenario "a relay without a target: all kinds of entrances" all_kinds
scenario "the same with four workers" all_kinds -o workers=4

# Without checks, one client in fail_time finds out.
one_tries() {
	away 1
	section db 127.0.0.1:0 "fail_limit = 1" "fail_time = 2s" "when_down = refuse" >relay.ini
	weir_start -c relay.ini
	client expect-rst
	peer_end client
	closed db
	is_refused
	count_sockets
	opened db
	client_as again expect-rst
	peer_end again
	wait_for "it to be closed again" refuses
	back 1
	wait_for "it to be open again" lets_in
	serves
	expect_open 1 0
	expect_equal "lines about what came within ten seconds" 2 \
		"$(grep -c 'as no target is up\|letting clients in' weir.log)"
}

# Whoever is let in tries the target.
lets_in() {
	(exec 3<>"/dev/tcp/127.0.0.1/${RELAY##*:}") 2>/dev/null
}

refuses() {
	! lets_in
}
scenario "without checks: after fail_time one client is let in to try" one_tries

# connects_to PORT: from any port that the kernel chooses. Says why not.
connects_to() {
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>&1
}

# No program gets the port, not even for a connection.
port_stays_ours() {
	[ -n "$THIS_CASE" ] || skip "no namespaces to be had"
	local port
	away 1
	section db 127.0.0.1:0 "$CHECKED" >relay.ini
	weir_start -c relay.ini -o workers="$1"
	closed db
	is_refused
	count_sockets
	target_as elsewhere -s echo
	port=${RELAY##*:}
	echo "$port $port" >/proc/sys/net/ipv4/ip_local_port_range
	connects_to "${TARGET##*:}" | grep -q 'Cannot assign requested' || fail "a connection comes from the port"
	echo 32768 60999 >/proc/sys/net/ipv4/ip_local_port_range
	! "$WEIR" -l "$RELAY" -T "$TARGET" >second.log 2>&1 || fail "a second daemon got the port"
	grep -q "cannot listen on $RELAY: Address already in use" second.log || fail "$(cat second.log)"
	back 1
	opened db
	serves
	expect_open 1 0
}
scenario "the port stays ours while clients are refused" port_stays_ours 1
scenario "the same with four workers" port_stays_ours 4

# Another program has taken the path. Other relays do not wait for that.
taken_meanwhile() {
	EXPECT_LOG=' is down: \|cannot listen on .* again: Address already in use$'
	local one two first
	away 1
	first=$TARGET
	away 2
	{
		section two 127.0.0.2:0 "$CHECKED"
		TARGET=$first section one "unix:$PWD/one" "$CHECKED"
	} >relay.ini
	weir_start -c relay.ini
	one=unix:$PWD/one two=$(at 127.0.0.2)
	closed one
	closed two
	is_refused "$one"
	is_refused "$two"
	count_sockets
	peer squatter listen "$one" touch squatting await go
	wait_for "another program to listen" test -e squatting
	back 1
	back 2
	opened two
	wait_log "relay one: cannot listen on $one again: Address already in use"
	serves "$two"
	touch go
	peer_end squatter
	opened one
	serves "$one"
	expect_open 1 1
}
scenario "another program takes the path while it is closed" taken_meanwhile

# A reload while it is being closed, while it is, and one that makes another relay of it.
reloaded() {
	away 1
	section db 127.0.0.1:0 "$CHECKED" | install
	weir_start -c relay.ini -o workers="$1"
	closed db
	reload
	is_refused
	count_sockets
	section db 127.0.0.1:0 "$CHECKED" "listen = 127.0.0.2:0" | install
	reload
	expect_said '0 kept, 0 added, 0 removed'
	is_refused
	section other 127.0.0.1:0 | install
	reload
	RELAY=$(at 127.0.0.1) client expect-rst
	peer_end client
	back 1
	RELAY=$(at 127.0.0.1) serves
	expect_open 1 0
}
scenario "reloads while clients are refused" reloaded 1
scenario "the same with four workers" reloaded 4

# Whoever was in stays, and weir ends as ever.
stopped_meanwhile() {
	EXPECT_LOG=' is down: \|no target could be connected\|SIGTERM'
	target -n 1 unlisten recv 10 touch in await go send 10 fin expect-fin
	section db 127.0.0.1:0 "fail_limit = 1" "fail_time = 1h" "when_down = refuse" >relay.ini
	weir_start -c relay.ini
	client send 10 recv 10 expect-fin fin
	wait_for "the client to be in" test -e in
	client_as tries expect-rst
	peer_end tries
	closed db
	is_refused
	weir_dump
	has relay name=db pairs=1 || fail "the pair is gone"
	kill -TERM "$WEIR_PID"
	wait_log 'SIGTERM: no new clients'
	touch go
	peer_end client
	peer_end target
	weir_expect_status 0
}
scenario "weir is stopped while clients are refused, and one is still there" stopped_meanwhile

finish
