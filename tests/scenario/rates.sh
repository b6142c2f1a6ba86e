#!/bin/bash
# Limits on rates: kept in either direction, shared evenly, changed for pairs that live, and no reason for a
# timeout.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"
# shellcheck source=reload_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/reload_lib.sh"

# Each record with what has come since the dump in FILE: pair direction bytes milliseconds, of which there are
# as many as the daemon's clock says.
moved_since() {
	awk '
	{
		split("", of)
		for (i = 2; i <= NF; i++) {
			at = index($i, "=")
			of[substr($i, 1, at - 1)] = substr($i, at + 1)
		}
	}
	$1 == "weir" { up[FILENAME] = of["uptime_ms"] }
	$1 == "flow" && FILENAME == ARGV[1] { bytes[of["pair"], of["direction"]] = of["bytes"] }
	$1 == "flow" && FILENAME == ARGV[2] && (of["pair"], of["direction"]) in bytes {
		flow = of["pair"] SUBSEP of["direction"]
		print of["pair"], of["direction"], of["bytes"] - bytes[flow], up[ARGV[2]] - up[ARGV[1]]
	}' "$1" dump
}

# expect_rate DIRECTION LIMIT PERMILLE: what all flows of this direction have moved since "before", give or
# take what was lost of that time.
expect_rate() {
	local permille
	permille=$(moved_since before | awk -v d="$1" -v limit="$2" '
		$2 == d { sum += $3; ms = $4 }
		END { printf "%.0f", ms ? sum * 1000 * 1000 / ms / limit : 0 }')
	expect_at_least "permille of $1 at $2 a second" $((1000 - $3 - lost)) "$permille"
	expect_at_most "permille of $1 at $2 a second" $((1000 + $3 + lost)) "$permille"
}

# measure SECONDS: from one dump to the next. A rate makes up for a tenth of a second in which nobody runs,
# and for no more; and a dump's bytes are not those of its time if nobody runs in between. lost: permille of
# the time.
measure() {
	[ -e late ] || watch_lateness
	weir_dump
	: >late
	cp dump before
	sleep "$1" # what is measured is a second's bytes
	weir_dump
	lost=$(($(lateness) / $1))
}

file() {
	section one 127.0.0.1:0 "$@" | install
}

# Peers have much more to move than is looked at, as a busy machine begins late. The rest goes through at
# once.
let_through() {
	file
	reload
}

# kept KEY LIMIT ARG...: ten seconds, within three percent.
kept() {
	local direction=${1#relay_} bytes=$(($2 * 20)) sends recvs
	direction=${direction%_rate}
	sends="deadline 60 send $bytes fin expect-fin"
	recvs="deadline 60 recv $bytes expect-fin fin"
	# shellcheck disable=SC2086 # words
	if [ "$direction" = download ]; then target $sends; else target $recvs; fi
	file "$1 = $2"
	weir_start -c relay.ini "${@:3}"
	# shellcheck disable=SC2086 # words
	if [ "$direction" = download ]; then client $recvs; else client $sends; fi
	dump_until has flow "direction=$direction" limited_by=relay reading=paused queued=0
	measure 10
	expect_rate "$direction" "$2" 30
	let_through
	wait_closed reason=eof "${direction}_bytes=$bytes"
}
# shellcheck disable=SC2034 # they mostly wait
BESIDE_MAX=8
beside "10 KB a second, splice" kept upload_rate 10000
beside "10 KB a second, copied, of a relay" kept relay_download_rate 10000 -o splice=off
beside "1 MB a second, splice, of a relay" kept relay_upload_rate 1000000
beside "1 MB a second, copied" kept download_rate 1000000 -o splice=off
beside "20 MB a second, splice" kept download_rate $((20000000 / SCALE))
beside "20 MB a second, copied, of a relay" kept relay_upload_rate $((20000000 / SCALE)) -o splice=off

# Each that wants more gets at least half of an even part, of whatever worker it is.
shared() {
	local least
	target -n 8 send 8M fin expect-fin
	file "relay_download_rate = 4M"
	weir_start -c relay.ini "$@"
	client -n 8 recv 8M expect-fin fin
	dump_until count 8 flow direction=download limited_by=relay
	measure 5
	expect_rate download $((4 * 1024 * 1024)) 30
	least=$(moved_since before | sort -k 3n |
		awk '$2 == "download" { printf "%.0f", $3 * 1000000 * 8 / $4 / 4194304; exit }')
	expect_at_least "permille of an even part, the least" 500 "$least"
	let_through
}
beside "a relay's rate is shared evenly, one worker" shared -o workers=1
beside "a relay's rate is shared evenly, four workers" shared -o workers=4 -o splice=off

# Those that want little get it, and the one that wants more gets the rest.
rest_for_the_others() {
	target -n 5 recv-all fin
	file "relay_upload_rate = 1M"
	weir_start -c relay.ini -o workers=4
	client_as chatty -n 4 pieces 10 dribble 60 100 fin expect-fin
	client_as greedy send 14M fin expect-fin
	dump_until has flow direction=upload limited_by=relay
	measure 5
	expect_rate upload $((1024 * 1024)) 30
	peer_end chatty
	let_through
}
beside "what some do not want is for the others" rest_for_the_others

both_limits() {
	target -n 2 recv-all fin
	file "upload_rate = 300K" "relay_upload_rate = 400K"
	weir_start -c relay.ini
	client -n 2 send 4M fin expect-fin
	dump_until count 2 flow direction=upload limited_by=relay
	measure 3
	expect_rate upload $((400 * 1024)) 40
	let_through
}
beside "a pair's and its relay's limit hold together" both_limits

each_direction() {
	target duplex 2M 6M fin expect-fin
	file "upload_rate = 300K" "download_rate = 100K"
	weir_start -c relay.ini
	client duplex 6M 2M fin expect-fin
	dump_until count 2 flow limited_by=relay
	measure 2
	expect_rate upload $((300 * 1024)) 60
	expect_rate download $((100 * 1024)) 60
	let_through
}
beside "each direction has its own limit" each_direction

# A source may have more to say while it is not read: nobody is idle, half-closed or stalled then.
no_timeout() {
	target recv 4 expect-fin fin
	weir_relay -o upload_rate=1 -o idle_timeout=700ms -o half_close_timeout=700ms \
		-o stall_timeout=700ms "$@"
	client send 4 fin expect-fin
	wait_closed reason=eof upload_bytes=4
}
beside "no timeout runs while a source waits for its portion" no_timeout
beside "no timeout runs while a source waits for its portion, copied" no_timeout -o splice=off -o workers=4

still_idle() {
	target recv 10 expect-rst
	weir_relay -o upload_rate=1M -o relay_upload_rate=2M -o idle_timeout=600ms
	client send 10 expect-rst
	wait_closed reason=idle_timeout upload_bytes=10
}
beside "a pair that has a limit and nothing to say is idle" still_idle

# What had come before the reset is delivered, at the same pace, and then the reset.
reset_while_waiting() {
	target recv 90K expect-rst
	weir_relay -o upload_rate=100K "$@"
	client send 90K wait-acked rst
	wait_closed reason=client_reset upload_bytes=$((90 * 1024)) dropped=0
}
beside "a reset while the source waits" reset_while_waiting
beside "a reset while the source waits, copied" reset_while_waiting -o splice=off

# The target is gone. That is noticed although nothing is written to it for long.
target_reset_while_waiting() {
	target recv 10 rst
	weir_relay -o upload_rate=10
	client -i send 1000 recv-until-end
	wait_closed reason=target_reset
}
beside "a reset of the sink while the source waits" target_reset_while_waiting

drained() {
	target recv 100K expect-fin fin
	weir_relay -o upload_rate=100K
	client send 100K fin expect-fin
	dump_until has flow direction=upload limited_by=relay
	kill -TERM "$WEIR_PID"
	weir_expect_status 0
	closed_has reason=eof upload_bytes=$((100 * 1024)) || fail "the stream was cut"
}
beside "a pair that waits is served to its end when weir stops" drained

# ---- reloads ----

limited() {
	dump_until count "$1" flow direction=download limited_by=relay
}

bytes_have_come() {
	weir_dump
	[ "$(value bytes flow direction=download)" -ge "$1" ]
}

# From none to some, to another, and to none: for a pair that lives. It is the relay's name that counts.
changed() {
	target send 40M fin expect-fin
	file "$1 = 0"
	reload_start 1 -o splice="$2"
	client deadline 3600 recv 100K await on recv 39900K recv-all fin
	wait_for "100 KiB" bytes_have_come 102400
	file "$1 = 200K"
	reload
	touch on
	limited 1
	measure 3
	expect_rate download $((200 * 1024)) 50
	file "$1 = 1M"
	reload
	measure 2
	expect_rate download $((1024 * 1024)) 60
	file "idle_timeout = 1h"
	reload
	wait_closed reason=eof download_bytes=$((40 * 1024 * 1024))
}
beside "a reload changes the rate of a pair that lives" changed download_rate auto
beside "a reload changes the relay's rate for a pair that lives" changed relay_download_rate off

# ---- waiting costs nothing ----

# Some may not be there yet.
most_wait() {
	weir_dump
	[ "$(records flow direction=upload limited_by=relay | wc -l)" -ge 450 ]
}

many() {
	local before
	target -n 500 recv-all fin
	file "relay_upload_rate = 1M"
	weir_start -c relay.ini "$@"
	needs_pairs 500
	client -n 500 deadline 3600 send 48K fin expect-fin
	wait_for "450 flows that wait" most_wait
	before=$(weir_ticks)
	sleep 3
	expect_at_most "ticks in three seconds" $((TICKS_MAX)) "$(($(weir_ticks) - before))"
	most_wait || fail "they did not wait for three seconds"
	let_through
}
# They read a thousand times a second.
TICKS_MAX=$([ "$SANITIZED" = yes ] && echo 60 || echo 15)
scenario "500 that share a rate hardly cost anything while they wait" many
finish
