#!/bin/bash
# SIGHUP: what a good relay.ini changes and leaves alone, what a bad one does not, and when it comes at a bad
# time. reload_entrances.sh has the listening addresses.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"
# shellcheck source=reload_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/reload_lib.sh"

# ---- settings of pairs ----

old_pairs_keep_their_settings() {
	target -s -i echo
	section one 127.0.0.1:0 "high_watermark = 64K" "low_watermark = 16K" | install
	reload_start 1 "$@"
	hold old
	section one 127.0.0.1:0 "high_watermark = 128K" "low_watermark = 32K" | install
	reload
	hold new
	weir_dump
	count 2 pair relay=one || fail "not two pairs"
	count 1 relay || fail "not one relay"
	count 2 flow high=65536 low=16384 || fail "the old pair has other watermarks"
	count 2 flow high=131072 low=32768 || fail "the new pair has other watermarks"
	has relay name=one pairs=2 accepted=2 upload_bytes=20 download_bytes=20 || fail "the counters"
	section one 127.0.0.1:0 "idle_timeout = 100ms" | install
	reload
	client_as short expect-rst
	wait_closed reason=idle_timeout
	weir_dump
	count 2 pair relay=one || fail "old pairs were timed out"
	release old
	release new
}
beside "old pairs keep their settings, new ones get the new" old_pairs_keep_their_settings
beside "the same with four workers" old_pairs_keep_their_settings -o workers=4
beside "the same without splice" old_pairs_keep_their_settings -o splice=off

# Those of targets: the old pair's is removed.
targets_change() {
	local old
	target_as first -s send-text 1 echo
	section one 127.0.0.1:0 | install
	reload_start 1
	held_text=1 hold old
	old=$TARGET
	target_as second -s send-text 2 echo
	section one 127.0.0.1:0 | install
	reload
	visit 2
	dump_until count 1 pair
	count 1 target target="$old" weight=0 pairs=1 connects=1 || fail "the old target is gone"
	count 1 target target="$TARGET" weight=1 connects=1 || fail "not the new target"
	release old
	has relay name=one accepted=2 || fail "the counters"
	dump_until count 1 target
}
beside "a target is replaced: the old pair goes on" targets_change

# It is connected to the target that its relay had, even if there is no such relay any more.
connecting_pair() {
	peer silent silent 127.0.0.1:0 port-file silent.port await go loud accept recv 10 send 10 expect-fin fin
	target_port silent
	section one 127.0.0.1:0 "connect_timeout = 1h" | install
	reload_start 1
	client send 10 recv 10 fin expect-fin
	dump_until has pair state=connecting
	target -s echo
	section "$1" 127.0.0.1:0 | install
	reload
	visit
	weir_dump
	has pair relay=one state=connecting || fail "the pair is gone"
	touch go
	peer_end client
	wait_closed relay=one upload_bytes=10 reason=eof
	FORGOTTEN=yes
}
beside "a pair that is being connected: its target is replaced" connecting_pair one
beside "a pair that is being connected: its relay goes" connecting_pair two

# It is the entrance of the relay itself, as the kernel knows it.
target_leads_back() {
	EXPECT_LOG='leads back'
	target -s echo
	section one 127.0.0.1:0 | install
	reload_start 1
	visit
	TARGET=$RELAY section two 127.0.0.1:0 | install
	reload
	client expect-rst
	peer_end client
	wait_log "$EXPECT_LOG"
	FORGOTTEN=yes
}
beside "a target that leads back to an entrance that is kept" target_leads_back

command_line_wins() {
	target -s echo
	section one 127.0.0.1:0 "high_watermark = 64K" | install
	reload_start 1 -o defaults.low_watermark=1K -l 127.0.0.2:0 -T "$TARGET"
	section one 127.0.0.1:0 "high_watermark = 128K" | install
	printf '[defaults]\nlow_watermark = 2K\n' >>relay.ini
	reload
	RELAY=$(at 127.0.0.1) hold one
	RELAY=$(at 127.0.0.2) hold two
	weir_dump
	count 2 flow high=131072 low=1024 || fail "the command line counts no more"
	has pair relay=command-line || fail "the relay of the command line is gone"
	release one
	release two
}
beside "what the command line says counts after a reload too" command_line_wins

