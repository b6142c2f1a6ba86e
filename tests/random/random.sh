#!/bin/bash
# Many connections that send, pause, read slowly, end and reset at random, through daemons with random
# settings.
#
#   SEED=N             repeats a run (whose first line reports the seed)
#   RANDOM_RUNS=N      daemons, 5 by default
#   RANDOM_SECONDS=N   how long each is kept busy, 4 by default
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/random/lib.sh"

SEED=${SEED:-$((RANDOM * 32768 + RANDOM))}
RANDOM_RUNS=${RANDOM_RUNS:-5}
RANDOM_SECONDS=${RANDOM_SECONDS:-4}
echo "# SEED=$SEED"

one_daemon() {
	settings "$1"
	crowd_relay "${options[@]}"
	round "$1" "$RANDOM_SECONDS"
}

for ((run = 0; run < RANDOM_RUNS; run++)); do
	scenario "a crowd at random, seed $((SEED + run))" one_daemon $((SEED + run))
done
finish
