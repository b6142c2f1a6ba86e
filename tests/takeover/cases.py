"""What is staged; each is called with a folder of its own and the options of run.py, and raises Failed."""

from dataclasses import dataclass
from typing import Callable

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
]
