# shellcheck shell=bash
# Real programs through weir: what all of these scripts share. Sourced after tests/scenario/lib.sh.

# shellcheck disable=SC2034 # for the oracle
STRANGERS=yes # they do not tell what they moved

# need PROGRAM...: the case is skipped where one is missing.
need() {
	local program
	for program in "$@"; do
		command -v "$program" >/dev/null || skip "$program is missing"
	done
}

# For programs that cannot tell which port they got.
free_address() {
	echo "127.0.0.1:$(own_port)"
}

is_listening() {
	(: <"/dev/tcp/${1%:*}/${1##*:}") 2>/dev/null
}

# serve ADDRESS:PORT COMMAND...: a server in the background, killed at the end of the case; TARGET is its
# address.
serve() {
	export TARGET=$1
	shift
	"$@" >server.out 2>&1 </dev/null &
	SERVER_PID=$!
	wait_for "$1 to listen" is_listening "$TARGET"
}

server_stop() {
	kill "$SERVER_PID"
	wait "$SERVER_PID" || :
}

# make_file NAME MIB: random bytes.
make_file() {
	head -c $(($2 * 1024 * 1024)) /dev/urandom >"$1"
}

checksum() {
	sha256sum | cut -d ' ' -f 1
}

# expect_same FILE FILE
expect_same() {
	expect_equal "the checksum of $2" "$(checksum <"$1")" "$(checksum <"$2")"
}

relay_port() {
	echo "${RELAY##*:}"
}
