#!/bin/bash
# Choosing, checking and waiting while calls and memory fail. What weir runs out of is no failure of a target.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/fault/lib.sh"
# shellcheck source=../scenario/targets_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/targets_lib.sh"
# shellcheck source=../scenario/reload_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/reload_lib.sh"

if full; then step=1; else step=5; fi

NOT_SERVED='connecting has to wait\|cannot accept\|cannot write the dump\|out of memory\|libevent: '

begin() {
	export FAULT_RULES=$PWD/rules
	weir_start -c relay.ini
}

injected_at_least() {
	[ "$(injected)" -ge "$1" ]
}

shows() {
	weir_dump
	has target "$@"
}

expect_no_failures() {
	weir_dump
	expect_equal "failures of targets" 0 "$(value failures target | awk '{ sum += $1 } END { print sum + 0 }')"
	expect_equal "failed checks of targets" 0 "$(value check_failures target | awk '{ sum += $1 } END { print sum + 0 }')"
	expect_equal "targets that are not up" 0 "$(records target | grep -vc state=up)"
}

# One after the other, and everybody is served.
shortages() {
	local rule
	EXPECT_LOG=$NOT_SERVED
	farm one two
	order serve one two
	relay_to "$(targets_of one two)" "fail_limit = 1" "fail_time = 1h" "$1" >relay.ini
	begin
	for rule in "socket EMFILE" "socket ENFILE" "socket ENOBUFS" "socket ENOMEM" "connect EADDRNOTAVAIL" "connect EADDRINUSE" \
		"bind EADDRINUSE"; do
		echo "$rule"
		faults "$rule 2 3"
		visitors -n 30 -c 4
		expect_injected
		faults
		everybody_was_served
	done
	expect_no_failures
}
beside "what weir runs out of while it connects" shortages "balance = round_robin"
beside "the same with least_connections" shortages "balance = least_connections"

# A check that cannot be made says nothing.
checks() {
	local rule
	EXPECT_LOG=$NOT_SERVED
	farm one two
	order serve one two
	relay_to "$(targets_of one two)" "check_interval = 20ms" "check_fall = 1" "fail_limit = 1" >relay.ini
	begin
	for rule in "socket EMFILE 1 1" "socket ENOMEM 2 3" "connect EADDRINUSE 1 1" "connect ENOBUFS 2 2"; do
		echo "$rule"
		faults "$rule"
		wait_for "a check" injected_at_least 5
		faults
	done
	expect_no_failures
	visitors -n 30
	everybody_was_served
	order refuse two
	wait_for "two to be down" shows target="$(of two)" state=down
	EXPECT_LOG="$NOT_SERVED\|$TARGET_LOG"
}
beside "checks that cannot be made" checks

no_visitor_is_lost() {
	expect_equal "clients that were neither served nor reset" "" \
		"$(grep -v 'end=\(ok\|reset\)$' some.visitors | head -n 3)"
}

# Some targets fail, so that much is remembered; every allocation on the way fails once.
memory() {
	local n every=$1
	EXPECT_LOG="$NOT_SERVED\|$TARGET_LOG\|does not resolve"
	farm dead one two spare
	order serve one two
	relay_to "$(targets_of dead)" "target = localhost:${AT[one]##*:}" "$(targets_of two)" "backup_target = $(of spare)" \
		"fail_limit = 1" "fail_time = 20ms" "connect_timeout = 200ms" "resolve_interval = 1s" "retry_time = 2s" \
		"$2" >relay.ini
	begin
	for ((n = 1; ; n += step)); do
		echo "allocation $n"
		faults "alloc ENOMEM $n $every"
		visitors -n 24 -c 6
		[ "$(injected)" -gt 0 ] || break
		faults
		no_visitor_is_lost
		weir_dump
		visitors -n 3
		everybody_was_served
	done
	faults
}
beside "one allocation fails while targets fail" memory 0 "balance = round_robin"
beside "the same with checks" memory 0 "check_interval = 30ms"

# Look-ups change what a table is made of.
names() {
	local n
	EXPECT_LOG="$NOT_SERVED\|$TARGET_LOG\|does not resolve\|look"
	farm -s one=127.0.0.2:0 two=127.0.0.3:0
	order serve one two
	echo 127.0.0.2 >names
	relay_to "target = db.test:${AT[one]##*:}" "resolve_interval = 1s" "retry_time = 10s" >relay.ini
	FAULT_SHIM=$FAULT_SHIM:$NAMES_SHIM NAMES=$PWD/names begin
	for n in 1 2 3; do
		faults "alloc ENOMEM $n 2"
		echo "127.0.0.$((2 + n % 2))" >names.new
		mv names.new names
		wait_for "something to be injected" injected_at_least 1
		faults
		wait_for "the other address" got_by_name "$([ $((n % 2)) = 0 ] && echo one || echo two)"
	done
}