# So that a reload has nothing to read again.
nothing_to_reload() {
	target -s echo
	weir_relay
	hold old
	order_reload
	wait_for "an answer" said_since_reload 'SIGHUP: .*nothing to reload'
	release old
}
beside "without a file there is nothing to reload" nothing_to_reload

# What the kernel has for the socket of a client: receive buffer and keepalive.
client_socket() {
	ss -Htnomi state established sport = ":${RELAY##*:}" | tr '\n' ' '
}

socket_options_change() {
	command -v ss >/dev/null || skip "ss is missing"
	target -s echo
	section one 127.0.0.1:0 "client_rcvbuf = 32K" "tcp_keepalive = off" | install
	reload_start 1 "$@"
	hold old
	[[ $(client_socket) == *"rb65536,"* ]] || fail "the buffer is not as it was set: $(client_socket)"
	[[ $(client_socket) != *keepalive* ]] || fail "there is a keepalive timer: $(client_socket)"
	release old
	wait_for "the end of the first" weir_has_no_pairs
	section one 127.0.0.1:0 "client_rcvbuf = 128K" "keepalive_idle = 100s" | install
	reload
	hold new
	[[ $(client_socket) == *"rb262144,"* ]] || fail "the buffer is the old one: $(client_socket)"
	[[ $(client_socket) == *"keepalive,1min"* ]] || fail "no keepalive timer: $(client_socket)"
	release new
	wait_for "the end of the second" weir_has_no_pairs
	section one 127.0.0.1:0 "tcp_keepalive = off" | install
	reload
	hold third
	[[ $(client_socket) != *keepalive* ]] || fail "there is a keepalive timer: $(client_socket)"
	[[ $(client_socket) != *"rb262144,"* ]] || fail "the buffer is still set: $(client_socket)"
	release third
}
beside "socket buffers and keepalive of an entrance that is kept" socket_options_change
beside "the same with four workers" socket_options_change -o workers=4

# ---- limits and memory, at once ----

in_section() {
	printf '[%s]\n%s\n' "$@"
	section one 127.0.0.1:0
}

# SECTION KEY: one client is in, one waits, and gets in when the limit is raised; lowered, it cuts nobody.
limit_changes() {
	local head=$1
	shift
	EXPECT_LOG='max_connections .* reached'
	target -s echo
	in_section "$head" "max_connections = 1" | install
	reload_start 1 "$@"
	hold first
	client_as second mirror send 10 recv 10 touch second.in await second.go fin expect-fin
	wait_log "$EXPECT_LOG"
	in_section "$head" "max_connections = 2" | install
	reload
	wait_for "the second to be in" test -e second.in
	weir_dump
	has weir pairs=2 || fail "not two pairs"
	in_section "$head" "max_connections = 1" | install
	reload
	client_as third mirror send 10 recv 10 touch third.in fin expect-fin
	release first
	weir_expect_quiet
	[ ! -e third.in ] || fail "the third is in although the limit is reached"
	weir_dump
	has weir pairs=1 || fail "not one pair"
	touch second.go
	peer_end second
	peer_end third
}
beside "max_connections of all is raised and lowered" limit_changes global
beside "max_connections of relays is raised and lowered" limit_changes defaults
beside "the same with four workers" limit_changes global -o workers=4
beside "that of relays with four workers" limit_changes defaults -o workers=4

