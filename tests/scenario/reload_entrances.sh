#!/bin/bash
# SIGHUP: listening addresses that are added, kept, moved and removed, and the relays that they belong to.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"
# shellcheck source=reload_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/reload_lib.sh"

# ---- added, kept, removed ----

expect_counts() {
	expect_said "$RELOADED.*$1 relays\?.*$2 kept.*$3 added.*$4 removed"
}

added_and_removed() {
	local one abstract=unix:@weir-reload-$$-$BASHPID
	target -s echo
	section one 127.0.0.1:0 | install
	reload_start 1 "$@"
	one=$RELAY
	hold old
	{
		section one 127.0.0.1:0
		section two 127.0.0.2:0
		printf 'listen = unix:%s\nlisten = %s\n' "$PWD/path" "$abstract"
	} | install
	reload
	expect_counts 2 1 3 0
	expect_equal "lines about the entrance that is kept" 1 "$(grep -c 'listening on 127.0.0.1' weir.log)"
	hold kept
	RELAY=$(at 127.0.0.2) hold added
	RELAY=unix:$PWD/path visit
	RELAY=$abstract visit
	dump_until has relay name=two accepted=3 pairs=1
	section one 127.0.0.1:0 | install
	reload
	expect_counts 1 1 0 3
	RELAY=$(at 127.0.0.2) expect_refused
	RELAY=unix:$PWD/path expect_refused
	[ ! -e path ] || fail "the path is still there"
	RELAY=$abstract expect_refused
	RELAY=$one visit
	release old
	release kept
	weir_dump
	has relay name=two pairs=1 || fail "the relay is gone before its pair"
	release added
	dump_until count 1 relay
	wait_closed relay=two upload_bytes=20 download_bytes=20 reason=eof
	FORGOTTEN=yes
}

# Those that come while it drains may have to send another SYN.
expect_refused() {
	peer late expect-refused "$RELAY"
	peer_end late
}
beside "relays with entrances of each kind are added and removed" added_and_removed
beside "the same with four workers" added_and_removed -o workers=4

same_again() {
	target -s echo
	{
		section one 127.0.0.1:0
		section two localhost:0
		printf 'listen = unix:%s\n' "$PWD/path"
	} | install
	reload_start 2 1 "$@"
	hold old
	cp weir.log before
	ls -i path >inode
	for _ in 1 2 3 4 5; do
		reload
		expect_counts 2 3 0 0
	done
	expect_equal "sockets that listen" "$(grep -c 'listening on' before)" "$(grep -c 'listening on' weir.log)"
	expect_equal "the path" "$(<inode)" "$(ls -i path)"
	RELAY=unix:$PWD/path visit
	RELAY=$(listening_on two) visit
	dump_until has weir pairs=1
	has relay name=one accepted=1 pairs=1 || fail "the counters of one"
	has relay name=two accepted=2 || fail "the counters of two"
	release old
}
beside "the same file again: all is kept" same_again
beside "the same with four workers" same_again -o workers=4

# What its pairs are waiting for changes by itself.
without_verdicts() {
	records relay | sed 's/ waited_client_ms=.*//'
}

# With a failed connect and a refused client among them.
counters_of_a_kept_relay() {
	local waited
	EXPECT_LOG='no target could be connected\|is down'
	peer refuser deadline 60 refuse 127.0.0.1:0 port-file refuser.port await over
	target_port refuser
	section one 127.0.0.1:0 "max_connections_per_source = 1" | install
	reload_start 1
	client expect-rst
	peer_end client
	target -s echo
	section one 127.0.0.1:0 "max_connections_per_source = 1" | install
	reload
	hold first
	client expect-rst
	peer_end client
	weir_dump
	has relay accepted=3 refused=1 connect_failed=1 upload_bytes=10 || has relay accepted=2 refused=1 connect_failed=1 upload_bytes=10 || fail "the counters"
	value accepted relay >accepted
	without_verdicts >before
	waited=$(value waited_client_ms relay)
	reload
	weir_dump
	expect_equal "the relay's record" "$(<before)" "$(without_verdicts)"
	expect_at_least "waited_client_ms" "$waited" "$(value waited_client_ms relay)"
	release first
	weir_dump
	has relay "accepted=$(<accepted)" refused=1 connect_failed=1 upload_bytes=20 || fail "the counters"
	touch over
}
beside "the counters of a relay that is kept go on" counters_of_a_kept_relay

