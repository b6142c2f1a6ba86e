"""Situations on paths that are drawn at random: what no one has thought of when the rules were made."""

import math
import random

from path_situations import CONTROLS, FLOOD, HEAR, SIDES, pair, staged

SEGMENT = 1448
ANYTHING = 4000 * 1024  # bytes a second that a path carries if nothing limits it


class Link:
    """A link of the wire, and about how many bytes a second TCP can send over it."""

    def __init__(self, draw):
        self.delay = int(math.exp(draw.uniform(0, math.log(100))))
        self.rate = int(math.exp(draw.uniform(math.log(100), math.log(4000))))
        self.queue = draw.choice((32, 64, 256))
        self.loss = draw.choice((0, 0, 1, 3))
        self.jitter = draw.choice((0, 0, self.delay // 4, self.delay // 2))

    def orders(self):
        return tuple(f"{key} {value}" for key, value in vars(self).items())

    def trip(self):
        """Seconds there and back."""
        return (2 * self.delay + self.jitter) / 1000

    def capacity(self):
        lossy = SEGMENT / self.trip() * 1.2 / math.sqrt(self.loss / 100) if self.loss else ANYTHING
        return min(self.rate * 1024, lossy, ANYTHING)

    def __str__(self):
        return " ".join(self.orders())


def _to_path(_draw, _link):
    return "path", HEAR, FLOOD


def _from_path(_draw, _link):
    return "path", FLOOD, HEAR


def _reader(draw, link):
    return "reading", f"hear read={int(link.capacity() * draw.uniform(0.02, 0.2) / 10)} rest=100", FLOOD


def _source(draw, link):
    """What it says at once is gone long before it says more."""
    piece = int(math.exp(draw.uniform(math.log(200), math.log(20000))))
    needs = link.trip() * max(1, math.log2(piece / SEGMENT)) + piece / link.capacity()
    return "sending", f"say send={piece} rest={int(1000 * min(1, max(0.05, needs * draw.uniform(4, 10))))}", HEAR


def _trips(_draw, _link):
    return "path", "say send=200 wait=200", "say wait=200 send=200"


KINDS = {"path to the sink": _to_path, "path from the source": _from_path, "slow reader": _reader,
         "trickling source": _source, "round trips": _trips}


def drawn(count, seed):
    """So many situations, the same for the same seed."""
    draw = random.Random(seed)
    for number in range(count):
        kind, side, link = draw.choice(list(KINDS)), draw.choice(SIDES), Link(draw)
        why, own, other = KINDS[kind](draw, link)
        yield staged(f"at random: {kind}", side, f"{number} of seed {seed}, {link}, {own}", why, link.orders(),
                     pair(side, own, other), draw.choice(CONTROLS))
