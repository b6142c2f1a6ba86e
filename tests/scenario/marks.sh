#!/bin/bash
# The watermarks mean what they say, whatever form the queue has: copied, spliced or both.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"

# Small buffers towards the sinks, so that weir's own queue is what counts, and memory enough that only the
# marks do.
COMMON='
[global]
memory_max = 1G
[defaults]
client_sndbuf = 16K
target_sndbuf = 16K
'
highs=(65536 1048576 4194304)
[ $SANITIZED = yes ] || highs+=(16777216)

HIGHS=${highs[*]}

# name_relays DIRECTION...: each with each high and low watermark. Sets RELAYS to their names,
# DIRECTION-HIGH-LOW.
name_relays() {
	local direction high low
	RELAYS=()
	for direction; do
		for high in $HIGHS; do
			for low in 0 $((high / 2)) $((high - 1)); do RELAYS+=("$direction-$high-$low"); done
		done
	done
}

declare -A TARGETS # the target of each relay

# start_relays SPLICE: all in RELAYS, to their TARGETS.
start_relays() {
	local name high low
	{
		printf '%ssplice = %s\n' "$COMMON" "$1"
		for name in "${RELAYS[@]}"; do
			IFS=- read -r _ high low <<<"$name"
			printf '[relay %s]\nlisten = 127.0.0.1:0\ntarget = %s\nhigh_watermark = %s\nlow_watermark = %s\n' \
				"$name" "${TARGETS[$name]}" "$high" "$low"
		done
	} >relay.ini
	weir_start -c relay.ini
}

# Several times the distance of the marks, and not too much for the large ones.
total_of() {
	echo $(($1 * 2 + 8 * 1024 * 1024))
}

