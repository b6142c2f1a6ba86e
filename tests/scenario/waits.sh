#!/bin/bash
# What the close line says of a pair's whole life: how long each side was waited for, which one most, and why.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"

# waited SIDE LEAST KEY=VALUE...: the close line has these, so many ms for that side, and few for the other.
waited() {
	local side=$1 least=$2 other=client line
	shift 2
	[ "$side" = target ] || other=target
	wait_closed "$@"
	line=$(closed_line "$@")
	expect_at_least "ms for the $side" "$least" "$(sed "s/.* waited_${side}_ms=\([0-9]*\) .*/\1/" <<<"$line")"
	expect_at_most "ms for the $other" "$((least / 2 + $(lateness)))" \
		"$(sed "s/.* waited_${other}_ms=\([0-9]*\) .*/\1/" <<<"$line")"
	# The relay's counter has what it took.
	weir_dump
	expect_at_least "ms of the relay for the $side" "$least" "$(value "waited_${side}_ms" relay)"
}

# They rest from when weir has to wait for them: the other side may be late to send.
resting_reader() {
	watch_lateness
	target send 32M fin expect-fin
	weir_relay -o high_watermark=64K -o client_sndbuf=64K "$@"
	client rcvbuf 64K await full expect-open 1000 recv 32M expect-fin fin
	dump_until has flow direction=download reading=paused
	touch full
	waited client 950 slow=client why=reading reason=eof
}
beside "a client that reads nothing for a second" resting_reader -o splice=off
beside "a client that reads nothing for a second, splice" resting_reader

resting_sink() {
	watch_lateness
	target rcvbuf 64K await full expect-open 1000 recv 32M expect-fin fin
	weir_relay -o high_watermark=64K -o target_sndbuf=64K
	client send 32M fin expect-fin
	dump_until has flow direction=upload reading=paused
	touch full
	waited target 950 slow=target why=reading reason=eof
}
beside "a target that reads nothing for a second" resting_sink

slow_answer() {
	watch_lateness
	target recv 1K expect-open 900 send 1K fin expect-fin
	weir_relay
	client send 1K recv 1K expect-fin fin
	waited target 890 slow=target why=answer reason=eof
}
beside "a slow answer" slow_answer

thinking_client() {
	watch_lateness
	target recv 1K send 1K recv 1K send 1K fin expect-fin
	weir_relay
	client send 1K recv 1K expect-open 900 send 1K recv 1K expect-fin fin
	waited client 890 slow=client why=thinking reason=eof
}
beside "a client that thinks" thinking_client

trickle() {
	watch_lateness
	target dribble 10 90 fin expect-fin
	weir_relay
	client recv 10 expect-fin fin
	waited target 700 slow=target why=sending reason=eof
}
beside "a target that sends little by little" trickle

half_closed() {
	watch_lateness
	target recv 1K expect-fin expect-open 1500 send 1K fin
	weir_relay
	client send 1K fin recv 1K expect-fin
	waited target 1490 slow=target why=answer reason=eof
}
beside "an answer to a client that has ended" half_closed

silent_client() {
	watch_lateness
	target recv 1K fin expect-fin
	weir_relay -o connect_on=data
	client await seen expect-open 700 send 1K expect-fin fin
	dump_until has pair state=waiting
	touch seen
	waited client 690 slow=client why=thinking reason=eof
}
beside "a client that is awaited before a target is" silent_client

silent_target() {
	watch_lateness
	EXPECT_LOG='no target could be connected\|is down'
	peer silent silent 127.0.0.1:0 port-file silent.port await over
	target_port silent
	weir_start -l 127.0.0.1:0 -T "$TARGET" -o connect_timeout=600ms -o connect_attempts=1
	client expect-rst
	waited target 590 slow=target why=connecting reason=connect_timeout
	touch over
}
beside "a target that does not answer at all" silent_target

# Nobody waits for what nobody owes.
idle() {
	local line
	watch_lateness
	target recv 1K send 1K expect-rst
	weir_relay -o idle_timeout=2s
	client send 1K recv 1K expect-rst
	wait_closed reason=idle_timeout
	line=$(closed_line reason=idle_timeout)
	expect_at_most "ms for the client" $((900 + $(lateness))) "$(sed 's/.* waited_client_ms=\([0-9]*\) .*/\1/' <<<"$line")"
	expect_at_most "ms for the target" $((900 + $(lateness))) "$(sed 's/.* waited_target_ms=\([0-9]*\) .*/\1/' <<<"$line")"
}
beside "a pair that has nothing to say" idle

slow_by_us() {
	target send 100K fin expect-fin
	weir_relay -o download_rate=64K
	client recv 100K expect-fin fin
	wait_closed slow=relay why=rate reason=eof
}
beside "a rate" slow_by_us
finish