got_by_name() {
	visitors -n 1
	[ "$(seen "target=$1 end=ok\|target=$1 .*end=ok")" -eq 1 ]
}
beside "no memory while a look-up changes the addresses" names

# Opening again fails at first.
open_again() {
	EXPECT_LOG="$NOT_SERVED\|$TARGET_LOG\|cannot listen\|cannot open\|when_down\|listen"
	farm one
	order serve one
	relay_to "$(targets_of one)" "check_interval = 30ms" "check_fall = 1" "check_rise = 1" "when_down = refuse" >relay.ini
	begin
	order refuse one
	wait_for "closed entrances" is_refused
	faults "$1"
	order serve one
	wait_for "a failure" injected_at_least 1
	sleep 0.3
	faults
	wait_for "open entrances" is_served
	visitors -n 20
	everybody_was_served
}

beside "entrances that cannot be opened again at once: socket" open_again "socket EMFILE 1 1"
beside "entrances that cannot be opened again at once: bind" open_again "bind EADDRINUSE 1 1"
beside "entrances that cannot be opened again at once: memory" open_again "alloc ENOMEM 1 3"

# A reload may take as long as it likes to read its file: entrances are opened and closed meanwhile.
reload_hangs() {
	EXPECT_LOG="$NOT_SERVED\|$TARGET_LOG"
	farm one
	order serve one
	relay_to "$(targets_of one)" "check_interval = 30ms" "check_fall = 1" "check_rise = 1" "when_down = refuse" >relay.ini
	begin
	order refuse one
	wait_for "closed entrances" is_refused
	faults "open hang 1 0"
	kill -HUP "$WEIR_PID"
	wait_for "a call that hangs" injected_at_least 1
	order serve one
	wait_for "open entrances" is_served
	order refuse one
	wait_for "closed entrances" is_refused
	log_has ' reloaded: ' && fail "the reload did not hang"
	faults
	wait_log ' reloaded: 1 relays; entrances: 0 kept, 0 added, 0 removed'
	order serve one
	wait_for "open entrances" is_served
}
beside "entrances are opened and closed while a reload hangs" reload_hangs

# Held clients and a target that comes back, with calls that fail meanwhile.
held() {
	EXPECT_LOG="$NOT_SERVED\|$TARGET_LOG"
	farm one
	relay_to "$(targets_of one)" "retry_time = 30s" "fail_limit = 1" >relay.ini
	begin
	visitors_as some -n 40 -r 2000
	wait_for "forty held clients" held_are 40
	faults "$1"
	wait_for "something to be injected" injected_at_least 3
	faults
	order serve one
	visitors_end some
	no_visitor_is_lost
	expect_at_least "clients that were served" "$2" "$(seen end=ok)"
}

held_are() {
	weir_dump
	[ "$(value pairs weir)" -eq "$1" ]
}
beside "held clients while there are no descriptors" held "socket EMFILE 1 1" 40
beside "held clients while there is no memory" held "alloc ENOMEM 1 3" 0
beside "held clients while ports are in use" held "bind EADDRINUSE 1 2" 40

# Half a header would make the client's bytes the rest of it. So where one cannot be sent whole, nothing is.
headers() {
	local rule
	EXPECT_LOG="$NOT_SERVED\|$TARGET_LOG"
	peer target -s -i listen 127.0.0.1:0 port-file target.port accept recv-proxy told recv 10 fin expect-end
	target_port target
	relay_to "target = $TARGET" "fail_limit = 0" "send_proxy = $1" >relay.ini
	begin
	for rule in "send 7 1 3" "send EAGAIN 2 3" "send ENOBUFS 1 2" "send EPIPE 2 3"; do
		echo "$rule"
		faults "$rule"
		peer client -i -n 30 connect "$RELAY" send 10 expect-fin fin
		peer_end client
		expect_injected 10
		faults
	done
	wait_for "no pairs" held_are 0
	peer_end target
	expect_at_least "clients that were served" 20 "$(grep -c 'received=10 ' target.out)"
	expect_at_most "pairs that moved bytes, of those with a header" "$(grep -c . told)" "$(grep -c 'upload_bytes=10 ' weir.log)"
}
beside "headers that are cut short or cannot be sent: v1" headers v1
beside "and v2" headers v2

faults_finish
