# shellcheck shell=bash
# Programs that relays are put in front of. Sourced after lib.sh. Each function runs its program as the case's
# server, listening on ADDRESS:PORT.

# nginx_serve ADDRESS:PORT...: html/ to be read, up/ to be written.
nginx_serve() {
	local address listen=
	need nginx curl
	mkdir -p html up temp
	for address in "$@"; do listen+=" listen $address;"; done
	cat >nginx.conf <<-END
		daemon off;
		user $(id -un);
		worker_processes 1;
		pid $PWD/nginx.pid;
		error_log $PWD/nginx.log;
		events { }
		http {
			access_log off;
			client_max_body_size 0;
			client_body_temp_path $PWD/temp/body;
			proxy_temp_path $PWD/temp/proxy;
			fastcgi_temp_path $PWD/temp/fastcgi;
			uwsgi_temp_path $PWD/temp/uwsgi;
			scgi_temp_path $PWD/temp/scgi;
			server {
				$listen
				root $PWD/html;
				location /up/ { root $PWD; dav_methods PUT; }
			}
		}
	END
	serve "$1" nginx -e "$PWD/nginx.log" -c "$PWD/nginx.conf"
}

# PostgreSQL refuses to run as root.
as_postgres() {
	if [ "$(id -u)" -eq 0 ]; then
		runuser -u postgres -- "$@"
	else
		"$@"
	fi
}

declare -A POSTGRES_PIDS # by folder

postgres_find() {
	need psql
	POSTGRES_BIN=$(find /usr/lib/postgresql -name initdb -printf '%h\n' 2>/dev/null | sort -V | tail -n 1)
	[ -n "$POSTGRES_BIN" ] || skip "initdb is missing"
}

# postgres_serve ADDRESS:PORT [FOLDER]: a new cluster. The folder tells several of a case apart.
postgres_serve() {
	local cluster=${2:-cluster}
	postgres_find
	if [ "$(id -u)" -eq 0 ]; then
		id postgres >/dev/null 2>&1 || skip "there is no user postgres"
		# shellcheck disable=SC2154 # of scenario/lib.sh
		chmod 711 "$top" .
		install -d -o postgres -m 700 "$cluster"
		as_postgres test -w "$cluster" || skip "the user postgres cannot reach $PWD"
	fi
	as_postgres "$POSTGRES_BIN/initdb" --no-sync --auth trust --username weir --encoding UTF8 --locale C "$PWD/$cluster" >initdb.out
	cat >>"$cluster"/postgresql.conf <<-END
		listen_addresses = '${1%:*}'
		port = ${1##*:}
		unix_socket_directories = ''
		fsync = off
	END
	echo 'host all all 10.0.0.0/8 trust' >>"$cluster"/pg_hba.conf
	postgres_start "$@"
}

# postgres_start ADDRESS:PORT [FOLDER]: a cluster that was stopped.
postgres_start() {
	serve "$1" as_postgres "$POSTGRES_BIN/postgres" -D "$PWD/${2:-cluster}"
	POSTGRES_PIDS[${2:-cluster}]=$SERVER_PID
	wait_for "the cluster to answer" postgres_answers "$1"
}

postgres_answers() {
	PGCONNECT_TIMEOUT=5 psql -qAt -h "${1%:*}" -p "${1##*:}" -U weir -d postgres -c 'select 1' >/dev/null 2>&1
}

# sql ADDRESS:PORT ARG...
sql() {
	timeout 120 psql -qAt -v ON_ERROR_STOP=1 -h "${1%:*}" -p "${1##*:}" -U weir -d postgres "${@:2}"
}

# postgres_stop [FOLDER]. The server itself ends a moment after it was told to; its cluster must not vanish
# before.
postgres_stop() {
	kill -INT "$(head -n 1 "${1:-cluster}/postmaster.pid")"
	wait "${POSTGRES_PIDS[${1:-cluster}]}" || :
}

# redis_serve ADDRESS:PORT [OPTION...]
redis_serve() {
	need redis-server redis-cli redis-benchmark
	serve "$1" redis-server --port "${1##*:}" --bind "${1%:*}" --save '' --appendonly no --dir "$PWD" \
		--protected-mode no "${@:2}"
}

sshd_serve() {
	need sshd ssh ssh-keygen
	ssh-keygen -q -t ed25519 -N '' -f host_key
	ssh-keygen -q -t ed25519 -N '' -f user_key
	cp user_key.pub authorized_keys
	if [ "$(id -u)" -eq 0 ]; then mkdir -p /run/sshd; fi # where Debian's sshd separates its privileges
	cat >sshd_config <<-END
		ListenAddress $1
		HostKey $PWD/host_key
		PidFile none
		AuthorizedKeysFile $PWD/authorized_keys
		StrictModes no
		UsePAM no
		PasswordAuthentication no
		PermitRootLogin prohibit-password
	END
	serve "$1" "$(command -v sshd)" -D -e -f "$PWD/sshd_config"
}

# remote ADDRESS:PORT COMMAND...
remote() {
	timeout 120 ssh -F none -p "${1##*:}" -i user_key -o IdentitiesOnly=yes -o BatchMode=yes \
		-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "${1%:*}" "${@:2}"
}
