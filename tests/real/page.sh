#!/bin/bash
# The page of http_listen, in headless Chromium: that it shows what a dump shows; by keyboard, in the dark, on
# a narrow screen; while weir is away; that it runs and loads nothing from elsewhere. browse.py fails when the
# page logs an error or breaks its policy.
root=$(cd "${srcdir:-$(dirname "$0")/../..}/tests" && pwd)
# shellcheck source=../scenario/lib.sh
. "$root/scenario/lib.sh"
# shellcheck source=../scenario/reload_lib.sh
. "$root/scenario/reload_lib.sh"
# shellcheck source=lib.sh
. "$root/real/lib.sh"

HAS_HTTP=$(grep -c '^#define HAVE_MICROHTTPD 1' build_config.h || :)
BROWSE=$root/real/browse.py
ROWS=$(<"$root/real/page_rows.js")
RELAY_ROWS='document.querySelectorAll("#relays tbody tr:not(.empty)").length'
PAIR_ROWS='document.querySelectorAll("#pairs tbody tr:not(.empty)").length'
STATE='document.body.dataset.state'
export PATIENCE_S

weir_paged() {
	[ "$HAS_HTTP" = 1 ] || skip "built without libmicrohttpd"
	weir_start -c relay.ini
	WEB=http://$(sed -n 's/.* http_listen: listening on //p' weir.log)/
}

# browse WORD...: on the page, once it shows a report.
browse() {
	"$BROWSE" size 1200x800 open "$WEB" until "$RELAY_ROWS > 0" "$@"
}

# Two relays: a client that does not read, and a target that owes an answer. One more target is not there, and
# its name would be an element if it were taken for HTML.
stage() {
	need chromium python3
	target_as sender send $((16 / SCALE))M await go
	{
		printf '[global]\nhttp_listen = 127.0.0.1:0\n'
		section full 127.0.0.1:0 "high_watermark = 64K" "low_watermark = 16K" "client_sndbuf = 16K"
		target_as asked recv 5 await go send 5
		section owes 127.0.0.2:0 "target = unix:$PWD/<hr>"
	} >relay.ini
	weir_paged
	RELAY=$(listening_on full)
	client_as reader rcvbuf 16K await go recv $((16 / SCALE))M
	RELAY=$(listening_on owes)
	client_as asking send 5 recv 5
	dump_until has flow direction=download reading=paused
	dump_until has flow direction=upload bytes=5
	dump_until has pair relay=full slow=client why=reading
}

stage_ends() {
	touch go
	peers_end
}

# pick KIND KEY...: records of the last dump with these fields alone.
pick() {
	records "$1" | awk -v keys="${*:2}" '{
		n = split(keys, key, " ")
		for (i = 2; i <= NF; i++)
			value[substr($i, 1, index($i, "=") - 1)] = substr($i, index($i, "=") + 1)
		line = $1
		for (i = 1; i <= n; i++)
			line = line " " key[i] "=" value[key[i]]
		print line
	}'
}

# As page_rows.js has it.
dump_rows() {
	{
		pick relay name pairs accepted refused connect_failed denied upload_queued download_queued \
			upload_longest download_longest upload_high download_high slow_client slow_target slow_relay
		pick target relay target state pairs connects failures
		pick pair id relay state client target slow why
		pick flow pair direction queued high reading
	} | LC_ALL=C sort
}

# The verdicts need a second or two to be what they stay.
page_shows_dump() {
	local before
	weir_dump
	before=$(dump_rows)
	browse print "$ROWS" >page || fail "no page"
	weir_dump
	LC_ALL=C sort -o page page
	diff page <(dump_rows) >differences || [ "$before" != "$(dump_rows)" ]
}

equals_the_dump() {
	stage
	wait_for "the page to show what the dump shows" page_shows_dump
	expect_equal "differences" "" "$(<differences)"
	grep -q '<hr>' page || fail "a name is not shown as it is"
	expect_equal "pairs" 2 "$(grep -c ^pair page)"
	stage_ends
}
beside "the page shows what the dump shows" equals_the_dump

# By the first relay's button, where focus stays. An address may be passed on. Then in the dark, and narrow:
# tables stay tables for screen readers where they do not look like any.
by_keyboard_dark_and_narrow() {
	local ground='getComputedStyle(document.documentElement).backgroundColor' grounds role
	stage
	browse keys "Tab Tab Tab Tab" until 'document.activeElement.textContent === "full"' \
		keys Enter until "$RELAY_ROWS === 1 && $PAIR_ROWS === 1" \
		until 'location.hash === "#relay=full" && document.activeElement.textContent === "full"' \
		until 'document.activeElement.getAttribute("aria-pressed") === "true"' \
		until 'getComputedStyle(document.activeElement).outlineStyle === "solid"' \
		keys Enter until "$RELAY_ROWS === 2 && $PAIR_ROWS === 2" \
		until 'document.querySelector("#hold").focus() || true' keys Space until "$STATE === 'held'" \
		keys Space until "$STATE === 'live'" \
		open "$WEB#relay=owes&top=20" until "$RELAY_ROWS === 1 && $PAIR_ROWS === 1" \
		until 'document.querySelector("#relay").value === "owes"' \
		open "$WEB#" until "$RELAY_ROWS === 2 && $PAIR_ROWS === 2" print "$ground" roles - \
		scheme dark print "$ground" size 320x640 motion reduce until 'innerWidth === 320' \
		print 'document.documentElement.scrollWidth' \
		print 'getComputedStyle(document.querySelector("main")).transitionDuration' roles - >seen || fail "the page"
	mapfile -t grounds < <(grep rgb seen)
	[ "${grounds[0]}" != "${grounds[1]}" ] || fail "dark is as light: ${grounds[*]}"
	grep -qx 320 seen || fail "a narrow screen has to scroll sideways: $(grep -x '[0-9]*' seen)"
	grep -qx 0s seen || fail "something moves that should not"
	for role in "3 table" "17 columnheader" "7 rowheader" "1 status"; do
		expect_equal "times '$role', wide and narrow" 2 "$(grep -cx "$role" seen)"
	done
	stage_ends
}
beside "the page by keyboard, in the dark, and on a narrow screen" by_keyboard_dark_and_narrow

