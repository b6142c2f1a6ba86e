#!/bin/bash
# ssh: a large copy each way through an own sshd.
root=${srcdir:-$(dirname "$0")/../..}/tests
# shellcheck source=../scenario/lib.sh
. "$root/scenario/lib.sh"
# shellcheck source=lib.sh
. "$root/real/lib.sh"
# shellcheck source=programs.sh
. "$root/real/programs.sh"

sshd_start() {
	sshd_serve "$(free_address)"
	weir_relay
}

copies() {
	sshd_start
	make_file big $((128 / SCALE))
	remote "$RELAY" "cat >'$PWD/there'" <big
	expect_same big there
	remote "$RELAY" "cat '$PWD/there'" >back
	expect_same big back
	server_stop
}
scenario "a large copy there and back" copies

checked_there() {
	sshd_start
	make_file big $((64 / SCALE))
	expect_equal "the checksum that the other side counts" "$(checksum <big)" \
		"$(remote "$RELAY" 'sha256sum' <big | cut -d ' ' -f 1)"
	server_stop
}
scenario "an answer after the end of the question" checked_there

finish