# Many wait, at several entrances and workers: each gets in as soon as there is room for it.
many_get_in() {
	EXPECT_LOG='max_connections .* reached'
	target -s echo
	{
		printf '[global]\nmax_connections = 1\n'
		section one 127.0.0.1:0
		section two 127.0.0.2:0 "max_connections = 10"
	} | install
	reload_start 2 -o workers=4
	RELAY=$(at 127.0.0.1) hold first
	client_as many -n 20 mirror send 10 recv 10 touch many.in await go fin expect-fin
	RELAY=$(at 127.0.0.2) client_as more -n 20 mirror send 10 recv 10 touch more.in await go fin expect-fin
	wait_log "$EXPECT_LOG"
	{
		printf '[global]\nmax_connections = 41\n'
		section one 127.0.0.1:0
		section two 127.0.0.2:0 "max_connections = 20"
	} | install
	reload
	wait_for "20 clients to be in" test -e many.in
	dump_until has weir pairs=41
	release first
	wait_for "all to be in" test -e more.in
	touch go
	peer_end many
	peer_end more
}
beside "limits are raised: all that wait get in" many_get_in

limit_appears_and_goes() {
	EXPECT_LOG='max_connections .* reached'
	target -s echo
	section one 127.0.0.1:0 | install
	reload_start 1
	hold first
	section one 127.0.0.1:0 "max_connections = 1" | install
	reload
	client_as second mirror send 10 recv 10 touch second.in await second.go fin expect-fin
	wait_log "$EXPECT_LOG"
	[ ! -e second.in ] || fail "a pair from before the limit does not count"
	section one 127.0.0.1:0 "max_connections = 0" | install
	reload
	wait_for "the second to be in" test -e second.in
	touch second.go
	release first
}
beside "a relay gets a limit, and loses it again" limit_appears_and_goes

refused_are() {
	weir_dump
	has relay name=one refused="$1" || fail "not $1 refused"
}

per_source_changes() {
	target -s echo
	section one 127.0.0.1:0 "max_connections_per_source = 1" | install
	reload_start 1 "$@"
	hold first
	client_as late expect-rst
	peer_end late
	section one 127.0.0.1:0 "max_connections_per_source = 2" | install
	reload
	hold second
	client_as late expect-rst
	peer_end late
	refused_are 2
	section one 127.0.0.1:0 "max_connections_per_source = 1" | install
	reload
	release first
	dump_until has weir pairs=1
	client_as late expect-rst
	peer_end late
	release second
	dump_until has weir pairs=0
	hold third
	client_as late expect-rst
	peer_end late
	section one 127.0.0.1:0 | install
	reload
	hold fourth
	release third
	release fourth
	refused_are 4
}
beside "max_connections_per_source is raised, lowered, and goes" per_source_changes
beside "the same with four workers" per_source_changes -o workers=4

# A reader that rests. When the limit is lowered, what is queued is over it until that has been read.
memory_changes() {
	dump_check() { :; }
	target rcvbuf 8K await some recv 256K await go recv 16128K expect-fin fin
	{
		printf '[global]\nmemory_max = 64K\n'
		section one 127.0.0.1:0 "high_watermark = 8M" "target_sndbuf = 8K" "client_rcvbuf = 8K"
	} | install
	reload_start 1 "$@"
	client send 16M fin expect-fin
	dump_until has flow direction=upload reading=paused
	expect_at_most "used" 65536 "$(value used weir)"
	sed -i 's/memory_max = .*/memory_max = 2M/' relay.ini
	reload
	touch some
	dump_until peaked_at_least 900000
	has weir memory_max=2097152 || fail "memory_max is as it was"
	expect_at_most "used" 2097152 "$(value used weir)"
	sed -i 's/memory_max = .*/memory_max = 64K/' relay.ini
	reload
	weir_dump
	has weir memory_max=65536 || fail "memory_max is as it was"
	touch go
	peers_end
	wait_closed reason=eof upload_bytes=16777216 dropped=0
}
peaked_at_least() {
	[ "$(value peak flow direction=upload)" -ge "$1" ]
}
beside "memory_max is raised and lowered, old pairs go by it" memory_changes
beside "the same without splice" memory_changes -o splice=off

