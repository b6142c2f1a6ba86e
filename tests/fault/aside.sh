#!/bin/bash
# Calls that move no bytes fail: while weir starts, looks up names, writes dumps and its log.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/fault/lib.sh"

# ---- the start ----

# What has a substitute is missing from the start on, and nobody notices.
without() {
	STRICT=yes
	BULK=4M
	EXPECT_LOG='libevent: epoll_create\|no stand-ins\|the log has no thread'
	faults "$1 $2 1 ${3:-1}"
	faults_start
	traffic
	expect_injected
}

beside "no pipe: EMFILE" without pipe2 EMFILE
beside "no large pipe: EPERM" without fcntl EPERM
beside "no epoll: EMFILE" without epoll_create EMFILE
beside "no thread for the log: EAGAIN" without pthread_create EAGAIN 0

processors() {
	[[ ${WEIR_ARGS:-} != *workers=* ]] || skip "nobody counts processors where workers are set"
	without sched_getaffinity EINVAL
}
beside "processors that cannot be counted: EINVAL" processors

if full; then
	beside "no pipe: ENFILE" without pipe2 ENFILE
	beside "no pipe: ENOMEM" without pipe2 ENOMEM
	beside "no large pipe: EBUSY" without fcntl EBUSY
	beside "no large pipe: ENOMEM" without fcntl ENOMEM
	beside "no epoll: ENOMEM" without epoll_create ENOMEM
fi

# A start that fails says why and leaves nothing behind.
no_start() {
	faults_prepare
	start_fails "$@"
}

start_fails() {
	local status=0
	EXPECT_LOG=.
	faults "$@"
	timeout -k 5 "$PATIENCE_S" "$WEIR" -c relay.ini >weir.out 2>weir.log || status=$?
	expect_injected $#
	expect_equal "the exit status" 1 "$status"
	grep -q ' error ' weir.log || fail "no word about it"
}

for call in "socket EMFILE 1" "bind EADDRINUSE 2" "bind EACCES 3" "listen EADDRINUSE 4" "setsockopt ENOMEM 5" \
	"getsockname ENOBUFS 1" "eventfd EMFILE 1" "eventfd ENFILE 2" "epoll_ctl ENOSPC 2" \
	"pthread_create EAGAIN 2" "pthread_create EAGAIN 3"; do
	beside "no start: $call" no_start "$call 0"
done
beside "no start: nothing for signals to come by" no_start "pipe2 ENFILE 1 0" "pipe ENFILE 1 0" "socketpair ENFILE 1 0"

# The reason is that of the system, not "System error".
no_listening_name() {
	printf '%s\n' "[relay one]" "listen = localhost:0" "target = 127.0.0.1:1" >relay.ini
	start_fails "getaddrinfo EMFILE 1 0"
	log_has "cannot listen on localhost:[0-9]*: Too many open files" || fail "another reason"
}
beside "no start: the reason of getaddrinfo" no_listening_name

# Clients that come while the start is at any of its calls. Every socket that listens is found by them.
slow_start() {
	target -s send-text hello recv-until-end
	free_port
	faults "$1 late 1 1"
	peer client -n 5 insist "$RELAY" recv-text hello fin recv-until-end
	weir_launch -l "$RELAY" -T "$TARGET" -o workers=2
	peer_end client
	expect_injected
	weir_stop
}
for call in bind listen setsockopt pthread_create; do
	beside "a start with slow calls of $call resets nobody" slow_start $call
done

# Whoever is let in and then not served would be reset.
no_start_lets_nobody_in() {
	free_port
	printf '%s\n' "[global]" "workers = 4" "[relay one]" "listen = $RELAY" "target = 127.0.0.1:1" >relay.ini
	peer client insist "$RELAY" recv-text hello fin
	for _ in 1 2 3; do start_fails "pthread_create EAGAIN 4 0"; done
	peer served listen "$RELAY" accept send-text hello expect-fin
	peer_end client
	peer_end served
}
beside "no start: the last thread is missing, and nobody is let in" no_start_lets_nobody_in

# ---- names ----

# so_often N PATTERN: at least N lines of the log have it.
so_often() {
	[ "$(grep -c -e "$2" weir.log)" -ge "$1" ]
}

injected_at_least() {
	[ "$(injected)" -ge "$1" ]
}

