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

# iperf3 ends a test by a word on its control connection and counts no byte that is still on its way then, so
# its sums are near the truth and not exact.
bulk() {
	local address
	need iperf3
	address=$(free_address)
	serve "$address" iperf3 --server --bind 127.0.0.1 --port "${address##*:}"
	weir_relay
	timeout 60 iperf3 --client 127.0.0.1 --port "$(relay_port)" --time 2 --json "$@" >report.json
	expect_at_least "bytes sent" 1000000 "$(bytes_of sum_sent)"
	expect_at_least "bytes received" $(($(bytes_of sum_sent) * 3 / 4)) "$(bytes_of sum_received)"
	server_stop
}
scenario "up" bulk
scenario "down" bulk --reverse
scenario "four streams up" bulk --parallel 4
scenario "four streams down" bulk --parallel 4 --reverse

finish
