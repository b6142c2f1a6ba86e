#!/bin/bash
# Networks as they are: slow, lossy, narrow, out of order, gone for seconds, gone for good.
#
# Each case has its own network namespace. Link 2 of a wire (wire.c) joins client and relay, link 3
# joins relay and target, and link 4 leads to a second target.
# shellcheck source=../scenario/lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"

WIRE=${WIRE:-$PWD/tests/world/wire}
WIRE_MADE='ip link set lo up && ip tuntap add dev w0 mode tun'
namespaces "$WIRE_MADE" "unshare -rn" ||
	{ echo "1..0 # SKIP no network namespace with a TUN device of one's own"; exit 0; }
[ -z "$THIS_CASE" ] || eval "$WIRE_MADE"

# wire_up [MTU [large]]
wire_up() {
	ip link set w0 mtu "${1:-1500}"
	ip addr replace 10.9.0.1/24 dev w0
	ip link set w0 up
	mkfifo orders
	"$WIRE" w0 orders ${2:+"$2"} 2>wire.err &
	WIRE_PID=$!
}

# link N KEY VALUE
link() {
	echo "$*" >orders
}

# both KEY VALUE: on both ways of a pair.
both() {
	link 2 "$@"
	link 3 "$@"
}

# target and client of lib.sh, at the ends of the wire.
far_target() {
	peer_with target "listen 10.9.0.1:0 port-file target.port accept" "$@"
	target_port target
	TARGET=10.9.0.3:${TARGET##*:}
}

far_relay() {
	weir_start -l 10.9.0.1:0 -T "$TARGET" "$@"
	RELAY=10.9.0.2:${RELAY##*:}
}

SIZE=$((1024 * 1024 / (SCALE > 4 ? 4 : SCALE)))

# The wire itself: what is measured over it, here and in bench/, is as far away as it says.
HONEST=${HONEST:-$PWD/tests/world/honest}
delay_is_kept() {
	local line
	wire_up 1500 "$@"
	link 3 delay 50
	far_target -s echo
	line=$("$HONEST" established "$TARGET" 1000) || fail "no answer over the wire"
	line=${line#*p50 }
	expect_at_least "a round trip in us" 100000 "${line%% *}"
	expect_at_most "a round trip in us" 140000 "${line%% *}"
}
beside "a link takes as long as it was told" delay_is_kept
beside "a link that carries large segments takes as long as it was told" delay_is_kept large

resent() {
	awk '/^Tcp:/ { n = $13 } END { print n }' /proc/net/snmp
}

# Only what was lost is sent again, not what is late because the wire did not get to run.
patient_tcp() {
	echo 0 >/proc/sys/net/ipv4/tcp_early_retrans
	ip route replace 10.9.0.0/24 dev w0 src 10.9.0.1 rto_min 5s
}

# A queue with room for all of it loses nothing; both ways at once take as long as one.
rate_is_kept() {
	local begin
	wire_up 1500 "$@"
	link 3 rate 1024
	link 3 queue 2048
	far_target deadline 60 duplex 1M 1M expect-fin fin
	patient_tcp
	watch_lateness "$WIRE_PID"
	begin=$(now_ms)
	peer_with client "connect $TARGET" deadline 60 duplex 1M 1M fin expect-fin
	peers_end
	begin=$(($(now_ms) - begin))
	expect_at_least "milliseconds for 1 MiB" 980 $begin
	expect_at_most "milliseconds for 1 MiB" $((1900 + $(lateness))) $begin
	expect_equal "segments sent again" 0 "$(resent)"
}
beside "a link carries as much as it was told, each way" rate_is_kept
beside "a link of large segments carries as much as it was told" rate_is_kept large

queue_is_full() {
	wire_up
	link 3 rate 1024
	link 3 queue 16
	far_target deadline 60 recv 256K expect-fin fin
	peer_with client "connect $TARGET" deadline 60 send 256K fin expect-fin
	peers_end
	expect_at_least "segments sent again" 1 "$(resent)"
}
beside "what finds no room in a link's queue is lost" queue_is_full

large_segments() {
	wire_up 1500 large
	both delay 5
	far_target -n 8 deadline 60 duplex $((8 * SIZE)) $((8 * SIZE)) expect-fin fin
	far_relay
	client -n 8 deadline 60 duplex $((8 * SIZE)) $((8 * SIZE)) fin expect-fin
	peers_end
	expect_at_least "bytes of a packet" 1501 "$(awk '$1 == "w0:" { print int($2 / $3) }' /proc/net/dev)"
}
beside "a link that carries large segments loses nothing" large_segments

# Judges a dump each time that it is asked.
ended_pairs() {
	weir_dump
	[ "$(grep -c ' closed pair=' weir.log)" -eq "$1" ]
}

transfers() {
	far_target -n 8 deadline 60 duplex $SIZE $SIZE expect-fin fin
	far_relay -o client_sndbuf=64K -o target_sndbuf=64K -o high_watermark=64K -o low_watermark=16K
	client -n 8 deadline 60 duplex $SIZE $SIZE fin expect-fin
	PATIENCE_S=60 wait_for "the end of 8 pairs" ended_pairs 8 # as long as the peers have patience
	peers_end
	wait_for "pairs that ended well" log_counts 8 'reason=eof'
}

over_bad_links() {
	local order
	wire_up "$1"
	shift
	for order in "$@"; do
		# shellcheck disable=SC2086 # words
		both $order
	done
	transfers
}
beside "delay and jitter" over_bad_links 1500 "delay 15" "jitter 10"
beside "loss of 3 %" over_bad_links 1500 "delay 2" "loss 3"
beside "30 % of the packets out of order" over_bad_links 1500 "delay 3" "late 30"
beside "an MTU of 296" over_bad_links 296 "delay 1"
beside "all of it together" over_bad_links 576 "delay 5" "jitter 5" "late 10" "loss 1"

# Small pieces that come in while earlier ones are on the way: the kernel alone would take all of them.
long_path() {
	local sink most=0
	wire_up
	link 2 delay 50
	peer_with target "listen 127.0.0.1:0 port-file target.port accept" pieces 4K send $((SIZE / 2)) expect-fin fin
	target_port target
	far_relay -o client_sndbuf=16K
	client deadline 60 recv $((SIZE / 2)) fin expect-fin
	until closed_has reason=eof; do
		weir_dump
		sink=$(value sink_queue flow direction=download)
		most=$((${sink:-0} > most ? ${sink:-0} : most))
	done
	peers_end
	expect_at_least "sink_queue" 4096 $most
	expect_at_most "sink_queue" 16384 $most
}
beside "a set send buffer bounds what is on a long path" long_path

# TERM finds clients in every state of a handshake that takes 200 ms. Whoever is let in is served.
stopped_in_handshakes() {
	wire_up
	link 2 delay 100
	far_target -s echo
	far_relay
	client -i -n 600 -j 3000 mirror send 10 recv 10 fin expect-fin
	stop_amid_clients 50
}
beside "TERM in the middle of handshakes: each client is served or refused" stopped_in_handshakes

away_for_seconds() {
	wire_up
	both delay 2
	far_target deadline 60 recv $SIZE touch half recv $((3 * SIZE)) expect-fin fin
	far_relay
	client deadline 60 send $((4 * SIZE)) fin expect-fin
	wait_for "half of it" test -e half
	link "$1" down 1
	sleep 2.5 # that long it is away: this is what is tested
	weir_expect_quiet
	link "$1" down 0
	peers_end
	wait_closed reason=eof
}
beside "the client's link goes away for seconds" away_for_seconds 2
beside "the target's link goes away for seconds" away_for_seconds 3

# A peer beyond a link that is down sees nothing, so its script ends with what it knows.
target_vanishes() {
	wire_up
	far_target recv 1000 touch there await over
	# Longer than the client takes to fill what is in front of the stall.
	far_relay -o stall_timeout=4s -o target_sndbuf=16K -o high_watermark=16K -o low_watermark=8K
	client send 1000 await gone fill 500 expect-rst
	wait_for "the first bytes" test -e there
	link 3 down 1
	touch gone
	wait_closed reason=stall_timeout ended_first=relay
	peer_end client
	touch over
}
beside "the target vanishes under load: stall_timeout, the client is reset" target_vanishes

# The end of the stream is lost, and so is all that is sent again. Only bytes are waited for.
end_is_lost() {
	wire_up
	far_target recv-text x expect-fin send 1000 await down fin
	far_relay
	client send-text x fin recv 1000 touch read await over
	wait_for "the answer" test -e read
	dump_until has flow direction=download bytes=1000 sink_queue=0
	link 2 down 1
	touch down
	wait_closed reason=eof
	touch over
}
beside "an end of stream that is not acknowledged keeps no pair" end_is_lost

# weir has no pair any more when its end to the client is lost. It is the kernel that sends it again.
end_is_sent_again() {
	wire_up
	far_target send 1000 expect-fin touch ended await down fin
	far_relay
	client recv 1000 fin await up expect-fin
	wait_for "the client's end" test -e ended
	link 2 down 1
	touch down
	wait_closed reason=eof
	link 2 down 0
	touch up
	peers_end
}
beside "the last end of stream is lost and sent again" end_is_sent_again

idle_client_vanishes() {
	wire_up
	far_target recv 1000 touch there expect-rst
	far_relay -o idle_timeout=1500ms
	client send 1000 await over
	wait_for "the first bytes" test -e there
	link 2 down 1
	wait_closed reason=idle_timeout
	peer_end target
	touch over
}
beside "an idle client vanishes: idle_timeout, the target is reset" idle_client_vanishes

half_closed_target_vanishes() {
	wire_up
	far_target recv-text x expect-fin touch there await over
	far_relay -o half_close_timeout=1500ms
	client send-text x fin expect-rst
	wait_for "the client's end" test -e there
	link 3 down 1
	wait_closed reason=half_close_timeout ended_first=client
	peer_end client
	touch over
}
beside "the target vanishes after the client's end: half_close_timeout" half_closed_target_vanishes

# What the client has sent can be acknowledged by nobody: that wait is bounded too.
reset_while_target_is_gone() {
	wire_up
	far_target recv 1000 touch there await over
	far_relay -o half_close_timeout=1500ms
	client send 1000 await gone send 1000 wait-acked rst
	wait_for "the first bytes" test -e there
	link 3 down 1
	touch gone
	peer_end client
	wait_closed ended_first=client
	touch over
}
beside "a client resets, the target is gone: given up after half_close_timeout" reset_while_target_is_gone

# far NAME LINK [SETTING...]: adds relay NAME to relay.ini; it leads by the link to peer target_NAME.
far() {
	{
		echo "[relay $1]"
		echo "listen = 10.9.0.1:0"
		echo "target = 10.9.0.$2:$(<"target_$1.port")"
		printf '%s\n' "${@:3}"
	} >>relay.ini
}

far_target_as() {
	peer_with "target_$1" "listen 10.9.0.1:0 port-file target_$1.port accept" "${@:2}"
	target_port "target_$1"
}

# far_client_as NAME LINK WORD...
far_client_as() {
	local at
	at=$(listening_on "$1")
	peer_with "client_$1" "connect 10.9.0.$2:${at##*:}" "${@:3}"
}

vanished_pairs() {
	[ "$(grep -c ' reason=vanished' weir.log)" -eq "$1" ]
}

# Two flows are unanswered for a part of the second until they end. Where two dumps are as far apart as that,
# both may be missed: nobody has looked then.
long_unanswered() {
	local before=$looked
	looked=$(now_ms)
	if [ $((looked - before)) -gt $longest_gap ]; then longest_gap=$((looked - before)); fi
	weir_dump
	value unanswered_ms flow limited_by=none sink_queue=35 | awk '$1 > 300 { n++ } END { exit n != 2 }' ||
		{ [ $longest_gap -gt 600 ] && vanished_pairs 7; }
}

since_gone() {
	[ $(($(now_ms) - GONE)) -ge "$1" ]
}

# All ways to owe an answer, side by side: what a peer was sent is not acknowledged, be it the last bytes ever
# (sent, answer), or ever more of them (drip), or the end (fin, late); or its window is shut and probes are
# lost (up, down), or it is the end of a pair that has failed (reset). Keepalive probes find two that owe
# nothing: one that has ended its stream (mute), one that is not being read (held). Meanwhile two readers rest
# behind shut windows.
vanish_timeout_ends_them() {
	local name number=0 longest_gap looked keepalive=("keepalive_idle = 1s" "keepalive_interval = 1s" "keepalive_count = 1")
	local small=(-o client_rcvbuf=16K -o client_sndbuf=16K -o target_rcvbuf=16K -o target_sndbuf=16K)
	wire_up
	far_target_as sent recv 10 touch sent.there await over
	far_target_as answer recv 10 touch answer.there await gone send 35 expect-rst
	far_target_as drip recv 10 touch drip.there await over
	far_target_as fin recv 10 touch fin.there await over
	far_target_as up rcvbuf 8K await over
	far_target_as down sndbuf 16K fill 200 touch down.there expect-rst
	far_target_as reset recv 10 touch reset.there await over
	far_target_as late recv 10 touch late.there await over
	far_target_as mute recv 10 expect-fin touch mute.there expect-rst
	far_target_as held rcvbuf 8K await rested recv-until-end
	far_target_as rest_up rcvbuf 8K await rested recv 256K expect-fin fin
	far_target_as rest_down send 256K fin expect-fin
	for name in sent answer drip fin up down reset rest_up rest_down; do
		number=$((number + 1))
		far $name $((100 + number))
	done
	far mute 110 "${keepalive[@]}"
	far held 111 "${keepalive[@]}"
	far late 112 "on_reset = close"
	weir_start -c relay.ini -o vanish_timeout=1s -o high_watermark=16K -o low_watermark=8K "${small[@]}"
	far_client_as sent 11 send 10 await gone send 35 expect-rst
	far_client_as answer 12 send 10 await over
	far_client_as drip 13 -i send 10 await gone dribble 500 50
	far_client_as fin 14 send 10 await gone fin expect-rst
	far_client_as up 15 sndbuf 16K fill 200 touch up.there expect-rst
	far_client_as down 16 rcvbuf 8K await over
	far_client_as reset 17 send 10 await gone send 1000 wait-acked rst
	far_client_as late 22 send 10 await gone rst
	far_client_as mute 20 send 10 fin await over
	far_client_as held 21 sndbuf 16K fill 200 touch held.there await over
	far_client_as rest_up 18 send 256K fin expect-fin
	far_client_as rest_down 19 rcvbuf 8K await rested recv 256K expect-fin fin
	for name in sent answer drip fin up down reset mute held late; do
		wait_for "pair $name" test -e $name.there
	done
	for number in 101 12 103 104 105 16 107 20 21 112; do
		link $number down 1
	done
	GONE=$(now_ms)
	touch gone
	longest_gap=0 looked=$GONE
	wait_for "two flows unanswered in the dump" long_unanswered
	wait_for "the end of seven pairs" vanished_pairs 7
	expect_at_least "milliseconds until all had vanished" 1000 $(($(now_ms) - GONE))
	wait_closed relay=sent ended_first=target upload_bytes=45 reason=vanished
	wait_closed relay=answer ended_first=client download_bytes=35 reason=vanished
	wait_closed relay=drip ended_first=target reason=vanished
	wait_closed relay=fin ended_first=client upload_bytes=10 reason=vanished
	wait_closed relay=up ended_first=target reason=vanished
	wait_closed relay=down ended_first=client reason=vanished
	wait_closed relay=reset ended_first=client reason=client_reset
	wait_closed relay=late ended_first=client reason=client_reset
	wait_closed relay=mute ended_first=client reason=vanished
	dump_until has pair relay=held state=closing
	wait_for "five times the timeout" since_gone 5000
	touch rested
	wait_closed relay=held ended_first=client dropped=0 reason=vanished
	wait_closed relay=rest_up upload_bytes=262144 reason=eof
	wait_closed relay=rest_down download_bytes=262144 reason=eof
	touch over
}
beside "peers that vanish owing an answer: vanish_timeout; readers that rest live" vanish_timeout_ends_them

connect_to_nobody() {
	wire_up
	TARGET=10.9.0.3:9
	link 3 down 1
	link 4 down 1
	far_relay -T 10.9.0.4:9 -o connect_timeout=500ms -o connect_attempts=2
	client expect-rst
	wait_closed reason=connect_timeout
	expect_at_least "duration_ms" 950 "$(closed_line reason=connect_timeout | tr ' ' '\n' | sed -n 's/^duration_ms=//p')"
}
EXPECT_LOG="no target could be connected: Connection timed out\|is down: Connection timed out"
beside "two target addresses that were never there: connect_timeout for each" connect_to_nobody

the_other_address() {
	wire_up
	far_target -s mirror echo
	link 3 down 1
	far_relay -T "10.9.0.4:${TARGET##*:}" -o connect_timeout=400ms
	client -n 4 mirror send 1000 recv 1000 fin expect-fin
	peer_end client
	wait_for "pairs with the other address" log_counts 4 'target=10.9.0.4:.* reason=eof'
}

beside "one of two target addresses vanishes: the other one serves" the_other_address

# A reset must not overtake what goes before it, however long that takes. The reset itself may be lost, and
# nobody sends it twice. So the client asks for it, byte by byte, until it fails to send because it has it.
answer_then_reset() {
	wire_up
	link 2 delay 10
	link 2 loss 5
	far_target -n 4 send $((SIZE / 2)) wait-acked rst
	far_relay
	client -i -n 4 deadline 60 recv $((SIZE / 2)) dribble 1000 50 expect-end
	peer_end target
	peer_end client
	expect_equal "bytes received" $((4 * SIZE / 2)) "$(peer_total received client)"
	if grep 'deadline' client.err; then fail "no reset (above)"; fi
}
beside "an answer arrives whole before the reset, over a lossy link" answer_then_reset

# The relay listens before the address is there, and takes clients as soon as it is.
address_comes_late() {
	target -s echo
	weir_launch -l "$1:0" -T "$TARGET"
	weir_expect_status 1
	log_has "cannot listen on .*:0: Cannot assign requested address" || fail "another reason"
	weir_start -l "$1:0" -T "$TARGET" -o workers=4 -o free_bind=on
	if "$RAWPEER" connect "$RELAY" 2>/dev/null >&2; then fail "the address is there already"; fi
	ip addr add "${1//[][]/}" dev lo ${2:+"$2"}
	client -n 20 mirror duplex 10K 10K fin expect-fin
	peer_end client
	ip addr del "${1//[][]/}" dev lo
	EXPECT_LOG='Cannot assign requested address'
}
beside "free_bind: an IPv4 address that comes late" address_comes_late 192.0.2.7
beside "free_bind: an IPv6 address that comes late" address_comes_late '[2001:db8::7]' nodad

# Clients that end first leave the relay's connections to the target in TIME_WAIT, for a minute. There are far
# fewer ports than connections, and most of them are for other programs. The clients come by a unix socket,
# which needs no port.
many_to_one_target() {
	local range=/proc/sys/net/ipv4/ip_local_port_range batch first
	wire_up
	patient_tcp # what comes twice may be answered by a reset, which ends TIME_WAIT
	far_target -s recv 10 expect-fin fin
	first=$TARGET
	echo "40000 40199" >$range
	echo 40005-40006 >/proc/sys/net/ipv4/ip_local_reserved_ports
	peer holder -s listen 0.0.0.0:40001 port-file listening accept
	peer other_holder -s listen 10.9.0.1:40003 port-file holding accept
	wait_for "two ports to be taken" test -e listening -a -e holding
	weir_start -l "unix:$PWD/socket" -T "$first" -o "workers=$1"
	RELAY=unix:$PWD/socket
	for batch in {1..20}; do
		client_as "c$batch" -n 50 send 10 fin expect-fin
		peer_end "c$batch"
	done
	weir_dump
	has relay connect_failed=0 shortages=0 accepted=1000 || fail "a connection failed or had to wait"
	ss -Htan state time-wait dst "$first" | sed 's/.*10\.9\.0\.1:\([0-9]*\) .*/\1/' | sort -u >ports
	expect_equal "ports of other programs" "" "$(awk '$1 % 2 == 0 || $1 <= 40005' ports | head -n 3)"
	expect_at_most "ports" 75 "$(wc -l <ports)"
	expect_at_least "ports" 70 "$(wc -l <ports)"
	peer same -n 40 connect "$first" send 10 fin expect-fin
	peer other -n 40 connect "10.9.0.4:${first##*:}" send 10 fin expect-fin
	peer_end same
	peer_end other
	echo "32768 60999" >$range
	echo "" >/proc/sys/net/ipv4/ip_local_reserved_ports
}
STRANGERS=yes # some reach the target without weir
beside "many connections to one target: ports suffice, others have theirs" many_to_one_target 1
beside "many connections to one target, with four workers" many_to_one_target 4

finish
