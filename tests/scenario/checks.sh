#!/bin/bash
# Targets that are checked, and entrances that are closed while no target is up.
#
# Each case has its own network namespace, where that is allowed: nobody else takes a port that is closed.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"
# shellcheck source=targets_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/targets_lib.sh"
# shellcheck source=reload_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/reload_lib.sh"

namespaces "ip link set lo up" "unshare -n" "unshare -r -n"
[ -z "$THIS_CASE" ] || ip link set lo up

EXPECT_LOG=$TARGET_LOG

CHECKED="check_interval = 100ms
check_timeout = 100ms"

shows() {
	weir_dump
	has target "$@"
}

# is STATE NAME...: the dump says so of each.
are() {
	local state=$1 name
	shift
	for name; do
		wait_for "$name to be $state" shows address="${AT[$name]}" state="$state"
	done
}

# No client is needed to know, and none is lost.
checked() {
	farm one two
	order serve one two
	relay_to "$(targets_of one two)" "$CHECKED" >relay.ini
	start_counted -o workers="$1"
	order refuse two
	are down two
	wait_log "target $(of two) is down: Connection refused (3 checks failed in a row); 1 of 2 targets are up"
	: >connects
	visitors -n 40
	everybody_was_served
	expect_equal "connects of clients to the one that is down" 0 "$(connects two thread=worker)"
	order serve two
	are up two
	wait_log "target $(of two) is up again after .*; 2 of 2 targets are up"
	visitors -n 40
	everybody_was_served
	expect_equal "clients of two" 20 "$(seen target=two)"
	weir_dump
	expect_at_least "checks of one" 5 "$(value checks target target="$(of one)")"
	expect_equal "checks of one that failed" 0 "$(value check_failures target target="$(of one)")"
	expect_at_least "checks of two that failed" 3 "$(value check_failures target target="$(of two)")"
}
beside "checks take a target out and bring it back, without a client" checked 1
beside "checks, four workers" checked 4

# connects_within MS: the lines of those that were made so soon after the first.
connects_within() {
	awk -F '[= ]' -v ms="$1" 'NR == 1 { first = $2 } $2 < first + ms' connects
}

# One thread checks for all workers, one check at a time for an address, and each is closed by a reset.
one_thread() {
	local before resets
	farm one
	order serve one
	relay_to "$(targets_of one)" "check_interval = 200ms" >relay.ini
	watch_lateness
	start_counted -o workers=4
	sleep 2
	expect_near "checks in two seconds" 10 "$(connects_within 2000 | wc -l)" $((3 + $(lateness) / 200))
	expect_equal "checks by workers" 0 "$(connects one thread=worker)"
	before=$(connects one)
	resets=$(farm_count empty_resets one)
	expect_at_least "checks that were closed by a reset" $((before - 2)) "$resets"
	expect_at_most "checks that were closed by a reset" "$(connects one)" "$resets"
	expect_equal "checks that were closed by an end" 0 "$(farm_count empty_ends one)"
	expect_equal "checks at a time" 1 "$(farm_count most one)"
	expect_equal "close lines" 0 "$(log_count 'closed pair=')"
}
beside "checks are made by one thread, and end with a reset" one_thread

# 40 targets and an interval of a second: no tenth of a second has more than three times its part.
spread() {
	local n names=()
	for ((n = 0; n < 40; n++)); do names+=("t$n"); done
	farm "${names[@]}"
	order serve "${names[@]}"
	relay_to "$(targets_of "${names[@]}")" "check_interval = 1s" >relay.ini
	watch_lateness
	start_counted
	sleep 3
	expect_near "checks in three seconds" 120 "$(connects_within 3000 | wc -l)" $((45 + $(lateness) * 40 / 1000))
	# Those that are late come together.
	sed 's/at_ms=\([0-9]*\)[0-9][0-9] .*/\1/' connects | sort | uniq -c |
		awk -v most=$((14 + $(lateness) * 40 / 1000)) '$1 > most { print; bad = 1 } END { exit bad }' ||
		fail "too many checks at a time"
}
beside "checks are spread over the interval" spread

# A client that gets through does not make it up, and fail_time does not count.
only_checks() {
	farm one two
	order serve one two
	relay_to "$(targets_of one two)" "check_interval = 300ms" "check_rise = 1000" "check_fall = 1" "fail_time = 100ms" >relay.ini
	start_counted
	order refuse one
	are down one
	order serve one
	: >connects
	visitors -n 100 -r 100
	everybody_was_served
	expect_equal "connects of clients to the one that is down" 0 "$(connects one thread=worker)"
	order refuse two
	visitors -n 10
	everybody_was_served
	expect_equal "clients that got the one that is down while none is up" 10 "$(seen target=one)"
	weir_dump
	target_is "$(of one)" state=down
}
beside "with checks, only they bring a target back" only_checks

checks_of() {
	[ "$(connects "$1" thread=main)" -ge "$2" ]
}

# It used to come anywhere in the interval.
first_is_early() {
	farm -s one=127.0.0.2:0 two=127.0.0.3:0
	order serve one
	echo 127.0.0.2 >names
	relay_to "target = db.test:${AT[one]##*:}" "check_interval = 1h" "check_fall = 1" "resolve_interval = 1s" >relay.ini
	NAMES=$PWD/names PRELOAD=$NAMES_SHIM start_counted
	wait_for "a check" checks_of one 1
	echo 127.0.0.3 >names.new
	mv names.new names
	are down two
}
beside "the first check of an address is early, at the start and after a look-up" first_is_early

