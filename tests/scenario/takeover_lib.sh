# shellcheck shell=bash
# Takeovers, for scenarios. Sourced after lib.sh.
#
#   take_over         USR2, and waits until another program goes on
#   takeover_ended    as a condition: since order_takeover, there is word of an end, good or bad

TAKEN_OVER=' notice weir .* has taken over from '
NOT_TAKEN_OVER=' error takeover failed, nothing has changed: '

# how many have ended so far
takeovers() {
	grep -ac -e "$TAKEN_OVER" -e "$NOT_TAKEN_OVER" weir.log || :
}

order_takeover() {
	takeovers_before=$(takeovers)
	kill -USR2 "$WEIR_PID"
}

takeover_ended() {
	weir_alive || fail "weir has died"
	[ "$(takeovers)" -gt "$takeovers_before" ]
}

last_takeover_failed() {
	grep -a -e "$TAKEN_OVER" -e "$NOT_TAKEN_OVER" weir.log | tail -n 1 | grep -q -e "$NOT_TAKEN_OVER"
}

take_over() {
	order_takeover
	wait_for "the end of a takeover" takeover_ended
	if last_takeover_failed; then fail "the takeover has failed"; fi
}
