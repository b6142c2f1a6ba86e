#!/bin/bash
# Clients that are held while no target can be connected.
#
# Runs in its own network namespace, where that is allowed.
NETWORK=${NETWORK:-needed}
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"
# shellcheck source=reload_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/reload_lib.sh"

EXPECT_LOG='is down: \|no target could be connected\|does not resolve\|still there after drain_timeout'

# The port stays the target's own: it is refusing before it listens.
down() {
	peer target refuse "127.0.0.1:$(own_port)" port-file target.port await over
	target_port target
}

# back WORD...: the target comes back.
back() {
	touch over
	peer_end target
	peer_with target "listen $TARGET port-file again accept" "$@"
	wait_for "the target to be back" test -e again
}

# held COUNT: so many pairs wait for a target.
held() {
	dump_until count "$1" pair state=connecting
}

longest_wait() {
	sed -n 's/.* closed pair=.* duration_ms=\([0-9]*\) .*/\1/p' weir.log | sort -n | tail -n 1
}

# A client may come back to weir at any time while the target is away. The wait between two rounds is at most
# half a second.
restarts() {
	local began away
	down
	weir_relay -o retry_time=30s "$@"
	watch_lateness
	began=$(now_ms)
	client -n 100 -j 1500 send 10 recv 10 fin expect-fin
	held 100
	sleep 0.5
	back -n 100 recv 10 send 10 expect-fin fin
	away=$(($(now_ms) - began))
	peer_end client
	weir_dump
	has relay connect_failed=0 accepted=100
	expect_at_most "ms until the last was served" $((away + 500 + $(lateness))) "$(longest_wait)"
}
beside "a target restarts: none of 100 clients notices" restarts -o workers=1
beside "the same with 4 workers, copied" restarts -o workers=4 -o splice=off

time_is_over() {
	down
	weir_relay -o retry_time=1s -o connect_timeout=30s
	client -n 20 expect-rst
	peer_end client
	wait_closed reason=connect_failed ended_first=none
	weir_dump
	has relay connect_failed=20 accepted=20
	wait_for "20 that were held for a second" log_counts 20 ' duration_ms=[1-9][0-9][0-9][0-9]'
	expect_at_most "warnings" 3 "$(grep -c ' warning ' weir.log)"
	touch over
}
beside "clients are held no longer than retry_time" time_is_over

# A name server that is slow or a name that is wrong: what is not known yet may be known later.
name_without_an_address() {
	weir_start -l 127.0.0.1:0 -T does-not-exist.invalid:1 -o retry_time=1s
	client expect-rst
	peer_end client
	wait_closed reason=connect_failed
	expect_at_least "its wait" 1000 "$(longest_wait)"
}
beside "a host name without an address is waited for as well" name_without_an_address

gives_up() {
	down
	weir_relay -o retry_time=1m
	client_as resets expect-open 300 rst
	client_as speaks_and_resets send 10 expect-open 300 rst
	client_as ends expect-open 300 fin expect-rst
	client_as serves send 10 fin recv 10 expect-fin
	peer_end resets
	peer_end speaks_and_resets
	peer_end ends
	wait_closed reason=connect_failed ended_first=client upload_bytes=0
	wait_for "both resets" log_counts 2 'ended_first=client reason=client_reset'
	held 1
	back recv 10 expect-fin send 10 fin
	peer_end serves
	wait_closed reason=eof
	weir_dump
	has relay connect_failed=1 accepted=4
}
beside "clients that reset or end have given up, but not one that has asked" gives_up

holds_its_slot() {
	down
	weir_relay -o retry_time=1m -o max_connections=2 -o idle_timeout=800ms -o log_level=notice
	client_as first -n 2 await held expect-open 1000 rst
	held 2
	touch held
	client_as second -n 2 send 10 recv 10 fin expect-fin
	peer_end first
	held 2
	back -n 2 recv 10 send 10 expect-fin fin
	peer_end second
}
EXPECT_LOG="$EXPECT_LOG\|max_connections (2) reached" \
	beside "a client that is held counts, and idles as long as it likes" holds_its_slot

drains() {
	down
	weir_relay -o retry_time=1m
	client send 10 recv 10 fin expect-fin
	held 1
	kill -TERM "$WEIR_PID"
	wait_log 'SIGTERM: no new clients; 1 pairs'
	back recv 10 send 10 expect-fin fin
	peer_end client
	weir_expect_status 0
	closed_has reason=eof
}
beside "a client that is held while weir stops is still served" drains

