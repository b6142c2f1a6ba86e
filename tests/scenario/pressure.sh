#!/bin/bash
# Slow and stopped readers: the sender waits, memory stays bounded, no pair starves.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"

# The kernel's buffers small, so that weir's own queue is what counts.
SMALL_BUFFERS=(-o client_rcvbuf=16K -o client_sndbuf=16K -o target_rcvbuf=16K -o target_sndbuf=16K)

stopped_target() {
	target rcvbuf 8K await go recv-all fin
	weir_relay
	client fill 500 touch filled await go fin expect-fin
	wait_for "the client to be held back" test -e filled
	dump_until has flow direction=upload reading=paused limited_by=target
	has flow direction=download reading=on queued=0 limited_by=none
	expect_at_least "pauses" 1 "$(value pauses flow direction=upload)"
	expect_at_least "sink_queue" 1 "$(value sink_queue flow direction=upload)"
	expect_at_least "source_queue" 1 "$(value source_queue flow direction=upload)"
	weir_expect_quiet
	touch go
	peers_end
	expect_equal "bytes that arrived" "$(peer_total sent client)" "$(peer_total received target)"
	wait_closed reason=eof dropped=0
}
beside "a target that stops reading holds the client back" stopped_target

stopped_client() {
	target fill 500 touch filled await go fin expect-fin
	weir_relay
	client rcvbuf 8K await go recv-all fin
	wait_for "the target to be held back" test -e filled
	dump_until has flow direction=download reading=paused limited_by=client
	has flow direction=upload reading=on queued=0 limited_by=none
	expect_at_least "pauses" 1 "$(value pauses flow direction=download)"
	weir_expect_quiet
	touch go
	peers_end
	expect_equal "bytes that arrived" "$(peer_total sent target)" "$(peer_total received client)"
	wait_closed reason=eof dropped=0
}
beside "a client that stops reading holds the target back" stopped_client

slow_download() {
	target send 4M fin expect-fin
	weir_relay "${SMALL_BUFFERS[@]}" -o high_watermark=64K -o low_watermark=16K
	client rcvbuf 8K recv-slow 4M 4M expect-fin fin
	peers_end
	wait_closed reason=eof ended_first=target
	expect_at_least "pauses" 3 "$(closed_line | sed 's/.* download_pauses=\([0-9]*\) .*/\1/')"
}
beside "a slow client" slow_download

# The clients take some, so that their windows grow, and then stop.
bounded_sinks() {
	local name held id
	target -n 3 fill 500 touch filled await go fin expect-fin
	cat >relay.ini <<-END
		[defaults]
		client_sndbuf = 8K
		[relay spliced]
		listen = 127.0.0.1:0
		target = $TARGET
		[relay copied]
		listen = 127.0.0.1:0
		target = $TARGET
		splice = off
		[relay unix]
		listen = unix:$PWD/socket
		target = $TARGET
	END
	weir_start -c relay.ini
	for name in spliced copied unix; do
		RELAY=$(listening_on $name)
		client_as $name deadline 60 recv 1M touch $name.read await go recv-all fin
	done
	wait_for "the targets to be held back" test -e filled
	for name in spliced copied unix; do test -e $name.read || fail "$name has not read"; done
	dump_until count 3 flow direction=download reading=paused limited_by=client
	for name in spliced copied unix; do
		id=$(value id pair relay=$name)
		held=$(value sink_queue flow pair="$id" direction=download)
		# Of a unix socket the dump does not say it. Whatever was written and not read is there.
		[ $name != unix ] || held=$(($(value bytes flow pair="$id" direction=download) - 1024 * 1024))
		expect_at_least "what is in the kernel for $name" 1 "$held"
		expect_at_most "what is in the kernel for $name" 8192 "$held"
	done
	weir_expect_quiet
	touch go
	peers_end
	expect_equal "bytes that arrived" "$(peer_total sent target)" \
		$(($(peer_total received spliced) + $(peer_total received copied) + $(peer_total received unix)))
}
beside "a set send buffer bounds what is in the kernel" bounded_sinks

# A stopped direction does not touch the other.
other_direction() {
	target rcvbuf 8K await filled send 3M fin await go recv-all
	weir_relay
	client fill 300 touch filled recv 3M expect-fin touch go fin
}
beside "while one direction is stopped the other runs" other_direction

# Some relay's 500 targets have stopped reading and have taken all the memory there is for them.
many_stopped() {
	local newcomer idle_kib
	target -n 500 rcvbuf 4K deadline 60 await go recv-all
	newcomer=$TARGET
	target_as echo -s echo
	cat >relay.ini <<-END
		[global]
		memory_max = $1
		[defaults]
		client_rcvbuf = 16K
		target_sndbuf = 16K
		[relay stopped]
		listen = 127.0.0.1:0
		target = $newcomer
		[relay newcomer]
		listen = 127.0.0.1:0
		target = $TARGET
	END
	weir_start -c relay.ini "${@:2}"
	idle_kib=$(weir_rss)
	RELAY=$(listening_on stopped)
	needs_pairs 501
	client -n 500 sndbuf 8K deadline 60 fill 300 touch filled await go fin
	wait_for "all clients to be held back" test -e filled
	weir_dump
	has weir pairs=500
	RELAY=$(listening_on newcomer)
	client_as newcomer deadline 5 mirror send 10 recv 10 duplex 300K 300K fin expect-fin
	peer_end newcomer
	dump_until has weir pairs=500
	weir_expect_quiet
	if [ $SANITIZED = no ]; then
		# 500 pairs, each with a bufferevent, cost 2.5 KiB each; records of descriptors come on top.
		expect_at_most "KiB grown" $((${1%M} * 1024 * 11 / 10 + 500 * 4 + 1024)) $(($(weir_rss) - idle_kib))
	fi
	touch go
	peer_end client
	peer_end target
	expect_equal "bytes that arrived" "$(peer_total sent client)" "$(peer_total received target)"
}
scenario "500 stopped readers under a memory_max of 4M, a newcomer is served" many_stopped 4M
scenario "500 stopped readers on four workers under a memory_max of 1M, a newcomer is served" many_stopped 1M -o workers=4

dribble() {
	local idle_kib queued used
	target rcvbuf 4K await go recv 400000 expect-fin
	weir_relay "${SMALL_BUFFERS[@]}"
	idle_kib=$(weir_rss)
	client dribble 400000 0 fin
	peer_end client
	# Everything is with weir or with the kernel behind it.
	dump_until has flow direction=upload reading=ended
	queued=$(value queued flow direction=upload)
	used=$(value used weir)
	# How much the kernel takes of what comes byte by byte depends on the moment.
	expect_at_least "bytes queued" 100000 "$queued"
	expect_at_most "bytes used for them" $((queued * 3 / 2 + 16384)) "$used"
	if [ $SANITIZED = no ]; then
		expect_at_most "KiB grown" 4096 $(($(weir_rss) - idle_kib))
	fi
	touch go
}
beside "a dribble into a stopped reader costs its payload, not a thousand times that" dribble

neighbours() {
	target -s echo
	weir_relay -o workers=1
	client_as bulk -n 2 mirror duplex $((512 / SCALE))M $((512 / SCALE))M fin expect-fin
	# shellcheck disable=SC2046 # words
	client_as small deadline 10 mirror $(for _ in {1..100}; do echo send 10 recv 10; done) fin expect-fin
}
beside "small questions are answered beside bulk transfers on one worker" neighbours

finish
