"""What is staged; each is called with a folder of its own and the options of run.py, and raises Failed."""

from dataclasses import dataclass
from typing import Callable

import carried
import entrances
import failures
from journey import Journey, summary


@dataclass(frozen=True)
class Case:
    name: str
    function: Callable
    part: bool = False  # of what continuous integration has time for


def journey(folder, options, settings=(), defaults=()):
    """Takeovers in a row."""
    trip = Journey(folder, options.pairs, list(settings), list(defaults))
    try:
        trip.begin()
        for _ in range(options.times):
            trip.take_over(None if options.without else trip.weir.take_over)
        trip.end()
        return summary(trip)
    finally:
        trip.close()


def with_settings(*settings, splice="auto"):
    def function(folder, options):
        return journey(folder, options, settings, [f"splice = {splice}"])
    return function


CASES = [
    Case("many in a row, one worker", with_settings("workers = 1")),
    Case("many in a row, four workers", with_settings("workers = 4"), part=True),
    Case("many in a row, one worker, without splice", with_settings("workers = 1", splice="off")),
    Case("many in a row, four workers, without splice", with_settings("workers = 4", splice="off")),
    Case("limits go on to count", carried.limits, part=True),
    Case("a target that is down stays down", carried.health, part=True),
    Case("checks go on", carried.checks),
    Case("a rate is kept", carried.rates),
    Case("the verdict is the same", carried.verdict),
    Case("HTTP is reachable", carried.http),
    Case("one worker becomes four by a reload", carried.workers_by_reload(1, 4), part=True),
    Case("four workers become one by a reload", carried.workers_by_reload(4, 1)),
    Case("a changed file", carried.changed_file, part=True),
    Case("an entrance that drains", carried.draining_entrance, part=True),
    Case("clients come while workers become more and fewer", entrances.newcomers, part=True),
    Case("HTTP is asked without a break", entrances.scraped),
    Case("a relay that refuses", entrances.refusing),
    Case("paths of unix sockets", entrances.paths),
    Case("sockets of the service manager", entrances.passed_sockets),
    Case("the service manager", carried.manager, part=True),
    Case("TERM after a takeover, USR2 after TERM", carried.stop_after),
    Case("USR2 in the start", carried.in_the_start),
    Case("storms of signals", carried.storm),
    Case("other programs in weir's place", failures.programs, part=True),
    Case("programs that hang, babble or die", failures.impostors),
    Case("a program whose library is missing", failures.missing_library),
    Case("files that are wrong", failures.files, part=True),
    Case("the rehearsal is killed at each step", failures.rehearsal_is_killed, part=True),
    Case("a new program", failures.new_program, part=True),
    Case("calls that fail", failures.calls, part=True),
    Case("weir is killed on the way", failures.killed),
    Case("weir is killed at each step", failures.killed_at_each_step, part=True),
]
