"""What weir aims at, and what came out: a table made from the samples, so that it cannot differ from them."""

from dataclasses import dataclass
from typing import Callable

import cases
from report import NOT_ASKED, SUBJECT, Table


def _of_best_peer(report, name, metric):
    return report.ratio(name, metric)


def _logging_of_best_peer(report, name, metric):
    return report.ratio(name, metric, "weir-log")


def _itself(report, name, metric):
    return report.median(name, SUBJECT, metric)


def _of_case(first_name):
    def figure(report, name, metric):
        figure, first = report.median(name, SUBJECT, metric), report.median(first_name, SUBJECT, metric)
        return figure / first if figure is not None and first else None

    return figure


@dataclass(frozen=True)
class Goal:
    what: str
    names: tuple  # of the cases, one figure each
    metric: cases.Metric
    aim: float
    figure: Callable = _of_best_peer  # None where it was not measured


def _names(pattern, *choices):
    return tuple(pattern.format(choice) for choice in choices)


def _bulk(count, cpu, rate):
    names = _names(f"bulk-{{}}-{count}", *cases.FLAGS)
    what = f"{count} connection{'s' if count > 1 else ''} up, down, both"
    return (Goal(f"bulk, {what}: CPU of the best peer's", names, cases.CPU_PER_GIB, cpu),
            Goal(f"bulk, {what}: rate", names, cases.GBIT, rate))


ABOUT = """\
Ratios are weir's figure over the best peer's, with one worker, unless another is named. Bold is met.
socket-proxyd loses what comes after a half-close, so it fails every upload; its downloads count nevertheless.
"""
ECHO = ("echo-64-1", "echo-64-64", "echo-4K-1", "echo-4K-64")
GOALS = (
    *_bulk(1, 0.85, 1.1),
    *_bulk(4, 0.70, 1.1),
    *_bulk(16, 0.50, 1.25),
    *_bulk(64, 0.50, 1.25),
    Goal("downloads over 200 connections: CPU of the best peer's", ("bulk-down-200",), cases.CPU_PER_GIB, 1.0),
    Goal("downloads over 200 connections: rate", ("bulk-down-200",), cases.GBIT, 1.0),
    Goal("round trips, 64 bytes over 1, 64, 4 KiB over 1, 64: CPU of the best peer's", ECHO, cases.CPU_PER_TRIP, 0.92),
    Goal("the same: rate", ECHO, cases.TRIPS, 1.0),
    Goal("small round trip beside bulk: 99th percentile", ("latency",), cases.P99, 0.7),
    Goal("connect, one byte, close: CPU of the best peer's", ("connect",), cases.CPU_PER_CONNECTION, 0.9),
    Goal("the same with a line in the log", ("connect",), cases.CPU_PER_CONNECTION, 0.95, _logging_of_best_peer),
    Goal("connect, one byte, close: rate", ("connect",), cases.CONNECTIONS, 1.0),
    Goal("clients end first, 60,000, 100,000: last tenth's CPU over the first's", ("connect-fin", "connect-fin-100000"),
         cases.LAST_OVER_FIRST, 1.2, _itself),
    Goal("the same: failed", ("connect-fin", "connect-fin-100000"), cases.FAILED_CONNECTIONS, 0, _itself),
    Goal("the same: not made in time", ("connect-fin", "connect-fin-100000"), cases.LATE_CONNECTIONS, 0, _itself),
    Goal("connect to one of 10, 100 targets: CPU of that to the only one", _names("targets-{}", 10, 100),
         cases.CPU_PER_CONNECTION, 1.05, _of_case("targets-1")),
    Goal("one of three targets is lost under load: clients that noticed", ("target-lost",), cases.NOTICED, 0, _itself),
    Goal("8, 32, 200 pairs on 4 workers: busiest over mean", _names("balance-{}", 8, 32, 200), cases.BUSIEST, 1.0,
         _itself),
    Goal("idle pair, of 1,000: KiB", ("idle-1000",), cases.HELD_PER_PAIR, 1.0, _itself),
    Goal("idle pair, of 8,000: memory of the best peer's", ("idle-8000",), cases.HELD_PER_PAIR, 0.7),
    Goal("round trip beside 100, 1,000, 8,000 pairs: CPU of that beside 10", _names("growth-{}", 100, 1000, 8000),
         cases.CPU_PER_TRIP, 1.1, _of_case("growth-10")),
)


def _text(goal, figure):
    if figure is None:
        return NOT_ASKED
    text = f"{figure:.2f}".removesuffix(".00")
    met = float(text) <= goal.aim if goal.metric.lower_is_better else float(text) >= goal.aim
    return f"**{text}**" if met else text


def _cell(report, goal):
    texts = [_text(goal, goal.figure(report, name, goal.metric)) for name in goal.names]
    return NOT_ASKED if set(texts) == {NOT_ASKED} else ", ".join(texts)


def table(reports):
    """One column for each report. Leaves out what was not measured at all."""
    rows = []
    for goal in GOALS:
        found = [_cell(report, goal) for report in reports]
        if set(found) != {NOT_ASKED}:
            limit = "at most" if goal.metric.lower_is_better else "at least"
            rows.append([goal.what, f"{limit} {goal.aim:g}" if goal.aim else "none", *found])
    return Table("What was aimed at, and what came out (**met**)", ["", "aim", *(report.path for report in reports)], rows, [])
