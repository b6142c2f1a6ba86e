#!/bin/bash
# Targets that are told who the client is, by the PROXY protocol.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"
# shellcheck source=reload_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/reload_lib.sh"

EXPECT_LOG='no target could be connected\|is down: '

# expect_told VERSION: one header for each close line, which tells of its client, and no other.
expect_told() {
	sed -n "s/.* closed pair=.* client=\([^ ]*\) .*/$1 \1 $RELAY/p" weir.log | sort >wanted
	sort told | diff wanted - || fail "the targets were told something else (above)"
}

# The target speaks first, and what the client has sent is there before the target is.
comes_first() {
	target -n 40 send 10 recv-proxy told recv 100K send 100K expect-fin fin
	weir_relay -o send_proxy="$1" "${@:2}"
	client -n 40 send 100K recv 10 recv 100K fin expect-fin
	peers_end
	wait_for "40 close lines" log_counts 40 'reason=eof'
	expect_equal "bytes of uploads" "upload_bytes=$((100 * 1024))" \
		"$(sed -n 's/.* closed pair=.* \(upload_bytes=[0-9]*\) .*/\1/p' weir.log | sort -u)"
	expect_told "$1"
}
beside "v1: the header comes first, and in one piece" comes_first v1
beside "v2" comes_first v2
beside "v2, copied, four workers" comes_first v2 -o splice=off -o workers=4
beside "v1, four workers" comes_first v1 -o workers=4

bulk() {
	target recv-proxy told recv 64M expect-fin fin
	weir_relay -o send_proxy=v2 -o target_sndbuf="$1" -o splice="$2"
	client send 64M fin expect-fin
	peers_end
	wait_closed reason=eof upload_bytes=67108864
	expect_told v2
}
beside "a large upload after it" bulk auto auto
beside "a large upload after it, with little in the kernel" bulk 8K auto
beside "the same, copied" bulk 8K off

# The bound holds from the first byte on.
bounded() {
	target await go recv-proxy told recv 1M expect-fin fin
	weir_relay -o send_proxy=v2 -o target_sndbuf=16K -o client_rcvbuf=16K -o high_watermark=64K
	client send 1M fin expect-fin
	dump_until has flow direction=upload reading=paused
	expect_at_most "bytes in the kernel for the target" 16384 "$(value sink_queue flow direction=upload)"
	touch go
	peers_end
	wait_closed reason=eof upload_bytes=1048576
	expect_told v2
}
beside "target_sndbuf bounds what is sent after it" bounded

nothing_else() {
	target recv-proxy told expect-fin fin
	weir_relay -o send_proxy=v1
	client fin expect-fin
	peers_end
	wait_closed reason=eof upload_bytes=0 download_bytes=0
	expect_told v1
}
beside "a client that sends nothing" nothing_else

ipv6() {
	local entrance
	target -n 2 recv-proxy told expect-fin fin
	weir_relay -l '[::1]:0' -o send_proxy=v1
	entrance=$(listening_on command-line 2)
	client_as four fin expect-fin
	RELAY=$entrance client_as six fin expect-fin
	peers_end
	wait_for "two close lines" log_counts 2 'reason=eof'
	sed -n "s/.* client=\(127[^ ]*\) .*/v1 \1 $RELAY/p; s/.* client=\(\[[^ ]*\) .*/v1 \1 $entrance/p" weir.log | sort >wanted
	sort told | diff wanted - || fail "the targets were told something else (above)"
}
beside "an IPv6 client and an IPv4 target" ipv6

