#!/bin/bash
# Memory: the bound holds whatever thread filled it, and what is free goes back to the system. A build with
# sanitizers keeps memory, so these cases are for one without.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"

needs_plain_build() {
	[ $SANITIZED = no ] || skip "the sanitizers keep memory"
}

# Which worker gets a client is left to chance, so there are many rounds. The idle pairs that are made while
# queues are full keep an allocator from giving back what was freed before them.
worker_after_worker() {
	local round most=0 rss idle_kib
	needs_plain_build
	printf '%s\n' "[global]" "memory_max = 16M" "workers = 4" \
		"[defaults]" "splice = off" "high_watermark = 64M" >relay.ini
	target_as idle -s echo
	printf '%s\n' "[relay idle]" "listen = 127.0.0.1:0" "target = $TARGET" >>relay.ini
	for round in {1..8}; do
		target_as "target$round" -n 3 deadline 60 await "drain$round" recv-all fin
		printf '%s\n' "[relay r$round]" "listen = 127.0.0.1:0" "target = $TARGET" >>relay.ini
	done
	weir_start -c relay.ini
	idle_kib=$(weir_rss)
	for round in {1..8}; do
		RELAY=$(listening_on "r$round")
		client_as "client$round" -n 3 deadline 60 fill 100 touch "filled$round" fin expect-fin
		wait_for "the queues of round $round to be full" test -e "filled$round"
		RELAY=$(listening_on idle)
		client_as "idle$round" -n 10 deadline 60 mirror send 1 recv 1 touch "idle$round" await end fin expect-fin
		wait_for "idle pairs" test -e "idle$round"
		rss=$(weir_rss)
		if [ "$rss" -gt "$most" ]; then most=$rss; fi
		touch "drain$round"
		peer_end "client$round"
	done
	touch end
	# Three quarters of memory_max and what the sinks leave of it: otherwise this shows nothing.
	expect_at_least "KiB of queues" $((16 * 1024 / 2)) $((most - idle_kib))
	expect_at_most "KiB grown" $((16 * 1024 * 11 / 10)) $((most - idle_kib))
}
scenario "queues of one worker after another stay within memory_max" worker_after_worker

# KiB that the daemon has written to: program and libraries do not count.
weir_own() {
	awk '$1 == "Anonymous:" { print $2 }' "/proc/$WEIR_PID/smaps_rollup"
}

# Two descriptors and a timer each, and nothing queued.
idle_pairs() {
	local before pairs=1000
	needs_plain_build
	target -s -i echo
	weir_relay -o workers=1
	needs_pairs $pairs
	before=$(weir_own)
	client -n $pairs -i mirror send 10 recv 10 touch in await out fin expect-fin
	wait_for "$pairs clients to be in" test -e in
	expect_at_most "KiB of $pairs idle pairs" $((pairs * 1200 / 1024)) $(($(weir_own) - before))
	touch out
}
scenario "an idle pair takes 1200 bytes at most" idle_pairs

# A burst may be over before anybody looks. The target says nothing until its end, which weir warns of if the
# clients do not all come within a second.
ended_pairs() {
	local idle_kib pairs=3000 EXPECT_LOG='no answer from a target'
	needs_plain_build
	target -n $pairs deadline 60 recv-all fin
	weir_relay -o workers="$1"
	needs_pairs $pairs
	idle_kib=$(weir_rss)
	client -n $pairs deadline 60 touch there await go fin expect-fin
	wait_for "all clients" test -e there
	dump_until has weir pairs=$pairs
	expect_at_least "KiB of the pairs" $((pairs * 8 / 10)) $(($(weir_rss) - idle_kib))
	touch go
	peers_end
	# What stays: libevent's records of each descriptor on each worker, and a little for the next pairs.
	wait_for "the memory of the pairs to be back" weir_rss_at_most $((idle_kib + 1024 + $1 * 256))
}
scenario "memory of ended pairs is given back" ended_pairs 1
scenario "memory of ended pairs is given back by four workers" ended_pairs 4

# Each client sends part of its header before the next one connects, so libevent's records of descriptors,
# which stay, are made between the bytes of headers.
headers_that_were() {
	local idle_kib clients=() fd n
	needs_plain_build
	target -s -i echo
	weir_relay -o workers="$1" -o accept_proxy=127.0.0.1 -o proxy_header_timeout=2m -o log_connections=off
	needs_pairs 2000
	ulimit -S -n 4000
	idle_kib=$(weir_rss)
	for ((n = 0; n < 2000; n++)); do
		exec {fd}<>"/dev/tcp/${RELAY/:/\/}"
		printf '\r\n\r\n\0\r\nQUIT\n\x20\0\x10\0%4000s' '' >&"$fd"
		clients+=("$fd")
	done
	dump_until count 2000 pair state=waiting
	expect_at_least "KiB of the headers" $((2000 * 4)) $(($(weir_rss) - idle_kib))
	for fd in "${clients[@]}"; do exec {fd}>&-; done
	wait_for "the memory of the headers to be back" weir_rss_at_most $((idle_kib + 1024 + $1 * 256))
}
STRANGERS=yes scenario "memory of headers is given back" headers_that_were 1
STRANGERS=yes scenario "memory of headers is given back by four workers" headers_that_were 4

# What is in pipes is not resident.
queues_that_were() {
	local idle_kib
	needs_plain_build
	target -n 40 rcvbuf 16K deadline 60 await go recv-all
	weir_relay -o splice=off -o client_rcvbuf=16K -o client_sndbuf=16K -o target_rcvbuf=16K -o target_sndbuf=16K
	idle_kib=$(weir_rss)
	client -n 40 deadline 60 fill 300 touch filled await go fin
	wait_for "all clients to be held back" test -e filled
	weir_dump
	expect_at_least "KiB of the burst" $((15 * 1024)) $(($(weir_rss) - idle_kib))
	touch go
	peers_end
	wait_for "memory to be back" weir_rss_at_most $((idle_kib + 1024))
}
scenario "memory is given back after a burst that was copied" queues_that_were

# How often weir's threads have waited.
weir_waits() {
	cat "/proc/$WEIR_PID"/task/*/status | awk '$1 == "voluntary_ctxt_switches:" { sum += $2 } END { print sum }'
}

nothing_for_seconds() {
	local before
	before=$(weir_waits)
	sleep 4.5
	[ $(($(weir_waits) - before)) -le 1 ]
}

nothing_wakes() {
	[ $SANITIZED = no ] || skip "sanitizers have threads that wake"
	target await go recv-all fin
	weir_relay
	client await go fin expect-fin
	dump_until has pair state=open
	wait_for "seconds without a wake-up" nothing_for_seconds
	touch go
}
scenario "nothing wakes a daemon that has nothing to do" nothing_wakes

finish
