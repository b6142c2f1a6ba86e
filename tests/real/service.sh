#!/bin/bash
# The service under systemd, on machines of its own: its sandbox, start, reload, stop, and what an operator
# does in between. The peers are outside, but in the machine's network. Cases run side by side, as they mostly
# wait.
root=$(cd "${srcdir:-$(dirname "$0")/../..}/tests" && pwd)
NETWORK=shared # a machine's root comes from a mirror
# shellcheck source=../scenario/lib.sh
. "$root/scenario/lib.sh"
# shellcheck source=machine.sh
. "$root/real/machine.sh"
# shellcheck source=../world/halt.sh
. "$root/world/halt.sh"
# A sanitizer maps memory that can be executed, and its libraries are not on the machine.
[ "$SANITIZED" = no ] || { echo "1..0 # SKIP a build with sanitizers: scripts/test package runs it without"; exit 0; }
machine_needs
exec 9>&1 # for figures
FILE=$(sed -n 's/^Environment=WEIR_CONFIG=\([^ ]*\) .*/\1/p' systemd/weir.service)
PROGRAM=$(sed -n 's/^ExecStart=\([^ ]*\) .*/\1/p' systemd/weir.service)
env -u MAKEFLAGS -u MFLAGS make -s install DESTDIR="$top/installed" >"$top/install.out" 2>&1 ||
	{ cat "$top/install.out"; exit 1; }

# For crowds: on a busy machine their target may be late by seconds. Its queue of connections is then full,
# and TCP tries again only after 1, 3 and 7 seconds.
PATIENT="connect_timeout = 1m"

# A machine with weir on it, whose configuration is what comes on standard input.
begin() {
	machine_boot
	tar -c -C "$top/installed" --owner=0 --group=0 . | machine tar -x -C / --no-overwrite-dir --keep-directory-symlink
	machine mkdir -p "${FILE%/*}"
	configure
	machine systemd-sysusers
	machine systemctl daemon-reload
	printf '#!/bin/sh\nexec nsenter --target %s --net "%s" "$@"\n' "$MACHINE_INIT" "$RAWPEER" >rawpeer
	chmod +x rawpeer
	RAWPEER=$PWD/rawpeer
}

configure() {
	machine sh -c "cat >$FILE"
}

# edit [UNIT]: a drop-in of the unit, as "systemctl edit" makes it, on standard input.
edit() {
	local folder=/etc/systemd/system/${1:-weir.service}.d
	machine sh -c "mkdir -p $folder; cat >$folder/override.conf"
	machine systemctl daemon-reload
}

property() {
	machine systemctl show --property="$1" --value weir
}

property_is() {
	[ "$(property "$1")" = "$2" ]
}

journal() {
	machine journalctl --unit=weir --output=cat --no-pager
}

journal_has() {
	journal | grep -q -e "$1"
}

# The process of the service, as this machine calls it.
host_pid() {
	local pid in
	in=$(property MainPID)
	for pid in $(cat "/proc/$MACHINE_INIT/task/$MACHINE_INIT/children"); do
		if grep -q "^NSpid:.*[[:space:]]$in\$" "/proc/$pid/status"; then echo "$pid"; fi
	done
}

# echo_target ADDRESS [NAME]: in the machine's network.
echo_target() {
	local name=${2:-target}
	peer "$name" -s -i listen "$1" port-file "$name.port" accept echo
	wait_for "$name to listen" test -e "$name.port"
}

# A client that is served by the echo target at the other end.
visit() {
	RELAY=$1
	client_as visitor "${@:2}" mirror send 1000 recv 1000 fin expect-fin
	peer_end visitor
}

is_refused() {
	"$RAWPEER" expect-refused "$1" >/dev/null 2>&1
}

# --- the sandbox ---

