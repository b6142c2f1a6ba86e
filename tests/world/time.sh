#!/bin/bash
# Time as a process meets it: stopped for seconds, short of CPU, interrupted by signals, with a wall clock
# that jumps.
# shellcheck source=../scenario/lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"
# shellcheck source=../scenario/reload_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/reload_lib.sh"
# shellcheck source=halt.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/world/halt.sh"

CLOCK=${CLOCK:-$PWD/tests/world/clock.so}
SHORT_TIMEOUTS=(-o idle_timeout=1s -o stall_timeout=1s -o half_close_timeout=1s -o connect_timeout=1s)

# Readers that are slow enough to be there for seconds, and fast enough to empty the kernel's buffers within a
# timeout.
SLOW_BUFFERS=(-o client_sndbuf=16K -o target_sndbuf=16K)

# Bulk each way to slow readers, a byte now and then, and an answer that dribbles after the question's end.
all_kinds() {
	peer_with put "rcvbuf 64K listen 127.0.0.1:0 port-file put.port accept" -n 4 deadline 60 \
		recv-slow 6M 1500K expect-fin fin
	target_port put
	PUT=$TARGET
	target_as get -n 4 deadline 60 send 6M fin expect-fin
	GET=$TARGET
	target_as dribble -n 4 deadline 60 dribble 40 100 expect-fin fin
	DRIBBLE=$TARGET
	target_as late -n 4 deadline 60 recv 10 expect-fin dribble 40 100 fin
	LATE=$TARGET
}

relay_all_kinds() {
	cat >relay.ini <<-END
		[relay put]
		listen = 127.0.0.1:0
		target = $PUT
		[relay get]
		listen = 127.0.0.1:0
		target = $GET
		[relay dribble]
		listen = 127.0.0.1:0
		target = $DRIBBLE
		[relay late]
		listen = 127.0.0.1:0
		target = $LATE
	END
	weir_start -c relay.ini "${SHORT_TIMEOUTS[@]}" "${SLOW_BUFFERS[@]}" "$@"
}

# part NAME WORD...: two clients now; the other two come later.
part() {
	peer_with "$1-$PART" "rcvbuf 64K connect $(listening_on "$1")" -n 2 deadline 60 "${@:2}"
}

clients_of_all_kinds() {
	PART=$1
	part put send 6M fin expect-fin
	part get recv-slow 6M 1500K expect-fin fin
	part dribble recv 40 fin expect-fin
	part late send 10 fin recv 40 expect-fin
}

under_way() {
	weir_dump
	count 8 pair && ! has pair state=connecting
}

expect_good_ends() {
	local name
	for name in "${!PEERS[@]}"; do
		if [[ $name == *-* ]]; then peer_end "$name"; fi
	done
	wait_for "no pairs" weir_has_no_pairs
	wait_for "pairs that ended well" log_counts 16 'reason=eof'
}

# Half of the clients are there when it stops, half come while it is stopped.
stopped() {
	all_kinds
	relay_all_kinds "$@"
	clients_of_all_kinds early
	wait_for "8 pairs" under_way
	kill -STOP "$WEIR_PID"
	clients_of_all_kinds later
	sleep 2.5 # more than any timeout: this is what is tested
	kill -CONT "$WEIR_PID"
	expect_good_ends
}
beside "stopped for 2.5 s with timeouts of 1 s: nobody is timed out" stopped
beside "stopped, without splice" stopped -o splice=off

# A peer that was really silent is still timed out afterwards.
stopped_and_idle() {
	target recv 10 expect-rst
	weir_relay -o idle_timeout=1s
	client send 10 expect-rst
	dump_until has pair state=open
	kill -STOP "$WEIR_PID"
	sleep 1.5
	kill -CONT "$WEIR_PID"
	wait_closed reason=idle_timeout
}
beside "stopped: an idle pair is timed out when it goes on" stopped_and_idle

# Whatever else is asked for.
two_workers() {
	WEIR_ARGS="$WEIR_ARGS -o workers=2"
}

# The other one accepts its clients as well. Those that have waited for that have waited well below a second.
worker_stopped() {
	local halt
	target -s echo
	two_workers
	weir_start -l "$1" -T "$TARGET"
	halt_worker "$WEIR_PID" 0
	client -n 200 -j 2000 deadline 20 mirror send 10 recv 10 fin expect-fin
	peer_end client
	[ ! -e go ] || fail "the worker was not stopped any more"
	touch go
	wait $halt
	weir_dump
	has weir pairs=0
	has relay accepted=200 || fail "not 200 clients"
	client_as again -n 20 mirror send 10 recv 10 fin expect-fin
}
beside "a worker is stopped: another accepts its clients" worker_stopped 127.0.0.1:0
beside "a worker is stopped, and with it a unix socket" worker_stopped "unix:@weir-time-$$"

