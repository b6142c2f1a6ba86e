#!/bin/bash
# Clients that are held while several targets fail in several ways. retrying.sh has what holds for one target.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"
# shellcheck source=targets_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/targets_lib.sh"

EXPECT_LOG=$TARGET_LOG

held_are() {
	weir_dump
	[ "$(value pairs weir)" -eq "$1" ]
}

longest_ms() {
	sed -n 's/.* took_ms=\([0-9]*\) .*/\1/p' "$1.visitors" | sort -n | tail -n 1
}

# A database that restarts costs its clients that time, not an error.
restart() {
	local began
	farm one
	order serve one
	relay_to "$(targets_of one)" "retry_time = 20s" "$2" >relay.ini
	start_counted -o workers="$1"
	visitors -n 5
	order refuse one
	watch_lateness
	began=$(now_ms)
	visitors_as some -n 100 -r 100
	dump_until has pair state=connecting
	sleep 1.5
	order serve one
	began=$(($(now_ms) - began)) # so long it was away
	visitors_end some
	everybody_was_served
	expect_at_most "milliseconds that the longest had to wait" $((began + 1000 + $(lateness))) "$(longest_ms some)"
	expect_at_least "milliseconds that the longest had to wait" 1200 "$(longest_ms some)"
	wait_log ' closed pair=.* attempts=[2-9]'
}
beside "a target that restarts, and is never taken out: its clients wait" restart 1 "fail_limit = 0"
beside "a target that restarts, and is taken out for long" restart 4 "fail_time = 1h"
beside "a target that restarts, and is checked" restart 4 "check_interval = 100ms"

# The pairs together try it so often, not each.
hammer() {
	local count=1000 ms
	[ "$SANITIZED" = no ] || count=200
	farm one two
	relay_to "$(targets_of one two)" "retry_time = 1h" "fail_time = 1h" >relay.ini
	start_counted -o workers="$1" -o log_connections=off
	needs_pairs "$count"
	visitors_as some -n "$count" -k
	wait_for "$count clients that are held" held_are "$count"
	sleep 1
	: >connects
	ms=$(now_ms)
	sleep 2
	ms=$(($(now_ms) - ms))
	expect_at_most "connects of $count clients in $ms ms" $(($1 * 2 * 110 * ms / 1000 + 100)) "$(wc -l <connects)"
	expect_at_least "connects of $count clients in $ms ms" 5 "$(wc -l <connects)"
	watch_lateness
	ms=$(now_ms)
	order serve two
	wait_for "all to be served" all_are_in some "$count"
	ms=$(($(now_ms) - ms))
	expect_at_most "milliseconds until all were served" $((3000 + $(lateness))) $ms
	everybody_was_served
	visitors_go some
}
beside "a thousand held clients do not hammer two targets, and follow when one gets through" hammer 4

# A SYN that comes while the farm closes its socket is lost, and sent again after a second. By then the target
# is in the middle of a turn: with turns of 100 ms it would be closing its socket again.
flapping() {
	farm one
	order flap 80 one
	relay_to "$(targets_of one)" "retry_time = 10s" "fail_time = 1h" >relay.ini
	watch_lateness
	start_counted -o workers="$1"
	visitors -n 300 -r 100
	everybody_was_served
	expect_at_most "milliseconds that the longest had to wait" $((3500 + $(lateness))) "$(longest_ms some)"
	order serve one
}
beside "the only target flaps: everybody is served" flapping 1
beside "the only target flaps, four workers" flapping 4

finish
