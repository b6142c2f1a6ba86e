#!/bin/bash
# Metrics, and what conf/prometheus and conf/grafana make of them: promtool, a Prometheus that scrapes weir,
# and the types of Grafana's dashboards.
root=${srcdir:-$(dirname "$0")/../..}/tests
# shellcheck source=../scenario/lib.sh
. "$root/scenario/lib.sh"
# shellcheck source=../scenario/reload_lib.sh
. "$root/scenario/reload_lib.sh"
# shellcheck source=lib.sh
. "$root/real/lib.sh"

REAL=$(cd "$root/real" && pwd)
CONF=$(cd "$root/../conf" && pwd)
MANUAL=$(cd "$root/../man" && pwd)/weir-metrics.7
HTTP=127.0.0.9:0 # no relay of a case listens at this address

need_metrics() {
	need curl python3 "$@"
	"$WEIR" -t -l 127.0.0.1:1 -T 127.0.0.1:2 -o http_listen=unix:@a >/dev/null 2>&1 || skip "no libmicrohttpd"
}

web() {
	sed -n 's/^.* http_listen: listening on //p' weir.log | tail -n 1
}

fetch() {
	curl -sf -m 20 -o "$1" "http://$(web)/metrics"
}

is_newer() {
	fetch "$1" && [ "$(metric weir_uptime_seconds "$1")" != "$2" ]
}

# scrape FILE: of a report that was asked for after this. An older one may be served for a second.
scrape() {
	fetch "$1" || fail "no metrics"
	wait_for "another report" is_newer "$1" "$(metric weir_uptime_seconds "$1")"
}

# metric NAME{LABELS} FILE
metric() {
	awk -v name="$1" '$1 == name { print $2 }' "$2"
}

# Of all that cannot be seen by promtool: no series twice, no family in two places.
well_formed() {
	expect_equal "what promtool says" "" "$(promtool check metrics <"$1" 2>&1)"
	expect_equal "series that are there twice" "" "$(sed '/^#/d; s/ [^ ]*$//' "$1" | sort | uniq -d)"
	expect_equal "families that are split" "" \
		"$(sed '/^#/d; s/[{ ].*//' "$1" | uniq | sort | uniq -d)"
}

# totals FILE: all series that must not go back.
totals() {
	sed -n 's/^\([a-z_]*_total[{ ].*\)/\1/p' "$1" | sort
}

# not_back BEFORE AFTER: of all series that both have.
not_back() {
	expect_equal "series that have gone back" "" "$(
		join <(totals "$1" | tr '\t' ' ') <(totals "$2") | awk '$3 < $2'
	)"
}