# RUN is the machine's /run, as the peers reach it.
relays_of_every_kind() {
	begin <<-END
		[global]
		workers = 4
		memory_max = 8M
		dump_file = /run/weir/dump
		resolve_interval = 1s
		[defaults]
		high_watermark = 64K
		[relay low]
		listen = 127.0.0.1:80
		listen = [::1]:80
		target = 127.0.0.1:7000
		[relay every]
		listen = *:81
		target = localhost:7000
		[relay name]
		listen = localhost:82
		target = 127.0.0.1:7000
		[relay unix]
		listen = unix:/run/weir/in mode=666 group=adm
		target = unix:/run/out
		[relay abstract]
		listen = unix:@in
		target = unix:@out
		[relay tuned]
		listen = 127.0.0.1:83
		target = 127.0.0.1:7000
		client_rcvbuf = 64K
		client_sndbuf = 64K
		target_rcvbuf = 64K
		target_sndbuf = 64K
		keepalive_idle = 10s
		vanish_timeout = 2s
		min_rate = 1
		[relay elsewhere]
		listen = 192.0.2.1:84
		target = unknown.invalid:7000
		free_bind = on
	END
	RUN=/proc/$MACHINE_INIT/root/run
	printf '[Service]\nSupplementaryGroups=adm\n' | edit
	echo_target 127.0.0.1:7000
	echo_target "unix:$RUN/out" unix
	chmod 666 "$RUN/out"
	echo_target unix:@out abstract
}

use_relays_of_every_kind() {
	local entrance
	for entrance in 127.0.0.1:80 [::1]:80 127.0.0.1:81 [::1]:81 127.0.0.1:82 "unix:$RUN/weir/in" unix:@in \
		127.0.0.1:83; do
		RELAY=$entrance
		client_as "${entrance//\//-}" -n 4 mirror duplex 256K 256K fin expect-fin
	done
	# Spliced, then paused.
	RELAY=127.0.0.1:80
	client_as slow mirror send 4M fin recv-slow 4M 8M expect-fin
}


is_traced() {
	grep -q '^TracerPid:[[:space:]]*[1-9]' "/proc/$1/status"
}

is_stopped() {
	PID=$(host_pid)
	[ -n "$PID" ] && grep -q '^State:[[:space:]]*T' "/proc/$PID/status"
}

# start_traced: starts the service as it is, but stopped before the first instruction of weir, so that no
# call of it is missed. All filters are in force by then.
start_traced() {
	edit <<-END
		[Service]
		SupplementaryGroups=adm
		ExecStart=
		ExecStart=/bin/sh -c 'kill -STOP \$\$\$\$; exec "\$@"' sh $PROGRAM --config $FILE
	END
	machine systemctl start --no-block weir
	wait_for "the service before its first instruction" is_stopped
	strace -ff -qq -o trace -p "$PID" &
	wait_for "a tracer" is_traced "$PID"
	kill -CONT "$PID"
	wait_for "the service" property_is ActiveState active
}

# Known and harmless: glibc makes threads by clone(2) where the sandbox has no clone3(2), whose flags it
# cannot see.
REFUSED_WELL='clone3.*ENOSYS'
REFUSED='= -1 E\(PERM\|ACCES\|ROFS\|NOSYS\|AFNOSUPPORT\|PROTONOSUPPORT\|OPNOTSUPP\|NXIO\|NODEV\) '

refuses_nothing() {
	command -v strace >/dev/null || skip "strace is missing"
	relays_of_every_kind
	start_traced
	use_relays_of_every_kind
	machine systemctl kill --signal=USR1 weir
	wait_for "a dump" test -s "$RUN/weir/dump"
	wait_for "trouble with a name" journal_has 'unknown.invalid.*does not resolve'
	expect_equal "the socket" "srw-rw-rw- weir adm" "$(machine stat -c '%A %U %G' /run/weir/in)"
	machine sed -i 's/mode=666/mode=660/; s/listen = \*:81/&\nlisten = 127.0.0.1:85/' "$FILE"
	machine systemctl reload weir
	visit 127.0.0.1:85
	for name in "${!PEERS[@]}"; do
		if [ -z "${SERVING[$name]:-}" ]; then peer_end "$name"; fi
	done
	machine systemctl stop weir
	grep -q 'splice(.* = [1-9]' trace.* || fail "the trace shows no splice"
	grep -q '^execve.*--config' trace.* || fail "the trace does not show the start"
	expect_equal "calls that the sandbox refused" "" "$(grep -h "$REFUSED" trace.* | grep -v "$REFUSED_WELL")"
}
beside "the sandbox refuses no call that weir makes" refuses_nothing

