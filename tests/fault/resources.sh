#!/bin/bash
# What the machine may run out of: descriptors, ports, room on a file system, a reader of the log.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/fault/lib.sh"

WEIR=$FAULT_WEIR # nothing is injected here
EXPECT_LOG='connecting has to wait\|cannot accept\|cannot write the dump\|no target could be connected\|is down\|max_connections'

# A network and mounts of its own for each case, where that is allowed.
namespaces true "unshare -n -m" "unshare -r -n -m"
[ -z "$THIS_CASE" ] || ip link set lo up

needs_namespace() {
	[ -n "$THIS_CASE" ] || skip "no namespaces to be had"
}

# ---- descriptors ----

limit_descriptors() {
	prlimit --pid "$WEIR_PID" --nofile="$1:"
}

# The limit falls below what is open, in the middle of traffic, and rises again.
descriptors_lowered() {
	faults_start "$@"
	HOLD=yes traffic_begin
	wait_for "slow clients to be served" test -e held
	limit_descriptors "$LOWERED"
	# shellcheck disable=SC2046 # words
	peer late -n 20 -i deadline "$PATIENCE_S" connect "$(listening_on download)" $(download_client)
	wait_log "cannot accept: Too many open files"
	weir_expect_quiet
	kill -USR1 "$WEIR_PID"
	wait_log "cannot write the dump to .*: Too many open files"
	limit_descriptors 1024
	peer_end late
	traffic_end
	weir_is_calm
	traffic
	expect_equal "those who were reset since" 0 "$(grep -c "got a reset" upload-client.err || :)"
}

LOWERED=3
beside "descriptors: the limit falls below what is open" descriptors_lowered
beside "descriptors: the same with four workers" descriptors_lowered -o workers=4

# The first number of a descriptor that would be the second one to be opened.
second_free() {
	local number free=0
	for ((number = 0; ; number++)); do
		[ -e "/proc/$WEIR_PID/fd/$number" ] || free=$((free + 1))
		[ $free -lt 2 ] || break
	done
	echo "$number"
}

# One descriptor too few for a target: the client waits for it, as long as connect_timeout.
none_for_a_target() {
	STRICT=yes
	faults_start -o splice=off # no pipe takes one
	limit_descriptors "$(second_free)"
	# shellcheck disable=SC2046 # words
	peer one deadline "$PATIENCE_S" connect "$(listening_on upload)" $(upload_client)
	wait_log "cannot accept: Too many open files"
	limit_descriptors 1024
	peer_end one
	traffic
}
beside "copying: a descriptor for the client, none for the target" none_for_a_target

# ---- the log ----

# Its addresses cannot be read from a log that nobody has.
start_on_socket() {
	target -s echo
	weir_launch -l "unix:$PWD/socket" -T "$TARGET" "$@"
	wait_for "weir to listen" test -S socket
	wait_for "weir to run" dump_shows has weir pairs=0
	RELAY=unix:$PWD/socket
	weir_measure
}

relays_all_the_same() {
	client -n 200 mirror send 2K recv 2K fin expect-fin
	peer_end client
}

log_full() {
	WEIR_LOG=/dev/full
	start_on_socket
	relays_all_the_same
}
beside "log: the disk is full" log_full

log_without_reader() {
	mkfifo log
	cat log >first & # opens it, and goes with the first line
	local reader=$!
	WEIR_LOG=log
	start_on_socket
	kill -KILL "$reader"
	relays_all_the_same
}
beside "log: its reader is gone" log_without_reader

# A pipe takes 64 KiB and then nothing: lines are dropped, relaying goes on, stopping does not wait for ever.
log_not_read() {
	mkfifo log
	exec 8<>log
	WEIR_LOG=log
	start_on_socket -o log_level=debug
	for _ in 1 2 3 4 5; do
		relays_all_the_same
	done
}
beside "log: its reader reads nothing" log_not_read

# Nothing that is opened later must get the numbers of closed streams: the log's lines would go there.
streams_closed() {
	weir_launch() {
		"$WEIR" -o dump_file="$PWD/dump" "$@" <&- >&- 2>&- &
		WEIR_PID=$!
	}
	start_on_socket
	for stream in 0 1 2; do
		expect_equal "stream $stream" /dev/null "$(readlink "/proc/$WEIR_PID/fd/$stream")"
	done
	relays_all_the_same
}
beside "log: standard streams are closed" streams_closed

# ---- the dump's file ----

dump_fails_with() {
	kill -USR1 "$WEIR_PID"
	wait_log "cannot write the dump to .*: $1"
}

