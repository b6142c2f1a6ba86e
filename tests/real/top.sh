#!/bin/bash
# weir-top before a real weir, in a terminal that tmux plays.
root=${srcdir:-$(dirname "$0")/../..}/tests
# shellcheck source=../scenario/lib.sh
. "$root/scenario/lib.sh"
# shellcheck source=lib.sh
. "$root/real/lib.sh"

TOP=$PWD/weir-top
PATH=$PWD:$PATH
[ -x "$TOP" ] || { echo "1..0 # SKIP weir-top was not built"; exit 0; }

# terminal COMMAND: a shell in 80 columns and 24 lines that runs it, and then says how it ended and how the
# terminal is set.
terminal() {
	need tmux
	rm -f tmux before after ended
	tmux -S tmux -f /dev/null -D &
	wait_for "tmux" test -S tmux
	cat >terminal.sh <<END
trap : INT # it reaches the shell too
stty -g >before
$1
echo "status=\$?" >ended
stty -g >after
exec cat
END
	LC_ALL=C.UTF-8 TERM=xterm-256color in_tmux new-session -d -s top -x 80 -y 24 "exec sh terminal.sh"
}

in_tmux() {
	tmux -S tmux "$@"
}

press() {
	in_tmux send-keys -t top "$@"
}

screen() {
	in_tmux capture-pane -p -t top >screen
	cat screen
}

shows() {
	screen | grep -qE -- "$1"
}

lacks() {
	! shows "$1"
}

expect_shows() {
	wait_for "a screen with '$1'" shows "$1"
}

# expect_ended STATUS: by itself, and the terminal is as it was.
expect_ended() {
	wait_for "the end of weir-top" test -s after
	expect_equal "how it ended" "status=$1" "$(cat ended)"
	expect_equal "the terminal" "$(cat before)" "$(cat after)"
	expect_equal "the other screen" "0" "$(in_tmux display-message -p -t top '#{alternate_on}')"
}

# begin ADDRESS: a weir that answers there, with a pair whose client does not read, and one that rests.
begin() {
	target_as slow send 32M fin expect-fin
	slow=$TARGET
	target_as quiet recv 5 await go fin expect-fin
	cat >relay.ini <<END
[global]
http_listen = $1
[relay slow]
listen = 127.0.0.1:0
target = $slow
[relay quiet]
listen = 127.0.0.1:0
target = $TARGET
END
	weir_start -c relay.ini
	RELAY=$(listening_on slow) client_as reader await go recv 32M expect-fin fin
	RELAY=$(listening_on quiet) client_as sleeper send 5 await go expect-fin fin
	dump_until count 2 pair
	dump_until has flow direction=download reading=paused
}

finish_pairs() {
	touch go
	peers_end
}

# The row of a pair, blanks squeezed, where the pairs are; its first word is the pair's number.
row_of() {
	screen | tr -s ' ' | grep -F " $1 " | grep -vE '^ ?pair ' | head -n 1
}

# What the dump says of the pair of relay $1 stands in its row. A verdict may change in between, so both are
# looked at again.
agrees_with_dump() {
	local client slow why row
	weir_dump
	client=$(value client pair relay="$1")
	slow=$(value slow pair relay="$1")
	why=$(value why pair relay="$1")
	[ "$slow" != none ] || slow=
	row=$(row_of "$client")
	[[ " $row" = *" $1 $client $(value target pair relay="$1") "*" ${slow:+$slow }$why "* ]]
}

# How many changes of colour are on the screen.
colours() {
	in_tmux capture-pane -e -p -t top | grep -oE $'\e\\[[0-9;]*m' | grep -cE '[[;][349][0-7][;m]' || :
}

has_colours() {
	[ "$(colours)" -gt 0 ]
}

same_as_the_dump() {
	begin "unix:$PWD/http"
	terminal "weir-top unix:$PWD/http"
	expect_shows '^ weir [0-9.]+ .* 2 pairs '
	wait_for "the pair that the dump has" agrees_with_dump slow
	wait_for "the other one too" agrees_with_dump quiet
	expect_shows '^slow .* client '
	expect_shows '^quiet .* idle ' # an answer was due for a second, so it may have been above the other
	press Down # the row under the cursor has none
	wait_for "a verdict in its colour" has_colours
	press Up
	expect_shows '^slow +1 .* 1/1 '
	press t
	expect_shows "^slow +$slow +$slow up "
	press Tab
	wait_for "the pairs of one relay" lacks "$(value client pair relay=quiet)"
	expect_shows 'tab:slow'
	expect_shows '^pair [0-9]+  slow  127[0-9.:]+ -> '"$slow"
	expect_shows '^down +[0-9.]+[KM] \[[#|]+ *\] 1\.0M '
	press Tab
	expect_shows 'tab:quiet'
	wait_for "the pairs of the other" lacks "$(value client pair relay=slow)"
	press / l o Enter
	expect_shows 'tab:lo '
	press Escape '?'
	expect_shows 'Any key goes back'
	press x
	in_tmux resize-window -t top -x 40 -y 10
	expect_shows '^CLIENT +SLOW +FOR$'
	in_tmux resize-window -t top -x 200 -y 50
	expect_shows ' AGE STATE'
	press t
	touch go
	expect_shows '^slow .*█'
	press q
	expect_ended 0
	peers_end
}
beside "the screen says what the dump says" same_as_the_dump

