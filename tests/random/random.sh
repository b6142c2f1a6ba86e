#!/bin/bash
# Many connections that send, pause, read slowly, end and reset at random, through daemons with random
# settings.
#
#   SEED=N             repeats a run (whose first line reports the seed)
#   RANDOM_RUNS=N      daemons, 4 by default
#   RANDOM_SECONDS=N   how long each is kept busy, 4 by default
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/random/lib.sh"
# shellcheck source=../scenario/reload_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/reload_lib.sh"
# shellcheck source=../scenario/takeover_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/takeover_lib.sh"

SEED=${SEED:-$((RANDOM * 32768 + RANDOM))}
RANDOM_RUNS=${RANDOM_RUNS:-4}
RANDOM_SECONDS=${RANDOM_SECONDS:-4}
echo "# SEED=$SEED"

daemon_at_random() {
	settings "$1"
	if [ $(($1 % 2)) = 0 ]; then
		CROWD_HEADERS+=" -h"
		options+=(-o accept_proxy=127.0.0.0/8)
	fi
	if [ $(($1 % 3)) = 0 ]; then
		CROWD_HEADERS+=" -H"
		options+=(-o send_proxy=v2)
	fi
	crowd_relay "${options[@]}"
}

one_daemon() {
	daemon_at_random "$1"
	round "$1" "$RANDOM_SECONDS"
}

# What settings SEED chooses, as a file with two entrances or with one.
version() {
	local n
	settings "$1" >&2
	printf '[global]\nmemory_max = 16M\nlog_level = debug\n[defaults]\n'
	for ((n = 1; n < ${#options[@]}; n += 2)); do
		case ${options[n]} in
		workers=* | memory_max=* | log_level=*) ;;
		*) echo "${options[n]}" ;;
		esac
	done
	printf '%s\n' "[relay crowd]" "listen = 127.0.0.1:0" "target = ${FAILING[0]}"
	if [ $(($1 % 2)) = 0 ]; then echo "listen = 127.0.0.2:0"; fi
	if [ $(($1 % 4)) -lt 2 ]; then printf '%s\n' "target = $TARGET"; else echo "backup_target = $TARGET"; fi
}

# Pairs of several generations at a time; each keeps its settings, and counters and close lines add up.
reloaded() {
	local n
	crowd_target
	failing_targets
	for n in 0 1 2 3; do version $(($1 + n)) >version.$n; done
	install <version.0
	weir_start -c relay.ini -o workers=$((1 + $1 % 3))
	RELAY=$(at 127.0.0.1)
	crowd_begin
	dump_while_crowd_runs() {
		for ((n = 1; ; n++)); do
			if peer_has_ended crowd; then break; fi
			install <version.$((n % 4))
			reload
			weir_dump
		done
		install <version.0
		reload
		echo "$n reloads"
	}
	round "$1" "$RANDOM_SECONDS"
}

# Whatever pairs are doing, another program goes on with them.
taken_over() {
	local n
	daemon_at_random "$1"
	dump_while_crowd_runs() {
		for ((n = 0; ; n++)); do
			if peer_has_ended crowd; then break; fi
			take_over
			weir_dump
		done
		echo "$n takeovers"
	}
	round "$1" "$RANDOM_SECONDS"
}

for ((run = 0; run < RANDOM_RUNS; run++)); do
	scenario "a crowd at random, seed $((SEED + run))" one_daemon $((SEED + run))
done
scenario "a crowd at random and reloads, seed $SEED" reloaded "$SEED"
scenario "a crowd at random and takeovers, seed $SEED" taken_over "$SEED"
finish