# fail_limit holds beside checks.
failing_clients() {
	farm one two
	order serve one two
	relay_to "$(targets_of one two)" "check_interval = 1h" "fail_limit = 2" >relay.ini
	start_counted
	visitors -n 4
	order refuse one
	: >connects
	visitors -n 20
	everybody_was_served
	expect_equal "connects of clients that failed" 2 "$(connects one thread=worker)"
}
beside "with checks, clients that fail take a target out too" failing_clients

silent_check() {
	farm one two
	order serve one
	order silent two
	relay_to "$(targets_of one two)" "$CHECKED" "check_fall = 2" >relay.ini
	start_counted
	are down two
	wait_log "target $(of two) is down: Connection timed out (2 checks failed in a row)"
	: >connects
	visitors -n 30
	everybody_was_served
	expect_equal "connects of clients to the black hole" 0 "$(connects two thread=worker)"
}
beside "a black hole is found by checks" silent_check

backup_with_checks() {
	farm one spare
	order serve one spare
	relay_to "$(targets_of one)" "backup_target = $(of spare)" "$CHECKED" "check_fall = 1" "check_rise = 1" >relay.ini
	start_counted
	order refuse one
	are down one
	visitors -n 10
	everybody_was_served
	expect_equal "clients of the backup" 10 "$(seen target=spare)"
	order serve one
	are up one
	visitors -n 10
	everybody_was_served
	expect_equal "clients of the target" 10 "$(seen target=one)"
}
beside "checks and a backup know of each other" backup_with_checks

# Addresses that are gone are not checked any more, new ones are.
checks_follow() {
	farm -s first=127.0.0.2:0 second=127.0.0.3:0
	order serve first second
	echo 127.0.0.2 >names
	relay_to "target = db.test:${AT[first]##*:}" "check_interval = 100ms" "resolve_interval = 1s" | install
	NAMES=$PWD/names PRELOAD=$NAMES_SHIM start_counted
	are up first
	echo 127.0.0.3 >names.new
	mv names.new names
	are up second
	wait_for "checks of the second" checks_of second 3
	: >connects
	wait_for "checks of the second" checks_of second 3
	expect_equal "checks of the one that is gone" 0 "$(connects first)"
	relay_to "target = db.test:${AT[first]##*:}" "check_interval = 0" | install
	reload
	: >connects
	sleep 0.5
	expect_equal "checks after they were switched off" 0 "$(wc -l <connects)"
}

beside "checks follow look-ups and reloads" checks_follow

# A client is served or refused. Whoever was let in is not lost.
refused_while_down() {
	farm one two
	order serve one two
	relay_to "$(targets_of one)" "backup_target = $(of two)" "$CHECKED" "check_fall = 2" "when_down = refuse" >relay.ini
	start_counted -o workers="$1"
	visitors_as kept -k -n 10
	wait_for "ten clients" all_are_in kept 10
	order refuse one
	are down one
	is_served || fail "closed while a backup is up"
	order refuse two
	wait_for "closed entrances" is_refused
	wait_log 'relay db: .*127.0.0.1:.*'
	visitors -n 20
	expect_equal "clients that were refused" 20 "$(seen end=refused)"
	order serve one
	wait_for "open entrances" is_served
	visitors -n 50
	everybody_was_served
	expect_equal "clients that were lost" 0 "$(seen end=lost kept)"
	visitors_go kept
	everybody_was_served kept
}
beside "when_down = refuse: clients are refused while no target is up" refused_while_down 1
beside "when_down = refuse, four workers" refused_while_down 4

# Clients come all the time. Once it has let them in again, a relay does so for a second at least.
opens_and_closes() {
	local rest
	farm one
	order serve one
	relay_to "$(targets_of one)" "check_interval = 20ms" "check_fall = 1" "check_rise = 1" "when_down = refuse" >relay.ini
	watch_lateness
	start_counted
	visitors_as some -n 1150 -r 300
	for rest in 0.3 1.3; do
		sleep "$rest"
		order refuse one
		sleep 0.6
		order serve one
	done
	visitors_end some
	echo "served $(seen end=ok), refused $(seen end=refused), reset $(seen end=reset)"
	expect_at_least "clients that were served" 400 "$(seen end=ok)"
	expect_at_least "clients that were refused" 200 "$(seen end=refused)"
	expect_equal "clients that were neither served, refused nor reset" 0 "$(grep -vc 'end=\(ok\|refused\|reset\)$' some.visitors)"
	expect_at_most "clients that were let in while the target was lost" $((60 + $(lateness) * 300 / 1000)) \
		"$(seen end=reset)"
	wait_for "open entrances" is_served
}
beside "when_down = refuse, down and up again and again" opens_and_closes

refused_without_checks() {
	farm one
	relay_to "$(targets_of one)" "fail_limit = 2" "fail_time = 500ms" "when_down = refuse" >relay.ini
	start_counted
	is_refused && fail "refused untried"
	visitors -n 3
	wait_for "closed entrances" is_refused
	order serve one
	wait_for "open entrances, once fail_time is over" is_served
	visitors -n 10
	everybody_was_served
}
beside "when_down = refuse without checks: open again after fail_time" refused_without_checks

reloaded_while_closed() {
	farm one two
	order serve two
	relay_to "$(targets_of one)" "$CHECKED" "when_down = refuse" | install
	start_counted
	wait_for "closed entrances" is_refused
	relay_to "$(targets_of one)" "$CHECKED" "when_down = refuse" "high_watermark = 64K" | install
	reload
	is_refused || fail "a reload has opened entrances"
	relay_to "$(targets_of one two)" "$CHECKED" "when_down = refuse" | install
	reload
	wait_for "open entrances" is_served
	relay_to "$(targets_of one)" "$CHECKED" | install
	reload
	visitors -n 3
	expect_equal "clients that were reset" 3 "$(seen end=reset)"
}
beside "when_down = refuse and reloads" reloaded_while_closed

finish