# resting ARG...: a weir without pairs, and weir-top before it.
resting() {
	weir_start -l 127.0.0.1:0 -T 127.0.0.1:1 -o http_listen="unix:$PWD/http"
	terminal "$1"
	expect_shows '^ weir [0-9.]+ .* 0 pairs '
	expect_shows '^no pairs$'
}

# The process in the terminal, whose parent is the shell there.
top_pid() {
	pgrep -P "$(in_tmux display-message -p -t top '#{pane_pid}')"
}

ended_by_key() {
	resting "weir-top unix:$PWD/http"
	press C-c
	expect_ended 0
}
beside "ctrl-C ends it, and the terminal is as before" ended_by_key

ended_by_signal() {
	resting "weir-top unix:$PWD/http"
	kill "-$1" "$(top_pid)"
	expect_ended 0
}
beside "so does TERM" ended_by_signal TERM
beside "so does HUP" ended_by_signal HUP

lost_and_back() {
	resting "weir-top -i 200ms unix:$PWD/http"
	kill -TERM "$WEIR_PID"
	weir_expect_status 0
	expect_shows "^ unix:$PWD/http not reachable since [0-9:]+: .*"
	expect_shows '^command-line ' # what was known last
	expect_at_least "colours" 1 "$(colours)"
	press '?'
	expect_shows 'Any key goes back'
	weir_start -l 127.0.0.1:0 -T 127.0.0.1:1 -o http_listen="unix:$PWD/http"
	press x
	expect_shows '^ weir [0-9.]+ .* 0 pairs '
	press q
	expect_ended 0
}
beside "weir goes and comes back" lost_and_back

without_colours() {
	begin "unix:$PWD/http"
	terminal "NO_COLOR=1 LC_ALL=C weir-top unix:$PWD/http"
	expect_shows '^ weir [0-9.]+ .* 2 pairs '
	in_tmux resize-window -t top -x 120 -y 24
	expect_shows '^ +[0-9]+ slow .* client '
	expect_shows '^ +[0-9]+ quiet .* idle '
	press Down
	expect_shows '^pair [0-9]+  quiet '
	expect_equal "colours" 0 "$(colours)"
	touch go
	expect_shows '^slow .*%$'
	expect_equal "characters that are not ASCII" "" "$(LC_ALL=C grep -n '[^ -~]' screen || :)"
	press q
	expect_ended 0
	peers_end
}
beside "without colours, and in ASCII" without_colours

refuses() {
	local status=$1 pattern=$2
	shift 2
	"$@" >top.out 2>&1 </dev/null && fail "it succeeded: $*" || expect_equal "the status of $*" "$status" $?
	grep -q -- "$pattern" top.out || fail "$* said: $(cat top.out)"
}

odd_starts() {
	printf '[relay a]\nlisten = 127.0.0.1:0\ntarget = 127.0.0.1:1\n' >relay.ini
	refuses 1 "this is no terminal" weir-top 127.0.0.1:1
	refuses 1 "127.0.0.1:1: Connection refused" weir-top --once 127.0.0.1:1
	refuses 1 "none: No such file" weir-top --once "unix:$PWD/none"
	refuses 64 "relay.ini has no http_listen" weir-top -c relay.ini
	refuses 64 "none.ini" weir-top -c none.ini
	refuses 64 "expected an address" weir-top nonsense
	refuses 64 "it takes one address" weir-top 127.0.0.1:1 127.0.0.1:2
	refuses 64 "at least 200ms" weir-top -i 10ms 127.0.0.1:1
	refuses 64 "from 1 to 1000" weir-top -n 0 127.0.0.1:1
	refuses 64 "Try 'weir-top --help'" weir-top --nonsense
	refuses 64 "takes -c FILE or one address" weir --top a b
	refuses 1 "weir-top cannot be started: .*; expected it in PATH" env PATH=/nonexistent "$WEIR" --top
	weir-top --help | grep -q '^usage: weir-top'
	terminal "TERM=dumb weir-top 127.0.0.1:1 2>told; TERM=nonsense weir-top 127.0.0.1:1 2>>told"
	expect_ended 1
	grep -q "cannot move its cursor" told
	grep -q "TERM is not known" told
	weir_start -c relay.ini
}
beside "what cannot be is refused in words" odd_starts

printed() {
	begin "$(free_address)"
	COLUMNS=200 weir --top -c relay.ini </dev/null >top.out 2>&1 && fail "without a terminal"
	COLUMNS=200 weir-top --once -c relay.ini --relay slow >top.out
	grep -q '^ weir .* 2 pairs, 1 here' top.out || fail "$(cat top.out)"
	grep -qE "^ +[0-9]+ 127[0-9.:]+ +$slow " top.out || fail "$(cat top.out)"
	expect_equal "lines about keys" 0 "$(grep -c 'q:quit' top.out)"
	# weir makes no new report in that time, and without two of them there are no rates.
	COLUMNS=200 weir-top --once -c relay.ini --interval 200ms >top.out
	grep -qE '^slow +1 +[0-9/]+ +[0-9.]+[KMG]? ' top.out || fail "no rates: $(cat top.out)"
	finish_pairs
}
beside "--once prints the same" printed

finish
