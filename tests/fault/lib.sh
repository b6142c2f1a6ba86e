# shellcheck shell=bash
# Scenarios in which the daemon's calls fail. Sourced, with the build directory as working directory. See
# tests/README.md.
#
#   faults_start ARG...  a daemon with relays for every kind of traffic between targets that serve
#   faults RULE...       from now on these calls fail, by the rules of shim.c; without rules, none fails
#   injected             how many have failed since
#   faults_finish        prints what was injected in all cases, and the plan
#   traffic              one client of every kind, to its end; traffic_begin and traffic_end in two steps
#
# STRICT=yes: every transfer has to be complete. Otherwise a connection may be reset, but it must never end
# early with a FIN, hang, or deliver a byte other than the one sent.

# shellcheck source=../scenario/lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"

FAULT_SHIM=${FAULT_SHIM:-$PWD/tests/fault/shim.so}
FAULT_WEIR=$WEIR
FAULTS_FULL=${FAULTS_FULL:-} # every errno at many places: an hour rather than a minute
export FAULT_SHIM FAULT_WEIR

# Guards what a short run leaves out.
full() {
	[ -n "$FAULTS_FULL" ]
}
injected_before=0 # bytes
faults_folder=$(cd "${srcdir:-$(dirname "$0")/../..}/tests/fault" && pwd)

# From here on the daemon has the shim in it.
WEIR=$faults_folder/faulty
STRICT=no
KINDS="upload download duplex slow reset"

