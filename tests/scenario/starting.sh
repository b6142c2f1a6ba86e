#!/bin/bash
# Starts, with clients that do not wait for them, and starts that fail.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"

# Where that is allowed, each case has a network of its own, in which a port that is free stays so.
namespaces "ip link set lo up" "unshare -n" "unshare -r -n"
[ -z "$THIS_CASE" ] || ip link set lo up

STARTS=30

# They connect as fast as they can, so some of them meet every socket that listens, for however short a time.
resets_nobody() {
	target -s send-text hello recv-until-end
	free_port
	for _ in $(seq $STARTS); do
		peer client -n 40 insist "$RELAY" recv-text hello fin recv-until-end
		weir_launch -l "$RELAY" -T "$TARGET" -o workers=4
		peer_end client
		weir_stop
	done
}
beside "a start resets nobody who comes early" resets_nobody

# The first relay could listen, the second one cannot. $1 is its address.
lets_nobody_in() {
	EXPECT_LOG='in use'
	printf '%s\n' "[relay one]" "listen = $RELAY" "target = 127.0.0.1:1" \
		"[relay two]" "listen = $1" "target = 127.0.0.1:1" >relay.ini
	peer client insist "$RELAY" recv-text hello fin
	for _ in $(seq $STARTS); do
		weir_launch -c relay.ini -o workers=4
		weir_expect_status 1
	done
	peer served listen "$RELAY" accept send-text hello expect-fin
	peer_end client
	peers_end
}

taken_port() {
	target -s
	free_port
	lets_nobody_in "$TARGET"
}
beside "a start that fails at a port in use lets nobody in" taken_port

taken_path() {
	peer target -s listen "unix:$PWD/taken" port-file target.port accept
	target_port target
	free_port
	lets_nobody_in "unix:$PWD/taken"
}
beside "a start that fails at a unix path in use lets nobody in" taken_path

# Only the look-up shows that they are one address. Nothing listens when it comes out.
name_and_number() {
	free_port
	printf '%s\n' "[relay one]" "listen = localhost:${RELAY##*:}" "target = 127.0.0.1:1" \
		"[relay two]" "listen = $RELAY" "target = 127.0.0.1:1" >relay.ini
	weir_launch -c relay.ini
	weir_expect_status 1
	EXPECT_LOG="relay two: cannot listen on $RELAY: relay one does\|cannot start: Address already in use"
	log_has "relay two: cannot listen on $RELAY: relay one does" || fail "another reason"
	if log_has 'listening on'; then fail "it listened nevertheless"; fi
}
beside "a name and a number that are the same address" name_and_number

# Each would remove what another has just made. Whoever wins serves, the others say why they cannot.
many_at_once() {
	local round pid pids
	EXPECT_LOG='in use'
	target -s send-text hello recv-until-end
	RELAY=unix:$PWD/l
	for round in $(seq $((STARTS / 2))); do
		rm -f l
		"$RAWPEER" listen "$RELAY" >/dev/null # leaves its path behind
		pids=()
		for n in 1 2 3 4; do
			WEIR_LOG=log.$n weir_launch -l "$RELAY" -T "$TARGET"
			pids+=("$WEIR_PID")
		done
		wait_for "all but one to give up in round $round" one_is_left "${pids[@]}"
		for pid in "${pids[@]}"; do
			if [ "$pid" != "$WEIR_PID" ] && wait "$pid"; then fail "one has stopped with status 0"; fi
		done
		peer client insist "$RELAY" recv-text hello fin
		peer_end client
		weir_stop
		[ ! -e l ] || fail "the path is still there"
		expect_equal "how many say that the path is in use" 3 "$(cat log.? | grep -c 'on unix:.* in use')"
	done
}

# WEIR_PID is the one that lives.
one_is_left() {
	local pid living=()
	for pid in "$@"; do
		WEIR_PID=$pid
		if ! weir_has_ended; then living+=("$pid"); fi
	done
	[ ${#living[@]} -gt 0 ] || fail "none is left"
	WEIR_PID=${living[0]}
	[ ${#living[@]} -eq 1 ]
}
beside "daemons on one stale unix path: one serves, the others end" many_at_once

finish
