#!/bin/bash
# What SIGUSR1 shows.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"

# The keys of the first record of a kind, in order.
keys_of() {
	records "$1" | head -n 1 | tr ' ' '\n' | sed -n 's/=.*//p' | tr '\n' ' '
}

expect_contract() {
	expect_equal "keys of weir" "version pid time uptime_ms workers pairs used memory_max takeovers takeover_failures " "$(keys_of weir)"
	expect_equal "keys of relay" \
		"name pairs accepted refused connect_failed upload_bytes download_bytes pauses paused_ms shortages denied state upload_queued download_queued upload_longest download_longest upload_high download_high upload_low download_low waited_client_ms waited_target_ms slow_client slow_target slow_relay " \
		"$(keys_of relay)"
	expect_equal "keys of target" \
		"relay target address backup state weight pairs connects failures last_error since_ms checks check_failures " \
		"$(keys_of target)"
	expect_equal "keys of pair" "id relay worker state client target age_ms idle_ms via slow why since_ms last_from waited_client waited_target " \
		"$(keys_of pair)"
	expect_equal "keys of flow" \
		"${1}direction queued peak high low reading pauses paused_ms longest_pause_ms bytes source_queue sink_queue limited_by unanswered_ms paused lag_ms rtt_us rwnd retrans " \
		"$(keys_of flow)"
	expect_equal "keys of end" "pairs " "$(keys_of end)"
}

# Three pairs that a byte has crossed each way, held until the file "out".
three_pairs() {
	target -n 3 recv 10 send 20 await out fin expect-fin
	weir_start -l 127.0.0.1:0 -T "$TARGET" "$@"
	client -n 3 send 10 recv 20 touch in await out fin expect-fin
	wait_for "three clients to be in" test -e in
}

expect_three_pairs() {
	has weir pid="$WEIR_PID" pairs=3
	has relay pairs=3 accepted=3 refused=0 connect_failed=0 upload_bytes=30 download_bytes=60
	has target relay=command-line target="$TARGET" address="$TARGET" backup=no state=up weight=1 pairs=3 \
		connects=3 failures=0 last_error=- checks=0 check_failures=0
	count 3 pair state=open relay=command-line target="$TARGET"
	count 3 flow direction=upload bytes=10 reading=on limited_by=none queued=0
	count 3 flow direction=download bytes=20 reading=on limited_by=none queued=0
	has end pairs=3
}

as_text() {
	three_pairs
	weir_dump
	expect_contract "pair "
	expect_three_pairs || fail "not the three pairs"
	value time weir | grep -Eqx '[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z' || fail "the form of the time"
	expect_equal "mode of the file" 640 "$(stat -c %a dump)"
	touch out
}
beside "text" as_text

json_dump() {
	rm -f dump dump.json
	kill -USR1 "$WEIR_PID"
	wait_for "a dump" test -e dump
	mv dump dump.json
	"$JSONRECORDS" dump.json >dump || fail "no JSON"
	dump_check dump
}

json_shows() {
	json_dump
	"$@"
}

as_json() {
	[ -x "$JSONRECORDS" ] || skip "jsonrecords is not built"
	three_pairs -o dump_format=json
	json_dump
	expect_three_pairs || fail "not the three pairs"
	expect_equal "keys of pair" "id relay worker state client target age_ms idle_ms via slow why since_ms last_from waited_client waited_target " \
		"$(keys_of pair)"
	touch out
	peers_end
	wait_for "no pairs" json_shows has weir pairs=0
	weir_expect_quiet
	weir_stop
}
beside "JSON" as_json

# What the kernel says about a unix socket is not bytes; they wait here until the file "out".
of_unix_sockets() {
	[ -x "$JSONRECORDS" ] || skip "jsonrecords is not built"
	peer target listen "unix:$PWD/t" port-file target.port accept await out recv 10 expect-fin fin
	wait_for "the target to listen" test -e target.port
	weir_start -l "unix:$PWD/l" -T "unix:$PWD/t" -o dump_format="$1"
	RELAY=unix:$PWD/l
	client send 10 fin expect-fin
	wait_for "the bytes in the dump" "$2" has flow direction=upload bytes=10 source_queue=0 sink_queue=-
	has flow direction=download sink_queue=- || fail "the client's side is a number"
	touch out
	peers_end
	wait_for "no pairs" "$2" has weir pairs=0
	weir_stop
}
beside "unix sockets have no sink_queue" of_unix_sockets text dump_shows
beside "unix sockets have no sink_queue, JSON" of_unix_sockets json json_shows

