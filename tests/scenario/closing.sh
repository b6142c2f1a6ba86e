#!/bin/bash
# Ends and resets: nothing lost, nothing forged.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"

# --- end of stream ---

client_ends_first() {
	target recv 10K expect-fin expect-open 1200 send 10K fin
	weir_relay
	client send 10K fin recv 10K expect-fin
	wait_closed reason=eof ended_first=client upload_bytes=10240 download_bytes=10240
}
beside "the client ends, the answer comes a second later" client_ends_first

target_ends_first() {
	target send 10K fin recv 10K expect-fin
	weir_relay
	client recv 10K expect-fin expect-open 1200 send 10K fin
	wait_closed reason=eof ended_first=target
}
beside "the target ends, the client goes on a second later" target_ends_first

half_closed_state() {
	target expect-fin await go fin
	weir_relay
	client fin expect-fin
	dump_until has pair state=half_closed
	has flow direction=upload reading=ended
	has flow direction=download reading=on
	touch go
}
beside "half-closed, as the dump shows" half_closed_state

both_end_at_once() {
	target -n 50 fin expect-fin
	weir_relay
	client -n 50 fin expect-fin
}
beside "both end at once without a byte" both_end_at_once

client_closes_after_data() {
	target recv 1M expect-fin close
	weir_relay
	client send 1M close
}
beside "the client sends and closes" client_closes_after_data

# A reader that pauses until the queue is full and the end comes after it.
end_behind_full_queue_up() {
	target rcvbuf 8K await go recv 32M expect-fin fin
	weir_relay
	client send 32M fin touch sent expect-fin
	dump_until has flow direction=upload reading=paused
	touch go
	peers_end
	wait_closed reason=eof upload_bytes=33554432 dropped=0
}
beside "the client's end behind a full queue" end_behind_full_queue_up

end_behind_full_queue_down() {
	target send 32M fin expect-fin
	weir_relay
	client rcvbuf 8K await go recv 32M expect-fin fin
	dump_until has flow direction=download reading=paused
	touch go
	peers_end
	wait_closed reason=eof download_bytes=33554432 dropped=0
}
beside "the target's end behind a full queue" end_behind_full_queue_down

end_behind_slow_reader() {
	target recv-slow 4M 4M expect-fin send-text thanks fin
	weir_relay -o high_watermark=64K -o low_watermark=32K -o client_rcvbuf=64K -o target_sndbuf=64K
	client send 4M fin recv-text thanks expect-fin
}
beside "the client's end behind a slow reader" end_behind_slow_reader

# --- resets ---

client_resets() {
	target recv 1M expect-rst
	weir_relay
	client send 1M wait-acked rst
	wait_closed reason=client_reset ended_first=client upload_bytes=1048576
}
beside "the client resets: what it sent arrives, then a reset" client_resets

target_resets() {
	target send 1M wait-acked rst
	weir_relay
	client recv 1M expect-rst
	wait_closed reason=target_reset ended_first=target download_bytes=1048576
}
beside "the target resets: what it sent arrives, then a reset" target_resets

client_resets_in_full_flow() {
	target recv-until-end
	weir_relay
	client send 40M rst
	peers_end
	grep -q end=rst target.out || fail "the target saw no reset: $(<target.out)"
	wait_closed reason=client_reset
}
beside "the client resets in full flow" client_resets_in_full_flow

target_resets_in_full_flow() {
	target send 40M rst
	weir_relay
	client recv-until-end
	peers_end
	grep -q end=rst client.out || fail "the client saw no reset: $(<client.out)"
	wait_closed reason=target_reset
}
beside "the target resets in full flow" target_resets_in_full_flow

target_resets_while_reading() {
	target recv 5M rst
	weir_relay
	client -i send 400M expect-rst
	wait_closed reason=target_reset
	peers_end
	grep -q end=rst client.out || grep -q 'reset\|Broken pipe' client.err || fail "the client saw no reset"
}
beside "the target resets under a running upload" target_resets_while_reading

# The reader that rests is reset: the other side must hear of it although nothing can be written.
sink_resets_while_paused() {
	target rcvbuf 8K await go rst
	weir_relay
	client fill 300 touch filled expect-rst
	wait_for "the client to be held back" test -e filled
	dump_until has flow direction=upload reading=paused
	weir_expect_quiet
	touch go
	peers_end
	wait_closed reason=target_reset ended_first=target
}
beside "a target that rests resets" sink_resets_while_paused

client_sink_resets_while_paused() {
	target fill 300 touch filled expect-rst
	weir_relay
	client rcvbuf 8K await go rst
	wait_for "the target to be held back" test -e filled
	dump_until has flow direction=download reading=paused
	weir_expect_quiet
	touch go
	peers_end
	wait_closed reason=client_reset ended_first=client
}
beside "a client that rests resets" client_sink_resets_while_paused

