#!/bin/bash
# System calls fail, or move less than they were asked to, under traffic of every kind.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/fault/lib.sh"

# What the log reports of it, once per episode.
EXPECT_LOG='connecting has to wait\|no target could be connected\|is down\|libevent: Epoll ADD\|libevent: epoll_wait'

# Some calls are not made often enough for a late place. Whatever fails there has failed at the first two.
is_early() {
	local first
	read -r _ _ first _ <<<"$1"
	[ "$first" -le 2 ]
}

# Traffic under one rule after the other, in one daemon.
under() {
	local rule
	if [ $HOGS = yes ]; then hogs_begin; fi
	for rule in "$@"; do
		echo "rule: $rule"
		faults "$rule"
		traffic_begin
		kill -USR1 "$WEIR_PID"
		traffic_end
		if is_early "$rule"; then expect_injected; fi
		faults
		weir_is_calm
	done
	if [ $HOGS = yes ]; then hogs_end; fi
}

# Where an errno is injected: at some n-th calls and at every k-th.
places() {
	if [ -n "$FAULTS_FULL" ]; then
		printf '%s\n' "1 0" "2 0" "3 0" "4 0" "5 0" "7 0" "11 0" "17 0" "1 2" "2 3" "5 7" "13 31"
	else
		echo "2 5"
	fi
}

# rules CALL:ERRNO[,ERRNO...]...: one for each errno at each of its places.
rules() {
	local calls errno
	for calls in "$@"; do
		for errno in $(tr , ' ' <<<"${calls#*:}"); do
			places | sed "s/^/${calls%:*} $errno /"
		done
	done
}

# What a relay can take without anybody noticing: interrupted, not ready, nothing left of what has a
# substitute.
unnoticed() {
	local list
	STRICT=yes
	mapfile -t list < <(rules "$@")
	faults_start $OPTIONS
	under "${list[@]}"
}

# What costs a connection, which then must not look complete. A peer that may still send is given
# half_close_timeout.
noticed() {
	local list
	mapfile -t list < <(rules "$@")
	faults_start $OPTIONS -o half_close_timeout=2s
	under "${list[@]}"
}

# Less is moved than was asked for, and nobody notices.
pieces() {
	STRICT=yes
	faults_start $OPTIONS
	under "$@"
}

# short CALL SIZE STEPS...: transfers of that size in steps of 1 to so many bytes.
short() {
	local call=$1
	BULK=$2
	SLOW=$2
	shift 2
	pieces "${@/#/$call }"
}

variants=("")
if full; then variants+=("-o splice=off" "-o workers=1" "-o workers=4"); fi
for OPTIONS in "${variants[@]}"; do
	beside "recv and send are interrupted $OPTIONS" unnoticed recv:EINTR,EAGAIN send:EINTR,EAGAIN
	beside "recv and send fail $OPTIONS" noticed recv:ECONNRESET,ETIMEDOUT,ENOMEM,EHOSTUNREACH \
		send:EPIPE,ECONNRESET,ENOBUFS,ENOMEM,ETIMEDOUT
	beside "epoll_ctl has no room $OPTIONS" noticed epoll_ctl:ENOMEM,ENOSPC
	# Byte by byte, 16K would take a busy machine longer than the peers are patient.
	beside "short reads $OPTIONS" short recv 6K "1 1 1" "7 1 1" "1447 1 1" "5000 2 3"
	beside "short sends $OPTIONS" short send 6K "1 1 1" "7 1 1" "1447 1 1" "5000 2 3"
done

OPTIONS="-o splice=auto"
BULK=4M
beside "splice is interrupted" unnoticed splice-in:EINTR,EAGAIN,EINVAL splice-out:EINTR,EAGAIN
beside "splice fails" noticed splice-in:ECONNRESET,ETIMEDOUT,ENOMEM splice-out:EPIPE,ECONNRESET,ENOMEM
beside "short splices from a socket" short splice-in 4M "1 2 9" "1000 1 3" "5000 1 2" "70000 1 1"
beside "short splices to a socket" short splice-out 4M "1 2 9" "1000 1 3" "5000 1 2" "70000 1 1"
BULK=512K

