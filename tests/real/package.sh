#!/bin/bash
# The Debian package: installed, started, upgraded, removed and purged on a machine of its own. WEIR_PACKAGE
# is the package; "scripts/test package" builds one.
root=${srcdir:-$(dirname "$0")/../..}/tests
NETWORK=shared # a machine's root comes from a mirror
# shellcheck source=../scenario/lib.sh
. "$root/scenario/lib.sh"
# shellcheck source=machine.sh
. "$root/real/machine.sh"
root=$(cd "$root" && pwd)
[ -n "${WEIR_PACKAGE:-}" ] || { echo "1..0 # SKIP no package was built: see scripts/test package"; exit 0; }
WEIR_PACKAGE=$(realpath "$WEIR_PACKAGE")
machine_needs

# install FILE: as an administrator does, but without a terminal, so that a question would be an error.
install_package() {
	machine sh -c 'cat >/root/weir.deb' <"$1"
	machine apt-get install -qq -y /root/weir.deb </dev/null >install.out 2>&1 || { cat install.out; fail "apt-get failed"; }
	cat install.out
}

remove_package() {
	machine apt-get "$1" -qq -y weir
}

# The same package with a higher version, as newer.deb. With PROGRAM, that is what it has for weir.
make_newer_package() {
	dpkg-deb --raw-extract "$WEIR_PACKAGE" newer
	sed -i 's/^Version: .*/&+newer/' newer/DEBIAN/control
	if [ $# -gt 0 ]; then cp "$1" newer/usr/sbin/weir; fi
	dpkg-deb --build --root-owner-group -Znone newer newer.deb >/dev/null
	rm -r newer
}

version() {
	machine dpkg-query -W -f '${Version}' weir
}

expect_service() {
	expect_equal "enabled at boot" "$1" "$(machine systemctl is-enabled weir 2>&1)"
	expect_equal "the state of the service" "$2" "$(machine systemctl is-active weir)"
}

main_pid() {
	machine systemctl show --property=MainPID --value weir
}

# The installed package with a relay from port 7000 to an echo target, as the package's own test makes it.
begin() {
	machine_boot
	install_package "$WEIR_PACKAGE"
	machine bash -s <"$root/../debian/tests/relay"
	machine systemd-run --quiet systemd-socket-activate --listen=127.0.0.1:7001 --accept --inetd cat
	wait_for "the echo target" machine bash -c ': </dev/tcp/127.0.0.1/7001'
}

# So many connections. Each says something again and again until /tmp/go exists, and hears the same; how many
# have heard all is the last line.
connections_begin() {
	machine bash -c 'for ((i = 0; i < '"$1"'; i++)); do exec {fd[i]}<>/dev/tcp/127.0.0.1/7000; done
		for ((turn = 0, last = 0; !last; turn++)); do
			[ ! -e /tmp/go ] || last=1
			for i in "${!fd[@]}"; do echo "turn $turn of $i" >&"${fd[i]}" || unset "fd[i]"; done
			for i in "${!fd[@]}"; do
				read -r -t 10 answer <&"${fd[i]}"
				[ "$answer" = "turn $turn of $i" ] || unset "fd[i]"
			done
			[ $turn -gt 0 ] || echo there
		done
		echo "${#fd[@]} after $turn turns"' >connections.out 2>&1 &
	CONNECTIONS=$!
	wait_for "connections" grep -q there connections.out
}

connections_end() {
	machine touch /tmp/go
	wait "$CONNECTIONS" || :
	tail -n 1 connections.out
	expect_equal "connections that have heard all" "$1" "$(tail -n 1 connections.out | cut -d ' ' -f 1)"
	machine rm /tmp/go
}

installs() {
	machine_boot
	install_package "$WEIR_PACKAGE"
	expect_service disabled inactive
	expect_equal "weir.socket" "disabled inactive" \
		"$(machine sh -c 'echo $(systemctl is-enabled weir.socket; systemctl is-active weir.socket)')"
	machine getent passwd weir
	status=0
	machine weir --test >test.out 2>&1 || status=$?
	cat test.out
	expect_equal "the exit status of weir --test with the configuration as it comes" 78 "$status"
}
scenario "installing neither enables nor starts the service" installs

relays() {
	local start
	start=$(now_ms)
	begin
	echo "# from nothing to a relayed byte: $(($(now_ms) - start)) ms, the boot of the machine included" >&9
	expect_service enabled active
	expect_equal "who weir runs as" weir "$(machine stat -c %U "/proc/$(main_pid)")"
}
exec 9>&1
scenario "edited, enabled and started, it relays" relays

restarts() {
	machine systemctl show --property=NRestarts --value weir
}

# The program that runs is the file that is installed.
expect_new_program() {
	expect_equal "the program of the service" /usr/sbin/weir "$(machine readlink "/proc/$(main_pid)/exe")"
}

# In its sandbox, while connections are used. The last one finds nothing to take over.
upgrades() {
	local pid
	begin
	make_newer_package
	connections_begin 200
	pid=$(main_pid)
	machine sh -c "echo '# mine' >>/etc/weir/relay.ini"
	install_package newer.deb
	expect_equal "the installed version" "$(dpkg-deb -f newer.deb Version)" "$(version)"
	expect_equal "the process of the service" "$pid" "$(main_pid)"
	expect_new_program
	expect_equal "restarts" 0 "$(restarts)"
	expect_service enabled active
	! grep 'program from before' install.out || fail "the new program was called an old one"
	machine tail -n 1 /etc/weir/relay.ini | grep '# mine' || fail "relay.ini was changed"
	connections_end 200
	machine journalctl --unit=weir | grep 'has taken over' || fail "no word about it"
	connections_begin 1
	install_package newer.deb
	connections_end 1
	expect_new_program
	machine systemctl restart weir
	expect_service enabled active
}
scenario "an upgrade: the new program takes over, and no pair is cut" upgrades

fails_to_upgrade() {
	local pid
	begin
	make_newer_package /bin/false
	connections_begin 20
	pid=$(main_pid)
	install_package newer.deb
	grep 'the new one could not take over' install.out || fail "the upgrade did not say that the old program goes on"
	expect_equal "the process of the service" "$pid" "$(main_pid)"
	expect_service enabled active
	connections_end 20
}
scenario "an upgrade to a program that cannot take over: the old one goes on" fails_to_upgrade

upgrades_unused() {
	machine_boot
	install_package "$WEIR_PACKAGE"
	make_newer_package
	install_package newer.deb
	! grep 'program from before' install.out || fail "a program that does not run was called an old one"
	expect_service disabled inactive
}
scenario "an upgrade does not enable or start what was not" upgrades_unused

removes() {
	begin
	connections_begin 1
	remove_package remove &
	remove=$!
	wait_for "the drain" machine sh -c 'journalctl --unit=weir | grep -q SIGTERM'
	connections_end 1
	wait $remove
	expect_equal "processes of weir" "" "$(machine sh -c 'ls -d /proc/[0-9]*/exe | xargs -n 1 readlink | grep sbin/weir' || :)"
	expect_equal "the program" "" "$(machine sh -c 'ls /usr/sbin/weir 2>/dev/null' || :)"
	machine grep -q 'listen = 127.0.0.1:7000' /etc/weir/relay.ini || fail "the configuration is gone"
	remove_package purge
}
scenario "removing drains, stops and keeps the configuration" removes

# All files, except what the system notes about every package and service.
files() {
	machine find / -xdev ! -path '/root/*' ! -path '/var/lib/dpkg/*' ! -path '/var/log/*' ! -path '/var/cache/*' \
		! -path '/var/lib/apt/*' ! -path '/var/lib/systemd/*' ! -path '/var/tmp/*' ! -name '*-' | sort
	machine find /run/weir 2>/dev/null || :
	machine find /var/lib/systemd/deb-systemd-helper-enabled /var/lib/systemd/deb-systemd-helper-masked | sort
}

purges() {
	machine_boot
	files >before
	install_package "$WEIR_PACKAGE"
	machine bash -s <"$root/../debian/tests/relay"
	machine touch /run/weir/dump
	remove_package purge
	files >after
	diff before after || fail "purging left something behind, or took too much"
	machine getent passwd weir || fail "the user is gone, and files may still belong to it"
}
scenario "purging leaves nothing behind but the user" purges

finish