to_log() {
	target -s echo
	weir_relay -o dump_file=-
	client mirror send 10 recv 10 touch in await out fin expect-fin
	wait_for "the client to be in" test -e in
	kill -USR1 "$WEIR_PID"
	wait_log ' notice end pairs=1'
	grep -o ' notice \(weir\|relay\|target\|pair\|flow\|end\) [a-z]*=.*' weir.log | sed 's/^ notice //' >dump
	dump_check dump
	expect_contract "pair "
	touch out
	peers_end
	weir_stop
}
beside "to the log" to_log

# lib.sh's own dump_file comes first, so the one of the case counts.
to_nowhere() {
	target -s echo
	mkdir -p no/such/folder
	weir_relay -o dump_file="$PWD/no/such/folder/dump"
	rmdir no/such/folder
	kill -USR1 "$WEIR_PID"
	wait_log 'no/such/folder'
	client mirror duplex 10K 10K fin expect-fin
	peers_end
	EXPECT_LOG='no/such/folder'
	weir_stop
}
beside "to a file that cannot be written: said, and nothing else happens" to_nowhere

# Signals come faster than dumps can be made; they may not add up, nor hold up the bytes.
storm() {
	local i
	target -s echo
	weir_relay -o workers=2 "$@"
	client -n 20 mirror duplex $((64 / SCALE))M $((64 / SCALE))M fin expect-fin
	for ((i = 0; i < 3000; i++)); do
		kill -USR1 "$WEIR_PID"
	done
	peer_end client
}
beside "a storm of signals under load" storm

storm_json() {
	[ -x "$JSONRECORDS" ] || skip "jsonrecords is not built"
	storm -o dump_format=json
	wait_for "no pairs" json_shows has weir pairs=0
	weir_stop
}
beside "a storm of signals under load, JSON" storm_json

storm_to_log() {
	storm -o dump_file=-
	wait_log ' notice end pairs='
	weir_stop
}
beside "a storm of signals under load, to the log" storm_to_log

# Three dumps of 3,000 pairs. Each takes 440 bytes a pair while it is made, and a few buffers. All of it goes
# back, also after the first: the allocator likes to keep what was freed once.
memory_goes_back() {
	local before take=$1
	shift
	EXPECT_LOG='over 500 clients a second' # while the target is late, as on a busy machine
	[ "$SANITIZED" = no ] || skip "sanitizers keep what is freed"
	target -s -i echo
	weir_relay -o log_connections=off "$@"
	needs_pairs 3000
	client -n 3000 mirror send 10 recv 10 touch in await out fin expect-fin
	wait_for "3,000 clients to be in" test -e in
	before=$(weir_rss)
	for _ in 1 2 3; do
		echo 5 >"/proc/$WEIR_PID/clear_refs" # the peak is that from now on: proc(5)
		$take
		expect_at_most "the peak" $((before + 3000 * 440 / 1024 + 512)) "$(weir_peak)"
		wait_for "memory as before" weir_rss_at_most $((before + 512))
	done
	touch out
	peers_end
	weir_stop
}
file_dump() {
	rm -f dump
	kill -USR1 "$WEIR_PID"
	wait_for "a dump" test -e dump
}
log_dump() {
	log_ends=$((log_ends + 1))
	kill -USR1 "$WEIR_PID"
	wait_for "the end of a dump in the log" log_has_ends "$log_ends"
}
log_ends=0
log_has_ends() {
	[ "$(grep -c '"end":{"pairs"' weir.log)" -ge "$1" ]
}
beside "what a dump takes goes back" memory_goes_back file_dump
beside "what a dump takes goes back, JSON" memory_goes_back file_dump -o dump_format=json
beside "what a dump takes goes back, JSON to the log" memory_goes_back log_dump -o dump_format=json -o dump_file=-

# A dump of many pairs while they are coming and going is still whole.
while_pairs_come_and_go() {
	local i
	target -s -i echo
	WEIR_NOFILE=8000 weir_relay -o workers=3
	client -n 1500 -j 1500 mirror duplex 2000 2000 expect-open 100 fin expect-fin
	for ((i = 0; i < 20; i++)); do
		weir_dump
	done
	peer_end client
}
beside "while pairs come and go" while_pairs_come_and_go

finish