drains_in_vain() {
	down
	weir_relay -o retry_time=1m -o drain_timeout=300ms
	client -n 5 expect-rst
	held 5
	kill -TERM "$WEIR_PID"
	weir_expect_status 0
	peer_end client
	expect_equal "pairs that were reset" 5 "$(grep -c 'reason=shutdown' weir.log)"
	touch over
}
beside "clients that are held are reset by drain_timeout" drains_in_vain

# A pair keeps its generation, with the targets of that.
reloads() {
	down
	section one 127.0.0.1:0 'retry_time = 1m' | install
	weir_start -c relay.ini
	RELAY=$(listening_on one)
	client -n 20 send 10 recv 10 fin expect-fin
	held 20
	TARGET=127.0.0.9:1 section one 127.0.0.2:0 | install
	reload
	peer later connect "$(listening_on one 2)" expect-rst
	peer_end later
	held 20
	back -n 20 recv 10 send 10 expect-fin fin
	peer_end client
	weir_measure
}
beside "clients that are held keep the settings that they came with" reloads

# logged_at PATTERN: when the last such line was written, in ms.
logged_at() {
	date -d "$(grep -e "$1" weir.log | tail -n 1 | cut -d ' ' -f 1)" +%s%3N
}

# Each of the clients alone would try within half a second.
name_changes() {
	local name
	[ "$NETWORK" = given ] || skip "no namespaces to be had"
	echo "127.0.0.2 moves.test" >hosts
	cat >in-files <<-END
		#!/bin/sh
		mount --bind "$PWD/hosts" /etc/hosts && exec "$WEIR" "\$@"
	END
	cat >in-namespace <<-END
		#!/bin/sh
		exec unshare -m "$PWD/in-files" "\$@"
	END
	chmod +x in-files in-namespace
	unshare -m ./in-files --version || skip "no files can be bound"
	WEIR=$PWD/in-namespace
	target -n 8 recv 10 send 10 expect-fin fin
	for name in one two three four five six seven eight; do
		TARGET=moves.test:${TARGET##*:} section $name 127.0.0.1:0 'retry_time = 1m' 'resolve_interval = 1h'
	done | install
	weir_start -c relay.ini
	for name in one two three four five six seven eight; do
		RELAY=$(listening_on $name)
		client_as $name -j 500 send 10 recv 10 fin expect-fin
	done
	held 8
	sleep 0.5
	watch_lateness
	echo "127.0.0.1 moves.test" >hosts
	peers_end
	wait_for "the close lines" so_many_served 8
	wait_log 'now resolves to 127.0.0.1:'
	expect_at_most "ms until all were served" $((250 + $(lateness))) $(($(logged_at 'closed pair') - $(logged_at 'now resolves')))
}
beside "a name that moves takes its clients with it at once" name_changes

active_opens() {
	awk '$1 == "Tcp:" && $6 ~ /[0-9]/ { print $6 }' /proc/net/snmp
}

# Each of them alone would try twice in a second. A worker lets a hundred through.
thousands() {
	local before began opens ticks workers
	[ "$NETWORK" = given ] || skip "no namespaces to be had"
	down
	weir_relay -o retry_time=1m -o log_connections=off -o max_connections=2100
	needs_pairs 2000
	client -n 2000 send 10 recv 10 fin expect-fin
	held 2000
	workers=$(value workers weir)
	began=$(now_ms)
	before=$(active_opens)
	ticks=$(weir_ticks)
	sleep 2
	opens=$(($(active_opens) - before))
	ticks=$(($(weir_ticks) - ticks))
	expect_at_most "connects" $((workers * (($(now_ms) - began) / 10 + 1))) "$opens"
	expect_at_least "connects" 20 "$opens"
	if [ $SANITIZED = no ]; then expect_at_most "ticks in two seconds" 10 "$ticks"; fi
	back -n 2000 recv 10 send 10 expect-fin fin
	peer_end client
	weir_dump
	has relay connect_failed=0 accepted=2000
}
EXPECT_LOG="$EXPECT_LOG\|no answer from a target" \
	scenario "2,000 clients that are held try a hundred times in a second on each worker, and all follow one" thousands

finish
