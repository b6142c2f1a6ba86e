#!/bin/bash
# Starts, with clients that do not wait for them, and starts that fail.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"

# RELAY is a port that was free a moment ago.
free_port() {
	"$RAWPEER" listen 127.0.0.1:0 port-file free >/dev/null
	RELAY=127.0.0.1:$(<free)
}

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
scenario "a start resets nobody who comes early" resets_nobody

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
scenario "a start that fails at a port in use lets nobody in" taken_port

taken_path() {
	peer target -s listen "unix:$PWD/taken" port-file target.port accept
	target_port target
	free_port
	lets_nobody_in "unix:$PWD/taken"
}
scenario "a start that fails at a unix path in use lets nobody in" taken_path

finish
