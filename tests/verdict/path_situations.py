"""The situations that need a path: a slow, lossy or long one, on either side."""

import time
from functools import partial

from stage import Pair, Situation
from wires import wired

SIDES = ("client", "target")
OTHER = {"client": "target", "target": "client"}
CONTROLS = ("cubic", "bbr")  # congestion control shows in what the kernel says of a path
FLOOD = "say send=65536"
HEAR = "hear read=65536"

# What continuous integration has time for.
PART = {
    "slow path to the sink: client, 2M a second, cubic",
    "slow path from the source: target, 500K a second, 20 ms",
    "slow reader behind a path: target, 500K a second, 100 ms, cubic",
    "trickling source behind a path: client, 16K every 100 ms, 20 ms",
    "weir's buffers on a long path: client, 64K to send",
    "round trips over a path: target, 50 ms",
    "peer that vanished: client, in full flow",
}

# Orders to a link of the wire. Times are one way, so a round trip takes twice as long.
SLOW = {
    "500K a second, 20 ms": ("delay 10", "rate 500"),
    "500K a second, 20 ms, a long queue": ("delay 10", "rate 500", "queue 512"),
    "2M a second": ("rate 2000",),
    "200K a second, 100 ms": ("delay 50", "rate 200"),
}
LOSSY = {
    "2 % lost, 20 ms": ("delay 10", "loss 2"),
    "5 % lost, 2 ms": ("delay 1", "loss 5", "rate 4000"),
    "1 % lost, 100 ms": ("delay 50", "loss 1", "rate 4000"),
    "2 % lost, 300K a second": ("delay 10", "loss 2", "rate 300"),
}
LONG = {
    "100 ms": ("delay 50", "rate 4000", "queue 512"),
    "200 ms": ("delay 100", "rate 2000", "queue 256"),
    "jitter and out of order": ("delay 20", "jitter 20", "late 10", "rate 4000"),
}
PATHS = {"slow path": SLOW, "lossy path": LOSSY, "long path": LONG}


def pair(side, own, other, *relay):
    """A pair in which that side plays its own part, and the other one the other."""
    return Pair(**{side: own, OTHER[side]: other}, relay=relay)


def staged(kind, side, name, why, links, of_pair, control="cubic", settle=8.0, **more):
    """
    A situation in which links lead to that side, or to the sides that they name. How a path is used in the first
    seconds, while TCP finds out about it, is over when the first dump is made.
    """
    links = links if isinstance(links, dict) else {side: links}
    truth = why if "/" in why else f"{side}/{why}"
    name = f"{side}, {name}"
    return Situation(kind, name, (truth,), of_pair, places=partial(wired, control, links),
                     part=f"{kind}: {name}" in PART, settle=settle, **more)


def paths_to():
    """The other side has always more for one that would take it all."""
    for side in SIDES:
        for kind, links in PATHS.items():
            for name, link in links.items():
                for control in CONTROLS:
                    yield staged(f"{kind} to the sink", side, f"{name}, {control}", "path", link,
                                 pair(side, HEAR, FLOOD), control)


def paths_from():
    """One has always more to say, and the other one would take it all."""
    for side in SIDES:
        for kind, links in PATHS.items():
            for name, link in links.items():
                yield staged(f"{kind} from the source", side, name, "path", link, pair(side, FLOOD, HEAR))


def readers():
    """Slow and stopped ones behind a path that could carry more."""
    lines = {
        "100K a second": "hear read=10000 rest=100",
        "500K a second": "hear read=50000 rest=100",
        "3M a second": "hear read=300000 rest=100",
    }
    links = {
        "2 ms": ("delay 1",),
        "20 ms": ("delay 10",),
        "100 ms": ("delay 50",),
    }
    for side in SIDES:
        for where, link in links.items():
            for name, line in lines.items():
                for control in CONTROLS if where == "100 ms" else CONTROLS[:1]:
                    yield staged("slow reader behind a path", side, f"{name}, {where}, {control}", "reading", link,
                                 pair(side, line, FLOOD), control)
        for name, link in {"and 1 % lost": ("delay 5", "loss 1"), "and 2M a second": ("delay 5", "rate 2000")}.items():
            yield staged("slow reader behind a path", side, f"100K a second {name}", "reading", link,
                         pair(side, lines["100K a second"], FLOOD))
        yield staged("slow reader behind a path", side, "buffer of 16K", "reading", ("delay 10",),
                     pair(side, f"rcvbuf=16384 {lines['100K a second']}", FLOOD))
        for where, link in links.items():
            yield staged("stopped reader behind a path", side, where, "reading", link, pair(side, "hear stop", FLOOD))


def sources():
    """Whoever speaks in pieces behind a path that could carry more."""
    pieces = {
        "16K every 100 ms": "say send=16384 rest=100",
        "1K every 200 ms": "say send=1000 rest=200",
        "64K every 300 ms": "say send=65536 rest=300",
    }
    links = {
        "20 ms": ("delay 10",),
        "100 ms": ("delay 50",),
        "1 % lost": ("delay 5", "loss 1"),
        "2M a second": ("delay 5", "rate 2000"),
    }
    for side in SIDES:
        for name, line in pieces.items():
            for where, link in links.items():
                yield staged("trickling source behind a path", side, f"{name}, {where}", "sending", link,
                             pair(side, line, HEAR))
        yield staged("trickling source behind a path", side, "1M every 2 s, 20 ms", "sending",
                     ("delay 10", "rate 8000", "queue 512"), pair(side, "say send=1000000 rest=1900", HEAR))


