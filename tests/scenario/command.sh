#!/bin/bash
# The command line and the configuration file: exit statuses, complaints, and what is printed.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"

# weir_run STATUS ARG...: runs to its end; output in out, complaints in weir.log.
weir_run() {
	local wanted=$1 status=0
	shift
	timeout "$PATIENCE_S" "$WEIR" "$@" </dev/null >out 2>weir.log || status=$?
	expect_equal "the exit status" "$wanted" "$status"
	EXPECT_LOG=.
}

# says FILE PATTERN
says() {
	grep -Eq -e "$2" "$1" || {
		cat "$1"
		fail "'$2' is missing in $1 (above)"
	}
}

version() {
	weir_run 0 --version
	says out '^weir [0-9]+\.[0-9]+'
	weir_run 0 -V
	says out '^weir [0-9]+\.[0-9]+'
}
beside "--version" version

help() {
	local option
	weir_run 0 --help
	for option in --config --test --listen --target --option --print-config --version --help; do
		says out "$option"
	done
	weir_run 0 -h
	expect_equal "complaints" "" "$(<weir.log)"
}
beside "--help names every option" help

usage() {
	weir_run 64 --no-such-option
	says weir.log 'no-such-option'
	weir_run 64 -l 127.0.0.1:0 -T 127.0.0.1:9 surplus
	says weir.log '--help'
	weir_run 64 --config
}
beside "wrong usage: 64" usage

test_memory() {
	weir_run 0 --test -l 127.0.0.1:0 -T 127.0.0.1:9 -o memory_max=64M -o max_connections=1000
	cat out weir.log >both
	says both 'memory'
	says both 'memory_max and a tenth 70\.4 MiB'
	says both 'kernel'
}
beside "--test prints the worst-case memory" test_memory

test_descriptors() {
	(
		ulimit -n 200
		weir_run 0 --test -l 127.0.0.1:0 -T 127.0.0.1:9 -o max_connections=1000 -o workers=1
	)
	EXPECT_LOG=.
	says weir.log 'max_connections is [0-9]+ rather than 1000: there may be 200 descriptors'
	says out 'configuration is good'
}
beside "--test tells that there are too few descriptors" test_descriptors

# Told by --test, at the start and after a reload that brings one more.
test_mistakes() {
	printf '[relay mail]\nlisten = 127.0.0.1:0\ntarget = 127.0.0.1:25\nconnect_on = data\n' >mail.ini
	weir_run 0 --test -c mail.ini
	says weir.log '^weir: may be a mistake: mail.ini:3: target: "127.0.0.1:25" with connect_on data'
	says out 'configuration is good'
	weir_start -c mail.ini
	says weir.log 'warning may be a mistake: mail.ini:3: '
	echo 'deny = any' >>mail.ini
	kill -HUP "$WEIR_PID"
	wait_log 'warning may be a mistake: mail.ini:5: relay "mail": deny any'
	EXPECT_LOG='may be a mistake'
}
beside "what may be a mistake is told, and is no error" test_mistakes

# The start would fail at one of the sockets.
too_many_sockets() {
	local i
	printf '[relay a]\ntarget = 127.0.0.1:9\n' >many.ini
	for i in {1..60}; do echo "listen = 127.0.0.$i:0"; done >>many.ini
	ulimit -n 200
	weir_run 78 --test -c many.ini -o workers=4
	says weir.log '4 workers with 240 listening sockets need 290 descriptors, and there may be 200;'
	if grep -q good out; then fail "it is called good"; fi
	weir_run 78 -c many.ini -o workers=4
	says weir.log ' error 4 workers with 240 listening sockets need 290 descriptors'
	if grep -q 'listening on' weir.log; then fail "it listened nevertheless"; fi
	weir_run 0 --test -c many.ini -o workers=1
}
beside "more listening sockets than descriptors: 78" too_many_sockets

bad_access() {
	cat >access.ini <<-END
		[relay a]
		target = 127.0.0.1:9
		listen = unix:$PWD/a owner=nobody-at-all group=nobody-at-all
		listen = unix:$PWD/b mode=rw
		listen = unix:$PWD/c mode=1660
		listen = unix:@d mode=660
		listen = 127.0.0.1:18001 mode=660
		listen = unix:$PWD/e mode=660 mode=600
		target = unix:$PWD/f mode=660
	END
	weir_run 78 --test -c access.ini
	says weir.log 'access.ini:3: listen: .*: user "nobody-at-all" does not exist; expected'
	says weir.log 'access.ini:3: listen: .*: group "nobody-at-all" does not exist; expected'
	says weir.log 'access.ini:4: listen: .* has a mode that is not octal; expected .* mode=OCTAL'
	says weir.log 'access.ini:5: listen: .* has a mode over 777; expected'
	says weir.log 'access.ini:6: listen: .* has words after it, which are for a unix path; expected'
	says weir.log 'access.ini:7: listen: .* has words after it, which are for a unix path; expected'
	says weir.log 'access.ini:8: listen: .* has two modes; expected'
	says weir.log 'access.ini:9: target: .* has a word after it that is not known; expected'
	expect_equal "the number of complaints" 8 "$(wc -l <weir.log)"
}
beside "mode=, owner= and group= that cannot be: 78" bad_access

