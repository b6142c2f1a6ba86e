#!/bin/bash
# Every kind of address on both sides.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"
# shellcheck source=reload_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/reload_lib.sh"

round_trip() {
	client_as "${1:-client}" mirror duplex 200K 200K fin expect-fin
	peer_end "${1:-client}"
}

have_ipv6() {
	[ -e /proc/net/if_inet6 ] && grep -q ' lo$' /proc/net/if_inet6 || skip "no IPv6 on the loopback"
}

ipv6() {
	have_ipv6
	peer target -s listen '[::1]:0' port-file target.port accept echo
	target_port target
	weir_start -l '[::1]:0' -T "[::1]:${TARGET##*:}"
	[[ $RELAY == "[::1]:"* ]] || fail "listening on '$RELAY'"
	round_trip
}
beside "IPv6" ipv6

both_families() {
	local port
	have_ipv6
	target -s echo
	weir_start -l '*:0' -T "$TARGET"
	port=${RELAY##*:}
	RELAY=127.0.0.1:$port
	round_trip four
	RELAY="[::1]:$port"
	round_trip six
	wait_closed 'reason=eof'
	grep -q 'client=127.0.0.1:' weir.log || fail "no client is shown with its IPv4 address"
}
beside "both families by *:PORT" both_families

unix_path() {
	peer target -s listen "unix:$PWD/t" port-file target.port accept echo
	target_port target
	weir_start -l "unix:$PWD/l" -T "unix:$PWD/t"
	expect_equal "the address in the log" "unix:$PWD/l" "$RELAY"
	round_trip
	weir_stop
	[ ! -e l ] || fail "the socket's path is still there"
}
beside "unix sockets by path" unix_path

# The next daemon may be there before this one has gone.
unix_path_taken_over() {
	target -s echo
	weir_start -l "unix:$PWD/l" -T "$TARGET"
	peer other listen "unix:$PWD/l.new" port-file other.port accept
	wait_for "another listener" test -e other.port
	mv l.new l
	weir_stop
	[ -S l ] || fail "it took the other's socket away"
	"$RAWPEER" connect "unix:$PWD/l"
}
beside "a unix path that another daemon has taken over is left to it" unix_path_taken_over

unix_abstract() {
	local name=weir-test-$$-$RANDOM
	peer target -s listen "unix:@$name-t" port-file target.port accept echo
	target_port target
	weir_start -l "unix:@$name-l" -T "unix:@$name-t"
	expect_equal "the address in the log" "unix:@$name-l" "$RELAY"
	round_trip
}
beside "unix sockets by abstract name" unix_abstract

unix_to_tcp() {
	target -s echo
	weir_start -l "unix:$PWD/l" -T "$TARGET" -o workers=4
	client -n 50 mirror duplex 200K 200K fin expect-fin
}
beside "from a unix socket to TCP, four workers" unix_to_tcp

tcp_to_unix() {
	peer target -s listen "unix:$PWD/t" port-file target.port accept echo
	target_port target
	weir_start -l 127.0.0.1:0 -T "unix:$PWD/t"
	client -n 50 mirror duplex 200K 200K fin expect-fin
}
beside "from TCP to a unix socket" tcp_to_unix

unix_bulk() {
	peer target listen "unix:$PWD/t" port-file target.port accept recv 64M expect-fin send 64M fin
	target_port target
	weir_start -l "unix:$PWD/l" -T "unix:$PWD/t"
	client send 64M fin recv 64M expect-fin
	peers_end
	wait_closed reason=eof upload_bytes=67108864 download_bytes=67108864
}
beside "bulk over unix sockets" unix_bulk

unix_target_missing() {
	EXPECT_LOG='no target could be connected: No such file or directory'
	weir_start -l 127.0.0.1:0 -T "unix:$PWD/nobody"
	client expect-rst
	peer_end client
	wait_closed reason=connect_failed
}
beside "a unix target that is not there" unix_target_missing

unix_stale_path() {
	target -s echo
	"$RAWPEER" listen "unix:$PWD/l" >/dev/null # leaves its path behind
	[ -S l ] || fail "no stale socket to begin with"
	weir_start -l "unix:$PWD/l" -T "$TARGET"
	round_trip
}
beside "a unix path that nobody answers on is taken over" unix_stale_path

unix_path_in_use() {
	peer target -s listen "unix:$PWD/l" port-file target.port accept echo
	target_port target
	weir_launch -l "unix:$PWD/l" -T 127.0.0.1:9
	weir_expect_status 1
	grep -q 'unix:' weir.log || fail "the address is not named"
	[ -S l ] || fail "the path of another's socket is gone"
	EXPECT_LOG='in use'
}
beside "a unix path that somebody answers on is left alone" unix_path_in_use

# The umask neither adds to what is asked for nor takes from it.
unix_mode() {
	local mask usual
	target -s echo
	for mask in 000 077; do
		umask $mask
		usual=$(printf %o $((0777 & ~mask)))
		weir_start -l "unix:$PWD/l mode=0626" -l "unix:$PWD/m" -l "unix:$PWD/n group=$(id -g)" -T "$TARGET"
		expect_equal "modes of sockets with and without mode=" "626 $usual $usual" "$(stat -c %a l m n | paste -sd ' ')"
		expect_equal "the address in the log" "unix:$PWD/l" "$RELAY"
		round_trip
		kill -KILL "$WEIR_PID" # leaves the path behind, which must be taken over all the same
		wait_for "the end of weir" weir_has_ended
		[ -S l ] || fail "the path is gone"
	done
	weir_start -l "unix:$PWD/l mode=600" -T "$TARGET"
	expect_equal "the mode of the socket" 600 "$(stat -c %a l)"
}
beside "mode= of a unix socket, whatever the umask" unix_mode

unix_mode_reload() {
	target -s echo
	umask 027
	section a "unix:$PWD/l mode=600" | install
	weir_start -c relay.ini
	ls -i l >inode
	for words in ' mode=666:666' " group=$(id -g):750" ' mode=606:606' ':750'; do
		section a "unix:$PWD/l${words%:*}" | install
		reload
		expect_equal "the mode of the socket" "${words##*:}" "$(stat -c %a l)"
	done
	section a "unix:$PWD/l mode=666" 'listen = 192.0.2.1:0' | install
	reload_fails 192.0.2.1
	expect_equal "the mode after a reload that failed" 750 "$(stat -c %a l)"
	EXPECT_LOG='192.0.2.1\|reload failed'
	expect_equal "the path" "$(<inode)" "$(ls -i l)"
	round_trip
}
beside "mode= and group= of a unix socket that a reload keeps" unix_mode_reload

needs_root() {
	[ "$(id -u)" = 0 ] || skip "not root"
}

unix_owner() {
	needs_root
	[ "$AS_SERVICE" = no ] || skip "the service has no CAP_CHOWN"
	target -s echo
	weir_start -l "unix:$PWD/l group=daemon owner=65534 mode=660" -T "$TARGET"
	expect_equal "mode, owner and group of the socket" "660 65534 daemon" "$(stat -c '%a %u %G' l)"
	round_trip
}
beside "owner= and group= of a unix socket" unix_owner

# Without CAP_CHOWN, a group that weir is in is all that it may set.
unix_owner_not_permitted() {
	needs_root
	target -s echo
	printf '#!/bin/sh\nexec setpriv --groups 1 --bounding-set -chown "%s" "$@"\n' "$WEIR" >weir-unable
	chmod +x weir-unable
	WEIR=$PWD/weir-unable
	for words in owner=1 group=2; do
		weir_launch -l "unix:$PWD/l $words" -T "$TARGET"
		weir_expect_status 1
		log_has "cannot set \"$words\" on unix:$PWD/l: Operation not permitted; expected a group that weir is in" ||
			fail "no reason in the log"
		[ ! -e l ] || fail "the path was left behind"
	done
	weir_start -l "unix:$PWD/l group=1" -T "$TARGET"
	expect_equal "the group of the socket" 1 "$(stat -c %g l)"
	round_trip
}
beside "an owner of a unix socket that weir may not set: 1" unix_owner_not_permitted

not_a_socket() {
	echo precious >l
	weir_launch -l "unix:$PWD/l" -T 127.0.0.1:9
	weir_expect_status 78
	expect_equal "the file" precious "$(<l)"
	EXPECT_LOG=.
}
beside "a file in the place of a unix socket is left alone" not_a_socket

localhost() {
	target -s echo
	weir_start -l localhost:0 -T "localhost:${TARGET##*:}"
	round_trip
}
beside "localhost on both sides" localhost

several() {
	target -s echo
	cat >relay.ini <<-END
		# two relays, three listens
		[relay one]
		listen = 127.0.0.1:0
		listen = 127.0.0.2:0
		target = $TARGET

		[relay two]
		listen = unix:$PWD/two
		target = $TARGET
	END
	weir_start -c relay.ini
	RELAY=$(listening_on one 1)
	round_trip first
	RELAY=$(listening_on one 2)
	[[ $RELAY == 127.0.0.2:* ]] || fail "listening on '$RELAY'"
	round_trip second
	RELAY=$(listening_on two)
	round_trip third
	weir_dump
	has relay name=one accepted=2 && has relay name=two accepted=1 || fail "the relays count wrong"
}
beside "several relays, several listens" several

spread() {
	local n
	target -s echo
	WEIR_ARGS='' weir_relay -o workers=4
	client -n 64 mirror send 10 recv 10 touch all await out fin expect-fin
	wait_for "all to be connected" test -e all
	weir_dump
	n=$(value worker pair | sort -u | wc -l)
	expect_at_least "workers that have pairs" 3 "$n"
	touch out
}
beside "clients are spread over the workers" spread

finish