def round_trips():
    """Questions and answers: the path takes the time, or whoever rests does."""
    ask, answer = "say send=200 wait=200", "say wait=200 send=200"
    for side in SIDES:
        asked = {"client": (ask, answer), "target": (answer, ask)}[side]
        for ms in (10, 50, 200):
            yield staged("round trips over a path", side, f"{ms} ms", "path", (f"delay {ms // 2}",), pair(side, *asked))
        for ms in (10, 50):
            links = {side: (f"delay {ms // 2}",)}
            yield staged("thinking behind a path", side, f"{ms} ms", "client/thinking", links,
                         Pair("say rest=300 send=200 wait=200", answer))
            yield staged("slow answer behind a path", side, f"{ms} ms", "target/answer", links,
                         Pair(ask, "say wait=200 rest=300 send=200"))
        yield staged("large answers over a path", side, "200K", "path", ("delay 10", "rate 500"),
                     pair(side, "say send=200 wait=200000", "say wait=200 send=200000"))
        yield staged("large questions over a path", side, "200K", "path", ("delay 10", "rate 500"),
                     pair(side, "say send=200000 wait=200", "say wait=200000 send=200"))


def buffers():
    """Small buffers of weir's own on a path that could carry more, and other causes although they are small."""
    link = ("delay 50",)
    for side in SIDES:
        for size in ("16K", "64K"):
            yield staged("weir's buffers on a long path", side, f"{size} to send", "relay/buffer", link,
                         pair(side, HEAR, FLOOD, f"{side}_sndbuf = {size}"))
            yield staged("weir's buffers on a long path", side, f"{size} to receive", "relay/buffer", link,
                         pair(side, FLOOD, HEAR, f"{side}_rcvbuf = {size}"))
        small = (f"{side}_sndbuf = 64K", f"{side}_rcvbuf = 64K")
        yield staged("small buffers, another cause", side, "slow reader", "reading", link,
                     pair(side, "hear read=10000 rest=100", FLOOD, *small))
        yield staged("small buffers, another cause", side, "slow path", "path", ("delay 20", "rate 100"),
                     pair(side, HEAR, FLOOD, *small))
        yield staged("small buffers, another cause", side, "trickling source", "sending", link,
                     pair(side, "say send=2000 rest=100", HEAR, *small))
        yield staged("small buffers, another cause", side, "lossy path", "path", ("delay 5", "loss 5"),
                     pair(side, HEAR, FLOOD, *small))


def both_ways():
    """More than one thing on the path at once, or a path on either side."""
    slow, long = ("delay 5", "rate 500"), ("delay 25",)
    both = f"{FLOOD} {HEAR}"
    for side in SIDES:
        other = OTHER[side]
        yield staged("both ways over a path", side, "full speed", "path", slow, pair(side, both, both))
        yield staged("both ways over a path", side, "a slow reader that sends", "reading", ("delay 5", "rate 4000"),
                     pair(side, f"{FLOOD} hear read=10000 rest=100", both))
        yield staged("a path on either side", side, "slow to the sink", "path", {side: slow, other: long},
                     pair(side, HEAR, FLOOD))
        yield staged("a path on either side", side, "slow from the source", "path", {side: slow, other: long},
                     pair(side, FLOOD, HEAR))
        yield staged("a path on either side", side, "slow reader", "reading", {side: long, other: long},
                     pair(side, "hear read=10000 rest=100", FLOOD))


def two_parts():
    """A reader behind a slow path stops only after the dumps, so the path was waited for longer."""
    for side in SIDES:
        yield staged("a life of two parts", side, "a slow path, then it stops", "path", ("delay 10", "rate 500"),
                     pair(side, "hear read=5500000 loop stop", FLOOD), lasts=4.5)


def _link_down(side, stage):
    time.sleep(1)
    stage.places.order(side, "down 1")


def _is_away(_client, _target):
    """A link that is down is the truth, whatever the actors wait for."""
    return "between"


def vanished():
    """The link to a peer that owes an answer is down."""
    lines = {
        "in full flow": (HEAR, FLOOD),
        "while it rests": ("hear stop", FLOOD),
        "among small messages": (HEAR, "say send=100 rest=100"),
    }
    for side in SIDES:
        for name, (own, other) in lines.items():
            yield staged("peer that vanished", side, name, "unanswered", ("delay 5",), pair(side, own, other),
                         settle=9.0, during=partial(_link_down, side), measured=_is_away)
    yield staged("peer that vanished", "target", "after a question", "unanswered", ("delay 5",),
                 Pair("say rest=500 send=200 wait=200", "say wait=200 send=200"),
                 settle=9.0, during=partial(_link_down, "target"), measured=_is_away)


def everything():
    """All situations, by class."""
    for of_class in (paths_to, paths_from, readers, sources, round_trips, buffers, both_ways, two_parts, vanished):
        yield from of_class()