# drop_in N: prints the N-th of weir(8).
drop_in() {
	awk -v n="$1" '/^\[Service\]$/ { at++ } /^\.Ed/ { in_it = 0 } at == n && /^\[Service\]$/ { in_it = 1 } in_it' \
		"$root/../man/weir.8"
}

does_with_less() {
	begin <<-END
		[relay a]
		listen = 127.0.0.1:8080
		target = 127.0.0.1:7000
	END
	echo_target 127.0.0.1:7000
	drop_in 2 | edit
	machine systemctl start weir
	visit 127.0.0.1:8080
	grep '^CapBnd:.*[[:space:]]0*$' "/proc/$(host_pid)/status" || fail "weir has privileges"
	expect_at_most "tenths of exposure" 11 "$(machine systemd-analyze security --no-pager weir |
		sed -n 's/.*exposure level.*: \([0-9]\)\.\([0-9]\) .*/\1\2/p')"
}
beside "without privileges and other users it serves ports from 1024 on" does_with_less

# Another file, and another folder for dumps.
is_changed() {
	begin </dev/null
	machine mkdir -p /srv/dumps
	machine chown weir /srv/dumps
	machine tee /srv/relay.ini <<-END
		[global]
		dump_file = /srv/dumps/dump
		[relay a]
		listen = 127.0.0.1:80
		target = 127.0.0.1:7000
	END
	{ drop_in 1; drop_in 3; } | edit
	echo_target 127.0.0.1:7000
	machine systemctl start weir
	visit 127.0.0.1:80
	machine systemctl kill --signal=USR1 weir
	wait_for "a dump" test -s "/proc/$MACHINE_INIT/root/srv/dumps/dump"
	machine systemctl reload weir
	echo wrong | machine tee /srv/relay.ini
	! machine systemctl reload weir || fail "a wrong file was reloaded"
}
beside "another file and another folder for dumps, as weir(8) says" is_changed

# --- start ---

# A relay from port 80 to an echo target.
a_relay() {
	begin <<-END
		[global]
		dump_file = /run/weir/dump
		[relay a]
		listen = 127.0.0.1:80
		target = 127.0.0.1:7000
		$PATIENT
	END
	echo_target 127.0.0.1:7000
}

# inside_network COMMAND...: a command of this machine in the other's network.
inside_network() {
	nsenter --target "$MACHINE_INIT" --net "$@"
}

# Whatever is sent to these addresses is lost, but not refused.
lose_packets_to() {
	command -v ip >/dev/null || skip "ip is missing"
	inside_network ip route add "$1" dev lo
}

starts() {
	a_relay
	expect_equal "the service before" "disabled inactive" \
		"$(machine sh -c 'echo $(systemctl is-enabled weir; systemctl is-active weir)')"
	machine systemctl enable weir
	machine systemctl isolate multi-user.target # as at boot
	wait_for "the service" property_is ActiveState active
	visit 127.0.0.1:80
	# Ready means that everything listens.
	for _ in 1 2 3 4 5; do
		machine systemctl restart weir
		visit 127.0.0.1:80
	done
	machine systemctl status weir | grep 'Active: active (running)' || fail "the status does not say that it runs"
	machine systemctl kill --signal=USR1 weir
	wait_for "a dump" test -s "/proc/$MACHINE_INIT/root/run/weir/dump"
	grep '^relay name=a .* accepted=1 ' "/proc/$MACHINE_INIT/root/run/weir/dump"
	machine systemctl stop weir
	expect_equal "the end" "success inactive" "$(property Result) $(property ActiveState)"
	is_refused 127.0.0.1:80 || fail "it still listens"
}
beside "enabled, it starts with the system, is ready when it listens, and stops" starts

