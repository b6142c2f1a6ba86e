"""Runs every case against every relay in turn, round after round, and prints the results."""

import argparse
import fnmatch
import json
import os
import platform
import resource
import signal
import sys
import time
from dataclasses import asdict
from datetime import date

import cases
import goals
import paths
import relays
import report
from arena import Arena
from relays import Failed


def parse_arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", allow_abbrev=False,
                                     description="weir side by side with other relays")
    parser.add_argument("--case", action="append", metavar="PATTERN", help="only these cases, as in bulk-*; repeatable")
    parser.add_argument("--relay", action="append", metavar="NAME", help="only these relays; repeatable")
    parser.add_argument("--path", action="append", choices=paths.PATHS, help="how clients reach the relay and it the "
                        "target; default: loopback; repeatable")
    parser.add_argument("--rounds", type=int, default=3, help="how often a case meets each relay; default %(default)s")
    parser.add_argument("--no-pin", action="store_true", help="let the scheduler place relay and load where it likes")
    parser.add_argument("--list", action="store_true", help="name the cases and the relays, measure nothing")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    parser.add_argument("--json", metavar="FILE", help="also write every single figure to FILE")
    parser.add_argument("--from", dest="source", metavar="FILE", help="print the tables of an earlier --json")
    parser.add_argument("--weir", metavar="PATH", default="weir", help="default: this tree's, built now")
    parser.add_argument("--before", metavar="PATH", help="another build of weir, as one more relay: before")
    parser.add_argument("--load", metavar="PATH", required=True, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error("--rounds: at least 1")
    arguments.path = list(dict.fromkeys(arguments.path or ["loopback"]))
    return parser, arguments


def is_named(case, patterns):
    return any(fnmatch.fnmatchcase(case.name, pattern) for pattern in patterns)


def choose_cases(parser, patterns, path):
    """The cases named, or those that say something about the path."""
    known = cases.all_cases()
    for pattern in patterns or []:
        if not any(fnmatch.fnmatchcase(case.name, pattern) for case in known):
            parser.error(f"--case {pattern}: no such case; --list names them")
    return [case for case in known if (is_named(case, patterns) if patterns else path in case.paths)]


def choose_relays(parser, arguments):
    known = relays.all_relays(arguments.weir, arguments.before)
    for name in arguments.relay or []:
        if name not in [relay.name for relay in known]:
            parser.error(f"--relay {name}: no such relay; --list names them")
    chosen = [relay for relay in known if relay.name in arguments.relay] if arguments.relay \
        else [relay for relay in known if relay.is_default]
    for relay in chosen:
        if not relays.is_installed(relay):
            parser.error(f"{relay.name}: there is no {relay.executable}")
    return chosen


def print_list(arguments):
    for case in cases.all_cases():
        print(f"case   {case.name:18} {case.section}: {case.title}; {', '.join(case.paths)}")
    for relay in relays.all_relays(arguments.weir, arguments.before):
        print(f"relay  {relay.name:18} {relay.about}")
    for path in paths.PATHS.values():
        print(f"path   {path.name:18} {path.about}")


def check_paths(parser, names):
    for name in names:
        try:
            paths.check(paths.PATHS[name])
        except paths.Unavailable as reason:
            parser.error(f"--path {name}: {reason}")


def is_asked(case, relay, by_name):
    """Whether the case makes sense for the relay at all."""
    if case.workers != 1 and not relay.scales or case.asks_spread and not relay.spread:
        return False
    if relay.is_peer and not case.with_peers or relay.cases and not by_name and case.name not in relay.cases:
        return False
    return case.pairs <= relay.pairs


def measure_once(arguments, path, case, relay, turn):
    pinned = case.workers is not None and not arguments.no_pin
    try:
        if case.pairs * relay.descriptors > relays.DESCRIPTORS:
            raise Failed(f"needs {relay.descriptors} descriptors per pair")
        with Arena(arguments.load, paths.PATHS[path], relay, case, pinned) as arena:
            values = case.run(arena)
            return report.Sample(case.name, relay.name, turn, values, path=path, note=values.pop("note", ""))
    except Failed as failure:
        return report.Sample(case.name, relay.name, turn, {}, str(failure), path)


def measure(arguments, chosen, chosen_relays):
    """
    Measures the chosen (path, case) pairs and yields samples. A relay that failed a case does not run it again, as
    its cell says so anyway.
    """
    failed, rounds = set(), arguments.rounds
    for turn in range(rounds):
        for index, (path, case) in enumerate(chosen):
            if case.rounds is not None and turn >= case.rounds:
                continue
            start = time.monotonic()
            first = (turn + index) % len(chosen_relays)
            for relay in chosen_relays[first:] + chosen_relays[:first]:
                by_name = relay.name in (arguments.relay or [])
                if not is_asked(case, relay, by_name) or (path, case.name, relay.name) in failed:
                    continue
                sample = measure_once(arguments, path, case, relay, turn)
                if sample.failure:
                    failed.add((path, case.name, relay.name))
                    print(f"  {relay.name} fails: {sample.failure}", file=sys.stderr)
                yield sample
            seconds = time.monotonic() - start
            print(f"round {turn + 1} of {rounds}: {case.name} on {path}, {seconds:.0f} s", file=sys.stderr)


def processor():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as info:
        names = [line.partition(":")[2].strip() for line in info if line.startswith("model name")]
    return names[0] if names else platform.machine()


def surroundings(arguments, chosen, chosen_relays, load_before, seconds):
    return {
        "date": date.today().isoformat(),
        "kernel": platform.release(),
        "processor": processor(),
        "cpus": len(os.sched_getaffinity(0)),
        "load_average_before": load_before,
        "rounds": arguments.rounds,
        "pinned": not arguments.no_pin and bool(relays.LOAD_CPUS),
        "seconds": round(seconds),
        "paths": {path: [case.name for place, case in chosen if place == path] for path in arguments.path},
        "relays": {relay.name: {"about": relay.about, "version": relays.version(relay)} for relay in chosen_relays},
    }


def print_surroundings(facts):
    """A list that reads well as plain text and as Markdown."""
    print(f"- {facts['date']}, Linux {facts['kernel']}, {facts['cpus']} CPUs, {facts['processor']}")
    placement = "has a CPU to itself" if facts["pinned"] else "runs on any CPU"
    print(f"- {facts['rounds']} rounds in {facts['seconds']} s; load average before {facts['load_average_before']:.2f}")
    print(f"- one worker {placement}")
    for name in facts["paths"]:
        print(f"- {name}: {paths.PATHS[name].about}")
    for name, relay in facts["relays"].items():
        print(f"- {name}: {relay['about']}" + (f" ({relay['version']})" if relay["version"] else ""))
    print()


def write_json(path, facts, samples):
    with open(path, "w", encoding="utf-8") as file:
        json.dump({**facts, "samples": [asdict(sample) for sample in samples]}, file, indent=1)
        file.write("\n")


def read_json(path):
    with open(path, encoding="utf-8") as file:
        facts = json.load(file)
    # An earlier run knew loopback only.
    facts.setdefault("paths", {"loopback": facts.pop("cases", [])})
    return facts, [report.Sample(**sample) for sample in facts.pop("samples")]


def measure_all(parser, arguments):
    chosen = [(path, case) for path in arguments.path for case in choose_cases(parser, arguments.case, path)]
    chosen_relays = choose_relays(parser, arguments)
    check_paths(parser, arguments.path)
    resource.setrlimit(resource.RLIMIT_NOFILE, (relays.DESCRIPTORS, relays.DESCRIPTORS))

    load_before, start, samples = os.getloadavg()[0], time.monotonic(), []
    try:
        for sample in measure(arguments, chosen, chosen_relays):
            samples.append(sample)
    except KeyboardInterrupt:
        print("interrupted: what follows is not the whole", file=sys.stderr)
    return surroundings(arguments, chosen, chosen_relays, load_before, time.monotonic() - start), samples


def print_tables(arguments, facts, samples):
    known_relays = relays.all_relays(arguments.weir, arguments.before)
    measured_relays = [relay for relay in known_relays if relay.name in facts["relays"]]
    results = [report.Report(path, [case for case in cases.all_cases() if case.name in names], measured_relays, samples)
               for path, names in facts["paths"].items()]
    print_all = print_markdown if arguments.markdown else print_text
    print_all(facts, results, goals.table(results))


def print_text(facts, results, aims):
    print_surroundings(facts)
    for result in results:
        print(report.as_text(result))
    if aims.rows:
        print("\n".join(report.table_as_text(aims)))


def print_markdown(facts, results, aims):
    """As the end of RESULTS.md has it."""
    print("## What was aimed at, and what came out\n")
    print(goals.ABOUT)
    print("\n".join(report.table_as_markdown(aims)))
    print("## The run\n")
    print_surroundings(facts)
    for result in results:
        print(report.as_markdown(result))


def main():
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as ^C does, and leaves no relay behind
    parser, arguments = parse_arguments()
    if arguments.list:
        print_list(arguments)
        return 0
    facts, samples = read_json(arguments.source) if arguments.source else measure_all(parser, arguments)
    if arguments.json:
        write_json(arguments.json, facts, samples)
    print_tables(arguments, facts, samples)
    return 1 if any(sample.failure and sample.relay == report.SUBJECT for sample in samples) else 0


if __name__ == "__main__":
    sys.exit(main())
