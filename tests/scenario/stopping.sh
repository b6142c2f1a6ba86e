#!/bin/bash
# TERM and INT, with and without pairs; a log that nobody reads.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"

EXPECT_LOG='pairs are still there after drain_timeout'

weir_ends_within() {
	local began
	began=$(now_ms)
	weir_expect_status 0
	expect_at_most "ms until weir ended" "$1" $(($(now_ms) - began))
}

without_pairs() {
	weir_start -l 127.0.0.1:0 -T 127.0.0.1:9
	kill "-$1" "$WEIR_PID"
	weir_ends_within $((PATIENCE_S * 1000 / 5))
}
beside "TERM without pairs ends at once" without_pairs TERM
beside "INT without pairs ends at once" without_pairs INT
beside "QUIT without pairs ends at once" without_pairs QUIT

# One pair with an answered question; it goes on when the file "go" is there.
one_pair() {
	target recv 10 send 10 await go duplex 1M 1M fin expect-fin
	weir_relay
	client send 10 recv 10 touch in await go duplex 1M 1M fin expect-fin
	wait_for "the client to be in" test -e in
}

# From the kernel's lists: a connection that asks could itself be the last that is let in.
refuses() {
	local port
	printf -v port '%04X' "${RELAY##*:}"
	! cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
		awk -v port="$port" '$4 == "0A" && substr($2, length($2) - 3) == port { found = 1 } END { exit !found }'
}

drain() {
	one_pair
	kill "-$1" "$WEIR_PID"
	wait_for "weir to listen no more" refuses
	weir_alive || fail "weir has not waited for its pair"
	touch go
	weir_expect_status 0
	peers_end
	wait_closed reason=eof upload_bytes=1048586 download_bytes=1048586
}
beside "TERM with a pair: listens no more, what is under way is finished" drain TERM
beside "QUIT with a pair: the same" drain QUIT

drain_full_queue() {
	target rcvbuf 8K await go recv 8M expect-fin
	weir_relay -o client_rcvbuf=64K
	client send 8M close
	dump_until has flow direction=upload reading=paused
	kill -TERM "$WEIR_PID"
	wait_for "weir to listen no more" refuses
	touch go
	weir_expect_status 0
	wait_closed reason=eof upload_bytes=8388608
}
beside "TERM with a full queue: it is delivered" drain_full_queue

drain_unacknowledged() {
	target recv-text x expect-fin send 600K fin
	weir_relay
	client rcvbuf 4K send-text x fin await go recv-all
	dump_until has pair state=closing
	kill -TERM "$WEIR_PID"
	wait_for "weir to listen no more" refuses
	weir_alive || fail "weir has not waited"
	touch go
	weir_expect_status 0
	wait_closed reason=eof download_bytes=614400
}
beside "TERM with what was sent last still unacknowledged: it is waited for" drain_unacknowledged

drain_deadline() {
	target recv 10 send 10 expect-rst
	weir_relay -o drain_timeout=500ms
	client send 10 recv 10 touch in expect-rst
	wait_for "the client to be in" test -e in
	kill -TERM "$WEIR_PID"
	weir_expect_status 0
	peers_end
	wait_closed reason=shutdown ended_first=relay
}
beside "the drain deadline resets both, reason shutdown" drain_deadline

drain_at_once() {
	target recv 10 send 10 expect-rst
	weir_relay -o drain_timeout=0
	client send 10 recv 10 touch in expect-rst
	wait_for "the client to be in" test -e in
	kill -TERM "$WEIR_PID"
	weir_ends_within $((PATIENCE_S * 1000 / 5))
	peers_end
	wait_closed reason=shutdown
}
beside "drain_timeout = 0 does not wait" drain_at_once

second_signal() {
	target recv 10 send 10 expect-rst
	weir_relay -o drain_timeout=1h
	client send 10 recv 10 touch in expect-rst
	wait_for "the client to be in" test -e in
	kill -TERM "$WEIR_PID"
	wait_for "weir to listen no more" refuses
	weir_alive || fail "weir has not waited for its pair"
	kill -TERM "$WEIR_PID"
	weir_ends_within $((PATIENCE_S * 1000 / 5))
	peers_end
	wait_closed reason=shutdown
}
beside "a second TERM ends at once" second_signal

# The daemon has not seen them yet: it stands still while they connect, and then finds TERM as well.
waiting_clients() {
	target -s echo
	weir_start -l "$LISTEN" -T "$TARGET" "$@"
	kill -STOP "$WEIR_PID"
	client -n 200 mirror send 10 touch in recv 10 fin expect-fin
	wait_for "200 clients to be connected" test -e in
	kill -TERM "$WEIR_PID"
	kill -CONT "$WEIR_PID"
	weir_expect_status 0
	peer_end client
	expect_equal "pairs that ended well" 200 "$(grep -c 'upload_bytes=10 .* reason=eof' weir.log)"
}
EXPECT_LOG="$EXPECT_LOG"'\|max_connections .* reached'
LISTEN=127.0.0.1:0
beside "TERM serves 200 clients that wait to be accepted" waiting_clients -o workers=1
beside "the same with four workers" waiting_clients -o workers=4
beside "the same at max_connections" waiting_clients -o global.max_connections=10 -o workers=2
unix_clients() {
	LISTEN=unix:$PWD/relay
	waiting_clients "$@"
}
beside "the same with a unix socket" unix_clients -o workers=1
LISTEN="*:0"
beside "the same on every address" waiting_clients -o defaults.max_connections=10 -o workers=2

