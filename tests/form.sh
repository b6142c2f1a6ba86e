#!/bin/bash
# scripts/check-format can fail: on each kind of thing that it looks for itself, and not on what is right.
set -u
command -v git >/dev/null || { echo "1..0 # SKIP no git"; exit 0; }
# A hook of git would have us work on its repository.
# shellcheck disable=SC2046 # names
unset $(git rev-parse --local-env-vars)
here=${srcdir:-$(dirname "$0")/..}
repository=$(mktemp -d "${TMPDIR:-/tmp}/weir-form.XXXXXX")
trap 'rm -rf "$repository"' EXIT
cases=0

git -C "$repository" init -q
mkdir "$repository/scripts"
cp "$here/scripts/check-format" "$here/scripts/described.awk" "$here/scripts/lib.sh" "$repository/scripts"

# form NAME CHECK PATTERN FILE: with what is on standard input as FILE the check prints PATTERN and fails;
# with an empty PATTERN it passes.
form() {
	local status=0 output right=no

	cases=$((cases + 1))
	mkdir -p "$repository/$(dirname "$4")"
	cat >"$repository/$4"
	git -C "$repository" add "$4"
	output=$("$repository/scripts/check-format" "$2" 2>&1) || status=$?
	if [ -z "$3" ]; then
		[ $status != 0 ] || right=yes
	elif [ $status != 0 ] && grep -q -e "$3" <<<"$output"; then
		right=yes
	fi
	if [ $right = yes ]; then
		echo "ok $cases - $1"
	else
		echo "not ok $cases - $1"
		sed 's/^/# /' <<<"status $status: $output"
	fi
	git -C "$repository" rm -qf "$4"
}

dashes=$(printf '%0115d' 0)

form "a room includes itself and those below it" rooms '' src/pair/a.c <<END
#include "build_config.h"
#include "pair/a.h"
#include "net/b.h"
#include <stdio.h>
END
form "a room includes one above it" rooms '^src/net/a.c:2: includes "pair/b.h"' src/net/a.c <<END
#include "build_config.h"
#include "pair/b.h"
END
form "a room includes one beside it" rooms '^src/relay/a.h:1: includes "flow/b.h"' src/relay/a.h <<END
#include "flow/b.h"
END
form "a header without its room" rooms '^src/net/a.c:1: includes "b.h"' src/net/a.c <<END
#include "b.h"
END
form "a header whose name ends like build_config.h" rooms '^src/net/a.c:1: includes "config.h"' src/net/a.c <<END
#include "config.h"
END
form "a room that nobody knows" rooms '^src/attic/a.c: in src/attic, which is no room' src/attic/a.c <<END
#include <stdio.h>
END
form "main.c includes all" rooms '' src/main.c <<END
#include "daemon/a.h"
#include "base/b.h"
END
form "a long line of C" code-columns '^src/base/a.c:2: longer than 110 columns' src/base/a.c <<END
int a;
/* $dashes */
END
form "tabs are eight columns wide" code-columns '^src/base/a.c:1: longer than 110 columns' src/base/a.c <<END
												/* 890123456 */
END
form "characters count, not bytes" code-columns '' src/base/a.c <<END
/* ──────────────────────────────────────────────────────────────────────────────── */
END
form "a long line of a document" document-columns '^a.md:1: longer than 110 columns' a.md <<END
$dashes
END
form "a row of a table may be long" document-columns '' a.md <<END
| $dashes |
END
form "a long comment of a script" script-columns '^scripts/a:2: longer than 110 columns' scripts/a <<END
#!/bin/sh
# $dashes
END
form "a long command may be" script-columns '' scripts/a <<END
#!/bin/sh
echo $dashes
END
form "a comment with a lone end" comments '^src/base/a.c:2: the end of a comment that begins with text' src/base/a.c <<END
/* Text that
 */
END
form "a comment of several lines" comments '' src/base/a.c <<END
/*
 * Text.
 */
END

# What the manual page has an entry for.
mkdir "$repository/man"
cat >"$repository/man/weir-operation.7" <<'END'
.Sh LOG LINES
.Bl -tag -width Ds
.It Li relay NAME: cannot listen on ADDRESS: WHY
Error.
.Bl -tag -width Ds -compact
.It Li a reason
.El
.El
.Sh CLOSE REASONS
.Bl -tag -width Ds
.It Li reason=eof
.El
END
git -C "$repository" add man
mkdir -p "$repository/src/pair"
echo '[REASON_EOF] = {"eof", LOG_LEVEL_INFO, true},' >"$repository/src/pair/reason.c"
git -C "$repository" add src
form "a line of the log that the manual page has" log '' src/relay/a.c <<'END'
	log_error("relay %s: cannot "
	          "listen on %" PRIu64 ": %s", name);
	log_debug("whatever");
END
form "one that it does not have" log '^src/relay/a.c: relay %s: cannot stand: .*no entry' src/relay/a.c <<'END'
	log_error("relay %s: cannot listen on %s: %s", name);
	log_notice("relay %s: cannot stand", name);
END
form "one of another level" log '^src/relay/a.c: .*not say that this is of level warning' src/relay/a.c <<'END'
	log_warning("relay %s: cannot listen on %s: %s", name);
END
form "one that only the manual page has" log '^man/weir-operation.7:3: .*no such line' src/relay/a.c <<'END'
	log_debug("relay %s: cannot listen on %s: %s", name);
END
form "one that says nothing by itself" log '^src/relay/a.c: a line without words' src/relay/a.c <<'END'
	log_error("relay %s: cannot listen on %s: %s", name);
	log_error("%s", text);
END
form "a reason that the manual page does not have" log '^src/pair/reason.c: reason=vanished: ' src/pair/reason.c <<'END'
	[REASON_EOF] = {"eof", LOG_LEVEL_INFO, true},
	[REASON_VANISHED] = {"vanished", LOG_LEVEL_INFO, false},
END
echo "1..$cases"
