#!/bin/bash
# With connect_on = data, a target is connected with the client's first byte.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"
# shellcheck source=reload_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/reload_lib.sh"
# shellcheck source=targets_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/targets_lib.sh"

# start ARG...: a relay to TARGET that connects on data, whose connects are counted, with all close lines.
start() {
	section command-line 127.0.0.1:0 "connect_on = data" >relay.ini
	start_counted -o log_level=debug "$@"
}

# The first bytes, whole or few, and what follows.
served() {
	target -s echo
	start "$@"
	client -n 20 mirror touch in await go pieces 1 send 3 pieces 64K send 1M recv 1048579 fin expect-fin
	wait_for "clients to be in" test -e in
	dump_until count 20 pair state=waiting target=-
	expect_equal "connects before the first byte" 0 "$(wc -l <connects)"
	has target pairs=0 connects=0 || fail "a silent client counts for the target"
	touch go
	peer_end client
	wait_for "20 close lines" log_counts 20 " upload_bytes=1048579 download_bytes=1048579 .* reason=eof "
	expect_equal "connects" 20 "$(wc -l <connects)"
}
beside "clients that begin later" served
beside "clients that begin later, four workers, copied" served -o workers=4 -o splice=off

# A byte and the end of the stream are a question, which gets its answer.
question() {
	target recv 1 expect-fin send 1M fin
	start
	client send 1 fin recv 1M expect-fin
	peers_end
	wait_closed upload_bytes=1 download_bytes=1048576 reason=eof ended_first=client
}
beside "a byte and an end" question

# Port scanners and health checks: the target hears nothing of them, and the log neither.
scanned() {
	target -s recv-until-end
	start -o workers="$1"
	client_as ended -n 100 fin expect-end
	client_as reset -n 100 rst
	client_as closed -n 100 close
	peer_end ended
	peer_end reset
	peer_end closed
	wait_for "300 close lines" log_counts 300 ' debug closed pair=.* target=- '
	expect_at_least "that ended" 200 "$(grep -c 'reason=no_data' weir.log)"
	expect_equal "close lines above debug" 0 "$(grep -c ' info closed pair=' weir.log)"
	expect_equal "connects" 0 "$(wc -l <connects)"
	weir_dump
	has relay accepted=300 refused=0 connect_failed=0 || fail "they count as something else"
}
beside "port scanners and health checks are no business of the target" scanned 1
beside "port scanners, four workers" scanned 4

idle() {
	target -s recv-until-end
	start -o idle_timeout=500ms
	client expect-rst
	peer_end client
	wait_log ' debug closed pair=.* ended_first=relay reason=idle_timeout attempts=0$'
	expect_equal "connects" 0 "$(wc -l <connects)"
}
beside "a client that stays silent ends by idle_timeout" idle

# They cost nothing, however many there are, and may all begin at once.
many() {
	local count=1000
	[ "$SANITIZED" = no ] || count=200
	target -s echo
	start -o workers="$1" -o idle_timeout=1h
	needs_pairs "$count"
	client -n "$count" deadline 60 mirror touch in await go send 1000 recv 1000 fin expect-fin
	wait_for "silent clients to be in" test -e in
	dump_until count "$count" pair state=waiting
	[ "$SANITIZED" = yes ] || weir_expect_quiet
	touch go
	peer_end client
}
scenario "1,000 silent clients cost nothing, and begin all at once" many 1
scenario "the same with four workers" many 4

# The time that a client may be held begins with its first byte.
held() {
	EXPECT_LOG='no target could be connected\|is down\|are down'
	peer port refuse "127.0.0.1:$(own_port)" port-file port.port await go
	target_port port
	start -o retry_time=10s -o fail_limit=0
	client_as one mirror touch in await begin send 1000 recv 1000 fin expect-fin
	wait_for "a client to be in" test -e in
	touch begin
	dump_until has pair state=connecting
	touch go
	peer_end port
	peer back listen "$TARGET" accept echo
	peer_end one
	wait_closed reason=eof
}
beside "a client that begins while the target is down is held" held

# It holds a place, and whoever comes has to wait for it.
places() {
	EXPECT_LOG='max_connections .* reached'
	target -s echo
	start -o global.max_connections=2
	client_as silent -n 2 mirror touch in await go send 1000 recv 1000 fin expect-fin
	wait_for "silent clients to be in" test -e in
	dump_until count 2 pair state=waiting
	client_as late mirror send 1000 recv 1000 fin expect-fin
	wait_log 'max_connections .* reached'
	touch go
	peer_end late
}
beside "silent clients count for max_connections" places

# Something may be on its way from a silent client, so it has the same time as others.
draining() {
	EXPECT_LOG='still there after drain_timeout'
	target -s echo
	start -o drain_timeout="$1"
	client_as begins mirror touch in await go send 1000 recv 1000 fin expect-fin
	client_as silent expect-rst
	wait_for "a client to be in" test -e in
	dump_until count 2 pair state=waiting
	kill -TERM "$WEIR_PID"
	wait_log 'no new clients; 2 pairs'
	touch go
	peer_end begins
	wait_closed reason=eof
	peer_end silent
	weir_expect_status 0
	wait_log ' debug closed pair=.* reason=shutdown '
}
beside "a client that begins while weir drains is served" draining 2s

# What holds when a client comes in holds for it.
reloaded() {
	target -s echo
	section one 127.0.0.1:0 "connect_on = data" | install
	weir_start -c relay.ini
	client_as before mirror touch before.in await go send 1000 recv 1000 fin expect-fin
	wait_for "a client to be in" test -e before.in
	dump_until has pair state=waiting
	section one 127.0.0.1:0 "connect_on = accept" | install
	reload
	client_as after mirror touch after.in await go send 1000 recv 1000 fin expect-fin
	dump_until has pair state=open
	has pair state=waiting || fail "the client from before is not as it was"
	touch go
	peer_end before
	peer_end after
}
beside "a reload is for clients that come after it" reloaded

finish