# Nothing is read from the source and nothing can be written to the sink, so only watching helps.
paused_source_resets() {
	local began
	target rcvbuf 8K await go recv-until-end
	weir_relay
	client fill 300 touch filled await reset rst
	wait_for "the client to be held back" test -e filled
	dump_until has flow direction=upload reading=paused
	touch reset
	peer_end client
	began=$(now_ms)
	dump_until has pair state=closing
	expect_at_most "ms until the reset was noticed" $((PATIENCE_S * 1000 / 5)) $(($(now_ms) - began))
	weir_expect_quiet
	has pair || fail "what was queued has been given up"
	touch go
	peers_end
	grep -q end=rst target.out || fail "the target saw no reset: $(<target.out)"
	wait_closed reason=client_reset dropped=0
	expect_equal "bytes relayed" "$(closed_line | sed 's/.* upload_bytes=\([0-9]*\) .*/\1/')" \
		"$(peer_total received target)"
}
beside "a paused client resets: noticed, and what it sent still arrives, then a reset" paused_source_resets

paused_target_resets() {
	target fill 300 touch filled await reset rst
	weir_relay
	client rcvbuf 8K await go recv-until-end
	wait_for "the target to be held back" test -e filled
	dump_until has flow direction=download reading=paused
	touch reset
	peer_end target
	dump_until has pair state=closing
	weir_expect_quiet
	touch go
	peers_end
	grep -q end=rst client.out || fail "the client saw no reset: $(<client.out)"
	wait_closed reason=target_reset dropped=0
}
beside "a paused target resets: noticed, and what it sent still arrives, then a reset" paused_target_resets

# An answer that comes before the question is through, and then a reset: the answer arrives whole.
early_answer() {
	target rcvbuf 8K await filled send 300K wait-acked rst
	weir_relay
	client fill 300 touch filled recv 300K expect-rst
	wait_closed reason=target_reset ended_first=target download_bytes=307200
}
beside "an early answer, then a reset: it arrives whole, then a reset" early_answer

early_answer_slow_reader() {
	target rcvbuf 8K await filled send 300K wait-acked rst
	weir_relay -o client_sndbuf=8K
	client rcvbuf 8K fill 300 touch filled recv-slow 300K 300K expect-rst
	wait_closed reason=target_reset download_bytes=307200
}
beside "an early answer, then a reset, to a slow reader" early_answer_slow_reader

half_closed_target_resets() {
	target expect-fin rst
	weir_relay
	client fin expect-rst
	wait_closed reason=target_reset
}
beside "the target resets after the client's end" half_closed_target_resets

half_closed_client_resets() {
	target fin expect-rst
	weir_relay
	client expect-fin rst
	wait_closed reason=client_reset
}
beside "the client resets after the target's end" half_closed_client_resets

# Reading has ended and nothing is to be written: again only watching helps.
reset_behind_own_end() {
	target expect-fin expect-rst
	weir_relay
	client fin await ended rst
	dump_until has pair state=half_closed
	touch ended
	wait_closed reason=client_reset
}
beside "the client resets after its own end" reset_behind_own_end

reset_before_connected() {
	peer target silent 127.0.0.1:0 port-file target.port await over
	target_port target
	weir_relay
	client send 1K await connecting rst
	dump_until has pair state=connecting
	count 2 flow reading=waiting
	touch connecting
	wait_closed reason=client_reset
	touch over
}
beside "the client resets while the target is being connected" reset_before_connected

# --- clients that are faster than the target ---

client_speaks_first() {
	peer target silent 127.0.0.1:0 port-file target.port await go loud accept recv 100K expect-fin send 10 fin
	target_port target
	weir_relay -o connect_timeout=20s
	client send 100K fin recv 10 expect-fin
	dump_until has pair state=connecting
	touch go
}
beside "the client has sent and ended before the target is connected" client_speaks_first

client_closes_first() {
	peer target silent 127.0.0.1:0 port-file target.port await go loud accept recv 100K expect-fin
	target_port target
	weir_relay -o connect_timeout=20s
	client send 100K close
	dump_until has pair state=connecting
	peer_end client
	touch go
}
beside "the client has sent and closed before the target is connected" client_closes_first

# --- on_reset = close ---

reset_as_end() {
	target recv 1K expect-fin
	weir_relay -o on_reset=close
	client send 1K wait-acked rst
}
beside "on_reset = close passes a reset on as an end" reset_as_end

resets_before_it_has_read() {
	target recv-text x expect-fin send 600K fin
	weir_relay
	client rcvbuf 4K send-text x fin await there rst
	dump_until has pair state=closing
	touch there
	wait_closed reason=client_reset ended_first=client
}
beside "the client resets before it has read what was sent last" resets_before_it_has_read

many_resets() {
	target -s -i recv-until-end
	weir_relay
	client -n 300 -j 300 send 20K rst
	peer_end client
	dump_until has weir pairs=0
	wait_log 'reason=client_reset'
}
scenario "300 clients reset" many_resets

# When a peer sends into a shut window, its acknowledgement of the answer may go unheard.
answer_to_a_sender() {
	target recv 10 send "$1" wait-acked rst
	weir_relay -o client_sndbuf="$2" -o client_rcvbuf=64K
	client rcvbuf 8K send 10 await go send 4M recv "$1" expect-rst
	dump_until has pair state=closing
	touch go
	peers_end
	wait_closed reason=target_reset download_bytes="$(numfmt --from=iec "$1")"
}
beside "a target resets: who is being answered may send on meanwhile" answer_to_a_sender 300K 2M
beside "the same with the answer still queued" answer_to_a_sender 900K 64K

finish
