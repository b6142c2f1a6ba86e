"""Stages situations and says how often the verdict was right: see tests/README.md."""

import argparse
import json
import random
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))  # for paths

# pylint: disable=wrong-import-position
import path_situations  # noqa: E402
import random_situations  # noqa: E402
import situations  # noqa: E402
import stage  # noqa: E402
import truth  # noqa: E402
from paths import Unavailable  # noqa: E402
from table import table  # noqa: E402
from tap import print_tap  # noqa: E402

TRIES = 3  # of a situation that was spoiled
ENOUGH = 0.95


@dataclass
class Play:
    """What came of one situation."""

    situation: stage.Situation
    takes: list = field(default_factory=list)
    trouble: str = ""      # why it was not staged, although it was tried
    unavailable: str = ""  # why this machine cannot stage it
    life: stage.Life = None
    result: str = ""
    limited_by: str = ""
    at_the_end: str = ""   # the result of the close line, if it is there and can be judged

    def verdicts(self):
        return [f"{take.record['slow']}/{take.record['why']}" for take in self.takes]

    def as_json(self):
        return {"class": self.situation.kind, "name": self.situation.name, "truth": self.situation.truth,
                "result": self.result, "limited_by": self.limited_by, "trouble": self.trouble,
                "at_the_end": self.at_the_end, "life": vars(self.life) if self.life else None,
                "takes": [vars(take) for take in self.takes]}


def play(situation):
    """Stages it until the actors have measured what was to be staged, and judges the verdicts."""
    done = Play(situation)
    for _ in range(TRIES):
        try:
            done.takes, done.life = stage.play(situation)
            done.trouble = next(filter(None, (truth.spoiled(situation, take) for take in done.takes)), "")
        except Unavailable as reason:
            done.unavailable = str(reason)
            break
        except stage.Failed as failure:
            done.takes, done.trouble = [], str(failure)
        if not done.trouble:
            judge(done)
            break
    return done


def play_again(situation):
    """As play, and once more if the verdict was not right, as a busy machine may be late with anything."""
    done = play(situation)
    return done if done.result in ("right", "opposite") or done.unavailable else play(situation)


def judge(done):
    """Of three takes, the worst counts."""
    seen = [(truth.truths_of(done.situation, take), take.record) for take in done.takes]
    done.result = truth.worst(truth.compare(truths, record["slow"], record["why"]) for truths, record in seen)
    done.limited_by = truth.worst(truth.compare_limited_by(truths, record["flow"]) for truths, record in seen)
    done.at_the_end = truth.compare_life(done.situation, done.life)


def parse_arguments():
    parser = argparse.ArgumentParser(prog="scripts/verdict", allow_abbrev=False,
                                     description="Stages what happens to pairs, and compares weir's verdict")
    parser.add_argument("--only", metavar="REGEX", default="", help="situations whose class or name has that in it")
    parser.add_argument("--jobs", type=int, default=8, help="situations at a time; default %(default)s")
    parser.add_argument("--rounds", type=int, default=1, help="how often each is staged; default %(default)s")
    parser.add_argument("--random", type=int, metavar="N", help="N situations drawn at random instead")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30), help="draws the same again")
    parser.add_argument("--no-path", action="store_true", help="only those that need no path")
    parser.add_argument("--list", action="store_true", help="name the situations, stage nothing")
    parser.add_argument("--tap", action="store_true", help="print a test case for each; stage it again if not right")
    parser.add_argument("--part", action="store_true", help="only the part that continuous integration has time for")
    parser.add_argument("--json", metavar="FILE", help="also write all that was seen to FILE")
    return parser.parse_args()


def known(arguments):
    if arguments.random:
        return random_situations.drawn(arguments.random, arguments.seed)
    return (*situations.everything(), *(() if arguments.no_path else path_situations.everything()))


def chosen(arguments):
    those = [each for each in known(arguments)
             if re.search(arguments.only, f"{each.kind}: {each.name}") and (each.part or not arguments.part)]
    return those * arguments.rounds


def say(done):
    """On standard error, which is nobody's result."""
    result = done.result or ("skipped" if done.unavailable else "spoiled")
    print(f"{result:8} {done.situation.kind}: {done.situation.name}: "
          f"{done.unavailable or done.trouble or ' '.join(done.verdicts())}", file=sys.stderr, flush=True)
    return done


def play_all(chosen_ones, jobs, how):
    """Those that need all CPUs come last, one after the other. In the order of their classes."""
    with ThreadPoolExecutor(jobs) as pool:
        together = list(pool.map(lambda each: say(how(each)), [each for each in chosen_ones if not each.alone]))
    plays = together + [say(how(each)) for each in chosen_ones if each.alone]
    return sorted(plays, key=lambda done: chosen_ones.index(done.situation))


def is_good(plays):
    """As far as this machine can stage them."""
    right = sum(done.result == "right" for done in plays)
    return right >= ENOUGH * len(plays) and all(done.result and done.result != "opposite" for done in plays)


def main():
    arguments = parse_arguments()
    wanted = chosen(arguments)
    if not wanted:
        sys.exit("no such situation; --list names them")
    if arguments.list:
        print("\n".join(f"{each.kind}: {each.name}: {' or '.join(each.truth)}" for each in wanted))
        return
    plays = play_all(wanted, arguments.jobs, play_again if arguments.tap else play)
    if arguments.tap:
        print_tap(plays)
        return
    plays = [done for done in plays if not done.unavailable]
    print("\n".join(table(plays)))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps([done.as_json() for done in plays], indent=1))
    sys.exit(0 if is_good(plays) else 1)


if __name__ == "__main__":
    main()