OPTIONS="-o splice=off"
beside "copying: writev is interrupted" unnoticed writev:EINTR,EAGAIN
beside "copying: writev fails" noticed writev:EPIPE,ECONNRESET,ENOBUFS,ENOMEM,ETIMEDOUT
beside "copying: short writevs" short writev 512K "1 1 3" "1000 1 1" "5000 1 1" "100000 1 2"

OPTIONS="-o memory_max=64K"
HOGS=yes
beside "no memory for queues: interrupted" unnoticed recv:EINTR,EAGAIN send:EINTR,EAGAIN
beside "no memory for queues: looking, sending and taking fail" noticed recv:ECONNRESET send:EPIPE,ENOBUFS discard:EIO,EAGAIN
BULK=64K
beside "no memory for queues: sent and taken in pieces" pieces "send 100 1 1" "discard 1 1 3" "discard 1447 1 1"
BULK=512K
HOGS=no

OPTIONS="-o log_level=debug" # a client that is not heard has a line there
HEADERS=yes
beside "PROXY headers: recv is interrupted" unnoticed recv:EINTR,EAGAIN
beside "PROXY headers: recv and epoll_ctl fail" noticed recv:ECONNRESET,ETIMEDOUT,ENOMEM epoll_ctl:ENOMEM
beside "PROXY headers: short reads" short recv 16K "1 1 1" "7 1 1"
HEADERS=no

OPTIONS=
refused_first() {
	REFUSER=yes
	unnoticed "$@"
	touch over
}
beside "why a target has refused is not to be had" refused_first getsockopt:ENOBUFS,ENOMEM
beside "accept4 finds nobody" unnoticed accept4:EINTR,EAGAIN,ECONNABORTED,EPERM,EPROTO,ENETDOWN,ETIMEDOUT
beside "waiting is interrupted" unnoticed poll:EINTR,ENOMEM epoll_wait:EINTR,ENOMEM read:EINTR,EAGAIN
beside "no socket, no room in a backlog, for a while" unnoticed socket:EMFILE,ENFILE,ENOBUFS,ENOMEM connect:EAGAIN
beside "local ports are in use or forbidden" unnoticed bind:EADDRINUSE,EACCES,EPERM connect:EADDRNOTAVAIL
beside "targets cannot be connected" noticed socket:EACCES,EAFNOSUPPORT setsockopt:ENOMEM,ENOBUFS,EINVAL \
	connect:EADDRNOTAVAIL,ECONNREFUSED,ENETUNREACH,ETIMEDOUT,ENOBUFS,EPERM
beside "shutdown and ioctl fail" noticed shutdown:ENOTCONN ioctl:EINVAL,ENOMEM

# For as long as the rule is there, every call fails: nobody gets in, nobody is lost, and waiting costs
# nothing.
no_more_accepted() {
	STRICT=yes
	EXPECT_LOG='cannot accept'
	faults_start
	faults "accept4 $1 1 1"
	traffic_begin
	wait_log "cannot accept: "
	weir_expect_quiet
	weir_dump
	expect_equal "pairs" 0 "$(value pairs weir)"
	faults
	traffic_end
	expect_at_most "lines about it" "$(wc -w <<<"$KINDS")" "$(grep -c 'cannot accept' weir.log)"
}
beside "accept4: no descriptors for a while" no_more_accepted EMFILE
beside "accept4: not permitted for a while, which a single client may cause too" no_more_accepted EPERM
if full; then
	beside "accept4: no descriptors on the machine for a while" no_more_accepted ENFILE
	beside "accept4: no buffers for a while" no_more_accepted ENOBUFS
	beside "accept4: no memory for a while" no_more_accepted ENOMEM
	beside "accept4: not supported for a while" no_more_accepted EOPNOTSUPP
fi

faults_finish
