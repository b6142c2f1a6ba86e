#!/bin/bash
# The systemd unit, as far as systemd checks it without running it.
root=${srcdir:-$(dirname "$0")/../..}/tests
# shellcheck source=../scenario/lib.sh
. "$root/scenario/lib.sh"
# shellcheck source=lib.sh
. "$root/real/lib.sh"
UNIT=$PWD/systemd/weir.service

# The unit of the build, with a program that exists.
the_unit() {
	need systemd-analyze
	[ -e "$UNIT" ] || skip "no unit was built"
	sed -E 's#^(Exec[A-Za-z]*=)[^ ]*/weir #\1/bin/true #; /^Documentation=/d' "$UNIT" >weir.service
}

# When the unit runs, a key that is unknown or in the wrong section is merely ignored.
verify() {
	the_unit
	expect_equal "what systemd complains about" "" "$(systemd-analyze verify ./weir.service 2>&1)"
}
scenario "every setting of the unit is known" verify

exposure() {
	local level
	the_unit
	level=$(systemd-analyze security --offline=true ./weir.service | sed -n 's/.*exposure level.*: \([0-9.]*\) .*/\1/p')
	expect_at_most "tenths of exposure" 15 "${level//./}"
}
scenario "the unit exposes no more than README.md says" exposure

# Without these, an address that is late leaves the service failed, relayed bytes end up on the disk, the
# journal drops errors, and a rehearsal or a check that the kernel kills for lack of memory stops the whole
# service.
settings() {
	local setting
	the_unit
	for setting in StartLimitIntervalSec=0 Restart=on-failure RestartSec=2s LimitCORE=0 LogRateLimitIntervalSec=0 \
		OOMPolicy=continue; do
		grep -qx "$setting" weir.service || fail "the unit has no $setting"
	done
}
scenario "the unit starts again without end, dumps no core, loses no line and outlives its children" settings

# It is not complete without the operator's addresses.
socket() {
	the_unit
	[ -e "${UNIT%service}socket" ] || skip "no weir.socket was built"
	sed '/^Documentation=/d' "${UNIT%service}socket" >weir.socket
	if systemd-analyze verify ./weir.socket >incomplete 2>&1; then fail "it listens somewhere by default"; fi
	grep 'no Listen setting' incomplete || fail "another reason: $(<incomplete)"
	mkdir weir.socket.d
	printf '[Socket]\nListenStream=127.0.0.1:5432\nListenStream=/run/weir.sock\nFileDescriptorName=database\n' \
		>weir.socket.d/addresses.conf
	expect_equal "what systemd complains about" "" "$(systemd-analyze verify ./weir.socket 2>&1)"
}
scenario "weir.socket is good once it has addresses" socket

finish
