#!/bin/bash
# Which target a client gets: by turns and weight, by connections, by the client's address; backups; names.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"
# shellcheck source=targets_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/targets_lib.sh"
# shellcheck source=reload_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/reload_lib.sh"

MANY=10000
[ $SANITIZED = no ] || MANY=2000

# shares WORD...: so many of the visitors for each target, within a tolerance: shares 2 one=50 two=50
shares() {
	local within=$1 share
	shift
	for share; do expect_near "clients of ${share%=*}" "${share#*=}" "$(seen "target=${share%=*} ")" "$within"; done
}

# weighted NAME=WEIGHT...: the lines of relay.ini
weighted() {
	local pair
	for pair; do echo "target = ${AT[${pair%=*}]} weight=${pair#*=}"; done
}

by_weight() {
	local workers=$1
	farm one two three
	order serve one two three
	relay_to "$(weighted one=5 two=2 three=1)" >relay.ini
	weir_start -c relay.ini -o workers="$workers" -o log_connections=off
	visitors -n "$MANY" -c 16
	everybody_was_served
	shares $((1 + workers)) one=$((MANY * 5 / 8)) two=$((MANY / 4)) three=$((MANY / 8))
}
beside "round robin by weight, $MANY clients, one worker" by_weight 1
beside "round robin by weight, $MANY clients, four workers" by_weight 4

# in_a_row MOST: no target has more clients one after the other.
in_a_row() {
	awk -v most="$1" '
	{ run = $3 == last ? run + 1 : 1; last = $3; if (run > longest) longest = run }
	END { print "longest run: " longest; exit longest > most }' some.visitors ||
		fail "a target has too many clients in a row"
}

# Not five for one target, then two for the next.
smooth() {
	farm one two three
	order serve one two three
	relay_to "$(weighted one=4 two=3 three=3)" >relay.ini
	weir_start -c relay.ini
	visitors -n 100
	everybody_was_served
	shares 0 one=40 two=30 three=30
	in_a_row 2
}
beside "round robin is smooth" smooth

# The client whose turn it was used to go to the next in line, which so got twice as many.
first_is_dead() {
	farm one two three four
	order serve two three four
	relay_to "$(weighted one=1 two=1 three=1 four=2)" "fail_limit = $1" >relay.ini
	start_counted -o log_connections=off
	visitors -n 2000 -c 8
	everybody_was_served
	shares 5 two=500 three=500 four=1000
	[ "$1" = 0 ] || expect_near "connects to the dead one" "$1" "$(connects one)" 3
	[ "$1" != 0 ] || expect_near "connects to the dead one" 400 "$(connects one)" 110
}
EXPECT_LOG=$TARGET_LOG
beside "the first of four is dead: the others share its clients" first_is_dead 3
beside "the same with a target that is never taken out" first_is_dead 0
unset EXPECT_LOG

heaviest_is_dead() {
	farm one two three four five
	order serve two three four five
	relay_to "$(weighted one=7 two=5 three=4 four=3 five=2)" "fail_limit = 0" >relay.ini
	weir_start -c relay.ini -o log_connections=off
	visitors -n 1400 -c 4
	everybody_was_served
	shares 10 two=500 three=400 four=300 five=200
}
EXPECT_LOG=$TARGET_LOG
beside "a target that is not taken out is dead: the others share by weight" heaviest_is_dead
unset EXPECT_LOG

half_are_dead() {
	farm one two three four five six
	order serve four five six
	relay_to "$(targets_of one two three four five six)" "fail_limit = 0" "connect_attempts = 4" >relay.ini
	weir_start -c relay.ini -o log_connections=off
	visitors -n 1500 -c 4
	everybody_was_served
	shares 5 four=500 five=500 six=500
}
EXPECT_LOG=$TARGET_LOG
beside "three in a row are dead: the others share evenly" half_are_dead
unset EXPECT_LOG

open_are() {
	local pair
	for pair; do farm_counts open "${pair%=*}" "${pair#*=}" || return 1; done
}

pairs_are() {
	weir_dump
	[ "$(value pairs weir)" -eq "$1" ]
}