# start_peers SIDE SINK-WORDS SOURCE-WORDS: the client or the target of each relay. In the words NAME stands
# for the name of the relay, BURST for a byte less than high, MORE for more than all queues on the way take,
# TOTAL for total_of high and RATE for that in 2 seconds.
start_peers() {
	local name direction high words total
	for name in "${RELAYS[@]}"; do
		IFS=- read -r direction high _ <<<"$name"
		case $1-$direction in
		client-upload | target-download) words=$3 ;;
		*) words=$2 ;;
		esac
		total=$(total_of "$high")
		words=${words//NAME/$name}
		words=${words//BURST/$((high - 1))}
		words=${words//MORE/$((high + 512 * 1024))}
		words=${words//TOTAL/$total}
		words=${words//RATE/$((total / 2))}
		[ "$1" = target ] || RELAY=$(listening_on "$name")
		# shellcheck disable=SC2086 # words
		"$1_as" "$name-$1" $words
		TARGETS[$name]=$TARGET
	done
}

# run_relays SPLICE SINK-WORDS SOURCE-WORDS
run_relays() {
	start_peers target "$2" "$3"
	start_relays "$1"
	start_peers client "$2" "$3"
}

# flows_hold EXPRESSION [some]: of awk, over the queued, peak, high, low, unread, unacknowledged, pauses and
# paused (0 or 1) of every flow that its relay is named after. Flows for which it is false are listed in the
# file "wrong". some: some flows may have gone.
flows_hold() {
	awk -v relays=${#RELAYS[@]} '
	function get(key, i) {
		for (i = 2; i <= NF; i++)
			if (index($i, key "=") == 1)
				return substr($i, length(key) + 2)
	}
	$1 == "pair" { relay = get("relay") }
	$1 == "flow" && index(relay, get("direction")) == 1 {
		flows++
		queued = get("queued") + 0; peak = get("peak") + 0
		high = get("high") + 0; low = get("low") + 0
		pauses = get("pauses") + 0; paused = get("reading") == "paused"
		unread = get("source_queue") + 0; unacknowledged = get("sink_queue") + 0
		if (!('"$1"')) { print relay ": " $0; bad = 1 }
	}
	END { exit bad || (flows != relays && "'"${2:-all}"'" == "all") }' dump >wrong
}

expect_flows() {
	flows_hold "$@" || { cat wrong; fail "not of every flow: $1"; }
}

# all_have SUFFIX: the files that the clients touch.
all_have() {
	local name
	for name in "${RELAYS[@]}"; do [ -e "$name.$1" ] || return 1; done
}

is_at_rest() {
	flows_hold 'paused && peak == high' && [ "$(value sink_queue flow)" = "$SINK_QUEUES" ]
}

# Nothing moves any more: between two dumps no sink's kernel has taken anything.
came_to_rest() {
	SINK_QUEUES=$(value sink_queue flow 2>/dev/null)
	weir_dump
	is_at_rest
}

# A sink that reads nothing: the queue grows to the high watermark, and is paused there and not before: its
# only pause began at its peak. What has left the queue since then lies in our socket, unacknowledged, or in
# the sink's receive buffer, which Linux makes twice as large as asked for.
stopped() {
	name_relays "${@:2}"
	run_relays "$1" 'rcvbuf 8K await go recv-all fin' "$PIECES send MORE fin expect-fin"
	wait_for "every queue to reach high" came_to_rest
	expect_flows 'queued >= high - unacknowledged - 16384'
	expect_flows 'low == high - 1 || pauses == 1'
	weir_expect_quiet
	touch go
}

# A burst that ends a byte below the high watermark does not pause its source, however little the sink takes
# of it.
burst() {
	name_relays upload download
	run_relays "$1" 'rcvbuf 8K await go recv-all fin' "$PIECES send BURST touch NAME.sent wait-acked await go fin expect-fin"
	wait_for "the bursts to be sent" all_have sent
	dump_until flows_hold 'unread == 0'
	expect_flows 'pauses == 0'
	touch go
}

# A sink that is slower than its source: from one pause to the next it takes what lies between the marks. It
# may take more while the source is read again: that is SLACK, and on a busy machine what it takes in the time
# that was lost.
SLACK=$((128 * 1024))
slow() {
	name_relays upload download
	watch_lateness
	# Half a gigabyte, byte by byte compared: on a busy machine that takes its time.
	run_relays "$1" 'rcvbuf 8K deadline 240 recv-slow TOTAL RATE expect-fin touch NAME.ended fin' \
		'deadline 240 send TOTAL fin expect-fin'
	until all_have ended; do
		weir_dump
		expect_flows '(!paused || queued > low) && (queued < high || paused)' some
	done
	peers_end
	for name in "${RELAYS[@]}"; do expect_pauses "$name"; done
}

expect_pauses() {
	local direction high low line pauses total lost least=1
	IFS=- read -r direction high low <<<"$1"
	wait_closed relay="$1"
	total=$(total_of "$high")
	line=$(closed_line relay="$1")
	pauses=$(sed "s/.* ${direction}_pauses=\([0-9]*\) .*/\1/" <<<"$line")
	lost=$(($(lateness) * total / 2000)) # at RATE
	if [ "$high" -ge 1048576 ]; then least=$(((total - high - SLACK - lost) / (high - low + SLACK))); fi
	if [ $least -lt 1 ]; then least=1; fi
	expect_at_most "the pauses of $1" $((1 + (total - high) / (high - low))) "$pauses"
	expect_at_least "the pauses of $1" $least "$pauses"
	expect_equal "the peak of $1" "$high" "$(sed "s/.* ${direction}_peak=\([0-9]*\) .*/\1/" <<<"$line")"
}

for splice in auto off; do
	PIECES=
	beside "stopped sinks, splice $splice: paused at high" stopped $splice upload download
	beside "a burst below high is never paused, splice $splice" burst $splice
	scenario "slow sinks, splice $splice: read on at low" slow $splice
	PIECES='pieces 1K'
	beside "stopped sinks, splice $splice: paused at high, in pieces of 1 KiB" stopped $splice upload download
	beside "a burst of small pieces below high is never paused, splice $splice" burst $splice
	PIECES='pieces 64'
	HIGHS='65536 1048576'
	beside "stopped sinks, splice $splice: paused at high, in pieces of 64 bytes" stopped $splice upload download
	PIECES='pieces 64 send 16K pieces 256K send 768K pieces 64 send 16K pieces 256K'
	HIGHS='1048576 4194304'
	beside "stopped sinks, splice $splice: paused at high, in small and large pieces by turns" stopped $splice upload download
	HIGHS=${highs[*]}
done

finish
