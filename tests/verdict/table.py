"""The table of a run, class by class."""

from truth import RESULTS

HEAD = ("class", "staged", "right", "silent", "wrong why", "wrong", "opposite", "limited_by: right", "silent", "wrong",
        "opposite", "close line: staged", "right", "opposite")


def _row(name, plays):
    counts = [sum(play.result == result for play in plays) for result in RESULTS]
    limited = [sum(play.limited_by == result for play in plays) for result in ("right", "silent", "wrong", "opposite")]
    ends = [sum(bool(play.at_the_end) for play in plays),
            *(sum(play.at_the_end == result for play in plays) for result in ("right", "opposite"))]
    return [name, len(plays), *counts, *limited, *ends]


def table(plays):
    """Lines of Markdown."""
    kinds = list(dict.fromkeys(play.situation.kind for play in plays))
    rows = [_row(kind, [play for play in plays if play.situation.kind == kind]) for kind in kinds]
    rows.append(_row("all", plays))
    yield "| " + " | ".join(HEAD) + " |"
    yield "|" + "---|" * len(HEAD)
    for row in rows:
        yield "| " + " | ".join(str(cell) if cell else "-" for cell in row) + " |"
