#!/bin/bash
# What the service manager is told.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"
# shellcheck source=reload_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/reload_lib.sh"

IDLE='STATUS=0 pairs, 0 flows paused, 0 KiB of [0-9]* MiB queued$'

in_words() {
	manage
	target rcvbuf 8K await go recv 8M expect-fin fin
	weir_relay
	wait_told "READY=1 $IDLE"
	client send 8M fin expect-fin
	wait_told ' STATUS=1 pair, 1 flow paused, [1-9][0-9]* [KM]iB of [0-9]* MiB queued$'
	touch go
	peers_end
	wait_told "^[0-9]* $IDLE"
	weir_stop
	wait_told ' STOPPING=1 STATUS=stopping$'
	told ' STOPPING=1 STATUS=draining: 0 pairs left' || fail "it was not said that weir stops"
	if told WATCHDOG; then fail "nobody asked for a watchdog"; fi
	sed '1,/ READY=1/d; / STOPPING=1/,$d' messages >between
	if grep EXTEND between; then fail "it asked for time while it relayed"; fi
}
beside "ready, how it is and stopping, in words" in_words

# Each comes a second after the one before, or later. The kernel notes when it was sent.
once_a_second() {
	local first last count
	manage
	target -s echo
	weir_relay
	client -n 400 -j 3000 mirror send 10 recv 10 expect-open 500 fin expect-fin
	peer_end client
	wait_told "^[0-9]* $IDLE"
	grep '^[0-9]* STATUS=' messages >statuses
	first=$(head -n 1 statuses | cut -d ' ' -f 1)
	last=$(tail -n 1 statuses | cut -d ' ' -f 1)
	count=$(wc -l <statuses)
	expect_at_least "messages" 3 "$count"
	expect_at_most "messages in $((last - first)) ms" $(((last - first) / 1000 + 2)) "$count"
	expect_equal "messages that say the same" "" "$(cut -d ' ' -f 2- statuses | uniq -d)"
}
beside "a status comes at most once a second, and only when it has changed" once_a_second

# How often the main thread and the workers have waited. Sanitizers have threads of their own.
waits() {
	local task
	for task in "/proc/$WEIR_PID/task/"*; do
		case $task,$(<"$task/comm") in
		*/"$WEIR_PID",* | *,worker-*) cat "$task/status" ;;
		esac
	done | awk '$1 == "voluntary_ctxt_switches:" { sum += $2 } END { print sum }'
}

sleeps() {
	local before
	before=$(waits)
	sleep 1.2
	[ "$before" = "$(waits)" ]
}

idle() {
	manage
	target_as late recv 10 send 10 await out expect-fin fin
	weir_relay -o workers=2
	wait_for "weir to sleep without a pair" sleeps
	client send 10 recv 10 touch in await out fin expect-fin
	wait_told ' STATUS=1 pair,'
	wait_for "weir to sleep with an idle pair" sleeps
	touch out
	peers_end
	wait_told "^[0-9]* $IDLE"
}
beside "a status that does not change wakes nobody" idle

deaf() {
	manage read
	target -s echo
	weir_relay
	client -n 20 mirror send 10 recv 10 fin expect-fin
	peer_end client
	weir_dump
	if told READY; then fail "the manager was not deaf"; fi
	touch read
	wait_told ' READY=1 STATUS='
	expect_equal "messages" 1 "$(grep -c READY messages)"
}
beside "a manager that does not read holds up nothing" deaf

# What comes of it does not hold up the end either.
deaf_to_the_end() {
	manage read
	weir_start -l 127.0.0.1:0 -T 127.0.0.1:9
	weir_stop
}
beside "a manager that never reads does not hold up the end" deaf_to_the_end

# The service is shown like that until the next try.
no_start() {
	EXPECT_LOG='in use'
	manage
	target -s
	weir_launch -l "$TARGET" -T 127.0.0.1:9
	weir_expect_status 1
	wait_told " STATUS=cannot start: relay command-line: cannot listen on $TARGET: Address already in use\$"
}
beside "a start that fails says why" no_start

# What was wrong with an earlier one is not said any more.
no_reload() {
	local other
	EXPECT_LOG="cannot listen\|$NOT_RELOADED\|relay.ini"
	manage
	target_as other -s echo
	other=$TARGET
	target -s echo
	section a 127.0.0.1:0 | install
	weir_start -c relay.ini
	section a 127.0.0.1:0 "listen = $other" | install
	reload_fails "cannot listen on $other"
	wait_told "READY=1 STATUS=.*; reload failed: relay a: cannot listen on $other: Address already in use\$"
	section a 127.0.0.1:0 "oops = 1" | install
	reload_fails "unknown key"
	wait_told "READY=1 STATUS=.* queued; reload failed: relay.ini:4: unknown key "
	section a 127.0.0.1:0 | install
	reload
	visit
}
scenario "a reload that fails says why" no_reload

drain() {
	manage
	target recv 10 send 10 await go expect-fin fin
	weir_relay -o drain_timeout=1h
	client send 10 recv 10 touch in await go fin expect-fin
	wait_for "the client to be in" test -e in
	kill -TERM "$WEIR_PID"
	wait_told ' STOPPING=1 STATUS=draining: 1 pair left, 3[0-9]* s at most$'
	wait_for "weir to ask for more time" told_at_least 2 ' EXTEND_TIMEOUT_USEC=[0-9]*$'
	wait_told '^[0-9]* STATUS=draining: 1 pair left, 35[0-9]* s at most$'
	touch go
	weir_expect_status 0
	peers_end
}
beside "draining asks for more time" drain

# In milliseconds, from READY on.
longest_silence() {
	awk '/READY=1|WATCHDOG=1/ {
		if (before && $1 - before > longest)
			longest = $1 - before
		before = $1
	}
	END { print longest }' messages
}

under_load() {
	manage
	target -s -i echo
	WATCHDOG_USEC=4000000 weir_relay -o workers=2
	client -n 40 deadline 60 mirror duplex $((64 / SCALE))M $((64 / SCALE))M fin expect-fin
	peer_end client
	wait_for "calls of the watchdog" told_at_least 2 'WATCHDOG=1$'
	expect_at_most "ms without a call" 4000 "$(longest_silence)"
}
beside "the watchdog is called under load" under_load

finish
