#!/bin/bash
# The part of the takeovers that continuous integration has time for: see run.py and tests/README.md. Run in
# the build directory.
set -u
here=${srcdir:-$(dirname "$0")/../..}
command -v python3 >/dev/null || { echo "1..0 # SKIP no python3"; exit 0; }
export WEIR=${WEIR:-$PWD/weir} PASSENGERS=$PWD/tests/takeover/passengers FAULT_SHIM=$PWD/tests/fault/shim.so
exec python3 -B "$here/tests/takeover/run.py" --part --pairs 200 --times 5
