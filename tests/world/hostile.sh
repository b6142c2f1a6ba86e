#!/bin/bash
# Hostile clients, and what an honest one notices of them. Its round trips of small messages, on an existing
# connection and on new ones, are printed as comments.
# shellcheck source=../scenario/lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"

STRANGERS=yes # the honest client is no rawpeer
EXPECT_LOG='max_connections .* reached\|no answer from a target'

HONEST=${HONEST:-$PWD/tests/world/honest}
HONEST_MS=${HONEST_MS:-1500}
exec 3>&1 # comments of cases that succeed

two_relays() {
	cat >relay.ini <<-END
		[relay honest]
		listen = 127.0.0.1:0
		target = $ECHO
		[relay bulk]
		listen = 127.0.0.1:0
		target = $BULK
	END
	weir_start -c relay.ini "$@"
	HONEST_RELAY=$(listening_on honest)
	RELAY=$(listening_on bulk)
}

# One for the honest, one for the others: what is measured is the relay, not a target that is busy with them.
echo_targets() {
	target_as echo -s -i deadline 120 echo
	ECHO=$TARGET
	target_as bulk -s -i deadline 120 "${@:-echo}"
	BULK=$TARGET
}

# honest WHEN KIND
honest() {
	local line
	line=$(timeout 60 "$HONEST" "$2" "$HONEST_RELAY" "$HONEST_MS") || fail "an honest client ($2) failed $1"
	echo "# $1: $line" >&3
}

honest_both() {
	honest "$1" established
	honest "$1" fresh
}

pairs_are() {
	weir_dump
	count "$1" pair
}

nobody_else() {
	echo_targets
	two_relays
	honest_both "nobody else there"
}
scenario "an honest client alone, to compare with" nobody_else

SILENT=${SILENT:-5000}

silent() {
	[ "$(ulimit -n)" -ge $((2 * SILENT + 200)) ] || skip "not enough descriptors"
	echo_targets
	two_relays
	client_as crowd -n "$SILENT" deadline 120 await over rst
	wait_for "$SILENT pairs" pairs_are "$SILENT"
	weir_expect_quiet
	honest_both "$SILENT silent connections"
	touch over
}
scenario "$SILENT connections that send nothing" silent

# They come as fast as the machine can, again and again, while the honest one goes on.
keep_bursting() {
	until [ -e over ]; do
		"$RAWPEER" -i -n 1000 connect "$RELAY" rst >/dev/null 2>&1 || :
		echo >>bursts
	done
}

burst() {
	local bursting
	echo_targets
	two_relays
	keep_bursting &
	bursting=$!
	wait_for "bursts" test -e bursts
	honest_both "bursts of 1000 connects"
	touch over
	wait "$bursting"
	dump_until has weir pairs=0
	echo "# bursts: $(wc -l <bursts)" >&3
}
scenario "bursts of connects that reset" burst

slow_readers() {
	echo_targets fill 60000
	two_relays -o memory_max=4M -o client_sndbuf=16K
	peer_with slow "rcvbuf 8K connect $RELAY" -i -n 500 deadline 120 await over rst
	wait_for "500 pairs" pairs_are 500
	wait_for "400 flows to be held up" held_up 400
	echo "# 500 slow readers: used=$(value used weir) of memory_max=$(value memory_max weir)" >&3
	honest_both "500 slow readers, memory_max 4M"
	touch over
	peer_end slow
	kill -KILL "${PEERS[bulk]}" # would go on filling
	unset "PEERS[bulk]"
}

held_up() {
	weir_dump
	[ "$(records flow direction=download reading=paused limited_by=client | wc -l)" -ge "$1" ]
}
scenario "500 slow readers share 4 MiB" slow_readers

# The hog comes again and again; clients from elsewhere do not notice.
keep_taking() {
	until [ -e over ]; do
		"$RAWPEER" -i -n 100 bind 127.0.0.2:0 connect "$RELAY" expect-open 500 rst >/dev/null 2>&1 || :
	done
}

hog() {
	local taking
	echo_targets
	two_relays -o global.max_connections=100 -o max_connections_per_source=50
	keep_taking &
	taking=$!
	wait_for "the hog's share" pairs_are 50
	honest_both "one source has all that it may have"
	touch over
	wait "$taking"
	wait_for "an empty daemon" weir_has_no_pairs
	expect_at_least "refused" 50 "$(value refused relay name=bulk)"
}
scenario "one source takes all that max_connections_per_source leaves it" hog

full_and_held() {
	echo_targets
	two_relays -o global.max_connections=50
	HONEST_MS=$((HONEST_MS + 1000)) honest "max_connections held" established &
	established=$!
	wait_for "the honest one" pairs_are 1
	client_as crowd -n 49 await over rst
	wait_for "50 pairs" pairs_are 50
	RELAY=$HONEST_RELAY
	client_as waiting -n 20 deadline 60 mirror send 10 recv 10 fin expect-fin
	wait "$established"
	weir_expect_quiet
	expect_at_most "log lines about it" 4 "$(grep -c max_connections weir.log)"
	touch over
	peer_end waiting
	honest "behind them" fresh
}
scenario "max_connections reached and held: who waits is served in the end" full_and_held

finish
