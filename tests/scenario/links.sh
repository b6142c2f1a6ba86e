#!/bin/bash
# Link-local addresses, which are those of one interface: [fe80::7%z0]:80.
#
# Runs in its own network namespace.
NETWORK=${NETWORK:-needed}
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"
# shellcheck source=reload_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/reload_lib.sh"

# link_up NAME [ADDRESS...]: makes an interface, which gets a number that none has had.
link_up() {
	[ "$NETWORK" = given ] || skip "no namespaces to be had"
	ip tuntap add dev "$1" mode tun 2>/dev/null || skip "no TUN device to be had"
	ip link set "$1" up
	for address in "${@:2}"; do
		ip addr add "$address/64" dev "$1" nodad || skip "no IPv6"
	done
}

link_down() {
	ip tuntap del dev "$1" mode tun
}

round_trip() {
	client_as "$1" mirror duplex 200K 200K fin expect-fin
	peer_end "$1"
}

# target_at NAME HOST PORT: TARGET is its address.
target_at() {
	peer "$1" -s listen "[$2]:$3" port-file "$1.port" accept echo
	target_port "$1"
	TARGET="[$2]:${TARGET##*:}"
}

is_good() {
	"$WEIR" --test "$@" >test.out 2>&1 || fail "--test refuses it: $(<test.out)"
}

both_sides() {
	link_up z0 fe80::7 fe80::8
	target_at target 'fe80::8%z0' 0
	weir_start -l '[fe80::7%z0]:0' -T "$TARGET" -o max_connections_per_source=1
	[[ $RELAY == '[fe80::7%z0]:'* ]] || fail "listening on '$RELAY'"
	round_trip client
	wait_closed reason=eof "target=$TARGET"
	grep -q 'client=\[fe80::.%z0\]:' weir.log || fail "no client is shown with its interface"
	link_down z0
}
scenario "a link-local address on both sides" both_sides

target_serves() {
	"$RAWPEER" connect "$RELAY" mirror send 10 recv 10 fin expect-fin >/dev/null 2>&1
}

# The file is good without the interface, which comes later, and comes again with another number.
target_comes_later() {
	EXPECT_LOG='does not resolve: No such device\|no target could be\|target .* is down: '
	link_up z1 fe80::7
	link_down z1
	TARGET='[fe80::7%z1]:20002' section a 127.0.0.1:0 | install
	is_good -c relay.ini
	weir_start -c relay.ini -o resolve_interval=1s -o connect_timeout=1s -o retry_time=0
	wait_log 'target \[fe80::7%z1\]:20002 does not resolve: No such device'
	client expect-rst
	peer_end client
	for time in first second; do
		link_up z1 fe80::7
		target_at "$time" 'fe80::7%z1' 20002
		wait_for "a client that is served the $time time" target_serves
		wait_log 'target \[fe80::7%z1\]:20002 now resolves to \[fe80::7%z1\]:20002'
		peer_end "$time"
		link_down z1
	done
}
STRANGERS=yes scenario "the interface of a target comes later, and gets another number" target_comes_later

listen_needs_its_interface() {
	link_up z2
	for entrance in '[fe80::7%none]:20002 No such device' '[fe80::7%z2]:20002 Cannot assign requested address'; do
		read -r address reason <<<"$entrance"
		is_good -l "$address" -T 127.0.0.1:9
		weir_launch -l "$address" -T 127.0.0.1:9
		weir_expect_status 1
		grep -qF "cannot listen on $address: $reason" weir.log || fail "no reason in the log"
	done
	EXPECT_LOG='cannot listen on\|cannot start'
	link_down z2
}
scenario "a link-local entrance needs its interface and address: 1" listen_needs_its_interface

# Without the interface there is no number to listen on, so a reload has to follow it.
entrance_follows_its_interface() {
	target -s echo
	link_up z3
	section a '[fe80::7%z3]:20002' | install
	weir_start -c relay.ini -o free_bind=on # the address is not there yet
	ip addr add fe80::7/64 dev z3 nodad
	round_trip first
	link_down z3
	link_up z3 fe80::7
	reload
	round_trip second
	link_down z3
}
scenario "an entrance follows its interface with a reload" entrance_follows_its_interface

# What the file does not show: the number stands for the same interface.
leads_back() {
	EXPECT_LOG='leads back to this relay\|no target could be\|target .* is down: '
	link_up z4 fe80::7
	weir_start -l '[fe80::7%z4]:20002' -T "[fe80::7%$(ip -o link show z4 | cut -d: -f1)]:20002"
	client expect-rst
	peer_end client
	wait_closed reason=connect_failed
	link_down z4
}
scenario "a link-local target that is the relay itself" leads_back

finish