# ---- moved ----

# two_targets: TARGET_A greets with A, TARGET_B with B.
two_targets() {
	target_as target-a -s send-text A echo
	TARGET_A=$TARGET
	target_as target-b -s send-text B echo
	TARGET_B=$TARGET
}

section_to() {
	TARGET=$1 section "${@:2}"
}

moved() {
	two_targets
	{
		section_to "$TARGET_A" a 127.0.0.1:0 "listen = 127.0.0.2:0" "listen = unix:$PWD/path"
		section_to "$TARGET_B" b 127.0.0.3:0
	} | install
	reload_start 3 1 "$@"
	held_text=A RELAY=$(at 127.0.0.2) hold old
	{
		section_to "$TARGET_A" a 127.0.0.1:0
		section_to "$TARGET_B" b 127.0.0.3:0 "listen = unix:$PWD/path" "listen = 127.0.0.2:0"
	} | install
	reload
	expect_counts 2 4 0 0
	RELAY=$(at 127.0.0.1) visit A
	RELAY=$(at 127.0.0.2) visit B
	RELAY=unix:$PWD/path visit B
	RELAY=$(at 127.0.0.3) visit B
	dump_until has weir pairs=1
	has relay name=a accepted=2 pairs=1 || fail "relay a counts wrong"
	has relay name=b accepted=3 pairs=0 || fail "relay b counts wrong"
	release old
	wait_closed relay=a upload_bytes=20
}
beside "entrances move to another relay" moved
beside "the same with four workers" moved -o workers=4

swapped() {
	two_targets
	{
		section_to "$TARGET_A" a 127.0.0.1:0
		section_to "$TARGET_B" b 127.0.0.2:0
	} | install
	reload_start 2 "$@"
	cp relay.ini straight.ini
	{
		section_to "$TARGET_A" a 127.0.0.2:0
		section_to "$TARGET_B" b 127.0.0.1:0
	} >crossed.ini
	for _ in 1 2 3; do
		install <crossed.ini
		reload
		expect_counts 2 2 0 0
		RELAY=$(at 127.0.0.1) visit B
		RELAY=$(at 127.0.0.2) visit A
		install <straight.ini
		reload
		RELAY=$(at 127.0.0.1) visit A
		RELAY=$(at 127.0.0.2) visit B
	done
	weir_dump
	has relay name=a accepted=6 || fail "relay a counts wrong"
	has relay name=b accepted=6 || fail "relay b counts wrong"
}
beside "two relays swap their entrances" swapped
beside "the same with four workers" swapped -o workers=4

# Clients that wait at the limit of one relay, at an entrance that gets another relay.
moved_at_a_limit() {
	EXPECT_LOG='max_connections .* reached'
	two_targets
	section_to "$TARGET_A" a 127.0.0.1:0 "max_connections = 1" | install
	reload_start 1 "$@"
	held_text=A hold in
	client_as waiting -n 5 touch waiting.there recv-text B mirror send 10 recv 10 fin expect-fin
	wait_for "clients that wait" test -e waiting.there
	wait_log "$EXPECT_LOG"
	section_to "$TARGET_B" b 127.0.0.1:0 | install
	reload
	peer_end waiting
	release in
	dump_until count 1 relay
	has relay name=b accepted=5 || fail "relay b counts wrong"
	FORGOTTEN=yes
}
beside "clients that wait at a limit go with the entrance to a relay without" moved_at_a_limit
beside "the same with four workers" moved_at_a_limit -o workers=4

