#!/bin/bash
# psql: a large COPY in and out of an own cluster.
root=${srcdir:-$(dirname "$0")/../..}/tests
# shellcheck source=../scenario/lib.sh
. "$root/scenario/lib.sh"
# shellcheck source=lib.sh
. "$root/real/lib.sh"

# PostgreSQL refuses to run as root.
as_postgres() {
	if [ "$(id -u)" -eq 0 ]; then
		runuser -u postgres -- "$@"
	else
		"$@"
	fi
}

postgres_start() {
	local bin port
	need psql
	bin=$(find /usr/lib/postgresql -name initdb -printf '%h\n' 2>/dev/null | sort -V | tail -n 1)
	[ -n "$bin" ] || skip "initdb is missing"
	if [ "$(id -u)" -eq 0 ]; then
		id postgres >/dev/null 2>&1 || skip "there is no user postgres"
		chmod 711 "$top" .
		install -d -o postgres -m 700 cluster
		as_postgres test -w cluster || skip "the user postgres cannot reach $PWD"
	fi
	port=$(free_port)
	as_postgres "$bin/initdb" --no-sync --auth trust --username weir --encoding UTF8 --locale C "$PWD/cluster" >initdb.out
	cat >>cluster/postgresql.conf <<-END
		listen_addresses = '127.0.0.1'
		port = $port
		unix_socket_directories = ''
		fsync = off
	END
	serve "$port" as_postgres "$bin/postgres" -D "$PWD/cluster"
	wait_for "the cluster to answer" psql_direct "$port"
	weir_relay
}

psql_direct() {
	PGCONNECT_TIMEOUT=5 psql -qAt -h 127.0.0.1 -p "$1" -U weir -d postgres -c 'select 1' >/dev/null 2>&1
}

sql() {
	timeout 120 psql -qAt -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$(relay_port)" -U weir -d postgres "$@"
}

# The server itself ends a moment after it was told to; its cluster must not vanish before.
postgres_stop() {
	kill -INT "$(head -n 1 cluster/postmaster.pid)"
	wait "$SERVER_PID" || :
}

copy_in_and_out() {
	local rows=$((2000000 / SCALE))
	postgres_start
	seq "$rows" | awk '{ print $1 "\trow " $1 * 31 }' >rows
	sql -c 'create table t (id int primary key, word text)'
	sql -c '\copy t from rows'
	expect_equal "rows" "$rows" "$(sql -c 'select count(*) from t')"
	sql -c '\copy (select * from t order by id) to back'
	expect_same rows back
	postgres_stop
}
scenario "COPY in and out" copy_in_and_out

big_values() {
	postgres_start
	sql -c "select md5(repeat('x', 30000000)) = md5(string_agg(repeat('x', 1000000), '')) from generate_series(1, 30)" >same
	expect_equal "the answer" t "$(<same)"
	sql -c "select repeat('weir', 5000000)" >value
	expect_equal "bytes of the value" 20000001 "$(stat -c %s value)"
	postgres_stop
}
scenario "big values" big_values

finish
