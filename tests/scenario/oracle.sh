# shellcheck shell=bash
# What must hold in every dump and after every case; sourced by lib.sh. See tests/README.md.

# How much larger than at its start a daemon without pairs may be.
HEAP_GROWTH_MAX_KIB=3072

# The law holds in every dump: queued <= high, used <= memory_max; what is counted twice is the same; a flow
# that was never paused has not been so for any time.
dump_check() {
	awk '
	function get(key, i) {
		for (i = 2; i <= NF; i++)
			if (index($i, key "=") == 1)
				return substr($i, length(key) + 2)
		judge(0, "no " key)
	}
	function judge(right, what) {
		if (!right) {
			print what ": " $0
			bad = 1
		}
	}
	$1 == "weir" {
		judge(get("used") + 0 <= get("memory_max") + 0, "over memory_max")
		pairs_said = get("pairs") + 0
	}
	$1 == "relay" { relay_pairs[get("name")] = get("pairs") + 0; pauses_said[get("name")] = get("pauses") + 0 }
	$1 == "pair" {
		pairs++
		relay = get("relay")
		relay_pairs[relay]--
	}
	$1 == "flow" {
		flows++
		pauses_said[relay] -= get("pauses")
		paused = get("reading") == "paused"
		judge(get("queued") + 0 <= get("high") + 0, "over high")
		judge(get("peak") + 0 <= get("high") + 0, "peak over high")
		judge(get("pauses") > 0 || (!paused && get("paused_ms") == 0), "paused without a pause")
		judge(get("longest_pause_ms") + 0 <= get("paused_ms") + 0, "a pause longer than all together")
	}
	$1 == "end" {
		ended = 1
		judge(get("pairs") == pairs + 0 && pairs_said == pairs + 0, "wrong count")
		for (relay in relay_pairs) {
			judge(relay_pairs[relay] == 0, "wrong count of the pairs of relay " relay)
			judge(pauses_said[relay] >= 0, "more pauses of flows than of relay " relay)
		}
	}
	END {
		if (!ended) print "no end record"
		if (flows != 2 * pairs) print pairs " pairs with " flows " flows"
		exit bad || !ended || flows != 2 * pairs
	}' "$1" || fail "a dump that breaks the law (above)"
}

# Errors and warnings are for the operator, so none may come from what peers do. EXPECT_LOG: a pattern of
# those that belong to the case. Any other line was not written by weir.
log_check() {
	if grep -E -A 20 'ERROR: (Address|Leak|Thread)Sanitizer|runtime error:' weir.log; then
		fail "a sanitizer has something to say (above)"
	fi
	if grep -avE '^[^ ]+ (notice|info|debug) ' weir.log | grep -av -e "${EXPECT_LOG:-no such line}"; then
		fail "an unexpected line in the log (above)"
	fi
}

weir_has_no_pairs() {
	weir_dump
	has weir pairs=0 used=0 && ! value pairs target | grep -qvx 0
}

weir_sockets_are_back() {
	[ "$(weir_sockets)" -le "$WEIR_SOCKETS" ]
}

# Empty pipes stay with the workers for the next bulk flow: a few.
weir_descriptors_are_back() {
	local spare=$((2 * 16 * $(value workers weir)))
	expect_at_most "the number of descriptors" $((WEIR_FDS + spare)) "$(weir_fds)"
}

# Sanitizers keep what is freed.
weir_heap_is_back() {
	[ "$SANITIZED" = yes ] || [ "$(weir_rss)" -le $((WEIR_RSS + HEAP_GROWTH_MAX_KIB)) ]
}

# The counters of each relay, with all its pairs closed, are the sums of their close lines: bytes, pauses and
# the time that these took. A client that is refused for want of memory has no line. A relay that was removed
# by a reload has no counters any more.
close_lines_add_up() {
	awk '
	{
		split("", field)
		for (i = 2; i <= NF; i++)
			if (split($i, part, "=") == 2)
				field[part[1]] = part[2]
	}
	/ closed pair=/ {
		name = field["relay"]
		closed[name]++
		left[name " upload_bytes"] -= field["upload_bytes"]
		left[name " download_bytes"] -= field["download_bytes"]
		left[name " pauses"] -= field["upload_pauses"] + field["download_pauses"]
		left[name " paused_ms"] -= field["upload_paused_ms"] + field["download_paused_ms"]
	}
	/ more pairs have ended without / {
		for (i = 2; $i != "relay"; i++)
			;
		closed[substr($(i + 1), 1, length($(i + 1)) - 1)] += $(i + 2)
	}
	FILENAME == "dump" && $1 == "relay" {
		name = field["name"]
		accepted[name] = field["accepted"]
		refused[name] = field["refused"] + field["denied"]
		for (key in field)
			if (key ~ /_bytes$|^pauses$|^paused_ms$/)
				left[name " " key] += field[key]
	}
	END {
		for (name in accepted)
			if (closed[name] > accepted[name] || closed[name] < accepted[name] - refused[name])
				exit 1
		for (key in left)
			if (left[key] != 0 && substr(key, 1, index(key, " ") - 1) in accepted)
				exit 1
	}' weir.log dump
}

# side_total KEY SIDE: the sum over all connections of the clients, or of the targets.
side_total() {
	local name files=()
	for name in "${!SIDES[@]}"; do
		if [ "${SIDES[$name]}" = "$2" ]; then files+=("$name.out" "$name.earlier"); fi
	done
	cat "${files[@]}" 2>/dev/null | tr ' ' '\n' | awk -F= -v key="$1" '$1 == key { sum += $2 } END { printf "%d\n", sum }'
}

everybody_saw_an_end() {
	! cat ./*.out ./*.earlier 2>/dev/null | grep '^connection=' | grep -qv 'end=fin$'
}

# What weir says it has moved lies between what one side got and what the other sent; where everything ended
# well it equals both. STRANGERS=yes: peers other than rawpeer were relayed too. FORGOTTEN=yes: relays that
# were removed have taken their counters with them.
account_check() {
	local direction from=client to=target said
	if [ "${STRANGERS:-no}" = yes ] || [ "${FORGOTTEN:-no}" = yes ] || [ "$WEIR_LAUNCHES" != 1 ]; then return; fi
	for direction in upload download; do
		said=$(value ${direction}_bytes relay | awk '{ sum += $1 } END { printf "%d\n", sum }')
		expect_at_least "${direction}_bytes" "$(side_total received $to)" "$said"
		expect_at_most "${direction}_bytes" "$(side_total sent $from)" "$said"
		if everybody_saw_an_end; then expect_equal "${direction}_bytes" "$(side_total received $to)" "$said"; fi
		from=target to=client
	done
}

# What must hold after every case.
oracle() {
	peers_end
	if [ -n "${WEIR_PID:-}" ]; then
		weir_alive || fail "weir has died"
		wait_for "pairs=0 used=0" weir_has_no_pairs
		wait_for "sockets back to $WEIR_SOCKETS" weir_sockets_are_back
		weir_descriptors_are_back
		wait_for "a heap as small as at the start" weir_heap_is_back
		account_check
		if log_has ' closed pair=' && [ "${FORGOTTEN:-no}" = no ]; then
			wait_for "close lines that add up to the relays' counters" close_lines_add_up
		fi
		case_rests
		weir_expect_quiet
		weir_stop
	fi
	if [ -e weir.log ]; then log_check; fi
}
