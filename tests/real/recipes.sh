#!/bin/bash
# The recipes of weir-recipes(7): each file is taken from the page as it stands there, checked by weir --test,
# and relays for real programs. Their addresses and ports are fixed, so all this happens in a network with
# these addresses and with a /run of its own.
if [ -z "${RECIPES_NAMESPACE:-}" ]; then
	[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP not root"; exit 0; }
	if unshare --net --mount sh -c 'mount -t tmpfs none /run && mount --bind /proc/self/status /etc/hosts' 2>/dev/null; then
		RECIPES_NAMESPACE=yes exec unshare --net --mount "$0" "$@"
	fi
	echo "1..0 # SKIP no network and no mounts of one's own"
	exit 0
fi
root=${srcdir:-$(dirname "$0")/../..}/tests
# shellcheck source=../scenario/lib.sh
. "$root/scenario/lib.sh"
# shellcheck source=lib.sh
. "$root/real/lib.sh"
# shellcheck source=programs.sh
. "$root/real/programs.sh"

MANUALS=$(cd "$root/../man" && pwd)
PAGE=$MANUALS/weir-recipes.7
EXAMPLES=$PWD/conf
WIRE=${WIRE:-$PWD/tests/world/wire}
OWN=10.0.0.1 # weir's machine in all recipes

set_up_world() {
	local address
	ip link set lo up
	for address in $OWN 10.0.0.5 10.0.0.1{1,2,3} 10.0.0.2{1,2} 10.0.0.{40,50,60,70,71,80,90} 10.0.0.8{1,2,3,4,5}; do
		ip address add $address/32 dev lo
	done
	for address in 10.0.0.14 10.0.0.8{6,7}; do ip address add $address/32 dev lo; done
	cat >"$top/hosts" <<-END
		127.0.0.1 localhost
		10.0.0.11 db1.example.net
		10.0.0.12 primary.example.net
		10.0.0.13 standby.example.net
		10.0.0.14 db2.example.net
		10.0.0.21 mail1.example.net
		10.0.0.22 mail2.example.net
		10.0.0.83 app.example.net
		10.0.0.84 app.example.net
	END
	mount --bind "$top/hosts" /etc/hosts
	mount -t tmpfs none /run
	mkdir /run/weir /run/redis
}

# recipe NAME: as a file in the case's folder.
recipe() {
	awk -v name="$1" -f "$MANUALS/recipe.awk" "$PAGE" >"$1"
	[ -s "$1" ] || fail "weir-recipes(7) has no recipe $1"
}

# weir_recipe NAME [ARG...]: the recipe, judged and running. No relay may lack anything that the page does not
# say.
weir_recipe() {
	recipe "$1"
	"$WEIR" --test --config "$1" >test.out 2>&1 || { cat test.out; fail "weir --test refuses it"; }
	grep -q '^configuration is good' test.out || fail "$(cat test.out)"
	weir_start --config "$@"
}

set_up_world

get() {
	curl --silent --show-error --fail --max-time 60 "$@"
}

database() {
	postgres_serve 10.0.0.11:5432
	weir_recipe database.ini
	seq 200000 | awk '{ print $1 "\trow " $1 * 31 }' >rows
	sql 127.0.0.1:6432 -c 'create table t (id int primary key, word text)' -c '\copy t from rows'
	sql 127.0.0.1:6432 -c '\copy (select * from t order by id) to back'
	expect_same rows back
	expect_equal "the name that a certificate is checked for" db1.example.net \
		"$(psql -qAt "host=db1.example.net hostaddr=127.0.0.1 port=6432 user=weir dbname=postgres" -c '\echo :HOST')"
	postgres_stop
}
beside "a database: PostgreSQL" database

# The first of the two mail hosts is down.
mail() {
	EXPECT_LOG='target mail1.* is down'
	need curl python3
	python3 -W ignore -c 'import smtpd' 2>/dev/null || skip "python3 has no smtpd"
	serve 10.0.0.22:587 python3 -u -W ignore -m smtpd -n -c DebuggingServer 10.0.0.22:587
	weir_recipe mail.ini
	{ printf 'Subject: news\n\n' && seq -f 'line %g of the mail' 20000; } >mail
	for _ in 1 2; do
		get --interface 10.0.0.5 --mail-from a@example.net --mail-rcpt b@example.net --crlf --upload-file mail \
			smtp://$OWN:587
	done
	wait_for "two mails" log_counts 2 'reason=eof\|reason=.*_reset'
	expect_equal "lines that came" 40000 "$(grep -c '^b.line .* of the mail.$' server.out)"
	sed -n "s/^b'X-Peer: \(.*\)'/\1/p" server.out | sort -u >seen
	expect_equal "the client that the mail host sees" 10.0.0.22 "$(<seen)"
	server_stop
}
beside "mail: SMTP to the one of two hosts that is up" mail

mail_is_from() {
	grep -q ": client=unknown\[$1\]" mail.log
}

# The other mail host is down.
mail_exchanger() {
	EXPECT_LOG='target mail2.* is down'
	recipe mx-master.cf
	SMTPD=$(<mx-master.cf) postfix_serve 10.0.0.21:10025
	weir_recipe mx.ini
	printf 'Subject: news\n\n' >mail
	for _ in 1 2; do
		get --interface 10.0.0.5 --mail-from a@example.net --mail-rcpt b@example.net --crlf --upload-file mail smtp://$OWN:25
	done
	wait_for "two mails" log_counts 2 'reason=eof\|reason=.*_reset'
	wait_for "mail that Postfix knows to be from the client" mail_is_from 10.0.0.5
	postfix_stop
}
beside "mail from everywhere: Postfix sees the client" mail_exchanger

# Each port has streams of its own, so the lobby cannot be taken for a room.
game() {
	local port seed=1 name
	for port in 7000 7001 7002; do
		peer_with "at$port" "listen 10.0.0.40:$port accept" -s -i \
			seeds $((seed + 1)) $seed recv 100K send 100K expect-fin fin
		wait_for "port $port" is_listening 10.0.0.40:$port
		seed=$((seed + 2))
	done
	weir_recipe game.ini
	for name in 443,1 7000,1 7001,3 7002,5; do
		seed=${name#*,}
		RELAY=$OWN:${name%,*} client_as "client$name" seeds "$seed" $((seed + 1)) send 100K recv 100K fin expect-fin
	done
	peers_end
	wait_for "four players" log_counts 4 'reason=eof'
}
beside "a game: each port reaches its own target" game

# transfers ARG...: one to the server and back.
transfers() {
	get --interface 10.0.0.5 "$@" --upload-file sent ftp://$OWN/incoming/file
	get --interface 10.0.0.5 "$@" -o back ftp://$OWN/incoming/file
	expect_same sent back
	rm back incoming/file
}

# With EPSV, a client is told a port only; with PASV, an address too.
ftp() {
	need curl
	make_file sent 3
	recipe vsftpd.conf
	vsftpd_serve 10.0.0.90:21 vsftpd.conf
	weir_recipe ftp.ini
	transfers --ftp-pasv
	transfers --ftp-pasv --disable-epsv --no-ftp-skip-pasv-ip
	if get --interface 10.0.0.5 --ftp-port - ftp://$OWN/; then fail "active mode is possible"; fi
	wait_for "the close lines of four files" log_counts 4 ' relay=ftp-data .* reason=eof'
	sed -n 's/.* relay=ftp-data .* upload_bytes=\([0-9]*\) .*/\1/p' weir.log >uploads
	expect_equal "bytes to the server" $((2 * 3 * 1024 * 1024)) "$(awk '{ n += $1 } END { print n }' uploads)"
	server_stop
}
beside "FTP: files both ways in passive mode" ftp

# The answer, also of a server that begins to listen and refuses queries until it has started.
sql_insisting() {
	for _ in {1..300}; do
		sql "$@" 2>refused && return
		grep -q 'the database system is starting up' refused || break
		sleep 0.1
	done
	cat refused >&2
	return 1
}

which_database() {
	sql_insisting 127.0.0.1:6433 -c 'select inet_server_addr()'
}

gets_database() {
	[ "$(which_database)" = "$1" ]
}

expect_database() {
	expect_equal "the database $2" "$1" "$(which_database)"
}

a_client_is_held() {
	weir_dump
	has pair relay=reports state=connecting
}

standby() {
	local asking
	EXPECT_LOG='target .*.example.net:5432 .*is down\|no target could be connected'
	postgres_serve 10.0.0.12:5432 primary
	postgres_serve 10.0.0.13:5432 standby
	weir_recipe standby.ini
	expect_database 10.0.0.12 "while both are there"
	postgres_stop primary
	for _ in 1 2 3; do expect_database 10.0.0.13 "while the primary is away"; done
	wait_log 'target primary.example.net:5432 .*is down'
	postgres_start 10.0.0.12:5432 primary
	wait_for "a client that gets the primary again" gets_database 10.0.0.12
	wait_log 'target primary.example.net:5432 .*is up again'
	postgres_stop primary
	postgres_stop standby
	which_database >held &
	asking=$!
	wait_for "a client that is held" a_client_is_held
	postgres_start 10.0.0.12:5432 primary
	wait $asking || fail "the client that was held has failed"
	expect_equal "the database of the client that was held" 10.0.0.12 "$(<held)"
	postgres_stop primary
}
beside "a database and its standby: PostgreSQL" standby

# scan ADDRESS: connects and ends, or resets, without a byte.
scan() {
	local end
	for end in close rst close rst; do "$RAWPEER" connect "$1" $end >/dev/null; done
}

has_told_nobody() {
	if grep ' info closed pair=\| warning \| error ' weir.log; then fail "a line about $1 (above)"; fi
	weir_dump
	expect_equal "connects to targets after $1" 0 "$(value connects target | sort -u)"
}

restarts() {
	local asking
	EXPECT_LOG='target .* is down\|no target could be connected'
	postgres_serve 10.0.0.14:5432
	weir_recipe restarts.ini -o log_level=debug
	scan $OWN:5432
	wait_for "scanners to be gone" dump_shows count 0 pair
	has_told_nobody "port scanners"
	expect_equal "the answer" 1 "$(sql $OWN:5432 -c 'select 1')"
	postgres_stop
	sql_insisting $OWN:5432 -c 'select 2' >held &
	asking=$!
	wait_log 'target db2.example.net:5432 .*is down\|no target could be connected'
	postgres_start 10.0.0.14:5432
	wait $asking || fail "the client that was held has failed"
	expect_equal "the answer to the one that was held" 2 "$(<held)"
	postgres_stop
}
beside "a database that restarts: PostgreSQL, and port scanners" restarts

# Why the page warns: nobody gets anything.
target_speaks_first() {
	peer_with target "listen 127.0.0.1:0 port-file target.port accept" -s -i send-text "220 ready" expect-end
	target_port target
	weir_relay -o connect_on=data -o idle_timeout=1s -o log_level=debug
	client expect-rst
	peer_end client
	wait_closed reason=idle_timeout upload_bytes=0 download_bytes=0
	weir_dump
	has target connects=0 || fail "the target was connected"
}
beside "connect_on = data, where the target speaks first: nobody gets anything" target_speaks_first

secure_shell() {
	sshd_serve 10.0.0.50:22
	weir_recipe ssh.ini
	make_file big 8
	expect_equal "the checksum that the other side counts" "$(checksum <big)" \
		"$(remote $OWN:2222 sha256sum <big | cut -d ' ' -f 1)"
	remote $OWN:2222 "cat '$PWD/big'" >back
	expect_same big back
	server_stop
}
beside "ssh: a copy there and back" secure_shell

# Both ways use one redis, so a value that goes in by one comes out by the other.
unix_sockets() {
	redis_serve 10.0.0.60:6379 --unixsocket /run/redis/redis.sock
	weir_recipe unix.ini
	make_file big 8
	expect_equal "what redis says" OK "$(redis-cli -s /run/weir/cache.sock -x set big <big)"
	redis-cli -h $OWN -p 6380 --raw get big | head -c "$(stat -c %s big)" >back
	expect_same big back
	log_has 'relay=cache client=unix: target=10.0.0.60:6379' || fail "the cache was not reached by TCP"
	log_has 'relay=queue client=10.*target=unix:/run/redis/redis.sock' || fail "the queue was not reached by its socket"
	server_stop
}
beside "a unix socket before TCP and after it" unix_sockets

haproxy_uses_weir() {
	[ "$(curl --silent --max-time 5 http://10.0.0.70/)" = "a page" ]
}

# HAProxy's own words for what its checks find.
haproxy_says() {
	grep -q "$1" haproxy.out
}

balancer() {
	EXPECT_LOG='no target could be connected\|is down'
	need haproxy
	nginx_serve 10.0.0.80:80
	echo "a page" >html/index.html
	make_file html/big 8
	weir_recipe balancer.ini
	recipe haproxy.cfg
	haproxy -db -f haproxy.cfg >haproxy.out 2>&1 &
	wait_for "a page by way of both" haproxy_uses_weir
	get -o back http://10.0.0.70/big
	expect_same html/big back
	wait_closed relay=web upload_bytes=18
	server_stop
	wait_for "HAProxy to find out that the target is down" haproxy_says 'web/weir1 is DOWN'
	kill %%
	wait %% || :
}
beside "behind a load balancer: HAProxy finds out by way of weir whether the target is up" balancer

proxies_use_weir() {
	[ "$(curl --silent --max-time 5 http://10.0.0.71/)" = "a page" ]
}

proxies() {
	local nginx haproxy
	need nginx haproxy
	mkdir html
	echo "a page" >html/index.html
	make_file html/big 8
	ip route change table local local 10.0.0.85 dev lo src $OWN # as if weir came from a machine of its own
	recipe proxy-nginx.conf
	sed -i "s|/var/www/html|$PWD/html|" proxy-nginx.conf
	cat >nginx.conf <<-END
		daemon off;
		user $(id -un);
		pid $PWD/nginx.pid;
		events { }
		http { access_log $PWD/access.log; include $PWD/proxy-nginx.conf; }
	END
	serve 10.0.0.85:80 nginx -e "$PWD/nginx.log" -c "$PWD/nginx.conf"
	nginx=$SERVER_PID
	weir_recipe proxy.ini
	recipe proxy-haproxy.cfg
	serve 10.0.0.71:80 haproxy -db -f proxy-haproxy.cfg
	haproxy=$SERVER_PID
	wait_for "a page by way of all" proxies_use_weir
	get --interface 10.0.0.5 -o back http://10.0.0.71/big
	expect_same html/big back
	grep -q '^10.0.0.5 .*GET /big' access.log || fail "nginx does not know the client"
	wait_log 'closed .* client=10.0.0.5:.* reason=eof'
	kill "$nginx" "$haproxy"
	wait "$nginx" "$haproxy" || :
	EXPECT_LOG='no target could be connected\|is down'
}
beside "behind HAProxy and before nginx: both know the client" proxies

# other_host: OTHER is the pid of a process in a network of its own.
other_host() {
	unshare -n sleep 1h &
	OTHER=$!
	wait_for "another host" test ! "/proc/$OTHER/ns/net" -ef /proc/self/ns/net
	nsenter -t $OTHER -n ip link set lo up
}

# wire_between PID ADDRESS PID ADDRESS: 0 is this host.
wire_between() {
	wires=$((wires + 1))
	ip link add "left$wires" type veth peer name "right$wires"
	for end in "$1 left$wires $2" "$3 right$wires $4"; do
		# shellcheck disable=SC2086 # words
		set -- $end
		[ "$1" = 0 ] || ip link set "$2" netns "$1"
		on "$1" ip address add "$3/24" dev "$2"
		on "$1" ip link set "$2" up
	done
}
wires=0

on() {
	if [ "$1" = 0 ]; then "${@:2}"; else nsenter -t "$1" -n "${@:2}"; fi
}

# What IPVS makes of a packet is what a route to the address of the service does: it goes to weir's machine as
# it is, and the answer goes another way. (This needs no IPVS in the kernel.)
director() {
	other_host
	DIRECTOR=$OTHER
	other_host
	VISITOR=$OTHER
	wire_between "$VISITOR" 10.31.0.1 "$DIRECTOR" 10.31.0.2
	wire_between "$DIRECTOR" 10.32.0.1 0 10.32.0.2
	wire_between "$VISITOR" 10.33.0.1 0 10.33.0.2
	on "$VISITOR" ip route add 10.0.0.100 via 10.31.0.2
	on "$DIRECTOR" ip route add 10.0.0.100 via 10.32.0.2
	on "$DIRECTOR" ip route add 10.0.0.1 via 10.32.0.2
	ip route add 10.31.0.0/24 via 10.33.0.1
	on "$DIRECTOR" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
	for name in all default; do echo 0 >/proc/sys/net/ipv4/conf/$name/rp_filter; done
	on "$VISITOR" sh -c 'for rule in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >$rule; done'
	for rule in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >"$rule"; done
}

keepalived_is_let_in() {
	on "$DIRECTOR" "$RAWPEER" connect $OWN:80 close >/dev/null 2>&1
}

keepalived_is_refused() {
	! keepalived_is_let_in
}

balanced_by_ipvs() {
	EXPECT_LOG='target .* is down\|no target is up\|refus'
	nginx_serve 10.0.0.86:80 10.0.0.87:80
	make_file html/big 1
	director
	weir_recipe ipvs.ini -o log_level=debug
	ip address add 10.0.0.100/32 dev lo
	for _ in {1..5}; do keepalived_is_let_in || fail "keepalived is refused"; done
	wait_for "keepalived to be gone" dump_shows count 0 pair
	has_told_nobody "keepalived"
	on "$VISITOR" curl --silent --show-error --fail --max-time 60 -o back http://10.0.0.100/big
	expect_same html/big back
	wait_for "a line about the client as it is" log_has 'closed .* client=10.31.0.1:.*reason=eof'
	server_stop
	wait_for "keepalived to be refused" keepalived_is_refused
	nginx_serve 10.0.0.86:80 10.0.0.87:80
	wait_for "keepalived to be let in again" keepalived_is_let_in
	server_stop
}
beside "behind IPVS: checks reach no target, clients are seen as they are, no target is no weir" balanced_by_ipvs

keepalived_conf() {
	need keepalived
	recipe keepalived.conf
	ip link add eth0 type veth peer name eth1
	keepalived --config-test -f "$PWD/keepalived.conf" >out 2>&1 || fail "keepalived refuses it: $(<out)"
	echo '    lvs_method NONE' >>keepalived.conf
	if keepalived --config-test -f "$PWD/keepalived.conf" >out 2>&1; then fail "it judges nothing"; fi
}
beside "behind IPVS: keepalived's own judgement of the file" keepalived_conf

# 80 ms there and back. A burst is handed over before its target has read a byte. Of a camera, no more is
# under way than was allowed.
sites() {
	local now most=0
	ip tuntap add dev w0 mode tun 2>/dev/null || skip "no TUN device of one's own"
	ip address add 10.20.0.1/24 dev w0
	ip link set w0 up
	mkfifo orders
	"$WIRE" w0 orders &
	echo "7 delay 40" >orders
	peer_with copies "listen 10.20.0.1:873 accept" echo
	peer_with cameras "listen 10.20.0.1:8554 accept" recv-slow 8M 4M expect-fin fin
	peer_with logs "listen 10.20.0.1:5140 accept" await handed-over recv 16M expect-fin fin
	weir_recipe sites.ini
	RELAY=$OWN:873 client_as copier mirror duplex 4M 4M fin expect-fin
	RELAY=$OWN:5140 client_as program send 16M wait-acked touch handed-over fin expect-fin
	RELAY=$OWN:8554 client_as camera send 8M fin expect-fin
	until log_has ' relay=cameras .*reason=eof'; do
		weir_dump
		now=$(value sink_queue flow direction=upload high=65536)
		if [ "${now:-0}" -gt $most ]; then most=$now; fi
	done
	expect_at_most "bytes of a camera under way" $((512 * 1024)) $most
	peers_end
	wait_for "three streams" log_counts 3 'reason=eof'
}
beside "two sites: a burst is taken in at once, a live stream has little under way" sites

# The second of three does not run, and the host name has two addresses.
targets() {
	local i
	EXPECT_LOG='target 10.0.0.82:80 .*is down: Connection refused'
	nginx_serve 10.0.0.81:80 10.0.0.83:80 10.0.0.84:80
	make_file html/big 1
	weir_recipe targets.ini
	for ((i = 0; i < 8; i++)); do
		get -o back http://$OWN:8081/big
		expect_same html/big back
	done
	wait_for "8 close lines" log_counts 8 'reason=eof'
	for i in 81 83 84; do
		log_has " target=10.0.0.$i:80 .*reason=eof" || fail "nobody got to 10.0.0.$i"
	done
	expect_at_most "lines about the one that is down" 1 "$(grep -c "$EXPECT_LOG" weir.log)"
	server_stop
}
beside "several targets: one is down, and nobody notices" targets

examples() {
	sed -n 's/^\.\\" recipe //p' "$PAGE" | sort >wanted
	find "$EXAMPLES" -name 'recipe-*' -printf '%f\n' | sed 's/^recipe-//' | sort >there
	diff wanted there || fail "the examples are not those of the page (above)"
	while read -r name; do
		recipe "$name"
		cmp "$name" "$EXAMPLES/recipe-$name"
	done <wanted
}
beside "the examples are what the page shows" examples

finish
