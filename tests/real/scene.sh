#!/bin/bash
# scene.sh FILE [WORD...], in a build folder: the picture in README, a PNG of the page of a weir with pairs of
# all kinds. Takes a minute, so that the lines show one. WORD: for browse.py, before the picture. pngquant
# makes it small.
# shellcheck disable=SC2046 # words
root=${srcdir:-$(dirname "$0")/../..}/tests
# shellcheck source=../scenario/lib.sh
. "$root/scenario/lib.sh"
# shellcheck source=../scenario/reload_lib.sh
. "$root/scenario/reload_lib.sh"
# shellcheck source=lib.sh
. "$root/real/lib.sh"

BROWSE=$(cd "$root/real" && pwd)/browse.py
PICTURE=$(realpath "${1:?the file}")
shift
WORDS=("$@")

# times N WORD...
times() {
	local i
	for ((i = 0; i < $1; i++)); do echo "${@:2}"; done
}

# Downloads whose rates change, one that nobody reads, and one that is read slowly.
stage_web() {
	client_as web1 deadline 100 $(for ((i = 0; i < 40; i++)); do
		echo recv-slow $((2 + i * 7 % 5))M $((3 + i * i % 4))M
	done)
	client_as web2 rcvbuf 64K deadline 100 await gone
	client_as web3 rcvbuf 64K deadline 100 recv-slow 100M 150K
	client_as web4 deadline 100 recv-slow 1000M 9M
}

# Answers that take their time, and a client that does.
stage_db() {
	client_as db1 deadline 100 $(times 600 send 400 recv 400)
	client_as db2 deadline 100 $(times 600 send 400 recv 400 expect-open 800)
	client_as db3 deadline 100 $(times 600 send 400 recv 400 expect-open 5)
	client_as db4 deadline 100 send 400 recv 400 await gone
}

scene() {
	need chromium python3 pngquant
	{
		printf '[global]\nhttp_listen = 127.0.0.1:0\nmemory_max = 64M\n'
		target_as web -s deadline 100 send 2000M
		section web 127.0.0.1:0 "client_sndbuf = 256K"
		target_as db -s deadline 100 $(times 600 recv 400 expect-open 140 send 400)
		section db 127.0.0.2:0 "target = 127.0.0.1:9 weight=2" "fail_limit = 1"
		target_as logs -s rcvbuf 64K deadline 100 recv-slow 100M 300K
		section logs 127.0.0.3:0 "high_watermark = 256K" "low_watermark = 64K" "target_sndbuf = 64K" \
			"upload_rate = 4M"
		target_as mail -s deadline 100 $(times 40 dribble 10 300)
		section mail 127.0.0.4:0
	} >relay.ini
	weir_start -c relay.ini
	RELAY=$(listening_on web) stage_web
	RELAY=$(listening_on db) stage_db
	RELAY=$(listening_on logs)
	client_as logs1 deadline 100 send 1000M
	client_as logs2 deadline 100 send 1000M
	RELAY=$(listening_on mail)
	client_as mail1 deadline 100 recv-all
	"$BROWSE" size 1160x1010 open "http://$(sed -n 's/.* http_listen: listening on //p' weir.log)/" "${WORDS[@]}" \
		until 'Date.now() - performance.timeOrigin > 55000' shot shot.png || fail "no picture"
	pngquant --force --output "$PICTURE" 64 shot.png
	exit
}
PATIENCE_S=90
export PATIENCE_S
scenario "the picture" scene
finish
