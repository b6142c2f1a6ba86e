#!/bin/bash
# Memory runs out: one allocation fails, or all do for a while, from start to stop.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/fault/lib.sh"

# What a daemon without memory has to say.
EXPECT_LOG='connecting has to wait\|cannot accept\|cannot write the dump\|no target could be connected\|is down\|libevent: '

# A short run takes longer steps from one allocation to the next.
if full; then step=1; else step=7; fi

# ---- while it starts ----

# 1 if the start failed and said so, 0 if it worked and stopped as asked.
start_and_stop() {
	local status=0
	rm -f weir.log
	"$WEIR" -c relay.ini </dev/null >weir.out 2>weir.log &
	WEIR_PID=$!
	wait_for "weir to start or to end" started_or_ended
	faults_keep
	if ! weir_has_ended; then kill -TERM "$WEIR_PID"; fi
	wait_for "the end of weir" weir_has_ended
	wait "$WEIR_PID" || status=$?
	WEIR_PID=
	return $status
}

started_or_ended() {
	weir_has_ended || grep -qs "$WEIR_READY" weir.log
}

# Counts what was injected before the rule goes.
faults_keep() {
	count=$(injected)
	rm -f rules
}

# A service manager with a watchdog takes more of it.
managed() {
	manage
	export WATCHDOG_USEC=60000000
}

# starting CALL ERROR FIRST EVERY STEP LEAST: the n-th call fails alone, or all from there on, until the start
# is over. The service manager hears of every start that works.
starting() {
	local n=$3 status failed=0 worked=0
	printf '%s\n' "[relay one]" "listen = 127.0.0.1:0" "target = localhost:1" \
		"max_connections_per_source = 3" >relay.ini
	managed
	for (( ; ; n += $5)); do
		echo "$1 $n"
		faults "$1 $2 $n $4"
		status=0
		start_and_stop || status=$?
		[ "$count" -gt 0 ] || break
		case $status in
		0) worked=$((worked + 1)) ;;
		1 | 78) failed=$((failed + 1)) && [ -s weir.log ] || fail "it ended without a word" ;;
		*) fail "the exit status is $status" ;;
		esac
	done
	echo "$failed failed, $worked worked"
	expect_at_least "failed starts" "$6" "$failed"
	wait_for "the service manager to have heard of $((worked + 1))" told_at_least $((worked + 1)) READY=1
	rm weir.log
}
beside "start: one allocation fails" starting alloc ENOMEM 1 0 $step 5
beside "start: every allocation from one on fails" starting alloc ENOMEM 1 1 $step 5
beside "start: one socket cannot be made" starting socket EMFILE 1 0 1 2

# ---- while it relays ----

# Every client's transfer is whole or reset, whatever the daemon has no memory for, and a dump may fail.
relaying() {
	local every=$1 n=1 least
	faults_start $OPTIONS
	if [ $HOGS = yes ]; then hogs_begin; fi
	while :; do
		echo "allocation $n"
		faults "alloc ENOMEM $n $every"
		traffic_begin
		kill -USR1 "$WEIR_PID"
		traffic_end
		[ "$(injected)" -gt 0 ] || break
		faults
		weir_is_calm
		n=$((n + (step > 1 ? 1 + n / 2 : 1)))
	done
	faults
	if [ $HOGS = yes ]; then hogs_end; fi
	weir_is_calm
	# Queues and pairs are from pools, except in a build with sanitizers.
	if [ $SANITIZED = yes ]; then least=40; else least=20; fi
	expect_at_least "allocations while relaying" $least "$n"
}

# A shortage in the middle of what is under way, and its end.
shortage() {
	faults_start $OPTIONS
	HOLD=yes
	for _ in $(seq "$1"); do
		traffic_begin
		wait_for "slow clients to be served" test -e held
		faults "alloc ENOMEM 1 1"
		kill -USR1 "$WEIR_PID"
		# shellcheck disable=SC2046 # words
		peer late -n 5 -i deadline "$PATIENCE_S" connect "$(listening_on upload)" $(upload_client)
		traffic_end
		peer_end late
		expect_injected
		faults
		weir_is_calm
	done
	traffic
}

# Draining and stopping need no memory; the pairs relayed meanwhile may.
stopping() {
	KINDS=slow
	HOLD=yes
	managed
	faults_start $OPTIONS
	traffic_begin
	wait_for "slow clients to be served" test -e held
	faults "alloc ENOMEM 1 1"
	kill -TERM "$WEIR_PID"
	traffic_end
	weir_expect_status 0
}

# Whatever there is no memory for, the next one who asks by HTTP gets an answer.
serving() {
	local n=1 web path
	"$WEIR" -t -l 127.0.0.1:1 -T 127.0.0.1:2 -o http_listen=unix:@a >/dev/null 2>&1 &&
		curl --version >/dev/null 2>&1 || skip "no libmicrohttpd or no curl"
	faults_start -o http_listen=127.0.0.9:0
	web=$(sed -n 's/^.* http_listen: listening on //p' weir.log)
	while :; do
		echo "allocation $n"
		faults "alloc ENOMEM $n $1"
		for path in metrics report.json health; do
			curl -s -m 20 -o /dev/null "http://$web/$path" || true
		done
		[ "$(injected)" -gt 0 ] || break
		faults
		expect_equal "the status" 200 "$(curl -s -m 20 -o /dev/null -w '%{http_code}' "http://$web/metrics")"
		sleep 1.1 # until that report is served to nobody any more
		n=$((n + (step > 1 ? 1 + n / 2 : 1)))
	done
	faults
	expect_at_least "allocations while serving" 20 "$n"
}
beside "serving HTTP: one allocation fails" serving 0
beside "serving HTTP: every allocation from one on fails" serving 1

variants=("")
if full; then variants+=("-o splice=off" "-o workers=4"); fi
for OPTIONS in "${variants[@]}"; do
	beside "relaying: one allocation fails $OPTIONS" relaying 0
	beside "relaying: every allocation from one on fails $OPTIONS" relaying 1
	beside "relaying: a shortage comes and goes $OPTIONS" shortage "$step"
	beside "stopping without memory $OPTIONS" stopping
done

HEADERS=yes
OPTIONS="-o log_level=debug"
beside "relaying with PROXY headers: one allocation fails" relaying 0
HEADERS=no

OPTIONS="-o memory_max=64K"
HOGS=yes
beside "relaying without memory for queues: one allocation fails" relaying 0
HOGS=no
faults_finish
