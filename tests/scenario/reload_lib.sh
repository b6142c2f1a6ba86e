# shellcheck shell=bash
# Reloads, for scenarios. Sourced after lib.sh.
#
#   section NAME ADDRESS [LINE...]  prints a relay from ADDRESS to TARGET
#   install                         makes standard input relay.ini, in one step
#   reload, reload_fails PATTERN    HUP, and what the log has to say about it
#   at ADDRESS                      where the entrance 127.0.0.N:0 listens
#   expect_entrances TCP [UNIX]     for the oracle: so many sockets are what the case has to come back to
#
# Entrances have addresses of their own, of the loopback network, and port 0: so no port is fixed.

# What a reload says in the end, one line each.
RELOADED=' notice reloaded: '
NOT_RELOADED=' error reload failed, nothing has changed'

section() {
	printf '[relay %s]\nlisten = %s\ntarget = %s\n' "$1" "$2" "$TARGET"
	if [ $# -gt 2 ]; then printf '%s\n' "${@:3}"; fi
}

install() {
	cat >relay.ini.new
	mv relay.ini.new relay.ini
}

# The log since the last HUP of ours.
log_mark=1
since_reload() {
	tail -c "+$log_mark" weir.log | grep -a -e "$1"
}

said_since_reload() {
	since_reload "$1" >/dev/null
}

order_reload() {
	log_mark=$(($(stat -c %s weir.log) + 1))
	kill -HUP "$WEIR_PID"
}

reload_ended() {
	said_since_reload "$RELOADED\|$NOT_RELOADED"
}

wait_reloaded() {
	wait_for "the end of a reload" reload_ended
	said_since_reload "$RELOADED" || fail "the reload has failed"
}

reload() {
	order_reload
	wait_reloaded
}

wait_not_reloaded() {
	wait_for "the end of a reload" reload_ended
	said_since_reload "$NOT_RELOADED" || fail "the reload has not failed"
	said_since_reload "$1" || fail "no word about '$1'"
}

# reload_fails PATTERN: and the reason is logged.
reload_fails() {
	order_reload
	wait_not_reloaded "$1"
}

# expect_said PATTERN: since the last reload was ordered.
expect_said() {
	said_since_reload "$1" || fail "no word about '$1'"
}

at() {
	sed -n "s/^.*: listening on \($1:[0-9]*\)$/\1/p" weir.log | tail -n 1
}

expect_entrances() {
	weir_dump
	WEIR_SOCKETS=$((sockets_of_the_process + $1 * $(value workers weir) + ${2:-0}))
}

# reload_start TCP [UNIX] ARG...: with so many entrances in relay.ini.
reload_start() {
	local tcp=$1 unix=0
	shift
	if [[ ${1:-} =~ ^[0-9]+$ ]]; then
		unix=$1
		shift
	fi
	weir_start -c relay.ini "$@"
	weir_dump
	sockets_of_the_process=$((WEIR_SOCKETS - tcp * $(value workers weir) - unix))
}

# hold NAME [OPTION...]: a client that has an answer and then waits for release NAME. held_text: what the
# target says first.
hold() {
	# shellcheck disable=SC2086 # words
	client_as "$1" "${@:2}" deadline 3600 ${held_text:+recv-text $held_text} mirror send 10 recv 10 touch "$1.in" await "$1.go" \
		send 10 recv 10 fin expect-fin
	wait_for "client $1 to be in" test -e "$1.in"
}

release() {
	touch "$1.go"
	peer_end "$1"
}

# visit [TEXT]: one client to the end, which the target has greeted with this.
visit() {
	# shellcheck disable=SC2086 # words
	client_as visitor ${1:+recv-text $1} mirror send 10 recv 10 fin expect-fin
	peer_end visitor
}
