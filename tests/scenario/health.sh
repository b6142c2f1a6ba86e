#!/bin/bash
# What weir knows of its targets, and what it does with it: who is tried, how often, and what is said.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"
# shellcheck source=targets_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/targets_lib.sh"
# shellcheck source=reload_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/reload_lib.sh"

EXPECT_LOG=$TARGET_LOG

# gaps NAME: milliseconds between one connect to it and the next.
gaps() {
	sed -n "s/^at_ms=\([0-9]*\) to=${AT[$1]} .*/\1/p" connects | awk 'NR > 1 { print $1 - last } { last = $1 }'
}

# expect_rests NAME FIRST MS: after its first FIRST connects, so many milliseconds at least before each.
expect_rests() {
	gaps "$1" | tail -n "+$2" | awk -v rest="$3" '$1 < rest { print "only " $1 " ms"; bad = 1 } END { exit bad }' ||
		fail "$1 is tried too often: $(gaps "$1" | tr '\n' ' ')"
}

lines_about() {
	grep -c "target ${AT[$1]}.* $2" weir.log || :
}

expect_lines() {
	expect_equal "lines that $1 $2" "$3" "$(lines_about "$1" "$2")"
}

fail_limit() {
	local limit=$1 workers=$2 began ms
	farm dead good
	order serve good
	relay_to "$(targets_of dead good)" "fail_limit = $limit" "fail_time = 500ms" >relay.ini
	start_counted -o workers="$workers"
	began=$(now_ms)
	visitors -n 400 -r 200
	ms=$(($(now_ms) - began)) # two seconds, or more
	everybody_was_served
	expect_at_least "connects to the dead one" $((workers > 1 ? limit : limit + 2)) "$(connects dead)"
	expect_at_most "connects to the dead one in $ms ms" $((limit + ms / 500 + (workers > 1 ? 2 : 0))) "$(connects dead)"
	[ "$workers" -gt 1 ] || expect_rests dead "$limit" 500
	weir_dump
	target_is "$(of good)" state=up failures=0 last_error=-
	target_is "$(of dead)" state=down connects=0 failures="$(connects dead)" \
		last_error=ECONNREFUSED checks=0 check_failures=0 weight=1 backup=no pairs=0
	expect_lines dead 'is down: Connection refused' 1
}
beside "three connects failed take a target out, then one pair tries it each fail_time" fail_limit 3 1
beside "the same with four workers" fail_limit 3 4
beside "fail_limit = 1" fail_limit 1 1

never_taken_out() {
	farm dead good
	order serve good
	relay_to "$(targets_of dead good)" "fail_limit = 0" >relay.ini
	start_counted
	visitors -n 100
	everybody_was_served
	expect_near "connects to the dead one" 58 "$(connects dead)" 12
	weir_dump
	target_is "$(of dead)" state=up
	expect_lines dead 'is down' 0
}
beside "fail_limit = 0: never taken out" never_taken_out

# Failures that are not in a row take nothing out.
not_in_a_row() {
	farm one two
	order serve two
	relay_to "$(targets_of one two)" "fail_limit = 3" >relay.ini
	start_counted
	visitors -n 2
	for _ in 1 2 3; do
		order serve one
		visitors -n 2
		order refuse one
		visitors -n 2
		everybody_was_served
	done
	weir_dump
	target_is "$(of one)" state=up
	expect_equal "warnings where everybody was served" 0 "$(log_count ' warning ')"
}
beside "a failure now and then: not taken out, and nothing to tell" not_in_a_row

# expect_tries LEAST SINCE MORE: of the black hole; at most three, one a second, and so many more.
expect_tries() {
	expect_at_least "connects to the black hole" "$1" "$(connects hole)"
	expect_at_most "connects to the black hole" $((3 + ($(now_ms) - $2) / 1000 + $3)) "$(connects hole)"
}

# It used to make every second client wait for connect_timeout, for ever.
black_hole() {
	local began
	farm hole good
	order serve good
	order silent hole
	relay_to "$(targets_of hole good)" "connect_timeout = 300ms" "fail_time = 1s" >relay.ini
	start_counted -o workers="$1"
	began=$(now_ms)
	visitors -n 40
	began=$((began + 900)) # three connects have taken so long; a second later it is tried again
	everybody_was_served
	expect_tries 3 $began 0
	visitors -n 250 -r 100
	everybody_was_served
	expect_tries 4 $began 1
	expect_rests hole 3 1000
	expect_lines hole 'is down: Connection timed out' 1
	order serve hole
	visitors -n 140 -r 100
	everybody_was_served
	expect_at_least "clients of the one that is back" 5 "$(seen target=hole)"
	wait_log "target $(of hole) is up again after .* s; 2 of 2 targets are up"
}
beside "a black hole costs the first few clients only" black_hole 1
beside "a black hole costs the first few clients only, four workers" black_hole 4

