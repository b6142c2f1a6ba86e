#!/bin/bash
# A reload without memory, with calls that fail or hang: all of it or nothing, and the next one works.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/fault/lib.sh"
# shellcheck source=../scenario/reload_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/reload_lib.sh"

if full; then step=1; else step=9; fi

# What they have in common is kept; relay, entrances and path of each go when the other one comes. The path
# kept gets another mode.
declare -A mode=([two]=602 [three]=620)
versions() {
	{
		section one 127.0.0.1:0 "listen = unix:$PWD/kept mode=${mode[two]}"
		section two 127.0.0.2:0
		printf 'listen = unix:%s\n' "$PWD/path.two"
	} >two.ini
	{
		printf '[global]\nmemory_max = 128M\n[defaults]\nhigh_watermark = 64K\n'
		section one 127.0.0.1:0 "max_connections_per_source = 500" "target = localhost:${TARGET##*:}" \
			"listen = unix:$PWD/kept mode=${mode[three]}"
		section three 127.0.0.3:0
		printf 'listen = unix:%s\n' "$PWD/path.three"
	} >three.ini
}

target_may_fail=() # or -i, for connections that are reset

declare -A address=([two]=127.0.0.2 [three]=127.0.0.3)

other() {
	if [ "$1" = two ]; then echo three; else echo two; fi
}

begin() {
	EXPECT_LOG="$NOT_RELOADED\|cannot \|relay.ini\|out of memory\|does not resolve\|libevent: "
	target -s "${target_may_fail[@]}" echo
	versions
	install <two.ini
	reload_start 2 2 "$@"
	RELAY=$(at 127.0.0.1)
	hold old
	sockets=$(weir_sockets)
	state=two
	FORGOTTEN=yes
}

sockets_are() {
	[ "$(weir_sockets)" -eq "$sockets" ]
}

# All that is in the one file, and nothing of the other.
expect_state() {
	local gone
	gone=$(other "$state")
	weir_dump
	count 2 relay || fail "not two relays"
	if ! has relay name=one || ! has relay name="$state"; then fail "not the relays of $state.ini"; fi
	has pair relay=one || fail "not the old pair"
	if [ "$state" = three ]; then has weir memory_max=134217728; else has weir memory_max=268435456; fi ||
		fail "another memory_max"
	[ -S "path.$state" ] || fail "no path"
	expect_equal "the mode of the path that is kept" "${mode[$state]}" "$(stat -c %a kept)"
	[ ! -e "path.$gone" ] || fail "the path of $gone.ini is still there"
	RELAY=$(at 127.0.0.1) visit
	RELAY=$(at "${address[$state]}") visit
	RELAY=unix:$PWD/path.$state visit
	wait_for "$sockets sockets" sockets_are
}

# Orders the other file, with these faults. Nothing has changed, or all has.
reload_with() {
	install <"$(other "$state").ini"
	faults "$@"
	order_reload
	wait_for "the end of a reload" reload_ended
	count=$(injected)
	faults
	if said_since_reload "$RELOADED"; then
		state=$(other "$state")
		worked=$((worked + 1))
	else
		failed=$((failed + 1))
	fi
	expect_state
}

# The one that has failed works now.
reload_without() {
	install <"$(other "$state").ini"
	reload
	state=$(other "$state")
	expect_state
}

# fails_once CALL ERROR STEP LEAST: at its first, second... call, to the last one. At least so many times the
# reload has to fail for it.
fails_once() {
	local count n worked=0 failed=0
	begin "${@:5}"
	for ((n = 1; ; n += $3)); do
		echo "$1 $2 $n"
		reload_with "$1 $2 $n 0"
		[ "$count" -gt 0 ] || break
		reload_without
	done
	echo "$failed failed, $worked worked"
	expect_at_least "the number of reloads that failed" "$4" "$failed"
	release old
}

