#!/bin/bash
# redis: pipelines, big values, a benchmark.
root=${srcdir:-$(dirname "$0")/../..}/tests
# shellcheck source=../scenario/lib.sh
. "$root/scenario/lib.sh"
# shellcheck source=lib.sh
. "$root/real/lib.sh"
# shellcheck source=programs.sh
. "$root/real/programs.sh"

redis_start() {
	redis_serve "$(free_address)"
	weir_relay
}

cli() {
	timeout 60 redis-cli -h 127.0.0.1 -p "$(relay_port)" "$@"
}

big_value() {
	redis_start
	make_file big $((64 / SCALE))
	cli -x set big <big >/dev/null
	cli --raw get big | head -c "$(stat -c %s big)" >got
	expect_same big got
	server_stop
}
scenario "a big value there and back" big_value

mass_insertion() {
	local count=$((200000 / SCALE))
	redis_start
	seq "$count" | awk '{ printf "SET key:%d value:%d\r\n", $1, $1 * 7 }' >commands
	cli --pipe <commands >answers
	grep -q "errors: 0, replies: $count" answers || fail "$(tail -n 1 answers)"
	expect_equal "keys" "$count" "$(cli dbsize)"
	seq "$count" | awk '{ print "value:" $1 * 7 }' >wanted
	seq "$count" | awk '{ print "GET key:" $1 }' | cli >got
	expect_same wanted got
	server_stop
}
scenario "mass insertion by --pipe, then all values back" mass_insertion

benchmark() {
	redis_start
	timeout 60 redis-benchmark -h 127.0.0.1 -p "$(relay_port)" -n $((40000 / SCALE)) -c 50 -t set,get,lrange_100 -q >report
	timeout 60 redis-benchmark -h 127.0.0.1 -p "$(relay_port)" -n $((100000 / SCALE)) -c 20 -P 32 -d 1000 -t set,get -q >>report
	# The sixth is the LPUSH that LRANGE needs.
	expect_equal "results" 6 "$(tr '\r' '\n' <report | grep -c 'requests per second')"
	server_stop
}
scenario "redis-benchmark, with and without pipelining" benchmark

subscriber() {
	redis_start
	cli subscribe news >heard &
	wait_for "the subscription" grep -q subscribe heard
	expect_equal "subscribers" 1 "$(cli publish news "it flows")"
	wait_for "the message" grep -q 'it flows' heard
	kill %%
	wait %% || :
	server_stop
}
scenario "a message to a subscriber" subscriber

finish