renamed() {
	target -s echo
	section one 127.0.0.1:0 | install
	reload_start 1 "$@"
	hold old
	section two 127.0.0.1:0 | install
	reload
	expect_counts 1 1 0 0
	hold new
	weir_dump
	has pair relay=one && has relay name=one pairs=1 accepted=1 || fail "not the pair of the old relay"
	has pair relay=two && has relay name=two pairs=1 accepted=1 || fail "not the pair of the new relay"
	release old
	wait_closed relay=one upload_bytes=20
	dump_until count 1 relay
	release new
	wait_closed relay=two upload_bytes=20
	FORGOTTEN=yes
}
beside "a relay gets another name" renamed
beside "the same with four workers" renamed -o workers=4

# Which of them is which: those of a relay of the same name.
same_key_twice() {
	two_targets
	{
		section_to "$TARGET_A" a 127.0.0.1:0
		section_to "$TARGET_B" b 127.0.0.1:0
	} | install
	reload_start 2 "$@"
	{
		section_to "$TARGET_B" b 127.0.0.1:0
		section_to "$TARGET_A" a 127.0.0.1:0
	} | install
	reload
	expect_counts 2 2 0 0
	RELAY=$(listening_on a) visit A
	RELAY=$(listening_on b) visit B
	section_to "$TARGET_B" b 127.0.0.1:0 | install
	reload
	expect_counts 1 1 0 1
	RELAY=$(listening_on b) visit B
	RELAY=$(listening_on a) expect_refused
	expect_entrances 1
	FORGOTTEN=yes
}
beside "two entrances with port 0 stay with their relays" same_key_twice

# ---- removed, with clients that wait ----

# full PATH-OR-ADDRESS: at the limit of a relay, one is in and five wait.
full() {
	EXPECT_LOG='max_connections .* reached'
	target -s echo
	{
		section one 127.0.0.1:0
		section two "$1" "max_connections = 1"
	} | install
	reload_start "${@:2}"
	RELAY=$(listening_on two)
	hold in
	client_as waiting -n 5 mirror touch waiting.there send 10 recv 10 touch waiting.in fin expect-fin
	wait_for "clients that wait" test -e waiting.there
	wait_log "$EXPECT_LOG"
	weir_dump
	has relay name=two pairs=1 || fail "not one pair"
	section one 127.0.0.1:0 >without.ini
	cp relay.ini with.ini
}

expect_five_more() {
	[ ! -e waiting.in ] || fail "somebody is in beyond the limit"
	release in
	peer_end waiting
}

removed_at_its_limit() {
	full "$@"
	install <without.ini
	reload
	peer late expect-refused "$RELAY"
	weir_expect_quiet
	weir_dump
	has relay name=two pairs=1 || fail "the limit of the relay has gone with it"
	expect_five_more
	peer_end late
	dump_until count 1 relay
	wait_for "six who were served" log_counts 6 'closed .* relay=two .* reason=eof'
	expect_entrances 1
	FORGOTTEN=yes
}
beside "removed at its limit: those that wait are served, later ones refused" removed_at_its_limit 127.0.0.2:0 2
beside "the same with four workers" removed_at_its_limit 127.0.0.2:0 2 -o workers=4
removed_path() {
	full "unix:$PWD/path" 1 1 "$@"
	install <without.ini
	reload
	[ ! -e path ] || fail "the path is still there"
	expect_five_more
	expect_entrances 1
	FORGOTTEN=yes
}
beside "a unix path removed at its limit: those that wait are served" removed_path
beside "the same with four workers" removed_path -o workers=4

# Neither those that waited before nor those that come after it is back are refused.
removed_and_added() {
	full "$@"
	for _ in 1 2 3; do
		install <without.ini
		reload
		expect_counts 1 1 0 1
		install <with.ini
		reload
		expect_equal "where it listens" "$RELAY" "$(at 127.0.0.2)"
	done
	client_as more -n 5 mirror send 10 recv 10 fin expect-fin
	weir_dump
	has relay name=two pairs=1 accepted=1 || fail "the limit or the counters were lost"
	expect_five_more
	peer_end more
	visit
	weir_dump
	has relay name=two accepted=12 || fail "the counters were lost"
}
beside "removed, and added again while it drains" removed_and_added 127.0.0.2:0 2
beside "the same with four workers" removed_and_added 127.0.0.2:0 2 -o workers=4

