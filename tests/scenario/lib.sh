# shellcheck shell=bash
# The parts of every scenario. Sourced, with the build directory as working directory. See tests/README.md.
#
#   weir_start ARG...       starts the daemon; RELAY is the address of its first listener
#   target, client WORD...  start scripted peers; peers_end waits for all and expects success
#   weir_dump, has, value   take a dump, look into it
#   scenario NAME FUNCTION  runs a function as one test case, then the oracle; see cases.sh
#   finish                  prints the plan

set -u

# A network of its own, where that can be had, so that nobody else connects to a port that was free a moment
# ago. NETWORK=given then. A script that needs one says so by NETWORK=${NETWORK:-needed} before it sources
# this file, and gets it without privileges too. With NETWORK=shared it stays in that of the machine.
case ${NETWORK:=own} in
own) networks=("unshare -n") ;;
needed) networks=("unshare -n" "unshare -r -n") ;;
*) networks=() ;;
esac
for how in "${networks[@]}"; do
	# shellcheck disable=SC2086 # words
	if $how ip link set lo up 2>/dev/null; then
		export NETWORK=given
		exec $how sh -c 'ip link set lo up && exec "$0" "$@"' "$0" "$@"
	fi
done

WEIR=${WEIR:-$PWD/weir}
RAWPEER=${RAWPEER:-$PWD/tests/scenario/rawpeer}
MANAGER=${MANAGER:-$PWD/tests/scenario/manager}
JSONRECORDS=${JSONRECORDS:-$PWD/tests/scenario/jsonrecords}
WEIR_ARGS=${WEIR_ARGS:-} # further options for every daemon that is started
AS_SERVICE=${AS_SERVICE:-no}
ONLY=${ONLY:-}           # a regular expression: cases with other names are skipped

# Sanitizers cost time and memory: less to move, more patience.
if grep -q '^#define WITH_SANITIZERS 1' build_config.h 2>/dev/null; then
	export SANITIZED=yes
	SCALE=${SCALE:-16}
	PATIENCE_S=${PATIENCE_S:-30}
else
	export SANITIZED=no
	SCALE=${SCALE:-1}
	PATIENCE_S=${PATIENCE_S:-15}
fi
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0}

# Of a full second of quiet; a spin is a hundred.
QUIET_TICKS_MAX=2

if [ -n "${THIS_TOP:-}" ]; then
	top=$THIS_TOP
else
	top=$(mktemp -d "${TMPDIR:-/tmp}/weir-scenario.XXXXXX")
	trap 'rm -rf "$top"' EXIT
fi

# Root, but with no more privileges than the service has.
if [ "$AS_SERVICE" = yes ] && [ "$(id -u)" = 0 ] && [ -z "${THIS_TOP:-}" ]; then
	printf '#!/bin/sh\nexec setpriv --bounding-set=-all,%s --no-new-privs "%s" "$@"\n' \
		"$(sed -n 's/^CapabilityBoundingSet=//p' systemd/weir.service | tr 'A-Z ' 'a-z,' | sed 's/cap_/+/g')" \
		"$WEIR" >"$top/weir"
	chmod +x "$top/weir"
	export WEIR=$top/weir
fi

# --- what a case says ---

fail() {
	echo "FAILED: $*"
	exit 1
}

# wait_for WHAT COMMAND...: polls until the command succeeds.
wait_for() {
	local what=$1 end=$((SECONDS + PATIENCE_S))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || fail "$what did not come about within $PATIENCE_S s"
		sleep 0.02
	done
}

# expect_equal WHAT WANTED GOT
expect_equal() {
	[ "$2" = "$3" ] || fail "$1 should be '$2' and is '$3'"
}

# expect_at_most WHAT LIMIT GOT
expect_at_most() {
	[ -n "$3" ] && [ "$3" -le "$2" ] || fail "$1 should be at most $2 and is '$3'"
}

expect_at_least() {
	[ -n "$3" ] && [ "$3" -ge "$2" ] || fail "$1 should be at least $2 and is '$3'"
}

