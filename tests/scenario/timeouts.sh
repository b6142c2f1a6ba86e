#!/bin/bash
# Every timeout ends what it is meant to end, with its reason, and nothing else.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"

idle() {
	target recv 10 expect-rst
	weir_relay -o idle_timeout=600ms
	client send 10 expect-rst
	wait_closed reason=idle_timeout ended_first=relay upload_bytes=10
}
beside "idle_timeout resets both" idle

not_idle() {
	target recv 20 expect-fin fin
	weir_relay -o idle_timeout=1500ms
	client dribble 20 100 fin expect-fin
	wait_closed reason=eof
}
beside "idle_timeout spares a connection that a byte crosses now and then" not_idle

not_idle_other_way() {
	target dribble 20 100 fin expect-fin
	weir_relay -o idle_timeout=1500ms
	client recv 20 expect-fin fin
	wait_closed reason=eof
}
beside "idle_timeout counts bytes of either direction" not_idle_other_way

half_closed() {
	target expect-fin expect-rst
	weir_relay -o half_close_timeout=500ms
	client fin expect-rst
	wait_closed reason=half_close_timeout ended_first=client
}
beside "half_close_timeout resets both" half_closed

half_closed_by_target() {
	target fin expect-rst
	weir_relay -o half_close_timeout=500ms
	client expect-fin expect-rst
	wait_closed reason=half_close_timeout ended_first=target
}
beside "half_close_timeout after the target's end" half_closed_by_target

half_closed_rearmed() {
	target expect-fin dribble 20 100 fin
	weir_relay -o half_close_timeout=1500ms
	client fin recv 20 expect-fin
	wait_closed reason=eof download_bytes=20
}
beside "half_close_timeout begins anew with every byte" half_closed_rearmed

# Small kernel buffers are full long before the timeout.
SMALL_BUFFERS=(-o client_rcvbuf=16K -o client_sndbuf=16K -o target_rcvbuf=16K -o target_sndbuf=16K)

stalled_upload() {
	target rcvbuf 8K await stalled recv-until-end
	weir_relay "${SMALL_BUFFERS[@]}" -o stall_timeout=1500ms
	client sndbuf 16K fill 200 expect-rst
	wait_closed reason=stall_timeout ended_first=relay
	touch stalled
	peers_end
	grep -q end=rst target.out || fail "the target saw no reset: $(<target.out)"
}
beside "stall_timeout resets when the target takes nothing" stalled_upload

stalled_download() {
	target sndbuf 16K fill 200 expect-rst
	weir_relay "${SMALL_BUFFERS[@]}" -o stall_timeout=1500ms
	client rcvbuf 8K await stalled recv-until-end
	wait_closed reason=stall_timeout ended_first=relay
	touch stalled
}
beside "stall_timeout resets when the client takes nothing" stalled_download

slow_is_not_stalled() {
	target recv-slow 2M 1M expect-fin fin
	weir_relay -o stall_timeout=1500ms -o target_sndbuf=16K -o high_watermark=32K -o low_watermark=16K "$@"
	client rcvbuf 16K sndbuf 16K send 2M fin expect-fin
	wait_closed reason=eof
}
beside "stall_timeout spares a slow reader" slow_is_not_stalled

beside "the same under a min_rate that it keeps" slow_is_not_stalled -o min_rate=64K

# A byte now and then is enough for stall_timeout, but not for min_rate.
too_slow_upload() {
	target -i rcvbuf 8K recv-slow 1M 4K
	weir_relay "${SMALL_BUFFERS[@]}" -o min_rate=64K -o stall_timeout=1s -o high_watermark=64K
	client sndbuf 16K fill 200 expect-rst
	wait_closed reason=stall_timeout ended_first=relay
	peers_end
	grep -q end=rst target.out || fail "the target saw no reset: $(<target.out)"
}
beside "min_rate resets when the target takes too little" too_slow_upload

too_slow_download() {
	target sndbuf 16K fill 200 expect-rst
	weir_relay "${SMALL_BUFFERS[@]}" -o min_rate=64K -o stall_timeout=1s
	client -i rcvbuf 8K recv-slow 1M 4K
	wait_closed reason=stall_timeout ended_first=relay
}
beside "min_rate resets when the client takes too little" too_slow_download

# Bulk data flows all the time. The pair ends when its time is up, and nothing looks complete.
full_of_life() {
	local duration
	target -i send 64M
	weir_relay -o max_duration=1s "$@"
	client -i recv-slow 64M 8M
	wait_closed reason=max_duration ended_first=relay
	peers_end
	grep -q end=rst client.out || fail "the client saw no reset: $(<client.out)"
	duration=$(closed_line reason=max_duration | sed 's/.* duration_ms=\([0-9]*\) .*/\1/')
	expect_at_least "the duration" 1000 "$duration"
}
beside "max_duration ends a pair that bytes cross" full_of_life
beside "max_duration without splice" full_of_life -o splice=off

silent_for_life() {
	target recv 10 expect-rst
	weir_relay -o max_duration=600ms
	client send 10 expect-rst
	wait_closed reason=max_duration ended_first=relay upload_bytes=10
}
beside "max_duration ends a silent pair" silent_for_life

never() {
	target recv 10 expect-open 1000 fin expect-fin
	weir_relay -o idle_timeout=0 -o stall_timeout=0 -o half_close_timeout=0 -o max_duration=0
	client send 10 expect-fin expect-open 500 fin
	wait_closed reason=eof
}
beside "0 means never" never

many_idle() {
	target -s -i recv 10 expect-rst
	weir_relay -o idle_timeout=1s
	needs_pairs 500
	client -n 500 send 10 expect-rst
	peer_end client
	wait_for "close lines" log_counts 500 reason=idle_timeout
}
scenario "500 idle connections end" many_idle

finish