# ---- the log, the dump, the drain ----

debug_lines() {
	grep -c ' debug ' weir.log || :
}

log_settings_change() {
	local lines
	target -s echo
	section one 127.0.0.1:0 | install
	reload_start 1
	visit
	wait_closed reason=eof
	expect_equal "debug lines" 0 "$(debug_lines)"
	{
		printf '[global]\nlog_level = debug\nlog_connections = off\n'
		section one 127.0.0.1:0
	} | install
	reload
	visit
	dump_until has weir pairs=0
	wait_for "debug lines" log_has ' debug '
	expect_equal "close lines" 1 "$(grep -c ' closed pair=' weir.log)"
	section one 127.0.0.1:0 | install
	reload
	lines=$(debug_lines)
	visit
	wait_for "close lines" log_counts 2 ' closed pair='
	expect_equal "debug lines" "$lines" "$(debug_lines)"
	close_lines_add_up() { :; }
}
beside "log_level and log_connections at once" log_settings_change

# A pair from before the reload.
log_connections_of_old_pairs() {
	target -s echo
	section one 127.0.0.1:0 | install
	reload_start 1
	hold old
	in_section global "log_connections = off" | install
	reload
	release old
	dump_until has weir pairs=0
	expect_equal "close lines" 0 "$(grep -c ' closed pair=' weir.log || :)"
}
beside "log_connections counts for pairs that are there" log_connections_of_old_pairs

# The louder by one that -v asks for.
louder() {
	target -s echo
	section one 127.0.0.1:0 | install
	reload_start 1 -v
	{
		printf '[global]\nlog_level = notice\n'
		section one 127.0.0.1:0
	} | install
	reload
	visit
	wait_closed reason=eof
	section one 127.0.0.1:0 | install
	reload
	visit
	wait_log ' debug '
}
beside "-v still makes it louder" louder

without_dump_file() {
	printf '#!/bin/sh\nshift 2\nexec "%s" "$@"\n' "$WEIR" >starter
	chmod +x starter
	WEIR=$PWD/starter
}

dump_settings_change() {
	without_dump_file
	target -s echo
	in_section global "dump_file = $PWD/dump" | install
	reload_start 1
	hold old
	in_section global "$(printf 'dump_file = %s\ndump_format = json' "$PWD/dump.json")" | install
	reload
	kill -USR1 "$WEIR_PID"
	wait_for "a dump in the other place" test -e dump.json
	"$JSONRECORDS" dump.json >dump || fail "no JSON"
	dump_check dump
	has pair relay=one || fail "not the pair"
	section one 127.0.0.1:0 | install
	reload
	kill -USR1 "$WEIR_PID"
	wait_log 'end pairs=1'
	in_section global "dump_file = $PWD/dump" | install
	reload
	weir_dump
	has pair relay=one || fail "not the pair"
	release old
}
beside "dump_file and dump_format at once" dump_settings_change

drain_timeout_changes() {
	EXPECT_LOG='still there after drain_timeout'
	target -s -i echo
	in_section global "drain_timeout = 1h" | install
	reload_start 1
	client mirror send 10 recv 10 touch in expect-rst
	wait_for "a client to be in" test -e in
	in_section global "drain_timeout = 300ms" | install
	reload
	kill -TERM "$WEIR_PID"
	weir_expect_status 0
	wait_closed reason=shutdown
}
beside "drain_timeout at once" drain_timeout_changes

