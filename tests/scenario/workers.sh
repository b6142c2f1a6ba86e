#!/bin/bash
# Clients go to the worker with the fewest pairs.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"

WEIR_ARGS="$WEIR_ARGS -o workers=4" # whatever else is asked for

# Of the last dump: how many pairs each worker has, as "2 2 2 2".
pairs_of_workers() {
	value worker pair | sort -n | uniq -c | awk '{ print $1 }' | xargs
}

# One after the other, so that nobody chooses by what will be different at once.
come() {
	local i
	for ((i = 0; i < $1; i++)); do
		client_as "client-$i" mirror send 10 recv 10 touch "in-$i" await out fin expect-fin
		wait_for "client $i to be in" test -e "in-$i"
	done
}

spread_evenly() {
	target -s echo
	weir_start -l "$1" -T "$TARGET"
	come 8
	weir_dump
	expect_equal "pairs of the workers" "2 2 2 2" "$(pairs_of_workers)"
	touch out
}
scenario "8 clients on 4 workers: 2 each" spread_evenly 127.0.0.1:0
scenario "8 clients of a unix socket on 4 workers: 2 each" spread_evenly "unix:@weir-workers-$$-$cases"

# Two choices at once may make a difference of one here, and of one there.
many_at_once() {
	local each
	target -s echo
	WEIR_NOFILE=4000 weir_start -l "$1" -T "$TARGET"
	needs_pairs 200
	client -n 200 -j 1000 mirror send 10 recv 10 touch in await out fin expect-fin
	wait_for "the clients to be in" test -e in
	weir_dump
	for each in $(pairs_of_workers); do
		expect_at_least "pairs of a worker" 48 "$each"
		expect_at_most "pairs of a worker" 52 "$each"
	done
	touch out
}
scenario "200 clients on 4 workers: 50 each" many_at_once 127.0.0.1:0
scenario "200 clients of a unix socket on 4 workers: 50 each" many_at_once "unix:@weir-workers-$$-$cases"

# strace counts calls of all threads. It starts weir, so that it may trace it.
woken_by_one_client() {
	strace -D -qq -o /dev/null true 2>/dev/null || skip "strace does not work here"
	export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
	target -s echo
	printf '#!/bin/sh\nexec strace -D -f -qq -e trace=accept4 -o "%s" "%s" "$@"\n' "$PWD/calls" "$WEIR" >starter
	chmod +x starter
	WEIR=$PWD/starter
	weir_start -l "unix:$PWD/relay" -T "$TARGET"
	come 20
	touch out
	peers_end
	weir_stop
	expect_at_least "clients accepted" 20 "$(grep -c 'accept4.* = [0-9]' calls)"
	# Two for each client: one that accepts it, one that finds that there is no other. All workers would
	# make five. On a busy machine others stand in, and make some of these.
	# From TERM on, the socket is shut, which wakes a worker again and again until it is told.
	expect_at_most "calls of accept4" 60 "$(sed '/--- SIGTERM/,$d' calls | grep -c 'accept4(')"
}
scenario "a client of a unix socket wakes one worker" woken_by_one_client

finish
