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
import marks
import paths
import relays
import report
import reports
import takeovers
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
    parser.add_argument("--from", dest="sources", action="append", metavar="FILE",
                        help="print the tables of an earlier --json; repeatable, for a run in pieces")
    parser.add_argument("--weir", metavar="PATH", default="weir", help="default: this tree's, built now")
    parser.add_argument("--before", metavar="PATH", help="another build of weir, as one more relay: before")
    parser.add_argument("--load", metavar="PATH", required=True, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error("--rounds: at least 1")
    arguments.path = list(dict.fromkeys(arguments.path or ["loopback"]))
    return parser, arguments


def matches(name, patterns):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def known_cases():
    return [*cases.all_cases(), *reports.all_cases(), *takeovers.all_cases(), *marks.all_cases()]


def paths_of(case, patterns, paths_wanted):
    """Where the case is measured: if it is named, on each path wanted; otherwise on those it says something about."""
    if patterns and not matches(case.name, patterns):
        return []
    if case.only_named:
        return case.paths if patterns else []
    return paths_wanted if patterns else [path for path in paths_wanted if path in case.paths]


def choose_cases(parser, patterns, paths_wanted):
    """What to measure, as (path, case), path after path."""
    known = known_cases()
    for pattern in patterns or []:
        if not any(matches(case.name, [pattern]) for case in known):
            parser.error(f"--case {pattern}: no such case; --list names them")
    chosen = [(path, case) for case in known for path in paths_of(case, patterns, paths_wanted)]
    return [place for path in paths.PATHS for place in chosen if place[0] == path]


def choose_relays(parser, arguments):
    known = relays.all_relays(arguments.weir, arguments.before)
    for name in arguments.relay or []:
        if name not in [relay.name for relay in known]:
            parser.error(f"--relay {name}: no such relay; --list names them")
    return [relay for relay in known if relay.name in arguments.relay] if arguments.relay else known


def choose(parser, arguments):
    """What to measure, as (path, case, relays), path after path."""
    known = choose_relays(parser, arguments)
    plan = [(path, case, [relay for relay in known if is_asked(case, relay, by_name=arguments.relay)])
            for path, case in choose_cases(parser, arguments.case, arguments.path)]
    plan = [entry for entry in plan if entry[2]]
    if not plan:
        parser.error("there is no such case for these relays and paths")
    for relay in relays_of(plan):
        if not relays.is_installed(relay):
            parser.error(f"{relay.name}: there is no {relay.executable}")
    check_paths(parser, dict.fromkeys(path for path, _, _ in plan))
    return plan


def relays_of(plan):
    return list({relay.name: relay for _, _, asked in plan for relay in asked}.values())


def print_list(arguments):
    for case in known_cases():
        print(f"case   {case.name:30} {case.section}: {case.title}; {', '.join(case.paths)}")
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
    """Whether the case is measured with the relay: whether it makes sense for it, and is meant for it if unnamed."""
    if not matches(relay.name, case.relays) or not by_name and not matches(case.name, relay.cases):
        return False
    if case.workers != 1 and not relay.scales or case.asks_spread and not relay.spread:
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


def measure(arguments, plan):
    """
    Measures what is planned and yields samples. A relay that failed a case does not run it again, as its cell says
    so anyway.
    """
    failed, rounds = set(), arguments.rounds
    for turn in range(rounds):
        for index, (path, case, asked) in enumerate(plan):
            if case.rounds is not None and turn >= case.rounds:
                continue
            start = time.monotonic()
            first = (turn + index) % len(asked)
            for relay in asked[first:] + asked[:first]:
                if (path, case.name, relay.name) in failed:
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


def surroundings(arguments, plan, load_before, seconds):
    return {
        "date": date.today().isoformat(),
        "kernel": platform.release(),
        "processor": processor(),
        "cpus": len(os.sched_getaffinity(0)),
        "load_average_before": load_before,
        "rounds": arguments.rounds,
        "pinned": not arguments.no_pin and bool(relays.LOAD_CPUS),
        "seconds": round(seconds),
        "paths": {path: [case.name for place, case, _ in plan if place == path] for path, _, _ in plan},
        "relays": {relay.name: {"about": relay.about, "version": relays.version(relay)} for relay in relays_of(plan)},
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


def read_pieces(files):
    """One run that was measured in pieces, each with other cases: as if it had been one."""
    facts, samples = read_json(files[0])
    for file in files[1:]:
        more, more_samples = read_json(file)
        samples += more_samples
        facts["seconds"] += more["seconds"]
        facts["relays"] |= more["relays"]
        for path, names in more["paths"].items():
            facts["paths"][path] = list(dict.fromkeys(facts["paths"].get(path, []) + names))
    return facts, samples


def measure_all(parser, arguments):
    plan = choose(parser, arguments)
    resource.setrlimit(resource.RLIMIT_NOFILE, (relays.DESCRIPTORS, relays.DESCRIPTORS))

    load_before, start, samples = os.getloadavg()[0], time.monotonic(), []
    try:
        for sample in measure(arguments, plan):
            samples.append(sample)
    except KeyboardInterrupt:
        print("interrupted: what follows is not the whole", file=sys.stderr)
    return surroundings(arguments, plan, load_before, time.monotonic() - start), samples


def print_tables(arguments, facts, samples):
    known_relays = relays.all_relays(arguments.weir, arguments.before)
    measured_relays = [relay for relay in known_relays if relay.name in facts["relays"]]
    facts["relays"] = {relay.name: facts["relays"][relay.name] for relay in measured_relays}
    results = [report.Report(path, [case for case in known_cases() if case.name in names], measured_relays, samples)
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
    if aims.rows:
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
    facts, samples = read_pieces(arguments.sources) if arguments.sources else measure_all(parser, arguments)
    if arguments.json:
        write_json(arguments.json, facts, samples)
    print_tables(arguments, facts, samples)
    ours = {relay.name for relay in relays.all_relays(arguments.weir) if relay.executable == arguments.weir}
    return 1 if any(sample.failure and sample.relay in ours for sample in samples) else 0


if __name__ == "__main__":
    sys.exit(main())