# A name that fails at the start is tried again; one that fails later keeps its addresses, and nobody notices.
names() {
	local error names=1 known=0 # one look-up for both relays
	KINDS="upload download"
	NAMED=yes
	STRICT=yes
	EXPECT_LOG='does not resolve\|no target could be connected\|is down'
	faults "getaddrinfo $1 1 1"
	faults_start -o resolve_interval=1s
	expect_injected "$names"
	peer early connect "$(listening_on upload)" expect-rst
	peer_end early
	for error in "$@"; do
		echo "error: $error"
		faults
		known=$((known + names))
		wait_for "addresses" so_often $known "now resolves to"
		traffic
		faults "getaddrinfo $error 1 1"
		wait_for "lookups that fail" injected_at_least "$names"
		traffic
	done
	log_has "does not resolve: Too many open files" || fail "no word about EMFILE"
	expect_equal "lines about addresses that stay" $(($# * names)) "$(grep -c 'its last addresses stay in use' weir.log)"
}
lookup_errors="EAI_AGAIN EMFILE"
if full; then lookup_errors="EAI_AGAIN EAI_FAIL EAI_NONAME EAI_MEMORY EMFILE ENFILE ENOMEM"; fi
# shellcheck disable=SC2086 # words
beside "names: getaddrinfo fails" names $lookup_errors

# ---- dumps ----

dump_complaints() {
	so_often "$1" 'cannot write the dump to '
}

# What was there stays as it was, and nothing half-written beside it; the next dump is written again.
dump_fails() {
	local rule complaints=0
	STRICT=yes
	EXPECT_LOG='cannot write the dump to '
	faults_start
	for rule in "$@"; do
		echo "rule: $rule"
		weir_dump
		cp dump before
		faults "$rule 1 0"
		kill -USR1 "$WEIR_PID"
		complaints=$((complaints + 1))
		wait_for "a complaint" dump_complaints $complaints
		expect_injected
		faults
		cmp before dump
		expect_equal "files" dump "$(echo dump*)"
	done
	traffic
}
beside "dumps: they cannot be written" dump_fails "create ENOSPC" "write ENOSPC" "write EIO" "fchmod EPERM" "close EIO" \
	"close ENOSPC" "rename EIO" "rename ENOSPC"

# A dump that hangs holds up nothing, and any number of signals meanwhile leads to one more dump.
dump_hangs() {
	local rule complaints=0
	STRICT=yes
	EXPECT_LOG='cannot write the dump to '
	faults_start
	for rule in "$@"; do
		weir_dump
		cp dump before
		faults "$rule hang 1 0"
		kill -USR1 "$WEIR_PID"
		wait_for "a call that hangs" injected_at_least 1
		for _ in 1 2 3 4 5; do
			kill -USR1 "$WEIR_PID"
			traffic
		done
		cmp before dump
		echo "create ENOSPC 1 1" >rules.new # counts those that begin from now on
		mv rules.new rules                  # at once, because what hangs goes on then
		complaints=$((complaints + 1))
		wait_for "one more dump" dump_complaints $complaints
		faults
		weir_dump
		expect_equal "the number of dumps that failed" $complaints "$(grep -c "$EXPECT_LOG" weir.log)"
	done
}
beside "dumps: the file system hangs" dump_hangs write rename

# Many pairs, so that the dump is longer than what the C library keeps of it: exit(3) would write that too.
stop_while_dump_hangs() {
	KINDS=slow
	faults_start
	peer crowd -n 60 -i connect "$(listening_on slow)" touch crowded await gone rst
	wait_for "a crowd" test -e crowded
	faults "$1 hang 1 0"
	kill -USR1 "$WEIR_PID"
	wait_for "a call that hangs" injected_at_least 1
	HOLD=yes traffic_begin
	wait_for "slow clients to be served" test -e held
	kill -TERM "$WEIR_PID"
	wait_log 'no new clients'
	touch gone
	peer_end crowd
	traffic_end
	weir_expect_status 0
	test -e dump.tmp || fail "the dump was not under way"
	faults
	weir_launch -c relay.ini
	wait_for "the leftover to be removed" test ! -e dump.tmp
	wait_for "weir to start" weir_ready
	weir_measure
	account_check() { :; } # it is not the first daemon
}
beside "dumps: SIGTERM while the file system hangs" stop_while_dump_hangs write

# A dump is whole all the same: weir_dump judges it.
dump_in_pieces() {
	local rule
	STRICT=yes
	faults_start
	for rule in "write EINTR 1 2" "write 1 1 1" "write 100 1 1"; do
		faults "$rule"
		HOLD=yes traffic_begin
		wait_for "slow clients to be served" test -e held
		weir_dump
		expect_injected
		faults
		traffic_end
	done
}
beside "dumps: written in pieces" dump_in_pieces

# ---- the log ----

# The oracle wants every line whole, and a line for each pair.
log_in_pieces() {
	local rule
	STRICT=yes
	faults_start -o log_level=debug
	for rule in "log EINTR 1 2" "log EAGAIN 1 2" "log 1 1 1" "log 20 1 1"; do
		faults "$rule"
		traffic
		expect_injected
		faults
	done
}
beside "log: written in pieces" log_in_pieces

hup_until_dropped() {
	kill -HUP "$WEIR_PID"
	log_has "$1"
}

# What could not be written is counted, and the count is written as soon as it can be. A line that is cut
# short ends there.
log_fails() {
	STRICT=yes
	EXPECT_LOG='lines dropped'
	faults_start -o log_connections=no
	faults "log $1 1 2"
	traffic_begin
	wait_for "a word about dropped lines" hup_until_dropped 'log: [0-9]* lines dropped'
	traffic_end
	expect_injected
	faults
}
beside "log: lines cannot be written" log_fails EIO

faults_finish