# A slot that is free again is told to the one that waits longest, and that is the one that is stopped.
worker_stopped_at_limit() {
	local halt i
	EXPECT_LOG='max_connections .* reached'
	target -s echo
	two_workers
	weir_relay -o max_connections=1
	client_as in mirror send 10 recv 10 touch in await out fin expect-fin
	wait_for "a client to be in" test -e in
	for ((i = 0; i < 20; i++)); do
		client_as "later-$i" deadline 20 mirror send 10 recv 10 fin expect-fin
	done
	wait_log "$EXPECT_LOG"
	weir_dump
	halt_worker "$WEIR_PID" $(($(value worker pair) == 0))
	touch out
	for ((i = 0; i < 20; i++)); do peer_end "later-$i"; done
	touch go
	wait $halt
}
beside "a worker is stopped at a limit: the others go on" worker_stopped_at_limit

drained_while_stopped() {
	local halt
	target -s echo
	two_workers
	weir_relay
	halt_worker "$WEIR_PID" 0
	client -i -n 1500 -j 1000 mirror send 10 recv 10 fin expect-fin
	wait_for "a part of the clients" so_many_served 200
	kill -TERM "$WEIR_PID"
	wait_log "no new clients"
	touch go
	weir_expect_status 0
	peer_end client
	expect_equal "clients that were neither served nor refused" "" \
		"$(grep -v 'Connection refused' client.err | head -n 3)"
}
beside "TERM while a worker is stopped: each client is served or refused" drained_while_stopped

# Clients that come to the one that is stopped after TERM are no reason to accept anew.
nobody_stands_in_after_term() {
	local halt
	EXPECT_LOG='still there after drain_timeout'
	target -s -i echo
	two_workers
	weir_start -l "unix:@weir-time-term-$$" -T "$TARGET" -o drain_timeout=1s
	halt_worker "$WEIR_PID" 0
	kill -TERM "$WEIR_PID"
	wait_log "no new clients"
	client -i -n 20 mirror send 10 recv 10 fin expect-fin
	wait_log "$EXPECT_LOG"
	expect_equal "clients served" 0 "$(grep -c ' closed pair=' weir.log)"
	touch go
	weir_expect_status 0
	peer_end client
	wait $halt
}
beside "TERM while a worker is stopped: nobody accepts its clients any more" nobody_stands_in_after_term

# The first target says 1, the second one 2. Once a client has got 2, all do.
reload_with_worker_stopped() {
	STRANGERS=yes # who looks for the second target
	STRANGERS=yes # those that visit until the second target is found
	target_as first -s send-text 1 echo
	two_workers
	section one 127.0.0.1:0 | install
	reload_start 1
	held_text=1 hold old
	halt_worker "$WEIR_PID" 0
	target_as second -s send-text 2 echo
	section one 127.0.0.1:0 | install
	order_reload
	wait_for "a client with the second target" visit_finds 2
	client -n 50 recv-text 2 mirror send 10 recv 10 fin expect-fin
	peer_end client
	if reload_ended; then fail "the reload has not waited for the worker"; fi
}

# visit_finds TEXT: a client gets this from its target, or the text of another one.
visit_finds() {
	"$RAWPEER" connect "$RELAY" recv-text "$1" fin expect-fin 2>finds.err && return
	grep -q " instead" finds.err || fail "a client was not served: $(<finds.err)"
	return 1
}

# A reload waits for every worker. The others have the new file meanwhile, and serve the clients of that one.
worker_stopped_at_reload() {
	local halt
	reload_with_worker_stopped
	touch go
	wait_reloaded
	wait "$halt"
	release old
}
beside "a worker is stopped at a reload: another accepts its clients" worker_stopped_at_reload