# Health is that of each address, over look-ups.
black_hole_in_a_name() {
	farm -s good=127.0.0.2:0 hole=127.0.0.3:0 bad=127.0.0.4:0
	order serve good
	order silent hole
	echo "127.0.0.3 127.0.0.2 127.0.0.4" >names
	relay_to "target = db.test:${AT[good]##*:}" "connect_timeout = 300ms" "fail_time = 1h" >relay.ini
	NAMES=$PWD/names PRELOAD=$NAMES_SHIM start_counted -o resolve_interval=1s
	visitors -n 60
	everybody_was_served
	expect_equal "connects to the black hole" 3 "$(connects hole)"
	expect_equal "connects to the one that refuses" 3 "$(connects bad)"
	echo "127.0.0.2 127.0.0.4 127.0.0.3" >names.new
	mv names.new names
	visitors -n 150 -r 100
	everybody_was_served
	expect_equal "connects to the black hole after look-ups" 3 "$(connects hole)"
	weir_dump
	has target target="db.test:${AT[good]##*:}" address="$(of good)" state=up
	has target target="db.test:${AT[good]##*:}" address="$(of hole)" state=down last_error=ETIMEDOUT
	wait_log "target db.test:[0-9]* at $(of hole) is down: Connection timed out (3 connects failed in a row); 1 of 1 targets are up"
}
beside "a name with a black hole among its addresses" black_hole_in_a_name

no_address() {
	relay_to "target = none.test:1" >relay.ini
	echo fail >names
	NAMES=$PWD/names PRELOAD=$NAMES_SHIM start_counted
	weir_dump
	has target target=none.test:1 address=- relay=db
}
EXPECT_LOG="$TARGET_LOG\|does not resolve" beside "a name without an address has a record" no_address

all_are_tried() {
	farm one two
	relay_to "$(targets_of one two)" "fail_limit = 1" "fail_time = 1h" >relay.ini
	start_counted
	visitors -n 20
	expect_equal "clients that were reset" 20 "$(seen end=reset)"
	expect_equal "connects to one" 20 "$(connects one)"
	expect_equal "connects to two" 20 "$(connects two)"
	wait_closed reason=connect_failed attempts=2
	expect_equal "lines about the relay" 1 "$(log_count 'no target could be connected')"
	weir_dump
	has relay name=db connect_failed=20
	order serve two
	visitors -n 5
	everybody_was_served
	expect_equal "clients of the one that is back" 5 "$(seen target=two)"
	wait_log "target $(of two) is up again after .*; 1 of 2 targets are up"
}
beside "all are down: nobody is refused untried" all_are_tried

only_one() {
	farm one
	relay_to "$(targets_of one)" "fail_limit = 1" "fail_time = 1h" >relay.ini
	start_counted -o workers="$1"
	visitors -n 10
	expect_equal "connects" 10 "$(connects one)"
	wait_closed reason=connect_failed attempts=1
	order serve one
	visitors -n 10
	everybody_was_served
	wait_closed reason=eof attempts=1
	expect_lines one 'is down' 1
	expect_lines one 'is up again' 1
	weir_dump
	target_is "$(of one)" state=up connects=10 failures=10
}
beside "the only target is down: it is tried for everybody" only_one 1
beside "the only target is down: it is tried for everybody, four workers" only_one 4

attempts() {
	farm one two three
	order serve three
	relay_to "$(targets_of one two three)" "fail_limit = 0" "balance = round_robin" >relay.ini
	start_counted
	visitors -n 30
	everybody_was_served
	wait_closed attempts=3 reason=eof
	wait_closed attempts=1 reason=eof
	wait_for "30 close lines" log_counts 30 'closed pair='
	expect_equal "attempts of all" "$(wc -l <connects)" \
		"$(sed -n 's/.* closed pair=.* attempts=\([0-9]*\).*/\1/p' weir.log | awk '{ sum += $1 } END { print sum }')"
}
beside "the close line counts attempts" attempts

is_visited() {
	visitors -n 10
	[ "$(seen "target=$1")" -gt 0 ]
}

healthy_status() {
	! tail -n 1 messages | grep -q 'targets down'
}

status() {
	manage
	farm one two three
	order serve one two three
	relay_to "$(targets_of one two three)" "fail_limit = 1" "fail_time = 300ms" >relay.ini
	start_counted
	visitors -n 6
	order refuse two
	visitors -n 10
	everybody_was_served
	wait_log " warning relay db: target $(of two) is down: Connection refused (.*); 2 of 3 targets are up"
	wait_told 'STATUS=.*1 of 3 targets down'
	order serve two
	wait_for "two to be up" is_visited two
	wait_log " notice relay db: target $(of two) is up again after .*; 3 of 3 targets are up"
	wait_for "a status without targets" healthy_status
	# What a service manager does not expect is not sent: the oracle's daemon ends here.
	unset NOTIFY_SOCKET
}
beside "down and up again: one line each, and STATUS" status

