#!/bin/bash
# What is served by HTTP.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"
# shellcheck source=reload_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/reload_lib.sh"

BROWSE=$(cd "$(dirname "$0")" && pwd)/browse.py
HTTP=127.0.0.9:0 # no relay of a case listens at this address

# The numbers of pairs, in records of these kinds.
pairs_in() {
	local kind
	for kind in "$@"; do value pairs "$kind"; done | tr '\n' ' '
}

served() {
	"$WEIR" -t -l 127.0.0.1:1 -T 127.0.0.1:2 -o http_listen=unix:@a >/dev/null 2>&1 &&
		curl --version >/dev/null 2>&1 && python3 -c '' 2>/dev/null
}

# http_relay: a relay to TARGET, and HTTP. WEB is its address.
http_relay() {
	served || skip "no libmicrohttpd, no curl or no python3"
	weir_relay -o http_listen="$HTTP"
	WEB=$(web)
}

web() {
	sed -n 's/^.* http_listen: listening on //p' weir.log | tail -n 1
}

# get PATH CURL_ARG...: the status; the body is in "body", the head in "head.txt".
get() {
	curl -s -m 20 -o body -D head.txt -w '%{http_code}' "${@:2}" "http://$WEB$1" || echo " curl failed: $?"
}

# expect_get STATUS PATH CURL_ARG...
expect_get() {
	expect_equal "the status of ${*:2}" "$1" "$(get "${@:2}")"
}

# Takes the report as the last dump.
take_report() {
	expect_get 200 "/report.json${1:-}"
	"$JSONRECORDS" body >dump || fail "no JSON"
}

# head_has LINE: a pattern of it.
head_has() {
	tr -d '\r' <head.txt | grep -qxi -e "$1" || fail "the head has no $1"
}

paths() {
	target -s echo
	http_relay
	expect_get 200 /health
	expect_equal "the body" ok "$(<body)"
	head_has 'connection: close'
	head_has 'cache-control: no-store'
	head_has 'x-content-type-options: nosniff'
	expect_get 200 /
	head_has 'content-type: text/html; charset=utf-8'
	head_has "content-security-policy: default-src 'none';.*"
	expect_get 200 /report.json
	head_has 'content-type: application/json'
	expect_get 200 /metrics
	head_has 'content-type: text/plain; version=0.0.4; charset=utf-8'
	expect_get 404 /metrics/
	expect_get 404 /etc/passwd
	expect_get 400 '/report.json?top=1001'
	expect_get 400 '/report.json?top=-1'
	expect_get 400 '/report.json?top='
	expect_get 400 '/report.json?top=1%00'
	expect_get 404 /health%00
	expect_get 405 /health -d x
	head_has 'allow: GET, HEAD'
	expect_get 405 /health -X OPTIONS
	expect_get 405 /nothing -X DELETE
	expect_get 200 /health -0
	for host in 127.0.0.1 localhost:80 '[::1]:1'; do expect_get 200 /health -H "Host: $host"; done
	for host in example.com localhost.example.com '[::1' 127.0.0.1.example.com; do
		expect_get 421 /report.json -H "Host: $host"
	done
}
beside "paths, methods and hosts" paths

# Of the pairs, those come first that wait; all records are those of the dump.
report() {
	[ -x "$JSONRECORDS" ] || skip "jsonrecords is not built"
	target -s -i rcvbuf 8K recv 10 send 10 await out
	http_relay
	client -n 3 send 10 recv 10 touch in await out
	client_as slow -i rcvbuf 8K send 10 recv 10 deadline 120 fill 300 touch full await out rst
	wait_for "three clients to be in" test -e in
	wait_for "one to be held up" test -e full
	wait_for "a report that shows it" held_is_there
	slow_ones_first || fail "those that are slow do not come first"
	dump_check dump
	expect_equal "pairs" 4 "$(value pairs weir)"
	take_report '?top=2'
	count 2 pair || fail "not two pairs"
	count 4 flow || fail "not four flows"
	expect_equal "the numbers of pairs" "2 4 4 4 " "$(pairs_in end weir relay target)"
	take_report '?top=0'
	expect_equal "the numbers of pairs" "0 4 4 " "$(pairs_in end weir relay)"
	take_report '?relay=command-line&top=3'
	count 3 pair relay=command-line || fail "not three pairs of the relay"
	take_report '?relay=other'
	expect_equal "the numbers of pairs" "0 4 " "$(pairs_in end relay)"
	take_report '?relay=%00'
	expect_equal "the numbers of pairs" "0 4 " "$(pairs_in end relay)"
	expect_get 400 "/report.json?relay=$(printf '%065d' 0)"
	cp dump dump.web
	expect_get 200 /metrics
	grep -qx 'weir_pairs{relay="command-line"} 4' body || fail "the number of pairs in the metrics"
	touch out
	wait_for "the target to say what it has sent" all_are_told
}
all_are_told() {
	[ "$(grep -c '^connection=' target.out)" = 4 ]
}
held_is_there() {
	take_report
	has flow direction=upload limited_by=target
}
slow_ones_first() {
	value slow pair | awk '$1 != "none" && idle { exit 1 } $1 == "none" { idle = 1 }'
}
beside "the report" report

