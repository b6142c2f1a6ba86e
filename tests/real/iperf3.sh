#!/bin/bash
# iperf3, both ways.
root=${srcdir:-$(dirname "$0")/../..}/tests
# shellcheck source=../scenario/lib.sh
. "$root/scenario/lib.sh"
# shellcheck source=lib.sh
. "$root/real/lib.sh"

# The bytes of a sum of the JSON report: bytes_of sum_sent.
bytes_of() {
	awk -v sum="\"$1\":" '$1 == sum { inside = 1 } inside && $1 == "\"bytes\":" { printf "%.0f\n", $2; exit }' report.json
}

# What may be on its way of one stream: in a buffer of each of four sockets, and in weir's queue.
on_its_way() {
	awk '{ sum += 2 * $3 } END { printf "%d\n", sum + 1024 * 1024 }' /proc/sys/net/ipv4/tcp_rmem /proc/sys/net/ipv4/tcp_wmem
}

# bulk STREAMS ARG...: iperf3 ends a test by a word on its control connection and does not count what is still
# on its way then.
bulk() {
	local address streams=$1
	shift
	need iperf3
	address=$(free_address)
	serve "$address" iperf3 --server --bind 127.0.0.1 --port "${address##*:}"
	weir_relay
	timeout 60 iperf3 --client 127.0.0.1 --port "$(relay_port)" --time 2 --json --parallel "$streams" "$@" \
		>report.json
	expect_at_least "bytes sent" 1000000 "$(bytes_of sum_sent)"
	expect_at_least "bytes received" 1 "$(bytes_of sum_received)"
	expect_at_least "bytes received" $(($(bytes_of sum_sent) - streams * $(on_its_way))) "$(bytes_of sum_received)"
	server_stop
}
scenario "up" bulk 1
scenario "down" bulk 1 --reverse
scenario "four streams up" bulk 4
scenario "four streams down" bulk 4 --reverse

finish
