#!/bin/bash
# The state that a daemon has handed over must stay readable, in this format and in the one before:
# state-N has it, for the rehearsal of a program that takes over. When STATE_FORMAT grows,
# "tests/golden/record FOLDER" makes another: keep that of the format before, and remove older ones. Run in
# the build directory.
set -u
command -v python3 >/dev/null || { echo "1..0 # SKIP no python3"; exit 0; }
here=$(realpath "${srcdir:-$(dirname "$0")/../..}")
weir=${WEIR:-$PWD/weir}
golden=$here/tests/golden
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
number=0

report() {
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number - $2"
	else
		echo "not ok $number - $2"
		sed 's/^/# /' "$folder/said"
	fi
}

# rehearse STATE: what it says is in said. The state of its rehearsal has the files of all parts.
rehearse() {
	(cd "$1" && "$golden/rehearse" "$weir" config main worker-0 worker-1) >"$folder/said" 2>&1
}

is_readable() {
	rehearse "$1" && [ "$(tail -n 1 "$folder/said")" = "weir: rehearsed" ]
}

# Keys that are not known are skipped, so one that was renamed would be lost without a word. The names of all
# are somewhere in the program; the linker may have put one at the end of another.
knows_all_keys() {
	tr '\0' '\n' <"$weir" | LC_ALL=C grep -aoE '[a-z0-9_]+$' | sort -u >"$folder/words"
	LC_ALL=C grep -ahE '^[a-z]+( [-+]?[a-z0-9_]+=[^ ]*)*$' "$1"/main "$1"/worker-* | grep -oE '[a-z0-9_]+=' | tr -d = |
		sort -u >"$folder/keys"
	while read -r key; do
		grep -q "$key\$" "$folder/words" || echo "$key is no key any more"
	done <"$folder/keys" >"$folder/said"
	[ "$(wc -l <"$folder/keys")" -gt 50 ] && ! [ -s "$folder/said" ]
}

# is_refused STATE FORMAT: in its main part.
is_refused() {
	rm -rf "$folder/state"
	cp -r "$1" "$folder/state"
	sed -i "1s/format=[0-9]*/format=$2/" "$folder/state/main"
	! rehearse "$folder/state" && grep -q "format $2 cannot be read, only $oldest to $format" "$folder/said"
}

format=$(sed -n 's/^#define STATE_FORMAT  *//p' "$here/src/report/state.h")
oldest=$(sed -n 's/^#define STATE_FORMAT_MIN  *//p' "$here/src/report/state.h")
for ((n = oldest; n <= format; n++)); do
	is_readable "$golden/state-$n"
	report $? "a state of format $n is readable"
done
knows_all_keys "$golden/state-$format"
report $? "each key of a state of format $format is known"
for n in $(seq 0 $((oldest - 1))) $((format + 1)) 4294967295; do
	is_refused "$golden/state-$format" "$n"
	report $? "a state of format $n is refused, and weir says why"
done
echo "1..$number"