# While it looks up where to listen, it is neither ready nor does it listen elsewhere.
waits_for_names() {
	begin <<-END
		[relay a]
		listen = 127.0.0.1:80
		target = 127.0.0.1:7000
		[relay b]
		listen = slow.test:81
		target = 127.0.0.1:7000
	END
	echo_target 127.0.0.1:7000
	lose_packets_to 192.0.2.53
	echo nameserver 192.0.2.53 | machine tee /etc/resolv.conf
	machine systemctl start --no-block weir
	wait_for "weir to look it up" journal_has 'worst case memory'
	is_refused 127.0.0.1:80 || fail "it listens before it is ready"
	property_is ActiveState activating || fail "it is ready before it listens"
	# Stopping does not wait for the name.
	machine timeout 5 systemctl stop weir
	expect_equal "the end" "success inactive" "$(property Result) $(property ActiveState)"
	echo 127.0.0.1 slow.test | machine tee -a /etc/hosts
	machine systemctl start weir
	visit 127.0.0.1:81
}
beside "a name server that hangs: not ready, and stopped at once" waits_for_names

has_restarted() {
	[ "$(property NRestarts)" -ge "$1" ]
}

# What is wrong in the file stays wrong, so it is not tried again.
fails_for_good() {
	begin <<-END
		[relay a]
		listen = 127.0.0.1
		target = 127.0.0.1:7000
	END
	edit <<-END
		[Service]
		RestartSec=50ms
	END
	! machine systemctl start weir || fail "a wrong file started"
	expect_equal "the state" "failed exit-code 78 0" \
		"$(property ActiveState) $(property Result) $(property ExecMainStatus) $(property NRestarts)"
	journal_has "$FILE:2: " || fail "the journal does not say where the error is"
	sleep 0.5 # many times RestartSec
	expect_equal "the state later" "failed 0" "$(property ActiveState) $(property NRestarts)"
}
beside "a wrong configuration: failed with 78, and not tried again" fails_for_good

waits_for_its_address() {
	begin <<-END
		[relay a]
		listen = 192.0.2.1:80
		target = 127.0.0.1:7000
		free_bind = $1
	END
	echo_target 127.0.0.1:7000
	if [ "$1" = on ]; then
		machine systemctl start weir
	else
		! machine systemctl start weir || fail "there is no such address"
		wait_for "another start" has_restarted 1
	fi
	inside_network ip address add 192.0.2.1/32 dev lo
	wait_for "the service" property_is ActiveState active
	visit 192.0.2.1:80
}
beside "an address that comes late: tried again until it is there" waits_for_its_address off
beside "the same with free_bind: running before it is there" waits_for_its_address on

# Under load, with a unix socket that nobody has removed.
starts_again() {
	relays_of_every_kind
	machine systemctl start weir
	RELAY=127.0.0.1:80
	client -i -n 500 -j 1000 mirror send 10 recv 10 fin expect-fin
	client_as cut mirror send 10 recv 10 touch in expect-rst
	wait_for "a client to be in" test -e in
	machine systemctl kill --signal=KILL weir
	wait_for "another start" has_restarted 1
	wait_for "the service" property_is ActiveState active
	visit 127.0.0.1:80
	visit "unix:$RUN/weir/in"
}
beside "killed under load: clients are reset, and it starts again" starts_again

# --- the watchdog and the status ---

is_ended_when_stuck() {
	a_relay
	edit <<-END
		[Service]
		WatchdogSec=2s
		RestartSec=50ms
	END
	machine systemctl start weir
	sleep 3 # longer than WatchdogSec
	expect_equal "starts while all is well" 0 "$(property NRestarts)"
	halt_worker "$(host_pid)" 1
	wait_for "the watchdog" journal_has 'Killing process .* with signal SIGABRT'
	touch go # whoever traces a thread that was killed has to let it go
	wait_for "another start" has_restarted 1
	wait_for "the service" property_is ActiveState active
	visit 127.0.0.1:80
}
beside "one stuck worker: the watchdog ends weir, and it starts again" is_ended_when_stuck

status_is() {
	property StatusText | grep -q -e "$1"
}

tells_how_it_is() {
	a_relay
	machine systemctl start weir
	RELAY=127.0.0.1:80
	client -n 3 mirror send 10 recv 10 await go fin expect-fin
	wait_for "a status with three pairs" status_is '^3 pairs'
	machine systemctl status weir | grep 'Status: "3 pairs'
	touch go
	peer_end client
	wait_for "a status without pairs" status_is '^0 pairs'
}
beside "systemctl status says how many pairs there are" tells_how_it_is