# One is served, the other waits at the limit.
waiting_in_vain() {
	target recv 10 send 10 expect-rst
	weir_relay -o global.max_connections=1 -o drain_timeout=500ms
	client_as served send 10 recv 10 touch in expect-rst
	wait_for "a client to be in" test -e in
	client_as waiting touch there expect-rst
	wait_for "another client" test -e there
	wait_log 'max_connections .* reached'
	kill -TERM "$WEIR_PID"
	weir_expect_status 0
	peers_end
	wait_closed reason=shutdown
	expect_equal "close lines" 1 "$(grep -c ' closed pair=' weir.log)"
}
beside "the drain deadline resets those who still wait" waiting_in_vain

# A relay that is full has no slot for a client, but it needs none to refuse the next.
refused_at_its_limit() {
	target recv 10 send 10 await go expect-fin fin
	weir_relay -o max_connections=1
	client send 10 recv 10 touch in await go fin expect-fin
	wait_for "a client to be in" test -e in
	kill -TERM "$WEIR_PID"
	wait_for "weir to listen no more" refuses
	touch go
	weir_expect_status 0
}
beside "TERM at max_connections: who comes later is refused" refused_at_its_limit

# Whoever is let in is served; the others are refused.
rush() {
	target -s echo
	weir_relay "$@"
	client -i -n 3000 -j 3000 mirror send 10 recv 10 fin expect-fin
	stop_amid_clients 500
}
scenario "TERM while clients come: each is served or refused" rush -o workers=4

drain_connecting() {
	peer target silent 127.0.0.1:0 port-file target.port await over
	target_port target
	weir_relay -o drain_timeout=500ms -o connect_timeout=1h
	client send 10 expect-rst
	dump_until has pair state=connecting
	kill -TERM "$WEIR_PID"
	weir_expect_status 0
	touch over
	wait_closed reason=shutdown
}
beside "TERM while a target is being connected" drain_connecting

# Whatever ends the daemon: half of a stream must not look like all of it.
killed() {
	target send 100K recv 1000 touch sent expect-rst
	weir_relay
	client recv 100K send 1000 expect-rst
	wait_for "bytes both ways" test -e sent
	kill "-$1" "$WEIR_PID"
	wait_for "the end of weir" weir_has_ended
	WEIR_PID=
}
beside "killed in the middle: both see a reset" killed KILL

# expect_close_lines COUNT PATTERN: so many, or the log says how many lines it had to drop: it holds up
# nobody.
expect_close_lines() {
	local dropped
	EXPECT_LOG="$EXPECT_LOG"'\|lines dropped'
	dropped=$(sed -n 's/.* log: \([0-9]*\) lines dropped.*/\1/p' weir.log | awk '{ n += $1 } END { print n + 0 }')
	expect_at_most "close lines" "$1" "$(grep -c "$2" weir.log)"
	expect_at_least "close lines and dropped ones" "$1" $(($(grep -c "$2" weir.log) + dropped))
}

drain_many() {
	target -s -i echo
	WEIR_NOFILE=4000 weir_relay -o workers=4 -o drain_timeout=20s
	needs_pairs 1000
	client -n 1000 mirror send 10 recv 10 touch in await go duplex 5000 5000 fin expect-fin
	wait_for "the clients to be in" test -e in
	kill -TERM "$WEIR_PID"
	wait_for "weir to listen no more" refuses
	touch go
	weir_expect_status 0
	peer_end client
	expect_close_lines 1000 'upload_bytes=5010 .* reason=eof'
}
scenario "TERM with 1000 pairs" drain_many

many_reset() {
	target -s -i echo
	WEIR_NOFILE=4000 weir_relay -o workers=4 -o drain_timeout=300ms
	needs_pairs 1000
	client -n 1000 mirror send 10 recv 10 touch in expect-rst
	wait_for "the clients to be in" test -e in
	kill -TERM "$WEIR_PID"
	weir_expect_status 0
	peer_end client
	expect_close_lines 1000 reason=shutdown
}
scenario "the drain deadline with 1000 pairs" many_reset

reload_survived() {
	one_pair
	kill -HUP "$WEIR_PID"
	weir_dump
	touch go
}
beside "HUP does not end weir" reload_survived

strays_survived() {
	local stray
	one_pair
	for stray in ALRM IO PIPE PROF PWR STKFLT URG VTALRM WINCH XFSZ RTMIN RTMAX-1; do
		kill "-$stray" "$WEIR_PID"
	done
	weir_dump
	touch go
}
beside "signals that mean nothing to weir do not end it" strays_survived

