#!/bin/bash
# The peers themselves, without weir between them: they notice what they must notice.
# shellcheck source=lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"

direct() {
	RELAY=$TARGET
	client "$@"
}

# notices PATTERN: the target fails and says why.
notices() {
	local status=0
	wait "${PEERS[target]}" || status=$?
	unset 'PEERS[target]'
	expect_equal "the status of a peer that must fail" 1 "$status"
	grep -q -e "$1" target.err || fail "'$1' is missing in: $(<target.err)"
	wait "${PEERS[client]}" || :
	unset 'PEERS[client]'
}

agreement() {
	target duplex 1M 1M recv 4097 expect-fin send-text bye fin
	direct duplex 1M 1M send 4097 fin recv-text bye expect-fin
}
beside "both ends agree" agreement

doubled() {
	target recv 1M
	direct -i send 64001 seeds 1 2 send 64K fin
	notices 'byte 64001 is not what was sent: here begins what was sent as byte 0'
}
beside "a doubled piece is noticed" doubled

foreign() {
	target recv 1M
	direct -i send 5000 seeds 77 2 send 64K fin
	notices 'byte 5000 is not what was sent'
}
beside "another connection's bytes are noticed" foreign

missing() {
	target recv 5001 expect-fin
	direct -i send 5000 fin
	notices 'got an end of stream after 5000 bytes'
}
beside "a missing byte is noticed" missing

surplus() {
	target recv 5000 expect-fin
	direct -i send 5001 fin
	notices 'got more bytes'
}
beside "a surplus byte is noticed" surplus

reset_for_end() {
	target recv 10 expect-fin
	direct send 10 rst
	notices 'got a reset'
}
beside "a reset is no end of stream" reset_for_end

end_for_reset() {
	target recv 10 expect-rst
	direct send 10 fin
	notices 'got an end of stream'
}
beside "an end of stream is no reset" end_for_reset

deadline() {
	target deadline 1 recv 10
	direct send 9 expect-end
	notices 'not done within the deadline'
}
beside "a deadline is kept" deadline

# In two tests of stopped readers the buffers had been as large as ever.
buffer_too_late() {
	target deadline 60 rcvbuf 8K recv 10
	direct send 10 expect-end
	notices 'the socket is made already'
}
beside "a buffer of a socket that is there cannot be set" buffer_too_late

finish