# What --test calls good must start.
what_cannot_start() {
	cat >wrong.ini <<-END
		[global]
		dump_file = $PWD/none/dump
		[relay a]
		listen = 127.0.0.1:18001
		listen = *:18002
		target = 127.0.0.1:9
		[relay b]
		listen = 0.0.0.0:18001
		listen = localhost:18002
		listen = unix:$PWD/none/l
		listen = [fe80::1]:18003
		target = 127.0.0.1:9
	END
	for option in --test --print-config -v; do
		weir_run 78 $option -c wrong.ini
		says weir.log 'wrong.ini:2: dump_file: .* is in a folder that does not exist; expected'
		says weir.log 'wrong.ini:8: listen: "0.0.0.0:18001" takes clients of "127.0.0.1:18001" in line 4; expected'
		says weir.log 'wrong.ini:9: listen: "localhost:18002" takes clients of "\*:18002" in line 5; expected'
		says weir.log 'wrong.ini:10: listen: .* is in a folder that does not exist; expected'
		says weir.log 'wrong.ini:11: listen: .* is a link-local address'
		expect_equal "the number of complaints" 5 "$(wc -l <weir.log)"
	done
}
beside "what cannot start does not pass --test: 78" what_cannot_start

# A folder may come later, so the service manager is to try again.
folder_that_is_late() {
	printf '%s\n' "[relay a]" "listen = unix:$PWD/late/socket" "target = 127.0.0.1:9" >late.ini
	weir_run 78 --test -c late.ini
	weir_run 1 -c late.ini
	says weir.log 'late.ini:2: listen: .* is in a folder that does not exist; expected'
	echo "no_such_key = 1" >>late.ini
	weir_run 78 -c late.ini
	mkdir late
	sed -i '$d' late.ini
	weir_run 0 --test -c late.ini
	weir_run 78 --test -c late.ini -o dump_file="$PWD/late/socket"
	says weir.log 'is where dump_file is written'
}
beside "a folder that is not there yet: 1" folder_that_is_late

test_starts_nothing() {
	peer holder listen 127.0.0.1:0 port-file holder.port await over
	target_port holder
	weir_run 0 -t -l "$TARGET" -T 127.0.0.1:9
	touch over
}
beside "--test binds nothing" test_starts_nothing

print_config() {
	cat >relay.ini <<-'END'
		[global]
		workers = 3
		memory_max = 12M
		drain_timeout = 1500ms
		[defaults]
		high_watermark = 300K
		low_watermark = 100K
		idle_timeout = 0
		[relay one]
		listen = 127.0.0.1:1
		listen = [::1]:1
		target = unix:/tmp/x
		upload_high_watermark = 500K
		[relay two]
		listen = unix:@two
		listen = unix:/tmp/x2	group=root mode=0660
		target = host.example:80
		on_reset = close
	END
	weir_run 0 -c relay.ini --print-config
	cp out first.ini
	says first.ini '^memory_max = 12M$'
	says first.ini '^drain_timeout = 1500ms$'
	says first.ini '^target = host.example:80$'
	says first.ini '^listen = unix:/tmp/x2 mode=660 group=root$'
	weir_run 0 -c first.ini --print-config
	diff first.ini out || fail "what --print-config prints does not load back as itself"
	weir_run 0 -c first.ini -o memory_max=13M --print-config
	says out '^memory_max = 13M$'
	weir_run 0 -c relay.ini --print-config -v
	says out '^# applies by taking over$'
	grep -v '^# applies' out | diff first.ini - || fail "--print-config -v prints other settings"
	cp out explained.ini
	weir_run 0 -c explained.ini --print-config
	diff first.ini out || fail "what --print-config -v prints does not load back as itself"
}
beside "--print-config loads back as itself" print_config

print_config_command_line() {
	weir_run 0 -l 127.0.0.1:1 -l '*:2' -T '[::1]:3' -o idle_timeout=5s --print-config
	says out '^\[relay command-line\]$'
	says out '^listen = \*:2$'
	says out '^target = \[::1\]:3$'
	says out '^idle_timeout = 5s$'
}
beside "--print-config of a relay without a file" print_config_command_line

# Every mistake of the file is named with its line, in one run.
all_errors() {
	cat >bad.ini <<-'END'
		[global]
		workers = many
		memory_maxx = 1M
		[defaults]
		high_watermark = 1K
		low_watermark = 2K
		idle_timeout = 30
		tcp_nodelay = maybe
		[relay a]
		listen = 127.0.0.1:99999
		target = nowhere
		target =
		on_reset = explode
		[relay b]
		listen = 127.0.0.1:1
		[unknown]
	END
	weir_run 78 -c bad.ini
	says weir.log 'bad.ini:2: .*workers'
	says weir.log 'bad.ini:3: .*memory_max\b'
	says weir.log 'bad.ini:7: .*idle_timeout'
	says weir.log 'bad.ini:8: .*tcp_nodelay'
	says weir.log 'bad.ini:10: '
	says weir.log 'bad.ini:11: '
	says weir.log 'bad.ini:12: '
	says weir.log 'bad.ini:13: .*on_reset'
	says weir.log 'bad.ini:16: '
	says weir.log 'low watermark'
	says weir.log 'bad.ini:14: relay "b" without target'
	if grep -q 'listening on' weir.log; then fail "it listened nevertheless"; fi
}
beside "every error of a configuration in one run: 78" all_errors