# A check takes no signals, so they have their usual effect.
checking() {
	strace -D -qq -o /dev/null true 2>/dev/null || skip "strace does not work here"
	export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
	printf '[relay a]\nlisten = 127.0.0.1:0\ntarget = 127.0.0.1:9\n' >relay.ini
	weir_behind strace -D -qq -o /dev/null "-P$PWD/relay.ini" -e inject=openat:signal=SIGTERM
	weir_launch --test -c "$PWD/relay.ini"
	weir_expect_status 143
}

# weir_behind COMMAND...: the daemon is started by this, as "COMMAND... weir ARG...".
weir_behind() {
	printf '#!/bin/sh\nexec %s "%s" "$@"\n' "$*" "$WEIR" >starter
	chmod +x starter
	WEIR=$PWD/starter
}

deaf_parent() {
	env --block-signal --ignore-signal=TERM true 2>/dev/null || skip "env cannot block signals"
	weir_behind env --block-signal --ignore-signal=TERM,INT,QUIT,HUP,USR1
	weir_start -l 127.0.0.1:0 -T 127.0.0.1:9
	weir_dump
	kill -HUP "$WEIR_PID"
	wait_log "SIGHUP: "
	kill "-$1" "$WEIR_PID"
	weir_expect_status 0
}
beside "started with signals blocked and ignored: TERM is heard" deaf_parent TERM
beside "started with signals blocked and ignored: QUIT is heard" deaf_parent QUIT

# A signal when the daemon makes a system call for the first time: the first of main opens /dev/null, the last
# before events are waited for is made while the workers run.
early() {
	strace -D -qq -o /dev/null true 2>/dev/null || skip "strace does not work here"
	export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
	weir_behind strace -D -qq -o /dev/null "$2" -e "inject=$3:signal=SIG$1:when=1"
	weir_launch -l 127.0.0.1:0 -T 127.0.0.1:9
	case $1 in
	HUP) wait_log "SIGHUP: " ;;
	USR1) wait_for "a dump" test -e dump ;;
	ALRM) wait_log "$WEIR_READY" ;;
	esac
	if [[ $1 =~ ^(HUP|USR1|ALRM)$ ]]; then kill -TERM "$WEIR_PID"; fi
	weir_expect_status 0
	wait_log stopped
}
beside "TERM ends a check of the configuration" checking
for signal in HUP USR1 ALRM TERM QUIT; do
	beside "$signal when main has just begun" early $signal "-P/dev/null" openat
done
beside "HUP while the start listens" early HUP -elisten listen
beside "USR1 while the start makes threads" early USR1 -eclone3 clone3
beside "TERM while the start makes threads" early TERM -eclone3 clone3

# 2000 close lines are more than a pipe takes. The rest waits in weir.
pairs_whose_log_is_not_read() {
	local line
	target -s echo
	mkfifo pipe
	exec 9<>pipe
	WEIR_LOG=pipe weir_launch -l 127.0.0.1:0 -T "$TARGET" -v
	while read -r -t "$PATIENCE_S" line <&9; do
		case $line in *' listening on '*) RELAY=${line##* } ;; esac
		if [[ $line =~ $WEIR_READY ]]; then break; fi
	done
	client -n 2000 -j 1000 mirror duplex 1000 1000 fin expect-fin
	peer_end client
	dump_until has weir pairs=0
	has relay accepted=2000
	weir_expect_quiet
}

log_that_nobody_reads() {
	pairs_whose_log_is_not_read
	kill -TERM "$WEIR_PID"
	weir_ends_within $((PATIENCE_S * 1000))
}
scenario "a log that nobody reads never holds up a byte, nor the end" log_that_nobody_reads

has_all_close_lines() {
	[ "$(grep -c ' closed pair=' late)" -eq 2000 ]
}

log_that_is_read_late() {
	pairs_whose_log_is_not_read
	cat <&9 >late &
	wait_for "all close lines" has_all_close_lines
	kill $!
	expect_equal "words about dropped lines" 0 "$(grep -c 'lines dropped' late)"
	kill -TERM "$WEIR_PID"
	weir_ends_within $((PATIENCE_S * 1000))
}
scenario "a log that is read late has all close lines" log_that_is_read_late

# A descriptor of ours in the place of standard error would get the log: in that of the signals, lines were
# signals.
without_standard_descriptors() {
	target -s echo
	# shellcheck disable=SC2086 # words
	"$WEIR" -o dump_file="$PWD/dump" -l "unix:$PWD/relay" -T "$TARGET" $WEIR_ARGS <&- >&- 2>&- &
	WEIR_PID=$!
	: >weir.log
	wait_for "weir to listen" test -S relay
	RELAY=unix:$PWD/relay
	weir_measure
	client mirror send 100K recv 100K fin expect-fin
	peer_end client
	weir_dump
	weir_expect_quiet
}
beside "started with standard input, output and error closed" without_standard_descriptors

finish
