# shellcheck shell=bash
# Rounds of the crowd through one daemon. Sourced, with the build directory as working directory.
#
#   settings SEED        options for a daemon, derived from the seed, in the array options
#   crowd_relay ARG...   a daemon in front of a port that the crowd will use
#   crowd_begin          the same for a daemon that relays to TARGET as crowd_target has set it
#   round SEED SECONDS   a crowd through it, with dumps meanwhile and the account afterwards
# shellcheck source=../scenario/lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/lib.sh"
# shellcheck source=../scenario/targets_lib.sh
. "${srcdir:-$(dirname "$0")/../..}/tests/scenario/targets_lib.sh"

# shellcheck disable=SC2034 # for the oracle
STRANGERS=yes # the crowd's account is in expect_sums
EXPECT_LOG=$TARGET_LOG # a target that resets at once may be one that cannot be connected

CROWD=${CROWD:-$PWD/tests/random/crowd}
CROWD_ENDS=${CROWD_ENDS:-80} # clients at a time
CROWD_HEADERS=               # -h: clients begin with a PROXY header; -H: targets get one

# choose KEY WORD...: adds a setting. RANDOM is seeded, and in a subshell it would not be.
choose() {
	local key=$1
	shift
	shift $((RANDOM % $#))
	options+=(-o "$key=$1")
}

# settings SEED: fills options.
settings() {
	RANDOM=$(($1 % 32768))
	options=(-o log_level=debug) # a client that is not heard has a line there
	options+=(-o keepalive_idle=5s -o keepalive_interval=5s) # as ask_again.h has it for the others
	choose memory_max 256K 1M 4M 64M
	choose workers 1 2 4
	choose splice auto off
	choose high_watermark 4K 16K 64K 256K 1M
	choose low_watermark 1K 2K 3K
	choose tcp_nodelay on off
	choose client_sndbuf auto 16K 64K
	choose target_sndbuf auto 16K 64K
	choose client_rcvbuf auto 128K
	choose target_rcvbuf auto 128K
	choose notsent_lowat auto 16K
	choose balance round_robin least_connections source
	choose fail_limit 0 1 3
	choose fail_time 10ms 1s 1h
	choose slow_start 0 1s
	choose retry_time 0 5s
	choose connect_on accept data
	choose upload_rate 0 0 1M 20M
	choose download_rate 0 0 1M 20M
	choose relay_upload_rate 0 0 8M 100M
	choose relay_download_rate 0 0 8M 100M
	echo "settings for seed $1: ${options[*]}"
}

# TARGET is a port that is free until the first round takes it.
crowd_target() {
	own_port >crowd.port
	target_port crowd
}

# FAILING: two addresses beside it, one that refuses and one that is silent.
failing_targets() {
	farm dead hole
	order silent hole
	FAILING=("$(of dead)" "$(of hole)")
}

crowd_relay() {
	crowd_target
	failing_targets
	weir_relay -T "${FAILING[0]}" -T "${FAILING[1]}" -o connect_timeout=200ms "$@"
	crowd_begin
}

crowd_begin() {
	echo "$RELAY" >relay
	accepted=0 lonely=0
	# shellcheck disable=SC2034 # used by their names
	upload_sent=0 upload_received=0 download_sent=0 download_received=0
}

dump_while_crowd_runs() {
	until peer_has_ended crowd; do
		sleep "0.$((RANDOM % 5))$((RANDOM % 10))"
		weir_dump
	done
}

# Every pair that nobody reset has a close line with exactly the bytes that its ends counted.
close_lines_match() {
	tail -c "+$log_begin" weir.log | awk '
	NR == FNR && $1 == "pair" { expected[$2 " " $3 " " $4]++ }
	NR == FNR { next }
	/ closed pair=/ && / reason=eof/ && / dropped=0 / {
		for (i = 1; i <= NF; i++)
			if (match($i, /^(client|upload_bytes|download_bytes)=/))
				got[substr($i, 1, RLENGTH - 1)] = $i
		expected[got["client"] " " got["upload_bytes"] " " got["download_bytes"]]--
	}
	END {
		for (key in expected)
			if (expected[key] > 0)
				missing++
		exit missing > 0
	}' crowd.out -
}

# sum_up KEY...: adds what this round's crowd has counted.
sum_up() {
	local key
	for key in "$@"; do
		printf -v "$key" %d $((${!key} + $(peer_total "$key" crowd)))
	done
}

# Between what was received and what was sent: what was under way when somebody reset is in neither sum for
# sure. A target that resets at once, before a byte, was none.
expect_sums() {
	local direction sent received
	accepted=$((accepted + $(peer_total clients crowd)))
	sum_up lonely upload_sent upload_received download_sent download_received
	wait_for "pairs=0 used=0" weir_has_no_pairs
	expect_equal "accepted clients" "$accepted" "$(value accepted relay)"
	expect_at_most "failed connects" "$lonely" "$(value connect_failed relay)"
	for direction in upload download; do
		sent=${direction}_sent received=${direction}_received
		expect_at_least "${direction}_bytes" "${!received}" "$(value ${direction}_bytes relay)"
		expect_at_most "${direction}_bytes" "${!sent}" "$(value ${direction}_bytes relay)"
	done
}

round() {
	local log_begin
	log_begin=$(($(stat -c %s weir.log) + 1))
	# shellcheck disable=SC2086 # options
	RAWPEER=$CROWD peer crowd $CROWD_HEADERS -p "${TARGET##*:}" -t "$2" -n "$CROWD_ENDS" -d "$PATIENCE_S" -s "$1" crowd.port relay
	dump_while_crowd_runs
	peer_end crowd
	expect_sums
	wait_for "a close line for each clean pair" close_lines_match
	log_check
	grep '^sum' crowd.out
}