least_connections() {
	farm one two three
	order serve one two three
	relay_to "$(weighted one=1 two=1 three=2)" "balance = least_connections" >relay.ini
	weir_start -c relay.ini -o workers="$1"
	visitors_as early -k -n 400
	wait_for "400 clients to be in" all_are_in early 400
	everybody_was_served early
	expect_equal "clients of one" 100 "$(seen target=one early)"
	expect_equal "clients of two" 100 "$(seen target=two early)"
	weir_dump
	has target target="$(of one)" pairs=100
	has target target="$(of three)" pairs=200 weight=2
	order drop one
	wait_for "one to have none" pairs_are 300
	visitors_as late -k -n 80
	wait_for "80 clients to be in" all_are_in late 80
	expect_equal "clients of one that came later" 80 "$(seen target=one late)"
	visitors -n 30
	everybody_was_served
	expect_equal "clients of one while it has the fewest" 30 "$(seen target=one)"
	visitors_go late
	visitors_go early
}
beside "least connections by weight, one worker" least_connections 1
beside "least connections by weight, four workers" least_connections 4

# Ties take turns, so that short pairs do not all go to the first.
least_connections_idle() {
	farm one two three
	order serve one two three
	relay_to "$(weighted one=2 two=1 three=1)" "balance = least_connections" >relay.ini
	weir_start -c relay.ini
	visitors -n 400
	everybody_was_served
	shares 40 one=200 two=100 three=100
}
beside "least connections without any: ties take turns" least_connections_idle

# Source and target of each visitor, one line for each source.
sources_map() {
	sed 's/.*\(origin=[0-9]* target=[a-z]*\) .*/\1/' some.visitors | sort -u >"$1"
	expect_equal "sources that have several targets" "" "$(cut -d' ' -f1 "$1" | uniq -d | head -n 3)"
}

# expect_moved BEFORE AFTER NAME: those that had NAME have another, and nobody else.
expect_moved() {
	grep -v "target=$3" "$1" >stayed
	[ -z "$(comm -13 "$2" stayed)" ] || fail "clients of others were moved: $(comm -13 "$2" stayed | head -n 3)"
	expect_equal "clients that stayed with $3" 0 "$(grep -c "target=$3" "$2")"
}

by_source() {
	local own
	farm one two three
	order serve one two three
	relay_to "$(targets_of one two three)" "balance = source" "fail_limit = 1" "fail_time = 500ms" >relay.ini
	weir_start -c relay.ini -o workers=4 -o log_connections=off
	visitors -n 600 -s 200 -c 8
	everybody_was_served
	sources_map before
	own=$(grep -c target=two before)
	expect_near "sources of two" 67 "$own" 30
	order refuse two
	visitors -n 400 -s 200 -c 8
	everybody_was_served
	sed -i '/target=-/d' some.visitors
	sources_map lost
	expect_moved before lost two
	expect_near "sources that went from two to one" $((own / 2)) \
		$(($(grep -c target=one lost) - $(grep -c target=one before))) 20
	order serve two
	wait_for "two to be up" source_is_back
	visitors -n 200 -s 200 -c 8
	sources_map after
	cmp before after || fail "not everybody is where he was"
}

source_is_back() {
	visitors -n 200 -s 200 -c 8
	[ "$(seen target=two)" -gt 0 ]
}
EXPECT_LOG=$TARGET_LOG
beside "by source: a lost target moves its own clients only, and they come back" by_source
unset EXPECT_LOG

source_reloaded() {
	farm one two three
	order serve one two three
	relay_to "$(weighted one=1 two=1 three=2)" "balance = source" | install
	weir_start -c relay.ini -o log_connections=off
	visitors -n 400 -s 400 -c 8
	everybody_was_served
	sources_map before
	shares 45 one=100 two=100 three=200
	relay_to "$(weighted three=2 one=1 two=1)" "balance = source" "high_watermark = 64K" | install
	reload
	visitors -n 400 -s 400 -c 8
	sources_map after
	cmp before after || fail "a reload has moved clients"
	relay_to "$(weighted three=2 one=1)" "balance = source" | install
	reload
	visitors -n 400 -s 400 -c 8
	sources_map lost
	expect_moved before lost two
}
beside "by source and weight: the same after a reload with the targets in another order" source_reloaded

source_unix() {
	farm one two three
	order serve one two three
	relay_to "$(targets_of one two three)" "balance = source" "listen = unix:$PWD/socket" >relay.ini
	weir_start -c relay.ini
	RELAY=unix:$PWD/socket
	visitors -n 30
	everybody_was_served
	expect_equal "targets of clients from unix sockets" 1 "$(sed 's/.* \(target=[a-z]*\) .*/\1/' some.visitors | sort -u | wc -l)"
}
beside "by source: clients of unix sockets are alike" source_unix

