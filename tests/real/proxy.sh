#!/bin/bash
# The PROXY protocol with other programs: the far end sees the client, and what it connected to.
root=${srcdir:-$(dirname "$0")/../..}/tests
# shellcheck source=../scenario/lib.sh
. "$root/scenario/lib.sh"
# shellcheck source=lib.sh
. "$root/real/lib.sh"
# shellcheck source=programs.sh
. "$root/real/programs.sh"

CLIENT=127.0.0.5

get() {
	need curl
	curl --silent --show-error --fail --max-time 60 --interface $CLIENT "$@"
}

# expect_seen WHOM [ADDRESS [CURL_ARG...]]: that is whom the far end sees when somebody connects there.
expect_seen() {
	local at=${2:-$RELAY}
	expect_equal "whom the far end sees, and where" "$1" "$(get "${@:3}" "http://$at/who")"
}

# http_haproxy ADDRESS: says whom it sees. Each client has to begin with a header.
http_haproxy() {
	haproxy_serve "$1" <<-END
		defaults
		    mode http
		    timeout connect 5s
		    timeout client 5s
		    timeout server 5s
		frontend far
		    bind $1 accept-proxy
		    http-request return status 200 content-type text/plain lf-string "%[src] %[dst]:%[dst_port]"
	END
}

nginx_with_header() {
	nginx_serve "$(free_address) proxy_protocol"
	make_file html/big 8
}

to_haproxy() {
	http_haproxy "$(free_address)"
	weir_relay -o send_proxy="$1" -o check_interval=100ms
	expect_seen "$CLIENT $RELAY"
	dump_until has target state=up check_failures=0
	wait_closed reason=eof
	server_stop
	EXPECT_LOG='is down: '
}
beside "haproxy is told the client: v1" to_haproxy v1
beside "haproxy: v2" to_haproxy v2

# It refuses the names of unix sockets.
unix_client_to_haproxy() {
	http_haproxy "$(free_address)"
	weir_start -l "unix:$PWD/l" -T "$TARGET" -o send_proxy="$1"
	curl --silent --fail --max-time 20 --unix-socket l http://far/who >seen || fail "haproxy does not serve it"
	expect_equal "whom haproxy sees, and where" "127.0.0.1 $TARGET" "$(<seen)"
	wait_closed reason=eof
	server_stop
}
beside "haproxy takes a client of a unix socket: v1" unix_client_to_haproxy v1
beside "and v2" unix_client_to_haproxy v2

to_nginx() {
	nginx_with_header
	weir_relay -o send_proxy="$1" -o check_interval=100ms
	expect_seen "$CLIENT $RELAY"
	get -o got "http://$RELAY/big"
	expect_same html/big got
	dump_until has target state=up check_failures=0
	server_stop
	EXPECT_LOG='is down: '
}
beside "nginx is told the client: v1" to_nginx v1
beside "nginx: v2" to_nginx v2

# haproxy ADDRESS OPTION...: passes on to weir, and checks it.
balancer_before_weir() {
	local address=$1 target=$TARGET
	FAR_PID=$SERVER_PID
	haproxy_serve "$address" <<-END
		defaults
		    mode tcp
		    timeout connect 5s
		    timeout client 60s
		    timeout server 60s
		listen near
		    bind $address
		    server weir $RELAY check inter 100ms ${*:2}
	END
	TARGET=$target
}

both() {
	local near
	near=$(free_address)
	nginx_with_header
	weir_relay -o accept_proxy=127.0.0.0/8 -o send_proxy="$2" -o max_connections_per_source=50
	balancer_before_weir "$near" "$1"
	expect_seen "$CLIENT $near" "$near"
	get -o got "http://$near/big"
	expect_same html/big got
	wait_log "closed .* client=$CLIENT:.* reason=eof"
	server_stop
	kill "$FAR_PID"
	wait "$FAR_PID" || :
}
beside "haproxy, weir, nginx: v1 and v2" both send-proxy v2
beside "v2 and v1" both send-proxy-v2 v1
beside "v2 with a checksum, and v2" both "send-proxy-v2 proxy-v2-options crc32c" v2

nginx_before_weir() {
	local module=/usr/lib/nginx/modules/ngx_stream_module.so near
	[ -e $module ] || skip "nginx has no stream module"
	near=$(free_address)
	http_haproxy "$(free_address)"
	FAR_PID=$SERVER_PID
	weir_relay -o accept_proxy=127.0.0.1 -o send_proxy=v2
	cat >near.conf <<-END
		daemon off;
		load_module $module;
		pid $PWD/near.pid;
		events { }
		stream {
			server { listen $near; proxy_pass $RELAY; proxy_protocol on; }
		}
	END
	serve "$near" nginx -e "$PWD/near.log" -c "$PWD/near.conf"
	expect_seen "$CLIENT $near" "$near"
	wait_log "closed .* client=$CLIENT:.* reason="
	server_stop
	kill "$FAR_PID"
	wait "$FAR_PID" || :
}
beside "nginx, weir, haproxy" nginx_before_weir

# The balancer's own checks connect and end. With connect_on = data they reach no target, and leave no line in
# the log.
checked() {
	local near target
	near=$(free_address)
	nginx_with_header
	target=$TARGET
	weir_relay -o accept_proxy=127.0.0.0/8 -o send_proxy=v2 -o connect_on=data -o log_level=debug
	balancer_before_weir "$near" "$@"
	wait_for "checks" checks_of_balancer 5
	expect_seen "$CLIENT $near" "$near"
	wait_log "info closed .* client=$CLIENT:.* reason=eof"
	expect_equal "close lines above debug" 1 "$(grep -c ' info closed pair=' weir.log)"
	weir_dump
	has target target="$target" connects=1 failures=0 || fail "a check has reached the target"
	server_stop
	kill "$FAR_PID"
	wait "$FAR_PID" || :
}

checks_of_balancer() {
	[ "$(grep -c ' debug closed pair=.* target=- ' weir.log)" -ge "$1" ]
}
beside "checks of haproxy without a header reach no target" checked send-proxy-v2 no-check-send-proxy
beside "nor do checks with one" checked send-proxy-v2 check-send-proxy

mail_is_from() {
	grep -q ": client=unknown\[$1\]" mail.log
}

# SMTP: the server speaks first.
to_postfix() {
	postfix_serve "$(free_address)" "smtpd_upstream_proxy_protocol = haproxy"
	weir_relay -o send_proxy="$1" -o check_interval=100ms
	printf 'Subject: news\n\n' >mail
	get --mail-from a@example.net --mail-rcpt b@example.net --crlf --upload-file mail "smtp://$RELAY"
	wait_for "mail that Postfix knows to be from $CLIENT" mail_is_from $CLIENT
	dump_until has target state=up check_failures=0
	expect_equal "headers that Postfix refused" "" "$(grep 'haproxy read' mail.log | grep -v 'read: EOF$')"
	expect_at_most "connections without one, of this test" 1 "$(grep -c 'haproxy read' mail.log)"
	postfix_stop
	EXPECT_LOG='is down: '
}
beside "Postfix is told the client: v1" to_postfix v1
beside "Postfix: v2" to_postfix v2

finish