now_ms() {
	local now=$EPOCHREALTIME # seconds, a separator, microseconds
	echo $((${now//[!0-9]/} / 1000))
}

# --- a busy machine ---

# watch_lateness [PID]: bounds on time hold on a machine that has time. From here on, a process of the case
# wants to run every 20 ms; the file "late" gets a line with how many ms it was late, if it was by more than a
# few. PID is a process with much to do, which waits for a CPU longer than one that wants little.
watch_lateness() {
	local last now late
	late_pid=${1:-}
	late_before=$(waited_for_cpu)
	mkfifo never
	: >late
	(
		exec 9<>never
		last=${EPOCHREALTIME//[!0-9]/}
		while :; do
			read -r -t 0.02 -u 9 || :
			now=${EPOCHREALTIME//[!0-9]/}
			late=$(((now - last) / 1000 - 20))
			last=$now
			if [ $late -gt 10 ]; then echo $late >>late; fi
		done
	) &
}

# How many ms the process has been ready to run and did not.
waited_for_cpu() {
	if [ -z "$late_pid" ]; then echo 0; else awk '{ printf "%d\n", $2 / 1000000 }' "/proc/$late_pid/schedstat"; fi
}

# The ms that were lost so since "late" was emptied: what a bound may be missed by.
lateness() {
	awk -v more=$(($(waited_for_cpu) - late_before)) '{ sum += $1 } END { print sum + more }' late
}

# --- the daemon ---

weir_alive() {
	kill -0 "$WEIR_PID" 2>/dev/null
}

weir_ready() {
	weir_alive || fail "weir ended instead of starting"
	grep -qs "$WEIR_READY" weir.log
}
WEIR_READY=' notice weir .* is ready'

# The address that relay $1 (its $2-th, from 1) listens on.
listening_on() {
	sed -n "s/^.* relay ${1:-command-line}: listening on //p" weir.log | sed -n "${2:-1}p"
}

# Starts weir without waiting. WEIR_NOFILE limits its descriptors.
weir_launch() {
	WEIR_LAUNCHES=$((WEIR_LAUNCHES + 1))
	# At once, or the last daemon's log would say that this one is ready.
	[ -p "${WEIR_LOG:-weir.log}" ] || : >"${WEIR_LOG:-weir.log}"
	(
		if [ -n "${WEIR_NOFILE:-}" ]; then ulimit -n "$WEIR_NOFILE"; fi
		# shellcheck disable=SC2086 # words
		exec "$WEIR" -o dump_file="$PWD/dump" "$@" $WEIR_ARGS
	) </dev/null >weir.out 2>"${WEIR_LOG:-weir.log}" &
	WEIR_PID=$!
}

# A port for whoever has to know it before it listens. In a network of our own nobody else takes it: it is
# below those that the kernel chooses, and given once. In that of the machine it was free a moment ago.
own_port() {
	if [ "$NETWORK" = given ]; then
		# shellcheck disable=SC2016 # of the other shell
		flock "$top/ports" sh -c 'echo >>"$0" && echo $((12000 + $(wc -l <"$0")))' "$top/ports"
	else
		"$RAWPEER" listen 127.0.0.1:0 port-file "free.$BASHPID" >/dev/null
		cat "free.$BASHPID"
	fi
}

# RELAY is such a port.
free_port() {
	RELAY=127.0.0.1:$(own_port)
}

weir_start() {
	weir_launch "$@"
	wait_for "weir to start" weir_ready
	RELAY=$(sed -n 's/^.*: listening on //p' weir.log | head -n 1)
	weir_measure
}

# What it has to come back to.
weir_measure() {
	WEIR_SOCKETS=$(weir_sockets)
	WEIR_FDS=$(weir_fds)
	WEIR_RSS=$(weir_rss)
}

# weir_relay ARG...: the most usual one, to TARGET.
weir_relay() {
	weir_start -l 127.0.0.1:0 -T "$TARGET" "$@"
}

# needs_pairs COUNT: skips the case where the daemon cannot have so many.
needs_pairs() {
	local most
	most=$(sed -n 's/.* for each of \([0-9]*\) pairs.*/\1/p' weir.log | head -n 1)
	[ "${most:-$1}" -ge "$1" ] || skip "no more than $most pairs are possible"
}

weir_fds() {
	ls "/proc/$WEIR_PID/fd" | wc -l
}

weir_sockets() {
	find "/proc/$WEIR_PID/fd" -lname 'socket:*' 2>/dev/null | wc -l
}

# Resident KiB.
weir_rss() {
	awk '$1 == "VmRSS:" { print $2 }' "/proc/$WEIR_PID/status"
}

weir_rss_at_most() {
	[ "$(weir_rss)" -le "$1" ]
}

# The most that it has ever been.
weir_peak() {
	awk '$1 == "VmHWM:" { print $2 }' "/proc/$WEIR_PID/status"
}

so_many_served() {
	[ "$(grep -c 'reason=eof' weir.log)" -ge "$1" ]
}

# stop_amid_clients COUNT: TERM, once so many were served. Each of the others is served or refused.
stop_amid_clients() {
	wait_for "a part of the clients" so_many_served "$1"
	kill -TERM "$WEIR_PID"
	weir_expect_status 0
	peer_end client
	expect_equal "clients that were neither served nor refused" "" \
		"$(grep -v 'Connection refused' client.err | head -n 3)"
	expect_at_least "clients that came too late" 1 "$(wc -l <client.err)"
}

# User and system time in ticks.
weir_ticks() {
	local stat
	stat=$(<"/proc/$WEIR_PID/stat")
	# shellcheck disable=SC2086 # fields
	set -- ${stat##*) }
	echo $((${12} + ${13}))
}

# Nothing to do means no CPU. The first second may still have something to clear away, so there are three.
weir_expect_quiet() {
	local before used
	for _ in 1 2 3; do
		before=$(weir_ticks)
		sleep 1
		used=$(($(weir_ticks) - before))
		[ "$used" -gt "$QUIET_TICKS_MAX" ] || return 0
	done
	fail "weir took $used ticks of CPU in a second without anything to do"
}

# --- dumps ---

weir_dump() {
	rm -f dump
	kill -USR1 "$WEIR_PID"
	wait_for "a dump" test -e dump
	dump_check dump
}

# records KIND [KEY=VALUE...]: the lines of the last dump that have all of these.
records() {
	awk -v kind="$1" -v wanted="${*:2}" '
	BEGIN { n = split(wanted, want, " ") }
	$1 == kind {
		line = $0 " "
		for (i = 1; i <= n; i++)
			if (!index(line, " " want[i] " "))
				next
		print
	}' dump
}

has() {
	[ -n "$(records "$@")" ]
}

# count N KIND [KEY=VALUE...]: exactly so many.
count() {
	[ "$(records "${@:2}" | wc -l)" -eq "$1" ]
}

# value KEY KIND [KEY=VALUE...]: of each record, one a line.
value() {
	records "${@:2}" | tr ' ' '\n' | sed -n "s/^$1=//p"
}

dump_shows() {
	weir_dump
	"$@"
}

# dump_until has pair state=closing
dump_until() {
	wait_for "in the dump '$*'" dump_shows "$@"
}

# --- the log ---

# log_counts N PATTERN: exactly so many lines so far. Under load, lines come up to 5 ms late.
log_counts() {
	[ "$(grep -c -- "$2" weir.log)" -eq "$1" ]
}

log_has() {
	grep -qs -e "$1" weir.log
}

wait_log() {
	wait_for "the log line '$1'" log_has "$1"
}

closed_line() {
	awk -v wanted="$*" '
	BEGIN { n = split(wanted, want, " ") }
	/ closed pair=/ {
		line = $0 " "
		found = 1
		for (i = 1; i <= n; i++)
			if (!index(line, " " want[i] " "))
				found = 0
		if (found) { print; exit }
	}' weir.log
}

closed_has() {
	[ -n "$(closed_line "$@")" ]
}

# wait_closed KEY=VALUE...: the close line of some pair has all of these.
wait_closed() {
	wait_for "a close line with '$*'" closed_has "$@"
}

# --- the service manager ---

# manage [FILE]: daemons that are started from now on have a service manager, which writes their messages to
# "messages". With FILE, it reads none until that exists.
manage() {
	export NOTIFY_SOCKET="@weir-manager-$BASHPID"
	"$MANAGER" "${NOTIFY_SOCKET#@}" "$@" >messages &
	wait_for "a service manager" grep -q listening messages
}

# told PATTERN: the service manager was told so.
told() {
	grep -q -e "$1" messages
}

told_count() {
	grep -c -e "$1" messages || :
}

# told_at_least COUNT PATTERN
told_at_least() {
	[ "$(told_count "$2")" -ge "$1" ]
}

wait_told() {
	wait_for "the message '$1'" told "$1"
}

# --- scripted peers ---

declare -A PEERS   # pids by name
declare -A SERVING # the names of those that serve until they are told to stop
declare -A SIDES   # client or target, of all that have been there

# peer NAME ARG...: rawpeer in the background; its lines go to NAME.out, its complaints to NAME.err. Those of
# an earlier one of that name are kept in NAME.earlier.
peer() {
	if [ -e "$1.out" ]; then cat "$1.out" >>"$1.earlier"; fi
	"$RAWPEER" "${@:2}" >"$1.out" 2>"$1.err" </dev/null &
	PEERS[$1]=$!
	if [[ $2 == -*s* ]]; then SERVING[$1]=yes; fi
	case " $* " in
	*" connect "*) SIDES[$1]=client ;;
	*" accept "*) SIDES[$1]=target ;;
	esac
}

# peer_with NAME PREFIX ARG...: options of ARG and its first words if they are of sockets to be made, then
# PREFIX, then the other words of ARG.
peer_with() {
	local name=$1 prefix=$2 options=()
	shift 2
	while [[ ${1:-} =~ ^(-.|rcvbuf|sndbuf)$ ]]; do
		options+=("$1")
		if [[ $1 =~ ^(-[nj]|rcvbuf|sndbuf)$ ]]; then
			options+=("$2")
			shift
		fi
		shift
	done
	# shellcheck disable=SC2086 # words
	peer "$name" "${options[@]}" $prefix "$@"
}

# client [OPTION...] WORD...: connects to the relay. client_as NAME ... where there are several.
client() {
	client_as client "$@"
}

client_as() {
	local name=$1
	shift
	peer_with "$name" "connect $RELAY" "$@"
}

# target [OPTION...] WORD...: what weir connects to; TARGET is its address.
target() {
	target_as target "$@"
}

target_as() {
	local name=$1
	shift
	peer_with "$name" "listen 127.0.0.1:0 port-file $name.port accept" "$@"
	target_port "$name"
}

# TARGET from the port file that peer $1 writes.
target_port() {
	wait_for "peer $1 to listen" test -e "$1.port"
	TARGET=127.0.0.1:$(<"$1.port")
}

# peer_end NAME: waits for it and expects success. A peer that serves is stopped.
peer_end() {
	local status=0
	if [ -n "${SERVING[$1]:-}" ]; then kill -TERM "${PEERS[$1]}"; fi
	wait "${PEERS[$1]}" || status=$?
	unset "PEERS[$1]"
	if [ "$status" -ne 0 ]; then
		head -n 5 "$1.err"
		fail "peer $1 ended with status $status"
	fi
}

# Those that serve last: the others may still need them.
peers_end() {
	local name
	for name in "${!PEERS[@]}"; do
		if [ -z "${SERVING[$name]:-}" ]; then peer_end "$name"; fi
	done
	for name in "${!PEERS[@]}"; do
		peer_end "$name"
	done
}

peer_has_ended() {
	process_has_ended "${PEERS[$1]}"
}

# peer_total KEY NAME: the sum over the lines of its connections.
peer_total() {
	tr ' ' '\n' <"$2.out" | awk -F= -v key="$1" '$1 == key { sum += $2 } END { printf "%d\n", sum }'
}

# --- the end of the daemon ---

# Whether anybody has waited for it or not.
process_has_ended() {
	! grep -qs '^State:[[:space:]]*[^Z]' "/proc/$1/status"
}

weir_has_ended() {
	process_has_ended "$WEIR_PID"
}

weir_expect_status() {
	local status=0
	wait_for "the end of weir" weir_has_ended
	wait "$WEIR_PID" || status=$?
	WEIR_PID=
	expect_equal "the exit status of weir" "$1" "$status"
}

# Ends weir with no pair left. Call it in a case only if the case goes on afterwards.
weir_stop() {
	kill -TERM "$WEIR_PID"
	weir_expect_status 0
}

# shellcheck source=../scenario/oracle.sh
. "$(dirname "${BASH_SOURCE[0]}")/oracle.sh"
# shellcheck source=../scenario/cases.sh
. "$(dirname "${BASH_SOURCE[0]}")/cases.sh"

# Another relay in weir's place; it replaces some of the above.
if [ -n "${CONTROL:-}" ]; then
	# shellcheck source=control.sh
	. "$(dirname "${BASH_SOURCE[0]}")/control.sh"
fi
