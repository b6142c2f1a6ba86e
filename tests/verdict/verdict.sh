#!/bin/bash
# The part of the stage that continuous integration has time for, a test case for each situation: see run.py
# and tests/README.md. Run in the build directory.
set -u
here=${srcdir:-$(dirname "$0")/../..}
command -v python3 >/dev/null || { echo "1..0 # SKIP no python3"; exit 0; }
export WEIR=${WEIR:-$PWD/weir} ACTOR=$PWD/tests/verdict/actor WIRE=$PWD/tests/world/wire
exec python3 -B "$here/tests/verdict/run.py" --part --tap --jobs 64
