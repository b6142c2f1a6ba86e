#!/bin/bash
# Clients that begin with a PROXY header.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"
# shellcheck source=reload_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/reload_lib.sh"

# Headers, as printf writes them. Those with a client say that it is 10.1.2.3:4711.
SIGNATURE='\r\n\r\n\0\r\nQUIT\n'
INET='\x0a\x01\x02\x03\x0a\x09\x08\x07\x12\x67\0\x50'
V1='PROXY TCP4 10.1.2.3 10.9.8.7 4711 80\r\n'
V2="$SIGNATURE\\x21\\x11\\0\\x0c$INET"
TLV="$SIGNATURE\\x21\\x11\\0\\x13$INET\\x04\\0\\x04abcd"
LOCAL="$SIGNATURE\\x20\\0\\0\\0"
UNKNOWN='PROXY UNKNOWN\r\n'

# header FORMAT: into the file that clients send.
header() {
	# shellcheck disable=SC2059 # it is a format
	printf "$1" >header
}

# And in two parts.
split_header() {
	header "$1"
	head -c 20 header >part
	tail -c +21 header >rest
}

# Served by weir with a header: whole, in pieces, with what follows in the same segment or not.
served() {
	local args=("${@:3}") pieces
	target -s echo
	weir_relay -o accept_proxy=127.0.0.0/8 "${args[@]}"
	header "$1"
	for pieces in 1 7 4K; do
		client_as "in$pieces" -n 20 mirror pieces $pieces send-proxy header pieces 4K send 300K \
			recv 300K fin expect-fin
	done
	for pieces in 1 7 4K; do peer_end "in$pieces"; done
	wait_for "60 close lines" log_counts 60 " reason=eof "
	expect_equal "clients as the log tells them" "$2" "$(
		sed -n "s/.* client=\([^ ]*\) .* reason=eof .*/\1/p" weir.log | sed 's/^127.0.0.1:.*/real/' | sort -u
	)"
	expect_equal "lines with via" "$([ "$2" = real ] && echo 0 || echo 60)" \
		"$(grep -c ' via=127.0.0.1:[0-9]*$' weir.log)"
}
beside "version 1" served "$V1" 10.1.2.3:4711
beside "version 2, four workers" served "$V2" 10.1.2.3:4711 -o workers=4
beside "version 2 with more in it, copied" served "$TLV" 10.1.2.3:4711 -o splice=off
beside "LOCAL means the real address" served "$LOCAL" real -o workers=4 -o splice=off
beside "UNKNOWN means the real address" served "$UNKNOWN" real

# The target ends first, resets, and takes its time: as ever.
bulk() {
	target recv 16M send 16M fin expect-fin
	weir_relay -o accept_proxy=127.0.0.1 -o splice="$1"
	header "$V2"
	client send-proxy header send 16M recv 16M expect-fin fin
	peers_end
	wait_closed client=10.1.2.3:4711 reason=eof upload_bytes=16777216 download_bytes=16777216
}
beside "16M up, then down after a header" bulk auto
beside "16M up, then down after a header, copied" bulk off

# A client that has sent all and ended, or reset, before weir even looked.
ends_early() {
	target recv-all fin
	target_as other recv-until-end close
	header "$V1"
	weir_start -l 127.0.0.1:0 -T 127.0.0.1:"$(<target.port)" -o accept_proxy=127.0.0.1
	client send-proxy header send 1000 fin expect-fin
	peer_end target
	peer_end client
	wait_closed reason=eof upload_bytes=1000
	weir_stop
	weir_start -l 127.0.0.1:0 -T 127.0.0.1:"$(<other.port)" -o accept_proxy=127.0.0.1
	client send-proxy header send 1000 wait-acked rst
	peers_end
	wait_closed reason=client_reset client=10.1.2.3:4711
}
beside "a client that ends or resets right after its header" ends_early

