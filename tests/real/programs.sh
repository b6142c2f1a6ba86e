# shellcheck shell=bash
# Programs that relays are put in front of. Sourced after lib.sh. Each function runs its program as the case's
# server, listening on ADDRESS:PORT.

# nginx_serve ADDRESS:PORT...: html/ to be read, up/ to be written, and /who, which says whom nginx sees, and
# where that came in. An address may have proxy_protocol after it.
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
				set_real_ip_from 0.0.0.0/0;
				real_ip_header proxy_protocol;
				location /up/ { root $PWD; dav_methods PUT; }
				location = /who {
					return 200 "\$remote_addr \$proxy_protocol_server_addr:\$proxy_protocol_server_port";
				}
			}
		}
	END
	serve "${1%% *}" nginx -e "$PWD/nginx.log" -c "$PWD/nginx.conf"
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

# haproxy_serve ADDRESS:PORT: HAProxy with standard input as its configuration.
haproxy_serve() {
	need haproxy
	cat >haproxy.cfg
	serve "$1" haproxy -db -f haproxy.cfg
}

# postfix_serve ADDRESS:PORT [LINE...]: takes mail for anybody of example.net and throws it away. Lines of
# main.cf may follow. SMTPD: its line of master.cf. Its log is mail.log. Only root can start it.
postfix_serve() {
	local dist=/usr/share/postfix/master.cf.dist
	need postfix curl
	[ "$(id -u)" = 0 ] || skip "not root"
	[ -e $dist ] || skip "$dist is missing"
	# shellcheck disable=SC2154 # of scenario/lib.sh
	chmod 711 "$top" .
	mkdir -p postfix postfix/queue
	install -d -o postfix postfix/data
	cat >postfix/main.cf <<-END
		compatibility_level = 3.6
		queue_directory = $PWD/postfix/queue
		data_directory = $PWD/postfix/data
		maillog_file = $PWD/mail.log
		maillog_file_prefixes = $PWD
		myhostname = mail.example.net
		mydestination =
		inet_interfaces = ${1%:*}
		mynetworks =
		inet_protocols = all
		smtpd_peername_lookup = no
		alias_maps =
		relay_domains = example.net
		relay_transport = discard:
	END
	printf '%s\n' "${@:2}" >>postfix/main.cf
	{
		awk '/^[a-z]/ && $2 != "inet" { $5 = "n"; print } /^ / { print }' $dist
		echo "${SMTPD:-$1 inet n - n - - smtpd}"
	} >postfix/master.cf
	serve "$1" postfix -c "$PWD/postfix" start-fg
}

postfix_stop() {
	postfix -c "$PWD/postfix" stop >/dev/null 2>&1
	wait "$SERVER_PID" || :
}

# vsftpd_serve ADDRESS:PORT FILE: whoever comes may read the case's folder and write incoming/. FILE is part
# of its configuration.
vsftpd_serve() {
	need vsftpd
	[ "$(id -u)" -eq 0 ] || skip "vsftpd needs root"
	id ftp >/dev/null 2>&1 || skip "there is no user ftp"
	# shellcheck disable=SC2154 # of scenario/lib.sh
	chmod 711 "$top"
	chmod 755 .
	mkdir -p incoming empty
	chown ftp incoming
	cat - "$2" >server.conf <<-END
		listen=YES
		listen_address=${1%:*}
		listen_port=${1##*:}
		background=NO
		anonymous_enable=YES
		no_anon_password=YES
		anon_root=$PWD
		write_enable=YES
		anon_upload_enable=YES
		anon_other_write_enable=YES
		anon_world_readable_only=NO
		secure_chroot_dir=$PWD/empty
		seccomp_sandbox=NO
		xferlog_enable=NO
	END
	serve "$1" vsftpd "$PWD/server.conf"
}