for workers in 1 4; do
	beside "one allocation fails, $workers workers" fails_once alloc ENOMEM $step 5 -o workers=$workers
done

# As long as there is none.
no_memory() {
	local count n worked=0 failed=0
	begin
	for ((n = 1; n < 200; n += 20 + step)); do
		reload_with "alloc ENOMEM $n 1"
		reload_without
	done
	expect_at_least "the number of reloads that failed" 3 "$failed"
	release old
}
beside "every allocation from one on fails" no_memory

# A client that connects to an entrance which the reload adds, as often as it can, gets in when one has
# succeeded. Whoever was let in before that would be reset. Slow calls leave it the time for that. What fails
# in the last reload, which succeeds, may be what the client itself needs: then it is reset, and so is what it
# has of the target by then. (All allocations from one on fail, as a reload can do without a few single ones.)
lets_nobody_in() {
	local count n=1 worked=0 failed=0 target_may_fail=(-i)
	begin "$@"
	peer early -i insist "unix:$PWD/path.three" mirror send 10 recv 10 fin expect-fin
	while :; do
		reload_with "alloc ENOMEM $n 1" "epoll_ctl late 1 1"
		[ "$state" = two ] || break
		if peer_has_ended early; then fail "a reload that failed let a client in: $(<early.err)"; fi
		n=$((n + step))
	done
	peer_end early
	if [ "$count" = 0 ] && [ -s early.err ]; then fail "a client was let in and not served: $(<early.err)"; fi
	expect_at_least "the number of reloads that failed" 5 "$failed"
	release old
}
beside "reloads that fail let nobody in" lets_nobody_in -o workers=2

beside "open fails" fails_once open EMFILE 1 1 -o workers=2
beside "socket fails" fails_once socket EMFILE 1 2 -o workers=2
beside "bind fails" fails_once bind EADDRINUSE 1 2 -o workers=2
beside "listen fails" fails_once listen EADDRINUSE 1 2 -o workers=2
beside "getsockname fails" fails_once getsockname ENOBUFS 1 1 -o workers=2
beside "setsockopt fails" fails_once setsockopt ENOMEM 3 1 -o workers=2
beside "epoll_ctl fails" fails_once epoll_ctl ENOSPC 1 0 -o workers=2
beside "chmod fails" fails_once chmod EROFS 1 1 -o workers=2
beside "pthread_create fails" fails_once pthread_create EAGAIN 1 0 -o workers=2

# ---- what takes its time ----

injected_once() {
	[ "$(injected)" -ge 1 ]
}

# CALL hangs, of reading the file or of looking up a name to listen on. All else goes on meanwhile.
hangs() {
	manage
	begin
	section one localhost:0 >"$(other "$state").ini"
	install <"$(other "$state").ini"
	faults "$1 hang 1 0"
	order_reload
	wait_for "a call that hangs" injected_once
	RELAY=$(at 127.0.0.1) visit
	weir_dump
	has relay name=two || fail "not the old relays"
	kill -HUP "$WEIR_PID"
	wait_for "weir to ask for more time" told_at_least 2 ' EXTEND_TIMEOUT_USEC=[0-9]*$'
	wait_told ' RELOADING=1 MONOTONIC_USEC=[0-9]* STATUS=.* queued; reloading'
	if [ "$(told_count READY=1)" -gt 1 ]; then fail "ready before the end of a reload"; fi
	weir_expect_quiet
	if reload_ended; then fail "the reload has ended"; fi
}

# HUP has come once more.
hangs_and_goes_on() {
	hangs "$1"
	faults
	wait_reloaded
	wait_for "one more reload" reloaded_twice
	dump_until count 1 relay
	RELAY=$(at 127.0.0.1) visit
	wait_for "ready again" told_at_least 2 ' READY=1 STATUS=.* queued$'
	release old
	weir_stop
	expect_equal "how often it was ready" 2 "$(told_count READY=1)"
}
reloaded_twice() {
	[ "$(since_reload "$RELOADED" | wc -l)" = 2 ]
}

