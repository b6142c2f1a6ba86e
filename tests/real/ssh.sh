#!/bin/bash
# ssh: a large copy each way through an own sshd.
root=${srcdir:-$(dirname "$0")/../..}/tests
# shellcheck source=../scenario/lib.sh
. "$root/scenario/lib.sh"
# shellcheck source=lib.sh
. "$root/real/lib.sh"

sshd_start() {
	local port
	need sshd ssh ssh-keygen
	ssh-keygen -q -t ed25519 -N '' -f host_key
	ssh-keygen -q -t ed25519 -N '' -f user_key
	cp user_key.pub authorized_keys
	if [ "$(id -u)" -eq 0 ]; then mkdir -p /run/sshd; fi # where Debian's sshd separates its privileges
	port=$(free_port)
	cat >sshd_config <<-END
		ListenAddress 127.0.0.1:$port
		HostKey $PWD/host_key
		PidFile none
		AuthorizedKeysFile $PWD/authorized_keys
		StrictModes no
		UsePAM no
		PasswordAuthentication no
		PermitRootLogin prohibit-password
	END
	serve "$port" "$(command -v sshd)" -D -e -f "$PWD/sshd_config"
	weir_relay
}

remote() {
	timeout 120 ssh -F none -p "$(relay_port)" -i user_key -o IdentitiesOnly=yes -o BatchMode=yes \
		-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR 127.0.0.1 "$@"
}

copies() {
	sshd_start
	make_file big $((128 / SCALE))
	remote "cat >'$PWD/there'" <big
	expect_same big there
	remote "cat '$PWD/there'" >back
	expect_same big back
	server_stop
}
scenario "a large copy there and back" copies

checked_there() {
	sshd_start
	make_file big $((64 / SCALE))
	expect_equal "the checksum that the other side counts" "$(checksum <big)" \
		"$(remote 'sha256sum' <big | cut -d ' ' -f 1)"
	server_stop
}
scenario "an answer after the end of the question" checked_there

finish
