# shellcheck shell=bash disable=SC2034,SC2154 # sourced by lib.sh
# How cases are run; sourced by lib.sh. Each has a folder and a shell of its own.
#
#   scenario NAME FUNCTION [ARG...]  after all before it, and before all that follow
#   beside NAME FUNCTION [ARG...]    while others run, for cases that mostly wait
#   namespaces TRIAL HOW...          gives each case that follows namespaces of its own
#   finish                           prints the plan
#
# A case comes to rest when nothing is left but to watch for a second that its daemon does nothing. Whatever
# others do meanwhile, this costs the daemon no CPU, so the next case begins.

cases=0
busy=0        # cases that run and are not at rest
unreported=() # those whose lines were not printed yet
THIS_CASE=${THIS_CASE:-}
[ -n "$THIS_CASE" ] || mkfifo "$top/rests"
exec {rests}<>"$top/rests" # gets a line when a case comes to rest, or ends without that

case_clean_up() {
	local pids
	pids=$(jobs -p)
	# shellcheck disable=SC2086 # pids
	if [ -n "$pids" ]; then kill -KILL $pids 2>/dev/null; fi
	wait 2>/dev/null
}

case_explain() {
	sed 's/^/# /' case.out
	if [ -e weir.log ]; then
		echo "# the log's end:"
		tail -n 30 weir.log | cut -c 1-400 | sed 's/^/#   /'
	fi
	if [ -e dump ]; then
		echo "# the last dump:"
		head -n 20 dump | sed 's/^/#   /'
	fi
}

# Counts once.
case_rests() {
	[ ! -e "$top/$CASE.rested" ] || return 0
	: >"$top/$CASE.rested"
	echo "$CASE" 1<>"$top/rests"
}

run_case() {
	local name=$1 status=0 directory=$top/$CASE began
	shift
	began=$(now_ms)
	mkdir "$directory"
	(
		cd "$directory" || exit 1
		WEIR_PID=
		WEIR_LAUNCHES=0
		exec >case.out 2>&1
		trap case_clean_up EXIT
		set -e
		"$@"
		oracle
	)
	status=$?
	if [ $status -eq 0 ]; then
		echo "ok $CASE - $name"
	elif [ $status -eq 77 ]; then
		echo "ok $CASE - $name # SKIP $(tail -n 1 "$directory/case.out")"
	else
		echo "not ok $CASE - $name"
		(cd "$directory" && case_explain)
		if [ -n "${KEEP:-}" ]; then cp -r "$directory" "$KEEP"; fi
	fi
	echo "# it took $(($(now_ms) - began)) ms"
	rm -rf "$directory"
}

# is_wanted NAME...: whether the case is to be run; it is the cases-th then. Where the script runs for one
# case, it ends with that.
is_wanted() {
	if [ -n "$ONLY" ] && ! [[ $1 =~ $ONLY ]]; then return 1; fi
	cases=$((cases + 1))
	[ -n "$THIS_CASE" ] || return 0
	[ "$cases" = "$THIS_CASE" ] || return 1
	CASE=$cases
	run_case "$@"
	exit 0
}

# namespaces TRIAL HOW...: by the first HOW, a command like "unshare -n", in which the command TRIAL works.
# The script is run in them once more for each case, with THIS_CASE set. False where none is to be had.
namespaces() {
	local trial=$1
	shift
	[ -z "$THIS_CASE" ] || return 0
	for NAMESPACES; do
		# shellcheck disable=SC2086 # words
		if $NAMESPACES sh -c "$trial" >/dev/null 2>&1; then return 0; fi
	done
	NAMESPACES=
	return 1
}
NAMESPACES=

start_case() {
	busy=$((busy + 1))
	unreported+=("$cases")
	(
		exec {rests}<&- # no daemon inherits it
		CASE=$cases
		if [ -n "$NAMESPACES" ]; then
			# shellcheck disable=SC2086 # words
			THIS_CASE=$CASE THIS_TOP=$top $NAMESPACES "$0"
		else
			run_case "$@"
		fi >"$top/$CASE.lines"
		mv "$top/$CASE.lines" "$top/$CASE.tap"
		case_rests
	) &
}

busy_at_most() {
	while [ "$busy" -gt "$1" ]; do
		read -r _ <&"$rests"
		busy=$((busy - 1))
	done
	report_ended
}

# A reader of TAP wants them in order.
report_ended() {
	while [ ${#unreported[@]} -gt 0 ] && [ -e "$top/${unreported[0]}.tap" ]; do
		cat "$top/${unreported[0]}.tap"
		unreported=("${unreported[@]:1}")
	done
}

scenario() {
	is_wanted "$@" || return 0
	busy_at_most 0
	start_case "$@"
	busy_at_most 0
}

beside() {
	is_wanted "$@" || return 0
	busy_at_most $((BESIDE_MAX - 1))
	start_case "$@"
}
BESIDE_MAX=4

skip() {
	echo "$*"
	exit 77
}

# The status is always 0: whoever reads the TAP counts the lines.
finish() {
	wait
	report_ended
	echo "1..$cases"
}
