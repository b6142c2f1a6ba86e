# shellcheck shell=bash
# Machines for what needs a service manager: a minimal Debian of its own, booted by systemd-nspawn, with no
# network but its loopback. Sourced after tests/scenario/lib.sh, which judges the cases.
#
#   machine_needs          at the head of a script: skips all of it where no machine can be had
#   machine_boot [ARG...]  in a case: boots a machine, which ends with the case; ARG... are for
#                          systemd-nspawn, such as --bind-ro=FOLDER
#   machine COMMAND...     runs COMMAND in it as root; input, output and exit status are COMMAND's
#   machine_end            ends it earlier, without letting anything in it stop in order
#
# All machines have one root, in the build folder. It is made once and never written to: what a machine writes
# is kept in memory, so each begins with the same. A boot takes a third of a second.

MACHINES=$PWD/tests/real/machines
# What weir needs at run time, as Debian 12 calls it. No D-Bus: systemctl does without it.
MACHINE_PACKAGES=systemd-sysv,libevent-core-2.1-7,libinih1,libjansson4,libmicrohttpd12
MACHINE_CGROUPS="/sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified"

machine_needs() {
	local program
	[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP not root"; exit 0; }
	for program in mmdebstrap nsenter systemd-nspawn; do
		command -v $program >/dev/null || { echo "1..0 # SKIP $program is missing"; exit 0; }
	done
	machine_root || { echo "1..0 # SKIP no root could be made"; exit 0; }
	machine_can_boot || { echo "1..0 # SKIP systemd-nspawn cannot boot a machine here"; exit 0; }
}

# The same suite as this machine's, as what is built here has to run there. mmdebstrap takes a third of
# debootstrap's time.
machine_root() (
	# shellcheck source=/dev/null
	suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
	mkdir -p "$MACHINES"
	exec 9>"$MACHINES/lock"
	flock 9
	[ "$(cat "$MACHINES/made" 2>/dev/null)" != "$suite $MACHINE_PACKAGES" ] || return 0
	rm -rf "$MACHINES/root" "$MACHINES/made"
	mmdebstrap --quiet --variant=apt --include="$MACHINE_PACKAGES" --dpkgopt=force-unsafe-io \
		--aptopt='Acquire::Languages "none"' --customize-hook='echo 127.0.0.1 localhost >"$1/etc/hosts"' \
		"$suite" "$MACHINES/root" >"$MACHINES/log" 2>&1 ||
		{ sed 's/^/# /' "$MACHINES/log"; return 1; }
	echo "$suite $MACHINE_PACKAGES" >"$MACHINES/made"
)

# Containers often forbid it.
machine_can_boot() (
	# shellcheck disable=SC2154 # of lib.sh
	cd "$top" || return 1
	(machine_boot) >boot 2>&1 || { sed 's/^/# /' boot; return 1; }
)

# shellcheck disable=SC2120 # no case needs arguments yet
machine_boot() {
	MACHINE=weir-test-$BASHPID
	# Not only at the end of the script: the case's own clean-up knows no machines.
	trap 'machine_explain $? || :; machine_end; case_clean_up' EXIT
	(
		machine_enter_cgroup
		exec setpriv --pdeathsig TERM systemd-nspawn --quiet --machine="$MACHINE" \
			--directory="$MACHINES/root" --read-only --volatile=overlay \
			--boot --private-network --register=no --keep-unit --console=pipe --link-journal=no \
			--resolv-conf=off --timezone=off "$@"
	) </dev/null >machine.out 2>&1 &
	MACHINE_PID=$!
	wait_for "a machine" machine_is_up
}

# nspawn makes cgroups below ours, with the same names for every machine, and does not remove them.
machine_enter_cgroup() {
	local tree
	for tree in $MACHINE_CGROUPS; do
		[ ! -e "$tree/cgroup.procs" ] || { mkdir "$tree/$MACHINE" && echo "$BASHPID" >"$tree/$MACHINE/cgroup.procs"; }
	done
}

machine_is_up() {
	kill -0 "$MACHINE_PID" 2>/dev/null || { cat machine.out; fail "systemd-nspawn ended"; }
	MACHINE_INIT=$(tr -d ' ' <"/proc/$MACHINE_PID/task/$MACHINE_PID/children")
	[ "$(cat "/proc/$MACHINE_INIT/comm" 2>/dev/null)" = systemd ] || return 1
	MACHINE_NAMESPACES=$(machine_namespaces)
	case $(machine systemctl is-system-running 2>/dev/null) in
	running | degraded) ;;
	*) return 1 ;;
	esac
}

machine_namespaces() {
	readlink "/proc/$MACHINE_INIT/ns/pid" "/proc/$MACHINE_INIT/ns/mnt"
}

# Never on the host itself, not even when the machine is gone and its pid is used again.
machine() {
	[ -n "$MACHINE_NAMESPACES" ] && [ "$(machine_namespaces)" = "$MACHINE_NAMESPACES" ] &&
		[ "$(readlink "/proc/$MACHINE_INIT/ns/pid")" != "$(readlink /proc/self/ns/pid)" ] &&
		[ "$(readlink "/proc/$MACHINE_INIT/ns/mnt")" != "$(readlink /proc/self/ns/mnt)" ] ||
		fail "the machine is gone"
	nsenter --target "$MACHINE_INIT" --all env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
		DEBIAN_FRONTEND=noninteractive "$@"
}

# machine_explain STATUS: what the journal says about weir in a case that failed, but not of clean ends.
machine_explain() {
	[ "$1" = 0 ] || [ -z "${MACHINE_NAMESPACES:-}" ] ||
		machine journalctl --no-pager --unit=weir | grep -v ' reason=eof' | tail -n 60
}

machine_end() {
	local tree
	[ -n "${MACHINE_PID:-}" ] || return 0
	kill -KILL "${MACHINE_INIT:-$MACHINE_PID}" 2>/dev/null || :
	wait "$MACHINE_PID" || :
	for tree in $MACHINE_CGROUPS; do
		[ ! -d "$tree/$MACHINE" ] || find "$tree/$MACHINE" -depth -type d -exec rmdir {} +
	done
	MACHINE_PID=
	MACHINE_NAMESPACES=
}