faults() {
	rm -f rules
	injected_before=$(fault_log | wc -c)
	[ $# -gt 0 ] || return 0
	printf '%s\n' "$@" >rules.new
	mv rules.new rules
}

# Beside the folder of the case, which goes with it.
fault_log() {
	cat "$PWD.faults" 2>/dev/null || :
}

injected() {
	fault_log | tail -c "+$((injected_before + 1))" | wc -l
}

# A rule that met no call has shown nothing.
expect_injected() {
	expect_at_least "the number of injections" "${1:-1}" "$(injected)"
}

# A line for each call: what it failed with, or "short", and how often.
faults_finish() {
	wait
	cat "$top"/*.faults | awk '{ count[$0]++ } END { for (what in count) print what, count[what] }' | LC_ALL=C sort | awk '
	$1 != call { printf "%s# injected: %s", separator, $1; call = $1; separator = "\n" }
	{ printf " %s %d", $2, $3; all += $3 }
	END { printf "%s# injected in all: %d\n", separator, all }'
	finish
}

# What the two ends of each kind do; BULK and SLOW are how much they move. The marks below make the relay
# pause.
BULK=512K
SLOW=192K
upload_client() { echo "send $BULK fin expect-fin"; }
upload_target() { echo "recv $BULK expect-fin fin"; }
download_client() { echo "fin recv $BULK expect-fin"; }
download_target() { echo "expect-fin send $BULK fin"; }
duplex_client() { echo "duplex $BULK $BULK fin expect-fin"; }
duplex_target() { echo "duplex $BULK $BULK fin expect-fin"; }
slow_client() { echo "send 100 recv 8K touch held await go recv-slow $SLOW 2M expect-fin fin"; }
slow_target() { echo "recv 100 send 8K send $SLOW fin expect-fin"; }
reset_client() { echo "send 20K rst"; }
reset_target() { echo recv-until-end; }

# HEADERS=yes: clients begin with a PROXY header.
HEADERS=no
client_words() {
	if [ $HEADERS = yes ]; then echo "send-proxy header"; fi
	"$1_client"
}

# REFUSER=yes: every second client is first connected to a target that refuses. NAMED=yes: targets have a host
# name.
REFUSER=no
NAMED=no
fault_target() {
	local kind=$1 tolerant=-i
	if [ $STRICT = yes ]; then tolerant=; fi
	# shellcheck disable=SC2046,SC2086 # words
	peer "$kind" -s $tolerant listen 127.0.0.1:0 port-file "$kind.port" accept $("${kind}_target")
	target_port "$kind"
	if [ $NAMED = yes ]; then TARGET=localhost:${TARGET##*:}; fi
	printf '[relay %s]\nlisten = 127.0.0.1:0\ntarget = %s\n' "$kind" "$TARGET" >>relay.ini
	if [ $REFUSER = yes ]; then echo "target = $REFUSING" >>relay.ini; fi
	if [ $HEADERS = yes ]; then echo "accept_proxy = 127.0.0.1" >>relay.ini; fi
	if [ "$kind" = slow ]; then echo "client_sndbuf = 8K" >>relay.ini; fi
}

refuser() {
	peer refuser deadline 3600 refuse 127.0.0.1:0 port-file refuser.port await over
	target_port refuser
	REFUSING=$TARGET
}

# Without a daemon: the configuration is in relay.ini, the targets serve.
faults_prepare() {
	local kind
	printf '%s\n' "[defaults]" "high_watermark = 128K" "low_watermark = 64K" >relay.ini
	if [ $REFUSER = yes ]; then refuser; fi
	printf '\r\n\r\n\0\r\nQUIT\n\x20\0\0\4NOOP' >header
	for kind in $KINDS; do
		fault_target "$kind"
	done
	if [ $HOGS = yes ]; then hogs_prepare; fi
}

# HOGS=yes: between hogs_begin and hogs_end clients that do not read have so much of a memory_max of 64K that
# nobody else gets a queue. What others send then stays with its source until the sink has taken it.
HOGS=no
hogs=0
hogs_prepare() {
	peer hog -s -i deadline 3600 listen 127.0.0.1:0 port-file hog.port accept fill 100 recv-until-end
	target_port hog
	printf '[relay hog]\nlisten = 127.0.0.1:0\ntarget = %s\nclient_sndbuf = 8K\n' "$TARGET" >>relay.ini
}

# One after the other is granted half of what the others have left, until that makes no queue: it takes two
# blocks of 4K.
hogs_begin() {
	weir_dump
	while [ "$(value used weir)" -le $((64 * 1024 - 16 * 1024)) ]; do
		hogs=$((hogs + 1))
		[ $hogs -le 32 ] || fail "hogs leave memory for others"
		peer "hog-client-$hogs" -i deadline 3600 rcvbuf 8K connect "$(listening_on hog)" await fed rst
		dump_until count $hogs flow direction=download reading=paused
	done
	dump_until hogs_rest
}

# The kernels between a hog and the daemon may take some more, in steps, and the daemon then reads some more.
# A fault that meets that ends the hog.
hogs_rest() {
	awk '$1 == "pair" { sub(/.*idle_ms=/, ""); if ($1 < 500) exit 1 }' dump
}

hogs_end() {
	local n
	touch fed
	for ((n = 1; n <= hogs; n++)); do
		peer_end "hog-client-$n"
	done
	hogs=0
}

faults_start() {
	faults_prepare
	weir_start -c relay.ini "$@"
}

# HOLD=yes: the slow clients read no more than the first bytes before traffic_end.
traffic_begin() {
	local kind tolerant=-i small
	rm -f held go
	if [ "${HOLD:-}" != yes ]; then touch go; fi
	if [ $STRICT = yes ]; then tolerant=; fi
	for kind in $KINDS; do
		small=
		if [ "$kind" = slow ]; then small="rcvbuf 8K"; fi
		# shellcheck disable=SC2046,SC2086 # words
		peer "$kind-client" -n 2 $tolerant deadline "$PATIENCE_S" $small connect "$(listening_on "$kind")" \
			$(client_words "$kind")
	done
}

# Serving peers hold their listening socket, and one for each connection that is not over.
targets_are_idle() {
	local kind
	for kind in $KINDS; do
		[ "$(find "/proc/${PEERS[$kind]}/fd" -lname 'socket:*' | wc -l)" -eq 1 ] || return 1
	done
}

# A connection may fail by a reset alone. A client's reset must not look like an end to its target.
expect_no_forgery() {
	local kind
	for kind in $KINDS; do
		if grep -Ehv 'got a reset|: (Connection reset by peer|Broken pipe|Transport endpoint is not connected)( after|$)' "$kind.err" "$kind-client.err"; then
			fail "$kind: that is no reset (above)"
		fi
	done
	if grep -hs 'end=fin' reset.out; then
		fail "a reset arrived as an end (above)"
	fi
}

traffic_end() {
	local kind
	touch go
	for kind in $KINDS; do
		peer_end "$kind-client"
	done
	wait_for "the targets to have seen every end" targets_are_idle
	expect_no_forgery
}

traffic() {
	traffic_begin
	traffic_end
}

weir_is_calm() {
	if [ $hogs -gt 0 ]; then
		dump_until has weir pairs=$hogs
		return
	fi
	wait_for "pairs=0 used=0" weir_has_no_pairs
	wait_for "sockets back to $WEIR_SOCKETS" weir_sockets_are_back
}
