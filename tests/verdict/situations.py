"""The situations that need no path: every class, on either side, with other settings."""

from stage import Pair, Situation

REST = 3600 * 1000  # ms: for good
SIDES = ("client", "target")
OTHER = {"client": "target", "target": "client"}


def pair(side, own, other, **more):
    """A pair in which that side plays its own part, and the other one the other."""
    return Pair(**{side: own, OTHER[side]: other}, **more)


def slow_readers():
    for side in SIDES:
        for rate, name in ((20000, "200K a second"), (200000, "2M a second")):
            yield Situation("slow reader", f"{side}, {name}", (f"{side}/reading",),
                            pair(side, f"hear read={rate} rest=100", "say send=65536"))


def thinking():
    for rest in (100, 500):
        yield Situation("client thinks", f"{rest} ms", ("client/thinking",),
                        Pair(f"say rest={rest} send=100 wait=1000", "say wait=100 send=1000"))


def answers():
    for rest in (100, 500):
        yield Situation("slow answer", f"{rest} ms", ("target/answer",),
                        Pair("say send=100 wait=1000", f"say wait=100 rest={rest} send=1000"))


def everything():
    """All situations, by class."""
    for of_class in (slow_readers, thinking, answers):
        yield from of_class()
