"""Takes over again and again while pairs relay, and judges whether anybody has noticed: see tests/README.md."""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

from carriage import Failed, Weir
from cases import CASES


def in_own_network():
    """This program once more, where nobody else has a port."""
    if "--inside" in sys.argv:
        return
    inside = ["sh", "-c", 'ip link set lo up && exec "$0" "$@"', sys.executable, "-B", *sys.argv, "--inside"]
    for how in (["unshare", "-n"], ["unshare", "-r", "-n"]):
        if subprocess.run([*how, "true"], capture_output=True, check=False).returncode == 0:
            sys.exit(subprocess.run([*how, *inside], check=False).returncode)
    print("1..0 # SKIP no network namespace")
    sys.exit(0)


def run(case, options):
    """What is wrong, or None, and words about it."""
    with tempfile.TemporaryDirectory(prefix="weir-takeover.") as folder:
        try:
            return None, case.function(Path(folder), options)
        except Failed as failure:
            wrong = str(failure)
        except Exception:  # pylint: disable=broad-except
            wrong = traceback.format_exc()
        if os.environ.get("KEEP"):
            shutil.copytree(folder, os.environ["KEEP"], dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.socket"))
        return wrong, None


def report(number, case, wrong, figures, seconds):
    for line in (wrong or "").splitlines():
        print(f"# {line}")
    print(f"{'not ok' if wrong else 'ok'} {number} - {case.name}")
    if figures:
        print("# " + " ".join(f"{key}={value}" for key, value in figures.items()))
    print(f"# it took {seconds:.1f} s", flush=True)


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--times", type=int, default=50, help="takeovers of each journey")
    parser.add_argument("--only", default="", help="a regular expression: cases with other names are left out")
    parser.add_argument("--part", action="store_true", help="what continuous integration has time for")
    parser.add_argument("--without", action="store_true", help="no takeovers: what is measured without")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    options = parse()
    cases = [case for case in CASES if re.search(options.only, case.name) and (case.part or not options.part)]
    if options.list:
        print("\n".join(case.name for case in cases))
        return 0
    in_own_network()
    if options.without:
        Weir.take_over = lambda self, number=None: ""
    failed = 0
    for number, case in enumerate(cases, 1):
        began = time.monotonic()
        wrong, figures = run(case, options)
        failed += wrong is not None
        report(number, case, wrong, figures, time.monotonic() - began)
    print(f"1..{len(cases)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
