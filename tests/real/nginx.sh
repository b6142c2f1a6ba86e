#!/bin/bash
# curl and nginx: bodies that end with the connection, keep-alive, uploads.
root=${srcdir:-$(dirname "$0")/../..}/tests
# shellcheck source=../scenario/lib.sh
. "$root/scenario/lib.sh"
# shellcheck source=lib.sh
. "$root/real/lib.sh"
# shellcheck source=programs.sh
. "$root/real/programs.sh"

nginx_start() {
	nginx_serve "$(free_address)"
	weir_relay
}

get() {
	curl --silent --show-error --fail --max-time 60 "$@"
}

closed_by_server() {
	nginx_start
	make_file html/big $((256 / SCALE))
	get --http1.0 -o got "http://$RELAY/big"
	expect_same html/big got
	wait_closed reason=eof
	server_stop
}
scenario "a download that ends with the connection" closed_by_server

keep_alive() {
	nginx_start
	make_file html/a 1
	make_file html/b 5
	get -o got.a -o got.b -o got.again "http://$RELAY/a" "http://$RELAY/b" "http://$RELAY/a"
	expect_same html/a got.a
	expect_same html/b got.b
	expect_same html/a got.again
	wait_closed reason=eof
	wait_for "connections" log_counts 1 ' closed pair='
	server_stop
}
scenario "three downloads on one connection" keep_alive

upload() {
	nginx_start
	make_file big $((256 / SCALE))
	get -T big "http://$RELAY/up/big"
	expect_same big up/big
	server_stop
}
scenario "a big upload" upload

slow_download() {
	nginx_start
	make_file html/big 8
	get --limit-rate 4M -o got "http://$RELAY/big"
	expect_same html/big got
	server_stop
}
scenario "a download at a limited rate" slow_download

given_up() {
	nginx_start
	make_file html/big $((512 / SCALE))
	get --limit-rate 1M --max-time 1 -o got "http://$RELAY/big" && fail "curl did not give up"
	wait_for "the pair to be gone" weir_has_no_pairs
	get -o got "http://$RELAY/big"
	expect_same html/big got
	server_stop
}
scenario "a download that the client gives up" given_up

parallel() {
	local i urls=()
	nginx_start
	make_file html/small 1
	for ((i = 0; i < 40; i++)); do urls+=(-o "got.$i" "http://$RELAY/small"); done
	get --parallel --parallel-immediate --parallel-max 20 "${urls[@]}"
	for ((i = 0; i < 40; i++)); do expect_same html/small "got.$i"; done
	server_stop
}
scenario "40 downloads, 20 at a time" parallel

finish
