"""Turns samples into tables: medians with their spread, and weir against the best of its peers."""

import statistics
from dataclasses import dataclass
from typing import Optional

SUBJECT = "weir"
NOT_ASKED = "-"
FAILS = "fails"


@dataclass(frozen=True)
class Sample:
    case: str
    relay: str
    round: int
    values: dict  # metric key to figure; empty where the relay failed
    failure: str = ""
    path: str = "loopback"
    note: str = ""  # what its figures do not say


@dataclass
class Table:
    title: str
    head: list
    rows: list
    notes: list


def rounded(value):
    """Three significant digits, or the whole part if that is longer. Values close to zero count as zero."""
    if abs(value) < 0.0005:
        return "0"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"


def spread_percent(figures):
    """Half the range in percent of the median. None for a single figure or a median that is not positive."""
    middle = statistics.median(figures)
    if len(figures) < 2 or middle <= 0:
        return None
    return (max(figures) - min(figures)) / 2 / middle * 100


class Report:
    """What was measured on one path."""

    def __init__(self, path, cases, relays, samples):
        self.path = path
        self.relays = relays
        self.samples = [sample for sample in samples if sample.path == path]
        self.cases = [case for case in cases if any(sample.case == case.name for sample in self.samples)]

    def _samples(self, case, relay):
        return [sample for sample in self.samples if sample.case == case.name and sample.relay == relay.name]

    def _figures(self, case, relay, metric):
        """The figures of all rounds; none if any round failed."""
        samples = self._samples(case, relay)
        if any(sample.failure for sample in samples):
            return []
        return [sample.values[metric.key] for sample in samples]

    def _cell(self, case, relay, metric):
        if not self._samples(case, relay) or (metric.of_relay and not relay.executable):
            return NOT_ASKED
        figures = self._figures(case, relay, metric)
        if not figures:
            return FAILS
        spread = spread_percent(figures)
        text = rounded(statistics.median(figures))
        return text if spread is None else f"{text} ±{spread:.0f}%"

    def best_peer(self, case, metric):
        """(name, median) of the best peer, or None if no peer has figures."""
        medians = [
            (statistics.median(figures), relay.name)
            for relay in self.relays
            if relay.is_peer and (figures := self._figures(case, relay, metric))
        ]
        if not medians:
            return None
        value, name = min(medians) if metric.lower_is_better else max(medians)
        return name, value

    def median(self, case_name, relay_name, metric) -> Optional[float]:
        """None without figures."""
        case = next((case for case in self.cases if case.name == case_name), None)
        relay = next((relay for relay in self.relays if relay.name == relay_name), None)
        figures = self._figures(case, relay, metric) if case and relay else []
        return statistics.median(figures) if figures else None

    def ratio(self, case_name, metric, subject=SUBJECT) -> Optional[float]:
        """The subject's median over the best peer's."""
        median = self.median(case_name, subject, metric)
        if median is None:
            return None
        best = self.best_peer(next(case for case in self.cases if case.name == case_name), metric)
        return median / best[1] if best and best[1] > 0 else None

    def _ratio_cell(self, case, metric):
        ratio = self.ratio(case.name, metric)
        if ratio is None:
            return NOT_ASKED
        return f"{ratio:.2f} ({self.best_peer(case, metric)[0]})"

    def _notes(self, cases):
        """Why cells say that a relay fails, and what else is to be said, once per relay and reason."""
        reasons = {}
        for case in cases:
            for relay in self.relays:
                for sample in self._samples(case, relay):
                    if sample.failure or sample.note:
                        start = f"{relay.name} fails" if sample.failure else f"{relay.name} in"
                        names = reasons.setdefault((start, sample.failure or sample.note), {})
                        names[case.name] = True
        return [f"{start} {', '.join(names)}: {reason}" for (start, reason), names in reasons.items()]

    def _table(self, section, cases, metric):
        better = "lower" if metric.lower_is_better else "higher"
        relays = [relay for relay in self.relays if any(self._samples(case, relay) for case in cases)]
        head = [section_label(section), *(relay.name for relay in relays)]
        rows = [[case.title, *(self._cell(case, relay, metric) for relay in relays)] for case in cases]
        if any(relay.name == SUBJECT for relay in relays):
            head.append(f"{SUBJECT} / best peer")
            rows = [[*row, self._ratio_cell(case, metric)] for row, case in zip(rows, cases)]
        return Table(f"{metric.title} ({better} is better)", head, rows, [])

    def sections(self):
        """(title, tables) of every section, in the order of the cases; the last table has the notes."""
        for section in dict.fromkeys(case.section for case in self.cases):
            cases = [case for case in self.cases if case.section == section]
            metrics = dict.fromkeys(metric for case in cases for metric in case.metrics)
            tables = [self._table(section, [case for case in cases if metric in case.metrics], metric)
                      for metric in metrics]
            tables[-1].notes = self._notes(cases)
            yield section, tables


def section_label(section):
    """The heading of the column that names the rows."""
    return "direction, connections" if section.startswith("Bulk") else ""


def as_text(report):
    lines = []
    for section, tables in report.sections():
        title = f"{section}, over {report.path}"
        lines += [title, "=" * len(title)]
        for table in tables:
            lines += ["", *table_as_text(table)]
        lines.append("")
    return "\n".join(lines)


def table_as_text(table):
    widths = [max(len(row[i]) for row in [table.head, *table.rows]) for i in range(len(table.head))]
    rows = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
            for row in [table.head, *table.rows]]
    return [table.title, *rows, *table.notes]


def as_markdown(report):
    lines = [f"## Over {report.path}", ""]
    for section, tables in report.sections():
        lines += [f"### {section}", ""]
        for table in tables:
            lines += [f"**{table.title}**", "", *table_as_markdown(table)]
    return "\n".join(lines)


def table_as_markdown(table):
    lines = [_markdown_row(row) for row in [table.head, ["---"] * len(table.head), *table.rows]] + [""]
    if table.notes:
        lines += [*(f"- {note}" for note in table.notes), ""]
    return lines


def _markdown_row(cells):
    return f"| {' | '.join(cells)} |"