bad_files() {
	local long
	weir_run 78 -c "$PWD/missing.ini"
	says weir.log 'missing.ini'
	weir_run 78 -c "$PWD"
	weir_run 78 -c /dev/null
	printf '[relay a]\nlisten = 127.0.0.1:1\ntarget = 127.0.0.1:2\nidle_timeout = 1s\0\n' >nul.ini
	weir_run 78 -c nul.ini
	says weir.log 'nul.ini:4: '
	long=$(printf 'x%.0s' {1..6000})
	printf '[relay a]\nlisten = 127.0.0.1:1\n# %s\ntarget = 127.0.0.1:2\n' "$long" >long.ini
	weir_run 78 -c long.ini
	says weir.log 'long.ini:3: '
	printf '[relay a]\nlisten = 127.0.0.1:1\n  target = 127.0.0.1:2\n' >indented.ini
	weir_run 78 -c indented.ini
	says weir.log 'indented.ini:3: '
	printf '[relay a]\nlisten = 127.0.0.1:1\ntarget = 127.0.0.1:2\n[broken\n' >broken.ini
	weir_run 78 -c broken.ini
	says weir.log 'broken.ini:4: '
	printf '[relay a]\nlisten = 127.0.0.1:1\ntarget = 127.0.0.1:2\nidle_timeout = 1s\nidle_timeout = 2s\n' >twice.ini
	weir_run 78 -c twice.ini
	says weir.log 'twice.ini:5: .*idle_timeout'
	: >empty.ini
	weir_run 78 -c empty.ini
}
beside "files that are none: 78" bad_files

bad_command_line() {
	weir_run 78 -l 127.0.0.1:0 -T 127.0.0.1:9 -o nonsense=1 -o memory_max=lots
	says weir.log 'command line.*nonsense'
	says weir.log 'command line.*memory_max'
	weir_run 78 -l 127.0.0.1:0
	weir_run 78 -l 127.0.0.1:0x -T 127.0.0.1:9
}
beside "bad settings on the command line: 78" bad_command_line

# A client would go round until every descriptor is taken.
rings() {
	cat >ring.ini <<-'END'
		[relay a]
		listen = *:18001
		target = 127.0.0.1:18002
		[relay b]
		listen = 127.0.0.1:18002
		target = host.example:18001
		target = [::1]:18001
	END
	weir_run 78 -t -c ring.ini
	expect_equal "what it says" 'weir: ring.ini:7: target: "[::1]:18001" leads back to relay "a"; expected targets that make no ring' \
		"$(<weir.log)"
	grep -v '::1' ring.ini >chain.ini
	weir_run 0 -t -c chain.ini
	weir_run 78 -l '*:18001' -T 0.0.0.0:18001
	says weir.log 'command line: target: "0.0.0.0:18001" leads back to relay "command-line"'
}
beside "relays that lead to each other in a ring: 78" rings

address_in_use() {
	peer holder listen 127.0.0.1:0 port-file holder.port await over
	target_port holder
	weir_run 1 -l "$TARGET" -T 127.0.0.1:9
	says weir.log "$TARGET.*in use"
	touch over
}
beside "an address in use: 1" address_in_use

address_in_use_by_weir() {
	target -s echo
	weir_relay
	cp weir.log first.log
	weir_run 1 -l "$RELAY" -T "$TARGET"
	says weir.log 'in use'
	cp first.log weir.log
	client mirror duplex 10K 10K fin expect-fin
	peers_end
	weir_stop
}
beside "an address in use by another weir: 1, which goes on" address_in_use_by_weir

foreign_address() {
	weir_run 1 -l 192.0.2.1:0 -T 127.0.0.1:9
	says weir.log '192.0.2.1'
}
beside "an address that is not ours: 1" foreign_address

start_log() {
	target -s echo
	weir_relay -o memory_max=64M
	log_has 'memory' || fail "the start log does not tell the worst-case memory"
}
beside "the start log tells the worst-case memory" start_log

quiet() {
	target -s echo
	weir_relay -o log_connections=off
	client mirror duplex 10K 10K fin expect-fin
	peers_end
	dump_until has weir pairs=0
	if log_has 'closed pair='; then fail "there is a close line"; fi
}
beside "log_connections = off" quiet

option_overrides_file() {
	target -s echo
	cat >relay.ini <<-END
		[global]
		memory_max = 64M
		workers = 3
		[relay one]
		listen = 127.0.0.1:0
		target = $TARGET
	END
	WEIR_ARGS='' weir_start -c relay.ini -o memory_max=32M
	weir_dump
	has weir memory_max=33554432 workers=3 || fail "not the settings that were asked for"
}
beside "-o overrides the file" option_overrides_file

finish
