#!/bin/bash
# The worst case of memory that --test and the start print is never exceeded, and not far above what is used.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"
# shellcheck source=reload_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/reload_lib.sh"

# Small kernel buffers, so that weir itself has to keep the bytes.
SMALL_BUFFERS=(-o client_rcvbuf=8K -o client_sndbuf=8K -o target_rcvbuf=8K -o target_sndbuf=8K)

# The limit on pairs is exactly what the clients need.
EXPECT_LOG='max_connections .* reached'

# weir_with PAIRS MEMORY_MAX ARG...: weir with at most that many pairs.
weir_with() {
	local pairs=$1 most=$2
	[ "$SANITIZED" = no ] || skip "sanitizers take more"
	shift 2
	weir_relay "${SMALL_BUFFERS[@]}" -o log_connections=off -o memory_max="$most" \
		-o global.max_connections="$pairs" "$@"
	needs_pairs "$pairs"
}

# KiB of user space, as the start printed it.
told_kib() {
	sed -n 's/.*worst case memory: user space \([0-9.]*\) MiB.*/\1/p' weir.log | awk '{ printf "%d\n", $1 * 1024 }'
}

# The most that was resident so far, in KiB. It includes two dumps, the second on top of what the first left.
measured_kib() {
	for _ in 1 2; do
		rm -f dump
		kill -USR1 "$WEIR_PID"
		wait_for "a dump" test -e dump
	done
	weir_peak
}

LOG_KIB=8192 # for lines of the log, which no reader holds up here

# The estimate is above what was measured, $1. If all other memory was used, it is so by at most half and 4
# MiB.
judge() {
	expect_equal "what --test prints" "$(sed -n 's/.* info worst case/worst case/p' weir.log)" \
		"$(tr '\0' '\n' <"/proc/$WEIR_PID/cmdline" | xargs -d '\n' sh -c '"$0" -t "$@"' | tail -n 1)"
	echo "told $(told_kib) KiB, measured $1 KiB"
	expect_at_most "the measured memory" "$(told_kib)" "$1"
	if [ "$2" = full ]; then expect_at_most "the worst case told" $(($1 * 3 / 2 + 4096 + LOG_KIB)) "$(told_kib)"; fi
}

# Both directions of each pair are stalled, and all of memory_max is used. That takes a second, or many on a
# busy machine.
stalled() {
	PATIENCE_S=60
	target -s -i rcvbuf 8K deadline 120 fill 300 await out
	weir_with 1500 32M "$@"
	client -n 1500 -i rcvbuf 8K deadline 120 fill 300 touch in await out rst
	wait_for "1,500 clients to be held back" test -e in
	judge "$(measured_kib)" full
	touch out
}
scenario "1,500 stalled pairs, one worker" stalled -o workers=1
scenario "1,500 stalled pairs with rates, four workers" stalled -o workers=4 -o upload_rate=1G -o relay_download_rate=1G

# There are no queues, so this is what weir itself takes.
idle() {
	target -s -i echo
	weir_with "$1" 64K -o workers="$3"
	client -n "$1" mirror send 10 recv 10 touch in await out fin expect-fin
	wait_for "$1 clients to be in" test -e in
	judge "$(measured_kib)" "$2"
	touch out
}
scenario "10 idle pairs" idle 10 full 4
scenario "3,000 idle pairs" idle 3000 - 1

# As much of a header as can be, less one byte.
longest_header() {
	{
		printf '\r\n\r\n\0\r\nQUIT\n\x20\0\x10\0'
		head -c 4095 /dev/zero
	} >header
}

headers() {
	target -s -i echo
	longest_header
	weir_with "$1" 64K -o workers="$2" -o accept_proxy=127.0.0.1 -o proxy_header_timeout=2m
	client -n "$1" deadline 120 send-proxy header wait-acked touch in await out rst
	wait_for "$1 clients to be in" test -e in
	dump_until count "$1" pair state=waiting
	judge "$(measured_kib)" -
	touch out
}
scenario "5,000 headers that are not complete" headers 5000 4

# Headers that grew byte by byte would leave gaps in the heap, and so take more than what is told.
dribbles() {
	local piece measured
	target -s -i echo
	longest_header
	weir_with 3000 64K -o workers=1 -o accept_proxy=127.0.0.1 -o proxy_header_timeout=2m
	for piece in 41 61 83 113 149 197; do
		client_as "in$piece" -n 500 deadline 120 await go pieces "$piece" send-proxy header wait-acked \
			touch "in$piece" await out rst
	done
	dump_until count 3000 pair state=waiting
	touch go
	for piece in 41 61 83 113 149 197; do
		wait_for "500 clients to be in" test -e "in$piece"
	done
	measured=$(measured_kib)
	judge "$measured" -
	expect_at_most "memory with what is lost in gaps" $(($(told_kib) * 15 / 16)) "$measured"
	touch out
}
scenario "3,000 headers that come in pieces" dribbles

# A reload is within what is told. Each earlier configuration that a pair keeps comes on top of that, with
# what the manual says.
reloads() {
	local n first relays=2000
	[ "$SANITIZED" = no ] || skip "sanitizers take more"
	target -s -i echo
	for ((n = 0; n < relays; n++)); do
		section "r$n" "127.1.$((n / 200)).$((n % 200)):0"
	done | install
	weir_start -c relay.ini -o workers=1 -o global.max_connections=20 -o memory_max=1M
	for n in 1 2 3; do reload; done
	judge "$(weir_peak)" -
	weir_measure # the second configuration has left gaps between what stays
	first=$(weir_rss)
	for n in 1 2 3 4; do
		client_as "kept$n" deadline 3600 mirror send 10 recv 10 touch "kept$n.in" await out fin expect-fin
		wait_for "a client to be in" test -e "kept$n.in"
		reload
	done
	echo "$((($(weir_rss) - first) * 1024 / 4 / relays)) bytes for each relay and configuration"
	expect_at_most "KiB for four configurations" $((4 * relays * 2)) $(($(weir_rss) - first))
	expect_at_least "KiB for four configurations" $((4 * relays / 2)) $(($(weir_rss) - first))
	touch out
}
scenario "2,000 relays reloaded, earlier configurations kept by pairs" reloads

# Each relay has a set of its own, and twice while a reload is under way.
networks() {
	local n
	[ "$SANITIZED" = no ] || skip "sanitizers take more"
	target -s -i echo
	{
		echo "[defaults]"
		awk 'BEGIN { for (i = 0; i < 20000; i++) printf "%s = 10.%d.%d.0/24\n", i % 2 ? "allow" : "deny", i / 250, i % 250 }'
		for ((n = 0; n < 20; n++)); do
			section "r$n" "127.1.0.$n:0"
		done
	} | install
	weir_start -c relay.ini -o workers=1 -o global.max_connections=20 -o memory_max=1M
	for n in 1 2; do reload; done
	judge "$(weir_peak)" -
	expect_at_most "the worst case told" $((2 * $(weir_peak) + LOG_KIB)) "$(told_kib)"
	weir_measure
}
scenario "20 relays with 20,000 networks each, reloaded" networks

finish