drains_longer() {
	local stop
	a_relay
	edit <<-END
		[Service]
		TimeoutStopSec=1s
	END
	machine systemctl start weir
	RELAY=127.0.0.1:80
	client mirror send 10 recv 10 touch in await go send 10 recv 10 fin expect-fin
	wait_for "a client to be in" test -e in
	machine systemctl stop weir &
	stop=$!
	sleep 3 # longer than TimeoutStopSec
	property_is ActiveState deactivating || fail "it has not waited for its client"
	touch go
	wait $stop
	peer_end client
	expect_equal "the end" "success inactive" "$(property Result) $(property ActiveState)"
}
beside "a drain may take longer than TimeoutStopSec" drains_longer

# --- reload ---

# What ExecReload= finds in the file is told to whoever reloads, and to nobody else.
refuses_a_bad_reload() {
	local pid
	a_relay
	machine systemctl start weir
	pid=$(property MainPID)
	configure <<-END
		[relay a]
		listen = 127.0.0.1:81
		target = 127.0.0.1
	END
	! machine systemctl reload weir 2>reload.err || fail "a wrong file was reloaded"
	journal_has "$FILE:3: " || fail "the journal does not say where the error is"
	! journal_has SIGHUP || fail "weir was told to reload"
	expect_equal "the service" "active $pid" "$(property ActiveState) $(property MainPID)"
	visit 127.0.0.1:80
}
beside "a reload of a wrong file fails, and the service goes on" refuses_a_bad_reload

process() {
	echo "$(property ActiveState) $(property MainPID) $(property NRestarts)"
}

# entrances PORT...: a relay that listens there.
entrances() {
	printf '[relay a]\ntarget = 127.0.0.1:7000\n%s\n' "$PATIENT"
	printf 'listen = 127.0.0.1:%s\n' "$@"
}

# No waiting: "systemctl reload" returns when it is done.
reloads() {
	local before
	begin < <(entrances 80 81)
	echo_target 127.0.0.1:7000
	machine systemctl start weir
	before=$(process)
	RELAY=127.0.0.1:81
	client mirror send 10 recv 10 touch in await go send 10 recv 10 fin expect-fin
	wait_for "a client to be in" test -e in
	for _ in 1 2 3 4 5; do
		entrances 80 82 | configure
		machine systemctl reload weir
		visit 127.0.0.1:82
		entrances 80 83 | configure
		machine systemctl reload weir
		visit 127.0.0.1:83
	done
	visit 127.0.0.1:80
	wait_for "an end of what was removed" is_refused 127.0.0.1:81
	wait_for "an end of what was removed" is_refused 127.0.0.1:82
	touch go
	peer_end client
	expect_equal "the service" "$before" "$(process)"
}
beside "reloads: entrances come and go, and the pairs of those that have gone go on" reloads

# By the signal alone, which nobody checks before.
says_that_a_reload_failed() {
	local before
	begin < <(entrances 80)
	echo_target 127.0.0.1:7000
	machine systemctl start weir
	before=$(process)
	echo nonsense | configure
	machine systemctl kill --signal=HUP weir
	wait_for "a status that says so" status_is "reload failed.*$FILE:1:"
	journal_has 'reload failed, nothing has changed' || fail "the journal does not say so"
	visit 127.0.0.1:80
	entrances 80 81 | configure
	machine systemctl reload weir
	visit 127.0.0.1:81
	wait_for "a status that says it no more" status_is '^[0-9]* pairs'
	! status_is failed || fail "the status still says that a reload failed"
	expect_equal "the service" "$before" "$(process)"
}
beside "SIGHUP with a wrong file: the status says so until a reload succeeds" says_that_a_reload_failed