# The same figures in the dump and in the metrics, of pairs that live and have ended.
equals_the_dump() {
	local relay=$1 labels
	for labels in pairs:pairs accepted:accepted_total refused:refused_total denied:denied_total \
		connect_failed:connect_failures_total shortages:shortages_total; do
		expect_equal "$labels" "$(value "${labels%:*}" relay name="$relay")" \
			"$(metric "weir_${labels#*:}{relay=\"$relay\"}" metrics)"
	done
	for labels in upload download; do
		expect_equal "$labels bytes" "$(value "${labels}_bytes" relay name="$relay")" \
			"$(metric "weir_bytes_total{relay=\"$relay\",direction=\"$labels\"}" metrics)"
		expect_equal "$labels high" "$(value "${labels}_high" relay name="$relay")" \
			"$(metric "weir_high_watermark_bytes{relay=\"$relay\",direction=\"$labels\"}" metrics)"
	done
	expect_equal "pauses" "$(value pauses relay name="$relay")" \
		"$(awk -v start="weir_pauses_total{relay=\"$relay\"" \
			'index($1, start) == 1 { n += $2 } END { print n }' metrics)"
	expect_equal "pairs and ends" "$(value accepted relay name="$relay")" \
		"$(awk -v relay="relay=\"$relay\"" 'index($1, relay) && /^weir_(closed_total|pairs)\{/ { n += $2 }
			END { print n }' metrics)"
	expect_equal "verdicts" "$(value pairs relay name="$relay")" \
		"$(awk -v start="weir_verdict_pairs{relay=\"$relay\"" \
			'index($1, start) == 1 { n += $2 } END { print n }' metrics)"
}

# One pair lives with a full queue, and others have ended well, have been reset, or have been denied.
figures() {
	need_metrics promtool
	target rcvbuf 8K touch met await go recv 4M expect-fin fin
	section one 127.0.0.1:0 "client_rcvbuf = 16K" "target_sndbuf = 16K" "high_watermark = 64K" |
		{ echo "[global]"; echo "http_listen = $HTTP"; cat; } | install
	reload_start 1 "$@"
	client send 4M touch sent fin expect-fin
	wait_for "the pair" test -e met
	dump_until has flow direction=upload reading=paused
	scrape metrics
	weir_dump
	well_formed metrics
	equals_the_dump one
	expect_at_least "bytes in queues" 1 \
		"$(metric 'weir_queued_bytes{relay="one",direction="upload"}' metrics)"
	expect_equal "the target" 1 "$(metric "weir_target_up{relay=\"one\",target=\"$TARGET\"}" metrics)"
	expect_equal "its pairs" 1 "$(metric "weir_target_pairs{relay=\"one\",target=\"$TARGET\"}" metrics)"
	cp metrics before
	reload
	touch go
	peers_end
	wait_for "the pair to be gone" weir_has_no_pairs
	scrape metrics
	weir_dump
	well_formed metrics
	equals_the_dump one
	not_back before metrics
	expect_equal "ends" 1 "$(metric 'weir_closed_total{relay="one",reason="eof"}' metrics)"
	expect_equal "reloads" 1 "$(metric 'weir_reloads_total{result="success"}' metrics)"
}
beside "the figures are those of the dump, also after a reload" figures
beside "the same with four workers, without splice" figures -o workers=4 -o splice=off

# Another relay takes its address, while its pair goes on.
removed() {
	need_metrics promtool
	EXPECT_LOG='section head\|reload failed'
	target -s echo
	{ echo "[global]"; echo "http_listen = $HTTP"; section old 127.0.0.1:0; } | install
	reload_start 1
	hold last
	echo "[relay" >relay.ini
	reload_fails "section head"
	{ echo "[global]"; echo "http_listen = $HTTP"; section new 127.0.0.1:0; } | install
	reload
	scrape metrics
	well_formed metrics
	expect_equal "its pairs" 1 "$(metric 'weir_pairs{relay="old"}' metrics)"
	expect_equal "its watermarks" "" "$(grep 'watermark.*relay="old"' metrics)"
	expect_equal "reloads that failed" 1 "$(metric 'weir_reloads_total{result="failure"}' metrics)"
	release last
	wait_for "the pair to be gone" weir_has_no_pairs
	scrape metrics
	well_formed metrics
	expect_equal "what is left of it" "" "$(grep 'relay="old"' metrics)"
}
beside "a removed relay has metrics until its last pair has ended" removed

# ---- conf/ ----

rules() {
	need promtool
	cp "$CONF"/prometheus/* .
	promtool check rules weir-alerts.yml >said 2>&1 || fail "$(<said)"
	promtool check config prometheus.yml >said 2>&1 || fail "$(<said)"
	promtool test rules weir-alerts.test.yml >said 2>&1 || fail "$(<said)"
}
beside "the alert rules are valid, and fire when they should" rules

# Whatever the rules, the dashboard and the manual ask for is there, and is PromQL.
expressions() {
	need_metrics promtool
	python3 -c 'import yaml' 2>/dev/null || skip "python3 has no yaml"
	target -s echo
	weir_relay -o http_listen="$HTTP"
	scrape metrics
	python3 "$REAL/metrics.py" metrics "$CONF/prometheus/weir-alerts.yml" "$CONF/grafana/weir.json" "$MANUAL" \
		>asked.yml || fail "a metric or label that does not exist"
	expect_at_least "expressions" 40 "$(grep -c expr asked.yml)"
	promtool check rules asked.yml >said 2>&1 || fail "$(<said)"
}
beside "rules, dashboard and manual ask for metrics that exist" expressions

# npm has Grafana's own types as @grafana/schema, Debian has none. NODE_PATH says where they are.
dashboard() {
	need python3
	python3 "$REAL/dashboard.py" "$CONF/grafana/weir.json" >said 2>&1 || fail "$(<said)"
	node -e 'require("@grafana/schema"); require("typescript")' 2>/dev/null || return 0
	node "$REAL/dashboard.js" "$CONF/grafana/weir.json" >said 2>&1 || fail "$(<said)"
}
beside "the dashboard has the members and types that Grafana knows" dashboard

wrong_dashboards() {
	need python3
	for change in 's/"refId": "B"/"refId": "A"/' 's/"w": 4,/"w": 25,/' 's/"x": 4,/"x": 3,/' 's/\$relay/$pair/' \
		's/"targets"/"target"/' 's/"schemaVersion": 38/"schemaVersion": "38"/' 's/"graphMode": "area"/"graphMode": 1/'; do
		sed "$change" "$CONF/grafana/weir.json" >wrong.json
		cmp -s wrong.json "$CONF/grafana/weir.json" && fail "$change changes nothing"
		python3 "$REAL/dashboard.py" wrong.json >said && fail "$change is not seen"
		[ -s said ] || fail "$change: nothing is said"
	done
}
beside "a dashboard that Grafana would not take is seen" wrong_dashboards

# ---- Prometheus ----

# ask PROMQL: the value, or nothing.
ask() {
	curl -sf -m 20 --data-urlencode "query=$1" "http://$PROMETHEUS/api/v1/query" |
		python3 -c 'import json, sys
for sample in json.load(sys.stdin)["data"]["result"]: print(sample["value"][1])'
}

says() {
	[ "$(ask "$1")" = "$2" ]
}

rules_are_well() {
	[ "$(curl -sf -m 20 "http://$PROMETHEUS/api/v1/rules" | grep -o '"health":"ok"' | wc -l)" -eq "$1" ]
}

scraped() {
	need_metrics prometheus
	target -s echo
	weir_relay -o http_listen="$HTTP" -o workers=2
	client mirror send 10 recv 10 await out fin expect-fin
	cp "$CONF"/prometheus/weir-alerts.yml .
	sed "s/15s/1s/; s/127.0.0.1:9347/$(web)/" "$CONF/prometheus/prometheus.yml" >prometheus.yml
	PROMETHEUS=$(free_address)
	serve "$PROMETHEUS" prometheus --config.file=prometheus.yml --web.listen-address="$PROMETHEUS" \
		--storage.tsdb.path=tsdb --log.level=warn
	wait_for "weir to be scraped" says 'up{job="weir"}' 1
	wait_for "a pair" says 'weir_pairs{relay="command-line"}' 1
	wait_for "bytes" says 'sum(weir_bytes_total)' 20
	wait_for "a second scrape" says 'count_over_time(weir_pairs[1m]) > bool 1' 1
	wait_for "the rules to be evaluated" rules_are_well "$(grep -c 'alert:' weir-alerts.yml)"
	expect_equal "alerts" "" "$(ask 'ALERTS{alertstate="firing"}')"
	touch out
	peer_end client
	wait_for "no pair" says 'weir_pairs' 0
	server_stop
	peers_end
}
beside "Prometheus scrapes it, and evaluates the rules" scraped

finish