# The dump is not where the oracle looks for it.
stop_without_dump() {
	umount mounted
	wait_for "sockets back to $WEIR_SOCKETS" weir_sockets_are_back
	weir_expect_quiet
	weir_stop
}

# What was there before stays as it was, and nothing half-written is left beside it.
full_file_system() {
	needs_namespace
	mkdir mounted
	mount -t tmpfs -o size=16k tmpfs mounted
	target -s echo
	weir_relay -o dump_file="$PWD/mounted/dump"
	client -n 40 mirror send 10 recv 10 touch in await out fin expect-fin
	wait_for "clients to be in" test -e in
	echo before >mounted/dump
	dump_fails_with "No space left on device"
	expect_equal "the file" before "$(<mounted/dump)"
	expect_equal "files" dump "$(ls mounted)"
	touch out
	peer_end client
	wait_for "pairs to end" has_ended_pairs 40
	kill -USR1 "$WEIR_PID"
	wait_for "a dump where there is room for it" grep -qs '^end pairs=0' mounted/dump
	stop_without_dump
}
has_ended_pairs() {
	[ "$(grep -c ' closed pair=' weir.log)" -eq "$1" ]
}
beside "dump: the file system is full" full_file_system

# The signal that comes with it would end the daemon. The log is no file, so that it can tell.
larger_than_files_may_be() {
	command -v prlimit >/dev/null || skip "prlimit is missing"
	mkfifo log
	cat log >weir.log &
	target -s echo
	WEIR_LOG=log weir_relay
	client -n 40 mirror send 10 recv 10 touch in await out fin expect-fin
	wait_for "clients to be in" test -e in
	prlimit --pid "$WEIR_PID" --fsize=4096:
	dump_fails_with "File too large"
	expect_equal "files" "" "$(find . -name 'dump*')"
	prlimit --pid "$WEIR_PID" --fsize=unlimited:
	touch out
}
beside "dump: larger than files may be" larger_than_files_may_be

read_only() {
	needs_namespace
	mkdir mounted
	mount -t tmpfs tmpfs mounted
	target -s echo
	weir_relay -o dump_file="$PWD/mounted/dump"
	mount -o remount,ro mounted
	dump_fails_with "Read-only file system"
	relays_all_the_same
	mount -o remount,rw mounted
	kill -USR1 "$WEIR_PID"
	wait_for "a dump once it can be written" test -e mounted/dump
	stop_without_dump
}
beside "dump: the file system is read-only" read_only

# ---- ports ----

# Two ports for connections to the target: two clients get one, others wait until one is free again. They used
# to be refused. The clients come by a unix socket, which needs no port, and knows no reset.
two_ports() {
	needs_namespace
	target -s -i recv 10 send 10 await out rst
	echo "40000 40001" >/proc/sys/net/ipv4/ip_local_port_range
	weir_start -l "unix:$PWD/socket" -T "$TARGET" -o connect_timeout=1m
	RELAY=unix:$PWD/socket
	client_as in -n 2 send 10 recv 10 touch in expect-end
	wait_for "two clients to be in" test -e in
	client_as later -n 20 send 10 recv 10 expect-end
	wait_log "connecting has to wait: no local port is free"
	weir_expect_quiet
	weir_dump
	count 2 pair state=open || fail "not two pairs"
	count 20 pair state=connecting || fail "not 20 that wait"
	has relay connect_failed=0 || fail "some have failed"
	expect_at_least "shortages" 1 "$(value shortages relay)"
	expect_equal "lines about it" 1 "$(grep -c 'no local port is free' weir.log)"
	touch out
	peer_end in
	peer_end later
	wait_log "connecting goes on"
}
beside "ports: used up, and free again" two_ports

# Ports are short for each target address by itself. All that lead to the first are taken by somebody else.
one_target_without_ports() {
	local range=/proc/sys/net/ipv4/ip_local_port_range first
	needs_namespace
	echo "32768 39999" >$range
	target_as first -s -i echo
	first=$TARGET
	target_as second -s echo
	echo "40010 40011" >$range
	peer others -n 2 -i connect "$first" touch taken await out rst
	wait_for "the ports to be taken" test -e taken
	weir_start -l "unix:$PWD/socket" -T "$first" -T "$TARGET" -o connect_timeout=1m
	RELAY=unix:$PWD/socket
	client -n 2 mirror send 10 recv 10 fin expect-fin
	peer_end client
	wait_for "pairs with the second target" log_counts 2 "target=$TARGET .*reason=eof"
	touch out
	peer_end others
}
beside "ports: used up for one target, the other one serves" one_target_without_ports

finish