# One is kept, another one comes and the one before goes, while clients come to the first. Nobody is refused
# or reset, and whatever is new listens when "systemctl reload" returns.
reloads_under_load() {
	local before reloads
	begin < <(entrances 80 81)
	echo_target 127.0.0.1:7000
	entrances 80 81 | machine tee /root/1.ini
	entrances 80 82 | machine tee /root/2.ini
	machine systemctl start weir
	before=$(process)
	RELAY=127.0.0.1:80
	client -n 10000 -j 4000 mirror send 10 recv 10 fin expect-fin
	machine bash -e >reloads.out 2>&1 <<-END &
		for ((i = 1; ; i++)); do
			cp /root/\$((1 + i % 2)).ini $FILE
			systemctl reload weir
			: </dev/tcp/127.0.0.1/\$((81 + i % 2))
			echo reloaded
			[ ! -e /root/enough ] || exit 0
		done
	END
	reloads=$!
	peer_end client
	machine touch /root/enough
	wait $reloads || { cat reloads.out; journal | grep -v closed | tail -n 20; fail "a reload failed"; }
	expect_equal "the service" "$before" "$(process)"
	reloads=$(grep -c reloaded reloads.out)
	expect_at_least "reloads" 3 "$reloads"
	echo "# 10,000 clients and $reloads reloads: none refused, none reset" >&9
}
beside "reloads while clients come: none is refused or reset" reloads_under_load

# --- sockets of systemd ---

# A relay of sockets that systemd opens, as ACTIVATION in relay.ini(5) says.
an_activated_relay() {
	begin <<-END
		[relay a]
		listen = systemd:front
		target = 127.0.0.1:7000
		$PATIENT
	END
	echo_target 127.0.0.1:7000
	edit weir.socket <<-END
		[Socket]
		ListenStream=127.0.0.1:80
		ListenStream=/run/front
		FileDescriptorName=front
	END
	expect_equal "weir.socket as it comes" "disabled inactive" \
		"$(machine sh -c 'echo $(systemctl is-enabled weir.socket; systemctl is-active weir.socket)')"
	machine systemctl enable --now weir.socket
}

is_started_by_a_client() {
	an_activated_relay
	expect_equal "the service" inactive "$(property ActiveState)"
	visit 127.0.0.1:80
	expect_equal "the service" active "$(property ActiveState)"
	visit "unix:/proc/$MACHINE_INIT/root/run/front"
	machine systemctl stop weir
	expect_equal "the service" inactive "$(property ActiveState)"
	visit 127.0.0.1:80
	expect_equal "the service" active "$(property ActiveState)"
}
beside "weir.socket: the first client starts weir, also after a stop" is_started_by_a_client

restarts_under_load() {
	local restarts
	an_activated_relay
	RELAY=127.0.0.1:80
	client -n 10000 -j 4000 mirror send 10 recv 10 fin expect-fin
	# Each weir serves somebody, or those that wait would do so for as long as there are restarts.
	machine bash -e >restarts.out 2>&1 <<-END &
		until [ -e /root/enough ]; do
			systemctl restart weir
			exec 3<>/dev/tcp/127.0.0.1/80
			echo served >&3
			read -r <&3
			exec 3>&- # or the next stop would wait for it
			echo restarted
		done
	END
	restarts=$!
	peer_end client
	machine touch /root/enough
	wait $restarts || { cat restarts.out; fail "a restart failed"; }
	restarts=$(grep -c restarted restarts.out)
	expect_at_least "restarts" 1 "$restarts"
	expect_at_least "starts" "$restarts" "$(journal | grep -c 'is ready')"
	echo "# 10,000 clients and $restarts restarts with weir.socket: none refused, none reset" >&9
}
beside "weir.socket: restarts while clients come, none is refused or reset" restarts_under_load

# --- stop ---

# Newer kernels forbid a filter on a TCP socket to all but the network's administrator, which weir is not.
serves_who_is_let_in() {
	a_relay
	machine systemctl start weir
	RELAY=127.0.0.1:80
	client -i -n 10000 -j 2500 mirror send 10 recv 10 fin expect-fin
	wait_for "a part of the clients" journal_has 'closed pair=[1-9][0-9][0-9]'
	machine systemctl stop weir
	peer_end client
	expect_equal "clients that were neither served nor refused" "" \
		"$(grep -v 'Connection refused' client.err | head -n 3)"
	expect_at_least "clients that came too late" 1 "$(wc -l <client.err)"
}
beside "stopped while clients come: each is served or refused" serves_who_is_let_in
finish
