#!/bin/bash
# Every byte arrives once and in order, whatever the size and the pieces.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"

G=$((1024 / SCALE))M

question_and_answer() {
	target recv "$1" expect-fin send "$1" fin
	weir_relay
	client send "$1" fin recv "$1" expect-fin
	peers_end
	wait_closed reason=eof ended_first=client dropped=0
}
for size in 0 1 4095 4096 4097 1M; do
	beside "$size bytes as question and as answer" question_and_answer $size
done

bulk_upload() {
	target recv "$1" expect-fin fin
	weir_relay
	client send "$1" fin expect-fin
}
beside "$G up" bulk_upload "$G"

bulk_download() {
	target send "$1" fin expect-fin
	weir_relay
	client recv "$1" expect-fin fin
}
beside "$G down" bulk_download "$G"

both_ways() {
	target duplex "$1" "$1" fin expect-fin
	weir_relay
	client duplex "$1" "$1" fin expect-fin
}
beside "$((256 / SCALE))M both ways at once" both_ways $((256 / SCALE))M

repeat() {
	local i
	for ((i = 0; i < $1; i++)); do echo "${@:2}"; done
}

turns() {
	# shellcheck disable=SC2046 # words
	target $(repeat 300 recv 100 send 5000)
	weir_relay
	# shellcheck disable=SC2046
	client $(repeat 300 send 100 recv 5000)
}
beside "300 small questions and answers on one connection" turns

pieces() {
	target recv 2000 expect-fin dribble 2000 0 fin
	weir_relay
	client dribble 2000 0 fin recv 2000 expect-fin
}
beside "byte by byte both ways" pieces

bulk_and_small() {
	local bulk=$((64 / SCALE))M
	target recv $bulk recv 200 recv $bulk recv 1 expect-fin fin
	weir_relay
	client send $bulk dribble 200 1 send $bulk send 1 fin expect-fin
}
beside "bulk, then small, then bulk again" bulk_and_small

urgent_byte() {
	target recv-text 'before!after' expect-fin send-text 'down' urgent '?' send-text 'end' fin
	weir_relay
	client send-text before urgent '!' send-text after fin recv-text 'down?end' expect-fin
}
beside "an urgent byte arrives in line" urgent_byte

many() {
	target -s echo
	weir_relay
	client -n 200 -j 200 mirror duplex 300K 300K fin expect-fin
	peers_end
	expect_equal "bytes received" $((200 * 300 * 1024)) "$(peer_total received client)"
}
beside "200 connections at once, none gets another's bytes" many

small_watermarks() {
	target recv-slow 300K 2M expect-fin send 300K fin
	weir_relay -o high_watermark=4K -o low_watermark=1K
	client send 300K fin recv-slow 300K 2M expect-fin
}
beside "watermarks of 4K and 1K" small_watermarks

without_splice() {
	target duplex 20M 20M fin expect-fin
	weir_relay -o splice=off -o workers=1
	client duplex 20M 20M fin expect-fin
}
beside "copied, with one worker" without_splice

with_workers() {
	target -s echo
	weir_relay -o workers=4
	client -n 40 mirror duplex 1M 1M fin expect-fin
}
beside "four workers" with_workers

tiny_memory() {
	target -s echo
	weir_relay -o memory_max=1M
	client -n 50 mirror duplex 1M 1M fin expect-fin
}
beside "50 connections share a memory_max of 1M" tiny_memory

small_buffers() {
	target duplex 3M 3M fin expect-fin
	weir_relay -o client_rcvbuf=8K -o client_sndbuf=8K -o target_rcvbuf=8K -o target_sndbuf=8K -o notsent_lowat=4K \
		-o tcp_nodelay=off -o tcp_keepalive=off
	client duplex 3M 3M fin expect-fin
}
beside "small kernel buffers" small_buffers

finish
