# shellcheck shell=bash
# What the scripts share; sourced, never run. Needs bash, which Debian always has.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Debian 12's names of what weir is built with. libc6-dev is only recommended by gcc.
# shellcheck disable=SC2034 # for the scripts that source this
build_packages=(autoconf automake make gcc libc6-dev pkg-config libevent-dev libinih-dev libjansson-dev libsystemd-dev
	libmicrohttpd-dev)

# For weir-top, which is left out where they are missing.
# shellcheck disable=SC2034 # for the scripts that source this
top_packages=(libcurl4-gnutls-dev libncurses-dev)

say() {
	printf '%s\n' "$*"
}

warn() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() {
	warn "$@"
	exit 1
}

# quietly COMMAND...: shows what the command printed only when it fails.
quietly() {
	local output

	output=$(mktemp)
	if "$@" >"$output" 2>&1; then
		rm -f "$output"
		return 0
	fi
	warn "this failed: $*"
	cat "$output" >&2
	rm -f "$output"
	return 1
}

is_installed() {
	[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

apt_install() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

service_units() {
	local folder=/lib/systemd/system

	[ ! -d "$folder" ] || find "$folder" -maxdepth 1 -name '*.service' -printf '%f\n' | sort
}

# Debian's servers start when they are installed and again at every boot. Tests start their own, so keep these
# down: policy-rc.d forbids the start, and what came new is disabled for the next boot.
apt_install_without_services() (
	policy=/usr/sbin/policy-rc.d
	before=$(service_units)

	if [ ! -e "$policy" ]; then
		trap 'as_root rm -f "$policy"' EXIT
		printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
		as_root chmod 755 "$policy"
	fi
	# The package lists of a fresh or long unused machine are missing or too old: fetch them only then.
	apt_install "$@" >/dev/null 2>&1 || { quietly as_root apt-get update && quietly apt_install "$@"; } || exit 1

	mapfile -t new < <(comm -13 <(printf '%s\n' "$before") <(service_units))
	if [ "${#new[@]}" != 0 ] && command -v systemctl >/dev/null; then
		# A template or a unit without [Install] cannot be disabled; there is nothing to disable then.
		as_root systemctl disable "${new[@]}" >/dev/null 2>&1 || :
	fi
)

# install_missing PACKAGE...: installs the Debian packages that are not there yet.
install_missing() {
	local package missing=()

	command -v dpkg-query >/dev/null || die "this is not a Debian system; install by hand what stands for: $*"
	for package; do
		is_installed "$package" || missing+=("$package")
	done
	[ "${#missing[@]}" != 0 ] || return 0

	if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
		die "packages are missing, and there is neither root nor sudo to install them. As root: apt-get install ${missing[*]}"
	fi
	say "Installing ${missing[*]}"
	apt_install_without_services "${missing[@]}" || die "could not install ${missing[*]}"
}

# configure_in DIR CONFIGURE_ARGS...: an out-of-tree build folder, configured again only when the arguments
# changed.
configure_in() {
	local dir=$1 arguments
	shift
	arguments=$(printf '%q ' "$@")

	[ -x "$top/configure" ] || (cd "$top" && quietly autoreconf -fi) || return
	mkdir -p "$dir" || return
	if [ ! -e "$dir/Makefile" ] || [ "$(cat "$dir/.configured" 2>/dev/null)" != "$arguments" ]; then
		say "Building weir in ${dir#"$top/"}"
		(cd "$dir" && quietly "$top/configure" "$@") || return
		printf '%s\n' "$arguments" >"$dir/.configured"
	fi
}

# build DIR CONFIGURE_ARGS...: the daemon, built in DIR.
build() {
	configure_in "$@" && quietly make -C "$1" -j"$(nproc)"
}