# Clients may come from afar, so it drains for longer than until the next reload comes, as a rule.
every_address_removed_and_added() {
	local address

	target -s echo
	free_port
	address=$RELAY
	{
		section one 127.0.0.1:0
		section two "*:${address##*:}"
	} | install
	cp relay.ini with.ini
	section one 127.0.0.1:0 >without.ini
	reload_start 2 "$@"
	RELAY=$address
	hold old
	for _ in 1 2 3; do
		install <without.ini
		reload
		install <with.ini
		reload
		expect_counts 2 1 1 0
		visit
	done
	install <without.ini
	reload
	expect_refused
	release old
	expect_entrances 1
	FORGOTTEN=yes
}
beside "*:PORT removed, and added again while it drains" every_address_removed_and_added
beside "the same with four workers" every_address_removed_and_added -o workers=4

path_removed_and_added() {
	full "unix:$PWD/path" 1 1 "$@"
	install <without.ini
	reload
	install <with.ini
	reload
	[ -S path ] || fail "the path is not there"
	client_as more -n 5 mirror send 10 recv 10 fin expect-fin
	expect_five_more
	peer_end more
	visit
}
beside "a unix path removed, and added again while it drains" path_removed_and_added
beside "the same with four workers" path_removed_and_added -o workers=4

# The kernel has that name until the last client that waits there is served.
abstract_removed_and_added() {
	local name=weir-reload-$$-$BASHPID
	full "unix:@$name" 1 1
	EXPECT_LOG="$EXPECT_LOG\|cannot listen on unix:@\|$NOT_RELOADED"
	install <without.ini
	reload
	install <with.ini
	reload_fails "cannot listen on unix:@$name"
	expect_five_more
	wait_for "the end of the entrance" sockets_at_most $((WEIR_SOCKETS - 1))
	reload
	visit
	FORGOTTEN=yes
}
sockets_at_most() {
	[ "$(weir_sockets)" -le "$1" ]
}
beside "an abstract name cannot be added again while it drains" abstract_removed_and_added

# At the limit, but nobody waits: the name is free at once, though the pair lives on.
abstract_removed_at_its_limit() {
	local name=unix:@weir-reload-$$-$BASHPID
	EXPECT_LOG='max_connections .* reached'
	target -s echo
	section one 127.0.0.1:0 >without.ini
	{
		cat without.ini
		section two "$name" "max_connections = 1"
	} >with.ini
	install <with.ini
	reload_start 1 1 "$@"
	RELAY=$name
	hold in
	for _ in 1 2; do
		install <without.ini
		reload
		expect_entrances 1
		wait_for "the end of the entrance" sockets_at_most $((WEIR_SOCKETS + 2))
		install <with.ini
		reload
	done
	release in
	visit
	expect_entrances 1 1
}
beside "an abstract name removed at its limit, where nobody waits, is free at once" abstract_removed_at_its_limit
beside "the same with four workers" abstract_removed_at_its_limit -o workers=4

# Another program may have the path as soon as it is removed, and then it is not ours to unlink.
path_taken_over() {
	full "unix:$PWD/path" 1 1
	install <without.ini
	reload
	peer other -s -i listen "unix:$PWD/path" port-file other.port accept send-text other
	wait_for "the other program" test -S path
	expect_five_more
	expect_entrances 1
	[ -S path ] || fail "the path of another was taken away"
	RELAY=unix:$PWD/path
	client recv-text other
	peer_end client
	FORGOTTEN=yes
}
beside "a unix path removed is another's at once" path_taken_over

# expect_access PATH MODE_AND_GROUP
expect_access() {
	expect_equal "mode and group of $1" "$2" "$(stat -c '%a %g' "$1")"
}

