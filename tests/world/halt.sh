# shellcheck shell=bash
# Stops one thread of a daemon.
HALT=${HALT:-$PWD/tests/world/halt}

# halt_worker PID NUMBER: that worker of the process is stopped, until there is a file "go".
halt_worker() {
	local task status=0
	for task in "/proc/$1/task/"*; do
		if [ "$(<"$task/comm")" = "worker-$2" ]; then "$HALT" "${task##*/}" "$PWD/go" & fi
	done
	halt=$!
	wait_for "the worker to be stopped" eval "[ -e go.stopped ] || ! kill -0 $halt 2>/dev/null"
	[ -e go.stopped ] || wait $halt || status=$?
	[ $status != 77 ] || skip "threads cannot be stopped here"
	[ -e go.stopped ] || fail "the worker cannot be stopped"
}
