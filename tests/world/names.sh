#!/bin/bash
# Name servers as they are: slow, silent, failing, with a hundred addresses, with changing answers.
# shellcheck source=../scenario/lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"

STRANGERS=yes # probes
EXPECT_LOG='no target could be connected\|is down\|does not resolve'

NAMES_SHIM=${NAMES_SHIM:-$PWD/tests/world/names.so}

# answer WORD...: from the next lookup on; see names.c.
answer() {
	echo "$*" >names.new
	mv names.new names
}

# A relay by a name, and one by an address that must not care.
named_relay() {
	cat >relay.ini <<-END
		[global]
		resolve_interval = 1s
		[relay named]
		listen = 127.0.0.1:0
		target = peer.test:${TARGET##*:}
		[relay numbered]
		listen = 127.0.0.1:0
		target = $TARGET
	END
	ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0 LD_PRELOAD=$NAMES_SHIM NAMES=$PWD/names \
		weir_start -c relay.ini "$@"
}

# visit RELAY [OPTION...]
visit() {
	RELAY=$(listening_on "$1")
	client_as visitor "${@:2}" mirror send 1000 recv 1000 fin expect-fin
	peer_end visitor
}

expect_reset() {
	RELAY=$(listening_on named)
	client_as refused expect-rst
	peer_end refused
}

is_served() {
	RELAY=$(listening_on named)
	"$RAWPEER" connect "$RELAY" mirror send 10 recv 10 fin expect-fin >/dev/null 2>&1
}

slow() {
	target -s -i echo
	answer wait 1500 127.0.0.1
	named_relay
	visit numbered -n 20
	wait_for "the name to be known" is_served
	visit named -n 20
}
beside "a slow answer: others are served meanwhile" slow

# It stays silent beyond the end of the daemon.
silent() {
	local began
	target -s -i echo
	answer wait 3600000 127.0.0.1
	named_relay
	visit numbered -n 20
	expect_reset
	wait_for "no pairs" weir_has_no_pairs
	weir_expect_quiet
	began=$(now_ms)
	weir_stop
	expect_at_most "milliseconds to stop" $((1000 * PATIENCE_S)) $(($(now_ms) - began))
}
beside "no answer at all: resets, others are served, TERM ends it" silent

is_looking_up() {
	grep -qs weir-jobs "/proc/$WEIR_PID/task/"*/comm
}

# start_looking_up LISTEN TARGET: a daemon that is about to look a name up.
start_looking_up() {
	ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0 LD_PRELOAD=$NAMES_SHIM NAMES=$PWD/names \
		weir_launch -l "$1" -T "$2"
	wait_for "a look-up" is_looking_up
}

# It was taken once the look-up was over.
term_in_the_start() {
	answer wait 3600000 127.0.0.1
	start_looking_up peer.test:0 127.0.0.1:1
	kill -USR1 "$WEIR_PID"
	kill "-$1" "$WEIR_PID"
	weir_expect_status 0
	wait_log 'during the start: stopping at once'
	! log_has 'is ready' || fail "it started after all"
}
beside "TERM while a name of listen is looked up" term_in_the_start TERM
beside "INT while a name of listen is looked up" term_in_the_start INT

dump_is_there() {
	[ -s dump ]
}

usr1_in_the_start() {
	answer until known 127.0.0.1
	start_looking_up peer.test:0 127.0.0.1:1
	kill -USR1 "$WEIR_PID"
	! weir_ready || fail "weir was too quick to be asked"
	touch known
	wait_for "a dump" dump_is_there
	wait_for "weir to start" weir_ready # another thread writes the log
	weir_measure
}
beside "USR1 during the start is answered when it is over" usr1_in_the_start

# They used to hold up the whole start, for up to three seconds.
early_client() {
	target -s -i echo
	answer wait 1000 127.0.0.1
	named_relay
	RELAY=$(listening_on named)
	client_as early mirror send 1000 recv 1000 fin expect-fin
	visit numbered -n 20
	peer_end early
}
beside "a client that comes before a name is known: it waits, nobody else does" early_client

failing() {
	target -s -i echo
	answer fail
	named_relay
	visit numbered -n 20
	expect_reset
	answer 127.0.0.1
	wait_for "the name to be known" is_served
	answer fail
	wait_log 'does not resolve: .*; its last addresses stay in use'
	visit named -n 20
}
beside "a failing lookup: tried on; the last good answer is kept" failing

hundred() {
	target -s -i echo
	answer many 99 127.0.0.1
	named_relay -o connect_attempts=100
	wait_for "the name to be known" is_served
	visit named -n 50
	expect_at_most "length of the longest log line" 1000 "$(wc -L <weir.log)"
}
beside "100 addresses, one of them alive" hundred

# The answers change while clients come and go; all addresses are the target's.
keep_changing() {
	local words=("127.0.0.1" "127.0.0.1 127.0.0.2" "many 100" "fail" "wait 300 127.0.0.3" "127.0.0.2 many 3") i=0
	until [ -e changed-enough ]; do
		# shellcheck disable=SC2086 # words
		answer ${words[i++ % ${#words[@]}]}
		sleep 0.7
	done
}

target_addresses() {
	sed -n 's/.* target=\([0-9.]*\):.*reason=eof.*/\1/p' weir.log | sort -u | wc -l
}

# True once enough has changed.
visit_while_changing() {
	visit named -n 50
	visits=$((visits + 50))
	[ "$(target_addresses)" -ge "${NAMES_ADDRESSES:-6}" ]
}

changing() {
	local changer visits=0
	peer_with target "listen 0.0.0.0:0 port-file target.port accept" -s -i echo
	target_port target
	answer 127.0.0.1
	named_relay -o workers=4
	wait_for "the name to be known" is_served
	RELAY=$(listening_on named)
	client_as long mirror duplex 500 500 await changed-enough duplex 500 500 fin expect-fin
	keep_changing &
	changer=$!
	wait_for "enough different target addresses" visit_while_changing
	touch changed-enough
	wait "$changer"
	wait_for "no pairs" weir_has_no_pairs
	expect_at_least "pairs that ended well" $visits "$(grep -c 'reason=eof' weir.log)"
}
beside "answers that change under load" changing

# The manager would not wait for that, and the log would not say why.
slow_to_listen() {
	target -s echo
	manage
	answer until known 127.0.0.1
	printf '%s\n' "[relay named]" "listen = peer.test:0" "target = $TARGET" >relay.ini
	ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0 LD_PRELOAD=$NAMES_SHIM NAMES=$PWD/names \
		weir_launch -c relay.ini
	wait_told ' STATUS=starting: looking up peer.test, to listen there$'
	wait_for "weir to ask for time" told_at_least 2 ' EXTEND_TIMEOUT_USEC=[0-9]*$'
	if told ' READY=1'; then fail "it was ready before it listened"; fi
	touch known
	wait_for "weir to start" weir_ready
	weir_measure
	visit named -n 20
	wait_told ' READY=1 STATUS=0 pairs'
}
beside "a slow answer for a name to listen on: the start asks for more time" slow_to_listen

finish
