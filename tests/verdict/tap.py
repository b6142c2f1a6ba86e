"""The result of a run as TAP, a test case for each situation."""

import json

import test_truth


def _is_right(done):
    """All dumps have to be, and the close line may not say the opposite."""
    return done.result == "right" and done.at_the_end != "opposite"


def _outcome(done):
    """Before and after the number of its case."""
    if done.unavailable:
        return "ok", f" # SKIP {done.unavailable}"
    return ("ok" if _is_right(done) else "not ok"), ""


def as_case(number, done):
    """Its lines."""
    takes = [f"# {take.record['slow']}/{take.record['why']} {json.dumps(vars(take))}" for take in done.takes]
    trouble = [f"# {done.trouble}", *takes, f"# {done.life}"] if not _is_right(done) and not done.unavailable else []
    outcome, skip = _outcome(done)
    return [*trouble, f"{outcome} {number} - {done.situation.kind}: {done.situation.name}: "
            f"{' or '.join(done.situation.truth)}{skip}"]


def print_tap(plays):
    """A plan at the end, as it is known then."""
    wrong = [f"# {line}" for line in test_truth.failures()]
    print("\n".join([*wrong, f"{'not ok' if wrong else 'ok'} 1 - the stage can tell what is true"]))
    for number, done in enumerate(plays, 2):
        print("\n".join(as_case(number, done)))
    print(f"1..{len(plays) + 1}")