json_record() {
	farm one two
	order serve one
	relay_to "$(targets_of one two)" "fail_limit = 1" >relay.ini
	start_counted -o dump_format=json
	visitors -n 10
	everybody_was_served
	rm -f dump
	kill -USR1 "$WEIR_PID"
	wait_for "a dump" test -e dump
	mv dump dump.json
	"$JSONRECORDS" dump.json >dump || fail "no JSON"
	dump_check dump
	target_is "$(of one)" relay=db state=up backup=no last_error=- weight=1
	target_is "$(of two)" address="$(of two)" state=down last_error=ECONNREFUSED connects=0 failures=1 checks=0
	weir_stop
}
beside "target records in JSON" json_record

reloaded() {
	local since
	farm dead good
	order serve good
	relay_to "$(targets_of dead good)" "fail_limit = 2" "fail_time = 1h" | install
	start_counted
	visitors -n 20
	everybody_was_served
	expect_equal "connects to the dead one" 2 "$(connects dead)"
	weir_dump
	since=$(value since_ms target state=down)
	relay_to "$(targets_of good dead)" "fail_limit = 1" "fail_time = 1h" "high_watermark = 64K" | install
	reload
	visitors -n 20
	everybody_was_served
	expect_equal "connects to the dead one after a reload" 2 "$(connects dead)"
	weir_dump
	target_is "$(of dead)" state=down failures=2 connects=0
	expect_at_least "how long it is down" "$since" "$(value since_ms target state=down)"
	expect_lines dead 'is down' 1
	relay_to "$(targets_of good dead)" "fail_limit = 1" "fail_time = 100ms" | install
	reload
	wait_for "a try" tried_again
	expect_lines dead 'is down' 1
}

tried_again() {
	visitors -n 10
	everybody_was_served
	[ "$(connects dead)" -gt 2 ]
}
beside "a reload keeps what is known, and changes what follows from it" reloaded

# expect_share FROM_MS TO_MS PERMILLE WITHIN: of the clients that began in that time, so many were one's.
expect_share() {
	local all own
	all=$(awk -F'[= ]' -v from="$1" -v to="$2" '$8 >= from && $8 < to' some.visitors | wc -l)
	own=$(awk -F'[= ]' -v from="$1" -v to="$2" '$8 >= from && $8 < to && $6 == "one"' some.visitors | wc -l)
	expect_near "permille of one from $1 to $2 ms" "$3" $((own * 1000 / all)) "$4"
}

# "one" is lost, comes back, and is seen soon: it was up for since ms when the dump was taken.
is_up_lately() {
	order refuse one
	visitors -n 10
	everybody_was_served
	order serve one
	wait_for "one to be up" is_visited one
	weir_dump
	since=$(value since_ms target "target=$(of one)")
	[ "$since" -lt 300 ]
}

slow_start() {
	local since late
	farm one two
	order serve one two
	relay_to "$(targets_of one two)" "fail_limit = 1" "fail_time = 200ms" "slow_start = 2s" >relay.ini
	start_counted
	visitors -n 40
	expect_equal "clients of one at the start" 20 "$(seen target=one)"
	wait_for "one to be up" is_up_lately
	watch_lateness
	visitors -n 1200 -r 400
	everybody_was_served
	late=$(($(lateness) / 4)) # permille, as it gets some more each second
	expect_share $((300 - since)) $((1000 - since)) 279 $((60 + late))
	expect_share $((1000 - since)) $((2000 - since)) 434 $((50 + late))
	expect_share 2100 3000 500 15
}
beside "slow_start: a target that was down begins gently, at the start none does" slow_start

flapping() {
	farm one two
	order serve one two
	order flap 100 one
	relay_to "$(targets_of one two)" "fail_limit = 1" "fail_time = 50ms" >relay.ini
	start_counted -o workers="$1"
	visitors -n 600 -r 200
	everybody_was_served
	expect_at_least "clients of the one that flaps" 30 "$(seen target=one)"
	expect_at_most "lines about it" 12 "$(($(lines_about one 'is down') + $(lines_about one 'is up')))"
	order serve one
}
beside "a target that flaps every 100 ms: nobody notices, the log is not flooded" flapping 1
beside "a target that flaps every 100 ms, four workers" flapping 4

# It has been connected. Whether weir still sees the reset while it connects is a matter of microseconds.
resetting() {
	farm one two
	order serve two
	order reset one
	relay_to "$(targets_of one two)" "fail_limit = 2" "fail_time = 100ms" >relay.ini
	start_counted
	visitors -n 200 -c 4
	expect_equal "clients that were neither served nor reset" 0 "$(grep -vc 'end=\(ok\|reset\)$' some.visitors)"
	expect_at_least "clients that were served" 100 "$(seen end=ok)"
}
beside "a target that accepts and resets" resetting

# As long as it takes less than connect_timeout, it is no failure.
late_answer() {
	farm one two
	order serve two
	order silent one
	relay_to "$(targets_of one two)" "fail_limit = 1" >relay.ini
	start_counted
	visitors_as some -n 2 -r 100
	wait_for "a connect to one" test -s connects
	wait_for "a connect to one" grep -q "to=${AT[one]}" connects
	order serve one
	visitors_end some
	everybody_was_served
	weir_dump
	target_is "$(of one)" state=up failures=0
}
beside "a target that answers late has not failed" late_answer

finish