# Who may connect changes with the file in paths that are kept: in all of them or in none.
kept_path_with_another_access() {
	local usual
	[ "$(id -u)" = 0 ] || skip "not root"
	target -s echo
	printf '#!/bin/sh\numask 027; exec setpriv --groups 1 --bounding-set -chown "%s" "$@"\n' "$WEIR" >weir-unable
	chmod +x weir-unable
	WEIR=$PWD/weir-unable
	section a "unix:$PWD/one mode=666" "listen = unix:$PWD/other" | install
	reload_start 0 2
	RELAY=unix:$PWD/one
	hold kept
	usual="750 $(id -g)"
	expect_access one "666 $(id -g)"
	expect_access other "$usual"
	section a "unix:$PWD/one" "listen = unix:$PWD/other group=1 mode=660" | install
	reload
	expect_access one "$usual"
	expect_access other "660 1"
	section a "unix:$PWD/one mode=600" "listen = unix:$PWD/other group=2" | install
	EXPECT_LOG="cannot set\|$NOT_RELOADED"
	reload_fails "cannot set \"group=2\" on unix:$PWD/other: Operation not permitted; expected a group"
	expect_access one "$usual"
	expect_access other "660 1"
	release kept
	RELAY=unix:$PWD/other visit
}
beside "mode= and group= of kept unix paths, where one cannot be set" kept_path_with_another_access

# Nobody waits, but pairs are there: its limit and counters hold when it comes back.
relay_comes_back() {
	EXPECT_LOG='max_connections .* reached'
	target -s echo
	{
		section one 127.0.0.1:0
		section two 127.0.0.2:0 "max_connections = 1"
	} | install
	cp relay.ini with.ini
	reload_start 2 "$@"
	RELAY=$(at 127.0.0.2) hold old
	section one 127.0.0.1:0 | install
	reload
	RELAY=$(at 127.0.0.2) expect_refused
	weir_dump
	has relay name=two pairs=1 || fail "not the pair"
	install <with.ini
	reload
	RELAY=$(at 127.0.0.2) client mirror send 10 recv 10 touch in fin expect-fin
	wait_log "$EXPECT_LOG"
	[ ! -e in ] || fail "the old pair does not count any more"
	weir_dump
	has relay name=two pairs=1 accepted=1 upload_bytes=10 || fail "the counters were lost"
	release old
	peer_end client
}
beside "a relay removed and added again while its pairs live: limits and counters go on" relay_comes_back
beside "the same with four workers" relay_comes_back -o workers=4

# ---- what cannot be done ----

# The kernel gives *:P to nobody while 127.0.0.1:P listens.
to_every_address() {
	local port
	EXPECT_LOG="cannot listen on .*: relay one has\|$NOT_RELOADED"
	target -s echo
	section one 127.0.0.1:0 | install
	reload_start 1 "$@"
	port=${RELAY##*:}
	section one "*:$port" | install
	reload_fails "cannot listen on \*:$port: relay one has 127.0.0.1:$port"
	visit
	section one 127.0.0.2:0 | install
	reload
	RELAY=127.0.0.1:$port expect_refused
	section one "*:$port" | install
	reload
	RELAY=127.0.0.2:$port visit
	section one "127.0.0.1:$port" | install
	reload_fails "cannot listen on 127.0.0.1:$port: relay one has "
	RELAY=127.0.0.1:$port visit
}
beside "from one address to all with the same port, and back" to_every_address

target_gone_with_names() {
	target -s echo
	section one localhost:0 | install
	TARGET=localhost:${TARGET##*:} section two 127.0.0.2:0 >>relay.ini
	reload_start 2 "$@"
	hold old
	section one localhost:0 | install
	reload
	visit
	TARGET=localhost:${TARGET##*:} section two 127.0.0.2:0 >>relay.ini
	reload
	RELAY=$(at 127.0.0.2) visit
	release old
	FORGOTTEN=yes
}
beside "targets and entrances with host names come and go" target_gone_with_names

finish