# The page is left open meanwhile.
away_and_back() {
	local web
	need chromium python3
	web=$(free_address)
	target -s echo
	{
		printf '[global]\nhttp_listen = %s\ndrain_timeout = 1m\n' "$web"
		section one 127.0.0.1:0
	} >relay.ini
	weir_paged
	browse until "$STATE === 'live'" touch seen.live expect-errors until "$STATE === 'lost'" \
		print 'document.querySelector("#state").textContent' touch seen.lost until "$STATE === 'live'" \
		touch seen.back until "$STATE === 'draining'" touch seen.draining >seen 2>browse.err &
	browser=$!
	wait_for "the page" test -e seen.live
	kill -TERM "$WEIR_PID"
	weir_expect_status 0
	wait_for "the page to be lost" test -e seen.lost
	grep -q '^Not reachable since [0-9:]*$' seen || fail "the page does not say since when: $(<seen)"
	weir_paged
	wait_for "the page to be back" test -e seen.back
	RELAY=$(listening_on one)
	client mirror send 5 recv 5 touch sent await go fin expect-fin
	wait_for "a client" test -e sent
	kill -TERM "$WEIR_PID"
	wait_for "the page to know of the draining" test -e seen.draining
	wait "$browser" || fail "the page: $(<browse.err)"
	touch go
	weir_expect_status 0
	peers_end
}
beside "the page says that weir is away, is back, drains" away_and_back

# Of many pairs it lists no more than it was asked for, and says how many there are.
many_pairs() {
	need chromium python3
	target -s echo
	{
		printf '[global]\nhttp_listen = 127.0.0.1:0\n'
		section one 127.0.0.1:0
	} >relay.ini
	weir_paged
	needs_pairs 120
	export RELAY
	RELAY=$(listening_on one)
	client -n 120 mirror send 5 recv 5 await go fin expect-fin
	dump_until count 120 pair state=open
	browse until "$PAIR_ROWS === 50" until 'document.querySelector("#pairs-more").textContent === "70 more pairs"' \
		until '(document.querySelector("#top").value = "100",
			document.querySelector("#top").dispatchEvent(new Event("change")))' \
		until "$PAIR_ROWS === 100" || fail "the page"
	touch go
	peers_end
}
beside "the page lists as many pairs as it is asked for" many_pairs

# hash_of TAG: of what stands between its tags, as a policy has it.
hash_of() {
	tr '\n' '\001' <page | LC_ALL=C sed "s/.*<$1>\(.*\)<\/$1>.*/\1/" | tr '\001' '\n' | sha256sum |
		cut -c 1-64 | tr a-f A-F | basenc --base16 -d | base64
}

strict_policy() {
	need curl
	printf '[global]\nhttp_listen = 127.0.0.1:0\n[relay one]\nlisten = 127.0.0.1:0\ntarget = 127.0.0.1:9\n' >relay.ini
	weir_paged
	curl --silent --show-error --fail --dump-header headers --output page "$WEB" || fail "no page"
	grep -i '^content-security-policy:' headers >policy || fail "no policy"
	grep -qF "script-src 'sha256-$(hash_of script)'" policy || fail "the script is not the one of the policy"
	grep -qF "style-src 'sha256-$(hash_of style)'" policy || fail "the style is not the one of the policy"
	grep -qF "default-src 'none'" policy || fail "what is not named is not forbidden"
	! grep -q unsafe policy || fail "something unsafe is allowed"
	! sed 's/http:\/\/www\.w3\.org\/2000\/svg//' page | grep -n '//[a-z]*\.' || fail "it names another site"
}
beside "the policy of the page names its style and script, and nothing else" strict_policy

all_words() {
	local word words
	words=$(sed -n 's/^.*\[WHY_[A-Z]*\] = "\(.*\)",$/\1/p' "$root/../src/report/fields.c")
	expect_at_least "words" 12 "$(wc -w <<<"$words")"
	for word in $words; do
		grep -q "^	\"[a-z]*/$word\": " "$root/../src/daemon/page/figures.js" || fail "no sentence for $word"
	done
}
beside "the page has a sentence for each verdict" all_words

finish
