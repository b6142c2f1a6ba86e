# shellcheck shell=bash
# Targets that do what they are ordered to, and clients that say how they were served. Sourced after lib.sh.
#
#   farm [-s] NAME[=ADDRESS]...  targets that refuse for now; see farm.c
#   order WORD...                to the farm, and waits until it is done: order serve one two
#   of NAME                      the address of a target
#   farm_count KEY NAME          what the farm has counted for it
#   relay_to [LINE...]           prints a relay named db from 127.0.0.1:0 with these lines
#   start_counted ARG...         weir_start, with each connect(2) written to the file "connects"
#   connects NAME [PATTERN]      how many of those were to the target
#   visitors ARG...              clients of RELAY, to their end; see visitors.c
#   visitors_as NAME ARG...      the same, and does not wait
#   seen PATTERN                 how many of them have a line like that
#   everybody_was_served [FILE]
#   is_refused, is_served        what becomes of one more client
#   target_is NAME KEY=VALUE...  a target record of the last dump has all of these

FARM=${FARM:-$PWD/tests/scenario/farm}
VISITORS=${VISITORS:-$PWD/tests/scenario/visitors}
CONNECTS_SHIM=${CONNECTS_SHIM:-$PWD/tests/scenario/connects.so}
NAMES_SHIM=${NAMES_SHIM:-$PWD/tests/world/names.so}
# shellcheck disable=SC2034 # for the oracle
STRANGERS=yes # visitors and farms are no rawpeers

# Without such lines in the log a case must be served by targets that are all well.
# shellcheck disable=SC2034 # for EXPECT_LOG
TARGET_LOG=' is down: \| no target could be connected\|no answer from a target'

declare -A AT # addresses by name

# With -s, the port that the first target got may be taken at the address of another.
farm() {
	local name address
	mkfifo orders
	farm_done=0
	for name; do [ "$name" = -s ] || farm_size=$((${farm_size:-0} + 1)); done
	for _ in {1..20}; do
		: >farm.out
		: >farm.err
		"$FARM" "$@" <orders >farm.out 2>farm.err &
		exec {farm_orders}>orders
		wait_for "the farm" farm_has_begun
		grep -q 'bind: Address already in use' farm.err || break
		exec {farm_orders}>&-
	done
	[ ! -s farm.err ] || fail "the farm: $(<farm.err)"
	while read -r name address; do AT[$name]=$address; done < <(head -n "$farm_size" farm.out)
}

farm_has_begun() {
	[ -s farm.err ] || [ "$(wc -l <farm.out)" -ge "$farm_size" ]
}

farm_has_done() {
	[ "$(grep -c '^done' farm.out)" -ge "$farm_done" ]
}

order() {
	farm_done=$((farm_done + 1))
	echo "$*" >&"$farm_orders"
	until farm_has_done; do
		kill -0 "$WEIR_PID" 2>/dev/null || [ -z "$WEIR_PID" ] || fail "weir has died"
		[ ! -s farm.err ] || fail "the farm: $(<farm.err)"
		sleep 0.005
	done
}

of() {
	echo "${AT[$1]}"
}

farm_count() {
	order count counts
	sed -n "s/^target=$2 .*\<$1=\([0-9]*\).*/\1/p" counts
}

# Now, or very soon: a close takes its time.
farm_counts() {
	[ "$(farm_count "$1" "$2")" -eq "$3" ]
}

relay_to() {
	printf '%s\n' "[relay db]" "listen = 127.0.0.1:0" "$@"
}

# targets_of NAME...: a line for each, for relay_to.
targets_of() {
	local name
	for name; do echo "target = ${AT[$name]}"; done
}

start_counted() {
	: >connects
	ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0 LD_PRELOAD=$CONNECTS_SHIM${PRELOAD:+:$PRELOAD} \
		CONNECTS=$PWD/connects weir_start -c relay.ini "$@"
}

connects() {
	grep -c "to=${AT[$1]} ${2:-}" connects || :
}

visitors_as() {
	"$VISITORS" "${@:2}" "$RELAY" >"$1.visitors" 2>"$1.visitors.err" </dev/null &
	VISITING[$1]=$!
}
declare -A VISITING

visitors_end() {
	wait "${VISITING[$1]}" || fail "visitors $1: $(<"$1.visitors.err")"
	unset "VISITING[$1]"
}

visitors() {
	visitors_as some "$@"
	visitors_end some
}

# Those that keep their connections end.
visitors_go() {
	kill -TERM "${VISITING[$1]}"
	visitors_end "$1"
}

# The visitors end=kept, for those that stay.
all_are_in() {
	[ "$(grep -c 'end=' "$1.visitors")" -ge "$2" ]
}

seen() {
	grep -c -e "$1" "${2:-some}.visitors" || :
}

everybody_was_served() {
	local lost
	lost=$(grep -v 'end=\(ok\|kept\)$' "${1:-some}.visitors" | head -n 3)
	[ -z "$lost" ] || fail "not served: $lost"
}

is_refused() {
	visitors -n 1
	[ "$(seen end=refused)" -eq 1 ]
}

is_served() {
	visitors -n 1
	[ "$(seen end=ok)" -eq 1 ]
}

target_is() {
	has target "target=$1" "${@:2}" || fail "no target record with ${*:2}: $(records target)"
}

# expect_near WHAT WANTED GOT TOLERANCE
expect_near() {
	expect_at_least "$1" $(($2 - $4)) "$3"
	expect_at_most "$1" $(($2 + $4)) "$3"
}

log_count() {
	grep -c -e "$1" weir.log || :
}
