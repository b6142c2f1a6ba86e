#!/bin/bash
# psql: a large COPY in and out of an own cluster.
root=${srcdir:-$(dirname "$0")/../..}/tests
# shellcheck source=../scenario/lib.sh
. "$root/scenario/lib.sh"
# shellcheck source=lib.sh
. "$root/real/lib.sh"
# shellcheck source=programs.sh
. "$root/real/programs.sh"

database() {
	postgres_serve "$(free_address)"
	weir_relay
}

copy_in_and_out() {
	local rows=$((2000000 / SCALE))
	database
	seq "$rows" | awk '{ print $1 "\trow " $1 * 31 }' >rows
	sql "$RELAY" -c 'create table t (id int primary key, word text)'
	sql "$RELAY" -c '\copy t from rows'
	expect_equal "rows" "$rows" "$(sql "$RELAY" -c 'select count(*) from t')"
	sql "$RELAY" -c '\copy (select * from t order by id) to back'
	expect_same rows back
	postgres_stop
}
scenario "COPY in and out" copy_in_and_out

big_values() {
	database
	sql "$RELAY" -c "select md5(repeat('x', 30000000)) = md5(string_agg(repeat('x', 1000000), '')) from generate_series(1, 30)" >same
	expect_equal "the answer" t "$(<same)"
	sql "$RELAY" -c "select repeat('weir', 5000000)" >value
	expect_equal "bytes of the value" 20000001 "$(stat -c %s value)"
	postgres_stop
}
scenario "big values" big_values

finish