stopped_while_it_hangs() {
	hangs "$1"
	kill -TERM "$WEIR_PID"
	wait_log "no new clients"
	said_since_reload "the reload is given up" || fail "the reload goes on"
	faults
	release old
	weir_expect_status 0
	if reload_ended; then fail "the reload has ended"; fi
}
for call in open getaddrinfo; do
	beside "$call hangs: all else goes on, and a second HUP is one more reload" hangs_and_goes_on $call
	beside "$call hangs: TERM" stopped_while_it_hangs $call
done

# Before the start has come to its entrances. It is not lost: the file that is there afterwards counts. The
# start is over before it, even if it hangs.
while_starting() {
	manage
	target -s echo
	section one localhost:0 | install
	faults "getaddrinfo hang 1 0"
	weir_launch -c relay.ini
	wait_for "a start that hangs" injected_once
	{
		section one localhost:0
		section two 127.0.0.2:0
	} | install
	kill -HUP "$WEIR_PID"
	kill -HUP "$WEIR_PID"
	wait_told ' EXTEND_TIMEOUT_USEC='
	if told RELOADING=1; then fail "it said that it reloads before it was ready"; fi
	echo "getaddrinfo hang 1 0" >rules.new # the start goes on, and the reload hangs there
	mv rules.new rules
	wait_for "weir to start" weir_ready
	wait_told ' READY=1 STATUS='
	wait_told ' RELOADING=1 '
	if log_has "$RELOADED"; then fail "the reload does not hang"; fi
	faults
	wait_log "$RELOADED"
	weir_measure
	RELAY=$(listening_on one) visit
	RELAY=$(at 127.0.0.2) visit
	expect_equal "reloads" 1 "$(grep -c "$RELOADED" weir.log)"
}
beside "HUP while the start hangs: once, when it has started" while_starting

while_dump_hangs() {
	begin
	faults "write hang 1 0"
	kill -USR1 "$WEIR_PID"
	wait_for "a dump that hangs" injected_once
	install <"$(other "$state").ini"
	reload
	state=$(other "$state")
	RELAY=$(at 127.0.0.1) visit
	faults
	expect_state
	release old
}
beside "HUP while writing a dump hangs" while_dump_hangs

looked_up_since() {
	[ "$(injected)" -gt "$1" ]
}

# The name of a target that only a pair of old has is looked up no more, once that has ended.
forgotten_name() {
	local before
	begin -o resolve_interval=1s
	faults "getaddrinfo late 1 1"
	install <three.ini
	reload
	state=three
	RELAY=$(at 127.0.0.1) hold named
	sockets=$((sockets + 2))
	wait_for "a look-up" looked_up_since 0
	reload_without
	release named
	sockets=$((sockets - 2))
	dump_until count 1 pair
	wait_for "the end of what is under way" lookups_rest
	before=$(injected)
	sleep 2.5 # this is what is tested
	expect_equal "look-ups" "$before" "$(injected)"
	reload_without
	wait_for "a look-up" looked_up_since "$before"
	release old
}
lookups_rest() {
	local before
	before=$(injected)
	sleep 1.2
	[ "$before" = "$(injected)" ]
}
beside "a name that no relay has any more is not looked up" forgotten_name

# Clients all the while. Nobody who connects to the entrance that is kept is reset.
slowly() {
	local n
	begin -o workers=4
	RELAY=$(at 127.0.0.1)
	client -n 400 -j 4000 mirror send 10 recv 10 fin expect-fin
	for n in 1 2 3 4 5 6; do
		install <"$(other "$state").ini"
		faults "$1 late 1 1"
		reload
		state=$(other "$state")
		faults
	done
	peer_end client
	expect_state
	release old
}
for call in bind listen setsockopt epoll_ctl; do
	beside "slow calls of $call: no client notices" slowly $call
done

faults_finish