worker_stopped_at_reload_and_term() {
	local halt
	manage
	reload_with_worker_stopped
	kill -TERM "$WEIR_PID"
	wait_log "no new clients"
	touch go
	release old
	weir_expect_status 0
	wait "$halt"
	if sed -n '/STOPPING=1/,$p' messages | grep 'READY=1'; then fail "it is ready while it stops"; fi
}
beside "a worker is stopped at a reload, and TERM" worker_stopped_at_reload_and_term
# A call may be under way when the worker is stopped.
watchdog_of_a_stopped_worker() {
	local halt before
	target -s echo
	two_workers
	manage
	WATCHDOG_USEC=400000 weir_relay
	wait_for "calls of the watchdog" told_at_least 3 ' WATCHDOG=1$'
	halt_worker "$WEIR_PID" 1
	before=$(told_count ' WATCHDOG=1$')
	client deadline 20 mirror send 10 recv 10 expect-open 2000 fin expect-fin
	peer_end client
	expect_at_most "calls of the watchdog" $((before + 1)) "$(told_count ' WATCHDOG=1$')"
	touch go
	wait $halt
	wait_for "further calls of the watchdog" told_at_least $((before + 3)) ' WATCHDOG=1$'
}
beside "a worker is stopped: the watchdog is not called until it goes on" watchdog_of_a_stopped_worker

storm_until_served() {
	local i
	until [ "$(grep -c 'reason=eof' weir.log)" -ge 8 ]; do
		for ((i = 0; i < 500; i++)); do
			kill -USR1 "$WEIR_PID"
			kill -HUP "$WEIR_PID"
			kill -PIPE "$WEIR_PID"
			kill -WINCH "$WEIR_PID"
			kill -CONT "$WEIR_PID"
		done
		sent=$((sent + 5 * i))
		[ $SECONDS -lt $end ] || fail "not served in a storm of signals: $sent"
	done
}

storm() {
	local sent=0 end=$((SECONDS + 2 * PATIENCE_S))
	all_kinds
	relay_all_kinds
	clients_of_all_kinds early
	storm_until_served
	echo "$sent signals"
	clients_of_all_kinds later
	expect_good_ends
}
scenario "a storm of USR1, HUP, PIPE, WINCH and CONT" storm

# The first asks to end, the second insists; more change nothing.
storm_of_endings() {
	local i
	target -i expect-rst
	weir_relay
	client -i expect-rst
	dump_until has pair state=open
	for ((i = 0; i < 200; i++)); do
		kill -TERM "$WEIR_PID" 2>/dev/null || break
		kill -INT "$WEIR_PID" 2>/dev/null || break
		kill -USR1 "$WEIR_PID" 2>/dev/null || break
	done
	weir_expect_status 0
	peers_end
}
beside "a storm of TERM, INT and USR1" storm_of_endings

# For a bounded time, and after everything else in the queue for a CPU.
burn() {
	local i
	for ((i = 0; i < $(nproc); i++)); do
		nice -n 5 timeout 20 bash -c 'while :; do :; done' &
		burners+=($!)
	done
}

busy() {
	local burners=()
	burn
	all_kinds
	relay_all_kinds
	clients_of_all_kinds early
	clients_of_all_kinds later
	expect_good_ends
	kill "${burners[@]}" 2>/dev/null || :
}
scenario "every CPU busy: nobody is timed out" busy

preloaded() {
	ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0 LD_PRELOAD=$CLOCK WALL_CLOCK=$PWD/wall "$@"
}

set_wall_clock() {
	echo "$1" >wall.new
	mv wall.new wall
}

year_of_dump() {
	weir_dump
	expect_equal "the dump's year" "$1" "$(value time weir | cut -c 1-4)"
}

wall_clock_jumps() {
	local year
	year=$(date -u +%Y)
	all_kinds
	preloaded relay_all_kinds
	clients_of_all_kinds early
	wait_for "8 pairs" under_way
	set_wall_clock $((-10 * 365 * 86400))
	clients_of_all_kinds later
	year_of_dump $((year - 10))
	expect_at_most "uptime_ms" $((1000 * SECONDS + 1000)) "$(value uptime_ms weir)"
	set_wall_clock $((10 * 366 * 86400))
	year_of_dump $((year + 10))
	expect_at_most "uptime_ms" $((1000 * SECONDS + 1000)) "$(value uptime_ms weir)"
	expect_good_ends
}
beside "the wall clock goes back and forth by ten years: nobody is timed out" wall_clock_jumps

idle_as_the_wall_clock_jumps() {
	local began
	target recv 10 expect-rst
	preloaded weir_relay -o idle_timeout=1500ms
	began=$(now_ms)
	client send 10 touch there expect-rst
	wait_for "a pair" test -e there
	set_wall_clock -86400
	wait_closed reason=idle_timeout
	expect_at_least "milliseconds until the end" 1500 $(($(now_ms) - began))
}
beside "a wall clock set back does not put off a timeout" idle_as_the_wall_clock_jumps

finish
