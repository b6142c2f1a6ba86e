#!/bin/bash
# A takeover without memory, or with calls that fail: another program goes on, or the one before does, and
# no pair is cut. What fails, fails in weir or in the rehearsal; for the program that goes on there is no way
# back.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/fault/lib.sh"
# shellcheck source=../scenario/reload_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/reload_lib.sh"
# shellcheck source=../scenario/takeover_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/takeover_lib.sh"

if full; then step=1 most=500; else step=37 most=500; fi

begin() {
	EXPECT_LOG="$NOT_TAKEN_OVER\|cannot \|out of memory\|libevent: \|state: "
	target -s echo
	weir_relay "$@"
	hold before
	succeeded=0 failed=0
}

# What comes of it is said once.
try() {
	order_takeover
	wait_for "the end of a takeover" takeover_ended
	if last_takeover_failed; then failed=$((failed + 1)); else succeeded=$((succeeded + 1)); fi
}

# And then it works again.
end() {
	faults
	take_over
	visit
	release before
	expect_equal "pairs that were cut" 0 "$(grep -a ' closed pair=' weir.log | grep -acv 'reason=eof' || :)"
	echo "$succeeded takeovers have succeeded, $failed have failed"
}

# The n-th allocation of weir, and of its child.
memory() {
	local n
	begin "$@"
	for ((n = 1; n < most; n += step)); do
		faults "alloc ENOMEM $n 0"
		try
		visit
	done
	end
	expect_at_least "takeovers that have failed" 1 "$failed"
	expect_at_least "takeovers that have succeeded" 1 "$succeeded"
}
scenario "one allocation fails" memory -o workers=2

calls() {
	local rule
	begin "$@"
	for rule in "memfd_create EMFILE 1 1" "memfd_create ENOMEM 2 0" "fork EAGAIN 1 1" "execveat ENOMEM 1 1" \
		"open EMFILE 1 1" "pipe2 EMFILE 1 1" "write ENOSPC 1 1" "mmap ENOMEM 1 1"; do
		faults "$rule"
		try
		visit
	done
	end
}
scenario "calls fail" calls -o workers=2

# The n-th allocation of the program that takes over: it begins again, and at most one pair is lost.
carried() {
	local n
	export FAULT_CARRIED=only
	EXPECT_LOG="tried again\|no thread of its own\|no stand-ins\|cannot \|out of memory\|libevent: \|state\|reset"
	target -s echo
	weir_relay "$@"
	for ((n = 2; n < most; n += step)); do
		faults "alloc ENOMEM $n 0"
		take_over
		faults # what fails later costs a visitor
		visit
	done
	expect_at_least "takeovers that were tried again" 1 "$(grep -ac 'is tried again' weir.log || :)"
	expect_equal "pairs that were cut for other reasons" 0 \
		"$(grep -a ' closed pair=' weir.log | grep -acv 'reason=eof\|reason=out_of_memory' || :)"
}
scenario "one allocation fails in the program that takes over" carried -o workers=2

was_injected() {
	[ "$(injected)" -gt 0 ]
}

# A directory service that does not answer holds up whoever loads a file, so that is not done while all wait.
users() {
	export FAULT_CARRIED=only
	target -s echo
	{ section one 127.0.0.1:0 && section two "unix:$PWD/two owner=$(id -un)"; } | install
	reload_start 1 1
	{ section one 127.0.0.1:0 && section three "unix:$PWD/two owner=$(id -un)"; } | install
	faults "getpwnam_r hang 1 0"
	log_mark=$(($(stat -c %s weir.log) + 1))
	take_over
	wait_for "a reload that looks for the user" was_injected
	faults
	wait_reloaded
}
scenario "no user can be looked up while another program takes over" users

# Memory files of the state would be kept for as long as pairs last.
stopped() {
	export FAULT_CARRIED=only
	begin -o workers=2
	faults "mmap hang 1 0"
	order_takeover
	wait_for "the program that takes over" was_injected
	kill -TERM "$WEIR_PID"
	faults
	wait_log "SIGTERM"
	expect_equal "memory files" 0 "$(find "/proc/$WEIR_PID/fd" -lname '*memfd:*' | wc -l)"
	release before
	wait_for "the end" weir_has_ended
	weir_expect_status 0
}
scenario "TERM while another program takes over: nothing of the state is kept" stopped

faults_finish
