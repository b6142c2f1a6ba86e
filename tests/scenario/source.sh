#!/bin/bash
# Where connections to targets come from: source_address and source_interface.
#
# Each case has two hosts, joined by two wires:
#
#   here  10.1.0.1 10.1.0.3  near0 ── far0  10.1.0.2            there
#         10.2.0.1 10.2.0.3  near1 ── far1  10.2.0.2  10.9.0.9
#
# and the same in IPv6, as fd01::1 and so on. The way to 10.9.0.9 is wire 0, unless something else is wanted.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"
# shellcheck source=reload_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/reload_lib.sh"

namespaces "ip link add w0 type veth peer name w1 && unshare -n true" "unshare -n" "unshare -r -n"
[ -z "$THIS_CASE" ] || ip link set lo up

WAITS='relay [a-z-]*: connecting has to wait: '
MISSING="${WAITS}the machine does not have"
EXPECT_LOG=$WAITS

there() {
	nsenter -t "$THERE" -n "$@"
}

is_apart() {
	[ "$(readlink "/proc/$THERE/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}

wire() {
	ip link add "near$1" type veth peer name "far$1" netns "$THERE"
	for last in 1 3; do
		ip addr add "10.$((1 + $1)).0.$last/24" dev "near$1"
		ip addr add "fd0$((1 + $1))::$last/64" dev "near$1" nodad
	done
	there ip addr add "10.$((1 + $1)).0.2/24" dev "far$1"
	there ip addr add "fd0$((1 + $1))::2/64" dev "far$1" nodad
	there ip link set "far$1" up
	ip link set "near$1" up
	ip route add 10.9.0.9 via "10.$((1 + $1)).0.2" metric "$((10 + $1))"
	ip route add fd09::9 via "fd0$((1 + $1))::2" metric "$((10 + $1))"
}

hosts() {
	[ -n "$THIS_CASE" ] || skip "no namespaces to be had"
	[ -e /proc/sys/net/ipv6 ] || skip "no IPv6"
	unshare -n sleep 1h &
	THERE=$!
	wait_for "the other host" is_apart
	there ip link set lo up
	there ip addr add 10.9.0.9/32 dev lo
	there ip addr add fd09::9/128 dev lo nodad
	wire 0
	[ "${1:-2}" = 1 ] || wire 1
}

# target_there NAME ADDRESS WORD...: what weir connects to; TARGET is its address.
target_there() {
	local near=$RAWPEER name=$1 address=$2
	printf '#!/bin/sh\nexec nsenter -t %s -n "%s" "$@"\n' "$THERE" "$RAWPEER" >rawpeer
	chmod +x rawpeer
	RAWPEER=$PWD/rawpeer
	peer_with "$name" "listen $address:0 port-file $name.port accept" -s "${@:3}"
	RAWPEER=$near
	wait_for "peer $name to listen" test -e "$name.port"
	TARGET=$address:$(<"$name.port")
}

# The addresses that the connections of the target come from, each once, with how many there are.
seen_by() {
	there ss -Htn state established "sport = :${1##*:}" | awk '{ sub(/(%[a-z0-9]*)?(\])?:[0-9]*$/, "", $4); print $4 }' | sort | uniq -c |
		tr -d '[' | awk '{ print $1 "x" $2 }' | paste -sd ' '
}

# come_in COUNT: so many clients that stay until "go" is there.
come_in() {
	rm -f in go
	client -n "$1" mirror send 10 recv 10 touch in await go fin expect-fin
	wait_for "clients to be in" test -e in
}

go_out() {
	touch go
	peer_end client
}

# comes_from TARGET WANTED KEY=VALUE...
comes_from() {
	hosts
	target_there target "$1" echo
	# shellcheck disable=SC2046 # words
	weir_relay $(printf -- '-o %s ' "${@:3}")
	come_in 20
	expect_equal "who comes" "20x$2" "$(seen_by "$TARGET")"
	go_out
}
beside "an address of IPv4" comes_from 10.1.0.2 10.1.0.3 source_address=10.1.0.3
beside "an address of IPv6" comes_from '[fd01::2]' fd01::3 source_address=fd01::3
beside "four workers, spliced" comes_from 10.1.0.2 10.1.0.3 source_address=10.1.0.3 workers=4
beside "an address of the other interface" comes_from 10.1.0.2 10.2.0.1 source_address=10.2.0.1
beside "an interface that is not the one that the routes say" comes_from 10.9.0.9 10.2.0.1 source_interface=near1
beside "the same of IPv6" comes_from '[fd09::9]' fd02::3 source_interface=near1
beside "an interface and its second address" comes_from 10.9.0.9 10.2.0.3 source_interface=near1 source_address=10.2.0.3
beside "a target of the other family is connected as ever" comes_from 10.1.0.2 10.1.0.1 source_address=fd01::9

# One of each family, and no hindrance for a unix socket. All of it stands in [defaults].
all_kinds() {
	hosts
	target_there four 10.1.0.2 echo
	local four=$TARGET six
	target_there six '[fd01::2]' echo
	six=$TARGET
	peer local -s listen "unix:$PWD/local" accept echo
	wait_for "a unix target" test -S local
	{
		printf '[defaults]\nsource_address = 10.1.0.3\nsource_address = fd01::3\nsource_interface = near0\n'
		TARGET=$four section four 127.0.0.1:0
		TARGET=$six section six 127.0.0.2:0
		TARGET=unix:$PWD/local section local 127.0.0.3:0
	} >relay.ini
	weir_start -c relay.ini
	for name in four six local; do RELAY=$(listening_on $name) hold "of-$name"; done
	expect_equal "who comes" 1x10.1.0.3 "$(seen_by "$four")"
	expect_equal "who comes" 1xfd01::3 "$(seen_by "$six")"
	for name in four six local; do release "of-$name"; done
}
beside "one of each family, for all relays; a unix target has none" all_kinds

# A target that answers only 10.1.0.3 is up by its checks, and only with that.
checks() {
	EXPECT_LOG='is down: Connection refused' # at the end, when the target has ended
	hosts
	there ip route add blackhole 10.1.0.1
	target_there target 10.1.0.2 -i echo
	weir_relay -o check_interval=100ms -o check_timeout=300ms -o source_address=10.1.0.3
	dump_until has_checks 3
	has target state=up check_failures=0 || fail "a check has failed"
	client mirror send 10 recv 10 fin expect-fin
	peer_end client
}
has_checks() {
	[ "$(value checks target)" -ge "$1" ]
}
beside "checks come from it, too" checks

# Living pairs keep the address that they came from.
reloaded() {
	hosts
	target_there target 10.1.0.2 echo
	section a 127.0.0.1:0 "source_address = 10.1.0.3" | install
	reload_start 1
	RELAY=$(at 127.0.0.1)
	hold old
	section a 127.0.0.1:0 "source_address = 10.2.0.1" "source_interface = any" | install
	reload
	hold new
	expect_equal "who comes" "1x10.1.0.3 1x10.2.0.1" "$(seen_by "$TARGET")"
	release old
	release new
}
beside "another address after a reload" reloaded

# --- what is not there ---

# Clients wait for it. A relay that wants something else is not affected.
address_comes_late() {
	hosts
	target_there target "$1" echo
	{
		section late 127.0.0.1:0 "source_address = $2" "connect_timeout = 1m" "fail_limit = 1"
		section other 127.0.0.2:0
	} >relay.ini
	weir_start -c relay.ini -o workers="$3"
	RELAY=$(listening_on late)
	client -n 8 mirror send 10 recv 10 fin expect-fin
	wait_log "$MISSING $2 (source_address)"
	RELAY=$(listening_on other) visit
	weir_expect_quiet
	weir_dump
	count 8 pair relay=late state=connecting || fail "not 8 that wait"
	has target relay=late state=up failures=0 || fail "the target is to blame"
	expect_at_least "shortages" 1 "$(value shortages relay name=late)"
	expect_equal "shortages" 0 "$(value shortages relay name=other)"
	ip addr add "$2/${4:-24}" dev near0 ${4:+nodad}
	peer_end client
	wait_log "relay late: connecting goes on"
	expect_equal "lines about it" 1 "$(grep -c 'connecting has to wait' weir.log)"
}
beside "an address that comes late" address_comes_late 10.1.0.2 10.1.0.9 1
beside "an address of IPv6 that comes late, four workers" address_comes_late '[fd01::2]' fd01::9 4 64

never_comes() {
	hosts
	target_there target 10.1.0.2 echo
	weir_relay -o connect_timeout=500ms -o fail_limit=1 "$@"
	client -n 3 expect-rst
	peer_end client
	wait_closed reason=connect_timeout attempts=1
	weir_dump
	has target state=up failures=0 || fail "the target is to blame"
	expect_equal "lines about it" 1 "$(grep -c ' warning ' weir.log)"
}
beside "an address that never comes" never_comes -o source_address=10.1.0.9
beside "an interface that never comes" never_comes -o source_interface=near9

held() {
	hosts
	target_there target 10.1.0.2 echo
	weir_relay -o connect_timeout=200ms -o retry_time=1m -o source_address=10.1.0.9
	client -n 8 mirror send 10 recv 10 fin expect-fin
	dump_until count 8 pair target=-
	ip addr add 10.1.0.9/24 dev near0
	peer_end client
	wait_log "connecting goes on"
}
beside "clients are held for an address that comes late" held

# A name of both families: the other one is tried at once, and nobody waits.
other_family() {
	hosts
	target_there four 10.1.0.2 echo
	local four=$TARGET
	target_there six '[fd01::2]' echo
	weir_start -l 127.0.0.1:0 -T "$four" -T "$TARGET" -o source_address=10.1.0.9 -o connect_timeout=1m
	come_in 8
	expect_equal "who comes" 8xfd01::3 "$(seen_by "$TARGET")"
	go_out
	wait_for "close lines that say that one address was tried" log_counts 8 'reason=eof attempts=1$'
}
beside "without an address of one family, a target of the other serves" other_family

# It comes, is away, and comes again with another number. Those who were there vanish, for the target as well.
# Before it has a route it leads nowhere, so clients are held.
interface_comes_and_goes() {
	STRANGERS=yes # the target does not tell how that ended
	EXPECT_LOG="$WAITS\|vanished\|target .* down\|no target could be"
	hosts 1
	target_there target 10.9.0.9 echo
	weir_relay -o source_interface=near1 -o connect_timeout=1s -o retry_time=1m -o vanish_timeout=1s -o fail_limit=0
	client_as early mirror send 10 recv 10 fin expect-fin
	wait_log "${WAITS}there is no interface near1 (source_interface)"
	wire 1
	peer_end early
	client -i mirror send 10 recv 10 touch in await go send 10 expect-end
	wait_for "the client to be in" test -e in
	ip link del near1
	client_as late mirror send 10 recv 10 fin expect-fin
	touch go
	wait_closed reason=vanished
	peer_end client
	wire 1
	peer_end late
}
beside "an interface that comes and goes" interface_comes_and_goes

# --- ports ---

# Six ports. Each serves both targets, whether weir has chosen it or, when its own are used up, the kernel.
few_ports() {
	hosts
	echo "40000 40005" >/proc/sys/net/ipv4/ip_local_port_range
	target_there first "$1" echo
	local first=$TARGET
	target_there second "$1" echo
	weir_start -l "unix:$PWD/socket" -T "$first" -T "$TARGET" -o source_address="$2" -o connect_timeout=1m
	RELAY=unix:$PWD/socket
	come_in 12
	expect_equal "clients of the first" "6x$2" "$(seen_by "$first")"
	expect_equal "clients of the second" "6x$2" "$(seen_by "$TARGET")"
	client_as late mirror send 10 recv 10 fin expect-fin
	wait_log "${WAITS}no local port is free"
	go_out
	peer_end late
}
beside "few ports serve each target" few_ports 10.1.0.2 10.1.0.3
beside "few ports of IPv6 serve each target" few_ports '[fd01::2]' fd01::3

# --- link-local ---

link_local() {
	hosts
	ip addr add fe80::77/64 dev near0 nodad
	there ip addr add fe80::88/64 dev far0 nodad
	target_there target '[fe80::88%far0]' echo
	TARGET="[fe80::88%near0]:${TARGET##*:}"
	weir_relay -o source_interface=near0 -o source_address=fe80::77
	come_in 3
	expect_equal "who comes" '3xfe80::77' "$(seen_by "$TARGET")"
	go_out
}
beside "link-local" link_local

finish
