# shellcheck shell=bash disable=SC2034 # sourced by lib.sh
# Another relay in weir's place, for tests/control: CONTROL=haproxy or nginx. What only weir can show (dumps,
# its log) is not checked. A case that needs a setting only weir has is skipped. Bytes, ends, resets, sockets
# and CPU are judged all the same.

# Settings that tune weir but do not change what peers may see.
CONTROL_TUNING='^(workers|memory_max|splice|tcp_nodelay|tcp_keepalive|notsent_lowat|(high|low)_watermark|(client|target)_(rcvbuf|sndbuf))='

control_haproxy() {
	cat >relay.cfg <<-END
		defaults
			mode tcp
			maxconn 4096
			timeout connect $3
			timeout client 1h
			timeout server 1h
			timeout client-fin 10m
			timeout server-fin 10m
		listen control
			bind $1
			server target $2
	END
	exec haproxy -db -f relay.cfg
}

control_nginx() {
	cat >relay.cfg <<-END
		load_module /usr/lib/nginx/modules/ngx_stream_module.so;
		daemon off;
		master_process off;
		pid relay.pid;
		error_log stderr;
		events { worker_connections 8192; }
		stream {
			server {
				listen $1;
				proxy_pass $2;
				proxy_connect_timeout $3;
				proxy_timeout 1h;
				proxy_half_close on;
			}
		}
	END
	exec nginx -p "$PWD" -c relay.cfg -e stderr
}

# control_read ARG...: sets listen, target and patience from weir's arguments, or skips the case.
control_read() {
	while [ $# -ge 2 ]; do
		case $1 in
		-l) [ -z "$listen" ] || skip "several listeners"; listen=$2 ;;
		-T) [ -z "$target" ] || skip "several targets"; target=$2 ;;
		-o)
			if [[ $2 == connect_timeout=* ]]; then
				patience=${2#*=}
			elif ! [[ $2 =~ $CONTROL_TUNING ]]; then
				skip "$CONTROL is not told -o $2"
			fi
			;;
		*) skip "$CONTROL does not know $1" ;;
		esac
		shift 2
	done
	[ $# = 0 ] || skip "$CONTROL does not know $1"
	[ "$listen" = 127.0.0.1:0 ] && [ -n "$target" ] || skip "not a relay from a port to a target"
}

control_accepts() {
	weir_alive || fail "$CONTROL ended instead of starting"
	grep -q "^ *[0-9]*: 0100007F:$(printf '%04X' "${RELAY#*:}") 00000000:0000 0A" /proc/net/tcp
}

weir_start() {
	local listen='' target='' patience=5s
	control_read "$@"
	"$RAWPEER" listen 127.0.0.1:0 port-file relay.port # nobody else is likely to get it in the next moment
	RELAY=127.0.0.1:$(<relay.port)
	("control_$CONTROL" "$RELAY" "$target" "$patience") </dev/null >weir.out 2>relay.log &
	WEIR_PID=$!
	wait_for "$CONTROL to start" control_accepts
	WEIR_SOCKETS=$(weir_sockets)
}

# Waits a moment instead of for a condition that only weir can report.
dump_until() {
	sleep 1
}
weir_dump() {
	:
}
has() {
	:
}
wait_closed() {
	:
}
wait_log() {
	:
}

# Nothing is known of what was to be read from weir's log.
closed_line() {
	:
}
expect_equal() {
	[ -z "$2" ] || [ "$2" = "$3" ] || fail "$1 should be '$2' and is '$3'"
}

weir_descriptors_are_back() {
	:
}

weir_heap_is_back() {
	:
}

account_check() {
	:
}

weir_has_no_pairs() {
	:
}

weir_stop() {
	kill -KILL "$WEIR_PID"
	wait "$WEIR_PID" || : # killed
}
