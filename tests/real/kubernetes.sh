#!/bin/bash
# conf/kubernetes: the manifest, its relay.ini, and what it and the README there say of probes, stopping and
# reloading. There is no cluster here, so the kubelet's part is played: its probes, its signals, and how it
# replaces files. The ports are fixed, so each case has a network of its own.
root=${srcdir:-$(dirname "$0")/../..}/tests
# shellcheck source=../scenario/lib.sh
. "$root/scenario/lib.sh"
# shellcheck source=../scenario/reload_lib.sh
. "$root/scenario/reload_lib.sh"
# shellcheck source=lib.sh
. "$root/real/lib.sh"

namespaces true "unshare -n" "unshare -r -n"
[ -z "$THIS_CASE" ] || ip link set lo up
FILES=$(cd "$root/../conf/kubernetes" && pwd)
JUDGE=$(cd "$root/real" && pwd)/kubernetes.py
RELOAD_COMMAND='weir --test && kill -HUP 1' # in the README

# The manifest's relay.ini and what else is in it.
unpack() {
	[ -n "$THIS_CASE" ] || skip "no network of one's own"
	need python3
	python3 -c 'import yaml' 2>/dev/null || skip "python3 has no yaml"
	python3 "$JUDGE" "$FILES/weir.yaml" >values
	. ./values
}

# The manifest's, but for the target, which is TARGET.
unpack_for_target() {
	unpack
	sed -i "s/^target = database.*/target = $TARGET/" relay.ini
}

# container ARG...: as the manifest has it.
container() {
	unpack_for_target
	weir_start -c relay.ini "$@"
	RELAY=127.0.0.1:5432
}

# As the kubelet does it: connect, and go.
is_ready() {
	is_listening "127.0.0.1:$PROBE_PORT"
}

is_not_ready() {
	! is_ready
}

mib_of() {
	sed -n "s/.*$1 \([0-9]*\)\.[0-9]* MiB.*/\1/p" test.out
}

parts_fit() {
	unpack
	"$WEIR" --test --config relay.ini >test.out 2>complaints || fail "weir --test refuses it: $(<complaints)"
	expect_equal "what --test complains of" "" "$(<complaints)"
	expect_at_most "MiB in the worst case" "$MEMORY_MIB" $(($(mib_of "user space") + $(mib_of kernel) + 2))
	"$WEIR" --print-config --config relay.ini >printed
	expect_equal "workers" "workers = $CPUS" "$(grep '^workers' printed)"
	expect_equal "the ports" "$PORTS" "$(sed -n 's/^listen = \*://p' printed | sort -n | paste -sd' ')"
	expect_at_least "terminationGracePeriodSeconds" \
		$((PRE_STOP_S + $(sed -n 's/^drain_timeout = \([0-9]*\)s/\1/p' printed) + 1)) "$GRACE_S"
	[ "$("$WEIR" --help | sed -n 's/.*(default \(.*\))/\1/p' | xargs basename)" = relay.ini ] ||
		fail "weir reads another file"
}
beside "the parts of the manifest fit each other" parts_fit

# npm has the schemas of Kubernetes as kubernetes-models, Debian has none. NODE_PATH says where they are.
schemas() {
	unpack
	need node
	node -e 'require("kubernetes-models")' 2>/dev/null || skip "node has no kubernetes-models"
	node -e '
		for (const object of JSON.parse(require("fs").readFileSync("objects.json"))) {
			const Model = require("kubernetes-models/" + object.apiVersion)[object.kind];
			new Model(object).validate();
		}' || fail "the manifest is not valid"
}
beside "the manifest is valid" schemas

# The close lines are there at level debug.
probes() {
	target -s echo
	container -o log_level=debug
	for _ in 1 2 3 4 5; do is_ready || fail "the container is not ready"; done
	client mirror duplex 10K 10K fin expect-fin
	peer_end client
	wait_for "5 close lines" log_counts 5 ' debug closed pair=.* relay=probe .* reason=no_data '
	dump_until has relay name=probe pairs=0 accepted=5
	has target relay=probe connects=0 || fail "a probe has connected a target"
}
beside "probes find it ready, and cost the target nothing" probes

# The connection that is there is finished.
stops() {
	target recv 10 send 10 await go duplex 1M 1M fin expect-fin
	container
	client send 10 recv 10 touch in await go duplex 1M 1M fin expect-fin
	wait_for "the client to be in" test -e in
	kill -TERM "$WEIR_PID"
	wait_for "weir to be no longer ready" is_not_ready
	weir_alive || fail "weir has not waited for its pair"
	touch go
	weir_expect_status 0
	peers_end
	wait_closed reason=eof upload_bytes=1048586
}
beside "a container that is told to stop is not ready, and finishes what it has" stops

# relay.ini is a link into a folder, which is a link itself. The kubelet replaces that one.
reloads() {
	target -s echo
	unpack_for_target
	mkdir -p config/..one config/..two
	ln -s ..one config/..data
	ln -s ..data/relay.ini config/relay.ini
	sed 's/^\[relay database\]/[relay renamed]/' relay.ini >config/..two/relay.ini
	cp relay.ini config/..one
	weir_start -c config/relay.ini
	ln -s ..two config/..data_tmp
	mv -T config/..data_tmp config/..data
	grep -qF "$RELOAD_COMMAND" "$FILES/README.md" || fail "the README has another command"
	"$WEIR" --test -c config/relay.ini
	reload
	weir_dump
	has relay name=renamed || fail "weir has the relays of the file before"
}
beside "a reload takes the file that the kubelet has put there" reloads

finish