# What is no header, and what makes it so.
bad() {
	local words=() formats=() n
	target -s recv-until-end
	weir_relay -o accept_proxy=127.0.0.1 "$@"
	while read -r word format; do
		words+=("$word")
		formats+=("$format")
	done <<-END
		no_PROXY_header GET / HTTP/1.0\r\n\r\n
		no_PROXY_header \x16\x03\x01\x02\0\x01
		no_PROXY_header PROXYTCP4
		unknown_protocol PROXY UDP4 10.1.2.3 10.9.8.7 4711 80\r\n
		wrong_source_address PROXY TCP4 10.1.2 10.9.8.7 4711 80\r\n
		wrong_source_address PROXY TCP4 2001:db8::1 2001:db8::2 4711 80\r\n
		wrong_source_port PROXY TCP4 10.1.2.3 10.9.8.7 04711 80\r\n
		not_two_addresses_and_two_ports PROXY TCP4 10.1.2.3 10.9.8.7 4711\r\n
		a_line_feed_without_a_carriage_return PROXY TCP4 10.1.2.3 10.9.8.7 4711 80\n
		no_end_of_the_line PROXY UNKNOWN $(printf '%0100d' 0)
		unknown_version $SIGNATURE\x31\x11\0\x0c
		unknown_command $SIGNATURE\x22\x11\0\x0c
		datagrams $SIGNATURE\x21\x12\0\x0c
		too_short_for_its_addresses $SIGNATURE\x21\x11\0\x0b
		too_long $SIGNATURE\x21\x11\xff\xff
		a_TLV_runs_over_the_end $SIGNATURE\x21\x11\0\x13$INET\x04\0\x05abcd
		wrong_checksum $SIGNATURE\x21\x11\0\x13$INET\x03\0\x04abcd
	END
	for n in "${!words[@]}"; do
		header "${formats[n]}"
		mv header "header$n"
		client_as "bad$n" send-proxy "header$n" expect-rst
	done
	for n in "${!words[@]}"; do peer_end "bad$n"; done
	wait_for "all close lines" log_counts ${#words[@]} " reason=bad_proxy_header "
	expect_equal "what was wrong" "$(printf '%s\n' "${words[@]}" | sort)" \
		"$(sed -n 's/.* target=- .* reason=bad_proxy_header attempts=0 header=//p' weir.log | sort)"
	weir_dump
	has relay accepted=${#words[@]} upload_bytes=0 connect_failed=0 || fail "something was relayed"
	expect_equal "connections of the target" "" "$(cat target.out)"
}
beside "headers that are wrong: reset, and the target is left alone" bad
beside "headers that are wrong, four workers, byte by byte where they have to be" bad -o workers=4

# Whoever waits costs nothing, and is served when the rest has come.
waiting() {
	local count=600
	target -s echo
	weir_relay -o accept_proxy=127.0.0.1 -o proxy_header_timeout=2m -o log_level=debug -o workers="$1"
	needs_pairs $((2 * count + 10))
	split_header "$V2"
	client_as part -n "$count" mirror send-proxy part wait-acked touch part.in await go send-proxy rest send 1000 \
		recv 1000 fin expect-fin
	client_as silent -n "$count" touch silent.in await go rst
	wait_for "clients to be in" test -e part.in -a -e silent.in
	dump_until count $((2 * count)) pair state=waiting target=- via=-
	[ "$SANITIZED" = yes ] || weir_expect_quiet
	touch go
	peers_end
	wait_for "$count close lines" log_counts "$count" " client=10.1.2.3:4711 .* reason=eof "
	expect_equal "close lines" "$count" "$(grep -c ' info closed pair=' weir.log)"
}
scenario "1,200 clients that do not get on cost nothing" waiting 1
scenario "the same with four workers" waiting 4

# Who has said nothing is no line of the log.
late() {
	target -s echo
	weir_relay -o accept_proxy=127.0.0.1 -o proxy_header_timeout=300ms -o log_level=debug -o workers="$1"
	split_header "$V1"
	client_as part -n 20 send-proxy part expect-rst
	client_as silent -n 20 expect-rst
	peers_end
	wait_for "20 close lines" log_counts 20 " info closed pair=.* header=late$"
	wait_for "20 that are no line without debug" log_counts 20 " debug closed pair=.* header=late$"
}
beside "a header that is late" late 1
beside "a header that is late, four workers" late 4

# They hold a place like any other pair, and give it back.
places() {
	EXPECT_LOG='max_connections .* reached'
	target -s echo
	weir_relay -o accept_proxy=127.0.0.1 -o proxy_header_timeout=1s -o log_level=debug -o global.max_connections=2
	header "$V1"
	client_as silent -n 2 touch silent.in expect-rst
	wait_for "silent clients to be in" test -e silent.in
	dump_until count 2 pair state=waiting
	client_as honest mirror send-proxy header send 100K recv 100K fin expect-fin
	wait_log 'max_connections .* reached'
	peers_end
}
beside "clients that wait count for max_connections" places

others() {
	target -s echo
	weir_start -l 127.0.0.1:0 -l "[::1]:0" -l "unix:$PWD/socket" -T "$TARGET" -o accept_proxy=::1 \
		-o accept_proxy=unix
	header "$V1"
	client_as plain mirror send 1000 recv 1000 fin expect-fin
	peer six connect "$(listening_on command-line 2)" mirror send-proxy header send 1000 recv 1000 fin expect-fin
	peer path connect "unix:$PWD/socket" mirror send-proxy header send 1000 recv 1000 fin expect-fin
	peer_end plain
	peer_end six
	peer_end path
	wait_for "three close lines" log_counts 3 " reason=eof "
	wait_log ' client=127.0.0.1:.* reason=eof attempts=1$'
	wait_log ' client=10.1.2.3:4711 .* via=\[::1\]:[0-9]*$'
	wait_log ' client=10.1.2.3:4711 .* via=unix:$'
}
beside "clients of other networks are served as they are" others

# A client that waits while weir drains is served; at the end of drain_timeout it is reset.
draining() {
	EXPECT_LOG='still there after drain_timeout'
	target -s echo
	weir_relay -o accept_proxy=127.0.0.1 -o drain_timeout="$1"
	split_header "$V1"
	client_as slow mirror send-proxy part wait-acked touch in await go send-proxy rest send 1000 recv 1000 fin \
		expect-fin
	client_as silent send-proxy part wait-acked expect-rst
	wait_for "a client to be in" test -e in
	dump_until count 2 pair state=waiting
	kill -TERM "$WEIR_PID"
	wait_log 'no new clients; 2 pairs'
	touch go
	peer_end slow
	wait_closed client=10.1.2.3:4711 reason=eof
	peer_end silent
	weir_expect_status 0
	wait_closed reason="$2"
}
beside "draining waits for a header" draining 30s bad_proxy_header
beside "draining ends clients that wait" draining 2s shutdown

# Whether a header is expected is decided when a client comes in.
reloaded() {
	target -s echo
	section one 127.0.0.1:0 "accept_proxy = 127.0.0.1" | install
	weir_start -c relay.ini
	header "$V1"
	client_as before mirror touch in await go send-proxy header send 1000 recv 1000 fin expect-fin
	wait_for "a client to be in" test -e in
	dump_until has pair state=waiting
	section one 127.0.0.1:0 "accept_proxy = 10.0.0.0/8" | install
	reload
	client_as after mirror send 1000 recv 1000 fin expect-fin
	peer_end after
	touch go
	peer_end before
	wait_closed client=10.1.2.3:4711 reason=eof
}
beside "a reload is for clients that come after it" reloaded

# All by one header are one client for the balance and for the limit.
judged() {
	EXPECT_LOG='over'
	target_as one -s recv-until-end
	local one=$TARGET
	target_as two -s recv-until-end
	weir_start -l 127.0.0.1:0 -T "$one" -T "$TARGET" -o accept_proxy=127.0.0.1 -o balance=source \
		-o max_connections_per_source=20
	header "$V1"
	client -n 25 -i send-proxy header await out rst
	wait_for "five that are over the limit" log_counts 5 " client=10.1.2.3:4711 .* reason=over_limit "
	dump_until count 20 pair state=open client=10.1.2.3:4711
	expect_equal "targets of one client" 1 "$(value target pair | sort -u | wc -l)"
	touch out
	peer_end client
}
beside "balance and the limit of an origin go by the header" judged

finish