# An IPv4 client of an entrance at [::] has an address of IPv6 there.
both_families() {
	target recv-proxy told expect-fin fin
	weir_start -l '*:0' -T "$TARGET" -o send_proxy=v1
	RELAY=127.0.0.1:${RELAY##*:}
	client fin expect-fin
	peers_end
	wait_closed reason=eof
	expect_told v1
}
beside "an IPv4 client at an entrance for both families" both_families

unix_client() {
	target -n 2 recv-proxy told expect-fin fin
	weir_start -l "unix:$PWD/l" -T "$TARGET" -o send_proxy="$1"
	client -n 2 fin expect-fin
	peers_end
	wait_for "two close lines" log_counts 2 'reason=eof'
	expect_equal "what the target was told" "$1 - -" "$(sort -u told)"
}
beside "a client of a unix socket is UNKNOWN in v1" unix_client v1
beside "and LOCAL in v2" unix_client v2

unix_target() {
	peer target listen "unix:$PWD/t" port-file target.port accept recv-proxy told recv 1M expect-fin fin
	target_port target
	weir_start -l 127.0.0.1:0 -T "unix:$PWD/t" -o send_proxy=v2
	client send 1M fin expect-fin
	peers_end
	wait_closed reason=eof upload_bytes=1048576
	expect_told v2
}
beside "a target at a unix socket" unix_target

# be_held FIRST [OPTION...]: a client that begins with FIRST is held until its target is there.
be_held() {
	peer nobody refuse "127.0.0.1:$(own_port)" port-file nobody.port await over
	target_port nobody
	weir_relay -o send_proxy=v2 -o retry_time=30s "${@:2}"
	client ${1:+send-text "$1"} send 10 fin expect-fin
	dump_until has pair state=connecting
	touch over
	peer_end nobody
	peer target listen "$TARGET" accept recv-proxy told recv 10 expect-fin fin
	peers_end
	wait_closed reason=eof upload_bytes=10
}

# It is told as any other then.
held() {
	be_held ""
	expect_told v2
}
beside "a client that was held" held

# It is connected only when the kernel tries again, after a second.
late() {
	peer target silent 127.0.0.1:0 port-file target.port await go loud accept recv-proxy told recv 10 expect-fin fin
	target_port target
	weir_relay -o send_proxy=v2
	client send 10 fin expect-fin
	dump_until has pair state=connecting
	touch go
	peers_end
	wait_closed reason=eof upload_bytes=10
	expect_told v2
}
beside "a target that answers late" late

next_one() {
	local first
	peer nobody refuse 127.0.0.1:0 port-file nobody.port await over
	target_port nobody
	first=$TARGET
	target -n 4 recv-proxy told expect-fin fin
	weir_start -l 127.0.0.1:0 -T "$first" -T "$TARGET" -o send_proxy=v1
	client -n 4 fin expect-fin
	peer_end client
	wait_for "four close lines" log_counts 4 'reason=eof'
	touch over
	expect_told v1
}
beside "the first target refuses, the next is told" next_one

# A check has no client. The target sees the header before the reset.
checked() {
	local wanted='^v2 - -$'
	target -s -i recv-proxy told expect-rst
	weir_relay -o send_proxy="$1" -o check_interval=50ms
	wait_for "five checks" told_so_often 5
	dump_until has target state=up check_failures=0
	[ "$1" = v2 ] || wanted="^v1 127.0.0.1:[0-9]* $TARGET\$"
	! grep -v "$wanted" told || fail "a check was told as something else (above)"
	weir_dump
	has relay accepted=0 || fail "a check was somebody's client"
}
told_so_often() {
	[ "$(grep -c . told 2>/dev/null)" -ge "$1" ]
}
beside "checks send a header of their own: v1" checked v1
beside "v2 of a check is LOCAL" checked v2

# A client goes on as it began, also where it was not told of.
reloaded() {
	peer early listen "127.0.0.1:$(own_port)" port-file early.port accept recv 10 await go recv 10 expect-fin fin
	target_port early
	section db 127.0.0.1:0 | install
	weir_start -c relay.ini
	client_as first send 10 await go send 10 fin expect-fin
	dump_until has pair state=open
	section db 127.0.0.1:0 "send_proxy = v2" | install
	reload
	touch go
	peers_end
	peer late listen "$TARGET" port-file again accept recv-proxy told recv 10 expect-fin fin
	wait_for "the target to be back" test -e again
	client_as second send 10 fin expect-fin
	peers_end
	wait_for "two close lines" log_counts 2 'reason=eof'
	expect_equal "headers" 1 "$(wc -l <told)"
}
beside "send_proxy after a reload" reloaded

# What came in a header goes on in ours, as it was told.
passed_on() {
	target -n 3 send 10 recv-proxy told recv 100K expect-fin fin
	weir_relay -o accept_proxy=127.0.0.1 -o send_proxy="$1" -o max_connections_per_source=1 "${@:2}"
	for i in 1 2 3; do
		client_as "client$i" send-text "PROXY TCP4 192.0.2.$i 198.51.100.7 100$i 443"$'\r\n' send 100K recv 10 fin expect-fin
	done
	peers_end
	wait_for "three close lines" log_counts 3 'upload_bytes=102400 .*reason=eof'
	for i in 1 2 3; do echo "$1 192.0.2.$i:100$i 198.51.100.7:443"; done >wanted
	sort told | diff wanted - || fail "the targets were told something else (above)"
}
STRANGERS=yes
beside "a header that came goes on: v1" passed_on v1
beside "as v2, copied, four workers" passed_on v2 -o splice=off -o workers=4

# One that says nothing of a client is as good as none.
says_nothing() {
	target recv-proxy told recv 10 expect-fin fin
	weir_relay -o accept_proxy=127.0.0.1 -o send_proxy=v2
	client send-text $'PROXY UNKNOWN\r\n' send 10 fin expect-fin
	peers_end
	wait_closed reason=eof upload_bytes=10
	expect_told v2
}
beside "one that says nothing of the client" says_nothing

# Kept while the client is held, and told to the target that it gets then.
held_with_header() {
	be_held $'PROXY TCP6 2001:db8::9 2001:db8::1 9 443\r\n' -o accept_proxy=127.0.0.1
	expect_equal "what the target was told" "v2 [2001:db8::9]:9 [2001:db8::1]:443" "$(<told)"
}
beside "a client with a header that was held" held_with_header

# With balance = source, the client of the header decides, not the proxy before weir.
balanced() {
	local i one two
	target_as one -s recv-proxy one.told recv 1 expect-fin fin
	one=$TARGET
	target_as two -s recv-proxy two.told recv 1 expect-fin fin
	two=$TARGET
	weir_start -l 127.0.0.1:0 -T "$one" -T "$two" -o accept_proxy=127.0.0.1 -o send_proxy=v1 -o balance=source
	for _ in first second; do
		# So many that no target has fewer than three of them by chance, once in millions.
		for i in {1..36}; do
			client_as "client$i" send-text "PROXY TCP4 192.0.2.$i 198.51.100.7 1000 443"$'\r\n' send 1 fin expect-fin
		done
		for i in {1..36}; do peer_end "client$i"; done
	done
	wait_for "72 close lines" log_counts 72 'reason=eof'
	expect_equal "clients that got both targets" "" "$(sort -u one.told >a; sort -u two.told | comm -12 a -)"
	expect_at_least "clients of one" 3 "$(sort -u one.told | wc -l)"
	expect_at_least "clients of two" 3 "$(sort -u two.told | wc -l)"
}
beside "balance = source by the header that came" balanced

finish