odd_requests() {
	target -s echo
	http_relay
	python3 "$BROWSE" odd "$WEB" <<-'END' || fail "an odd request was answered oddly (above)"
		200 GET /health HTTP/1.0\r\n\r\n
		200 HEAD /health HTTP/1.0\r\n\r\n
		200 GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n
		200 GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n
		200 GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nabc
		405 POST /health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n
		405 POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n
		400 GET /health HTTP/1.1\r\n\r\n
		404 GET /../health HTTP/1.0\r\n\r\n
		404 GET http://localhost/health HTTP/1.0\r\n\r\n
		414 GET /LONG HTTP/1.0\r\n\r\n
		431 GET / HTTP/1.0\r\nX: LONG\r\n\r\n
		any GET /health HTTP/9.9\r\n\r\n
		any GET /health HTTP/1.1\r\nHost: local\0host\r\n\r\n
		any GET / HTTP/1.1\r\n: x\r\n\r\n
		any GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n
		any GET\r\n\r\n
		none \x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03
		none \0\0\0\0\r\n\r\n
		none \r\n\r\n\r\n
		none LONGLONGLONG
	END
	expect_get 200 /health
}
beside "requests that no browser makes" odd_requests

# Those who take their time hold up nobody, and a crowd is served in turn.
hostile() {
	local first
	target -s echo
	http_relay
	expect_equal "a crowd of one address" "200=100" "$(python3 "$BROWSE" crowd "$WEB" 100 /metrics)"
	python3 "$BROWSE" hold "$WEB" 90 go >held &
	first=$!
	wait_for "many clients that take their time" grep -q held held
	expect_equal "a smaller crowd meanwhile" "200=10" "$(python3 "$BROWSE" crowd "$WEB" 10 '/report.json?top=1000')"
	python3 "$BROWSE" hold "$WEB" 10 go >extra &
	wait_for "as many as one address may have" grep -q held extra
	case $(get /health) in # a reset, or an end without an answer
	'000 curl failed: 5'[26]) ;;
	*) fail "one more of that address was not closed" ;;
	esac
	expect_get 200 /health --interface 127.0.0.8
	client mirror send 10 recv 10 fin expect-fin
	peer_end client
	touch go
	wait $first $!
}
beside "clients that take their time" hostile

# The same, in a unix socket. Those who hold it are no reason to go on for longer.
unix_path() {
	target -s echo
	HTTP="unix:$PWD/http mode=640" http_relay
	WEB=any
	expect_equal "the mode" 640 "$(stat -c %a http)"
	expect_get 200 /metrics --unix-socket http
	expect_get 200 /health --unix-socket http -H 'Host: example.com'
	python3 "$BROWSE" hold "unix:$PWD/http" 200 go >held &
	wait_for "many clients that take their time" grep -q held held
	weir_stop
	[ ! -e http ] || fail "the path is still there"
	touch go
	wait $!
}
beside "a unix path" unix_path

draining() {
	target -s echo
	http_relay
	client mirror send 10 recv 10 touch in await out fin expect-fin
	wait_for "a client to be in" test -e in
	kill -TERM "$WEIR_PID"
	wait_for "not to be well" is_unwell
	expect_equal "the body" draining "$(<body)"
	take_report
	expect_equal "pairs" 1 "$(value pairs weir)"
	expect_get 200 /metrics
	touch out
	weir_expect_status 0
}
is_unwell() {
	[ "$(get /health)" = 503 ]
}
beside "draining" draining

# serve_at ADDRESS: in relay.ini.
serve_at() {
	{
		printf '[global]\nhttp_listen = %s\n' "$1"
		section r 127.0.0.1:0
	} | install
}

# refused ADDRESS
refused() {
	WEB=$1 get /health | grep -q 'curl failed: 7'
}

reloads() {
	local first
	EXPECT_LOG='reload failed\|http_listen: '
	served || skip "no libmicrohttpd, no curl or no python3"
	target -s echo
	serve_at none
	reload_start 1
	! grep libmicrohttpd "/proc/$WEIR_PID/maps" || fail "the library is loaded for nobody"
	serve_at 127.0.0.9:0
	reload
	first=$(web)
	WEB=$first expect_get 200 /health
	python3 "$BROWSE" hold "$first" 3 go >held &
	wait_for "clients" grep -q held held
	reload
	expect_equal "the address after a reload" "$first" "$(web)"
	serve_at 127.0.0.10:0
	reload
	WEB=$(web) expect_get 200 /metrics
	wait_for "no more clients at the first address" refused "$first"
	touch go
	wait $!
	first=$(web)
	serve_at "$RELAY"
	reload_fails "http_listen: cannot listen on $RELAY: Address already in use"
	WEB=$first expect_get 200 /health
	serve_at "unix:$PWD/none/http"
	reload_fails "http_listen: .* folder that does not exist"
	serve_at "unix:$PWD/http mode=600"
	reload
	WEB=any expect_get 200 /health --unix-socket http
	serve_at "unix:$PWD/http mode=660"
	reload
	expect_equal "the mode" 660 "$(stat -c %a http)"
	WEB=any expect_get 200 /health --unix-socket http
	serve_at none
	reload
	wait_for "the path to be gone" test ! -e http
	wait_for "no more clients" refused "$first"
	expect_entrances 1
}
beside "reloads" reloads

# An empty file is found before the library.
library=$(sed -n 's/^#define MICROHTTPD_LIBRARY "\(.*\)"/\1/p' build_config.h 2>/dev/null)
without_library() {
	local name=$library
	served || skip "no libmicrohttpd, no curl or no python3"
	mkdir lib
	: >"lib/$name"
	EXPECT_LOG="cannot load $name\|cannot start: "
	LD_LIBRARY_PATH="$PWD/lib" weir_launch -l 127.0.0.1:0 -T 127.0.0.1:1 -o http_listen="$HTTP"
	weir_expect_status 1
	log_has "http_listen: cannot load $name" || fail "another reason"
}
beside "without the library" without_library

finish