backups() {
	farm one two spare other
	order serve one two spare other
	relay_to "$(targets_of one two)" "backup_target = $(of spare) weight=3" "backup_target = $(of other)" \
		"fail_limit = 1" "fail_time = 300ms" "connect_attempts = 4" >relay.ini
	start_counted
	visitors -n 40
	shares 0 one=20 two=20
	order refuse one
	visitors -n 40
	everybody_was_served
	expect_at_most "clients of backups while a target is up" 0 $(($(connects spare) + $(connects other)))
	order refuse two
	visitors -n 40
	everybody_was_served
	shares 2 spare=30 other=10
	weir_dump
	target_is "$(of spare)" state=up backup=yes weight=3
	target_is "$(of one)" state=down backup=no
	order serve two
	wait_for "two to be up" two_is_back
	visitors -n 40
	everybody_was_served
	shares 0 two=40
}

two_is_back() {
	visitors -n 10
	[ "$(seen target=two)" -eq 10 ]
}
EXPECT_LOG=$TARGET_LOG
beside "backups serve while no target is up, by weight, and no longer" backups
unset EXPECT_LOG

# A daemon with relay.ini for which the name db.test has the addresses in names.new.
names_start() {
	mv names.new names
	NAMES=$PWD/names PRELOAD=$NAMES_SHIM start_counted "${@:1}"
}

# Its addresses together count as one target.
name_is_one() {
	farm -s single=127.0.0.1:0 left=127.0.0.2:0 right=127.0.0.3:0
	order serve single left right
	echo "127.0.0.2 127.0.0.3" >names.new
	relay_to "target = db.test:${AT[single]##*:}" "target = $(of single)" >relay.ini
	names_start -o workers="$1"
	visitors -n 400
	everybody_was_served
	shares $((1 + $1)) single=200 left=100 right=100
}
beside "a name with two addresses counts as one target" name_is_one 1
beside "a name with two addresses counts as one target, four workers" name_is_one 4

# Order in which the last targets were tried.
tried() {
	local name
	for name in "${!AT[@]}"; do sed -i "s/to=${AT[$name]} /to=$name /" connects; done
	sed -n 's/.* to=\([a-z]*\) .*/\1/p' connects | tail -n "$1" | tr '\n' ' '
}

all_down() {
	local first
	farm one two three
	relay_to "$(targets_of one two three)" "fail_limit = 1" "fail_time = 1h" "connect_attempts = 1" >relay.ini
	start_counted
	visitors -n 3 -r 20
	expect_equal "clients that were reset" 3 "$(seen end=reset)"
	first=$(tried 3)
	expect_equal "targets that were tried" 3 "$(wc -w <<<"$(tr ' ' '\n' <<<"$first" | sort -u)")"
	visitors -n 3 -r 20
	expect_equal "what is tried, longest down first" "$first" "$(tried 3)"
	: >connects
	order serve two
	visitors -n 20 -r 100
	expect_at_least "clients that found the one that is back" 18 "$(seen end=ok)"
}
EXPECT_LOG=$TARGET_LOG
beside "all down: tried in turn, longest down first, and one that is back is found" all_down

all_down_backups_too() {
	farm one spare
	relay_to "$(targets_of one)" "backup_target = $(of spare)" "fail_limit = 1" "fail_time = 1h" >relay.ini
	start_counted
	visitors -n 5
	expect_equal "clients that were reset" 5 "$(seen end=reset)"
	expect_equal "connects to the target" 5 "$(connects one)"
	expect_equal "connects to the backup" 5 "$(connects spare)"
	order serve spare
	visitors -n 5
	everybody_was_served
}
beside "all down: the backup is tried too" all_down_backups_too
unset EXPECT_LOG

reloads_in_the_middle() {
	local n=0
	farm one two three
	order serve one two three
	relay_to "$(weighted one=5 two=2 three=1)" | install
	reload_start 1 -o workers=2 -o log_connections=off
	visitors_as some -n 4000 -c 16
	while kill -0 "${VISITING[some]}" 2>/dev/null; do
		relay_to "$(weighted one=5 two=2 three=1)" "high_watermark = $((64 + n % 2))K" | install
		reload
		n=$((n + 1))
	done
	visitors_end some
	everybody_was_served
	echo "$n reloads"
	shares $((3 + n)) one=2500 two=1000 three=500
}
beside "round robin with reloads in the middle" reloads_in_the_middle

finish