# Pairs of the workers before go on with those that there are then.
takes_over() {
	WEIR_ARGS=${WEIR_ARGS//-o workers=[0-9]/}
	target -s -i echo
	section one 127.0.0.1:0 | install
	reload_start 1
	hold old
	in_section global "workers = 7" | install
	reload
	expect_said 'has taken over from'
	hold new
	weir_dump
	has weir workers=7 takeovers=1 || fail "not 7 workers, or not by taking over"
	count 2 pair || fail "not both pairs"
	release old
	release new
	expect_entrances 1
}
beside "workers changes by taking over" takes_over

# ---- a bad file ----

# bad WHAT LINE...: the whole file. The reason has to be in the log.
bad() {
	local pattern=$1
	shift
	echo "bad: $pattern: $*"
	printf '%s\n' "$@" | install
	reload_fails "$pattern"
	nothing_has_changed
}

nothing_has_changed() {
	visit 1
	weir_dump
	count 1 relay || fail "not one relay"
	has relay name=one || fail "another relay"
	count 2 flow pair="$old" high=65536 || fail "the old pair is another one"
	wait_for "$sockets sockets" sockets_are
}

sockets_are() {
	[ "$(weir_sockets)" -eq "$sockets" ]
}

bad_start() {
	EXPECT_LOG="relay.ini\|$NOT_RELOADED\|cannot listen\|does not resolve"
	target -s send-text 1 echo
	section one 127.0.0.1:0 "high_watermark = 64K" >good.ini
	install <good.ini
	reload_start 1 "$@"
	held_text=1 hold old
	weir_dump
	old=$(value id pair)
	sockets=$(weir_sockets)
}

# Then a good one.
bad_end() {
	{
		section one 127.0.0.1:0 "high_watermark = 128K"
		section two 127.0.0.2:0
	} | install
	reload
	RELAY=$(at 127.0.0.2) visit 1
	held_text=1 hold new
	weir_dump
	has flow high=131072 || fail "the good file does not count"
	release new
	release old
	expect_entrances 2
}

bad_files() {
	local one
	bad_start "$@"
	one=("[relay one]" "listen = 127.0.0.1:0" "target = $TARGET")
	bad 'relay.ini:1: ' "nonsense"
	bad 'relay.ini:4: ' "${one[@]}" "no_such_key = 1"
	bad 'relay.ini:4: ' "${one[@]}" "high_watermark = lots"
	bad 'relay.ini:4: ' "${one[@]}" "[no such section]"
	bad 'relay.ini:2: ' "[global]" "log_level = loud" "${one[@]}"
	bad 'relay.ini' "# nothing"
	bad 'relay.ini' "${one[@]:0:2}"
	bad 'relay.ini:5: ' "[relay one]" "listen = 127.0.0.1:7" "target = $TARGET" "[relay two]" "listen = *:7" "target = $TARGET"
	bad 'relay.ini:2: ' "[relay one]" "listen = unix:$PWD/no/such/folder" "target = $TARGET"
	bad 'relay.ini:4: ' "${one[@]}" "low_watermark = 2M"
	bad_end
}
beside "bad files: nothing changes" bad_files
beside "the same with four workers" bad_files -o workers=4

# All is to be named in one run.
all_errors() {
	bad_start
	bad 'relay.ini:1: ' "x = 1" "[relay one]" "listen = 127.0.0.1:0" "target = $TARGET" "high_watermark = x" "zzz = 1"
	expect_said 'relay.ini:5: '
	expect_said 'relay.ini:6: '
	bad_end
}
beside "a bad file: every error is logged" all_errors

no_file() {
	bad_start
	rm relay.ini
	reload_fails 'relay.ini: .*No such file'
	nothing_has_changed
	mkdir relay.ini
	reload_fails 'relay.ini: .*directory'
	nothing_has_changed
	rmdir relay.ini
	ln -s relay.ini relay.ini
	reload_fails 'relay.ini: .*symbolic'
	nothing_has_changed
	rm relay.ini
	mkfifo relay.ini
	reload_fails 'relay.ini: .*pipe'
	nothing_has_changed
	rm relay.ini
	if [ "$(id -u)" != 0 ]; then
		install <good.ini
		chmod 0 relay.ini
		reload_fails 'relay.ini: .*Permission'
		nothing_has_changed
	fi
	bad_end
}
beside "the file is gone, is a folder, a pipe, leads to itself" no_file

# What only bind(2) and the resolver can find out. The entrance before it could be bound, and does not listen.
not_to_be_bound() {
	local new=127.9.$((BASHPID / 256 % 256)).$((BASHPID % 256)) # nobody else's
	bad_start "$@"
	peer taken -s -i listen 127.0.0.3:0 port-file taken.port accept
	wait_for "a port that is taken" test -e taken.port
	bad "cannot listen on 127.0.0.3:$(<taken.port): .*in use" \
		"[relay one]" "listen = 127.0.0.1:0" "listen = $new:0" "listen = 127.0.0.3:$(<taken.port)" "target = $TARGET"
	expect_nobody_at $new
	bad 'cannot listen on no-such-name.invalid:7: ' \
		"[relay one]" "listen = $new:0" "listen = no-such-name.invalid:7" "target = $TARGET"
	expect_nobody_at $new
	bad 'cannot listen on 203.0.113.1:7: ' \
		"[relay one]" "listen = $new:0" "listen = 203.0.113.1:7" "target = $TARGET"
	expect_nobody_at $new
	peer path -s -i listen "unix:$PWD/taken" port-file path.port accept
	wait_for "a path that is taken" test -S taken
	bad "cannot listen on unix:$PWD/taken: .*in use" \
		"[relay one]" "listen = unix:$PWD/new" "listen = unix:$PWD/taken" "target = $TARGET"
	[ ! -e new ] || fail "a path was left behind"
	[ -S taken ] || fail "the path of another is gone"
	bad_end
}

# Neither in the log nor in the kernel.
expect_nobody_at() {
	if [ -n "$(at "$1")" ]; then fail "somebody listens at $1"; fi
	expect_equal "listening sockets at $1" "" "$(ss -Htln src "$1" 2>/dev/null | head -n 1)"
}
beside "entrances that cannot be bound: nothing changes" not_to_be_bound
beside "the same with four workers" not_to_be_bound -o workers=4

descriptors_used_up() {
	command -v prlimit >/dev/null || skip "prlimit is missing"
	bad_start "$@"
	EXPECT_LOG="$EXPECT_LOG\|cannot accept\|Too many open files"
	{
		section one 127.0.0.1:0 "high_watermark = 128K"
		section two 127.0.0.2:0
		section three 127.0.0.3:0
	} | install
	for n in 0 1; do
		prlimit --pid "$WEIR_PID" --nofile="$(($(lowest_free_descriptor) + n)):20000"
		reload_fails 'Too many open files'
		prlimit --pid "$WEIR_PID" --nofile=10000:20000
		nothing_has_changed
	done
	bad_end
}

lowest_free_descriptor() {
	local n=0
	while [ -e "/proc/$WEIR_PID/fd/$n" ]; do n=$((n + 1)); done
	echo $n
}
beside "descriptors are used up: nothing changes" descriptors_used_up

# ---- when it comes ----

draining() {
	target -s echo
	section one 127.0.0.1:0 | install
	reload_start 1
	hold old
	kill -TERM "$WEIR_PID"
	wait_log 'no new clients'
	order_reload
	wait_for "an answer" said_since_reload 'SIGHUP: .*stopping'
	if reload_ended; then fail "it was reloaded"; fi
	release old
	weir_expect_status 0
}
beside "HUP while it drains: refused" draining

# They are not queued: what comes meanwhile makes one more.
hundred_at_once() {
	local n
	target -s echo
	section one 127.0.0.1:0 | install
	reload_start 1 "$@"
	for n in $(seq 100); do
		if [ "$n" = 50 ]; then section one 127.0.0.1:0 "high_watermark = 8K" "low_watermark = 1K" | install; fi
		kill -HUP "$WEIR_PID"
	done
	wait_for "the last reload" settled
	hold last
	weir_dump
	count 2 flow high=8192 || fail "the last file does not count"
	release last
	expect_equal "reloads that failed" 0 "$(grep -c "$NOT_RELOADED" weir.log || :)"
	echo "reloads: $(grep -c "$RELOADED" weir.log)"
}

# No more lines for a while: a reload takes milliseconds.
settled() {
	local before
	before=$(grep -c "$RELOADED" weir.log) || return 1
	sleep 0.3
	[ "$(grep -c "$RELOADED" weir.log)" = "$before" ]
}
beside "HUP a hundred times: the last file counts" hundred_at_once
beside "the same with four workers" hundred_at_once -o workers=4

# Pairs of three generations, and clients that wait at the limit of an entrance that is removed.
drained_afterwards() {
	EXPECT_LOG='max_connections .* reached\|still there after drain_timeout'
	target -s -i echo
	{
		section one 127.0.0.1:0
		section two 127.0.0.2:0 "max_connections = 1"
	} | install
	reload_start 2 -o "drain_timeout=$1" "${@:2}"
	hold first
	RELAY=$(at 127.0.0.2) hold second
	RELAY=$(at 127.0.0.2) client_as waiting -n 3 mirror touch waiting.there send 10 fin recv-until-end
	wait_for "clients that wait" test -e waiting.there
	wait_log 'max_connections .* reached'
	section three 127.0.0.1:0 | install
	reload
	hold third
	section four 127.0.0.1:0 | install
	reload
	hold fourth
	kill -TERM "$WEIR_PID"
	wait_log 'no new clients'
}

drained() {
	drained_afterwards 1h "$@"
	weir_alive || fail "it has not waited for its pairs"
	for name in third first fourth second; do release $name; done
	peer_end waiting
	weir_expect_status 0
	expect_equal "clients that were served" 7 "$(grep -c ' closed .* reason=eof' weir.log)"
}
beside "TERM with pairs of several generations: all are finished" drained
beside "the same with four workers" drained -o workers=4

drained_by_force() {
	drained_afterwards 300ms "$@"
	weir_expect_status 0
	expect_equal "pairs that were reset" 4 "$(grep -c ' closed .* reason=shutdown' weir.log)"
	peer_end waiting
	for name in first second third fourth; do kill "${PEERS[$name]}"; done
	PEERS=()
}
beside "the drain deadline with pairs of several generations" drained_by_force

with_dumps() {
	local n
	target -s echo
	section one 127.0.0.1:0 | install
	reload_start 1 "$@"
	hold many -n 50
	for n in $(seq 20); do
		section "relay-$n" 127.0.0.1:0 | install
		kill -USR1 "$WEIR_PID"
		order_reload
		kill -USR1 "$WEIR_PID"
		wait_reloaded
		dump_until has relay name="relay-$n" # the last one may have begun before
		count 50 pair relay=one || fail "not 50 pairs of the old one"
	done
	release many
	FORGOTTEN=yes
}
beside "dumps and reloads at once" with_dumps -o workers=4

terminated() {
	local n
	target -s echo
	for n in $(seq 10); do
		rm -f weir.log
		section one 127.0.0.1:0 | install
		weir_start -c relay.ini
		hold "old-$n"
		{
			section one 127.0.0.1:0
			section two 127.0.0.2:0
			section three localhost:0
		} | install
		order_reload
		kill -TERM "$WEIR_PID"
		wait_log 'no new clients'
		release "old-$n"
		weir_expect_status 0
		expect_equal "reports of a failed reload" "" "$(grep ' error ' weir.log)"
	done
}
beside "TERM during a reload" terminated

many_relays() {
	local n
	target -s echo
	for n in $(seq 200); do section "relay-$n" "127.0.1.$n:0"; done | install
	reload_start 200 "$@"
	RELAY=$(at 127.0.1.100) hold old
	for n in $(seq 101 255); do section "relay-$n" "127.0.1.$n:0"; done | install
	reload
	expect_said "$RELOADED.*100 kept.*55 added.*100 removed"
	RELAY=$(at 127.0.1.200) visit
	RELAY=$(at 127.0.1.255) visit
	release old
	dump_until count 155 relay
	expect_entrances 155
	FORGOTTEN=yes
}
beside "200 relays, of which half are replaced" many_relays -o workers=2

# Pairs have kept the settings that they began with.
memory_of_earlier_files() {
	local n before
	[ "$SANITIZED" = no ] || skip "sanitizers keep what is freed"
	target -s echo
	{
		section one 127.0.0.1:0
		for n in $(seq 400); do section "relay-$n" "unix:$PWD/$n"; done
	} | install
	reload_start 1 400 -o workers=2
	reload
	before=$(weir_rss)
	for n in $(seq 12); do
		hold "old-$n"
		reload
	done
	[ "$(weir_rss)" -gt $((before + 4096)) ] || fail "this is not much memory, so it cannot show anything"
	for n in $(seq 12); do release "old-$n"; done
	wait_for "memory nearly as before" weir_rss_at_most $((before + 2048))
}
beside "the memory of earlier files goes back to the system" memory_of_earlier_files

# ---- the service manager ----

# It is told when a reload begins and when it has ended, however it has.
notified_start() {
	EXPECT_LOG="relay.ini\|$NOT_RELOADED"
	target -s echo
	section one 127.0.0.1:0 | install
	manage
	reload_start 1
	wait_told 'READY=1'
	told_mark=$(wc -l <messages)
}

# Of the messages that say how it is, not of those that only say that it lives.
notified() {
	tail -n "+$((told_mark + 1))" messages | sed 's/^[0-9]* //' | grep 'READY=\|RELOADING=\|STOPPING='
}

notified_last() {
	notified | tail -n 1 | grep -q "$1"
}

# From 253 on systemd takes no RELOADING without the time at which it began.
expect_notified() {
	local began
	wait_for "READY" notified_last "READY=1.*STATUS=$1"
	expect_equal "messages about a reload" "RELOADING=1 READY=1" \
		"$(notified | grep -o '^RELOADING=1\|^READY=1' | paste -sd ' ')"
	began=$(notified | sed -n 's/^RELOADING=1.* MONOTONIC_USEC=\([0-9]*\).*/\1/p')
	expect_at_least "MONOTONIC_USEC" "$before" "$began"
	expect_at_most "MONOTONIC_USEC" $(($(uptime_us) + 10000)) "$began"
	told_mark=$(wc -l <messages)
	before=$(uptime_us)
}

# To the hundredth of a second, rounded down.
uptime_us() {
	tr -d . </proc/uptime | awk '{ print $1 "0000" }'
}

reloads_notified() {
	local before told_mark
	notified_start
	before=$(uptime_us)
	reload
	expect_notified '[^ ]'
	section one 127.0.0.1:0 nonsense | install
	reload_fails 'relay.ini:4: '
	expect_notified '.*relay.ini:4: '
	section one 127.0.0.1:0 | install
	reload
	wait_for "READY" notified_last '^READY=1'
	if notified | grep 'relay.ini'; then fail "the failed reload is still there"; fi
	expect_notified '[^ ]'
	for _ in $(seq 50); do kill -HUP "$WEIR_PID"; done
	wait_for "the last reload" settled
	wait_for "READY" notified_last '^READY=1'
	kill -TERM "$WEIR_PID"
	weir_expect_status 0
	wait_for "STOPPING" notified_last STOPPING=1
}
beside "the service manager is told of reloads" reloads_notified

notified_while_draining() {
	local told_mark
	notified_start
	hold old
	kill -TERM "$WEIR_PID"
	wait_for "STOPPING" notified_last STOPPING=1
	order_reload
	wait_for "an answer" said_since_reload 'SIGHUP: '
	release old
	weir_expect_status 0
	notified_last STOPPING=1 || fail "it is not stopping any more"
}
beside "the service manager is told of no reload while it drains" notified_while_draining

finish
